/* SPDX-License-Identifier: BSD-2-Clause */
/* The keeper: a process for each guest that `hospes create` leaves behind. It serves the console
 * and does what on_poweroff, on_reboot and on_crash say. */
#ifndef KEEPER_H
#define KEEPER_H

#include <hospes/guest_config.h>
#include <hospes/xen.h>

/* Forks the keeper of a domain whose console nodes are in the store. Returns when it has the
 * console, or -1 with h->error. It ends with the domain. */
int keeper_start(struct hospes *h, const struct guest_config *g, uint32_t domid);

#endif
