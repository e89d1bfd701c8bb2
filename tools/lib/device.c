/* SPDX-License-Identifier: BSD-2-Clause */
/* Paravirtual devices (device.h). */
#include <hospes/device.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xen/io/xenbus.h>

#include <hospes/store.h>

#define BACKEND_BUS "/sys/bus/xen-backend"
#define BACKEND_REMEDY "Load it in domain 0: modprobe xen-blkback xen-netback."

const char *const device_names[] = { [DEVICE_VBD] = "vbd", [DEVICE_VIF] = "vif" };

struct paths {
    char front[STORE_PATH_MAX], back[STORE_PATH_MAX], record[STORE_PATH_MAX];
};

static struct paths paths_of(const struct device *dev)
{
    const char *kind = device_names[dev->kind];
    struct paths p;

    snprintf(p.front, sizeof(p.front), "/local/domain/%u/device/%s/%u", dev->domid, kind,
             dev->devid);
    snprintf(p.back, sizeof(p.back), "/local/domain/0/backend/%s/%u/%u", kind, dev->domid,
             dev->devid);
    snprintf(p.record, sizeof(p.record), "/libxl/%u/device/%s/%u", dev->domid, kind, dev->devid);
    return p;
}

/* Rows: one node each, in the back end's folder, the front end's, or both. The back end's are also
 * recorded. */
static void add(struct store_batch *b, const char *folder, const char *name,
                enum store_access access, const char *value)
{
    char path[STORE_PATH_MAX + 64];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    store_add(b, access, path, "%s", value);
}

static void add_number(struct store_batch *b, const char *folder, const char *name,
                       enum store_access access, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, value);
    add(b, folder, name, access, text);
}

static void back(struct store_batch *b, const struct paths *p, const char *name, const char *value)
{
    add(b, p->back, name, STORE_GUEST_READS, value);
    add(b, p->record, name, STORE_PRIVATE, value);
}

static void back_number(struct store_batch *b, const struct paths *p, const char *name,
                        uint64_t value)
{
    add_number(b, p->back, name, STORE_GUEST_READS, value);
    add_number(b, p->record, name, STORE_PRIVATE, value);
}

static void start_rows(struct store_batch *b, const struct device *dev, const struct paths *p)
{
    *b = (struct store_batch){ .guest = dev->domid };
    store_add(b, STORE_GUEST_OWNS, p->front, "%s", "");
    store_add(b, STORE_GUEST_READS, p->back, "%s", "");
    store_add(b, STORE_PRIVATE, p->record, "%s", "");
    add(b, p->front, "backend", STORE_GUEST_OWNS, p->back);
    add(b, p->front, "backend-id", STORE_GUEST_OWNS, "0");
    add_number(b, p->front, "state", STORE_GUEST_OWNS, XenbusStateInitialising);
    add(b, p->record, "frontend", STORE_PRIVATE, p->front);
    add(b, p->record, "backend", STORE_PRIVATE, p->back);
    add(b, p->back, "frontend", STORE_GUEST_READS, p->front);
    add_number(b, p->back, "frontend-id", STORE_GUEST_READS, dev->domid);
    back_number(b, p, "online", 1);
    add_number(b, p->back, "state", STORE_GUEST_READS, XenbusStateInitialising);
}

/* Hotplug scripts */

struct script {
    char path[512], back[STORE_PATH_MAX], vif[32];
    const char *type;
};

static void exec_script(const struct script *s, const char *verb)
{
    setenv("XENBUS_PATH", s->back, 1);
    setenv("XENBUS_TYPE", s->type, 1);
    setenv("XENBUS_BASE_PATH", "backend", 1);
    setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
    if (s->vif[0]) {
        setenv("vif", s->vif, 1);
        setenv("INTERFACE", s->vif, 1);
        setenv("type_if", "vif", 1);
    }
    setpgid(0, 0);
    execl(s->path, s->path, verb, s->vif[0] ? "type_if=vif" : (char *)NULL, (char *)NULL);
    _exit(127);
}

