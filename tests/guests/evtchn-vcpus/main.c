/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do events reach the vCPU they are bound to: IPIs, bind_vcpu, a vCPU that sleeps, and polls?
 *
 * Right is: the handler runs on the bound vCPU; a blocked or polling vCPU wakes; 500 round trips of
 * IPIs between two vCPUs lose none.
 */
#include <guest.h>

static volatile unsigned int ping, pong, stop, ran_on, ready;
static unsigned int to_second, to_first, floating;

static void on_ping(unsigned int port)
{
    (void)port;
    if (this_vcpu()->id != 1)
        ran_on |= 0x100;
    ping++;
    event_send(to_first);
}

static void on_pong(unsigned int port)
{
    (void)port;
    if (this_vcpu()->id != 0)
        ran_on |= 0x200;
    pong++;
}

static void on_floating(unsigned int port)
{
    (void)port;
    ran_on = this_vcpu()->id + 1;
}

static void sleeper(void *unused)
{
    (void)unused;
    events_on();
    ready = 1;
    while (!stop)
        hc_sched_op(SCHEDOP_block, NULL);
}

static void poller(void *unused)
{
    evtchn_port_t port = to_second;
    struct sched_poll p = { .nr_ports = 1 };

    (void)unused;
    set_xen_guest_handle(p.ports, &port);
    events_off();
    ready = 1;
    hc_sched_op(SCHEDOP_poll, &p);
    ready = 2;
}

void test_main(void)
{
    struct evtchn_bind_vcpu bind;
    unsigned int i, other;

    vcpu_need(2);
    to_second = (unsigned int)event_bind_ipi(1);
    to_first = (unsigned int)event_bind_ipi(0);
    event_owner(to_second, 1);
    event_owner(to_first, 0);
    require(vcpu_start(1, sleeper, NULL), 0);
    event_handler(to_second, on_ping);
    event_handler(to_first, on_pong);
    expect(event_unmask(to_second), 0);
    expect(event_unmask(to_first), 0);
    require(wait_until(ready, 1000), true);
    for (i = 0; i < 500; i++) {
        expect(event_send(to_second), 0);
        if (!wait_until(pong == i + 1, 2000)) {
            report_failure("round trip %u: ping %u pong %u", i, ping, pong);
            break;
        }
    }
    check(!ran_on, "handlers ran on the wrong vCPU: 0x%x", ran_on);
    /* A floating port follows bind_vcpu. */
    other = (unsigned int)event_alloc_unbound(DOMID_SELF, DOMID_SELF);
    floating = (unsigned int)event_bind_interdomain(DOMID_SELF, other);
    event_clear(floating);
    event_handler(floating, on_floating);
    expect(event_unmask(floating), 0);
    ran_on = 0;
    event_owner(floating, 0);
    expect(event_send(other), 0);
    check(wait_until(ran_on, 1000) && ran_on == 1, "ran on vCPU %d, not 0", (int)ran_on - 1);
    bind = (struct evtchn_bind_vcpu){ .port = floating, .vcpu = 1 };
    expect(hc_event_channel_op(EVTCHNOP_bind_vcpu, &bind), 0);
    event_owner(floating, 1);
    ran_on = 0;
    expect(event_send(other), 0);
    check(wait_until(ran_on, 1000) && ran_on == 2, "ran on vCPU %d, not 1", (int)ran_on - 1);
    stop = 1;
    expect(event_send(to_second), 0);
    check(vcpu_wait_down(1), "the second vCPU does not end");
    if (hc_vcpu_op(VCPUOP_is_up, 2, NULL) < 0)
        return;
    /* A vCPU that polls for ever wakes by its port. */
    to_second = (unsigned int)event_bind_ipi(2);
    ready = 0;
    require(vcpu_start(2, poller, NULL), 0);
    require(wait_until(ready == 1, 1000), true);
    spin_ns(10 * NS_PER_MS);
    check(ready == 1, "the poll ended by itself");
    expect(event_send(to_second), 0);
    check(wait_until(ready == 2, 2000), "the poll did not end");
}
