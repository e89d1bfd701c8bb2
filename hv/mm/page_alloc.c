/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Free memory: a binary buddy allocator over the frame table. Chunks of 1 << order frames, aligned
 * to their size, lie in lists by node, zone and order; a zone is a power-of-two range of machine
 * addresses, so that a limit on address bits is a limit on zones. A chunk is of one node. Addresses
 * are taken from the top of the node, so low memory lasts; the last of the memory below 4 GiB is
 * kept for those who ask for it.
 *
 * Frames are scrubbed lazily: what was freed by the idle loop or, if that did not come to it, on
 * allocation; what has been free since boot on allocation only. Each frame knows whether it is
 * dirty; the head of a free chunk knows in type_info the first frame that the idle loop has to look
 * at. Lists have clean chunks in front, the others behind.
 */
#include <hv/boot.h>
#include <hv/bootmem.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/flush.h>
#include <hv/lib.h>
#include <hv/numa.h>
#include <hv/printk.h>
#include "buddy.h"
#include "paging_private.h"

#define NR_ZONES 32u
#define LOW_BITS 32                     /* reserve and MEMF_low: machine addresses below 4 GiB */
#define LOW_ZONES (LOW_BITS - PAGE_SHIFT)
#define ZONES_BELOW(bits) ((bits) <= PAGE_SHIFT ? 0u : MIN((bits) - PAGE_SHIFT, NR_ZONES))
#define RESERVE_MAX ((16UL << 20) >> PAGE_SHIFT)
#define RESERVE_SHARE 64                /* of the low memory that is free at boot */
#define NO_DIRTY (~0UL)
#define PGC_dirty_mask (PGC_dirty_free | PGC_boot_dirty)
#define POISON 0xc2c2c2c2c2c2c2c2UL

/* Work of one call of the idle loop. */
#define SCRUB_FRAMES 8
#define SCRUB_LOOK 256

unsigned long total_pages;

static DEFINE_SPINLOCK(heap_lock, LOCK_HEAP);
/* Free memory of a node. All protected by heap_lock. */
struct node_heap {
    struct page_list list[NR_ZONES][MAX_ORDER + 1];
    uint32_t orders[NR_ZONES];          /* bit per order: the list is not empty */
    unsigned long free[NR_ZONES];
};
static struct node_heap first_heap;
static struct node_heap *heaps[MAX_NODES] = { &first_heap }; /* the pointers: (c) after boot */
static unsigned long total_free, low_free, low_reserve;
static unsigned long outstanding_claims;
static unsigned long dirty_frames;      /* PGC_dirty_free */

static unsigned int zone_of(mfn_t mfn)
{
    return fls64(mfn);
}

static struct node_heap *heap_of(mfn_t mfn)
{
    return heaps[node_of_mfn(mfn)];
}

/* --- lists of free chunks --- */

static void list_chunk(struct page_info *pg, unsigned int order, unsigned long first_dirty)
{
    struct node_heap *h = heap_of(page_to_mfn(pg));
    unsigned int zone = zone_of(page_to_mfn(pg));

    pg->count_info |= PGC_state_free;
    pg->order = order;
    pg->type_info = first_dirty;
    if (first_dirty == NO_DIRTY)
        page_list_add(&h->list[zone][order], pg);
    else
        page_list_add_tail(&h->list[zone][order], pg);
    h->orders[zone] |= 1u << order;
}

static void unlist_chunk(struct page_info *pg)
{
    struct node_heap *h = heap_of(page_to_mfn(pg));
    unsigned int zone = zone_of(page_to_mfn(pg)), order = pg->order;

    page_list_del(&h->list[zone][order], pg);
    if (!h->list[zone][order].count)
        h->orders[zone] &= ~(1u << order);
    pg->count_info &= ~PGC_state_free;
}

static void account(mfn_t mfn, long frames)
{
    unsigned int zone = zone_of(mfn);

    heap_of(mfn)->free[zone] += (unsigned long)frames;
    total_free += (unsigned long)frames;
    if (zone < LOW_ZONES)
        low_free += (unsigned long)frames;
}

static bool is_free_chunk(mfn_t mfn, unsigned int order)
{
    return mfn < max_page && test_bit(mfn / FRAMES_PER_GROUP, frame_groups) &&
           frame_table[mfn].count_info & PGC_state_free && frame_table[mfn].order == order;
}

