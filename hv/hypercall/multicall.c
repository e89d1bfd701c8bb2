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
#include <pv/user.h>

enum multicall_next { MC_NEXT, MC_AGAIN, MC_FAULT, MC_LEAVE };

static DEFINE_PER_CPU(struct multicall_entry, multicall_entry);

struct multicall_entry *multicall_current(void)
{
    return &this_cpu(multicall_entry);
}

/*
 * The entry but for its result, which only goes out. The list's addresses have been checked. (A
 * handler that is continued leaves its arguments in multicall_current().)
 */
static inline __attribute__((always_inline)) bool fetch(struct multicall_entry *e,
                                                        const struct multicall_entry *guest,
                                                        bool hvm)
{
    if (unlikely(hvm)) {
        if (copy_arg_from(multicall_current(), guest))
            return false;
        *e = *multicall_current();
        return true;
    }
    return pv_get_words_unchecked(&e->op, &guest->op, 1) &&
           pv_get_words_unchecked(e->args, guest->args, 6);
}

static inline bool put_result(struct multicall_entry *guest, unsigned long result, bool hvm)
{
    if (unlikely(hvm))
        return !copy_to_guest(&guest->result, &result, sizeof(result));
    return pv_put_words_unchecked(&guest->result, &result, 1);
}

static inline unsigned long call_handler(struct vcpu *v, const struct multicall_entry *e)
{
    const xen_ulong_t *a = e->args;

    if (unlikely(e->op >= NR_HYPERCALLS)) {
        v->counts.hypercalls[NR_HYPERCALLS]++;
        return (unsigned long)-ENOSYS;
    }
    v->counts.hypercalls[e->op]++;
    exit_record(a[0], e->op);
    if (unlikely(e->op == __HYPERVISOR_multicall))
        return (unsigned long)-EINVAL;
    return (unsigned long)v->hypercalls[index_nospec(e->op, NR_HYPERCALLS)](a[0], a[1], a[2], a[3],
                                                                            a[4], a[5]);
}

static inline enum multicall_next run_entry(struct vcpu *v, struct multicall_entry *guest,
                                            unsigned long *result)
{
    bool hvm = v->domain->is_hvm;
    struct multicall_entry e;

    if (unlikely(!fetch(&e, guest, hvm)))
        return MC_FAULT;
    *result = call_handler(v, &e);
    if (unlikely(e.op == __HYPERVISOR_iret && !hvm))
        return MC_LEAVE;
    if (unlikely(v->hcall_preempted)) {
        v->hcall_preempted = false;
        return copy_arg_to(guest, multicall_current()) ? MC_FAULT : MC_AGAIN;
    }
    return likely(put_result(guest, *result, hvm)) ? MC_NEXT : MC_FAULT;
}

long do_multicall(void *list, unsigned long nr)
{
    struct multicall_entry *entry = list;
    enum multicall_next next = MC_NEXT;
    unsigned long result = 0, i;
    struct vcpu *v = current;

    nr = (uint32_t)nr;
    if (!guest_range_ok(entry, nr * sizeof(*entry)))
        return -EFAULT;
    harden_branch();
    v->hcall_preempted = false;
    v->hcall_in_multicall = true;
    for (i = 0; i < nr; i++) {
        next = MC_AGAIN;
        if (likely(!i || !hypercall_preempt_check()))
            next = run_entry(v, entry + i, &result);
        if (unlikely(next != MC_NEXT))
            break;
    }
    v->hcall_in_multicall = false;
    if (next == MC_AGAIN)
        return HYPERCALL_CONTINUE(multicall, (unsigned long)(entry + i), nr - i);
    /* IRET has loaded the guest's registers: the rest of the list is dropped, and its RAX stays. */
    if (next == MC_LEAVE)
        return (long)result;
    return next == MC_FAULT ? -EFAULT : 0;
}
