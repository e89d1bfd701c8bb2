/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The credit policy. Every accounting period the CPUs' time is divided among the active domains by
 * weight and handed to their vCPUs as credit, in nanoseconds; running burns it. A vCPU with credit
 * left is UNDER and goes before those that are OVER; one that wakes while UNDER is boosted for a
 * short while. A CPU without UNDER work takes some from its peers. A vCPU of a capped domain is
 * parked while its credit is used up.
 *
 * Queues and `prio`, `curr*` belong to the run-queue lock of the CPU; the lists of active domains
 * and vCPUs, weight and cap to acct_lock. `credit` is atomic.
 */
#include <hv/sched.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/time.h>

#define PERIOD MILLISECS(30)      /* of accounting; the most credit that a vCPU can save or owe */
#define BOOST_TIME MILLISECS(10)
#define MIN_SLICE MILLISECS(1)
#define RETRY_TIME USECS(20)
#define DEFAULT_WEIGHT 256
#define DEFAULT_RATELIMIT_US 1000
#define MAX_SPAN (8 * PERIOD)     /* more is not made up for */
#define DEFAULT_TSLICE_MS 30
#define CAP_KEEP ((uint16_t)~0u)

enum credit_prio { PRIO_IDLE, PRIO_OVER, PRIO_UNDER, PRIO_BOOST };

struct sched_vcpu {
    struct list_head queue;       /* in a run queue or a parked list; empty = in none */
    struct list_head active;      /* in sched_dom::vcpus; empty = not active */
    struct vcpu *v;
    struct sched_dom *sdom;
    int64_t credit;
    s_time_t start;               /* credit is burnt up to here */
    s_time_t picked;              /* when it was last put on its CPU */
    s_time_t boost_used;
    enum credit_prio prio;
    bool parked, yielded;
};

struct sched_dom {
    struct list_head elem;        /* in active_doms; empty = no active vCPU */
    struct list_head vcpus;
    struct domain *d;
    unsigned int nr_active;
    uint16_t weight, cap;
    bool settled;                 /* scratch of the accounting */
};

struct credit_cpu {
    struct list_head runq;        /* by falling prio */
    struct list_head parked;
    struct vcpu *curr;
    enum credit_prio curr_prio;
    unsigned int nr_queued, nr_parked;
    unsigned int sorted;          /* acct_generation that runq is sorted for */
};

static DEFINE_PER_CPU(struct credit_cpu, credit_cpu);
static DEFINE_SPINLOCK(acct_lock, LOCK_LEAF);
static LIST_HEAD(active_doms);
static unsigned int acct_generation;
static struct timer acct_timer;
static s_time_t acct_last, acct_span = PERIOD; /* acct_lock */
static cpumask_t idlers;          /* CPUs that run their idle vCPU and have not been poked */

static unsigned int tslice_ms = DEFAULT_TSLICE_MS;
uint_param("sched_credit_tslice_ms", tslice_ms);
static unsigned int ratelimit_us = DEFAULT_RATELIMIT_US;
uint_param("sched_ratelimit_us", ratelimit_us);

/* --- queues --- */

static enum credit_prio prio_of_credit(const struct sched_vcpu *s)
{
    return __atomic_load_n(&s->credit, __ATOMIC_RELAXED) < 0 ? PRIO_OVER : PRIO_UNDER;
}

/* By priority; among those that are OVER, the one that owes least first. */
static bool goes_before(const struct sched_vcpu *a, const struct sched_vcpu *b)
{
    if (a->prio != b->prio)
        return a->prio > b->prio;
    return a->prio == PRIO_OVER && a->credit > b->credit;
}

static void runq_insert(struct credit_cpu *pc, struct sched_vcpu *s)
{
    struct sched_vcpu *pos;

    list_for_each (pos, &pc->runq, queue)
        if (!s->yielded && goes_before(s, pos))
            break;
    s->yielded = false;
    list_add_tail(&s->queue, &pos->queue);
    pc->nr_queued++;
}

static void dequeue(struct credit_cpu *pc, struct sched_vcpu *s)
{
    list_del(&s->queue);
    if (s->parked)
        pc->nr_parked--;
    else
        pc->nr_queued--;
    s->parked = false;
}

static bool must_park(const struct sched_vcpu *s)
{
    return s->sdom->cap && prio_of_credit(s) == PRIO_OVER;
}

