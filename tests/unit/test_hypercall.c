/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercall table against the public header, the refusals in the flat tables, and the
 * arithmetic of continuations, plain and in multicalls. Handlers are the test's own, one per row.
 */
/* sources: hv/hypercall/table.c hv/hypercall/call.c hv/hypercall/multicall.c */
/* cflags: -DHV_UNIT_TEST */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <hv/errno.h>
#include <hv/hvm/hvm.h>
#include <hv/hypercall.h>
#include <hv/printk.h>
#include <hv/trace.h>
#include <hv/uaccess.h>
#include <xen/memory.h>
#include <xen/physdev.h>
#include <xen/sched.h>

#define LIST 6
#define RIP 0xffffffff81001042ul

struct vcpu *unit_current;
struct cpu_user_regs unit_guest_regs;
DEFINE_PER_CPU(unsigned long, softirq_pending);
unsigned int unit_cpu(void) { return 0; }
unsigned long unit_this_cpu_offset(void) { return 0; }
void bug_at(const char *file, int line, const char *what)
{
    fail_msg("%s:%d %s", file, line, what);
    abort();
}

uint32_t trace_mask;
static uint64_t traced[5];
static unsigned int nr_traced;
void trace_record(uint32_t cls, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    memcpy(traced, (uint64_t[]){ cls, a, b, c, d }, sizeof(traced));
    nr_traced++;
}

static struct exit_record last_exit;
void exit_record(uint64_t where, uint64_t what)
{
    last_exit = (struct exit_record){ where, what };
}

static struct multicall_entry list[LIST + 1];
static const void *unreadable;
int copy_from_guest(void *dst, const void *gva, size_t len)
{
    if (gva == unreadable)
        return -EFAULT;
    memcpy(dst, gva, len);
    return 0;
}
int copy_to_guest(void *gva, const void *src, size_t len)
{
    memcpy(gva, src, len);
    return 0;
}
bool guest_range_ok(const void *gva, size_t len)
{
    return (unsigned long)gva + len >= (unsigned long)gva && (unsigned long)gva < 1ul << 47;
}

/* --- handlers: what was called, with which arguments --- */

static struct { unsigned int nr; unsigned long arg[4]; } calls[64];
static unsigned int nr_calls;
static unsigned int continue_times;   /* memory_op asks to be continued so often */

