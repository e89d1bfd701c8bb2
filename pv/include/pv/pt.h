/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page tables of PV guests: what the files that check, count and change their entries offer each
 * other.
 *
 * Who owns what. An entry of a validated table owns one reference of the frame it maps, and one use
 * as a type: level n - 1 for tables, writable for a data frame mapped read-write, none for one
 * mapped read-only. Frames that are not RAM are not counted. The mapping of a grant is an entry
 * like any other: whoever clears it drops its references.
 *
 * States of a table's type_info, besides idle (count 0) and validated (count >= 1):
 *   busy     count 1, neither flag: one CPU validates or undoes it; others wait
 *   partial  PGT_partial, count 1: that work was interrupted. The count and one reference belong to
 * the state itself, not to anybody. pg->progress says how many entries, from the first, own their
 * references; with PT_ENTRY_HELD the entry after them owns a plain reference of a table that may be
 * partial itself. Whoever wants the type goes on validating it, pt_finish() goes on undoing it: the
 * frame alone says all. PGT_locked keeps a validated table from becoming busy while an entry
 * changes. Order: higher levels first; code that waits for a table only does so for one of a lower
 * level than what it works on, so waits end.
 */
#ifndef PV_PT_H
#define PV_PT_H

#include <hv/alternative.h>
#include <hv/errno.h>
#include <hv/flush.h>
#include <hv/iocap.h>
#include <hv/mm.h>
#include <hv/uaccess.h>
#include <pv/pv.h>

#define PT_TYPE(level) ((unsigned long)(level) << 60)
#define PT_LEVEL(type_info) ((unsigned int)(((type_info) & PGT_type_mask) >> 60))
_Static_assert(PT_TYPE(4) == PGT_l4_page_table, "types of tables are their levels");
static inline bool type_is_table(unsigned long type_info) { return PT_LEVEL(type_info) - 1 < 4; }

#define PTE_CACHE_ATTRS (PTE_PWT | PTE_PCD | PTE_PAT)
#define PTE_AVAIL_HIGH (_UL(0x7ff) << 52)
/* Bits of a present entry that change nothing of what the frame is used for. PTE_G is accepted and
   dropped: guest translations are never global; PTE_US is added: the guest's kernel runs in ring 3
   too. */
#define L1_FREE_BITS (PTE_A | PTE_D | PTE_AVL | PTE_AVAIL_HIGH | PTE_G | PTE_US | PTE_NX)
#define TABLE_FREE_BITS (PTE_A | PTE_D | PTE_AVL | PTE_AVAIL_HIGH | PTE_US | PTE_NX | PTE_RW)
/* Refused in entries that refer to tables: superpages and everything that is reserved or without
 * use there. */
#define TABLE_DISALLOWED (PTE_PSE | PTE_PWT | PTE_PCD | PTE_G)

/* Index in the PAT, as kept in PGC_cacheattr_mask. */
static inline unsigned int pte_cacheattr(pte_t e) { return ((e >> 3) & 3) | ((e >> 5) & 4); }
static inline pte_t cacheattr_pte(unsigned int a) { return ((a & 3) << 3) | ((pte_t)(a & 4) << 5); }

/* Only who has devices has a reason to map memory uncached or to flush caches. */
static inline bool pt_may_choose_caching(const struct domain *d)
{
    return !rangeset_empty(d->iomem_caps) || !rangeset_empty(d->ioport_caps);
}

static inline bool owned_by(const struct page_info *pg, const struct domain *d)
{
    return pg->owner == (uint16_t)(d->domain_id + 1);
}
/* One more reference of a frame that the caller has one of. */
static inline void get_page_again(struct page_info *pg)
{
    __atomic_fetch_add(&pg->count_info, 1, __ATOMIC_SEQ_CST);
}

/*
 * Locks a validated table, whoever owns it, against becoming something else; false if it is none.
 * While locked its type, a count above 0, its owner and the frame itself are stable. Not recursive;
 * may be held while waiting for flushes.
 */
bool pt_lock_slow(struct page_info *pg);
static inline bool pt_lock_page(struct page_info *pg)
{
    unsigned long x = READ_ONCE(pg->type_info);

    if (likely((x & (PGT_validated | PGT_locked)) == PGT_validated && type_is_table(x) &&
               cmpxchg(&pg->type_info, x, x | PGT_locked) == x))
        return true;
    return pt_lock_slow(pg);
}
static inline void pt_unlock_page(struct page_info *pg)
{
    __atomic_fetch_and(&pg->type_info, ~PGT_locked, __ATOMIC_RELEASE);
}
/* The same for d's table of one level. */
static inline bool pt_lock_table(struct page_info *pg, const struct domain *d, unsigned long type)
{
    unsigned long x = READ_ONCE(pg->type_info);

    if (unlikely((x & (PGT_type_mask | PGT_validated | PGT_locked)) != (type | PGT_validated) ||
                 cmpxchg(&pg->type_info, x, x | PGT_locked) != x) &&
        !pt_lock_slow(pg))
        return false;
    if (likely((pg->type_info & PGT_type_mask) == type && owned_by(pg, d)))
        return true;
    pt_unlock_page(pg);
    return false;
}

