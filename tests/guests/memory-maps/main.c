/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do memory_map, machine_memory_map, machphys_mapping and machphys_mfn_list describe memory, and do
 * add_to_physmap and other calls for translated guests refuse a PV one?
 *
 * The ABI: domain 0 sees the machine's map with RAM in it, in order, without overlaps; too little
 * room gives -EINVAL; machphys_mapping gives the table's place; unknown operations give -ENOSYS.
 */
#include <guest.h>

struct e820_entry {
    uint64_t start, size;
    uint32_t type;
} __attribute__((packed));

static struct e820_entry map[128];

static long get_map(unsigned int cmd, unsigned int room, unsigned int *count)
{
    struct xen_memory_map m = { .nr_entries = room };
    long error;

    set_xen_guest_handle(m.buffer, map);
    memset(map, 0, sizeof(map));
    error = hc_memory_op(cmd, &m);
    *count = m.nr_entries;
    return error;
}

static void machine_map(void)
{
    unsigned int count, i, none;
    uint64_t ram = 0;

    expect(get_map(XENMEM_machine_memory_map, ARRAY_SIZE(map), &count), 0);
    check(count > 1 && count < ARRAY_SIZE(map), "%u entries", count);
    for (i = 0; i < count; i++) {
        ram += map[i].type == 1 ? map[i].size : 0;
        check(!i || map[i].start >= map[i - 1].start + map[i - 1].size,
              "entry %u overlaps or is out of order", i);
    }
    check(ram > 0x4000000, "only 0x%lx bytes of RAM", ram);
    expect(get_map(XENMEM_machine_memory_map, 1, &none), -XEN_EINVAL);
    check(map[1].size == 0, "an entry was stored beyond the room");
    check(get_map(XENMEM_memory_map, ARRAY_SIZE(map), &count) <= 0, "memory_map");
}

static void set_map(void)
{
    static const struct e820_entry own[2] = {
        { 0, 0xa0000, 1 }, { 0x100000, 0x3f00000, 1 },
    };
    struct xen_foreign_memory_map m = { .domid = DOMID_SELF, .map.nr_entries = 2 };
    unsigned int count;

    set_xen_guest_handle(m.map.buffer, (void *)own);
    expect(hc_memory_op(XENMEM_set_memory_map, &m), 0);
    expect(get_map(XENMEM_memory_map, ARRAY_SIZE(map), &count), 0);
    expect(count, 2);
    check(!memcmp(map, own, sizeof(own)), "the map came back changed");
    m.map.nr_entries = 100000;
    expect(hc_memory_op(XENMEM_set_memory_map, &m), -XEN_EINVAL);
    m.map.nr_entries = 2;
    set_xen_guest_handle(m.map.buffer, (void *)0x1000);
    expect(hc_memory_op(XENMEM_set_memory_map, &m), -XEN_EFAULT);
    m.domid = 0x7000;
    expect(hc_memory_op(XENMEM_set_memory_map, &m), -XEN_ESRCH);
}

static void machphys(void)
{
    struct xen_machphys_mapping mapping;
    struct xen_machphys_mfn_list list = { .max_extents = 4 };
    xen_pfn_t extents[4] = { 0 };

    expect(hc_memory_op(XENMEM_machphys_mapping, &mapping), 0);
    expect(mapping.v_start, MACH2PHYS_VIRT_START);
    check(mapping.v_end > mapping.v_start && mapping.v_end <= HYPERVISOR_VIRT_END,
          "table ends at 0x%lx", mapping.v_end);
    check(mapping.max_mfn > 0, "max_mfn is 0");
    set_xen_guest_handle(list.extent_start, extents);
    expect(hc_memory_op(XENMEM_machphys_mfn_list, &list), 0);
    check(list.nr_extents >= 1 && list.nr_extents <= 4, "%u extents", list.nr_extents);
    check(extents[0] != 0, "the first extent has frame 0");
    expect(hc_memory_op(XENMEM_machphys_mapping, 0x1000), -XEN_EFAULT);
    expect(hc_memory_op(XENMEM_machphys_mfn_list, 0x1000), -XEN_EFAULT);
}

static void refused(void)
{
    struct xen_add_to_physmap add = { .domid = DOMID_SELF, .space = XENMAPSPACE_shared_info };
    struct xen_remove_from_physmap remove = { .domid = DOMID_SELF, .gpfn = 1 };

    check(hc_memory_op(XENMEM_add_to_physmap, &add) < 0, "add_to_physmap of shared_info");
    add.space = 77;
    check(hc_memory_op(XENMEM_add_to_physmap, &add) < 0, "add_to_physmap of an unknown space");
    add.domid = 0x7000;
    expect(hc_memory_op(XENMEM_add_to_physmap, &add), -XEN_ESRCH);
    expect(hc_memory_op(XENMEM_add_to_physmap, 0x1000), -XEN_EFAULT);
    check(hc_memory_op(XENMEM_remove_from_physmap, &remove) < 0, "remove_from_physmap");
    expect(hc_memory_op(63, &add), -XEN_ENOSYS);
    expect(hc_memory_op(50, &add), -XEN_ENOSYS);
}

static void claim(void)
{
    struct xen_memory_reservation r = { .nr_extents = 16, .domid = DOMID_SELF };

    r.extent_order = 1;
    expect(hc_memory_op(XENMEM_claim_pages, &r), -XEN_EINVAL);
    r.extent_order = 0;
    r.domid = 0x7000;
    check(hc_memory_op(XENMEM_claim_pages, &r) < 0, "a claim for nobody");
}

void test_main(void)
{
    machine_map();
    set_map();
    machphys();
    refused();
    claim();
}
