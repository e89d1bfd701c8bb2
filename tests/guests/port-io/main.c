/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may use I/O ports: domain 0's kernel, its user code with IOPL or a bitmap, and which ports
 * are the hypervisor's?
 *
 * The ABI: set_iopl and set_iobitmap decide for user code (kernel needs IOPL 1 or more by
 * set_iopl); without permission #GP(0); the hypervisor keeps its own (PIC, PIT channel, serial
 * line, CMOS index) and answers them by policy without a crash; string and all widths work.
 */
#include <guest.h>

struct port {
    uint16_t number;
    uint32_t value;
};

static void in8(void *p_)
{
    struct port *p = p_;
    uint8_t value;

    asm volatile("inb %w1, %0" : "=a"(value) : "d"(p->number));
    p->value = value;
}

static void in16(void *p_)
{
    struct port *p = p_;
    uint16_t value;

    asm volatile("inw %w1, %0" : "=a"(value) : "d"(p->number));
    p->value = value;
}

static void in32(void *p_)
{
    struct port *p = p_;

    asm volatile("inl %w1, %0" : "=a"(p->value) : "d"(p->number));
}

static void out8(void *p_)
{
    struct port *p = p_;

    asm volatile("outb %b0, %w1" : : "a"(p->value), "d"(p->number));
}

static long user_in8(void *p_)
{
    in8(p_);
    return 1;
}

static long user_out8(void *p_)
{
    out8(p_);
    return 1;
}

static long set_iopl(unsigned int level)
{
    struct physdev_set_iopl op = { .iopl = level };

    return hc_physdev_op(PHYSDEVOP_set_iopl, &op);
}

static long set_bitmap(void *bitmap, unsigned int ports)
{
    struct physdev_set_iobitmap op = { .nr_ports = ports };

    set_xen_guest_handle(op.bitmap, bitmap);
    return hc_physdev_op(PHYSDEVOP_set_iobitmap, &op);
}

static void kernel_ports(void)
{
    /* Post code, keyboard status, speaker, PCI config, CMOS, PIT, PIC, ACPI: read only. */
    static const uint16_t ports[] = {
        0x80, 0x64, 0x61, 0xcf8, 0x71, 0x40, 0x21, 0xa1, 0x3f8, 0x3fd, 0x3d5, 0x1f7, 0x5658, 0xffff,
    };
    struct port p;
    struct trap t;
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(ports); i++) {
        p = (struct port){ ports[i], 0 };
        if (trap_catch(in8, &p, &t))
            check(t.vector == VEC_GP && !t.error, "port 0x%x: vector %d error 0x%lx", ports[i],
                  t.vector, t.error);
        p.number = ports[i] & ~3;
        trap_catch(in16, &p, NULL);
        trap_catch(in32, &p, NULL);
    }
    /* PCI configuration mechanism 1 for domain 0: the host bridge's vendor. */
    p = (struct port){ 0xcfc, 0 };
    asm volatile("outl %0, %w1" : : "a"(0x80000000), "d"(0xcf8));
    check(!trap_catch(in32, &p, &t), "PCI configuration: vector %d", t.vector);
    check((p.value & 0xffff) == 0x8086, "the host bridge's vendor is 0x%x", p.value & 0xffff);
    p.number = 0xcfe;
    check(!trap_catch(in16, &p, NULL) && p.value == 0x1237, "the host bridge's device is 0x%x",
          p.value);
    /* String input. */
    {
        uint8_t buffer[4];
        void *to = buffer;
        unsigned long count = 4;

        asm volatile("rep insb" : "+D"(to), "+c"(count) : "d"(0x61) : "memory");
        check(count == 0 && to == buffer + 4, "REP INSB stopped with %lu left", count);
    }
}

