/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local APIC of the running CPU: xAPIC through its page, x2APIC through MSRs, behind apic_read()
 * and apic_write(). Interrupts go to physical destinations only. The timer is used one-shot: by TSC
 * deadline where the CPU has it, else by the counting register at its calibrated rate.
 */
#include <hv/acpi.h>
#include <hv/apic.h>
#include <hv/apic_regs.h>
#include <hv/cpuid.h>
#include <hv/errno.h>
#include <hv/irq.h>
#include <hv/mm.h>
#include <hv/msr_index.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/smp.h>
#include <hv/spinlock.h>
#include <hv/time.h>
#include "../time/time_priv.h"
#include "irq_priv.h"

#define ICR_POLLS 1000000
#define INIT_WAIT_US 1000
#define SIPI_WAIT_US 200
#define CALIBRATE_US 4000
#define CALIBRATE_READS 8
#define XAPIC_BROADCAST 0xff

static bool x2apic;
static bool use_deadline;
static volatile uint32_t *lapic;
static uint32_t apic_khz;               /* timer ticks per millisecond at divide-by-1 */

/* x2apic=0 keeps xAPIC unless firmware has left it. Default: x2APIC where the CPU has it and
 * device interrupts, which have 8 bits for the target, can reach all CPUs. */
static int x2apic_wanted = -1;
static int parse_x2apic(const char *s)
{
    x2apic_wanted = *s ? parse_bool(s) : 1;
    return x2apic_wanted < 0 ? -EINVAL : 0;
}
custom_param("x2apic", parse_x2apic);
static bool opt_deadline = true;
bool_param("tsc-deadline", opt_deadline);

static uint32_t apic_read(unsigned int reg)
{
    return x2apic ? (uint32_t)rdmsr(MSR_X2APIC_FIRST + (reg >> 4)) : lapic[reg / 4];
}

static void apic_write(unsigned int reg, uint32_t val)
{
    if (x2apic)
        wrmsr(MSR_X2APIC_FIRST + (reg >> 4), val);
    else
        lapic[reg / 4] = val;
}

static bool __init want_x2apic(void)
{
    if (x2apic_wanted >= 0)
        return x2apic_wanted;
    for (unsigned int i = 0; i < acpi.nr_cpus; i++)
        if (acpi.cpus[i].enabled && acpi.cpus[i].apicid >= XAPIC_BROADCAST)
            return false;
    return true;
}

void __init apic_map(void)
{
    uint64_t base;

    if (!cpu_has(X86_FEATURE_APIC))
        panic("This CPU has no local APIC (or firmware hides it); Hospes needs one\n");
    base = rdmsr(MSR_APIC_BASE);
    x2apic = base & APIC_BASE_X2APIC;
    if (!x2apic && cpu_has(X86_FEATURE_X2APIC) && want_x2apic()) {
        x2apic = true;
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE | APIC_BASE_X2APIC);
    }
    if (x2apic && x2apic_wanted == 0)
        printk(XENLOG_WARNING "x2apic=0 ignored: firmware has switched x2APIC on\n");
    use_deadline = opt_deadline && cpu_has(X86_FEATURE_TSC_DEADLINE);
    if (!x2apic) {
        lapic = ioremap(acpi.lapic_addr, PAGE_SIZE);
        if (!lapic)
            panic("Can't map the local APIC at %#lx: no address space\n", acpi.lapic_addr);
    }
    printk(XENLOG_INFO "Local APIC: %s, timer by %s\n", x2apic ? "x2APIC" : "xAPIC",
           use_deadline ? "TSC deadline" : "count");
}

/* Whoever ran before may have left vectors in service, which would block lower ones for ever. */
static void clear_in_service(void)
{
    for (unsigned int i = 0; i < NR_VECTORS; i++) {
        unsigned int reg;

        for (reg = 0; reg < NR_VECTORS / 32 && !apic_read(APIC_ISR + 16 * reg); reg++)
            ;
        if (reg == NR_VECTORS / 32)
            return;
        apic_eoi();
    }
}

static void init_lvt(bool boot_cpu_too)
{
    unsigned int max_lvt = APIC_VERSION_MAX_LVT(apic_read(APIC_VERSION));

    apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED | VECTOR_TIMER);
    if (max_lvt >= 5)
        apic_write(APIC_LVT_THERMAL, APIC_LVT_MASKED);
    if (max_lvt >= 4)
        apic_write(APIC_LVT_PMC, APIC_LVT_MASKED);
    if (max_lvt >= 6)
        apic_write(APIC_LVT_CMCI, APIC_LVT_MASKED);
    apic_write(APIC_LVT_LINT0, APIC_LVT_MASKED | APIC_LVT_EXTINT);
    apic_write(APIC_LVT_LINT1, APIC_LVT_NMI | (boot_cpu_too ? 0 : APIC_LVT_MASKED));
    apic_write(APIC_LVT_ERROR, VECTOR_ERROR);
    apic_write(APIC_ESR, 0);
}

static void init_timer_lvt(void)
{
    if (use_deadline) {
        apic_write(APIC_LVT_TIMER, APIC_TIMER_DEADLINE | VECTOR_TIMER);
        mb(); /* the mode is in force before the first write of the deadline MSR */
        return;
    }
    apic_write(APIC_TIMER_DIVIDE, APIC_TIMER_DIVIDE_1);
    apic_write(APIC_LVT_TIMER, APIC_TIMER_ONESHOT | VECTOR_TIMER);
    apic_write(APIC_TIMER_INIT, 0);
}

