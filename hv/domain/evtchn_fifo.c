/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The FIFO event ABI: one 32-bit word per port in guest pages, linked into one queue per vCPU and
 * priority, whose heads lie in a control block. 131072 ports, 16 priorities. Source:
 * xen/event_channel.h, "FIFO ABI", and the design paper "FIFO-based Event Channel ABI" by D.
 * Vrabel.
 *
 * Words and heads are the guest's to spoil at any moment. They are changed by compare-and-swap with
 * a bounded number of tries, ports read from them are never followed (the tail is kept on our
 * side), and a guest that makes linking impossible is crashed.
 *
 * The queue lock protects the tail. Its holder is the only one that links; the guest only unlinks,
 * from the head.
 */
#include <hv/backend.h>
#include <hv/printk.h>
#include "evtchn_priv.h"

#define WORDS_PER_PAGE (PAGE_SIZE / sizeof(event_word_t))
#define MAX_ARRAY_PAGES (EVTCHN_FIFO_NR_CHANNELS / WORDS_PER_PAGE)
#define WORD_BUSY (1u << EVTCHN_FIFO_BUSY)
#define WORD_LINKED (1u << EVTCHN_FIFO_LINKED)
#define LINK_TRIES 4
#define QUEUE_TRIES 4

struct evtchn_fifo_queue {
    spinlock_t lock;    /* LOCK_EVTCHN_QUEUE */
    uint32_t tail;      /* 0 = empty */
};

struct evtchn_fifo_vcpu {
    struct evtchn_fifo_control_block *cb; /* NULL until the guest registers it */
    struct page_info *page;
    struct evtchn_fifo_queue queue[EVTCHN_FIFO_MAX_QUEUES];
};

struct evtchn_fifo_domain {
    unsigned int nr_words;
    event_word_t *array[MAX_ARRAY_PAGES];
    struct page_info *page[MAX_ARRAY_PAGES];
};

/* --- Words --- */

/* NULL if the guest has not given the page yet. */
static event_word_t *word_of(const struct domain *d, unsigned int port)
{
    const struct evtchn_fifo_domain *f = d->evtchn_fifo;
    if (unlikely(port >= READ_ONCE(f->nr_words)))
        return NULL;
    return f->array[port / WORDS_PER_PAGE] + port % WORDS_PER_PAGE;
}

static bool word_bit(const event_word_t *w, unsigned int bit)
{
    return (READ_ONCE(*w) >> bit) & 1;
}

static void init_fifo(struct domain *d, struct evtchn *chn)
{
    chn->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
    chn->pending = false;
}

static void clear_pending_fifo(struct domain *d, struct evtchn *chn)
{
    event_word_t *w = word_of(d, chn->port);
    chn->pending = false;
    /* A linked word stays linked: it is the guest's to take off its queue. */
    if (w)
        (void)test_and_clear_bit32(EVTCHN_FIFO_PENDING, w);
}

/*
 * Makes w, the tail of a queue, point to port. False: the guest has unlinked w, so the queue is
 * empty and the head is to be written. A guest that keeps changing the word is first asked to wait
 * by BUSY, then crashed.
 */
static bool link_after(struct domain *d, event_word_t *w, uint32_t port)
{
    event_word_t old = READ_ONCE(*w), new, seen;
    for (unsigned int i = 0; i < 2 * LINK_TRIES; i++) {
        if (i == LINK_TRIES) {
            (void)test_and_set_bit32(EVTCHN_FIFO_BUSY, w);
            old = READ_ONCE(*w);
        }
        if (!(old & WORD_LINKED)) {
            if (i >= LINK_TRIES)
                (void)test_and_clear_bit32(EVTCHN_FIFO_BUSY, w);
            return false;
        }
        new = (old & ~(WORD_BUSY | (event_word_t)EVTCHN_FIFO_LINK_MASK)) | port;
        seen = cmpxchg(w, old, new);
        if (seen == old)
            return true;
        old = seen;
    }
    domain_crash(d, "event word of a queue's tail keeps changing; port %u cannot be linked", port);
    return true;
}

/* --- Queues --- */

