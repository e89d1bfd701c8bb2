/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Upcalls: the frame that the guest kernel finds on its stack when an exception, an event, an NMI
 * or a system call reaches it.
 *
 * Frame, low address first (Xen x86-64 PV ABI): RCX, R11, [DS, ES, FS, GS for failsafe], [error
 * code], RIP, CS with the upcall mask in bits 32-39, RFLAGS with IF = not masked, RSP, SS.
 */
#include <hv/errno.h>
#include <hv/hypercall.h>
#include <hv/lib.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/trace.h>
#include <hv/uaccess.h>
#include <pv/pv.h>
#include <xen/callback.h>
#include <xen/nmi.h>

#define FRAME_MAX 12

struct upcall {
    unsigned long eip;
    const char *what;     /* for the message if it can't be delivered */
    bool mask_events;
    bool has_error_code;
    bool failsafe;
    uint32_t error_code;
};

static unsigned int fill_frame(uint64_t *frame, const struct cpu_user_regs *regs,
                               const struct upcall *u, const struct pv_vcpu *pv, bool from_kernel)
{
    uint8_t mask = pv->v.vcpu_info->evtchn_upcall_mask;
    unsigned long flags = regs->rflags & ~(unsigned long)X86_EFLAGS_IF;
    unsigned int n = 0;

    frame[n++] = regs->rcx;
    frame[n++] = regs->r11;
    if (u->failsafe)
        for (unsigned int i = 0; i < 4; i++)
            frame[n++] = pv->flags & PVF_FAILSAFE_DUE ? pv->sel[i] : pv_read_selector(i);
    if (u->has_error_code)
        frame[n++] = u->error_code;
    frame[n++] = regs->rip;
    /* The kernel runs in ring 3 but is shown ring 0. */
    frame[n++] = (from_kernel ? regs->cs & 0xfffcU : regs->cs) | ((uint64_t)mask << 32);
    if (pv_architectural_iopl(&pv->v))
        flags = (flags & ~(unsigned long)X86_EFLAGS_IOPL) | pv->iopl;
    frame[n++] = flags | (mask ? 0 : X86_EFLAGS_IF);
    frame[n++] = regs->rsp;
    frame[n++] = regs->ss;
    return n;
}

static int write_frame(unsigned long sp, const uint64_t *frame, size_t size)
{
    if (!pv_range_ok(sp, size))
        return -EFAULT;
    harden_branch();
    return raw_write_user((void *)sp, frame, size);
}

static void deliver(struct cpu_user_regs *regs, const struct upcall *u)
{
    struct vcpu *v = current;
    struct pv_vcpu *pv = pv_vcpu(v);
    bool from_kernel = pv_in_kernel(v);
    uint64_t frame[FRAME_MAX];
    unsigned int n;
    unsigned long sp;

    if (!u->eip) {
        domain_crash(v->domain, "%s, but the guest has no handler for it", u->what);
        return;
    }
    n = fill_frame(frame, regs, u, pv, from_kernel);
    if (!from_kernel)
        pv_toggle_guest_mode(v);
    sp = ((from_kernel ? regs->rsp : pv->kernel_sp) & ~15UL) - n * sizeof(frame[0]);
    if (write_frame(sp, frame, n * sizeof(frame[0]))) {
        domain_crash(v->domain, "%s, but the guest's kernel stack at %#lx can't be written",
                     u->what, sp);
        return;
    }
    if (u->mask_events)
        v->vcpu_info->evtchn_upcall_mask = 1;
    regs->rip = u->eip;
    regs->cs = PV_USER_CS64;
    regs->rflags &= ~(unsigned long)(X86_EFLAGS_AC | X86_EFLAGS_VM | X86_EFLAGS_RF | X86_EFLAGS_NT |
                                     X86_EFLAGS_TF);
    regs->rsp = sp;
    regs->ss = PV_USER_SS;
    regs->entry_vector |= PV_ENTRY_SYSCALL;
}

void pv_inject_exception(unsigned int vector, uint32_t error_code)
{
    const struct trap_info *t = &pv_vcpu(current)->trap_table[vector];
    struct upcall u = {
        .eip = t->address, .what = vector < 32 ? exception_name(vector) : "software interrupt",
        .mask_events = TI_GET_IF(t),
        .has_error_code = vector < 32 && (X86_EXC_HAVE_EC & (1u << vector)),
        .error_code = error_code,
    };

    deliver(guest_regs(), &u);
}

