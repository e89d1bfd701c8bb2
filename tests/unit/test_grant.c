/* SPDX-License-Identifier: BSD-2-Clause */
/* Grant tables: d1 grants, dom0 maps, copies and lets go; counts of references, types and pins
 * after every step; hostile entries. */
/* sources: hv/domain/grant.c hv/domain/grant_entry.c hv/domain/grant_map.c */
/* sources: hv/domain/grant_maptrack.c hv/domain/grant_copy.c */
/* cflags: -DHV_UNIT_TEST */
/* libs: -lpthread */
#include "world.h"
#include "../../hv/domain/grant_priv.h"
#include <hv/iocap.h>
#include <hv/param.h>
#include <pthread.h>

#define IO_FRAME (WORLD_FRAMES + 7)

#define READONLY_FRAME (WORLD_FRAMES + 9)

bool iomem_access_permitted(const struct domain *d, unsigned long s, unsigned long e)
{
    return s == IO_FRAME || s == READONLY_FRAME;
}
struct rangeset *mmio_ro_ranges;
bool rangeset_contains(const struct rangeset *r, unsigned long s, unsigned long e)
{
    return s == READONLY_FRAME;
}

static struct domain *d0, *d1;
static struct page_info *pg;         /* d1's, granted in these tests */
static const unsigned long idle_count = PGC_allocated | 1;

static void run_as(struct domain *d) { unit_current = d->vcpu[0]; }
static void begin(void)
{
    world_begin();
    d0 = world_domain(0, 1);
    d1 = world_domain(1, 1);
    assert_int_equal(grant_table_init(d0, 4, 1), 0);
    assert_int_equal(grant_table_init(d1, (unsigned int)-1, (unsigned int)-1), 0);
    pg = world_page(d1);
}
static void end(void)
{
    assert_int_equal(pg->count_info, idle_count);
    assert_int_equal(pg->type_info & PGT_count_mask, 0);
    grant_table_free(d0);
    grant_table_free(d1);
    world_drop_domain(d0);
    world_drop_domain(d1);
    world_end();
}

/* d1's entry as d1 sees and writes it. */
static grant_entry_v1_t *entry(unsigned int ref)
{
    mfn_t mfn;
    assert_int_equal(grant_table_frame(d1, ref / 512, &mfn), 0);
    return (grant_entry_v1_t *)mfn_to_virt(mfn) + ref % 512;
}
static void grant(unsigned int ref, domid_t to, mfn_t frame, uint16_t flags)
{
    *entry(ref) = (grant_entry_v1_t){ .flags = flags, .domid = to, .frame = (uint32_t)frame };
}
static uint16_t flags_of(unsigned int ref) { return entry(ref)->flags; }

static struct gnttab_map_grant_ref map(unsigned int ref, unsigned int flags, uint64_t addr)
{
    struct gnttab_map_grant_ref op = {
        .dom = 1, .ref = ref, .flags = flags, .host_addr = addr, .status = 99
    };
    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, &op, 1), 0);
    return op;
}
static int unmap(uint32_t handle, uint64_t addr, uint64_t dev)
{
    struct gnttab_unmap_grant_ref op = {
        .handle = handle, .host_addr = addr, .dev_bus_addr = dev, .status = 99
    };
    assert_int_equal(do_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1), 0);
    return op.status;
}

