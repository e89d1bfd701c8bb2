/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shipped scheduler in a simulated machine of up to four CPUs: fairness by weight, caps, both
 * affinities, latency of waking vCPUs, accounting of run states, and random operations during which
 * no vCPU may run twice or while it must not.
 */
/* sources: hv/sched/credit.c hv/sched/credit_cap.c hv/sched/credit_place.c hv/sched/schedule.c */
/* sources: hv/lib/bitops.c */
/* cflags: -DHV_UNIT_TEST */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <hv/errno.h>
#include <hv/event.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/sched.h>
#include <hv/smp.h>
#include <hv/time.h>
#include <hv/trace.h>
#include <hv/uaccess.h>

#define MAX_CPUS 4
#define MAX_VCPUS 16
#define MAX_TIMERS 256
#define PERCPU_STRIDE (1ul << 20)
#define SECOND SECONDS(1)

/* --- the machine --- */

DEFINE_PER_CPU(long, anchor);
DEFINE_PER_CPU(struct vcpu *, idle_vcpu);
static char percpu_copies[(MAX_CPUS + 1) * PERCPU_STRIDE] __attribute__((aligned(4096)));
unsigned long per_cpu_offset[NR_CPUS];
cpumask_t cpu_online_map, cpu_possible_map;
unsigned int nr_cpu_ids;
struct vcpu *unit_current;
struct domain *idle_domain;
uint32_t trace_mask;

static unsigned int this_cpu_nr;
static s_time_t clock_now;
static struct timer *timers[MAX_TIMERS];
static unsigned int nr_timers;
static bool schedule_pending[MAX_CPUS];
static struct vcpu *running[MAX_CPUS];
static void (*schedule_softirq)(void);
static jmp_buf switched;
static unsigned int switches;

