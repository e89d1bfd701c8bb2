/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Control registers and modes of a hardware-assisted guest's CPU. Source: AMD64 APM volume 2,
 * "System Registers", "Processor Initialization and Long Mode Activation"; Intel SDM volume 3,
 * "Processor Management and Initialization".
 */
#include <hv/cpuid.h>
#include <hv/errno.h>
#include <hv/hvm/asid.h>
#include <hv/lib.h>
#include <hv/msr_index.h>
#include <hv/processor.h>

#define CR0_DEFINED                                                                                \
    (X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP |    \
     X86_CR0_AM | X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)
#define CR0_RESET (X86_CR0_CD | X86_CR0_NW | X86_CR0_ET)
#define CR3_KEEPS_TLB (1ULL << 63)
#define PAT_RESET 0x0007040600070406ULL

struct cpu_user_regs *hvm_regs(struct vcpu *v)
{
    return v == current ? guest_regs() : &v->regs;
}

bool hvm_long_mode(const struct vcpu *v)
{
    return const_hvm_vcpu(v)->efer & EFER_LMA;
}

unsigned int hvm_cpl(struct vcpu *v)
{
    struct x86_segment ss;

    hvm_vendor->get_segment(v, X86_SEG_SS, &ss);
    return seg_dpl(&ss);
}

unsigned int hvm_code_size(struct vcpu *v)
{
    struct x86_segment cs;

    if (!(hvm_vcpu(v)->cr0 & X86_CR0_PE) || hvm_regs(v)->rflags & X86_EFLAGS_VM)
        return 2;
    hvm_vendor->get_segment(v, X86_SEG_CS, &cs);
    if (hvm_long_mode(v) && cs.attr & SEG_L)
        return 8;
    return cs.attr & SEG_DB ? 4 : 2;
}

/* --- what may be written --- */

static const struct { enum x86_feature feature; uint32_t bits; } cr4_features[] = {
    { X86_FEATURE_VME, X86_CR4_VME | X86_CR4_PVI },
    { X86_FEATURE_TSC, X86_CR4_TSD },
    { X86_FEATURE_DE, X86_CR4_DE },
    { X86_FEATURE_PSE, X86_CR4_PSE },
    { X86_FEATURE_PAE, X86_CR4_PAE },
    { X86_FEATURE_MCE, X86_CR4_MCE },
    { X86_FEATURE_PGE, X86_CR4_PGE },
    { X86_FEATURE_FPU, X86_CR4_PCE },
    { X86_FEATURE_FXSR, X86_CR4_OSFXSR },
    { X86_FEATURE_SSE, X86_CR4_OSXMMEXCPT },
    { X86_FEATURE_UMIP, X86_CR4_UMIP },
    { X86_FEATURE_FSGSBASE, X86_CR4_FSGSBASE },
    { X86_FEATURE_PCID, X86_CR4_PCIDE },
    { X86_FEATURE_XSAVE, X86_CR4_OSXSAVE },
    { X86_FEATURE_SMEP, X86_CR4_SMEP },
    { X86_FEATURE_SMAP, X86_CR4_SMAP },
};

uint64_t hvm_cr4_valid(const struct vcpu *v)
{
    uint64_t valid = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(cr4_features); i++)
        if (guest_has(v->domain, cr4_features[i].feature))
            valid |= cr4_features[i].bits;
    return valid;
}

static uint64_t efer_valid(const struct vcpu *v)
{
    uint64_t valid = 0;

    if (guest_has(v->domain, X86_FEATURE_SYSCALL))
        valid |= EFER_SCE;
    if (guest_has(v->domain, X86_FEATURE_LM))
        valid |= EFER_LME | EFER_LMA;
    if (guest_has(v->domain, X86_FEATURE_NX))
        valid |= EFER_NXE;
    if (guest_has(v->domain, X86_FEATURE_FFXSR))
        valid |= EFER_FFXSE;
    return valid;
}

/* Paging is turned on or off: long mode becomes active or not. */
static int check_paging_change(struct vcpu *v, uint64_t val, uint64_t *efer)
{
    const struct hvm_vcpu *h = hvm_vcpu(v);
    struct x86_segment cs;

    if (val & X86_CR0_PG) {
        if (!(h->efer & EFER_LME))
            return 0;
        hvm_vendor->get_segment(v, X86_SEG_CS, &cs);
        if (!(h->cr4 & X86_CR4_PAE) || cs.attr & SEG_L)
            return -EPERM;
        *efer |= EFER_LMA;
        return 0;
    }
    if (h->cr4 & X86_CR4_PCIDE || hvm_code_size(v) == 8)
        return -EPERM;
    *efer &= ~(uint64_t)EFER_LMA;
    return 0;
}

int hvm_set_cr0(struct vcpu *v, uint64_t val)
{
    struct hvm_vcpu *h = hvm_vcpu(v);
    uint64_t efer = h->efer;
    int rc;

    if (val >> 32)
        return -EPERM;
    val = (val & CR0_DEFINED) | X86_CR0_ET;
    if ((val & X86_CR0_PG && !(val & X86_CR0_PE)) || (val & X86_CR0_NW && !(val & X86_CR0_CD)))
        return -EPERM;
    if ((val ^ h->cr0) & X86_CR0_PG) {
        rc = check_paging_change(v, val, &efer);
        if (rc)
            return rc;
        hvm_asid_drop(v);
    }
    if ((val ^ h->cr0) & X86_CR0_WP)
        hvm_asid_drop(v);
    h->cr0 = val;
    h->efer = efer;
    hvm_vendor->load(v, HVM_LOAD_CR0 | HVM_LOAD_EFER);
    return 0;
}

