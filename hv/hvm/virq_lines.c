/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupt lines of an HVM domain: ISA interrupts, PCI INTx wires, and the GSIs and 8259 inputs
 * that they end at. A GSI counts its holders; the controllers hear of its first and its last.
 *
 * A PCI wire holds the GSI that its place gives, and one of four links, which a router connects to
 * an ISA interrupt.
 */
#include <hv/errno.h>
#include "vplatform.h"

/* --- holders; irq_lock is held --- */

static void level_changed(struct vplatform *p, unsigned int gsi, bool level)
{
    if (p->lines_quiet)
        return;
    if (platform_has(p, XEN_X86_EMU_IOAPIC))
        vioapic_edge(p, gsi, level);
    if (platform_has(p, XEN_X86_EMU_PIC) && gsi < HVM_ISA_IRQS && gsi != 0)
        vpic_edge(p, gsi == isa_irq_gsi(0) ? 0 : gsi, level);
}

static void gsi_hold(struct vplatform *p, unsigned int gsi)
{
    if (p->gsi_count[gsi]++ == 0)
        level_changed(p, gsi, true);
}

static void gsi_drop(struct vplatform *p, unsigned int gsi)
{
    if (--p->gsi_count[gsi] == 0)
        level_changed(p, gsi, false);
}

static void wire_hold(struct vplatform *p, unsigned int device, unsigned int intx)
{
    unsigned int link = HVM_PCI_LINK(device, intx);

    gsi_hold(p, HVM_PCI_GSI(device, intx));
    if (p->link_count[link]++ == 0 && p->link_route[link])
        gsi_hold(p, p->link_route[link]);
}

static void wire_drop(struct vplatform *p, unsigned int device, unsigned int intx)
{
    unsigned int link = HVM_PCI_LINK(device, intx);

    gsi_drop(p, HVM_PCI_GSI(device, intx));
    if (--p->link_count[link] == 0 && p->link_route[link])
        gsi_drop(p, p->link_route[link]);
}

static void isa_set(struct vplatform *p, unsigned int irq, bool level)
{
    /* The cascade's input is no line, and its GSI is the timer's. */
    if (irq == PIC_CASCADE_IRQ || test_bit(irq, p->isa.i) == level)
        return;
    if (level) {
        __set_bit(irq, p->isa.i);
        gsi_hold(p, isa_irq_gsi(irq));
    } else {
        __clear_bit(irq, p->isa.i);
        gsi_drop(p, isa_irq_gsi(irq));
    }
}

static void other_set(struct vplatform *p, unsigned int gsi, bool level)
{
    if (test_bit(gsi, &p->other_gsi) == level)
        return;
    if (level) {
        __set_bit(gsi, &p->other_gsi);
        gsi_hold(p, gsi);
    } else {
        __clear_bit(gsi, &p->other_gsi);
        gsi_drop(p, gsi);
    }
}

/* --- from devices --- */

void hvm_isa_irq_set(struct domain *d, unsigned int irq, bool level)
{
    struct vplatform *p = domain_platform(d);

    spin_lock(&p->irq_lock);
    isa_set(p, irq, level);
    spin_unlock(&p->irq_lock);
}

void hvm_isa_irq_pulse(struct domain *d, unsigned int irq)
{
    struct vplatform *p = domain_platform(d);

    spin_lock(&p->irq_lock);
    isa_set(p, irq, false);
    isa_set(p, irq, true);
    spin_unlock(&p->irq_lock);
}

void hvm_gsi_set(struct domain *d, unsigned int gsi, bool level)
{
    struct vplatform *p = domain_platform(d);

    spin_lock(&p->irq_lock);
    other_set(p, gsi, level);
    spin_unlock(&p->irq_lock);
}

/* Others may share it by level: it does not stay up. */
void hvm_gsi_pulse(struct domain *d, unsigned int gsi)
{
    struct vplatform *p = domain_platform(d);

    spin_lock(&p->irq_lock);
    other_set(p, gsi, true);
    other_set(p, gsi, false);
    spin_unlock(&p->irq_lock);
}

bool hvm_gsi_open(struct vplatform *p, unsigned int gsi)
{
    return platform_has(p, XEN_X86_EMU_IOAPIC) &&
           !(READ_ONCE(p->ioapic.redirtbl[gsi].bits) & IOAPIC_RTE_MASKED);
}

/* Somebody listens to the 8259 pair. */
static bool pic_is_heard(struct vplatform *p)
{
    struct vcpu *v = domain_vcpu(p->d, 0);
    uint64_t pin0 = READ_ONCE(p->ioapic.redirtbl[0].bits);

    return (v && vcpu_vlapic(v) && vlapic_takes_extint(vcpu_vlapic(v))) ||
           (hvm_gsi_open(p, 0) &&
            (pin0 & IOAPIC_RTE_DELIVERY) >> IOAPIC_RTE_DELIVERY_SHIFT == APIC_DM_EXTINT);
}

