/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI PM1 status and enable registers and the power-management timer. Source: ACPI specification,
 * "PM1 Event Grouping", "Power Management Timer". PM1 control and all other fixed hardware is the
 * device model's. The timer has 32 bits; its status bit is set when the top one changes.
 */
#include <hv/errno.h>
#include "vplatform.h"

#define TOP_HALF (1ULL << 31)

static const uint16_t bases[] = { ACPI_PM1_BASE_0, ACPI_PM1_BASE_1 };

/* --- timer; lock is held from here on --- */

static uint64_t timer_value(const struct vpm *pm)
{
    return ns_to_cycles(NOW(), PM_TIMER_HZ) + pm->timer_offset;
}

static void catch_up(struct vpm *pm)
{
    uint64_t turns = timer_value(pm) / TOP_HALF;

    if (turns != pm->turns_seen)
        pm->status |= ACPI_PM1_TIMER;
    pm->turns_seen = turns;
}

static void update_sci(struct vplatform *p)
{
    hvm_isa_irq_set(p->d, ACPI_SCI_IRQ, p->pm.status & p->pm.enable & ACPI_PM1_EVENTS);
}

static void arm_timer(struct vpm *pm)
{
    if (!pm->timer.fn)          /* there is no vCPU yet */
        return;
    if (!(pm->enable & ACPI_PM1_TIMER))
        stop_timer(&pm->timer);
    else
        set_timer(&pm->timer, cycles_to_ns((pm->turns_seen + 1) * TOP_HALF - pm->timer_offset,
                                           PM_TIMER_HZ));
}

static void pm_timer(void *data)
{
    struct vplatform *p = data;

    spin_lock(&p->pm.lock);
    catch_up(&p->pm);
    update_sci(p);
    arm_timer(&p->pm);
    spin_unlock(&p->pm.lock);
}

/* --- ports --- */

static uint32_t event_block(struct vplatform *p)
{
    catch_up(&p->pm);
    update_sci(p);
    return p->pm.status | (uint32_t)p->pm.enable << 16;
}

static int event_read(struct vcpu *v, uint64_t port, unsigned int size, uint64_t *val)
{
    struct vplatform *p = vcpu_platform(v);

    spin_lock(&p->pm.lock);
    *val = event_block(p) >> (8 * (port % ACPI_PM1_SIZE));
    spin_unlock(&p->pm.lock);
    return HVM_IO_DONE;
}

/* Status bits are cleared by writing 1; of the enable register all bits are kept. */
static int event_write(struct vcpu *v, uint64_t port, unsigned int size, uint64_t val)
{
    struct vplatform *p = vcpu_platform(v);
    unsigned int shift = 8 * (port % ACPI_PM1_SIZE);
    uint32_t mask, bits;

    mask = (uint32_t)((size >= 4 ? UINT32_MAX : (1u << (8 * size)) - 1) << shift);
    bits = (uint32_t)(val << shift);
    spin_lock(&p->pm.lock);
    (void)event_block(p);
    p->pm.status &= (uint16_t)~(bits & mask);
    p->pm.enable = (uint16_t)((p->pm.enable & ~(mask >> 16)) | ((bits & mask) >> 16));
    update_sci(p);
    arm_timer(&p->pm);
    spin_unlock(&p->pm.lock);
    return HVM_IO_DONE;
}

static int timer_read(struct vcpu *v, uint64_t port, unsigned int size, uint64_t *val)
{
    struct vplatform *p = vcpu_platform(v);

    spin_lock(&p->pm.lock);
    *val = (timer_value(&p->pm) & UINT32_MAX) >> (8 * (port % ACPI_PM_TIMER_SIZE));
    spin_unlock(&p->pm.lock);
    return HVM_IO_DONE;
}

static int timer_write(struct vcpu *v, uint64_t port, unsigned int size, uint64_t val)
{
    return HVM_IO_DONE;
}

static const struct hvm_io_ops event_ops = { event_read, event_write };
static const struct hvm_io_ops timer_ops = { timer_read, timer_write };

