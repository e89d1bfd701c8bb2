/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does set_trap_table take, replace and clear handlers, and refuse addresses it must not use?
 *
 * The ABI: rows until one with address 0; -EFAULT for a bad pointer (rows before it are in effect);
 * -EINVAL for a non-canonical address; the privilege level of a code selector is forced to that of
 * the guest; NULL clears all 256 vectors.
 * Handlers are told apart by which of two stubs' vector number arrives.
 */
#include <guest.h>

static void raise_ud(void *unused)
{
    (void)unused;
    asm volatile("ud2");
}

static void vector_of(int vector)
{
    struct trap trap;

    trap_catch(raise_ud, NULL, &trap);
    check(trap.vector == vector, "handler %d ran, not %d", trap.vector, vector);
}

static uint64_t stub(unsigned int vector)
{
    return (uint64_t)trap_stubs + 16 * vector;
}

void test_main(void)
{
    struct trap_info row[3] = { { .vector = VEC_UD, .cs = FLAT_KERNEL_CS, .address = stub(40) } };

    vector_of(VEC_UD);
    expect(hc_set_trap_table(row), 0);
    vector_of(40);
    /* A later row for the same vector wins. */
    row[1] = (struct trap_info){ .vector = VEC_UD, .cs = FLAT_KERNEL_CS, .address = stub(41) };
    expect(hc_set_trap_table(row), 0);
    vector_of(41);
    /* A selector with RPL 0 is usable: its RPL is forced. */
    row[0].cs = FLAT_KERNEL_CS & ~3;
    row[1].address = 0;
    expect(hc_set_trap_table(row), 0);
    vector_of(40);
    expect(hc_set_trap_table((void *)0x1000), -XEN_EFAULT);
    expect(hc_set_trap_table(HYPERVISOR_VIRT_START + 0x1000), -XEN_EFAULT);
    vector_of(40);
    row[0].address = 0x8000000000000000;
    expect(hc_set_trap_table(row), -XEN_EINVAL);
    /* NULL clears; the default table is all back afterwards. */
    expect(hc_set_trap_table(NULL), 0);
    expect(hc_set_trap_table(trap_default_table()), 0);
    vector_of(VEC_UD);
}
