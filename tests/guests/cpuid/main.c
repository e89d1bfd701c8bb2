/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What does CPUID show a PV guest, with the forced-emulation prefix and without?
 *
 * The ABI: "ud2; xen; cpuid" gives the hypervisor's view: leaves 0x40000000 and up with the
 * signature XenVMMXenVMM, the version, no hypercall-page MSRs needed; features a PV guest can't
 * have (VMX, SVM, MTRR write, PSE for 64-bit, ...) are hidden, hypervisor bit set; unknown leaves
 * are zero or as hardware. Without the prefix the native answer may come through, or the same
 * (CPUID faulting).
 */
#include <guest.h>

struct leaf {
    uint32_t a, b, c, d;
};

static struct leaf forced(uint32_t leaf, uint32_t sub)
{
    struct leaf r;

    asm volatile(XEN_EMULATE_PREFIX "cpuid"
                 : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
    return r;
}

static struct leaf native(uint32_t leaf, uint32_t sub)
{
    struct leaf r;

    asm volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
    return r;
}

static void prefix_alone(void *unused)
{
    (void)unused;
    asm volatile(XEN_EMULATE_PREFIX "nop");
}

static long user_forced(void *unused)
{
    (void)unused;
    return forced(0x40000000, 0).b;
}

static void signature(void)
{
    struct leaf r = forced(0x40000000, 0);

    check(r.a >= 0x40000002 && r.a < 0x40000100, "highest leaf is 0x%x", r.a);
    check(r.b == 0x566e6558 && r.c == 0x65584d4d && r.d == 0x4d4d566e,
          "signature %x %x %x is not XenVMMXenVMM", r.b, r.c, r.d);
    r = forced(0x40000001, 0);
    check(r.a == (4 << 16 | 17), "version leaf says 0x%x", r.a);
    r = forced(0x40000002, 0);
    check(r.a == 1, "%u hypercall pages", r.a);
    r = forced(0x40000003, 0);
    check((r.b == 0 || r.b == 1 || r.b == 2 || r.b == 3), "TSC mode %u", r.b);
    expect(user_call(user_forced, NULL), 0x566e6558);
}

static void features(void)
{
    struct leaf one = forced(1, 0), ext = forced(0x80000001, 0), top = forced(0, 0);

    check(one.c >> 31 & 1, "the hypervisor bit is clear");
    check(!(one.c >> 5 & 1), "VMX is shown");
    check(!(ext.c >> 2 & 1), "SVM is shown");
    check(one.d & 1, "FPU is not shown");
    check(one.d >> 6 & 1, "PAE is not shown");
    check(!(one.d >> 12 & 1) || is_dom0(), "MTRR is shown");
    check(!(one.c >> 17 & 1), "PCID is shown");
    check(!(one.c >> 21 & 1), "x2APIC is shown");
    check(!(one.c >> 3 & 1), "MONITOR is shown");
    check(!(one.c >> 24 & 1), "the TSC deadline timer is shown");
    check(ext.d >> 29 & 1, "long mode is not shown");
    check(ext.d >> 20 & 1, "NX is not shown");
    check(ext.d >> 11 & 1, "SYSCALL is not shown");
    check(!(ext.d >> 26 & 1), "1 GiB pages are shown");
    check(top.a >= 1 && top.a < 0x100, "highest leaf is 0x%x", top.a);
    if (top.a >= 7) {
        struct leaf seven = forced(7, 0);

        check(!(seven.b >> 7 & 1), "SMEP is shown");
        check(!(seven.b >> 20 & 1), "SMAP is shown");
        check(!(seven.b >> 10 & 1), "INVPCID is shown");
        check(!(seven.c >> 3 & 1), "PKU is shown");
        check(!(seven.c >> 16 & 1), "5-level paging is shown");
    }
}

static void sweep(void)
{
    uint32_t leaf, sub;

    for (leaf = 0; leaf < 0x40; leaf++) {
        for (sub = 0; sub < 4; sub++)
            forced(leaf, sub);
    }
    for (leaf = 0x40000000; leaf < 0x40000110; leaf++)
        forced(leaf, 0);
    for (leaf = 0x80000000; leaf < 0x80000030; leaf++)
        forced(leaf, 0);
    forced(0xffffffff, 0xffffffff);
    forced(0xc0000000, 0);
    native(0xffffffff, 0);
}

void test_main(void)
{
    struct trap t;

    signature();
    features();
    sweep();
    /* The prefix before another instruction: #UD at the prefix, or the instruction runs. */
    if (trap_catch(prefix_alone, NULL, &t))
        check(t.vector == VEC_UD, "the prefix before NOP gave vector %d", t.vector);
    check(native(0, 0).a >= 1, "native CPUID gives no leaves");
}
