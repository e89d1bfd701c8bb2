/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sysctl: the toolstack's questions about the machine, and a few settings. One table; the
 * information handlers are in sysctl_info.c. What the table lacks is answered -ENOSYS.
 */
#include <hv/console.h>
#include <hv/domain_private.h>
#include <hv/errno.h>
#include <hv/hypercall.h>
#include <hv/lib.h>
#include <hv/sched.h>
#include <hv/uaccess.h>
#include "domctl_private.h"
#include "sysctl_private.h"

#define MAX_DEBUG_KEYS 64
#define CONSOLE_CHUNK 512

struct sysctl_row {
    int (*fn)(struct xen_sysctl *op);
    int refusal;              /* the answer without fn */
};

#define ROW(name) [XEN_SYSCTL_##name] = { sysctl_##name, 0 }
#define REFUSED(name, err) [XEN_SYSCTL_##name] = { NULL, err }

static const struct sysctl_row rows[] = {
    ROW(readconsole),
    ROW(physinfo),
    ROW(sched_id),
    ROW(getdomaininfolist),
    ROW(debug_keys),
    ROW(perfc_op),
    ROW(getcpuinfo),
    ROW(availheap),
    ROW(cputopoinfo),
    ROW(pcitopoinfo),
    ROW(numainfo),
    ROW(cpupool_op),
    ROW(scheduler_op),
    ROW(get_cpu_levelling_caps),
    ROW(get_cpu_featureset),
    ROW(get_cpu_policy),
    ROW(get_pmstat),
    ROW(pm_op),
    REFUSED(tbuf_op, -EOPNOTSUPP),
    REFUSED(cpu_hotplug, -EOPNOTSUPP),
    REFUSED(page_offline_op, -EOPNOTSUPP),
    REFUSED(coverage_op, -EOPNOTSUPP),
    REFUSED(psr_cmt_op, -ENODEV),
    REFUSED(psr_alloc, -EOPNOTSUPP),
    REFUSED(livepatch_op, -EOPNOTSUPP),
};

/* --- console and keys --- */

int sysctl_readconsole(struct xen_sysctl *op)
{
    struct xen_sysctl_readconsole *rd = &op->u.readconsole;
    uint32_t index = rd->incremental ? rd->index : 0, done = 0;
    char chunk[CONSOLE_CHUNK];

    while (done < rd->count) {
        uint32_t room = MIN(rd->count - done, (uint32_t)sizeof(chunk));
        size_t n = console_read_ring(chunk, room, rd->clear, rd->incremental || done, &index);

        if (!n)
            break;
        if (copy_to_guest(rd->buffer.p + done, chunk, n))
            return -EFAULT;
        done += (uint32_t)n;
    }
    rd->count = done;
    rd->index = index;
    return 0;
}

int sysctl_debug_keys(struct xen_sysctl *op)
{
    char keys[MAX_DEBUG_KEYS];
    uint32_t nr = op->u.debug_keys.nr_keys;

    if (nr > sizeof(keys))
        return -E2BIG;
    if (copy_from_guest(keys, op->u.debug_keys.keys.p, nr))
        return -EFAULT;
    for (uint32_t i = 0; i < nr; i++)
        handle_keypress(keys[i]);
    return 0;
}

/* --- domains and scheduler --- */

int sysctl_getdomaininfolist(struct xen_sysctl *op)
{
    struct xen_sysctl_getdomaininfolist *list = &op->u.getdomaininfolist;
    uint32_t next = list->first_domain, nr = 0;
    struct domain *d;
    int rc = 0;

    while (nr < list->max_domains && next < DOMID_COUNT) {
        struct xen_domctl_getdomaininfo info;

        d = get_next_domain((domid_t)next);
        if (!d)
            break;
        domain_get_info(d, &info);
        next = d->domain_id + 1u;
        put_domain(d);
        rc = copy_to_handle_offset(list->buffer, nr, &info, 1);
        if (rc)
            return rc;
        nr++;
    }
    list->num_domains = nr;
    return 0;
}

int sysctl_sched_id(struct xen_sysctl *op)
{
    op->u.sched_id.sched_id = scheduler->id;
    return 0;
}

int sysctl_scheduler_op(struct xen_sysctl *op)
{
    uint32_t cmd = op->u.scheduler_op.cmd;

    if (cmd != XEN_SYSCTL_SCHEDOP_putinfo && cmd != XEN_SYSCTL_SCHEDOP_getinfo)
        return -EINVAL;
    if (op->u.scheduler_op.cpupool_id != CPUPOOL_ID)
        return -ESRCH;
    return sched_adjust_global(&op->u.scheduler_op);
}

long do_sysctl(void *arg)
{
    struct xen_sysctl op;
    const struct sysctl_row *row;
    long rc;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
        return -EACCES;
    row = row_nospec(rows, op.cmd);
    if (!row)
        return -ENOSYS;
    if (!row->fn)
        return row->refusal ? row->refusal : -ENOSYS;
    rc = row->fn(&op);
    if (rc >= 0 && copy_arg_to((struct xen_sysctl *)arg, &op))
        rc = -EFAULT;
    return rc;
}
