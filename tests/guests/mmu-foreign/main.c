/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which frames that belong to no guest may domain 0 map: device memory, shared tables of the
 * hypervisor; and through which owner's name?
 *
 * The ABI: domain 0 maps MMIO (VGA, I/O APIC refused or read-only) with DOMID_IO or as its own;
 * machine frames of RAM that belong to others need their owner's domid; the machine-to-physical
 * table's frames belong to DOMID_XEN and are read-only; wrong owners give an error.
 */
#include <guest.h>

#define VGA_FRAME 0xb8
#define BIOS_FRAME 0xff
#define BIOS_ENTRY 0xff0        /* the processor's first instruction, a far jump */
#define FAR_JUMP 0xea

static uint64_t slot;

static long map_as(domid_t owner, unsigned long mfn, uint64_t flags)
{
    struct mmu_update update = { .ptr = slot, .val = make_pte(mfn, flags) };
    long error = hc_mmu_update(&update, 1, NULL, owner);

    return error;
}

static void unmap(void)
{
    expect(mmu_update_one(slot, 0), 0);
}

void test_main(void)
{
    struct xen_machphys_mfn_list list = { .max_extents = 1 };
    volatile uint16_t *va = window_alloc(1);
    xen_pfn_t m2p_frame = 0;

    slot = pte_maddr((void *)va, 1);
    set_xen_guest_handle(list.extent_start, &m2p_frame);
    require(hc_memory_op(XENMEM_machphys_mfn_list, &list), 0);
    expect(map_as(DOMID_IO, BIOS_FRAME, PTE_RO), 0);
    expect(((volatile uint8_t *)va)[BIOS_ENTRY], FAR_JUMP);
    unmap();
    /* VGA text memory. */
    expect(map_as(DOMID_IO, VGA_FRAME, PTE_RW | PTE_PCD), 0);
    expect(mmuext_linear(MMUEXT_INVLPG_LOCAL, (unsigned long)va), 0);
    /* Outside of text mode nothing may answer there: the access alone has to work. */
    va[2000] = va[2000];
    unmap();
    expect(map_as(DOMID_SELF, VGA_FRAME, PTE_RW | PTE_PCD), 0);
    unmap();
    /* The machine-to-physical table: to read, as DOMID_XEN's. */
    expect(map_as(DOMID_XEN, m2p_frame, PTE_RO), 0);
    unmap();
    check(map_as(DOMID_XEN, m2p_frame, PTE_RW) < 0, "the M2P table became writable");
    check(map_as(DOMID_SELF, m2p_frame, PTE_RO) < 0, "the table was mapped as the domain's own");
    /* Own frames under a wrong name. */
    check(map_as(DOMID_XEN, virt_to_mfn(page_alloc()), PTE_RO) < 0, "own frame as DOMID_XEN's");
    check(map_as(0x7000, virt_to_mfn(page_alloc()), PTE_RO) == -XEN_ESRCH, "own frame as nobody's");
    /* The interrupt controllers are the hypervisor's to write. */
    check(map_as(DOMID_IO, 0xfee00, PTE_RW | PTE_PCD) < 0, "the local APIC became writable");
    check(*pte_of((void *)va, 1) == 0, "a refused mapping was stored");
}
