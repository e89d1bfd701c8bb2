/* SPDX-License-Identifier: BSD-2-Clause */
/* Event channels by the 2-level ABI: every operation through the hypercall, good and hostile
 * arguments. */
/* sources: hv/domain/evtchn.c hv/domain/evtchn_op.c hv/domain/evtchn_2l.c */
/* sources: hv/domain/evtchn_fifo.c hv/domain/virq.c */
/* cflags: -DHV_UNIT_TEST */
#include "world.h"
#include "../../hv/domain/evtchn_priv.h"
#include <hv/iocap.h>
#include <hv/irq.h>

unsigned long find_next_bit(const unsigned long *map, unsigned long size, unsigned long from)
{
    while (from < size && !test_bit(from, map))
        from++;
    return from;
}

/* Interrupts of dom0: pirqs below 16 are mapped one to one; 13 is not permitted; 14 is busy. */
static struct { unsigned int bound, unbound, affinity_cpu, affinity_pirq; } irqs;
int pirq_to_irq(const struct domain *d, unsigned int pirq) { return pirq < 16 ? (int)pirq : -1; }
bool irq_access_permitted(const struct domain *d, unsigned int gsi) { return gsi != 13; }
int pirq_guest_bind(struct vcpu *v, unsigned int pirq, bool share)
{
    if (pirq == 14)
        return -EBUSY;
    irqs.bound++;
    return 0;
}
void pirq_guest_unbind(struct domain *d, unsigned int pirq) { irqs.unbound++; }
void pirq_set_affinity(struct domain *d, unsigned int pirq, unsigned int cpu)
{
    irqs.affinity_pirq = pirq;
    irqs.affinity_cpu = cpu;
}

static struct domain *d0, *d1;

static void begin(void)
{
    world_begin();
    memset(&irqs, 0, sizeof(irqs));
    d0 = world_domain(0, 4);
    d1 = world_domain(1, 2);
    assert_int_equal(evtchn_init_domain(d0), 0);
    assert_int_equal(evtchn_init_domain(d1), 0);
}
static void destroy(struct domain *d)
{
    d->is_dying = DOMDYING_dying;
    while (evtchn_destroy(d) == -ERESTART)
        this_cpu(softirq_pending) = 0;
    assert_int_equal(d->active_evtchns, 0);
}
static void end(void)
{
    destroy(d1);
    destroy(d0);
    evtchn_free(d0);
    evtchn_free(d1);
    world_drop_domain(d0);
    world_drop_domain(d1);
    world_end();
}
static void run_as(struct domain *d) { unit_current = d->vcpu[0]; }

static long alloc_unbound(domid_t dom, domid_t remote, unsigned int *port)
{
    struct evtchn_alloc_unbound a = { .dom = dom, .remote_dom = remote };
    long rc = do_event_channel_op(EVTCHNOP_alloc_unbound, &a);
    *port = a.port;
    return rc;
}
static long bind_interdomain(domid_t remote, unsigned int rport, unsigned int *port)
{
    struct evtchn_bind_interdomain b = { .remote_dom = remote, .remote_port = rport };
    long rc = do_event_channel_op(EVTCHNOP_bind_interdomain, &b);
    *port = b.local_port;
    return rc;
}
static long bind_virq(unsigned int virq, unsigned int vcpu, unsigned int *port)
{
    struct evtchn_bind_virq b = { .virq = virq, .vcpu = vcpu };
    long rc = do_event_channel_op(EVTCHNOP_bind_virq, &b);
    *port = b.port;
    return rc;
}
static long bind_pirq(unsigned int pirq, unsigned int *port)
{
    struct evtchn_bind_pirq b = { .pirq = pirq };
    long rc = do_event_channel_op(EVTCHNOP_bind_pirq, &b);
    *port = b.port;
    return rc;
}
static long port_op(unsigned int op, unsigned int port)
{
    struct evtchn_send s = { .port = port }; /* close, send and unmask have the same layout */
    return do_event_channel_op(op, &s);
}
static long bind_vcpu(unsigned int port, unsigned int vcpu)
{
    struct evtchn_bind_vcpu b = { .port = port, .vcpu = vcpu };
    return do_event_channel_op(EVTCHNOP_bind_vcpu, &b);
}
static struct evtchn_status status(unsigned int port)
{
    struct evtchn_status s = { .dom = DOMID_SELF, .port = port };
    assert_int_equal(do_event_channel_op(EVTCHNOP_status, &s), 0);
    return s;
}
static bool pending(const struct domain *d, unsigned int port)
{
    return test_bit(port, d->shared_info->evtchn_pending);
}
/* The guest has seen all: as if nothing had been raised. */
static void drain(struct domain *d)
{
    memset(d->shared_info->evtchn_pending, 0, sizeof(d->shared_info->evtchn_pending));
    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        d->vcpu[i]->vcpu_info->evtchn_upcall_pending = 0;
        d->vcpu[i]->vcpu_info->evtchn_pending_sel = 0;
    }
    world.kicks = 0;
}

