/* SPDX-License-Identifier: BSD-2-Clause */
/* Ticks of virtual devices; what they are stands in vtick.h. */
#include "vplatform.h"

#define NSEC_PER_SEC 1000000000u
#define RETRY_FIRST MILLISECS(1)
#define RETRY_MAX SECONDS(1)
/* Two passes of a periodic timer are at least so far apart; ticks are not lost by that. */
#define MIN_DISTANCE USECS(50)

/* a * b / c with its rest; the quotient fits. */
static uint64_t divide(uint64_t a, uint64_t b, uint64_t c, uint64_t *rest)
{
    uint64_t quotient = muldiv64(a, (uint32_t)b, (uint32_t)c);

    *rest = a * b - quotient * c;   /* less than c, so what overflows cancels out */
    return quotient;
}

s_time_t cycles_to_ns(uint64_t cycles, uint64_t hz)
{
    uint64_t rest, ns = divide(cycles, NSEC_PER_SEC, hz, &rest);

    return (s_time_t)(rest ? ns + 1 : ns);
}

uint64_t ns_to_cycles(s_time_t ns, uint64_t hz)
{
    return ns <= 0 ? 0 : muldiv64((uint64_t)ns, (uint32_t)hz, NSEC_PER_SEC);
}

static bool periodic(const struct vtick *t) { return t->period != 0; }

/* due += n periods, exactly. */
static void advance(struct vtick *t, uint64_t n)
{
    uint64_t rest, carried = divide(n, t->rest, t->hz, &rest);

    t->carry += rest;
    if (t->carry >= t->hz) {
        t->carry -= t->hz;
        carried++;
    }
    t->due += (s_time_t)(n * (uint64_t)t->period + carried);
}

/* due becomes the last moment of its grid that is not after now. It is not after it already. */
static void go_to_last(struct vtick *t, s_time_t now)
{
    s_time_t due;
    uint64_t n, carry;

    /* Too few by the part below a nanosecond; what is left shrinks by the period each time. */
    while ((n = (uint64_t)(now - t->due) / ((uint64_t)t->period + 1)) != 0)
        advance(t, n);
    due = t->due;
    carry = t->carry;
    advance(t, 1);
    if (t->due > now) {
        t->due = due;
        t->carry = carry;
    }
}

static void skip_past(struct vtick *t, s_time_t now)
{
    if (t->due > now)
        return;
    go_to_last(t, now);
    advance(t, 1);
}

static void arm(struct vtick *t, s_time_t not_before)
{
    t->state = VTICK_ARMED;
    set_timer(&t->timer, MAX(t->due, not_before));
}

static void raise_one(struct vtick *t, s_time_t now)
{
    advance(t, 1);
    if (t->raise(t)) {
        t->state = VTICK_WAITING;
        t->retry = RETRY_FIRST;
        set_timer(&t->timer, now + t->retry);
    } else {
        skip_past(t, now);
        arm(t, now + MIN_DISTANCE);
    }
}

static void fire(struct vtick *t, s_time_t now)
{
    if (periodic(t)) {
        raise_one(t, now);
    } else {
        t->state = VTICK_IDLE;
        t->raise(t);
    }
}

static void vtick_timer(void *data)
{
    struct vtick *t = data;
    s_time_t now = NOW();

    spin_lock(t->lock);
    if (t->state == VTICK_ARMED) {
        if (now < t->due)
            set_timer(&t->timer, t->due);
        else
            fire(t, now);
    } else if (t->state == VTICK_WAITING && now >= t->timer.expires) {
        /* Where the interrupt still waits, this changes nothing. */
        if (t->raise(t)) {
            t->retry = MIN(t->retry * 2, RETRY_MAX);
            set_timer(&t->timer, now + t->retry);
        } else {
            skip_past(t, now);
            arm(t, now + MIN_DISTANCE);
        }
    }
    spin_unlock(t->lock);
}

void vtick_init(struct vtick *t, struct vcpu *v, spinlock_t *lock, bool (*raise)(struct vtick *))
{
    *t = (struct vtick){ .v = v, .lock = lock, .raise = raise, .hz = 1 };
    init_timer(&t->timer, vtick_timer, t, v->processor);
}

void vtick_start(struct vtick *t, s_time_t from, uint64_t first, uint64_t cycles, uint64_t hz)
{
    t->hz = hz;
    t->due = from + (s_time_t)divide(first, NSEC_PER_SEC, hz, &t->carry);
    t->period = (s_time_t)divide(cycles, NSEC_PER_SEC, hz, &t->rest);
    arm(t, 0);
}

void vtick_stop(struct vtick *t)
{
    if (t->state != VTICK_IDLE)
        stop_timer(&t->timer);
    t->state = VTICK_IDLE;
}

void vtick_taken(struct vtick *t)
{
    s_time_t now = NOW();

    if (t->state != VTICK_WAITING)
        return;
    if (t->due > now) {
        arm(t, 0);
        return;
    }
    switch (hvm_timer_mode(t->v->domain)) {
    case HVMPTM_no_missed_ticks_pending:
        skip_past(t, now);
        arm(t, 0);
        break;
    case HVMPTM_one_missed_tick_pending:
        go_to_last(t, now);
        raise_one(t, now);
        break;
    default:
        raise_one(t, now);
    }
}

void vtick_kill(struct vtick *t)
{
    if (t->v)
        kill_timer(&t->timer);
}
