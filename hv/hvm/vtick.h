/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ticks: a timer of a virtual device that interrupts, once or periodically (vtick.c).
 *
 * A tick is due at start + n * cycles / hz exactly: the fraction of a nanosecond is carried along,
 * so nothing adds up. A periodic tick that was raised waits until the guest has taken it; only then
 * the clock is looked at again. So whatever the guest does, it costs one pass of the timer per tick
 * taken, and what it was too late for is counted from the clock, not from the passes. What becomes
 * of those ticks is HVM_PARAM_TIMER_MODE's: all are given one by one (delay and no delay for missed
 * ticks; the guest's clocks never lag), none, or one.
 */
#ifndef HV_HVM_VTICK_H
#define HV_HVM_VTICK_H

#include <hv/spinlock.h>
#include <hv/timer.h>

struct vcpu;

enum vtick_state { VTICK_IDLE, VTICK_ARMED, VTICK_WAITING };

struct vtick {
    struct timer timer;
    struct vcpu *v;             /* (c) its timer lives on that vCPU's CPU */
    spinlock_t *lock;           /* (c) the device's; protects all below */
    /* Gives one interrupt; lock is held. False: nobody will tell that it was taken, as the line is
       masked or the device does not wait; ticks go on without. */
    bool (*raise)(struct vtick *t);
    uint8_t state;
    s_time_t due;               /* of the next tick that was not raised yet */
    s_time_t period;            /* whole nanoseconds between two; 0: once */
    uint64_t rest, hz, carry;   /* the part below: rest / hz, carry / hz */
    s_time_t retry;             /* waiting: raised again after so long, should it have been lost */
};

void vtick_init(struct vtick *t, struct vcpu *v, spinlock_t *lock, bool (*raise)(struct vtick *));
/* All with the lock held. The first is due `first` cycles of hz after `from`, others follow every
   `cycles` (0: none). Both last at most 2^60 ns; hz from 1 to 1e9. */
void vtick_start(struct vtick *t, s_time_t from, uint64_t first, uint64_t cycles, uint64_t hz);
void vtick_stop(struct vtick *t);
/* The guest took the interrupt that was raised last. */
void vtick_taken(struct vtick *t);
static inline bool vtick_waits(const struct vtick *t)
{
    return READ_ONCE(t->state) == VTICK_WAITING;
}
/* Before the object is freed; without the lock. */
void vtick_kill(struct vtick *t);
/* Whole nanoseconds that n cycles of hz take, rounded up, and cycles that have passed in ns. */
s_time_t cycles_to_ns(uint64_t cycles, uint64_t hz);
uint64_t ns_to_cycles(s_time_t ns, uint64_t hz);

#endif