static void test_map_unmap(void **state)
{
    struct gnttab_map_grant_ref a, b, c;
    begin();
    grant(9, 0, page_to_mfn(pg), GTF_permit_access);
    a = map(9, GNTMAP_host_map | GNTMAP_readonly, 1);
    assert_int_equal(a.status, GNTST_okay);
    assert_int_equal(a.dev_bus_addr, pfn_to_paddr(page_to_mfn(pg)));
    assert_int_equal(world_maps[1].mfn, page_to_mfn(pg));
    assert_int_equal(flags_of(9), GTF_permit_access | GTF_reading);
    assert_int_equal(pg->count_info, idle_count + 1);
    assert_int_equal(pg->type_info & PGT_count_mask, 0);
    b = map(9, GNTMAP_host_map | GNTMAP_device_map, 2);
    assert_int_equal(b.status, GNTST_okay);
    assert_int_not_equal(a.handle, b.handle);
    assert_int_equal(flags_of(9), GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(pg->count_info, idle_count + 3);
    assert_int_equal(pg->type_info & PGT_count_mask, 2);
    /* The guest takes the entry back in between: what is mapped stays mapped, nothing new can be.
     */
    entry(9)->frame = 0;
    c = map(9, GNTMAP_host_map | GNTMAP_readonly | GNTMAP_contains_pte, 3);
    assert_int_equal(c.status, GNTST_okay);
    assert_int_equal(world_maps[3].mfn, page_to_mfn(pg)); /* the frame in use, not the new number */
    assert_int_equal(unmap(c.handle, 3, 0), GNTST_okay);
    assert_int_equal(unmap(b.handle, 2, 0), GNTST_okay);  /* host half only */
    assert_int_equal(flags_of(9) & GTF_writing, GTF_writing);
    assert_int_equal(unmap(b.handle, 2, 0), GNTST_okay);  /* no host half any more: nothing to do */
    assert_int_equal(unmap(b.handle, 0, 4096), GNTST_bad_dev_addr);
    assert_int_equal(unmap(b.handle, 0, b.dev_bus_addr), GNTST_okay);
    assert_int_equal(flags_of(9), GTF_permit_access | GTF_reading);
    assert_int_equal(unmap(b.handle, 2, 0), GNTST_bad_handle);
    assert_int_equal(unmap(a.handle, 77, 0), -1);         /* not mapped there: still ours */
    assert_int_equal(unmap(a.handle, 1, 0), GNTST_okay);
    assert_int_equal(flags_of(9), GTF_permit_access);
    assert_int_equal(world_maps[1].mfn, 0);
    end();
}

static void test_refused(void **state)
{
    const unsigned int host = GNTMAP_host_map;
    struct gnttab_map_grant_ref op = { .dom = 7, .ref = 9, .flags = host };
    struct page_info *table;
    begin();
    grant(9, 0, page_to_mfn(pg), GTF_permit_access);
    assert_int_equal(map(9, 0, 1).status, GNTST_bad_gntref);
    assert_int_equal(map(512, host, 1).status, GNTST_bad_gntref); /* the table is one frame long */
    assert_int_equal(map(~0u, host, 1).status, GNTST_bad_gntref);
    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, &op, 1), 0);
    assert_int_equal(op.status, GNTST_bad_domain);
    grant(9, 3, page_to_mfn(pg), GTF_permit_access);
    assert_int_equal(map(9, host, 1).status, GNTST_bad_gntref);
    grant(9, 0, page_to_mfn(pg), GTF_invalid);
    assert_int_equal(map(9, host, 1).status, GNTST_bad_gntref);
    grant(9, 0, page_to_mfn(pg), GTF_accept_transfer);
    assert_int_equal(map(9, host, 1).status, GNTST_bad_gntref);
    grant(9, 0, page_to_mfn(pg), GTF_permit_access | GTF_readonly);
    assert_int_equal(map(9, host, 1).status, GNTST_bad_gntref);
    assert_int_equal(flags_of(9), GTF_permit_access | GTF_readonly);
    grant(9, 0, ~0u, GTF_permit_access);
    assert_int_equal(map(9, host, 1).status, GNTST_bad_page);
    assert_int_equal(flags_of(9), GTF_permit_access); /* marks are taken back */
    grant(9, 0, virt_to_mfn(d0->shared_info), GTF_permit_access); /* not its own */
    assert_int_equal(map(9, host, 1).status, GNTST_bad_page);
    table = world_page(d1);
    table->type_info = PGT_l1_page_table | 1;
    grant(9, 0, page_to_mfn(table), GTF_permit_access);
    assert_int_equal(map(9, host | GNTMAP_device_map, 1).status, GNTST_general_error);
    assert_int_equal(table->count_info, idle_count);
    assert_int_equal(flags_of(9), GTF_permit_access);
    assert_int_equal(map(9, host | GNTMAP_readonly, 1).status, GNTST_okay); /* reading it is fine */
    assert_int_equal(unmap(0, 1, 0), GNTST_okay);
    grant(9, 0, page_to_mfn(pg), GTF_permit_access);
    world_map_result = GNTST_bad_virt_addr;
    assert_int_equal(map(9, host, 1).status, GNTST_bad_virt_addr);
    assert_int_equal(flags_of(9), GTF_permit_access);
    assert_int_equal(unmap(0, 1, 0), GNTST_bad_handle);
    assert_int_equal(unmap(100000, 1, 0), GNTST_bad_handle);
    end();
}

