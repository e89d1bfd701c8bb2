/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Message-signalled interrupts of PCI devices (hv/irq/msi.c, msix.c). Dom0's kernel switches MSI
 * and MSI-X on and off in the capability; address, data and masks are the hypervisor's. One message
 * per device by MSI (more would need interrupt remapping), any number by MSI-X.
 */
#ifndef HV_MSI_H
#define HV_MSI_H

#include <hv/types.h>

struct domain;
struct pci_dev;

/* What PHYSDEVOP_map_pirq asks for. */
struct msi_request {
    uint32_t sbdf;
    int entry;              /* row of the MSI-X table */
    paddr_t table_base;     /* of the BAR that holds the table; 0 = MSI */
};

/* Maps a message of a device that d drives; pirq as for pirq_map_gsi(). The pirq; -EINVAL, -ENODEV
   (device or capability), -ENXIO (its memory is off), -EBUSY (MSI and MSI-X at once), -EEXIST
   (mapped already), -ENOSPC, -ENOMEM. */
int pirq_map_msi(struct domain *d, int pirq, const struct msi_request *req);

/* --- For hv/drivers/pci*.c; pci_lock is held --- */
void msi_init_device(struct pci_dev *dev);      /* reads the capabilities, switches MSI-X off */
void msi_free_device(struct pci_dev *dev);      /* unmaps all */
/* dom0 writes configuration of a device; messages and masks stay as they are. */
void msi_guest_write(struct pci_dev *dev, unsigned int reg, unsigned int bytes, uint32_t val);
void msi_dump_device(const struct pci_dev *dev);

/* --- For physdev_op. Take pci_lock --- */
/* The device's table becomes read-only to dom0 (or no longer) although no interrupt is mapped.
   0, -ENODEV, -EBUSY, -ENXIO, -ENOMEM. */
int msi_prepare_msix(uint32_t sbdf, bool release);
/* Writes all messages and masks again, after the device was reset. 0, -ENODEV, -ENXIO. */
int msi_restore(uint32_t sbdf);

void msi_dump(void); /* debug key 'M' */

#endif
