/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupt lines, 8259 pair, I/O APIC, PCI routing, messages and the event callback. */
/* sources: hv/hvm/io.c hv/hvm/vintr.c hv/hvm/vioapic.c hv/hvm/virq_lines.c hv/hvm/vhpet.c */
/* sources: hv/hvm/vlapic.c hv/hvm/vlapic_ipi.c hv/hvm/vlapic_regs.c hv/hvm/vlapic_save.c */
/* sources: hv/hvm/vlapic_timer.c hv/hvm/vmtrr.c hv/hvm/vpic.c hv/hvm/vpit.c hv/hvm/vplatform.c */
/* sources: hv/hvm/vpm.c hv/hvm/vrtc.c hv/hvm/vtick.c hv/hvm/vtime.c */
/* cflags: -DHV_UNIT_TEST */
#include "vplatform_world.h"

static int begin(void **state)
{
    world_begin(FULL_PC);
    return 0;
}
static int end(void **state)
{
    world_end();
    return 0;
}

/* As firmware does it: vectors 0x20 and 0x28, all inputs open, the boot CPU listens. */
static void pic_setup(uint8_t icw4)
{
    outb(0x20, 0x11);
    outb(0x21, 0x20);
    outb(0x21, 0x04);
    outb(0x21, icw4);
    outb(0xa0, 0x11);
    outb(0xa1, 0x28);
    outb(0xa1, 0x02);
    outb(0xa1, icw4);
    outb(0x21, 0);
    outb(0xa1, 0);
    apic_on(0);
    apic_write(0, APIC_LVT_LINT0, APIC_LVT_EXTINT);
}
static void isa(unsigned int irq, bool level) { hvm_isa_irq_set(&dom->d, irq, level); }
static void edge(unsigned int irq)
{
    isa(irq, true);
    isa(irq, false);
}
static uint8_t pic_isr(uint16_t port)
{
    outb(port, 0x0b);
    return inb(port);
}
static uint8_t pic_irr(uint16_t port)
{
    outb(port, 0x0a);
    return inb(port);
}

/* --- 8259 pair --- */

static void pic_priorities_and_eoi(void **state)
{
    pic_setup(0x01);
    edge(5);
    edge(3);
    assert_int_equal(pic_irr(0x20), 1 << 5 | 1 << 3);
    assert_int_equal(take(0), 0x23);
    assert_int_equal(pic_isr(0x20), 1 << 3);
    assert_int_equal(take(0), -1);          /* 5 waits for 3 */
    edge(1);
    assert_int_equal(take(0), 0x21);        /* 1 does not */
    outb(0x20, 0x20);
    assert_int_equal(pic_isr(0x20), 1 << 3);
    outb(0x20, 0x63);                       /* specific */
    assert_int_equal(take(0), 0x25);
    outb(0x20, 0x20);
    assert_int_equal(pic_isr(0x20), 0);
    outb(0x20, 0x20);
    assert_int_equal(take(0), -1);
}

static void pic_masks_and_levels(void **state)
{
    pic_setup(0x01);
    outb(0x21, 1 << 5);
    assert_int_equal(inb(0x21), 1 << 5);
    edge(5);
    assert_int_equal(take(0), -1);
    assert_int_equal(pic_irr(0x20), 1 << 5);    /* the edge is remembered behind the mask */
    outb(0x21, 0);
    assert_int_equal(take(0), 0x25);
    outb(0x20, 0x20);
    outb(0x4d0, 0xff);
    outb(0x4d1, 0xff);
    assert_int_equal(in(0x4d0, 2), 0xdef8);
    edge(5);                                    /* a level that went is no interrupt */
    assert_int_equal(take(0), -1);
    isa(5, true);
    assert_int_equal(take(0), 0x25);
    assert_int_equal(take(0), -1);
    outb(0x20, 0x20);
    assert_int_equal(take(0), 0x25);            /* still held: again */
    isa(5, false);
    outb(0x20, 0x20);
    assert_int_equal(take(0), -1);
    isa(0, true);                               /* the timer stays an edge */
    assert_int_equal(take(0), 0x20);
    outb(0x20, 0x20);
    assert_int_equal(take(0), -1);
}

