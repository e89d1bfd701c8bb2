/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which CPU leaks what. CPUs say themselves what they are free of (the *_NO bits of CPUID and
 * ARCH_CAPABILITIES) if they, or their microcode, are newer than the finding; for the others there
 * is a table of models. Sources: Intel, "Affected Processors: Guidance for Security Issues on Intel
 * Processors"; AMD product security bulletins 7005, 7008, 7010, 7029, 1037, 1045.
 */
#include <hv/processor.h>
#include <hv/spec.h>

#define INTEL_FAMILY 6
#define FAMILY_ZEN12 0x17
#define FAMILY_HYGON 0x18
#define FAMILY_ZEN34 0x19

/* Flags of the table beyond BIT(BUG_*). */
#define RETPOLINE BIT(29)       /* returns are guessed by their stack only, even an empty one */
#define L1D_44 BIT(30)
#define L1D_46 BIT(31)
#define NARROW_RSB BIT(28)      /* the return stack holds 32 bits of an address */
_Static_assert(NR_SPEC_BUGS <= 28, "flags and bugs share a word");

#define L1TF BIT(BUG_L1TF)
#define MDS BIT(BUG_MDS)
#define SRBDS BIT(BUG_SRBDS)
#define MMIO BIT(BUG_MMIO)
#define GDS BIT(BUG_GDS)
#define ITS BIT(BUG_ITS)
#define RFDS BIT(BUG_RFDS)
#define NEHALEM (L1TF | MDS | RETPOLINE | L1D_44)
#define SANDY_BRIDGE (L1TF | MDS | RETPOLINE | L1D_46)
#define BROADWELL (L1TF | MDS | L1D_46)
#define SKYLAKE (L1TF | MDS | MMIO | GDS | L1D_46)
#define LATER_LAKE (MMIO | GDS | ITS)
#define SILVERMONT (MDS | RETPOLINE | NARROW_RSB)
/* Nothing is known: all that no *_NO bit excludes. */
#define UNKNOWN (L1TF | MDS | MMIO | GDS | RFDS)

/* Intel's family 6. A row holds for steppings up to its last; the first that fits counts. */
static const struct { uint8_t model, last_stepping; uint32_t flags; } models[] = {
    { 0x17, 15, L1TF | MDS | RETPOLINE },   /* Penryn */
    { 0x1d, 15, L1TF | MDS | RETPOLINE },
    { 0x1a, 15, NEHALEM }, { 0x1e, 15, NEHALEM }, { 0x1f, 15, NEHALEM }, { 0x2e, 15, NEHALEM },
    { 0x25, 15, NEHALEM }, { 0x2c, 15, NEHALEM }, { 0x2f, 15, NEHALEM }, /* Westmere */
    { 0x2a, 15, SANDY_BRIDGE }, { 0x2d, 15, SANDY_BRIDGE },
    { 0x3a, 15, SANDY_BRIDGE | SRBDS }, { 0x3e, 15, SANDY_BRIDGE }, /* Ivy Bridge */
    { 0x3c, 15, SANDY_BRIDGE | SRBDS }, { 0x45, 15, SANDY_BRIDGE | SRBDS }, /* Haswell */
    { 0x46, 15, SANDY_BRIDGE | SRBDS }, { 0x3f, 15, SANDY_BRIDGE | MMIO },
    { 0x3d, 15, BROADWELL | SRBDS }, { 0x47, 15, BROADWELL | SRBDS },
    { 0x4f, 15, BROADWELL | MMIO }, { 0x56, 15, BROADWELL | MMIO },
    { 0x4e, 15, SKYLAKE | SRBDS }, { 0x5e, 15, SKYLAKE | SRBDS },
    { 0x55, 5, SKYLAKE }, { 0x55, 15, LATER_LAKE },             /* Skylake, Cascade Lake servers */
    { 0x66, 15, L1TF | MDS | L1D_46 },                          /* Cannon Lake */
    { 0x8e, 0xb, SKYLAKE | SRBDS }, { 0x8e, 15, LATER_LAKE | SRBDS }, /* Kaby Lake and after */
    { 0x9e, 0xc, SKYLAKE | SRBDS }, { 0x9e, 15, LATER_LAKE | SRBDS },
    { 0xa5, 15, LATER_LAKE }, { 0xa6, 15, LATER_LAKE },         /* Comet Lake */
    { 0x6a, 15, LATER_LAKE }, { 0x6c, 15, LATER_LAKE }, { 0x7e, 15, LATER_LAKE }, /* Ice Lake */
    { 0x8c, 15, GDS | ITS }, { 0x8d, 15, GDS | ITS },           /* Tiger Lake */
    { 0xa7, 15, LATER_LAKE }, { 0x8a, 15, MMIO },               /* Rocket Lake, Lakefield */
    { 0x97, 15, RFDS }, { 0x9a, 15, RFDS }, { 0xbe, 15, RFDS }, /* Alder Lake */
    { 0xb7, 15, RFDS }, { 0xba, 15, RFDS }, { 0xbf, 15, RFDS }, /* Raptor Lake */
    { 0x8f, 15, 0 }, { 0xcf, 15, 0 },                           /* Sapphire, Emerald Rapids */
    { 0x1c, 15, RETPOLINE }, { 0x26, 15, RETPOLINE }, { 0x27, 15, RETPOLINE }, /* in-order Atom */
    { 0x35, 15, RETPOLINE }, { 0x36, 15, RETPOLINE },
    { 0x37, 15, SILVERMONT }, { 0x4a, 15, SILVERMONT }, { 0x4c, 15, SILVERMONT },
    { 0x4d, 15, SILVERMONT }, { 0x5a, 15, SILVERMONT }, { 0x5d, 15, SILVERMONT },
    { 0x65, 15, SILVERMONT }, { 0x6e, 15, SILVERMONT }, { 0x75, 15, SILVERMONT },
    { 0x57, 15, MDS | RETPOLINE }, { 0x85, 15, MDS | RETPOLINE }, /* Knights */
    { 0x5c, 15, RFDS | RETPOLINE }, { 0x5f, 15, RFDS | RETPOLINE }, /* Goldmont */
    { 0x7a, 15, RFDS },
    { 0x86, 15, RFDS | MMIO }, { 0x96, 15, RFDS | MMIO }, { 0x9c, 15, RFDS | MMIO }, /* Tremont */
};