/* Runs a script to its end; its group is killed after the time limit. */
static int run_script(struct hospes *h, const struct script *s, const char *verb)
{
    struct timespec tick = { .tv_nsec = 5000000 };
    pid_t pid = fork();
    int status;

    if (pid < 0)
        return error_set(&h->error, errno, "hotplug", NULL, "%s: %s", s->path, strerror(errno));
    if (!pid)
        exec_script(s, verb);
    for (unsigned int ms = 0;; ms += 5) {
        pid_t done = waitpid(pid, &status, WNOHANG);

        if (done == pid)
            break;
        if (done < 0 && errno != EINTR)
            return error_set(&h->error, errno, "hotplug", NULL, "%s: %s", s->path,
                             strerror(errno));
        if (hospes_stopped(h) || ms >= DEVICE_WAIT_MS) {
            kill(-pid, SIGKILL);
            waitpid(pid, &status, 0);
            if (hospes_stopped(h))
                return error_set(&h->error, EINTR, "hotplug", NULL, "stopped during %s %s", s->path,
                                 verb);
            return error_set(&h->error, ETIMEDOUT, "hotplug", NULL, "%s %s did not end in %u s",
                             s->path, verb, DEVICE_WAIT_MS / 1000);
        }
        nanosleep(&tick, NULL);
    }
    if (WIFEXITED(status) && !WEXITSTATUS(status))
        return 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return error_set(&h->error, ENOENT, "hotplug", "Install the package xen-utils-common.",
                         "%s cannot be run", s->path);
    return error_set(&h->error, EIO, "hotplug", NULL, "%s %s failed (status %#x)", s->path, verb,
                     status);
}

static struct script script_of(struct hospes *h, const struct device *dev, const struct paths *p)
{
    struct script s = { .type = device_names[dev->kind] };
    char *script = store_read(h, "%s/script", p->record);
    char *vif = dev->kind == DEVICE_VIF ? store_read(h, "%s/vifname", p->record) : NULL;

    snprintf(s.back, sizeof(s.back), "%s", p->back);
    snprintf(s.path, sizeof(s.path), "%s", script ? script : "");
    if (dev->kind == DEVICE_VIF && vif)
        snprintf(s.vif, sizeof(s.vif), "%s", vif);
    else if (dev->kind == DEVICE_VIF)
        snprintf(s.vif, sizeof(s.vif), "vif%u.%u", dev->domid, dev->devid);
    free(script);
    free(vif);
    return s;
}

/* Coming up */

/* A driver that is not there is found out without waiting for it. */
static int check_backend(struct hospes *h, enum device_kind kind)
{
    char path[64];

    snprintf(path, sizeof(path), BACKEND_BUS "/drivers/%s", device_names[kind]);
    if (access(BACKEND_BUS, F_OK) || !access(path, F_OK))
        return 0;
    return error_set(&h->error, ENODEV, "back end", BACKEND_REMEDY,
                     "domain 0 has no driver for a %s back end", device_names[kind]);
}

static int wait_for_backend(struct hospes *h, const struct paths *p, const char *kind)
{
    char path[STORE_PATH_MAX + 16];
    int rc;

    snprintf(path, sizeof(path), "%s/state", p->back);
    rc = store_wait(h, path, "2|3|4", "5|6", DEVICE_WAIT_MS);
    if (rc > 0)
        return 0;
    if (h->error.code == EINTR)
        return -1;
    error_clear(&h->error);
    return error_set(&h->error, ENODEV, "back end",
                     BACKEND_REMEDY, "no %s back end took the device up", kind);
}

/* Scripts write messages of several lines. */
static char *one_line(char *text)
{
    for (char *c = text; *c; c++)
        if (*c == '\n')
            *c = ' ';
    return text;
}

static int connect(struct hospes *h, const struct device *dev, const struct paths *p)
{
    struct script s = script_of(h, dev, p);
    char path[STORE_PATH_MAX + 16], *message;
    int rc;

    if (wait_for_backend(h, p, s.type))
        return -1;
    rc = run_script(h, &s, dev->kind == DEVICE_VIF ? "online" : "add");
    snprintf(path, sizeof(path), "%s/hotplug-status", p->back);
    if (!rc)
        rc = store_wait(h, path, "connected", "error|busy", DEVICE_WAIT_MS) > 0 ? 0 : -1;
    if (!rc || h->error.code == EINTR)
        return rc;
    message = store_read(h, "%s/hotplug-error", p->back);
    if (message) {
        error_clear(&h->error);
        error_set(&h->error, EIO, "hotplug", NULL, "%s", one_line(message));
    }
    free(message);
    if (!h->error.code)
        error_set(&h->error, EIO, "hotplug", NULL, "%s reports an error", s.path);
    return -1;
}

