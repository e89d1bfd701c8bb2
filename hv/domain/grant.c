/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grant tables: their life, their growth, and the hypercall with its small operations. Version 1
 * only. The granting half is in grant_entry.c, mapping in grant_map.c, copying in grant_copy.c.
 */
#include <hv/backend.h>
#include <hv/hypercall.h>
#include <hv/lib.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/uaccess.h>
#include <pv/user.h>
#include "grant_priv.h"

#define INITIAL_FRAMES 1
#define CACHE_LINE 64

static unsigned int opt_max_frames = 64;
uint_param("gnttab_max_frames", opt_max_frames);
static unsigned int opt_max_maptrack_frames = 1024;
uint_param("gnttab_max_maptrack_frames", opt_max_maptrack_frames);

/* gnttab=max-ver:N,transitive=BOOL,transfer=BOOL: what stock systems say to turn features off that
   are not there anyway. Asking for one is a bad value. */
static bool is_refused_feature(const char *word, size_t len)
{
    static const char *const off[] = {
        "max-ver:1", "no-transitive", "transitive=0", "transitive=no", "transitive=off",
        "transitive=false", "transitive=disable", "no-transfer", "transfer=0", "transfer=no",
        "transfer=off", "transfer=false", "transfer=disable",
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(off); i++)
        if (!strncmp(word, off[i], len) && !off[i][len])
            return true;
    return false;
}

static int parse_gnttab(const char *s)
{
    for (;;) {
        size_t n = 0;

        while (s[n] && s[n] != ',')
            n++;
        if (!is_refused_feature(s, n))
            return -EINVAL;
        if (!s[n])
            return 0;
        s += n + 1;
    }
}
custom_param("gnttab", parse_gnttab);

/* --- Life --- */

int grant_grow(struct domain *d, unsigned int nr)
{
    struct grant_table *gt = d->grant_table;

    if (nr > gt->max_frames)
        return -EINVAL;
    while (gt->nr_frames < nr) {
        unsigned int i = gt->nr_frames;
        struct active_grant *act = xzalloc_array(ENTRIES_PER_FRAME, sizeof(*act));
        grant_entry_v1_t *shared = act ? alloc_xen_page() : NULL;
        if (!shared) {
            xfree(act);
            return -ENOMEM;
        }
        share_xen_page(virt_to_page(shared), d, true);
        gt->active[i] = act;
        gt->shared[i] = shared;
        gt->nr_frames = i + 1;
    }
    return 0;
}

/* The toolstack says "the default" with a negative number. */
static unsigned int or_default(unsigned int n, unsigned int dflt)
{
    return (int)n < 0 ? dflt : n;
}

int grant_table_init(struct domain *d, unsigned int max_frames, unsigned int max_maptrack)
{
    struct grant_table *gt;
    int rc = -ENOMEM;

    max_frames = or_default(max_frames, opt_max_frames);
    if (max_frames < INITIAL_FRAMES)
        return -EINVAL;
    gt = xzalloc_struct(struct grant_table);
    if (!gt)
        return -ENOMEM;
    spin_lock_init(&gt->lock, LOCK_GRANT);
    spin_lock_init(&gt->maptrack_lock, LOCK_GRANT);
    gt->max_frames = max_frames;
    gt->max_track_frames = or_default(max_maptrack, opt_max_maptrack_frames);
    gt->free_track = TRACK_NONE;
    gt->shared = xzalloc_array(max_frames, sizeof(*gt->shared));
    gt->active = xzalloc_array(max_frames, sizeof(*gt->active));
    if (gt->max_track_frames)
        gt->maptrack = xzalloc_array(gt->max_track_frames, sizeof(*gt->maptrack));
    d->grant_table = gt;
    d->max_grant_frames = gt->max_frames;
    d->max_maptrack_frames = gt->max_track_frames;
    if (gt->shared && gt->active && (gt->maptrack || !gt->max_track_frames)) {
        spin_lock(&gt->lock);
        rc = grant_grow(d, INITIAL_FRAMES);
        spin_unlock(&gt->lock);
    }
    if (rc)
        grant_table_free(d);
    return rc;
}

void grant_table_warn_active(struct domain *d)
{
    struct grant_table *gt = d->grant_table;
    unsigned int n = 0;

    if (!gt)
        return;
    spin_lock(&gt->lock);
    for (grant_ref_t ref = 0; ref < nr_entries(gt); ref++)
        n += active_entry(gt, ref)->pin != 0;
    spin_unlock(&gt->lock);
    if (n)
        printk(XENLOG_WARNING "%s: %u of its grants are still mapped by others\n", d->name, n);
}

