/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is every hypercall, exception and event counted once, by its kind?
 *
 * The ABI: XEN_SYSCTL_perfc_op gives names and values of counters, for query and reset; -EINVAL for
 * other commands. Which counters there are is the hypervisor's affair: the test knows Hospes's by
 * name, does things a known number of times and looks at the differences, which must be exact. The
 * counts of one domain (a command of Hospes's own) must agree with those of all, as there is only
 * domain 0.
 */
#include <guest.h>
#include <xen/sysctl.h>

#define MAX_ROWS 64
#define MAX_VALUES 1024
#define OF_DOMAIN 0x80000000u
#define TIMES 100

static xen_sysctl_perfc_desc_t rows[MAX_ROWS];
static xen_sysctl_perfc_val_t before[MAX_VALUES], after[MAX_VALUES];
static struct xen_sysctl op;

static long call(uint32_t cmd, void *desc, void *val)
{
    memset(&op, 0, sizeof(op));
    op.cmd = XEN_SYSCTL_perfc_op;
    op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    op.u.perfc_op.cmd = cmd;
    set_xen_guest_handle(op.u.perfc_op.desc, desc);
    set_xen_guest_handle(op.u.perfc_op.val, val);
    return hc_sysctl(&op);
}

/* By how much value i of the row has grown. */
static unsigned int grown(const char *row, unsigned int i)
{
    unsigned int first = 0, r;

    for (r = 0; r < op.u.perfc_op.nr_counters; r++) {
        if (!strcmp(rows[r].name, row) && i < rows[r].nr_vals)
            return after[first + i] - before[first + i];
        first += rows[r].nr_vals;
    }
    check(false, "no counter \"%s\"[%u]", row, i);
    return 0;
}

static void begin(void) { require(call(XEN_SYSCTL_PERFCOP_query, NULL, before), 0); }
static void end(void) { require(call(XEN_SYSCTL_PERFCOP_query, rows, after), 0); }

static void hypercalls(void)
{
    struct multicall_entry list[8];
    unsigned int i;

    memset(list, 0, sizeof(list));
    for (i = 0; i < ARRAY_SIZE(list); i++)
        list[i].op = __HYPERVISOR_vm_assist;
    begin();
    for (i = 0; i < TIMES; i++)
        hc_xen_version(XENVER_version, NULL);
    for (i = 0; i < 3; i++)
        hypercall(63, 0, 0, 0, 0, 0, 0);
    hypercall_number(64, 0, 0);
    hypercall_number(0xffffffff, 0, 0);
    expect(hc_multicall(list, ARRAY_SIZE(list)), 0);
    end();
    expect(grown("hypercalls", __HYPERVISOR_xen_version), TIMES);
    expect(grown("hypercalls", 63), 3);
    expect(grown("hypercalls", 64), 2);
    expect(grown("hypercalls", __HYPERVISOR_vm_assist), 8);
    expect(grown("hypercalls", __HYPERVISOR_multicall), 1);
    expect(grown("hypercalls", __HYPERVISOR_sysctl), 1);
}

static void divide(void *arg)
{
    (void)arg;
    asm volatile("xorl %%ecx, %%ecx; divl %%ecx" : : : "eax", "ecx", "edx");
}

static void exceptions(void)
{
    unsigned int i;

    begin();
    for (i = 0; i < TIMES; i++) {
        uint32_t a = 1, b, c = 0, d;

        asm volatile(XEN_EMULATE_PREFIX "cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    }
    expect_trap(divide, NULL, VEC_DE, 0);
    end();
    expect(grown("exceptions", VEC_UD), TIMES);
    expect(grown("exceptions", VEC_DE), 1);
    expect(grown("emulated instructions", 0), TIMES);
}

static void events(void)
{
    long port = event_bind_ipi(0);
    unsigned int i;

    require(port > 0, 1);
    event_unmask((unsigned int)port);
    begin();
    for (i = 0; i < TIMES; i++)
        event_send((unsigned int)port);
    end();
    expect(event_count((unsigned int)port), TIMES);
    expect(grown("events", EVTCHNSTAT_ipi), TIMES);
    check(grown("event upcalls", 0) >= TIMES, "%u upcalls", grown("event upcalls", 0));
    event_close((unsigned int)port);
}

static void one_domain(void)
{
    expect(call(OF_DOMAIN | 0, rows, before), 0);
    end();
    expect(grown("hypercalls", __HYPERVISOR_sysctl), 1);
    expect(grown("hypercalls", __HYPERVISOR_event_channel_op), 0);
    expect(call(OF_DOMAIN | DOMID_SELF, rows, before), 0);
    expect(call(OF_DOMAIN | 77, rows, before), -XEN_ESRCH);
}

static void arguments(void)
{
    expect(call(0, rows, after), -XEN_EINVAL);
    expect(call(3, rows, after), -XEN_EINVAL);
    expect(call(XEN_SYSCTL_PERFCOP_query, (void *)0x1000, after), -XEN_EFAULT);
    expect(call(XEN_SYSCTL_PERFCOP_query, rows, (void *)0x1000), -XEN_EFAULT);
    expect(call(XEN_SYSCTL_PERFCOP_reset, NULL, NULL), 0);
    expect(call(XEN_SYSCTL_PERFCOP_query, rows, after), 0);
    memset(before, 0, sizeof(before));
    expect(grown("hypercalls", __HYPERVISOR_sysctl), 1);
    expect(grown("hypercalls", __HYPERVISOR_xen_version), 0);
}

void test_main(void)
{
    require(call(XEN_SYSCTL_PERFCOP_query, NULL, NULL), 0);
    check(op.u.perfc_op.nr_counters <= MAX_ROWS && op.u.perfc_op.nr_vals <= MAX_VALUES,
          "%u counters, %u values", op.u.perfc_op.nr_counters, op.u.perfc_op.nr_vals);
    hypercalls();
    exceptions();
    events();
    one_domain();
    arguments();
}
