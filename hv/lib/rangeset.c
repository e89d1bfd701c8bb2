/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets of number ranges: a sorted list of disjoint, non-adjacent inclusive ranges. Meant for some
 * dozens of ranges; look-ups are linear.
 */
#include <hv/errno.h>
#include <hv/iocap.h>
#include <hv/list.h>
#include <hv/mm.h>

struct range { struct list_head list; unsigned long s, e; };

struct rangeset {
    spinlock_t lock;
    struct list_head ranges;
};

struct rangeset *rangeset_new(void)
{
    struct rangeset *r = xzalloc_struct(struct rangeset);
    if (!r)
        return NULL;
    spin_lock_init(&r->lock, LOCK_RANGESET);
    list_init(&r->ranges);
    return r;
}

void rangeset_free(struct rangeset *r)
{
    struct range *x, *tmp;
    if (!r)
        return;
    list_for_each_safe(x, tmp, &r->ranges, list)
        xfree(x);
    xfree(r);
}

/* True if x lies behind end with at least one number between: merging stops there. */
static bool beyond(const struct range *x, unsigned long end)
{
    return end != ~0UL && x->s > end + 1;
}

int rangeset_add(struct rangeset *r, unsigned long start, unsigned long end)
{
    struct range *x, *tmp, *n;
    struct list_head gone, *pos;

    if (start > end)
        return -EINVAL;
    n = xzalloc_struct(struct range); /* before the lock: the heap's is outer */
    if (!n)
        return -ENOMEM;
    list_init(&gone);
    spin_lock(&r->lock);
    pos = &r->ranges;
    list_for_each_safe(x, tmp, &r->ranges, list) {
        if (x->e != ~0UL && x->e + 1 < start)
            continue;
        if (beyond(x, end)) {
            pos = &x->list;
            break;
        }
        start = MIN(start, x->s);
        end = MAX(end, x->e);
        list_del(&x->list);
        list_add(&x->list, &gone);
    }
    n->s = start;
    n->e = end;
    list_add_tail(&n->list, pos);
    spin_unlock(&r->lock);
    list_for_each_safe(x, tmp, &gone, list)
        xfree(x);
    return 0;
}

int rangeset_remove(struct rangeset *r, unsigned long start, unsigned long end)
{
    struct range *x, *tmp, *spare;
    struct list_head gone;

    if (start > end)
        return -EINVAL;
    spare = xzalloc_struct(struct range); /* for the one range that may be split */
    if (!spare)
        return -ENOMEM;
    list_init(&gone);
    list_init(&spare->list);
    spin_lock(&r->lock);
    list_for_each_safe(x, tmp, &r->ranges, list) {
        if (x->e < start)
            continue;
        if (x->s > end)
            break;
        if (x->s < start && x->e > end) {
            spare->s = end + 1;
            spare->e = x->e;
            x->e = start - 1;
            list_add(&spare->list, &x->list);
            spare = NULL;
            break;
        }
        if (x->s < start) {
            x->e = start - 1;
        } else if (x->e > end) {
            x->s = end + 1;
        } else {
            list_del(&x->list);
            list_add(&x->list, &gone);
        }
    }
    spin_unlock(&r->lock);
    xfree(spare);
    list_for_each_safe(x, tmp, &gone, list)
        xfree(x);
    return 0;
}

/* The first range that reaches start or lies behind it. */
static const struct range *first_reaching(const struct rangeset *r, unsigned long start)
{
    const struct range *x;
    list_for_each(x, &r->ranges, list)
        if (x->e >= start)
            return x;
    return NULL;
}

bool rangeset_contains(const struct rangeset *r, unsigned long start, unsigned long end)
{
    const struct range *x;
    bool yes;
    if (!r || start > end)
        return false;
    spin_lock((spinlock_t *)&r->lock);
    x = first_reaching(r, start);
    yes = x && x->s <= start && x->e >= end;
    spin_unlock((spinlock_t *)&r->lock);
    return yes;
}

bool rangeset_overlaps(const struct rangeset *r, unsigned long start, unsigned long end)
{
    const struct range *x;
    bool yes;
    if (!r || start > end)
        return false;
    spin_lock((spinlock_t *)&r->lock);
    x = first_reaching(r, start);
    yes = x && x->s <= end;
    spin_unlock((spinlock_t *)&r->lock);
    return yes;
}

bool rangeset_empty(const struct rangeset *r)
{
    return !r || list_empty(&r->ranges);
}

int rangeset_for_each(const struct rangeset *r, int (*fn)(unsigned long s, unsigned long e, void *),
                      void *arg)
{
    const struct range *x;
    int rc = 0;
    if (!r)
        return 0;
    spin_lock((spinlock_t *)&r->lock);
    list_for_each(x, &r->ranges, list) {
        rc = fn(x->s, x->e, arg);
        if (rc)
            break;
    }
    spin_unlock((spinlock_t *)&r->lock);
    return rc;
}
