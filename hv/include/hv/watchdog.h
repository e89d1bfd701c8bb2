/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's watchdog of itself (hv/cpu/watchdog.c): `watchdog`, `watchdog_timeout=SECONDS`.
 * Each CPU shows once a second that its soft interrupts run, and looks whether the next CPU did;
 * one that did not for the whole time gets an NMI, which shows where it is stuck and panics.
 *
 * Not caught: a machine with one CPU, and all CPUs stuck at once.
 */
#ifndef HV_WATCHDOG_H
#define HV_WATCHDOG_H

#include <hv/types.h>

struct cpu_user_regs;

void watchdog_init_cpu(void);         /* each CPU, once it is online and timers work */
/* Around work that rightly keeps a CPU for long; nests. Off at first: watchdog_resume() is due at
   the end of boot. */
void watchdog_pause(void);
void watchdog_resume(void);
/* In every NMI; does not return if it was for this. */
void watchdog_nmi(struct cpu_user_regs *regs);
/* Debug key: another CPU stops for good, so that the watchdog can be seen at work. False: it is
   off or there is but one CPU. */
bool watchdog_test(void);

#endif
