/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine-to-physical table: mapped twice, read-only at the address that the ABI gives (the
 * only user pages of the hypervisor's slots) and writable for the hypervisor. Present where there
 * is RAM, in steps of 2 MiB (1 GiB of RAM).
 */
#include <hv/boot.h>
#include <hv/bitops.h>
#include <hv/domain.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/printk.h>
#include "paging_private.h"

#define PAGE_M2P_GUEST (PAGE_HV_RO | PTE_US)
#define ENTRIES_PER_CHUNK ((1UL << L2_SHIFT) / sizeof(unsigned long))
#define GROUPS_PER_CHUNK (ENTRIES_PER_CHUNK / FRAMES_PER_GROUP)
#define CHUNK_FRAMES ((1UL << L2_SHIFT) / PAGE_SIZE)

static void __init add_chunk(unsigned long chunk)
{
    unsigned long offset = chunk << L2_SHIFT;
    mfn_t mfn = paddr_to_pfn(boot_alloc(1UL << L2_SHIFT, 1UL << L2_SHIFT));

    if (map_hv_pages(M2P_RW_VIRT_START + offset, mfn, CHUNK_FRAMES, PAGE_HV_RW) ||
        map_hv_pages(M2P_VIRT_START + offset, mfn, CHUNK_FRAMES, PAGE_M2P_GUEST))
        panic("boot: no memory for the page tables of the machine-to-physical table");
    memset((void *)(M2P_RW_VIRT_START + offset), 0xff, 1UL << L2_SHIFT);
}

void __init m2p_init(void)
{
    for (unsigned long chunk = 0; chunk * ENTRIES_PER_CHUNK < max_page; chunk++) {
        unsigned long first = chunk * GROUPS_PER_CHUNK;

        if (find_next_bit(frame_groups, first + GROUPS_PER_CHUNK, first) < first + GROUPS_PER_CHUNK)
            add_chunk(chunk);
    }
}

mfn_t m2p_chunk_mfn(unsigned long chunk)
{
    unsigned long va = M2P_VIRT_START + (chunk << L2_SHIFT);

    return va < M2P_VIRT_END ? hv_page_mfn(va) : INVALID_MFN;
}

/* The table's frames are DOMID_XEN's: who may map that domain's frames may map them read-only
   (XENMEM_machphys_mfn_list). */
void __init m2p_share(void)
{
    for (unsigned long chunk = 0; chunk * ENTRIES_PER_CHUNK < max_page; chunk++) {
        mfn_t mfn = m2p_chunk_mfn(chunk);

        for (unsigned long i = 0; mfn != INVALID_MFN && i < CHUNK_FRAMES; i++)
            share_xen_page(mfn_to_page(mfn + i), dom_xen, false);
    }
}
