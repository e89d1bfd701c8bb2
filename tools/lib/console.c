/* SPDX-License-Identifier: BSD-2-Clause */
/* The keeper's side of a PV console (console.h). Source: xen/io/console.h. */
#include <hospes/console.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <xen/io/console.h>

/* The ring */

static void say(struct console *c, uint8_t byte)
{
    c->history[c->said++ % CONSOLE_HISTORY] = byte;
}

/* True if the guest is to be told. A guest that claims more than fits gets its index back. */
static bool take_output(struct console *c)
{
    XENCONS_RING_IDX cons = c->ring->out_cons,
                     prod = __atomic_load_n(&c->ring->out_prod, __ATOMIC_ACQUIRE);

    if (cons == prod)
        return false;
    if (prod - cons > sizeof(c->ring->out))
        cons = prod - sizeof(c->ring->out);
    while (cons != prod)
        say(c, (uint8_t)c->ring->out[MASK_XENCONS_IDX(cons++, c->ring->out)]);
    __atomic_store_n(&c->ring->out_cons, cons, __ATOMIC_RELEASE);
    return true;
}

static bool give_input(struct console *c)
{
    XENCONS_RING_IDX cons = __atomic_load_n(&c->ring->in_cons, __ATOMIC_ACQUIRE),
                     prod = c->ring->in_prod;
    size_t n = 0;

    if (prod - cons > sizeof(c->ring->in))
        return false;
    while (n < c->input_len && prod - cons < sizeof(c->ring->in))
        c->ring->in[MASK_XENCONS_IDX(prod++, c->ring->in)] = (char)c->input[n++];
    if (!n)
        return false;
    __atomic_store_n(&c->ring->in_prod, prod, __ATOMIC_RELEASE);
    memmove(c->input, c->input + n, c->input_len - n);
    c->input_len -= n;
    return true;
}

static void exchange(struct console *c)
{
    bool told;

    if (!c->ring)
        return;
    told = take_output(c);
    told |= give_input(c);
    if (told)
        xenevtchn_notify(c->events, c->port);
}

/* Viewers */

static void viewer_drop(struct viewer *v)
{
    close(v->fd);
    v->fd = -1;
}

static void viewer_accept(struct console *c)
{
    int fd = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return;
    for (unsigned int i = 0; i < CONSOLE_VIEWERS; i++)
        if (c->viewers[i].fd < 0) {
            c->viewers[i].fd = fd;
            c->viewers[i].sent = c->said > CONSOLE_HISTORY ? c->said - CONSOLE_HISTORY : 0;
            return;
        }
    close(fd);
}

static void viewer_send(struct console *c, struct viewer *v)
{
    /* One that reads too slowly misses the middle, not the end. */
    if (c->said - v->sent > CONSOLE_HISTORY)
        v->sent = c->said - CONSOLE_HISTORY;
    while (v->sent < c->said) {
        size_t at = v->sent % CONSOLE_HISTORY, n = c->said - v->sent;
        ssize_t done;

        if (n > CONSOLE_HISTORY - at)
            n = CONSOLE_HISTORY - at;
        done = send(v->fd, c->history + at, n, MSG_NOSIGNAL);
        if (done < 0 && errno != EAGAIN && errno != EINTR)
            viewer_drop(v);
        if (done <= 0)
            return;
        v->sent += (size_t)done;
    }
}

static void viewer_read(struct console *c, struct viewer *v, bool gone)
{
    size_t room = sizeof(c->input) - c->input_len;
    ssize_t n = room ? recv(v->fd, c->input + c->input_len, room, 0) : 0;

    if (room ? !n || (n < 0 && errno != EAGAIN && errno != EINTR) : gone)
        viewer_drop(v);
    else if (n > 0)
        c->input_len += (size_t)n;
}

/* Polling: fds[0] events, fds[1] the listener, then the viewers in order, also free ones (-1). */

int console_poll(const struct console *c, struct pollfd fds[CONSOLE_FDS])
{
    fds[0] = (struct pollfd){ .fd = c->ring ? xenevtchn_fd(c->events) : -1, .events = POLLIN };
    fds[1] = (struct pollfd){ .fd = c->listener, .events = POLLIN };
    for (unsigned int i = 0; i < CONSOLE_VIEWERS; i++) {
        const struct viewer *v = &c->viewers[i];
        bool input = c->input_len < sizeof(c->input);

        fds[2 + i] = (struct pollfd){ .fd = v->fd, .events = (short)((input ? POLLIN : 0) |
                                      (v->sent < c->said ? POLLOUT : 0)) };
    }
    return CONSOLE_FDS;
}

