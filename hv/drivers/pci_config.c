/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access to PCI configuration space: by the ports of mechanism 1 where they reach (segment 0, the
 * first 256 bytes), else by memory (MMCONFIG) as the MCFG table describes it. An area of that table
 * is used when the memory map reserves it, or when dom0 says that firmware does in its AML.
 */
#include <hv/acpi.h>
#include <hv/boot.h>
#include <hv/errno.h>
#include <hv/iocap.h>
#include <hv/mm.h>
#include <hv/pci.h>
#include <hv/pci_regs.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <xen/physdev.h>

#define BUS_SHIFT 20            /* bytes of memory-mapped configuration per bus */
#define MIN_AREA (16UL << 20)   /* what firmware must reserve of an area to count */

static DEFINE_SPINLOCK(config_lock, LOCK_LEAF); /* address and data port. Interrupts off */

/* By index in acpi.mcfg. Set under pci_lock or at boot, never taken back: NULL = not in use. */
static struct mmcfg {
    volatile char *base;        /* of start_bus */
    unsigned int end_bus;
} mmcfg[ACPI_MAX_MCFG];

/* --- By memory --- */

static volatile void *mmcfg_reg(uint32_t sbdf, unsigned int reg)
{
    for (unsigned int i = 0; i < acpi.nr_mcfg; i++) {
        const struct acpi_mcfg *m = &acpi.mcfg[i];
        volatile char *base = READ_ONCE(mmcfg[i].base);

        if (base && m->segment == PCI_SEG(sbdf) && PCI_BUS(sbdf) >= m->start_bus &&
            PCI_BUS(sbdf) <= mmcfg[i].end_bus)
            return base + ((sbdf & 0xffff) - ((uint32_t)m->start_bus << 8)) * PCIE_CONFIG_SIZE +
                   reg;
    }
    return NULL;
}

static unsigned long area_frame(const struct acpi_mcfg *m, unsigned int bus)
{
    return paddr_to_pfn(m->base) + ((unsigned long)bus << (BUS_SHIFT - PAGE_SHIFT));
}

bool pci_mmcfg_decode(unsigned long mfn, uint32_t *sbdf)
{
    for (unsigned int i = 0; i < acpi.nr_mcfg; i++) {
        const struct acpi_mcfg *m = &acpi.mcfg[i];

        if (READ_ONCE(mmcfg[i].base) && mfn >= area_frame(m, m->start_bus) &&
            mfn < area_frame(m, mmcfg[i].end_bus + 1)) {
            *sbdf = PCI_SBDF(m->segment, 0, mfn - area_frame(m, 0));
            return true;
        }
    }
    return false;
}

/* Dom0 may read it; its writes are looked at one by one. */
static int use_area(unsigned int i, unsigned int end_bus)
{
    const struct acpi_mcfg *m = &acpi.mcfg[i];
    unsigned long first = area_frame(m, m->start_bus), last = area_frame(m, end_bus + 1) - 1;
    volatile char *base;

    if (mmcfg[i].base)
        return 0;
    base = ioremap((paddr_t)first << PAGE_SHIFT, (last - first + 1) << PAGE_SHIFT);
    if (!base || iocap_keep(KEPT_READONLY, first, last, "PCI configuration"))
        return -ENOMEM;
    mmcfg[i].end_bus = end_bus;
    smp_wmb(); /* the limit is there before anyone can find the area */
    WRITE_ONCE(mmcfg[i].base, base);
    printk(XENLOG_INFO "PCI: configuration of segment %x buses %x-%x at %#lx\n", m->segment,
           m->start_bus, end_bus, m->base);
    return 0;
}

