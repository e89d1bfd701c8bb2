/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry points of the IDT. Each builds a struct cpu_user_regs and calls C. What interrupted a guest
 * continues in pv_exit_to_guest (pv/entry.S), which looks at soft interrupts and events; what
 * interrupted the hypervisor goes back there.
 *
 * The stack is the primary one but for #DF, NMI, #MC and #DB, which have their own
 * (hv/current.h). A #DB or NMI out of a guest moves to the primary stack, because its handling
 * may end in a switch to another vCPU.
 */
#include <hv/asm.h>
#include <hv/current.h>
#include <hv/exits.h>
#include <hv/processor.h>
#include "asm-offsets.h"

    .section .text.entry, "ax"

/* Exception without / with an error code from the CPU. */
.macro EXCEPTION name, vector, none=0
ENTRY(\name)
    .if ((X86_EXC_HAVE_EC >> \vector) & 1) == 0
    pushq $\none
    .endif
    movl $\vector, 4(%rsp)
    jmp exception_common
END(\name)
.endm

    EXCEPTION entry_de, X86_EXC_DE, EXIT_DE
    EXCEPTION entry_bp, X86_EXC_BP
    EXCEPTION entry_of, X86_EXC_OF
    EXCEPTION entry_br, X86_EXC_BR
    EXCEPTION entry_ud, X86_EXC_UD
    EXCEPTION entry_nm, X86_EXC_NM
    EXCEPTION entry_ts, X86_EXC_TS
    EXCEPTION entry_np, X86_EXC_NP
    EXCEPTION entry_ss, X86_EXC_SS
    EXCEPTION entry_gp, X86_EXC_GP
    EXCEPTION entry_mf, X86_EXC_MF
    EXCEPTION entry_ac, X86_EXC_AC
    EXCEPTION entry_xm, X86_EXC_XM

ENTRY(exception_common)
    SAVE_REGS
    cld
    CLOSE_SMAP
    HOOK ALT_ENTRY, work_exception
    movq %rsp, %rdi
    testb $3, UREGS_cs(%rsp)
    jz exception_in_hv
LOCAL(exception_of_guest) /* RDI = RSP = cpu_info */
    movq CPUINFO_current(%rsp), %rbx
    movl UREGS_entry_vector(%rsp), %eax
    incq VCPU_count_exceptions(%rbx, %rax, 8)
exception_counted:
    movq UREGS_error_code(%rsp), %rax
    movq UREGS_rip(%rsp), %rdx
    RECORD_EXIT %rdx, %rax, %ecx, %rcx
    movq %rbx, %rsi
    call pv_exception
    jmp pv_exit_rbx
exception_in_hv:
    call do_exception
    jmp return_to_hv
END(exception_common)

/* Back to interrupted hypervisor code: the frame at RSP. */
ENTRY(return_to_hv)
    RESTORE_REGS
    addq $8, %rsp
    iretq
END(return_to_hv)

/* The frame at RSI (a guest's, built on an IST stack) moves to the
   primary stack, and RSP with it. */
.macro MOVE_TO_PRIMARY
    movq %rsp, %rsi
    GET_CPU_INFO %rdi
    movq %rdi, %rsp
    movl $(UREGS_kernel_sizeof / 8), %ecx
    rep movsq
.endm

ENTRY(entry_db)
    pushq $0
    movl $X86_EXC_DB, 4(%rsp)
    SAVE_REGS
    cld
    CLOSE_SMAP
    HOOK ALT_ENTRY, work_db
    testb $3, UREGS_cs(%rsp)
    jz 1f
LOCAL(debug_of_guest)
    MOVE_TO_PRIMARY
    movq %rsp, %rdi
    jmp exception_of_guest
1:  movq %rsp, %rdi
    call do_exception
    jmp return_to_hv
END(entry_db)

/* NMI and #MC stay on their own stacks: their C functions do little, and raise a
   soft interrupt for the rest. */
ENTRY(entry_nmi)
    pushq $0
    movl $X86_EXC_NMI, 4(%rsp)
    SAVE_REGS
    cld
    CLOSE_SMAP
    HOOK ALT_ENTRY, work_nmi
    movq %rsp, %rdi
    call do_nmi
    jmp return_to_hv
END(entry_nmi)

ENTRY(entry_mc)
    pushq $0
    movl $X86_EXC_MC, 4(%rsp)
    SAVE_REGS
    cld
    CLOSE_SMAP
    HOOK ALT_ENTRY, work_mc
    movq %rsp, %rdi
    call do_machine_check
    jmp return_to_hv
END(entry_mc)

ENTRY(entry_df)
    movl $X86_EXC_DF, 4(%rsp)
    SAVE_REGS
    cld
    CLOSE_SMAP
    HOOK ALT_ENTRY, work_df
    movq %rsp, %rdi
    call do_double_fault
    ud2
END(entry_df)

/* Software interrupts that guests may issue through the IDT: INT 0x80, INT 0x82. */
ENTRY(entry_int80)
    pushq $0
    movl $0x80, 4(%rsp)
    jmp software_interrupt
