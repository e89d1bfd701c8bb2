/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The credit policy: CPUs are shared by weight, limited by caps, with a queue and a clock for each
 * CPU. credit_priv.h explains how; this file has queues, time and the policy's entries.
 */
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/printk.h>
#include "credit_priv.h"

#define BOOST_TIME MILLISECS(2)
#define RETRY_TIME USECS(20)
#define PULL_PERIOD MILLISECS(10)
#define CLOCK_SLOP MILLISECS(1)

DEFINE_PER_CPU(struct credit_cpu, credit_cpu);
cpumask_t sched_idlers;
/* The most advanced clock, to within CLOCK_SLOP: where a CPU's clock goes on that was idle. */
static int64_t latest_clock;

/* --- queues --- */

static bool goes_before(const struct sched_vcpu *a, const struct sched_vcpu *b)
{
    if (a->prio != b->prio)
        return a->prio > b->prio;
    return a->prio == PRIO_NORMAL && a->vt < b->vt;
}

static void runq_insert(struct credit_cpu *pc, struct sched_vcpu *s)
{
    struct sched_vcpu *pos;

    list_for_each (pos, &pc->runq, queue)
        if (!s->yielded && goes_before(s, pos))
            break;
    if (s->yielded && s->vt < pc->clock)
        s->vt = pc->clock; /* what it does not want is nobody's debt */
    s->yielded = false;
    list_add_tail(&s->queue, &pos->queue);
    s->weight = READ_ONCE(s->sdom->weight);
    pc->nr_queued++;
    pc->queued_weight += s->weight;
    pc->lead += s->weight * (s->vt - pc->clock);
}

void credit_dequeue(struct credit_cpu *pc, struct sched_vcpu *s)
{
    list_del(&s->queue);
    if (s->parked) {
        pc->nr_parked--;
        s->parked = false;
        return;
    }
    pc->nr_queued--;
    pc->queued_weight -= s->weight;
    pc->lead -= s->weight * (s->vt - pc->clock);
}

void credit_enqueue(struct credit_cpu *pc, struct sched_vcpu *s)
{
    if (unlikely(credit_must_park(s))) {
        s->parked = true;
        list_add_tail(&s->queue, &pc->parked);
        pc->nr_parked++;
    } else {
        runq_insert(pc, s);
    }
}

/* Nobody saves up time while he does not want to run, or may not. */
static void forget_sleep(const struct credit_cpu *pc, struct sched_vcpu *s)
{
    if (s->vt < pc->clock - WAKE_CREDIT)
        s->vt = pc->clock - WAKE_CREDIT;
}

static void unpark(struct credit_cpu *pc)
{
    struct sched_vcpu *s, *tmp;

    list_for_each_safe (s, tmp, &pc->parked, queue) {
        if (credit_must_park(s))
            continue;
        credit_dequeue(pc, s);
        forget_sleep(pc, s);
        runq_insert(pc, s);
    }
}

/* --- time --- */

static void burn(struct sched_vcpu *s, s_time_t now)
{
    s_time_t ran = now - s->start;

    if (ran <= 0)
        return;
    s->start = now;
    s->vt += (int64_t)((uint64_t)ran * DEFAULT_WEIGHT / READ_ONCE(s->sdom->weight));
    if (unlikely(READ_ONCE(s->sdom->cap)))
        __atomic_sub_fetch(&s->sdom->budget, ran, __ATOMIC_RELAXED);
    if (s->prio == PRIO_BOOST && (s->boost_left -= ran) <= 0)
        s->prio = PRIO_NORMAL;
}

static void advance_clock(struct credit_cpu *pc, int64_t by)
{
    if (by <= 0)
        return;
    pc->clock += by;
    pc->lead -= by * pc->queued_weight;
    if (pc->clock - READ_ONCE(latest_clock) > CLOCK_SLOP)
        WRITE_ONCE(latest_clock, pc->clock);
}

/* The clock is the mean age, by weight, of those that run or wait. */
void credit_clock_now(struct credit_cpu *pc, s_time_t now)
{
    int64_t lead = pc->lead, weight = pc->queued_weight;

    if (pc->curr_prio != PRIO_IDLE) {
        struct sched_vcpu *s = pc->curr->sched;

        burn(s, now);
        lead += s->weight * (s->vt - pc->clock);
        weight += s->weight;
    }
    if (weight)
        advance_clock(pc, lead / weight);
    else
        advance_clock(pc, READ_ONCE(latest_clock) - pc->clock);
}

