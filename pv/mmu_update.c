/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HYPERVISOR_mmu_update: entries of page tables by machine address, and machine-to-physical
 * entries. Longest path: one entry whose table is validated or undone, which stops at the next
 * preemption point; between entries it stops as well.
 */
#include <hv/hypercall.h>
#include <hv/lib.h>
#include <hv/uaccess.h>
#include <pv/pt.h>
#include <pv/user.h>

_Static_assert(sizeof(struct mmu_update) == 16, "two words");

#define MMU_CMD_MASK (sizeof(pte_t) - 1)

struct owners { struct domain *pt, *pg; };

struct domain *pt_get_owner(domid_t id, int *err)
{
    struct domain *curr = current->domain, *d;

    if (id == DOMID_SELF || id == curr->domain_id)
        return curr;
    if (id != DOMID_IO && !is_control_domain(curr)) {
        *err = -EPERM;
        return NULL;
    }
    *err = -ESRCH;
    if (id != DOMID_IO && id != DOMID_XEN)
        return get_domain_by_id(id);
    d = id == DOMID_IO ? dom_io : dom_xen;
    get_knownalive_domain(d);
    return d;
}

/* foreigndom: owner of the frames mapped in its low half, owner of the tables + 1 in its high half
 * (0 = current). */
static int get_owners(struct owners *o, uint32_t foreigndom)
{
    uint32_t pt_dom = foreigndom >> 16;
    int err = -EINVAL;

    o->pg = NULL;
    o->pt = pt_dom ? pt_get_owner((domid_t)(pt_dom - 1), &err) : current->domain;
    if (!o->pt)
        return err;
    err = -EINVAL;
    if (!o->pt->is_hvm)
        o->pg = pt_get_owner((domid_t)foreigndom, &err);
    if (o->pg)
        return 0;
    pt_put_owner(o->pt);
    return err;
}

static int update_m2p(mfn_t mfn, unsigned long gpfn, struct domain *owner)
{
    struct page_info *pg = frame_of(mfn);

    if (!pg || !get_page(pg, owner))
        return -EINVAL;
    set_gpfn_from_mfn(mfn, gpfn);
    put_page(pg);
    return 0;
}

/* A frame that is no page table: the guest could as well write to it by a mapping. */
static int update_plain(struct page_info *pg, pte_t *p, pte_t val, struct domain *owner)
{
    int rc = get_page_and_type(pg, owner, PGT_writable_page);

    if (rc)
        return -EINVAL;
    WRITE_ONCE(*p, val);
    put_page_and_type(pg);
    return 0;
}

static int update_locked(struct page_info *pg, pte_t *p, pte_t val, bool keep_ad,
                         const struct owners *o)
{
    unsigned int level = PT_LEVEL(pg->type_info);

    if (unlikely(!owned_by(pg, o->pt)))
        return -EINVAL;
    if (likely(level == 1))
        return l1_update(p, READ_ONCE(*p), val, keep_ad ? L1_KEEP_AD : L1_SET, o->pt, o->pg);
    if (o->pg != o->pt)
        return -EINVAL;
    return table_update(p, val, keep_ad, level, pg, o->pt);
}

static int update_one(const struct mmu_update *req, const struct owners *o)
{
    unsigned int cmd = req->ptr & MMU_CMD_MASK;
    mfn_t mfn = req->ptr >> PAGE_SHIFT;
    struct page_info *pg;
    pte_t *p;
    int rc;

    if (unlikely(cmd == MMU_MACHPHYS_UPDATE))
        return update_m2p(mfn, req->val, o->pg);
    if (unlikely(cmd > MMU_PT_UPDATE_NO_TRANSLATE))
        return -ENOSYS;
    if (unlikely(!mfn_valid(mfn)))
        return -EINVAL;
    pg = mfn_to_page(mfn);
    p = (pte_t *)((char *)mfn_to_virt(mfn) + (req->ptr & ~PAGE_MASK & ~MMU_CMD_MASK));
    if (unlikely(!pt_lock_page(pg)))
        return update_plain(pg, p, req->val, o->pt);
    rc = update_locked(pg, p, req->val, cmd == MMU_PT_UPDATE_PRESERVE_AD, o);
    pt_unlock_page(pg);
    return rc;
}

