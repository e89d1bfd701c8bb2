/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The shipped scheduler on a simulated machine of 64 CPUs with up to 500 vCPUs: do shares follow
 * weights, caps and masks, do I/O vCPUs run soon after they wake, does no CPU idle while somebody
 * waits who may use it, and does cunning not pay? Shares are compared with those of a fluid machine
 * (sched_ideal.h). A table shows what was measured; `long` as argument runs more seeds for longer.
 */
/* sources: hv/sched/credit.c hv/sched/credit_cap.c hv/sched/credit_place.c hv/sched/schedule.c */
/* sources: hv/lib/bitops.c tests/unit/sched_sim.c tests/unit/sched_ideal.c */
/* cflags: -DHV_UNIT_TEST -O2 */
/* long: 900 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "sched_ideal.h"
#include "sched_sim.h"

static bool long_form;
static bool caps_only;              /* CPUs enough: only caps limit */

/* --- judging --- */

struct verdict {
    double worst, mean;             /* deviation of a share from the ideal one, in percent of it */
    double lag;                     /* the same in time, in milliseconds of a vCPU of weight 256,
                                       beyond two time slices */
    double gain;                    /* of the vCPUs that try to get more: the most above the ideal
                                       share and two time slices, in percent of it */
    double burst;                   /* the most of a cap used in a short while, in percent of it */
};
/* What must hold of a verdict, of latencies in microseconds, of idle CPUs. */
struct limits { double worst, mean, lag, gain, p99, latest, idle, burst; };

#define TIME_SLICE 30.0 /* ms */

static struct ideal_vcpu ideal[SIM_VCPUS];
static uint16_t domain_cap[SIM_DOMAINS], domain_weight[SIM_DOMAINS];

static struct domain *domain(unsigned int nr, uint16_t weight, uint16_t cap, enum sim_load load)
{
    struct domain *d = sim_domain(nr, weight, cap, load);

    domain_cap[d - sim_domains] = cap;
    domain_weight[d - sim_domains] = weight;
    return d;
}

/* vCPUs that sleep much are given what they took: whether that came in time is asked of the
   latencies. */
static bool takes_little(const struct sim_vcpu *s)
{
    return s->load == LOAD_IO || s->load == LOAD_MIX || s->load == LOAD_YIELD;
}

static bool plays_games(const struct sim_vcpu *s)
{
    return s->load == LOAD_GAME_TICK || s->load == LOAD_GAME_BOOST;
}

static void find_ideal(s_time_t span)
{
    for (unsigned int i = 0; i < sim_nr_vcpus; i++) {
        struct sim_vcpu *s = &sim_vcpus[i];
        unsigned int dom = (unsigned int)(s->v.domain - sim_domains);
        double cap = domain_cap[dom] / 100.0 / s->v.domain->max_vcpus;

        cpumask_and(&ideal[i].mask, &s->v.hard_affinity, &cpu_online_map);
        if (cpumask_intersects(&ideal[i].mask, &s->v.soft_affinity))
            cpumask_and(&ideal[i].mask, &ideal[i].mask, &s->v.soft_affinity);
        ideal[i].weight = domain_weight[dom];
        ideal[i].demand = takes_little(s) ? (double)sim_ran(s) / (double)span : 1;
        if (cap && cap < ideal[i].demand)
            ideal[i].demand = cap;
    }
    ideal_shares(ideal, sim_nr_vcpus, nr_cpu_ids);
}

static struct verdict judge(s_time_t span)
{
    struct verdict r = { 0 };
    unsigned int nr = 0;

    find_ideal(span);
    for (unsigned int i = 0; i < sim_nr_vcpus; i++) {
        struct sim_vcpu *s = &sim_vcpus[i];
        double share = (double)sim_ran(s) / (double)span, off = share - ideal[i].share;
        double percent = 100 * off / ideal[i].share;

        /* A cap close to the share by weight makes of both a little less. */
        if (takes_little(s) || (!caps_only && domain_cap[s->v.domain - sim_domains]))
            continue;
        if (plays_games(s)) {
            percent -= 100 * 2 * TIME_SLICE * 1e6 / (double)span / ideal[i].share;
            r.gain = MAX(r.gain, percent);
            continue;
        }
        r.worst = MAX(r.worst, fabs(percent));
        r.lag = MAX(r.lag, (fabs(off) * (double)span / 1e6 - 2 * TIME_SLICE) *
                           256 / ideal[i].weight);
        r.mean += fabs(percent);
        nr++;
    }
    r.mean /= nr ? nr : 1;
    return r;
}

static void check(const char *what, double got, double limit)
{
    if (limit && got > limit)
        fail_msg("%s is %.2f, more than %.2f", what, got, limit);
}

