/* SPDX-License-Identifier: BSD-2-Clause */
/* `hospes top`: takes samples, and shows them on a terminal, as plain tables, or as JSON. */
#include "command.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <hospes/device.h>
#include <hospes/guest.h>
#include <hospes/store.h>

#include "json.h"
#include "top.h"

#define STEP 64u
#define SECTOR 512u
#define BATCH_WIDTH 80u
#define LINE 512u
#define ENTER_SCREEN "\033[?1049h\033[?25l"
#define LEAVE_SCREEN "\033[?25h\033[?1049l"

struct top {
    struct call *c;
    struct top_sample now, before;
    struct top_look look;
    double interval;
    uint64_t looks;             /* how many are left; 0: no end */
    char filter[32];
    bool typing, all;           /* the filter is being typed; no guests were named */
};

static volatile sig_atomic_t leave;
static struct termios saved;

static void on_signal(int number)
{
    leave = number;
}

/* Samples */

static uint64_t file_number(const char *path)
{
    FILE *f = fopen(path, "re");
    uint64_t n = 0;

    if (f && fscanf(f, "%" SCNu64, &n) != 1)
        n = 0;
    if (f)
        fclose(f);
    return n;
}

static uint64_t net_counter(struct hospes *h, const struct device *dev, const char *which)
{
    char *name = store_read(h, "/libxl/%u/device/vif/%u/vifname", dev->domid, dev->devid);
    char path[160], own[32];

    snprintf(own, sizeof(own), "vif%u.%u", dev->domid, dev->devid);
    snprintf(path, sizeof(path), "/sys/class/net/%.15s/statistics/%s",
             name && !strchr(name, '/') ? name : own, which);
    free(name);
    return file_number(path);
}

static uint64_t disk_counter(const struct device *dev, const char *which)
{
    char path[160];

    snprintf(path, sizeof(path), "/sys/bus/xen-backend/devices/vbd-%u-%u/statistics/%s",
             dev->domid, dev->devid, which);
    return file_number(path) * SECTOR;
}

/* What the guest receives is what its interface in domain 0 sends. */
static void read_devices(struct hospes *h, struct top_domain *d)
{
    for (enum device_kind kind = DEVICE_VBD; kind <= DEVICE_VIF; kind++) {
        struct device *list;
        int n = device_list(h, d->id, kind, &list);

        for (int i = 0; i < n; i++) {
            if (kind == DEVICE_VIF) {
                d->now.net_rx += net_counter(h, &list[i], "tx_bytes");
                d->now.net_tx += net_counter(h, &list[i], "rx_bytes");
            } else {
                d->now.disk_read += disk_counter(&list[i], "rd_sect");
                d->now.disk_written += disk_counter(&list[i], "wr_sect");
            }
        }
        free(list);
    }
    error_clear(&h->error);     /* without the store there are no devices, but the rest */
}

static int read_vcpus(struct hospes *h, struct top_domain *d, unsigned int n)
{
    d->vcpu_ns = calloc(n, sizeof(*d->vcpu_ns));
    d->vcpu = calloc(n, sizeof(*d->vcpu));
    if (!d->vcpu_ns || !d->vcpu)
        return error_set(&h->error, ENOMEM, "top", NULL, "out of memory");
    d->n_vcpus = n;
    for (unsigned int i = 0; i < n; i++) {
        struct xen_domctl_getvcpuinfo v;

        if (!xen_vcpu_info(h, d->id, i, &v))
            d->vcpu_ns[i] = v.cpu_time;
        error_clear(&h->error);
    }
    return 0;
}

static int read_domain(struct top *t, const struct xen_domctl_getdomaininfo *info)
{
    struct top_domain *list = reallocarray(t->now.domains, t->now.n + 1, sizeof(*list)), *d;
    char *name;

    if (!list)
        return error_set(&t->c->h.error, ENOMEM, "top", NULL, "out of memory");
    t->now.domains = list;
    d = &list[t->now.n++];
    *d = (struct top_domain){ .id = info->domain };
    memcpy(d->handle, info->handle, sizeof(d->handle));
    name = guest_name(&t->c->h, info->domain);
    error_clear(&t->c->h.error);
    snprintf(d->name, sizeof(d->name), "%s", name ? name : "");
    free(name);
    snprintf(d->state, sizeof(d->state), "%s", domain_state_word(info));
    d->now.cpu_ns = info->cpu_time;
    d->now.memory_kib = info->tot_pages * 4;
    d->now.max_kib = info->max_pages * 4;
    read_devices(&t->c->h, d);
    return read_vcpus(&t->c->h, d, info->max_vcpu_id + 1);
}

static int read_named(struct top *t)
{
    struct xen_domctl_getdomaininfo info;
    uint32_t domid;

    for (int i = 0; i < t->c->argc; i++)
        if (call_domain(t->c, i, true, &domid) ||
            (xen_domain_info(&t->c->h, domid, &info) && read_domain(t, &info)))
            return -1;
    return 0;
}

