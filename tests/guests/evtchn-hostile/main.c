/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Are ports, domains, vCPUs and pointers of event-channel operations checked?
 *
 * Port 0 is never valid, ports beyond the limit neither; operations on ports of the wrong kind are
 * refused; other domains need privilege and existence; the guest can write its pending and mask
 * words as it likes and harms only itself; unknown operations give -ENOSYS.
 */
#include <guest.h>

static const unsigned int bad_ports[] = { 0, 4096, 100000, 0x7fffffff, 0x80000000, 0xffffffff };

static void ports(void)
{
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(bad_ports); i++) {
        struct evtchn_bind_vcpu bind = { .port = bad_ports[i], .vcpu = 0 };
        unsigned int p = bad_ports[i];

        check(event_send(p) == -XEN_EINVAL, "send to port 0x%x: %ld", p, event_send(p));
        check(event_close(p) == -XEN_EINVAL, "close of port 0x%x: %ld", p, event_close(p));
        check(event_unmask(p) == -XEN_EINVAL || p == 0, "unmask of port 0x%x: %ld", p,
              event_unmask(p));
        check(event_status(p, NULL) == -XEN_EINVAL || p == 0, "status of port 0x%x: %ld", p,
              event_status(p, NULL));
        check(hc_event_channel_op(EVTCHNOP_bind_vcpu, &bind) < 0, "bind_vcpu of port 0x%x", p);
        check(event_bind_interdomain(DOMID_SELF, p) == -XEN_EINVAL, "bind to port 0x%x: %ld", p,
              event_bind_interdomain(DOMID_SELF, p));
    }
}

static void domains(void)
{
    struct evtchn_status status = { .dom = 0x7000, .port = 1 };
    struct evtchn_reset reset = { .dom = 0x7000 };

    expect(event_alloc_unbound(0x7000, 0), -XEN_ESRCH);
    check(event_alloc_unbound(DOMID_INVALID, 0) < 0, "a port of DOMID_INVALID");
    check(event_alloc_unbound(DOMID_XEN, 0) < 0, "a port of DOMID_XEN");
    expect(event_bind_interdomain(0x7000, 1), -XEN_ESRCH);
    expect(hc_event_channel_op(EVTCHNOP_status, &status), -XEN_ESRCH);
    expect(hc_event_channel_op(EVTCHNOP_reset, &reset), -XEN_ESRCH);
}

static void kinds(void)
{
    struct evtchn_bind_vcpu bind = { .vcpu = 0 };
    struct evtchn_bind_pirq pirq = { .pirq = 0xffffffff };
    long ipi = event_bind_ipi(0), unbound = event_alloc_unbound(DOMID_SELF, DOMID_SELF);

    check(event_bind_interdomain(DOMID_SELF, (unsigned int)ipi) == -XEN_EINVAL,
          "an IPI port was bound as interdomain");
    bind.port = (unsigned int)ipi;
    expect(hc_event_channel_op(EVTCHNOP_bind_vcpu, &bind), -XEN_EINVAL);
    bind.port = (unsigned int)unbound;
    expect(hc_event_channel_op(EVTCHNOP_bind_vcpu, &bind), 0);
    bind.vcpu = 1000;
    expect(hc_event_channel_op(EVTCHNOP_bind_vcpu, &bind), -XEN_ENOENT);
    bind.vcpu = 0xffffffff;
    expect(hc_event_channel_op(EVTCHNOP_bind_vcpu, &bind), -XEN_ENOENT);
    expect(hc_event_channel_op(EVTCHNOP_bind_pirq, &pirq), -XEN_EINVAL);
    pirq.pirq = 0x7fffffff;
    expect(hc_event_channel_op(EVTCHNOP_bind_pirq, &pirq), -XEN_EINVAL);
    /* Binding a port of another's choosing: only unbound ones for this domain. */
    expect(event_close((unsigned int)unbound), 0);
    unbound = event_alloc_unbound(DOMID_SELF, 0x123);
    check(event_bind_interdomain(DOMID_SELF, (unsigned int)unbound) < 0,
          "a port meant for another domain was bound");
}

static void pointers(void)
{
    unsigned int cmd;

    for (cmd = EVTCHNOP_bind_interdomain; cmd <= EVTCHNOP_set_priority; cmd++) {
        long got = hc_event_channel_op(cmd, 0x1000);

        check(got == -XEN_EFAULT, "operation %u with a bad pointer: %ld", cmd, got);
        got = hc_event_channel_op(cmd, HYPERVISOR_VIRT_START + 0x1000);
        check(got < 0, "operation %u with the hypervisor's pointer: %ld", cmd, got);
    }
    expect(hc_event_channel_op(16, NULL), -XEN_ENOSYS);
    expect(hc_event_channel_op(99, NULL), -XEN_ENOSYS);
    expect(hc_event_channel_op(0x7fffffff, NULL), -XEN_ENOSYS);
}

/* All words set by the guest: upcalls come, ports nobody bound are pending, and all goes on. */
static void own_words(void)
{
    struct vcpu_info *info = this_vcpu()->info;
    long ipi = event_bind_ipi(0);
    unsigned int i;

    for (i = 0; i < 64; i++)
        shared_info->evtchn_pending[i] = ~0UL;
    info->evtchn_pending_sel = ~0UL;
    info->evtchn_upcall_pending = 0xff;
    expect(hc_xen_version(XENVER_version, NULL), 0x40011);
    for (i = 0; i < 64; i++)
        shared_info->evtchn_pending[i] = 0;
    expect(event_unmask((unsigned int)ipi), 0);
    expect(event_send((unsigned int)ipi), 0);
    expect(event_count((unsigned int)ipi), 1);
}

void test_main(void)
{
    ports();
    domains();
    kinds();
    pointers();
    own_words();
}
