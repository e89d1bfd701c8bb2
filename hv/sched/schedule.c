/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The scheduler's frame: who may run, who sleeps and wakes, time per run state, and the switch
 * itself. The policy is behind `scheduler`. Waiting in SCHEDOP_poll is in poll.c.
 */
#include <hv/sched.h>
#include <hv/errno.h>
#include <hv/event.h>
#include <hv/lib.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/smp.h>
#include <hv/time.h>
#include <hv/trace.h>
#include <hv/uaccess.h>

const struct scheduler *scheduler = &sched_credit;
DEFINE_PER_CPU(spinlock_t, sched_lock) = SPINLOCK_INIT(LOCK_SCHED);
static DEFINE_PER_CPU(struct timer, slice_timer);

static int sched_param(const char *value)
{
    return strcmp(value, sched_credit.opt_name) ? -EINVAL : 0;
}
custom_param("sched", sched_param);

unsigned long vcpu_schedule_lock(struct vcpu *v, spinlock_t **lock)
{
    unsigned long flags = local_irq_save();

    for (;;) {
        spinlock_t *l = &per_cpu(sched_lock, READ_ONCE(v->processor));

        spin_lock(l);
        if (likely(l == &per_cpu(sched_lock, READ_ONCE(v->processor)))) {
            *lock = l;
            return flags;
        }
        spin_unlock(l);
    }
}

/* --- run states --- */

static void runstate_change(struct vcpu *v, int state, s_time_t now)
{
    int64_t delta = now - (int64_t)v->runstate.state_entry_time;

    if (delta > 0) {
        v->runstate.time[v->runstate.state] += (uint64_t)delta;
        v->runstate.state_entry_time = (uint64_t)now;
    }
    v->runstate.state = state;
}

void vcpu_runstate_get(struct vcpu *v, struct vcpu_runstate_info *out)
{
    spinlock_t *lock;
    unsigned long flags = vcpu_schedule_lock(v, &lock);
    int64_t delta;

    *out = v->runstate;
    delta = NOW() - (int64_t)out->state_entry_time;
    if (delta > 0)
        out->time[out->state] += (uint64_t)delta;
    spin_unlock_irqrestore(lock, flags);
}

uint64_t get_cpu_idle_time(unsigned int cpu)
{
    struct vcpu *v = cpumask_test(cpu, &cpu_online_map) ? per_cpu(idle_vcpu, cpu) : NULL;
    struct vcpu_runstate_info info;

    if (!v)
        return 0;
    vcpu_runstate_get(v, &info);
    return info.time[RUNSTATE_running];
}

/* With VMASST_TYPE_runstate_update_flag the guest is told in the entry time's top bit that a change
   is under way; that bit lies in the last byte. */
void vcpu_update_runstate_area(struct vcpu *v)
{
    struct vcpu_runstate_info info = v->runstate;
    uint8_t *last = (uint8_t *)(&info.state_entry_time + 1) - 1;
    uint8_t *guest_last = (uint8_t *)v->runstate_guest + (last - (uint8_t *)&info);
    bool flag = v->domain->vm_assist & BIT(VMASST_TYPE_runstate_update_flag);

    if (!v->runstate_guest)
        return;
    if (flag) {
        info.state_entry_time |= XEN_RUNSTATE_UPDATE;
        if (copy_to_guest(guest_last, last, 1))
            return;
        smp_wmb(); /* the mark before the content */
    }
    if (copy_to_guest(v->runstate_guest, &info, sizeof(info)) || !flag)
        return;
    smp_wmb(); /* the content before the mark goes */
    info.state_entry_time &= ~XEN_RUNSTATE_UPDATE;
    (void)!copy_to_guest(guest_last, last, 1);
}

/* --- sleep and wake --- */

void vcpu_sleep_nosync(struct vcpu *v)
{
    spinlock_t *lock;
    unsigned long flags = vcpu_schedule_lock(v, &lock);

    if (likely(!vcpu_runnable(v))) {
        if (v->runstate.state == RUNSTATE_runnable)
            runstate_change(v, RUNSTATE_offline, NOW());
        scheduler->sleep(v);
    }
    spin_unlock_irqrestore(lock, flags);
}

void vcpu_sleep_sync(struct vcpu *v)
{
    vcpu_sleep_nosync(v);
    while (!vcpu_runnable(v) && READ_ONCE(v->is_running))
        cpu_relax();
    barrier(); /* v's saved state is read after is_running */
}

