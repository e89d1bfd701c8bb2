/* SPDX-License-Identifier: BSD-2-Clause */
/* The handle, and calls with their arguments in memory that the hypervisor can reach. */
#include <hospes/xen.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NEED_XEN "Run it as root in domain 0 of Hospes or Xen, with the xen-privcmd module loaded."

int hospes_open(struct hospes *h)
{
    memset(h, 0, sizeof(*h));
    h->call = xencall_open(NULL, 0);
    if (!h->call)
        return error_set(&h->error, errno, "hypervisor", NEED_XEN,
                         "the hypercall device cannot be opened: %s", strerror(errno));
    h->foreign = xenforeignmemory_open(NULL, 0);
    if (!h->foreign)
        return error_set(&h->error, errno, "hypervisor", NEED_XEN,
                         "the memory device cannot be opened: %s", strerror(errno));
    return 0;
}

void hospes_close(struct hospes *h)
{
    if (h->store)
        xs_close(h->store);
    if (h->foreign)
        xenforeignmemory_close(h->foreign);
    if (h->call)
        xencall_close(h->call);
    memset(h, 0, sizeof(*h));
}

static long failed(struct hospes *h, const char *what)
{
    int code = errno;
    const char *remedy = code == EACCES  ? "The control interface of the hypervisor is of another "
                                           "version than this tool: install the two together."
                         : code == ENOMEM ? "The machine has too little free memory: 'hospes info' "
                                            "shows it; shrink or stop another guest."
                         : code == EPERM  ? "Only domain 0 may do this."
                                          : NULL;

    return error_set(&h->error, code, "hypervisor", remedy, "%s: %s", what, strerror(code));
}

void *xen_buffer(struct hospes *h, size_t size)
{
    void *p = xencall_alloc_buffer(h->call, size);

    if (!p)
        error_set(&h->error, ENOMEM, "hypervisor", NULL, "no memory for a hypercall's argument");
    return p;
}

void xen_buffer_free(struct hospes *h, void *p)
{
    xencall_free_buffer(h->call, p);
}

static long call_with(struct hospes *h, unsigned int number, bool has_cmd, unsigned long cmd,
                      void *arg, size_t size, const char *what)
{
    void *copy = xen_buffer(h, size);
    long rc;

    if (!copy)
        return -1;
    memcpy(copy, arg, size);
    rc = has_cmd ? xencall2(h->call, number, cmd, (unsigned long)copy)
                 : xencall1(h->call, number, (unsigned long)copy);
    if (rc < 0)
        rc = failed(h, what);
    memcpy(arg, copy, size);
    xen_buffer_free(h, copy);
    return rc;
}

long xen_domctl(struct hospes *h, struct xen_domctl *op, const char *what)
{
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    return call_with(h, __HYPERVISOR_domctl, false, 0, op, sizeof(*op), what);
}

long xen_sysctl(struct hospes *h, struct xen_sysctl *op, const char *what)
{
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return call_with(h, __HYPERVISOR_sysctl, false, 0, op, sizeof(*op), what);
}

long xen_memory_op(struct hospes *h, unsigned int cmd, void *arg, size_t size, const char *what)
{
    return call_with(h, __HYPERVISOR_memory_op, true, cmd, arg, size, what);
}

long xen_hypercall(struct hospes *h, unsigned int number, unsigned long a, unsigned long b,
                   unsigned long c, unsigned long d, const char *what)
{
    long rc = xencall4(h->call, number, a, b, c, d);

    return rc < 0 ? failed(h, what) : rc;
}

long xen_populate(struct hospes *h, uint32_t domid, xen_pfn_t *list, unsigned long n,
                  unsigned int order)
{
    xen_pfn_t *copy = xen_buffer(h, n * sizeof(*list));
    struct xen_memory_reservation r = { .nr_extents = n, .extent_order = order,
                                        .domid = (domid_t)domid };
    long done;

    if (!copy)
        return -1;
    memcpy(copy, list, n * sizeof(*list));
    set_xen_guest_handle(r.extent_start, copy);
    done = xen_memory_op(h, XENMEM_populate_physmap, &r, sizeof(r), "giving memory to the guest");
    memcpy(list, copy, n * sizeof(*list));
    xen_buffer_free(h, copy);
    return done;
}

int xen_memory_map(struct hospes *h, uint32_t domid, uint64_t bytes)
{
    struct { uint64_t addr, size; uint32_t type; } __attribute__((packed)) *ram;
    struct xen_foreign_memory_map m = { .domid = (domid_t)domid, .map.nr_entries = 1 };
    long rc;

    ram = xen_buffer(h, sizeof(*ram));
    if (!ram)
        return -1;
    ram->addr = 0;
    ram->size = bytes;
    ram->type = 1;
    set_xen_guest_handle(m.map.buffer, ram);
    rc = xen_memory_op(h, XENMEM_set_memory_map, &m, sizeof(m), "setting the memory map");
    xen_buffer_free(h, ram);
    return rc < 0 ? -1 : 0;
}

void *xen_map(struct hospes *h, uint32_t domid, int prot, const xen_pfn_t *frames, size_t n)
{
    int *errors = calloc(n ? n : 1, sizeof(*errors));
    void *p = errors ? xenforeignmemory_map(h->foreign, domid, prot, n, frames, errors) : NULL;

    for (size_t i = 0; p && i < n; i++)
        if (errors[i]) {
            errno = -errors[i];
            xenforeignmemory_unmap(h->foreign, p, n);
            p = NULL;
        }
    free(errors);
    if (!p)
        failed(h, "mapping the guest's memory");
    return p;
}

void xen_unmap(struct hospes *h, void *p, size_t n)
{
    if (p)
        xenforeignmemory_unmap(h->foreign, p, n);
}

int xen_physinfo(struct hospes *h, struct xen_sysctl_physinfo *info)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_physinfo };

    if (xen_sysctl(h, &op, "reading the machine's size") < 0)
        return -1;
    *info = op.u.physinfo;
    return 0;
}

int xen_console_read(struct hospes *h, char *text, uint32_t size, uint32_t *index, uint32_t *n,
                     bool clear)
{
    char *buffer = xen_buffer(h, size);
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_readconsole };
    long rc;

    if (!buffer)
        return -1;
    op.u.readconsole.clear = clear;
    op.u.readconsole.incremental = 1;
    op.u.readconsole.index = *index;
    op.u.readconsole.count = size;
    set_xen_guest_handle(op.u.readconsole.buffer, buffer);
    rc = xen_sysctl(h, &op, "reading the hypervisor's log");
    if (rc >= 0) {
        *n = op.u.readconsole.count;
        *index = op.u.readconsole.index;
        memcpy(text, buffer, *n);
    }
    xen_buffer_free(h, buffer);
    return rc < 0 ? -1 : 0;
}
