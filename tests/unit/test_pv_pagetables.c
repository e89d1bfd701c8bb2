/* SPDX-License-Identifier: BSD-2-Clause */
/* Typed frames and page-table hypercalls of PV guests: validation, counts, preemption, stale
 * translations. */
/* sources: pv/page_type.c pv/page_type_l1.c pv/page_type_table.c pv/root.c pv/mmu_update.c */
/* sources: pv/root_copy.c pv/l1tf.c */
/* sources: pv/mmuext.c pv/update_va.c pv/ptwr.c pv/emul_decode.c pv/ldt.c pv/grant_pte.c */
/* sources: pv/relinquish.c hv/mm/page_ref.c hv/mm/page_list.c */
/* cflags: -DHV_UNIT_TEST */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include "pv_model.h"
#include <xen/grant_table.h>

#define RO (PTE_P | PTE_US | PTE_A)
#define RW (RO | PTE_RW | PTE_D)

/* Frames of A by the part they play in the directed tests. */
enum { ROOT = 1, ROOT2, L3 = 10, L3B, L2 = 20, L2B, L1 = 40, L1B, DATA = 100, DATA2, LDT = 110 };
#define VA(i1) ((unsigned long)(i1) << PAGE_SHIFT)

/* A small address space: pages 0.. of VA() in L1. */
static void build(void)
{
    table(ROOT)[0] = make_pte(L3, RW);
    table(ROOT)[300] = make_pte(L3, RW);
    table(L3)[0] = make_pte(L2, RW);
    table(L2)[0] = make_pte(L1, RW);
    table(L2)[5] = make_pte(L1, RO);
    table(L1)[0] = make_pte(DATA, RW);
    table(L1)[1] = make_pte(L1, RO);
    table(L1)[2] = make_pte(LDT, RO);
}

static void start(void)
{
    build();
    assert_int_equal(mmuext(MMUEXT_PIN_L4_TABLE, ROOT, 0), 0);
    assert_int_equal(mmuext(MMUEXT_NEW_BASEPTR, ROOT, 0), 0);
    model_check();
}

static unsigned long type_of(mfn_t m) { return frame(m)->type_info & PGT_type_mask; }
static unsigned long uses_of(mfn_t m) { return frame(m)->type_info & PGT_count_mask; }

/* --- validation --- */

static void test_good_tables(void **state)
{
    build();
    table(L1)[9] = make_pte(DATA2, PTE_P | PTE_G);
    assert_int_equal(mmuext(MMUEXT_PIN_L4_TABLE, ROOT, 0), 0);
    model_check();
    assert_int_equal(type_of(ROOT), PGT_l4_page_table);
    assert_int_equal(uses_of(L1), 2);
    assert_int_equal(table(L1)[9] & (PTE_G | PTE_US), PTE_US);
    assert_int_equal(table(ROOT)[HV_FIRST_SLOT], 0x5a5a5a5a5a5a5a5aUL);
    assert_int_equal(mmuext(MMUEXT_PIN_L4_TABLE, ROOT, 0), -EINVAL);
    assert_int_equal(mmuext(MMUEXT_UNPIN_TABLE, ROOT, 0), 0);
    model_check();
    assert_int_equal(uses_of(L1), 0);
    assert_int_equal(mmuext(MMUEXT_UNPIN_TABLE, ROOT, 0), -EINVAL);
}

/* One hostile entry at one level makes the whole refused, and nothing stays counted. */
static void test_hostile_entries(void **state)
{
    const struct { mfn_t at; unsigned int slot; pte_t e; long rc; } bad[] = {
        { L1, 7, make_pte(L1, RW), -EBUSY },             /* a table writable */
        { L1, 7, make_pte(ROOT, RW), -EBUSY },
        { L1, 7, make_pte(B_FIRST, RO), -EBUSY },        /* another domain's */
        { L1, 7, make_pte(XEN_FIRST + 5, RO), -EBUSY },  /* the hypervisor's */
        { L1, 7, make_pte(XEN_FIRST + 1, RW), -EBUSY },  /* shared read-only */
        { L1, 7, make_pte(0, RO), -EBUSY },              /* nobody's */
        { L1, 7, make_pte(MMIO_NO, RO), -EPERM },
        { L1, 7, make_pte(0xfffffffffUL, RO), -EPERM },
        { L2, 7, make_pte(L2, RO), -EINVAL },            /* linear */
        { L2, 7, make_pte(L3, RO), -EINVAL },
        { L2, 7, make_pte(DATA, RO | PTE_PSE), -EINVAL },
        { L2, 7, make_pte(DATA, RO), -EINVAL },          /* writable already */
        { L2, 7, make_pte(L1, RO | PTE_PCD), -EINVAL },
        { L2, 7, make_pte(MMIO_OK, RO), -EINVAL },
        { L2, 7, make_pte(B_FIRST, RO), -EINVAL },
        { L3, 7, make_pte(L3, RO), -EINVAL },
        { L3, 7, make_pte(L2, RO | PTE_PSE), -EINVAL },
        { ROOT, 7, make_pte(ROOT, RO), -EINVAL },
        { ROOT, 511, make_pte(L2, RO), -EINVAL },
        { ROOT, 272, make_pte(L3, RO | PTE_G), -EINVAL },
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
        long rc;

        build();
        table(bad[i].at)[bad[i].slot] = bad[i].e;
        rc = mmuext(MMUEXT_PIN_L4_TABLE, ROOT, 0);
        if (rc != bad[i].rc)
            fail_msg("case %u: %ld instead of %ld", i, rc, bad[i].rc);
        model_check();
        for (mfn_t m = A_FIRST; m <= A_LAST; m++)
            assert_int_equal(uses_of(m), 0);
        table(bad[i].at)[bad[i].slot] = 0;
    }
}

/* What lies in the hypervisor's slots of a root is not looked at and is replaced; it can't be
 * changed later. */
