/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does update_va_mapping change the entry of an address and flush as its flags say?
 *
 * The ABI: flags are UVMF_NONE, _TLB_FLUSH or _INVLPG, with _MULTI (a bitmap pointer), _LOCAL or
 * _ALL; an address without an L1 table gives -EINVAL; an address of the hypervisor is refused; the
 * otherdomain form takes foreign frames for a privileged caller.
 */
#include <guest.h>

static void write_byte(void *va)
{
    asm volatile("movb $1, (%0)" : : "r"(va) : "memory");
}

void test_main(void)
{
    static const unsigned long flushes[] = {
        UVMF_TLB_FLUSH | UVMF_LOCAL, UVMF_TLB_FLUSH | UVMF_ALL, UVMF_INVLPG | UVMF_LOCAL,
        UVMF_INVLPG | UVMF_ALL,
    };
    uint64_t *page = page_alloc(), *second = page_alloc();
    volatile uint64_t *va = window_alloc(1);
    unsigned long mfn = virt_to_mfn(page), mask[2] = { 1, 0 };
    unsigned int i;
    long nobody;

    *page = 1;
    *second = 2;
    for (i = 0; i < ARRAY_SIZE(flushes); i++) {
        expect(hc_update_va_mapping(va, make_pte(mfn, PTE_RW), flushes[i]), 0);
        expect(*va, 1);
        expect(hc_update_va_mapping(va, make_pte(virt_to_mfn(second), PTE_RW), flushes[i]), 0);
        check(*va == 2, "flags 0x%lx left the old translation", flushes[i]);
        expect(hc_update_va_mapping(va, make_pte(mfn, PTE_RO), flushes[i]), 0);
        expect_trap(write_byte, va, VEC_PF, PF_WRITE | PF_PRESENT);
    }
    expect(hc_update_va_mapping(va, make_pte(mfn, PTE_RW),
                                (unsigned long)mask | UVMF_INVLPG | UVMF_MULTI), 0);
    expect(*va, 1);
    expect(hc_update_va_mapping(va, make_pte(virt_to_mfn(second), PTE_RW),
                                (unsigned long)mask | UVMF_TLB_FLUSH | UVMF_MULTI), 0);
    expect(*va, 2);
    /* The same value again is no change and no error. */
    expect(hc_update_va_mapping(va, make_pte(virt_to_mfn(second), PTE_RW), UVMF_NONE), 0);
    expect(hc_update_va_mapping(va, 0, UVMF_INVLPG | UVMF_ALL), 0);
    /* Hostile. */
    expect(hc_update_va_mapping(0x5000, make_pte(mfn, PTE_RW), UVMF_NONE), -XEN_EINVAL);
    check(hc_update_va_mapping(HYPERVISOR_VIRT_START, make_pte(mfn, PTE_RW), UVMF_NONE) < 0,
          "an entry of the machine-to-physical table was changed");
    check(hc_update_va_mapping(0xffff82d040200000, 0, UVMF_NONE) < 0, "hypervisor text changed");
    check(hc_update_va_mapping(0xffff830000000000, 0, UVMF_NONE) < 0, "direct map changed");
    check(hc_update_va_mapping(0x8000000000000000, 0, UVMF_NONE) < 0, "non-canonical address");
    check(hc_update_va_mapping(va, make_pte(mm_root_mfn(), PTE_RW), UVMF_NONE) < 0,
          "the L4 became writable");
    check(hc_update_va_mapping(va, make_pte(0xfffffffff, PTE_RW), UVMF_NONE) < 0,
          "a frame beyond memory was mapped");
    /* A domain without privileges may as well be told that others are none of its business. */
    nobody = hc_update_va_mapping_otherdomain(va, make_pte(mfn, PTE_RW), UVMF_NONE, 0x7000);
    check(nobody == -XEN_ESRCH || (!is_dom0() && nobody == -XEN_EPERM), "a domain that is not "
          "there gave %ld", nobody);
    check(*pte_of((void *)va, 1) == 0, "a refused mapping was stored: 0x%lx",
          *pte_of((void *)va, 1));
    /* A bad bitmap pointer is told; the mapping may be done. */
    check(hc_update_va_mapping(va, make_pte(mfn, PTE_RW), 0x1000UL | UVMF_INVLPG | UVMF_MULTI) <= 0,
          "bad bitmap");
    hc_update_va_mapping(va, 0, UVMF_INVLPG | UVMF_LOCAL);
}
