/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do exceptions raised in guest user mode reach the guest kernel, on its own stack, with the
 * hardware's error codes and the user bit in page faults?
 *
 * Due: CS in the frame has RPL 3, the frame lies on the stack given to stack_switch, page faults
 * carry PF_USER, privileged instructions give #GP with code 0.
 */
#include <guest.h>

static long divide(void *unused)
{
    (void)unused;
    asm volatile("xor %%edx, %%edx; mov $1, %%eax; xor %%ecx, %%ecx; div %%ecx"
                 : : : "eax", "ecx", "edx", "cc");
    return 0;
}

static long breakpoint(void *unused)
{
    (void)unused;
    asm volatile("int3");
    return 0;
}

static long overflow(void *unused)
{
    (void)unused;
    asm volatile("int $4");
    return 0;
}

static long undefined(void *unused)
{
    (void)unused;
    asm volatile("ud2");
    return 0;
}

static long read_byte(void *va)
{
    return *(volatile uint8_t *)va;
}

static long write_byte(void *va)
{
    *(volatile uint8_t *)va = 1;
    return 0;
}

static long jump(void *va)
{
    asm volatile("call *%0" : : "r"(va) : "memory");
    return 0;
}

static long load_ds(void *selector)
{
    asm volatile("mov %0, %%ds" : : "r"(selector));
    return 0;
}

static long unaligned(void *va)
{
    asm volatile("pushf; orl $0x40000, (%%rsp); popf; movl 1(%0), %%eax; pushf;"
                 "andl $~0x40000, (%%rsp); popf" : : "r"(va) : "eax", "memory", "cc");
    return 0;
}

#define PRIVILEGED(name, code) \
    static long name(void *unused) \
    { \
        (void)unused; \
        asm volatile(code : : : "eax", "ecx", "edx", "memory"); \
        return 0; \
    }

PRIVILEGED(hlt, "hlt")
PRIVILEGED(rdmsr, "mov $0xc0000080, %%ecx; rdmsr")
PRIVILEGED(wrmsr, "mov $0xc0000080, %%ecx; xor %%eax, %%eax; xor %%edx, %%edx; wrmsr")
PRIVILEGED(read_cr0, "mov %%cr0, %%rax")
PRIVILEGED(write_cr3, "xor %%eax, %%eax; mov %%rax, %%cr3")
PRIVILEGED(clts, "clts")
PRIVILEGED(invd, "invd")
PRIVILEGED(wbinvd, "wbinvd")
PRIVILEGED(cli, "cli")
PRIVILEGED(in, "in $0x61, %%al")
PRIVILEGED(out, "out %%al, $0x80")
PRIVILEGED(lgdt, "sub $16, %%rsp; lgdt (%%rsp); add $16, %%rsp")
PRIVILEGED(ltr, "xor %%eax, %%eax; ltr %%ax")
PRIVILEGED(debug_register, "mov %%dr7, %%rax")

static void privileged(void)
{
    expect_user_trap(hlt, 0, VEC_GP, 0);
    expect_user_trap(rdmsr, 0, VEC_GP, 0);
    expect_user_trap(wrmsr, 0, VEC_GP, 0);
    expect_user_trap(read_cr0, 0, VEC_GP, 0);
    expect_user_trap(write_cr3, 0, VEC_GP, 0);
    expect_user_trap(clts, 0, VEC_GP, 0);
    expect_user_trap(invd, 0, VEC_GP, 0);
    expect_user_trap(wbinvd, 0, VEC_GP, 0);
    expect_user_trap(cli, 0, VEC_GP, 0);
    expect_user_trap(in, 0, VEC_GP, 0);
    expect_user_trap(out, 0, VEC_GP, 0);
    expect_user_trap(lgdt, 0, VEC_GP, 0);
    expect_user_trap(ltr, 0, VEC_GP, 0);
    expect_user_trap(debug_register, 0, VEC_GP, 0);
}

static void frames(void)
{
    struct trap t;
    uint64_t rsp;

    asm volatile("mov %%rsp, %0" : "=r"(rsp));
    trap_user(undefined, NULL, 0, &t);
    check((t.regs.cs & 3) == 3, "CS of user mode is 0x%lx", t.regs.cs);
    check((t.regs.ss & 3) == 3, "SS of user mode is 0x%lx", t.regs.ss);
    check(t.regs.rflags & RFLAGS_IF, "IF is clear in user mode's frame");
    check((rsp & ~(STACK_SIZE - 1)) != (t.regs.rsp & ~(STACK_SIZE - 1)),
          "user code ran on the kernel's stack");
    trap_user(undefined, NULL, RFLAGS_DF | RFLAGS_ID | RFLAGS_CF, &t);
    check((t.regs.rflags & (RFLAGS_DF | RFLAGS_ID)) == (RFLAGS_DF | RFLAGS_ID),
          "user mode's flags came back as 0x%lx", t.regs.rflags);
    trap_user(undefined, NULL, RFLAGS_IOPL, &t);
    check(!(t.regs.rflags & RFLAGS_IOPL), "user mode got an I/O privilege level");
}

void test_main(void)
{
    uint8_t *page = page_alloc(), *hole = window_alloc(1);
    struct trap t;

    expect(user_call(read_byte, page), 0);
    expect_user_trap(divide, 0, VEC_DE, 0);
    expect_user_trap(breakpoint, 0, VEC_BP, 0);
    expect_user_trap(overflow, 0, VEC_OF, 0);
    expect_user_trap(undefined, 0, VEC_UD, 0);
    expect_user_trap(read_byte, 0x8000000000001234, VEC_GP, 0);
    expect_user_trap(load_ds, 0xfff8, VEC_GP, 0xfff8);
    /* QEMU checks no alignment. */
    trap_user(unaligned, page, 0, &t);
    check(t.vector == VEC_SYSCALL || (t.vector == VEC_AC && !t.error),
          "unaligned: vector %d error 0x%lx", t.vector, t.error);
    expect_user_trap(read_byte, hole, VEC_PF, PF_USER);
    expect_user_trap(write_byte, hole, VEC_PF, PF_USER | PF_WRITE);
    require(protect_page(page, PTE_RO), 0);
    expect_user_trap(write_byte, page, VEC_PF, PF_USER | PF_WRITE | PF_PRESENT);
    require(protect_page(page, PTE_RW | PTE_NX), 0);
    expect_user_trap(jump, page, VEC_PF, PF_USER | PF_FETCH | PF_PRESENT);
    trap_user(read_byte, (void *)0x654321, 0, &t);
    check(t.cr2 == 0x654321, "cr2 is 0x%lx", t.cr2);
    trap_user(read_byte, (void *)(HYPERVISOR_VIRT_START + 0x300000000000UL), 0, &t);
    check(t.vector == VEC_PF && (t.error & PF_USER), "the hypervisor's range gave %d 0x%lx",
          t.vector, t.error);
    privileged();
    frames();
}