bool hvm_isa_irq_open(struct vplatform *p, unsigned int irq)
{
    const struct hvm_hw_vpic *pic = &p->pic[irq >> 3];

    if (hvm_gsi_open(p, isa_irq_gsi(irq)))
        return true;
    if (!platform_has(p, XEN_X86_EMU_PIC) || (pic->imr & (1u << (irq & 7))))
        return false;
    return (irq < 8 || !(p->pic[0].imr & (1u << PIC_CASCADE_IRQ))) && pic_is_heard(p);
}

/* --- dm_op --- */

static bool has_lines(const struct vplatform *p)
{
    return platform_has(p, XEN_X86_EMU_IOAPIC | XEN_X86_EMU_PIC);
}

int hvm_set_isa_irq_level(struct domain *d, unsigned int irq, unsigned int level)
{
    if (irq >= HVM_ISA_IRQS || level > 1)
        return -EINVAL;
    if (!has_lines(domain_platform(d)))
        return -ENODEV;
    hvm_isa_irq_set(d, irq, level);
    return 0;
}

/* irq_lock is held. */
static void wire_set(struct vplatform *p, unsigned int device, unsigned int intx, bool level)
{
    unsigned int wire = device * 4 + intx;

    if (level && !__test_and_set_bit(wire, p->pci.i))
        wire_hold(p, device, intx);
    else if (!level && __test_and_clear_bit(wire, p->pci.i))
        wire_drop(p, device, intx);
}

int hvm_set_pci_intx_level(struct domain *d, unsigned int device, unsigned int intx,
                           unsigned int level)
{
    struct vplatform *p = domain_platform(d);

    if (device > 31 || intx > 3 || level > 1)
        return -EINVAL;
    if (!has_lines(p))
        return -ENODEV;
    spin_lock(&p->irq_lock);
    wire_set(p, device, intx, level);
    spin_unlock(&p->irq_lock);
    return 0;
}

/* irq_lock is held. */
static void route_link(struct vplatform *p, unsigned int link, uint8_t isa_irq)
{
    uint8_t old = p->link_route[link];

    p->link_route[link] = isa_irq;
    if (!p->link_count[link])
        return;
    if (old)
        gsi_drop(p, old);
    if (isa_irq)
        gsi_hold(p, isa_irq);
}

int hvm_set_pci_link_route(struct domain *d, unsigned int link, unsigned int isa_irq)
{
    struct vplatform *p = domain_platform(d);

    if (link > 3 || isa_irq >= HVM_ISA_IRQS)
        return -EINVAL;
    if (!has_lines(p))
        return -ENODEV;
    spin_lock(&p->irq_lock);
    route_link(p, link, (uint8_t)isa_irq);
    spin_unlock(&p->irq_lock);
    return 0;
}

int hvm_inject_msi(struct domain *d, uint64_t addr, uint32_t data)
{
    struct apic_msg m = {
        .dest = (uint32_t)(addr >> MSI_ADDR_DEST_SHIFT) & 0xff,
        .logical = addr & MSI_ADDR_LOGICAL,
        .vector = data & APIC_VECTOR,
        .delivery = (data & APIC_DELIVERY) >> APIC_DELIVERY_SHIFT,
        .level = data & MSI_DATA_LEVEL,
    };

    if (!hvm_has_lapic(d))
        return -ENODEV;
    if (m.delivery <= APIC_DM_LOWEST && m.vector < APIC_FIRST_VECTOR)
        return -EINVAL;
    /* A message of a level that ends. */
    if (m.level && !(data & MSI_DATA_ASSERT))
        return 0;
    vlapic_deliver(d, &m);
    return 0;
}

/* --- the event channel's line --- */

static void callback_line(struct vplatform *p, bool level)
{
    if (p->callback_held == level)
        return;
    p->callback_held = level;
    if (p->callback_kind == HVM_CALLBACK_GSI) {
        if (level)
            gsi_hold(p, p->callback_gsi);
        else
            gsi_drop(p, p->callback_gsi);
    } else if (level) {
        wire_hold(p, p->callback_dev, p->callback_intx);
    } else {
        wire_drop(p, p->callback_dev, p->callback_intx);
    }
}

void hvm_callback_update(struct vcpu *v)
{
    struct vplatform *p = vcpu_platform(v);
    bool level = READ_ONCE(v->vcpu_info->evtchn_upcall_pending);

    if (READ_ONCE(p->callback_held) == level)
        return;
    spin_lock(&p->irq_lock);
    if (p->callback_kind == HVM_CALLBACK_GSI || p->callback_kind == HVM_CALLBACK_PCI)
        callback_line(p, level);
    spin_unlock(&p->irq_lock);
}

struct callback { uint8_t kind, vector, gsi, dev, intx; };

