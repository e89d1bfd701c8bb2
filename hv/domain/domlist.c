/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Finding domains by number, and holding them. A number leads to its structure until the last
 * reference is gone; the structure itself lives on until every CPU has passed a point where it
 * can't be looking at it (call_rcu).
 */
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/hypercall.h>
#include <hv/printk.h>
#include <hv/domain_private.h>

/* A reference count of this means that the domain is going away and can't be held any more. */
#define REFCNT_DESTROYED INT32_MIN

LIST_HEAD(domain_list);
DEFINE_SPINLOCK(domlist_lock, LOCK_DOMLIST);
struct domain *dom0, *idle_domain, *dom_io, *dom_xen;

/* Every number, the reserved ones too: frames belong to DOMID_IO and DOMID_XEN. Written under
   domlist_lock. */
static struct domain *domain_table[DOMID_IDLE + 1];

struct domain *domain_by_owner(uint16_t owner)
{
    return owner && owner <= ARRAY_SIZE(domain_table) ? READ_ONCE(domain_table[owner - 1]) : NULL;
}

bool get_domain(struct domain *d)
{
    return atomic_inc_unless_negative(&d->refcnt);
}

struct domain *get_domain_by_id(domid_t id)
{
    struct domain *d = id < DOMID_COUNT ? READ_ONCE(domain_table[id]) : NULL;

    return d && get_domain(d) ? d : NULL;
}

struct domain *get_domain_by_any_id(domid_t id)
{
    if (id != DOMID_SELF)
        return get_domain_by_id(id);
    get_knownalive_domain(current->domain);
    return current->domain;
}

struct domain *target_domain(domid_t id, int *err)
{
    struct domain *d = get_domain_by_any_id(id);

    *err = 0;
    if (!d) {
        *err = -ESRCH;
    } else if (d != current->domain && !current->domain->is_control) {
        put_domain(d);
        *err = -EPERM;
        d = NULL;
    }
    return d;
}

void put_domain(struct domain *d)
{
    if (!atomic_dec_and_test(&d->refcnt))
        return;
    /* Somebody may have found it in the table in between, and may even have let go again. */
    if (cmpxchg(&d->refcnt.counter, 0, REFCNT_DESTROYED) != 0)
        return;
    domlist_remove(d);
    counts_dump_domain(XENLOG_DEBUG, d);
    call_rcu(&d->rcu, domain_free_rcu);
}

void domtable_set(domid_t id, struct domain *d)
{
    __atomic_store_n(&domain_table[id], d, __ATOMIC_RELEASE);
}

int domlist_insert(struct domain *d)
{
    struct domain *pos;
    int rc = 0;

    spin_lock(&domlist_lock);
    if (domain_table[d->domain_id]) {
        rc = -EEXIST;
    } else {
        list_for_each (pos, &domain_list, list)
            if (pos->domain_id > d->domain_id)
                break;
        list_add_tail(&d->list, &pos->list);
        domtable_set(d->domain_id, d);
    }
    spin_unlock(&domlist_lock);
    return rc;
}

void domlist_remove(struct domain *d)
{
    spin_lock(&domlist_lock);
    list_del(&d->list);
    counts_end(d);
    domtable_set(d->domain_id, NULL);
    spin_unlock(&domlist_lock);
}

bool domid_is_free(domid_t id)
{
    return id < DOMID_COUNT && !READ_ONCE(domain_table[id]);
}

struct domain *get_next_domain(domid_t id)
{
    struct domain *pos, *found = NULL;

    spin_lock(&domlist_lock);
    list_for_each (pos, &domain_list, list)
        if (pos->domain_id >= id && get_domain(pos)) {
            found = pos;
            break;
        }
    spin_unlock(&domlist_lock);
    return found;
}
