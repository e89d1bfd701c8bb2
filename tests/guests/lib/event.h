/* SPDX-License-Identifier: BSD-2-Clause */
/* Event channels with the 2-level ABI: a handler per port, and waiting for a port. */
#ifndef GUEST_EVENT_H
#define GUEST_EVENT_H

#include <stdbool.h>
#include <stdint.h>
#include <xen/event_channel.h>

#define MAX_PORTS 4096

typedef void event_handler_t(unsigned int port);

/* Call @handler in the upcall when @port is pending; NULL: only count. Does not unmask the port. */
void event_handler(unsigned int port, event_handler_t *handler);
/* Let only vCPU @vcpu serve @port; all vCPUs share the pending words. Default: any vCPU. */
void event_owner(unsigned int port, unsigned int vcpu);
/* Upcalls that have served @port. */
unsigned int event_count(unsigned int port);
/* Number of upcalls taken, with or without a port. */
unsigned int event_upcalls(void);

/* Replace the search for pending ports (a test of the FIFO ABI does); NULL puts 2-level back. */
void event_set_scan(void (*scan)(void));
/* Serve one port: count it and call its handler. For scans. */
void event_serve(unsigned int port);

bool event_pending(unsigned int port);
bool event_masked(unsigned int port);
void event_clear(unsigned int port);
void event_mask(unsigned int port);
/* Clear the mask bit only, without the hypercall. */
void event_unmask_local(unsigned int port);
/* EVTCHNOP_unmask. */
long event_unmask(unsigned int port);

/* Upcalls off and on for the running vCPU. Turning on delivers what is pending. */
void events_off(void);
void events_on(void);

/* Hypercalls that give a port; negative error number when refused. */
long event_alloc_unbound(domid_t dom, domid_t remote);
long event_bind_interdomain(domid_t remote, unsigned int remote_port);
long event_bind_virq(unsigned int virq, unsigned int vcpu);
long event_bind_ipi(unsigned int vcpu);
long event_send(unsigned int port);
long event_close(unsigned int port);
/* EVTCHNSTAT_* of @port of this domain, or a negative error number. */
long event_status(unsigned int port, struct evtchn_status *status);

void event_upcall(void);
void event_init(void);

#endif