static void test_dispatch(void **state)
{
    struct evtchn_close c = { .port = 1 };
    begin();
    for (unsigned int op = 0; op <= EVTCHNOP_set_priority; op++)
        assert_int_equal(do_event_channel_op(op, BAD_POINTER), -EFAULT);
    assert_int_equal(do_event_channel_op(15, &c), -ENOSYS);
    assert_int_equal(do_event_channel_op(~0UL, &c), -ENOSYS);
    end();
}

static void test_unbound(void **state)
{
    unsigned int a, b;
    begin();
    assert_int_equal(alloc_unbound(DOMID_SELF, 1, &a), 0);
    assert_int_equal(alloc_unbound(1, DOMID_SELF, &b), 0);
    assert_int_equal(a, 1);
    assert_int_equal(b, 1); /* a table of its own */
    assert_int_equal(status(a).status, EVTCHNSTAT_unbound);
    assert_int_equal(status(a).u.unbound.dom, 1);
    assert_int_equal(port_op(EVTCHNOP_send, a), 0); /* into the void */
    assert_int_equal(alloc_unbound(7, 0, &b), -ESRCH);
    run_as(d1);
    assert_int_equal(alloc_unbound(0, 1, &b), -EPERM);
    assert_int_equal(status(1).u.unbound.dom, 0); /* SELF was dom0 */
    end();
}

static void test_interdomain(void **state)
{
    unsigned int u, l, x;
    begin();
    run_as(d1);
    assert_int_equal(alloc_unbound(DOMID_SELF, 0, &u), 0);
    run_as(d0);
    assert_int_equal(bind_interdomain(1, 99999, &l), -EINVAL);
    assert_int_equal(bind_interdomain(1, u + 1, &l), -EINVAL);
    assert_int_equal(bind_interdomain(5, u, &l), -ESRCH);
    assert_int_equal(bind_interdomain(1, u, &l), 0);
    assert_true(pending(d0, l)); /* what came before binding may be lost: raised once */
    assert_int_equal(world.kicks, 1);
    assert_int_equal(bind_interdomain(1, u, &x), -EINVAL);
    assert_int_equal(status(l).u.interdomain.port, u);
    assert_int_equal(status(l).u.interdomain.dom, 1);
    drain(d0);
    assert_int_equal(port_op(EVTCHNOP_send, l), 0);
    assert_true(pending(d1, u));
    assert_false(pending(d0, l));
    assert_int_equal(d1->vcpu[0]->vcpu_info->evtchn_pending_sel, 1);
    assert_int_equal(d1->vcpu[0]->vcpu_info->evtchn_upcall_pending, 1);
    assert_ptr_equal(world.kicked, d1->vcpu[0]);
    assert_int_equal(port_op(EVTCHNOP_send, l), 0);
    assert_int_equal(world.kicks, 1); /* pending already */
    assert_int_equal(port_op(EVTCHNOP_close, l), 0);
    assert_int_equal(port_op(EVTCHNOP_close, l), -EINVAL);
    run_as(d1);
    assert_int_equal(status(u).status, EVTCHNSTAT_unbound);
    assert_int_equal(status(u).u.unbound.dom, 0);
    end();
}

/* Only the domain that the port was made for may bind it. */
static void test_interdomain_stranger(void **state)
{
    unsigned int u, l;
    begin();
    assert_int_equal(alloc_unbound(DOMID_SELF, 0, &u), 0); /* dom0 for dom0 */
    run_as(d1);
    assert_int_equal(bind_interdomain(0, u, &l), -EINVAL);
    assert_int_equal(d1->active_evtchns, 0);
    run_as(d0);
    assert_int_equal(bind_interdomain(DOMID_SELF, u, &l), 0); /* loop-back */
    drain(d0);
    assert_int_equal(port_op(EVTCHNOP_send, l), 0);
    assert_true(pending(d0, u));
    assert_int_equal(port_op(EVTCHNOP_send, u), 0);
    assert_true(pending(d0, l));
    assert_int_equal(port_op(EVTCHNOP_close, u), 0);
    assert_int_equal(status(l).status, EVTCHNSTAT_unbound);
    end();
}

