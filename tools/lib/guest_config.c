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
    const char *help;           /* for the manual page */
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

/* One row for all vCPUs, or a list with one for each; those behind its end may run anywhere. */
static int read_rows(struct reader *r, const struct key *k, const struct cfg_value *v,
                     uint8_t (**to)[GUEST_MAX_CPUS])
{
    bool each = v->kind == CFG_LIST;
    size_t rows = each ? v->n : 1;

    if (!rows || rows > GUEST_MAX_VCPUS)
        return bad(r, k, "a range, or a list with one for each vCPU");
    free(*to);
    *to = calloc(GUEST_MAX_VCPUS, sizeof(**to));
    if (!*to)
        return bad(r, k, "out of memory");
    for (size_t i = 0; i < GUEST_MAX_VCPUS; i++) {
        const struct cfg_value *item = !each ? v : i < rows ? &v->items[i] : NULL;
        char number[24];

        if (!item) {
            memset((*to)[i], 1, GUEST_MAX_CPUS);
            continue;
        }
        if (item->kind == CFG_LIST)
            return bad(r, k, "lists do not nest");
        snprintf(number, sizeof(number), "%" PRId64, item->number);
        if (guest_cpus_parse((*to)[i], item->kind == CFG_STRING ? item->string : number, r->error))
            return -1;
    }
    return 0;
}

static int read_cpus(struct reader *r, const struct key *k, const struct cfg_value *v)
{
    return read_rows(r, k, v, &r->g->cpus);
}

static int read_cpus_soft(struct reader *r, const struct key *k, const struct cfg_value *v)
{
    return read_rows(r, k, v, &r->g->cpus_soft);
}

