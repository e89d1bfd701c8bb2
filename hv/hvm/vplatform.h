/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the virtual devices keep, and what their files offer each other. Letters at the fields: (c)
 * constant after creation, (i) irq_lock, (x) the device's own lock, (a) atomic, (v) written by the
 * vCPU itself or while it does not run.
 */
#ifndef HV_HVM_VPLATFORM_H
#define HV_HVM_VPLATFORM_H

#include <hv/hvm/hvm.h>
#include <hv/hvm/io.h>
#include <hv/hvm/irq.h>
#include <hv/hvm/mtrr.h>
#include <hv/hvm/platform.h>
#include <hv/hvm/save.h>
#include <hv/hvm/time.h>
#include <hv/hvm/vdev_regs.h>
#include <hv/hvm/vlapic.h>
#include <hv/lib.h>
#include <hv/msr_index.h>
#include <hv/printk.h>
#include <hv/sched.h>
#include <hv/time.h>
#include "vtick.h"

/* --- local APIC --- */

struct vlapic {
    struct vcpu *v;                  /* (c) */
    uint8_t *page;                   /* (c) registers; IRR and TMR are (a), the others (v) */
    uint64_t base_msr;               /* (v) MSR_APIC_BASE */
    bool irr_pending;                /* (a) false: IRR is empty for sure */
    int16_t isr_top;                 /* (v) highest vector in service, -1 = none */
    uint32_t esr;                    /* (a) errors since ESR was last written */
    /* Timer. */
    spinlock_t timer_lock;
    struct vtick tick;
    s_time_t timer_start;            /* (x) when the initial count was loaded */
    uint32_t timer_count;            /* (x) that count; 0 = stopped */
    uint64_t deadline;               /* (x) MSR_TSC_DEADLINE, 0 = disarmed */
    /* INIT and start-up. */
    struct tasklet startup_tasklet;
    uint32_t startup;                /* (a) STARTUP_* and the vector below */
    bool startup_holds;              /* the tasklet has paused v */
};

static inline struct vlapic *vcpu_vlapic(const struct vcpu *v)
{
    return const_hvm_vcpu(v)->vlapic;
}
static inline uint32_t vlapic_reg(const struct vlapic *l, unsigned int reg)
{
    return READ_ONCE(*(const uint32_t *)(l->page + reg));
}
static inline void vlapic_set_reg(struct vlapic *l, unsigned int reg, uint32_t val)
{
    WRITE_ONCE(*(uint32_t *)(l->page + reg), val);
}
static inline bool vlapic_hw_enabled(const struct vlapic *l)
{
    return l->base_msr & APIC_BASE_ENABLE;
}
static inline bool vlapic_enabled(const struct vlapic *l)
{
    return vlapic_hw_enabled(l) && (vlapic_reg(l, APIC_SVR) & APIC_SVR_ENABLE);
}
static inline bool vlapic_x2apic(const struct vlapic *l) { return l->base_msr & APIC_BASE_X2APIC; }

/* A message as it goes from an I/O APIC, a device or a local APIC to local APICs. */
struct apic_msg {
    uint32_t dest;
    uint8_t vector, delivery;        /* enum apic_delivery */
    bool logical, level;
};

/* --- vlapic_ipi.c --- */
/* To all whom it means (lowest priority: to one); true if somebody took it. */
bool vlapic_deliver(struct domain *d, const struct apic_msg *m);
void vlapic_send_ipi(struct vlapic *l, uint32_t icr, uint32_t dest);
void vlapic_startup_init(struct vlapic *l);
void vlapic_startup_kill(struct vlapic *l);

/* --- vlapic_timer.c --- */
void vlapic_timer_init(struct vlapic *l);
void vlapic_timer_stop(struct vlapic *l);
uint32_t vlapic_timer_count(struct vlapic *l);
void vlapic_timer_write_count(struct vlapic *l, uint32_t count);
void vlapic_timer_write_divide(struct vlapic *l, uint32_t val);
void vlapic_timer_write_lvt(struct vlapic *l, uint32_t val);
uint64_t vlapic_deadline(struct vlapic *l);
void vlapic_write_deadline(struct vlapic *l, uint64_t tsc);
void vlapic_timer_taken(struct vlapic *l, uint8_t vector);
/* The guest's TSC has jumped: a deadline means another moment. */
void vlapic_tsc_moved(struct vcpu *v);
unsigned int vlapic_timer_divisor(uint32_t divide);
/* Goes on from a saved state: `elapsed` counts have passed of the initial count. */
void vlapic_timer_restore(struct vlapic *l, uint32_t initial, uint32_t left, uint64_t deadline);

