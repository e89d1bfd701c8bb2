/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The IDT, and exceptions that happen in the hypervisor itself: expected ones (fix-up table, the
 * IRET to a guest), else panic.
 */
#include <hv/alternative.h>
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/cpuid.h>
#include <hv/current.h>
#include <hv/irq.h>
#include <hv/lib.h>
#include <hv/percpu.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/smp.h>
#include <hv/traps.h>
#include <hv/uaccess.h>
#include <hv/watchdog.h>
#include <pv/pv.h>

#define IDT_INTERRUPT_GATE 0x8e00UL
#define IDT_DPL(n) ((unsigned long)(n) << 13)

extern char entry_de[], entry_db[], entry_nmi[], entry_bp[], entry_of[], entry_br[], entry_ud[],
    entry_nm[], entry_df[], entry_ts[], entry_np[], entry_ss[], entry_gp[], entry_pf[], entry_mf[],
    entry_ac[], entry_mc[], entry_xm[], entry_int80[], entry_int82[], irq_entries[];

static const struct gate {
    uint8_t vector, ist, dpl;
    char *entry;
} gates[] = {
    { X86_EXC_DE, IST_NONE, 0, entry_de },
    { X86_EXC_DB, IST_DB, 0, entry_db },
    { X86_EXC_NMI, IST_NMI, 0, entry_nmi },
    { X86_EXC_BP, IST_NONE, 3, entry_bp },
    { X86_EXC_OF, IST_NONE, 3, entry_of },
    { X86_EXC_BR, IST_NONE, 0, entry_br },
    { X86_EXC_UD, IST_NONE, 0, entry_ud },
    { X86_EXC_NM, IST_NONE, 0, entry_nm },
    { X86_EXC_DF, IST_DF, 0, entry_df },
    { X86_EXC_TS, IST_NONE, 0, entry_ts },
    { X86_EXC_NP, IST_NONE, 0, entry_np },
    { X86_EXC_SS, IST_NONE, 0, entry_ss },
    { X86_EXC_GP, IST_NONE, 0, entry_gp },
    { X86_EXC_PF, IST_NONE, 0, entry_pf },
    { X86_EXC_MF, IST_NONE, 0, entry_mf },
    { X86_EXC_AC, IST_NONE, 0, entry_ac },
    { X86_EXC_MC, IST_MC, 0, entry_mc },
    { X86_EXC_XM, IST_NONE, 0, entry_xm },
    { 0x80, IST_NONE, 3, entry_int80 },
    { HYPERCALL_VECTOR, IST_NONE, 3, entry_int82 },
};

static void set_gate(struct idt_entry *e, const void *entry, unsigned int ist, unsigned int dpl)
{
    unsigned long addr = (unsigned long)entry;
    uint64_t type = IDT_INTERRUPT_GATE | IDT_DPL(dpl) | ist;

    e->a = (addr & 0xffff) | ((uint64_t)HV_CS << 16) | (type << 32) | ((addr >> 16 & 0xffff) << 48);
    e->b = addr >> 32;
}

void idt_init_table(struct idt_entry *idt)
{
    memset(idt, 0, NR_VECTORS * sizeof(*idt));
    for (unsigned int vector = FIRST_DEVICE_VECTOR; vector < NR_VECTORS; vector++)
        set_gate(&idt[vector], irq_entries + (vector - FIRST_DEVICE_VECTOR) * 16, IST_NONE, 0);
    for (unsigned int i = 0; i < ARRAY_SIZE(gates); i++)
        set_gate(&idt[gates[i].vector], gates[i].entry, gates[i].ist, gates[i].dpl);
}

const char *exception_name(unsigned int vector)
{
    static const char names[][4] = {
        "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "#9", "#TS", "#NP",
        "#SS", "#GP", "#PF", "#15", "#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
    };
    return vector < ARRAY_SIZE(names) ? names[vector] : "trap";
}

extern const struct ex_entry ex_table_start[], ex_table_end[];

unsigned long search_ex_table(unsigned long rip)
{
    for (const struct ex_entry *e = ex_table_start; e < ex_table_end; e++)
        if ((unsigned long)&e->insn + e->insn == rip)
            return (unsigned long)&e->fixup + e->fixup;
    return 0;
}

