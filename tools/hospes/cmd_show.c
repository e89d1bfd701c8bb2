/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands that show domains, vCPUs and the machine, as tables for people or as JSON. */
#include "command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <xen/version.h>

#include <hospes/guest.h>
#include <hospes/guest_config.h>
#include <hospes/store.h>

#include "json.h"

#define LIST_STEP 64u

/* Calls one for each domain that the arguments name, or for all. */
static int each_domain(struct call *c, void *arg,
                       int (*one)(struct call *c, const struct xen_domctl_getdomaininfo *info,
                                  void *arg))
{
    struct xen_domctl_getdomaininfo list[LIST_STEP];
    uint32_t next = 0, domid;
    int n, rc = 0;

    for (int i = 0; i < c->argc && !rc; i++) {
        if (call_domain(c, i, true, &domid))
            return -1;
        rc = xen_domain_info(&c->h, domid, list) ? one(c, list, arg) : 0;
    }
    if (c->argc || rc)
        return rc;
    while ((n = xen_domain_list(&c->h, next, LIST_STEP, list)) > 0) {
        for (int i = 0; i < n && !rc; i++)
            rc = one(c, &list[i], arg);
        if (rc)
            return rc;
        next = list[n - 1].domain + 1u;
    }
    return n;
}

static const char *shutdown_word(uint32_t flags)
{
    static const char *const words[] = { "poweroff", "reboot", "suspended", "crashed", "watchdog",
                                         "soft-reset" };
    uint32_t reason = (flags >> XEN_DOMINF_shutdownshift) & XEN_DOMINF_shutdownmask;

    return reason < sizeof(words) / sizeof(words[0]) ? words[reason] : "shut down";
}

const char *domain_state_word(const struct xen_domctl_getdomaininfo *info)
{
    return info->flags & XEN_DOMINF_dying      ? "dying"
           : info->flags & XEN_DOMINF_shutdown ? shutdown_word(info->flags)
           : info->flags & XEN_DOMINF_paused   ? "paused"
           : info->flags & XEN_DOMINF_running  ? "running"
           : info->flags & XEN_DOMINF_blocked  ? "blocked"
                                               : "runnable";
}

static const char *type_word(const struct xen_domctl_getdomaininfo *info)
{
    return info->flags & XEN_DOMINF_hvm_guest ? "hvm" : "pv";
}

static int list_one(struct call *c, const struct xen_domctl_getdomaininfo *info, void *arg)
{
    char *name = guest_name(&c->h, info->domain);
    struct json_object *array = arg, *o;

    error_clear(&c->h.error);       /* without the store there are no names, but the rest */
    if (!array) {
        printf("%5u  %-24s %-4s %6" PRIu64 "  %5u  %-9s %10.1f\n", info->domain, name,
               type_word(info), (uint64_t)info->tot_pages >> 8, info->nr_online_vcpus,
               domain_state_word(info), (double)info->cpu_time / 1e9);
    } else {
        o = json_object_new_object();
        json_number(o, "id", info->domain);
        json_text(o, "name", name);
        json_text(o, "type", type_word(info));
        json_text(o, "state", domain_state_word(info));
        json_number(o, "memory_kib", info->tot_pages * 4);
        json_number(o, "max_memory_kib", info->max_pages * 4);
        json_number(o, "vcpus", info->nr_online_vcpus);
        json_number(o, "max_vcpus", info->max_vcpu_id + 1);
        json_real(o, "cpu_seconds", (double)info->cpu_time / 1e9);
        json_object_array_add(array, o);
    }
    free(name);
    return 0;
}

/* Runs a listing, as a table with a heading or as an array. */
static int listing(struct call *c, const char *heading,
                   int (*one)(struct call *c, const struct xen_domctl_getdomaininfo *info,
                              void *arg))
{
    struct json_object *array = c->json ? json_object_new_array() : NULL;
    int rc;

    if (!array)
        puts(heading);
    rc = each_domain(c, array, one);
    if (array && !rc)
        json_print(array);
    else if (array)
        json_object_put(array);
    return rc;
}

int cmd_list(struct call *c)
{
    return listing(c, "   ID  NAME                     TYPE    MIB  VCPUS  STATE        SECONDS",
                   list_one);
}

/* vCPUs */

static void cpus_text(char *out, size_t size, const uint8_t *cpus, unsigned int n)
{
    unsigned int set = 0;
    size_t at = 0;

    out[0] = '\0';
    for (unsigned int i = 0; i < n; i++)
        set += cpus[i];
    if (set == n) {
        snprintf(out, size, "all");
        return;
    }
    for (unsigned int i = 0; i < n; i++) {
        unsigned int last = i;

        if (!cpus[i])
            continue;
        while (last + 1 < n && cpus[last + 1])
            last++;
        at += (size_t)snprintf(out + at, size - at, last > i ? "%s%u-%u" : "%s%u", at ? "," : "",
                               i, last);
        if (at >= size)
            return;
        i = last;
    }
}