unsigned int unit_cpu(void) { return this_cpu_nr; }
unsigned long unit_this_cpu_offset(void) { return per_cpu_offset[this_cpu_nr]; }
s_time_t NOW(void) { return clock_now; }
void open_softirq(enum softirq nr, void (*fn)(void))
{
    assert_int_equal(nr, SCHEDULE_SOFTIRQ);
    schedule_softirq = fn;
}
void raise_softirq(enum softirq nr) { schedule_pending[this_cpu_nr] = true; }
void cpu_raise_softirq(unsigned int cpu, enum softirq nr) { schedule_pending[cpu] = true; }
void smp_send_event_check_cpu(unsigned int cpu) {}
void evtchn_move_pirqs(struct vcpu *v) {}
void send_guest_vcpu_virq(struct vcpu *v, unsigned int virq) { v->counts.upcalls++; }
void exit_record(uint64_t where, uint64_t what) {}
void trace_record(uint32_t cls, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {}
void printk(const char *fmt, ...) {}
int copy_to_guest(void *gva, const void *src, size_t len)
{
    memcpy(gva, src, len);
    return 0;
}
void *xzalloc(size_t n) { return calloc(1, n); }
void xfree(void *p) { free(p); }
struct vcpu *vcpu_create(struct domain *d, unsigned int id) { return NULL; }
void panic(const char *fmt, ...)
{
    fail_msg("panic: %s", fmt);
    abort();
}
void bug_at(const char *file, int line, const char *what)
{
    fail_msg("%s:%d %s", file, line, what);
    abort();
}

void init_timer(struct timer *t, void (*fn)(void *), void *data, unsigned int cpu)
{
    *t = (struct timer){ .fn = fn, .data = data, .cpu = (uint16_t)cpu };
    assert_true(nr_timers < MAX_TIMERS);
    timers[nr_timers++] = t;
}
void set_timer(struct timer *t, s_time_t expires)
{
    t->expires = expires;
    t->state = 1;
}
void stop_timer(struct timer *t) { t->state = 0; }
void kill_timer(struct timer *t) { t->state = 0; }
void migrate_timer(struct timer *t, unsigned int cpu) { t->cpu = (uint16_t)cpu; }
bool timer_is_active(const struct timer *t) { return t->state; }

void context_switch(struct vcpu *prev, struct vcpu *next)
{
    assert_ptr_equal(running[this_cpu_nr], prev);
    assert_true(local_irq_is_enabled());
    assert_true(next->is_idle || vcpu_runnable(next));
    assert_true(next->is_running);
    assert_int_equal(next->processor, this_cpu_nr);
    assert_true(cpumask_test(this_cpu_nr, &next->hard_affinity));
    for (unsigned int cpu = 0; cpu < nr_cpu_ids; cpu++)
        assert_ptr_not_equal(running[cpu], next);
    running[this_cpu_nr] = next;
    switches++;
    local_irq_disable();
    context_saved(prev);
    local_irq_enable();
    longjmp(switched, 1);
}

static void run_schedule(unsigned int cpu)
{
    this_cpu_nr = cpu;
    unit_current = running[cpu];
    schedule_pending[cpu] = false;
    if (!setjmp(switched))
        schedule_softirq();
    unit_current = running[cpu];
}

static bool schedule_somewhere(void)
{
    for (unsigned int cpu = 0; cpu < nr_cpu_ids; cpu++)
        if (schedule_pending[cpu]) {
            run_schedule(cpu);
            return true;
        }
    return false;
}

/* Lets the machine run until a time, one timer after the other. */
static void run_until(s_time_t end)
{
    for (;;) {
        struct timer *first = NULL;

        if (schedule_somewhere())
            continue;
        for (unsigned int i = 0; i < nr_timers; i++)
            if (timers[i]->state && (!first || timers[i]->expires < first->expires))
                first = timers[i];
        if (!first || first->expires > end)
            break;
        clock_now = first->expires > clock_now ? first->expires : clock_now;
        first->state = 0;
        this_cpu_nr = first->cpu;
        unit_current = running[this_cpu_nr];
        first->fn(first->data);
    }
    clock_now = end;
}

/* --- domains --- */

static struct vcpu idle_vcpus[MAX_CPUS], vcpus[MAX_VCPUS];
static struct vcpu *idle_list[MAX_CPUS];
static struct domain domains[MAX_VCPUS], idle_dom;
static struct vcpu_info infos[MAX_VCPUS];
static unsigned int nr_vcpus, nr_domains;

static void make_machine(unsigned int cpus)
{
    memset(domains, 0, sizeof(domains));
    memset(vcpus, 0, sizeof(vcpus));
    memset(idle_vcpus, 0, sizeof(idle_vcpus));
    memset(infos, 0, sizeof(infos));
    cpumask_zero(&cpu_online_map);
    nr_timers = nr_vcpus = nr_domains = switches = 0;
    nr_cpu_ids = cpus;
    idle_domain = &idle_dom;
    idle_dom = (struct domain){ .is_idle = true, .vcpu = idle_list, .max_vcpus = cpus };
    for (unsigned int cpu = 0; cpu < cpus; cpu++) {
        if (cpu)
            per_cpu_offset[cpu] = (unsigned long)percpu_copies + cpu * PERCPU_STRIDE -
                                  (unsigned long)&per_cpu__anchor;
        cpumask_set(cpu, &cpu_online_map);
        idle_list[cpu] = running[cpu] = &idle_vcpus[cpu];
        idle_vcpus[cpu] = (struct vcpu){ .vcpu_id = cpu, .domain = &idle_dom, .is_idle = true };
        assert_int_equal(sched_init_vcpu(&idle_vcpus[cpu]), 0);
        per_cpu(idle_vcpu, cpu) = &idle_vcpus[cpu];
        schedule_pending[cpu] = false;
    }
    sched_init();
    for (unsigned int cpu = 1; cpu < cpus; cpu++)
        sched_init_cpu(cpu);
}

static void free_machine(void)
{
    for (unsigned int i = 0; i < nr_vcpus; i++)
        sched_free_vcpu(&vcpus[i]);
    for (unsigned int i = 0; i < nr_domains; i++)
        sched_free_domain(&domains[i]);
}

static int set_params(struct domain *d, uint16_t weight, uint16_t cap)
{
    struct xen_domctl_scheduler_op op = {
        .sched_id = XEN_SCHEDULER_CREDIT, .cmd = XEN_DOMCTL_SCHEDOP_putinfo,
        .u.credit = { .weight = weight, .cap = cap },
    };

    return sched_adjust(d, &op);
}

static struct domain *make_domain(unsigned int nr, uint16_t weight, uint16_t cap)
{
    struct domain *d = &domains[nr_domains++];

    d->domain_id = (domid_t)nr_domains;
    d->vcpu = calloc(nr, sizeof(*d->vcpu));
    d->max_vcpus = nr;
    assert_int_equal(sched_init_domain(d), 0);
    assert_int_equal(set_params(d, weight, cap), 0);
    for (unsigned int i = 0; i < nr; i++) {
        struct vcpu *v = &vcpus[nr_vcpus];

        *v = (struct vcpu){ .vcpu_id = i, .domain = d, .pause_flags = BIT(VPF_down),
                            .vcpu_info = &infos[nr_vcpus++] };
        assert_int_equal(sched_init_vcpu(v), 0);
        vcpu_init_timers(v);
        d->vcpu[i] = v;
    }
    return d;
}

static void start(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        clear_bit(VPF_down, &v->pause_flags);
        vcpu_wake(v);
    }
}

