/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that make, change and end guests. */
#include "command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hospes/guest.h>
#include <hospes/guest_config.h>
#include <hospes/store.h>

#include "json.h"
#include "keeper.h"

#define PRESERVED_SECONDS 30u   /* a guest that is still there so long after its end is preserved */

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
    interrupted = number;
}

static void on_signals(void (*handler)(int))
{
    signal(SIGINT, handler);
    signal(SIGTERM, handler);
    signal(SIGHUP, handler);
}

static void warn(void *arg, const char *text)
{
    fprintf(stderr, "hospes: config: %s: %s\n", (const char *)arg, text);
}

/* FILE KEY=VALUE... of the call, from argument first on. */
static int read_config(struct call *c, int first, struct cfg *cfg, struct guest_config *g)
{
    for (int i = first + 1; i < c->argc; i++)
        if (cfg_assign(cfg, c->argv[i], &c->h.error))
            return -1;
    if (cfg_read(cfg, c->argv[first], &c->h.error))
        return -1;
    if (guest_config_from(g, cfg, warn, c->argv[first], &c->h.error))
        return error_prefix(&c->h.error, "%s: ", c->argv[first]);
    return 0;
}

static int step(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return interrupted;
}

static int ready(void *arg, struct hospes *h, uint32_t domid)
{
    return keeper_start(h, arg, domid);
}

int cmd_create(struct call *c)
{
    struct guest_config g = { 0 };
    bool paused = call_has(c, 'p'), viewed = call_has(c, 'c');
    /* A viewer is there before the first instruction. */
    struct guest_create_options o = { .paused = paused || viewed, .step = step, .ready = ready,
                                      .arg = &g };
    struct cfg cfg = { 0 };
    uint32_t domid;
    int rc = read_config(c, 0, &cfg, &g);

    on_signals(on_signal);
    c->h.stop = &interrupted;
    if (!rc)
        rc = guest_create(&c->h, &g, &o, &domid);
    on_signals(SIG_DFL);
    c->h.stop = NULL;
    if (!rc)
        printf("%s: domain %u%s\n", g.name, domid, paused ? ", paused" : "");
    fflush(stdout);
    if (!rc && viewed)
        rc = console_view(&c->h, domid, g.name, paused ? NULL : xen_domain_unpause);
    guest_config_free(&g);
    cfg_free(&cfg);
    return rc;
}

static void print_config(const struct guest_config *g)
{
    static const char *const types[] = { "pv", "pvh", "hvm" };

    printf("name     %s\ntype     %s\nkernel   %s\n", g->name, types[g->type],
           g->kernel ? g->kernel : "(bootloader)");
    if (g->ramdisk)
        printf("ramdisk  %s\n", g->ramdisk);
    printf("cmdline  %s\nmemory   %lu MiB, at most %lu\nvcpus    %u, at most %u\n", g->cmdline,
           (unsigned long)g->memory_mib, (unsigned long)g->maxmem_mib, g->vcpus, g->maxvcpus);
    for (unsigned int i = 0; i < g->n_disks; i++)
        printf("disk     %s (%s): %s\n", g->disks[i].vdev,
               g->disks[i].writable ? "writable" : "read-only", g->disks[i].target);
    for (unsigned int i = 0; i < g->n_nics; i++)
        printf("vif      on %s\n", g->nics[i].bridge[0] ? g->nics[i].bridge : "the usual bridge");
}

static void config_json(const struct guest_config *g)
{
    struct json_object *o = json_object_new_object(), *disks = json_object_new_array();

    json_text(o, "name", g->name);
    json_text(o, "kernel", g->kernel);
    json_text(o, "ramdisk", g->ramdisk);
    json_text(o, "cmdline", g->cmdline);
    json_number(o, "memory_mib", g->memory_mib);
    json_number(o, "maxmem_mib", g->maxmem_mib);
    json_number(o, "vcpus", g->vcpus);
    json_number(o, "maxvcpus", g->maxvcpus);
    for (unsigned int i = 0; i < g->n_disks; i++) {
        struct json_object *d = json_object_new_object();

        json_text(d, "vdev", g->disks[i].vdev);
        json_text(d, "target", g->disks[i].target);
        json_flag(d, "writable", g->disks[i].writable);
        json_object_array_add(disks, d);
    }
    json_object_object_add(o, "disks", disks);
    json_number(o, "vifs", g->n_nics);
    json_print(o);
}

