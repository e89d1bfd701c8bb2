/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * I/O APICs: one redirection entry per GSI. A copy of each entry is kept here and is the truth; the
 * chip is written, never read, after boot. Entries are physical, fixed delivery.
 */
#include <hv/acpi.h>
#include <hv/apic.h>
#include <hv/apic_regs.h>
#include <hv/errno.h>
#include <hv/irq.h>
#include <hv/mm.h>
#include <hv/printk.h>
#include <hv/smp.h>
#include <hv/spinlock.h>
#include "irq_priv.h"

static struct ioapic {
    volatile uint8_t *base;
    paddr_t addr;
    unsigned int gsi_base, nr;
} ioapics[ACPI_MAX_IOAPICS];
static unsigned int nr_ioapics;
static unsigned int nr_gsis;

static struct rte { uint32_t low, high; } rtes[NR_GSIS_MAX]; /* (ioapic_lock) */
/* Index and window are two accesses. Interrupts off. */
static DEFINE_SPINLOCK(ioapic_lock, LOCK_APIC);

static uint32_t reg_read(const struct ioapic *a, unsigned int reg)
{
    *(volatile uint32_t *)(a->base + IOAPIC_REGSEL) = reg;
    return *(volatile uint32_t *)(a->base + IOAPIC_WINDOW);
}

static void reg_write(const struct ioapic *a, unsigned int reg, uint32_t val)
{
    *(volatile uint32_t *)(a->base + IOAPIC_REGSEL) = reg;
    *(volatile uint32_t *)(a->base + IOAPIC_WINDOW) = val;
}

static const struct ioapic *ioapic_of(unsigned int gsi)
{
    for (unsigned int i = 0; i < nr_ioapics; i++)
        if (gsi - ioapics[i].gsi_base < ioapics[i].nr)
            return &ioapics[i];
    return NULL;
}

bool ioapic_has_gsi(unsigned int gsi)
{
    return ioapic_of(gsi) != NULL;
}

static void write_low(const struct ioapic *a, unsigned int gsi, uint32_t low)
{
    reg_write(a, IOAPIC_REG_RTE + 2 * (gsi - a->gsi_base), low);
}

static void write_high(const struct ioapic *a, unsigned int gsi, uint32_t high)
{
    reg_write(a, IOAPIC_REG_RTE + 2 * (gsi - a->gsi_base) + 1, high);
}

/* All of an entry; a line without one is ignored. */
static void set_entry(const struct irq_desc *desc, bool masked)
{
    const struct ioapic *a = ioapic_of(desc->irq);
    struct rte *r = &rtes[desc->irq];
    unsigned long flags;

    if (!a)
        return;
    spin_lock_irqsave(&ioapic_lock, flags);
    r->low = desc->route.vector | (desc->level ? IOAPIC_RTE_LEVEL : 0) |
             (desc->active_low ? IOAPIC_RTE_ACTIVE_LOW : 0);
    r->high = cpu_apicid[desc->route.cpu] << IOAPIC_RTE_DEST_SHIFT;
    /* Masked while it is half written: the halves are separate accesses and must never be seen
     * mixed. */
    write_low(a, desc->irq, r->low | IOAPIC_RTE_MASKED);
    write_high(a, desc->irq, r->high);
    if (masked)
        r->low |= IOAPIC_RTE_MASKED;
    else
        write_low(a, desc->irq, r->low);
    spin_unlock_irqrestore(&ioapic_lock, flags);
}

static void start(struct irq_desc *desc)
{
    set_entry(desc, false);
}

static void mask(struct irq_desc *desc, bool masked)
{
    const struct ioapic *a = ioapic_of(desc->irq);
    struct rte *r = &rtes[desc->irq];
    unsigned long flags;
    uint32_t low;

    if (!a)
        return;
    spin_lock_irqsave(&ioapic_lock, flags);
    low = masked ? r->low | IOAPIC_RTE_MASKED : r->low & ~IOAPIC_RTE_MASKED;
    if (low != r->low) {
        r->low = low;
        write_low(a, desc->irq, low);
    }
    spin_unlock_irqrestore(&ioapic_lock, flags);
}

