/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI-X: the table of messages in a device's memory. It is mapped here while anything uses it, and
 * its frames and those of the pending bits are read-only to dom0 then; a mapping that dom0 had made
 * before stays as it was.
 */
#include <hv/errno.h>
#include <hv/iocap.h>
#include <hv/mm.h>
#include <hv/pci_regs.h>
#include <hv/printk.h>
#include "msi_priv.h"

/* Of a virtual function the physical one's register counts. */
bool pci_memory_on(const struct pci_dev *dev)
{
    uint32_t sbdf = dev->virt_function ? dev->phys_function : dev->sbdf;

    return pci_read16(sbdf, PCI_COMMAND) & PCI_COMMAND_MEMORY;
}

static unsigned int control_reg(const struct pci_dev *dev)
{
    return dev->msix_pos + MSIX_CONTROL;
}

uint16_t msix_open(struct pci_dev *dev)
{
    uint16_t control = pci_read16(dev->sbdf, control_reg(dev));

    if (!(control & MSIX_ENABLE))
        pci_write(dev->sbdf, control_reg(dev), 2, control | MSIX_ENABLE | MSIX_MASK_ALL);
    return control;
}

void msix_close(struct pci_dev *dev, uint16_t control)
{
    uint16_t want = control & ~(unsigned int)MSIX_MASK_ALL;

    if (dev->msix.host_mask_all || dev->msix.guest_mask_all)
        want |= MSIX_MASK_ALL;
    if (want != control || !(control & MSIX_ENABLE))
        pci_write(dev->sbdf, control_reg(dev), 2, want);
}

void msix_guest_control(struct pci_dev *dev, uint32_t *val)
{
    dev->msix.guest_mask_all = *val & MSIX_MASK_ALL;
    if (dev->msix.host_mask_all)
        *val |= MSIX_MASK_ALL;
}

/* --- The table --- */

static paddr_t bar_address(const struct pci_dev *dev, unsigned int bar, paddr_t told)
{
    paddr_t at = dev->virt_function ? 0 : pci_memory_bar(dev->sbdf, bar);

    return at ? at : told;
}

static bool is_ram(unsigned long first, unsigned long last)
{
    for (unsigned long mfn = first; mfn <= last; mfn++)
        if (mfn_valid(mfn))
            return true;
    return false;
}

static void set_frames(unsigned long *first, unsigned long *last, paddr_t at, size_t size)
{
    *first = paddr_to_pfn(at);
    *last = paddr_to_pfn(at + size - 1);
}

/* Where table and pending bits lie. The registers are believed, what dom0 says of the table stands
   in where they say nothing (virtual functions). */
static int locate(struct pci_dev *dev, paddr_t told, paddr_t *table)
{
    uint32_t t = pci_read32(dev->sbdf, dev->msix_pos + MSIX_TABLE);
    uint32_t p = pci_read32(dev->sbdf, dev->msix_pos + MSIX_PBA);
    unsigned int t_bar = t & MSIX_BAR_INDEX, p_bar = p & MSIX_BAR_INDEX;
    struct msix *x = &dev->msix;
    paddr_t bar = bar_address(dev, t_bar, told), pba;

    if (!bar)
        return -ENXIO;
    if (told && bar != told)
        printk(XENLOG_WARNING "PCI: " PCI_FMT ": domain 0 says that the MSI-X table's BAR is at "
               "%#lx, the device says %#lx\n", PCI_ARGS(dev->sbdf), told, bar);
    *table = bar + (t & ~MSIX_BAR_INDEX);
    set_frames(&x->table_first, &x->table_last, *table, x->rows * MSIX_ROW_SIZE);
    pba = bar_address(dev, p_bar, t_bar == p_bar ? told : 0);
    x->pba_first = x->pba_last = 0;
    if (pba)
        set_frames(&x->pba_first, &x->pba_last, pba + (p & ~MSIX_BAR_INDEX),
                   DIV_ROUND_UP(x->rows, 64) * 8);
    return is_ram(x->table_first, x->table_last) ? -ENXIO : 0;
}