static int vcpu_one(struct call *c, const struct xen_domctl_getdomaininfo *info,
                    unsigned int vcpu, unsigned int n_cpus, struct json_object *array)
{
    uint8_t hard[GUEST_MAX_CPUS] = { 0 }, soft[GUEST_MAX_CPUS] = { 0 };
    char hard_text[128], soft_text[128], *name;
    struct xen_domctl_getvcpuinfo v;
    struct json_object *o;

    if (xen_vcpu_info(&c->h, info->domain, vcpu, &v)) {
        /* Not made yet. */
        if (c->h.error.code != ESRCH && c->h.error.code != EINVAL)
            return -1;
        error_clear(&c->h.error);
        return 0;
    }
    if (xen_vcpu_affinity_get(&c->h, info->domain, vcpu, hard, soft, n_cpus))
        return -1;
    cpus_text(hard_text, sizeof(hard_text), hard, n_cpus);
    cpus_text(soft_text, sizeof(soft_text), soft, n_cpus);
    name = guest_name(&c->h, info->domain);
    error_clear(&c->h.error);
    if (!array) {
        printf("%5u  %-24s %4u  %3d  %-8s %10.1f  %s / %s\n", info->domain, name, vcpu,
               v.online ? (int)v.cpu : -1,
               !v.online ? "offline" : v.running ? "running" : v.blocked ? "blocked" : "runnable",
               (double)v.cpu_time / 1e9, hard_text, soft_text);
    } else {
        o = json_object_new_object();
        json_number(o, "id", info->domain);
        json_text(o, "name", name);
        json_number(o, "vcpu", vcpu);
        json_flag(o, "online", v.online);
        json_number(o, "cpu", v.cpu);
        json_real(o, "cpu_seconds", (double)v.cpu_time / 1e9);
        json_text(o, "hard_affinity", hard_text);
        json_text(o, "soft_affinity", soft_text);
        json_object_array_add(array, o);
    }
    free(name);
    return 0;
}

static int vcpus_of(struct call *c, const struct xen_domctl_getdomaininfo *info, void *arg)
{
    struct xen_sysctl_physinfo machine;

    if (xen_physinfo(&c->h, &machine))
        return -1;
    if (machine.nr_cpus > GUEST_MAX_CPUS)
        machine.nr_cpus = GUEST_MAX_CPUS;
    for (unsigned int i = 0; i <= info->max_vcpu_id; i++)
        if (vcpu_one(c, info, i, machine.nr_cpus, arg))
            return -1;
    return 0;
}

int cmd_vcpu_list(struct call *c)
{
    return listing(c, "   ID  NAME                     VCPU  CPU  STATE       SECONDS  "
                      "AFFINITY (HARD / SOFT)", vcpus_of);
}

static int pin_one(struct call *c, uint32_t domid, unsigned int vcpu, unsigned int n)
{
    uint8_t hard[GUEST_MAX_CPUS], soft[GUEST_MAX_CPUS];
    bool set_hard = strcmp(c->argv[2], "-"), set_soft = c->argc > 3 && strcmp(c->argv[3], "-");

    if (set_hard && guest_cpus_parse(hard, c->argv[2], &c->h.error))
        return -1;
    if (set_soft && guest_cpus_parse(soft, c->argv[3], &c->h.error))
        return -1;
    return xen_vcpu_affinity_set(&c->h, domid, vcpu, set_hard ? hard : NULL,
                                 set_soft ? soft : NULL, n);
}

int cmd_vcpu_pin(struct call *c)
{
    struct xen_domctl_getdomaininfo info;
    struct xen_sysctl_physinfo machine;
    uint64_t first = 0, last;
    uint32_t domid;

    if (call_domain(c, 0, true, &domid) || xen_physinfo(&c->h, &machine))
        return -1;
    if (!xen_domain_info(&c->h, domid, &info))
        return error_set(&c->h.error, ESRCH, "command", NULL, "the guest is gone");
    last = info.max_vcpu_id;
    if (strcmp(c->argv[1], "all")) {
        if (call_number(c, 1, "vCPU", 0, info.max_vcpu_id, &first))
            return -1;
        last = first;
    }
    for (; first <= last; first++)
        if (pin_one(c, domid, (unsigned int)first,
                    machine.nr_cpus < GUEST_MAX_CPUS ? machine.nr_cpus : GUEST_MAX_CPUS))
            return -1;
    return 0;
}

/* Shares */

static int sched_one(struct call *c, const struct xen_domctl_getdomaininfo *info, void *arg)
{
    struct json_object *array = arg, *o;
    unsigned int weight, cap;
    char *name;

    if (xen_sched_get(&c->h, info->domain, &weight, &cap))
        return -1;
    name = guest_name(&c->h, info->domain);
    error_clear(&c->h.error);
    if (!array) {
        printf("%5u  %-24s %6u  %4u\n", info->domain, name, weight, cap);
    } else {
        o = json_object_new_object();
        json_number(o, "id", info->domain);
        json_text(o, "name", name);
        json_number(o, "weight", weight);
        json_number(o, "cap", cap);
        json_object_array_add(array, o);
    }
    free(name);
    return 0;
}

