/* SPDX-License-Identifier: BSD-2-Clause */
/* One entry into the guest, and the translation of its exit into the core's words. */
#include <hv/current.h>
#include <hv/hvm/asid.h>
#include <hv/lib.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include "svm.h"

/* --- exits: one row per code --- */

static void exit_cr(struct vm_exit *e, const struct vmcb *b)
{
    unsigned int n = (unsigned int)b->exitcode & 0x1f;

    e->cr.write = n & 0x10;
    e->cr.cr = n & 0xf;
    e->cr.known = svm_has(SVM_FEATURE_DECODE) && (b->exitinfo1 & CR_IS_MOV);
    e->cr.gpr = b->exitinfo1 & CR_GPR;
}

static void exit_exception(struct vm_exit *e, const struct vmcb *b)
{
    e->exception.vector = (uint8_t)(b->exitcode - SVM_EXIT_EXCEPTION0);
    e->exception.has_error = X86_EXC_HAVE_EC >> e->exception.vector & 1;
    e->exception.error = (uint32_t)b->exitinfo1;
    e->exception.cr2 = b->exitinfo2;
    e->exception.dr6 = vmcb_dr6(b);
    if (e->exception.vector != X86_EXC_MC)
        return;
    /* The exception was the machine's, and is taken here in the guest's place. */
    e->reason = VMEXIT_NONE;
    __asm__ volatile("int $18" : : : "memory");
}

static void exit_io(struct vm_exit *e, const struct vmcb *b)
{
    uint32_t info = (uint32_t)b->exitinfo1;

    e->io.port = (uint16_t)(info >> IOIO_PORT_SHIFT);
    e->io.size = info >> IOIO_SIZE_SHIFT & IOIO_SIZE_MASK;
    e->io.in = info & IOIO_IN;
    e->io.string = info & IOIO_STRING;
    e->io.rep = info & IOIO_REP;
    e->insn_len = (uint8_t)(b->exitinfo2 - b->rip);
}

static void exit_msr(struct vm_exit *e, const struct vmcb *b)
{
    e->reason = b->exitinfo1 & 1 ? VMEXIT_MSR_WRITE : VMEXIT_MSR_READ;
}

static void exit_npf(struct vm_exit *e, const struct vmcb *b)
{
    e->mem.gpa = b->exitinfo2;
    e->mem.gla_valid = false;
    e->mem.in_walk = b->exitinfo1 & NPF_IN_WALK;
    e->mem.access = b->exitinfo1 & PFEC_WRITE  ? VM_ACCESS_W
                    : b->exitinfo1 & PFEC_INSN ? VM_ACCESS_X
                                               : VM_ACCESS_R;
    if (svm_has(SVM_FEATURE_DECODE) && !(b->exitinfo1 & PFEC_INSN) && b->nr_insn <= 15) {
        e->nr_insn = b->nr_insn;
        memcpy(e->insn, b->insn, sizeof(e->insn));
    }
}

static void exit_task(struct vm_exit *e, const struct vmcb *b)
{
    e->task.sel = (uint16_t)b->exitinfo1;
    e->task.source = b->exitinfo2 & TASK_IRET  ? VM_TASK_IRET
                     : b->exitinfo2 & TASK_JMP ? VM_TASK_JMP
                     : b->exitintinfo & EVENT_VALID ? VM_TASK_GATE
                                                    : VM_TASK_CALL;
    e->task.has_error = b->exitinfo2 & TASK_HAS_ERROR;
    e->task.error = (uint32_t)b->exitinfo2;
}

static const struct exit_row {
    uint8_t reason;
    void (*detail)(struct vm_exit *e, const struct vmcb *b);
} rows[SVM_EXIT_RDPRU + 1] = {
    [SVM_EXIT_CR0_READ ... SVM_EXIT_CR0_READ + 15] = { VMEXIT_CR, exit_cr },
    [SVM_EXIT_CR0_WRITE ... SVM_EXIT_CR0_WRITE + 15] = { VMEXIT_CR, exit_cr },
    [SVM_EXIT_DR0_READ ... SVM_EXIT_DR0_WRITE + 15] = { VMEXIT_DR, NULL },
    [SVM_EXIT_EXCEPTION0 ... SVM_EXIT_EXCEPTION0 + 31] = { VMEXIT_EXCEPTION, exit_exception },
    [SVM_EXIT_INTR] = { VMEXIT_NONE, NULL },
    [SVM_EXIT_NMI] = { VMEXIT_NONE, NULL },
    [SVM_EXIT_SMI] = { VMEXIT_NONE, NULL },
    [SVM_EXIT_INIT] = { VMEXIT_INIT, NULL },
    [SVM_EXIT_VINTR] = { VMEXIT_WINDOW, NULL },
    [SVM_EXIT_RDTSC] = { VMEXIT_RDTSC, NULL },
    [SVM_EXIT_RDPMC] = { VMEXIT_RDPMC, NULL },
    [SVM_EXIT_CPUID] = { VMEXIT_CPUID, NULL },
    [SVM_EXIT_IRET] = { VMEXIT_IRET, NULL },
    [SVM_EXIT_INVD] = { VMEXIT_INVD, NULL },
    [SVM_EXIT_PAUSE] = { VMEXIT_PAUSE, NULL },
    [SVM_EXIT_HLT] = { VMEXIT_HLT, NULL },
    [SVM_EXIT_INVLPGA] = { VMEXIT_UNDEFINED, NULL },
    [SVM_EXIT_IOIO] = { VMEXIT_IO, exit_io },
    [SVM_EXIT_MSR] = { VMEXIT_MSR_READ, exit_msr },
    [SVM_EXIT_TASK_SWITCH] = { VMEXIT_TASK_SWITCH, exit_task },
    [SVM_EXIT_FERR] = { VMEXIT_UNKNOWN, NULL },
    [SVM_EXIT_SHUTDOWN] = { VMEXIT_TRIPLE_FAULT, NULL },
    [SVM_EXIT_VMRUN] = { VMEXIT_UNDEFINED, NULL },
    [SVM_EXIT_VMMCALL] = { VMEXIT_HYPERCALL, NULL },
    [SVM_EXIT_VMLOAD ... SVM_EXIT_SKINIT] = { VMEXIT_UNDEFINED, NULL },
    [SVM_EXIT_RDTSCP] = { VMEXIT_RDTSCP, NULL },
    [SVM_EXIT_WBINVD] = { VMEXIT_WBINVD, NULL },
    [SVM_EXIT_MONITOR] = { VMEXIT_MONITOR, NULL },
    [SVM_EXIT_MWAIT ... SVM_EXIT_MWAIT_CONDITIONAL] = { VMEXIT_MWAIT, NULL },
    [SVM_EXIT_XSETBV] = { VMEXIT_XSETBV, NULL },
    [SVM_EXIT_RDPRU] = { VMEXIT_UNDEFINED, NULL },
};