static void pic_cascade(void **state)
{
    pic_setup(0x01);
    edge(12);
    edge(3);
    assert_int_equal(take(0), 0x2c);            /* the slave is at input 2: before 3 */
    assert_int_equal(pic_isr(0x20), 1 << 2);
    assert_int_equal(pic_isr(0xa0), 1 << 4);
    edge(9);
    assert_int_equal(take(0), -1);              /* the master is busy with input 2 */
    outb(0xa0, 0x20);
    assert_int_equal(take(0), -1);
    outb(0x20, 0x20);
    assert_int_equal(take(0), 0x29);
    outb(0xa0, 0x20);
    outb(0x20, 0x20);
    assert_int_equal(take(0), 0x23);
    outb(0x20, 0x20);
    /* Special fully nested: a more urgent one of the slave gets through. */
    pic_setup(0x11);
    edge(12);
    assert_int_equal(take(0), 0x2c);
    edge(9);
    assert_int_equal(take(0), 0x29);
    isa(2, true);                               /* nobody is wired there */
    assert_int_equal(pic_irr(0x20), 0);
}

static void pic_spurious_of_the_slave(void **state)
{
    struct hvm_intack a;

    pic_setup(0x01);
    outb(0x4d1, 0x02);
    isa(9, true);
    a = hvm_pending_interrupt(V(0));
    assert_int_equal(a.source, HVM_INT_PIC);
    isa(9, false);                              /* gone before it is taken */
    assert_int_equal(hvm_ack_interrupt(V(0), a).source, HVM_INT_NONE);
    assert_int_equal(pic_isr(0x20), 0);
}

static void pic_rotation(void **state)
{
    pic_setup(0x01);
    outb(0x20, 0xc4);                           /* 4 is last: 5 is first */
    edge(4);
    edge(5);
    assert_int_equal(take(0), 0x25);
    outb(0x20, 0xa0);                           /* EOI, and 5 is last now */
    edge(5);
    assert_int_equal(take(0), 0x24);
    outb(0x20, 0xe4);
    assert_int_equal(take(0), 0x25);
    outb(0x20, 0x20);
    outb(0x20, 0xc7);
    pic_setup(0x03);                            /* automatic EOI */
    outb(0x20, 0x80);                           /* and rotation */
    edge(3);
    edge(4);
    assert_int_equal(take(0), 0x23);
    assert_int_equal(pic_isr(0x20), 0);
    edge(3);
    assert_int_equal(take(0), 0x24);
    assert_int_equal(take(0), 0x23);
}

static void pic_special_mask_and_poll(void **state)
{
    pic_setup(0x01);
    edge(3);
    assert_int_equal(take(0), 0x23);
    edge(6);
    assert_int_equal(take(0), -1);
    outb(0x21, 1 << 3);
    outb(0x20, 0x68);                           /* special mask: what is masked does not hold up */
    assert_int_equal(take(0), 0x26);
    outb(0x20, 0x20);
    assert_int_equal(pic_isr(0x20), 1 << 3);    /* non-specific EOI left the masked one alone */
    outb(0x20, 0x48);
    outb(0x20, 0x63);
    outb(0x21, 0xff);
    outb(0x21, 0);
    outb(0x20, 0x0c);
    assert_int_equal(inb(0x20), 0);
    edge(7);
    outb(0x20, 0x0c);
    assert_int_equal(inb(0x20), 0x87);
    assert_int_equal(pic_isr(0x20), 1 << 7);
    assert_int_equal(take(0), -1);
}

static void pic_initialisation(void **state)
{
    pic_setup(0x01);
    edge(5);
    outb(0x20, 0x11);                           /* forgets edges and masks */
    outb(0x21, 0x4f);
    outb(0x21, 0x04);
    outb(0x21, 0x01);
    assert_int_equal(inb(0x21), 0);
    assert_int_equal(take(0), -1);
    edge(5);
    assert_int_equal(take(0), 0x4d);
    outb(0x20, 0x12);                           /* single, no ICW4: two words */
    outb(0x21, 0x60);
    outb(0x21, 0xa5);
    assert_int_equal(inb(0x21), 0xa5);
    outb(0x20, 0x10);                           /* cascade, no ICW4 */
    outb(0x21, 0x60);
    outb(0x21, 0x04);
    outb(0x21, 0x5a);
    assert_int_equal(inb(0x21), 0x5a);
    out(0x20, 2, 0x7711);                       /* words are two bytes */
    assert_int_equal(inb(0x21), 0);
    outb(0x21, 0x04);
    outb(0x21, 0x01);
    edge(0);
    assert_int_equal(take(0), 0x70);
}

