/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can a second vCPU be initialised, started, stopped and started again, and are hostile contexts
 * and numbers refused?
 *
 * The ABI: initialise takes a context once (-EEXIST after); up, down and is_up; a vCPU without
 * context can't come up (-EINVAL); numbers without a vCPU give -ENOENT; unknown operations -ENOSYS;
 * in the context: page tables must be the domain's, selectors are forced to the guest's level,
 * addresses canonical.
 */
#include <guest.h>

static volatile unsigned int ran, seen_id;
static volatile uint64_t seen_flags, seen_cs;

static void second(void *arg)
{
    uint64_t flags, cs;

    asm volatile("pushf; pop %0; mov %%cs, %1" : "=r"(flags), "=r"(cs));
    seen_flags = flags;
    seen_cs = cs;
    seen_id = this_vcpu()->id;
    ran += (unsigned int)(uintptr_t)arg;
}

static struct vcpu_guest_context ctx;

static void hostile_contexts(void)
{
    vcpu_context(1, second, (void *)1, &ctx);
    ctx.ctrlreg[3] = xen_pfn_to_cr3(virt_to_mfn(page_alloc()));
    check(hc_vcpu_op(VCPUOP_initialise, 1, &ctx) < 0, "a data page as base was taken");
    ctx.ctrlreg[3] = xen_pfn_to_cr3(0xfffffffffUL);
    check(hc_vcpu_op(VCPUOP_initialise, 1, &ctx) < 0, "no memory as base was taken");
    vcpu_context(1, second, (void *)1, &ctx);
    ctx.flags &= ~(unsigned long)VGCF_in_kernel;
    ctx.ctrlreg[1] = 8;
    expect(hc_vcpu_op(VCPUOP_initialise, 1, &ctx), -XEN_EINVAL); /* user mode, its base frame 0 */
    vcpu_context(1, second, (void *)1, &ctx);
    ctx.gdt_ents = 512;
    ctx.gdt_frames[0] = mm_root_mfn();
    check(hc_vcpu_op(VCPUOP_initialise, 1, &ctx) < 0, "the L4 as GDT was taken");
    ctx.gdt_ents = 100000;
    check(hc_vcpu_op(VCPUOP_initialise, 1, &ctx) < 0, "100,000 descriptors were taken");
    vcpu_context(1, second, (void *)1, &ctx);
    ctx.ldt_ents = 100000;
    check(hc_vcpu_op(VCPUOP_initialise, 1, &ctx) < 0, "an LDT of 100,000 was taken");
    vcpu_context(1, second, (void *)1, &ctx);
    ctx.event_callback_eip = 0x8000000000000000;
    check(hc_vcpu_op(VCPUOP_initialise, 1, &ctx) < 0, "a non-canonical callback was taken");
    vcpu_context(1, second, (void *)1, &ctx);
    ctx.user_regs.rip = 0x8000000000000000;
    check(hc_vcpu_op(VCPUOP_initialise, 1, &ctx) < 0, "a non-canonical RIP was taken");
    expect(hc_vcpu_op(VCPUOP_initialise, 1, 0x1000), -XEN_EFAULT);
    expect(hc_vcpu_op(VCPUOP_initialise, 1, HYPERVISOR_VIRT_START + 0x1000), -XEN_EFAULT);
    expect(hc_vcpu_op(VCPUOP_up, 1, NULL), -XEN_EINVAL);
}

static void life(void)
{
    vcpu_context(1, second, (void *)1, &ctx);
    /* What the guest may not choose is corrected, not obeyed. */
    ctx.user_regs.rflags = RFLAGS_IOPL | RFLAGS_FIXED;
    ctx.user_regs.cs = FLAT_KERNEL_CS & ~3;
    expect(hc_vcpu_op(VCPUOP_is_up, 1, NULL), 0);
    expect(hc_vcpu_op(VCPUOP_initialise, 1, &ctx), 0);
    expect(hc_vcpu_op(VCPUOP_is_up, 1, NULL), 0);
    expect(hc_vcpu_op(VCPUOP_initialise, 1, &ctx), -XEN_EEXIST);
    expect(hc_vcpu_op(VCPUOP_up, 1, NULL), 0);
    check(wait_until(ran == 1, 1000), "the second vCPU did not run");
    check(vcpu_wait_down(1), "the second vCPU did not go down");
    expect(seen_id, 1);
    check(!(seen_flags & RFLAGS_IOPL), "the vCPU started with flags 0x%lx", seen_flags);
    check((seen_cs & 3) == 3, "the vCPU started with CS 0x%lx", seen_cs);
}

static volatile unsigned int loops;

static void spin(void *unused)
{
    (void)unused;
    for (;;)
        loops++;
}

/* The other CPU has to hear of it first, and a loaded emulator lets it wait. */
static bool loops_stop(void)
{
    unsigned int tries, before;

    for (tries = 0; tries < 100; tries++) {
        before = loops;
        spin_ns(20 * NS_PER_MS);
        if (loops == before)
            return true;
    }
    return false;
}

/* One vCPU takes another down while it runs, and lets it go on where it was. */
static void from_outside(void)
{
    unsigned int before;

    require(vcpu_start(2, spin, NULL), 0);
    check(wait_until(loops > 1000, 2000), "the third vCPU did not run");
    expect(hc_vcpu_op(VCPUOP_down, 2, NULL), 0);
    expect(hc_vcpu_op(VCPUOP_is_up, 2, NULL), 0);
    check(loops_stop(), "a vCPU that is down runs");
    before = loops;
    expect(hc_vcpu_op(VCPUOP_up, 2, NULL), 0);
    expect(hc_vcpu_op(VCPUOP_is_up, 2, NULL), 1);
    check(wait_until(loops > before, 2000), "a vCPU brought up again does not run");
    expect(hc_vcpu_op(VCPUOP_down, 2, NULL), 0);
}

void test_main(void)
{
    static const unsigned int numbers[] = { 64, 200, 8192, 0x7fffffff, 0xffffffff };
    unsigned int i;

    vcpu_need(3);
    expect(hc_vcpu_op(VCPUOP_is_up, 0, NULL), 1);
    for (i = 0; i < ARRAY_SIZE(numbers); i++) {
        expect(hc_vcpu_op(VCPUOP_is_up, numbers[i], NULL), -XEN_ENOENT);
        expect(hc_vcpu_op(VCPUOP_up, numbers[i], NULL), -XEN_ENOENT);
        expect(hc_vcpu_op(VCPUOP_down, numbers[i], NULL), -XEN_ENOENT);
        expect(hc_vcpu_op(VCPUOP_initialise, numbers[i], &ctx), -XEN_ENOENT);
    }
    expect(hc_vcpu_op(99, 0, NULL), -XEN_ENOSYS);
    expect(hc_vcpu_op(0x7fffffff, 0, NULL), -XEN_ENOSYS);
    hostile_contexts();
    life();
    from_outside();
}
