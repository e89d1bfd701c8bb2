/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUID policies as cpuid_policy.c (what guests see) and cpuid_tools.c (what the tools read and
   change) share them. */
#ifndef HV_CPUID_PRIVATE_H
#define HV_CPUID_PRIVATE_H

#include <hv/cpuid.h>
#include <xen/arch-x86/cpuid.h>

#define EXT_BASE 0x80000000u
#define HV_BASE XEN_CPUID_FIRST_LEAF
#define HV2_BASE (HV_BASE + 0x100)
#define CACHE_LEAF 0x4
#define FEAT_LEAF 0x7
#define TOPO_LEAF 0xb
#define XSTATE_LEAF 0xd
#define NR_BASIC 0xe
#define NR_FEAT 3
#define NR_CACHE 6
#define NR_TOPO 2
#define NR_XSTATE 10
#define NR_EXT 0x22
#define ARCH_CAPS_WORD (X86_FEATURE_RDCL_NO / 32) /* two words: MSR_ARCH_CAPABILITIES */

struct cpuid_policy {
    bool relaxed_msrs;
    uint32_t hv_limit;           /* last hypervisor leaf that is shown; 0: all */
    uint32_t fs[FEATURESET_WORDS];
    struct cpuid_leaf basic[NR_BASIC], feat[NR_FEAT], cache[NR_CACHE], topo[NR_TOPO],
        xstate[NR_XSTATE];
    struct cpuid_leaf ext[NR_EXT];
};

/* What the CPU says; what the hypervisor uses of it; the most and the usual of PV guests. Made by
   cpuid_make_policies(), which may be called any number of times. */
extern struct cpuid_policy raw_policy, host_policy, pv_max_policy, pv_default_policy;
/* The most and the usual of HVM guests (cpuid_hvm.c); PV guests' where there are no HVM guests. */
extern struct cpuid_policy hvm_max_policy, hvm_default_policy;
void cpuid_make_hvm_policy(struct cpuid_policy *p, const struct cpuid_policy *like);
void cpuid_adjust_hvm(const struct vcpu *v, uint32_t leaf, uint32_t sub, struct cpuid_leaf *res);
void cpuid_hvm_leaf(const struct vcpu *v, uint32_t sub, struct cpuid_leaf *res);
void cpuid_make_policies(void);

/* Where a leaf is kept; NULL if policies have no such leaf. */
struct cpuid_leaf *cpuid_slot(struct cpuid_policy *p, uint32_t leaf, uint32_t sub);
/* Leaves of which a policy keeps several; 1 for others. */
unsigned int cpuid_subleaves(uint32_t leaf);
/* Clears leaves above the policy's own limits, and takes the feature set from the others. */
void cpuid_leaves_to_features(struct cpuid_policy *p);
/* Clears what guests do not have, in leaves and features, and features that need what is missing;
   makes the leaves agree with the features. */
void cpuid_finish_policy(struct cpuid_policy *p);

#endif
