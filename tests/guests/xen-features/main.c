/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which features does the hypervisor promise to a 64-bit PV domain 0?
 *
 * A kernel chooses code paths by these bits, so a wrong one breaks guests silently. Due for PV:
 * PAE page tables above 4 GiB, MMU_PT_UPDATE_PRESERVE_AD, highmem assist, gnttab map available
 * bits, dom0, memory_op vnodes, and "direct mapped" (a PV guest names machine frames); never the
 * bits of auto-translated guests. Submaps above 0 give -EINVAL when they don't exist.
 */
#include <guest.h>

static uint32_t features(unsigned int index)
{
    struct xen_feature_info info = { .submap_idx = index, .submap = 0xaaaaaaaa };

    expect(hc_xen_version(XENVER_get_features, &info), 0);
    return info.submap;
}

#define HAS(map, feature) ((map) >> XENFEAT_##feature & 1)
#define MUST(map, feature) check(HAS(map, feature), #feature " is missing")
#define NEVER(map, feature) check(!HAS(map, feature), #feature " is set")

void test_main(void)
{
    struct xen_feature_info info = { .submap_idx = 1 };
    uint32_t map = features(0);

    /* Page directories above 4 GiB are allowed by the builder, which is the launcher for others. */
    check(HAS(map, pae_pgdir_above_4gb) || !is_dom0(), "pae_pgdir_above_4gb is missing");
    MUST(map, mmu_pt_update_preserve_ad);
    MUST(map, highmem_assist);
    MUST(map, gnttab_map_avail_bits);
    expect(HAS(map, dom0), is_dom0());
    MUST(map, memory_op_vnode_supported);
    NEVER(map, writable_page_tables);
    NEVER(map, writable_descriptor_tables);
    NEVER(map, auto_translated_physmap);
    NEVER(map, supervisor_mode_kernel);
    NEVER(map, hvm_callback_vector);
    NEVER(map, hvm_safe_pvclock);
    NEVER(map, hvm_pirqs);
    NEVER(map, ARM_SMCCC_supported);
    NEVER(map, linux_rsdp_unrestricted);
    /* Unused bits must be zero: a newer kernel would believe them. */
    check(!(map >> 20), "unknown feature bits 0x%x", map & ~((1u << 20) - 1));
    MUST(map, direct_mapped);
    NEVER(map, not_direct_mapped);
    expect(hc_xen_version(XENVER_get_features, &info), -XEN_EINVAL);
    info.submap_idx = 0xffffffff;
    expect(hc_xen_version(XENVER_get_features, &info), -XEN_EINVAL);
}