static void test_hypervisor_slots(void **state)
{
    build();
    table(ROOT)[HV_FIRST_SLOT] = make_pte(XEN_FIRST + 3, RW);
    table(ROOT)[HV_LAST_SLOT] = make_pte(ROOT, RW);
    assert_int_equal(mmuext(MMUEXT_PIN_L4_TABLE, ROOT, 0), 0);
    assert_int_equal(table(ROOT)[HV_LAST_SLOT], 0x5a5a5a5a5a5a5a5aUL);
    for (unsigned int slot = HV_FIRST_SLOT; slot <= HV_LAST_SLOT; slot++)
        assert_int_equal(set_entry(ROOT, slot, make_pte(L3, RW)), -EINVAL);
    assert_int_equal(set_entry(ROOT, HV_LAST_SLOT + 1, make_pte(L3, RW)), 0);
    assert_int_equal(set_entry(ROOT, HV_FIRST_SLOT - 1, make_pte(L3, RW)), 0);
    model_check();
}

static void test_shared_and_device_frames(void **state)
{
    start();
    assert_int_equal(set_entry(L1, 20, make_pte(XEN_FIRST, RW)), 0);
    assert_int_equal(set_entry(L1, 21, make_pte(XEN_FIRST + 1, RO)), 0);
    assert_int_equal(set_entry(L1, 21, make_pte(XEN_FIRST + 1, RW)), -EBUSY);
    assert_int_equal(set_entry(L1, 22, make_pte(MMIO_OK, RW)), 0);
    assert_int_equal(table(L1)[22] & PTE_CACHE_ATTRS, PTE_PCD | PTE_PWT);
    assert_int_equal(set_entry(L1, 23, make_pte(MMIO_RO, RW)), 0);
    assert_int_equal(table(L1)[23] & PTE_RW, 0);
    assert_int_equal(mmu_update(L1, 24, make_pte(MMIO_OK, RW), 0, DOMID_IO), 0);
    assert_int_equal(mmu_update(L1, 24, make_pte(MMIO_NO, RW), 0, DOMID_IO), -EPERM);
    model_check();
    for (unsigned int i = 20; i < 25; i++)
        assert_int_equal(set_entry(L1, i, 0), 0);
    model_check();
}

/* --- changes of entries --- */

static void test_l1_updates(void **state)
{
    start();
    assert_int_equal(set_entry(L1, 0, make_pte(DATA, RW)), 0);
    assert_int_equal(uses_of(DATA), 1);
    assert_int_equal(set_entry(L1, 0, make_pte(DATA, RO)), 0);
    assert_int_equal(uses_of(DATA), 0);
    model_check();
    assert_int_equal(set_entry(L1, 0, make_pte(DATA, RO | PTE_NX | PTE_AVL)), 0);
    assert_int_equal(set_entry(L1, 0, make_pte(DATA, RW)), 0);
    assert_int_equal(set_entry(L1, 0, make_pte(DATA2, RW)), 0);
    model_check();
    /* A and D as the CPU left them are kept only when asked for. */
    table(L1)[0] |= PTE_A | PTE_D;
    assert_int_equal(
        mmu_update(L1, 0, make_pte(DATA2, PTE_P | PTE_RW), MMU_PT_UPDATE_PRESERVE_AD, DOMID_SELF),
        0);
    assert_int_equal(table(L1)[0] & (PTE_A | PTE_D), PTE_A | PTE_D);
    assert_int_equal(
        mmu_update(L1, 0, make_pte(DATA2, PTE_P | PTE_RW), MMU_NORMAL_PT_UPDATE, DOMID_SELF), 0);
    assert_int_equal(table(L1)[0] & (PTE_A | PTE_D), 0);
    assert_int_equal(set_entry(L1, 0, 0), 0);
    assert_int_equal(set_entry(L1, 0, 0x1230), 0);
    model_check();
    assert_int_equal(mmu_update(L1, 0, 0, 4, DOMID_SELF), -ENOSYS);
    assert_int_equal(set_entry(MMIO_OK, 0, 0), -EINVAL);
    assert_int_equal(set_entry(B_FIRST, 0, 0), -EINVAL);
}

static void test_table_updates(void **state)
{
    start();
    assert_int_equal(set_entry(L2, 9, make_pte(L1B, RW)), 0);
    assert_int_equal(type_of(L1B), PGT_l1_page_table);
    assert_int_equal(set_entry(L2, 9, make_pte(L1B, RO)), 0);
    assert_int_equal(uses_of(L1B), 1);
    assert_int_equal(set_entry(L2, 9, make_pte(L1, RO)), 0);
    assert_int_equal(uses_of(L1B), 0);
    assert_int_equal(set_entry(L2, 9, make_pte(DATA, RO)), -EINVAL);
    assert_int_equal(set_entry(L3, 1, make_pte(L2, RO)), 0);
    assert_int_equal(set_entry(L3, 1, make_pte(L3, RO)), -EINVAL);
    assert_int_equal(set_entry(ROOT, 1, make_pte(ROOT, RO)), -EINVAL);
    model_check();
    assert_int_equal(set_entry(ROOT, 0, 0), 0);
    assert_int_equal(set_entry(ROOT, 300, 0), 0);
    model_check();
    assert_int_equal(uses_of(L1), 0);
}

static void test_plain_and_m2p(void **state)
{
    assert_int_equal(set_entry(DATA, 3, 0xabcdef), 0);
    assert_int_equal(table(DATA)[3], 0xabcdef);
    assert_int_equal(mmu_update(DATA, 0, 77, MMU_MACHPHYS_UPDATE, DOMID_SELF), 0);
    assert_int_equal(unit_m2p[DATA], 77);
    assert_int_equal(mmu_update(B_FIRST, 0, 77, MMU_MACHPHYS_UPDATE, DOMID_SELF), -EINVAL);
    assert_int_equal(mmu_update(B_FIRST, 0, 78, MMU_MACHPHYS_UPDATE, 1), 0);
    model_check();
}

/* --- foreign domains --- */

