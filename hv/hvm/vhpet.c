/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * High precision event timers: a counter of 62.5 MHz and three comparators. Source: IA-PC HPET
 * specification, "Register Definitions", "Theory of Operation". No message routing (FSB).
 *
 * The counter is system time divided by 16 ns plus an offset. A periodic comparator is moved on
 * when somebody looks at it (sync).
 */
#include <hv/errno.h>
#include "vplatform.h"

#define HPET_HZ (1000000000u / VHPET_TICK_NS)
#define FS_PER_TICK ((uint64_t)VHPET_TICK_NS * FEMTOSECONDS_PER_NSEC)
#define RTC_IRQ 8
#define FIRST_GSI 20
#define LAST_GSI 23
#define TOO_FAR (1ULL << 56)        /* ticks; decades */
#define JUST_PASSED (HPET_HZ / 1024) /* a comparator that was overtaken while it was written */
#define WRAP32 (1ULL << 32)

_Static_assert(HPET_T_ROUTES == ((2u << LAST_GSI) - (1u << FIRST_GSI)), "routes");

static bool running(const struct vhpet *h) { return h->config & HPET_CONFIG_ENABLE; }
static bool is_32bit(const struct vhpet_timer *t) { return t->config & HPET_T_32BIT; }
static bool is_level(const struct vhpet_timer *t) { return t->config & HPET_T_LEVEL; }
static bool is_periodic(const struct vhpet_timer *t)
{
    return (t->config & HPET_T_PERIODIC) && t->period;
}
static unsigned int index_of(const struct vhpet *h, const struct vhpet_timer *t)
{
    return (unsigned int)(t - h->timer);
}

/* --- counter and comparators; lock is held from here on --- */

static uint64_t clock_ticks(void) { return (uint64_t)NOW() / VHPET_TICK_NS; }

static uint64_t counter(const struct vhpet *h)
{
    return running(h) ? h->counter + clock_ticks() : h->counter;
}

static uint64_t only_width(const struct vhpet_timer *t, uint64_t n)
{
    return is_32bit(t) ? (uint32_t)n : n;
}

/* Moves a periodic comparator past the counter. */
static void sync_timer(const struct vhpet *h, struct vhpet_timer *t)
{
    uint64_t now = counter(h), gone = now - t->base, to_go = only_width(t, t->cmp - t->base);

    if (is_periodic(t) && gone >= to_go)
        t->cmp = only_width(t, t->cmp + ((gone - to_go) / t->period + 1) * t->period);
    t->base = now;
}

/* --- interrupts --- */

static bool legacy_line(const struct vhpet *h, unsigned int n)
{
    return (h->config & HPET_CONFIG_LEGACY) && n < 2;
}

/* ISA interrupt (below 16) or GSI of a timer. */
static unsigned int line_of(const struct vhpet *h, unsigned int n)
{
    if (legacy_line(h, n))
        return n ? RTC_IRQ : 0;
    return (h->timer[n].config & HPET_T_ROUTE) >> HPET_T_ROUTE_SHIFT;
}

/* Timers may share a line. */
static void update_lines(struct vhpet *h)
{
    for (unsigned int gsi = FIRST_GSI; gsi <= LAST_GSI; gsi++) {
        bool level = false;

        for (unsigned int n = 0; n < HPET_TIMER_NUM; n++)
            level |= is_level(&h->timer[n]) && (h->timer[n].config & HPET_T_ENABLE) &&
                     (h->isr & (1u << n)) && line_of(h, n) == gsi;
        hvm_gsi_set(h->d, gsi, level);
    }
}

static bool raise_timer(struct vtick *tick)
{
    struct vhpet_timer *t = container_of(tick, struct vhpet_timer, tick);
    struct vplatform *p = vcpu_platform(tick->v);
    struct vhpet *h = &p->hpet;
    unsigned int n = index_of(h, t), line = line_of(h, n);

    if (is_level(t) && !legacy_line(h, n)) {
        h->isr |= 1u << n;
        update_lines(h);
        return false;               /* the status bit says that it was not served */
    }
    if (!(t->config & HPET_T_ENABLE))
        return false;
    if (line < HVM_ISA_IRQS) {
        hvm_isa_irq_pulse(h->d, line);
        return legacy_line(h, n) && hvm_isa_irq_open(p, line);
    }
    hvm_gsi_pulse(h->d, line);
    return hvm_gsi_open(p, line);
}

/* Arms t for the next match. `written`: the comparator is new, and if the counter has passed it
   since the guest chose it, it matches now. */
static void arm(struct vhpet *h, struct vhpet_timer *t, bool written)
{
    uint64_t diff, period = 0;

    vtick_stop(&t->tick);
    if (!running(h) || !(t->config & (HPET_T_ENABLE | HPET_T_LEVEL)))
        return;
    sync_timer(h, t);
    diff = only_width(t, t->cmp - counter(h));
    if (written && is_32bit(t) && (uint32_t)-diff < JUST_PASSED)
        diff = 0;
    else if (written && !is_32bit(t) && (int64_t)diff < 0)
        diff = 0;
    if (diff >= TOO_FAR)
        return;
    if (is_periodic(t))
        period = MIN(t->period, TOO_FAR);
    else if (is_32bit(t))
        period = WRAP32;            /* it matches again each time the counter comes by */
    vtick_start(&t->tick, (s_time_t)(clock_ticks() * VHPET_TICK_NS), diff, period, HPET_HZ);
}

