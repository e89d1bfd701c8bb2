/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLB flushes on this and other CPUs, and the TLB clock.
 *
 * Deadlock rules. flush_mask() waits for other CPUs to take an interrupt. So the caller has
 * interrupts on (it must serve requests of others while it waits, also while it waits for
 * flush_lock), and holds no lock that anyone takes with interrupts off: that CPU would spin without
 * serving the request.
 *
 * When the clock runs over it stays 0, and flush_filter() drops nobody, until tlb_clock_maintain()
 * has flushed all CPUs. Stamps of the period before that are then larger than the clock or belong
 * to translations that are gone.
 */
#include <hv/alternative.h>
#include <hv/apic.h>
#include <hv/boot.h>
#include <hv/flush.h>
#include <hv/irq.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/smp.h>
#include <hv/spinlock.h>

uint32_t tlb_clock = 1;
DEFINE_PER_CPU(uint32_t, tlb_flush_time);

static DEFINE_SPINLOCK(flush_lock, LOCK_IPI);
/* The request in progress (flush_lock); a CPU takes itself out of pending when it is done. */
static cpumask_t flush_pending;
static unsigned int flush_flags;
static unsigned long flush_va;

uint32_t tlb_flush_begin(void)
{
    uint32_t t = tlb_stamp_now();

    while (t && !__atomic_compare_exchange_n(&tlb_clock, &t, t + 1, false, __ATOMIC_SEQ_CST,
                                             __ATOMIC_SEQ_CST))
        ;
    return t ? t + 1 : 0;
}

void tlb_flush_end(uint32_t tick)
{
    /* An interrupt may have flushed and noted a later tick in between; the earlier one is still
     * true. */
    WRITE_ONCE(this_cpu(tlb_flush_time), tick);
}

/* Of all PCIDs, if the CPU uses several. Out of line, so that they who don't need it need no stack
   for it either. */
static __attribute__((noinline, cold)) void flush_pcids(void)
{
    if (get_cpu_info()->cr3_noflush)
        invpcid(INVPCID_EVERYTHING, 0, 0);
}

/* Loads CR3 and notes the tick. */
static inline void load_and_note(unsigned long cr3, uint32_t tick)
{
    uint32_t *note = &this_cpu(tlb_flush_time);

    __asm__ goto(ALT_JUMP_SITE "movq %[cr3], %%cr3\n movl %[tick], %[note]"
                 ALT_JUMP("%c[feature]", "%l[several]")
                 : [note] "=m"(*note)
                 : [cr3] "r"(cr3), [tick] "r"(tick), [feature] "i"(ALT_PCID) : "memory" : several);
    return;
several:
    write_cr3(cr3);
    flush_pcids();
    tlb_flush_end(tick);
}

void load_root(paddr_t root)
{
    load_and_note(root, tlb_flush_begin());
}

static void flush_tlb_global(void)
{
    uint32_t t = tlb_flush_begin();
    unsigned long irq = local_irq_save(), cr4 = read_cr4();

    if (cr4 & X86_CR4_PGE) {
        write_cr4(cr4 & ~(unsigned long)X86_CR4_PGE);
        write_cr4(cr4);
    } else {
        write_cr3(read_cr3());
        flush_pcids();
    }
    local_irq_restore(irq);
    tlb_flush_end(t);
}

static void flush_tlb(void)
{
    uint32_t t = tlb_flush_begin();
    unsigned long irq = local_irq_save();

    load_and_note(read_cr3(), t);
    local_irq_restore(irq);
}

static __attribute__((noinline, cold)) void flush_page_of_pcids(unsigned long va)
{
    invlpg(va);
    /* What INVLPG passes over is an exception here. */
    if (get_cpu_info()->cr3_noflush && is_canonical(va)) {
        invpcid(INVPCID_ADDRESS, PCID_KERNEL_COPY, va);
        invpcid(INVPCID_ADDRESS, PCID_USER_COPY, va);
    }
}

static inline void flush_page(unsigned long va)
{
    __asm__ goto(ALT_JUMP_SITE "%{disp32%} invlpg %[page]" ALT_JUMP("%c[feature]", "%l[several]")
                 : : [page] "m"(*(const char *)va), [feature] "i"(ALT_PCID) : "memory" : several);
    return;
several:
    flush_page_of_pcids(va);
}

void flush_local(unsigned int flags, unsigned long va)
{
    if (flags & FLUSH_TLB_GLOBAL)
        flush_tlb_global();
    else if (flags & FLUSH_TLB)
        flush_tlb();
    else if (flags & FLUSH_VA)
        flush_page(va);
    if (flags & FLUSH_CACHE)
        wbinvd();
}

void smp_flush_interrupt(void)
{
    unsigned int cpu = smp_processor_id();

    if (!cpumask_test(cpu, &flush_pending))
        return;
    flush_local(flush_flags, flush_va);
    cpumask_clear(cpu, &flush_pending);
}

/* CPUs of mask that are up and not this one. */
static bool other_cpus(cpumask_t *others, const cpumask_t *mask, unsigned int self)
{
    unsigned long any = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(others->bits); i++) {
        others->bits[i] = mask->bits[i] & cpu_online_map.bits[i];
        if (i == self / BITS_PER_LONG)
            others->bits[i] &= ~BIT(self % BITS_PER_LONG);
        any |= others->bits[i];
    }
    return any;
}

void flush_mask(const cpumask_t *mask, unsigned int flags, unsigned long va)
{
    unsigned int self = smp_processor_id(), cpu;
    cpumask_t others;

    if (cpumask_test(self, mask))
        flush_local(flags, va);
    if (!other_cpus(&others, mask, self))
        return;
    ASSERT(local_irq_is_enabled());
    spin_lock(&flush_lock);
    flush_flags = flags;
    flush_va = va;
    /* The request is complete before a CPU can find itself in pending; its interrupt comes after
     * that. */
    smp_wmb();
    flush_pending = others;
    for_each_cpu(cpu, &others)
        apic_send_ipi(cpu_apicid[cpu], VECTOR_FLUSH);
    while (!cpumask_empty((const cpumask_t *)&flush_pending) &&
           READ_ONCE(system_state) != SYS_panic) {
        cpu_relax();
        barrier();
    }
    spin_unlock(&flush_lock);
}

void flush_all(unsigned int flags)
{
    flush_mask(&cpu_online_map, flags, 0);
}

void tlb_clock_maintain(void)
{
    uint32_t zero = 0;

    if (likely(tlb_stamp_now()))
        return;
    flush_all(FLUSH_TLB_GLOBAL);
    __atomic_compare_exchange_n(&tlb_clock, &zero, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* May CPU translations from before `stamp` be left? flushed = the CPU's last noted tick. */
static bool may_be_stale(uint32_t flushed, uint32_t stamp, uint32_t now)
{
    return !now || !stamp || (flushed <= stamp && stamp <= now);
}

void flush_filter(cpumask_t *mask, uint32_t stamp)
{
    uint32_t now = tlb_stamp_now();
    unsigned int cpu;

    for_each_cpu(cpu, mask)
        if (!may_be_stale(READ_ONCE(per_cpu(tlb_flush_time, cpu)), stamp, now))
            __clear_bit(cpu, mask->bits);
}
