/* SPDX-License-Identifier: BSD-2-Clause */
/* The record of a failure. */
#include <hospes/error.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int error_set(struct error *e, int code, const char *component, const char *remedy,
              const char *cause, ...)
{
    va_list args;

    if (e->code)
        return -1;
    e->code = code;
    snprintf(e->component, sizeof(e->component), "%s", component);
    snprintf(e->remedy, sizeof(e->remedy), "%s", remedy ? remedy : "");
    va_start(args, cause);
    vsnprintf(e->cause, sizeof(e->cause), cause, args);
    va_end(args);
    return -1;
}

int error_prefix(struct error *e, const char *prefix, ...)
{
    char words[sizeof(e->cause)];
    va_list args;
    size_t n;

    if (!e->code)
        return -1;
    va_start(args, prefix);
    vsnprintf(words, sizeof(words), prefix, args);
    va_end(args);
    n = strlen(words);
    memmove(e->cause + n, e->cause, sizeof(e->cause) - n);
    memcpy(e->cause, words, n);
    e->cause[sizeof(e->cause) - 1] = '\0';
    return -1;
}

void error_clear(struct error *e)
{
    memset(e, 0, sizeof(*e));
}

void error_print(const struct error *e)
{
    fprintf(stderr, "hospes: %s: %s\n", e->component, e->cause);
    if (e->remedy[0])
        fprintf(stderr, "  %s\n", e->remedy);
}
