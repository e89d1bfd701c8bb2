/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of hv/irq/ offer each other. */
#ifndef HV_IRQ_PRIV_H
#define HV_IRQ_PRIV_H

#include <hv/irq.h>

/* A domain's view of one interrupt: element of pirq_table, on its line's list while bound. */
struct pirq {
    struct list_head link;      /* (desc lock) irq_desc::guests */
    struct domain *d;           /* (c) */
    uint16_t nr;                /* (c) */
    int16_t gsi;                /* (table lock) -1 = not mapped */
    bool bound;                 /* (desc lock) */
    bool in_flight;             /* (desc lock) delivered, EOI of the guest is due */
};

struct pirq_table {
    spinlock_t lock;
    unsigned int nr;
    bool auto_unmask;
    unsigned long *eoi_map;     /* the guest's page, direct-mapped; NULL = none */
    struct page_info *eoi_page;
    struct pirq pirq[];
};

struct irq_desc {
    spinlock_t lock;            /* interrupts off */
    uint8_t vector;             /* 0 = none yet; kept once given */
    bool level, active_low;
    bool configured;            /* trigger and polarity were set by someone who knows */
    bool shared;                /* its guests agreed to share */
    unsigned int cpu;           /* destination */
    irq_handler_t handler;      /* the hypervisor's own; never removed */
    void *data;
    const char *name;
    struct list_head guests;
    unsigned int in_flight;     /* guests whose EOI is due; the line is masked while it is not 0 */
    uint64_t count;
};

/* gsi must be < irq_gsi_count(). */
struct irq_desc *irq_desc(unsigned int gsi);
/* Desc lock held. Gives the line a vector and unmasks it. 0, -ENOSPC. */
int irq_start(unsigned int gsi, unsigned int cpu);
void irq_stop(unsigned int gsi);
bool irq_is_busy(unsigned int gsi);

/* Called by do_irq with the desc lock for a line with guests. */
void pirq_deliver(struct irq_desc *desc, unsigned int gsi);

/* ioapic.c; gsi without an entry is ignored. */
bool ioapic_has_gsi(unsigned int gsi);
void ioapic_set(unsigned int gsi, uint8_t vector, uint32_t apicid, bool level, bool active_low,
                bool masked);
void ioapic_mask(unsigned int gsi, bool masked);
void ioapic_set_dest(unsigned int gsi, uint32_t apicid);

void i8259_interrupt(unsigned int vector);
uint32_t apic_read_error(void);

#endif
