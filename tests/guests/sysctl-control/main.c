/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do the sysctls that tools set and look at things with do so, and refuse bad arguments?
 *
 * The ABI: the credit scheduler's parameters in their limits (XEN_SYSCTL_CSCHED_*, ratelimit not
 * above the time slice, else -EINVAL), of pool 0 (else -ESRCH); pool 0 has all CPUs and is what
 * XEN_SYSCTL_CPUPOOL_OP_INFO finds from number 0 on (else -ENOENT); idle states of online CPUs;
 * idle time grows; availheap by node and width; readconsole goes on at its index and clears. What
 * only some hypervisors have (frequencies, more pools) is not asked here.
 */
#include <guest.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>

static struct xen_sysctl op;

static long call(uint32_t cmd)
{
    op.cmd = cmd;
    op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hc_sysctl(&op);
}

/* --- credit --- */

static struct xen_sysctl_credit_schedule *params = &op.u.scheduler_op.u.sched_credit;

static long credit(uint32_t cmd, uint32_t pool)
{
    op.u.scheduler_op.cmd = cmd;
    op.u.scheduler_op.cpupool_id = pool;
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT;
    return call(XEN_SYSCTL_scheduler_op);
}

static long set_credit(unsigned int slice, unsigned int limit)
{
    params->tslice_ms = slice;
    params->ratelimit_us = limit;
    params->vcpu_migr_delay_us = 0;
    return credit(XEN_SYSCTL_SCHEDOP_putinfo, 0);
}

static void scheduler(void)
{
    uint32_t slice, limit;

    memset(&op, 0, sizeof(op));
    expect(call(XEN_SYSCTL_sched_id), 0);
    require(op.u.sched_id.sched_id, XEN_SCHEDULER_CREDIT);
    memset(&op, 0, sizeof(op));
    expect(credit(XEN_SYSCTL_SCHEDOP_getinfo, 0), 0);
    slice = params->tslice_ms;
    limit = params->ratelimit_us;
    check(slice >= 1 && slice <= 1000, "time slice %u ms", slice);
    expect(set_credit(10, 500), 0);
    memset(params, 0, sizeof(*params));
    expect(credit(XEN_SYSCTL_SCHEDOP_getinfo, 0), 0);
    expect(params->tslice_ms, 10);
    expect(params->ratelimit_us, 500);
    expect(set_credit(0, 500), -XEN_EINVAL);
    expect(set_credit(XEN_SYSCTL_CSCHED_TSLICE_MAX + 1, 500), -XEN_EINVAL);
    expect(set_credit(10, XEN_SYSCTL_SCHED_RATELIMIT_MIN - 1), -XEN_EINVAL);
    expect(set_credit(1000, XEN_SYSCTL_SCHED_RATELIMIT_MAX + 1), -XEN_EINVAL);
    expect(set_credit(10, 10001), -XEN_EINVAL);
    expect(set_credit(slice, limit), 0);
    expect(credit(XEN_SYSCTL_SCHEDOP_getinfo, 1), -XEN_ESRCH);
    expect(credit(2, 0), -XEN_EINVAL);
    expect(credit(2, 1), -XEN_EINVAL);
    op.u.scheduler_op.cmd = XEN_SYSCTL_SCHEDOP_getinfo;
    op.u.scheduler_op.cpupool_id = 0;
    op.u.scheduler_op.sched_id = XEN_SCHEDULER_RTDS;
    expect(call(XEN_SYSCTL_scheduler_op), -XEN_EINVAL);
}

/* --- one domain's share --- */

static struct xen_domctl dom;

static long share(uint32_t cmd, domid_t id, uint32_t sched)
{
    dom.cmd = XEN_DOMCTL_scheduler_op;
    dom.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    dom.domain = id;
    dom.u.scheduler_op.cmd = cmd;
    dom.u.scheduler_op.sched_id = sched;
    return hc_domctl(&dom);
}

static void shares(void)
{
    struct xen_domctl_sched_credit *c = &dom.u.scheduler_op.u.credit;

    memset(&dom, 0, sizeof(dom));
    expect(share(XEN_DOMCTL_SCHEDOP_getinfo, 0, XEN_SCHEDULER_CREDIT), 0);
    expect(c->weight, 256);
    expect(c->cap, 0);
    c->weight = 512;
    c->cap = 150;
    expect(share(XEN_DOMCTL_SCHEDOP_putinfo, 0, XEN_SCHEDULER_CREDIT), 0);
    /* Weight 0 and cap 0xffff: as it was. */
    c->weight = 0;
    c->cap = 0xffff;
    expect(share(XEN_DOMCTL_SCHEDOP_putinfo, 0, XEN_SCHEDULER_CREDIT), 0);
    memset(c, 0, sizeof(*c));
    expect(share(XEN_DOMCTL_SCHEDOP_getinfo, 0, XEN_SCHEDULER_CREDIT), 0);
    expect(c->weight, 512);
    expect(c->cap, 150);
    c->weight = 256;
    c->cap = 0;
    expect(share(XEN_DOMCTL_SCHEDOP_putinfo, 0, XEN_SCHEDULER_CREDIT), 0);
    expect(share(XEN_DOMCTL_SCHEDOP_getinfo, 0, XEN_SCHEDULER_ARINC653), -XEN_EINVAL);
    expect(share(XEN_DOMCTL_SCHEDOP_getvcpuinfo, 0, XEN_SCHEDULER_CREDIT), -XEN_EINVAL);
    expect(share(77, 0, XEN_SCHEDULER_CREDIT), -XEN_EINVAL);
    expect(share(XEN_DOMCTL_SCHEDOP_getinfo, 0x7000, XEN_SCHEDULER_CREDIT), -XEN_ESRCH);
}

