/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of disk=, vif= and cpus=: xl-disk-configuration(5), xl-network-configuration(5). */
#include <hospes/guest_config.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define SPEC_MAX 1024
#define SPEC_PARTS 24

/* A copy of a spec, cut at its commas; spaces around the parts are gone. */
struct parts {
    char text[SPEC_MAX];
    char *part[SPEC_PARTS];
    unsigned int n;
};

static char *trim(char *s)
{
    char *end = s + strlen(s);

    while (end > s && isspace((unsigned char)end[-1]))
        *--end = '\0';
    while (isspace((unsigned char)*s))
        s++;
    return s;
}

static int split(struct parts *p, const char *spec, struct error *e)
{
    char *s = p->text, *comma;

    if (strlen(spec) >= sizeof(p->text))
        return error_set(e, EINVAL, "config", NULL, "'%.40s...' is too long", spec);
    strcpy(p->text, spec);
    for (p->n = 0; s; s = comma) {
        comma = strchr(s, ',');
        if (comma)
            *comma++ = '\0';
        if (p->n == SPEC_PARTS)
            return error_set(e, EINVAL, "config", NULL, "'%s' has too many parts", spec);
        p->part[p->n++] = trim(s);
    }
    return 0;
}

static int copy_word(char *to, size_t size, const char *from, const char *what, struct error *e)
{
    if (strlen(from) >= size)
        return error_set(e, EINVAL, "config", NULL, "%s '%.40s...' is too long", what, from);
    strcpy(to, from);
    return 0;
}

/* Numbers of virtual disks (xen-vbd-interface(7)) */

static int64_t disk_and_partition(const char *s, unsigned int *disk)
{
    unsigned int letters = 0, n = 0, partition = 0;

    for (; islower((unsigned char)*s); s++, letters++)
        n = n * 26 + (unsigned int)(*s - 'a' + 1);
    if (!letters || letters > 3)
        return -1;
    *disk = n - 1;
    if (*s == '0')
        return -1;
    for (; isdigit((unsigned char)*s); s++) {
        partition = partition * 10 + (unsigned int)(*s - '0');
        if (partition > 255)
            return -1;
    }
    return *s ? -1 : (int64_t)partition;
}

int64_t guest_vdev_number(const char *vdev)
{
    static const int ide_major[] = { 3, 22, 33, 34 };
    unsigned int disk;
    int64_t part;
    char *end;

    if (isdigit((unsigned char)vdev[0])) {
        long n = strtol(vdev, &end, 0);

        return *end || n < 0 || n > 0x1fffffff ? -1 : n;
    }
    if (!strncmp(vdev, "xvd", 3)) {
        part = disk_and_partition(vdev + 3, &disk);
        if (part < 0 || disk >= 1u << 20)
            return -1;
        return disk < 16 && part < 16 ? (202 << 8) | (disk << 4) | part
                                      : (1 << 28) | (disk << 8) | part;
    }
    if (!strncmp(vdev, "sd", 2)) {
        part = disk_and_partition(vdev + 2, &disk);
        return part < 0 || part > 15 || disk > 15 ? -1 : (8 << 8) | (disk << 4) | part;
    }
    if (!strncmp(vdev, "hd", 2)) {
        part = disk_and_partition(vdev + 2, &disk);
        return part < 0 || part > 63 || disk > 7 ? -1
               : (ide_major[disk / 2] << 8) | ((disk % 2) << 6) | part;
    }
    return -1;
}

/* disk= */

struct disk_words {
    const char *target, *format, *vdev, *access, *script, *backend, *backendtype;
    bool cdrom;
};

static const char *strip(const char *s, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(s, prefix, n) ? NULL : s + n;
}

static bool disk_flag(struct disk_words *w, const char *part)
{
    static const char *const ignored[] = { "discard", "no-discard", "direct-io-safe" };

    if (!strcmp(part, "cdrom") || !strcmp(part, "devtype=cdrom"))
        return w->cdrom = true;
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        if (!strcmp(part, ignored[i]))
            return true;
    return !strcmp(part, "devtype=disk");
}

static const char **disk_key(struct disk_words *w, const char *part, const char **value)
{
    const struct { const char *key; const char **where; } keys[] = {
        { "target=", &w->target }, { "format=", &w->format }, { "vdev=", &w->vdev },
        { "access=", &w->access }, { "script=", &w->script }, { "backend=", &w->backend },
        { "backendtype=", &w->backendtype },
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        *value = strip(part, keys[i].key);
        if (*value)
            return keys[i].where;
    }
    return NULL;
}

