/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XENMEM_exchange: a PV domain gives frames and gets as many others, by other extents or below an
 * address limit; this is how dom0's swiotlb gets memory for DMA. Done chunk by chunk; a chunk is
 * the smallest number of whole extents on both sides.
 */
#include <hv/backend.h>
#include <hv/printk.h>
#include "memory_op_priv.h"

struct exchange {
    struct xen_memory_exchange x;
    struct domain *d;
    unsigned int memflags;
    struct exchange_plan plan;
    struct page_list in, out;    /* in: stolen frames; out: first frames of new extents */
};

int exchange_plan(const struct xen_memory_exchange *x, unsigned int max_order,
                  struct exchange_plan *plan)
{
    unsigned int in = x->in.extent_order, out = x->out.extent_order;

    if (MAX(in, out) > max_order)
        return -EPERM;
    if (x->nr_exchanged > x->in.nr_extents || x->in.domid != x->out.domid ||
        ~0UL >> in < x->in.nr_extents || ~0UL >> out < x->out.nr_extents ||
        x->in.nr_extents << in != x->out.nr_extents << out)
        return -EINVAL;
    plan->in_chunk_order = in <= out ? out - in : 0;
    plan->out_chunk_order = in <= out ? 0 : in - out;
    plan->first = x->nr_exchanged >> plan->in_chunk_order;
    plan->end = x->in.nr_extents >> plan->in_chunk_order;
    return 0;
}

/* Takes the chunk's frames from the domain; those taken before an error stay on the list. */
static int steal_chunk(struct exchange *e, unsigned long chunk)
{
    for (unsigned long j = 0; j < 1UL << e->plan.in_chunk_order; j++) {
        xen_pfn_t gmfn;
        if (copy_from_handle_offset(&gmfn, e->x.in.extent_start,
                                    (chunk << e->plan.in_chunk_order) + j, 1))
            return -EFAULT;
        for (unsigned long k = 0; k < 1UL << e->x.in.extent_order; k++) {
            int rc = mfn_valid(gmfn + k) ? steal_page(e->d, mfn_to_page(gmfn + k), 0) : -EINVAL;
            if (rc)
                return rc;
            page_list_add(&e->in, mfn_to_page(gmfn + k));
        }
    }
    return 0;
}

static int allocate_chunk(struct exchange *e)
{
    for (unsigned long j = 0; j < 1UL << e->plan.out_chunk_order; j++) {
        struct page_info *pg = alloc_domain_pages(NULL, e->x.out.extent_order, e->memflags);
        if (!pg)
            return -ENOMEM;
        page_list_add_tail(&e->out, pg);
    }
    return 0;
}

static void free_out(struct exchange *e)
{
    struct page_info *pg;
    while ((pg = page_list_pop(&e->out)) != NULL)
        free_domain_pages(pg, e->x.out.extent_order);
}

/* Gives the stolen frames back. Fails only for a domain that is dying or whose limit was lowered:
 * then they are free. */
static void return_chunk(struct exchange *e)
{
    struct page_info *pg;
    while ((pg = page_list_pop(&e->in)) != NULL)
        if (assign_pages(e->d, pg, 0, 0))
            free_domain_pages(pg, 0);
    free_out(e);
}

static void free_chunk(struct exchange *e)
{
    struct page_info *pg;
    while ((pg = page_list_pop(&e->in)) != NULL) {
        mfn_t mfn = page_to_mfn(pg);
        if (e->d->backend->physmap_remove(e->d, mfn, mfn, 0))
            domain_crash(e->d, "exchanged frame %lx can't be removed from the physical map", mfn);
        free_domain_pages(pg, 0);
    }
}

/* Hands the new extents over. An error of the guest's lists is remembered, and the extents are its
   own all the same. */
static int assign_chunk(struct exchange *e, unsigned long chunk)
{
    unsigned int order = e->x.out.extent_order;
    unsigned long at = chunk << e->plan.out_chunk_order;
    struct page_info *pg;
    int rc = 0, err;

    for (; (pg = page_list_pop(&e->out)) != NULL; at++) {
        xen_pfn_t gpfn, mfn = page_to_mfn(pg);
        err = assign_pages(e->d, pg, order, 0);
        if (err) {
            free_domain_pages(pg, order);
            free_out(e);
            return err;
        }
        if (copy_from_handle_offset(&gpfn, e->x.out.extent_start, at, 1)) {
            rc = -EFAULT;
            continue;
        }
        err = e->d->backend->physmap_add(e->d, gpfn, mfn, order);
        if (err)
            rc = err;
        if (copy_to_handle_offset(e->x.out.extent_start, at, &mfn, 1))
            rc = -EFAULT;
    }
    return rc;
}

static int exchange_chunk(struct exchange *e, unsigned long chunk)
{
    int rc = steal_chunk(e, chunk);
    if (!rc)
        rc = allocate_chunk(e);
    if (rc) {
        return_chunk(e);
        return rc;
    }
    free_chunk(e);
    return assign_chunk(e, chunk);
}

/* Chunks until all are done, one fails, or it is time to stop (-ERESTART). nr_exchanged says how
   far it got. */
static int run(struct exchange *e)
{
    unsigned long i;
    int rc = 0;

    for (i = e->plan.first; i < e->plan.end && !rc; i++) {
        if (i != e->plan.first && hypercall_preempt_check()) {
            rc = -ERESTART;
            break;
        }
        rc = exchange_chunk(e, i);
        if (rc)
            break;
    }
    e->x.nr_exchanged = i < e->plan.end ? i << e->plan.in_chunk_order : e->x.in.nr_extents;
    return rc;
}

/* What the arguments ask for; e->d with a reference on success. */
static int decode(struct exchange *e)
{
    unsigned int bits = XENMEMF_get_address_bits(e->x.out.mem_flags);
    int rc = exchange_plan(&e->x, memop_max_order(), &e->plan);

    if (rc)
        return rc;
    if (bits && bits < order_of(max_page) + PAGE_SHIFT)
        e->memflags = MEMF_bits(bits);
    if (!memop_take_node(e->x.out.mem_flags, &e->memflags))
        return -EINVAL;
    if (bits && bits <= PAGE_SHIFT)
        return -ENOMEM; /* no frame is below that */
    e->d = target_domain(e->x.in.domid, &rc);
    if (!e->d)
        return rc;
    if (e->d->is_hvm) {
        put_domain(e->d);
        return -EOPNOTSUPP;
    }
    return 0;
}

long memop_exchange(void *arg)
{
    struct xen_memory_exchange *ux = arg;
    struct exchange e = { .in = PAGE_LIST_INIT, .out = PAGE_LIST_INIT };
    int rc;

    if (copy_arg_from(&e.x, ux))
        return -EFAULT;
    rc = decode(&e);
    if (!rc) {
        rc = run(&e);
        put_domain(e.d);
    }
    if (copy_to_guest(&ux->nr_exchanged, &e.x.nr_exchanged, sizeof(e.x.nr_exchanged)))
        return -EFAULT;
    return rc == -ERESTART ? memop_continue(XENMEM_exchange, 0, arg) : rc;
}
