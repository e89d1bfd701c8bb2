/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens when an interrupt comes. Edges and messages are acknowledged at once; a level line
 * with guests is masked, acknowledged, and unmasked when the last guest has said that it is done.
 *
 * A source that comes too often is held: silenced for a while, then heard again, and its guests get
 * an event in place of what it may have said meanwhile. A guest that does not end its interrupt
 * holds up only itself.
 */
#include <hv/apic.h>
#include <hv/apic_regs.h>
#include <hv/domain.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/smp.h>
#include <hv/softirq.h>
#include <hv/time.h>
#include <hv/trace.h>
#include "irq_priv.h"

#define RATE_WINDOW MILLISECS(10)
#define SHARED_WAIT MILLISECS(10)
#define REPORT_INTERVAL SECONDS(10)

/* Interrupts of one source in 10 ms before it is held; 0 = any number. */
static unsigned int opt_irq_ratelimit = 10000;
uint_param("irq_ratelimit", opt_irq_ratelimit);

/* (a) Interrupts that nobody expected, by vector: no lock, the sum may miss one. */
static uint64_t stray_count[NR_VECTORS];

/* --- Too many, or never ended --- */

static void hold(struct irq_desc *desc, s_time_t now)
{
    desc->held = true;
    desc->holds++;
    desc->chip->hold(desc, true);
    set_timer(&desc->timer, now + RATE_WINDOW);
    if (now < desc->next_report)
        return;
    desc->next_report = now + REPORT_INTERVAL;
    printk(XENLOG_WARNING
           "IRQ %u (%s): more than %u interrupts in 10 ms; it is masked for 10 ms each time. The "
           "device or its driver is at fault; irq_ratelimit= sets the limit\n",
           desc->irq, desc->chip->name, opt_irq_ratelimit);
}

static bool too_fast(struct irq_desc *desc)
{
    s_time_t now;

    if (likely(++desc->burst < opt_irq_ratelimit) || !opt_irq_ratelimit)
        return false;
    now = NOW();
    desc->burst = 0;
    if (now - desc->burst_start >= RATE_WINDOW) {
        desc->burst_start = now;
        return false;
    }
    hold(desc, now);
    return true;
}

void irq_await_guests(struct irq_desc *desc)
{
    if (!desc->held)
        set_timer(&desc->timer, NOW() + SHARED_WAIT);
}

static void end_hold(struct irq_desc *desc)
{
    desc->held = false;
    if (desc->in_flight)
        return; /* the guests' EOI unmasks it */
    desc->chip->hold(desc, false);
    /* What came meanwhile is lost but for a level. */
    if (!desc->level)
        pirq_deliver(desc);
}

static void end_wait(struct irq_desc *desc)
{
    const struct domain *d = desc->in_flight ? pirq_forget_in_flight(desc) : NULL;

    if (!d)
        return;
    desc->chip->mask(desc, false);
    if (!desc->level_reported)
        printk(XENLOG_WARNING
               "IRQ %u: d%u has not ended it in 10 ms; it is unmasked for the other domains\n",
               desc->irq, d->domain_id);
    desc->level_reported = true;
}

static void timer_fired(void *data)
{
    struct irq_desc *desc = data;
    unsigned long flags;

    spin_lock_irqsave(&desc->lock, flags);
    if (desc->chip && !timer_is_active(&desc->timer)) {
        if (desc->held)
            end_hold(desc);
        else
            end_wait(desc);
    }
    spin_unlock_irqrestore(&desc->lock, flags);
}

void irq_init_timer(struct irq_desc *desc)
{
    init_timer(&desc->timer, timer_fired, desc, 0);
}

/* --- Moves --- */

/* With the interrupt acknowledged, and masked where it is a level: its end goes by the vector. A
   message may change only while it is masked, if it can be. */
static void move(struct irq_desc *desc)
{
    bool masked = desc->msi && desc->chip->mask && !desc->held;

    if (vector_move(&desc->route, desc->irq, desc->want_cpu))
        return; /* with a later one */
    desc->move_wanted = false;
    if (masked)
        desc->chip->mask(desc, true);
    desc->chip->reroute(desc);
    if (masked)
        desc->chip->mask(desc, false);
}

