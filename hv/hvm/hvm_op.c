/* SPDX-License-Identifier: BSD-2-Clause */
/* HYPERVISOR_hvm_op: parameters, and the little that HVM guests ask for on their own behalf. */
#include <hv/errno.h>
#include <hv/hvm/asid.h>
#include <hv/hvm/irq.h>
#include <hv/hypercall.h>
#include <hv/time.h>
#include <hv/uaccess.h>
#include <xen/hvm/hvm_op.h>
#include "hvm_priv.h"

static long set_upcall_vector(void *arg)
{
    struct xen_hvm_evtchn_upcall_vector set;
    struct vcpu *v;

    if (copy_arg_from(&set, (struct xen_hvm_evtchn_upcall_vector *)arg))
        return -EFAULT;
    if (!current->domain->is_hvm)
        return -EINVAL;
    v = domain_vcpu(current->domain, set.vcpu);
    return v ? hvm_upcall_vector_set(v, set.vector) : -ENOENT;
}

/* Other vCPUs leave the guest before they get new tags. */
static long flush_tlbs(void *arg)
{
    struct domain *d = current->domain;

    if (arg)
        return -EINVAL;
    if (!d->is_hvm)
        return -ENOSYS;
    p2m_flush(d);
    return 0;
}

static long get_time(void *arg)
{
    struct xen_hvm_get_time t = { .now = (uint64_t)NOW() };

    return copy_arg_to((struct xen_hvm_get_time *)arg, &t);
}

static long get_mem_type(void *arg)
{
    struct xen_hvm_get_mem_type q;
    enum p2m_type type;
    struct domain *d;
    int err;

    if (copy_arg_from(&q, (struct xen_hvm_get_mem_type *)arg))
        return -EFAULT;
    d = target_domain(q.domid, &err);
    if (!d)
        return err;
    if (!d->is_hvm) {
        put_domain(d);
        return -EINVAL;
    }
    p2m_lookup(d, q.pfn, &type, NULL);
    put_domain(d);
    q.mem_type = type == P2M_RAM_RO         ? HVMMEM_ram_ro
                 : type == P2M_IOREQ_SERVER ? HVMMEM_ioreq_server
                 : p2m_is_ram(type) || p2m_has_page(type) ? HVMMEM_ram_rw
                                                          : HVMMEM_mmio_dm;
    return copy_arg_to((struct xen_hvm_get_mem_type *)arg, &q);
}

long do_hvm_op(unsigned long cmd, void *arg)
{
    switch ((unsigned int)cmd) {
    case HVMOP_set_param:
        return hvm_param_set(arg);
    case HVMOP_get_param:
        return hvm_param_get(arg);
    case HVMOP_flush_tlbs:
        return flush_tlbs(arg);
    case HVMOP_get_time:
        return get_time(arg);
    case HVMOP_get_mem_type:
        return get_mem_type(arg);
    case HVMOP_set_evtchn_upcall_vector:
        return set_upcall_vector(arg);
    default:
        return -ENOSYS;
    }
}
