/* SPDX-License-Identifier: BSD-2-Clause */
/* sysctl that tells about the machine: CPUs, memory, topology. Cores and sockets come from the APIC
   ids. */
#include <hv/bootmem.h>
#include <hv/cpuid.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/hvm/vendor.h>
#include <hv/hypercall.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/numa.h>
#include <hv/pci.h>
#include <hv/processor.h>
#include <hv/sched.h>
#include <hv/smp.h>
#include <hv/time.h>
#include <hv/uaccess.h>
#include <xen/physdev.h>
#include "sysctl_private.h"

#define TOPOLOGY_LEAF 0xb
#define TOPOLOGY_LEVELS 4
#define LEVEL_INVALID 0
#define LEVEL_SMT 1
#define AMD_SIZE_LEAF 0x80000008u
#define HTT_LEAF 1
#define HTT_BIT (1u << 28)

/* --- topology: where in the APIC id the numbers of core and socket begin --- */

struct id_shifts { unsigned int core, socket; };

static bool shifts_from_leaf_b(struct id_shifts *s)
{
    uint32_t a, b, c, d, last = 0;

    if (boot_cpu.max_leaf < TOPOLOGY_LEAF)
        return false;
    for (uint32_t level = 0; level < TOPOLOGY_LEVELS; level++) {
        cpuid_count(TOPOLOGY_LEAF, level, &a, &b, &c, &d);
        if (!b || ((c >> 8) & 0xff) == LEVEL_INVALID)
            break;
        last = a & 0x1f;
        if (((c >> 8) & 0xff) == LEVEL_SMT)
            s->core = last;
    }
    s->socket = last;
    return last || boot_cpu.max_leaf > TOPOLOGY_LEAF;
}

/* Old CPUs: the number of ids per package; threads are not told apart from cores. */
static void shifts_from_package(struct id_shifts *s)
{
    uint32_t a, b, c, d, ids = 1;

    cpuid_count(HTT_LEAF, 0, &a, &b, &c, &d);
    if (d & HTT_BIT)
        ids = (b >> 16) & 0xff;
    if (boot_cpu.max_ext_leaf >= AMD_SIZE_LEAF && boot_cpu.vendor != VENDOR_intel) {
        cpuid_count(AMD_SIZE_LEAF, 0, &a, &b, &c, &d);
        ids = (c & 0xff) + 1;
    }
    s->core = 0;
    s->socket = order_of(ids ? ids : 1);
}

static struct id_shifts id_shifts(void)
{
    struct id_shifts s = { 0, 0 };

    if (!shifts_from_leaf_b(&s))
        shifts_from_package(&s);
    return s;
}

static uint32_t cpu_core(struct id_shifts s, unsigned int cpu)
{
    return (cpu_apicid[cpu] >> s.core) & ((1u << (s.socket - s.core)) - 1);
}

static uint32_t cpu_socket(struct id_shifts s, unsigned int cpu)
{
    return cpu_apicid[cpu] >> s.socket;
}

static unsigned int last_online(void)
{
    unsigned int cpu, last = 0;

    for_each_online_cpu (cpu)
        last = cpu;
    return last;
}

/* Threads of CPU 0's core and cores of its socket that are online. */
static void count_siblings(struct xen_sysctl_physinfo *pi)
{
    struct id_shifts s = id_shifts();
    DECLARE_BITMAP(cores, NR_CPUS) = { 0 };
    unsigned int cpu;

    for_each_online_cpu (cpu) {
        if (cpu_socket(s, cpu) != cpu_socket(s, 0))
            continue;
        if (cpu_core(s, cpu) == cpu_core(s, 0))
            pi->threads_per_core++;
        if (!__test_and_set_bit(cpu_core(s, cpu) % NR_CPUS, cores))
            pi->cores_per_socket++;
    }
}

static unsigned long claimed_pages_total(void)
{
    unsigned long pages = 0;
    struct domain *d;

    spin_lock(&domlist_lock);
    list_for_each (d, &domain_list, list)
        pages += READ_ONCE(d->outstanding_pages);
    spin_unlock(&domlist_lock);
    return pages;
}

int sysctl_physinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_physinfo *pi = &op->u.physinfo;

    memset(pi, 0, sizeof(*pi));
    count_siblings(pi);
    pi->nr_cpus = cpumask_weight(&cpu_online_map);
    pi->max_cpu_id = nr_cpu_ids - 1;
    pi->nr_nodes = nr_nodes;
    pi->max_node_id = MAX_NODES - 1; /* of bitmaps */
    pi->cpu_khz = cpu_khz;
    pi->capabilities = XEN_SYSCTL_PHYSCAP_pv | XEN_SYSCTL_PHYSCAP_gnttab_v1;
    if (hvm_vendor)
        pi->capabilities |= XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap;
    pi->total_pages = bootmem_total_ram() >> PAGE_SHIFT;
    pi->free_pages = free_pages_total();
    pi->outstanding_pages = claimed_pages_total();
    pi->max_mfn = max_page - 1;
    memcpy(pi->hw_cap, boot_cpu.features, sizeof(pi->hw_cap));
    return 0;
}

