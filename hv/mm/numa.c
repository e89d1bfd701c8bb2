/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finds the NUMA nodes at boot: from ACPI's SRAT and SLIT, or as numa=fake=N makes them up. Tables
 * that contradict themselves or the memory map are named and not used: a wrong node costs more than
 * none. Source: ACPI specification 6.4, "System Resource Affinity Table" and "System Locality
 * Information Table".
 */
#include <hv/acpi.h>
#include <hv/boot.h>
#include <hv/bootmem.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/numa.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/smp.h>
#include "buddy.h"

#define MAP_MIN_SHIFT 9u             /* 2 MiB: at most 2 MiB of map for 4 TiB */
#define DISTANCE_UNREACHABLE 0xff

/* numa=on|off|noacpi|fake=N */
static bool numa_off __initdata;
static unsigned int fake_nodes __initdata;

static int __init parse_numa(const char *s)
{
    if (!strncmp(s, "fake=", 5)) {
        for (s += 5; isdigit(*s) && fake_nodes <= MAX_NODES; s++)
            fake_nodes = fake_nodes * 10 + (unsigned int)(*s - '0');
        if (*s || fake_nodes > MAX_NODES)
            fake_nodes = 0;
        return fake_nodes ? 0 : -EINVAL;
    }
    if (!strcmp(s, "noacpi"))
        numa_off = true;
    else if (parse_bool(s) >= 0)
        numa_off = !parse_bool(s);
    else
        return -EINVAL;
    return 0;
}
custom_param("numa", parse_numa);

/* What is being found; it counts only when all of it is right. */
struct found {
    unsigned int nr;
    uint32_t pxm[MAX_NODES];
    unsigned int nr_ranges;
    struct node_range { mfn_t start, end; unsigned int node; } range[ACPI_MAX_MEM_AFFINITY];
};
static struct found found __initdata;

/* The node of a proximity domain, a new one if need be; NODE_NONE: too many. */
static unsigned int __init node_for(uint32_t pxm)
{
    for (unsigned int i = 0; i < found.nr; i++)
        if (found.pxm[i] == pxm)
            return i;
    if (found.nr == MAX_NODES)
        return NODE_NONE;
    found.pxm[found.nr] = pxm;
    return found.nr++;
}

/* Ascending by address. NULL, or why it can't be. */
static const char * __init add_range(mfn_t start, mfn_t end, unsigned int node)
{
    unsigned int i = found.nr_ranges;

    if (node == NODE_NONE)
        return "more nodes than can be told apart";
    for (; i && found.range[i - 1].start > start; i--)
        found.range[i] = found.range[i - 1];
    found.range[i] = (struct node_range){ start, end, node };
    found.nr_ranges++;
    return NULL;
}

static const char * __init check_ranges(void)
{
    for (unsigned int i = 1; i < found.nr_ranges; i++)
        if (found.range[i].start < found.range[i - 1].end &&
            found.range[i].node != found.range[i - 1].node)
            return "the SRAT gives the same memory to two nodes";
    return NULL;
}

static bool __init is_covered(mfn_t start, mfn_t end)
{
    for (unsigned int i = 0; i < found.nr_ranges && start < end; i++)
        if (found.range[i].start <= start && found.range[i].end > start)
            start = found.range[i].end;
    return start >= end;
}

static const char * __init check_cover(void)
{
    for (unsigned int i = 0; i < boot_info.e820.nr; i++) {
        const struct e820_entry *e = &boot_info.e820.e[i];
        paddr_t start = MAX(e->addr, (paddr_t)LOW_MEMORY_END);

        if (e->type == E820_RAM && e->addr + e->size > start &&
            !is_covered(paddr_to_pfn(start), paddr_to_pfn(e->addr + e->size)))
            return "the SRAT does not say where all of the RAM is";
    }
    return NULL;
}

static const char * __init find_from_srat(void)
{
    const char *why = acpi.affinity_left_out ? "the SRAT has more entries than fit" : NULL;

    for (unsigned int i = 0; i < acpi.nr_mem_affinity && !why; i++) {
        const struct acpi_memory_affinity *m = &acpi.mem_affinity[i];

        why = add_range(paddr_to_pfn(m->start), paddr_to_pfn(m->end), node_for(m->pxm));
    }
    for (unsigned int i = 0; i < acpi.nr_cpu_affinity && !why; i++)
        if (node_for(acpi.cpu_affinity[i].pxm) == NODE_NONE)
            why = "more nodes than can be told apart";
    if (!why)
        why = check_ranges();
    return why ? why : check_cover();
}

static void __init make_up_nodes(unsigned int nr)
{
    unsigned long share = ROUND_UP(DIV_ROUND_UP(max_page, nr), 1UL << MAP_MIN_SHIFT);

    for (unsigned int node = 0; node < nr && node * share < max_page; node++)
        add_range(node * share, MIN((node + 1) * share, max_page), node_for(node));
}

/* --- the map --- */

/* The coarsest grain at which no entry of the map is of two nodes; finer than MAP_MIN_SHIFT is
   rounded. */
static unsigned int __init map_shift(void)
{
    unsigned int shift = MAX_ORDER;

    for (unsigned int i = 1; i < found.nr_ranges; i++)
        if (found.range[i].node != found.range[i - 1].node)
            shift = MIN(shift, ffs64(found.range[i].start));
    return MAX(shift, MAP_MIN_SHIFT);
}

