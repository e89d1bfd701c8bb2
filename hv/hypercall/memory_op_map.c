/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory maps: the machine's as dom0 sees it, a domain's own as its builder set it, and where the
 * machine-to-physical table is.
 */
#include <hv/boot.h>
#include <hv/cpuid.h>
#include <hv/iocap.h>
#include <hv/lib.h>
#include "memory_op_priv.h"

#define M2P_CHUNK (1UL << L2_SHIFT)

long memop_set_memory_map(void *arg)
{
    struct xen_foreign_memory_map f;
    struct e820_entry *map, *old;
    struct domain *d;
    int err;

    if (copy_arg_from(&f, (struct xen_foreign_memory_map *)arg))
        return -EFAULT;
    if (f.map.nr_entries > E820_MAX)
        return -EINVAL;
    d = target_domain(f.domid, &err);
    if (!d)
        return err;
    old = map = xzalloc_array(f.map.nr_entries, sizeof(*map));
    err = -ENOMEM;
    if (map || !f.map.nr_entries)
        err = copy_from_guest(map, f.map.buffer.p, f.map.nr_entries * sizeof(*map));
    if (!err) {
        spin_lock(&d->page_alloc_lock);
        old = d->e820;
        d->e820 = map;
        d->nr_e820 = f.map.nr_entries;
        spin_unlock(&d->page_alloc_lock);
    }
    xfree(old);
    put_domain(d);
    return err;
}

/* A copy of d's map, so that no lock is held while guest memory is written. NULL and *nr 0: none
   was set. */
static struct e820_entry *snapshot(struct domain *d, unsigned int *nr)
{
    struct e820_entry *map = xzalloc_array(E820_MAX, sizeof(*map));

    if (!map)
        return NULL;
    spin_lock(&d->page_alloc_lock);
    *nr = d->nr_e820;
    if (*nr)
        memcpy(map, d->e820, *nr * sizeof(*map));
    spin_unlock(&d->page_alloc_lock);
    return map;
}

long memop_memory_map(void *arg)
{
    struct xen_memory_map m;
    struct e820_entry *map;
    unsigned int nr = 0;
    long rc = -EFAULT;

    if (copy_arg_from(&m, (struct xen_memory_map *)arg))
        return -EFAULT;
    map = snapshot(current->domain, &nr);
    if (!map)
        return -ENOMEM;
    if (!nr) {
        rc = -ENOSYS; /* a guest falls back to one range of its reservation's size */
    } else {
        m.nr_entries = MIN(m.nr_entries, nr);
        if (!copy_to_guest(m.buffer.p, map, m.nr_entries * sizeof(*map)) &&
            !copy_arg_to((struct xen_memory_map *)arg, &m))
            rc = 0;
    }
    xfree(map);
    return rc;
}

/* --- The machine's map: the firmware's, and as reserved what dom0 may not touch between its
   entries --- */

struct builder {
    struct e820_entry *e;
    unsigned int nr, max;
    unsigned long cursor, end;    /* frames: the gap that is looked at, end included */
    bool done;                    /* no more of the gap is left */
};

static int append(struct builder *b, uint64_t addr, uint64_t size, uint32_t type)
{
    if (b->nr == b->max)
        return -ENOBUFS;
    b->e[b->nr++] = (struct e820_entry){ addr, size, type };
    return 0;
}

/* The frames of the gap below a permitted range are reserved. Called for the ranges in ascending
   order. */
static int add_denied(unsigned long s, unsigned long e, void *arg)
{
    struct builder *b = arg;
    unsigned long last = MIN(s - 1, b->end);
    int rc = 0;

    if (b->done || e < b->cursor)
        return 0;
    if (s > b->cursor && !(b->cursor >> (boot_cpu.paddr_bits - PAGE_SHIFT)))
        rc = append(b, pfn_to_paddr(b->cursor), pfn_to_paddr(last - b->cursor + 1), E820_RESERVED);
    b->cursor = e + 1;
    b->done = e >= b->end;
    return rc;
}

static int fill_gap(struct builder *b, unsigned long first, unsigned long last)
{
    unsigned long limit = (1UL << (boot_cpu.paddr_bits - PAGE_SHIFT)) - 1;
    int rc;

    last = MIN(last, limit);
    if (first > last)
        return 0;
    b->cursor = first;
    b->end = last;
    b->done = false;
    rc = rangeset_for_each(current->domain->iomem_caps, add_denied, b);
    if (!rc && !b->done)
        rc = add_denied(last + 1, last + 1, b); /* what lies behind the last permitted range */
    return rc;
}

static int build_machine_map(struct builder *b)
{
    unsigned long next = 0;
    int rc = 0;

    for (unsigned int i = 0; i < boot_info.e820.nr && !rc; i++) {
        const struct e820_entry *e = &boot_info.e820.e[i];
        unsigned long s = paddr_to_pfn(e->addr);
        if (s > next)
            rc = fill_gap(b, next, s - 1);
        if (!rc)
            rc = append(b, e->addr, e->size, e->type);
        next = paddr_to_pfn(e->addr + e->size + PAGE_SIZE - 1);
    }
    return rc || !next ? rc : fill_gap(b, next, ~0UL);
}

long memop_machine_memory_map(void *arg)
{
    struct xen_memory_map m;
    struct builder b = { .max = 2 * E820_MAX };
    long rc;

    if (copy_arg_from(&m, (struct xen_memory_map *)arg))
        return -EFAULT;
    b.e = xzalloc_array(b.max, sizeof(*b.e));
    if (!b.e)
        return -ENOMEM;
    rc = build_machine_map(&b);
    if (!rc && m.buffer.p) {
        if (m.nr_entries < b.nr)
            rc = -EINVAL;
        else
            rc = copy_to_guest(m.buffer.p, b.e, b.nr * sizeof(*b.e));
    }
    xfree(b.e);
    if (rc)
        return rc;
    m.nr_entries = b.nr;
    return copy_arg_to((struct xen_memory_map *)arg, &m);
}

/* --- The machine-to-physical table --- */

long memop_machphys_mapping(void *arg)
{
    struct xen_machphys_mapping m = {
        .v_start = MACH2PHYS_VIRT_START,
        .v_end = MACH2PHYS_VIRT_END,
        .max_mfn = current->domain->is_control ? max_page - 1 : MACH2PHYS_NR_ENTRIES - 1,
    };
    return copy_arg_to((struct xen_machphys_mapping *)arg, &m);
}

/* One frame number per 2 MiB of table; a hole in it repeats its predecessor. */
long memop_machphys_mfn_list(void *arg)
{
    struct xen_machphys_mfn_list l;
    unsigned long size = max_page * sizeof(unsigned long);
    xen_pfn_t last = 0;
    unsigned int i;

    if (copy_arg_from(&l, (struct xen_machphys_mfn_list *)arg))
        return -EFAULT;
    for (i = 0; i != l.max_extents && i * M2P_CHUNK < size; i++) {
        mfn_t mfn = m2p_chunk_mfn(i);
        last = mfn != INVALID_MFN ? mfn : last;
        if (copy_to_handle_offset(l.extent_start, i, &last, 1))
            return -EFAULT;
    }
    l.nr_extents = i;
    return copy_arg_to((struct xen_machphys_mfn_list *)arg, &l);
}
