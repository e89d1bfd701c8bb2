/* SPDX-License-Identifier: BSD-2-Clause */
/* Soft interrupts, tasklets and deferred freeing, on two CPUs that the test steps by hand. */
/* sources: hv/sched/softirq.c hv/sched/tasklet.c hv/sched/rcu.c hv/lib/bitops.c */
/* cflags: -DHV_UNIT_TEST */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <hv/smp.h>
#include <hv/softirq.h>
#include <hv/printk.h>
#include <hv/spinlock.h>

DEFINE_PER_CPU(long, anchor);
DEFINE_PER_CPU(unsigned long, softirq_pending);
static char copy[2 << 20] __attribute__((aligned(4096)));
unsigned long per_cpu_offset[NR_CPUS];
cpumask_t cpu_online_map;
static unsigned int this_cpu_nr, ipis[2];

DEFINE_PER_CPU(unsigned long, softirq_pending);
unsigned int unit_cpu(void) { return this_cpu_nr; }
unsigned long unit_this_cpu_offset(void) { return per_cpu_offset[this_cpu_nr]; }
void smp_send_event_check_cpu(unsigned int cpu) { ipis[cpu]++; }
void bug_at(const char *file, int line, const char *what)
{
    fail_msg("%s:%d %s", file, line, what);
    abort();
}

static char order[64];
static void note(char c)
{
    size_t n = strlen(order);

    if (n + 1 < sizeof(order))
        order[n] = c;
}
static void on_timer(void) { note('t'); }
static void on_calibrate(void) { note('c'); }
static void on_schedule(void) { note('s'); }

static int setup(void **state)
{
    per_cpu_offset[1] = (unsigned long)copy + sizeof(copy) / 2 - (unsigned long)&per_cpu__anchor;
    cpumask_zero(&cpu_online_map);
    cpumask_set(0, &cpu_online_map);
    cpumask_set(1, &cpu_online_map);
    per_cpu(softirq_pending, 0) = per_cpu(softirq_pending, 1) = 0;
    this_cpu_nr = 0;
    ipis[0] = ipis[1] = 0;
    memset(order, 0, sizeof(order));
    tasklet_subsys_init();
    rcu_init();
    open_softirq(TIMER_SOFTIRQ, on_timer);
    open_softirq(TIME_CALIBRATE_SOFTIRQ, on_calibrate);
    open_softirq(SCHEDULE_SOFTIRQ, on_schedule);
    return 0;
}

static void on_cpu(unsigned int cpu)
{
    this_cpu_nr = cpu;
    do_softirq();
}

static void schedule_comes_last(void **state)
{
    raise_softirq(SCHEDULE_SOFTIRQ);
    raise_softirq(TIME_CALIBRATE_SOFTIRQ);
    raise_softirq(TIMER_SOFTIRQ);
    assert_true(softirq_pending());
    do_softirq();
    assert_string_equal(order, "tcs");
    assert_false(softirq_pending());
}

static void pending_work_without_schedule(void **state)
{
    raise_softirq(SCHEDULE_SOFTIRQ);
    raise_softirq(TIMER_SOFTIRQ);
    process_pending_softirqs();
    assert_string_equal(order, "t");
    assert_true(softirq_pending());
}

static void one_ipi_for_the_first_raise(void **state)
{
    cpu_raise_softirq(1, TIMER_SOFTIRQ);
    cpu_raise_softirq(1, TIMER_SOFTIRQ);
    cpu_raise_softirq(0, TIMER_SOFTIRQ);
    assert_int_equal(ipis[1], 1);
    assert_int_equal(ipis[0], 0);
    on_cpu(1);
    assert_string_equal(order, "t");
    cpumask_raise_softirq(&cpu_online_map, TIMER_SOFTIRQ);
    assert_int_equal(ipis[1], 1);
}

