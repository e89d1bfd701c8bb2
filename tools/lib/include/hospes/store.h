/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The store (xenstored): paths by format, writes in one transaction. Functions return 0, or -1 with
 * h->error. What a guest can write is data of a stranger: callers check it, and never take a path
 * from it.
 */
#ifndef HOSPES_STORE_H
#define HOSPES_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include <hospes/xen.h>

#define STORE_PATH_MAX 512

/* Opens h->store at the first call. */
int store_open(struct hospes *h);
/* The value, to be freed, or NULL if there is none; that is no error. */
char *store_read(struct hospes *h, const char *path, ...) __attribute__((format(printf, 2, 3)));
/* The value as a number; dflt if it is absent or is none. */
int64_t store_read_number(struct hospes *h, int64_t dflt, const char *path, ...)
    __attribute__((format(printf, 3, 4)));
/* Names below a path: an array to be freed, NULL and *n = 0 if there is no such node. */
char **store_list(struct hospes *h, unsigned int *n, const char *path, ...)
    __attribute__((format(printf, 3, 4)));
bool store_exists(struct hospes *h, const char *path, ...) __attribute__((format(printf, 2, 3)));
int store_write(struct hospes *h, const char *path, const char *value);
/* Removes a node and all below; a node that is not there is no error. */
int store_remove(struct hospes *h, const char *path, ...) __attribute__((format(printf, 2, 3)));

/* Who may do what with new nodes. The owner may always do both. */
enum store_access {
    STORE_PRIVATE,      /* domain 0 alone */
    STORE_GUEST_READS,  /* domain 0 owns it, the guest reads */
    STORE_GUEST_OWNS,   /* the guest owns it, domain 0 reads (it may do everything anyway) */
};

/* Writes collected and done at once, or not at all. */
struct store_batch {
    struct store_row { char *path, *value; enum store_access access; } *rows;
    unsigned int n;
    uint32_t guest;
    bool failed;        /* out of memory */
};
void store_add(struct store_batch *b, enum store_access access, const char *path,
               const char *value, ...) __attribute__((format(printf, 4, 5)));
/* Retries when others were in the way; empties the batch in any case. */
int store_commit(struct hospes *h, struct store_batch *b);

/*
 * Waits until the value at path is one of the |-separated words of want ("" for absent) or of fail,
 * or until ms are over. Returns 1, 0 (one of fail) or -1 with h->error (ETIMEDOUT and others).
 */
int store_wait(struct hospes *h, const char *path, const char *want, const char *fail,
               unsigned int ms);

#endif