/* Interrupts that went from here to other CPUs: gives their old vectors up. */
static void clean_moved(void)
{
    bool again = false;

    for (unsigned int v = FIRST_DEVICE_VECTOR; v <= LAST_DEVICE_VECTOR; v++) {
        int irq = vector_to_irq(v);
        struct irq_desc *desc;
        unsigned long flags;

        if (irq == NO_IRQ)
            continue;
        desc = irq_desc((unsigned int)irq);
        spin_lock_irqsave(&desc->lock, flags);
        again |= !vector_clean(&desc->route, (unsigned int)irq);
        spin_unlock_irqrestore(&desc->lock, flags);
    }
    if (again)
        raise_softirq(IRQ_MOVE_SOFTIRQ);
}

void __init irq_handling_init(void)
{
    open_softirq(IRQ_MOVE_SOFTIRQ, clean_moved);
}

/* --- Arrival --- */

static void stray_interrupt(unsigned int vector)
{
    if (apic_isr_test((uint8_t)vector))
        apic_eoi();
    if (stray_count[vector]++ == 0)
        printk(XENLOG_WARNING "CPU %u: interrupt at vector %#x, which nobody uses\n",
               smp_processor_id(), vector);
}

static void own_interrupt(struct irq_desc *desc)
{
    desc->count++;
    if (!desc->level)
        apic_eoi();
    desc->handler(desc->irq, desc->data);
    if (desc->level)
        apic_eoi();
}

/* Desc lock held. One that comes while it is held, or by nobody's wish, had slipped through. */
static void guest_interrupt(struct irq_desc *desc, unsigned int vector)
{
    bool wanted = !list_empty(&desc->guests), mask = (desc->level || !wanted) && desc->chip->mask;

    desc->count++;
    if (unlikely(desc->route.old_vector))
        vector_arrived(&desc->route, vector);
    if (mask)
        desc->chip->mask(desc, true);
    apic_eoi();
    if (unlikely(desc->move_wanted))
        move(desc);
    if (unlikely(desc->held) || (mask && !wanted) || unlikely(too_fast(desc)))
        return;
    pirq_deliver(desc);
}

static void device_interrupt(unsigned int irq, unsigned int vector)
{
    struct irq_desc *desc = irq_desc(irq);

    trace(TRACE_IRQ, vector, irq, 0, 0);
    if (desc->handler) {
        own_interrupt(desc);
        return;
    }
    spin_lock(&desc->lock);
    if (likely(desc->chip != NULL))
        guest_interrupt(desc, vector);
    else
        stray_interrupt(vector); /* given up just now */
    spin_unlock(&desc->lock);
}

static void error_interrupt(void)
{
    printk(XENLOG_ERR "CPU %u: local APIC error %#x\n", smp_processor_id(), apic_read_error());
}

static void (*const system_vectors[16])(void) = {
    [VECTOR_ERROR & 15] = error_interrupt,
    [VECTOR_EVENT_CHECK & 15] = smp_event_check_interrupt,
    [VECTOR_FLUSH & 15] = smp_flush_interrupt,
    [VECTOR_CALL & 15] = smp_call_function_interrupt,
    [VECTOR_TIMER & 15] = timer_interrupt,
};

void do_irq(struct cpu_user_regs *regs)
{
    unsigned int vector = regs->entry_vector & (NR_VECTORS - 1);
    int irq;

    exit_record(regs->rip, (uint64_t)vector << 32);
    current->counts.interrupts++;
    if (vector == VECTOR_SPURIOUS) {
        stray_count[vector]++; /* counts as delivered without being in service: no EOI */
    } else if (vector > VECTOR_SERIAL && system_vectors[vector & 15]) {
        apic_eoi();
        system_vectors[vector & 15]();
    } else if ((irq = vector_to_irq(vector)) != NO_IRQ) {
        device_interrupt((unsigned int)irq, vector);
    } else if (vector - PIC_VECTOR_BASE < PIC_IRQS && !apic_isr_test((uint8_t)vector)) {
        i8259_interrupt(vector);
    } else {
        stray_interrupt(vector);
    }
}

void irq_dump_strays(void)
{
    for (unsigned int v = 0; v < NR_VECTORS; v++)
        if (stray_count[v])
            printk("unexpected at vector %#x: %lu\n", v, stray_count[v]);
}
