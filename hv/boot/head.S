/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From the boot loader (32-bit protected mode, paging off) to start_hypervisor() in long mode on
 * CPU 0's stack. Refuses a CPU without long mode or NX in words on the serial port and the VGA text
 * screen. Boot page tables are laid out by the linker, so nothing is built at run time. The first
 * byte is the entry point (wrap.S). Source: AMD64 APM volume 2, "Processor Initialization and Long
 * Mode Activation".
 *
 * A Multiboot2 loader may place the image elsewhere than it is linked for, by a multiple of 2 MiB,
 * when the preferred place is taken (UEFI firmware uses what it likes). Every word that holds a
 * machine address of the image is listed by FIXUP and corrected before it is used. On UEFI this is
 * the same entry: GRUB has ended the boot services and left the mode that Multiboot2 names "i386".
 */
#include <hv/page.h>
#include <hv/current.h>
#include <hv/processor.h>
#include <hv/msr_index.h>
#include <hv/desc.h>
#include <hv/multiboot.h>
#include "early.h"

    .section .head, "ax"
    .code32
    .globl boot_entry32
boot_entry32:
    jmp start32

    .balign 8
mb1_header:
    .long MB1_HEADER_MAGIC
    .long MB1_HEADER_PAGE_ALIGN | MB1_HEADER_MEMORY_INFO
    .long -(MB1_HEADER_MAGIC + (MB1_HEADER_PAGE_ALIGN | MB1_HEADER_MEMORY_INFO))

    .balign 8
mb2_header:
    .long MB2_HEADER_MAGIC
    .long 0
    .long mb2_header_end - mb2_header
    .long -(MB2_HEADER_MAGIC + (mb2_header_end - mb2_header))
    .balign 8
mb2_request:
    .short MB2_HEADER_TAG_INFO_REQUEST, 0
    .long mb2_request_end - mb2_request
    .long MB2_TAG_CMDLINE, MB2_TAG_MODULE, MB2_TAG_MMAP
mb2_request_end:
    .balign 8
    .short MB2_HEADER_TAG_MODULE_ALIGN, 0
    .long 8
    .balign 8
    .short MB2_HEADER_TAG_RELOCATABLE, 0
    .long 24
    .long HV_LOAD_ADDR, HV_LOAD_LIMIT, HV_LOAD_ALIGN, MB2_LOAD_LOWEST
    /* No mode in particular: the one that the loader is told or finds. */
    .balign 8
    .short MB2_HEADER_TAG_FRAMEBUFFER, MB2_HEADER_OPTIONAL
    .long 20
    .long 0, 0, 0
    .balign 8
    .short MB2_HEADER_TAG_END, 0
    .long 8
mb2_header_end:

/* The entry cannot know its segments' selectors, only that they are flat; esi and edi keep the
   loader's magic and table, ebp how far the image was moved. */
start32:
    cli
    cld
    movl %eax, %esi
    movl %ebx, %edi
    xorl %ebp, %ebp

    movl $PHYS(msg_loader), %ebx
    cmpl $MB1_LOADER_MAGIC, %esi
    je 1f
    cmpl $MB2_LOADER_MAGIC, %esi
    jne refuse
    /* Where the code runs is known through a stack only; the table's first word is lent for it. */
1:  movl (%edi), %ecx
    leal 4(%edi), %esp
    call 2f
2:  popl %ebp
    subl $PHYS(2b), %ebp
    movl %ecx, (%edi)
    leal PHYS(boot_stack0_end)(%ebp), %esp

    leal PHYS(boot_fixup_start)(%ebp), %ecx
    leal PHYS(boot_fixup_end)(%ebp), %edx
    jmp 4f
3:  movl (%ecx), %eax
    addl %ebp, (%eax,%ebp)
    addl $4, %ecx
