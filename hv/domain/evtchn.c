/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event channels: the ports of a domain, how they are made, raised and closed. The hypercall's
 * operations are in evtchn_op.c, the guest-visible bits in evtchn_2l.c and evtchn_fifo.c, virtual
 * interrupts in virq.c.
 */
#include <hv/backend.h>
#include <hv/hypercall.h>
#include <hv/irq.h>
#include <hv/printk.h>
#include <hv/trace.h>
#include "evtchn_priv.h"

/* Ports closed between two looks at pending work. */
#define RESET_STRIDE 64

/* --- Ports --- */

static int add_bucket(struct domain *d)
{
    unsigned int first = d->valid_evtchns;
    struct evtchn *b = xzalloc_array(EVTCHNS_PER_BUCKET, sizeof(*b));
    if (!b)
        return -ENOMEM;
    for (unsigned int i = 0; i < EVTCHNS_PER_BUCKET; i++) {
        b[i].port = first + i;
        spin_lock_init(&b[i].lock, LOCK_EVTCHN_CHAN);
    }
    d->evtchn_bucket[first / EVTCHNS_PER_BUCKET] = b;
    smp_wmb(); /* whoever sees the port number sees the bucket */
    WRITE_ONCE(d->valid_evtchns, first + EVTCHNS_PER_BUCKET);
    return 0;
}

int evtchn_get_free_port(struct domain *d)
{
    const struct evtchn *chn;
    unsigned int port;
    int rc;

    if (d->is_dying)
        return -EINVAL;
    for (port = 1; port < d->valid_evtchns; port++) {
        if (port > d->max_evtchn_port || port >= d->evtchn_ops->max_ports)
            return -ENOSPC;
        chn = evtchn_from_port(d, port);
        if (chn->state == ECS_FREE && !d->evtchn_ops->is_busy(d, chn))
            return (int)port;
    }
    if (port > d->max_evtchn_port || port >= d->evtchn_ops->max_ports)
        return -ENOSPC;
    rc = add_bucket(d);
    return rc ? rc : (int)port;
}

void evtchn_activate(struct domain *d, struct evtchn *chn, enum evtchn_state state,
                     unsigned int vcpu_id)
{
    chn->notify_vcpu_id = (uint8_t)vcpu_id;
    chn->state = state;
    d->evtchn_ops->init(d, chn);
    WRITE_ONCE(d->active_evtchns, d->active_evtchns + 1);
}

void evtchn_deactivate(struct domain *d, struct evtchn *chn)
{
    d->evtchn_ops->clear_pending(d, chn);
    chn->state = ECS_FREE;
    chn->notify_vcpu_id = 0;
    WRITE_ONCE(d->active_evtchns, d->active_evtchns - 1);
}

bool evtchn_port_valid(const struct domain *d, unsigned int port)
{
    return evtchn_from_port(d, port) != NULL;
}

bool evtchn_port_is_masked(struct domain *d, unsigned int port)
{
    struct evtchn *chn = evtchn_from_port(d, port);
    unsigned long flags;
    bool masked;

    if (!chn)
        return true;
    spin_lock_irqsave(&chn->lock, flags);
    masked = !evtchn_usable(chn) || d->evtchn_ops->is_masked(d, chn);
    spin_unlock_irqrestore(&chn->lock, flags);
    return masked;
}

void evtchn_lock_domains(struct domain *a, struct domain *b)
{
    if (a->domain_id > b->domain_id)
        swap(a, b);
    spin_lock(&a->event_lock);
    if (a != b)
        spin_lock_nested(&b->event_lock);
}

void evtchn_unlock_domains(struct domain *a, struct domain *b)
{
    spin_unlock(&a->event_lock);
    if (a != b)
        spin_unlock(&b->event_lock);
}

unsigned long evtchn_lock_pair(struct evtchn *a, struct evtchn *b)
{
    unsigned long flags = local_irq_save();
    if (a > b)
        swap(a, b);
    spin_lock(&a->lock);
    if (a != b)
        spin_lock_nested(&b->lock);
    return flags;
}

void evtchn_unlock_pair(struct evtchn *a, struct evtchn *b, unsigned long flags)
{
    if (a != b)
        spin_unlock(&b->lock);
    spin_unlock(&a->lock);
    local_irq_restore(flags);
}

/* --- Raising --- */

