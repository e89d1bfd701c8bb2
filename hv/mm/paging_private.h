/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of hv/mm/ share about the hypervisor's page tables. */
#ifndef PAGING_PRIVATE_H
#define PAGING_PRIVATE_H

#include <hv/mm.h>


/* Gives a top-level slot its third-level table, so that root tables can be copied for good. 0 or
   -ENOMEM. Boot only. */
int create_hv_l3(unsigned int slot, uint64_t us);
/* Maps both views of the machine-to-physical table and fills it with INVALID_M2P_ENTRY (m2p.c).
   Boot only, after the final tables are loaded. */
void m2p_init(void);
/* Sets the state of each frame, gives the free RAM to the buddy allocator (page_alloc.c). Boot
   only, once the frame table is mapped; boot_alloc() is over then. */
void page_alloc_init(void);

/* The frame table is mapped by 2 MiB pages; so many frames share one, and have page_info all or
   none. */
#define MAX_FRAMES ((DIRECTMAP_VIRT_END - DIRECTMAP_VIRT_START) >> PAGE_SHIFT)
#define MAX_GROUPS (MAX_FRAMES / FRAMES_PER_GROUP)

/* Bit per group: it has RAM and page_info. */
extern unsigned long frame_groups[MAX_GROUPS / 64];

#endif