static struct tasklet again;
static unsigned int runs;
static void reschedules_itself(void *data)
{
    assert_true(local_irq_is_enabled());
    note('k');
    if (++runs < 3)
        tasklet_schedule(&again);
    raise_softirq(SCHEDULE_SOFTIRQ);
}

static void tasklet_runs_once_per_scheduling(void **state)
{
    struct tasklet t;
    unsigned int saved;

    runs = 5;
    tasklet_init(&t, reschedules_itself, NULL);
    tasklet_schedule(&t);
    tasklet_schedule(&t);
    do_softirq();
    assert_int_equal(runs, 6);
    saved = runs;
    do_softirq();
    assert_int_equal(runs, saved);
}

/* The scheduler gets its turn between two runs. */
static void self_scheduling_tasklet_starves_nobody(void **state)
{
    runs = 0;
    tasklet_init(&again, reschedules_itself, NULL);
    tasklet_schedule(&again);
    do_softirq();
    assert_string_equal(order, "ksksks");
}

static unsigned int ran_on;
static void notes_cpu(void *data) { ran_on = this_cpu_nr; }

static void tasklet_goes_to_its_cpu_and_can_be_moved(void **state)
{
    struct tasklet t;

    tasklet_init(&t, notes_cpu, NULL);
    tasklet_schedule_on_cpu(&t, 0);
    tasklet_schedule_on_cpu(&t, 1);
    ran_on = 9;
    on_cpu(0);
    assert_int_equal(ran_on, 9);
    on_cpu(1);
    assert_int_equal(ran_on, 1);
}

static void killed_tasklet_never_runs(void **state)
{
    struct tasklet t;

    tasklet_init(&t, notes_cpu, NULL);
    tasklet_schedule(&t);
    tasklet_kill(&t);
    tasklet_schedule(&t);
    ran_on = 9;
    do_softirq();
    assert_int_equal(ran_on, 9);
}

static unsigned int freed;
static void on_free(struct rcu_head *head) { freed++; }

static void callback_waits_for_every_cpu(void **state)
{
    struct rcu_head a, b;

    freed = 0;
    call_rcu(&a, on_free);
    assert_int_equal(ipis[1], 1);
    on_cpu(0);
    assert_int_equal(freed, 0);
    /* Comes while a grace period is under way: CPU 0 may still use it. */
    call_rcu(&b, on_free);
    on_cpu(0);
    on_cpu(1);
    assert_int_equal(freed, 1);
    on_cpu(1);
    assert_int_equal(freed, 1);
    on_cpu(0);
    assert_int_equal(freed, 2);
}

static void nested_work_is_no_quiescent_state(void **state)
{
    struct rcu_head a;

    freed = 0;
    call_rcu(&a, on_free);
    on_cpu(1);
    this_cpu_nr = 0;
    process_pending_softirqs();
    assert_int_equal(freed, 0);
    on_cpu(0);
    assert_int_equal(freed, 1);
}

static struct rcu_head second;
static void frees_another(struct rcu_head *head) { call_rcu(&second, on_free); }

static void callback_may_queue_another(void **state)
{
    struct rcu_head a;

    freed = 0;
    call_rcu(&a, frees_another);
    for (unsigned int i = 0; i < 4; i++)
        on_cpu(i % 2);
    assert_int_equal(freed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(schedule_comes_last, setup),
        cmocka_unit_test_setup(pending_work_without_schedule, setup),
        cmocka_unit_test_setup(one_ipi_for_the_first_raise, setup),
        cmocka_unit_test_setup(tasklet_runs_once_per_scheduling, setup),
        cmocka_unit_test_setup(self_scheduling_tasklet_starves_nobody, setup),
        cmocka_unit_test_setup(tasklet_goes_to_its_cpu_and_can_be_moved, setup),
        cmocka_unit_test_setup(killed_tasklet_never_runs, setup),
        cmocka_unit_test_setup(callback_waits_for_every_cpu, setup),
        cmocka_unit_test_setup(nested_work_is_no_quiescent_state, setup),
        cmocka_unit_test_setup(callback_may_queue_another, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