static int bring_up(struct hospes *h, const struct device *dev, const struct paths *p,
                    struct store_batch *b)
{
    const volatile sig_atomic_t *stop;
    struct error first;

    if (store_exists(h, "%s", p->record))
        return error_set(&h->error, EEXIST, "device", NULL, "the guest has this device already");
    if (check_backend(h, dev->kind))
        return -1;
    if (store_commit(h, b))
        return -1;
    if (!connect(h, dev, p))
        return 0;
    first = h->error;
    error_clear(&h->error);
    stop = h->stop;
    h->stop = NULL;
    device_remove(h, dev, true);
    h->stop = stop;
    h->error = first;
    return -1;
}

/* A file that is written by two guests is lost soon. */
static int check_sharing(struct hospes *h, const struct guest_disk *d)
{
    unsigned int n_domains, n;
    char **domains = store_list(h, &n_domains, "/libxl");
    int rc = 0;

    for (unsigned int i = 0; i < n_domains && !rc; i++) {
        char **disks = store_list(h, &n, "/libxl/%s/device/vbd", domains[i]);

        for (unsigned int k = 0; k < n && !rc; k++) {
            char *path = store_read(h, "/libxl/%s/device/vbd/%s/params", domains[i], disks[k]);
            char *mode = store_read(h, "/libxl/%s/device/vbd/%s/mode", domains[i], disks[k]);

            if (path && mode && !strcmp(path, d->target) && (d->writable || *mode == 'w'))
                rc = error_set(&h->error, EBUSY, "device",
                               "Stop that guest, or give both of them the disk read-only.",
                               "%s is in use by domain %s", d->target, domains[i]);
            free(path);
            free(mode);
        }
        free(disks);
    }
    free(domains);
    return rc;
}

static int check_target(struct hospes *h, const struct guest_disk *d)
{
    struct stat st;

    if (!*d->target)
        return 0;
    if (stat(d->target, &st))
        return error_set(&h->error, errno, "device", NULL, "disk %s: %s: %s", d->vdev, d->target,
                         strerror(errno));
    if (!S_ISBLK(st.st_mode) && !S_ISREG(st.st_mode))
        return error_set(&h->error, EINVAL, "device", NULL,
                         "disk %s: %s is neither a file nor a block device", d->vdev, d->target);
    return check_sharing(h, d);
}

int device_add_disk(struct hospes *h, uint32_t domid, const struct guest_disk *d)
{
    struct device dev = { .domid = domid, .devid = d->devid, .kind = DEVICE_VBD };
    struct paths p = paths_of(&dev);
    struct store_batch b;
    char script[sizeof(DEVICE_SCRIPTS) + sizeof(d->script)];

    if (check_target(h, d))
        return -1;
    snprintf(script, sizeof(script), d->script[0] == '/' ? "%s%s" : "%s/%s",
             d->script[0] == '/' ? "" : DEVICE_SCRIPTS, d->script[0] ? d->script : "block");
    start_rows(&b, &dev, &p);
    back(&b, &p, "params", d->target);
    back(&b, &p, "script", script);
    back(&b, &p, "dev", d->vdev);
    back(&b, &p, "type", d->backend == DISK_PHY ? "phy" : "file");
    back(&b, &p, "mode", d->writable ? "w" : "r");
    back(&b, &p, "device-type", d->cdrom ? "cdrom" : "disk");
    back_number(&b, &p, "removable", 1);
    back_number(&b, &p, "bootable", 1);
    add_number(&b, p.front, "virtual-device", STORE_GUEST_OWNS, d->devid);
    add(&b, p.front, "device-type", STORE_GUEST_OWNS, d->cdrom ? "cdrom" : "disk");
    return bring_up(h, &dev, &p, &b) ? error_prefix(&h->error, "disk %s: ", d->vdev) : 0;
}

int device_nic_mac(struct hospes *h, struct guest_nic *n)
{
    static const uint8_t oui[3] = { 0x00, 0x16, 0x3e };

    if (n->mac_given)
        return 0;
    memcpy(n->mac, oui, sizeof(oui));
    if (getrandom(n->mac + 3, 3, 0) != 3)
        return error_set(&h->error, EIO, "device", NULL, "no random numbers for a MAC");
    n->mac[3] &= 0x7f;
    return 0;
}

