/* SPDX-License-Identifier: BSD-2-Clause */
/* TLB clock: who still has to flush, also when the 32-bit clock runs over. The model keeps 64-bit
   times and must never find a stale CPU that the filter let go. */
/* sources: hv/mm/flush.c hv/lib/bitops.c */
/* cflags: -DHV_UNIT_TEST */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <hv/apic.h>
#include <hv/boot.h>
#include <hv/flush.h>
#include <hv/printk.h>
#include <hv/smp.h>

#define CPUS 2

DEFINE_PER_CPU(long, anchor);
static char copy[2 << 20] __attribute__((aligned(4096)));
unsigned long per_cpu_offset[NR_CPUS];
cpumask_t cpu_online_map;
uint32_t cpu_apicid[NR_CPUS];
enum system_state system_state;
static unsigned int this_cpu_nr;
unsigned int unit_cpu(void) { return this_cpu_nr; }
unsigned long unit_this_cpu_offset(void) { return per_cpu_offset[this_cpu_nr]; }
void apic_send_ipi(uint32_t apicid, uint8_t vector) { fail(); }
void bug_at(const char *file, int line, const char *what)
{
    fail_msg("%s:%d %s", file, line, what);
    abort();
}

/* The model: what really happened, in order. */
static uint64_t order, flushed_at[CPUS];

static void full_flush(unsigned int cpu)
{
    uint32_t t;

    this_cpu_nr = cpu;
    t = tlb_flush_begin();
    flushed_at[cpu] = ++order;
    tlb_flush_end(t);
}

/* What tlb_clock_maintain() does, without instructions that a host program may not use. */
static void maintain(void)
{
    if (tlb_clock)
        return;
    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        full_flush(cpu);
    assert_int_equal(tlb_clock, 0);
    tlb_clock = 1;
}

static void reset(uint32_t clock)
{
    per_cpu_offset[1] = (unsigned long)copy + sizeof(copy) / 2 - (unsigned long)&per_cpu__anchor;
    tlb_clock = clock;
    order = 0;
    for (unsigned int cpu = 0; cpu < CPUS; cpu++) {
        per_cpu(tlb_flush_time, cpu) = 0;
        flushed_at[cpu] = 0;
    }
}

static bool kept(unsigned int cpu, uint32_t stamp)
{
    cpumask_t m;

    cpumask_only(cpu, &m);
    flush_filter(&m, stamp);
    return !cpumask_empty(&m);
}

static void flush_after_the_stamp_is_enough(void **state)
{
    uint32_t stamp;

    reset(1);
    full_flush(0);
    stamp = tlb_stamp_now();
    assert_true(kept(0, stamp));
    assert_true(kept(1, stamp));
    full_flush(1);
    assert_true(kept(0, stamp));
    assert_false(kept(1, stamp));
    full_flush(0);
    assert_false(kept(0, stamp));
}

static void stamp_zero_always_flushes(void **state)
{
    reset(1);
    full_flush(0);
    full_flush(0);
    assert_true(kept(0, 0));
}

static void clock_stays_zero_until_all_have_flushed(void **state)
{
    uint32_t stamp;

    reset(0xfffffffeu);
    full_flush(0);
    assert_int_equal(tlb_clock, 0xffffffffu);
    stamp = tlb_stamp_now();
    full_flush(0);
    assert_int_equal(tlb_clock, 0);
    assert_true(kept(0, stamp));
    full_flush(1);
    assert_int_equal(tlb_clock, 0);
    assert_true(kept(1, stamp));
    maintain();
    assert_false(kept(0, stamp));
    assert_true(kept(1, tlb_stamp_now()));
}

/* Stamps and flushes at random around the overrun: nobody stale may be let go, and most of those
   who have flushed are. */
static void never_lets_a_stale_cpu_go(void **state)
{
    unsigned int saved = 0, possible = 0;

    srand(11);
    for (unsigned int round = 0; round < 2000; round++) {
        uint32_t stamps[16];
        uint64_t stamped[16];
        unsigned int n = 0;

        reset(0xffffffffu - (uint32_t)(rand() % 40));
        for (unsigned int step = 0; step < 120; step++) {
            unsigned int what = (unsigned int)rand() % 8;

            if (what < 5) {
                full_flush(what % CPUS);
            } else if (what == 5) {
                stamps[n % 16] = tlb_stamp_now();
                stamped[n++ % 16] = ++order;
            } else if (rand() % 8 == 0) {
                maintain();
            }
            for (unsigned int i = 0; i < (n < 16 ? n : 16); i++)
                for (unsigned int cpu = 0; cpu < CPUS; cpu++) {
                    bool stale = flushed_at[cpu] < stamped[i], keep = kept(cpu, stamps[i]);

                    assert_true(keep || !stale);
                    possible += !stale;
                    saved += !keep;
                }
        }
    }
    assert_true(saved > possible / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flush_after_the_stamp_is_enough),
        cmocka_unit_test(stamp_zero_always_flushes),
        cmocka_unit_test(clock_stays_zero_until_all_have_flushed),
        cmocka_unit_test(never_lets_a_stale_cpu_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
