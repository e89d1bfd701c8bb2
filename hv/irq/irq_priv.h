/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of hv/irq/ offer each other. */
#ifndef HV_IRQ_PRIV_H
#define HV_IRQ_PRIV_H

#include <hv/irq.h>
#include <hv/timer.h>

#define NO_IRQ (-1)

struct msi_desc;

/* A domain's view of one interrupt: element of pirq_table, on the interrupt's list while bound. */
struct pirq {
    struct list_head link;      /* (desc lock) irq_desc::guests */
    struct domain *d;           /* (c) */
    uint16_t nr;                /* (c) */
    int16_t irq;                /* (table lock) NO_IRQ = not mapped */
    bool taken;                 /* (table lock) given out by PHYSDEVOP_get_free_pirq */
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

/* Where an interrupt goes; while it moves, also where it came from (vector.c). */
struct irq_route {
    uint16_t cpu, old_cpu;
    uint8_t vector;             /* 0 = none */
    uint8_t old_vector;         /* 0 = nothing is left on old_cpu */
    bool left;                  /* it has arrived at the new place since */
};

struct irq_desc;

/* Kinds of sources. All functions: desc lock held. */
struct irq_chip {
    const char *name;
    void (*start)(struct irq_desc *desc);               /* as routed, unmasked */
    /* NULL: the source can't be masked without loss. */
    void (*mask)(struct irq_desc *desc, bool masked);
    /* Silences a source that swamps the machine, and lets it speak again; may lose interrupts. */
    void (*hold)(struct irq_desc *desc, bool held);
    /* The route has changed: the source's vector is written, then its destination. */
    void (*reroute)(struct irq_desc *desc);
};

/* An interrupt: number below irq_gsi_count() = that line of an I/O APIC; above: a message of a
   device. The lock protects all but what is marked (c). */
struct irq_desc {
    spinlock_t lock;            /* interrupts off */
    uint16_t irq;               /* (c) */
    bool level, active_low;
    bool configured;            /* trigger and polarity were set by someone who knows */
    bool shared;                /* its guests agreed to share */
    bool move_wanted;           /* to want_cpu, with the next interrupt */
    bool held;                  /* silenced for its rate; the timer ends it */
    bool level_reported;        /* said that a guest holds up the others */
    const struct irq_chip *chip; /* NULL: a number not in use */
    struct irq_route route;
    unsigned int want_cpu;
    struct msi_desc *msi;       /* NULL: a line */
    irq_handler_t handler;      /* the hypervisor's own; never removed */
    void *data;
    const char *name;
    struct list_head guests;
    unsigned int in_flight;     /* guests whose EOI is due; the line is masked while it is not 0 */
    uint64_t count;
    unsigned int burst;         /* interrupts since burst_start, for the rate limit */
    s_time_t burst_start;
    s_time_t next_report;       /* of the rate */
    uint64_t holds;
    struct timer timer;         /* ends a hold, or the wait for the last of several guests */
};

/* irq must be below irq_count(). */
struct irq_desc *irq_desc(unsigned int irq);
/* A number for a message, with a vector on that CPU; -ENOSPC. The chip is set by the caller, under
   the lock; irq_destroy() undoes both. Caller holds pci_lock. */
int irq_create(unsigned int cpu);
void irq_destroy(unsigned int irq);

/* Desc lock held. Gives the interrupt a vector if it has none, and unmasks it. 0, -ENOSPC. */
int irq_start(struct irq_desc *desc, unsigned int cpu);
void irq_stop(struct irq_desc *desc);
/* Desc lock held: it shall arrive at that CPU. Done with the next one that arrives. */
void irq_want_cpu(struct irq_desc *desc, unsigned int cpu);
bool irq_is_busy(const struct irq_desc *desc);
/* Of a line that exists. False: it is in use and stays as it is. */
bool irq_set_trigger(unsigned int gsi, bool level, bool active_low);

/* handle.c */
void irq_handling_init(void);
void irq_init_timer(struct irq_desc *desc);
/* Desc lock held: several guests have it in flight, and none shall wait for another for long. */
void irq_await_guests(struct irq_desc *desc);
void irq_dump_strays(void);

/* Called with the desc lock for an interrupt with guests. */
void pirq_deliver(struct irq_desc *desc);
/* Desc lock held: what guests owe is forgotten. Returns one that owed, or NULL. */
const struct domain *pirq_forget_in_flight(struct irq_desc *desc);

/* vector.c. Desc lock held. */
int vector_to_irq(unsigned int vector);     /* on this CPU; NO_IRQ */
/* A first route to that CPU. -ENOSPC: it has no vector free. */
int vector_alloc(struct irq_route *r, unsigned int irq, unsigned int cpu);
/* A route to another CPU; the caller writes it to the source, vector before destination. -EBUSY:
   it is moving still; -ENOSPC. */
int vector_move(struct irq_route *r, unsigned int irq, unsigned int cpu);
/* It came at this vector of the running CPU. */
void vector_arrived(struct irq_route *r, unsigned int vector);
/* Gives up what a move has left on the running CPU. False: one waits there; look again. */
bool vector_clean(struct irq_route *r, unsigned int irq);
/* The source is silent. One still on its way counts as stray. */
void vector_free(struct irq_route *r, unsigned int irq);
unsigned int vectors_used(unsigned int cpu);

/* ioapic.c */
extern const struct irq_chip ioapic_edge_chip, ioapic_level_chip;
bool ioapic_has_gsi(unsigned int gsi);

void i8259_interrupt(unsigned int vector);
uint32_t apic_read_error(void);

#endif
