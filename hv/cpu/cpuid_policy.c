/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What guests see at CPUID. A policy is a set of leaves made once: the host's, cut by the table of
 * features that PV guests may have. What changes while a vCPU runs (its number, OSXSAVE, sizes by
 * XCR0) is put in when it asks.
 *
 * CPUID in a PV guest reaches this code only by the forced-emulation prefix or on CPUs with CPUID
 * faulting; else the guest sees the host's own leaves. Source: Intel SDM volume 2, "CPUID"; AMD64
 * APM volume 3, appendix E; xen/arch-x86/cpuid.h.
 */
#include <hv/cpuid.h>
#include <hv/current.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/msr_index.h>
#include <hv/percpu.h>
#include <hv/processor.h>
#include <hv/spec.h>
#include <hv/time.h>
#include <hv/xstate.h>
#include <pv/pv.h>
#include <xen/arch-x86/cpuid.h>
#include "cpuid_private.h"

#define XEN_MAJOR 4
#define XEN_MINOR 17

#define EDX1_MTRR (1u << (X86_FEATURE_MTRR % 32))
#define ECX1_OSXSAVE (1u << (X86_FEATURE_OSXSAVE % 32))
#define ECX1_MONITOR (1u << (X86_FEATURE_MONITOR % 32))
#define ECX1_EIST (1u << (X86_FEATURE_EIST % 32))
#define EAXD_XSAVEC (1u << (X86_FEATURE_XSAVEC % 32))
#define ECXD_ALIGNED 2u
#define EBX1_APICID_SHIFT 24
#define EBX1_APICID_MASK 0xff000000u
#define FMS_MASK 0x0fff0fffu         /* family, model, stepping; without type */
/* AMD repeats these bits of leaf 1 EDX in leaf 0x80000001 EDX. */
#define EXT1_COMMON 0x0183f3ffu
#define EAX6_DOM0 0x7u               /* temperature sensor, turbo, ARAT */
#define ECX6_DOM0 0x9u               /* APERF/MPERF, energy bias */
#define EAX8_ADDR_SIZES 0xffffu
#define ECX8_CORES 0x0003f0ffu
#define MISC_FEATURES_CPUID_FAULT 1u

struct cpuid_policy raw_policy, host_policy, pv_max_policy, pv_default_policy;
static bool ready, faulting;

/* clang-format off: tables by subject, several entries a line */
#define F(name) X86_FEATURE_##name
/* What PV guests may see if the host has it. Left out against Xen 4.17: breakpoint address masks
   (DBEXT). */
