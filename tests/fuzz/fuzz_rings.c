/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A hostile guest at its console's ring, and hostile values in the store, as the tools read them.
 * The input is a list of steps: for the ring, indices and bytes that the guest writes; for the
 * store, the values that nodes have.
 */
/* sources: tools/lib/console.c tools/lib/device.c tools/lib/store.c tools/lib/guest.c */
/* sources: tools/lib/error.c */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hospes/builder.h>
#include <hospes/console.h>
#include <hospes/device.h>
#include <hospes/guest.h>
#include <hospes/store.h>

#include <xen/io/console.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *input;
static size_t left;

static size_t take(void *out, size_t n)
{
    n = n < left ? n : left;
    memcpy(out, input, n);
    input += n;
    left -= n;
    return n;
}

static uint8_t byte(void)
{
    uint8_t b = 0;

    take(&b, 1);
    return b;
}

/* The console's ring */

static struct xencons_interface ring;

xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *x) { return 1; }
int xenevtchn_unmask(xenevtchn_handle *x, evtchn_port_t port) { return 0; }
int xenevtchn_notify(xenevtchn_handle *x, evtchn_port_t port) { return 0; }
int xenevtchn_unbind(xenevtchn_handle *x, evtchn_port_t port) { return 0; }
int xenevtchn_close(xenevtchn_handle *x) { return 0; }
int xenevtchn_fd(xenevtchn_handle *x) { return -1; }
xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *l, unsigned int f) { return NULL; }
xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *x, uint32_t domid,
                                                     evtchn_port_t port) { return 1; }

static void guest_moves(void)
{
    XENCONS_RING_IDX *indices[] = { &ring.in_cons, &ring.in_prod, &ring.out_cons, &ring.out_prod };
    uint8_t what = byte();

    if (what & 0x80)
        take(ring.out + byte(), what & 0x7f);
    else
        take(indices[what % 4], sizeof(ring.in_cons));
}

static void console_steps(void)
{
    struct pollfd fds[CONSOLE_FDS] = { { .revents = POLLIN } };
    static struct hospes h;
    static struct console c;

    memset(&c, 0, sizeof(c));
    memset(&ring, 0, sizeof(ring));
    c = (struct console){ .h = &h, .ring = &ring, .listener = -1 };
    for (unsigned int i = 0; i < CONSOLE_VIEWERS; i++)
        c.viewers[i].fd = -1;
    for (unsigned int i = 0; i < 64 && left; i++) {
        guest_moves();
        c.input_len = byte() % (sizeof(c.input) + 1);
        console_run(&c, fds, CONSOLE_FDS);
        if (c.input_len > sizeof(c.input))
            abort();
    }
}

/* The store: every node has the next value of the input. */

int store_open(struct hospes *h)
{
    h->store = (void *)&ring;
    return 0;
}

void xs_close(struct xs_handle *h) { }
int xs_fileno(struct xs_handle *h) { return -1; }
bool xs_watch(struct xs_handle *h, const char *path, const char *token) { return true; }
bool xs_unwatch(struct xs_handle *h, const char *path, const char *token) { return true; }
char **xs_check_watch(struct xs_handle *h) { return NULL; }
xs_transaction_t xs_transaction_start(struct xs_handle *h) { return 1; }
bool xs_transaction_end(struct xs_handle *h, xs_transaction_t t, bool abort_it) { return true; }
bool xs_introduce_domain(struct xs_handle *h, unsigned int domid, unsigned long mfn,
                         unsigned int port) { return true; }
bool xs_release_domain(struct xs_handle *h, unsigned int domid) { return true; }
bool xs_set_permissions(struct xs_handle *h, xs_transaction_t t, const char *path,
                        struct xs_permissions *perms, unsigned int n) { return true; }

bool xs_write(struct xs_handle *h, xs_transaction_t t, const char *path, const void *data,
              unsigned int len)
{
    /* No tool writes where a value of the store leads it. */
    if (strstr(path, "..") || strlen(path) >= STORE_PATH_MAX + 64)
        abort();
    return byte() != 0xff;
}

bool xs_rm(struct xs_handle *h, xs_transaction_t t, const char *path) { return true; }