static long record(unsigned int nr, unsigned long a, unsigned long b, unsigned long c,
                   unsigned long d)
{
    assert_true(nr_calls < ARRAY_SIZE(calls));
    calls[nr_calls].nr = nr;
    calls[nr_calls].arg[0] = a;
    calls[nr_calls].arg[1] = b;
    calls[nr_calls].arg[2] = c;
    calls[nr_calls++].arg[3] = d;
    return 1000 + (long)nr;
}
#define U(x) ((unsigned long)(x))
#define R(name, a, b, c, d) record(__HYPERVISOR_##name, U(a), U(b), U(c), U(d))
long do_set_trap_table(const void *traps) { return R(set_trap_table, traps, 0, 0, 0); }
long do_mmu_update(void *u, unsigned long n, void *p, unsigned long f)
{
    return R(mmu_update, u, n, p, f);
}
long do_set_gdt(const void *frames, unsigned long n) { return R(set_gdt, frames, n, 0, 0); }
long do_stack_switch(unsigned long ss, unsigned long sp) { return R(stack_switch, ss, sp, 0, 0); }
long do_set_callbacks(unsigned long e, unsigned long f, unsigned long s)
{
    return R(set_callbacks, e, f, s, 0);
}
long do_fpu_taskswitch(unsigned long set) { return R(fpu_taskswitch, set, 0, 0, 0); }
long do_platform_op(void *op) { return R(platform_op, op, 0, 0, 0); }
long do_set_debugreg(unsigned long reg, unsigned long v) { return R(set_debugreg, reg, v, 0, 0); }
long do_get_debugreg(unsigned long reg) { return R(get_debugreg, reg, 0, 0, 0); }
long do_update_descriptor(unsigned long a, unsigned long d)
{
    return R(update_descriptor, a, d, 0, 0);
}
long do_memory_op(unsigned long cmd, void *arg)
{
    R(memory_op, cmd, arg, 0, 0);
    if (!continue_times)
        return 7;
    continue_times--;
    return HYPERCALL_CONTINUE(memory_op, cmd + 0x100, U(arg));
}
long do_update_va_mapping(unsigned long va, unsigned long val, unsigned long flags)
{
    return R(update_va_mapping, va, val, flags, 0);
}
long do_update_va_mapping_otherdomain(unsigned long va, unsigned long val, unsigned long flags,
                                      unsigned long domid)
{
    return R(update_va_mapping_otherdomain, va, val, flags, domid);
}
long do_set_timer_op(unsigned long t) { return R(set_timer_op, t, 0, 0, 0); }
long do_xen_version(unsigned long cmd, void *arg) { return R(xen_version, cmd, arg, 0, 0); }
long do_console_io(unsigned long cmd, unsigned long n, void *b)
{
    return R(console_io, cmd, n, b, 0);
}
long do_grant_table_op(unsigned long cmd, void *uop, unsigned long n)
{
    return R(grant_table_op, cmd, uop, n, 0);
}
long do_vm_assist(unsigned long cmd, unsigned long type) { return R(vm_assist, cmd, type, 0, 0); }
long do_iret(void) { return R(iret, 0, 0, 0, 0); }
long do_vcpu_op(unsigned long cmd, unsigned long id, void *arg)
{
    return R(vcpu_op, cmd, id, arg, 0);
}
long do_set_segment_base(unsigned long which, unsigned long b)
{
    return R(set_segment_base, which, b, 0, 0);
}
long do_mmuext_op(void *u, unsigned long n, void *p, unsigned long f)
{
    return R(mmuext_op, u, n, p, f);
}
long do_nmi_op(unsigned long cmd, void *arg) { return R(nmi_op, cmd, arg, 0, 0); }
long do_sched_op(unsigned long cmd, void *arg)
{
    this_cpu(softirq_pending) = cmd;
    return R(sched_op, cmd, arg, 0, 0);
}
long do_sched_op_compat(unsigned long cmd, unsigned long a)
{
    return R(sched_op_compat, cmd, a, 0, 0);
}
long do_callback_op(unsigned long cmd, const void *arg) { return R(callback_op, cmd, arg, 0, 0); }
long do_event_channel_op(unsigned long cmd, void *arg)
{
    return R(event_channel_op, cmd, arg, 0, 0);
}
long do_physdev_op(unsigned long cmd, void *arg) { return R(physdev_op, cmd, arg, 0, 0); }
long do_sysctl(void *op) { return R(sysctl, op, 0, 0, 0); }
long do_domctl(void *op) { return R(domctl, op, 0, 0, 0); }
long do_hvm_op(unsigned long cmd, void *arg) { return R(hvm_op, cmd, arg, 0, 0); }
long do_mca(void *op) { return R(arch_0, op, 0, 0, 0); }
void hvm_continue_hypercall(unsigned int op, unsigned int nargs, const unsigned long *args) {}

/* --- world --- */

static struct vcpu vcpu;
static struct vcpu_info info;
static struct domain domain;

static int setup(void **state)
{
    trace_mask = 0;
    hypercall_tables_init();
    memset(&vcpu, 0, sizeof(vcpu));
    vcpu.domain = &domain;
    vcpu.vcpu_info = &info;
    unit_current = &vcpu;
    vcpu.hypercalls = hypercalls_for(true, false);
    domain.is_control = true;
    memset(list, 0, sizeof(list));
    memset(calls, 0, sizeof(calls));
    nr_calls = continue_times = 0;
    unreadable = NULL;
    this_cpu(softirq_pending) = 0;
    unit_guest_regs = (struct cpu_user_regs){ .rip = RIP };
    return 0;
}

static void entry(unsigned int i, unsigned long op, unsigned long a, unsigned long b)
{
    list[i] = (struct multicall_entry){ .op = op, .result = 0xdead, .args = { a, b } };
}

