/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can the grant table be set up, asked for its size, and are other versions answered as Linux
 * needs?
 *
 * The ABI: query_size tells frames and limit; setup_table gives the frames and grows up to the
 * limit; more gives GNTST_general_error in the status; version 1 is in use; version 2 is refused
 * here (Xen allows it, unless started with gnttab=max-ver:1, which this test does) so that guests
 * fall back.
 */
#include <guest.h>

static long setup(unsigned int frames, xen_pfn_t *list, domid_t dom, int16_t *status)
{
    struct gnttab_setup_table op = { .dom = dom, .nr_frames = frames };
    long error;

    set_xen_guest_handle(op.frame_list, list);
    error = hc_grant_table_op(GNTTABOP_setup_table, &op, 1);
    *status = op.status;
    return error;
}

void test_main(void)
{
    struct gnttab_query_size size = { .dom = DOMID_SELF };
    struct gnttab_get_version get = { .dom = DOMID_SELF };
    struct gnttab_set_version set = { .version = 1 };
    static xen_pfn_t frames[4096];
    volatile struct grant_entry_v1 *table = window_alloc(1);
    struct gnttab_dump_table dump = { .dom = 0x7000 };
    int16_t status;

    expect(hc_grant_table_op(GNTTABOP_query_size, &size, 1), 0);
    expect(size.status, GNTST_okay);
    check(size.max_nr_frames >= 4 && size.nr_frames <= size.max_nr_frames, "%u of %u frames",
          size.nr_frames, size.max_nr_frames);
    expect(setup(2, frames, DOMID_SELF, &status), 0);
    expect(status, GNTST_okay);
    check(frames[0] && frames[1] && frames[0] != frames[1], "frames 0x%lx and 0x%lx", frames[0],
          frames[1]);
    expect(map_frame((void *)table, frames[0], PTE_RW), 0);
    table[9].frame = 0x12345;
    expect(table[9].frame, 0x12345);
    table[9].frame = 0;
    expect(setup(size.max_nr_frames + 1, frames, DOMID_SELF, &status), 0);
    check(status != GNTST_okay, "more frames than the limit");
    expect(setup(1, frames, 0x7000, &status), 0);
    expect(status, GNTST_bad_domain);
    check(setup(2, (void *)0x1000, DOMID_SELF, &status) < 0 || status != GNTST_okay,
          "a bad frame list");
    size.dom = 0x7000;
    expect(hc_grant_table_op(GNTTABOP_query_size, &size, 1), 0);
    expect(size.status, GNTST_bad_domain);
    expect(hc_grant_table_op(GNTTABOP_get_version, &get, 1), 0);
    expect(get.version, 1);
    expect(hc_grant_table_op(GNTTABOP_set_version, &set, 1), 0);
    expect(set.version, 1);
    set.version = 2;
    check(hc_grant_table_op(GNTTABOP_set_version, &set, 1) < 0, "version 2 was accepted");
    set.version = 3;
    expect(hc_grant_table_op(GNTTABOP_set_version, &set, 1), -XEN_EINVAL);
    set.version = 0;
    expect(hc_grant_table_op(GNTTABOP_set_version, &set, 1), -XEN_EINVAL);
    expect(hc_grant_table_op(GNTTABOP_query_size, 0x1000, 1), -XEN_EFAULT);
    expect(hc_grant_table_op(GNTTABOP_setup_table, 0x1000, 1), -XEN_EFAULT);
    expect(hc_grant_table_op(GNTTABOP_query_size, &size, 2), -XEN_EINVAL);
    expect(hc_grant_table_op(100, &size, 1), -XEN_ENOSYS);
    check(hc_grant_table_op(GNTTABOP_dump_table, &dump, 1) <= 0, "dump_table");
    expect(map_frame((void *)table, frames[0], PTE_RO), 0);
}
