/* SPDX-License-Identifier: BSD-2-Clause */
/* NUMA: nodes from SRAT and SLIT, good and damaged, and memory by node: on a machine with 63 MiB
   below and 64 MiB above 4 GiB, four CPUs. The last test leaves its
   three nodes for good. */
/* cflags: -DHV_UNIT_TEST */
/* sources: hv/mm/numa.c hv/mm/node.c hv/mm/page_alloc.c hv/mm/page_list.c hv/mm/domain_pages.c */
/* sources: hv/mm/page_ref.c hv/mm/heap.c hv/mm/bootmem.c hv/boot/e820.c hv/lib/sort.c */
/* sources: hv/lib/bitops.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>
#include <hv/acpi.h>
#include <hv/boot.h>
#include <hv/bootmem.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/flush.h>
#include <hv/numa.h>
#include <hv/smp.h>
#include "../../hv/mm/paging_private.h"

#define MIB(n) ((uint64_t)(n) << 20)
#define FRAME(n) (MIB(n) >> PAGE_SHIFT)
#define LOW_END MIB(64)
#define HIGH_START MIB(4096)
#define HIGH_END MIB(4160)
#define CPUS 4

char *unit_directmap;
struct page_info *unit_frame_table;
unsigned long max_page;
unsigned long frame_groups[MAX_GROUPS / 64];
struct boot_info boot_info;
struct acpi_info acpi;
cpumask_t cpu_online_map;
unsigned int nr_cpu_ids = CPUS;
uint32_t cpu_apicid[NR_CPUS] = { 0, 2, 4, 6 };
uint32_t tlb_clock = 1;
extern char hv_image[0x3000] __asm__("hv_start");
char hv_image[0x3000] __attribute__((aligned(4096)));
__asm__(".globl hv_end\n .set hv_end, hv_start + 0x3000\n");

static unsigned int this_cpu_nr;
static struct domain dom;
static unsigned int warnings;

unsigned int unit_cpu(void) { return this_cpu_nr; }
void panic(const char *fmt, ...) { abort(); }
void bug_at(const char *file, int line, const char *what) { abort(); }
void printk(const char *fmt, ...) { warnings += strstr(fmt, "all is one node") != NULL; }
void page_reset_cacheattr(struct page_info *pg) { }
int parse_bool(const char *s) { return -1; }
void put_domain(struct domain *d) { atomic_dec(&d->refcnt); }
struct domain *domain_by_owner(uint16_t owner) { return owner == 2 ? &dom : NULL; }
void flush_filter(cpumask_t *mask, uint32_t stamp) { cpumask_zero(mask); }
void flush_mask(const cpumask_t *mask, unsigned int flags, unsigned long va) { }

static int boot_machine(void **state)
{
    static const struct e820_entry map[] = {
        {0, 0x9f000, E820_RAM},
        {MIB(1), LOW_END - MIB(1), E820_RAM},
        {HIGH_START, HIGH_END - HIGH_START, E820_RAM},
    };

    unit_directmap = mmap(NULL, HIGH_END, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    max_page = HIGH_END >> PAGE_SHIFT;
    unit_frame_table =
        mmap(NULL, ROUND_UP(max_page, FRAMES_PER_GROUP) * sizeof(struct page_info),
             PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    __set_bit(0, frame_groups);
    __set_bit((HIGH_START >> PAGE_SHIFT) / FRAMES_PER_GROUP, frame_groups);
    boot_info.e820.nr = ARRAY_SIZE(map);
    memcpy(boot_info.e820.e, map, sizeof(map));
    bootmem_init();
    page_alloc_init();
    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        cpumask_set(cpu, &cpu_online_map);
    dom.domain_id = 1;
    dom.max_pages = 100000;
    dom.node_affinity = ~0ull;
    spin_lock_init(&dom.page_alloc_lock, LOCK_PAGE_ALLOC);
    dom.page_list = dom.xen_page_list = dom.relmem_list = (struct page_list)PAGE_LIST_INIT;
    return 0;
}

/* Low memory up to 32 MiB is domain 7's, the rest 3's; above 4 GiB 24 MiB are 3's, the rest 9's,
   which has no CPU. */
