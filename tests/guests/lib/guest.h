/* SPDX-License-Identifier: BSD-2-Clause */
/* All of the micro-guest library, for the tests: one include, then test_main(). */
#ifndef GUEST_H
#define GUEST_H

#include "clock.h"
#include "event.h"
#include "hypercall.h"
#include "mm.h"
#include "report.h"
#include "str.h"
#include "trap.h"
#include "vcpu.h"

/* The test. Returning from it ends the test as report_end() does. */
void test_main(void);

extern struct start_info *start_info;
extern struct shared_info *shared_info;

static inline bool is_dom0(void)
{
    return start_info->flags & SIF_INITDOMAIN;
}

/* Command line of this domain. */
static inline const char *command_line(void)
{
    return (const char *)start_info->cmd_line;
}

/* Number of this domain: the launcher tells the domains that it starts. */
static inline domid_t own_id(void)
{
    return is_dom0() ? 0 : (domid_t)line_number(command_line(), "domid", 0);
}

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define barrier() asm volatile("" ::: "memory")
#define read_once(x) (*(const volatile __typeof__(x) *)&(x))
#define write_once(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

#endif
