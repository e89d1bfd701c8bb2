/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machine frames: what each is used for, who owns it, how often it is
 * referenced, and where new ones come from.
 *
 * Life of a frame. Free (in the buddy allocator) -> allocated: to the hypervisor (PGC_xen, no
 * owner) or to a domain (owner set, PGC_allocated with one reference of its own). get_page() adds a
 * reference for whoever maps or uses it; put_page() drops one; at zero the frame is scrubbed and
 * free. A domain gives up its own reference by clearing PGC_allocated (free_domain_page()).
 *
 * Type (PV only; pv/page_type.c). A frame has one type at a time, with a count of uses as that
 * type. It may change type only at count 0. THE CENTRAL RULE: a frame changes type, or goes to
 * another domain, only after every CPU that may hold a stale translation of it has flushed. The
 * moment of the last use as a type is stamped in tlb_stamp; who takes the frame next flushes the
 * CPUs of the owner's dirty mask that have not flushed since (flush_filter()).
 */
#ifndef HV_MM_H
#define HV_MM_H

#include <hv/page.h>
#include <hv/list.h>
#include <hv/spinlock.h>
#include <hv/cpumask.h>

struct domain;

/* count_info: flags above, reference count below. */
#define PGC_allocated (1UL << 63) /* the owner's own reference */
#define PGC_xen (1UL << 62)       /* hypervisor memory; with an owner: shared with that domain */
#define PGC_state_free (1UL << 61)
#define PGC_offline (1UL << 60)
#define PGC_extra (1UL << 59)     /* not counted in tot_pages */
#define PGC_dirty_free (1UL << 58) /* free and not scrubbed yet */
#define PGC_cacheattr_mask (7UL << 55) /* memory type the guest mapped it with */
#define PGC_boot_dirty (1UL << 54) /* free since boot with whatever the RAM held */
#define PGC_need_flush (1UL << 53) /* free or anonymous: CPUs that have not flushed since
                                      tlb_stamp may translate to it */
#define PGC_not_ram (1UL << 52)   /* device memory, firmware's, or no memory: no page_info to use */
#define PGC_noncoherent (1UL << 51) /* had uncached mappings: flushed from
                                       caches before it is validated */
#define PGC_foreign (1UL << 50)     /* had a writable mapping by a domain that isn't its owner */
#define PGC_count_mask ((1UL << 48) - 1)

/* type_info: type, flags, count. */
#define PGT_none (0UL << 60)
#define PGT_l1_page_table (1UL << 60)
#define PGT_l2_page_table (2UL << 60)
#define PGT_l3_page_table (3UL << 60)
#define PGT_l4_page_table (4UL << 60)
#define PGT_seg_desc_page (5UL << 60) /* GDT or LDT */
#define PGT_shared_page (6UL << 60)   /* hypervisor page shared with a guest */
#define PGT_writable_page (7UL << 60) /* has writable mappings */
#define PGT_type_mask (7UL << 60)
#define PGT_pinned (1UL << 59)
#define PGT_validated (1UL << 58)
#define PGT_partial (1UL << 57)       /* validation or its undoing was interrupted */
#define PGT_locked (1UL << 56)        /* entries of a page table are being changed */
#define PGT_count_mask ((1UL << 48) - 1)

struct page_info {
    unsigned long count_info;
    unsigned long type_info;
    union {
        struct {
            uint16_t owner;     /* in use: domid + 1 of the owner; 0 = none */
            uint16_t progress;  /* a page table with PGT_partial: entries done so far,
                                   PT_ENTRY_HELD */
        };
        uint32_t order;         /* free: first frame of a free chunk of 1 << order */
    };
    uint32_t tlb_stamp;         /* tlb clock at the last use as type_info's type, or when freed */
    uint32_t next, prev;        /* list links: frame numbers, PAGE_LIST_NIL at the ends */
};
_Static_assert(sizeof(struct page_info) == 32, "frame table entry");
#define PT_ENTRY_HELD 0x8000    /* in progress: the entry at this index holds a partial reference */