void __init pci_mmcfg_init(void)
{
    for (unsigned int i = 0; i < acpi.nr_mcfg; i++) {
        const struct acpi_mcfg *m = &acpi.mcfg[i];
        paddr_t start = m->base + ((paddr_t)m->start_bus << BUS_SHIFT);
        unsigned long size = (m->end_bus + 1UL - m->start_bus) << BUS_SHIFT, part = size;

        while (part >= MIN_AREA && e820_type_of(start, start + part) != E820_RESERVED)
            part >>= 1;
        if (e820_type_of(start, start + part) != E820_RESERVED)
            printk(XENLOG_INFO "PCI: configuration at %#lx is not reserved in the memory map; not "
                   "used until domain 0 vouches for it\n", m->base);
        else if (use_area(i, m->start_bus + (unsigned int)(part >> BUS_SHIFT) - 1))
            printk(XENLOG_WARNING "PCI: no memory to map the configuration at %#lx; ports are used "
                   "instead\n", m->base);
    }
}

int pci_mmcfg_reserved(uint32_t segment, unsigned int start_bus, unsigned int end_bus, paddr_t addr,
                       uint32_t flags)
{
    int rc = -ENODEV;

    if (flags & ~(uint32_t)XEN_PCI_MMCFG_RESERVED)
        return -EINVAL;
    for (unsigned int i = 0; i < acpi.nr_mcfg; i++) {
        const struct acpi_mcfg *m = &acpi.mcfg[i];

        if (m->segment != segment || m->start_bus != start_bus ||
            (mmcfg[i].base ? mmcfg[i].end_bus : m->end_bus) != end_bus)
            continue;
        if (m->base != addr)
            return -EIO;
        if (!(flags & XEN_PCI_MMCFG_RESERVED))
            return 0; /* what we have mapped goes on working */
        spin_lock(&pci_lock);
        rc = use_area(i, end_bus);
        spin_unlock(&pci_lock);
        return rc;
    }
    return rc;
}

/* --- By port, and the choice --- */

static void select_reg(uint32_t sbdf, unsigned int reg)
{
    outl(PCI_ADDRESS_PORT, PCI_ADDRESS_ENABLE | (sbdf & 0xffff) << 8 | (reg & ~3u));
}

static bool by_port(uint32_t sbdf, unsigned int reg)
{
    return !PCI_SEG(sbdf) && reg < PCI_CONFIG_SIZE;
}

uint32_t pci_read(uint32_t sbdf, unsigned int reg, unsigned int bytes)
{
    uint16_t port = (uint16_t)(PCI_DATA_PORT + (reg & 3));
    const volatile void *p;
    unsigned long flags;
    uint32_t val;

    if (by_port(sbdf, reg)) {
        spin_lock_irqsave(&config_lock, flags);
        select_reg(sbdf, reg);
        val = bytes == 1 ? inb(port) : bytes == 2 ? inw(port) : inl(port);
        spin_unlock_irqrestore(&config_lock, flags);
        return val;
    }
    p = mmcfg_reg(sbdf, reg);
    if (!p)
        return ~0u;
    return bytes == 1   ? *(const volatile uint8_t *)p
           : bytes == 2 ? *(const volatile uint16_t *)p
                        : *(const volatile uint32_t *)p;
}

void pci_write(uint32_t sbdf, unsigned int reg, unsigned int bytes, uint32_t val)
{
    uint16_t port = (uint16_t)(PCI_DATA_PORT + (reg & 3));
    volatile void *p;
    unsigned long flags;

    if (by_port(sbdf, reg)) {
        spin_lock_irqsave(&config_lock, flags);
        select_reg(sbdf, reg);
        if (bytes == 1)
            outb(port, (uint8_t)val);
        else if (bytes == 2)
            outw(port, (uint16_t)val);
        else
            outl(port, val);
        spin_unlock_irqrestore(&config_lock, flags);
        return;
    }
    p = mmcfg_reg(sbdf, reg);
    if (!p)
        return;
    if (bytes == 1)
        *(volatile uint8_t *)p = (uint8_t)val;
    else if (bytes == 2)
        *(volatile uint16_t *)p = (uint16_t)val;
    else
        *(volatile uint32_t *)p = val;
}
