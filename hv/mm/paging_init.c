/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The final page tables, built once at boot from the memory map: direct map, frame table,
 * machine-to-physical table; and at the end of boot the protection of the image and the release of
 * what only boot needed.
 */
#include <hv/boot.h>
#include <hv/bootmem.h>
#include <hv/flush.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include "paging_private.h"

extern pte_t image_l3[];
extern char init_data_start[], ro_after_init_start[], ro_after_init_end[];

unsigned long max_page;
unsigned long frame_groups[MAX_GROUPS / 64];

/* The boot page tables map this much at HV_IMAGE_START (head.S). */
#define BOOT_IMAGE_SPAN (16UL << L2_SHIFT)
#define GROUP_TABLE_FRAMES (1UL << (L2_SHIFT - PAGE_SHIFT))
/* Fixed-range MTRRs give the first MiB mixed memory types, which no large page may span. */
#define VGA_START 0xa0000
#define VGA_END 0xc0000

_Static_assert(FRAMES_PER_GROUP * sizeof(struct page_info) == 1UL << L2_SHIFT,
               "a group fills a large page");

static void __init must(int rc)
{
    if (rc)
        panic("boot: no memory for page tables; give the machine more memory");
}

static void __init map_direct(paddr_t start, paddr_t end, uint64_t flags)
{
    if (start < end)
        must(map_hv_pages(DIRECTMAP_VIRT_START + start, paddr_to_pfn(start),
                          (end - start) >> PAGE_SHIFT, flags));
}

static void __init map_all_ram(void)
{
    map_direct(0, VGA_START, PAGE_HV_RW);
    map_direct(VGA_START, VGA_END, PAGE_HV_UC);
    map_direct(VGA_END, LOW_MEMORY_END, PAGE_HV_RW);
    for (unsigned int i = 0; i < boot_info.e820.nr; i++) {
        const struct e820_entry *e = &boot_info.e820.e[i];
        paddr_t start = MAX(ROUND_UP(e->addr, PAGE_SIZE), (paddr_t)LOW_MEMORY_END);
        paddr_t end = MIN(ROUND_DOWN(e->addr + e->size, PAGE_SIZE), pfn_to_paddr(MAX_FRAMES));

        if (e->type != E820_RAM || start >= end)
            continue;
        map_direct(start, end, PAGE_HV_RW);
        max_page = MAX(max_page, paddr_to_pfn(end));
        for (unsigned long g = paddr_to_pfn(start) / FRAMES_PER_GROUP;
             g <= paddr_to_pfn(end - 1) / FRAMES_PER_GROUP; g++)
            __set_bit(g, frame_groups);
    }
}

/* Device memory, but the console must reach it from one set of page tables to the next. */
static void __init map_framebuffer(void)
{
    const struct boot_framebuffer *fb = &boot_info.fb;

    map_direct(ROUND_DOWN(fb->base, PAGE_SIZE),
               ROUND_UP(fb->base + (uint64_t)fb->pitch * fb->height, PAGE_SIZE), PAGE_HV_WC);
}

static void __init map_frame_table(void)
{
    unsigned long g;

    for (g = find_next_bit(frame_groups, MAX_GROUPS, 0); g < MAX_GROUPS;
         g = find_next_bit(frame_groups, MAX_GROUPS, g + 1))
        must(map_hv_pages(FRAMETABLE_VIRT_START + (g << L2_SHIFT),
                          paddr_to_pfn(boot_alloc(1UL << L2_SHIFT, 1UL << L2_SHIFT)),
                          GROUP_TABLE_FRAMES, PAGE_HV_RW));
}

void __init paging_init(void)
{
    idle_root[HV_IMAGE_SLOT] = make_pte(virt_to_mfn(image_l3), PTE_P | PTE_RW | PTE_A | PTE_D);
    map_all_ram();
    map_framebuffer();
    map_frame_table();
    must(create_hv_l3(l4_index(M2P_VIRT_START), PTE_US));
    must(create_hv_l3(l4_index(M2P_RW_VIRT_START), 0));
    write_cr3(virt_to_maddr(idle_root));
    m2p_init();
    page_alloc_init();
}

static unsigned long __init pages_between(const char *start, const char *end)
{
    return (unsigned long)(end - start) >> PAGE_SHIFT;
}

static void __init protect_range(const char *start, const char *end, uint64_t flags)
{
    must(protect_hv_pages((unsigned long)start, pages_between(start, end), flags));
}

void __init paging_protect(void)
{
    protect_range(hv_start, init_start, PAGE_HV_RO);
    protect_range(init_start, init_data_start, PAGE_HV_RX);
    protect_range(init_data_start, init_end, PAGE_HV_RW);
    protect_range(text_start, text_end, PAGE_HV_RX);
    protect_range(rodata_start, rodata_end, PAGE_HV_RO);
    protect_range(data_start, hv_end, PAGE_HV_RW);
    protect_range(ro_after_init_start, ro_after_init_end, PAGE_HV_RO);
    unmap_hv_pages(HV_IMAGE_START, pages_between((char *)HV_IMAGE_START, hv_start));
    unmap_hv_pages((unsigned long)hv_end,
                   pages_between(hv_end, (char *)HV_IMAGE_START + BOOT_IMAGE_SPAN));
    flush_all(FLUSH_TLB | FLUSH_TLB_GLOBAL);
}

/* Not __init: it unmaps that. */
void paging_free_init(void)
{
    mfn_t first = virt_to_mfn(init_start);
    unsigned long nr = (unsigned long)(init_end - init_start) >> PAGE_SHIFT;

    unmap_hv_pages((unsigned long)init_start, nr);
    flush_all(FLUSH_TLB | FLUSH_TLB_GLOBAL);
    for (unsigned long i = 0; i < nr; i++)
        free_xen_pages(mfn_to_page(first + i), 0);
    printk(XENLOG_INFO "boot: %lu KiB freed\n", nr << (PAGE_SHIFT - 10));
}
