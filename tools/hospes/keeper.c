/* SPDX-License-Identifier: BSD-2-Clause */
/* The keeper of one guest (keeper.h). */
#include "keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <xen/sched.h>

#include <hospes/console.h>
#include <hospes/device.h>
#include <hospes/dump_core.h>
#include <hospes/guest.h>
#include <hospes/store.h>

#define KEEPER_DUMPS "/var/lib/xen/dump"
#define QUICK_SECONDS 10        /* a guest that dies sooner is started again this often: */
#define QUICK_RESTARTS 5u

struct keeper {
    struct hospes h;
    struct guest_config g;
    struct console console;
    uint32_t domid;
    time_t started;
    unsigned int quick;
    bool done, preserved;
};

static void note(struct keeper *k, const char *text, ...) __attribute__((format(printf, 2, 3)));

/* A line in the guest's log. */
static void note(struct keeper *k, const char *text, ...)
{
    char path[160], when[32];
    time_t now = time(NULL);
    va_list args;
    FILE *f;

    mkdir(CONSOLE_LOGS, 0700);
    snprintf(path, sizeof(path), CONSOLE_LOGS "/%s.log", k->g.name);
    f = fopen(path, "ae");
    if (!f)
        return;
    strftime(when, sizeof(when), "%F %T", localtime(&now));
    fprintf(f, "%s ", when);
    va_start(args, text);
    vfprintf(f, text, args);
    va_end(args);
    fputc('\n', f);
    fclose(f);
}

static void note_error(struct keeper *k, const char *what)
{
    note(k, "%s: %s: %s %s", what, k->h.error.component, k->h.error.cause, k->h.error.remedy);
    error_clear(&k->h.error);
}

static int attach(struct keeper *k, struct hospes *h, uint32_t domid)
{
    int64_t ring = store_read_number(h, -1, "/local/domain/%u/console/ring-ref", domid);
    int64_t port = store_read_number(h, -1, "/local/domain/%u/console/port", domid);

    k->domid = domid;
    k->started = time(NULL);
    if (ring < 0 || port < 0)
        return error_set(&h->error, ENOENT, "console", NULL,
                         "the store has no console of domain %u", domid);
    return console_attach(&k->console, domid, (uint64_t)ring, (uint32_t)port);
}

/* Life */

static enum guest_action action_for(const struct keeper *k, unsigned int reason)
{
    switch (reason) {
    case SHUTDOWN_poweroff:
        return k->g.on_poweroff;
    case SHUTDOWN_reboot:
        return k->g.on_reboot;
    case SHUTDOWN_suspend:
        return ACTION_PRESERVE;
    default:
        return k->g.on_crash;
    }
}

static int restart_ready(void *arg, struct hospes *h, uint32_t domid)
{
    return attach(arg, h, domid);
}

static void restart(struct keeper *k)
{
    struct guest_create_options o = { .ready = restart_ready, .arg = k };

    k->quick = time(NULL) - k->started < QUICK_SECONDS ? k->quick + 1 : 0;
    if (k->quick > QUICK_RESTARTS) {
        note(k, "ended %u times within %d s of its start: not started again", k->quick,
             QUICK_SECONDS);
        k->done = true;
        return;
    }
    if (guest_create(&k->h, &k->g, &o, &k->domid)) {
        note_error(k, "cannot be started again");
        k->done = true;
        return;
    }
    note(k, "started again as domain %u", k->domid);
}

static void set_aside(struct keeper *k)
{
    char name[GUEST_NAME_MAX + 16];

    snprintf(name, sizeof(name), "%.50s-%u", k->g.name, k->domid);
    if (guest_rename(&k->h, k->domid, name))
        note_error(k, "cannot be renamed");
    /* Its memory is kept to be looked at; disks and addresses are its successor's. */
    if (device_remove_all(&k->h, k->domid))
        note_error(k, "its devices could not all be taken away");
    /* The one that is set aside keeps its uuid. */
    k->g.uuid_given = false;
}

/* A guest that cannot be dumped ends all the same. */
static void dump(struct keeper *k)
{
    time_t now = time(NULL);
    char path[160], when[32];

    strftime(when, sizeof(when), "%Y%m%d-%H%M%S", localtime(&now));
    snprintf(path, sizeof(path), KEEPER_DUMPS "/%s-%s.core", k->g.name, when);
    mkdir(KEEPER_DUMPS, 0700);
    if (guest_dump_core(&k->h, k->domid, path))
        note_error(k, "no core was dumped");
    else
        note(k, "its core is in %s", path);
}

