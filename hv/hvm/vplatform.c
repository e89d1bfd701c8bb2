/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual platform as a whole: which devices a domain has, their life, their ticks, their
 * timers' way from CPU to CPU, and their records.
 */
#include <hv/errno.h>
#include "vplatform.h"

/* Not devices of the core, but named by the tools; the device model or nobody makes them. Event
   channels in place of interrupts (USE_PIRQ) are an offer that the guest is not told of. */
#define OTHERS (XEN_X86_EMU_VGA | XEN_X86_EMU_IOMMU | XEN_X86_EMU_USE_PIRQ)
#define NR_TICKS (2 + HPET_TIMER_NUM)
#define LINES (XEN_X86_EMU_PIC | XEN_X86_EMU_IOAPIC)  /* one of them will do */

/* What the core emulates besides the local APIC. Ranges are claimed in the order of likely use. */
static const struct {
    uint32_t flag, needs;
    void (*init)(struct vplatform *p);
    void (*reset)(struct vplatform *p);
    int (*claim)(struct domain *d);
} devices[] = {
    { XEN_X86_EMU_PM, LINES, vpm_init, vpm_reset, vpm_claim },
    { XEN_X86_EMU_RTC, LINES, vrtc_init, vrtc_reset, vrtc_claim },
    { XEN_X86_EMU_PIT, LINES, vpit_init, vpit_reset, vpit_claim },
    { XEN_X86_EMU_HPET, XEN_X86_EMU_IOAPIC, vhpet_init, vhpet_reset, vhpet_claim },
    { XEN_X86_EMU_IOAPIC, XEN_X86_EMU_LAPIC, NULL, vioapic_reset, vioapic_claim },
    { XEN_X86_EMU_PIC, XEN_X86_EMU_LAPIC, NULL, vpic_reset, vpic_claim },
};

const char *hvm_platform_bad_flags(uint32_t flags)
{
    uint32_t known = XEN_X86_EMU_LAPIC | OTHERS;

    for (unsigned int i = 0; i < ARRAY_SIZE(devices); i++) {
        known |= devices[i].flag;
        if ((flags & devices[i].flag) && !(flags & devices[i].needs))
            return "an emulated device without the interrupt controller it needs";
    }
    if (flags & XEN_X86_EMU_VPCI)
        return "virtual PCI is not available";
    return flags & ~known ? "unknown emulated devices" : NULL;
}

bool hvm_has_lapic(const struct domain *d)
{
    return platform_has(domain_platform(d), XEN_X86_EMU_LAPIC);
}
bool hvm_has_ioapic(const struct domain *d)
{
    return platform_has(domain_platform(d), XEN_X86_EMU_IOAPIC);
}
bool hvm_has_pic(const struct domain *d)
{
    return platform_has(domain_platform(d), XEN_X86_EMU_PIC);
}

/* --- life of a domain's --- */

static void reset_devices(struct vplatform *p)
{
    spin_lock(&p->irq_lock);
    memset(p->gsi_count, 0, sizeof(p->gsi_count));
    memset(p->link_count, 0, sizeof(p->link_count));
    memset(p->link_route, 0, sizeof(p->link_route));
    memset(&p->pci, 0, sizeof(p->pci));
    memset(&p->isa, 0, sizeof(p->isa));
    p->other_gsi = 0;
    p->callback_held = false;
    spin_unlock(&p->irq_lock);
    /* Controllers last: what the others' lines still did is forgotten. */
    for (unsigned int i = 0; i < ARRAY_SIZE(devices); i++)
        if (p->flags & devices[i].flag)
            devices[i].reset(p);
}

static void kill_timers(struct vplatform *p)
{
    for (unsigned int i = 0; i < NR_TICKS; i++)
        vtick_kill(platform_tick(p, i));
    if (p->rtc.timer.fn)
        kill_timer(&p->rtc.timer);
    if (p->pm.timer.fn)
        kill_timer(&p->pm.timer);
}

