/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HYPERVISOR_mmu_update: entries of page tables by machine address, and machine-to-physical
 * entries. Longest path: one entry whose table is validated or undone, which stops at the next
 * preemption point; between entries it stops as well.
 */
#include <hv/hypercall.h>
#include <hv/lib.h>
#include <hv/uaccess.h>
#include <pv/frame.h>
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
    harden_branch();
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

/*
 * The frame whose entries are being changed. It is held from one request to the next for the same
 * frame: a page table by its lock, any other by a reference and a use as writable page, since the
 * guest could as well write to it by a mapping.
 */
struct target {
    mfn_t mfn;              /* INVALID_MFN: none is held */
    unsigned int level;     /* of the page table; 0: no page table */
};
#define NO_TARGET { INVALID_MFN, 0 }

static inline void target_drop(struct target *t)
{
    struct page_info *pg = mfn_to_page(t->mfn);

    if (t->mfn == INVALID_MFN)
        return;
    t->mfn = INVALID_MFN;
    if (likely(t->level)) {
        pt_unlock_page(pg);
        return;
    }
    frame_unuse_writable(pg);
    frame_put(pg);
}

static int target_take_plain(struct target *t, mfn_t mfn, struct domain *owner)
{
    struct page_info *pg = frame_get(mfn, owner);

    if (unlikely(!pg || !frame_use(pg, PGT_writable_page))) {
        if (pg)
            frame_put(pg);
        if (get_page_and_type(mfn_to_page(mfn), owner, PGT_writable_page))
            return -EINVAL;
    }
    t->mfn = mfn;
    t->level = 0;
    return 0;
}

static __attribute__((noinline)) int target_take(struct target *t, mfn_t mfn, struct domain *owner)
{
    struct page_info *pg;

    target_drop(t);
    if (unlikely(!mfn_valid(mfn)))
        return -EINVAL;
    pg = mfn_to_page(mfn);
    if (!type_is_table(READ_ONCE(pg->type_info)) || unlikely(!pt_lock_page(pg)))
        return target_take_plain(t, mfn, owner);
    t->mfn = mfn;
    t->level = PT_LEVEL(pg->type_info);
    if (likely(owned_by(pg, owner)))
        return 0;
    target_drop(t);
    return -EINVAL;
}

static int update_table(const struct target *t, pte_t *p, pte_t val, bool keep_ad,
                        const struct owners *o)
{
    if (o->pg != o->pt)
        return -EINVAL;
    return table_update(p, val, keep_ad, t->level, mfn_to_page(t->mfn), o->pt);
}

static inline __attribute__((always_inline)) int update_one(const struct mmu_update *req,
                                                            const struct owners *o,
                                                            struct target *t)
{
    unsigned int cmd = req->ptr & MMU_CMD_MASK;
    mfn_t mfn = req->ptr >> PAGE_SHIFT;
    bool keep_ad = cmd == MMU_PT_UPDATE_PRESERVE_AD;
    pte_t *p;
    int rc;

    if (unlikely(cmd != MMU_NORMAL_PT_UPDATE && cmd != MMU_PT_UPDATE_PRESERVE_AD)) {
        if (cmd == MMU_MACHPHYS_UPDATE)
            return update_m2p(mfn, req->val, o->pg);
        if (cmd != MMU_PT_UPDATE_NO_TRANSLATE)
            return -ENOSYS;
    }
    if (mfn != t->mfn) {
        rc = target_take(t, mfn, o->pt);
        if (unlikely(rc))
            return rc;
    }
    p = (pte_t *)((char *)mfn_to_virt(mfn) + (req->ptr & ~PAGE_MASK & ~MMU_CMD_MASK));
    if (unlikely(o->pg->is_hvm) && t->level == 1 && cmd != MMU_PT_UPDATE_NO_TRANSLATE)
        return l1_update_translated(p, req->val, keep_ad ? L1_KEEP_AD : L1_SET, o->pt, o->pg);
    if (likely(t->level == 1))
        return l1_update(p, READ_ONCE(*p), req->val, keep_ad ? L1_KEEP_AD : L1_SET, o->pt, o->pg);
    if (unlikely(t->level))
        return update_table(t, p, req->val, keep_ad, o);
    WRITE_ONCE(*p, req->val);
    return 0;
}

/* Entries of level 1 tables take so little time that not each is followed by a look for soft
 * interrupts. */
#define CHECK_INTERVAL 8

static inline bool preempted(unsigned int i, const struct target *t)
{
    if (i % CHECK_INTERVAL && t->level <= 1)
        return false;
    return i && (pv_vcpu(current)->old_root || hypercall_preempt_check());
}

/* Does what can be done now; *done says how many. -ERESTART: go on later. */
static int update_all(const struct mmu_update *ureqs, unsigned int count, unsigned int *done,
                      const struct owners *o)
{
    struct target t = NO_TARGET;
    struct mmu_update req;
    unsigned int i;
    int rc = 0;

    *done = 0;
    if (unlikely(!guest_range_ok(ureqs, count * sizeof(req))))
        return -EFAULT;
    harden_branch();
    for (i = 0; i < count; i++) {
        rc = -ERESTART;
        if (unlikely(preempted(i, &t)))
            break;
        rc = -EFAULT;
        if (unlikely(!pv_get_words_unchecked((uint64_t *)&req, ureqs + i, 2)))
            break;
        rc = update_one(&req, o, &t);
        if (unlikely(rc))
            break;
    }
    target_drop(&t);
    *done = i;
    return rc;
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

static __attribute__((noinline)) long update_single(void *ureqs, const struct mmu_update *req)
{
    struct vcpu *v = current;
    const struct owners own = { v->domain, v->domain };
    struct target t = NO_TARGET;
    long rc = update_one(req, &own, &t);

    target_drop(&t);
    if (unlikely(rc == -ERESTART))
        return HYPERCALL_CONTINUE(mmu_update, (unsigned long)ureqs, 1, 0, DOMID_SELF);
    if (unlikely(pv_vcpu(v)->old_root))
        return HYPERCALL_CONTINUE(mmu_update, 0, MMU_PREEMPTED, 0, (unsigned long)rc);
    return rc;
}

/* One entry of an own level 1 table is what most calls are. */
long do_mmu_update(void *ureqs, unsigned long count, void *pdone, unsigned long foreigndom)
{
    struct vcpu *v = current;
    struct domain *d = v->domain;
    struct mmu_update req;
    mfn_t mfn;
    pte_t *p;
    long rc;

    if (count != 1 || pdone || foreigndom != DOMID_SELF || unlikely(pv_vcpu(v)->old_root))
        return update_general(ureqs, count, pdone, foreigndom);
    if (unlikely(!pv_get_words((uint64_t *)&req, ureqs, 2)))
        return -EFAULT;
    mfn = req.ptr >> PAGE_SHIFT;
    if ((req.ptr & MMU_CMD_MASK & ~(uint64_t)MMU_PT_UPDATE_PRESERVE_AD) ||
        unlikely(!frame_lock_l1(mfn, d)))
        return update_single(ureqs, &req);
    p = (pte_t *)((char *)mfn_to_virt(mfn) + (req.ptr & ~PAGE_MASK & ~MMU_CMD_MASK));
    rc = l1_update(p, READ_ONCE(*p), req.val,
                   req.ptr & MMU_PT_UPDATE_PRESERVE_AD ? L1_KEEP_AD : L1_SET, d, d);
    pt_unlock_page(mfn_to_page(mfn));
    return rc;
}