/* --- vlapic.c --- */
void vlapic_reset(struct vlapic *l, bool init);      /* init: by INIT, base and id stay */
int vlapic_highest_pending(struct vlapic *l);        /* above PPR, or -1 */
void vlapic_ack(struct vlapic *l, uint8_t vector);   /* from IRR to ISR */
unsigned int vlapic_ppr(const struct vlapic *l);
bool vlapic_takes_extint(const struct vlapic *l);    /* LINT0 is wired through to the 8259 pair */
void vlapic_error(struct vlapic *l, uint32_t bits);
void vlapic_recount(struct vlapic *l);               /* caches, after a load */
void vlapic_eoi(struct vlapic *l);
/* "Logical Destination Mode in x2APIC Mode" */
static inline uint32_t vlapic_x2apic_ldr(unsigned int vcpu_id)
{
    return (VLAPIC_ID(vcpu_id) >> 4) << 16 | 1u << (VLAPIC_ID(vcpu_id) & 0xf);
}

/* --- one register, xAPIC and x2APIC alike (vlapic_regs.c) --- */
uint32_t vlapic_read_reg(struct vlapic *l, unsigned int reg);
/* False: there is no such register, or it is read-only. */
bool vlapic_write_reg(struct vlapic *l, unsigned int reg, uint32_t val);
bool vlapic_reg_exists(unsigned int reg);
int vlapic_mmio_read(struct vcpu *v, uint64_t addr, unsigned int size, uint64_t *val);
int vlapic_mmio_write(struct vcpu *v, uint64_t addr, unsigned int size, uint64_t val);

/* --- domain --- */

struct hvm_io_claim { uint64_t place; const struct hvm_io_ops *ops; }; /* io.c */
struct hvm_io_table {
    struct hvm_io_claim port[HVM_IO_RANGES], mmio[HVM_IO_RANGES];
    unsigned int nr_ports, nr_mmio;
};

struct vpit_channel {
    uint32_t count;                  /* 1 to 65536 (BCD: 10000); 0 = not loaded since the mode */
    uint8_t mode, rw;                /* enum pit_rw */
    bool bcd, gate, out_held;        /* out_held: OUT before the first trigger or load */
    bool read_msb, write_msb, lsb_written;
    uint8_t write_latch;
    uint8_t count_latched;           /* bytes of latched_count still to be read */
    bool status_latched;
    uint8_t status;
    uint16_t latched_count;
    s_time_t start;                  /* when it began to count */
    s_time_t stopped_at;             /* gate low: elapsed time so far; -1 = it counts */
};

struct vpit {
    spinlock_t lock;
    struct vpit_channel ch[PIT_CHANNELS];
    bool speaker_data;
    struct vtick tick;               /* channel 0 */
};

struct vrtc {
    spinlock_t lock;
    uint8_t reg[RTC_CMOS_SIZE];      /* time registers: valid while SET holds them */
    uint8_t index;
    int64_t moved;                   /* offset's change that is still to be told */
    int64_t seen;                    /* second up to which flags are accounted */
    struct timer timer;              /* next second or alarm that interrupts */
    struct vtick tick;               /* periodic interrupt */
    s_time_t periodic_from;          /* start of the periodic grid */
    uint64_t periodic_seen;          /* its ticks already accounted to PF */
};

struct vhpet_timer {
    uint64_t config, cmp, period;
    uint64_t base;                   /* counter value when cmp was last right */
    struct vtick tick;
};

struct vhpet {
    spinlock_t lock;
    struct domain *d;
    uint64_t config, isr;
    uint64_t counter;                /* while stopped, or minus the clock while it runs */
    struct vhpet_timer timer[HPET_TIMER_NUM];
};

struct vpm {
    spinlock_t lock;
    uint8_t location;
    uint16_t status, enable;
    uint32_t timer_offset;           /* value at system time 0 */
    uint64_t turns_seen;             /* changes of the top bit accounted to the status */
    struct timer timer;              /* next change of the top bit, while it interrupts */
};

struct vplatform {
    struct domain *d;                /* (c) */
    uint32_t flags;                  /* (c) XEN_X86_EMU_* */
    const struct hvm_cpu_ops *cpu;   /* (c) */
    struct hvm_io_table io;
    uint8_t timer_mode;
    uint32_t lowest_next;            /* (a) vCPU after the last of lowest priority */

    /* Lines and controllers. */
    spinlock_t irq_lock;
    struct hvm_hw_pci_irqs pci;      /* (i) INTx wires: bit device * 4 + intx */
    struct hvm_hw_isa_irqs isa;      /* (i) */
    uint8_t link_route[4];           /* (i) ISA interrupt of a PCI link, 0 = none */
    uint8_t link_count[4];           /* (i) wires that hold it */
    uint8_t gsi_count[HVM_GSIS];     /* (i) holders */
    uint64_t other_gsi;              /* (i) held by hvm_gsi_set() */
    bool lines_quiet;                /* (i) lines are loaded: the controllers know them already */
    struct hvm_hw_vpic pic[2];       /* (i) int_output may be read without */
    struct hvm_hw_vioapic ioapic;    /* (i) */
    uint8_t callback_kind;           /* (i) enum hvm_callback */
    uint8_t callback_vector, callback_gsi, callback_dev, callback_intx; /* (i) */
    bool callback_held;              /* (i) the line is up */