/* How long s may run before the CPU thinks again. */
static s_time_t slice_of(const struct sched_vcpu *s)
{
    s_time_t slice = MILLISECS(sched_tslice_ms);

    if (s->prio == PRIO_BOOST)
        slice = MIN(slice, s->boost_left);
    if (unlikely(READ_ONCE(s->sdom->cap)))
        slice = MIN(slice, READ_ONCE(s->sdom->piece));
    return slice;
}

/* --- the policy's entries --- */

static void credit_sleep(struct vcpu *v)
{
    struct credit_cpu *pc = &per_cpu(credit_cpu, v->processor);

    if (pc->curr == v)
        cpu_raise_softirq(v->processor, SCHEDULE_SOFTIRQ);
    else if (!list_empty(&v->sched->queue))
        credit_dequeue(pc, v->sched);
}

static void credit_wake(struct vcpu *v)
{
    struct credit_cpu *pc = &per_cpu(credit_cpu, v->processor);
    struct sched_vcpu *s = v->sched;
    s_time_t now;

    if (pc->curr == v || !list_empty(&s->queue))
        return;
    now = NOW();
    credit_clock_now(pc, now);
    forget_sleep(pc, s);
    s->prio = s->vt <= pc->clock ? PRIO_BOOST : PRIO_NORMAL;
    s->boost_left = BOOST_TIME;
    if (unlikely(credit_must_park(s)))
        credit_enqueue(pc, s);
    else
        credit_place_woken(v, now);
}

/* With an empty queue there is nobody to yield to: who waits elsewhere is fetched by CPUs that have
   time for him. */
static bool credit_yield(struct vcpu *v)
{
    if (!READ_ONCE(this_cpu(credit_cpu).nr_queued))
        return false;
    v->sched->yielded = true;
    return true;
}

/* Current goes on if it has run for less than the rate limit: waking vCPUs may not make a CPU do
   nothing but switch. */
static bool rate_limited(const struct vcpu *cur, s_time_t now)
{
    const struct sched_vcpu *s = cur->sched;

    return now - s->picked < USECS(sched_ratelimit_us) && !s->yielded && vcpu_runnable(cur) &&
           !credit_must_park(s) && cpumask_test(cur->processor, &cur->hard_affinity);
}

/* cur, which has just stopped, waits again if it may run. */
static void put_back(struct credit_cpu *pc, struct vcpu *cur)
{
    if (!vcpu_runnable(cur))
        return;
    if (unlikely(!cpumask_test(cur->processor, &cur->preferred)) && credit_can_go_home(cur))
        set_bit(VPF_migrating, &cur->pause_flags); /* context_saved() completes it */
    else
        credit_enqueue(pc, cur->sched);
}

/* Nothing waits here. The CPU is among the idlers before it looks elsewhere, so that what it does
   not find is offered to it (credit_place_woken(), credit_offer_queue()). */
static struct sched_vcpu *choose_when_idle(struct credit_cpu *pc, unsigned int cpu, bool *retry)
{
    struct sched_vcpu *s;

    pc->curr_prio = PRIO_IDLE;
    cpumask_set(cpu, &sched_idlers); /* a full barrier */
    advance_clock(pc, READ_ONCE(latest_clock) - pc->clock);
    s = credit_steal(cpu, retry);
    if (s || *retry)
        cpumask_clear(cpu, &sched_idlers); /* it looks again soon: nobody need call it */
    return s;
}

/* Takes the one to run next off a queue; NULL = nobody. */
static struct sched_vcpu *choose(struct credit_cpu *pc, unsigned int cpu, s_time_t now, bool *retry)
{
    struct sched_vcpu *next;

    if (list_empty(&pc->runq))
        return choose_when_idle(pc, cpu, retry);
    if (unlikely(pc->caller))
        credit_forget_call(pc);
    if (now >= pc->next_pull) {
        pc->next_pull = now + PULL_PERIOD;
        credit_pull(cpu, now);
    }
    next = list_first(&pc->runq, struct sched_vcpu, queue);
    credit_dequeue(pc, next);
    return next;
}

static struct task_slice run_idle(struct credit_cpu *pc, unsigned int cpu, bool retry)
{
    pc->curr = per_cpu(idle_vcpu, cpu);
    return (struct task_slice){ pc->curr, retry ? RETRY_TIME : -1 };
}

