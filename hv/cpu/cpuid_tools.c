/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPU policies in the form that tools read and write them: feature sets, and lists of CPUID leaves
 * and MSRs. What a list asks for beyond the most that PV guests may have is left out silently, as
 * tools of the ABI expect; limits of leaves beyond the machine's are refused.
 */
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/hvm/vendor.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/msr_index.h>
#include <xen/arch-x86/xen.h>
#include <xen/sysctl.h>
#include "cpuid_private.h"

/* Of guests that this machine does not have. */
static bool is_hvm_only(const struct cpuid_policy *p)
{
    return !hvm_vendor && (p == &hvm_max_policy || p == &hvm_default_policy);
}

int cpuid_get_featureset(unsigned int index, uint32_t fs[FEATURESET_WORDS])
{
    static const struct cpuid_policy *const sets[] = {
        [XEN_SYSCTL_cpu_featureset_raw] = &raw_policy,
        [XEN_SYSCTL_cpu_featureset_host] = &host_policy,
        [XEN_SYSCTL_cpu_featureset_pv] = &pv_default_policy,
        [XEN_SYSCTL_cpu_featureset_pv_max] = &pv_max_policy,
        [XEN_SYSCTL_cpu_featureset_hvm] = &hvm_default_policy,
        [XEN_SYSCTL_cpu_featureset_hvm_max] = &hvm_max_policy,
    };

    if (index >= ARRAY_SIZE(sets))
        return -EINVAL;
    if (is_hvm_only(sets[index]))
        return -EOPNOTSUPP;
    cpuid_make_policies();
    memcpy(fs, sets[index]->fs, sizeof(sets[index]->fs));
    return 0;
}

const struct cpuid_policy *cpuid_system_policy(unsigned int index, int *err)
{
    static const struct cpuid_policy *const policies[] = {
        [XEN_SYSCTL_cpu_policy_raw] = &raw_policy,
        [XEN_SYSCTL_cpu_policy_host] = &host_policy,
        [XEN_SYSCTL_cpu_policy_pv_max] = &pv_max_policy,
        [XEN_SYSCTL_cpu_policy_pv_default] = &pv_default_policy,
        [XEN_SYSCTL_cpu_policy_hvm_max] = &hvm_max_policy,
        [XEN_SYSCTL_cpu_policy_hvm_default] = &hvm_default_policy,
    };

    *err = -EINVAL;
    if (index >= ARRAY_SIZE(policies))
        return NULL;
    *err = -EOPNOTSUPP;
    cpuid_make_policies();
    return is_hvm_only(policies[index]) ? NULL : policies[index];
}

/* --- reading --- */

struct out_leaves { xen_cpuid_leaf_t *buf; unsigned int n; };

static void out_leaf(struct out_leaves *o, uint32_t leaf, uint32_t sub, const struct cpuid_leaf *l)
{
    o->buf[o->n++] = (xen_cpuid_leaf_t){
        .leaf = leaf, .subleaf = sub, .a = l->a, .b = l->b, .c = l->c, .d = l->d};
}

#define EAX4_TYPE 0x1fu
#define ECXB_TYPE 0xff00u

/* How many subleaves a list has: those in use, and of caches and topology the empty one that ends
   them. */
static unsigned int subleaves_used(const struct cpuid_policy *p, uint32_t leaf)
{
    uint64_t states = (uint64_t)p->xstate[0].d << 32 | p->xstate[0].a;
    unsigned int n = 0;

    switch (leaf) {
    case CACHE_LEAF:
        while (n < NR_CACHE - 1 && p->cache[n].a & EAX4_TYPE)
            n++;
        return n + 1;
    case TOPO_LEAF:
        while (n < NR_TOPO - 1 && p->topo[n].c & ECXB_TYPE)
            n++;
        return n + 1;
    case FEAT_LEAF:
        return MIN(p->feat[0].a, (uint32_t)NR_FEAT - 1) + 1;
    default:
        return MIN(fls64(states | 2) + 1, (unsigned int)NR_XSTATE);
    }
}

unsigned int cpuid_policy_leaves(const struct cpuid_policy *policy, xen_cpuid_leaf_t *buf)
{
    struct cpuid_policy *p = (struct cpuid_policy *)policy; /* cpuid_slot() is for writers too */
    const struct cpuid_leaf limit = { p->hv_limit, 0, 0, 0 }, none = { };
    struct out_leaves o = { buf, 0 };

    for (uint32_t leaf = 0; leaf <= MIN(p->basic[0].a, (uint32_t)NR_BASIC - 1); leaf++) {
        if (cpuid_subleaves(leaf) == 1)
            out_leaf(&o, leaf, XEN_CPUID_NO_SUBLEAF, cpuid_slot(p, leaf, 0));
        else
            for (uint32_t sub = 0; sub < subleaves_used(p, leaf); sub++)
                out_leaf(&o, leaf, sub, cpuid_slot(p, leaf, sub));
    }
    out_leaf(&o, HV_BASE, XEN_CPUID_NO_SUBLEAF, &limit);
    out_leaf(&o, HV2_BASE, XEN_CPUID_NO_SUBLEAF, &none);
    for (uint32_t i = 0; i <= MIN(p->ext[0].a & 0xffff, (uint32_t)NR_EXT - 1); i++)
        out_leaf(&o, EXT_BASE + i, XEN_CPUID_NO_SUBLEAF, &p->ext[i]);
    return o.n;
}