/* first_dirty of two buddies together, half being the size of one. */
static unsigned long join_dirty(unsigned long lower, unsigned long upper, unsigned long half)
{
    if (lower != NO_DIRTY)
        return lower;
    return upper == NO_DIRTY ? NO_DIRTY : half + upper;
}

static void free_chunk(mfn_t mfn, unsigned int order, unsigned long first_dirty)
{
    account(mfn, 1L << order);
    for (; order < MAX_ORDER; order++) {
        mfn_t buddy = mfn ^ (1UL << order);
        unsigned long other;

        if (!is_free_chunk(buddy, order) || node_of_mfn(buddy) != node_of_mfn(mfn))
            break;
        other = frame_table[buddy].type_info;
        unlist_chunk(mfn_to_page(buddy));
        first_dirty = buddy < mfn ? join_dirty(other, first_dirty, 1UL << order)
                                  : join_dirty(first_dirty, other, 1UL << order);
        mfn &= ~(1UL << order);
    }
    list_chunk(mfn_to_page(mfn), order, first_dirty);
}

/* Cuts a chunk that is off its list down to order; the upper halves become free chunks. */
static void trim_chunk(struct page_info *pg, unsigned int have, unsigned int order)
{
    unsigned long first_dirty = pg->type_info;

    while (have > order) {
        unsigned long half = 1UL << --have, upper = NO_DIRTY;

        if (first_dirty != NO_DIRTY) {
            upper = first_dirty > half ? first_dirty - half : 0;
            if (first_dirty >= half)
                first_dirty = NO_DIRTY;
        }
        list_chunk(pg + half, have, upper);
    }
}

/* --- allocation --- */

static struct page_info *take_from_zone(struct node_heap *h, unsigned int zone, unsigned int order)
{
    uint32_t orders = h->orders[zone] >> order;
    struct page_info *pg;
    unsigned int have;

    if (!orders)
        return NULL;
    have = order + ffs64(orders);
    pg = page_list_first(&h->list[zone][have]);
    unlist_chunk(pg);
    trim_chunk(pg, have, order);
    account(page_to_mfn(pg), -(1L << order));
    return pg;
}

static bool within_claims(unsigned long frames, unsigned int memflags, const struct domain *d)
{
    if (outstanding_claims + frames <= total_free)
        return true;
    return d && !(memflags & MEMF_no_refcount) && d->outstanding_pages >= frames &&
           frames <= total_free;
}

static struct page_info *find_in_node(unsigned int node, unsigned int order, unsigned int memflags)
{
    unsigned int bits = MEMF_get_bits(memflags);
    unsigned int zone = bits ? ZONES_BELOW(bits) : NR_ZONES;
    bool low_allowed = memflags & MEMF_low || (bits && bits <= LOW_BITS) ||
                       low_free >= low_reserve + (1UL << order);

    while (zone-- > 0) {
        struct page_info *pg;

        if (zone < LOW_ZONES && !low_allowed)
            return NULL;
        pg = take_from_zone(heaps[node], zone, order);
        if (pg)
            return pg;
    }
    return NULL;
}

/* From any node of the set, those after `last` first. */
static struct page_info *find_in_nodes(nodemask_t nodes, unsigned int last, unsigned int order,
                                       unsigned int memflags)
{
    struct page_info *pg = NULL;

    for (unsigned int i = 1; i <= nr_nodes && !pg; i++) {
        unsigned int node = (last + i) % nr_nodes;

        if (nodes >> node & 1)
            pg = find_in_node(node, order, memflags);
    }
    return pg;
}

/* Interleaves a domain's memory over its nodes; the hypervisor's own is this CPU's. */
static struct page_info *find_chunk(unsigned int order, unsigned int memflags, struct domain *d)
{
    unsigned int node = MEMF_get_node(memflags), last;
    nodemask_t nodes = d ? d->node_affinity & all_nodes() : 0;
    struct page_info *pg = NULL;

    if (nr_nodes == 1)
        return node && node < MAX_NODES && memflags & MEMF_exact_node
                   ? NULL : find_in_node(0, order, memflags);
    if (node < nr_nodes)
        pg = find_in_node(node, order, memflags);
    if (pg || (node < MAX_NODES && memflags & MEMF_exact_node))
        return pg;
    if (!nodes)
        nodes = BIT(cpu_node[smp_processor_id()]);
    last = d ? d->last_node : 0;
    pg = find_in_nodes(nodes, last, order, memflags);
    if (!pg)
        pg = find_in_nodes(~nodes, last, order, memflags);
    if (pg && d)
        d->last_node = (uint8_t)node_of_mfn(page_to_mfn(pg));
    return pg;
}

