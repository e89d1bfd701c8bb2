/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SCHEDOP_poll: wait until one of up to 128 ports is pending, masked or not, or until a time. PV
 * spin locks wait so. An event that could be delivered ends the wait too.
 */
#include <hv/sched.h>
#include <hv/errno.h>
#include <hv/event.h>
#include <hv/uaccess.h>

#define MAX_POLL_PORTS 128

/* 1 = a port is pending, 0 = none is, or errno. */
static int poll_any_pending(struct domain *d, const evtchn_port_t *ports, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        if (!evtchn_port_valid(d, ports[i]))
            return -EINVAL;
        if (evtchn_port_is_pending(d, ports[i]))
            return 1;
    }
    return 0;
}

long vcpu_poll(const struct sched_poll *poll)
{
    evtchn_port_t ports[MAX_POLL_PORTS];
    struct vcpu *v = current;
    struct domain *d = v->domain;
    int rc = 1;

    if (poll->nr_ports > MAX_POLL_PORTS)
        return -EINVAL;
    if (copy_from_handle(ports, poll->ports, poll->nr_ports))
        return -EFAULT;

    v->poll_evtchn = poll->nr_ports == 1 ? ports[0] : 0;
    set_bit(VPF_in_poll, &v->pause_flags);
    set_bit(v->vcpu_id, d->poll_mask);
    /* Both are set before anything is looked at (locked operations): whoever raises an event later
       sees them. */
    if (!local_events_need_delivery(v))
        rc = poll_any_pending(d, ports, poll->nr_ports);
    if (rc) {
        clear_bit(v->vcpu_id, d->poll_mask);
        clear_bit(VPF_in_poll, &v->pause_flags);
        return rc < 0 ? rc : 0;
    }
    if (poll->timeout)
        set_timer(&v->poll_timer, (s_time_t)poll->timeout);
    else
        stop_timer(&v->poll_timer);
    raise_softirq(SCHEDULE_SOFTIRQ);
    return 0;
}