/* What the entry code does with a result, and what the guest does then. */
static long guest_calls_multicall(unsigned long nr, unsigned int *times)
{
    unit_guest_regs.rax = __HYPERVISOR_multicall;
    unit_guest_regs.rdi = U(list);
    unit_guest_regs.rsi = nr;
    for (*times = 1;; ++*times) {
        unit_guest_regs.rip = RIP;
        unit_guest_regs.rax = U(do_multicall((void *)unit_guest_regs.rdi, unit_guest_regs.rsi));
        if (unit_guest_regs.rip == RIP)
            return (long)unit_guest_regs.rax;
        assert_int_equal(unit_guest_regs.rip, RIP - 2);
        assert_int_equal(unit_guest_regs.rax, __HYPERVISOR_multicall);
        this_cpu(softirq_pending) = 0;
    }
}

/* --- tests --- */

static void rows_name_their_numbers(void **state)
{
    assert_string_equal(hypercall_table[__HYPERVISOR_set_trap_table].name, "set_trap_table");
    assert_string_equal(hypercall_table[__HYPERVISOR_domctl].name, "domctl");
    assert_int_equal(__HYPERVISOR_domctl, 36);
    for (unsigned int i = 0; i < NR_HYPERCALLS; i++) {
        const struct hypercall_row *row = &hypercall_table[i];

        assert_int_equal(!row->fn, !row->name);
        assert_true(!row->fn || row->callers & (HCALL_PV | HCALL_HVM));
    }
}

static void every_row_reaches_its_handler(void **state)
{
    for (unsigned int i = 0; i < NR_HYPERCALLS; i++) {
        if (!hypercall_table[i].fn || i == __HYPERVISOR_multicall)
            continue;
        nr_calls = 0;
        hypercalls_for(true, false)[i](11, 12, 13, 14, 15, 16);
        assert_int_equal(nr_calls, 1);
        assert_int_equal(calls[0].nr, i);
        for (unsigned int a = 0; a < hypercall_table[i].nargs; a++)
            assert_int_equal(calls[0].arg[a], 11 + a);
    }
}

static void unknown_and_denied_calls_are_refused(void **state)
{
    static const unsigned int control_only[] = { __HYPERVISOR_domctl, __HYPERVISOR_sysctl,
                                                 __HYPERVISOR_platform_op };

    for (unsigned int i = 0; i < NR_HYPERCALLS; i++)
        if (!hypercall_table[i].fn) {
            assert_int_equal(hypercalls_for(true, false)[i](0, 0, 0, 0, 0, 0), -ENOSYS);
            assert_int_equal(hypercalls_for(false, false)[i](0, 0, 0, 0, 0, 0), -ENOSYS);
        }
    for (unsigned int i = 0; i < ARRAY_SIZE(control_only); i++)
        assert_int_equal(hypercalls_for(false, false)[control_only[i]](0, 0, 0, 0, 0, 0), -EPERM);
    assert_int_equal(nr_calls, 0);
}

/* Whatever stands in the bits that a handler ignores, or that say where a call goes on. */
static void operations_of_the_control_domain(void **state)
{
    static const struct { unsigned int call; unsigned long op; } rows[] = {
#define OP_ROW(call, prefix, name) { __HYPERVISOR_##call, prefix##name },
        HYPERCALL_CONTROL_OPS(OP_ROW)
    };

    for (unsigned int traces = 0; traces < 2; traces++) {
        trace_mask = traces ? TRACE_HYPERCALL : 0;
        hypercall_tables_init();
        for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
            unsigned int nr = rows[i].call;
            unsigned long op = rows[i].op;

            nr_calls = 0;
            domain.is_control = false;
            assert_int_equal(hypercalls_for(false, false)[nr](op, 0, 0, 0, 0, 0), -EPERM);
            assert_int_equal(hypercalls_for(false, false)[nr](op | 1UL << 40, 0, 0, 0, 0, 0),
                             -EPERM);
            if (nr == __HYPERVISOR_memory_op)
                assert_int_equal(hypercalls_for(false, false)[nr](op | 5UL << 6, 0, 0, 0, 0, 0),
                                 -EPERM);
            assert_int_equal(nr_calls, 0);
            domain.is_control = true;
            hypercalls_for(true, false)[nr](op, 0, 0, 0, 0, 0);
            assert_int_equal(nr_calls, 1);
        }
    }
    domain.is_control = false;
    nr_calls = 0;
    hypercalls_for(false, false)[__HYPERVISOR_memory_op](XENMEM_exchange, 2, 3, 0, 0, 0);
    hypercalls_for(false, false)[__HYPERVISOR_sched_op](SCHEDOP_poll, 2, 3, 0, 0, 0);
    assert_int_equal(nr_calls, 2);
    assert_int_equal(calls[1].arg[1], 2);
}