#define PAGE_LIST_NIL 0xffffffffu
struct page_list { uint32_t first, last; unsigned long count; };
#define PAGE_LIST_INIT { PAGE_LIST_NIL, PAGE_LIST_NIL, 0 }

#ifdef HV_UNIT_TEST
extern struct page_info *unit_frame_table;
#define frame_table unit_frame_table
#else
#define frame_table ((struct page_info *)FRAMETABLE_VIRT_START)
#endif
extern unsigned long max_page;      /* frames below this may be RAM and have a struct page_info */
extern unsigned long total_pages;   /* frames of RAM given to the allocator at boot */

static inline mfn_t page_to_mfn(const struct page_info *pg) { return (mfn_t)(pg - frame_table); }
static inline struct page_info *mfn_to_page(mfn_t mfn) { return frame_table + mfn; }
static inline void *page_to_virt(const struct page_info *pg)
{
    return mfn_to_virt(page_to_mfn(pg));
}
static inline struct page_info *virt_to_page(const void *p) { return mfn_to_page(virt_to_mfn(p)); }
static inline paddr_t page_to_maddr(const struct page_info *pg)
{
    return pfn_to_paddr(page_to_mfn(pg));
}
/* The frame table exists in groups of 2 MiB, where there is any RAM. */
#define FRAMES_PER_GROUP ((1UL << L2_SHIFT) / sizeof(struct page_info))
extern unsigned long frame_groups[];
/* True if the frame is RAM with a valid page_info. */
static inline bool mfn_valid(mfn_t mfn)
{
    return mfn < max_page && test_bit(mfn / FRAMES_PER_GROUP, frame_groups) &&
           !(READ_ONCE(frame_table[mfn].count_info) & PGC_not_ram);
}

/* Lists of frames; the caller holds the lock that protects the list. */
void page_list_add(struct page_list *l, struct page_info *pg);
void page_list_add_tail(struct page_list *l, struct page_info *pg);
void page_list_del(struct page_list *l, struct page_info *pg);
struct page_info *page_list_first(const struct page_list *l); /* NULL if empty */
struct page_info *page_list_next(const struct page_info *pg); /* NULL at the end */
struct page_info *page_list_pop(struct page_list *l);

/* --- Buddy allocator (hv/mm/page_alloc.c) --- */
#define MEMF_no_owner (1u << 0)    /* domain memory accounting skipped */
#define MEMF_no_refcount (1u << 1) /* not counted in tot_pages */
#define MEMF_no_scrub (1u << 2)    /* contents don't matter: the caller overwrites all */
#define MEMF_low (1u << 3)         /* may use the DMA reserve */
#define MEMF_exact_node (1u << 4)  /* from MEMF_node's node or not at all */
#define MEMF_bits(n) ((n) << 8)    /* machine address below 1 << n; 0 = any */
#define MEMF_get_bits(f) (((f) >> 8) & 0xff)
#define MEMF_node(n) (((n) + 1u) << 16) /* first from this node, which need not exist; else from the
                                           domain's nodes in turn; else from this CPU's */
#define MEMF_get_node(f) ((((f) >> 16) & 0xff) - 1u) /* ~0: none */
#define MAX_ORDER 20

/* 1 << order contiguous, zeroed (unless no_scrub) frames for the hypervisor; count_info = PGC_xen |
   1. NULL when there are none. Any context but interrupts. */
struct page_info *alloc_xen_pages(unsigned int order, unsigned int memflags);
void free_xen_pages(struct page_info *pg, unsigned int order);
void *alloc_xen_page(void);             /* one zeroed page by its direct-map address, or NULL */
void free_xen_page(void *p);
/* Frames for a domain: owner set, on d->page_list, counted against max_pages (-ENOMEM as NULL
   when over). d may be NULL: anonymous frames, to be given away with assign_pages(). TLB
   safety of reuse is done here. */