static void who_hears_the_pic(void **state)
{
    pic_setup(0x01);
    apic_write(0, APIC_LVT_LINT0, APIC_LVT_EXTINT | APIC_LVT_MASKED);
    edge(3);
    assert_int_equal(take(0), -1);
    w.kicks[0] = 0;
    apic_write(0, APIC_LVT_LINT0, APIC_LVT_EXTINT);
    assert_true(w.kicks[0] > 0);
    assert_int_equal(take(0), 0x23);
    outb(0x20, 0x20);
    /* Another CPU by its own LINT0. */
    apic_write(0, APIC_LVT_LINT0, APIC_LVT_MASKED);
    apic_on(2);
    apic_write(2, APIC_LVT_LINT0, APIC_LVT_EXTINT);
    w.kicks[2] = 0;
    edge(3);
    assert_true(w.kicks[2] > 0);
    assert_int_equal(take(0), -1);
    assert_int_equal(take(2), 0x23);
    outb(0x20, 0x20);
    apic_write(2, APIC_LVT_LINT0, APIC_LVT_MASKED);
    /* Through the I/O APIC. */
    apic_on(1);
    set_rte(0, 2ULL << 56 | 0x700);
    edge(3);
    assert_int_equal(take(0), -1);
    assert_int_equal(take(1), 0x23);
    outb(0x20, 0x20);
    set_rte(0, 2ULL << 56 | 0x10700);
    edge(3);
    assert_int_equal(take(1), -1);
    /* Without a local APIC the wire is the CPU's own. */
    assert_int_equal(vlapic_msr_write(V(0), MSR_APIC_BASE, APIC_DEFAULT_BASE), 0);
    assert_int_equal(take(0), 0x23);
}

/* --- I/O APIC --- */

static void ioapic_registers(void **state)
{
    assert_int_equal(ioapic_read(1), 0x002f0011);
    ioapic_write(0, 0xffffffff);
    assert_int_equal(ioapic_read(0), 0x0f000000);
    assert_int_equal(ioapic_read(2), 0x0f000000);
    ioapic_write(1, 0);
    assert_int_equal(ioapic_read(1), 0x002f0011);
    for (unsigned int pin = 0; pin < HVM_GSIS; pin++) {
        assert_int_equal(ioapic_read(0x10 + 2 * pin), 0x10000);
        set_rte(pin, ~0ULL);
        assert_int_equal(ioapic_read(0x10 + 2 * pin), 0x1afff);
        assert_int_equal(ioapic_read(0x11 + 2 * pin), 0xff000000);
    }
    assert_int_equal(ioapic_read(0x70), 0);
    assert_int_equal(ioapic_read(0xff), 0);
    ioapic_write(0x70, ~0u);
    mmio_out(0, VIOAPIC_BASE, 1, 1);            /* the index may be written with a byte */
    assert_int_equal(mmio_in(0, VIOAPIC_BASE, 4), 1);
    assert_int_equal(mmio_in(0, VIOAPIC_BASE + 0x12, 1), 0x2f);
    assert_int_equal(mmio_in(0, VIOAPIC_BASE + 0x20, 4), 0);
}

static void ioapic_edges(void **state)
{
    apic_on(1);
    set_rte(4, 2ULL << 56 | 0x54);
    edge(4);
    assert_int_equal(serve(1), 0x54);
    isa(4, true);
    assert_int_equal(serve(1), 0x54);
    isa(4, true);
    assert_int_equal(take(1), -1);
    isa(4, false);
    set_rte(4, 2ULL << 56 | 0x10054);
    edge(4);                                    /* masked: lost */
    set_rte(4, 2ULL << 56 | 0x54);
    assert_int_equal(take(1), -1);
    set_rte(2, 2ULL << 56 | 0x5f);              /* the timer is at pin 2 */
    edge(0);
    assert_int_equal(serve(1), 0x5f);
}

