/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What entries into the hypervisor and exits to PV guests owe to mitigations (hv/spec.h). None of
 * it runs until spec_init() has patched the HOOKs that lead here in, from hv/cpu/entry.S and
 * pv/entry.S; each goes back there.
 *
 * With XPTI, the guest runs on a copy of its root table that maps, of the hypervisor, .text.entry,
 * the tables the CPU needs to get in and the CPU's own stack (pv/xpti.c). cpu_info.hv_cr3 is the
 * full table to load on entry, and 0 while the hypervisor runs. It is set before the copy is loaded
 * and cleared after the full table is, so whoever interrupts the hypervisor in between (NMI, #MC,
 * #DB, a fault of the IRET) can load it, and restore on its way back what it found.
 *
 * No indirect branch or return comes before the barriers here.
 */
#include <hv/asm.h>
#include <hv/current.h>
#include <hv/msr_index.h>
#include <hv/processor.h>
#include <hv/spec.h>
#include <pv/regs.h>
#include "asm-offsets.h"

    .section .text.entry, "ax"

/* Any register and flags but \base and RSP may be lost below; \base = cpu_info. */

.macro LOAD_FULL_ROOT base
    movq CPUINFO_hv_cr3(\base), %rax
    testq %rax, %rax
    jz 772f
    movq %rax, %cr3
    movq $0, CPUINFO_hv_cr3(\base)
772:
.endm

.macro WRITE_MSR msr
    movl $\msr, %ecx
    xorl %edx, %edx
    wrmsr
.endm

/* Returns into nowhere take the place of those that a guest's calls have left. */
.macro OVERWRITE_RSB
    movq %rsp, %rax
    movl $16, %ecx
773:
    .rept 2
    call 774f
    int3
774:
    .endr
    decl %ecx
    jnz 773b
    movq %rax, %rsp
.endm

/* EBX = spec_flags. */
.macro BARRIERS base
    testb $SPECF_IBPB_BIT, %bl
    jz 775f
    movl $PRED_CMD_IBPB, %eax
    WRITE_MSR MSR_PRED_CMD
775:
    testb $SPECF_RSB_BIT, %bl
    jz 776f
    OVERWRITE_RSB
776:
    testb $(SPECF_MSR_BIT | SPECF_IDLE_BIT), %bl
    jz 777f
    movl CPUINFO_host_spec_ctrl(\base), %eax
    WRITE_MSR MSR_SPEC_CTRL
777:
    testb $SPECF_BHB_BIT, %bl
    jz 778f
    call overwrite_branch_history
778:
    lfence
.endm

/*
 * Branches in loops of calls, so many that none of the guest's is left in the history. ECX outer
 * rounds of EAX inner ones; the long form is for histories of newer CPUs.
 */
overwrite_branch_history:
    movl spec_bhb_rounds(%rip), %ecx
    call 1f
    lfence
    ret
    .balign 64
1:  call 2f
    ret
    .balign 64
2:  movl spec_bhb_rounds + 4(%rip), %eax
3:  jmp 4f
    nop
4:  subl $1, %eax
    jnz 3b
    subl $1, %ecx
    jnz 1b
    ret

/* --- entries from a guest: RSP = cpu_info, all registers saved --- */

#define BACK_EXCEPTION 0
#define BACK_SOFTWARE 1
#define BACK_IRQ 2
#define BACK_SYSCALL 3
#define BACK_SYSCALL32 4
#define BACK_SYSENTER 5

.macro WORK name, back
ENTRY(\name)
    movl $\back, %r12d
    jmp work_of_guest
END(\name)
.endm
    WORK work_software, BACK_SOFTWARE
    WORK work_syscall, BACK_SYSCALL
    WORK work_syscall32, BACK_SYSCALL32
    WORK work_sysenter, BACK_SYSENTER

ENTRY(work_irq)
    movl $BACK_IRQ, %r12d
    testb $3, UREGS_cs(%rsp)
    jnz work_of_guest
    GET_CPU_INFO %r13
    testb $SPECF_IDLE_BIT, CPUINFO_spec_flags(%r13)
    jz 1f
    andb $~SPECF_IDLE_BIT, CPUINFO_spec_flags(%r13)
    movl CPUINFO_host_spec_ctrl(%r13), %eax
    WRITE_MSR MSR_SPEC_CTRL
    lfence
1:  movq %rsp, %rdi
irq_call:
    call do_irq
    jmp irq_done
END(work_irq)

ENTRY(work_exception)
    xorl %r12d, %r12d
    testb $3, UREGS_cs(%rsp)
    jz work_exception_in_hv

work_of_guest:
    LOAD_FULL_ROOT %rsp
    movzbl CPUINFO_spec_flags(%rsp), %ebx
    BARRIERS %rsp
    movq %rsp, %rdi
    cmpl $BACK_SOFTWARE, %r12d
    jb exception_of_guest
    movq CPUINFO_current(%rsp), %rbx
    je software_interrupt_saved
    cmpl $BACK_SYSCALL, %r12d
    jb irq_call
    movq UREGS_rdi(%rsp), %rdi
    movq UREGS_rdx(%rsp), %rdx
    movq UREGS_rax(%rsp), %rax
    je 1f
    cmpl $BACK_SYSENTER, %r12d
    je sysenter_saved
    jmp syscall32_saved
1:  movq UREGS_r12(%rsp), %r12  /* a short way back would not restore it */
    testb $PVF_KERNEL_BIT, PVV_flags(%rbx)
    jnz hypercall_entered
    jmp syscall_upcall
END(work_exception)

/*
 * --- entries that may have interrupted the hypervisor anywhere, these lines included ---
 * Back over work_back, in callee-saved registers: R14 = hv_cr3 and R15 = CR3 as they were, EBP =
 * SPEC_CTRL; R13 = cpu_info.
 */
#define BACK_FAULT 0
#define BACK_DB 1
#define BACK_NMI 2
#define BACK_MC 3
#define BACK_DF 4

.macro WORK_IST name, back
ENTRY(\name)
    movl $\back, %r12d
    jmp work_anywhere
END(\name)
.endm
    WORK_IST work_db, BACK_DB
    WORK_IST work_nmi, BACK_NMI
    WORK_IST work_mc, BACK_MC
    WORK_IST work_df, BACK_DF

work_exception_in_hv:
    xorl %r12d, %r12d
work_anywhere:
    GET_CPU_INFO %r13
    movq CPUINFO_hv_cr3(%r13), %r14
    movq %cr3, %r15
    LOAD_FULL_ROOT %r13
    movzbl CPUINFO_spec_flags(%r13), %ebx
    testb $(SPECF_MSR_BIT | SPECF_IDLE_BIT), %bl
    jz 1f
    movl $MSR_SPEC_CTRL, %ecx
    rdmsr
    movl %eax, %ebp
1:  BARRIERS %r13
    movq %rsp, %rdi
    cmpl $BACK_DB, %r12d
    jb work_fault
    je work_debug
    cmpl $BACK_MC, %r12d
    je 2f
    ja 3f
    call do_nmi
    jmp work_back
2:  call do_machine_check
    jmp work_back
3:  call do_double_fault
    ud2
work_debug:
    testb $3, UREGS_cs(%rsp)
    jnz debug_of_guest
work_fault:
    call do_exception

work_back:
    testb $(SPECF_MSR_BIT | SPECF_IDLE_BIT), CPUINFO_spec_flags(%r13)
    jz 1f
    movl %ebp, %eax
    WRITE_MSR MSR_SPEC_CTRL
1:  testq %r14, %r14
    jz 2f
    movq %r14, CPUINFO_hv_cr3(%r13)
    movq %r15, %cr3
2:  testb $3, UREGS_cs(%rsp)
    jz 3f
    testb $SPECF_VERW_BIT, CPUINFO_spec_flags(%r13)
    jz 3f
    verw verw_selector(%rip)
3:  RESTORE_REGS
    addq $8, %rsp
    iretq

/* --- exits: RSP = cpu_info, RBX = current --- */

/* The divider forgets; a short one will do. Loses RAX and flags. */
.macro CLEAR_DIVIDER
    movl $1, %eax
    divb %al
.endm

.macro EXIT_WORK
    movzbl CPUINFO_spec_flags(%rsp), %esi
    testb $SPECF_MSR_BIT, %sil
    jz 779f
    movl CPUINFO_guest_spec_ctrl(%rsp), %eax
    WRITE_MSR MSR_SPEC_CTRL
779:
    testb $SPECF_DIV_BIT, %sil
    jz 780f
    CLEAR_DIVIDER
780:
    testb $PVF_KERNEL_BIT, PVV_flags(%rbx)
    movq CPUINFO_xpti_cr3_user(%rsp), %rax
    cmovnzq CPUINFO_xpti_cr3_kernel(%rsp), %rax
    testq %rax, %rax
    jz 781f
    movq %cr3, %rdx
    orq CPUINFO_cr3_noflush(%rsp), %rdx
    movq %rdx, CPUINFO_hv_cr3(%rsp)
    movq %rax, %cr3
781:
.endm

/* The last thing of all: what is loaded after it is the guest's own. */
.macro CLEAR_BUFFERS at_rsp
    testb $SPECF_VERW_BIT, CPUINFO_spec_flags - \at_rsp(%rsp)
    jz 782f
    verw verw_selector(%rip)
782:
.endm

ENTRY(exit_sysret)
    EXIT_WORK
    movq UREGS_rip(%rsp), %rcx
    movl UREGS_eflags(%rsp), %r11d
    andl $~(X86_EFLAGS_IOPL | X86_EFLAGS_VM | X86_EFLAGS_RF), %r11d
    orl $X86_EFLAGS_IF, %r11d
    RESTORE_FOR_SYSRET
    CLEAR_BUFFERS UREGS_error_code
    movq UREGS_rsp - UREGS_error_code(%rsp), %rsp
    sysretq
END(exit_sysret)

ENTRY(exit_iret)
    EXIT_WORK
    RESTORE_REGS
    addq $8, %rsp
    CLEAR_BUFFERS UREGS_rip
    jmp pv_iret_insn
END(exit_iret)

ENTRY(exit_div_hypercall)
    CLEAR_DIVIDER
    movq UREGS_rax(%rsp), %rax
    movq UREGS_rdi(%rsp), %rdi
    jmp hypercall_restore
END(exit_div_hypercall)

ENTRY(exit_div_sysret)
    CLEAR_DIVIDER
    RESTORE_FOR_SYSRET
    movq UREGS_rsp - UREGS_error_code(%rsp), %rsp
    sysretq
END(exit_div_sysret)

ENTRY(exit_div_iret)
    CLEAR_DIVIDER
    RESTORE_REGS
    addq $8, %rsp
    jmp pv_iret_insn
END(exit_div_iret)

/*
 * --- the short ways between a guest's user mode and its kernel ---
 * They run no code that a guest could lead astray, and SPEC_CTRL stays the guest's own.
 */
#define AT_RSP(field) (field - UREGS_rsp)(%rsp)
#define SCRATCH(n) AT_RSP(CPUINFO_pv_scratch + 8 * n)
#define AT_EC(field) (field - UREGS_error_code)(%rsp)

ENTRY(xpti_syscall)
    movq %rbx, SCRATCH(0)
    movq AT_RSP(CPUINFO_hv_cr3), %rbx
    testq %rbx, %rbx
    jz syscall_entered
    movq %rbx, %cr3
    movq $0, AT_RSP(CPUINFO_hv_cr3)
    jmp syscall_entered
END(xpti_syscall)

/* Of the hypervisor's own faults exception_common takes care. */
ENTRY(xpti_pf)
    movl $X86_EXC_PF, 4(%rsp)
    testb $3, AT_EC(UREGS_cs)
    jz exception_common
    movq %rbx, AT_EC(CPUINFO_pv_scratch)
    movq AT_EC(CPUINFO_hv_cr3), %rbx
    testq %rbx, %rbx
    jz 1f
    movq %rbx, %cr3
    movq $0, AT_EC(CPUINFO_hv_cr3)
1:  movq AT_EC(CPUINFO_pv_scratch), %rbx
    jmp pf_entered
END(xpti_pf)

/* To the kernel by SYSRET; everything but RSP is the guest's already. */
ENTRY(exit_pf)
    leaq AT_EC(UREGS_rsp), %rsp
    jmp exit_syscall
END(exit_pf)

ENTRY(exit_syscall)
    movq %rbx, SCRATCH(0)
    movq AT_RSP(CPUINFO_xpti_cr3_kernel), %rbx
    testq %rbx, %rbx
    jz 1f
    movq %rcx, SCRATCH(1)
    movq %cr3, %rcx
    orq AT_RSP(CPUINFO_cr3_noflush), %rcx
    movq %rcx, AT_RSP(CPUINFO_hv_cr3)
    movq %rbx, %cr3
    movq SCRATCH(1), %rcx
1:  movq SCRATCH(0), %rbx
    CLEAR_BUFFERS UREGS_rsp
    movq AT_RSP(UREGS_rsp), %rsp
    sysretq
END(exit_syscall)

/* To user mode by IRET; RBX, RDX and RSI lie in SCRATCH(0), (2) and (1). */
ENTRY(exit_iret_call)
    movq AT_RSP(CPUINFO_xpti_cr3_user), %rsi
    testq %rsi, %rsi
    jz 1f
    movq %cr3, %rdx
    orq AT_RSP(CPUINFO_cr3_noflush), %rdx
    movq %rdx, AT_RSP(CPUINFO_hv_cr3)
    movq %rsi, %cr3
1:  movq SCRATCH(2), %rdx
    movq SCRATCH(1), %rsi
    movq SCRATCH(0), %rbx
    CLEAR_BUFFERS UREGS_rsp
    leaq AT_RSP(UREGS_rip), %rsp
    jmp pv_iret_insn
END(exit_iret_call)

/* A data segment that may be written: with others VERW is slow. */
    .balign 2
LOCAL(verw_selector)
    .word PV_USER_SS

    .text
/* void overwrite_return_stack(void) */
ENTRY(overwrite_return_stack)
    OVERWRITE_RSB
    RETURN
END(overwrite_return_stack)

    .section .note.GNU-stack, "", @progbits
