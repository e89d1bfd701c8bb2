/* SPDX-License-Identifier: BSD-2-Clause */
/* Rates and lines of `hospes top` (top.h). */
#include "top.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FIXED_COLUMNS 78u       /* of a line in front of the history */

const char *const top_columns[TOP_COLUMNS] = {
    [TOP_ID] = "id", [TOP_BY_NAME] = "name", [TOP_CPU] = "cpu", [TOP_MEMORY] = "memory",
    [TOP_NET] = "net", [TOP_DISK] = "disk",
};

int top_column_of(const char *word)
{
    for (int i = 0; i < TOP_COLUMNS; i++)
        if (!strcmp(word, top_columns[i]))
            return i;
    return -1;
}

/* Rates */

static const struct top_domain *same(const struct top_sample *before, const struct top_domain *d)
{
    for (unsigned int i = 0; before && i < before->n; i++)
        if (before->domains[i].id == d->id &&
            !memcmp(before->domains[i].handle, d->handle, sizeof(d->handle)))
            return &before->domains[i];
    return NULL;
}

static double rate(uint64_t now, uint64_t then, double seconds)
{
    return now > then && seconds > 0 ? (double)(now - then) / seconds : 0;
}

static void add_history(struct top_domain *d, const struct top_domain *old, double share)
{
    if (old) {
        unsigned int drop = old->n_history == TOP_HISTORY;

        d->n_history = old->n_history - drop;
        memcpy(d->history, old->history + drop, d->n_history);
    }
    d->history[d->n_history++] = (uint8_t)(share > 100 ? 100 : share + 0.5);
}

static void update_one(struct top_domain *d, const struct top_domain *old, double seconds,
                       unsigned int n_cpus)
{
    const struct top_counters *a = old ? &old->now : &d->now, *b = &d->now;

    d->cpu = rate(b->cpu_ns, a->cpu_ns, seconds) / 1e7;
    d->net_rx_rate = rate(b->net_rx, a->net_rx, seconds);
    d->net_tx_rate = rate(b->net_tx, a->net_tx, seconds);
    d->disk_read_rate = rate(b->disk_read, a->disk_read, seconds);
    d->disk_written_rate = rate(b->disk_written, a->disk_written, seconds);
    for (unsigned int i = 0; i < d->n_vcpus; i++)
        d->vcpu[i] = old && i < old->n_vcpus
                         ? rate(d->vcpu_ns[i], old->vcpu_ns[i], seconds) / 1e7 : 0;
    add_history(d, old, n_cpus ? d->cpu / n_cpus : 0);
}

void top_update(struct top_sample *s, const struct top_sample *before)
{
    double seconds = before && s->when_ns > before->when_ns
                         ? (double)(s->when_ns - before->when_ns) / 1e9 : 0;

    for (unsigned int i = 0; i < s->n; i++)
        update_one(&s->domains[i], same(before, &s->domains[i]), seconds, s->n_cpus);
}

static int by_number(double a, double b)
{
    return (a < b) - (a > b);   /* the most first */
}

static int by_id(const void *a, const void *b)
{
    const struct top_domain *x = a, *y = b;

    return (x->id > y->id) - (x->id < y->id);
}

/* Ties are in the order of ids, so that lines do not jump. */
static int or_id(int order, const void *a, const void *b)
{
    return order ? order : by_id(a, b);
}

static int by_name(const void *a, const void *b)
{
    const struct top_domain *x = a, *y = b;

    return or_id(strcasecmp(x->name, y->name), a, b);
}

static int by_cpu(const void *a, const void *b)
{
    const struct top_domain *x = a, *y = b;

    return or_id(by_number(x->cpu, y->cpu), a, b);
}

static int by_memory(const void *a, const void *b)
{
    const struct top_domain *x = a, *y = b;

    return or_id(by_number((double)x->now.memory_kib, (double)y->now.memory_kib), a, b);
}

static int by_net(const void *a, const void *b)
{
    const struct top_domain *x = a, *y = b;

    return or_id(by_number(x->net_rx_rate + x->net_tx_rate, y->net_rx_rate + y->net_tx_rate), a,
                 b);
}

static int by_disk(const void *a, const void *b)
{
    const struct top_domain *x = a, *y = b;

    return or_id(by_number(x->disk_read_rate + x->disk_written_rate,
                           y->disk_read_rate + y->disk_written_rate), a, b);
}