/* Does what can be done now; *done says how many. -ERESTART: go on later. */
static int update_all(const struct mmu_update *ureqs, unsigned int count, unsigned int *done,
                      const struct owners *o)
{
    const struct pv_vcpu *pv = pv_vcpu(current);
    struct mmu_update req;
    int rc = 0;

    for (unsigned int i = 0; i < count; i++) {
        *done = i;
        if (i && (pv->old_root || hypercall_preempt_check()))
            return -ERESTART;
        if (unlikely(!pv_get_2_words((uint64_t *)&req, ureqs + i)))
            return -EFAULT;
        rc = update_one(&req, o);
        if (unlikely(rc))
            return rc;
    }
    *done = count;
    return 0;
}

unsigned int pt_done_before(const void *pdone)
{
    unsigned int before;

    return pdone && !copy_from_guest(&before, pdone, sizeof(before)) ? before : 0;
}

void pt_report_done(void *pdone, unsigned int done)
{
    int rc = pdone ? copy_to_guest(pdone, &done, sizeof(done)) : 0;

    (void)rc; /* what is done is done: a bad pointer spoils only the report */
}

static __attribute__((noinline)) long update_general(void *ureqs, unsigned long ucount, void *pdone,
                                                     unsigned long foreigndom)
{
    unsigned int count = (unsigned int)ucount, before = 0, done = 0;
    struct owners o;
    long rc;

    if (unlikely(pv_put_old_root(current)))
        return HYPERCALL_CONTINUE(mmu_update, (unsigned long)ureqs, ucount, (unsigned long)pdone,
                                  foreigndom);
    /* Only what was left of a finished call: its result came along. */
    if (unlikely(count == MMU_PREEMPTED && !ureqs))
        return (int)foreigndom;
    if (unlikely(count & MMU_PREEMPTED)) {
        count &= ~MMU_PREEMPTED;
        before = pt_done_before(pdone);
    }
    rc = get_owners(&o, (uint32_t)foreigndom);
    if (unlikely(rc))
        return rc;
    rc = update_all(ureqs, count, &done, &o);
    pt_put_owner(o.pg);
    pt_put_owner(o.pt);

    pt_report_done(pdone, before + done);
    if (unlikely(rc == -ERESTART))
        return HYPERCALL_CONTINUE(mmu_update, (unsigned long)((struct mmu_update *)ureqs + done),
                                  (count - done) | MMU_PREEMPTED, (unsigned long)pdone, foreigndom);
    if (unlikely(pv_vcpu(current)->old_root))
        return HYPERCALL_CONTINUE(mmu_update, 0, MMU_PREEMPTED, 0, (unsigned long)rc);
    return rc;
}

/* One request on the caller's own behalf is what most calls are. */
long do_mmu_update(void *ureqs, unsigned long count, void *pdone, unsigned long foreigndom)
{
    struct vcpu *v = current;
    const struct owners own = { v->domain, v->domain };
    struct mmu_update req;
    long rc;

    if (count != 1 || pdone || foreigndom != DOMID_SELF || pv_vcpu(v)->old_root)
        return update_general(ureqs, count, pdone, foreigndom);
    if (unlikely(!pv_get_2_words((uint64_t *)&req, ureqs)))
        return -EFAULT;
    rc = update_one(&req, &own);
    if (unlikely(rc == -ERESTART))
        return HYPERCALL_CONTINUE(mmu_update, (unsigned long)ureqs, 1, 0, foreigndom);
    if (unlikely(pv_vcpu(v)->old_root))
        return HYPERCALL_CONTINUE(mmu_update, 0, MMU_PREEMPTED, 0, (unsigned long)rc);
    return rc;
}
