/* SPDX-License-Identifier: BSD-2-Clause */
/* `hospes top`: rates, order and lines (tools/hospes/top.c). */
/* sources: tools/hospes/top.c */
/* cflags: -D_GNU_SOURCE -Itools/hospes */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "top.h"

#define SECOND 1000000000ull

static struct top_sample sample_of(unsigned int n, uint64_t when)
{
    struct top_sample s = { .when_ns = when, .n_cpus = 2, .n = n, .machine_kib = 2048 << 10,
                            .free_kib = 512 << 10 };

    s.domains = calloc(n, sizeof(*s.domains));
    for (unsigned int i = 0; i < n; i++) {
        s.domains[i].id = i;
        s.domains[i].n_vcpus = 2;
        s.domains[i].vcpu_ns = calloc(2, sizeof(uint64_t));
        s.domains[i].vcpu = calloc(2, sizeof(double));
        strcpy(s.domains[i].state, "running");
        strcpy(s.domains[i].name, i ? "guest" : "Domain-0");
    }
    return s;
}

static void rates(void **state)
{
    struct top_sample a = sample_of(2, 5 * SECOND), b = sample_of(2, 7 * SECOND);

    (void)state;
    a.domains[1].now = (struct top_counters){ .cpu_ns = SECOND, .net_rx = 100, .disk_read = 4096 };
    b.domains[1].now = (struct top_counters){ .cpu_ns = 4 * SECOND, .net_rx = 2100, .net_tx = 50,
                                              .disk_read = 8192, .disk_written = 512 };
    a.domains[1].vcpu_ns[1] = SECOND;
    b.domains[1].vcpu_ns[1] = 2 * SECOND;
    top_update(&a, NULL);
    assert_true(a.domains[1].cpu == 0);
    assert_int_equal(a.domains[1].n_history, 1);
    top_update(&b, &a);
    assert_true(b.domains[1].cpu == 150);
    assert_true(b.domains[1].net_rx_rate == 1000);
    assert_true(b.domains[1].net_tx_rate == 25);
    assert_true(b.domains[1].disk_read_rate == 2048);
    assert_true(b.domains[1].disk_written_rate == 256);
    assert_true(b.domains[1].vcpu[0] == 0 && b.domains[1].vcpu[1] == 50);
    assert_int_equal(b.domains[1].n_history, 2);
    assert_int_equal(b.domains[1].history[1], 75);
    top_free(&a);
    top_free(&b);
}

/* A number that is used again, counters that went back, no time between: no wild rates. */
static void breaks(void **state)
{
    struct top_sample a = sample_of(2, SECOND), b = sample_of(3, 2 * SECOND);

    (void)state;
    a.domains[0].now.cpu_ns = 5 * SECOND;
    b.domains[0].now.cpu_ns = 3 * SECOND;
    a.domains[1].now.cpu_ns = SECOND;
    b.domains[1].now.cpu_ns = 9 * SECOND;
    b.domains[1].handle[3] = 1;
    b.domains[2].now.net_rx = 1 << 30;
    top_update(&a, NULL);
    top_update(&b, &a);
    for (int i = 0; i < 3; i++) {
        assert_true(b.domains[i].cpu == 0);
        assert_true(b.domains[i].net_rx_rate == 0);
    }
    b.when_ns = a.when_ns;
    b.domains[0].now.cpu_ns = 8 * SECOND;
    top_update(&b, &a);
    assert_true(b.domains[0].cpu == 0);
    top_free(&a);
    top_free(&b);
}

static void history(void **state)
{
    struct top_sample before = { 0 };

    (void)state;
    for (uint64_t i = 0; i < TOP_HISTORY + 10; i++) {
        struct top_sample now = sample_of(1, (i + 1) * SECOND);

        now.domains[0].now.cpu_ns = i * (i + 1) / 2 * SECOND / 100;
        top_update(&now, before.when_ns ? &before : NULL);
        top_free(&before);
        before = now;
    }
    assert_int_equal(before.domains[0].n_history, TOP_HISTORY);
    assert_int_equal(before.domains[0].history[TOP_HISTORY - 1], (TOP_HISTORY + 9 + 1) / 2);
    assert_true(before.domains[0].history[0] < before.domains[0].history[30]);
    top_free(&before);
}

