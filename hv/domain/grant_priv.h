/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grant tables, private to hv/domain/grant*.c.
 *
 * A domain's table has two halves. The granting half: shared frames with entries that the guest
 * writes at any moment, and beside each an active entry that says what is in use right now. The
 * mapping half (maptrack): what this domain has mapped of others, by handle.
 *
 * Locks. (g) grant_table::lock of the granting domain; never two tables' at once. (m) maptrack_lock
 * of the mapping domain; it may be taken under nothing else of this file. A maptrack entry's flags
 * change under the (g) lock of the domain it maps from, so that two CPUs can't end one mapping
 * twice. No lock is held while a page table is changed or while references are dropped.
 *
 * References. A host mapping holds one page reference and, if writable, one PGT_writable_page use.
 * They belong to the page-table entry: it is the grant code that takes them before the entry is
 * made and drops them after it was removed and flushed, but if the entry vanishes with its page
 * table, then page-table teardown drops them. A device mapping's belong to the maptrack entry.
 */
#ifndef HV_GRANT_PRIV_H
#define HV_GRANT_PRIV_H

#include <hv/errno.h>
#include <hv/grant.h>
#include <hv/nospec.h>

#define ENTRIES_PER_FRAME (PAGE_SIZE / sizeof(grant_entry_v1_t))
#define TRACKS_PER_FRAME (PAGE_SIZE / sizeof(struct grant_mapping))
#define TRACK_NONE (~0u)

/* active_grant::pin: four counts of 8 bits. */
#define PIN_HOST_W (1u << 0)
#define PIN_HOST_R (1u << 8)
#define PIN_DEV_W (1u << 16)
#define PIN_DEV_R (1u << 24)
#define PIN_WRITERS 0x00ff00ffu
#define PIN_TOP_BIT 7 /* of a count of one: the count would overflow next */

struct active_grant {
    uint32_t pin;          /* (g) */
    domid_t domid;         /* (g) who uses it; valid while pin */
    bool io;               /* (g) device memory: no page_info */
    mfn_t mfn;             /* (g) valid while pin */
};

struct grant_mapping {
    uint32_t ref;   /* free: next free handle */
    uint16_t flags; /* GNTMAP_device_map, _host_map, _readonly, _contains_pte; no map bit set =
                       free, being made or being ended */
    domid_t domid;
};
_Static_assert(sizeof(struct grant_mapping) == 8, "a maptrack frame holds a power of two");
#define MAP_BITS (GNTMAP_device_map | GNTMAP_host_map)
/* What else unmapping must know. */
#define MAP_GOING(bits) ((uint16_t)((bits) << 8)) /* in flags: being unmapped right now */

struct grant_table {
    spinlock_t lock;
    unsigned int nr_frames, max_frames;      /* (g), constant */
    grant_entry_v1_t **shared;               /* (g) max_frames pointers */
    struct active_grant **active;

    spinlock_t maptrack_lock;
    unsigned int nr_tracks, max_track_frames; /* (m) handles that exist */
    struct grant_mapping **maptrack;
    unsigned int free_track;                 /* (m) list of free handles */
    unsigned int release_next;               /* teardown's progress */
};

/* A grant in use, as pin_entry() gives it. The page (NULL: device memory) comes with one
   reference. */
struct pinned {
    mfn_t mfn;
    struct page_info *page;
    unsigned int cache_attr; /* PWT, PCD, PAT of the entry in bits 0 to 2, for device memory */
};

static inline unsigned int nr_entries(const struct grant_table *gt)
{
    return gt->nr_frames * ENTRIES_PER_FRAME;
}
static inline grant_entry_v1_t *shared_entry(const struct grant_table *gt, grant_ref_t ref)
{
    ref = (grant_ref_t)index_nospec(ref, nr_entries(gt));
    return &gt->shared[ref / ENTRIES_PER_FRAME][ref % ENTRIES_PER_FRAME];
}
static inline struct active_grant *active_entry(const struct grant_table *gt, grant_ref_t ref)
{
    ref = (grant_ref_t)index_nospec(ref, nr_entries(gt));
    return &gt->active[ref / ENTRIES_PER_FRAME][ref % ENTRIES_PER_FRAME];
}

/* grant.c */
/* Makes the table at least nr frames long: 0, -EINVAL (over the limit), -ENOMEM. (g) held. */
int grant_grow(struct domain *d, unsigned int nr);

/* grant_entry.c: the granting half. GNTST_* results. */
/* Puts rd's entry to use by `user`: status bits by compare-and-swap, frame looked up, counts raised
 * by `pins`. */
int16_t pin_entry(struct domain *rd, grant_ref_t ref, domid_t user, uint32_t pins, bool readonly,
                  struct pinned *out);
/* Takes counts back and clears the status bits that no longer hold. Page references are the
   caller's. */
void unpin_entry(struct domain *rd, grant_ref_t ref, uint32_t pins);
/* The same with (g) held. */
void unpin_entry_locked(struct grant_table *gt, grant_ref_t ref, uint32_t pins);

/* grant_maptrack.c: the mapping half. */
/* A new handle with empty flags; TRACK_NONE when there is no room. */
unsigned int maptrack_get(struct grant_table *gt);
void maptrack_put(struct grant_table *gt, unsigned int handle);
/* NULL if handle does not exist. */
struct grant_mapping *maptrack_entry(const struct grant_table *gt, unsigned int handle);

/* Operations on arrays: the number done so far (> 0: preempted there, the caller continues), 0 =
   all done, or errno. */
long grant_map_op(struct gnttab_map_grant_ref *uop, unsigned int count);
long grant_unmap_op(struct gnttab_unmap_grant_ref *uop, unsigned int count);
long grant_unmap_replace_op(struct gnttab_unmap_and_replace *uop, unsigned int count);
long grant_copy_op(struct gnttab_copy *uop, unsigned int count);

#endif
