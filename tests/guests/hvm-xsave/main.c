/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XSETBV: values that are valid are taken and CPUID's size follows them; others raise #GP.
 */
#include <hvm.h>

static void set_xcr0(void *val)
{
    asm volatile("xsetbv" : : "c"(0), "a"((uint32_t)(uint64_t)val), "d"(0));
}

static void set_xcr1(void *val)
{
    asm volatile("xsetbv" : : "c"(1), "a"((uint32_t)(uint64_t)val), "d"(0));
}

void test_main(void)
{
    uint32_t r[4];

    cpuid(1, 0, r);
    if (!(r[2] & 1u << 26))
        report_skip("no XSAVE");
    expect_trap(set_xcr0, 3UL, VEC_UD, -1);
    write_cr4(read_cr4() | 1UL << 18);
    set_xcr0((void *)3UL);
    cpuid(0xd, 0, r);
    check(r[1] == 576, "size 0x%x with x87 and SSE", r[1]);
    if (r[0] & 4) {
        set_xcr0((void *)7UL);
        cpuid(0xd, 0, r);
        check(r[1] == 832, "size 0x%x with AVX", r[1]);
    }
    expect_trap(set_xcr0, 0UL, VEC_GP, 0);
    expect_trap(set_xcr0, 5UL, VEC_GP, 0);
    expect_trap(set_xcr1, 3UL, VEC_GP, 0);
}
