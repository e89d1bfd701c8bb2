/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory before the buddy allocator runs (hv/mm/bootmem.c): the RAM of the memory map less what is
 * taken: the first MiB, the image, the boot modules, and what boot_alloc() (mm.h) gave out, which
 * takes from the top. Boot CPU only.
 */
#ifndef HV_BOOTMEM_H
#define HV_BOOTMEM_H

#include <hv/types.h>

/* Below: firmware data and BIOS; device memory as far as guests are concerned. */
#define LOW_MEMORY_END 0x100000

/* Takes the image and the modules out of the free memory; after e820_sanitize(). */
void bootmem_init(void);
/* Takes this page-aligned range out of the free memory; false, and nothing is taken, unless all of
   it is free RAM. */
bool bootmem_reserve(paddr_t start, size_t bytes);
/* Like boot_alloc(), wholly below limit. INVALID_PADDR when there is none. Contents are what the
   RAM held. */
paddr_t boot_alloc_below(size_t bytes, size_t align, paddr_t limit);
/* Calls free (used) for each page-aligned range of RAM that is not (that is) taken, ascending. RAM
   above limit is left out; no boot_alloc() afterwards. */
void bootmem_finish(paddr_t limit, void (*free)(paddr_t start, paddr_t end),
                    void (*used)(paddr_t start, paddr_t end));
/* Bytes of RAM in the memory map. */
uint64_t bootmem_total_ram(void);

#endif