static int protect(struct msix *x)
{
    int rc = iocap_keep(KEPT_READONLY, x->table_first, x->table_last, "MSI-X table");

    if (rc || !x->pba_first)
        return rc;
    rc = iocap_keep(KEPT_READONLY, x->pba_first, x->pba_last, "MSI-X pending bits");
    if (rc)
        (void)iocap_forget_readonly(x->table_first, x->table_last);
    return rc;
}

static void unprotect(struct msix *x)
{
    if (x->pba_first)
        (void)iocap_forget_readonly(x->pba_first, x->pba_last);
    (void)iocap_forget_readonly(x->table_first, x->table_last);
}

/* Whoever had the device before may have left messages of its own. */
static void mask_rows(struct pci_dev *dev)
{
    volatile uint32_t *row = dev->msix.table;
    unsigned long flags;
    uint16_t control;

    spin_lock_irqsave(&msi_lock, flags);
    control = msix_open(dev);
    for (unsigned int i = 0; i < dev->msix.rows; i++)
        row[i * MSIX_ROW_WORDS + MSIX_ROW_CONTROL] = MSIX_ROW_MASKED;
    msix_close(dev, control);
    spin_unlock_irqrestore(&msi_lock, flags);
}

static int map_table(struct pci_dev *dev, paddr_t told)
{
    struct msix *x = &dev->msix;
    paddr_t table;
    int rc = locate(dev, told, &table);

    if (rc)
        return rc;
    x->table = ioremap(table, x->rows * MSIX_ROW_SIZE);
    if (!x->table)
        return -ENOMEM;
    rc = protect(x);
    if (rc) {
        iounmap(x->table, x->rows * MSIX_ROW_SIZE);
        return rc;
    }
    mask_rows(dev);
    return 0;
}

int msix_use(struct pci_dev *dev, paddr_t told)
{
    int rc;

    if (!pci_memory_on(dev))
        return -ENXIO;
    if (!dev->msix.users) {
        dev->msix.host_mask_all = false;
        rc = map_table(dev, told);
        if (rc)
            return rc;
    }
    dev->msix.users++;
    return 0;
}

void msix_unuse(struct pci_dev *dev)
{
    if (--dev->msix.users)
        return;
    unprotect(&dev->msix);
    iounmap(dev->msix.table, dev->msix.rows * MSIX_ROW_SIZE);
    dev->msix.table = NULL;
}

/* --- Its rows --- */

void msix_write_message(struct msi_desc *m)
{
    uint16_t control;

    spin_lock(&msi_lock);
    control = msix_open(m->dev);
    if (pci_memory_on(m->dev)) {
        m->row[MSIX_ROW_DATA] = m->msg.data;
        m->row[MSIX_ROW_ADDRESS_HI] = m->msg.address_hi;
        m->row[MSIX_ROW_ADDRESS_LO] = m->msg.address_lo;
    }
    msix_close(m->dev, control);
    spin_unlock(&msi_lock);
}

/* With its memory off a row can't be masked: then the function is, until msi_restore(). */
void msix_write_mask(struct msi_desc *m, bool masked)
{
    uint16_t control = msix_open(m->dev);

    if (pci_memory_on(m->dev)) {
        m->row[MSIX_ROW_CONTROL] = masked ? MSIX_ROW_MASKED : 0;
        (void)m->row[MSIX_ROW_CONTROL]; /* it has arrived */
    } else if (masked) {
        m->dev->msix.host_mask_all = true;
    }
    msix_close(m->dev, control);
}

int msi_prepare_msix(uint32_t sbdf, bool release)
{
    struct pci_dev *dev;
    int rc = 0;

    spin_lock(&pci_lock);
    dev = pci_find(sbdf);
    if (!dev || !dev->msix_pos)
        rc = -ENODEV;
    else if (dev->msix.users != release)
        rc = -EBUSY;
    else if (release)
        msix_unuse(dev);
    else
        rc = msix_use(dev, 0);
    spin_unlock(&pci_lock);
    return rc;
}
