/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do ports go through their life: allocated, bound, sent to, told of, closed and given out again?
 *
 * The ABI: alloc_unbound and bind_interdomain make a pair (here both ends in this domain); a send
 * on one end sets the other pending; status tells each state; close of one end leaves the other
 * unbound; virq and ipi ports tell their number and vCPU; a global virq and one per vCPU bind once
 * (-EEXIST).
 */
#include <guest.h>

static void pair(void)
{
    struct evtchn_status status;
    long a = event_alloc_unbound(DOMID_SELF, DOMID_SELF), b;

    require(a > 0, true);
    expect(event_status((unsigned int)a, &status), EVTCHNSTAT_unbound);
    b = event_bind_interdomain(DOMID_SELF, (unsigned int)a);
    require(b > 0 && b != a, true);
    expect(event_status((unsigned int)b, &status), EVTCHNSTAT_interdomain);
    expect(status.u.interdomain.port, a);
    expect(status.u.interdomain.dom, own_id());
    expect(status.vcpu, 0);
    /* Binding sets the new port pending once, so that no event before it is lost. */
    check(event_pending((unsigned int)b), "a newly bound port is not pending");
    event_clear((unsigned int)b);
    expect(event_send((unsigned int)a), 0);
    check(event_pending((unsigned int)b), "a send did not reach the other end");
    check(!event_pending((unsigned int)a), "a send came back");
    expect(event_send((unsigned int)b), 0);
    check(event_pending((unsigned int)a), "a send did not reach the first end");
    /* Bound already: a second binder is refused. */
    check(event_bind_interdomain(DOMID_SELF, (unsigned int)a) < 0, "a bound port was bound again");
    event_clear((unsigned int)a);
    expect(event_close((unsigned int)b), 0);
    expect(event_status((unsigned int)b, NULL), EVTCHNSTAT_closed);
    expect(event_status((unsigned int)a, NULL), EVTCHNSTAT_unbound);
    /* Sending into the void is no error, nor an event. */
    expect(event_send((unsigned int)a), 0);
    expect(event_close((unsigned int)a), 0);
    expect(event_status((unsigned int)a, NULL), EVTCHNSTAT_closed);
    expect(event_send((unsigned int)a), -XEN_EINVAL);
    expect(event_close((unsigned int)a), -XEN_EINVAL);
    /* The lowest free port is given out again. */
    b = event_alloc_unbound(DOMID_SELF, DOMID_SELF);
    check(b <= a, "port %ld was given out with %ld free", b, a);
    expect(event_close((unsigned int)b), 0);
}

static void virqs(void)
{
    struct evtchn_status status;
    long timer = event_bind_virq(VIRQ_TIMER, 0), debug = event_bind_virq(VIRQ_DEBUG, 0);
    long exc = event_bind_virq(VIRQ_DOM_EXC, 0);

    require(timer > 0 && debug > 0 && exc > 0, true);
    expect(event_status((unsigned int)timer, &status), EVTCHNSTAT_virq);
    expect(status.u.virq, VIRQ_TIMER);
    expect(event_bind_virq(VIRQ_TIMER, 0), -XEN_EEXIST);
    expect(event_bind_virq(VIRQ_DOM_EXC, 0), -XEN_EEXIST);
    expect(event_bind_virq(24, 0), -XEN_EINVAL);
    expect(event_bind_virq(0xffffffff, 0), -XEN_EINVAL);
    expect(event_bind_virq(VIRQ_TIMER, 1000), -XEN_ENOENT);
    /* virq ports can't be sent to. */
    expect(event_send((unsigned int)timer), -XEN_EINVAL);
    expect(event_close((unsigned int)exc), 0);
    exc = event_bind_virq(VIRQ_DOM_EXC, 0);
    check(exc > 0, "a closed global virq can't be bound again: %ld", exc);
    expect(event_close((unsigned int)exc), 0);
    expect(event_close((unsigned int)timer), 0);
    expect(event_close((unsigned int)debug), 0);
}

static void ipis(void)
{
    struct evtchn_status status;
    long port = event_bind_ipi(0);

    require(port > 0, true);
    expect(event_status((unsigned int)port, &status), EVTCHNSTAT_ipi);
    expect(status.vcpu, 0);
    expect(event_bind_ipi(1000), -XEN_ENOENT);
    expect(event_unmask((unsigned int)port), 0);
    expect(event_send((unsigned int)port), 0);
    expect(event_count((unsigned int)port), 1);
    expect(event_close((unsigned int)port), 0);
}

static void many(void)
{
    struct evtchn_reset reset = { .dom = DOMID_SELF };
    long ports[300];
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(ports); i++) {
        ports[i] = event_alloc_unbound(DOMID_SELF, 0);
        check(ports[i] > 0, "port number %u: %ld", i, ports[i]);
    }
    for (i = 1; i < ARRAY_SIZE(ports); i++)
        check(ports[i] != ports[i - 1], "port %ld twice", ports[i]);
    expect(hc_event_channel_op(EVTCHNOP_reset, &reset), 0);
    for (i = 0; i < ARRAY_SIZE(ports); i++)
        check(event_status((unsigned int)ports[i], NULL) == EVTCHNSTAT_closed,
              "port %ld outlived reset", ports[i]);
}

void test_main(void)
{
    pair();
    virqs();
    ipis();
    many();
}
