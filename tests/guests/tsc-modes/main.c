/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does a domain's TSC follow its mode: emulated at the rate that was set, or the machine's own?
 *
 * The toolstack sets the mode before the domain runs. Emulated, the counter starts near zero and
 * advances at the rate given by the system clock's measure, in kernel and user mode, and
 * never goes back; not emulated it has the machine's rate. Time in the shared info must agree with
 * system time in both, or now_ns() would be wrong.
 */
#include <guest.h>
#include <domain.h>
#include <xen/arch-x86/cpuid.h>
#include <xen/sysctl.h>

#define MODE_DEFAULT 0
#define MODE_EMULATE 1
#define MODE_NATIVE 2
#define KHZ 1100000u

static struct domain domain;
static struct xen_domctl op;

static long user_rdtsc(void *unused)
{
    (void)unused;
    return (long)rdtsc();
}

/* In the domain. khz: the rate that is right; fresh: the counter began with the domain. */
static void child(void)
{
    unsigned long khz = line_number(command_line(), "khz", 0), rate;
    struct vcpu_runstate_info run;
    uint64_t tsc = rdtsc(), start = now_ns(), last = tsc, user;
    unsigned int i;

    if (line_number(command_line(), "fresh", 0))
        check(tsc / (khz * 1000) < 20, "the counter began at %lu s", tsc / (khz * 1000));
    for (i = 0; i < 1000; i++) {
        uint64_t now = rdtsc();

        check(now >= last, "RDTSC went from %lu to %lu", last, now);
        last = now;
    }
    user = (uint64_t)user_call(user_rdtsc, NULL);
    check(user >= last && user <= rdtsc(), "user mode sees %lu between %lu and %lu", user, last,
          rdtsc());
    /* The hypervisor's own idea of system time, not by way of the TSC. */
    hc_sched_op(SCHEDOP_yield, NULL);
    expect(hc_vcpu_op(VCPUOP_get_runstate_info, 0, &run), 0);
    check(now_ns() - run.state_entry_time < NS_PER_SEC, "it is %lu ns, but it ran since %lu",
          now_ns(), run.state_entry_time);
    spin_ns(300 * NS_PER_MS);
    rate = (rdtsc() - tsc) * 1000000 / (now_ns() - start);
    check(rate > khz - khz / 20 && rate < khz + khz / 20, "%lu kHz, not %lu", rate, khz);
}

static long tsc_call(uint32_t cmd, uint32_t mode, uint32_t khz)
{
    memset(&op, 0, sizeof(op));
    op.cmd = cmd;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = domain.id;
    op.u.tsc_info.tsc_mode = mode;
    op.u.tsc_info.gtsc_khz = khz;
    return hc_domctl(&op);
}

static unsigned int machine_khz(void)
{
    static struct xen_sysctl sys = {
        .cmd = XEN_SYSCTL_physinfo, .interface_version = XEN_SYSCTL_INTERFACE_VERSION,
    };

    require(hc_sysctl(&sys), 0);
    return sys.u.physinfo.cpu_khz;
}

static void live(uint32_t mode, uint32_t khz)
{
    const struct pack_entry *e = pack_entry(0);
    char command[64];
    const char *step;
    long error;

    snprintf(command, sizeof(command), "khz=%u fresh=%u", khz, mode == MODE_EMULATE);
    error = domain_create(&domain, 1, pack_file(e), e->length, command, 1024, 1, &step);
    if (error)
        report_error("%s gave %ld", step, error);
    expect(tsc_call(XEN_DOMCTL_settscinfo, mode, khz), 0);
    expect(tsc_call(XEN_DOMCTL_gettscinfo, 99, 0), 0);
    expect(op.u.tsc_info.tsc_mode, mode);
    if (mode == MODE_EMULATE) {
        expect(op.u.tsc_info.gtsc_khz, khz);
        check(op.u.tsc_info.elapsed_nsec < NS_PER_SEC, "%lu ns have passed already",
              op.u.tsc_info.elapsed_nsec);
    }
    require(domain_unpause(&domain), 0);
    check(domain_wait_shutdown(&domain, 10000), "mode %u: the domain is still running", mode);
    check(!strcmp(domain_outcome(&domain), "success"), "mode %u: %s", mode,
          domain_outcome(&domain));
    expect(domain_destroy(&domain), 0);
}

void test_main(void)
{
    const struct pack_entry *e = pack_entry(0);
    const char *step;

    if (!is_dom0()) {
        child();
        return;
    }
    live(MODE_EMULATE, KHZ);
    live(MODE_EMULATE, 3 * KHZ);
    live(MODE_NATIVE, machine_khz());
    live(MODE_DEFAULT, machine_khz());
    require(domain_create(&domain, 1, pack_file(e), e->length, "", 1024, 1, &step), 0);
    check(tsc_call(XEN_DOMCTL_settscinfo, 17, KHZ) < 0, "an unknown mode");
    expect(domain_destroy(&domain), 0);
    domain.id = 0;
    check(tsc_call(XEN_DOMCTL_settscinfo, MODE_EMULATE, KHZ) < 0, "domain 0 sets its own");
}
