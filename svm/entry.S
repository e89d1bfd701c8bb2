/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Into the guest and out of it. Source: AMD64 APM volume 2, "VMRUN and #VMEXIT".
 *
 * From CLGI to STGI nothing interrupts: the guest's FS, GS, TR and LDTR are loaded then, and an
 * interrupt would take its stack from the guest's TSS. Interrupts are enabled before VMRUN so that
 * one that comes, or came since they were turned off, makes an exit; it is served behind STGI.
 */
#include <hv/asm.h>

    .text

/* void svm_enter(paddr_t vmcb, paddr_t host, struct cpu_user_regs *regs) */
ENTRY(svm_enter)
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq %rsi
    pushq %rdx
    movq %rdi, %rax
    movq UREGS_r15(%rdx), %r15
    movq UREGS_r14(%rdx), %r14
    movq UREGS_r13(%rdx), %r13
    movq UREGS_r12(%rdx), %r12
    movq UREGS_rbp(%rdx), %rbp
    movq UREGS_rbx(%rdx), %rbx
    movq UREGS_r11(%rdx), %r11
    movq UREGS_r10(%rdx), %r10
    movq UREGS_r9(%rdx), %r9
    movq UREGS_r8(%rdx), %r8
    movq UREGS_rcx(%rdx), %rcx
    movq UREGS_rsi(%rdx), %rsi
    movq UREGS_rdi(%rdx), %rdi
    movq UREGS_rdx(%rdx), %rdx
    clgi
    sti
    vmload %rax
    vmrun %rax
    vmsave %rax
    movq 8(%rsp), %rax
    vmload %rax
    popq %rax
    movq %r15, UREGS_r15(%rax)
    movq %r14, UREGS_r14(%rax)
    movq %r13, UREGS_r13(%rax)
    movq %r12, UREGS_r12(%rax)
    movq %rbp, UREGS_rbp(%rax)
    movq %rbx, UREGS_rbx(%rax)
    movq %r11, UREGS_r11(%rax)
    movq %r10, UREGS_r10(%rax)
    movq %r9, UREGS_r9(%rax)
    movq %r8, UREGS_r8(%rax)
    movq %rcx, UREGS_rcx(%rax)
    movq %rdx, UREGS_rdx(%rax)
    movq %rsi, UREGS_rsi(%rax)
    movq %rdi, UREGS_rdi(%rax)
    /* Nothing that the guest left is used for guessing from here on. */
    xorl %ebx, %ebx
    xorl %ebp, %ebp
    xorl %r12d, %r12d
    xorl %r13d, %r13d
    xorl %r14d, %r14d
    xorl %r15d, %r15d
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    xorl %r10d, %r10d
    xorl %r11d, %r11d
    stgi
    cli
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    RETURN
END(svm_enter)

    .section .note.GNU-stack, "", @progbits
