/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does dom0_vcpus_pin give each vCPU its own processor, and does affinity decide where a vCPU runs?
 *
 * getvcpuaffinity must show one processor per vCPU, and getvcpuinfo the vCPU on it. After
 * setvcpuaffinity a running vCPU moves there and goes on; with both on one processor both still get
 * their share. An empty set, unknown flags and vCPUs are refused; what is asked for and impossible
 * is cut from the set.
 */
#include <guest.h>
#include <xen/domctl.h>

static struct xen_domctl op;
static uint8_t map[8];

static volatile unsigned long turns;
static volatile bool stop;

static void spin(void *unused)
{
    (void)unused;
    while (!stop)
        turns++;
}

static long affinity(uint32_t cmd, unsigned int vcpu, uint32_t flags)
{
    memset(&op, 0, sizeof(op));
    op.cmd = cmd;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = 0;
    op.u.vcpuaffinity.vcpu = vcpu;
    op.u.vcpuaffinity.flags = flags;
    set_xen_guest_handle(op.u.vcpuaffinity.cpumap_hard.bitmap, map);
    op.u.vcpuaffinity.cpumap_hard.nr_bits = 64;
    set_xen_guest_handle(op.u.vcpuaffinity.cpumap_soft.bitmap, map);
    op.u.vcpuaffinity.cpumap_soft.nr_bits = 64;
    return hc_domctl(&op);
}

static unsigned int hard(unsigned int vcpu)
{
    memset(map, 0, sizeof(map));
    expect(affinity(XEN_DOMCTL_getvcpuaffinity, vcpu, XEN_VCPUAFFINITY_HARD), 0);
    return map[0];
}

static long set_hard(unsigned int vcpu, unsigned int cpus)
{
    memset(map, 0, sizeof(map));
    map[0] = (uint8_t)cpus;
    return affinity(XEN_DOMCTL_setvcpuaffinity, vcpu, XEN_VCPUAFFINITY_HARD);
}

static unsigned int processor(unsigned int vcpu)
{
    memset(&op, 0, sizeof(op));
    op.cmd = XEN_DOMCTL_getvcpuinfo;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.u.getvcpuinfo.vcpu = vcpu;
    expect(hc_domctl(&op), 0);
    return op.u.getvcpuinfo.cpu;
}

static bool runs_on(unsigned int vcpu, unsigned int cpu)
{
    unsigned long before = turns;

    return wait_until(processor(vcpu) == cpu, 2000) && wait_until(turns != before, 2000) &&
           processor(vcpu) == cpu;
}

static void moves(void)
{
    expect(set_hard(1, 1), 0);
    check(runs_on(1, 0), "vCPU 1 is on processor %u, not 0", processor(1));
    /* Both on one processor now, and both run. */
    check(processor(0) == 0, "vCPU 0 is on processor %u, not 0", processor(0));
    expect(set_hard(1, 2), 0);
    check(runs_on(1, 1), "vCPU 1 is on processor %u, not 1", processor(1));
    expect(set_hard(0, 2), 0);
    check(wait_until(processor(0) == 1, 2000), "vCPU 0 is on processor %u, not 1", processor(0));
    expect(set_hard(0, 0xff), 0);
    check((hard(0) & 3) == 3, "vCPU 0's set is 0x%x", hard(0));
}

static void refusals(void)
{
    unsigned int before = hard(1);

    expect(set_hard(1, 0), -XEN_EINVAL);
    expect(set_hard(1, 0xf0), -XEN_EINVAL);
    expect(affinity(XEN_DOMCTL_setvcpuaffinity, 1, 0), -XEN_EINVAL);
    expect(affinity(XEN_DOMCTL_setvcpuaffinity, 2, XEN_VCPUAFFINITY_HARD), -XEN_EINVAL);
    expect(affinity(XEN_DOMCTL_setvcpuaffinity, 0xffffffff, XEN_VCPUAFFINITY_HARD), -XEN_EINVAL);
    expect(affinity(XEN_DOMCTL_getvcpuaffinity, 2, XEN_VCPUAFFINITY_HARD), -XEN_EINVAL);
    check(hard(1) == before, "a refused set became 0x%x", hard(1));
}

void test_main(void)
{
    vcpu_need(2);
    check(hard(0) == 1, "vCPU 0 is pinned to the set 0x%x", hard(0));
    check(hard(1) == 2, "vCPU 1 is pinned to the set 0x%x", hard(1));
    expect(processor(0), 0);
    require(vcpu_start(1, spin, NULL), 0);
    check(runs_on(1, 1), "vCPU 1 is on processor %u, not 1", processor(1));
    moves();
    refusals();
    stop = true;
    check(vcpu_wait_down(1), "vCPU 1 does not end");
}