static void order(void **state)
{
    struct top_sample s = sample_of(4, SECOND);

    (void)state;
    strcpy(s.domains[3].name, "alpha");
    s.domains[1].cpu = 10;
    s.domains[2].cpu = 90;
    s.domains[3].now.memory_kib = 9;
    s.domains[1].net_tx_rate = 5;
    s.domains[0].disk_written_rate = 7;
    top_sort(&s, TOP_CPU);
    assert_int_equal(s.domains[0].id, 2);
    assert_int_equal(s.domains[1].id, 1);
    assert_int_equal(s.domains[2].id, 0);
    top_sort(&s, TOP_BY_NAME);
    assert_string_equal(s.domains[0].name, "alpha");
    assert_int_equal(s.domains[2].id, 1);
    top_sort(&s, TOP_MEMORY);
    assert_int_equal(s.domains[0].id, 3);
    top_sort(&s, TOP_NET);
    assert_int_equal(s.domains[0].id, 1);
    top_sort(&s, TOP_DISK);
    assert_int_equal(s.domains[0].id, 0);
    top_sort(&s, TOP_ID);
    assert_int_equal(s.domains[3].id, 3);
    assert_int_equal(top_column_of("net"), TOP_NET);
    assert_int_equal(top_column_of("nets"), -1);
    top_free(&s);
}

static void amounts(void **state)
{
    static const struct { double n; const char *text; } rows[] = {
        { 0, "0" }, { 312.4, "312" }, { 999, "999" }, { 999.6, "1.0K" }, { 1024, "1.0K" },
        { 4608, "4.5K" }, { 10187, "9.9K" }, { 10189, "10K" }, { 1023.0 * 1024, "1.0M" },
        { 92274688, "88M" }, { 1.5e10, "14G" }, { 8e18, "6.9E" }, { 1.8e19, "16E" },
    };
    char out[16];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(top_amount(out, sizeof(out), rows[i].n), rows[i].text);
        assert_true(strlen(out) <= 5);
    }
}

static void bars(void **state)
{
    static const uint8_t values[] = { 0, 1, 50, 99, 100 };
    char out[64], small[6];

    (void)state;
    assert_string_equal(top_bar(out, sizeof(out), values, 5, 10, false), " .=%%");
    assert_string_equal(top_bar(out, sizeof(out), values, 5, 2, false), "%%");
    assert_string_equal(top_bar(out, sizeof(out), values, 5, 3, true),
                        "\xe2\x96\x84\xe2\x96\x88\xe2\x96\x88");
    assert_string_equal(top_bar(out, sizeof(out), values, 0, 3, true), "");
    top_bar(small, sizeof(small), values + 2, 3, 3, true);
    assert_true(strlen(small) < sizeof(small));
}

static void lines(void **state)
{
    struct top_sample s = sample_of(2, SECOND);
    struct top_look look = { .width = 80 }, wide = { .width = 120 }, filter = { .filter = "GUE" };
    char out[512], head[512], tiny[20];
    struct top_domain *d = &s.domains[1];

    (void)state;
    d->cpu = 99.94;
    d->now.memory_kib = 128 << 10;
    d->net_rx_rate = 2048;
    d->history[d->n_history++] = 100;
    top_heading(head, sizeof(head), &look);
    assert_string_equal(top_line(out, sizeof(out), d, &look),
                        "    1  guest             running     99.9    128    2.0K     0         0 "
                        "    0");
    assert_int_equal(strlen(out), strlen(head));
    assert_true(strlen(head) <= 80);
    assert_true(strlen(top_line(out, sizeof(out), d, &wide)) == strlen(head) + 3);
    assert_int_equal(out[strlen(out) - 1], '%');
    assert_string_equal(top_summary(out, sizeof(out), &s),
                        "2 domains, 2 CPUs 50% busy, 512 of 2048 MiB free");
    assert_true(top_shown(d, &look) && top_shown(d, &filter));
    assert_false(top_shown(&s.domains[0], &filter));
    d->vcpu[1] = 7;
    assert_non_null(strstr(top_vcpu_line(out, sizeof(out), d, 1), "7.0"));
    memset(d->name, 'x', sizeof(d->name) - 1);
    assert_true(strlen(top_line(tiny, sizeof(tiny), d, &wide)) < sizeof(tiny));
    assert_int_equal(strlen(top_line(out, sizeof(out), d, &look)), strlen(head));
    top_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates), cmocka_unit_test(breaks), cmocka_unit_test(history),
        cmocka_unit_test(order), cmocka_unit_test(amounts), cmocka_unit_test(bars),
        cmocka_unit_test(lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