static int decode_callback(const struct vplatform *p, uint64_t via, struct callback *c)
{
    *c = (struct callback){ .kind = HVM_CALLBACK_NONE };
    switch (via >> 56) {
    case HVM_PARAM_CALLBACK_TYPE_GSI:
        c->gsi = (uint8_t)via;
        if (c->gsi >= HVM_GSIS || (c->gsi && !has_lines(p)))
            return -EINVAL;
        if (c->gsi)
            c->kind = HVM_CALLBACK_GSI;
        return 0;
    case HVM_PARAM_CALLBACK_TYPE_PCI_INTX:
        c->dev = (via >> 11) & 31;
        c->intx = via & 3;
        c->kind = HVM_CALLBACK_PCI;
        return has_lines(p) ? 0 : -EINVAL;
    case HVM_PARAM_CALLBACK_TYPE_VECTOR:
        c->vector = (uint8_t)via;
        c->kind = HVM_CALLBACK_VECTOR;
        return c->vector < APIC_FIRST_VECTOR ? -EINVAL : 0;
    default:
        return -EINVAL;
    }
}

int hvm_callback_set(struct domain *d, uint64_t via)
{
    struct vplatform *p = domain_platform(d);
    struct callback c;
    struct vcpu *v;
    int rc = p ? decode_callback(p, via, &c) : -ENODEV;

    if (rc)
        return rc;
    spin_lock(&p->irq_lock);
    callback_line(p, false);
    WRITE_ONCE(p->callback_vector, c.vector);
    p->callback_gsi = c.gsi;
    p->callback_dev = c.dev;
    p->callback_intx = c.intx;
    WRITE_ONCE(p->callback_kind, c.kind);
    spin_unlock(&p->irq_lock);
    /* Events that are pending already go the new way. */
    for_each_vcpu (d, v)
        if (READ_ONCE(v->vcpu_info->evtchn_upcall_pending))
            vcpu_kick(v);
    return 0;
}

/* --- records: the controllers' own hold what the lines have done already --- */

static struct vplatform *begin_load(struct domain *d)
{
    struct vplatform *p = domain_platform(d);

    spin_lock(&p->irq_lock);
    p->lines_quiet = true;
    return p;
}

static void end_load(struct vplatform *p)
{
    p->lines_quiet = false;
    spin_unlock(&p->irq_lock);
}

static void save_pci(struct domain *d, unsigned int instance, void *record)
{
    *(struct hvm_hw_pci_irqs *)record = domain_platform(d)->pci;
}

static void load_pci(struct domain *d, unsigned int instance, const void *record)
{
    const struct hvm_hw_pci_irqs *r = record;
    struct vplatform *p = begin_load(d);

    for (unsigned int wire = 0; wire < 128; wire++)
        wire_set(p, wire / 4, wire % 4, test_bit(wire, r->i));
    end_load(p);
}

static void save_isa(struct domain *d, unsigned int instance, void *record)
{
    *(struct hvm_hw_isa_irqs *)record = domain_platform(d)->isa;
}

static void load_isa(struct domain *d, unsigned int instance, const void *record)
{
    const struct hvm_hw_isa_irqs *r = record;
    struct vplatform *p = begin_load(d);

    for (unsigned int irq = 0; irq < HVM_ISA_IRQS; irq++)
        isa_set(p, irq, test_bit(irq, r->i));
    end_load(p);
}

static void save_link(struct domain *d, unsigned int instance, void *record)
{
    struct hvm_hw_pci_link *r = record;

    memcpy(r->route, domain_platform(d)->link_route, sizeof(r->route));
}

static const char *check_link(struct domain *d, unsigned int instance, const void *record)
{
    const struct hvm_hw_pci_link *r = record;

    for (unsigned int i = 0; i < ARRAY_SIZE(r->route); i++)
        if (r->route[i] >= HVM_ISA_IRQS)
            return "a PCI link's route is no ISA interrupt";
    return NULL;
}

static void load_link(struct domain *d, unsigned int instance, const void *record)
{
    const struct hvm_hw_pci_link *r = record;
    struct vplatform *p = begin_load(d);

    for (unsigned int i = 0; i < ARRAY_SIZE(r->route); i++)
        route_link(p, i, r->route[i]);
    end_load(p);
}

static unsigned int if_lines(const struct domain *d) { return has_lines(domain_platform(d)); }
static const char *check_any(struct domain *d, unsigned int instance, const void *record)
{
    return NULL;
}

const struct hvm_record pci_irq_record = {
    HVM_RECORD(PCI_IRQ), .instances = if_lines,
    .save = save_pci, .check = check_any, .load = load_pci,
};
const struct hvm_record isa_irq_record = {
    HVM_RECORD(ISA_IRQ), .instances = if_lines,
    .save = save_isa, .check = check_any, .load = load_isa,
};
const struct hvm_record pci_link_record = {
    HVM_RECORD(PCI_LINK), .instances = if_lines,
    .save = save_link, .check = check_link, .load = load_link,
};
