/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ticket spin locks with an order. A CPU may take a lock only if its order is greater than
 * that of every lock it holds; debug builds check this (and that a lock is not taken twice).
 * Order 0 is exempt (leaf locks of the console). A lock also taken in interrupt context is
 * always taken with interrupts disabled.
 */
#ifndef HV_SPINLOCK_H
#define HV_SPINLOCK_H

#include <hv/atomic.h>

/* Outermost first. Two locks of one order are taken only through spin_lock_nested
   (address order, caller's duty). */
enum lock_order {
    LOCK_ANY = 0,
    LOCK_FIRMWARE,      /* efi_lock: held, interrupts on, while the firmware runs */
    LOCK_DOMCTL,        /* domctl_lock: one control operation at a time */
    LOCK_DOMLIST,       /* domain list and domid allocation */
    LOCK_PCI,
    LOCK_GRANT,         /* grant_table::lock, ::maptrack_lock; never two at once */
    LOCK_EVTCHN,        /* domain::event_lock */
    LOCK_PIRQ,
    LOCK_IRQ_DESC,      /* irq_desc::lock, interrupts off */
    LOCK_EVTCHN_CHAN,   /* evtchn::lock, interrupts off */
    LOCK_EVTCHN_QUEUE,  /* FIFO queue lock, interrupts off */
    LOCK_VIRQ,
    LOCK_SHUTDOWN,
    LOCK_HVM,           /* parameters and I/O request servers of an HVM domain */
    LOCK_HVM_DEVICE,    /* registers of one emulated device */
    LOCK_HVM_TICK,      /* ticks of a vCPU */
    LOCK_HVM_IRQ,       /* a domain's interrupt lines and controllers */
    LOCK_P2M,           /* guest-physical map, interrupts on */
    LOCK_CACHEATTR,     /* memory types of guests' frames (pv/page_type_l1.c) */
    LOCK_PAGE_ALLOC,    /* domain::page_alloc_lock */
    LOCK_HEAP,          /* buddy allocator */
    LOCK_XMALLOC,
    LOCK_PAGING,        /* hypervisor page tables */
    LOCK_RCU,
    LOCK_SCHED,         /* scheduler's per-CPU run queue, interrupts off */
    LOCK_TASKLET,
    LOCK_TIMER,         /* per-CPU timer heap, interrupts off */
    LOCK_TIME,          /* platform timer, calibration */
    LOCK_IPI,           /* call-function and flush rendezvous */
    LOCK_APIC,
    LOCK_RANGESET,
    LOCK_LEAF,          /* may be taken under anything; takes nothing */
};

typedef struct spinlock {
    union {
        uint32_t tickets;
        struct { uint16_t head, tail; };
    };
#ifdef DEBUG
    uint16_t order;
    uint16_t holder;    /* CPU + 1 */
#endif
} spinlock_t;

#ifdef DEBUG
#define SPINLOCK_INIT(o) { .tickets = 0, .order = (o) }
void lock_check_acquire(spinlock_t *l, bool nested);
void lock_check_acquired(spinlock_t *l);
void lock_check_release(spinlock_t *l);
#else
#define SPINLOCK_INIT(o) { .tickets = 0 }
static inline void lock_check_acquire(spinlock_t *l, bool nested) {}
static inline void lock_check_acquired(spinlock_t *l) {}
static inline void lock_check_release(spinlock_t *l) {}
#endif
#define DEFINE_SPINLOCK(name, o) spinlock_t name = SPINLOCK_INIT(o)

static inline void spin_lock_init(spinlock_t *l, enum lock_order order)
{
    *l = (spinlock_t)SPINLOCK_INIT(order);
}

static inline void spin_acquire(spinlock_t *l)
{
    uint16_t mine = __atomic_fetch_add(&l->tail, 1, __ATOMIC_ACQUIRE);
    while (unlikely(__atomic_load_n(&l->head, __ATOMIC_ACQUIRE) != mine))
        cpu_relax();
}
static inline void spin_lock(spinlock_t *l)
{
    lock_check_acquire(l, false);
    spin_acquire(l);
    lock_check_acquired(l);
}
static inline void spin_lock_nested(spinlock_t *l)
{
    lock_check_acquire(l, true);
    spin_acquire(l);
    lock_check_acquired(l);
}
static inline bool spin_trylock(spinlock_t *l)
{
    uint32_t old = READ_ONCE(l->tickets);
    if ((uint16_t)old != (uint16_t)(old >> 16))
        return false;
    if (cmpxchg(&l->tickets, old, old + 0x10000) != old)
        return false;
    lock_check_acquired(l);
    return true;
}
static inline void spin_unlock(spinlock_t *l)
{
    lock_check_release(l);
    __atomic_store_n(&l->head, (uint16_t)(l->head + 1), __ATOMIC_RELEASE);
}
#ifdef HV_UNIT_TEST
/* A host program may not touch the interrupt flag; it has one of its
   own, which tests can look at. */
__attribute__((weak)) bool unit_irqs_off;
static inline unsigned long local_irq_save(void)
{
    unsigned long flags = unit_irqs_off ? 0 : 0x200;
    unit_irqs_off = true;
    return flags;
}
static inline void local_irq_restore(unsigned long flags) { unit_irqs_off = !(flags & 0x200); }
static inline void local_irq_disable(void) { unit_irqs_off = true; }
static inline void local_irq_enable(void) { unit_irqs_off = false; }
static inline bool local_irq_is_enabled(void) { return !unit_irqs_off; }
#else
static inline unsigned long local_irq_save(void)
{
    unsigned long flags;
    __asm__ volatile("pushfq; popq %0; cli" : "=r"(flags) : : "memory");
    return flags;
}
static inline void local_irq_restore(unsigned long flags)
{
    if (flags & 0x200)
        __asm__ volatile("sti" ::: "memory");
    else
        __asm__ volatile("cli" ::: "memory");
}
static inline void local_irq_disable(void) { __asm__ volatile("cli" ::: "memory"); }
static inline void local_irq_enable(void) { __asm__ volatile("sti" ::: "memory"); }
static inline bool local_irq_is_enabled(void)
{
    unsigned long flags;
    __asm__ volatile("pushfq; popq %0" : "=r"(flags));
    return flags & 0x200;
}
#endif

#define spin_lock_irqsave(l, flags) do { (flags) = local_irq_save(); spin_lock(l); } while (0)
#define spin_unlock_irqrestore(l, flags) do { spin_unlock(l); local_irq_restore(flags); } while (0)
#define spin_lock_irq(l) do { local_irq_disable(); spin_lock(l); } while (0)
#define spin_unlock_irq(l) do { spin_unlock(l); local_irq_enable(); } while (0)

#endif
