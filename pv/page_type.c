/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Types of page frames: uses as a type are counted, tables are validated at the first use and
 * undone after the last. The states of type_info and who owns what are described in pv/pt.h, the
 * rule about stale translations in hv/mm.h.
 */
#include <hv/cpumask.h>
#include <hv/domain.h>
#include <hv/flush.h>
#include <hv/hypercall.h>
#include <hv/printk.h>
#include <pv/pt.h>

#define CACHE_LINE 64

/*
 * The frame's type has just changed, the frame is busy. CPUs that have not flushed since the last
 * use as the old type may still translate to it: one that could write must not be left behind when
 * the frame becomes a table. After PGT_none there is nothing: the allocator has done this for what
 * the frame was before.
 */
static void flush_stale(const struct page_info *pg, const struct domain *d)
{
    cpumask_t mask = READ_ONCE(pg->count_info) & PGC_foreign ? cpu_online_map : d->dirty_cpus;

    flush_filter(&mask, pg->tlb_stamp);
    if (unlikely(!cpumask_empty(&mask)))
        flush_mask(&mask, FLUSH_TLB, 0);
}

/*
 * Needed of a frame that had uncached mappings, which may differ between memory and caches: what is
 * validated must be what the CPU's table walker will read.
 */
void pt_flush_cache(const struct page_info *pg)
{
    const char *p = page_to_virt(pg);

    mb();
    for (unsigned int i = 0; i < PAGE_SIZE; i += CACHE_LINE)
        __asm__ volatile("clflush %0" : : "m"(p[i]));
    mb();
}

static int validate_descriptors(struct page_info *pg)
{
    uint64_t *desc = page_to_virt(pg);

    for (unsigned int i = 0; i < PAGE_SIZE / sizeof(*desc); i++)
        if (!pv_check_descriptor(&desc[i]))
            return -EINVAL;
    return 0;
}

static int validate(struct page_info *pg, struct domain *d, unsigned long type, bool preempt)
{
    if (unlikely(READ_ONCE(pg->count_info) & PGC_noncoherent) && type != PGT_writable_page)
        pt_flush_cache(pg);
    switch (type) {
    case PGT_writable_page:
    case PGT_shared_page:
        return 0;
    case PGT_seg_desc_page:
        return validate_descriptors(pg);
    case PGT_l1_page_table:
        return l1_validate(pg, d);
    default:
        return table_validate(pg, PT_LEVEL(type), d, preempt);
    }
}

/* Ends being busy. Nobody else changes type_info of a busy frame, so stores will do; earlier ones
 * are seen before. */
static void busy_to(struct page_info *pg, unsigned long flag, unsigned int count)
{
    __atomic_store_n(&pg->type_info, (pg->type_info & PGT_type_mask) | flag | count,
                     __ATOMIC_RELEASE);
}

/* The state keeps the reference it had, or takes one: the caller of all this has his own. */
static void busy_to_partial(struct page_info *pg, bool had_ref)
{
    if (!had_ref)
        get_page_again(pg);
    busy_to(pg, PGT_partial, 1);
}

/* pg is busy, made so by the caller; had_ref: it was partial. */
static int validate_busy(struct page_info *pg, unsigned long type, bool preempt, bool had_ref)
{
    struct domain *d = page_get_owner(pg);
    int rc = d ? validate(pg, d, type, preempt) : -EINVAL;

    if (rc && type_is_table(type) && pg->progress) {
        busy_to_partial(pg, had_ref);
        return rc;
    }
    busy_to(pg, rc ? 0 : PGT_validated, rc ? 0 : 1);
    if (had_ref)
        put_page(pg);
    return rc;
}

/* Once, for all that validation passes over: while a table is busy or partial nobody writes to
   it. */
static bool check_absent_entries(struct page_info *pg, unsigned int level)
{
    struct domain *d = page_get_owner(pg);

    if (READ_ONCE(pg->count_info) & PGC_noncoherent)
        pt_flush_cache(pg);
    return !d || pv_l1tf_table_ok(d, page_to_virt(pg), level);
}

static int first_use(struct page_info *pg, unsigned long old, unsigned long type, bool preempt)
{
    unsigned long old_type = old & PGT_type_mask;
    bool check = alt_clear16(ALT_PV_L1TF, &pg->progress);

    if (old_type != type && old_type != PGT_none) {
        const struct domain *d = page_get_owner(pg);

        if (d)
            flush_stale(pg, d);
    }
    if (check && type_is_table(type) && !check_absent_entries(pg, PT_LEVEL(type))) {
        busy_to(pg, 0, 0);
        return -EPERM;
    }
    return validate_busy(pg, type, preempt, false);
}

