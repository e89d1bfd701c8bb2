/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest-physical map of an HVM domain (hv/hvm/p2m*.c): a tree of nested page tables in the
 * back end's format, with superpages that are split when a part changes and merged again when a
 * table describes one contiguous range. The table is the only record there is: what kind of page a
 * frame is stands in bits that the hardware ignores.
 *
 * A change that takes rights away is complete, when the function returns, on every CPU: those that
 * ran the domain have left the guest, and forget its translations before they enter again.
 */
#ifndef HV_HVM_P2M_H
#define HV_HVM_P2M_H

#include <hv/mm.h>
#include <hv/spinlock.h>

/* Four bits of the entry. */
enum p2m_type {
    P2M_NONE = 0,       /* nothing there: device emulation */
    P2M_RAM_RW,
    P2M_RAM_RO,         /* ROM: guest writes are dropped or go to the device model */
    P2M_RAM_LOGDIRTY,   /* write-protected until the first write is noted */
    P2M_MMIO_DIRECT,    /* device memory of the machine */
    P2M_FOREIGN,        /* another domain's page: holds a reference */
    P2M_GRANT_RW,       /* granted by another domain; the grant table holds the references */
    P2M_GRANT_RO,
    P2M_IOREQ_SERVER,   /* HVMMEM_ioreq_server: writes go to the device model */
    P2M_SHARED,         /* the hypervisor's page: shared info, grant table frame */
};

struct p2m {
    spinlock_t lock;            /* LOCK_P2M; interrupts on */
    uint64_t *root;             /* one table of the top level */
    uint64_t generation;        /* (a) moves on when translations become invalid */
    unsigned long nr_tables;    /* (x) lock */
    unsigned long max_gfn;      /* (x) lock */
    bool logdirty;
};

struct domain;

int p2m_init(struct domain *d);
/* All of the tables; no CPU uses them any more. */
void p2m_free(struct domain *d);
/* What is at gfn. order (may be NULL): of the mapping's page, 0, 9 or 18; for nothing, of the hole.
   The frame may change at once: for a stable one take p2m_get_page(). */
mfn_t p2m_lookup(struct domain *d, gfn_t gfn, enum p2m_type *type, unsigned int *order);
/* RAM of any kind (foreign and granted too), with a reference for the caller; NULL: there is none.
   */
struct page_info *p2m_get_page(struct domain *d, gfn_t gfn, enum p2m_type *type);
/* Maps 1 << order frames; gfn and mfn need no alignment. References held by entries that are
   replaced are dropped after the flush. 0, -ENOMEM, -EINVAL (beyond the address width). */
int p2m_set(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order, enum p2m_type type);
/* Takes it off the map; if mfn is not INVALID_MFN, only where it is the first frame's: -EINVAL. */
int p2m_clear(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order);
/* Changes the type of one frame from old; -EBUSY if it is another. */
int p2m_change_type(struct domain *d, gfn_t gfn, enum p2m_type old, enum p2m_type type);
/* A page of type P2M_RAM_LOGDIRTY was written. */
void p2m_mark_dirty(struct domain *d, gfn_t gfn);
/* Gives up to `batch` entries of foreign pages their references back; -ERESTART while some are
   left. The domain is dying. */
int p2m_relinquish(struct domain *d);
/* Waits until no CPU is in d's guest with translations from before. */
void p2m_flush(struct domain *d);

static inline bool p2m_is_ram(enum p2m_type t)
{
    return t == P2M_RAM_RW || t == P2M_RAM_RO || t == P2M_RAM_LOGDIRTY || t == P2M_IOREQ_SERVER;
}
static inline bool p2m_is_writable(enum p2m_type t)
{
    return t == P2M_RAM_RW || t == P2M_RAM_LOGDIRTY || t == P2M_GRANT_RW || t == P2M_FOREIGN ||
           t == P2M_SHARED;
}
/* There is a frame with a struct page_info behind it. */
static inline bool p2m_has_page(enum p2m_type t) { return t != P2M_NONE && t != P2M_MMIO_DIRECT; }

#endif