static void ioapic_levels_and_remote_irr(void **state)
{
    apic_on(1);
    set_rte(20, 2ULL << 56 | 0x8064);
    assert_int_equal(hvm_set_pci_intx_level(&dom->d, 1, 0, 1), 0);
    assert_int_equal(HVM_PCI_GSI(1, 0), 20);
    assert_int_equal(ioapic_read(0x10 + 40), 0xc064);
    assert_int_equal(take(1), 0x64);
    apic_write(1, APIC_EOI, 0);
    assert_int_equal(take(1), 0x64);            /* held still */
    hvm_set_pci_intx_level(&dom->d, 1, 0, 0);
    assert_int_equal(ioapic_read(0x10 + 40), 0xc064);
    apic_write(1, APIC_EOI, 0);
    assert_int_equal(ioapic_read(0x10 + 40), 0x8064);
    assert_int_equal(take(1), -1);
    /* A mask holds it back and sends it when it goes. */
    set_rte(20, 2ULL << 56 | 0x18064);
    hvm_set_pci_intx_level(&dom->d, 1, 0, 1);
    assert_int_equal(take(1), -1);
    set_rte(20, 2ULL << 56 | 0x8064);
    assert_int_equal(take(1), 0x64);
    /* Made an edge, the entry forgets that somebody serves it. */
    set_rte(20, 2ULL << 56 | 0x10064);
    assert_int_equal(ioapic_read(0x10 + 40), 0x10064);
    /* Nobody takes it: it is not stuck. */
    apic_write(1, APIC_EOI, 0);
    set_rte(20, 0x30ULL << 56 | 0x8064);
    assert_int_equal(ioapic_read(0x10 + 40), 0x8064);
    set_rte(20, 2ULL << 56 | 0x8064);
    assert_int_equal(take(1), 0x64);
}

static void a_line_is_shared(void **state)
{
    unsigned int gsi = HVM_PCI_GSI(0, 1), other = 8;

    assert_int_equal(HVM_PCI_GSI(other, 0), gsi);
    apic_on(0);
    set_rte(gsi, 0x8070);
    hvm_set_pci_intx_level(&dom->d, 0, 1, 1);
    hvm_set_pci_intx_level(&dom->d, other, 0, 1);
    hvm_set_pci_intx_level(&dom->d, 0, 1, 0);
    assert_int_equal(serve(0), 0x70);
    assert_int_equal(serve(0), 0x70);
    hvm_set_pci_intx_level(&dom->d, other, 0, 0);
    assert_int_equal(serve(0), 0x70);           /* sent before it fell */
    assert_int_equal(take(0), -1);
}

static void every_wire_has_its_gsi_and_link(void **state)
{
    struct vplatform *p = dom->platform;

    for (unsigned int dev = 0; dev < 32; dev++)
        for (unsigned int intx = 0; intx < 4; intx++) {
            unsigned int gsi = ((dev * 4 + dev / 8 + intx) & 31) + 16;

            assert_int_equal(hvm_set_pci_intx_level(&dom->d, dev, intx, 1), 0);
            assert_int_equal(p->gsi_count[gsi], 1);
            assert_int_equal(p->link_count[(dev + intx) & 3], 1);
            assert_int_equal(hvm_set_pci_intx_level(&dom->d, dev, intx, 1), 0);
            assert_int_equal(p->gsi_count[gsi], 1);
            assert_int_equal(hvm_set_pci_intx_level(&dom->d, dev, intx, 0), 0);
            assert_int_equal(p->gsi_count[gsi], 0);
        }
    assert_int_equal(hvm_set_pci_intx_level(&dom->d, 32, 0, 1), -EINVAL);
    assert_int_equal(hvm_set_pci_intx_level(&dom->d, 0, 4, 1), -EINVAL);
    assert_int_equal(hvm_set_pci_intx_level(&dom->d, 0, 0, 2), -EINVAL);
    assert_int_equal(hvm_set_isa_irq_level(&dom->d, 16, 1), -EINVAL);
}

static void links_reach_the_pic(void **state)
{
    pic_setup(0x01);
    outb(0x4d0, 0);
    outb(0x4d1, 0x0c);                          /* 10 and 11 are levels */
    assert_int_equal(hvm_set_pci_link_route(&dom->d, 1, 10), 0);
    hvm_set_pci_intx_level(&dom->d, 4, 1, 1);   /* link 1 */
    assert_int_equal(take(0), 0x2a);
    outb(0xa0, 0x20);
    outb(0x20, 0x20);
    assert_int_equal(hvm_set_pci_link_route(&dom->d, 1, 11), 0);
    assert_int_equal(take(0), 0x2b);            /* the route moves while it is held */
    assert_int_equal(dom->platform->gsi_count[10], 0);
    assert_int_equal(hvm_set_pci_link_route(&dom->d, 1, 0), 0);
    assert_int_equal(dom->platform->gsi_count[11], 0);
    hvm_set_pci_intx_level(&dom->d, 4, 1, 0);
    assert_int_equal(hvm_set_pci_link_route(&dom->d, 4, 10), -EINVAL);
    assert_int_equal(hvm_set_pci_link_route(&dom->d, 0, 16), -EINVAL);
}

