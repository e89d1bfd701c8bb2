/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A small world for unit tests of domain code: frames in an array, domains in a table, guest memory
 * that is the test's own, and everything else (scheduler, interrupts, flushes) as counters. Include
 * once, in the test file; it defines functions.
 */
#ifndef UNIT_WORLD_H
#define UNIT_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <hv/backend.h>
#include <hv/errno.h>
#include <hv/flush.h>
#include <hv/hypercall.h>
#include <hv/printk.h>
#include <hv/sched.h>
#include <hv/uaccess.h>
#include <xen/grant_table.h>

#define WORLD_FRAMES 4096u
#define WORLD_DOMAINS 8u
#define WORLD_RESULT 0x5a5a        /* what a continued hypercall returns */
#define BAD_POINTER ((void *)0x10) /* copies to and from it fault */

static char world_ram[WORLD_FRAMES][PAGE_SIZE] __attribute__((aligned(4096)));
static struct page_info world_frames[WORLD_FRAMES];
static unsigned long world_m2p[WORLD_FRAMES];
static struct domain *world_domains[WORLD_DOMAINS];

char *unit_directmap = world_ram[0];
struct page_info *unit_frame_table = world_frames;
unsigned long *unit_m2p = world_m2p;
struct vcpu *unit_current;
unsigned long max_page = WORLD_FRAMES;
struct domain *dom0;
DEFINE_PER_CPU(unsigned long, softirq_pending);

/* What the code did to the outside. */
static struct {
    unsigned int kicks, unblocks, crashes, flushes, continuations, cont_op;
    struct vcpu *kicked, *unblocked;
    unsigned long cont_args[6];
    long live_objects;             /* xmalloc'ed and not freed */
    unsigned int preempt_after;    /* copies from the guest until a softirq is pending; 0 = never */
    void (*on_flush)(void);
} world;

unsigned int unit_cpu(void) { return 0; }
unsigned long unit_this_cpu_offset(void) { return 0; }

/* --- heap and frames --- */

void *xmalloc(size_t n)
{
    world.live_objects++;
    return malloc(n);
}
void *xzalloc(size_t n)
{
    world.live_objects++;
    return calloc(1, n ? n : 1);
}
void *xzalloc_array(size_t n, size_t size) { return xzalloc(n * size); }
void xfree(void *p)
{
    if (p)
        world.live_objects--;
    free(p);
}

unsigned long frame_groups[1] = { ~0UL };

static struct page_info *world_take_frames(unsigned int order)
{
    unsigned long n = 1UL << order;
    for (unsigned long m = n; m + n <= WORLD_FRAMES; m += n) {
        unsigned long i = 0;
        while (i < n && !world_frames[m + i].count_info)
            i++;
        if (i < n)
            continue;
        for (i = 0; i < n; i++) {
            world_frames[m + i] = (struct page_info){ .count_info = PGC_state_free };
            memset(world_ram[m + i], 0, PAGE_SIZE);
        }
        return &world_frames[m];
    }
    return NULL;
}

void *alloc_xen_page(void)
{
    struct page_info *pg = world_take_frames(0);
    if (pg)
        pg->count_info = PGC_xen | 1;
    return pg ? page_to_virt(pg) : NULL;
}
void free_xen_page(void *p)
{
    assert_int_equal(virt_to_page(p)->count_info, PGC_xen | 1);
    virt_to_page(p)->count_info = 0;
}
struct domain *page_get_owner(const struct page_info *pg)
{
    return pg->owner ? world_domains[pg->owner - 1] : NULL;
}
bool get_page(struct page_info *pg, struct domain *d)
{
    if (!(pg->count_info & PGC_count_mask) || pg->owner != d->domain_id + 1)
        return false;
    pg->count_info++;
    return true;
}
struct domain *page_get_owner_and_reference(struct page_info *pg)
{
    struct domain *d = page_get_owner(pg);
    return d && get_page(pg, d) ? d : NULL;
}
void put_page(struct page_info *pg)
{
    assert_true(pg->count_info & PGC_count_mask);
    pg->count_info--;
    if (pg->count_info & PGC_count_mask)
        return;
    assert_int_equal(pg->type_info & PGT_count_mask, 0);
    if (pg->owner)
        page_get_owner(pg)->tot_pages--;
    *pg = (struct page_info){ 0 };
}
void put_page_alloc_ref(struct page_info *pg)
{
    if (!(pg->count_info & PGC_allocated))
        return;
    pg->count_info &= ~PGC_allocated;
    put_page(pg);
}
int get_page_type(struct page_info *pg, unsigned long type)
{
    if ((pg->type_info & PGT_count_mask) && (pg->type_info & PGT_type_mask) != type)
        return -EINVAL;
    pg->type_info = type | ((pg->type_info & PGT_count_mask) + 1);
    return 0;
}
void put_page_type(struct page_info *pg)
{
    assert_true(pg->type_info & PGT_count_mask);
    pg->type_info--;
}
void share_xen_page(struct page_info *pg, struct domain *d, bool writable)
{
    pg->owner = (uint16_t)(d->domain_id + 1);
    pg->count_info++;
}
bool unshare_xen_page(struct page_info *pg)
{
    if (pg->count_info != (PGC_xen | 2))
        return false;
    pg->owner = 0;
    pg->count_info--;
    return true;
}

