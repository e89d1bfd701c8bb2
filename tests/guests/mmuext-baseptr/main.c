/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do new_baseptr and new_user_baseptr switch the page tables of kernel and user mode?
 *
 * A second L4 shares the kernel's half with the first and maps one address differently. Right is:
 * the kernel sees each table's page after new_baseptr, user mode sees that of new_user_baseptr,
 * whatever the kernel runs on; a table in use as base can't become writable; hostile frames are
 * refused and change nothing.
 */
#include <guest.h>

#define PROBE ((uint64_t *)0x0000200000000000UL)

static uint64_t *build(uint64_t mark)
{
    uint64_t *l4 = page_alloc(), *l3 = page_alloc(), *l2 = page_alloc(), *l1 = page_alloc();
    uint64_t *page = page_alloc();

    *page = mark;
    memcpy(l4, (void *)start_info->pt_base, PAGE_SIZE);
    memset(l4 + 256, 0, 16 * 8);
    l1[0] = make_pte(virt_to_mfn(page), PTE_RW);
    l2[0] = make_pte(virt_to_mfn(l1), PTE_TABLE);
    l3[0] = make_pte(virt_to_mfn(l2), PTE_TABLE);
    l4[(uint64_t)PROBE >> 39] = make_pte(virt_to_mfn(l3), PTE_TABLE);
    table_page(l1);
    table_page(l2);
    table_page(l3);
    table_page(l4);
    require(mmuext_mfn(MMUEXT_PIN_L4_TABLE, virt_to_mfn(l4)), 0);
    return l4;
}

static long probe(void *unused)
{
    (void)unused;
    return (long)*(volatile uint64_t *)PROBE;
}

static void kernel_probe(void *unused)
{
    (void)unused;
    (void)*(volatile uint64_t *)PROBE;
}

void test_main(void)
{
    uint64_t *one = build(0x111), *two = build(0x222);
    unsigned long root = mm_root_mfn();

    /* The first use in user mode sets the default user base. */
    expect_user_trap(probe, 0, VEC_PF, PF_USER);
    expect(mmuext_mfn(MMUEXT_NEW_BASEPTR, virt_to_mfn(one)), 0);
    expect(probe(NULL), 0x111);
    expect(mmuext_mfn(MMUEXT_NEW_BASEPTR, virt_to_mfn(two)), 0);
    expect(probe(NULL), 0x222);
    expect(mmuext_mfn(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn(one)), 0);
    expect(user_call(probe, NULL), 0x111);
    expect(probe(NULL), 0x222);
    expect(mmuext_mfn(MMUEXT_NEW_BASEPTR, root), 0);
    expect_trap(kernel_probe, 0, VEC_PF, 0);
    expect(user_call(probe, NULL), 0x111);
    expect(mmuext_mfn(MMUEXT_UNPIN_TABLE, virt_to_mfn(one)), 0);
    check(protect_page(one, PTE_RW) < 0, "an L4 in use as user base became writable");
    expect(user_call(probe, NULL), 0x111);
    /* Hostile bases. */
    check(mmuext_mfn(MMUEXT_NEW_BASEPTR, virt_to_mfn(page_alloc())) < 0, "a data page as base");
    check(mmuext_mfn(MMUEXT_NEW_BASEPTR, 0xfffffffff) < 0, "no memory as base");
    check(mmuext_mfn(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn(page_alloc())) < 0, "data as user base");
    check(mmuext_mfn(MMUEXT_NEW_USER_BASEPTR, 0xfffffffff) < 0, "no memory as user base");
    expect(user_call(probe, NULL), 0x111);
    expect(mmuext_mfn(MMUEXT_NEW_USER_BASEPTR, virt_to_mfn(two)), 0);
    expect(user_call(probe, NULL), 0x222);
    check(protect_page(one, PTE_RW) == 0, "an L4 no longer used stays a table");
    expect(mmuext_mfn(MMUEXT_NEW_USER_BASEPTR, root), 0);
    expect(mmuext_mfn(MMUEXT_UNPIN_TABLE, virt_to_mfn(two)), 0);
    check(protect_page(two, PTE_RW) == 0, "an L4 no longer used stays a table");
}
