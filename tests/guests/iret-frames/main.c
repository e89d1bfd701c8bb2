/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What does the iret hypercall make of good and of hostile frames?
 *
 * The ABI: CS with RPL 3 goes to user mode, any other RPL stays in kernel mode; privileged flag
 * bits (IOPL, VM, IF) are not the guest's to set; the IF bit of the frame becomes the upcall mask;
 * a selector the processor refuses, or a non-canonical RIP, faults in the guest. VGCF_in_syscall
 * with a non-canonical RIP must not reach SYSRET, which would fault in ring 0 on a guest's stack
 * (XSA-7). The landing place is a UD2, so that the frame of its #UD shows every register after the
 * return.
 */
#include <guest.h>

extern char landing[];
asm(".pushsection .text; landing: ud2; .popsection");

static uint8_t stack[8192] __attribute__((aligned(STACK_SIZE)));

static void go(void *frame)
{
    iret_to(frame);
}

static struct iret_context frame_for(bool user)
{
    return (struct iret_context){
        .rax = 0xa0a0, .r11 = 0xb1b1, .rcx = 0xc2c2, .rip = (uint64_t)landing,
        .cs = user ? FLAT_USER_CS : FLAT_KERNEL_CS & ~3, .rflags = RFLAGS_FIXED | RFLAGS_IF,
        .rsp = (uint64_t)stack + sizeof(stack) - 64, .ss = FLAT_USER_SS,
    };
}

static uint64_t kernel_stack(void)
{
    uint64_t rsp;

    asm volatile("mov %%rsp, %0" : "=r"(rsp));
    return rsp - 1024;
}

static void run(struct iret_context *frame, struct trap *t)
{
    /* In kernel mode the trap's frame goes on the frame's own stack: it needs our vCPU record. */
    if ((frame->cs & 3) != 3 && frame->rsp >= (uint64_t)stack &&
        frame->rsp < (uint64_t)stack + sizeof(stack))
        frame->rsp = kernel_stack() & ~15UL;
    require(hc_stack_switch(FLAT_KERNEL_SS, (kernel_stack() - 1024) & ~15UL), 0);
    trap_catch(go, frame, t);
    events_on();
}

static void landed(const struct iret_context *f, const struct trap *t, const char *what)
{
    check(t->vector == VEC_UD && t->regs.rip == (uint64_t)landing, "%s: vector %d at 0x%lx", what,
          t->vector, t->regs.rip);
    check(t->regs.rax == f->rax, "%s: rax 0x%lx", what, t->regs.rax);
    check(t->regs.rsp == f->rsp, "%s: rsp 0x%lx", what, t->regs.rsp);
    if (f->flags & VGCF_in_syscall)
        return;
    check(t->regs.rcx == f->rcx && t->regs.r11 == f->r11, "%s: rcx 0x%lx r11 0x%lx", what,
          t->regs.rcx, t->regs.r11);
}

static void good_frames(void)
{
    struct iret_context f;
    struct trap t;

    f = frame_for(false);
    run(&f, &t);
    landed(&f, &t, "to kernel mode");
    check((t.regs.cs & 3) == 0, "to kernel mode: CS 0x%lx", t.regs.cs);
    f = frame_for(false);
    f.cs |= 1;
    run(&f, &t);
    landed(&f, &t, "to kernel mode by RPL 1");
    f = frame_for(true);
    run(&f, &t);
    landed(&f, &t, "to user mode");
    check((t.regs.cs & 3) == 3, "to user mode: CS 0x%lx", t.regs.cs);
    f = frame_for(true);
    f.flags = VGCF_in_syscall;
    run(&f, &t);
    landed(&f, &t, "to user mode in_syscall");
    check((t.regs.cs & 3) == 3, "in_syscall: CS 0x%lx", t.regs.cs);
    check(t.regs.cs >> 16 == 0, "in_syscall: dirt in CS 0x%lx", t.regs.cs);
}