static void messages(void **state)
{
    for (unsigned int n = 0; n < VCPUS; n++) {
        apic_on(n);
        apic_write(n, APIC_LDR, 1u << (24 + n));
    }
    assert_int_equal(hvm_inject_msi(&dom->d, 0xfee06000, 0x0081), 0);   /* id 6 */
    assert_int_equal(serve(3), 0x81);
    assert_int_equal(hvm_inject_msi(&dom->d, 0xfee3f00c, 0x0182), 0);   /* lowest of all */
    assert_int_equal(serve(0), 0x82);
    assert_int_equal(hvm_inject_msi(&dom->d, 0xfee02000, 0x0400), 0);   /* NMI */
    assert_int_equal(V(1)->nmi_state, 1);
    assert_int_equal(hvm_inject_msi(&dom->d, 0xfee02000, 0x0005), -EINVAL);
    assert_int_equal(hvm_inject_msi(&dom->d, 0xfee02000, 0x8081), 0);   /* level that ends */
    assert_int_equal(take(1), -1);
    assert_int_equal(hvm_inject_msi(&dom->d, 0xfee02000, 0xc081), 0);
    assert_int_equal(serve(1), 0x81);
}

/* --- event channel --- */

static uint64_t via(unsigned int type, uint64_t val) { return (uint64_t)type << 56 | val; }

static void callback_by_vector(void **state)
{
    assert_int_equal(hvm_callback_set(&dom->d, via(2, 0xf3)), 0);
    assert_true(hvm_callback_by_vector(&dom->d));
    infos[2].evtchn_upcall_pending = 1;
    hvm_event_pending(V(2));
    assert_true(w.kicks[2] > 0);
    assert_int_equal(hvm_pending_interrupt(V(2)).source, HVM_INT_CALLBACK);
    assert_int_equal(take(2), 0xf3);
    assert_int_equal(take(2), 0xf3);            /* until the guest clears it */
    infos[2].evtchn_upcall_pending = 0;
    assert_int_equal(take(2), -1);
    assert_int_equal(hvm_callback_set(&dom->d, via(2, 15)), -EINVAL);
    assert_int_equal(hvm_callback_set(&dom->d, via(3, 1)), -EINVAL);
    assert_int_equal(hvm_callback_set(&dom->d, via(0, 48)), -EINVAL);
    assert_int_equal(hvm_callback_set(&dom->d, 0), 0);
    infos[2].evtchn_upcall_pending = 1;
    assert_int_equal(take(2), -1);
}

static void callback_by_gsi_and_wire(void **state)
{
    apic_on(0);
    set_rte(28, 0x80a0);
    assert_int_equal(hvm_callback_set(&dom->d, via(0, 28)), 0);
    infos[0].evtchn_upcall_pending = 1;
    hvm_event_pending(V(0));
    assert_int_equal(take(0), 0xa0);
    infos[0].evtchn_upcall_pending = 0;
    assert_int_equal(take(0), -1);
    apic_write(0, APIC_EOI, 0);
    assert_int_equal(take(0), -1);
    infos[0].evtchn_upcall_pending = 1;
    assert_int_equal(take(0), 0xa0);
    apic_write(0, APIC_EOI, 0);
    assert_int_equal(take(0), 0xa0);
    /* Now as INTA of device 5, as the platform device has it. */
    set_rte(HVM_PCI_GSI(5, 0), 0x80b0);
    assert_int_equal(hvm_callback_set(&dom->d, via(1, 5 << 11)), 0);
    assert_int_equal(dom->platform->gsi_count[28], 0);
    assert_int_equal(take(0), 0xb0);
    assert_int_equal(dom->platform->gsi_count[HVM_PCI_GSI(5, 0)], 1);
    infos[0].evtchn_upcall_pending = 0;
    (void)take(0);
    assert_int_equal(dom->platform->gsi_count[HVM_PCI_GSI(5, 0)], 0);
}

static void upcall_vector_of_its_own(void **state)
{
    apic_on(4);
    assert_int_equal(hvm_upcall_vector_set(V(4), 8), -EINVAL);
    infos[4].evtchn_upcall_pending = 1;
    assert_int_equal(hvm_upcall_vector_set(V(4), 0xd0), 0); /* what was pending comes */
    assert_int_equal(serve(4), 0xd0);
    hvm_event_pending(V(4));
    assert_int_equal(serve(4), 0xd0);
    assert_int_equal(take(4), -1);
}

