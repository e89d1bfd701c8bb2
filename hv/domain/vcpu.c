/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtual CPUs: creation, release, pausing, and the place of their vcpu_info. */
#include <hv/backend.h>
#include <hv/domain_private.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/sched.h>
#include <hv/time.h>
#include <hv/traps.h>
#include <hv/xstate.h>

/* PV vCPUs tick at 100 Hz until they say otherwise. */
#define DEFAULT_PERIOD MILLISECS(10)

/* vCPUs without a place of their own write here; nobody is told of what is in it. The idle vCPUs'
   must stay quiet. */
static struct vcpu_info dummy_vcpu_info = { .evtchn_upcall_mask = 1 };
static struct vcpu_info idle_vcpu_info = { .evtchn_upcall_mask = 1 };

bool vcpu_info_is_dummy(const struct vcpu *v)
{
    return v->vcpu_info == &dummy_vcpu_info;
}

static void init_fields(struct vcpu *v, struct domain *d, unsigned int id)
{
    v->domain = d;
    v->hypercalls = d->hypercalls;
    v->vcpu_id = id;
    v->is_idle = d->is_idle;
    v->dirty_cpu = NR_CPUS;
    v->vcpu_info_mfn = INVALID_MFN;
    v->debugreg[6] = X86_DR6_DEFAULT;
    v->debugreg[7] = X86_DR7_DEFAULT;
    v->pause_flags = v->is_idle ? 0 : BIT(VPF_down);
    v->periodic_period = v->is_idle || d->is_hvm ? 0 : DEFAULT_PERIOD;
    spin_lock_init(&v->virq_lock, LOCK_VIRQ);
    tasklet_init(&v->continue_tasklet, NULL, v);
    if (v->is_idle)
        v->vcpu_info = &idle_vcpu_info;
    else if (id < LEGACY_VCPUS)
        v->vcpu_info = &d->shared_info->vcpu_info[id];
    else
        v->vcpu_info = &dummy_vcpu_info;
}

struct vcpu *vcpu_create(struct domain *d, unsigned int id)
{
    struct vcpu *v;

    if (id >= d->max_vcpus || d->vcpu[id])
        return NULL;
    v = xzalloc(d->backend->vcpu_size);
    if (!v)
        return NULL;
    init_fields(v, d, id);
    if (!v->is_idle && xstate_alloc_vcpu(v))
        goto err_free;
    if (sched_init_vcpu(v))
        goto err_xstate;
    if (d->backend->vcpu_init(v))
        goto err_sched;
    vcpu_init_timers(v);
    /* Complete before others can find it. */
    __atomic_store_n(&d->vcpu[id], v, __ATOMIC_RELEASE);
    if (v->is_idle)
        per_cpu(idle_vcpu, id) = v;
    return v;

err_sched:
    sched_free_vcpu(v);
err_xstate:
    if (!v->is_idle)
        xstate_free_vcpu(v);
err_free:
    xfree(v);
    return NULL;
}

void vcpu_free(struct vcpu *v)
{
    tasklet_kill(&v->continue_tasklet);
    vcpu_kill_timers(v);
    v->domain->backend->vcpu_free(v);
    sched_free_vcpu(v);
    xstate_free_vcpu(v);
    xfree(v);
}

int vcpu_reset(struct vcpu *v)
{
    int rc;

    vcpu_pause(v);
    rc = v->domain->backend->vcpu_reset(v);
    if (!rc) {
        set_bit(VPF_down, &v->pause_flags);
        clear_bit(v->vcpu_id, v->domain->poll_mask);
        clear_bit(VPF_in_poll, &v->pause_flags);
        clear_bit(VPF_blocked, &v->pause_flags);
        v->poll_evtchn = 0;
        v->is_initialised = false;
        v->fpu_initialised = false;
        v->nmi_state = 0;
    }
    vcpu_unpause(v);
    return rc;
}

