/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can a guest's user mode do that makes exits? Hypercalls are refused with -EPERM, privileged
 * instructions raise #GP in the guest itself, CPUID is allowed.
 */
#include <hvm.h>

static long user_hypercall(void *unused)
{
    (void)unused;
    return hc_xen_version(XENVER_version, NULL);
}

static long user_cpuid(void *unused)
{
    uint32_t r[4];

    (void)unused;
    cpuid(0x40000001, 0, r);
    return (long)r[0];
}

static long user_wrmsr(void *unused)
{
    (void)unused;
    wrmsr(0xc0000082, 0);
    return 0;
}

static long user_cr0(void *unused)
{
    (void)unused;
    return (long)read_cr0();
}

void test_main(void)
{
    expect(user_call(user_hypercall, NULL), -XEN_EPERM);
    expect(user_call(user_cpuid, NULL), 4 << 16 | 17);
    expect_user_trap(user_wrmsr, NULL, VEC_GP, 0);
    expect_user_trap(user_cr0, NULL, VEC_GP, 0);
}