/* Traced or not, a handler gets the same; the record has number, two arguments and the result. */
static void traced_calls(void **state)
{
    trace_mask = TRACE_HYPERCALL;
    hypercall_tables_init();
    every_row_reaches_its_handler(state);
    nr_calls = 0;
    unknown_and_denied_calls_are_refused(state);
    nr_traced = 0;
    assert_int_equal(hypercalls_for(true, false)[__HYPERVISOR_console_io](11, 12, 13, 0, 0, 0),
                     1000 + __HYPERVISOR_console_io);
    assert_int_equal(nr_traced, 1);
    assert_memory_equal(traced, ((uint64_t[]){ TRACE_HYPERCALL, __HYPERVISOR_console_io, 11, 12,
                                               1000 + __HYPERVISOR_console_io }), sizeof(traced));
}

static void plain_continuation_sets_the_guest_back(void **state)
{
    continue_times = 1;
    assert_int_equal(do_memory_op(5, (void *)0x123000), __HYPERVISOR_memory_op);
    assert_int_equal(unit_guest_regs.rip, RIP - 2);
    assert_int_equal(unit_guest_regs.rdi, 0x105);
    assert_int_equal(unit_guest_regs.rsi, 0x123000);
    assert_int_equal(unit_guest_regs.rdx, 0);
}

static void results_are_written(void **state)
{
    unsigned int times;

    entry(0, __HYPERVISOR_xen_version, 1, 2);
    entry(1, 63, 0, 0);
    entry(2, 1000, 0, 0);
    entry(3, __HYPERVISOR_multicall, 0, 0);
    entry(4, __HYPERVISOR_vcpu_op, 3, 4);
    entry(5, __HYPERVISOR_xen_version, 5, 6);
    assert_int_equal(guest_calls_multicall(5, &times), 0);
    assert_int_equal(times, 1);
    assert_int_equal(list[0].result, 1000 + __HYPERVISOR_xen_version);
    assert_int_equal((long)list[1].result, -ENOSYS);
    assert_int_equal((long)list[2].result, -ENOSYS);
    assert_int_equal((long)list[3].result, -EINVAL);
    assert_int_equal(list[4].result, 1000 + __HYPERVISOR_vcpu_op);
    assert_int_equal(list[5].result, 0xdead);
    assert_int_equal(nr_calls, 2);
}

static void permissions_hold_in_multicalls(void **state)
{
    unsigned int times;

    vcpu.hypercalls = hypercalls_for(false, false);
    entry(0, __HYPERVISOR_domctl, 0, 0);
    assert_int_equal(guest_calls_multicall(1, &times), 0);
    assert_int_equal((long)list[0].result, -EPERM);
    assert_int_equal(nr_calls, 0);
}

static void entries_are_counted_and_recorded(void **state)
{
    unsigned int times;

    entry(0, __HYPERVISOR_vcpu_op, 0, 0);
    entry(1, NR_HYPERCALLS, 0, 0);
    entry(2, __HYPERVISOR_vcpu_op, 77, 0);
    assert_int_equal(guest_calls_multicall(3, &times), 0);
    assert_int_equal(vcpu.counts.hypercalls[__HYPERVISOR_vcpu_op], 2);
    assert_int_equal(vcpu.counts.hypercalls[NR_HYPERCALLS], 1);
    assert_int_equal(last_exit.what, __HYPERVISOR_vcpu_op);
    assert_int_equal(last_exit.where, 77);
}

