/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do exceptions raised in guest kernel mode reach its handlers with the hardware's error codes?
 *
 * The processor manuals give the vector, the error code and whether RIP is at the instruction
 * (fault) or after it (trap). The guest kernel runs in ring 3, so page faults carry the user bit in
 * the hardware's code; the ABI clears it for the guest kernel's own accesses.
 */
#include <guest.h>

static void divide(void *unused)
{
    (void)unused;
    asm volatile("xor %%edx, %%edx; mov $1, %%eax; xor %%ecx, %%ecx; div %%ecx"
                 : : : "eax", "ecx", "edx", "cc");
}

static void breakpoint(void *unused)
{
    (void)unused;
    asm volatile("int3");
}

static void undefined(void *unused)
{
    (void)unused;
    asm volatile("ud2");
}

static void read_byte(void *va)
{
    asm volatile("movb (%0), %%al" : : "r"(va) : "al", "memory");
}

static void write_byte(void *va)
{
    asm volatile("movb %%al, (%0)" : : "r"(va) : "memory");
}

static void jump(void *va)
{
    asm volatile("call *%0" : : "r"(va) : "memory");
}

static void load_ds(void *selector)
{
    asm volatile("mov %0, %%ds" : : "r"(selector));
}

static void load_ss(void *selector)
{
    asm volatile("mov %0, %%ss" : : "r"(selector));
}

static void stack_access(void *va)
{
    asm volatile("push %%rbp; mov %0, %%rbp; mov (%%rbp), %%rax; pop %%rbp"
                 : : "r"(va) : "rax", "memory");
}

static void unaligned(void *va)
{
    asm volatile("pushf; orl $0x40000, (%%rsp); popf; movl 1(%0), %%eax; pushf;"
                 "andl $~0x40000, (%%rsp); popf" : : "r"(va) : "eax", "memory", "cc");
}

static void overflow(void *unused)
{
    (void)unused;
    asm volatile("int $4");
}

static void page_faults(void)
{
    uint8_t *page = page_alloc(), *hole = window_alloc(1);
    struct trap t;

    expect_trap(read_byte, 0x1234, VEC_PF, 0);
    expect_trap(write_byte, 0x1234, VEC_PF, PF_WRITE);
    expect_trap(read_byte, hole, VEC_PF, 0);
    require(protect_page(page, PTE_RO), 0);
    expect_trap(write_byte, page, VEC_PF, PF_WRITE | PF_PRESENT);
    require(protect_page(page, PTE_RW | PTE_NX), 0);
    page[0] = 0xc3;
    expect_trap(jump, page, VEC_PF, PF_FETCH | PF_PRESENT);
    require(protect_page(page, PTE_RW), 0);
    check(!trap_catch(jump, page, NULL), "an executable page faulted");
    /* The hypervisor's own range: a fault, never data. */
    trap_catch(read_byte, (void *)(HYPERVISOR_VIRT_START + 0x300000000000UL), &t);
    check(t.vector == VEC_PF, "the hypervisor's range gave vector %d", t.vector);
    trap_catch(read_byte, (uint8_t *)0x123456, &t);
    check(t.cr2 == 0x123456, "cr2 is 0x%lx, not 0x123456", t.cr2);
    /* SMAP and reserved-bit surprises must not leak the ring: the user bit stays clear. */
    check(!(t.error & PF_USER), "kernel-mode fault has the user bit: 0x%lx", t.error);
}

static void positions(void)
{
    struct trap t;

    trap_catch(undefined, NULL, &t);
    check(*(uint16_t *)t.regs.rip == 0x0b0f, "#UD does not point at the instruction");
    check((t.regs.cs & 3) == 0, "frame of kernel mode has CS 0x%lx", t.regs.cs);
    trap_catch(breakpoint, NULL, &t);
    check(*(uint8_t *)(t.regs.rip - 1) == 0xcc, "#BP does not point behind the instruction");
    check(t.regs.rflags & RFLAGS_IF, "IF is clear in the frame though events are on");
    events_off();
    trap_catch(breakpoint, NULL, &t);
    check(!(t.regs.rflags & RFLAGS_IF), "IF is set in the frame though events are off");
    check(this_vcpu()->info->evtchn_upcall_mask == 1, "the trap changed the upcall mask");
    events_on();
}

void test_main(void)
{
    struct trap t;

    expect_trap(divide, 0, VEC_DE, 0);
    expect_trap(breakpoint, 0, VEC_BP, 0);
    expect_trap(overflow, 0, VEC_OF, 0);
    expect_trap(undefined, 0, VEC_UD, 0);
    expect_trap(read_byte, 0x8000000000001234, VEC_GP, 0);
    expect_trap(jump, 0x8000000000001234, VEC_GP, 0);
    /* A selector beyond any table: #GP with the selector. */
    expect_trap(load_ds, 0xfff8, VEC_GP, 0xfff8);
    expect_trap(load_ss, 0, VEC_GP, 0);
    /* No LDT: a selector in it. */
    expect_trap(load_ds, 0x000f, VEC_GP, 0x000c);
    page_faults();
    positions();
    /* QEMU checks no alignment. */
    if (trap_catch(unaligned, page_alloc(), &t))
        check(t.vector == VEC_AC && !t.error, "unaligned: vector %d error 0x%lx", t.vector,
              t.error);
    /* QEMU raises #GP where #SS is due: either, but with code 0 and no crash. */
    trap_catch(stack_access, (void *)0x8000000000001000, &t);
    check((t.vector == VEC_SS || t.vector == VEC_GP) && t.error == 0,
          "non-canonical stack gave vector %d error 0x%lx", t.vector, t.error);
}
