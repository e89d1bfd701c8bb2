/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event channels, private to hv/domain/evtchn*.c and virq.c: the port's structure and the table of
 * the two ABIs.
 *
 * Locks. A port's state and peer change with its domain's event_lock AND its own lock held (both
 * locks of both ends for an interdomain pair), so either is enough to read them. The sender takes
 * only the port's lock, with interrupts off. Bit and word updates in guest memory are atomic and
 * need no lock; FIFO queues have their own. Ports are never freed before their domain, so a port
 * found once stays a valid pointer while the domain is referenced.
 */
#ifndef HV_EVTCHN_PRIV_H
#define HV_EVTCHN_PRIV_H

#include <hv/errno.h>
#include <hv/event.h>
#include <hv/nospec.h>
#include <hv/sched.h>

enum evtchn_state {
    ECS_FREE,
    ECS_RESERVED,
    ECS_UNBOUND,
    ECS_INTERDOMAIN,
    ECS_PIRQ,
    ECS_VIRQ,
    ECS_IPI,
};

/* Which queue a FIFO event was linked on last; read and written as one word. */
struct fifo_last { uint8_t vcpu_id, priority; };

struct evtchn {
    spinlock_t lock;                 /* LOCK_EVTCHN_CHAN, interrupts off */
    uint32_t port;                   /* constant */
    uint8_t state;
    uint8_t notify_vcpu_id;
    uint8_t priority;                /* FIFO: the queue it goes on next */
    bool pending;                    /* FIFO: raised while its event word did not exist */
    struct fifo_last last;
    union {
        struct { domid_t remote_domid; } unbound;
        struct { struct domain *remote_dom; uint32_t remote_port; } interdomain;
        struct { uint32_t irq, prev_port, next_port; } pirq;
        uint32_t virq;
    } u;
};
_Static_assert(MAX_VIRT_CPUS <= 256, "vCPU numbers in a port are 8 bits wide");

#define EVTCHNS_PER_BUCKET 128u
#define EVTCHN_BUCKETS (EVTCHN_FIFO_NR_CHANNELS / EVTCHNS_PER_BUCKET)

/* The two guest ABIs. All but set_priority are called with the port's lock held, or with that of
   its interdomain peer. */
struct evtchn_port_ops {
    unsigned int max_ports;
    void (*init)(struct domain *d, struct evtchn *chn);
    void (*set_pending)(struct domain *d, struct evtchn *chn);
    void (*clear_pending)(struct domain *d, struct evtchn *chn);
    void (*unmask)(struct domain *d, struct evtchn *chn);
    bool (*is_pending)(const struct domain *d, const struct evtchn *chn);
    bool (*is_masked)(const struct domain *d, const struct evtchn *chn);
    /* A closed port whose traces in guest memory forbid its reuse. */
    bool (*is_busy)(const struct domain *d, const struct evtchn *chn);
    int (*set_priority)(struct domain *d, struct evtchn *chn, unsigned int priority);
};
extern const struct evtchn_port_ops evtchn_2l_ops, evtchn_fifo_ops;

/* NULL if there is no such port. */
static inline struct evtchn *evtchn_from_port(const struct domain *d, unsigned int port)
{
    unsigned int valid = READ_ONCE(d->valid_evtchns);
    if (unlikely(port >= valid))
        return NULL;
    port = (unsigned int)index_nospec(port, valid);
    return &d->evtchn_bucket[port / EVTCHNS_PER_BUCKET][port % EVTCHNS_PER_BUCKET];
}

static inline bool evtchn_usable(const struct evtchn *chn)
{
    return chn->state > ECS_RESERVED;
}

/* EVTCHNSTAT_* of a usable port. */
static inline unsigned int evtchn_kind(const struct evtchn *chn)
{
    return chn->state - ECS_UNBOUND + EVTCHNSTAT_unbound;
}

/* Raises chn. The caller holds its lock or that of its interdomain peer. */
static inline void evtchn_raise(struct domain *d, struct evtchn *chn)
{
    if (unlikely(!evtchn_usable(chn)))
        return;
    __atomic_add_fetch(&d->vcpu[chn->notify_vcpu_id]->counts.events[evtchn_kind(chn)], 1,
                       __ATOMIC_RELAXED);
    d->evtchn_ops->set_pending(d, chn);
}

/* Wakes vCPUs of d that wait for the port in SCHEDOP_poll. Follows an atomic update that made it
   pending. */
void evtchn_wake_pollers(struct domain *d, unsigned int port);
static inline void evtchn_check_pollers(struct domain *d, unsigned int port)
{
    unsigned long any = 0;
    for (unsigned int i = 0; i < ARRAY_SIZE(d->poll_mask); i++)
        any |= READ_ONCE(d->poll_mask[i]);
    if (unlikely(any))
        evtchn_wake_pollers(d, port);
}

/* A free port of d, its channel set to FREE still: the port or errno. event_lock. */
int evtchn_get_free_port(struct domain *d);
/* Ends what a new port needs: state under its lock. event_lock. */
void evtchn_activate(struct domain *d, struct evtchn *chn, enum evtchn_state state,
                     unsigned int vcpu_id);
/* The reverse. Its lock is held too. */
void evtchn_deactivate(struct domain *d, struct evtchn *chn);
/* Closes any port but those not in use (-EINVAL). Takes the event locks. */
int evtchn_close(struct domain *d, unsigned int port);
int evtchn_reset_from(struct domain *d, bool resuming);
/* Locks the event locks of both, by ascending domid. They may be the same. */
void evtchn_lock_domains(struct domain *a, struct domain *b);
void evtchn_unlock_domains(struct domain *a, struct domain *b);
/* Locks two ports by address with interrupts off; returns the flags. */
unsigned long evtchn_lock_pair(struct evtchn *a, struct evtchn *b);
void evtchn_unlock_pair(struct evtchn *a, struct evtchn *b, unsigned long flags);
/* Links and unlinks a PIRQ port on the list of interrupts that follow v. event_lock. */
void evtchn_link_pirq(struct vcpu *v, struct evtchn *chn);
void evtchn_unlink_pirq(struct vcpu *v, struct evtchn *chn);

bool virq_is_global(unsigned int virq);

/* evtchn_fifo.c */
int evtchn_fifo_init_control(struct domain *d, struct evtchn_init_control *init);
int evtchn_fifo_expand_array(struct domain *d, uint64_t gfn);
/* Gives back all pages and structures; no port may be in use. event_lock, or a dying domain. */
void evtchn_fifo_destroy(struct domain *d);

#endif