static void test_foreign(void **state)
{
    start();
    assert_int_equal(mmu_update(L1, 30, make_pte(B_FIRST, RW), 0, 1), 0);
    assert_int_equal(mmu_update(L1, 31, make_pte(DATA, RW), 0, 1), -EBUSY);
    assert_int_equal(mmu_update(L1, 31, make_pte(B_FIRST, RW), 0, 5), -ESRCH);
    assert_int_equal(mmu_update(L2, 31, make_pte(B_FIRST, RW), 0, 1), -EINVAL);
    model_check();
    assert_int_equal(do_update_va_mapping_otherdomain(VA(32), make_pte(B_FIRST + 1, RW), 0, 1), 0);
    model_check();
    run_as(2);
    assert_int_equal(mmu_update(B_FIRST, 0, 0, MMU_MACHPHYS_UPDATE, 0), -EPERM);
    mu_req = (struct mmu_update){ pfn_to_paddr(L1), 0 };
    assert_int_equal(do_mmu_update(&mu_req, 1, NULL, DOMID_SELF | (1u << 16)), -EPERM);
    run_as(0);
    assert_int_equal(set_entry(L1, 30, 0), 0);
    assert_int_equal(set_entry(L1, 32, 0), 0);
    model_check();
    assert_int_equal(atomic_read(&dom_b.d.refcnt), 0);
}

/* A CPU that runs another domain may have written to the frame as well. */
static void test_foreign_writers_are_flushed(void **state)
{
    start();
    assert_int_equal(mmu_update(L1, 30, make_pte(B_FIRST, RW), 0, 1), 0);
    touch_all(0);
    assert_true(tlb_write[0][B_FIRST]);
    assert_int_equal(set_entry(L1, 30, 0), 0);
    run_as(2);
    memset(table(B_FIRST), 0, PAGE_SIZE);
    assert_int_equal(mmuext(MMUEXT_PIN_L1_TABLE, B_FIRST, 0), 0);
    model_check();
}

/* --- stale translations --- */

static void test_flush_on_type_change(void **state)
{
    start();
    touch_all(0);
    run_as(1);
    assert_int_equal(mmuext(MMUEXT_NEW_BASEPTR, ROOT, 0), 0);
    touch_all(1);
    run_as(0);
    assert_int_equal(set_entry(L1, 0, make_pte(DATA, RO)), 0);
    /* Both CPUs can still write to it. */
    assert_true(tlb_write[0][DATA] && tlb_write[1][DATA]);
    memset(table(DATA), 0, PAGE_SIZE);
    flushes = 0;
    assert_int_equal(set_entry(L2, 9, make_pte(DATA, RW)), 0);
    assert_int_equal(flushes, 1);
    model_check();
    assert_false(tlb_write[0][DATA] || tlb_write[1][DATA]);
    /* And back: the walker may know it as a table. */
    touch_all(0);
    assert_int_equal(set_entry(L2, 9, 0), 0);
    assert_true(tlb_walk[0][DATA]);
    assert_int_equal(set_entry(L1, 0, make_pte(DATA, RW)), 0);
    model_check();
}

static void test_no_needless_flush(void **state)
{
    start();
    flushes = 0;
    assert_int_equal(set_entry(L1, 0, make_pte(DATA, RO)), 0);
    assert_int_equal(set_entry(L1, 0, make_pte(DATA, RW)), 0);
    assert_int_equal(set_entry(L1, 3, make_pte(DATA2, RW)), 0);
    assert_int_equal(flushes, 0);
    assert_int_equal(set_entry(L1, 0, 0), 0);
    flush_all(FLUSH_TLB);
    flushes = 0;
    memset(table(DATA), 0, PAGE_SIZE);
    assert_int_equal(set_entry(L2, 9, make_pte(DATA, RW)), 0);
    assert_int_equal(flushes, 0);
    model_check();
}

/* --- preemption --- */

/* At each check in turn, of each call and each continuation, until the whole is done without. */
static void test_preempt_everywhere(void **state)
{
    unsigned int n;

    for (n = 0; n < 200; n++) {
        build();
        table(L3)[1] = make_pte(L2B, RW);
        table(L2B)[3] = make_pte(L1B, RW);
        table(L2B)[8] = make_pte(L1, RW);
        preempt_in = (int)n;
        assert_int_equal(mmuext(MMUEXT_PIN_L4_TABLE, ROOT, 0), 0);
        preempt_in = -1;
        model_check();
        assert_int_equal(uses_of(L1), 3);
        preempt_in = (int)n;
        assert_int_equal(mmuext(MMUEXT_UNPIN_TABLE, ROOT, 0), 0);
        preempt_in = -1;
        mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0);
        model_check();
        for (mfn_t m = A_FIRST; m <= A_LAST; m++)
            assert_int_equal(uses_of(m), 0);
    }
}

/* The guest starts and does not go on: frames stay half-way, and any later use of them still comes
 * right. */
static void test_preempt_and_abandon(void **state)
{
    for (unsigned int n = 0; n < 8; n++) {
        build();
        table(L3)[1] = make_pte(L2B, RW);
        table(L2B)[3] = make_pte(L1B, RW);
        table(L2B)[8] = make_pte(L1, RW);
        preempt_in = (int)n;
        ext_req = (struct mmuext_op){ .cmd = MMUEXT_PIN_L4_TABLE, .arg1.mfn = ROOT };
        do_mmuext_op(&ext_req, 1, NULL, DOMID_SELF);
        preempt_in = -1;
        model_check();
        if (continued) {
            continued = false;
            assert_int_equal(mmuext(MMUEXT_PIN_L1_TABLE, ROOT, 0), -EINVAL);
            model_check();
            /* Another user of a part that is half-way. */
            assert_int_equal(mmuext(MMUEXT_PIN_L3_TABLE, L3, 0), 0);
            model_check();
            assert_int_equal(mmuext(MMUEXT_UNPIN_TABLE, L3, 0), 0);
            model_check();
            assert_int_equal(mmuext(MMUEXT_PIN_L4_TABLE, ROOT, 0), 0);
        }
        model_check();
        assert_int_equal(mmuext(MMUEXT_UNPIN_TABLE, ROOT, 0), 0);
        for (mfn_t m = A_FIRST; m <= A_LAST; m++)
            assert_int_equal(uses_of(m), 0);
    }
}

