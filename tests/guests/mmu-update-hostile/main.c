/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can a guest get at memory that is not its own, or write a page table, by mmu_update?
 *
 * Refused, each with its entry unchanged: frames of the hypervisor, frames beyond memory, writable
 * mappings of page tables, tables of the wrong level, superpages, the hypervisor's L4 slots,
 * reserved bits, linear page tables unless offered, requests that point at no page table of the
 * guest, bad domains, bad pointers.
 */
#include <guest.h>

#define L4_SLOT(n) ((n) * 8)

static uint64_t *va;
static uint64_t slot;

static void refused_at(int line, uint64_t value)
{
    long got = mmu_update_one(slot, value);

    check(got == -XEN_EINVAL || got == -XEN_EPERM || got == -XEN_EBUSY || got == -XEN_ENXIO,
          "line %d: entry 0x%lx gave %ld", line, value, got);
    check(*pte_of(va, 1) == 0, "line %d: refused entry was stored: 0x%lx", line, *pte_of(va, 1));
    if (*pte_of(va, 1))
        mmu_update_one(slot, 0);
}
#define refused(value) refused_at(__LINE__, value)

static unsigned long hypervisor_frame(void)
{
    /* Frames of the hypervisor have no owner's number in the machine-to-physical table. */
    unsigned long mfn;

    for (mfn = 0x200; mfn < 0x10000; mfn++) {
        if (machine_to_phys_mapping[mfn] == 0x5555555555555555UL)
            return mfn;
    }
    return 0;
}

static void leaf_entries(void)
{
    uint64_t *page = page_alloc(), root = mm_root_mfn();
    uint64_t l1 = pte_maddr(va, 1) >> PAGE_SHIFT;

    refused(make_pte(root, PTE_RW));
    refused(make_pte(l1, PTE_RW));
    expect(mmu_update_one(slot, make_pte(root, PTE_RO)), 0);
    expect(mmu_update_one(slot, 0), 0);
    refused(make_pte(0xfffffffff, PTE_RW));
    refused(make_pte(0xfffffffff, PTE_RO));
    if (hypervisor_frame()) {
        refused(make_pte(hypervisor_frame(), PTE_RW));
        refused(make_pte(hypervisor_frame(), PTE_RO));
    }
    /* Bits 52 to 58 are ignored by the processor, but 40 to 51 are an address. */
    refused(make_pte(virt_to_mfn(page) | 1UL << 39, PTE_RW));
    page_free(page);
}

static void table_entries(void)
{
    uint64_t *page = page_alloc(), *l1 = page_alloc();
    uint8_t *free_va = (uint8_t *)WINDOW_BASE - 0x4000000;
    uint64_t l2_slot = pte_maddr(free_va, 2);

    check(!(*pte_of(free_va, 2) & PTE_P), "the test needs an empty L2 entry");
    /* Writable pages, and pages with hostile entries, are no tables. */
    check(mmu_update_one(l2_slot, make_pte(virt_to_mfn(page), PTE_TABLE)) < 0,
          "a writable page became an L1");
    l1[5] = make_pte(mm_root_mfn(), PTE_RW);
    table_page(l1);
    check(mmu_update_one(l2_slot, make_pte(virt_to_mfn(l1), PTE_TABLE)) < 0,
          "an L1 that maps the L4 writable was taken");
    check(mmu_update_one(l2_slot, make_pte(virt_to_mfn(page), PTE_TABLE | PTE_PSE)) < 0,
          "a superpage was taken");
    check(mmu_update_one(l2_slot, make_pte(mm_root_mfn(), PTE_TABLE)) < 0, "an L4 became an L1");
    check(mmu_update_one(pte_maddr(free_va, 3), make_pte(virt_to_mfn(l1), PTE_TABLE | PTE_PSE)) < 0,
          "a 1 GiB page was taken");
    check(!(*pte_of(free_va, 2) & PTE_P), "a refused L2 entry was stored");
    untable_page(l1);
}

static void top_level(void)
{
    uint64_t root = (uint64_t)mm_root_mfn() << PAGE_SHIFT;
    uint64_t *l3 = page_alloc();
    unsigned int i;

    table_page(l3);
    for (i = 256; i < 272; i++) {
        long got = mmu_update_one(root + L4_SLOT(i), make_pte(virt_to_mfn(l3), PTE_TABLE));

        check(got < 0, "L4 slot %u of the hypervisor was taken", i);
        got = mmu_update_one(root + L4_SLOT(i), 0);
        check(got < 0, "L4 slot %u of the hypervisor was cleared", i);
    }
    /* The hypervisor's tables still work. */
    check(mfn_to_pfn(mm_root_mfn()) == virt_to_pfn((void *)start_info->pt_base), "M2P is gone");
    untable_page(l3);
}

/* A linear table (an L4 slot that maps the L4 itself) reads as page tables; writable never. */
static void linear(void)
{
    uint64_t root = (uint64_t)mm_root_mfn() << PAGE_SHIFT;

    check(mmu_update_one(root + L4_SLOT(300), make_pte(mm_root_mfn(), PTE_TABLE)) < 0,
          "a writable linear page table was taken");
    mmu_update_one(root + L4_SLOT(300), 0);
}

static void requests(void)
{
    struct mmu_update update = { .ptr = slot, .val = 0 };
    uint64_t *page = page_alloc();
    unsigned int done;
    long nobody;

    /* Not a page table: a data page is written by nobody but the guest. */
    check(mmu_update_one(virt_to_maddr(page), make_pte(virt_to_mfn(page), PTE_RW)) <= 0,
          "update of a data page");
    check(mmu_update_one(0xffffffffff000, 0) < 0, "request beyond memory passed");
    if (hypervisor_frame())
        check(mmu_update_one((uint64_t)hypervisor_frame() << PAGE_SHIFT, 0) < 0,
              "request into the hypervisor passed");
    expect(mmu_update_one(slot | 4, 0), -XEN_ENOSYS);
    expect(mmu_update_one(slot | 7, 0), -XEN_ENOSYS);
    expect(hc_mmu_update((void *)0x1000, 1, NULL, DOMID_SELF), -XEN_EFAULT);
    expect(hc_mmu_update(HYPERVISOR_VIRT_START + 0x1000, 1, NULL, DOMID_SELF), -XEN_EFAULT);
    expect(hc_mmu_update(&update, 1, (void *)0x1000, DOMID_SELF), 0);
    /* A domain without privileges may as well be told that others are none of its business. */
    nobody = hc_mmu_update(&update, 1, &done, 0x7000);
    check(nobody == -XEN_ESRCH || (!is_dom0() && nobody == -XEN_EPERM), "a domain that is not "
          "there gave %ld", nobody);
    expect(hc_mmu_update(&update, 1, &done, DOMID_INVALID), nobody);
    expect(hc_mmu_update(&update, 1, &done, (0x7000UL + 1) << 16 | DOMID_SELF), nobody);
}

void test_main(void)
{
    va = window_alloc(1);
    slot = pte_maddr(va, 1);
    leaf_entries();
    table_entries();
    top_level();
    linear();
    requests();
}
