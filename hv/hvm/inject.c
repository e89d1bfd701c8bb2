/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is delivered to a guest, and when: exceptions of its instructions, merged to double and
 * triple faults; events whose delivery an exit interrupted; NMIs; interrupts, from the event
 * channels' callback vector or the virtual platform. Source: AMD64 APM volume 2, "Exceptions and
 * Interrupts", "Event Injection".
 */
#include <hv/event.h>
#include <hv/hvm/irq.h>
#include <hv/lib.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/sched.h>
#include "hvm_priv.h"

#define NMI_PENDING 1u      /* vcpu::nmi_state */

/* --- exceptions --- */

/* "#DF - Double-Fault Exception": which second exceptions make one. */
static bool is_contributory(unsigned int vector)
{
    return vector == X86_EXC_DE || (vector >= X86_EXC_TS && vector <= X86_EXC_GP);
}

static bool makes_double_fault(unsigned int first, unsigned int second)
{
    if (first == X86_EXC_PF)
        return second == X86_EXC_PF || is_contributory(second);
    return is_contributory(first) && is_contributory(second);
}

void hvm_triple_fault(struct vcpu *v)
{
    printk(XENLOG_GUEST XENLOG_WARNING "%s: triple fault\n", current_name());
    v->domain->backend->show(v);
    domain_shutdown(v->domain,
                    (int)hvm_domain(v->domain)->params[HVM_PARAM_TRIPLE_FAULT_REASON]);
}

void hvm_inject_event(struct vcpu *v, const struct hvm_event *e)
{
    struct hvm_vcpu *h = hvm_vcpu(v);
    const struct hvm_event *first = h->pending.valid ? &h->pending : &h->exit.vectoring;
    bool exceptions = first->valid && first->type == HVM_EVENT_EXCEPTION &&
                      e->type == HVM_EVENT_EXCEPTION;

    if (exceptions && first->vector == X86_EXC_DF &&
        (is_contributory(e->vector) || e->vector == X86_EXC_PF)) {
        hvm_triple_fault(v);
        return;
    }
    if (exceptions && makes_double_fault(first->vector, e->vector))
        h->pending = (struct hvm_event){ .valid = true, .type = HVM_EVENT_EXCEPTION,
                                         .vector = X86_EXC_DF, .has_error = true };
    else
        h->pending = *e;
    h->pending.valid = true;
    h->exit.vectoring.valid = false;
}

void hvm_inject_exception(struct vcpu *v, unsigned int vector, int error)
{
    struct hvm_event e = { .valid = true, .type = HVM_EVENT_EXCEPTION, .vector = (uint8_t)vector };

    if (error >= 0) {
        e.has_error = true;
        e.error = (uint32_t)error;
    }
    hvm_inject_event(v, &e);
}

void hvm_inject_page_fault(struct vcpu *v, uint32_t error, uint64_t cr2)
{
    struct hvm_event e = { .valid = true, .type = HVM_EVENT_EXCEPTION, .vector = X86_EXC_PF,
                           .has_error = true, .error = error, .cr2 = cr2 };

    hvm_inject_event(v, &e);
}

void hvm_restore_event(struct vcpu *v)
{
    struct hvm_vcpu *h = hvm_vcpu(v);

    if (!h->exit.vectoring.valid)
        return;
    if (h->exit.vectoring.type == HVM_EVENT_NMI) /* it masked itself, and is injected anew */
        hvm_vendor->set_shadow(v, hvm_vendor->get_shadow(v) & ~HVM_SHADOW_NMI);
    if (!h->pending.valid)
        h->pending = h->exit.vectoring;
    h->exit.vectoring.valid = false;
}

/* --- NMIs and interrupts --- */

void hvm_post_nmi(struct vcpu *v)
{
    if (!(__atomic_fetch_or(&v->nmi_state, NMI_PENDING, __ATOMIC_SEQ_CST) & NMI_PENDING))
        vcpu_kick(v);
}

static bool interrupts_enabled(struct vcpu *v)
{
    return hvm_regs(v)->rflags & X86_EFLAGS_IF;
}

bool hvm_event_waits(struct vcpu *v)
{
    if (v->nmi_state & NMI_PENDING)
        return true;
    return interrupts_enabled(v) && hvm_pending_interrupt(v).source != HVM_INT_NONE;
}

static bool inject_nmi(struct vcpu *v, unsigned int shadow)
{
    const struct hvm_event e = { .valid = true, .type = HVM_EVENT_NMI, .vector = X86_EXC_NMI };

    if (!(v->nmi_state & NMI_PENDING) || shadow)
        return false;
    __atomic_fetch_and(&v->nmi_state, (uint8_t)~NMI_PENDING, __ATOMIC_SEQ_CST);
    hvm_vendor->inject(v, &e);
    return true;
}

static bool inject_interrupt(struct vcpu *v, unsigned int shadow)
{
    struct hvm_event e = { .valid = true, .type = HVM_EVENT_INTR };
    struct hvm_intack due;

    if (!interrupts_enabled(v) || shadow & (HVM_SHADOW_STI | HVM_SHADOW_MOV_SS))
        return false;
    do {
        due = hvm_pending_interrupt(v);
        if (due.source == HVM_INT_NONE)
            return false;
        due = hvm_ack_interrupt(v, due);
    } while (due.source == HVM_INT_NONE);
    e.vector = due.vector;
    hvm_vendor->inject(v, &e);
    v->counts.upcalls++;
    return true;
}

void hvm_deliver_events(struct vcpu *v)
{
    struct hvm_vcpu *h = hvm_vcpu(v);
    unsigned int shadow = hvm_vendor->get_shadow(v);
    enum hvm_window want = HVM_WINDOW_NONE;
    bool injected = h->pending.valid;

    if (injected) {
        hvm_vendor->inject(v, &h->pending);
        h->pending.valid = false;
    }
    injected = injected || inject_nmi(v, shadow) || inject_interrupt(v, shadow);
    if (v->nmi_state & NMI_PENDING && (injected || shadow & ~HVM_SHADOW_NMI))
        want = HVM_WINDOW_NMI;
    else if (hvm_pending_interrupt(v).source != HVM_INT_NONE)
        want = HVM_WINDOW_INTR;
    if (want != h->window) {
        h->window = want;
        hvm_vendor->set_window(v, want);
    }
}
