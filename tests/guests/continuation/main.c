/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Are long operations, which the hypervisor cuts into pieces, complete and correct when events and
 * another vCPU keep interrupting them?
 *
 * A fast periodic timer ticks while long lists run: mmu_update of 4,000 entries, memory
 * given back and taken in 1,000s, an L4 with 500 L1 tables pinned and unpinned, a long
 * multicall. Each must count as if done in one go, with the argument registers as the ABI
 * leaves them, and time must go on.
 */
#include <guest.h>

#define ENTRIES 4000
#define EXTENTS 1000
#define TABLES 200

static struct mmu_update updates[ENTRIES];
static unsigned long extents[EXTENTS];
static unsigned int timer;

static void start_ticking(void)
{
    struct vcpu_set_periodic_timer p = { .period_ns = NS_PER_MS };
    long port = event_bind_virq(VIRQ_TIMER, 0);

    require(port > 0, true);
    timer = (unsigned int)port;
    require(event_unmask(timer), 0);
    require(hc_vcpu_op(VCPUOP_set_periodic_timer, 0, &p), 0);
}

static void long_update(void)
{
    uint8_t *va = window_alloc(1000);
    void *page = page_alloc();
    unsigned int i, done = 0;

    /* Every entry four times, so that the last writer decides. */
    for (i = 0; i < ENTRIES; i++) {
        updates[i].ptr = pte_maddr(va + (i % 1000) * PAGE_SIZE, 1);
        updates[i].val = i >= 3000 ? make_pte(virt_to_mfn(page), PTE_RW) : i >= 2000 ? 0
                         : make_pte(virt_to_mfn(page), PTE_RO);
    }
    expect(hc_mmu_update(updates, ENTRIES, &done, DOMID_SELF), 0);
    expect(done, ENTRIES);
    for (i = 0; i < 1000; i++)
        va[i * PAGE_SIZE] = 1;
    for (i = 0; i < ENTRIES; i++)
        updates[i].val = 0;
    /* A bad one far inside: exactly those before it are done. */
    updates[3700].val = make_pte(mm_root_mfn(), PTE_RW);
    check(hc_mmu_update(updates, ENTRIES, &done, DOMID_SELF) < 0, "a bad entry passed");
    expect(done, 3700);
    updates[3700].val = 0;
    expect(hc_mmu_update(updates, 1000, NULL, DOMID_SELF), 0);
}

static void long_reservation(void)
{
    uint8_t *pages = pages_alloc(EXTENTS);
    struct xen_memory_reservation r = { .nr_extents = EXTENTS, .domid = DOMID_SELF };
    domid_t self = DOMID_SELF;
    long before = hc_memory_op(XENMEM_current_reservation, &self);
    unsigned int i, round;

    for (round = 0; round < 3; round++) {
        for (i = 0; i < EXTENTS; i++) {
            extents[i] = virt_to_mfn(pages + i * PAGE_SIZE);
            require(unmap_page(pages + i * PAGE_SIZE), 0);
        }
        set_xen_guest_handle(r.extent_start, extents);
        expect(hc_memory_op(XENMEM_decrease_reservation, &r), EXTENTS);
        expect(hc_memory_op(XENMEM_current_reservation, &self), before - EXTENTS);
        for (i = 0; i < EXTENTS; i++)
            extents[i] = virt_to_pfn(pages + i * PAGE_SIZE);
        expect(hc_memory_op(XENMEM_populate_physmap, &r), EXTENTS);
        expect(hc_memory_op(XENMEM_current_reservation, &self), before);
        for (i = 0; i < EXTENTS; i++) {
            p2m_set(virt_to_pfn(pages + i * PAGE_SIZE), extents[i]);
            require(map_frame(pages + i * PAGE_SIZE, extents[i], PTE_RW), 0);
        }
    }
}

static void big_tree(void)
{
    uint64_t *l4 = page_alloc(), *l3 = page_alloc(), *l2 = page_alloc();
    void *page = page_alloc();
    uint8_t *l1s = pages_alloc(TABLES);
    unsigned int i, n;

    for (i = 0; i < TABLES; i++) {
        uint64_t *l1 = (uint64_t *)(l1s + i * PAGE_SIZE);

        for (n = 0; n < 512; n++)
            l1[n] = make_pte(virt_to_mfn(page), PTE_RW);
        table_page(l1);
        l2[i] = make_pte(virt_to_mfn(l1), PTE_TABLE);
    }
    l3[0] = make_pte(virt_to_mfn(l2), PTE_TABLE);
    l4[0] = make_pte(virt_to_mfn(l3), PTE_TABLE);
    table_page(l2);
    table_page(l3);
    table_page(l4);
    for (i = 0; i < 3; i++) {
        expect(mmuext_mfn(MMUEXT_PIN_L4_TABLE, virt_to_mfn(l4)), 0);
        check(protect_page(l1s + (TABLES - 1) * PAGE_SIZE, PTE_RW) < 0, "the last L1 is no table");
        expect(mmuext_mfn(MMUEXT_UNPIN_TABLE, virt_to_mfn(l4)), 0);
    }
    /* One bad entry in the last table spoils the tree, and leaves no types behind. */
    untable_page(l1s + (TABLES - 1) * PAGE_SIZE);
    ((uint64_t *)(l1s + (TABLES - 1) * PAGE_SIZE))[511] = make_pte(mm_root_mfn(), PTE_RW);
    table_page(l1s + (TABLES - 1) * PAGE_SIZE);
    check(mmuext_mfn(MMUEXT_PIN_L4_TABLE, virt_to_mfn(l4)) < 0, "a spoiled tree was pinned");
    for (i = 0; i < TABLES; i++)
        check(protect_page(l1s + i * PAGE_SIZE, PTE_RW) == 0, "L1 %u keeps a type", i);
}

static void long_multicall(void)
{
    static struct multicall_entry list[2000];
    uint8_t *va = window_alloc(1);
    void *page = page_alloc();
    unsigned int i, wrong = 0;

    for (i = 0; i < ARRAY_SIZE(list); i++) {
        list[i].op = i % 2 ? __HYPERVISOR_xen_version : __HYPERVISOR_update_va_mapping;
        list[i].args[0] = i % 2 ? XENVER_version : (unsigned long)va;
        list[i].args[1] = make_pte(virt_to_mfn(page), i % 4 ? PTE_RO : PTE_RW);
        list[i].args[2] = UVMF_INVLPG;
    }
    expect(hc_multicall(list, ARRAY_SIZE(list)), 0);
    for (i = 0; i < ARRAY_SIZE(list); i++)
        wrong += (long)list[i].result != (i % 2 ? 0x40011 : 0);
    check(!wrong, "%u of %u results are wrong", wrong, i);
    expect(unmap_page(va), 0);
}

void test_main(void)
{
    unsigned int ticks;

    start_ticking();
    long_update();
    long_reservation();
    ticks = event_count(timer);
    big_tree();
    long_multicall();
    check(event_count(timer) > ticks, "no event came while long operations ran");
    check(this_vcpu()->info->evtchn_upcall_mask == 0, "the upcall mask is set");
}
