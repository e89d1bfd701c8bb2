/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do the size, minimum and maximum of dom0_mem= decide what domain 0 gets and may grow to?
 *
 * The options say 200 MiB, at least 100, at most 120: it starts with 120 MiB, that is its maximum,
 * and one page more is not given; after it gave pages back it may have them again.
 */
#include <guest.h>

#define WANT (120UL << (20 - PAGE_SHIFT))

void test_main(void)
{
    static xen_pfn_t frames[4];
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = DOMID_SELF };
    domid_t self = DOMID_SELF;

    expect(hc_memory_op(XENMEM_current_reservation, &self), WANT);
    expect(hc_memory_op(XENMEM_maximum_reservation, &self), WANT);
    expect(start_info->nr_pages, WANT);
    set_xen_guest_handle(r.extent_start, frames);
    expect(hc_memory_op(XENMEM_increase_reservation, &r), 0);
    expect(hc_memory_op(XENMEM_current_reservation, &self), WANT);
    frames[0] = virt_to_mfn(page_alloc());
    require(unmap_page(mfn_to_virt(frames[0])), 0);
    require(hc_memory_op(XENMEM_decrease_reservation, &r), 1);
    expect(hc_memory_op(XENMEM_current_reservation, &self), WANT - 1);
    expect(hc_memory_op(XENMEM_increase_reservation, &r), 1);
    expect(hc_memory_op(XENMEM_current_reservation, &self), WANT);
}
