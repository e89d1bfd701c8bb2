/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sysctl on power: idle states. A CPU without work halts (C1); there are no deeper states, and no
 * frequency driver: what asks for one is answered -ENODEV, as with Xen's cpufreq=none.
 */
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/sched.h>
#include <hv/time.h>
#include <hv/uaccess.h>
#include "sysctl_private.h"

enum { C0, C1, NR_CSTATES };
/* What cpuid selects in the limits of C-states. */
enum { LIMIT_STATE, LIMIT_SUBSTATE };

static bool cpu_is_online(uint32_t cpu)
{
    return cpu < nr_cpu_ids && cpumask_test(cpu, &cpu_online_map);
}

/* Every halt ends one stay in C1 and begins one in C0. */
static int get_cxstat(unsigned int cpu, struct pm_cx_stat *s)
{
    uint64_t triggers[NR_CSTATES], residency[NR_CSTATES];
    uint32_t nr = MIN(s->nr, (uint32_t)NR_CSTATES);

    s->idle_time = get_cpu_idle_time(cpu);
    triggers[C0] = triggers[C1] = READ_ONCE(per_cpu(idle_halts, cpu));
    residency[C1] = s->idle_time;
    residency[C0] = (uint64_t)NOW() - MIN((uint64_t)NOW(), s->idle_time);
    s->nr = NR_CSTATES;
    s->last = C1;
    s->nr_pc = s->nr_cc = 0;
    if (copy_to_handle(s->triggers, triggers, nr) || copy_to_handle(s->residencies, residency, nr))
        return -EFAULT;
    return 0;
}

int sysctl_get_pmstat(struct xen_sysctl *op)
{
    struct xen_sysctl_get_pmstat *pm = &op->u.get_pmstat;

    if (!cpu_is_online(pm->cpuid))
        return -EINVAL;
    switch (pm->type) {
    case PMSTAT_get_max_cx:
        pm->u.getcx.nr = NR_CSTATES;
        return 0;
    case PMSTAT_get_cxstat:
        return get_cxstat(pm->cpuid, &pm->u.getcx);
    default:
        return (pm->type & PMSTAT_CATEGORY_MASK) == PMSTAT_CX ? -ENOSYS : -ENODEV;
    }
}

/* C1 is what there is; a limit above it, or none, changes nothing. */
static int limit_cstate(uint32_t which, uint32_t limit)
{
    if (which > LIMIT_SUBSTATE)
        return -EINVAL;
    return which == LIMIT_STATE && limit < C1 ? -EOPNOTSUPP : 0;
}

static int get_cstate_limit(uint32_t which, uint32_t *limit)
{
    *limit = which == LIMIT_STATE ? C1 : XEN_SYSCTL_CX_UNLIMITED;
    return which > LIMIT_SUBSTATE ? -EINVAL : 0;
}

int sysctl_pm_op(struct xen_sysctl *op)
{
    struct xen_sysctl_pm_op *pm = &op->u.pm_op;

    switch (pm->cmd) {
    case XEN_SYSCTL_pm_op_get_max_cstate:
        return get_cstate_limit(pm->cpuid, &pm->u.get_max_cstate);
    case XEN_SYSCTL_pm_op_set_max_cstate:
        return limit_cstate(pm->cpuid, pm->u.set_max_cstate);
    case XEN_SYSCTL_pm_op_set_sched_opt_smt:
        return -EOPNOTSUPP;
    default:
        break;
    }
    if (!cpu_is_online(pm->cpuid))
        return -EINVAL;
    switch (pm->cmd) {
    case GET_CPUFREQ_PARA:
    case SET_CPUFREQ_GOV:
    case SET_CPUFREQ_PARA:
    case GET_CPUFREQ_AVGFREQ:
        return -ENODEV;
    case XEN_SYSCTL_pm_op_enable_turbo:
        return -ENODEV;
    case XEN_SYSCTL_pm_op_disable_turbo:
        return -ENODEV;
    default:
        return -ENOSYS;
    }
}