static void test_bad_after_preemption(void **state)
{
    for (unsigned int n = 0; n < 8; n++) {
        build();
        table(L3)[1] = make_pte(L2B, RW);
        table(L2B)[3] = make_pte(L1B, RW);
        table(L2B)[8] = make_pte(DATA, RW);
        preempt_in = (int)n;
        assert_int_equal(mmuext(MMUEXT_PIN_L4_TABLE, ROOT, 0), -EINVAL);
        preempt_in = -1;
        model_check();
        for (mfn_t m = A_FIRST; m <= A_LAST; m++)
            assert_int_equal(uses_of(m), 0);
    }
}

static void test_done_counts(void **state)
{
    struct mmu_update reqs[20];
    unsigned int done = 0;

    start();
    for (unsigned int i = 0; i < ARRAY_SIZE(reqs); i++)
        reqs[i] = (struct mmu_update){ pfn_to_paddr(L1) + (100 + i) * 8, make_pte(DATA2, RO) };
    preempt_in = 3;
    assert_int_equal(finish_call(do_mmu_update(reqs, ARRAY_SIZE(reqs), &done, DOMID_SELF)), 0);
    assert_int_equal(done, ARRAY_SIZE(reqs));
    reqs[11].val = make_pte(B_FIRST, RO);
    preempt_in = 3;
    done = 0;
    assert_int_equal(finish_call(do_mmu_update(reqs, ARRAY_SIZE(reqs), &done, DOMID_SELF)), -EBUSY);
    assert_int_equal(done, 11);
    preempt_in = -1;
    model_check();
}

/* --- roots, LDT, grants, frames by number --- */

static void test_roots(void **state)
{
    start();
    table(ROOT2)[0] = make_pte(L3, RW);
    assert_int_equal(mmuext(MMUEXT_NEW_USER_BASEPTR, ROOT2, 0), 0);
    model_check();
    assert_int_equal(mmuext(MMUEXT_NEW_BASEPTR, ROOT2, 0), 0);
    assert_int_equal(mmuext(MMUEXT_UNPIN_TABLE, ROOT, 0), 0);
    model_check();
    assert_int_equal(uses_of(ROOT), 0);
    assert_int_equal(mmuext(MMUEXT_NEW_BASEPTR, DATA, 0), -EINVAL);
    assert_int_equal(mmuext(MMUEXT_NEW_BASEPTR, B_FIRST, 0), -EINVAL);
    assert_int_equal(mmuext(MMUEXT_NEW_BASEPTR, 0x10000000000001UL, 0), -EINVAL);
    assert_int_equal(mmuext(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0);
    assert_int_equal(vcpu_a[0].guest_root_user, 0);
    model_check();
}

static void test_ldt(void **state)
{
    start();
    table(LDT)[3] = 0x1111;
    assert_int_equal(mmuext(MMUEXT_SET_LDT, VA(2) + 1, 512), -EINVAL);
    assert_int_equal(mmuext(MMUEXT_SET_LDT, HV_VIRT_START, 512), -EINVAL);
    assert_int_equal(mmuext(MMUEXT_SET_LDT, VA(2), 8193), -EINVAL);
    assert_int_equal(mmuext(MMUEXT_SET_LDT, VA(2), 512), 0);
    assert_true(pv_map_ldt_shadow_page(8));
    assert_true(pv_map_ldt_shadow_page(16));
    assert_false(pv_map_ldt_shadow_page(4096));
    model_check();
    assert_int_equal(set_entry(L1, 0, make_pte(LDT, RW)), -EBUSY);
    /* Its mapping goes, and so does the shadow. */
    assert_int_equal(set_entry(L1, 2, 0), 0);
    assert_int_equal(uses_of(LDT), 0);
    model_check();
    assert_int_equal(set_entry(L1, 2, make_pte(LDT, RO)), 0);
    table(LDT)[3] = 0xbad;
    frame(LDT)->type_info = 0;
    assert_false(pv_map_ldt_shadow_page(8));
    model_check();
    assert_int_equal(set_entry(L1, 2, make_pte(DATA, RO)), 0);
    assert_false(pv_map_ldt_shadow_page(8)); /* writable elsewhere */
    model_check();
}

static void test_grant_entries(void **state)
{
    struct page_info *pg = frame(B_FIRST);
    pte_t e;

    start();
    assert_int_equal(get_page_and_type(pg, &dom_b.d, PGT_writable_page), 0);
    assert_int_equal(pv_grant_map(VA(0), B_FIRST, 3u << _GNTMAP_guest_avail0, 0), GNTST_okay);
    model_check();
    assert_int_equal(uses_of(DATA), 0);
    assert_true(pv_guest_get_l1e(VA(0), &e));
    assert_int_equal(e & PTE_AVL, 3 << 9);
    assert_int_equal(pv_grant_unmap(VA(0), B_FIRST, GNTMAP_readonly, 0), GNTST_general_error);
    assert_int_equal(pv_grant_unmap(VA(0), B_FIRST + 1, 0, 0), GNTST_general_error);
    assert_int_equal(pv_grant_unmap(VA(1 << 18), B_FIRST, 0, 0), GNTST_general_error);
    /* Replaced by what another address maps. */
    assert_int_equal(set_entry(L1, 50, make_pte(DATA2, RW)), 0);
    assert_int_equal(pv_grant_unmap(VA(0), B_FIRST, 0, VA(50)), GNTST_okay);
    put_page_and_type(pg);
    model_check();
    assert_int_equal(pte_mfn(table(L1)[0]), DATA2);
    assert_int_equal(table(L1)[50], 0);

    assert_true(get_page(pg, &dom_b.d));
    assert_int_equal(
        pv_grant_map(pfn_to_paddr(L1) + 4, B_FIRST, GNTMAP_contains_pte | GNTMAP_readonly, 0),
        GNTST_general_error);
    assert_int_equal(
        pv_grant_map(pfn_to_paddr(DATA) + 8, B_FIRST, GNTMAP_contains_pte | GNTMAP_readonly, 0),
        GNTST_general_error);
    assert_int_equal(
        pv_grant_map(pfn_to_paddr(L1) + 8 * 60, B_FIRST, GNTMAP_contains_pte | GNTMAP_readonly, 0),
        GNTST_okay);
    model_check();
    assert_int_equal(pv_grant_unmap(pfn_to_paddr(L1) + 8 * 60, B_FIRST,
                                    GNTMAP_contains_pte | GNTMAP_readonly, 0),
                     GNTST_okay);
    put_page(pg);
    model_check();
}

static void test_frames_by_number(void **state)
{
    start();
    memset(table(DATA2), 7, PAGE_SIZE);
    assert_int_equal(mmuext(MMUEXT_COPY_PAGE, DATA, DATA2), 0);
    assert_memory_equal(table(DATA), table(DATA2), PAGE_SIZE);
    assert_int_equal(mmuext(MMUEXT_CLEAR_PAGE, DATA, 0), 0);
    assert_int_equal(table(DATA)[9], 0);
    assert_int_equal(mmuext(MMUEXT_CLEAR_PAGE, L1, 0), -EINVAL);
    assert_int_equal(mmuext(MMUEXT_COPY_PAGE, L1, DATA), -EINVAL);
    assert_int_equal(mmuext(MMUEXT_COPY_PAGE, DATA, B_FIRST), -EINVAL);
    assert_int_equal(mmuext(MMUEXT_MARK_SUPER, DATA, 0), -EOPNOTSUPP);
    assert_int_equal(mmuext(14, 0, 0), -ENOSYS);
    assert_int_equal(mmuext(~0u, 0, 0), -ENOSYS);
    assert_int_equal(mmuext(MMUEXT_FLUSH_CACHE, 0, 0), -EACCES);
    model_check();
}

static void test_flush_calls(void **state)
{
    static uint8_t bitmap[8] = { 2 };

    start();
    touch_all(0);
    assert_int_equal(mmuext(MMUEXT_TLB_FLUSH_LOCAL, 0, 0), 0);
    assert_false(tlb_write[0][DATA]);
    touch_all(0);
    tlb_write[1][DATA] = true;
    assert_int_equal(mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, (unsigned long)bitmap), 0);
    assert_true(tlb_write[0][DATA]);
    assert_false(tlb_write[1][DATA]);
    assert_int_equal(mmuext(MMUEXT_TLB_FLUSH_MULTI, 0, 0), -EFAULT);
    assert_int_equal(do_update_va_mapping(VA(0), make_pte(DATA, RW), UVMF_TLB_FLUSH | UVMF_ALL), 0);
    assert_false(tlb_write[0][DATA]);
    assert_int_equal(do_update_va_mapping(VA(0), make_pte(DATA, RW), UVMF_INVLPG | UVMF_LOCAL), 0);
    assert_int_equal(
        do_update_va_mapping(VA(0), make_pte(DATA, RW), (unsigned long)bitmap | UVMF_INVLPG), 0);
    assert_int_equal(do_update_va_mapping(VA(0), make_pte(DATA, RW), 3), -EINVAL);
    assert_int_equal(do_update_va_mapping(1UL << 40, make_pte(DATA, RW), 0), -EINVAL);
    assert_int_equal(do_update_va_mapping(HV_VIRT_START, make_pte(DATA, RW), 0), -EINVAL);
}

