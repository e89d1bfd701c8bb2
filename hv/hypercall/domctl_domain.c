/* SPDX-License-Identifier: BSD-2-Clause */
/* domctl on whole domains: making, ending, pausing, limits, information. */
#include <hv/backend.h>
#include <hv/domain_private.h>
#include <hv/errno.h>
#include <hv/event.h>
#include <hv/hvm/hvm.h>
#include <hv/hvm/platform.h>
#include <hv/lib.h>
#include <hv/numa.h>
#include <hv/printk.h>
#include <hv/sched.h>
#include <hv/spec.h>
#include <hv/time.h>
#include <hv/uaccess.h>
#include "domctl_private.h"

#define GRANT_VERSION 1
#define PADDR_BITS_OF_PV_GUEST 52

/* --- creation --- */

static const char *bad_hvm_config(const struct xen_domctl_createdomain *c)
{
    if (!hvm_vendor)
        return hvm_why_not;
    if (!(c->flags & XEN_DOMCTL_CDF_hap))
        return "HVM without nested paging (hap=0) is not available";
    if (c->flags & XEN_DOMCTL_CDF_nested_virt)
        return "nested virtualisation is not available";
    return hvm_platform_bad_flags(c->arch.emulation_flags);
}

static const char *bad_pv_config(const struct xen_domctl_createdomain *c)
{
    if (c->flags & (XEN_DOMCTL_CDF_hap | XEN_DOMCTL_CDF_nested_virt))
        return "flags of HVM domains for a PV domain";
    if (c->arch.emulation_flags & ~XEN_X86_EMU_PIT)
        return "emulated devices for a PV domain";
    return NULL;
}

/* Each row: what a request must not have. The reason goes to the log, since an errno says little to
   whoever typed it. */
static const char *bad_config(const struct xen_domctl_createdomain *c)
{
    const uint32_t known = XEN_DOMCTL_CDF_MAX | (XEN_DOMCTL_CDF_MAX - 1);

    if (c->flags & ~known)
        return "unknown creation flags";
    if (c->flags & (XEN_DOMCTL_CDF_iommu | XEN_DOMCTL_CDF_vpmu))
        return "IOMMU and virtual PMU are not available";
    if (c->iommu_opts)
        return "IOMMU options without an IOMMU";
    if (c->max_vcpus < 1 || c->max_vcpus > MAX_VIRT_CPUS)
        return "number of vCPUs out of range";
    if (c->grant_opts != XEN_DOMCTL_GRANT_version(GRANT_VERSION))
        return "only grant table version 1 is available";
    if (c->vmtrace_size)
        return "vmtrace is not available";
    if (c->arch.misc_flags & ~XEN_X86_MSR_RELAXED)
        return "unknown architecture flags";
    return c->flags & XEN_DOMCTL_CDF_hvm ? bad_hvm_config(c) : bad_pv_config(c);
}

/* Guests that would not be kept apart on this CPU. */
static const char *unsafe_config(const struct xen_domctl_createdomain *c)
{
    return c->flags & XEN_DOMCTL_CDF_hvm ? NULL : spec_refuses_pv();
}

/* The wanted number, or for 0 and reserved ones the next free one after the last that was given. */
static int choose_domid(domid_t wanted, domid_t *id)
{
    static domid_t rover;

    if (wanted > 0 && wanted < DOMID_COUNT) {
        *id = wanted;
        return domid_is_free(wanted) ? 0 : -EEXIST;
    }
    for (unsigned int tries = 0; tries < DOMID_COUNT; tries++) {
        rover = rover < DOMID_COUNT - 1 ? rover + 1 : 1;
        if (domid_is_free(rover)) {
            *id = rover;
            return 0;
        }
    }
    return -ENOMEM;
}

int domctl_createdomain(struct domain *unused, struct xen_domctl *op)
{
    const char *why = bad_config(&op->u.createdomain);
    domid_t id;
    int rc;

    if (why) {
        printk(XENLOG_GUEST XENLOG_WARNING "createdomain refused: %s\n", why);
        return -EINVAL;
    }
    if (op->u.createdomain.cpupool_id != CPUPOOL_ID)
        return -ENOENT;
    why = unsafe_config(&op->u.createdomain);
    if (why) {
        printk(XENLOG_GUEST XENLOG_WARNING "createdomain refused: PV domains are not safe from "
               "each other on this CPU, %s is not mitigated; allow_unsafe lets them run\n", why);
        return -EPERM;
    }
    rc = choose_domid(op->domain, &id);
    if (rc)
        return rc;
    if (!domain_create(id, &op->u.createdomain, false, &rc))
        return rc;
    op->domain = id;
    return 0;
}

int domctl_max_vcpus(struct domain *d, struct xen_domctl *op)
{
    if (op->u.max_vcpus.max != d->max_vcpus)
        return -EINVAL;
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        if (!d->vcpu[i] && !vcpu_create(d, i))
            return -ENOMEM;
    domain_update_nodes(d);
    return 0;
}

/* --- life --- */

int domctl_destroydomain(struct domain *d, struct xen_domctl *op)
{
    return domain_kill(d);
}

int domctl_pausedomain(struct domain *d, struct xen_domctl *op)
{
    return domain_pause_by_tools(d);
}

int domctl_unpausedomain(struct domain *d, struct xen_domctl *op)
{
    return domain_unpause_by_tools(d);
}