void vcpu_wake(struct vcpu *v)
{
    spinlock_t *lock;
    unsigned long flags = vcpu_schedule_lock(v, &lock);

    if (likely(vcpu_runnable(v))) {
        if (v->runstate.state >= RUNSTATE_blocked)
            runstate_change(v, RUNSTATE_runnable, NOW());
        scheduler->wake(v);
    } else if (!(READ_ONCE(v->pause_flags) & (BIT(VPF_blocked) | BIT(VPF_in_poll)))) {
        if (v->runstate.state == RUNSTATE_blocked)
            runstate_change(v, RUNSTATE_offline, NOW());
    }
    spin_unlock_irqrestore(lock, flags);
}

/* The poll_mask bit goes before VPF_in_poll: if v has been woken by another and polls again
   already, this one takes the new poll's bit, but then finds the new VPF_in_poll too and wakes
   it. */
void vcpu_unblock(struct vcpu *v)
{
    bool woken = false;

    if (!(READ_ONCE(v->pause_flags) & (BIT(VPF_blocked) | BIT(VPF_in_poll))))
        return;
    if (test_bit(VPF_in_poll, &v->pause_flags)) {
        clear_bit(v->vcpu_id, v->domain->poll_mask);
        woken = test_and_clear_bit(VPF_in_poll, &v->pause_flags);
    }
    woken |= test_and_clear_bit(VPF_blocked, &v->pause_flags);
    if (woken)
        vcpu_wake(v);
}

void vcpu_kick(struct vcpu *v)
{
    /* Before the wake: a vCPU that only starts to run because of it looks at its events by
       itself. */
    bool running = READ_ONCE(v->is_running);
    unsigned int cpu = READ_ONCE(v->processor);

    vcpu_unblock(v);
    if (running && cpu != smp_processor_id())
        smp_send_event_check_cpu(cpu);
}

void vcpu_block(void)
{
    struct vcpu *v = current;

    set_bit(VPF_blocked, &v->pause_flags);
    /* The flag is set before events are looked at (locked operation): whoever raises one later sees
       the flag. */
    if (local_events_need_delivery(v))
        clear_bit(VPF_blocked, &v->pause_flags);
    else
        raise_softirq(SCHEDULE_SOFTIRQ);
}

void vcpu_yield(void)
{
    if (scheduler->yield(current))
        raise_softirq(SCHEDULE_SOFTIRQ);
}

/* --- moving --- */

/* Second half of a forced move, when v is off its CPU: here, or in context_saved(). */
static void migrate_finish(struct vcpu *v)
{
    spinlock_t *lock;
    unsigned long flags = vcpu_schedule_lock(v, &lock);

    if (v->is_running || !test_and_clear_bit(VPF_migrating, &v->pause_flags)) {
        spin_unlock_irqrestore(lock, flags);
        return;
    }
    scheduler->place(v); /* last: from this on another lock may protect v */
    spin_unlock_irqrestore(lock, flags);
    vcpu_wake(v);
}

void context_saved(struct vcpu *prev)
{
    __atomic_store_n(&prev->is_running, false, __ATOMIC_RELEASE);
    smp_mb(); /* is_running clears before the flag is looked at: one side finishes the move */
    if (unlikely(test_bit(VPF_migrating, &prev->pause_flags)))
        migrate_finish(prev);
}

/* The lock of v's CPU is held, or v is new. */
static void update_preferred(struct vcpu *v)
{
    cpumask_t here;

    cpumask_and(&v->preferred, &v->soft_affinity, &v->domain->node_cpus);
    cpumask_and(&here, &v->preferred, &v->hard_affinity);
    if (cpumask_empty(&here))
        v->preferred = v->soft_affinity;
}

int vcpu_set_hard_affinity(struct vcpu *v, const cpumask_t *mask)
{
    spinlock_t *lock;
    unsigned long flags;
    bool move;

    if (!cpumask_intersects(mask, &cpu_online_map))
        return -EINVAL;
    flags = vcpu_schedule_lock(v, &lock);
    v->hard_affinity = *mask;
    update_preferred(v);
    move = !cpumask_test(v->processor, mask);
    /* If it may stay, it may also have been waiting for a CPU that it can use only now. */
    if (move)
        set_bit(VPF_migrating, &v->pause_flags);
    else
        cpu_raise_softirq(v->processor, SCHEDULE_SOFTIRQ);
    spin_unlock_irqrestore(lock, flags);
    if (move) {
        vcpu_sleep_nosync(v);
        migrate_finish(v);
    }
    return 0;
}

