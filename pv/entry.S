/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SYSCALL and SYSENTER entries, and the one way back into a PV guest.
 *
 * A per-CPU stub (pv/cpu.c) has stored the guest's RSP in cpu_info.guest_regs.rsp, pointed RSP at
 * that field and jumped here, interrupts off. From guest kernel mode SYSCALL is a hypercall; from
 * guest user mode it becomes an upcall to the guest kernel's syscall callback. SWAPGS only
 * exchanges the guest's own two bases.
 */
#include <hv/asm.h>
#include <hv/current.h>
#include <hv/exits.h>
#include <hv/layout.h>
#include <hv/processor.h>
#include <pv/regs.h>
#include "asm-offsets.h"

    .section .text.entry, "ax"

/* An operand of cpu_info while RSP still points at guest_regs.rsp. */
#define AT_RSP(field) (field - UREGS_rsp)(%rsp)
/* A fault in the frame's building is taken on this stack, below RSP: what
   must survive it is kept above. */
#define SCRATCH(n) AT_RSP(CPUINFO_pv_scratch + 8 * n)

ENTRY(pv_syscall_entry)
    HOOK ALT_XPTI, xpti_syscall
    movq %rbx, SCRATCH(0)
LOCAL(syscall_entered)
    movq AT_RSP(CPUINFO_current), %rbx
    testb $(PVF_KERNEL_BIT | PVF_SLOW_SYSCALL_BIT), PVV_flags(%rbx)
    jnz syscall_full

    /*
     * From user mode, the common case: the frame of pv_syscall_upcall() by hand.
     * Soft interrupts and events need no look: whoever raises one interrupts this
     * CPU as soon as the guest runs again.
     */
    movq %rsi, SCRATCH(1)
    movq VCPU_vcpu_info(%rbx), %rsi
    cmpb $0, VCPUINFO_upcall_mask(%rsi)
    jne syscall_masked
    movb $1, VCPUINFO_upcall_mask(%rsi)
    orb $PVF_KERNEL_BIT, PVV_flags(%rbx)
    swapgs
    movq PVV_guest_root(%rbx), %rsi
    movq %rsi, %cr3
    movq %rcx, SCRATCH(2)
    movq PVV_syscall_sp(%rbx), %rsi
    OPEN_SMAP
1:  movq %rcx, 0(%rsi)
2:  movq %r11, 8(%rsi)
3:  movq %rcx, 16(%rsi)
4:  movq $PV_USER_CS64, 24(%rsi)
5:  movq %r11, 32(%rsi)
    movq AT_RSP(UREGS_rsp), %rcx
6:  movq %rcx, 40(%rsi)
7:  movq $PV_USER_SS, 48(%rsi)
    CLOSE_SMAP
    incq VCPU_count_syscalls(%rbx)
    movq PVV_syscall_callback_eip(%rbx), %rcx
    movl $(X86_EFLAGS_IF | X86_EFLAGS_MBS), %r11d
    movq SCRATCH(0), %rbx
    movq %rsi, AT_RSP(UREGS_rsp)
    movq SCRATCH(1), %rsi
    HOOK ALT_SHORT_EXIT, exit_syscall
    movq AT_RSP(UREGS_rsp), %rsp
    sysretq

    EX_TABLE 1b, syscall_stack_fault
    EX_TABLE 2b, syscall_stack_fault
    EX_TABLE 3b, syscall_stack_fault
    EX_TABLE 4b, syscall_stack_fault
    EX_TABLE 5b, syscall_stack_fault
    EX_TABLE 6b, syscall_stack_fault
    EX_TABLE 7b, syscall_stack_fault

    /* All is undone; the long way says what is wrong with the stack. */
syscall_stack_fault:
    CLOSE_SMAP
    movq VCPU_vcpu_info(%rbx), %rsi
    movb $0, VCPUINFO_upcall_mask(%rsi)
    andb $~PVF_KERNEL_BIT, PVV_flags(%rbx)
    swapgs
    movq PVV_guest_root_user(%rbx), %rsi
    movq %rsi, %cr3
    movq SCRATCH(2), %rcx
syscall_masked:
    movq SCRATCH(1), %rsi
    jmp syscall_saved