static bool is_access(const char *s)
{
    return !strcmp(s, "r") || !strcmp(s, "ro") || !strcmp(s, "w") || !strcmp(s, "rw") ||
           !strcmp(s, "w!") || !strcmp(s, "r!");
}

/* xm writes hda:cdrom. */
static bool is_vdev(const char *word)
{
    char name[32];

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, ":"), word);
    return guest_vdev_number(name) >= 0;
}

/* Words with a key go where it says; the others are target, format, vdev, access in that order, or,
 * as xm has it, target, vdev, access. */
static int disk_sort(struct disk_words *w, struct parts *p, const char *spec, struct error *e)
{
    const char **places[] = { &w->target, &w->format, &w->vdev, &w->access };
    unsigned int at = 0;

    for (unsigned int i = 0; i < p->n; i++) {
        const char *value, **where = disk_key(w, p->part[i], &value);

        if (where) {
            *where = value;

            continue;
        }
        if (disk_flag(w, p->part[i]))
            continue;
        if (at == 1 && is_vdev(p->part[i]))
            at = 2;
        if (at == sizeof(places) / sizeof(places[0]))
            return error_set(e, EINVAL, "config", NULL, "disk '%s': '%s' is one word too many",
                             spec, p->part[i]);
        *places[at++] = p->part[i];
    }
    return 0;
}

static int disk_target(struct guest_disk *d, struct disk_words *w, const char *spec,
                       struct error *e)
{
    static const struct { const char *prefix; int backend; } old[] = {
        { "phy:", DISK_PHY }, { "file:", DISK_FILE }, { "tap:aio:", DISK_FILE },
        { "tap2:aio:", DISK_FILE }, { "aio:", DISK_FILE }, { "raw:", DISK_FILE },
    };
    const char *target = w->target ? w->target : "", *rest;
    int backend = -1;
    struct stat st;
    char *path = NULL;

    for (size_t i = 0; i < sizeof(old) / sizeof(old[0]); i++) {
        rest = strip(target, old[i].prefix);
        if (rest) {
            target = rest;
            backend = old[i].backend;
            break;
        }
    }
    if (!*target && !w->cdrom)
        return error_set(e, EINVAL, "config", NULL, "disk '%s' names no file or device", spec);
    /* phy:vg/disk means /dev/vg/disk. */
    if (asprintf(&path, "%s%s", *target && *target != '/' && backend == DISK_PHY ? "/dev/" : "",
                 target) < 0)
        return error_set(e, ENOMEM, "config", NULL, "out of memory");
    d->target = path;
    if (*path && *path != '/')
        return error_set(e, EINVAL, "config", NULL, "disk '%s': the path is not absolute", spec);
    if (*path && !stat(path, &st))
        backend = S_ISBLK(st.st_mode) ? DISK_PHY : DISK_FILE;
    d->backend = backend == DISK_PHY ? DISK_PHY : DISK_FILE;
    return 0;
}

int guest_disk_parse(struct guest_disk *d, const char *spec, struct error *e)
{
    struct disk_words w = { 0 };
    struct parts p;
    int64_t number;

    if (split(&p, spec, e) || disk_sort(&w, &p, spec, e))
        return -1;
    if (w.format && *w.format && strcmp(w.format, "raw"))
        return error_set(e, EOPNOTSUPP, "config",
                         "Export it with qemu-nbd and name the nbd device, or convert it to raw.",
                         "disk '%s': format '%s' is not served by a back end here", spec, w.format);
    if (w.backend && strcmp(w.backend, "0") && strcmp(w.backend, "Domain-0"))
        return error_set(e, EOPNOTSUPP, "config", NULL,
                         "disk '%s': back ends outside of domain 0 are not supported", spec);
    if (!w.vdev || !*w.vdev)
        return error_set(e, EINVAL, "config", "Add vdev=xvda or the like.",
                         "disk '%s' has no virtual device", spec);
    /* xm writes hda:cdrom. */
    if (strlen(w.vdev) > 6 && !strcmp(w.vdev + strlen(w.vdev) - 6, ":cdrom")) {
        w.cdrom = true;
        ((char *)w.vdev)[strlen(w.vdev) - 6] = '\0';
    }
    if (w.access && *w.access && !is_access(w.access))
        return error_set(e, EINVAL, "config", NULL, "disk '%s': access '%s' is not r or w", spec,
                         w.access);
    number = guest_vdev_number(w.vdev);
    if (number < 0)
        return error_set(e, EINVAL, "config", NULL,
                         "disk '%s': '%s' is no virtual device (xvda, sda1, hdc...)", spec, w.vdev);
    d->devid = (uint32_t)number;
    d->cdrom = w.cdrom;
    d->writable = !w.cdrom && (!w.access || w.access[0] != 'r' || w.access[1] == 'w');
    if (copy_word(d->vdev, sizeof(d->vdev), w.vdev, "virtual device", e) ||
        copy_word(d->script, sizeof(d->script), w.script ? w.script : "", "script", e))
        return -1;
    return disk_target(d, &w, spec, e);
}

