/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The contract between the core and a back end (pv/, vmx/, svm/). The core owns domains and
 * vCPUs; a back end extends both: it gives the sizes of its own structures, whose first member
 * is struct domain or struct vcpu.
 *
 * At most 25 entries. All functions are called in process context with interrupts on unless stated;
 * entries that a back end does not need may be NULL only where stated.
 */
#ifndef HV_BACKEND_H
#define HV_BACKEND_H

#include <hv/domain.h>

struct xen_domctl_createdomain;
struct vcpu_guest_context;

struct vcpu_backend {
    const char *name;
    size_t domain_size;          /* sizeof(struct pv_domain) ... */
    size_t vcpu_size;

    /* d is zeroed but for the core's part; errors undo themselves. */
    int (*domain_init)(struct domain *d);
    void (*domain_free)(struct domain *d);      /* last reference gone */
    /* Gives back the guest's memory references (page tables); -ERESTART while work is left. */
    int (*domain_relinquish)(struct domain *d);
    int (*vcpu_init)(struct vcpu *v);
    void (*vcpu_free)(struct vcpu *v);

    /* Context as of XEN_DOMCTL_setvcpucontext / VCPUOP_initialise;
       checks all. -ERESTART possible. */
    int (*set_context)(struct vcpu *v, const struct vcpu_guest_context *c);
    void (*get_context)(struct vcpu *v, struct vcpu_guest_context *c);
    int (*vcpu_reset)(struct vcpu *v);

    /* Interrupts off. Save what the CPU holds of v (v->regs is done by the core); load it. */
    void (*switch_from)(struct vcpu *v);
    void (*switch_to)(struct vcpu *v);
    /* Enters the guest: never returns. Reached on an empty stack. */
    void (*resume)(void);

    /* The door to guest memory for current; see uaccess.h. */
    int (*copy_from)(void *dst, const void *gva, size_t len);
    int (*copy_to)(void *gva, const void *src, size_t len);
    int (*clear)(void *gva, size_t len);

    /* The frame at gfn with a reference for the caller (put_page), or NULL; writable
       demands a page that may be written (PV: takes a writable type too, dropped by the
       caller with put_page_and_type). */
    struct page_info *(*get_gfn)(struct domain *d, gfn_t gfn, bool writable);
    /* Makes mfn appear at gfn (PV: sets the M2P entry only) or disappear. */
    int (*physmap_add)(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order);
    int (*physmap_remove)(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order);

    /* Grant mapping in v's domain: host address as
       GNTTABOP_map_grant_ref gives it. GNTST_* result. */
    int (*grant_map)(uint64_t host_addr, mfn_t mfn, unsigned int flags, unsigned int cache_attr);
    int (*grant_unmap)(uint64_t host_addr, mfn_t mfn, unsigned int flags, uint64_t new_addr);

    /* vm_assist of v's domain has changed; v is current. May be NULL. */
    void (*vm_assist_changed)(struct vcpu *v);
    /* An event is pending for v; it is kicked by the core already. NULL = nothing to do. */
    void (*event_pending)(struct vcpu *v);
    /* Prints what only the back end knows about v. */
    void (*show)(struct vcpu *v);
};

extern const struct vcpu_backend pv_backend;
extern const struct vcpu_backend idle_backend;   /* hv/domain/idle.c */

#endif
