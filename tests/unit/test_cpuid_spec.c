/* SPDX-License-Identifier: BSD-2-Clause */
/* What guests are told of speculation on an Intel CPU that is older than ARCH_CAPABILITIES: the
 * hypervisor's findings, and the controls that it switches for them. */
/* sources: hv/cpu/cpuid_policy.c hv/cpu/cpuid_tools.c hv/cpu/cpuid_hvm.c */
/* cflags: -DHV_UNIT_TEST */
#include "world.h"
#include <hv/cpuid.h>
#include <hv/spec.h>
#include <hv/xstate.h>
#include <hv/hvm/hvm.h>
#include <hv/hvm/platform.h>
#include <hv/hvm/vlapic.h>
#include <pv/pv.h>
#include <xen/sysctl.h>

struct cpu_data boot_cpu;
struct spec spec;
uint64_t host_xcr0 = 7;
uint32_t cpu_khz = 2000000;
struct cpu_user_regs unit_guest_regs;
const struct hvm_vendor *hvm_vendor;
bool hvm_has_lapic(const struct domain *d) { return true; }
bool hvm_long_mode(const struct vcpu *v) { return true; }
uint64_t vlapic_mmio_base(const struct vcpu *v) { return 0xfee00000; }
bool vlapic_x2apic_mode(const struct vcpu *v) { return false; }

uint32_t xstate_size_for(uint64_t xcr0) { return 832; }
uint32_t xstate_compact_size_for(uint64_t xcr0) { return 832; }
int rdmsr_safe(uint32_t msr, uint64_t *v) { return -EFAULT; }
int wrmsr_safe(uint32_t msr, uint64_t v) { return -EFAULT; }

static void give(unsigned int f) { boot_cpu.features[f / 32] |= 1u << (f % 32); }

static bool set_has(unsigned int index, unsigned int f)
{
    uint32_t fs[FEATURESET_WORDS];

    assert_int_equal(cpuid_get_featureset(index, fs), 0);
    return (fs[f / 32] >> (f % 32)) & 1;
}

static void findings_are_told(void **state)
{
    struct domain *d = world_domain(1, 1);

    assert_int_equal(cpuid_policy_init_domain(d), 0);
    assert_true(guest_has(d, X86_FEATURE_ARCH_CAPS));
    assert_true(guest_has(d, X86_FEATURE_ITS_NO) && guest_has(d, X86_FEATURE_GDS_NO));
    assert_int_equal(guest_arch_capabilities(d), 1ull << 62 | 1 << 26);
    assert_false(guest_has(d, X86_FEATURE_RSBA) || guest_has(d, X86_FEATURE_RRSBA));
    cpuid_policy_free_domain(d);
    world_drop_domain(d);
}

static void controls_come_together(void **state)
{
    static const unsigned int shown[] = {
        X86_FEATURE_IBRSB, X86_FEATURE_STIBP, X86_FEATURE_SSBD, X86_FEATURE_IBPB,
        X86_FEATURE_MD_CLEAR,
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(shown); i++)
        assert_true(set_has(XEN_SYSCTL_cpu_featureset_pv, shown[i]));
    assert_false(set_has(XEN_SYSCTL_cpu_featureset_pv, X86_FEATURE_L1D_FLUSH));
    assert_false(set_has(XEN_SYSCTL_cpu_featureset_pv, X86_FEATURE_SRBDS_CTRL));
    assert_false(set_has(XEN_SYSCTL_cpu_featureset_host, X86_FEATURE_ARCH_CAPS));
}

/* A guest may come from, or go to, a machine where it counts. */
static void harmless_bits_can_be_had(void **state)
{
    static const unsigned int only_max[] = {
        X86_FEATURE_RSBA, X86_FEATURE_FB_CLEAR, X86_FEATURE_RFDS_CLEAR,
        X86_FEATURE_RTM_ALWAYS_ABORT,
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(only_max); i++) {
        assert_true(set_has(XEN_SYSCTL_cpu_featureset_pv_max, only_max[i]));
        assert_false(set_has(XEN_SYSCTL_cpu_featureset_pv, only_max[i]));
    }
}

static int begin(void **state) { world_begin(); return 0; }
static int end(void **state) { world_end(); return 0; }

int main(void)
{
    static const unsigned int haswell[] = {
        X86_FEATURE_LM, X86_FEATURE_FXSR, X86_FEATURE_SSE, X86_FEATURE_SSE2, X86_FEATURE_RTM,
        X86_FEATURE_IBRSB, X86_FEATURE_STIBP, X86_FEATURE_SSBD, X86_FEATURE_L1D_FLUSH,
        X86_FEATURE_MD_CLEAR, X86_FEATURE_SRBDS_CTRL, X86_FEATURE_ITS_NO, X86_FEATURE_GDS_NO,
        X86_FEATURE_PAE,
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(findings_are_told, begin, end),
        cmocka_unit_test_setup_teardown(controls_come_together, begin, end),
        cmocka_unit_test_setup_teardown(harmless_bits_can_be_had, begin, end),
    };

    boot_cpu.vendor = VENDOR_intel;
    boot_cpu.max_leaf = 0xd;
    boot_cpu.max_ext_leaf = 0x80000008;
    spec.msr_sc[SPEC_PV] = true;
    for (unsigned int i = 0; i < ARRAY_SIZE(haswell); i++)
        give(haswell[i]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
