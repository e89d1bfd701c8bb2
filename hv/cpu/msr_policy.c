/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What PV guests find at model-specific registers: one table, a row for each register or range,
 * with what a read gives and what a write does. A register that has no row raises #GP, except in
 * domains with relaxed MSRs, where one that the host has reads as 0 and ignores writes.
 */
#include <hv/cpuid.h>
#include <hv/backend.h>
#include <hv/dom0.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/hypercall.h>
#include <hv/msr_index.h>
#include <hv/page.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/time.h>

#define EFER_GUEST (EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_LMSLE | EFER_FFXSE)
#define MC_BANKS 2u  /* enough for a guest to be told of an error */
#define AMD_FAMILY_MMIO_CONF_FIRST 0x10
#define AMD_FAMILY_MMIO_CONF_LAST 0x16
#define AMD_FAMILY_TSC_FREQ_SEL 0x10

typedef int (*msr_read_fn)(struct vcpu *v, uint32_t msr, uint64_t *val);
typedef int (*msr_write_fn)(struct vcpu *v, uint32_t msr, uint64_t val);

static bool is_amd(void)
{
    return boot_cpu.vendor == VENDOR_amd || boot_cpu.vendor == VENDOR_hygon;
}
static bool is_intel(void) { return boot_cpu.vendor == VENDOR_intel; }

/* --- Reads --- */

static int rd_fault(struct vcpu *v, uint32_t msr, uint64_t *val) { return -EPERM; }

static int rd_zero(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = 0;
    return 0;
}

static int rd_zero_intel(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = 0;
    return is_intel() ? 0 : -EPERM;
}

static int rd_zero_amd(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = 0;
    return is_amd() ? 0 : -EPERM;
}

static int rd_host(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    return rdmsr_safe(msr, val) ? -EPERM : 0;
}

static int rd_host_intel(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    return is_intel() ? rd_host(v, msr, val) : -EPERM;
}

static int rd_host_amd_dom0(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    return is_amd() && is_control_domain(v->domain) ? rd_host(v, msr, val) : -EPERM;
}

static int rd_efer(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = rdmsr(MSR_EFER) & EFER_GUEST;
    return 0;
}

/* Bases are on the CPU while the guest runs; the hypervisor uses neither segment. */
static int rd_base(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = rdmsr(msr);
    return 0;
}

static int rd_tsc(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = guest_tsc(v);
    return 0;
}

static int rd_tsc_aux(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = v->tsc_aux;
    return guest_has(v->domain, X86_FEATURE_RDTSCP) ? 0 : -EPERM;
}

static int rd_apic_base(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = APIC_BASE_DEFAULT | APIC_BASE_ENABLE | (v->vcpu_id == 0 ? APIC_BASE_BSP : 0);
    return 0;
}

static int rd_feature_control(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = FEATURE_CONTROL_LOCK;
    return is_intel() ? 0 : -EPERM;
}

static int rd_arch_caps(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    if (!guest_has(v->domain, X86_FEATURE_ARCH_CAPS))
        return -EPERM;
    *val = guest_arch_capabilities(v->domain);
    return 0;
}

static int rd_misc_enable(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    if (rdmsr_safe(msr, val))
        return -EPERM;
    *val &= ~(uint64_t)(MISC_ENABLE_PERF_AVAIL | MISC_ENABLE_MONITOR);
    *val |= MISC_ENABLE_BTS_UNAVAIL | MISC_ENABLE_PEBS_UNAVAIL | MISC_ENABLE_XTPR_DISABLE;
    return 0;
}

static int rd_pat(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = HV_PAT;
    return 0;
}

static int rd_mcg_cap(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = MC_BANKS;
    return 0;
}

static int rd_mc_bank(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = (msr - MSR_MC0_CTL) % MC_MSRS_PER_BANK == 0 ? ~0ULL : 0;
    return 0;
}

static int rd_hwcr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = boot_cpu.family >= AMD_FAMILY_TSC_FREQ_SEL ? HWCR_TSC_FREQ_SEL : 0;
    return is_amd() ? 0 : -EPERM;
}

static bool has_mmio_conf(void)
{
    return boot_cpu.vendor == VENDOR_amd && boot_cpu.family >= AMD_FAMILY_MMIO_CONF_FIRST &&
           boot_cpu.family <= AMD_FAMILY_MMIO_CONF_LAST;
}

static int rd_mmio_conf(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = 0;
    return has_mmio_conf() ? 0 : -EPERM;
}

static int rd_de_cfg(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = DE_CFG_LFENCE_SERIALISE;
    return is_amd() ? 0 : -EPERM;
}

/* --- Writes --- */

