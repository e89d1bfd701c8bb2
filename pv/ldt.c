/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU's LDT lies in guest frames; its CPU sees them in the vCPU's window of the per-domain area,
 * where they are mapped when first used. Each slot in use owns a reference and a use as descriptor
 * page.
 */
#include <hv/domain.h>
#include <pv/pt.h>

#define LDT_FIRST_SLOT 16
#define LDT_SLOTS 16
#define LDT_ENTRY_SIZE 8
#define LDT_MAX_ENTRIES 8192

bool pv_map_ldt_shadow_page(unsigned int offset)
{
    struct vcpu *v = current;
    struct pv_vcpu *pv = pv_vcpu(v);
    pte_t *slot = &pv->gdt_ldt_l1[LDT_FIRST_SLOT + (offset >> PAGE_SHIFT)];
    const pte_t *map;
    struct page_info *pg;
    pte_t e;

    if (offset >= pv->ldt_ents * LDT_ENTRY_SIZE)
        return false;
    map = pt_walk(pv->guest_root, pv->ldt_base + (offset & PAGE_MASK));
    e = map ? READ_ONCE(*map) : 0;
    pg = e & PTE_P ? frame_of(pte_mfn(e)) : NULL;
    if (!pg || get_page_and_type(pg, v->domain, PGT_seg_desc_page))
        return false;

    spin_lock(&pv->shadow_ldt_lock);
    if (*slot & PTE_P) {
        spin_unlock(&pv->shadow_ldt_lock);
        put_page_and_type(pg);
        return true;
    }
    WRITE_ONCE(*slot, make_pte(page_to_mfn(pg), PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX));
    pv->shadow_ldt_count++;
    spin_unlock(&pv->shadow_ldt_lock);
    return true;
}

bool pv_invalidate_shadow_ldt(struct vcpu *v)
{
    struct pv_vcpu *pv = pv_vcpu(v);
    struct page_info *mapped[LDT_SLOTS];
    unsigned int n = 0;

    if (likely(!READ_ONCE(pv->shadow_ldt_count)))
        return false;
    spin_lock(&pv->shadow_ldt_lock);
    for (unsigned int i = 0; i < LDT_SLOTS && pv->shadow_ldt_count; i++) {
        pte_t e = xchg(&pv->gdt_ldt_l1[LDT_FIRST_SLOT + i], 0);

        if (!(e & PTE_P))
            continue;
        mapped[n++] = mfn_to_page(pte_mfn(e));
        pv->shadow_ldt_count--;
    }
    spin_unlock(&pv->shadow_ldt_lock);
    for (unsigned int i = 0; i < n; i++)
        put_page_and_type(mapped[i]);
    return n != 0;
}

int pv_set_ldt(struct vcpu *v, unsigned long base, unsigned int ents)
{
    struct pv_vcpu *pv = pv_vcpu(v);

    if ((base & ~PAGE_MASK) || ents > LDT_MAX_ENTRIES ||
        !pv_range_ok(base, (size_t)ents * LDT_ENTRY_SIZE))
        return -EINVAL;
    if (pv->ldt_base == base && pv->ldt_ents == ents)
        return 0;
    if (pv_invalidate_shadow_ldt(v))
        pt_flush_vcpu(v);
    pv->ldt_base = base;
    pv->ldt_ents = ents;
    if (v == current)
        pv_load_ldt(v);
    return 0;
}
