/* SPDX-License-Identifier: BSD-2-Clause */
/* domctl that deals with the machine: permissions, hypercall page, TSC, types of frames. */
#include <hv/backend.h>
#include <hv/domain_private.h>
#include <hv/dom0.h>
#include <hv/errno.h>
#include <hv/hvm/hvm.h>
#include <hv/irq.h>
#include <hv/lib.h>
#include <hv/processor.h>
#include <hv/time.h>
#include <hv/uaccess.h>
#include "domctl_private.h"

#define NR_IO_PORTS 0x10000u
#define GUEST_ADDRESS_SIZE 64
#define MAX_PAGEFRAMEINFO 1024
#define MAX_MAPPED_FRAMES 64
#define NSEC_PER_MSEC 1000000u

/* --- permissions: what the caller has not, it can't give --- */

static int change_set(struct rangeset *set, bool allow, unsigned long first, unsigned long last)
{
    return allow ? rangeset_add(set, first, last) : rangeset_remove(set, first, last);
}

int domctl_irq_permission(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_irq_permission *p = &op->u.irq_permission;
    int irq;

    if (p->pirq >= current->domain->nr_pirqs)
        return -EINVAL;
    irq = pirq_to_irq(current->domain, p->pirq);
    if (irq < 0 || !irq_access_permitted(current->domain, (unsigned int)irq))
        return -EPERM;
    return change_set(d->irq_caps, p->allow_access, (unsigned int)irq, (unsigned int)irq);
}

int domctl_iomem_permission(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_iomem_permission *p = &op->u.iomem_permission;
    uint64_t last = p->first_mfn + p->nr_mfns - 1;

    if (!p->nr_mfns || last < p->first_mfn)
        return -EINVAL;
    if (!iomem_access_permitted(current->domain, p->first_mfn, last))
        return -EPERM;
    return change_set(d->iomem_caps, p->allow_access, p->first_mfn, last);
}

int domctl_ioport_permission(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_ioport_permission *p = &op->u.ioport_permission;
    uint64_t end = (uint64_t)p->first_port + p->nr_ports;

    if (!p->nr_ports || end > NR_IO_PORTS)
        return -EINVAL;
    if (!ioports_access_permitted(current->domain, p->first_port, (unsigned int)end - 1))
        return -EPERM;
    return change_set(d->ioport_caps, p->allow_access, p->first_port, end - 1);
}

/* A PV guest maps device memory by itself once it has the permission. */
int domctl_memory_mapping(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_memory_mapping *m = &op->u.memory_mapping;
    uint64_t last = m->first_mfn + m->nr_mfns - 1;

    if (!m->nr_mfns || last < m->first_mfn || m->first_gfn + m->nr_mfns - 1 < m->first_gfn)
        return -EINVAL;
    if (m->nr_mfns > MAX_MAPPED_FRAMES)
        return -E2BIG;
    if (!iomem_access_permitted(current->domain, m->first_mfn, last) ||
        !iomem_access_permitted(d, m->first_mfn, last))
        return -EPERM;
    return 0;
}

/* --- the guest's own pages --- */

int domctl_hypercall_init(struct domain *d, struct xen_domctl *op)
{
    struct page_info *pg = d->backend->get_gfn(d, op->u.hypercall_init.gmfn, true);

    if (!pg)
        return -EACCES;
    if (d->is_hvm)
        hvm_fill_hypercall_page(page_to_virt(pg));
    else
        pv_fill_hypercall_page(page_to_virt(pg));
    put_page_and_type(pg);
    return 0;
}

static unsigned long frame_info(struct domain *d, mfn_t mfn)
{
    static const uint32_t table_type[] = {
        [PGT_l1_page_table >> 60] = XEN_DOMCTL_PFINFO_L1TAB,
        [PGT_l2_page_table >> 60] = XEN_DOMCTL_PFINFO_L2TAB,
        [PGT_l3_page_table >> 60] = XEN_DOMCTL_PFINFO_L3TAB,
        [PGT_l4_page_table >> 60] = XEN_DOMCTL_PFINFO_L4TAB,
        [PGT_type_mask >> 60] = XEN_DOMCTL_PFINFO_NOTAB,
    };
    struct page_info *pg = frame_of(mfn);
    unsigned long type, info;

    if (!pg || !get_page(pg, d))
        return XEN_DOMCTL_PFINFO_XTAB;
    type = READ_ONCE(pg->type_info);
    info = table_type[(type & PGT_type_mask) >> 60];
    if (type & PGT_pinned)
        info |= XEN_DOMCTL_PFINFO_LPINTAB;
    put_page(pg);
    return info;
}

/* Replaces each frame number of the array by what the frame is. */
int domctl_getpageframeinfo3(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_getpageframeinfo3 *g = &op->u.getpageframeinfo3;

    if (g->num > MAX_PAGEFRAMEINFO)
        return -E2BIG;
    for (unsigned int i = 0; i < g->num; i++) {
        xen_pfn_t frame;

        if (copy_from_handle_offset(&frame, g->array, i, 1))
            return -EFAULT;
        frame = frame_info(d, frame);
        if (copy_to_handle_offset(g->array, i, &frame, 1))
            return -EFAULT;
    }
    return 0;
}

/* libxl sets 64 for every 64-bit domain; 32-bit PV domains are not there yet. */
int domctl_set_address_size(struct domain *d, struct xen_domctl *op)
{
    return op->u.address_size.size == GUEST_ADDRESS_SIZE ? 0 : -EOPNOTSUPP;
}

int domctl_get_address_size(struct domain *d, struct xen_domctl *op)
{
    op->u.address_size.size = GUEST_ADDRESS_SIZE;
    return 0;
}

/* --- TSC --- */

int domctl_gettscinfo(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_tsc_info *t = &op->u.tsc_info;

    *t = (struct xen_domctl_tsc_info){ .tsc_mode = d->tsc_mode, .incarnation = d->tsc_incarnation };
    if (d->vtsc) {
        t->elapsed_nsec = (uint64_t)(NOW() - d->vtsc_offset);
        t->gtsc_khz = d->tsc_khz;
    } else if (d->tsc_mode == TSC_MODE_DEFAULT) {
        t->elapsed_nsec = rdtsc() / cpu_khz * NSEC_PER_MSEC;
        t->gtsc_khz = cpu_khz;
    }
    return 0;
}

/* RDTSC is emulated when asked for, and by default where the host's TSC does not run at one speed
   for ever. */
int domctl_settscinfo(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_tsc_info *t = &op->u.tsc_info;
    struct vcpu *v;

    if (t->tsc_mode > TSC_MODE_NEVER_EMULATE)
        return t->tsc_mode == TSC_MODE_PVRDTSCP ? -EOPNOTSUPP : -EINVAL;
    domain_pause(d);
    d->tsc_mode = t->tsc_mode;
    d->tsc_incarnation = t->incarnation;
    if (t->tsc_mode == TSC_MODE_NEVER_EMULATE) {
        d->vtsc = false;
    } else {
        d->tsc_khz = t->gtsc_khz ? t->gtsc_khz : cpu_khz;
        d->vtsc_offset = NOW() - (s_time_t)t->elapsed_nsec;
        d->vtsc = t->tsc_mode == TSC_MODE_ALWAYS_EMULATE || d->tsc_khz != cpu_khz ||
                  !cpu_has(X86_FEATURE_ITSC);
    }
    for_each_vcpu (d, v)
        v->pv_clock_version = 0;
    domain_unpause(d);
    return 0;
}
