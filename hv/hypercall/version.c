/* SPDX-License-Identifier: BSD-2-Clause */
/* xen_version: who the hypervisor is and what it offers. Level 4.17. */
#include <hv/boot.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/hvm/vendor.h>
#include <hv/hypercall.h>
#include <hv/lib.h>
#include <hv/page.h>
#include <hv/uaccess.h>
#include <xen/features.h>
#include <xen/version.h>

#define XEN_MAJOR 4
#define XEN_MINOR 17
#define EXTRA_VERSION ".0-hospes"
#define CAPABILITIES_PV "xen-3.0-x86_64 "
#define CAPABILITIES_HVM "hvm-3.0-x86_32 hvm-3.0-x86_32p hvm-3.0-x86_64 "
#define CHANGESET "hospes " HOSPES_VERSION
#define DENIED "<denied>"

/* A fixed-size text of the ABI, padded with zeros. */
#define COPY_TEXT(arg, type, text) ({                                     \
    type text_;                                                           \
    memset(&text_, 0, sizeof(text_));                                     \
    strlcpy(text_, text, sizeof(text_));                                  \
    copy_to_guest(arg, text_, sizeof(text_));                             \
})

static long put_compile_info(void *arg)
{
    struct xen_compile_info info = { };

    strlcpy((char *)info.compiler, "gcc " __VERSION__, sizeof(info.compiler));
    strlcpy((char *)info.compile_by, "hospes", sizeof(info.compile_by));
    strlcpy((char *)info.compile_domain, "reproducible", sizeof(info.compile_domain));
    strlcpy((char *)info.compile_date, "not recorded", sizeof(info.compile_date));
    return copy_arg_to(arg, &info);
}

static uint32_t pv_features(void)
{
    return 1u << XENFEAT_mmu_pt_update_preserve_ad | 1u << XENFEAT_highmem_assist |
           1u << XENFEAT_gnttab_map_avail_bits;
}

static uint32_t hvm_features(void)
{
    return 1u << XENFEAT_writable_page_tables | 1u << XENFEAT_auto_translated_physmap |
           1u << XENFEAT_hvm_safe_pvclock | 1u << XENFEAT_hvm_callback_vector;
}

/* Word 0 of what d is shown. */
static uint32_t features_of(const struct domain *d)
{
    uint32_t features = 1u << XENFEAT_memory_op_vnode_supported;

    features |= d->is_hvm ? 1u << XENFEAT_not_direct_mapped : 1u << XENFEAT_direct_mapped;
    if (d->vm_assist & BIT(VMASST_TYPE_pae_extended_cr3))
        features |= 1u << XENFEAT_pae_pgdir_above_4gb;
    if (is_control_domain(d))
        features |= 1u << XENFEAT_dom0;
    return features | (d->is_hvm ? hvm_features() : pv_features());
}

static long put_features(void *arg)
{
    struct xen_feature_info info;

    if (copy_arg_from(&info, arg))
        return -EFAULT;
    if (info.submap_idx >= XENFEAT_NR_SUBMAPS)
        return -EINVAL;
    info.submap = features_of(current->domain);
    return copy_arg_to(arg, &info);
}

static long put_platform_parameters(void *arg)
{
    xen_platform_parameters_t params = { .virt_start = HV_VIRT_START };

    return copy_arg_to(arg, &params);
}

static long put_commandline(void *arg)
{
    const char *s = is_control_domain(current->domain) ? boot_info.cmdline : DENIED;

    return COPY_TEXT(arg, xen_commandline_t, s);
}

static __attribute__((noinline)) long version_other(unsigned int cmd, void *arg)
{
    switch (cmd) {
    case XENVER_extraversion:
        return COPY_TEXT(arg, xen_extraversion_t, EXTRA_VERSION);
    case XENVER_compile_info:
        return put_compile_info(arg);
    case XENVER_capabilities:
        return COPY_TEXT(arg, xen_capabilities_info_t,
                         hvm_vendor ? CAPABILITIES_PV CAPABILITIES_HVM : CAPABILITIES_PV);
    case XENVER_changeset:
        return COPY_TEXT(arg, xen_changeset_info_t, CHANGESET);
    case XENVER_platform_parameters:
        return put_platform_parameters(arg);
    case XENVER_get_features:
        return put_features(arg);
    case XENVER_pagesize:
        return arg ? -EINVAL : (long)PAGE_SIZE;
    case XENVER_guest_handle:
        return copy_to_guest(arg, current->domain->handle, sizeof(current->domain->handle));
    case XENVER_commandline:
        return put_commandline(arg);
    case XENVER_build_id:
        /* The image carries none. */
        return is_control_domain(current->domain) ? -ENODATA : -EPERM;
    default:
        return -ENOSYS;
    }
}

/* The number itself is what guests ask for over and over, to have their events looked at. */
long do_xen_version(unsigned long cmd, void *arg)
{
    if ((unsigned int)cmd == XENVER_version)
        return XEN_MAJOR << 16 | XEN_MINOR;
    return version_other((unsigned int)cmd, arg);
}