void grant_table_free(struct domain *d)
{
    struct grant_table *gt = d->grant_table;

    if (!gt)
        return;
    d->grant_table = NULL;
    for (unsigned int i = 0; i < gt->nr_frames; i++) {
        struct page_info *pg = virt_to_page(gt->shared[i]);
        if (!page_get_owner(pg) || unshare_xen_page(pg))
            free_xen_page(gt->shared[i]);
        else
            printk(XENLOG_ERR "%s: grant frame %u is still referenced; not freed\n", d->name, i);
        xfree(gt->active[i]);
    }
    for (unsigned int i = 0; i < gt->nr_tracks / TRACKS_PER_FRAME; i++)
        free_xen_page(gt->maptrack[i]);
    xfree(gt->maptrack);
    xfree(gt->active);
    xfree(gt->shared);
    xfree(gt);
}

unsigned int grant_table_nr_frames(const struct domain *d)
{
    return d->grant_table ? READ_ONCE(d->grant_table->nr_frames) : 0;
}

int grant_table_frame(struct domain *d, unsigned int idx, mfn_t *mfn)
{
    struct grant_table *gt = d->grant_table;
    int rc = 0;

    if (!gt || idx >= gt->max_frames)
        return -EINVAL;
    spin_lock(&gt->lock);
    if (idx >= gt->nr_frames)
        rc = grant_grow(d, idx + 1);
    if (!rc)
        *mfn = virt_to_mfn(gt->shared[idx]);
    spin_unlock(&gt->lock);
    return rc;
}

void grant_seed_entry(struct domain *d, unsigned int ref, domid_t to, gfn_t frame)
{
    struct grant_table *gt = d->grant_table;
    grant_entry_v1_t *sh;

    if (!gt || ref >= nr_entries(gt) || frame != (uint32_t)frame)
        return;
    spin_lock(&gt->lock);
    sh = shared_entry(gt, ref);
    sh->frame = (uint32_t)frame;
    sh->domid = to;
    smp_wmb(); /* the flags make it valid */
    WRITE_ONCE(sh->flags, GTF_permit_access);
    spin_unlock(&gt->lock);
}

void grant_table_dump(struct domain *d)
{
    struct grant_table *gt = d->grant_table;

    if (!gt)
        return;
    spin_lock(&gt->lock);
    printk("%s: grant table v1, %u of %u frames, %u of %u map handles\n", d->name, gt->nr_frames,
           gt->max_frames, gt->nr_tracks, gt->max_track_frames * (unsigned int)TRACKS_PER_FRAME);
    for (grant_ref_t ref = 0; ref < nr_entries(gt); ref++) {
        const struct active_grant *act = active_entry(gt, ref);
        const grant_entry_v1_t *sh = shared_entry(gt, ref);
        if (act->pin)
            printk("  [%u] d%u mfn %lx pins %08x, entry: flags %04x d%u frame %x\n", ref,
                   act->domid, act->mfn, act->pin, READ_ONCE(sh->flags), READ_ONCE(sh->domid),
                   READ_ONCE(sh->frame));
    }
    spin_unlock(&gt->lock);
}

/* --- Small operations --- */

/* GNTST_* for target_domain()'s errors. */
static int16_t no_domain(int err)
{
    return err == -EPERM ? GNTST_permission_denied : GNTST_bad_domain;
}

static int16_t setup_in(struct domain *d, const struct gnttab_setup_table *op)
{
    struct grant_table *gt = d->grant_table;
    int rc = 0;

    if (!gt)
        return GNTST_bad_domain;
    spin_lock(&gt->lock);
    if (op->nr_frames > gt->nr_frames)
        rc = grant_grow(d, op->nr_frames);
    spin_unlock(&gt->lock);
    if (rc)
        return GNTST_general_error;
    for (unsigned int i = 0; i < op->nr_frames; i++) {
        /* Frames are never taken away from a living domain. */
        xen_pfn_t frame = virt_to_mfn(gt->shared[i]);
        if (copy_to_handle_offset(op->frame_list, i, &frame, 1))
            return GNTST_bad_virt_addr;
    }
    return GNTST_okay;
}

