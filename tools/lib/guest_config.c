/* SPDX-License-Identifier: BSD-2-Clause */
/* From the entries of a config file to what the toolstack uses: one table row per key. */
#include <hospes/guest_config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct guest_config *g;
    const struct cfg *cfg;
    guest_config_warn warn;
    void *warn_arg;
    struct error *error;
};

struct key {
    const char *name;
    int (*read)(struct reader *r, const struct key *k, const struct cfg_value *v);
    size_t at;                  /* offset in struct guest_config */
    size_t size;                /* of an array there */
    int64_t min, max;           /* of numbers */
    const char *why;            /* keys without effect: why */
};

/* Readers */

static int bad(struct reader *r, const struct key *k, const char *what)
{
    return error_set(r->error, EINVAL, "config", NULL, "%s: %s", k->name, what);
}

static int read_number(struct reader *r, const struct key *k, const struct cfg_value *v,
                       int64_t *n)
{
    char *end;

    *n = v->number;
    if (v->kind == CFG_STRING) {
        errno = 0;
        *n = strtoll(v->string, &end, 0);
        if (*end || end == v->string || errno)
            return bad(r, k, "a number is wanted");
    } else if (v->kind == CFG_LIST) {
        return bad(r, k, "a number is wanted, not a list");
    }
    if (*n < k->min || *n > k->max)
        return error_set(r->error, ERANGE, "config", NULL,
                         "%s: %" PRId64 " is outside of %" PRId64 " to %" PRId64, k->name, *n,
                         k->min, k->max);
    return 0;
}

static int read_u32(struct reader *r, const struct key *k, const struct cfg_value *v)
{
    int64_t n;

    if (read_number(r, k, v, &n))
        return -1;
    *(unsigned int *)((char *)r->g + k->at) = (unsigned int)n;
    return 0;
}

static int read_u64(struct reader *r, const struct key *k, const struct cfg_value *v)
{
    int64_t n;

    if (read_number(r, k, v, &n))
        return -1;
    *(uint64_t *)((char *)r->g + k->at) = (uint64_t)n;
    return 0;
}

static int read_string(struct reader *r, const struct key *k, const struct cfg_value *v)
{
    char **to = (char **)((char *)r->g + k->at);

    if (v->kind != CFG_STRING)
        return bad(r, k, "text in quotes is wanted");
    free(*to);
    *to = strdup(v->string);
    return *to ? 0 : bad(r, k, "out of memory");
}

static int read_name(struct reader *r, const struct key *k, const struct cfg_value *v)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.:+";

    if (v->kind != CFG_STRING || !*v->string)
        return bad(r, k, "text in quotes is wanted");
    if (strlen(v->string) > GUEST_NAME_MAX || v->string[strspn(v->string, allowed)])
        return bad(r, k, "at most 63 letters, digits and _ - . : +");
    if (strspn(v->string, "0123456789") == strlen(v->string))
        return bad(r, k, "digits alone would be taken for a domain's number");
    strcpy(r->g->name, v->string);
    return 0;
}

static int read_uuid(struct reader *r, const struct key *k, const struct cfg_value *v)
{
    const char *s = v->kind == CFG_STRING ? v->string : "";
    unsigned int n = 0;

    for (; *s && n < 16; s += 2, n++) {
        unsigned int byte;
        int used = 0;

        s += *s == '-';
        if (strspn(s, "0123456789abcdefABCDEF") < 2 || sscanf(s, "%2x%n", &byte, &used) != 1 ||
            used != 2)
            break;
        r->g->uuid[n] = (uint8_t)byte;
    }
    if (n != 16 || *s)
        return bad(r, k, "not of the form 01234567-89ab-cdef-0123-456789abcdef");
    r->g->uuid_given = true;
    return 0;
}

static int read_word(struct reader *r, const struct key *k, const struct cfg_value *v,
                     const char *const *words, unsigned int n, const char *what)
{
    for (unsigned int i = 0; v->kind == CFG_STRING && i < n; i++)
        if (!strcmp(v->string, words[i])) {
            *(unsigned int *)((char *)r->g + k->at) = i;
            return 0;
        }
    return bad(r, k, what);
}