static const uint16_t pv_features[] = {
    F(FPU), F(DE), F(TSC), F(MSR), F(PAE), F(MCE), F(CX8), F(APIC), F(SEP), F(MCA), F(CMOV), F(PAT),
    F(CLFLUSH), F(ACPI), F(MMX), F(FXSR), F(SSE), F(SSE2), F(SS), F(HTT), F(SSE3), F(PCLMULQDQ),
    F(SSSE3), F(FMA), F(CX16), F(SSE4_1), F(SSE4_2), F(MOVBE), F(POPCNT), F(AESNI), F(XSAVE),
    F(AVX), F(F16C), F(RDRAND), F(SYSCALL), F(NX), F(MMXEXT), F(FFXSR), F(RDTSCP), F(LM),
    F(3DNOWEXT), F(3DNOW), F(LAHF_LM), F(CMP_LEGACY), F(ABM), F(SSE4A), F(MISALIGNSSE),
    F(3DNOWPREFETCH), F(XOP), F(FMA4), F(TBM), F(XSAVEOPT), F(XSAVEC), F(XGETBV1), F(FSGSBASE),
    F(BMI1), F(AVX2), F(BMI2), F(ERMS), F(FDP_EXCP_ONLY), F(NO_FPU_SEL), F(RTM), F(AVX512F),
    F(AVX512DQ), F(RDSEED), F(ADX), F(AVX512_IFMA), F(CLFLUSHOPT), F(CLWB), F(AVX512PF),
    F(AVX512ER), F(AVX512CD), F(SHA), F(AVX512BW), F(AVX512VL), F(PREFETCHWT1), F(AVX512_VBMI),
    F(AVX512_VBMI2), F(GFNI), F(VAES), F(VPCLMULQDQ), F(AVX512_VNNI), F(AVX512_BITALG),
    F(AVX512_VPOPCNTDQ), F(RDPID), F(CLDEMOTE), F(CLZERO), F(RSTR_FP_ERR_PTRS), F(IBPB), F(SSB_NO),
    F(BTC_NO), F(IBPB_RET), F(AVX512_4VNNIW), F(AVX512_4FMAPS), F(FSRM), F(MD_CLEAR), F(SERIALIZE),
    F(ARCH_CAPS), F(AVX_VNNI), F(AVX512_BF16), F(FZRM), F(FSRS), F(FSRCS), F(LFENCE_DISPATCH),
    F(VERW_CLEAR), F(NSCB), F(SBPB), F(IBPB_BRTYPE), F(SRSO_NO), F(SRSO_US_NO), F(MCDT_NO),
    F(RDCL_NO), F(INTEL_SSB_NO), F(MDS_NO), F(IF_PSCHANGE_MC_NO), F(TAA_NO), F(SBDR_SSDP_NO),
    F(FBSDP_NO), F(PSDP_NO), F(FB_CLEAR), F(BHI_NO), F(PBRSB_NO), F(GDS_NO), F(RFDS_NO),
    F(RFDS_CLEAR), F(ITS_NO), F(TSA_SQ_NO), F(TSA_L1_NO), F(IBRSB), F(STIBP), F(SSBD),
    F(INTEL_PSFD), F(EIBRS), F(RSBA), F(RRSBA),
};
/* Only when the tools ask for it. */
static const uint16_t pv_optional_features[] = {
    F(HLE), F(MOVDIRI), F(MOVDIR64B), F(ITSC), F(AVX512_VP2INTERSECT), F(TSXLDTRK),
};

/* The first is worthless, or refused by guests, without the second. */
static const uint16_t needs[][2] = {
    {F(MMX), F(FPU)}, {F(MMXEXT), F(MMX)}, {F(3DNOW), F(MMX)}, {F(3DNOWEXT), F(3DNOW)},
    {F(RDTSCP), F(TSC)}, {F(ITSC), F(TSC)}, {F(CX16), F(CX8)}, {F(LM), F(PAE)}, {F(LAHF_LM), F(LM)},
    {F(SSE), F(FXSR)}, {F(FFXSR), F(FXSR)}, {F(SSE2), F(SSE)}, {F(MISALIGNSSE), F(SSE)},
    {F(LM), F(SSE2)}, {F(SSE3), F(SSE2)}, {F(AESNI), F(SSE2)}, {F(PCLMULQDQ), F(SSE2)},
    {F(SHA), F(SSE2)}, {F(GFNI), F(SSE2)}, {F(SSSE3), F(SSE3)}, {F(SSE4A), F(SSE3)},
    {F(SSE4_1), F(SSSE3)}, {F(SSE4_2), F(SSE4_1)}, {F(XSAVEOPT), F(XSAVE)}, {F(XSAVEC), F(XSAVE)},
    {F(XGETBV1), F(XSAVE)}, {F(AVX), F(XSAVE)}, {F(AVX), F(SSE4_2)}, {F(FMA), F(AVX)},
    {F(FMA4), F(AVX)}, {F(F16C), F(AVX)}, {F(XOP), F(AVX)}, {F(AVX2), F(AVX)}, {F(VAES), F(AVX2)},
    {F(VPCLMULQDQ), F(AVX2)}, {F(AVX_VNNI), F(AVX2)}, {F(AVX512F), F(AVX2)},
    {F(AVX512DQ), F(AVX512F)}, {F(AVX512_IFMA), F(AVX512F)}, {F(AVX512PF), F(AVX512F)},
    {F(AVX512ER), F(AVX512F)}, {F(AVX512CD), F(AVX512F)}, {F(AVX512BW), F(AVX512F)},
    {F(AVX512VL), F(AVX512F)}, {F(AVX512_4VNNIW), F(AVX512F)}, {F(AVX512_4FMAPS), F(AVX512F)},
    {F(AVX512_VNNI), F(AVX512F)}, {F(AVX512_VPOPCNTDQ), F(AVX512F)},
    {F(AVX512_VP2INTERSECT), F(AVX512F)}, {F(AVX512_VBMI), F(AVX512BW)},
    {F(AVX512_VBMI2), F(AVX512BW)}, {F(AVX512_BITALG), F(AVX512BW)}, {F(AVX512_BF16), F(AVX512BW)},
    {F(TSXLDTRK), F(RTM)}, {F(STIBP), F(IBRSB)}, {F(SSBD), F(IBRSB)}, {F(INTEL_PSFD), F(IBRSB)},
    {F(EIBRS), F(IBRSB)}, {F(IBPB_RET), F(IBPB)}, {F(SBPB), F(IBPB)}, {F(IBPB_BRTYPE), F(IBPB)},
};
/* Intel: what guests may be shown on any machine, since they may move to one where it counts: that
   returns are guessed by others' training, and that VERW clears. */
