/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts a kernel into a new, paused domain, up to the registers of its first vCPU. */
#ifndef HOSPES_BUILDER_H
#define HOSPES_BUILDER_H

#include <stdbool.h>
#include <stdint.h>

#include <hospes/image.h>
#include <hospes/xen.h>

struct build_input {
    uint32_t domid;
    uint64_t pages;             /* memory, in frames; the domain's limit is set by the caller */
    unsigned int vcpus;         /* whose events start masked */
    const struct kernel_image *kernel;
    const struct file_image *ramdisk;   /* may be empty */
    const char *cmdline;
    uint32_t store_port, console_port;  /* unbound ports of the guest */
    uint32_t store_domid, console_domid; /* whom the rings are granted to */
};

struct build_output {
    uint64_t store_mfn, console_mfn;
};

/* Checks what can be told from the kernel alone: Xen notes, version, loader. Required features are
 * no ground to refuse: Linux names writable_page_tables, and does without. */
int pv_build_check(const struct kernel_image *k, struct error *e);
/*
 * PV guests of 64 bits: start of day as xen/xen.h, "Start of day structure passed to PV guests",
 * has it. After an error the domain is only good for being destroyed. Source: xen/elfnote.h.
 */
int pv_build(struct hospes *h, const struct build_input *in, struct build_output *out);

#endif
