/* SPDX-License-Identifier: BSD-2-Clause */
/* One failure, told to a person: its first cause, the component it happened in, what to do. */
#ifndef HOSPES_ERROR_H
#define HOSPES_ERROR_H

#include <stdbool.h>

struct error {
    int code;             /* an errno; 0: nothing has failed */
    char component[32];   /* "config", "builder", "hypervisor", "store", "back end"... */
    char cause[512];
    char remedy[256];     /* empty: none is known */
};

/* Records a failure and returns -1. The first one stays: a later one in the same struct, from the
 * undoing or from a caller, is dropped. code: a positive errno. remedy may be NULL. */
int error_set(struct error *e, int code, const char *component, const char *remedy,
              const char *cause, ...) __attribute__((format(printf, 5, 6)));

/* Puts words in front of the cause ("disk 2: ..."); nothing if there is no failure. Returns -1. */
int error_prefix(struct error *e, const char *prefix, ...) __attribute__((format(printf, 2, 3)));

void error_clear(struct error *e);

/* Writes "hospes: COMPONENT: CAUSE" and, on a second line, the remedy, to standard error. */
void error_print(const struct error *e);

#endif
