/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Paravirtual disks and network interfaces of a guest: their nodes in the store, the stock hotplug
 * scripts, their end. What is known of a device is read from /libxl/DOMID/device, which only domain
 * 0 can write; nodes of the guest are never followed (XSA-175, XSA-178).
 */
#ifndef HOSPES_DEVICE_H
#define HOSPES_DEVICE_H

#include <hospes/guest_config.h>
#include <hospes/xen.h>

#define DEVICE_SCRIPTS "/etc/xen/scripts"
#define DEVICE_BRIDGE "xenbr0"      /* where the config names none */
#define DEVICE_WAIT_MS 60000u

enum device_kind { DEVICE_VBD, DEVICE_VIF };

struct device {
    uint32_t domid, devid;
    enum device_kind kind;
};

extern const char *const device_names[];   /* "vbd", "vif" */

/* Adds the device, runs its script and waits until it is connected. After an error nothing of it is
 * left. */
int device_add_disk(struct hospes *h, uint32_t domid, const struct guest_disk *d);
int device_add_nic(struct hospes *h, uint32_t domid, uint32_t devid, const struct guest_nic *n);
/* Gives the interface a MAC address of its own, unless it has one. */
int device_nic_mac(struct hospes *h, struct guest_nic *n);
/* Takes the device away. force: the guest is not asked, it may be dead. */
int device_remove(struct hospes *h, const struct device *dev, bool force);
/* All devices of a guest that has died; goes on after an error, whose first cause stays. */
int device_remove_all(struct hospes *h, uint32_t domid);
/* The devices of one kind; *list is to be freed. The number, or -1. */
int device_list(struct hospes *h, uint32_t domid, enum device_kind kind, struct device **list);

#endif
