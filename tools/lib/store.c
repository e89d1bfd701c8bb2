/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading, writing and waiting on the store. */
#include <hospes/store.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRIES 200

static int failed(struct hospes *h, const char *what, const char *path)
{
    int code = errno;
    const char *remedy = code == ENOSPC || code == EDQUOT || code == E2BIG
                             ? "xenstored's limits (quotas) are set on its command line."
                             : NULL;

    return error_set(&h->error, code, "store", remedy, "%s %s: %s", what, path, strerror(code));
}

#define PATH_FROM(path, fmt)                                                                       \
    char path[STORE_PATH_MAX];                                                                     \
    va_list args_;                                                                                 \
    va_start(args_, fmt);                                                                          \
    vsnprintf(path, sizeof(path), fmt, args_);                                                     \
    va_end(args_)

char *store_read(struct hospes *h, const char *fmt, ...)
{
    PATH_FROM(path, fmt);

    return store_open(h) ? NULL : xs_read(h->store, XBT_NULL, path, NULL);
}

int64_t store_read_number(struct hospes *h, int64_t dflt, const char *fmt, ...)
{
    PATH_FROM(path, fmt);
    char *text = store_open(h) ? NULL : xs_read(h->store, XBT_NULL, path, NULL), *end;
    int64_t n;

    if (!text)
        return dflt;
    n = strtoll(text, &end, 0);
    if (end == text || *end)
        n = dflt;
    free(text);
    return n;
}

char **store_list(struct hospes *h, unsigned int *n, const char *fmt, ...)
{
    PATH_FROM(path, fmt);

    *n = 0;
    return store_open(h) ? NULL : xs_directory(h->store, XBT_NULL, path, n);
}

bool store_exists(struct hospes *h, const char *fmt, ...)
{
    PATH_FROM(path, fmt);
    char *text = store_open(h) ? NULL : xs_read(h->store, XBT_NULL, path, NULL);

    free(text);
    return text != NULL;
}

int store_write(struct hospes *h, const char *path, const char *value)
{
    if (store_open(h))
        return -1;
    return xs_write(h->store, XBT_NULL, path, value, (unsigned int)strlen(value))
               ? 0 : failed(h, "writing", path);
}

int store_remove(struct hospes *h, const char *fmt, ...)
{
    PATH_FROM(path, fmt);

    if (store_open(h))
        return -1;
    return xs_rm(h->store, XBT_NULL, path) || errno == ENOENT ? 0 : failed(h, "removing", path);
}

/* Batches */

void store_add(struct store_batch *b, enum store_access access, const char *path,
               const char *value, ...)
{
    struct store_row *rows = reallocarray(b->rows, b->n + 1, sizeof(*rows)), *row;
    va_list args;

    if (!rows) {
        b->failed = true;
        return;
    }
    b->rows = rows;
    row = &rows[b->n++];
    *row = (struct store_row){ .path = strdup(path), .access = access };
    va_start(args, value);
    if (vasprintf(&row->value, value, args) < 0)
        row->value = NULL;
    va_end(args);
    b->failed |= !row->path || !row->value;
}

static void empty(struct store_batch *b)
{
    for (unsigned int i = 0; i < b->n; i++) {
        free(b->rows[i].path);
        free(b->rows[i].value);
    }
    free(b->rows);
    *b = (struct store_batch){ .guest = b->guest };
}

static bool write_row(struct hospes *h, xs_transaction_t t, const struct store_batch *b,
                      const struct store_row *row)
{
    struct xs_permissions perms[2] = {
        { .id = row->access == STORE_GUEST_OWNS ? b->guest : 0, .perms = XS_PERM_NONE },
        { .id = row->access == STORE_GUEST_OWNS ? 0 : b->guest, .perms = XS_PERM_READ },
    };

    return xs_write(h->store, t, row->path, row->value, (unsigned int)strlen(row->value)) &&
           xs_set_permissions(h->store, t, row->path, perms, row->access == STORE_PRIVATE ? 1 : 2);
}

int store_commit(struct hospes *h, struct store_batch *b)
{
    int rc = store_open(h);

    if (!rc && b->failed)
        rc = error_set(&h->error, ENOMEM, "store", NULL, "out of memory");
    for (unsigned int tries = 0; !rc && b->n; tries++) {
        xs_transaction_t t = xs_transaction_start(h->store);
        unsigned int i;

        if (t == XBT_NULL) {
            rc = failed(h, "writing", "(a transaction)");
            break;
        }
        for (i = 0; i < b->n && write_row(h, t, b, &b->rows[i]); i++)
            continue;
        if (i < b->n) {
            rc = failed(h, "writing", b->rows[i].path);
            xs_transaction_end(h->store, t, true);
            break;
        }
        if (xs_transaction_end(h->store, t, false))
            break;
        if (errno != EAGAIN || tries == TRIES)
            rc = failed(h, "writing", "(a transaction)");
    }
    empty(b);
    return rc;
}

/* Waiting */

static bool among(const char *words, const char *value)
{
    size_t n = strlen(value);

    for (const char *w = words; w; w = strchr(w, '|') ? strchr(w, '|') + 1 : NULL) {
        size_t len = strcspn(w, "|");

        if (len == n && !memcmp(w, value, n))
            return true;
    }
    return false;
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int check(struct hospes *h, const char *path, const char *want, const char *fail)
{
    char *value = xs_read(h->store, XBT_NULL, path, NULL);
    int rc = among(want, value ? value : "") ? 1 : fail && among(fail, value ? value : "") ? 0 : -1;

    free(value);
    return rc;
}

int store_wait(struct hospes *h, const char *path, const char *want, const char *fail,
               unsigned int ms)
{
    int64_t end = now_ms() + ms;
    int rc = -1;

    if (store_open(h))
        return -1;
    if (!xs_watch(h->store, path, "hospes-wait"))
        return failed(h, "watching", path);
    while ((rc = check(h, path, want, fail)) < 0) {
        struct pollfd fd = { .fd = xs_fileno(h->store), .events = POLLIN };
        int64_t left = end - now_ms();
        char **event;

        if (hospes_stopped(h)) {
            rc = error_set(&h->error, EINTR, "store", NULL, "stopped while waiting for %s", path);
            break;
        }
        if (left <= 0) {
            rc = error_set(&h->error, ETIMEDOUT, "store", NULL, "%s did not become %s in %u s",
                           path, want, ms / 1000);
            break;
        }
        poll(&fd, 1, (int)left);
        while ((event = xs_check_watch(h->store)) != NULL)
            free(event);
    }
    xs_unwatch(h->store, path, "hospes-wait");
    return rc;
}
