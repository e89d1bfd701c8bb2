/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time (hv/time/). System time is nanoseconds since boot, from the TSC scaled per CPU and pulled
 * every second to the platform timer (HPET, ACPI PM timer or PIT). Guests see it through the pv
 * clock in their vcpu_info.
 */
#ifndef HV_TIME_H
#define HV_TIME_H

#include <hv/types.h>

struct domain;
struct vcpu;
struct tm_utc { int sec, min, hour, mday, mon, year; }; /* mon 1-12, year with century */

#define USECS(n) ((s_time_t)(n) * 1000)
#define MILLISECS(n) ((s_time_t)(n) * 1000000)
#define SECONDS(n) ((s_time_t)(n) * 1000000000)
#define STIME_MAX INT64_MAX

/* xen_domctl_tsc_info::tsc_mode; the public headers have no names for them. */
enum tsc_mode {
    TSC_MODE_DEFAULT,
    TSC_MODE_ALWAYS_EMULATE,
    TSC_MODE_NEVER_EMULATE,
    TSC_MODE_PVRDTSCP,
};

extern uint32_t cpu_khz;                 /* calibrated TSC rate of CPU 0 */

void time_init(void);                    /* boot: platform timer, TSC calibration, wall clock from
                                            the RTC */
void time_init_cpu(void);                /* a new CPU joins: takes over scale and stamp */
s_time_t NOW(void);                      /* this CPU's system time; monotonic per CPU; any
                                            context */
void udelay(unsigned int us);            /* busy wait */

/* Fills v's pv clock from this CPU's scale; force = even if nothing changed. Called for current on
   every context switch in and after a correction. */
void update_vcpu_time(struct vcpu *v);
void force_update_vcpu_time(struct vcpu *v); /* also if nothing changed: a new place was
                                                registered */
/* Writes the wall clock into d's shared info; domains follow with d->time_offset. */
void update_domain_wallclock(struct domain *d);
void set_wallclock(uint64_t secs, uint32_t nsecs, uint64_t system_time);
void get_wallclock(uint64_t *secs, uint32_t *nsecs); /* UTC at system time 0 */
const char *platform_timer_name(void);

/* TSC as a guest sees it and what RDTSC emulation returns. */
uint64_t guest_tsc(const struct vcpu *v);

#endif
