/* SPDX-License-Identifier: BSD-2-Clause */
/* sysctl and domctl on CPU features: what the machine has, what guests may have, and what one
   domain is shown. */
#include <hv/cpuid.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/uaccess.h>
#include <xen/arch-x86/xen.h>
#include "domctl_private.h"
#include "sysctl_private.h"

/* CPUID can be made to fault for a guest where the CPU can do that; nothing masks it otherwise. */
int sysctl_get_cpu_levelling_caps(struct xen_sysctl *op)
{
    op->u.cpu_levelling_caps.caps =
        cpuid_faulting_available() ? XEN_SYSCTL_CPU_LEVELCAP_faulting : 0;
    return 0;
}

int sysctl_get_cpu_featureset(struct xen_sysctl *op)
{
    struct xen_sysctl_cpu_featureset *fs = &op->u.cpu_featureset;
    uint32_t words[FEATURESET_WORDS], nr = MIN(fs->nr_features, (uint32_t)FEATURESET_WORDS);
    bool short_buffer = fs->nr_features < FEATURESET_WORDS;
    int rc;

    if (handle_is_null(fs->features)) {
        fs->nr_features = FEATURESET_WORDS;
        return 0;
    }
    rc = cpuid_get_featureset(fs->index, words);
    if (rc)
        return rc;
    if (copy_to_handle(fs->features, words, nr))
        return -EFAULT;
    if (short_buffer)
        return -ENOBUFS;
    fs->nr_features = nr;
    return 0;
}

/* --- policies as lists --- */

struct policy_lists {
    xen_cpuid_leaf_t leaves[CPUID_POLICY_LEAVES];
    xen_msr_entry_t msrs[CPUID_POLICY_MSRS];
};

/* As much of a list of `used` elements as *nr allows. */
static int put_list(void *to, const void *list, size_t size, uint32_t used, uint32_t *nr)
{
    uint32_t n = MIN(*nr, used);

    if (copy_to_guest(to, list, n * size))
        return -EFAULT;
    if (n < used)
        return -ENOBUFS;
    *nr = n;
    return 0;
}

static int put_leaves(const struct cpuid_policy *p, void *to, struct policy_lists *lists,
                      uint32_t *nr)
{
    uint32_t used = cpuid_policy_leaves(p, lists->leaves);

    return put_list(to, lists->leaves, sizeof(lists->leaves[0]), used, nr);
}

static int put_msrs(const struct cpuid_policy *p, void *to, struct policy_lists *lists,
                    uint32_t *nr)
{
    cpuid_policy_msrs(p, lists->msrs);
    return put_list(to, lists->msrs, sizeof(lists->msrs[0]), CPUID_POLICY_MSRS, nr);
}

/* Without a list the guest is told how long it can be. */
static int put_policy(const struct cpuid_policy *p, void *leaves, uint32_t *nr_leaves, void *msrs,
                      uint32_t *nr_msrs)
{
    struct policy_lists *lists = xmalloc(sizeof(*lists));
    int rc = 0;

    if (!lists)
        return -ENOMEM;
    if (leaves)
        rc = put_leaves(p, leaves, lists, nr_leaves);
    else
        *nr_leaves = CPUID_POLICY_LEAVES;
    if (!rc && msrs)
        rc = put_msrs(p, msrs, lists, nr_msrs);
    else if (!rc)
        *nr_msrs = CPUID_POLICY_MSRS;
    xfree(lists);
    return rc;
}

int sysctl_get_cpu_policy(struct xen_sysctl *op)
{
    struct xen_sysctl_cpu_policy *c = &op->u.cpu_policy;
    const struct cpuid_policy *p;
    int rc;

    if (c->_rsvd)
        return -EINVAL;
    p = cpuid_system_policy(c->index, &rc);
    return p ? put_policy(p, c->leaves.p, &c->nr_leaves, c->msrs.p, &c->nr_msrs) : rc;
}

int domctl_get_cpu_policy(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_cpu_policy *c = &op->u.cpu_policy;

    return put_policy(d->cpuid_policy, c->leaves.p, &c->nr_leaves, c->msrs.p, &c->nr_msrs);
}

static int get_lists(const struct xen_domctl_cpu_policy *c, struct policy_lists *lists)
{
    if (c->nr_leaves > CPUID_POLICY_LEAVES || c->nr_msrs > CPUID_POLICY_MSRS)
        return -E2BIG;
    if (copy_from_handle(lists->leaves, c->leaves, c->nr_leaves) ||
        copy_from_handle(lists->msrs, c->msrs, c->nr_msrs))
        return -EFAULT;
    return 0;
}

/* Kernels look at CPUID once, so a domain that has run keeps its policy. */
int domctl_set_cpu_policy(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_cpu_policy *c = &op->u.cpu_policy;
    struct cpuid_error bad = { ~0u, ~0u, ~0u };
    struct policy_lists *lists;
    int rc;

    if (d->has_run)
        return -EEXIST;
    lists = xmalloc(sizeof(*lists));
    if (!lists)
        return -ENOMEM;
    rc = get_lists(c, lists);
    if (!rc) {
        const struct cpuid_update update = { lists->leaves, lists->msrs, c->nr_leaves, c->nr_msrs };

        rc = cpuid_policy_update(d, &update, &bad);
    }
    xfree(lists);
    c->err_leaf = bad.leaf;
    c->err_subleaf = bad.subleaf;
    c->err_msr = bad.msr;
    return rc;
}
