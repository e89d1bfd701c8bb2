/* SPDX-License-Identifier: BSD-2-Clause */
/* set_timer_op: the single-shot timer of the calling vCPU, in nanoseconds of system time. */
#include <hv/hypercall.h>
#include <hv/time.h>

/* Old kernels ask for times far off when their own clock wraps, and want to be woken soon then. */
#define TOO_FAR_SHIFT 50
#define SOON MILLISECS(100)

long do_set_timer_op(unsigned long timeout_arg)
{
    s_time_t timeout = (s_time_t)timeout_arg, now = NOW();
    struct timer *t = &current->singleshot_timer;

    if (timeout == 0) {
        stop_timer(t);
        return 0;
    }
    if (timeout < 0 || (timeout > now && (timeout - now) >> TOO_FAR_SHIFT))
        timeout = now + SOON;
    set_timer(t, timeout);
    return 0;
}
