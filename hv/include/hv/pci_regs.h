/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of PCI configuration space and of MSI-X tables. Source: PCI Local Bus Specification
 * 3.0, "Configuration Space Organization" and "Message Signaled Interrupts"; PCI Express Base
 * Specification, "PCI Express Enhanced Configuration Access Mechanism".
 */
#ifndef HV_PCI_REGS_H
#define HV_PCI_REGS_H

/* Ports of configuration mechanism 1. */
#define PCI_ADDRESS_PORT 0xcf8
#define PCI_DATA_PORT 0xcfc
#define PCI_DATA_PORT_END 0xd00
#define PCI_ADDRESS_ENABLE (1u << 31)
#define PCI_ADDRESS_BDF(a) (((a) >> 8) & 0xffff)
#define PCI_ADDRESS_REG(a) ((a) & 0xfc)
#define PCI_CONFIG_SIZE 0x100
#define PCIE_CONFIG_SIZE 0x1000

#define PCI_VENDOR_ID 0x00
#define  PCI_VENDOR_NONE 0xffff
#define PCI_COMMAND 0x04
#define  PCI_COMMAND_MEMORY 0x0002
#define PCI_STATUS 0x06
#define  PCI_STATUS_CAPS 0x0010
#define PCI_HEADER_TYPE 0x0e
#define  PCI_HEADER_TYPE_MASK 0x7f
#define  PCI_HEADER_NORMAL 0
#define  PCI_HEADER_BRIDGE 1
#define  PCI_HEADER_MULTIFUNCTION 0x80
#define PCI_BAR0 0x10
#define  PCI_BAR_IO 0x1
#define  PCI_BAR_IO_MASK (~0x3u)
#define  PCI_BAR_TYPE_MASK 0x6
#define  PCI_BAR_TYPE_64 0x4
#define  PCI_BAR_MEM_MASK (~0xfu)
#define  PCI_NORMAL_BARS 6
#define  PCI_BRIDGE_BARS 2
#define PCI_SECONDARY_BUS 0x19
#define PCI_CAP_POINTER 0x34
#define PCI_HEADER_SIZE 0x40

/* A capability: identifier, pointer to the next one. */
#define PCI_CAP_ID 0
#define  PCI_CAP_MSI 0x05
#define  PCI_CAP_MSIX 0x11
#define PCI_CAP_NEXT 1
#define  PCI_CAP_NEXT_MASK 0xfc

/* Offsets in the MSI capability; the layout depends on two bits of the control word. */
#define MSI_CONTROL 2u
#define  MSI_ENABLE 0x0001
#define  MSI_CAPABLE_SHIFT 1
#define  MSI_CAPABLE 0x000e
#define  MSI_ENABLED_COUNT 0x0070
#define  MSI_64BIT 0x0080
#define  MSI_MASKABLE 0x0100
#define MSI_ADDRESS_LO 4
#define MSI_ADDRESS_HI 8
#define MSI_DATA(is_64) ((is_64) ? 12u : 8u)
#define MSI_MASK_BITS(is_64) ((is_64) ? 16u : 12u)

/* Offsets in the MSI-X capability. */
#define MSIX_CONTROL 2u
#define  MSIX_TABLE_SIZE(c) (((c) & 0x07ffu) + 1)
#define  MSIX_MASK_ALL 0x4000
#define  MSIX_ENABLE 0x8000
#define MSIX_TABLE 4
#define MSIX_PBA 8
#define  MSIX_BAR_INDEX 0x7u
#define MSIX_CAP_SIZE 12u

/* A row of the MSI-X table, in words. */
enum { MSIX_ROW_ADDRESS_LO, MSIX_ROW_ADDRESS_HI, MSIX_ROW_DATA, MSIX_ROW_CONTROL, MSIX_ROW_WORDS };
#define MSIX_ROW_SIZE 16u
#define MSIX_ROW_MASKED 1u

/* Message address and data. Source: Intel SDM volume 3, "Message Signalled Interrupts". */
#define MSI_ADDRESS_BASE 0xfee00000u
#define MSI_ADDRESS_DEST_SHIFT 12
#define MSI_ADDRESS_LOGICAL 0x4u
#define MSI_DATA_VECTOR 0xffu
#define MSI_DATA_ASSERT 0x4000u     /* edge, fixed delivery: the rest is 0 */
#define MSI_DATA_LEVEL 0x8000u

#endif
