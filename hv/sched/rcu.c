/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Deferred freeing. Callbacks gather in `next`; when no grace period is under way they become
 * `waiting`, every online CPU is asked (RCU_SOFTIRQ) to pass a point where it holds no references,
 * and when the last one has, the callbacks run there.
 */
#include <hv/softirq.h>
#include <hv/spinlock.h>

static DEFINE_SPINLOCK(rcu_lock, LOCK_RCU);
static struct rcu_head *rcu_next, *rcu_waiting; /* rcu_lock */
static cpumask_t rcu_holdouts;                  /* rcu_lock; CPUs that are still waited for */

/* rcu_lock is held; no grace period is under way. */
static void rcu_start(void)
{
    rcu_waiting = rcu_next;
    rcu_next = NULL;
    if (!rcu_waiting)
        return;
    rcu_holdouts = cpu_online_map;
    cpumask_raise_softirq(&rcu_holdouts, RCU_SOFTIRQ);
}

void call_rcu(struct rcu_head *head, void (*fn)(struct rcu_head *))
{
    unsigned long flags;

    head->fn = fn;
    spin_lock_irqsave(&rcu_lock, flags);
    head->next = rcu_next;
    rcu_next = head;
    if (!rcu_waiting)
        rcu_start();
    spin_unlock_irqrestore(&rcu_lock, flags);
}

void rcu_quiescent(void)
{
    unsigned int cpu = smp_processor_id();
    struct rcu_head *done = NULL;
    unsigned long flags;

    if (likely(!cpumask_test(cpu, &rcu_holdouts)))
        return;
    spin_lock_irqsave(&rcu_lock, flags);
    if (cpumask_test_and_clear(cpu, &rcu_holdouts) && cpumask_empty(&rcu_holdouts)) {
        done = rcu_waiting;
        rcu_start();
    }
    spin_unlock_irqrestore(&rcu_lock, flags);

    while (done) {
        struct rcu_head *head = done;

        done = head->next;
        head->fn(head);
    }
}

void rcu_init(void)
{
    open_softirq(RCU_SOFTIRQ, rcu_quiescent);
}