syscall_full:
    cmpq $HYPERCALL_IRET, %rax
    je pv_iret_call
syscall_saved:
    movq $PV_USER_SS, AT_RSP(UREGS_ss)
    pushq %r11
    pushq $PV_USER_CS64
    pushq %rcx
    pushq $0
    movl $PV_ENTRY_SYSCALL, 4(%rsp)
    SAVE_REGS rbx=(CPUINFO_pv_scratch-UREGS_r11)(%rsp)
    HOOK ALT_ENTRY_CALL, work_syscall
    testb $PVF_KERNEL_BIT, PVV_flags(%rbx)
    jz syscall_upcall
LOCAL(hypercall_entered)

    /* A number that is too large becomes that of the row behind the last, which refuses; without a
       branch, so that no guess leads beyond the table. */
    movl $NR_HYPERCALLS, %r11d
    cmpq %r11, %rax
    cmovaeq %r11, %rax
    incq VCPU_count_hypercalls(%rbx, %rax, 8)
    RECORD_EXIT %rdi, %rax, %r11d, %r11
    sti
    movq %r10, %rcx
    movq VCPU_hypercalls(%rbx), %r11
    movq (%r11, %rax, 8), %r11
    call __x86_indirect_thunk_r11
    movq %rax, UREGS_rax(%rsp)

    /*
     * pv_exit_to_guest in short, for a call after which nothing waits. RAX is in its register, and
     * C has kept RBP and R12 to R15.
     */
    cli
    cmpq $0, CPUINFO_softirq_pending(%rsp)
    jne pv_do_softirqs
    testb $1, VCPU_nmi_state(%rbx)
    jnz pv_do_nmi
    movq VCPU_vcpu_info(%rbx), %rcx
    cmpb $0, VCPUINFO_upcall_pending(%rcx)
    jne pv_test_events
    testl $PV_ENTRY_SYSCALL, UREGS_entry_vector(%rsp)
    jz pv_iret
    movq UREGS_rip(%rsp), %rcx
    cmpq guest_high_half(%rip), %rcx
    jb pv_restore
    movl UREGS_eflags(%rsp), %r11d
    testl $X86_EFLAGS_TF, %r11d
    jnz pv_iret
    andl $~(X86_EFLAGS_IOPL | X86_EFLAGS_VM | X86_EFLAGS_RF), %r11d
    orl $X86_EFLAGS_IF, %r11d
    HOOK ALT_EXIT, exit_sysret
    HOOK ALT_EXIT_DIV, exit_div_hypercall
    movq UREGS_rdi(%rsp), %rdi
LOCAL(hypercall_restore)
    movq UREGS_rsi(%rsp), %rsi
    movq UREGS_rdx(%rsp), %rdx
    movq UREGS_r8(%rsp), %r8
    movq UREGS_r9(%rsp), %r9
    movq UREGS_r10(%rsp), %r10
    movq UREGS_rbx(%rsp), %rbx
    movq UREGS_rsp(%rsp), %rsp
    sysretq

LOCAL(syscall_upcall)
    incq VCPU_count_syscalls(%rbx)
    call pv_syscall_upcall
    jmp pv_exit_rbx
END(pv_syscall_entry)

/*
 * The iret call from a kernel's upcall to its user mode, the common case of do_iret() by hand. RBX
 * and RSP are as in pv_syscall_entry. Nothing is done before all has been read, so that whatever is
 * unusual can go the long way from its beginning. Only a frame that another vCPU unmaps meanwhile
 * lets a read fault after RCX and R11 were taken, which belong to the crash report then.
 */
pv_iret_call:
    movq %rsi, SCRATCH(1)
    movq %rdx, SCRATCH(2)
    movq AT_RSP(UREGS_rsp), %rsi
    testb $PVF_SLOW_SYSCALL_BIT, PVV_flags(%rbx)
    jnz iret_masked
    testb $PVF_KERNEL_BIT, PVV_flags(%rbx)
    jz iret_masked
    cmpq guest_high_half(%rip), %rsi
    jb iret_masked
    cmovbq guest_high_half(%rip), %rsi  /* where the jump was only guessed not taken */
    cmpb $0, VCPU_nmi_state(%rbx)
    jne iret_masked
    movq VCPU_vcpu_info(%rbx), %rdx
    cmpb $0, VCPUINFO_upcall_pending(%rdx)
    jne iret_masked
    cmpq $0, PVV_guest_root_user(%rbx)
    je iret_masked
    OPEN_SMAP
