/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is a domain stopped that leaves page-table entries open to L1TF, and one that mitigates it not?
 *
 * An entry that is not present must not hold an address of memory where the processor is affected
 * (Intel, "L1 Terminal Fault"), or, as here, pv-l1tf= says so. Case "inverted" does as Linux does:
 * the complement of the address, in every way there is to write an entry, and lives. The others
 * write an entry as older kernels swapped pages out, one by each way: the domain is crashed, before
 * the entry is in a table that the processor walks.
 */
#include <guest.h>

#define ABSENT(mfn) (make_pte(mfn, PTE_RW) & ~(uint64_t)PTE_P)
#define INVERTED(mfn) (~make_pte(mfn, 0) & PTE_ADDR & ~0xfffUL)
#define FREE_SLOT 77

static uint64_t *page, *window, *empty;
static uint64_t entry;

static void update(void)
{
    expect(mmu_update_one(pte_maddr(window, 1), entry), 0);
}

static void store(void)
{
    *(volatile uint64_t *)pte_of(window, 1) = entry;
}

static void pin(void)
{
    empty[FREE_SLOT] = entry;
    table_page(empty);
    expect(mmuext_mfn(MMUEXT_PIN_L1_TABLE, virt_to_mfn(empty)), 0);
    expect(mmuext_mfn(MMUEXT_UNPIN_TABLE, virt_to_mfn(empty)), 0);
    untable_page(empty);
}

static void level_2(void)
{
    const uint64_t *l2 = (const uint64_t *)((uint64_t)pte_of(window, 2) & PAGE_MASK);

    expect(mmu_update_one(virt_to_maddr(&l2[FREE_SLOT]), entry), 0);
}

static void level_4(void)
{
    const uint64_t *l4 = (const uint64_t *)((uint64_t)pte_of(window, 4) & PAGE_MASK);

    expect(mmu_update_one(virt_to_maddr(&l4[FREE_SLOT]), entry), 0);
}

static const struct { const char *name; void (*fn)(void); } ways[] = {
    { "update", update }, { "store", store }, { "pin", pin }, { "level-2", level_2 },
    { "level-4", level_4 },
};

void test_main(void)
{
    char name[16] = "";
    unsigned int i;

    page = page_alloc();
    empty = page_alloc();
    window = window_alloc(1);
    if (!line_text(command_line(), "case", name, sizeof(name)))
        report_skip("needs a case");
    if (!strcmp(name, "inverted")) {
        for (i = 0; i < ARRAY_SIZE(ways); i++) {
            entry = INVERTED(virt_to_mfn(page));
            ways[i].fn();
            entry = 0;
            ways[i].fn();
        }
        return;
    }
    entry = ABSENT(virt_to_mfn(page));
    for (i = 0; i < ARRAY_SIZE(ways); i++)
        if (!strcmp(name, ways[i].name))
            ways[i].fn();
    report_failure("%s: the domain lives with entry %lx", name, entry);
}