int vpm_claim(struct domain *d)
{
    uint16_t base = bases[0];
    int rc = hvm_io_claim_ports(d, base, base + ACPI_PM1_SIZE - 1, &event_ops);

    return rc ? rc : hvm_io_claim_ports(d, base + ACPI_PM_TIMER,
                                        base + ACPI_PM_TIMER + ACPI_PM_TIMER_SIZE - 1, &timer_ops);
}

int hvm_acpi_set_location(struct domain *d, uint64_t location)
{
    struct vplatform *p = domain_platform(d);

    if (location >= ARRAY_SIZE(bases) || !platform_has(p, XEN_X86_EMU_PM))
        return -EINVAL;
    spin_lock(&p->pm.lock);
    p->pm.location = (uint8_t)location;
    hvm_io_move_ports(d, &event_ops, bases[location]);
    hvm_io_move_ports(d, &timer_ops, bases[location] + ACPI_PM_TIMER);
    spin_unlock(&p->pm.lock);
    return 0;
}

uint64_t hvm_acpi_location(const struct domain *d)
{
    return domain_platform(d) ? domain_platform(d)->pm.location : 0;
}

/* --- buttons --- */

static void button(struct domain *d, uint16_t bit)
{
    struct vplatform *p = domain_platform(d);

    if (!platform_has(p, XEN_X86_EMU_PM))
        return;
    spin_lock(&p->pm.lock);
    p->pm.status |= bit;
    update_sci(p);
    spin_unlock(&p->pm.lock);
}

void hvm_acpi_power_button(struct domain *d) { button(d, ACPI_PM1_POWER_BUTTON); }
void hvm_acpi_sleep_button(struct domain *d) { button(d, ACPI_PM1_SLEEP_BUTTON); }

/* --- life --- */

/* The counter is at `value` now. */
static void set_value(struct vpm *pm, uint32_t value)
{
    pm->timer_offset = value - (uint32_t)ns_to_cycles(NOW(), PM_TIMER_HZ);
    pm->turns_seen = timer_value(pm) / TOP_HALF;
}

void vpm_reset(struct vplatform *p)
{
    spin_lock(&p->pm.lock);
    p->pm.status = p->pm.enable = 0;
    set_value(&p->pm, 0);
    arm_timer(&p->pm);
    spin_unlock(&p->pm.lock);
}

void vpm_init(struct vplatform *p)
{
    spin_lock_init(&p->pm.lock, LOCK_HVM_DEVICE);
}

void vpm_init_timers(struct vplatform *p, struct vcpu *v)
{
    init_timer(&p->pm.timer, pm_timer, p, v->processor);
}

/* --- record --- */

static unsigned int one_if_pm(const struct domain *d)
{
    return platform_has(domain_platform(d), XEN_X86_EMU_PM);
}

static void save_pm(struct domain *d, unsigned int instance, void *record)
{
    struct vplatform *p = domain_platform(d);
    struct hvm_hw_pmtimer *r = record;

    spin_lock(&p->pm.lock);
    catch_up(&p->pm);
    r->tmr_val = (uint32_t)timer_value(&p->pm);
    r->pm1a_sts = p->pm.status;
    r->pm1a_en = p->pm.enable;
    spin_unlock(&p->pm.lock);
}

static const char *check_pm(struct domain *d, unsigned int instance, const void *record)
{
    return NULL;
}

static void load_pm(struct domain *d, unsigned int instance, const void *record)
{
    struct vplatform *p = domain_platform(d);
    const struct hvm_hw_pmtimer *r = record;

    spin_lock(&p->pm.lock);
    set_value(&p->pm, r->tmr_val);
    p->pm.status = r->pm1a_sts;
    p->pm.enable = r->pm1a_en;
    update_sci(p);
    arm_timer(&p->pm);
    spin_unlock(&p->pm.lock);
}

const struct hvm_record vpm_record = {
    HVM_RECORD(PMTIMER), .instances = one_if_pm,
    .save = save_pm, .check = check_pm, .load = load_pm,
};