static void test_device_memory(void **state)
{
    struct gnttab_map_grant_ref m;
    struct gnttab_copy c = { .flags = GNTCOPY_source_gref, .len = 1 };
    begin();
    grant(9, 0, IO_FRAME, GTF_permit_access | GTF_PCD);
    m = map(9, GNTMAP_host_map, 4);
    assert_int_equal(m.status, GNTST_okay);
    assert_int_equal(world_maps[4].mfn, IO_FRAME);
    assert_int_equal(world_maps[4].cache_attr, 2); /* PCD */
    c.source.u.ref = 9;
    c.source.domid = 1;
    c.dest.domid = DOMID_SELF;
    assert_int_equal(do_grant_table_op(GNTTABOP_copy, &c, 1), 0);
    assert_int_equal(c.status, GNTST_general_error);
    assert_int_equal(unmap(m.handle, 4, 0), GNTST_okay);
    grant(9, 0, IO_FRAME + 1, GTF_permit_access);
    assert_int_equal(map(9, GNTMAP_host_map, 4).status, GNTST_bad_page);
    /* Registers to be read only, also when they are mapped already. */
    grant(9, 0, READONLY_FRAME, GTF_permit_access);
    assert_int_equal(map(9, GNTMAP_host_map, 4).status, GNTST_general_error);
    assert_int_equal(flags_of(9), GTF_permit_access);
    m = map(9, GNTMAP_host_map | GNTMAP_readonly, 4);
    assert_int_equal(m.status, GNTST_okay);
    assert_int_equal(map(9, GNTMAP_host_map, 5).status, GNTST_general_error);
    assert_int_equal(flags_of(9), GTF_permit_access | GTF_reading);
    assert_int_equal(unmap(m.handle, 4, 0), GNTST_okay);
    assert_int_equal(flags_of(9), GTF_permit_access);
    end();
}

/* Handles: as many as the limit of frames gives; a pin count does not overflow into its
   neighbour. */
static void test_handles_and_pins(void **state)
{
    struct gnttab_map_grant_ref m;
    uint32_t handle[512];
    begin();
    for (unsigned int ref = 8; ref < 14; ref++)
        grant(ref, 0, page_to_mfn(pg), GTF_permit_access);
    for (unsigned int i = 0; i < 512; i++) {
        m = map(8 + i / 100, GNTMAP_host_map | GNTMAP_readonly, i + 1);
        assert_int_equal(m.status, GNTST_okay);
        handle[i] = m.handle;
    }
    assert_int_equal(map(13, GNTMAP_host_map, 600).status, GNTST_no_space);
    for (unsigned int i = 0; i < 512; i++)
        assert_int_equal(unmap(handle[i], i + 1, 0), GNTST_okay);
    for (unsigned int i = 0; i < 128; i++) {
        m = map(8, GNTMAP_host_map | GNTMAP_readonly, i + 1);
        assert_int_equal(m.status, GNTST_okay);
        handle[i] = m.handle;
    }
    assert_int_equal(map(8, GNTMAP_host_map | GNTMAP_readonly, 600).status, GNTST_general_error);
    m = map(8, GNTMAP_host_map, 601);
    assert_int_equal(m.status, GNTST_okay);
    assert_int_equal(unmap(m.handle, 601, 0), GNTST_okay);
    for (unsigned int i = 0; i < 128; i++)
        assert_int_equal(unmap(handle[i], i + 1, 0), GNTST_okay);
    assert_int_equal(flags_of(8), GTF_permit_access);
    end();
}

/* Until every CPU has flushed, the frame is referenced and shown as in use. */
static void check_at_flush(void)
{
    assert_int_equal(pg->count_info, idle_count + 2);
    assert_int_equal(flags_of(9), GTF_permit_access | GTF_reading | GTF_writing);
    assert_int_equal(world_maps[1].mfn, 0);
    assert_int_equal(world_maps[2].mfn, 0);
}

