/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Message-signalled interrupts: what a message says, the MSI capability, and what both kinds have
 * in common. MSI-X tables are in msix.c.
 *
 * A message is an edge. While nobody is bound to it, it is masked if the device can do that. A
 * device without mask bits is silenced, when it has to be, by taking its MSI away for a while:
 * what it has to say then is lost, and its guest gets an event instead.
 */
#include <hv/apic.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/pci_regs.h>
#include <hv/printk.h>
#include <hv/smp.h>
#include "msi_priv.h"

DEFINE_SPINLOCK(msi_lock, LOCK_APIC);

struct msi_msg msi_compose(uint8_t vector, uint32_t apicid)
{
    return (struct msi_msg){
        .address_lo = MSI_ADDRESS_BASE | apicid << MSI_ADDRESS_DEST_SHIFT,
        .data = MSI_DATA_ASSERT | vector,
    };
}

/* --- The MSI capability --- */

static unsigned int msi_reg(const struct msi_desc *m, unsigned int offset)
{
    return m->dev->msi_pos + offset;
}

/* Data before address: the order that vector_move() relies on. */
static void msi_write_message(const struct msi_desc *m)
{
    uint32_t sbdf = m->dev->sbdf;

    pci_write(sbdf, msi_reg(m, MSI_DATA(m->is_64)), 2, m->msg.data);
    if (m->is_64)
        pci_write(sbdf, msi_reg(m, MSI_ADDRESS_HI), 4, m->msg.address_hi);
    pci_write(sbdf, msi_reg(m, MSI_ADDRESS_LO), 4, m->msg.address_lo);
}

/* msi_lock. All other messages that the device could send stay masked. */
static void msi_write_mask_bits(const struct msi_desc *m)
{
    uint32_t bits = ~0u >> (32 - m->dev->msi_vectors);

    if (!m->host_masked && !m->guest_masked)
        bits &= ~1u;
    pci_write(m->dev->sbdf, msi_reg(m, MSI_MASK_BITS(m->is_64)), 4, bits);
}

/* msi_lock. */
static void msi_set_control(const struct pci_dev *dev, uint16_t clear, uint16_t set)
{
    uint16_t c = pci_read16(dev->sbdf, dev->msi_pos + MSI_CONTROL);

    pci_write(dev->sbdf, dev->msi_pos + MSI_CONTROL, 2, (c & ~(unsigned int)clear) | set);
}

/* --- As a source of interrupts; desc lock held --- */

static void write_message(struct msi_desc *m)
{
    if (m->msix)
        msix_write_message(m);
    else
        msi_write_message(m);
}

static void mask(struct irq_desc *desc, bool masked)
{
    struct msi_desc *m = desc->msi;

    spin_lock(&msi_lock);
    m->host_masked = masked;
    if (m->msix)
        msix_write_mask(m, masked);
    else
        msi_write_mask_bits(m);
    spin_unlock(&msi_lock);
}

static void start(struct irq_desc *desc)
{
    mask(desc, false);
}

static void start_nothing(struct irq_desc *desc)
{
}

static void hold_unmaskable(struct irq_desc *desc, bool held)
{
    struct msi_desc *m = desc->msi;
    uint16_t c;

    spin_lock(&msi_lock);
    c = pci_read16(m->dev->sbdf, msi_reg(m, MSI_CONTROL));
    if (held && (c & MSI_ENABLE)) {
        m->enable_held = true;
        msi_set_control(m->dev, MSI_ENABLE, 0);
    } else if (!held && m->enable_held) {
        m->enable_held = false;
        msi_set_control(m->dev, 0, MSI_ENABLE);
    }
    spin_unlock(&msi_lock);
}

static void compose(struct irq_desc *desc)
{
    desc->msi->msg = msi_compose(desc->route.vector, cpu_apicid[desc->route.cpu]);
}

static void reroute(struct irq_desc *desc)
{
    compose(desc);
    write_message(desc->msi);
}

