/* SPDX-License-Identifier: BSD-2-Clause */
/* vcpu_op: a domain starts and stops its vCPUs, and tells where they want their state to be
   seen. */
#include <hv/backend.h>
#include <hv/domain_private.h>
#include <hv/errno.h>
#include <hv/hypercall.h>
#include <hv/lib.h>
#include <hv/sched.h>
#include <hv/smp.h>
#include <hv/time.h>
#include <hv/uaccess.h>

#define MIN_PERIOD MILLISECS(1)
#define MAX_PERIOD ((s_time_t)1 << 62)

/* VPF_init keeps v off the CPUs and others out while its context is being set; whoever comes second
   tries again. */
static long set_initial_context(struct vcpu *v, const struct vcpu_guest_context *ctxt)
{
    long rc;

    if (test_and_set_bit(VPF_init, &v->pause_flags))
        return -ERESTART;
    rc = v->is_initialised ? -EEXIST : v->domain->backend->set_context(v, ctxt);
    if (!rc)
        vcpu_set_online(v, ctxt->flags & VGCF_online);
    clear_bit(VPF_init, &v->pause_flags);
    vcpu_wake(v);
    return rc;
}

static long op_initialise(struct vcpu *v, void *arg)
{
    struct vcpu_guest_context *ctxt;
    long rc;

    if (vcpu_info_is_dummy(v))
        return -EINVAL;
    ctxt = xmalloc(sizeof(*ctxt));
    if (!ctxt)
        return -ENOMEM;
    rc = copy_arg_from(ctxt, arg) ? -EFAULT : set_initial_context(v, ctxt);
    xfree(ctxt);
    return rc;
}

static long op_up(struct vcpu *v, void *arg)
{
    if (vcpu_info_is_dummy(v) || !v->is_initialised)
        return -EINVAL;
    if (test_and_clear_bit(VPF_down, &v->pause_flags))
        vcpu_wake(v);
    return 0;
}

static bool is_last_up(const struct vcpu *v)
{
    const struct vcpu *other;

    for_each_vcpu (v->domain, other)
        if (other != v && !test_bit(VPF_down, &other->pause_flags))
            return false;
    return true;
}

static long op_down(struct vcpu *v, void *arg)
{
    if (is_last_up(v)) {
        domain_shutdown(v->domain, SHUTDOWN_poweroff);
        return 0;
    }
    if (!test_and_set_bit(VPF_down, &v->pause_flags))
        vcpu_sleep_nosync(v);
    return 0;
}

static long op_is_up(struct vcpu *v, void *arg)
{
    return !test_bit(VPF_down, &v->pause_flags);
}

static long op_get_runstate_info(struct vcpu *v, void *arg)
{
    struct vcpu_runstate_info info;

    vcpu_runstate_get(v, &info);
    return copy_arg_to((struct vcpu_runstate_info *)arg, &info) ? -EFAULT : 0;
}

static long op_set_periodic_timer(struct vcpu *v, void *arg)
{
    struct vcpu_set_periodic_timer set;

    if (copy_arg_from(&set, arg))
        return -EFAULT;
    if (set.period_ns < (uint64_t)MIN_PERIOD || set.period_ns > (uint64_t)MAX_PERIOD)
        return -EINVAL;
    vcpu_set_periodic_timer(v, (s_time_t)set.period_ns);
    return 0;
}

static long op_stop_periodic_timer(struct vcpu *v, void *arg)
{
    vcpu_set_periodic_timer(v, 0);
    return 0;
}

/* VCPU_SSHOTTMR_future is ignored as in 4.17: a time in the past fires at once. */
static long op_set_singleshot_timer(struct vcpu *v, void *arg)
{
    struct vcpu_set_singleshot_timer set;

    if (v != current)
        return -EINVAL;
    if (copy_arg_from(&set, arg))
        return -EFAULT;
    set_timer(&v->singleshot_timer, (s_time_t)MIN(set.timeout_abs_ns, (uint64_t)STIME_MAX));
    return 0;
}

static long op_stop_singleshot_timer(struct vcpu *v, void *arg)
{
    if (v != current)
        return -EINVAL;
    stop_timer(&v->singleshot_timer);
    return 0;
}

