/* SPDX-License-Identifier: BSD-2-Clause */
/* `hospes console`: a viewer of a guest's console. */
#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>
#include <unistd.h>

#include <hospes/console.h>
#include <hospes/guest.h>
#include <hospes/store.h>

#define ESCAPE_VARIABLE "HOSPES_ESCAPE"     /* another letter than ] */
#define SILENCE_MS 3000

static struct termios saved;
static bool raw;

/* The letter whose Ctrl- leaves: where the terminal itself is behind another Ctrl-]. */
static char escape_letter(void)
{
    const char *letter = getenv(ESCAPE_VARIABLE);

    return letter && letter[0] && !letter[1] ? letter[0] : ']';
}

static void restore_terminal(void)
{
    if (raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &saved);
}

static void raw_terminal(void)
{
    struct termios t;

    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved))
        return;
    t = saved;
    cfmakeraw(&t);
    raw = !tcsetattr(STDIN_FILENO, TCSANOW, &t);
    atexit(restore_terminal);
}

static int connect_to(uint32_t domid)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(a.sun_path, sizeof(a.sun_path), CONSOLE_RUN "/%u.console", domid);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* The pseudo-terminal that xenconsoled serves, of guests made by other tools. */
static int open_pty(struct hospes *h, uint32_t domid)
{
    char *tty = store_read(h, "/local/domain/%u/console/tty", domid);
    int fd = tty && !strncmp(tty, "/dev/pts/", 9) ? open(tty, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1;

    free(tty);
    return fd;
}

static bool copy_all(int to, const char *data, size_t n)
{
    while (n) {
        ssize_t done = write(to, data, n);

        if (done < 0 && errno != EINTR && errno != EAGAIN)
            return false;
        if (done > 0) {
            data += done;
            n -= (size_t)done;
        }
    }
    return true;
}

/* False: the viewer leaves. */
static bool typed(int guest, bool *open)
{
    char data[256], *leave;
    ssize_t n = read(STDIN_FILENO, data, sizeof(data));

    if (n <= 0) {
        *open = false;
        return true;
    }
    leave = raw ? memchr(data, escape_letter() & 0x1f, (size_t)n) : NULL;
    return copy_all(guest, data, leave ? (size_t)(leave - data) : (size_t)n) && !leave;
}

/* Why a console is silent. */
static const char *waits_for(struct hospes *h, uint32_t domid)
{
    struct xen_domctl_getdomaininfo info;

    return !xen_domain_info(h, domid, &info)   ? "it is gone"
           : info.flags & XEN_DOMINF_shutdown  ? "it has shut down"
           : info.flags & XEN_DOMINF_paused    ? "it is paused, 'hospes unpause' lets it go on"
           : info.flags & XEN_DOMINF_blocked   ? "it waits for an event, perhaps for input"
                                               : "it runs; does its kernel have console=hvc0?";
}

static void view(struct hospes *h, uint32_t domid, int guest, bool input, const char *name)
{
    bool heard = false, told = false;

    for (;;) {
        struct pollfd fds[2] = { { .fd = guest, .events = POLLIN },
                                 { .fd = input ? STDIN_FILENO : -1, .events = POLLIN } };
        int n = poll(fds, 2, heard || told ? -1 : SILENCE_MS);
        char data[4096];
        ssize_t got;

        if (!n && !told) {
            fprintf(stderr, "(%s has said nothing yet: %s; Ctrl-%c leaves)\r\n", name,
                    waits_for(h, domid), escape_letter());
            told = true;
        }
        if (fds[1].revents && !typed(guest, &input))
            return;
        if (!fds[0].revents)
            continue;
        got = read(guest, data, sizeof(data));
        if (got <= 0 || !copy_all(STDOUT_FILENO, data, (size_t)got))
            return;
        heard = true;
    }
}

/* What a guest that is gone said last. */
static int show_saved(struct call *c, const char *name)
{
    char path[160], data[4096];
    size_t n;
    FILE *f;

    snprintf(path, sizeof(path), CONSOLE_LOGS "/%.64s.console", name);
    f = strchr(name, '/') ? NULL : fopen(path, "re");
    if (!f)
        return -1;
    error_clear(&c->h.error);
    fprintf(stderr, "(%s is not running; this is what it said last)\n", name);
    while ((n = fread(data, 1, sizeof(data), f)) > 0)
        fwrite(data, 1, n, stdout);
    fclose(f);
    return 0;
}

int console_view(struct hospes *h, uint32_t domid, const char *name,
                 int (*started)(struct hospes *h, uint32_t domid))
{
    int fd = connect_to(domid);

    if (fd < 0)
        fd = open_pty(h, domid);
    if (fd < 0)
        return error_set(&h->error, ENOENT, "console",
                         "'hospes doctor' tells whether its keeper or xenconsoled runs.",
                         "nobody serves the console of %s", name);
    raw_terminal();
    if (started && started(h, domid)) {
        close(fd);
        return -1;
    }
    view(h, domid, fd, true, name);
    restore_terminal();
    raw = false;
    close(fd);
    return 0;
}

int cmd_console(struct call *c)
{
    uint32_t domid;

    if (call_domain(c, 0, false, &domid))
        return show_saved(c, c->argv[0]);
    return console_view(&c->h, domid, c->argv[0], NULL);
}
