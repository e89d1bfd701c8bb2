/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory of a hardware-assisted micro-guest: its frames are numbered as it sees them. */
#include "hvm.h"

#define ENTRIES 512
#define HUGE (ENTRIES * PAGE_SIZE)

static unsigned long next_pfn, end_pfn;
static void *free_list;
static unsigned long free_count;
extern uint64_t page_dirs[];
extern uint8_t image_end[];

unsigned long mfn_to_pfn(unsigned long mfn) { return mfn; }
unsigned long pfn_to_mfn(unsigned long pfn) { return pfn; }
void *mfn_to_virt(unsigned long mfn) { return pfn_to_virt(mfn); }
unsigned long virt_to_mfn(const void *va) { return virt_to_pfn(va); }
uint64_t virt_to_maddr(const void *va) { return phys(va); }

void *page_alloc(void)
{
    void *page = free_list;

    if (page) {
        free_list = *(void **)page;
        free_count--;
    } else {
        if (next_pfn >= end_pfn)
            report_error("out of memory: give the domain more");
        page = pfn_to_virt(next_pfn++);
    }
    memset(page, 0, PAGE_SIZE);
    return page;
}

void page_free(void *page)
{
    *(void **)page = free_list;
    free_list = page;
    free_count++;
}

void *pages_alloc(unsigned int count)
{
    void *first = pfn_to_virt(next_pfn);

    if (next_pfn + count > end_pfn)
        report_error("out of memory: give the domain more");
    next_pfn += count;
    memset(first, 0, count * PAGE_SIZE);
    return first;
}

unsigned long pages_left(void)
{
    return end_pfn - next_pfn + free_count;
}

uint64_t *pte_for(void *va)
{
    uint64_t *big = &page_dirs[phys(va) / HUGE];
    uint64_t *table;
    unsigned int i;

    if (!(*big & PTE_PSE))
        return (uint64_t *)pfn_to_virt((*big & PTE_ADDR) >> PAGE_SHIFT) +
               (phys(va) / PAGE_SIZE) % ENTRIES;
    table = page_alloc();
    for (i = 0; i < ENTRIES; i++)
        table[i] = ((*big & PTE_ADDR & ~(HUGE - 1)) + i * PAGE_SIZE) | PTE_RW;
    *big = phys(table) | PTE_TABLE;
    write_cr3(read_cr3());
    return table + (phys(va) / PAGE_SIZE) % ENTRIES;
}

/* The builder's own frames, start info and console, come behind the image; then all is free. */
#define BUILDER_FRAMES 16

void mm_init(void)
{
    next_pfn = phys(image_end) / PAGE_SIZE + BUILDER_FRAMES;
    end_pfn = start_info->nr_pages;
}
