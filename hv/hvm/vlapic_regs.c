/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of the local APIC, for its memory page and its MSRs, and the page's manners: what is
 * not an aligned access of 32 bits reads or writes the register it lies in as well as it can.
 */
#include "vplatform.h"

#define MMIO_SPAN 0x400 /* registers lie below; the rest of the page is reserved */

/* Writable bits of the local vector table. */
static const struct { uint16_t reg; uint32_t mask; } lvts[] = {
    { APIC_LVT_TIMER, APIC_VECTOR | APIC_LVT_MASKED | APIC_TIMER_MODE },
    { APIC_LVT_THERMAL, APIC_VECTOR | APIC_DELIVERY | APIC_LVT_MASKED },
    { APIC_LVT_PMC, APIC_VECTOR | APIC_DELIVERY | APIC_LVT_MASKED },
    { APIC_LVT_LINT0, APIC_VECTOR | APIC_DELIVERY | APIC_LVT_MASKED | (1u << 13) | (1u << 15) },
    { APIC_LVT_LINT1, APIC_VECTOR | APIC_DELIVERY | APIC_LVT_MASKED | (1u << 13) | (1u << 15) },
    { APIC_LVT_ERROR, APIC_VECTOR | APIC_LVT_MASKED },
};

static int lvt_of(unsigned int reg)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(lvts); i++)
        if (lvts[i].reg == reg)
            return (int)i;
    return -1;
}

bool vlapic_reg_exists(unsigned int reg)
{
    switch (reg) {
    case APIC_ID: case APIC_VERSION: case APIC_TPR: case APIC_APR: case APIC_PPR: case APIC_EOI:
    case APIC_RRR: case APIC_LDR: case APIC_DFR: case APIC_SVR: case APIC_ESR: case APIC_ICR:
    case APIC_ICR_HIGH: case APIC_TIMER_INIT: case APIC_TIMER_COUNT: case APIC_TIMER_DIVIDE:
        return true;
    default:
        return (reg >= APIC_ISR && reg < APIC_ESR && reg % APIC_REG_STRIDE == 0) ||
               lvt_of(reg) >= 0;
    }
}

uint32_t vlapic_read_reg(struct vlapic *l, unsigned int reg)
{
    if (!vlapic_reg_exists(reg)) {
        vlapic_error(l, APIC_ESR_REGISTER);
        return 0;
    }
    switch (reg) {
    case APIC_PPR: return vlapic_ppr(l);
    case APIC_TIMER_COUNT: return vlapic_timer_count(l);
    case APIC_EOI: case APIC_APR: case APIC_RRR: return 0;
    default: return vlapic_reg(l, reg);
    }
}

/* Software disable masks the table at once and for as long as it lasts. */
static void write_svr(struct vlapic *l, uint32_t val)
{
    bool was = vlapic_enabled(l);

    vlapic_set_reg(l, APIC_SVR, val & (APIC_SVR_VECTOR | APIC_SVR_ENABLE | APIC_SVR_FOCUS));
    if (!(val & APIC_SVR_ENABLE)) {
        for (unsigned int i = 0; i < ARRAY_SIZE(lvts); i++)
            vlapic_set_reg(l, lvts[i].reg, vlapic_reg(l, lvts[i].reg) | APIC_LVT_MASKED);
    } else if (!was) {
        WRITE_ONCE(l->irr_pending, true);   /* what was pending before is due again */
    }
}

static void write_lvt(struct vlapic *l, unsigned int nr, uint32_t val)
{
    val &= lvts[nr].mask;
    if (!(vlapic_reg(l, APIC_SVR) & APIC_SVR_ENABLE))
        val |= APIC_LVT_MASKED;
    if (lvts[nr].reg == APIC_LVT_TIMER) {
        vlapic_timer_write_lvt(l, val);
        return;
    }
    vlapic_set_reg(l, lvts[nr].reg, val);
    /* The 8259 pair may have waited for just this. */
    if (lvts[nr].reg == APIC_LVT_LINT0 && vlapic_takes_extint(l))
        vcpu_kick(l->v);
}

