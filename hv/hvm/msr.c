/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What HVM guests find at model-specific registers: one table of those that are the guest's own;
 * others are as for PV guests (hv/cpu/msr_policy.c).
 */
#include <hv/cpuid.h>
#include <hv/errno.h>
#include <hv/hvm/mtrr.h>
#include <hv/hvm/time.h>
#include <hv/hvm/vlapic.h>
#include <hv/msr_index.h>
#include <hv/processor.h>
#include <hv/time.h>
#include "hvm_priv.h"

typedef int (*hvm_msr_fn)(struct vcpu *v, uint32_t msr, uint64_t *val);

static int rd_efer(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = hvm_vcpu(v)->efer;
    return 0;
}

static int wr_efer(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    return hvm_set_efer(v, *val);
}

static int rd_on_cpu(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    return hvm_vendor->get_msr(v, msr, val) ? 0 : -EPERM;
}

static int wr_on_cpu(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    return hvm_vendor->set_msr(v, msr, *val) ? 0 : -EPERM;
}

static int wr_address(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    return is_canonical(*val) ? wr_on_cpu(v, msr, val) : -EPERM;
}

/* Branch records and single-stepping of branches are not offered: only their absence can be
   written. */
static int wr_debugctl(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    return *val ? -EPERM : wr_on_cpu(v, msr, val);
}

static int rd_pat(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = hvm_vcpu(v)->pat;
    return 0;
}

static int wr_pat(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    for (unsigned int i = 0; i < 8; i++) {
        unsigned int type = *val >> (8 * i) & 0xff;

        if (type > 7 || type == 2 || type == 3)
            return -EPERM;
    }
    hvm_vcpu(v)->pat = *val;
    hvm_vendor->load(v, HVM_LOAD_PAT);
    return 0;
}

static int rd_tsc(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = hvm_guest_tsc(v);
    return 0;
}

static int rd_xss(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = 0;
    return guest_has(v->domain, X86_FEATURE_XSAVES) ? 0 : -EPERM;
}

static int wr_xss(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    return guest_has(v->domain, X86_FEATURE_XSAVES) && !*val ? 0 : -EPERM;
}

/* The page number in the low bits can only be 0. */
static int wr_hypercall_page(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    struct page_info *pg;

    if (*val & ~PAGE_MASK)
        return -EPERM;
    pg = v->domain->backend->get_gfn(v->domain, *val >> PAGE_SHIFT, true);
    if (!pg)
        return -EPERM;
    hvm_fill_hypercall_page(page_to_virt(pg));
    put_page_and_type(pg);
    return 0;
}

static int rd_zero(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = 0;
    return 0;
}

/* The CPU and the pv clock follow a new offset. */
void hvm_tsc_changed(struct vcpu *v)
{
    hvm_vendor->load(v, HVM_LOAD_TSC_OFFSET);
    v->pv_clock_version = 0;
    if (v == current)
        update_vcpu_time(v);
}

static int wr_tsc(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    hvm_set_guest_tsc(v, *val);
    hvm_tsc_changed(v);
    return 0;
}

static int rd_tsc_adjust(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    *val = hvm_tsc_adjust(v);
    return guest_has(v->domain, X86_FEATURE_TSC_ADJUST) ? 0 : -EPERM;
}

static int wr_tsc_adjust(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    if (!guest_has(v->domain, X86_FEATURE_TSC_ADJUST))
        return -EPERM;
    hvm_set_tsc_adjust(v, *val);
    hvm_tsc_changed(v);
    return 0;
}

static int wr_refused(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    return -EPERM;
}

static const struct {
    uint32_t first, last;
    hvm_msr_fn read, write;
} table[] = {
    { MSR_EFER, MSR_EFER, rd_efer, wr_efer },
    { MSR_TSC, MSR_TSC, rd_tsc, wr_tsc },
    { MSR_TSC_ADJUST, MSR_TSC_ADJUST, rd_tsc_adjust, wr_tsc_adjust },
    { MSR_FS_BASE, MSR_KERNEL_GS_BASE, rd_on_cpu, wr_address },
    { MSR_STAR, MSR_STAR, rd_on_cpu, wr_on_cpu },
    { MSR_LSTAR, MSR_CSTAR, rd_on_cpu, wr_address },
    { MSR_SFMASK, MSR_SFMASK, rd_on_cpu, wr_on_cpu },
    { MSR_SYSENTER_CS, MSR_SYSENTER_CS, rd_on_cpu, wr_on_cpu },
    { MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, rd_on_cpu, wr_address },
    { MSR_DEBUGCTL, MSR_DEBUGCTL, rd_on_cpu, wr_debugctl },
    { MSR_PAT, MSR_PAT, rd_pat, wr_pat },
    { MSR_XSS, MSR_XSS, rd_xss, wr_xss },
    /* Who has MTRRs on an AMD CPU asks this one for memory above 4 GiB that needs none. */
    { MSR_K8_SYSCFG, MSR_K8_SYSCFG, rd_zero, wr_refused },
    { MSR_XEN_HYPERCALL_PAGE, MSR_XEN_HYPERCALL_PAGE, rd_zero, wr_hypercall_page },
};

static int find(uint32_t msr)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(table); i++)
        if (msr - table[i].first <= table[i].last - table[i].first)
            return (int)i;
    return -1;
}

int hvm_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    int row = find(msr), rc;

    if (row >= 0)
        return table[row].read(v, msr, val);
    rc = vlapic_msr_read(v, msr, val);
    if (rc == -ENOENT)
        rc = vmtrr_msr_read(v, msr, val);
    return rc == -ENOENT ? guest_rdmsr(v, msr, val) : rc;
}

int hvm_wrmsr(struct vcpu *v, uint32_t msr, uint64_t val)
{
    int row = find(msr), rc;

    if (row >= 0)
        return table[row].write(v, msr, &val);
    rc = vlapic_msr_write(v, msr, val);
    if (rc == -ENOENT)
        rc = vmtrr_msr_write(v, msr, val);
    return rc == -ENOENT ? guest_wrmsr(v, msr, val) : rc;
}