static void test_cache_attributes(void **state)
{
    start();
    protect_calls = 0;
    /* No devices: no choice. */
    assert_int_equal(set_entry(L1, 3, make_pte(DATA2, RW | PTE_PCD)), -EINVAL);
    dom_a.d.iomem_caps = MODEL_CAPS;
    assert_int_equal(protect_calls, 0);
    assert_int_equal(set_entry(L1, 3, make_pte(DATA2, RW | PTE_PCD)), 0);
    assert_int_equal(protect_calls, 1);
    assert_int_equal(MASK_EXTR(frame(DATA2)->count_info, PGC_cacheattr_mask), 2);
    assert_int_equal(set_entry(L1, 4, make_pte(DATA2, RO | PTE_PCD)), 0);
    assert_int_equal(protect_calls, 1);
    assert_int_equal(set_entry(L1, 4, make_pte(XEN_FIRST, RO | PTE_PCD)), -EACCES);
    assert_int_equal(set_entry(L1, 3, make_pte(DATA2, RW)), 0);
    assert_int_equal(protect_calls, 2);
    assert_true(frame(DATA2)->count_info & PGC_noncoherent);
    model_check();
}

/* --- writable page tables --- */

static struct cpu_user_regs regs;

static bool write_by(const void *code, unsigned long va)
{
    regs.rip = (unsigned long)code;
    return pv_ptwr_emulate(unit_current, va, &regs);
}
#define INSN(...) ((const uint8_t[24]){ __VA_ARGS__ })
#define SLOT_VA(i) (VA(1) + (i) * 8)

static void test_ptwr(void **state)
{
    const uint8_t *code;

    start();
    memset(&regs, 0, sizeof(regs));
    /* mov %rax, (%rdi) */
    code = INSN(0x48, 0x89, 0x07);
    regs.rdi = SLOT_VA(70);
    regs.rax = make_pte(DATA2, RW);
    assert_true(write_by(code, SLOT_VA(70)));
    assert_ptr_equal(regs.rip, code + 3);
    assert_int_equal(table(L1)[70], make_pte(DATA2, RW));
    model_check();
    /* refused: the fault goes to the guest, nothing changes */
    regs.rax = make_pte(L1, RW);
    assert_false(write_by(code, SLOT_VA(70)));
    assert_ptr_equal(regs.rip, code);
    assert_int_equal(table(L1)[70], make_pte(DATA2, RW));
    /* not the address that the instruction is about; not a table; writable; not mapped; a user's
     * write */
    regs.rax = make_pte(DATA2, RO);
    assert_false(write_by(code, SLOT_VA(71)));
    regs.rdi = VA(2);
    assert_false(write_by(code, VA(2)));
    regs.rdi = VA(0);
    assert_false(write_by(code, VA(0)));
    regs.rdi = VA(300);
    assert_false(write_by(code, VA(300)));
    regs.rdi = SLOT_VA(70);
    vcpu_a[0].flags &= ~PVF_KERNEL;
    assert_false(write_by(code, SLOT_VA(70)));
    vcpu_a[0].flags |= PVF_KERNEL;
    assert_int_equal(table(L1)[70], make_pte(DATA2, RW));
    assert_int_equal(table(L1)[71], 0);
    /* xchg %r12, 0x230(%rbx,%rcx,4) */
    regs.rbx = VA(1) - 0x40;
    regs.rcx = 0x10;
    regs.r12 = 0;
    assert_true(write_by(INSN(0x4c, 0x87, 0xa4, 0x8b, 0x30, 0x02, 0, 0), SLOT_VA(70)));
    assert_int_equal(regs.r12, make_pte(DATA2, RW));
    assert_int_equal(table(L1)[70], 0);
    model_check();
}

