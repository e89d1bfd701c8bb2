/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does a multicall make each call in order with its own result, and refuse what is hostile?
 *
 * The ABI: entries are done in order, each result stored in its entry, a failing entry does not
 * stop the rest; unknown numbers give -ENOSYS in the entry; multicalls don't nest; a list that
 * can't be read or written gives -EFAULT; arguments pass through all six slots.
 */
#include <guest.h>

static void good(void)
{
    struct multicall_entry list[5];
    unsigned long value = 0;
    uint64_t *page = page_alloc(), *va = window_alloc(1);

    memset(list, 0, sizeof(list));
    list[0].op = __HYPERVISOR_xen_version;
    list[0].args[0] = XENVER_version;
    list[1].op = __HYPERVISOR_update_va_mapping;
    list[1].args[0] = (unsigned long)va;
    list[1].args[1] = make_pte(virt_to_mfn(page), PTE_RW);
    list[1].args[2] = UVMF_INVLPG;
    list[2].op = 63;
    list[3].op = __HYPERVISOR_xen_version;
    list[3].args[0] = XENVER_extraversion;
    list[3].args[1] = 0x1000;
    list[4].op = __HYPERVISOR_xen_version;
    list[4].args[0] = XENVER_pagesize;
    expect(hc_multicall(list, 5), 0);
    expect((long)list[0].result, 0x40011);
    expect((long)list[1].result, 0);
    expect((long)list[2].result, -XEN_ENOSYS);
    expect((long)list[3].result, -XEN_EFAULT);
    expect((long)list[4].result, 4096);
    *page = 5;
    expect(*va, 5);
    (void)value;
}

/* The second entry sees what the first did: both change one L1 entry. */
static void order(void)
{
    struct multicall_entry list[64];
    uint64_t *page = page_alloc(), *va = window_alloc(1);
    unsigned int i;

    memset(list, 0, sizeof(list));
    for (i = 0; i < ARRAY_SIZE(list); i++) {
        list[i].op = __HYPERVISOR_update_va_mapping;
        list[i].args[0] = (unsigned long)va;
        list[i].args[1] = i % 2 ? make_pte(virt_to_mfn(page), PTE_RW) : 0;
        list[i].args[2] = UVMF_INVLPG;
    }
    expect(hc_multicall(list, ARRAY_SIZE(list)), 0);
    for (i = 0; i < ARRAY_SIZE(list); i++)
        check(list[i].result == 0, "entry %u gave %ld", i, (long)list[i].result);
    *va = 9;
    expect(*page, 9);
}

static void hostile(void)
{
    struct multicall_entry *list = page_alloc();
    struct multicall_entry inner = { .op = __HYPERVISOR_xen_version };
    uint8_t *edge = pages_alloc(2);

    memset(list, 0, sizeof(*list) * 2);
    list[0].op = __HYPERVISOR_multicall;
    list[0].args[0] = (unsigned long)&inner;
    list[0].args[1] = 1;
    expect(hc_multicall(list, 1), 0);
    check((long)list[0].result < 0, "a multicall in a multicall gave %ld", (long)list[0].result);
    list[0].op = ~0UL;
    expect(hc_multicall(list, 1), 0);
    expect((long)list[0].result, -XEN_ENOSYS);
    list[0].op = 0x100000000UL | __HYPERVISOR_xen_version;
    list[0].args[0] = XENVER_version;
    expect(hc_multicall(list, 1), 0);
    expect((long)list[0].result, -XEN_ENOSYS);
    expect(hc_multicall(list, 0), 0);
    expect(hc_multicall(0x1000, 1), -XEN_EFAULT);
    expect(hc_multicall(HYPERVISOR_VIRT_START + 0x1000, 1), -XEN_EFAULT);
    check(hc_multicall(0xfffffffffffff000, 0xffffffff) < 0, "a list that wraps");
    /* The list runs into a page that is not mapped: what is before it was done. */
    require(unmap_page(edge + PAGE_SIZE), 0);
    list = (struct multicall_entry *)(edge + PAGE_SIZE) - 1;
    list->op = __HYPERVISOR_xen_version;
    list->args[0] = XENVER_version;
    list->result = 0;
    expect(hc_multicall(list, 2), -XEN_EFAULT);
    check(list->result == 0x40011 || list->result == 0, "entry before the hole: %ld",
          (long)list->result);
    /* A read-only list: the result can't be stored. */
    list = page_alloc();
    list->op = __HYPERVISOR_xen_version;
    require(protect_page(list, PTE_RO), 0);
    expect(hc_multicall(list, 1), -XEN_EFAULT);
    require(protect_page(list, PTE_RW), 0);
}

void test_main(void)
{
    good();
    order();
    hostile();
}
