/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do decrease_reservation, increase_reservation and populate_physmap move frames between the domain
 * and the hypervisor, and are counts, orders and pointers checked?
 *
 * The ABI: the result is the number of extents done; a frame given back is no longer the domain's
 * (it can't be mapped); current_reservation follows; populate_physmap writes the
 * machine-to-physical entry of each new frame.
 */
#include <guest.h>

#define COUNT 8

static long current_pages(void)
{
    domid_t self = DOMID_SELF;

    return hc_memory_op(XENMEM_current_reservation, &self);
}

static long extents(unsigned int cmd, unsigned long *list, unsigned long count, unsigned int order)
{
    struct xen_memory_reservation r = { .nr_extents = count, .extent_order = order,
                                        .domid = DOMID_SELF };

    set_xen_guest_handle(r.extent_start, list);
    return hc_memory_op(cmd, &r);
}

static void give_and_take(void)
{
    uint8_t *pages = pages_alloc(COUNT);
    unsigned long list[COUNT], i;
    long before = current_pages();
    void *va = window_alloc(1);

    for (i = 0; i < COUNT; i++) {
        list[i] = virt_to_mfn(pages + i * PAGE_SIZE);
        require(unmap_page(pages + i * PAGE_SIZE), 0);
    }
    expect(extents(XENMEM_decrease_reservation, list, COUNT, 0), COUNT);
    expect(current_pages(), before - COUNT);
    check(map_frame(va, list[0], PTE_RW) < 0, "a frame given back can be mapped");
    expect(extents(XENMEM_decrease_reservation, list, 1, 0), 0);
    for (i = 0; i < COUNT; i++)
        list[i] = virt_to_pfn(pages + i * PAGE_SIZE);
    expect(extents(XENMEM_populate_physmap, list, COUNT, 0), COUNT);
    expect(current_pages(), before);
    for (i = 0; i < COUNT; i++) {
        check(mfn_to_pfn(list[i]) == virt_to_pfn(pages + i * PAGE_SIZE),
              "frame 0x%lx has number 0x%lx", list[i], mfn_to_pfn(list[i]));
        p2m_set(virt_to_pfn(pages + i * PAGE_SIZE), list[i]);
        expect(map_frame(pages + i * PAGE_SIZE, list[i], PTE_RW), 0);
    }
}

static void increase(void)
{
    uint8_t *page = page_alloc();
    unsigned long mfn = virt_to_mfn(page);
    long before = current_pages();

    require(unmap_page(page), 0);
    expect(extents(XENMEM_decrease_reservation, &mfn, 1, 0), 1);
    mfn = 0;
    expect(extents(XENMEM_increase_reservation, &mfn, 1, 0), 1);
    check(mfn != 0, "increase_reservation told no frame");
    expect(current_pages(), before);
    expect(map_frame(page, mfn, PTE_RW), 0);
    p2m_set(virt_to_pfn(page), mfn);
    expect(mmu_update_one((mfn << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE, virt_to_pfn(page)), 0);
}

static void hostile(void)
{
    unsigned long list[2] = { 0xfffffffff, 0 };
    uint8_t *page = page_alloc(), *table = page_alloc();
    long before = current_pages();
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = 0x7000 };

    expect(extents(XENMEM_decrease_reservation, list, 1, 0), 0);
    list[0] = 0;
    expect(extents(XENMEM_decrease_reservation, list, 1, 0), 0);
    /* A page in use as page table is refused, or leaves only when it is no longer used. */
    table_page(table);
    require(mmuext_mfn(MMUEXT_PIN_L1_TABLE, virt_to_mfn(table)), 0);
    list[0] = virt_to_mfn(table);
    extents(XENMEM_decrease_reservation, list, 1, 0);
    expect(current_pages(), before);
    check(map_frame(table, list[0], PTE_RW) < 0, "a page table became writable");
    list[0] = 0;
    expect(extents(XENMEM_decrease_reservation, list, 0, 0), 0);
    check(extents(XENMEM_decrease_reservation, list, ~0UL, 0) <= 0, "2^64 extents");
    check(extents(XENMEM_populate_physmap, list, 1, 40) <= 0, "order 40");
    check(extents(XENMEM_increase_reservation, list, 1, 64) <= 0, "order 64");
    check(extents(XENMEM_increase_reservation, list, 1, 0xffffffff) <= 0, "order 2^32 - 1");
    check(extents(XENMEM_decrease_reservation, (void *)0x1000, 1, 0) <= 0, "a bad list");
    check(extents(XENMEM_populate_physmap, (void *)0x1000, 1, 0) <= 0, "a bad list");
    check(extents(XENMEM_populate_physmap, (void *)(HYPERVISOR_VIRT_START + 0x1000), 1, 0) <= 0,
          "a list in the hypervisor");
    /* These calls answer with extents done, not with errors. */
    expect(hc_memory_op(XENMEM_decrease_reservation, 0x1000), 0);
    set_xen_guest_handle(r.extent_start, list);
    expect(hc_memory_op(XENMEM_decrease_reservation, &r), 0);
    expect(current_pages(), before);
    /* A frame given back while it is mapped stays out of reach of others: refused or kept. */
    list[0] = virt_to_mfn(page);
    page[0] = 0x77;
    extents(XENMEM_decrease_reservation, list, 1, 0);
    check(page[0] == 0x77, "a mapped page lost its contents");
}

void test_main(void)
{
    domid_t self = DOMID_SELF, nobody = 0x7000;

    check(current_pages() >= (long)start_info->nr_pages, "current_reservation is %ld",
          current_pages());
    check(hc_memory_op(XENMEM_maximum_reservation, &self) >= current_pages(),
          "maximum_reservation is %ld", hc_memory_op(XENMEM_maximum_reservation, &self));
    check(hc_memory_op(XENMEM_maximum_gpfn, &self) >= 0, "maximum_gpfn is %ld",
          hc_memory_op(XENMEM_maximum_gpfn, &self));
    check(hc_memory_op(XENMEM_maximum_ram_page, NULL) > 0x1000, "maximum_ram_page is %ld",
          hc_memory_op(XENMEM_maximum_ram_page, NULL));
    expect(hc_memory_op(XENMEM_current_reservation, &nobody), -XEN_ESRCH);
    expect(hc_memory_op(XENMEM_current_reservation, 0x1000), -XEN_EFAULT);
    give_and_take();
    increase();
    hostile();
}
