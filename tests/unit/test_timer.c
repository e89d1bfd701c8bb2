/* SPDX-License-Identifier: BSD-2-Clause */
/* Per-CPU timers: order, re-arming, killing, migration, slop, against a model of plain arrays. */
/* sources: hv/time/timer.c hv/lib/bitops.c */
/* cflags: -DHV_UNIT_TEST */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <hv/apic.h>
#include <hv/printk.h>
#include <hv/smp.h>
#include <hv/softirq.h>
#include <hv/spinlock.h>
#include <hv/time.h>
#include <hv/timer.h>

#define SLOP 50000
#define N 200

/* Two CPUs: copies of the per-CPU section at fixed distances around a variable of ours in it. */
DEFINE_PER_CPU(long, anchor);
static char copy[2 << 20] __attribute__((aligned(4096)));
unsigned long per_cpu_offset[NR_CPUS];
cpumask_t cpu_online_map;
static unsigned int this_cpu_nr;
unsigned int unit_cpu(void) { return this_cpu_nr; }
unsigned long unit_this_cpu_offset(void) { return per_cpu_offset[this_cpu_nr]; }

static s_time_t clock_now;
static void (*softirq)(void);
static unsigned int raised[2];
static int64_t armed_in = -1;

s_time_t NOW(void) { return clock_now; }
void open_softirq(enum softirq nr, void (*fn)(void))
{
    assert_int_equal(nr, TIMER_SOFTIRQ);
    softirq = fn;
}
void raise_softirq(enum softirq nr) { raised[this_cpu_nr]++; }
void cpu_raise_softirq(unsigned int cpu, enum softirq nr) { raised[cpu]++; }
void apic_timer_arm(int64_t ns) { armed_in = ns; }
void bug_at(const char *file, int line, const char *what)
{
    fail_msg("%s:%d %s", file, line, what);
    abort();
}

struct item { struct timer t; s_time_t want; unsigned int fired; s_time_t fired_at; };
static s_time_t last_expiry;
static bool in_order = true;

static void fire(void *data)
{
    struct item *it = data;

    assert_true(local_irq_is_enabled());
    it->fired++;
    it->fired_at = clock_now;
    if (it->t.expires < last_expiry)
        in_order = false;
    last_expiry = it->t.expires;
}

static int setup(void **state)
{
    static bool once;

    if (!once) {
        per_cpu_offset[1] =
            (unsigned long)copy + sizeof(copy) / 2 - (unsigned long)&per_cpu__anchor;
        cpumask_set(0, &cpu_online_map);
        cpumask_set(1, &cpu_online_map);
        once = true;
    }
    this_cpu_nr = 0;
    timer_subsys_init();
    timer_init_cpu(1);
    clock_now = 1000000;
    armed_in = -1;
    raised[0] = raised[1] = 0;
    last_expiry = 0;
    in_order = true;
    return 0;
}

static void fires_in_order_and_not_early(void **state)
{
    static struct item items[N];

    srand(1);
    for (unsigned int i = 0; i < N; i++) {
        items[i] = (struct item){ .want = clock_now + 1 + rand() % 1000000 };
        init_timer(&items[i].t, fire, &items[i], 0);
        set_timer(&items[i].t, items[i].want);
    }
    for (s_time_t end = clock_now + 1000001; clock_now <= end; clock_now += 777) {
        softirq();
        for (unsigned int i = 0; i < N; i++)
            assert_int_equal(items[i].fired, items[i].want <= clock_now);
    }
    assert_true(in_order);
}

