/* SPDX-License-Identifier: BSD-2-Clause */
/* Range sets against a bit map as the model. */
/* sources: hv/lib/rangeset.c */
/* cflags: -DHV_UNIT_TEST */
#include "world.h"
#include <hv/iocap.h>

#define N 96u

struct seen { bool bit[N]; long last; unsigned int ranges; };

static int note(unsigned long s, unsigned long e, void *arg)
{
    struct seen *x = arg;
    assert_true(s <= e && e < N);
    assert_true((long)s > x->last + 1 || x->last < 0); /* sorted, disjoint, merged */
    for (unsigned long i = s; i <= e; i++)
        x->bit[i] = true;
    x->last = (long)e;
    x->ranges++;
    return 0;
}

static void compare(const struct rangeset *r, const bool *model)
{
    struct seen x = { .last = -1 };
    bool any = false;
    assert_int_equal(rangeset_for_each(r, note, &x), 0);
    for (unsigned int i = 0; i < N; i++) {
        assert_int_equal(x.bit[i], model[i]);
        assert_int_equal(rangeset_contains(r, i, i), model[i]);
        any |= model[i];
    }
    assert_int_equal(rangeset_empty(r), !any);
}

static void test_random(void **state)
{
    struct rangeset *r;
    bool model[N] = { false };

    world_begin();
    srand(4711);
    r = rangeset_new();
    for (unsigned int step = 0; step < 4000; step++) {
        unsigned int a = (unsigned int)rand() % N, b = (unsigned int)rand() % N;
        unsigned int s = MIN(a, b), e = MAX(a, b), i;
        bool add = rand() & 1, all = true, any = false;
        for (i = s; i <= e; i++) {
            all &= model[i];
            any |= model[i];
        }
        assert_int_equal(rangeset_contains(r, s, e), all);
        assert_int_equal(rangeset_overlaps(r, s, e), any);
        if (e - s > 12)
            continue; /* keep it fragmented */
        assert_int_equal(add ? rangeset_add(r, s, e) : rangeset_remove(r, s, e), 0);
        for (i = s; i <= e; i++)
            model[i] = add;
        compare(r, model);
    }
    rangeset_free(r);
    world_end();
}

static int stop_at_second(unsigned long s, unsigned long e, void *arg)
{
    return ++*(int *)arg == 2 ? 77 : 0;
}

static void test_edges(void **state)
{
    struct rangeset *r;
    int calls = 0;

    world_begin();
    r = rangeset_new();
    assert_int_equal(rangeset_add(r, 5, 4), -EINVAL);
    assert_int_equal(rangeset_remove(r, 5, 4), -EINVAL);
    assert_int_equal(rangeset_add(r, 10, ~0UL), 0);
    assert_int_equal(rangeset_add(r, 0, 3), 0);
    assert_true(rangeset_contains(r, ~0UL, ~0UL));
    assert_false(rangeset_contains(r, 3, 10));
    assert_int_equal(rangeset_add(r, 20, 30), 0); /* inside a range that ends at the top */
    assert_int_equal(rangeset_for_each(r, stop_at_second, &calls), 77);
    assert_int_equal(calls, 2);
    assert_int_equal(rangeset_remove(r, 0, ~0UL), 0);
    assert_true(rangeset_empty(r));
    assert_false(rangeset_contains(NULL, 0, 0));
    assert_true(rangeset_empty(NULL));
    rangeset_free(r);
    rangeset_free(NULL);
    world_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
