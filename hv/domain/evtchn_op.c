/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HYPERVISOR_event_channel_op: one row per operation. Arguments are copied in, the row's function
 * decides and acts, and what it fills in is copied back on success. A port that was made stays made
 * when that last copy fails, as on Xen.
 */
#include <hv/hypercall.h>
#include <hv/iocap.h>
#include <hv/irq.h>
#include <hv/uaccess.h>
#include <pv/user.h>
#include "evtchn_priv.h"

union evtchn_args {
    struct evtchn_alloc_unbound alloc_unbound;
    struct evtchn_bind_interdomain bind_interdomain;
    struct evtchn_bind_virq bind_virq;
    struct evtchn_bind_pirq bind_pirq;
    struct evtchn_bind_ipi bind_ipi;
    struct evtchn_close close;
    struct evtchn_send send;
    struct evtchn_status status;
    struct evtchn_bind_vcpu bind_vcpu;
    struct evtchn_unmask unmask;
    struct evtchn_reset reset;
    struct evtchn_init_control init_control;
    struct evtchn_expand_array expand_array;
    struct evtchn_set_priority set_priority;
};

int evtchn_alloc_unbound_port(struct domain *d, domid_t remote)
{
    struct evtchn *chn;
    unsigned long flags;
    int port;

    spin_lock(&d->event_lock);
    port = evtchn_get_free_port(d);
    if (port >= 0) {
        chn = evtchn_from_port(d, (unsigned int)port);
        spin_lock_irqsave(&chn->lock, flags);
        chn->u.unbound.remote_domid = remote;
        evtchn_activate(d, chn, ECS_UNBOUND, 0);
        spin_unlock_irqrestore(&chn->lock, flags);
    }
    spin_unlock(&d->event_lock);
    return port;
}

static int op_alloc_unbound(union evtchn_args *a)
{
    domid_t remote = a->alloc_unbound.remote_dom;
    int rc;
    struct domain *d = target_domain(a->alloc_unbound.dom, &rc);

    if (!d)
        return rc;
    rc = evtchn_alloc_unbound_port(d, remote == DOMID_SELF ? current->domain->domain_id : remote);
    put_domain(d);
    if (rc < 0)
        return rc;
    a->alloc_unbound.port = (evtchn_port_t)rc;
    return 0;
}

/* Both event locks are held; the local port is free. */
static void connect(struct domain *ld, struct evtchn *lchn, struct domain *rd, struct evtchn *rchn)
{
    unsigned long flags = evtchn_lock_pair(lchn, rchn);
    lchn->u.interdomain.remote_dom = rd;
    lchn->u.interdomain.remote_port = rchn->port;
    evtchn_activate(ld, lchn, ECS_INTERDOMAIN, 0);
    rchn->u.interdomain.remote_dom = ld;
    rchn->u.interdomain.remote_port = lchn->port;
    rchn->state = ECS_INTERDOMAIN;
    /* Notifications may have been sent while the remote port had no peer. */
    evtchn_raise(ld, lchn);
    evtchn_unlock_pair(lchn, rchn, flags);
}

static int op_bind_interdomain(union evtchn_args *a)
{
    struct domain *ld = current->domain, *rd = get_domain_by_any_id(a->bind_interdomain.remote_dom);
    struct evtchn *rchn;
    int port;

    if (!rd)
        return -ESRCH;
    evtchn_lock_domains(ld, rd);
    port = evtchn_get_free_port(ld);
    if (port >= 0) {
        rchn = evtchn_from_port(rd, a->bind_interdomain.remote_port);
        if (rchn && rchn->state == ECS_UNBOUND && rchn->u.unbound.remote_domid == ld->domain_id)
            connect(ld, evtchn_from_port(ld, (unsigned int)port), rd, rchn);
        else
            port = -EINVAL;
    }
    evtchn_unlock_domains(ld, rd);
    put_domain(rd);
    if (port < 0)
        return port;
    a->bind_interdomain.local_port = (evtchn_port_t)port;
    return 0;
}

