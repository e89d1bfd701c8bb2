/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TLB flushes and the TLB clock that the central rule (mm.h) is checked with (hv/mm/flush.c).
 *
 * The clock is a 32-bit number that moves on with every full flush of a CPU; it never stays 0 (0 as
 * a frame's stamp means "flush regardless"). Each CPU notes the clock when it flushed all; a
 * frame's stamp is the clock when its use ended. A CPU may hold a stale translation of the frame
 * only if it has not flushed since.
 */
#ifndef HV_FLUSH_H
#define HV_FLUSH_H

#include <hv/percpu.h>

#define FLUSH_TLB (1u << 0)        /* all non-global translations */
#define FLUSH_TLB_GLOBAL (1u << 1) /* global ones too */
#define FLUSH_VA (1u << 2)         /* only the page of va */
#define FLUSH_CACHE (1u << 3)      /* WBINVD */

/*
 * Process-context identifiers, where a CPU uses them (cpu_info.cr3_noflush): translations of root
 * tables that are loaded one after the other stay apart, and outlive the loads that say so. The
 * hypervisor runs on PCID_FULL, whatever root table; a guest on copies runs on the others. Flushes
 * below are of all of them.
 */
#define PCID_FULL 0
#define PCID_KERNEL_COPY 1
#define PCID_USER_COPY 2

extern uint32_t tlb_clock;
DECLARE_PER_CPU(uint32_t, tlb_flush_time);

static inline uint32_t tlb_stamp_now(void) { return __atomic_load_n(&tlb_clock, __ATOMIC_SEQ_CST); }
/* Around instructions that flush all translations of guests: begin ticks the clock, end notes that
   tick for this CPU. A flush that is not noted is harmless (somebody flushes once too often); noted
   and not done would be a hole. */
uint32_t tlb_flush_begin(void);
void tlb_flush_end(uint32_t tick);
/* Loads CR3 with PCID_FULL, flushes non-global translations, and notes it. Interrupts may be on. */
void load_root(paddr_t root);
void flush_local(unsigned int flags, unsigned long va);
/* Flushes on every CPU of mask (itself included if in it) and waits. Interrupts must be on unless
   mask is only self. Callers hold no lock that a remote CPU may spin on with interrupts off. */
void flush_mask(const cpumask_t *mask, unsigned int flags, unsigned long va);
void flush_all(unsigned int flags);
/* The clock has run over: flushes everywhere and starts it anew. Called every second, with
   interrupts on and no locks. */
void tlb_clock_maintain(void);
/* Removes from mask the CPUs that have flushed since stamp. */
void flush_filter(cpumask_t *mask, uint32_t stamp);

#endif
