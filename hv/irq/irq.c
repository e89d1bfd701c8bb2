/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts by number: the lines of the I/O APICs first, messages of devices behind them. A vector
 * of one CPU belongs to each that is in use (vector.c). What happens when one comes is in handle.c.
 */
#include <hv/acpi.h>
#include <hv/apic.h>
#include <hv/apic_regs.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/event.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/printk.h>
#include <hv/smp.h>
#include "irq_priv.h"

#define ISA_IRQS PIC_IRQS
#define MESSAGES_PER_CPU 192
#define MESSAGES_MAX 3072

static struct irq_desc *descs;
static unsigned int nr_irqs;

struct irq_desc *irq_desc(unsigned int irq)
{
    return &descs[irq];
}

unsigned int irq_count(void)
{
    return nr_irqs;
}

unsigned int isa_irq_to_gsi(unsigned int isa_irq)
{
    for (unsigned int i = 0; i < acpi.nr_overrides; i++)
        if (acpi.overrides[i].isa == isa_irq)
            return acpi.overrides[i].gsi;
    return isa_irq;
}

static void set_trigger(struct irq_desc *desc, bool level, bool active_low)
{
    desc->level = level;
    desc->active_low = active_low;
    desc->chip = level ? &ioapic_level_chip : &ioapic_edge_chip;
}

/* ISA lines are edge, active high; PCI lines level, active low; the table's overrides say
   otherwise. */
static void __init init_lines(void)
{
    for (unsigned int gsi = 0; gsi < irq_gsi_count(); gsi++)
        if (ioapic_has_gsi(gsi))
            set_trigger(&descs[gsi], gsi >= ISA_IRQS, gsi >= ISA_IRQS);
    if (acpi.rsdp && acpi.sci < MIN(irq_gsi_count(), (unsigned int)ISA_IRQS))
        set_trigger(&descs[acpi.sci], true, true);
    for (unsigned int i = 0; i < acpi.nr_overrides; i++) {
        const struct acpi_override *o = &acpi.overrides[i];

        if (ioapic_has_gsi(o->gsi) && !(o->isa == acpi.sci && !o->level))
            set_trigger(&descs[o->gsi], o->level, o->active_low);
    }
}

void __init irq_init(void)
{
    i8259_init();
    ioapic_init();
    nr_irqs = irq_gsi_count() + MIN(nr_cpu_ids * MESSAGES_PER_CPU, (unsigned int)MESSAGES_MAX);
    descs = xzalloc_array(nr_irqs, sizeof(*descs));
    if (!descs)
        panic("No memory for the table of %u interrupts\n", nr_irqs);
    for (unsigned int irq = 0; irq < nr_irqs; irq++) {
        struct irq_desc *desc = &descs[irq];

        spin_lock_init(&desc->lock, LOCK_IRQ_DESC);
        list_init(&desc->guests);
        desc->irq = (uint16_t)irq;
        irq_init_timer(desc);
    }
    init_lines();
    irq_handling_init();
    apic_init_cpu();
}

/* Messages and I/O APIC entries name a CPU by 8 bits. */
static unsigned int reachable_cpu(unsigned int cpu)
{
    return cpu_apicid[cpu] <= APIC_MAX_XAPIC_ID && cpumask_test(cpu, &cpu_online_map) ? cpu : 0;
}

int irq_create(unsigned int cpu)
{
    for (unsigned int irq = irq_gsi_count(); irq < nr_irqs; irq++) {
        struct irq_desc *desc = &descs[irq];
        unsigned long flags;
        int rc = -EBUSY;

        spin_lock_irqsave(&desc->lock, flags);
        if (!desc->route.vector) {
            desc->count = desc->holds = 0;
            rc = vector_alloc(&desc->route, irq, reachable_cpu(cpu));
        }
        spin_unlock_irqrestore(&desc->lock, flags);
        if (rc != -EBUSY)
            return rc ? rc : (int)irq;
    }
    return -ENOSPC;
}

void irq_destroy(unsigned int irq)
{
    struct irq_desc *desc = &descs[irq];
    unsigned long flags;

    spin_lock_irqsave(&desc->lock, flags);
    stop_timer(&desc->timer);
    desc->chip = NULL;
    desc->msi = NULL;
    desc->held = desc->move_wanted = false;
    vector_free(&desc->route, irq);
    spin_unlock_irqrestore(&desc->lock, flags);
}

