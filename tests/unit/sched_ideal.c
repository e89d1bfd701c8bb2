/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Progressive filling (sched_ideal.h). vCPUs of one mask are a class; whether all classes can have
 * what a level gives them is a question of flow from classes to CPUs, answered by augmenting paths.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <hv/types.h>
#include "sched_ideal.h"

#define MAX_CLASSES 160
#define MAX_CPUS 64
#define CPU_CAPACITY 1000000000l
#define STEPS 50

struct class {
    cpumask_t mask;
    long want, got, flow[MAX_CPUS];
    double level;               /* fixed at, or below 0 */
    bool short_of;              /* gets less than it wants */
};
static struct class classes[MAX_CLASSES];
static unsigned int nr_classes, nr_cpus;
static long cpu_left[MAX_CPUS];
static unsigned int class_of[1024];

static double wanted(const struct ideal_vcpu *v, double level)
{
    double share = v->weight * level;

    return share < v->demand ? share : v->demand;
}

/* A path from class c to a CPU with something left, through classes that can use another CPU: moves
   at most `amount` along it. */
static long push_flow(unsigned int c, long amount, bool *seen_class)
{
    struct class *k = &classes[c];

    if (seen_class[c])
        return 0;
    seen_class[c] = true;
    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++)
        if (cpumask_test(cpu, &k->mask) && cpu_left[cpu] > 0) {
            long n = MIN(amount, cpu_left[cpu]);

            k->flow[cpu] += n;
            cpu_left[cpu] -= n;
            return n;
        }
    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
        if (!cpumask_test(cpu, &k->mask))
            continue;
        for (unsigned int other = 0; other < nr_classes; other++) {
            long n = MIN(amount, classes[other].flow[cpu]);

            if (n <= 0 || seen_class[other])
                continue;
            n = push_flow(other, n, seen_class);
            if (n) {
                classes[other].flow[cpu] -= n;
                k->flow[cpu] += n;
                return n;
            }
        }
    }
    return 0;
}

/* Everybody at `level`, or where it is fixed. True if there is enough; short_of tells who suffers
   otherwise: all who have no path to a CPU with something left. */
static bool feasible(struct ideal_vcpu *v, unsigned int nr, double level)
{
    bool all = true;

    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++)
        cpu_left[cpu] = CPU_CAPACITY;
    for (unsigned int c = 0; c < nr_classes; c++) {
        classes[c].want = classes[c].got = 0;
        memset(classes[c].flow, 0, sizeof(classes[c].flow));
    }
    for (unsigned int i = 0; i < nr; i++) {
        struct class *k = &classes[class_of[i]];

        k->want += (long)(CPU_CAPACITY * wanted(&v[i], k->level < 0 ? level : k->level));
    }
    for (unsigned int c = 0; c < nr_classes; c++)
        while (classes[c].got < classes[c].want) {
            bool seen[MAX_CLASSES] = { false };
            long n = push_flow(c, classes[c].want - classes[c].got, seen);

            if (!n) {
                /* Within rounding. */
                all &= classes[c].want - classes[c].got < (long)nr;
                break;
            }
            classes[c].got += n;
        }
    return all;
}

static void find_classes(const struct ideal_vcpu *v, unsigned int nr)
{
    nr_classes = 0;
    assert_true(nr <= ARRAY_SIZE(class_of));
    for (unsigned int i = 0; i < nr; i++) {
        unsigned int c = 0;

        while (c < nr_classes && !cpumask_equal(&classes[c].mask, &v[i].mask))
            c++;
        if (c == nr_classes) {
            assert_true(c < MAX_CLASSES);
            classes[nr_classes++] = (struct class){ .mask = v[i].mask, .level = -1 };
        }
        class_of[i] = c;
    }
}

/* At a level just too high: fixes those that cannot grow any more. */
static void fix_classes(double level)
{
    for (unsigned int c = 0; c < nr_classes; c++) {
        bool seen[MAX_CLASSES] = { false };
        bool stuck = push_flow(c, 1, seen) == 0;

        if (stuck && classes[c].level < 0)
            classes[c].level = level;
    }
}

void ideal_shares(struct ideal_vcpu *v, unsigned int nr, unsigned int cpus)
{
    double top = 0;

    assert_true(cpus <= MAX_CPUS);
    nr_cpus = cpus;
    find_classes(v, nr);
    for (unsigned int i = 0; i < nr; i++)
        top = MAX(top, v[i].demand / v[i].weight);
    for (unsigned int round = 0; round <= nr_classes && !feasible(v, nr, top); round++) {
        double low = 0, high = top;

        for (unsigned int step = 0; step < STEPS; step++) {
            double middle = (low + high) / 2;

            if (feasible(v, nr, middle))
                low = middle;
            else
                high = middle;
        }
        feasible(v, nr, high);
        fix_classes(low);
    }
    for (unsigned int i = 0; i < nr; i++) {
        struct class *k = &classes[class_of[i]];

        v[i].share = wanted(&v[i], k->level < 0 ? top : k->level);
    }
}
