/* SPDX-License-Identifier: BSD-2-Clause */
/* The watchdog (watchdog.h). The words that CPUs look at of each other are read and written whole;
   a second more or less does not matter. */
#include <hv/apic.h>
#include <hv/asm.h>
#include <hv/atomic.h>
#include <hv/bitops.h>
#include <hv/console.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/smp.h>
#include <hv/softirq.h>
#include <hv/spinlock.h>
#include <hv/time.h>
#include <hv/timer.h>
#include <hv/traps.h>
#include <hv/watchdog.h>

#define DEFAULT_TIMEOUT 5
#define ANSWER_TIME 2                 /* seconds from the NMI until the CPU counts as dead */

static bool opt_watchdog;
bool_param("watchdog", opt_watchdog);
static unsigned int opt_timeout = DEFAULT_TIMEOUT;

/* As on Xen, a time switches it on and 0 off. */
static int parse_timeout(const char *s)
{
    const char *end;
    unsigned long seconds = strtoul(s, &end, 0);

    if (end == s || *end || seconds > 3600)
        return -EINVAL;
    opt_timeout = (unsigned int)seconds;
    opt_watchdog = seconds != 0;
    return 0;
}
custom_param("watchdog_timeout", parse_timeout);

struct watch {
    unsigned int alive;               /* counts seconds; others read it */
    unsigned int next;                /* the CPU looked at */
    unsigned int seen, missed;        /* what it had counted to, and for how many seconds */
};
static DEFINE_PER_CPU(struct watch, watch);
static DEFINE_PER_CPU(struct timer, watch_timer);
static atomic_t paused = { 1 };
static cpumask_t accused;             /* CPUs whose next NMI is for them */

static void accuse(unsigned int cpu)
{
    cpumask_set(cpu, &accused);
    apic_send_nmi(cpu_apicid[cpu]);
}

static void look_at(unsigned int cpu)
{
    struct watch *w = &this_cpu(watch);
    unsigned int count = READ_ONCE(per_cpu(watch, cpu).alive);

    if (atomic_read(&paused) || w->next != cpu || w->seen != count) {
        w->next = cpu;
        w->seen = count;
        w->missed = 0;
        return;
    }
    w->missed++;
    if (w->missed == opt_timeout)
        accuse(cpu);
    else if (w->missed == opt_timeout + ANSWER_TIME)
        panic("watchdog: CPU %u is stuck and does not answer an NMI either", cpu);
}

static void tick(void *unused)
{
    unsigned int self = smp_processor_id(), cpu = cpumask_cycle(self, &cpu_online_map);

    WRITE_ONCE(this_cpu(watch).alive, this_cpu(watch).alive + 1);
    if (cpu != self)
        look_at(cpu);
    set_timer(&this_cpu(watch_timer), NOW() + SECONDS(1));
}

void watchdog_nmi(struct cpu_user_regs *regs)
{
    if (!cpumask_test_and_clear(smp_processor_id(), &accused))
        return;
    console_start_sync();
    printk(XENLOG_ERR "CPU %u has served no soft interrupt for %u seconds; it is here:\n",
           smp_processor_id(), opt_timeout);
    show_registers(regs);
    show_backtrace(regs);
    panic("watchdog: CPU %u is stuck", smp_processor_id());
}

void watchdog_pause(void)
{
    atomic_inc(&paused);
}

void watchdog_resume(void)
{
    atomic_dec(&paused);
}

void watchdog_init_cpu(void)
{
    if (!opt_watchdog)
        return;
    if (!smp_processor_id())
        printk(XENLOG_INFO "Watchdog: a CPU that is stuck for %u seconds is a panic\n",
               opt_timeout);
    init_timer(&this_cpu(watch_timer), tick, NULL, smp_processor_id());
    set_timer(&this_cpu(watch_timer), NOW() + SECONDS(1));
}

/* --- the test --- */

static void stop_for_good(void *unused)
{
    local_irq_disable();
    for (;;)
        cpu_relax();
}

bool watchdog_test(void)
{
    static struct tasklet stop = TASKLET_INIT(stop, stop_for_good, NULL);
    unsigned int cpu = cpumask_cycle(smp_processor_id(), &cpu_online_map);

    if (!opt_watchdog || cpu == smp_processor_id())
        return false;
    tasklet_schedule_on_cpu(&stop, cpu);
    return true;
}
