/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The devices of a PC as a micro-guest drives them, and how to compare one clock with another when
 * anything may stop in between. A guest that needs more than the local APIC says in its test.conf
 * domains=emulation=1023: all that xl gives an HVM guest.
 */
#ifndef GUEST_HVM_PC_H
#define GUEST_HVM_PC_H

#include <hvm.h>

/* --- local APIC --- */
#define APIC_ID 0x20
#define APIC_VERSION 0x30
#define APIC_TPR 0x80
#define APIC_PPR 0xa0
#define APIC_EOI 0xb0
#define APIC_SVR 0xf0
#define APIC_ISR 0x100
#define APIC_IRR 0x200
#define APIC_ESR 0x280
#define APIC_ICR 0x300
#define APIC_LVTT 0x320
#define APIC_LINT0 0x350
#define APIC_TMICT 0x380
#define APIC_TMCCT 0x390
#define APIC_TDCR 0x3e0
#define APIC_ENABLE 0x1ff
#define APIC_SELF (1 << 18)
#define APIC_MASKED (1 << 16)
#define APIC_HZ 100000000UL        /* the timer's input */

static inline uint32_t apic_read(unsigned int reg)
{
    return *(volatile uint32_t *)at_phys(0xfee00000UL + reg);
}
static inline void apic_write(unsigned int reg, uint32_t val)
{
    *(volatile uint32_t *)at_phys(0xfee00000UL + reg) = val;
}

/* --- I/O APIC --- */
static inline uint32_t ioapic_read(unsigned int reg)
{
    *(volatile uint32_t *)at_phys(0xfec00000UL) = reg;
    return *(volatile uint32_t *)at_phys(0xfec00010UL);
}
static inline void ioapic_write(unsigned int reg, uint32_t val)
{
    *(volatile uint32_t *)at_phys(0xfec00000UL) = reg;
    *(volatile uint32_t *)at_phys(0xfec00010UL) = val;
}
/* Pin to vector at vCPU 0, as an edge. */
static inline void ioapic_route(unsigned int pin, uint32_t vector)
{
    ioapic_write(0x11 + 2 * pin, 0);
    ioapic_write(0x10 + 2 * pin, vector);
}

/* --- 8259 pair: vectors base and base + 8, all but the inputs in open masked --- */
static inline void pic_init(uint8_t base, uint16_t open)
{
    outb(0x20, 0x11);
    outb(0x21, base);
    outb(0x21, 4);
    outb(0x21, 1);
    outb(0xa0, 0x11);
    outb(0xa1, base + 8);
    outb(0xa1, 2);
    outb(0xa1, 1);
    outb(0x21, (uint8_t)~open);
    outb(0xa1, (uint8_t)(~open >> 8));
}

/* --- clocks --- */

/* A reading of a clock of hz, and the system time before and after it. */
struct sample { uint64_t before, count, after; };
#define SAMPLE(read) \
    __extension__({ \
        struct sample s_; \
        s_.before = now_ns(); \
        s_.count = (read); \
        s_.after = now_ns(); \
        s_; \
    })
/* The clock went on by what the system time did, within a thousandth; `count` is its difference. */
static inline void check_rate(const char *what, const struct sample *a, const struct sample *b,
                              uint64_t count, uint64_t hz)
{
    uint64_t least = (b->before - a->after) / 1000 * (hz / 1000) / 1000;
    uint64_t most = (b->after - a->before + 1000) / 1000 * (hz / 1000 + 1) / 1000;

    check(count + 2 >= least - least / 1000 && count <= most + most / 1000 + 2,
          "%s went on by %lu, between %lu and %lu are due", what, count, least, most);
}

#endif
