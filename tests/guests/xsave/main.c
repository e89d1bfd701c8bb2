/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can a PV guest see and choose XCR0, and does extended state survive a switch of vCPUs?
 *
 * The ABI: CR4.OSXSAVE as CPUID says; XGETBV is native, XSETBV is emulated: bit 0 must be set, AVX
 * needs SSE, unknown bits give #GP, XCR1 gives #GP. Two vCPUs on one processor fill all 16 vector
 * registers with their own patterns, yield and compare: no leak, no loss.
 */
#include <guest.h>

#define ROUNDS 200
#define XSAVEC 2 /* in EAX of leaf 0xd, sub-leaf 1 */

static uint64_t xgetbv(void)
{
    uint32_t low, high;

    asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
}

static uint32_t xcr = 0;

static void xsetbv(void *value_)
{
    uint64_t value = (uint64_t)value_;

    asm volatile("xsetbv" : : "a"((uint32_t)value), "d"((uint32_t)(value >> 32)), "c"(xcr));
}

static void fill(uint64_t seed)
{
#define SET(n) asm volatile("movq %0, %%xmm" #n "; pshufd $0x44, %%xmm" #n ", %%xmm" #n \
                            : : "r"(seed + n))
    SET(0); SET(1); SET(2); SET(3); SET(4); SET(5); SET(6); SET(7);
    SET(8); SET(9); SET(10); SET(11); SET(12); SET(13); SET(14); SET(15);
}

static unsigned int differ(uint64_t seed)
{
    uint64_t low, high;
    unsigned int wrong = 0;

#define GET(n) \
    asm volatile("movq %%xmm" #n ", %0; movhlps %%xmm" #n ", %%xmm" #n "; movq %%xmm" #n ", %1;" \
                 : "=r"(low), "=r"(high)); \
    wrong += low != seed + n || high != seed + n;
    GET(0) GET(1) GET(2) GET(3) GET(4) GET(5) GET(6) GET(7)
    GET(8) GET(9) GET(10) GET(11) GET(12) GET(13) GET(14) GET(15)
    return wrong;
}

static volatile unsigned int wrong_second, rounds_second, stop;

static void second(void *unused)
{
    (void)unused;
    while (!stop) {
        fill(0x1000000000000000 + rounds_second);
        hc_sched_op(SCHEDOP_yield, NULL);
        wrong_second += differ(0x1000000000000000 + rounds_second);
        rounds_second++;
    }
}

static void switching(void)
{
    unsigned int i, wrong = 0;

    if (hc_vcpu_op(VCPUOP_is_up, 1, NULL) < 0)
        return;
    require(vcpu_start(1, second, NULL), 0);
    for (i = 0; i < ROUNDS || (rounds_second < 10 && i < 100 * ROUNDS); i++) {
        fill(0x2000000000000000 + i);
        hc_sched_op(SCHEDOP_yield, NULL);
        wrong += differ(0x2000000000000000 + i);
    }
    stop = 1;
    check(vcpu_wait_down(1), "the second vCPU does not end");
    check(!wrong && !wrong_second, "%u and %u registers changed over a switch", wrong,
          wrong_second);
    check(rounds_second >= 10, "only %u rounds on the second vCPU", rounds_second);
}

static void cpuid_d(uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c)
{
    uint32_t d;

    *a = 0xd;
    *c = sub;
    asm volatile(XEN_EMULATE_PREFIX "cpuid" : "+a"(*a), "=b"(*b), "+c"(*c), "=d"(d));
}

/* Do the sizes in leaf 0xd follow XCR0 and add up? */
static void sizes(uint64_t xcr0)
{
    uint32_t a, b, c, extended, standard = 512 + 64, compact = standard;
    unsigned int i;

    cpuid_d(1, &extended, &b, &c);
    for (i = 2; i < 63; i++) {
        if (!(xcr0 >> i & 1))
            continue;
        cpuid_d(i, &a, &b, &c);
        if (b + a > standard)
            standard = b + a;
        if (c & 2)
            compact = (compact + 63) & ~63U;
        compact += a;
    }
    cpuid_d(0, &a, &b, &c);
    expect(b, standard);
    cpuid_d(1, &a, &b, &c);
    expect(b, extended & XSAVEC ? compact : 0);
}

static void xcr0(void)
{
    uint64_t value = xgetbv();

    check((value & 3) == 3, "XCR0 is 0x%lx", value);
    check(!trap_catch(xsetbv, (void *)value, NULL), "XSETBV of the same value trapped");
    expect_trap(xsetbv, 0, VEC_GP, 0);
    expect_trap(xsetbv, value & ~1UL, VEC_GP, 0);
    expect_trap(xsetbv, value | 1UL << 63, VEC_GP, 0);
    expect_trap(xsetbv, 5, VEC_GP, 0);
    xcr = 1;
    expect_trap(xsetbv, value, VEC_GP, 0);
    xcr = 0;
    check(!trap_catch(xsetbv, (void *)3, NULL), "XCR0 = 3 was refused");
    expect(xgetbv(), 3);
    sizes(3);
    check(!trap_catch(xsetbv, (void *)value, NULL), "XCR0 back was refused");
    expect(xgetbv(), value);
    sizes(value);
}

void test_main(void)
{
    uint32_t a = 1, b, c = 0, d;

    asm volatile(XEN_EMULATE_PREFIX "cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (c >> 26 & 1) {
        uint64_t cr4;

        asm volatile("mov %%cr4, %0" : "=r"(cr4));
        asm volatile("mov %0, %%cr4" : : "r"(cr4 | 1 << 18));
        xcr0();
    }
    switching();
}
