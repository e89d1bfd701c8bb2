/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of hv/efi/ offer each other. */
#ifndef EFI_PRIV_H
#define EFI_PRIV_H

#include <hv/page.h>
#include "efi_tables.h"

/* --- memory.c --- */
/* Fills mem.size (at most what was asked for), type and attr of what covers mem.addr: 0 or
   -ESRCH. */
int efi_memory_info(union xenpf_efi_info *info);
/* Maps what the runtime services use at its machine addresses into root's lower half; a region
   without a cache attribute uncached, or not at all. 0 or -errno. CPU 0 alone, at boot. */
int efi_map_runtime(pte_t *root, bool map_unspecified);

/* --- runtime.c --- */
/* Takes the runtime services at this machine address into use, unless efi=no-rs. */
void efi_runtime_init(paddr_t services);
uint32_t efi_runtime_revision(void);

#endif
