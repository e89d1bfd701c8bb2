/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HYPERVISOR_mmuext_op: pinning of tables, root tables, flushes, LDT, and pages cleared or copied
 * by frame number. Longest path: one operation; pinning and unpinning stop inside of it and go on
 * later.
 */
#include <hv/flush.h>
#include <hv/hypercall.h>
#include <hv/iocap.h>
#include <hv/uaccess.h>
#include <pv/pt.h>
#include <pv/user.h>

_Static_assert(sizeof(struct mmuext_op) == 24, "three words");

/* The pin itself owns a reference and a use. A dying domain gets none that its teardown would not
 * see. */
static int pin(const struct mmuext_op *op, struct domain *owner)
{
    unsigned long type = PT_TYPE(op->cmd - MMUEXT_PIN_L1_TABLE + 1);
    struct page_info *pg = frame_of(op->arg1.mfn);
    bool drop;
    int rc;

    if (!pg || !get_page(pg, owner))
        return -EINVAL;
    rc = get_page_type_preemptible(pg, type);
    if (rc) {
        put_page(pg);
        return rc;
    }
    if (__atomic_fetch_or(&pg->type_info, PGT_pinned, __ATOMIC_SEQ_CST) & PGT_pinned) {
        rc = -EINVAL;
        drop = true;
    } else {
        drop = owner->is_dying &&
               (__atomic_fetch_and(&pg->type_info, ~PGT_pinned, __ATOMIC_SEQ_CST) & PGT_pinned);
    }
    if (drop) {
        put_page_type_preemptible(pg);
        put_page(pg);
    }
    return rc;
}

static int unpin(const struct mmuext_op *op, struct domain *owner)
{
    struct page_info *pg = frame_of(op->arg1.mfn);

    if (!pg || !get_page(pg, owner))
        return -EINVAL;
    if (!(__atomic_fetch_and(&pg->type_info, ~PGT_pinned, __ATOMIC_SEQ_CST) & PGT_pinned)) {
        put_page(pg);
        return -EINVAL;
    }
    put_page_type_preemptible(pg);
    put_page(pg);
    put_page(pg);
    return 0;
}

static int new_baseptr(const struct mmuext_op *op, struct domain *owner)
{
    return pv_new_guest_root(current, op->arg1.mfn);
}

static int new_user_baseptr(const struct mmuext_op *op, struct domain *owner)
{
    return pv_new_user_root(current, op->arg1.mfn);
}

static int tlb_flush_local(const struct mmuext_op *op, struct domain *owner)
{
    pv_load_root(current);
    return 0;
}

static int invlpg_local(const struct mmuext_op *op, struct domain *owner)
{
    if (likely(pv_addr_ok(op->arg1.linear_addr)))
        flush_local(FLUSH_VA, op->arg1.linear_addr);
    return 0;
}

static int flush_multi(const struct mmuext_op *op, const struct domain *d, unsigned int flags)
{
    cpumask_t mask;
    int rc = pt_vcpumask_to_cpumask(d, op->arg2.vcpumask.p, &mask);

    if (!rc && (flags == FLUSH_TLB || pv_addr_ok(op->arg1.linear_addr)))
        flush_mask(&mask, flags, op->arg1.linear_addr);
    return rc;
}

static int tlb_flush_multi(const struct mmuext_op *op, struct domain *owner)
{
    return flush_multi(op, owner, FLUSH_TLB);
}

static int invlpg_multi(const struct mmuext_op *op, struct domain *owner)
{
    return flush_multi(op, owner, FLUSH_VA);
}

static int tlb_flush_all(const struct mmuext_op *op, struct domain *owner)
{
    cpumask_t mask = owner->dirty_cpus;

    flush_mask(&mask, FLUSH_TLB, 0);
    return 0;
}

static int invlpg_all(const struct mmuext_op *op, struct domain *owner)
{
    cpumask_t mask = owner->dirty_cpus;

    if (pv_addr_ok(op->arg1.linear_addr))
        flush_mask(&mask, FLUSH_VA, op->arg1.linear_addr);
    return 0;
}

static int flush_cache(const struct mmuext_op *op, struct domain *owner)
{
    if (!pt_may_choose_caching(owner))
        return -EACCES;
    flush_local(FLUSH_CACHE, 0);
    return 0;
}

static int flush_cache_global(const struct mmuext_op *op, struct domain *owner)
{
    if (!pt_may_choose_caching(owner))
        return -EINVAL;
    flush_all(FLUSH_CACHE);
    return 0;
}

static int set_ldt(const struct mmuext_op *op, struct domain *owner)
{
    return pv_set_ldt(current, op->arg1.linear_addr, op->arg2.nr_ents);
}

/* The frame may be written by the guest; with a reference and a use for the caller. */
static struct page_info *get_writable_frame(mfn_t mfn, struct domain *owner)
{
    struct page_info *pg = frame_of(mfn);

    return pg && !get_page_and_type(pg, owner, PGT_writable_page) ? pg : NULL;
}

static int clear_frame(const struct mmuext_op *op, struct domain *owner)
{
    struct page_info *pg = get_writable_frame(op->arg1.mfn, owner);

    if (!pg)
        return -EINVAL;
    clear_page(page_to_virt(pg));
    put_page_and_type(pg);
    return 0;
}

static int copy_frame(const struct mmuext_op *op, struct domain *owner)
{
    struct page_info *src = frame_of(op->arg2.src_mfn), *dst;

    if (!src || !get_page(src, owner))
        return -EINVAL;
    dst = get_writable_frame(op->arg1.mfn, owner);
    if (dst) {
        copy_page(page_to_virt(dst), page_to_virt(src));
        put_page_and_type(dst);
    }
    put_page(src);
    return dst ? 0 : -EINVAL;
}

