/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does a hardware-assisted guest start, from the 32-bit PVH entry to long mode, and do its
 * hypercalls and its shared page work?
 *
 * The library has done the way by the time test_main() runs; here it is checked that the mode is
 * what it asked for, that the hypervisor is found through CPUID, and that the features it is told
 * of are those of a translated guest.
 */
#include <hvm.h>

void test_main(void)
{
    struct xen_feature_info features = { .submap_idx = 0 };
    uint32_t r[4];

    check(rdmsr(0xc0000080) & 1 << 10, "EFER.LMA is 0 in 64-bit code");
    check((read_cr0() & 0x80000001) == 0x80000001, "CR0 is 0x%lx", read_cr0());
    check(hypervisor_base() == 0x40000000, "hypervisor leaves at 0x%x", hypervisor_base());
    cpuid(hypervisor_base() + 1, 0, r);
    check(r[0] == (4 << 16 | 17), "version 0x%x", r[0]);
    expect(hc_xen_version(XENVER_version, NULL), 4 << 16 | 17);
    require(hc_xen_version(XENVER_get_features, &features), 0);
    check(features.submap & 1 << XENFEAT_auto_translated_physmap, "features 0x%x", features.submap);
    check(features.submap & 1 << XENFEAT_hvm_callback_vector, "features 0x%x", features.submap);
    check(!(features.submap & 1 << XENFEAT_hvm_pirqs), "features 0x%x", features.submap);
    check(now_ns() > 0, "the pv clock stands");
}