extern char pv_iret_insn[];
void pv_iret_faulted(struct cpu_user_regs *regs) noreturn;

/*
 * IRET to the guest faulted in ring 0. The exception frame was pushed over the end of
 * cpu_info.guest_regs, whose general registers had been popped; they are in the exception frame now
 * and move back to where they came from.
 */
static void iret_to_guest_faulted(struct cpu_user_regs *regs) noreturn;
static void iret_to_guest_faulted(struct cpu_user_regs *regs)
{
    struct cpu_user_regs *guest = guest_regs();
    uint32_t vector = regs->entry_vector, error_code = regs->error_code;

    memmove(guest, regs, offsetof(struct cpu_user_regs, error_code));
    guest->entry_vector = vector;
    guest->error_code = error_code;
    pv_iret_faulted(guest);
}

/* A data breakpoint held back by MOV SS fires on the SYSCALL entry (XSA-260); TF
   survives SYSENTER. Neither is ours. */
static void debug_in_hv(struct cpu_user_regs *regs)
{
    __asm__ volatile("movq %0, %%dr6" : : "r"(X86_DR6_DEFAULT));
    regs->rflags &= ~(unsigned long)X86_EFLAGS_TF;
}

/*
 * A selector of the guest's LDT was loaded here, by a switch or by the IRET to it, and its page is
 * not in the window yet. Making it so may need other CPUs, which are waited for with interrupts on;
 * nothing below this frame is in use. What was left to a soft interrupt meanwhile may have missed
 * the exit path's last look, so that look is taken again by interrupt.
 */
static bool guest_ldt_fault(unsigned long addr)
{
    bool done;

    if (!current || current->is_idle || current->domain->is_hvm)
        return false;
    local_irq_enable();
    done = pv_ldt_window_fault(current, addr);
    local_irq_disable();
    if (done && softirq_pending())
        smp_send_event_check_cpu(smp_processor_id());
    return done;
}

void do_exception(struct cpu_user_regs *regs)
{
    unsigned int vector = regs->entry_vector;
    unsigned long fixup;

    if (vector == X86_EXC_PF && guest_ldt_fault(read_cr2()))
        return;

    if (vector == X86_EXC_DB) {
        debug_in_hv(regs);
        return;
    }
    if (regs->rip == (unsigned long)pv_iret_insn)
        iret_to_guest_faulted(regs);
    fixup = search_ex_table(regs->rip);
    if (fixup) {
        regs->rip = fixup;
        return;
    }
    console_start_sync();
    printk(XENLOG_ERR "%s in the hypervisor at %pS, error code %#x", exception_name(vector),
           (void *)regs->rip, regs->error_code);
    if (vector == X86_EXC_PF)
        printk(", address %#lx", read_cr2());
    printk("\n");
    show_registers(regs);
    show_backtrace(regs);
    panic("unexpected %s in the hypervisor: a defect of Hospes; please report the lines above",
          exception_name(vector));
}

void do_double_fault(struct cpu_user_regs *regs)
{
    console_start_sync();
    printk(XENLOG_ERR "#DF on CPU %u: stack overflow or damaged state; RSP %#lx\n",
           smp_processor_id(), regs->rsp);
    show_registers(regs);
    show_backtrace(regs);
    panic("double fault in the hypervisor");
}

void do_nmi(struct cpu_user_regs *regs)
{
    exit_record(regs->rip, (uint64_t)X86_EXC_NMI << 32);
    if (smp_nmi_stop())
        return;
    watchdog_nmi(regs);
    /* Port 0x61 bits 7 and 6: memory parity (SERR) and channel check; neither set
       means someone's IPI or a button. */
    printk(XENLOG_WARNING "CPU %u: NMI, reason %#x, at %pS\n", smp_processor_id(), inb(0x61),
           (void *)regs->rip);
}

void traps_init(void)
{
    if (cpu_has(X86_FEATURE_SMAP))
        alternatives_apply(BIT(ALT_SMAP));
}