static const uint16_t harmless[] = {
    F(RSBA), F(RRSBA), F(MD_CLEAR), F(FB_CLEAR), F(RFDS_CLEAR),
};
#undef F
/* clang-format on */

static bool fs_test(const uint32_t *fs, unsigned int f) { return (fs[f / 32] >> (f % 32)) & 1; }
static void fs_set(uint32_t *fs, unsigned int f) { fs[f / 32] |= 1u << (f % 32); }
static void fs_clear(uint32_t *fs, unsigned int f) { fs[f / 32] &= ~(1u << (f % 32)); }

static void fs_add(uint32_t *fs, const uint16_t *list, unsigned int n, const uint32_t *host)
{
    for (unsigned int i = 0; i < n; i++)
        if (fs_test(host, list[i]))
            fs_set(fs, list[i]);
}

static void fs_apply_needs(uint32_t *fs)
{
    bool again = true;

    while (again) {
        again = false;
        for (unsigned int i = 0; i < ARRAY_SIZE(needs); i++)
            if (fs_test(fs, needs[i][0]) && !fs_test(fs, needs[i][1])) {
                fs_clear(fs, needs[i][0]);
                again = true;
            }
    }
}

/* --- Leaves --- */

#define FIRST_WITH_SUBLEAVES 4

struct cpuid_leaf *cpuid_slot(struct cpuid_policy *p, uint32_t leaf, uint32_t sub)
{
    switch (leaf) {
    case CACHE_LEAF: return sub < NR_CACHE ? &p->cache[sub] : NULL;
    case FEAT_LEAF: return sub < NR_FEAT ? &p->feat[sub] : NULL;
    case TOPO_LEAF: return sub < NR_TOPO ? &p->topo[sub] : NULL;
    case XSTATE_LEAF: return sub < NR_XSTATE ? &p->xstate[sub] : NULL;
    default: break;
    }
    if (leaf < NR_BASIC)
        return &p->basic[leaf];
    return leaf >= EXT_BASE && leaf - EXT_BASE < NR_EXT ? &p->ext[leaf - EXT_BASE] : NULL;
}

unsigned int cpuid_subleaves(uint32_t leaf)
{
    return leaf == CACHE_LEAF    ? NR_CACHE
           : leaf == FEAT_LEAF   ? NR_FEAT
           : leaf == TOPO_LEAF   ? NR_TOPO
           : leaf == XSTATE_LEAF ? NR_XSTATE
                                 : 1;
}

/* Where each word of the feature set is found. Words 16 and 17 are the value of an MSR. */
#define FEATURE_WORD_COUNT 17
static uint32_t *feature_word(struct cpuid_policy *p, unsigned int i, unsigned int *word)
{
    static const uint8_t words[FEATURE_WORD_COUNT] = {0, 1,  2,  3,  4,  5,  6,  7, 8,
                                                      9, 10, 11, 12, 13, 14, 15, 18};
    uint32_t *const reg[FEATURE_WORD_COUNT] = {
        &p->basic[1].d, &p->basic[1].c,  &p->ext[1].d,  &p->ext[1].c,  &p->xstate[1].a,
        &p->feat[0].b,  &p->feat[0].c,   &p->ext[7].d,  &p->ext[8].b,  &p->feat[0].d,
        &p->feat[1].a,  &p->ext[0x21].a, &p->feat[1].b, &p->feat[2].d, &p->feat[1].c,
        &p->feat[1].d,  &p->ext[0x21].c,
    };

    *word = words[i];
    return reg[i];
}