static void check_limits(const struct verdict *r, const struct limits *l)
{
    check("the worst deviation in percent", r->worst, l->worst);
    check("the mean deviation in percent", r->mean, l->mean);
    check("the largest lag in ms", r->lag, l->lag);
    check("the gain by cunning in percent", r->gain, l->gain);
    check("the 99th percentile of latencies in us", sim_latency(99), l->p99);
    check("the longest latency in us", sim_latency(100), l->latest);
    check("a CPU idles while work waits: us", (double)sim_result.longest_idle / 1000, l->idle);
    check("the use of a cap in a short while in percent", r->burst, l->burst);
}

static void print_row(const char *name, unsigned int seed, const struct verdict *r, s_time_t span)
{
    static bool headed;
    double seconds = (double)span / 1e9;

    if (!headed)
        printf("%-16s %4s %5s | %7s %7s %7s %7s %7s | %6s %6s %6s | %7s | %8s %8s\n", "scenario",
               "seed", "vCPUs", "worst %", "mean %", "lag ms", "gain %", "burst %", "p50 us",
               "p99 us", "max us", "idle us", "switch/s", "moves/s");
    headed = true;
    printf("%-16s %4u %5u | %7.2f %7.2f %7.1f %7.2f %7.1f | %6.0f %6.0f %6.0f | %7.0f | %8.0f "
           "%8.0f\n", name, seed, sim_nr_vcpus, r->worst, r->mean, r->lag, r->gain, r->burst,
           sim_latency(50), sim_latency(99), sim_latency(100),
           (double)sim_result.longest_idle / 1000, (double)sim_result.switches / seconds,
           (double)sim_result.moves / seconds);
    fflush(stdout);
}

/* The machine runs for span; the most that a capped domain used in any CAP_WINDOW, in percent of
   its cap. */
#define CAP_WINDOW MILLISECS(90)
static double run_watching_caps(s_time_t span)
{
    static s_time_t before[SIM_DOMAINS];
    double most = 0;

    memset(before, 0, sizeof(before));
    for (s_time_t t = 0; t < span; t += CAP_WINDOW) {
        s_time_t used[SIM_DOMAINS] = { 0 };

        sim_run(MIN(CAP_WINDOW, span - t));
        for (unsigned int i = 0; i < sim_nr_vcpus; i++)
            used[sim_vcpus[i].v.domain - sim_domains] += sim_ran(&sim_vcpus[i]);
        for (unsigned int i = 0; i < sim_nr_domains; i++)
            if (domain_cap[i]) {
                double window = (double)CAP_WINDOW * domain_cap[i] / 100;

                most = MAX(most, 100 * (double)(used[i] - before[i]) / window);
                before[i] = used[i];
            }
    }
    return most;
}

/* --- scenarios --- */

static uint16_t some_weight(void)
{
    static const uint16_t weights[] = { 64, 128, 256, 256, 512, 1024 };

    return weights[sim_random(ARRAY_SIZE(weights))];
}

static void pin(struct domain *d, unsigned int first, unsigned int nr, bool soft)
{
    cpumask_t mask = { };
    struct vcpu *v;

    for (unsigned int i = 0; i < nr; i++)
        cpumask_set((first + i) % nr_cpu_ids, &mask);
    for_each_vcpu (d, v)
        assert_int_equal(soft ? vcpu_set_soft_affinity(v, &mask) : vcpu_set_hard_affinity(v, &mask),
                         0);
}

static void hogs(void)
{
    while (sim_nr_vcpus < 500)
        domain(1 + sim_random(8), some_weight(), 0, LOAD_HOG);
}

static void hogs_with_io(void)
{
    for (unsigned int i = 0; i < 50; i++)
        domain(2, 256, 0, LOAD_IO);
    while (sim_nr_vcpus < 500)
        domain(1 + sim_random(8), some_weight(), 0, LOAD_HOG);
}

static void everything(void)
{
    for (unsigned int i = 0; i < 40; i++)
        domain(2, 256, 0, LOAD_IO);
    for (unsigned int i = 0; i < 8; i++)
        domain(1, 256, 0, i % 2 ? LOAD_GAME_BOOST : LOAD_GAME_TICK);
    for (unsigned int i = 0; i < 10; i++)
        domain(2, 256, 0, LOAD_MIX);
    for (unsigned int i = 0; i < 16; i++)
        domain(1 + sim_random(2), 256, (uint16_t)(5 + sim_random(15)), LOAD_HOG);
    for (unsigned int i = 0; i < 24; i++)
        pin(domain(2, some_weight(), 0, LOAD_HOG), sim_random(64), 1, false);
    for (unsigned int i = 0; i < 8; i++)
        pin(domain(8, 256, 0, LOAD_HOG), 8 * i, 8, true);
    while (sim_nr_vcpus < 500)
        domain(1 + sim_random(8), some_weight(), 0, LOAD_HOG);
}

static void crowded_corner(void)
{
    for (unsigned int i = 0; i < 10; i++)
        pin(domain(1, i % 2 ? 256 : 512, 0, LOAD_HOG), 0, 4, false);
    for (unsigned int i = 0; i < 3; i++)
        pin(domain(1, (uint16_t)(256 << i), 0, LOAD_HOG), 9, 1, false);
    for (unsigned int i = 0; i < 90; i++)
        domain(1, 256, 0, LOAD_HOG);
}

