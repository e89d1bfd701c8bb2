/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is done about each vulnerability: the decisions, from the CPU's bugs and the command line,
 * and their description for the log. Without an option, what Xen 4.17 chooses. Pure: host-built
 * tests ask it about CPUs of all ages.
 */
#include <hv/lib.h>
#include <hv/processor.h>
#include <hv/msr_index.h>
#include <hv/page.h>
#include <hv/spec.h>

static bool has(const struct spec_host *h, unsigned int f)
{
    return (h->cpu->features[f / 32] >> (f % 32)) & 1;
}
static void take(const struct spec_host *h, unsigned int f)
{
    h->cpu->features[f / 32] &= ~(1u << (f % 32));
}
static bool is_amd(const struct spec_host *h)
{
    return h->cpu->vendor == VENDOR_amd || h->cpu->vendor == VENDOR_hygon;
}
static bool bug(const struct spec *s, enum spec_bug b) { return s->bugs & BIT(b); }
/* The option's word, or what is right without one. */
static bool choice(int8_t opt, bool otherwise) { return opt < 0 ? otherwise : opt; }

/* --- branches --- */

/* Retpolines where returns can be trusted, else IBRS. An explicit choice of either is followed to
   the letter. */
static bool choose_thunk(struct spec *s, const struct spec_model *m, const struct spec_options *o)
{
    bool ibrs = o->ibrs > 0;

    if (o->thunk >= 0 || o->ibrs >= 0) {
        s->thunk = o->thunk >= 0 ? (enum branch_thunk)o->thunk : ibrs ? THUNK_JMP : THUNK_RETPOLINE;
        return ibrs && s->has_ctrl;
    }
    ibrs = !m->retpoline_safe && s->has_ctrl;
    s->thunk = ibrs ? THUNK_JMP : THUNK_RETPOLINE;
    return ibrs;
}

static void choose_ctrl(struct spec *s, const struct spec_host *h, const struct spec_options *o,
                        bool ibrs)
{
    bool stibp = choice(o->stibp, ibrs || has(h, X86_FEATURE_AMD_STIBP));
    bool ssbd = choice(o->ssbd, false), psfd = choice(o->psfd, ssbd);

    if (ibrs)
        s->ctrl |= SPEC_CTRL_IBRS;
    if (stibp && (has(h, X86_FEATURE_STIBP) || has(h, X86_FEATURE_AMD_STIBP) || h->spec_ctrl))
        s->ctrl |= SPEC_CTRL_STIBP;
    if (ssbd && (has(h, X86_FEATURE_SSBD) || has(h, X86_FEATURE_AMD_SSBD) || h->spec_ctrl))
        s->ctrl |= SPEC_CTRL_SSBD;
    if (psfd && (has(h, X86_FEATURE_PSFD) || has(h, X86_FEATURE_INTEL_PSFD)))
        s->ctrl |= SPEC_CTRL_PSFD;
    if (has(h, X86_FEATURE_BHI_CTRL) && choice(o->bhi_dis_s, bug(s, BUG_BHI)))
        s->ctrl |= SPEC_CTRL_BHI_DIS_S;
}

/* The guest's SPEC_CTRL is loaded for it where Intel's CPUs have one. */
static void choose_msr(struct spec *s, const struct spec_host *h, const struct spec_options *o)
{
    for (unsigned int k = 0; k < NR_SPEC_KINDS; k++)
        s->msr_sc[k] = (has(h, X86_FEATURE_IBRSB) && choice(o->msr_sc[k], true)) ||
                       (h->spec_ctrl && o->msr_sc[k] > 0);
}

/* A PV guest can leave returns to its own addresses: SMEP makes these useless. */
static void choose_rsb(struct spec *s, const struct spec_host *h, const struct spec_model *m,
                       const struct spec_options *o)
{
    s->rsb[SPEC_PV] =
        choice(o->rsb[SPEC_PV], !has(h, X86_FEATURE_SMEP) || !m->rsb_full_width);
    s->rsb[SPEC_HVM] = choice(o->rsb[SPEC_HVM], true);
    s->rsb_idle = o->rsb[SPEC_PV] == OPT_DEFAULT && !s->rsb[SPEC_PV] && bug(s, BUG_RSB_SMT);
}