void *xs_read(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *len)
{
    uint8_t n = byte();
    char *value = n == 0xff ? NULL : calloc(1, (size_t)n + 1);

    if (value)
        take(value, n);
    if (len)
        *len = n;
    return value;
}

char **xs_directory(struct xs_handle *h, xs_transaction_t t, const char *path, unsigned int *n)
{
    char **list;

    *n = byte() % 5;
    list = calloc(1, *n * (sizeof(*list) + 8) + 1);
    for (unsigned int i = 0; list && i < *n; i++) {
        list[i] = (char *)(list + *n) + i * 8;
        take(list[i], 7);
    }
    return list;
}

/* The hypervisor and files, of which nothing is wanted here. */

int xen_domain_list(struct hospes *h, uint32_t first, unsigned int max,
                    struct xen_domctl_getdomaininfo *list)
{
    if (first > 3)
        return 0;
    memset(list, 0, sizeof(*list));
    list->domain = (domid_t)(first ? first : 1);
    list->max_vcpu_id = 1;
    return 1;
}

bool xen_domain_info(struct hospes *h, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
    memset(info, 0, sizeof(*info));
    return domid < 4;
}

int xen_domain_create(struct hospes *h, const struct domain_spec *s, uint32_t *domid) { return -1; }
int xen_domain_vcpus(struct hospes *h, uint32_t domid, unsigned int n) { return 0; }
int xen_domain_destroy(struct hospes *h, uint32_t domid) { return 0; }
int xen_domain_pause(struct hospes *h, uint32_t domid) { return 0; }
int xen_domain_unpause(struct hospes *h, uint32_t domid) { return 0; }
int xen_domain_max_memory(struct hospes *h, uint32_t domid, uint64_t kib) { return 0; }
int xen_domain_tsc_mode(struct hospes *h, uint32_t domid, unsigned int mode) { return 0; }
int xen_memory_map(struct hospes *h, uint32_t domid, uint64_t bytes) { return 0; }
int xen_sched_set(struct hospes *h, uint32_t domid, unsigned int w, unsigned int c) { return 0; }
int xen_vcpu_affinity_set(struct hospes *h, uint32_t domid, unsigned int vcpu, uint8_t *hard,
                          uint8_t *soft, unsigned int n) { return 0; }
int xen_evtchn_alloc_unbound(struct hospes *h, uint32_t domid, uint32_t remote,
                             uint32_t *port) { return -1; }
void *xen_map(struct hospes *h, uint32_t d, int p, const xen_pfn_t *f, size_t n) { return NULL; }
void xen_unmap(struct hospes *h, void *p, size_t n) { }
int pv_build_check(const struct kernel_image *k, struct error *e) { return -1; }
int pv_build(struct hospes *h, const struct build_input *in, struct build_output *o) { return -1; }
int kernel_image_open(struct kernel_image *k, const char *p, struct error *e) { return -1; }
void kernel_image_close(struct kernel_image *k) { }
int file_image_open(struct file_image *f, const char *p, const char *w, struct error *e)
{
    return -1;
}
void file_image_close(struct file_image *f) { }

static void store_steps(void)
{
    struct guest_disk disk = { .target = "/dev/null", .vdev = "xvda", .devid = 51712 };
    struct hospes h = { 0 };
    struct device *list;
    uint32_t domid;
    char who[16] = "";

    switch (byte() % 7) {
    case 0:
        device_list(&h, 1, DEVICE_VBD, &list);
        free(list);
        break;
    case 1:
        /* Refused: neither a file nor a disk; or in use by another. */
        device_add_disk(&h, 1, &disk);
        break;
    case 2:
        take(who, sizeof(who) - 1);
        guest_find(&h, who, false, &domid);
        break;
    case 3:
        take(who, sizeof(who) - 1);
        guest_rename(&h, 1, who);
        break;
    case 4:
        guest_memory_target(&h, 1, byte());
        break;
    case 5:
        store_wait(&h, "/a", "4|", "5|6", 0);
        break;
    case 6:
        free(guest_name(&h, byte()));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = data;
    left = size;
    if (byte() & 1)
        console_steps();
    else
        store_steps();
    return 0;
}