static void write_icr(struct vlapic *l, uint32_t val)
{
    uint32_t high = vlapic_reg(l, APIC_ICR_HIGH);

    vlapic_set_reg(l, APIC_ICR, val & APIC_ICR_VALID);
    vlapic_send_ipi(l, val & APIC_ICR_VALID,
                    vlapic_x2apic(l) ? high : high >> APIC_ICR_XAPIC_DEST_SHIFT);
}

bool vlapic_write_reg(struct vlapic *l, unsigned int reg, uint32_t val)
{
    switch (reg) {
    case APIC_TPR:
        vlapic_set_reg(l, reg, val & 0xff);
        return true;
    case APIC_EOI:
        vlapic_eoi(l);
        return true;
    case APIC_LDR:
        if (vlapic_x2apic(l))
            return false;
        vlapic_set_reg(l, reg, val & ~((1u << APIC_LDR_SHIFT) - 1));
        return true;
    case APIC_DFR:
        vlapic_set_reg(l, reg, val | APIC_DFR_CLUSTER);
        return true;
    case APIC_SVR:
        write_svr(l, val);
        return true;
    case APIC_ESR:
        /* A write makes what has come together since the last one readable. */
        vlapic_set_reg(l, reg, xchg(&l->esr, 0));
        return true;
    case APIC_ICR:
        write_icr(l, val);
        return true;
    case APIC_ICR_HIGH:
        vlapic_set_reg(l, reg, val & (0xffu << APIC_ICR_XAPIC_DEST_SHIFT));
        return true;
    case APIC_TIMER_INIT:
        vlapic_timer_write_count(l, val);
        return true;
    case APIC_TIMER_DIVIDE:
        vlapic_timer_write_divide(l, val & APIC_TIMER_DIVIDE_MASK);
        return true;
    case APIC_SELF_IPI:
        vlapic_send_ipi(l, (val & APIC_VECTOR) | APIC_SH_SELF << APIC_ICR_SHORTHAND_SHIFT, 0);
        return true;
    default:
        if (lvt_of(reg) < 0)
            return false;
        write_lvt(l, (unsigned int)lvt_of(reg), val);
        return true;
    }
}

/* --- the page --- */

int vlapic_mmio_read(struct vcpu *v, uint64_t addr, unsigned int size, uint64_t *val)
{
    unsigned int offset = (unsigned int)(addr & (VLAPIC_PAGE_SIZE - 1));
    unsigned int in_reg = offset % APIC_REG_STRIDE;

    *val = 0;
    /* Only the first of each 16 bytes' four words is there. */
    if (in_reg >= sizeof(uint32_t))
        return HVM_IO_DONE;
    if (offset - in_reg >= MMIO_SPAN)
        vlapic_error(vcpu_vlapic(v), APIC_ESR_REGISTER);
    else
        *val = vlapic_read_reg(vcpu_vlapic(v), offset - in_reg) >> (in_reg * 8);
    return HVM_IO_DONE;
}

int vlapic_mmio_write(struct vcpu *v, uint64_t addr, unsigned int size, uint64_t val)
{
    unsigned int offset = (unsigned int)(addr & (VLAPIC_PAGE_SIZE - 1));
    struct vlapic *l = vcpu_vlapic(v);

    /* "APIC Register Map": other accesses than aligned ones of 32 bits are undefined; they do
       nothing, but for the EOI that some write with a byte. */
    if (offset == APIC_EOI)
        vlapic_eoi(l);
    else if (offset % APIC_REG_STRIDE || size < sizeof(uint32_t))
        return HVM_IO_DONE;
    else if (offset >= MMIO_SPAN || offset == APIC_SELF_IPI ||
             (!vlapic_write_reg(l, offset, (uint32_t)val) && !vlapic_reg_exists(offset)))
        vlapic_error(l, APIC_ESR_REGISTER);
    return HVM_IO_DONE;
}
