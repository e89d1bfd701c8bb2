/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree of a guest-physical map: walking, splitting and merging of superpages. The lock is held
 * by the callers; nothing here flushes, and tables that go are handed back in a list, to be freed
 * when no CPU can walk them any more.
 */
#include <hv/errno.h>
#include <hv/hvm/hvm.h>
#include <hv/printk.h>
#include "p2m_priv.h"

#define TYPE_SHIFT 52
#define TYPE_BITS 0xfull

static const struct p2m_format *format(void)
{
    return hvm_vendor->p2m;
}

bool p2m_entry_present(uint64_t e)
{
    return e & format()->present;
}

bool p2m_entry_is_table(uint64_t e, unsigned int level)
{
    return level > 1 && p2m_entry_present(e) && !(e & PTE_PSE);
}

enum p2m_type p2m_entry_type(uint64_t e)
{
    return p2m_entry_present(e) ? (e >> TYPE_SHIFT & TYPE_BITS) : P2M_NONE;
}

static uint64_t *table_of(uint64_t e)
{
    return mfn_to_virt(pte_mfn(e));
}

/* What the guest may do with a page, and how it is cached. */
static const struct { uint8_t rights, memtype; } kinds[] = {
    [P2M_RAM_RW] = { P2M_RIGHTS_R | P2M_RIGHTS_W | P2M_RIGHTS_X, 6 },
    [P2M_RAM_RO] = { P2M_RIGHTS_R | P2M_RIGHTS_X, 6 },
    [P2M_RAM_LOGDIRTY] = { P2M_RIGHTS_R | P2M_RIGHTS_X, 6 },
    [P2M_MMIO_DIRECT] = { P2M_RIGHTS_R | P2M_RIGHTS_W, 0 },
    [P2M_FOREIGN] = { P2M_RIGHTS_R | P2M_RIGHTS_W, 6 },
    [P2M_GRANT_RW] = { P2M_RIGHTS_R | P2M_RIGHTS_W, 6 },
    [P2M_GRANT_RO] = { P2M_RIGHTS_R, 6 },
    [P2M_IOREQ_SERVER] = { P2M_RIGHTS_R | P2M_RIGHTS_X, 6 },
    [P2M_SHARED] = { P2M_RIGHTS_R | P2M_RIGHTS_W, 6 },
};

uint64_t p2m_make_leaf(mfn_t mfn, enum p2m_type type, unsigned int level)
{
    if (type == P2M_NONE)
        return 0;
    return make_pte(mfn, format()->rights[kinds[type].rights] |
                             format()->memtype[kinds[type].memtype] | (level > 1 ? PTE_PSE : 0) |
                             (uint64_t)type << TYPE_SHIFT);
}

static uint64_t *new_table(struct p2m *p)
{
    uint64_t *t = alloc_xen_page();

    if (t)
        p->nr_tables++;
    return t;
}

/* A page whose contents nobody needs any more is the list's link. */
static void drop_table(struct p2m *p, struct p2m_change *c, uint64_t *table)
{
    struct page_info *pg = virt_to_page(table);

    p->nr_tables--;
    pg->next = c->freed;
    c->freed = (uint32_t)page_to_mfn(pg);
}

void p2m_free_dropped(struct p2m_change *c)
{
    while (c->freed != PAGE_LIST_NIL) {
        struct page_info *pg = mfn_to_page(c->freed);

        c->freed = pg->next;
        free_xen_pages(pg, 0);
    }
}

/* A superpage becomes a table of the same pages in the next smaller size. */
static int split(struct p2m *p, uint64_t *e, unsigned int level)
{
    uint64_t *table = new_table(p);
    enum p2m_type type = p2m_entry_type(*e);
    mfn_t mfn = pte_mfn(*e);

    if (!table)
        return -ENOMEM;
    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        table[i] = p2m_make_leaf(mfn + ((mfn_t)i << P2M_SHIFT(level - 1)), type, level - 1);
    WRITE_ONCE(*e, make_pte(virt_to_mfn(table), format()->table));
    return 0;
}

uint64_t *p2m_find(struct p2m *p, gfn_t gfn, unsigned int *level)
{
    uint64_t *table = p->root;

    for (unsigned int l = P2M_LEVELS;; l--) {
        uint64_t *e = &table[pt_index(gfn << PAGE_SHIFT, l)];

        if (!p2m_entry_is_table(*e, l)) {
            *level = l;
            return e;
        }
        table = table_of(*e);
    }
}

uint64_t *p2m_entry_for(struct p2m *p, struct p2m_change *c, gfn_t gfn, unsigned int level)
{
    uint64_t *table = p->root;

    for (unsigned int l = P2M_LEVELS;; l--) {
        uint64_t *e = &table[pt_index(gfn << PAGE_SHIFT, l)];

        if (l == level)
            return e;
        if (!p2m_entry_present(*e)) {
            uint64_t *t = new_table(p);

            if (!t)
                return NULL;
            WRITE_ONCE(*e, make_pte(virt_to_mfn(t), format()->table));
        } else if (!p2m_entry_is_table(*e, l)) {
            if (split(p, e, l))
                return NULL;
            c->flush = true;
        }
        table = table_of(*e);
    }
}

/* Hands back a table and all below it; what their leaves held is dropped. */
void p2m_drop_subtree(struct p2m *p, struct p2m_change *c, uint64_t entry, unsigned int level)
{
    uint64_t *table = table_of(entry);

    for (unsigned int i = 0; i < PT_ENTRIES; i++) {
        if (p2m_entry_is_table(table[i], level - 1))
            p2m_drop_subtree(p, c, table[i], level - 1);
        else if (p2m_entry_present(table[i]))
            c->had_entries = true;
    }
    drop_table(p, c, table);
}

/* All entries go on where the first begins, with one type. */
static bool is_one_range(const uint64_t *table, unsigned int level)
{
    enum p2m_type type = p2m_entry_type(table[0]);
    mfn_t mfn = pte_mfn(table[0]);

    if (p2m_entry_is_table(table[0], level) || !IS_ALIGNED(mfn, 1UL << P2M_SHIFT(level + 1)))
        return false;
    for (unsigned int i = PT_ENTRIES; i-- > 0;)
        if (table[i] != p2m_make_leaf(mfn + ((mfn_t)i << P2M_SHIFT(level)), type, level))
            return false;
    return true;
}

/* Only kinds that no entry of which holds a reference of its own. */
static bool may_merge(enum p2m_type t)
{
    return t == P2M_RAM_RW || t == P2M_RAM_RO || t == P2M_MMIO_DIRECT;
}

void p2m_merge(struct p2m *p, struct p2m_change *c, gfn_t gfn, unsigned int level)
{
    unsigned int top = format()->has_1g ? 3 : 2;

    for (; level < top; level++) {
        uint64_t *e = p2m_entry_for(p, c, gfn, level + 1), *table;

        if (!e || !p2m_entry_is_table(*e, level + 1))
            return;
        table = table_of(*e);
        if (!may_merge(p2m_entry_type(table[0])) || !is_one_range(table, level))
            return;
        WRITE_ONCE(*e, p2m_make_leaf(pte_mfn(table[0]), p2m_entry_type(table[0]), level + 1));
        drop_table(p, c, table);
        c->flush = true;
    }
}
