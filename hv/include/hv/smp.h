/* SPDX-License-Identifier: BSD-2-Clause */
/* Physical CPUs: bring-up and inter-processor calls (hv/cpu/smp.c, hv/cpu/smpboot.c). */
#ifndef HV_SMP_H
#define HV_SMP_H

#include <hv/cpumask.h>
#include <hv/current.h>

extern uint32_t cpu_apicid[NR_CPUS];  /* by CPU number; 0xffffffff = none */

/* Gives CPU numbers to the APIC ids of the MADT, the running CPU first: cpu_apicid, nr_cpu_ids,
   cpu_possible_map. Boot only, after apic_map() and before the idle domain exists. */
void smp_enumerate(void);
/* Starts every CPU that ACPI lists, up to maxcpus=; one that does not
   answer is named and left out. */
void smp_boot_cpus(void);
/* Allocates stacks, per-CPU data, GDT, IDT, TSS, SYSCALL stub of a CPU
   (hv/cpu/percpu.c). 0 or -ENOMEM. */
int cpu_prepare(unsigned int cpu);
/* Loads what cpu_prepare made and sets CR0/CR4/EFER/PAT/SYSCALL MSRs on the
   running CPU (hv/cpu/init.c). */
void cpu_init(void);

/* Runs fn(arg) on each CPU of mask (self included if in it) with interrupts off; waits for all when
   wait. Must be called with interrupts on; one such call at a time in the system. */
void on_cpus(const cpumask_t *mask, void (*fn)(void *), void *arg, bool wait);
/* Interrupts the CPU so that it looks at its pending softirqs and events. */
void smp_send_event_check_cpu(unsigned int cpu);
/* Stops all other CPUs for good (panic, reboot); by NMI, so that a CPU
   with interrupts off stops too. */
void smp_stop_others(void);
/* Called for every NMI: if this CPU was told to stop, it does (no return); else false. */
bool smp_nmi_stop(void);
/* Entry points of the IPI vectors. */
void smp_event_check_interrupt(void);
void smp_call_function_interrupt(void);
void smp_flush_interrupt(void);

#endif
