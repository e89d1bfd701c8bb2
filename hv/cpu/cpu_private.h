/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of hv/cpu/ and the boot code share about setting up physical CPUs. */
#ifndef CPU_PRIVATE_H
#define CPU_PRIVATE_H

#include <hv/current.h>

/* Keeps the initial state of the per-CPU variables. Before any of them is used. */
void percpu_save_template(void);

/* Top of the stack for the next application processor; it takes the value and leaves 0
   (trampoline.S). */
extern unsigned long ap_boot_stack;
void start_secondary(void);

#endif
