/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The per-domain area (PERDOMAIN_SLOT of every root table of a domain): for each vCPU a window of
 * 32 pages in which its GDT and LDT are mapped. Not global, so that ordinary flushes reach it. The
 * tables exist as long as the domain.
 */
#include <hv/domain.h>
#include <hv/errno.h>
#include <pv/pv.h>

#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_A | PTE_D)

_Static_assert(((unsigned long)MAX_VIRT_CPUS << GDT_LDT_VCPU_SHIFT) <= (1UL << L3_SHIFT),
               "one level 2 table is enough");

int pv_perdomain_init(struct domain *d)
{
    struct pv_domain *pd = pv_domain(d);
    pte_t *l2;

    pd->perdomain_l3 = alloc_xen_page();
    l2 = alloc_xen_page();
    if (!pd->perdomain_l3 || !l2) {
        if (l2)
            free_xen_page(l2);
        if (pd->perdomain_l3)
            free_xen_page(pd->perdomain_l3);
        pd->perdomain_l3 = NULL;
        return -ENOMEM;
    }
    pd->perdomain_l3_mfn = virt_to_mfn(pd->perdomain_l3);
    pd->perdomain_l3[0] = make_pte(virt_to_mfn(l2), TABLE_FLAGS);
    return 0;
}

void pv_perdomain_free(struct domain *d)
{
    struct pv_domain *pd = pv_domain(d);
    pte_t *l2;

    if (!pd->perdomain_l3)
        return;
    l2 = mfn_to_virt(pte_mfn(pd->perdomain_l3[0]));
    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        if (l2[i] & PTE_P)
            free_xen_page(mfn_to_virt(pte_mfn(l2[i])));
    free_xen_page(l2);
    free_xen_page(pd->perdomain_l3);
    pd->perdomain_l3 = NULL;
    pd->perdomain_l3_mfn = 0;
}

int pv_perdomain_init_vcpu(struct vcpu *v)
{
    unsigned long va = GDT_VIRT_START(v->vcpu_id);
    pte_t *l2 = mfn_to_virt(pte_mfn(pv_domain(v->domain)->perdomain_l3[0]));
    pte_t *l1;

    if (!(l2[l2_index(va)] & PTE_P)) {
        l1 = alloc_xen_page();
        if (!l1)
            return -ENOMEM;
        l2[l2_index(va)] = make_pte(virt_to_mfn(l1), TABLE_FLAGS);
    }
    l1 = mfn_to_virt(pte_mfn(l2[l2_index(va)]));
    pv_vcpu(v)->gdt_ldt_l1 = l1 + l1_index(va);
    return 0;
}
