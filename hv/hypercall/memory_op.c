/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HYPERVISOR_memory_op: which operation it is, and the ones that only answer a question. What
 * Xen 4.17 has under build options that Debian leaves off (paging, sharing, populate-on-demand of
 * PV) is refused with the errno it gives then.
 */
#include "memory_op_priv.h"

static long query(unsigned int op, void *arg)
{
    struct xen_memory_domain q;
    struct domain *d;
    unsigned long max_pfn;
    int err;
    long rc;

    if (copy_arg_from(&q, (struct xen_memory_domain *)arg))
        return -EFAULT;
    d = target_domain(q.domid, &err);
    if (!d)
        return err;
    if (op == XENMEM_current_reservation) {
        rc = (long)READ_ONCE(d->tot_pages);
    } else if (op == XENMEM_maximum_reservation) {
        rc = (long)READ_ONCE(d->max_pages);
    } else if (d->is_hvm) {
        rc = (long)READ_ONCE(d->max_pfn_seen);
    } else {
        max_pfn = READ_ONCE(d->shared_info->arch.max_pfn); /* a number of frames, unlike HVM's */
        rc = (long)(max_pfn ? max_pfn - 1 : 0);
    }
    put_domain(d);
    return rc;
}

static long claim(void *arg)
{
    struct xen_memory_reservation r;
    struct domain *d;
    long rc;

    if (copy_arg_from(&r, (struct xen_memory_reservation *)arg))
        return -EFAULT;
    if (!handle_is_null(r.extent_start) || r.extent_order || r.mem_flags)
        return -EINVAL;
    d = get_domain_by_id(r.domid);
    if (!d)
        return -EINVAL;
    rc = claim_pages(d, r.nr_extents);
    put_domain(d);
    return rc;
}

static long vnuma_info(void *arg)
{
    struct xen_vnuma_topology_info info;
    struct domain *d;
    int err;

    if (copy_arg_from(&info, (struct xen_vnuma_topology_info *)arg))
        return -EFAULT;
    if (info.pad)
        return -EINVAL;
    d = target_domain(info.domid, &err);
    if (!d)
        return err;
    put_domain(d);
    return -EOPNOTSUPP; /* no domain has a virtual NUMA topology */
}

/* Without an IOMMU no device memory is reserved. */
static long reserved_device_memory(void *arg)
{
    struct xen_reserved_device_memory_map map;

    if (copy_arg_from(&map, (struct xen_reserved_device_memory_map *)arg))
        return -EFAULT;
    if (map.flags & ~XENMEM_RDM_ALL)
        return -EINVAL;
    map.nr_entries = 0;
    return copy_arg_to((struct xen_reserved_device_memory_map *)arg, &map);
}

/* Only memory of domains with a second-level translation can have access rights of its own; there
 * is no such domain yet. */
static long access_op(void *arg)
{
    struct xen_mem_access_op op;
    struct domain *d;
    long rc = -EINVAL;

    if (copy_arg_from(&op, (struct xen_mem_access_op *)arg))
        return -EFAULT;
    d = get_domain_by_id(op.domid);
    if (!d)
        return -ESRCH;
    if (d == current->domain)
        rc = -EPERM;
    put_domain(d);
    return rc;
}

/* No domain has memory populated on demand: a target changes nothing, and all pages are there. */
static long pod_target(unsigned int op, void *arg)
{
    struct xen_pod_target t;
    struct domain *d;
    long rc = 0;

    if (copy_arg_from(&t, (struct xen_pod_target *)arg))
        return -EFAULT;
    d = get_domain_by_any_id(t.domid);
    if (!d)
        return -ESRCH;
    if (!d->is_hvm)
        rc = -EINVAL;
    else if (op == XENMEM_set_pod_target && t.target_pages > d->max_pages)
        rc = -EINVAL;
    if (!rc) {
        t.tot_pages = READ_ONCE(d->tot_pages);
        t.pod_cache_pages = 0;
        t.pod_entries = 0;
        rc = copy_arg_to((struct xen_pod_target *)arg, &t);
    }
    put_domain(d);
    return rc;
}

/* Operations that never are continued: a start extent is refused. */
static long simple_op(unsigned int op, void *arg)
{
    switch (op) {
    case XENMEM_exchange:
        return memop_exchange(arg);
    case XENMEM_maximum_ram_page:
        return (long)max_page;
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
        return query(op, arg);
    case XENMEM_remove_from_physmap:
        return memop_remove_from_physmap(arg);
    case XENMEM_claim_pages:
        return claim(arg);
    case XENMEM_get_vnumainfo:
        return vnuma_info(arg);
    case XENMEM_reserved_device_memory_map:
        return reserved_device_memory(arg);
    default:
        return -ENOSYS;
    }
}

/* The x86 half of the interface: with a start extent these numbers do not exist. */
static long x86_op(unsigned int op, void *arg)
{
    switch (op) {
    case XENMEM_set_memory_map:
        return memop_set_memory_map(arg);
    case XENMEM_memory_map:
        return memop_memory_map(arg);
    case XENMEM_machine_memory_map:
        return memop_machine_memory_map(arg);
    case XENMEM_machphys_mapping:
        return memop_machphys_mapping(arg);
    case XENMEM_machphys_mfn_list:
        return memop_machphys_mfn_list(arg);
    case XENMEM_machphys_compat_mfn_list:
        return -EOPNOTSUPP; /* no 32-bit PV */
    case XENMEM_set_pod_target:
    case XENMEM_get_pod_target:
        return pod_target(op, arg);
    case XENMEM_get_sharing_freed_pages:
    case XENMEM_get_sharing_shared_pages:
        return 0;
    default:
        return -ENOSYS; /* paging_op and sharing_op among them */
    }
}

long do_memory_op(unsigned long cmd, void *arg)
{
    unsigned long start = cmd >> MEMOP_EXTENT_SHIFT;
    unsigned int op = cmd & MEMOP_CMD_MASK;

    switch (op) {
    case XENMEM_increase_reservation:
    case XENMEM_decrease_reservation:
    case XENMEM_populate_physmap:
        return memop_reservation(op, start, arg);
    case XENMEM_add_to_physmap:
        return memop_add_to_physmap(start, arg);
    case XENMEM_add_to_physmap_batch:
        return memop_add_to_physmap_batch(start, arg);
    case XENMEM_acquire_resource:
        return memop_acquire_resource(start, arg);
    case XENMEM_access_op:
        return access_op(arg);
    case XENMEM_exchange:
    case XENMEM_maximum_ram_page:
    case XENMEM_current_reservation:
    case XENMEM_maximum_reservation:
    case XENMEM_maximum_gpfn:
    case XENMEM_remove_from_physmap:
    case XENMEM_claim_pages:
    case XENMEM_get_vnumainfo:
    case XENMEM_reserved_device_memory_map:
        return start ? -EINVAL : simple_op(op, arg);
    default:
        return start ? -ENOSYS : x86_op(op, arg);
    }
}