static struct task_slice run_vcpu(struct credit_cpu *pc, unsigned int cpu, struct sched_vcpu *s,
                                  s_time_t now)
{
    if (s->v != pc->curr) {
        s->picked = pc->curr_picked = now;
        pc->curr = s->v;
    }
    s->start = now;
    pc->curr_prio = s->prio;
    pc->curr_weight = s->weight;
    if (cpumask_test(cpu, &sched_idlers))
        cpumask_clear(cpu, &sched_idlers);
    credit_offer_queue(pc);
    return (struct task_slice){ s->v, slice_of(s) };
}

static struct task_slice credit_do_schedule(s_time_t now)
{
    unsigned int cpu = smp_processor_id();
    struct credit_cpu *pc = &this_cpu(credit_cpu);
    struct vcpu *cur = current;
    struct sched_vcpu *next;
    bool retry = false;

    if (!cur->is_idle) {
        credit_clock_now(pc, now);
        if (rate_limited(cur, now)) {
            pc->curr_prio = cur->sched->prio;
            credit_offer_queue(pc);
            return (struct task_slice){ cur, USECS(sched_ratelimit_us) - (now - pc->curr_picked) };
        }
        pc->curr_weight = 0;
        put_back(pc, cur);
    }
    if (unlikely(pc->nr_parked))
        unpark(pc);
    next = choose(pc, cpu, now, &retry);
    return next ? run_vcpu(pc, cpu, next, now) : run_idle(pc, cpu, retry);
}

static int credit_init_vcpu(struct vcpu *v)
{
    struct sched_vcpu *s = xzalloc_struct(struct sched_vcpu);

    if (!s)
        return -ENOMEM;
    list_init(&s->queue);
    s->v = v;
    s->sdom = v->domain->sched;
    s->prio = PRIO_NORMAL;
    v->sched = s;
    credit_place(v);
    s->vt = READ_ONCE(per_cpu(credit_cpu, v->processor).clock);
    credit_cap_add(s);
    return 0;
}

static void credit_free_vcpu(struct vcpu *v)
{
    if (!v->sched)
        return;
    credit_cap_remove(v->sched);
    xfree(v->sched);
    v->sched = NULL;
}

static void credit_init_cpu(unsigned int cpu)
{
    struct credit_cpu *pc = &per_cpu(credit_cpu, cpu);
    const cpumask_t *near = pc->near ? pc->near : &cpu_online_map;

    *pc = (struct credit_cpu){ .near = near, .next_peer = cpu, .next_look = cpu };
    list_init(&pc->runq);
    list_init(&pc->parked);
    pc->curr = per_cpu(idle_vcpu, cpu);
    pc->clock = READ_ONCE(latest_clock);
    cpumask_set(cpu, &sched_idlers);
}

void sched_set_near(unsigned int cpu, const cpumask_t *near)
{
    per_cpu(credit_cpu, cpu).near = near;
}

static void dump_queue(const char *name, const struct credit_cpu *pc, const struct list_head *queue)
{
    const struct sched_vcpu *s;

    list_for_each (s, queue, queue)
        printk("  %s d%uv%u prio %d credit %lld us weight %u cap %u\n", name,
               s->v->domain->domain_id, s->v->vcpu_id, (int)s->prio,
               (long long)(pc->clock - s->vt) / 1000, s->sdom->weight, s->sdom->cap);
}

static void credit_dump_cpu(unsigned int cpu)
{
    const struct credit_cpu *pc = &per_cpu(credit_cpu, cpu);

    printk("CPU%u runs d%uv%u prio %d, %u queued, %u parked, weight %u, clock %lld us\n", cpu,
           pc->curr->domain->domain_id, pc->curr->vcpu_id, (int)pc->curr_prio, pc->nr_queued,
           pc->nr_parked, cpu_weight(pc), (long long)pc->clock / 1000);
    dump_queue("ready ", pc, &pc->runq);
    dump_queue("parked", pc, &pc->parked);
}

const struct scheduler sched_credit = {
    .name = "SMP Credit Scheduler",
    .opt_name = "credit",
    .id = XEN_SCHEDULER_CREDIT,
    .init = credit_cap_init,
    .init_cpu = credit_init_cpu,
    .init_domain = credit_cap_init_domain,
    .free_domain = credit_cap_free_domain,
    .init_vcpu = credit_init_vcpu,
    .free_vcpu = credit_free_vcpu,
    .sleep = credit_sleep,
    .wake = credit_wake,
    .yield = credit_yield,
    .do_schedule = credit_do_schedule,
    .place = credit_place,
    .adjust = credit_adjust,
    .adjust_global = credit_adjust_global,
    .dump_cpu = credit_dump_cpu,
};