static int three_nodes(void **state)
{
    static const struct acpi_memory_affinity mem[] = {
        { HIGH_START + MIB(24), HIGH_END, 9 },
        { 0, 0xa0000, 7 },
        { MIB(1), MIB(32), 7 },
        { MIB(32), LOW_END, 3 },
        { HIGH_START, HIGH_START + MIB(24), 3 },
    };
    static const struct acpi_cpu_affinity cpus[] = { { 0, 7 }, { 2, 7 }, { 4, 3 }, { 6, 3 } };

    memset(&acpi, 0, sizeof(acpi));
    memcpy(acpi.mem_affinity, mem, sizeof(mem));
    acpi.nr_mem_affinity = ARRAY_SIZE(mem);
    memcpy(acpi.cpu_affinity, cpus, sizeof(cpus));
    acpi.nr_cpu_affinity = ARRAY_SIZE(cpus);
    acpi.nr_localities = 10;
    for (unsigned int i = 0; i < 10; i++)
        for (unsigned int j = 0; j < 10; j++)
            acpi.distance[i][j] = (uint8_t)(i == j ? 10 : 11 + i + j);
    warnings = 0;
    return 0;
}

static void one_node(void)
{
    numa_init();
    assert_int_equal(nr_nodes, 1);
    assert_null(node_map);
    assert_int_equal(node_pages[0], (FRAME(127) + 0x9f));
    assert_int_equal(free_pages_of_node(0, 0), free_pages_total());
    assert_int_equal(free_pages_of_node(1, 0), 0);
    assert_int_equal(node_distance[0][0], 10);
    node_pages[0] = 0;
}

static void without_tables(void **state)
{
    acpi.nr_mem_affinity = 0;
    one_node();
    assert_int_equal(warnings, 0);
}

static void damaged_tables(void **state)
{
    acpi.affinity_left_out = true;
    one_node();
    three_nodes(state);
    acpi.mem_affinity[4].end += PAGE_SIZE; /* into the next node */
    one_node();
    three_nodes(state);
    acpi.mem_affinity[3].end -= PAGE_SIZE;
    one_node();
    assert_int_equal(warnings, 1);
    three_nodes(state);
    for (unsigned int i = 0; i < ACPI_MAX_CPUS; i++)
        acpi.cpu_affinity[i] = (struct acpi_cpu_affinity){ i, i };
    acpi.nr_cpu_affinity = 70;
    one_node();
    assert_int_equal(warnings, 1);
}

/* What is allocated lies in the node that was asked for, while there is any. */
static unsigned long take_all(unsigned int order, unsigned int flags, struct page_list *list,
                              unsigned int node)
{
    unsigned long taken = 0;
    struct page_info *pg;

    while (free_pages_of_node(node, 0) && (pg = alloc_xen_pages(order, flags))) {
        assert_int_equal(node_of_mfn(page_to_mfn(pg)), node);
        assert_true(in_one_node(page_to_mfn(pg), order));
        for (unsigned long i = 0; i < 1UL << order; i++)
            page_list_add(list, pg + i);
        taken += 1UL << order;
    }
    return taken;
}

static void give_all(struct page_list *list)
{
    struct page_info *pg;

    while ((pg = page_list_pop(list)))
        free_xen_pages(pg, 0);
}

static void memory_by_node(void)
{
    struct page_list list = PAGE_LIST_INIT;
    unsigned long before = free_pages_total(), node2 = free_pages_of_node(2, 0);
    struct page_info *pg;

    assert_int_equal(before, free_pages_of_node(0, 0) + free_pages_of_node(1, 0) +
                             free_pages_of_node(2, 0));
    assert_int_equal(free_pages_of_node(1, 32) + free_pages_of_node(2, 32), free_pages_below(32));
    assert_int_equal(take_all(0, MEMF_node(0) | MEMF_exact_node, &list, 0), FRAME(40));
    assert_null(alloc_xen_pages(0, MEMF_node(0) | MEMF_exact_node));
    pg = alloc_xen_pages(0, MEMF_node(0)); /* a wish only */
    assert_non_null(pg);
    free_xen_pages(pg, 0);
    give_all(&list);
    assert_int_equal(free_pages_total(), before);
    /* Buddies of two nodes do not merge: the 32 MiB at 4 GiB never become one chunk. */
    pg = alloc_xen_pages(13, MEMF_node(0) | MEMF_exact_node);
    assert_int_equal(page_to_maddr(pg), MIB(4128));
    assert_null(alloc_xen_pages(13, MEMF_bits(40) | MEMF_node(0) | MEMF_exact_node));
    free_xen_pages(pg, 13);
    this_cpu_nr = 3;
    pg = alloc_xen_pages(3, 0);
    assert_int_equal(node_of_mfn(page_to_mfn(pg)), 2);
    free_xen_pages(pg, 3);
    this_cpu_nr = 0;
    pg = alloc_xen_pages(3, 0);
    assert_int_equal(node_of_mfn(page_to_mfn(pg)), 1);
    free_xen_pages(pg, 3);
    assert_null(alloc_xen_pages(0, MEMF_node(3) | MEMF_exact_node));
    pg = alloc_xen_pages(0, MEMF_node(63));
    assert_non_null(pg);
    free_xen_pages(pg, 0);
    while (scrub_free_pages())
        ;
    assert_int_equal(free_pages_total(), before);
    assert_int_equal(free_pages_of_node(2, 0), node2);
}