static long setup_table(struct gnttab_setup_table *uop, unsigned int count)
{
    struct gnttab_setup_table op;
    struct domain *d;
    int err;

    if (count != 1)
        return -EINVAL;
    if (copy_arg_from(&op, uop))
        return -EFAULT;
    d = target_domain(op.dom, &err);
    op.status = d ? setup_in(d, &op) : no_domain(err);
    if (d)
        put_domain(d);
    return copy_to_guest(&uop->status, &op.status, sizeof(op.status));
}

static void query_in(const struct domain *d, struct gnttab_query_size *op)
{
    const struct grant_table *gt = d->grant_table;
    op->status = gt ? GNTST_okay : GNTST_bad_domain;
    op->nr_frames = gt ? READ_ONCE(gt->nr_frames) : 0;
    op->max_nr_frames = gt ? gt->max_frames : 0;
}

_Static_assert(sizeof(struct gnttab_query_size) == 16, "two words");

static long query_size(struct gnttab_query_size *uop, unsigned int count)
{
    struct gnttab_query_size op;
    struct domain *d;
    int err;

    if (count != 1)
        return -EINVAL;
    if (copy_words_from_guest(&op, uop, sizeof(op) / 8))
        return -EFAULT;
    if (op.dom == DOMID_SELF) {
        query_in(current->domain, &op);
        return copy_words_to_guest(uop, &op, sizeof(op) / 8);
    }
    d = target_domain(op.dom, &err);
    if (d) {
        query_in(d, &op);
        put_domain(d);
    } else {
        op.status = no_domain(err);
    }
    return copy_words_to_guest(uop, &op, sizeof(op) / 8);
}

/* Version 2 as a Xen with gnttab=max-ver:1 answers it: as if the call did not exist. */
static long set_version(struct gnttab_set_version *uop)
{
    struct gnttab_set_version op;
    long rc = 0;

    if (copy_arg_from(&op, uop))
        return -EFAULT;
    if (op.version != 1)
        rc = op.version == 2 ? -ENOSYS : -EINVAL;
    op.version = 1;
    return copy_arg_to(uop, &op) ? -EFAULT : rc;
}

static long get_version(struct gnttab_get_version *uop)
{
    struct gnttab_get_version op;
    struct domain *d;
    int rc;

    if (copy_arg_from(&op, uop))
        return -EFAULT;
    d = target_domain(op.dom, &rc);
    if (!d)
        return rc;
    put_domain(d);
    op.version = 1;
    return copy_to_guest(&uop->version, &op.version, sizeof(op.version));
}

/* Version 1 has no status frames: asking for none succeeds. */
static long get_status_frames(struct gnttab_get_status_frames *uop, unsigned int count)
{
    struct gnttab_get_status_frames op;
    struct domain *d;
    int err;

    if (count != 1)
        return -EINVAL;
    if (copy_arg_from(&op, uop))
        return -EFAULT;
    d = target_domain(op.dom, &err);
    if (d) {
        op.status = op.nr_frames ? GNTST_general_error : GNTST_okay;
        put_domain(d);
    } else {
        op.status = no_domain(err);
    }
    return copy_to_guest(&uop->status, &op.status, sizeof(op.status));
}

static int16_t swap_one(struct grant_table *gt, grant_ref_t a, grant_ref_t b)
{
    grant_entry_v1_t tmp;
    int16_t rc = GNTST_okay;

    spin_lock(&gt->lock);
    if (a >= nr_entries(gt) || b >= nr_entries(gt)) {
        rc = GNTST_bad_gntref;
    } else if (a != b && (active_entry(gt, a)->pin || active_entry(gt, b)->pin)) {
        rc = GNTST_eagain;
    } else if (a != b) {
        tmp = *shared_entry(gt, a);
        *shared_entry(gt, a) = *shared_entry(gt, b);
        *shared_entry(gt, b) = tmp;
    }
    spin_unlock(&gt->lock);
    return rc;
}

static long swap_grant_ref(struct gnttab_swap_grant_ref *uop, unsigned int count)
{
    struct gnttab_swap_grant_ref op;
    for (unsigned int i = 0; i < count; i++) {
        if (i && hypercall_preempt_check())
            return i;
        if (copy_arg_from(&op, uop + i))
            return -EFAULT;
        op.status = swap_one(current->domain->grant_table, op.ref_a, op.ref_b);
        if (copy_to_guest(&uop[i].status, &op.status, sizeof(op.status)))
            return -EFAULT;
    }
    return 0;
}