/* Debug builds find here who wrote to a frame after it was freed. */
static void check_poison(const struct page_info *pg)
{
#ifdef DEBUG
    const unsigned long *p = page_to_virt(pg);

    for (unsigned int i = 0; i < PAGE_SIZE / sizeof(*p); i++)
        if (p[i] != POISON)
            panic("mm: frame %#lx was written after it was freed: %#lx at offset %#zx",
                  page_to_mfn(pg), p[i], i * sizeof(*p));
#endif
}

static void poison(const struct page_info *pg)
{
#ifdef DEBUG
    memset(page_to_virt(pg), (int)(POISON & 0xff), PAGE_SIZE);
#endif
}

static void scrub_frame(struct page_info *pg)
{
    if (pg->count_info & PGC_dirty_free)
        check_poison(pg);
    clear_page(page_to_virt(pg));
}

void flush_stale(struct page_info *pg, unsigned long nr)
{
    cpumask_t mask, all = { };
    uint32_t last = 0;
    bool any = false;

    for (unsigned long i = 0; i < nr; i++) {
        if (!(pg[i].count_info & PGC_need_flush))
            continue;
        pg[i].count_info &= ~PGC_need_flush;
        if (any && pg[i].tlb_stamp == last)
            continue;
        any = true;
        last = pg[i].tlb_stamp;
        mask = cpu_online_map;
        flush_filter(&mask, last);
        cpumask_or(&all, &all, &mask);
    }
    if (any && !cpumask_empty(&all))
        flush_mask(&all, FLUSH_TLB, 0);
}

struct page_info *take_frames(unsigned int order, unsigned int memflags, struct domain *d)
{
    unsigned long frames = 1UL << order, dirty = 0;
    struct page_info *pg = NULL;

    if (order > MAX_ORDER)
        return NULL;
    spin_lock(&heap_lock);
    if (within_claims(frames, memflags, d))
        pg = find_chunk(order, memflags, d);
    spin_unlock(&heap_lock);
    if (!pg)
        return NULL;
    flush_stale(pg, frames);
    for (unsigned long i = 0; i < frames; i++) {
        if (pg[i].count_info & PGC_dirty_mask && !(memflags & MEMF_no_scrub))
            scrub_frame(&pg[i]);
        dirty += !!(pg[i].count_info & PGC_dirty_free);
        pg[i].count_info = 0;
        pg[i].type_info = PGT_none;
        pg[i].order = 0;
        pg[i].tlb_stamp = 0;
    }
    if (dirty) {
        spin_lock(&heap_lock);
        dirty_frames -= dirty;
        spin_unlock(&heap_lock);
    }
    return pg;
}

void return_frames(struct page_info *pg, unsigned int order)
{
    unsigned long frames = 1UL << order;

    for (unsigned long i = 0; i < frames; i++) {
        ASSERT(!(pg[i].count_info & PGC_count_mask));
        poison(&pg[i]);
        pg[i].count_info = (pg[i].count_info & PGC_need_flush) | PGC_dirty_free;
        pg[i].type_info = PGT_none;
        pg[i].order = 0;
    }
    spin_lock(&heap_lock);
    dirty_frames += frames;
    free_chunk(page_to_mfn(pg), order, 0);
    spin_unlock(&heap_lock);
}

struct page_info *alloc_xen_pages(unsigned int order, unsigned int memflags)
{
    struct page_info *pg = take_frames(order, memflags, NULL);

    for (unsigned long i = 0; pg && i < 1UL << order; i++)
        pg[i].count_info = PGC_xen | 1;
    return pg;
}

void free_xen_pages(struct page_info *pg, unsigned int order)
{
    for (unsigned long i = 0; i < 1UL << order; i++) {
        ASSERT(pg[i].count_info == (PGC_xen | 1));
        /* Only a page that was shared with a guest has a stamp (unshare_xen_page()). */
        pg[i].count_info = pg[i].tlb_stamp ? PGC_need_flush : 0;
    }
    return_frames(pg, order);
}

void *alloc_xen_page(void)
{
    struct page_info *pg = alloc_xen_pages(0, 0);

    return pg ? page_to_virt(pg) : NULL;
}

