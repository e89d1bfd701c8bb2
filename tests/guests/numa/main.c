/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * On a machine of two NUMA nodes with two processors and 256 MiB each: is domain 0 told so, and
 * does a domain's memory come from where it shall?
 *
 * The ABI: numainfo gives memory and distances by node, of at most 64; cputopoinfo the node of each
 * processor. A new domain may use both nodes. Its memory comes from the nodes set for it, or those
 * of the processors that its vCPUs are bound to; a request can name another node, as a wish or
 * exactly. Where exactly that is asked for and it does not exist nothing is given. Nodes that do
 * not exist can't be set.
 */
#include <guest.h>
#include <domain.h>
#include <xen/sysctl.h>

#define NODES 2
#define EXTENTS 512
/* What the hypervisor takes for itself meanwhile, or gives back late. */
#define SLACK 128
#define ALL_NODES 3

static struct xen_sysctl sys;
static struct xen_domctl dom;
static domid_t id;

static uint64_t free_of(unsigned int node, uint32_t *distance)
{
    static xen_sysctl_meminfo_t mem[NODES];

    memset(&sys, 0, sizeof(sys));
    sys.cmd = XEN_SYSCTL_numainfo;
    sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    sys.u.numainfo.num_nodes = NODES;
    set_xen_guest_handle(sys.u.numainfo.meminfo, mem);
    if (distance)
        set_xen_guest_handle(sys.u.numainfo.distance, distance);
    expect(hc_sysctl(&sys), 0);
    expect(sys.u.numainfo.num_nodes, NODES);
    check(mem[node].memsize > 200 << 20 && mem[node].memsize <= 256 << 20,
          "node %u has 0x%lx bytes", node, mem[node].memsize);
    check(mem[node].memfree < mem[node].memsize, "node %u: 0x%lx of 0x%lx free", node,
          mem[node].memfree, mem[node].memsize);
    return mem[node].memfree / PAGE_SIZE;
}

static void machine(void)
{
    static xen_sysctl_cputopo_t topo[8];
    uint32_t distance[NODES * NODES];

    free_of(0, distance);
    free_of(1, NULL);
    expect(distance[0], 10);
    expect(distance[1], 21);
    expect(distance[2], 21);
    expect(distance[3], 10);
    sys.cmd = XEN_SYSCTL_physinfo;
    expect(hc_sysctl(&sys), 0);
    expect(sys.u.physinfo.nr_nodes, NODES);
    expect(sys.u.physinfo.max_node_id, 63);
    sys.cmd = XEN_SYSCTL_cputopoinfo;
    memset(&sys.u, 0, sizeof(sys.u));
    set_xen_guest_handle(sys.u.cputopoinfo.cputopo, topo);
    sys.u.cputopoinfo.num_cpus = 8;
    expect(hc_sysctl(&sys), 0);
    expect(sys.u.cputopoinfo.num_cpus, 4);
    for (unsigned int cpu = 0; cpu < 4; cpu++)
        expect(topo[cpu].node, cpu / 2);
}

static long call(uint32_t cmd)
{
    dom.cmd = cmd;
    dom.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    dom.domain = id;
    return hc_domctl(&dom);
}

static void create(void)
{
    memset(&dom, 0, sizeof(dom));
    dom.u.createdomain.max_vcpus = 1;
    dom.u.createdomain.max_evtchn_port = 63;
    dom.u.createdomain.max_grant_frames = 4;
    dom.u.createdomain.max_maptrack_frames = 4;
    dom.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
    id = 0;
    require(call(XEN_DOMCTL_createdomain), 0);
    id = dom.domain;
    memset(&dom, 0, sizeof(dom));
    dom.u.max_vcpus.max = 1;
    expect(call(XEN_DOMCTL_max_vcpus), 0);
    memset(&dom, 0, sizeof(dom));
    dom.u.max_mem.max_memkb = 16 << 10;
    expect(call(XEN_DOMCTL_max_mem), 0);
}

static void destroy(void)
{
    static struct domain d;

    d.id = id;

    expect(domain_destroy(&d), 0);
}

static long nodes(uint32_t cmd, uint8_t *map, unsigned int bits)
{
    memset(&dom, 0, sizeof(dom));
    set_xen_guest_handle(dom.u.nodeaffinity.nodemap.bitmap, map);
    dom.u.nodeaffinity.nodemap.nr_bits = bits;
    return call(cmd);
}

static unsigned int get_nodes(void)
{
    uint8_t map = 0;

    expect(nodes(XEN_DOMCTL_getnodeaffinity, &map, NODES), 0);
    return map;
}