static void without_controllers(void **state)
{
    world_end();
    world_begin(XEN_X86_EMU_LAPIC);
    assert_int_equal(hvm_set_isa_irq_level(&dom->d, 3, 1), -ENODEV);
    assert_int_equal(hvm_set_pci_intx_level(&dom->d, 3, 1, 1), -ENODEV);
    assert_int_equal(hvm_set_pci_link_route(&dom->d, 3, 1), -ENODEV);
    assert_int_equal(hvm_callback_set(&dom->d, via(0, 28)), -EINVAL);
    assert_int_equal(hvm_callback_set(&dom->d, via(1, 0)), -EINVAL);
    assert_int_equal(hvm_callback_set(&dom->d, via(2, 0xf3)), 0);
    apic_on(0);
    assert_int_equal(hvm_inject_msi(&dom->d, 0xfee00000, 0x55), 0);
    assert_int_equal(serve(0), 0x55);
}

/* --- invariants --- */

static unsigned int holders(const struct vplatform *p, unsigned int gsi)
{
    unsigned int n = 0, links[4] = { 0 };

    for (unsigned int irq = 0; irq < 16; irq++)
        n += test_bit(irq, p->isa.i) && isa_irq_gsi(irq) == gsi;
    for (unsigned int wire = 0; wire < 128; wire++) {
        if (!test_bit(wire, p->pci.i))
            continue;
        n += HVM_PCI_GSI(wire / 4, wire % 4) == gsi;
        links[HVM_PCI_LINK(wire / 4, wire % 4)]++;
    }
    for (unsigned int i = 0; i < 4; i++)
        n += links[i] && p->link_route[i] && p->link_route[i] == gsi;
    return n;
}

static void random_lines_keep_count(void **state)
{
    struct vplatform *p = dom->platform;

    pic_setup(0x01);
    for (unsigned int i = 0; i < 60000; i++) {
        switch (rnd() % 8) {
        case 0: hvm_set_isa_irq_level(&dom->d, rnd() % 18, rnd() % 3); break;
        case 1: case 2: case 3:
            hvm_set_pci_intx_level(&dom->d, rnd() % 34, rnd() % 5, rnd() % 3);
            break;
        case 4: hvm_set_pci_link_route(&dom->d, rnd() % 5, rnd() % 17); break;
        case 5: ioapic_write(rnd() % 0x80, rnd()); break;
        case 6: out((uint16_t[]){ 0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1 }[rnd() % 6], 1,
                    rnd() & 0xff);
            break;
        default:
            if (take(rnd() % VCPUS) >= 0 && rnd() % 2)
                apic_write(0, APIC_EOI, 0);
            (void)inb(rnd() % 2 ? 0x20 : 0xa1);
        }
        run_tasklets();
        if (i % 16)
            continue;
        for (unsigned int gsi = 0; gsi < HVM_GSIS; gsi++) {
            assert_int_equal(p->gsi_count[gsi], holders(p, gsi));
            assert_false(!(p->ioapic.redirtbl[gsi].bits & IOAPIC_RTE_LEVEL) &&
                         (p->ioapic.redirtbl[gsi].bits & IOAPIC_RTE_REMOTE_IRR));
        }
        for (unsigned int ir = 0; ir < 16; ir++)    /* a level input shows its line */
            if (ir != 2 && (p->pic[ir / 8].elcr >> (ir % 8) & 1))
                assert_int_equal(p->pic[ir / 8].irr >> (ir % 8) & 1,
                                 gsi_level(p, isa_irq_gsi(ir)));
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pic_priorities_and_eoi), TEST(pic_masks_and_levels), TEST(pic_cascade),
        TEST(pic_spurious_of_the_slave), TEST(pic_rotation), TEST(pic_special_mask_and_poll),
        TEST(pic_initialisation), TEST(who_hears_the_pic), TEST(ioapic_registers),
        TEST(ioapic_edges), TEST(ioapic_levels_and_remote_irr), TEST(a_line_is_shared),
        TEST(every_wire_has_its_gsi_and_link), TEST(links_reach_the_pic), TEST(messages),
        TEST(callback_by_vector), TEST(callback_by_gsi_and_wire), TEST(upcall_vector_of_its_own),
        TEST(without_controllers), TEST(random_lines_keep_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
