/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest-physical map's tree (p2m_table.c) as p2m.c uses it. The lock of the map is held. */
#ifndef HV_HVM_P2M_PRIV_H
#define HV_HVM_P2M_PRIV_H

#include <hv/hvm/p2m.h>

#define P2M_LEVELS 4
/* Frames, as a power of two, that an entry of the level stands for. */
#define P2M_SHIFT(level) (9 * ((level) - 1))
#define P2M_GFN_BITS 36

/* What a change leaves to be done once the lock is free. */
struct p2m_change {
    bool flush;             /* translations that CPUs may hold have become invalid */
    bool had_entries;       /* a subtree that was dropped had some */
    uint32_t freed;         /* tables to be freed after the flush: frame numbers, PAGE_LIST_NIL */
};
#define P2M_CHANGE_INIT { false, false, PAGE_LIST_NIL }

bool p2m_entry_present(uint64_t e);
bool p2m_entry_is_table(uint64_t e, unsigned int level);
enum p2m_type p2m_entry_type(uint64_t e);
uint64_t p2m_make_leaf(mfn_t mfn, enum p2m_type type, unsigned int level);
/* The entry that gfn is translated by, or the one that says there is nothing; its level. */
uint64_t *p2m_find(struct p2m *p, gfn_t gfn, unsigned int *level);
/* The entry of a level, making the tables on the way and splitting superpages; NULL: no memory. */
uint64_t *p2m_entry_for(struct p2m *p, struct p2m_change *c, gfn_t gfn, unsigned int level);
void p2m_drop_subtree(struct p2m *p, struct p2m_change *c, uint64_t entry, unsigned int level);
/* An entry of the level at gfn has been set: makes superpages of full tables. */
void p2m_merge(struct p2m *p, struct p2m_change *c, gfn_t gfn, unsigned int level);
void p2m_free_dropped(struct p2m_change *c);

#endif
