/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls between CPUs. A call waits until each CPU has taken its interrupt; the rules against
 * deadlock are those of hv/mm/flush.c: interrupts on, no lock that is taken elsewhere with
 * interrupts off.
 */
#include <hv/apic.h>
#include <hv/boot.h>
#include <hv/irq.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/smp.h>
#include <hv/spinlock.h>
#include <hv/time.h>

#define STOP_WAIT_US 100000
#define STOP_POLL_US 10

static DEFINE_SPINLOCK(call_lock, LOCK_IPI);
/* The call in progress (call_lock). pending: not begun; or, when wait is set, not finished. */
static cpumask_t call_pending;
static void (*call_fn)(void *);
static void *call_arg;
static bool call_wait;

static cpumask_t stop_pending;     /* CPUs that shall stop and have not */

void smp_send_event_check_cpu(unsigned int cpu)
{
    apic_send_ipi(cpu_apicid[cpu], VECTOR_EVENT_CHECK);
}

/* The interrupt's return path looks at soft interrupts and events; that is all it is for. */
void smp_event_check_interrupt(void)
{
}

void smp_call_function_interrupt(void)
{
    unsigned int cpu = smp_processor_id();
    void (*fn)(void *) = call_fn;
    void *arg = call_arg;

    if (!cpumask_test(cpu, &call_pending))
        return;
    if (call_wait) {
        fn(arg);
        cpumask_clear(cpu, &call_pending);
    } else {
        /* From here on the caller may reuse the request, so its fields were read above. */
        cpumask_clear(cpu, &call_pending);
        fn(arg);
    }
}

void on_cpus(const cpumask_t *mask, void (*fn)(void *), void *arg, bool wait)
{
    unsigned int self = smp_processor_id(), cpu;
    cpumask_t others;

    ASSERT(local_irq_is_enabled());
    cpumask_and(&others, mask, &cpu_online_map);
    __clear_bit(self, others.bits);
    if (!cpumask_empty(&others)) {
        spin_lock(&call_lock);
        call_fn = fn;
        call_arg = arg;
        call_wait = wait;
        /* The request is complete before a CPU can find itself in pending. */
        smp_wmb();
        call_pending = others;
        for_each_cpu(cpu, &others)
            apic_send_ipi(cpu_apicid[cpu], VECTOR_CALL);
    }
    if (cpumask_test(self, mask)) {
        local_irq_disable();
        fn(arg);
        local_irq_enable();
    }
    if (cpumask_empty(&others))
        return;
    while (!cpumask_empty(&call_pending) && READ_ONCE(system_state) != SYS_panic) {
        cpu_relax();
        barrier();
    }
    spin_unlock(&call_lock);
}

void smp_stop_others(void)
{
    unsigned int cpu;

    stop_pending = cpu_online_map;
    cpumask_clear(smp_processor_id(), &stop_pending);
    for_each_cpu(cpu, &stop_pending)
        apic_send_nmi(cpu_apicid[cpu]);
    for (unsigned int us = 0; us < STOP_WAIT_US && !cpumask_empty(&stop_pending);
         us += STOP_POLL_US) {
        udelay(STOP_POLL_US);
        barrier();
    }
    for_each_cpu(cpu, &stop_pending)
        printk(XENLOG_WARNING "CPU %u does not answer and was not stopped\n", cpu);
    cpumask_zero(&stop_pending);
    /* Those that have stopped stay so: nobody is to wait for them or stop them again. */
    cpumask_only(smp_processor_id(), &cpu_online_map);
}

bool smp_nmi_stop(void)
{
    if (!cpumask_test_and_clear(smp_processor_id(), &stop_pending))
        return false;
    for (;;) {
        local_irq_disable();
        halt();
    }
}