static const struct irq_chip maskable_chip = { "PCI-MSI/-X", start, mask, mask, reroute };
static const struct irq_chip unmaskable_chip = {
    "PCI-MSI", start_nothing, NULL, hold_unmaskable, reroute
};

/* --- Setting up --- */

static struct msi_desc *find(const struct pci_dev *dev, bool msix, unsigned int entry)
{
    struct msi_desc *m;

    list_for_each(m, &dev->msis, link)
        if (m->msix == msix && m->entry == entry)
            return m;
    return NULL;
}

static int check_msi(const struct pci_dev *dev)
{
    if (!dev->msi_pos)
        return -ENODEV;
    if (dev->msix.users)
        return -EBUSY;
    return list_empty(&dev->msis) ? 0 : -EEXIST;
}

static int check_msix(const struct pci_dev *dev, int entry)
{
    if (!dev->msix.rows)
        return -ENODEV;
    if (entry < 0 || (unsigned int)entry >= dev->msix.rows)
        return -EINVAL;
    if (find(dev, false, 0))
        return -EBUSY;
    return find(dev, true, (unsigned int)entry) ? -EEXIST : 0;
}

static void init_msi(struct msi_desc *m)
{
    uint16_t control = pci_read16(m->dev->sbdf, msi_reg(m, MSI_CONTROL));

    m->is_64 = control & MSI_64BIT;
    m->maskable = control & MSI_MASKABLE;
}

static int init_msix(struct msi_desc *m, const struct msi_request *req)
{
    int rc = msix_use(m->dev, req->table_base);

    if (rc)
        return rc;
    m->entry = (uint16_t)req->entry;
    m->is_64 = m->maskable = true;
    m->row = (volatile uint32_t *)m->dev->msix.table + req->entry * MSIX_ROW_WORDS;
    return 0;
}

/* The message stands in the device, and it is masked if that is possible, before dom0 goes on. MSI
   that firmware has left on is off while its message is written; one message is enabled. */
static void program(struct msi_desc *m)
{
    struct irq_desc *desc = irq_desc(m->irq);
    unsigned long flags;
    uint16_t on = 0;

    spin_lock_irqsave(&desc->lock, flags);
    desc->msi = m;
    desc->level = false;
    desc->chip = m->maskable ? &maskable_chip : &unmaskable_chip;
    compose(desc);
    if (!m->msix) {
        spin_lock(&msi_lock);
        on = pci_read16(m->dev->sbdf, msi_reg(m, MSI_CONTROL)) & MSI_ENABLE;
        msi_set_control(m->dev, MSI_ENABLE | MSI_ENABLED_COUNT, 0);
        spin_unlock(&msi_lock);
    }
    if (m->maskable)
        mask(desc, true);
    write_message(m);
    if (on) {
        spin_lock(&msi_lock);
        msi_set_control(m->dev, 0, MSI_ENABLE);
        spin_unlock(&msi_lock);
    }
    spin_unlock_irqrestore(&desc->lock, flags);
}

int msi_setup(unsigned int irq, struct pci_dev *dev, const struct msi_request *req)
{
    bool msix = req->table_base != 0;
    int rc = msix ? check_msix(dev, req->entry) : check_msi(dev);
    struct msi_desc *m;

    if (rc)
        return rc;
    m = xzalloc_struct(struct msi_desc);
    if (!m)
        return -ENOMEM;
    m->dev = dev;
    m->irq = (uint16_t)irq;
    m->msix = msix;
    if (msix)
        rc = init_msix(m, req);
    else
        init_msi(m);
    if (rc) {
        xfree(m);
        return rc;
    }
    list_add_tail(&m->link, &dev->msis);
    program(m);
    return 0;
}

void msi_teardown(struct msi_desc *m)
{
    unsigned long flags;

    spin_lock_irqsave(&msi_lock, flags);
    if (m->msix)
        msix_write_mask(m, true);
    else
        msi_set_control(m->dev, MSI_ENABLE, 0);
    spin_unlock_irqrestore(&msi_lock, flags);
    /* From here on an interrupt still on its way finds nothing. */
    irq_destroy(m->irq);
    list_del(&m->link);
    if (m->msix)
        msix_unuse(m->dev);
    xfree(m);
}