static inline bool guest_slot(unsigned int level, unsigned int slot)
{
    return level < 4 || slot < HV_FIRST_SLOT || slot > HV_LAST_SLOT;
}

/* Tables are mostly empty: whole groups of entries are passed over at once. For tables that no
   guest can write to. */
#define PT_GROUP 32u
#define PT_SUBGROUP 8u
static inline pte_t pt_or8(const pte_t *t)
{
    return t[0] | t[1] | t[2] | t[3] | t[4] | t[5] | t[6] | t[7];
}
static inline bool pt_group_empty(const pte_t *t)
{
    return !((pt_or8(t) | pt_or8(t + 8) | pt_or8(t + 16) | pt_or8(t + 24)) & PTE_P);
}
/* The statement that follows is done for each present entry i of table t. */
#define pt_for_each_present(i, t)                                                                  \
    for (unsigned int g_ = 0; g_ < PT_ENTRIES; g_ += PT_GROUP)                                     \
        if (!pt_group_empty(&(t)[g_]))                                                             \
            for (unsigned int s_ = g_; s_ < g_ + PT_GROUP; s_ += PT_SUBGROUP)                      \
                if (pt_or8(&(t)[s_]) & PTE_P)                                                      \
                    for ((i) = s_; (i) < s_ + PT_SUBGROUP; (i)++)                                  \
                        if ((t)[i] & PTE_P)
/* The same from the last one to the first. */
#define pt_for_each_present_down(i, t)                                                             \
    for (unsigned int g_ = PT_ENTRIES; g_ > 0; g_ -= PT_GROUP)                                     \
        if (!pt_group_empty(&(t)[g_ - PT_GROUP]))                                                  \
            for (unsigned int s_ = g_; s_ > g_ - PT_GROUP; s_ -= PT_SUBGROUP)                      \
                if (pt_or8(&(t)[s_ - PT_SUBGROUP]) & PTE_P)                                        \
                    for ((i) = s_; (i)-- > s_ - PT_SUBGROUP;)                                      \
                        if ((t)[i] & PTE_P)

/* Reads an entry of what was a table a moment ago: 0 if there is no such memory. */
static inline pte_t pt_read(const pte_t *p)
{
#ifdef HV_UNIT_TEST
    return mfn_valid(virt_to_mfn(p)) ? READ_ONCE(*p) : 0;
#else
    pte_t e;

    __asm__ volatile("1: movq %1, %0\n2:\n" EX_TABLE("1b", "2b") : "=r"(e) : "m"(*p), "0"(0UL));
    return e;
#endif
}

/*
 * Finds the level 1 table for va below a root table by the direct map; false if there is none.
 * Takes no locks: another CPU may be taking the tables apart, so that entries can be anything. The
 * frame found need not even be RAM; it must be locked (pt_lock_table) before it is used as a table.
 */
static inline bool pt_walk_to_any(paddr_t root, unsigned long va, mfn_t *l1)
{
    const pte_t *t = maddr_to_virt(root);
    pte_t e;

    e = t[l4_index(va)];
    if (unlikely(!(e & PTE_P)))
        return false;
    t = mfn_to_virt(pte_mfn(e));
    e = pt_read(&t[l3_index(va)]);
    if (unlikely((e & (PTE_P | PTE_PSE)) != PTE_P))
        return false;
    t = mfn_to_virt(pte_mfn(e));
    e = pt_read(&t[l2_index(va)]);
    *l1 = pte_mfn(e);
    return likely((e & (PTE_P | PTE_PSE)) == PTE_P);
}
/* The same, and the frame is RAM. */
static inline bool pt_walk_to_l1(paddr_t root, unsigned long va, mfn_t *l1)
{
    return pt_walk_to_any(root, va, l1) && mfn_valid(*l1);
}
/* The entry in it as it was a moment ago; 0 if there is none. */
static inline pte_t pt_walk_read(paddr_t root, unsigned long va)
{
    mfn_t l1;

    return likely(pt_walk_to_any(root, va, &l1))
               ? pt_read((const pte_t *)mfn_to_virt(l1) + l1_index(va)) : 0;
}
/* The entry in it; NULL if there is none. */
static inline pte_t *pt_walk(paddr_t root, unsigned long va)
{
    mfn_t l1;

    return likely(pt_walk_to_l1(root, va, &l1)) ? (pte_t *)mfn_to_virt(l1) + l1_index(va) : NULL;
}

/* --- pv/page_type.c --- */
/* Goes on undoing a partial table; nothing to do if it isn't partial (any more). The caller holds a
   reference. 0 or, if preempt, -ERESTART. */
int pt_finish(struct page_info *pg, bool preempt);
/* Sees to it that a partial table is undone: at the current vCPU's next page-table hypercall
   (pv_put_old_root) and then true, or now and false. */
