/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Level 1 page tables: what an entry owns of the frame it maps, validation of a whole table,
 * changes of one entry.
 *
 * Frames that are RAM must belong to the domain named and are counted; frames that are not RAM are
 * mapped by permission and not counted. A guest's choice of cache attributes for RAM is followed by
 * the hypervisor's own mapping of it.
 */
#include <hv/apic.h>
#include <hv/domain.h>
#include <hv/flush.h>
#include <hv/iocap.h>
#include <hv/printk.h>
#include <pv/frame.h>
#include <pv/pt.h>

/*
 * Device memory. Registers that dom0 may read only are mapped read-only (pv_ptwr_emulate() drops
 * the writes). Cached types become uncached: a frame that is not RAM has one memory type wherever
 * it is mapped.
 */
static int mmio_get(pte_t *e, struct domain *d, struct domain *pg_owner)
{
    mfn_t mfn = pte_mfn(*e);
    const struct domain *user = pg_owner == dom_io ? current->domain : pg_owner;

    if (!iomem_access_permitted(user, mfn, mfn) ||
        (user != d && !iomem_access_permitted(d, mfn, mfn)))
        return -EPERM;
    if (rangeset_contains(mmio_ro_ranges, mfn, mfn))
        *e &= ~PTE_RW;
    switch (*e & PTE_CACHE_ATTRS) {
    case 0:                     /* WB */
    case PTE_PWT:               /* WT */
    case PTE_PWT | PTE_PAT:     /* WP */
        *e |= PTE_PCD | PTE_PWT;
        break;
    }
    *e = (*e & ~PTE_G) | PTE_US;
    return 0;
}

/* The hypervisor's own mapping of pg has got another memory type. Large pages that were split for
   that are joined again when the last such frame is back. */
static void attr_changed(struct page_info *pg, unsigned int attr)
{
    flush_all(FLUSH_TLB_GLOBAL);
    if (!attr)
        join_hv_pages((unsigned long)page_to_virt(pg));
    pt_flush_cache(pg);
}

static int map_as(struct page_info *pg, unsigned int attr)
{
    return protect_hv_pages((unsigned long)page_to_virt(pg), 1, PAGE_HV_RW | cacheattr_pte(attr));
}

/* The note of the type and the mapping change as one: two CPUs may ask for different types. */
static DEFINE_SPINLOCK(cacheattr_lock, LOCK_CACHEATTR);

/* The hypervisor's own mapping follows, so that no frame has two memory types. Hypervisor pages
 * stay as they are. */
static int set_cacheattr(struct page_info *pg, unsigned int attr)
{
    unsigned long x, nx;
    int rc;

    if (READ_ONCE(pg->count_info) & PGC_xen)
        return -EACCES;
    spin_lock(&cacheattr_lock);
    rc = map_as(pg, attr);
    while (!rc) {
        x = READ_ONCE(pg->count_info);
        nx = (x & ~PGC_cacheattr_mask) | MASK_INSR((unsigned long)attr, PGC_cacheattr_mask);
        if (attr)
            nx |= PGC_noncoherent;
        if (cmpxchg(&pg->count_info, x, nx) == x)
            break;
    }
    spin_unlock(&cacheattr_lock);
    if (!rc)
        attr_changed(pg, attr);
    return rc ? -ENOMEM : 0;
}

void page_reset_cacheattr(struct page_info *pg)
{
    int rc = map_as(pg, 0);

    BUG_ON(rc); /* it has an entry of its own, there is nothing to split */
    attr_changed(pg, 0);
    __atomic_fetch_and(&pg->count_info, ~PGC_cacheattr_mask, __ATOMIC_SEQ_CST);
}

static int get_writable(struct page_info *pg, struct domain *d)
{
    if (unlikely(!owned_by(pg, d)) && !(READ_ONCE(pg->count_info) & PGC_foreign))
        __atomic_fetch_or(&pg->count_info, PGC_foreign, __ATOMIC_SEQ_CST);
    return pt_get(pg, PGT_writable_page, false);
}

