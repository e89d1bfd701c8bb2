/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry of a micro-guest of its own kind: started as a PVH guest (32 bits, flat, no paging, EBX =
 * start info), it goes to long mode with memory mapped as a PV micro-guest sees its own, VIRT_BASE
 * + physical address, and also one to one for the first 4 GiB. Trap stubs of all 256 vectors.
 */
#include <xen/elfnote.h>

#define VIRT_BASE       0xffffffff80000000
#define STACK_SIZE      16384
#define KERNEL_CS64     0x08
#define KERNEL_DS       0x10
#define KERNEL_CS32     0x18
#define USER_DS         0x23
#define USER_CS         0x2b
#define CR0_PE_PG_WP_NE 0x80010021
#define CR4_PAE_PGE_FX  0x6a0
#define MSR_EFER        0xc0000080
#define EFER_LME_NX_SCE 0x901
#define PTE_TABLE       0x07
#define PTE_BIG         0xe7

    .pushsection .note.Xen, "a", @note
    .align 4
    .long 4
    .long 4
    .long XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .align 4
    .long _start - VIRT_BASE
    .popsection

#define PHYS(x) ((x) - VIRT_BASE)

    .section .text.hypercall_page, "ax"
    .globl hypercall_page
    .balign 4096
hypercall_page:
    .skip 4096

    .text
    .code32
    .globl _start
_start:
    cld
    mov %ebx, %esi
    /* Four tables of 2 MiB pages for 4 GiB. */
    mov $PHYS(page_dirs), %edi
    xor %ecx, %ecx
1:  mov %ecx, %eax
    shl $21, %eax
    or $PTE_BIG, %eax
    mov %eax, (%edi, %ecx, 8)
    mov %ecx, %eax
    shr $11, %eax
    mov %eax, 4(%edi, %ecx, 8)
    inc %ecx
    cmp $2048, %ecx
    jb 1b
    .globl enter_long_mode
enter_long_mode:
    mov %cr4, %eax
    or $CR4_PAE_PGE_FX, %eax
    mov %eax, %cr4
    mov $PHYS(page_root), %eax
    mov %eax, %cr3
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_LME_NX_SCE, %eax
    wrmsr
    mov $CR0_PE_PG_WP_NE, %eax
    mov %eax, %cr0
    lgdt PHYS(gdt_low_pointer)
    ljmp $KERNEL_CS64, $PHYS(in_long_mode)

    .code64
in_long_mode:
    movabs $in_high_half, %rax
    jmp *%rax
in_high_half:
    lgdt gdt_pointer(%rip)
    mov $KERNEL_DS, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    mov ap_stack(%rip), %rax
    test %rax, %rax
    jnz start_ap
    lea boot_stack + STACK_SIZE(%rip), %rsp
    xor %ebp, %ebp
    mov %esi, %edi
    call guest_start
    ud2

start_ap:
    mov %rax, %rsp
    movq $0, ap_stack(%rip)
    xor %ebp, %ebp
    call hvm_ap_main
    ud2

    .globl trap_stubs
    .balign 16
trap_stubs:
    vec = 0
    .rept 256
    .balign 16
    .if !(vec == 8 || (vec >= 10 && vec <= 14) || vec == 17)
    push $0
    .endif
    pushq $vec
    jmp trap_common
    vec = vec + 1
    .endr

trap_common:
    push %rax
    push %rcx
    push %rdx
    push %rbx
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    cld
    mov %rsp, %rdi
    mov %rsp, %rbp
    and $-16, %rsp
    call trap_dispatch
    mov %rbp, %rsp
    .globl trap_return
trap_return:
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
    pop %rbx
    pop %rdx
    pop %rcx
    pop %rax
    add $16, %rsp
    iretq

/* bool catch_call(struct catch *c, void (*fn)(void *), void *arg) */
    .globl catch_call
catch_call:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rsi, %rax
    mov %rdx, %rdi
    sub $8, %rsp
    call *%rax
    add $8, %rsp
    xor %eax, %eax
catch_leave:
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

/* void catch_resume(uint64_t rsp) */
    .globl catch_resume
catch_resume:
    mov %rdi, %rsp
    mov $1, %eax
    jmp catch_leave

/* bool catch_user(struct catch *c, fn, arg, user_stack, rflags): fn(arg) in user mode. */
    .globl catch_user
catch_user:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, (%rdi)
    mov %rdx, %rdi
    pushq $USER_DS
    push %rcx
    push %r8
    pushq $USER_CS
    lea user_entry(%rip), %rax
    push %rax
    iretq

user_entry:
    call *%rsi
    .globl user_leave
user_leave:
    int $0x81
    ud2

/* Where a start-up IPI leads: copied to a page below 1 MiB. */
    .code16
    .globl trampoline, trampoline_end
    .balign 16
trampoline:
    cli
    mov %cs, %ax
    mov %ax, %ds
    lgdtl trampoline_gdt_pointer - trampoline
    mov %cr0, %eax
    or $1, %al
    mov %eax, %cr0
    ljmpl $KERNEL_CS32, $PHYS(trampoline32)
trampoline_gdt_pointer:
    .word gdt_end - gdt - 1
    .long PHYS(gdt)
trampoline_end:
    .code32
trampoline32:
    mov $KERNEL_DS, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    jmp enter_long_mode

    .code64
    .section .rodata
    .balign 8
gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt
gdt_low_pointer:
    .word gdt_end - gdt - 1
    .long PHYS(gdt)

    .data
    .globl gdt
    .balign 16
gdt:
    .quad 0
    .quad 0x00af9b000000ffff    /* 0x08: 64-bit code */
    .quad 0x00cf93000000ffff    /* 0x10: data */
    .quad 0x00cf9b000000ffff    /* 0x18: 32-bit code */
    .quad 0x00cff3000000ffff    /* 0x20: user data */
    .quad 0x00affb000000ffff    /* 0x28: user 64-bit code */
    .quad 0x008f9b000000ffff    /* 0x30: 16-bit code */
    .quad 0x008f93000000ffff    /* 0x38: 16-bit data */
    .globl gdt_tss
gdt_tss:
    .fill 8, 8, 0               /* 0x40: task state segments of four vCPUs */
gdt_end:
    .globl ap_stack
ap_stack:
    .quad 0

    .balign 4096
    .globl page_root
page_root:
    .quad PHYS(page_pdpt) + PTE_TABLE
    .fill 510, 8, 0
    .quad PHYS(page_pdpt_high) + PTE_TABLE
page_pdpt:
    .quad PHYS(page_dirs) + PTE_TABLE
    .quad PHYS(page_dirs) + 0x1000 + PTE_TABLE
    .quad PHYS(page_dirs) + 0x2000 + PTE_TABLE
    .quad PHYS(page_dirs) + 0x3000 + PTE_TABLE
    .fill 508, 8, 0
page_pdpt_high:
    .fill 510, 8, 0
    .quad PHYS(page_dirs) + PTE_TABLE
    .quad 0

    .section .bss
    .balign 4096
    .globl page_dirs
page_dirs:
    .skip 4 * 4096
    .globl boot_stack
    .balign STACK_SIZE
boot_stack:
    .skip STACK_SIZE

    .section .note.GNU-stack, "", @progbits