int pt_get(struct page_info *pg, unsigned long type, bool preempt)
{
    for (;;) {
        unsigned long x = READ_ONCE(pg->type_info);

        /* Frames written to or used as descriptors stay valid at count 0: only a change of type
         * lets in new contents. */
        if (likely((x & (PGT_type_mask | PGT_validated)) == (type | PGT_validated))) {
            if (likely(cmpxchg(&pg->type_info, x, x + 1) == x))
                return 0;
        } else if (!(x & PGT_count_mask)) {
            if (cmpxchg(&pg->type_info, x, type | 1) == x)
                return first_use(pg, x, type, preempt);
        } else if ((x & PGT_type_mask) != type) {
            return -EINVAL;
        } else if (x & PGT_partial) {
            if (cmpxchg(&pg->type_info, x, x & ~PGT_partial) == x)
                return validate_busy(pg, type, preempt, true);
        } else {
            if (preempt && hypercall_preempt_check())
                return -ERESTART;
            cpu_relax();
        }
    }
}

static int undo_busy(struct page_info *pg, bool preempt, bool had_ref)
{
    unsigned int level = PT_LEVEL(pg->type_info);
    int rc = 0;

    if (level == 1)
        l1_devalidate(pg, page_get_owner(pg));
    else
        rc = table_devalidate(pg, level, preempt);
    if (rc) {
        busy_to_partial(pg, had_ref);
        return rc;
    }
    pg->tlb_stamp = tlb_stamp_now();
    busy_to(pg, 0, 0);
    if (had_ref)
        put_page(pg);
    return 0;
}

int pt_put(struct page_info *pg, bool preempt)
{
    for (;;) {
        unsigned long x = READ_ONCE(pg->type_info);
        bool last = (x & PGT_count_mask) == 1;

        ASSERT(x & PGT_count_mask);
        if (last && type_is_table(x)) {
            if (unlikely(x & PGT_locked))
                cpu_relax();
            else if (cmpxchg(&pg->type_info, x, x & ~PGT_validated) == x)
                return undo_busy(pg, preempt, false);
            continue;
        }
        /* Before the count falls: from then on others rely on the stamp. The mapping itself was
           removed by a locked instruction, so a CPU that flushes after this moment does not find it
           again. */
        if (last)
            WRITE_ONCE(pg->tlb_stamp, tlb_stamp_now());
        if (likely(cmpxchg(&pg->type_info, x, x - 1) == x))
            return 0;
    }
}

int pt_finish(struct page_info *pg, bool preempt)
{
    for (;;) {
        unsigned long x = READ_ONCE(pg->type_info);

        if (!(x & PGT_partial))
            return 0;
        if (cmpxchg(&pg->type_info, x, x & ~PGT_partial) == x)
            return undo_busy(pg, preempt, true);
    }
}

bool pt_lock_slow(struct page_info *pg)
{
    for (;;) {
        unsigned long x = READ_ONCE(pg->type_info);

        if (!(x & PGT_validated) || !type_is_table(x))
            return false;
        if (x & PGT_locked)
            cpu_relax();
        else if (cmpxchg(&pg->type_info, x, x | PGT_locked) == x)
            return true;
    }
}

static bool is_partial(const struct page_info *pg, unsigned long type)
{
    return (READ_ONCE(pg->type_info) & (PGT_type_mask | PGT_partial)) == (type | PGT_partial);
}

bool pt_defer_to(struct vcpu *v, struct page_info *pg)
{
    if (pv_vcpu(v)->old_root) {
        pt_finish(pg, false);
        return false;
    }
    get_page_again(pg);
    pv_vcpu(v)->old_root = page_to_mfn(pg);
    return true;
}

bool pt_defer_finish(struct page_info *pg)
{
    struct vcpu *v = current;

    if (!v->is_idle && !v->domain->is_hvm)
        return pt_defer_to(v, pg);
    pt_finish(pg, false);
    return false;
}

int get_page_type(struct page_info *pg, unsigned long type)
{
    int rc = pt_get(pg, type, false);

    if (unlikely(rc) && is_partial(pg, type))
        pt_finish(pg, false);
    return rc;
}

int get_page_type_preemptible(struct page_info *pg, unsigned long type)
{
    int rc = pt_get(pg, type, !current->is_idle);

    if (unlikely(rc) && rc != -ERESTART && is_partial(pg, type))
        pt_defer_finish(pg);
    return rc;
}

void put_page_type(struct page_info *pg)
{
    pt_put(pg, false);
}

int put_page_type_preemptible(struct page_info *pg)
{
    int rc = pt_put(pg, !current->is_idle);

    return rc && pt_defer_finish(pg) ? rc : 0;
}
