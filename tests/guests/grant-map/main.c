/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do grants map, unmap and move as gntdev and blkback use them: by address, by page-table entry,
 * with available bits, replaced by another mapping?
 *
 * A domain may map its own grants; domain 0 does here. Right is: reading and writing flags show in
 * the entry while mapped and only then; read-only is enforced; host_addr names an address, or with
 * GNTMAP_contains_pte the machine address of an entry; an unmap of anything else is refused.
 */
#include <guest.h>
#include <grant.h>

#define REF 20

static void write_byte(void *va)
{
    asm volatile("movb $1, (%0)" : : "r"(va) : "memory");
}

static void by_address(uint64_t *page)
{
    volatile uint64_t *va = window_alloc(1);
    grant_handle_t handle, second;
    uint64_t frame = 0;

    grant_page(REF, own_id(), page, 0);
    expect(grant_map(own_id(), REF, (void *)va, GNTMAP_host_map, &handle, &frame), GNTST_okay);
    expect(frame >> PAGE_SHIFT, virt_to_mfn(page));
    *page = 0x31;
    expect(*va, 0x31);
    *va = 0x32;
    expect(*page, 0x32);
    check((grants[REF].flags & (GTF_reading | GTF_writing)) == (GTF_reading | GTF_writing),
          "entry's flags are 0x%x while mapped", grants[REF].flags);
    check(grant_end(REF) != 0, "access ended while mapped");
    /* A second mapping of the same grant. */
    expect(grant_map(own_id(), REF, window_alloc(1), GNTMAP_host_map | GNTMAP_readonly, &second,
                     NULL), GNTST_okay);
    check(second != handle, "two mappings have one handle");
    expect(grant_unmap(second, (void *)(WINDOW_BASE), 0) != GNTST_okay, true);
    expect(grant_unmap(handle, (void *)va, 0), GNTST_okay);
    check(*pte_of((void *)va, 1) == 0, "unmap left the entry 0x%lx", *pte_of((void *)va, 1));
    expect(grant_unmap(handle, (void *)va, 0), GNTST_bad_handle);
    check(!(grants[REF].flags & GTF_writing), "writing flag stays: 0x%x", grants[REF].flags);
    check(grants[REF].flags & GTF_reading, "reading flag is gone: 0x%x", grants[REF].flags);
    expect(grant_unmap(second, (uint8_t *)va + PAGE_SIZE, 0), GNTST_okay);
    expect(grant_end(REF), 0);
}

static void read_only(uint64_t *page)
{
    volatile uint64_t *va = window_alloc(1);
    grant_handle_t handle;

    grant_page(REF, own_id(), page, GTF_readonly);
    check(grant_map(own_id(), REF, (void *)va, GNTMAP_host_map, &handle, NULL) != GNTST_okay,
          "a read-only grant was mapped writable");
    expect(grant_map(own_id(), REF, (void *)va, GNTMAP_host_map | GNTMAP_readonly, &handle, NULL),
           GNTST_okay);
    *page = 0x41;
    expect(*va, 0x41);
    expect_trap(write_byte, va, VEC_PF, PF_WRITE | PF_PRESENT);
    check(grants[REF].flags & GTF_reading && !(grants[REF].flags & GTF_writing), "flags 0x%x",
          grants[REF].flags);
    expect(grant_unmap(handle, (void *)va, 0), GNTST_okay);
    expect(grant_end(REF), 0);
}

static void by_entry(uint64_t *page)
{
    volatile uint64_t *va = window_alloc(1);
    void *entry = (void *)pte_maddr((void *)va, 1);
    grant_handle_t handle;

    grant_page(REF, own_id(), page, 0);
    expect(grant_map(own_id(), REF, entry, GNTMAP_host_map | GNTMAP_contains_pte |
                     GNTMAP_application_map | 1 << _GNTMAP_guest_avail0, &handle, NULL),
           GNTST_okay);
    *page = 0x51;
    expect(*va, 0x51);
    check(*pte_of((void *)va, 1) >> 9 & 1, "available bit 0 is clear in 0x%lx",
          *pte_of((void *)va, 1));
    expect(grant_unmap(handle, entry, 0), GNTST_okay);
    check(!(*pte_of((void *)va, 1) & PTE_P), "unmap left 0x%lx", *pte_of((void *)va, 1));
    /* Machine addresses that are no entry of a page table of this domain. */
    check(grant_map(own_id(), REF, (void *)virt_to_maddr(page),
                    GNTMAP_host_map | GNTMAP_contains_pte, &handle, NULL) != GNTST_okay,
          "a data page as page-table entry");
    check(grant_map(own_id(), REF, (void *)0xffffffffff000, GNTMAP_host_map | GNTMAP_contains_pte,
                    &handle, NULL) != GNTST_okay, "no memory as page-table entry");
    check(grant_map(own_id(), REF, (char *)entry + 3, GNTMAP_host_map | GNTMAP_contains_pte,
                    &handle, NULL) != GNTST_okay, "a crooked page-table entry");
    expect(grant_end(REF), 0);
}

static void replaced(uint64_t *page)
{
    volatile uint64_t *va = window_alloc(1);
    uint64_t *other = page_alloc();
    void *spare = window_alloc(1);
    struct gnttab_unmap_and_replace op = { .host_addr = (uint64_t)va };

    *other = 0x61;
    require(map_frame(spare, virt_to_mfn(other), PTE_RW), 0);
    grant_page(REF, own_id(), page, 0);
    expect(grant_map(own_id(), REF, (void *)va, GNTMAP_host_map, &op.handle, NULL), GNTST_okay);
    op.new_addr = (uint64_t)spare;
    expect(hc_grant_table_op(GNTTABOP_unmap_and_replace, &op, 1), 0);
    expect(op.status, GNTST_okay);
    expect(*va, 0x61);
    check(!(*pte_of(spare, 1) & PTE_P), "the replacing address is still mapped");
    expect(grant_end(REF), 0);
    expect(unmap_page((void *)va), 0);
    op.handle = 0x7fffffff;
    expect(hc_grant_table_op(GNTTABOP_unmap_and_replace, &op, 1), 0);
    expect(op.status, GNTST_bad_handle);
}

/* A grant mapping is no way around types: a page granted writable can't be a page table. */
static void types(void)
{
    uint64_t *page = page_alloc();
    void *va = window_alloc(1);
    grant_handle_t handle;

    grant_page(REF, own_id(), page, 0);
    expect(grant_map(own_id(), REF, va, GNTMAP_host_map, &handle, NULL), GNTST_okay);
    table_page(page);
    check(mmuext_mfn(MMUEXT_PIN_L1_TABLE, virt_to_mfn(page)) < 0,
          "a page mapped writable by grant became a page table");
    expect(grant_unmap(handle, va, 0), GNTST_okay);
    expect(mmuext_mfn(MMUEXT_PIN_L1_TABLE, virt_to_mfn(page)), 0);
    check(grant_map(own_id(), REF, va, GNTMAP_host_map, &handle, NULL) != GNTST_okay,
          "a page table was mapped writable by grant");
    expect(mmuext_mfn(MMUEXT_UNPIN_TABLE, virt_to_mfn(page)), 0);
    expect(grant_end(REF), 0);
}

void test_main(void)
{
    uint64_t *page = page_alloc();

    grant_init();
    by_address(page);
    read_only(page);
    by_entry(page);
    replaced(page);
    types();
}
