/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local APIC: what is pending, in service and due, by priority; reset; MSRs and CR8. Messages are
 * in vlapic_ipi.c, registers in vlapic_regs.c, the timer in vlapic_timer.c.
 *
 * IRR is set by anybody with one locked operation on the register page; irr_pending says that there
 * may be something, so that an entry with nothing costs one test. ISR, PPR and all else are touched
 * by the vCPU alone.
 */
#include <hv/errno.h>
#include <hv/msr_index.h>
#include "vplatform.h"

#define VECTORS 256
#define WORD_OF(vector) (((vector) / 32) * APIC_REG_STRIDE)

static uint32_t *bitmap_word(const struct vlapic *l, unsigned int base, unsigned int vector)
{
    return (uint32_t *)(l->page + base + WORD_OF(vector));
}

/* Highest vector of IRR, ISR or TMR, -1 if there is none. */
static int highest(const struct vlapic *l, unsigned int base)
{
    for (int word = VECTORS / 32 - 1; word >= 0; word--) {
        uint32_t bits = vlapic_reg(l, base + (unsigned int)word * APIC_REG_STRIDE);

        if (bits)
            return word * 32 + (int)fls64(bits);
    }
    return -1;
}

static int find_highest_irr(struct vlapic *l)
{
    int vector;

    if (!READ_ONCE(l->irr_pending))
        return -1;
    vector = highest(l, APIC_IRR);
    if (vector >= 0)
        return vector;
    /* A vector set between the look and the store would be forgotten: look again after it. */
    (void)xchg(&l->irr_pending, false);
    vector = highest(l, APIC_IRR);
    if (vector >= 0)
        WRITE_ONCE(l->irr_pending, true);
    return vector;
}

/* "Task and Processor Priorities" */
unsigned int vlapic_ppr(const struct vlapic *l)
{
    unsigned int tpr = vlapic_reg(l, APIC_TPR) & 0xff;
    unsigned int isr = l->isr_top < 0 ? 0 : (unsigned int)l->isr_top;

    return (tpr >> 4) >= (isr >> 4) ? tpr : isr & 0xf0;
}

int vlapic_highest_pending(struct vlapic *l)
{
    int vector;

    if (!READ_ONCE(l->irr_pending) || !vlapic_enabled(l))
        return -1;
    vector = find_highest_irr(l);
    return vector >= 0 && ((unsigned int)vector >> 4) > (vlapic_ppr(l) >> 4) ? vector : -1;
}

int vlapic_highest_irr(struct vcpu *v)
{
    return vcpu_vlapic(v) ? find_highest_irr(vcpu_vlapic(v)) : -1;
}

void vlapic_ack(struct vlapic *l, uint8_t vector)
{
    test_and_clear_bit32(vector % 32, bitmap_word(l, APIC_IRR, vector));
    *bitmap_word(l, APIC_ISR, vector) |= 1u << (vector % 32);
    l->isr_top = vector;    /* above all others in service, or it would not be pending */
}

void vlapic_recount(struct vlapic *l)
{
    l->isr_top = (int16_t)highest(l, APIC_ISR);
    WRITE_ONCE(l->irr_pending, true);
}

void vlapic_error(struct vlapic *l, uint32_t bits)
{
    uint32_t old = __atomic_fetch_or(&l->esr, bits, __ATOMIC_SEQ_CST);
    uint32_t lvt = vlapic_reg(l, APIC_LVT_ERROR);

    /* Only a new kind of error interrupts; so a bad vector in LVT_ERROR ends here, too. */
    if ((old & bits) != bits && vlapic_enabled(l) && !(lvt & APIC_LVT_MASKED))
        vlapic_set_irq(l->v, lvt & APIC_VECTOR, false);
}

void vlapic_set_irq(struct vcpu *v, uint8_t vector, bool level)
{
    struct vlapic *l = vcpu_vlapic(v);
    uint32_t *tmr;

    if (!l || !vlapic_enabled(l))
        return;
    if (vector < APIC_FIRST_VECTOR) {
        vlapic_error(l, APIC_ESR_RECV_VECTOR);
        return;
    }
    tmr = bitmap_word(l, APIC_TMR, vector);
    if (!!(READ_ONCE(*tmr) & (1u << (vector % 32))) != level) {
        if (level)
            test_and_set_bit32(vector % 32, tmr);
        else
            test_and_clear_bit32(vector % 32, tmr);
    }
    if (!test_and_set_bit32(vector % 32, bitmap_word(l, APIC_IRR, vector))) {
        (void)xchg(&l->irr_pending, true);
        vcpu_kick(v);
    }
}

/* --- end of interrupt --- */