int cmd_sched(struct call *c)
{
    uint64_t weight = 0, cap = UINT16_MAX;
    uint32_t domid;

    if (c->argc < 2)
        return listing(c, "   ID  NAME                     WEIGHT   CAP", sched_one);
    if (call_domain(c, 0, true, &domid))
        return -1;
    if (strcmp(c->argv[1], "-") && call_number(c, 1, "weight", 1, 65535, &weight))
        return -1;
    if (c->argc > 2 && call_number(c, 2, "cap", 0, GUEST_MAX_VCPUS * 100, &cap))
        return -1;
    return xen_sched_set(&c->h, domid, (unsigned int)weight, (unsigned int)cap);
}

/* The machine */

static int read_version(struct call *c, char *extra, size_t size, unsigned int *version)
{
    xen_extraversion_t *buffer = xen_buffer(&c->h, sizeof(*buffer));
    long rc;

    if (!buffer)
        return -1;
    rc = xen_hypercall(&c->h, __HYPERVISOR_xen_version, XENVER_extraversion,
                       (unsigned long)buffer, 0, 0, "reading the version");
    snprintf(extra, size, "%.15s", *buffer);
    xen_buffer_free(&c->h, buffer);
    if (rc >= 0)
        rc = xen_hypercall(&c->h, __HYPERVISOR_xen_version, XENVER_version, 0, 0, 0,
                           "reading the version");
    *version = (unsigned int)rc;
    return rc < 0 ? -1 : 0;
}

int cmd_info(struct call *c)
{
    struct xen_sysctl_physinfo p;
    struct json_object *o;
    unsigned int version;
    char extra[16], text[32];

    if (xen_physinfo(&c->h, &p) || read_version(c, extra, sizeof(extra), &version))
        return -1;
    snprintf(text, sizeof(text), "%u.%u%s", version >> 16, version & 0xffff, extra);
    if (!c->json) {
        printf("hypervisor       %s\nCPUs             %u (%u threads a core, %u cores a socket, "
               "%u nodes)\nfrequency        %u MHz\nmemory           %" PRIu64 " MiB\n"
               "free memory      %" PRIu64 " MiB\n",
               text, p.nr_cpus, p.threads_per_core, p.cores_per_socket, p.nr_nodes,
               p.cpu_khz / 1000, p.total_pages >> 8, p.free_pages >> 8);
        printf("unscrubbed       %" PRIu64 " MiB\nguest kinds      %s%s\n",
               p.scrub_pages >> 8, p.capabilities & XEN_SYSCTL_PHYSCAP_pv ? "pv" : "",
               p.capabilities & XEN_SYSCTL_PHYSCAP_hvm ? " pvh hvm" : "");
        return 0;
    }
    o = json_object_new_object();
    json_text(o, "version", text);
    json_number(o, "cpus", p.nr_cpus);
    json_number(o, "nodes", p.nr_nodes);
    json_number(o, "cpu_khz", p.cpu_khz);
    json_number(o, "memory_kib", p.total_pages * 4);
    json_number(o, "free_memory_kib", p.free_pages * 4);
    json_flag(o, "pv", p.capabilities & XEN_SYSCTL_PHYSCAP_pv);
    json_flag(o, "hvm", p.capabilities & XEN_SYSCTL_PHYSCAP_hvm);
    json_print(o);
    return 0;
}

int cmd_dmesg(struct call *c)
{
    char text[16384];
    uint32_t index = 0, n;

    do {
        if (xen_console_read(&c->h, text, sizeof(text), &index, &n, false))
            return -1;
        fwrite(text, 1, n, stdout);
    } while (n == sizeof(text));
    return call_has(c, 'c') ? xen_console_read(&c->h, text, sizeof(text), &index, &n, true) : 0;
}

static int uptime_one(struct call *c, const struct xen_domctl_getdomaininfo *info, void *arg)
{
    int64_t start = store_read_number(&c->h, 0, "/hospes/%u/started", info->domain);
    struct json_object *array = arg, *o;
    char *name = guest_name(&c->h, info->domain);
    int64_t seconds = start ? (int64_t)time(NULL) - start : -1;
    struct timespec boot;

    error_clear(&c->h.error);
    if (!info->domain && !clock_gettime(CLOCK_BOOTTIME, &boot))
        seconds = boot.tv_sec;
    if (array) {
        o = json_object_new_object();
        json_number(o, "id", info->domain);
        json_text(o, "name", name);
        json_object_object_add(o, "seconds",
                               seconds < 0 ? NULL : json_object_new_int64(seconds));
        json_object_array_add(array, o);
    } else if (seconds < 0) {
        printf("%5u  %-24s unknown: not started by this tool\n", info->domain, name);
    } else {
        printf("%5u  %-24s %4" PRId64 " days %02d:%02d:%02d\n", info->domain, name,
               seconds / 86400, (int)(seconds / 3600 % 24), (int)(seconds / 60 % 60),
               (int)(seconds % 60));
    }
    free(name);
    return 0;
}

int cmd_uptime(struct call *c)
{
    return listing(c, "   ID  NAME                     UP", uptime_one);
}
