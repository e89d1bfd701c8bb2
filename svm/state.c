/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's registers in the VMCB, and what is injected with the next VMRUN. */
#include <hv/current.h>
#include <hv/msr_index.h>
#include <hv/processor.h>
#include "svm.h"

static struct vmcb_segment *segment_at(struct vmcb *b, enum x86_seg_index which)
{
    switch (which) {
    case X86_SEG_ES: return &b->_es;
    case X86_SEG_CS: return &b->_cs;
    case X86_SEG_SS: return &b->_ss;
    case X86_SEG_DS: return &b->_ds;
    case X86_SEG_FS: return &b->fs;
    case X86_SEG_GS: return &b->gs;
    case X86_SEG_TR: return &b->tr;
    case X86_SEG_LDTR: return &b->ldtr;
    case X86_SEG_GDTR: return &b->_gdtr;
    default: return &b->_idtr;
    }
}

/* What the CPU leaves undefined in the cached form is as in the descriptor: "Segment State in the
   VMCB". */
void svm_get_segment(struct vcpu *v, enum x86_seg_index which, struct x86_segment *s)
{
    const struct vmcb *b = svm_vmcb(v);
    const struct vmcb_segment *from = segment_at((struct vmcb *)b, which);

    *s = (struct x86_segment){ from->sel, from->attr, from->limit, from->base };
    if (which == X86_SEG_SS)
        s->attr = (uint16_t)((s->attr & ~SEG_DPL) | (unsigned int)vmcb_cpl(b) << 5);
    if (which == X86_SEG_TR && (s->attr & SEG_P))
        s->attr |= 2; /* a loaded task is a busy one */
}

void svm_set_segment(struct vcpu *v, enum x86_seg_index which, const struct x86_segment *s)
{
    struct vmcb *b = svm_vmcb(v);

    *segment_at(b, which) = (struct vmcb_segment){ s->selector, s->attr, s->limit, s->base };
    if (which == X86_SEG_SS)
        vmcb_set_cpl(b, (uint8_t)seg_dpl(s));
    if (which <= X86_SEG_DS)
        b->clean &= ~(uint32_t)CLEAN_SEG;
    if (which == X86_SEG_GDTR || which == X86_SEG_IDTR)
        b->clean &= ~(uint32_t)CLEAN_DT;
}

/* --- control registers --- */

/* Caches stay on whatever the guest says of its own, and machine checks are always taken. */
static uint64_t cr0_to_run(const struct hvm_vcpu *h)
{
    return (h->cr0 & ~(uint64_t)(X86_CR0_CD | X86_CR0_NW)) | X86_CR0_ET | X86_CR0_NE;
}

static uint64_t cr4_to_run(const struct hvm_vcpu *h)
{
    return h->cr4 | (read_cr4() & X86_CR4_MCE);
}

static void load_cr_intercepts(struct vcpu *v)
{
    const struct hvm_vcpu *h = hvm_vcpu(v);
    struct vmcb *b = svm_vmcb(v);
    uint16_t reads = 0;

    if (vmcb_cr0(b) != h->cr0)
        reads |= 1u << 0;
    if (vmcb_cr4(b) != h->cr4)
        reads |= 1u << 4;
    vmcb_set_cr_reads(b, reads);
    vmcb_set_cr_writes(b, 1u << 0 | 1u << 4);
}

/* DR0 to DR3 are the guest's from its first access to any until it leaves the CPU. */
static void load_intercepts(struct vcpu *v)
{
    const struct hvm_vcpu *h = hvm_vcpu(v);
    struct vmcb *b = svm_vmcb(v);
    uint32_t first = vmcb_intercepts1(b) & ~(uint32_t)INT1_RDTSC;
    uint32_t second = vmcb_intercepts2(b) & ~(uint32_t)INT2_RDTSCP;
    uint16_t drs = h->intercept_dr ? 0xffff : 0;

    vmcb_set_intercepts1(b, first | (h->intercept_rdtsc ? INT1_RDTSC : 0));
    vmcb_set_intercepts2(b, second | (h->intercept_rdtsc ? INT2_RDTSCP : 0));
    vmcb_set_exceptions(b, h->intercept_exceptions);
    vmcb_set_dr_reads(b, drs);
    vmcb_set_dr_writes(b, drs);
}

void svm_load(struct vcpu *v, unsigned int what)
{
    struct hvm_vcpu *h = hvm_vcpu(v);
    struct vmcb *b = svm_vmcb(v);

    if (what & HVM_LOAD_CR0)
        vmcb_set_cr0(b, cr0_to_run(h));
    if (what & HVM_LOAD_CR4)
        vmcb_set_cr4(b, cr4_to_run(h));
    if (what & (HVM_LOAD_CR0 | HVM_LOAD_CR4))
        load_cr_intercepts(v);
    if (what & HVM_LOAD_CR2)
        vmcb_set_cr2(b, h->cr2);
    if (what & HVM_LOAD_CR3)
        vmcb_set_cr3(b, h->cr3);
    if (what & HVM_LOAD_EFER)
        vmcb_set_efer(b, h->efer | EFER_SVME);
    if (what & HVM_LOAD_PAT)
        vmcb_set_g_pat(b, h->pat);
    if (what & HVM_LOAD_TSC_OFFSET)
        vmcb_set_tsc_offset(b, (uint64_t)h->tsc_offset);
    if (what & HVM_LOAD_DR) {
        vmcb_set_dr6(b, v->debugreg[6]);
        vmcb_set_dr7(b, v->debugreg[7]);
    }
    if (what & HVM_LOAD_INTERCEPTS)
        load_intercepts(v);
}