static void features_to_leaves(struct cpuid_policy *p)
{
    unsigned int word;

    for (unsigned int i = 0; i < FEATURE_WORD_COUNT; i++) {
        uint32_t *reg = feature_word(p, i, &word);
        *reg = p->fs[word];
    }
    if (boot_cpu.vendor != VENDOR_intel)
        p->ext[1].d |= p->basic[1].d & EXT1_COMMON;
}

/* Zeroes what lies above the policy's own limits. */
static void trim_by_limits(struct cpuid_policy *p)
{
    uint32_t basic = p->basic[0].a, ext = p->ext[0].a & 0xffff;

    for (unsigned int i = basic + 1; i < NR_BASIC; i++)
        for (unsigned int sub = 0; sub < cpuid_subleaves(i); sub++)
            *cpuid_slot(p, i, sub) = (struct cpuid_leaf){ };
    for (unsigned int i = p->feat[0].a + 1; i < NR_FEAT; i++)
        p->feat[i] = (struct cpuid_leaf){ };
    for (unsigned int i = ext + 1; i < NR_EXT; i++)
        p->ext[i] = (struct cpuid_leaf){ };
}

void cpuid_leaves_to_features(struct cpuid_policy *p)
{
    unsigned int word;

    trim_by_limits(p);
    for (unsigned int i = 0; i < FEATURE_WORD_COUNT; i++) {
        const uint32_t *reg = feature_word(p, i, &word);
        p->fs[word] = *reg;
    }
    if (boot_cpu.vendor != VENDOR_intel)
        p->fs[X86_FEATURE_SYSCALL / 32] &= ~EXT1_COMMON;
}

static void read_raw(struct cpuid_policy *p)
{
    uint32_t last_ext = MIN(boot_cpu.max_ext_leaf, EXT_BASE + NR_EXT - 1);

    for (uint32_t leaf = 0; leaf <= MIN(boot_cpu.max_leaf, (uint32_t)NR_BASIC - 1); leaf++)
        for (uint32_t sub = 0; sub < cpuid_subleaves(leaf); sub++) {
            struct cpuid_leaf *l = cpuid_slot(p, leaf, sub);
            cpuid_count(leaf, sub, &l->a, &l->b, &l->c, &l->d);
        }
    for (uint32_t leaf = EXT_BASE; leaf <= last_ext; leaf++) {
        struct cpuid_leaf *l = cpuid_slot(p, leaf, 0);
        cpuid_count(leaf, 0, &l->a, &l->b, &l->c, &l->d);
    }
    for (unsigned int i = p->feat[0].a + 1; i < NR_FEAT; i++)
        p->feat[i] = (struct cpuid_leaf){ };
    cpuid_leaves_to_features(p);
    memcpy(&p->fs[ARCH_CAPS_WORD], &boot_cpu.arch_caps, sizeof(uint64_t));
}

static uint64_t policy_xcr0(const struct cpuid_policy *p)
{
    uint64_t mask = host_xcr0;

    if (!fs_test(p->fs, X86_FEATURE_XSAVE))
        return 0;
    for (uint64_t bit = 4; bit; bit <<= 1) {
        bool allowed =
            bit == 4 ? fs_test(p->fs, X86_FEATURE_AVX) : fs_test(p->fs, X86_FEATURE_AVX512F);
        if (!allowed)
            mask &= ~bit;
    }
    return mask;
}