static int read_action(struct reader *r, const struct key *k, const struct cfg_value *v)
{
    static const char *const words[] = {
        [ACTION_DESTROY] = "destroy", [ACTION_RESTART] = "restart",
        [ACTION_PRESERVE] = "preserve", [ACTION_RENAME_RESTART] = "rename-restart",
        [ACTION_DUMP_DESTROY] = "coredump-destroy", [ACTION_DUMP_RESTART] = "coredump-restart",
    };

    return read_word(r, k, v, words, sizeof(words) / sizeof(words[0]),
                     "destroy, restart, rename-restart, preserve, coredump-destroy or "
                     "coredump-restart");
}

static int read_type(struct reader *r, const struct key *k, const struct cfg_value *v)
{
    static const char *const words[] = { [GUEST_PV] = "pv", [GUEST_PVH] = "pvh",
                                         [GUEST_HVM] = "hvm" };

    return read_word(r, k, v, words, 3, "pv, pvh or hvm");
}

static int read_builder(struct reader *r, const struct key *k, const struct cfg_value *v)
{
    static const char *const words[] = { "generic", "linux", "hvm" };

    if (read_word(r, k, v, words, 3, "generic, linux or hvm; type= is the newer key"))
        return -1;
    r->g->type = (unsigned int)r->g->type == 2 ? GUEST_HVM : GUEST_PV;
    return 0;
}

static int read_cpus(struct reader *r, const struct key *k, const struct cfg_value *v)
{
    unsigned int rows = v->kind == CFG_LIST ? (unsigned int)v->n : 1;
    struct guest_config *g = r->g;

    if (!rows || rows > GUEST_MAX_VCPUS)
        return bad(r, k, "a range, or a list with one for each vCPU");
    free(g->cpus);
    g->cpus = calloc(GUEST_MAX_VCPUS, sizeof(*g->cpus));
    if (!g->cpus)
        return bad(r, k, "out of memory");
    g->cpus_given = true;
    g->pin_each = v->kind == CFG_LIST;
    for (unsigned int i = 0; i < GUEST_MAX_VCPUS; i++) {
        const struct cfg_value *item = !g->pin_each ? v : i < rows ? &v->items[i] : NULL;
        char number[24];

        if (!item || item->kind == CFG_LIST) {
            if (item)
                return bad(r, k, "lists do not nest");
            memset(g->cpus[i], 1, GUEST_MAX_CPUS);
            continue;
        }
        snprintf(number, sizeof(number), "%" PRId64, item->number);
        if (guest_cpus_parse(g->cpus[i], item->kind == CFG_STRING ? item->string : number,
                             r->error))
            return -1;
    }
    return 0;
}

/* disk= and vif=: each item of the list, or the one string. */
static int each_spec(struct reader *r, const struct key *k, const struct cfg_value *v,
                     int (*one)(struct reader *r, const char *spec))
{
    size_t n = v->kind == CFG_LIST ? v->n : 1;

    for (size_t i = 0; i < n; i++) {
        const struct cfg_value *item = v->kind == CFG_LIST ? &v->items[i] : v;

        if (item->kind != CFG_STRING)
            return bad(r, k, "a list of texts in quotes is wanted");
        if (one(r, item->string))
            return -1;
    }
    return 0;
}

static int one_disk(struct reader *r, const char *spec)
{
    struct guest_config *g = r->g;
    struct guest_disk *d = &g->disks[g->n_disks];

    if (g->n_disks == GUEST_MAX_DISKS)
        return error_set(r->error, E2BIG, "config", NULL, "more than %d disks", GUEST_MAX_DISKS);
    g->n_disks++;
    if (guest_disk_parse(d, spec, r->error))
        return -1;
    for (unsigned int i = 0; i + 1 < g->n_disks; i++)
        if (g->disks[i].devid == d->devid)
            return error_set(r->error, EINVAL, "config", NULL, "disk '%s': %s is there twice", spec,
                             d->vdev);
    return 0;
}

