/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPU features: what the host has, and what each domain is shown (hv/cpu/cpuid_policy.c,
 * msr_policy.c). The policies are tables.
 */
#ifndef HV_CPUID_H
#define HV_CPUID_H

#include <hv/types.h>
#include <xen/arch-x86/cpufeatureset.h>
#define XEN_CPUFEATURE(name, value) X86_FEATURE_##name = (value),
enum x86_feature {
#include <xen/arch-x86/cpufeatureset.h>
};
#define FEATURESET_WORDS 19 /* all that xen/arch-x86/cpufeatureset.h numbers */

struct vcpu;
struct domain;
struct cpuid_leaf { uint32_t a, b, c, d; };

struct cpu_data {
    uint32_t vendor;                 /* enum cpu_vendor */
    uint32_t family, model, stepping;
    uint32_t max_leaf, max_ext_leaf;
    uint32_t paddr_bits, vaddr_bits;
    uint32_t features[FEATURESET_WORDS]; /* host, by featureset word
                                            (xen/arch-x86/cpufeatureset.h), as the hypervisor
                                            takes it (hv/spec.h) */
    uint64_t arch_caps;                  /* MSR_ARCH_CAPABILITIES as the CPU has it */
    char brand[52];
};
enum cpu_vendor { VENDOR_unknown, VENDOR_intel, VENDOR_amd, VENDOR_hygon };
extern struct cpu_data boot_cpu;

static inline bool cpu_has(enum x86_feature f)
{
    return (boot_cpu.features[f / 32] >> (f % 32)) & 1;
}

void cpu_detect(void);             /* boot: fills boot_cpu; refuses clearly a CPU that can't work */
/* What current sees at a leaf; hypervisor leaves 0x40000000.. included. */
void guest_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t subleaf, struct cpuid_leaf *res);
/* 0, or -EPERM: the guest gets #GP. *val is the value read. */
int guest_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *val);
int guest_wrmsr(struct vcpu *v, uint32_t msr, uint64_t val);
int cpuid_policy_init_domain(struct domain *d);
void cpuid_policy_free_domain(struct domain *d);
bool guest_has(const struct domain *d, enum x86_feature f);

/* Makes CPUID fault (or not) for the PV vCPU about to run on this CPU, where the CPU can, and loads
   its TSC_AUX; interrupts off. To be called whenever a CPU changes to another vCPU. */
void cpu_policy_switch_to(const struct vcpu *next);
/* Loads MSR_TSC_AUX if it differs. */
void cpu_policy_load_tsc_aux(uint32_t val);
/* MSR_ARCH_CAPABILITIES of a domain that has it. */
uint64_t guest_arch_capabilities(const struct domain *d);
/* The policy is used: CPUID in guest user mode faults. */
bool cpuid_faulting_available(void);

/* --- For the tools (hv/cpu/cpuid_tools.c) --- */
/* A featureset by its XEN_SYSCTL_cpu_featureset_* index. 0, -EINVAL: there is no such, -EOPNOTSUPP:
   it is of guests that are not available. */
int cpuid_get_featureset(unsigned int index, uint32_t fs[FEATURESET_WORDS]);
/* A policy by XEN_SYSCTL_cpu_policy_*; NULL with the same errors. */
struct cpuid_policy;
const struct cpuid_policy *cpuid_system_policy(unsigned int index, int *err);

/* A policy as lists in the ABI's form, leaves ascending. Contents need xen/arch-x86/xen.h. */
#define CPUID_XSTATE_SUBLEAVES 63
#define CPUID_POLICY_LEAVES 120    /* the longest list: all subleaves of all leaves */
#define CPUID_POLICY_MSRS 2
struct xen_cpuid_leaf;
struct xen_msr_entry;
/* Returns how many of CPUID_POLICY_LEAVES it writes. */
unsigned int cpuid_policy_leaves(const struct cpuid_policy *p, struct xen_cpuid_leaf *buf);
void cpuid_policy_msrs(const struct cpuid_policy *p, struct xen_msr_entry *buf);

struct cpuid_update {
    const struct xen_cpuid_leaf *leaves;
    const struct xen_msr_entry *msrs;
    unsigned int nr_leaves, nr_msrs;
};
/* What was refused; all ones: none of that kind. */
struct cpuid_error { uint32_t leaf, subleaf, msr; };
/* Changes d's policy, all or nothing. d is paused and has not run. -ENOMEM, or with *bad: -ERANGE
   (no such leaf or MSR), -EINVAL (beyond the machine), -EOVERFLOW. */
int cpuid_policy_update(struct domain *d, const struct cpuid_update *u, struct cpuid_error *bad);
/* Unknown MSRs of d read as 0 and ignore writes where the host has the MSR
   (XEN_X86_MSR_RELAXED). */
void msr_policy_relax(struct domain *d);
bool msr_policy_relaxed(const struct domain *d);

#endif
