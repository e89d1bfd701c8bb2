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
    movq %rax, SCRATCH(0)
    movq AT_RSP(CPUINFO_current), %rax
    testb $(PVF_KERNEL_BIT | PVF_SLOW_SYSCALL_BIT), PVV_flags(%rax)
    jnz syscall_full

    /*
     * From user mode, the common case: the frame of pv_syscall_upcall() by hand.
     * Soft interrupts and events need no look: whoever raises one interrupts this
     * CPU as soon as the guest runs again.
     */
    movq %rsi, SCRATCH(1)
    movq VCPU_vcpu_info(%rax), %rsi
    cmpb $0, VCPUINFO_upcall_mask(%rsi)
    jne syscall_masked
    movb $1, VCPUINFO_upcall_mask(%rsi)
    orb $PVF_KERNEL_BIT, PVV_flags(%rax)
    swapgs
    movq PVV_guest_root(%rax), %rsi
    movq %rsi, AT_RSP(CPUINFO_root_maddr)
    movq %rsi, %cr3
    movq %rcx, SCRATCH(2)
    movq PVV_syscall_sp(%rax), %rsi
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
    movq PVV_syscall_callback_eip(%rax), %rcx
    movl $(X86_EFLAGS_IF | X86_EFLAGS_MBS), %r11d
    movq SCRATCH(0), %rax
    movq %rsi, AT_RSP(UREGS_rsp)
    movq SCRATCH(1), %rsi
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
    movq VCPU_vcpu_info(%rax), %rsi
    movb $0, VCPUINFO_upcall_mask(%rsi)
    andb $~PVF_KERNEL_BIT, PVV_flags(%rax)
    swapgs
    movq PVV_guest_root_user(%rax), %rsi
    movq %rsi, AT_RSP(CPUINFO_root_maddr)
    movq %rsi, %cr3
    movq SCRATCH(2), %rcx
syscall_masked:
    movq SCRATCH(1), %rsi

syscall_full:
    movq $PV_USER_SS, AT_RSP(UREGS_ss)
    pushq %r11
    pushq $PV_USER_CS64
    pushq %rcx
    pushq $0
    movl $PV_ENTRY_SYSCALL, 4(%rsp)
    SAVE_REGS rax=(CPUINFO_pv_scratch-UREGS_rcx)(%rsp)
    movq %rax, %rbx
    movq UREGS_rax(%rsp), %rax
    testb $PVF_KERNEL_BIT, PVV_flags(%rbx)
    jz 8f

    sti
    movq %r10, %rcx
    cmpq $64, %rax
    jae 9f
    movq VCPU_domain(%rbx), %r11
    movq DOMAIN_hypercalls(%r11), %r11
    call *(%r11, %rax, 8)
    movq %rax, UREGS_rax(%rsp)
    jmp pv_exit_rbx

8:  call pv_syscall_upcall
    jmp pv_exit_rbx
9:  movq $-38, UREGS_rax(%rsp)
    jmp pv_exit_rbx
END(pv_syscall_entry)

/* SYSCALL from 32-bit user code (AMD). */
ENTRY(pv_cstar_entry)
    movq $PV_USER_SS, UREGS_ss - UREGS_rsp(%rsp)
    pushq %r11
    pushq $PV_USER_CS32
    pushq %rcx
    pushq $0
    movl $PV_ENTRY_SYSCALL, 4(%rsp)
    SAVE_REGS
    movq CPUINFO_current(%rsp), %rbx
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
    movq CPUINFO_current(%rsp), %rbx
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
pv_exit_rbx:
    cli
    movq CPUINFO_per_cpu_offset(%rsp), %rcx
    leaq per_cpu__softirq_pending(%rip), %rdx
    cmpq $0, (%rdx, %rcx)
    jne pv_do_softirqs
    testb $1, VCPU_nmi_state(%rbx)
    jnz pv_do_nmi
pv_test_events:
    movq VCPU_vcpu_info(%rbx), %rcx
    cmpb $0, VCPUINFO_upcall_pending(%rcx)
    je pv_restore
    cmpb $0, VCPUINFO_upcall_mask(%rcx)
    jne pv_restore
    call pv_event_upcall
    jmp pv_exit_rbx
pv_restore:
    movq UREGS_rip(%rsp), %rcx
    testl $PV_ENTRY_SYSCALL, UREGS_entry_vector(%rsp)
    jz pv_iret
    /* SYSRET to a non-canonical address would fault in ring 0 on the guest's stack. */
    movq %rcx, %rdx
    sarq $47, %rdx
    incl %edx
    cmpl $1, %edx
    ja pv_iret
    cmpw $PV_USER_CS64, UREGS_cs(%rsp)
    jne pv_iret
    movl UREGS_eflags(%rsp), %r11d
    andl $~(X86_EFLAGS_IOPL | X86_EFLAGS_VM | X86_EFLAGS_RF), %r11d
    orl $X86_EFLAGS_IF, %r11d
    testl $X86_EFLAGS_TF, %r11d
    jnz pv_iret
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    addq $8, %rsp
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    addq $8, %rsp
    popq %rdx
    popq %rsi
    popq %rdi
    movq UREGS_rsp - UREGS_error_code(%rsp), %rsp
    sysretq

pv_iret:
    andl $~(X86_EFLAGS_IOPL | X86_EFLAGS_VM), UREGS_eflags(%rsp)
    orl $X86_EFLAGS_IF, UREGS_eflags(%rsp)
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
    call pv_exception
    jmp pv_exit_to_guest
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

    .section .note.GNU-stack, "", @progbits
