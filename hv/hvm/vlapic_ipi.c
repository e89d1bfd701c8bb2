/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages to local APICs: whom a destination means, what each delivery mode does there, and the
 * start-up of processors by INIT and SIPI.
 *
 * Sources: Intel SDM volume 3, "Issuing Interprocessor Interrupts", "Determining IPI Destination",
 * "MP Initialization Protocol Requirements and Restrictions".
 */
#include "vplatform.h"

#define STARTUP_INIT (1u << 31)
#define STARTUP_SIPI (1u << 30)
#define STARTUP_VECTOR 0xffu
#define NMI_PENDING 1

/* --- destinations --- */

static uint32_t own_id(const struct vlapic *l)
{
    uint32_t id = vlapic_reg(l, APIC_ID);

    return vlapic_x2apic(l) ? id : id >> APIC_ICR_XAPIC_DEST_SHIFT;
}

static bool match_logical(const struct vlapic *l, uint32_t dest)
{
    uint32_t ldr = vlapic_reg(l, APIC_LDR);

    if (vlapic_x2apic(l))
        return dest == APIC_BROADCAST_X2APIC ||
               (ldr >> 16 == dest >> 16 && (ldr & dest & 0xffff));
    if (dest > APIC_BROADCAST_XAPIC)
        return dest == APIC_BROADCAST_X2APIC;
    ldr >>= APIC_LDR_SHIFT;
    switch (vlapic_reg(l, APIC_DFR) >> APIC_DFR_MODEL_SHIFT) {
    case APIC_DFR_FLAT >> APIC_DFR_MODEL_SHIFT:
        return ldr & dest;
    case 0: /* cluster in the upper half, member bits in the lower; cluster 15 is all */
        return (ldr >> 4 == dest >> 4 || dest >> 4 == 0xf) && (ldr & dest & 0xf);
    default:
        return false;
    }
}

static bool match(const struct vlapic *l, uint32_t dest, bool logical)
{
    if (!vlapic_hw_enabled(l))
        return false;
    if (logical)
        return match_logical(l, dest);
    /* An 8-bit broadcast comes from I/O APICs and MSIs, whatever the mode of the receiver. */
    return dest == own_id(l) || dest == APIC_BROADCAST_XAPIC || dest == APIC_BROADCAST_X2APIC;
}

bool vlapic_match_dest(const struct vcpu *v, uint32_t dest, bool logical)
{
    return vcpu_vlapic(v) && match(vcpu_vlapic(v), dest, logical);
}

/* --- what a message does --- */

