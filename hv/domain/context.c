/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Switching a CPU from one vCPU to another. All state is switched each time. There is one stack per
 * CPU: the call chain that led here ends, and the next vCPU continues in its back end's resume() on
 * an empty stack.
 */
#include <hv/backend.h>
#include <hv/printk.h>
#include <hv/sched.h>
#include <hv/spec.h>
#include <hv/time.h>
#include <hv/xstate.h>

/* Interrupts off. */
static void save_vcpu(struct vcpu *v)
{
    if (v->is_idle)
        return;
    v->regs = *guest_regs();
    v->domain->backend->switch_from(v); /* leaves CR0.TS clear */
    xstate_save(v);
}

static void load_vcpu(struct vcpu *v)
{
    if (!v->is_idle) {
        *guest_regs() = v->regs;
        xstate_restore(v);
    }
    cpu_policy_switch_to(v);
    spec_switch_to(v);
    v->domain->backend->switch_to(v);
}

/* Which CPUs may hold translations of a domain: this one is noted before next's root table is
   loaded, and struck off for prev's domain after that, when the load has flushed them. */
static void switch_state(struct vcpu *prev, struct vcpu *next)
{
    unsigned int cpu = smp_processor_id();

    save_vcpu(prev);
    if (next->domain != prev->domain)
        cpumask_set(cpu, &next->domain->dirty_cpus);
    next->dirty_cpu = cpu;
    get_cpu_info()->current_vcpu = next;
    load_vcpu(next);
    prev->dirty_cpu = NR_CPUS;
    if (next->domain != prev->domain)
        cpumask_clear(cpu, &prev->domain->dirty_cpus);
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
    ASSERT(prev != next && local_irq_is_enabled());
    /* While its memory can still be reached, so that its other vCPUs see that it has stopped. */
    if (!prev->is_idle)
        vcpu_update_runstate_area(prev);

    local_irq_disable();
    switch_state(prev, next);
    context_saved(prev);
    local_irq_enable();

    if (!next->is_idle) {
        update_vcpu_time(next);
        vcpu_update_runstate_area(next);
    }
    reset_stack_and_jump(next->domain->backend->resume);
}