static long op_register_vcpu_info(struct vcpu *v, void *arg)
{
    struct vcpu_register_vcpu_info info;

    if (copy_arg_from(&info, arg))
        return -EFAULT;
    return map_vcpu_info(v, info.mfn, info.offset);
}

static long op_register_runstate_area(struct vcpu *v, void *arg)
{
    struct vcpu_register_runstate_memory_area area;
    struct vcpu_runstate_info info;

    if (copy_arg_from(&area, arg))
        return -EFAULT;
    if (!guest_range_ok(area.addr.h.p, sizeof(info)))
        return -EFAULT;
    v->runstate_guest = area.addr.h.p;
    vcpu_runstate_get(v, &info);
    /* What is not mapped now may be when v next runs. */
    if (v->runstate_guest)
        (void)!copy_to_guest(v->runstate_guest, &info, sizeof(info));
    return 0;
}

static long op_register_time_area(struct vcpu *v, void *arg)
{
    struct vcpu_register_time_memory_area area;

    if (copy_arg_from(&area, arg))
        return -EFAULT;
    if (!guest_range_ok(area.addr.h.p, sizeof(struct vcpu_time_info)))
        return -EFAULT;
    v->time_info_guest = area.addr.h.p;
    if (v == current)
        force_update_vcpu_time(v);
    return 0;
}

static long op_send_nmi(struct vcpu *v, void *arg)
{
    if (arg)
        return -EINVAL;
    if (!(__atomic_fetch_or(&v->nmi_state, 1, __ATOMIC_SEQ_CST) & 1))
        vcpu_kick(v);
    return 0;
}

/* Only for a vCPU of dom0 that stays on one CPU: its number in the high half, its local APIC's in
   the low one. */
static long op_get_physid(struct vcpu *v, void *arg)
{
    struct vcpu_get_physid id;
    unsigned int cpu = cpumask_first(&v->hard_affinity);

    if (!v->domain->is_control || cpumask_weight(&v->hard_affinity) != 1)
        return -EINVAL;
    id.phys_id = ((uint64_t)cpu << 32) | cpu_apicid[cpu];
    return copy_arg_to((struct vcpu_get_physid *)arg, &id) ? -EFAULT : 0;
}

static long (*const vcpu_ops[])(struct vcpu *v, void *arg) = {
    [VCPUOP_initialise] = op_initialise,
    [VCPUOP_up] = op_up,
    [VCPUOP_down] = op_down,
    [VCPUOP_is_up] = op_is_up,
    [VCPUOP_get_runstate_info] = op_get_runstate_info,
    [VCPUOP_register_runstate_memory_area] = op_register_runstate_area,
    [VCPUOP_set_periodic_timer] = op_set_periodic_timer,
    [VCPUOP_stop_periodic_timer] = op_stop_periodic_timer,
    [VCPUOP_set_singleshot_timer] = op_set_singleshot_timer,
    [VCPUOP_stop_singleshot_timer] = op_stop_singleshot_timer,
    [VCPUOP_register_vcpu_info] = op_register_vcpu_info,
    [VCPUOP_send_nmi] = op_send_nmi,
    [VCPUOP_get_physid] = op_get_physid,
    [VCPUOP_register_vcpu_time_memory_area] = op_register_time_area,
};

long common_vcpu_op(unsigned int cmd, struct vcpu *v, void *arg)
{
    long (*const *op)(struct vcpu *, void *) = row_nospec(vcpu_ops, cmd);

    return op && *op ? (*op)(v, arg) : -ENOSYS;
}

long do_vcpu_op(unsigned long cmd, unsigned long vcpuid, void *arg)
{
    struct vcpu *v = domain_vcpu(current->domain, (uint32_t)vcpuid);
    long rc;

    if (!v)
        return -ENOENT;
    rc = common_vcpu_op((uint32_t)cmd, v, arg);
    if (rc == -ERESTART)
        return HYPERCALL_CONTINUE(vcpu_op, cmd, vcpuid, (unsigned long)arg);
    return rc;
}
