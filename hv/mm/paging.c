/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's page tables: mapping, unmapping and protecting ranges in its own slots with the
 * largest pages that fit, and the hypervisor's part of a guest's root table. Tables of the windows
 * are never given back, since windows are reused; those that a large page was split into are, by
 * join_hv_pages(). Remote CPUs are the caller's affair but for that.
 */
#include <hv/boot.h>
#include <hv/bootmem.h>
#include <hv/cpuid.h>
#include <hv/cpumask.h>
#include <hv/errno.h>
#include <hv/flush.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <pv/pv.h>
#include "paging_private.h"

pte_t idle_root[PT_ENTRIES] __aligned(4096);

static DEFINE_SPINLOCK(paging_lock, LOCK_PAGING);

#define LARGE_PAT (1UL << 12) /* PTE_PAT's place in L2 and L3 entries that map pages */
#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_A | PTE_D)
#define LEVEL_SHIFT(level) (PAGE_SHIFT + 9 * ((level) - 1))
#define LEVEL_FRAMES(level) (1UL << (9 * ((level) - 1)))

static bool is_leaf(pte_t e, unsigned int level)
{
    return level == 1 || e & PTE_PSE;
}

static pte_t leaf_entry(mfn_t mfn, uint64_t flags, unsigned int level)
{
    if (level == 1)
        return make_pte(mfn, flags);
    return make_pte(mfn, (flags & ~PTE_PAT) | PTE_PSE) | (flags & PTE_PAT ? LARGE_PAT : 0);
}

static uint64_t leaf_flags(pte_t e, unsigned int level)
{
    uint64_t flags = e & (PTE_NX | (PAGE_SIZE - 1));

    if (level == 1)
        return flags;
    return (flags & ~PTE_PSE) | (e & LARGE_PAT ? PTE_PAT : 0);
}

static mfn_t leaf_mfn(pte_t e, unsigned int level)
{
    return pte_mfn(e) & ~(LEVEL_FRAMES(level) - 1);
}

/* A cleared table, or NULL. At boot from below what the boot page tables map. */
static pte_t *alloc_table(void)
{
    paddr_t at;
    void *table;

    if (total_pages)
        return alloc_xen_page();
    at = boot_alloc_below(PAGE_SIZE, PAGE_SIZE, BOOT_DIRECTMAP_LIMIT);
    if (at == INVALID_PADDR)
        return NULL;
    table = maddr_to_virt(at);
    clear_page(table);
    return table;
}

/* Replaces the large page that *e maps by a table with the same mapping. */
static void split(pte_t *e, unsigned int level, pte_t *table)
{
    mfn_t mfn = leaf_mfn(*e, level);
    uint64_t flags = leaf_flags(*e, level);

    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        table[i] = leaf_entry(mfn + i * LEVEL_FRAMES(level - 1), flags, level - 1);
    WRITE_ONCE(*e, make_pte(virt_to_mfn(table), TABLE_FLAGS | (flags & PTE_US)));
}

/*
 * The entry for va at *level; at a lower one, which is stored in *level, where a table exists
 * already. Missing tables are taken from *spare; NULL if it was needed and empty. A larger page on
 * the way is split.
 */
static pte_t *walk(unsigned long va, unsigned int *level, uint64_t us, pte_t **spare)
{
    pte_t *table = idle_root;

    for (unsigned int l = 4;; l--) {
        pte_t *e = &table[pt_index(va, l)];

        if (l == 1 || (l <= *level && (!(*e & PTE_P) || is_leaf(*e, l)))) {
            *level = l;
            return e;
        }
        if (!(*e & PTE_P) || is_leaf(*e, l)) {
            if (!*spare)
                return NULL;
            if (*e & PTE_P)
                split(e, l, *spare);
            else
                WRITE_ONCE(*e, make_pte(virt_to_mfn(*spare), TABLE_FLAGS | us));
            *spare = NULL;
        }
        table = mfn_to_virt(pte_mfn(*e));
    }
}

static void set_entry(pte_t *e, pte_t value, unsigned long va)
{
    pte_t old = *e;

    WRITE_ONCE(*e, value);
    if (old & PTE_P)
        invlpg(va);
}

/* The largest level whose pages fit va, mfn and nr. */
static unsigned int best_level(unsigned long va, mfn_t mfn, unsigned long nr)
{
    unsigned long bits = (va >> PAGE_SHIFT) | mfn;

    if (nr >= LEVEL_FRAMES(3) && IS_ALIGNED(bits, LEVEL_FRAMES(3)) && cpu_has(X86_FEATURE_PAGE1GB))
        return 3;
    return nr >= LEVEL_FRAMES(2) && IS_ALIGNED(bits, LEVEL_FRAMES(2)) ? 2 : 1;
}

/* One entry's worth of work at va under the lock: the pages done, or 0: *spare is wanted. */
typedef unsigned long (*step_fn)(unsigned long va, mfn_t mfn, unsigned long nr, uint64_t flags,
                                 pte_t **spare);

static unsigned long step_map(unsigned long va, mfn_t mfn, unsigned long nr, uint64_t flags,
                              pte_t **spare)
{
    unsigned int level = best_level(va, mfn, nr);
    pte_t *e = walk(va, &level, flags & PTE_US, spare);

    if (!e)
        return 0;
    set_entry(e, leaf_entry(mfn, flags, level), va);
    return LEVEL_FRAMES(level);
}

static unsigned long step_unmap(unsigned long va, mfn_t mfn, unsigned long nr, uint64_t flags,
                                pte_t **spare)
{
    unsigned int level = best_level(va, 0, nr);
    pte_t *e = walk(va, &level, 0, spare);

    if (!e)
        return 0;
    set_entry(e, 0, va);
    return LEVEL_FRAMES(level);
}

