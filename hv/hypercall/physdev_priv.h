/* SPDX-License-Identifier: BSD-2-Clause */
/* The sub-operations of physdev_op about PCI devices (physdev_pci.c). */
#ifndef HV_PHYSDEV_PRIV_H
#define HV_PHYSDEV_PRIV_H

struct domain;

long physdev_manage_pci_add(struct domain *d, void *arg);
long physdev_manage_pci_remove(struct domain *d, void *arg);
long physdev_manage_pci_add_ext(struct domain *d, void *arg);
long physdev_pci_device_add(struct domain *d, void *arg);
long physdev_pci_device_remove(struct domain *d, void *arg);
long physdev_prepare_msix(struct domain *d, void *arg);
long physdev_release_msix(struct domain *d, void *arg);
long physdev_restore_msi(struct domain *d, void *arg);
long physdev_restore_msi_ext(struct domain *d, void *arg);
long physdev_pci_mmcfg_reserved(struct domain *d, void *arg);

#endif