static uint64_t arch_caps(const struct cpuid_policy *p)
{
    return (uint64_t)p->fs[ARCH_CAPS_WORD + 1] << 32 | p->fs[ARCH_CAPS_WORD];
}

/* PLATFORM_INFO tells of CPUID faulting, which guests do not have. */
void cpuid_policy_msrs(const struct cpuid_policy *p, xen_msr_entry_t *buf)
{
    bool fault = (p == &raw_policy || p == &host_policy) && cpuid_faulting_available();

    buf[0] = (xen_msr_entry_t){ MSR_PLATFORM_INFO, 0, fault ? PLATFORM_INFO_CPUID_FAULT : 0 };
    buf[1] = (xen_msr_entry_t){ MSR_ARCH_CAPABILITIES, 0, arch_caps(p) };
}

/* --- writing --- */

static int merge_leaf(struct cpuid_policy *p, const xen_cpuid_leaf_t *l)
{
    bool several = cpuid_subleaves(l->leaf) > 1;
    struct cpuid_leaf *slot;

    if (!several && l->subleaf != XEN_CPUID_NO_SUBLEAF)
        return -ERANGE;
    if (l->leaf == HV_BASE)
        p->hv_limit = l->a;
    if (l->leaf == HV_BASE || l->leaf == HV2_BASE)
        return 0;
    slot = cpuid_slot(p, l->leaf, several ? l->subleaf : 0);
    if (slot)
        *slot = (struct cpuid_leaf){ l->a, l->b, l->c, l->d };
    /* Sizes of state components are computed; there may be more than are kept. */
    else if (l->leaf != XSTATE_LEAF || l->subleaf >= CPUID_XSTATE_SUBLEAVES)
        return -ERANGE;
    return 0;
}

static int merge_msr(struct cpuid_policy *p, const xen_msr_entry_t *m, uint64_t *platform_info)
{
    if (m->flags)
        return -EINVAL;
    switch (m->idx) {
    case MSR_PLATFORM_INFO:
        if (m->val >> 32)
            return -EOVERFLOW;
        *platform_info = m->val;
        return 0;
    case MSR_ARCH_CAPABILITIES:
        p->fs[ARCH_CAPS_WORD] = (uint32_t)m->val;
        p->fs[ARCH_CAPS_WORD + 1] = (uint32_t)(m->val >> 32);
        return 0;
    default:
        return -ERANGE;
    }
}

static int merge(struct cpuid_policy *p, const struct cpuid_update *u, struct cpuid_error *bad)
{
    uint64_t platform_info = 0;
    int rc;

    for (unsigned int i = 0; i < u->nr_leaves; i++) {
        rc = merge_leaf(p, &u->leaves[i]);
        if (rc) {
            bad->leaf = u->leaves[i].leaf;
            bad->subleaf = u->leaves[i].subleaf;
            return rc;
        }
    }
    for (unsigned int i = 0; i < u->nr_msrs; i++) {
        rc = merge_msr(p, &u->msrs[i], &platform_info);
        if (rc) {
            bad->msr = u->msrs[i].idx;
            return rc;
        }
    }
    if (platform_info)
        bad->msr = MSR_PLATFORM_INFO;
    return platform_info ? -EINVAL : 0;
}

/* The limits that a list may set are the machine's. */
static int check_limits(const struct cpuid_policy *p, const struct cpuid_policy *max,
                        struct cpuid_error *bad)
{
    if (p->basic[0].a > max->basic[0].a)
        bad->leaf = 0;
    else if (p->feat[0].a > max->feat[0].a)
        *bad = (struct cpuid_error){ FEAT_LEAF, 0, bad->msr };
    else if (p->ext[0].a > max->ext[0].a)
        bad->leaf = EXT_BASE;
    else
        return 0;
    return -EINVAL;
}

/* Room for the new policy is taken before anything of the old one changes. */
int cpuid_policy_update(struct domain *d, const struct cpuid_update *u, struct cpuid_error *bad)
{
    const struct cpuid_policy *max = d->is_hvm ? &hvm_max_policy : &pv_max_policy;
    struct cpuid_policy *p = xmalloc(sizeof(*p));
    int rc;

    *bad = (struct cpuid_error){ ~0u, ~0u, ~0u };
    if (!p)
        return -ENOMEM;
    *p = *d->cpuid_policy;
    rc = merge(p, u, bad);
    if (!rc)
        rc = check_limits(p, max, bad);
    if (!rc) {
        p->ext[0].a |= EXT_BASE;
        cpuid_leaves_to_features(p);
        for (unsigned int i = 0; i < FEATURESET_WORDS; i++)
            p->fs[i] &= max->fs[i];
        cpuid_finish_policy(p);
        *d->cpuid_policy = *p;
    }
    xfree(p);
    return rc;
}
