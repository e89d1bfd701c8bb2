/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands about the disks and network interfaces of running guests. */
#include "command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hospes/device.h>
#include <hospes/guest.h>
#include <hospes/guest_config.h>
#include <hospes/store.h>

#include "json.h"

/* Listing. The records are domain 0's own; of what the guest may change only the state is shown. */

static const char *state_word(int64_t state)
{
    static const char *const words[] = { "unknown", "starting", "waiting", "ready", "connected",
                                         "closing", "closed", "changing", "changed" };

    return state >= 0 && (size_t)state < sizeof(words) / sizeof(words[0]) ? words[state]
                                                                          : words[0];
}

static char *record(struct hospes *h, const struct device *dev, const char *name)
{
    return store_read(h, "/libxl/%u/device/%s/%u/%s", dev->domid, device_names[dev->kind],
                      dev->devid, name);
}

static const char *state_of(struct hospes *h, const struct device *dev)
{
    return state_word(store_read_number(h, 0, "/local/domain/0/backend/%s/%u/%u/state",
                                        device_names[dev->kind], dev->domid, dev->devid));
}

static void show_disk(struct call *c, const struct device *dev, struct json_object *array)
{
    char *vdev = record(&c->h, dev, "dev"), *mode = record(&c->h, dev, "mode"),
         *target = record(&c->h, dev, "params");
    const char *name = vdev ? vdev : "?";
    struct json_object *o;

    if (!array) {
        printf("%5u  %-8s %7u  %-9s  %-4s  %s\n", dev->domid, name, dev->devid,
               state_of(&c->h, dev), mode && *mode == 'w' ? "rw" : "ro", target ? target : "?");
    } else {
        o = json_object_new_object();
        json_number(o, "id", dev->domid);
        json_text(o, "vdev", name);
        json_number(o, "devid", dev->devid);
        json_text(o, "state", state_of(&c->h, dev));
        json_flag(o, "writable", mode && *mode == 'w');
        json_text(o, "target", target);
        json_object_array_add(array, o);
    }
    free(vdev);
    free(mode);
    free(target);
}

static void show_nic(struct call *c, const struct device *dev, struct json_object *array)
{
    char *mac = record(&c->h, dev, "mac"), *bridge = record(&c->h, dev, "bridge"),
         *name = record(&c->h, dev, "vifname"), text[32];
    struct json_object *o;

    snprintf(text, sizeof(text), "vif%u.%u", dev->domid, dev->devid);
    if (!array) {
        printf("%5u  %5u  %-9s  %-17s  %-15s  %s\n", dev->domid, dev->devid,
               state_of(&c->h, dev), mac ? mac : "?", name ? name : text, bridge ? bridge : "?");
    } else {
        o = json_object_new_object();
        json_number(o, "id", dev->domid);
        json_number(o, "devid", dev->devid);
        json_text(o, "state", state_of(&c->h, dev));
        json_text(o, "mac", mac);
        json_text(o, "interface", name ? name : text);
        json_text(o, "bridge", bridge);
        json_object_array_add(array, o);
    }
    free(mac);
    free(bridge);
    free(name);
}

static int list_of(struct call *c, uint32_t domid, enum device_kind kind,
                   struct json_object *array)
{
    struct device *list;
    int n = device_list(&c->h, domid, kind, &list);

    for (int i = 0; i < n; i++)
        (kind == DEVICE_VBD ? show_disk : show_nic)(c, &list[i], array);
    free(list);
    return n < 0 ? -1 : 0;
}

static int list_all(struct call *c, enum device_kind kind, struct json_object *array)
{
    struct xen_domctl_getdomaininfo list[64];
    uint32_t next = 1, domid;
    int n;

    for (int i = 0; i < c->argc; i++)
        if (call_domain(c, i, false, &domid) || list_of(c, domid, kind, array))
            return -1;
    if (c->argc)
        return 0;
    while ((n = xen_domain_list(&c->h, next, 64, list)) > 0) {
        for (int i = 0; i < n; i++)
            if (list_of(c, list[i].domain, kind, array))
                return -1;
        next = list[n - 1].domain + 1u;
    }
    return n;
}