int irq_start(struct irq_desc *desc, unsigned int cpu)
{
    int rc;

    if (desc->route.vector) {
        irq_want_cpu(desc, cpu);
    } else {
        rc = vector_alloc(&desc->route, desc->irq, reachable_cpu(cpu));
        if (rc)
            return rc;
    }
    desc->chip->start(desc);
    return 0;
}

void irq_stop(struct irq_desc *desc)
{
    stop_timer(&desc->timer);
    if (desc->chip->mask)
        desc->chip->mask(desc, true);
    else if (desc->held)
        desc->chip->hold(desc, false);
    desc->held = false;
}

void irq_want_cpu(struct irq_desc *desc, unsigned int cpu)
{
    desc->want_cpu = reachable_cpu(cpu);
    desc->move_wanted = desc->want_cpu != desc->route.cpu;
}

bool irq_is_busy(const struct irq_desc *desc)
{
    return desc->handler || !list_empty(&desc->guests);
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
    if (!irq_is_busy(desc)) {
        desc->data = data;
        desc->name = name;
        desc->handler = fn;
        rc = irq_start(desc, 0);
        if (rc)
            desc->handler = NULL;
    }
    spin_unlock_irqrestore(&desc->lock, flags);
    return rc;
}

bool irq_set_trigger(unsigned int gsi, bool level, bool active_low)
{
    struct irq_desc *desc = &descs[gsi];
    unsigned long flags;
    bool busy;

    spin_lock_irqsave(&desc->lock, flags);
    busy = irq_is_busy(desc);
    if (!busy)
        set_trigger(desc, level, active_low);
    spin_unlock_irqrestore(&desc->lock, flags);
    return !busy;
}

/* Several devices may share the line; the first to describe it is believed. */
int irq_setup_gsi(unsigned int gsi, bool level, bool active_low)
{
    if (gsi >= irq_gsi_count() || !ioapic_has_gsi(gsi))
        return -EINVAL;
    if (descs[gsi].configured || !irq_set_trigger(gsi, level, active_low))
        return -EEXIST;
    descs[gsi].configured = true;
    return 0;
}

static void dump_guest(const struct pirq *p)
{
    unsigned int port = pirq_to_evtchn(p->d, p->nr);

    printk(" d%u:%3u(%c%c%c)", p->d->domain_id, p->nr,
           port && evtchn_port_is_pending(p->d, port) ? 'P' : '-',
           port && evtchn_port_is_masked(p->d, port) ? 'M' : '-', p->in_flight ? 'F' : '-');
}

static void dump_irq(struct irq_desc *desc)
{
    const struct irq_route *r = &desc->route;
    struct pirq *p;

    printk("   IRQ:%4u vec:%02x cpu:%-3u %-15s count:%-10lu in-flight=%u%s", desc->irq, r->vector,
           r->cpu, desc->chip->name, desc->count, desc->in_flight, desc->held ? " held" : "");
    if (desc->move_wanted)
        printk(" goes to cpu %u", desc->want_cpu);
    if (r->old_vector)
        printk(" was vec:%02x cpu:%u", r->old_vector, r->old_cpu);
    if (desc->holds)
        printk(" holds:%lu", desc->holds);
    if (desc->handler)
        printk(" %s()", desc->name);
    list_for_each(p, &desc->guests, link)
        dump_guest(p);
    printk("\n");
}

void irq_dump(void)
{
    unsigned int cpu;

    printk("IRQ information (guests: P pending, M masked, F in flight):\n");
    for (unsigned int irq = 0; irq < nr_irqs; irq++) {
        struct irq_desc *desc = &descs[irq];
        unsigned long flags;

        spin_lock_irqsave(&desc->lock, flags);
        if (desc->chip && desc->route.vector)
            dump_irq(desc);
        spin_unlock_irqrestore(&desc->lock, flags);
    }
    for_each_online_cpu(cpu)
        printk("CPU %u: %u device vectors in use\n", cpu, vectors_used(cpu));
    irq_dump_strays();
}
