/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine in discrete events for the shipped scheduler: CPUs with timers, soft interrupts that
 * take time to arrive, context switches that take time to finish, locks that others hold now and
 * then, and vCPUs that follow a script of work and sleep.
 *
 * Time is virtual; everything random comes from the seed, so a run repeats exactly.
 */
#ifndef TESTS_SCHED_SIM_H
#define TESTS_SCHED_SIM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hv/sched.h>
#include <hv/time.h>

#define SIM_CPUS 64
#define SIM_VCPUS 640
#define SIM_DOMAINS 512

enum sim_load {
    LOAD_HOG,           /* always wants to run */
    LOAD_IO,            /* short bursts, sleeps between them */
    LOAD_MIX,           /* bursts and sleeps of milliseconds */
    LOAD_GAME_TICK,     /* works, but sleeps at each multiple of 10 ms, where a tick may look */
    LOAD_GAME_BOOST,    /* works in pieces just short enough to be taken for I/O */
    LOAD_YIELD,         /* spins with SCHEDOP_yield */
    NR_LOADS
};

struct sim_vcpu {
    struct vcpu v;                  /* first */
    enum sim_load load;
    s_time_t left;                  /* of the present burst */
    s_time_t burst_end;             /* as scheduled; 0 = not running */
    s_time_t woken;                 /* waits to run since; 0 = it does not */
    s_time_t waiting;               /* a CPU that it may use idles since; 0 = none does */
    unsigned int gen;               /* of its wake event */
    uint64_t ran_before, game;
    uint64_t moves;
    unsigned int on_cpu;            /* where it last ran */
};

/* What a run has shown. */
struct sim_result {
    uint64_t switches, moves, events;
    s_time_t longest_idle;          /* of a CPU with work that it may do, waiting elsewhere */
    s_time_t *latency;              /* of LOAD_IO, from wake to run */
    unsigned int nr_latency, max_latency;
};

extern struct sim_vcpu sim_vcpus[SIM_VCPUS];
extern struct domain sim_domains[SIM_DOMAINS];
extern unsigned int sim_nr_vcpus, sim_nr_domains;
extern struct sim_result sim_result;
extern s_time_t sim_now;

void sim_begin(unsigned int cpus, unsigned int seed);
void sim_end(void);
unsigned int sim_random(unsigned int below);
/* A domain of nr vCPUs with one kind of work; not started. */
struct domain *sim_domain(unsigned int nr, uint16_t weight, uint16_t cap, enum sim_load load);
void sim_start_all(void);
void sim_run(s_time_t span);
/* Counts from now. */
void sim_measure(void);
s_time_t sim_ran(struct sim_vcpu *s);   /* since sim_measure() */
/* Microseconds: this many percent of the latencies are at most the result. */
double sim_latency(double percent);
/* Run states add up to the time since the start, for every vCPU. */
void sim_check_runstates(void);

#endif