void vcpu_set_online(struct vcpu *v, bool online)
{
    if (online)
        clear_bit(VPF_down, &v->pause_flags);
    else
        set_bit(VPF_down, &v->pause_flags);
}

/* --- pausing --- */

void vcpu_pause(struct vcpu *v)
{
    ASSERT(v != current);
    atomic_inc(&v->pause_count);
    vcpu_sleep_sync(v);
}

void vcpu_unpause(struct vcpu *v)
{
    if (atomic_dec_and_test(&v->pause_count))
        vcpu_wake(v);
}

/* --- vcpu_info --- */

/* Nobody may have put an event into the old place after it was copied: everything counts as
   pending, and v looks. */
static void move_vcpu_info(struct vcpu *v, struct vcpu_info *to)
{
    if (vcpu_info_is_dummy(v)) {
        memset(to, 0, sizeof(*to));
        to->evtchn_upcall_mask = 1;
    } else {
        memcpy(to, v->vcpu_info, sizeof(*to));
    }
    __atomic_store_n(&v->vcpu_info, to, __ATOMIC_SEQ_CST);
    to->evtchn_upcall_pending = 1;
    to->evtchn_pending_sel = ~0UL;
}

int map_vcpu_info(struct vcpu *v, gfn_t gfn, unsigned int offset)
{
    struct domain *d = v->domain;
    struct page_info *pg;

    if (offset > PAGE_SIZE - sizeof(struct vcpu_info) || !IS_ALIGNED(offset, sizeof(unsigned long)))
        return -ENXIO;
    if (READ_ONCE(v->vcpu_info_mfn) != INVALID_MFN)
        return -EINVAL;
    if (v != current && !test_bit(VPF_down, &v->pause_flags))
        return -EINVAL;
    pg = d->backend->get_gfn(d, gfn, true);
    if (!pg)
        return -EINVAL;
    /* Two vCPUs may do this for a third one: a lost reference would keep the domain for ever. */
    if (cmpxchg(&v->vcpu_info_mfn, INVALID_MFN, page_to_mfn(pg)) != INVALID_MFN) {
        put_page_and_type(pg);
        return -EINVAL;
    }
    move_vcpu_info(v, (struct vcpu_info *)((char *)page_to_virt(pg) + offset));
    return 0;
}

void unmap_vcpu_info(struct vcpu *v)
{
    mfn_t mfn = v->vcpu_info_mfn;

    if (mfn == INVALID_MFN)
        return;
    v->vcpu_info = &dummy_vcpu_info;
    v->vcpu_info_mfn = INVALID_MFN;
    put_page_and_type(mfn_to_page(mfn));
}

/* --- showing --- */

const char *current_name(void)
{
    static DEFINE_PER_CPU(char[16], name_buf);
    char *buf = this_cpu(name_buf);

    if (!current || !current->domain)
        return "boot";
    snprintf(buf, sizeof(this_cpu(name_buf)), "%sv%u", current->domain->name, current->vcpu_id);
    return buf;
}

void vcpu_show_state(struct vcpu *v)
{
    struct vcpu_runstate_info info;

    vcpu_runstate_get(v, &info);
    printk(" vCPU %u on CPU %u%s: flags %#lx, paused %d, events %u/%u, ran %llu ms, state %d\n",
           v->vcpu_id, v->processor, v->is_running ? " (running)" : "", v->pause_flags,
           atomic_read(&v->pause_count), v->vcpu_info->evtchn_upcall_pending,
           v->vcpu_info->evtchn_upcall_mask,
           (unsigned long long)info.time[RUNSTATE_running] / 1000000, info.state);
}

void vcpu_show(struct vcpu *v)
{
    printk("Domain %u vCPU %u:\n", v->domain->domain_id, v->vcpu_id);
    if (v == current)
        show_registers(guest_regs());
    else
        show_general_registers(&v->regs);
    if (v->domain->backend->show)
        v->domain->backend->show(v);
}
