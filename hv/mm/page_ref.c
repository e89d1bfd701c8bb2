/* SPDX-License-Identifier: BSD-2-Clause */
/* References to frames and the sharing of hypervisor pages with a domain (mm.h). */
#include <hv/domain.h>
#include <hv/flush.h>
#include <hv/printk.h>

struct domain *page_get_owner(const struct page_info *pg)
{
    uint16_t owner = READ_ONCE(pg->owner);

    return owner ? domain_by_owner(owner) : NULL;
}

void page_set_owner(struct page_info *pg, struct domain *d)
{
    WRITE_ONCE(pg->owner, (uint16_t)(d ? d->domain_id + 1 : 0));
}

/* One reference more if the frame is in use and the count does not overflow. */
static bool add_reference(struct page_info *pg)
{
    unsigned long x = READ_ONCE(pg->count_info), seen;

    for (;; x = seen) {
        if (!(x & PGC_count_mask) || !((x + 1) & PGC_count_mask))
            return false;
        seen = cmpxchg(&pg->count_info, x, x + 1);
        if (seen == x)
            return true;
    }
}

bool get_page(struct page_info *pg, struct domain *d)
{
    if (!add_reference(pg))
        return false;
    if (likely(READ_ONCE(pg->owner) == d->domain_id + 1))
        return true;
    put_page(pg);
    return false;
}

struct domain *page_get_owner_and_reference(struct page_info *pg)
{
    struct domain *d;

    if (!add_reference(pg))
        return NULL;
    d = page_get_owner(pg);
    if (!d)
        put_page(pg);
    return d;
}

void put_page(struct page_info *pg)
{
    unsigned long left = __atomic_sub_fetch(&pg->count_info, 1, __ATOMIC_SEQ_CST);

    ASSERT((left & PGC_count_mask) != PGC_count_mask);
    if (likely(left & PGC_count_mask))
        return;
    if (unlikely(left & PGC_cacheattr_mask))
        page_reset_cacheattr(pg);
    free_domain_pages(pg, 0);
}

void put_page_alloc_ref(struct page_info *pg)
{
    unsigned long bit = __builtin_ctzl(PGC_allocated);

    if (test_and_clear_bit(bit, &pg->count_info))
        put_page(pg);
}

void share_xen_page(struct page_info *pg, struct domain *d, bool writable)
{
    unsigned long type = writable ? PGT_writable_page : PGT_shared_page;

    ASSERT(pg->count_info == (PGC_xen | 1));
    page_set_owner(pg, d);
    /* The use of its own keeps the guest from ever making it another type. */
    pg->type_info = type | PGT_validated | 1;
    smp_wmb();
    __atomic_store_n(&pg->count_info, PGC_xen | PGC_allocated | 2, __ATOMIC_SEQ_CST);
    spin_lock(&d->page_alloc_lock);
    if (d->xen_pages++ == 0)
        get_knownalive_domain(d);
    page_list_add_tail(&d->xen_page_list, pg);
    spin_unlock(&d->page_alloc_lock);
}

bool unshare_xen_page(struct page_info *pg)
{
    struct domain *d = page_get_owner(pg);
    unsigned long x = READ_ONCE(pg->count_info);
    unsigned long expected = (x & PGC_allocated ? 2 : 1);
    bool last;

    if (!d)
        return true;
    if ((x & PGC_count_mask) != expected || (READ_ONCE(pg->type_info) & PGT_count_mask) != 1 ||
        cmpxchg(&pg->count_info, x, PGC_xen | 1) != x)
        return false;
    pg->tlb_stamp = tlb_stamp_now();
    pg->type_info = PGT_none;
    page_set_owner(pg, NULL);
    spin_lock(&d->page_alloc_lock);
    page_list_del(&d->xen_page_list, pg);
    last = --d->xen_pages == 0;
    spin_unlock(&d->page_alloc_lock);
    if (last)
        put_domain(d);
    return true;
}