static void make_xstate(struct cpuid_policy *p)
{
    uint64_t mask = policy_xcr0(p);

    memset(p->xstate, 0, sizeof(p->xstate));
    if (!mask)
        return;
    p->xstate[0] = (struct cpuid_leaf){
        .a = (uint32_t)mask, .c = xstate_size_for(mask), .d = (uint32_t)(mask >> 32)};
    p->xstate[1].a = p->fs[X86_FEATURE_XSAVEOPT / 32];
    for (unsigned int i = 2; i < NR_XSTATE; i++)
        if (mask & BIT(i))
            p->xstate[i] = (struct cpuid_leaf){.a = raw_policy.xstate[i].a,
                                               .b = raw_policy.xstate[i].b,
                                               .c = raw_policy.xstate[i].c & ECXD_ALIGNED};
}

static void clear_leaves(struct cpuid_leaf *l, unsigned int first, unsigned int last)
{
    memset(&l[first], 0, (last - first + 1) * sizeof(*l));
}

static void trim_intel(struct cpuid_policy *p)
{
    p->basic[2].a = (p->basic[2].a & ~0xffu) | 1; /* one query gives all */
    clear_leaves(p->basic, 3, 3);
    clear_leaves(p->basic, 9, 9);
    p->ext[0].b = p->ext[0].c = p->ext[0].d = 0;
    p->ext[1].a = p->ext[1].b = 0;
    clear_leaves(p->ext, 5, 5);
    p->ext[6].a = p->ext[6].b = p->ext[6].d = 0;
    p->ext[8].c = 0;
}

static void trim_amd(struct cpuid_policy *p)
{
    clear_leaves(p->basic, 2, 3);
    memset(p->cache, 0, sizeof(p->cache));
    clear_leaves(p->basic, 9, 0xa);
    p->ext[0].b = p->basic[0].b;
    p->ext[0].c = p->basic[0].c;
    p->ext[0].d = p->basic[0].d;
    p->ext[1].a = p->basic[1].a;
    p->ext[1].b &= 0xff00ffff;
    p->ext[8].c &= ECX8_CORES;
    clear_leaves(p->ext, 9, 0x18);
    clear_leaves(p->ext, 0x1b, 0x20);
}

void cpuid_finish_policy(struct cpuid_policy *p)
{
    if (p->basic[0].a < XSTATE_LEAF)
        fs_clear(p->fs, X86_FEATURE_XSAVE);
    if (!fs_test(p->fs, X86_FEATURE_ARCH_CAPS))
        p->fs[ARCH_CAPS_WORD] = p->fs[ARCH_CAPS_WORD + 1] = 0;
    p->basic[1].a &= FMS_MASK;
    p->basic[1].b &= ~EBX1_APICID_MASK;
    clear_leaves(p->basic, 5, 6);
    clear_leaves(p->basic, 8, 8);
    clear_leaves(p->basic, 0xa, 0xa);
    clear_leaves(p->basic, 0xc, 0xc);
    memset(p->topo, 0, sizeof(p->topo));
    p->ext[7].a = p->ext[7].b = p->ext[7].c = 0;
    p->ext[8].a &= EAX8_ADDR_SIZES;
    p->ext[8].d = 0;
    if (boot_cpu.vendor == VENDOR_intel)
        trim_intel(p);
    else
        trim_amd(p);
    fs_apply_needs(p->fs);
    make_xstate(p);
    features_to_leaves(p);
}

static void make_host_policy(struct cpuid_policy *p)
{
    *p = raw_policy;
    memcpy(p->fs, boot_cpu.features, sizeof(p->fs));
    p->basic[0].a = MIN(p->basic[0].a, (uint32_t)NR_BASIC - 1);
    p->feat[0].a = MIN(p->feat[0].a, (uint32_t)NR_FEAT - 1);
    p->ext[0].a = MIN(p->ext[0].a, EXT_BASE + NR_EXT - 1);
    cpuid_finish_policy(p);
    /* Findings about a CPU that has no such register. */
    memcpy(&p->fs[ARCH_CAPS_WORD], &boot_cpu.features[ARCH_CAPS_WORD], sizeof(uint64_t));
}

