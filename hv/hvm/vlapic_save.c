/* SPDX-License-Identifier: BSD-2-Clause */
/* Records of the local APIC: its hidden state, and its registers as the hardware lays them out. */
#include "vplatform.h"

/* hvm_hw_lapic.disabled */
#define VLAPIC_SW_DISABLED 1
#define VLAPIC_HW_DISABLED 2

unsigned int one_instance(const struct domain *d) { return 1; }
unsigned int vcpu_instances(const struct domain *d) { return d->max_vcpus; }
bool has_vcpu(const struct domain *d, unsigned int instance)
{
    return domain_vcpu(d, instance) != NULL;
}

static struct vlapic *vlapic_of(struct domain *d, unsigned int instance)
{
    return vcpu_vlapic(d->vcpu[instance]);
}
static bool has_vlapic(const struct domain *d, unsigned int instance)
{
    return has_vcpu(d, instance) && vcpu_vlapic(d->vcpu[instance]);
}

/* --- LAPIC --- */

static void save_hidden(struct domain *d, unsigned int instance, void *record)
{
    struct vlapic *l = vlapic_of(d, instance);
    struct hvm_hw_lapic *r = record;

    r->apic_base_msr = l->base_msr;
    r->disabled = (vlapic_reg(l, APIC_SVR) & APIC_SVR_ENABLE ? 0 : VLAPIC_SW_DISABLED) |
                  (vlapic_hw_enabled(l) ? 0 : VLAPIC_HW_DISABLED);
    r->timer_divisor = vlapic_timer_divisor(vlapic_reg(l, APIC_TIMER_DIVIDE));
    r->tdt_msr = vlapic_deadline(l);
}

static const char *check_hidden(struct domain *d, unsigned int instance, const void *record)
{
    const struct hvm_hw_lapic *r = record;
    const uint64_t mode = APIC_BASE_ENABLE | APIC_BASE_X2APIC;

    if (r->apic_base_msr & ~(APIC_BASE_MASK | mode | APIC_BASE_BSP))
        return "reserved bits in the APIC base";
    if ((r->apic_base_msr & mode) == APIC_BASE_X2APIC)
        return "x2APIC mode without the APIC enabled";
    return NULL;
}

static void load_hidden(struct domain *d, unsigned int instance, const void *record)
{
    const struct hvm_hw_lapic *r = record;
    struct vlapic *l = vlapic_of(d, instance);

    l->base_msr = r->apic_base_msr;
    spin_lock(&l->timer_lock);
    l->deadline = r->tdt_msr;
    spin_unlock(&l->timer_lock);
}

const struct hvm_record vlapic_record = {
    HVM_RECORD(LAPIC), .instances = vcpu_instances, .has = has_vlapic,
    .save = save_hidden, .check = check_hidden, .load = load_hidden,
};

/* --- LAPIC_REGS --- */

static void save_regs(struct domain *d, unsigned int instance, void *record)
{
    struct vlapic *l = vlapic_of(d, instance);
    struct hvm_hw_lapic_regs *r = record;
    uint32_t count = vlapic_timer_count(l);

    memcpy(r->data, l->page, sizeof(r->data));
    memcpy(r->data + APIC_TIMER_COUNT, &count, sizeof(count));
}

static uint32_t reg_of(const struct hvm_hw_lapic_regs *r, unsigned int reg)
{
    uint32_t val;

    memcpy(&val, r->data + reg, sizeof(val));
    return val;
}

static const char *check_regs(struct domain *d, unsigned int instance, const void *record)
{
    const uint32_t reserved = (1u << APIC_FIRST_VECTOR) - 1;

    if ((reg_of(record, APIC_IRR) | reg_of(record, APIC_ISR)) & reserved)
        return "interrupts below vector 16";
    return NULL;
}

/* All bits that registers can't hold are dropped; the rest is as if it had been written. */
static void load_regs(struct domain *d, unsigned int instance, const void *record)
{
    static const uint16_t plain[] = { APIC_TPR, APIC_LDR, APIC_DFR, APIC_SVR, APIC_ESR, APIC_ICR,
                                      APIC_ICR_HIGH, APIC_LVT_TIMER, APIC_LVT_THERMAL,
                                      APIC_LVT_PMC, APIC_LVT_LINT0, APIC_LVT_LINT1, APIC_LVT_ERROR,
                                      APIC_TIMER_INIT, APIC_TIMER_DIVIDE };
    struct vlapic *l = vlapic_of(d, instance);
    const struct hvm_hw_lapic_regs *r = record;
    uint64_t base = l->base_msr, deadline = l->deadline;

    vlapic_reset(l, true);
    for (unsigned int reg = APIC_ISR; reg < APIC_ESR; reg += APIC_REG_STRIDE)
        vlapic_set_reg(l, reg, reg_of(r, reg));
    for (unsigned int i = 0; i < ARRAY_SIZE(plain); i++)
        vlapic_set_reg(l, plain[i], reg_of(r, plain[i]));
    l->base_msr = base;
    vlapic_set_reg(l, APIC_TPR, vlapic_reg(l, APIC_TPR) & 0xff);
    vlapic_set_reg(l, APIC_DFR, vlapic_reg(l, APIC_DFR) | APIC_DFR_CLUSTER);
    if (vlapic_x2apic(l))
        vlapic_set_reg(l, APIC_LDR, vlapic_x2apic_ldr(l->v->vcpu_id));
    vlapic_recount(l);
    vlapic_timer_restore(l, reg_of(r, APIC_TIMER_INIT), reg_of(r, APIC_TIMER_COUNT), deadline);
}

const struct hvm_record vlapic_regs_record = {
    HVM_RECORD(LAPIC_REGS), .instances = vcpu_instances, .has = has_vlapic,
    .save = save_regs, .check = check_regs, .load = load_regs,
};
