/* SPDX-License-Identifier: BSD-2-Clause */
/* CPUID policy of PV guests on a CPU that has everything, on one that has little, and changed by
 * the tools. */
/* sources: hv/cpu/cpuid_policy.c hv/cpu/cpuid_tools.c hv/cpu/cpuid_hvm.c */
/* cflags: -DHV_UNIT_TEST */
#include "world.h"
#include <hv/cpuid.h>
#include <hv/processor.h>
#include <hv/spec.h>
#include <hv/xstate.h>
#include <hv/hvm/hvm.h>
#include <hv/hvm/platform.h>
#include <hv/hvm/vlapic.h>
#include <pv/pv.h>
#include <xen/arch-x86/cpuid.h>
#include <xen/arch-x86/xen.h>
#include <xen/sysctl.h>

struct cpu_data boot_cpu;
struct spec spec;
uint64_t host_xcr0;
uint32_t cpu_khz = 2000000;
struct cpu_user_regs unit_guest_regs;
const struct hvm_vendor *hvm_vendor;
bool hvm_has_lapic(const struct domain *d) { return true; }
bool hvm_long_mode(const struct vcpu *v) { return true; }
uint64_t vlapic_mmio_base(const struct vcpu *v) { return 0xfee00000; }
bool vlapic_x2apic_mode(const struct vcpu *v) { return false; }

uint32_t xstate_size_for(uint64_t xcr0)
{
    return xcr0 & 0xe0 ? 2688 : xcr0 & 4 ? 832 : 576;
}
uint32_t xstate_compact_size_for(uint64_t xcr0) { return xstate_size_for(xcr0) - 1; }
int rdmsr_safe(uint32_t msr, uint64_t *v)
{
    *v = 0x15;
    return 0;
}
int wrmsr_safe(uint32_t msr, uint64_t v) { return 0; }

static struct domain *make(domid_t id)
{
    struct domain *d = world_domain(id, 1);
    struct pv_vcpu *pv = calloc(1, sizeof(*pv));

    pv->v = *d->vcpu[0];
    free(d->vcpu[0]);
    d->vcpu[0] = &pv->v;
    pv->flags = PVF_KERNEL;
    pv->v.xcr0 = 3;
    assert_int_equal(cpuid_policy_init_domain(d), 0);
    return d;
}

static void drop(struct domain *d)
{
    cpuid_policy_free_domain(d);
    world_drop_domain(d);
}

static struct cpuid_leaf ask(struct domain *d, uint32_t leaf, uint32_t sub)
{
    struct cpuid_leaf l;

    guest_cpuid(d->vcpu[0], leaf, sub, &l);
    return l;
}

static void set_host(void)
{
    memset(boot_cpu.features, 0xff, sizeof(boot_cpu.features));
    boot_cpu.vendor = VENDOR_intel;
    boot_cpu.max_leaf = 0xd;
    boot_cpu.max_ext_leaf = 0x80000008;
    host_xcr0 = 7;
}

static bool bit(uint32_t word, enum x86_feature f) { return (word >> (f % 32)) & 1; }

static void hidden_features(void **state)
{
    static const enum x86_feature hidden[] = {
        X86_FEATURE_VME,     X86_FEATURE_PSE,    X86_FEATURE_PGE,          X86_FEATURE_MTRR,
        X86_FEATURE_PSE36,   X86_FEATURE_DS,     X86_FEATURE_VMX,          X86_FEATURE_SVM,
        X86_FEATURE_MONITOR, X86_FEATURE_X2APIC, X86_FEATURE_PCID,         X86_FEATURE_SMEP,
        X86_FEATURE_SMAP,    X86_FEATURE_UMIP,   X86_FEATURE_PKU,          X86_FEATURE_XSAVES,
        X86_FEATURE_PAGE1GB, X86_FEATURE_CET_SS, X86_FEATURE_TSC_DEADLINE, X86_FEATURE_TSC_ADJUST,
        X86_FEATURE_INVPCID, X86_FEATURE_IBRSB,  X86_FEATURE_ITSC,         X86_FEATURE_TOPOEXT,
        X86_FEATURE_OSVW,    X86_FEATURE_IBS,    X86_FEATURE_DBEXT,
    };
    static const enum x86_feature shown[] = {
        X86_FEATURE_FPU,        X86_FEATURE_SSE2,     X86_FEATURE_XSAVE,    X86_FEATURE_AVX,
        X86_FEATURE_SYSCALL,    X86_FEATURE_NX,       X86_FEATURE_LM,       X86_FEATURE_PAT,
        X86_FEATURE_HYPERVISOR, X86_FEATURE_FSGSBASE, X86_FEATURE_XSAVEOPT,
    };
    struct domain *d = make(1);

    for (unsigned int i = 0; i < ARRAY_SIZE(hidden); i++)
        if (guest_has(d, hidden[i]))
            fail_msg("feature %u is shown", hidden[i]);
    for (unsigned int i = 0; i < ARRAY_SIZE(shown); i++)
        if (!guest_has(d, shown[i]))
            fail_msg("feature %u is hidden", shown[i]);
    assert_false(bit(ask(d, 1, 0).c, X86_FEATURE_VMX));
    assert_true(bit(ask(d, 1, 0).c, X86_FEATURE_HYPERVISOR));
    assert_int_equal(ask(d, 5, 0).a | ask(d, 5, 0).c, 0);
    assert_int_equal(ask(d, 0xa, 0).a, 0);
    drop(d);
}

