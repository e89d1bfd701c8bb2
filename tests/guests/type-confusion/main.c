/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can one frame have two types at once, or come into use as something it was not checked for?
 *
 * PV memory stands on every frame having one type while in use: page table of one level, descriptor
 * page, or writable. Each pair is tried in both orders.
 */
#include <guest.h>

enum kind { KIND_L1, KIND_L2, KIND_L3, KIND_L4, KIND_GDT, KIND_RW, KINDS };

static const char *const names[KINDS] = { "L1", "L2", "L3", "L4", "GDT", "writable" };
static void *alias;

static long take(enum kind kind, void *page)
{
    static const unsigned int pins[] = {
        MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE,
    };
    unsigned long mfn = virt_to_mfn(page);

    if (kind == KIND_GDT)
        return hc_set_gdt(&mfn, 512);
    if (kind == KIND_RW)
        return map_frame(alias, mfn, PTE_RW);
    return mmuext_mfn(pins[kind], mfn);
}

static void give(enum kind kind, void *page)
{
    long error;

    if (kind == KIND_GDT)
        error = hc_set_gdt(NULL, 0);
    else if (kind == KIND_RW)
        error = unmap_page(alias);
    else
        error = mmuext_mfn(MMUEXT_UNPIN_TABLE, virt_to_mfn(page));
    check(!error, "%s could not be given back: %ld", names[kind], error);
}

static void mixed_levels(void)
{
    uint64_t *table = page_alloc(), *upper = page_alloc();

    /* The same frame as L1 and L2: an L2 that refers to itself. */
    upper[0] = make_pte(virt_to_mfn(upper), PTE_TABLE);
    table_page(upper);
    check(mmuext_mfn(MMUEXT_PIN_L2_TABLE, virt_to_mfn(upper)) < 0, "a writable linear L2 passed");
    untable_page(upper);
    /* An L2 whose two entries need one frame as L1: legal, counted twice. */
    upper[0] = upper[1] = make_pte(virt_to_mfn(table), PTE_TABLE);
    table_page(table);
    table_page(upper);
    expect(mmuext_mfn(MMUEXT_PIN_L2_TABLE, virt_to_mfn(upper)), 0);
    expect(mmu_update_one(virt_to_maddr(&upper[0]), 0), 0);
    check(protect_page(table, PTE_RW) < 0, "an L1 still used once became writable");
    expect(mmu_update_one(virt_to_maddr(&upper[1]), 0), 0);
    check(protect_page(table, PTE_RW) == 0, "an L1 no longer used stays a table");
    expect(mmuext_mfn(MMUEXT_UNPIN_TABLE, virt_to_mfn(upper)), 0);
    untable_page(upper);
    /* An L2 refers to a GDT page. */
    {
        unsigned long mfn = virt_to_mfn(table);

        table_page(table);
        require(hc_set_gdt(&mfn, 512), 0);
        upper[0] = make_pte(mfn, PTE_TABLE);
        upper[1] = 0;
        table_page(upper);
        check(mmuext_mfn(MMUEXT_PIN_L2_TABLE, virt_to_mfn(upper)) < 0, "a GDT page became an L1");
        expect(hc_set_gdt(NULL, 0), 0);
    }
}

void test_main(void)
{
    uint8_t *page = page_alloc();
    unsigned int a, b;

    alias = window_alloc(1);
    table_page(page);
    for (a = 0; a < KINDS; a++) {
        for (b = 0; b < KINDS; b++) {
            long error;

            if (a == b)
                continue;
            if (take(a, page)) {
                report_failure("an empty page could not become %s", names[a]);
                continue;
            }
            error = take(b, page);
            check(error < 0, "a page in use as %s became %s too", names[a], names[b]);
            if (!error)
                give(b, page);
            give(a, page);
        }
    }
    check(protect_page(page, PTE_RW) == 0, "the page keeps a type");
    mixed_levels();
}
