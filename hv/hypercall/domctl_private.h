/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handlers of domctl, one per command. Called with domctl_lock held and a reference to d (NULL for
 * commands that name no domain). The argument is a copy of the guest's; a handler checks all of it
 * and fills in what it returns there. -ERESTART makes the guest call again with the argument as it
 * was.
 */
#ifndef HV_DOMCTL_PRIVATE_H
#define HV_DOMCTL_PRIVATE_H

#include <hv/domain.h>

typedef int (*domctl_fn_t)(struct domain *d, struct xen_domctl *op);

#define DOMCTL_HANDLERS(H)                                                                      \
    H(createdomain) H(destroydomain) H(pausedomain) H(unpausedomain) H(resumedomain)            \
    H(getdomaininfo) H(max_vcpus) H(max_mem) H(setdomainhandle) H(setdebugging) H(subscribe)    \
    H(scheduler_op) H(set_virq_handler) H(setnodeaffinity) H(getnodeaffinity) H(settimeoffset)  \
    H(setvcpucontext) H(getvcpucontext) H(getvcpuinfo) H(setvcpuaffinity) H(getvcpuaffinity)    \
    H(setvcpuextstate) H(getvcpuextstate) H(sendtrigger)                                        \
    H(irq_permission) H(iomem_permission) H(ioport_permission) H(memory_mapping) H(hypercall_init) \
    H(set_address_size) H(get_address_size) H(gettscinfo) H(settscinfo) H(getpageframeinfo3) \
    H(get_cpu_policy) H(set_cpu_policy) H(gethvmcontext) H(sethvmcontext) \
    H(gethvmcontext_partial) H(set_paging_mempool_size) H(get_paging_mempool_size) H(shadow_op)
#define DOMCTL_PROTOTYPE(name) int domctl_##name(struct domain *d, struct xen_domctl *op);
DOMCTL_HANDLERS(DOMCTL_PROTOTYPE)

#define CPUPOOL_ID 0              /* the one pool (cpupool.c) */

/* Fills what getdomaininfo and getdomaininfolist tell. */
void domain_get_info(struct domain *d, struct xen_domctl_getdomaininfo *info);
/* Sets of CPUs or nodes to and from the guest's byte map; bits beyond nr_ids are 0. 0 or
   -EFAULT. */
struct xenctl_bitmap;
int bitmap_to_guest(const struct xenctl_bitmap *to, const unsigned long *map, unsigned int nr_ids);
int bitmap_from_guest(unsigned long *map, const struct xenctl_bitmap *from, unsigned int nr_ids);

#endif
