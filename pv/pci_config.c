/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PCI configuration by the address and data ports, and writes to its memory-mapped form. The
 * address register is kept per domain; what it says is decoded here, so that the hypervisor's and
 * dom0's accesses cannot mix and dom0's writes can be looked at. Other domains find no bus.
 */
#include <hv/pci.h>
#include <hv/pci_regs.h>
#include <pv/pv.h>

bool pv_is_pci_config_port(unsigned int port, unsigned int bytes)
{
    return (port == PCI_ADDRESS_PORT && bytes == 4) ||
           (port >= PCI_DATA_PORT && port + bytes <= PCI_DATA_PORT_END);
}

static bool data_access_ok(const struct vcpu *v, uint32_t address, unsigned int port,
                           unsigned int bytes)
{
    return is_control_domain(v->domain) && (address & PCI_ADDRESS_ENABLE) && !(port & (bytes - 1));
}

static unsigned int reg_of(uint32_t address, unsigned int port)
{
    return PCI_ADDRESS_REG(address) | (port & 3);
}

uint32_t pv_pci_config_in(struct vcpu *v, unsigned int port, unsigned int bytes)
{
    uint32_t address = READ_ONCE(pv_domain(v->domain)->pci_address);

    if (port == PCI_ADDRESS_PORT)
        return is_control_domain(v->domain) ? address : ~0u;
    if (!data_access_ok(v, address, port, bytes))
        return ~0u;
    return pci_read(PCI_ADDRESS_BDF(address), reg_of(address, port), bytes);
}

void pv_pci_config_out(struct vcpu *v, unsigned int port, unsigned int bytes, uint32_t val)
{
    uint32_t address = READ_ONCE(pv_domain(v->domain)->pci_address);

    if (port == PCI_ADDRESS_PORT)
        WRITE_ONCE(pv_domain(v->domain)->pci_address, val);
    else if (data_access_ok(v, address, port, bytes))
        pci_guest_write(PCI_ADDRESS_BDF(address), reg_of(address, port), bytes, val);
}

bool pv_pci_memory_write(struct vcpu *v, mfn_t mfn, unsigned int reg, unsigned int bytes,
                         uint64_t val)
{
    uint32_t sbdf;

    if (!pci_mmcfg_decode(mfn, &sbdf))
        return true;
    if (bytes > sizeof(uint32_t))
        return false;
    if (is_control_domain(v->domain))
        pci_guest_write(sbdf, reg, bytes, (uint32_t)val);
    return true;
}
