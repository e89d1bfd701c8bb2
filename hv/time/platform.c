/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The platform timer: HPET, ACPI PM timer or interval timer, the first that is there and counts
 * (clocksource= prefers one). All CPUs' clocks are pulled to it. Its count is carried to 64 bits at
 * each sample; turns that went by unseen are found with the help of the caller's own clock.
 */
#include <hv/acpi.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/spinlock.h>
#include <hv/timer_regs.h>
#include "time_priv.h"

#define SAMPLE_READS 6
#define SAMPLE_READS_MAX 24
#define TICKING_READS 1000

struct platform_timer {
    const char *name, *option;
    unsigned int bits;
    uint32_t mul, div;          /* ns = count * mul / div */
    bool (*init)(struct platform_timer *t);
    uint32_t (*read)(void);
};

static volatile uint32_t *hpet;

static uint32_t hpet_read(void)
{
    return hpet[HPET_COUNTER / 4];
}

static bool __init hpet_init(struct platform_timer *t)
{
    uint32_t cfg, period;

    if (!acpi.hpet)
        return false;
    hpet = ioremap(acpi.hpet, HPET_SIZE);
    if (!hpet)
        return false;
    period = hpet[HPET_PERIOD / 4];
    if (!period || period > HPET_PERIOD_MAX)
        return false;
    cfg = hpet[HPET_CONFIG / 4] & ~(HPET_CONFIG_ENABLE | HPET_CONFIG_LEGACY);
    hpet[HPET_CONFIG / 4] = cfg;
    for (unsigned int n = 0; n <= HPET_ID_LAST_TIMER(hpet[HPET_ID / 4]); n++)
        hpet[HPET_TIMER_CONFIG(n) / 4] &= ~HPET_TIMER_INT_ENABLE;
    hpet[HPET_CONFIG / 4] = cfg | HPET_CONFIG_ENABLE;
    t->mul = period;
    t->div = FEMTOSECONDS_PER_NSEC;
    return true;
}

static uint32_t pm_timer_read(void)
{
    return inl(acpi.pm_timer_port);
}

static bool __init pm_timer_init(struct platform_timer *t)
{
    if (!acpi.pm_timer_port)
        return false;
    t->bits = acpi.pm_timer_32bit ? 32 : 24;
    return true;
}

/* Interrupts off: the count and the latch of the interval timer. */
static DEFINE_SPINLOCK(platform_lock, LOCK_TIME);

/* Channel 0, whose interrupt stays masked; channel 2 is dom0's. Counts down; the complement counts
   up. */
static uint32_t pit_read(void)
{
    unsigned long flags;
    uint32_t v;

    spin_lock_irqsave(&platform_lock, flags);
    outb(PIT_MODE, PIT_CH0_LATCH);
    v = inb(PIT_CHANNEL_0);
    v |= (uint32_t)inb(PIT_CHANNEL_0) << 8;
    spin_unlock_irqrestore(&platform_lock, flags);
    return ~v & 0xffff;
}

static bool __init pit_init(struct platform_timer *t)
{
    outb(PIT_MODE, PIT_CH0_MODE2_WORD);
    outb(PIT_CHANNEL_0, 0);
    outb(PIT_CHANNEL_0, 0);
    return true;
}

static struct platform_timer timers[] = {
    { "HPET", "hpet", 32, 0, 0, hpet_init, hpet_read },
    { "ACPI PM timer", "acpi", 24, NSEC_PER_SEC, PM_TIMER_HZ, pm_timer_init, pm_timer_read },
    { "PIT", "pit", 16, NSEC_PER_SEC, PIT_HZ, pit_init, pit_read },
};

static const struct platform_timer *timer;
/* The latest sample: what the counter showed, and the count that makes in 64 bits. */
struct carried { uint64_t count; uint32_t read; };
static struct carried latest;               /* (platform_lock) */
static uint64_t shortest_bracket = ~0ULL;   /* (platform_lock) */

static char clocksource[8];
string_param("clocksource", clocksource);

