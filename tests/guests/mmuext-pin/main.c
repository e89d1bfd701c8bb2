/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does pinning validate a page as a table of each level, once, and keep it one until unpinned?
 *
 * The ABI: PIN_L1..L4 takes a frame that is not mapped writable and whose entries are all allowed;
 * pinned, it can't become writable even when not in use; a second pin or an unpin of what is not
 * pinned is refused; a pinned table has one level only.
 */
#include <guest.h>

static const unsigned int pins[] = {
    0, MMUEXT_PIN_L1_TABLE, MMUEXT_PIN_L2_TABLE, MMUEXT_PIN_L3_TABLE, MMUEXT_PIN_L4_TABLE,
};

static void each_level(void)
{
    uint64_t *tables[5] = { NULL }, *page = page_alloc();
    unsigned int level, other;

    for (level = 1; level < 5; level++) {
        uint64_t *table = page_alloc();
        unsigned long mfn = virt_to_mfn(table);

        tables[level] = table;
        table[7] = level == 1 ? make_pte(virt_to_mfn(page), PTE_RW)
                              : make_pte(virt_to_mfn(tables[level - 1]), PTE_TABLE);
        check(mmuext_mfn(pins[level], mfn) < 0, "a writable page was pinned as L%u", level);
        table_page(table);
        check(mmuext_mfn(pins[level], mfn) == 0, "pinning L%u failed", level);
        check(protect_page(table, PTE_RW) < 0, "a pinned L%u became writable", level);
        expect(mmuext_mfn(pins[level], mfn), -XEN_EINVAL);
        for (other = 1; other < 5; other++)
            check(other == level || mmuext_mfn(pins[other], mfn) < 0,
                  "an L%u was pinned as L%u too", level, other);
    }
    /* Tables below a pinned one stay in use without their own pin. */
    expect(mmuext_mfn(MMUEXT_UNPIN_TABLE, virt_to_mfn(tables[1])), 0);
    expect(mmuext_mfn(MMUEXT_UNPIN_TABLE, virt_to_mfn(tables[1])), -XEN_EINVAL);
    check(protect_page(tables[1], PTE_RW) < 0, "an L1 in use became writable");
    for (level = 4; level > 1; level--)
        check(mmuext_mfn(MMUEXT_UNPIN_TABLE, virt_to_mfn(tables[level])) == 0,
              "unpinning L%u failed", level);
    for (level = 1; level < 5; level++) {
        check(protect_page(tables[level], PTE_RW) == 0, "an unpinned L%u stays a table", level);
        page_free(tables[level]);
    }
    page_free(page);
}

static void not_a_table(uint64_t entry, unsigned int level, const char *what)
{
    uint64_t *table = page_alloc();

    table[3] = entry;
    table_page(table);
    check(mmuext_mfn(pins[level], virt_to_mfn(table)) < 0, "L%u with %s was pinned", level, what);
    check(protect_page(table, PTE_RW) == 0, "a refused L%u with %s stays a table", level, what);
    page_free(table);
}

static void hostile_entries(void)
{
    unsigned long root = mm_root_mfn(), page = virt_to_mfn(page_alloc());

    not_a_table(make_pte(root, PTE_RW), 1, "a writable L4");
    not_a_table(make_pte(0xfffffffff, PTE_RW), 1, "no memory");
    not_a_table(make_pte(page, PTE_TABLE), 2, "a data page");
    not_a_table(make_pte(page, PTE_TABLE | PTE_PSE), 2, "a superpage");
    not_a_table(make_pte(page, PTE_TABLE | PTE_PSE), 3, "a 1 GiB page");
    not_a_table(make_pte(page, PTE_TABLE), 4, "a data page");
    not_a_table(make_pte(root, PTE_TABLE), 4, "an L4");
    expect(mmuext_mfn(MMUEXT_PIN_L4_TABLE, root), -XEN_EINVAL);
}

static void frames(void)
{
    check(mmuext_mfn(MMUEXT_PIN_L1_TABLE, 0xfffffffff) < 0, "no memory was pinned");
    check(mmuext_mfn(MMUEXT_PIN_L1_TABLE, INVALID_MFN) < 0, "no frame was pinned");
    check(mmuext_mfn(MMUEXT_PIN_L1_TABLE, 0) < 0, "frame 0 was pinned");
    check(mmuext_mfn(MMUEXT_UNPIN_TABLE, 0xfffffffff) < 0, "no memory was unpinned");
    check(mmuext_mfn(MMUEXT_UNPIN_TABLE, virt_to_mfn(page_alloc())) < 0, "data was unpinned");
    /* An L4 whose hypervisor slots hold the guest's entries: they are replaced, not used. */
    {
        uint64_t *l4 = page_alloc();

        l4[256] = l4[260] = l4[271] = make_pte(0x1, PTE_TABLE);
        table_page(l4);
        if (mmuext_mfn(MMUEXT_PIN_L4_TABLE, virt_to_mfn(l4)) == 0) {
            check(l4[260] != make_pte(0x1, PTE_TABLE), "a hypervisor slot keeps the guest's entry");
            expect(mmuext_mfn(MMUEXT_UNPIN_TABLE, virt_to_mfn(l4)), 0);
        }
    }
}

void test_main(void)
{
    each_level();
    hostile_entries();
    frames();
}
