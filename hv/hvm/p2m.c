/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest-physical map (hv/hvm/p2m.h): looking up, and changes with what they entail: references
 * of foreign pages, the machine-to-physical table, flushes.
 */
#include <hv/errno.h>
#include <hv/flush.h>
#include <hv/hvm/hvm.h>
#include <hv/printk.h>
#include <hv/smp.h>
#include "p2m_priv.h"

static struct p2m *p2m_of(struct domain *d)
{
    return &hvm_domain(d)->p2m;
}

int p2m_init(struct domain *d)
{
    struct p2m *p = p2m_of(d);

    spin_lock_init(&p->lock, LOCK_P2M);
    p->generation = 1;
    p->root = alloc_xen_page();
    p->nr_tables = 1;
    return p->root ? 0 : -ENOMEM;
}

void p2m_free(struct domain *d)
{
    struct p2m *p = p2m_of(d);
    struct p2m_change c = P2M_CHANGE_INIT;

    if (!p->root)
        return;
    p2m_drop_subtree(p, &c, make_pte(virt_to_mfn(p->root), 0), P2M_LEVELS + 1);
    p2m_free_dropped(&c);
    p->root = NULL;
}

/* --- looking up --- */

static mfn_t lookup_locked(struct p2m *p, gfn_t gfn, enum p2m_type *type, unsigned int *order)
{
    unsigned int level;
    uint64_t e;

    *type = P2M_NONE;
    if (gfn >> P2M_GFN_BITS)
        return INVALID_MFN;
    e = *p2m_find(p, gfn, &level);
    *type = p2m_entry_type(e);
    if (order)
        *order = P2M_SHIFT(level);
    if (*type == P2M_NONE)
        return INVALID_MFN;
    return pte_mfn(e) + (gfn & ((1UL << P2M_SHIFT(level)) - 1));
}

mfn_t p2m_lookup(struct domain *d, gfn_t gfn, enum p2m_type *type, unsigned int *order)
{
    struct p2m *p = p2m_of(d);
    enum p2m_type t;
    mfn_t mfn;

    spin_lock(&p->lock);
    mfn = lookup_locked(p, gfn, &t, order);
    spin_unlock(&p->lock);
    if (type)
        *type = t;
    return mfn;
}

struct page_info *p2m_get_page(struct domain *d, gfn_t gfn, enum p2m_type *type)
{
    struct p2m *p = p2m_of(d);
    struct page_info *pg = NULL;
    enum p2m_type t;
    mfn_t mfn;

    spin_lock(&p->lock);
    mfn = lookup_locked(p, gfn, &t, NULL);
    if (p2m_has_page(t) && mfn_valid(mfn)) {
        pg = mfn_to_page(mfn);
        if (p2m_is_ram(t) || t == P2M_SHARED ? !get_page(pg, d)
                                             : !page_get_owner_and_reference(pg))
            pg = NULL;
    }
    spin_unlock(&p->lock);
    if (type)
        *type = t;
    return pg;
}

/* --- flushing --- */

/* A CPU that is interrupted has left the guest, and looks at the generation before it enters one
   again; a CPU that is not in the domain's mask will look, too. */
void p2m_flush(struct domain *d)
{
    cpumask_t mask;

    __atomic_fetch_add(&p2m_of(d)->generation, 1, __ATOMIC_SEQ_CST);
    mask = d->dirty_cpus;
    flush_mask(&mask, 0, 0);
}

static void finish_change(struct domain *d, struct p2m_change *c)
{
    if (c->flush)
        p2m_flush(d);
    p2m_free_dropped(c);
}

/* --- changes --- */

/* Takes note of what an entry was: whose reference goes with it. */
struct replaced { struct page_info *foreign; };

static void replace_entry(struct p2m_change *c, uint64_t *e, uint64_t new, struct replaced *r)
{
    uint64_t old = *e;

    r->foreign = NULL;
    if (p2m_entry_present(old)) {
        c->flush = true;
        if (p2m_entry_type(old) == P2M_FOREIGN)
            r->foreign = mfn_to_page(pte_mfn(old));
    }
    WRITE_ONCE(*e, new);
}

/* A table in the place of a large page: its leaves are cleared one by one, so that what they hold
   is given back; empty ones can go as they are. */
static unsigned int fitting_level(gfn_t gfn, mfn_t mfn, unsigned long nr)
{
    unsigned long both = gfn | (mfn == INVALID_MFN ? 0 : mfn);
    unsigned int level = hvm_vendor->p2m->has_1g ? 3 : 2;

    while (level > 1 && (!IS_ALIGNED(both, 1UL << P2M_SHIFT(level)) || nr >> P2M_SHIFT(level) == 0))
        level--;
    return level;
}

static bool table_in_the_way(const uint64_t *e, unsigned int level)
{
    return p2m_entry_is_table(*e, level);
}

