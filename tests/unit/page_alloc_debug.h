/* SPDX-License-Identifier: BSD-2-Clause */
/* Part of test_page_alloc_debug.c: what debug builds find, frames written after they were freed and
   locks taken in a wrong order. */
enum system_state system_state = SYS_active;
unsigned long unit_this_cpu_offset(void) { return 0; }

#define assert_panics(statement)                                                                   \
    do {                                                                                           \
        jmp_buf env;                                                                               \
                                                                                                   \
        panicked = &env;                                                                           \
        if (!setjmp(env)) {                                                                        \
            statement;                                                                             \
            fail_msg("no panic: %s", #statement);                                                  \
        }                                                                                          \
        panicked = NULL;                                                                           \
    } while (0)

static void take_all(void)
{
    while (alloc_xen_pages(0, 0))
        ;
}

/* Whoever gets the frame next, it is found; a freed frame is full of poison meanwhile. */
static void written_after_free(void **state)
{
    struct page_info *pg = alloc_xen_pages(0, 0);
    uint64_t *p = page_to_virt(pg);

    assert_int_equal(p[0] | p[511], 0);
    free_xen_pages(pg, 0);
    assert_int_not_equal(p[0], 0);
    assert_int_equal(p[0], p[511]);
    p[511] ^= 1;
    assert_panics(take_all());
}

static void lock_order(void **state)
{
    DEFINE_SPINLOCK(outer, LOCK_XMALLOC);
    DEFINE_SPINLOCK(inner, LOCK_PAGING);
    DEFINE_SPINLOCK(twin, LOCK_PAGING);

    spin_lock(&outer);
    spin_lock(&inner);
    spin_lock_nested(&twin);
    spin_unlock(&inner);            /* in any order */
    spin_unlock(&twin);
    assert_panics(spin_lock(&outer));
    spin_unlock(&outer);
    spin_lock(&inner);
    assert_panics(spin_lock(&outer));
    assert_panics(spin_lock(&twin));
    spin_unlock(&inner);
    assert_panics(spin_unlock(&inner));
}

#define DEBUG_TESTS                                                                                \
    cmocka_unit_test_setup(lock_order, fresh_domains),                                             \
    cmocka_unit_test_setup(written_after_free, fresh_domains),