static uint32_t counter_mask(void)
{
    return timer->bits == 32 ? UINT32_MAX : (1u << timer->bits) - 1;
}

static uint64_t count_to_ns(uint64_t c)
{
    return muldiv64(c, timer->mul, timer->div);
}

/* One read with the TSC before and after it; the shortest bracket of several. */
static uint32_t read_bracketed(uint64_t *tsc, uint64_t *width)
{
    uint32_t val = 0;

    *width = ~0ULL;
    for (unsigned int i = 0; i < SAMPLE_READS_MAX; i++) {
        uint64_t t0 = rdtsc_ordered();
        uint32_t v = timer->read();
        uint64_t t1 = rdtsc_ordered();

        if (t1 - t0 < *width) {
            *width = t1 - t0;
            *tsc = t0 + *width / 2;
            val = v;
        }
        /* Enough when it was hardly longer than the best ever. */
        if (i + 1 >= SAMPLE_READS && *width / 2 <= READ_ONCE(shortest_bracket))
            break;
    }
    return val;
}

/* Adds what the counter moved on since `from`, with the turns that the estimate says it made. */
static struct carried carry(struct carried from, uint32_t val, s_time_t estimate)
{
    uint64_t turn = (uint64_t)counter_mask() + 1, turn_ns = count_to_ns(turn);
    uint64_t delta = (val - from.read) & counter_mask();
    s_time_t lost = estimate - (s_time_t)(count_to_ns(from.count + delta));

    if (estimate >= 0 && lost > (s_time_t)(turn_ns / 2))
        delta += turn * (((uint64_t)lost + turn_ns / 2) / turn_ns);
    return (struct carried){ from.count + delta, val };
}

static struct carried latest_sample(void)
{
    struct carried c;

    spin_lock(&platform_lock);
    c = latest;
    spin_unlock(&platform_lock);
    return c;
}

/* The slow reads are done without the lock, after a sample that they can't be older than: many CPUs
   come here at once. */
bool platform_sample(struct time_sample *s, s_time_t estimate)
{
    unsigned long flags = local_irq_save();
    struct carried now = latest_sample();
    uint64_t width;
    bool good;

    now = carry(now, read_bracketed(&s->tsc, &width) & counter_mask(), estimate);
    s->stime = (s_time_t)count_to_ns(now.count);
    spin_lock(&platform_lock);
    if (now.count > latest.count)
        latest = now;
    shortest_bracket = MIN(shortest_bracket, width);
    good = width / 8 <= shortest_bracket;
    spin_unlock(&platform_lock);
    local_irq_restore(flags);
    return good;
}

static bool __init counts(const struct platform_timer *t)
{
    uint32_t first = t->read();

    for (unsigned int i = 0; i < TICKING_READS; i++)
        if (t->read() != first)
            return true;
    return false;
}

static bool __init try_timer(struct platform_timer *t)
{
    if (!t->init(t))
        return false;
    if (!counts(t)) {
        printk(XENLOG_WARNING "Platform timer %s does not count; trying another\n", t->name);
        return false;
    }
    timer = t;
    latest.read = t->read() & counter_mask();
    return true;
}

void __init platform_timer_init(void)
{
    bool known = !clocksource[0];

    for (unsigned int i = 0; i < ARRAY_SIZE(timers) && !timer; i++)
        if (!strcmp(timers[i].option, clocksource)) {
            known = true;
            if (!try_timer(&timers[i]))
                printk(XENLOG_WARNING "clocksource=%s: this machine has none that works\n",
                       clocksource);
        }
    if (!known)
        printk(XENLOG_WARNING "clocksource=%s is not known: hpet, acpi or pit\n", clocksource);
    for (unsigned int i = 0; i < ARRAY_SIZE(timers) && !timer; i++)
        try_timer(&timers[i]);
    if (!timer)
        panic("No platform timer counts (HPET, ACPI PM timer, PIT): time can't be kept on this "
              "machine\n");
    printk(XENLOG_INFO "Platform timer: %s\n", timer->name);
}

const char *platform_timer_name(void)
{
    return timer ? timer->name : "none";
}