static void test_flush_comes_first(void **state)
{
    struct gnttab_unmap_grant_ref u[3];
    begin();
    grant(9, 0, page_to_mfn(pg), GTF_permit_access);
    u[0] = (struct gnttab_unmap_grant_ref){ .handle = map(9, GNTMAP_host_map, 1).handle,
                                            .host_addr = 1 };
    u[1] = u[0]; /* the same once more */
    u[2] = (struct gnttab_unmap_grant_ref){ .handle = map(9, GNTMAP_host_map, 2).handle,
                                            .host_addr = 2 };
    world.on_flush = check_at_flush;
    assert_int_equal(do_grant_table_op(GNTTABOP_unmap_grant_ref, u, 3), 0);
    assert_int_equal(world.flushes, 1); /* one for the batch */
    assert_int_equal(u[0].status, GNTST_okay);
    assert_int_equal(u[1].status, GNTST_bad_handle);
    assert_int_equal(u[2].status, GNTST_okay);
    end();
}

static void test_preemption(void **state)
{
    struct gnttab_map_grant_ref m[5] = { { 0 } };
    begin();
    grant(9, 0, page_to_mfn(pg), GTF_permit_access);
    for (unsigned int i = 0; i < 5; i++)
        m[i] = (struct gnttab_map_grant_ref){
            .dom = 1, .ref = 9, .flags = GNTMAP_host_map, .host_addr = i + 1
        };
    world.preempt_after = 3;
    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, m, 5), WORLD_RESULT);
    assert_int_equal(world.cont_op, __HYPERVISOR_grant_table_op);
    assert_int_equal(world.cont_args[0], GNTTABOP_map_grant_ref);
    assert_ptr_equal((void *)world.cont_args[1], &m[3]);
    assert_int_equal(world.cont_args[2], 2);
    assert_int_equal(world_maps[3].mfn, page_to_mfn(pg));
    assert_int_equal(world_maps[4].mfn, 0);
    assert_int_equal(do_grant_table_op(GNTTABOP_map_grant_ref, (void *)world.cont_args[1], 2), 0);
    for (unsigned int i = 0; i < 5; i++)
        assert_int_equal(unmap(m[i].handle, i + 1, 0), GNTST_okay);
    end();
}

static void test_option(void **state)
{
    static const char *const good[] = {
        "max-ver:1", "no-transfer", "transitive=off", "max-ver:1,transitive=0,transfer=false",
    };
    static const char *const bad[] = {
        "", "max-ver:2", "transfer", "transitive=1", "max-ver:1,", "max-ver:1;no-transfer",
        "max-ver:11", "no-transfer,max-ver:2,transitive=off,with-a-very-long-word-at-the-end",
    };
    extern const struct param __start_param_table[], __stop_param_table[];
    const struct param *p = __start_param_table;

    while (p < __stop_param_table && strcmp(p->name, "gnttab"))
        p++;
    assert_true(p < __stop_param_table);
    for (unsigned int i = 0; i < ARRAY_SIZE(good); i++)
        assert_int_equal(p->fn(good[i]), 0);
    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(p->fn(bad[i]), -EINVAL);
}

/* --- Races --- */

struct racer { volatile bool stop; uint32_t *word; };

/* d1 grants and takes back, as its kernel does: it ends access only by compare-and-swap when nobody
 * uses the entry. */