static void test_mask_and_unmask(void **state)
{
    struct evtchn_bind_ipi b = { .vcpu = 3 };
    begin();
    assert_int_equal(do_event_channel_op(EVTCHNOP_bind_ipi, &b), 0);
    set_bit(b.port, d0->shared_info->evtchn_mask);
    assert_int_equal(port_op(EVTCHNOP_send, b.port), 0);
    assert_true(pending(d0, b.port));
    assert_int_equal(world.kicks, 0);
    assert_int_equal(d0->vcpu[3]->vcpu_info->evtchn_pending_sel, 0);
    assert_int_equal(port_op(EVTCHNOP_unmask, b.port), 0);
    assert_int_equal(world.kicks, 1);
    assert_ptr_equal(world.kicked, d0->vcpu[3]);
    assert_int_equal(d0->vcpu[3]->vcpu_info->evtchn_pending_sel, 1);
    assert_int_equal(port_op(EVTCHNOP_unmask, b.port), 0); /* not masked: nothing */
    assert_int_equal(world.kicks, 1);
    assert_int_equal(port_op(EVTCHNOP_unmask, 4096), -EINVAL);
    assert_int_equal(bind_vcpu(b.port, 1), -EINVAL); /* IPIs stay where they are */
    b.vcpu = 4;
    assert_int_equal(do_event_channel_op(EVTCHNOP_bind_ipi, &b), -ENOENT);
    end();
}

static void test_virq(void **state)
{
    unsigned int t, c, x;
    begin();
    assert_int_equal(bind_virq(NR_VIRQS, 0, &x), -EINVAL);
    assert_int_equal(bind_virq(VIRQ_TIMER, 4, &x), -ENOENT);
    assert_int_equal(bind_virq(VIRQ_CONSOLE, 1, &x), -EINVAL); /* global: vCPU 0 only */
    assert_int_equal(bind_virq(VIRQ_TIMER, 2, &t), 0);
    assert_int_equal(bind_virq(VIRQ_TIMER, 2, &x), -EEXIST);
    assert_int_equal(bind_virq(VIRQ_CONSOLE, 0, &c), 0);
    assert_int_equal(status(t).u.virq, VIRQ_TIMER);
    assert_int_equal(status(t).vcpu, 2);
    send_guest_vcpu_virq(d0->vcpu[1], VIRQ_TIMER); /* unbound there */
    assert_int_equal(world.kicks, 0);
    send_guest_vcpu_virq(d0->vcpu[2], VIRQ_TIMER);
    assert_true(pending(d0, t));
    assert_ptr_equal(world.kicked, d0->vcpu[2]);
    assert_int_equal(bind_vcpu(t, 1), -EINVAL);
    assert_int_equal(bind_vcpu(c, 3), 0);
    send_global_virq(VIRQ_CONSOLE);
    assert_true(pending(d0, c));
    assert_ptr_equal(world.kicked, d0->vcpu[3]);
    assert_int_equal(port_op(EVTCHNOP_send, t), -EINVAL); /* not a guest's to send */
    assert_int_equal(port_op(EVTCHNOP_close, t), 0);
    assert_int_equal(d0->vcpu[2]->virq_to_evtchn[VIRQ_TIMER], 0);
    assert_int_equal(bind_virq(VIRQ_TIMER, 2, &x), 0);
    assert_int_equal(x, t); /* lowest free port first */
    end();
}

static void test_virq_handler(void **state)
{
    unsigned int p;
    begin();
    assert_int_equal(set_global_virq_handler(d1, VIRQ_TIMER), -EINVAL);
    assert_int_equal(set_global_virq_handler(d1, NR_VIRQS), -EINVAL);
    assert_int_equal(set_global_virq_handler(d1, VIRQ_DOM_EXC), 0);
    assert_int_equal(d1->refcnt.counter, 2);
    run_as(d1);
    assert_int_equal(bind_virq(VIRQ_DOM_EXC, 0, &p), 0);
    send_global_virq(VIRQ_DOM_EXC);
    assert_true(pending(d1, p));
    clear_global_virq_handlers(d1);
    assert_int_equal(d1->refcnt.counter, 1);
    drain(d1);
    send_global_virq(VIRQ_DOM_EXC); /* dom0's again, which has not bound it */
    assert_false(pending(d1, p));
    end();
}