static void act(struct keeper *k, unsigned int reason)
{
    enum guest_action action = action_for(k, reason);

    note(k, "domain %u shut down (reason %u)", k->domid, reason);
    console_detach(&k->console);
    console_save(&k->console, k->g.name);
    if (action == ACTION_PRESERVE) {
        k->preserved = true;
        return;
    }
    if (action == ACTION_DUMP_DESTROY || action == ACTION_DUMP_RESTART)
        dump(k);
    if (action == ACTION_RENAME_RESTART)
        set_aside(k);
    else if (guest_destroy(&k->h, k->domid))
        note_error(k, "what it had could not all be taken back");
    if (action == ACTION_RESTART || action == ACTION_RENAME_RESTART ||
        action == ACTION_DUMP_RESTART)
        restart(k);
    else
        k->done = true;
}

static void look(struct keeper *k)
{
    struct xen_domctl_getdomaininfo info;

    if (!xen_domain_info(&k->h, k->domid, &info) || (info.flags & XEN_DOMINF_dying)) {
        console_detach(&k->console);
        console_save(&k->console, k->g.name);
        k->done = true;
    } else if (!k->preserved && (info.flags & XEN_DOMINF_shutdown)) {
        act(k, (info.flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask);
    }
}

static void loop(struct keeper *k)
{
    while (!k->done) {
        struct pollfd fds[CONSOLE_FDS + 1];
        int n = console_poll(&k->console, fds);
        bool changed = false;
        char **event;

        fds[n] = (struct pollfd){ .fd = xs_fileno(k->h.store), .events = POLLIN };
        if (poll(fds, (nfds_t)n + 1, -1) < 0 && errno != EINTR)
            break;
        console_run(&k->console, fds, n);
        if (fds[n].revents & (POLLHUP | POLLERR))
            break;
        while ((event = xs_check_watch(k->h.store)) != NULL) {
            free(event);
            changed = true;
        }
        if (changed)
            look(k);
    }
}

/* Start */

static void leave_terminal(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    setsid();
    if (chdir("/"))
        return;
    for (int fd = 0; fd < 3 && null >= 0; fd++)
        dup2(null, fd);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
}

static int take_over(struct keeper *k, uint32_t domid)
{
    if (hospes_open(&k->h) || store_open(&k->h) || console_open(&k->console, &k->h) ||
        attach(k, &k->h, domid))
        return -1;
    if (!xs_watch(k->h.store, "@releaseDomain", "keeper"))
        return error_set(&k->h.error, errno, "store", NULL, "watching for ends of domains: %s",
                         strerror(errno));
    return 0;
}

static void keeper(const struct guest_config *g, uint32_t domid, int ready)
{
    struct keeper *k = calloc(1, sizeof(*k));

    if (!k)
        _exit(EXIT_FAILURE);
    k->g = *g;
    k->g.uuid_given = true;
    for (unsigned int i = 0; i < k->g.n_nics; i++)
        k->g.nics[i].mac_given = true;
    take_over(k, domid);
    if (write(ready, &k->h.error, sizeof(k->h.error)) != sizeof(k->h.error) || k->h.error.code)
        _exit(EXIT_FAILURE);
    close(ready);
    leave_terminal();
    loop(k);
    console_close(&k->console);
    hospes_close(&k->h);
    _exit(EXIT_SUCCESS);
}

int keeper_start(struct hospes *h, const struct guest_config *g, uint32_t domid)
{
    struct error e = { 0 };
    int fds[2];
    ssize_t n;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC))
        return error_set(&h->error, errno, "console", NULL, "pipe: %s", strerror(errno));
    pid = fork();
    if (!pid) {
        close(fds[0]);
        /* Twice, so that nobody has to wait for it. */
        if (fork())
            _exit(EXIT_SUCCESS);
        keeper(g, domid, fds[1]);
    }
    close(fds[1]);
    n = pid > 0 ? read(fds[0], &e, sizeof(e)) : -1;
    close(fds[0]);
    if (n == sizeof(e) && !e.code)
        return 0;
    if (n == sizeof(e))
        h->error = e;
    return error_set(&h->error, EIO, "console", NULL, "the guest's keeper did not start");
}