static void dom0_sees_more(void **state)
{
    struct domain *d = make(0);
    struct pv_vcpu *pv = pv_vcpu(d->vcpu[0]);

    assert_true(guest_has(d, X86_FEATURE_ITSC));
    unit_guest_regs.entry_vector = X86_EXC_UD;
    assert_true(!bit(ask(d, 1, 0).d, X86_FEATURE_VME));
    assert_false(bit(ask(d, 1, 0).c, X86_FEATURE_MONITOR));
    unit_guest_regs.entry_vector = X86_EXC_GP;
    assert_true(bit(ask(d, 1, 0).c, X86_FEATURE_MONITOR));
    pv->flags = 0;
    assert_false(bit(ask(d, 1, 0).c, X86_FEATURE_MONITOR));
    drop(d);
}

static void osxsave_follows_cr4(void **state)
{
    struct domain *d = make(1);
    struct pv_vcpu *pv = pv_vcpu(d->vcpu[0]);

    unit_guest_regs.entry_vector = X86_EXC_GP;
    assert_false(bit(ask(d, 1, 0).c, X86_FEATURE_OSXSAVE));
    /* The forced prefix in kernel mode tells of the hypervisor's own setting. */
    unit_guest_regs.entry_vector = X86_EXC_UD;
    assert_true(bit(ask(d, 1, 0).c, X86_FEATURE_OSXSAVE));
    pv->flags = 0;
    assert_false(bit(ask(d, 1, 0).c, X86_FEATURE_OSXSAVE));
    pv->ctrlreg[4] = X86_CR4_OSXSAVE;
    assert_true(bit(ask(d, 1, 0).c, X86_FEATURE_OSXSAVE));
    drop(d);
}

static void computed_leaves(void **state)
{
    struct domain *d = make(1);

    d->vcpu[0]->vcpu_id = 5;
    assert_int_equal(ask(d, 1, 0).b >> 24, 10);
    assert_int_equal(ask(d, 0xd, 0).a, 7);
    assert_int_equal(ask(d, 0xd, 0).c, 832);
    assert_int_equal(ask(d, 0xd, 0).b, 576);
    d->vcpu[0]->xcr0 = 7;
    assert_int_equal(ask(d, 0xd, 0).b, 832);
    assert_int_equal(ask(d, 0xd, 1).a & 8, 0);
    assert_int_equal(ask(d, 0xd, 1).b, 831);
    assert_int_equal(ask(d, 0xe, 0).a, 0);
    assert_int_equal(ask(d, 0x80000023, 0).a, 0);
    assert_int_equal(ask(d, 0x12345678, 0).a, 0);
    assert_int_equal(ask(d, 7, 99).b, 0);
    drop(d);
}

static void hypervisor_leaves(void **state)
{
    struct domain *d = make(1);
    struct cpuid_leaf l = ask(d, 0x40000000, 0);

    assert_int_equal(l.a, 0x40000005);
    assert_memory_equal(&l.b, "XenVMMXenVMM", 12);
    assert_int_equal(ask(d, 0x40000001, 0).a, 4 << 16 | 17);
    assert_int_equal(ask(d, 0x40000002, 0).a, 1);
    assert_int_equal(ask(d, 0x40000002, 0).c, XEN_CPUID_FEAT1_MMU_PT_UPDATE_PRESERVE_AD);
    d->tsc_khz = 2000000;
    d->tsc_mode = 2;
    d->tsc_incarnation = 3;
    l = ask(d, 0x40000003, 0);
    assert_int_equal(l.b, 2);
    assert_int_equal(l.c, 2000000);
    assert_int_equal(l.d, 3);
    /* 2 GHz: a tick is half a nanosecond. */
    l = ask(d, 0x40000003, 1);
    assert_int_equal((int32_t)l.d, 0);
    assert_int_equal(l.c, 1u << 31);
    assert_int_equal(ask(d, 0x40000003, 2).a, cpu_khz);
    assert_int_equal(ask(d, 0x40000004, 0).a, 0);
    assert_int_equal(ask(d, 0x40000005, 0).b, 24);
    assert_int_equal(ask(d, 0x40000006, 0).a | ask(d, 0x40000100, 0).a, 0);
    drop(d);
}

