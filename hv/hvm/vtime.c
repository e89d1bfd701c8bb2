/* SPDX-License-Identifier: BSD-2-Clause */
/* The TSC of an HVM vCPU, and the choice of what becomes of missed ticks. */
#include <hv/errno.h>
#include "vplatform.h"

uint64_t hvm_guest_tsc(const struct vcpu *v)
{
    return guest_tsc(v) + (uint64_t)const_hvm_vcpu(v)->tsc_offset;
}

static void move_tsc(struct vcpu *v, uint64_t by)
{
    struct hvm_vcpu *hv = hvm_vcpu(v);

    hv->tsc_offset = (int64_t)((uint64_t)hv->tsc_offset + by);
    hv->tsc_adjust += by;
    vlapic_tsc_moved(v);
}

void hvm_set_guest_tsc(struct vcpu *v, uint64_t tsc)
{
    move_tsc(v, tsc - hvm_guest_tsc(v));
}

uint64_t hvm_tsc_adjust(const struct vcpu *v) { return const_hvm_vcpu(v)->tsc_adjust; }

void hvm_set_tsc_adjust(struct vcpu *v, uint64_t adjust)
{
    move_tsc(v, adjust - hvm_vcpu(v)->tsc_adjust);
}

int hvm_set_timer_mode(struct domain *d, uint64_t mode)
{
    struct vplatform *p = domain_platform(d);

    if (mode > HVMPTM_one_missed_tick_pending)
        return -EINVAL;
    if (p)
        WRITE_ONCE(p->timer_mode, (uint8_t)mode);
    return 0;
}

unsigned int hvm_timer_mode(const struct domain *d)
{
    return domain_platform(d) ? READ_ONCE(domain_platform(d)->timer_mode) : 0;
}

/* --- record: the offset alone; the TSC itself is in the CPU's --- */

static void save_adjust(struct domain *d, unsigned int instance, void *record)
{
    ((struct hvm_tsc_adjust *)record)->tsc_adjust = hvm_vcpu(d->vcpu[instance])->tsc_adjust;
}

static const char *check_adjust(struct domain *d, unsigned int instance, const void *record)
{
    return NULL;
}

static void load_adjust(struct domain *d, unsigned int instance, const void *record)
{
    hvm_vcpu(d->vcpu[instance])->tsc_adjust = ((const struct hvm_tsc_adjust *)record)->tsc_adjust;
}

const struct hvm_record tsc_adjust_record = {
    HVM_RECORD(TSC_ADJUST), .instances = vcpu_instances, .has = has_vcpu,
    .save = save_adjust, .check = check_adjust, .load = load_adjust,
};