static void list_is_continued_behind_what_is_done(void **state)
{
    unsigned int times;

    for (unsigned int i = 0; i < LIST; i++)
        entry(i, __HYPERVISOR_sched_op, i == 1 || i == 4, i);
    assert_int_equal(guest_calls_multicall(LIST, &times), 0);
    assert_int_equal(times, 3);
    assert_int_equal(nr_calls, LIST);
    for (unsigned int i = 0; i < LIST; i++) {
        assert_int_equal(calls[i].arg[1], i);
        assert_int_equal(list[i].result, 1000 + __HYPERVISOR_sched_op);
    }
}

/* Something is always pending: each try still does one entry. */
static void progress_under_constant_pressure(void **state)
{
    unsigned int times;

    for (unsigned int i = 0; i < LIST; i++)
        entry(i, __HYPERVISOR_sched_op, 1, i);
    assert_int_equal(guest_calls_multicall(LIST, &times), 0);
    assert_int_equal(times, LIST);
    assert_int_equal(nr_calls, LIST);
}

static void continued_entry_is_rewritten_and_made_again(void **state)
{
    unsigned int times;

    entry(0, __HYPERVISOR_xen_version, 0, 0);
    entry(1, __HYPERVISOR_memory_op, 5, 0x456);
    entry(2, __HYPERVISOR_xen_version, 9, 9);
    continue_times = 2;
    assert_int_equal(guest_calls_multicall(3, &times), 0);
    assert_int_equal(times, 3);
    assert_int_equal(nr_calls, 5);
    assert_int_equal(calls[1].arg[0], 5);
    assert_int_equal(calls[2].arg[0], 0x105);
    assert_int_equal(calls[3].arg[0], 0x205);
    assert_int_equal(calls[3].arg[1], 0x456);
    assert_int_equal(list[1].op, __HYPERVISOR_memory_op);
    assert_int_equal(list[1].result, 7);
    assert_int_equal(list[2].result, 1000 + __HYPERVISOR_xen_version);
}

static void iret_ends_the_list_with_its_rax(void **state)
{
    unsigned int times;

    entry(0, __HYPERVISOR_iret, 0, 0);
    entry(1, __HYPERVISOR_xen_version, 0, 0);
    assert_int_equal(guest_calls_multicall(2, &times), 1000 + __HYPERVISOR_iret);
    assert_int_equal(nr_calls, 1);
}

static void faults_stop_the_list(void **state)
{
    unsigned int times;

    for (unsigned int i = 0; i < 3; i++)
        entry(i, __HYPERVISOR_xen_version, 0, 0);
    unreadable = &list[1];
    assert_int_equal(guest_calls_multicall(3, &times), -EFAULT);
    assert_int_equal(nr_calls, 1);
    assert_int_equal(do_multicall((void *)HV_VIRT_START, 1), -EFAULT);
    assert_int_equal(guest_calls_multicall(0, &times), 0);
    assert_int_equal(nr_calls, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(rows_name_their_numbers, setup),
        cmocka_unit_test_setup(every_row_reaches_its_handler, setup),
        cmocka_unit_test_setup(unknown_and_denied_calls_are_refused, setup),
        cmocka_unit_test_setup(operations_of_the_control_domain, setup),
        cmocka_unit_test_setup(traced_calls, setup),
        cmocka_unit_test_setup(plain_continuation_sets_the_guest_back, setup),
        cmocka_unit_test_setup(results_are_written, setup),
        cmocka_unit_test_setup(permissions_hold_in_multicalls, setup),
        cmocka_unit_test_setup(entries_are_counted_and_recorded, setup),
        cmocka_unit_test_setup(list_is_continued_behind_what_is_done, setup),
        cmocka_unit_test_setup(progress_under_constant_pressure, setup),
        cmocka_unit_test_setup(continued_entry_is_rewritten_and_made_again, setup),
        cmocka_unit_test_setup(iret_ends_the_list_with_its_rax, setup),
        cmocka_unit_test_setup(faults_stop_the_list, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