static int no_superpages(const struct mmuext_op *op, struct domain *owner)
{
    return -EOPNOTSUPP;
}

/* own: only on the caller's own behalf, -EPERM with a foreign domid. */
static const struct ext_row {
    int (*fn)(const struct mmuext_op *op, struct domain *owner);
    bool own;
} ext_ops[] = {
    [MMUEXT_PIN_L1_TABLE] = { pin, false },
    [MMUEXT_PIN_L2_TABLE] = { pin, false },
    [MMUEXT_PIN_L3_TABLE] = { pin, false },
    [MMUEXT_PIN_L4_TABLE] = { pin, false },
    [MMUEXT_UNPIN_TABLE] = { unpin, false },
    [MMUEXT_NEW_BASEPTR] = { new_baseptr, true },
    [MMUEXT_TLB_FLUSH_LOCAL] = { tlb_flush_local, true },
    [MMUEXT_INVLPG_LOCAL] = { invlpg_local, true },
    [MMUEXT_TLB_FLUSH_MULTI] = { tlb_flush_multi, true },
    [MMUEXT_INVLPG_MULTI] = { invlpg_multi, true },
    [MMUEXT_TLB_FLUSH_ALL] = { tlb_flush_all, true },
    [MMUEXT_INVLPG_ALL] = { invlpg_all, true },
    [MMUEXT_FLUSH_CACHE] = { flush_cache, true },
    [MMUEXT_SET_LDT] = { set_ldt, true },
    [MMUEXT_NEW_USER_BASEPTR] = { new_user_baseptr, true },
    [MMUEXT_CLEAR_PAGE] = { clear_frame, false },
    [MMUEXT_COPY_PAGE] = { copy_frame, false },
    [MMUEXT_FLUSH_CACHE_GLOBAL] = { flush_cache_global, true },
    [MMUEXT_MARK_SUPER] = { no_superpages, false },
    [MMUEXT_UNMARK_SUPER] = { no_superpages, false },
};

static int ext_one(const struct mmuext_op *op, struct domain *owner)
{
    const struct ext_row *row = row_nospec(ext_ops, op->cmd);

    if (unlikely(!row || !row->fn))
        return -ENOSYS;
    if (unlikely(row->own && owner != current->domain))
        return -EPERM;
    return row->fn(op, owner);
}

static int ext_all(const struct mmuext_op *uops, unsigned int count, unsigned int *done,
                   struct domain *owner)
{
    const struct pv_vcpu *pv = pv_vcpu(current);

    for (unsigned int i = 0; i < count; i++) {
        struct mmuext_op op;
        int rc;

        *done = i;
        if (i && (pv->old_root || hypercall_preempt_check()))
            return -ERESTART;
        if (unlikely(!pv_get_words((uint64_t *)&op, uops + i, 3)))
            return -EFAULT;
        rc = ext_one(&op, owner);
        if (unlikely(rc))
            return rc;
    }
    *done = count;
    return 0;
}

static __attribute__((noinline)) long ext_general(void *uops, unsigned long ucount, void *pdone,
                                                  unsigned long foreigndom)
{
    unsigned int count = (unsigned int)ucount, before = 0, done = 0;
    struct domain *owner;
    int err = -ESRCH;
    long rc;

    if (unlikely(pv_put_old_root(current)))
        return HYPERCALL_CONTINUE(mmuext_op, (unsigned long)uops, ucount, (unsigned long)pdone,
                                  foreigndom);
    /* Only what was left of a finished call: its result came along. */
    if (unlikely(count == MMU_PREEMPTED && !uops))
        return (int)foreigndom;
    if (unlikely(count & MMU_PREEMPTED)) {
        count &= ~MMU_PREEMPTED;
        before = pt_done_before(pdone);
    }
    owner = pt_get_owner((domid_t)foreigndom, &err);
    if (unlikely(!owner))
        return err;
    rc = owner->is_hvm ? -EINVAL : ext_all(uops, count, &done, owner);
    pt_put_owner(owner);

    pt_report_done(pdone, before + done);
    if (unlikely(rc == -ERESTART))
        return HYPERCALL_CONTINUE(mmuext_op, (unsigned long)((struct mmuext_op *)uops + done),
                                  (count - done) | MMU_PREEMPTED, (unsigned long)pdone, foreigndom);
    if (unlikely(pv_vcpu(current)->old_root))
        return HYPERCALL_CONTINUE(mmuext_op, 0, MMU_PREEMPTED, 0, (unsigned long)rc);
    return rc;
}

/* One operation on the caller's own behalf is what most calls are. */
long do_mmuext_op(void *uops, unsigned long count, void *pdone, unsigned long foreigndom)
{
    struct vcpu *v = current;
    struct mmuext_op op;
    long rc;

    if (count != 1 || pdone || foreigndom != DOMID_SELF || pv_vcpu(v)->old_root)
        return ext_general(uops, count, pdone, foreigndom);
    if (unlikely(!pv_get_words((uint64_t *)&op, uops, 3)))
        return -EFAULT;
    if (op.cmd == MMUEXT_INVLPG_LOCAL)
        return invlpg_local(&op, v->domain);
    rc = ext_one(&op, v->domain);
    if (unlikely(rc == -ERESTART))
        return HYPERCALL_CONTINUE(mmuext_op, (unsigned long)uops, 1, 0, foreigndom);
    if (unlikely(pv_vcpu(v)->old_root))
        return HYPERCALL_CONTINUE(mmuext_op, 0, MMU_PREEMPTED, 0, (unsigned long)rc);
    return rc;
}
