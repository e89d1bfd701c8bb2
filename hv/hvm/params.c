/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Parameters of HVM domains: one table says who may read and write which, and what a write does
 * besides keeping the value. Numbers and meaning: xen/hvm/params.h.
 */
#include <hv/errno.h>
#include <hv/hvm/irq.h>
#include <hv/hvm/platform.h>
#include <hv/hvm/time.h>
#include <hv/hypercall.h>
#include <hv/lib.h>
#include <hv/uaccess.h>
#include <xen/hvm/hvm_op.h>
#include <xen/sched.h>
#include "hvm_priv.h"

#define BUSY_ONCE 1u        /* a value that is set can't be changed */
#define GUEST_READS 2u
#define GUEST_WRITES 4u
#define KNOWN 8u

typedef int (*param_fn)(struct domain *d, uint64_t val);

static int set_acpi_location(struct domain *d, uint64_t val)
{
    return hvm_has_ioapic(d) ? hvm_acpi_set_location(d, val) : val > 1 ? -EINVAL : 0;
}

static int set_nothing_but_zero(struct domain *d, uint64_t val)
{
    return val ? -EINVAL : 0;
}

static int set_shutdown_reason(struct domain *d, uint64_t val)
{
    return val > SHUTDOWN_MAX ? -EINVAL : 0;
}

static int set_server_pages(struct domain *d, uint64_t val)
{
    return val > sizeof(unsigned long) * 8 ? -EINVAL : 0;
}

/* FIP in 64 bits is what the hypervisor saves and restores always. */
static int set_fip_width(struct domain *d, uint64_t val)
{
    return val == 0 || val == 4 || val == 8 ? 0 : -EINVAL;
}

#define ROW(name, flags, fn) [HVM_PARAM_##name] = { KNOWN | (flags), fn }
static const struct param_row {
    uint8_t flags;
    param_fn set;
} rows[HVM_NR_PARAMS] = {
    ROW(CALLBACK_IRQ, GUEST_READS | GUEST_WRITES, hvm_callback_set),
    ROW(STORE_PFN, GUEST_READS, NULL),
    ROW(STORE_EVTCHN, GUEST_READS | GUEST_WRITES, NULL),
    ROW(CONSOLE_PFN, GUEST_READS, NULL),
    ROW(CONSOLE_EVTCHN, GUEST_READS | GUEST_WRITES, NULL),
    ROW(PAE_ENABLED, 0, NULL),
    ROW(IOREQ_PFN, 0, NULL),
    ROW(BUFIOREQ_PFN, 0, NULL),
    ROW(BUFIOREQ_EVTCHN, 0, NULL),
    ROW(VIRIDIAN, BUSY_ONCE, set_nothing_but_zero),
    ROW(TIMER_MODE, 0, hvm_set_timer_mode),
    ROW(HPET_ENABLED, 0, NULL),
    ROW(IDENT_PT, 0, NULL),
    ROW(DM_DOMAIN, 0, NULL),
    ROW(ACPI_S_STATE, 0, set_nothing_but_zero),
    ROW(VM86_TSS, GUEST_WRITES, NULL),
    ROW(VPT_ALIGN, 0, NULL),
    ROW(ACPI_IOPORTS_LOCATION, GUEST_WRITES, set_acpi_location),
    ROW(NESTEDHVM, 0, set_nothing_but_zero),
    ROW(PAGING_RING_PFN, 0, NULL),
    ROW(MONITOR_RING_PFN, 0, NULL),
    ROW(SHARING_RING_PFN, 0, NULL),
    ROW(TRIPLE_FAULT_REASON, 0, set_shutdown_reason),
    ROW(IOREQ_SERVER_PFN, BUSY_ONCE, NULL),
    ROW(NR_IOREQ_SERVER_PAGES, BUSY_ONCE, set_server_pages),
    ROW(VM_GENERATION_ID_ADDR, GUEST_WRITES, NULL),
    ROW(ALTP2M, BUSY_ONCE, set_nothing_but_zero),
    ROW(X87_FIP_WIDTH, GUEST_READS | GUEST_WRITES, set_fip_width),
    ROW(VM86_TSS_SIZED, 0, NULL),
    ROW(MCA_CAP, BUSY_ONCE, set_nothing_but_zero),
};

/* The domain that is meant, with a reference, if the caller may do this to it. */
static struct domain *owner_of(const struct xen_hvm_param *p, uint8_t guest_right, long *err)
{
    const struct param_row *row = row_nospec(rows, p->index);
    int rc;
    struct domain *d = target_domain(p->domid, &rc);

    *err = rc;
    if (!d)
        return NULL;
    *err = 0;
    if (!d->is_hvm || !row || !(row->flags & KNOWN))
        *err = -EINVAL;
    else if (d == current->domain && !(row->flags & guest_right))
        *err = -EPERM;
    if (!*err)
        return d;
    put_domain(d);
    return NULL;
}

static long perform_set(struct domain *d, const struct xen_hvm_param *p)
{
    const struct param_row *row = &rows[p->index];
    uint64_t *param = &hvm_domain(d)->params[p->index];
    long rc = 0;

    spin_lock(&hvm_domain(d)->param_lock);
    if (row->flags & BUSY_ONCE && *param && *param != p->value)
        rc = -EEXIST;
    else if (row->set)
        rc = row->set(d, p->value);
    if (!rc)
        *param = p->value;
    spin_unlock(&hvm_domain(d)->param_lock);
    return rc;
}

/* What both calls begin with: p is read, its index checked. A domain with a reference, or NULL and
   *rc. */
static struct domain *decode(struct xen_hvm_param *p, void *arg, uint8_t guest_right, long *rc)
{
    if (copy_arg_from(p, (struct xen_hvm_param *)arg)) {
        *rc = -EFAULT;
        return NULL;
    }
    if (p->index >= HVM_NR_PARAMS) {
        *rc = -EINVAL;
        return NULL;
    }
    p->index = (uint32_t)index_nospec(p->index, HVM_NR_PARAMS);
    return owner_of(p, guest_right, rc);
}

long hvm_param_set(void *arg)
{
    struct xen_hvm_param p;
    struct domain *d;
    long rc;

    d = decode(&p, arg, GUEST_WRITES, &rc);
    if (!d)
        return rc;
    rc = perform_set(d, &p);
    put_domain(d);
    return rc;
}

long hvm_param_get(void *arg)
{
    struct xen_hvm_param p;
    struct domain *d;
    long rc;

    d = decode(&p, arg, GUEST_READS, &rc);
    if (!d)
        return rc;
    p.value = hvm_domain(d)->params[p.index];
    put_domain(d);
    return copy_arg_to((struct xen_hvm_param *)arg, &p);
}