/* Broadwell's returns behave from these microcodes on. */
static const struct { uint8_t model, stepping; uint32_t ucode; } broadwells[] = {
    { 0x3d, 0xff, 0x2a }, { 0x47, 0xff, 0x1d }, { 0x4f, 0xff, 0xb000021 },
    { 0x56, 2, 0x15 }, { 0x56, 3, 0x7000012 }, { 0x56, 4, 0xf000011 }, { 0x56, 5, 0xe000009 },
};

/* Zen 2's, from which on the floating-point registers are safe; and Zen 3's and 4's, by the upper
   bits of the revision, from which on VERW clears what TSA leaks. */
static const struct { uint8_t first, last; uint32_t ucode; } zenbleed_fixed[] = {
    { 0x30, 0x3f, 0x0830107a }, { 0x60, 0x67, 0x0860010b }, { 0x68, 0x6f, 0x08608105 },
    { 0x70, 0x7f, 0x08701032 }, { 0xa0, 0xaf, 0x08a00008 },
};
static const uint32_t tsa_fixed[] = {
    0x0a0011d7, 0x0a00123b, 0x0a00820d, 0x0a10114c, 0x0a10124c, 0x0a108109, 0x0a20102e, 0x0a201211,
    0x0a404108, 0x0a500012, 0x0a60120a, 0x0a704108, 0x0a705208, 0x0a708008, 0x0a70c008, 0x0aa00216,
};

static bool has(const struct cpu_data *c, unsigned int f)
{
    return (c->features[f / 32] >> (f % 32)) & 1;
}
static void give(struct cpu_data *c, unsigned int f) { c->features[f / 32] |= 1u << (f % 32); }
static bool is_amd(const struct cpu_data *c)
{
    return c->vendor == VENDOR_amd || c->vendor == VENDOR_hygon;
}
static bool virtualised(const struct cpu_data *c) { return has(c, X86_FEATURE_HYPERVISOR); }

/* --- Intel --- */

static uint32_t model_flags(const struct cpu_data *c)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(models); i++)
        if (c->model == models[i].model && c->stepping <= models[i].last_stepping)
            return models[i].flags;
    return UNKNOWN;
}

