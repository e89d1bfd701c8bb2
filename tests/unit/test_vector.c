/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Vectors of several CPUs: allocation until a CPU is full, release, and moves in all orders that an
 * interrupt and the two writes to its source can take.
 */
/* sources: hv/irq/vector.c hv/lib/bitops.c */
/* cflags: -DHV_UNIT_TEST */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <hv/errno.h>
#include <hv/smp.h>
#include <hv/softirq.h>
#include "../../hv/irq/irq_priv.h"

#define CPUS 3u
#define DEVICE_VECTORS (LAST_DEVICE_VECTOR - FIRST_DEVICE_VECTOR + 1u)
#define GATES 2u /* 0x80 and 0x82 */

DEFINE_PER_CPU(long, anchor);
static char copies[CPUS][1 << 20] __attribute__((aligned(4096)));
unsigned long per_cpu_offset[NR_CPUS];
static unsigned int cpu_now;
static bool irr[CPUS][NR_VECTORS];      /* waits in that CPU's APIC */
static bool softirq[CPUS];

unsigned int unit_cpu(void) { return cpu_now; }
unsigned long unit_this_cpu_offset(void) { return per_cpu_offset[cpu_now]; }
bool apic_irr_test(uint8_t vector) { return irr[cpu_now][vector]; }
void cpu_raise_softirq(unsigned int cpu, enum softirq nr)
{
    assert_int_equal(nr, IRQ_MOVE_SOFTIRQ);
    softirq[cpu] = true;
}
void bug_at(const char *file, int line, const char *what)
{
    fail_msg("%s:%d %s", file, line, what);
    abort();
}

/* The template of the table says "none" with every byte, so any copy of ones will do. */
static int setup(void **state)
{
    for (unsigned int cpu = 1; cpu < CPUS; cpu++) {
        memset(copies[cpu], 0xff, sizeof(copies[cpu]));
        per_cpu_offset[cpu] = (unsigned long)copies[cpu] + sizeof(copies[cpu]) / 2 -
                              (unsigned long)&per_cpu__anchor;
    }
    memset(irr, 0, sizeof(irr));
    memset(softirq, 0, sizeof(softirq));
    cpu_now = 0;
    return 0;
}

static int means(unsigned int cpu, unsigned int vector)
{
    cpu_now = cpu;
    return vector_to_irq(vector);
}

static unsigned int used_everywhere(void)
{
    unsigned int n = 0;

    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        n += vectors_used(cpu);
    return n;
}

static void test_fill(void **state)
{
    static struct irq_route r[CPUS][DEVICE_VECTORS];
    struct irq_route one_more = { 0 };
    bool seen[NR_VECTORS] = { false };

    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        for (unsigned int i = 0; i < DEVICE_VECTORS - GATES; i++)
            assert_int_equal(vector_alloc(&r[cpu][i], cpu * 256 + i, cpu), 0);
    assert_int_equal(vector_alloc(&one_more, 1000, 1), -ENOSPC);
    assert_int_equal(one_more.vector, 0);
    for (unsigned int i = 0; i < DEVICE_VECTORS - GATES; i++) {
        unsigned int v = r[1][i].vector;

        assert_in_range(v, FIRST_DEVICE_VECTOR, LAST_DEVICE_VECTOR);
        assert_true(v != 0x80 && v != HYPERCALL_VECTOR && !seen[v]);
        seen[v] = true;
        assert_int_equal(means(1, v), 256 + i);
    }
    /* The first ones are of different priority classes. */
    for (unsigned int i = 1; i < 12; i++)
        assert_int_not_equal(r[0][i].vector >> 3, r[0][i - 1].vector >> 3);
    vector_free(&r[1][7], 256 + 7);
    assert_int_equal(vector_alloc(&one_more, 1000, 1), 0);
    assert_int_equal(means(1, one_more.vector), 1000);
    assert_int_equal(vector_move(&one_more, 1000, 2), -ENOSPC);
    vector_free(&one_more, 1000);
    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        for (unsigned int i = 0; i < DEVICE_VECTORS - GATES; i++)
            if (r[cpu][i].vector)
                vector_free(&r[cpu][i], cpu * 256 + i);
    assert_int_equal(used_everywhere(), 0);
}