/* --- The device as a whole --- */

void msi_init_device(struct pci_dev *dev)
{
    uint16_t control;

    list_init(&dev->msis);
    dev->msi_pos = pci_find_cap(dev->sbdf, PCI_CAP_MSI);
    dev->msix_pos = pci_find_cap(dev->sbdf, PCI_CAP_MSIX);
    if (dev->msi_pos) {
        control = pci_read16(dev->sbdf, dev->msi_pos + MSI_CONTROL);
        /* 6 and 7 are not defined. */
        dev->msi_vectors =
            (uint8_t)(1u << MIN((control & (unsigned int)MSI_CAPABLE) >> MSI_CAPABLE_SHIFT, 5u));
    }
    if (!dev->msix_pos)
        return;
    control = pci_read16(dev->sbdf, dev->msix_pos + MSIX_CONTROL);
    dev->msix.rows = MSIX_TABLE_SIZE(control);
    if (control & (MSIX_ENABLE | MSIX_MASK_ALL)) {
        printk(XENLOG_INFO "PCI: " PCI_FMT ": MSI-X was left on; switched off\n",
               PCI_ARGS(dev->sbdf));
        pci_write(dev->sbdf, dev->msix_pos + MSIX_CONTROL, 2,
                  control & ~(unsigned int)(MSIX_ENABLE | MSIX_MASK_ALL));
    }
}

/* Writes it all to the one message of MSI. Its MSI was off, or is to be on: dom0 asks for it. */
static void restore_msi(struct msi_desc *m)
{
    struct irq_desc *desc = irq_desc(m->irq);
    unsigned long flags;

    spin_lock_irqsave(&desc->lock, flags);
    spin_lock(&msi_lock);
    msi_set_control(m->dev, MSI_ENABLE | MSI_ENABLED_COUNT, 0);
    msi_write_message(m);
    if (m->maskable)
        msi_write_mask_bits(m);
    if (!m->enable_held)
        msi_set_control(m->dev, 0, MSI_ENABLE);
    spin_unlock(&msi_lock);
    spin_unlock_irqrestore(&desc->lock, flags);
}

static void restore_msix(struct msi_desc *m)
{
    struct irq_desc *desc = irq_desc(m->irq);
    unsigned long flags;

    spin_lock_irqsave(&desc->lock, flags);
    msix_write_message(m);
    spin_lock(&msi_lock);
    msix_write_mask(m, m->host_masked);
    spin_unlock(&msi_lock);
    spin_unlock_irqrestore(&desc->lock, flags);
}

static int restore(struct pci_dev *dev)
{
    unsigned long flags;
    struct msi_desc *m;
    bool msix = false;

    list_for_each(m, &dev->msis, link)
        msix |= m->msix;
    if (msix && !pci_memory_on(dev))
        return -ENXIO;
    list_for_each(m, &dev->msis, link) {
        if (m->msix)
            restore_msix(m);
        else
            restore_msi(m);
    }
    if (msix) {
        spin_lock_irqsave(&msi_lock, flags);
        dev->msix.host_mask_all = false;
        msix_close(dev, pci_read16(dev->sbdf, dev->msix_pos + MSIX_CONTROL) | MSIX_ENABLE);
        spin_unlock_irqrestore(&msi_lock, flags);
    }
    return 0;
}

int msi_restore(uint32_t sbdf)
{
    struct pci_dev *dev;
    int rc = -ENODEV;

    spin_lock(&pci_lock);
    dev = pci_find(sbdf);
    if (dev)
        rc = restore(dev);
    spin_unlock(&pci_lock);
    return rc;
}

/* --- What dom0 writes --- */

/* Control word of an MSI in use: dom0 switches it on and off, the count of messages stays one. */
static void guest_control(struct msi_desc *m, uint32_t *val)
{
    *val &= ~(uint32_t)MSI_ENABLED_COUNT;
    if (!m->enable_held)
        return;
    m->enable_held = *val & MSI_ENABLE;
    *val &= ~(uint32_t)MSI_ENABLE;
}