int sysctl_cputopoinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_cputopoinfo *topo = &op->u.cputopoinfo;
    unsigned int nr = last_online() + 1, n = MIN(topo->num_cpus, nr);
    struct id_shifts s = id_shifts();

    for (unsigned int cpu = 0; !handle_is_null(topo->cputopo) && cpu < n; cpu++) {
        struct xen_sysctl_cputopo one = { XEN_INVALID_CORE_ID, XEN_INVALID_SOCKET_ID,
                                          XEN_INVALID_NODE_ID };

        if (cpumask_test(cpu, &cpu_online_map))
            one = (struct xen_sysctl_cputopo){ cpu_core(s, cpu), cpu_socket(s, cpu),
                                               cpu_node[cpu] };
        if (copy_to_handle_offset(topo->cputopo, cpu, &one, 1))
            return -EFAULT;
    }
    topo->num_cpus = nr;
    return 0;
}

/* Distances of one node to the first nr, as the caller wants them. */
static int copy_distances(const struct xen_sysctl_numainfo *ni, unsigned int node, unsigned int nr)
{
    uint32_t row[MAX_NODES];

    for (unsigned int to = 0; to < nr; to++)
        row[to] = node_distance[node][to];
    return copy_to_guest(ni->distance.p + (size_t)node * ni->num_nodes, row, nr * sizeof(row[0]))
               ? -EFAULT : 0;
}

int sysctl_numainfo(struct xen_sysctl *op)
{
    struct xen_sysctl_numainfo *ni = &op->u.numainfo;
    unsigned int nr = MIN(ni->num_nodes, nr_nodes);

    for (unsigned int node = 0; node < nr; node++) {
        struct xen_sysctl_meminfo mem = { node_pages[node] << PAGE_SHIFT,
                                          free_pages_of_node(node, 0) << PAGE_SHIFT };

        if (!handle_is_null(ni->meminfo) && copy_to_handle_offset(ni->meminfo, node, &mem, 1))
            return -EFAULT;
        if (!handle_is_null(ni->distance) && copy_distances(ni, node, nr))
            return -EFAULT;
    }
    ni->num_nodes = nr_nodes;
    return 0;
}

static uint32_t node_of_device(const struct physdev_pci_device *dev)
{
    const struct pci_dev *pd;
    unsigned int node;

    spin_lock(&pci_lock);
    pd = pci_find(PCI_SBDF(dev->seg, dev->bus, dev->devfn));
    node = pd ? node_of_pxm(pd->proximity) : XEN_INVALID_DEV;
    spin_unlock(&pci_lock);
    return node == NODE_NONE ? XEN_INVALID_NODE_ID : node;
}

int sysctl_pcitopoinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_pcitopoinfo *ti = &op->u.pcitopoinfo;
    uint32_t i;

    if (handle_is_null(ti->devs) || handle_is_null(ti->nodes))
        return -EINVAL;
    /* The caller comes again for what was left out. */
    for (i = 0; i < ti->num_devs && !(i && hypercall_preempt_check()); i++) {
        struct physdev_pci_device dev;
        uint32_t node;

        if (copy_from_handle_offset(&dev, ti->devs, i, 1))
            return -EFAULT;
        node = node_of_device(&dev);
        if (copy_to_handle_offset(ti->nodes, i, &node, 1))
            return -EFAULT;
    }
    ti->num_devs = i;
    return 0;
}

/* --- load and memory --- */

int sysctl_getcpuinfo(struct xen_sysctl *op)
{
    struct xen_sysctl_getcpuinfo *gi = &op->u.getcpuinfo;
    uint32_t nr = MIN(gi->max_cpus, (uint32_t)nr_cpu_ids);

    for (uint32_t cpu = 0; cpu < nr; cpu++) {
        struct xen_sysctl_cpuinfo info = { get_cpu_idle_time(cpu) };

        if (copy_to_handle_offset(gi->info, cpu, &info, 1))
            return -EFAULT;
    }
    gi->nr_cpus = nr;
    return 0;
}

static unsigned long free_below(uint32_t node, unsigned int bits)
{
    if (node != ~0u)
        return free_pages_of_node(node, bits);
    return bits ? free_pages_below(bits) : free_pages_total();
}

int sysctl_availheap(struct xen_sysctl *op)
{
    struct xen_sysctl_availheap *heap = &op->u.availheap;
    uint32_t node = (uint32_t)heap->node;
    unsigned long pages = free_below(node, heap->max_bitwidth);

    if (heap->min_bitwidth && pages)
        pages -= MIN(pages, free_below(node, heap->min_bitwidth));
    heap->avail_bytes = (uint64_t)pages << PAGE_SHIFT;
    return 0;
}
