/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * HYPERVISOR_update_va_mapping: the level 1 entry of a virtual address of the current kernel, and
 * the flush that goes with it. Longest path: one entry, a copy of the vCPU bitmap and one flush.
 */
#include <hv/flush.h>
#include <hv/hypercall.h>
#include <hv/uaccess.h>
#include <pv/pt.h>

int pt_vcpumask_to_cpumask(const struct domain *d, const void *bitmap, cpumask_t *mask)
{
    DECLARE_BITMAP(vcpus, MAX_VIRT_CPUS) = { 0 };
    unsigned int n = MIN(d->max_vcpus, (unsigned int)MAX_VIRT_CPUS);

    cpumask_zero(mask);
    if (copy_from_guest(vcpus, bitmap, DIV_ROUND_UP(n, 8)))
        return -EFAULT;
    for (unsigned int i = 0; i < n; i++) {
        const struct vcpu *v = test_bit(i, vcpus) ? d->vcpu[i] : NULL;
        unsigned int cpu = v ? READ_ONCE(v->dirty_cpu) : NR_CPUS;

        if (cpu < NR_CPUS)
            __set_bit(cpu, mask->bits);
    }
    return 0;
}

static int flush_others(const struct domain *d, unsigned long va, unsigned long whom,
                        unsigned int kind)
{
    cpumask_t mask;
    int rc = 0;

    if (whom == UVMF_ALL)
        mask = d->dirty_cpus;
    else
        rc = pt_vcpumask_to_cpumask(d, (const void *)whom, &mask);
    if (!rc)
        flush_mask(&mask, kind, va);
    return rc;
}

static int flush_as_asked(const struct domain *d, unsigned long va, unsigned long flags)
{
    unsigned long type = flags & UVMF_FLUSHTYPE_MASK, whom = flags & ~UVMF_FLUSHTYPE_MASK;
    unsigned int kind = type == UVMF_TLB_FLUSH ? FLUSH_TLB : FLUSH_VA;

    if (type == UVMF_NONE)
        return 0;
    if (type != UVMF_TLB_FLUSH && type != UVMF_INVLPG)
        return -EINVAL;
    if (whom != UVMF_LOCAL)
        return flush_others(d, va, whom, kind);
    flush_local(kind, va);
    return 0;
}

static inline long update_va(unsigned long va, pte_t val, unsigned long flags,
                             struct domain *pg_owner)
{
    struct vcpu *v = current;
    struct page_info *pg;
    mfn_t l1;
    pte_t *p;
    int rc;

    if (unlikely(!pt_walk_to_l1(pv_vcpu(v)->guest_root, va, &l1)))
        return -EINVAL;
    pg = mfn_to_page(l1);
    if (unlikely(!pt_lock_table(pg, v->domain, PGT_l1_page_table)))
        return -EINVAL;
    p = (pte_t *)mfn_to_virt(l1) + l1_index(va);
    if (unlikely(pg_owner->is_hvm))
        rc = l1_update_translated(p, val, L1_SET, v->domain, pg_owner);
    else
        rc = l1_update(p, READ_ONCE(*p), val, L1_SET, v->domain, pg_owner);
    pt_unlock_page(pg);
    if (unlikely(rc) || flags == UVMF_NONE)
        return rc;
    return flush_as_asked(v->domain, va, flags);
}

long do_update_va_mapping(unsigned long va, unsigned long val, unsigned long flags)
{
    return update_va(va, val, flags, current->domain);
}

long do_update_va_mapping_otherdomain(unsigned long va, unsigned long val, unsigned long flags,
                                      unsigned long domid)
{
    int err = -ESRCH;
    struct domain *owner = pt_get_owner((domid_t)domid, &err);
    long rc;

    if (!owner)
        return err;
    rc = update_va(va, val, flags, owner);
    pt_put_owner(owner);
    return rc;
}
