/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a fluid machine would give: weighted max-min fair shares of CPUs, where a vCPU uses at most
 * one CPU, those of its mask only, and not more than it wants. Everybody's share grows by weight
 * until the CPUs that somebody can use are full; the others go on.
 */
#ifndef TESTS_SCHED_IDEAL_H
#define TESTS_SCHED_IDEAL_H

#include <hv/cpumask.h>

struct ideal_vcpu {
    cpumask_t mask;
    double weight, demand;      /* of a CPU, at most 1 */
    double share;               /* result */
};

void ideal_shares(struct ideal_vcpu *v, unsigned int nr, unsigned int cpus);

#endif
