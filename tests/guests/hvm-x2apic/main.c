/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x2APIC mode (SDM, "Extended XAPIC (x2APIC)"): the way into it and which ways are closed, ids, the
 * registers as MSRs with their faults, self-IPI and ICR. Where CPUID does not offer it, entering it
 * faults.
 */
#include <pc.h>

#define BASE 0x1b
#define BASE_ON 0xfee00900UL
#define EXTD (1UL << 10)
#define X(reg) (0x800 + (reg) / 16)

static volatile unsigned int got, times;

static bool on_vector(struct regs *r)
{
    got = (unsigned int)r->vector;
    times++;
    wrmsr(X(APIC_EOI), 0);
    return true;
}

static bool comes(unsigned int vector)
{
    bool met = wait_until(times == 1 && got == vector, 1000);

    times = 0;
    return met;
}

void test_main(void)
{
    uint32_t r[4];
    uint64_t val;

    cpuid(1, 0, r);
    expect(rdmsr_faults(X(APIC_ID), &val), true);           /* in xAPIC mode */
    expect(wrmsr_faults(BASE, 0xfee00000UL | EXTD), true);  /* not enabled, but extended */
    if (!(r[2] & 1u << 21)) {
        expect(wrmsr_faults(BASE, BASE_ON | EXTD), true);
        return;
    }
    trap_hook(0x61, on_vector);
    trap_hook(0x62, on_vector);
    apic_write(APIC_SVR, APIC_ENABLE);
    expect(wrmsr_faults(BASE, BASE_ON | EXTD), false);
    expect(rdmsr(BASE), BASE_ON | EXTD);
    expect(wrmsr_faults(BASE, BASE_ON), true);              /* no way straight back */
    expect(rdmsr(X(APIC_ID)), 0);
    expect(rdmsr(X(0xd0)), 1);                              /* logical id: cluster 0, member 0 */
    expect(rdmsr(X(APIC_SVR)), APIC_ENABLE);
    expect(rdmsr_faults(X(0xe0), &val), true);              /* DFR */
    expect(rdmsr_faults(X(0x310), &val), true);             /* upper half of ICR */
    expect(wrmsr_faults(X(APIC_ID), 0), true);
    expect(wrmsr_faults(X(APIC_EOI), 1), true);
    expect(wrmsr_faults(X(APIC_TPR), 0x100), true);
    expect(wrmsr_faults(X(APIC_ESR), 1), true);
    wrmsr(X(0x3f0), 0x61);                                  /* self-IPI */
    expect(comes(0x61), true);
    wrmsr(X(APIC_ICR), 0x62);                               /* to id 0 */
    expect(comes(0x62), true);
    wrmsr(X(APIC_ICR), 1UL << 32 | 1 << 11 | 0x61);         /* to member 0 of cluster 0 */
    expect(comes(0x61), true);
    wrmsr(X(APIC_TPR), 0x70);
    expect(read_cr8(), 7);
    wrmsr(X(APIC_TPR), 0);
    expect(wrmsr_faults(BASE, 0xfee00100UL), false);        /* off, and on as xAPIC */
    expect(rdmsr_faults(X(APIC_ID), &val), true);
    expect(wrmsr_faults(BASE, BASE_ON), false);
    expect(apic_read(APIC_SVR) & 0x100, 0);
}
