/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The physical map of translated domains, and resources of a domain for its toolstack. A PV domain
 * has no physical map of the hypervisor's: the first three are refused for it with -EACCES.
 */
#include <hv/backend.h>
#include <hv/grant.h>
#include "memory_op_priv.h"

#define ACQUIRE_BATCH 32

/* What is to appear: a frame of source space `space` at idx, of d or, for foreign, of the domain
   id'd. Reference on the page for the guest's frames only. */
static int source_frame(struct domain *d, unsigned int space, domid_t foreign, unsigned long idx,
                        mfn_t *mfn, struct page_info **pg)
{
    struct domain *fd = d;
    int err = 0;

    *pg = NULL;
    switch (space) {
    case XENMAPSPACE_shared_info:
        *mfn = virt_to_mfn(d->shared_info);
        return idx ? -EINVAL : 0;
    case XENMAPSPACE_grant_table:
        /* The status frames of version 2 have their own indices, which are beyond any limit
           here. */
        return grant_table_frame(d, (unsigned int)MIN(idx, (unsigned long)UINT32_MAX), mfn);
    case XENMAPSPACE_gmfn_foreign:
        fd = target_domain(foreign, &err);
        if (!fd)
            return err;
        /* fallthrough */
    case XENMAPSPACE_gmfn:
    case XENMAPSPACE_gmfn_range:
        *pg = fd->backend->get_gfn(fd, idx, false);
        if (fd != d)
            put_domain(fd);
        *mfn = *pg ? page_to_mfn(*pg) : INVALID_MFN;
        return *pg ? 0 : -EINVAL;
    default:
        return -EINVAL;
    }
}

/* What is at gfn now goes: the domain's own RAM back to the allocator, anything else just off the
 * map. */
static int vacate(struct domain *d, gfn_t gfn)
{
    struct page_info *pg = d->backend->get_gfn(d, gfn, false);
    bool ram;
    int rc;

    if (!pg)
        return 0;
    ram = page_get_owner(pg) == d && !(READ_ONCE(pg->count_info) & PGC_xen);
    rc = ram ? 0 : d->backend->physmap_remove(d, gfn, page_to_mfn(pg), 0);
    put_page(pg);
    return ram ? guest_remove_page(d, gfn) : rc;
}

static int add_one(struct domain *d, unsigned int space, domid_t foreign, unsigned long idx,
                   gfn_t gfn)
{
    struct page_info *pg;
    mfn_t mfn;
    int rc;

    if (gfn == INVALID_GFN)
        return -EINVAL;
    rc = source_frame(d, space, foreign, idx, &mfn, &pg);
    if (rc)
        return rc;
    if (space == XENMAPSPACE_gmfn || space == XENMAPSPACE_gmfn_range)
        rc = idx == gfn ? 0 : d->backend->physmap_remove(d, idx, mfn, 0); /* it moves */
    if (!rc && !(idx == gfn && pg))
        rc = vacate(d, gfn);
    if (!rc)
        rc = d->backend->physmap_add(d, gfn, mfn, 0);
    if (pg)
        put_page(pg);
    return rc;
}

/* The domain whose map may be changed, with a reference. */
static struct domain *map_owner(domid_t id, int *err)
{
    struct domain *d = target_domain(id, err);

    if (!d || d->is_hvm)
        return d;
    put_domain(d);
    *err = -EACCES;
    return NULL;
}

/* Pages of a range from start on: how many are done if it is time to stop, else 0 or an error. */
static long add_range(struct domain *d, const struct xen_add_to_physmap *x, unsigned long start)
{
    long rc = 0;

    if (x->size < start)
        return -EILSEQ;
    for (unsigned long i = start; i < x->size; i++) {
        if (i != start && hypercall_preempt_check())
            return (long)i;
        rc = add_one(d, x->space, 0, x->idx + i, x->gpfn + i);
        if (rc)
            break;
    }
    return rc;
}

long memop_add_to_physmap(unsigned long start, void *arg)
{
    struct xen_add_to_physmap x;
    struct domain *d;
    int err;
    long rc;

    if (start != (uint16_t)start)
        return -EDOM;
    if (copy_arg_from(&x, (struct xen_add_to_physmap *)arg))
        return -EFAULT;
    if (x.space == XENMAPSPACE_gmfn_foreign)
        return -ENOSYS;
    d = map_owner(x.domid, &err);
    if (!d)
        return err;
    if (x.space == XENMAPSPACE_gmfn_range)
        rc = add_range(d, &x, start);
    else
        rc = add_one(d, x.space, 0, x.idx, x.gpfn);
    put_domain(d);
    return rc > 0 ? memop_continue(XENMEM_add_to_physmap, (unsigned long)rc, arg) : rc;
}

