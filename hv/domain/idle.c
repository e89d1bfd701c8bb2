/* SPDX-License-Identifier: BSD-2-Clause */
/* The idle domain: one vCPU per CPU, which runs when nothing else may. It has no memory of its
   own. */
#include <hv/backend.h>
#include <hv/errno.h>
#include <hv/flush.h>
#include <hv/processor.h>
#include <hv/sched.h>
#include <hv/spec.h>

DEFINE_PER_CPU(struct vcpu *, idle_vcpu);
DEFINE_PER_CPU(uint64_t, idle_halts);

/* Sleeps until an interrupt unless a soft interrupt came between the last look and the halt. */
static void idle_halt(void)
{
    local_irq_disable();
    if (softirq_pending()) {
        local_irq_enable();
    } else {
        this_cpu(idle_halts)++;
        spec_enter_idle();
        safe_halt();
        spec_leave_idle();
    }
}

void idle_loop(void)
{
    for (;;) {
        rcu_quiescent();
        if (softirq_pending())
            do_softirq();
        else if (!scrub_free_pages())
            idle_halt();
    }
}

static void idle_switch_from(struct vcpu *v) {}

/* No guest's root table stays in CR3 while the CPU idles, so that the guest's domain may give its
   tables back. */
static void idle_switch_to(struct vcpu *v)
{
    load_root(virt_to_maddr(idle_root));
}

static int idle_init_domain(struct domain *d)
{
    return 0;
}

static int idle_init_vcpu(struct vcpu *v)
{
    return 0;
}

static int idle_copy_from(void *dst, const void *gva, size_t len)
{
    return -EFAULT;
}

static int idle_copy_to(void *gva, const void *src, size_t len)
{
    return -EFAULT;
}

static int idle_clear(void *gva, size_t len)
{
    return -EFAULT;
}

const struct vcpu_backend idle_backend = {
    .name = "idle",
    .domain_size = sizeof(struct domain),
    .vcpu_size = sizeof(struct vcpu),
    .domain_init = idle_init_domain,
    .vcpu_init = idle_init_vcpu,
    .switch_from = idle_switch_from,
    .switch_to = idle_switch_to,
    .resume = idle_loop,
    .copy_from = idle_copy_from,
    .copy_to = idle_copy_to,
    .clear = idle_clear,
};
