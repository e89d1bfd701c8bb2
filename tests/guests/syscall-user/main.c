/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does SYSCALL from user mode arrive at the registered callback, and does iret go back with either
 * way of restoring registers?
 *
 * The ABI: the callback's frame holds RCX and R11 (equal to RIP and RFLAGS), RIP behind SYSCALL,
 * the user's CS and SS, RSP; CALLBACKF_mask_events turns events off on entry; iret with
 * VGCF_in_syscall restores RAX, RIP, RFLAGS and RSP only, without it RCX and R11 too.
 */
#include <guest.h>

static uint64_t seen_flags, seen_mask, seen_rcx, seen_r11, seen_rip;
static bool go_back;

static bool on_syscall(struct regs *r)
{
    if (!go_back)
        return false;
    go_back = false;
    seen_rcx = r->rcx;
    seen_r11 = r->r11;
    seen_rip = r->rip;
    seen_flags = r->rflags;
    seen_mask = this_vcpu()->info->evtchn_upcall_mask;
    r->rax = 0x600d;
    r->rbx = 0xb0b;
    r->rcx = 0xc0c;
    r->r11 = 0xd0d;
    return true;
}

static long registers(void *out_)
{
    uint64_t *out = out_;

    asm volatile("mov $7, %%eax; mov $0x5a5a, %%r12d; syscall; mov %%rax, 0(%0);"
                 "mov %%rbx, 8(%0); mov %%rcx, 16(%0); mov %%r11, 24(%0); mov %%r12, 32(%0)"
                 : : "D"(out) : "rax", "rbx", "rcx", "r11", "r12", "memory");
    return 0x77;
}

static long only_syscall(void *unused)
{
    (void)unused;
    asm volatile("syscall");
    return 0;
}

static void round_trip(void)
{
    uint64_t out[5] = { 0 };

    go_back = true;
    expect(user_call(registers, out), 0x77);
    expect(out[0], 0x600d);
    expect(out[1], 0xb0b);
    expect(out[2], 0xc0c);
    expect(out[3], 0xd0d);
    expect(out[4], 0x5a5a);
    check(seen_rcx == seen_rip, "callback: rcx 0x%lx is not rip 0x%lx", seen_rcx, seen_rip);
    check(*(uint16_t *)(seen_rip - 2) == 0x050f, "callback: RIP is not behind SYSCALL");
    check(seen_r11 & RFLAGS_IF, "callback: r11 lacks IF: 0x%lx", seen_r11);
    check(seen_mask == 0, "callback without CALLBACKF_mask_events has events off");
}

static void masked(void)
{
    struct callback_register reg = { .type = CALLBACKTYPE_syscall, .flags = CALLBACKF_mask_events,
                                     .address = (unsigned long)syscall_stub };
    uint64_t out[5];

    expect(hc_callback_op(CALLBACKOP_register, &reg), 0);
    go_back = true;
    expect(user_call(registers, out), 0x77);
    check(seen_mask == 1, "CALLBACKF_mask_events did not turn events off");
    check(seen_flags & RFLAGS_IF, "callback: frame lacks IF");
    check(this_vcpu()->info->evtchn_upcall_mask == 0, "iret with IF did not turn events on");
    reg.flags = 0;
    expect(hc_callback_op(CALLBACKOP_register, &reg), 0);
}

void test_main(void)
{
    struct callback_register reg = { .type = CALLBACKTYPE_syscall,
                                     .address = 0x8000000000000000 };
    struct trap t;

    trap_hook(VEC_SYSCALL, on_syscall);
    round_trip();
    masked();
    expect(hc_callback_op(CALLBACKOP_register, &reg), -XEN_EINVAL);
    /* The refused address must not have replaced the good one. */
    trap_user(only_syscall, NULL, 0, &t);
    check(t.vector == VEC_SYSCALL, "SYSCALL gave vector %d", t.vector);
    /* TF in user mode does not survive into the kernel's callback. */
    trap_user(only_syscall, NULL, RFLAGS_DF, &t);
    check(t.vector == VEC_SYSCALL && (t.regs.rflags & RFLAGS_DF), "SYSCALL lost DF: 0x%lx",
          t.regs.rflags);
}
