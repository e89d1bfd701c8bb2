/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do yield, block and poll wait as they should and answer hostile arguments with an error?
 *
 * The ABI: yield gives 0; block turns events on and waits for one; poll waits for any of up to 128
 * ports or a timeout in system time, returns 0 at once when a port is pending already, and does not
 * need the upcall; more than 128 ports or a bad port give -EINVAL.
 */
#include <guest.h>

static long poll(evtchn_port_t *ports, unsigned int count, uint64_t timeout)
{
    struct sched_poll p = { .nr_ports = count, .timeout = timeout };

    set_xen_guest_handle(p.ports, ports);
    return hc_sched_op(SCHEDOP_poll, &p);
}

static void timeouts(long timer)
{
    evtchn_port_t ports[3];
    uint64_t start = now_ns();

    expect(poll(NULL, 0, start + 20 * NS_PER_MS), 0);
    check(now_ns() - start >= 20 * NS_PER_MS, "poll without ports lasted %lu ns", now_ns() - start);
    start = now_ns();
    expect(poll(NULL, 0, 1), 0);
    check(now_ns() - start < 1000 * NS_PER_MS, "poll with a past timeout lasted %lu ns",
          now_ns() - start);
    ports[0] = (unsigned int)event_bind_ipi(0);
    ports[1] = (unsigned int)timer;
    ports[2] = (unsigned int)event_bind_ipi(0);
    start = now_ns();
    expect(poll(ports, 3, start + 20 * NS_PER_MS), 0);
    check(now_ns() - start >= 20 * NS_PER_MS, "poll of idle ports lasted %lu ns",
          now_ns() - start);
    /* The second of three wakes: masked, so no upcall, only the poll ends. */
    event_clear((unsigned int)timer);
    event_mask((unsigned int)timer);
    start = now_ns();
    expect(hc_set_timer_op(start + 10 * NS_PER_MS), 0);
    expect(poll(ports, 3, start + 3000 * NS_PER_MS), 0);
    check(now_ns() - start < 2000 * NS_PER_MS, "poll slept through its port: %lu ns",
          now_ns() - start);
    check(now_ns() - start >= 9 * NS_PER_MS, "poll ended after %lu ns", now_ns() - start);
    check(event_pending((unsigned int)timer), "poll ended without the port pending");
    check(event_count((unsigned int)timer) == 0, "a masked port gave an upcall");
    /* Pending already: at once. */
    start = now_ns();
    expect(poll(ports, 3, start + 3000 * NS_PER_MS), 0);
    check(now_ns() - start < 2000 * NS_PER_MS, "poll of a pending port slept");
    event_clear((unsigned int)timer);
}

static void blocks(long timer)
{
    uint64_t start = now_ns();

    expect(event_unmask((unsigned int)timer), 0);
    expect(hc_set_timer_op(start + 10 * NS_PER_MS), 0);
    expect(hc_sched_op(SCHEDOP_block, NULL), 0);
    check(event_count((unsigned int)timer) == 1, "block ended with %u timer events",
          event_count((unsigned int)timer));
    check(now_ns() - start >= 9 * NS_PER_MS, "block lasted %lu ns", now_ns() - start);
}

static void hostile(void)
{
    evtchn_port_t ports[2] = { 0x7fffffff, 0xffffffff };
    struct sched_poll p = { .nr_ports = 129 };
    struct sched_remote_shutdown remote = { .domain_id = 0x7000 };
    struct sched_pin_override pin = { .pcpu = 0x7fffffff };
    struct sched_shutdown code = { .reason = 0 };
    long nobody;

    expect(hc_sched_op(SCHEDOP_poll, &p), -XEN_EINVAL);
    p.nr_ports = 0xffffffff;
    expect(hc_sched_op(SCHEDOP_poll, &p), -XEN_EINVAL);
    expect(poll(ports, 1, now_ns() + NS_PER_MS), -XEN_EINVAL);
    expect(poll(ports + 1, 1, now_ns() + NS_PER_MS), -XEN_EINVAL);
    expect(poll((void *)0x1000, 1, now_ns() + NS_PER_MS), -XEN_EFAULT);
    expect(hc_sched_op(SCHEDOP_poll, 0x1000), -XEN_EFAULT);
    expect(hc_sched_op(SCHEDOP_shutdown, 0x1000), -XEN_EFAULT);
    /* A domain without privileges may as well be told that others are none of its business. */
    nobody = hc_sched_op(SCHEDOP_remote_shutdown, &remote);
    check(nobody == -XEN_ESRCH || (!is_dom0() && nobody == -XEN_EPERM), "the end of a domain that "
          "is not there gave %ld", nobody);
    remote.domain_id = DOMID_SELF;
    check(hc_sched_op(SCHEDOP_remote_shutdown, &remote) < 0, "remote_shutdown of oneself");
    check(hc_sched_op(SCHEDOP_pin_override, &pin) < 0, "pin to a CPU that is not there");
    pin.pcpu = -1;
    check(hc_sched_op(SCHEDOP_pin_override, &pin) <= 0, "undoing no pin");
    (void)code;
    expect(hc_sched_op(100, NULL), -XEN_ENOSYS);
    expect(hc_sched_op(0x7fffffff, NULL), -XEN_ENOSYS);
}

void test_main(void)
{
    long timer = event_bind_virq(VIRQ_TIMER, 0);

    require(timer > 0, true);
    /* Every PV vCPU starts with a periodic timer of 10 ms. */
    require(hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
    event_clear((unsigned int)timer);
    expect(hc_sched_op(SCHEDOP_yield, NULL), 0);
    timeouts(timer);
    blocks(timer);
    hostile();
    /* The number of the call before version 3.1.1: block and yield with other names. */
    expect(hypercall(__HYPERVISOR_sched_op_compat, SCHEDOP_yield, 0, 0, 0, 0, 0), 0);
}