static unsigned long step_protect(unsigned long va, mfn_t mfn, unsigned long nr, uint64_t flags,
                                  pte_t **spare)
{
    unsigned int level = best_level(va, 0, nr);
    pte_t *e = walk(va, &level, 0, spare);

    if (!e)
        return 0;
    if (*e & PTE_P)
        set_entry(e, leaf_entry(leaf_mfn(*e, level), flags, level), va);
    return LEVEL_FRAMES(level);
}

/* Memory is allocated outside of the lock (LOCK_HEAP comes before LOCK_PAGING). */
static int for_range(step_fn step, unsigned long va, mfn_t mfn, unsigned long nr, uint64_t flags)
{
    pte_t *spare = NULL;
    int rc = 0;

    while (nr) {
        unsigned long done;

        spin_lock(&paging_lock);
        done = step(va, mfn, nr, flags, &spare);
        spin_unlock(&paging_lock);
        if (!done) {
            spare = alloc_table();
            if (!spare) {
                rc = -ENOMEM;
                break;
            }
            continue;
        }
        done = MIN(done, nr);
        va += done << PAGE_SHIFT;
        mfn += done;
        nr -= done;
    }
    if (spare && total_pages)
        free_xen_page(spare);
    return rc;
}

int map_hv_pages(unsigned long va, mfn_t mfn, unsigned long nr, uint64_t flags)
{
    return for_range(step_map, va, mfn, nr, flags);
}

void unmap_hv_pages(unsigned long va, unsigned long nr)
{
    if (for_range(step_unmap, va, 0, nr, 0))
        printk(XENLOG_ERR "paging: no memory to split a large page; %#lx stays mapped\n", va);
}

int protect_hv_pages(unsigned long va, unsigned long nr, uint64_t flags)
{
    return for_range(step_protect, va, 0, nr, flags);
}

/* Can one larger page stand for all that the table of entries of `level` maps? */
static bool is_uniform(const pte_t *table, unsigned int level)
{
    uint64_t flags = leaf_flags(table[0], level) | PTE_A | PTE_D;

    if (!(table[0] & PTE_P) || !is_leaf(table[0], level) ||
        !IS_ALIGNED(leaf_mfn(table[0], level), LEVEL_FRAMES(level + 1)))
        return false;
    for (unsigned int i = 1; i < PT_ENTRIES; i++)
        if ((table[i] | PTE_A | PTE_D) !=
            leaf_entry(leaf_mfn(table[0], level) + i * LEVEL_FRAMES(level), flags, level))
            return false;
    return true;
}

/* The entry of `level` for va, if a table hangs on it. paging_lock held. */
static pte_t *table_entry(unsigned long va, unsigned int level)
{
    pte_t *table = idle_root;

    for (unsigned int l = 4;; l--) {
        pte_t *e = &table[pt_index(va, l)];

        if (!(*e & PTE_P) || is_leaf(*e, l))
            return NULL;
        if (l == level)
            return e;
        table = mfn_to_virt(pte_mfn(*e));
    }
}

/* The table that a large page of `level` at va has made superfluous, or NULL. */
static pte_t *join_at(unsigned long va, unsigned int level)
{
    pte_t *e, *table = NULL;

    spin_lock(&paging_lock);
    e = table_entry(va, level);
    if (e && is_uniform(mfn_to_virt(pte_mfn(*e)), level - 1)) {
        table = mfn_to_virt(pte_mfn(*e));
        WRITE_ONCE(*e, leaf_entry(leaf_mfn(table[0], level - 1),
                                  leaf_flags(table[0], level - 1) | PTE_A | PTE_D, level));
    }
    spin_unlock(&paging_lock);
    return table;
}

void join_hv_pages(unsigned long va)
{
    for (unsigned int level = 2; level <= 2 + !!cpu_has(X86_FEATURE_PAGE1GB); level++) {
        pte_t *table = join_at(va, level);

        if (!table)
            return;
        /* No CPU walks through the table any more before it becomes something else. */
        flush_all(FLUSH_TLB | FLUSH_TLB_GLOBAL);
        free_xen_page(table);
    }
}

mfn_t hv_page_mfn(unsigned long va)
{
    const pte_t *table = idle_root;

    for (unsigned int level = 4;; level--) {
        pte_t e = READ_ONCE(table[pt_index(va, level)]);

        if (!(e & PTE_P))
            return INVALID_MFN;
        if (is_leaf(e, level))
            return leaf_mfn(e, level) + ((va >> PAGE_SHIFT) & (LEVEL_FRAMES(level) - 1));
        table = mfn_to_virt(pte_mfn(e));
    }
}

int create_hv_l3(unsigned int slot, uint64_t us)
{
    pte_t *table = idle_root[slot] & PTE_P ? NULL : alloc_table();

    if (idle_root[slot] & PTE_P)
        return 0;
    if (!table)
        return -ENOMEM;
    idle_root[slot] = make_pte(virt_to_mfn(table), TABLE_FLAGS | us);
    return 0;
}

void init_root_hv_slots(pte_t *root, const struct domain *d)
{
    mfn_t perdomain = d && !d->is_idle ? ((const struct pv_domain *)d)->perdomain_l3_mfn : 0;

    memcpy(&root[HV_FIRST_SLOT], &idle_root[HV_FIRST_SLOT],
           (HV_LAST_SLOT - HV_FIRST_SLOT + 1) * sizeof(pte_t));
    root[PERDOMAIN_SLOT] = perdomain ? make_pte(perdomain, TABLE_FLAGS) : 0;
}
