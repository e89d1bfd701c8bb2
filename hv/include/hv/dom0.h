/* SPDX-License-Identifier: BSD-2-Clause */
/* Building of domain 0 at boot: the core's half (hv/domain/dom0.c) and a
   back end's (pv/dom0_build.c). */
#ifndef HV_DOM0_H
#define HV_DOM0_H

#include <hv/boot.h>

struct domain;

struct dom0_images {
    const void *kernel;          /* ELF, possibly already unpacked from a bzImage */
    size_t kernel_size;
    const struct boot_module *initrd; /* NULL = none */
    const char *cmdline;
    unsigned long nr_pages;      /* memory to give it now */
    void (*drop_kernel)(void);   /* frees `kernel` once it has been loaded */
    void (*drop_initrd)(void);   /* frees what `initrd` points at, once it has been loaded */
};

/*
 * Loads the kernel and gives d its memory, page tables, start info and vCPU 0's context. d exists
 * with its vCPUs, owns no memory yet. 0, or an errno with *why set to the cause.
 */
int pv_dom0_build(struct domain *d, struct dom0_images *img, const char **why);
/* Fills a page with the PV hypercall stubs. */
void pv_fill_hypercall_page(void *page);

#endif
