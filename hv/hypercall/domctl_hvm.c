/* SPDX-License-Identifier: BSD-2-Clause */
/* domctl that only hardware-assisted domains know: their CPUs' and devices' state, and the pool of
   their page tables. */
#include <hv/errno.h>
#include <hv/hvm/hvm.h>
#include <hv/lib.h>
#include <hv/uaccess.h>
#include "domctl_private.h"

#define RECORD_MAX PAGE_SIZE
#define MAX_CONTEXT (1u << 20)

static int put_context(struct domain *d, struct xen_domctl_hvmcontext *c, void *buffer)
{
    size_t size;

    domain_pause(d);
    size = hvm_context_save(d, buffer);
    domain_unpause(d);
    if (c->size < size)
        return -ENOSPC;
    c->size = (uint32_t)size;
    return copy_to_guest(c->buffer.p, buffer, size);
}

/* Without a buffer the question is how large it has to be. */
int domctl_gethvmcontext(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_hvmcontext *c = &op->u.hvmcontext;
    void *buffer;
    int rc;

    if (!d->is_hvm || d == current->domain)
        return -EINVAL;
    if (handle_is_null(c->buffer)) {
        c->size = (uint32_t)hvm_context_max_size(d);
        return 0;
    }
    buffer = xzalloc(hvm_context_max_size(d));
    if (!buffer)
        return -ENOMEM;
    rc = put_context(d, c, buffer);
    xfree(buffer);
    return rc;
}

int domctl_sethvmcontext(struct domain *d, struct xen_domctl *op)
{
    const struct xen_domctl_hvmcontext *c = &op->u.hvmcontext;
    void *buffer;
    int rc;

    if (!d->is_hvm || c->size > MAX_CONTEXT)
        return -EINVAL;
    buffer = xmalloc(c->size);
    if (!buffer)
        return -ENOMEM;
    rc = copy_from_guest(buffer, c->buffer.p, c->size);
    if (!rc) {
        domain_pause(d);
        rc = hvm_context_load(d, buffer, c->size);
        domain_unpause(d);
    }
    xfree(buffer);
    return rc;
}

int domctl_gethvmcontext_partial(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_hvmcontext_partial *p = &op->u.hvmcontext_partial;
    uint8_t *buffer;
    uint32_t size = 0;
    int rc;

    if (!d->is_hvm || d == current->domain)
        return -EINVAL;
    buffer = xzalloc(RECORD_MAX);
    if (!buffer)
        return -ENOMEM;
    domain_pause(d);
    rc = hvm_context_save_one(d, (uint16_t)p->type, (uint16_t)p->instance, buffer, &size);
    domain_unpause(d);
    if (!rc && !handle_is_null(p->buffer))
        rc = p->bufsz < size ? -ENOSPC : copy_to_guest(p->buffer.p, buffer, size);
    if (!rc)
        p->bufsz = size;
    xfree(buffer);
    return rc;
}

/* --- the pool of page tables: they come from the hypervisor's own memory, as needed --- */

#define POOL_UNIT (1UL << 20)

int domctl_set_paging_mempool_size(struct domain *d, struct xen_domctl *op)
{
    if (!d->is_hvm)
        return -EOPNOTSUPP;
    return op->u.paging_mempool.size & ~PAGE_MASK ? -EINVAL : 0;
}

int domctl_get_paging_mempool_size(struct domain *d, struct xen_domctl *op)
{
    if (!d->is_hvm)
        return -EOPNOTSUPP;
    op->u.paging_mempool.size =
        ROUND_UP(hvm_domain(d)->p2m.nr_tables << PAGE_SHIFT, POOL_UNIT);
    return 0;
}

int domctl_shadow_op(struct domain *d, struct xen_domctl *op)
{
    struct xen_domctl_shadow_op *s = &op->u.shadow_op;

    if (!d->is_hvm)
        return -EOPNOTSUPP;
    switch (s->op) {
    case XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION:
        return 0;
    case XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION:
        s->mb = (uint32_t)(ROUND_UP(hvm_domain(d)->p2m.nr_tables << PAGE_SHIFT, POOL_UNIT) >> 20);
        return 0;
    default:
        return -EOPNOTSUPP;
    }
}
