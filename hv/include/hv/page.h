/* SPDX-License-Identifier: BSD-2-Clause */
/* Page-table entries and address conversions. Source: AMD64 APM volume 2, "Page
   Translation and Protection". */
#ifndef HV_PAGE_H
#define HV_PAGE_H

#include <hv/layout.h>

#define PAGE_SHIFT 12
#define PAGE_SIZE (_UL(1) << PAGE_SHIFT)
#define PAGE_MASK (~(PAGE_SIZE - 1))
#define PT_ENTRIES 512
#define L2_SHIFT 21
#define L3_SHIFT 30
#define L4_SHIFT 39

#define PTE_P _UL(0x001)
#define PTE_RW _UL(0x002)
#define PTE_US _UL(0x004)
#define PTE_PWT _UL(0x008)
#define PTE_PCD _UL(0x010)
#define PTE_A _UL(0x020)
#define PTE_D _UL(0x040)
#define PTE_PSE _UL(0x080) /* L2, L3 */
#define PTE_PAT _UL(0x080) /* L1 */
#define PTE_G _UL(0x100)
#define PTE_AVL _UL(0xe00) /* the guest's, never interpreted */
#define PTE_NX (_UL(1) << 63)
#define PTE_ADDR_MASK _UL(0x000ffffffffff000)

/* The hypervisor's own mappings. Global: they are the same in every root table. */
#define PAGE_HV_RO (PTE_P | PTE_A | PTE_G | PTE_NX)
#define PAGE_HV_RW (PTE_P | PTE_RW | PTE_A | PTE_D | PTE_G | PTE_NX)
#define PAGE_HV_RX (PTE_P | PTE_A | PTE_G)
#define PAGE_HV_UC (PAGE_HV_RW | PTE_PCD | PTE_PWT)
#define PAGE_HV_WC (PAGE_HV_RW | PTE_PAT)
/* PAT of the PV ABI: WB WT UC- UC WC WP UC UC. */
#define HV_PAT 0x050100070406ULL

#ifndef __ASSEMBLY__

#include <hv/types.h>

typedef uint64_t pte_t;

static inline mfn_t pte_mfn(pte_t e) { return (e & PTE_ADDR_MASK) >> PAGE_SHIFT; }
static inline uint64_t pte_flags(pte_t e) { return e & ~PTE_ADDR_MASK; }
static inline pte_t make_pte(mfn_t mfn, uint64_t flags)
{
    return ((uint64_t)mfn << PAGE_SHIFT) | flags;
}
static inline unsigned int l1_index(unsigned long va) { return (va >> PAGE_SHIFT) & 511; }
static inline unsigned int l2_index(unsigned long va) { return (va >> L2_SHIFT) & 511; }
static inline unsigned int l3_index(unsigned long va) { return (va >> L3_SHIFT) & 511; }
static inline unsigned int l4_index(unsigned long va) { return (va >> L4_SHIFT) & 511; }
/* level 1..4 */
static inline unsigned int pt_index(unsigned long va, unsigned int level)
{
    return (va >> (PAGE_SHIFT + 9 * (level - 1))) & 511;
}

/* All RAM lies in the direct map; these work for RAM only (and for its own addresses). */
#ifdef HV_UNIT_TEST
extern char *unit_directmap; /* host-built tests: memory that plays the RAM */
static inline void *maddr_to_virt(paddr_t ma) { return unit_directmap + ma; }
#else
static inline void *maddr_to_virt(paddr_t ma) { return (void *)(DIRECTMAP_VIRT_START + ma); }
#endif
static inline void *mfn_to_virt(mfn_t mfn) { return maddr_to_virt((paddr_t)mfn << PAGE_SHIFT); }
/* va in the direct map or in the hypervisor image (the image is contiguous in machine memory). */
#ifdef HV_UNIT_TEST
static inline paddr_t virt_to_maddr(const void *p)
{
    return (paddr_t)((const char *)p - unit_directmap);
}
#else
extern unsigned long hv_image_base; /* of an image address; head.S */
static inline paddr_t virt_to_maddr(const void *p)
{
    unsigned long va = (unsigned long)p;
    return va >= DIRECTMAP_VIRT_START ? va - DIRECTMAP_VIRT_START : va - hv_image_base;
}
#endif
static inline mfn_t virt_to_mfn(const void *p) { return virt_to_maddr(p) >> PAGE_SHIFT; }
static inline mfn_t paddr_to_pfn(paddr_t a) { return (mfn_t)(a >> PAGE_SHIFT); }
static inline paddr_t pfn_to_paddr(mfn_t f) { return (paddr_t)f << PAGE_SHIFT; }

static inline void clear_page(void *p)
{
    unsigned long n = PAGE_SIZE / 8;
    __asm__ volatile("rep stosq" : "+D"(p), "+c"(n) : "a"(0UL) : "memory");
}
static inline void copy_page(void *d, const void *s)
{
    unsigned long n = PAGE_SIZE / 8;
    __asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(n) : : "memory");
}

#endif /* __ASSEMBLY__ */
#endif
