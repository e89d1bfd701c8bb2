/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers of a CPU: a pairing heap ordered by expiry, so that no operation needs memory. Insertion
 * and merging are one step; taking out a timer costs O(log n) amortised. The hardware timer is set
 * up to TIMER_SLOP after the first expiry, so that timers close to each other cost one interrupt.
 */
#include <hv/apic.h>
#include <hv/lib.h>
#include <hv/percpu.h>
#include <hv/printk.h>
#include <hv/smp.h>
#include <hv/softirq.h>
#include <hv/spinlock.h>
#include <hv/time.h>
#include <hv/timer.h>

#define TIMER_SLOP USECS(50)

enum timer_state { TIMER_inactive, TIMER_queued, TIMER_killed };

struct timers {
    spinlock_t lock;            /* interrupts off; protects the heap and the fields of its timers */
    struct timer *root;
    struct timer *running;
    s_time_t armed; /* when the hardware fires at the latest; STIME_MAX = not set. This CPU only */
};
static DEFINE_PER_CPU(struct timers, timers);

/* --- Heap --- */

/* The earlier one becomes the parent. Both are roots (no siblings). */
static struct timer *heap_merge(struct timer *a, struct timer *b)
{
    if (!a)
        return b;
    if (!b)
        return a;
    if (b->expires < a->expires)
        swap(a, b);
    b->next = a->child;
    if (b->next)
        b->next->prev = b;
    b->prev = a;
    a->child = b;
    return a;
}

/* Merges a list of siblings to one heap: in pairs from the left, then from the right. */
static struct timer *heap_merge_siblings(struct timer *first)
{
    struct timer *pairs = NULL, *root = NULL;

    while (first) {
        struct timer *a = first, *b = a->next;

        first = b ? b->next : NULL;
        a->next = a->prev = NULL;
        if (b)
            b->next = b->prev = NULL;
        a = heap_merge(a, b);
        a->next = pairs;
        pairs = a;
    }
    while (pairs) {
        struct timer *a = pairs;

        pairs = a->next;
        a->next = NULL;
        root = heap_merge(root, a);
    }
    if (root)
        root->next = root->prev = NULL;
    return root;
}

static void heap_remove(struct timers *ts, struct timer *t)
{
    struct timer *sub = heap_merge_siblings(t->child);

    t->child = NULL;
    if (t == ts->root) {
        ts->root = sub;
    } else {
        if (t->prev->child == t)
            t->prev->child = t->next;
        else
            t->prev->next = t->next;
        if (t->next)
            t->next->prev = t->prev;
        ts->root = heap_merge(ts->root, sub);
    }
    t->next = t->prev = NULL;
}

static void heap_insert(struct timers *ts, struct timer *t)
{
    t->child = t->next = t->prev = NULL;
    ts->root = heap_merge(ts->root, t);
}

/* --- Locking and programming --- */

/* Locks the heap that t is on, interrupts saved. */
static struct timers *timer_lock(struct timer *t, unsigned long *flags)
{
    for (;;) {
        unsigned int cpu = READ_ONCE(t->cpu);
        struct timers *ts = &per_cpu(timers, cpu);

        spin_lock_irqsave(&ts->lock, *flags);
        if (likely(t->cpu == cpu))
            return ts;
        spin_unlock_irqrestore(&ts->lock, *flags);
    }
}

/* Own CPU, lock held. */
static void program(struct timers *ts, s_time_t now)
{
    s_time_t deadline;

    if (!ts->root) {
        ts->armed = STIME_MAX;
        return;
    }
    deadline = MAX(ts->root->expires, now);
    deadline = deadline > STIME_MAX - TIMER_SLOP ? STIME_MAX : deadline + TIMER_SLOP;
    ts->armed = deadline;
    apic_timer_arm(deadline - now);
}

/* The root changed to t: makes the CPU concerned notice. Lock held. */
static void new_root(struct timers *ts, const struct timer *t)
{
    unsigned int cpu = t->cpu;

    if (cpu != smp_processor_id()) {
        cpu_raise_softirq(cpu, TIMER_SOFTIRQ);
    } else {
        s_time_t now = NOW();

        if (t->expires <= now)
            raise_softirq(TIMER_SOFTIRQ);
        else if (t->expires < ts->armed - TIMER_SLOP)
            program(ts, now);
    }
}

