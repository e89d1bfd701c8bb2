/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is a change of an entry of a root table in use seen by all who run on it?
 *
 * A hypervisor may run guests on copies of their root tables; to the guest there is only the one it
 * wrote. Right is: after an entry is set, replaced or taken away and the TLB is flushed, kernel and
 * user mode, on this vCPU and on another one that runs on the table meanwhile, find what the table
 * says, and where nothing is mapped they fault. Slots of both halves are tried, and a root table
 * for user mode of its own.
 *
 * With "spin=kernel" or "spin=user" on the command line it stays in that mode for good, for
 * tests/system/xpti_isolation.py to look at the tables that the CPUs run on.
 */
#include <guest.h>

#define ROUNDS 40
#define SLOT_VA(slot) ((volatile uint64_t *)((uint64_t)((int64_t)((uint64_t)(slot) << 55) >> 16)))
#define LOW_SLOT 77
#define HIGH_SLOT 401
#define FIRST 0x111
#define SECOND 0x222

static uint64_t first, second;          /* entries for a root table: branches with one page each */
static uint64_t user_root;              /* machine address of user mode's own */

static uint64_t branch(uint64_t mark)
{
    uint64_t *l3 = page_alloc(), *l2 = page_alloc(), *l1 = page_alloc(), *page = page_alloc();

    *page = mark;
    l1[0] = make_pte(virt_to_mfn(page), PTE_RW);
    l2[0] = make_pte(virt_to_mfn(l1), PTE_TABLE);
    l3[0] = make_pte(virt_to_mfn(l2), PTE_TABLE);
    table_page(l1);
    table_page(l2);
    table_page(l3);
    return make_pte(virt_to_mfn(l3), PTE_TABLE);
}

static void set_entry(uint64_t root, unsigned int slot, uint64_t entry)
{
    expect(mmu_update_one(root + slot * 8, entry), 0);
}

static void flush_everywhere(void)
{
    expect(mmuext_linear(MMUEXT_TLB_FLUSH_ALL, 0), 0);
}

static void kernel_probe(void *va)
{
    (void)*(volatile uint64_t *)va;
}

static long user_probe(void *va)
{
    return (long)*(volatile uint64_t *)va;
}

/* --- one vCPU --- */

static void change_own(uint64_t root, unsigned int slot)
{
    volatile uint64_t *va = SLOT_VA(slot);

    expect_trap(kernel_probe, va, VEC_PF, 0);
    set_entry(root, slot, first);
    expect(*va, FIRST);
    expect(user_call(user_probe, (void *)va), FIRST);
    set_entry(root, slot, second);
    expect(mmuext_linear(MMUEXT_TLB_FLUSH_LOCAL, 0), 0);
    expect(*va, SECOND);
    expect(user_call(user_probe, (void *)va), SECOND);
    set_entry(root, slot, 0);
    expect(mmuext_linear(MMUEXT_TLB_FLUSH_LOCAL, 0), 0);
    expect_trap(kernel_probe, va, VEC_PF, 0);
    expect_user_trap(user_probe, va, VEC_PF, PF_USER);
}

/* Only user mode sees changes of a table that is only its own. */
static void change_users(unsigned int slot)
{
    volatile uint64_t *va = SLOT_VA(slot);

    set_entry(user_root, slot, first);
    expect(user_call(user_probe, (void *)va), FIRST);
    expect_trap(kernel_probe, va, VEC_PF, 0);
    set_entry(user_root, slot, second);
    expect(mmuext_linear(MMUEXT_INVLPG_LOCAL, (unsigned long)va), 0);
    expect(user_call(user_probe, (void *)va), SECOND);
    set_entry(user_root, slot, 0);
    expect(mmuext_linear(MMUEXT_INVLPG_LOCAL, (unsigned long)va), 0);
    expect_user_trap(user_probe, va, VEC_PF, PF_USER);
}

static void make_user_root(void)
{
    uint64_t *l4 = page_alloc();

    memcpy(l4, (void *)start_info->pt_base, PAGE_SIZE);
    memset(l4 + 256, 0, 16 * 8);
    table_page(l4);
    require(mmuext_mfn(MMUEXT_PIN_L4_TABLE, virt_to_mfn(l4)), 0);
    user_root = virt_to_maddr(l4);
}