static struct evtchn_fifo_queue *queue_of(const struct domain *d, struct fifo_last at)
{
    const struct vcpu *v = domain_vcpu(d, at.vcpu_id);
    return v && v->evtchn_fifo ? &v->evtchn_fifo->queue[at.priority % EVTCHN_FIFO_MAX_QUEUES]
                               : NULL;
}

static void unlock_queues(struct evtchn_fifo_queue *a, struct evtchn_fifo_queue *b)
{
    if (a != b)
        spin_unlock(&b->lock);
    spin_unlock(&a->lock);
}

static void lock_queues(struct evtchn_fifo_queue *a, struct evtchn_fifo_queue *b)
{
    if (a > b)
        swap(a, b);
    spin_lock(&a->lock);
    if (a != b)
        spin_lock_nested(&b->lock);
}

static struct fifo_last read_last(const struct evtchn *chn)
{
    uint16_t raw = READ_ONCE(*(const uint16_t *)&chn->last);
    struct fifo_last l;
    __builtin_memcpy(&l, &raw, sizeof(l));
    return l;
}
_Static_assert(sizeof(struct fifo_last) == sizeof(uint16_t), "read and written as one word");

/* Locks the queue that chn goes on and the one it was linked on last; both may change until they
 * are locked. */
static bool lock_queues_of(struct domain *d, struct evtchn *chn, struct fifo_last to,
                           struct evtchn_fifo_queue **q, struct evtchn_fifo_queue **old_q)
{
    for (unsigned int i = 0; i < QUEUE_TRIES; i++) {
        struct fifo_last last = read_last(chn), again;
        *q = queue_of(d, to);
        *old_q = queue_of(d, last);
        if (!*q)
            return false;
        if (!*old_q)
            *old_q = *q;
        lock_queues(*q, *old_q);
        again = read_last(chn);
        if (again.vcpu_id == last.vcpu_id && again.priority == last.priority)
            return true;
        unlock_queues(*q, *old_q);
    }
    return false;
}

/* Puts chn, whose LINKED bit was just set by us, at the end of q. True if the queue was empty. Both
   queues are locked. */
static bool append(struct domain *d, struct evtchn *chn, struct fifo_last to,
                   struct evtchn_fifo_queue *q, struct evtchn_fifo_queue *old_q,
                   struct evtchn_fifo_control_block *cb)
{
    bool linked = false;
    event_word_t *tail;

    /* If it was a tail, that queue is empty now; its tail must not be linked to from what
       follows. */
    if (old_q->tail == chn->port)
        old_q->tail = 0;
    if (q != old_q)
        WRITE_ONCE(chn->last, to);
    if (q->tail) {
        tail = word_of(d, q->tail);
        linked = tail && link_after(d, tail, chn->port);
    }
    if (!linked)
        WRITE_ONCE(cb->head[to.priority], chn->port);
    q->tail = chn->port;
    return !linked;
}

static void set_pending_fifo(struct domain *d, struct evtchn *chn)
{
    struct fifo_last to = { READ_ONCE(chn->notify_vcpu_id), READ_ONCE(chn->priority) };
    event_word_t *w = word_of(d, chn->port);
    struct vcpu *v = domain_vcpu(d, to.vcpu_id);
    struct evtchn_fifo_control_block *cb;
    struct evtchn_fifo_queue *q, *old_q;
    bool was_pending, was_empty = false;

    if (unlikely(!w)) {
        chn->pending = true;
        return;
    }
    was_pending = test_and_set_bit32(EVTCHN_FIFO_PENDING, w);
    /* Without a control block nothing may be unmasked yet, so nothing is lost by not linking. */
    cb = v && v->evtchn_fifo ? READ_ONCE(v->evtchn_fifo->cb) : NULL;
    if (cb && !word_bit(w, EVTCHN_FIFO_MASKED) && !word_bit(w, EVTCHN_FIFO_LINKED)) {
        if (!lock_queues_of(d, chn, to, &q, &old_q)) {
            gprintk(XENLOG_WARNING, "d%u port %u: event lost, its queue keeps changing\n",
                    d->domain_id, chn->port);
            return;
        }
        if (!test_and_set_bit32(EVTCHN_FIFO_LINKED, w))
            was_empty = append(d, chn, to, q, old_q, cb);
        unlock_queues(q, old_q);
        if (was_empty && !test_and_set_bit32(to.priority, &cb->ready))
            vcpu_mark_events_pending(v);
    }
    if (!was_pending)
        evtchn_check_pollers(d, chn->port);
}

