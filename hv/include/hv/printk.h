/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages, assertions and the third failure ladder.
 *
 * Guest asked wrongly: return an errno. Guest is inconsistent: domain_crash(d, "reason"). The
 * hypervisor is inconsistent: panic(). A guest must never reach the third. ASSERT documents what
 * the code has made sure of; it vanishes from a release build, so it must not be the check itself.
 */
#ifndef HV_PRINTK_H
#define HV_PRINTK_H

#include <stdarg.h>
#include <hv/types.h>

#define XENLOG_ERR "<0>"
#define XENLOG_WARNING "<1>"
#define XENLOG_INFO "<2>"
#define XENLOG_DEBUG "<3>"
#define XENLOG_GUEST "<G>" /* in front of a level: rate-limited by
                              guest_loglvl= and a token bucket */

/* Prints to the log ring and the consoles. Any context, NMI included (then
   without waiting for locks). */
void printk(const char *fmt, ...) __printf(1, 2);
void vprintk(const char *fmt, va_list args);
#define gprintk(level, fmt, ...) \
    printk(XENLOG_GUEST level "%s " fmt, current_name(), ##__VA_ARGS__)
/* Takes over the wall clock for console_timestamps=date; not in interrupt context. */
void printk_read_clock(void);
/* guest_loglvl= includes debug messages: output of unprivileged guests is shown. */
bool printk_shows_guest_debug(void);
/* "d0v1" of the current vCPU; for messages. */
const char *current_name(void);

/* Says what is wrong, prints registers, backtrace and the last exits, stops the other CPUs,
   then end_after_fault(). */
void panic(const char *fmt, ...) __printf(1, 2) noreturn;

/* What follows on a panic or dom0's crash: the machine stops or, after some seconds, restarts, as
   noreboot says. */
void end_after_fault(void) noreturn;

/* Panics and names the place. */
void bug_at(const char *file, int line, const char *what) noreturn;

#define BUG() bug_at(__FILE__, __LINE__, "BUG")
#define BUG_ON(c) do { if (unlikely(c)) bug_at(__FILE__, __LINE__, #c); } while (0)

#ifdef DEBUG
#define ASSERT(c) do { if (unlikely(!(c))) bug_at(__FILE__, __LINE__, "assertion " #c); } while (0)
#define ASSERT_UNREACHABLE() bug_at(__FILE__, __LINE__, "unreachable")
#else
#define ASSERT(c) do { if (0 && (c)) {} } while (0)
#define ASSERT_UNREACHABLE() do { } while (0)
#endif

#endif
