/* SPDX-License-Identifier: BSD-2-Clause */
/* The list of PCI devices, as dom0 reports what it found: it enumerates the buses, the hypervisor
   does not. */
#include <hv/acpi.h>
#include <hv/errno.h>
#include <hv/list.h>
#include <hv/mm.h>
#include <hv/printk.h>
#include <hv/spinlock.h>
#include <hv/uaccess.h>
#include <xen/physdev.h>
#include "physdev_priv.h"

struct pci_device {
    struct list_head link;
    uint16_t segment;
    uint8_t bus, devfn;
    bool ext_function, virt_function;
    uint8_t phys_bus, phys_devfn;   /* of a virtual function */
    bool has_proximity;
    uint32_t proximity;
};

static LIST_HEAD(devices);                          /* (devices_lock) */
static DEFINE_SPINLOCK(devices_lock, LOCK_PCI);

static struct pci_device *find(uint16_t segment, uint8_t bus, uint8_t devfn)
{
    struct pci_device *p;

    list_for_each(p, &devices, link)
        if (p->segment == segment && p->bus == bus && p->devfn == devfn)
            return p;
    return NULL;
}

/* Adding a device again only updates what is known of it. */
static long add(const struct pci_device *dev)
{
    struct pci_device *fresh = xzalloc_struct(struct pci_device), *p;
    struct list_head link;

    if (!fresh)
        return -ENOMEM;
    spin_lock(&devices_lock);
    p = find(dev->segment, dev->bus, dev->devfn);
    if (!p) {
        p = fresh;
        fresh = NULL;
        list_add_tail(&p->link, &devices);
    }
    link = p->link;
    *p = *dev;
    p->link = link;
    spin_unlock(&devices_lock);
    xfree(fresh);
    return 0;
}

static long remove(uint16_t segment, uint8_t bus, uint8_t devfn)
{
    struct pci_device *p;

    spin_lock(&devices_lock);
    p = find(segment, bus, devfn);
    if (p)
        list_del(&p->link);
    spin_unlock(&devices_lock);
    if (!p)
        return -ENODEV;
    xfree(p);
    return 0;
}

long physdev_manage_pci_add(struct domain *d, void *arg)
{
    struct physdev_manage_pci op;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    return add(&(struct pci_device){ .bus = op.bus, .devfn = op.devfn });
}

long physdev_manage_pci_remove(struct domain *d, void *arg)
{
    struct physdev_manage_pci op;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    return remove(0, op.bus, op.devfn);
}

long physdev_manage_pci_add_ext(struct domain *d, void *arg)
{
    struct physdev_manage_pci_ext op;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    if (op.is_extfn > 1 || op.is_virtfn > 1)
        return -EINVAL;
    return add(&(struct pci_device){ .bus = op.bus, .devfn = op.devfn, .ext_function = op.is_extfn,
                                     .virt_function = op.is_virtfn, .phys_bus = op.physfn.bus,
                                     .phys_devfn = op.physfn.devfn });
}

long physdev_pci_device_add(struct domain *d, void *arg)
{
    struct physdev_pci_device_add op;
    struct pci_device dev;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    dev = (struct pci_device){ .segment = op.seg, .bus = op.bus, .devfn = op.devfn,
                               .ext_function = op.flags & XEN_PCI_DEV_EXTFN,
                               .virt_function = op.flags & XEN_PCI_DEV_VIRTFN };
    if (dev.virt_function) {
        dev.phys_bus = op.physfn.bus;
        dev.phys_devfn = op.physfn.devfn;
    }
    if (op.flags & XEN_PCI_DEV_PXM) {
        const struct physdev_pci_device_add *guest = arg;

        dev.has_proximity = true;
        if (copy_from_guest(&dev.proximity, guest->optarr, sizeof(dev.proximity)))
            return -EFAULT;
    }
    return add(&dev);
}

long physdev_pci_device_remove(struct domain *d, void *arg)
{
    struct physdev_pci_device op;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    return remove(op.seg, op.bus, op.devfn);
}

long physdev_pci_mmcfg_reserved(struct domain *d, void *arg)
{
    struct physdev_pci_mmcfg_reserved op;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    for (unsigned int i = 0; i < acpi.nr_mcfg; i++) {
        const struct acpi_mcfg *m = &acpi.mcfg[i];

        if (m->segment == op.segment && m->base == op.address && m->start_bus == op.start_bus &&
            op.end_bus <= m->end_bus)
            return 0;
    }
    return -ENODEV;
}