4:  cmpl %edx, %ecx
    jb 3b

    pushfl
    popl %eax
    movl %eax, %ecx
    xorl $X86_EFLAGS_ID, %eax
    pushl %eax
    popfl
    pushfl
    popl %eax
    leal PHYS(msg_long_mode)(%ebp), %ebx
    xorl %ecx, %eax
    testl $X86_EFLAGS_ID, %eax
    jz refuse

    movl $0x80000000, %eax
    cpuid
    leal PHYS(msg_long_mode)(%ebp), %ebx
    cmpl $0x80000001, %eax
    jb refuse
    ENABLE_NX
    movl $0x80000001, %eax
    cpuid
    leal PHYS(msg_long_mode)(%ebp), %ebx
    testl $CPUID_LM, %edx
    jz refuse
    leal PHYS(msg_nx)(%ebp), %ebx
    testl $CPUID_NX, %edx
    jz refuse

    ENTER_LONG_MODE
    lgdt PHYS(boot_gdtr)(%ebp)
    ljmp $BOOT_CS64, $PHYS(start64)
    FIXUP FAR_JUMP_ADDRESS

/* ebx = text. Writes it to COM1 (115200 8n1) and the VGA text screen, and stops. */
refuse:
    movw $(COM1 + UART_LCR), %dx
    movb $UART_LCR_DLAB, %al
    outb %al, %dx
    movw $(COM1 + UART_DLL), %dx
    movb $1, %al
    outb %al, %dx
    movw $(COM1 + UART_DLM), %dx
    movb $0, %al
    outb %al, %dx
    movw $(COM1 + UART_LCR), %dx
    movb $UART_LCR_8N1, %al
    outb %al, %dx
    movl $VGA_TEXT, %edi
1:  movb (%ebx), %cl
    testb %cl, %cl
    jz 4f
    movl $UART_SPIN, %esi
2:  movw $(COM1 + UART_LSR), %dx
    inb %dx, %al
    testb $UART_LSR_THRE, %al
    jnz 3f
    decl %esi
    jnz 2b
3:  movw $COM1, %dx
    movb %cl, %al
    outb %al, %dx
    movb $VGA_LIGHT_GREY, %ch
    movw %cx, (%edi)
    addl $2, %edi
    incl %ebx
    jmp 1b
4:  hlt
    jmp 4b

msg_loader:
    .ascii "Hospes (boot): not started by a Multiboot or Multiboot2 loader; "
    .asciz "use GRUB's multiboot2 command.\r\n"
msg_long_mode:
    .asciz "Hospes (boot): this CPU has no 64-bit long mode; a 64-bit x86 machine is needed.\r\n"
msg_nx:
    .ascii "Hospes (boot): no-execute pages (NX/XD) are missing or switched off; "
    .asciz "enable them in the firmware setup.\r\n"

    .code64
start64:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %eax, %fs
    movl %eax, %gs
    movl %esi, %ebx
    movl %edi, %r12d
    movl %ebp, %ebp
    movabsq $start64_high, %rax
    jmp *%rax
start64_high:
    movabsq $(STACKS_VIRT_START + STACK_SIZE - BOOT_STACK_TOP_GAP), %rsp
    subq %rbp, hv_image_base(%rip)
    LOAD_HV_CS
    movl %ebx, %edi
    movl %r12d, %esi
    xorl %ebp, %ebp
    call start_hypervisor
    ud2

    .balign 8
    .globl boot_gdt
boot_gdt:
    .quad 0
    .quad GDT_CODE64
    .quad GDT_CODE32
    .quad GDT_DATA32
boot_gdtr:
    .short BOOT_GDT_LIMIT
    .long PHYS(boot_gdt)
    FIXUP 4
    .globl boot_hv_gdtr
boot_hv_gdtr:
    .short HV_GDT_FIRST_BYTE + PAGE_SIZE - 1
    .quad boot_gdt_page - HV_GDT_FIRST_BYTE