int l1e_get(pte_t *e, struct domain *d, struct domain *pg_owner)
{
    mfn_t mfn = pte_mfn(*e);
    unsigned int attr = pte_cacheattr(*e);
    struct page_info *pg;
    int rc;

    if (unlikely(attr) && !pt_may_choose_caching(d))
        return -EINVAL;
    if (unlikely(!mfn_valid(mfn)))
        return mmio_get(e, d, pg_owner);
    pg = mfn_to_page(mfn);
    if (unlikely(!get_page(pg, pg_owner)))
        return owned_by(pg, dom_io) ? mmio_get(e, d, pg_owner) : -EBUSY;
    if (unlikely(pg_owner == dom_io)) {
        put_page(pg);
        return mmio_get(e, d, pg_owner);
    }
    if ((*e & PTE_RW) && unlikely(get_writable(pg, d))) {
        put_page(pg);
        return -EBUSY;
    }
    if (unlikely(attr != MASK_EXTR(READ_ONCE(pg->count_info), PGC_cacheattr_mask))) {
        rc = set_cacheattr(pg, attr);
        if (rc) {
            if (*e & PTE_RW)
                pt_put(pg, false);
            put_page(pg);
            return rc;
        }
    }
    *e = (*e & ~PTE_G) | PTE_US;
    return 0;
}

/* A descriptor page lost a mapping: it may have been the one that an LDT was loaded through. */
static void drop_shadow_ldts(struct domain *d)
{
    cpumask_t mask = { };
    struct vcpu *v;

    for_each_vcpu(d, v)
        if (pv_invalidate_shadow_ldt(v) && READ_ONCE(v->dirty_cpu) < NR_CPUS)
            __set_bit(v->dirty_cpu, mask.bits);
    if (!cpumask_empty(&mask))
        flush_mask(&mask, FLUSH_TLB, 0);
}

void l1e_put(pte_t e, struct domain *d)
{
    mfn_t mfn = pte_mfn(e);
    struct page_info *pg;
    unsigned long type;

    if (!(e & PTE_P) || unlikely(!mfn_valid(mfn)))
        return;
    pg = mfn_to_page(mfn);
    if (unlikely(owned_by(pg, dom_io)))
        return;
    if (e & PTE_RW) {
        pt_put(pg, false);
    } else {
        type = READ_ONCE(pg->type_info);
        if (unlikely((type & PGT_type_mask) == PGT_seg_desc_page) && (type & PGT_count_mask) &&
            owned_by(pg, d))
            drop_shadow_ldts(d);
    }
    put_page(pg);
}

/* l1e_get() in line where the frame is an ordinary one of the table's owner. */
static inline __attribute__((always_inline)) int entry_get(pte_t *e, struct domain *d,
                                                           struct domain *pg_owner)
{
    pte_t slow = *e;
    struct page_info *pg;
    int rc;

    if (likely(pg_owner == d && !(slow & PTE_CACHE_ATTRS)) &&
        likely((pg = frame_get(pte_mfn(slow), d)) != NULL)) {
        if (likely(!(slow & PTE_RW) || frame_use(pg, PGT_writable_page))) {
            *e = (slow & ~PTE_G) | PTE_US;
            return 0;
        }
        frame_put(pg);
    }
    rc = l1e_get(&slow, d, pg_owner);
    *e = slow;
    return rc;
}

/* l1e_put() of an entry that is present, the same way. */
static inline __attribute__((always_inline)) void entry_put(pte_t e, struct domain *d)
{
    mfn_t mfn = pte_mfn(e);
    struct page_info *pg = mfn_to_page(mfn);

    if (unlikely(mfn >= max_page || !small_count(frame_word(&pg->count_info)) ||
                 !owned_by(pg, d))) {
        l1e_put(e, d);
        return;
    }
    if (e & PTE_RW) {
        frame_unuse_writable(pg);
    } else if (unlikely(PT_LEVEL(READ_ONCE(pg->type_info)) == PT_LEVEL(PGT_seg_desc_page))) {
        l1e_put(e, d);
        return;
    }
    frame_put(pg);
}

int l1_validate(struct page_info *pg, struct domain *d)
{
    pte_t *t = page_to_virt(pg);
    unsigned int i;

    pt_for_each_present(i, t) {
        pte_t e = t[i];
        int rc = entry_get(&e, d, d);

        if (unlikely(rc)) {
            while (i-- > 0)
                l1e_put(t[i], d);
            return rc;
        }
        if (e != t[i])
            t[i] = e;
    }
    return 0;
}

void l1_devalidate(struct page_info *pg, struct domain *d)
{
    const pte_t *t = page_to_virt(pg);
    unsigned int i;

    pt_for_each_present(i, t)
        entry_put(t[i], d);
}

/* The page lock is held: of a present entry only the CPU's accessed and dirty bits can change under
 * us. */
