/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The credit policy: domains' weights and caps, and the parameters of all.
 *
 * A capped domain has a budget of time, which running burns. Each CAP_PERIOD it is filled up to the
 * cap's part of that period; what was overdrawn is taken off. vCPUs of a domain without budget are
 * parked. What it could not use, since others' slices came first, is kept for some periods: so a
 * domain gets at most its part, and MAX_SPAN's part once.
 */
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/param.h>
#include <hv/printk.h>
#include "credit_priv.h"

#define CAP_PERIOD MILLISECS(30)
#define MAX_SPAN (4 * CAP_PERIOD) /* a late timer, or a late vCPU, makes up for no more */
#define MIN_PIECE USECS(200)
#define CAP_KEEP ((uint16_t)~0u)
#define DEFAULT_TSLICE_MS 30u
#define DEFAULT_RATELIMIT_US 1000u

static DEFINE_SPINLOCK(cap_lock, LOCK_LEAF);
static LIST_HEAD(capped_doms);
static struct timer cap_timer;
static s_time_t cap_last;         /* cap_lock; when the budgets were filled */

unsigned int sched_tslice_ms = DEFAULT_TSLICE_MS;
uint_param("sched_credit_tslice_ms", sched_tslice_ms);
unsigned int sched_ratelimit_us = DEFAULT_RATELIMIT_US;
uint_param("sched_ratelimit_us", sched_ratelimit_us);
unsigned int sched_migr_delay_us;
uint_param("vcpu_migration_delay", sched_migr_delay_us);

/* --- budgets --- */

static int64_t quota_of(const struct sched_dom *sdom, s_time_t span)
{
    return (int64_t)sdom->cap * span / 100;
}

static unsigned int nr_runnable(const struct sched_dom *sdom)
{
    const struct sched_vcpu *s;
    unsigned int n = 0;

    list_for_each (s, &sdom->vcpus, siblings)
        n += vcpu_runnable(s->v);
    return n ? n : 1;
}

/* All vCPUs that may run burn the budget at a time; each gets a piece of it in one go. cap_lock is
   held. */
static void fill(struct sched_dom *sdom, s_time_t span)
{
    int64_t full = quota_of(sdom, CAP_PERIOD), part = quota_of(sdom, span), old, new;

    do {
        old = __atomic_load_n(&sdom->budget, __ATOMIC_RELAXED);
        /* One that had to wait for the CPU, because others' slices are longer, may catch up. */
        new = MIN(old + part, quota_of(sdom, MAX_SPAN));
    } while (cmpxchg(&sdom->budget, old, new) != old);
    WRITE_ONCE(sdom->piece, MAX(full / (int64_t)nr_runnable(sdom), MIN_PIECE));
}

static void wake_parked(void)
{
    unsigned int cpu;

    for_each_online_cpu (cpu)
        if (READ_ONCE(per_cpu(credit_cpu, cpu).nr_parked))
            cpu_raise_softirq(cpu, SCHEDULE_SOFTIRQ);
}

static void cap_period_ended(void *unused)
{
    struct sched_dom *sdom;
    s_time_t now = NOW(), span;
    unsigned long flags;
    bool more;

    spin_lock_irqsave(&cap_lock, flags);
    span = MIN(now - cap_last, MAX_SPAN);
    cap_last = now;
    list_for_each (sdom, &capped_doms, capped)
        fill(sdom, span);
    more = !list_empty(&capped_doms);
    spin_unlock_irqrestore(&cap_lock, flags);

    wake_parked();
    if (more)
        set_timer(&cap_timer, now + CAP_PERIOD);
}

/* cap_lock is held. True if it is the first domain with a cap. */
static bool set_cap(struct sched_dom *sdom, uint16_t cap)
{
    bool first = list_empty(&capped_doms);

    list_del(&sdom->capped);
    WRITE_ONCE(sdom->cap, cap);
    if (!cap)
        return false;
    list_add_tail(&sdom->capped, &capped_doms);
    __atomic_store_n(&sdom->budget, 0, __ATOMIC_RELAXED);
    fill(sdom, CAP_PERIOD);
    if (first)
        cap_last = NOW();
    return first;
}

/* --- parameters --- */

static void put_info(struct sched_dom *sdom, const struct xen_domctl_sched_credit *p)
{
    unsigned long flags;
    bool first = false;

    spin_lock_irqsave(&cap_lock, flags);
    if (p->weight)
        WRITE_ONCE(sdom->weight, p->weight);
    if (p->cap != CAP_KEEP)
        first = set_cap(sdom, p->cap);
    spin_unlock_irqrestore(&cap_lock, flags);
    if (first)
        set_timer(&cap_timer, NOW() + CAP_PERIOD);
    wake_parked();
}

