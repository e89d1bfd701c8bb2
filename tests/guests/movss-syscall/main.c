/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does the hypervisor survive a #DB held back by MOV SS until the first instruction of its SYSCALL
 * entry (XSA-260)?
 *
 * The processor holds a data breakpoint on the operand of MOV SS until after the next instruction;
 * if that is SYSCALL or INT n, the #DB arrives in ring 0 before the entry code has a stack. A
 * hypervisor without its own stack for #DB dies here. Right is: the test goes on, and the #DB
 * reaches the guest or is lost. QEMU 7.2 loses it, so only Bochs and hardware can show the danger.
 */
#include <guest.h>

static uint16_t selector = FLAT_KERNEL_SS;
static unsigned int debug_traps;

static bool on_debug(struct regs *r)
{
    (void)r;
    debug_traps++;
    return true;
}

static void before_syscall(void *unused)
{
    (void)unused;
    asm volatile("mov %0, %%eax; mov %1, %%ss; syscall"
                 : : "i"(63), "m"(selector)
                 : "rax", "rcx", "r11", "rdi", "rsi", "rdx", "r10", "r8", "r9", "memory");
}

static void before_int80(void *unused)
{
    (void)unused;
    asm volatile("mov %0, %%ss; int $0x80" : : "m"(selector) : "memory");
}

static void before_int3(void *unused)
{
    (void)unused;
    asm volatile("mov %0, %%ss; int3" : : "m"(selector) : "memory");
}

static long user_syscall(void *unused)
{
    (void)unused;
    asm volatile("mov %0, %%ss; syscall" : : "m"(selector) : "rcx", "r11", "memory");
    return 0;
}

void test_main(void)
{
    struct trap t;
    unsigned int i;

    trap_hook(VEC_DB, on_debug);
    require(hc_set_debugreg(0, &selector), 0);
    /* Local 0: read or write, 2 bytes. */
    require(hc_set_debugreg(7, 0x00070001), 0);
    for (i = 0; i < 3; i++) {
        check(!trap_catch(before_syscall, NULL, &t), "SYSCALL after MOV SS: vector %d", t.vector);
        trap_catch(before_int80, NULL, &t);
        check(t.vector == 0x80, "INT 0x80 after MOV SS: vector %d", t.vector);
        trap_catch(before_int3, NULL, &t);
        check(t.vector == VEC_BP, "INT3 after MOV SS: vector %d", t.vector);
        trap_user(user_syscall, NULL, 0, &t);
        check(t.vector == VEC_SYSCALL, "user SYSCALL after MOV SS: vector %d", t.vector);
    }
    require(hc_set_debugreg(7, 0), 0);
    printf("Note: %u debug exceptions reached the guest\n", debug_traps);
}
