/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mapping and unmapping of grants, and what a dying domain still has mapped. Page tables are
 * changed by the back end.
 *
 * Unmapping goes in two halves around a flush: first the page-table entries of a batch are removed,
 * then every CPU that may still hold translations of the domain flushes, and only then references
 * are dropped and entries are shown as unused.
 */
#include <hv/backend.h>
#include <hv/flush.h>
#include <hv/hypercall.h>
#include <hv/printk.h>
#include <hv/uaccess.h>
#include "grant_priv.h"

#define UNMAP_BATCH 32
#define RELEASE_STRIDE 256
#define HOW_BITS (GNTMAP_readonly | GNTMAP_contains_pte) /* of the mapping, needed again to unmap
                                                            it */

static uint32_t pins_of(unsigned int flags)
{
    bool ro = flags & GNTMAP_readonly;
    uint32_t pins = 0;
    if (flags & GNTMAP_device_map)
        pins += ro ? PIN_DEV_R : PIN_DEV_W;
    if (flags & GNTMAP_host_map)
        pins += ro ? PIN_HOST_R : PIN_HOST_W;
    return pins;
}

/* Drops what nr mappings of pg hold. */
static void drop_page(struct page_info *pg, bool readonly, unsigned int nr)
{
    while (pg && nr--) {
        if (readonly)
            put_page(pg);
        else
            put_page_and_type(pg);
    }
}

static unsigned int nr_maps(unsigned int flags)
{
    return !!(flags & GNTMAP_device_map) + !!(flags & GNTMAP_host_map);
}

/* pin_entry's reference is there; takes what else each mapping needs. False: all references are
 * dropped again. */
static bool take_references(struct domain *rd, struct page_info *pg, unsigned int flags)
{
    bool ro = flags & GNTMAP_readonly;
    unsigned int want = nr_maps(flags), types = 0;

    if (!pg)
        return true;
    if (want == 2 && !get_page(pg, rd)) {
        put_page(pg);
        return false;
    }
    while (!ro && types < want) {
        if (get_page_type(pg, PGT_writable_page)) {
            while (types--)
                put_page_type(pg);
            drop_page(pg, true, want);
            return false;
        }
        types++;
    }
    return true;
}

/* Makes the mapping of an entry that is pinned. */
static int16_t install(struct domain *rd, const struct gnttab_map_grant_ref *op,
                       const struct pinned *p)
{
    int16_t rc = GNTST_okay;

    if (!take_references(rd, p->page, op->flags))
        return GNTST_general_error;
    if (op->flags & GNTMAP_host_map)
        rc = (int16_t)current->domain->backend->grant_map(op->host_addr, p->mfn, op->flags,
                                                          p->page ? 0 : p->cache_attr);
    if (rc)
        drop_page(p->page, op->flags & GNTMAP_readonly, nr_maps(op->flags));
    return rc;
}

static int16_t map_from(struct domain *rd, struct gnttab_map_grant_ref *op)
{
    struct domain *ld = current->domain;
    uint32_t pins = pins_of(op->flags);
    struct grant_mapping *m;
    struct pinned p;
    unsigned int handle = maptrack_get(ld->grant_table);
    int16_t rc;

    if (handle == TRACK_NONE)
        return GNTST_no_space;
    rc = pin_entry(rd, op->ref, ld->domain_id, pins, op->flags & GNTMAP_readonly, &p);
    if (rc)
        goto err_handle;
    rc = install(rd, op, &p);
    if (rc)
        goto err_pin;
    m = maptrack_entry(ld->grant_table, handle);
    m->domid = op->dom;
    m->ref = op->ref;
    smp_wmb(); /* with the flags the handle becomes usable */
    WRITE_ONCE(m->flags, (uint16_t)(op->flags & (MAP_BITS | HOW_BITS)));
    op->handle = handle;
    op->dev_bus_addr = pfn_to_paddr(p.mfn);
    return GNTST_okay;

err_pin:
    unpin_entry(rd, op->ref, pins);
err_handle:
    maptrack_put(ld->grant_table, handle);
    return rc;
}

static void map_one(struct gnttab_map_grant_ref *op)
{
    struct domain *rd;

    if (!(op->flags & MAP_BITS)) {
        op->status = GNTST_bad_gntref;
        return;
    }
    if (current->domain->is_hvm &&
        (op->flags & (GNTMAP_device_map | GNTMAP_application_map | GNTMAP_contains_pte))) {
        op->status = GNTST_general_error;
        return;
    }
    rd = get_domain_by_id(op->dom);
    if (!rd) {
        op->status = GNTST_bad_domain;
        return;
    }
    op->status = rd->grant_table ? map_from(rd, op) : GNTST_bad_domain;
    put_domain(rd);
}

