/* SPDX-License-Identifier: BSD-2-Clause */
/* Macros for assembly files. */
#ifndef HV_ASM_H
#define HV_ASM_H

#ifdef __ASSEMBLY__

#include <hv/alternative.h>
#include <hv/current.h>
#include "asm-offsets.h"

#define ENTRY(name) .globl name; .hidden name; .balign 16; name:
/* A place within a function that another file jumps to. */
#define LOCAL(name) .globl name; .hidden name; name:
#define END(name) .type name, @function; .size name, . - name

/* As the compiler makes them; hv/cpu/thunk.S. */
.macro RETURN
    jmp __x86_return_thunk
.endm

/* A fault at insn continues at fixup (uaccess.h). */
.macro EX_TABLE insn, fixup
    .pushsection .ex_table, "a"
    .balign 4
    .long \insn - ., \fixup - .
    .popsection
.endm

/* Older CPUs raise #UD. */
.macro OPEN_SMAP
    ALT_INSN ALT_SMAP, ALT_STAC
.endm
.macro CLOSE_SMAP
    ALT_INSN ALT_SMAP, ALT_CLAC
.endm

/* Completes struct cpu_user_regs below the error code. rax: operand that holds the
   guest's RAX, by RSP at that point. */
.macro SAVE_REGS rbx=%rbx
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq \rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
.endm

/* Takes back all of SAVE_REGS; RSP is then at the error code. */
.macro RESTORE_REGS
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbp
    popq %rbx
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rax
    popq %rcx
    popq %rdx
    popq %rsi
    popq %rdi
.endm

/* Makes an exit record (hv/exits.h) of two registers. RSP = cpu_info; the index, a register by both
   of its names, is lost. */
.macro RECORD_EXIT where, what, index32, index
    movzbl CPUINFO_exit_next(%rsp), \index32
    movq \where, CPUINFO_exits(%rsp, \index, EXIT_RECORD_SIZE / EXIT_STEP)
    movq \what, CPUINFO_exits + 8(%rsp, \index, EXIT_RECORD_SIZE / EXIT_STEP)
    addb $EXIT_STEP, CPUINFO_exit_next(%rsp)
.endm

/* The same for SYSRET, which loads RIP and RFLAGS from RCX and R11. */
.macro RESTORE_FOR_SYSRET
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
.endm

/* reg = struct cpu_info of this CPU, from any of its stacks. */
.macro GET_CPU_INFO reg
    movq %rsp, \reg
    orq $(STACK_SIZE - 1), \reg
    subq $(CPUINFO_sizeof - 1), \reg
.endm

#endif
#endif
