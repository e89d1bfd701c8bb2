/* SPDX-License-Identifier: BSD-2-Clause */
/* Control calls about one domain. */
#include <hospes/xen.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <xen/event_channel.h>
#include <xen/sched.h>

int xen_domain_create(struct hospes *h, const struct domain_spec *spec, uint32_t *domid)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_createdomain };
    struct xen_domctl_createdomain *c = &op.u.createdomain;

    memcpy(c->handle, spec->uuid, sizeof(c->handle));
    c->ssidref = spec->ssidref;
    c->flags = (spec->hvm ? XEN_DOMCTL_CDF_hvm : 0) | (spec->hap ? XEN_DOMCTL_CDF_hap : 0);
    c->max_vcpus = spec->max_vcpus;
    c->max_evtchn_port = spec->max_evtchn_port;
    c->max_grant_frames = spec->max_grant_frames;
    c->max_maptrack_frames = spec->max_maptrack_frames;
    c->grant_opts = XEN_DOMCTL_GRANT_version(1);
    if (spec->hvm)
        c->arch.emulation_flags = XEN_X86_EMU_LAPIC;
    if (xen_domctl(h, &op, "creating a domain") < 0)
        return -1;
    *domid = op.domain;
    return 0;
}

int xen_domain_vcpus(struct hospes *h, uint32_t domid, unsigned int n)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_max_vcpus, .domain = (domid_t)domid };

    op.u.max_vcpus.max = n;
    return xen_domctl(h, &op, "making vCPUs") < 0 ? -1 : 0;
}

int xen_domain_destroy(struct hospes *h, uint32_t domid)
{
    for (;;) {
        struct xen_domctl op = { .cmd = XEN_DOMCTL_destroydomain, .domain = (domid_t)domid };

        if (xen_domctl(h, &op, "destroying the domain") >= 0)
            return 0;
        if (h->error.code != EAGAIN && h->error.code != EBUSY)
            return -1;
        error_clear(&h->error);
    }
}

static int simple(struct hospes *h, uint32_t cmd, uint32_t domid, const char *what)
{
    struct xen_domctl op = { .cmd = cmd, .domain = (domid_t)domid };

    return xen_domctl(h, &op, what) < 0 ? -1 : 0;
}

int xen_domain_pause(struct hospes *h, uint32_t domid)
{
    return simple(h, XEN_DOMCTL_pausedomain, domid, "pausing the domain");
}

int xen_domain_unpause(struct hospes *h, uint32_t domid)
{
    return simple(h, XEN_DOMCTL_unpausedomain, domid, "unpausing the domain");
}

int xen_domain_shutdown(struct hospes *h, uint32_t domid, unsigned int reason)
{
    sched_remote_shutdown_t *arg = xen_buffer(h, sizeof(*arg));
    long rc;

    if (!arg)
        return -1;
    *arg = (sched_remote_shutdown_t){ .domain_id = (domid_t)domid, .reason = reason };
    rc = xen_hypercall(h, __HYPERVISOR_sched_op, SCHEDOP_remote_shutdown, (unsigned long)arg, 0, 0,
                       "shutting the domain down");
    xen_buffer_free(h, arg);
    return rc < 0 ? -1 : 0;
}

int xen_domain_max_memory(struct hospes *h, uint32_t domid, uint64_t kib)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_max_mem, .domain = (domid_t)domid };

    op.u.max_mem.max_memkb = kib;
    return xen_domctl(h, &op, "setting the memory limit") < 0 ? -1 : 0;
}

int xen_domain_tsc_mode(struct hospes *h, uint32_t domid, unsigned int mode)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_settscinfo, .domain = (domid_t)domid };

    op.u.tsc_info.tsc_mode = mode;
    return xen_domctl(h, &op, "setting the TSC mode") < 0 ? -1 : 0;
}

