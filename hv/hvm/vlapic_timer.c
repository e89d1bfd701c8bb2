/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timer of the local APIC: one-shot, periodic, TSC deadline. The current count is computed from the
 * moment the initial count was written.
 */
#include "vplatform.h"

#define NSEC_PER_SEC 1000000000u
#define NSEC_PER_MSEC 1000000u
#define FOREVER (STIME_MAX / 2)
#define BUS_HZ (NSEC_PER_SEC / VLAPIC_BUS_NS)

static uint32_t mode_of(uint32_t lvt) { return lvt & APIC_TIMER_MODE; }
static uint32_t timer_mode(const struct vlapic *l)
{
    return mode_of(vlapic_reg(l, APIC_LVT_TIMER));
}

/* "Divide Configuration Register": bits 3, 1, 0; 7 divides by 1. */
unsigned int vlapic_timer_divisor(uint32_t divide)
{
    unsigned int n = (divide & 3) | ((divide >> 1) & 4);

    return n == 7 ? 1 : 2u << n;
}

static uint64_t timer_hz(const struct vlapic *l)
{
    /* Exact: 100 MHz divides by 128 without a rest. */
    return BUS_HZ / vlapic_timer_divisor(vlapic_reg(l, APIC_TIMER_DIVIDE));
}

/* --- deadline --- */

/* Nanoseconds until the guest's TSC is at tsc; 0 = it is. */
static s_time_t until_tsc(const struct vlapic *l, uint64_t tsc)
{
    int64_t ticks = (int64_t)(tsc - hvm_guest_tsc(l->v));
    uint32_t khz = l->v->domain->vtsc ? l->v->domain->tsc_khz : cpu_khz;
    uint64_t ns;

    if (ticks <= 0)
        return 0;
    if (ticks / khz >= FOREVER / NSEC_PER_MSEC)
        return FOREVER;
    ns = muldiv64((uint64_t)ticks, NSEC_PER_MSEC, khz);
    return (s_time_t)(ns * khz == (uint64_t)ticks * NSEC_PER_MSEC ? ns : ns + 1); /* modulo 2^64 */
}

/* timer_lock is held. Fires a deadline that has come, or arms for it. */
static void check_deadline(struct vlapic *l)
{
    s_time_t ns = until_tsc(l, l->deadline);
    uint32_t lvt = vlapic_reg(l, APIC_LVT_TIMER);

    if (ns) {
        vtick_start(&l->tick, NOW() + ns, 0, 0, 1);
        return;
    }
    l->deadline = 0;
    if (!(lvt & APIC_LVT_MASKED))
        vlapic_set_irq(l->v, lvt & APIC_VECTOR, false);
}

/* --- the tick --- */

static bool raise_timer(struct vtick *t)
{
    struct vlapic *l = container_of(t, struct vlapic, tick);
    uint32_t lvt = vlapic_reg(l, APIC_LVT_TIMER);

    if (mode_of(lvt) == APIC_TIMER_DEADLINE) {
        if (l->deadline)
            check_deadline(l);  /* the host's timer is only about right */
        return false;
    }
    if ((lvt & APIC_LVT_MASKED) || !vlapic_enabled(l))
        return false;
    vlapic_set_irq(l->v, lvt & APIC_VECTOR, false);
    return (lvt & APIC_VECTOR) >= APIC_FIRST_VECTOR;
}

void vlapic_timer_taken(struct vlapic *l, uint8_t vector)
{
    if (!vtick_waits(&l->tick) || (vlapic_reg(l, APIC_LVT_TIMER) & APIC_VECTOR) != vector)
        return;
    spin_lock(&l->timer_lock);
    vtick_taken(&l->tick);
    spin_unlock(&l->timer_lock);
}

/* timer_lock is held. Begins with `left` counts of timer_count still to go. */
static void run_from(struct vlapic *l, uint32_t left)
{
    s_time_t now = NOW();
    uint64_t hz = timer_hz(l);

    l->timer_start = now - cycles_to_ns(l->timer_count - left, hz);
    if (!l->timer_count)
        vtick_stop(&l->tick);
    else
        vtick_start(&l->tick, l->timer_start, l->timer_count,
                    timer_mode(l) == APIC_TIMER_PERIODIC ? l->timer_count : 0, hz);
}

static uint32_t current_count(const struct vlapic *l)
{
    uint64_t gone;

    if (!l->timer_count || timer_mode(l) == APIC_TIMER_DEADLINE)
        return 0;
    gone = ns_to_cycles(NOW() - l->timer_start, timer_hz(l));
    if (timer_mode(l) == APIC_TIMER_PERIODIC)
        return l->timer_count - (uint32_t)(gone % l->timer_count);
    return gone < l->timer_count ? l->timer_count - (uint32_t)gone : 0;
}