END(entry_int80)

ENTRY(entry_int82)
    pushq $0
    movl $0x82, 4(%rsp)
software_interrupt:
    SAVE_REGS
    cld
    CLOSE_SMAP
    movq %rsp, %rdi
    HOOK ALT_ENTRY, work_software
    movq CPUINFO_current(%rsp), %rbx
LOCAL(software_interrupt_saved)
    incq VCPU_count_software(%rbx)
    jmp exception_counted
END(entry_int82)

/* Vectors 0x20-0xff: sixteen bytes each. */
ENTRY(irq_entries)
vector = 0x20
    .rept 256 - 0x20
    .balign 16
    pushq $0
    movl $vector, 4(%rsp)
    jmp irq_common
vector = vector + 1
    .endr
END(irq_entries)

ENTRY(irq_common)
    SAVE_REGS
    cld
    CLOSE_SMAP
    HOOK ALT_ENTRY, work_irq
    movq %rsp, %rdi
    call do_irq
LOCAL(irq_done)
    testb $3, UREGS_cs(%rsp)
    jnz pv_exit_to_guest
    jmp return_to_hv
END(irq_common)

    .text

/* unsigned long raw_copy(void *dst, const void *src, size_t len) and its
   kin: RAX = bytes not copied. */

ENTRY(raw_copy)
    movq %rdx, %rcx
1:  rep movsb
2:  movq %rcx, %rax
    RETURN
    EX_TABLE 1b, 2b
END(raw_copy)

ENTRY(raw_clear)
    movq %rsi, %rcx
    xorl %eax, %eax
1:  rep stosb
2:  movq %rcx, %rax
    RETURN
    EX_TABLE 1b, 2b
END(raw_clear)

/*
 * int raw_read_user(void *dst, const void *src, size_t len), int raw_write_user(void *dst, const
 * void *src, size_t len): 0 or -EFAULT; a read that fails zeroes the rest of dst.
 */
ENTRY(raw_read_user)
    OPEN_SMAP
    movl %edx, %ecx
    shrl $3, %ecx
1:  rep movsq
    andl $7, %edx
    jnz 3f
2:  CLOSE_SMAP
    xorl %eax, %eax
    RETURN
3:  movl %edx, %ecx
4:  rep movsb
    jmp 2b
5:  andl $7, %edx
    leal (%rdx, %rcx, 8), %ecx
6:  xorl %eax, %eax
    rep stosb
    CLOSE_SMAP
    movl $-14, %eax
    RETURN
    EX_TABLE 1b, 5b
    EX_TABLE 4b, 6b
END(raw_read_user)

ENTRY(raw_write_user)
    OPEN_SMAP
    movl %edx, %ecx
    shrl $3, %ecx
1:  rep movsq
    andl $7, %edx
    jnz 3f
2:  CLOSE_SMAP
    xorl %eax, %eax
    RETURN
3:  movl %edx, %ecx
4:  rep movsb
    jmp 2b
5:  CLOSE_SMAP
    movl $-14, %eax
    RETURN
    EX_TABLE 1b, 5b
    EX_TABLE 4b, 5b
END(raw_write_user)

ENTRY(raw_clear_user)
    OPEN_SMAP
    movq %rsi, %rcx
    xorl %eax, %eax
1:  rep stosb
2:  movq %rcx, %rax
    CLOSE_SMAP
    RETURN
    EX_TABLE 1b, 2b
END(raw_clear_user)

/* int rdmsr_safe(uint32_t msr, uint64_t *v) */
ENTRY(rdmsr_safe)
    movl %edi, %ecx
1:  rdmsr
    shlq $32, %rdx
    orq %rdx, %rax
    movq %rax, (%rsi)
    xorl %eax, %eax
    RETURN
2:  movl $-14, %eax
    movq $0, (%rsi)
    RETURN
    EX_TABLE 1b, 2b
END(rdmsr_safe)

/* int wrmsr_safe(uint32_t msr, uint64_t v) */
ENTRY(wrmsr_safe)
    movl %edi, %ecx
    movl %esi, %eax
    movq %rsi, %rdx
    shrq $32, %rdx
1:  wrmsr
    xorl %eax, %eax
    RETURN
2:  movl $-14, %eax
    RETURN
    EX_TABLE 1b, 2b
END(wrmsr_safe)

/* int load_seg_*(uint16_t sel): 0, or -14 when the selector faults (the register is then null). */
.macro LOAD_SEG name, reg
ENTRY(\name)
1:  movw %di, %\reg
    xorl %eax, %eax
    RETURN
2:  xorl %eax, %eax
    movw %ax, %\reg
    movl $-14, %eax
    RETURN
    EX_TABLE 1b, 2b
END(\name)
.endm
    LOAD_SEG load_seg_ds, ds
    LOAD_SEG load_seg_es, es
    LOAD_SEG load_seg_fs, fs

/* GS is loaded in the inactive bank's place: the caller's two GS bases are set afterwards. */
    LOAD_SEG load_seg_gs, gs

    .section .note.GNU-stack, "", @progbits