static s_time_t ran(const struct domain *d)
{
    s_time_t sum = 0;
    struct vcpu *v;

    for_each_vcpu (d, v) {
        struct vcpu_runstate_info info;

        vcpu_runstate_get(v, &info);
        sum += (s_time_t)info.time[RUNSTATE_running];
    }
    return sum;
}

/* Percent of one CPU that d had since it had `before`, in `span`. */
static double share(const struct domain *d, s_time_t before, s_time_t span)
{
    return 100.0 * (double)(ran(d) - before) / (double)span;
}

static void assert_near(double got, double want, double tolerance)
{
    if (got < want - tolerance || got > want + tolerance)
        fail_msg("got %.2f %%, want %.2f %% +- %.2f", got, want, tolerance);
}

static int setup(void **state)
{
    clock_now = SECOND;
    return 0;
}

static int teardown(void **state)
{
    free_machine();
    for (unsigned int i = 0; i < nr_domains; i++)
        free(domains[i].vcpu);
    nr_domains = nr_vcpus = 0;
    return 0;
}

/* --- tests --- */

static void weights_share_one_cpu(void **state)
{
    struct domain *d[3];
    s_time_t begin;

    make_machine(1);
    d[0] = make_domain(1, 256, 0);
    d[1] = make_domain(1, 512, 0);
    d[2] = make_domain(1, 1024, 0);
    for (unsigned int i = 0; i < 3; i++)
        start(d[i]);
    begin = clock_now;
    run_until(begin + 30 * SECOND);
    assert_near(share(d[0], 0, 30 * SECOND), 100.0 / 7, 1.5);
    assert_near(share(d[1], 0, 30 * SECOND), 200.0 / 7, 1.5);
    assert_near(share(d[2], 0, 30 * SECOND), 400.0 / 7, 1.5);
}

static void large_ratio_is_kept(void **state)
{
    struct domain *light, *heavy;

    make_machine(1);
    light = make_domain(1, 256, 0);
    heavy = make_domain(1, 256 * 15, 0);
    start(light);
    start(heavy);
    run_until(clock_now + 60 * SECOND);
    assert_near(share(light, 0, 60 * SECOND), 100.0 / 16, 2);
}

static void extreme_weights_are_served(void **state)
{
    struct domain *light, *heavy;

    make_machine(1);
    light = make_domain(1, 1, 0);
    heavy = make_domain(1, 65535, 0);
    start(light);
    start(heavy);
    run_until(clock_now + 60 * SECOND);
    assert_true(ran(light) > 0);
    assert_true(share(heavy, 0, 60 * SECOND) > 95);
}

static void equal_domains_share_two_cpus(void **state)
{
    struct domain *d[5];

    make_machine(2);
    for (unsigned int i = 0; i < 5; i++) {
        d[i] = make_domain(1, 256, 0);
        start(d[i]);
    }
    run_until(clock_now + 30 * SECOND);
    for (unsigned int i = 0; i < 5; i++)
        assert_near(share(d[i], 0, 30 * SECOND), 40, 3);
    /* No CPU idles while there is work. */
    for (unsigned int cpu = 0; cpu < 2; cpu++)
        assert_true(get_cpu_idle_time(cpu) < MILLISECS(5));
}

static void weights_share_four_cpus(void **state)
{
    struct domain *a, *b;

    make_machine(4);
    a = make_domain(4, 256, 0);
    b = make_domain(4, 768, 0);
    start(a);
    start(b);
    run_until(clock_now + 30 * SECOND);
    assert_near(share(a, 0, 30 * SECOND), 100, 10);
    assert_near(share(b, 0, 30 * SECOND), 300, 10);
}

