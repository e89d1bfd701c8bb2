/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The life of a running HVM vCPU: what waits for the CPU, what waits for the guest, the guest
 * itself, and why it came out.
 */
#include <hv/hvm/asid.h>
#include <hv/hvm/vlapic.h>
#include <hv/processor.h>
#include <hv/sched.h>
#include "hvm_priv.h"

/* The map may have lost entries that this CPU has translations of. */
static void forget_old_translations(struct vcpu *v)
{
    struct hvm_vcpu *h = hvm_vcpu(v);
    uint64_t now = __atomic_load_n(&hvm_domain(v->domain)->p2m.generation, __ATOMIC_SEQ_CST);

    if (unlikely(h->p2m_seen != now)) {
        h->p2m_seen = now;
        h->nested_flush = true;
        hvm_asid_drop(v);
    }
}

/* Interrupts are on. One of the soft interrupts may switch to another vCPU: this call chain ends
   then, and v goes on in hvm_resume(). */
static void do_waiting_work(void)
{
    while (softirq_pending()) {
        local_irq_enable();
        do_softirq();
        local_irq_disable();
    }
}

/* The task priority is CR8, which the CPU keeps while the guest runs, and the local APIC's TPR. */
static void load_priority(struct vcpu *v)
{
    if (hvm_vcpu(v)->vlapic)
        hvm_vcpu(v)->cr8 = (uint8_t)vlapic_cr8(v);
}

static void save_priority(struct vcpu *v)
{
    if (hvm_vcpu(v)->vlapic && hvm_vcpu(v)->cr8 != vlapic_cr8(v))
        vlapic_set_cr8(v, hvm_vcpu(v)->cr8);
}

/* From here to run() nothing may be put off: whoever raises a soft interrupt or an event from now
   on also interrupts this CPU, and the interrupt makes the guest exit at once. */
void hvm_resume(void)
{
    struct vcpu *v = current;

    for (;;) {
        hvm_restore_event(v);
        local_irq_disable();
        do_waiting_work();
        load_priority(v);
        hvm_deliver_events(v);
        forget_old_translations(v);
        hvm_vendor->run(v);
        local_irq_enable();
        save_priority(v);
        hvm_handle_exit(v);
    }
}
