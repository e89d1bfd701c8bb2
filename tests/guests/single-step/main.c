/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does the trap flag give one #DB per instruction in both modes, also over emulated ones?
 *
 * The architecture: with TF set, #DB follows every instruction, DR6.BS set, RIP at the next one,
 * and TF is set in the frame. Instructions the hypervisor carries out (CPUID by #GP, CR0 reads,
 * port I/O) count as one too. SYSCALL does not step into the kernel's callback.
 */
#include <guest.h>

extern char steps[], after_cr0[], steps_end[];
asm(".pushsection .text; steps: nop; nop; mov %cr0, %rax; after_cr0: nop; nop;"
    "steps_end: ud2; .popsection");

static unsigned int count, saw_cr0, lost_tf;

static bool on_step(struct regs *r)
{
    count++;
    if (r->rip == (uint64_t)after_cr0)
        saw_cr0++;
    if (!(r->rflags & RFLAGS_TF))
        lost_tf++;
    /* The next instruction is the UD2: stop. */
    return r->rip != (uint64_t)steps_end;
}

static void stepped(void *unused)
{
    (void)unused;
    asm volatile("pushf; orl $0x100, (%%rsp); popf; call steps" : : : "rax", "memory", "cc");
}

static long user_nops(void *unused)
{
    (void)unused;
    asm volatile("nop; nop; nop");
    return 0;
}

static unsigned int user_steps;

static bool on_user_step(struct regs *r)
{
    if ((r->cs & 3) != 3)
        return false;
    user_steps++;
    return true;
}

void test_main(void)
{
    struct trap t;

    trap_hook(VEC_DB, on_step);
    trap_catch(stepped, NULL, &t);
    check(t.vector == VEC_DB, "stepping ended in vector %d at 0x%lx", t.vector, t.regs.rip);
    /* call or the first nop, nop, nop, cr0, nop, nop */
    check(count == 6 || count == 7, "%u steps, not 6 or 7", count);
    check(saw_cr0 == 1, "the emulated CR0 read gave %u steps", saw_cr0);
    check(!lost_tf, "%u frames without TF", lost_tf);
    check(hc_get_debugreg(6) & 1 << 14, "DR6.BS is clear: 0x%lx", hc_get_debugreg(6));
    hc_set_debugreg(6, 0);
    trap_hook(VEC_DB, on_user_step);
    trap_user(user_nops, NULL, RFLAGS_TF, &t);
    check(t.vector == VEC_SYSCALL, "user stepping ended in vector %d", t.vector);
    check(user_steps >= 5, "%u steps in user mode", user_steps);
    trap_hook(VEC_DB, NULL);
}
