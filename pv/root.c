/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Root tables of PV vCPUs: one for kernel mode, one for user mode. Each owns a reference and a use
 * as level 4 table. Work that is left after a table was dropped waits in the vCPU's old_root, with
 * a reference of its own.
 */
#include <hv/alternative.h>
#include <hv/domain.h>
#include <hv/flush.h>
#include <pv/frame.h>
#include <pv/pt.h>
#include <pv/xpti.h>

int pv_put_old_root(struct vcpu *v)
{
    struct pv_vcpu *pv = pv_vcpu(v);
    struct page_info *pg;
    int rc;

    if (likely(!pv->old_root))
        return 0;
    pg = mfn_to_page(pv->old_root);
    rc = pt_finish(pg, !current->is_idle);
    if (rc)
        return rc;
    pv->old_root = 0;
    put_page(pg);
    return 0;
}

static int root_get(struct domain *d, mfn_t mfn)
{
    struct page_info *pg = frame_get(mfn, d);
    int rc;

    if (likely(pg && frame_use(pg, PGT_l4_page_table)))
        return 0;
    if (!pg) {
        pg = frame_of(mfn);
        if (!pg || !get_page(pg, d))
            return -EINVAL;
    }
    rc = get_page_type_preemptible(pg, PGT_l4_page_table);
    if (rc)
        put_page(pg);
    return rc;
}

/* What is left goes to v's old_root: the caller sees to it that this is free. */
static void root_put(struct vcpu *v, uint64_t root)
{
    struct page_info *pg;

    if (!root)
        return;
    pg = mfn_to_page(paddr_to_pfn(root));
    if (unlikely(!frame_unuse(pg)) && pt_put(pg, !current->is_idle))
        pt_defer_to(v, pg);
    frame_put(pg);
}

int pv_new_guest_root(struct vcpu *v, mfn_t mfn)
{
    struct pv_vcpu *pv = pv_vcpu(v);
    uint64_t old = pv->guest_root;
    int rc = pv_put_old_root(v);
    bool copies;

    if (rc)
        return rc;
    if (old != pfn_to_paddr(mfn)) {
        rc = root_get(v->domain, mfn);
        if (rc)
            return rc;
    }
    /* The LDT is known by its address in the old tables. */
    if (pv_invalidate_shadow_ldt(v) && v != current)
        pt_flush_vcpu(v);
    copies = alt_store(ALT_XPTI, &pv->guest_root, pfn_to_paddr(mfn));
    if (v == current) {
        pv_load_root(v);
        if (copies && pv_domain(v->domain)->xpti)
            pv_root_copy(KERNEL_ROOT_COPY, pv->guest_root);
    }
    if (old != pv->guest_root)
        root_put(v, old);
    return 0;
}

int pv_new_user_root(struct vcpu *v, mfn_t mfn)
{
    struct pv_vcpu *pv = pv_vcpu(v);
    uint64_t old = pv->guest_root_user;
    int rc = pv_put_old_root(v);

    if (rc || old == pfn_to_paddr(mfn))
        return rc;
    rc = mfn ? root_get(v->domain, mfn) : 0;
    if (rc)
        return rc;
    if (alt_store(ALT_XPTI, &pv->guest_root_user, pfn_to_paddr(mfn)) && v == current &&
        pv_domain(v->domain)->xpti) {
        pv_root_copy(USER_ROOT_COPY, pv->guest_root_user);
        /* The TLB may have outlived changes of mode. */
        flush_local(FLUSH_TLB, 0);
    }
    root_put(v, old);
    return 0;
}

int pv_destroy_roots(struct vcpu *v)
{
    struct pv_vcpu *pv = pv_vcpu(v);
    uint64_t *const roots[] = { &pv->guest_root_user, &pv->guest_root };
    int rc = pv_put_old_root(v);

    for (unsigned int i = 0; i < ARRAY_SIZE(roots) && !rc; i++) {
        uint64_t root = *roots[i];

        *roots[i] = 0;
        root_put(v, root);
        rc = pv_put_old_root(v);
    }
    return rc;
}
