/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a test says. Four outcomes: success, failure (the hypervisor answered wrongly), skip (the
 * machine can't show the answer), error (the test itself could not be carried out). The first
 * failure is the reason in the verdict; a test goes on after a failed check so that one run shows
 * everything. The last line of every run is "Verdict: NAME OUTCOME[: reason]".
 */
#ifndef GUEST_REPORT_H
#define GUEST_REPORT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRINTF(f, a) __attribute__((format(__printf__, f, a)))

/* Console output: %d %i %u %x %p %s %c %% with width, zero padding, l and z. */
int guest_printf(const char *format, ...) PRINTF(1, 2);
int guest_vsnprintf(char *buffer, size_t size, const char *format, va_list args);
int guest_snprintf(char *buffer, size_t size, const char *format, ...) PRINTF(3, 4);
#define printf guest_printf
#define snprintf guest_snprintf

/* Write @length bytes to the console without buffering. */
void console_write(const char *text, size_t length);

/* Note a failure and go on. */
void report_failure(const char *format, ...) PRINTF(1, 2);
/* End the test now with the verdict skip or error; neither returns. */
void report_skip(const char *format, ...) PRINTF(1, 2) __attribute__((noreturn));
void report_error(const char *format, ...) PRINTF(1, 2) __attribute__((noreturn));
/* End the test: success, or failure if any was noted. */
void report_end(void) __attribute__((noreturn));
/* Failures noted so far. */
unsigned int report_failures(void);
/* Print the verdict under this name instead of the program's own (the launcher does). */
void report_set_name(const char *name);

bool check_equal(const char *what, int line, long got, long want);

#define check(condition, ...) \
    do { \
        if (!(condition)) \
            report_failure(__VA_ARGS__); \
    } while (0)
/* @expression must give @want; both are shown when it does not. True when equal. */
#define expect(expression, want) \
    check_equal(#expression, __LINE__, (long)(expression), (long)(want))
/* As expect(), but without it the rest of the test is void. */
#define require(expression, want) \
    do { \
        long got_ = (long)(expression); \
        if (got_ != (long)(want)) \
            report_error("line %d: %s gave %ld, needs %ld", __LINE__, #expression, got_, \
                         (long)(want)); \
    } while (0)

#endif