long grant_map_op(struct gnttab_map_grant_ref *uop, unsigned int count)
{
    struct gnttab_map_grant_ref op;
    for (unsigned int i = 0; i < count; i++) {
        if (i && hypercall_preempt_check())
            return i;
        if (copy_arg_from(&op, uop + i))
            return -EFAULT;
        map_one(&op);
        if (copy_arg_to(uop + i, &op))
            return -EFAULT;
    }
    return 0;
}

/* --- Unmapping --- */

struct unmap {
    uint64_t host_addr, dev_bus_addr, new_addr;
    unsigned int handle;
    int16_t status;
    /* Found and done by the first half. */
    struct grant_mapping *map;
    struct domain *rd;         /* with reference, when done is set */
    grant_ref_t ref;
    uint16_t done;             /* GNTMAP_*_map bits removed, and HOW_BITS */
    struct page_info *page;
};

/*
 * Takes the bits to be removed out of the mapping, so that nobody else removes them too. rd's (g)
 * is held. done stays 0 and status is an error, or nothing is asked for.
 */
static void claim_mapping(struct unmap *u, mfn_t *mfn)
{
    uint16_t flags = u->map->flags, bits = 0;
    const struct active_grant *act;

    if (!(flags & MAP_BITS) || u->map->domid != u->rd->domain_id ||
        u->map->ref >= nr_entries(u->rd->grant_table)) {
        u->status = GNTST_bad_handle;
        return;
    }
    u->ref = u->map->ref;
    act = active_entry(u->rd->grant_table, u->ref);
    if (u->dev_bus_addr && (flags & GNTMAP_device_map)) {
        if (u->dev_bus_addr != pfn_to_paddr(act->mfn)) {
            u->status = GNTST_bad_dev_addr;
            return;
        }
        bits |= GNTMAP_device_map;
    }
    if (u->host_addr && (flags & GNTMAP_host_map))
        bits |= GNTMAP_host_map;
    if (!bits)
        return;
    *mfn = act->mfn;
    u->page = act->io ? NULL : mfn_to_page(act->mfn);
    u->done = bits | (flags & HOW_BITS);
    u->map->flags = (flags & (uint16_t)~bits) | MAP_GOING(bits);
}

/* Removes the page-table entry. A failure gives the host bit back. */
static void remove_host(struct unmap *u, mfn_t mfn)
{
    struct domain *ld = current->domain;
    struct grant_table *gt = u->rd->grant_table;
    int rc;

    if (!(u->done & GNTMAP_host_map))
        return;
    rc = ld->backend->grant_unmap(u->host_addr, mfn, u->done & HOW_BITS, u->new_addr);
    if (!rc)
        return;
    u->status = (int16_t)rc;
    spin_lock(&gt->lock);
    u->map->flags = (u->map->flags | GNTMAP_host_map) & (uint16_t)~MAP_GOING(GNTMAP_host_map);
    spin_unlock(&gt->lock);
    u->done &= (uint16_t)~GNTMAP_host_map;
}

static void unmap_first_half(struct unmap *u)
{
    struct domain *ld = current->domain;
    mfn_t mfn = INVALID_MFN;
    domid_t from;

    u->status = GNTST_okay;
    u->done = 0;
    u->map = maptrack_entry(ld->grant_table, u->handle);
    if (!u->map || !(READ_ONCE(u->map->flags) & MAP_BITS)) {
        u->status = GNTST_bad_handle;
        return;
    }
    from = READ_ONCE(u->map->domid);
    u->rd = get_domain_by_id(from);
    if (!u->rd) {
        u->status = GNTST_bad_domain;
        return;
    }
    spin_lock(&u->rd->grant_table->lock);
    claim_mapping(u, &mfn);
    spin_unlock(&u->rd->grant_table->lock);
    remove_host(u, mfn);
    if (!(u->done & MAP_BITS)) {
        u->done = 0;
        put_domain(u->rd);
    }
}

static void unmap_second_half(struct unmap *u)
{
    struct grant_table *gt;
    bool over;

    if (!u->done)
        return;
    gt = u->rd->grant_table;
    drop_page(u->page, u->done & GNTMAP_readonly, nr_maps(u->done));
    spin_lock(&gt->lock);
    unpin_entry_locked(gt, u->ref, pins_of(u->done));
    u->map->flags &= (uint16_t)~MAP_GOING(u->done & MAP_BITS);
    over = !(u->map->flags & (MAP_BITS | MAP_GOING(MAP_BITS)));
    spin_unlock(&gt->lock);
    if (over)
        maptrack_put(current->domain->grant_table, u->handle);
    put_domain(u->rd);
}

