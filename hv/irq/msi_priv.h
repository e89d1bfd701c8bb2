/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of devices, private to hv/irq/msi*.c and pirq.c.
 *
 * Letters: (c) constant, (p) pci_lock, (d) lock of the interrupt's irq_desc, (m) msi_lock.
 */
#ifndef HV_MSI_PRIV_H
#define HV_MSI_PRIV_H

#include <hv/msi.h>
#include <hv/pci.h>
#include "irq_priv.h"

struct msi_msg { uint32_t address_lo, address_hi, data; };

struct msi_desc {
    struct list_head link;      /* (p) pci_dev::msis */
    struct pci_dev *dev;        /* (c) */
    uint16_t irq;               /* (c) */
    uint16_t entry;             /* (c) row of the MSI-X table */
    bool msix, maskable, is_64; /* (c) */
    bool host_masked;           /* (m) */
    bool guest_masked;          /* (m) by dom0's write to the mask bits */
    bool enable_held;           /* (m) MSI is off although dom0 has it on, until a hold ends */
    volatile uint32_t *row;     /* (c) of the table */
    struct msi_msg msg;         /* (d) */
};

/* Read-modify-write of control words and mask bits, by us and by dom0. Interrupts off. */
extern spinlock_t msi_lock;

struct msi_msg msi_compose(uint8_t vector, uint32_t apicid);
/* Makes the device's message irq's, masked if it can be; irq has a vector. pci_lock. Errors as
   pirq_map_msi(). */
int msi_setup(unsigned int irq, struct pci_dev *dev, const struct msi_request *req);
/* The reverse, which destroys irq; it is not bound any more. pci_lock. */
void msi_teardown(struct msi_desc *m);
/* pirq.c: d's mapping of a message ends. pci_lock. */
void pirq_unmap_irq(struct domain *d, unsigned int irq);

/* msix.c. pci_lock. */
int msix_use(struct pci_dev *dev, paddr_t table_base);  /* the first user maps the table */
void msix_unuse(struct pci_dev *dev);
void msix_write_message(struct msi_desc *m);            /* (d) */
void msix_write_mask(struct msi_desc *m, bool masked);
void msix_guest_control(struct pci_dev *dev, uint32_t *val); /* (m) */
/* Opens the table of a device that may hide it while MSI-X is off: the control word to give back.
   (m) */
uint16_t msix_open(struct pci_dev *dev);
void msix_close(struct pci_dev *dev, uint16_t control);
bool pci_memory_on(const struct pci_dev *dev);

#endif
