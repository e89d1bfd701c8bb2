/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * References and writable uses of frames, the common case in line: RAM in use, of a known owner,
 * cached as usual. Each says by its result that it did nothing where the case is another one; the
 * functions of hv/mm.h and pv/pt.h know them all.
 */
#ifndef PV_FRAME_H
#define PV_FRAME_H

#include <hv/mm.h>
#include <hv/uaccess.h>
#include <pv/pt.h>

/* Bits of a small count in 32: some, but not as many as could run over. */
static inline bool small_count(unsigned long x) { return (int32_t)x > 0; }

/* A word of the frame table, for a frame below max_page: 0 where there is a hole in the table. */
static inline unsigned long frame_word(const unsigned long *p)
{
#ifdef HV_UNIT_TEST
    return READ_ONCE(*p);
#else
    unsigned long x;

    __asm__ volatile("1: movq %1, %0\n2:\n .subsection 1\n3: xorl %k0, %k0\n jmp 2b\n .previous\n"
                     EX_TABLE("1b", "3b") : "=r"(x) : "m"(*p));
    return x;
#endif
}

/* One more reference of d's frame; NULL: not done. */
static inline struct page_info *frame_get(mfn_t mfn, const struct domain *d)
{
    struct page_info *pg = mfn_to_page(mfn);
    unsigned long x;

    if (unlikely(mfn >= max_page))
        return NULL;
    x = frame_word(&pg->count_info);
    if (unlikely(!small_count(x) || (x & (PGC_cacheattr_mask | PGC_not_ram)) ||
                 cmpxchg(&pg->count_info, x, x + 1) != x))
        return NULL;
    if (likely(owned_by(pg, d)))
        return pg;
    put_page(pg);
    return NULL;
}

/* The caller has another reference or does not mind what the last one does. */
static inline void frame_put(struct page_info *pg)
{
    unsigned long x = READ_ONCE(pg->count_info);

    if (unlikely((int32_t)x <= 1 || cmpxchg(&pg->count_info, x, x - 1) != x))
        put_page(pg);
}

/* One more use of a frame as the type that it is validated as. */
static inline bool frame_use(struct page_info *pg, unsigned long type)
{
    unsigned long x = READ_ONCE(pg->type_info);

    return likely((x & (PGT_type_mask | PGT_validated)) == (type | PGT_validated) &&
                  cmpxchg(&pg->type_info, x, x + 1) == x);
}

/* One use less, if it isn't the last. */
static inline bool frame_unuse(struct page_info *pg)
{
    unsigned long x = READ_ONCE(pg->type_info);

    return likely((int32_t)x > 1 && cmpxchg(&pg->type_info, x, x - 1) == x);
}

static inline void frame_unuse_writable(struct page_info *pg)
{
    if (unlikely(!frame_unuse(pg)))
        pt_put(pg, false);
}

/* Locks d's level 1 table that is neither busy nor locked. */
static inline bool frame_lock_l1(mfn_t mfn, const struct domain *d)
{
    struct page_info *pg = mfn_to_page(mfn);
    unsigned long x = mfn < max_page ? frame_word(&pg->type_info) : 0;

    if ((x & (PGT_type_mask | PGT_validated | PGT_locked)) != (PGT_l1_page_table | PGT_validated) ||
        unlikely(cmpxchg(&pg->type_info, x, x | PGT_locked) != x))
        return false;
    if (likely(owned_by(pg, d)))
        return true;
    pt_unlock_page(pg);
    return false;
}

#endif
