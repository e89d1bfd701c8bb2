/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * I/O APIC of 48 pins: 16 of ISA, 32 of PCI. Source: 82093AA data sheet, "Register Description" and
 * "Interrupt Controller Functional Description". State is the ABI's struct hvm_hw_vioapic.
 *
 * A level interrupt sets Remote IRR when a local APIC has taken it and is not sent again before its
 * EOI. If then the line is still held, it is sent at once.
 */
#include "vplatform.h"

#define RTE_DEST_SHIFT 56

static bool is_level(uint64_t rte) { return rte & IOAPIC_RTE_LEVEL; }

/* irq_lock is held for all that follows. */

static bool send(struct vplatform *p, unsigned int pin)
{
    uint64_t rte = p->ioapic.redirtbl[pin].bits;
    struct apic_msg m = {
        .dest = (uint32_t)(rte >> RTE_DEST_SHIFT),
        .logical = rte & IOAPIC_RTE_LOGICAL,
        .vector = rte & IOAPIC_RTE_VECTOR,
        .delivery = (rte & IOAPIC_RTE_DELIVERY) >> IOAPIC_RTE_DELIVERY_SHIFT,
        .level = is_level(rte),
    };

    /* ExtINT is no message: who is meant asks the 8259 pair. A start-up comes from CPUs only. */
    if (m.delivery == APIC_DM_EXTINT || m.delivery == APIC_DM_STARTUP)
        return false;
    /* These are edges whatever the entry says. */
    if (m.delivery != APIC_DM_FIXED && m.delivery != APIC_DM_LOWEST)
        m.level = false;
    return vlapic_deliver(p->d, &m) && m.level;
}

/* Sends a level that is held and not being served. */
static void try_level(struct vplatform *p, unsigned int pin)
{
    uint64_t *rte = &p->ioapic.redirtbl[pin].bits;

    if (!is_level(*rte) || (*rte & (IOAPIC_RTE_MASKED | IOAPIC_RTE_REMOTE_IRR)) ||
        !gsi_level(p, pin))
        return;
    /* An EOI that comes at once waits for irq_lock, and so finds this set. */
    if (send(p, pin))
        *rte |= IOAPIC_RTE_REMOTE_IRR;
}

void vioapic_edge(struct vplatform *p, unsigned int pin, bool level)
{
    uint64_t rte = p->ioapic.redirtbl[pin].bits;

    if (!level)
        return;
    if (is_level(rte))
        try_level(p, pin);
    else if (!(rte & IOAPIC_RTE_MASKED))
        send(p, pin);
}

void vioapic_eoi(struct domain *d, uint8_t vector)
{
    struct vplatform *p = domain_platform(d);

    if (!platform_has(p, XEN_X86_EMU_IOAPIC))
        return;
    spin_lock(&p->irq_lock);
    for (unsigned int pin = 0; pin < VIOAPIC_NUM_PINS; pin++) {
        uint64_t *rte = &p->ioapic.redirtbl[pin].bits;

        if ((*rte & IOAPIC_RTE_VECTOR) != vector || !(*rte & IOAPIC_RTE_REMOTE_IRR))
            continue;
        *rte &= ~(uint64_t)IOAPIC_RTE_REMOTE_IRR;
        try_level(p, pin);
    }
    spin_unlock(&p->irq_lock);
}

/* --- registers --- */

static void write_rte(struct vplatform *p, unsigned int pin, bool high, uint32_t val)
{
    uint64_t *rte = &p->ioapic.redirtbl[pin].bits, new;

    if (high)
        new = (*rte & UINT32_MAX) |
              (uint64_t)(val & (0xffu << IOAPIC_RTE_DEST_SHIFT)) << 32;
    else
        new = (*rte & ~(uint64_t)IOAPIC_RTE_LOW_WRITABLE) | (val & IOAPIC_RTE_LOW_WRITABLE);
    if (!is_level(new))
        new &= ~(uint64_t)IOAPIC_RTE_REMOTE_IRR;
    WRITE_ONCE(*rte, new);
    try_level(p, pin);
    /* The 8259 pair may have waited for its way through. */
    if (pin == 0 && platform_has(p, XEN_X86_EMU_PIC) && vpic_asserts(p)) {
        struct vcpu *v;

        for_each_vcpu (p->d, v)
            vcpu_kick(v);
    }
}

