/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtual interrupts: events that the hypervisor raises. Those of a vCPU (timer, debug) go to the
 * port bound on that vCPU; global ones are bound on vCPU 0 and belong to one domain at a time, dom0
 * unless it gave them away.
 */
#include <hv/errno.h>
#include "evtchn_priv.h"

static struct domain *handlers[NR_VIRQS]; /* NULL = dom0; each entry holds a reference */
static DEFINE_SPINLOCK(handlers_lock, LOCK_VIRQ);

bool virq_is_global(unsigned int virq)
{
    switch (virq) {
    case VIRQ_TIMER:
    case VIRQ_DEBUG:
    case VIRQ_XENOPROF:
    case VIRQ_XENPMU:
        return false;
    default:
        return true;
    }
}

/* The binding is read without event_lock: the port's own lock tells whether it still is what was
   read. */
static void raise_virq(struct vcpu *v, unsigned int virq)
{
    struct domain *d = v->domain;
    unsigned int port = READ_ONCE(v->virq_to_evtchn[virq]);
    struct evtchn *chn;
    unsigned long flags;

    if (!port)
        return;
    chn = evtchn_from_port(d, port);
    spin_lock_irqsave(&chn->lock, flags);
    if (chn->state == ECS_VIRQ && chn->u.virq == virq)
        evtchn_raise(d, chn);
    spin_unlock_irqrestore(&chn->lock, flags);
}

void send_guest_vcpu_virq(struct vcpu *v, unsigned int virq)
{
    raise_virq(v, virq);
}

void send_guest_global_virq(struct domain *d, unsigned int virq)
{
    struct vcpu *v = d ? domain_vcpu(d, 0) : NULL;
    if (v)
        raise_virq(v, virq);
}

void send_global_virq(unsigned int virq)
{
    struct domain *d = READ_ONCE(handlers[virq]);
    send_guest_global_virq(d ? d : dom0, virq);
}

int set_global_virq_handler(struct domain *d, unsigned int virq)
{
    struct domain *old;

    if (virq >= NR_VIRQS || !virq_is_global(virq))
        return -EINVAL;
    if (READ_ONCE(handlers[virq]) == d)
        return 0;
    /* evtchn_destroy() may be over: nobody would give the reference back. (d) */
    if (d->is_dying || !get_domain(d))
        return -EINVAL;
    spin_lock(&handlers_lock);
    old = handlers[virq];
    WRITE_ONCE(handlers[virq], d);
    spin_unlock(&handlers_lock);
    if (old)
        put_domain(old);
    return 0;
}

void clear_global_virq_handlers(struct domain *d)
{
    unsigned int refs = 0;
    spin_lock(&handlers_lock);
    for (unsigned int i = 0; i < NR_VIRQS; i++) {
        if (handlers[i] != d)
            continue;
        WRITE_ONCE(handlers[i], NULL);
        refs++;
    }
    spin_unlock(&handlers_lock);
    while (refs--)
        put_domain(d);
}