static void enqueue(struct credit_cpu *pc, struct sched_vcpu *s)
{
    if (must_park(s)) {
        s->parked = true;
        list_add_tail(&s->queue, &pc->parked);
        pc->nr_parked++;
    } else {
        runq_insert(pc, s);
    }
}

/* Credit has been handed out: everyone's place may have changed. */
static void requeue_all(struct credit_cpu *pc)
{
    struct list_head old = LIST_HEAD_INIT(old);
    struct sched_vcpu *s, *tmp;

    pc->sorted = READ_ONCE(acct_generation);
    list_for_each_safe (s, tmp, &pc->runq, queue) {
        dequeue(pc, s);
        list_add_tail(&s->queue, &old);
    }
    list_for_each_safe (s, tmp, &pc->parked, queue) {
        dequeue(pc, s);
        list_add_tail(&s->queue, &old);
    }
    list_for_each_safe (s, tmp, &old, queue) {
        list_del(&s->queue);
        if (s->prio != PRIO_BOOST)
            s->prio = prio_of_credit(s);
        enqueue(pc, s);
    }
}

/* --- credit --- */

static void activate(struct sched_vcpu *s)
{
    struct sched_dom *sdom = s->sdom;
    unsigned long flags;
    bool first;

    spin_lock_irqsave(&acct_lock, flags);
    first = list_empty(&active_doms);
    if (list_empty(&s->active)) {
        list_add_tail(&s->active, &sdom->vcpus);
        if (sdom->nr_active++ == 0)
            list_add_tail(&sdom->elem, &active_doms);
    }
    if (first)
        acct_last = NOW();
    spin_unlock_irqrestore(&acct_lock, flags);
    if (first)
        set_timer(&acct_timer, NOW() + PERIOD);
}

/* acct_lock is held. */
static void deactivate(struct sched_vcpu *s)
{
    if (list_empty(&s->active))
        return;
    list_del(&s->active);
    if (--s->sdom->nr_active == 0)
        list_del(&s->sdom->elem);
}

static void burn(struct sched_vcpu *s, s_time_t now)
{
    s_time_t ran = now - s->start;
    int64_t left;

    if (ran <= 0)
        return;
    s->start = now;
    s->boost_used += ran;
    left = __atomic_sub_fetch(&s->credit, ran, __ATOMIC_RELAXED);
    if (left < PERIOD / 4 && list_empty(&s->active))
        activate(s);
    if (s->prio != PRIO_BOOST || s->boost_used >= BOOST_TIME)
        s->prio = prio_of_credit(s);
}

/* The most that the domain can use in one period. */
static int64_t dom_peak(const struct sched_dom *sdom)
{
    int64_t peak = (int64_t)sdom->nr_active * acct_span;
    int64_t cap = sdom->cap * acct_span / 100;

    return sdom->cap && cap < peak ? cap : peak;
}

/* Hands `share` to each active vCPU of the domain; those that don't use theirs stop to earn. */
static void pay_domain(struct sched_dom *sdom, int64_t share)
{
    struct sched_vcpu *s, *tmp;

    share /= (int64_t)sdom->nr_active;
    list_for_each_safe (s, tmp, &sdom->vcpus, active) {
        int64_t credit = __atomic_add_fetch(&s->credit, share, __ATOMIC_RELAXED);

        if (credit > acct_span) {
            __atomic_store_n(&s->credit, PERIOD / 2, __ATOMIC_RELAXED);
            deactivate(s);
        } else if (credit < -acct_span) {
            __atomic_store_n(&s->credit, -acct_span, __ATOMIC_RELAXED);
        }
    }
}

/* Domains that can't use their fair share get what they can; the remainder goes to the others. Two
   rounds of this come close enough to the exact division, in a bounded time. acct_lock is held. */
static void divide_credit(int64_t total, uint64_t weights)
{
    struct sched_dom *sdom, *tmp;

    for (unsigned int round = 0; round < 3; round++) {
        int64_t left = total;
        uint64_t weights_left = weights;

        list_for_each_safe (sdom, tmp, &active_doms, elem) {
            uint64_t w = (uint64_t)sdom->weight * sdom->nr_active;
            int64_t fair, peak = dom_peak(sdom);

            if (sdom->settled)
                continue;
            fair = (int64_t)((uint64_t)total * w / weights);
            if (fair < peak && round < 2)
                continue;
            sdom->settled = true;
            left -= MIN(fair, peak);
            weights_left -= w;
            pay_domain(sdom, MIN(fair, peak));
        }
        if (!weights_left)
            break;
        total = left;
        weights = weights_left;
    }
}

