/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does a SYSCALL at the last instruction below the canonical hole come back safely (XSA-7)?
 *
 * SYSRET to a non-canonical RCX faults in ring 0 with the guest's stack on Intel. SYSCALL in the
 * last two bytes of the lower half leaves RCX = 2^47. The return must go by IRET: the guest gets
 * #GP or #PF at the bad address, and the hypervisor goes on.
 */
#include <guest.h>

#define LAST_PAGE 0x00007ffffffff000UL

static void jump(void *va)
{
    asm volatile("mov %0, %%eax; call *%1"
                 : : "i"(63), "r"(va)
                 : "rax", "rcx", "r11", "rdi", "rsi", "rdx", "r10", "r8", "r9", "memory");
}

/* Map a page of the domain at the top of the lower half: three new tables. */
static void map_top(void *page)
{
    uint64_t *l1 = page_alloc(), *l2 = page_alloc(), *l3 = page_alloc();

    l1[511] = make_pte(virt_to_mfn(page), PTE_RW);
    l2[511] = make_pte(virt_to_mfn(l1), PTE_TABLE);
    l3[511] = make_pte(virt_to_mfn(l2), PTE_TABLE);
    table_page(l1);
    table_page(l2);
    table_page(l3);
    require(mmu_update_one(pte_maddr((void *)LAST_PAGE, 4), make_pte(virt_to_mfn(l3), PTE_TABLE)),
            0);
}

void test_main(void)
{
    uint8_t *page = page_alloc();
    struct trap t;
    unsigned int i;

    page[4094] = 0x0f;
    page[4095] = 0x05;
    map_top(page);
    for (i = 0; i < 20; i++) {
        trap_catch(jump, (void *)(LAST_PAGE + 4094), &t);
        check(t.vector == VEC_GP || t.vector == VEC_PF, "vector %d error 0x%lx", t.vector, t.error);
        check(t.regs.rip == 0x0000800000000000 || t.regs.rip == LAST_PAGE + 4094,
              "fault at 0x%lx", t.regs.rip);
        trap_user((long (*)(void *))(LAST_PAGE + 4094), NULL, 0, &t);
        check(t.vector == VEC_SYSCALL, "user mode: vector %d", t.vector);
    }
    expect(hc_xen_version(XENVER_version, NULL), 0x40011);
}