/* What a domain can't use goes to the others by weight. */
static void unused_share_is_given_on(void **state)
{
    struct domain *narrow, *wide;

    make_machine(2);
    narrow = make_domain(1, 60000, 0);
    wide = make_domain(2, 256, 0);
    start(narrow);
    start(wide);
    run_until(clock_now + 30 * SECOND);
    assert_near(share(narrow, 0, 30 * SECOND), 100, 4);
    assert_near(share(wide, 0, 30 * SECOND), 100, 4);
}

static void cap_limits_even_on_idle_machine(void **state)
{
    struct domain *d;
    s_time_t before;

    make_machine(2);
    d = make_domain(1, 256, 25);
    start(d);
    run_until(clock_now + 20 * SECOND);
    assert_near(share(d, 0, 20 * SECOND), 25, 1.5);

    before = ran(d);
    assert_int_equal(set_params(d, 0, 60), 0);
    run_until(clock_now + 20 * SECOND);
    assert_near(share(d, before, 20 * SECOND), 60, 2);

    before = ran(d);
    assert_int_equal(set_params(d, 0, 0), 0);
    run_until(clock_now + 20 * SECOND);
    assert_near(share(d, before, 20 * SECOND), 100, 1);
}

static void cap_above_one_cpu_spans_vcpus(void **state)
{
    struct domain *d, *other;

    make_machine(2);
    d = make_domain(2, 256, 150);
    other = make_domain(2, 256, 10);
    start(d);
    start(other);
    run_until(clock_now + 30 * SECOND);
    assert_near(share(d, 0, 30 * SECOND), 150, 5);
    assert_near(share(other, 0, 30 * SECOND), 10, 1.5);
}

static void hard_affinity_is_kept(void **state)
{
    struct domain *pinned, *floating;
    cpumask_t mask;
    struct vcpu *v;

    make_machine(2);
    pinned = make_domain(2, 256, 0);
    floating = make_domain(1, 256, 0);
    cpumask_only(0, &mask);
    for_each_vcpu (pinned, v)
        assert_int_equal(vcpu_set_hard_affinity(v, &mask), 0);
    start(pinned);
    start(floating);
    run_until(clock_now + 10 * SECOND);
    assert_near(share(pinned, 0, 10 * SECOND), 100, 3);
    assert_near(share(floating, 0, 10 * SECOND), 100, 3);

    /* A running vCPU moves at once. */
    cpumask_only(1, &mask);
    for_each_vcpu (pinned, v)
        assert_int_equal(vcpu_set_hard_affinity(v, &mask), 0);
    run_until(clock_now + MILLISECS(1));
    for_each_vcpu (pinned, v)
        assert_int_equal(v->processor, 1);

    cpumask_only(3, &mask);
    assert_int_equal(vcpu_set_hard_affinity(&vcpus[0], &mask), -EINVAL);
}

static void block_now(struct vcpu *v)
{
    this_cpu_nr = v->processor;
    unit_current = v;
    vcpu_block();
    while (schedule_somewhere())
        ;
}

static void soft_affinity_is_preferred(void **state)
{
    struct domain *d;
    cpumask_t mask;

    make_machine(4);
    d = make_domain(1, 256, 0);
    cpumask_only(2, &mask);
    assert_int_equal(vcpu_set_soft_affinity(d->vcpu[0], &mask), 0);
    start(d);
    for (unsigned int i = 0; i < 20; i++) {
        run_until(clock_now + MILLISECS(3));
        assert_true(d->vcpu[0]->is_running);
        block_now(d->vcpu[0]);
        run_until(clock_now + MILLISECS(3));
        assert_false(d->vcpu[0]->is_running);
        vcpu_unblock(d->vcpu[0]);
    }
    /* Preferred, not demanded: another CPU does when that one is busy. */
    cpumask_only(2, &mask);
    make_domain(1, 256, 0);
    assert_int_equal(vcpu_set_hard_affinity(&vcpus[1], &mask), 0);
    start(&domains[1]);
    run_until(clock_now + SECOND);
    assert_true(vcpus[0].is_running && vcpus[1].is_running);
}