1:  movl IRETCTX_ss(%rsi), %eax
    orl $3, %eax
    movq %rax, AT_RSP(UREGS_ss)
2:  movl IRETCTX_cs(%rsi), %eax
    movq %rax, AT_RSP(UREGS_cs)
    incl %eax
    testb $3, %al
    jnz iret_slow
3:  movl IRETCTX_rflags(%rsi), %eax
    testl $X86_EFLAGS_IF, %eax
    jz iret_slow
    andl $~(X86_EFLAGS_IOPL | X86_EFLAGS_VM), %eax
    movq %rax, AT_RSP(UREGS_eflags)
4:  testl $IRETCTX_IN_SYSCALL, IRETCTX_flags(%rsi)
    jnz iret_slow
5:  movq IRETCTX_rip(%rsi), %rax
    movq %rax, AT_RSP(UREGS_rip)
6:  movq IRETCTX_rax(%rsi), %rax
7:  movq IRETCTX_r11(%rsi), %r11
8:  movq IRETCTX_rcx(%rsi), %rcx
9:  movq IRETCTX_rsp(%rsi), %rsi
    CLOSE_SMAP
    movq %rsi, AT_RSP(UREGS_rsp)
    incq VCPU_count_hypercalls + 8 * HYPERCALL_IRET(%rbx)
    movb $0, VCPUINFO_upcall_mask(%rdx)
    andb $~PVF_KERNEL_BIT, PVV_flags(%rbx)
    swapgs
    movq PVV_guest_root_user(%rbx), %rsi
    movq %rsi, %cr3
    HOOK ALT_SHORT_EXIT, exit_iret_call
    movq SCRATCH(2), %rdx
    movq SCRATCH(1), %rsi
    movq SCRATCH(0), %rbx
    leaq AT_RSP(UREGS_rip), %rsp
    jmp pv_iret_insn

    EX_TABLE 1b, iret_slow
    EX_TABLE 2b, iret_slow
    EX_TABLE 3b, iret_slow
    EX_TABLE 4b, iret_slow
    EX_TABLE 5b, iret_slow
    EX_TABLE 6b, iret_slow
    EX_TABLE 7b, iret_slow
    EX_TABLE 8b, iret_slow
    EX_TABLE 9b, iret_slow

iret_slow:
    CLOSE_SMAP
iret_masked:
    movl $HYPERCALL_IRET, %eax
    movq SCRATCH(2), %rdx
    movq SCRATCH(1), %rsi
    jmp syscall_saved

/*
 * #PF; the frame from error_code on is at RSP. Out of a guest's user mode, the common case becomes
 * an upcall here, as SYSCALL does above. A fault in the frame's building spoils what lies below
 * RSP, and CR2.
 */
#define AT_EC(field) (field - UREGS_error_code)(%rsp)
#define SCRATCH_EC(n) AT_EC(CPUINFO_pv_scratch + 8 * n)

ENTRY(entry_pf)
    HOOK ALT_XPTI, xpti_pf
    movl $X86_EXC_PF, 4(%rsp)
LOCAL(pf_entered)
    testb $3, AT_EC(UREGS_cs)
    jz exception_common
    movq %rbx, SCRATCH_EC(0)
    movq AT_EC(CPUINFO_current), %rbx
    testb $PVF_KERNEL_BIT, PVV_flags(%rbx)
    jnz fault_full
    cmpq $0, PVV_fault_eip(%rbx)
    je fault_full
    movq %rsi, SCRATCH_EC(1)
    movq VCPU_vcpu_info(%rbx), %rsi
    cmpb $0, VCPUINFO_upcall_mask(%rsi)
    jne fault_masked
    movq %rcx, SCRATCH_EC(2)
    movq %cr2, %rcx
    testq %rcx, %rcx
    js fault_high
    movq %rcx, VCPUINFO_cr2(%rsi)
    movq %rcx, PVV_cr2(%rbx)
    movq SCRATCH_EC(2), %rcx
    movb $1, VCPUINFO_upcall_mask(%rsi)
    orb $PVF_KERNEL_BIT, PVV_flags(%rbx)
    swapgs
    movq PVV_guest_root(%rbx), %rsi
    movq %rsi, %cr3
    movq PVV_syscall_sp(%rbx), %rsi
    OPEN_SMAP