static void *grant_and_revoke(void *arg)
{
    struct racer *r = arg;
    while (!r->stop) {
        uint32_t want = GTF_permit_access; /* neither reading nor writing */
        if (__atomic_compare_exchange_n(r->word, &want, 0, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            __atomic_store_n(r->word, GTF_permit_access, __ATOMIC_SEQ_CST); /* granted anew */
        else if (!(want & GTF_reading))
            abort(); /* in use without a mark */
    }
    return NULL;
}

static void test_revocation_race(void **state)
{
    struct racer r = { 0 };
    unsigned int mapped = 0;
    pthread_t t;
    begin();
    grant(9, 0, page_to_mfn(pg), GTF_permit_access);
    r.word = (uint32_t *)entry(9);
    assert_int_equal(pthread_create(&t, NULL, grant_and_revoke, &r), 0);
    for (unsigned int i = 0; i < 100000 || mapped < 1000; i++) {
        struct gnttab_map_grant_ref m = map(9, GNTMAP_host_map, 1);
        if (m.status) {
            assert_true(m.status == GNTST_bad_gntref || m.status == GNTST_general_error);
            continue;
        }
        /* While it is mapped the guest can't take it back. */
        assert_int_equal(flags_of(9), GTF_permit_access | GTF_reading | GTF_writing);
        mapped++;
        assert_int_equal(unmap(m.handle, 1, 0), GNTST_okay);
    }
    r.stop = true;
    pthread_join(t, NULL);
    end();
}

/* --- Copying --- */

static int copy(struct gnttab_copy_ptr s, struct gnttab_copy_ptr d, unsigned int len,
                unsigned int flags)
{
    struct gnttab_copy c = {
        .source = s, .dest = d, .len = (uint16_t)len, .flags = (uint16_t)flags, .status = 99
    };
    assert_int_equal(do_grant_table_op(GNTTABOP_copy, &c, 1), 0);
    return c.status;
}

static void test_copy(void **state)
{
    struct page_info *mine;
    struct gnttab_copy_ptr ref, own, other;
    char *theirs, *ours;
    begin();
    mine = world_page(d0);
    theirs = page_to_virt(pg);
    ours = page_to_virt(mine);
    memset(ours, 'x', PAGE_SIZE);
    strcpy(theirs + 100, "granted");
    grant(9, 0, page_to_mfn(pg), GTF_permit_access | GTF_readonly);
    ref = (struct gnttab_copy_ptr){ .u.ref = 9, .domid = 1, .offset = 100 };
    own = (struct gnttab_copy_ptr){ .u.gmfn = page_to_mfn(mine),
                                    .domid = DOMID_SELF,
                                    .offset = 4088 };
    other = (struct gnttab_copy_ptr){ .u.gmfn = page_to_mfn(pg), .domid = 1 };
    assert_int_equal(copy(ref, own, 8, GNTCOPY_source_gref), GNTST_okay);
    assert_string_equal(ours + 4088, "granted");
    assert_int_equal(ours[4087], 'x');
    assert_int_equal(flags_of(9), GTF_permit_access | GTF_readonly);
    assert_int_equal(copy(ref, own, 9, GNTCOPY_source_gref), GNTST_bad_copy_arg);
    assert_int_equal(copy(own, ref, 8, GNTCOPY_dest_gref), GNTST_bad_gntref); /* read-only */
    assert_int_equal(copy(other, own, 8, 0), GNTST_permission_denied);
    ref.domid = 7;
    assert_int_equal(copy(ref, own, 8, GNTCOPY_source_gref), GNTST_bad_domain);
    ref.domid = 1;
    ref.u.ref = 5000;
    assert_int_equal(copy(ref, own, 8, GNTCOPY_source_gref), GNTST_bad_gntref);
    own.u.gmfn = page_to_mfn(pg);
    ref.u.ref = 9;
    assert_int_equal(copy(ref, own, 8, GNTCOPY_source_gref), GNTST_bad_page); /* not ours */
    own.u.gmfn = page_to_mfn(mine);
    mine->type_info = PGT_l1_page_table | 1;
    assert_int_equal(copy(ref, own, 8, GNTCOPY_source_gref), GNTST_general_error);
    mine->type_info = 0;
    assert_int_equal(mine->count_info, idle_count);
    end();
}

/* A batch that stays with one frame pins it once; an error in the middle spoils only itself. */
static void test_copy_batch(void **state)
{
    struct gnttab_copy c[4];
    struct page_info *mine;
    begin();
    mine = world_page(d0);
    grant(9, 0, page_to_mfn(pg), GTF_permit_access);
    for (unsigned int i = 0; i < 4; i++) {
        c[i] = (struct gnttab_copy){ .flags = GNTCOPY_dest_gref, .len = 16 };
        c[i].source = (struct gnttab_copy_ptr){ .u.gmfn = page_to_mfn(mine), .domid = DOMID_SELF };
        c[i].dest =
            (struct gnttab_copy_ptr){ .u.ref = 9, .domid = 1, .offset = (uint16_t)(i * 16) };
    }
    c[2].dest.u.ref = 10;
    memset(page_to_virt(mine), 'A', 16);
    assert_int_equal(do_grant_table_op(GNTTABOP_copy, c, 4), 0);
    assert_int_equal(c[0].status | c[1].status | c[3].status, GNTST_okay);
    assert_int_equal(c[2].status, GNTST_bad_gntref);
    assert_int_equal(((char *)page_to_virt(pg))[31], 'A');
    assert_int_equal(((char *)page_to_virt(pg))[32], 0);
    assert_int_equal(((char *)page_to_virt(pg))[63], 'A');
    assert_int_equal(flags_of(9), GTF_permit_access);
    assert_int_equal(mine->count_info, idle_count);
    end();
}

/* --- Small operations, life --- */

static void test_table_operations(void **state)
{
    xen_pfn_t frames[8] = { 0 };
    struct gnttab_setup_table s = { .dom = DOMID_SELF, .nr_frames = 3, .frame_list = { frames } };
    struct gnttab_query_size q = { .dom = DOMID_SELF };
    struct gnttab_set_version v = { .version = 2 };
    struct gnttab_get_version gv = { .dom = 1 };
    struct gnttab_get_status_frames sf = { .dom = DOMID_SELF, .nr_frames = 1 };
    begin();
    assert_int_equal(do_grant_table_op(GNTTABOP_setup_table, &s, 2), -EINVAL);
    assert_int_equal(do_grant_table_op(GNTTABOP_setup_table, &s, 1), 0);
    assert_int_equal(s.status, GNTST_okay);
    assert_true(frames[0] && frames[1] && frames[2] && !frames[3]);
    assert_ptr_equal(page_get_owner(mfn_to_page(frames[2])), d0);
    s.nr_frames = 5;
    assert_int_equal(do_grant_table_op(GNTTABOP_setup_table, &s, 1), 0);
    assert_int_equal(s.status, GNTST_general_error);
    assert_int_equal(do_grant_table_op(GNTTABOP_query_size, &q, 1), 0);
    assert_int_equal(q.nr_frames, 3);
    assert_int_equal(q.max_nr_frames, 4);
    q.dom = 7;
    assert_int_equal(do_grant_table_op(GNTTABOP_query_size, &q, 1), 0);
    assert_int_equal(q.status, GNTST_bad_domain);
    assert_int_equal(do_grant_table_op(GNTTABOP_set_version, &v, 1), -ENOSYS);
    assert_int_equal(v.version, 1);
    v.version = 3;
    assert_int_equal(do_grant_table_op(GNTTABOP_set_version, &v, 1), -EINVAL);
    v.version = 1;
    assert_int_equal(do_grant_table_op(GNTTABOP_set_version, &v, 1), 0);
    assert_int_equal(do_grant_table_op(GNTTABOP_get_version, &gv, 1), 0);
    assert_int_equal(gv.version, 1);
    assert_int_equal(do_grant_table_op(GNTTABOP_get_status_frames, &sf, 1), 0);
    assert_int_equal(sf.status, GNTST_general_error);
    assert_int_equal(do_grant_table_op(GNTTABOP_transfer, &v, 1), -EOPNOTSUPP);
    assert_int_equal(do_grant_table_op(GNTTABOP_dump_table, &v, 1), -ENOSYS);
    assert_int_equal(do_grant_table_op(13, &v, 1), -ENOSYS);
    assert_int_equal(do_grant_table_op(GNTTABOP_copy, &v, 0x80000000), -EINVAL);
    assert_int_equal(do_grant_table_op(GNTTABOP_copy, BAD_POINTER, 1), -EFAULT);
    assert_int_equal(do_grant_table_op(GNTTABOP_copy, BAD_POINTER, 0), 0);
    run_as(d1);
    q.dom = 0;
    assert_int_equal(do_grant_table_op(GNTTABOP_query_size, &q, 1), 0);
    assert_int_equal(q.status, GNTST_permission_denied);
    end();
}

static void test_swap(void **state)
{
    struct gnttab_swap_grant_ref s = { .ref_a = 9, .ref_b = 10 };
    struct gnttab_map_grant_ref m;
    begin();
    grant(9, 0, page_to_mfn(pg), GTF_permit_access);
    run_as(d1);
    assert_int_equal(do_grant_table_op(GNTTABOP_swap_grant_ref, &s, 1), 0);
    assert_int_equal(s.status, GNTST_okay);
    assert_int_equal(flags_of(9), 0);
    assert_int_equal(entry(10)->frame, page_to_mfn(pg));
    run_as(d0);
    m = map(10, GNTMAP_host_map, 1);
    run_as(d1);
    assert_int_equal(do_grant_table_op(GNTTABOP_swap_grant_ref, &s, 1), 0);
    assert_int_equal(s.status, GNTST_eagain);
    s.ref_b = 512;
    assert_int_equal(do_grant_table_op(GNTTABOP_swap_grant_ref, &s, 1), 0);
    assert_int_equal(s.status, GNTST_bad_gntref);
    run_as(d0);
    assert_int_equal(unmap(m.handle, 1, 0), GNTST_okay);
    end();
}

static void test_cache_flush(void **state)
{
    struct gnttab_cache_flush f = { .length = 64, .op = GNTTAB_CACHE_CLEAN };
    struct gnttab_map_grant_ref m;
    begin();
    f.a.dev_bus_addr = pfn_to_paddr(page_to_mfn(pg));
    assert_int_equal(do_grant_table_op(GNTTABOP_cache_flush, &f, 1), -EINVAL); /* not granted */
    grant(9, 0, page_to_mfn(pg), GTF_permit_access);
    m = map(9, GNTMAP_host_map, 1);
    assert_int_equal(do_grant_table_op(GNTTABOP_cache_flush, &f, 1), 0);
    f.op = GNTTAB_CACHE_INVAL;
    assert_int_equal(do_grant_table_op(GNTTABOP_cache_flush, &f, 1), -EOPNOTSUPP);
    f.op = 4;
    assert_int_equal(do_grant_table_op(GNTTABOP_cache_flush, &f, 1), -EINVAL);
    f.op = GNTTAB_CACHE_CLEAN;
    f.offset = 4090;
    assert_int_equal(do_grant_table_op(GNTTABOP_cache_flush, &f, 1), -EINVAL);
    f.offset = 0;
    f.a.dev_bus_addr = pfn_to_paddr(WORLD_FRAMES);
    assert_int_equal(do_grant_table_op(GNTTABOP_cache_flush, &f, 1), -EINVAL);
    assert_int_equal(unmap(m.handle, 1, 0), GNTST_okay);
    end();
}

/* A dying dom0: its device mappings end, its page tables (not here) let go of the host mappings'
   references. */
static void test_death_of_mapper(void **state)
{
    int rc;
    begin();
    grant(9, 0, page_to_mfn(pg), GTF_permit_access);
    for (unsigned int i = 0; i < 100; i++)
        assert_int_equal(map(9, GNTMAP_device_map, 0).status, GNTST_okay);
    assert_int_equal(map(9, GNTMAP_host_map | GNTMAP_device_map | GNTMAP_readonly, 1).status,
                     GNTST_okay);
    per_cpu__softirq_pending = 1;
    rc = grant_release_mappings(d0);
    assert_int_equal(rc, -ERESTART);
    while (rc == -ERESTART)
        rc = grant_release_mappings(d0);
    assert_int_equal(rc, 0);
    assert_int_equal(flags_of(9), GTF_permit_access);
    assert_int_equal(pg->count_info, idle_count + 1); /* the host mapping's */
    put_page(pg);
    assert_int_equal(d1->refcnt.counter, 1);
    end();
}

static void test_seed_and_limits(void **state)
{
    mfn_t mfn;
    begin();
    grant_seed_entry(d1, GNTTAB_RESERVED_XENSTORE, 0, page_to_mfn(pg));
    assert_int_equal(map(GNTTAB_RESERVED_XENSTORE, GNTMAP_host_map, 1).status, GNTST_okay);
    assert_int_equal(unmap(0, 1, 0), GNTST_okay);
    grant_seed_entry(d1, 100000, 0, 1);
    assert_int_equal(grant_table_frame(d0, 3, &mfn), 0);
    assert_int_equal(grant_table_nr_frames(d0), 4);
    assert_int_equal(grant_table_frame(d0, 4, &mfn), -EINVAL);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_map_unmap),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_device_memory),
        cmocka_unit_test(test_handles_and_pins),
        cmocka_unit_test(test_flush_comes_first),
        cmocka_unit_test(test_preemption),
        cmocka_unit_test(test_option),
        cmocka_unit_test(test_revocation_race),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_copy_batch),
        cmocka_unit_test(test_table_operations),
        cmocka_unit_test(test_swap),
        cmocka_unit_test(test_cache_flush),
        cmocka_unit_test(test_death_of_mapper),
        cmocka_unit_test(test_seed_and_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
