/* SPDX-License-Identifier: BSD-2-Clause */
/* MTRRs and PAT of a vCPU: checked writes and the type they give an address. */
#include <hv/errno.h>
#include <hv/msr_index.h>
#include "vplatform.h"

#define FIXED_BLOCKS 8
#define FIXED_RANGES 11

/* "Fixed Range MTRRs": one MSR of 64 KiB, two of 16 KiB, eight of 4 KiB blocks, from address 0. */
static int fixed_index(uint32_t msr)
{
    if (msr == MSR_MTRR_FIX_64K)
        return 0;
    if (msr == MSR_MTRR_FIX_16K || msr == MSR_MTRR_FIX_16K + 1)
        return (int)(1 + msr - MSR_MTRR_FIX_16K);
    if (msr >= MSR_MTRR_FIX_4K && msr < MSR_MTRR_FIX_4K + 8)
        return (int)(3 + msr - MSR_MTRR_FIX_4K);
    return -1;
}

static int variable_index(uint32_t msr)
{
    return msr >= MSR_MTRR_PHYSBASE0 && msr < MSR_MTRR_PHYSBASE0 + 2 * HVM_MTRR_VARIABLE
               ? (int)(msr - MSR_MTRR_PHYSBASE0) : -1;
}

static bool ours(uint32_t msr)
{
    return msr == MSR_MTRRCAP || msr == MSR_MTRR_DEF_TYPE || msr == MSR_PAT ||
           fixed_index(msr) >= 0 || variable_index(msr) >= 0;
}

/* --- checks --- */

static bool good_mtrr_type(uint64_t type)
{
    return type == MT_UC || type == MT_WC || type == MT_WT || type == MT_WP || type == MT_WB;
}

static bool good_types(uint64_t val, bool pat)
{
    for (unsigned int i = 0; i < FIXED_BLOCKS; i++, val >>= 8)
        if (!good_mtrr_type(val & MTRR_TYPE) && !(pat && (val & MTRR_TYPE) == MT_UC_MINUS))
            return false;
    return true;
}

static uint64_t address_bits(void) { return (1ULL << boot_cpu.paddr_bits) - 1; }

static bool good_variable(unsigned int index, uint64_t val)
{
    uint64_t low = index % 2 ? MTRR_MASK_VALID : MTRR_TYPE;

    if (val & ~((address_bits() & MTRR_ADDR_MASK) | low))
        return false;
    return index % 2 || good_mtrr_type(val & MTRR_TYPE);
}

static bool good_def_type(uint64_t val)
{
    return !(val & ~(uint64_t)MTRR_DEF_VALID) && good_mtrr_type(val & MTRR_DEF_TYPE);
}

/* --- MSRs --- */

void vmtrr_reset(struct vcpu *v)
{
    struct hvm_vcpu *hv = hvm_vcpu(v);

    memset(&hv->mtrr, 0, sizeof(hv->mtrr));
    hv->pat = PAT_RESET;
}

uint64_t vmtrr_pat(const struct vcpu *v) { return const_hvm_vcpu(v)->pat; }

int vmtrr_msr_read(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    const struct hvm_vcpu *hv = const_hvm_vcpu(v);

    if (!ours(msr))
        return -ENOENT;
    if (msr == MSR_PAT)
        *val = hv->pat;
    else if (msr == MSR_MTRRCAP)
        *val = MTRR_CAP_VALUE;
    else if (msr == MSR_MTRR_DEF_TYPE)
        *val = hv->mtrr.def_type;
    else if (fixed_index(msr) >= 0)
        *val = hv->mtrr.fixed[fixed_index(msr)];
    else
        *val = hv->mtrr.var[variable_index(msr)];
    return 0;
}

int vmtrr_msr_write(struct vcpu *v, uint32_t msr, uint64_t val)
{
    struct hvm_vcpu *hv = hvm_vcpu(v);
    int fixed = fixed_index(msr), variable = variable_index(msr);

    if (!ours(msr))
        return -ENOENT;
    if (msr == MSR_PAT && good_types(val, true))
        hv->pat = val;
    else if (msr == MSR_MTRR_DEF_TYPE && good_def_type(val))
        hv->mtrr.def_type = val;
    else if (fixed >= 0 && good_types(val, false))
        hv->mtrr.fixed[fixed] = val;
    else if (variable >= 0 && good_variable((unsigned int)variable, val))
        hv->mtrr.var[variable] = val;
    else
        return -EPERM;
    return 0;
}

/* --- the type of an address --- */

static enum mem_type fixed_type(const struct hvm_mtrr *m, uint64_t gpa)
{
    unsigned int msr, block;

