/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Are references, handles, domains, flags, entries and addresses of grant operations checked?
 *
 * Everything here must give a status or an error number; nothing may be mapped, and afterwards a
 * good mapping must still work.
 */
#include <guest.h>
#include <grant.h>

#define REF 40
#define LOCAL_APIC_FRAME 0xfee00

static void *va;

static void maps(void)
{
    static const unsigned int refs[] = { 41, 1023, 1024, 100000, 0x7fffffff, 0xffffffff };
    uint64_t *page = page_alloc();
    grant_handle_t handle;
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(refs); i++)
        check(grant_map(own_id(), refs[i], va, GNTMAP_host_map, &handle, NULL) != GNTST_okay,
              "reference 0x%x was mapped", refs[i]);
    expect(grant_map(0x7000, REF, va, GNTMAP_host_map, &handle, NULL), GNTST_bad_domain);
    grant_page(REF, 77, page, 0);
    check(grant_map(own_id(), REF, va, GNTMAP_host_map, &handle, NULL) != GNTST_okay,
          "a grant for domain 77 was mapped");
    grant_page(REF, own_id(), page, 0);
    check(grant_map(own_id(), REF, va, 0, &handle, NULL) != GNTST_okay, "flags 0 mapped");
    check(grant_map(own_id(), REF, (void *)0x5000, GNTMAP_host_map, &handle, NULL) != GNTST_okay,
          "mapped where there is no L1 table");
    check(grant_map(own_id(), REF, (void *)(HYPERVISOR_VIRT_START + 0x1000), GNTMAP_host_map,
                    &handle, NULL) != GNTST_okay, "mapped in the hypervisor");
    check(grant_map(own_id(), REF, (void *)0x8000000000000000, GNTMAP_host_map, &handle, NULL) !=
          GNTST_okay, "mapped at a non-canonical address");
    check(!(grants[REF].flags & (GTF_reading | GTF_writing)), "refused maps left flags 0x%x",
          grants[REF].flags);
}

static void entries(void)
{
    struct xen_machphys_mfn_list list = { .max_extents = 1 };
    xen_pfn_t m2p_frame = 0;
    grant_handle_t handle;

    grants[REF].frame = LOCAL_APIC_FRAME;
    check(grant_map(own_id(), REF, va, GNTMAP_host_map, &handle, NULL) != GNTST_okay,
          "the local APIC was mapped");
    grants[REF].frame = (uint32_t)mm_root_mfn();
    check(grant_map(own_id(), REF, va, GNTMAP_host_map, &handle, NULL) != GNTST_okay,
          "the L4 was mapped writable");
    set_xen_guest_handle(list.extent_start, &m2p_frame);
    require(hc_memory_op(XENMEM_machphys_mfn_list, &list), 0);
    grants[REF].frame = (uint32_t)m2p_frame;
    check(grant_map(own_id(), REF, va, GNTMAP_host_map, &handle, NULL) != GNTST_okay,
          "a frame of the hypervisor was mapped");
    grants[REF].flags = GTF_accept_transfer;
    check(grant_map(own_id(), REF, va, GNTMAP_host_map, &handle, NULL) != GNTST_okay,
          "a transfer entry was mapped");
    grants[REF].flags = GTF_transitive;
    check(grant_map(own_id(), REF, va, GNTMAP_host_map, &handle, NULL) != GNTST_okay,
          "a transitive entry of version 1 was mapped");
    grants[REF].flags = 0;
}

static void unmaps(void)
{
    static const grant_handle_t handles[] = { 1, 2, 500, 65536, 0x7fffffff, 0xffffffff };
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(handles); i++)
        check(grant_unmap(handles[i], va, 0) == GNTST_bad_handle, "handle 0x%x was unmapped",
              handles[i]);
}

static void calls(void)
{
    uint8_t *edge = pages_alloc(2);
    struct gnttab_map_grant_ref *map = (void *)edge;
    struct gnttab_transfer transfer = { .mfn = 1, .domid = 0x7000 };
    struct gnttab_cache_flush flush = { .op = GNTTAB_CACHE_CLEAN, .length = 64 };
    struct gnttab_swap_grant_ref swap = { .ref_a = 50, .ref_b = 0x7fffffff };
    unsigned int cmd;

    for (cmd = GNTTABOP_map_grant_ref; cmd <= GNTTABOP_cache_flush; cmd++) {
        long got = hc_grant_table_op(cmd, 0x1000, 1);

        check(got < 0, "operation %u with a bad pointer: %ld", cmd, got);
    }
    /* A list that ends at a hole, so that whatever is done of it harms nobody. */
    require(unmap_page(edge + PAGE_SIZE), 0);
    check(hc_grant_table_op(GNTTABOP_map_grant_ref, map, 0x7fffffff) < 0, "2^31 operations");
    check(hc_grant_table_op(GNTTABOP_map_grant_ref, map, 0xffffffff) < 0, "2^32 operations");
    expect(hc_grant_table_op(GNTTABOP_map_grant_ref, map, 0), 0);
    check(hc_grant_table_op(GNTTABOP_transfer, &transfer, 1) < 0 || transfer.status != GNTST_okay,
          "a frame was transferred to nobody");
    if (!hc_grant_table_op(GNTTABOP_swap_grant_ref, &swap, 1))
        check(swap.status != GNTST_okay, "swapped with a reference beyond the table");
    /* Cache flushing: the address must be the domain's; lengths stay in a page. */
    flush.a.dev_bus_addr = virt_to_maddr(page_alloc());
    check(hc_grant_table_op(GNTTABOP_cache_flush, &flush, 1) <= 0, "cache_flush");
    flush.offset = 4095;
    check(hc_grant_table_op(GNTTABOP_cache_flush, &flush, 1) < 0, "cache_flush beyond the page");
    flush.offset = 0;
    flush.a.dev_bus_addr = 0xffffffffff000;
    check(hc_grant_table_op(GNTTABOP_cache_flush, &flush, 1) < 0, "cache_flush of no memory");
}

void test_main(void)
{
    uint64_t *page = page_alloc();
    grant_handle_t handle;

    grant_init();
    va = window_alloc(1);
    maps();
    entries();
    unmaps();
    calls();
    check(*pte_of(va, 1) == 0, "a refused grant was mapped");
    grant_page(REF, own_id(), page, 0);
    *page = 5;
    expect(grant_map(own_id(), REF, va, GNTMAP_host_map, &handle, NULL), GNTST_okay);
    expect(*(volatile uint64_t *)va, 5);
    expect(grant_unmap(handle, va, 0), GNTST_okay);
    expect(grant_end(REF), 0);
}