struct page_info *alloc_domain_pages(struct domain *d, unsigned int order, unsigned int memflags);
/* Back to the allocator; the reference count must be 0. Scrubbed later, before reuse. */
void free_domain_pages(struct page_info *pg, unsigned int order);
/* Makes anonymous frames d's. 0, -EINVAL (dying), -E2BIG (over max_pages). */
int assign_pages(struct domain *d, struct page_info *pg, unsigned int order, unsigned int memflags);
/* Takes a frame (which must be d's with only the PGC_allocated reference and no type use) from its
   owner, anonymous afterwards. 0 or -EBUSY/-EINVAL. */
int steal_page(struct domain *d, struct page_info *pg, unsigned int memflags);
unsigned long free_pages_total(void);   /* free frames now */
unsigned long free_pages_below(unsigned int bits);
/* Of one node, below 1 << bits (0: all); 0 for a node that does not exist. */
unsigned long free_pages_of_node(unsigned int node, unsigned int bits);
/* Reserves n frames for d (XENMEM_claim_pages); 0 cancels. 0, -ENOMEM, -EINVAL. */
int claim_pages(struct domain *d, unsigned long n);
/* Scrubs some dirty free frames; false when there is none left. Called by the idle loop. */
bool scrub_free_pages(void);

/* Boot-time allocator: frames taken from the memory map before the buddy
   allocator runs; never freed. */
paddr_t boot_alloc(size_t bytes, size_t align);

/* --- Small objects (hv/mm/heap.c) --- */
/* 16-byte aligned; NULL without memory. Not in interrupt context. Sizes over a
   page are rounded to frames. */
void *xmalloc(size_t size);
void *xzalloc(size_t size);
void *xzalloc_array(size_t n, size_t size); /* checks for overflow */
void xfree(void *p);                        /* NULL is allowed */
#define xzalloc_struct(type) ((type *)xzalloc(sizeof(type)))
unsigned long heap_frames(void);            /* frames that objects lie in: no others are held */
void heap_dump(void);                       /* prints them, by size of object */

/* --- References (hv/mm/page_ref.c) --- */
static inline struct page_info *frame_of(mfn_t mfn)
{
    return mfn_valid(mfn) ? mfn_to_page(mfn) : NULL;
}
struct domain *page_get_owner(const struct page_info *pg); /* NULL = none; only stable while
                                                              referenced */
void page_set_owner(struct page_info *pg, struct domain *d);
/* Adds a reference if pg is in use and belongs to d. */
bool get_page(struct page_info *pg, struct domain *d);
/* Adds a reference whoever owns it; returns the owner or NULL (no reference then). */
struct domain *page_get_owner_and_reference(struct page_info *pg);
void put_page(struct page_info *pg);
/* Gives up the owner's own reference once; harmless if done already. */
void put_page_alloc_ref(struct page_info *pg);
/* Makes a hypervisor page mappable by d: owner d, PGC_xen, type shared (rw
   or read-only by `writable`). */
void share_xen_page(struct page_info *pg, struct domain *d, bool writable);
/* Undoes share_xen_page; the page stays the hypervisor's. False while the guest still has
   references. True if that was done before. */
bool unshare_xen_page(struct page_info *pg);

/* --- Types (pv/page_type.c) --- */
/* Takes a use of pg as `type`, validating its content if it is the first. Preemptible forms return
   -ERESTART when work is left: getting must be tried again; what is left of putting is done at the
   vCPU's next page-table hypercall, so the caller has only to see that there is one. -EINVAL: in
   use as another type, or contents refused. The caller holds a reference. */
int get_page_type(struct page_info *pg, unsigned long type);
int get_page_type_preemptible(struct page_info *pg, unsigned long type);
void put_page_type(struct page_info *pg);
int put_page_type_preemptible(struct page_info *pg);
/* put_page() of a last reference calls this if PGC_cacheattr_mask has bits set: the
   direct map is write-back again. */