static void test_ptwr_instructions(void **state)
{
    pte_t e = make_pte(DATA2, RW);
    const uint8_t *code;

    start();
    memset(&regs, 0, sizeof(regs));
    assert_int_equal(set_entry(L1, 70, e), 0);
    regs.rdi = SLOT_VA(70);
    regs.rflags = X86_EFLAGS_IF | X86_EFLAGS_CF;
    /* lock andb $~2, (%rdi): write-protect */
    assert_true(write_by(INSN(0xf0, 0x80, 0x27, 0xfd), SLOT_VA(70)));
    assert_int_equal(table(L1)[70], e & ~PTE_RW);
    assert_int_equal(regs.rflags & (X86_EFLAGS_CF | X86_EFLAGS_ZF | X86_EFLAGS_IF), X86_EFLAGS_IF);
    model_check();
    /* lock btrq $5, (%rdi), twice: CF is the old bit */
    code = INSN(0xf0, 0x48, 0x0f, 0xba, 0x37, 5);
    assert_true(write_by(code, SLOT_VA(70)));
    assert_true(regs.rflags & X86_EFLAGS_CF);
    assert_true(write_by(code, SLOT_VA(70)));
    assert_false(regs.rflags & X86_EFLAGS_CF);
    assert_int_equal(table(L1)[70], e & ~(PTE_RW | PTE_A));
    /* lock cmpxchg %rcx, (%rdi): fails and tells, then succeeds */
    regs.rax = 1;
    regs.rcx = e;
    code = INSN(0xf0, 0x48, 0x0f, 0xb1, 0x0f);
    assert_true(write_by(code, SLOT_VA(70)));
    assert_false(regs.rflags & X86_EFLAGS_ZF);
    assert_int_equal(regs.rax, e & ~(PTE_RW | PTE_A));
    assert_true(write_by(code, SLOT_VA(70)));
    assert_true(regs.rflags & X86_EFLAGS_ZF);
    assert_int_equal(table(L1)[70], e);
    model_check();
    /* lock cmpxchg8b (%rdi): fails and tells, then succeeds; cmpxchg16b isn't known */
    code = INSN(0xf0, 0x0f, 0xc7, 0x0f);
    regs.rax = regs.rdx = ~0UL;
    regs.rbx = (e & ~PTE_RW) | (~0UL << 32);
    regs.rcx = (e >> 32) | (~0UL << 32);
    assert_true(write_by(code, SLOT_VA(70)));
    assert_false(regs.rflags & X86_EFLAGS_ZF);
    assert_int_equal(regs.rax, (uint32_t)e);
    assert_int_equal(regs.rdx, e >> 32);
    assert_true(write_by(code, SLOT_VA(70)));
    assert_true(regs.rflags & X86_EFLAGS_ZF);
    assert_int_equal(table(L1)[70], e & ~PTE_RW);
    assert_false(write_by(INSN(0xf0, 0x48, 0x0f, 0xc7, 0x0f), SLOT_VA(70)));
    model_check();
    /* movl $0x11223063, (%rdi): half of an entry, now of a frame that does not exist */
    assert_false(write_by(INSN(0xc7, 0x07, 0x63, 0x30, 0x22, 0x11), SLOT_VA(70)));
    /* movl $0, 4(%rdi); movb $0, (%rdi) */
    assert_true(write_by(INSN(0xc7, 0x47, 4, 0, 0, 0, 0), SLOT_VA(70) + 4));
    assert_true(write_by(INSN(0xc6, 0x07, 0), SLOT_VA(70)));
    assert_int_equal(table(L1)[70], e & ~0xffUL);
    model_check();
    /* movq $-1 sign-extended is refused by permission; orq $1, (%rdi) makes it present again */
    assert_false(write_by(INSN(0x48, 0xc7, 0x07, 0xff, 0xff, 0xff, 0xff), SLOT_VA(70)));
    assert_true(write_by(INSN(0x48, 0x83, 0x0f, 0x01), SLOT_VA(70)));
    assert_int_equal(table(L1)[70], (e & ~0xffUL) | PTE_P | PTE_US);
    model_check();
    /* crossing the entry's end; prefix rep; a segment base; unknown opcode; too long */
    assert_false(write_by(INSN(0x48, 0x89, 0x47, 4), SLOT_VA(70) + 4));
    assert_false(write_by(INSN(0xf3, 0x48, 0x89, 0x07), SLOT_VA(70)));
    assert_false(write_by(INSN(0x65, 0x48, 0x89, 0x07), SLOT_VA(70)));
    assert_false(write_by(INSN(0x0f, 0x29, 0x07), SLOT_VA(70)));
    assert_false(write_by(INSN(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                               0x66, 0x66, 0x66, 0x89, 0x07),
                          SLOT_VA(70)));
    /* single-stepped */
    regs.rflags |= X86_EFLAGS_TF;
    injected = ~0u;
    assert_true(write_by(INSN(0x48, 0x83, 0x27, 0), SLOT_VA(70)));
    assert_int_equal(injected, X86_EXC_DB);
    assert_int_equal(table(L1)[70], 0);
    model_check();
}

static void test_ptwr_read_only_device(void **state)
{
    start();
    memset(&regs, 0, sizeof(regs));
    assert_int_equal(set_entry(L1, 80, make_pte(MMIO_RO, RW)), 0);
    regs.rdi = VA(80) + 16;
    assert_true(write_by(INSN(0x89, 0x07), VA(80) + 16));
    assert_false(write_by(INSN(0x87, 0x07), VA(80) + 16));
}

