/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do weights, caps and affinity hold exactly? Two domains that are never idle are pinned to CPU 1.
 * By weights of 256 and 512 their CPU seconds are 1:2 within 3 %, with domain 0 idle and with
 * domain 0 busy on the same CPU; a cap of 25 % holds within 2 points; a pinned vCPU is never seen
 * on another CPU. seconds=N on the command line is how long each measurement takes: 60 in
 * sched-balance-long; in short ones a time slice is a larger part, so twice as much is let pass.
 *
 * Xen's credit divides the whole machine among all vCPUs: there the figures are printed and only
 * affinity is asked for.
 */
#include <guest.h>
#include <domain.h>

#define PINNED_CPU 1
#define TRIES 3

static struct domain burner[2];
static struct xen_domctl op;
static unsigned long seconds;
static unsigned int strays;

static long call(uint32_t cmd, domid_t id)
{
    op.cmd = cmd;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = id;
    return hc_domctl(&op);
}

static void place(domid_t id, uint8_t cpus)
{
    static uint8_t map[8];

    memset(&op, 0, sizeof(op));
    map[0] = cpus;
    op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
    set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, map);
    op.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
    require(call(XEN_DOMCTL_setvcpuaffinity, id), 0);
}

static void share(unsigned int n, uint16_t weight, uint16_t cap)
{
    memset(&op, 0, sizeof(op));
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT;
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    op.u.scheduler_op.u.credit.weight = weight;
    op.u.scheduler_op.u.credit.cap = cap;
    require(call(XEN_DOMCTL_scheduler_op, burner[n].id), 0);
}

static uint64_t cpu_time(unsigned int n)
{
    memset(&op, 0, sizeof(op));
    require(call(XEN_DOMCTL_getdomaininfo, burner[n].id), 0);
    return op.u.getdomaininfo.cpu_time;
}

static void look_where(unsigned int n)
{
    memset(&op, 0, sizeof(op));
    require(call(XEN_DOMCTL_getvcpuinfo, burner[n].id), 0);
    strays += op.u.getvcpuinfo.cpu != PINNED_CPU;
}

/* Until then; the places of the vCPUs are looked at every 10 ms. */
static void pass_time(uint64_t until, bool busy)
{
    while (now_ns() < until) {
        struct sched_poll sleep = { .timeout = now_ns() + 10 * NS_PER_MS };

        if (busy)
            spin_ns(10 * NS_PER_MS);
        else
            hc_sched_op(SCHEDOP_poll, &sleep);
        look_where(0);
        look_where(1);
    }
}

/* Thousandths of one processor that each got. */
static void measure(const char *what, bool busy, unsigned long got[2])
{
    uint64_t before[2], start;
    unsigned int i;

    pass_time(now_ns() + NS_PER_SEC, busy);
    start = now_ns();
    for (i = 0; i < 2; i++)
        before[i] = cpu_time(i);
    pass_time(start + seconds * NS_PER_SEC, busy);
    for (i = 0; i < 2; i++)
        got[i] = (cpu_time(i) - before[i]) * 1000 / (now_ns() - start);
    printf("%s: %lu and %lu thousandths, 1:%lu.%03lu\n", what, got[0], got[1],
           got[1] / (got[0] | 1), got[1] * 1000 / (got[0] | 1) % 1000);
}

/* A computer that holds a processor back moves short measurements: once is enough. */
static void weights(const char *what, bool busy, unsigned long slack)
{
    unsigned long got[2] = { 0, 0 };
    bool good = false;
    unsigned int i;

    for (i = 0; i < TRIES && !good; i++) {
        measure(what, busy, got);
        good = got[1] * 100 >= got[0] * 2 * (100 - slack) &&
               got[1] * 100 <= got[0] * 2 * (100 + slack);
    }
    check(good || !is_hospes(), "%s: %lu and %lu thousandths", what, got[0], got[1]);
}

static void cap(unsigned long slack)
{
    unsigned long got[2] = { 0, 0 };
    bool good = false;
    unsigned int i;

    share(0, 256, 25);
    for (i = 0; i < TRIES && !good; i++) {
        measure("cap of 25", false, got);
        good = got[0] >= 250 - slack && got[0] <= 250 + slack;
    }
    check(good || !is_hospes(), "a cap of 25 gave %lu thousandths", got[0]);
}

static void begin(unsigned int n)
{
    const struct pack_entry *e = pack_entry(0);
    const char *step;
    long error = domain_create(&burner[n], (domid_t)(n + 1), pack_file(e), e->length, "", 1024, 1,
                               &step);

    if (error)
        report_error("domain %u: %s gave %ld", n + 1, step, error);
    place(burner[n].id, 1 << PINNED_CPU);
    require(domain_unpause(&burner[n]), 0);
}

void test_main(void)
{
    unsigned long slack;

    while (!is_dom0())
        asm volatile("pause");
    seconds = line_number(command_line(), "seconds", 4);
    slack = seconds >= 60 ? 1 : 2;
    begin(0);
    begin(1);
    share(0, 256, 0);
    share(1, 512, 0);
    weights("domain 0 idle", false, 3 * slack);
    place(0, 1 << PINNED_CPU);
    weights("domain 0 busy", true, 3 * slack);
    place(0, 1 << 0);
    cap(20 * slack);
    check(!strays, "a pinned vCPU was seen on another CPU %u times", strays);
    expect(domain_destroy(&burner[0]), 0);
    expect(domain_destroy(&burner[1]), 0);
}
