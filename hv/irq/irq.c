/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Vectors and lines. Every GSI in use has one vector that means the same on all CPUs, so moving it
 * is one write. Edge interrupts are acknowledged at once; a level interrupt for guests is masked,
 * acknowledged, and unmasked when the last guest has said that it is done.
 */
#include <hv/acpi.h>
#include <hv/apic.h>
#include <hv/apic_regs.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/printk.h>
#include <hv/smp.h>
#include <hv/timer.h>
#include <hv/trace.h>
#include "irq_priv.h"

#define ISA_IRQS PIC_IRQS
#define INT80_VECTOR 0x80
#define VECTOR_STRIDE 8         /* spreads lines over priority classes */

static struct irq_desc descs[NR_GSIS_MAX];
static int16_t vector_gsi[NR_VECTORS];              /* -1 = none; written once per vector */
static DEFINE_SPINLOCK(vector_lock, LOCK_LEAF);     /* giving out vectors */
static uint64_t stray_count[NR_VECTORS];

struct irq_desc *irq_desc(unsigned int gsi)
{
    return &descs[gsi];
}

unsigned int isa_irq_to_gsi(unsigned int isa_irq)
{
    for (unsigned int i = 0; i < acpi.nr_overrides; i++)
        if (acpi.overrides[i].isa == isa_irq)
            return acpi.overrides[i].gsi;
    return isa_irq;
}

/* ISA lines are edge, active high; PCI lines level, active low; the table's overrides say
   otherwise. */
static void __init init_lines(void)
{
    for (unsigned int gsi = 0; gsi < NR_GSIS_MAX; gsi++) {
        struct irq_desc *desc = &descs[gsi];

        spin_lock_init(&desc->lock, LOCK_IRQ_DESC);
        list_init(&desc->guests);
        desc->level = desc->active_low = gsi >= ISA_IRQS;
    }
    if (acpi.rsdp && acpi.sci < ISA_IRQS)
        descs[acpi.sci].level = descs[acpi.sci].active_low = true;
    for (unsigned int i = 0; i < acpi.nr_overrides; i++) {
        const struct acpi_override *o = &acpi.overrides[i];

        if (o->gsi < NR_GSIS_MAX && !(o->isa == acpi.sci && !o->level)) {
            descs[o->gsi].level = o->level;
            descs[o->gsi].active_low = o->active_low;
        }
    }
}

void __init irq_init(void)
{
    for (unsigned int v = 0; v < NR_VECTORS; v++)
        vector_gsi[v] = -1;
    i8259_init();
    init_lines();
    ioapic_init();
    apic_init_cpu();
}

static int alloc_vector(unsigned int gsi)
{
    unsigned int n = LAST_DEVICE_VECTOR - FIRST_DEVICE_VECTOR + 1;
    int found = -ENOSPC;

    spin_lock(&vector_lock);
    for (unsigned int i = 0; i < n && found < 0; i++) {
        unsigned int v = FIRST_DEVICE_VECTOR + (i * VECTOR_STRIDE % n + i * VECTOR_STRIDE / n) % n;

        if (vector_gsi[v] >= 0 || v == HYPERCALL_VECTOR || v == INT80_VECTOR)
            continue;
        WRITE_ONCE(vector_gsi[v], (int16_t)gsi);
        found = (int)v;
    }
    spin_unlock(&vector_lock);
    return found;
}

int irq_start(unsigned int gsi, unsigned int cpu)
{
    struct irq_desc *desc = &descs[gsi];

    if (!desc->vector) {
        int v = alloc_vector(gsi);

        if (v < 0)
            return v;
        desc->vector = (uint8_t)v;
    }
    desc->cpu = cpu;
    ioapic_set(gsi, desc->vector, cpu_apicid[cpu], desc->level, desc->active_low, false);
    return 0;
}

void irq_stop(unsigned int gsi)
{
    ioapic_mask(gsi, true);
}

bool irq_is_busy(unsigned int gsi)
{
    return descs[gsi].handler || !list_empty(&descs[gsi].guests);
}