int vcpu_set_soft_affinity(struct vcpu *v, const cpumask_t *mask)
{
    spinlock_t *lock;
    unsigned long flags = vcpu_schedule_lock(v, &lock);

    v->soft_affinity = *mask;
    update_preferred(v);
    cpu_raise_softirq(v->processor, SCHEDULE_SOFTIRQ); /* it may go to a CPU that it prefers */
    spin_unlock_irqrestore(lock, flags);
    return 0;
}

void sched_set_node_cpus(struct domain *d, const cpumask_t *cpus)
{
    struct vcpu *v;

    d->node_cpus = *cpus;
    for_each_vcpu (d, v) {
        spinlock_t *lock;
        unsigned long flags = vcpu_schedule_lock(v, &lock);

        update_preferred(v);
        cpu_raise_softirq(v->processor, SCHEDULE_SOFTIRQ);
        spin_unlock_irqrestore(lock, flags);
    }
}

int vcpu_pin_override(struct vcpu *v, int cpu)
{
    cpumask_t mask;
    int rc;

    if (cpu < 0) {
        if (!v->affinity_broken)
            return -EINVAL;
        rc = vcpu_set_hard_affinity(v, &v->saved_affinity);
        if (!rc)
            v->affinity_broken = false;
        return rc;
    }
    if ((unsigned int)cpu >= nr_cpu_ids)
        return -EINVAL;
    if (v->affinity_broken)
        return -EBUSY;
    v->saved_affinity = v->hard_affinity;
    cpumask_only((unsigned int)cpu, &mask);
    rc = vcpu_set_hard_affinity(v, &mask);
    v->affinity_broken = rc == 0;
    return rc;
}

/* --- timers of a vCPU --- */

static void timer_virq(void *data)
{
    send_guest_vcpu_virq(data, VIRQ_TIMER);
}

/* Only a running vCPU ticks; what it missed while it did not run is one tick. */
static void periodic_tick(void *data)
{
    struct vcpu *v = data;
    s_time_t now = NOW(), next = v->periodic_last_event + v->periodic_period;

    if (!v->periodic_period)
        return;
    if (now >= next) {
        send_guest_vcpu_virq(v, VIRQ_TIMER);
        v->periodic_last_event = now;
        next = now + v->periodic_period;
    }
    migrate_timer(&v->periodic_timer, v->processor);
    set_timer(&v->periodic_timer, next);
}

void vcpu_set_periodic_timer(struct vcpu *v, s_time_t period)
{
    v->periodic_period = period;
    v->periodic_last_event = NOW();
    stop_timer(&v->periodic_timer);
    if (period && v->is_running)
        periodic_tick(v);
}

static void poll_timeout(void *data)
{
    struct vcpu *v = data;

    if (test_and_clear_bit(v->vcpu_id, v->domain->poll_mask))
        vcpu_unblock(v);
}

void vcpu_init_timers(struct vcpu *v)
{
    init_timer(&v->periodic_timer, periodic_tick, v, v->processor);
    init_timer(&v->singleshot_timer, timer_virq, v, v->processor);
    init_timer(&v->poll_timer, poll_timeout, v, v->processor);
}

void vcpu_kill_timers(struct vcpu *v)
{
    kill_timer(&v->periodic_timer);
    kill_timer(&v->singleshot_timer);
    kill_timer(&v->poll_timer);
}

/* --- the switch --- */

static void slice_ended(void *unused)
{
    raise_softirq(SCHEDULE_SOFTIRQ);
}

/* next comes from another CPU: its timers and device interrupts follow. */
static void follow_vcpu(struct vcpu *next, unsigned int cpu)
{
    migrate_timer(&next->singleshot_timer, cpu);
    migrate_timer(&next->poll_timer, cpu);
    evtchn_move_pirqs(next);
}

/* One that only moves to another CPU wants to run all the time. */
static int runstate_of_stopped(const struct vcpu *v)
{
    unsigned long why = READ_ONCE(v->pause_flags);

    if (why & (BIT(VPF_blocked) | BIT(VPF_in_poll)))
        return RUNSTATE_blocked;
    return vcpu_runnable(v) || why == BIT(VPF_migrating) ? RUNSTATE_runnable : RUNSTATE_offline;
}