static bool broadwell_fixed(const struct spec_host *h)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(broadwells); i++)
        if (h->cpu->model == broadwells[i].model &&
            (broadwells[i].stepping == 0xff || h->cpu->stepping == broadwells[i].stepping))
            return h->ucode >= broadwells[i].ucode;
    return false;
}

/* RSBA and RRSBA mean that returns may be predicted by what others trained. A CPU that shows
   neither but has ARCH_CAPABILITIES is believed, one without is looked up. */
static bool intel_retpoline_safe(const struct spec_host *h, uint32_t flags)
{
    struct cpu_data *c = h->cpu;

    if (has(c, X86_FEATURE_EIBRS)) {
        give(c, X86_FEATURE_RRSBA);
        return false;
    }
    if (has(c, X86_FEATURE_RSBA))
        return false;
    if (has(c, X86_FEATURE_ARCH_CAPS) || (flags & RETPOLINE) || broadwell_fixed(h))
        return true;
    give(c, X86_FEATURE_RSBA);
    return false;
}

/* Bugs of the table that the CPU says it doesn't have, or to have all the same. */
static uint32_t intel_excluded(const struct cpu_data *c)
{
    uint32_t none = 0;

    if (has(c, X86_FEATURE_RDCL_NO))
        none |= L1TF;
    if (has(c, X86_FEATURE_MDS_NO))
        none |= MDS;
    if (has(c, X86_FEATURE_SBDR_SSDP_NO) && has(c, X86_FEATURE_FBSDP_NO) &&
        has(c, X86_FEATURE_PSDP_NO))
        none |= MMIO;
    if (has(c, X86_FEATURE_GDS_NO) || !has(c, X86_FEATURE_AVX))
        none |= GDS;
    if (has(c, X86_FEATURE_RFDS_NO))
        none |= RFDS;
    if (has(c, X86_FEATURE_ITS_NO) || !has(c, X86_FEATURE_EIBRS) || has(c, X86_FEATURE_BHI_CTRL))
        none |= ITS;
    return none;
}

static uint32_t intel_declared(const struct cpu_data *c)
{
    return (has(c, X86_FEATURE_GDS_CTRL) ? GDS : 0) | (has(c, X86_FEATURE_RFDS_CLEAR) ? RFDS : 0) |
           (has(c, X86_FEATURE_SRBDS_CTRL) ? SRBDS : 0);
}

static uint32_t intel_family6(struct spec_host *h, struct spec_model *m)
{
    struct cpu_data *c = h->cpu;
    uint32_t flags = model_flags(c), bugs;

    m->retpoline_safe = intel_retpoline_safe(h, flags);
    m->rsb_full_width = !(flags & NARROW_RSB);
    m->l1d_bits = flags & L1D_44 ? 44 : flags & L1D_46 ? 46 : c->paddr_bits;
    bugs = ((flags & (BIT(NR_SPEC_BUGS) - 1)) & ~intel_excluded(c)) | intel_declared(c);
    /* Below a hypervisor the model may be another one tomorrow; it would tell. */
    if (virtualised(c) && !has(c, X86_FEATURE_GDS_NO) && has(c, X86_FEATURE_AVX))
        bugs |= GDS;
    if (!virtualised(c) && !(bugs & ITS))
        give(c, X86_FEATURE_ITS_NO);
    if (!virtualised(c) && !(bugs & RFDS))
        give(c, X86_FEATURE_RFDS_NO);
    if (!(bugs & GDS))
        give(c, X86_FEATURE_GDS_NO);
    if (!has(c, X86_FEATURE_BHI_NO) && (has(c, X86_FEATURE_EIBRS) || virtualised(c)))
        bugs |= BIT(BUG_BHI);
    /* On older CPUs MDS covers it. */
    if ((has(c, X86_FEATURE_RTM) || has(c, X86_FEATURE_TSX_CTRL)) && has(c, X86_FEATURE_MDS_NO) &&
        !has(c, X86_FEATURE_TAA_NO))
        bugs |= BIT(BUG_TAA);
    /* Returns guessed by what others trained, where IBRS is not always on. */
    if (!m->retpoline_safe && !has(c, X86_FEATURE_EIBRS))
        bugs |= BIT(BUG_RETBLEED);
    return bugs;
}

/* --- AMD --- */