static void choose_ibpb(struct spec *s, const struct spec_host *h, const struct spec_options *o)
{
    bool ibpb = has(h, X86_FEATURE_IBRSB) || has(h, X86_FEATURE_IBPB);
    bool entry = is_amd(h) && (bug(s, BUG_RETBLEED) ||
                               (bug(s, BUG_SRSO) && has(h, X86_FEATURE_IBPB_BRTYPE)));

    for (unsigned int k = 0; k < NR_SPEC_KINDS; k++)
        s->ibpb_entry[k] = (ibpb && choice(o->ibpb_entry[k], entry)) ||
                           (h->spec_ctrl && o->ibpb_entry[k] > 0);
    s->ibpb_entry_dom0 = o->ibpb_entry_dom0;
    s->ibpb_switch = (ibpb && choice(o->ibpb, !(s->ibpb_entry[SPEC_PV] &&
                                               s->ibpb_entry[SPEC_HVM]))) ||
                     (h->spec_ctrl && o->ibpb > 0);
    /* There IBPB leaves returns as they are. */
    s->rsb_switch = is_amd(h) && !has(h, X86_FEATURE_IBPB_RET);
}

static void choose_bhb(struct spec *s, const struct spec_options *o)
{
    bool needed = bug(s, BUG_BHI) && !(s->ctrl & SPEC_CTRL_BHI_DIS_S);

    s->bhb_seq = o->bhb_seq == BHB_DEFAULT ? (needed ? BHB_SHORT : BHB_NONE) : (uint8_t)o->bhb_seq;
    for (unsigned int k = 0; k < NR_SPEC_KINDS; k++) {
        s->bhb_entry[k] = choice(o->bhb_entry[k], bug(s, BUG_BHI) && s->bhb_seq != BHB_NONE);
        if (s->bhb_entry[k] && s->bhb_seq == BHB_NONE)
            s->bhb_seq = BHB_SHORT;
    }
    s->bhb_entry_dom0 = o->bhb_entry_dom0;
}

/* --- data --- */

static void choose_verw(struct spec *s, const struct spec_host *h, const struct spec_options *o)
{
    bool md_clear = has(h, X86_FEATURE_MD_CLEAR) && bug(s, BUG_MDS);
    bool works = md_clear || has(h, X86_FEATURE_RFDS_CLEAR) || has(h, X86_FEATURE_VERW_CLEAR);
    bool mmio = o->unpriv_mmio > 0 && has(h, X86_FEATURE_FB_CLEAR);

    s->unpriv_mmio = o->unpriv_mmio > 0;
    for (unsigned int k = 0; k < NR_SPEC_KINDS; k++)
        s->verw[k] = choice(o->verw[k], works) || mmio;
    s->verw_idle =
        h->smt && ((md_clear && (s->verw[SPEC_PV] || s->verw[SPEC_HVM])) || mmio ||
                   (has(h, X86_FEATURE_VERW_CLEAR) && !has(h, X86_FEATURE_TSA_SQ_NO)));
}

/* TAA: without transactions there is nothing to abort. Registers of random numbers: locked unless
   nothing can read what they leave. GDS: by its control, else by taking AVX away. */
static void choose_msrs_of_microcode(struct spec *s, const struct spec_host *h,
                                     const struct spec_options *o)
{
    s->tsx_off = has(h, X86_FEATURE_TSX_CTRL) &&
                 !choice(o->tsx, !bug(s, BUG_TAA));
    if (s->tsx_off) {
        take(h, X86_FEATURE_RTM);
        take(h, X86_FEATURE_HLE);
    }
    s->srb_lock = has(h, X86_FEATURE_SRBDS_CTRL) &&
                  choice(o->srb_lock, o->unpriv_mmio > 0 || !has(h, X86_FEATURE_MDS_NO) ||
                                          (bug(s, BUG_TAA) && !s->tsx_off));
    s->gds_lock = has(h, X86_FEATURE_GDS_CTRL) && choice(o->gds_mit, bug(s, BUG_GDS));
    s->avx_off = bug(s, BUG_GDS) && !has(h, X86_FEATURE_GDS_CTRL) && choice(o->gds_mit, true);
    if (s->avx_off)
        take(h, X86_FEATURE_AVX);
    s->div_scrub = choice(o->div_scrub, bug(s, BUG_DIV));
    s->fp_backup_fix = bug(s, BUG_ZENBLEED);
}