1:  movq %rcx, -8(%rsi)
2:  movq %r11, 0(%rsi)
    movl AT_EC(UREGS_error_code), %ecx
    orl $PFEC_USER, %ecx
3:  movq %rcx, 8(%rsi)
    movq AT_EC(UREGS_rip), %rcx
4:  movq %rcx, 16(%rsi)
    movzwl AT_EC(UREGS_cs), %ecx
5:  movq %rcx, 24(%rsi)
    movl AT_EC(UREGS_eflags), %ecx
6:  movq %rcx, 32(%rsi)
    movq AT_EC(UREGS_rsp), %rcx
7:  movq %rcx, 40(%rsi)
    movzwl AT_EC(UREGS_ss), %ecx
8:  movq %rcx, 48(%rsi)
    CLOSE_SMAP
    incq VCPU_count_exceptions + 8 * X86_EXC_PF(%rbx)
    movl AT_EC(UREGS_eflags), %r11d
    andl $~(X86_EFLAGS_IOPL | X86_EFLAGS_AC | X86_EFLAGS_NT | X86_EFLAGS_TF), %r11d
    movq PVV_fault_eip(%rbx), %rcx
    movq SCRATCH_EC(0), %rbx
    subq $8, %rsi
    movq %rsi, AT_EC(UREGS_rsp)
    movq SCRATCH_EC(1), %rsi
    HOOK ALT_SHORT_EXIT, exit_pf
    movq AT_EC(UREGS_rsp), %rsp
    sysretq

    EX_TABLE 1b, fault_stack_fault
    EX_TABLE 2b, fault_stack_fault
    EX_TABLE 3b, fault_stack_fault
    EX_TABLE 4b, fault_stack_fault
    EX_TABLE 5b, fault_stack_fault
    EX_TABLE 6b, fault_stack_fault
    EX_TABLE 7b, fault_stack_fault
    EX_TABLE 8b, fault_stack_fault

fault_stack_fault:
    CLOSE_SMAP
    movq VCPU_vcpu_info(%rbx), %rsi
    movb $0, VCPUINFO_upcall_mask(%rsi)
    andb $~PVF_KERNEL_BIT, PVV_flags(%rbx)
    swapgs
    movq PVV_guest_root_user(%rbx), %rsi
    movq %rsi, %cr3
    movq PVV_cr2(%rbx), %rsi
    movq %rsi, %cr2
fault_high:
    movq SCRATCH_EC(2), %rcx
fault_masked:
    movq SCRATCH_EC(1), %rsi
fault_full:
    movq SCRATCH_EC(0), %rbx
    jmp exception_common
END(entry_pf)

/* SYSCALL from 32-bit user code (AMD). */
ENTRY(pv_cstar_entry)
    movq $PV_USER_SS, UREGS_ss - UREGS_rsp(%rsp)
    pushq %r11
    pushq $PV_USER_CS32
    pushq %rcx
    pushq $0
    movl $PV_ENTRY_SYSCALL, 4(%rsp)
    SAVE_REGS
    HOOK ALT_ENTRY, work_syscall32
    movq CPUINFO_current(%rsp), %rbx
LOCAL(syscall32_saved)
    incq VCPU_count_syscalls(%rbx)
    call pv_syscall32_upcall
    jmp pv_exit_rbx
END(pv_cstar_entry)

/* SYSENTER has saved nothing; RSP came from the MSR and points behind guest_regs.ss. */
ENTRY(pv_sysenter_entry)
    pushq $PV_USER_SS
    pushq $0
    pushfq
    andl $~(X86_EFLAGS_TF | X86_EFLAGS_NT), (%rsp)
    pushq $3
    pushq $0
    pushq $0
    movl $PV_ENTRY_SYSCALL, 4(%rsp)
    SAVE_REGS
    pushq $2
    popfq
    CLOSE_SMAP
    HOOK ALT_ENTRY, work_sysenter
    movq CPUINFO_current(%rsp), %rbx