void pv_inject_page_fault(uint32_t error_code, unsigned long cr2)
{
    struct vcpu *v = current;

    pv_vcpu(v)->ctrlreg[2] = cr2;
    v->vcpu_info->arch.cr2 = cr2;
    error_code &= ~PFEC_USER;
    if (!pv_in_kernel(v))
        error_code |= PFEC_USER;
    pv_inject_exception(X86_EXC_PF, error_code);
}

/* Called from the exit path with interrupts off; the guest's stack may fault,
   which the fix-up table catches. */
void pv_event_upcall(void)
{
    struct upcall u = { .eip = pv_vcpu(current)->event_callback_eip, .what = "an event is pending",
                        .mask_events = true };

    deliver(guest_regs(), &u);
}

void pv_nmi_upcall(void)
{
    struct vcpu *v = current;
    const struct trap_info *t = &pv_vcpu(v)->trap_table[X86_EXC_NMI];
    struct upcall u = { .eip = t->address, .what = "NMI", .mask_events = true };

    if (v->nmi_state & 2)
        return;
    v->nmi_state &= ~1;
    if (!t->address)
        return;
    v->nmi_state |= 2;
    deliver(guest_regs(), &u);
}

void pv_failsafe_upcall(void)
{
    struct pv_vcpu *pv = pv_vcpu(current);
    struct upcall u = { .eip = pv->failsafe_callback_eip, .what = "returning to the guest failed",
                        .failsafe = true,
                        .mask_events = pv->flags & PVF_FAILSAFE_DISABLES };

    deliver(guest_regs(), &u);
    pv->flags &= ~PVF_FAILSAFE_DUE;
}

void pv_syscall_upcall(void)
{
    struct pv_vcpu *pv = pv_vcpu(current);
    struct upcall u = { .eip = pv->syscall_callback_eip, .what = "SYSCALL",
                        .mask_events = pv->flags & PVF_SYSCALL_DISABLES };

    deliver(guest_regs(), &u);
}

void pv_syscall32_upcall(void)
{
    struct pv_vcpu *pv = pv_vcpu(current);
    struct upcall u = { .eip = pv->syscall32_callback_eip, .what = "SYSCALL from 32-bit code",
                        .mask_events = pv->syscall32_disables_events };

    if (!u.eip) {
        guest_regs()->rip -= 2;
        pv_inject_exception(X86_EXC_UD, 0);
        return;
    }
    deliver(guest_regs(), &u);
}

void pv_sysenter_upcall(void)
{
    struct pv_vcpu *pv = pv_vcpu(current);
    struct upcall u = { .eip = pv->sysenter_callback_eip, .what = "SYSENTER",
                        .mask_events = pv->sysenter_disables_events };

    if (!u.eip) {
        pv_inject_exception(X86_EXC_GP, 0);
        return;
    }
    deliver(guest_regs(), &u);
}

/* A page fault's frame has a word more than a system call's. */
#define ENTRY_FRAME_SIZE(words) ((words) * sizeof(uint64_t))

void pv_update_syscall_path(struct vcpu *v)
{
    struct pv_vcpu *pv = pv_vcpu(v);
    const struct trap_info *fault = &pv->trap_table[X86_EXC_PF];
    unsigned long top = pv->kernel_sp & ~15UL;
    bool fast = !pv_architectural_iopl(v) &&
                pv_range_ok(top - ENTRY_FRAME_SIZE(8), ENTRY_FRAME_SIZE(8));

    pv->syscall_sp = top - ENTRY_FRAME_SIZE(7);
    pv->fault_eip = 0;
    if (fast && TI_GET_IF(fault) && !(trace_mask & TRACE_EXCEPTION))
        pv->fault_eip = fault->address;
    fast = fast && pv->syscall_callback_eip && (pv->flags & PVF_SYSCALL_DISABLES);
    pv->flags = fast ? pv->flags & ~PVF_SLOW_SYSCALL : pv->flags | PVF_SLOW_SYSCALL;
}

static long set_flag(struct pv_vcpu *pv, uint32_t flag, bool on)
{
    pv->flags = on ? pv->flags | flag : pv->flags & ~flag;
    pv_update_syscall_path(&pv->v);
    return 0;
}

static long register_nmi(struct vcpu *v, unsigned long address)
{
    struct trap_info *t = &pv_vcpu(v)->trap_table[X86_EXC_NMI];

    t->vector = X86_EXC_NMI;
    t->flags = 0;
    t->cs = PV_USER_CS64;
    t->address = address;
    return 0;
}