static int op_bind_virq(union evtchn_args *a)
{
    unsigned int virq = a->bind_virq.virq;
    struct domain *d = current->domain;
    struct evtchn *chn;
    struct vcpu *v;
    unsigned long flags;
    int port = -EEXIST;

    if (virq >= NR_VIRQS || (virq_is_global(virq) && a->bind_virq.vcpu))
        return -EINVAL;
    virq = (unsigned int)index_nospec(virq, NR_VIRQS);
    v = domain_vcpu(d, a->bind_virq.vcpu);
    if (!v)
        return -ENOENT;
    spin_lock(&d->event_lock);
    if (!v->virq_to_evtchn[virq])
        port = evtchn_get_free_port(d);
    if (port >= 0) {
        chn = evtchn_from_port(d, (unsigned int)port);
        spin_lock_irqsave(&chn->lock, flags);
        chn->u.virq = virq;
        evtchn_activate(d, chn, ECS_VIRQ, v->vcpu_id);
        spin_unlock_irqrestore(&chn->lock, flags);
        WRITE_ONCE(v->virq_to_evtchn[virq], port);
    }
    spin_unlock(&d->event_lock);
    if (port < 0)
        return port;
    a->bind_virq.port = (evtchn_port_t)port;
    return 0;
}

static int op_bind_ipi(union evtchn_args *a)
{
    struct domain *d = current->domain;
    struct evtchn *chn;
    unsigned long flags;
    int port;

    if (!domain_vcpu(d, a->bind_ipi.vcpu))
        return -ENOENT;
    spin_lock(&d->event_lock);
    port = evtchn_get_free_port(d);
    if (port >= 0) {
        chn = evtchn_from_port(d, (unsigned int)port);
        spin_lock_irqsave(&chn->lock, flags);
        evtchn_activate(d, chn, ECS_IPI, a->bind_ipi.vcpu);
        spin_unlock_irqrestore(&chn->lock, flags);
    }
    spin_unlock(&d->event_lock);
    if (port < 0)
        return port;
    a->bind_ipi.port = (evtchn_port_t)port;
    return 0;
}

/* Event lock held; pirq is below nr_pirqs and permitted. The port or errno. */
static int bind_pirq(struct domain *d, unsigned int pirq, bool share)
{
    struct evtchn *chn;
    unsigned long flags;
    int port, rc;

    if (!d->pirq_port) {
        evtchn_port_t *map = xzalloc_array(d->nr_pirqs, sizeof(*map));
        if (!map)
            return -ENOMEM;
        WRITE_ONCE(d->pirq_port, map);
    }
    if (d->pirq_port[pirq])
        return -EEXIST;
    port = evtchn_get_free_port(d);
    if (port < 0)
        return port;
    chn = evtchn_from_port(d, (unsigned int)port);
    spin_lock_irqsave(&chn->lock, flags);
    chn->u.pirq.irq = pirq;
    evtchn_link_pirq(d->vcpu[0], chn);
    evtchn_activate(d, chn, ECS_PIRQ, 0);
    spin_unlock_irqrestore(&chn->lock, flags);
    /* Before the interrupt is enabled: a level-triggered one may come at once. */
    WRITE_ONCE(d->pirq_port[pirq], (evtchn_port_t)port);
    rc = pirq_guest_bind(d->vcpu[0], pirq, share);
    if (!rc)
        return port;
    WRITE_ONCE(d->pirq_port[pirq], 0);
    spin_lock_irqsave(&chn->lock, flags);
    evtchn_unlink_pirq(d->vcpu[0], chn);
    evtchn_deactivate(d, chn);
    spin_unlock_irqrestore(&chn->lock, flags);
    return rc;
}

static int op_bind_pirq(union evtchn_args *a)
{
    unsigned int pirq = a->bind_pirq.pirq;
    struct domain *d = current->domain;
    int irq, port;

    if (pirq >= d->nr_pirqs)
        return -EINVAL;
    pirq = (unsigned int)index_nospec(pirq, d->nr_pirqs);
    irq = pirq_to_irq(d, pirq);
    if (irq < 0 || !irq_access_permitted(d, (unsigned int)irq))
        return -EPERM;
    spin_lock(&d->event_lock);
    port = bind_pirq(d, pirq, a->bind_pirq.flags & BIND_PIRQ__WILL_SHARE);
    spin_unlock(&d->event_lock);
    if (port < 0)
        return port;
    a->bind_pirq.port = (evtchn_port_t)port;
    return 0;
}

static int op_close(union evtchn_args *a)
{
    return evtchn_close(current->domain, a->close.port);
}

