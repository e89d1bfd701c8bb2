/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that is contiguous for the hypervisor only: chunks of frames from wherever there are some,
 * mapped one after the other in a window of vmap.c. For what is large: a small machine's free
 * memory is in pieces around the boot modules. The first frame of a chunk knows its order.
 */
#include <hv/mm.h>

/* The largest chunk there is of at most 1 << *order and `pages` frames. */
static struct page_info *take_chunk(unsigned int *order, unsigned long pages)
{
    struct page_info *pg;

    while ((1UL << *order) > pages)
        (*order)--;
    for (;; (*order)--) {
        pg = alloc_xen_pages(*order, MEMF_no_scrub);
        if (pg || !*order)
            break;
    }
    if (pg)
        pg->progress = (uint16_t)(*order + 1);
    return pg;
}

/* Gives back the first `pages` frames at va, which are whole chunks, and the window. */
static void give_back(char *va, unsigned long pages)
{
    struct page_list chunks = PAGE_LIST_INIT;
    struct page_info *pg;

    for (unsigned long i = 0; i < pages; i += 1UL << (pg->progress - 1)) {
        pg = mfn_to_page(hv_page_mfn((unsigned long)va + i * PAGE_SIZE));
        page_list_add(&chunks, pg);
    }
    vunmap(va);
    for (pg = page_list_pop(&chunks); pg; pg = page_list_pop(&chunks)) {
        unsigned int order = pg->progress - 1u;

        pg->progress = 0;
        free_xen_pages(pg, order);
    }
}

void *vmalloc(unsigned long pages)
{
    char *va = vmap_reserve(pages);
    unsigned int order = MAX_ORDER;

    for (unsigned long done = 0; va && done < pages; done += 1UL << order) {
        struct page_info *pg = take_chunk(&order, pages - done);

        if (!pg || map_hv_pages((unsigned long)va + done * PAGE_SIZE, page_to_mfn(pg), 1UL << order,
                                PAGE_HV_RW)) {
            give_back(va, done);
            if (pg)
                free_xen_pages(pg, order);
            return NULL;
        }
    }
    return va;
}

void vfree(void *va, unsigned long pages)
{
    if (va)
        give_back(va, pages);
}
