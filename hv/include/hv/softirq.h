/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Soft interrupts: work that a CPU does on its way back to the guest, in the idle loop and in
 * process_pending_softirqs(), with interrupts on and no locks held. One pending mask per CPU is the
 * single test on the exit path.
 */
#ifndef HV_SOFTIRQ_H
#define HV_SOFTIRQ_H

#include <hv/percpu.h>

enum softirq {
    TIMER_SOFTIRQ,
    RCU_SOFTIRQ,
    SCHEDULE_SOFTIRQ,      /* runs last; may switch away and not come back */
    TIME_CALIBRATE_SOFTIRQ,
    TASKLET_SOFTIRQ,
    IRQ_MOVE_SOFTIRQ,      /* interrupts that have moved away from this CPU */
    MCE_SOFTIRQ,           /* the rest of a machine check */
    NR_SOFTIRQS
};

/* The mask of this CPU, and of any. Beside the stack, where the exit path has it at hand. */
#ifdef HV_UNIT_TEST
DECLARE_PER_CPU(unsigned long, softirq_pending);
#define own_softirqs this_cpu(softirq_pending)
#define softirqs_of(cpu) per_cpu(softirq_pending, cpu)
#else
#define own_softirqs (get_cpu_info()->softirq_pending)
#define softirqs_of(cpu) (cpu_info_at(cpu)->softirq_pending)
#endif

void open_softirq(enum softirq nr, void (*fn)(void));
void raise_softirq(enum softirq nr);                         /* on this CPU */
void cpu_raise_softirq(unsigned int cpu, enum softirq nr);   /* elsewhere, with an IPI if it is not
                                                                noticed otherwise */
void cpumask_raise_softirq(const cpumask_t *mask, enum softirq nr);
void do_softirq(void);                                       /* all pending; may not return
                                                                (schedule) */
void process_pending_softirqs(void);                 /* all but schedule; for long boot-time work */
static inline bool softirq_pending(void) { return READ_ONCE(own_softirqs) != 0; }

/* Tasklets: one function, run once per scheduling, never on two CPUs at a time
   (hv/sched/tasklet.c). */
#include <hv/list.h>
struct tasklet {
    struct list_head list;
    void (*fn)(void *);
    void *data;
    int cpu;               /* scheduled on; -1 = not */
    bool running, dead;
};
#define TASKLET_INIT(name, f, d) { LIST_HEAD_INIT((name).list), f, d, -1, false, false }
void tasklet_init(struct tasklet *t, void (*fn)(void *), void *data);
void tasklet_schedule(struct tasklet *t);
void tasklet_schedule_on_cpu(struct tasklet *t, unsigned int cpu);
void tasklet_kill(struct tasklet *t);          /* waits until it is not running and never will be */
void tasklet_subsys_init(void);

/* Deferred freeing: fn runs after every CPU has gone through the idle loop or an exit to a guest
   (hv/sched/rcu.c). Readers need no mark: code between two softirq points is a read section. */
struct rcu_head { struct rcu_head *next; void (*fn)(struct rcu_head *); };
void call_rcu(struct rcu_head *head, void (*fn)(struct rcu_head *));
void rcu_init(void);
void rcu_quiescent(void);                                    /* this CPU holds no references now */

#endif