static int export(struct domain *d, xen_cpuid_leaf_t *buf)
{
    int n = (int)cpuid_policy_leaves(d->cpuid_policy, buf);

    assert_true(n > 0 && n <= CPUID_POLICY_LEAVES);
    for (int i = 1; i < n; i++)
        assert_true(buf[i].leaf > buf[i - 1].leaf ||
                    (buf[i].leaf == buf[i - 1].leaf && buf[i].subleaf > buf[i - 1].subleaf));
    return n;
}

static xen_cpuid_leaf_t *find(xen_cpuid_leaf_t *buf, int n, uint32_t leaf)
{
    for (int i = 0; i < n; i++)
        if (buf[i].leaf == leaf)
            return &buf[i];
    fail_msg("leaf %#x is not exported", leaf);
    return NULL;
}

static struct cpuid_error bad;

static int import(struct domain *d, const xen_cpuid_leaf_t *leaves, int n)
{
    const struct cpuid_update u = { leaves, NULL, (unsigned int)n, 0 };

    return cpuid_policy_update(d, &u, &bad);
}

static int import_msr(struct domain *d, uint32_t index, uint32_t flags, uint64_t val)
{
    const xen_msr_entry_t msr = { index, flags, val };
    const struct cpuid_update u = { NULL, &msr, 0, 1 };

    return cpuid_policy_update(d, &u, &bad);
}

static int import_leaf(struct domain *d, uint32_t leaf, uint32_t sub, uint32_t a)
{
    const xen_cpuid_leaf_t l = { .leaf = leaf, .subleaf = sub, .a = a };

    return import(d, &l, 1);
}

static void tools_change_a_policy(void **state)
{
    static xen_cpuid_leaf_t buf[CPUID_POLICY_LEAVES], again[CPUID_POLICY_LEAVES];
    struct domain *d = make(1);
    int n = export(d, buf);

    assert_int_equal(import(d, buf, n), 0);
    assert_int_equal(export(d, again), n);
    assert_memory_equal(buf, again, (size_t)n * sizeof(*buf));
    /* Less is allowed, and takes what depends on it along. */
    find(buf, n, 1)->c &= ~(1u << (X86_FEATURE_XSAVE % 32));
    assert_int_equal(import(d, buf, n), 0);
    assert_false(guest_has(d, X86_FEATURE_XSAVE));
    assert_false(guest_has(d, X86_FEATURE_AVX) || guest_has(d, X86_FEATURE_AVX2) ||
                 guest_has(d, X86_FEATURE_XSAVEOPT));
    assert_int_equal(ask(d, 0xd, 0).a, 0);
    /* What the tools may opt in to. */
    find(buf, n, 0x80000007)->d |= 1u << (X86_FEATURE_ITSC % 32);
    assert_int_equal(import(d, buf, n), 0);
    assert_true(guest_has(d, X86_FEATURE_ITSC));
    /* More than the maximum is left out. */
    find(buf, n, 1)->c |= 1u << (X86_FEATURE_VMX % 32);
    assert_int_equal(import(d, buf, n), 0);
    assert_false(guest_has(d, X86_FEATURE_VMX));
    assert_false(bit(ask(d, 1, 0).c, X86_FEATURE_VMX));
    /* The hypervisor's own leaves can be cut. */
    assert_int_equal(import_leaf(d, 0x40000000, XEN_CPUID_NO_SUBLEAF, 0x40000003), 0);
    assert_int_equal(ask(d, 0x40000000, 0).a, 0x40000003);
    assert_int_equal(ask(d, 0x40000005, 0).b, 0);
    drop(d);
}

static void leaves_above_a_limit_are_gone(void **state)
{
    static xen_cpuid_leaf_t buf[CPUID_POLICY_LEAVES];
    struct domain *d = make(1);
    int n = export(d, buf);

    assert_true(guest_has(d, X86_FEATURE_FSGSBASE) && guest_has(d, X86_FEATURE_XSAVE));
    find(buf, n, 0)->a = 6;
    assert_int_equal(import(d, buf, n), 0);
    assert_false(guest_has(d, X86_FEATURE_FSGSBASE) || guest_has(d, X86_FEATURE_XSAVE));
    assert_int_equal(ask(d, 7, 0).b | ask(d, 0xd, 0).a, 0);
    assert_true(export(d, buf) < n);
    drop(d);
}