/* The time to account for. The timer may come late, where the CPU was held up: what was used since
   then is to be shared out too. acct_lock is held. */
static void take_span(s_time_t now)
{
    acct_span = now - acct_last;
    acct_span = MAX(acct_span, PERIOD);
    acct_span = MIN(acct_span, MAX_SPAN);
    acct_last = now;
}

static void account(void *unused)
{
    struct sched_dom *sdom;
    uint64_t weights = 0;
    unsigned long flags;
    unsigned int cpu;
    bool more;

    spin_lock_irqsave(&acct_lock, flags);
    take_span(NOW());
    list_for_each (sdom, &active_doms, elem) {
        sdom->settled = false;
        weights += (uint64_t)sdom->weight * sdom->nr_active;
    }
    if (weights)
        divide_credit((int64_t)cpumask_weight(&cpu_online_map) * acct_span, weights);
    WRITE_ONCE(acct_generation, acct_generation + 1);
    more = !list_empty(&active_doms);
    spin_unlock_irqrestore(&acct_lock, flags);

    for_each_online_cpu (cpu)
        if (READ_ONCE(per_cpu(credit_cpu, cpu).nr_parked))
            cpu_raise_softirq(cpu, SCHEDULE_SOFTIRQ);
    if (more)
        set_timer(&acct_timer, NOW() + PERIOD);
}

/* --- placing --- */

/* Affinity in two steps: what v prefers, then what it can bear. */
enum affinity_step { STEP_SOFT, STEP_HARD, NR_STEPS };
static void affinity_mask(const struct vcpu *v, enum affinity_step step, cpumask_t *mask)
{
    cpumask_and(mask, &v->hard_affinity, &cpu_online_map);
    if (step == STEP_SOFT)
        cpumask_and(mask, mask, &v->soft_affinity);
}

static void poke(unsigned int cpu)
{
    cpumask_clear(cpu, &idlers);
    cpu_raise_softirq(cpu, SCHEDULE_SOFTIRQ);
}

/* Pokes an idle CPU that v may run on, so that it takes v from its queue. */
static bool poke_idler_for(const struct vcpu *v)
{
    for (enum affinity_step step = STEP_SOFT; step < NR_STEPS; step++) {
        cpumask_t mask;
        unsigned int cpu;

        affinity_mask(v, step, &mask);
        cpumask_and(&mask, &mask, &idlers);
        cpu = cpumask_cycle(v->processor, &mask);
        if (cpu < NR_CPUS) {
            poke(cpu);
            return true;
        }
    }
    return false;
}

/* Who waits here may run elsewhere. */
static void poke_idlers_for_queue(const struct credit_cpu *pc)
{
    const struct sched_vcpu *s;

    list_for_each (s, &pc->runq, queue) {
        if (cpumask_empty(&idlers))
            break;
        poke_idler_for(s->v);
    }
}

static void tickle(const struct sched_vcpu *s)
{
    const struct vcpu *v = s->v;
    const struct credit_cpu *pc = &per_cpu(credit_cpu, v->processor);

    if (pc->curr_prio == PRIO_IDLE)
        poke(v->processor);
    else if (!poke_idler_for(v) && s->prio > pc->curr_prio)
        cpu_raise_softirq(v->processor, SCHEDULE_SOFTIRQ);
}

static unsigned int credit_pick_cpu(const struct vcpu *v)
{
    unsigned int cpu, best = NR_CPUS, best_load = ~0u;
    cpumask_t mask, idle;

    for (enum affinity_step step = STEP_SOFT; step < NR_STEPS; step++) {
        affinity_mask(v, step, &mask);
        cpumask_and(&idle, &mask, &idlers);
        if (cpumask_test(v->processor, &idle))
            return v->processor;
        cpu = cpumask_cycle(v->processor, &idle);
        if (cpu < NR_CPUS)
            return cpu;
    }
    for_each_cpu (cpu, &mask) {
        const struct credit_cpu *pc = &per_cpu(credit_cpu, cpu);
        unsigned int load = READ_ONCE(pc->nr_queued) + (READ_ONCE(pc->curr_prio) != PRIO_IDLE);

        if (load < best_load || (load == best_load && cpu == v->processor)) {
            best = cpu;
            best_load = load;
        }
    }
    return best < NR_CPUS ? best : v->processor;
}