/* The reserved entries of a GDT (hv/desc.h) as each CPU has them; TSS and LDT are filled in by
   cpu_prepare(). */
    .section .init.page_aligned, "aw"
    .balign PAGE_SIZE
    .globl boot_gdt_page
boot_gdt_page:
    .quad 0                     /* 0xe000 */
    .quad GDT_CODE64            /* 0xe008 HV_CS */
    /* 0xe010: SS as SYSCALL loads it; IRET of an interrupted handler checks it */
    .quad GDT_DATA64
    .quad 0
    .quad GDT_FLAT_RING3_CS32   /* 0xe020 */
    .quad GDT_FLAT_RING3_DS32   /* 0xe028 */
    .quad GDT_FLAT_RING3_CS64   /* 0xe030 */
    .quad 0
    .fill PAGE_SIZE - (. - boot_gdt_page), 1, 0

/* What virt_to_maddr() subtracts from an address in the image: HV_IMAGE_START less what the loader
   moved it by. */
    .section .data.ro_after_init, "aw"
    .balign 8
    .globl hv_image_base
hv_image_base:
    .quad HV_IMAGE_START

    .section .data.page_aligned, "aw"
    .balign PAGE_SIZE
/* Slot 259, kept for good: the image by 2 MiB pages until paging_init() refines it; CPU 0's stack
   with its guards. */
    .globl image_l3
image_l3:
    QUAD_PHYS PHYS(image_l2) + BOOT_TABLE
    QUAD_PHYS PHYS(stacks_l2) + BOOT_TABLE
    .fill PT_ENTRIES - 2, 8, 0
image_l2:
    .set i, 0
    .rept 16
    QUAD_PHYS (i << L2_SHIFT) + BOOT_LARGE + PTE_G
    .set i, i + 1
    .endr
    .fill PT_ENTRIES - 16, 8, 0
stacks_l2:
    QUAD_PHYS PHYS(stack0_l1) + BOOT_TABLE
    .fill PT_ENTRIES - 1, 8, 0
stack0_l1:
    .set i, 0
    .rept 1 << STACK_ORDER
    .if (i == STACK_PAGE_DF) || (i == STACK_PAGE_NMI) || (i == STACK_PAGE_MC) || \
        (i == STACK_PAGE_DB) || (i >= STACK_PAGE_PRIMARY)
    QUAD_PHYS PHYS(boot_stack0) + (i << PAGE_SHIFT) + PAGE_HV_RW
    .else
    .quad 0
    .endif
    .set i, i + 1
    .endr
    .fill PT_ENTRIES - (1 << STACK_ORDER), 8, 0

/* Roots and identity map of the first 4 GiB, the latter also as a first direct map. APs come up on
   it too. */
    .section .init.page_aligned, "aw"
    .balign PAGE_SIZE
    .globl boot_root
boot_root:
    QUAD_PHYS PHYS(identity_l3) + BOOT_TABLE
    .fill HV_IMAGE_SLOT - 1, 8, 0
    QUAD_PHYS PHYS(image_l3) + BOOT_TABLE
    .fill DIRECTMAP_SLOT - HV_IMAGE_SLOT - 1, 8, 0
    QUAD_PHYS PHYS(identity_l3) + BOOT_TABLE
    .fill PT_ENTRIES - DIRECTMAP_SLOT - 1, 8, 0
identity_l3:
    .set i, 0
    .rept 4
    QUAD_PHYS PHYS(identity_l2) + (i << PAGE_SHIFT) + BOOT_TABLE
    .set i, i + 1
    .endr
    .fill PT_ENTRIES - 4, 8, 0
identity_l2:
    .set i, 0
    .rept 4 * PT_ENTRIES
    .quad (i << L2_SHIFT) + BOOT_LARGE
    .set i, i + 1
    .endr

    .section .bss.page_aligned, "aw", @nobits
    .balign PAGE_SIZE
boot_stack0:
    .skip STACK_SIZE
boot_stack0_end:
    .section .note.GNU-stack, "", @progbits
