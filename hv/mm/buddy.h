/* SPDX-License-Identifier: BSD-2-Clause */
/* What page_alloc.c (free memory) offers to domain_pages.c (memory of domains). */
#ifndef MM_BUDDY_H
#define MM_BUDDY_H

#include <hv/mm.h>

/*
 * Takes 1 << order frames out of the free memory for d (NULL: nobody, no claim is used). Their
 * count_info is 0, type_info 0, owner none, contents zero unless MEMF_no_scrub; no CPU holds a
 * translation of them. NULL if there are none that memflags allow. Interrupts on once other CPUs
 * run; no locks that a flush could wait for.
 */
struct page_info *take_frames(unsigned int order, unsigned int memflags, struct domain *d);
/*
 * Gives 1 << order frames with count 0 back. Those with PGC_need_flush set in count_info have
 * tlb_stamp valid and are flushed before they are used again. Their contents are scrubbed before
 * reuse.
 */
void return_frames(struct page_info *pg, unsigned int order);
/* Flushes the CPUs that may hold translations of frames marked PGC_need_flush, and clears the mark.
   */
void flush_stale(struct page_info *pg, unsigned long nr);
/* Changes d->outstanding_pages and the sum of all claims: uses up n of d's claim. */
void consume_claim(struct domain *d, unsigned long n);

/* Boot, CPU 0 alone (hv/mm/numa.c): makes lists for so many nodes, 0 or -ENOMEM; and, when
   node_of_mfn() tells them apart, moves what is free to them. */
int page_alloc_prepare_nodes(unsigned int nr);
void page_alloc_sort_nodes(void);

#endif