static void unmask_fifo(struct domain *d, struct evtchn *chn)
{
    event_word_t *w = word_of(d, chn->port);
    if (!w)
        return;
    (void)test_and_clear_bit32(EVTCHN_FIFO_MASKED, w);
    if (word_bit(w, EVTCHN_FIFO_PENDING))
        set_pending_fifo(d, chn);
}

static bool is_pending_fifo(const struct domain *d, const struct evtchn *chn)
{
    const event_word_t *w = word_of(d, chn->port);
    return w && word_bit(w, EVTCHN_FIFO_PENDING);
}

static bool is_masked_fifo(const struct domain *d, const struct evtchn *chn)
{
    const event_word_t *w = word_of(d, chn->port);
    return !w || word_bit(w, EVTCHN_FIFO_MASKED);
}

static bool is_busy_fifo(const struct domain *d, const struct evtchn *chn)
{
    const event_word_t *w = word_of(d, chn->port);
    return w && word_bit(w, EVTCHN_FIFO_LINKED);
}

/* Takes effect when the event is raised next. */
static int set_priority_fifo(struct domain *d, struct evtchn *chn, unsigned int priority)
{
    if (priority > EVTCHN_FIFO_PRIORITY_MIN)
        return -EINVAL;
    WRITE_ONCE(chn->priority, (uint8_t)priority);
    return 0;
}

const struct evtchn_port_ops evtchn_fifo_ops = {
    .max_ports = EVTCHN_FIFO_NR_CHANNELS,
    .init = init_fifo,
    .set_pending = set_pending_fifo,
    .clear_pending = clear_pending_fifo,
    .unmask = unmask_fifo,
    .is_pending = is_pending_fifo,
    .is_masked = is_masked_fifo,
    .is_busy = is_busy_fifo,
    .set_priority = set_priority_fifo,
};

/* --- Registration --- */

static int ensure_vcpu(struct vcpu *v)
{
    struct evtchn_fifo_vcpu *efv;
    if (v->evtchn_fifo)
        return 0;
    efv = xzalloc_struct(struct evtchn_fifo_vcpu);
    if (!efv)
        return -ENOMEM;
    for (unsigned int i = 0; i < EVTCHN_FIFO_MAX_QUEUES; i++)
        spin_lock_init(&efv->queue[i].lock, LOCK_EVTCHN_QUEUE);
    smp_wmb();
    WRITE_ONCE(v->evtchn_fifo, efv);
    return 0;
}

/* Takes over the reference and type use of pg. */
static int map_control_block(struct vcpu *v, struct page_info *pg, uint32_t offset)
{
    struct evtchn_fifo_vcpu *efv = v->evtchn_fifo;
    struct evtchn_fifo_control_block *cb = (void *)((char *)page_to_virt(pg) + offset);

    if (efv->cb)
        return -EINVAL;
    for (unsigned int i = 0; i < EVTCHN_FIFO_MAX_QUEUES; i++)
        WRITE_ONCE(cb->head[i], 0);
    efv->page = pg;
    smp_wmb();
    WRITE_ONCE(efv->cb, cb);
    return 0;
}

/* The ABI in use changes: events that are pending in the 2-level bits are raised again when their
 * word appears. */
static void adopt_ports(struct domain *d)
{
    for (unsigned int port = 1; port < d->valid_evtchns; port++) {
        struct evtchn *chn = evtchn_from_port(d, port);
        chn->priority = EVTCHN_FIFO_PRIORITY_DEFAULT;
        if (port < evtchn_2l_ops.max_ports && test_bit(port, d->shared_info->evtchn_pending))
            chn->pending = true;
    }
}

