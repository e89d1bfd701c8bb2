/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of physical CPUs. */
#ifndef HV_CPUMASK_H
#define HV_CPUMASK_H

#include <hv/bitops.h>

#define NR_CPUS 256

typedef struct cpumask { DECLARE_BITMAP(bits, NR_CPUS); } cpumask_t;

extern unsigned int nr_cpu_ids;      /* highest possible CPU number + 1; fixed after ACPI is read */
extern cpumask_t cpu_online_map;     /* runs the scheduler */
extern cpumask_t cpu_possible_map;

static inline void cpumask_set(unsigned int cpu, cpumask_t *m) { set_bit(cpu, m->bits); }
static inline void cpumask_clear(unsigned int cpu, cpumask_t *m) { clear_bit(cpu, m->bits); }
static inline bool cpumask_test(unsigned int cpu, const cpumask_t *m)
{
    return test_bit(cpu, m->bits);
}
static inline bool cpumask_test_and_clear(unsigned int cpu, cpumask_t *m)
{
    return test_and_clear_bit(cpu, m->bits);
}
static inline void cpumask_zero(cpumask_t *m) { *m = (cpumask_t){ }; }
static inline void cpumask_only(unsigned int cpu, cpumask_t *m)
{
    cpumask_zero(m);
    __set_bit(cpu, m->bits);
}
static inline void cpumask_fill(cpumask_t *m)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(m->bits); i++)
        m->bits[i] = ~0UL;
}
static inline void cpumask_and(cpumask_t *d, const cpumask_t *a, const cpumask_t *b)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(d->bits); i++)
        d->bits[i] = a->bits[i] & b->bits[i];
}
static inline void cpumask_or(cpumask_t *d, const cpumask_t *a, const cpumask_t *b)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(d->bits); i++)
        d->bits[i] = a->bits[i] | b->bits[i];
}
static inline bool cpumask_empty(const cpumask_t *m)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(m->bits); i++)
        if (m->bits[i])
            return false;
    return true;
}
static inline bool cpumask_intersects(const cpumask_t *a, const cpumask_t *b)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(a->bits); i++)
        if (a->bits[i] & b->bits[i])
            return true;
    return false;
}
static inline bool cpumask_equal(const cpumask_t *a, const cpumask_t *b)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(a->bits); i++)
        if (a->bits[i] != b->bits[i])
            return false;
    return true;
}
static inline unsigned int cpumask_weight(const cpumask_t *m)
{
    unsigned int n = 0;
    for (unsigned int i = 0; i < ARRAY_SIZE(m->bits); i++)
        n += hweight64(m->bits[i]);
    return n;
}
/* NR_CPUS when there is none. */
static inline unsigned int cpumask_next_from(unsigned int from, const cpumask_t *m)
{
    return (unsigned int)find_next_bit(m->bits, NR_CPUS, from);
}
static inline unsigned int cpumask_first(const cpumask_t *m) { return cpumask_next_from(0, m); }
/* The next member after cpu, wrapping round; NR_CPUS if the set is empty. */
static inline unsigned int cpumask_cycle(unsigned int cpu, const cpumask_t *m)
{
    unsigned int n = cpumask_next_from(cpu + 1, m);
    return n < NR_CPUS ? n : cpumask_first(m);
}
#define for_each_cpu(cpu, mask)                                              \
    for ((cpu) = cpumask_first(mask); (cpu) < NR_CPUS; (cpu) = cpumask_next_from((cpu) + 1, mask))
#define for_each_online_cpu(cpu) for_each_cpu(cpu, &cpu_online_map)

#endif