/* Zen 2 is of the same family. */
static bool is_zen1(const struct cpu_data *c)
{
    return c->family == FAMILY_HYGON ||
           (c->family == FAMILY_ZEN12 &&
            (c->model < 0x30 || (c->model >= 0x50 && c->model < 0x60)));
}

static bool zenbleed(const struct spec_host *h)
{
    const struct cpu_data *c = h->cpu;

    if (virtualised(c) || c->family != FAMILY_ZEN12 || is_zen1(c))
        return false;
    for (unsigned int i = 0; i < ARRAY_SIZE(zenbleed_fixed); i++)
        if (c->model >= zenbleed_fixed[i].first && c->model <= zenbleed_fixed[i].last)
            return h->ucode < zenbleed_fixed[i].ucode;
    return true;
}

static uint32_t tsa(struct spec_host *h)
{
    struct cpu_data *c = h->cpu;

    if (c->vendor == VENDOR_amd && !virtualised(c) && c->family != FAMILY_ZEN34 &&
        !has(c, X86_FEATURE_TSA_SQ_NO) && !has(c, X86_FEATURE_TSA_L1_NO)) {
        give(c, X86_FEATURE_TSA_SQ_NO);
        give(c, X86_FEATURE_TSA_L1_NO);
    }
    if (c->vendor != VENDOR_amd || c->family != FAMILY_ZEN34 ||
        (has(c, X86_FEATURE_TSA_SQ_NO) && has(c, X86_FEATURE_TSA_L1_NO)))
        return 0;
    for (unsigned int i = 0; i < ARRAY_SIZE(tsa_fixed) && !virtualised(c); i++)
        if (h->ucode >> 8 == tsa_fixed[i] >> 8 && h->ucode >= tsa_fixed[i])
            give(c, X86_FEATURE_VERW_CLEAR);
    return BIT(BUG_TSA);
}

static uint32_t amd(struct spec_host *h, struct spec_model *m)
{
    struct cpu_data *c = h->cpu;
    bool zen12 = c->family == FAMILY_ZEN12 || c->family == FAMILY_HYGON;
    uint32_t bugs = tsa(h);

    m->retpoline_safe = true;
    if (c->family >= FAMILY_ZEN34)
        give(c, X86_FEATURE_BTC_NO);
    if (!has(c, X86_FEATURE_BTC_NO))
        bugs |= BIT(BUG_RETBLEED);
    if (zen12 && h->smt)
        bugs |= BIT(BUG_RSB_SMT);
    if (is_zen1(c))
        bugs |= BIT(BUG_DIV);
    if (zenbleed(h))
        bugs |= BIT(BUG_ZENBLEED);
    /* With one thread a core, Zen 1 and 2 are out of reach; a hypervisor below would tell. */
    if (zen12 && !h->smt && !virtualised(c))
        give(c, X86_FEATURE_SRSO_NO);
    if (!virtualised(c) && (c->family == FAMILY_ZEN34 ? h->sbpb : has(c, X86_FEATURE_IBPB)) &&
        c->family <= FAMILY_ZEN34)
        give(c, X86_FEATURE_IBPB_BRTYPE);
    if (!virtualised(c) && c->family == FAMILY_ZEN34 && h->sbpb)
        give(c, X86_FEATURE_SBPB);
    if ((zen12 || c->family == FAMILY_ZEN34) && !has(c, X86_FEATURE_SRSO_NO))
        bugs |= BIT(BUG_SRSO);
    return bugs;
}

void spec_bugs_find(struct spec_host *h, struct spec_model *m)
{
    struct cpu_data *c = h->cpu;

    *m = (struct spec_model){ .rsb_full_width = true, .l1d_bits = c->paddr_bits };
    if (is_amd(c))
        m->bugs = amd(h, m);
    else if (c->vendor == VENDOR_intel && c->family == INTEL_FAMILY)
        m->bugs = intel_family6(h, m);
    m->bugs |= BIT(BUG_BOUNDS) | BIT(BUG_BRANCH);
    if (!is_amd(c) && !has(c, X86_FEATURE_RDCL_NO))
        m->bugs |= BIT(BUG_MELTDOWN);
    if (!has(c, X86_FEATURE_SSB_NO) && !has(c, X86_FEATURE_INTEL_SSB_NO))
        m->bugs |= BIT(BUG_SSB);
    if (c->vendor == VENDOR_intel)
        m->bugs |= BIT(BUG_LAZY_FPU);
}