static void refused_policies(void **state)
{
    struct domain *d = make(1);
    static xen_cpuid_leaf_t before[CPUID_POLICY_LEAVES], after[CPUID_POLICY_LEAVES];
    int n = export(d, before);

    assert_int_equal(import_leaf(d, 0, XEN_CPUID_NO_SUBLEAF, 0x20), -EINVAL);
    assert_true(bad.leaf == 0 && bad.subleaf == ~0u && bad.msr == ~0u);
    assert_int_equal(import_leaf(d, 7, 0, 3), -EINVAL);
    assert_true(bad.leaf == 7 && bad.subleaf == 0);
    assert_int_equal(import_leaf(d, 0x80000000, XEN_CPUID_NO_SUBLEAF, 0x80000040), -EINVAL);
    assert_true(bad.leaf == 0x80000000);
    assert_int_equal(import_leaf(d, 0x55, XEN_CPUID_NO_SUBLEAF, 0), -ERANGE);
    assert_true(bad.leaf == 0x55 && bad.subleaf == ~0u);
    assert_int_equal(import_leaf(d, 1, 0, 0), -ERANGE);
    assert_int_equal(import_leaf(d, 4, XEN_CPUID_NO_SUBLEAF, 0), -ERANGE);
    assert_int_equal(import_leaf(d, 4, 6, 0), -ERANGE);
    assert_int_equal(import_leaf(d, 0xb, 2, 0), -ERANGE);
    assert_int_equal(import_leaf(d, 0xd, 63, 0), -ERANGE);
    assert_true(bad.leaf == 0xd && bad.subleaf == 63);
    assert_int_equal(import_leaf(d, 0xd, 62, 0), 0);
    assert_int_equal(import_leaf(d, 0x40000200, XEN_CPUID_NO_SUBLEAF, 0), -ERANGE);
    assert_int_equal(import_msr(d, 0xce, 0, 1u << 31), -EINVAL);
    assert_true(bad.msr == 0xce && bad.leaf == ~0u);
    assert_int_equal(import_msr(d, 0xce, 0, 1ull << 32), -EOVERFLOW);
    assert_int_equal(import_msr(d, 0xce, 1, 0), -EINVAL);
    assert_int_equal(import_msr(d, 0x10, 0, 0), -ERANGE);
    assert_int_equal(bad.msr, 0x10);
    assert_int_equal(export(d, after), n);
    assert_memory_equal(before, after, (size_t)n * sizeof(*before));
    drop(d);
}

static void arch_capabilities_by_list(void **state)
{
    struct domain *d = make(1);
    xen_msr_entry_t msrs[CPUID_POLICY_MSRS];

    cpuid_policy_msrs(d->cpuid_policy, msrs);
    assert_int_equal(msrs[0].idx, 0xce);
    assert_int_equal(msrs[0].val, 0);
    assert_int_equal(msrs[1].idx, 0x10a);
    assert_true(msrs[1].val != 0 && msrs[1].val == guest_arch_capabilities(d));
    assert_int_equal(import_msr(d, 0x10a, 0, ~0ull), 0);
    /* The most that guests can have is more than the usual. */
    assert_int_equal(guest_arch_capabilities(d) & msrs[1].val, msrs[1].val);
    assert_int_equal(import_msr(d, 0x10a, 0, 1), 0);
    assert_int_equal(guest_arch_capabilities(d), 1);
    drop(d);
}

static void featuresets(void **state)
{
    static xen_cpuid_leaf_t buf[CPUID_POLICY_LEAVES];
    uint32_t pv[FEATURESET_WORDS], max[FEATURESET_WORDS];
    int err;

    assert_int_equal(cpuid_get_featureset(XEN_SYSCTL_cpu_featureset_pv, pv), 0);
    assert_int_equal(cpuid_get_featureset(XEN_SYSCTL_cpu_featureset_pv_max, max), 0);
    assert_int_equal(cpuid_get_featureset(XEN_SYSCTL_cpu_featureset_hvm, max), -EOPNOTSUPP);
    assert_int_equal(cpuid_get_featureset(77, max), -EINVAL);
    for (unsigned int i = 0; i < FEATURESET_WORDS; i++)
        assert_int_equal(pv[i] & ~max[i], 0);
    assert_null(cpuid_system_policy(77, &err));
    assert_int_equal(err, -EINVAL);
    assert_null(cpuid_system_policy(XEN_SYSCTL_cpu_policy_hvm_max, &err));
    assert_int_equal(err, -EOPNOTSUPP);
    assert_true(
        cpuid_policy_leaves(cpuid_system_policy(XEN_SYSCTL_cpu_policy_host, &err), buf) > 20);
}

static int begin(void **state)
{
    world_begin();
    unit_guest_regs.entry_vector = 0;
    return 0;
}
static int end(void **state)
{
    world_end();
    return 0;
}
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(hidden_features),   T(dom0_sees_more),        T(osxsave_follows_cr4), T(computed_leaves),
        T(hypervisor_leaves), T(tools_change_a_policy), T(featuresets),
        T(leaves_above_a_limit_are_gone), T(refused_policies), T(arch_capabilities_by_list),
    };

    set_host();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
