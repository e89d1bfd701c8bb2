/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What dom0 may touch of the machine: everything but what the hypervisor drives itself. One table
 * row per device whose place is fixed; what firmware describes is added from the ACPI tables and
 * the memory map.
 */
#include <hv/acpi.h>
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/cpuid.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/irq.h>

#define NR_IO_PORTS 0x10000
#define UART_PORTS 8
#define MSI_WINDOW_START 0xfee00000UL /* all of it: a write there is an interrupt */
#define MSI_WINDOW_END 0xfeefffffUL
#define LOW_MEGABYTE_FRAMES 0x100UL
/* AMD: the top 12 GiB of the address space (before family 17h, below 1 TiB) are HyperTransport's
   own. */
#define HT_WINDOW_FRAMES (3UL << (32 - PAGE_SHIFT))
#define HT_FIXED_BITS 40
#define AMD_FAMILY_ZEN 0x17

struct rangeset *mmio_ro_ranges;

/* I/O ports the hypervisor keeps. Port 0xcf8 is emulated by the PV back end, so only its data
   window is here. */
static const struct {
    uint16_t first, last;
    const char *what;
} kept_ports[] = {
    { 0x20, 0x21, "primary interrupt controller" },
    { 0xa0, 0xa1, "secondary interrupt controller" },
    { 0x40, 0x43, "interval timer" },
    { 0x61, 0x61, "interval timer gate and speaker" },
    { 0xcfc, 0xcff, "PCI configuration data" },
};

static int keep_ports(struct rangeset *ports)
{
    int rc = 0;
    for (unsigned int i = 0; i < ARRAY_SIZE(kept_ports) && !rc; i++)
        rc = rangeset_remove(ports, kept_ports[i].first, kept_ports[i].last);
    if (!rc && acpi.pm_timer_port)
        rc = rangeset_remove(ports, acpi.pm_timer_port, acpi.pm_timer_port + 3);
    for (unsigned int p = 0; p < NR_IO_PORTS && !rc; p += UART_PORTS)
        if (serial_owns_port(p))
            rc = rangeset_remove(ports, p, p + UART_PORTS - 1);
    return rc;
}

static int keep_frames(struct rangeset *mem, paddr_t start, paddr_t end)
{
    return rangeset_remove(mem, paddr_to_pfn(start), paddr_to_pfn(end));
}

/* RAM is reached by reference counting, never by this permission; firmware's broken ranges by
   nobody. */
static int keep_memory_map(struct rangeset *mem)
{
    int rc = 0;
    for (unsigned int i = 0; i < boot_info.e820.nr && !rc; i++) {
        const struct e820_entry *e = &boot_info.e820.e[i];
        unsigned long s = MAX(paddr_to_pfn(e->addr), LOW_MEGABYTE_FRAMES);
        unsigned long last = paddr_to_pfn(e->addr + e->size - 1);
        if (e->type == E820_UNUSABLE && e->size && s <= last)
            rc = rangeset_remove(mem, s, last);
    }
    return rc;
}

static int keep_hypertransport(struct rangeset *mem)
{
    unsigned long end;
    if (boot_cpu.vendor != VENDOR_amd && boot_cpu.vendor != VENDOR_hygon)
        return 0;
    end = 1UL << ((boot_cpu.family < AMD_FAMILY_ZEN ? HT_FIXED_BITS : boot_cpu.paddr_bits) -
                  PAGE_SHIFT);
    return rangeset_remove(mem, end - HT_WINDOW_FRAMES, end - 1);
}

static int keep_mmio(struct rangeset *mem)
{
    int rc = 0;
    if (acpi.lapic_addr)
        rc = keep_frames(mem, acpi.lapic_addr, acpi.lapic_addr);
    for (unsigned int i = 0; i < acpi.nr_ioapics && !rc; i++)
        rc = keep_frames(mem, acpi.ioapics[i].addr, acpi.ioapics[i].addr);
    if (!rc)
        rc = keep_frames(mem, MSI_WINDOW_START, MSI_WINDOW_END);
    if (!rc)
        rc = keep_frames(mem, virt_to_maddr(hv_start), virt_to_maddr(hv_end) - 1);
    if (!rc)
        rc = keep_hypertransport(mem);
    return rc ? rc : keep_memory_map(mem);
}

/* GSI 0 is the PIT's. The console's line may be mapped like the others; it can't be bound while
   the hypervisor uses it. */
static int give_irqs(struct rangeset *irqs)
{
    return rangeset_add(irqs, 1, MAX(irq_gsi_count(), 16u) - 1);
}

/* The HPET is the hypervisor's clock: dom0's driver may read it, as on Xen; a refused mapping would
 * crash Linux. */
static int share_readonly(void)
{
    if (!mmio_ro_ranges)
        mmio_ro_ranges = rangeset_new();
    if (!mmio_ro_ranges)
        return -ENOMEM;
    return acpi.hpet
               ? rangeset_add(mmio_ro_ranges, paddr_to_pfn(acpi.hpet), paddr_to_pfn(acpi.hpet))
               : 0;
}

int dom0_setup_permissions(struct domain *d)
{
    int rc = rangeset_add(d->ioport_caps, 0, NR_IO_PORTS - 1);
    if (!rc)
        rc = rangeset_add(d->iomem_caps, 0, (1UL << (boot_cpu.paddr_bits - PAGE_SHIFT)) - 1);
    if (!rc)
        rc = keep_ports(d->ioport_caps);
    if (!rc)
        rc = keep_mmio(d->iomem_caps);
    if (!rc)
        rc = share_readonly();
    return rc ? rc : give_irqs(d->irq_caps);
}

bool iomem_access_permitted(const struct domain *d, unsigned long s_mfn, unsigned long e_mfn)
{
    return rangeset_contains(d->iomem_caps, s_mfn, e_mfn);
}

bool ioports_access_permitted(const struct domain *d, unsigned int s, unsigned int e)
{
    return rangeset_contains(d->ioport_caps, s, e);
}

bool irq_access_permitted(const struct domain *d, unsigned int gsi)
{
    return rangeset_contains(d->irq_caps, gsi, gsi);
}