int irq_request(unsigned int gsi, irq_handler_t fn, void *data, const char *name)
{
    struct irq_desc *desc;
    unsigned long flags;
    int rc = -EBUSY;

    if (gsi >= irq_gsi_count() || !ioapic_has_gsi(gsi))
        return -EINVAL;
    desc = &descs[gsi];
    spin_lock_irqsave(&desc->lock, flags);
    if (!irq_is_busy(gsi)) {
        desc->data = data;
        desc->name = name;
        desc->handler = fn;
        rc = irq_start(gsi, 0);
        if (rc)
            desc->handler = NULL;
    }
    spin_unlock_irqrestore(&desc->lock, flags);
    return rc;
}

int irq_setup_gsi(unsigned int gsi, bool level, bool active_low)
{
    struct irq_desc *desc;
    unsigned long flags;
    int rc = 0;

    if (gsi >= irq_gsi_count() || !ioapic_has_gsi(gsi))
        return -EINVAL;
    desc = &descs[gsi];
    spin_lock_irqsave(&desc->lock, flags);
    if (desc->level != level || desc->active_low != active_low) {
        if (irq_is_busy(gsi)) {
            rc = -EBUSY;
        } else {
            desc->level = level;
            desc->active_low = active_low;
        }
    }
    if (!rc)
        desc->configured = true;
    spin_unlock_irqrestore(&desc->lock, flags);
    return rc;
}

/* --- Arrival --- */

static void device_interrupt(unsigned int gsi)
{
    struct irq_desc *desc = &descs[gsi];

    trace(TRACE_IRQ, desc->vector, gsi, 0, 0);
    if (desc->handler) {
        if (!desc->level)
            apic_eoi();
        desc->count++;
        desc->handler(gsi, desc->data);
        if (desc->level)
            apic_eoi();
        return;
    }
    spin_lock(&desc->lock);
    desc->count++;
    if (desc->level || list_empty(&desc->guests))
        ioapic_mask(gsi, true);
    apic_eoi();
    if (!list_empty(&desc->guests))
        pirq_deliver(desc, gsi);
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

static void stray_interrupt(unsigned int vector)
{
    if (apic_isr_test((uint8_t)vector))
        apic_eoi();
    if (stray_count[vector]++ == 0)
        printk(XENLOG_WARNING "CPU %u: interrupt at vector %#x, which nobody uses\n",
               smp_processor_id(), vector);
}

void do_irq(struct cpu_user_regs *regs)
{
    unsigned int vector = regs->entry_vector & (NR_VECTORS - 1);

    if (vector == VECTOR_SPURIOUS) {
        stray_count[vector]++; /* counts as delivered without being in service: no EOI */
    } else if (vector > VECTOR_SERIAL && system_vectors[vector & 15]) {
        apic_eoi();
        system_vectors[vector & 15]();
    } else if (READ_ONCE(vector_gsi[vector]) >= 0) {
        device_interrupt((unsigned int)vector_gsi[vector]);
    } else if (vector - PIC_VECTOR_BASE < PIC_IRQS && !apic_isr_test((uint8_t)vector)) {
        i8259_interrupt(vector);
    } else {
        stray_interrupt(vector);
    }
}

void irq_dump(void)
{
    printk("GSI  vector CPU trigger  count       in flight  user\n");
    for (unsigned int gsi = 0; gsi < irq_gsi_count(); gsi++) {
        struct irq_desc *desc = &descs[gsi];
        struct pirq *p;
        unsigned long flags;

        if (!irq_is_busy(gsi) && !desc->count)
            continue;
        spin_lock_irqsave(&desc->lock, flags);
        printk("%3u  %#4x   %3u %s %s %11lu  %u  %s", gsi, desc->vector, desc->cpu,
               desc->level ? "level" : "edge ", desc->active_low ? "lo" : "hi", desc->count,
               desc->in_flight, desc->handler ? desc->name : "");
        list_for_each(p, &desc->guests, link)
            printk(" d%u:%u%s", p->d->domain_id, p->nr, p->in_flight ? "*" : "");
        printk("\n");
        spin_unlock_irqrestore(&desc->lock, flags);
    }
    for (unsigned int v = 0; v < NR_VECTORS; v++)
        if (stray_count[v])
            printk("unexpected at vector %#x: %lu\n", v, stray_count[v]);
}