/*
 * A page-table entry that isn't present is safe when its address can hit nothing in the cache: 0,
 * or above all RAM. Where the cache looks at more bits than CPUID says, one of those suffices; else
 * the top quarter is believed to be empty, which is what guests leave free by inverting addresses.
 */
static void choose_l1tf(struct spec *s, const struct spec_host *h, const struct spec_model *m,
                        const struct spec_options *o)
{
    unsigned int bits = h->cpu->paddr_bits;
    uint64_t empty = m->l1d_bits > bits ? 1ULL << bits : 3ULL << (bits - 2);

    s->l1tf_mask = ((1ULL << m->l1d_bits) - 1) & PAGE_MASK;
    s->l1tf_safe = MAX(empty, h->max_ram);
    s->pv_l1tf[SPEC_DOM0] = choice(o->pv_l1tf[SPEC_DOM0], false);
    s->pv_l1tf[SPEC_DOMU] = choice(o->pv_l1tf[SPEC_DOMU], bug(s, BUG_L1TF));
    s->l1d_flush = (has(h, X86_FEATURE_L1D_FLUSH) &&
                    choice(o->l1d_flush, bug(s, BUG_L1TF) && !has(h, X86_FEATURE_SKIP_L1DFL))) ||
                   (h->flush_cmd && o->l1d_flush > 0);
}

static void choose_roots(struct spec *s, const struct spec_host *h, const struct spec_options *o)
{
    bool pcid = has(h, X86_FEATURE_PCID) && has(h, X86_FEATURE_INVPCID);

    for (unsigned int d = 0; d < NR_SPEC_DOMAINS; d++)
        s->xpti[d] = choice(o->xpti[d], bug(s, BUG_MELTDOWN));
    s->pcid[true] = pcid && (o->pcid == PCID_ALL || o->pcid == PCID_XPTI || o->pcid < 0);
    s->pcid[false] = pcid && (o->pcid == PCID_ALL || o->pcid == PCID_NO_XPTI);
}

/* --- the outcome --- */

/* What is left open, and by whom. */
static bool is_open(const struct spec *s, const struct spec_host *h, enum spec_bug b)
{
    switch (b) {
    case BUG_BRANCH:
        return !has(h, X86_FEATURE_IBRSB) && !has(h, X86_FEATURE_IBPB);
    case BUG_MELTDOWN:
        return !s->xpti[SPEC_DOMU];
    case BUG_SSB:
        return !has(h, X86_FEATURE_SSBD) && !has(h, X86_FEATURE_AMD_SSBD) &&
               !has(h, X86_FEATURE_VIRT_SSBD) && !is_amd(h);
    case BUG_L1TF:
        return !s->pv_l1tf[SPEC_DOMU];
    case BUG_MDS:
        return !s->verw[SPEC_PV] || !has(h, X86_FEATURE_MD_CLEAR);
    case BUG_TAA:
        return !s->tsx_off && !(s->verw[SPEC_PV] && has(h, X86_FEATURE_MD_CLEAR));
    case BUG_SRBDS:
        return !s->srb_lock && !has(h, X86_FEATURE_SRBDS_CTRL);
    case BUG_MMIO:
        return s->unpriv_mmio && (!s->verw[SPEC_PV] || !has(h, X86_FEATURE_FB_CLEAR));
    case BUG_RETBLEED:
        return is_amd(h) ? !s->ibpb_entry[SPEC_PV] : !(s->ctrl & SPEC_CTRL_IBRS);
    case BUG_SRSO:
        return !s->ibpb_entry[SPEC_PV] || !has(h, X86_FEATURE_IBPB_BRTYPE);
    case BUG_RSB_SMT:
        return !s->rsb[SPEC_PV] && !s->rsb_idle;
    case BUG_BHI:
        return !(s->ctrl & SPEC_CTRL_BHI_DIS_S) && !s->bhb_entry[SPEC_PV];
    case BUG_GDS:
        return !s->gds_lock && !s->avx_off;
    case BUG_DIV:
        return !s->div_scrub;
    case BUG_RFDS:
        return !s->verw[SPEC_PV] || !has(h, X86_FEATURE_RFDS_CLEAR);
    case BUG_TSA:
        return !s->verw[SPEC_PV] || !has(h, X86_FEATURE_VERW_CLEAR);
    default:
        return false;
    }
}

