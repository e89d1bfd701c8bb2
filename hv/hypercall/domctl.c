/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * domctl: the toolstack's control of domains. One table; handlers are in domctl_domain.c,
 * domctl_vcpu.c and domctl_arch.c. What the table lacks is answered -ENOSYS.
 */
#include <hv/errno.h>
#include <hv/hypercall.h>
#include <hv/printk.h>
#include <hv/uaccess.h>
#include "domctl_private.h"

#define NO_DOMAIN (1u << 0)   /* op.domain names none that must exist */
#define COPY_BACK (1u << 1)   /* the result is in the argument */
#define NOT_SELF (1u << 2)    /* -EINVAL for the caller's own domain */
#define COPY_ERROR (1u << 3)  /* a failure is explained in the argument */

struct domctl_row {
    domctl_fn_t fn;
    unsigned int flags;
    int refusal;              /* the answer without fn */
};

#define ROW(name, fl) [XEN_DOMCTL_##name] = { domctl_##name, fl, 0 }
#define REFUSED(name, err) [XEN_DOMCTL_##name] = { NULL, 0, err }

static const struct domctl_row rows[] = {
    ROW(createdomain, NO_DOMAIN | COPY_BACK),
    ROW(destroydomain, NOT_SELF),
    ROW(pausedomain, NOT_SELF),
    ROW(unpausedomain, 0),
    ROW(resumedomain, NOT_SELF),
    ROW(getdomaininfo, NO_DOMAIN | COPY_BACK),
    ROW(max_vcpus, NOT_SELF),
    ROW(max_mem, 0),
    ROW(setdomainhandle, 0),
    ROW(setdebugging, NOT_SELF),
    ROW(subscribe, 0),
    ROW(scheduler_op, COPY_BACK),
    ROW(set_virq_handler, 0),
    ROW(setnodeaffinity, 0),
    ROW(getnodeaffinity, 0),
    ROW(settimeoffset, 0),
    ROW(setvcpucontext, NOT_SELF),
    ROW(getvcpucontext, 0),
    ROW(getvcpuinfo, COPY_BACK),
    ROW(setvcpuaffinity, 0),
    ROW(getvcpuaffinity, 0),
    ROW(setvcpuextstate, 0),
    ROW(getvcpuextstate, COPY_BACK),
    ROW(sendtrigger, 0),
    ROW(irq_permission, 0),
    ROW(iomem_permission, 0),
    ROW(ioport_permission, 0),
    ROW(memory_mapping, 0),
    ROW(hypercall_init, 0),
    ROW(set_address_size, 0),
    ROW(get_address_size, COPY_BACK),
    ROW(gettscinfo, COPY_BACK),
    ROW(settscinfo, NOT_SELF),
    ROW(getpageframeinfo3, 0),
    ROW(get_cpu_policy, COPY_BACK),
    ROW(set_cpu_policy, NOT_SELF | COPY_ERROR),
    ROW(gethvmcontext, COPY_BACK),
    ROW(sethvmcontext, NOT_SELF),
    ROW(gethvmcontext_partial, COPY_BACK),
    ROW(set_paging_mempool_size, 0),
    ROW(get_paging_mempool_size, COPY_BACK),
    ROW(shadow_op, COPY_BACK),
    /* Log-dirty migration, soft reset, device assignment without an IOMMU, and what only HVM
       domains have. */
    REFUSED(soft_reset, -EOPNOTSUPP),
    REFUSED(assign_device, -EOPNOTSUPP),
    REFUSED(test_assign_device, -EOPNOTSUPP),
    REFUSED(deassign_device, -EOPNOTSUPP),
    REFUSED(get_device_group, -EOPNOTSUPP),
    REFUSED(bind_pt_irq, -EOPNOTSUPP),
    REFUSED(unbind_pt_irq, -EOPNOTSUPP),
    REFUSED(ioport_mapping, -EOPNOTSUPP),
    REFUSED(set_target, -EOPNOTSUPP),
    REFUSED(debug_op, -EOPNOTSUPP),
    REFUSED(set_broken_page_p2m, -EINVAL),
    REFUSED(setvnumainfo, -EOPNOTSUPP),
    REFUSED(vmtrace_op, -EOPNOTSUPP),
};

static DEFINE_SPINLOCK(domctl_lock, LOCK_DOMCTL);

static long perform(const struct domctl_row *row, struct domain *d, struct xen_domctl *op)
{
    if ((row->flags & NOT_SELF) && d == current->domain)
        return -EINVAL;
    return row->fn(d, op);
}

/* domctl_lock is held. */
static long find_and_perform(const struct domctl_row *row, struct xen_domctl *op)
{
    struct domain *d = NULL;
    long rc;

    if (!(row->flags & NO_DOMAIN)) {
        d = get_domain_by_any_id(op->domain);
        if (!d)
            return -ESRCH;
    }
    rc = row->fn ? perform(row, d, op) : row->refusal;
    if (d)
        put_domain(d);
    return rc;
}

/* The holder may be waiting for this very vCPU to leave its CPU: false when it has to. */
static bool domctl_lock_or_preempt(void)
{
    while (!spin_trylock(&domctl_lock)) {
        if (hypercall_preempt_check())
            return false;
        cpu_relax();
    }
    return true;
}

long do_domctl(void *arg)
{
    struct xen_domctl op;
    const struct domctl_row *row;
    long rc;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
        return -EACCES;
    row = row_nospec(rows, op.cmd);
    if (!row)
        return -ENOSYS;
    if (!row->fn && !row->refusal)
        return -ENOSYS;

    if (!domctl_lock_or_preempt())
        return HYPERCALL_CONTINUE(domctl, (unsigned long)arg);
    rc = find_and_perform(row, &op);
    spin_unlock(&domctl_lock);

    if (rc == -ERESTART)
        return HYPERCALL_CONTINUE(domctl, (unsigned long)arg);
    if ((row->flags & (rc >= 0 ? COPY_BACK : COPY_ERROR)) &&
        copy_arg_to((struct xen_domctl *)arg, &op))
        rc = -EFAULT;
    return rc;
}
