/* SPDX-License-Identifier: BSD-2-Clause */
/* The iret hypercall: a guest kernel's return to its user code or from an
   upcall (struct iret_context). */
#include <hv/hypercall.h>
#include <hv/processor.h>
#include <hv/uaccess.h>
#include <pv/pv.h>

long do_iret(void)
{
    struct vcpu *v = current;
    struct pv_vcpu *pv = pv_vcpu(v);
    struct cpu_user_regs *regs = guest_regs();
    struct iret_context f;

    if (copy_from_guest(&f, (void *)regs->rsp, sizeof(f))) {
        domain_crash(v->domain, "iret: the frame at %#lx can't be read", regs->rsp);
        return 0;
    }
    if ((f.cs & 3) == 3) {
        if (!pv->guest_root_user) {
            domain_crash(v->domain, "iret to user mode without a user root table");
            return 0;
        }
        pv_toggle_guest_mode(v);
    }
    if (pv_architectural_iopl(v))
        pv->iopl = f.rflags & X86_EFLAGS_IOPL;
    regs->rip = f.rip;
    regs->cs = f.cs | 3;
    regs->rflags = (f.rflags & ~(unsigned long)(X86_EFLAGS_IOPL | X86_EFLAGS_VM)) | X86_EFLAGS_IF;
    regs->rsp = f.rsp;
    regs->ss = f.ss | 3;
    if (!(f.flags & VGCF_in_syscall)) {
        regs->r11 = f.r11;
        regs->rcx = f.rcx;
    }
    if (!(f.flags & VGCF_in_syscall) || regs->cs != PV_USER_CS64)
        regs->entry_vector &= ~PV_ENTRY_SYSCALL;
    v->vcpu_info->evtchn_upcall_mask = !(f.rflags & X86_EFLAGS_IF);
    v->nmi_state &= ~2;
    return f.rax;
}