static void startup_message(struct vlapic *l, const struct apic_msg *m)
{
    uint32_t old = READ_ONCE(l->startup), new;

    /* An INIT undoes a start-up that came before it. */
    do {
        new = m->delivery == APIC_DM_INIT ? STARTUP_INIT
                                          : (old & STARTUP_INIT) | STARTUP_SIPI | m->vector;
    } while (!__atomic_compare_exchange_n(&l->startup, &old, new, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    tasklet_schedule(&l->startup_tasklet);
}

static bool accept(struct vlapic *l, const struct apic_msg *m)
{
    switch (m->delivery) {
    case APIC_DM_FIXED: case APIC_DM_LOWEST:
        if (!vlapic_enabled(l))
            return false;
        vlapic_set_irq(l->v, m->vector, m->level);
        return true;
    case APIC_DM_NMI:
        if (!(__atomic_fetch_or(&l->v->nmi_state, NMI_PENDING, __ATOMIC_SEQ_CST) & NMI_PENDING))
            vcpu_kick(l->v);
        return true;
    case APIC_DM_INIT: case APIC_DM_STARTUP:
        startup_message(l, m);
        return true;
    default: /* there is no system management mode; ExtINT comes by wire only */
        return false;
    }
}

/* --- finding the receivers --- */

/* The one whose APIC has this physical id, or NULL. */
static struct vlapic *by_physical_id(struct domain *d, uint32_t dest)
{
    struct vcpu *v = dest % VLAPIC_ID(1) ? NULL : domain_vcpu(d, dest / VLAPIC_ID(1));

    return v && vcpu_vlapic(v) && match(vcpu_vlapic(v), dest, false) ? vcpu_vlapic(v) : NULL;
}

/* Of those that are meant and take interrupts, the one of the lowest priority; in turn among
   equals. "Lowest Priority Delivery Mode" */
static struct vlapic *lowest_of(struct domain *d, const struct apic_msg *m)
{
    struct vplatform *p = domain_platform(d);
    uint32_t first = READ_ONCE(p->lowest_next);
    struct vlapic *best = NULL;

    for (unsigned int i = 0; i < d->max_vcpus; i++) {
        struct vcpu *v = d->vcpu[(first + i) % d->max_vcpus];
        struct vlapic *l = v ? vcpu_vlapic(v) : NULL;

        if (!l || !vlapic_enabled(l) || !match(l, m->dest, m->logical))
            continue;
        if (!best || vlapic_ppr(l) < vlapic_ppr(best))
            best = l;
    }
    if (best)
        WRITE_ONCE(p->lowest_next, best->v->vcpu_id + 1);
    return best;
}

bool vlapic_deliver(struct domain *d, const struct apic_msg *m)
{
    bool taken = false;
    struct vcpu *v;

    if (m->delivery == APIC_DM_LOWEST) {
        struct vlapic *l = lowest_of(d, m);

        return l && accept(l, m);
    }
    if (!m->logical && m->dest != APIC_BROADCAST_XAPIC && m->dest != APIC_BROADCAST_X2APIC) {
        struct vlapic *l = by_physical_id(d, m->dest);

        return l && accept(l, m);
    }
    for_each_vcpu (d, v)
        if (vcpu_vlapic(v) && match(vcpu_vlapic(v), m->dest, m->logical))
            taken |= accept(vcpu_vlapic(v), m);
    return taken;
}

/* --- interprocessor interrupts --- */

static void send_others(struct vlapic *l, const struct apic_msg *m, bool self)
{
    struct vcpu *v;

    for_each_vcpu (l->v->domain, v)
        if (vcpu_vlapic(v) && (self || v != l->v) && vlapic_hw_enabled(vcpu_vlapic(v)))
            accept(vcpu_vlapic(v), m);
}

void vlapic_send_ipi(struct vlapic *l, uint32_t icr, uint32_t dest)
{
    struct apic_msg m = {
        .dest = dest,
        .vector = icr & APIC_VECTOR,
        .delivery = (icr & APIC_DELIVERY) >> APIC_DELIVERY_SHIFT,
        .logical = icr & APIC_ICR_LOGICAL,
    };

    /* Synchronises arbitration ids on processors that had them. */
    if (m.delivery == APIC_DM_INIT && (icr & APIC_ICR_LEVEL) && !(icr & APIC_ICR_ASSERT))
        return;
    if ((m.delivery == APIC_DM_FIXED || m.delivery == APIC_DM_LOWEST) &&
        m.vector < APIC_FIRST_VECTOR) {
        vlapic_error(l, APIC_ESR_SEND_VECTOR);
        return;
    }
    switch ((icr & APIC_ICR_SHORTHAND) >> APIC_ICR_SHORTHAND_SHIFT) {
    case APIC_SH_SELF:
        if (m.delivery == APIC_DM_FIXED)
            accept(l, &m);
        break;
    case APIC_SH_ALL:
        /* "Valid Combinations for the ... Interrupt Command Register": only fixed may be. */
        send_others(l, &m, m.delivery == APIC_DM_FIXED || m.delivery == APIC_DM_LOWEST);
        break;
    case APIC_SH_OTHERS:
        send_others(l, &m, false);
        break;
    default:
        vlapic_deliver(l->v->domain, &m);
    }
}

/* --- INIT and start-up --- */

/* v is paused and does not run. */
static void do_startup(struct vlapic *l, uint32_t work)
{
    struct vcpu *v = l->v;
    const struct hvm_cpu_ops *ops = vcpu_platform(v)->cpu;

    if (work & STARTUP_INIT) {
        ops->init(v);
        vlapic_reset(l, true);
        v->nmi_state = 0;
        clear_bit(VPF_blocked, &v->pause_flags);
        /* Application processors wait for a start-up; the boot processor goes on at the reset
           vector. */
        if (!(l->base_msr & APIC_BASE_BSP)) {
            v->is_initialised = false;
            set_bit(VPF_down, &v->pause_flags);
        }
    }
    if ((work & STARTUP_SIPI) && !v->is_initialised) {
        ops->startup(v, work & STARTUP_VECTOR);
        v->is_initialised = true;
        clear_bit(VPF_down, &v->pause_flags);
    }
}

/* It may run on top of v itself, and two of them may want each other's vCPU: so nobody waits here.
   v is asked to leave its CPU, and the tasklet comes again until it has. */
static void startup_work(void *data)
{
    struct vlapic *l = data;
    struct vcpu *v = l->v;

    if (!l->startup_holds) {
        l->startup_holds = true;
        atomic_inc(&v->pause_count);
        vcpu_sleep_nosync(v);
    }
    if (READ_ONCE(v->is_running)) {
        tasklet_schedule(&l->startup_tasklet);
        return;
    }
    barrier(); /* v's saved state is read after is_running */
    do_startup(l, xchg(&l->startup, 0));
    l->startup_holds = false;
    vcpu_unpause(v);
}

void vlapic_startup_init(struct vlapic *l)
{
    tasklet_init(&l->startup_tasklet, startup_work, l);
}

void vlapic_startup_kill(struct vlapic *l)
{
    tasklet_kill(&l->startup_tasklet);
}