static int wr_fault(struct vcpu *v, uint32_t msr, uint64_t val) { return -EPERM; }
static int wr_ignore(struct vcpu *v, uint32_t msr, uint64_t val) { return 0; }
static int wr_ignore_intel(struct vcpu *v, uint32_t msr, uint64_t val)
{
    return is_intel() ? 0 : -EPERM;
}
static int wr_ignore_amd(struct vcpu *v, uint32_t msr, uint64_t val)
{
    return is_amd() ? 0 : -EPERM;
}
static int wr_zero(struct vcpu *v, uint32_t msr, uint64_t val) { return val ? -EPERM : 0; }
static int wr_zero_intel(struct vcpu *v, uint32_t msr, uint64_t val)
{
    return is_intel() && !val ? 0 : -EPERM;
}
static int wr_mmio_conf(struct vcpu *v, uint32_t msr, uint64_t val)
{
    return has_mmio_conf() ? 0 : -EPERM;
}
static int wr_pat(struct vcpu *v, uint32_t msr, uint64_t val) { return val == HV_PAT ? 0 : -EPERM; }

static int wr_base(struct vcpu *v, uint32_t msr, uint64_t val)
{
    unsigned long which = msr == MSR_FS_BASE   ? SEGBASE_FS
                          : msr == MSR_GS_BASE ? SEGBASE_GS_KERNEL
                                               : SEGBASE_GS_USER;

    return is_canonical(val) && do_set_segment_base(which, val) == 0 ? 0 : -EPERM;
}

static int wr_tsc_aux(struct vcpu *v, uint32_t msr, uint64_t val)
{
    if (!guest_has(v->domain, X86_FEATURE_RDTSCP) || val != (uint32_t)val)
        return -EPERM;
    v->tsc_aux = (uint32_t)val;
    cpu_policy_load_tsc_aux((uint32_t)val);
    return 0;
}

/* What the guest sets is loaded on the way to it. */
static int rd_spec_ctrl(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = v->spec_ctrl;
    return guest_has(v->domain, X86_FEATURE_IBRSB) ? 0 : -EPERM;
}

static int wr_spec_ctrl(struct vcpu *v, uint32_t msr, uint64_t val)
{
    uint64_t valid = SPEC_CTRL_IBRS | SPEC_CTRL_STIBP;

    if (guest_has(v->domain, X86_FEATURE_SSBD))
        valid |= SPEC_CTRL_SSBD;
    if (guest_has(v->domain, X86_FEATURE_INTEL_PSFD))
        valid |= SPEC_CTRL_PSFD;
    if (!guest_has(v->domain, X86_FEATURE_IBRSB) || (val & ~valid))
        return -EPERM;
    v->spec_ctrl = (uint32_t)val;
    get_cpu_info()->guest_spec_ctrl = (uint32_t)val;
    return 0;
}

static int wr_pred_cmd(struct vcpu *v, uint32_t msr, uint64_t val)
{
    uint64_t valid = PRED_CMD_IBPB | (guest_has(v->domain, X86_FEATURE_SBPB) ? PRED_CMD_SBPB : 0);

    if ((!guest_has(v->domain, X86_FEATURE_IBPB) && !guest_has(v->domain, X86_FEATURE_IBRSB)) ||
        (val & ~valid))
        return -EPERM;
    if (val)
        wrmsr(MSR_PRED_CMD, val);
    return 0;
}

static int wr_misc_enable(struct vcpu *v, uint32_t msr, uint64_t val)
{
    return rd_misc_enable(v, msr, &val);
}

static int wr_mc_bank(struct vcpu *v, uint32_t msr, uint64_t val)
{
    return (msr - MSR_MC0_CTL) % MC_MSRS_PER_BANK == 0 ? 0 : wr_zero(v, msr, val);
}

/* The first of the hypervisor's own registers (CPUID leaf 0x40000002): fills the guest's frame with
   hypercall stubs. The page number in the low bits can only be 0. */
static int wr_hypercall_page(struct vcpu *v, uint32_t msr, uint64_t val)
{
    struct domain *d = v->domain;
    struct page_info *pg;

    if (val & ~PAGE_MASK)
        return -EPERM;
    pg = d->backend->get_gfn(d, val >> PAGE_SHIFT, true);
    if (!pg)
        return -EPERM;
    pv_fill_hypercall_page(page_to_virt(pg));
    put_page_and_type(pg);
    return 0;
}

/* --- The table. The first rows are the ones that guests use often. --- */

