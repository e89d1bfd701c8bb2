/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Are the guest's page tables its own affair: faults with the right codes, accessed and dirty bits,
 * stale translations until INVLPG, and page tables that hypercalls walk as the CPU does?
 */
#include <hvm.h>

static void read_at(void *va) { (void)*(volatile char *)va; }
static void write_at(void *va) { *(volatile char *)va = 1; }

static long user_read(void *va)
{
    return *(volatile char *)va;
}

void test_main(void)
{
    struct xen_feature_info *info;
    char *page = page_alloc();
    volatile uint64_t *pte = pte_for(page);
    struct trap t;

    *pte &= ~(uint64_t)(PTE_A | PTE_D);
    invlpg(page);
    read_at(page);
    check((*pte & (PTE_A | PTE_D)) == PTE_A, "after a read the entry is 0x%lx", *pte);
    write_at(page);
    check((*pte & (PTE_A | PTE_D)) == (PTE_A | PTE_D), "after a write the entry is 0x%lx", *pte);

    *pte &= ~(uint64_t)PTE_W;
    invlpg(page);
    expect_trap(write_at, page, VEC_PF, PF_PRESENT | PF_WRITE);
    *pte = (*pte | PTE_W) & ~(uint64_t)PTE_U;
    invlpg(page);
    expect_user_trap(user_read, page, VEC_PF, PF_PRESENT | PF_USER);
    *pte &= ~(uint64_t)PTE_P;
    invlpg(page);
    require(trap_catch(read_at, page, &t), true);
    check(t.vector == VEC_PF && t.error == 0 && t.cr2 == (uint64_t)page,
          "vector %d error 0x%lx cr2 0x%lx", t.vector, t.error, t.cr2);

    /* A hypercall's argument there: refused, then taken, with its bits set. */
    info = (void *)page;
    expect(hc_xen_version(XENVER_get_features, info), -XEN_EFAULT);
    *pte = (*pte | PTE_P | PTE_W | PTE_U) & ~(uint64_t)(PTE_A | PTE_D);
    invlpg(page);
    memset(page, 0, sizeof(*info));
    expect(hc_xen_version(XENVER_get_features, info), 0);
}