/* Mask bits: dom0's wish counts together with ours. */
static void guest_mask_bits(struct msi_desc *m, uint32_t *val)
{
    m->guest_masked = *val & 1;
    *val |= ~0u >> (32 - m->dev->msi_vectors);
    if (!m->host_masked && !m->guest_masked)
        *val &= ~1u;
}

static bool write_to_msi(struct msi_desc *m, unsigned int reg, unsigned int bytes, uint32_t *val)
{
    unsigned int offset = reg - m->dev->msi_pos;

    if (offset == MSI_CONTROL && bytes == 2)
        guest_control(m, val);
    else if (m->maskable && offset == MSI_MASK_BITS(m->is_64) && bytes == 4)
        guest_mask_bits(m, val);
    else
        return false;
    return true;
}

/* The capability ends with the data, or with mask and pending bits. */
static unsigned int msi_cap_size(const struct msi_desc *m)
{
    return m->maskable ? MSI_MASK_BITS(m->is_64) + 8 : MSI_DATA(m->is_64) + 2;
}

/* False: dom0 may not. */
static bool guest_may_write(struct pci_dev *dev, unsigned int reg, unsigned int bytes,
                            uint32_t *val)
{
    struct msi_desc *m = find(dev, false, 0);

    if (dev->msix_pos && reg >= dev->msix_pos && reg < dev->msix_pos + MSIX_CAP_SIZE) {
        if (reg != dev->msix_pos + MSIX_CONTROL || bytes != 2)
            return false;
        msix_guest_control(dev, val);
        return true;
    }
    if (m && reg >= dev->msi_pos && reg < dev->msi_pos + msi_cap_size(m))
        return write_to_msi(m, reg, bytes, val);
    return true;
}

void msi_guest_write(struct pci_dev *dev, unsigned int reg, unsigned int bytes, uint32_t val)
{
    unsigned long flags;

    spin_lock_irqsave(&msi_lock, flags);
    if (guest_may_write(dev, reg, bytes, &val))
        pci_write(dev->sbdf, reg, bytes, val);
    spin_unlock_irqrestore(&msi_lock, flags);
}

void msi_free_device(struct pci_dev *dev)
{
    struct msi_desc *m, *next;

    list_for_each_safe(m, next, &dev->msis, link)
        pirq_unmap_irq(dev->owner, m->irq);
    while (dev->msix.users)
        msix_unuse(dev);
}

/* --- Debug key --- */

void msi_dump_device(const struct pci_dev *dev)
{
    const struct msi_desc *m;

    if (dev->msi_pos || dev->msix_pos)
        printk(" - MSI:%u MSI-X:%u <", dev->msi_vectors, dev->msix.rows);
    list_for_each(m, &dev->msis, link)
        printk(" %u", m->irq);
    if (dev->msi_pos || dev->msix_pos)
        printk(" >");
}

void msi_dump(void)
{
    printk("MSI information (masked by: H host, G guest, A the whole function):\n");
    for (unsigned int irq = irq_gsi_count(); irq < irq_count(); irq++) {
        struct irq_desc *desc = irq_desc(irq);
        const struct msi_desc *m;
        unsigned long flags;

        spin_lock_irqsave(&desc->lock, flags);
        m = desc->msi;
        if (m)
            printk(" %-5s %4u " PCI_FMT
                   " entry %-4u vec=%02x fixed edge dest=%08x mask=%c/%c%c%c\n",
                   m->msix ? "MSI-X" : "MSI", irq, PCI_ARGS(m->dev->sbdf), m->entry,
                   m->msg.data & MSI_DATA_VECTOR, cpu_apicid[desc->route.cpu],
                   m->maskable ? '1' : '0', m->host_masked ? 'H' : ' ', m->guest_masked ? 'G' : ' ',
                   m->msix && (m->dev->msix.host_mask_all || m->dev->msix.guest_mask_all) ? 'A'
                                                                                        : ' ');
        spin_unlock_irqrestore(&desc->lock, flags);
    }
}
