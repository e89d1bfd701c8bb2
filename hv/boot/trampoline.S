/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Start of an application processor: real mode in a page below 1 MiB, to which smp_boot_cpus()
 * copied the code between trampoline_start and trampoline_end, then through the identity map of the
 * boot page tables into the image and onto the CPU's own stack. Source: Intel SDM volume 3,
 * "Multiple-Processor (MP) Initialization".
 */
#include <hv/page.h>
#include <hv/current.h>
#include <hv/processor.h>
#include <hv/msr_index.h>
#include <hv/desc.h>
#include "early.h"

    .section .init.text, "ax"
    .code16
    .globl trampoline_start
trampoline_start:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    lgdtl trampoline_gdtr - trampoline_start
    movl %cr0, %eax
    orb $X86_CR0_PE, %al
    movl %eax, %cr0
    ljmpl $BOOT_CS32, $PHYS(ap_start32)
    FIXUP FAR_JUMP_ADDRESS
    .balign 8
trampoline_gdtr:
    .short BOOT_GDT_LIMIT
    .long PHYS(boot_gdt)
    FIXUP 4
    .globl trampoline_end
trampoline_end:

    .code32
ap_start32:
    movl $BOOT_DS32, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    ENABLE_NX
    ENTER_LONG_MODE
    ljmp $BOOT_CS64, $PHYS(ap_start64)
    FIXUP FAR_JUMP_ADDRESS

    .code64
ap_start64:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    movabsq $ap_start_high, %rax
    jmp *%rax
ap_start_high:
    xorl %esp, %esp
    xchgq ap_boot_stack(%rip), %rsp
    testq %rsp, %rsp
    jz too_late
    leaq idle_root(%rip), %rax
    subq hv_image_base(%rip), %rax
    movq %rax, %cr3
    LOAD_HV_CS
    xorl %ebp, %ebp
    call start_secondary
    ud2
/* The boot CPU has given this one up. */
too_late:
    cli
    hlt
    jmp too_late
    .section .note.GNU-stack, "", @progbits