static void flag_bits(bool user)
{
    static const uint64_t forced_off[] = { RFLAGS_IOPL, RFLAGS_VM };
    struct iret_context f;
    struct trap t;
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(forced_off); i++) {
        f = frame_for(user);
        f.rflags |= forced_off[i];
        run(&f, &t);
        landed(&f, &t, "with privileged flags");
        check(!(t.regs.rflags & forced_off[i]), "flags 0x%lx were accepted", t.regs.rflags);
    }
    f = frame_for(user);
    f.rflags &= ~(uint64_t)RFLAGS_IF;
    run(&f, &t);
    landed(&f, &t, "with IF clear");
    check(!(t.regs.rflags & RFLAGS_IF), "IF clear was not kept: 0x%lx", t.regs.rflags);
    f = frame_for(user);
    f.rflags |= RFLAGS_DF | RFLAGS_CF | RFLAGS_ID | RFLAGS_AC;
    run(&f, &t);
    check((t.regs.rflags & (RFLAGS_DF | RFLAGS_CF | RFLAGS_ID | RFLAGS_AC)) ==
          (RFLAGS_DF | RFLAGS_CF | RFLAGS_ID | RFLAGS_AC), "flags came as 0x%lx", t.regs.rflags);
}

static void faulting(const char *what, struct iret_context f, int vector, uint64_t error)
{
    struct trap t;

    run(&f, &t);
    check(t.vector == vector && t.error == error, "%s: vector %d error 0x%lx, not %d 0x%lx", what,
          t.vector, t.error, vector, error);
}

static void hostile_frames(bool user)
{
    struct iret_context f = frame_for(user);
    uint64_t rpl = user ? 3 : 0;

    f.cs = 0xfff8 | rpl;
    faulting("CS beyond the table", f, VEC_GP, 0xfff8);
    f.cs = (FLAT_KERNEL_SS & ~3) | rpl;
    faulting("CS of data", f, VEC_GP, FLAT_KERNEL_SS & ~3);
    f.cs = 4 | rpl;
    faulting("CS in no LDT", f, VEC_GP, 4);
    f = frame_for(user);
    f.ss = 0xfff8 | 3;
    faulting("SS beyond the table", f, VEC_GP, 0xfff8);
    f.ss = FLAT_KERNEL_CS;
    faulting("SS of code", f, VEC_GP, FLAT_KERNEL_CS & ~3);
    f = frame_for(user);
    f.rip = 0x8000000000000000;
    faulting("non-canonical RIP", f, VEC_GP, 0);
    f.rip = 0xffff7fffffffffff;
    faulting("RIP below the upper half", f, VEC_GP, 0);
    f = frame_for(user);
    f.rip = HYPERVISOR_VIRT_START + 0x2d0000000000;
    faulting("RIP in the hypervisor", f, VEC_PF,
             PF_FETCH | (user ? PF_USER : 0));
}

void test_main(void)
{
    struct iret_context f;
    struct trap t;

    trap_user((long (*)(void *))landing, NULL, 0, &t);
    good_frames();
    flag_bits(false);
    flag_bits(true);
    hostile_frames(false);
    hostile_frames(true);
    f = frame_for(true);
    f.flags = VGCF_in_syscall;
    f.rip = 0x0000800000000000;
    faulting("in_syscall, RIP 2^47", f, VEC_GP, 0);
    f.rip = 0x00007ffffffff000;
    faulting("in_syscall, highest page", f, VEC_PF, PF_FETCH | PF_USER);
    f.rip = 0x8000000000000000;
    faulting("in_syscall, non-canonical RIP", f, VEC_GP, 0);
    f = frame_for(true);
    f.flags = ~(uint64_t)VGCF_in_syscall;
    run(&f, &t);
    check(t.vector == VEC_UD, "unknown flag bits: vector %d", t.vector);
}
