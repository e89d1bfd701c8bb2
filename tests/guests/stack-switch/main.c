/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does stack_switch choose the stack that traps from user mode use, and refuse a hostile selector?
 *
 * The ABI: the next entry from user mode pushes its frame at the given RSP (aligned down to 16);
 * the selector's RPL is forced; the hypervisor must not fault on a hostile RSP: it kills the domain
 * only when it has to use it. Entry from kernel mode goes on the running stack.
 */
#include <guest.h>

static uint8_t other[STACK_SIZE] __attribute__((aligned(STACK_SIZE)));
static uint64_t frame_at;

static bool note_stack(struct regs *r)
{
    frame_at = (uint64_t)(&r->ss + 1);
    return false;
}

extern char here[];
asm(".pushsection .text; here: ud2; .popsection");

static void enter_user(void *unused)
{
    struct iret_context f = {
        .rip = (uint64_t)here, .cs = FLAT_USER_CS, .ss = FLAT_USER_SS, .rflags = RFLAGS_IF,
        .rsp = (uint64_t)other + 4096,
    };

    (void)unused;
    iret_to(&f);
}

static void at(uint64_t rsp, uint64_t want)
{
    struct trap t;

    require(hc_stack_switch(FLAT_KERNEL_SS, rsp), 0);
    trap_catch(enter_user, NULL, &t);
    check(t.vector == VEC_UD, "vector %d", t.vector);
    check(frame_at == want, "stack 0x%lx: frame ends at 0x%lx, not 0x%lx", rsp, frame_at, want);
}

static void kernel_ud(void *unused)
{
    (void)unused;
    asm volatile("ud2");
}

void test_main(void)
{
    uint64_t top = (uint64_t)other + STACK_SIZE, rsp;
    struct trap t;

    /* Traps on the other stack need the vCPU's record there. */
    trap_user((long (*)(void *))here, NULL, 0, &t);
    memcpy(other, this_vcpu(), sizeof(struct vcpu));
    trap_hook(VEC_UD, note_stack);
    asm volatile("mov %%rsp, %0" : "=r"(rsp));
    /* The catch is armed in the real record: let both stacks share it. */
    ((struct vcpu *)other)->catch = NULL;
    trap_hook(VEC_UD, note_stack);
    at((rsp & ~15UL) - 1024, (rsp & ~15UL) - 1024);
    at((rsp & ~15UL) - 1024 + 8, (rsp & ~15UL) - 1024);
    trap_catch(kernel_ud, NULL, &t);
    check((frame_at & ~(STACK_SIZE - 1)) == (rsp & ~(uint64_t)(STACK_SIZE - 1)),
          "a trap in kernel mode left the running stack");
    /* Hostile: taken or refused, never harmful while not used. */
    check(hc_stack_switch(FLAT_KERNEL_SS, 0x8000000000000000) <= 0, "hostile RSP");
    check(hc_stack_switch(FLAT_KERNEL_SS, HYPERVISOR_VIRT_START + 0x1000) <= 0, "hostile RSP");
    expect(hc_stack_switch(FLAT_KERNEL_SS & ~3, top), 0);
    expect(hc_stack_switch(0, top), 0);
    at((rsp & ~15UL) - 2048, (rsp & ~15UL) - 2048);
}