/* --- death --- */

static void relinquish_all(struct domain *d)
{
    run_as(d == &dom_a.d ? 2 : 0);
    d->is_dying = DOMDYING_dying;
    while (pv_relinquish_memory(d) == -ERESTART) {
        model_check();
        if (preempt_in >= 0)
            preempt_in = rand() % 6;
    }
    model_check();
}

static void test_relinquish(void **state)
{
    start();
    table(ROOT2)[0] = make_pte(L3, RW);
    assert_int_equal(mmuext(MMUEXT_NEW_USER_BASEPTR, ROOT2, 0), 0);
    assert_int_equal(mmuext(MMUEXT_SET_LDT, VA(2), 512), 0);
    assert_true(pv_map_ldt_shadow_page(8));
    assert_int_equal(mmu_update(L1, 30, make_pte(B_FIRST, RW), 0, 1), 0);
    preempt_in = 1;
    relinquish_all(&dom_a.d);
    preempt_in = -1;
    assert_int_equal(dom_a.d.page_list.count, 0);
    assert_int_equal(frame(B_FIRST)->count_info & PGC_count_mask, 1);
}

static void test_no_pin_for_the_dying(void **state)
{
    build();
    dom_a.d.is_dying = DOMDYING_dying;
    assert_int_equal(mmuext(MMUEXT_PIN_L4_TABLE, ROOT, 0), 0);
    model_check();
    assert_int_equal(uses_of(ROOT), 0);
}

/* --- copies of root tables --- */

/* Both CPUs run on one table: a change by one reaches the other before the old entry's table may
   become something else. */
static void test_root_changes(void **state)
{
    start();
    assert_int_equal(mmuext(MMUEXT_NEW_USER_BASEPTR, ROOT, 0), 0);
    run_as(1);
    assert_int_equal(mmuext(MMUEXT_NEW_BASEPTR, ROOT, 0), 0);
    assert_int_equal(pv_root_copies[1][KERNEL_ROOT_COPY][300] & PTE_ADDR_MASK, L3 << PAGE_SHIFT);
    assert_int_equal(pv_root_copies[1][USER_ROOT_COPY][300], 0);
    touch_all(0);
    touch_all(1);
    run_as(0);
    assert_int_equal(set_entry(ROOT, 300, 0), 0);
    model_check();
    assert_int_equal(pv_root_copies[0][USER_ROOT_COPY][300], 0);
    assert_int_equal(pv_root_copies[1][KERNEL_ROOT_COPY][300], 0);
    assert_int_equal(set_entry(ROOT, 271, 0), -EINVAL);
    /* Another table of user mode; none; and domain B, which has no copies. */
    assert_int_equal(mmuext(MMUEXT_NEW_USER_BASEPTR, ROOT2, 0), 0);
    assert_int_equal(pv_root_copies[0][USER_ROOT_COPY][0], 0);
    model_check();
    assert_int_equal(mmuext(MMUEXT_NEW_USER_BASEPTR, 0, 0), 0);
    table(B_FIRST)[0] = make_pte(B_FIRST + 1, RW);
    run_as(2);
    assert_int_equal(mmuext(MMUEXT_NEW_BASEPTR, B_FIRST, 0), 0);
    assert_int_equal(set_entry(B_FIRST, 1, make_pte(B_FIRST + 1, RW)), 0);
    assert_int_equal(pv_root_copies[2][KERNEL_ROOT_COPY][0], 0);
    model_check();
}

/* --- entries open to L1TF --- */

#define L1TF_BITS 36
#define L1TF_SAFE (3UL << (L1TF_BITS - 2))

static void expect_crash(bool wanted)
{
    assert_int_equal(crashes, wanted);
    crashes = 0;
    model_check();
}

static void test_l1tf(void **state)
{
    pte_t old = make_pte(DATA2, RW & ~PTE_P), inverse = ~(pte_t)0 << PAGE_SHIFT & PTE_ADDR_MASK;
    struct mmu_update req;

    spec.l1tf_mask = ((1UL << L1TF_BITS) - 1) & PAGE_MASK;
    spec.l1tf_safe = L1TF_SAFE;
    unit_alternatives |= BIT(ALT_PV_L1TF);
    dom_a.check_l1tf = true;
    crashes_expected = 1;
    start();
    /* Single entries: the inverse of an address and no address will do, others not. */
    assert_int_equal(set_entry(L1, 7, inverse | PTE_RW | PTE_A), 0);
    assert_int_equal(set_entry(L1, 7, PTE_RW | PTE_PAT), 0);
    assert_int_equal(set_entry(L1, 7, L1TF_SAFE), 0);
    assert_int_equal(set_entry(L1, 7, make_pte(DATA2, RW)), 0);
    expect_crash(false);
    assert_int_equal(set_entry(L1, 7, old), -EPERM);
    assert_int_equal(table(L1)[7], make_pte(DATA2, RW));
    expect_crash(true);
    assert_int_equal(set_entry(L1, 7, L1TF_SAFE - PAGE_SIZE), -EPERM);
    expect_crash(true);
    assert_int_equal(set_entry(L1, 7, 1UL << L1TF_BITS), 0);  /* more than the cache sees */
    assert_int_equal(set_entry(L1, 7, 0), 0);
    for (mfn_t m = L2; m; m = m == L2 ? L3 : m == L3 ? ROOT : 0) {
        assert_int_equal(set_entry(m, 9, inverse), 0);
        assert_int_equal(set_entry(m, 9, make_pte(L1, 0)), -EPERM);
        expect_crash(true);
        assert_int_equal(set_entry(m, 9, inverse | PTE_PSE), -EPERM);
        expect_crash(true);
    }
    /* Tables that are validated. The hypervisor's slots of a root table are not the guest's. */
    table(L1B)[511] = inverse;
    table(ROOT2)[HV_FIRST_SLOT] = old;
    assert_int_equal(mmuext(MMUEXT_PIN_L1_TABLE, L1B, 0), 0);
    assert_int_equal(mmuext(MMUEXT_PIN_L4_TABLE, ROOT2, 0), 0);
    expect_crash(false);
    assert_int_equal(mmuext(MMUEXT_UNPIN_TABLE, L1B, 0), 0);
    table(L1B)[510] = old;
    assert_int_equal(mmuext(MMUEXT_PIN_L1_TABLE, L1B, 0), -EPERM);
    assert_int_equal(uses_of(L1B), 0);
    expect_crash(true);
    table(L2B)[1] = inverse | PTE_PSE;
    assert_int_equal(mmuext(MMUEXT_PIN_L2_TABLE, L2B, 0), -EPERM);
    expect_crash(true);
    assert_int_equal(mmuext(MMUEXT_PIN_L4_TABLE, L1B, 0), -EPERM);
    expect_crash(true);
    /* A domain that isn't checked, in the same system. */
    run_as(2);
    req = (struct mmu_update){ pfn_to_paddr(B_FIRST), old };
    assert_int_equal(mmuext(MMUEXT_PIN_L1_TABLE, B_FIRST, 0), 0);
    assert_int_equal(do_mmu_update(&req, 1, NULL, DOMID_SELF), 0);
    assert_int_equal(crashes, 0);
}

