/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPU pools. There is one, number 0, with all CPUs and all domains: it can be looked at, and asked
 * for what it is already. No further pool can be made and no CPU taken out; hard affinity does what
 * pools are used for.
 */
#include <hv/current.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/sched.h>
#include "domctl_private.h"
#include "sysctl_private.h"

static uint32_t count_domains(void)
{
    struct domain *d;
    uint32_t n = 0;

    spin_lock(&domlist_lock);
    list_for_each (d, &domain_list, list)
        n++;
    spin_unlock(&domlist_lock);
    return n;
}

/* Of the first pool whose number is not below the one asked for. */
static int pool_info(struct xen_sysctl_cpupool_op *pool)
{
    if (pool->cpupool_id > CPUPOOL_ID)
        return -ENOENT;
    pool->cpupool_id = CPUPOOL_ID;
    pool->sched_id = scheduler->id;
    pool->n_dom = count_domains();
    return bitmap_to_guest(&pool->cpumap, cpu_online_map.bits, nr_cpu_ids);
}

/* No CPU is free to be added. */
static int pool_add_cpu(const struct xen_sysctl_cpupool_op *pool)
{
    if (pool->cpupool_id != CPUPOOL_ID)
        return -ENOENT;
    return pool->cpu != XEN_SYSCTL_CPUPOOL_PAR_ANY && pool->cpu >= nr_cpu_ids ? -EINVAL : -ENODEV;
}

static int pool_remove_cpu(const struct xen_sysctl_cpupool_op *pool)
{
    if (pool->cpupool_id != CPUPOOL_ID)
        return -ENOENT;
    return pool->cpu != XEN_SYSCTL_CPUPOOL_PAR_ANY && pool->cpu >= nr_cpu_ids ? -EINVAL
                                                                              : -EOPNOTSUPP;
}

static int pool_move_domain(const struct xen_sysctl_cpupool_op *pool)
{
    struct domain *d;

    if (pool->domid == current->domain->domain_id)
        return -EPERM;
    d = get_domain_by_id((domid_t)pool->domid);
    if (!d)
        return -ESRCH;
    put_domain(d);
    return pool->cpupool_id == CPUPOOL_ID ? 0 : -ENOENT;
}

int sysctl_cpupool_op(struct xen_sysctl *op)
{
    struct xen_sysctl_cpupool_op *pool = &op->u.cpupool_op;
    static const cpumask_t none;

    switch (pool->op) {
    case XEN_SYSCTL_CPUPOOL_OP_INFO:
        return pool_info(pool);
    case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
        return bitmap_to_guest(&pool->cpumap, none.bits, nr_cpu_ids);
    case XEN_SYSCTL_CPUPOOL_OP_DESTROY:
        return pool->cpupool_id == CPUPOOL_ID ? -EBUSY : -ENOENT;
    case XEN_SYSCTL_CPUPOOL_OP_ADDCPU:
        return pool_add_cpu(pool);
    case XEN_SYSCTL_CPUPOOL_OP_MOVEDOMAIN:
        return pool_move_domain(pool);
    case XEN_SYSCTL_CPUPOOL_OP_RMCPU:
        return pool_remove_cpu(pool);
    case XEN_SYSCTL_CPUPOOL_OP_CREATE:
        return -EOPNOTSUPP;
    default:
        return -ENOSYS;
    }
}
