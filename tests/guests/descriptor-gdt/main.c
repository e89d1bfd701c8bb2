/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can a guest load a GDT of its own, change it only through the hypervisor, and put nothing hostile
 * in it?
 *
 * The ABI: set_gdt takes frames that hold only safe descriptors and are not mapped writable; at
 * most 14 frames (the rest is the hypervisor's); update_descriptor accepts code and data of ring 3
 * (DPL is raised), call gates to ring 3 at most, never system segments or 64-bit gates; a GDT
 * frame can't become writable or a page table while in use.
 */
#include <guest.h>

#define CODE64_DPL3 0x00affb000000ffffUL
#define CODE64_DPL0 0x00af9b000000ffffUL
#define DATA_DPL3 0x00cff3000000ffffUL
#define DATA_DPL0 0x00cf93000000ffffUL
#define TSS_64 0x00008b0000000067UL
#define LDT_DESC 0x0000820000000fffUL
#define INT_GATE 0xffff8e000008ffffUL
#define CALL_GATE_DPL3_TO_HV 0xffffec00e008ffffUL
#define NOT_PRESENT 0x00cf73000000ffffUL

static void load_es(void *selector)
{
    asm volatile("mov %0, %%es; mov %1, %%es" : : "r"(selector), "r"(0));
}

static void load_ss(void *selector)
{
    asm volatile("mov %0, %%ss" : : "r"(selector));
}

static void write_word(void *va)
{
    *(volatile uint64_t *)va = DATA_DPL3;
}

static void hostile_descriptors(uint64_t *gdt)
{
    static const uint64_t bad[] = { TSS_64, LDT_DESC, INT_GATE, CALL_GATE_DPL3_TO_HV };
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(bad); i++) {
        long got = hc_update_descriptor(virt_to_maddr(&gdt[2]), bad[i]);

        check(got == -XEN_EINVAL, "descriptor 0x%lx gave %ld, not -EINVAL", bad[i], got);
        check(gdt[2] == 0, "a refused descriptor was stored");
    }
    expect(hc_update_descriptor(virt_to_maddr(&gdt[2]) + 4, DATA_DPL3), -XEN_EINVAL);
    expect(hc_update_descriptor(0xfffffffffffff000, DATA_DPL3), -XEN_EINVAL);
    /* The hypervisor's own memory. */
    expect(hc_update_descriptor(0x1000, DATA_DPL3), -XEN_EINVAL);
    /* DPL 0 is lifted to the guest's ring, never stored as it is. */
    expect(hc_update_descriptor(virt_to_maddr(&gdt[2]), DATA_DPL0), 0);
    check((gdt[2] >> 45 & 3) == 3, "DPL 0 was stored: 0x%lx", gdt[2]);
    expect(hc_update_descriptor(virt_to_maddr(&gdt[2]), CODE64_DPL0), 0);
    check((gdt[2] >> 45 & 3) == 3, "DPL 0 was stored: 0x%lx", gdt[2]);
    expect(hc_update_descriptor(virt_to_maddr(&gdt[2]), NOT_PRESENT), 0);
    expect_trap(load_es, 0x13, VEC_NP, 0x10);
    expect_trap(load_ss, 0x13, VEC_SS, 0x10);
    expect(hc_update_descriptor(virt_to_maddr(&gdt[2]), 0), 0);
}

static void in_use(uint64_t *gdt)
{
    check(protect_page(gdt, PTE_RW) < 0, "a GDT frame in use became writable");
    expect_trap(write_word, &gdt[2], VEC_PF, PF_WRITE | PF_PRESENT);
    check(mmuext_mfn(MMUEXT_PIN_L1_TABLE, virt_to_mfn(gdt)) < 0, "a GDT frame was pinned as L1");
    expect_trap(load_es, 0x13, VEC_GP, 0x10);
    expect(hc_update_descriptor(virt_to_maddr(&gdt[2]), DATA_DPL3), 0);
    check(!trap_catch(load_es, (void *)0x13, NULL), "a good descriptor did not load");
    expect(hc_update_descriptor(virt_to_maddr(&gdt[2]), 0), 0);
    expect_trap(load_es, 0x13, VEC_GP, 0x10);
}

static void refused_tables(void)
{
    uint64_t *page = page_alloc();
    unsigned long frames[17] = { 0 };
    unsigned int i;

    frames[0] = virt_to_mfn(page);
    check(hc_set_gdt(frames, 512) < 0, "a writable page became a GDT");
    page[3] = TSS_64;
    table_page(page);
    expect(hc_set_gdt(frames, 512), -XEN_EINVAL);
    untable_page(page);
    page[3] = 0;
    frames[0] = 0x1;
    expect(hc_set_gdt(frames, 512), -XEN_EINVAL);
    frames[0] = INVALID_MFN;
    expect(hc_set_gdt(frames, 512), -XEN_EINVAL);
    for (i = 0; i < ARRAY_SIZE(frames); i++)
        frames[i] = virt_to_mfn(page);
    expect(hc_set_gdt(frames, 14 * 512 + 1), -XEN_EINVAL);
    expect(hc_set_gdt(frames, 0xffffffff), -XEN_EINVAL);
    expect(hc_set_gdt((void *)0x1000, 512), -XEN_EFAULT);
    check(protect_page(page, PTE_RW) == 0, "a refused set_gdt kept its frames");
}

void test_main(void)
{
    uint64_t *gdt = page_alloc();
    unsigned long frame = virt_to_mfn(gdt);
    struct trap t;
    uint16_t cs;

    gdt[1] = DATA_DPL3;
    table_page(gdt);
    require(hc_set_gdt(&frame, 512), 0);
    check(!trap_catch(load_es, (void *)0x0b, &t), "own descriptor: vector %d error 0x%lx", t.vector,
          t.error);
    hostile_descriptors(gdt);
    in_use(gdt);
    /* The hypervisor's selectors stay usable behind the guest's. */
    asm volatile("mov %%cs, %0" : "=r"(cs));
    expect(cs, FLAT_KERNEL_CS);
    check(!trap_catch(load_es, (void *)FLAT_KERNEL_DS32, NULL), "FLAT_KERNEL_DS32 is gone");
    refused_tables();
    /* A refused table leaves the old one in place. */
    check(!trap_catch(load_es, (void *)0x0b, NULL), "the good table is gone");
    expect(hc_set_gdt(NULL, 0), 0);
    expect_trap(load_es, 0x0b, VEC_GP, 0x08);
    check(protect_page(gdt, PTE_RW) == 0, "the frame is still a GDT's after set_gdt(NULL)");
}
