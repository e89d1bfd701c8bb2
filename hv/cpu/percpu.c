/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What each physical CPU has of its own: stack block, copy of the per-CPU variables, descriptor
 * tables, SYSCALL stub. All but CPU 0's stack and variables are allocated here, at fixed addresses
 * by CPU number:
 *
 *   STACKS_VIRT_START + cpu * STACK_SIZE: as in current.h
 *   PERCPU_VIRT_START + cpu * PERCPU_STRIDE: stub, GDT page, TSS, IDT (a page each), guard page,
 *   per-CPU variables
 */
#include <hv/boot.h>
#include <hv/desc.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/numa.h>
#include <hv/percpu.h>
#include <hv/printk.h>
#include <hv/smp.h>
#include <pv/pv.h>
#include <pv/xpti.h>
#include "cpu_private.h"

#define PERCPU_STRIDE (1UL << L2_SHIFT)
enum { BLOCK_STUB, BLOCK_GDT, BLOCK_TSS, BLOCK_IDT, BLOCK_GUARD, BLOCK_DATA };

#define TSS_AVAILABLE 0x89ULL  /* present 64-bit TSS, not busy */
#define TSS_LIMIT (sizeof(struct tss) - 1)

_Static_assert(NR_CPUS * PERCPU_STRIDE <= IOREMAP_VIRT_START - PERCPU_VIRT_START, "per-CPU window");
_Static_assert(NR_CPUS *(unsigned long)STACK_SIZE <= PERCPU_VIRT_START - STACKS_VIRT_START,
               "stack window");

unsigned long per_cpu_offset[NR_CPUS];
void *cpu_gdt_page[NR_CPUS];
mfn_t cpu_gdt_mfn[NR_CPUS];
struct tss *cpu_tss[NR_CPUS];
struct idt_entry *cpu_idt[NR_CPUS];
unsigned long cpu_stub[NR_CPUS];

extern char percpu_template[];
extern uint8_t boot_gdt_page[];

static unsigned long block_addr(unsigned int cpu, unsigned int page)
{
    return PERCPU_VIRT_START + cpu * PERCPU_STRIDE + page * PAGE_SIZE;
}

static unsigned long stack_addr(unsigned int cpu)
{
    return STACKS_VIRT_START + (unsigned long)cpu * STACK_SIZE;
}

/* CPU 0 uses the section itself, so its first state is kept for the others' copies. */
void __init percpu_save_template(void)
{
    memcpy(percpu_template, percpu_start, (size_t)(percpu_end - percpu_start));
}

/* A new frame near cpu mapped at va; returns its direct-map address, or NULL. */
static void *map_new_page(unsigned int cpu, unsigned long va, uint64_t flags)
{
    struct page_info *pg = alloc_xen_pages(0, MEMF_node(cpu_node[cpu]));

    if (!pg)
        return NULL;
    if (!map_hv_pages(va, page_to_mfn(pg), 1, flags))
        return page_to_virt(pg);
    free_xen_pages(pg, 0);
    return NULL;
}

static int make_stack(unsigned int cpu)
{
    for (unsigned int page = 0; page < 1 << STACK_ORDER; page++) {
        bool used = page == STACK_PAGE_DF || page == STACK_PAGE_NMI || page == STACK_PAGE_MC ||
                    page == STACK_PAGE_DB || page >= STACK_PAGE_PRIMARY;

        if (used && !map_new_page(cpu, stack_addr(cpu) + page * PAGE_SIZE, PAGE_HV_RW))
            return -ENOMEM;
    }
    return 0;
}

static int make_data(unsigned int cpu)
{
    size_t size = (size_t)(percpu_end - percpu_start);
    unsigned long at = block_addr(cpu, BLOCK_DATA);

    BUG_ON(size > PERCPU_STRIDE - (BLOCK_DATA + 1) * PAGE_SIZE);
    for (size_t done = 0; done < size; done += PAGE_SIZE) {
        void *p = map_new_page(cpu, at + done, PAGE_HV_RW);

        if (!p)
            return -ENOMEM;
        memcpy(p, percpu_template + done, MIN(size - done, PAGE_SIZE));
    }
    per_cpu_offset[cpu] = at - (unsigned long)percpu_start;
    return 0;
}

static unsigned long ist_top(unsigned int cpu, unsigned int page)
{
    return stack_addr(cpu) + (page + 1) * PAGE_SIZE;
}

static void fill_tss(unsigned int cpu, struct tss *tss)
{
    tss->rsp[0] = (unsigned long)&cpu_info_at(cpu)->guest_regs.es;
    tss->ist[IST_DF - 1] = ist_top(cpu, STACK_PAGE_DF);
    tss->ist[IST_NMI - 1] = ist_top(cpu, STACK_PAGE_NMI);
    tss->ist[IST_MC - 1] = ist_top(cpu, STACK_PAGE_MC);
    tss->ist[IST_DB - 1] = ist_top(cpu, STACK_PAGE_DB);
    tss->iomap = sizeof(*tss);
}

static void fill_gdt(unsigned int cpu, void *page)
{
    uint64_t *desc = (uint64_t *)((char *)page + (HV_TSS - HV_GDT_FIRST_BYTE));
    unsigned long base = block_addr(cpu, BLOCK_TSS);

    copy_page(page, boot_gdt_page);
    desc[0] =
        TSS_LIMIT | ((base & 0xffffff) << 16) | (TSS_AVAILABLE << 40) | ((base >> 24 & 0xff) << 56);
    desc[1] = base >> 32;
}

static int make_tables(unsigned int cpu)
{
    void *stub = map_new_page(cpu, block_addr(cpu, BLOCK_STUB), PAGE_HV_RX);
    void *gdt = map_new_page(cpu, block_addr(cpu, BLOCK_GDT), PAGE_HV_RW);
    void *tss = map_new_page(cpu, block_addr(cpu, BLOCK_TSS), PAGE_HV_RW);
    void *idt = map_new_page(cpu, block_addr(cpu, BLOCK_IDT), PAGE_HV_RO);

    if (!stub || !gdt || !tss || !idt)
        return -ENOMEM;
    fill_gdt(cpu, gdt);
    fill_tss(cpu, tss);
    idt_init_table(idt);
    pv_entry_write_stub(cpu, stub, block_addr(cpu, BLOCK_STUB));
    cpu_gdt_page[cpu] = (void *)block_addr(cpu, BLOCK_GDT);
    cpu_gdt_mfn[cpu] = virt_to_mfn(gdt);
    cpu_tss[cpu] = (struct tss *)block_addr(cpu, BLOCK_TSS);
    cpu_idt[cpu] = (struct idt_entry *)block_addr(cpu, BLOCK_IDT);
    cpu_stub[cpu] = block_addr(cpu, BLOCK_STUB);
    return 0;
}

int cpu_prepare(unsigned int cpu)
{
    struct cpu_info *info = cpu_info_at(cpu);

    if (cpu && (make_stack(cpu) || make_data(cpu)))
        return -ENOMEM;
    if (make_tables(cpu) || pv_xpti_cpu_prepare(cpu))
        return -ENOMEM;
    info->cpu_id = cpu;
    info->per_cpu_offset = per_cpu_offset[cpu];
    return 0;
}
