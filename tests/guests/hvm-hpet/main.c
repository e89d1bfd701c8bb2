/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HPET (IA-PC HPET specification) and I/O APIC (82093AA data sheet): registers, a counter in step
 * with the pv clock, one-shot and periodic interrupts as edges through the I/O APIC, and a level
 * that stays until its status is cleared.
 */
#include <pc.h>

#define CONFIG 0x10
#define STATUS 0x20
#define COUNTER 0xf0
#define TIMER_CONFIG(n) (0x100 + 0x20 * (n))
#define TIMER_CMP(n) (0x108 + 0x20 * (n))
#define GSI 20

static volatile unsigned int count;
static volatile bool clear_status;

static uint64_t hpet(unsigned int reg) { return *(volatile uint64_t *)at_phys(0xfed00000UL + reg); }
static void hpet_set(unsigned int reg, uint64_t val)
{
    *(volatile uint64_t *)at_phys(0xfed00000UL + reg) = val;
}

static bool on_tick(struct regs *r)
{
    (void)r;
    count++;
    if (clear_status)
        hpet_set(STATUS, 7);
    apic_write(APIC_EOI, 0);
    return true;
}

static void ioapic(void)
{
    uint32_t version = ioapic_read(1);

    expect(version & 0xff, 0x11);
    expect(version >> 16 & 0xff, 47);
    expect(ioapic_read(0x10 + 2 * 30) & 0x10000, 0x10000);
    ioapic_write(0x10 + 2 * 30, 0x1afff);
    expect(ioapic_read(0x10 + 2 * 30), 0x1afff);
    ioapic_write(0x11 + 2 * 30, 0x12345678);
    expect(ioapic_read(0x11 + 2 * 30) >> 24, 0x12);
    ioapic_write(0x10 + 2 * 30, 0x10000);
}

void test_main(void)
{
    uint64_t hz = 1000000000000000UL / (hpet(0) >> 32), start, periods;
    struct sample a, b;
    unsigned int seen;

    ioapic();
    check((hpet(0) >> 8 & 0x1f) == 2 && hpet(0) & 1 << 13, "capabilities 0x%lx", hpet(0));
    check(hpet(TIMER_CONFIG(0)) >> 32 & 1 << GSI, "timer 0: 0x%lx", hpet(TIMER_CONFIG(0)));
    hpet_set(CONFIG, 0);
    hpet_set(COUNTER, 0);
    expect(hpet(COUNTER), 0);
    hpet_set(CONFIG, 1);
    a = SAMPLE(hpet(COUNTER));
    spin_ns(500 * NS_PER_MS);
    b = SAMPLE(hpet(COUNTER));
    check_rate("the counter", &a, &b, b.count - a.count, hz);

    trap_hook(0x66, on_tick);
    apic_write(APIC_SVR, APIC_ENABLE);
    ioapic_route(GSI, 0x66);
    /* The comparator first: Xen 4.17 takes the one after reset for passed. */
    start = hpet(COUNTER);
    hpet_set(TIMER_CMP(0), start + hz / 20);
    hpet_set(TIMER_CONFIG(0), GSI << 9 | 1 << 2);
    expect(wait_until(count, 1000), true);
    /* Xen 4.17 may be early by 1.4 ms. */
    check(hpet(COUNTER) >= start + hz / 20 - hz / 250, "50 ms were %lu ticks",
          hpet(COUNTER) - start);
    spin_ns(100 * NS_PER_MS);
    expect(count, 1);

    count = 0;
    hpet_set(TIMER_CONFIG(0), GSI << 9 | 1 << 2 | 1 << 3 | 1 << 6);
    hpet_set(TIMER_CMP(0), hpet(COUNTER) + hz / 50);
    hpet_set(TIMER_CMP(0), hz / 50);
    start = now_ns();
    spin_ns(1000 * NS_PER_MS);
    seen = count;
    periods = (now_ns() - start) / (20 * NS_PER_MS);
    check(seen >= 25 && seen <= periods + 1, "%u ticks in the time of %lu", seen, periods);
    hpet_set(TIMER_CONFIG(0), GSI << 9);
    spin_ns(50 * NS_PER_MS);
    seen = count;
    spin_ns(50 * NS_PER_MS);
    expect(count, seen);
    hpet_set(CONFIG, 0);
}