/* --- everything at random --- */

static mfn_t random_frame(unsigned int level)
{
    static const struct {
        mfn_t first;
        unsigned int n;
    } of[] = {{80, 60}, {40, 30}, {20, 14}, {10, 8}, {1, 6}};

    if (rand() % 24 == 0)
        return (mfn_t)(rand() % FRAMES);
    return of[level].first + (mfn_t)rand() % of[level].n;
}

static pte_t random_entry(unsigned int level)
{
    pte_t e = make_pte(random_frame(level - 1), RO);

    if (rand() % 5 == 0)
        return 0;
    if (rand() % 2 || level > 1)
        e |= PTE_RW;
    if (rand() % 40 == 0)
        e ^= 1UL << (rand() % 12);
    return e;
}

/* A frame that the guest could write to as it is. */
static void scribble(void)
{
    unsigned int level = 1 + (unsigned int)rand() % 4;
    mfn_t m = random_frame(level);

    if (m < A_FIRST || m > A_LAST || (uses_of(m) && type_of(m) != PGT_writable_page))
        return;
    /* By the rule a write makes it a frame of the writable type first. */
    if (get_page_and_type(frame(m), &dom_a.d, PGT_writable_page))
        return;
    memset(table(m), 0, PAGE_SIZE);
    for (unsigned int i = 0; i < 3; i++)
        table(m)[rand() % PT_ENTRIES] = random_entry(level);
    put_page_and_type(frame(m));
}

static void random_call(void)
{
    unsigned int level = 1 + (unsigned int)rand() % 4;
    struct pv_vcpu *pv = pv_vcpu(unit_current);

    if (rand() % 3 == 0)
        preempt_in = rand() % 8;
    switch (rand() % 9) {
    case 0:
        ext_req = (struct mmuext_op){.cmd = MMUEXT_PIN_L1_TABLE + level - 1,
                                     .arg1.mfn = random_frame(level)};
        do_mmuext_op(&ext_req, 1, NULL, DOMID_SELF);
        break;
    case 1:
        ext_req = (struct mmuext_op){ .cmd = MMUEXT_UNPIN_TABLE, .arg1.mfn = random_frame(level) };
        do_mmuext_op(&ext_req, 1, NULL, DOMID_SELF);
        break;
    case 2:
        ext_req =
            (struct mmuext_op){.cmd = rand() % 2 ? MMUEXT_NEW_BASEPTR : MMUEXT_NEW_USER_BASEPTR,
                               .arg1.mfn = random_frame(4)};
        do_mmuext_op(&ext_req, 1, NULL, DOMID_SELF);
        break;
    case 3: case 4: case 5: case 6:
        mu_req = (struct mmu_update){pfn_to_paddr(random_frame(level)) +
                                         (unsigned long)(rand() % PT_ENTRIES) * 8,
                                     random_entry(level)};
        do_mmu_update(&mu_req, 1, NULL, rand() % 20 ? DOMID_SELF : 1);
        break;
    case 7:
        scribble();
        break;
    case 8:
        if (pv->guest_root)
            touch_all((unsigned int)rand() % 2);
        break;
    }
    /* One in four is not gone on with. */
    if (continued && rand() % 4)
        finish_call(0);
    continued = false;
    preempt_in = -1;
}

static void test_random(void **state)
{
    unsigned int rounds = getenv("ROUNDS") ? (unsigned int)atoi(getenv("ROUNDS")) : 6000;

    srand(getenv("SEED") ? (unsigned int)atoi(getenv("SEED")) : 1);
    for (unsigned int i = 0; i < rounds; i++) {
        run_as((unsigned int)rand() % 2);
        random_call();
        model_check();
    }
    preempt_in = 2;
    relinquish_all(&dom_a.d);
    preempt_in = -1;
    assert_int_equal(dom_a.d.page_list.count, 0);
    for (mfn_t m = B_FIRST; m <= B_LAST; m++)
        assert_int_equal(frame(m)->count_info & PGC_count_mask, 1);
}

#define T(f) cmocka_unit_test_setup_teardown(f, model_setup, model_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_good_tables),
        T(test_hostile_entries),
        T(test_hypervisor_slots),
        T(test_shared_and_device_frames),
        T(test_l1_updates),
        T(test_table_updates),
        T(test_plain_and_m2p),
        T(test_foreign),
        T(test_foreign_writers_are_flushed),
        T(test_flush_on_type_change),
        T(test_no_needless_flush),
        T(test_preempt_everywhere),
        T(test_preempt_and_abandon),
        T(test_bad_after_preemption),
        T(test_done_counts),
        T(test_roots),
        T(test_ldt),
        T(test_grant_entries),
        T(test_frames_by_number),
        T(test_flush_calls),
        T(test_cache_attributes),
        T(test_ptwr),
        T(test_ptwr_instructions),
        T(test_ptwr_read_only_device),
        T(test_relinquish),
        T(test_no_pin_for_the_dying),
        T(test_root_changes),
        T(test_l1tf),
        T(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
