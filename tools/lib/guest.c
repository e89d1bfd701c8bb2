/* SPDX-License-Identifier: BSD-2-Clause */
/* Creation and end of guests (guest.h). */
#include <hospes/guest.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <hospes/builder.h>
#include <hospes/device.h>
#include <hospes/store.h>

#define GONE_MS 5000u
#define SLACK_KIB 1024u         /* of the domain's limit: rings and the like */

struct creation {
    struct hospes *h;
    struct guest_config *g;
    const struct guest_create_options *o;
    uint32_t domid;
    bool made;
    struct kernel_image kernel;
    struct file_image ramdisk;
    uint32_t store_port, console_port;
    struct build_output built;
};

/* Store nodes */

static void uuid_text(char out[37], const uint8_t *u)
{
    snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", u[0],
             u[1], u[2], u[3], u[4], u[5], u[6], u[7], u[8], u[9], u[10], u[11], u[12], u[13],
             u[14], u[15]);
}

static void node(struct store_batch *b, enum store_access access, const char *name,
                 const char *value)
{
    char path[STORE_PATH_MAX];

    snprintf(path, sizeof(path), "/local/domain/%u%s%s", b->guest, *name ? "/" : "", name);
    store_add(b, access, path, "%s", value);
}

static void node_number(struct store_batch *b, enum store_access access, const char *name,
                        uint64_t n)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRIu64, n);
    node(b, access, name, text);
}

static void add_vm(struct creation *c, struct store_batch *b, const char *uuid)
{
    static const char *const types[] = { [GUEST_PV] = "pv", [GUEST_PVH] = "pvh",
                                         [GUEST_HVM] = "hvm" };
    char path[STORE_PATH_MAX];

    snprintf(path, sizeof(path), "/vm/%s", uuid);
    store_add(b, STORE_GUEST_READS, path, "%s", "");
    snprintf(path, sizeof(path), "/vm/%s/name", uuid);
    store_add(b, STORE_GUEST_READS, path, "%s", c->g->name);
    snprintf(path, sizeof(path), "/vm/%s/uuid", uuid);
    store_add(b, STORE_GUEST_READS, path, "%s", uuid);
    snprintf(path, sizeof(path), "/libxl/%u", c->domid);
    store_add(b, STORE_PRIVATE, path, "%s", "");
    snprintf(path, sizeof(path), "/libxl/%u/type", c->domid);
    store_add(b, STORE_PRIVATE, path, "%s", types[c->g->type]);
    snprintf(path, sizeof(path), "/hospes/%u/started", c->domid);
    store_add(b, STORE_PRIVATE, path, "%" PRId64, (int64_t)time(NULL));
}

static void add_cpus(struct creation *c, struct store_batch *b)
{
    char name[48];

    for (unsigned int i = 0; i < c->g->maxvcpus; i++) {
        snprintf(name, sizeof(name), "cpu/%u/availability", i);
        node(b, STORE_GUEST_READS, name, i < c->g->vcpus ? "online" : "offline");
    }
}

static int write_nodes(struct creation *c)
{
    static const char *const owned[] = {
        "control/shutdown", "control/feature-poweroff", "control/feature-reboot",
        "control/feature-suspend", "control/sysrq", "data", "drivers", "feature", "attr", "error",
        "device/suspend/event-channel",
    };
    static const char *const folders[] = { "cpu", "memory", "device", "control", "store",
                                           "console" };
    struct store_batch b = { .guest = c->domid };
    char uuid[37], vm[64];

    uuid_text(uuid, c->g->uuid);
    snprintf(vm, sizeof(vm), "/vm/%s", uuid);
    node(&b, STORE_GUEST_READS, "", "");
    node(&b, STORE_GUEST_READS, "vm", vm);
    node(&b, STORE_GUEST_READS, "name", c->g->name);
    node_number(&b, STORE_GUEST_READS, "domid", c->domid);
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        node(&b, STORE_GUEST_READS, folders[i], "");
    for (size_t i = 0; i < sizeof(owned) / sizeof(owned[0]); i++)
        node(&b, STORE_GUEST_OWNS, owned[i], "");
    node(&b, STORE_GUEST_READS, "control/platform-feature-multiprocessor-suspend", "1");
    node(&b, STORE_GUEST_READS, "control/platform-feature-xs_reset_watches", "1");
    node_number(&b, STORE_GUEST_READS, "memory/static-max", c->g->maxmem_mib << 10);
    node_number(&b, STORE_GUEST_READS, "memory/target", c->g->memory_mib << 10);
    node_number(&b, STORE_GUEST_READS, "store/port", c->store_port);
    node_number(&b, STORE_GUEST_READS, "store/ring-ref", c->built.store_mfn);
    node(&b, STORE_GUEST_READS, "console/backend-id", "0");
    node(&b, STORE_GUEST_READS, "console/limit", "1048576");
    node(&b, STORE_GUEST_READS, "console/type", "hospes");
    node_number(&b, STORE_GUEST_READS, "console/port", c->console_port);
    node_number(&b, STORE_GUEST_READS, "console/ring-ref", c->built.console_mfn);
    add_cpus(c, &b);
    add_vm(c, &b, uuid);
    return store_commit(c->h, &b);
}