void vlapic_eoi(struct vlapic *l)
{
    int top = l->isr_top;
    unsigned int vector = (unsigned int)top;

    if (top < 0)
        return;
    *bitmap_word(l, APIC_ISR, vector) &= ~(1u << (vector % 32));
    l->isr_top = (int16_t)highest(l, APIC_ISR);
    if (READ_ONCE(*bitmap_word(l, APIC_TMR, vector)) & (1u << (vector % 32)))
        vioapic_eoi(l->v->domain, (uint8_t)vector);
}

/* --- TPR --- */

uint8_t vlapic_tpr(const struct vcpu *v)
{
    return vcpu_vlapic(v) ? (uint8_t)vlapic_reg(vcpu_vlapic(v), APIC_TPR) : 0;
}

void vlapic_set_tpr(struct vcpu *v, uint8_t tpr)
{
    if (vcpu_vlapic(v))
        vlapic_set_reg(vcpu_vlapic(v), APIC_TPR, tpr);
}

/* --- reset --- */

static uint32_t xapic_id(const struct vlapic *l)
{
    return VLAPIC_ID(l->v->vcpu_id) << APIC_ICR_XAPIC_DEST_SHIFT;
}

/* "Local APIC State After Power-Up or Reset"; INIT keeps what belongs to the place. */
void vlapic_reset(struct vlapic *l, bool init)
{
    static const unsigned int lvts[] = { APIC_LVT_TIMER, APIC_LVT_THERMAL, APIC_LVT_PMC,
                                         APIC_LVT_LINT0, APIC_LVT_LINT1, APIC_LVT_ERROR };

    vlapic_timer_stop(l);
    memset(l->page, 0, VLAPIC_PAGE_SIZE);
    if (!init)
        l->base_msr = APIC_DEFAULT_BASE | APIC_BASE_ENABLE |
                      (l->v->vcpu_id == 0 ? APIC_BASE_BSP : 0);
    vlapic_set_reg(l, APIC_ID, vlapic_x2apic(l) ? VLAPIC_ID(l->v->vcpu_id) : xapic_id(l));
    vlapic_set_reg(l, APIC_VERSION, APIC_VERSION_VALUE);
    vlapic_set_reg(l, APIC_SVR, APIC_SVR_RESET);
    vlapic_set_reg(l, APIC_DFR, APIC_DFR_FLAT);
    for (unsigned int i = 0; i < ARRAY_SIZE(lvts); i++)
        vlapic_set_reg(l, lvts[i], APIC_LVT_MASKED);
    if (vlapic_x2apic(l))
        vlapic_set_reg(l, APIC_LDR, vlapic_x2apic_ldr(l->v->vcpu_id));
    l->esr = 0;
    l->isr_top = -1;
    l->irr_pending = false;
}

bool vlapic_takes_extint(const struct vlapic *l)
{
    uint32_t lint0 = vlapic_reg(l, APIC_LVT_LINT0);

    if (!vlapic_hw_enabled(l))
        return l->v->vcpu_id == 0;  /* the 8259 pair reaches the boot CPU's own pin */
    return (lint0 & (APIC_LVT_MASKED | APIC_DELIVERY)) == APIC_LVT_EXTINT;
}

/* --- APIC base --- */

bool vlapic_x2apic_mode(const struct vcpu *v)
{
    return vcpu_vlapic(v) && vlapic_x2apic(vcpu_vlapic(v));
}

void *vlapic_page(const struct vcpu *v)
{
    return vcpu_vlapic(v) ? vcpu_vlapic(v)->page : NULL;
}

uint64_t vlapic_mmio_base(const struct vcpu *v)
{
    const struct vlapic *l = vcpu_vlapic(v);

    return l && vlapic_hw_enabled(l) && !vlapic_x2apic(l) ? l->base_msr & APIC_BASE_MASK : 0;
}

/* "x2APIC State Transitions": only disabled - xAPIC - x2APIC - disabled. */
static int write_base(struct vlapic *l, uint64_t val)
{
    const uint64_t mode = APIC_BASE_ENABLE | APIC_BASE_X2APIC;
    uint64_t old = l->base_msr & mode, new = val & mode;

    if (val & ~(APIC_BASE_MASK | mode | APIC_BASE_BSP))
        return -EPERM;
    if ((val & APIC_BASE_X2APIC) && !guest_has(l->v->domain, X86_FEATURE_X2APIC))
        return -EPERM;
    if (new == APIC_BASE_X2APIC || (old == mode && new == APIC_BASE_ENABLE) ||
        (!old && new == mode))
        return -EPERM;
    l->base_msr = (val & ~(uint64_t)APIC_BASE_BSP) | (l->base_msr & APIC_BASE_BSP);
    if (old && !new) {
        vlapic_reset(l, true);      /* nothing pending or programmed survives */
    } else if (new == mode && old != mode) {
        vlapic_set_reg(l, APIC_ID, VLAPIC_ID(l->v->vcpu_id));
        vlapic_set_reg(l, APIC_LDR, vlapic_x2apic_ldr(l->v->vcpu_id));
        vlapic_set_reg(l, APIC_ICR_HIGH, 0);
    }
    return 0;
}