static void arm_all(struct vhpet *h)
{
    for (unsigned int n = 0; n < HPET_TIMER_NUM; n++)
        arm(h, &h->timer[n], false);
}

/* --- writes --- */

static void write_config(struct vhpet *h, uint64_t val)
{
    uint64_t now = counter(h);

    for (unsigned int n = 0; n < HPET_TIMER_NUM; n++)
        sync_timer(h, &h->timer[n]);
    WRITE_ONCE(h->config, val & (HPET_CONFIG_ENABLE | HPET_CONFIG_LEGACY));
    h->counter = running(h) ? now - clock_ticks() : now;
    update_lines(h);
    arm_all(h);
}

static void write_counter(struct vhpet *h, uint64_t val)
{
    for (unsigned int n = 0; n < HPET_TIMER_NUM; n++) {
        sync_timer(h, &h->timer[n]);
        h->timer[n].base = val;
    }
    h->counter = running(h) ? val - clock_ticks() : val;
    arm_all(h);
}

static void write_timer_config(struct vhpet *h, struct vhpet_timer *t, uint64_t val)
{
    unsigned int route = (val & HPET_T_ROUTE) >> HPET_T_ROUTE_SHIFT;

    sync_timer(h, t);
    if (!(HPET_T_ROUTES >> route & 1))
        val = (val & ~(uint64_t)HPET_T_ROUTE) | (t->config & HPET_T_ROUTE);
    t->config = (t->config & ~(uint64_t)HPET_T_WRITABLE) | (val & HPET_T_WRITABLE);
    if (!is_level(t))
        h->isr &= ~(1ULL << index_of(h, t));
    if (is_32bit(t)) {
        t->cmp = (uint32_t)t->cmp;
        t->period = (uint32_t)t->period;
    }
    update_lines(h);
    arm(h, t, false);
}

static uint64_t merge(uint64_t old, uint64_t val, uint64_t mask)
{
    return (old & ~mask) | (val & mask);
}

static void write_cmp(struct vhpet *h, struct vhpet_timer *t, uint64_t val, uint64_t mask)
{
    bool periodic = t->config & HPET_T_PERIODIC;

    sync_timer(h, t);
    if (periodic)
        t->period = only_width(t, merge(t->period, val, mask));
    if (!periodic || (t->config & HPET_T_SETVAL))
        t->cmp = only_width(t, merge(t->cmp, val, mask));
    t->config &= ~(uint64_t)HPET_T_SETVAL;
    arm(h, t, true);
}

/* --- registers of 64 bits --- */

/* The timer whose block holds the offset, or NULL. */
static struct vhpet_timer *timer_at(struct vhpet *h, unsigned int offset)
{
    unsigned int n = (offset - HPET_T_BLOCK) / HPET_T_STRIDE;

    return offset >= HPET_T_BLOCK && n < HPET_TIMER_NUM ? &h->timer[n] : NULL;
}

static uint64_t read_reg(struct vhpet *h, unsigned int offset)
{
    struct vhpet_timer *t = timer_at(h, offset);

    switch (offset) {
    case HPET_ID: return HPET_CAP_VALUE | FS_PER_TICK << HPET_CAP_PERIOD_SHIFT;
    case HPET_CONFIG: return h->config;
    case HPET_STATUS: return h->isr;
    case HPET_COUNTER: return counter(h);
    default: break;
    }
    if (!t)
        return 0;
    switch (offset % HPET_T_STRIDE) {
    case HPET_T_CONFIG:
        return t->config | HPET_T_PERIODIC_CAP | HPET_T_SIZE_CAP |
               HPET_T_ROUTES << HPET_T_ROUTES_SHIFT;
    case HPET_T_CMP:
        sync_timer(h, t);
        return t->cmp;
    default:
        return 0;
    }
}

static void write_reg(struct vhpet *h, unsigned int offset, uint64_t val, uint64_t mask)
{
    struct vhpet_timer *t = timer_at(h, offset);

    if (offset == HPET_CONFIG) {
        write_config(h, merge(h->config, val, mask));
    } else if (offset == HPET_STATUS) {
        h->isr &= ~(val & mask);
        update_lines(h);
    } else if (offset == HPET_COUNTER) {
        write_counter(h, merge(counter(h), val, mask));
    } else if (t && offset % HPET_T_STRIDE == HPET_T_CONFIG) {
        write_timer_config(h, t, merge(t->config, val, mask));
    } else if (t && offset % HPET_T_STRIDE == HPET_T_CMP) {
        write_cmp(h, t, val, mask);
    }
}