static int one_nic(struct reader *r, const char *spec)
{
    struct guest_config *g = r->g;

    if (g->n_nics == GUEST_MAX_NICS)
        return error_set(r->error, E2BIG, "config", NULL, "more than %d vifs", GUEST_MAX_NICS);
    return guest_nic_parse(&g->nics[g->n_nics++], spec, r->error);
}

static int read_disks(struct reader *r, const struct key *k, const struct cfg_value *v)
{
    return each_spec(r, k, v, one_disk);
}

static int read_nics(struct reader *r, const struct key *k, const struct cfg_value *v)
{
    return each_spec(r, k, v, one_nic);
}

/* nics = 1 of old files: that many interfaces, if vif= gives fewer. */
static int read_nic_count(struct reader *r, const struct key *k, const struct cfg_value *v)
{
    int64_t n;

    if (read_number(r, k, v, &n))
        return -1;
    while (r->g->n_nics < (uint64_t)n)
        if (one_nic(r, ""))
            return -1;
    return 0;
}

static int read_ignored(struct reader *r, const struct key *k, const struct cfg_value *v)
{
    char text[256];

    (void)v;
    snprintf(text, sizeof(text), "%s has no effect: %s", k->name, k->why);
    if (r->warn)
        r->warn(r->warn_arg, text);
    return 0;
}

/* What is empty or off asks for nothing. */
static int read_refused(struct reader *r, const struct key *k, const struct cfg_value *v)
{
    bool off = (v->kind == CFG_NUMBER && !v->number) || (v->kind == CFG_LIST && !v->n) ||
               (v->kind == CFG_STRING && !*v->string);

    if (off)
        return 0;
    return error_set(r->error, EOPNOTSUPP, "config", "Remove the key, or set it to 0.", "%s: %s",
                     k->name, k->why);
}

/* The table */

#define AT(field) offsetof(struct guest_config, field)
#define TEXT(key, field) { .name = key, .read = read_string, .at = AT(field) }
#define NUMBER(key, field, low, high) \
    { .name = key, .read = read_u32, .at = AT(field), .min = low, .max = high }
#define SIZE(key, field) \
    { .name = key, .read = read_u64, .at = AT(field), .min = 1, .max = 1 << 22 }
#define ACTION(key, field) { .name = key, .read = read_action, .at = AT(field) }
#define IGNORED(key, reason) { .name = key, .read = read_ignored, .why = reason }
#define REFUSED(key, reason) { .name = key, .read = read_refused, .why = reason }
#define OF_HVM "it belongs to the device model of HVM guests"
#define NO_SUCH "there is no such device back end here"

