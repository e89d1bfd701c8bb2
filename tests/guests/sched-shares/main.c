/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does the credit scheduler share a processor by weight, hold a domain to its cap, and keep no
 * processor idle while a vCPU waits for another?
 *
 * Domains burn time; what they got is read by getdomaininfo over two seconds. On one processor,
 * weights 1:3 must give about 1:3 (credit divides the whole machine, so a third domain holds the
 * other processor by its weight); a cap of 25 % holds with the processor otherwise idle; and when
 * two may run anywhere, both processors are used.
 */
#include <guest.h>
#include <domain.h>

#define SECONDS 2
#define BOTH 3
#define TRIES 3

#define NR 3

static struct domain burner[NR];
static struct xen_domctl op;

static void child(void)
{
    for (;;)
        asm volatile("pause");
}

static long call(uint32_t cmd, unsigned int n)
{
    op.cmd = cmd;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = burner[n].id;
    return hc_domctl(&op);
}

static void place(unsigned int n, uint8_t cpus)
{
    static uint8_t map[8];

    memset(&op, 0, sizeof(op));
    map[0] = cpus;
    op.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
    set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, map);
    op.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
    require(call(XEN_DOMCTL_setvcpuaffinity, n), 0);
}

static long share(unsigned int n, uint16_t weight, uint16_t cap)
{
    memset(&op, 0, sizeof(op));
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT;
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    op.u.scheduler_op.u.credit.weight = weight;
    op.u.scheduler_op.u.credit.cap = cap;
    return call(XEN_DOMCTL_scheduler_op, n);
}

static uint64_t cpu_time(unsigned int n)
{
    memset(&op, 0, sizeof(op));
    require(call(XEN_DOMCTL_getdomaininfo, n), 0);
    return op.u.getdomaininfo.cpu_time;
}

/* Percent of one processor that each got in the next SECONDS, after half a second to settle. */
static void measure(const char *what, unsigned long percent[2])
{
    struct sched_poll sleep = { .timeout = now_ns() + NS_PER_SEC / 2 };
    uint64_t before[2], start;
    unsigned int i;

    hc_sched_op(SCHEDOP_poll, &sleep);
    start = now_ns();
    for (i = 0; i < 2; i++)
        before[i] = cpu_time(i);
    sleep.timeout = start + SECONDS * NS_PER_SEC;
    hc_sched_op(SCHEDOP_poll, &sleep);
    for (i = 0; i < 2; i++)
        percent[i] = (cpu_time(i) - before[i]) * 100 / (now_ns() - start);
    printf("%s: %lu %% and %lu %%\n", what, percent[0], percent[1]);
}

static bool about_1_to_3(const unsigned long percent[2])
{
    return percent[0] >= 20 && percent[0] <= 32 && percent[1] >= 66;
}

static void parameters(void)
{
    expect(share(0, 512, 50), 0);
    memset(&op, 0, sizeof(op));
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT;
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    expect(call(XEN_DOMCTL_scheduler_op, 0), 0);
    expect(op.u.scheduler_op.u.credit.weight, 512);
    expect(op.u.scheduler_op.u.credit.cap, 50);
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_RTDS;
    expect(call(XEN_DOMCTL_scheduler_op, 0), -XEN_EINVAL);
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT;
    op.u.scheduler_op.cmd = 99;
    check(call(XEN_DOMCTL_scheduler_op, 0) < 0, "an unknown scheduler command");
}

static void begin(unsigned int n)
{
    const struct pack_entry *e = pack_entry(0);
    const char *step;
    long error = domain_create(&burner[n], (domid_t)(n + 1), pack_file(e), e->length, "", 1024, 1,
                               &step);

    if (error)
        report_error("domain %u: %s gave %ld", n + 1, step, error);
    place(n, n == 2 ? 1 : 2);
    require(domain_unpause(&burner[n]), 0);
}

void test_main(void)
{
    unsigned long got[2] = { 0, 0 };
    unsigned int i;

    if (!is_dom0()) {
        child();
        return;
    }
    for (i = 0; i < NR; i++)
        begin(i);
    parameters();

    require(share(0, 256, 0), 0);
    require(share(1, 768, 0), 0);
    require(share(2, 1024, 0), 0);
    /* A busy computer that holds a processor back while Xen looks whom to charge moves the shares:
       once is enough. */
    for (i = 0; i < TRIES && !about_1_to_3(got); i++)
        measure("weights 1:3 on one processor", got);
    check(about_1_to_3(got), "weights 1:3 got %lu %% and %lu %%", got[0], got[1]);
    expect(domain_destroy(&burner[2]), 0);
    require(share(1, 256, 0), 0);
    place(0, BOTH);
    place(1, BOTH);
    measure("free on two processors", got);
    check(got[0] >= 90 && got[1] >= 90, "two free vCPUs on two processors got %lu %% and %lu %%",
          got[0], got[1]);

    require(share(0, 256, 25), 0);
    measure("cap 25 %", got);
    check(got[0] >= 13 && got[0] <= 29, "a cap of 25 %% gave %lu %%", got[0]);
    check(got[1] >= 90, "the other one got %lu %%", got[1]);

    require(share(0, 256, 0), 0);
    measure("no cap any more", got);
    check(got[0] >= 90, "without cap again: %lu %%", got[0]);
    expect(domain_destroy(&burner[0]), 0);
    expect(domain_destroy(&burner[1]), 0);
}