static inline bool l1_write(pte_t *p, pte_t old, pte_t new, enum l1_mode mode)
{
    if (mode == L1_SET) {
        /* Locked if it was present, so that the change is seen before anything that follows, the
         * stamp of the frame above all. */
        if (old & PTE_P)
            xchg(p, new);
        else
            WRITE_ONCE(*p, new);
        return true;
    }
    for (;;) {
        pte_t seen = cmpxchg(p, old, mode == L1_KEEP_AD ? new | (old & (PTE_A | PTE_D)) : new);

        if (seen == old)
            return true;
        if (mode == L1_IF_SAME)
            return false;
        old = seen;
    }
}

/* The same frame stays mapped, and writable no more: only the use goes. */
static __attribute__((noinline)) int l1_write_protect(pte_t *p, pte_t old, pte_t new,
                                                      enum l1_mode mode)
{
    struct page_info *pg;

    if (!l1_write(p, old, (new & ~PTE_G) | PTE_US, mode))
        return -EAGAIN;
    if (unlikely(!mfn_valid(pte_mfn(old))))
        return 0;
    pg = mfn_to_page(pte_mfn(old));
    if (likely(!owned_by(pg, dom_io)))
        frame_unuse_writable(pg);
    return 0;
}

/* The same frame stays mapped, and becomes writable: only a use is added. False: the long way. */
static inline bool l1_make_writable(pte_t *p, pte_t old, pte_t new, enum l1_mode mode,
                                    struct domain *d, struct domain *pg_owner, int *rc)
{
    mfn_t mfn = pte_mfn(old);
    struct page_info *pg = mfn_to_page(mfn);

    if (unlikely(pg_owner != d || mfn >= max_page || !small_count(frame_word(&pg->count_info)) ||
                 !owned_by(pg, d) || !frame_use(pg, PGT_writable_page)))
        return false;
    *rc = 0;
    if (unlikely(!l1_write(p, old, (new & ~PTE_G) | PTE_US, mode))) {
        frame_unuse_writable(pg);
        *rc = -EAGAIN;
    }
    return true;
}

/* Another frame, or another use of it. */
static __attribute__((noinline)) int l1_replace(pte_t *p, pte_t old, pte_t new, enum l1_mode mode,
                                                struct domain *d, struct domain *pg_owner)
{
    enum pt_kind kind;
    int rc;

    if ((new & old & PTE_P) && ((old ^ new) & ~L1_FREE_BITS) == PTE_RW &&
        l1_make_writable(p, old, new, mode, d, pg_owner, &rc))
        return rc;
    kind = pt_kind_of(new);
    if (kind == PT_CHECK && !(new & PTE_P) && !pv_l1tf_entry_ok(d, new, 1))
        return -EPERM;
    if (kind == PT_PRESENT || (kind == PT_CHECK && (new & PTE_P))) {
        rc = entry_get(&new, d, pg_owner);
        if (unlikely(rc))
            return rc;
    }
    if (unlikely(!l1_write(p, old, new, mode))) {
        l1e_put(new, d);
        return -EAGAIN;
    }
    if (old & PTE_P)
        entry_put(old, d);
    return 0;
}

int l1_update(pte_t *p, pte_t old, pte_t new, enum l1_mode mode, struct domain *d,
              struct domain *pg_owner)
{
    if (new & old & PTE_P) {
        pte_t diff = (old ^ new) & ~L1_FREE_BITS;

        if (!diff)
            return l1_write(p, old, (new & ~PTE_G) | PTE_US, mode) ? 0 : -EAGAIN;
        if (diff == PTE_RW && (old & PTE_RW))
            return l1_write_protect(p, old, new, mode);
    }
    return l1_replace(p, old, new, mode, d, pg_owner);
}

int l1_update_translated(pte_t *p, pte_t new, enum l1_mode mode, struct domain *d,
                         struct domain *pg_owner)
{
    struct page_info *pg;
    int rc = -EINVAL;

    if (!(new & PTE_P))
        return l1_update(p, READ_ONCE(*p), new, mode, d, pg_owner);
    pg = pg_owner->backend->get_gfn(pg_owner, pte_mfn(new), false);
    if (!pg)
        return -EINVAL;
    /* It may be a third domain's. The reference keeps its owner. */
    if (page_get_owner(pg))
        rc = l1_update(p, READ_ONCE(*p), make_pte(page_to_mfn(pg), pte_flags(new)), mode, d,
                       page_get_owner(pg));
    put_page(pg);
    return rc;
}
