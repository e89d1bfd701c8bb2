/* SPDX-License-Identifier: BSD-2-Clause */
/* Buddy allocator, memory of domains, references, sharing, and the heap on top: on a machine with
   63 MiB below and 16 MiB above 4 GiB. */
/* cflags: -DHV_UNIT_TEST */
/* sources: hv/mm/page_alloc.c hv/mm/page_list.c hv/mm/domain_pages.c hv/mm/page_ref.c */
/* sources: hv/mm/heap.c hv/mm/vmalloc.c hv/mm/bootmem.c hv/mm/node.c hv/boot/e820.c */
/* sources: hv/lib/sort.c hv/lib/bitops.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>
#include <hv/boot.h>
#include <hv/bootmem.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/flush.h>
#include "../../hv/mm/paging_private.h"

#define MIB(n) ((uint64_t)(n) << 20)
#define LOW_END MIB(64)
#define HIGH_START MIB(4096)
#define HIGH_END MIB(4112)
#define HIGH_FRAMES (16 << 8)
#define CPUS 4

char *unit_directmap;
struct page_info *unit_frame_table;
unsigned long max_page;
unsigned long frame_groups[MAX_GROUPS / 64];
struct boot_info boot_info;
cpumask_t cpu_online_map;
unsigned int nr_cpu_ids = CPUS;
unsigned int unit_cpu(void) { return 0; }
uint32_t tlb_clock = 100;
extern char hv_image[0x3000] __asm__("hv_start");
char hv_image[0x3000] __attribute__((aligned(4096)));
__asm__(".globl hv_end\n .set hv_end, hv_start + 0x3000\n");

static struct domain alice, bob;
static uint32_t flushed_at[CPUS];
static unsigned int flushes;
static cpumask_t flushed_cpus;

static jmp_buf *panicked;       /* where a panic that is wanted goes */
void panic(const char *fmt, ...)
{
    if (panicked)
        longjmp(*panicked, 1);
    abort();
}
void printk(const char *fmt, ...) {}
void bug_at(const char *file, int line, const char *what) { abort(); }
static unsigned int cache_resets;
void page_reset_cacheattr(struct page_info *pg) { cache_resets++; }
void put_domain(struct domain *d) { atomic_dec(&d->refcnt); }
struct domain *domain_by_owner(uint16_t owner)
{
    return owner == alice.domain_id + 1 ? &alice : owner == bob.domain_id + 1 ? &bob : NULL;
}

void flush_filter(cpumask_t *mask, uint32_t stamp)
{
    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        if (flushed_at[cpu] > stamp)
            cpumask_clear(cpu, mask);
}

void flush_mask(const cpumask_t *mask, unsigned int flags, unsigned long va)
{
    assert_true(flags & FLUSH_TLB);
    flushes++;
    flushed_cpus = *mask;
    tlb_clock++;
    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        if (cpumask_test(cpu, mask))
            flushed_at[cpu] = tlb_clock;
}

/* A window of address space: the frame that each page of it shows. */
#define WINDOW_PAGES (80UL << 8)
static char *window;
static mfn_t window_mfn[WINDOW_PAGES];
static unsigned long window_len, map_fails_at;

void *vmap_reserve(unsigned long pages)
{
    if (pages > WINDOW_PAGES)
        return NULL;
    assert_int_equal(window_len, 0);
    window_len = pages;
    return window;
}

int map_hv_pages(unsigned long va, mfn_t mfn, unsigned long nr, uint64_t flags)
{
    unsigned long at = (va - (unsigned long)window) >> PAGE_SHIFT;

    assert_true(at + nr <= window_len);
    for (unsigned long i = 0; i < nr; i++) {
        assert_int_equal(window_mfn[at + i], 0);
        window_mfn[at + i] = mfn + i;
    }
    return map_fails_at && at + nr >= map_fails_at ? -ENOMEM : 0;
}

mfn_t hv_page_mfn(unsigned long va)
{
    return window_mfn[(va - (unsigned long)window) >> PAGE_SHIFT];
}