/* --- pools --- */

static struct xen_sysctl_cpupool_op *pool = &op.u.cpupool_op;

static long pool_call(uint32_t cmd, uint32_t id)
{
    static uint8_t map[8];

    memset(&op, 0, sizeof(op));
    pool->op = cmd;
    pool->cpupool_id = id;
    set_xen_guest_handle(pool->cpumap.bitmap, map);
    pool->cpumap.nr_bits = 64;
    memset(map, 0xff, sizeof(map));
    return call(XEN_SYSCTL_cpupool_op);
}

static void pools(void)
{
    uint8_t *map;

    expect(pool_call(XEN_SYSCTL_CPUPOOL_OP_INFO, 0), 0);
    map = pool->cpumap.bitmap.p;
    expect(pool->cpupool_id, 0);
    expect(pool->sched_id, XEN_SCHEDULER_CREDIT);
    expect(pool->n_dom, 1);
    expect(map[0], 3);
    expect(map[1], 0);
    expect(map[7], 0);
    expect(pool_call(XEN_SYSCTL_CPUPOOL_OP_INFO, 1), -XEN_ENOENT);
    expect(pool_call(XEN_SYSCTL_CPUPOOL_OP_INFO, XEN_SYSCTL_CPUPOOL_PAR_ANY), -XEN_ENOENT);
    expect(pool_call(XEN_SYSCTL_CPUPOOL_OP_FREEINFO, 0), 0);
    expect(map[0], 0);
    expect(pool_call(XEN_SYSCTL_CPUPOOL_OP_DESTROY, 0), -XEN_EBUSY);
    expect(pool_call(XEN_SYSCTL_CPUPOOL_OP_DESTROY, 7), -XEN_ENOENT);
    expect(pool_call(XEN_SYSCTL_CPUPOOL_OP_ADDCPU, 7), -XEN_ENOENT);
    expect(pool_call(XEN_SYSCTL_CPUPOOL_OP_ADDCPU, 0), -XEN_ENODEV);
    pool->cpu = XEN_SYSCTL_CPUPOOL_PAR_ANY;
    expect(call(XEN_SYSCTL_cpupool_op), -XEN_ENODEV);
    pool->cpu = 1000;
    expect(call(XEN_SYSCTL_cpupool_op), -XEN_EINVAL);
    expect(pool_call(XEN_SYSCTL_CPUPOOL_OP_RMCPU, 7), -XEN_ENOENT);
    expect(pool_call(XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN, 7), -XEN_EPERM);
    pool->domid = 0x7000;
    expect(call(XEN_SYSCTL_cpupool_op), -XEN_ESRCH);
    expect(pool_call(99, 0), -XEN_ENOSYS);
    expect(pool_call(XEN_SYSCTL_CPUPOOL_OP_INFO, 0), 0);
    set_xen_guest_handle(pool->cpumap.bitmap, (void *)0x1000);
    pool->cpupool_id = 0;
    expect(call(XEN_SYSCTL_cpupool_op), -XEN_EFAULT);
}

/* --- idle states --- */

static long pm(uint32_t type, uint32_t cpu)
{
    op.u.get_pmstat.type = type;
    op.u.get_pmstat.cpuid = cpu;
    return call(XEN_SYSCTL_get_pmstat);
}

static void idle_states(void)
{
    static uint64_t triggers[8], times[8];
    struct pm_cx_stat *s = &op.u.get_pmstat.u.getcx;

    memset(&op, 0, sizeof(op));
    expect(pm(PMSTAT_get_max_cx, 0), 0);
    check(s->nr >= 2 && s->nr <= 8, "%u idle states", s->nr);
    memset(&op, 0, sizeof(op));
    s->nr = 8;
    set_xen_guest_handle(s->triggers, triggers);
    set_xen_guest_handle(s->residencies, times);
    expect(pm(PMSTAT_get_cxstat, 1), 0);
    check(s->nr >= 2 && times[1] > 0 && times[1] <= now_ns(), "%lu ns in C1 of %u states", times[1],
          s->nr);
    check(triggers[1] > 0, "CPU 1 was never in C1");
    set_xen_guest_handle(s->triggers, (void *)0x1000);
    s->nr = 2;
    expect(pm(PMSTAT_get_cxstat, 1), -XEN_EFAULT);
    expect(pm(PMSTAT_get_max_cx, 2), -XEN_EINVAL);
    expect(pm(PMSTAT_get_max_cx, ~0u), -XEN_EINVAL);
    expect(pm(0x30, 0), -XEN_ENODEV);
    check(pm(PMSTAT_get_max_px, 0) < 0, "there are frequencies");
}

