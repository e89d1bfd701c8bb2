/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What HVM guests see at CPUID: their feature table, and what depends on the vCPU that asks. Every
 * CPUID of theirs reaches this code.
 */
#include <hv/domain.h>
#include <hv/hvm/hvm.h>
#include <hv/hvm/platform.h>
#include <hv/hvm/vlapic.h>
#include <hv/lib.h>
#include <hv/msr_index.h>
#include <hv/processor.h>
#include <hv/xstate.h>
#include "cpuid_private.h"

#define ECX1_OSXSAVE (1u << (X86_FEATURE_OSXSAVE % 32))
#define EDX1_APIC (1u << (X86_FEATURE_APIC % 32))
#define EXT1_EDX_SYSCALL (1u << (X86_FEATURE_SYSCALL % 32))
#define EBX1_APICID_SHIFT 24
#define ECXB_SMT 0x100u
#define ECXB_CORE 0x200u
#define EAXD_XSAVEC (1u << (X86_FEATURE_XSAVEC % 32))

struct cpuid_policy hvm_max_policy, hvm_default_policy;

/* clang-format off: a table */
#define F(name) X86_FEATURE_##name
/* Besides what PV guests may have; if the host has it, since the guest's own control registers turn
   it on. */
static const uint16_t more_features[] = {
    F(VME), F(PSE), F(PGE), F(MTRR), F(PSE36), F(PAGE1GB), F(CR8_LEGACY), F(SMEP), F(SMAP),
    F(UMIP), F(TSC_ADJUST), F(SEP),
};
/* Made by the core, whatever the host has. */
static const uint16_t own_features[] = { F(X2APIC), F(APIC), F(HYPERVISOR) };
#undef F
/* clang-format on */

static void set(uint32_t *fs, unsigned int f) { fs[f / 32] |= 1u << (f % 32); }

void cpuid_make_hvm_policy(struct cpuid_policy *p, const struct cpuid_policy *like)
{
    *p = *like;
    if (!hvm_vendor)
        return;
    for (unsigned int i = 0; i < ARRAY_SIZE(more_features); i++)
        if (raw_policy.fs[more_features[i] / 32] >> (more_features[i] % 32) & 1)
            set(p->fs, more_features[i]);
    for (unsigned int i = 0; i < ARRAY_SIZE(own_features); i++)
        set(p->fs, own_features[i]);
    cpuid_finish_policy(p);
}

/* One thread per core, one package: APIC ids are even. */
static void topology_leaf(const struct vcpu *v, uint32_t sub, struct cpuid_leaf *res)
{
    unsigned int vcpus = v->domain->max_vcpus, bits = 1;

    while (1u << bits < 2 * vcpus)
        bits++;
    *res = (struct cpuid_leaf){ .c = sub & 0xff, .d = VLAPIC_ID(v->vcpu_id) };
    if (sub == 0) {
        res->a = 1;
        res->b = 1;
        res->c |= ECXB_SMT;
    } else if (sub == 1) {
        res->a = bits;
        res->b = vcpus;
        res->c |= ECXB_CORE;
    }
}

static void adjust_leaf1(const struct vcpu *v, struct cpuid_leaf *res)
{
    res->b |= (uint32_t)VLAPIC_ID(v->vcpu_id) << EBX1_APICID_SHIFT;
    if (const_hvm_vcpu(v)->cr4 & X86_CR4_OSXSAVE)
        res->c |= ECX1_OSXSAVE;
    if (!hvm_has_lapic(v->domain) ||
        (!vlapic_mmio_base(v) && !vlapic_x2apic_mode(v)))
        res->d &= ~EDX1_APIC;
}

void cpuid_adjust_hvm(const struct vcpu *v, uint32_t leaf, uint32_t sub, struct cpuid_leaf *res)
{
    switch (leaf) {
    case 1:
        adjust_leaf1(v, res);
        return;
    case TOPO_LEAF:
        topology_leaf(v, sub, res);
        return;
    case XSTATE_LEAF:
        if (sub == 0 && res->a)
            res->b = xstate_size_for(v->xcr0);
        if (sub == 1 && res->a & EAXD_XSAVEC)
            res->b = xstate_compact_size_for(v->xcr0);
        return;
    case EXT_BASE + 1:
        if (boot_cpu.vendor == VENDOR_intel && !hvm_long_mode(v))
            res->d &= ~EXT1_EDX_SYSCALL;
        return;
    default:
        return;
    }
}

/* Leaf 4 of the hypervisor's: what HVM guests alone are told. */
void cpuid_hvm_leaf(const struct vcpu *v, uint32_t sub, struct cpuid_leaf *res)
{
    if (sub)
        return;
    res->a = XEN_HVM_CPUID_VCPU_ID_PRESENT | XEN_HVM_CPUID_DOMID_PRESENT;
    res->b = v->vcpu_id;
    res->c = v->domain->domain_id;
}