static uint32_t read_window(struct vplatform *p)
{
    unsigned int reg = p->ioapic.ioregsel, pin = (reg - IOAPIC_REG_RTE) / 2;

    switch (reg) {
    case IOAPIC_REG_ID: case IOAPIC_REG_ARBITRATION:
        return (p->ioapic.id & IOAPIC_ID_MASK) << IOAPIC_ID_SHIFT;
    case IOAPIC_REG_VERSION:
        return VIOAPIC_VERSION | (VIOAPIC_NUM_PINS - 1) << 16;
    default:
        if (reg < IOAPIC_REG_RTE || pin >= VIOAPIC_NUM_PINS)
            return 0;
        return (uint32_t)(p->ioapic.redirtbl[pin].bits >> (reg & 1 ? 32 : 0));
    }
}

static void write_window(struct vplatform *p, uint32_t val)
{
    unsigned int reg = p->ioapic.ioregsel, pin = (reg - IOAPIC_REG_RTE) / 2;

    if (reg == IOAPIC_REG_ID)
        p->ioapic.id = (val >> IOAPIC_ID_SHIFT) & IOAPIC_ID_MASK;
    else if (reg >= IOAPIC_REG_RTE && pin < VIOAPIC_NUM_PINS)
        write_rte(p, pin, reg & 1, val);
}

/* --- memory; registers are 32 bits wide, parts of them are read but not written --- */

static int ioapic_read(struct vcpu *v, uint64_t addr, unsigned int size, uint64_t *val)
{
    struct vplatform *p = vcpu_platform(v);
    unsigned int offset = (unsigned int)(addr - VIOAPIC_BASE), in_reg = offset & 3;

    *val = 0;
    spin_lock(&p->irq_lock);
    if (offset - in_reg == IOAPIC_REGSEL)
        *val = p->ioapic.ioregsel >> (8 * in_reg);
    else if (offset - in_reg == IOAPIC_WINDOW)
        *val = read_window(p) >> (8 * in_reg);
    spin_unlock(&p->irq_lock);
    return HVM_IO_DONE;
}

static int ioapic_write(struct vcpu *v, uint64_t addr, unsigned int size, uint64_t val)
{
    struct vplatform *p = vcpu_platform(v);
    unsigned int offset = (unsigned int)(addr - VIOAPIC_BASE);

    spin_lock(&p->irq_lock);
    if (offset == IOAPIC_REGSEL)
        p->ioapic.ioregsel = val & IOAPIC_REG_MAX;
    else if (offset == IOAPIC_WINDOW && size >= sizeof(uint32_t))
        write_window(p, (uint32_t)val);
    spin_unlock(&p->irq_lock);
    return HVM_IO_DONE;
}

static const struct hvm_io_ops ioapic_ops = { ioapic_read, ioapic_write };

int vioapic_claim(struct domain *d)
{
    return hvm_io_claim_mmio(d, VIOAPIC_BASE, VIOAPIC_BASE + VIOAPIC_SIZE - 1, &ioapic_ops);
}

void vioapic_reset(struct vplatform *p)
{
    memset(&p->ioapic, 0, sizeof(p->ioapic));
    p->ioapic.base_address = VIOAPIC_BASE;
    for (unsigned int pin = 0; pin < VIOAPIC_NUM_PINS; pin++)
        p->ioapic.redirtbl[pin].bits = IOAPIC_RTE_MASKED;
}

/* --- record --- */

static unsigned int one_if_ioapic(const struct domain *d) { return hvm_has_ioapic(d); }

static void save_ioapic(struct domain *d, unsigned int instance, void *record)
{
    *(struct hvm_hw_vioapic *)record = domain_platform(d)->ioapic;
}

static const char *check_ioapic(struct domain *d, unsigned int instance, const void *record)
{
    const struct hvm_hw_vioapic *r = record;

    return r->base_address != VIOAPIC_BASE ? "the I/O APIC is at another address" : NULL;
}

static void load_ioapic(struct domain *d, unsigned int instance, const void *record)
{
    const uint64_t known = IOAPIC_RTE_LOW_WRITABLE | IOAPIC_RTE_REMOTE_IRR |
                           0xffULL << RTE_DEST_SHIFT;
    struct vplatform *p = domain_platform(d);

    spin_lock(&p->irq_lock);
    p->ioapic = *(const struct hvm_hw_vioapic *)record;
    p->ioapic.ioregsel &= IOAPIC_REG_MAX;
    p->ioapic.id &= IOAPIC_ID_MASK;
    for (unsigned int pin = 0; pin < VIOAPIC_NUM_PINS; pin++)
        p->ioapic.redirtbl[pin].bits &= known;
    spin_unlock(&p->irq_lock);
}

const struct hvm_record vioapic_record = {
    HVM_RECORD(IOAPIC), .instances = one_if_ioapic,
    .save = save_ioapic, .check = check_ioapic, .load = load_ioapic,
};
