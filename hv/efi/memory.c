/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The firmware's memory map: as part of the machine's, as domain 0 asks for it, and as the list of
 * what the runtime services need to be mapped. Neighbours of one kind are kept as one.
 */
#include <hv/boot.h>
#include <hv/efi.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/param.h>
#include <hv/printk.h>
#include "efi_priv.h"

#define MAX_REGIONS 384
/* What is mapped is below: the lower half of the address space. */
#define IDENTITY_LIMIT (1ULL << 47)
#define LOWER_HALF_SLOTS 256

struct region { uint64_t start, size, attributes; uint32_t type; };

static struct region regions[MAX_REGIONS] __ro_after_init;
static unsigned int nr_regions __ro_after_init, nr_left_out __ro_after_init;

static const uint32_t e820_types[] = {
    [EFI_RESERVED] = E820_RESERVED, [EFI_LOADER_CODE] = E820_RAM, [EFI_LOADER_DATA] = E820_RAM,
    [EFI_BOOT_CODE] = E820_RAM, [EFI_BOOT_DATA] = E820_RAM, [EFI_RUNTIME_CODE] = E820_RESERVED,
    [EFI_RUNTIME_DATA] = E820_RESERVED, [EFI_CONVENTIONAL] = E820_RAM,
    [EFI_UNUSABLE] = E820_UNUSABLE, [EFI_ACPI_RECLAIM] = E820_ACPI, [EFI_ACPI_NVS] = E820_NVS,
};

static uint32_t e820_type(const struct efi_memory_descriptor *d)
{
    uint32_t type = d->type < ARRAY_SIZE(e820_types) ? e820_types[d->type] : E820_RESERVED;

    if (!type)
        type = E820_RESERVED;
    return type == E820_RAM && !(d->attributes & EFI_MEMORY_WB) ? E820_UNUSABLE : type;
}

static void keep(const struct efi_memory_descriptor *d, uint64_t size)
{
    struct region *last = nr_regions ? &regions[nr_regions - 1] : NULL;

    if (last && last->type == d->type && last->attributes == d->attributes &&
        last->start + last->size == d->start)
        last->size += size;
    else if (nr_regions < MAX_REGIONS)
        regions[nr_regions++] = (struct region){ d->start, size, d->attributes, d->type };
    else
        nr_left_out++;
}

void efi_take_memory_map(const void *descriptors, size_t bytes, size_t descriptor_size)
{
    if (descriptor_size < sizeof(struct efi_memory_descriptor))
        return;
    for (size_t at = 0; at + descriptor_size <= bytes; at += descriptor_size) {
        const struct efi_memory_descriptor *d = (const void *)((const char *)descriptors + at);
        uint64_t size = d->pages << EFI_PAGE_SHIFT;

        if (!size || size >> EFI_PAGE_SHIFT != d->pages || d->start + size < d->start)
            continue;
        e820_add(&boot_info.e820, d->start, size, e820_type(d));
        keep(d, size);
    }
}

int efi_memory_info(union xenpf_efi_info *info)
{
    for (unsigned int i = 0; i < nr_regions; i++) {
        const struct region *r = &regions[i];
        uint64_t offset = info->mem.addr - r->start;

        if (info->mem.addr < r->start || offset >= r->size)
            continue;
        info->mem.size = MIN(info->mem.size, r->size - offset);
        info->mem.type = r->type;
        info->mem.attr = r->attributes;
        return 0;
    }
    return -ESRCH;
}

/* Page flags for a region, or 0: it is not to be mapped. */
static uint64_t page_flags(const struct region *r, bool map_unspecified)
{
    /* Firmware keeps code in data regions and writes to both unless it says otherwise. */
    uint64_t flags = PTE_P | PTE_A | PTE_D;

    if (!(r->attributes & EFI_MEMORY_RO))
        flags |= PTE_RW;
    if (r->attributes & EFI_MEMORY_XP)
        flags |= PTE_NX;
    if (r->attributes & EFI_MEMORY_WB)
        return flags;
    if (r->attributes & EFI_MEMORY_WT)
        return flags | PTE_PWT;
    if (r->attributes & EFI_MEMORY_WC)
        return flags | PTE_PAT;
    if (r->attributes & EFI_MEMORY_UC || map_unspecified)
        return flags | PTE_PCD | PTE_PWT;
    printk(XENLOG_WARNING "EFI: runtime region %#lx-%#lx has no cache attribute and is left out; "
           "efi=attr=uc maps it uncached\n", r->start, r->start + r->size - 1);
    return 0;
}

/* The hypervisor's own root table serves as scratch paper: its lower half is empty otherwise. */
int __init efi_map_runtime(pte_t *root, bool map_unspecified)
{
    int rc = 0;

    if (nr_left_out)
        printk(XENLOG_WARNING "EFI: %u regions of the memory map left out, more than %u\n",
               nr_left_out, MAX_REGIONS);
    for (unsigned int i = 0; i < nr_regions && !rc; i++) {
        const struct region *r = &regions[i];
        uint64_t flags;

        if (!(r->attributes & EFI_MEMORY_RUNTIME) || r->start + r->size > IDENTITY_LIMIT)
            continue;
        flags = page_flags(r, map_unspecified);
        if (flags)
            rc = map_hv_pages(r->start, paddr_to_pfn(r->start), r->size >> PAGE_SHIFT, flags);
    }
    memcpy(root, idle_root, LOWER_HALF_SLOTS * sizeof(pte_t));
    memset(idle_root, 0, LOWER_HALF_SLOTS * sizeof(pte_t));
    return rc;
}