void top_sort(struct top_sample *s, enum top_column by)
{
    static int (*const orders[TOP_COLUMNS])(const void *a, const void *b) = {
        [TOP_ID] = by_id, [TOP_BY_NAME] = by_name, [TOP_CPU] = by_cpu, [TOP_MEMORY] = by_memory,
        [TOP_NET] = by_net, [TOP_DISK] = by_disk,
    };

    if (s->n)
        qsort(s->domains, s->n, sizeof(*s->domains), orders[by]);
}

void top_free(struct top_sample *s)
{
    for (unsigned int i = 0; i < s->n; i++) {
        free(s->domains[i].vcpu_ns);
        free(s->domains[i].vcpu);
    }
    free(s->domains);
    *s = (struct top_sample){ 0 };
}

/* Text */

char *top_amount(char *out, size_t size, double n)
{
    static const char units[] = "KMGTPE";
    int unit = -1;

    /* What would be rounded to four digits takes the next unit. */
    while (n >= 999.5 && unit < (int)sizeof(units) - 2) {
        n /= 1024;
        unit++;
    }
    if (unit < 0)
        snprintf(out, size, "%.0f", n);
    else
        snprintf(out, size, n < 9.95 ? "%.1f%c" : "%.0f%c", n, units[unit]);
    return out;
}

char *top_bar(char *out, size_t size, const uint8_t *history, unsigned int n, unsigned int cells,
              bool utf8)
{
    static const char ascii[] = " .:-=+*#%";
    unsigned int shown = n < cells ? n : cells;
    size_t at = 0;

    out[0] = '\0';
    for (unsigned int i = 0; i < shown && at + 4 < size; i++) {
        unsigned int share = history[n - shown + i], level = (share * 8 + 99) / 100;

        if (level > 8)
            level = 8;
        /* U+2581 to U+2588: blocks of one to eight eighths. */
        if (utf8 && level)
            at += (size_t)snprintf(out + at, size - at, "\xe2\x96%c", (char)(0x80 + level));
        else
            at += (size_t)snprintf(out + at, size - at, "%c", ascii[level]);
    }
    return out;
}

char *top_summary(char *out, size_t size, const struct top_sample *s)
{
    double cpu = 0;

    for (unsigned int i = 0; i < s->n; i++)
        cpu += s->domains[i].cpu;
    snprintf(out, size, "%u domain%s, %u CPU%s %.0f%% busy, %" PRIu64 " of %" PRIu64 " MiB free",
             s->n, s->n == 1 ? "" : "s", s->n_cpus, s->n_cpus == 1 ? "" : "s",
             s->n_cpus ? cpu / s->n_cpus : 0, s->free_kib >> 10, s->machine_kib >> 10);
    return out;
}

char *top_heading(char *out, size_t size, const struct top_look *look)
{
    snprintf(out, size, "%5s  %-16s  %-8s  %6s %6s  %6s %5s   %7s %5s%s", "ID", "NAME", "STATE",
             "CPU%", "MIB", "NET IN", "OUT", "DISK RD", "WR",
             look->width > FIXED_COLUMNS + 12 ? "  CPU HISTORY" : "");
    return out;
}

bool top_shown(const struct top_domain *d, const struct top_look *look)
{
    return !look->filter || !*look->filter || strcasestr(d->name, look->filter);
}

char *top_line(char *out, size_t size, const struct top_domain *d, const struct top_look *look)
{
    char rx[16], tx[16], rd[16], wr[16], bar[3 * TOP_HISTORY + 4] = "";
    unsigned int cells = look->width > FIXED_COLUMNS + 2 ? look->width - FIXED_COLUMNS - 2 : 0;

    top_amount(rx, sizeof(rx), d->net_rx_rate);
    top_amount(tx, sizeof(tx), d->net_tx_rate);
    top_amount(rd, sizeof(rd), d->disk_read_rate);
    top_amount(wr, sizeof(wr), d->disk_written_rate);
    if (cells >= 10)
        top_bar(bar, sizeof(bar), d->history, d->n_history,
                cells < TOP_HISTORY ? cells : TOP_HISTORY, look->utf8);
    snprintf(out, size, "%5" PRIu32 "  %-16.16s  %-8.8s  %6.1f %6" PRIu64
             "   %5s %5s     %5s %5s%s%s",
             d->id, d->name, d->state, d->cpu, d->now.memory_kib >> 10, rx, tx, rd, wr,
             bar[0] ? "  " : "", bar);
    return out;
}

char *top_vcpu_line(char *out, size_t size, const struct top_domain *d, unsigned int vcpu)
{
    snprintf(out, size, "       vCPU %-11u            %6.1f", vcpu, d->vcpu[vcpu]);
    return out;
}
