/* SPDX-License-Identifier: BSD-2-Clause */
/* domctl on vCPUs: context, extended state, affinity, information. */
#include <hv/backend.h>
#include <hv/domain_private.h>
#include <hv/errno.h>
#include <hv/hvm/platform.h>
#include <hv/lib.h>
#include <hv/sched.h>
#include <hv/time.h>
#include <hv/uaccess.h>
#include <hv/xstate.h>
#include "domctl_private.h"

/* --- sets of numbers --- */

static unsigned int bitmap_bytes(unsigned int bits)
{
    return DIV_ROUND_UP(bits, 8);
}

int bitmap_to_guest(const struct xenctl_bitmap *to, const unsigned long *map, unsigned int nr_ids)
{
    unsigned int guest_bytes = bitmap_bytes(to->nr_bits);
    unsigned int bytes = MIN(guest_bytes, bitmap_bytes(nr_ids));
    cpumask_t clipped = { };

    for (unsigned int i = 0; i < nr_ids; i++)
        if (test_bit(i, map))
            __set_bit(i, clipped.bits);
    if (copy_to_guest(to->bitmap.p, clipped.bits, bytes))
        return -EFAULT;
    return clear_guest(to->bitmap.p + bytes, guest_bytes - bytes);
}

int bitmap_from_guest(unsigned long *map, const struct xenctl_bitmap *from, unsigned int nr_ids)
{
    unsigned int bits = MIN(from->nr_bits, nr_ids);
    cpumask_t in = { };

    for (unsigned int i = 0; i < BITS_TO_LONGS(nr_ids); i++)
        map[i] = 0;
    if (copy_from_guest(in.bits, from->bitmap.p, bitmap_bytes(bits)))
        return -EFAULT;
    for (unsigned int i = 0; i < bits; i++)
        if (test_bit(i, in.bits))
            __set_bit(i, map);
    return 0;
}

/* --- context --- */

static int set_context(struct vcpu *v, const void *guest_ctxt)
{
    struct vcpu_guest_context *c = xmalloc(sizeof(*c));
    int rc = -EFAULT;

    if (!c)
        return -ENOMEM;
    if (!copy_from_guest(c, guest_ctxt, sizeof(*c))) {
        domain_pause(v->domain);
        rc = v->domain->backend->set_context(v, c);
        if (!rc) {
            /* A builder clears the shared page before it gives the first context. */
            if (!v->vcpu_id)
                update_domain_wallclock(v->domain);
            vcpu_set_online(v, c->flags & VGCF_online);
        }
        domain_unpause(v->domain);
    }
    xfree(c);
    return rc;
}

/* A context without an address puts the vCPU back to where it was when it was made. */
int domctl_setvcpucontext(struct domain *d, struct xen_domctl *op)
{
    struct vcpu *v = domain_vcpu(d, op->u.vcpucontext.vcpu);

    if (!v)
        return -EINVAL;
    if (handle_is_null(op->u.vcpucontext.ctxt))
        return vcpu_reset(v);
    return set_context(v, op->u.vcpucontext.ctxt.p);
}

int domctl_getvcpucontext(struct domain *d, struct xen_domctl *op)
{
    struct vcpu *v = domain_vcpu(d, op->u.vcpucontext.vcpu);
    struct vcpu_guest_context *c;
    int rc;

    if (!v || v == current)
        return -EINVAL;
    if (!v->is_initialised)
        return -ENODATA;
    c = xzalloc(sizeof(*c));
    if (!c)
        return -ENOMEM;
    vcpu_pause(v);
    d->backend->get_context(v, c);
    vcpu_unpause(v);
    rc = copy_to_handle(op->u.vcpucontext.ctxt, c, 1);
    xfree(c);
    return rc;
}

int domctl_getvcpuinfo(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_getvcpuinfo *info = &op->u.getvcpuinfo;
    struct vcpu_runstate_info runstate;
    struct vcpu *v;

    if (info->vcpu >= d->max_vcpus)
        return -EINVAL;
    v = domain_vcpu(d, info->vcpu);
    if (!v)
        return -ESRCH;
    vcpu_runstate_get(v, &runstate);
    info->online = !test_bit(VPF_down, &v->pause_flags);
    info->blocked = (v->pause_flags & (BIT(VPF_blocked) | BIT(VPF_in_poll))) != 0;
    info->running = v->is_running;
    info->cpu_time = runstate.time[RUNSTATE_running];
    info->cpu = v->processor;
    return 0;
}

int domctl_sendtrigger(struct domain *d, struct xen_domctl *op)
{
    struct vcpu *v = domain_vcpu(d, op->u.sendtrigger.vcpu);

    if (op->u.sendtrigger.vcpu >= d->max_vcpus)
        return -EINVAL;
    if (!v)
        return -ESRCH;
    switch (op->u.sendtrigger.trigger) {
    case XEN_DOMCTL_SENDTRIGGER_NMI:
        if (!(__atomic_fetch_or(&v->nmi_state, 1, __ATOMIC_SEQ_CST) & 1))
            vcpu_kick(v);
        return 0;
    case XEN_DOMCTL_SENDTRIGGER_POWER: case XEN_DOMCTL_SENDTRIGGER_SLEEP:
        if (!d->is_hvm)
            return -EINVAL;
        if (op->u.sendtrigger.trigger == XEN_DOMCTL_SENDTRIGGER_POWER)
            hvm_acpi_power_button(d);
        else
            hvm_acpi_sleep_button(d);
        return 0;
    default:
        return -ENOSYS;
    }
}

/* --- affinity --- */

