/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each kind of exit means: one handler per row. A handler that has done the instruction skips
 * it; one that refuses it injects an exception and leaves RIP.
 */
#include <hv/cpuid.h>
#include <hv/hvm/time.h>
#include <hv/lib.h>
#include <hv/processor.h>
#include <hv/sched.h>
#include <hv/time.h>
#include <hv/printk.h>
#include <hv/xstate.h>
#include "hvm_priv.h"

void hvm_skip_instruction(struct vcpu *v)
{
    unsigned int len = hvm_insn_length(v), shadow = hvm_vendor->get_shadow(v);
    struct cpu_user_regs *regs = guest_regs();

    if (!len) {
        domain_crash(v->domain, "no instruction at %#lx for exit %u (raw %#lx)", regs->rip,
                     hvm_vcpu(v)->exit.reason, hvm_vcpu(v)->exit.raw);
        return;
    }
    regs->rip += len;
    if (hvm_code_size(v) != 8)
        regs->rip = (uint32_t)regs->rip;
    regs->rflags &= ~(uint64_t)X86_EFLAGS_RF;
    if (shadow & (HVM_SHADOW_STI | HVM_SHADOW_MOV_SS))
        hvm_vendor->set_shadow(v, shadow & HVM_SHADOW_NMI);
    if (regs->rflags & X86_EFLAGS_TF) {
        v->debugreg[6] |= X86_DR6_BS;
        hvm_vendor->load(v, HVM_LOAD_DR);
        hvm_inject_exception(v, X86_EXC_DB, -1);
    }
}

static void gp_fault(struct vcpu *v)
{
    hvm_inject_exception(v, X86_EXC_GP, 0);
}

static void exit_nothing(struct vcpu *v)
{
    v->counts.interrupts++;
}

/* Exceptions that are only intercepted so that they can't go on for ever go to the guest. */
static void exit_exception(struct vcpu *v)
{
    const struct vm_exit *e = &hvm_vcpu(v)->exit;

    v->counts.exceptions[e->exception.vector % EXCEPTIONS]++;
    if (e->exception.vector == X86_EXC_DB) {
        v->debugreg[6] = e->exception.dr6;
        hvm_vendor->load(v, HVM_LOAD_DR);
    }
    if (e->exception.vector == X86_EXC_PF)
        hvm_inject_page_fault(v, e->exception.error, e->exception.cr2);
    else
        hvm_inject_exception(v, e->exception.vector,
                             e->exception.has_error ? (int)e->exception.error : -1);
}

/* The next look at what waits sets a new one if it is still needed. */
static void exit_window(struct vcpu *v)
{
    hvm_vcpu(v)->window = HVM_WINDOW_NONE;
    hvm_vendor->set_window(v, HVM_WINDOW_NONE);
}

/* The mask ends before the IRET is done; the shadow keeps a waiting NMI back until it is. Should
   the IRET fault, the NMI comes too early. */
static void exit_iret(struct vcpu *v)
{
    hvm_vendor->set_shadow(v, HVM_SHADOW_STI);
}

static void exit_cpuid(struct vcpu *v)
{
    struct cpu_user_regs *regs = guest_regs();
    struct cpuid_leaf res;

    hvm_sync_xcr0(v);
    guest_cpuid(v, (uint32_t)regs->rax, (uint32_t)regs->rcx, &res);
    regs->rax = res.a;
    regs->rbx = res.b;
    regs->rcx = res.c;
    regs->rdx = res.d;
    hvm_skip_instruction(v);
}

static void vcpu_goes_down(struct vcpu *v)
{
    struct vcpu *other;

    set_bit(VPF_down, &v->pause_flags);
    vcpu_sleep_nosync(v);
    for_each_vcpu (v->domain, other)
        if (!test_bit(VPF_down, &other->pause_flags))
            return;
    domain_shutdown(v->domain, SHUTDOWN_poweroff);
}

/* Without interrupts and without an NMI nothing can wake it: the domain is at its end when all of
   its vCPUs are so. */
static void exit_hlt(struct vcpu *v)
{
    hvm_skip_instruction(v);
    if (hvm_vcpu(v)->pending.valid || hvm_event_waits(v))
        return;
    if (!(guest_regs()->rflags & X86_EFLAGS_IF) && !(v->nmi_state & 1)) {
        vcpu_goes_down(v);
        return;
    }
    vcpu_block();
}

static void exit_pause(struct vcpu *v)
{
    hvm_skip_instruction(v);
    vcpu_yield();
}

static void exit_rdtsc(struct vcpu *v)
{
    struct cpu_user_regs *regs = guest_regs();
    uint64_t tsc = hvm_guest_tsc(v);

    if (hvm_vcpu(v)->cr4 & X86_CR4_TSD && hvm_cpl(v)) {
        gp_fault(v);
        return;
    }
    if (hvm_insn_length(v) == 3)
        regs->rcx = v->tsc_aux;
    regs->rax = (uint32_t)tsc;
    regs->rdx = tsc >> 32;
    hvm_skip_instruction(v);
}

static void exit_rdpmc(struct vcpu *v)
{
    gp_fault(v); /* there are no counters */
}

static void exit_cache(struct vcpu *v)
{
    hvm_skip_instruction(v); /* memory is coherent whatever the guest does */
}

static void exit_xsetbv(struct vcpu *v)
{
    struct cpu_user_regs *regs = guest_regs();

    if (hvm_cpl(v) ||
        guest_xsetbv(v, (uint32_t)regs->rcx, (regs->rdx << 32) | (uint32_t)regs->rax))
        gp_fault(v);
    else
        hvm_skip_instruction(v);
}