static void random_operations_match_model(void **state)
{
    static struct item items[N];
    unsigned int total = 0;

    srand(7);
    for (unsigned int i = 0; i < N; i++)
        init_timer(&items[i].t, fire, &items[i], 0);
    for (unsigned int step = 0; step < 20000; step++) {
        struct item *it = &items[rand() % N];

        switch (rand() % 4) {
        case 0: case 1:
            it->want = clock_now + rand() % 100000;
            set_timer(&it->t, it->want);
            assert_true(timer_is_active(&it->t));
            break;
        case 2:
            stop_timer(&it->t);
            it->want = 0;
            assert_false(timer_is_active(&it->t));
            break;
        default:
            clock_now += rand() % 3000;
            last_expiry = 0;
            softirq();
            for (unsigned int i = 0; i < N; i++) {
                unsigned int due = items[i].want && items[i].want <= clock_now;

                assert_int_equal(items[i].fired, due);
                total += due;
                if (due)
                    items[i].want = 0;
                items[i].fired = 0;
            }
            assert_true(in_order);
        }
    }
    assert_true(total > 1000);
}

static void hardware_is_armed_for_the_first_with_slop(void **state)
{
    struct item a = { }, b = { };

    init_timer(&a.t, fire, &a, 0);
    init_timer(&b.t, fire, &b, 0);
    set_timer(&a.t, clock_now + 500000);
    assert_int_equal(armed_in, 500000 + SLOP);
    armed_in = -1;
    set_timer(&b.t, clock_now + 600000);
    assert_int_equal(armed_in, -1);
    set_timer(&b.t, clock_now + 100000);
    assert_int_equal(armed_in, 100000 + SLOP);
    /* Nothing is due yet: an early interrupt arms again. */
    clock_now += 40000;
    timer_interrupt();
    assert_int_equal(raised[0], 1);
    softirq();
    assert_int_equal(a.fired + b.fired, 0);
    assert_int_equal(armed_in, 60000 + SLOP);
    set_timer(&a.t, clock_now);
    assert_int_equal(raised[0], 2);
    stop_timer(&a.t);
    stop_timer(&b.t);
}

static struct item self;
static void rearm(void *data)
{
    fire(data);
    clock_now++;
    set_timer(&self.t, clock_now);
}

static void function_that_rearms_for_now_ends_the_pass(void **state)
{
    self = (struct item){ };
    init_timer(&self.t, rearm, &self, 0);
    set_timer(&self.t, clock_now - 5);
    softirq();
    assert_int_equal(self.fired, 1);
    assert_true(timer_is_active(&self.t));
    softirq();
    assert_int_equal(self.fired, 2);
    kill_timer(&self.t);
}

static void killed_stays_dead(void **state)
{
    struct item a = { };

    init_timer(&a.t, fire, &a, 0);
    set_timer(&a.t, clock_now + 10);
    kill_timer(&a.t);
    set_timer(&a.t, clock_now + 10);
    clock_now += 100;
    softirq();
    assert_int_equal(a.fired, 0);
    assert_false(timer_is_active(&a.t));
}

static void migrated_fires_over_there(void **state)
{
    struct item a = { }, b = { };

    init_timer(&a.t, fire, &a, 0);
    init_timer(&b.t, fire, &b, 1);
    set_timer(&a.t, clock_now + 10);
    set_timer(&b.t, clock_now + 20);
    assert_int_equal(raised[1], 1);
    migrate_timer(&a.t, 1);
    assert_int_equal(raised[1], 2);
    clock_now += 100;
    softirq();
    assert_int_equal(a.fired + b.fired, 0);
    this_cpu_nr = 1;
    softirq();
    assert_int_equal(a.fired, 1);
    assert_int_equal(b.fired, 1);
    migrate_timer(&a.t, 0);
    assert_int_equal(a.t.cpu, 0);
    this_cpu_nr = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(fires_in_order_and_not_early, setup),
        cmocka_unit_test_setup(random_operations_match_model, setup),
        cmocka_unit_test_setup(hardware_is_armed_for_the_first_with_slop, setup),
        cmocka_unit_test_setup(function_that_rearms_for_now_ends_the_pass, setup),
        cmocka_unit_test_setup(killed_stays_dead, setup),
        cmocka_unit_test_setup(migrated_fires_over_there, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
