/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the compiler calls in place of an indirect branch through a register
 * (-mindirect-branch=thunk-extern), and jumps to in place of a return
 * (-mfunction-return=thunk-extern). Here as retpolines; branch_thunks_apply() makes of them, or of
 * their callers, what the CPU needs. Each begins in the second half of a cache line, which the
 * mitigation of ITS asks of every indirect branch and return.
 */
#include <hv/asm.h>

    .section .text.thunk, "ax"
    .balign 64
    .skip 32, 0xcc
    .globl branch_thunks
    .hidden branch_thunks
branch_thunks:

.macro THUNK reg
    .globl __x86_indirect_thunk_\reg
    .hidden __x86_indirect_thunk_\reg
__x86_indirect_thunk_\reg:
    call 2f
1:  pause
    lfence
    jmp 1b
2:  movq %\reg, (%rsp)
    ret
    int3
END(__x86_indirect_thunk_\reg)
    .balign 32, 0xcc
    .skip 32, 0xcc
.endm

    /* By the numbers of registers in encodings; nothing branches through RSP. */
    THUNK rax
    THUNK rcx
    THUNK rdx
    THUNK rbx
    .skip 64, 0xcc
    THUNK rbp
    THUNK rsi
    THUNK rdi
    THUNK r8
    THUNK r9
    THUNK r10
    THUNK r11
    THUNK r12
    THUNK r13
    THUNK r14
    THUNK r15

    .globl __x86_return_thunk
    .hidden __x86_return_thunk
__x86_return_thunk:
    ret
    int3
END(__x86_return_thunk)

    .section .note.GNU-stack, "", @progbits
