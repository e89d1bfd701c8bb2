/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypervisor's control calls, each as one function on one handle. Structures are those of the
 * public headers (xen/domctl.h, xen/sysctl.h, xen/memory.h). A function returns 0, or -1 with
 * h->error filled; counts are in frames of 4 KiB unless a name says otherwise.
 */
#ifndef HOSPES_XEN_H
#define HOSPES_XEN_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xencall.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>
#include <xenstore.h>

#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/memory.h>
#include <xen/sysctl.h>

#include <hospes/error.h>

struct hospes {
    xencall_handle *call;
    xenforeignmemory_handle *foreign;
    struct xs_handle *store;        /* opened by hospes_store(); NULL before */
    struct error error;
    /* When this becomes nonzero, waits end with EINTR. NULL: nobody interrupts them. */
    const volatile sig_atomic_t *stop;
};

static inline bool hospes_stopped(const struct hospes *h)
{
    return h->stop && *h->stop;
}

/* Opens the hypercall and foreign memory devices. *h stays valid for hospes_close() after an
 * error. */
int hospes_open(struct hospes *h);
void hospes_close(struct hospes *h);

/*
 * One hypercall with a structure of size bytes that is copied in and out through locked memory.
 * Returns what the hypervisor answers (0 or more), or -1: h->error says "WHAT failed: errno".
 */
long xen_domctl(struct hospes *h, struct xen_domctl *op, const char *what);
long xen_sysctl(struct hospes *h, struct xen_sysctl *op, const char *what);
long xen_memory_op(struct hospes *h, unsigned int cmd, void *arg, size_t size, const char *what);
long xen_hypercall(struct hospes *h, unsigned int number, unsigned long a, unsigned long b,
                   unsigned long c, unsigned long d, const char *what);
/* Memory that a hypercall's argument can point to. NULL with h->error. */
void *xen_buffer(struct hospes *h, size_t size);
void xen_buffer_free(struct hospes *h, void *p);

/* Domains */

struct domain_spec {
    const uint8_t *uuid;
    bool hvm, hap;
    unsigned int max_vcpus, max_evtchn_port;
    int max_grant_frames, max_maptrack_frames;
    uint32_t ssidref;
};
int xen_domain_create(struct hospes *h, const struct domain_spec *spec, uint32_t *domid);
/* Makes the vCPUs, as many as the domain was created for. */
int xen_domain_vcpus(struct hospes *h, uint32_t domid, unsigned int n);
/* Goes on until the hypervisor has taken everything back; may take seconds for large guests. */
int xen_domain_destroy(struct hospes *h, uint32_t domid);
int xen_domain_pause(struct hospes *h, uint32_t domid);
int xen_domain_unpause(struct hospes *h, uint32_t domid);
int xen_domain_shutdown(struct hospes *h, uint32_t domid, unsigned int reason);
int xen_domain_max_memory(struct hospes *h, uint32_t domid, uint64_t kib);
/* false: no such domain. An error of the call counts as that, too. */
bool xen_domain_info(struct hospes *h, uint32_t domid, struct xen_domctl_getdomaininfo *info);
/* At most max domains from first on, in order; the number, or -1. */
int xen_domain_list(struct hospes *h, uint32_t first, unsigned int max,
                    struct xen_domctl_getdomaininfo *list);
int xen_vcpu_context_set(struct hospes *h, uint32_t domid, unsigned int vcpu,
                         const vcpu_guest_context_t *context);
int xen_vcpu_context_get(struct hospes *h, uint32_t domid, unsigned int vcpu,
                         vcpu_guest_context_t *context);
int xen_vcpu_info(struct hospes *h, uint32_t domid, unsigned int vcpu,
                  struct xen_domctl_getvcpuinfo *info);
/* hard and soft: arrays of n bytes, 0 or 1 for each CPU; NULL: not read or not changed. */
int xen_vcpu_affinity_set(struct hospes *h, uint32_t domid, unsigned int vcpu, uint8_t *hard,
                          uint8_t *soft, unsigned int n);
int xen_vcpu_affinity_get(struct hospes *h, uint32_t domid, unsigned int vcpu, uint8_t *hard,
                          uint8_t *soft, unsigned int n);
int xen_sched_get(struct hospes *h, uint32_t domid, unsigned int *weight, unsigned int *cap);
/* weight 0, cap ~0: as they are. */
int xen_sched_set(struct hospes *h, uint32_t domid, unsigned int weight, unsigned int cap);
int xen_evtchn_alloc_unbound(struct hospes *h, uint32_t domid, uint32_t remote, uint32_t *port);
/* mode: 0 as the hypervisor sees fit, 1 emulated, 2 native. Before the first unpause. */
int xen_domain_tsc_mode(struct hospes *h, uint32_t domid, unsigned int mode);
int xen_hypercall_page(struct hospes *h, uint32_t domid, uint64_t gmfn);

/* Memory */

/* Gives domid n extents of 2^order frames at the gfns in list; list gets the mfns of a PV guest.
 * Returns how many extents it got, from the first on: fewer than n when memory is short. */
long xen_populate(struct hospes *h, uint32_t domid, xen_pfn_t *list, unsigned long n,
                  unsigned int order);
/* Shows a PV guest bytes of RAM from 0 on in its memory map: what it may grow to. */
int xen_memory_map(struct hospes *h, uint32_t domid, uint64_t bytes);
/* Maps n frames of domid; NULL with h->error. To be unmapped with xen_unmap(). */
void *xen_map(struct hospes *h, uint32_t domid, int prot, const xen_pfn_t *frames, size_t n);
void xen_unmap(struct hospes *h, void *p, size_t n);

/* The machine */

int xen_physinfo(struct hospes *h, struct xen_sysctl_physinfo *info);
/* Reads the hypervisor's log from *index on into text (size bytes); *n bytes were read. */
int xen_console_read(struct hospes *h, char *text, uint32_t size, uint32_t *index, uint32_t *n,
                     bool clear);

#endif
