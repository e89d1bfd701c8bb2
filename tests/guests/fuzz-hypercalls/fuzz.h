/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fuzzer's rows are made of: the domain's pieces that may be spoilt, and pickers that
 * give a good value or, when the attempt is a wild one, one that hurts. Nothing that a picker
 * gives lets a call that succeeds change the program's own code, stack, live page tables or the
 * page of shared info: the domain has to outlive all of its attempts.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <guest.h>

#define DATA 16      /* pages mapped writable, here and at a second address */
#define TABLES 12    /* pages mapped read-only, free to be tables of any level */
#define GDTS 3       /* pages mapped read-only, good as descriptor tables */
#define WINDOW 8     /* addresses that calls may map at */
#define SPARE 48     /* frames without mapping, to be given back and taken again */
#define FUZZERS 3    /* vCPUs that make calls; the next one is their victim */
#define VICTIM FUZZERS
#define FREE_VCPU (VICTIM + 1)   /* from here on: never started */
#define VCPUS 12

struct attempt {
    uint64_t number, arg[4];
    bool wild;          /* some of it may be bad */
    uint8_t *place;     /* where structures of this attempt lie */
    struct fuzzer *f;
};

struct fuzzer {
    uint64_t random;
    unsigned int cpu;
    uint8_t *buffer;    /* two pages, with nothing mapped after them */
    struct vcpu_guest_context context;
    unsigned long done;
};

extern struct world {
    uint8_t *data[DATA], *table[TABLES], *gdt[GDTS], *ones, *root;
    uint8_t *window;
    unsigned long frames;       /* of the machine: the first number that is none */
    unsigned long spare[SPARE]; /* 0: none */
    uint8_t *port_page;         /* of the FIFO ABI */
    domid_t self;
} world;

static inline uint64_t draw(struct fuzzer *f, uint64_t below)
{
    f->random ^= f->random << 13;
    f->random ^= f->random >> 7;
    f->random ^= f->random << 17;
    return (f->random >> 11) % below;
}

/* One in four values of a wild attempt is a bad one. */
static inline bool bad(const struct attempt *a)
{
    return a->wild && !draw(a->f, 4);
}

static inline uint64_t edge(struct fuzzer *f)
{
    static const uint64_t edges[] = {
        0, 1, 2, 3, 7, 15, 16, 31, 63, 64, 127, 128, 255, 511, 512, 1023, 1024, 4095, 4096,
        0x7ff0, 0x7ff1, 0x7ff2, 0x7ff4, 0x7fff, 0x8000, 0xffff, 0x10000, 0xfffff, 0x7fffffff,
        0x80000000, 0xfffffff0, 0xffffffff, 0x100000000, 1UL << 40, 1UL << 52, 0x7fffffffffffffff,
        0x8000000000000000, ~0UL, 0x00007ffffffff000, 0x0000800000000000, HYPERVISOR_VIRT_START,
        HYPERVISOR_VIRT_START - 8, HYPERVISOR_VIRT_END - 8, HYPERVISOR_VIRT_END,
        0xffff82d040200000,
    };

    return draw(f, 8) ? edges[draw(f, ARRAY_SIZE(edges))] : f->random;
}

/* A number: @good, or one at some limit. */
static inline uint64_t number(const struct attempt *a, uint64_t good)
{
    return bad(a) ? edge(a->f) : good;
}

/* The address of @size bytes to be read or written, with @good there; or one that is not fit. */
static inline void *pointer(const struct attempt *a, void *good)
{
    struct fuzzer *f = a->f;

    if (!bad(a))
        return good;
    switch (draw(f, 12)) {
    case 0: return NULL;
    case 1: return world.ones;                                     /* read-only */
    case 2: return world.table[draw(f, TABLES)];                   /* perhaps a page table */
    case 3: return f->buffer + 2 * PAGE_SIZE - 8 * draw(f, 8);     /* runs into nothing */
    case 4: return f->buffer + PAGE_SIZE - 8 * draw(f, 8);         /* crosses a page */
    case 5: return (uint8_t *)good + draw(f, 8);                   /* not aligned */
    case 6: return (void *)HYPERVISOR_VIRT_START;
    case 7: return (void *)(HYPERVISOR_VIRT_START - 8 * draw(f, 4));
    case 8: return (void *)(0x00007ffffffffff8 + draw(f, 3) * 4);  /* runs out of canonical */
    case 9: return world.window + draw(f, WINDOW * PAGE_SIZE);     /* whatever is mapped there */
    case 10: return (void *)(machine_to_phys_mapping + draw(f, 1024));
    default: return (void *)edge(f);
    }
}

