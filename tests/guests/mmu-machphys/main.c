/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is the machine-to-physical table right, changeable by MMU_MACHPHYS_UPDATE for own frames only,
 * and read-only for guests?
 */
#include <guest.h>

static void write_word(void *va)
{
    *(volatile uint64_t *)va = 1;
}

static void read_word(void *va)
{
    (void)*(volatile uint64_t *)va;
}

static long user_read(void *va)
{
    return (long)*(volatile uint64_t *)va;
}

static long update(unsigned long mfn, unsigned long value)
{
    return mmu_update_one(((uint64_t)mfn << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE, value);
}

void test_main(void)
{
    void *page = page_alloc();
    unsigned long mfn = virt_to_mfn(page), pfn = virt_to_pfn(page), i, wrong = 0;
    struct trap t;

    for (i = 0; i < start_info->nr_pages; i++)
        wrong += mfn_to_pfn(pfn_to_mfn(i)) != i;
    check(!wrong, "%lu of %lu frames have another number", wrong, start_info->nr_pages);
    expect(update(mfn, 0x123456), 0);
    expect(mfn_to_pfn(mfn), 0x123456);
    expect(update(mfn, pfn), 0);
    expect(mfn_to_pfn(mfn), pfn);
    check(update(0xfffffffff, 1) < 0, "the number of a frame beyond memory was changed");
    check(update(0, 1) < 0, "the number of a frame of nobody was changed");
    /* Reading works in both modes, writing in none. */
    expect_trap(write_word, &machine_to_phys_mapping[mfn], VEC_PF, PF_WRITE | PF_PRESENT);
    trap_user(user_read, &machine_to_phys_mapping[mfn], 0, &t);
    check(t.vector == VEC_SYSCALL || t.vector == VEC_PF, "user read: vector %d", t.vector);
    /* Beyond the table nothing is mapped, or nothing that traps otherwise. */
    if (trap_catch(read_word, (void *)(MACH2PHYS_VIRT_END - 8), &t))
        check(t.vector == VEC_PF, "end of the table: vector %d", t.vector);
}