/* --- another vCPU --- */

enum mode { KERNEL, USER, USER_OWN_ROOT, STOP };

static volatile enum mode mode, mode_seen;
static volatile uint64_t seen;          /* 0: it faulted */

static void kernel_loop(void *va)
{
    while (mode == KERNEL)
        seen = *(volatile uint64_t *)va;
}

static long user_loop(void *va)
{
    while (mode == mode_seen)
        seen = *(volatile uint64_t *)va;
    return 0;
}

static void reader(void *va)
{
    struct trap t;

    while (mode != STOP) {
        if (mode != mode_seen && mode != KERNEL) {
            /* The library sets the default one at the first use of user mode. */
            user_call(user_probe, (void *)start_info);
            mmuext_mfn(MMUEXT_NEW_USER_BASEPTR,
                       mode == USER ? mm_root_mfn() : user_root >> PAGE_SHIFT);
        }
        mode_seen = mode;
        t.vector = VEC_SYSCALL;
        if (mode_seen == KERNEL)
            trap_catch(kernel_loop, va, &t);
        else
            trap_user(user_loop, va, 0, &t);
        if (t.vector == VEC_PF)
            seen = 0;
    }
}

static void want(uint64_t value, enum mode m, const char *what)
{
    if (!wait_until(seen == value, 5000))
        report_failure("mode %u: the other vCPU sees %lx, not what was %s", m, seen, what);
}

static void change_others(enum mode m, unsigned int slot)
{
    uint64_t root = m == USER_OWN_ROOT ? user_root : (uint64_t)mm_root_mfn() << PAGE_SHIFT;
    unsigned int n;

    mode = m;
    if (!wait_until(mode_seen == m, 5000))
        report_error("the other vCPU does not come to mode %u", m);
    want(0, m, "mapped at first");
    for (n = 0; n < ROUNDS && !report_failures(); n++) {
        set_entry(root, slot, first);
        want(FIRST, m, "set");
        set_entry(root, slot, second);
        flush_everywhere();
        want(SECOND, m, "put in its place");
        set_entry(root, slot, 0);
        flush_everywhere();
        want(0, m, "left");
    }
}

/* --- spinning --- */

static void spin(void *unused)
{
    (void)unused;
    for (;;)
        asm volatile("pause");
}

static long user_spin(void *unused)
{
    spin(unused);
    return 0;
}

/* The other vCPU does so in kernel mode. */
static void spin_for_good(bool user)
{
    require(vcpu_start(1, spin, NULL), 0);
    printf("spinning in %s mode\n", user ? "user" : "kernel");
    if (user)
        user_call(user_spin, NULL);
    spin(NULL);
}

void test_main(void)
{
    uint64_t root = (uint64_t)mm_root_mfn() << PAGE_SHIFT;

    vcpu_need(2);
    if (!strncmp(command_line(), "spin=", 5))
        spin_for_good(command_line()[5] == 'u');
    first = branch(FIRST);
    second = branch(SECOND);
    make_user_root();
    /* The first use of user mode sets the default root table. */
    expect_user_trap(user_probe, SLOT_VA(LOW_SLOT), VEC_PF, PF_USER);
    change_own(root, LOW_SLOT);
    change_own(root, HIGH_SLOT);
    expect(mmuext_mfn(MMUEXT_NEW_USER_BASEPTR, user_root >> PAGE_SHIFT), 0);
    change_users(LOW_SLOT);
    change_users(HIGH_SLOT);

    mode_seen = STOP;
    seen = 1;
    require(vcpu_start(1, reader, (void *)SLOT_VA(LOW_SLOT)), 0);
    change_others(KERNEL, LOW_SLOT);
    change_others(USER, LOW_SLOT);
    change_others(USER_OWN_ROOT, LOW_SLOT);
    change_others(KERNEL, LOW_SLOT);
    mode = STOP;
    check(vcpu_wait_down(1), "the other vCPU does not end");
}
