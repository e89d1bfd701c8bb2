/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts: vectors of a CPU; interrupt numbers, which are the GSIs of the I/O APICs and, above
 * them, messages of devices (MSI); and pirqs, the numbers under which a domain knows interrupts
 * (hv/irq/).
 *
 * Vectors: 0x20-0xdf devices (each CPU's own, upper half of the byte = priority), 0x80 and 0x82
 * kept for the gates of INT, 0xe0-0xef the 8259s', 0xf0-0xff the hypervisor's own.
 */
#ifndef HV_IRQ_H
#define HV_IRQ_H

#include <hv/spinlock.h>
#include <hv/cpumask.h>
#include <hv/list.h>

#define FIRST_DEVICE_VECTOR 0x20
#define LAST_DEVICE_VECTOR 0xdf
#define HYPERCALL_VECTOR 0x82
#define VECTOR_SPURIOUS 0xff
#define VECTOR_ERROR 0xfe
#define VECTOR_EVENT_CHECK 0xfc
#define VECTOR_FLUSH 0xfb
#define VECTOR_CALL 0xfa
#define VECTOR_TIMER 0xf9
#define VECTOR_SERIAL 0xf8 /* fallback when the UART's GSI has none */

#define NR_VECTORS 256
#define NR_GSIS_MAX 256

struct cpu_user_regs;
struct domain;
struct vcpu;

typedef void (*irq_handler_t)(unsigned int gsi, void *data);

/* Called by the entry code with interrupts off for every vector >= 0x20;
   regs->entry_vector is the vector. */
void do_irq(struct cpu_user_regs *regs);

/* Boot: masks the 8259s, reads the I/O APICs, prepares descriptors. */
void irq_init(void);
/* The hypervisor's own use of a GSI (UART, HPET). 0, -EBUSY, -EINVAL. */
int irq_request(unsigned int gsi, irq_handler_t fn, void *data, const char *name);
unsigned int irq_gsi_count(void);          /* GSIs of all I/O APICs */
unsigned int irq_count(void);              /* and of messages */
/* The GSI an ISA interrupt is wired to (MADT overrides). */
unsigned int isa_irq_to_gsi(unsigned int isa_irq);

/* Trigger and polarity as physdev setup_gsi gives them. 0, -EINVAL, -EEXIST (in use, or said
   before; nothing changes). */
int irq_setup_gsi(unsigned int gsi, bool level, bool active_low);

/* --- pirqs of domains --- */
/* Maps a line that the caller's domain may use: pirq -1 = any. d may use it from then on. Returns
   the pirq; -EINVAL, -EPERM, -EEXIST (the line has another), -ENOSPC, -ENOMEM. */
int pirq_map_gsi(struct domain *d, int pirq, unsigned int gsi);
/* Of a bound one the interrupt stops and the event channel stays. -EINVAL: not mapped. */
int pirq_unmap(struct domain *d, unsigned int pirq);
int pirq_to_irq(const struct domain *d, unsigned int pirq); /* -1 = not mapped */
/* Binding an event channel to the interrupt, from evtchn with the event_lock; the pirq must be
   mapped (-ESRCH), not bound (-EEXIST) and its line not taken by the hypervisor or, unless both
   share, by a domain (-EBUSY). */
int pirq_guest_bind(struct vcpu *v, unsigned int pirq, bool share);
void pirq_guest_unbind(struct domain *d, unsigned int pirq);
/* The guest has handled it (PHYSDEVOP_eoi, or unmask of its event channel). */
int pirq_guest_eoi(struct domain *d, unsigned int pirq);
void pirq_guest_unmask(struct domain *d);
/* Sets a free pirq aside, to be mapped later; for a line rather one of the low numbers. The number
   or -ENOSPC. */
int pirq_get_free(struct domain *d, bool line);
/* Registers the guest's page with a bit per pirq, set where PHYSDEVOP_eoi is needed.
   auto_unmask (version 1 of the call): the EOI unmasks the event channel too. 0, -EBUSY
   (registered before), -EINVAL. */
int pirq_set_eoi_page(struct domain *d, unsigned long gfn, bool auto_unmask);
/* Gives that page back. Of a dying domain whose pirqs are all unbound: the page keeps
   the domain from being freed. */
void pirq_release_eoi_page(struct domain *d);
bool pirq_auto_unmask(const struct domain *d);
/* The interrupt should arrive at the CPU where v runs. */
void pirq_set_affinity(struct domain *d, unsigned int pirq, unsigned int cpu);
bool pirq_is_shared(const struct domain *d, unsigned int pirq);
/* Releases all of a dying domain. */
void pirq_free_domain(struct domain *d);
int pirq_init_domain(struct domain *d);

void irq_dump(void); /* debug key 'i' */

#endif