/* After each write to the source, every mixture of vector and destination that it may have sent
   means the interrupt. same: the vector is free on the other CPU. */
static void check_move(bool same)
{
    struct irq_route other = { 0 }, r = { 0 }, before;

    assert_int_equal(vector_alloc(&r, 5, 0), 0);
    if (!same) {
        assert_int_equal(vector_alloc(&other, 9, 1), 0);
        assert_int_equal(other.vector, r.vector);
    }
    before = r;
    assert_int_equal(vector_move(&r, 5, 1), 0);
    assert_int_equal(r.cpu, 1);
    assert_int_equal(r.vector == before.vector, same);
    assert_int_equal(means(0, before.vector), 5);   /* nothing written yet */
    assert_int_equal(means(0, r.vector), 5);        /* vector written */
    assert_int_equal(means(1, r.vector), 5);        /* and destination */
    assert_int_equal(vector_move(&r, 5, 2), -EBUSY);

    cpu_now = 0; /* an old one, taken late, ends nothing */
    vector_arrived(&r, before.vector);
    vector_arrived(&r, r.vector);
    assert_true(vector_clean(&r, 5));
    assert_int_equal(means(0, before.vector), 5);

    cpu_now = 1;
    vector_arrived(&r, r.vector);
    assert_true(softirq[0]);
    assert_true(vector_clean(&r, 5)); /* not this CPU's to clean */
    assert_int_equal(means(0, before.vector), 5);

    cpu_now = 0;
    irr[0][r.vector] = true;
    assert_false(vector_clean(&r, 5));
    irr[0][r.vector] = false;
    irr[0][before.vector] = true;
    assert_false(vector_clean(&r, 5));
    irr[0][before.vector] = false;
    assert_true(vector_clean(&r, 5));
    assert_int_equal(vectors_used(0), 0);
    assert_int_equal(means(1, r.vector), 5);
    assert_int_equal(vector_move(&r, 5, 2), 0);
    vector_free(&r, 5);
    if (!same)
        vector_free(&other, 9);
    assert_int_equal(used_everywhere(), 0);
}

static void test_move_same(void **state) { check_move(true); }
static void test_move_other(void **state) { check_move(false); }

/* What is freed in the middle of a move leaves nothing, and takes nothing of others. */
static void test_free_while_moving(void **state)
{
    struct irq_route a = { 0 }, b = { 0 };

    assert_int_equal(vector_alloc(&b, 9, 1), 0);
    assert_int_equal(vector_alloc(&a, 5, 0), 0);
    assert_int_equal(vector_move(&a, 5, 1), 0);
    vector_free(&a, 5);
    assert_int_equal(used_everywhere(), 1);
    assert_int_equal(means(1, b.vector), 9);
    assert_int_equal(a.vector, 0);
}

/* Random moves, arrivals and releases of many: a vector of a CPU never means two. */
static void test_many(void **state)
{
    static struct irq_route r[300];
    unsigned int live = 0;

    srand(1);
    for (unsigned int step = 0; step < 50000; step++) {
        unsigned int i = (unsigned int)rand() % 300, cpu = (unsigned int)rand() % CPUS;
        struct irq_route *x = &r[i];

        if (!x->vector) {
            live += !vector_alloc(x, i, cpu);
        } else if (rand() % 8 == 0) {
            vector_free(x, i);
            live--;
        } else if (x->cpu != cpu) {
            (void)vector_move(x, i, cpu);
        } else {
            cpu_now = cpu;
            vector_arrived(x, x->vector);
            cpu_now = x->old_cpu;
            if (x->old_vector)
                assert_true(vector_clean(x, i));
        }
        if (x->vector)
            assert_int_equal(means(x->cpu, x->vector), i);
        if (x->vector && x->old_vector)
            assert_int_equal(means(x->old_cpu, x->old_vector), i);
    }
    assert_true(live > 100);
    for (unsigned int i = 0; i < 300; i++)
        if (r[i].vector)
            vector_free(&r[i], i);
    assert_int_equal(used_everywhere(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_fill, setup),
        cmocka_unit_test_setup(test_move_same, setup),
        cmocka_unit_test_setup(test_move_other, setup),
        cmocka_unit_test_setup(test_free_while_moving, setup),
        cmocka_unit_test_setup(test_many, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