static long set_nodes(unsigned int set)
{
    uint8_t map = (uint8_t)set;

    return nodes(XEN_DOMCTL_setnodeaffinity, &map, 8);
}

static void bind_to(unsigned int cpus)
{
    uint8_t map = (uint8_t)cpus;

    memset(&dom, 0, sizeof(dom));
    dom.u.vcpuaffinity.flags = XEN_VCPUAFFINITY_HARD;
    set_xen_guest_handle(dom.u.vcpuaffinity.cpumap_hard.bitmap, &map);
    dom.u.vcpuaffinity.cpumap_hard.nr_bits = 4;
    expect(call(XEN_DOMCTL_setvcpuaffinity), 0);
}

/* How many frames the nodes have less after the request. */
static long populate(unsigned int count, unsigned int flags, long taken[NODES])
{
    static xen_pfn_t frames[EXTENTS];
    static xen_pfn_t next;
    struct xen_memory_reservation r = { .nr_extents = count, .mem_flags = flags, .domid = id };
    long before[NODES], done;

    for (unsigned int i = 0; i < count; i++)
        frames[i] = next++;
    set_xen_guest_handle(r.extent_start, frames);
    for (unsigned int node = 0; node < NODES; node++)
        before[node] = (long)free_of(node, NULL);
    done = hc_memory_op(XENMEM_populate_physmap, &r);
    for (unsigned int node = 0; node < NODES; node++)
        taken[node] = before[node] - (long)free_of(node, NULL);
    return done;
}

static void comes_from(unsigned int node, unsigned int flags, const char *what)
{
    long taken[NODES];

    expect(populate(EXTENTS, flags, taken), EXTENTS);
    check(taken[node] >= EXTENTS - SLACK && taken[node] <= EXTENTS + SLACK && taken[!node] <= SLACK,
          "%s: %ld frames of node 0, %ld of node 1, node %u was asked for", what, taken[0],
          taken[1], node);
}

static void affinities(void)
{
    long taken[NODES];

    create();
    expect(get_nodes(), ALL_NODES);
    expect(populate(EXTENTS, 0, taken), EXTENTS);
    check(taken[0] > 0 && taken[1] > 0, "no preference: %ld of node 0, %ld of node 1", taken[0],
          taken[1]);
    expect(set_nodes(2), 0);
    expect(get_nodes(), 2);
    comes_from(1, 0, "set to node 1");
    expect(set_nodes(1), 0);
    comes_from(0, 0, "set to node 0");
    comes_from(1, XENMEMF_node(1), "a wish");
    comes_from(1, XENMEMF_exact_node(1), "exactly");
    expect(populate(1, XENMEMF_exact_node(7), taken), 0);
    expect(populate(1, XENMEMF_node(7), taken), 1);
    destroy();
}

static void by_vcpus(void)
{
    create();
    bind_to(0xc);
    expect(get_nodes(), 2);
    comes_from(1, 0, "bound to processors of node 1");
    bind_to(0x1);
    expect(get_nodes(), 1);
    comes_from(0, 0, "bound to processor 0");
    bind_to(0xf);
    expect(get_nodes(), ALL_NODES);
    expect(set_nodes(2), 0);
    bind_to(0x1);
    expect(get_nodes(), 2);
    comes_from(1, 0, "set to node 1, bound to processor 0");
    destroy();
}

static void wrong_sets(void)
{
    create();
    expect(set_nodes(0), -XEN_EINVAL);
    expect(set_nodes(0x80), -XEN_EINVAL);
    expect(get_nodes(), ALL_NODES);
    expect(nodes(XEN_DOMCTL_setnodeaffinity, (void *)0x1000, 8), -XEN_EFAULT);
    destroy();
}

static void heap_of(void)
{
    uint64_t sum = 0, all;

    memset(&sys, 0, sizeof(sys));
    sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    sys.cmd = XEN_SYSCTL_availheap;
    sys.u.availheap.node = -1;
    expect(hc_sysctl(&sys), 0);
    all = sys.u.availheap.avail_bytes;
    for (int node = 0; node < NODES; node++) {
        sys.u.availheap.node = node;
        expect(hc_sysctl(&sys), 0);
        sum += sys.u.availheap.avail_bytes;
    }
    expect(sum, all);
}

void test_main(void)
{
    uint64_t before, after;

    machine();
    wrong_sets();
    before = free_of(0, NULL) + free_of(1, NULL);
    affinities();
    by_vcpus();
    after = free_of(0, NULL) + free_of(1, NULL);
    check(after + SLACK >= before, "0x%lx frames free before, 0x%lx after", before, after);
    heap_of();
}