    struct vpit pit;
    struct vrtc rtc;
    struct vhpet hpet;
    struct vpm pm;
};

static inline struct vplatform *domain_platform(const struct domain *d)
{
    return const_hvm_domain(d)->platform;
}
static inline struct vplatform *vcpu_platform(const struct vcpu *v)
{
    return domain_platform(v->domain);
}
static inline bool platform_has(const struct vplatform *p, uint32_t flag)
{
    return p && (p->flags & flag);
}

/* --- lines (virq_lines.c); irq_lock is taken inside unless stated --- */
/* An edge: down, then up and held until the next. */
void hvm_isa_irq_pulse(struct domain *d, unsigned int irq);
void hvm_gsi_pulse(struct domain *d, unsigned int gsi);
/* Somebody would take it now: the I/O APIC's pin or the 8259 input is not masked. */
bool hvm_isa_irq_open(struct vplatform *p, unsigned int irq);
bool hvm_gsi_open(struct vplatform *p, unsigned int gsi);
/* The I/O APIC's pin of an ISA interrupt. */
static inline unsigned int isa_irq_gsi(unsigned int irq) { return irq ? irq : 2; }
static inline bool gsi_level(const struct vplatform *p, unsigned int gsi)
{
    return p->gsi_count[gsi] != 0;
}
/* vCPU 0's event line follows its vcpu_info. */
void hvm_callback_update(struct vcpu *v);

/* --- vpic.c, with irq_lock held --- */
void vpic_reset(struct vplatform *p);
void vpic_edge(struct vplatform *p, unsigned int irq, bool level);
int vpic_ack(struct vplatform *p, unsigned int *irq);  /* vector, or -1: nothing is there */
int vpic_claim(struct domain *d);                      /* ports */
static inline bool vpic_asserts(const struct vplatform *p)
{
    return READ_ONCE(p->pic[0].int_output);
}

/* --- vioapic.c, with irq_lock held --- */
void vioapic_reset(struct vplatform *p);
void vioapic_edge(struct vplatform *p, unsigned int pin, bool level);
int vioapic_claim(struct domain *d);
void vioapic_eoi(struct domain *d, uint8_t vector);    /* takes irq_lock */

/* --- devices --- */
void vpit_init(struct vplatform *p), vpit_reset(struct vplatform *p);
int vpit_claim(struct domain *d);
void vrtc_init(struct vplatform *p), vrtc_reset(struct vplatform *p);
int vrtc_claim(struct domain *d);
void vhpet_init(struct vplatform *p), vhpet_reset(struct vplatform *p);
int vhpet_claim(struct domain *d);
static inline bool vhpet_legacy(const struct vplatform *p)
{
    return READ_ONCE(p->hpet.config) & HPET_CONFIG_LEGACY;
}
void vpm_init(struct vplatform *p), vpm_reset(struct vplatform *p);
/* Timers belong to vCPU 0, which comes later than the devices. */
void vpit_init_timers(struct vplatform *p, struct vcpu *v);
void vrtc_init_timers(struct vplatform *p, struct vcpu *v);
void vhpet_init_timers(struct vplatform *p, struct vcpu *v);
void vpm_init_timers(struct vplatform *p, struct vcpu *v);
int vpm_claim(struct domain *d);

/* Ticks of the domain's devices, for whoever took their interrupt; NULL at the end. */
struct vtick *platform_tick(struct vplatform *p, unsigned int n);
void vtick_taken_gsi(struct vplatform *p, uint8_t vector);   /* a local APIC's */
void vtick_taken_isa(struct vplatform *p, unsigned int irq); /* the 8259 pair's */
unsigned int platform_tick_irq(struct vplatform *p, unsigned int n); /* ISA interrupt or GSI */
#define NO_IRQ (~0u)
unsigned int vhpet_line(struct vplatform *p, unsigned int n);

/* --- records --- */
extern const struct hvm_record vpic_record, vioapic_record, vlapic_record, vlapic_regs_record;
extern const struct hvm_record pci_irq_record, isa_irq_record, pci_link_record;
extern const struct hvm_record vpit_record, vrtc_record, vhpet_record, vpm_record, vmtrr_record;
extern const struct hvm_record tsc_adjust_record;
unsigned int one_instance(const struct domain *d);      /* helpers of records */
unsigned int vcpu_instances(const struct domain *d);
bool has_vcpu(const struct domain *d, unsigned int instance);

#endif