/* From the queue of peer, whose lock is held: the first that goes before prio and may run here. */
static struct sched_vcpu *steal_from(unsigned int peer, unsigned int cpu, enum credit_prio prio,
                                     enum affinity_step step, bool *retry)
{
    struct credit_cpu *pc = &per_cpu(credit_cpu, peer);
    struct sched_vcpu *s;

    list_for_each (s, &pc->runq, queue) {
        cpumask_t mask;

        if (s->prio <= prio)
            break;
        affinity_mask(s->v, step, &mask);
        if (!cpumask_test(cpu, &mask))
            continue;
        if (s->v->is_running) { /* its CPU is still saving its state */
            *retry = true;
            continue;
        }
        dequeue(pc, s);
        WRITE_ONCE(s->v->processor, cpu);
        return s;
    }
    return NULL;
}

/* Looks for work that goes before prio at the other CPUs. Their locks are only tried: two CPUs may
   look at each other. *retry tells that something may have been missed. */
static struct sched_vcpu *steal(unsigned int cpu, enum credit_prio prio, bool *retry)
{
    for (enum affinity_step step = STEP_SOFT; step < NR_STEPS; step++) {
        for (unsigned int peer = cpumask_cycle(cpu, &cpu_online_map); peer != cpu;
             peer = cpumask_cycle(peer, &cpu_online_map)) {
            struct sched_vcpu *s;

            if (peer >= NR_CPUS)
                return NULL;
            if (!READ_ONCE(per_cpu(credit_cpu, peer).nr_queued))
                continue;
            if (!spin_trylock(&per_cpu(sched_lock, peer))) {
                *retry = true;
                continue;
            }
            s = steal_from(peer, cpu, prio, step, retry);
            spin_unlock(&per_cpu(sched_lock, peer));
            if (s)
                return s;
        }
    }
    return NULL;
}

/* --- the policy's entries --- */

static void credit_sleep(struct vcpu *v)
{
    struct credit_cpu *pc = &per_cpu(credit_cpu, v->processor);

    if (pc->curr == v)
        cpu_raise_softirq(v->processor, SCHEDULE_SOFTIRQ);
    else if (!list_empty(&v->sched->queue))
        dequeue(pc, v->sched);
}

static void credit_wake(struct vcpu *v)
{
    struct credit_cpu *pc = &per_cpu(credit_cpu, v->processor);
    struct sched_vcpu *s = v->sched;

    if (pc->curr == v || !list_empty(&s->queue))
        return;
    s->prio = prio_of_credit(s);
    if (s->prio == PRIO_UNDER) {
        s->prio = PRIO_BOOST;
        s->boost_used = 0;
    }
    enqueue(pc, s);
    if (!s->parked)
        tickle(s);
}

static void credit_yield(struct vcpu *v)
{
    v->sched->yielded = true;
}

/* How long next may run before the CPU thinks again. */
static s_time_t slice_of(const struct sched_vcpu *s, const struct credit_cpu *pc)
{
    s_time_t slice = MILLISECS(tslice_ms);
    int64_t credit = __atomic_load_n(&s->credit, __ATOMIC_RELAXED);

    if (s->prio == PRIO_BOOST || s->prio == PRIO_OVER)
        slice = MIN(slice, BOOST_TIME);
    if (credit < MIN_SLICE)
        credit = MIN_SLICE;
    if (s->sdom->cap || (s->prio == PRIO_UNDER && pc->nr_queued))
        slice = MIN(slice, credit);
    return slice;
}

/* Current goes on if it has run for less than the rate limit: waking vCPUs may not make a CPU do
   nothing but switch. */
static bool rate_limited(const struct vcpu *cur, s_time_t now)
{
    const struct sched_vcpu *s = cur->sched;

    return !cur->is_idle && !s->yielded && vcpu_runnable(cur) && !must_park(s) &&
           cpumask_test(cur->processor, &cur->hard_affinity) &&
           now - s->picked < USECS(ratelimit_us);
}

