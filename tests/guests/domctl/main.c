/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does domctl describe domain 0 to itself and refuse wrong versions, domains and arguments?
 *
 * The ABI: interface version 0x15, else -EACCES; getdomaininfo gives the next existing domain from
 * the number on, else -ESRCH; getvcpuinfo, vCPU affinity, scheduler parameters; a domain can't
 * pause or destroy itself (-EINVAL); unknown commands -ENOSYS.
 */
#include <guest.h>
#include <xen/domctl.h>

static struct xen_domctl op;

static long call(uint32_t cmd, domid_t domain)
{
    op.cmd = cmd;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = domain;
    return hc_domctl(&op);
}

static void information(void)
{
    domid_t self = DOMID_SELF;

    memset(&op, 0, sizeof(op));
    expect(call(XEN_DOMCTL_getdomaininfo, 0), 0);
    expect(op.u.getdomaininfo.domain, 0);
    expect(op.u.getdomaininfo.tot_pages, hc_memory_op(XENMEM_current_reservation, &self));
    expect(op.u.getdomaininfo.nr_online_vcpus, 1);
    check(op.u.getdomaininfo.flags & XEN_DOMINF_running, "flags 0x%x", op.u.getdomaininfo.flags);
    check(!(op.u.getdomaininfo.flags & XEN_DOMINF_hvm_guest), "domain 0 is called HVM");
    check(op.u.getdomaininfo.cpu_time > 0, "no processor time");
    expect(op.u.getdomaininfo.shared_info_frame, start_info->shared_info >> PAGE_SHIFT);
    expect(call(XEN_DOMCTL_getdomaininfo, 1), -XEN_ESRCH);
    expect(call(XEN_DOMCTL_getdomaininfo, 0x7000), -XEN_ESRCH);
}

static void vcpus(void)
{
    memset(&op, 0, sizeof(op));
    expect(call(XEN_DOMCTL_getvcpuinfo, 0), 0);
    check(op.u.getvcpuinfo.online && op.u.getvcpuinfo.running, "vCPU 0 is not running");
    check(op.u.getvcpuinfo.cpu_time > 0, "no processor time");
    op.u.getvcpuinfo.vcpu = 1000;
    expect(call(XEN_DOMCTL_getvcpuinfo, 0), -XEN_EINVAL);
    op.u.getvcpuinfo.vcpu = 0;
    expect(call(XEN_DOMCTL_getvcpuinfo, 0x7000), -XEN_ESRCH);
}

static void hostile(void)
{
    static const uint32_t commands[] = {
        XEN_DOMCTL_destroydomain, XEN_DOMCTL_pausedomain, XEN_DOMCTL_unpausedomain,
        XEN_DOMCTL_max_mem, XEN_DOMCTL_setvcpucontext, XEN_DOMCTL_getvcpucontext,
        XEN_DOMCTL_setvcpuaffinity, XEN_DOMCTL_max_vcpus, XEN_DOMCTL_scheduler_op,
        XEN_DOMCTL_setdomainhandle, XEN_DOMCTL_settimeoffset, XEN_DOMCTL_resumedomain,
        XEN_DOMCTL_sendtrigger, XEN_DOMCTL_hypercall_init, XEN_DOMCTL_iomem_permission,
        XEN_DOMCTL_ioport_permission, XEN_DOMCTL_irq_permission, XEN_DOMCTL_setnodeaffinity,
        XEN_DOMCTL_set_virq_handler, XEN_DOMCTL_getvcpuextstate, XEN_DOMCTL_gettscinfo,
    };
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(commands); i++) {
        memset(&op, 0, sizeof(op));
        check(call(commands[i], 0x7000) == -XEN_ESRCH, "command %u for nobody: %ld", commands[i],
              call(commands[i], 0x7000));
        check(call(commands[i], DOMID_INVALID) < 0, "command %u for DOMID_INVALID", commands[i]);
    }
    memset(&op, 0, sizeof(op));
    expect(call(XEN_DOMCTL_pausedomain, 0), -XEN_EINVAL);
    check(call(XEN_DOMCTL_destroydomain, 0) < 0, "domain 0 destroys itself");
    expect(call(XEN_DOMCTL_setvcpucontext, 0), -XEN_EINVAL);
    expect(call(9999, 0), -XEN_ENOSYS);
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION - 1;
    op.cmd = XEN_DOMCTL_getdomaininfo;
    op.domain = 0;
    expect(hc_domctl(&op), -XEN_EACCES);
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION + 1;
    expect(hc_domctl(&op), -XEN_EACCES);
    expect(hc_domctl(0x1000), -XEN_EFAULT);
    expect(hc_domctl(HYPERVISOR_VIRT_START + 0x1000), -XEN_EFAULT);
}

static void hostile_creation(void)
{
    memset(&op, 0, sizeof(op));
    op.u.createdomain.flags = 0x80000000;
    op.u.createdomain.max_vcpus = 1;
    expect(call(XEN_DOMCTL_createdomain, 0), -XEN_EINVAL);
    op.u.createdomain.flags = 0;
    op.u.createdomain.max_vcpus = 0;
    expect(call(XEN_DOMCTL_createdomain, 0), -XEN_EINVAL);
    op.u.createdomain.max_vcpus = 1000000;
    check(call(XEN_DOMCTL_createdomain, 0) < 0, "a domain with a million vCPUs");
    op.u.createdomain.max_vcpus = 1;
    op.u.createdomain.arch.emulation_flags = 0xffffffff;
    expect(call(XEN_DOMCTL_createdomain, 0), -XEN_EINVAL);
    expect(call(XEN_DOMCTL_getdomaininfo, 1), -XEN_ESRCH);
}

void test_main(void)
{
    information();
    vcpus();
    hostile();
    hostile_creation();
}
