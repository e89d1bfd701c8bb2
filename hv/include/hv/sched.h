/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Scheduling of vCPUs on physical CPUs (hv/sched/): schedule.c is the frame (run states, block,
 * wake, pause, poll, switch), credit*.c the policy (proportional share by weight, limited by cap;
 * work stealing; affinity).
 */
#ifndef HV_SCHED_H
#define HV_SCHED_H

#include <hv/domain.h>
#include <xen/sched.h>
#include <xen/sysctl.h>

void sched_init(void);                        /* boot CPU; before the first domain */
/* A CPU comes online; its per-CPU data exist. Creates its idle vCPU if that was not done:
   per_cpu(idle_vcpu, cpu), which its cpu_info.current_vcpu must be before it goes to idle_loop().
   Before its bit in cpu_online_map is set. */
void sched_init_cpu(unsigned int cpu);
int sched_init_domain(struct domain *d);
void sched_free_domain(struct domain *d);
/* Before sched_init_cpu(): the CPUs, cpu among them, that share memory and caches with it; work
   moves between them more readily. All CPUs until told otherwise. The set stays the caller's. */
void sched_set_near(unsigned int cpu, const cpumask_t *near);
int sched_init_vcpu(struct vcpu *v);          /* picks the first CPU; affinity as set or all */
void sched_free_vcpu(struct vcpu *v);

/* 0 = may run. */
static inline bool vcpu_runnable(const struct vcpu *v)
{
    return !(READ_ONCE(v->pause_flags) | (unsigned long)atomic_read(&v->pause_count) |
             (unsigned long)atomic_read(&v->domain->pause_count));
}
void vcpu_wake(struct vcpu *v);               /* runnable again after a cause of not
                                                 running was removed; any context */
void vcpu_sleep_nosync(struct vcpu *v);       /* a cause was added: take it off its CPU soon */
void vcpu_sleep_sync(struct vcpu *v);         /* and wait for it */
void vcpu_unblock(struct vcpu *v);            /* an event came: ends block and poll; any context */
/* Makes the running vCPU look at its events: wakes it, or interrupts
   its CPU if it runs elsewhere. */
void vcpu_kick(struct vcpu *v);
void vcpu_block(void);               /* current, until an event that is already unmasked or comes */
void vcpu_yield(void);
long vcpu_poll(const struct sched_poll *poll); /* current; arguments copied in,
                                                  ports pointer is the guest's */

int vcpu_set_hard_affinity(struct vcpu *v, const cpumask_t *mask);
int vcpu_set_soft_affinity(struct vcpu *v, const cpumask_t *mask);
/* The CPUs that d's vCPUs prefer unless their own soft affinity is elsewhere; empty: all alike. */
void sched_set_node_cpus(struct domain *d, const cpumask_t *cpus);
/* up to date at this moment */
void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out);
uint64_t get_cpu_idle_time(unsigned int cpu);
DECLARE_PER_CPU(uint64_t, idle_halts);        /* how often it has halted for want of work */
/* XEN_DOMCTL_SCHEDOP_getinfo/putinfo (and vcpu forms) for weight and cap. */
int sched_adjust(struct domain *d, struct xen_domctl_scheduler_op *op);

/* The softirq's work: picks the next vCPU, switches. */
void schedule(void);
/* Low level (hv/domain/context.c): saves prev, loads next, continues in next's back end's resume();
   does not return. Interrupts off. */
void context_switch(struct vcpu *prev, struct vcpu *next) noreturn;
/* After prev's state is saved; interrupts off. From here on prev may run elsewhere. */
void context_saved(struct vcpu *prev);
/* Writes v's (current's) run state to the area that it registered, if any. Interrupts on. */
void vcpu_update_runstate_area(struct vcpu *v);
/* SCHEDOP_pin_override: v runs on cpu only (cpu < 0: as before). 0, -EINVAL, -EBUSY. */
int vcpu_pin_override(struct vcpu *v, int cpu);
/* VCPUOP_set_periodic_timer; period 0 stops. */
void vcpu_set_periodic_timer(struct vcpu *v, s_time_t period);
/* Timers of a new vCPU; and before it is freed. */
void vcpu_init_timers(struct vcpu *v);
void vcpu_kill_timers(struct vcpu *v);
/* XEN_SYSCTL_SCHEDOP_*. */
int sched_adjust_global(struct xen_sysctl_scheduler_op *op);
void idle_loop(void) noreturn;
void sched_dump(void);                        /* debug key 'r' */

/* --- the policy's table --- */
struct task_slice { struct vcpu *next; s_time_t time; }; /* time < 0: no limit */
struct scheduler {
    const char *name, *opt_name;
    unsigned int id;                          /* XEN_SCHEDULER_* */
    void (*init)(void);
    void (*init_cpu)(unsigned int cpu);
    int (*init_domain)(struct domain *d);
    void (*free_domain)(struct domain *d);
    int (*init_vcpu)(struct vcpu *v);
    void (*free_vcpu)(struct vcpu *v);
    /* The following with the lock of v->processor held, interrupts off. */
    void (*sleep)(struct vcpu *v);            /* off the run queue, or off the CPU soon */
    void (*wake)(struct vcpu *v);             /* on the run queue; pokes a CPU that should run it */
    /* This CPU's queue; current is put back if it may run. The result's `next` is on no queue. */
    struct task_slice (*do_schedule)(s_time_t now);
    /* The lock is held or v is new. Sets v->processor to a CPU that v may run on. */
    void (*place)(struct vcpu *v);
    /* Without locks. */
    bool (*yield)(struct vcpu *v);            /* current; false: there is nobody to yield to */
    int (*adjust)(struct domain *d, struct xen_domctl_scheduler_op *op);
    int (*adjust_global)(struct xen_sysctl_scheduler_op *op);
    void (*dump_cpu)(unsigned int cpu);
};
extern const struct scheduler sched_credit;
extern const struct scheduler *scheduler;
/* Run-queue locks. */
DECLARE_PER_CPU(spinlock_t, sched_lock);
/* Locks v->processor's run queue, following migrations; interrupts are saved in the result. */
unsigned long vcpu_schedule_lock(struct vcpu *v, spinlock_t **lock);

#endif
