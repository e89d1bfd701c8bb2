/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do several vCPUs of an unprivileged domain share its memory and page tables safely?
 *
 * Three more vCPUs each map and unmap pages of their own in one L1 table, write through them and
 * check for each other's marks, on two processors. A lost update or a stale translation shows as a
 * wrong mark.
 */
#include <guest.h>

#define ROUNDS 300
#define WORKERS 3

struct work {
    uint64_t *page[2], *va, mark;
    volatile unsigned int wrong, rounds;
};

static struct work work[WORKERS];

static void worker(void *arg)
{
    struct work *w = arg;
    unsigned int i;

    for (i = 0; i < ROUNDS; i++) {
        uint64_t *page = w->page[i & 1];
        uint64_t before = *page;

        if (map_frame(w->va, virt_to_mfn(page), PTE_RW))
            w->wrong += 1000;
        if (*(volatile uint64_t *)w->va != before)
            w->wrong++;
        *(volatile uint64_t *)w->va = w->mark + i;
        if (*(volatile uint64_t *)page != w->mark + i)
            w->wrong++;
        if (unmap_page(w->va))
            w->wrong += 1000;
        w->rounds++;
    }
}

void test_main(void)
{
    uint64_t *va = window_alloc(WORKERS);
    unsigned int i;

    vcpu_need(WORKERS + 1);
    for (i = 0; i < WORKERS; i++) {
        work[i].page[0] = page_alloc();
        work[i].page[1] = page_alloc();
        work[i].va = va + i * PAGE_SIZE / 8;
        work[i].mark = (i + 1) * 0x1000000UL;
    }
    for (i = 0; i < WORKERS; i++)
        require(vcpu_start(i + 1, worker, &work[i]), 0);
    for (i = 0; i < WORKERS; i++) {
        check(wait_until(work[i].rounds == ROUNDS, 15000), "vCPU %u did %u of %u rounds", i + 1,
              work[i].rounds, ROUNDS);
        check(!work[i].wrong, "vCPU %u: %u wrong", i + 1, work[i].wrong);
    }
}