/* Takes the one to run next off a queue; NULL = nobody. */
static struct sched_vcpu *choose(struct credit_cpu *pc, unsigned int cpu, bool *retry)
{
    struct sched_vcpu *next = NULL, *stolen = NULL;

    if (!list_empty(&pc->runq))
        next = list_first(&pc->runq, struct sched_vcpu, queue);
    if (!next || next->prio <= PRIO_OVER)
        stolen = steal(cpu, next ? next->prio : PRIO_IDLE, retry);
    if (stolen)
        return stolen;
    if (next)
        dequeue(pc, next);
    return next;
}

static struct task_slice run_idle(struct credit_cpu *pc, unsigned int cpu, bool retry)
{
    pc->curr = per_cpu(idle_vcpu, cpu);
    pc->curr_prio = PRIO_IDLE;
    cpumask_set(cpu, &idlers);
    return (struct task_slice){ pc->curr, retry ? RETRY_TIME : -1 };
}

static struct task_slice run_vcpu(struct credit_cpu *pc, unsigned int cpu, struct sched_vcpu *s,
                                  s_time_t now)
{
    if (s->v != pc->curr)
        s->picked = now;
    s->start = now;
    pc->curr = s->v;
    pc->curr_prio = s->prio;
    cpumask_clear(cpu, &idlers);
    poke_idlers_for_queue(pc);
    return (struct task_slice){ s->v, slice_of(s, pc) };
}

static struct task_slice credit_do_schedule(s_time_t now)
{
    unsigned int cpu = smp_processor_id();
    struct credit_cpu *pc = &this_cpu(credit_cpu);
    struct vcpu *cur = current;
    struct sched_vcpu *next;
    bool retry = false;

    if (!cur->is_idle) {
        burn(cur->sched, now);
        if (rate_limited(cur, now)) {
            pc->curr_prio = cur->sched->prio;
            return (struct task_slice){ cur, USECS(ratelimit_us) - (now - cur->sched->picked) };
        }
    }
    if (pc->sorted != READ_ONCE(acct_generation))
        requeue_all(pc);
    if (!cur->is_idle && vcpu_runnable(cur))
        enqueue(pc, cur->sched);
    next = choose(pc, cpu, &retry);
    return next ? run_vcpu(pc, cpu, next, now) : run_idle(pc, cpu, retry);
}

static int credit_adjust(struct domain *d, struct xen_domctl_scheduler_op *op)
{
    struct sched_dom *sdom = d->sched;
    unsigned long flags;

    switch (op->cmd) {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        op->u.credit.weight = sdom->weight;
        op->u.credit.cap = sdom->cap;
        return 0;
    case XEN_DOMCTL_SCHEDOP_putinfo:
        spin_lock_irqsave(&acct_lock, flags);
        if (op->u.credit.weight)
            sdom->weight = op->u.credit.weight;
        if (op->u.credit.cap != CAP_KEEP)
            sdom->cap = op->u.credit.cap;
        spin_unlock_irqrestore(&acct_lock, flags);
        return 0;
    default:
        return -EINVAL;
    }
}

static bool params_valid(const struct xen_sysctl_credit_schedule *p)
{
    if (p->tslice_ms > XEN_SYSCTL_CSCHED_TSLICE_MAX || p->tslice_ms < XEN_SYSCTL_CSCHED_TSLICE_MIN)
        return false;
    if (p->ratelimit_us && (p->ratelimit_us > XEN_SYSCTL_SCHED_RATELIMIT_MAX ||
                            p->ratelimit_us < XEN_SYSCTL_SCHED_RATELIMIT_MIN))
        return false;
    return p->ratelimit_us <= p->tslice_ms * 1000 &&
           p->vcpu_migr_delay_us <= XEN_SYSCTL_CSCHED_MGR_DLY_MAX_US;
}

static int credit_adjust_global(struct xen_sysctl_scheduler_op *op)
{
    struct xen_sysctl_credit_schedule *p = &op->u.sched_credit;

    if (op->cmd == XEN_SYSCTL_SCHEDOP_putinfo) {
        if (!params_valid(p))
            return -EINVAL;
        tslice_ms = p->tslice_ms;
        ratelimit_us = p->ratelimit_us;
    } else if (op->cmd != XEN_SYSCTL_SCHEDOP_getinfo) {
        return -EINVAL;
    }
    p->tslice_ms = tslice_ms;
    p->ratelimit_us = ratelimit_us;
    p->vcpu_migr_delay_us = 0;
    return 0;
}