/* Did the command line ask for it? */
static bool is_declined(const struct spec_options *o, enum spec_bug b)
{
    switch (b) {
    case BUG_BRANCH: return !o->ibpb;
    case BUG_MELTDOWN: return !o->xpti[SPEC_DOMU];
    case BUG_L1TF: return !o->pv_l1tf[SPEC_DOMU];
    case BUG_MDS:
    case BUG_RFDS:
    case BUG_TSA: return !o->verw[SPEC_PV];
    case BUG_TAA: return o->tsx > 0 || !o->verw[SPEC_PV];
    case BUG_RETBLEED: return !o->ibpb_entry[SPEC_PV] || !o->ibrs || o->thunk >= 0;
    case BUG_SRSO: return !o->ibpb_entry[SPEC_PV];
    case BUG_RSB_SMT: return !o->rsb[SPEC_PV];
    case BUG_BHI: return !o->bhb_entry[SPEC_PV] || !o->bhb_seq;
    case BUG_GDS: return !o->gds_mit;
    case BUG_DIV: return !o->div_scrub;
    default: return false;
    }
}

void spec_decide(struct spec *s, const struct spec_host *h, const struct spec_model *m,
                 const struct spec_options *o)
{
    *s = (struct spec){ .bugs = m->bugs };
    s->has_ctrl = has(h, X86_FEATURE_IBRSB) || has(h, X86_FEATURE_IBRS) || h->spec_ctrl;
    choose_ctrl(s, h, o, choose_thunk(s, m, o));
    s->ctrl_idle = h->smt && s->ctrl;
    s->return_thunk = bug(s, BUG_ITS);
    choose_msr(s, h, o);
    choose_rsb(s, h, m, o);
    choose_ibpb(s, h, o);
    choose_bhb(s, o);
    choose_verw(s, h, o);
    choose_msrs_of_microcode(s, h, o);
    choose_l1tf(s, h, m, o);
    choose_roots(s, h, o);
    s->branch_harden = choice(o->branch_harden, true);
    for (unsigned int b = 0; b < NR_SPEC_BUGS; b++)
        if (bug(s, b) && is_open(s, h, b))
            *(is_declined(o, b) ? &s->declined : &s->open) |= BIT(b);
}

/* --- in words --- */

static const struct { const char *name, *remedy; uint16_t xsa; } bugs[NR_SPEC_BUGS] = {
    [BUG_BOUNDS] = { "Spectre 1", NULL, 254 },
    [BUG_BRANCH] = { "Spectre 2", "no IBPB: microcode of 2018 or later is needed", 254 },
    [BUG_MELTDOWN] = { "Meltdown", "no XPTI", 254 },
    [BUG_SSB] = { "Speculative Store Bypass", "no SSBD for guests: microcode", 263 },
    [BUG_LAZY_FPU] = { "Lazy FPU", NULL, 267 },
    [BUG_L1TF] = { "L1TF", "page-table entries are not checked", 273 },
    [BUG_MDS] = { "MDS", "no MD_CLEAR: microcode of 2019 or later is needed", 297 },
    [BUG_TAA] = { "TAA", "no TSX_CTRL: microcode of 2019 or later is needed", 305 },
    [BUG_SRBDS] = { "SRBDS", "no SRBDS_CTRL: microcode of 2020 or later is needed", 320 },
    [BUG_MMIO] = { "MMIO stale data", "no FB_CLEAR: microcode of 2022 or later is needed", 404 },
    [BUG_RETBLEED] = { "Retbleed, branch type confusion", "no IBRS or IBPB: microcode", 407 },
    [BUG_RSB_SMT] = { "Cross-thread returns", NULL, 426 },
    [BUG_BHI] = { "Branch history injection", NULL, 456 },
    [BUG_ZENBLEED] = { "Zenbleed", NULL, 433 },
    [BUG_SRSO] = { "Inception, SRSO", "no IBPB_BRTYPE: microcode of 2023 or later is needed", 434 },
    [BUG_GDS] = { "Downfall, GDS", NULL, 435 },
    [BUG_DIV] = { "Divider leak", NULL, 439 },
    [BUG_RFDS] = { "RFDS", "no RFDS_CLEAR: microcode of 2024 or later is needed", 452 },
    [BUG_ITS] = { "ITS", NULL, 469 },
    [BUG_TSA] = { "TSA", "no VERW_CLEAR: microcode of 2025 or later is needed", 471 },
};

