/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables of levels 2 to 4: their validation and its undoing, which can be interrupted after
 * each entry, and changes of single entries. A table refers only to tables of the level below that
 * belong to the same domain: no superpages, and no table inside of itself (its own type is in the
 * way).
 */
#include <hv/domain.h>
#include <hv/hypercall.h>
#include <pv/frame.h>
#include <pv/pt.h>
#include <pv/xpti.h>

/*
 * Takes the reference and the use that entry e of a table is to own. *held, in: the entry has its
 * reference already (PT_ENTRY_HELD). Out, after an error: it has one now, since work was left in
 * the child.
 */
static int entry_get(pte_t e, unsigned int level, struct domain *d, bool preempt, bool *held)
{
    struct page_info *child = NULL;
    int rc;

    if (likely(!*held && !(e & TABLE_DISALLOWED)))
        child = frame_get(pte_mfn(e), d);
    if (likely(child)) {
        if (likely(frame_use(child, PT_TYPE(level - 1))))
            return 0;
        frame_put(child);
    }
    child = *held ? mfn_to_page(pte_mfn(e)) : frame_of(pte_mfn(e));

    if (!*held && ((e & TABLE_DISALLOWED) || !child || !get_page(child, d)))
        return -EINVAL;
    rc = pt_get(child, PT_TYPE(level - 1), preempt);
    *held = rc && (READ_ONCE(child->type_info) & PGT_partial);
    if (rc && !*held)
        put_page(child);
    return rc;
}

static uint16_t progress_at(unsigned int entry, bool held)
{
    return (uint16_t)(entry | (held ? PT_ENTRY_HELD : 0));
}

int table_validate(struct page_info *pg, unsigned int level, struct domain *d, bool preempt)
{
    pte_t *t = page_to_virt(pg);
    unsigned int start = pg->progress & ~PT_ENTRY_HELD, i;
    bool held = pg->progress & PT_ENTRY_HELD;

    pt_for_each_present(i, t) {
        pte_t e = t[i];
        int rc;

        if (i < start || !guest_slot(level, i))
            continue;
        /* Each call does at least one entry, or it would never end where interrupts keep coming. */
        if (preempt && i > start && hypercall_preempt_check())
            rc = -ERESTART;
        else
            rc = entry_get(e, level, d, preempt, &held);
        if (rc) {
            pg->progress = progress_at(i, held);
            return rc;
        }
        if (!(e & PTE_US))
            t[i] = e | PTE_US;
    }
    if (level == 4)
        init_root_hv_slots(t, d);
    pg->progress = PT_ENTRIES;
    return 0;
}

/* What entry i owns is dropped. -ERESTART: the use is, but work is left in the child and the
 * reference stays. */
static int entry_drop(pte_t e, bool held, bool preempt)
{
    struct page_info *child = mfn_to_page(pte_mfn(e));
    int rc = 0;

    if (unlikely(held))
        rc = pt_finish(child, preempt);
    else if (!frame_unuse(child))
        rc = pt_put(child, preempt);
    if (!rc)
        frame_put(child);
    return rc;
}

int table_devalidate(struct page_info *pg, unsigned int level, bool preempt)
{
    const pte_t *t = page_to_virt(pg);
    unsigned int end = pg->progress & ~PT_ENTRY_HELD, i;
    bool held = pg->progress & PT_ENTRY_HELD, done = false;
    int rc = held ? entry_drop(t[end], true, preempt) : 0;

    if (rc)
        return rc;
    pt_for_each_present_down(i, t) {
        if (i >= end || !guest_slot(level, i))
            continue;
        if (preempt && done && hypercall_preempt_check()) {
            pg->progress = progress_at(i + 1, false);
            return -ERESTART;
        }
        done = true;
        rc = entry_drop(t[i], false, preempt);
        if (rc) {
            pg->progress = progress_at(i, true);
            return rc;
        }
    }
    pg->progress = 0;
    return 0;
}

static void entry_write(pte_t *p, pte_t new, bool keep_ad)
{
    pte_t old = READ_ONCE(*p), seen;

    if (!keep_ad) {
        xchg(p, new);
        return;
    }
    while ((seen = cmpxchg(p, old, new | (old & (PTE_A | PTE_D)))) != old)
        old = seen;
}

/* The new entry's child could not be had. What it was left with goes on with the next try, or is
 * undone. */
static int update_failed(int rc, pte_t new, bool held)
{
    struct page_info *child = mfn_to_page(pte_mfn(new));

    if (held && rc != -ERESTART)
        pt_defer_finish(child);
    if (held)
        put_page(child);
    return rc;
}

int table_update(pte_t *p, pte_t new, bool keep_ad, unsigned int level, struct page_info *pg,
                 struct domain *d)
{
    unsigned int slot = ((unsigned long)p & ~PAGE_MASK) / sizeof(*p);
    pte_t old = READ_ONCE(*p);
    bool preempt = !current->is_idle, held = false, same = false;
    enum pt_kind kind;

    if (!guest_slot(level, slot))
        return -EINVAL;
    kind = pt_kind_of(new);
    if (kind == PT_CHECK && !(new & PTE_P) && !pv_l1tf_entry_ok(d, new, level))
        return -EPERM;
    if (kind == PT_PRESENT || (kind == PT_CHECK && (new & PTE_P))) {
        int rc = 0;

        if (new & TABLE_DISALLOWED)
            return -EINVAL;
        new |= PTE_US;
        same = (old & PTE_P) && !((old ^ new) & ~TABLE_FREE_BITS);
        if (!same)
            rc = entry_get(new, level, d, preempt, &held);
        if (rc)
            return update_failed(rc, new, held);
    }
    entry_write(p, new, keep_ad);
    if (level == 4 && unlikely(pv_root_copies_used))
        pv_root_changed(d, page_to_mfn(pg), slot);
    if ((old & PTE_P) && !same && entry_drop(old, false, preempt)) {
        struct page_info *child = mfn_to_page(pte_mfn(old));

        pt_defer_finish(child);
        put_page(child);
    }
    return 0;
}