/* Holes belong to the node below them. */
static uint8_t * __init make_map(unsigned int shift)
{
    unsigned long entries = (max_page >> shift) + 1;
    uint8_t *map = xzalloc(entries);
    unsigned int r = 0;

    for (unsigned long i = 0; map && i < entries; i++) {
        while (r + 1 < found.nr_ranges && found.range[r + 1].start <= i << shift)
            r++;
        map[i] = (uint8_t)found.range[r].node;
    }
    return map;
}

/* --- CPUs and distances --- */

static unsigned int __init srat_node_of(uint32_t apicid)
{
    for (unsigned int i = 0; i < acpi.nr_cpu_affinity; i++)
        if (acpi.cpu_affinity[i].apicid == apicid)
            return node_of_pxm(acpi.cpu_affinity[i].pxm);
    return 0;
}

static void __init place_cpus(void)
{
    for (unsigned int cpu = 0; cpu < nr_cpu_ids; cpu++)
        cpu_node[cpu] =
            (uint8_t)(fake_nodes ? cpu % nr_nodes : srat_node_of(cpu_apicid[cpu]));
}

/* A SLIT is believed when a node is nearest to itself. */
static bool __init slit_is_good(void)
{
    for (unsigned int i = 0; i < nr_nodes; i++)
        for (unsigned int j = 0; j < nr_nodes; j++) {
            uint8_t d;

            if (node_pxm[i] >= acpi.nr_localities || node_pxm[j] >= acpi.nr_localities)
                return false;
            d = acpi.distance[node_pxm[i]][node_pxm[j]];
            if (i == j ? d != NODE_DISTANCE_SELF : d <= NODE_DISTANCE_SELF)
                return false;
        }
    return true;
}

static void __init measure_distances(void)
{
    bool slit = acpi.nr_localities && !fake_nodes;

    if (slit && !slit_is_good()) {
        printk(XENLOG_WARNING "NUMA: the SLIT contradicts itself or the SRAT and is ignored\n");
        slit = false;
    }
    for (unsigned int i = 0; i < nr_nodes; i++)
        for (unsigned int j = 0; j < nr_nodes; j++)
            node_distance[i][j] = slit ? acpi.distance[node_pxm[i]][node_pxm[j]]
                                       : i == j ? NODE_DISTANCE_SELF : NODE_DISTANCE_OTHER;
}

/* --- putting it together --- */

static void __init count_pages(void)
{
    for (unsigned int i = 0; i < boot_info.e820.nr; i++) {
        const struct e820_entry *e = &boot_info.e820.e[i];
        mfn_t mfn = paddr_to_pfn(e->addr), end = MIN(paddr_to_pfn(e->addr + e->size), max_page);

        while (e->type == E820_RAM && mfn < end) {
            mfn_t next = MIN(((mfn >> node_shift) + 1) << node_shift, end);

            node_pages[node_of_mfn(mfn)] += next - mfn;
            mfn = next;
        }
    }
}

static void __init report(void)
{
    for (unsigned int node = 0; node < nr_nodes; node++) {
        cpumask_t cpus;

        cpus_of_nodes((nodemask_t)1 << node, &cpus);
        printk(XENLOG_INFO "NUMA: node %u (proximity domain %u): %lu MiB, %u CPUs\n", node,
               node_pxm[node], node_pages[node] >> (20 - PAGE_SHIFT), cpumask_weight(&cpus));
    }
}

/* No going back from here: only memory can be missing, and that is looked at first. */
static const char * __init use_nodes(void)
{
    unsigned int shift = map_shift();
    uint8_t *map;

    if (page_alloc_prepare_nodes(found.nr))
        return "no memory for lists of free memory";
    map = make_map(shift);
    if (!map)
        return "no memory for the map of nodes";
    nr_nodes = found.nr;
    node_shift = shift;
    node_map = map;
    memcpy(node_pxm, found.pxm, sizeof(node_pxm));
    page_alloc_sort_nodes();
    place_cpus();
    measure_distances();
    return NULL;
}

void __init numa_init(void)
{
    const char *why = NULL;

    found.nr = found.nr_ranges = 0;
    if (numa_off)
        acpi.nr_mem_affinity = 0;
    if (fake_nodes && !numa_off)
        make_up_nodes(fake_nodes);
    else if (acpi.nr_mem_affinity)
        why = find_from_srat();
    if (!why && found.nr > 1 && found.nr_ranges)
        why = use_nodes();
    if (why)
        printk(XENLOG_WARNING "NUMA: %s: all is one node\n", why);
    count_pages();
    if (nr_nodes > 1)
        report();
}

void numa_dump(void)
{
    for (unsigned int node = 0; node < nr_nodes; node++) {
        cpumask_t cpus;
        unsigned int cpu;

        printk("node %u: %lu MiB, free %lu MiB; distances", node,
               node_pages[node] >> (20 - PAGE_SHIFT),
               free_pages_of_node(node, 0) >> (20 - PAGE_SHIFT));
        for (unsigned int to = 0; to < nr_nodes; to++)
            printk(" %u", node_distance[node][to]);
        printk("; CPUs");
        cpus_of_nodes((nodemask_t)1 << node, &cpus);
        for_each_cpu (cpu, &cpus)
            printk(" %u", cpu);
        printk("\n");
    }
}