static const char *describe_branch(const struct spec *s)
{
    switch (s->thunk) {
    case THUNK_RETPOLINE: return s->ctrl & SPEC_CTRL_IBRS ? "retpolines, IBRS" : "retpolines";
    case THUNK_LFENCE: return s->ctrl & SPEC_CTRL_IBRS ? "lfence, IBRS" : "lfence";
    default: return s->ctrl & SPEC_CTRL_IBRS ? "IBRS" : "plain branches";
    }
}

static const char *where(const bool domain[NR_SPEC_DOMAINS])
{
    return domain[SPEC_DOM0] ? domain[SPEC_DOMU] ? "all domains" : "domain 0"
           : domain[SPEC_DOMU] ? "all but domain 0" : "no domain";
}

static void describe_mitigation(const struct spec *s, enum spec_bug b, char *text, size_t size)
{
    switch (b) {
    case BUG_BOUNDS:
        snprintf(text, size, "indices and guest addresses cut%s",
                 s->branch_harden ? ", branches hardened" : "");
        return;
    case BUG_BRANCH:
        snprintf(text, size, "%s%s%s%s", describe_branch(s), s->ibpb_switch ? ", IBPB" : "",
                 s->ctrl & SPEC_CTRL_STIBP ? ", STIBP" : "",
                 s->rsb[SPEC_PV] ? ", return stack overwritten" : "");
        return;
    case BUG_MELTDOWN:
        snprintf(text, size, "XPTI for %s, %s PCID", where(s->xpti), s->pcid[1] ? "with" : "no");
        return;
    case BUG_SSB:
        snprintf(text, size, "%s", s->ctrl & SPEC_CTRL_SSBD ? "SSBD" : "left to guests");
        return;
    case BUG_LAZY_FPU:
        snprintf(text, size, "eager switching");
        return;
    case BUG_L1TF:
        snprintf(text, size, "entries checked of %s, safe from %#lx", where(s->pv_l1tf),
                 s->l1tf_safe);
        return;
    case BUG_TAA:
        snprintf(text, size, "%s", s->tsx_off ? "TSX off" : "VERW");
        return;
    case BUG_SRBDS:
        snprintf(text, size, "%s", s->srb_lock ? "random numbers locked" : "no way to read it");
        return;
    case BUG_MMIO:
        snprintf(text, size, "%s", s->unpriv_mmio ? "VERW" : "no guest is said to have devices");
        return;
    case BUG_RETBLEED:
    case BUG_SRSO:
        snprintf(text, size, "%s%s", s->ibpb_entry[SPEC_PV] ? "IBPB on entry" : "IBRS",
                 s->ibpb_entry[SPEC_PV] && !s->ibpb_entry_dom0 ? " but from domain 0" : "");
        return;
    case BUG_RSB_SMT:
        snprintf(text, size, "return stack overwritten %s", s->rsb_idle ? "in idle" : "on entry");
        return;
    case BUG_BHI:
        snprintf(text, size, "%s", s->ctrl & SPEC_CTRL_BHI_DIS_S ? "BHI_DIS_S"
                                   : s->bhb_seq == BHB_LONG ? "history overwritten, long"
                                                            : "history overwritten");
        return;
    case BUG_ZENBLEED:
        snprintf(text, size, "floating-point move elimination off");
        return;
    case BUG_GDS:
        snprintf(text, size, "%s", s->gds_lock ? "microcode" : "AVX off");
        return;
    case BUG_DIV:
        snprintf(text, size, "DIV on exit");
        return;
    case BUG_ITS:
        snprintf(text, size, "aligned thunks, return thunks");
        return;
    default:
        snprintf(text, size, "VERW");
        return;
    }
}

void spec_describe(const struct spec *s, enum spec_bug b, char *text, size_t size)
{
    if (!bug(s, b))
        snprintf(text, size, "not affected");
    else if (s->declined & BIT(b))
        snprintf(text, size, "VULNERABLE by the command line");
    else if (s->open & BIT(b))
        snprintf(text, size, "%s%sVULNERABLE: %s", b == BUG_BRANCH ? describe_branch(s) : "",
                 b == BUG_BRANCH ? ", but between guests " : "", bugs[b].remedy);
    else
        describe_mitigation(s, b, text, size);
}

const char *spec_bug_name(enum spec_bug b) { return bugs[b].name; }
unsigned int spec_bug_xsa(enum spec_bug b) { return bugs[b].xsa; }