int cmd_config(struct call *c)
{
    struct guest_config g = { 0 };
    struct cfg cfg = { 0 };
    int rc;

    if (strcmp(c->argv[0], "check"))
        return error_set(&c->h.error, EINVAL, "command", "'hospes config check FILE'",
                         "config knows 'check', not '%s'", c->argv[0]);
    rc = read_config(c, 1, &cfg, &g);
    if (!rc && c->json)
        config_json(&g);
    else if (!rc)
        print_config(&g);
    guest_config_free(&g);
    cfg_free(&cfg);
    return rc;
}

/* Runs one for each named guest; stops at the first error. */
static int each(struct call *c, int (*one)(struct hospes *h, uint32_t domid))
{
    for (int i = 0; i < c->argc; i++) {
        uint32_t domid;

        if (call_domain(c, i, false, &domid))
            return -1;
        if (one(&c->h, domid))
            return error_prefix(&c->h.error, "%s: ", c->argv[i]);
    }
    return 0;
}

static int ask_poweroff(struct hospes *h, uint32_t domid)
{
    return guest_ask(h, domid, "poweroff");
}

static int ask_reboot(struct hospes *h, uint32_t domid)
{
    return guest_ask(h, domid, "reboot");
}

static int wait_gone(struct hospes *h, uint32_t domid)
{
    struct xen_domctl_getdomaininfo info;
    char path[STORE_PATH_MAX];
    unsigned int over = 0;      /* seconds since it shut down: its keeper removes it, or keeps it */

    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    while (xen_domain_info(h, domid, &info) && over < PRESERVED_SECONDS) {
        over += info.flags & XEN_DOMINF_shutdown ? 1 : 0;
        if (store_wait(h, path, "", NULL, 1000) >= 0)
            break;
        if (h->error.code != ETIMEDOUT)
            return -1;
        error_clear(&h->error);
    }
    return 0;
}

int cmd_shutdown(struct call *c)
{
    return each(c, ask_poweroff) || (call_has(c, 'w') && each(c, wait_gone)) ? -1 : 0;
}

int cmd_reboot(struct call *c)
{
    return each(c, ask_reboot);
}

int cmd_destroy(struct call *c)
{
    return each(c, guest_destroy);
}

int cmd_pause(struct call *c)
{
    return each(c, xen_domain_pause);
}

int cmd_unpause(struct call *c)
{
    return each(c, xen_domain_unpause);
}

int cmd_rename(struct call *c)
{
    uint32_t domid;

    return call_domain(c, 0, false, &domid) || guest_rename(&c->h, domid, c->argv[1]) ? -1 : 0;
}

int cmd_sysrq(struct call *c)
{
    char path[STORE_PATH_MAX];
    uint32_t domid;

    if (strlen(c->argv[1]) != 1)
        return error_set(&c->h.error, EINVAL, "command", NULL, "'%s' is not one letter",
                         c->argv[1]);
    if (call_domain(c, 0, false, &domid))
        return -1;
    snprintf(path, sizeof(path), "/local/domain/%u/control/sysrq", domid);
    return store_write(&c->h, path, c->argv[1]);
}

int cmd_mem_set(struct call *c)
{
    uint32_t domid;
    uint64_t kib;

    return call_domain(c, 0, true, &domid) || call_memory(c, 1, &kib) ||
           guest_memory_target(&c->h, domid, kib) ? -1 : 0;
}

int cmd_mem_max(struct call *c)
{
    uint32_t domid;
    uint64_t kib;

    return call_domain(c, 0, true, &domid) || call_memory(c, 1, &kib) ||
           xen_domain_max_memory(&c->h, domid, kib) ? -1 : 0;
}

int cmd_vcpu_set(struct call *c)
{
    uint32_t domid;
    uint64_t n;

    return call_domain(c, 0, true, &domid) ||
           call_number(c, 1, "vCPUs", 1, GUEST_MAX_VCPUS, &n) ||
           guest_vcpus(&c->h, domid, (unsigned int)n) ? -1 : 0;
}