bool pt_defer_finish(struct page_info *pg);
/* The same for a PV vCPU v, current or not running. */
bool pt_defer_to(struct vcpu *v, struct page_info *pg);
/* As get_page_type() and put_page_type() for tables inside of tables: errors may leave the frame
 * partial. */
int pt_get(struct page_info *pg, unsigned long type, bool preempt);
int pt_put(struct page_info *pg, bool preempt);
/* Writes back and drops the frame's lines of all caches. */
void pt_flush_cache(const struct page_info *pg);

/* --- pv/page_type_l1.c --- */
int l1_validate(struct page_info *pg, struct domain *d);    /* all or nothing */
void l1_devalidate(struct page_info *pg, struct domain *d);
/* Takes what *e, present, needs of its frame, and brings *e into the form to install. The table is
   d's, the frame pg_owner's. -EINVAL, -EPERM, -EBUSY (not that owner's, or in use as another type),
   -ENOMEM. */
int l1e_get(pte_t *e, struct domain *d, struct domain *pg_owner);
void l1e_put(pte_t e, struct domain *d);

enum l1_mode {
    L1_SET,             /* store */
    L1_KEEP_AD,         /* store, but keep accessed and dirty bits that are set */
    L1_IF_SAME,         /* store if the entry is `old`; else -EAGAIN */
};
/* Changes an entry of a locked level 1 table of d. old as read by the caller under the lock. */
/* The same with an entry that names a frame by its number in pg_owner's physical map (HVM). */
int l1_update_translated(pte_t *p, pte_t new, enum l1_mode mode, struct domain *d,
                         struct domain *pg_owner);
int l1_update(pte_t *p, pte_t old, pte_t new, enum l1_mode mode, struct domain *d,
              struct domain *pg_owner);

/* --- pv/page_type_table.c --- */
int table_validate(struct page_info *pg, unsigned int level, struct domain *d, bool preempt);
int table_devalidate(struct page_info *pg, unsigned int level, bool preempt);
/* Changes an entry of d's locked table of level 2 to 4. -EINVAL, -ERESTART (nothing changed). */
int table_update(pte_t *p, pte_t new, bool keep_ad, unsigned int level, struct page_info *pg,
                 struct domain *d);

/* --- pv/l1tf.c: true, or d is crashed --- */
/* For an entry that isn't present, to be written to a table of d. */
bool pv_l1tf_entry_ok(struct domain *d, pte_t e, unsigned int level);
/* For all such entries of a table to be validated. */
bool pv_l1tf_table_ok(struct domain *d, const pte_t *t, unsigned int level);

/* What a new entry is, at no cost where entries that are not present are not checked: then it is
   never PT_CHECK, which means that the caller has to find out for itself and check. */
enum pt_kind { PT_ABSENT, PT_PRESENT, PT_CHECK };
static inline __attribute__((always_inline)) enum pt_kind pt_kind_of(pte_t e)
{
#ifdef HV_UNIT_TEST
    return unit_alternatives >> ALT_PV_L1TF & 1 ? PT_CHECK : e & PTE_P ? PT_PRESENT : PT_ABSENT;
#else
    __asm__ goto(ALT_JUMP_SITE "testl %[p], %k[e]\n jz %l[absent]"
                 ALT_JUMP("%c[feature]", "%l[check]")
                 : : [e] "r"(e), [p] "i"(PTE_P), [feature] "i"(ALT_PV_L1TF) : "cc"
                 : absent, check);
    return PT_PRESENT;
absent:
    return PT_ABSENT;
check:
    return PT_CHECK;
#endif
}

/* Flushes the CPU that may hold translations of v. */
static inline void pt_flush_vcpu(const struct vcpu *v)
{
    unsigned int cpu = READ_ONCE(v->dirty_cpu);
    cpumask_t mask = { };

    if (cpu >= NR_CPUS)
        return;
    __set_bit(cpu, mask.bits);
    flush_mask(&mask, FLUSH_TLB, 0);
}

/* --- pv/mmu_update.c --- */
#define MMU_PREEMPTED 0x80000000u   /* in the count of a continued call */
/* The owner that a page-table call's domid names, with a reference (pt_put_owner); NULL and *err.
 */
struct domain *pt_get_owner(domid_t id, int *err);
/* The number of operations done: as it stands at the guest's pointer (NULL allowed), and its report
 * there. */
unsigned int pt_done_before(const void *pdone);
void pt_report_done(void *pdone, unsigned int done);
static inline void pt_put_owner(struct domain *owner)
{
    if (unlikely(owner != current->domain))
        put_domain(owner);
}

/* --- pv/update_va.c --- */
/* The CPUs that hold translations of the vCPUs in the guest's bitmap. 0 or -EFAULT. */
int pt_vcpumask_to_cpumask(const struct domain *d, const void *bitmap, cpumask_t *mask);

#endif