/* Checks before anything is made */

static int name_is_free(struct creation *c)
{
    struct xen_domctl_getdomaininfo info;
    unsigned int n;
    char **ids = store_list(c->h, &n, "/local/domain");
    int rc = c->h->error.code ? -1 : 0;

    for (unsigned int i = 0; i < n && !rc; i++) {
        char *name = store_read(c->h, "/local/domain/%s/name", ids[i]);
        uint32_t id = (uint32_t)strtoul(ids[i], NULL, 10);

        if (name && !strcmp(name, c->g->name) && xen_domain_info(c->h, id, &info))
            rc = error_set(&c->h->error, EEXIST, "config",
                           "Take another name, or 'hospes destroy' that one first.",
                           "a guest with the name '%s' is there already (domain %u)", name, id);
        else if (xen_domain_info(c->h, id, &info) && c->g->uuid_given &&
                 !memcmp(info.handle, c->g->uuid, sizeof(c->g->uuid)))
            rc = error_set(&c->h->error, EEXIST, "config", "Remove uuid= to have a new one made.",
                           "domain %u has the same uuid", id);
        free(name);
    }
    free(ids);
    return rc;
}

static int check(struct creation *c)
{
    struct guest_config *g = c->g;

    if (store_open(c->h))
        return -1;
    if (g->type != GUEST_PV)
        return error_set(&c->h->error, EOPNOTSUPP, "hypervisor", "Use type = \"pv\".",
                         "this hypervisor does not run PVH or HVM guests yet");
    if (!g->kernel)
        return error_set(&c->h->error, EOPNOTSUPP, "config",
                         "Use kernel = \"/usr/lib/grub-xen/grub-x86_64-xen.bin\".",
                         "bootloader = \"%s\" is not run", g->bootloader);
    if (!g->uuid_given && getrandom(g->uuid, sizeof(g->uuid), 0) != sizeof(g->uuid))
        return error_set(&c->h->error, EIO, "builder", NULL, "no random numbers for a uuid");
    if (!g->uuid_given) {
        g->uuid[6] = (uint8_t)((g->uuid[6] & 0x0f) | 0x40);
        g->uuid[8] = (uint8_t)((g->uuid[8] & 0x3f) | 0x80);
    }
    for (unsigned int i = 0; i < g->n_nics; i++)
        if (device_nic_mac(c->h, &g->nics[i]))
            return -1;
    return name_is_free(c);
}

static int load(struct creation *c)
{
    if (kernel_image_open(&c->kernel, c->g->kernel, &c->h->error) ||
        pv_build_check(&c->kernel, &c->h->error))
        return -1;
    return c->g->ramdisk ? file_image_open(&c->ramdisk, c->g->ramdisk, "ramdisk", &c->h->error) : 0;
}

/* Steps */

static int make_domain(struct creation *c)
{
    struct domain_spec spec = {
        .uuid = c->g->uuid, .max_vcpus = c->g->maxvcpus,
        .max_evtchn_port = c->g->max_event_channels,
        .max_grant_frames = (int)c->g->max_grant_frames,
        .max_maptrack_frames = (int)c->g->max_maptrack_frames,
    };

    if (xen_domain_create(c->h, &spec, &c->domid))
        return -1;
    c->made = true;
    return xen_domain_vcpus(c->h, c->domid, c->g->maxvcpus);
}

static int set_limits(struct creation *c)
{
    struct guest_config *g = c->g;

    if (xen_domain_max_memory(c->h, c->domid, (g->maxmem_mib << 10) + SLACK_KIB) ||
        xen_memory_map(c->h, c->domid, g->maxmem_mib << 20))
        return -1;
    if ((g->weight || g->cap) && xen_sched_set(c->h, c->domid, g->weight, g->cap))
        return -1;
    if (g->tsc_mode != TSC_DEFAULT && xen_domain_tsc_mode(c->h, c->domid, g->tsc_mode))
        return -1;
    for (unsigned int i = 0; (g->cpus || g->cpus_soft) && i < g->maxvcpus; i++)
        if (xen_vcpu_affinity_set(c->h, c->domid, i, g->cpus ? g->cpus[i] : NULL,
                                  g->cpus_soft ? g->cpus_soft[i] : NULL, GUEST_MAX_CPUS))
            return error_prefix(&c->h->error, "cpus of vCPU %u: ", i);
    return 0;
}