void page_reset_cacheattr(struct page_info *pg);
static inline int get_page_and_type(struct page_info *pg, struct domain *d, unsigned long type);
static inline void put_page_and_type(struct page_info *pg)
{
    put_page_type(pg);
    put_page(pg);
}
static inline int get_page_and_type(struct page_info *pg, struct domain *d, unsigned long type)
{
    int rc;
    if (!get_page(pg, d))
        return -22; /* EINVAL */
    rc = get_page_type(pg, type);
    if (rc)
        put_page(pg);
    return rc;
}

/* --- Machine-to-physical table (hv/mm/m2p.c) --- */
#ifdef HV_UNIT_TEST
extern unsigned long *unit_m2p;
#define m2p_table unit_m2p
#else
/* The writable view; guests read theirs at M2P_VIRT_START, where the pages are user pages. */
#define m2p_table ((unsigned long *)M2P_RW_VIRT_START)
#endif
#define INVALID_M2P_ENTRY (~0UL)
/* First of the frames that hold 2 MiB of the table (entries of 1 GiB of RAM);
   INVALID_MFN where there is no RAM. */
mfn_t m2p_chunk_mfn(unsigned long chunk);
void m2p_share(void); /* boot, once dom_xen exists */
static inline void set_gpfn_from_mfn(mfn_t mfn, unsigned long pfn) { m2p_table[mfn] = pfn; }

/* --- Hypervisor page tables (hv/mm/paging.c) --- */
extern pte_t idle_root[PT_ENTRIES];     /* root with the hypervisor's slots only */
/* Maps nr frames at va with flags PAGE_HV_*; uses superpages where aligned. Flushes locally what it
   replaced; the caller does remote CPUs (flush_all()). 0 or -ENOMEM. */
int map_hv_pages(unsigned long va, mfn_t mfn, unsigned long nr, uint64_t flags);
void unmap_hv_pages(unsigned long va, unsigned long nr);
int protect_hv_pages(unsigned long va, unsigned long nr, uint64_t flags);
/* Makes large pages again of what protect_hv_pages() split around va, where all is alike; flushes
   all CPUs then and gives the tables back. Interrupts on, no locks that a flush could wait for. */
void join_hv_pages(unsigned long va);
/* A device window of any length, uncached; NULL without address space. iounmap
   takes what ioremap returned. */
void *ioremap(paddr_t pa, size_t len);
void iounmap(void *va, size_t len);
/* Address space for so many scattered frames, to be filled by map_hv_pages(); NULL without address
   space. vunmap() takes the mappings away and gives it back. */
void *vmap_reserve(unsigned long pages);
void vunmap(void *va);
/* --- Large memory (hv/mm/vmalloc.c) --- */
/* Frames from wherever there are some, contiguous for the hypervisor at the address returned;
   contents undefined; NULL without memory. vfree() takes the same number; NULL is allowed.
   Interrupts on, no locks: unmapping flushes all CPUs. */
void *vmalloc(unsigned long pages);
void vfree(void *va, unsigned long pages);
/* The frame mapped at an address of the hypervisor's slots, INVALID_MFN if there is none. */
mfn_t hv_page_mfn(unsigned long va);
/* Fills the hypervisor's 16 slots of a guest root table: the shared
   ones and d's per-domain table. */
void init_root_hv_slots(pte_t *root, const struct domain *d);
/* Builds direct map, frame table, M2P for all RAM of the memory map; switches to
   the final tables. Boot only. */
void paging_init(void);
/* Write-protects text and rodata, removes execute from data. Boot only, after all
   CPUs are up, before guests run. */
void paging_protect(void);
/* Gives back .init, code and data: nothing so marked may be used
   afterwards. The last step of boot. */
void paging_free_init(void);

#endif