/* Speculation: the host's state, in the words that guests look for (hv/spec.h). */
static void adjust_speculation(uint32_t *fs, bool max)
{
    if (!spec.msr_sc[SPEC_PV])
        fs_clear(fs, X86_FEATURE_IBRSB);
    else
        fs_set(fs, X86_FEATURE_STIBP);       /* does nothing where there are no threads */
    if (cpu_has(X86_FEATURE_IBRSB))
        fs_set(fs, X86_FEATURE_IBPB);        /* AMD's name of half of it */
    if (boot_cpu.vendor == VENDOR_amd && max)
        fs_set(fs, X86_FEATURE_VERW_CLEAR);
    if (boot_cpu.vendor != VENDOR_intel)
        return;
    fs_set(fs, X86_FEATURE_ARCH_CAPS);
    for (unsigned int i = 0; i < ARRAY_SIZE(harmless) && max; i++)
        fs_set(fs, harmless[i]);
    if (max ? fs_test(fs, X86_FEATURE_RTM) : spec.tsx_off)
        fs_set(fs, X86_FEATURE_RTM_ALWAYS_ABORT);
    /* Without IBRS in the guest's hands, nothing restricts what its returns are guessed by. */
    if (!max && fs_test(fs, X86_FEATURE_RRSBA) && !fs_test(fs, X86_FEATURE_IBRSB)) {
        fs_clear(fs, X86_FEATURE_RRSBA);
        fs_set(fs, X86_FEATURE_RSBA);
    }
}

static void make_pv_policy(struct cpuid_policy *p, bool with_optional)
{
    *p = host_policy;
    memset(p->fs, 0, sizeof(p->fs));
    fs_add(p->fs, pv_features, ARRAY_SIZE(pv_features), host_policy.fs);
    if (with_optional) {
        fs_add(p->fs, pv_optional_features, ARRAY_SIZE(pv_optional_features), host_policy.fs);
        /* A guest may have been made where there are more subleaves, or cores. */
        p->feat[0].a = NR_FEAT - 1;
        fs_set(p->fs, X86_FEATURE_HTT);
        fs_set(p->fs, X86_FEATURE_CMP_LEGACY);
    }
    fs_set(p->fs, X86_FEATURE_HYPERVISOR);
    if (!host_xcr0)
        fs_clear(p->fs, X86_FEATURE_XSAVE);
    adjust_speculation(p->fs, with_optional);
    cpuid_finish_policy(p);
}

static void detect_features(void)
{
    uint64_t val;

    /* SYSENTER does not work in long mode there, and what leaf 1 says is repeated. */
    if (boot_cpu.vendor != VENDOR_intel) {
        fs_clear(boot_cpu.features, X86_FEATURE_SEP);
        boot_cpu.features[X86_FEATURE_SYSCALL / 32] &= ~EXT1_COMMON;
    }
    faulting = boot_cpu.vendor == VENDOR_intel && !rdmsr_safe(MSR_PLATFORM_INFO, &val) &&
               (val & PLATFORM_INFO_CPUID_FAULT);
}

void cpuid_make_policies(void)
{
    if (ready)
        return;
    detect_features();
    read_raw(&raw_policy);
    make_host_policy(&host_policy);
    make_pv_policy(&pv_max_policy, true);
    make_pv_policy(&pv_default_policy, false);
    cpuid_make_hvm_policy(&hvm_max_policy, &pv_max_policy);
    cpuid_make_hvm_policy(&hvm_default_policy, &pv_default_policy);
    ready = true;
}

int cpuid_policy_init_domain(struct domain *d)
{
    struct cpuid_policy *p = xmalloc(sizeof(*p));

    if (!p)
        return -ENOMEM;
    cpuid_make_policies();
    *p = d->is_hvm ? hvm_default_policy : pv_default_policy;
    /* The control domain is never moved to another host. */
    if (d->is_control && fs_test(pv_max_policy.fs, X86_FEATURE_ITSC)) {
        fs_set(p->fs, X86_FEATURE_ITSC);
        features_to_leaves(p);
    }
    d->cpuid_policy = p;
    return 0;
}

void cpuid_policy_free_domain(struct domain *d)
{
    xfree(d->cpuid_policy);
    d->cpuid_policy = NULL;
}

bool guest_has(const struct domain *d, enum x86_feature f)
{
    return fs_test(d->cpuid_policy->fs, f);
}

