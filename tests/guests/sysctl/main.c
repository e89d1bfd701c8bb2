/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does sysctl tell domain 0 about the machine, and refuse wrong versions and arguments?
 *
 * The ABI: interface version 0x15, else -EACCES; physinfo's counts agree with the domain's own;
 * topology tells each processor; readconsole gives the log; cpupool 0 exists; unknown commands give
 * -ENOSYS.
 */
#include <guest.h>
#include <xen/sysctl.h>

static struct xen_sysctl op;

static long call(uint32_t cmd)
{
    op.cmd = cmd;
    op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hc_sysctl(&op);
}

static void physinfo(void)
{
    domid_t self = DOMID_SELF;

    memset(&op, 0, sizeof(op));
    expect(call(XEN_SYSCTL_physinfo), 0);
    expect(op.u.physinfo.nr_cpus, 2);
    expect(op.u.physinfo.max_cpu_id, 1);
    check(op.u.physinfo.threads_per_core >= 1 && op.u.physinfo.cores_per_socket >= 1,
          "%u threads, %u cores", op.u.physinfo.threads_per_core, op.u.physinfo.cores_per_socket);
    check(op.u.physinfo.nr_nodes >= 1, "no node");
    check(op.u.physinfo.total_pages > 0x10000 && op.u.physinfo.total_pages < 0x40000,
          "0x%lx pages in all", op.u.physinfo.total_pages);
    check(op.u.physinfo.free_pages +
          (unsigned long)hc_memory_op(XENMEM_current_reservation, &self) <=
          op.u.physinfo.total_pages, "0x%lx pages free of 0x%lx", op.u.physinfo.free_pages,
          op.u.physinfo.total_pages);
    check(op.u.physinfo.cpu_khz > 1000, "processors of %u kHz", op.u.physinfo.cpu_khz);
    check(op.u.physinfo.capabilities & XEN_SYSCTL_PHYSCAP_pv, "no PV capability: 0x%x",
          op.u.physinfo.capabilities);
}

static void console(void)
{
    static char buffer[32768];

    memset(&op, 0, sizeof(op));
    set_xen_guest_handle(op.u.readconsole.buffer, buffer);
    op.u.readconsole.count = sizeof(buffer) - 1;
    expect(call(XEN_SYSCTL_readconsole), 0);
    check(op.u.readconsole.count > 200 && op.u.readconsole.count < sizeof(buffer),
          "the log has %u bytes", op.u.readconsole.count);
    set_xen_guest_handle(op.u.readconsole.buffer, (void *)0x1000);
    expect(call(XEN_SYSCTL_readconsole), -XEN_EFAULT);
}

static void topology(void)
{
    static xen_sysctl_cputopo_t topo[8];

    memset(&op, 0, sizeof(op));
    expect(call(XEN_SYSCTL_cputopoinfo), 0);
    check(op.u.cputopoinfo.num_cpus >= 2, "%u processors", op.u.cputopoinfo.num_cpus);
    set_xen_guest_handle(op.u.cputopoinfo.cputopo, topo);
    op.u.cputopoinfo.num_cpus = 8;
    expect(call(XEN_SYSCTL_cputopoinfo), 0);
    check(topo[0].socket == 0, "processor 0 is in socket %u", topo[0].socket);
}

static void domains(void)
{
    static xen_domctl_getdomaininfo_t list[4];

    memset(&op, 0, sizeof(op));
    set_xen_guest_handle(op.u.getdomaininfolist.buffer, list);
    op.u.getdomaininfolist.max_domains = 4;
    expect(call(XEN_SYSCTL_getdomaininfolist), 0);
    expect(op.u.getdomaininfolist.num_domains, 1);
    expect(list[0].domain, 0);
    op.u.getdomaininfolist.first_domain = 1;
    expect(call(XEN_SYSCTL_getdomaininfolist), 0);
    expect(op.u.getdomaininfolist.num_domains, 0);
}

/* Debug key 'q' asks every vCPU to show itself. */
static void debug_keys(void)
{
    static char key[] = "q";
    long port = event_bind_virq(VIRQ_DEBUG, 0);

    check(port > 0, "VIRQ_DEBUG can't be bound: %ld", port);
    event_unmask((unsigned int)port);
    memset(&op, 0, sizeof(op));
    set_xen_guest_handle(op.u.debug_keys.keys, key);
    op.u.debug_keys.nr_keys = 1;
    expect(call(XEN_SYSCTL_debug_keys), 0);
    check(wait_until(event_count((unsigned int)port), 5000), "no VIRQ_DEBUG after key 'q'");
    expect(event_close((unsigned int)port), 0);
    set_xen_guest_handle(op.u.debug_keys.keys, (void *)0x1000);
    expect(call(XEN_SYSCTL_debug_keys), -XEN_EFAULT);
}

void test_main(void)
{
    physinfo();
    debug_keys();
    console();
    topology();
    domains();
    memset(&op, 0, sizeof(op));
    expect(call(XEN_SYSCTL_sched_id), 0);
    expect(call(999), -XEN_ENOSYS);
    op.cmd = XEN_SYSCTL_physinfo;
    op.interface_version = XEN_SYSCTL_INTERFACE_VERSION - 1;
    expect(hc_sysctl(&op), -XEN_EACCES);
    expect(hc_sysctl(0x1000), -XEN_EFAULT);
    expect(hc_sysctl(HYPERVISOR_VIRT_START + 0x1000), -XEN_EFAULT);
}
