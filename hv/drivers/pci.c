/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The list of PCI devices. At boot the buses behind the host bridge are walked; the rest is what
 * dom0 reports: it enumerates with AML's help, and only a device that it has reported is its own to
 * have interrupts for. Without an IOMMU every device stays with dom0.
 */
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/mm.h>
#include <hv/msi.h>
#include <hv/pci.h>
#include <hv/pci_regs.h>
#include <hv/printk.h>

#define NR_BUSES 256
#define DEVICES_PER_BUS 32
#define FUNCTIONS 8

DEFINE_SPINLOCK(pci_lock, LOCK_PCI);
static LIST_HEAD(devices);                          /* (pci_lock) in the order they became known */

struct pci_dev *pci_find(uint32_t sbdf)
{
    struct pci_dev *dev;

    list_for_each(dev, &devices, link)
        if (dev->sbdf == sbdf)
            return dev;
    return NULL;
}

/* --- Capabilities and BARs --- */

uint8_t pci_find_cap(uint32_t sbdf, uint8_t id)
{
    uint8_t at;

    if (!(pci_read16(sbdf, PCI_STATUS) & PCI_STATUS_CAPS))
        return 0;
    at = pci_read8(sbdf, PCI_CAP_POINTER) & PCI_CAP_NEXT_MASK;
    /* A list that runs in a circle ends too: it can't be longer than its space. */
    for (unsigned int n = 0; at >= PCI_HEADER_SIZE && n < PCI_CONFIG_SIZE / 4; n++) {
        uint8_t found = pci_read8(sbdf, at + PCI_CAP_ID);

        if (found == id)
            return at;
        if (found == 0xff)
            break;
        at = pci_read8(sbdf, at + PCI_CAP_NEXT) & PCI_CAP_NEXT_MASK;
    }
    return 0;
}

static unsigned int nr_bars(uint32_t sbdf)
{
    switch (pci_read8(sbdf, PCI_HEADER_TYPE) & PCI_HEADER_TYPE_MASK) {
    case PCI_HEADER_NORMAL:
        return PCI_NORMAL_BARS;
    case PCI_HEADER_BRIDGE:
        return PCI_BRIDGE_BARS;
    default:
        return 0;
    }
}

paddr_t pci_memory_bar(uint32_t sbdf, unsigned int nr)
{
    unsigned int bars = nr_bars(sbdf);
    uint32_t low;

    if (nr >= bars)
        return 0;
    low = pci_read32(sbdf, PCI_BAR0 + 4 * nr);
    if (low & PCI_BAR_IO)
        return 0;
    if ((low & PCI_BAR_TYPE_MASK) != PCI_BAR_TYPE_64)
        return low & PCI_BAR_MEM_MASK;
    if (nr + 1 >= bars)
        return 0;
    return (paddr_t)pci_read32(sbdf, PCI_BAR0 + 4 * (nr + 1)) << 32 | (low & PCI_BAR_MEM_MASK);
}

/* --- The list --- */

/* Owned by nobody yet. pci_lock. */
static struct pci_dev *new_device(uint32_t sbdf)
{
    struct pci_dev *dev = xzalloc_struct(struct pci_dev);

    if (!dev)
        return NULL;
    dev->sbdf = sbdf;
    dev->proximity = NO_PROXIMITY;
    msi_init_device(dev);
    list_add_tail(&dev->link, &devices);
    return dev;
}

int pci_add(struct domain *d, const struct pci_report *r)
{
    struct pci_dev *dev;

    spin_lock(&pci_lock);
    dev = pci_find(r->sbdf);
    if (!dev)
        dev = new_device(r->sbdf);
    if (dev) {
        if (!dev->owner)
            dev->owner = d;
        dev->ext_function = r->ext_function;
        dev->virt_function = r->virt_function;
        dev->phys_function = r->phys_function;
        dev->proximity = r->proximity;
    }
    spin_unlock(&pci_lock);
    return dev ? 0 : -ENOMEM;
}