static void power(void)
{
    memset(&op, 0, sizeof(op));
    op.u.pm_op.cmd = XEN_SYSCTL_pm_op_get_max_cstate;
    expect(call(XEN_SYSCTL_pm_op), 0);
    check(op.u.pm_op.u.get_max_cstate >= 1, "no idle state");
    op.u.pm_op.cpuid = 2;
    expect(call(XEN_SYSCTL_pm_op), -XEN_EINVAL);
    op.u.pm_op.cmd = XEN_SYSCTL_pm_op_set_max_cstate;
    expect(call(XEN_SYSCTL_pm_op), -XEN_EINVAL);
    op.u.pm_op.cpuid = 0;
    op.u.pm_op.u.set_max_cstate = XEN_SYSCTL_CX_UNLIMITED;
    expect(call(XEN_SYSCTL_pm_op), 0);
    op.u.pm_op.cmd = XEN_SYSCTL_pm_op_disable_turbo + 9;
    expect(call(XEN_SYSCTL_pm_op), -XEN_ENOSYS);
    op.u.pm_op.cpuid = 77;
    expect(call(XEN_SYSCTL_pm_op), -XEN_EINVAL);
}

static void idle_time(void)
{
    static xen_sysctl_cpuinfo_t info[8];
    uint64_t before;

    memset(&op, 0, sizeof(op));
    op.u.getcpuinfo.max_cpus = 8;
    set_xen_guest_handle(op.u.getcpuinfo.info, info);
    expect(call(XEN_SYSCTL_getcpuinfo), 0);
    expect(op.u.getcpuinfo.nr_cpus, 2);
    before = info[1].idletime;
    spin_ns(20 * NS_PER_MS);
    expect(call(XEN_SYSCTL_getcpuinfo), 0);
    check(info[1].idletime > before, "CPU 1 does not idle");
    check(info[0].idletime + info[1].idletime < 2 * now_ns(), "more idle time than time");
    op.u.getcpuinfo.max_cpus = 1;
    expect(call(XEN_SYSCTL_getcpuinfo), 0);
    expect(op.u.getcpuinfo.nr_cpus, 1);
    set_xen_guest_handle(op.u.getcpuinfo.info, (void *)0x1000);
    expect(call(XEN_SYSCTL_getcpuinfo), -XEN_EFAULT);
}

/* --- memory --- */

static uint64_t avail(uint32_t min, uint32_t max, int32_t node)
{
    memset(&op, 0, sizeof(op));
    op.u.availheap.min_bitwidth = min;
    op.u.availheap.max_bitwidth = max;
    op.u.availheap.node = node;
    expect(call(XEN_SYSCTL_availheap), 0);
    return op.u.availheap.avail_bytes;
}

static void free_memory(void)
{
    uint64_t all = avail(0, 0, -1), free;

    memset(&op, 0, sizeof(op));
    expect(call(XEN_SYSCTL_physinfo), 0);
    free = op.u.physinfo.free_pages << PAGE_SHIFT;
    check(all >= free - (1 << 20) && all <= free + (1 << 20), "%lu bytes, physinfo: %lu", all,
          free);
    check(avail(0, 0, 0) == all, "node 0 has not all of it");
    check(avail(0, 32, -1) == all && avail(32, 0, -1) == 0, "memory above 4 GiB");
    check(avail(0, 24, -1) < all, "all memory is below 16 MiB");
}

/* --- the log --- */

static char text[32768];

static uint32_t read_log(uint32_t index, bool incremental, bool clear)
{
    memset(&op, 0, sizeof(op));
    set_xen_guest_handle(op.u.readconsole.buffer, text);
    op.u.readconsole.count = sizeof(text);
    op.u.readconsole.index = index;
    op.u.readconsole.incremental = incremental;
    op.u.readconsole.clear = clear;
    expect(call(XEN_SYSCTL_readconsole), 0);
    return op.u.readconsole.count;
}

/* A debug key that prints at least its own name. */
static void make_log(void)
{
    static char key[] = "h";

    memset(&op, 0, sizeof(op));
    set_xen_guest_handle(op.u.debug_keys.keys, key);
    op.u.debug_keys.nr_keys = 1;
    expect(call(XEN_SYSCTL_debug_keys), 0);
}

static void log_reading(void)
{
    uint32_t first = read_log(0, false, false), index = op.u.readconsole.index;

    check(first > 200, "the log has %u bytes", first);
    expect(read_log(index, true, false), 0);
    expect(op.u.readconsole.index, index);
    make_log();
    check(read_log(index, true, false) > 20, "nothing new after %u", index);
    check(read_log(0, false, true) > first, "the log has shrunk");
    check(read_log(0, false, false) == 0, "the log is not cleared");
    make_log();
    check(read_log(0, false, false) > 20, "nothing is logged any more");
}

void test_main(void)
{
    scheduler();
    shares();
    pools();
    idle_states();
    power();
    idle_time();
    free_memory();
    log_reading();
}
