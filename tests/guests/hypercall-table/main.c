/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What do hypercall numbers without a function give, and which registers survive a hypercall?
 *
 * The ABI: the number is RAX (all of it), a number without a row gives -ENOSYS, RAX holds the
 * result, RCX and R11 are lost to SYSCALL (they come back as RIP and RFLAGS). Argument registers
 * may be clobbered; all other registers are kept, and so are the flags. Told apart by loading
 * every register with its own pattern and comparing after the call.
 */
#include <guest.h>

static const unsigned long unknown[] = {
    11, 16 + 27, 44, 45, 46, 47, 48 + 8, 57, 63, 64, 65, 100, 127, 128, 255, 256, 1000, 4095, 4096,
    0x10000, 0x7fffffff, 0x80000000, 0xffffffff,
};

static void fill(struct raw_regs *r, uint64_t rax)
{
    uint64_t *word = &r->rax, pattern = 0x1111000011110000;
    unsigned int i;

    for (i = 0; i < sizeof(*r) / sizeof(*word); i++)
        word[i] = pattern + i;
    r->rax = rax;
}

static void check_registers(uint64_t number, long want)
{
    struct raw_regs before, r;

    fill(&r, number);
    before = r;
    expect(hypercall_raw(&r), want);
#define KEPT(reg) \
    check(r.reg == before.reg, "number 0x%lx: " #reg " became 0x%lx", number, r.reg)
    KEPT(rbx);
    KEPT(rbp);
    KEPT(r12);
    KEPT(r13);
    KEPT(r14);
    KEPT(r15);
    /* Not argument registers of a call that does not exist. */
    KEPT(r9);
    check(r.rcx == (uint64_t)hypercall_raw_return || r.rcx == before.rcx,
          "number 0x%lx: rcx is 0x%lx", number, r.rcx);
}

static uint64_t flags_around(unsigned long number, uint64_t flags)
{
    uint64_t after;

    asm volatile("pushf; popq %%rbx; push %[in]; popf; syscall; pushf; popq %[out];"
                 "push %%rbx; popf"
                 : [out] "=&r"(after), "+a"(number)
                 : [in] "r"(flags)
                 : "rbx", "rcx", "r11", "memory", "cc", "rdi", "rsi", "rdx", "r10", "r8", "r9");
    return after;
}

void test_main(void)
{
    static const uint64_t flag_sets[] = {
        0, RFLAGS_CF, RFLAGS_ZF, RFLAGS_OF | RFLAGS_CF, RFLAGS_DF, RFLAGS_ID, RFLAGS_AC,
    };
    const uint64_t visible = RFLAGS_CF | RFLAGS_ZF | RFLAGS_OF | RFLAGS_DF | RFLAGS_ID | RFLAGS_AC;
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(unknown); i++) {
        long got = hypercall_number(unknown[i], 1, 2);

        check(got == -XEN_ENOSYS, "number 0x%lx gave %ld, not -ENOSYS", unknown[i], got);
        check_registers(unknown[i], -XEN_ENOSYS);
    }
    /* Bits 63:32 of RAX are part of the number. */
    expect(hypercall_number(__HYPERVISOR_xen_version, XENVER_version, 0), 0x40011);
    expect(hypercall_number(0xdead000000000000UL | __HYPERVISOR_xen_version, XENVER_version, 0),
           -XEN_ENOSYS);
    check_registers(0xffffffff00000000UL | 63, -XEN_ENOSYS);
    for (i = 0; i < ARRAY_SIZE(flag_sets); i++) {
        uint64_t got = flags_around(63, flag_sets[i] | RFLAGS_FIXED) & visible;

        check(got == flag_sets[i], "flags 0x%lx became 0x%lx", flag_sets[i], got);
    }
}