void vcpu_mark_events_pending(struct vcpu *v)
{
    struct vcpu_info *vi = READ_ONCE(v->vcpu_info);
    if (xchg(&vi->evtchn_upcall_pending, 1))
        return;
    vcpu_kick(v);
    if (v->domain->backend->event_pending)
        v->domain->backend->event_pending(v);
}

void evtchn_wake_pollers(struct domain *d, unsigned int port)
{
    unsigned long id = find_next_bit(d->poll_mask, d->max_vcpus, 0);
    for (; id < d->max_vcpus; id = find_next_bit(d->poll_mask, d->max_vcpus, id + 1)) {
        struct vcpu *v = d->vcpu[id];
        unsigned int polled = READ_ONCE(v->poll_evtchn);
        if ((!polled || polled == port) && test_and_clear_bit(id, d->poll_mask))
            vcpu_unblock(v);
    }
}

/* The port's lock is held and keeps a peer from going away. */
static int send_locked(struct domain *d, struct evtchn *chn)
{
    struct domain *rd;
    switch (chn->state) {
    case ECS_INTERDOMAIN:
        rd = chn->u.interdomain.remote_dom;
        evtchn_raise(rd, evtchn_from_port(rd, chn->u.interdomain.remote_port));
        return 0;
    case ECS_IPI:
        evtchn_raise(d, chn);
        return 0;
    case ECS_UNBOUND:
        return 0; /* nobody listens yet; binding raises the port once to make up for it */
    default:
        return -EINVAL;
    }
}

int evtchn_send(struct domain *d, unsigned int port)
{
    struct evtchn *chn = evtchn_from_port(d, port);
    unsigned long flags;
    int rc;

    if (unlikely(!chn))
        return -EINVAL;
    trace(TRACE_EVENT, d->domain_id, port, chn->state, 0);
    spin_lock_irqsave(&chn->lock, flags);
    rc = send_locked(d, chn);
    spin_unlock_irqrestore(&chn->lock, flags);
    return rc;
}

bool evtchn_port_is_pending(struct domain *d, unsigned int port)
{
    struct evtchn *chn = evtchn_from_port(d, port);
    unsigned long flags;
    bool pending;

    if (!chn)
        return false;
    spin_lock_irqsave(&chn->lock, flags);
    pending = evtchn_usable(chn) && d->evtchn_ops->is_pending(d, chn);
    spin_unlock_irqrestore(&chn->lock, flags);
    return pending;
}

/* --- Interrupts --- */

unsigned int pirq_to_evtchn(const struct domain *d, unsigned int pirq)
{
    const evtchn_port_t *map = READ_ONCE(d->pirq_port);
    return map && pirq < d->nr_pirqs ? READ_ONCE(map[pirq]) : 0;
}

void send_guest_pirq(struct domain *d, unsigned int pirq)
{
    unsigned int port = pirq_to_evtchn(d, pirq);
    struct evtchn *chn = port ? evtchn_from_port(d, port) : NULL;
    if (!chn)
        return;
    spin_lock(&chn->lock);
    if (chn->state == ECS_PIRQ && chn->u.pirq.irq == pirq)
        evtchn_raise(d, chn);
    spin_unlock(&chn->lock);
}

void evtchn_link_pirq(struct vcpu *v, struct evtchn *chn)
{
    chn->u.pirq.prev_port = 0;
    chn->u.pirq.next_port = v->pirq_evtchn_head;
    if (v->pirq_evtchn_head)
        evtchn_from_port(v->domain, v->pirq_evtchn_head)->u.pirq.prev_port = chn->port;
    v->pirq_evtchn_head = chn->port;
}

void evtchn_unlink_pirq(struct vcpu *v, struct evtchn *chn)
{
    uint32_t prev = chn->u.pirq.prev_port, next = chn->u.pirq.next_port;
    if (prev)
        evtchn_from_port(v->domain, prev)->u.pirq.next_port = next;
    else
        v->pirq_evtchn_head = next;
    if (next)
        evtchn_from_port(v->domain, next)->u.pirq.prev_port = prev;
}

void evtchn_move_pirqs(struct vcpu *v)
{
    struct domain *d = v->domain;
    const struct evtchn *chn;
    unsigned int port;

    if (!READ_ONCE(v->pirq_evtchn_head))
        return;
    spin_lock(&d->event_lock);
    for (port = v->pirq_evtchn_head; port; port = chn->u.pirq.next_port) {
        chn = evtchn_from_port(d, port);
        pirq_set_affinity(d, chn->u.pirq.irq, v->processor);
    }
    spin_unlock(&d->event_lock);
}

