/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sysctl perfc_op: the counts of hv/exits.h, summed over all domains as xenperf(8) shows them, or,
 * by a command of our own, of one domain. Values are 32 bits wide there; larger counts wrap.
 */
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/exits.h>
#include <hv/lib.h>
#include <hv/uaccess.h>
#include "domctl_private.h"
#include "sysctl_private.h"

static int put_rows(struct xen_sysctl_perfc_op *op)
{
    for (unsigned int i = 0; i < nr_count_rows; i++) {
        struct xen_sysctl_perfc_desc desc = { .nr_vals = count_rows[i].nr };

        strlcpy(desc.name, count_rows[i].name, sizeof(desc.name));
        if (copy_to_handle_offset(op->desc, i, &desc, 1))
            return -EFAULT;
    }
    return 0;
}

static int put_values(struct xen_sysctl_perfc_op *op, const uint64_t *sum)
{
    for (unsigned int i = 0; i < NR_COUNTS; i++) {
        xen_sysctl_perfc_val_t val = (xen_sysctl_perfc_val_t)sum[i];

        if (copy_to_handle_offset(op->val, i, &val, 1))
            return -EFAULT;
    }
    return 0;
}

/* Either buffer may be missing: the caller asks for the numbers first. */
static int put(struct xen_sysctl_perfc_op *op, const uint64_t *sum)
{
    int rc = 0;

    op->nr_counters = nr_count_rows;
    op->nr_vals = NR_COUNTS;
    if (op->desc.p)
        rc = put_rows(op);
    if (!rc && op->val.p)
        rc = put_values(op, sum);
    return rc;
}

static int sum_of(domid_t id, uint64_t *sum)
{
    struct domain *d = get_domain_by_any_id(id);

    if (!d)
        return -ESRCH;
    counts_of_domain(d, sum);
    put_domain(d);
    return 0;
}

int sysctl_perfc_op(struct xen_sysctl *op)
{
    uint32_t cmd = op->u.perfc_op.cmd;
    uint64_t sum[NR_COUNTS];
    int rc = 0;

    if (cmd == XEN_SYSCTL_PERFCOP_query || cmd == XEN_SYSCTL_PERFCOP_reset)
        counts_of_all(sum);
    else if (cmd == PERFCOP_OF_DOMAIN((domid_t)cmd))
        rc = sum_of((domid_t)cmd, sum);
    else
        rc = -EINVAL;
    if (!rc)
        rc = put(&op->u.perfc_op, sum);
    if (!rc && cmd == XEN_SYSCTL_PERFCOP_reset)
        counts_reset();
    return rc;
}