void console_run(struct console *c, const struct pollfd fds[CONSOLE_FDS], int n)
{
    (void)n;
    if (fds[0].revents & POLLIN) {
        xenevtchn_port_or_error_t port = xenevtchn_pending(c->events);

        if (port >= 0)
            xenevtchn_unmask(c->events, (evtchn_port_t)port);
    }
    for (unsigned int i = 0; i < CONSOLE_VIEWERS; i++)
        if (c->viewers[i].fd >= 0 && c->viewers[i].fd == fds[2 + i].fd &&
            (fds[2 + i].revents & (POLLIN | POLLHUP | POLLERR)))
            viewer_read(c, &c->viewers[i], fds[2 + i].revents & (POLLHUP | POLLERR));
    if (fds[1].revents & POLLIN)
        viewer_accept(c);
    exchange(c);
    for (unsigned int i = 0; i < CONSOLE_VIEWERS; i++)
        if (c->viewers[i].fd >= 0)
            viewer_send(c, &c->viewers[i]);
}

/* Start and end */

static int listen_on(struct console *c, uint32_t domid)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };

    mkdir(CONSOLE_RUN, 0700);
    snprintf(a.sun_path, sizeof(a.sun_path), CONSOLE_RUN "/%u.console", domid);
    unlink(a.sun_path);
    c->domid = domid;
    c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->listener < 0 || bind(c->listener, (struct sockaddr *)&a, sizeof(a)) ||
        listen(c->listener, CONSOLE_VIEWERS))
        return error_set(&c->h->error, errno, "console", NULL, "%s: %s", a.sun_path,
                         strerror(errno));
    return 0;
}

static void stop_listening(struct console *c)
{
    char path[64];

    if (c->listener < 0)
        return;
    close(c->listener);
    c->listener = -1;
    snprintf(path, sizeof(path), CONSOLE_RUN "/%u.console", c->domid);
    unlink(path);
}

int console_open(struct console *c, struct hospes *h)
{
    memset(c, 0, sizeof(*c));
    c->h = h;
    c->listener = -1;
    for (unsigned int i = 0; i < CONSOLE_VIEWERS; i++)
        c->viewers[i].fd = -1;
    c->events = xenevtchn_open(NULL, 0);
    if (!c->events)
        return error_set(&h->error, errno, "console", "Load the module xen-evtchn.",
                         "the event channel device cannot be opened: %s", strerror(errno));
    return 0;
}

int console_attach(struct console *c, uint32_t domid, uint64_t ring_mfn, uint32_t guest_port)
{
    xenevtchn_port_or_error_t port;
    xen_pfn_t frame = ring_mfn;

    stop_listening(c);
    if (listen_on(c, domid))
        return -1;
    port = xenevtchn_bind_interdomain(c->events, domid, guest_port);
    if (port < 0)
        return error_set(&c->h->error, errno, "console", NULL, "binding the console's port: %s",
                         strerror(errno));
    c->port = (evtchn_port_t)port;
    c->ring = xen_map(c->h, domid, PROT_READ | PROT_WRITE, &frame, 1);
    return c->ring ? 0 : -1;
}

void console_detach(struct console *c)
{
    if (!c->ring)
        return;
    exchange(c);
    xenevtchn_unbind(c->events, c->port);
    xen_unmap(c->h, c->ring, 1);
    c->ring = NULL;
}

void console_save(const struct console *c, const char *name)
{
    size_t from = c->said > CONSOLE_HISTORY ? c->said - CONSOLE_HISTORY : 0;
    char path[160];
    FILE *f;

    mkdir(CONSOLE_LOGS, 0700);
    snprintf(path, sizeof(path), CONSOLE_LOGS "/%s.console", name);
    f = fopen(path, "we");
    if (!f)
        return;
    for (; from < c->said; from++)
        fputc(c->history[from % CONSOLE_HISTORY], f);
    fclose(f);
}

void console_close(struct console *c)
{
    console_detach(c);
    for (unsigned int i = 0; i < CONSOLE_VIEWERS; i++)
        if (c->viewers[i].fd >= 0)
            viewer_drop(&c->viewers[i]);
    stop_listening(c);
    if (c->events)
        xenevtchn_close(c->events);
    c->events = NULL;
}