uint64_t guest_arch_capabilities(const struct domain *d)
{
    const uint32_t *fs = &d->cpuid_policy->fs[ARCH_CAPS_WORD];

    return ((uint64_t)fs[1] << 32) | fs[0];
}

void msr_policy_relax(struct domain *d) { d->cpuid_policy->relaxed_msrs = true; }
bool msr_policy_relaxed(const struct domain *d) { return d->cpuid_policy->relaxed_msrs; }

/* --- What the guest sees --- */

/* TSC ticks to nanoseconds: ((ticks << shift) * mul) >> 32. */
static void tsc_scale(uint32_t khz, uint32_t *mul, int8_t *shift)
{
    uint64_t hz = (uint64_t)khz * 1000, second = (uint64_t)SECONDS(1);

    *shift = 0;
    *mul = 0;
    if (!hz)
        return;
    for (; hz > 2 * second; hz >>= 1)
        (*shift)--;
    for (; hz <= second; hz <<= 1)
        (*shift)++;
    *mul = (uint32_t)((second << 32) / hz);
}

static void tsc_leaf(const struct domain *d, uint32_t sub, struct cpuid_leaf *res)
{
    int8_t shift;

    switch (sub) {
    case 0:
        res->a = (d->vtsc ? 1u : 0) | (cpu_has(X86_FEATURE_ITSC) ? 2u : 0) |
                 (cpu_has(X86_FEATURE_RDTSCP) ? 4u : 0);
        res->b = d->tsc_mode;
        res->c = d->tsc_khz;
        res->d = d->tsc_incarnation;
        return;
    case 1:
        res->a = (uint32_t)d->vtsc_offset;
        res->b = (uint32_t)((uint64_t)d->vtsc_offset >> 32);
        tsc_scale(d->tsc_khz, &res->c, &shift);
        res->d = (uint32_t)(int32_t)shift;
        return;
    case 2:
        res->a = cpu_khz;
        return;
    default:
        return;
    }
}

static void hypervisor_leaf(const struct vcpu *v, uint32_t index, uint32_t sub,
                            struct cpuid_leaf *res)
{
    const struct domain *d = v->domain;
    uint32_t limit = XEN_CPUID_MAX_NUM_LEAVES;

    if (d->cpuid_policy->hv_limit)
        limit = MIN(limit, MAX(d->cpuid_policy->hv_limit & 0xffu, 2u));
    if (index > limit)
        return;
    switch (index) {
    case 0:
        res->a = HV_BASE + limit;
        res->b = XEN_CPUID_SIGNATURE_EBX;
        res->c = XEN_CPUID_SIGNATURE_ECX;
        res->d = XEN_CPUID_SIGNATURE_EDX;
        return;
    case 1:
        res->a = XEN_MAJOR << 16 | XEN_MINOR;
        return;
    case 2:
        res->a = 1;
        res->b = HV_BASE;
        res->c = d->is_hvm ? 0 : XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD;
        return;
    case 3:
        tsc_leaf(d, sub, res);
        return;
    case 4:
        if (d->is_hvm)
            cpuid_hvm_leaf(v, sub, res);
        return;
    case 5:
        if (!d->is_hvm && sub == 0)
            res->b = (fls64(max_page - 1) + 1 + PAGE_SHIFT) & XEN_CPUID_MACHINE_ADDRESS_WIDTH_MASK;
        return;
    default:
        return;
    }
}

/*
 * Bits that depend on the moment. The forced prefix (seen by #UD) shows the kernel that XSAVE is on
 * before it has turned it on itself: PV kernels of the ABI rely on it. dom0's kernel also sees what
 * it needs to hand ACPI data to the hypervisor; MONITOR only where it takes CPUID for native (seen
 * by #GP).
 */