    if (gpa < 0x80000) {
        msr = 0;
        block = (unsigned int)(gpa >> 16);
    } else if (gpa < 0xc0000) {
        block = (unsigned int)((gpa - 0x80000) >> 14);
        msr = 1 + block / FIXED_BLOCKS;
    } else {
        block = (unsigned int)((gpa - 0xc0000) >> 12);
        msr = 3 + block / FIXED_BLOCKS;
    }
    return (m->fixed[msr] >> (block % FIXED_BLOCKS * 8)) & MTRR_TYPE;
}

/* "MTRR Precedences": UC wins, WT wins over WB; others are undefined, and UC here. */
static enum mem_type overlap(enum mem_type a, enum mem_type b)
{
    if (a == b)
        return a;
    if ((a == MT_WT && b == MT_WB) || (a == MT_WB && b == MT_WT))
        return MT_WT;
    return MT_UC;
}

enum mem_type vmtrr_type(const struct vcpu *v, uint64_t gpa)
{
    const struct hvm_mtrr *m = &const_hvm_vcpu(v)->mtrr;
    enum mem_type type = MT_UC;
    bool found = false;

    if (!(m->def_type & MTRR_DEF_ENABLE))
        return MT_UC;
    if ((m->def_type & MTRR_DEF_FIXED) && gpa < MTRR_FIXED_END)
        return fixed_type(m, gpa);
    for (unsigned int i = 0; i < HVM_MTRR_VARIABLE; i++) {
        uint64_t base = m->var[2 * i], mask = m->var[2 * i + 1];

        if (!(mask & MTRR_MASK_VALID) || ((gpa ^ base) & mask & MTRR_ADDR_MASK))
            continue;
        type = found ? overlap(type, base & MTRR_TYPE) : (enum mem_type)(base & MTRR_TYPE);
        found = true;
    }
    return found ? type : (enum mem_type)(m->def_type & MTRR_DEF_TYPE);
}

/* --- record --- */

static void save_mtrr(struct domain *d, unsigned int instance, void *record)
{
    const struct hvm_vcpu *hv = hvm_vcpu(d->vcpu[instance]);
    struct hvm_hw_mtrr *r = record;

    r->msr_pat_cr = hv->pat;
    memcpy(r->msr_mtrr_var, hv->mtrr.var, sizeof(r->msr_mtrr_var));
    memcpy(r->msr_mtrr_fixed, hv->mtrr.fixed, sizeof(r->msr_mtrr_fixed));
    r->msr_mtrr_cap = MTRR_CAP_VALUE;
    r->msr_mtrr_def_type = hv->mtrr.def_type;
}
_Static_assert(sizeof(((struct hvm_mtrr *)0)->var) ==
               sizeof(((struct hvm_hw_mtrr *)0)->msr_mtrr_var), "variable MTRRs");
_Static_assert(sizeof(((struct hvm_mtrr *)0)->fixed) == FIXED_RANGES * 8 &&
               FIXED_RANGES == NUM_FIXED_MSR, "fixed MTRRs");

static const char *check_mtrr(struct domain *d, unsigned int instance, const void *record)
{
    const struct hvm_hw_mtrr *r = record;

    if (!good_types(r->msr_pat_cr, true))
        return "reserved memory type in the PAT";
    if ((r->msr_mtrr_cap & MTRR_TYPE) > HVM_MTRR_VARIABLE)
        return "too many variable MTRRs";
    if (!good_def_type(r->msr_mtrr_def_type))
        return "bad MTRR default type";
    for (unsigned int i = 0; i < FIXED_RANGES; i++)
        if (!good_types(r->msr_mtrr_fixed[i], false))
            return "bad fixed MTRR";
    for (unsigned int i = 0; i < 2 * HVM_MTRR_VARIABLE; i++)
        if (!good_variable(i, r->msr_mtrr_var[i]))
            return "bad variable MTRR";
    return NULL;
}

static void load_mtrr(struct domain *d, unsigned int instance, const void *record)
{
    struct hvm_vcpu *hv = hvm_vcpu(d->vcpu[instance]);
    const struct hvm_hw_mtrr *r = record;

    hv->pat = r->msr_pat_cr;
    memcpy(hv->mtrr.var, r->msr_mtrr_var, sizeof(hv->mtrr.var));
    memcpy(hv->mtrr.fixed, r->msr_mtrr_fixed, sizeof(hv->mtrr.fixed));
    hv->mtrr.def_type = r->msr_mtrr_def_type;
}

const struct hvm_record vmtrr_record = {
    HVM_RECORD(MTRR), .instances = vcpu_instances, .has = has_vcpu,
    .save = save_mtrr, .check = check_mtrr, .load = load_mtrr,
};
