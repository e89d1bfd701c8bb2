/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory of a PV guest. All of the domain's frames are mapped read-write at VIRT_BASE + pfn * 4 KiB
 * (page tables read-only), and a window of free addresses above takes other mappings.
 * Not locked: one vCPU manages memory.
 */
#ifndef GUEST_MM_H
#define GUEST_MM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE 4096UL
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define VIRT_BASE 0xffffffff80000000UL
/* The top 16 MiB of the gigabyte at VIRT_BASE. */
#define WINDOW_BASE (VIRT_BASE + 0x3f000000UL)
#define WINDOW_PAGES 4096UL
#define INVALID_MFN (~0UL)

enum pte_bits {
    PTE_P = 1 << 0, PTE_W = 1 << 1, PTE_U = 1 << 2, PTE_PWT = 1 << 3, PTE_PCD = 1 << 4,
    PTE_A = 1 << 5, PTE_D = 1 << 6, PTE_PSE = 1 << 7, PTE_G = 1 << 8,
    PTE_RW = PTE_P | PTE_W | PTE_U | PTE_A | PTE_D,
    PTE_RO = PTE_P | PTE_U | PTE_A,
    /* Tables: the form the hypervisor itself uses for them. */
    PTE_TABLE = PTE_P | PTE_W | PTE_U | PTE_A | PTE_D,
};
#define PTE_NX (1UL << 63)
#define PTE_ADDR 0x000ffffffffff000UL

static inline void *pfn_to_virt(unsigned long pfn)
{
    return (void *)(VIRT_BASE + (pfn << PAGE_SHIFT));
}

static inline unsigned long virt_to_pfn(const void *va)
{
    return ((unsigned long)va - VIRT_BASE) >> PAGE_SHIFT;
}

unsigned long pfn_to_mfn(unsigned long pfn);
/* By the machine-to-physical table; valid for the domain's own frames only. */
unsigned long mfn_to_pfn(unsigned long mfn);
void *mfn_to_virt(unsigned long mfn);
unsigned long virt_to_mfn(const void *va);
/* Machine address of the byte at @va, by the p2m list. */
uint64_t virt_to_maddr(const void *va);
/* Tell the library that @pfn now has frame @mfn. */
void p2m_set(unsigned long pfn, unsigned long mfn);

static inline uint64_t make_pte(unsigned long mfn, uint64_t flags)
{
    return ((uint64_t)mfn << PAGE_SHIFT) | flags;
}

/* Frame of the top-level table in use. */
unsigned long mm_root_mfn(void);
/* Pointer (read-only mapped) to the entry of @level (1..4) that maps @va, or NULL if none. */
const uint64_t *pte_of(const void *va, unsigned int level);
/* Machine address of that entry; error verdict when there is none. */
uint64_t pte_maddr(const void *va, unsigned int level);

/* A zeroed page of the domain; error verdict when none is left. page_free() takes it back. */
void *page_alloc(void);
void page_free(void *page);
/* @count pages with consecutive addresses (not frames); never given back. */
void *pages_alloc(unsigned int count);
unsigned long pages_left(void);

/* Addresses without mapping, @pages of them, with their L1 tables in place. Never given back. */
void *window_alloc(unsigned int pages);
/* Map @mfn at @va by update_va_mapping with local invalidation; the hypercall's result. */
long map_frame(void *va, unsigned long mfn, uint64_t flags);
long unmap_page(void *va);
/* Change the mapping of a page of the domain to @flags, keeping its frame. */
long protect_page(void *page, uint64_t flags);

/* One mmu_update request for this domain; the hypercall's result. */
long mmu_update_one(uint64_t ptr, uint64_t value);
/* One mmuext operation with a frame as argument. */
long mmuext_mfn(unsigned int cmd, unsigned long mfn);
/* One mmuext operation with a linear address as argument. */
long mmuext_linear(unsigned int cmd, unsigned long address);

/*
 * A page made ready as a page table: contents kept, mapping made read-only. untable_page() maps it
 * writable again. Both end the test with error when refused.
 */
void table_page(void *page);
void untable_page(void *page);

void mm_init(void);

#endif