void vunmap(void *va)
{
    assert_ptr_equal(va, window);
    memset(window_mfn, 0, sizeof(window_mfn));
    window_len = 0;
}

static void init_domain(struct domain *d, domid_t id, unsigned long max)
{
    memset(d, 0, sizeof(*d));
    d->domain_id = id;
    d->max_pages = max;
    atomic_set(&d->refcnt, 1);
    spin_lock_init(&d->page_alloc_lock, LOCK_PAGE_ALLOC);
    d->page_list = d->xen_page_list = d->relmem_list = (struct page_list)PAGE_LIST_INIT;
}

static int boot_machine(void **state)
{
    static const struct e820_entry map[] = {
        {0, 0x9f000, E820_RAM},
        {MIB(1), LOW_END - MIB(1), E820_RAM},
        {HIGH_START, HIGH_END - HIGH_START, E820_RAM},
    };

    unit_directmap = mmap(NULL, HIGH_END, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(unit_directmap != MAP_FAILED);
    memset(unit_directmap, 0x5a, LOW_END);
    memset(unit_directmap + HIGH_START, 0x5a, HIGH_END - HIGH_START);
    max_page = HIGH_END >> PAGE_SHIFT;
    unit_frame_table =
        mmap(NULL, ROUND_UP(max_page, FRAMES_PER_GROUP) * sizeof(struct page_info),
             PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    __set_bit(0, frame_groups);
    __set_bit((HIGH_START >> PAGE_SHIFT) / FRAMES_PER_GROUP, frame_groups);
    boot_info.e820.nr = ARRAY_SIZE(map);
    memcpy(boot_info.e820.e, map, sizeof(map));
    boot_info.nr_modules = 1;
    boot_info.modules[0] = (struct boot_module){ MIB(32), 0x3000, "" };
    window = mmap(NULL, WINDOW_PAGES * PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    /* The image plays no part here: it lies beyond the RAM. */
    bootmem_init();
    page_alloc_init();
    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        cpumask_set(cpu, &cpu_online_map);
    return 0;
}

static int fresh_domains(void **state)
{
    init_domain(&alice, 1, 1000);
    init_domain(&bob, 2, 1000);
    flushes = 0;
    return 0;
}

static bool all_bytes(const void *p, size_t n, uint8_t byte)
{
    const uint8_t *b = p;

    return b[0] == byte && !memcmp(b, b + 1, n - 1);
}

static void frames_after_boot(void **state)
{
    assert_int_equal(total_pages, (63 << 8) - 3 + HIGH_FRAMES);
    assert_int_equal(free_pages_total(), total_pages);
    assert_int_equal(free_pages_below(32), (63 << 8) - 3);
    assert_int_equal(free_pages_below(12), 0);
    assert_false(mfn_valid(0));
    assert_false(mfn_valid(0xff));
    assert_true(mfn_valid(0x100));
    assert_true(mfn_valid(MIB(32) >> PAGE_SHIFT));
    assert_false(mfn_valid(LOW_END >> PAGE_SHIFT));
    assert_false(mfn_valid(MIB(2048) >> PAGE_SHIFT));
    assert_true(mfn_valid((HIGH_END >> PAGE_SHIFT) - 1));
    assert_false(mfn_valid(HIGH_END >> PAGE_SHIFT));
    assert_false(mfn_valid(~0UL));
    assert_false(get_page(mfn_to_page(0x200), &alice));
    assert_false(get_page(mfn_to_page(MIB(32) >> PAGE_SHIFT), &alice));
}

struct held { struct page_info *pg; unsigned int order; };

/* Allocates and frees at random; each allocation must be aligned, zero and untouched by the others.
   */
static void random_orders(void **state)
{
    struct held held[64] = { };
    unsigned long before = free_pages_total(), out = 0;
    uint32_t seed = 42;

    for (unsigned int round = 0; round < 4000; round++) {
        struct held *h;

        seed = seed * 1103515245 + 12345;
        h = &held[(seed >> 8) % 64];
        if (h->pg) {
            assert_true(
                all_bytes(page_to_virt(h->pg), PAGE_SIZE << h->order, (uint8_t)(h - held + 1)));
            free_xen_pages(h->pg, h->order);
            out -= 1UL << h->order;
            h->pg = NULL;
        } else {
            h->order = (seed >> 20) % 8;
            h->pg = alloc_xen_pages(h->order, 0);
            assert_non_null(h->pg);
            assert_true(IS_ALIGNED(page_to_mfn(h->pg), 1UL << h->order));
            assert_true(all_bytes(page_to_virt(h->pg), PAGE_SIZE << h->order, 0));
            assert_int_equal(h->pg->count_info, PGC_xen | 1);
            memset(page_to_virt(h->pg), (int)(h - held + 1), PAGE_SIZE << h->order);
            out += 1UL << h->order;
        }
        assert_int_equal(free_pages_total(), before - out);
        if (!(round % 7))
            scrub_free_pages();
    }
    for (unsigned int i = 0; i < 64; i++)
        if (held[i].pg)
            free_xen_pages(held[i].pg, held[i].order);
    assert_int_equal(free_pages_total(), before);
}

/* All chunks have grown together again: the high 16 MiB are one. */
static void buddies_merge(void **state)
{
    struct page_info *pg = alloc_xen_pages(12, 0);

    assert_non_null(pg);
    assert_int_equal(page_to_maddr(pg), HIGH_START);
    free_xen_pages(pg, 12);
    assert_null(alloc_xen_pages(14, 0));
    assert_null(alloc_xen_pages(MAX_ORDER + 1, 0));
}

static void address_limits_and_reserve(void **state)
{
    unsigned long before = free_pages_total(), taken = 0;
    struct page_list list = PAGE_LIST_INIT;
    struct page_info *pg;

    pg = alloc_xen_pages(0, MEMF_bits(24));
    assert_true(page_to_maddr(pg) < MIB(16));
    free_xen_pages(pg, 0);
    assert_null(alloc_xen_pages(0, MEMF_bits(20)));
    /* High memory goes first; then low memory, down to the reserve. */
    while ((pg = alloc_xen_pages(0, MEMF_no_scrub))) {
        assert_true(page_to_maddr(pg) >= HIGH_START || taken >= HIGH_FRAMES);
        page_list_add(&list, pg);
        taken++;
    }
    assert_true(free_pages_total() > 0);
    assert_int_equal(free_pages_total(), before - taken);
    pg = alloc_xen_pages(0, MEMF_low);
    assert_non_null(pg);
    page_list_add(&list, pg);
    pg = alloc_xen_pages(0, MEMF_bits(32));
    assert_non_null(pg);
    page_list_add(&list, pg);
    while ((pg = page_list_pop(&list)))
        free_xen_pages(pg, 0);
    assert_int_equal(free_pages_total(), before);
}

static void idle_scrubbing(void **state)
{
    struct page_info *pg = alloc_xen_pages(3, 0);

    memset(page_to_virt(pg), 0x77, PAGE_SIZE << 3);
    free_xen_pages(pg, 3);
    while (scrub_free_pages())
        ;
    for (unsigned int i = 0; i < 8; i++)
        assert_true(all_bytes(page_to_virt(pg + i), PAGE_SIZE, 0));
    assert_false(scrub_free_pages());
}

static void domain_accounting(void **state)
{
    unsigned long before = free_pages_total();
    struct page_info *pg = alloc_domain_pages(&alice, 2, 0), *extra, *anon;

    assert_non_null(pg);
    assert_int_equal(alice.tot_pages, 4);
    assert_int_equal(atomic_read(&alice.refcnt), 2);
    assert_ptr_equal(page_get_owner(pg + 3), &alice);
    assert_int_equal(pg[1].count_info, PGC_allocated | 1);
    alice.max_pages = 5;
    assert_null(alloc_domain_pages(&alice, 1, 0));
    assert_int_equal(free_pages_total(), before - 4);
    extra = alloc_domain_pages(&alice, 0, MEMF_no_refcount);
    assert_int_equal(alice.tot_pages, 4);
    assert_int_equal(alice.extra_pages, 1);
    anon = alloc_domain_pages(NULL, 0, 0);
    assert_null(page_get_owner(anon));
    assert_int_equal(assign_pages(&alice, anon, 0, 0), 0);
    assert_int_equal(alice.tot_pages, 5);
    put_page_alloc_ref(anon);
    put_page_alloc_ref(extra);
    for (unsigned int i = 0; i < 4; i++)
        put_page_alloc_ref(pg + i);
    put_page_alloc_ref(pg);
    assert_int_equal(alice.tot_pages + alice.extra_pages, 0);
    assert_int_equal(atomic_read(&alice.refcnt), 1);
    assert_null(page_list_first(&alice.page_list));
    assert_int_equal(free_pages_total(), before);
    alice.is_dying = DOMDYING_dying;
    assert_null(alloc_domain_pages(&alice, 0, 0));
    assert_int_equal(free_pages_total(), before);
}

static void references(void **state)
{
    unsigned long before = free_pages_total();
    struct page_info *pg = alloc_domain_pages(&alice, 0, 0);

    assert_false(get_page(pg, &bob));
    assert_true(get_page(pg, &alice));
    put_page_alloc_ref(pg);
    assert_int_equal(free_pages_total(), before - 1);
    assert_ptr_equal(page_get_owner_and_reference(pg), &alice);
    put_page(pg);
    put_page(pg);
    assert_int_equal(free_pages_total(), before);
    assert_null(page_get_owner_and_reference(pg));
    assert_false(get_page(pg, &alice));
}

/* The central rule: a frame that was a guest's is reused only when all CPUs have flushed since. */
static void reuse_flushes(void **state)
{
    struct page_info *pg = alloc_domain_pages(&alice, 0, 0), *again;
    unsigned int late = 2;

    flushes = 0;
    put_page_alloc_ref(pg);
    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        flushed_at[cpu] = cpu == late ? tlb_clock : tlb_clock + 1;
    tlb_clock++;
    again = alloc_domain_pages(&bob, 0, 0);
    assert_ptr_equal(again, pg);
    assert_int_equal(flushes, 1);
    assert_int_equal(cpumask_weight(&flushed_cpus), 1);
    assert_true(cpumask_test(late, &flushed_cpus));
    put_page_alloc_ref(again);
    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        flushed_at[cpu] = tlb_clock + 1;
    tlb_clock++;
    again = alloc_xen_pages(0, 0);
    assert_ptr_equal(again, pg);
    assert_int_equal(flushes, 1);
    /* A page that no guest has seen needs none. */
    free_xen_pages(again, 0);
    tlb_clock++;
    again = alloc_xen_pages(0, 0);
    assert_ptr_equal(again, pg);
    assert_int_equal(flushes, 1);
    free_xen_pages(again, 0);
}

static void stealing(void **state)
{
    struct page_info *pg = alloc_domain_pages(&alice, 0, 0);

    flushes = 0;
    assert_int_equal(steal_page(&bob, pg, 0), -EINVAL);
    assert_true(get_page(pg, &alice));
    assert_int_equal(steal_page(&alice, pg, 0), -EBUSY);
    put_page(pg);
    pg->type_info = PGT_writable_page | PGT_validated | 1;
    assert_int_equal(steal_page(&alice, pg, 0), -EBUSY);
    pg->type_info = PGT_writable_page | PGT_validated;
    /* What is taken away leaves its owner's choice of caching behind. */
    pg->count_info |= 1UL << __builtin_ctzl(PGC_cacheattr_mask);
    cache_resets = 0;
    assert_int_equal(steal_page(&alice, pg, 0), 0);
    assert_int_equal(cache_resets, 1);
    assert_false(pg->count_info & PGC_cacheattr_mask);
    assert_int_equal(alice.tot_pages, 0);
    assert_int_equal(atomic_read(&alice.refcnt), 1);
    assert_false(get_page(pg, &alice));
    assert_int_equal(assign_pages(&bob, pg, 0, 0), 0);
    assert_int_equal(flushes, 1);
    assert_true(get_page(pg, &bob));
    put_page(pg);
    put_page_alloc_ref(pg);
}

static void sharing(void **state)
{
    struct page_info *pg = alloc_xen_pages(0, 0);
    unsigned long before = free_pages_total();

    assert_false(get_page(pg, &alice));
    share_xen_page(pg, &alice, true);
    assert_int_equal(pg->type_info & PGT_type_mask, PGT_writable_page);
    assert_int_equal(atomic_read(&alice.refcnt), 2);
    assert_true(get_page(pg, &alice));
    assert_false(unshare_xen_page(pg));
    put_page(pg);
    assert_true(unshare_xen_page(pg));
    assert_int_equal(atomic_read(&alice.refcnt), 1);
    assert_int_equal(free_pages_total(), before);
    assert_false(get_page(pg, &alice));
    share_xen_page(pg, &alice, false);
    assert_int_equal(pg->type_info & PGT_type_mask, PGT_shared_page);
    /* The domain's own reference may be gone already (teardown). */
    put_page_alloc_ref(pg);
    assert_true(unshare_xen_page(pg));
    flushes = 0;
    free_xen_pages(pg, 0);
    tlb_clock++;
    pg = alloc_xen_pages(0, 0);
    assert_int_equal(flushes, 1);
    free_xen_pages(pg, 0);
}

static void claims(void **state)
{
    unsigned long all = free_pages_total();
    struct page_info *pg;

    alice.max_pages = bob.max_pages = all * 2;
    assert_int_equal(claim_pages(&alice, all * 2), -ENOMEM);
    assert_int_equal(claim_pages(&alice, all * 2 + 1), -EINVAL);
    assert_int_equal(claim_pages(&alice, 1000), 0);
    assert_int_equal(alice.outstanding_pages, 1000);
    assert_int_equal(claim_pages(&alice, 1000), -EINVAL);
    assert_int_equal(claim_pages(&bob, all - 999), -ENOMEM);
    pg = alloc_domain_pages(&alice, 3, 0);
    assert_int_equal(alice.outstanding_pages, 992);
    for (unsigned int i = 0; i < 8; i++)
        put_page_alloc_ref(pg + i);
    assert_int_equal(claim_pages(&alice, 0), 0);
    assert_int_equal(alice.outstanding_pages, 0);
    assert_int_equal(claim_pages(&bob, all / 2), 0);
    assert_int_equal(claim_pages(&bob, 0), 0);
}

static void dying_domain_lists(void **state)
{
    struct page_info *pg = alloc_domain_pages(&alice, 2, 0);

    alice.is_dying = DOMDYING_dying;
    for (unsigned int i = 0; i < 3; i++) {
        page_list_del(&alice.page_list, pg + i);
        page_list_add(&alice.relmem_list, pg + i);
    }
    put_page_alloc_ref(pg + 1);
    put_page_alloc_ref(pg + 3);
    put_page_alloc_ref(pg + 2);
    assert_ptr_equal(page_list_first(&alice.relmem_list), pg);
    assert_null(page_list_next(pg));
    put_page_alloc_ref(pg);
    assert_null(page_list_first(&alice.relmem_list));
    assert_null(page_list_first(&alice.page_list));
    assert_int_equal(alice.tot_pages, 0);
}

static void heap_objects(void **state)
{
    static uint8_t *held[300];
    static size_t size[300];
    unsigned long before = free_pages_total();
    uint32_t seed = 7;

    for (unsigned int round = 0; round < 20000; round++) {
        unsigned int i;

        seed = seed * 1103515245 + 12345;
        i = (seed >> 8) % 300;
        if (held[i]) {
            assert_true(all_bytes(held[i], size[i], (uint8_t)(i + 1)));
            assert_int_equal(heap_frames(), before - free_pages_total());
            xfree(held[i]);
            held[i] = NULL;
            continue;
        }
        size[i] = 1 + (seed >> 16) % (i % 50 ? 2300 : 20000);
        held[i] = xzalloc(size[i]);
        assert_non_null(held[i]);
        assert_true(IS_ALIGNED((unsigned long)held[i], 16));
        assert_true(all_bytes(held[i], size[i], 0));
        memset(held[i], (int)(i + 1), size[i]);
    }
    for (unsigned int i = 0; i < 300; i++) {
        xfree(held[i]);
        held[i] = NULL;
    }
    xfree(NULL);
    /* Not even the last slab of a class stays. */
    assert_int_equal(free_pages_total(), before);
    assert_int_equal(heap_frames(), 0);
    held[0] = xmalloc(5 * PAGE_SIZE);
    held[1] = xmalloc(16);
    assert_int_equal(free_pages_total(), before - 6);
    assert_int_equal(heap_frames(), 6);
    xfree(held[0]);
    xfree(held[1]);
    assert_int_equal(free_pages_total(), before);
    assert_null(xmalloc(SIZE_MAX));
    assert_null(xmalloc(MIB(1024)));
    assert_null(xzalloc_array(SIZE_MAX / 2, 4));
    assert_int_equal(free_pages_total(), before);
}

static void large_memory_in_pieces(void **state)
{
    unsigned long before = free_pages_total(), pages = 12345;
    struct page_info *hole = alloc_xen_pages(0, MEMF_bits(25));
    char *p = vmalloc(pages);

    assert_non_null(hole);
    assert_ptr_equal(p, window); /* more than the largest chunk, 16 MiB, and than all high memory */
    assert_int_equal(free_pages_total(), before - 1 - pages);
    for (unsigned long i = 0; i < pages; i++) {
        struct page_info *pg = mfn_to_page(window_mfn[i]);

        assert_int_equal(pg->count_info, PGC_xen | 1);
        assert_ptr_not_equal(pg, hole);
        assert_int_equal(pg->tlb_stamp, 0);
        pg->tlb_stamp = (uint32_t)i + 1; /* nothing else has it: seen once */
    }
    for (unsigned long i = 0; i < pages; i++)
        mfn_to_page(window_mfn[i])->tlb_stamp = 0;
    vfree(p, pages);
    free_xen_pages(hole, 0);
    assert_int_equal(free_pages_total(), before);
    assert_int_equal(window_len, 0);
    /* No memory, no address space, no page tables. */
    assert_null(vmalloc(WINDOW_PAGES + 1));
    p = vmalloc(7000);
    assert_non_null(p);
    map_fails_at = 7000;
    vfree(p, 7000);
    assert_null(vmalloc(7000));
    map_fails_at = 0;
    vfree(NULL, 1);
    assert_int_equal(free_pages_total(), before);
    buddies_merge(state);
}

static void large_memory_exhausted(void **state)
{
    unsigned long before = free_pages_total();
    struct page_info *most = alloc_xen_pages(12, 0);

    assert_null(vmalloc(before - 4096 + 1));
    assert_int_equal(window_len, 0);
    free_xen_pages(most, 12);
    assert_int_equal(free_pages_total(), before);
}

#ifdef DEBUG
#include "page_alloc_debug.h"
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(frames_after_boot, fresh_domains),
        cmocka_unit_test_setup(random_orders, fresh_domains),
        cmocka_unit_test_setup(buddies_merge, fresh_domains),
        cmocka_unit_test_setup(address_limits_and_reserve, fresh_domains),
        cmocka_unit_test_setup(idle_scrubbing, fresh_domains),
        cmocka_unit_test_setup(domain_accounting, fresh_domains),
        cmocka_unit_test_setup(references, fresh_domains),
        cmocka_unit_test_setup(reuse_flushes, fresh_domains),
        cmocka_unit_test_setup(stealing, fresh_domains),
        cmocka_unit_test_setup(sharing, fresh_domains),
        cmocka_unit_test_setup(claims, fresh_domains),
        cmocka_unit_test_setup(dying_domain_lists, fresh_domains),
        cmocka_unit_test_setup(large_memory_in_pieces, fresh_domains),
        cmocka_unit_test_setup(large_memory_exhausted, fresh_domains),
        cmocka_unit_test_setup(heap_objects, fresh_domains),
#ifdef DEBUG
        DEBUG_TESTS
#endif
    };
    return cmocka_run_group_tests(tests, boot_machine, NULL);
}