static void flush_domain(struct domain *d)
{
    cpumask_t mask = d->dirty_cpus;
    flush_mask(&mask, FLUSH_TLB, 0);
}

static void finish_batch(struct unmap *u, unsigned int n)
{
    bool host = false;
    for (unsigned int i = 0; i < n; i++)
        host |= u[i].done & GNTMAP_host_map;
    if (host)
        flush_domain(current->domain);
    for (unsigned int i = 0; i < n; i++)
        unmap_second_half(&u[i]);
}

/* Both calls' elements have one layout, but for what the second word means: the device address to
   unmap too, or where the entry of new_addr moves from. */
_Static_assert(sizeof(struct gnttab_unmap_and_replace) == sizeof(struct gnttab_unmap_grant_ref) &&
                   offsetof(struct gnttab_unmap_and_replace, new_addr) ==
                       offsetof(struct gnttab_unmap_grant_ref, dev_bus_addr) &&
                   offsetof(struct gnttab_unmap_and_replace, handle) ==
                       offsetof(struct gnttab_unmap_grant_ref, handle) &&
                   offsetof(struct gnttab_unmap_and_replace, status) ==
                       offsetof(struct gnttab_unmap_grant_ref, status),
               "one loop serves both");

static long unmap_all(struct gnttab_unmap_grant_ref *uop, unsigned int count, bool replace)
{
    struct gnttab_unmap_grant_ref op;
    struct unmap u[UNMAP_BATCH];
    unsigned int i = 0, n;
    long rc = 0;

    while (i < count && !rc) {
        if (i && hypercall_preempt_check())
            return i;
        for (n = 0; n < UNMAP_BATCH && i < count; n++, i++) {
            rc = copy_arg_from(&op, uop + i);
            if (rc)
                break;
            u[n] = (struct unmap){ op.host_addr, replace ? 0 : op.dev_bus_addr,
                                   replace ? op.dev_bus_addr : 0, .handle = op.handle };
            unmap_first_half(&u[n]);
            op.status = u[n].status;
            rc = copy_arg_to(uop + i, &op);
            if (rc) {
                n++;
                break;
            }
        }
        finish_batch(u, n);
    }
    return rc;
}

long grant_unmap_op(struct gnttab_unmap_grant_ref *uop, unsigned int count)
{
    return unmap_all(uop, count, false);
}

long grant_unmap_replace_op(struct gnttab_unmap_and_replace *uop, unsigned int count)
{
    return unmap_all((struct gnttab_unmap_grant_ref *)uop, count, true);
}

/* --- Death --- */

/* What d had mapped by this handle ends. Host references of a PV domain go with its page tables. */
static void release(struct domain *d, struct grant_mapping *m, unsigned int handle)
{
    struct domain *rd = get_domain_by_id(m->domid);
    struct page_info *pg = NULL;
    unsigned int flags = m->flags;
    struct active_grant *act;

    if (!rd) {
        printk(XENLOG_WARNING "%s: grant handle %u maps from d%u, which is gone; dropped\n",
               d->name, handle, m->domid);
        maptrack_put(d->grant_table, handle);
        return;
    }
    spin_lock(&rd->grant_table->lock);
    act = active_entry(rd->grant_table, m->ref);
    if (!act->io)
        pg = mfn_to_page(act->mfn);
    unpin_entry_locked(rd->grant_table, m->ref, pins_of(flags));
    m->flags = 0;
    spin_unlock(&rd->grant_table->lock);
    if (!d->is_hvm)
        flags &= ~GNTMAP_host_map;
    drop_page(pg, flags & GNTMAP_readonly, nr_maps(flags));
    maptrack_put(d->grant_table, handle);
    put_domain(rd);
}

int grant_release_mappings(struct domain *d)
{
    struct grant_table *gt = d->grant_table;

    if (!gt)
        return 0;
    while (gt->release_next < gt->nr_tracks) {
        struct grant_mapping *m = maptrack_entry(gt, gt->release_next);
        if (m->flags & MAP_BITS)
            release(d, m, gt->release_next);
        gt->release_next++;
        if (gt->release_next % RELEASE_STRIDE == 0 && hypercall_preempt_check())
            return -ERESTART;
    }
    return 0;
}