/* CPUs of the domain's nodes come first, but its vCPUs' own affinities before that. */
static void domains_nodes_are_preferred(void **state)
{
    struct domain *d, *hog;
    cpumask_t mask, none = { };

    make_machine(4);
    d = make_domain(1, 256, 0);
    cpumask_only(2, &mask);
    __set_bit(3, mask.bits);
    sched_set_node_cpus(d, &mask);
    start(d);
    for (unsigned int i = 0; i < 20; i++) {
        run_until(clock_now + MILLISECS(3));
        assert_true(d->vcpu[0]->is_running && d->vcpu[0]->processor >= 2);
        block_now(d->vcpu[0]);
        run_until(clock_now + MILLISECS(3));
        vcpu_unblock(d->vcpu[0]);
    }
    /* No CPU stays idle for it. */
    for (unsigned int i = 0; i < 2; i++) {
        hog = make_domain(1, 256, 0);
        cpumask_only(2 + i, &mask);
        assert_int_equal(vcpu_set_hard_affinity(hog->vcpu[0], &mask), 0);
        start(hog);
    }
    run_until(clock_now + SECOND);
    assert_true(d->vcpu[0]->is_running && d->vcpu[0]->processor < 2);
    /* A soft affinity elsewhere counts, and a hard one. */
    cpumask_only(1, &mask);
    assert_int_equal(vcpu_set_soft_affinity(d->vcpu[0], &mask), 0);
    run_until(clock_now + MILLISECS(100));
    assert_int_equal(d->vcpu[0]->processor, 1);
    cpumask_only(0, &mask);
    assert_int_equal(vcpu_set_hard_affinity(d->vcpu[0], &mask), 0);
    run_until(clock_now + MILLISECS(100));
    assert_int_equal(d->vcpu[0]->processor, 0);
    sched_set_node_cpus(d, &none);
    assert_true(cpumask_equal(&d->vcpu[0]->preferred, &d->vcpu[0]->soft_affinity));
}

static void waking_vcpu_runs_soon(void **state)
{
    struct domain *hogs[3], *sleeper;
    s_time_t worst = 0;

    make_machine(1);
    for (unsigned int i = 0; i < 3; i++) {
        hogs[i] = make_domain(1, 256, 0);
        start(hogs[i]);
    }
    sleeper = make_domain(1, 256, 0);
    start(sleeper);
    run_until(clock_now + SECOND);
    for (unsigned int i = 0; i < 200; i++) {
        s_time_t woken;

        for (unsigned int ms = 0; ms < 500 && !sleeper->vcpu[0]->is_running; ms++)
            run_until(clock_now + MILLISECS(1));
        assert_true(sleeper->vcpu[0]->is_running);
        run_until(clock_now + USECS(300));
        if (!sleeper->vcpu[0]->is_running)
            continue;
        block_now(sleeper->vcpu[0]);
        run_until(clock_now + MILLISECS(17));
        woken = clock_now;
        vcpu_unblock(sleeper->vcpu[0]);
        while (!sleeper->vcpu[0]->is_running)
            run_until(clock_now + USECS(50));
        if (i > 20 && clock_now - woken > worst)
            worst = clock_now - woken;
    }
    /* The rate limit lets the running one go on for 1 ms. */
    assert_true(worst <= USECS(1100));
}

static void yield_lets_others_run(void **state)
{
    struct domain *a, *b;
    struct vcpu *first;

    make_machine(1);
    a = make_domain(1, 256, 0);
    b = make_domain(1, 256, 0);
    start(a);
    start(b);
    run_until(clock_now + USECS(10));
    first = running[0];
    this_cpu_nr = 0;
    unit_current = first;
    vcpu_yield();
    run_until(clock_now + USECS(1));
    assert_ptr_not_equal(running[0], first);
    assert_false(running[0]->is_idle);
}

static void event_before_block_keeps_running(void **state)
{
    struct domain *d;

    make_machine(1);
    d = make_domain(1, 256, 0);
    start(d);
    run_until(clock_now + USECS(10));
    d->vcpu[0]->vcpu_info->evtchn_upcall_pending = 1;
    block_now(d->vcpu[0]);
    assert_true(d->vcpu[0]->is_running);
    assert_int_equal(d->vcpu[0]->pause_flags, 0);
    d->vcpu[0]->vcpu_info->evtchn_upcall_mask = 1;
    block_now(d->vcpu[0]);
    assert_false(d->vcpu[0]->is_running);
}

