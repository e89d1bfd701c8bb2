/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the files of the credit policy share: credit.c (queues, virtual time, the policy's entries),
 * credit_place.c (which CPU), credit_cap.c (limits and parameters).
 *
 * Virtual time. A vCPU that runs gets older: by the time it ran, divided by its weight. Each CPU
 * runs the youngest of its queue first, so those that share a CPU get it by weight. The clock of a
 * CPU is the age of what it runs; it never goes back. Where much weight waits the clock goes
 * slowly: a CPU whose clock is ahead takes a vCPU from one whose clock is behind, and so the shares
 * are right across the CPUs, too. A vCPU that slept is made at most WAKE_CREDIT younger than the
 * clock: nobody saves time up. One that wakes while it is not ahead of the clock is boosted: it
 * goes before those that only work, for BOOST_TIME; what it uses makes it older, so that whoever
 * uses more than his share cannot be boosted.
 *
 * Clocks of CPUs that share no work drift apart, which says nothing; when work moves, a difference
 * of more than MAX_GAP counts as MAX_GAP.
 *
 * Locks: queues, `vt` of the vCPUs in them or running, `prio`, `clock`, `curr*` and the sums belong
 * to the run-queue lock of the CPU; others may look at the words marked (r) without, as a hint.
 * Two of these locks are held only where the second one was had by trying. The list of capped
 * domains, weight and cap belong to cap_lock.
 */
#ifndef HV_SCHED_CREDIT_PRIV_H
#define HV_SCHED_CREDIT_PRIV_H

#include <hv/sched.h>
#include <hv/time.h>

#define DEFAULT_WEIGHT 256
/* In virtual time: nanoseconds of a vCPU of default weight. */
#define WAKE_CREDIT MILLISECS(10)
#define PULL_GAP MILLISECS(20)
#define MAX_GAP MILLISECS(100)

enum credit_prio { PRIO_IDLE, PRIO_NORMAL, PRIO_BOOST };

struct sched_vcpu {
    struct list_head queue;       /* in a run queue or a parked list; empty = in none */
    struct list_head siblings;    /* in sched_dom::vcpus; cap_lock */
    struct vcpu *v;
    struct sched_dom *sdom;
    int64_t vt;
    s_time_t start;               /* vt is right up to here */
    s_time_t picked;              /* when it was last put on its CPU */
    s_time_t boost_left;
    unsigned int weight;          /* as counted in the sums of its CPU */
    enum credit_prio prio;
    bool parked, yielded;
};

struct sched_dom {
    struct list_head capped;      /* in the list of domains with a cap; empty = has none */
    struct list_head vcpus;
    uint16_t weight, cap;
    int64_t budget;               /* with a cap: time left in this period; atomic */
    s_time_t piece;               /* with a cap: the longest time to run in one go */
};

struct credit_cpu {
    struct list_head runq;        /* boosted ones as they came, then by age */
    struct list_head parked;
    struct vcpu *curr;
    enum credit_prio curr_prio;   /* (r) */
    s_time_t curr_picked;         /* (r) */
    unsigned int nr_queued;       /* (r) */
    unsigned int nr_parked;       /* (r) */
    unsigned int queued_weight;   /* (r) sum over runq */
    unsigned int curr_weight;     /* (r) */
    const cpumask_t *near;        /* CPUs of its node, itself among them */
    unsigned int caller;          /* (r) CPU + 1 whose queue it was poked for; 0 = none. Any CPU
                                     writes it: the last one counts */
    unsigned int next_peer;       /* where the next pull begins to look */
    unsigned int next_look;       /* where the next wake begins to */
    s_time_t next_pull;
    int64_t clock;                /* (r) */
    int64_t lead;                 /* sum over runq of weight * (vt - clock) */
};
DECLARE_PER_CPU(struct credit_cpu, credit_cpu);

extern cpumask_t sched_idlers;    /* CPUs that run their idle vCPU and have not been poked */
extern unsigned int sched_tslice_ms, sched_ratelimit_us, sched_migr_delay_us;

static inline unsigned int cpu_weight(const struct credit_cpu *pc)
{
    return READ_ONCE(pc->queued_weight) + READ_ONCE(pc->curr_weight);
}

/* --- credit.c --- */
void credit_enqueue(struct credit_cpu *pc, struct sched_vcpu *s);
void credit_dequeue(struct credit_cpu *pc, struct sched_vcpu *s);
/* Brings the clock of a CPU, whose lock is held, up to now. */
void credit_clock_now(struct credit_cpu *pc, s_time_t now);

/* --- credit_place.c --- */
/* A CPU for v, which is not in a queue: an idle one, or the one with the least to do. */
void credit_place(struct vcpu *v);
/* v, in no queue, wakes: where it is put so that it runs soonest. v->processor's lock is held. */
void credit_place_woken(struct vcpu *v, s_time_t now);
/* cpu has nothing to do and is among the idlers: takes a vCPU from another CPU's queue, that of the
   caller first. *retry: may have missed one. */
struct sched_vcpu *credit_steal(unsigned int cpu, bool *retry);
/* The CPU has a caller but other work. */
void credit_forget_call(struct credit_cpu *pc);
/* cpu, whose clock may be ahead, takes a vCPU into its queue if that is fair. */
void credit_pull(unsigned int cpu, s_time_t now);
/* Idle CPUs are told of what waits here. */
void credit_offer_queue(const struct credit_cpu *pc);
/* An idle CPU that v prefers to the one it runs on. */
bool credit_can_go_home(const struct vcpu *v);

/* --- credit_cap.c --- */
static inline bool credit_must_park(const struct sched_vcpu *s)
{
    return unlikely(READ_ONCE(s->sdom->cap)) &&
           __atomic_load_n(&s->sdom->budget, __ATOMIC_RELAXED) <= 0;
}
void credit_cap_init(void);
int credit_cap_init_domain(struct domain *d);
void credit_cap_free_domain(struct domain *d);
void credit_cap_add(struct sched_vcpu *s);
void credit_cap_remove(struct sched_vcpu *s);
int credit_adjust(struct domain *d, struct xen_domctl_scheduler_op *op);
int credit_adjust_global(struct xen_sysctl_scheduler_op *op);

#endif