/* vif= */

static int parse_mac(uint8_t *mac, const char *s, struct error *e)
{
    unsigned int b[6];
    int used = 0;

    if (sscanf(s, "%2x:%2x:%2x:%2x:%2x:%2x%n", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5],
               &used) != 6 || s[used])
        return error_set(e, EINVAL, "config", NULL, "'%s' is no MAC address", s);
    if (b[0] & 1)
        return error_set(e, EINVAL, "config", "Use one that begins with 00:16:3e.",
                         "'%s' is a multicast address", s);
    for (int i = 0; i < 6; i++)
        mac[i] = (uint8_t)b[i];
    return 0;
}

int guest_nic_parse(struct guest_nic *n, const char *spec, struct error *e)
{
    const struct { const char *key; char *where; size_t size; } words[] = {
        { "bridge", n->bridge, sizeof(n->bridge) }, { "script", n->script, sizeof(n->script) },
        { "vifname", n->vifname, sizeof(n->vifname) }, { "ip", n->ip, sizeof(n->ip) },
        { "rate", n->rate, sizeof(n->rate) }, { "model", n->model, sizeof(n->model) },
    };
    static const char *const ignored[] = { "type", "backend", "devid", "gatewaydev", "accel" };
    struct parts p;

    if (split(&p, spec, e))
        return -1;
    for (unsigned int i = 0; i < p.n; i++) {
        char *value = strchr(p.part[i], '=');
        bool known = false;

        if (!*p.part[i])
            continue;
        if (!value)
            return error_set(e, EINVAL, "config", NULL, "vif '%s': '%s' is not KEY=VALUE", spec,
                             p.part[i]);
        *value++ = '\0';
        if (!strcmp(p.part[i], "mac")) {
            if (parse_mac(n->mac, value, e))
                return -1;
            n->mac_given = known = true;
        }
        for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++)
            if (!strcmp(p.part[i], words[k].key)) {
                if (copy_word(words[k].where, words[k].size, value, words[k].key, e))
                    return -1;
                known = true;
            }
        for (size_t k = 0; k < sizeof(ignored) / sizeof(ignored[0]); k++)
            known |= !strcmp(p.part[i], ignored[k]);
        if (!known)
            return error_set(e, EINVAL, "config",
                             "Known: mac, bridge, script, vifname, ip, rate, model.",
                             "vif '%s': '%s' is unknown", spec, p.part[i]);
    }
    return 0;
}

/* cpus= */

static int parse_range(uint8_t *row, const char *s, const char *spec, struct error *e)
{
    uint8_t value = *s != '^';
    unsigned long first, last;
    char *end;

    s += !value;
    if (!strcmp(s, "all")) {
        memset(row, value, GUEST_MAX_CPUS);
        return 0;
    }
    first = last = strtoul(s, &end, 10);
    if (end == s || !isdigit((unsigned char)*s))
        return error_set(e, EINVAL, "config", "Write them as 0-3,^2,5 or all.",
                         "cpus '%s': '%s' is no CPU", spec, s);
    if (*end == '-') {
        s = end + 1;
        last = strtoul(s, &end, 10);
    }
    if (*end || first > last || last >= GUEST_MAX_CPUS)
        return error_set(e, EINVAL, "config", NULL, "cpus '%s': range from %lu to %lu", spec, first,
                         last);
    memset(row + first, value, last - first + 1);
    return 0;
}

int guest_cpus_parse(uint8_t *row, const char *spec, struct error *e)
{
    struct parts p;

    memset(row, 0, GUEST_MAX_CPUS);
    if (split(&p, spec, e))
        return -1;
    for (unsigned int i = 0; i < p.n; i++)
        if (parse_range(row, p.part[i], spec, e))
            return -1;
    if (!memchr(row, 1, GUEST_MAX_CPUS))
        return error_set(e, EINVAL, "config", NULL, "cpus '%s' leaves no CPU", spec);
    return 0;
}
