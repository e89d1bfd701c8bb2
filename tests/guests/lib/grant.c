/* SPDX-License-Identifier: BSD-2-Clause */
/* The domain's own grant table. */
#include "guest.h"
#include "grant.h"

#define TABLE_FRAMES 2

volatile struct grant_entry_v1 *grants;

void grant_init(void)
{
    xen_pfn_t frames[TABLE_FRAMES];
    struct gnttab_setup_table op = { .dom = DOMID_SELF, .nr_frames = TABLE_FRAMES };
    uint8_t *va = window_alloc(TABLE_FRAMES);
    unsigned int i;

    set_xen_guest_handle(op.frame_list, frames);
    require(hc_grant_table_op(GNTTABOP_setup_table, &op, 1), 0);
    require(op.status, GNTST_okay);
    for (i = 0; i < TABLE_FRAMES; i++)
        require(map_frame(va + i * PAGE_SIZE, frames[i], PTE_RW), 0);
    grants = (volatile struct grant_entry_v1 *)va;
}

void grant_page(unsigned int ref, domid_t domain, const void *page, uint16_t flags)
{
    grants[ref].frame = (uint32_t)virt_to_mfn(page);
    grants[ref].domid = domain;
    barrier();
    grants[ref].flags = GTF_permit_access | flags;
}

uint16_t grant_end(unsigned int ref)
{
    uint16_t flags = grants[ref].flags;

    do {
        if (flags & (GTF_reading | GTF_writing))
            return flags & (GTF_reading | GTF_writing);
    } while (!__atomic_compare_exchange_n(&grants[ref].flags, &flags, 0, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    return 0;
}

int grant_map(domid_t domain, unsigned int ref, void *va, unsigned int flags,
              grant_handle_t *handle, uint64_t *frame)
{
    struct gnttab_map_grant_ref op = { .host_addr = (uint64_t)va, .flags = flags, .ref = ref,
                                       .dom = domain };

    if (hc_grant_table_op(GNTTABOP_map_grant_ref, &op, 1))
        report_error("map_grant_ref failed as a call");
    if (handle)
        *handle = op.handle;
    if (frame)
        *frame = op.dev_bus_addr;
    return op.status;
}

int grant_unmap(grant_handle_t handle, void *va, uint64_t dev_bus_addr)
{
    struct gnttab_unmap_grant_ref op = { .host_addr = (uint64_t)va, .handle = handle,
                                         .dev_bus_addr = dev_bus_addr };

    if (hc_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1))
        report_error("unmap_grant_ref failed as a call");
    return op.status;
}