static int listing(struct call *c, enum device_kind kind, const char *heading)
{
    struct json_object *array = c->json ? json_object_new_array() : NULL;
    int rc = store_open(&c->h);

    if (!array)
        puts(heading);
    if (!rc)
        rc = list_all(c, kind, array);
    if (array && !rc)
        json_print(array);
    else if (array)
        json_object_put(array);
    return rc;
}

int cmd_block_list(struct call *c)
{
    return listing(c, DEVICE_VBD, "   ID  DISK       DEVID  STATE      MODE  TARGET");
}

int cmd_network_list(struct call *c)
{
    return listing(c, DEVICE_VIF,
                   "   ID  DEVID  STATE      MAC                INTERFACE        BRIDGE");
}

/* Adding */

/* The words behind the guest as one spec: with commas, as in the config file. */
static int join(struct call *c, char *spec, size_t size)
{
    size_t at = 0;

    spec[0] = '\0';
    for (int i = 1; i < c->argc; i++) {
        at += (size_t)snprintf(spec + at, size - at, "%s%s", i > 1 ? "," : "", c->argv[i]);
        if (at >= size)
            return error_set(&c->h.error, E2BIG, "command", NULL, "the words are too long");
    }
    return 0;
}

int cmd_block_attach(struct call *c)
{
    struct guest_disk d = { 0 };
    uint32_t domid;
    char spec[1024];
    int rc;

    if (call_domain(c, 0, false, &domid) || join(c, spec, sizeof(spec)))
        return -1;
    rc = guest_disk_parse(&d, spec, &c->h.error);
    if (!rc)
        rc = device_add_disk(&c->h, domid, &d);
    free(d.target);
    return rc;
}

static int free_devid(struct call *c, uint32_t domid, uint32_t *devid)
{
    struct device *list;
    int n = device_list(&c->h, domid, DEVICE_VIF, &list);

    *devid = 0;
    for (int i = 0; i < n; i++)
        if (list[i].devid >= *devid)
            *devid = list[i].devid + 1;
    free(list);
    return n < 0 ? -1 : 0;
}

int cmd_network_attach(struct call *c)
{
    struct guest_nic nic = { 0 };
    uint32_t domid, devid;
    char spec[1024];

    if (call_domain(c, 0, false, &domid) || join(c, spec, sizeof(spec)) ||
        guest_nic_parse(&nic, spec, &c->h.error) || device_nic_mac(&c->h, &nic) ||
        free_devid(c, domid, &devid) || device_add_nic(&c->h, domid, devid, &nic))
        return -1;
    printf("vif %u\n", devid);
    return 0;
}

/* Removing */

/* A device by its number, or by the record NAME (a disk's "dev", an interface's "mac"). */
static int find(struct call *c, uint32_t domid, enum device_kind kind, const char *name,
                struct device *dev)
{
    const char *word = c->argv[1];
    struct device *list;
    int n = device_list(&c->h, domid, kind, &list);
    bool found = false;

    for (int i = 0; i < n && !found; i++) {
        char *value = record(&c->h, &list[i], name), number[16];

        snprintf(number, sizeof(number), "%u", list[i].devid);
        found = !strcmp(number, word) || (value && !strcasecmp(value, word));
        free(value);
        if (found)
            *dev = list[i];
    }
    free(list);
    if (found || n < 0)
        return found ? 0 : -1;
    return error_set(&c->h.error, ENODEV, "device",
                     kind == DEVICE_VBD ? "'hospes block-list' shows them."
                                        : "'hospes network-list' shows them.",
                     "the guest has no %s '%s'", kind == DEVICE_VBD ? "disk" : "interface", word);
}

static int detach(struct call *c, enum device_kind kind, const char *name)
{
    struct device dev;
    uint32_t domid;

    if (call_domain(c, 0, false, &domid) || find(c, domid, kind, name, &dev))
        return -1;
    return device_remove(&c->h, &dev, call_has(c, 'f'));
}

int cmd_block_detach(struct call *c)
{
    return detach(c, DEVICE_VBD, "dev");
}

int cmd_network_detach(struct call *c)
{
    return detach(c, DEVICE_VIF, "mac");
}
