/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does MMUEXT_SET_LDT install a table whose pages are checked when first used?
 *
 * The ABI: the base is page-aligned, at most 8192 entries; a page is validated on the first fault
 * for it (so a bad one shows as #GP or #PF in the guest, not as an error of the call); the frame is
 * then a descriptor page: not writable, changed by update_descriptor only; no entries frees it.
 */
#include <guest.h>

#define DATA_DPL3 0x00cff3000000ffffUL
#define TSS_64 0x00008b0000000067UL

static long set_ldt(const void *base, unsigned int entries)
{
    struct mmuext_op op = { .cmd = MMUEXT_SET_LDT, .arg1.linear_addr = (unsigned long)base,
                            .arg2.nr_ents = entries };

    return hc_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void load_es(void *selector)
{
    asm volatile("mov %0, %%es; mov %1, %%es" : : "r"(selector), "r"(0));
}

static long user_load_es(void *selector)
{
    load_es(selector);
    return 5;
}

void test_main(void)
{
    uint64_t *ldt = pages_alloc(2), *hole = window_alloc(1);
    struct trap t;

    ldt[1] = DATA_DPL3;
    ldt[512 + 1] = DATA_DPL3;
    table_page(ldt);
    table_page(ldt + 512);
    expect(set_ldt(ldt, 1024), 0);
    check(!trap_catch(load_es, (void *)0x0f, &t), "LDT entry: vector %d error 0x%lx", t.vector,
          t.error);
    check(!trap_catch(load_es, (void *)(0x1000 | 0x0f), &t),
          "LDT entry of the second page: vector %d error 0x%lx", t.vector, t.error);
    expect(user_call(user_load_es, (void *)0x0f), 5);
    expect_trap(load_es, 0x17, VEC_GP, 0x14);
    check(protect_page(ldt, PTE_RW) < 0, "an LDT frame in use became writable");
    expect(hc_update_descriptor(virt_to_maddr(&ldt[2]), DATA_DPL3), 0);
    check(!trap_catch(load_es, (void *)0x17, NULL), "updated LDT entry did not load");
    expect(hc_update_descriptor(virt_to_maddr(&ldt[2]), TSS_64), -XEN_EINVAL);
    /* A shorter table is enforced. */
    expect(set_ldt(ldt, 2), 0);
    check(!trap_catch(load_es, (void *)0x0f, NULL), "entry 1 of 2 did not load");
    expect_trap(load_es, 0x17, VEC_GP, 0x14);
    /* No table. */
    expect(set_ldt(NULL, 0), 0);
    expect_trap(load_es, 0x0f, VEC_GP, 0x0c);
    check(protect_page(ldt, PTE_RW) == 0, "the frame is still the LDT's");
    /* A page with a hostile descriptor, and a hole: the load faults, nothing worse. */
    ldt[3] = TSS_64;
    table_page(ldt);
    expect(set_ldt(ldt, 512), 0);
    check(trap_catch(load_es, (void *)0x0f, &t), "an LDT with a TSS in it was loaded");
    check(t.vector == VEC_GP || t.vector == VEC_PF, "hostile LDT: vector %d", t.vector);
    expect(set_ldt(hole, 512), 0);
    check(trap_catch(load_es, (void *)0x0f, &t), "an LDT without mapping was loaded");
    check(t.vector == VEC_GP || t.vector == VEC_PF, "unmapped LDT: vector %d", t.vector);
    expect(set_ldt((char *)ldt + 8, 512), -XEN_EINVAL);
    expect(set_ldt(ldt, 8193), -XEN_EINVAL);
    expect(set_ldt(ldt, 0xffffffff), -XEN_EINVAL);
    expect(set_ldt(NULL, 0), 0);
}