static void runstates_add_up_and_reach_the_guest(void **state)
{
    struct vcpu_runstate_info seen = { }, info;
    struct domain *d, *rival;
    s_time_t begin;
    uint64_t sum = 0;

    make_machine(1);
    begin = clock_now;
    d = make_domain(1, 256, 0);
    rival = make_domain(1, 256, 0);
    run_until(clock_now + MILLISECS(5)); /* offline */
    start(d);
    run_until(clock_now + MILLISECS(7)); /* running */
    block_now(d->vcpu[0]);
    run_until(clock_now + MILLISECS(11)); /* blocked */
    start(rival);
    run_until(clock_now + USECS(100));
    vcpu_unblock(d->vcpu[0]);
    run_until(clock_now + SECOND); /* running and runnable */

    vcpu_runstate_get(d->vcpu[0], &info);
    for (unsigned int i = 0; i < 4; i++)
        sum += info.time[i];
    assert_int_equal(sum, clock_now - begin);
    assert_int_equal(info.time[RUNSTATE_offline], MILLISECS(5));
    assert_int_equal(info.time[RUNSTATE_blocked], MILLISECS(11) + USECS(100));
    assert_true(info.time[RUNSTATE_runnable] > (uint64_t)MILLISECS(300));

    d->vcpu[0]->runstate_guest = &seen;
    d->vm_assist = BIT(VMASST_TYPE_runstate_update_flag);
    vcpu_update_runstate_area(d->vcpu[0]);
    assert_memory_equal(&seen, &d->vcpu[0]->runstate, sizeof(seen));
}

static void pin_override_restores(void **state)
{
    struct domain *d;
    cpumask_t before;

    make_machine(2);
    d = make_domain(1, 256, 0);
    before = d->vcpu[0]->hard_affinity;
    assert_int_equal(vcpu_pin_override(d->vcpu[0], -1), -EINVAL);
    assert_int_equal(vcpu_pin_override(d->vcpu[0], 2), -EINVAL);
    assert_int_equal(vcpu_pin_override(d->vcpu[0], 1), 0);
    assert_int_equal(vcpu_pin_override(d->vcpu[0], 0), -EBUSY);
    assert_int_equal(cpumask_first(&d->vcpu[0]->hard_affinity), 1);
    assert_int_equal(vcpu_pin_override(d->vcpu[0], -1), 0);
    assert_true(cpumask_equal(&before, &d->vcpu[0]->hard_affinity));
}

static void periodic_timer_ticks_only_while_running(void **state)
{
    struct domain *d;
    struct vcpu *v;
    uint64_t ticks;

    make_machine(1);
    d = make_domain(1, 256, 0);
    v = d->vcpu[0];
    start(d);
    run_until(clock_now + USECS(10));
    vcpu_set_periodic_timer(v, MILLISECS(10));
    run_until(clock_now + SECOND);
    assert_in_range(v->counts.upcalls, 99, 101);
    block_now(v);
    ticks = v->counts.upcalls;
    run_until(clock_now + SECOND);
    assert_int_equal(v->counts.upcalls, ticks);
    vcpu_unblock(v);
    run_until(clock_now + MILLISECS(1));
    assert_int_equal(v->counts.upcalls, ticks + 1);
}

static void parameters_are_checked(void **state)
{
    struct xen_sysctl_scheduler_op op = { .sched_id = XEN_SCHEDULER_CREDIT,
                                          .cmd = XEN_SYSCTL_SCHEDOP_getinfo };
    struct xen_domctl_scheduler_op dop = { .sched_id = XEN_SCHEDULER_CREDIT2,
                                           .cmd = XEN_DOMCTL_SCHEDOP_getinfo };
    struct domain *d;

    make_machine(1);
    d = make_domain(1, 100, 33);
    assert_int_equal(sched_adjust(d, &dop), -EINVAL);
    dop.sched_id = XEN_SCHEDULER_CREDIT;
    assert_int_equal(sched_adjust(d, &dop), 0);
    assert_int_equal(dop.u.credit.weight, 100);
    assert_int_equal(dop.u.credit.cap, 33);
    assert_int_equal(set_params(d, 0, 0xffff), 0);
    assert_int_equal(sched_adjust(d, &dop), 0);
    assert_int_equal(dop.u.credit.weight, 100);
    assert_int_equal(dop.u.credit.cap, 33);

    assert_int_equal(sched_adjust_global(&op), 0);
    assert_int_equal(op.u.sched_credit.tslice_ms, 30);
    op.cmd = XEN_SYSCTL_SCHEDOP_putinfo;
    op.u.sched_credit.tslice_ms = 0;
    assert_int_equal(sched_adjust_global(&op), -EINVAL);
    op.u.sched_credit.tslice_ms = 1;
    op.u.sched_credit.ratelimit_us = 2000;
    assert_int_equal(sched_adjust_global(&op), -EINVAL);
}