static int build(struct creation *c)
{
    struct build_input in = {
        .domid = c->domid, .pages = c->g->memory_mib << 8, .vcpus = c->g->maxvcpus,
        .kernel = &c->kernel, .ramdisk = &c->ramdisk, .cmdline = c->g->cmdline,
    };

    if (xen_evtchn_alloc_unbound(c->h, c->domid, 0, &c->store_port) ||
        xen_evtchn_alloc_unbound(c->h, c->domid, 0, &c->console_port))
        return -1;
    in.store_port = c->store_port;
    in.console_port = c->console_port;
    return pv_build(c->h, &in, &c->built);
}

static int introduce(struct creation *c)
{
    if (write_nodes(c))
        return -1;
    if (!xs_introduce_domain(c->h->store, c->domid, c->built.store_mfn, c->store_port))
        return error_set(&c->h->error, errno, "store", NULL,
                         "xenstored does not take the guest: %s", strerror(errno));
    return c->o->ready ? c->o->ready(c->o->arg, c->h, c->domid) : 0;
}

static int add_devices(struct creation *c)
{
    for (unsigned int i = 0; i < c->g->n_disks; i++)
        if (device_add_disk(c->h, c->domid, &c->g->disks[i]))
            return -1;
    for (unsigned int i = 0; i < c->g->n_nics; i++)
        if (device_add_nic(c->h, c->domid, i, &c->g->nics[i]))
            return -1;
    return 0;
}

static int start(struct creation *c)
{
    return c->o->paused ? 0 : xen_domain_unpause(c->h, c->domid);
}

static const struct { const char *name; int (*run)(struct creation *c); } steps[] = {
    { "check", check }, { "kernel", load }, { "domain", make_domain }, { "limits", set_limits },
    { "memory", build }, { "store", introduce }, { "devices", add_devices }, { "start", start },
};

int guest_create(struct hospes *h, struct guest_config *g, const struct guest_create_options *o,
                 uint32_t *domid)
{
    struct creation c = { .h = h, .g = g, .o = o };
    struct error first;
    int rc = 0;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !rc; i++) {
        if (o->step && o->step(o->arg, steps[i].name))
            rc = error_set(&h->error, EINTR, "create", NULL, "stopped before the step '%s'",
                           steps[i].name);
        else
            rc = steps[i].run(&c);
        *domid = c.domid;
    }
    kernel_image_close(&c.kernel);
    file_image_close(&c.ramdisk);
    if (rc && c.made) {
        first = h->error;
        error_clear(&h->error);
        h->stop = NULL;
        guest_destroy(h, c.domid);
        h->error = first;
    }
    return rc;
}

/* The end */

static int remove_nodes(struct hospes *h, uint32_t domid)
{
    char *vm = store_read(h, "/local/domain/%u/vm", domid);
    int rc = 0;

    /* The guest reads this node and cannot write it. */
    if (vm && !strncmp(vm, "/vm/", 4))
        rc = store_remove(h, "%s", vm);
    free(vm);
    rc |= store_remove(h, "/local/domain/%u", domid);
    rc |= store_remove(h, "/local/domain/0/backend/vbd/%u", domid);
    rc |= store_remove(h, "/local/domain/0/backend/vif/%u", domid);
    rc |= store_remove(h, "/hospes/%u", domid);
    return rc | store_remove(h, "/libxl/%u", domid);
}

/* Other processes let go of the domain's memory as soon as they hear of its end. */
static void wait_until_gone(struct hospes *h, uint32_t domid)
{
    struct timespec tick = { .tv_nsec = 5000000 };
    struct xen_domctl_getdomaininfo info;

    for (unsigned int ms = 0; ms < GONE_MS && xen_domain_info(h, domid, &info); ms += 5)
        nanosleep(&tick, NULL);
}

int guest_destroy(struct hospes *h, uint32_t domid)
{
    int rc;

    if (store_open(h))
        return -1;
    xen_domain_pause(h, domid);
    error_clear(&h->error);
    rc = device_remove_all(h, domid);
    rc |= xen_domain_destroy(h, domid);
    xs_release_domain(h->store, domid);
    wait_until_gone(h, domid);
    return (rc | remove_nodes(h, domid)) ? -1 : 0;
}