static long register_callback(struct vcpu *v, const struct callback_register *reg)
{
    struct pv_vcpu *pv = pv_vcpu(v);
    bool mask = reg->flags & CALLBACKF_mask_events;

    if (!is_canonical(reg->address))
        return -EINVAL;
    switch (reg->type) {
    case CALLBACKTYPE_event:
        pv->event_callback_eip = reg->address;
        return 0;
    case CALLBACKTYPE_failsafe:
        pv->failsafe_callback_eip = reg->address;
        return set_flag(pv, PVF_FAILSAFE_DISABLES, mask);
    case CALLBACKTYPE_syscall:
        pv->syscall_callback_eip = reg->address;
        return set_flag(pv, PVF_SYSCALL_DISABLES, mask);
    case CALLBACKTYPE_syscall32:
        pv->syscall32_callback_eip = reg->address;
        pv->syscall32_disables_events = mask;
        return 0;
    case CALLBACKTYPE_sysenter:
        pv->sysenter_callback_eip = reg->address;
        pv->sysenter_disables_events = mask;
        return 0;
    case CALLBACKTYPE_nmi:
        return register_nmi(v, reg->address);
    default:
        return -ENOSYS;
    }
}

static long unregister_callback(struct vcpu *v, unsigned int type)
{
    switch (type) {
    case CALLBACKTYPE_event:
    case CALLBACKTYPE_failsafe:
    case CALLBACKTYPE_syscall:
    case CALLBACKTYPE_sysenter:
        return -EINVAL;
    case CALLBACKTYPE_nmi:
        memset(&pv_vcpu(v)->trap_table[X86_EXC_NMI], 0, sizeof(struct trap_info));
        return 0;
    default:
        return -ENOSYS;
    }
}

long do_callback_op(unsigned long cmd, const void *arg)
{
    struct callback_register reg;
    struct callback_unregister unreg;

    switch ((unsigned int)cmd) {
    case CALLBACKOP_register:
        return copy_arg_from(&reg, arg) ? -EFAULT : register_callback(current, &reg);
    case CALLBACKOP_unregister:
        return copy_arg_from(&unreg, arg) ? -EFAULT : unregister_callback(current, unreg.type);
    default:
        return -ENOSYS;
    }
}

long do_set_callbacks(unsigned long event, unsigned long failsafe, unsigned long syscall)
{
    struct pv_vcpu *pv = pv_vcpu(current);

    if (!is_canonical(event) || !is_canonical(failsafe) || !is_canonical(syscall))
        return -EINVAL;
    pv->event_callback_eip = event;
    pv->failsafe_callback_eip = failsafe;
    pv->syscall_callback_eip = syscall;
    pv_update_syscall_path(current);
    return 0;
}

long do_nmi_op(unsigned long cmd, void *arg)
{
    struct xennmi_callback cb;

    switch ((unsigned int)cmd) {
    case XENNMI_register_callback:
        if (copy_arg_from(&cb, arg))
            return -EFAULT;
        return is_canonical(cb.handler_address) ? register_nmi(current, cb.handler_address)
                                                : -EINVAL;
    case XENNMI_unregister_callback:
        return unregister_callback(current, CALLBACKTYPE_nmi);
    default:
        return -ENOSYS;
    }
}

bool pv_trap_info_check(struct trap_info *t)
{
    if (!is_canonical(t->address))
        return false;
    t->cs |= 3;
    return true;
}

/* One entry of a set_trap_table list: 1 = set, 0 = end of list. */
static int set_one_trap(struct pv_vcpu *pv, const struct trap_info *list)
{
    struct trap_info t;

    if (copy_from_guest(&t, list, sizeof(t)))
        return -EFAULT;
    if (!t.address)
        return 0;
    if (!pv_trap_info_check(&t))
        return -EINVAL;
    pv->trap_table[t.vector] = t;
    return 1;
}

long do_set_trap_table(const void *traps)
{
    struct pv_vcpu *pv = pv_vcpu(current);
    const struct trap_info *list = traps;
    long rc = 0;

    if (!list)
        memset(pv->trap_table, 0, sizeof(pv->trap_table));
    while (list && (rc = set_one_trap(pv, list)) > 0) {
        list++;
        if (hypercall_preempt_check()) {
            rc = HYPERCALL_CONTINUE(set_trap_table, (unsigned long)list);
            break;
        }
    }
    pv_update_syscall_path(&pv->v);
    return rc;
}
