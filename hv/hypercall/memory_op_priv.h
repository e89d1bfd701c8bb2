/* SPDX-License-Identifier: BSD-2-Clause */
/* HYPERVISOR_memory_op, private to hv/hypercall/memory_op*.c. */
#ifndef HV_MEMORY_OP_PRIV_H
#define HV_MEMORY_OP_PRIV_H

#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/hypercall.h>
#include <hv/uaccess.h>
#include <xen/memory.h>

/* A preempted operation goes on at the extent in the upper bits of the command. */
#define MEMOP_EXTENT_SHIFT 6
#define MEMOP_CMD_MASK ((1UL << MEMOP_EXTENT_SHIFT) - 1)
#define MEMOP_MAX_EXTENTS (UINT32_MAX >> MEMOP_EXTENT_SHIFT)

static inline long memop_continue(unsigned int op, unsigned long extent, void *arg)
{
    return HYPERCALL_CONTINUE(memory_op, op | extent << MEMOP_EXTENT_SHIFT, (unsigned long)arg);
}

/* memory_op_reserve.c */
/* Largest extent that current may ask for. */
unsigned int memop_max_order(void);
/* Allocation flags of XENMEMF_*; false if they are not current's to give. */
bool memop_take_node(unsigned int mem_flags, unsigned int *memflags);
/* Takes the page at gmfn from d: 0, -EINVAL (no such frame), -ENXIO (not d's). */
int guest_remove_page(struct domain *d, gfn_t gmfn);
long memop_reservation(unsigned int op, unsigned long start, void *arg);

/* memory_op_exchange.c */
/* How a request is cut into chunks: 1 << in_chunk_order extents in for 1 << out_chunk_order extents
   out. */
struct exchange_plan {
    unsigned int in_chunk_order, out_chunk_order;
    unsigned long first, end;   /* chunks still to do */
};
/* 0, -EPERM (extent order over max_order) or -EINVAL. */
int exchange_plan(const struct xen_memory_exchange *x, unsigned int max_order,
                  struct exchange_plan *plan);
long memop_exchange(void *arg);

/* memory_op_map.c */
long memop_set_memory_map(void *arg);
long memop_memory_map(void *arg);
long memop_machine_memory_map(void *arg);
long memop_machphys_mapping(void *arg);
long memop_machphys_mfn_list(void *arg);

/* memory_op_physmap.c */
long memop_add_to_physmap(unsigned long start, void *arg);
long memop_add_to_physmap_batch(unsigned long start, void *arg);
long memop_remove_from_physmap(void *arg);
long memop_acquire_resource(unsigned long start, void *arg);

#endif
