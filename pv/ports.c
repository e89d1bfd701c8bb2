/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ports that a PV guest finds although the hypervisor keeps the device, by one table: the PIT's
 * third channel with its gate (port 0x61), which dom0 uses for the speaker and to calibrate.
 * Everything else reads as ones and swallows writes.
 */
#include <hv/domain.h>
#include <hv/processor.h>
#include <hv/spinlock.h>
#include <pv/pv.h>

#define PIT_CH2 0x42
#define PIT_MODE 0x43
#define NMI_SC 0x61
#define PIT_MODE_CHANNEL_MASK 0xc0
#define PIT_MODE_CHANNEL2 0x80

static DEFINE_SPINLOCK(pit_lock, LOCK_LEAF);

static uint8_t pit_read(unsigned int port)
{
    uint8_t val;

    spin_lock(&pit_lock);
    val = inb((uint16_t)port);
    spin_unlock(&pit_lock);
    return val;
}

static void pit_write(unsigned int port, uint8_t val)
{
    /* Commands for the hypervisor's own channel 0 (and the refresh channel) are dropped. */
    if (port == PIT_MODE && (val & PIT_MODE_CHANNEL_MASK) != PIT_MODE_CHANNEL2)
        return;
    spin_lock(&pit_lock);
    outb((uint16_t)port, port == NMI_SC ? (inb(NMI_SC) & ~3) | (val & 3) : val);
    spin_unlock(&pit_lock);
}

static bool is_pit_port(const struct vcpu *v, unsigned int port, unsigned int bytes, bool write)
{
    if (!is_control_domain(v->domain) || bytes != 1)
        return false;
    return port == PIT_CH2 || port == NMI_SC || (write && port == PIT_MODE);
}

uint32_t pv_virtual_port_in(struct vcpu *v, unsigned int port, unsigned int bytes)
{
    if (pv_is_pci_config_port(port, bytes))
        return pv_pci_config_in(v, port, bytes);
    return is_pit_port(v, port, bytes, false) ? pit_read(port) : ~0u;
}

void pv_virtual_port_out(struct vcpu *v, unsigned int port, unsigned int bytes, uint32_t val)
{
    if (pv_is_pci_config_port(port, bytes))
        pv_pci_config_out(v, port, bytes, val);
    else if (is_pit_port(v, port, bytes, true))
        pit_write(port, (uint8_t)val);
}