static int switch_to_fifo(struct domain *d, struct vcpu *v, struct page_info *pg, uint32_t offset)
{
    struct vcpu *each;
    int rc = 0;

    d->evtchn_fifo = xzalloc_struct(struct evtchn_fifo_domain);
    if (!d->evtchn_fifo)
        return -ENOMEM;
    for_each_vcpu(d, each)
        if (!rc)
            rc = ensure_vcpu(each);
    if (!rc)
        rc = map_control_block(v, pg, offset);
    if (rc) {
        evtchn_fifo_destroy(d);
        return rc;
    }
    smp_wmb();
    WRITE_ONCE(d->evtchn_ops, &evtchn_fifo_ops);
    adopt_ports(d);
    return 0;
}

int evtchn_fifo_init_control(struct domain *d, struct evtchn_init_control *init)
{
    struct vcpu *v = domain_vcpu(d, init->vcpu);
    struct page_info *pg;
    int rc;

    init->link_bits = EVTCHN_FIFO_LINK_BITS;
    if (!v)
        return -ENOENT;
    if (init->offset > PAGE_SIZE - sizeof(struct evtchn_fifo_control_block) || init->offset % 8)
        return -EINVAL;
    /* Before the lock: a change of type waits for other CPUs to flush. */
    pg = d->backend->get_gfn(d, init->control_gfn, true);
    if (!pg)
        return -EINVAL;
    spin_lock(&d->event_lock);
    if (d->is_dying) {
        rc = -EINVAL;
    } else if (!d->evtchn_fifo) {
        rc = switch_to_fifo(d, v, pg, init->offset);
    } else {
        rc = ensure_vcpu(v);
        if (!rc)
            rc = map_control_block(v, pg, init->offset);
    }
    spin_unlock(&d->event_lock);
    if (rc)
        put_page_and_type(pg);
    return rc;
}

/* Raises what came while the page of these ports was missing. */
static void raise_waiting(struct domain *d, unsigned int first)
{
    for (unsigned int port = first; port < first + WORDS_PER_PAGE && port < d->valid_evtchns;
         port++) {
        struct evtchn *chn = evtchn_from_port(d, port);
        unsigned long flags;
        spin_lock_irqsave(&chn->lock, flags);
        if (chn->pending)
            evtchn_raise(d, chn);
        chn->pending = false;
        spin_unlock_irqrestore(&chn->lock, flags);
    }
}

/* event_lock held. Takes over the reference and type use of pg. */
static int add_page(struct domain *d, struct page_info *pg)
{
    struct evtchn_fifo_domain *f = d->evtchn_fifo;
    unsigned int slot;

    if (!f)
        return -EOPNOTSUPP;
    if (d->is_dying)
        return -EINVAL;
    slot = f->nr_words / WORDS_PER_PAGE;
    if (slot >= MAX_ARRAY_PAGES)
        return -ENOSPC;
    f->page[slot] = pg;
    f->array[slot] = page_to_virt(pg);
    smp_wmb(); /* whoever sees the number sees the page */
    WRITE_ONCE(f->nr_words, f->nr_words + WORDS_PER_PAGE);
    raise_waiting(d, slot * WORDS_PER_PAGE);
    return 0;
}

int evtchn_fifo_expand_array(struct domain *d, uint64_t gfn)
{
    struct page_info *pg;
    int rc;

    if (!READ_ONCE(d->evtchn_fifo))
        return -EOPNOTSUPP;
    pg = d->backend->get_gfn(d, gfn, true);
    if (!pg)
        return -EINVAL;
    spin_lock(&d->event_lock);
    rc = add_page(d, pg);
    spin_unlock(&d->event_lock);
    if (rc)
        put_page_and_type(pg);
    return rc;
}

void evtchn_fifo_destroy(struct domain *d)
{
    struct evtchn_fifo_domain *f = d->evtchn_fifo;
    struct vcpu *v;

    for_each_vcpu(d, v) {
        struct evtchn_fifo_vcpu *efv = v->evtchn_fifo;
        if (!efv)
            continue;
        WRITE_ONCE(v->evtchn_fifo, NULL);
        if (efv->page)
            put_page_and_type(efv->page);
        xfree(efv);
    }
    d->evtchn_fifo = NULL;
    for (unsigned int i = 0; i < MAX_ARRAY_PAGES && f->page[i]; i++)
        put_page_and_type(f->page[i]);
    xfree(f);
}
