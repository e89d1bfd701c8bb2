/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Teardown of a dying PV domain's memory: roots, pins and tables left half-way, then each frame's
 * own reference. There are no cycles among tables, so nothing has to be forced: what stays is
 * mapped by others.
 */
#include <hv/domain.h>
#include <hv/hypercall.h>
#include <pv/pt.h>

#define FRAMES_PER_CHECK 64

static int relinquish_vcpus(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu(d, v) {
        int rc;

        pv_invalidate_shadow_ldt(v);
        pv_destroy_gdt(v);
        rc = pv_destroy_roots(v);
        if (rc)
            return rc;
    }
    return 0;
}

/* The caller has a reference. */
static int relinquish_frame(struct page_info *pg)
{
    if (__atomic_fetch_and(&pg->type_info, ~PGT_pinned, __ATOMIC_SEQ_CST) & PGT_pinned) {
        int rc = pt_put(pg, true);

        put_page(pg);
        if (rc)
            return rc;
    }
    return pt_finish(pg, true);
}

/* The next frame to visit, with a reference unless it is being freed; it moves to the end of the
   list, behind those that are still to be visited. */
static struct page_info *next_frame(struct domain *d, bool *referenced)
{
    struct pv_domain *pd = pv_domain(d);
    struct page_info *pg = NULL;

    spin_lock(&d->page_alloc_lock);
    if (pd->relmem_left)
        pg = page_list_first(&d->page_list);
    if (pg) {
        page_list_del(&d->page_list, pg);
        page_list_add_tail(&d->page_list, pg);
        pd->relmem_left--;
        *referenced = get_page(pg, d);
    }
    spin_unlock(&d->page_alloc_lock);
    return pg;
}

/* It has to be visited again, next. */
static void revisit(struct domain *d, struct page_info *pg)
{
    spin_lock(&d->page_alloc_lock);
    page_list_del(&d->page_list, pg);
    page_list_add(&d->page_list, pg);
    pv_domain(d)->relmem_left++;
    spin_unlock(&d->page_alloc_lock);
}

int pv_relinquish_memory(struct domain *d)
{
    struct pv_domain *pd = pv_domain(d);
    struct page_info *pg;
    bool referenced = false;

    if (!pd->relinquished) {
        int rc = relinquish_vcpus(d);

        if (rc)
            return rc;
        pd->relmem_left = d->page_list.count;
        pd->relinquished = true;
    }
    for (unsigned int n = 1; (pg = next_frame(d, &referenced)) != NULL; n++) {
        int rc;

        if (!referenced)
            continue;
        rc = relinquish_frame(pg);
        if (rc) {
            revisit(d, pg);
            put_page(pg);
            return rc;
        }
        put_page_alloc_ref(pg);
        put_page(pg);
        if (n % FRAMES_PER_CHECK == 0 && hypercall_preempt_check())
            return -ERESTART;
    }
    return 0;
}
