/* SPDX-License-Identifier: BSD-2-Clause */
/* All of test_page_alloc.c in a debug build, with lock orders checked, and what only debug builds
   find (page_alloc_debug.h). */
/* cflags: -DHV_UNIT_TEST -DDEBUG */
/* sources: hv/mm/page_alloc.c hv/mm/page_list.c hv/mm/domain_pages.c hv/mm/page_ref.c */
/* sources: hv/mm/heap.c hv/mm/vmalloc.c hv/mm/bootmem.c hv/mm/node.c hv/boot/e820.c */
/* sources: hv/lib/sort.c hv/lib/bitops.c */
/* sources: hv/lib/lockcheck.c */
#include "test_page_alloc.c"