int hvm_set_cr3(struct vcpu *v, uint64_t val)
{
    struct hvm_vcpu *h = hvm_vcpu(v);
    bool keep = h->cr4 & X86_CR4_PCIDE && val & CR3_KEEPS_TLB;

    if (keep)
        val &= ~CR3_KEEPS_TLB;
    if (hvm_long_mode(v) && val >> boot_cpu.paddr_bits)
        return -EPERM;
    h->cr3 = val;
    if (!keep)
        hvm_asid_drop(v);
    hvm_vendor->load(v, HVM_LOAD_CR3);
    return 0;
}

int hvm_set_cr4(struct vcpu *v, uint64_t val)
{
    const uint64_t translation = X86_CR4_PSE | X86_CR4_PGE | X86_CR4_PAE | X86_CR4_SMEP |
                                 X86_CR4_SMAP | X86_CR4_PCIDE;
    struct hvm_vcpu *h = hvm_vcpu(v);

    if (val & ~hvm_cr4_valid(v))
        return -EPERM;
    if (hvm_long_mode(v) && !(val & X86_CR4_PAE))
        return -EPERM;
    if (val & ~h->cr4 & X86_CR4_PCIDE && (!hvm_long_mode(v) || h->cr3 & 0xfff))
        return -EPERM;
    if ((val ^ h->cr4) & translation)
        hvm_asid_drop(v);
    h->cr4 = val;
    hvm_vendor->load(v, HVM_LOAD_CR4);
    return 0;
}

int hvm_set_efer(struct vcpu *v, uint64_t val)
{
    struct hvm_vcpu *h = hvm_vcpu(v);

    val &= ~(uint64_t)EFER_LMA;
    if (val & ~efer_valid(v))
        return -EPERM;
    if (hvm_paging(v) && (val ^ h->efer) & EFER_LME)
        return -EPERM;
    if ((val ^ h->efer) & EFER_NXE)
        hvm_asid_drop(v);
    h->efer = val | (h->efer & EFER_LMA);
    hvm_vendor->load(v, HVM_LOAD_EFER);
    return 0;
}

/* --- reset and start --- */

static void reset_segments(struct vcpu *v)
{
    const struct x86_segment data = { .attr = SEG_P | SEG_S | SEG_WRITABLE | SEG_ACCESSED,
                                      .limit = 0xffff };
    const struct x86_segment code = { .selector = 0xf000, .base = 0xffff0000, .limit = 0xffff,
                                      .attr = SEG_P | SEG_S | SEG_CODE | SEG_WRITABLE |
                                              SEG_ACCESSED };
    const struct x86_segment table = { .limit = 0xffff };
    const struct x86_segment ldtr = { .limit = 0xffff, .attr = SEG_P | 2 };
    const struct x86_segment tr = { .limit = 0xffff, .attr = SEG_P | 11 };

    for (enum x86_seg_index s = X86_SEG_ES; s <= X86_SEG_GS; s++)
        hvm_vendor->set_segment(v, s, s == X86_SEG_CS ? &code : &data);
    hvm_vendor->set_segment(v, X86_SEG_LDTR, &ldtr);
    hvm_vendor->set_segment(v, X86_SEG_TR, &tr);
    hvm_vendor->set_segment(v, X86_SEG_GDTR, &table);
    hvm_vendor->set_segment(v, X86_SEG_IDTR, &table);
}

static void reset_msrs(struct vcpu *v)
{
    static const uint32_t msrs[] = {
        MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK, MSR_KERNEL_GS_BASE, MSR_SYSENTER_CS,
        MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_DEBUGCTL,
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++)
        (void)hvm_vendor->set_msr(v, msrs[i], 0);
}

void hvm_reset_state(struct vcpu *v)
{
    struct hvm_vcpu *h = hvm_vcpu(v);
    struct cpu_user_regs *regs = hvm_regs(v);

    memset(regs, 0, sizeof(*regs));
    regs->rip = 0xfff0;
    regs->rflags = X86_EFLAGS_MBS;
    regs->rdx = boot_cpu.family > 0xf ? 0xf00 : boot_cpu.family << 8;
    memset(v->debugreg, 0, sizeof(v->debugreg));
    v->debugreg[6] = X86_DR6_DEFAULT;
    v->debugreg[7] = X86_DR7_DEFAULT;
    h->cr0 = CR0_RESET;
    h->cr2 = h->cr3 = h->cr4 = h->efer = h->cr8 = 0;
    h->pat = PAT_RESET;
    h->pending.valid = false;
    h->intercept_dr = true;
    h->dr_loaded = false;
    /* The others are left to the guest; these two would keep the CPU busy for ever without one
       instruction of the guest being done. */
    h->intercept_exceptions = BIT(X86_EXC_MC) | BIT(X86_EXC_AC) | BIT(X86_EXC_DB);
    hvm_asid_drop(v);
    reset_segments(v);
    reset_msrs(v);
    hvm_vendor->set_shadow(v, 0);
    hvm_vendor->set_window(v, HVM_WINDOW_NONE);
    hvm_vendor->load(v, HVM_LOAD_ALL);
}

void hvm_start_ap(struct vcpu *v, uint8_t vector)
{
    struct x86_segment cs;

    hvm_reset_state(v);
    hvm_vendor->get_segment(v, X86_SEG_CS, &cs);
    cs.selector = (uint16_t)(vector << 8);
    cs.base = (uint64_t)vector << 12;
    hvm_vendor->set_segment(v, X86_SEG_CS, &cs);
    hvm_regs(v)->rip = 0;
    v->is_initialised = true;
}