uint32_t vlapic_timer_count(struct vlapic *l)
{
    uint32_t count;

    spin_lock(&l->timer_lock);
    count = current_count(l);
    spin_unlock(&l->timer_lock);
    return count;
}

/* --- writes --- */

void vlapic_timer_write_count(struct vlapic *l, uint32_t count)
{
    if (timer_mode(l) == APIC_TIMER_DEADLINE)
        return;
    spin_lock(&l->timer_lock);
    vlapic_set_reg(l, APIC_TIMER_INIT, count);
    l->timer_count = count;
    run_from(l, count);
    spin_unlock(&l->timer_lock);
}

/* The count goes on from where it is, at the new rate. */
void vlapic_timer_write_divide(struct vlapic *l, uint32_t val)
{
    uint32_t left;

    spin_lock(&l->timer_lock);
    left = current_count(l);
    vlapic_set_reg(l, APIC_TIMER_DIVIDE, val);
    if (left)
        run_from(l, left);
    spin_unlock(&l->timer_lock);
}

void vlapic_timer_write_lvt(struct vlapic *l, uint32_t val)
{
    uint32_t old, left;

    if (mode_of(val) == APIC_TIMER_MODE ||
        (mode_of(val) == APIC_TIMER_DEADLINE &&
         !guest_has(l->v->domain, X86_FEATURE_TSC_DEADLINE)))
        val &= ~APIC_TIMER_MODE;
    spin_lock(&l->timer_lock);
    old = timer_mode(l);
    left = current_count(l);
    vlapic_set_reg(l, APIC_LVT_TIMER, val);
    if (mode_of(val) != old) {
        if (mode_of(val) == APIC_TIMER_DEADLINE || old == APIC_TIMER_DEADLINE) {
            /* "TSC-Deadline Mode": a change to or from it disarms the timer. */
            vtick_stop(&l->tick);
            vlapic_set_reg(l, APIC_TIMER_INIT, 0);
            l->timer_count = 0;
            l->deadline = 0;
        } else if (left) {
            run_from(l, left);
        } else {
            vtick_stop(&l->tick);
            l->timer_count = 0; /* a one-shot that has ended does not begin to repeat */
        }
    }
    spin_unlock(&l->timer_lock);
}

uint64_t vlapic_deadline(struct vlapic *l)
{
    uint64_t tsc;

    spin_lock(&l->timer_lock);
    /* Reads 0 from the moment it is due, whether the host's timer has run or not. */
    if (l->deadline && !until_tsc(l, l->deadline)) {
        vtick_stop(&l->tick);
        check_deadline(l);
    }
    tsc = l->deadline;
    spin_unlock(&l->timer_lock);
    return tsc;
}

void vlapic_write_deadline(struct vlapic *l, uint64_t tsc)
{
    if (timer_mode(l) != APIC_TIMER_DEADLINE)
        return;
    spin_lock(&l->timer_lock);
    vtick_stop(&l->tick);
    l->deadline = tsc;
    if (tsc)
        check_deadline(l);
    spin_unlock(&l->timer_lock);
}

void vlapic_tsc_moved(struct vcpu *v)
{
    struct vlapic *l = vcpu_vlapic(v);

    if (!l || timer_mode(l) != APIC_TIMER_DEADLINE)
        return;
    spin_lock(&l->timer_lock);
    if (l->deadline) {
        vtick_stop(&l->tick);
        check_deadline(l);
    }
    spin_unlock(&l->timer_lock);
}

void vlapic_timer_restore(struct vlapic *l, uint32_t initial, uint32_t left, uint64_t deadline)
{
    spin_lock(&l->timer_lock);
    vtick_stop(&l->tick);
    l->deadline = 0;
    l->timer_count = 0;
    if (timer_mode(l) == APIC_TIMER_DEADLINE) {
        l->deadline = deadline;
        if (deadline)
            check_deadline(l);
    } else if (initial && left) {
        l->timer_count = initial;
        run_from(l, MIN(left, initial));
    }
    spin_unlock(&l->timer_lock);
}

void vlapic_timer_init(struct vlapic *l)
{
    spin_lock_init(&l->timer_lock, LOCK_HVM_DEVICE);
    vtick_init(&l->tick, l->v, &l->timer_lock, raise_timer);
}

void vlapic_timer_stop(struct vlapic *l)
{
    spin_lock(&l->timer_lock);
    vtick_stop(&l->tick);
    l->deadline = 0;
    l->timer_count = 0;
    spin_unlock(&l->timer_lock);
}