/* --- domains --- */

static struct page_info *world_get_gfn(struct domain *d, gfn_t gfn, bool writable)
{
    struct page_info *pg = mfn_valid(gfn) ? mfn_to_page(gfn) : NULL;
    if (!pg || !get_page(pg, d))
        return NULL;
    if (writable && get_page_type(pg, PGT_writable_page)) {
        put_page(pg);
        return NULL;
    }
    return pg;
}
static int world_physmap_add(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    for (unsigned long i = 0; i < 1UL << order; i++)
        world_m2p[mfn + i] = gfn + i;
    return 0;
}
static int world_physmap_remove(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    world_m2p[mfn] = INVALID_M2P_ENTRY;
    return 0;
}

/* Host mappings: one per address, addresses are small numbers. */
#define WORLD_ADDRESSES 1024
static struct { mfn_t mfn; unsigned int flags, cache_attr; } world_maps[WORLD_ADDRESSES];
static int world_map_result;
static int world_grant_map(uint64_t addr, mfn_t mfn, unsigned int flags, unsigned int attr)
{
    if (world_map_result)
        return world_map_result;
    assert_true(addr < WORLD_ADDRESSES);
    world_maps[addr].mfn = mfn;
    world_maps[addr].flags = flags;
    world_maps[addr].cache_attr = attr;
    return 0;
}
static int world_grant_unmap(uint64_t addr, mfn_t mfn, unsigned int flags, uint64_t new_addr)
{
    if (addr >= WORLD_ADDRESSES || world_maps[addr].mfn != mfn)
        return -1; /* GNTST_general_error */
    assert_int_equal((world_maps[addr].flags ^ flags) & (GNTMAP_readonly | GNTMAP_contains_pte), 0);
    world_maps[addr].mfn = 0;
    return 0;
}

static const struct vcpu_backend world_backend = {
    .name = "world",
    .get_gfn = world_get_gfn,
    .physmap_add = world_physmap_add,
    .physmap_remove = world_physmap_remove,
    .grant_map = world_grant_map,
    .grant_unmap = world_grant_unmap,
};

/* A frame of d's with the owner's reference. */
__attribute__((unused)) static struct page_info *world_page(struct domain *d)
{
    struct page_info *pg = world_take_frames(0);
    assert_non_null(pg);
    pg->owner = (uint16_t)(d->domain_id + 1);
    pg->count_info = PGC_allocated | 1;
    d->tot_pages++;
    return pg;
}

__attribute__((unused)) static struct domain *world_domain(domid_t id, unsigned int vcpus)
{
    struct domain *d = calloc(1, sizeof(*d));
    assert_non_null(d);
    d->domain_id = id;
    d->is_control = id == 0;
    d->backend = &world_backend;
    d->refcnt.counter = 1;
    d->max_pages = WORLD_FRAMES;
    d->max_evtchn_port = INT32_MAX;
    d->nr_pirqs = 32;
    d->shared_info = alloc_xen_page();
    d->max_vcpus = vcpus;
    d->vcpu = calloc(vcpus, sizeof(*d->vcpu));
    for (unsigned int i = 0; i < vcpus; i++) {
        d->vcpu[i] = calloc(1, sizeof(struct vcpu));
        d->vcpu[i]->domain = d;
        d->vcpu[i]->vcpu_id = i;
        d->vcpu[i]->processor = i;
        d->vcpu[i]->vcpu_info = &d->shared_info->vcpu_info[i];
    }
    snprintf(d->name, sizeof(d->name), "d%u", id);
    world_domains[id] = d;
    if (id == 0) {
        dom0 = d;
        unit_current = d->vcpu[0];
    }
    return d;
}

