/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pv clock: what a guest multiplies its TSC with to get system time. It is written when a vCPU
 * comes to a CPU and after each correction of that CPU's clock; never from another CPU while the
 * vCPU runs.
 */
#include <hv/backend.h>
#include <hv/domain.h>
#include <hv/hvm/hvm.h>
#include <hv/processor.h>
#include <hv/uaccess.h>
#include "time_priv.h"

/* The scale of a TSC that is emulated at d's nominal rate. */
static void vtsc_scale(const struct domain *d, struct time_scale *s)
{
    scale_set(s, NSEC_PER_MSEC, d->tsc_khz ? d->tsc_khz : cpu_khz);
}

static uint64_t vtsc_at(const struct domain *d, s_time_t t)
{
    struct time_scale s;
    s_time_t guest = t - d->vtsc_offset;

    vtsc_scale(d, &s);
    return guest > 0 ? unscale_ns((uint64_t)guest, &s) : 0;
}

uint64_t guest_tsc(const struct vcpu *v)
{
    return v->domain->vtsc ? vtsc_at(v->domain, NOW()) : rdtsc();
}

static void fill(const struct vcpu *v, struct vcpu_time_info *t)
{
    const struct domain *d = v->domain;
    const struct time_stamp *st = cpu_time_stamp();
    struct time_scale scale = st->scale;

    t->tsc_timestamp = st->tsc;
    t->system_time = (uint64_t)st->stime;
    if (d->vtsc) {
        /* Its TSC does not reach back to before it began. */
        s_time_t base = MAX(st->stime, d->vtsc_offset);

        vtsc_scale(d, &scale);
        t->system_time = (uint64_t)base;
        t->tsc_timestamp = vtsc_at(d, base);
    }
    if (d->is_hvm)
        t->tsc_timestamp += (uint64_t)const_hvm_vcpu(v)->tsc_offset;
    t->tsc_to_system_mul = scale.mul;
    t->tsc_shift = scale.shift;
}

/* Copies the values between two changes of the version, which is odd meanwhile. */
static uint32_t write_shared(struct vcpu_time_info *to, const struct vcpu_time_info *t)
{
    uint32_t version = READ_ONCE(to->version) | 1;

    WRITE_ONCE(to->version, version);
    smp_wmb();
    WRITE_ONCE(to->tsc_timestamp, t->tsc_timestamp);
    WRITE_ONCE(to->system_time, t->system_time);
    WRITE_ONCE(to->tsc_to_system_mul, t->tsc_to_system_mul);
    WRITE_ONCE(to->tsc_shift, t->tsc_shift);
    WRITE_ONCE(to->flags, t->flags);
    smp_wmb();
    WRITE_ONCE(to->version, version + 1);
    return version + 1;
}

/* The same to the area the guest registered by its virtual address. False when it is not mapped
   right now. */
static bool write_area(struct vcpu *v, struct vcpu_time_info *t, uint32_t version)
{
    struct vcpu_time_info *area = v->time_info_guest;
    uint32_t odd = version - 1;

    t->version = odd;
    if (copy_to_guest(&area->version, &odd, sizeof(odd)))
        return false;
    smp_wmb();
    if (copy_to_guest(area, t, sizeof(*t)))
        return false;
    smp_wmb();
    return !copy_to_guest(&area->version, &version, sizeof(version));
}

void force_update_vcpu_time(struct vcpu *v)
{
    struct vcpu_time_info t = { };
    unsigned long flags = local_irq_save();
    uint32_t version;

    v->pv_clock_version = cpu_time_generation();
    fill(v, &t);
    version = write_shared(&v->vcpu_info->time, &t);
    local_irq_restore(flags);
    /* The area of a vCPU in user mode may be out of reach; it is tried again at the next
       occasion. */
    if (v == current && v->time_info_guest && !write_area(v, &t, version))
        v->pv_clock_version = 0;
}

void update_vcpu_time(struct vcpu *v)
{
    if (!v->is_idle && v->pv_clock_version != cpu_time_generation())
        force_update_vcpu_time(v);
}
