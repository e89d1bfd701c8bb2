/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The clock of each CPU: its TSC from a stamp on, at a rate that is corrected once a second against
 * the platform timer by the CPU itself. A clock never goes back: one that is ahead is slowed down
 * for the next second, one that is behind jumps forward.
 */
#include <hv/apic.h>
#include <hv/cpumask.h>
#include <hv/current.h>
#include <hv/flush.h>
#include <hv/percpu.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/sched.h>
#include <hv/spinlock.h>
#include <hv/timer.h>
#include "time_priv.h"

#define EPOCH SECONDS(1)
#define CALIBRATE_NS MILLISECS(10)
#define POST_DELAY_PORT 0x80    /* a write takes about a microsecond on the bus */
#define FIRST_SAMPLE_TRIES 10
#define MAX_SKIPPED 3

struct cpu_clock {
    /* Two stamps, so that an NMI in the middle of an update reads a whole one: version counts
       updates, its lowest bit says which is valid. */
    struct time_stamp latch[2];
    uint32_t version;
    unsigned int skipped;       /* corrections left out in a row, for want of a good sample */
    struct time_sample sample;  /* of the last correction */
    struct timer timer;
};
static DEFINE_PER_CPU(struct cpu_clock, cpu_clock);

uint32_t cpu_khz;

const struct time_stamp *cpu_time_stamp(void)
{
    const struct cpu_clock *c = &this_cpu(cpu_clock);

    return &c->latch[READ_ONCE(c->version) & 1];
}

uint64_t cpu_time_generation(void)
{
    return (uint64_t)(smp_processor_id() + 1) << 32 | READ_ONCE(this_cpu(cpu_clock).version);
}

/* The hypervisor is not preempted, so an interrupt in between does not change the CPU. */
s_time_t NOW(void)
{
    const struct time_stamp *st = cpu_time_stamp();

    return stamp_extrapolate(st, rdtsc_ordered());
}

uint64_t time_ns_to_ticks(uint64_t ns)
{
    return unscale_ns(ns, &cpu_time_stamp()->scale);
}

void udelay(unsigned int us)
{
    uint64_t start, ticks;

    if (!cpu_khz) {
        while (us--)
            outb(POST_DELAY_PORT, 0);
        return;
    }
    ticks = muldiv64(us, cpu_khz, 1000);
    start = rdtsc_ordered();
    while (rdtsc_ordered() - start < ticks)
        cpu_relax();
}

/* Interrupts off, or nobody else looks yet. */
static void publish(struct cpu_clock *c, const struct time_stamp *st,
                    const struct time_sample *sample)
{
    c->sample = *sample;
    c->latch[(c->version + 1) & 1] = *st;
    barrier(); /* the stamp is whole before an NMI can choose it */
    WRITE_ONCE(c->version, c->version + 1);
}

static void calibrate_this_cpu(void)
{
    struct cpu_clock *c = &this_cpu(cpu_clock);
    unsigned long flags = local_irq_save();
    struct time_sample now;
    struct time_stamp next;

    /* A sample that was held up (by the host of an emulator, by a management interrupt) is worse
     * than none. */
    if (!platform_sample(&now, NOW()) && c->skipped++ < MAX_SKIPPED) {
        local_irq_restore(flags);
        return;
    }
    c->skipped = 0;
    next = calibrate_stamp(cpu_time_stamp(), &c->sample, &now, EPOCH);
    publish(c, &next, &now);
    local_irq_restore(flags);
    update_vcpu_time(current);
}

static void calibration_timer(void *unused)
{
    calibrate_this_cpu();
    if (smp_processor_id() == 0)
        tlb_clock_maintain();
    set_timer(&this_cpu(cpu_clock).timer, NOW() + EPOCH);
}

static void start_calibration(unsigned int cpu)
{
    struct timer *t = &per_cpu(cpu_clock, cpu).timer;

    init_timer(t, calibration_timer, NULL, cpu);
    set_timer(t, NOW() + EPOCH);
}

static struct time_sample good_sample(void)
{
    struct time_sample s;

    for (unsigned int i = 0; i < FIRST_SAMPLE_TRIES && !platform_sample(&s, -1); i++)
        ;
    return s;
}

/* TSC rate from two tight samples CALIBRATE_NS apart. */
static void __init calibrate_tsc(struct time_stamp *st, struct time_sample *end)
{
    struct time_sample begin = good_sample();

    do
        *end = good_sample();
    while (end->stime - begin.stime < CALIBRATE_NS);
    if (end->tsc <= begin.tsc)
        panic("The time-stamp counter of CPU 0 does not count\n");
    scale_set(&st->scale, (uint64_t)(end->stime - begin.stime), end->tsc - begin.tsc);
    st->tsc = end->tsc;
    st->stime = end->stime;
    cpu_khz = (uint32_t)unscale_ns(NSEC_PER_MSEC, &st->scale);
}

void __init time_init(void)
{
    struct time_stamp st;
    struct time_sample sample;

    platform_timer_init();
    calibrate_tsc(&st, &sample);
    publish(&this_cpu(cpu_clock), &st, &sample);
    printk(XENLOG_INFO "TSC: %u.%03u MHz\n", cpu_khz / 1000, cpu_khz % 1000);
    apic_timer_calibrate();
    wallclock_init();
    start_calibration(0);
}

void time_init_cpu(void)
{
    struct cpu_clock *c = &this_cpu(cpu_clock);
    unsigned long flags = local_irq_save();
    struct time_sample s = good_sample();
    struct time_stamp st = { .tsc = s.tsc, .stime = s.stime };
    const struct cpu_clock *first = &per_cpu(cpu_clock, 0);

    *c = (struct cpu_clock){ };
    st.scale = first->latch[READ_ONCE(first->version) & 1].scale;
    publish(c, &st, &s);
    local_irq_restore(flags);
    start_calibration(smp_processor_id());
}