/* --- MSRs --- */

static uint64_t *msr_at(struct vmcb *b, uint32_t msr)
{
    switch (msr) {
    case MSR_STAR: return &b->star;
    case MSR_LSTAR: return &b->lstar;
    case MSR_CSTAR: return &b->cstar;
    case MSR_SFMASK: return &b->sfmask;
    case MSR_KERNEL_GS_BASE: return &b->kernel_gs_base;
    case MSR_SYSENTER_CS: return &b->sysenter_cs;
    case MSR_SYSENTER_ESP: return &b->sysenter_esp;
    case MSR_SYSENTER_EIP: return &b->sysenter_eip;
    case MSR_FS_BASE: return &b->fs.base;
    case MSR_GS_BASE: return &b->gs.base;
    default: return NULL;
    }
}

bool svm_get_msr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    const uint64_t *at = msr_at(svm_vmcb(v), msr);

    if (msr == MSR_DEBUGCTL)
        *val = vmcb_debugctl(svm_vmcb(v));
    else if (at)
        *val = *at;
    return at || msr == MSR_DEBUGCTL;
}

bool svm_set_msr(struct vcpu *v, uint32_t msr, uint64_t val)
{
    uint64_t *at = msr_at(svm_vmcb(v), msr);

    if (msr == MSR_DEBUGCTL)
        vmcb_set_debugctl(svm_vmcb(v), val);
    else if (at)
        *at = val;
    return at || msr == MSR_DEBUGCTL;
}

/* --- events --- */

unsigned int svm_get_shadow(struct vcpu *v)
{
    const struct svm_vcpu *s = svm_vcpu(v);

    return (s->vmcb->shadow & 1 ? HVM_SHADOW_STI : 0) | (s->nmi_masked ? HVM_SHADOW_NMI : 0);
}

/* Without a virtual NMI mask in the CPU the IRET that ends it is intercepted. */
static void load_iret_intercept(struct svm_vcpu *s)
{
    uint32_t i = vmcb_intercepts1(s->vmcb) & ~(uint32_t)INT1_IRET;

    vmcb_set_intercepts1(s->vmcb, i | (s->nmi_masked ? INT1_IRET : 0));
}

void svm_set_shadow(struct vcpu *v, unsigned int shadow)
{
    struct svm_vcpu *s = svm_vcpu(v);

    s->vmcb->shadow = shadow & (HVM_SHADOW_STI | HVM_SHADOW_MOV_SS) ? 1 : 0;
    s->nmi_masked = shadow & HVM_SHADOW_NMI;
    load_iret_intercept(s);
}

/* INT n, INT3 and INTO are the guest's with RIP behind the instruction: the CPU does not advance it
   for an injected event, and an older one can't be told to. */
void svm_inject(struct vcpu *v, const struct hvm_event *e)
{
    struct svm_vcpu *s = svm_vcpu(v);
    unsigned int type = e->type;
    uint64_t inj = EVENT_VALID | e->vector;

    if (type == HVM_EVENT_ICEBP || type == HVM_EVENT_SOFT_EXC)
        type = HVM_EVENT_EXCEPTION;
    if (e->insn_len)
        guest_regs()->rip += e->insn_len;
    if (type == HVM_EVENT_EXCEPTION && e->vector == X86_EXC_PF) {
        hvm_vcpu(v)->cr2 = e->cr2;
        vmcb_set_cr2(s->vmcb, e->cr2);
    }
    inj |= (uint64_t)type << EVENT_TYPE_SHIFT;
    if (e->has_error)
        inj |= EVENT_EV | (uint64_t)e->error << EVENT_ERROR_SHIFT;
    s->vmcb->eventinj = inj;
    if (type == HVM_EVENT_NMI) {
        s->nmi_masked = true;
        load_iret_intercept(s);
    }
}

/* A virtual interrupt that is never taken: the exit comes when it would be. For NMIs there is no
   such thing; the end of their mask is seen at IRET. */
void svm_set_window(struct vcpu *v, enum hvm_window w)
{
    struct vmcb *b = svm_vmcb(v);
    uint32_t i = vmcb_intercepts1(b) & ~(uint32_t)INT1_VINTR;
    uint64_t vintr = vmcb_vintr(b) & VINTR_TPR;

    vintr |= VINTR_MASKING;
    if (w != HVM_WINDOW_NONE) {
        vintr |= VINTR_IRQ | VINTR_IGN_TPR | 0xfu << VINTR_PRIO_SHIFT;
        i |= INT1_VINTR;
    }
    vmcb_set_vintr(b, vintr);
    vmcb_set_intercepts1(b, i);
}
