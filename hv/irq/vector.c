/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Vectors: which interrupt a vector means, a table per CPU, so that every CPU has room for its own.
 *
 * A move loses nothing although vector and destination are separate registers of the source. The
 * new vector is free on the old CPU and on the new one; both mean this interrupt before the source
 * is written, vector first. Whichever mixture the source sends, it arrives. What the old CPU had
 * is kept until the interrupt has arrived at the new one: by then nothing older is on its way, and
 * the old CPU, in a soft interrupt of its own, forgets its entries once none waits in its APIC.
 */
#include <hv/apic.h>
#include <hv/errno.h>
#include <hv/softirq.h>
#include "irq_priv.h"

#define NR_DEVICE_VECTORS (LAST_DEVICE_VECTOR - FIRST_DEVICE_VECTOR + 1)
#define VECTOR_STRIDE 8         /* spreads interrupts over the APIC's priority classes */
#define INT80_VECTOR 0x80

typedef int16_t vector_table[NR_VECTORS];
/* The interrupt's number or NO_IRQ. (vector_lock); read by its CPU without it */
static DEFINE_PER_CPU(vector_table, vector_irq) = { [0 ... NR_VECTORS - 1] = NO_IRQ };
static DEFINE_SPINLOCK(vector_lock, LOCK_LEAF);     /* interrupts off */

int vector_to_irq(unsigned int vector)
{
    return READ_ONCE(this_cpu(vector_irq)[vector]);
}

static bool is_free(unsigned int cpu, unsigned int vector)
{
    return per_cpu(vector_irq, cpu)[vector] == NO_IRQ;
}

static void set_entry(unsigned int cpu, unsigned int vector, int irq)
{
    WRITE_ONCE(per_cpu(vector_irq, cpu)[vector], (int16_t)irq);
}

static void drop_entry(unsigned int cpu, unsigned int vector, unsigned int irq)
{
    if (per_cpu(vector_irq, cpu)[vector] == (int)irq)
        set_entry(cpu, vector, NO_IRQ);
}

/* A vector that is free on both CPUs, which may be the same; 0 if there is none. */
static unsigned int find_free(unsigned int a, unsigned int b)
{
    for (unsigned int i = 0; i < NR_DEVICE_VECTORS; i++) {
        unsigned int step = i * VECTOR_STRIDE;
        unsigned int v =
            FIRST_DEVICE_VECTOR + (step + step / NR_DEVICE_VECTORS) % NR_DEVICE_VECTORS;

        if (v != HYPERCALL_VECTOR && v != INT80_VECTOR && is_free(a, v) && is_free(b, v))
            return v;
    }
    return 0;
}

int vector_alloc(struct irq_route *r, unsigned int irq, unsigned int cpu)
{
    unsigned long flags;
    unsigned int v;

    spin_lock_irqsave(&vector_lock, flags);
    v = find_free(cpu, cpu);
    if (v)
        set_entry(cpu, v, (int)irq);
    spin_unlock_irqrestore(&vector_lock, flags);
    if (!v)
        return -ENOSPC;
    *r = (struct irq_route){ .cpu = (uint16_t)cpu, .vector = (uint8_t)v };
    return 0;
}

int vector_move(struct irq_route *r, unsigned int irq, unsigned int cpu)
{
    unsigned int old = r->cpu, v;
    unsigned long flags;

    if (r->old_vector)
        return -EBUSY;
    spin_lock_irqsave(&vector_lock, flags);
    v = is_free(cpu, r->vector) ? r->vector : find_free(old, cpu);
    if (v) {
        set_entry(cpu, v, (int)irq);
        if (v != r->vector)
            set_entry(old, v, (int)irq);
    }
    spin_unlock_irqrestore(&vector_lock, flags);
    if (!v)
        return -ENOSPC;
    r->old_cpu = (uint16_t)old;
    r->old_vector = r->vector;
    r->cpu = (uint16_t)cpu;
    r->vector = (uint8_t)v;
    return 0;
}

void vector_arrived(struct irq_route *r, unsigned int vector)
{
    if (r->left || vector != r->vector || r->cpu != smp_processor_id())
        return;
    r->left = true;
    cpu_raise_softirq(r->old_cpu, IRQ_MOVE_SOFTIRQ);
}

/* On the old CPU. */
static void forget_old(struct irq_route *r, unsigned int irq)
{
    unsigned long flags;

    spin_lock_irqsave(&vector_lock, flags);
    drop_entry(r->old_cpu, r->old_vector, irq);
    drop_entry(r->old_cpu, r->vector, irq);
    spin_unlock_irqrestore(&vector_lock, flags);
    r->old_vector = 0;
    r->left = false;
}

bool vector_clean(struct irq_route *r, unsigned int irq)
{
    if (!r->left || r->old_cpu != smp_processor_id())
        return true;
    if (apic_irr_test(r->old_vector) || apic_irr_test(r->vector))
        return false;
    forget_old(r, irq);
    return true;
}

void vector_free(struct irq_route *r, unsigned int irq)
{
    unsigned long flags;

    if (r->old_vector)
        forget_old(r, irq);
    spin_lock_irqsave(&vector_lock, flags);
    drop_entry(r->cpu, r->vector, irq);
    spin_unlock_irqrestore(&vector_lock, flags);
    r->vector = 0;
}

unsigned int vectors_used(unsigned int cpu)
{
    unsigned int n = 0;

    for (unsigned int v = FIRST_DEVICE_VECTOR; v <= LAST_DEVICE_VECTOR; v++)
        n += !is_free(cpu, v);
    return n;
}
