/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lock order, checked in debug builds. A CPU's held locks are compared in two groups, taken with
 * interrupts on and off, since an interrupt may come while the first are held: so a lock of the
 * first group under one of a lower order, taken with interrupts off, is found only the other way
 * round.
 */
#include <hv/spinlock.h>

#ifdef DEBUG
#include <hv/boot.h>
#include <hv/percpu.h>
#include <hv/printk.h>

#define MAX_HELD 16

struct held { spinlock_t *lock; bool irqs_off; };
struct held_locks { unsigned int n; struct held e[MAX_HELD]; };
static DEFINE_PER_CPU(struct held_locks, held_locks);

static bool checking(const spinlock_t *l)
{
    return l->order != LOCK_ANY && system_state != SYS_panic;
}

void lock_check_acquire(spinlock_t *l, bool nested)
{
    const struct held_locks *h = &this_cpu(held_locks);
    bool irqs_off = !local_irq_is_enabled();

    if (!checking(l))
        return;
    for (unsigned int i = 0; i < h->n; i++) {
        const spinlock_t *other = h->e[i].lock;

        if (other == l)
            panic("Lock %pS of order %u is taken twice by CPU %u", l, l->order, smp_processor_id());
        if (h->e[i].irqs_off != irqs_off)
            continue;
        if (other->order > l->order || (other->order == l->order && !nested))
            panic("Lock order: %u (%p) is taken while %u (%p) is held", l->order, l, other->order,
                  other);
    }
}

void lock_check_acquired(spinlock_t *l)
{
    struct held_locks *h = &this_cpu(held_locks);

    if (!checking(l))
        return;
    l->holder = (uint16_t)(smp_processor_id() + 1);
    BUG_ON(h->n == MAX_HELD);
    h->e[h->n++] = (struct held){ l, !local_irq_is_enabled() };
}

void lock_check_release(spinlock_t *l)
{
    struct held_locks *h = &this_cpu(held_locks);
    unsigned int i = h->n;

    if (!checking(l))
        return;
    if (l->holder != smp_processor_id() + 1)
        panic("Lock of order %u (%p) is released by CPU %u, which does not hold it", l->order, l,
              smp_processor_id());
    l->holder = 0;
    while (i && h->e[i - 1].lock != l)
        i--;
    BUG_ON(i == 0);
    for (h->n--; i <= h->n; i++)
        h->e[i - 1] = h->e[i];
}
#endif
