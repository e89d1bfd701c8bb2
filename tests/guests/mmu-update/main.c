/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does mmu_update change page-table entries as asked: singly, in lists, with progress told, at
 * every level, keeping accessed and dirty bits on request?
 *
 * The ABI: requests are done in order until one fails; the count done is stored; a request's low
 * bits choose the operation; an entry read back has the requested frame and permissions.
 */
#include <guest.h>

static void read_byte(void *va)
{
    asm volatile("movb (%0), %%al" : : "r"(va) : "al", "memory");
}

static void write_byte(void *va)
{
    asm volatile("movb $1, (%0)" : : "r"(va) : "memory");
}

static void one_entry(void)
{
    uint64_t *page = page_alloc();
    uint64_t *va = window_alloc(1);
    uint64_t slot = pte_maddr(va, 1);

    *page = 0x4711;
    expect(mmu_update_one(slot, make_pte(virt_to_mfn(page), PTE_RW)), 0);
    expect(*va, 0x4711);
    check((*pte_of(va, 1) & PTE_ADDR) >> PAGE_SHIFT == virt_to_mfn(page), "entry is 0x%lx",
          *pte_of(va, 1));
    expect(mmu_update_one(slot, make_pte(virt_to_mfn(page), PTE_RO)), 0);
    expect(mmuext_linear(MMUEXT_INVLPG_LOCAL, (unsigned long)va), 0);
    expect_trap(write_byte, va, VEC_PF, PF_WRITE | PF_PRESENT);
    /* A non-present entry may hold anything. */
    expect(mmu_update_one(slot, 0x123456789abcd000 & ~1UL), 0);
    expect(mmuext_linear(MMUEXT_INVLPG_LOCAL, (unsigned long)va), 0);
    check(*pte_of(va, 1) == (0x123456789abcd000 & ~1UL), "non-present entry became 0x%lx",
          *pte_of(va, 1));
    expect_trap(read_byte, va, VEC_PF, 0);
    expect(mmu_update_one(slot, 0), 0);
}

static void list(void)
{
    struct mmu_update update[40];
    uint64_t *page = page_alloc();
    uint8_t *va = window_alloc(ARRAY_SIZE(update));
    unsigned int i, done = 77;

    for (i = 0; i < ARRAY_SIZE(update); i++) {
        update[i].ptr = pte_maddr(va + i * PAGE_SIZE, 1);
        update[i].val = make_pte(virt_to_mfn(page), PTE_RW);
    }
    expect(hc_mmu_update(update, ARRAY_SIZE(update), &done, DOMID_SELF), 0);
    expect(done, ARRAY_SIZE(update));
    *page = 0x99;
    for (i = 0; i < ARRAY_SIZE(update); i++)
        check(va[i * PAGE_SIZE] == 0x99, "entry %u of the list is not mapped", i);
    /* Number 25 can't be done: 25 are, the rest is not. */
    for (i = 0; i < ARRAY_SIZE(update); i++)
        update[i].val = 0;
    update[25].val = make_pte(0x000ffffffffffUL & 0xfffffffff, PTE_RW);
    check(hc_mmu_update(update, ARRAY_SIZE(update), &done, DOMID_SELF) < 0, "bad list passed");
    expect(done, 25);
    expect(hc_mmuext_op(&(struct mmuext_op){ .cmd = MMUEXT_TLB_FLUSH_LOCAL }, 1, NULL, DOMID_SELF),
           0);
    check(trap_catch(read_byte, va + 24 * PAGE_SIZE, NULL), "request 24 was not done");
    check(!trap_catch(read_byte, va + 25 * PAGE_SIZE, NULL), "request 25 was done");
    check(!trap_catch(read_byte, va + 26 * PAGE_SIZE, NULL), "request 26 was done");
    update[25].val = 0;
    expect(hc_mmu_update(update, ARRAY_SIZE(update), NULL, DOMID_SELF), 0);
    expect(hc_mmu_update(update, 0, &done, DOMID_SELF), 0);
    expect(done, 0);
}

