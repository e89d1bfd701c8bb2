/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PV guest's console: its ring, the last of what it said, and the viewers on a socket. Owned by
 * one process, the guest's keeper. The ring is shared with the guest: its indices are a stranger's.
 */
#ifndef HOSPES_CONSOLE_H
#define HOSPES_CONSOLE_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hospes/xen.h>

#define CONSOLE_HISTORY (64u << 10)
#define CONSOLE_VIEWERS 8
#define CONSOLE_FDS (2 + CONSOLE_VIEWERS)
#define CONSOLE_RUN "/run/hospes"
#define CONSOLE_LOGS "/var/log/hospes"

struct xencons_interface;

struct console {
    struct hospes *h;
    uint32_t domid;
    struct xencons_interface *ring;     /* NULL: the guest is gone */
    xenevtchn_handle *events;
    evtchn_port_t port;
    int listener;
    struct viewer { int fd; size_t sent; } viewers[CONSOLE_VIEWERS];  /* fd -1: free */
    uint8_t history[CONSOLE_HISTORY];
    size_t said;                        /* bytes in all; history holds the last of them */
    uint8_t input[1024];                /* typed, and not taken by the guest yet */
    size_t input_len;
};

/* An empty console. After an error of this or the next console_close() is due as well. */
int console_open(struct console *c, struct hospes *h);
/* Maps a guest's ring, binds its port and listens on CONSOLE_RUN/DOMID.console. Viewers and history
 * of a guest before (detached) stay. */
int console_attach(struct console *c, uint32_t domid, uint64_t ring_mfn, uint32_t guest_port);
/* Fills fds for poll(); returns how many. */
int console_poll(const struct console *c, struct pollfd fds[CONSOLE_FDS]);
/* Moves bytes, after poll() said what is ready. */
void console_run(struct console *c, const struct pollfd fds[CONSOLE_FDS], int n);
/* Lets go of the guest, so that it can be freed; viewers stay. What it said last is read before. */
void console_detach(struct console *c);
/* Writes the history to CONSOLE_LOGS/NAME.console; failures are dropped: there is nobody to
 * tell. */
void console_save(const struct console *c, const char *name);
void console_close(struct console *c);

#endif
