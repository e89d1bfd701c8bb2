/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of hv/time/ (and the APIC timer) offer each other. */
#ifndef HV_TIME_PRIV_H
#define HV_TIME_PRIV_H

#include <hv/lib.h>
#include <hv/time.h>

#define NSEC_PER_SEC 1000000000u
#define NSEC_PER_MSEC 1000000u

/* ns = ((ticks << shift) * mul) >> 32, as the pv clock of the ABI has it; mul >= 1 << 31 unless it
   is 0 (no time yet). */
struct time_scale { uint32_t mul; int8_t shift; };

/* --- scale.c --- */
uint64_t scale_ticks(uint64_t ticks, const struct time_scale *s);
/* The ticks that make ns; 0 without a scale. */
uint64_t unscale_ns(uint64_t ns, const struct time_scale *s);
/* The scale at which `ticks` are `ns`; both must not be 0. */
void scale_set(struct time_scale *s, uint64_t ns, uint64_t ticks);

/* Moment at which a CPU's TSC and system time are known, and how to go on from there. */
struct time_stamp {
    uint64_t tsc;
    s_time_t stime;
    struct time_scale scale;
};
/* TSC and platform time of one moment. */
struct time_sample { uint64_t tsc; s_time_t stime; };
s_time_t stamp_extrapolate(const struct time_stamp *st, uint64_t tsc);
/* The next stamp, from the current one and the samples at its time and now: system time goes on
   where it is (or jumps forward to the platform's), at a rate that meets the platform's in `period`
   ns. */
struct time_stamp calibrate_stamp(const struct time_stamp *old, const struct time_sample *then,
                                  const struct time_sample *now, s_time_t period);

/* --- platform.c --- */
/* Chooses and starts the platform timer; panics if there is none that counts. */
void platform_timer_init(void);
/* Takes a sample with the shortest bracket of some reads; false: the CPU was held up in all of
   them. estimate is the system time of the caller's clock, by which lost turns of a short counter
   are found; < 0 = none. */
bool platform_sample(struct time_sample *s, s_time_t estimate);

/* --- rtc.c --- */
bool rtc_read(struct tm_utc *tm);
int64_t utc_to_seconds(const struct tm_utc *tm);

/* --- calibrate.c --- */
const struct time_stamp *
cpu_time_stamp(void); /* of the running CPU; good until the next correction but one */
uint64_t time_ns_to_ticks(uint64_t ns);         /* TSC ticks of the running CPU */
uint64_t cpu_time_generation(void); /* changes with the running CPU and its stamp; never 0 */

/* --- pvclock.c, wallclock.c --- */
void wallclock_init(void);

#endif
