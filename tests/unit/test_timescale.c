/* SPDX-License-Identifier: BSD-2-Clause */
/* Clock arithmetic: scales of the pv clock ABI over the whole range of rates, and the correction of
   a CPU's clock. */
/* sources: hv/time/scale.c */
/* cflags: -DHV_UNIT_TEST */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include "../../hv/time/time_priv.h"

static uint64_t absdiff(uint64_t a, uint64_t b) { return a > b ? a - b : b - a; }

static void scale_is_exact_to_a_part_in_two_to_31(void **state)
{
    static const uint64_t hz[] = { 1000,       32768,         1193182,       3579545,
                                   14318180,   99999999,      100000000,     500000000,
                                   999999999,  1000000000,    1000000001,    2000000000,
                                   2394230000, 3999999999ULL, 4000000000ULL, 9000000000ULL };

    for (unsigned int i = 0; i < sizeof(hz) / sizeof(hz[0]); i++) {
        struct time_scale s;

        scale_set(&s, NSEC_PER_SEC, hz[i]);
        assert_true(s.mul & 0x80000000u);
        for (uint64_t secs = 1; secs < 100; secs += 7) {
            uint64_t ns = scale_ticks(secs * hz[i], &s);

            assert_true(absdiff(ns, secs * NSEC_PER_SEC) <= secs + 1);
            assert_true(absdiff(scale_ticks(unscale_ns(secs * NSEC_PER_SEC, &s), &s),
                                secs * NSEC_PER_SEC) <= NSEC_PER_SEC / hz[i] + 2);
        }
    }
}

static void scale_of_random_ratios(void **state)
{
    srand(3);
    for (unsigned int i = 0; i < 100000; i++) {
        uint64_t ns = 1 + ((uint64_t)rand() << (rand() % 30)),
                 ticks = 1 + ((uint64_t)rand() << (rand() % 30));
        struct time_scale s;
        long double want = (long double)ns / ticks, got;

        scale_set(&s, ns, ticks);
        got = (long double)s.mul / 4294967296.0L;
        got = s.shift < 0 ? got / (1ULL << -s.shift) : got * (1ULL << s.shift);
        assert_true(got <= want * (1 + 1e-9L) && got >= want * (1 - 1e-9L));
    }
}

static void no_time_before_calibration(void **state)
{
    struct time_scale none = { };

    assert_int_equal(scale_ticks(123456789, &none), 0);
    assert_int_equal(unscale_ns(123456789, &none), 0);
}

static void tsc_that_goes_back_stops_the_clock(void **state)
{
    struct time_stamp st = { .tsc = 1000, .stime = 77 };

    scale_set(&st.scale, 1, 1);
    assert_int_equal(stamp_extrapolate(&st, 999), 77);
    assert_in_range(stamp_extrapolate(&st, 2000), 1076, 1077);
}

#define EPOCH SECONDS(1)

/* A second at true rate `hz`: what the CPU samples. */
static struct time_sample after(const struct time_sample *s, s_time_t ns, uint64_t hz)
{
    return (struct time_sample){
        s->tsc + (uint64_t)((unsigned __int128)hz * (uint64_t)ns / NSEC_PER_SEC), s->stime + ns
    };
}

/* From a wrong first calibration the clock converges, and never goes back. */
static void converges_from(uint64_t assumed, uint64_t hz)
{
    struct time_sample then = { 5000000, 0 }, now;
    struct time_stamp st = { .tsc = 5000000, .stime = 0 };
    s_time_t err = 0;

    scale_set(&st.scale, NSEC_PER_SEC, assumed);
    for (unsigned int i = 0; i < 20; i++) {
        s_time_t before;

        now = after(&then, EPOCH + (s_time_t)(i % 3) * 1000, hz);
        before = stamp_extrapolate(&st, now.tsc);
        st = calibrate_stamp(&st, &then, &now, EPOCH);
        assert_true(st.stime >= before);
        assert_true(st.stime >= now.stime);
        err = st.stime - now.stime;
        then = now;
    }
    assert_in_range(err, 0, 100);
}

static void clock_converges(void **state)
{
    converges_from(1000000000, 1000000000);
    converges_from(1001000000, 1000000000);
    converges_from(999000000, 1000000000);
    converges_from(2400000000ULL, 2399000000ULL);
    converges_from(800000000, 1000000000);
}

static void far_ahead_slows_to_half_at_most(void **state)
{
    struct time_sample then = { 0, 0 }, now = after(&then, EPOCH, 1000000000);
    struct time_stamp st = { .stime = SECONDS(10) }, next;

    scale_set(&st.scale, 1, 1);
    next = calibrate_stamp(&st, &then, &now, EPOCH);
    assert_in_range(next.stime, SECONDS(11) - 10, SECONDS(11));
    assert_in_range(scale_ticks(1000000000, &next.scale), 499999990, 500000010);
}

static void short_or_senseless_interval_keeps_the_rate(void **state)
{
    struct time_sample then = { 1000, 1000 }, now = { 2000, 2000 };
    struct time_stamp st = { .tsc = 1000, .stime = 1000 }, next;

    scale_set(&st.scale, 1, 1);
    next = calibrate_stamp(&st, &then, &now, EPOCH);
    assert_memory_equal(&next.scale, &st.scale, sizeof(st.scale));
    now = (struct time_sample){ 500, SECONDS(1) };
    next = calibrate_stamp(&st, &then, &now, EPOCH);
    assert_memory_equal(&next.scale, &st.scale, sizeof(st.scale));
    assert_int_equal(next.stime, SECONDS(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scale_is_exact_to_a_part_in_two_to_31),
        cmocka_unit_test(scale_of_random_ratios),
        cmocka_unit_test(no_time_before_calibration),
        cmocka_unit_test(tsc_that_goes_back_stops_the_clock),
        cmocka_unit_test(clock_converges),
        cmocka_unit_test(far_ahead_slows_to_half_at_most),
        cmocka_unit_test(short_or_senseless_interval_keeps_the_rate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
