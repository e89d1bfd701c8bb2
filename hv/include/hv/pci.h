/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI: configuration access (hv/drivers/pci_config.c), the list of devices and what dom0 may write
 * to their configuration (hv/drivers/pci.c). Dom0 enumerates and drives the devices; the list
 * serves their message-signalled interrupts (hv/irq/msi.c).
 */
#ifndef HV_PCI_H
#define HV_PCI_H

#include <hv/list.h>
#include <hv/spinlock.h>

struct domain;

/* Segment, bus, device and function in one word, as the ABI has it. */
#define PCI_SBDF(seg, bus, devfn) ((uint32_t)(seg) << 16 | (uint32_t)(bus) << 8 | (devfn))
#define PCI_SEG(sbdf) ((sbdf) >> 16)
#define PCI_BUS(sbdf) (((sbdf) >> 8) & 0xff)
#define PCI_SLOT(sbdf) (((sbdf) >> 3) & 0x1f)
#define PCI_FUNC(sbdf) ((sbdf) & 7)
#define PCI_FMT "%04x:%02x:%02x.%u"
#define PCI_ARGS(sbdf) PCI_SEG(sbdf), PCI_BUS(sbdf), PCI_SLOT(sbdf), PCI_FUNC(sbdf)

/* What is kept of a device with an MSI-X capability. */
struct msix {
    unsigned int rows;                  /* (c) of its table; 0 = no such capability */
    unsigned int users;                 /* (p) mapped interrupts, and PHYSDEVOP_prepare_msix */
    unsigned long table_first, table_last;  /* (p) frames of the table while users is not 0 */
    unsigned long pba_first, pba_last;  /* (p) of the pending bits; first 0 = not known */
    void *table;                        /* (p) the table, mapped */
    bool host_mask_all, guest_mask_all; /* (m) who wants the whole function masked */
};

/* (c) constant, (p) pci_lock, (m) msi_lock of hv/irq/msi.c */
struct pci_dev {
    struct list_head link;              /* (p) */
    uint32_t sbdf;                      /* (c) */
    struct domain *owner;               /* (p) dom0, once it has told of it; dom_xen: the
                                           hypervisor's own; else NULL */
    bool readonly;                      /* (c) nobody's writes reach its configuration */
    bool ext_function, virt_function;   /* (p) as dom0 says */
    uint32_t phys_function;             /* (p) of a virtual function */
    uint32_t proximity;                 /* (p) ACPI proximity domain, NO_PROXIMITY = not told */
    uint8_t msi_pos, msix_pos;          /* (c) offset of the capability, 0 = none */
    uint8_t msi_vectors;                /* (c) messages its MSI can tell apart */
    struct list_head msis;              /* (p) struct msi_desc */
    struct msix msix;
};
#define NO_PROXIMITY (~0u)

/* The list of devices and the mapping of their interrupts. Interrupts on; not in interrupts. */
extern spinlock_t pci_lock;

/* Boot: maps the memory-mapped configuration space that firmware describes, lists the devices. */
void pci_init(void);
/* pci_lock. NULL: not known. */
struct pci_dev *pci_find(uint32_t sbdf);

/* --- As dom0 reports; told again, only what is known of it changes --- */
struct pci_report {
    uint32_t sbdf;
    bool ext_function, virt_function;
    uint32_t phys_function, proximity;
};
int pci_add(struct domain *d, const struct pci_report *r);  /* 0, -ENOMEM */
int pci_remove(uint32_t sbdf);                              /* 0, -ENODEV */
/* Says whether firmware keeps that part of memory for the configuration of these buses. 0, -ENODEV,
   -EIO (another address), -EINVAL (flags), -ENOMEM. */
int pci_mmcfg_reserved(uint32_t segment, unsigned int start_bus, unsigned int end_bus, paddr_t addr,
                       uint32_t flags);

/* --- Configuration access: 1, 2 or 4 bytes, aligned. A register that can't be reached reads as
   ones. Any context. --- */
uint32_t pci_read(uint32_t sbdf, unsigned int reg, unsigned int bytes);
void pci_write(uint32_t sbdf, unsigned int reg, unsigned int bytes, uint32_t val);
static inline uint8_t pci_read8(uint32_t sbdf, unsigned int reg)
{
    return (uint8_t)pci_read(sbdf, reg, 1);
}
static inline uint16_t pci_read16(uint32_t sbdf, unsigned int reg)
{
    return (uint16_t)pci_read(sbdf, reg, 2);
}
static inline uint32_t pci_read32(uint32_t sbdf, unsigned int reg)
{
    return pci_read(sbdf, reg, 4);
}
/* Offset of the capability, 0 if the function has none of that kind. */
uint8_t pci_find_cap(uint32_t sbdf, uint8_t id);
/* Where memory BAR nr lies, 0 if it is none. */
paddr_t pci_memory_bar(uint32_t sbdf, unsigned int nr);
/* The function whose memory-mapped configuration the frame is. */
bool pci_mmcfg_decode(unsigned long mfn, uint32_t *sbdf);

/* Dom0 writes configuration space: what the hypervisor keeps to itself is left as it is. Bytes and
   alignment as for pci_write(). */
void pci_guest_write(uint32_t sbdf, unsigned int reg, unsigned int bytes, uint32_t val);

void pci_dump(void); /* debug key 'Q' */

/* pci_config.c: maps every area of the MCFG table that firmware has reserved. */
void pci_mmcfg_init(void);

#endif
