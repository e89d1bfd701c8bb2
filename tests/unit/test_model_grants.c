/* SPDX-License-Identifier: BSD-2-Clause */
/* Grant tables model-checked: the shipped source through all interleavings of two vCPUs that map,
   unmap and copy by one entry and of the guest that owns it (explore.h); with seeded errors, to see
   that they are found. */
/* traced: hv/domain/grant.c hv/domain/grant_entry.c hv/domain/grant_map.c */
/* traced: hv/domain/grant_maptrack.c hv/domain/grant_copy.c */
/* cflags: -DHV_UNIT_TEST -O2 -fno-sanitize=address */
#include <hv/atomic.h>
#include "explore.h"
#include "world.h"
#include "../../hv/domain/grant_priv.h"
#include <hv/iocap.h>
#include <hv/param.h>

#define REF 9
#define OTHER_REF 10
#define FIRST_ADDR 1        /* where the setting has it mapped already */
#define ADDRESSES 8

struct rangeset *mmio_ro_ranges;
bool iomem_access_permitted(const struct domain *d, unsigned long s, unsigned long e)
{
    return false;
}
bool rangeset_contains(const struct rangeset *r, unsigned long s, unsigned long e)
{
    return false;
}

static struct domain *mapper, *owner;
static struct page_info *pg, *own;
static grant_entry_v1_t *entries;

/* Told apart by the search, too. */
static struct {
    unsigned int handle[3];     /* by vCPU, and of the mapping that is there at the start */
    int16_t status[3];
    bool stale[ADDRESSES];      /* a CPU may hold a translation for this address */
    bool ended, given_on, swapped; /* what the owner has done, as it saw it succeed */
} seen;

/* --- processors: they fetch a mapping at once, and keep it until they flush --- */

static void at_flush(void)
{
    ex_step();
    if (ex_mutation != EX_NO_FLUSH)
        for (unsigned int i = 0; i < ADDRESSES; i++)
            seen.stale[i] = world_maps[i].mfn == page_to_mfn(pg);
}

static void fetch(void)
{
    for (unsigned int i = 0; i < ADDRESSES; i++)
        seen.stale[i] |= world_maps[i].mfn == page_to_mfn(pg);
}

/* An address where something else is mapped is the guest's error here, as in a page table. */
static int unmap_at(uint64_t addr, mfn_t mfn, unsigned int flags, uint64_t new_addr)
{
    if (addr >= ADDRESSES || world_maps[addr].mfn != mfn ||
        (world_maps[addr].flags ^ flags) & GNTMAP_readonly)
        return GNTST_general_error;
    world_maps[addr].mfn = 0;
    return GNTST_okay;
}

/* --- what the mapping domain's vCPUs do --- */

static unsigned int self(void) { return (unsigned int)ex_running; }

static void map_with(unsigned int flags, unsigned int who)
{
    struct gnttab_map_grant_ref op = { .dom = owner->domain_id, .ref = REF, .flags = flags,
                                       .host_addr = FIRST_ADDR + 1 + who, .status = 99 };

    do_grant_table_op(GNTTABOP_map_grant_ref, &op, 1);
    seen.handle[who] = op.handle;
    seen.status[who] = op.status;
}

static int16_t unmap(unsigned int handle, uint64_t addr, uint64_t dev)
{
    struct gnttab_unmap_grant_ref op = { .handle = handle, .host_addr = addr, .dev_bus_addr = dev,
                                         .status = 99 };

    do_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1);
    return op.status;
}

