/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Several hypercalls in one. Each goes through the caller's own table; its result is written into
 * its entry. The list is continued by re-making the call with what is left of it; an entry that was
 * itself continued is written back first.
 */
#include <hv/errno.h>
#include <hv/hypercall.h>
#include <hv/percpu.h>
#include <hv/uaccess.h>

enum multicall_next { MC_NEXT, MC_AGAIN, MC_FAULT, MC_LEAVE };

static DEFINE_PER_CPU(struct multicall_entry, multicall_entry);

struct multicall_entry *multicall_current(void)
{
    return &this_cpu(multicall_entry);
}

static unsigned long call_handler(const struct vcpu *v, const struct multicall_entry *call)
{
    const xen_ulong_t *a = call->args;

    if (call->op >= NR_HYPERCALLS)
        return (unsigned long)-ENOSYS;
    if (call->op == __HYPERVISOR_multicall)
        return (unsigned long)-EINVAL;
    return (unsigned long)v->domain->hypercalls[call->op](a[0], a[1], a[2], a[3], a[4], a[5]);
}

static void perform(struct vcpu *v, struct multicall_entry *call)
{
    v->hcall_preempted = false;
    v->hcall_in_multicall = true;
    call->result = call_handler(v, call);
    v->hcall_in_multicall = false;
}

static enum multicall_next run_entry(struct vcpu *v, struct multicall_entry *guest)
{
    struct multicall_entry *call = multicall_current();

    if (copy_arg_from(call, guest))
        return MC_FAULT;
    perform(v, call);
    if (call->op == __HYPERVISOR_iret && !v->domain->is_hvm)
        return MC_LEAVE;
    if (v->hcall_preempted) {
        v->hcall_preempted = false;
        return copy_arg_to(guest, call) ? MC_FAULT : MC_AGAIN;
    }
    return copy_to_guest(&guest->result, &call->result, sizeof(call->result)) ? MC_FAULT : MC_NEXT;
}

long do_multicall(void *list, unsigned long nr)
{
    struct multicall_entry *entry = list;
    struct vcpu *v = current;

    nr = (uint32_t)nr;
    if (!guest_range_ok(entry, nr * sizeof(*entry)))
        return -EFAULT;
    for (unsigned long i = 0; i < nr; i++) {
        enum multicall_next next;

        if (i && hypercall_preempt_check())
            return HYPERCALL_CONTINUE(multicall, (unsigned long)(entry + i), nr - i);
        next = run_entry(v, entry + i);
        if (next == MC_AGAIN)
            return HYPERCALL_CONTINUE(multicall, (unsigned long)(entry + i), nr - i);
        if (next == MC_FAULT)
            return -EFAULT;
        /* IRET has loaded the guest's registers: the rest of the list is dropped, and its RAX
           stays. */
        if (next == MC_LEAVE)
            return (long)multicall_current()->result;
    }
    return 0;
}
