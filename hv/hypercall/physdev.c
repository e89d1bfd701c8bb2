/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * physdev_op: interrupts and devices of the machine as domains ask for them.
 */
#include <hv/acpi.h>
#include <hv/apic.h>
#include <hv/errno.h>
#include <hv/hypercall.h>
#include <hv/iocap.h>
#include <hv/irq.h>
#include <hv/msi.h>
#include <hv/pci.h>
#include <hv/uaccess.h>
#include <pv/pv.h>
#include <xen/physdev.h>
#include "physdev_priv.h"

#define MSI_MESSAGES_MAX 32 /* of one capability */

static long op_eoi(struct domain *d, void *arg)
{
    struct physdev_eoi eoi;

    if (copy_arg_from(&eoi, arg))
        return -EFAULT;
    if (eoi.irq >= d->nr_pirqs)
        return -EINVAL;
    if (pirq_auto_unmask(d)) {
        unsigned int port = pirq_to_evtchn(d, eoi.irq);

        if (port)
            evtchn_unmask(d, port);
    }
    return pirq_guest_eoi(d, eoi.irq);
}

static long eoi_gmfn(struct domain *d, void *arg, bool auto_unmask)
{
    struct physdev_pirq_eoi_gmfn op;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    return pirq_set_eoi_page(d, op.gmfn, auto_unmask);
}

static long op_eoi_gmfn_v1(struct domain *d, void *arg)
{
    return eoi_gmfn(d, arg, true);
}

static long op_eoi_gmfn_v2(struct domain *d, void *arg)
{
    return eoi_gmfn(d, arg, false);
}

static long op_unmask_notify(struct domain *d, void *arg)
{
    pirq_guest_unmask(d);
    return 0;
}

static long op_irq_status_query(struct domain *d, void *arg)
{
    struct physdev_irq_status_query q;

    if (copy_arg_from(&q, arg))
        return -EFAULT;
    if (q.irq >= d->nr_pirqs)
        return -EINVAL;
    /* A guest that doesn't use the page of EOI bits does best to call always; the page is exact. */
    q.flags = XENIRQSTAT_needs_eoi;
    if (pirq_is_shared(d, q.irq))
        q.flags |= XENIRQSTAT_shared;
    return copy_arg_to(arg, &q) ? -EFAULT : 0;
}

static long op_set_iopl(struct domain *d, void *arg)
{
    struct physdev_set_iopl op;

    if (d->is_hvm)
        return -ENOSYS;
    if (copy_arg_from(&op, arg))
        return -EFAULT;
    return pv_set_iopl(current, op.iopl);
}

static long op_set_iobitmap(struct domain *d, void *arg)
{
    struct physdev_set_iobitmap op;

    if (d->is_hvm)
        return -ENOSYS;
    if (copy_arg_from(&op, arg))
        return -EFAULT;
    return pv_set_iobitmap(current, op.bitmap.p, op.nr_ports);
}

static long op_apic_read(struct domain *d, void *arg)
{
    struct physdev_apic op;
    long rc;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    rc = ioapic_guest_read(op.apic_physbase, op.reg, &op.value);
    if (rc)
        return rc;
    return copy_arg_to(arg, &op) ? -EFAULT : 0;
}

static long op_apic_write(struct domain *d, void *arg)
{
    struct physdev_apic op;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    return ioapic_guest_write(op.apic_physbase, op.reg, op.value);
}

/* Vectors are not the guest's affair; the old call only wants to hear a number that is

   plausible. */
static long op_alloc_irq_vector(struct domain *d, void *arg)
{
    struct physdev_irq op;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    if (op.irq >= d->nr_pirqs)
        return -EINVAL;
    op.vector = op.irq;
    return copy_arg_to(arg, &op) ? -EFAULT : 0;
}

static long op_free_irq_vector(struct domain *d, void *arg)
{
    struct physdev_irq op;

    return copy_arg_from(&op, arg) ? -EFAULT : 0;
}

static long op_setup_gsi(struct domain *d, void *arg)
{
    struct physdev_setup_gsi op;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    if (op.gsi < 0)
        return -EINVAL;
    return irq_setup_gsi((unsigned int)op.gsi, op.triggering, op.polarity);
}

/* Several messages of one MSI would need vectors in a row: interrupt remapping makes them. */
static int map_msi(struct domain *t, struct physdev_map_pirq *op)
{
    struct msi_request req = { .entry = op->entry_nr, .table_base = op->table_base };

    req.sbdf = PCI_SBDF(op->type == MAP_PIRQ_TYPE_MSI ? 0 : (unsigned int)op->bus >> 16,
                        op->bus & 0xff, op->devfn & 0xff);
    if (op->type == MAP_PIRQ_TYPE_MULTI_MSI) {
        if (op->table_base)
            return -EINVAL;
        if (op->entry_nr <= 0 || op->entry_nr > MSI_MESSAGES_MAX)
            return -EDOM;
        if (op->entry_nr != 1)
            return -EOPNOTSUPP;
    } else if (op->index != -1) {
        return -EINVAL;
    }
    return pirq_map_msi(t, op->pirq, &req);
}