static void map_writable(void) { map_with(GNTMAP_host_map, self()); }
static void map_readonly(void) { map_with(GNTMAP_host_map | GNTMAP_readonly, self()); }
static void unmap_first(void) { unmap(seen.handle[2], FIRST_ADDR, 0); }
static void map_and_unmap(void)
{
    unsigned int who = self();

    map_writable();
    if (seen.status[who])
        return;
    unmap(seen.handle[who], FIRST_ADDR + 1 + who, 0);
    seen.status[who] = 1;
}
static void replace_first(void)
{
    struct gnttab_unmap_and_replace op = { .handle = seen.handle[2], .host_addr = FIRST_ADDR,
                                           .new_addr = ADDRESSES - 1 };

    do_grant_table_op(GNTTABOP_unmap_and_replace, &op, 1);
}
static void copy_to(void)
{
    struct gnttab_copy op = { .dest.u.ref = REF, .dest.domid = owner->domain_id, .len = 8,
                              .source.u.gmfn = page_to_mfn(own), .source.domid = DOMID_SELF,
                              .flags = GNTCOPY_dest_gref };

    do_grant_table_op(GNTTABOP_copy, &op, 1);
}
static void unmap_guess(void) { unmap(seen.handle[2] ^ 1, FIRST_ADDR + 1, 0); }

/* --- what the owner does: with its memory, as guests do --- */

static void nothing(void) {}

static void end_access(void)
{
    uint16_t flags = __atomic_load_n(&entries[REF].flags, __ATOMIC_SEQ_CST);

    ex_step();
    if (!(flags & (GTF_reading | GTF_writing)) &&
        __atomic_compare_exchange_n(&entries[REF].flags, &flags, 0, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST))
        seen.ended = true;
}

/* The entry goes to somebody else; whoever has it keeps it. */
static void give_on(void)
{
    uint32_t word = __atomic_load_n((uint32_t *)&entries[REF], __ATOMIC_SEQ_CST);

    ex_step();
    if (!(word & (GTF_reading | GTF_writing)) &&
        __atomic_compare_exchange_n((uint32_t *)&entries[REF], &word,
                                    5u << 16 | GTF_permit_access, false, __ATOMIC_SEQ_CST,
                                    __ATOMIC_SEQ_CST))
        seen.given_on = true;
}

static void swap_refs(void)
{
    struct gnttab_swap_grant_ref op = { .ref_a = REF, .ref_b = OTHER_REF, .status = 99 };

    do_grant_table_op(GNTTABOP_swap_grant_ref, &op, 1);
    seen.swapped = op.status == GNTST_okay;
}

static const struct { const char *name; void (*fn)(void); } acts[] = {
#define ACT(n) { #n, n }
    ACT(map_writable), ACT(map_readonly), ACT(unmap_first), ACT(map_and_unmap),
    ACT(replace_first), ACT(copy_to), ACT(unmap_guess),
}, owner_acts[] = { ACT(nothing), ACT(end_access), ACT(give_on), ACT(swap_refs) };

static unsigned int act[2], owner_act;
static bool mapped_first;

static void vcpu0(void) { acts[act[0]].fn(); }
static void vcpu1(void) { acts[act[1]].fn(); }
static void guest(void) { owner_acts[owner_act].fn(); }

static void ex_turn(unsigned int thread)
{
    unit_current = thread == 2 ? owner->vcpu[0] : mapper->vcpu[thread];
}

/* --- what must hold --- */

static const struct active_grant *active(unsigned int ref)
{
    return &owner->grant_table->active[0][ref];
}

static unsigned int pins_of_page(void)
{
    unsigned int n = 0;

    for (unsigned int ref = REF; ref <= OTHER_REF; ref++)
        for (unsigned int shift = 0; shift < 32; shift += 8)
            n += active(ref)->pin >> shift & 0xff;
    return n;
}

static void ex_check_state(void)
{
    unsigned long references = pg->count_info & PGC_count_mask;
    bool shown = (entries[REF].flags | entries[OTHER_REF].flags) & GTF_reading;

    fetch();
    if (references > 50 || pins_of_page() > 50 || (pg->type_info & PGT_count_mask) > 50)
        ex_fail("a count fell below 0: %lu references, pins %x, type %lx", references,
                active(REF)->pin, pg->type_info);
    for (unsigned int i = 0; i < ADDRESSES; i++) {
        if (!seen.stale[i])
            continue;
        if (references < 2)
            ex_fail("a CPU may use address %u, and the frame has no reference for it", i);
        if (!shown)
            ex_fail("a CPU may use address %u, and the entry says that nobody does", i);
    }
    if (seen.ended && (active(REF)->pin || shown))
        ex_fail("in use (%x) after the owner had ended access", active(REF)->pin);
    if (seen.given_on && active(REF)->pin)
        ex_fail("in use (%x) after it was granted to another", active(REF)->pin);
}