/* Longest path: every entry of the owner's table once. */
static bool uses_grant(struct domain *owner, const struct domain *user, mfn_t mfn)
{
    struct grant_table *gt = owner->grant_table;
    bool found = false;

    spin_lock(&gt->lock);
    for (grant_ref_t ref = 0; ref < nr_entries(gt) && !found; ref++) {
        const struct active_grant *act = active_entry(gt, ref);
        found = act->pin && !act->io && act->mfn == mfn && act->domid == user->domain_id;
    }
    spin_unlock(&gt->lock);
    return found;
}

static int flush_range(mfn_t mfn, const struct gnttab_cache_flush *op)
{
    const char *p = (const char *)mfn_to_virt(mfn) + op->offset, *end = p + op->length;

    if (op->op == GNTTAB_CACHE_INVAL)
        return -EOPNOTSUPP; /* without writing back: x86 has no such thing for a range */
    for (p = (const char *)((unsigned long)p & ~(unsigned long)(CACHE_LINE - 1)); p < end;
         p += CACHE_LINE)
        __asm__ volatile("clflush %0" : : "m"(*p) : "memory");
    mb();
    return 0;
}

static int flush_one(const struct gnttab_cache_flush *op)
{
    mfn_t mfn = paddr_to_pfn(op->a.dev_bus_addr);
    struct domain *owner;
    int rc;

    if (op->offset >= PAGE_SIZE || op->length > PAGE_SIZE || op->offset + op->length > PAGE_SIZE ||
        (op->op & ~(GNTTAB_CACHE_INVAL | GNTTAB_CACHE_CLEAN)))
        return -EINVAL;
    if (!op->length || !op->op)
        return 0;
    if (!mfn_valid(mfn))
        return -EINVAL;
    owner = page_get_owner_and_reference(mfn_to_page(mfn));
    if (!owner)
        return -EPERM;
    if (!owner->grant_table)
        rc = -EPERM;
    else if (owner != current->domain && !uses_grant(owner, current->domain, mfn))
        rc = -EINVAL;
    else
        rc = flush_range(mfn, op);
    put_page(mfn_to_page(mfn));
    return rc;
}

static long cache_flush(struct gnttab_cache_flush *uop, unsigned int count)
{
    struct gnttab_cache_flush op;
    int rc;

    for (unsigned int i = 0; i < count; i++) {
        if (i && hypercall_preempt_check())
            return i;
        if (copy_arg_from(&op, uop + i))
            return -EFAULT;
        rc = flush_one(&op);
        if (rc)
            return rc;
    }
    return 0;
}

/* --- The hypercall --- */

/* One row per operation: fn on arrays returns where it was preempted; the size of an element makes
 * the continuation. */
static long call_op(unsigned int cmd, void *uop, unsigned int count, size_t *size)
{
    switch (cmd) {
#define OP(name, fn, type, ...)                 \
    case GNTTABOP_##name:                       \
        *size = sizeof(struct gnttab_##type);   \
        return fn(uop, ##__VA_ARGS__)
    OP(map_grant_ref, grant_map_op, map_grant_ref, count);
    OP(unmap_grant_ref, grant_unmap_op, unmap_grant_ref, count);
    OP(unmap_and_replace, grant_unmap_replace_op, unmap_and_replace, count);
    OP(copy, grant_copy_op, copy, count);
    OP(setup_table, setup_table, setup_table, count);
    OP(query_size, query_size, query_size, count);
    OP(set_version, set_version, set_version);
    OP(get_version, get_version, get_version);
    OP(get_status_frames, get_status_frames, get_status_frames, count);
    OP(swap_grant_ref, swap_grant_ref, swap_grant_ref, count);
    OP(cache_flush, cache_flush, cache_flush, count);
#undef OP
    case GNTTABOP_transfer:
        return -EOPNOTSUPP; /* as Xen with gnttab=transfer=no: front ends copy instead */
    default:
        return -ENOSYS;
    }
}

long do_grant_table_op(unsigned long cmd, void *uop, unsigned long count)
{
    size_t size = 0;
    long rc;

    if ((int)count < 0 || cmd != (unsigned int)cmd)
        return -EINVAL;
    if (!current->domain->grant_table)
        return -ENOSYS;
    rc = call_op((unsigned int)cmd, uop, (unsigned int)count, &size);
    if (rc <= 0)
        return rc;
    return HYPERCALL_CONTINUE(grant_table_op, cmd, (unsigned long)uop + (unsigned long)rc * size,
                              (unsigned int)count - (unsigned long)rc);
}