static long add_batch(struct domain *d, const struct xen_add_to_physmap_batch *x,
                      unsigned long start)
{
    if (x->size < start || (start && x->size == start))
        return -EILSEQ;
    for (unsigned long i = start; i < x->size; i++) {
        xen_ulong_t idx;
        xen_pfn_t gpfn;
        int rc;
        if (i != start && hypercall_preempt_check())
            return (long)i;
        if (copy_from_handle_offset(&idx, x->idxs, i, 1) ||
            copy_from_handle_offset(&gpfn, x->gpfns, i, 1))
            return -EFAULT;
        if (gpfn == INVALID_GFN)
            return -EINVAL;
        rc = add_one(d, x->space, x->u.foreign_domid, idx, gpfn);
        if (copy_to_handle_offset(x->errs, i, &rc, 1))
            return -EFAULT;
    }
    return 0;
}

long memop_add_to_physmap_batch(unsigned long start, void *arg)
{
    struct xen_add_to_physmap_batch x;
    struct domain *d;
    int err;
    long rc;

    if (start != (uint16_t)start)
        return -EDOM;
    if (copy_arg_from(&x, (struct xen_add_to_physmap_batch *)arg))
        return -EFAULT;
    if (x.space == XENMAPSPACE_gmfn_range)
        return -EOPNOTSUPP;
    d = map_owner(x.domid, &err);
    if (!d)
        return err;
    rc = add_batch(d, &x, start);
    put_domain(d);
    return rc > 0 ? memop_continue(XENMEM_add_to_physmap_batch, (unsigned long)rc, arg) : rc;
}

long memop_remove_from_physmap(void *arg)
{
    struct xen_remove_from_physmap x;
    struct page_info *pg;
    struct domain *d;
    int rc;

    if (copy_arg_from(&x, (struct xen_remove_from_physmap *)arg))
        return -EFAULT;
    d = map_owner(x.domid, &rc);
    if (!d)
        return rc;
    rc = -ENOENT;
    pg = d->backend->get_gfn(d, x.gpfn, false);
    if (pg) {
        rc = d->backend->physmap_remove(d, x.gpfn, page_to_mfn(pg), 0);
        put_page(pg);
    }
    put_domain(d);
    return rc;
}

/* --- Resources --- */

/* How many frames a resource may have; 0 = there is no such. I/O request servers come with HVM. */
static unsigned int resource_max_frames(const struct domain *d,
                                        const struct xen_mem_acquire_resource *r)
{
    if (r->type == XENMEM_resource_grant_table && r->id == XENMEM_resource_grant_table_id_shared)
        return d->max_grant_frames;
    return 0;
}

/* Copies the frame numbers from start on; the number done so far when it is time to stop, else 0 or
   an error. */
static long acquire(struct domain *d, const struct xen_mem_acquire_resource *r, unsigned long start)
{
    xen_pfn_t list[ACQUIRE_BATCH];
    unsigned long i = start;

    while (i < r->nr_frames) {
        unsigned int n;
        if (i != start && hypercall_preempt_check())
            return (long)i;
        for (n = 0; n < ACQUIRE_BATCH && i + n < r->nr_frames; n++) {
            mfn_t mfn;
            int rc = grant_table_frame(d, (unsigned int)(r->frame + i + n), &mfn);
            if (rc)
                return rc;
            list[n] = mfn;
        }
        if (copy_to_handle_offset(r->frame_list, i, list, n))
            return -EFAULT;
        i += n;
    }
    return 0;
}

static long acquire_from(struct domain *d, struct xen_mem_acquire_resource *r, unsigned long start,
                         void *arg)
{
    struct xen_mem_acquire_resource *ur = arg;
    unsigned int max = resource_max_frames(d, r);
    long rc;

    if (!max)
        return r->type > XENMEM_resource_vmtrace_buf ? -EOPNOTSUPP : -EINVAL;
    if (handle_is_null(r->frame_list)) {
        if (r->nr_frames || start)
            return -EINVAL;
        return copy_to_guest(&ur->nr_frames, &max, sizeof(max));
    }
    if (start >= r->nr_frames || r->nr_frames > MEMOP_MAX_EXTENTS)
        return -EINVAL;
    rc = acquire(d, r, start);
    return rc > 0 ? memop_continue(XENMEM_acquire_resource, (unsigned long)rc, arg) : rc;
}

long memop_acquire_resource(unsigned long start, void *arg)
{
    struct xen_mem_acquire_resource r;
    struct domain *d;
    long rc;

    if (copy_arg_from(&r, (struct xen_mem_acquire_resource *)arg))
        return -EFAULT;
    if (r.pad || r.frame >> 32 || (r.frame + r.nr_frames) >> 32)
        return -EINVAL;
    d = get_domain_by_id(r.domid);
    if (!d)
        return -ESRCH;
    if (d == current->domain)
        rc = -EPERM;
    else
        rc = acquire_from(d, &r, start, arg);
    put_domain(d);
    return rc;
}
