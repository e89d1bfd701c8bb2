/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does a guest give memory back and take it again by frame number, and does its physical map follow
 * at once?
 *
 * A frame that was given back reads as ones, as an empty bus does; populating it brings a page
 * that keeps what is written. The shared page can be moved to another place.
 */
#include <hvm.h>

static long change(unsigned int cmd, unsigned long gfn)
{
    xen_pfn_t frame = gfn;
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };

    set_xen_guest_handle(r.extent_start, &frame);
    return hc_memory_op(cmd, &r);
}

void test_main(void)
{
    domid_t self = DOMID_SELF;
    volatile uint32_t *page = page_alloc();
    unsigned long gfn = virt_to_pfn((void *)page);
    long pages = hc_memory_op(XENMEM_current_reservation, &self);

    page[1] = 0x12345678;
    expect(change(XENMEM_decrease_reservation, gfn), 1);
    check(page[1] == 0xffffffff, "a frame that is gone reads 0x%x", page[1]);
    page[1] = 1;
    expect(hc_memory_op(XENMEM_current_reservation, &self), pages - 1);
    expect(change(XENMEM_decrease_reservation, gfn), 0);
    expect(change(XENMEM_populate_physmap, gfn), 1);
    page[1] = 0x87654321;
    check(page[1] == 0x87654321, "a new frame does not keep what is written");
    expect(add_to_physmap(XENMAPSPACE_shared_info, 0, gfn), 0);
    check(page[0] != 0xffffffff, "the shared page is not at its new place");
    expect(add_to_physmap(XENMAPSPACE_shared_info, 1, gfn), -XEN_EINVAL);
    expect(add_to_physmap(XENMAPSPACE_grant_table, 0, gfn), 0);
    page[0] = 1;
}