/* Every handle is free or in use, none twice. */
static void check_handles(unsigned int in_use)
{
    const struct grant_table *gt = mapper->grant_table;
    bool free_handle[TRACKS_PER_FRAME] = { false };
    unsigned int n = 0;

    for (unsigned int h = gt->free_track; h != TRACK_NONE; n++) {
        if (h >= gt->nr_tracks || free_handle[h])
            ex_fail("handle %u is in the free list twice, or none", h);
        free_handle[h] = true;
        h = maptrack_entry(gt, h)->ref;
    }
    if (n + in_use != gt->nr_tracks)
        ex_fail("%u handles free, %u in use, of %u", n, in_use, gt->nr_tracks);
}

static void ex_check_end(void)
{
    const struct grant_table *gt = mapper->grant_table;
    unsigned int in_use = 0;

    unit_current = mapper->vcpu[0];
    for (unsigned int i = 0; i < 2; i++) {
        struct grant_table *t = world_domains[i]->grant_table;

        if (ex_mutation == EX_NO_LOCKS)
            t->lock.tickets = t->maptrack_lock.tickets = 0;
        if (t->lock.head != t->lock.tail || t->maptrack_lock.head != t->maptrack_lock.tail)
            ex_fail("a lock is held at the end");
    }
    for (unsigned int h = 0; h < 8; h++)
        in_use += !!(maptrack_entry(gt, h)->flags & MAP_BITS);
    check_handles(in_use);
    if (pins_of_page() != in_use)
        ex_fail("%u mappings, pins %x", in_use, active(REF)->pin);
    for (unsigned int h = 0; h < 8; h++)
        for (unsigned int i = 1; i < ADDRESSES && maptrack_entry(gt, h)->flags & MAP_BITS; i++)
            unmap(h, i, 0);
    check_handles(0);
    if (pins_of_page() || (pg->count_info & PGC_count_mask) != 1 ||
        (pg->type_info & PGT_count_mask))
        ex_fail("at the end: pins %x, %lu references, type %lx", active(REF)->pin,
                pg->count_info & PGC_count_mask, pg->type_info);
    if ((entries[REF].flags | entries[OTHER_REF].flags) & (GTF_reading | GTF_writing))
        ex_fail("at the end the entry is shown as in use: %x", entries[REF].flags);
    if (owner->refcnt.counter != 1 || mapper->refcnt.counter != 1)
        ex_fail("references of domains: %d, %d", owner->refcnt.counter, mapper->refcnt.counter);
}

static uint64_t ex_more_state(void) { return 1; }

static bool ex_mutated_field(const volatile void *p, size_t size)
{
    if (ex_mutation == EX_NO_LOCKS)
        return p == &owner->grant_table->lock.tail || p == &mapper->grant_table->maptrack_lock.tail;
    return p == &entries[REF];
}

/* --- the search --- */

