/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do grants work between domains: mapped, copied, read-only, and safe against a domain that dies or
 * changes its table meanwhile?
 *
 * The child grants pages with known contents to domain 0 (writable, read-only, and one to another
 * domain), domain 0 maps and copies. A page that stays mapped outlives the child; its frame goes
 * back only after the unmap.
 */
#include <guest.h>
#include <domain.h>
#include <grant.h>

enum { REF_RW = 8, REF_RO, REF_OTHER, REF_EMPTY, REF_TABLE };

static struct domain domain;

static void child(void)
{
    uint64_t *rw = page_alloc(), *ro = page_alloc(), *other = page_alloc(), *table = page_alloc();

    grant_init();
    rw[0] = 0x1111;
    ro[0] = 0x2222;
    other[0] = 0x3333;
    grant_page(REF_RW, 0, rw, 0);
    grant_page(REF_RO, 0, ro, GTF_readonly);
    grant_page(REF_OTHER, 7, other, 0);
    table_page(table);
    require(mmuext_mfn(MMUEXT_PIN_L1_TABLE, virt_to_mfn(table)), 0);
    grant_page(REF_TABLE, 0, table, 0);
    printf("ready\n");
    while (read_once(rw[1]) != 0x4444)
        hc_sched_op(SCHEDOP_yield, NULL);
    check(grant_end(REF_RW) != 0, "access ended while domain 0 has it mapped");
    check(grant_end(REF_RO) == 0, "read-only grant still in use: 0x%x", grants[REF_RO].flags);
    rw[2] = 0x5555;
    while (read_once(rw[3]) != 0x6666)
        hc_sched_op(SCHEDOP_yield, NULL);
}

static void write_byte(void *va)
{
    asm volatile("movb $1, (%0)" : : "r"(va) : "memory");
}

static void map_read_only(void)
{
    volatile uint64_t *va = window_alloc(1);
    grant_handle_t handle;

    check(grant_map(1, REF_RO, (void *)va, GNTMAP_host_map, &handle, NULL) != GNTST_okay,
          "a read-only grant was mapped writable");
    expect(grant_map(1, REF_RO, (void *)va, GNTMAP_host_map | GNTMAP_readonly, &handle, NULL),
           GNTST_okay);
    expect(*va, 0x2222);
    expect_trap(write_byte, va, VEC_PF, PF_WRITE | PF_PRESENT);
    expect(grant_unmap(handle, (void *)va, 0), GNTST_okay);
}

static void refused(void)
{
    void *va = window_alloc(1);
    grant_handle_t handle;

    check(grant_map(1, REF_OTHER, va, GNTMAP_host_map, &handle, NULL) != GNTST_okay,
          "a grant for domain 7 was mapped");
    check(grant_map(1, REF_EMPTY, va, GNTMAP_host_map, &handle, NULL) != GNTST_okay,
          "an empty entry was mapped");
    check(grant_map(1, 100000, va, GNTMAP_host_map, &handle, NULL) != GNTST_okay,
          "an entry beyond the table was mapped");
    check(grant_map(1, REF_TABLE, va, GNTMAP_host_map, &handle, NULL) != GNTST_okay,
          "the child's page table was mapped writable");
    check(grant_map(2, REF_RW, va, GNTMAP_host_map, &handle, NULL) == GNTST_bad_domain,
          "a grant of nobody");
}

static void copy(void)
{
    uint64_t *page = page_alloc();
    struct gnttab_copy op = {
        .source = { .u.ref = REF_RO, .domid = 1 },
        .dest = { .u.gmfn = virt_to_mfn(page), .domid = DOMID_SELF, .offset = 64 },
        .len = 8, .flags = GNTCOPY_source_gref,
    };

    expect(hc_grant_table_op(GNTTABOP_copy, &op, 1), 0);
    expect(op.status, GNTST_okay);
    expect(page[8], 0x2222);
    op.source = (struct gnttab_copy_ptr){ .u.gmfn = virt_to_mfn(page), .domid = DOMID_SELF };
    op.dest = (struct gnttab_copy_ptr){ .u.ref = REF_RO, .domid = 1 };
    op.flags = GNTCOPY_dest_gref;
    expect(hc_grant_table_op(GNTTABOP_copy, &op, 1), 0);
    check(op.status != GNTST_okay, "copied into a read-only grant");
    /* A foreign frame without a grant. */
    op.dest = (struct gnttab_copy_ptr){ .u.gmfn = domain.mfns[300], .domid = 1 };
    op.flags = 0;
    hc_grant_table_op(GNTTABOP_copy, &op, 1);
    check(op.status != GNTST_okay, "copied into a frame that was not granted");
}

static void wait_line(unsigned int lines)
{
    if (!wait_until((domain_pump(&domain), domain.lines >= lines), 5000))
        report_error("the child says nothing");
}

void test_main(void)
{
    volatile uint64_t *va;
    grant_handle_t handle;
    const char *step;
    uint64_t frame;
    long error;

    if (!is_dom0()) {
        child();
        return;
    }
    error = domain_create(&domain, 1, pack_file(pack_entry(0)), 0, "", 1024, 1, &step);
    if (error)
        report_error("%s gave %ld", step, error);
    require(domain_unpause(&domain), 0);
    wait_line(1);
    va = window_alloc(1);
    expect(grant_map(1, REF_RW, (void *)va, GNTMAP_host_map, &handle, &frame), GNTST_okay);
    expect(va[0], 0x1111);
    map_read_only();
    refused();
    copy();
    va[1] = 0x4444;
    check(wait_until(va[2] == 0x5555, 2000), "the child does not see our write");
    va[3] = 0x6666;
    check(domain_wait_shutdown(&domain, 5000), "the child does not end");
    check(!strcmp(domain_outcome(&domain), "success"), "child: %s", domain_outcome(&domain));
    /* The mapping keeps the page, and the child as a zombie. */
    check(domain_destroy(&domain) != 0, "the child is gone though its page is mapped");
    expect(va[0], 0x1111);
    va[0] = 0x7777;
    expect(grant_unmap(handle, (void *)va, 0), GNTST_okay);
    check(wait_until(domain_flags(1) == -XEN_ESRCH, 2000), "the zombie stays after the unmap");
}
