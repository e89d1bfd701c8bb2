/* SPDX-License-Identifier: BSD-2-Clause */
/* `hospes doctor`: what a guest needs of domain 0, from the hypervisor up; one row per check. */
#include "command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <xen/version.h>

#include <hospes/console.h>
#include <hospes/device.h>
#include <hospes/store.h>

#include "json.h"

#define FREE_MIB_LOW 64u
#define SPACE_MIB_LOW 32u

/* GOOD says what is there; DOUBT: guests start, something is amiss; BAD: they do not. */
enum finding { GOOD, DOUBT, BAD, UNKNOWN };

struct exam {
    struct hospes h;
    bool hypervisor, store;     /* later checks need them */
    char found[256], remedy[256];
};

static enum finding say(struct exam *x, enum finding f, const char *remedy, const char *found, ...)
    __attribute__((format(printf, 4, 5)));

static enum finding say(struct exam *x, enum finding f, const char *remedy, const char *found, ...)
{
    va_list args;

    va_start(args, found);
    vsnprintf(x->found, sizeof(x->found), found, args);
    va_end(args);
    snprintf(x->remedy, sizeof(x->remedy), "%s", remedy ? remedy : "");
    return f;
}

static enum finding say_error(struct exam *x)
{
    enum finding f = say(x, BAD, x->h.error.remedy, "%s", x->h.error.cause);

    error_clear(&x->h.error);
    return f;
}

static bool exists(const char *path)
{
    return !access(path, F_OK);
}

static bool file_says(const char *path, const char *word)
{
    char text[256] = "";
    FILE *f = fopen(path, "re");
    bool found;

    if (!f)
        return false;
    found = fgets(text, sizeof(text), f) && strstr(text, word);
    fclose(f);
    return found;
}

/* Checks */

static enum finding root(struct exam *x)
{
    return geteuid() ? say(x, BAD, "Run it with sudo.", "this is not root")
                     : say(x, GOOD, NULL, "root");
}

static enum finding domain0(struct exam *x)
{
    if (!file_says("/sys/hypervisor/type", "xen"))
        return say(x, BAD, "Boot the entry \"with Hospes\" of the boot menu.",
                   "this system does not run on a hypervisor with the Xen ABI");
    if (exists("/proc/xen/capabilities") && !file_says("/proc/xen/capabilities", "control_d"))
        return say(x, BAD, "Guests are started from domain 0.", "this is a guest, not domain 0");
    return say(x, GOOD, NULL, "domain 0");
}

static enum finding devices(struct exam *x)
{
    static const struct { const char *path, *module; } nodes[] = {
        { "/dev/xen/privcmd", "xen-privcmd" }, { "/dev/xen/evtchn", "xen-evtchn" },
        { "/dev/xen/gntdev", "xen-gntdev" },
    };

    for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
        char remedy[64];

        snprintf(remedy, sizeof(remedy), "modprobe %s", nodes[i].module);
        if (!exists(nodes[i].path))
            return say(x, BAD, remedy, "%s is missing", nodes[i].path);
    }
    return say(x, GOOD, NULL, "privcmd, evtchn, gntdev");
}

static enum finding hypervisor(struct exam *x)
{
    struct xen_sysctl_physinfo p;
    long version;

    if (hospes_open(&x->h))
        return say_error(x);
    version = xen_hypercall(&x->h, __HYPERVISOR_xen_version, XENVER_version, 0, 0, 0,
                            "reading the version");
    if (version < 0 || xen_physinfo(&x->h, &p))
        return say_error(x);
    x->hypervisor = true;
    return say(x, GOOD, NULL, "version %ld.%ld, %u CPUs", version >> 16, version & 0xffff,
               p.nr_cpus);
}

static enum finding memory(struct exam *x)
{
    struct xen_sysctl_physinfo p;