/* --- Closing --- */

static void close_pirq(struct domain *d, struct evtchn *chn)
{
    pirq_guest_unbind(d, chn->u.pirq.irq);
    WRITE_ONCE(d->pirq_port[chn->u.pirq.irq], 0);
    evtchn_unlink_pirq(d->vcpu[chn->notify_vcpu_id], chn);
}

static void close_virq(struct domain *d, const struct evtchn *chn)
{
    struct vcpu *v;
    for_each_vcpu(d, v)
        if (v->virq_to_evtchn[chn->u.virq] == chn->port)
            WRITE_ONCE(v->virq_to_evtchn[chn->u.virq], 0);
}

/* Event locks of both ends are held. The peer goes back to waiting for d. */
static void close_interdomain(struct domain *d, struct evtchn *chn)
{
    struct domain *rd = chn->u.interdomain.remote_dom;
    struct evtchn *peer = evtchn_from_port(rd, chn->u.interdomain.remote_port);
    unsigned long flags = evtchn_lock_pair(chn, peer);

    evtchn_deactivate(d, chn);
    if (peer != chn) {
        peer->state = ECS_UNBOUND;
        peer->u.unbound.remote_domid = d->domain_id;
    }
    evtchn_unlock_pair(chn, peer, flags);
}

/* Locks what closing chn needs: d's event lock and, for an interdomain port, its peer domain's, by
   ascending domid. The peer is returned with a reference, which is what keeps it while the locks
   are taken in order. */
static struct domain *lock_for_close(struct domain *d, struct evtchn *chn)
{
    struct domain *rd;
    for (;;) {
        spin_lock(&d->event_lock);
        if (chn->state != ECS_INTERDOMAIN)
            return NULL;
        rd = chn->u.interdomain.remote_dom;
        get_knownalive_domain(rd); /* a bound port keeps its peer domain from being freed */
        if (rd == d)
            return rd;
        if (d->domain_id < rd->domain_id) {
            spin_lock_nested(&rd->event_lock);
            return rd;
        }
        spin_unlock(&d->event_lock);
        evtchn_lock_domains(d, rd);
        if (chn->state == ECS_INTERDOMAIN && chn->u.interdomain.remote_dom == rd)
            return rd;
        evtchn_unlock_domains(d, rd);
        put_domain(rd);
    }
}

int evtchn_close(struct domain *d, unsigned int port)
{
    struct evtchn *chn = evtchn_from_port(d, port);
    struct domain *rd;
    unsigned long flags;
    int rc = 0;

    if (!chn)
        return -EINVAL;
    rd = lock_for_close(d, chn);
    switch (chn->state) {
    case ECS_FREE:
    case ECS_RESERVED:
        rc = -EINVAL;
        break;
    case ECS_INTERDOMAIN:
        close_interdomain(d, chn);
        break;
    case ECS_PIRQ:
        close_pirq(d, chn);
        break;
    case ECS_VIRQ:
        close_virq(d, chn);
        break;
    default:
        break;
    }
    if (!rc && chn->state != ECS_FREE) {
        spin_lock_irqsave(&chn->lock, flags);
        evtchn_deactivate(d, chn);
        spin_unlock_irqrestore(&chn->lock, flags);
    }
    evtchn_unlock_domains(d, rd ? rd : d);
    if (rd)
        put_domain(rd);
    return rc;
}

int evtchn_reset_from(struct domain *d, bool resuming)
{
    unsigned int i;
    int rc = 0;

    if (d != current->domain && !d->controller_pause_count)
        return -EINVAL;
    spin_lock(&d->event_lock);
    i = d->next_evtchn;
    if (!resuming && i) {
        spin_unlock(&d->event_lock);
        return -EBUSY;
    }
    if (!resuming)
        i = d->next_evtchn = 1;
    spin_unlock(&d->event_lock);
    if (!i)
        return -EBUSY;

    for (; evtchn_port_valid(d, i) && READ_ONCE(d->active_evtchns); i++) {
        (void)evtchn_close(d, i); /* free ones are refused */
        if (i % RESET_STRIDE == 0 && hypercall_preempt_check()) {
            spin_lock(&d->event_lock);
            d->next_evtchn = i;
            spin_unlock(&d->event_lock);
            return -ERESTART;
        }
    }
    spin_lock(&d->event_lock);
    d->next_evtchn = 0;
    if (d->active_evtchns) {
        rc = -EAGAIN; /* another vCPU bound new ones behind us */
    } else if (d->evtchn_fifo) {
        evtchn_fifo_destroy(d);
        d->evtchn_ops = &evtchn_2l_ops;
    }
    spin_unlock(&d->event_lock);
    return rc;
}

