/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Entry of a PV micro-guest: the ELF notes that a domain builder reads, the first instruction,
 * the stubs the hypervisor calls for traps, events and system calls, and the two context savers
 * (catch_call, catch_user) that let a test survive the trap it provokes.
 *
 * Every frame made by the hypervisor starts with RCX and R11. All stubs leave through the iret
 * hypercall, whose slot in the hypercall page pushes R11, RCX and RAX itself.
 */
#include <xen/elfnote.h>

#define VIRT_BASE       0xffffffff80000000
#define HYPERCALL_IRET  23
#define STACK_SIZE      16384
#define VEC_SYSCALL     0x100
#define VEC_EVENT       0x101
#define VEC_FAILSAFE    0x102
#define VEC_SYSENTER    0x103
#define USER_CS         0xe033
#define USER_SS         0xe02b

.macro elfnote type, data:vararg
    .pushsection .note.Xen, "a", @note
    .align 4
    .long 2f - 1f
    .long 4f - 3f
    .long \type
1:  .asciz "Xen"
2:  .align 4
3:  \data
4:  .align 4
    .popsection
.endm

    elfnote XEN_ELFNOTE_GUEST_OS, .asciz "hospes-micro-guest"
    elfnote XEN_ELFNOTE_GUEST_VERSION, .asciz "1"
    elfnote XEN_ELFNOTE_XEN_VERSION, .asciz "xen-3.0"
    elfnote XEN_ELFNOTE_LOADER, .asciz "generic"
    elfnote XEN_ELFNOTE_PAE_MODE, .asciz "yes"
    elfnote XEN_ELFNOTE_VIRT_BASE, .quad VIRT_BASE
    elfnote XEN_ELFNOTE_PADDR_OFFSET, .quad 0
    elfnote XEN_ELFNOTE_ENTRY, .quad _start
    elfnote XEN_ELFNOTE_HYPERCALL_PAGE, .quad hypercall_page
    elfnote XEN_ELFNOTE_FEATURES, .asciz "!writable_page_tables|pae_pgdir_above_4gb"
    elfnote XEN_ELFNOTE_SUPPORTED_FEATURES, .long (1 << 11) | (1 << 13) | (1 << 4)

    .text
    .globl _start
_start:
    cld
    lea boot_stack + STACK_SIZE(%rip), %rsp
    xor %ebp, %ebp
    mov %rsi, %rdi
    call guest_start
    ud2

/* First instructions of a vCPU made by vcpu_start(): RDI = function, RSI = its argument. */
    .globl vcpu_entry
vcpu_entry:
    cld
    xor %ebp, %ebp
    call vcpu_main
    ud2

/* One stub of 16 bytes for each vector; trap_stubs + 16 * vector is its address. */
    .globl trap_stubs
    .balign 16
trap_stubs:
    vec = 0
    .rept 256
    .balign 16
    pop %rcx
    pop %r11
    .if !(vec == 8 || (vec >= 10 && vec <= 14) || vec == 17)
    push $0
    .endif
    pushq $vec
    jmp trap_common
    vec = vec + 1
    .endr

    .globl syscall_stub
syscall_stub:
    pop %rcx
    pop %r11
    push $0
    pushq $VEC_SYSCALL
    jmp trap_common

    .globl sysenter_stub
sysenter_stub:
    pop %rcx
    pop %r11
    push $0
    pushq $VEC_SYSENTER
    jmp trap_common

    .globl event_stub
event_stub:
    pop %rcx
    pop %r11
    push $0
    pushq $VEC_EVENT
    jmp trap_common

    .globl failsafe_stub
failsafe_stub:
    pop %rcx
    pop %r11
    popq failsafe_segments(%rip)
    popq failsafe_segments + 8(%rip)
    popq failsafe_segments + 16(%rip)
    popq failsafe_segments + 24(%rip)
    push $0
    pushq $VEC_FAILSAFE
    jmp trap_common

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
    push $0                     /* iret_context.flags: no VGCF_in_syscall */
    jmp hypercall_page + HYPERCALL_IRET * 32

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

/* void catch_resume(uint64_t rsp): returns true from the catch_call or _user that saved RSP. */
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
    mov %rdx, %rdi              /* argument of fn; fn itself stays in RSI */
    pushq $USER_SS
    push %rcx
    push %r8
    pushq $USER_CS
    pushq $user_entry
    pushq $0
    jmp hypercall_page + HYPERCALL_IRET * 32

/* In user mode. fn returns: RAX goes to the kernel as the argument of the system call. */
user_entry:
    call *%rsi
    .globl user_leave
user_leave:
    syscall
    ud2

/* void iret_to(const struct iret_context *): the iret hypercall with exactly this frame. */
    .globl iret_to
iret_to:
    pushq 64(%rdi)
    pushq 56(%rdi)
    pushq 48(%rdi)
    pushq 40(%rdi)
    pushq 32(%rdi)
    pushq 24(%rdi)
    mov 16(%rdi), %rcx
    mov 8(%rdi), %r11
    mov (%rdi), %rax
    jmp hypercall_page + HYPERCALL_IRET * 32

/* uint64_t hypercall_raw(struct raw_regs *): every register set, SYSCALL, every register stored. */
    .globl hypercall_raw
hypercall_raw:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    push %rdi
    mov %rdi, %rax
    mov 8(%rax), %rbx
    mov 24(%rax), %rdx
    mov 32(%rax), %rsi
    mov 40(%rax), %rdi
    mov 48(%rax), %rbp
    mov 56(%rax), %r8
    mov 64(%rax), %r9
    mov 72(%rax), %r10
    mov 88(%rax), %r12
    mov 96(%rax), %r13
    mov 104(%rax), %r14
    mov 112(%rax), %r15
    mov (%rax), %rax
    .globl hypercall_raw_syscall
hypercall_raw_syscall:
    syscall
    .globl hypercall_raw_return
hypercall_raw_return:
    push %rax
    mov 8(%rsp), %rax
    popq (%rax)
    mov %rbx, 8(%rax)
    mov %rcx, 16(%rax)
    mov %rdx, 24(%rax)
    mov %rsi, 32(%rax)
    mov %rdi, 40(%rax)
    mov %rbp, 48(%rax)
    mov %r8, 56(%rax)
    mov %r9, 64(%rax)
    mov %r10, 72(%rax)
    mov %r11, 80(%rax)
    mov %r12, 88(%rax)
    mov %r13, 96(%rax)
    mov %r14, 104(%rax)
    mov %r15, 112(%rax)
    mov (%rax), %rax
    pop %rdi
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    .section .bss
    .globl boot_stack
    .balign STACK_SIZE
boot_stack:
    .skip STACK_SIZE

    .section .text.hypercall_page, "ax"
    .globl hypercall_page
    .balign 4096
hypercall_page:
    .skip 4096