    if (!x->hypervisor)
        return UNKNOWN;
    if (xen_physinfo(&x->h, &p))
        return say_error(x);
    if (p.free_pages >> 8 < FREE_MIB_LOW)
        return say(x, DOUBT, "Stop a guest, or give domain 0 less: dom0_mem= on the hypervisor's "
                   "command line, or 'hospes mem-set 0 MIB' now.",
                   "%" PRIu64 " MiB are free for guests", p.free_pages >> 8);
    return say(x, GOOD, NULL, "%" PRIu64 " of %" PRIu64 " MiB are free", p.free_pages >> 8,
               p.total_pages >> 8);
}

static enum finding store(struct exam *x)
{
    char *name;

    if (store_open(&x->h))
        return say_error(x);
    name = store_read(&x->h, "/local/domain/0/name");
    if (!name)
        return say(x, BAD, "Run /usr/lib/xen-4.17/bin/xen-init-dom0.",
                   "xenstored answers, and knows nothing of domain 0");
    free(name);
    x->store = true;
    return say(x, GOOD, NULL, "xenstored answers");
}

static enum finding back_ends(struct exam *x)
{
    if (!exists("/sys/bus/xen-backend/drivers/vbd"))
        return say(x, BAD, "modprobe xen-blkback", "no back end for disks");
    if (!exists("/sys/bus/xen-backend/drivers/vif"))
        return say(x, BAD, "modprobe xen-netback", "no back end for networks");
    if (!exists("/dev/loop-control"))
        return say(x, DOUBT, "modprobe loop", "no loop devices: disks in files will not work");
    return say(x, GOOD, NULL, "disks, networks, loop devices");
}

static bool in_path(const char *program)
{
    static const char *const folders[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
                                           "/usr/bin", "/sbin", "/bin" };
    char path[96];

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", folders[i], program);
        if (!access(path, X_OK))
            return true;
    }
    return false;
}

static enum finding scripts(struct exam *x)
{
    static const char *const names[] = { DEVICE_SCRIPTS "/block", DEVICE_SCRIPTS "/vif-bridge" };
    static const struct { const char *program, *package; } programs[] = {
        { "bash", "bash" }, { "losetup", "mount" }, { "flock", "util-linux" },
        { "ip", "iproute2" }, { "xenstore-read", "xenstore-utils" },
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (access(names[i], X_OK))
            return say(x, BAD, "Install the package xen-utils-common.", "%s cannot be run",
                       names[i]);
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        char remedy[64];

        snprintf(remedy, sizeof(remedy), "Install the package %s.", programs[i].package);
        if (!in_path(programs[i].program))
            return say(x, BAD, remedy, "the hotplug scripts need '%s'", programs[i].program);
    }
    if (!exists("/dev/fd"))
        return say(x, DOUBT, "ln -s /proc/self/fd /dev/fd",
                   "/dev/fd is missing: hotplug scripts wait for it in vain");
    return say(x, GOOD, NULL, "hotplug scripts and what they call");
}

static enum finding bridge(struct exam *x)
{
    if (!exists("/sys/class/net/" DEVICE_BRIDGE "/bridge"))
        return say(x, DOUBT, "ip link add " DEVICE_BRIDGE " type bridge && ip link set "
                   DEVICE_BRIDGE " up; or name yours: vif = ['bridge=NAME'].",
                   "there is no bridge " DEVICE_BRIDGE ", the one for guests that name none");
    if (file_says("/sys/class/net/" DEVICE_BRIDGE "/operstate", "down") &&
        !file_says("/sys/class/net/" DEVICE_BRIDGE "/flags", "3"))
        return say(x, DOUBT, "ip link set " DEVICE_BRIDGE " up", "the bridge " DEVICE_BRIDGE
                   " is down");
    return say(x, GOOD, NULL, DEVICE_BRIDGE);
}

static enum finding space(struct exam *x)
{
    static const char *const folders[] = { "/run", "/var/log", "/tmp" };

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        struct statvfs v;
        uint64_t mib;

        if (statvfs(folders[i], &v))
            return say(x, BAD, NULL, "%s: %s", folders[i], strerror(errno));
        /* The initial RAM disk says 0 of 0. */
        mib = (uint64_t)v.f_bavail * v.f_frsize >> 20;
        if ((v.f_blocks && mib < SPACE_MIB_LOW) || access(folders[i], W_OK))
            return say(x, DOUBT, "Make room there.", "%s has %" PRIu64 " MiB left", folders[i],
                       mib);
    }
    return say(x, GOOD, NULL, "/run, /var/log and /tmp have some");
}

