/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts of an HVM guest: lines from devices to the interrupt controllers (hv/hvm/virq_lines.c)
 * and what is due at a vCPU (hv/hvm/vintr.c). A line of the ISA bus, a PCI INTx wire and a GSI may
 * be held by several at once; a GSI is asserted as long as one holds it.
 */
#ifndef HV_HVM_IRQ_H
#define HV_HVM_IRQ_H

#include <hv/types.h>

struct domain;
struct vcpu;

#define HVM_ISA_IRQS 16
#define HVM_GSIS 48                 /* pins of the I/O APIC */
/* Where wires end: GSI of a PCI device's INTx, and its link of the PIC router. */
#define HVM_PCI_GSI(dev, intx) (((((dev) << 2) + ((dev) >> 3) + (intx)) & 31) + 16)
#define HVM_PCI_LINK(dev, intx) (((dev) + (intx)) & 3)

/* --- at a vCPU --- */

enum hvm_int_source {
    HVM_INT_NONE,
    HVM_INT_CALLBACK,               /* event channel's vector: no controller is told */
    HVM_INT_PIC,                    /* ExtINT: the 8259 pair gives the vector when it is taken */
    HVM_INT_LAPIC,
};
struct hvm_intack { uint8_t source, vector; };

/*
 * The interrupt to give to v next, by priority of source and, at the local APIC, above the
 * processor priority; the vector of HVM_INT_PIC is not known yet. Whether the guest can take it
 * (IF, shadow, an event in progress) is the caller's question. Nothing changes but caches. v is
 * current, or does not run. Cheap when there is nothing.
 */
struct hvm_intack hvm_pending_interrupt(struct vcpu *v);
/* v takes it now: what it returns is what must be injected. HVM_INT_NONE if it has gone meanwhile:
   ask again. v is current. */
struct hvm_intack hvm_ack_interrupt(struct vcpu *v, struct hvm_intack intack);
/* An event is pending in v's vcpu_info: the way the guest chose. Any context. */
void hvm_event_pending(struct vcpu *v);
/* HVM_PARAM_CALLBACK_IRQ. -EINVAL for a vector below 16, an unknown type, or a line that d does not
   have. d may run. */
int hvm_callback_set(struct domain *d, uint64_t via);
/* The callback is by vector: vCPUs other than 0 get theirs too. */
bool hvm_callback_by_vector(const struct domain *d);
/* HVMOP_set_evtchn_upcall_vector; -EINVAL for a vector below 16. 0 there = none. */
int hvm_upcall_vector_set(struct vcpu *v, uint8_t vector);

/* --- from devices; not in interrupt context --- */

void hvm_isa_irq_set(struct domain *d, unsigned int irq, bool level);
/* A GSI without ISA or PCI meaning (HPET, callback). */
void hvm_gsi_set(struct domain *d, unsigned int gsi, bool level);

/* dm_op: -EINVAL for what is out of range, -ENODEV without controllers. */
int hvm_set_isa_irq_level(struct domain *d, unsigned int irq, unsigned int level);
int hvm_set_pci_intx_level(struct domain *d, unsigned int device, unsigned int intx,
                           unsigned int level);
int hvm_set_pci_link_route(struct domain *d, unsigned int link, unsigned int isa_irq);
/* Message as a PCI device would write it. -EINVAL for vectors below 16 of fixed messages. */
int hvm_inject_msi(struct domain *d, uint64_t addr, uint32_t data);

#endif