static int set_hard(struct vcpu *v, const struct xenctl_bitmap *map)
{
    cpumask_t mask = { };
    int rc;

    if (v->affinity_broken)
        return -EBUSY;
    rc = bitmap_from_guest(mask.bits, map, nr_cpu_ids);
    if (rc)
        return rc;
    cpumask_and(&mask, &mask, &cpu_online_map);
    rc = vcpu_set_hard_affinity(v, &mask);
    return rc ? rc : bitmap_to_guest(map, mask.bits, nr_cpu_ids);
}

/* The guest is told where v is going to run by preference, which may be nowhere. */
static int set_soft(struct vcpu *v, const struct xenctl_bitmap *map)
{
    cpumask_t mask = { }, effective;
    int rc = bitmap_from_guest(mask.bits, map, nr_cpu_ids);

    if (rc)
        return rc;
    rc = vcpu_set_soft_affinity(v, &mask);
    if (rc)
        return rc;
    cpumask_and(&effective, &mask, &v->hard_affinity);
    cpumask_and(&effective, &effective, &cpu_online_map);
    return bitmap_to_guest(map, effective.bits, nr_cpu_ids);
}

static struct vcpu *affinity_target(struct domain *d, const struct xen_domctl_vcpuaffinity *a,
                                    int *err)
{
    const uint32_t known = XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT | XEN_VCPUAFFINITY_FORCE;
    struct vcpu *v = domain_vcpu(d, a->vcpu);

    *err = -EINVAL;
    if (a->vcpu >= d->max_vcpus || a->flags & ~known || !a->flags)
        return NULL;
    *err = v ? 0 : -ESRCH;
    return v;
}

int domctl_setvcpuaffinity(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    int rc;
    struct vcpu *v = affinity_target(d, a, &rc);

    if (!v)
        return rc;
    if (a->flags & XEN_VCPUAFFINITY_FORCE && v->affinity_broken)
        rc = vcpu_pin_override(v, -1);
    if (!rc && a->flags & XEN_VCPUAFFINITY_HARD)
        rc = set_hard(v, &a->cpumap_hard);
    if (!rc && a->flags & XEN_VCPUAFFINITY_SOFT)
        rc = set_soft(v, &a->cpumap_soft);
    domain_update_nodes(d);
    return rc;
}

int domctl_getvcpuaffinity(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_vcpuaffinity *a = &op->u.vcpuaffinity;
    int rc;
    struct vcpu *v = affinity_target(d, a, &rc);

    if (!v)
        return rc;
    if (a->flags & XEN_VCPUAFFINITY_HARD)
        rc = bitmap_to_guest(&a->cpumap_hard, v->hard_affinity.bits, nr_cpu_ids);
    if (!rc && a->flags & XEN_VCPUAFFINITY_SOFT)
        rc = bitmap_to_guest(&a->cpumap_soft, v->soft_affinity.bits, nr_cpu_ids);
    return rc;
}

/* --- extended state: XCR0, all components ever enabled, then the XSAVE area in its standard format
   --- */

struct extstate_header { uint64_t xcr0, xcr0_accum; };

int domctl_getvcpuextstate(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_vcpuextstate *x = &op->u.vcpuextstate;
    struct vcpu *v = domain_vcpu(d, x->vcpu);
    struct extstate_header header;
    uint64_t size;
    int rc;

    if (x->vcpu >= d->max_vcpus)
        return -EINVAL;
    if (!v)
        return -ESRCH;
    if (v == current)
        return -EINVAL;
    vcpu_pause(v);
    header = (struct extstate_header){ v->xcr0, v->xcr0_accum };
    size = sizeof(header) + (host_xcr0 ? xstate_size_for(header.xcr0_accum) : 0);
    if (!x->size && !x->xfeature_mask) {
        rc = 0;
    } else if (x->size != size || x->xfeature_mask != host_xcr0) {
        rc = -EINVAL;
    } else {
        uint8_t *to = (uint8_t *)x->buffer.p;

        rc = copy_to_guest(to, &header, sizeof(header));
        if (!rc)
            rc = copy_to_guest(to + sizeof(header), xstate_area(v), size - sizeof(header));
    }
    vcpu_unpause(v);
    x->xfeature_mask = host_xcr0;
    x->size = size;
    return rc;
}

static int load_extstate(struct vcpu *v, const uint8_t *data, uint64_t size)
{
    const struct extstate_header *header = (const void *)data;
    int rc;

    if (!header->xcr0_accum && size == sizeof(*header))
        return 0;
    if ((header->xcr0 & ~header->xcr0_accum) || (header->xcr0 && !xcr0_valid(header->xcr0)) ||
        (header->xcr0_accum && !xcr0_valid(header->xcr0_accum)))
        return -EINVAL;
    vcpu_pause(v);
    rc = xstate_set_area(v, data + sizeof(*header), size - sizeof(*header), header->xcr0_accum);
    if (!rc) {
        v->xcr0 = header->xcr0;
        v->xcr0_accum = header->xcr0_accum;
        v->fpu_initialised = true;
    }
    vcpu_unpause(v);
    return rc;
}

int domctl_setvcpuextstate(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_vcpuextstate *x = &op->u.vcpuextstate;
    struct vcpu *v = domain_vcpu(d, x->vcpu);
    uint8_t *data;
    int rc;

    if (x->vcpu >= d->max_vcpus)
        return -EINVAL;
    if (!v)
        return -ESRCH;
    if (v == current || x->size < sizeof(struct extstate_header) ||
        x->size > sizeof(struct extstate_header) + xsave_area_size)
        return -EINVAL;
    data = xmalloc(x->size);
    if (!data)
        return -ENOMEM;
    rc = copy_from_guest(data, x->buffer.p, x->size);
    if (!rc)
        rc = load_extstate(v, data, x->size);
    xfree(data);
    return rc;
}