int xen_domain_list(struct hospes *h, uint32_t first, unsigned int max,
                    struct xen_domctl_getdomaininfo *list)
{
    struct xen_domctl_getdomaininfo *copy = xen_buffer(h, max * sizeof(*list));
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_getdomaininfolist };
    int n = -1;

    if (!copy)
        return -1;
    op.u.getdomaininfolist.first_domain = (domid_t)first;
    op.u.getdomaininfolist.max_domains = max;
    set_xen_guest_handle(op.u.getdomaininfolist.buffer, copy);
    if (xen_sysctl(h, &op, "listing domains") >= 0) {
        n = (int)op.u.getdomaininfolist.num_domains;
        memcpy(list, copy, (size_t)n * sizeof(*list));
    }
    xen_buffer_free(h, copy);
    return n;
}

bool xen_domain_info(struct hospes *h, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
    struct error before = h->error;
    int n = xen_domain_list(h, domid, 1, info);

    h->error = before;
    return n == 1 && info->domain == domid;
}

int xen_vcpu_context_set(struct hospes *h, uint32_t domid, unsigned int vcpu,
                         const vcpu_guest_context_t *context)
{
    vcpu_guest_context_t *copy = xen_buffer(h, sizeof(*copy));
    struct xen_domctl op = { .cmd = XEN_DOMCTL_setvcpucontext, .domain = (domid_t)domid };
    long rc;

    if (!copy)
        return -1;
    *copy = *context;
    op.u.vcpucontext.vcpu = vcpu;
    set_xen_guest_handle(op.u.vcpucontext.ctxt, copy);
    rc = xen_domctl(h, &op, "setting a vCPU's registers");
    xen_buffer_free(h, copy);
    return rc < 0 ? -1 : 0;
}

int xen_vcpu_context_get(struct hospes *h, uint32_t domid, unsigned int vcpu,
                         vcpu_guest_context_t *context)
{
    vcpu_guest_context_t *copy = xen_buffer(h, sizeof(*copy));
    struct xen_domctl op = { .cmd = XEN_DOMCTL_getvcpucontext, .domain = (domid_t)domid };
    long rc;

    if (!copy)
        return -1;
    op.u.vcpucontext.vcpu = vcpu;
    set_xen_guest_handle(op.u.vcpucontext.ctxt, copy);
    rc = xen_domctl(h, &op, "reading a vCPU's registers");
    *context = *copy;
    xen_buffer_free(h, copy);
    return rc < 0 ? -1 : 0;
}

int xen_vcpu_info(struct hospes *h, uint32_t domid, unsigned int vcpu,
                  struct xen_domctl_getvcpuinfo *info)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_getvcpuinfo, .domain = (domid_t)domid };

    op.u.getvcpuinfo.vcpu = vcpu;
    if (xen_domctl(h, &op, "reading a vCPU's state") < 0)
        return -1;
    *info = op.u.getvcpuinfo;
    return 0;
}

/* Bitmaps of CPUs in a buffer: hard, then soft, of whole bytes each. */
static void bits_pack(uint8_t *map, const uint8_t *cpus, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++)
        map[i / 8] |= (uint8_t)((cpus[i] & 1) << (i % 8));
}

static void bits_unpack(uint8_t *cpus, const uint8_t *map, unsigned int n)
{
    for (unsigned int i = 0; i < n; i++)
        cpus[i] = (map[i / 8] >> (i % 8)) & 1;
}