/* --- MSRs --- */

/* "x2APIC Register Address Space": registers without a counterpart there. */
static bool x2apic_has(unsigned int reg, bool write)
{
    if (reg == APIC_SELF_IPI)
        return write;
    return reg != APIC_DFR && reg != APIC_ICR_HIGH && reg != APIC_APR && reg != APIC_RRR &&
           (write || reg != APIC_EOI);
}

static int x2apic_read(struct vlapic *l, uint32_t msr, uint64_t *val)
{
    unsigned int reg = (msr - MSR_X2APIC_FIRST) * APIC_REG_STRIDE;

    if (!vlapic_x2apic(l) || !x2apic_has(reg, false) || !vlapic_reg_exists(reg))
        return -EPERM;
    *val = vlapic_read_reg(l, reg);
    if (reg == APIC_ICR)
        *val |= (uint64_t)vlapic_reg(l, APIC_ICR_HIGH) << 32;
    return 0;
}

/* What a register's write may hold; other bits are reserved, and #GP. */
static uint32_t x2apic_writable(unsigned int reg)
{
    switch (reg) {
    case APIC_TPR: case APIC_SELF_IPI: return 0xff;
    case APIC_EOI: case APIC_ESR: return 0;
    case APIC_SVR: return APIC_SVR_VECTOR | APIC_SVR_ENABLE | APIC_SVR_FOCUS;
    case APIC_LVT_TIMER: return APIC_VECTOR | APIC_LVT_MASKED | APIC_TIMER_MODE | APIC_LVT_STATUS;
    case APIC_LVT_LINT0: case APIC_LVT_LINT1:
        return APIC_VECTOR | APIC_DELIVERY | APIC_LVT_MASKED | (1u << 13) | (1u << 15) |
               APIC_LVT_STATUS | APIC_LVT_REMOTE_IRR;
    case APIC_LVT_THERMAL: case APIC_LVT_PMC:
        return APIC_VECTOR | APIC_DELIVERY | APIC_LVT_MASKED | APIC_LVT_STATUS;
    case APIC_LVT_ERROR: return APIC_VECTOR | APIC_LVT_MASKED | APIC_LVT_STATUS;
    case APIC_TIMER_INIT: return UINT32_MAX;
    case APIC_TIMER_DIVIDE: return APIC_TIMER_DIVIDE_MASK;
    case APIC_ICR: return APIC_ICR_VALID;
    default: return 0;
    }
}

static int x2apic_write(struct vlapic *l, uint32_t msr, uint64_t val)
{
    unsigned int reg = (msr - MSR_X2APIC_FIRST) * APIC_REG_STRIDE;

    if (!vlapic_x2apic(l) || !x2apic_has(reg, true))
        return -EPERM;
    if ((uint32_t)val & ~x2apic_writable(reg))
        return -EPERM;
    if (reg == APIC_ICR) {
        vlapic_set_reg(l, APIC_ICR_HIGH, (uint32_t)(val >> 32));
    } else if (val >> 32) {
        return -EPERM;
    }
    return vlapic_write_reg(l, reg, (uint32_t)val) ? 0 : -EPERM;
}

static bool is_x2apic(uint32_t msr) { return msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST; }

int vlapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *val)
{
    struct vlapic *l = vcpu_vlapic(v);

    if (msr != MSR_APIC_BASE && msr != MSR_TSC_DEADLINE && !is_x2apic(msr))
        return -ENOENT;
    if (!l)
        return -EPERM;
    if (is_x2apic(msr))
        return x2apic_read(l, msr, val);
    if (msr == MSR_APIC_BASE) {
        *val = l->base_msr;
        return 0;
    }
    if (!guest_has(v->domain, X86_FEATURE_TSC_DEADLINE))
        return -EPERM;
    *val = vlapic_deadline(l);
    return 0;
}

int vlapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t val)
{
    struct vlapic *l = vcpu_vlapic(v);

    if (msr != MSR_APIC_BASE && msr != MSR_TSC_DEADLINE && !is_x2apic(msr))
        return -ENOENT;
    if (!l)
        return -EPERM;
    if (is_x2apic(msr))
        return x2apic_write(l, msr, val);
    if (msr == MSR_APIC_BASE)
        return write_base(l, val);
    if (!guest_has(v->domain, X86_FEATURE_TSC_DEADLINE))
        return -EPERM;
    vlapic_write_deadline(l, val);
    return 0;
}
