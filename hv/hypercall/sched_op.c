/* SPDX-License-Identifier: BSD-2-Clause */
/* sched_op: a vCPU gives up its CPU, and a domain ends. */
#include <hv/domain_private.h>
#include <hv/errno.h>
#include <hv/hypercall.h>
#include <hv/printk.h>
#include <hv/sched.h>
#include <hv/uaccess.h>

static long sched_yield(void *arg)
{
    vcpu_yield();
    return 0;
}

/* Waiting for an event means to be ready for one. */
static long sched_block(void *arg)
{
    WRITE_ONCE(current->vcpu_info->evtchn_upcall_mask, 0);
    vcpu_block();
    return 0;
}

static long sched_shutdown(void *arg)
{
    struct sched_shutdown op;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    domain_shutdown(current->domain, (uint8_t)op.reason);
    return 0;
}

/* Leaves the reason for a later shutdown that gives none. */
static long sched_shutdown_code(void *arg)
{
    struct domain *d = current->domain;
    struct sched_shutdown op;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    spin_lock(&d->shutdown_lock);
    if (d->shutdown_code < 0)
        d->shutdown_code = (uint8_t)op.reason;
    spin_unlock(&d->shutdown_lock);
    return 0;
}

static long sched_poll(void *arg)
{
    struct sched_poll op;

    return copy_arg_from(&op, arg) ? -EFAULT : vcpu_poll(&op);
}

static long sched_remote_shutdown(void *arg)
{
    struct sched_remote_shutdown op;
    struct domain *d;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    d = get_domain_by_id(op.domain_id);
    if (!d)
        return -ESRCH;
    domain_shutdown(d, (uint8_t)op.reason);
    put_domain(d);
    return 0;
}

static long sched_watchdog(void *arg)
{
    struct sched_watchdog op;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    return domain_watchdog(current->domain, op.id, op.timeout);
}

static long sched_pin_override(void *arg)
{
    struct sched_pin_override op;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    return vcpu_pin_override(current, op.pcpu);
}

static long (*const sched_ops[])(void *arg) = {
    [SCHEDOP_yield] = sched_yield,
    [SCHEDOP_block] = sched_block,
    [SCHEDOP_shutdown] = sched_shutdown,
    [SCHEDOP_poll] = sched_poll,
    [SCHEDOP_remote_shutdown] = sched_remote_shutdown,
    [SCHEDOP_shutdown_code] = sched_shutdown_code,
    [SCHEDOP_watchdog] = sched_watchdog,
    [SCHEDOP_pin_override] = sched_pin_override,
};

long do_sched_op(unsigned long cmd, void *arg)
{
    long (*const *op)(void *) = row_nospec(sched_ops, (uint32_t)cmd);

    return op ? (*op)(arg) : -ENOSYS;
}

/* The call of old kernels: only these, and the reason is the argument itself. */
long do_sched_op_compat(unsigned long cmd, unsigned long arg)
{
    switch ((uint32_t)cmd) {
    case SCHEDOP_yield:
        return sched_yield(NULL);
    case SCHEDOP_block:
        return sched_block(NULL);
    case SCHEDOP_shutdown:
        domain_shutdown(current->domain, (uint8_t)arg);
        return 0;
    default:
        return -ENOSYS;
    }
}
