/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Increasing, decreasing and populating a domain's memory. The result is the number of extents done
 * so far: it can be read from it where the request stopped, so errors are not told apart, as on
 * Xen.
 */
#include <hv/backend.h>
#include <hv/iocap.h>
#include <hv/lib.h>
#include <hv/numa.h>
#include <hv/param.h>
#include "memory_op_priv.h"

#define NUMA_NO_NODE 0xffu

struct reservation {
    struct xen_memory_reservation r;
    struct domain *d;
    unsigned int memflags;
    unsigned long i;     /* extent being done */
};

/* Largest extents, as on Xen: of any domain, the control domain (1 GiB), the hardware domain, and
   one with a device. A domain that is several of these has the largest. */
enum order_kind { ORDER_DOMU, ORDER_CONTROL, ORDER_HARDWARE, ORDER_DEVICE, NR_ORDERS };
static unsigned int max_orders[NR_ORDERS] = { 9, 18, 12, 12 };

/* Up to four numbers; what is left out between commas stays. */
static int parse_max_orders(const char *s)
{
    unsigned int orders[NR_ORDERS];

    memcpy(orders, max_orders, sizeof(orders));
    for (unsigned int i = 0; i < NR_ORDERS; i++) {
        const char *end = s;

        if (*s != ',')
            orders[i] = (unsigned int)MIN(strtoul(s, &end, 0), (unsigned long)MAX_ORDER);
        if (*s != ',' && end == s)
            return -EINVAL;
        if (!*end) {
            memcpy(max_orders, orders, sizeof(orders));
            return 0;
        }
        if (*end != ',')
            return -EINVAL;
        s = end + 1;
    }
    return -EINVAL;
}
custom_param("memop-max-order", parse_max_orders);

static bool has_device(const struct domain *d)
{
    return !rangeset_empty(d->iomem_caps) || !rangeset_empty(d->ioport_caps);
}

unsigned int memop_max_order(void)
{
    const struct domain *d = current->domain;
    unsigned int order = max_orders[ORDER_DOMU];

    if (has_device(d))
        order = MAX(order, max_orders[ORDER_DEVICE]);
    if (d->is_control) {
        order = MAX(order, max_orders[ORDER_CONTROL]);
        order = MAX(order, max_orders[ORDER_HARDWARE]);
    }
    return order;
}

bool memop_take_node(unsigned int mem_flags, unsigned int *memflags)
{
    unsigned int node = XENMEMF_get_node(mem_flags);
    bool exact = mem_flags & XENMEMF_exact_node_request;

    if (node == NUMA_NO_NODE)
        return true;
    if (!current->domain->is_control)
        return !exact;
    if (node >= MAX_NODES)
        return false;
    *memflags |= MEMF_node(node) | (exact ? MEMF_exact_node : 0);
    return true;
}

/* Takes over what the guest gave; false = refused. */
static bool decode(struct reservation *a, unsigned int op)
{
    unsigned int bits = XENMEMF_get_address_bits(a->r.mem_flags);
    unsigned int order = a->r.extent_order;

    if (bits && bits < order_of(max_page) + PAGE_SHIFT) {
        if (bits <= PAGE_SHIFT)
            return false;
        a->memflags = MEMF_bits(bits);
    }
    if (!(a->r.mem_flags & XENMEMF_vnode) && !memop_take_node(a->r.mem_flags, &a->memflags))
        return false;
    if (op == XENMEM_populate_physmap && (a->r.mem_flags & XENMEMF_populate_on_demand))
        return order <= MAX_ORDER;
    return order <= memop_max_order();
}

/* One extent each: false = stop here. */

static bool increase_one(struct reservation *a)
{
    struct page_info *pg = alloc_domain_pages(a->d, a->r.extent_order, a->memflags);
    xen_pfn_t mfn;

    if (!pg)
        return false;
    mfn = page_to_mfn(pg);
    return a->d->is_hvm || handle_is_null(a->r.extent_start) ||
           !copy_to_handle_offset(a->r.extent_start, a->i, &mfn, 1);
}

static bool populate_one(struct reservation *a)
{
    struct page_info *pg;
    xen_pfn_t gpfn, mfn;

    if (copy_from_handle_offset(&gpfn, a->r.extent_start, a->i, 1))
        return false;
    if (a->r.mem_flags & XENMEMF_populate_on_demand)
        /* Means nothing to PV; HVM domains have none yet. */
        return a->d != current->domain && !a->d->is_hvm;
    pg = alloc_domain_pages(a->d, a->r.extent_order, a->memflags);
    if (!pg)
        return false;
    mfn = page_to_mfn(pg);
    if (a->d->backend->physmap_add(a->d, gpfn, mfn, a->r.extent_order))
        return false;
    return a->d->is_hvm || !copy_to_handle_offset(a->r.extent_start, a->i, &mfn, 1);
}

int guest_remove_page(struct domain *d, gfn_t gmfn)
{
    struct page_info *pg = d->backend->get_gfn(d, gmfn, false);
    int rc;

    if (!pg)
        return mfn_valid(gmfn) || d->is_hvm ? -ENXIO : -EINVAL;
    if (page_get_owner(pg) != d || (READ_ONCE(pg->count_info) & PGC_xen)) {
        put_page(pg);
        return -ENXIO;
    }
    rc = d->backend->physmap_remove(d, gmfn, page_to_mfn(pg), 0);
    /* Whoever still maps the frame holds references: it is free when the last is gone, and flushed
       before its next use. */
    if (!rc)
        put_page_alloc_ref(pg);
    put_page(pg);
    return rc;
}

static bool decrease_one(struct reservation *a)
{
    xen_pfn_t gmfn;

    if (copy_from_handle_offset(&gmfn, a->r.extent_start, a->i, 1))
        return false;
    for (unsigned long j = 0; j < 1UL << a->r.extent_order; j++)
        if (guest_remove_page(a->d, gmfn + j))
            return false;
    return true;
}

/* Does extents from a->i on; true = preempted. */
static bool run(struct reservation *a, bool (*one)(struct reservation *))
{
    unsigned long first = a->i;

    for (; a->i < a->r.nr_extents; a->i++) {
        if (a->i != first && hypercall_preempt_check())
            return true;
        if (!one(a))
            return false;
    }
    return false;
}

long memop_reservation(unsigned int op, unsigned long start, void *arg)
{
    struct reservation a = { .i = start };
    bool preempted = false;
    int err;

    if (copy_arg_from(&a.r, (struct xen_memory_reservation *)arg))
        return (long)start;
    if (a.r.nr_extents > MEMOP_MAX_EXTENTS || start >= a.r.nr_extents)
        return (long)start;
    a.d = target_domain(a.r.domid, &err);
    if (!a.d)
        return (long)start;
    if (decode(&a, op))
        preempted = run(&a, op == XENMEM_increase_reservation   ? increase_one
                            : op == XENMEM_decrease_reservation ? decrease_one
                                                                : populate_one);
    put_domain(a.d);
    return preempted ? memop_continue(op, a.i, arg) : (long)a.i;
}