/* Unmasked edges stay so: one that comes while its line is masked is lost. */
static void reroute(struct irq_desc *desc)
{
    const struct ioapic *a = ioapic_of(desc->irq);
    struct rte *r = &rtes[desc->irq];
    unsigned long flags;

    if (!a)
        return;
    spin_lock_irqsave(&ioapic_lock, flags);
    r->low = (r->low & ~IOAPIC_RTE_VECTOR) | desc->route.vector;
    write_low(a, desc->irq, r->low);
    r->high = cpu_apicid[desc->route.cpu] << IOAPIC_RTE_DEST_SHIFT;
    write_high(a, desc->irq, r->high);
    spin_unlock_irqrestore(&ioapic_lock, flags);
}

const struct irq_chip ioapic_edge_chip = { "IO-APIC-edge", start, mask, mask, reroute };
const struct irq_chip ioapic_level_chip = { "IO-APIC-level", start, mask, mask, reroute };

static void __init init_one(const struct acpi_ioapic *from)
{
    struct ioapic *a = &ioapics[nr_ioapics];

    a->base = ioremap(from->addr, IOAPIC_WINDOW_SIZE);
    if (!a->base)
        panic("Can't map the I/O APIC at %#lx: no address space\n", from->addr);
    a->addr = from->addr;
    a->gsi_base = from->gsi_base;
    a->nr = IOAPIC_VERSION_ENTRIES(reg_read(a, IOAPIC_REG_VERSION));
    if (a->gsi_base >= NR_GSIS_MAX) {
        printk(XENLOG_WARNING "I/O APIC %u from GSI %u left out: GSIs end at %u\n", from->id,
               a->gsi_base, NR_GSIS_MAX);
        return;
    }
    a->nr = MIN(a->nr, NR_GSIS_MAX - a->gsi_base);
    nr_ioapics++;
    nr_gsis = MAX(nr_gsis, a->gsi_base + a->nr);
    for (unsigned int gsi = a->gsi_base; gsi < a->gsi_base + a->nr; gsi++) {
        uint32_t low = reg_read(a, IOAPIC_REG_RTE + 2 * (gsi - a->gsi_base));

        /* System management interrupts are the firmware's. */
        rtes[gsi].low = low;
        if ((low & IOAPIC_RTE_DELIVERY) == IOAPIC_RTE_DELIVERY_SMI)
            continue;
        rtes[gsi].low = IOAPIC_RTE_MASKED;
        write_low(a, gsi, IOAPIC_RTE_MASKED);
        write_high(a, gsi, 0);
    }
    printk(XENLOG_INFO "I/O APIC %u at %#lx: GSIs %u-%u\n", from->id, from->addr, a->gsi_base,
           a->gsi_base + a->nr - 1);
}

void __init ioapic_init(void)
{
    for (unsigned int i = 0; i < acpi.nr_ioapics; i++)
        init_one(&acpi.ioapics[i]);
    if (!nr_ioapics)
        printk(XENLOG_WARNING "No I/O APIC: devices raise no interrupts. Enable ACPI or the I/O "
                              "APIC in the firmware\n");
}

unsigned int irq_gsi_count(void)
{
    return nr_gsis;
}

static const struct ioapic *ioapic_by_addr(paddr_t base)
{
    for (unsigned int i = 0; i < nr_ioapics; i++)
        if (ioapics[i].addr == base)
            return &ioapics[i];
    return NULL;
}

int ioapic_guest_read(paddr_t base, unsigned int reg, uint32_t *val)
{
    const struct ioapic *a = ioapic_by_addr(base);
    unsigned long flags;

    if (!a || reg > IOAPIC_REG_MAX)
        return -EINVAL;
    spin_lock_irqsave(&ioapic_lock, flags);
    *val = reg_read(a, reg);
    spin_unlock_irqrestore(&ioapic_lock, flags);
    return 0;
}

/* Only trigger and polarity of an entry are taken over; vector, destination and mask are the
   hypervisor's. */
int ioapic_guest_write(paddr_t base, unsigned int reg, uint32_t val)
{
    const struct ioapic *a = ioapic_by_addr(base);
    unsigned int gsi;

    if (!a || reg > IOAPIC_REG_MAX)
        return -EINVAL;
    if (reg < IOAPIC_REG_RTE || (reg - IOAPIC_REG_RTE) % 2)
        return 0;
    gsi = a->gsi_base + (reg - IOAPIC_REG_RTE) / 2;
    if (gsi >= a->gsi_base + a->nr)
        return -EINVAL;
    if ((val & IOAPIC_RTE_DELIVERY) > (1u << 8))
        return -EINVAL;
    irq_set_trigger(gsi, val & IOAPIC_RTE_LEVEL, val & IOAPIC_RTE_ACTIVE_LOW);
    return 0;
}