void schedule(void)
{
    unsigned int cpu = smp_processor_id();
    spinlock_t *lock = &this_cpu(sched_lock);
    struct vcpu *prev = current;
    struct task_slice slice;
    s_time_t now;

    spin_lock_irq(lock);
    now = NOW();
    slice = scheduler->do_schedule(now);
    if (slice.time >= 0)
        set_timer(&this_cpu(slice_timer), now + slice.time);
    else
        stop_timer(&this_cpu(slice_timer));
    if (slice.next == prev) {
        spin_unlock_irq(lock);
        return;
    }
    runstate_change(prev, runstate_of_stopped(prev), now);
    runstate_change(slice.next, RUNSTATE_running, now);
    ASSERT(!slice.next->is_running);
    slice.next->is_running = true;
    spin_unlock_irq(lock);

    slice.next->counts.switches++;
    exit_record(EXIT_VCPU(prev->domain->domain_id, prev->vcpu_id),
                (uint64_t)EXIT_SWITCH << 32 |
                    EXIT_VCPU(slice.next->domain->domain_id, slice.next->vcpu_id));
    trace(TRACE_SCHED, prev->domain->domain_id, prev->vcpu_id, slice.next->domain->domain_id,
          slice.next->vcpu_id);
    if (prev->periodic_period)
        stop_timer(&prev->periodic_timer);
    if (!slice.next->is_idle && slice.next->singleshot_timer.cpu != cpu)
        follow_vcpu(slice.next, cpu);
    if (slice.next->periodic_period)
        periodic_tick(slice.next);
    context_switch(prev, slice.next);
}

/* --- set-up and control --- */

int sched_init_domain(struct domain *d)
{
    return scheduler->init_domain(d);
}

void sched_free_domain(struct domain *d)
{
    if (d->sched)
        scheduler->free_domain(d);
}

int sched_init_vcpu(struct vcpu *v)
{
    v->runstate.state_entry_time = (uint64_t)NOW();
    if (v->is_idle) {
        v->processor = v->vcpu_id;
        cpumask_only(v->processor, &v->hard_affinity);
        v->preferred = v->soft_affinity = v->hard_affinity;
        v->runstate.state = RUNSTATE_running;
        v->is_running = true;
        return 0;
    }
    cpumask_fill(&v->hard_affinity);
    cpumask_fill(&v->soft_affinity);
    update_preferred(v);
    v->runstate.state = RUNSTATE_offline;
    v->processor = (v->domain->domain_id + v->vcpu_id) % nr_cpu_ids;
    if (!cpumask_test(v->processor, &cpu_online_map))
        v->processor = cpumask_first(&cpu_online_map);
    return scheduler->init_vcpu(v);
}

void sched_free_vcpu(struct vcpu *v)
{
    if (!v->is_idle)
        scheduler->free_vcpu(v);
}

int sched_adjust(struct domain *d, struct xen_domctl_scheduler_op *op)
{
    return op->sched_id == scheduler->id ? scheduler->adjust(d, op) : -EINVAL;
}

int sched_adjust_global(struct xen_sysctl_scheduler_op *op)
{
    return op->sched_id == scheduler->id ? scheduler->adjust_global(op) : -EINVAL;
}

void sched_init_cpu(unsigned int cpu)
{
    spin_lock_init(&per_cpu(sched_lock, cpu), LOCK_SCHED);
    init_timer(&per_cpu(slice_timer, cpu), slice_ended, NULL, cpu);
    if (!idle_domain->vcpu[cpu] && !vcpu_create(idle_domain, cpu))
        panic("No memory for the idle vCPU of CPU %u. Use a smaller maxcpus=.", cpu);
    scheduler->init_cpu(cpu);
}

void sched_init(void)
{
    open_softirq(SCHEDULE_SOFTIRQ, schedule);
    scheduler->init();
    sched_init_cpu(0);
}

void sched_dump(void)
{
    unsigned int cpu;

    printk("Scheduler: %s\n", scheduler->name);
    for_each_online_cpu (cpu) {
        unsigned long flags;

        spin_lock_irqsave(&per_cpu(sched_lock, cpu), flags);
        scheduler->dump_cpu(cpu);
        spin_unlock_irqrestore(&per_cpu(sched_lock, cpu), flags);
    }
}
