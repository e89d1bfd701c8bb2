/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Are MOV to and from control registers carried out for the guest kernel, within its rights?
 *
 * The ABI: CR0 reads show PE, PG, WP and the guest's TS; only TS can change, other bits are
 * ignored with a #GP or kept; CR2 is the virtual one; CR3 reads give the guest's base, writes
 * switch it when it is the guest's own L4; CR4 reads as the guest's view, writes keep host bits;
 * CR8 is #GP or #UD.
 */
#include <guest.h>

#define READ(n) \
    static uint64_t read_cr##n(void) \
    { \
        uint64_t value; \
        asm volatile("mov %%cr" #n ", %0" : "=r"(value)); \
        return value; \
    }

#define WRITE(n) \
    static void write_cr##n(void *value) \
    { \
        asm volatile("mov %0, %%cr" #n : : "r"(value) : "memory"); \
    }

READ(0) READ(2) READ(3) READ(4)
WRITE(0) WRITE(2) WRITE(3) WRITE(4) WRITE(8)

static void read_page0(void *va)
{
    asm volatile("movb (%0), %%al" : : "r"(va) : "al", "memory");
}

static void cr0(void)
{
    uint64_t value = read_cr0();

    check((value & 0x80010001) == 0x80010001, "CR0 reads 0x%lx", value);
    check(!trap_catch(write_cr0, (void *)value, NULL), "writing CR0 unchanged trapped");
    /* Clearing PG, PE or WP must have no effect. */
    trap_catch(write_cr0, (void *)(value & ~0x80000000UL), NULL);
    trap_catch(write_cr0, (void *)(value & ~0x1UL), NULL);
    trap_catch(write_cr0, (void *)(value & ~0x10000UL), NULL);
    check(read_cr0() == value, "CR0 became 0x%lx", read_cr0());
    /* Caching off for the whole machine is not the guest's to say. */
    trap_catch(write_cr0, (void *)(value | 0x40000000UL), NULL);
    check(read_cr0() == value, "CR0 became 0x%lx", read_cr0());
}

static void cr2(void)
{
    trap_catch(read_page0, (void *)0x2468, NULL);
    expect(read_cr2(), 0x2468);
    expect(this_vcpu()->info->arch.cr2, 0x2468);
    write_cr2((void *)0x1357);
    expect(read_cr2(), 0x1357);
    expect(this_vcpu()->info->arch.cr2, 0x1357);
}

static void cr3(void)
{
    uint64_t value = read_cr3();
    void *page = page_alloc();

    check(value == xen_pfn_to_cr3(mm_root_mfn()), "CR3 reads 0x%lx, not 0x%lx", value,
          xen_pfn_to_cr3(mm_root_mfn()));
    check(!trap_catch(write_cr3, (void *)value, NULL), "writing CR3 unchanged trapped");
    expect(read_cr3(), value);
    /* Not page tables: a data page in use, a frame of nobody. */
    check(trap_catch(write_cr3, (void *)(virt_to_mfn(page) << PAGE_SHIFT), NULL),
          "CR3 took a data page");
    check(trap_catch(write_cr3, (void *)0x000ffffffffff000UL, NULL), "CR3 took no memory");
    expect(read_cr3(), value);
}

static void cr4(void)
{
    uint64_t value = read_cr4();

    check(value & 1 << 5, "CR4 reads 0x%lx, without PAE", value);
    check(!(value & 3UL << 13), "CR4 shows VMXE or SMXE: 0x%lx", value);
    check(!trap_catch(write_cr4, (void *)value, NULL), "writing CR4 unchanged trapped");
    trap_catch(write_cr4, (void *)(value & ~(1UL << 5)), NULL);
    trap_catch(write_cr4, (void *)(value | 1UL << 13), NULL);
    check(read_cr4() == value, "CR4 became 0x%lx, was 0x%lx", read_cr4(), value);
}

void test_main(void)
{
    struct trap t;

    cr0();
    cr2();
    cr3();
    cr4();
    check(trap_catch(write_cr8, NULL, &t), "CR8 was written");
    check(t.vector == VEC_GP || t.vector == VEC_UD, "MOV to CR8 gave vector %d", t.vector);
}
