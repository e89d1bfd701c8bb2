/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Per-CPU variables: a template section (.percpu) copied once per CPU; per_cpu_offset[cpu] is the
 * distance from template to copy. CPU 0's copy is the template itself (offset 0), so this_cpu()
 * works from the first C line.
 */
#ifndef HV_PERCPU_H
#define HV_PERCPU_H

#include <hv/cpumask.h>
#include <hv/current.h>

#define DEFINE_PER_CPU(type, name)                                                                 \
    __attribute__((section(".percpu"))) __typeof__(type) per_cpu__##name
#define DECLARE_PER_CPU(type, name) extern __typeof__(type) per_cpu__##name

extern unsigned long per_cpu_offset[NR_CPUS];

#ifdef HV_UNIT_TEST
/* Host-built tests supply one copy per CPU by their own offset function. */
unsigned long unit_this_cpu_offset(void);
#define this_cpu_offset() unit_this_cpu_offset()
#else
#define this_cpu_offset() (get_cpu_info()->per_cpu_offset)
#endif

#define per_cpu_at(name, off) \
    (*(__typeof__(&per_cpu__##name))((unsigned long)&per_cpu__##name + (off)))
#define this_cpu(name) per_cpu_at(name, this_cpu_offset())
#define per_cpu(name, cpu) per_cpu_at(name, per_cpu_offset[cpu])

#endif