int domctl_resumedomain(struct domain *d, struct xen_domctl *op)
{
    domain_resume(d);
    return 0;
}

/* --- information --- */

static void add_vcpu_info(struct vcpu *v, struct xen_domctl_getdomaininfo *info, bool *all_blocked)
{
    struct vcpu_runstate_info runstate;

    vcpu_runstate_get(v, &runstate);
    info->cpu_time += runstate.time[RUNSTATE_running];
    info->max_vcpu_id = v->vcpu_id;
    if (test_bit(VPF_down, &v->pause_flags))
        return;
    if (!(v->pause_flags & (BIT(VPF_blocked) | BIT(VPF_in_poll))))
        *all_blocked = false;
    if (v->is_running)
        info->flags |= XEN_DOMINF_running;
    info->nr_online_vcpus++;
}

static uint32_t state_flags(const struct domain *d)
{
    uint32_t flags = 0;

    if (d->is_dying == DOMDYING_dead)
        flags |= XEN_DOMINF_dying;
    if (d->is_shut_down)
        flags |= XEN_DOMINF_shutdown;
    if (d->is_paused_by_tools)
        flags |= XEN_DOMINF_paused;
    if (d->debugger_attached)
        flags |= XEN_DOMINF_debugged;
    if (d->create_flags & XEN_DOMCTL_CDF_xs_domain)
        flags |= XEN_DOMINF_xs_domain;
    if (d->is_hvm)
        flags |= XEN_DOMINF_hvm_guest;
    return flags |
           ((uint32_t)d->shutdown_code & XEN_DOMINF_shutdownmask) << XEN_DOMINF_shutdownshift;
}

void domain_get_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
    bool all_blocked = true;
    struct vcpu *v;

    memset(info, 0, sizeof(*info));
    info->domain = d->domain_id;
    info->max_vcpu_id = XEN_INVALID_MAX_VCPU_ID;
    for_each_vcpu (d, v)
        add_vcpu_info(v, info, &all_blocked);
    info->flags |= state_flags(d) | (all_blocked ? XEN_DOMINF_blocked : 0);
    info->tot_pages = d->tot_pages - d->extra_pages;
    info->max_pages = d->max_pages;
    info->outstanding_pages = d->outstanding_pages;
    info->shr_pages = (uint64_t)atomic_read(&d->shr_pages);
    info->shared_info_frame = virt_to_mfn(d->shared_info);
    info->ssidref = d->ssidref;
    memcpy(info->handle, d->handle, sizeof(info->handle));
    info->cpupool = CPUPOOL_ID;
    info->gpaddr_bits = PADDR_BITS_OF_PV_GUEST;
}

/* The domain with the lowest number that is not below the one asked for. */
int domctl_getdomaininfo(struct domain *unused, struct xen_domctl *op)
{
    struct domain *d = op->domain == DOMID_SELF ? get_domain_by_any_id(DOMID_SELF)
                                                : get_next_domain(op->domain);

    if (!d)
        return -ESRCH;
    domain_get_info(d, &op->u.getdomaininfo);
    op->domain = d->domain_id;
    put_domain(d);
    return 0;
}

/* --- settings --- */

int domctl_max_mem(struct domain *d, struct xen_domctl *op)
{
    uint64_t pages = op->u.max_mem.max_memkb >> (PAGE_SHIFT - 10);

    spin_lock(&d->page_alloc_lock);
    d->max_pages = MIN(pages, (uint64_t)UINT32_MAX);
    spin_unlock(&d->page_alloc_lock);
    return 0;
}

int domctl_setdomainhandle(struct domain *d, struct xen_domctl *op)
{
    memcpy(d->handle, op->u.setdomainhandle.handle, sizeof(d->handle));
    return 0;
}

int domctl_setdebugging(struct domain *d, struct xen_domctl *op)
{
    domain_pause(d);
    d->debugger_attached = op->u.setdebugging.enable != 0;
    domain_unpause(d);
    return 0;
}

int domctl_subscribe(struct domain *d, struct xen_domctl *op)
{
    d->suspend_evtchn = op->u.subscribe.port;
    return 0;
}

int domctl_scheduler_op(struct domain *d, struct xen_domctl *op)
{
    return sched_adjust(d, &op->u.scheduler_op);
}

int domctl_set_virq_handler(struct domain *d, struct xen_domctl *op)
{
    return set_global_virq_handler(d, op->u.set_virq_handler.virq);
}

int domctl_settimeoffset(struct domain *d, struct xen_domctl *op)
{
    d->time_offset_seconds = op->u.settimeoffset.time_offset_seconds;
    update_domain_wallclock(d);
    if (d->is_hvm)
        hvm_rtc_time_changed(d);
    return 0;
}

/* --- node affinity --- */

int domctl_setnodeaffinity(struct domain *d, struct xen_domctl *op)
{
    unsigned long nodes;
    int rc = bitmap_from_guest(&nodes, &op->u.nodeaffinity.nodemap, nr_nodes);

    return rc ? rc : domain_set_nodes(d, nodes);
}

int domctl_getnodeaffinity(struct domain *d, struct xen_domctl *op)
{
    const unsigned long nodes = d->node_affinity;

    return bitmap_to_guest(&op->u.nodeaffinity.nodemap, &nodes, nr_nodes);
}
