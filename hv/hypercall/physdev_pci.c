/* SPDX-License-Identifier: BSD-2-Clause */
/* The sub-operations of physdev_op about PCI devices: dom0 reports what it found. */
#include <hv/errno.h>
#include <hv/msi.h>
#include <hv/pci.h>
#include <hv/uaccess.h>
#include <xen/physdev.h>
#include "physdev_priv.h"

long physdev_manage_pci_add(struct domain *d, void *arg)
{
    struct physdev_manage_pci op;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    return pci_add(d, &(struct pci_report){ .sbdf = PCI_SBDF(0, op.bus, op.devfn),
                                            .proximity = NO_PROXIMITY });
}

long physdev_manage_pci_remove(struct domain *d, void *arg)
{
    struct physdev_manage_pci op;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    return pci_remove(PCI_SBDF(0, op.bus, op.devfn));
}

long physdev_manage_pci_add_ext(struct domain *d, void *arg)
{
    struct physdev_manage_pci_ext op;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    if (op.is_extfn > 1 || op.is_virtfn > 1)
        return -EINVAL;
    return pci_add(d, &(struct pci_report){
                          .sbdf = PCI_SBDF(0, op.bus, op.devfn),
                          .ext_function = op.is_extfn, .virt_function = op.is_virtfn,
                          .phys_function = PCI_SBDF(0, op.physfn.bus, op.physfn.devfn),
                          .proximity = NO_PROXIMITY });
}

long physdev_pci_device_add(struct domain *d, void *arg)
{
    const struct physdev_pci_device_add *guest = arg;
    struct physdev_pci_device_add op;
    struct pci_report r;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    r = (struct pci_report){
        .sbdf = PCI_SBDF(op.seg, op.bus, op.devfn),
        .ext_function = op.flags & XEN_PCI_DEV_EXTFN,
        .virt_function = op.flags & XEN_PCI_DEV_VIRTFN,
        .phys_function = PCI_SBDF(op.seg, op.physfn.bus, op.physfn.devfn),
        .proximity = NO_PROXIMITY,
    };
    if ((op.flags & XEN_PCI_DEV_PXM) &&
        copy_from_guest(&r.proximity, guest->optarr, sizeof(r.proximity)))
        return -EFAULT;
    return pci_add(d, &r);
}

static int device_arg(uint32_t *sbdf, const void *arg)
{
    struct physdev_pci_device op;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    *sbdf = PCI_SBDF(op.seg, op.bus, op.devfn);
    return 0;
}

long physdev_pci_device_remove(struct domain *d, void *arg)
{
    uint32_t sbdf;

    return device_arg(&sbdf, arg) ? -EFAULT : pci_remove(sbdf);
}

long physdev_prepare_msix(struct domain *d, void *arg)
{
    uint32_t sbdf;

    return device_arg(&sbdf, arg) ? -EFAULT : msi_prepare_msix(sbdf, false);
}

long physdev_release_msix(struct domain *d, void *arg)
{
    uint32_t sbdf;

    return device_arg(&sbdf, arg) ? -EFAULT : msi_prepare_msix(sbdf, true);
}

long physdev_restore_msi(struct domain *d, void *arg)
{
    struct physdev_restore_msi op;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    return msi_restore(PCI_SBDF(0, op.bus, op.devfn));
}

long physdev_restore_msi_ext(struct domain *d, void *arg)
{
    uint32_t sbdf;

    return device_arg(&sbdf, arg) ? -EFAULT : msi_restore(sbdf);
}

long physdev_pci_mmcfg_reserved(struct domain *d, void *arg)
{
    struct physdev_pci_mmcfg_reserved op;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    return pci_mmcfg_reserved(op.segment, op.start_bus, op.end_bus, op.address, op.flags);
}
