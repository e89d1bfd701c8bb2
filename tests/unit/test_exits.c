/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts of entries to the hypervisor and their sums, and the last entries in words. */
/* sources: hv/lib/exits.c */
/* cflags: -DHV_UNIT_TEST */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <hv/domain.h>
#include <hv/exits.h>
#include <hv/hypercall.h>
#include <hv/printk.h>
#include <hv/traps.h>

static struct cpu_info info;
static char text[8192];
static struct vcpu vcpus[4];
static struct vcpu *of_a[] = { &vcpus[0], NULL, &vcpus[1] }, *of_b[] = { &vcpus[2] },
                   *of_idle[] = { &vcpus[3] };
static struct domain a = { .domain_id = 0, .vcpu = of_a, .max_vcpus = 3, .name = "d0" },
                     b = { .domain_id = 7, .vcpu = of_b, .max_vcpus = 1, .name = "d7" },
                     idle = { .domain_id = DOMID_IDLE, .vcpu = of_idle, .max_vcpus = 1 };
static uint64_t sum[NR_COUNTS];

struct domain *idle_domain = &idle;
struct list_head domain_list;
spinlock_t domlist_lock;
struct vcpu *unit_current;
const struct hypercall_row hypercall_table[NR_HYPERCALLS] = {
    [__HYPERVISOR_sched_op] = { "sched_op", NULL, 2, HCALL_PV },
    [0] = { "set_trap_table", NULL, 1, HCALL_PV },
};

unsigned int unit_cpu(void) { return 0; }
struct cpu_info *cpu_info_at(unsigned int cpu) { return &info; }
const char *exception_name(unsigned int vector) { return vector == 14 ? "#PF" : "#XX"; }
void bug_at(const char *file, int line, const char *what) { abort(); }

void printk(const char *fmt, ...)
{
    size_t n = strlen(text);
    va_list args;

    va_start(args, fmt);
    vsnprintf(text + n, sizeof(text) - n, fmt, args);
    va_end(args);
}

static int setup(void **state)
{
    memset(vcpus, 0, sizeof(vcpus));
    memset(&info, 0, sizeof(info));
    memset(text, 0, sizeof(text));
    list_init(&domain_list);
    list_add_tail(&a.list, &domain_list);
    list_add_tail(&b.list, &domain_list);
    counts_reset();
    return 0;
}

#define AT(field) (offsetof(struct vcpu_counts, field) / sizeof(uint64_t))

static void rows_cover_every_count_once(void **state)
{
    unsigned int next = 0;

    for (unsigned int i = 0; i < nr_count_rows; i++) {
        assert_int_equal(count_rows[i].first, next);
        next += count_rows[i].nr;
    }
    assert_int_equal(next, NR_COUNTS);
}

static void sums_are_of_the_vcpus_of_a_domain(void **state)
{
    vcpus[0].counts.upcalls = 3;
    vcpus[1].counts.upcalls = 4;
    vcpus[2].counts.upcalls = 50;
    counts_of_domain(&a, sum);
    assert_int_equal(sum[AT(upcalls)], 7);
    vcpus[3].counts.interrupts = 9;
    counts_of_all(sum);
    assert_int_equal(sum[AT(upcalls)], 57);
    assert_int_equal(sum[AT(interrupts)], 9);
}

static void what_a_domain_did_outlives_it(void **state)
{
    vcpus[0].counts.hypercalls[29] = 1;
    vcpus[2].counts.hypercalls[29] = 20;
    counts_end(&b);
    list_del(&b.list);
    vcpus[2].counts.hypercalls[29] = 0;
    counts_of_all(sum);
    assert_int_equal(sum[29], 21);
    counts_reset();
    counts_of_all(sum);
    assert_int_equal(sum[29], 0);
    assert_int_equal(vcpus[0].counts.hypercalls[29], 0);
}

static void only_what_happened_is_printed(void **state)
{
    vcpus[0].counts.hypercalls[29] = 5;
    vcpus[0].counts.hypercalls[NR_HYPERCALLS] = 2;
    vcpus[1].counts.exceptions[14] = 6;
    vcpus[1].counts.events[EVTCHNSTAT_ipi] = 8;
    counts_dump_domain("", &a);
    assert_string_equal(text, "d0 came to the hypervisor by:\n"
                              "  hypercalls: 7\n    sched_op: 5\n    numbers out of range: 2\n"
                              "  exceptions: 6\n    #PF: 6\n"
                              "  events: 8\n    between vCPUs: 8\n");
}

static void record(uint64_t where, uint64_t what)
{
    info.exits[info.exit_next / EXIT_STEP] = (struct exit_record){ where, what };
    info.exit_next += EXIT_STEP;
}

static void each_kind_of_record_has_its_words(void **state)
{
    static const char *const lines[] = {
        "hypercall 0 set_trap_table(0x11, ...)", "hypercall of unknown number (0x12, ...)",
        "#PF, error code 0x7, at", "#XX at", "interrupt, vector 0xf9, at",
        "switch from d7v3 to idle",
    };
    const char *at = text;

    record(0x11, 0);
    record(0x12, 63);
    record(0x13, 14ull << 32 | 7);
    record(0x14, EXIT_DE);
    record(0x15, 0xf9ull << 32);
    record(EXIT_VCPU(7, 3), (uint64_t)EXIT_SWITCH << 32 | EXIT_VCPU(DOMID_IDLE, 0));
    exits_dump(0, EXIT_RECORDS);
    for (unsigned int i = 0; i < ARRAY_SIZE(lines); i++) {
        at = strstr(at, lines[i]);
        assert_non_null(at);
    }
}

static void the_newest_are_shown_when_the_ring_has_wrapped(void **state)
{
    for (unsigned int i = 0; i < 3 * EXIT_RECORDS + 5; i++)
        record(i, 29);
    exits_dump(0, 2);
    assert_null(strstr(text, "0xc2,"));
    assert_non_null(strstr(text, "sched_op(0xc3, ...)\n"));
    assert_string_equal(strstr(text, "0xc4,"), "0xc4, ...)\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(rows_cover_every_count_once, setup),
        cmocka_unit_test_setup(sums_are_of_the_vcpus_of_a_domain, setup),
        cmocka_unit_test_setup(what_a_domain_did_outlives_it, setup),
        cmocka_unit_test_setup(only_what_happened_is_printed, setup),
        cmocka_unit_test_setup(each_kind_of_record_has_its_words, setup),
        cmocka_unit_test_setup(the_newest_are_shown_when_the_ring_has_wrapped, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
