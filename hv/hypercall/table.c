/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercall table, and the two flat tables made of it at boot that entry code calls through:
 * unknown calls and those a caller has no right to stand in them as functions that refuse.
 */
#include <hv/errno.h>
#include <hv/hypercall.h>
#include <hv/trace.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>

/* Handlers take their arguments in registers, so that one pointer type serves all counts of
   arguments. */
#define AS_HYPERCALL(fn) ((hypercall_fn_t)(void (*)(void))(fn))

#define TABLE_ROW(call, handler, args, who)                                                     \
    [__HYPERVISOR_##call] = { #call, AS_HYPERCALL(handler), args, who },
const struct hypercall_row hypercall_table[NR_HYPERCALLS] = { HYPERCALL_ROWS(TABLE_ROW) };

#define CHECK_ROW(call, handler, args, who)                                                     \
    _Static_assert(__HYPERVISOR_##call < NR_HYPERCALLS && (args) <= 6, #call);
HYPERCALL_ROWS(CHECK_ROW)

static long do_ni_hypercall(unsigned long a1, unsigned long a2, unsigned long a3, unsigned long a4,
                            unsigned long a5, unsigned long a6)
{
    return -ENOSYS;
}

static long do_denied_hypercall(unsigned long a1, unsigned long a2, unsigned long a3,
                                unsigned long a4, unsigned long a5, unsigned long a6)
{
    return -EPERM;
}

/* The last row is for all numbers beyond. */
static hypercall_fn_t hypercalls[2][2][NR_HYPERCALLS + 1] __ro_after_init; /* HVM, control */

/* --- operations of the control domain --- */

#define OP_BITS 64

static const struct { uint8_t call, op; } control_op_rows[] = {
#define CONTROL_ROW(call, prefix, name) { __HYPERVISOR_##call, prefix##name },
    HYPERCALL_CONTROL_OPS(CONTROL_ROW)
};
#define CHECK_OP(call, prefix, name) _Static_assert(prefix##name < OP_BITS, #name);
HYPERCALL_CONTROL_OPS(CHECK_OP)

/* A bit per operation of a call. */
static uint64_t control_ops[NR_HYPERCALLS] __ro_after_init;

/* The operation is the low half of the first argument; where a memory_op goes on is above it. */
static bool is_control_op(unsigned int call, unsigned long arg)
{
    unsigned int op = (unsigned int)arg;

    if (call == __HYPERVISOR_memory_op)
        op %= OP_BITS;
    return op < OP_BITS && (control_ops[call] >> op & 1);
}

/* What stands in the tables instead of a handler where operations have to be told apart, and while
   hypercalls are traced, so that neither costs where it is not needed. */
#define CHECKED(call, handler, args, who)                                                       \
    static long checked_##call(unsigned long a1, unsigned long a2, unsigned long a3,            \
                               unsigned long a4, unsigned long a5, unsigned long a6)            \
    {                                                                                           \
        bool denied = is_control_op(__HYPERVISOR_##call, a1) &&                                 \
                      !is_control_domain(current->domain);                                      \
        long rc = denied ? -EPERM                                                               \
                         : hypercall_table[__HYPERVISOR_##call].fn(a1, a2, a3, a4, a5, a6);     \
                                                                                                \
        trace(TRACE_HYPERCALL, __HYPERVISOR_##call, a1, a2, (unsigned long)rc);                 \
        return rc;                                                                              \
    }
HYPERCALL_ROWS(CHECKED)

#define CHECKED_ROW(call, handler, args, who) [__HYPERVISOR_##call] = checked_##call,
static const hypercall_fn_t checked[NR_HYPERCALLS] = { HYPERCALL_ROWS(CHECKED_ROW) };

static hypercall_fn_t entry_for(unsigned int nr, bool hvm, bool control)
{
    const struct hypercall_row *row = &hypercall_table[nr];

    if (!row->fn || !(row->callers & (hvm ? HCALL_HVM : HCALL_PV)))
        return do_ni_hypercall;
    if ((row->callers & HCALL_CONTROL) && !control)
        return do_denied_hypercall;
    if (trace_mask & TRACE_HYPERCALL || (control_ops[nr] && !control))
        return checked[nr];
    return row->fn;
}

const hypercall_fn_t *hypercalls_for(bool control, bool hvm)
{
    return hypercalls[hvm][control];
}

static void make_table(bool hvm, bool control)
{
    hypercall_fn_t *table = hypercalls[hvm][control];

    for (unsigned int i = 0; i < NR_HYPERCALLS; i++)
        table[i] = entry_for(i, hvm, control);
    table[NR_HYPERCALLS] = do_ni_hypercall;
}

void hypercall_tables_init(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(control_op_rows); i++)
        control_ops[control_op_rows[i].call] |= BIT(control_op_rows[i].op);
    for (unsigned int kind = 0; kind < 4; kind++)
        make_table(kind & 1, kind & 2);
}