void free_xen_page(void *p)
{
    if (p)
        free_xen_pages(virt_to_page(p), 0);
}

/* --- claims --- */

void consume_claim(struct domain *d, unsigned long n)
{
    if (!d->outstanding_pages)
        return;
    spin_lock(&heap_lock);
    n = MIN(n, d->outstanding_pages);
    d->outstanding_pages -= n;
    outstanding_claims -= n;
    spin_unlock(&heap_lock);
}

static int set_claim(struct domain *d, unsigned long n)
{
    unsigned long more = n - d->tot_pages;

    if (n <= d->tot_pages || n > d->max_pages || d->outstanding_pages)
        return -EINVAL;
    if (more > total_free - MIN(total_free, outstanding_claims + low_reserve))
        return -ENOMEM;
    d->outstanding_pages = more;
    outstanding_claims += more;
    return 0;
}

int claim_pages(struct domain *d, unsigned long n)
{
    int rc = 0;

    spin_lock(&d->page_alloc_lock);
    if (!n) {
        consume_claim(d, d->outstanding_pages);
    } else {
        spin_lock(&heap_lock);
        rc = set_claim(d, n);
        spin_unlock(&heap_lock);
    }
    spin_unlock(&d->page_alloc_lock);
    return rc;
}

/* --- figures --- */

unsigned long free_pages_total(void)
{
    return READ_ONCE(total_free);
}

unsigned long free_pages_of_node(unsigned int node, unsigned int bits)
{
    unsigned int zones = bits ? ZONES_BELOW(bits) : NR_ZONES;
    unsigned long sum = 0;

    for (unsigned int zone = 0; node < nr_nodes && zone < zones; zone++)
        sum += READ_ONCE(heaps[node]->free[zone]);
    return sum;
}

unsigned long free_pages_below(unsigned int bits)
{
    unsigned long sum = 0;

    for (unsigned int node = 0; bits && node < nr_nodes; node++)
        sum += free_pages_of_node(node, bits);
    return sum;
}

/* --- scrubbing --- */

static struct page_info *dirty_chunk_of(struct node_heap *h)
{
    for (unsigned int zone = NR_ZONES; zone-- > 0;)
        for (uint32_t orders = h->orders[zone]; orders; orders &= orders - 1) {
            struct page_info *pg = mfn_to_page(h->list[zone][ffs64(orders)].last);

            if (pg->type_info != NO_DIRTY)
                return pg;
        }
    return NULL;
}

/* Near this CPU if there is one. */
static struct page_info *find_dirty_chunk(void)
{
    unsigned int near = nr_nodes > 1 ? cpu_node[smp_processor_id()] : 0;
    struct page_info *pg = dirty_chunk_of(heaps[near]);

    for (unsigned int i = 1; i < nr_nodes && !pg; i++)
        pg = dirty_chunk_of(heaps[(near + i) % nr_nodes]);
    return pg;
}

/* Goes on in chunk where the last call stopped, within the limits of one call. */
static void scrub_chunk(struct page_info *chunk)
{
    unsigned long i = chunk->type_info, end = 1UL << chunk->order;
    unsigned int done = 0;

    end = MIN(end, i + SCRUB_LOOK);
    for (; i < end && done < SCRUB_FRAMES; i++) {
        if (!(chunk[i].count_info & PGC_dirty_free))
            continue;
        scrub_frame(&chunk[i]);
        chunk[i].count_info &= ~PGC_dirty_free;
        dirty_frames--;
        done++;
    }
    chunk->type_info = i;
    if (i == 1UL << chunk->order) {
        unlist_chunk(chunk);
        list_chunk(chunk, chunk->order, NO_DIRTY);
    }
}

bool scrub_free_pages(void)
{
    struct page_info *chunk;

    if (!READ_ONCE(dirty_frames) || !spin_trylock(&heap_lock))
        return false;
    chunk = find_dirty_chunk();
    if (chunk)
        scrub_chunk(chunk);
    spin_unlock(&heap_lock);
    return chunk != NULL;
}

/* --- boot --- */

/* Frames [mfn, end) as the largest aligned chunks. */
static void __init add_frames(mfn_t mfn, mfn_t end, unsigned long first_dirty)
{
    while (mfn < end) {
        unsigned int order = MIN(ffs64(mfn), (unsigned int)MAX_ORDER);

        while (1UL << order > end - mfn || !in_one_node(mfn, order))
            order--;
        free_chunk(mfn, order, first_dirty);
        mfn += 1UL << order;
    }
}

