/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which interrupt a vCPU gets next, and the event channel's way to it: a vector of its own, by the
 * domain's callback vector without a controller, or a line of the platform.
 */
#include <hv/errno.h>
#include "vplatform.h"

static bool event_waits(const struct vcpu *v)
{
    return READ_ONCE(v->vcpu_info->evtchn_upcall_pending);
}

/* The I/O APIC can carry the 8259 pair's output, too. */
static bool ioapic_passes_extint(const struct vplatform *p, const struct vlapic *l)
{
    uint64_t rte = READ_ONCE(p->ioapic.redirtbl[0].bits);

    if (!platform_has(p, XEN_X86_EMU_IOAPIC) || (rte & IOAPIC_RTE_MASKED) ||
        (rte & IOAPIC_RTE_DELIVERY) >> IOAPIC_RTE_DELIVERY_SHIFT != APIC_DM_EXTINT)
        return false;
    return vlapic_match_dest(l->v, (uint32_t)(rte >> 56), rte & IOAPIC_RTE_LOGICAL);
}

static bool pic_waits(const struct vplatform *p, const struct vlapic *l)
{
    return platform_has(p, XEN_X86_EMU_PIC) && vpic_asserts(p) &&
           (vlapic_takes_extint(l) || ioapic_passes_extint(p, l));
}

struct hvm_intack hvm_pending_interrupt(struct vcpu *v)
{
    struct vplatform *p = vcpu_platform(v);
    struct vlapic *l = vcpu_vlapic(v);
    int vector;

    if (!p)
        return (struct hvm_intack){ HVM_INT_NONE, 0 };
    if (p->callback_kind == HVM_CALLBACK_VECTOR) {
        if (event_waits(v))
            return (struct hvm_intack){ HVM_INT_CALLBACK, READ_ONCE(p->callback_vector) };
    } else if (p->callback_kind != HVM_CALLBACK_NONE && v->vcpu_id == 0) {
        hvm_callback_update(v);
    }
    if (!l)
        return (struct hvm_intack){ HVM_INT_NONE, 0 };
    if (pic_waits(p, l))
        return (struct hvm_intack){ HVM_INT_PIC, 0 };
    vector = vlapic_highest_pending(l);
    if (vector < 0)
        return (struct hvm_intack){ HVM_INT_NONE, 0 };
    return (struct hvm_intack){ HVM_INT_LAPIC, (uint8_t)vector };
}

static struct hvm_intack ack_pic(struct vplatform *p)
{
    unsigned int irq = 0;
    int vector;

    spin_lock(&p->irq_lock);
    vector = vpic_ack(p, &irq);
    spin_unlock(&p->irq_lock);
    if (vector < 0)
        return (struct hvm_intack){ HVM_INT_NONE, 0 };
    vtick_taken_isa(p, irq);
    return (struct hvm_intack){ HVM_INT_PIC, (uint8_t)vector };
}

struct hvm_intack hvm_ack_interrupt(struct vcpu *v, struct hvm_intack intack)
{
    struct vplatform *p = vcpu_platform(v);
    struct vlapic *l = vcpu_vlapic(v);

    switch (intack.source) {
    case HVM_INT_PIC:
        return ack_pic(p);
    case HVM_INT_LAPIC:
        /* Between the look and now, only more urgent ones can have come. */
        if (vlapic_highest_pending(l) < intack.vector)
            return (struct hvm_intack){ HVM_INT_NONE, 0 };
        intack.vector = (uint8_t)vlapic_highest_pending(l);
        vlapic_ack(l, intack.vector);
        vlapic_timer_taken(l, intack.vector);
        vtick_taken_gsi(p, intack.vector);
        return intack;
    default:
        return intack;
    }
}

/* --- ticks of the domain's devices --- */

void vtick_taken_isa(struct vplatform *p, unsigned int irq)
{
    struct vtick *t;

    for (unsigned int i = 0; (t = platform_tick(p, i)) != NULL; i++) {
        if (!vtick_waits(t) || platform_tick_irq(p, i) != irq)
            continue;
        spin_lock(t->lock);
        vtick_taken(t);
        spin_unlock(t->lock);
    }
}

void vtick_taken_gsi(struct vplatform *p, uint8_t vector)
{
    struct vtick *t;

    if (!(p->flags & XEN_X86_EMU_IOAPIC))
        return;
    for (unsigned int i = 0; (t = platform_tick(p, i)) != NULL; i++) {
        unsigned int irq = vtick_waits(t) ? platform_tick_irq(p, i) : NO_IRQ;

        if (irq == NO_IRQ ||
            (READ_ONCE(p->ioapic.redirtbl[isa_irq_gsi(irq)].bits) & IOAPIC_RTE_VECTOR) != vector)
            continue;
        spin_lock(t->lock);
        vtick_taken(t);
        spin_unlock(t->lock);
    }
}

/* --- events --- */

void hvm_event_pending(struct vcpu *v)
{
    uint8_t vector = READ_ONCE(hvm_vcpu(v)->upcall_vector);

    if (vector)
        vlapic_set_irq(v, vector, false);
    else
        vcpu_kick(v);   /* lines and the callback vector are looked at before the entry */
}

int hvm_upcall_vector_set(struct vcpu *v, uint8_t vector)
{
    if (vector && vector < APIC_FIRST_VECTOR)
        return -EINVAL;
    WRITE_ONCE(hvm_vcpu(v)->upcall_vector, vector);
    if (vector && event_waits(v))
        hvm_event_pending(v);
    return 0;
}

bool hvm_callback_by_vector(const struct domain *d)
{
    return domain_platform(d) && domain_platform(d)->callback_kind == HVM_CALLBACK_VECTOR;
}
