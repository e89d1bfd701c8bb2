/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's own page tables, walked by software: 4-level, PAE, 2-level, or none. Every walk reads
 * the tables anew, since nothing tells the hypervisor when the guest flushes. Accessed and dirty
 * bits are set as the CPU would. Source: AMD64 APM volume 2, "Page Translation and Protection".
 */
#include <hv/cpuid.h>
#include <hv/hvm/hvm.h>
#include <hv/msr_index.h>
#include <hv/processor.h>

#define WALK_FAULT (1u << 31)
#define MAX_LEVELS 4

/* How a mode of paging looks. */
struct mode {
    uint8_t levels, index_bits, entry_size;
    bool nx, big2, big3;        /* no-execute; large pages at level 2 and 3 */
    uint64_t root;
};

struct step {
    uint64_t entry;
    struct page_info *page;     /* referenced */
    void *at;                   /* the entry, mapped */
};

static bool mode_of(struct vcpu *v, struct mode *m)
{
    const struct hvm_vcpu *h = hvm_vcpu(v);

    if (!hvm_paging(v))
        return false;
    *m = (struct mode){ .index_bits = 9, .entry_size = 8, .nx = h->efer & EFER_NXE,
                        .big2 = true };
    if (hvm_long_mode(v)) {
        m->levels = 4;
        m->root = h->cr3 & PTE_ADDR_MASK;
        m->big3 = guest_has(v->domain, X86_FEATURE_PAGE1GB);
    } else if (h->cr4 & X86_CR4_PAE) {
        m->levels = 3;
        m->root = h->cr3 & 0xffffffe0;
    } else {
        *m = (struct mode){ .levels = 2, .index_bits = 10, .entry_size = 4,
                            .root = h->cr3 & 0xfffff000, .big2 = h->cr4 & X86_CR4_PSE };
    }
    return true;
}

static unsigned int shift_of(const struct mode *m, unsigned int level)
{
    return PAGE_SHIFT + m->index_bits * (level - 1);
}

static bool read_entry(struct domain *d, const struct mode *m, uint64_t table, uint64_t gva,
                       unsigned int level, struct step *s)
{
    uint64_t index = gva >> shift_of(m, level) & ((1UL << m->index_bits) - 1);
    uint64_t at = table + index * m->entry_size;

    if (m->levels == 3 && level == 3)
        at = table + (index & 3) * 8;
    s->page = p2m_get_page(d, at >> PAGE_SHIFT, NULL);
    if (!s->page)
        return false;
    s->at = (char *)page_to_virt(s->page) + (at & ~PAGE_MASK);
    s->entry = m->entry_size == 8 ? READ_ONCE(*(uint64_t *)s->at) : READ_ONCE(*(uint32_t *)s->at);
    return true;
}

static bool is_big(const struct mode *m, unsigned int level, uint64_t entry)
{
    return entry & PTE_PSE && ((level == 2 && m->big2) || (level == 3 && m->big3));
}

static bool has_reserved_bits(const struct mode *m, unsigned int level, uint64_t e)
{
    uint64_t high = PTE_ADDR_MASK & ~((1ULL << boot_cpu.paddr_bits) - 1);

    if (m->entry_size == 4)
        return false;
    if (e & high || (e & PTE_NX && !m->nx))
        return true;
    if (m->levels == 3 && level == 3)
        return e & (PTE_RW | PTE_US | PTE_PSE | PTE_NX);
    if (e & PTE_PSE && (level == 4 || (level == 3 && !m->big3)))
        return true;
    /* Behind the bit that selects a memory type the address of a large page is aligned. */
    return is_big(m, level, e) &&
           e & ((1ULL << shift_of(m, level)) - 1) & PTE_ADDR_MASK & ~(1ULL << PAGE_SHIFT);
}