/* Store entries of guests that are gone, guests without a keeper, domains that do not go away. */
static enum finding leftovers(struct exam *x)
{
    struct xen_domctl_getdomaininfo info;
    unsigned int n;
    char **ids;

    if (!x->store || !x->hypervisor)
        return UNKNOWN;
    ids = store_list(&x->h, &n, "/libxl");
    for (unsigned int i = 0; i < n; i++) {
        uint32_t id = (uint32_t)strtoul(ids[i], NULL, 10);
        char remedy[96];

        snprintf(remedy, sizeof(remedy), "xenstore-rm /libxl/%u /local/domain/%u", id, id);
        if (!id || xen_domain_info(&x->h, id, &info))
            continue;
        free(ids);
        return say(x, DOUBT, remedy, "the store has entries of domain %u, which is gone", id);
    }
    free(ids);
    return say(x, GOOD, NULL, "none");
}

static enum finding guests(struct exam *x)
{
    struct xen_domctl_getdomaininfo list[64];
    uint32_t next = 1;
    int n;

    if (!x->store || !x->hypervisor)
        return UNKNOWN;
    while ((n = xen_domain_list(&x->h, next, 64, list)) > 0) {
        for (int i = 0; i < n; i++) {
            uint32_t id = list[i].domain;
            char *type = store_read(&x->h, "/local/domain/%u/console/type", id), path[64];
            bool ours = type && !strcmp(type, "hospes");

            free(type);
            if (list[i].flags & XEN_DOMINF_dying)
                return say(x, DOUBT, "Something in domain 0 still has its memory: a back end. "
                           "'xenstore-ls /local/domain/0/backend' shows which.",
                           "domain %u is dead and does not go away", id);
            snprintf(path, sizeof(path), CONSOLE_RUN "/%u.console", id);
            if (ours && !exists(path))
                return say(x, DOUBT, "'hospes destroy' it and create it again.",
                           "domain %u has no keeper: no console, and nobody acts on its end", id);
        }
        next = list[n - 1].domain + 1u;
    }
    return n < 0 ? say_error(x) : say(x, GOOD, NULL, "well kept");
}

static const struct {
    const char *name;
    enum finding (*run)(struct exam *x);
} checks[] = {
    { "user", root }, { "domain 0", domain0 }, { "devices", devices },
    { "hypervisor", hypervisor }, { "memory", memory }, { "store", store },
    { "back ends", back_ends }, { "scripts", scripts }, { "bridge", bridge }, { "space", space },
    { "leftovers", leftovers }, { "guests", guests },
};

static const char *const words[] = { [GOOD] = "ok", [DOUBT] = "doubt", [BAD] = "bad",
                                     [UNKNOWN] = "unknown" };

static void report(struct exam *x, const char *name, enum finding f, struct json_object *array)
{
    struct json_object *o;

    if (!array) {
        printf("%-8s %-11s %s\n", words[f], name, x->found);
        if (x->remedy[0])
            printf("%21s%s\n", "", x->remedy);
        return;
    }
    o = json_object_new_object();
    json_text(o, "check", name);
    json_text(o, "result", words[f]);
    json_text(o, "found", x->found);
    json_text(o, "remedy", x->remedy[0] ? x->remedy : NULL);
    json_object_array_add(array, o);
}

int cmd_doctor(struct call *c)
{
    struct json_object *array = c->json ? json_object_new_array() : NULL;
    struct exam x = { 0 };
    unsigned int bad = 0;

    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        enum finding f;

        say(&x, GOOD, NULL, "depends on what is bad above");
        f = checks[i].run(&x);
        bad += f == BAD;
        report(&x, checks[i].name, f, array);
    }
    if (array)
        json_print(array);
    hospes_close(&x.h);
    return bad ? -1 : 0;
}
