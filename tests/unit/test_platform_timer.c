/* SPDX-License-Identifier: BSD-2-Clause */
/* The platform timer's count carried to 64 bits: turns seen, and turns lost and found by the
   caller's clock. */
/* cflags: -DHV_UNIT_TEST */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <hv/processor.h>
#include "../../hv/time/platform.c"

struct acpi_info acpi;
void *ioremap(paddr_t pa, size_t len) { return NULL; }
void printk(const char *fmt, ...) { }
void panic(const char *fmt, ...) { abort(); }
void bug_at(const char *file, int line, const char *what) { abort(); }

static uint64_t true_count;
static void (*during_read)(void);
static uint32_t fake_read(void)
{
    uint32_t val = (uint32_t)true_count;
    void (*fn)(void) = during_read;

    during_read = NULL;
    if (fn)
        fn();
    return val;
}
static struct platform_timer fake = {
    "fake", "fake", 24, NSEC_PER_SEC, PM_TIMER_HZ, NULL, fake_read
};

static void start(unsigned int bits, uint32_t mul, uint32_t div)
{
    fake.bits = bits;
    fake.mul = mul;
    fake.div = div;
    timer = &fake;
    true_count = 12345;
    latest = (struct carried){ .count = 0, .read = 12345 };
}

static void check(s_time_t estimate)
{
    struct time_sample s;
    uint64_t want = count_to_ns(true_count - 12345);

    platform_sample(&s, estimate);
    assert_int_equal(s.stime, want);
}

static void carries_seen_turns(void **state)
{
    start(24, NSEC_PER_SEC, PM_TIMER_HZ);
    for (unsigned int i = 0; i < 100; i++) {
        true_count += PM_TIMER_HZ;
        check(-1);
    }
    start(32, 10000000, FEMTOSECONDS_PER_NSEC);
    for (unsigned int i = 0; i < 100; i++) {
        true_count += 100000000;
        check(-1);
    }
}

/* A 16-bit interval timer read once a second turns 18 times in between. The clock that helps may be
   wrong by 1 %. */
static void finds_lost_turns(void **state)
{
    srand(9);
    for (int error = -10000; error <= 10000; error += 2500) {
        start(16, NSEC_PER_SEC, PIT_HZ);
        for (unsigned int i = 0; i < 50; i++) {
            uint64_t before = count_to_ns(true_count - 12345), step;

            true_count += PIT_HZ + (uint64_t)(rand() % 1000);
            step = count_to_ns(true_count - 12345) - before;
            check((s_time_t)before + (s_time_t)step + (s_time_t)step / 1000000 * error);
        }
    }
}

/* A clock that lags, or an other CPU's sample in between, must not take turns away. */
static void lagging_estimate_is_ignored(void **state)
{
    start(24, NSEC_PER_SEC, PM_TIMER_HZ);
    for (unsigned int i = 0; i < 20; i++) {
        true_count += PM_TIMER_HZ;
        check(0);
    }
}

static void other_cpu_samples(void)
{
    true_count += 1000;
    check(-1);
}

/* Another CPU's sample, taken while this one's read was under way, is the later one: it stays, and
   the read before it is no turn of the counter. */
static void overtaken_by_another_cpu(void **state)
{
    struct time_sample s;

    start(24, NSEC_PER_SEC, PM_TIMER_HZ);
    shortest_bracket = ~0ULL;
    true_count += 500;
    during_read = other_cpu_samples;
    platform_sample(&s, 0);
    assert_true(s.stime >= (s_time_t)count_to_ns(500) && s.stime <= (s_time_t)count_to_ns(1500));
    assert_int_equal(latest.count, 1500);
    check(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(carries_seen_turns),
        cmocka_unit_test(finds_lost_turns),
        cmocka_unit_test(lagging_estimate_is_ignored),
        cmocka_unit_test(overtaken_by_another_cpu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
