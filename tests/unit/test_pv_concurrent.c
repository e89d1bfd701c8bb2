/* SPDX-License-Identifier: BSD-2-Clause */
/* Page-table hypercalls on several CPUs at once on the same few tables: nothing hangs, and all
 * counts are right after. */
/* sources: pv/page_type.c pv/page_type_l1.c pv/page_type_table.c pv/root.c pv/mmu_update.c */
/* sources: pv/root_copy.c pv/l1tf.c */
/* sources: pv/mmuext.c pv/update_va.c pv/ldt.c hv/mm/page_ref.c hv/mm/page_list.c */
/* cflags: -DHV_UNIT_TEST */
/* libs: -lpthread */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <unistd.h>
#include "pv_model.h"

#define THREADS 3
#define ROUNDS 1500000
#define TIME_LIMIT 120

static const struct {
    mfn_t first;
    unsigned int n;
} parts[] = {{80, 6}, {40, 5}, {20, 4}, {10, 3}, {1, 2}};

static unsigned int next_random(unsigned int *seed, unsigned int n)
{
    *seed = *seed * 1664525 + 1013904223;
    return (*seed >> 8) % n;
}

static mfn_t any_frame(unsigned int *seed, unsigned int level)
{
    return parts[level].first + next_random(seed, parts[level].n);
}

static unsigned long succeeded[THREADS + 1];

static void *worker(void *arg)
{
    unsigned int self = (unsigned int)(uintptr_t)arg, seed = self;
    unsigned long good = 0;

    for (unsigned int i = 0; i < ROUNDS; i++) {
        unsigned int level = 1 + next_random(&seed, 4), slot = next_random(&seed, 4);
        mfn_t m = any_frame(&seed, level);
        pte_t e = make_pte(any_frame(&seed, level - 1),
                           PTE_P | PTE_US | (next_random(&seed, 2) ? PTE_RW : 0));
        struct mmuext_op op = { .arg1.mfn = m };
        struct mmu_update u = { pfn_to_paddr(m) + slot * 8, next_random(&seed, 3) ? e : 0 };

        switch (next_random(&seed, 4)) {
        case 0:
            op.cmd = MMUEXT_PIN_L1_TABLE + level - 1;
            good += !do_mmuext_op(&op, 1, NULL, DOMID_SELF);
            break;
        case 1:
            op.cmd = MMUEXT_UNPIN_TABLE;
            good += !do_mmuext_op(&op, 1, NULL, DOMID_SELF);
            break;
        default:
            /* Level 1 too maps tables now and then: writable fails, read-only does not. */
            if (level == 1 && !next_random(&seed, 8))
                u.val = make_pte(any_frame(&seed, 1), PTE_P | PTE_US | PTE_RW);
            good += !do_mmu_update(&u, 1, NULL, DOMID_SELF);
        }
    }
    succeeded[self] = good;
    return NULL;
}

static void test_threads(void **state)
{
    pthread_t t[THREADS];

    /* Like a boot CPU: nothing is put off, since there is only one vCPU here to put it off to. */
    unit_current->is_idle = true;
    cpumask_zero(&dom_a.d.dirty_cpus);
    alarm(TIME_LIMIT);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&t[i], NULL, worker, (void *)(i + 1)), 0);
    for (unsigned int i = 0; i < THREADS; i++)
        pthread_join(t[i], NULL);
    alarm(0);
    if (getenv("VERBOSE"))
        for (unsigned int i = 1; i <= THREADS; i++)
            printf("thread %u: %lu of %u calls succeeded\n", i, succeeded[i], ROUNDS);
    for (unsigned int i = 1; i <= THREADS; i++)
        assert_true(succeeded[i] > ROUNDS / 20);
    model_check();
    for (mfn_t m = A_FIRST; m <= A_LAST; m++)
        if (frame(m)->type_info & PGT_pinned)
            assert_int_equal(mmuext(MMUEXT_UNPIN_TABLE, m, 0), 0);
    model_check();
    for (mfn_t m = A_FIRST; m <= A_LAST; m++)
        assert_int_equal(frame(m)->type_info & PGT_count_mask, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_threads, model_setup, model_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
