/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Are writes to a page table that is mapped read-only carried out, each with the checks of
 * mmu_update?
 *
 * Kernels write L1 entries in place; the fault is emulated for MOV, XCHG, CMPXCHG, CMPXCHG8B,
 * locked bit operations and others that write 4 or 8 bytes (1 and 2 byte writes may be refused
 * with #PF). Upper levels are not emulated: #PF. An entry that mmu_update would refuse gives #PF
 * and stays.
 */
#include <guest.h>

static uint64_t *page, *second;
static volatile uint64_t *va;
static uint64_t *entry;

static void mov8(void *value)
{
    asm volatile("mov %1, %0" : "=m"(*entry) : "r"(value) : "memory");
}

static void mov4_low(void *value)
{
    asm volatile("movl %k1, %0" : "=m"(*(uint32_t *)entry) : "r"(value) : "memory");
}

static void mov1(void *value)
{
    asm volatile("movb %b1, %0" : "=m"(*(uint8_t *)entry) : "r"(value) : "memory");
}

static void mov2(void *value)
{
    asm volatile("movw %w1, %0" : "=m"(*(uint16_t *)entry) : "r"(value) : "memory");
}

static void btr_present(void *unused)
{
    (void)unused;
    asm volatile("lock btrq $0, %0" : "+m"(*entry) : : "memory", "cc");
}

static void and_clear_write(void *unused)
{
    (void)unused;
    asm volatile("lock andb $0xfd, %0" : "+m"(*entry) : : "memory", "cc");
}

static uint64_t old_value;

static void xchg8(void *value)
{
    uint64_t v = (uint64_t)value;

    asm volatile("xchg %0, %1" : "+r"(v), "+m"(*entry) : : "memory");
    old_value = v;
}

static uint64_t compare_with;
static bool exchanged;

static void cmpxchg8(void *value)
{
    uint64_t expected = compare_with;

    exchanged = __atomic_compare_exchange_n(entry, &expected, (uint64_t)value, false,
                                            __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    old_value = expected;
}

static void cmpxchg8b(void *value)
{
    uint32_t low = (uint32_t)compare_with, high = (uint32_t)(compare_with >> 32);
    uint64_t v = (uint64_t)value;

    asm volatile("lock cmpxchg8b %1; sete %0"
                 : "=q"(exchanged), "+m"(*entry), "+a"(low), "+d"(high)
                 : "b"((uint32_t)v), "c"((uint32_t)(v >> 32)) : "memory", "cc");
}

static void done_at(int line, void (*write)(void *), uint64_t value, uint64_t want)
{
    struct trap t;

    if (trap_catch(write, (void *)value, &t)) {
        report_failure("line %d: write trapped, vector %d error 0x%lx", line, t.vector, t.error);
        return;
    }
    check((*entry & ~(uint64_t)(PTE_A | PTE_D)) == (want & ~(uint64_t)(PTE_A | PTE_D)),
          "line %d: entry is 0x%lx, not 0x%lx", line, *entry, want);
}
#define done(write, value, want) done_at(__LINE__, write, value, want)

static void flush(void)
{
    expect(mmuext_linear(MMUEXT_INVLPG_LOCAL, (unsigned long)va), 0);
}

static void refused_at(int line, uint64_t value)
{
    uint64_t before = *entry;
    struct trap t;

    trap_catch(mov8, (void *)value, &t);
    check(t.vector == VEC_PF && (t.error & PF_WRITE), "line %d: 0x%lx: vector %d error 0x%lx", line,
          value, t.vector, t.error);
    check(t.cr2 == (uint64_t)entry, "line %d: cr2 0x%lx", line, t.cr2);
    check(*entry == before, "line %d: a refused entry was stored", line);
}
#define refused(value) refused_at(__LINE__, value)

void test_main(void)
{
    uint64_t rw, rw2;
    struct trap t;

    page = page_alloc();
    second = page_alloc();
    *page = 1;
    *second = 2;
    va = window_alloc(1);
    entry = (uint64_t *)pte_of((void *)va, 1);
    /* Some PTE bits are the hypervisor's choice: learn the stored form of both entries. */
    require(map_frame((void *)va, virt_to_mfn(page), PTE_RW), 0);
    rw = *entry;
    require(map_frame((void *)va, virt_to_mfn(second), PTE_RW), 0);
    rw2 = *entry;
    require(unmap_page((void *)va), 0);
    done(mov8, make_pte(virt_to_mfn(page), PTE_RW), rw);
    flush();
    expect(*va, 1);
    done(xchg8, make_pte(virt_to_mfn(second), PTE_RW), rw2);
    expect(old_value & PTE_ADDR, rw & PTE_ADDR);
    flush();
    expect(*va, 2);
    compare_with = *entry;
    done(cmpxchg8, make_pte(virt_to_mfn(page), PTE_RW), rw);
    check(exchanged, "CMPXCHG with the right value did not exchange");
    compare_with = 0x123;
    done(cmpxchg8, make_pte(virt_to_mfn(second), PTE_RW), rw);
    check(!exchanged && (old_value & PTE_ADDR) == (rw & PTE_ADDR),
          "CMPXCHG with a wrong value: %d, 0x%lx", exchanged, old_value);
    compare_with = *entry;
    done(cmpxchg8b, make_pte(virt_to_mfn(second), PTE_RW), rw2);
    check(exchanged, "CMPXCHG8B with the right value did not exchange");
    done(btr_present, 0, rw2 & ~(uint64_t)PTE_P);
    done(mov8, make_pte(virt_to_mfn(page), PTE_RW), rw);
    done(mov8, 0, 0);
    done(mov4_low, 0x55554, 0x55554);
    done(mov8, 0, 0);
    /* Narrow writes: done fully or refused with a fault, never half. */
    if (!trap_catch(mov1, (void *)0x44, &t))
        check((*entry & 0xff) == 0x44, "a byte write stored 0x%lx", *entry);
    else
        check(t.vector == VEC_PF, "a byte write gave vector %d", t.vector);
    if (!trap_catch(mov2, (void *)0x4444, &t))
        check((*entry & 0xffff) == 0x4444, "a word write stored 0x%lx", *entry);
    else
        check(t.vector == VEC_PF, "a word write gave vector %d", t.vector);
    trap_catch(mov8, NULL, NULL);
    require(map_frame((void *)va, virt_to_mfn(page), PTE_RW), 0);
    if (!trap_catch(and_clear_write, NULL, &t)) {
        check(!(*entry & PTE_W), "a byte AND left the entry 0x%lx", *entry);
        flush();
    }
    refused(make_pte(mm_root_mfn(), PTE_RW));
    refused(make_pte(0xfffffffff, PTE_RW));
    refused(make_pte(pte_maddr((void *)va, 1) >> PAGE_SHIFT, PTE_RW));
    /* Level 2 in place. */
    entry = (uint64_t *)pte_of((void *)va, 2);
    refused(0);
    entry = (uint64_t *)pte_of((void *)va, 4);
    refused(0);
    unmap_page((void *)va);
}