void apic_init_cpu(void)
{
    uint64_t base = rdmsr(MSR_APIC_BASE);

    if (!(base & APIC_BASE_ENABLE))
        wrmsr(MSR_APIC_BASE, base |= APIC_BASE_ENABLE);
    if (x2apic && !(base & APIC_BASE_X2APIC))
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_X2APIC);
    if (!x2apic)
        apic_write(APIC_DFR, APIC_DFR_FLAT);
    apic_write(APIC_TPR, 0);
    clear_in_service();
    apic_write(APIC_SVR, APIC_SVR_ENABLE | VECTOR_SPURIOUS);
    init_lvt(smp_processor_id() == 0);
    init_timer_lvt();
}

uint32_t apic_id(void)
{
    return x2apic ? apic_read(APIC_ID) : apic_read(APIC_ID) >> APIC_ICR_XAPIC_DEST_SHIFT;
}

void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

bool apic_isr_test(uint8_t vector)
{
    return (apic_read(APIC_ISR + 16 * (vector / 32)) >> (vector % 32)) & 1;
}

bool apic_irr_test(uint8_t vector)
{
    return (apic_read(APIC_IRR + 16 * (vector / 32)) >> (vector % 32)) & 1;
}

/* Clears and returns the error bits (VECTOR_ERROR). */
uint32_t apic_read_error(void)
{
    apic_write(APIC_ESR, 0);
    return apic_read(APIC_ESR);
}

/* Bounded, so that a panic gets through with a broken APIC. */
static void wait_icr_idle(void)
{
    for (unsigned int i = 0; i < ICR_POLLS && (apic_read(APIC_ICR) & APIC_ICR_BUSY); i++)
        cpu_relax();
}

static void send(uint32_t apicid, uint32_t command)
{
    unsigned long flags;

    if (x2apic) {
        /* WRMSR to the x2APIC does not serialise: what the receiver is to see must be visible
         * first. */
        mb();
        wrmsr(MSR_X2APIC_FIRST + (APIC_ICR >> 4), (uint64_t)apicid << 32 | command);
        return;
    }
    flags = local_irq_save();
    wait_icr_idle();
    apic_write(APIC_ICR_HIGH, apicid << APIC_ICR_XAPIC_DEST_SHIFT);
    apic_write(APIC_ICR, command);
    local_irq_restore(flags);
}

void apic_send_ipi(uint32_t apicid, uint8_t vector)
{
    send(apicid, vector | APIC_ICR_ASSERT);
}

void apic_send_nmi(uint32_t apicid)
{
    send(apicid, APIC_ICR_DELIVERY_NMI | APIC_ICR_ASSERT);
}

void apic_send_init_sipi(uint32_t apicid, uint8_t start_page)
{
    send(apicid, APIC_ICR_DELIVERY_INIT | APIC_ICR_LEVEL | APIC_ICR_ASSERT);
    udelay(INIT_WAIT_US);
    for (unsigned int i = 0; i < 2; i++) {
        send(apicid, APIC_ICR_DELIVERY_SIPI | APIC_ICR_ASSERT | start_page);
        udelay(SIPI_WAIT_US);
    }
}

/* --- Timer --- */

void apic_timer_arm(int64_t ns)
{
    uint64_t count;

    if (use_deadline) {
        wrmsr(MSR_TSC_DEADLINE, ns > 0 ? rdtsc() + time_ns_to_ticks((uint64_t)ns) : 1);
        return;
    }
    /* A longer wait than the counter holds ends early; the timer soft interrupt then arms it
       again. */
    count = ns > 0 ? muldiv64((uint64_t)MIN(ns, SECONDS(100)), apic_khz, 1000000) : 0;
    apic_write(APIC_TIMER_INIT, (uint32_t)MAX(MIN(count, (uint64_t)UINT32_MAX), 1ULL));
}

/* The counter and the TSC at one moment: of several reads the one with the shortest bracket. */
static uint32_t read_count(uint64_t *tsc)
{
    uint64_t best = ~0ULL;
    uint32_t count = 0;

    for (unsigned int i = 0; i < CALIBRATE_READS; i++) {
        uint64_t t0 = rdtsc_ordered();
        uint32_t c = apic_read(APIC_TIMER_COUNT);
        uint64_t t1 = rdtsc_ordered();

        if (t1 - t0 < best) {
            best = t1 - t0;
            count = c;
            *tsc = t0 + best / 2;
        }
    }
    return count;
}

void __init apic_timer_calibrate(void)
{
    uint64_t tsc0 = 0, tsc1 = 0;
    uint32_t c0, c1;

    if (use_deadline)
        return;
    apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED | VECTOR_TIMER);
    apic_write(APIC_TIMER_INIT, UINT32_MAX);
    c0 = read_count(&tsc0);
    udelay(CALIBRATE_US);
    c1 = read_count(&tsc1);
    init_timer_lvt();
    if (c0 <= c1 || tsc1 <= tsc0)
        panic("The local APIC timer does not count (%u, then %u)\n", c0, c1);
    apic_khz = (uint32_t)muldiv64(c0 - c1, cpu_khz, (uint32_t)(tsc1 - tsc0));
    printk(XENLOG_INFO "Local APIC timer: %u kHz\n", apic_khz);
}