int hvm_platform_create(struct domain *d, uint32_t flags, const struct hvm_cpu_ops *ops)
{
    struct vplatform *p = xzalloc_struct(struct vplatform);

    if (!p)
        return -ENOMEM;
    p->d = d;
    p->flags = flags;
    p->cpu = ops;
    spin_lock_init(&p->irq_lock, LOCK_HVM_IRQ);
    hvm_domain(d)->platform = p;
    for (unsigned int i = 0; i < ARRAY_SIZE(devices); i++) {
        if (!(flags & devices[i].flag))
            continue;
        if (devices[i].init)
            devices[i].init(p);
        BUG_ON(devices[i].claim(d)); /* the table has room for all, and they do not overlap */
    }
    reset_devices(p);
    return 0;
}

void hvm_platform_free(struct domain *d)
{
    if (!domain_platform(d))
        return;
    kill_timers(domain_platform(d));
    xfree(domain_platform(d));
    hvm_domain(d)->platform = NULL;
}

void hvm_platform_reset(struct domain *d)
{
    struct vplatform *p = domain_platform(d);
    struct vcpu *v;

    if (!p)
        return;
    for_each_vcpu (d, v)
        if (vcpu_vlapic(v))
            vlapic_reset(vcpu_vlapic(v), false);
    reset_devices(p);
}

/* --- life of a vCPU's --- */

int hvm_platform_vcpu_create(struct vcpu *v)
{
    struct vplatform *p = vcpu_platform(v);
    struct vlapic *l;

    vmtrr_reset(v);
    if (!p)
        return 0;
    if (v->vcpu_id == 0) {
        vpit_init_timers(p, v);
        vrtc_init_timers(p, v);
        vhpet_init_timers(p, v);
        vpm_init_timers(p, v);
    }
    if (!(p->flags & XEN_X86_EMU_LAPIC))
        return 0;
    l = xzalloc_struct(struct vlapic);
    if (!l)
        return -ENOMEM;
    l->page = alloc_xen_page();
    if (!l->page) {
        xfree(l);
        return -ENOMEM;
    }
    l->v = v;
    vlapic_timer_init(l);
    vlapic_startup_init(l);
    vlapic_reset(l, false);
    hvm_vcpu(v)->vlapic = l;
    return 0;
}

void hvm_platform_vcpu_free(struct vcpu *v)
{
    struct vlapic *l = vcpu_vlapic(v);
    struct vplatform *p = vcpu_platform(v);

    /* The devices' timers reach vCPUs, of which this is the first to go. */
    if (p && v->vcpu_id == 0)
        kill_timers(p);
    if (!l)
        return;
    hvm_vcpu(v)->vlapic = NULL;
    vlapic_startup_kill(l);
    vtick_kill(&l->tick);
    free_xen_page(l->page);
    xfree(l);
}

/* --- ticks --- */

struct vtick *platform_tick(struct vplatform *p, unsigned int n)
{
    switch (n) {
    case 0: return &p->pit.tick;
    case 1: return &p->rtc.tick;
    default: return n < NR_TICKS ? &p->hpet.timer[n - 2].tick : NULL;
    }
}

/* Of those that wait for their interrupt to be taken; the RTC's waits for a read of its flags. */
unsigned int platform_tick_irq(struct vplatform *p, unsigned int n)
{
    return n == 0 ? 0 : n == 1 ? NO_IRQ : vhpet_line(p, n - 2);
}

static void follow(struct timer *t, unsigned int cpu)
{
    if (t->cpu != cpu)
        migrate_timer(t, cpu);
}

void hvm_platform_switch_to(struct vcpu *v)
{
    struct vplatform *p = vcpu_platform(v);
    struct vlapic *l = vcpu_vlapic(v);
    unsigned int cpu = v->processor;

    if (l)
        follow(&l->tick.timer, cpu);
    if (!p || v->vcpu_id != 0)
        return;
    for (unsigned int i = 0; i < NR_TICKS; i++)
        follow(&platform_tick(p, i)->timer, cpu);
    follow(&p->rtc.timer, cpu);
    follow(&p->pm.timer, cpu);
}

/* --- records, ascending in code --- */

const struct hvm_record *const hvm_platform_records[] = {
    &vpic_record, &vioapic_record, &vlapic_record, &vlapic_regs_record, &pci_irq_record,
    &isa_irq_record, &pci_link_record, &vpit_record, &vrtc_record, &vhpet_record, &vpm_record,
    &vmtrr_record, &tsc_adjust_record,
};
const unsigned int hvm_nr_platform_records = ARRAY_SIZE(hvm_platform_records);
