/* SPDX-License-Identifier: BSD-2-Clause */
/* Handles of grant mappings: an array of frames that grows on demand, with a list of free entries.
 */
#include "grant_priv.h"

struct grant_mapping *maptrack_entry(const struct grant_table *gt, unsigned int handle)
{
    if (unlikely(handle >= READ_ONCE(gt->nr_tracks)))
        return NULL;
    handle = (unsigned int)index_nospec(handle, READ_ONCE(gt->nr_tracks));
    return &gt->maptrack[handle / TRACKS_PER_FRAME][handle % TRACKS_PER_FRAME];
}

/* (m) held. */
static int add_frame(struct grant_table *gt)
{
    unsigned int first = gt->nr_tracks;
    struct grant_mapping *f;

    if (first / TRACKS_PER_FRAME >= gt->max_track_frames)
        return -ENOSPC;
    f = alloc_xen_page();
    if (!f)
        return -ENOMEM;
    for (unsigned int i = 0; i < TRACKS_PER_FRAME; i++)
        f[i].ref = first + i + 1;
    f[TRACKS_PER_FRAME - 1].ref = gt->free_track;
    gt->maptrack[first / TRACKS_PER_FRAME] = f;
    smp_wmb(); /* whoever sees the number sees the frame */
    WRITE_ONCE(gt->nr_tracks, first + TRACKS_PER_FRAME);
    gt->free_track = first;
    return 0;
}

unsigned int maptrack_get(struct grant_table *gt)
{
    unsigned int handle = TRACK_NONE;

    spin_lock(&gt->maptrack_lock);
    if (gt->free_track != TRACK_NONE || !add_frame(gt)) {
        handle = gt->free_track;
        gt->free_track = maptrack_entry(gt, handle)->ref;
    }
    spin_unlock(&gt->maptrack_lock);
    return handle;
}

void maptrack_put(struct grant_table *gt, unsigned int handle)
{
    struct grant_mapping *m = maptrack_entry(gt, handle);

    spin_lock(&gt->maptrack_lock);
    m->flags = 0;
    m->ref = gt->free_track;
    gt->free_track = handle;
    spin_unlock(&gt->maptrack_lock);
}
