/* SPDX-License-Identifier: BSD-2-Clause */
/* Arithmetic of clocks: conversion between ticks and nanoseconds, and the correction of a CPU's
   clock. No hardware. */
#include "time_priv.h"

/* Below this the ratio of two samples says more about the reads than about the clocks. */
#define MIN_ELAPSED MILLISECS(50)

uint64_t scale_ticks(uint64_t ticks, const struct time_scale *s)
{
    ticks = s->shift < 0 ? ticks >> -s->shift : ticks << s->shift;
    return (uint64_t)(((unsigned __int128)ticks * s->mul) >> 32);
}

uint64_t unscale_ns(uint64_t ns, const struct time_scale *s)
{
    uint64_t ticks;

    if (!s->mul)
        return 0;
    /* In two steps, so that no intermediate exceeds 64 bits for any ns below 2^62. */
    ticks = (ns / s->mul) << 32;
    ticks += ((ns % s->mul) << 32) / s->mul;
    return s->shift < 0 ? ticks << -s->shift : ticks >> s->shift;
}

void scale_set(struct time_scale *s, uint64_t ns, uint64_t ticks)
{
    int shift = 0;

    while ((ns | ticks) >> 62) {
        ns >>= 1;
        ticks >>= 1;
    }
    while (ns >= ticks) {
        ticks <<= 1;
        shift++;
    }
    while (ns < ticks - ns) {
        ns <<= 1;
        shift--;
    }
    /* 1/2 <= ns / ticks < 1 */
    while (ticks >> 32) {
        ticks >>= 1;
        ns >>= 1;
    }
    s->mul = ns >= ticks ? UINT32_MAX : (uint32_t)((ns << 32) / ticks);
    s->shift = (int8_t)shift;
}

s_time_t stamp_extrapolate(const struct time_stamp *st, uint64_t tsc)
{
    /* TSC reads of one CPU can't go backwards; the difference is kept from wrapping if firmware
     * makes them. */
    uint64_t delta = tsc > st->tsc ? tsc - st->tsc : 0;

    return st->stime + (s_time_t)scale_ticks(delta, &st->scale);
}

struct time_stamp calibrate_stamp(const struct time_stamp *old, const struct time_sample *then,
                                  const struct time_sample *now, s_time_t period)
{
    struct time_stamp next = { .tsc = now->tsc,
                               .stime = stamp_extrapolate(old, now->tsc),
                               .scale = old->scale };
    s_time_t elapsed = now->stime - then->stime, ahead = next.stime - now->stime;

    if (ahead < 0) {
        next.stime = now->stime;
        ahead = 0;
    }
    if (elapsed < MIN_ELAPSED || now->tsc <= then->tsc)
        return next;
    /* Slower by what it is ahead, but never slower than half. */
    ahead = MIN(ahead, period / 2);
    elapsed = (s_time_t)muldiv64((uint64_t)elapsed, (uint32_t)((period - ahead) >> 4),
                                 (uint32_t)(period >> 4));
    scale_set(&next.scale, (uint64_t)elapsed, now->tsc - then->tsc);
    return next;
}
