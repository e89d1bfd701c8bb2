/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI configuration by the address and data ports. The address register is kept per domain and put
 * into the hardware only together with the data access, so that the hypervisor's and dom0's
 * accesses cannot mix. Other domains find no bus.
 */
#include <hv/processor.h>
#include <hv/spinlock.h>
#include <pv/pv.h>

#define PCI_ADDRESS 0xcf8
#define PCI_DATA 0xcfc
#define PCI_DATA_END 0xd00
#define PCI_ADDRESS_ENABLE (1u << 31)

static DEFINE_SPINLOCK(config_lock, LOCK_LEAF); /* address and data register. Interrupts off */

bool pv_is_pci_config_port(unsigned int port, unsigned int bytes)
{
    return (port == PCI_ADDRESS && bytes == 4) ||
           (port >= PCI_DATA && port + bytes <= PCI_DATA_END);
}

static bool data_access_ok(const struct vcpu *v, uint32_t address)
{
    return is_control_domain(v->domain) && (address & PCI_ADDRESS_ENABLE);
}

uint32_t pv_pci_config_in(struct vcpu *v, unsigned int port, unsigned int bytes)
{
    uint32_t address = READ_ONCE(pv_domain(v->domain)->pci_address), val;
    unsigned long flags;

    if (port == PCI_ADDRESS)
        return is_control_domain(v->domain) ? address : ~0u;
    if (!data_access_ok(v, address))
        return ~0u;
    spin_lock_irqsave(&config_lock, flags);
    outl(PCI_ADDRESS, address);
    val = bytes == 1 ? inb((uint16_t)port) : bytes == 2 ? inw((uint16_t)port) : inl((uint16_t)port);
    spin_unlock_irqrestore(&config_lock, flags);
    return val;
}

void pv_pci_config_out(struct vcpu *v, unsigned int port, unsigned int bytes, uint32_t val)
{
    uint32_t address = READ_ONCE(pv_domain(v->domain)->pci_address);
    unsigned long flags;

    if (port == PCI_ADDRESS) {
        WRITE_ONCE(pv_domain(v->domain)->pci_address, val);
        return;
    }
    if (!data_access_ok(v, address))
        return;
    spin_lock_irqsave(&config_lock, flags);
    outl(PCI_ADDRESS, address);
    if (bytes == 1)
        outb((uint16_t)port, (uint8_t)val);
    else if (bytes == 2)
        outw((uint16_t)port, (uint16_t)val);
    else
        outl((uint16_t)port, val);
    spin_unlock_irqrestore(&config_lock, flags);
}
