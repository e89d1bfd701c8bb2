/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XPTI: PV guests run on per-CPU copies of their root tables which map of the hypervisor only what
 * the CPU needs to enter it. What it is for: Intel, "Rogue Data Cache Load" (Meltdown); the root
 * tables are changed in hv/cpu/spec_entry.S. Everything here is without effect unless
 * spec_init() has decided for XPTI for some domain.
 */
#ifndef PV_XPTI_H
#define PV_XPTI_H

#include <hv/page.h>

struct vcpu;
struct domain;

enum root_copy { KERNEL_ROOT_COPY, USER_ROOT_COPY, NR_ROOT_COPIES };

/* By CPU. The guest's slots are filled by pv_root_copy(), the hypervisor's as below. */
extern pte_t *pv_root_copies[][NR_ROOT_COPIES];
extern bool pv_root_copies_used;

/* --- pv/xpti.c --- */
/* Makes the tables of a CPU whose stack and tables exist. Boot only. 0 or -ENOMEM. */
int pv_xpti_cpu_prepare(unsigned int cpu);
/* The CPU goes over to v, which is current: copies, CR4.PGE and CR4.PCIDE, and what entry and exit
   load. Interrupts off; CR3 has PCID_FULL. The caller flushes the TLB before v runs. */
void pv_xpti_switch_to(struct vcpu *v);

/* --- pv/root_copy.c --- */
/* This CPU's copy becomes one of root (machine address; 0: empty), which current runs on from now
   on, as its guest_root or guest_root_user says already. */
void pv_root_copy(enum root_copy which, uint64_t root);
/* An entry of d's root table was changed in place, under the table's lock. Returns when no CPU runs
   on the old one by a copy any more. Interrupts on, as for on_cpus(). */
void pv_root_changed(struct domain *d, mfn_t root, unsigned int slot);

#endif
