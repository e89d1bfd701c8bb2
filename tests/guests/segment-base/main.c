/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do FS and GS bases follow set_segment_base, MSR writes and mode switches?
 *
 * The ABI: SEGBASE_FS and SEGBASE_GS_KERNEL set the bases the guest kernel runs with,
 * SEGBASE_GS_USER the one user mode gets; going to user mode and back swaps the GS bases;
 * non-canonical addresses give -EINVAL; SEGBASE_GS_USER_SEL loads a selector, hostile ones become
 * null. FS_BASE, GS_BASE and KERNEL_GS_BASE MSRs are the same values.
 */
#include <guest.h>

#define MSR_FS_BASE 0xc0000100
#define MSR_GS_BASE 0xc0000101
#define MSR_KERNEL_GS_BASE 0xc0000102

static uint64_t area[3][2] = { { 0xf5f5 }, { 0x6565 }, { 0x7575 } };

static uint64_t fs_word(void)
{
    uint64_t value;

    asm volatile("mov %%fs:0, %0" : "=r"(value));
    return value;
}

static uint64_t gs_word(void)
{
    uint64_t value;

    asm volatile("mov %%gs:0, %0" : "=r"(value));
    return value;
}

static long user_gs_word(void *unused)
{
    (void)unused;
    return (long)gs_word();
}

static long user_fs_word(void *unused)
{
    (void)unused;
    return (long)fs_word();
}

static uint64_t rdmsr(uint32_t msr)
{
    uint32_t low, high;

    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return ((uint64_t)high << 32) | low;
}

static void wrmsr(uint32_t msr, uint64_t value)
{
    asm volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

static void wrmsr_bad(void *msr)
{
    wrmsr((uint32_t)(uintptr_t)msr, 0x8000000000000000);
}

static void by_hypercall(void)
{
    expect(hc_set_segment_base(SEGBASE_FS, &area[0]), 0);
    expect(hc_set_segment_base(SEGBASE_GS_KERNEL, &area[1]), 0);
    expect(hc_set_segment_base(SEGBASE_GS_USER, &area[2]), 0);
    expect(fs_word(), 0xf5f5);
    expect(gs_word(), 0x6565);
    expect(user_call(user_gs_word, NULL), 0x7575);
    expect(gs_word(), 0x6565);
    expect(user_call(user_fs_word, NULL), 0xf5f5);
    expect(rdmsr(MSR_FS_BASE), (uint64_t)&area[0]);
    expect(rdmsr(MSR_GS_BASE), (uint64_t)&area[1]);
    expect(rdmsr(MSR_KERNEL_GS_BASE), (uint64_t)&area[2]);
}

static void by_msr(void)
{
    wrmsr(MSR_FS_BASE, (uint64_t)&area[1]);
    wrmsr(MSR_GS_BASE, (uint64_t)&area[2]);
    wrmsr(MSR_KERNEL_GS_BASE, (uint64_t)&area[0]);
    expect(fs_word(), 0x6565);
    expect(gs_word(), 0x7575);
    expect(user_call(user_gs_word, NULL), 0xf5f5);
    expect_trap(wrmsr_bad, MSR_FS_BASE, VEC_GP, 0);
    expect_trap(wrmsr_bad, MSR_GS_BASE, VEC_GP, 0);
    expect_trap(wrmsr_bad, MSR_KERNEL_GS_BASE, VEC_GP, 0);
    expect(fs_word(), 0x6565);
}

static void hostile(void)
{
    expect(hc_set_segment_base(SEGBASE_FS, 0x8000000000000000), -XEN_EINVAL);
    expect(hc_set_segment_base(SEGBASE_GS_KERNEL, 0x0000800000000000), -XEN_EINVAL);
    expect(hc_set_segment_base(SEGBASE_GS_USER, 0xffff7fffffffffff), -XEN_EINVAL);
    expect(hc_set_segment_base(4, &area[0]), -XEN_EINVAL);
    expect(hc_set_segment_base(0xffffffff, &area[0]), -XEN_EINVAL);
    expect(fs_word(), 0x6565);
    /* A base inside the hypervisor is legal and useless. */
    expect(hc_set_segment_base(SEGBASE_FS, HYPERVISOR_VIRT_START), 0);
    expect(hc_set_segment_base(SEGBASE_FS, &area[0]), 0);
}

static void user_selector(void)
{
    uint16_t gs;

    expect(hc_set_segment_base(SEGBASE_GS_USER_SEL, FLAT_USER_DS32), 0);
    expect(hc_set_segment_base(SEGBASE_GS_USER_SEL, 0xfff8), 0);
    expect(hc_set_segment_base(SEGBASE_GS_USER_SEL, 0), 0);
    expect(hc_set_segment_base(SEGBASE_GS_USER, &area[2]), 0);
    expect(user_call(user_gs_word, NULL), 0x7575);
    asm volatile("mov %%gs, %0" : "=r"(gs));
    check(gs == 0 || (gs & ~3) == 0, "kernel's GS selector is 0x%x", gs);
}

void test_main(void)
{
    by_hypercall();
    by_msr();
    hostile();
    user_selector();
}
