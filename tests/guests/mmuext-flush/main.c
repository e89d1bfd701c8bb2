/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do the flush operations of mmuext_op flush, and the cache, clear and copy operations act on own
 * frames only?
 *
 * A translation is made stale on purpose by mmu_update (which leaves the flush to the guest), then
 * each operation must make the new page appear.
 */
#include <guest.h>

static uint64_t *first, *second;
static volatile uint64_t *va;

static void flush_by(unsigned int cmd, unsigned long arg2)
{
    struct mmuext_op op = { .cmd = cmd, .arg1.linear_addr = (unsigned long)va };
    uint64_t slot = pte_maddr((void *)va, 1);

    *(unsigned long *)&op.arg2 = arg2;
    expect(mmu_update_one(slot, make_pte(virt_to_mfn(first), PTE_RW)), 0);
    expect(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    check(*va == 1, "operation %u: first page not seen", cmd);
    expect(mmu_update_one(slot, make_pte(virt_to_mfn(second), PTE_RW)), 0);
    expect(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    check(*va == 2, "operation %u left a stale translation", cmd);
}

static void pages(void)
{
    struct mmuext_op op = { .cmd = MMUEXT_CLEAR_PAGE, .arg1.mfn = virt_to_mfn(first) };

    memset(first, 0x5a, PAGE_SIZE);
    expect(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    check(first[0] == 0 && first[511] == 0, "CLEAR_PAGE left 0x%lx", first[0]);
    memset(second, 0x77, PAGE_SIZE);
    op.cmd = MMUEXT_COPY_PAGE;
    op.arg2.src_mfn = virt_to_mfn(second);
    expect(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    check(!memcmp(first, second, PAGE_SIZE), "COPY_PAGE copied something else");
    op.arg1.mfn = 0xfffffffff;
    check(hc_mmuext_op(&op, 1, NULL, DOMID_SELF) < 0, "copy to no memory");
    op.cmd = MMUEXT_CLEAR_PAGE;
    check(hc_mmuext_op(&op, 1, NULL, DOMID_SELF) < 0, "clearing no memory");
    /* A page table is not cleared behind its type. */
    op.arg1.mfn = mm_root_mfn();
    check(hc_mmuext_op(&op, 1, NULL, DOMID_SELF) < 0, "clearing the L4");
    op.arg1.mfn = virt_to_mfn(first);
    op.cmd = MMUEXT_COPY_PAGE;
    op.arg2.src_mfn = 0x1;
    check(hc_mmuext_op(&op, 1, NULL, DOMID_SELF) < 0, "copy from a frame of nobody");
}

static void lists(void)
{
    struct mmuext_op ops[20];
    unsigned int i, done = 0;
    long nobody;

    for (i = 0; i < ARRAY_SIZE(ops); i++)
        ops[i] = (struct mmuext_op){ .cmd = MMUEXT_TLB_FLUSH_LOCAL };
    expect(hc_mmuext_op(ops, ARRAY_SIZE(ops), &done, DOMID_SELF), 0);
    expect(done, ARRAY_SIZE(ops));
    ops[9].cmd = 999;
    expect(hc_mmuext_op(ops, ARRAY_SIZE(ops), &done, DOMID_SELF), -XEN_ENOSYS);
    expect(done, 9);
    expect(hc_mmuext_op((void *)0x1000, 1, NULL, DOMID_SELF), -XEN_EFAULT);
    /* A domain without privileges may as well be told that others are none of its business. */
    nobody = hc_mmuext_op(ops, 1, NULL, 0x7000);
    check(nobody == -XEN_ESRCH || (!is_dom0() && nobody == -XEN_EPERM), "a domain that is not "
          "there gave %ld", nobody);
    expect(hc_mmuext_op(ops, 0, NULL, DOMID_SELF), 0);
}

void test_main(void)
{
    unsigned long mask = 1;
    struct mmuext_op op = { .cmd = MMUEXT_FLUSH_CACHE };

    first = page_alloc();
    second = page_alloc();
    va = window_alloc(1);
    *first = 1;
    *second = 2;
    flush_by(MMUEXT_TLB_FLUSH_LOCAL, 0);
    flush_by(MMUEXT_INVLPG_LOCAL, 0);
    flush_by(MMUEXT_TLB_FLUSH_MULTI, (unsigned long)&mask);
    flush_by(MMUEXT_INVLPG_MULTI, (unsigned long)&mask);
    flush_by(MMUEXT_TLB_FLUSH_ALL, 0);
    flush_by(MMUEXT_INVLPG_ALL, 0);
    /* Caches are for those that have memory of devices. */
    expect(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), is_dom0() ? 0 : -XEN_EACCES);
    op.cmd = MMUEXT_FLUSH_CACHE_GLOBAL;
    expect(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), is_dom0() ? 0 : -XEN_EINVAL);
    op.cmd = MMUEXT_TLB_FLUSH_MULTI;
    check(hc_mmuext_op(&op, 1, NULL, DOMID_SELF) < 0, "a flush with no bitmap");
    op.cmd = MMUEXT_INVLPG_LOCAL;
    op.arg1.linear_addr = 0x8000000000000000;
    check(hc_mmuext_op(&op, 1, NULL, DOMID_SELF) <= 0, "a non-canonical address");
    op.arg1.linear_addr = HYPERVISOR_VIRT_START;
    check(hc_mmuext_op(&op, 1, NULL, DOMID_SELF) <= 0, "the hypervisor's address");
    pages();
    lists();
}
