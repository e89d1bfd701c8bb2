/* SPDX-License-Identifier: BSD-2-Clause */
/* Time: the PV clock, the TSC, and waiting with a limit. */
#ifndef GUEST_CLOCK_H
#define GUEST_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <xen/xen.h>

#define NS_PER_MS 1000000UL
#define NS_PER_SEC 1000000000UL

static inline uint64_t rdtsc(void)
{
    uint32_t low, high;

    asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return ((uint64_t)high << 32) | low;
}

/* System time in nanoseconds by the running vCPU's time record. */
uint64_t now_ns(void);
/* The same by any time record. */
uint64_t time_of(const struct vcpu_time_info *info, uint64_t tsc);
/* Spin for @ns nanoseconds of system time. */
void spin_ns(uint64_t ns);

/* Evaluate @condition until true, yielding between tries, for at most @ms; its last value. */
#define wait_until(condition, ms) \
    __extension__({ \
        uint64_t limit_ = now_ns() + (ms) * NS_PER_MS; \
        bool met_; \
        while (!(met_ = (condition)) && now_ns() < limit_) \
            hc_sched_op(SCHEDOP_yield, NULL); \
        met_; \
    })

#endif