static const struct key keys[] = {
    { .name = "name", .read = read_name },
    { .name = "uuid", .read = read_uuid },
    { .name = "type", .read = read_type, .at = AT(type) },
    { .name = "builder", .read = read_builder, .at = AT(type) },
    TEXT("kernel", kernel),
    TEXT("ramdisk", ramdisk),
    TEXT("bootloader", bootloader),
    SIZE("memory", memory_mib),
    SIZE("maxmem", maxmem_mib),
    NUMBER("vcpus", vcpus, 1, GUEST_MAX_VCPUS),
    NUMBER("maxvcpus", maxvcpus, 1, GUEST_MAX_VCPUS),
    { .name = "cpus", .read = read_cpus },
    { .name = "cpu", .read = read_cpus },
    NUMBER("cpu_weight", weight, 1, 65535),
    NUMBER("cap", cap, 0, GUEST_MAX_VCPUS * 100),
    ACTION("on_poweroff", on_poweroff),
    ACTION("on_reboot", on_reboot),
    ACTION("on_crash", on_crash),
    { .name = "disk", .read = read_disks },
    { .name = "vif", .read = read_nics },
    { .name = "nics", .read = read_nic_count, .max = GUEST_MAX_NICS },
    IGNORED("pool", "all CPUs are in one pool"),
    IGNORED("localtime", OF_HVM), IGNORED("rtc_timeoffset", OF_HVM),
    IGNORED("vnc", OF_HVM), IGNORED("vnclisten", OF_HVM), IGNORED("vncpasswd", OF_HVM),
    IGNORED("sdl", OF_HVM), IGNORED("serial", OF_HVM), IGNORED("boot", OF_HVM),
    IGNORED("device_model_version", OF_HVM), IGNORED("keymap", OF_HVM), IGNORED("vga", OF_HVM),
    IGNORED("stdvga", OF_HVM), IGNORED("usb", OF_HVM), IGNORED("usbdevice", OF_HVM),
    IGNORED("acpi", OF_HVM), IGNORED("apic", OF_HVM), IGNORED("pae", OF_HVM),
    IGNORED("hap", OF_HVM), IGNORED("xen_platform_pci", OF_HVM), IGNORED("viridian", OF_HVM),
    IGNORED("seclabel", "there is no FLASK"), IGNORED("dhcp", "the guest's own matter"),
    IGNORED("nestedhvm", OF_HVM), IGNORED("soundhw", OF_HVM), IGNORED("bios", OF_HVM),
    IGNORED("on_watchdog", "a watchdog's end is handled as on_crash says"),
    IGNORED("on_soft_reset", "it is handled as on_crash says"),
    IGNORED("max_grant_frames", "the hypervisor's own limit holds"),
    IGNORED("max_maptrack_frames", "the hypervisor's own limit holds"),
    IGNORED("extra_hvm", OF_HVM), IGNORED("driver_domain", "back ends run in domain 0"),
    REFUSED("pci", "devices are not passed through: there is no IOMMU support"),
    REFUSED("usbdev", NO_SUCH), REFUSED("usbctrl", NO_SUCH), REFUSED("vfb", NO_SUCH),
    REFUSED("vtpm", NO_SUCH), REFUSED("p9", NO_SUCH), REFUSED("vkb", NO_SUCH),
    REFUSED("vdispl", NO_SUCH), REFUSED("vsnd", NO_SUCH), REFUSED("channel", NO_SUCH),
    REFUSED("ioports", "devices are not passed through"),
    REFUSED("iomem", "devices are not passed through"),
    REFUSED("irqs", "devices are not passed through"),
};
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

/* Keys that several readers share, or that are put together at the end. */
static const char *const other_keys[] = { "root", "extra", "cmdline", "bootloader_args",
                                          "cpus_soft", "init_seed" };

/* Unknown keys */

