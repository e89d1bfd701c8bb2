/* SPDX-License-Identifier: BSD-2-Clause */
/* The nodes of the machine, and what follows from them. hv/mm/numa.c fills this in. */
#include <hv/bitops.h>
#include <hv/numa.h>
#include <hv/page.h>

unsigned int nr_nodes = 1;
uint8_t cpu_node[NR_CPUS];
unsigned int node_shift;
uint8_t *node_map;
uint64_t node_pages[MAX_NODES];
uint32_t node_pxm[MAX_NODES];
uint8_t node_distance[MAX_NODES][MAX_NODES] = { { NODE_DISTANCE_SELF } };

bool in_one_node(mfn_t mfn, unsigned int order)
{
    unsigned int node = node_of_mfn(mfn);

    if (!node_map || order <= node_shift)
        return true;
    for (unsigned long i = 1; i < 1UL << (order - node_shift); i++)
        if (node_map[(mfn >> node_shift) + i] != node)
            return false;
    return true;
}

void cpus_of_nodes(nodemask_t nodes, cpumask_t *cpus)
{
    cpumask_zero(cpus);
    for (unsigned int cpu = 0; cpu < nr_cpu_ids; cpu++)
        if (nodes >> cpu_node[cpu] & 1)
            __set_bit(cpu, cpus->bits);
}

nodemask_t nodes_of_cpus(const cpumask_t *cpus)
{
    nodemask_t nodes = 0;

    for (unsigned int cpu = 0; cpu < nr_cpu_ids; cpu++)
        if (cpumask_test(cpu, cpus))
            nodes |= (nodemask_t)1 << cpu_node[cpu];
    return nodes;
}

const cpumask_t *cpus_near(unsigned int cpu)
{
    static cpumask_t cpus[MAX_NODES];
    unsigned int node = cpu_node[cpu];

    if (cpumask_empty(&cpus[node]))
        cpus_of_nodes((nodemask_t)1 << node, &cpus[node]);
    return &cpus[node];
}

unsigned int node_of_pxm(uint32_t pxm)
{
    for (unsigned int node = 0; node < nr_nodes; node++)
        if (node_pxm[node] == pxm)
            return node;
    return NODE_NONE;
}
