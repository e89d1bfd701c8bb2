/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does physdev_op give domain 0 the machine's interrupts, and check GSIs, PIRQs and pointers?
 *
 * The ABI: irq_status_query tells flags of a PIRQ; setup_gsi and map_pirq prepare a GSI of the I/O
 * APIC; bind_pirq then gives a port; pirq_eoi_gmfn registers a page of bits; unknown operations
 * give -ENOSYS.
 */
#include <guest.h>

#define GSI 10

static long map_gsi(int gsi, int pirq)
{
    struct physdev_map_pirq op = { .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = gsi,
                                   .pirq = pirq };
    long error = hc_physdev_op(PHYSDEVOP_map_pirq, &op);

    return error ? error : op.pirq;
}

static void gsi(void)
{
    struct physdev_setup_gsi setup = { .gsi = GSI, .triggering = 1, .polarity = 1 };
    struct evtchn_bind_pirq bind = { .pirq = GSI, .flags = BIND_PIRQ__WILL_SHARE };
    struct physdev_irq_status_query query = { .irq = GSI };
    struct physdev_unmap_pirq unmap = { .domid = DOMID_SELF, .pirq = GSI };
    struct physdev_eoi eoi = { .irq = GSI };

    expect(map_gsi(GSI, GSI), GSI);
    /* Linux sets a GSI up once per driver: a second time says so or does nothing. */
    check(hc_physdev_op(PHYSDEVOP_setup_gsi, &setup) == 0, "setup_gsi failed");
    expect(hc_physdev_op(PHYSDEVOP_irq_status_query, &query), 0);
    check(query.flags & XENIRQSTAT_needs_eoi, "flags of a level GSI are 0x%x", query.flags);
    expect(hc_event_channel_op(EVTCHNOP_bind_pirq, &bind), 0);
    check(bind.port > 0, "port %u", bind.port);
    check(hc_event_channel_op(EVTCHNOP_bind_pirq, &bind) < 0, "a PIRQ was bound twice");
    expect(hc_physdev_op(PHYSDEVOP_eoi, &eoi), 0);
    expect(event_close(bind.port), 0);
    expect(hc_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), 0);
}

static void hostile(void)
{
    struct physdev_irq_status_query query = { .irq = 0xffffffff };
    struct physdev_setup_gsi setup = { .gsi = 0x7fffffff };
    struct physdev_unmap_pirq unmap = { .domid = DOMID_SELF, .pirq = 0x7fffffff };
    struct physdev_eoi eoi = { .irq = 0xffffffff };
    struct physdev_map_pirq foreign = { .domid = 0x7000, .type = MAP_PIRQ_TYPE_GSI };
    unsigned int cmd;

    expect(hc_physdev_op(PHYSDEVOP_irq_status_query, &query), -XEN_EINVAL);
    query.irq = -1;
    expect(hc_physdev_op(PHYSDEVOP_irq_status_query, &query), -XEN_EINVAL);
    check(hc_physdev_op(PHYSDEVOP_setup_gsi, &setup) < 0, "setup of GSI 2^31");
    check(hc_physdev_op(PHYSDEVOP_unmap_pirq, &unmap) < 0, "unmap of PIRQ 2^31");
    check(hc_physdev_op(PHYSDEVOP_eoi, &eoi) < 0, "end of interrupt for 2^32");
    check(map_gsi(0x7fffffff, 0x7fffffff) < 0, "GSI 2^31 was mapped");
    check(map_gsi(-1, -1) < 0, "GSI -1 was mapped");
    check(map_gsi(GSI, 0x7fffffff) < 0, "PIRQ 2^31 was given");
    expect(hc_physdev_op(PHYSDEVOP_map_pirq, &foreign), -XEN_ESRCH);
    for (cmd = 5; cmd < 32; cmd++) {
        long got = hc_physdev_op(cmd, 0x1000);

        check(got < 0, "operation %u with a bad pointer: %ld", cmd, got);
    }
    expect(hc_physdev_op(99, NULL), -XEN_ENOSYS);
    expect(hc_physdev_op(0x7fffffff, NULL), -XEN_ENOSYS);
}

static void eoi_page(void)
{
    struct physdev_pirq_eoi_gmfn op = { .gmfn = 0xfffffffff };

    check(hc_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v2, &op) < 0, "an EOI page in no memory");
    op.gmfn = mm_root_mfn();
    check(hc_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v2, &op) < 0, "the L4 as EOI page");
    op.gmfn = virt_to_mfn(page_alloc());
    expect(hc_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v2, &op), 0);
    expect(hc_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v2, &op), -XEN_EBUSY);
}

#define IOAPIC 0xfec00000

/* Registers of the first I/O APIC, as Linux reads them at boot: version 1x and 24 entries. */
static void apic(void)
{
    struct physdev_apic op = { .apic_physbase = IOAPIC, .reg = 1 };

    expect(hc_physdev_op(PHYSDEVOP_apic_read, &op), 0);
    check((op.value & 0xf0) == 0x10 || (op.value & 0xf0) == 0x20, "version register is 0x%x",
          op.value);
    expect(op.value >> 16 & 0xff, 23);
    op.apic_physbase = 0x12345000;
    expect(hc_physdev_op(PHYSDEVOP_apic_read, &op), -XEN_EINVAL);
    expect(hc_physdev_op(PHYSDEVOP_apic_read, 0x1000), -XEN_EFAULT);
}

/* The kernel tells of every PCI device that it finds. This machine has no memory-mapped
   configuration space. */
static void pci(void)
{
    struct physdev_pci_device_add add = { .bus = 0, .devfn = 1 << 3 };
    struct physdev_pci_device remove = { .bus = 0, .devfn = 1 << 3 };
    struct physdev_pci_mmcfg_reserved mmcfg = { .address = 0xb0000000, .end_bus = 255 };

    expect(hc_physdev_op(PHYSDEVOP_pci_device_add, &add), 0);
    expect(hc_physdev_op(PHYSDEVOP_pci_device_add, &add), 0);
    expect(hc_physdev_op(PHYSDEVOP_pci_device_remove, &remove), 0);
    expect(hc_physdev_op(PHYSDEVOP_pci_device_remove, &remove), -XEN_ENODEV);
    expect(hc_physdev_op(PHYSDEVOP_pci_mmcfg_reserved, &mmcfg), -XEN_ENODEV);
    expect(hc_physdev_op(PHYSDEVOP_pci_device_add, 0x1000), -XEN_EFAULT);
}

void test_main(void)
{
    apic();
    pci();
    gsi();
    hostile();
    eoi_page();
}
