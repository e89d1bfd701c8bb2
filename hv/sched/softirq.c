/* SPDX-License-Identifier: BSD-2-Clause */
/* Soft interrupts: one pending word per CPU, set from anywhere, emptied by the CPU itself. */
#include <hv/softirq.h>
#include <hv/printk.h>
#include <hv/smp.h>
#include <hv/spinlock.h>

static void (*softirq_handler[NR_SOFTIRQS])(void);

void open_softirq(enum softirq nr, void (*fn)(void))
{
    softirq_handler[nr] = fn;
}

void raise_softirq(enum softirq nr)
{
    set_bit(nr, &own_softirqs);
}

void cpu_raise_softirq(unsigned int cpu, enum softirq nr)
{
    if (test_and_set_bit(nr, &softirqs_of(cpu)))
        return;
    if (cpu != smp_processor_id())
        smp_send_event_check_cpu(cpu);
}

void cpumask_raise_softirq(const cpumask_t *mask, enum softirq nr)
{
    unsigned int cpu;

    for_each_cpu (cpu, mask)
        cpu_raise_softirq(cpu, nr);
}

/* One pass over what is pending, in the order of the numbers, without the `skip` bits. False when
   there was nothing. */
static bool softirq_pass(unsigned long skip)
{
    unsigned long pending = READ_ONCE(own_softirqs) & ~skip;

    if (!pending)
        return false;
    while (pending) {
        unsigned int nr = ffs64(pending);

        pending &= pending - 1;
        clear_bit(nr, &own_softirqs);
        softirq_handler[nr]();
    }
    return true;
}

void do_softirq(void)
{
    ASSERT(local_irq_is_enabled());
    while (softirq_pending()) {
        softirq_pass(BIT(SCHEDULE_SOFTIRQ));
        if (test_and_clear_bit(SCHEDULE_SOFTIRQ, &own_softirqs))
            softirq_handler[SCHEDULE_SOFTIRQ]();
    }
}

/* The caller may be in the middle of something that RCU readers rely on: no quiescent state
   here. */
void process_pending_softirqs(void)
{
    while (softirq_pass(BIT(SCHEDULE_SOFTIRQ) | BIT(RCU_SOFTIRQ)))
        ;
}