int credit_adjust(struct domain *d, struct xen_domctl_scheduler_op *op)
{
    struct sched_dom *sdom = d->sched;

    switch (op->cmd) {
    case XEN_DOMCTL_SCHEDOP_getinfo:
        op->u.credit.weight = sdom->weight;
        op->u.credit.cap = sdom->cap;
        return 0;
    case XEN_DOMCTL_SCHEDOP_putinfo:
        put_info(sdom, &op->u.credit);
        return 0;
    default:
        return -EINVAL;
    }
}

static bool params_valid(const struct xen_sysctl_credit_schedule *p)
{
    if (p->tslice_ms > XEN_SYSCTL_CSCHED_TSLICE_MAX || p->tslice_ms < XEN_SYSCTL_CSCHED_TSLICE_MIN)
        return false;
    if (p->ratelimit_us && (p->ratelimit_us > XEN_SYSCTL_SCHED_RATELIMIT_MAX ||
                            p->ratelimit_us < XEN_SYSCTL_SCHED_RATELIMIT_MIN))
        return false;
    return p->ratelimit_us <= p->tslice_ms * 1000 &&
           p->vcpu_migr_delay_us <= XEN_SYSCTL_CSCHED_MGR_DLY_MAX_US;
}

int credit_adjust_global(struct xen_sysctl_scheduler_op *op)
{
    struct xen_sysctl_credit_schedule *p = &op->u.sched_credit;

    if (op->cmd == XEN_SYSCTL_SCHEDOP_putinfo) {
        if (!params_valid(p))
            return -EINVAL;
        sched_tslice_ms = p->tslice_ms;
        sched_ratelimit_us = p->ratelimit_us;
        sched_migr_delay_us = p->vcpu_migr_delay_us;
    } else if (op->cmd != XEN_SYSCTL_SCHEDOP_getinfo) {
        return -EINVAL;
    }
    p->tslice_ms = sched_tslice_ms;
    p->ratelimit_us = sched_ratelimit_us;
    p->vcpu_migr_delay_us = sched_migr_delay_us;
    return 0;
}

/* Bad values of the command line: named, and the default taken. */
static void check_option(const char *name, unsigned int *var, bool good, unsigned int instead)
{
    if (good)
        return;
    printk(XENLOG_WARNING "scheduler: option %s=%u is out of range; %u is used\n", name, *var,
           instead);
    *var = instead;
}

void credit_cap_init(void)
{
    check_option("sched_credit_tslice_ms", &sched_tslice_ms,
                 sched_tslice_ms >= XEN_SYSCTL_CSCHED_TSLICE_MIN &&
                     sched_tslice_ms <= XEN_SYSCTL_CSCHED_TSLICE_MAX, DEFAULT_TSLICE_MS);
    check_option("sched_ratelimit_us", &sched_ratelimit_us,
                 !sched_ratelimit_us ||
                     (sched_ratelimit_us >= XEN_SYSCTL_SCHED_RATELIMIT_MIN &&
                      sched_ratelimit_us <= XEN_SYSCTL_SCHED_RATELIMIT_MAX &&
                      sched_ratelimit_us <= sched_tslice_ms * 1000),
                 MIN(DEFAULT_RATELIMIT_US, sched_tslice_ms * 1000));
    check_option("vcpu_migration_delay", &sched_migr_delay_us,
                 sched_migr_delay_us <= XEN_SYSCTL_CSCHED_MGR_DLY_MAX_US, 0);
    init_timer(&cap_timer, cap_period_ended, NULL, 0);
}

/* --- life --- */

int credit_cap_init_domain(struct domain *d)
{
    struct sched_dom *sdom = xzalloc_struct(struct sched_dom);

    if (!sdom)
        return -ENOMEM;
    list_init(&sdom->capped);
    list_init(&sdom->vcpus);
    sdom->weight = DEFAULT_WEIGHT;
    d->sched = sdom;
    return 0;
}

void credit_cap_free_domain(struct domain *d)
{
    unsigned long flags;

    spin_lock_irqsave(&cap_lock, flags);
    list_del(&d->sched->capped);
    spin_unlock_irqrestore(&cap_lock, flags);
    xfree(d->sched);
    d->sched = NULL;
}

void credit_cap_add(struct sched_vcpu *s)
{
    unsigned long flags;

    spin_lock_irqsave(&cap_lock, flags);
    list_add_tail(&s->siblings, &s->sdom->vcpus);
    spin_unlock_irqrestore(&cap_lock, flags);
}

void credit_cap_remove(struct sched_vcpu *s)
{
    unsigned long flags;

    spin_lock_irqsave(&cap_lock, flags);
    list_del(&s->siblings);
    spin_unlock_irqrestore(&cap_lock, flags);
}