/* Codes of the ranges that have no row are 0, VMEXIT_NONE, and no detail: only those listed so may
   be taken for it. */
static bool is_host_interrupt(uint64_t code)
{
    return code == SVM_EXIT_INTR || code == SVM_EXIT_NMI || code == SVM_EXIT_SMI;
}

static void decode_event(struct vm_exit *e, const struct vmcb *b)
{
    uint64_t info = b->exitintinfo;

    e->vectoring.valid = info & EVENT_VALID;
    if (!e->vectoring.valid)
        return;
    e->vectoring = (struct hvm_event){
        .valid = true,
        .type = info >> EVENT_TYPE_SHIFT & EVENT_TYPE_MASK,
        .vector = info & EVENT_VECTOR,
        .has_error = info & EVENT_EV,
        .error = (uint32_t)(info >> EVENT_ERROR_SHIFT),
        .cr2 = vmcb_cr2(b),
    };
}

/* INT n, INT3 and INTO whose delivery was interrupted are executed again from their beginning. */
static void drop_restartable(struct vm_exit *e)
{
    bool soft = e->vectoring.type == HVM_EVENT_SOFT_INT ||
                (e->vectoring.type == HVM_EVENT_EXCEPTION &&
                 (e->vectoring.vector == X86_EXC_BP || e->vectoring.vector == X86_EXC_OF));

    if (soft && e->reason != VMEXIT_TASK_SWITCH)
        e->vectoring.valid = false;
}

static void decode_exit(struct vcpu *v, struct vm_exit *e)
{
    const struct vmcb *b = svm_vmcb(v);

    *e = (struct vm_exit){ .reason = VMEXIT_UNKNOWN, .raw = b->exitcode };
    if (svm_has(SVM_FEATURE_NRIPS) && b->nrip - b->rip <= 15)
        e->insn_len = (uint8_t)(b->nrip - b->rip);
    decode_event(e, b);
    if (b->exitcode == (uint64_t)-1) {
        e->reason = VMEXIT_BAD_STATE;
    } else if (b->exitcode == SVM_EXIT_NPF) {
        e->reason = VMEXIT_MEMORY;
        exit_npf(e, b);
    } else if (b->exitcode < ARRAY_SIZE(rows) &&
               (rows[b->exitcode].reason || is_host_interrupt(b->exitcode))) {
        e->reason = rows[b->exitcode].reason;
        if (rows[b->exitcode].detail)
            rows[b->exitcode].detail(e, b);
    }
    drop_restartable(e);
}

/* --- entry --- */

static void tag(struct vcpu *v, struct vmcb *b)
{
    bool flush;

    vmcb_set_asid(b, hvm_asid_for_entry(v, &flush));
    b->tlb_control = flush ? TLB_CONTROL_FLUSH_ALL : TLB_CONTROL_NONE;
}

void svm_run(struct vcpu *v)
{
    struct cpu_user_regs *regs = guest_regs();
    struct hvm_vcpu *h = hvm_vcpu(v);
    struct svm_vcpu *s = svm_vcpu(v);
    struct vmcb *b = s->vmcb;

    tag(v, b);
    vmcb_set_vintr(b, (vmcb_vintr(b) & ~(uint64_t)VINTR_TPR) | h->cr8);
    b->rax = regs->rax;
    b->rip = regs->rip;
    b->rsp = regs->rsp;
    b->rflags = regs->rflags;
    svm_enter(s->vmcb_pa, svm_host_state(), regs);
    regs->rax = b->rax;
    regs->rip = b->rip;
    regs->rsp = b->rsp;
    regs->rflags = b->rflags;
    b->clean = svm_has(SVM_FEATURE_CLEAN) ? ~0u : 0;
    b->eventinj = 0;
    h->cr2 = vmcb_cr2(b);
    h->cr3 = vmcb_cr3(b);
    h->cr8 = vmcb_vintr(b) & VINTR_TPR;
    decode_exit(v, &h->exit);
}