static int read_all(struct top *t)
{
    struct xen_domctl_getdomaininfo list[STEP];
    uint32_t next = 0;
    int n;

    while ((n = xen_domain_list(&t->c->h, next, STEP, list)) > 0) {
        for (int i = 0; i < n; i++)
            if (read_domain(t, &list[i]))
                return -1;
        next = list[n - 1].domain + 1u;
    }
    return n;
}

/* The next sample, with rates since the one before. */
static int sample(struct top *t)
{
    struct xen_sysctl_physinfo machine;
    struct timespec clock;

    top_free(&t->before);
    t->before = t->now;
    t->now = (struct top_sample){ 0 };
    if (xen_physinfo(&t->c->h, &machine))
        return -1;
    clock_gettime(CLOCK_MONOTONIC, &clock);
    t->now.when_ns = (uint64_t)clock.tv_sec * 1000000000u + (uint64_t)clock.tv_nsec;
    t->now.n_cpus = machine.nr_cpus;
    t->now.machine_kib = machine.total_pages * 4;
    t->now.free_kib = machine.free_pages * 4;
    if (t->all ? read_all(t) : read_named(t))
        return -1;
    top_update(&t->now, t->before.when_ns ? &t->before : NULL);
    top_sort(&t->now, t->look.sort);
    return 0;
}

/* Output */

static void print_rows(struct top *t, unsigned int rows, const char *end)
{
    char line[LINE];
    unsigned int used = 0;

    for (unsigned int i = 0; i < t->now.n; i++) {
        const struct top_domain *d = &t->now.domains[i];

        if (!top_shown(d, &t->look))
            continue;
        if (used++ < rows)
            printf("%s%s", top_line(line, sizeof(line), d, &t->look), end);
        for (unsigned int k = 0; t->look.vcpus && k < d->n_vcpus; k++)
            if (used++ < rows)
                printf("%s%s", top_vcpu_line(line, sizeof(line), d, k), end);
    }
}

static void print_table(struct top *t)
{
    char line[LINE];

    printf("%s\n", top_summary(line, sizeof(line), &t->now));
    printf("%s\n", top_heading(line, sizeof(line), &t->look));
    print_rows(t, UINT32_MAX, "\n");
    putchar('\n');
    fflush(stdout);
}

static void print_json(struct top *t)
{
    struct json_object *all = json_object_new_object(), *array = json_object_new_array();

    json_number(all, "cpus", t->now.n_cpus);
    json_number(all, "memory_kib", t->now.machine_kib);
    json_number(all, "free_memory_kib", t->now.free_kib);
    for (unsigned int i = 0; i < t->now.n; i++) {
        const struct top_domain *d = &t->now.domains[i];
        struct json_object *o = json_object_new_object(), *vcpus = json_object_new_array();

        json_number(o, "id", d->id);
        json_text(o, "name", d->name);
        json_text(o, "state", d->state);
        json_real(o, "cpu_percent", d->cpu);
        json_number(o, "memory_kib", d->now.memory_kib);
        json_number(o, "max_memory_kib", d->now.max_kib);
        json_real(o, "net_in_bytes_per_second", d->net_rx_rate);
        json_real(o, "net_out_bytes_per_second", d->net_tx_rate);
        json_real(o, "disk_read_bytes_per_second", d->disk_read_rate);
        json_real(o, "disk_written_bytes_per_second", d->disk_written_rate);
        for (unsigned int k = 0; k < d->n_vcpus; k++)
            json_object_array_add(vcpus, json_object_new_double(d->vcpu[k]));
        json_object_object_add(o, "vcpu_percent", vcpus);
        json_object_array_add(array, o);
    }
    json_object_object_add(all, "domains", array);
    json_print(all);
    fflush(stdout);
}

static void draw(struct top *t)
{
    struct winsize w = { .ws_row = 24, .ws_col = 80 };
    char line[LINE];

    ioctl(STDOUT_FILENO, TIOCGWINSZ, &w);
    t->look.width = w.ws_col ? w.ws_col : 80;
    fputs("\033[H", stdout);
    printf("%s\033[K\r\n", top_summary(line, sizeof(line), &t->now));
    printf("\033[7m%s\033[0m\033[K\r\n", top_heading(line, sizeof(line), &t->look));
    print_rows(t, w.ws_row > 4 ? w.ws_row - 4u : 1, "\033[K\r\n");
    fputs("\033[J", stdout);
    if (t->typing || t->filter[0])
        printf("filter: %s%s", t->filter, t->typing ? "_" : "");
    else
        printf("sorted by %s, every %g s; i n c m t d sort, v vCPUs, / filter, q leaves",
               top_columns[t->look.sort], t->interval);
    fflush(stdout);
}

/* The terminal */