__attribute__((unused)) static void world_drop_domain(struct domain *d)
{
    assert_int_equal(d->refcnt.counter, 1);
    free_xen_page(d->shared_info);
    for (unsigned int i = 0; i < d->max_vcpus; i++)
        free(d->vcpu[i]);
    world_domains[d->domain_id] = NULL;
    free(d->vcpu);
    free(d);
}

/* Every test starts with an empty world; a hang is a failure. */
static void world_begin(void)
{
    memset(&world, 0, sizeof(world));
    memset(world_frames, 0, sizeof(world_frames));
    memset(world_maps, 0, sizeof(world_maps));
    world_map_result = 0;
    unit_irqs_off = false;
    per_cpu__softirq_pending = 0;
    alarm(60);
}
__attribute__((unused)) static void world_end(void)
{
    assert_int_equal(world.live_objects, 0);
    assert_false(unit_irqs_off);
    for (unsigned int i = 0; i < WORLD_FRAMES; i++)
        if (world_frames[i].count_info & PGC_xen)
            fail_msg("frame %u of the hypervisor is leaked", i);
}

bool get_domain(struct domain *d)
{
    d->refcnt.counter++;
    return true;
}
void put_domain(struct domain *d)
{
    assert_true(d->refcnt.counter > 1);
    d->refcnt.counter--;
}
struct domain *get_domain_by_id(domid_t id)
{
    struct domain *d = id < WORLD_DOMAINS ? world_domains[id] : NULL;
    return d && get_domain(d) ? d : NULL;
}
struct domain *get_domain_by_any_id(domid_t id)
{
    return get_domain_by_id(id == DOMID_SELF ? unit_current->domain->domain_id : id);
}
struct domain *target_domain(domid_t id, int *err)
{
    struct domain *d = get_domain_by_any_id(id);
    *err = d ? 0 : -ESRCH;
    if (d && d != unit_current->domain && !unit_current->domain->is_control) {
        put_domain(d);
        *err = -EPERM;
        d = NULL;
    }
    return d;
}
void domain_crash(struct domain *d, const char *fmt, ...) { world.crashes++; }

/* --- the rest --- */

int copy_from_guest(void *dst, const void *gva, size_t len)
{
    if (world.preempt_after && --world.preempt_after == 0)
        per_cpu__softirq_pending = 1;
    if (gva == NULL || gva == BAD_POINTER) {
        memset(dst, 0, len);
        return -EFAULT;
    }
    memcpy(dst, gva, len);
    return 0;
}
int copy_to_guest(void *gva, const void *src, size_t len)
{
    if (gva == NULL || gva == BAD_POINTER)
        return -EFAULT;
    memcpy(gva, src, len);
    return 0;
}
long hypercall_continue(unsigned int op, unsigned int nargs, const unsigned long *args)
{
    world.continuations++;
    world.cont_op = op;
    memcpy(world.cont_args, args, nargs * sizeof(*args));
    per_cpu__softirq_pending = 0;
    return WORLD_RESULT;
}
void vcpu_kick(struct vcpu *v)
{
    world.kicks++;
    world.kicked = v;
}
void vcpu_unblock(struct vcpu *v)
{
    world.unblocks++;
    world.unblocked = v;
}
void flush_mask(const cpumask_t *mask, unsigned int flags, unsigned long va)
{
    world.flushes++;
    if (world.on_flush)
        world.on_flush();
}
void printk(const char *fmt, ...) { }
const char *current_name(void) { return "test"; }
uint32_t trace_mask;
void trace_record(uint32_t cls, uint64_t a, uint64_t b, uint64_t c, uint64_t d) { }

#endif