static void set_up(void)
{
    static struct vcpu_backend backend;
    struct grant_table *gt;
    mfn_t mfn = 0;

    world_begin();
    alarm(0);
    mapper = world_domain(0, 2);
    owner = world_domain(1, 1);
    backend = world_backend;
    backend.grant_unmap = unmap_at;
    mapper->backend = &backend;
    unit_current = mapper->vcpu[0];
    if (grant_table_init(mapper, 4, 1) || grant_table_init(owner, 4, 1) ||
        grant_table_frame(owner, 0, &mfn))
        abort();
    entries = mfn_to_virt(mfn);
    pg = world_page(owner);
    own = world_page(mapper);
    memset(&seen, 0, sizeof(seen));
    memset(world_maps, 0, sizeof(world_maps));
    for (unsigned int ref = REF; ref <= OTHER_REF; ref++)
        entries[ref] = (grant_entry_v1_t){ .flags = GTF_permit_access, .domid = mapper->domain_id,
                                           .frame = (uint32_t)page_to_mfn(pg) };
    map_with(GNTMAP_host_map, 0);
    if (seen.status[0])
        abort();
    seen.handle[2] = seen.handle[0];
    unmap(seen.handle[0], FIRST_ADDR + 1, 0);
    if (mapped_first) {
        struct gnttab_map_grant_ref op = { .dom = 1, .ref = REF, .flags = GNTMAP_host_map,
                                           .host_addr = FIRST_ADDR };

        do_grant_table_op(GNTTABOP_map_grant_ref, &op, 1);
        seen.handle[2] = op.handle;
    }
    fetch();
    world.on_flush = at_flush;
    ex_forget_areas();
    for (unsigned int i = 0; i < 2; i++) {
        gt = world_domains[i]->grant_table;
        ex_area(gt, sizeof(*gt), EX_WATCH | EX_STATE);
        ex_area(&world_domains[i]->refcnt, sizeof(owner->refcnt), EX_STATE);
    }
    ex_area(mapper->grant_table->maptrack[0], 8 * sizeof(struct grant_mapping),
            EX_WATCH | EX_STATE);
    ex_area(&owner->grant_table->active[0][REF], 2 * sizeof(struct active_grant),
            EX_WATCH | EX_STATE);
    ex_area(&entries[REF], 2 * sizeof(entries[0]), EX_WATCH | EX_STATE);
    ex_area(world_maps, ADDRESSES * sizeof(world_maps[0]), EX_STATE);
    ex_area(pg, sizeof(*pg), EX_WATCH | EX_STATE);
    ex_area(own, sizeof(*own), EX_STATE);
    ex_area(&seen, sizeof(seen), EX_STATE);
}

static unsigned long states, runs;

static bool search(void)
{
    static void (*const threads[])(void) = { vcpu0, vcpu1, guest };
    bool good;

    set_up();
    good = ex_explore(threads, ARRAY_SIZE(threads));
    states += ex_states;
    runs += ex_runs;
    ex_prepare();
    unit_current = mapper->vcpu[0];
    if (mapped_first)
        unmap(seen.handle[2], FIRST_ADDR, 0);
    for (unsigned int i = 0; i < 2; i++) {
        struct domain *d = world_domains[i];

        grant_table_free(d);
        world_drop_domain(d);
    }
    return good;
}

static bool search_all(void)
{
    for (unsigned int m = 0; m < 2; m++)
        for (act[0] = 0; act[0] < ARRAY_SIZE(acts); act[0]++)
            for (act[1] = act[0]; act[1] < ARRAY_SIZE(acts); act[1]++)
                for (owner_act = 0; owner_act < ARRAY_SIZE(owner_acts); owner_act++) {
                    mapped_first = m;
                    if (!search())
                        return false;
                }
    return true;
}

static void report(const char *what, bool good)
{
    printf("%s: %lu states in %lu runs: %s\n", what, states, runs,
           good ? "nothing wrong" : ex_violation);
    if (!good)
        printf("  vCPU 0: %s, vCPU 1: %s, owner: %s, %s\n", acts[act[0]].name, acts[act[1]].name,
               owner_acts[owner_act].name, mapped_first ? "mapped before" : "not mapped before");
}

int main(void)
{
    static const struct { enum ex_mutation m; const char *what; } seeded[] = {
        { EX_NO_FLUSH, "without the flush" },
        { EX_BLIND_CMPXCHG, "an entry is claimed without comparing" },
        { EX_NO_LOCKS, "without locks" },
    };
    bool good = search_all();

    report("as shipped", good);
    if (!good) {
        ex_show_path();
        return 1;
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(seeded); i++) {
        states = runs = 0;
        ex_mutation = EX_SHIPPED;
        ex_mutation = seeded[i].m;
        good = search_all();
        report(seeded[i].what, good);
        if (good)
            return 1;
    }
    return 0;
}
