/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Exceptions of PV guests: what the hypervisor answers itself (write-protected page tables, LDT
 * windows, privileged instructions) and what goes on to the guest kernel's handler.
 */
#include <hv/console.h>
#include <hv/irq.h>
#include <hv/lib.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/trace.h>
#include <hv/uaccess.h>
#include <pv/pv.h>

#define XEC_IDT 2        /* error code: the index is of the IDT */
#define XEC_EXT 1

bool pv_ldt_window_fault(struct vcpu *v, unsigned long addr)
{
    unsigned long base = LDT_VIRT_START(v->vcpu_id);

    if (addr < base || addr >= base + 0x10000)
        return false;
    return pv_map_ldt_shadow_page((unsigned int)(addr - base));
}

static void page_fault(struct vcpu *v, struct cpu_user_regs *regs, unsigned long addr)
{
    uint32_t ec = regs->error_code;

    if (addr >= HV_VIRT_START && addr < HV_VIRT_END) {
        if (!(ec & (PFEC_USER | PFEC_RSVD)) && pv_ldt_window_fault(v, addr))
            return;
        /* But for the machine-to-physical table, the guest may not learn what is mapped there. */
        pv_inject_page_fault(addr < M2P_VIRT_END ? ec : ec & ~PFEC_PRESENT, addr);
        return;
    }
    if ((ec & (PFEC_PRESENT | PFEC_WRITE | PFEC_RSVD | PFEC_INSN)) == (PFEC_PRESENT | PFEC_WRITE) &&
        pv_in_kernel(v) && pv_ptwr_emulate(v, addr, regs)) {
        v->counts.emulated++;
        return;
    }
    pv_inject_page_fault(ec, addr);
}

/* May the guest's present mode issue INT n for this entry of its trap table? */
static bool softint_permitted(const struct vcpu *v, const struct trap_info *t)
{
    return TI_GET_DPL(t) >= pv_guest_cpl(v);
}

/* INT n through a gate the guest's ring may not use: the CPU says #GP(vector * 8 + IDT). */
static bool software_interrupt(struct vcpu *v, struct cpu_user_regs *regs)
{
    unsigned int vector = regs->error_code >> 3;
    const struct trap_info *t;

    if ((regs->error_code & (XEC_IDT | XEC_EXT)) != XEC_IDT || vector > 255)
        return false;
    t = &pv_vcpu(v)->trap_table[index_nospec(vector, 256)];
    if (!t->address || !softint_permitted(v, t))
        return false;
    regs->rip += 2;
    pv_inject_exception(vector, 0);
    return true;
}

static void general_protection(struct vcpu *v, struct cpu_user_regs *regs)
{
    if (regs->error_code && software_interrupt(v, regs))
        return;
    if (!regs->error_code && pv_emulate_privileged_op(v, regs))
        return;
    pv_inject_exception(X86_EXC_GP, regs->error_code);
}

static void device_not_available(struct vcpu *v)
{
    clts();
    if (pv_vcpu(v)->ctrlreg[0] & X86_CR0_TS) {
        pv_vcpu(v)->ctrlreg[0] &= ~(unsigned long)X86_CR0_TS;
        pv_inject_exception(X86_EXC_NM, 0);
    }
}

static void debug(struct vcpu *v, unsigned long dr6)
{
    v->debugreg[6] |= dr6 & 0xe00f;
    v->debugreg[6] &= dr6 | 0xffff0fffUL;
    pv_inject_exception(X86_EXC_DB, 0);
}

/* INT3 and INTO have gates of their own in the IDT; 0x80 too. The guest's
   gate may still ask for ring 0. */
static void soft_exception(struct vcpu *v, struct cpu_user_regs *regs, unsigned int vector)
{
    const struct trap_info *t = &pv_vcpu(v)->trap_table[vector];

    if (!softint_permitted(v, t)) {
        regs->rip -= vector == 0x80 ? 2 : 1;
        pv_inject_exception(X86_EXC_GP, vector << 3 | XEC_IDT);
        return;
    }
    pv_inject_exception(vector, 0);
}

static void int82(struct vcpu *v, struct cpu_user_regs *regs)
{
    /* The 32-bit guests' hypercall gate; a 64-bit guest has an
       ordinary software interrupt there. */
    regs->rip -= 2;
    regs->error_code = HYPERCALL_VECTOR << 3 | XEC_IDT;
    if (!software_interrupt(v, regs))
        pv_inject_exception(X86_EXC_GP, regs->error_code);
}

static unsigned long take_dr6(void)
{
    unsigned long dr6;

    __asm__ volatile("movq %%dr6, %0" : "=r"(dr6));
    __asm__ volatile("movq %0, %%dr6" : : "r"(X86_DR6_DEFAULT));
    return dr6 ^ X86_DR6_DEFAULT;
}

static void invalid_opcode(struct vcpu *v, struct cpu_user_regs *regs)
{
    if (!pv_emulate_invalid_op(v, regs))
        pv_inject_exception(X86_EXC_UD, 0);
}

static __attribute__((noinline)) void other_exception(struct vcpu *v,
                                                       struct cpu_user_regs *regs)
{
    unsigned int vector = regs->entry_vector;

    switch (vector) {
    case X86_EXC_NM:
        device_not_available(v);
        return;
    case X86_EXC_BP:
    case X86_EXC_OF:
    case 0x80:
        soft_exception(v, regs, vector);
        return;
    case HYPERCALL_VECTOR:
        int82(v, regs);
        return;
    default:
        pv_inject_exception(vector, regs->error_code);
        return;
    }
}

/* Interrupts are off until CR2 and DR6 are read: both belong to the CPU, not to this vCPU. */
static __attribute__((noinline)) void exception_with_register(struct vcpu *v,
                                                              struct cpu_user_regs *regs)
{
    unsigned int vector = regs->entry_vector;
    unsigned long extra = vector == X86_EXC_PF ? read_cr2() : take_dr6();

    local_irq_enable();
    trace(TRACE_EXCEPTION, vector, regs->error_code, regs->rip, extra);
    if (vector == X86_EXC_PF)
        page_fault(v, regs, extra);
    else
        debug(v, extra);
}

void pv_exception(struct cpu_user_regs *regs, struct vcpu *v)
{
    unsigned int vector = regs->entry_vector;

    if (vector == X86_EXC_PF || unlikely(vector == X86_EXC_DB)) {
        exception_with_register(v, regs);
        return;
    }
    local_irq_enable();
    trace(TRACE_EXCEPTION, vector, regs->error_code, regs->rip, 0);
    if (vector == X86_EXC_GP)
        general_protection(v, regs);
    else if (vector == X86_EXC_UD)
        invalid_opcode(v, regs);
    else
        other_exception(v, regs);
}