static void random_step(struct vcpu *v, unsigned int *paused)
{
    cpumask_t mask = { };

    this_cpu_nr = (unsigned int)rand() % nr_cpu_ids;
    unit_current = running[this_cpu_nr];
    switch (rand() % 6) {
    case 0:
        if (v->is_running)
            block_now(v);
        break;
    case 1:
        vcpu_unblock(v);
        break;
    case 2:
        if (*paused)
            break;
        atomic_inc(&v->pause_count);
        vcpu_sleep_nosync(v);
        ++*paused;
        break;
    case 3:
        if (!*paused)
            break;
        --*paused;
        if (atomic_dec_and_test(&v->pause_count))
            vcpu_wake(v);
        break;
    case 4:
        mask.bits[0] = (unsigned long)rand() % 16;
        assert_int_equal(vcpu_set_hard_affinity(v, &mask), mask.bits[0] ? 0 : -EINVAL);
        break;
    default:
        mask.bits[0] = (unsigned long)rand() % 16;
        vcpu_set_soft_affinity(v, &mask);
    }
}

static void check_all(void)
{
    for (unsigned int i = 0; i < nr_vcpus; i++) {
        unsigned int on = 0;

        for (unsigned int cpu = 0; cpu < nr_cpu_ids; cpu++)
            on += running[cpu] == &vcpus[i];
        assert_int_equal(on, vcpus[i].is_running);
        assert_true(!on || vcpu_runnable(&vcpus[i]));
        assert_int_equal(vcpus[i].runstate.state == RUNSTATE_running, on);
        assert_false(test_bit(VPF_migrating, &vcpus[i].pause_flags));
    }
}

/* When nothing changes for a while, no CPU that some waiting vCPU may use is idle. */
static void nobody_waits_for_an_idle_cpu(void)
{
    run_until(clock_now + MILLISECS(2));
    for (unsigned int i = 0; i < nr_vcpus; i++) {
        struct vcpu *v = &vcpus[i];

        if (!vcpu_runnable(v) || v->is_running)
            continue;
        for (unsigned int cpu = 0; cpu < nr_cpu_ids; cpu++)
            assert_false(running[cpu]->is_idle && cpumask_test(cpu, &v->hard_affinity));
    }
}

static void random_operations_keep_the_rules(void **state)
{
    unsigned int paused[MAX_VCPUS] = { 0 };

    make_machine(4);
    for (unsigned int i = 0; i < 5; i++)
        start(make_domain(1 + i % 3, (uint16_t)(100 + 300 * i), 0));
    srand(3);
    for (unsigned int step = 0; step < 30000; step++) {
        unsigned int i = (unsigned int)rand() % nr_vcpus;

        random_step(&vcpus[i], &paused[i]);
        run_until(clock_now + rand() % USECS(900));
        check_all();
        if (step % 50 == 0)
            nobody_waits_for_an_idle_cpu();
    }
    assert_in_range(switches, 5000, 10000000);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(weights_share_one_cpu),
        TEST(large_ratio_is_kept),
        TEST(extreme_weights_are_served),
        TEST(equal_domains_share_two_cpus),
        TEST(weights_share_four_cpus),
        TEST(unused_share_is_given_on),
        TEST(cap_limits_even_on_idle_machine),
        TEST(cap_above_one_cpu_spans_vcpus),
        TEST(hard_affinity_is_kept),
        TEST(soft_affinity_is_preferred),
        TEST(domains_nodes_are_preferred),
        TEST(waking_vcpu_runs_soon),
        TEST(yield_lets_others_run),
        TEST(event_before_block_keeps_running),
        TEST(runstates_add_up_and_reach_the_guest),
        TEST(pin_override_restores),
        TEST(periodic_timer_ticks_only_while_running),
        TEST(parameters_are_checked),
        TEST(random_operations_keep_the_rules),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
