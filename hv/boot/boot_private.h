/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of hv/boot/ share among themselves and with hv/mm/bootmem.c. */
#ifndef BOOT_PRIVATE_H
#define BOOT_PRIVATE_H

#include <hv/types.h>

/* NULL, or what is wrong with the boot modules and what to do. boot_info.e820 must be in order. */
const char *boot_modules_check(void);
/* Names the options that cmdline_parse() did not know or understand; after the console works. */
void cmdline_report(void);

#endif