static int read_tsc_mode(struct reader *r, const struct key *k, const struct cfg_value *v)
{
    static const char *const words[] = { [TSC_DEFAULT] = "default", [TSC_EMULATE] =
                                         "always_emulate", [TSC_NATIVE] = "native" };
    int64_t n;

    if (v->kind != CFG_NUMBER)
        return read_word(r, k, v, words, 3, "default, always_emulate or native");
    if (read_number(r, k, v, &n))
        return -1;
    r->g->tsc_mode = (enum guest_tsc_mode)n;
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
#define TEXT(key, field, what) \
    { .name = key, .read = read_string, .at = AT(field), .help = what }
#define NUMBER(key, field, low, high, what) \
    { .name = key, .read = read_u32, .at = AT(field), .min = low, .max = high, .help = what }
#define SIZE(key, field, what) \
    { .name = key, .read = read_u64, .at = AT(field), .min = 1, .max = 1 << 22, .help = what }
#define ACTION(key, field, what) \
    { .name = key, .read = read_action, .at = AT(field), .help = what }
#define IGNORED(key, reason) { .name = key, .read = read_ignored, .why = reason }
#define REFUSED(key, reason) { .name = key, .read = read_refused, .why = reason }
#define OF_HVM(key) IGNORED(key, "it is for HVM guests")
#define OF_DM(key) IGNORED(key, "the guest has no device model")
#define NO_SUCH(key) REFUSED(key, "there is no such device back end here")
#define NO_PASS(key) REFUSED(key, "devices are not passed through: there is no IOMMU support")

static const struct key keys[] = {
    { .name = "name", .read = read_name,
      .help = "The guest's name, its own among all guests: letters, digits and _ - . : +." },
    { .name = "uuid", .read = read_uuid,
      .help = "Its UUID. Without the key a random one is made, and another at each start." },
    { .name = "type", .read = read_type, .at = AT(type), .help = "pv (the default), pvh or hvm." },
    { .name = "builder", .read = read_builder, .at = AT(type),
      .help = "The older key for type: linux or generic is pv, hvm is hvm." },
    TEXT("kernel", kernel, "The kernel's file: ELF or bzImage, compressed or not. GRUB's "
         "grub-x86_64-xen.bin boots from the guest's own disk."),
    TEXT("ramdisk", ramdisk, "The initial RAM disk's file."),
    TEXT("bootloader", bootloader, "Named and not run: see kernel."),
    SIZE("memory", memory_mib, "MiB of memory at the start; 128 without the key."),
    SIZE("maxmem", maxmem_mib, "MiB that it may have with mem-set; as memory without the key."),
    NUMBER("vcpus", vcpus, 1, GUEST_MAX_VCPUS, "vCPUs in use at the start; 1 without the key."),
    NUMBER("maxvcpus", maxvcpus, 1, GUEST_MAX_VCPUS, "vCPUs that vcpu-set can bring into use."),
    { .name = "cpus", .read = read_cpus,
      .help = "CPUs the vCPUs may run on: \"0-3,^2\" or \"all\"; a list has one row a vCPU." },
    { .name = "cpu", .read = read_cpus, .help = "The same as cpus, in old files." },
    { .name = "cpus_soft", .read = read_cpus_soft,
      .help = "CPUs that the vCPUs would rather run on, in the same form." },
    NUMBER("cpu_weight", weight, 1, 65535, "Share of CPU time, against others' 256."),
    NUMBER("cap", cap, 0, GUEST_MAX_VCPUS * 100, "Most CPU time, in per cent of one CPU; 0: none."),
    { .name = "tsc_mode", .read = read_tsc_mode, .at = AT(tsc_mode), .max = TSC_NATIVE,
      .help = "default, always_emulate or native: whether RDTSC reads the CPU's counter." },
    ACTION("on_poweroff", on_poweroff, "What to do when it powers off: destroy, restart, "
           "rename-restart, preserve, coredump-destroy or coredump-restart."),
    ACTION("on_reboot", on_reboot, "What to do when it reboots; restart without the key."),
    ACTION("on_crash", on_crash, "What to do when it crashes; destroy without the key."),
    { .name = "disk", .read = read_disks,
      .help = "List of disks: \"phy:/dev/vg/disk,xvda,w\", \"/a.img,raw,xvda,rw\" or "
              "\"vdev=xvda,target=/a.img\"; see xl-disk-configuration(5)." },
    { .name = "vif", .read = read_nics,
      .help = "List of network interfaces: \"mac=00:16:3e:00:00:01,bridge=xenbr0\"; every part "
              "can be left out; see xl-network-configuration(5)." },
    { .name = "nics", .read = read_nic_count, .max = GUEST_MAX_NICS,
      .help = "So many network interfaces, if vif has fewer." },
    NUMBER("max_event_channels", max_event_channels, 1, 131071, "Most event channels; 1,023."),
    NUMBER("max_grant_frames", max_grant_frames, 1, 1024, "Most frames of its grant table; 64."),
    NUMBER("max_maptrack_frames", max_maptrack_frames, 0, 8192,
           "Most frames to keep track of grants that it maps; 1,024."),
    IGNORED("vmid", "only expressions of the file use it"),
    IGNORED("nfs_server", "write nfsroot= into extra"),
    IGNORED("nfs_root", "write nfsroot= into extra"),
    IGNORED("pool", "all CPUs are in one pool"),
    IGNORED("localtime", "a PV guest's clock is UTC"),
    IGNORED("rtc_timeoffset", "a PV guest's clock is UTC"),
    IGNORED("seclabel", "there is no FLASK"), IGNORED("init_seclabel", "there is no FLASK"),
    IGNORED("dhcp", "the guest's own matter"), IGNORED("netmask", "the guest's own matter"),
    IGNORED("gateway", "the guest's own matter"), IGNORED("hostname", "the guest's own matter"),
    IGNORED("ip", "the guest's own matter"),
    IGNORED("on_watchdog", "a watchdog's end is handled as on_crash says"),
    IGNORED("on_soft_reset", "it is handled as on_crash says"),
    IGNORED("max_grant_version", "grant tables have version 1"),
    IGNORED("driver_domain", "back ends run in domain 0"),
    IGNORED("nomigrate", "guests are not migrated"),
    IGNORED("xend_suspend_evtchn_compat", "guests are not suspended"),
    IGNORED("device_tree", "it is for Arm"), IGNORED("gic_version", "it is for Arm"),
    IGNORED("vuart", "it is for Arm"), IGNORED("tee", "it is for Arm"),
    IGNORED("cpuid", "the hypervisor's own CPUID policy holds"),
    IGNORED("e820_host", "devices are not passed through"),
    IGNORED("passthrough", "devices are not passed through"),
    IGNORED("claim_mode", "memory is given before the guest starts"),
    IGNORED("vpmu", "there is no virtual performance counter"),
    IGNORED("vmtrace_buf_kb", "there is no processor tracing"),
    OF_HVM("acpi"), OF_HVM("acpi_s3"), OF_HVM("acpi_s4"), OF_HVM("acpi_laptop_slate"),
    OF_HVM("acpi_firmware"), OF_HVM("altp2m"), OF_HVM("altp2mhvm"), OF_HVM("apic"),
    OF_HVM("bios"), OF_HVM("bios_path_override"), OF_HVM("boot"), OF_HVM("firmware"),
    OF_HVM("firmware_override"), OF_HVM("hap"), OF_HVM("hdtype"), OF_HVM("hpet"),
    OF_HVM("mmio_hole"), OF_HVM("ms_vm_genid"), OF_HVM("msr_relaxed"), OF_HVM("nestedhvm"),
    OF_HVM("nx"), OF_HVM("oos"), OF_HVM("pae"), OF_HVM("pvshim"), OF_HVM("pvshim_path"),
    OF_HVM("pvshim_cmdline"), OF_HVM("pvshim_extra"), OF_HVM("shadow_memory"),
    OF_HVM("smbios_firmware"), OF_HVM("system_firmware"), OF_HVM("viridian"),
    OF_HVM("timer_mode"), OF_HVM("vpt_align"), OF_HVM("xen_platform_pci"),
    OF_DM("device_model"), OF_DM("device_model_version"), OF_DM("device_model_override"),
    OF_DM("device_model_args"), OF_DM("device_model_args_pv"), OF_DM("device_model_args_hvm"),
    OF_DM("device_model_user"), OF_DM("device_model_stubdomain_override"),
    OF_DM("device_model_stubdomain_seclabel"), OF_DM("dm_restrict"), OF_DM("display"),
    OF_DM("gfx_passthru"), OF_DM("keymap"), OF_DM("nographic"), OF_DM("opengl"), OF_DM("sdl"),
    OF_DM("serial"), OF_DM("soundhw"), OF_DM("spice"), OF_DM("spiceport"),
    OF_DM("spicetls_port"), OF_DM("spicehost"), OF_DM("spicedisable_ticketing"),
    OF_DM("spicepasswd"), OF_DM("spiceagent_mouse"), OF_DM("spicevdagent"),
    OF_DM("spice_clipboard_sharing"), OF_DM("spiceusbredirection"),
    OF_DM("spice_image_compression"), OF_DM("spice_streaming_video"), OF_DM("stdvga"),
    OF_DM("stubdomain_kernel"), OF_DM("stubdomain_ramdisk"), OF_DM("stubdomain_memory"),
    OF_DM("stubdomain_cmdline"), OF_DM("usb"), OF_DM("usbdevice"), OF_DM("usbversion"),
    OF_DM("vendor_device"), OF_DM("vga"), OF_DM("videoram"), OF_DM("vkb_device"), OF_DM("vnc"),
    OF_DM("vncconsole"), OF_DM("vncdisplay"), OF_DM("vnclisten"), OF_DM("vncpasswd"),
    OF_DM("vncunused"), OF_DM("vncviewer"), OF_DM("xauthority"),
    NO_PASS("pci"), NO_PASS("pci_permissive"), NO_PASS("pci_msitranslate"), NO_PASS("pci_seize"),
    NO_PASS("pci_power_mgmt"), NO_PASS("rdm"), NO_PASS("rdm_mem_boundary"), NO_PASS("dtdev"),
    NO_PASS("ioports"), NO_PASS("iomem"), NO_PASS("irqs"),
    NO_SUCH("usbdev"), NO_SUCH("usbctrl"), NO_SUCH("vfb"), NO_SUCH("vtpm"), NO_SUCH("p9"),
    NO_SUCH("vkb"), NO_SUCH("vdispl"), NO_SUCH("vsnd"), NO_SUCH("channel"), NO_SUCH("pvcalls"),
    NO_SUCH("virtio"), REFUSED("vnuma", "guests have no virtual NUMA topology"),
};
#define N_KEYS (sizeof(keys) / sizeof(keys[0]))

/* Keys that are put together at the end. */
static const struct guest_key other_keys[] = {
    { "root", "The root device, for the kernel's command line.", NULL },
    { "extra", "More words of the kernel's command line.", NULL },
    { "cmdline", "The whole command line, instead of root and extra.", NULL },
    { "bootloader_args", "Named and not used: see kernel.", NULL },
};
#define N_OTHERS (sizeof(other_keys) / sizeof(other_keys[0]))

bool guest_config_key(size_t i, struct guest_key *key)
{
    if (i >= N_KEYS + N_OTHERS)
        return false;
    if (i < N_KEYS)
        *key = (struct guest_key){ keys[i].name, keys[i].help, keys[i].why };
    else
        *key = other_keys[i - N_KEYS];
    return true;
}

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
    struct guest_key key;

    for (size_t i = 0; guest_config_key(i, &key); i++) {
        unsigned int d = distance(word, key.name);

        if (d < best) {
            best = d;
            name = key.name;
        }
    }
    return name;
}

static bool known(const char *word)
{
    struct guest_key key;

    for (size_t i = 0; guest_config_key(i, &key); i++)
        if (!strcmp(key.name, word))
            return true;
    return false;
}

static int check_keys(struct reader *r)
{
    for (size_t i = 0; i < r->cfg->n; i++) {
        const struct cfg_entry *entry = &r->cfg->entries[i];
        const char *near;
        char remedy[160];

        if (known(entry->key) || entry->uses)
            continue;
        near = nearest(entry->key);
        snprintf(remedy, sizeof(remedy), "Did you mean '%s'?", near ? near : "name");
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
    g->max_event_channels = 1023;
    g->max_grant_frames = 64;
    g->max_maptrack_frames = 1024;
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
    free(g->cpus_soft);
    *g = (struct guest_config){ 0 };
}
