/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can a guest use debug registers for itself, and set none that would hit the hypervisor?
 *
 * The ABI: set_debugreg and MOV to DRn do the same; addresses in the hypervisor's range give
 * -EPERM (#GP by MOV); bits of DR6 and DR7 that must be zero are dropped by the hypercall and #GP
 * by MOV, and general detection is never on; other registers don't exist; a match gives #DB with
 * DR6 told.
 */
#include <guest.h>

static uint64_t watched;

static void touch(void *unused)
{
    (void)unused;
    watched = 7;
}

static void write_dr0(void *value)
{
    asm volatile("mov %0, %%dr0" : : "r"(value));
}

static void write_dr7(void *value)
{
    asm volatile("mov %0, %%dr7" : : "r"(value));
}

static uint64_t read_dr(unsigned int n)
{
    uint64_t value;

    if (n == 0)
        asm volatile("mov %%dr0, %0" : "=r"(value));
    else if (n == 6)
        asm volatile("mov %%dr6, %0" : "=r"(value));
    else
        asm volatile("mov %%dr7, %0" : "=r"(value));
    return value;
}

static void watch(void)
{
    struct trap t;

    expect(hc_set_debugreg(0, &watched), 0);
    expect(hc_set_debugreg(6, 0), 0);
    /* Enable local 0: write, 8 bytes. */
    expect(hc_set_debugreg(7, 0x00090001), 0);
    trap_catch(touch, NULL, &t);
    check(t.vector == VEC_DB, "a watched write gave vector %d", t.vector);
    check((hc_get_debugreg(6) & 0xf) == 1, "DR6 is 0x%lx", hc_get_debugreg(6));
    expect(read_dr(6) & 0xf, 1);
    expect(hc_set_debugreg(7, 0), 0);
    check(!trap_catch(touch, NULL, &t), "a write trapped with DR7 clear");
}

static void hostile(void)
{
    static const unsigned long bad[] = {
        HYPERVISOR_VIRT_START, HYPERVISOR_VIRT_END - 8, 0xffff82d040200000, 0x8000000000000000,
    };
    unsigned int i, reg;

    for (i = 0; i < ARRAY_SIZE(bad); i++) {
        for (reg = 0; reg < 4; reg++) {
            long got = hc_set_debugreg(reg, bad[i]);

            check(got == -XEN_EPERM, "DR%u = 0x%lx gave %ld", reg, bad[i], got);
        }
    }
    expect_trap(write_dr0, HYPERVISOR_VIRT_START + 0x1000, VEC_GP, 0);
    for (reg = 6; reg < 8; reg++) {
        long before = hc_get_debugreg(reg);

        hc_set_debugreg(reg, (unsigned long)before | 1UL << 32);
        check(hc_get_debugreg(reg) == before, "upper half of DR%u was kept", reg);
    }
    expect_trap(write_dr7, 1UL << 32, VEC_GP, 0);
    expect(hc_set_debugreg(8, 0), -XEN_ENODEV);
    expect(hc_set_debugreg(0xffffffff, 0), -XEN_ENODEV);
    expect(hc_get_debugreg(8), -XEN_ENODEV);
    /* General detection is dropped silently or refused, never kept. */
    hc_set_debugreg(7, 1 << 13);
    check(!(hc_get_debugreg(7) & 1 << 13), "general detection was kept");
    hc_set_debugreg(7, 0);
}

void test_main(void)
{
    unsigned int reg;

    for (reg = 0; reg < 4; reg++) {
        expect(hc_set_debugreg(reg, 0x1000 * (reg + 1)), 0);
        expect(hc_get_debugreg(reg), 0x1000 * (reg + 1));
    }
    expect(hc_get_debugreg(6), 0xffff0ff0);
    expect(hc_get_debugreg(7), 0x400);
    expect(read_dr(7), 0x400);
    write_dr0((void *)0x123000);
    expect(hc_get_debugreg(0), 0x123000);
    expect(read_dr(0), 0x123000);
    watch();
    hostile();
    write_dr7((void *)0x401);
    check(read_dr(7) & 1, "MOV to DR7 was lost");
    write_dr7((void *)0x400);
}
