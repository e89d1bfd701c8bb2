/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's memory: takes over the builder's page tables, extends them over all of the domain's
 * frames and hands out pages. mmu_update and pinning do all the work, as a PV kernel's would.
 */
#include "guest.h"

#define ENTRIES 512
#define MAX_PAGES (WINDOW_BASE - VIRT_BASE) / PAGE_SIZE

static unsigned long *p2m;
static unsigned long nr_pages;
static unsigned long next_pfn, end_pfn;
static void *free_list;
static unsigned long free_count;
static unsigned long window_used;

unsigned long pfn_to_mfn(unsigned long pfn)
{
    return pfn < nr_pages ? p2m[pfn] : INVALID_MFN;
}

unsigned long mfn_to_pfn(unsigned long mfn)
{
    return machine_to_phys_mapping[mfn];
}

void *mfn_to_virt(unsigned long mfn)
{
    return pfn_to_virt(mfn_to_pfn(mfn));
}

unsigned long virt_to_mfn(const void *va)
{
    return pfn_to_mfn(virt_to_pfn(va));
}

uint64_t virt_to_maddr(const void *va)
{
    return ((uint64_t)virt_to_mfn(va) << PAGE_SHIFT) | ((unsigned long)va & ~PAGE_MASK);
}

void p2m_set(unsigned long pfn, unsigned long mfn)
{
    p2m[pfn] = mfn;
}

unsigned long mm_root_mfn(void)
{
    return virt_to_mfn((void *)start_info->pt_base);
}

const uint64_t *pte_of(const void *va, unsigned int level)
{
    const uint64_t *table = (void *)start_info->pt_base;
    unsigned int l;

    for (l = 4;; l--) {
        const uint64_t *entry =
            table + (((unsigned long)va >> (PAGE_SHIFT + 9 * (l - 1))) & (ENTRIES - 1));

        if (l == level)
            return entry;
        if (!(*entry & PTE_P))
            return NULL;
        table = mfn_to_virt((*entry & PTE_ADDR) >> PAGE_SHIFT);
    }
}

uint64_t pte_maddr(const void *va, unsigned int level)
{
    const uint64_t *entry = pte_of(va, level);

    if (!entry)
        report_error("no level %u table for %lx", level, (unsigned long)va);
    return virt_to_maddr(entry);
}

long mmu_update_one(uint64_t ptr, uint64_t value)
{
    struct mmu_update update = { .ptr = ptr, .val = value };

    return hc_mmu_update(&update, 1, NULL, DOMID_SELF);
}

long mmuext_mfn(unsigned int cmd, unsigned long mfn)
{
    struct mmuext_op op = { .cmd = cmd, .arg1.mfn = mfn };

    return hc_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

long mmuext_linear(unsigned int cmd, unsigned long address)
{
    struct mmuext_op op = { .cmd = cmd, .arg1.linear_addr = address };

    return hc_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

long map_frame(void *va, unsigned long mfn, uint64_t flags)
{
    return hc_update_va_mapping(va, make_pte(mfn, flags), UVMF_INVLPG);
}

long unmap_page(void *va)
{
    return hc_update_va_mapping(va, 0, UVMF_INVLPG);
}

long protect_page(void *page, uint64_t flags)
{
    return map_frame(page, virt_to_mfn(page), flags);
}

void table_page(void *page)
{
    require(protect_page(page, PTE_RO), 0);
}

void untable_page(void *page)
{
    require(protect_page(page, PTE_RW), 0);
}

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

void *window_alloc(unsigned int pages)
{
    void *va = (void *)(WINDOW_BASE + window_used * PAGE_SIZE);

    if (window_used + pages > WINDOW_PAGES)
        report_error("out of window addresses");
    window_used += pages;
    return va;
}

/* Hook a new L1 table for the 2 MiB at @va, mapping pfns from @pfn (or nothing) into the tree. */
static void add_l1(unsigned long va, unsigned long pfn, bool map)
{
    uint64_t *table = page_alloc();
    unsigned int i;

    for (i = 0; map && i < ENTRIES && pfn + i < nr_pages; i++)
        table[i] = make_pte(p2m[pfn + i], PTE_RW);
    table_page(table);
    require(mmu_update_one(pte_maddr((void *)va, 2), make_pte(virt_to_mfn(table), PTE_TABLE)), 0);
}

void mm_init(void)
{
    unsigned long va, step = ENTRIES * PAGE_SIZE;

    p2m = (unsigned long *)start_info->mfn_list;
    nr_pages = start_info->nr_pages;
    if (nr_pages > MAX_PAGES)
        nr_pages = MAX_PAGES;
    /* After the page tables comes one page of boot stack, then free memory. */
    next_pfn = virt_to_pfn((void *)start_info->pt_base) + start_info->nr_pt_frames + 1;
    for (end_pfn = next_pfn; end_pfn < nr_pages; end_pfn++) {
        const uint64_t *entry = pte_of(pfn_to_virt(end_pfn), 2);

        if (!entry || !(*entry & PTE_P) || !(*pte_of(pfn_to_virt(end_pfn), 1) & PTE_P))
            break;
    }
    for (va = (VIRT_BASE + end_pfn * PAGE_SIZE + step - 1) & ~(step - 1);
         va < VIRT_BASE + nr_pages * PAGE_SIZE; va += step) {
        add_l1(va, virt_to_pfn((void *)va), true);
        /* No hole below: only a whole 2 MiB step ends the builder's mapping. */
        if (virt_to_pfn((void *)va) == end_pfn)
            end_pfn = end_pfn + ENTRIES < nr_pages ? end_pfn + ENTRIES : nr_pages;
    }
    for (va = WINDOW_BASE; va < WINDOW_BASE + WINDOW_PAGES * PAGE_SIZE; va += step)
        add_l1(va, 0, false);
}