static void preserve_ad(void)
{
    uint64_t *page = page_alloc();
    volatile uint64_t *va = window_alloc(1);
    uint64_t slot = pte_maddr((void *)va, 1), clean = PTE_P | PTE_W | PTE_U;

    expect(mmu_update_one(slot, make_pte(virt_to_mfn(page), clean)), 0);
    check(!(*pte_of((void *)va, 1) & (PTE_A | PTE_D)), "a clean entry became 0x%lx",
          *pte_of((void *)va, 1));
    *va = 1;
    check((*pte_of((void *)va, 1) & (PTE_A | PTE_D)) == (PTE_A | PTE_D), "a write left 0x%lx",
          *pte_of((void *)va, 1));
    expect(mmu_update_one(slot | MMU_PT_UPDATE_PRESERVE_AD,
                          make_pte(virt_to_mfn(page), PTE_P | PTE_U)), 0);
    check((*pte_of((void *)va, 1) & (PTE_A | PTE_D)) == (PTE_A | PTE_D), "PRESERVE_AD left 0x%lx",
          *pte_of((void *)va, 1));
    check(!(*pte_of((void *)va, 1) & PTE_W), "PRESERVE_AD did not change the rest");
    expect(mmu_update_one(slot, make_pte(virt_to_mfn(page), clean)), 0);
    check(!(*pte_of((void *)va, 1) & (PTE_A | PTE_D)), "a normal update kept A or D: 0x%lx",
          *pte_of((void *)va, 1));
    expect(mmu_update_one(slot, 0), 0);
}

/* A tree of new tables, hooked in at the L4 in one step, and taken away again. */
static void upper_levels(void)
{
    uint8_t *const va = (uint8_t *)0x0000123456789000UL;
    uint64_t *page = page_alloc(), *table[4];
    unsigned int level;

    for (level = 1; level < 4; level++)
        table[level] = page_alloc();
    *page = 0xab;
#define INDEX(level) (((uint64_t)va >> (PAGE_SHIFT + 9 * ((level) - 1))) & 511)
    table[1][INDEX(1)] = make_pte(virt_to_mfn(page), PTE_RW);
    for (level = 2; level < 4; level++)
        table[level][INDEX(level)] = make_pte(virt_to_mfn(table[level - 1]), PTE_TABLE);
    for (level = 1; level < 4; level++)
        table_page(table[level]);
    expect(mmu_update_one(pte_maddr(va, 4), make_pte(virt_to_mfn(table[3]), PTE_TABLE)), 0);
    check(!trap_catch(read_byte, va, NULL), "the new tree does not map");
    expect(*va, 0xab);
    /* While in use none of its tables may become writable. */
    for (level = 1; level < 4; level++)
        check(protect_page(table[level], PTE_RW) < 0, "an L%u in use became writable", level);
    /* Entries of L2 and L3 change by mmu_update too. */
    expect(mmu_update_one(pte_maddr(va, 2), 0), 0);
    expect(mmuext_linear(MMUEXT_INVLPG_LOCAL, (unsigned long)va), 0);
    expect_trap(read_byte, va, VEC_PF, 0);
    check(protect_page(table[1], PTE_RW) == 0, "an unhooked L1 stays a table");
    expect(mmu_update_one(pte_maddr(va, 3), 0), 0);
    expect(mmu_update_one(pte_maddr(va, 4), 0), 0);
    check(protect_page(table[2], PTE_RW) == 0, "an unhooked L2 stays a table");
    check(protect_page(table[3], PTE_RW) == 0, "an unhooked L3 stays a table");
    for (level = 1; level < 4; level++)
        page_free(table[level]);
}

void test_main(void)
{
    one_entry();
    list();
    preserve_ad();
    upper_levels();
}