static void test_poll(void **state)
{
    unsigned int u, l;
    begin();
    assert_int_equal(alloc_unbound(DOMID_SELF, 0, &u), 0);
    assert_int_equal(bind_interdomain(DOMID_SELF, u, &l), 0);
    drain(d0);
    d0->vcpu[2]->poll_evtchn = u;
    set_bit(2, d0->poll_mask);
    assert_int_equal(port_op(EVTCHNOP_send, u), 0); /* raises l */
    assert_int_equal(world.unblocks, 0);
    set_bit(u, d0->shared_info->evtchn_mask); /* polled ports are masked */
    assert_int_equal(port_op(EVTCHNOP_send, l), 0);
    assert_int_equal(world.unblocks, 1);
    assert_ptr_equal(world.unblocked, d0->vcpu[2]);
    assert_false(test_bit(2, d0->poll_mask));
    drain(d0);
    d0->vcpu[1]->poll_evtchn = 0; /* several */
    set_bit(1, d0->poll_mask);
    assert_int_equal(port_op(EVTCHNOP_send, l), 0);
    assert_int_equal(world.unblocks, 2);
    assert_true(evtchn_port_is_pending(d0, u));
    assert_false(evtchn_port_is_pending(d0, l));
    assert_false(evtchn_port_is_pending(d0, 0));
    assert_false(evtchn_port_is_pending(d0, ~0u));
    end();
}

static void test_pirq(void **state)
{
    unsigned int a, b, x;
    begin();
    assert_int_equal(bind_pirq(32, &x), -EINVAL);
    assert_int_equal(bind_pirq(20, &x), -EPERM); /* not mapped */
    assert_int_equal(bind_pirq(13, &x), -EPERM);
    assert_int_equal(bind_pirq(14, &x), -EBUSY);
    assert_int_equal(d0->active_evtchns, 0);
    assert_int_equal(pirq_to_evtchn(d0, 14), 0);
    assert_int_equal(bind_pirq(4, &a), 0);
    assert_int_equal(bind_pirq(5, &b), 0);
    assert_int_equal(bind_pirq(4, &x), -EEXIST);
    send_guest_pirq(d0, 5);
    assert_true(pending(d0, b));
    assert_false(pending(d0, a));
    send_guest_pirq(d0, 6); /* nobody's */
    send_guest_pirq(d0, 4711);
    assert_int_equal(bind_vcpu(b, 3), 0);
    assert_int_equal(irqs.affinity_pirq, 5);
    assert_int_equal(irqs.affinity_cpu, 3);
    d0->vcpu[0]->processor = 1;
    evtchn_move_pirqs(d0->vcpu[0]);
    assert_int_equal(irqs.affinity_pirq, 4);
    assert_int_equal(irqs.affinity_cpu, 1);
    assert_int_equal(port_op(EVTCHNOP_close, a), 0);
    assert_int_equal(d0->vcpu[0]->pirq_evtchn_head, 0);
    assert_int_equal(d0->vcpu[3]->pirq_evtchn_head, b);
    assert_int_equal(irqs.unbound, 1);
    drain(d0);
    send_guest_pirq(d0, 4);
    assert_false(pending(d0, a));
    end();
    assert_int_equal(irqs.unbound, 2);
}

static void test_limits(void **state)
{
    unsigned int p;
    begin();
    d0->max_evtchn_port = 9;
    for (unsigned int i = 1; i <= 9; i++)
        assert_int_equal(alloc_unbound(DOMID_SELF, 1, &p), 0);
    assert_int_equal(alloc_unbound(DOMID_SELF, 1, &p), -ENOSPC);
    d0->max_evtchn_port = INT32_MAX;
    for (unsigned int i = 10; i < EVTCHN_2L_NR_CHANNELS; i++) {
        assert_int_equal(alloc_unbound(DOMID_SELF, 1, &p), 0);
        assert_int_equal(p, i);
    }
    assert_int_equal(alloc_unbound(DOMID_SELF, 1, &p), -ENOSPC);
    assert_int_equal(port_op(EVTCHNOP_close, 0), -EINVAL);
    assert_int_equal(port_op(EVTCHNOP_close, EVTCHN_2L_NR_CHANNELS), -EINVAL);
    assert_int_equal(port_op(EVTCHNOP_send, ~0u), -EINVAL);
    assert_int_equal(port_op(EVTCHNOP_close, 77), 0);
    assert_int_equal(alloc_unbound(DOMID_SELF, 1, &p), 0);
    assert_int_equal(p, 77);
    d0->is_dying = DOMDYING_dying;
    assert_int_equal(alloc_unbound(DOMID_SELF, 1, &p), -EINVAL);
    end();
}