static int op_send(union evtchn_args *a)
{
    return evtchn_send(current->domain, a->send.port);
}

static const uint32_t public_status[] = {
    [ECS_FREE] = EVTCHNSTAT_closed,
    [ECS_RESERVED] = EVTCHNSTAT_closed,
    [ECS_UNBOUND] = EVTCHNSTAT_unbound,
    [ECS_INTERDOMAIN] = EVTCHNSTAT_interdomain,
    [ECS_PIRQ] = EVTCHNSTAT_pirq,
    [ECS_VIRQ] = EVTCHNSTAT_virq,
    [ECS_IPI] = EVTCHNSTAT_ipi,
};

static void fill_status(struct evtchn *chn, struct evtchn_status *s)
{
    unsigned long flags;
    spin_lock_irqsave(&chn->lock, flags);
    s->status = public_status[chn->state];
    s->vcpu = chn->notify_vcpu_id;
    switch (chn->state) {
    case ECS_UNBOUND:
        s->u.unbound.dom = chn->u.unbound.remote_domid;
        break;
    case ECS_INTERDOMAIN:
        s->u.interdomain.dom = chn->u.interdomain.remote_dom->domain_id;
        s->u.interdomain.port = chn->u.interdomain.remote_port;
        break;
    case ECS_PIRQ:
        s->u.pirq = chn->u.pirq.irq;
        break;
    case ECS_VIRQ:
        s->u.virq = chn->u.virq;
        break;
    default:
        break;
    }
    spin_unlock_irqrestore(&chn->lock, flags);
}

static int status_in(struct domain *d, struct evtchn_status *s)
{
    struct evtchn *chn = evtchn_from_port(d, s->port);
    if (!chn)
        return -EINVAL;
    fill_status(chn, s);
    return 0;
}

static int op_status(union evtchn_args *a)
{
    struct domain *d;
    int rc;

    if (likely(a->status.dom == DOMID_SELF))
        return status_in(current->domain, &a->status);
    d = target_domain(a->status.dom, &rc);
    if (!d)
        return rc;
    rc = status_in(d, &a->status);
    put_domain(d);
    return rc;
}

/* event_lock is held. */
static int rebind(struct domain *d, struct evtchn *chn, struct vcpu *v)
{
    unsigned long flags;
    int rc = 0;

    spin_lock_irqsave(&chn->lock, flags);
    switch (chn->state) {
    case ECS_VIRQ:
        if (virq_is_global(chn->u.virq))
            chn->notify_vcpu_id = (uint8_t)v->vcpu_id;
        else
            rc = -EINVAL;
        break;
    case ECS_UNBOUND:
    case ECS_INTERDOMAIN:
        chn->notify_vcpu_id = (uint8_t)v->vcpu_id;
        break;
    case ECS_PIRQ:
        if (chn->notify_vcpu_id == v->vcpu_id)
            break;
        evtchn_unlink_pirq(d->vcpu[chn->notify_vcpu_id], chn);
        chn->notify_vcpu_id = (uint8_t)v->vcpu_id;
        evtchn_link_pirq(v, chn);
        rc = 1; /* the interrupt follows, once the lock is dropped */
        break;
    default:
        rc = -EINVAL;
        break;
    }
    spin_unlock_irqrestore(&chn->lock, flags);
    if (rc <= 0)
        return rc;
    pirq_set_affinity(d, chn->u.pirq.irq, v->processor);
    return 0;
}

static int op_bind_vcpu(union evtchn_args *a)
{
    struct domain *d = current->domain;
    struct vcpu *v = domain_vcpu(d, a->bind_vcpu.vcpu);
    struct evtchn *chn;
    int rc;

    if (!v)
        return -ENOENT;
    chn = evtchn_from_port(d, a->bind_vcpu.port);
    if (!chn)
        return -EINVAL;
    spin_lock(&d->event_lock);
    rc = rebind(d, chn, v);
    spin_unlock(&d->event_lock);
    return rc;
}

int evtchn_unmask(struct domain *d, unsigned int port)
{
    struct evtchn *chn = evtchn_from_port(d, port);
    unsigned long flags;

    if (!chn)
        return -EINVAL;
    spin_lock_irqsave(&chn->lock, flags);
    if (evtchn_usable(chn))
        d->evtchn_ops->unmask(d, chn);
    spin_unlock_irqrestore(&chn->lock, flags);
    return 0;
}

