/* SPDX-License-Identifier: BSD-2-Clause */
/* Boot-time memory: what of the memory map is taken, and a first allocator that takes from the top
   (bootmem.h). */
#include <hv/boot.h>
#include <hv/bootmem.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/printk.h>

#define MAX_TAKEN 64

struct range { paddr_t start, end; };

/* Ascending, without overlaps. */
static struct range taken[MAX_TAKEN] __initdata;
static unsigned int nr_taken __initdata;

static void __init remove_taken(unsigned int i)
{
    nr_taken--;
    memmove(&taken[i], &taken[i + 1], (nr_taken - i) * sizeof(taken[0]));
}

static void __init take(paddr_t start, paddr_t end)
{
    unsigned int i = 0;

    start = ROUND_DOWN(start, PAGE_SIZE);
    end = ROUND_UP(end, PAGE_SIZE);
    while (i < nr_taken && taken[i].end < start)
        i++;
    while (i < nr_taken && taken[i].start <= end) {
        start = MIN(start, taken[i].start);
        end = MAX(end, taken[i].end);
        remove_taken(i);
    }
    BUG_ON(nr_taken == MAX_TAKEN);
    memmove(&taken[i + 1], &taken[i], (nr_taken - i) * sizeof(taken[0]));
    taken[i] = (struct range){ start, end };
    nr_taken++;
}

void __init bootmem_init(void)
{
    nr_taken = 0;
    take(0, LOW_MEMORY_END);
    take(virt_to_maddr(hv_start), virt_to_maddr(hv_end));
    for (unsigned int i = 0; i < boot_info.nr_modules; i++)
        take(boot_info.modules[i].start, boot_info.modules[i].start + boot_info.modules[i].size);
}

bool __init bootmem_reserve(paddr_t start, size_t bytes)
{
    if (e820_type_of(start, start + bytes) != E820_RAM)
        return false;
    for (unsigned int i = 0; i < nr_taken; i++)
        if (taken[i].start < start + bytes && taken[i].end > start)
            return false;
    take(start, start + bytes);
    return true;
}

/* Highest free place of the size within [start, end), or INVALID_PADDR. */
static paddr_t __init find_top(paddr_t start, paddr_t end, size_t bytes, size_t align)
{
    for (unsigned int i = nr_taken;; i--) {
        /* The gap above taken[i - 1], below taken[i]. */
        paddr_t low = i ? MAX(start, taken[i - 1].end) : start;

        if (low < end && end - low >= bytes) {
            paddr_t at = ROUND_DOWN(end - bytes, align);

            if (at >= low)
                return at;
        }
        if (!i || taken[i - 1].end <= start)
            return INVALID_PADDR;
        end = MIN(end, taken[i - 1].start);
    }
}

paddr_t __init boot_alloc_below(size_t bytes, size_t align, paddr_t limit)
{
    bytes = ROUND_UP(bytes, PAGE_SIZE);
    align = MAX(align, PAGE_SIZE);
    for (unsigned int i = boot_info.e820.nr; i-- > 0;) {
        const struct e820_entry *e = &boot_info.e820.e[i];
        paddr_t at, end = MIN(e->addr + e->size, limit);

        if (e->type != E820_RAM || e->addr >= end)
            continue;
        at = find_top(ROUND_UP(e->addr, PAGE_SIZE), ROUND_DOWN(end, PAGE_SIZE), bytes, align);
        if (at == INVALID_PADDR)
            continue;
        take(at, at + bytes);
        return at;
    }
    return INVALID_PADDR;
}

paddr_t __init boot_alloc(size_t bytes, size_t align)
{
    paddr_t at = boot_alloc_below(bytes, align, DIRECTMAP_VIRT_END - DIRECTMAP_VIRT_START);

    if (at == INVALID_PADDR)
        panic("boot: no %zu KiB of free RAM for the memory tables; give the machine more memory",
              bytes >> 10);
    return at;
}

/* One range of RAM, cut at the taken ones. */
static void __init walk_range(paddr_t start, paddr_t end, void (*free)(paddr_t, paddr_t),
                              void (*used)(paddr_t, paddr_t))
{
    for (unsigned int i = 0; i < nr_taken && start < end; i++) {
        if (taken[i].end <= start || taken[i].start >= end)
            continue;
        if (taken[i].start > start)
            free(start, taken[i].start);
        start = MAX(start, taken[i].start);
        used(start, MIN(end, taken[i].end));
        start = MIN(end, taken[i].end);
    }
    if (start < end)
        free(start, end);
}

void __init bootmem_finish(paddr_t limit, void (*free)(paddr_t, paddr_t),
                           void (*used)(paddr_t, paddr_t))
{
    for (unsigned int i = 0; i < boot_info.e820.nr; i++) {
        const struct e820_entry *e = &boot_info.e820.e[i];

        if (e->type == E820_RAM)
            walk_range(MAX(ROUND_UP(e->addr, PAGE_SIZE), (paddr_t)LOW_MEMORY_END),
                       MIN(ROUND_DOWN(e->addr + e->size, PAGE_SIZE), limit), free, used);
    }
}

uint64_t bootmem_total_ram(void)
{
    uint64_t sum = 0;

    for (unsigned int i = 0; i < boot_info.e820.nr; i++)
        if (boot_info.e820.e[i].type == E820_RAM)
            sum += boot_info.e820.e[i].size;
    return sum;
}
