/* SPDX-License-Identifier: BSD-2-Clause */
/* How a domain stops: of its own will, by its watchdog, or because it is found inconsistent. What
   it means for the machine when that is dom0 is in dom0_end.c. */
#include <hv/domain_private.h>
#include <hv/errno.h>
#include <hv/event.h>
#include <hv/lib.h>
#include <hv/printk.h>
#include <hv/sched.h>
#include <hv/time.h>
#include <hv/traps.h>

#define NO_SHUTDOWN_CODE (-1)
/* --- a domain --- */

static void announce_shutdown(struct domain *d, int reason)
{
    if (reason == SHUTDOWN_suspend && d->suspend_evtchn)
        (void)evtchn_send(d, d->suspend_evtchn);
    else
        send_global_virq(VIRQ_DOM_EXC);
}

void domain_shutdown(struct domain *d, int reason)
{
    struct vcpu *v;

    if (d->is_control)
        dom0_shutdown(d, reason);

    spin_lock(&d->shutdown_lock);
    if (d->shutdown_code == NO_SHUTDOWN_CODE)
        d->shutdown_code = reason;
    reason = d->shutdown_code;
    if (d->is_shutting_down) {
        spin_unlock(&d->shutdown_lock);
        return;
    }
    d->is_shutting_down = true;
    for_each_vcpu (d, v) {
        set_bit(VPF_shutdown, &v->pause_flags);
        vcpu_sleep_nosync(v);
    }
    d->is_shut_down = true;
    spin_unlock(&d->shutdown_lock);
    announce_shutdown(d, reason);
}

void domain_resume(struct domain *d)
{
    struct vcpu *v;

    spin_lock(&d->shutdown_lock);
    d->is_shutting_down = d->is_shut_down = false;
    d->shutdown_code = NO_SHUTDOWN_CODE;
    clear_bit(0, &d->crash_flag);
    for_each_vcpu (d, v)
        if (test_and_clear_bit(VPF_shutdown, &v->pause_flags))
            vcpu_wake(v);
    spin_unlock(&d->shutdown_lock);
}

/* --- crash --- */

static void crash_work(void *data)
{
    domain_shutdown(data, SHUTDOWN_crash);
}

/* The caller may hold any lock: the domain is shut down from a tasklet, which this CPU runs before
   it can return to a guest. */
void domain_crash(struct domain *d, const char *fmt, ...)
{
    va_list args;

    if (d->is_idle || test_and_set_bit(0, &d->crash_flag))
        return;
    printk(XENLOG_ERR "Domain %u crashed by the hypervisor: ", d->domain_id);
    va_start(args, fmt);
    vprintk(fmt, args);
    va_end(args);
    printk("\n");
    if (current->domain == d) {
        vcpu_show(current);
        set_bit(VPF_shutdown, &current->pause_flags);
        raise_softirq(SCHEDULE_SOFTIRQ);
    }
    tasklet_schedule(&d->crash_tasklet);
}

/* --- watchdog --- */

static void watchdog_fired(void *data)
{
    struct domain *d = data;

    if (d->is_shutting_down || d->is_dying)
        return;
    printk(XENLOG_WARNING "Domain %u did not serve its watchdog: shutting it down\n", d->domain_id);
    domain_shutdown(d, SHUTDOWN_watchdog);
}

static long watchdog_new(struct domain *d, uint32_t timeout)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(d->watchdog_timer); i++)
        if (!(d->watchdog_inuse & (1u << i))) {
            d->watchdog_inuse |= 1u << i;
            set_timer(&d->watchdog_timer[i], NOW() + SECONDS(timeout));
            return i + 1;
        }
    return -ENOSPC;
}

long domain_watchdog(struct domain *d, uint32_t id, uint32_t timeout)
{
    long rc = 0;

    if (id > ARRAY_SIZE(d->watchdog_timer))
        return -EINVAL;
    spin_lock(&d->shutdown_lock);
    if (id == 0) {
        rc = watchdog_new(d, timeout);
    } else if (!(d->watchdog_inuse & (1u << (id - 1)))) {
        rc = -EINVAL;
    } else if (timeout == 0) {
        stop_timer(&d->watchdog_timer[id - 1]);
        d->watchdog_inuse &= ~(1u << (id - 1));
    } else {
        set_timer(&d->watchdog_timer[id - 1], NOW() + SECONDS(timeout));
    }
    spin_unlock(&d->shutdown_lock);
    return rc;
}

int shutdown_init_domain(struct domain *d)
{
    spin_lock_init(&d->shutdown_lock, LOCK_SHUTDOWN);
    d->shutdown_code = NO_SHUTDOWN_CODE;
    tasklet_init(&d->crash_tasklet, crash_work, d);
    for (unsigned int i = 0; i < ARRAY_SIZE(d->watchdog_timer); i++)
        init_timer(&d->watchdog_timer[i], watchdog_fired, d, smp_processor_id());
    return 0;
}

void shutdown_free_domain(struct domain *d)
{
    tasklet_kill(&d->crash_tasklet);
    for (unsigned int i = 0; i < ARRAY_SIZE(d->watchdog_timer); i++)
        kill_timer(&d->watchdog_timer[i]);
}