/* Requests */

int guest_ask(struct hospes *h, uint32_t domid, const char *request)
{
    char path[STORE_PATH_MAX];

    snprintf(path, sizeof(path), "/local/domain/%u/control/shutdown", domid);
    return store_write(h, path, request);
}

char *guest_name(struct hospes *h, uint32_t domid)
{
    char *name = store_read(h, "/local/domain/%u/name", domid);

    return name ? name : strdup(domid ? "(no name)" : "Domain-0");
}

static bool is_uuid_of(const char *who, const struct xen_domctl_getdomaininfo *info)
{
    char uuid[37];

    uuid_text(uuid, info->handle);
    return !strcmp(who, uuid);
}

int guest_find(struct hospes *h, const char *who, bool allow_dom0, uint32_t *domid)
{
    struct xen_domctl_getdomaininfo list[64];
    bool numeric = *who && strspn(who, "0123456789") == strlen(who);
    uint32_t next = 0;
    int n;

    while ((n = xen_domain_list(h, next, 64, list)) > 0) {
        for (int i = 0; i < n; i++) {
            char *name = numeric ? NULL : guest_name(h, list[i].domain);
            bool it = numeric ? strtoul(who, NULL, 10) == list[i].domain
                              : (name && !strcmp(name, who)) || is_uuid_of(who, &list[i]);

            free(name);
            if (it && !list[i].domain && !allow_dom0)
                return error_set(&h->error, EINVAL, "command", NULL,
                                 "domain 0 is the machine's own: this is for guests");
            *domid = list[i].domain;
            if (it)
                return 0;
        }
        next = list[n - 1].domain + 1u;
    }
    return n < 0 ? -1 : error_set(&h->error, ESRCH, "command", "'hospes list' shows them.",
                                  "there is no guest '%s'", who);
}

int guest_rename(struct hospes *h, uint32_t domid, const char *name)
{
    struct guest_config g = { 0 };
    struct creation c = { .h = h, .g = &g };
    char path[STORE_PATH_MAX], *vm;
    int rc;

    if (strlen(name) > GUEST_NAME_MAX || !*name)
        return error_set(&h->error, EINVAL, "command", NULL, "a name has 1 to 63 characters");
    strcpy(g.name, name);
    if (name_is_free(&c))
        return -1;
    snprintf(path, sizeof(path), "/local/domain/%u/name", domid);
    rc = store_write(h, path, name);
    vm = rc ? NULL : store_read(h, "/local/domain/%u/vm", domid);
    if (vm && !strncmp(vm, "/vm/", 4) && strlen(vm) < 64) {
        snprintf(path, sizeof(path), "%s/name", vm);
        rc = store_write(h, path, name);
    }
    free(vm);
    return rc;
}

int guest_memory_target(struct hospes *h, uint32_t domid, uint64_t kib)
{
    int64_t max = store_read_number(h, -1, "/local/domain/%u/memory/static-max", domid);
    char path[STORE_PATH_MAX], text[24];

    if (h->error.code)
        return -1;
    if (domid && max > 0 && kib > (uint64_t)max)
        return error_set(&h->error, EINVAL, "command", "maxmem= of the config file sets it.",
                         "%" PRIu64 " MiB are more than the guest's maximum of %" PRId64,
                         kib >> 10, max >> 10);
    snprintf(path, sizeof(path), "/local/domain/%u/memory/target", domid);
    snprintf(text, sizeof(text), "%" PRIu64, kib);
    return store_write(h, path, text);
}

int guest_vcpus(struct hospes *h, uint32_t domid, unsigned int n)
{
    struct xen_domctl_getdomaininfo info;

    if (!xen_domain_info(h, domid, &info))
        return error_set(&h->error, ESRCH, "command", NULL, "there is no domain %u", domid);
    if (!n || n > info.max_vcpu_id + 1)
        return error_set(&h->error, EINVAL, "command", "maxvcpus= of the config file sets it.",
                         "the guest can have 1 to %u vCPUs", info.max_vcpu_id + 1);
    for (unsigned int i = 0; i <= info.max_vcpu_id; i++) {
        char path[STORE_PATH_MAX];

        snprintf(path, sizeof(path), "/local/domain/%u/cpu/%u/availability", domid, i);
        if (store_write(h, path, i < n ? "online" : "offline"))
            return -1;
    }
    return 0;
}
