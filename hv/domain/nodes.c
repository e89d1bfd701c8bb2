/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The NUMA nodes of a domain: where its memory comes from, and where its vCPUs like to run. As long
 * as the tools have not set them they are those of the CPUs that its vCPUs may run on.
 */
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/numa.h>
#include <hv/sched.h>

void domain_init_nodes(struct domain *d)
{
    d->auto_node_affinity = true;
    d->node_affinity = all_nodes();
    d->last_node = (uint8_t)(nr_nodes - 1);
}

void domain_update_nodes(struct domain *d)
{
    cpumask_t hard = { }, soft = { };
    struct vcpu *v;

    if (!d->auto_node_affinity)
        return;
    for_each_vcpu (d, v) {
        cpumask_or(&hard, &hard, &v->hard_affinity);
        cpumask_or(&soft, &soft, &v->soft_affinity);
    }
    cpumask_and(&hard, &hard, &cpu_online_map);
    cpumask_and(&soft, &soft, &hard);
    d->node_affinity = nodes_of_cpus(cpumask_empty(&soft) ? &hard : &soft);
}

int domain_set_nodes(struct domain *d, nodemask_t nodes)
{
    cpumask_t cpus = { };

    nodes &= all_nodes();
    if (!nodes)
        return -EINVAL;
    d->auto_node_affinity = nodes == all_nodes();
    d->node_affinity = nodes;
    if (!d->auto_node_affinity)
        cpus_of_nodes(nodes, &cpus);
    sched_set_node_cpus(d, &cpus);
    domain_update_nodes(d);
    return 0;
}