LOCAL(sysenter_saved)
    incq VCPU_count_syscalls(%rbx)
    call pv_sysenter_upcall
    jmp pv_exit_rbx
END(pv_sysenter_entry)

/*
 * Back to the guest: the frame at RSP is cpu_info.guest_regs. With interrupts off from here on:
 * soft interrupts first (one of them may switch to another vCPU and not come back), then a pending
 * NMI or event makes an upcall frame.
 */
ENTRY(pv_exit_to_guest)
    movq CPUINFO_current(%rsp), %rbx
    .globl pv_exit_rbx
    .hidden pv_exit_rbx
pv_exit_rbx:
    cli
    cmpq $0, CPUINFO_softirq_pending(%rsp)
    jne pv_do_softirqs
    testb $1, VCPU_nmi_state(%rbx)
    jnz pv_do_nmi
pv_test_events:
    movq VCPU_vcpu_info(%rbx), %rcx
    cmpb $0, VCPUINFO_upcall_pending(%rcx)
    je pv_restore
    cmpb $0, VCPUINFO_upcall_mask(%rcx)
    jne pv_restore
    incq VCPU_count_upcalls(%rbx)
    call pv_event_upcall
    jmp pv_exit_rbx
pv_restore:
    movq UREGS_rip(%rsp), %rcx
    testl $PV_ENTRY_SYSCALL, UREGS_entry_vector(%rsp)
    jz pv_iret
    /* SYSRET to a non-canonical address would fault in ring 0 on the guest's stack. */
    cmpq guest_high_half(%rip), %rcx
    jae 1f
    movq %rcx, %rdx
    sarq $47, %rdx
    incl %edx
    cmpl $1, %edx
    ja pv_iret
1:  movl UREGS_eflags(%rsp), %r11d
    testl $X86_EFLAGS_TF, %r11d
    jnz pv_iret
    andl $~(X86_EFLAGS_IOPL | X86_EFLAGS_VM | X86_EFLAGS_RF), %r11d
    orl $X86_EFLAGS_IF, %r11d
    HOOK ALT_EXIT, exit_sysret
    HOOK ALT_EXIT_DIV, exit_div_sysret
    RESTORE_FOR_SYSRET
    movq UREGS_rsp - UREGS_error_code(%rsp), %rsp
    sysretq

pv_iret:
    andl $~(X86_EFLAGS_IOPL | X86_EFLAGS_VM), UREGS_eflags(%rsp)
    orl $X86_EFLAGS_IF, UREGS_eflags(%rsp)
    HOOK ALT_EXIT, exit_iret
    HOOK ALT_EXIT_DIV, exit_div_iret
    RESTORE_REGS
    addq $8, %rsp
    .globl pv_iret_insn
    .hidden pv_iret_insn
pv_iret_insn:
    iretq

pv_do_softirqs:
    sti
    call do_softirq
    jmp pv_exit_rbx

pv_do_nmi:
    call pv_nmi_upcall
    jmp pv_test_events
END(pv_exit_to_guest)

/*
 * The IRET above faulted (bad selector or address in the guest's frame). do_exception() calls this
 * with the address of cpu_info.guest_regs in RDI, already holding the guest's registers again; the
 * stack starts anew there. To the guest it is a fault of the instruction that it was to go on with.
 */
ENTRY(pv_iret_faulted)
    movq %rdi, %rsp
    jmp exception_of_guest
END(pv_iret_faulted)

/* Where a vCPU starts or goes on after a switch: its registers are in
   cpu_info.guest_regs, RSP points there. */
ENTRY(pv_resume)
    movq CPUINFO_current(%rsp), %rbx
    testb $PVF_FAILSAFE_BIT, PVV_flags(%rbx)
    jz pv_exit_rbx
    call pv_failsafe_upcall
    jmp pv_exit_rbx
END(pv_resume)

    .section .rodata
    .balign 8
/* A guest's addresses from here on: all canonical, and behind the hypervisor's. */
guest_high_half:
    .quad HV_VIRT_END

    .section .note.GNU-stack, "", @progbits