/* One entry of the largest size that fits; its level, or an error. */
static int set_one(struct domain *d, struct p2m_change *c, gfn_t gfn, mfn_t mfn, unsigned long nr,
                   enum p2m_type type, struct replaced *r)
{
    struct p2m *p = p2m_of(d);
    unsigned int level = fitting_level(gfn, mfn, nr);
    uint64_t *e;

    for (;; level--) {
        e = p2m_entry_for(p, c, gfn, level);
        if (!e)
            return -ENOMEM;
        if (!table_in_the_way(e, level))
            break;
    }
    replace_entry(c, e, p2m_make_leaf(mfn, type, level), r);
    if (type != P2M_NONE && level < 3 &&
        (gfn >> P2M_SHIFT(level)) % PT_ENTRIES == PT_ENTRIES - 1)
        p2m_merge(p, c, gfn, level);
    return (int)level;
}

static void note_reverse(gfn_t gfn, mfn_t mfn, unsigned int level, enum p2m_type type)
{
    if (!p2m_is_ram(type))
        return;
    for (unsigned long i = 0; i < 1UL << P2M_SHIFT(level); i++)
        set_gpfn_from_mfn(mfn + i, gfn + i);
}

static void note_max(struct domain *d, gfn_t last)
{
    if (last > d->max_pfn_seen)
        d->max_pfn_seen = last;
}

int p2m_set(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type)
{
    struct p2m *p = p2m_of(d);
    unsigned long nr = 1UL << order;
    int level = 0;

    if (gfn >> P2M_GFN_BITS || (gfn + nr - 1) >> P2M_GFN_BITS)
        return -EINVAL;
    while (nr) {
        struct p2m_change c = P2M_CHANGE_INIT;
        struct replaced r;
        unsigned long n;

        spin_lock(&p->lock);
        level = set_one(d, &c, gfn, type == P2M_NONE ? INVALID_MFN : mfn, nr, type, &r);
        if (level > 0)
            note_reverse(gfn, mfn, (unsigned int)level, type);
        spin_unlock(&p->lock);
        finish_change(d, &c);
        if (level < 0)
            return level;
        if (r.foreign)
            put_page_and_type(r.foreign);
        n = 1UL << P2M_SHIFT((unsigned int)level);
        if (type != P2M_NONE)
            note_max(d, gfn + n - 1);
        gfn += n;
        mfn += n;
        nr -= n;
    }
    return 0;
}

int p2m_clear(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    enum p2m_type type;
    mfn_t now = p2m_lookup(d, gfn, &type, NULL);

    if (type == P2M_NONE || (mfn != INVALID_MFN && now != mfn))
        return -EINVAL;
    if (p2m_is_ram(type))
        for (unsigned long i = 0; i < 1UL << order; i++)
            set_gpfn_from_mfn(now + i, INVALID_M2P_ENTRY);
    return p2m_set(d, gfn, INVALID_MFN, order, P2M_NONE);
}

int p2m_change_type(struct domain *d, gfn_t gfn, enum p2m_type old, enum p2m_type type)
{
    struct p2m *p = p2m_of(d);
    struct p2m_change c = P2M_CHANGE_INIT;
    enum p2m_type now;
    uint64_t *e = NULL;
    mfn_t mfn;
    int rc = -EBUSY;

    spin_lock(&p->lock);
    mfn = lookup_locked(p, gfn, &now, NULL);
    if (now == old) {
        e = p2m_entry_for(p, &c, gfn, 1);
        rc = e ? 0 : -ENOMEM;
    }
    if (e) {
        WRITE_ONCE(*e, p2m_make_leaf(mfn, type, 1));
        c.flush = true;
    }
    spin_unlock(&p->lock);
    finish_change(d, &c);
    return rc;
}

/* Without a bitmap of dirty pages the first write only makes the page writable again. */
void p2m_mark_dirty(struct domain *d, gfn_t gfn)
{
    (void)p2m_change_type(d, gfn, P2M_RAM_LOGDIRTY, P2M_RAM_RW);
}

/* --- the end of a domain --- */

/* References that entries hold. The tables stay until the domain is freed. */
static bool relinquish_table(uint64_t *table, unsigned int level, unsigned int *budget)
{
    for (unsigned int i = 0; i < PT_ENTRIES; i++) {
        if (p2m_entry_is_table(table[i], level)) {
            if (!relinquish_table(mfn_to_virt(pte_mfn(table[i])), level - 1, budget))
                return false;
        } else if (p2m_entry_type(table[i]) == P2M_FOREIGN) {
            struct page_info *pg = mfn_to_page(pte_mfn(table[i]));

            if (!*budget)
                return false;
            (*budget)--;
            table[i] = 0;
            put_page_and_type(pg);
        }
    }
    return true;
}

int p2m_relinquish(struct domain *d)
{
    struct p2m *p = p2m_of(d);
    unsigned int budget = 1024;

    return !p->root || relinquish_table(p->root, P2M_LEVELS, &budget) ? 0 : -ERESTART;
}
