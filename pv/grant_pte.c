/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page-table entries of grant mappings. The references behind them are the grant code's affair; see
 * pv/pv.h for who has them when. Walks of the guest's tables by virtual address for others are here
 * too.
 */
#include <hv/domain.h>
#include <xen/grant_table.h>
#include <pv/pt.h>

bool pv_guest_get_l1e(unsigned long va, pte_t *e)
{
    const struct pv_vcpu *pv = pv_vcpu(current);
    uint64_t root = pv->flags & PVF_KERNEL ? pv->guest_root : pv->guest_root_user;
    const pte_t *p = root ? pt_walk(root, va) : NULL;

    if (!p)
        return false;
    *e = READ_ONCE(*p);
    return true;
}

static uint64_t grant_pte_flags(unsigned int flags, unsigned int cache_attr)
{
    uint64_t f = PTE_P | PTE_US | PTE_A | PTE_D | PTE_NX | cacheattr_pte(cache_attr & 7);

    if (!(flags & GNTMAP_readonly))
        f |= PTE_RW;
    return f | MASK_INSR((uint64_t)(flags >> _GNTMAP_guest_avail0), PTE_AVL);
}

/* The entry meant, its table locked (pt_unlock_page(virt_to_page(p))); NULL and *err. */
static pte_t *locate(uint64_t addr, bool contains_pte, int *err)
{
    struct vcpu *v = current;
    pte_t *p;

    *err = GNTST_general_error;
    if (contains_pte)
        p = IS_ALIGNED(addr, sizeof(pte_t)) && mfn_valid(paddr_to_pfn(addr)) ? maddr_to_virt(addr)
                                                                             : NULL;
    else
        p = pt_walk(pv_vcpu(v)->guest_root, addr);
    if (!p || !pt_lock_table(virt_to_page(p), v->domain, PGT_l1_page_table))
        return NULL;
    return p;
}

int pv_grant_map(uint64_t addr, mfn_t mfn, unsigned int flags, unsigned int cache_attr)
{
    struct page_info *pg = frame_of(mfn);
    struct domain *d = current->domain;
    int err;
    pte_t *p = locate(addr, flags & GNTMAP_contains_pte, &err), old;

    if (!p)
        return err;
    if (pg && !(flags & GNTMAP_readonly) && !owned_by(pg, d) &&
        !(READ_ONCE(pg->count_info) & PGC_foreign))
        __atomic_fetch_or(&pg->count_info, PGC_foreign, __ATOMIC_SEQ_CST);
    old = xchg(p, make_pte(mfn, grant_pte_flags(flags, cache_attr)));
    pt_unlock_page(virt_to_page(p));
    l1e_put(old, d);
    return GNTST_okay;
}

/* Puts new in place of the grant's entry. Exactly what was mapped has to be there: its references
 * go to the caller. */
static int replace(uint64_t addr, mfn_t mfn, unsigned int flags, pte_t new)
{
    uint64_t want = make_pte(mfn, PTE_P | (flags & GNTMAP_readonly ? 0 : PTE_RW));
    int rc;
    pte_t *p = locate(addr, flags & GNTMAP_contains_pte, &rc);

    if (!p)
        return rc;
    if ((READ_ONCE(*p) & (PTE_ADDR_MASK | PTE_P | PTE_RW)) == want) {
        xchg(p, new);
        rc = GNTST_okay;
    }
    pt_unlock_page(virt_to_page(p));
    return rc;
}

int pv_grant_unmap(uint64_t addr, mfn_t mfn, unsigned int flags, uint64_t new_addr)
{
    pte_t *p, moved;
    int rc;

    if (!new_addr)
        return replace(addr, mfn, flags, 0);
    if (flags & GNTMAP_contains_pte)
        return GNTST_general_error;
    p = locate(new_addr, false, &rc);
    if (!p)
        return rc;
    moved = xchg(p, 0);
    pt_unlock_page(virt_to_page(p));
    rc = replace(addr, mfn, flags, moved);
    if (rc != GNTST_okay)
        l1e_put(moved, current->domain);
    return rc;
}