/* --- memory --- */

static int hpet_read(struct vcpu *v, uint64_t addr, unsigned int size, uint64_t *val)
{
    struct vhpet *h = &vcpu_platform(v)->hpet;
    unsigned int offset = (unsigned int)(addr - VHPET_BASE);

    spin_lock(&h->lock);
    *val = read_reg(h, ROUND_DOWN(offset, 8u)) >> (8 * (offset % 8));
    spin_unlock(&h->lock);
    return HVM_IO_DONE;
}

/* "Register Definitions": aligned, 32 or 64 bits; others do nothing. */
static int hpet_write(struct vcpu *v, uint64_t addr, unsigned int size, uint64_t val)
{
    struct vhpet *h = &vcpu_platform(v)->hpet;
    unsigned int offset = (unsigned int)(addr - VHPET_BASE), shift = 8 * (offset % 8);
    uint64_t mask = size == 8 ? ~0ULL : (uint64_t)UINT32_MAX << shift;

    if ((size != 4 && size != 8) || offset % size)
        return HVM_IO_DONE;
    spin_lock(&h->lock);
    write_reg(h, ROUND_DOWN(offset, 8u), val << shift, mask);
    spin_unlock(&h->lock);
    return HVM_IO_DONE;
}

static const struct hvm_io_ops hpet_ops = { hpet_read, hpet_write };

int vhpet_claim(struct domain *d)
{
    return hvm_io_claim_mmio(d, VHPET_BASE, VHPET_BASE + HPET_SIZE - 1, &hpet_ops);
}

/* --- life --- */

void vhpet_reset(struct vplatform *p)
{
    struct vhpet *h = &p->hpet;

    spin_lock(&h->lock);
    WRITE_ONCE(h->config, 0);
    h->isr = h->counter = 0;
    for (unsigned int n = 0; n < HPET_TIMER_NUM; n++) {
        struct vhpet_timer *t = &h->timer[n];

        vtick_stop(&t->tick);
        t->config = t->period = t->base = 0;
        t->cmp = ~0ULL;
    }
    update_lines(h);
    spin_unlock(&h->lock);
}

void vhpet_init(struct vplatform *p)
{
    p->hpet.d = p->d;
    spin_lock_init(&p->hpet.lock, LOCK_HVM_DEVICE);
}

void vhpet_init_timers(struct vplatform *p, struct vcpu *v)
{
    for (unsigned int n = 0; n < HPET_TIMER_NUM; n++)
        vtick_init(&p->hpet.timer[n].tick, v, &p->hpet.lock, raise_timer);
}

unsigned int vhpet_line(struct vplatform *p, unsigned int n) { return line_of(&p->hpet, n); }

/* --- record --- */

static unsigned int one_if_hpet(const struct domain *d)
{
    return platform_has(domain_platform(d), XEN_X86_EMU_HPET);
}

static void save_hpet(struct domain *d, unsigned int instance, void *record)
{
    struct vhpet *h = &domain_platform(d)->hpet;
    struct hvm_hw_hpet *r = record;

    memset(r, 0, sizeof(*r));
    spin_lock(&h->lock);
    r->capability = read_reg(h, HPET_ID);
    r->config = h->config;
    r->isr = h->isr;
    r->mc64 = counter(h);
    for (unsigned int n = 0; n < HPET_TIMER_NUM; n++) {
        r->timers[n].config = read_reg(h, HPET_T_BLOCK + n * HPET_T_STRIDE);
        r->timers[n].cmp = read_reg(h, HPET_T_BLOCK + n * HPET_T_STRIDE + HPET_T_CMP);
        r->period[n] = h->timer[n].period;
    }
    spin_unlock(&h->lock);
}

static const char *check_hpet(struct domain *d, unsigned int instance, const void *record)
{
    return NULL;
}

static void load_hpet(struct domain *d, unsigned int instance, const void *record)
{
    struct vhpet *h = &domain_platform(d)->hpet;
    const struct hvm_hw_hpet *r = record;

    vhpet_reset(domain_platform(d));
    spin_lock(&h->lock);
    for (unsigned int n = 0; n < HPET_TIMER_NUM; n++) {
        struct vhpet_timer *t = &h->timer[n];

        t->config = r->timers[n].config & HPET_T_WRITABLE;
        if (!(HPET_T_ROUTES >> ((t->config & HPET_T_ROUTE) >> HPET_T_ROUTE_SHIFT) & 1))
            t->config &= ~(uint64_t)HPET_T_ROUTE;
        t->cmp = only_width(t, r->timers[n].cmp);
        t->period = only_width(t, r->period[n]);
        t->base = r->mc64;
    }
    h->isr = r->isr & ((1u << HPET_TIMER_NUM) - 1);
    h->counter = r->mc64;
    write_config(h, r->config);
    spin_unlock(&h->lock);
}

const struct hvm_record vhpet_record = {
    HVM_RECORD(HPET), .instances = one_if_hpet,
    .save = save_hpet, .check = check_hpet, .load = load_hpet,
};