static void activate(struct timers *ts, struct timer *t)
{
    t->state = TIMER_queued;
    heap_insert(ts, t);
    if (ts->root == t)
        new_root(ts, t);
}

static void deactivate(struct timers *ts, struct timer *t)
{
    if (t->state != TIMER_queued)
        return;
    heap_remove(ts, t);
    t->state = TIMER_inactive;
}

/* --- Operations --- */

void init_timer(struct timer *t, void (*fn)(void *), void *data, unsigned int cpu)
{
    *t = (struct timer){ .fn = fn, .data = data, .cpu = (uint16_t)cpu, .state = TIMER_inactive };
}

void set_timer(struct timer *t, s_time_t expires)
{
    unsigned long flags;
    struct timers *ts = timer_lock(t, &flags);

    deactivate(ts, t);
    if (t->state == TIMER_inactive) {
        t->expires = expires;
        activate(ts, t);
    }
    spin_unlock_irqrestore(&ts->lock, flags);
}

void stop_timer(struct timer *t)
{
    unsigned long flags;
    struct timers *ts = timer_lock(t, &flags);

    deactivate(ts, t);
    spin_unlock_irqrestore(&ts->lock, flags);
}

void kill_timer(struct timer *t)
{
    unsigned long flags;
    struct timers *ts = timer_lock(t, &flags);
    unsigned int cpu;

    deactivate(ts, t);
    t->state = TIMER_killed;
    spin_unlock_irqrestore(&ts->lock, flags);
    /* It may run on a CPU it has been migrated away from. On this CPU it can only be this call's
     * own caller. */
    for_each_online_cpu(cpu)
        while (cpu != smp_processor_id() && READ_ONCE(per_cpu(timers, cpu).running) == t)
            cpu_relax();
}

/* Takes both locks in the order of the CPUs. */
static void lock_two(unsigned int a, unsigned int b, unsigned long *flags)
{
    *flags = local_irq_save();
    spin_lock(&per_cpu(timers, MIN(a, b)).lock);
    if (a != b)
        spin_lock_nested(&per_cpu(timers, MAX(a, b)).lock);
}

static void unlock_two(unsigned int a, unsigned int b, unsigned long flags)
{
    if (a != b)
        spin_unlock(&per_cpu(timers, MAX(a, b)).lock);
    spin_unlock(&per_cpu(timers, MIN(a, b)).lock);
    local_irq_restore(flags);
}

void migrate_timer(struct timer *t, unsigned int cpu)
{
    unsigned long flags;

    for (;;) {
        unsigned int old = READ_ONCE(t->cpu);
        bool stable;

        if (old == cpu)
            return;
        lock_two(old, cpu, &flags);
        stable = t->cpu == old;
        if (stable) {
            bool queued = t->state == TIMER_queued;

            deactivate(&per_cpu(timers, old), t);
            t->cpu = (uint16_t)cpu;
            if (queued)
                activate(&per_cpu(timers, cpu), t);
        }
        unlock_two(old, cpu, flags);
        if (stable)
            return;
    }
}

bool timer_is_active(const struct timer *t)
{
    return READ_ONCE(t->state) == TIMER_queued;
}

/* --- Expiry --- */

void timer_interrupt(void)
{
    this_cpu(timers).armed = STIME_MAX;
    raise_softirq(TIMER_SOFTIRQ);
}

static void timer_softirq(void)
{
    struct timers *ts = &this_cpu(timers);
    /* One reading for the whole pass: a function that arms its timer for "now" does not keep the
     * CPU here. */
    s_time_t now = NOW();
    struct timer *t;

    spin_lock_irq(&ts->lock);
    while ((t = ts->root) != NULL && t->expires <= now) {
        void (*fn)(void *) = t->fn;
        void *data = t->data;

        deactivate(ts, t);
        ts->running = t;
        spin_unlock_irq(&ts->lock);
        fn(data); /* may free t */
        spin_lock_irq(&ts->lock);
        ts->running = NULL;
    }
    program(ts, NOW());
    spin_unlock_irq(&ts->lock);
}

void timer_init_cpu(unsigned int cpu)
{
    struct timers *ts = &per_cpu(timers, cpu);

    *ts = (struct timers){ .armed = STIME_MAX };
    spin_lock_init(&ts->lock, LOCK_TIMER);
}

void __init timer_subsys_init(void)
{
    timer_init_cpu(0);
    open_softirq(TIMER_SOFTIRQ, timer_softirq);
}