static int map_pirq(struct domain *t, struct physdev_map_pirq *op)
{
    switch (op->type) {
    case MAP_PIRQ_TYPE_GSI:
        return op->index < 0 ? -EINVAL : pirq_map_gsi(t, op->pirq, (unsigned int)op->index);
    case MAP_PIRQ_TYPE_MSI:
    case MAP_PIRQ_TYPE_MSI_SEG:
    case MAP_PIRQ_TYPE_MULTI_MSI:
        return map_msi(t, op);
    default:
        return -EINVAL;
    }
}

static long op_map_pirq(struct domain *d, void *arg)
{
    struct physdev_map_pirq op;
    struct domain *t;
    int rc;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    t = target_domain(op.domid, &rc);
    if (!t)
        return rc;
    rc = map_pirq(t, &op);
    put_domain(t);
    if (rc < 0)
        return rc;
    op.pirq = rc;
    return copy_arg_to(arg, &op) ? -EFAULT : 0;
}

static long op_unmap_pirq(struct domain *d, void *arg)
{
    struct physdev_unmap_pirq op;
    struct domain *t;
    int rc;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    if (op.pirq < 0)
        return -EINVAL;
    t = target_domain(op.domid, &rc);
    if (!t)
        return rc;
    rc = pirq_unmap(t, (unsigned int)op.pirq);
    put_domain(t);
    return rc;
}

static long op_get_free_pirq(struct domain *d, void *arg)
{
    struct physdev_get_free_pirq op;
    int rc;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    rc = pirq_get_free(d, op.type == MAP_PIRQ_TYPE_GSI);
    if (rc < 0)
        return rc;
    op.pirq = (uint32_t)rc;
    return copy_arg_to(arg, &op) ? -EFAULT : 0;
}

/* The hypervisor has no EHCI debug port whose controller dom0's driver could reset under it. */
static long op_dbgp(struct domain *d, void *arg)
{
    struct physdev_dbgp_op op;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    return op.op == PHYSDEVOP_DBGP_RESET_PREPARE || op.op == PHYSDEVOP_DBGP_RESET_DONE ? 0
                                                                                       : -ENOSYS;
}

static long (*const ops[])(struct domain *d, void *arg) = {
    [PHYSDEVOP_IRQ_UNMASK_NOTIFY] = op_unmask_notify,
    [PHYSDEVOP_irq_status_query] = op_irq_status_query,
    [PHYSDEVOP_set_iopl] = op_set_iopl,
    [PHYSDEVOP_set_iobitmap] = op_set_iobitmap,
    [PHYSDEVOP_apic_read] = op_apic_read,
    [PHYSDEVOP_apic_write] = op_apic_write,
    [PHYSDEVOP_alloc_irq_vector] = op_alloc_irq_vector,
    [PHYSDEVOP_free_irq_vector] = op_free_irq_vector,
    [PHYSDEVOP_eoi] = op_eoi,
    [PHYSDEVOP_map_pirq] = op_map_pirq,
    [PHYSDEVOP_unmap_pirq] = op_unmap_pirq,
    [PHYSDEVOP_manage_pci_add] = physdev_manage_pci_add,
    [PHYSDEVOP_manage_pci_remove] = physdev_manage_pci_remove,
    [PHYSDEVOP_pirq_eoi_gmfn_v1] = op_eoi_gmfn_v1,
    [PHYSDEVOP_restore_msi] = physdev_restore_msi,
    [PHYSDEVOP_manage_pci_add_ext] = physdev_manage_pci_add_ext,
    [PHYSDEVOP_setup_gsi] = op_setup_gsi,
    [PHYSDEVOP_get_free_pirq] = op_get_free_pirq,
    [PHYSDEVOP_pci_mmcfg_reserved] = physdev_pci_mmcfg_reserved,
    [PHYSDEVOP_pci_device_add] = physdev_pci_device_add,
    [PHYSDEVOP_pci_device_remove] = physdev_pci_device_remove,
    [PHYSDEVOP_restore_msi_ext] = physdev_restore_msi_ext,
    [PHYSDEVOP_pirq_eoi_gmfn_v2] = op_eoi_gmfn_v2,
    [PHYSDEVOP_dbgp_op] = op_dbgp,
    [PHYSDEVOP_prepare_msix] = physdev_prepare_msix,
    [PHYSDEVOP_release_msix] = physdev_release_msix,
};

long do_physdev_op(unsigned long cmd, void *arg)
{
    struct domain *d = current->domain;

    if (cmd >= ARRAY_SIZE(ops) || !ops[cmd])
        return -ENOSYS;
    return ops[index_nospec(cmd, ARRAY_SIZE(ops))](d, arg);
}