static int credit_init_domain(struct domain *d)
{
    struct sched_dom *sdom = xzalloc_struct(struct sched_dom);

    if (!sdom)
        return -ENOMEM;
    list_init(&sdom->elem);
    list_init(&sdom->vcpus);
    sdom->d = d;
    sdom->weight = DEFAULT_WEIGHT;
    d->sched = sdom;
    return 0;
}

static void credit_free_domain(struct domain *d)
{
    xfree(d->sched);
    d->sched = NULL;
}

static int credit_init_vcpu(struct vcpu *v)
{
    struct sched_vcpu *s = xzalloc_struct(struct sched_vcpu);

    if (!s)
        return -ENOMEM;
    list_init(&s->queue);
    list_init(&s->active);
    s->v = v;
    s->sdom = v->domain->sched;
    s->credit = PERIOD / 2;
    s->prio = PRIO_UNDER;
    v->sched = s;
    return 0;
}

static void credit_free_vcpu(struct vcpu *v)
{
    unsigned long flags;

    if (!v->sched)
        return;
    spin_lock_irqsave(&acct_lock, flags);
    deactivate(v->sched);
    spin_unlock_irqrestore(&acct_lock, flags);
    xfree(v->sched);
    v->sched = NULL;
}

static void credit_init(void)
{
    if (tslice_ms < XEN_SYSCTL_CSCHED_TSLICE_MIN || tslice_ms > XEN_SYSCTL_CSCHED_TSLICE_MAX)
        tslice_ms = DEFAULT_TSLICE_MS;
    if (ratelimit_us > XEN_SYSCTL_SCHED_RATELIMIT_MAX || ratelimit_us > tslice_ms * 1000)
        ratelimit_us = DEFAULT_RATELIMIT_US;
    init_timer(&acct_timer, account, NULL, 0);
}

static void credit_init_cpu(unsigned int cpu)
{
    struct credit_cpu *pc = &per_cpu(credit_cpu, cpu);

    list_init(&pc->runq);
    list_init(&pc->parked);
    pc->nr_queued = pc->nr_parked = 0;
    pc->sorted = READ_ONCE(acct_generation);
    pc->curr = per_cpu(idle_vcpu, cpu);
    pc->curr_prio = PRIO_IDLE;
    cpumask_set(cpu, &idlers);
}

static void dump_queue(const char *name, const struct list_head *queue)
{
    const struct sched_vcpu *s;

    list_for_each (s, queue, queue)
        printk("  %s d%uv%u prio %d credit %lld us weight %u cap %u\n", name,
               s->v->domain->domain_id, s->v->vcpu_id, (int)s->prio, (long long)s->credit / 1000,
               s->sdom->weight, s->sdom->cap);
}

static void credit_dump_cpu(unsigned int cpu)
{
    const struct credit_cpu *pc = &per_cpu(credit_cpu, cpu);

    printk("CPU%u runs d%uv%u prio %d, %u queued, %u parked\n", cpu, pc->curr->domain->domain_id,
           pc->curr->vcpu_id, (int)pc->curr_prio, pc->nr_queued, pc->nr_parked);
    dump_queue("ready ", &pc->runq);
    dump_queue("parked", &pc->parked);
}

const struct scheduler sched_credit = {
    .name = "SMP Credit Scheduler",
    .opt_name = "credit",
    .id = XEN_SCHEDULER_CREDIT,
    .init = credit_init,
    .init_cpu = credit_init_cpu,
    .init_domain = credit_init_domain,
    .free_domain = credit_free_domain,
    .init_vcpu = credit_init_vcpu,
    .free_vcpu = credit_free_vcpu,
    .sleep = credit_sleep,
    .wake = credit_wake,
    .yield = credit_yield,
    .do_schedule = credit_do_schedule,
    .pick_cpu = credit_pick_cpu,
    .adjust = credit_adjust,
    .adjust_global = credit_adjust_global,
    .dump_cpu = credit_dump_cpu,
};
