/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Per-CPU timers (hv/time/timer.c). A timer runs its function once, on its CPU, in softirq context
 * (interrupts on, no locks held), not before its expiry. Each operation may be called from any CPU
 * and interrupt state, also from the function.
 */
#ifndef HV_TIMER_H
#define HV_TIMER_H

#include <hv/types.h>

struct timer {
    s_time_t expires;
    void (*fn)(void *);
    void *data;
    uint16_t cpu;
    uint8_t state;         /* enum in timer.c */
    /* Pairing heap: first child, next sibling, and the previous sibling
       or (first child) the parent. */
    struct timer *child, *next, *prev;
};

void timer_subsys_init(void);
void timer_init_cpu(unsigned int cpu);
void init_timer(struct timer *t, void (*fn)(void *), void *data, unsigned int cpu);
void set_timer(struct timer *t, s_time_t expires); /* (re)arms; the past fires at once */
void stop_timer(struct timer *t);                  /* not pending afterwards; fn may still be
                                                      running elsewhere */
void kill_timer(struct timer *t);                  /* also waits for fn to finish; set_timer has no
                                                      effect afterwards */
void migrate_timer(struct timer *t, unsigned int cpu);
bool timer_is_active(const struct timer *t);
void timer_interrupt(void);                        /* VECTOR_TIMER */

#endif