static void test_reset(void **state)
{
    struct evtchn_reset r = { .dom = DOMID_SELF };
    unsigned int p;
    begin();
    for (unsigned int i = 0; i < 300; i++)
        assert_int_equal(alloc_unbound(DOMID_SELF, 1, &p), 0);
    per_cpu__softirq_pending = 1;
    assert_int_equal(do_event_channel_op(EVTCHNOP_reset, &r), WORLD_RESULT);
    assert_int_equal(world.cont_op, __HYPERVISOR_event_channel_op);
    assert_ptr_equal((void *)world.cont_args[1], &r);
    assert_true(d0->active_evtchns > 0 && d0->active_evtchns < 300);
    assert_int_equal(do_event_channel_op(EVTCHNOP_reset, &r), -EBUSY); /* one is under way */
    assert_int_equal(do_event_channel_op(world.cont_args[0], &r), 0);
    assert_int_equal(d0->active_evtchns, 0);
    assert_int_equal(do_event_channel_op(world.cont_args[0], &r), -EBUSY); /* none is */
    r.dom = 1;
    assert_int_equal(do_event_channel_op(EVTCHNOP_reset, &r), -EINVAL); /* not paused */
    d1->controller_pause_count = 1;
    assert_int_equal(do_event_channel_op(EVTCHNOP_reset, &r), 0);
    run_as(d1);
    r.dom = 0;
    assert_int_equal(do_event_channel_op(EVTCHNOP_reset, &r), -EPERM);
    end();
}

/* A dying domain's peers are left waiting; its own memory is all given back (checked by end()). */
static void test_death(void **state)
{
    unsigned int u, l;
    begin();
    for (unsigned int i = 0; i < 200; i++) {
        run_as(d1);
        assert_int_equal(alloc_unbound(DOMID_SELF, 0, &u), 0);
        run_as(d0);
        assert_int_equal(bind_interdomain(1, u, &l), 0);
    }
    destroy(d1);
    assert_int_equal(status(l).status, EVTCHNSTAT_unbound);
    assert_int_equal(status(l).u.unbound.dom, 1);
    assert_int_equal(port_op(EVTCHNOP_send, l), 0);
    end();
}

/* With work pending all the time it stops again and again, but always gets on, and leaves peers and
   handlers as an undisturbed one does. */
static void test_preempted_death(void **state)
{
    unsigned int port, times = 0, left;
    begin();
    run_as(d1);
    for (unsigned int i = 0; i < 1000; i++)
        assert_int_equal(alloc_unbound(DOMID_SELF, 0, &port), 0);
    run_as(d0);
    assert_int_equal(set_global_virq_handler(d1, VIRQ_DOM_EXC), 0);
    d1->is_dying = DOMDYING_dying;
    this_cpu(softirq_pending) = 1;
    for (left = d1->active_evtchns; evtchn_destroy(d1) == -ERESTART; times++) {
        assert_true(d1->active_evtchns < left);
        left = d1->active_evtchns;
        assert_int_equal(d1->refcnt.counter, 2);
    }
    this_cpu(softirq_pending) = 0;
    assert_true(times >= 10);
    assert_int_equal(d1->active_evtchns, 0);
    assert_int_equal(d1->refcnt.counter, 1);
    /* Once dying, a domain gets no interrupt: nobody would give the reference back. */
    assert_int_equal(set_global_virq_handler(d1, VIRQ_DOM_EXC), -EINVAL);
    assert_int_equal(d1->refcnt.counter, 1);
    assert_int_equal(evtchn_destroy(d1), 0);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dispatch),
        cmocka_unit_test(test_unbound),
        cmocka_unit_test(test_interdomain),
        cmocka_unit_test(test_interdomain_stranger),
        cmocka_unit_test(test_mask_and_unmask),
        cmocka_unit_test(test_virq),
        cmocka_unit_test(test_virq_handler),
        cmocka_unit_test(test_poll),
        cmocka_unit_test(test_pirq),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_death),
        cmocka_unit_test(test_preempted_death),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
