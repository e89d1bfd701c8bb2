/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The credit policy: which CPU a vCPU runs on. A CPU without work takes some from any other; a CPU
 * whose clock is ahead takes some from one with more weight whose clock is behind; a vCPU that
 * wakes is put where it runs soonest. CPUs of the same node are looked at first. What is preferred
 * (soft affinity, the domain's nodes) goes before that, but never leaves a CPU idle.
 */
#include <hv/lib.h>
#include "credit_priv.h"

#define MAX_LOOKS 4               /* CPUs that one pull, or one wake, looks at closely */

/* Affinity in two steps: what v prefers, then what it can bear. */
enum affinity_step { STEP_SOFT, STEP_HARD, NR_STEPS };
static void affinity_mask(const struct vcpu *v, enum affinity_step step, cpumask_t *mask)
{
    cpumask_and(mask, &v->hard_affinity, &cpu_online_map);
    if (step == STEP_SOFT)
        cpumask_and(mask, mask, &v->preferred);
}

static bool fits(const struct vcpu *v, enum affinity_step step, unsigned int cpu)
{
    return cpumask_test(cpu, &v->hard_affinity) &&
           (step == STEP_HARD || cpumask_test(cpu, &v->preferred));
}

static bool is_near(unsigned int a, unsigned int b)
{
    return cpumask_test(b, per_cpu(credit_cpu, a).near);
}

/* --- idle CPUs --- */

static void poke(unsigned int cpu)
{
    cpumask_clear(cpu, &sched_idlers);
    cpu_raise_softirq(cpu, SCHEDULE_SOFTIRQ);
}

/* An idle CPU shall come and take a vCPU from the queue of caller. */
static void call(unsigned int cpu, unsigned int caller)
{
    WRITE_ONCE(per_cpu(credit_cpu, cpu).caller, caller + 1);
    poke(cpu);
}

/* An idle CPU for v, NR_CPUS if there is none: v's own, one near it, any. */
static unsigned int idler_in_step(const struct vcpu *v, enum affinity_step step)
{
    cpumask_t mask, near;
    unsigned int cpu;

    affinity_mask(v, step, &mask);
    cpumask_and(&mask, &mask, &sched_idlers);
    if (cpumask_test(v->processor, &mask))
        return v->processor;
    cpumask_and(&near, &mask, per_cpu(credit_cpu, v->processor).near);
    cpu = cpumask_cycle(v->processor, &near);
    return cpu < NR_CPUS ? cpu : cpumask_cycle(v->processor, &mask);
}

static unsigned int idler_for(const struct vcpu *v)
{
    unsigned int cpu;

    if (cpumask_empty(&sched_idlers))
        return NR_CPUS;
    cpu = idler_in_step(v, STEP_SOFT);
    return cpu < NR_CPUS ? cpu : idler_in_step(v, STEP_HARD);
}

bool credit_can_go_home(const struct vcpu *v)
{
    return !cpumask_empty(&sched_idlers) && idler_in_step(v, STEP_SOFT) < NR_CPUS;
}

void credit_offer_queue(const struct credit_cpu *pc)
{
    const struct sched_vcpu *s;

    list_for_each (s, &pc->runq, queue) {
        unsigned int cpu = idler_for(s->v);

        if (cpu < NR_CPUS)
            call(cpu, s->v->processor);
        else if (cpumask_empty(&sched_idlers))
            break;
    }
}

/* --- moving --- */

/* Of s, which is in no queue: its age is told by another clock from now on. */
static void change_clock(struct sched_vcpu *s, const struct credit_cpu *from,
                         const struct credit_cpu *to)
{
    int64_t gap = READ_ONCE(to->clock) - READ_ONCE(from->clock);

    if (gap > MAX_GAP)
        s->vt += gap - MAX_GAP;
    else if (gap < -MAX_GAP)
        s->vt += gap + MAX_GAP;
}

/* The locks of both CPUs are held. */
static void move(struct sched_vcpu *s, unsigned int cpu)
{
    change_clock(s, &per_cpu(credit_cpu, s->v->processor), &per_cpu(credit_cpu, cpu));
    WRITE_ONCE(s->v->processor, cpu);
}

/* For one that did not wait: it is as much ahead or behind as it was. */
static void move_sleeper(struct sched_vcpu *s, unsigned int cpu)
{
    s->vt += READ_ONCE(per_cpu(credit_cpu, cpu).clock) -
             READ_ONCE(per_cpu(credit_cpu, s->v->processor).clock);
    WRITE_ONCE(s->v->processor, cpu);
}

static unsigned int least_weight(const struct vcpu *v, const cpumask_t *mask)
{
    unsigned int cpu, best = v->processor, best_weight = ~0u;

    for_each_cpu (cpu, mask) {
        unsigned int weight = cpu_weight(&per_cpu(credit_cpu, cpu));

        if (weight < best_weight || (weight == best_weight && cpu == v->processor)) {
            best = cpu;
            best_weight = weight;
        }
    }
    return best;
}

void credit_place(struct vcpu *v)
{
    unsigned int cpu = idler_for(v);
    cpumask_t mask;

    if (cpu >= NR_CPUS) {
        affinity_mask(v, STEP_SOFT, &mask);
        if (cpumask_empty(&mask))
            affinity_mask(v, STEP_HARD, &mask);
        cpu = least_weight(v, &mask);
    }
    if (cpu != v->processor)
        move_sleeper(v->sched, cpu);
}

/* --- waking --- */

/* A vCPU of this priority would run on cpu at once. */
static bool gives_way(unsigned int cpu, enum credit_prio prio, s_time_t now)
{
    const struct credit_cpu *pc = &per_cpu(credit_cpu, cpu);

    return prio > READ_ONCE(pc->curr_prio) &&
           now - READ_ONCE(pc->curr_picked) >= USECS(sched_ratelimit_us);
}

/* A CPU of mask that gives way; a few are asked, each time others. */
static unsigned int cpu_giving_way(struct credit_cpu *pc, const cpumask_t *mask,
                                   enum credit_prio prio, s_time_t now)
{
    for (unsigned int looks = 0; looks < MAX_LOOKS; looks++) {
        unsigned int cpu = cpumask_cycle(pc->next_look, mask);

        if (cpu >= NR_CPUS)
            break;
        pc->next_look = cpu;
        if (gives_way(cpu, prio, now))
            return cpu;
    }
    return NR_CPUS;
}

static unsigned int cpu_to_wake_on(const struct vcpu *v, enum credit_prio prio, s_time_t now)
{
    struct credit_cpu *pc = &per_cpu(credit_cpu, v->processor);
    unsigned int cpu = idler_for(v);
    cpumask_t mask, near;

    if (cpu < NR_CPUS)
        return cpu;
    if (prio != PRIO_BOOST || gives_way(v->processor, prio, now))
        return v->processor;
    affinity_mask(v, STEP_SOFT, &mask);
    cpumask_and(&near, &mask, pc->near);
    cpu = cpu_giving_way(pc, &near, prio, now);
    if (cpu >= NR_CPUS)
        cpu = cpu_giving_way(pc, &mask, prio, now);
    return cpu < NR_CPUS ? cpu : v->processor;
}

/* Its own CPU shall look whether v goes first. */
static void put_here(struct credit_cpu *pc, struct vcpu *v)
{
    credit_enqueue(pc, v->sched);
    if (pc->curr_prio == PRIO_IDLE)
        poke(v->processor);
    else if (v->sched->prio > pc->curr_prio)
        cpu_raise_softirq(v->processor, SCHEDULE_SOFTIRQ);
}

void credit_place_woken(struct vcpu *v, s_time_t now)
{
    unsigned int here = v->processor, cpu = cpu_to_wake_on(v, v->sched->prio, now);
    struct credit_cpu *there;

    /* A vCPU whose state is still being saved stays where that is done. */
    if (cpu == here || v->is_running || !spin_trylock(&per_cpu(sched_lock, cpu))) {
        put_here(&per_cpu(credit_cpu, here), v);
        if (cpu != here && cpumask_test(cpu, &sched_idlers))
            call(cpu, here);
        return;
    }
    there = &per_cpu(credit_cpu, cpu);
    credit_clock_now(there, now);
    move_sleeper(v->sched, cpu);
    put_here(there, v);
    spin_unlock(&per_cpu(sched_lock, cpu));
}

/* --- taking from others --- */

/* From the queue of peer, whose lock is held: the first that may run here. */
static struct sched_vcpu *take_first(unsigned int peer, unsigned int cpu, enum affinity_step step,
                                     bool *retry)
{
    struct credit_cpu *pc = &per_cpu(credit_cpu, peer);
    struct sched_vcpu *s;

    list_for_each (s, &pc->runq, queue) {
        if (!fits(s->v, step, cpu))
            continue;
        if (s->v->is_running) { /* its CPU is still saving its state */
            *retry = true;
            continue;
        }
        credit_dequeue(pc, s);
        move(s, cpu);
        return s;
    }
    return NULL;
}

static struct sched_vcpu *steal_from(unsigned int peer, unsigned int cpu, enum affinity_step step,
                                     bool *retry)
{
    struct sched_vcpu *s;

    if (peer == cpu || !READ_ONCE(per_cpu(credit_cpu, peer).nr_queued))
        return NULL;
    if (!spin_trylock(&per_cpu(sched_lock, peer))) {
        *retry = true;
        return NULL;
    }
    s = take_first(peer, cpu, step, retry);
    spin_unlock(&per_cpu(sched_lock, peer));
    return s;
}

static struct sched_vcpu *steal_near(unsigned int cpu, enum affinity_step step, bool near,
                                     bool *retry)
{
    struct sched_vcpu *s = NULL;
    unsigned int peer;

    for (peer = cpumask_cycle(cpu, &cpu_online_map); peer < NR_CPUS && peer != cpu && !s;
         peer = cpumask_cycle(peer, &cpu_online_map))
        if (is_near(cpu, peer) == near)
            s = steal_from(peer, cpu, step, retry);
    return s;
}

/* This CPU has found other work: what it was called for may still wait, for which another idle CPU
   has to be called. */
void credit_forget_call(struct credit_cpu *pc)
{
    if (pc->caller && !cpumask_empty(&sched_idlers))
        cpu_raise_softirq(pc->caller - 1, SCHEDULE_SOFTIRQ);
    pc->caller = 0;
}

struct sched_vcpu *credit_steal(unsigned int cpu, bool *retry)
{
    struct credit_cpu *pc = &per_cpu(credit_cpu, cpu);
    struct sched_vcpu *s = NULL;

    if (pc->caller)
        s = steal_from(pc->caller - 1, cpu, STEP_HARD, retry);
    if (s) {
        pc->caller = 0;
        return s;
    }
    for (enum affinity_step step = STEP_SOFT; step < NR_STEPS && !s; step++) {
        s = steal_near(cpu, step, true, retry);
        if (!s)
            s = steal_near(cpu, step, false, retry);
    }
    if (s)
        credit_forget_call(pc);
    else if (!*retry)
        pc->caller = 0;
    return s;
}

/* peer has more weight to serve than cpu and lags behind. Another node's has to lag more. */
static bool worth_a_look(unsigned int cpu, unsigned int peer)
{
    const struct credit_cpu *pc = &per_cpu(credit_cpu, cpu), *p = &per_cpu(credit_cpu, peer);
    int64_t gap = pc->clock - READ_ONCE(p->clock);

    return READ_ONCE(p->nr_queued) && cpu_weight(p) > cpu_weight(pc) &&
           gap > (is_near(cpu, peer) ? PULL_GAP : 2 * PULL_GAP);
}

/* s should run on cpu rather than on peer, its CPU. A light one gets old in large steps, so that
   small gaps say nothing; a vCPU that ran a moment ago may find its data in peer's caches. */
static bool worth_moving(const struct sched_vcpu *s, unsigned int peer, unsigned int cpu,
                         s_time_t now)
{
    int64_t gap = per_cpu(credit_cpu, cpu).clock - per_cpu(credit_cpu, peer).clock;

    return fits(s->v, STEP_HARD, cpu) &&
           (fits(s->v, STEP_SOFT, cpu) || !fits(s->v, STEP_SOFT, peer)) && !s->v->is_running &&
           gap * s->weight > PULL_GAP * DEFAULT_WEIGHT &&
           now - s->start >= USECS(sched_migr_delay_us);
}

/* Both share work: the clock of the one behind, and all that goes by it, is brought to within
   MAX_GAP. Its lock is held. */
static void catch_up(struct credit_cpu *p, int64_t ahead)
{
    int64_t delta = ahead - MAX_GAP - p->clock;
    struct sched_vcpu *s;

    if (delta <= 0)
        return;
    p->clock += delta;
    if (!p->curr->is_idle)
        p->curr->sched->vt += delta;
    list_for_each (s, &p->runq, queue)
        s->vt += delta;
}

/* The lock of peer is held. */
static struct sched_vcpu *pull_from(unsigned int peer, unsigned int cpu, s_time_t now)
{
    struct credit_cpu *p = &per_cpu(credit_cpu, peer);
    struct sched_vcpu *s;

    list_for_each (s, &p->runq, queue) {
        if (!worth_moving(s, peer, cpu, now))
            continue;
        catch_up(p, per_cpu(credit_cpu, cpu).clock);
        credit_dequeue(p, s);
        move(s, cpu);
        return s;
    }
    return NULL;
}

void credit_pull(unsigned int cpu, s_time_t now)
{
    struct credit_cpu *pc = &per_cpu(credit_cpu, cpu);
    unsigned int peer = pc->next_peer, looks = 0;
    struct sched_vcpu *s = NULL;

    do {
        peer = cpumask_cycle(peer, &cpu_online_map);
        if (peer == cpu || !worth_a_look(cpu, peer) || !spin_trylock(&per_cpu(sched_lock, peer)))
            continue;
        s = pull_from(peer, cpu, now);
        spin_unlock(&per_cpu(sched_lock, peer));
        looks++;
    } while (!s && looks < MAX_LOOKS && peer != pc->next_peer);
    pc->next_peer = peer;
    if (s)
        credit_enqueue(pc, s);
}
