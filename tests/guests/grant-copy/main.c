/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does GNTTABOP_copy copy between grants and frames, bytes exactly, within pages and rights?
 *
 * The ABI: each side is a grant reference or, for the caller, a frame; ranges that leave the page,
 * read-only targets, bad references, domains and frames give a status, not a copy; a list goes on
 * after a failed entry.
 */
#include <guest.h>
#include <grant.h>

static uint8_t *from, *to;

static struct gnttab_copy frames(uint16_t source, uint16_t dest, uint16_t length)
{
    return (struct gnttab_copy){
        .source = { .u.gmfn = virt_to_mfn(from), .domid = DOMID_SELF, .offset = source },
        .dest = { .u.gmfn = virt_to_mfn(to), .domid = DOMID_SELF, .offset = dest },
        .len = length,
    };
}

static int copy(struct gnttab_copy op)
{
    expect(hc_grant_table_op(GNTTABOP_copy, &op, 1), 0);
    return op.status;
}

static void reset(void)
{
    unsigned int i;

    for (i = 0; i < PAGE_SIZE; i++)
        from[i] = (uint8_t)(i * 7);
    memset(to, 0xee, PAGE_SIZE);
}

static void good(void)
{
    struct gnttab_copy op;

    reset();
    expect(copy(frames(100, 200, 1000)), GNTST_okay);
    check(!memcmp(to + 200, from + 100, 1000), "the copy differs");
    check(to[199] == 0xee && to[1200] == 0xee, "the copy wrote beside its range");
    expect(copy(frames(0, 0, 4096)), GNTST_okay);
    check(!memcmp(to, from, PAGE_SIZE), "a whole page differs");
    expect(copy(frames(4095, 4095, 1)), GNTST_okay);
    expect(copy(frames(0, 0, 0)), GNTST_okay);
    reset();
    grant_page(30, own_id(), from, GTF_readonly);
    grant_page(31, own_id(), to, 0);
    op = frames(8, 16, 64);
    op.source.domid = op.dest.domid = own_id();
    op.source.u.ref = 30;
    op.dest.u.ref = 31;
    op.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
    expect(copy(op), GNTST_okay);
    check(!memcmp(to + 16, from + 8, 64), "a copy by grants differs");
    check(!(grants[30].flags & (GTF_reading | GTF_writing)), "source flags 0x%x", grants[30].flags);
    check(!(grants[31].flags & (GTF_reading | GTF_writing)), "target flags 0x%x", grants[31].flags);
}

static void hostile(void)
{
    struct gnttab_copy op;

    reset();
    expect(copy(frames(1, 0, 4096)), GNTST_bad_copy_arg);
    expect(copy(frames(0, 4096, 1)), GNTST_bad_copy_arg);
    expect(copy(frames(65535, 0, 65535)), GNTST_bad_copy_arg);
    expect(copy(frames(0, 65535, 2)), GNTST_bad_copy_arg);
    op = frames(0, 0, 16);
    op.source.u.gmfn = 0xfffffffff;
    check(copy(op) != GNTST_okay, "copied from no memory");
    op = frames(0, 0, 16);
    op.dest.u.gmfn = mm_root_mfn();
    check(copy(op) != GNTST_okay, "copied into the L4");
    op = frames(0, 0, 16);
    op.dest.u.gmfn = 0x1;
    check(copy(op) != GNTST_okay, "copied into a frame of nobody");
    op = frames(0, 0, 16);
    op.source.domid = 0x7000;
    op.source.u.ref = 30;
    op.flags = GNTCOPY_source_gref;
    expect(copy(op), GNTST_bad_domain);
    op = frames(0, 0, 16);
    op.dest.domid = own_id();
    op.dest.u.ref = 30;
    op.flags = GNTCOPY_dest_gref;
    check(copy(op) != GNTST_okay, "copied to a read-only grant");
    op.dest.u.ref = 0x7fffffff;
    check(copy(op) != GNTST_okay, "copied to a reference beyond the table");
    op.dest.u.ref = 999;
    check(copy(op) != GNTST_okay, "copied to an empty entry");
    expect(to[0], 0xee);
    expect(from[0], 0);
}

static void list(void)
{
    struct gnttab_copy ops[3];

    reset();
    ops[0] = frames(0, 0, 8);
    ops[1] = frames(0, 4090, 100);
    ops[2] = frames(0, 100, 8);
    expect(hc_grant_table_op(GNTTABOP_copy, ops, 3), 0);
    expect(ops[0].status, GNTST_okay);
    expect(ops[1].status, GNTST_bad_copy_arg);
    expect(ops[2].status, GNTST_okay);
    check(!memcmp(to + 100, from, 8), "the entry after a bad one was not done");
    expect(hc_grant_table_op(GNTTABOP_copy, 0x1000, 1), -XEN_EFAULT);
    expect(hc_grant_table_op(GNTTABOP_copy, ops, 0), 0);
}

void test_main(void)
{
    grant_init();
    from = page_alloc();
    to = page_alloc();
    good();
    hostile();
    list();
}