static void exit_undefined(struct vcpu *v)
{
    hvm_inject_exception(v, X86_EXC_UD, -1);
}

static void exit_hypercall(struct vcpu *v)
{
    hvm_hypercall(v);
}

static void exit_msr_read(struct vcpu *v)
{
    struct cpu_user_regs *regs = guest_regs();
    uint64_t val;

    if (hvm_rdmsr(v, (uint32_t)regs->rcx, &val)) {
        gp_fault(v);
        return;
    }
    regs->rax = (uint32_t)val;
    regs->rdx = val >> 32;
    hvm_skip_instruction(v);
}

static void exit_msr_write(struct vcpu *v)
{
    const struct cpu_user_regs *regs = guest_regs();

    if (hvm_wrmsr(v, (uint32_t)regs->rcx, (regs->rdx << 32) | (uint32_t)regs->rax))
        gp_fault(v);
    else
        hvm_skip_instruction(v);
}

/* From now on the debug registers are on the CPU, until v leaves it. */
static void exit_dr(struct vcpu *v)
{
    struct hvm_vcpu *h = hvm_vcpu(v);

    if (h->dr_loaded) {
        hvm_emulate(v);
        return;
    }
    __asm__ volatile("movq %0, %%dr0" : : "r"(v->debugreg[0]));
    __asm__ volatile("movq %0, %%dr1" : : "r"(v->debugreg[1]));
    __asm__ volatile("movq %0, %%dr2" : : "r"(v->debugreg[2]));
    __asm__ volatile("movq %0, %%dr3" : : "r"(v->debugreg[3]));
    h->dr_loaded = true;
    h->intercept_dr = false;
    hvm_vendor->load(v, HVM_LOAD_INTERCEPTS);
}

static void exit_io(struct vcpu *v)
{
    const struct vm_exit *e = &hvm_vcpu(v)->exit;
    struct cpu_user_regs *regs = guest_regs();
    uint64_t mask = e->io.size == 4 ? 0xffffffff : (1ULL << e->io.size * 8) - 1;
    uint64_t val = regs->rax & mask;

    if (e->io.string) {
        hvm_emulate(v);
        return;
    }
    if (!hvm_port_io(v, e->io.port, e->io.size, e->io.in, &val))
        return;
    if (e->io.in) /* 32 bits clear the upper half */
        regs->rax = (e->io.size == 4 ? 0 : regs->rax & ~mask) | (val & mask);
    hvm_skip_instruction(v);
}

static void exit_memory(struct vcpu *v)
{
    hvm_memory_exit(v);
}

static void exit_triple_fault(struct vcpu *v)
{
    hvm_triple_fault(v);
}

static void exit_bad_state(struct vcpu *v)
{
    domain_crash(v->domain, "the CPU refuses the vCPU's state (exit %#lx)", hvm_vcpu(v)->exit.raw);
}

static void exit_unknown(struct vcpu *v)
{
    domain_crash(v->domain, "exit %#lx, which nothing was asked to make", hvm_vcpu(v)->exit.raw);
}

static void (*const handlers[NR_VMEXIT])(struct vcpu *v) = {
    [VMEXIT_NONE] = exit_nothing,
    [VMEXIT_EXCEPTION] = exit_exception,
    [VMEXIT_WINDOW] = exit_window,
    [VMEXIT_IRET] = exit_iret,
    [VMEXIT_CPUID] = exit_cpuid,
    [VMEXIT_HLT] = exit_hlt,
    [VMEXIT_PAUSE] = exit_pause,
    [VMEXIT_RDTSC] = exit_rdtsc,
    [VMEXIT_RDTSCP] = exit_rdtsc,
    [VMEXIT_RDPMC] = exit_rdpmc,
    [VMEXIT_INVD] = exit_cache,
    [VMEXIT_WBINVD] = exit_cache,
    [VMEXIT_XSETBV] = exit_xsetbv,
    [VMEXIT_MONITOR] = exit_undefined,
    [VMEXIT_MWAIT] = exit_undefined,
    [VMEXIT_INVLPG] = hvm_emulate,
    [VMEXIT_HYPERCALL] = exit_hypercall,
    [VMEXIT_MSR_READ] = exit_msr_read,
    [VMEXIT_MSR_WRITE] = exit_msr_write,
    [VMEXIT_CR] = hvm_cr_exit,
    [VMEXIT_DR] = exit_dr,
    [VMEXIT_IO] = exit_io,
    [VMEXIT_MEMORY] = exit_memory,
    [VMEXIT_TASK_SWITCH] = hvm_task_switch,
    [VMEXIT_UNDEFINED] = exit_undefined,
    [VMEXIT_EMULATE] = hvm_emulate,
    [VMEXIT_TRIPLE_FAULT] = exit_triple_fault,
    [VMEXIT_INIT] = exit_nothing,
    [VMEXIT_SMI] = exit_nothing,
    [VMEXIT_BAD_STATE] = exit_bad_state,
    [VMEXIT_UNKNOWN] = exit_unknown,
};

_Static_assert(NR_VMEXIT <= HVM_EXIT_KINDS, "kinds of exits that are counted");

void hvm_handle_exit(struct vcpu *v)
{
    unsigned int reason = hvm_vcpu(v)->exit.reason;

    v->counts.hvm_exits[reason]++;
    exit_record(guest_regs()->rip, (uint64_t)EXIT_HVM << 32 | (uint32_t)hvm_vcpu(v)->exit.raw);
    handlers[reason](v);
}
