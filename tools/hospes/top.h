/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `hospes top` computes and how it looks, without the machine: samples of counters become
 * rates, rates become lines of text. cmd_top.c takes the samples and owns the terminal.
 */
#ifndef TOP_H
#define TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOP_HISTORY 60
#define TOP_NAME 64

/* Counters of one domain at one moment: all but memory only grow while it lives. */
struct top_counters {
    uint64_t cpu_ns;
    uint64_t memory_kib, max_kib;
    uint64_t net_rx, net_tx;            /* bytes, as the guest sees them */
    uint64_t disk_read, disk_written;   /* bytes */
};

struct top_domain {
    uint32_t id;
    uint8_t handle[16];         /* with id: is it the same domain as before */
    char name[TOP_NAME], state[12];
    struct top_counters now;
    unsigned int n_vcpus;
    uint64_t *vcpu_ns;          /* n_vcpus of them */
    /* Filled by top_update(): per cent of one CPU, bytes a second. */
    double cpu, net_rx_rate, net_tx_rate, disk_read_rate, disk_written_rate;
    double *vcpu;
    uint8_t history[TOP_HISTORY];   /* per cent of all CPUs, oldest first */
    unsigned int n_history;
};

struct top_sample {
    uint64_t when_ns;           /* a clock that never goes back */
    unsigned int n_cpus;
    uint64_t machine_kib, free_kib;
    struct top_domain *domains;
    unsigned int n;
};

enum top_column { TOP_ID, TOP_BY_NAME, TOP_CPU, TOP_MEMORY, TOP_NET, TOP_DISK, TOP_COLUMNS };
extern const char *const top_columns[TOP_COLUMNS];      /* the words of -s */

struct top_look {
    enum top_column sort;
    bool vcpus, utf8;
    const char *filter;         /* part of a name; NULL or "": all */
    unsigned int width;         /* of a line, without its end */
};

/*
 * Rates and histories of s from the sample before (NULL: the first one, all rates are 0). A domain
 * that was not there before, or whose counters went back, has rates of 0.
 */
void top_update(struct top_sample *s, const struct top_sample *before);
void top_sort(struct top_sample *s, enum top_column by);
void top_free(struct top_sample *s);
/* -1: no such column. */
int top_column_of(const char *word);

/* Text; each writes at most size bytes with the final zero and returns out. */

/* "0", "312", "4.5K", "88M": at most 5 characters for up to 8 EiB. */
char *top_amount(char *out, size_t size, double n);
/* The last `cells` entries of a history as a bar, one character each. */
char *top_bar(char *out, size_t size, const uint8_t *history, unsigned int n, unsigned int cells,
              bool utf8);
char *top_summary(char *out, size_t size, const struct top_sample *s);
char *top_heading(char *out, size_t size, const struct top_look *look);
char *top_line(char *out, size_t size, const struct top_domain *d, const struct top_look *look);
char *top_vcpu_line(char *out, size_t size, const struct top_domain *d, unsigned int vcpu);
bool top_shown(const struct top_domain *d, const struct top_look *look);

#endif