static void user_ports(void)
{
    struct port p = { 0x80, 0 };
    static uint8_t bitmap[8192];

    expect(set_iopl(0), 0);
    expect_user_trap(user_in8, &p, VEC_GP, 0);
    expect(set_iopl(3), 0);
    expect(user_call(user_in8, &p), 1);
    expect(set_iopl(1), 0);
    expect_user_trap(user_in8, &p, VEC_GP, 0);
    memset(bitmap, 0xff, sizeof(bitmap));
    bitmap[0x80 / 8] &= (uint8_t)~1;
    expect(set_bitmap(bitmap, 65536), 0);
    expect(user_call(user_in8, &p), 1);
    expect(user_call(user_out8, &p), 1);
    p.number = 0x81;
    expect_user_trap(user_in8, &p, VEC_GP, 0);
    expect(set_bitmap(bitmap, 0x80), 0);
    p.number = 0x80;
    expect_user_trap(user_in8, &p, VEC_GP, 0);
    expect(set_bitmap(NULL, 0), 0);
    expect_user_trap(user_in8, &p, VEC_GP, 0);
    /* Hostile. */
    expect(set_iopl(4), -XEN_EINVAL);
    expect(set_iopl(0xffffffff), -XEN_EINVAL);
    expect(set_bitmap(bitmap, 65537), -XEN_EINVAL);
    expect(set_bitmap((void *)(HYPERVISOR_VIRT_START + 0x1000), 65536), -XEN_EINVAL);
    /* A bitmap that is not there is no permission. */
    set_bitmap((void *)0x1000, 65536);
    expect_user_trap(user_in8, &p, VEC_GP, 0);
    set_bitmap(NULL, 0);
}

static long user_insb(void *to)
{
    asm volatile("insb" : "+D"(to) : "d"(0x80) : "memory");
    return 1;
}

static long user_outsb(void *from)
{
    asm volatile("outsb" : "+S"(from) : "d"(0x80) : "memory");
    return 1;
}

/* A top-level table like the one in use, without the window that only the kernel is to see. */
static void set_user_root(const void *kernel_only)
{
    struct mmuext_op op = { .cmd = MMUEXT_NEW_USER_BASEPTR };
    uint64_t *root = page_alloc();

    memcpy(root, mfn_to_virt(mm_root_mfn()), PAGE_SIZE);
    root[((unsigned long)kernel_only >> 39) & 511] = 0;
    table_page(root);
    op.arg1.mfn = virt_to_mfn(root);
    require(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
    this_vcpu()->user_ready = true;
}

/* String I/O of user code reaches user memory only, although the hypervisor does it. */
static void user_strings(void)
{
    uint64_t *l1 = page_alloc(), *l2 = page_alloc(), *l3 = page_alloc();
    uint8_t *page = page_alloc(), *low = (uint8_t *)0x200000000000UL;
    struct trap t;

    memset(page, 0x5a, PAGE_SIZE);
    l1[0] = make_pte(virt_to_mfn(page), PTE_RW);
    l2[0] = make_pte(virt_to_mfn(l1), PTE_TABLE);
    l3[0] = make_pte(virt_to_mfn(l2), PTE_TABLE);
    table_page(l1);
    table_page(l2);
    table_page(l3);
    require(mmu_update_one(pte_maddr(low, 4), make_pte(virt_to_mfn(l3), PTE_TABLE)), 0);
    set_user_root(low);
    expect(set_iopl(3), 0);
    expect(*low, 0x5a);
    expect_user_trap(user_insb, low, VEC_PF, PF_WRITE | PF_USER);
    expect_user_trap(user_outsb, low, VEC_PF, PF_USER);
    expect(*low, 0x5a);
    expect(user_call(user_insb, page), 1);
    trap_user(user_insb, (void *)(HYPERVISOR_VIRT_START + 0x1000), 0, &t);
    check(t.vector == VEC_PF || t.vector == VEC_GP, "INSB into the hypervisor: vector %d",
          t.vector);
}

void test_main(void)
{
    struct port p = { 0x80, 0 };

    expect(set_iopl(0), 0);
    expect_trap(in8, &p, VEC_GP, 0);
    expect(set_iopl(1), 0);
    check(!trap_catch(in8, &p, NULL), "the kernel with IOPL 1 can't read port 0x80");
    kernel_ports();
    user_ports();
    user_strings();
}
