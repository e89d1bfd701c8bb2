/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasklets: deferred functions, queued per CPU and run by TASKLET_SOFTIRQ. A tasklet that is
 * scheduled while it runs is queued again when it has ended. One lock for all queues: they are
 * rarely used.
 */
#include <hv/softirq.h>
#include <hv/spinlock.h>

static DEFINE_SPINLOCK(tasklet_lock, LOCK_TASKLET);
static struct list_head tasklet_queue[NR_CPUS];

void tasklet_init(struct tasklet *t, void (*fn)(void *), void *data)
{
    *t = (struct tasklet){ .fn = fn, .data = data, .cpu = -1 };
    list_init(&t->list);
}

/* tasklet_lock is held. */
static void tasklet_enqueue(struct tasklet *t)
{
    unsigned int cpu = (unsigned int)t->cpu;
    bool first = list_empty(&tasklet_queue[cpu]);

    list_add_tail(&t->list, &tasklet_queue[cpu]);
    if (first)
        cpu_raise_softirq(cpu, TASKLET_SOFTIRQ);
}

void tasklet_schedule_on_cpu(struct tasklet *t, unsigned int cpu)
{
    unsigned long flags;

    spin_lock_irqsave(&tasklet_lock, flags);
    if (!t->dead) {
        bool queued = !list_empty(&t->list);

        if (queued)
            list_del(&t->list);
        t->cpu = (int)cpu;
        if (!t->running)
            tasklet_enqueue(t);
    }
    spin_unlock_irqrestore(&tasklet_lock, flags);
}

void tasklet_schedule(struct tasklet *t)
{
    tasklet_schedule_on_cpu(t, smp_processor_id());
}

/* Runs the first tasklet of cpu. tasklet_lock is held, and dropped around the function. */
static void tasklet_run_first(unsigned int cpu)
{
    struct tasklet *t = list_first(&tasklet_queue[cpu], struct tasklet, list);

    list_del(&t->list);
    t->cpu = -1;
    t->running = true;
    spin_unlock_irq(&tasklet_lock);
    t->fn(t->data);
    spin_lock_irq(&tasklet_lock);
    t->running = false;
    if (t->cpu >= 0 && !t->dead)
        tasklet_enqueue(t);
}

static void tasklet_softirq(void)
{
    unsigned int cpu = smp_processor_id();

    spin_lock_irq(&tasklet_lock);
    if (!list_empty(&tasklet_queue[cpu]))
        tasklet_run_first(cpu);
    /* One per pass, so that a tasklet that schedules itself does not keep the scheduler out. */
    if (!list_empty(&tasklet_queue[cpu]))
        raise_softirq(TASKLET_SOFTIRQ);
    spin_unlock_irq(&tasklet_lock);
}

void tasklet_kill(struct tasklet *t)
{
    unsigned long flags;

    spin_lock_irqsave(&tasklet_lock, flags);
    t->dead = true;
    if (!list_empty(&t->list))
        list_del(&t->list);
    t->cpu = -1;
    while (t->running) {
        spin_unlock_irqrestore(&tasklet_lock, flags);
        cpu_relax();
        spin_lock_irqsave(&tasklet_lock, flags);
    }
    spin_unlock_irqrestore(&tasklet_lock, flags);
}

void tasklet_subsys_init(void)
{
    for (unsigned int cpu = 0; cpu < NR_CPUS; cpu++)
        list_init(&tasklet_queue[cpu]);
    open_softirq(TASKLET_SOFTIRQ, tasklet_softirq);
}
