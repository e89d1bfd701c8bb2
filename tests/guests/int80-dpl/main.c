/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does the privilege level in a trap table's row decide who may raise it by INT n?
 *
 * The architecture: INT n from a less privileged level than the gate's DPL gives #GP with error
 * code n * 8 + 2 (bit 1: from the IDT). A guest kernel counts as ring 1 (so rows with DPL 1 to 3),
 * user code as ring 3. QEMU before 10 pushes a wrong code when the host's own gate refuses (n * 16
 * + 2), which the hypervisor can't tell from a real fault: those rows are skipped by name there.
 * INT 0x80 has a path of its own, for which Xen ignores the DPL: both answers are taken.
 */
#include <guest.h>

#define INT(n) \
    static long user_int_##n(void *unused) \
    { \
        (void)unused; \
        asm volatile("int $" #n); \
        return 0; \
    } \
    static void __attribute__((unused)) kernel_int_##n(void *unused) \
    { \
        user_int_##n(unused); \
    }

INT(0x80)
INT(0x20)
INT(0x81)
INT(0xff)
INT(0x0d)

static void set_gate(unsigned int vector, unsigned int dpl)
{
    struct trap_info rows[2] = {
        { .vector = (uint8_t)vector, .flags = (uint8_t)dpl, .cs = FLAT_KERNEL_CS,
          .address = (unsigned long)trap_stubs + 16 * vector },
    };

    expect(hc_set_trap_table(rows), 0);
}

/* INT n by code that the host's gate refuses: does the emulator give the architecture's code? */
static bool codes_are_right(void)
{
    struct trap t;

    set_gate(0x81, 0);
    trap_user(user_int_0x81, NULL, 0, &t);
    return !(t.vector == VEC_GP && t.error == 0x81 * 16 + 2);
}

void test_main(void)
{
    struct trap t;

    expect_trap(kernel_int_0x80, 0, 0x80, 0);
    expect_user_trap(user_int_0x80, 0, 0x80, 0);
    trap_user(user_int_0x80, NULL, 0, &t);
    check(*(uint16_t *)(t.regs.rip - 2) == 0x80cd, "RIP is not behind INT 0x80");
    /* The handler of a row with TI_GET_IF (bit 2) starts with events off. */
    set_gate(0x80, 3 | 4);
    trap_user(user_int_0x80, NULL, 0, &t);
    check(t.vector == 0x80, "INT 0x80 with TI_GET_IF gave vector %d", t.vector);
    check(t.regs.rflags & RFLAGS_IF, "INT 0x80: frame has IF clear");
    set_gate(0x80, 0);
    trap_user(user_int_0x80, NULL, 0, &t);
    check(t.vector == 0x80 || (t.vector == VEC_GP && t.error == 0x80 * 8 + 2),
          "INT 0x80 with DPL 0: vector %d error 0x%lx", t.vector, t.error);
    set_gate(0x80, 3);
    expect_user_trap(user_int_0x80, 0, 0x80, 0);
    if (!codes_are_right()) {
        printf("Note: QEMU's INT n error code is wrong; other vectors are not tried\n");
        return;
    }
    expect_user_trap(user_int_0x81, 0, VEC_GP, 0x81 * 8 + 2);
    set_gate(0x81, 3);
    expect_user_trap(user_int_0x81, 0, 0x81, 0);
    expect_trap(kernel_int_0x81, 0, 0x81, 0);
    set_gate(0x20, 3);
    expect_user_trap(user_int_0x20, 0, 0x20, 0);
    expect_trap(kernel_int_0x20, 0, 0x20, 0);
    set_gate(0xff, 0);
    expect_user_trap(user_int_0xff, 0, VEC_GP, 0xff * 8 + 2);
    expect_trap(kernel_int_0xff, 0, VEC_GP, 0xff * 8 + 2);
    expect_user_trap(user_int_0x0d, 0, VEC_GP, 0x0d * 8 + 2);
}
