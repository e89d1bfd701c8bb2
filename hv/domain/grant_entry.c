/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The granting half of a grant table: taking an entry into use and letting it go. Entries lie in
 * the guest's memory and are hostile: flags and domid change by one 32-bit compare-and-swap, so
 * that the decision and the mark are one step, and the frame is read once, after that.
 */
#include <hv/backend.h>
#include <hv/bitops.h>
#include "grant_priv.h"

#define CLAIM_TRIES 5
#define GTF_CACHE (GTF_PWT | GTF_PCD | GTF_PAT)

/* flags and domid as the guest sees them, in one word. */
union status_word {
    uint32_t raw;
    struct { uint16_t flags; domid_t domid; };
};
_Static_assert(offsetof(grant_entry_v1_t, flags) == 0 && offsetof(grant_entry_v1_t, domid) == 2,
               "flags and domid are one aligned word");

static int16_t claim(grant_entry_v1_t *sh, domid_t user, bool readonly)
{
    uint32_t *word = (uint32_t *)sh;
    union status_word old = { .raw = READ_ONCE(*word) }, new;

    for (unsigned int i = 0; i < CLAIM_TRIES; i++) {
        uint32_t seen;
        if ((old.flags & GTF_type_mask) != GTF_permit_access || old.domid != user)
            return GNTST_bad_gntref;
        if (!readonly && (old.flags & GTF_readonly))
            return GNTST_bad_gntref;
        new = old;
        new.flags |= GTF_reading;
        if (!readonly)
            new.flags |= GTF_writing;
        seen = cmpxchg(word, old.raw, new.raw);
        if (seen == old.raw)
            return GNTST_okay;
        old.raw = seen;
    }
    return GNTST_general_error;
}

static void clear_status(grant_entry_v1_t *sh, uint16_t bits)
{
    __atomic_fetch_and(&sh->flags, (uint16_t)~bits, __ATOMIC_SEQ_CST);
}

/* First user of the entry: what frame is it? act is filled, the page referenced. */
static int16_t look_up(struct domain *rd, const grant_entry_v1_t *sh, struct active_grant *act,
                       struct pinned *out)
{
    gfn_t frame = READ_ONCE(sh->frame);

    out->page = rd->backend->get_gfn(rd, frame, false);
    if (out->page) {
        act->mfn = page_to_mfn(out->page);
        act->io = false;
        return GNTST_okay;
    }
    if (rd->is_hvm || mfn_valid(frame))
        return GNTST_bad_page;
    if (!iomem_access_permitted(rd, frame, frame))
        return GNTST_bad_page;
    act->mfn = frame;
    act->io = true;
    return GNTST_okay;
}

/* A further user: the frame is the one in use, whatever the entry says now. */
static int16_t look_up_again(struct domain *rd, const struct active_grant *act, struct pinned *out)
{
    out->page = act->io ? NULL : mfn_to_page(act->mfn);
    if (out->page && !get_page(out->page, rd))
        return GNTST_general_error;
    return GNTST_okay;
}

/* Registers that may only be read are not mapped to be written by whatever way. */
static bool write_refused(const struct active_grant *act, bool readonly)
{
    return act->io && !readonly && rangeset_contains(mmio_ro_ranges, act->mfn, act->mfn);
}

static int16_t pin_locked(struct domain *rd, grant_ref_t ref, domid_t user, uint32_t pins,
                          bool readonly, struct pinned *out)
{
    struct grant_table *gt = rd->grant_table;
    grant_entry_v1_t *sh;
    struct active_grant *act;
    bool claimed;
    int16_t rc;

    if (unlikely(ref >= nr_entries(gt)))
        return GNTST_bad_gntref;
    sh = shared_entry(gt, ref);
    act = active_entry(gt, ref);
    if (act->pin && (act->domid != user || (act->pin & (pins << PIN_TOP_BIT))))
        return GNTST_general_error;
    claimed = !act->pin || (!readonly && !(act->pin & PIN_WRITERS));
    if (claimed) {
        rc = claim(sh, user, readonly);
        if (rc)
            return rc;
    }
    rc = act->pin ? look_up_again(rd, act, out) : look_up(rd, sh, act, out);
    if (!rc && unlikely(write_refused(act, readonly)))
        rc = GNTST_general_error;
    if (rc) {
        if (claimed)
            clear_status(sh, act->pin ? GTF_writing : GTF_reading | GTF_writing);
        return rc;
    }
    act->domid = user;
    act->pin += pins;
    out->mfn = act->mfn;
    out->cache_attr = MASK_EXTR(READ_ONCE(sh->flags), GTF_CACHE);
    return GNTST_okay;
}

int16_t pin_entry(struct domain *rd, grant_ref_t ref, domid_t user, uint32_t pins, bool readonly,
                  struct pinned *out)
{
    struct grant_table *gt = rd->grant_table;
    int16_t rc;
    spin_lock(&gt->lock);
    rc = pin_locked(rd, ref, user, pins, readonly, out);
    spin_unlock(&gt->lock);
    return rc;
}

void unpin_entry_locked(struct grant_table *gt, grant_ref_t ref, uint32_t pins)
{
    struct active_grant *act = active_entry(gt, ref);
    uint16_t bits = 0;

    act->pin -= pins;
    if (!(act->pin & PIN_WRITERS))
        bits = GTF_writing;
    if (!act->pin)
        bits |= GTF_reading;
    if (bits)
        clear_status(shared_entry(gt, ref), bits);
}

void unpin_entry(struct domain *rd, grant_ref_t ref, uint32_t pins)
{
    struct grant_table *gt = rd->grant_table;
    spin_lock(&gt->lock);
    unpin_entry_locked(gt, ref, pins);
    spin_unlock(&gt->lock);
}
