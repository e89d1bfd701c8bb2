/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * GNTTABOP_copy: the hypervisor copies between a frame of the caller's or a granted one and another
 * such. Consecutive operations that name the same frame keep it pinned, so that a back end's batch
 * pays for it once.
 */
#include <hv/backend.h>
#include <hv/hypercall.h>
#include <hv/lib.h>
#include <hv/uaccess.h>
#include "grant_priv.h"

/* One side of a copy. */
struct side {
    bool write;                 /* destination */
    bool held;                  /* all below is valid and referenced */
    bool is_ref, io;
    domid_t domid;
    uint64_t frame_or_ref;
    struct domain *d;
    struct page_info *page;
    char *va;
};

static void let_go(struct side *s)
{
    if (!s->held)
        return;
    if (s->write)
        put_page_type(s->page);
    put_page(s->page);
    if (s->is_ref)
        unpin_entry(s->d, (grant_ref_t)s->frame_or_ref, s->write ? PIN_HOST_W : PIN_HOST_R);
    put_domain(s->d);
    s->held = false;
}

static int16_t find_page(struct side *s)
{
    struct pinned p;
    int16_t rc;

    if (!s->is_ref) {
        s->page = s->d->backend->get_gfn(s->d, s->frame_or_ref, false);
        return s->page ? GNTST_okay : GNTST_bad_page;
    }
    if (!s->d->grant_table)
        return GNTST_bad_gntref;
    rc = pin_entry(s->d, (grant_ref_t)s->frame_or_ref, current->domain->domain_id,
                   s->write ? PIN_HOST_W : PIN_HOST_R, !s->write, &p);
    if (rc)
        return rc;
    s->page = p.page;
    if (p.page)
        return GNTST_okay;
    unpin_entry(s->d, (grant_ref_t)s->frame_or_ref, s->write ? PIN_HOST_W : PIN_HOST_R);
    return GNTST_general_error; /* device memory is mapped, not copied */
}

static int16_t take(struct side *s)
{
    int16_t rc;

    if (s->domid == DOMID_SELF)
        s->d = get_domain_by_any_id(DOMID_SELF);
    else if (!s->is_ref)
        return GNTST_permission_denied; /* bare frames are the caller's own */
    else
        s->d = get_domain_by_id(s->domid);
    if (!s->d)
        return GNTST_bad_domain;
    rc = find_page(s);
    if (rc) {
        put_domain(s->d);
        return rc;
    }
    s->va = page_to_virt(s->page);
    if (!s->write || !get_page_type(s->page, PGT_writable_page)) {
        s->held = true;
        return GNTST_okay;
    }
    put_page(s->page);
    if (s->is_ref)
        unpin_entry(s->d, (grant_ref_t)s->frame_or_ref, PIN_HOST_W);
    put_domain(s->d);
    return GNTST_general_error;
}

/* Makes s what this operation names; kept as it is when that is the same as before. */
static int16_t turn_to(struct side *s, const struct gnttab_copy_ptr *p, bool is_ref)
{
    uint64_t what = is_ref ? p->u.ref : p->u.gmfn;

    if (s->held && s->is_ref == is_ref && s->domid == p->domid && s->frame_or_ref == what)
        return GNTST_okay;
    let_go(s);
    s->is_ref = is_ref;
    s->domid = p->domid;
    s->frame_or_ref = what;
    return take(s);
}

static int16_t copy_one(const struct gnttab_copy *op, struct side *src, struct side *dst)
{
    int16_t rc;

    if ((unsigned int)op->source.offset + op->len > PAGE_SIZE ||
        (unsigned int)op->dest.offset + op->len > PAGE_SIZE)
        return GNTST_bad_copy_arg;
    rc = turn_to(src, &op->source, op->flags & GNTCOPY_source_gref);
    if (!rc)
        rc = turn_to(dst, &op->dest, op->flags & GNTCOPY_dest_gref);
    if (!rc)
        memmove(dst->va + op->dest.offset, src->va + op->source.offset, op->len);
    return rc;
}

long grant_copy_op(struct gnttab_copy *uop, unsigned int count)
{
    struct side src = { .write = false }, dst = { .write = true };
    struct gnttab_copy op;
    unsigned int i;
    long rc = 0;

    for (i = 0; i < count; i++) {
        if (i && hypercall_preempt_check()) {
            rc = i;
            break;
        }
        rc = copy_arg_from(&op, uop + i);
        if (rc)
            break;
        op.status = copy_one(&op, &src, &dst);
        if (op.status) {
            let_go(&src);
            let_go(&dst);
        }
        rc = copy_to_guest(&uop[i].status, &op.status, sizeof(op.status));
        if (rc)
            break;
    }
    let_go(&src);
    let_go(&dst);
    return rc;
}