static void half_empty(void)
{
    for (unsigned int i = 0; i < 40; i++)
        domain(1, 256, 0, LOAD_IO);
    for (unsigned int i = 0; i < 30; i++)
        domain(2, some_weight(), 0, LOAD_MIX);
    for (unsigned int i = 0; i < 6; i++)
        pin(domain(2, 256, 0, LOAD_MIX), 10 * i, 3, false);
    for (unsigned int i = 0; i < 4; i++)
        pin(domain(4, 256, 0, LOAD_MIX), 0, 8, true);
}

static void caps(void)
{
    caps_only = true;
    for (unsigned int i = 0; i < 40; i++)
        domain(1 + sim_random(4), some_weight(), (uint16_t)(5 + sim_random(60)), LOAD_HOG);
    for (unsigned int i = 0; i < 10; i++)
        domain(2, 256, 0, LOAD_IO);
}

static void small(void)
{
    domain(2, 256, 0, LOAD_IO);
    domain(1, 256, 0, LOAD_GAME_BOOST);
    domain(1, 256, 0, LOAD_GAME_TICK);
    domain(2, 256, 0, LOAD_YIELD);
    for (unsigned int i = 0; i < 12; i++)
        domain(1, some_weight(), 0, LOAD_HOG);
}

/* --- the tests --- */

static void scenario(const char *name, unsigned int cpus, void (*fill)(void),
                     const struct limits *quick, const struct limits *thorough)
{
    s_time_t span = long_form ? SECONDS(60) : SECONDS(5);

    for (unsigned int seed = 0; seed < (long_form ? 8 : 1); seed++) {
        struct verdict r;
        double burst;

        sim_begin(cpus, seed);
        fill();
        sim_start_all();
        sim_run(SECONDS(2));
        sim_measure();
        burst = run_watching_caps(span);
        r = judge(span);
        r.burst = burst;
        sim_check_runstates();
        print_row(name, seed, &r, span);
        check_limits(&r, long_form ? thorough : quick);
        sim_end();
    }
}

/* Clocks of CPUs that share work may differ by this much, in milliseconds. */
#define LAG 60.0

static void hogs_share_by_weight(void **state)
{
    scenario("hogs", 64, hogs, &(struct limits){ .mean = 8, .lag = LAG },
             &(struct limits){ .worst = 4, .mean = 1, .lag = 2 * LAG });
}
static void io_runs_at_once_among_hogs(void **state)
{
    scenario("hogs with I/O", 64, hogs_with_io,
             &(struct limits){ .mean = 6, .lag = LAG, .p99 = 50, .latest = 2500 },
             &(struct limits){ .worst = 4, .mean = 1, .lag = 2 * LAG, .p99 = 50, .latest = 4000 });
}
static void everything_at_once(void **state)
{
    scenario("everything", 64, everything,
             &(struct limits){ .mean = 8, .gain = 15, .p99 = 100, .latest = 6000, .idle = 300 },
             &(struct limits){ .worst = 10, .mean = 2, .gain = 12, .p99 = 100, .latest = 6000,
                               .idle = 300 });
}
static void crowded_corner_is_fair(void **state)
{
    scenario("crowded corner", 64, crowded_corner, &(struct limits){ .mean = 2, .lag = LAG },
             &(struct limits){ .worst = 1, .mean = 0.5, .lag = LAG });
}
static void no_cpu_idles(void **state)
{
    scenario("half empty", 64, half_empty,
             &(struct limits){ .p99 = 50, .latest = 500, .idle = 250 },
             &(struct limits){ .p99 = 50, .latest = 2000, .idle = 250 });
}
static void caps_hold(void **state)
{
    scenario("caps", 64, caps, &(struct limits){ .worst = 8, .mean = 3, .burst = 180 },
             &(struct limits){ .worst = 3, .mean = 1, .burst = 180 });
}
static void four_cpus(void **state)
{
    scenario("four CPUs", 4, small, &(struct limits){ .lag = LAG, .gain = 15, .latest = 6000 },
             &(struct limits){ .worst = 10, .mean = 4, .gain = 12, .latest = 6000 });
}

/* After a failure, too. */
static int end(void **state)
{
    caps_only = false;
    sim_end();
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(hogs_share_by_weight, end),
        cmocka_unit_test_teardown(io_runs_at_once_among_hogs, end),
        cmocka_unit_test_teardown(everything_at_once, end),
        cmocka_unit_test_teardown(crowded_corner_is_fair, end),
        cmocka_unit_test_teardown(no_cpu_idles, end),
        cmocka_unit_test_teardown(caps_hold, end),
        cmocka_unit_test_teardown(four_cpus, end),
    };

    long_form = argc > 1 && !strcmp(argv[1], "long");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
