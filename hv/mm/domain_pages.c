/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of domains: frames given to a domain, counted against its limit, taken back. A domain is
 * kept alive by the frames it owns: it holds a reference of itself while tot_pages or extra_pages
 * is not 0.
 */
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/flush.h>
#include <hv/printk.h>
#include "buddy.h"

/* Frames d holds of any kind; page_alloc_lock held. */
static unsigned long pages_held(const struct domain *d)
{
    return d->tot_pages + d->extra_pages;
}

/* Undoes one frame's accounting; page_alloc_lock held. True when it was the last: the caller drops
   the reference. */
static bool unaccount(struct domain *d, bool extra)
{
    if (extra)
        d->extra_pages--;
    else
        d->tot_pages--;
    return !pages_held(d);
}

static int account_pages(struct domain *d, unsigned long n, unsigned int memflags)
{
    bool first = !pages_held(d);

    if (d->is_dying)
        return -EINVAL;
    if (memflags & MEMF_no_refcount) {
        d->extra_pages += n;
    } else {
        if (d->tot_pages + n > d->max_pages || d->tot_pages + n < n)
            return -E2BIG;
        d->tot_pages += n;
        consume_claim(d, n);
    }
    if (first)
        get_knownalive_domain(d);
    return 0;
}

int assign_pages(struct domain *d, struct page_info *pg, unsigned int order, unsigned int memflags)
{
    unsigned long n = 1UL << order;
    unsigned long state = PGC_allocated | 1 | (memflags & MEMF_no_refcount ? PGC_extra : 0);
    int rc;

    /* The central rule (mm.h), for frames taken from another domain. */
    flush_stale(pg, n);
    spin_lock(&d->page_alloc_lock);
    rc = account_pages(d, n, memflags);
    for (unsigned long i = 0; !rc && i < n; i++) {
        ASSERT(!(pg[i].count_info & PGC_count_mask));
        pg[i].owner = (uint16_t)(d->domain_id + 1);
        pg[i].progress = 0;
        pg[i].type_info = PGT_none;
        page_list_add_tail(&d->page_list, &pg[i]);
        /* get_page() may see the frame from here on: its owner must be set before. */
        smp_wmb();
        WRITE_ONCE(pg[i].count_info, state);
    }
    spin_unlock(&d->page_alloc_lock);
    return rc;
}

struct page_info *alloc_domain_pages(struct domain *d, unsigned int order, unsigned int memflags)
{
    struct page_info *pg = take_frames(order, memflags, d);

    if (!pg || !d || memflags & MEMF_no_owner)
        return pg;
    if (assign_pages(d, pg, order, memflags)) {
        return_frames(pg, order);
        return NULL;
    }
    return pg;
}

/* Takes pg off the list of d it is on: its memory, or the work list of its teardown. Only the ends
   of a list are in its head, so inside either will do; the lengths of the two are then only right
   together. */
static void delist(struct domain *d, struct page_info *pg)
{
    uint32_t me = (uint32_t)page_to_mfn(pg);
    struct page_list *work = &d->relmem_list;

    if (work->first == me || work->last == me)
        page_list_del(work, pg);
    else
        page_list_del(&d->page_list, pg);
}

/* Owner's bookkeeping of frames that nobody refers to any more. */
static void leave_owner(struct domain *d, struct page_info *pg, unsigned long n)
{
    bool last = false;

    spin_lock(&d->page_alloc_lock);
    for (unsigned long i = 0; i < n; i++) {
        delist(d, &pg[i]);
        last = unaccount(d, pg[i].count_info & PGC_extra);
        pg[i].owner = 0;
    }
    spin_unlock(&d->page_alloc_lock);
    if (last)
        put_domain(d);
}

void free_domain_pages(struct page_info *pg, unsigned int order)
{
    unsigned long n = 1UL << order;
    struct domain *d = page_get_owner(pg);
    uint32_t now = tlb_stamp_now();

    if (d)
        leave_owner(d, pg, n);
    for (unsigned long i = 0; i < n; i++) {
        pg[i].tlb_stamp = now;
        pg[i].count_info = PGC_need_flush;
    }
    return_frames(pg, order);
}

int steal_page(struct domain *d, struct page_info *pg, unsigned int memflags)
{
    unsigned long x;
    bool last;

    spin_lock(&d->page_alloc_lock);
    x = READ_ONCE(pg->count_info);
    if (d->is_dying || pg->owner != d->domain_id + 1 || x & PGC_xen || !(x & PGC_allocated)) {
        spin_unlock(&d->page_alloc_lock);
        return -EINVAL;
    }
    /* Whoever takes a type holds a reference first: a count of 1 means that no type can come. */
    if ((x & PGC_count_mask) != 1 || READ_ONCE(pg->type_info) & PGT_count_mask ||
        cmpxchg(&pg->count_info, x, PGC_need_flush) != x) {
        spin_unlock(&d->page_alloc_lock);
        return -EBUSY;
    }
    page_list_del(&d->page_list, pg);
    pg->owner = 0;
    pg->tlb_stamp = tlb_stamp_now();
    last = unaccount(d, x & PGC_extra);
    spin_unlock(&d->page_alloc_lock);
    if (unlikely(x & PGC_cacheattr_mask))
        page_reset_cacheattr(pg);
    if (last)
        put_domain(d);
    return 0;
}
