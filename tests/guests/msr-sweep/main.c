/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What do RDMSR and WRMSR of every interesting number do? Never crash; a value or #GP(0).
 *
 * Every MSR in the usual ranges is read, and written with what was read, with zero and with all
 * ones. Then machine-critical ones must be as they were: EFER, LSTAR and the like never take the
 * guest's value, and secrets (SMM, microcode, debug control) are refused or read as harmless.
 */
#include <guest.h>

enum { MSR_EFER = 0xc0000080, MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK };

struct access {
    uint32_t msr;
    uint64_t value;
};

static void rdmsr(void *access_)
{
    struct access *a = access_;
    uint32_t low, high;

    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(a->msr));
    a->value = ((uint64_t)high << 32) | low;
}

static void wrmsr(void *access_)
{
    struct access *a = access_;

    asm volatile("wrmsr" : : "c"(a->msr), "a"((uint32_t)a->value), "d"((uint32_t)(a->value >> 32)));
}

static unsigned int readable, writable;

static void try_write(uint32_t msr, uint64_t value)
{
    struct access a = { msr, value };
    struct trap t;

    if (trap_catch(wrmsr, &a, &t))
        check(t.vector == VEC_GP && t.error == 0, "WRMSR 0x%x: vector %d error 0x%lx", msr,
              t.vector, t.error);
    else
        writable++;
}

/* Bases: writing them moves this test's own ground. Microcode and power states: not for a test. */
static bool dangerous(uint32_t msr)
{
    return (msr >= 0xc0000100 && msr <= 0xc0000102) || msr == 0x79 || msr == 0xc0010020 ||
           (msr >= 0x200 && msr <= 0x2ff);
}

static void range(uint32_t first, uint32_t last)
{
    uint32_t msr;

    for (msr = first; msr <= last; msr++) {
        struct access a = { msr, 0 };
        struct trap t;

        if (trap_catch(rdmsr, &a, &t)) {
            check(t.vector == VEC_GP && t.error == 0, "RDMSR 0x%x: vector %d error 0x%lx", msr,
                  t.vector, t.error);
        } else {
            readable++;
            if (!dangerous(msr))
                try_write(msr, a.value);
        }
        if (!dangerous(msr)) {
            try_write(msr, 0);
            try_write(msr, ~0UL);
        }
    }
}

static void still_sane(void)
{
    struct access a = { MSR_EFER, 0 };
    struct trap t;

    check(!trap_catch(rdmsr, &a, &t), "EFER can't be read: vector %d", t.vector);
    check((a.value & 0x501) == 0x501, "EFER reads 0x%lx: SCE, LME, LMA missing", a.value);
    check(!(a.value & 1 << 12), "EFER shows SVME");
    /* System calls of both kinds still work. */
    expect(hc_xen_version(XENVER_version, NULL), 0x40011);
    check(now_ns() > 0, "no time");
}

static void read_only_ones(void)
{
    static const uint32_t numbers[] = { MSR_LSTAR, MSR_CSTAR, MSR_SFMASK, MSR_STAR };
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(numbers); i++) {
        struct access a = { numbers[i], 0 };

        /* The hypervisor's entry address must not be told. */
        if (!trap_catch(rdmsr, &a, NULL))
            check(a.value < HYPERVISOR_VIRT_START || a.value >= HYPERVISOR_VIRT_END,
                  "MSR 0x%x tells 0x%lx", numbers[i], a.value);
    }
}

void test_main(void)
{
    range(0, 0x4ff);
    range(0x600, 0x6ff);
    range(0x800, 0x8ff);
    range(0xc80, 0xc9f);
    range(0x40000000, 0x4000001f);
    range(0xc0000080, 0xc000011f);
    range(0xc0010000, 0xc001011f);
    range(0xc0011000, 0xc001103f);
    still_sane();
    read_only_ones();
    printf("Note: %u readable, %u writes taken\n", readable, writable);
}