static void adjust_leaf1(const struct vcpu *v, struct cpuid_leaf *res)
{
    unsigned int vector = guest_regs()->entry_vector;
    bool kernel = pv_in_kernel(v);

    res->b |= (v->vcpu_id * 2) << EBX1_APICID_SHIFT;
    if (const_pv_vcpu(v)->ctrlreg[4] & X86_CR4_OSXSAVE)
        res->c |= ECX1_OSXSAVE;
    if (kernel && vector == X86_EXC_UD && host_xcr0)
        res->c |= ECX1_OSXSAVE;
    if (!kernel || !v->domain->is_control)
        return;
    if (vector == X86_EXC_GP && cpu_has(X86_FEATURE_MONITOR))
        res->c |= ECX1_MONITOR;
    res->c |= raw_policy.basic[1].c & ECX1_EIST;
    res->d |= raw_policy.basic[1].d & EDX1_MTRR;
}

static void adjust_leaf(const struct vcpu *v, uint32_t leaf, uint32_t sub, struct cpuid_leaf *res)
{
    bool dom0_kernel = v->domain->is_control && pv_in_kernel(v);

    switch (leaf) {
    case 0x5:
        if (dom0_kernel && guest_regs()->entry_vector == X86_EXC_GP && cpu_has(X86_FEATURE_MONITOR))
            *res = raw_policy.basic[5];
        return;
    case 0x6:
        if (dom0_kernel) {
            res->a = raw_policy.basic[6].a & EAX6_DOM0;
            res->c = raw_policy.basic[6].c & ECX6_DOM0;
        }
        return;
    case XSTATE_LEAF:
        if (sub == 0 && res->a)
            res->b = xstate_size_for(v->xcr0);
        if (sub == 1 && res->a & EAXD_XSAVEC)
            res->b = xstate_compact_size_for(v->xcr0);
        return;
    case EXT_BASE + 1:
        if (dom0_kernel && boot_cpu.vendor != VENDOR_intel)
            res->d |= raw_policy.basic[1].d & EDX1_MTRR;
        return;
    default:
        return;
    }
}

void guest_cpuid(const struct vcpu *v, uint32_t leaf, uint32_t sub, struct cpuid_leaf *res)
{
    struct cpuid_policy *p = v->domain->cpuid_policy;
    const struct cpuid_leaf *l;

    *res = (struct cpuid_leaf){ };
    if ((leaf & ~0xffu) == HV_BASE) {
        hypervisor_leaf(v, leaf - HV_BASE, sub, res);
        return;
    }
    if (leaf > (leaf >= EXT_BASE ? p->ext[0].a : p->basic[0].a))
        return;
    l = leaf < FIRST_WITH_SUBLEAVES ? &p->basic[leaf] : cpuid_slot(p, leaf, sub);
    if (!l)
        return;
    *res = *l;
    if (v->domain->is_hvm)
        cpuid_adjust_hvm(v, leaf, sub, res);
    else if (leaf == 1)
        adjust_leaf1(v, res);
    else
        adjust_leaf(v, leaf, sub, res);
}

/* --- What a CPU is told when it changes to another vCPU --- */

static DEFINE_PER_CPU(bool, faulting_on);
static DEFINE_PER_CPU(uint32_t, loaded_tsc_aux);

bool cpuid_faulting_available(void) { return faulting; }

static void switch_faulting(const struct vcpu *next)
{
    bool on = !next->is_idle && !next->domain->is_hvm;
    uint64_t val;

    if (!faulting || on == this_cpu(faulting_on) || rdmsr_safe(MSR_MISC_FEATURES_ENABLES, &val))
        return;
    val = on ? val | MISC_FEATURES_CPUID_FAULT : val & ~(uint64_t)MISC_FEATURES_CPUID_FAULT;
    wrmsr_safe(MSR_MISC_FEATURES_ENABLES, val);
    this_cpu(faulting_on) = on;
}

void cpu_policy_load_tsc_aux(uint32_t val)
{
    if (val == this_cpu(loaded_tsc_aux))
        return;
    wrmsr(MSR_TSC_AUX, val);
    this_cpu(loaded_tsc_aux) = val;
}

void cpu_policy_switch_to(const struct vcpu *next)
{
    switch_faulting(next);
    if (cpu_has(X86_FEATURE_RDTSCP) && !next->is_idle && !next->domain->is_hvm)
        cpu_policy_load_tsc_aux(next->tsc_aux);
}