static void type_filter(struct top *t, char key)
{
    size_t n = strlen(t->filter);

    if (key == '\r' || key == '\n') {
        t->typing = false;
    } else if (key == '\033') {
        t->typing = false;
        t->filter[0] = '\0';
    } else if ((key == '\b' || key == '\x7f') && n) {
        t->filter[n - 1] = '\0';
    } else if (isprint((unsigned char)key) && n + 1 < sizeof(t->filter)) {
        t->filter[n] = key;
        t->filter[n + 1] = '\0';
    }
}

static void key_pressed(struct top *t, char key)
{
    static const char sorts[TOP_COLUMNS + 1] = "incmtd";
    const char *sort = key ? strchr(sorts, key) : NULL;

    if (t->typing) {
        type_filter(t, key);
    } else if (key == 'q' || key == '\x03') {
        leave = 1;
    } else if (key == 'v') {
        t->look.vcpus = !t->look.vcpus;
    } else if (key == '/') {
        t->typing = true;
        t->filter[0] = '\0';
    } else if (key == '+' || key == '-') {
        t->interval *= key == '+' ? 0.5 : 2;
        t->interval = t->interval < 0.25 ? 0.25 : t->interval > 60 ? 60 : t->interval;
    } else if (sort) {
        t->look.sort = (enum top_column)(sort - sorts);
        top_sort(&t->now, t->look.sort);
    }
}

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Waits until the next look is due; keys are answered at once. */
static void wait_keys(struct top *t)
{
    uint64_t begun = now_ms();
    char keys[16];

    while (!leave) {
        uint64_t gone = now_ms() - begun, all = (uint64_t)(t->interval * 1000);
        struct pollfd fd = { .fd = STDIN_FILENO, .events = POLLIN };
        ssize_t n;

        if (gone >= all || !poll(&fd, 1, (int)(all - gone)))
            return;
        n = fd.revents ? read(STDIN_FILENO, keys, sizeof(keys)) : -1;
        if (!n)
            leave = 1;
        for (ssize_t i = 0; i < n; i++)
            key_pressed(t, keys[i]);
        draw(t);
    }
}

static int on_terminal(struct top *t)
{
    struct termios raw;
    int rc = 0;

    if (tcgetattr(STDIN_FILENO, &saved))
        return error_set(&t->c->h.error, errno, "top", "Use -b.", "no terminal");
    raw = saved;
    cfmakeraw(&raw);
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    fputs(ENTER_SCREEN, stdout);
    for (uint64_t i = 0; !leave && !rc && (!t->looks || i < t->looks); i++) {
        rc = sample(t);
        if (!rc) {
            draw(t);
            wait_keys(t);
        }
    }
    fputs(LEAVE_SCREEN, stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    return rc;
}

static int in_batch(struct top *t)
{
    struct timespec pause = { .tv_sec = (time_t)t->interval };

    pause.tv_nsec = (long)((t->interval - (double)pause.tv_sec) * 1e9);
    if (sample(t))
        return -1;
    for (uint64_t i = 0; !leave && (!t->looks || i < t->looks); i++) {
        nanosleep(&pause, NULL);
        if (leave || sample(t))
            return leave ? 0 : -1;
        (t->c->json ? print_json : print_table)(t);
    }
    return 0;
}

/* Options */

static int read_top_options(struct top *t)
{
    const char *sort = call_value(t->c, 's'), *interval = call_value(t->c, 'd'),
               *looks = call_value(t->c, 'n');
    char *end;
    int column;

    t->look.sort = TOP_CPU;
    if (sort) {
        column = top_column_of(sort);
        if (column < 0)
            return error_set(&t->c->h.error, EINVAL, "command",
                             "Columns are id, name, cpu, memory, net and disk.",
                             "there is no column '%s'", sort);
        t->look.sort = (enum top_column)column;
    }
    t->interval = interval ? strtod(interval, &end) : 2;
    if (interval && (*end || end == interval || !(t->interval >= 0.1 && t->interval <= 3600)))
        return error_set(&t->c->h.error, EINVAL, "command", NULL,
                         "'%s' is no number of seconds from 0.1 to 3600", interval);
    if (looks)
        return call_parse_number(t->c, looks, "-n", 1, UINT32_MAX, &t->looks);
    t->looks = t->c->json ? 1 : 0;
    return 0;
}

int cmd_top(struct call *c)
{
    struct top t = { .c = c, .look.width = BATCH_WIDTH, .all = !c->argc };
    bool batch = c->json || call_has(c, 'b') || !isatty(STDOUT_FILENO) || !isatty(STDIN_FILENO);
    int rc = read_top_options(&t);

    setlocale(LC_CTYPE, "");
    t.look.utf8 = !strcmp(nl_langinfo(CODESET), "UTF-8");
    t.look.vcpus = call_has(c, 'v');
    t.look.filter = t.filter;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    if (!rc)
        rc = batch ? in_batch(&t) : on_terminal(&t);
    top_free(&t.now);
    top_free(&t.before);
    return rc;
}