static unsigned int distance(const char *a, const char *b)
{
    unsigned int row[65], n = (unsigned int)strlen(b);

    if (strlen(a) > 63 || n > 63)
        return 64;
    for (unsigned int j = 0; j <= n; j++)
        row[j] = j;
    for (unsigned int i = 1; a[i - 1]; i++) {
        unsigned int corner = row[0];

        row[0] = i;
        for (unsigned int j = 1; j <= n; j++) {
            unsigned int best = corner + (a[i - 1] != b[j - 1]);

            corner = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n];
}

static const char *nearest(const char *word)
{
    unsigned int best = 64;
    const char *name = NULL;

    for (size_t i = 0; i < N_KEYS + sizeof(other_keys) / sizeof(other_keys[0]); i++) {
        const char *key = i < N_KEYS ? keys[i].name : other_keys[i - N_KEYS];
        unsigned int d = distance(word, key);

        if (d < best) {
            best = d;
            name = key;
        }
    }
    return name;
}

static bool known(const char *word)
{
    for (size_t i = 0; i < N_KEYS; i++)
        if (!strcmp(keys[i].name, word))
            return true;
    for (size_t i = 0; i < sizeof(other_keys) / sizeof(other_keys[0]); i++)
        if (!strcmp(other_keys[i], word))
            return true;
    return false;
}

static int check_keys(struct reader *r)
{
    for (size_t i = 0; i < r->cfg->n; i++) {
        const struct cfg_entry *entry = &r->cfg->entries[i];
        char remedy[160];

        if (known(entry->key) || entry->uses)
            continue;
        snprintf(remedy, sizeof(remedy), "Did you mean '%s'?", nearest(entry->key));
        if (entry->line)
            return error_set(r->error, EINVAL, "config", remedy, "line %u: '%s' is no known key",
                             entry->line, entry->key);
        return error_set(r->error, EINVAL, "config", remedy, "'%s' is no known key", entry->key);
    }
    return 0;
}

/* The whole */

static const char *text_of(struct reader *r, const char *key)
{
    const struct cfg_entry *entry = cfg_find(r->cfg, key);

    if (!entry)
        return NULL;
    if (entry->value.kind == CFG_STRING)
        return entry->value.string;
    error_set(r->error, EINVAL, "config", NULL, "%s: text in quotes is wanted", key);
    return NULL;
}

static int put_cmdline(struct reader *r)
{
    const char *cmdline = text_of(r, "cmdline"), *root = text_of(r, "root"),
               *extra = text_of(r, "extra"), *args = text_of(r, "bootloader_args");
    int n;

    if (r->error->code)
        return -1;
    if (cmdline && (root || extra) && r->warn)
        r->warn(r->warn_arg, "root and extra have no effect: cmdline is given");
    if (cmdline)
        n = asprintf(&r->g->cmdline, "%s", cmdline);
    else
        n = asprintf(&r->g->cmdline, "%s%s%s%s", root ? "root=" : "", root ? root : "",
                     root && extra ? " " : "", extra ? extra : "");
    if (n >= 0 && args)
        n = asprintf(&r->g->bootloader_args, "%s", args);
    return n < 0 ? error_set(r->error, ENOMEM, "config", NULL, "out of memory") : 0;
}

static int check_whole(struct reader *r)
{
    struct guest_config *g = r->g;

    if (!g->name[0])
        return error_set(r->error, EINVAL, "config", "Add name = \"...\".",
                         "the guest has no name");
    if (!g->maxmem_mib)
        g->maxmem_mib = g->memory_mib;
    if (g->maxmem_mib < g->memory_mib)
        return error_set(r->error, EINVAL, "config", NULL, "maxmem is less than memory");
    if (!g->maxvcpus)
        g->maxvcpus = g->vcpus;
    if (g->maxvcpus < g->vcpus)
        return error_set(r->error, EINVAL, "config", NULL, "maxvcpus is less than vcpus");
    if (g->type != GUEST_HVM && !g->kernel && !g->bootloader)
        return error_set(r->error, EINVAL, "config",
                         "Add kernel = \"/path\"; GRUB's grub-x86_64-xen.bin boots from the "
                         "guest's own disk.", "the guest has no kernel");
    return 0;
}

int guest_config_from(struct guest_config *g, const struct cfg *cfg, guest_config_warn warn,
                      void *arg, struct error *e)
{
    struct reader r = { .g = g, .cfg = cfg, .warn = warn, .warn_arg = arg, .error = e };

    g->memory_mib = 128;
    g->vcpus = 1;
    g->on_reboot = ACTION_RESTART;
    if (check_keys(&r))
        return -1;
    for (size_t i = 0; i < N_KEYS; i++) {
        const struct cfg_entry *entry = cfg_find(cfg, keys[i].name);

        if (entry && keys[i].read(&r, &keys[i], &entry->value)) {
            if (entry->line)
                error_prefix(e, "line %u: ", entry->line);
            return -1;
        }
    }
    return put_cmdline(&r) || check_whole(&r) ? -1 : 0;
}

void guest_config_free(struct guest_config *g)
{
    for (unsigned int i = 0; i < g->n_disks; i++)
        free(g->disks[i].target);
    free(g->kernel);
    free(g->ramdisk);
    free(g->cmdline);
    free(g->bootloader);
    free(g->bootloader_args);
    free(g->cpus);
    *g = (struct guest_config){ 0 };
}
