/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptor tables of the physical CPUs (hv/cpu/percpu.c, init.c). A CPU's GDT is seen through one
 * of two bases: its own page alone (boot, idle), or the window of the running PV vCPU in the
 * per-domain area, whose page 14 is mapped to the same page. In both the hypervisor's entries have
 * the selectors of processor.h and xen/arch-x86/xen-x86_64.h.
 */
#ifndef HV_DESC_H
#define HV_DESC_H

#define HV_GDT_FIRST_BYTE 0xe000  /* the GDT's page 14: the first byte that the PV ABI reserves */

#ifndef __ASSEMBLY__

#include <hv/cpumask.h>
#include <hv/page.h>
#include <hv/processor.h>
#include <hv/traps.h>

#define HV_GDT_LIMIT (HV_GDT_FIRST_BYTE + PAGE_SIZE - 1)

/*
 * The page of CPU n's GDT that starts at HV_GDT_FIRST_BYTE, page-aligned, in the hypervisor image's
 * slot; NULL until cpu_prepare(n). Constant afterwards, but for the LDT descriptor, which belongs
 * to the context switch, and the busy bit of the TSS. cpu_gdt_mfn[n] is its frame, for mapping it
 * into a vCPU's GDT window.
 */
extern void *cpu_gdt_page[NR_CPUS];
extern mfn_t cpu_gdt_mfn[NR_CPUS];

/* A CPU's own tables, each in a page of its own; read-only but for the TSS. NULL until
   cpu_prepare(). */
extern struct tss *cpu_tss[NR_CPUS];
extern struct idt_entry *cpu_idt[NR_CPUS];

/* Where a CPU's SYSCALL stub runs (read-only, executable). */
extern unsigned long cpu_stub[NR_CPUS];

/* Loads the GDT register with the CPU's own page: for the idle vCPU, which has no window.
   Interrupts off. */
static inline void load_own_gdt(unsigned int cpu)
{
    struct desc_ptr p = {.limit = HV_GDT_LIMIT,
                         .base = (unsigned long)cpu_gdt_page[cpu] - HV_GDT_FIRST_BYTE};

    lgdt(&p);
}

#endif /* __ASSEMBLY__ */
#endif