static int affinity(struct hospes *h, uint32_t cmd, uint32_t domid, unsigned int vcpu,
                    uint8_t *hard, uint8_t *soft, unsigned int n)
{
    struct xen_domctl op = { .cmd = cmd, .domain = (domid_t)domid };
    struct xen_domctl_vcpuaffinity *a = &op.u.vcpuaffinity;
    size_t bytes = (n + 7) / 8;
    uint8_t *maps = xen_buffer(h, 2 * bytes);
    long rc;

    if (!maps)
        return -1;
    memset(maps, 0, 2 * bytes);
    a->vcpu = vcpu;
    a->flags = (hard ? XEN_VCPUAFFINITY_HARD : 0) | (soft ? XEN_VCPUAFFINITY_SOFT : 0);
    a->cpumap_hard.nr_bits = a->cpumap_soft.nr_bits = n;
    set_xen_guest_handle(a->cpumap_hard.bitmap, maps);
    set_xen_guest_handle(a->cpumap_soft.bitmap, maps + bytes);
    if (cmd == XEN_DOMCTL_setvcpuaffinity && hard)
        bits_pack(maps, hard, n);
    if (cmd == XEN_DOMCTL_setvcpuaffinity && soft)
        bits_pack(maps + bytes, soft, n);
    rc = xen_domctl(h, &op, "the vCPU's affinity");
    if (rc >= 0 && cmd == XEN_DOMCTL_getvcpuaffinity && hard)
        bits_unpack(hard, maps, n);
    if (rc >= 0 && cmd == XEN_DOMCTL_getvcpuaffinity && soft)
        bits_unpack(soft, maps + bytes, n);
    xen_buffer_free(h, maps);
    return rc < 0 ? -1 : 0;
}

int xen_vcpu_affinity_set(struct hospes *h, uint32_t domid, unsigned int vcpu, uint8_t *hard,
                          uint8_t *soft, unsigned int n)
{
    return affinity(h, XEN_DOMCTL_setvcpuaffinity, domid, vcpu, hard, soft, n);
}

int xen_vcpu_affinity_get(struct hospes *h, uint32_t domid, unsigned int vcpu, uint8_t *hard,
                          uint8_t *soft, unsigned int n)
{
    return affinity(h, XEN_DOMCTL_getvcpuaffinity, domid, vcpu, hard, soft, n);
}

int xen_sched_get(struct hospes *h, uint32_t domid, unsigned int *weight, unsigned int *cap)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_scheduler_op, .domain = (domid_t)domid };

    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT;
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_getinfo;
    if (xen_domctl(h, &op, "reading weight and cap") < 0)
        return -1;
    *weight = op.u.scheduler_op.u.credit.weight;
    *cap = op.u.scheduler_op.u.credit.cap;
    return 0;
}

int xen_sched_set(struct hospes *h, uint32_t domid, unsigned int weight, unsigned int cap)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_scheduler_op, .domain = (domid_t)domid };

    op.u.scheduler_op.sched_id = XEN_SCHEDULER_CREDIT;
    op.u.scheduler_op.cmd = XEN_DOMCTL_SCHEDOP_putinfo;
    op.u.scheduler_op.u.credit.weight = (uint16_t)weight;
    op.u.scheduler_op.u.credit.cap = (uint16_t)cap;
    return xen_domctl(h, &op, "setting weight and cap") < 0 ? -1 : 0;
}

int xen_evtchn_alloc_unbound(struct hospes *h, uint32_t domid, uint32_t remote, uint32_t *port)
{
    evtchn_alloc_unbound_t *arg = xen_buffer(h, sizeof(*arg));
    long rc;

    if (!arg)
        return -1;
    *arg = (evtchn_alloc_unbound_t){ .dom = (domid_t)domid, .remote_dom = (domid_t)remote };
    rc = xen_hypercall(h, __HYPERVISOR_event_channel_op, EVTCHNOP_alloc_unbound,
                       (unsigned long)arg, 0, 0, "making an event channel");
    *port = arg->port;
    xen_buffer_free(h, arg);
    return rc < 0 ? -1 : 0;
}

int xen_hypercall_page(struct hospes *h, uint32_t domid, uint64_t gmfn)
{
    struct xen_domctl op = { .cmd = XEN_DOMCTL_hypercall_init, .domain = (domid_t)domid };

    op.u.hypercall_init.gmfn = gmfn;
    return xen_domctl(h, &op, "filling the hypercall page") < 0 ? -1 : 0;
}
