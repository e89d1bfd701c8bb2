/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can domain 0 map a domain's grant table as its tools do, to put the console's and the store's
 * pages into it before the domain runs?
 *
 * acquire_resource without a list tells how many frames there are, with one it gives frame numbers,
 * which mmu_update with MMU_PT_UPDATE_NO_TRANSLATE maps as the domain's. What is written there the
 * domain finds in its table. Unknown kinds, numbers, domains and frames out of range are refused.
 */
#include <guest.h>
#include <domain.h>
#include <grant.h>

#define REF 3
#define FRAME 0x12345

static struct domain domain;
static xen_pfn_t frames[4];

/* In the domain: is the entry that domain 0 wrote in the table? */
static void child(void)
{
    grant_init();
    expect(grants[REF].flags, GTF_permit_access);
    expect(grants[REF].domid, 0);
    expect(grants[REF].frame, FRAME);
}

static long acquire(domid_t id, unsigned int type, uint32_t sub, uint64_t first, uint32_t nr,
                    uint32_t *got)
{
    struct xen_mem_acquire_resource op = {
        .domid = id, .type = (uint16_t)type, .id = sub, .frame = first, .nr_frames = nr,
    };
    long rc;

    set_xen_guest_handle(op.frame_list, nr ? frames : NULL);
    rc = hc_memory_op(XENMEM_acquire_resource, &op);
    if (got)
        *got = op.nr_frames;
    return rc;
}

static long map(void *va, uint64_t entry)
{
    struct mmu_update u = { .ptr = pte_maddr(va, 1) | MMU_PT_UPDATE_NO_TRANSLATE, .val = entry };

    return hc_mmu_update(&u, 1, NULL, domain.id);
}

static void refusals(void)
{
    expect(acquire(0x7000, XENMEM_resource_grant_table, 0, 0, 1, NULL), -XEN_ESRCH);
    expect(acquire(1, 77, 0, 0, 1, NULL), -XEN_EOPNOTSUPP);
    expect(acquire(1, XENMEM_resource_grant_table, 9, 0, 1, NULL), -XEN_EINVAL);
    check(acquire(1, XENMEM_resource_grant_table, 0, 1UL << 40, 1, NULL) < 0,
          "a frame far behind the table's end");
    check(acquire(1, XENMEM_resource_grant_table, XENMEM_resource_grant_table_id_status, 0, 1,
                  NULL) < 0, "status frames of a version 1 table");
    check(acquire(1, XENMEM_resource_ioreq_server, 0, 0, 1, NULL) < 0, "ioreq pages of a PV guest");
}

void test_main(void)
{
    const struct pack_entry *e = pack_entry(0);
    grant_entry_v1_t *table = window_alloc(1);
    const char *step;
    uint32_t got = 0;

    if (!is_dom0()) {
        child();
        return;
    }
    require(domain_create(&domain, 1, pack_file(e), e->length, "", 1024, 1, &step), 0);
    expect(acquire(1, XENMEM_resource_grant_table, 0, 0, 0, &got), 0);
    check(got >= 1 && got <= 65536, "a grant table of %u frames", got);
    refusals();
    require(acquire(1, XENMEM_resource_grant_table, 0, 0, 1, NULL), 0);
    check(frames[0] && frames[0] != INVALID_MFN, "frame 0x%lx", frames[0]);
    require(map(table, make_pte(frames[0], PTE_RW)), 0);
    table[REF] = (grant_entry_v1_t){ .flags = GTF_permit_access, .domid = 0, .frame = FRAME };
    expect(map(table, 0), 0);
    require(domain_unpause(&domain), 0);
    check(domain_wait_shutdown(&domain, 10000), "the domain is still running");
    check(!strcmp(domain_outcome(&domain), "success"), "d1: %s", domain_outcome(&domain));
    expect(domain_destroy(&domain), 0);
}
