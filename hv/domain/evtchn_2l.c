/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 2-level event ABI: one pending and one mask bit per port in shared_info, and a selector word
 * per vCPU that says which words of pending bits to look at. 4096 ports.
 */
#include "evtchn_priv.h"

static void init_2l(struct domain *d, struct evtchn *chn)
{
}

/* Tells the vCPU which word holds the event; d may have no vCPU yet, and then nobody to tell. */
static void select_word(struct domain *d, const struct evtchn *chn)
{
    struct vcpu *v = domain_vcpu(d, chn->notify_vcpu_id);
    struct vcpu_info *vi;
    if (!v)
        return;
    vi = READ_ONCE(v->vcpu_info);
    if (!test_and_set_bit(chn->port / BITS_PER_LONG, &vi->evtchn_pending_sel))
        vcpu_mark_events_pending(v);
}

static void set_pending_2l(struct domain *d, struct evtchn *chn)
{
    struct shared_info *s = d->shared_info;
    if (test_and_set_bit(chn->port, s->evtchn_pending))
        return;
    if (!test_bit(chn->port, s->evtchn_mask))
        select_word(d, chn);
    evtchn_check_pollers(d, chn->port);
}

static void clear_pending_2l(struct domain *d, struct evtchn *chn)
{
    clear_bit(chn->port, d->shared_info->evtchn_pending);
}

static void unmask_2l(struct domain *d, struct evtchn *chn)
{
    struct shared_info *s = d->shared_info;
    if (test_and_clear_bit(chn->port, s->evtchn_mask) && test_bit(chn->port, s->evtchn_pending))
        select_word(d, chn);
}

static bool is_pending_2l(const struct domain *d, const struct evtchn *chn)
{
    return test_bit(chn->port, d->shared_info->evtchn_pending);
}

static bool is_masked_2l(const struct domain *d, const struct evtchn *chn)
{
    return test_bit(chn->port, d->shared_info->evtchn_mask);
}

static bool is_busy_2l(const struct domain *d, const struct evtchn *chn)
{
    return false;
}

static int set_priority_2l(struct domain *d, struct evtchn *chn, unsigned int priority)
{
    return -ENOSYS;
}

const struct evtchn_port_ops evtchn_2l_ops = {
    .max_ports = EVTCHN_2L_NR_CHANNELS,
    .init = init_2l,
    .set_pending = set_pending_2l,
    .clear_pending = clear_pending_2l,
    .unmask = unmask_2l,
    .is_pending = is_pending_2l,
    .is_masked = is_masked_2l,
    .is_busy = is_busy_2l,
    .set_priority = set_priority_2l,
};