/* The rights that a page has by all entries of its walk, and what is asked for. */
static bool permitted(struct vcpu *v, uint32_t access, uint64_t all, bool nx)
{
    const struct hvm_vcpu *h = hvm_vcpu(v);
    bool user = access & PFEC_USER;

    if (access & PFEC_INSN && nx)
        return false;
    if (user && !(all & PTE_US))
        return false;
    if (access & PFEC_WRITE && !(all & PTE_RW) && (user || h->cr0 & X86_CR0_WP))
        return false;
    if (user || !(all & PTE_US))
        return true;
    if (access & PFEC_INSN)
        return !(h->cr4 & X86_CR4_SMEP);
    return !(h->cr4 & X86_CR4_SMAP) || hvm_regs(v)->rflags & X86_EFLAGS_AC;
}

/* An entry that has changed since is left: the access is then as if it had come before. */
static void set_bits(const struct mode *m, const struct step *s, uint64_t bits)
{
    if ((s->entry & bits) == bits)
        return;
    if (m->entry_size == 8)
        cmpxchg((uint64_t *)s->at, s->entry, s->entry | bits);
    else
        cmpxchg((uint32_t *)s->at, (uint32_t)s->entry, (uint32_t)(s->entry | bits));
}

static void set_accessed(const struct mode *m, const struct step *steps, unsigned int last,
                         bool write)
{
    for (unsigned int level = m->levels; level >= last; level--) {
        if (m->levels == 3 && level == 3)
            continue;
        set_bits(m, &steps[level], PTE_A | (level == last && write ? PTE_D : 0));
    }
}

static uint64_t page_address(const struct mode *m, unsigned int level, uint64_t e, uint64_t gva)
{
    uint64_t mask = (1ULL << shift_of(m, level)) - 1;
    uint64_t base = e & PTE_ADDR_MASK & ~mask;

    if (m->entry_size == 4) {
        base = (uint32_t)e & ~mask & ~0xfffULL;
        if (level == 2) /* PSE-36 */
            base |= (e >> 13 & 0xff) << 32;
    }
    return base | (gva & mask);
}

/* 0 and *gpa, or the fault. steps[*last ..] hold references. */
static uint32_t walk(struct vcpu *v, const struct mode *m, uint64_t gva, uint32_t access,
                     struct step *steps, unsigned int *last, uint64_t *gpa)
{
    uint64_t table = m->root, all = PTE_RW | PTE_US;
    uint32_t code = access & ~(m->nx || hvm_vcpu(v)->cr4 & X86_CR4_SMEP ? 0u : PFEC_INSN);
    bool nx = false;

    for (unsigned int level = m->levels;; level--) {
        struct step *s = &steps[level];

        if (!read_entry(v->domain, m, table, gva, level, s))
            return WALK_FAULT | code;
        *last = level;
        if (!(s->entry & PTE_P))
            return WALK_FAULT | code;
        if (has_reserved_bits(m, level, s->entry))
            return WALK_FAULT | code | PFEC_PRESENT | PFEC_RSVD;
        if (!(m->levels == 3 && level == 3))
            all &= s->entry;
        nx |= m->nx && s->entry & PTE_NX;
        if (level > 1 && !is_big(m, level, s->entry)) {
            table = m->entry_size == 8 ? s->entry & PTE_ADDR_MASK : s->entry & 0xfffff000;
            continue;
        }
        if (!permitted(v, access, all, nx))
            return WALK_FAULT | code | PFEC_PRESENT;
        *gpa = page_address(m, level, s->entry, gva);
        return 0;
    }
}

uint32_t hvm_walk(struct vcpu *v, uint64_t gva, uint32_t access, uint64_t *gpa)
{
    struct step steps[MAX_LEVELS + 1] = { };
    unsigned int last = MAX_LEVELS + 1;
    struct mode m;
    uint32_t fault;

    if (!mode_of(v, &m)) {
        *gpa = (uint32_t)gva;
        return 0;
    }
    if (m.levels == 4 && !is_canonical(gva))
        return WALK_FAULT | access;
    if (m.levels < 4)
        gva = (uint32_t)gva;
    fault = walk(v, &m, gva, access, steps, &last, gpa);
    if (!fault)
        set_accessed(&m, steps, last, access & PFEC_WRITE);
    for (unsigned int level = last; level <= m.levels; level++)
        put_page(steps[level].page);
    return fault;
}
