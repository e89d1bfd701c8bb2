/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do tools read CPU policies and set a domain's, and is what can't be set refused by name?
 *
 * The ABI: XEN_SYSCTL_get_cpu_policy gives leaves (ascending; only their number tells the end) and
 * MSRs; without a list it tells how long one can be, with a short one -ENOBUFS; _rsvd and unknown
 * indices are -EINVAL. XEN_DOMCTL_set_cpu_policy merges a list into a domain's policy before its
 * first run (-EEXIST afterwards, -EINVAL for the caller's own); what the list may not hold is
 * -ERANGE, -EINVAL or -E2BIG with the leaf or MSR in err_*. Features that the domain can't have are
 * left out without an error. The child is this same program: it asks CPUID by the forced prefix.
 */
#include <guest.h>
#include <domain.h>
#include <xen/arch-x86/cpuid.h>
#include <xen/arch-x86/cpufeatureset.h>
#include <xen/sysctl.h>

#define MAX_LEAVES 256
#define LEAF_1_ECX_AESNI (1u << 25)
#define LEAF_1_ECX_VMX (1u << 5)
#define NO_SUB XEN_CPUID_NO_SUBLEAF
#define MSR_PLATFORM_INFO 0xce
#define MSR_ARCH_CAPABILITIES 0x10a

static struct xen_sysctl sys;
static struct xen_domctl dom;
static xen_cpuid_leaf_t leaves[MAX_LEAVES];
static xen_msr_entry_t msrs[8];
static struct domain domain;

static void forced_cpuid(uint32_t leaf, uint32_t sub, uint32_t r[4])
{
    asm volatile(".byte 0x0f,0x0b,0x78,0x65,0x6e,0x0f,0xa2"
                 : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "0"(leaf), "2"(sub));
}

/* --- the child tells what it sees --- */

static void child(void)
{
    uint32_t one[4], limit[4], hv[4];

    forced_cpuid(1, 0, one);
    forced_cpuid(0, 0, limit);
    forced_cpuid(0x40000000, 0, hv);
    check(!(one[2] & LEAF_1_ECX_AESNI), "leaf 1 still has AESNI: 0x%x", one[2]);
    check(!(one[2] & LEAF_1_ECX_VMX), "leaf 1 has VMX: 0x%x", one[2]);
    expect(limit[0], 7);
    forced_cpuid(0xd, 0, limit);
    expect(limit[0], 0);
    expect(hv[0], 0x40000003);
    forced_cpuid(0x40000005, 0, hv);
    expect(hv[1], 0);
}

/* --- reading --- */

static long get_system(uint32_t index, uint32_t nr_leaves, uint32_t nr_msrs)
{
    memset(&sys, 0, sizeof(sys));
    sys.cmd = XEN_SYSCTL_get_cpu_policy;
    sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    sys.u.cpu_policy.index = index;
    sys.u.cpu_policy.nr_leaves = nr_leaves;
    sys.u.cpu_policy.nr_msrs = nr_msrs;
    set_xen_guest_handle(sys.u.cpu_policy.leaves, leaves);
    set_xen_guest_handle(sys.u.cpu_policy.msrs, msrs);
    return hc_sysctl(&sys);
}

static xen_cpuid_leaf_t *find(uint32_t n, uint32_t leaf, uint32_t sub)
{
    unsigned int i;

    for (i = 0; i < n; i++)
        if (leaves[i].leaf == leaf && leaves[i].subleaf == sub)
            return &leaves[i];
    report_error("leaf 0x%x is not in the list", leaf);
    return leaves;
}

static bool ascending(uint32_t n)
{
    unsigned int i;

    for (i = 1; i < n; i++)
        if (leaves[i].leaf < leaves[i - 1].leaf ||
            (leaves[i].leaf == leaves[i - 1].leaf && leaves[i].subleaf <= leaves[i - 1].subleaf))
            return false;
    return true;
}

static void system_policies(void)
{
    static const uint32_t known[] = { XEN_SYSCTL_cpu_policy_raw, XEN_SYSCTL_cpu_policy_host,
                                      XEN_SYSCTL_cpu_policy_pv_max,
                                      XEN_SYSCTL_cpu_policy_pv_default };
    uint32_t seen[4];
    unsigned int i;

    forced_cpuid(0x80000002, 0, seen);
    for (i = 0; i < ARRAY_SIZE(known); i++) {
        xen_cpuid_leaf_t *name;

        require(get_system(known[i], MAX_LEAVES, 8), 0);
        expect(sys.u.cpu_policy.nr_msrs, 2);
        expect(msrs[0].idx, MSR_PLATFORM_INFO);
        expect(msrs[1].idx, MSR_ARCH_CAPABILITIES);
        check(ascending(sys.u.cpu_policy.nr_leaves), "policy %u is not in order", known[i]);
        name = find(sys.u.cpu_policy.nr_leaves, 0x80000002, NO_SUB);
        check(name->a == seen[0] && name->d == seen[3], "policy %u has another name", known[i]);
    }
    check(find(sys.u.cpu_policy.nr_leaves, 1, NO_SUB)->c & (1u << 31), "no hypervisor bit");
}

static void system_errors(void)
{
    uint32_t most;

    expect(get_system(6, MAX_LEAVES, 8), -XEN_EINVAL);
    expect(get_system(0xffffffff, MAX_LEAVES, 8), -XEN_EINVAL);
    expect(get_system(XEN_SYSCTL_cpu_policy_host, 3, 8), -XEN_ENOBUFS);
    expect(get_system(XEN_SYSCTL_cpu_policy_host, MAX_LEAVES, 1), -XEN_ENOBUFS);
    sys.u.cpu_policy._rsvd = 1;
    expect(hc_sysctl(&sys), -XEN_EINVAL);
    sys.u.cpu_policy._rsvd = 0;
    set_xen_guest_handle(sys.u.cpu_policy.leaves, NULL);
    set_xen_guest_handle(sys.u.cpu_policy.msrs, NULL);
    expect(hc_sysctl(&sys), 0);
    most = sys.u.cpu_policy.nr_leaves;
    check(most > 40 && most < MAX_LEAVES, "lists of %u leaves", most);
    expect(sys.u.cpu_policy.nr_msrs, 2);
    set_xen_guest_handle(sys.u.cpu_policy.leaves, (void *)0x1000);
    expect(hc_sysctl(&sys), -XEN_EFAULT);
    set_xen_guest_handle(sys.u.cpu_policy.leaves, (void *)HYPERVISOR_VIRT_START);
    expect(hc_sysctl(&sys), -XEN_EFAULT);
}

static void featuresets(void)
{
    static uint32_t words[64];
    uint32_t n;

    memset(&sys, 0, sizeof(sys));
    sys.cmd = XEN_SYSCTL_get_cpu_featureset;
    sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    expect(hc_sysctl(&sys), 0);
    n = sys.u.cpu_featureset.nr_features;
    check(n >= 10 && n < ARRAY_SIZE(words), "%u words", n);
    set_xen_guest_handle(sys.u.cpu_featureset.features, words);
    sys.u.cpu_featureset.index = XEN_SYSCTL_cpu_featureset_pv;
    expect(hc_sysctl(&sys), 0);
    expect(sys.u.cpu_featureset.nr_features, n);
    expect(words[0], find(get_system(XEN_SYSCTL_cpu_policy_pv_default, MAX_LEAVES, 8) ?
                          0 : sys.u.cpu_policy.nr_leaves, 1, NO_SUB)->d);
    memset(&sys, 0, sizeof(sys));
    sys.cmd = XEN_SYSCTL_get_cpu_featureset;
    sys.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    set_xen_guest_handle(sys.u.cpu_featureset.features, words);
    sys.u.cpu_featureset.nr_features = 2;
    expect(hc_sysctl(&sys), -XEN_ENOBUFS);
    sys.u.cpu_featureset.index = 77;
    expect(hc_sysctl(&sys), -XEN_EINVAL);
}

/* --- writing --- */

static long policy_call(uint32_t cmd, domid_t id, uint32_t nr_leaves, uint32_t nr_msrs)
{
    memset(&dom, 0, sizeof(dom));
    dom.cmd = cmd;
    dom.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    dom.domain = id;
    dom.u.cpu_policy.nr_leaves = nr_leaves;
    dom.u.cpu_policy.nr_msrs = nr_msrs;
    set_xen_guest_handle(dom.u.cpu_policy.leaves, leaves);
    set_xen_guest_handle(dom.u.cpu_policy.msrs, msrs);
    return hc_domctl(&dom);
}

static long set_leaf(uint32_t leaf, uint32_t sub, uint32_t a)
{
    memset(leaves, 0, sizeof(leaves));
    leaves[0] = (xen_cpuid_leaf_t){ .leaf = leaf, .subleaf = sub, .a = a };
    return policy_call(XEN_DOMCTL_set_cpu_policy, domain.id, 1, 0);
}

static long set_msr(uint32_t idx, uint32_t flags, uint64_t val)
{
    msrs[0] = (xen_msr_entry_t){ .idx = idx, .flags = flags, .val = val };
    return policy_call(XEN_DOMCTL_set_cpu_policy, domain.id, 0, 1);
}

#define refused(call, err, leaf, sub, msr)                                  \
    do {                                                                    \
        expect(call, err);                                                  \
        expect(dom.u.cpu_policy.err_leaf, leaf);                            \
        expect(dom.u.cpu_policy.err_subleaf, sub);                          \
        expect(dom.u.cpu_policy.err_msr, msr);                              \
    } while (0)

static void refused_leaves(void)
{
    refused(set_leaf(0x55, NO_SUB, 0), -XEN_ERANGE, 0x55, NO_SUB, ~0u);
    refused(set_leaf(1, 0, 0), -XEN_ERANGE, 1, 0, ~0u);
    refused(set_leaf(4, NO_SUB, 0), -XEN_ERANGE, 4, NO_SUB, ~0u);
    refused(set_leaf(7, 64, 0), -XEN_ERANGE, 7, 64, ~0u);
    refused(set_leaf(0xd, 63, 0), -XEN_ERANGE, 0xd, 63, ~0u);
    refused(set_leaf(0x40000000, 0, 0), -XEN_ERANGE, 0x40000000, 0, ~0u);
    refused(set_leaf(0x40000001, NO_SUB, 0), -XEN_ERANGE, 0x40000001, NO_SUB, ~0u);
    refused(set_leaf(0x80000100, NO_SUB, 0), -XEN_ERANGE, 0x80000100, NO_SUB, ~0u);
    refused(set_leaf(0, NO_SUB, 0xe0), -XEN_EINVAL, 0, NO_SUB, ~0u);
    refused(set_leaf(7, 0, 200), -XEN_EINVAL, 7, 0, ~0u);
    refused(set_leaf(0x80000000, NO_SUB, 0x80001000), -XEN_EINVAL, 0x80000000, NO_SUB, ~0u);
    refused(set_msr(MSR_PLATFORM_INFO, 1, 0), -XEN_EINVAL, ~0u, ~0u, MSR_PLATFORM_INFO);
    refused(set_msr(MSR_PLATFORM_INFO, 0, 1), -XEN_EINVAL, ~0u, ~0u, MSR_PLATFORM_INFO);
    refused(set_msr(MSR_PLATFORM_INFO, 0, 1ul << 40), -XEN_EOVERFLOW, ~0u, ~0u, MSR_PLATFORM_INFO);
    refused(set_msr(0x10, 0, 0), -XEN_ERANGE, ~0u, ~0u, 0x10);
    expect(policy_call(XEN_DOMCTL_set_cpu_policy, domain.id, 100000, 0), -XEN_E2BIG);
    expect(policy_call(XEN_DOMCTL_set_cpu_policy, domain.id, 0, 100000), -XEN_E2BIG);
    set_xen_guest_handle(dom.u.cpu_policy.leaves, (void *)0x1000);
    dom.u.cpu_policy.nr_leaves = 1;
    dom.u.cpu_policy.nr_msrs = 0;
    expect(hc_domctl(&dom), -XEN_EFAULT);
}

static void changed(void)
{
    uint32_t n;

    require(policy_call(XEN_DOMCTL_get_cpu_policy, domain.id, MAX_LEAVES, 8), 0);
    n = dom.u.cpu_policy.nr_leaves;
    expect(dom.u.cpu_policy.nr_msrs, 2);
    check(ascending(n), "the domain's policy is not in order");
    find(n, 0, NO_SUB)->a = 7;
    find(n, 1, NO_SUB)->c &= ~LEAF_1_ECX_AESNI;
    find(n, 1, NO_SUB)->c |= LEAF_1_ECX_VMX;
    find(n, 0x40000000, NO_SUB)->a = 0x40000003;
    expect(policy_call(XEN_DOMCTL_set_cpu_policy, domain.id, n, 0), 0);
    require(policy_call(XEN_DOMCTL_get_cpu_policy, domain.id, MAX_LEAVES, 8), 0);
    check(dom.u.cpu_policy.nr_leaves < n, "%u leaves after %u", dom.u.cpu_policy.nr_leaves, n);
    expect(policy_call(XEN_DOMCTL_get_cpu_policy, domain.id, 2, 8), -XEN_ENOBUFS);
    expect(set_msr(MSR_ARCH_CAPABILITIES, 0, ~0ul), 0);
}

static void create(void)
{
    const struct pack_entry *e = pack_entry(0);
    const char *step;
    long error = domain_create(&domain, 1, pack_file(e), e->length, "child", 1024, 1, &step);

    if (error)
        report_error("%s gave %ld", step, error);
}

void test_main(void)
{
    if (!is_dom0()) {
        child();
        return;
    }
    system_policies();
    system_errors();
    featuresets();
    expect(policy_call(XEN_DOMCTL_set_cpu_policy, 0, 0, 0), -XEN_EINVAL);
    expect(policy_call(XEN_DOMCTL_get_cpu_policy, 0, MAX_LEAVES, 8), 0);
    expect(policy_call(XEN_DOMCTL_get_cpu_policy, 0x7000, MAX_LEAVES, 8), -XEN_ESRCH);
    create();
    refused_leaves();
    changed();
    require(domain_unpause(&domain), 0);
    check(domain_wait_shutdown(&domain, 5000), "the child does not end");
    check(strcmp(domain_outcome(&domain), "success") == 0, "%s", domain.verdict);
    expect(set_leaf(1, NO_SUB, 0), -XEN_EEXIST);
    expect(domain_destroy(&domain), 0);
}