static int op_unmask(union evtchn_args *a)
{
    return evtchn_unmask(current->domain, a->unmask.port);
}

static int do_reset(const union evtchn_args *a, bool resuming)
{
    int rc;
    struct domain *d = target_domain(a->reset.dom, &rc);
    if (!d)
        return rc;
    rc = evtchn_reset_from(d, resuming);
    put_domain(d);
    return rc;
}

static int op_reset(union evtchn_args *a)
{
    return do_reset(a, false);
}

static int op_reset_cont(union evtchn_args *a)
{
    return do_reset(a, true);
}

static int op_init_control(union evtchn_args *a)
{
    return evtchn_fifo_init_control(current->domain, &a->init_control);
}

static int op_expand_array(union evtchn_args *a)
{
    return evtchn_fifo_expand_array(current->domain, a->expand_array.array_gfn);
}

static int op_set_priority(union evtchn_args *a)
{
    struct domain *d = current->domain;
    struct evtchn *chn = evtchn_from_port(d, a->set_priority.port);
    unsigned long flags;
    int rc;

    if (!chn)
        return -EINVAL;
    spin_lock_irqsave(&chn->lock, flags);
    rc = d->evtchn_ops->set_priority(d, chn, a->set_priority.priority);
    spin_unlock_irqrestore(&chn->lock, flags);
    return rc;
}

/* A preempted reset goes on under the number that the public header keeps for the hypervisor. */
#define RESET_CONTINUED (EVTCHNOP_set_priority + 1)

struct evtchn_row {
    int (*fn)(union evtchn_args *a);
    uint8_t size;
    bool out;
};
#define ROW(name, copied_back) { op_##name, sizeof(struct evtchn_##name), copied_back }
static const struct evtchn_row rows[] = {
    [EVTCHNOP_bind_interdomain] = ROW(bind_interdomain, true),
    [EVTCHNOP_bind_virq] = ROW(bind_virq, true),
    [EVTCHNOP_bind_pirq] = ROW(bind_pirq, true),
    [EVTCHNOP_close] = ROW(close, false),
    [EVTCHNOP_send] = ROW(send, false),
    [EVTCHNOP_status] = ROW(status, true),
    [EVTCHNOP_alloc_unbound] = ROW(alloc_unbound, true),
    [EVTCHNOP_bind_ipi] = ROW(bind_ipi, true),
    [EVTCHNOP_bind_vcpu] = ROW(bind_vcpu, false),
    [EVTCHNOP_unmask] = ROW(unmask, false),
    [EVTCHNOP_reset] = ROW(reset, false),
    [EVTCHNOP_init_control] = ROW(init_control, true),
    [EVTCHNOP_expand_array] = ROW(expand_array, false),
    [EVTCHNOP_set_priority] = ROW(set_priority, false),
    [RESET_CONTINUED] = { op_reset_cont, sizeof(struct evtchn_reset), false },
};

_Static_assert(sizeof(struct evtchn_status) == 24, "three words");

/* The one operation that only looks, and never continues: it goes around the table. */
static long quick_status(struct evtchn_status *uop)
{
    union evtchn_args a;
    int rc;

    if (copy_words_from_guest(&a.status, uop, sizeof(a.status) / 8))
        return -EFAULT;
    rc = op_status(&a);
    return likely(!rc) ? copy_words_to_guest(uop, &a.status, sizeof(a.status) / 8) : rc;
}

long do_event_channel_op(unsigned long cmd, void *arg)
{
    const struct evtchn_row *row;
    union evtchn_args a;
    int rc;

    cmd = (unsigned int)cmd;
    if (cmd == EVTCHNOP_status)
        return quick_status(arg);
    row = row_nospec(rows, cmd);
    if (!row)
        return -ENOSYS;
    if (copy_from_guest(&a, arg, row->size))
        return -EFAULT;
    rc = row->fn(&a);
    if (rc == -ERESTART)
        return HYPERCALL_CONTINUE(event_channel_op, RESET_CONTINUED, (unsigned long)arg);
    if (!rc && row->out && copy_to_guest(arg, &a, row->size))
        return -EFAULT;
    return rc;
}
