/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers that the entry code of the boot CPU (head.S) and of the others (trampoline.S) share.
 * Sources: AMD64 APM volume 2, "Segmented Virtual Memory"; National Semiconductor PC16550D,
 * "Registers".
 */
#ifndef BOOT_EARLY_H
#define BOOT_EARLY_H

#include <hv/page.h>

#define BOOT_CR0 0x80050033 /* PG AM WP NE ET MP PE */
#define BOOT_GDT_LIMIT 31
#define BOOT_CS64 0x08
#define BOOT_CS32 0x10
#define BOOT_DS32 0x18
#define BOOT_TABLE (PTE_P | PTE_RW | PTE_A | PTE_D)
#define BOOT_LARGE (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_PSE)
/* Room for struct cpu_info above the first stack frame; start.c asserts that it suffices. */
#define BOOT_STACK_TOP_GAP 2048

#define GDT_CODE64 0x00af9b000000ffff
#define GDT_DATA64 0x00cf93000000ffff
#define GDT_CODE32 0x00cf9b000000ffff
#define GDT_DATA32 0x00cf93000000ffff
#define GDT_FLAT_RING3_CS32 0x00cffb000000ffff
#define GDT_FLAT_RING3_DS32 0x00cff3000000ffff
#define GDT_FLAT_RING0_DS 0x00cf93000000ffff
#define GDT_FLAT_RING3_CS64 0x00affb000000ffff

#define CPUID_LM (1 << 29)
#define CPUID_NX (1 << 20)
#define CPUID_VENDOR_INTEL 0x6c65746e /* "ntel" in ECX of leaf 0 */
#define MISC_ENABLE_XD_DISABLE_HI (1 << 2)

/* Where the image is linked for; a word with such an address is listed by FIXUP. */
#define PHYS(sym) ((sym) - HV_IMAGE_START)

#ifdef __ASSEMBLY__

/* The 32-bit word that begins so many bytes before here holds a machine address of the image:
   head.S adds to it what the loader moved the image by. */
.macro FIXUP back
770:
    .pushsection .boot_fixup, "a"
    .long PHYS(770b) - (\back)
    .popsection
.endm

/* For FIXUP after `ljmpl $selector, $address`. */
#define FAR_JUMP_ADDRESS 6

/* A page-table entry that maps or names a part of the image. */
.macro QUAD_PHYS value:vararg
    FIXUP 0
    .quad \value
.endm

/* Firmware may have hidden NX on an Intel CPU; only there does the register exist. Changes all
   general registers but ESI, EDI. */
.macro ENABLE_NX
    xorl %eax, %eax
    cpuid
    cmpl $CPUID_VENDOR_INTEL, %ecx
    jne 771f
    movl $MSR_MISC_ENABLE, %ecx
    rdmsr
    testl $MISC_ENABLE_XD_DISABLE_HI, %edx
    jz 771f
    andl $~MISC_ENABLE_XD_DISABLE_HI, %edx
    wrmsr
771:
.endm

/* Compatibility mode on the boot page tables; a far jump to a 64-bit segment follows. */
.macro ENTER_LONG_MODE
    movl $(X86_CR4_PAE | X86_CR4_PGE), %eax
    movl %eax, %cr4
    movl $PHYS(boot_root), %eax
    FIXUP 4
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    rdmsr
    orl $(EFER_LME | EFER_NXE | EFER_SCE), %eax
    wrmsr
    movl $BOOT_CR0, %eax
    movl %eax, %cr0
.endm

/* At the image's final address with a stack: the hypervisor's own code selector. */
.macro LOAD_HV_CS
    lgdt boot_hv_gdtr(%rip)
    leaq 772f(%rip), %rax
    pushq $HV_CS
    pushq %rax
    lretq
772:
.endm

#endif /* __ASSEMBLY__ */

#define COM1 0x3f8
#define UART_DLL 0
#define UART_DLM 1
#define UART_LCR 3
#define UART_LSR 5
#define UART_LCR_DLAB 0x80
#define UART_LCR_8N1 0x03
#define UART_LSR_THRE 0x20
#define UART_SPIN 0x100000
#define VGA_TEXT 0xb8000
#define VGA_LIGHT_GREY 0x07

#endif
