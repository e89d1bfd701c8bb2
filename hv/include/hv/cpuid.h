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
                                            (xen/arch-x86/cpufeatureset.h) */
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

/* For the tools. A featureset by its XEN_SYSCTL_cpu_featureset_*
   index; -EINVAL if there is none. */
int cpuid_get_featureset(unsigned int index, uint32_t fs[FEATURESET_WORDS]);
/* Leaves of a policy in the ABI's form, ascending: d's, or with d NULL the system policy
   XEN_SYSCTL_cpu_policy_*. Returns how many there are, writes at most max of them; -EINVAL for an
   unknown index. Contents need xen/arch-x86/xen.h. */
struct xen_cpuid_leaf;
int cpuid_policy_export(const struct domain *d, unsigned int index, struct xen_cpuid_leaf *buf,
                        unsigned int max);
/* Changes d's policy leaf by leaf; what the host's guests can't have is refused: -EINVAL with *bad
   the leaf's position. All or nothing. d must be paused and not have run. */
int cpuid_policy_import(struct domain *d, const struct xen_cpuid_leaf *leaves, unsigned int nr,
                        unsigned int *bad);
/* Unknown MSRs of d read as 0 and ignore writes where the host has the MSR
   (XEN_X86_MSR_RELAXED). */
void msr_policy_relax(struct domain *d);
bool msr_policy_relaxed(const struct domain *d);

#endif