/* A frame that is none of the program's own. */
static inline unsigned long foreign_frame(struct fuzzer *f)
{
    for (;;) {
        unsigned long mfn = draw(f, world.frames + 64), pfn;

        if (mfn >= world.frames)
            return mfn;
        pfn = read_once(machine_to_phys_mapping[mfn]);
        if (pfn >= start_info->nr_pages || pfn_to_mfn(pfn) != mfn)
            return mfn;
    }
}

static inline unsigned long data_frame(struct fuzzer *f)
{
    return virt_to_mfn(world.data[draw(f, DATA)]);
}

static inline unsigned long table_frame(struct fuzzer *f)
{
    return virt_to_mfn(world.table[draw(f, TABLES)]);
}

/* A frame to be mapped, written, taken as something: @good, or any that may be spoilt. */
static inline unsigned long frame(const struct attempt *a, unsigned long good)
{
    static const unsigned long special[] = {
        0, 0xa0, 0xf0, 0xfec00, 0xfed00, 0xfee00, 0xfffff, 1UL << 28, (1UL << 40) - 1, 1UL << 40,
        INVALID_MFN,
    };
    struct fuzzer *f = a->f;

    if (!bad(a))
        return good;
    switch (draw(f, 6)) {
    case 0: return data_frame(f);
    case 1: return table_frame(f);
    case 2: return virt_to_mfn(world.gdt[draw(f, GDTS)]);
    case 3: return special[draw(f, ARRAY_SIZE(special))];
    case 4: return draw(f, 2) ? read_once(world.spare[draw(f, SPARE)]) : foreign_frame(f);
    default: return foreign_frame(f);
    }
}

/* The same, or one that is in use and must not be changed: for what would change nothing. */
static inline unsigned long any_frame(const struct attempt *a, unsigned long good)
{
    if (!bad(a))
        return frame(a, good);
    switch (draw(a->f, 4)) {
    case 0: return mm_root_mfn();
    case 1: return start_info->shared_info >> PAGE_SHIFT;
    case 2: return virt_to_mfn((void *)start_info->mfn_list);
    default: return foreign_frame(a->f);
    }
}

/* Where to map: in the window, or where nothing may be mapped. */
static inline uint64_t place_to_map(const struct attempt *a)
{
    struct fuzzer *f = a->f;

    if (!bad(a))
        return (uint64_t)world.window + draw(f, WINDOW) * PAGE_SIZE;
    switch (draw(f, 4)) {
    case 0: return HYPERVISOR_VIRT_START + draw(f, 64) * PAGE_SIZE;
    case 1: return HYPERVISOR_VIRT_END - PAGE_SIZE * draw(f, 64);
    case 2: return (uint64_t)world.window + draw(f, WINDOW * PAGE_SIZE);
    default: return draw(f, 1UL << 47); /* the lower half is empty */
    }
}

static inline uint64_t entry(const struct attempt *a, unsigned long good)
{
    static const uint64_t flags[] = {
        PTE_RW, PTE_RO, PTE_P, 0, PTE_RW | PTE_PCD, PTE_RW | PTE_PSE, PTE_RW | PTE_G,
        PTE_RO | PTE_NX, PTE_RW | PTE_PWT, PTE_RO | 1UL << 9, PTE_RW | 1UL << 52,
    };

    return make_pte(frame(a, good), bad(a) ? flags[draw(a->f, ARRAY_SIZE(flags))] :
                                             draw(a->f, 2) ? PTE_RW : PTE_RO);
}

static inline domid_t domain_id(const struct attempt *a, domid_t good)
{
    static const domid_t ids[] = { 0, 1, 2, 3, 100, DOMID_SELF, DOMID_IO, DOMID_XEN, DOMID_COW,
                                   DOMID_INVALID, 0xffff };

    return bad(a) ? ids[draw(a->f, ARRAY_SIZE(ids))] : good;
}

/* A vCPU that may be meddled with. */
static inline uint32_t victim(const struct attempt *a)
{
    static const uint32_t ids[] = { VICTIM, FREE_VCPU, FREE_VCPU + 1, VCPUS, VCPUS + 1, 127, 128,
                                    0x7fff, 0x80000000, ~0u };

    return bad(a) ? ids[draw(a->f, ARRAY_SIZE(ids))] : VICTIM;
}

#endif