int device_add_nic(struct hospes *h, uint32_t domid, uint32_t devid, const struct guest_nic *n)
{
    struct device dev = { .domid = domid, .devid = devid, .kind = DEVICE_VIF };
    struct paths p = paths_of(&dev);
    struct store_batch b;
    char mac[18], script[sizeof(DEVICE_SCRIPTS) + sizeof(n->script)];

    snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", n->mac[0], n->mac[1], n->mac[2],
             n->mac[3], n->mac[4], n->mac[5]);
    snprintf(script, sizeof(script), n->script[0] == '/' ? "%s%s" : "%s/%s",
             n->script[0] == '/' ? "" : DEVICE_SCRIPTS, n->script[0] ? n->script : "vif-bridge");
    start_rows(&b, &dev, &p);
    back(&b, &p, "mac", mac);
    back(&b, &p, "script", script);
    back(&b, &p, "bridge", n->bridge[0] ? n->bridge : DEVICE_BRIDGE);
    back(&b, &p, "type", "vif");
    back_number(&b, &p, "handle", devid);
    if (n->vifname[0])
        back(&b, &p, "vifname", n->vifname);
    if (n->ip[0])
        back(&b, &p, "ip", n->ip);
    add_number(&b, p.front, "handle", STORE_GUEST_OWNS, devid);
    add(&b, p.front, "mac", STORE_GUEST_OWNS, mac);
    return bring_up(h, &dev, &p, &b) ? error_prefix(&h->error, "vif %u: ", devid) : 0;
}

/* Going down */

static void ask_to_close(struct hospes *h, const struct paths *p, bool force)
{
    char path[STORE_PATH_MAX + 16];

    snprintf(path, sizeof(path), "%s/online", p->back);
    store_write(h, path, "0");
    /* A back end that has closed with its front end does not say so once more. */
    snprintf(path, sizeof(path), "%s/state", p->back);
    if (store_read_number(h, 0, "%s", path) != XenbusStateClosed)
        store_write(h, path, "5");
    /* A back end whose front end is gone ends by itself, and writes state 6 at once: so last. */
    if (force)
        store_remove(h, "%s", p->front);
}

int device_remove(struct hospes *h, const struct device *dev, bool force)
{
    struct paths p = paths_of(dev);
    struct script s = script_of(h, dev, &p);
    char path[STORE_PATH_MAX + 16];
    int rc = 0;

    if (store_exists(h, "%s/state", p.back)) {
        ask_to_close(h, &p, force);
        snprintf(path, sizeof(path), "%s/state", p.back);
        rc = store_wait(h, path, "6|", NULL, DEVICE_WAIT_MS) > 0 ? 0 : -1;
        if (rc && !force)
            return error_prefix(&h->error, "the guest did not give the device up: ");
    }
    if (s.path[0] && run_script(h, &s, dev->kind == DEVICE_VIF ? "offline" : "remove"))
        rc = -1;
    if (store_remove(h, "%s", p.back) || store_remove(h, "%s", p.front) ||
        store_remove(h, "%s", p.record))
        rc = -1;
    return rc;
}

int device_list(struct hospes *h, uint32_t domid, enum device_kind kind, struct device **list)
{
    unsigned int n;
    char **names = store_list(h, &n, "/libxl/%u/device/%s", domid, device_names[kind]);

    *list = calloc(n ? n : 1, sizeof(**list));
    if (!*list) {
        free(names);
        return error_set(&h->error, ENOMEM, "device", NULL, "out of memory");
    }
    for (unsigned int i = 0; i < n; i++)
        (*list)[i] = (struct device){ .domid = domid, .kind = kind,
                                      .devid = (uint32_t)strtoul(names[i], NULL, 10) };
    free(names);
    return (int)n;
}

int device_remove_all(struct hospes *h, uint32_t domid)
{
    int rc = 0;

    for (enum device_kind kind = DEVICE_VBD; kind <= DEVICE_VIF; kind++) {
        struct device *list;
        int n = device_list(h, domid, kind, &list);

        for (int i = 0; i < n; i++)
            rc |= device_remove(h, &list[i], true);
        rc |= n < 0 ? -1 : 0;
        free(list);
    }
    return rc;
}