static const struct msr_row {
    uint32_t first, last;
    msr_read_fn read;
    msr_write_fn write;
} table[] = {
    { MSR_EFER, MSR_EFER, rd_efer, wr_fault },
    { MSR_FS_BASE, MSR_KERNEL_GS_BASE, rd_base, wr_base },
    { MSR_TSC_AUX, MSR_TSC_AUX, rd_tsc_aux, wr_tsc_aux },
    { MSR_TSC, MSR_TSC, rd_tsc, wr_fault },
    { MSR_SPEC_CTRL, MSR_SPEC_CTRL, rd_spec_ctrl, wr_spec_ctrl },
    { MSR_PRED_CMD, MSR_PRED_CMD, rd_fault, wr_pred_cmd },
    { MSR_PLATFORM_ID, MSR_PLATFORM_ID, rd_host_intel, wr_fault },
    { MSR_APIC_BASE, MSR_APIC_BASE, rd_apic_base, wr_fault },
    { MSR_FEATURE_CONTROL, MSR_FEATURE_CONTROL, rd_feature_control, wr_fault },
    { MSR_UCODE_REV, MSR_UCODE_REV, rd_host, wr_zero_intel },
    { MSR_P6_PERFCTR0, MSR_P6_PERFCTR7, rd_zero_intel, wr_ignore_intel },
    { MSR_PLATFORM_INFO, MSR_PLATFORM_INFO, rd_zero, wr_fault },
    { MSR_MPERF, MSR_APERF, rd_fault, wr_ignore },
    { MSR_ARCH_CAPABILITIES, MSR_ARCH_CAPABILITIES, rd_arch_caps, wr_fault },
    { MSR_MISC_FEATURES_ENABLES, MSR_MISC_FEATURES_ENABLES, rd_zero, wr_zero },
    { MSR_MCG_CAP, MSR_MCG_CAP, rd_mcg_cap, wr_fault },
    { MSR_MCG_STATUS, MSR_MCG_STATUS, rd_zero, wr_zero },
    { MSR_P6_EVNTSEL0, MSR_P6_EVNTSEL3, rd_zero_intel, wr_ignore_intel },
    { MSR_PERF_STATUS, MSR_PERF_STATUS, rd_zero_intel, wr_fault },
    { MSR_PERF_CTL, MSR_PERF_CTL, rd_zero_intel, wr_ignore_intel },
    { MSR_THERM_CONTROL, MSR_THERM_CONTROL, rd_fault, wr_ignore_intel },
    { MSR_MISC_ENABLE, MSR_MISC_ENABLE, rd_misc_enable, wr_misc_enable },
    { MSR_ENERGY_PERF_BIAS, MSR_ENERGY_PERF_BIAS, rd_fault, wr_ignore_intel },
    { MSR_PAT, MSR_PAT, rd_pat, wr_pat },
    { MSR_FIXED_CTR0, MSR_FIXED_CTR2, rd_zero_intel, wr_ignore_intel },
    { MSR_PERF_CAPABILITIES, MSR_PERF_CAPABILITIES, rd_zero, wr_fault },
    { MSR_FIXED_CTR_CTRL, MSR_PERF_GLOBAL_OVF_CTRL, rd_zero_intel, wr_ignore_intel },
    { MSR_MC0_CTL, MSR_MC0_CTL + MC_BANKS * MC_MSRS_PER_BANK - 1, rd_mc_bank, wr_mc_bank },
    { MSR_K7_EVNTSEL0, MSR_K7_PERFCTR3, rd_zero_amd, wr_ignore_amd },
    { MSR_K8_SYSCFG, MSR_K8_SYSCFG, rd_host_amd_dom0, wr_fault },
    { MSR_K8_HWCR, MSR_K8_HWCR, rd_hwcr, wr_ignore_amd },
    { MSR_K8_TOP_MEM, MSR_K8_TOP_MEM, rd_host_amd_dom0, wr_fault },
    { MSR_K8_TOP_MEM2, MSR_K8_TOP_MEM2, rd_host_amd_dom0, wr_fault },
    { MSR_AMD_NB_CFG, MSR_AMD_NB_CFG, rd_zero_amd, wr_ignore_amd },
    { MSR_K7_FID_VID_CTL, MSR_K7_FID_VID_STATUS, rd_zero_amd, wr_ignore_amd },
    { MSR_AMD_MMIO_CONF_BASE, MSR_AMD_MMIO_CONF_BASE, rd_mmio_conf, wr_mmio_conf },
    { MSR_K8_PSTATE_LIMIT, MSR_K8_PSTATE7, rd_zero_amd, wr_ignore_amd },
    { MSR_AMD_FAM15H_EVNTSEL0, MSR_AMD_FAM15H_PERFCTR5, rd_zero_amd, wr_ignore_amd },
    { MSR_AMD_DE_CFG, MSR_AMD_DE_CFG, rd_de_cfg, wr_ignore_amd },
    { MSR_XEN_HYPERCALL_PAGE, MSR_XEN_HYPERCALL_PAGE, rd_zero, wr_hypercall_page },
};

static const struct msr_row *find_row(uint32_t msr)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(table); i++)
        if (msr - table[i].first <= table[i].last - table[i].first)
            return &table[i];
    return NULL;
}

static bool relaxed(const struct vcpu *v, uint32_t msr)
{
    uint64_t val;

    return msr_policy_relaxed(v->domain) && !rdmsr_safe(msr, &val);
}

int guest_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    const struct msr_row *row = find_row(msr);

    if (row)
        return row->read(v, msr, val);
    *val = 0;
    if (relaxed(v, msr))
        return 0;
    gprintk(XENLOG_DEBUG, "RDMSR %#010x: not offered\n", msr);
    return -EPERM;
}

int guest_wrmsr(struct vcpu *v, uint32_t msr, uint64_t val)
{
    const struct msr_row *row = find_row(msr);

    if (row)
        return row->write(v, msr, val);
    if (relaxed(v, msr))
        return 0;
    gprintk(XENLOG_DEBUG, "WRMSR %#010x <- %#018lx: not offered\n", msr, val);
    return -EPERM;
}
