/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * NUMA nodes: which memory and which CPUs are near each other. Nodes are numbered from 0; without
 * NUMA all is node 0. hv/mm/node.c holds the facts and answers, hv/mm/numa.c finds them out at boot
 * from ACPI's SRAT and SLIT.
 */
#ifndef HV_NUMA_H
#define HV_NUMA_H

#include <hv/cpumask.h>
#include <hv/types.h>

#define MAX_NODES 64
#define NODE_NONE 0xffu
#define NODE_DISTANCE_SELF 10
#define NODE_DISTANCE_OTHER 20

typedef uint64_t nodemask_t;         /* bit per node */

/* All constant after numa_init(). */
extern unsigned int nr_nodes;
extern uint8_t cpu_node[NR_CPUS];
extern unsigned int node_shift;      /* frames of one entry of node_map, as a power of two */
extern uint8_t *node_map;            /* up to max_page; NULL: one node */
extern uint64_t node_pages[MAX_NODES]; /* RAM by the memory map */
extern uint32_t node_pxm[MAX_NODES]; /* ACPI proximity domain */
extern uint8_t node_distance[MAX_NODES][MAX_NODES]; /* as in a SLIT; ~0: can't be reached */

static inline unsigned int node_of_mfn(mfn_t mfn)
{
    return node_map ? node_map[mfn >> node_shift] : 0;
}
static inline nodemask_t all_nodes(void)
{
    return nr_nodes < MAX_NODES ? ((nodemask_t)1 << nr_nodes) - 1 : ~(nodemask_t)0;
}
/* 1 << order frames from mfn on, which is aligned to that, are of one node. */
bool in_one_node(mfn_t mfn, unsigned int order);
void cpus_of_nodes(nodemask_t nodes, cpumask_t *cpus);   /* online or not */
nodemask_t nodes_of_cpus(const cpumask_t *cpus);
const cpumask_t *cpus_near(unsigned int cpu);            /* of its node */
unsigned int node_of_pxm(uint32_t pxm);                  /* NODE_NONE: unknown */

/* Boot, once ACPI's tables are read and CPUs have numbers, on CPU 0 alone: finds the nodes out and
   gives each its part of the free memory. numa= and damaged tables lead to one node. */
void numa_init(void);
void numa_dump(void);                                    /* debug key 'u' */

#endif