static void memory_of_domains(void)
{
    unsigned long before = free_pages_total(), nodes[3];
    struct page_info *pg;

    dom.node_affinity = 5; /* 0 and 2, in turn */
    for (unsigned int node = 0; node < 3; node++)
        nodes[node] = free_pages_of_node(node, 0);
    for (unsigned int i = 0; i < 200; i++)
        assert_non_null(alloc_domain_pages(&dom, 0, 0));
    assert_int_equal(free_pages_of_node(0, 0), nodes[0] - 100);
    assert_int_equal(free_pages_of_node(1, 0), nodes[1]);
    assert_int_equal(free_pages_of_node(2, 0), nodes[2] - 100);
    pg = alloc_domain_pages(&dom, 0, MEMF_node(1));
    assert_int_equal(node_of_mfn(page_to_mfn(pg)), 1);
    dom.node_affinity = 1ull << 40; /* no such node: all are alike */
    assert_non_null(alloc_domain_pages(&dom, 0, 0));
    /* A claim is of the whole machine, exact as ever. */
    assert_int_equal(claim_pages(&dom, 20202), 0);
    assert_null(alloc_xen_pages(0, 0) && free_pages_total() < 20000 ? &dom : NULL);
    assert_int_equal(dom.outstanding_pages, 20000);
    assert_int_equal(claim_pages(&dom, 0), 0);
    while ((pg = page_list_first(&dom.page_list))) {
        pg->count_info &= ~(PGC_allocated | PGC_count_mask);
        free_domain_pages(pg, 0);
    }
    assert_int_equal(free_pages_total(), before - 1);
}

static void three_nodes_found(void **state)
{
    cpumask_t cpus;
    unsigned long before = free_pages_total();

    numa_init();
    assert_int_equal(warnings, 0);
    assert_int_equal(nr_nodes, 3);
    /* Numbered as the table names them. */
    assert_int_equal(node_of_pxm(9), 0);
    assert_int_equal(node_of_pxm(7), 1);
    assert_int_equal(node_of_pxm(3), 2);
    assert_int_equal(node_of_pxm(0), NODE_NONE);
    assert_int_equal(node_of_mfn(0x100), 1);
    assert_int_equal(node_of_mfn(FRAME(32) - 1), 1);
    assert_int_equal(node_of_mfn(FRAME(32)), 2);
    assert_int_equal(node_of_mfn(FRAME(4096)), 2);
    assert_int_equal(node_of_mfn(FRAME(4120) - 1), 2);
    assert_int_equal(node_of_mfn(FRAME(4120)), 0);
    assert_int_equal(node_of_mfn(max_page - 1), 0);
    assert_int_equal(node_pages[0], FRAME(40));
    assert_int_equal(node_pages[1], FRAME(31) + 0x9f);
    assert_int_equal(node_pages[2], FRAME(56));
    assert_int_equal(node_distance[1][2], 21);
    assert_int_equal(node_distance[2][1], 21);
    assert_int_equal(node_distance[0][0], 10);
    cpus_of_nodes(4, &cpus);
    assert_int_equal(cpus.bits[0], 0xc);
    assert_int_equal(nodes_of_cpus(&cpus), 4);
    assert_int_equal(cpus_near(1)->bits[0], 3);
    /* But for the lists and the map themselves. */
    assert_true(free_pages_total() <= before && free_pages_total() >= before - 8);
    memory_by_node();
    memory_of_domains();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(without_tables, three_nodes),
        cmocka_unit_test_setup(damaged_tables, three_nodes),
        cmocka_unit_test_setup(three_nodes_found, three_nodes),
    };
    return cmocka_run_group_tests(tests, boot_machine, NULL);
}