int evtchn_reset(struct domain *d)
{
    return evtchn_reset_from(d, READ_ONCE(d->next_evtchn) != 0);
}

/* --- Life --- */

int evtchn_init_domain(struct domain *d)
{
    int rc;
    spin_lock_init(&d->event_lock, LOCK_EVTCHN);
    d->evtchn_ops = &evtchn_2l_ops;
    d->evtchn_bucket = xzalloc_array(EVTCHN_BUCKETS, sizeof(*d->evtchn_bucket));
    if (!d->evtchn_bucket)
        return -ENOMEM;
    rc = add_bucket(d);
    if (rc) {
        xfree(d->evtchn_bucket);
        d->evtchn_bucket = NULL;
        return rc;
    }
    evtchn_from_port(d, 0)->state = ECS_RESERVED;
    return 0;
}

/* Closes the ports from evtchn_destroy_next on. No new ones appear: d dies, and says so to who
   allocates. */
static int close_all(struct domain *d)
{
    unsigned int i = MAX(d->evtchn_destroy_next, 1u);

    for (; evtchn_port_valid(d, i) && READ_ONCE(d->active_evtchns); i++) {
        if (i % RESET_STRIDE == 0 && i != d->evtchn_destroy_next && hypercall_preempt_check()) {
            d->evtchn_destroy_next = i;
            return -ERESTART;
        }
        (void)evtchn_close(d, i); /* free ones are refused */
    }
    d->evtchn_destroy_next = i;
    return 0;
}

int evtchn_destroy(struct domain *d)
{
    int rc;

    if (!d->evtchn_bucket)
        return 0;
    /* Whoever holds the lock may not have seen that d dies; who comes after does and allocates no
     * port. */
    spin_lock(&d->event_lock);
    spin_unlock(&d->event_lock);
    rc = close_all(d);
    if (rc)
        return rc;
    clear_global_virq_handlers(d);
    spin_lock(&d->event_lock);
    if (d->evtchn_fifo)
        evtchn_fifo_destroy(d);
    d->evtchn_ops = &evtchn_2l_ops;
    spin_unlock(&d->event_lock);
    return 0;
}

void evtchn_free(struct domain *d)
{
    if (!d->evtchn_bucket)
        return;
    for (unsigned int i = 0; i < EVTCHN_BUCKETS && d->evtchn_bucket[i]; i++)
        xfree(d->evtchn_bucket[i]);
    xfree(d->evtchn_bucket);
    d->evtchn_bucket = NULL;
    d->valid_evtchns = 0;
    xfree(d->pirq_port);
    d->pirq_port = NULL;
}

static const char *const state_names[] = { "free", "reserved", "unbound", "interdomain",
                                           "pirq", "virq",     "ipi" };

void evtchn_dump(struct domain *d)
{
    unsigned long flags;
    printk("%s: %u event channels in use, %s\n", d->name, d->active_evtchns,
           d->evtchn_fifo ? "FIFO" : "2-level");
    for (unsigned int port = 1; evtchn_port_valid(d, port); port++) {
        struct evtchn *chn = evtchn_from_port(d, port);
        struct evtchn c;
        bool pending, masked;
        spin_lock_irqsave(&chn->lock, flags);
        c = *chn;
        pending = evtchn_usable(chn) && d->evtchn_ops->is_pending(d, chn);
        masked = evtchn_usable(chn) && d->evtchn_ops->is_masked(d, chn);
        spin_unlock_irqrestore(&chn->lock, flags);
        if (c.state == ECS_FREE)
            continue;
        printk("  %4u [p%d/m%d] %s vcpu %u", port, pending, masked, state_names[c.state],
               c.notify_vcpu_id);
        if (c.state == ECS_UNBOUND)
            printk(" for d%u", c.u.unbound.remote_domid);
        else if (c.state == ECS_INTERDOMAIN)
            printk(" with %s port %u", c.u.interdomain.remote_dom->name,
                   c.u.interdomain.remote_port);
        else if (c.state == ECS_PIRQ)
            printk(" pirq %u", c.u.pirq.irq);
        else if (c.state == ECS_VIRQ)
            printk(" virq %u", c.u.virq);
        printk("\n");
    }
}