/* The hypervisor's own stay on the list: they are to be recognised when they come back. */
int pci_remove(uint32_t sbdf)
{
    struct pci_dev *dev;

    spin_lock(&pci_lock);
    dev = pci_find(sbdf);
    if (dev) {
        msi_free_device(dev);
        if (!dev->readonly) {
            list_del(&dev->link);
            xfree(dev);
        }
    }
    spin_unlock(&pci_lock);
    return dev ? 0 : -ENODEV;
}

/* The rest of configuration space, BARs included, is dom0's: it drives the devices. */
void pci_guest_write(uint32_t sbdf, unsigned int reg, unsigned int bytes, uint32_t val)
{
    struct pci_dev *dev;

    spin_lock(&pci_lock);
    dev = pci_find(sbdf);
    if (!dev)
        pci_write(sbdf, reg, bytes, val);
    else if (!dev->readonly)
        msi_guest_write(dev, reg, bytes, val);
    spin_unlock(&pci_lock);
}

/* --- Boot --- */

/* The console's UART may be a function's: then its configuration is the hypervisor's. */
static bool is_console(uint32_t sbdf)
{
    unsigned int bars = nr_bars(sbdf);

    for (unsigned int nr = 0; nr < bars; nr++) {
        uint32_t bar = pci_read32(sbdf, PCI_BAR0 + 4 * nr);

        if ((bar & PCI_BAR_IO) && (bar & PCI_BAR_IO_MASK) &&
            serial_owns_port(bar & PCI_BAR_IO_MASK & UINT16_MAX))
            return true;
    }
    return false;
}

static void __init found(uint32_t sbdf)
{
    struct pci_dev *dev = new_device(sbdf);

    if (!dev)
        panic("No memory for the list of PCI devices\n");
    if (is_console(sbdf)) {
        dev->readonly = true;
        dev->owner = dom_xen;
        printk(XENLOG_INFO "PCI: " PCI_FMT " is the console's\n", PCI_ARGS(sbdf));
    }
}

/* Buses behind bridges have higher numbers than the bridge's own, so one pass finds all. */
static unsigned int __init scan_bus(unsigned int bus, bool *behind_bridge)
{
    unsigned int n = 0;

    for (unsigned int slot = 0; slot < DEVICES_PER_BUS; slot++) {
        uint8_t type = PCI_HEADER_MULTIFUNCTION;

        for (unsigned int f = 0; f < FUNCTIONS && (type & PCI_HEADER_MULTIFUNCTION); f++) {
            uint32_t sbdf = PCI_SBDF(0, bus, slot * FUNCTIONS + f);

            if (pci_read16(sbdf, PCI_VENDOR_ID) == PCI_VENDOR_NONE) {
                if (!f)
                    break;
                continue;
            }
            n++;
            found(sbdf);
            if (!f)
                type = pci_read8(sbdf, PCI_HEADER_TYPE);
            if ((pci_read8(sbdf, PCI_HEADER_TYPE) & PCI_HEADER_TYPE_MASK) == PCI_HEADER_BRIDGE)
                behind_bridge[pci_read8(sbdf, PCI_SECONDARY_BUS)] = true;
        }
    }
    return n;
}

void __init pci_init(void)
{
    static bool to_scan[NR_BUSES] __initdata;
    unsigned int n = 0, buses = 0;

    pci_mmcfg_init();
    to_scan[0] = true;
    for (unsigned int bus = 0; bus < NR_BUSES; bus++)
        if (to_scan[bus]) {
            buses++;
            n += scan_bus(bus, to_scan);
        }
    printk(XENLOG_INFO "PCI: %u functions on %u buses\n", n, buses);
}

void pci_dump(void)
{
    const struct pci_dev *dev;

    printk("PCI devices:\n");
    spin_lock(&pci_lock);
    list_for_each(dev, &devices, link) {
        printk(PCI_FMT " - %s%s%s", PCI_ARGS(dev->sbdf), dev->owner ? dev->owner->name : "nobody",
               dev->readonly ? ", read-only" : "", dev->virt_function ? ", virtual function" : "");
        msi_dump_device(dev);
        printk("\n");
    }
    spin_unlock(&pci_lock);
}
