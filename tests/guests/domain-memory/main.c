/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is a dead domain's memory gone from sight: not mappable, and clean when it is given out again?
 *
 * A domain fills its memory with a mark. While it lives domain 0 may map its frames under its
 * number and no other; when it is destroyed, mappings that domain 0 still has keep the domain as a
 * zombie; after the last is gone the frames come back, and no mark is found in a new domain's
 * memory.
 */
#include <guest.h>
#include <domain.h>

#define MARK 0x5ec2e75ec2e75ec2UL

static struct domain domain;

static void child(void)
{
    while (pages_left() > 8) {
        uint64_t *page = page_alloc();
        unsigned int i;

        for (i = 0; i < PAGE_SIZE / 8; i++)
            page[i] = MARK;
    }
    printf("filled\n");
    for (;;)
        hc_sched_op(SCHEDOP_yield, NULL);
}

static void create(void)
{
    const struct pack_entry *e = pack_entry(0);
    const char *step;
    long error = domain_create(&domain, 1, pack_file(e), e->length, "", 1024, 1, &step);

    if (error)
        report_error("%s gave %ld", step, error);
}

static void foreign_names(void)
{
    void *va = window_alloc(1);
    struct mmu_update update = { .ptr = pte_maddr(va, 1),
                                 .val = make_pte(domain.mfns[900], PTE_RO) };

    expect(hc_mmu_update(&update, 1, NULL, 1), 0);
    expect(mmu_update_one(update.ptr, 0), 0);
    check(hc_mmu_update(&update, 1, NULL, DOMID_SELF) < 0, "a foreign frame mapped as own");
    check(hc_mmu_update(&update, 1, NULL, 2) < 0, "a frame mapped as domain 2's");
    check(hc_mmu_update(&update, 1, NULL, DOMID_XEN) < 0, "a frame mapped as DOMID_XEN's");
    /* Its page tables never writable, not even for domain 0. */
    check(hc_update_va_mapping_otherdomain(va, make_pte(domain.mfns[900], PTE_RW), UVMF_INVLPG, 1)
          == 0, "update_va_mapping_otherdomain");
    check(*(uint64_t *)va == MARK, "the foreign page reads 0x%lx", *(uint64_t *)va);
    expect(unmap_page(va), 0);
}

static void tables_stay_safe(void)
{
    void *va = window_alloc(1);
    unsigned int pfn, refused = 0;

    for (pfn = 0; pfn < domain.pages; pfn++) {
        if (domain_map(&domain, va, pfn, PTE_RW)) {
            refused++;
            continue;
        }
    }
    unmap_page(va);
    /* L4, L3, L2, two L1s and the guest's own later ones. */
    check(refused >= 5, "only %u frames can't be mapped writable", refused);
}

static void zombie(void)
{
    volatile uint64_t *va = window_alloc(1);
    uint64_t free = free_frames();

    require(domain_map(&domain, (void *)va, 900, PTE_RW), 0);
    expect(*va, MARK);
    domctl_simple(XEN_DOMCTL_destroydomain, 1);
    unmap_page((void *)domain.console);
    while (domctl_simple(XEN_DOMCTL_destroydomain, 1) == -XEN_EAGAIN)
        ;
    check(domain_flags(1) < 0 || (domain_flags(1) & XEN_DOMINF_dying), "flags of a zombie 0x%lx",
          domain_flags(1));
    expect(*va, MARK);
    *va = 1;
    check(free_frames() > free, "nothing of the zombie came back");
    expect(unmap_page((void *)va), 0);
    check(wait_until(domain_flags(1) == -XEN_ESRCH, 2000), "the zombie stays");
}

static void no_mark_left(void)
{
    volatile uint64_t *va = window_alloc(1);
    unsigned int pfn, found = 0;

    create();
    for (pfn = 0; pfn < domain.pages; pfn++) {
        if (domain_map(&domain, (void *)va, pfn, PTE_RO))
            continue;
        found += va[0] == MARK || va[511] == MARK;
    }
    unmap_page((void *)va);
    check(!found, "%u pages of a new domain hold the old one's data", found);
    expect(domain_destroy(&domain), 0);
}

void test_main(void)
{
    if (!is_dom0()) {
        child();
        return;
    }
    create();
    require(domain_unpause(&domain), 0);
    if (!wait_until((domain_pump(&domain), domain.lines > 0), 5000))
        report_error("the domain did not fill its memory");
    foreign_names();
    tables_stay_safe();
    zombie();
    no_mark_left();
}
