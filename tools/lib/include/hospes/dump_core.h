/* SPDX-License-Identifier: BSD-2-Clause */
/* The memory and registers of a PV guest in Xen's dump-core format, which `crash` opens. */
#ifndef HOSPES_DUMP_CORE_H
#define HOSPES_DUMP_CORE_H

#include <stddef.h>
#include <stdint.h>

#include <hospes/xen.h>

/*
 * Writes the guest to the file path, which is made anew and readable by its owner alone; after an
 * error there is no such file. The guest is paused meanwhile, and goes on after unless it was
 * paused or shut down before. Frames that its memory list (p2m) names and it does not own are left
 * out. A guest whose kernel has not given that list yet (shared_info, arch.max_pfn) is EAGAIN.
 * Format: Xen's docs/misc/dump-core-format.txt, version 0.1; section .xen_p2m lies behind
 * .xen_pages.
 */
int guest_dump_core(struct hospes *h, uint32_t domid, const char *path);

/* The parts that do not need a guest. */

enum { DUMP_MAGIC_PV = 0xF00FEBED };    /* the format's XC_CORE_MAGIC */

struct dump_header { uint64_t magic, nr_vcpus, nr_pages, page_size; };
struct dump_p2m { uint64_t pfn, gmfn; };
_Static_assert(sizeof(struct dump_header) == 32 && sizeof(struct dump_p2m) == 16, "dump-core");

/* Where a dump of so many vCPUs and pages has its parts; built by dump_layout(). */
struct dump_layout {
    uint64_t notes, prstatus, shared_info, pages, p2m, names, end;
};
void dump_layout(struct dump_layout *l, uint64_t vcpus, uint64_t pages);
/* ELF header, section headers and names for that; names_size: DUMP_NAMES_SIZE bytes. */
#define DUMP_SECTIONS 7
#define DUMP_HEAD_SIZE (64 + DUMP_SECTIONS * 64)
#define DUMP_NAMES_SIZE 80
void dump_head(uint8_t head[DUMP_HEAD_SIZE], char names[DUMP_NAMES_SIZE],
               const struct dump_layout *l, uint64_t vcpus, uint64_t pages);

#endif
