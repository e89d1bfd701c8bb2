/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Event channels (hv/domain/evtchn*.c): ports of a domain, each closed, unbound, interdomain, pirq,
 * virq or ipi. Pending and masked bits live in guest memory, by the 2-level or the FIFO ABI behind
 * one table of operations.
 */
#ifndef HV_EVENT_H
#define HV_EVENT_H

#include <hv/domain.h>

int evtchn_init_domain(struct domain *d);     /* 2-level; port 0 reserved */
/* Closes all ports of a dying domain. -ERESTART while some are left: call again. (d) */
int evtchn_destroy(struct domain *d);
void evtchn_free(struct domain *d);           /* frees memory; last reference */
void evtchn_move_pirqs(struct vcpu *v);       /* v changed CPU */

/* Virtual interrupts. Per-vCPU ones to v; global ones to the vCPU
   they are bound at. Any context. */
void send_guest_vcpu_virq(struct vcpu *v, unsigned int virq);
void send_guest_global_virq(struct domain *d, unsigned int virq);
/* To whoever handles the virq globally: dom0 unless SET_VIRQ_HANDLER moved it. */
void send_global_virq(unsigned int virq);
int set_global_virq_handler(struct domain *d, unsigned int virq);
void clear_global_virq_handlers(struct domain *d);
/* To the port bound to d's pirq (none: ignored). Interrupts off. */
void send_guest_pirq(struct domain *d, unsigned int pirq);
/* The port bound to d's pirq, 0 = none. */
unsigned int pirq_to_evtchn(const struct domain *d, unsigned int pirq);
/* Hypervisor-side use: raises the peer of d's port (ioreq servers, later). */
int evtchn_send(struct domain *d, unsigned int port);
/* True if the port is pending (masked or not), for SCHEDOP_poll. */
bool evtchn_port_is_pending(struct domain *d, unsigned int port);
bool evtchn_port_valid(const struct domain *d, unsigned int port);
bool evtchn_port_is_masked(struct domain *d, unsigned int port);
/* EVTCHNOP_unmask for d. 0, -EINVAL. */
int evtchn_unmask(struct domain *d, unsigned int port);
/* For the toolstack and the dom0 builder: an unbound port of d for remote; the port or errno. */
int evtchn_alloc_unbound_port(struct domain *d, domid_t remote);
/* hv/hvm/inject.c */
#ifdef HV_UNIT_TEST
__attribute__((weak)) bool hvm_event_waits(struct vcpu *v);
__attribute__((weak)) bool hvm_event_waits(struct vcpu *v) { return false; }
#else
bool hvm_event_waits(struct vcpu *v);
#endif
/* v has an unmasked event to deliver. */
static inline bool local_events_need_delivery(const struct vcpu *v)
{
    const struct vcpu_info *vi = v->vcpu_info;

    if (unlikely(v->domain->is_hvm))
        return hvm_event_waits((struct vcpu *)v);
    return READ_ONCE(vi->evtchn_upcall_pending) && !READ_ONCE(vi->evtchn_upcall_mask);
}
/* Sets v's upcall pending flag and kicks it, if not set already. */
void vcpu_mark_events_pending(struct vcpu *v);
void evtchn_dump(struct domain *d);           /* debug key 'e' */
int evtchn_reset(struct domain *d);           /* -ERESTART possible */

#endif