/* They are PGC_boot_dirty. */
static void __init free_range(paddr_t start, paddr_t end)
{
    total_pages += paddr_to_pfn(end - start);
    add_frames(paddr_to_pfn(start), paddr_to_pfn(end), NO_DIRTY);
}

static void __init used_range(paddr_t start, paddr_t end)
{
    for (mfn_t mfn = paddr_to_pfn(start); mfn < paddr_to_pfn(end); mfn++)
        frame_table[mfn] = (struct page_info){ .count_info = PGC_xen | 1 };
}

/* All frames as if they were free RAM: the common case, set a page of entries at a time. */
static void __init fill_group(unsigned long group)
{
    struct page_info *first = mfn_to_page(group * FRAMES_PER_GROUP);

    for (unsigned long i = 0; i < PAGE_SIZE / sizeof(*first); i++)
        first[i] = (struct page_info){ .count_info = PGC_boot_dirty };
    for (unsigned long at = PAGE_SIZE; at < FRAMES_PER_GROUP * sizeof(*first); at += PAGE_SIZE)
        copy_page((char *)first + at, first);
}

static void __init mark_not_ram(mfn_t mfn, mfn_t end)
{
    while (mfn < end) {
        if (!test_bit(mfn / FRAMES_PER_GROUP, frame_groups)) {
            mfn = (mfn / FRAMES_PER_GROUP + 1) * FRAMES_PER_GROUP;
            continue;
        }
        frame_table[mfn++] = (struct page_info){ .count_info = PGC_not_ram };
    }
}

static void __init mark_holes(void)
{
    mfn_t at = 0;

    for (unsigned int i = 0; i < boot_info.e820.nr; i++) {
        const struct e820_entry *e = &boot_info.e820.e[i];
        mfn_t start = paddr_to_pfn(MAX(e->addr + PAGE_SIZE - 1, (paddr_t)LOW_MEMORY_END));
        mfn_t end = paddr_to_pfn(e->addr + e->size);

        if (e->type != E820_RAM || start >= end || start >= MAX_FRAMES)
            continue;
        mark_not_ram(at, start);
        at = end;
    }
    mark_not_ram(at, ROUND_UP(max_page, FRAMES_PER_GROUP));
}

static void __init init_heap(struct node_heap *h)
{
    for (unsigned int zone = 0; zone < NR_ZONES; zone++)
        for (unsigned int order = 0; order <= MAX_ORDER; order++)
            h->list[zone][order] = (struct page_list)PAGE_LIST_INIT;
}

int __init page_alloc_prepare_nodes(unsigned int nr)
{
    for (unsigned int node = 1; node < nr; node++) {
        heaps[node] = xzalloc_struct(struct node_heap);
        if (!heaps[node])
            return -ENOMEM;
        init_heap(heaps[node]);
    }
    return 0;
}

void __init page_alloc_sort_nodes(void)
{
    static struct page_list all __initdata = PAGE_LIST_INIT;
    struct node_heap *h = heaps[0];
    struct page_info *pg;

    spin_lock(&heap_lock);
    for (unsigned int zone = 0; zone < NR_ZONES; zone++) {
        for (unsigned int order = 0; order <= MAX_ORDER; order++)
            while ((pg = page_list_pop(&h->list[zone][order])))
                page_list_add(&all, pg);
        h->orders[zone] = 0;
        h->free[zone] = 0;
    }
    total_free = low_free = 0;
    while ((pg = page_list_pop(&all))) {
        mfn_t mfn = page_to_mfn(pg);

        pg->count_info &= ~PGC_state_free;
        add_frames(mfn, mfn + (1UL << pg->order), pg->type_info == NO_DIRTY ? NO_DIRTY : 0);
    }
    spin_unlock(&heap_lock);
}

void __init page_alloc_init(void)
{
    init_heap(&first_heap);
    for (unsigned long g = 0; g * FRAMES_PER_GROUP < max_page; g++)
        if (test_bit(g, frame_groups))
            fill_group(g);
    mark_holes();
    bootmem_finish(pfn_to_paddr(max_page), free_range, used_range);
    low_reserve = MIN(low_free / RESERVE_SHARE, RESERVE_MAX);
}
