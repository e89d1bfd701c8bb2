/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of the interrupt controllers. Source: Intel SDM volume 3, "Advanced Programmable
 * Interrupt Controller (APIC)"; 82093AA I/O APIC data sheet, "Register Description"; 8259A data
 * sheet.
 */
#ifndef HV_APIC_REGS_H
#define HV_APIC_REGS_H

#include <hv/types.h>

/* Local APIC, by offset in its page; the x2APIC MSR is MSR_X2APIC_FIRST + offset / 16. */
#define APIC_ID 0x020
#define APIC_VERSION 0x030
#define  APIC_VERSION_MAX_LVT(v) (((v) >> 16) & 0xff)
#define APIC_TPR 0x080
#define APIC_EOI 0x0b0
#define APIC_LDR 0x0d0
#define APIC_DFR 0x0e0
#define  APIC_DFR_FLAT 0xffffffffu
#define APIC_SVR 0x0f0
#define  APIC_SVR_ENABLE (1u << 8)
#define APIC_ISR 0x100              /* 8 registers, 16 bytes apart; so TMR and IRR */
#define APIC_IRR 0x200
#define APIC_ESR 0x280
#define APIC_LVT_CMCI 0x2f0
#define APIC_ICR 0x300
#define APIC_ICR_HIGH 0x310
#define  APIC_ICR_DELIVERY_NMI (4u << 8)
#define  APIC_ICR_DELIVERY_INIT (5u << 8)
#define  APIC_ICR_DELIVERY_SIPI (6u << 8)
#define  APIC_ICR_BUSY (1u << 12)
#define  APIC_ICR_ASSERT (1u << 14)
#define  APIC_ICR_LEVEL (1u << 15)
#define  APIC_ICR_XAPIC_DEST_SHIFT 24
#define APIC_LVT_TIMER 0x320
#define  APIC_TIMER_ONESHOT (0u << 17)
#define  APIC_TIMER_DEADLINE (2u << 17)
#define APIC_LVT_THERMAL 0x330
#define APIC_LVT_PMC 0x340
#define APIC_LVT_LINT0 0x350
#define APIC_LVT_LINT1 0x360
#define APIC_LVT_ERROR 0x370
#define  APIC_LVT_NMI (4u << 8)
#define  APIC_LVT_EXTINT (7u << 8)
#define  APIC_LVT_MASKED (1u << 16)
#define APIC_TIMER_INIT 0x380
#define APIC_TIMER_COUNT 0x390
#define APIC_TIMER_DIVIDE 0x3e0
#define  APIC_TIMER_DIVIDE_1 0xbu

#define APIC_DEFAULT_BASE 0xfee00000UL
#define APIC_MAX_XAPIC_ID 0xfe

/* I/O APIC: an index and a data window. */
#define IOAPIC_REGSEL 0x00
#define IOAPIC_WINDOW 0x10
#define IOAPIC_WINDOW_SIZE 0x20
#define IOAPIC_REG_VERSION 1
#define  IOAPIC_VERSION_ENTRIES(v) ((((v) >> 16) & 0xff) + 1)
#define IOAPIC_REG_RTE 0x10         /* two registers per entry: low, high */
#define IOAPIC_REG_MAX 0xff
#define IOAPIC_RTE_VECTOR 0xffu
#define IOAPIC_RTE_DELIVERY 0x700u
#define  IOAPIC_RTE_DELIVERY_SMI 0x200u
#define IOAPIC_RTE_ACTIVE_LOW (1u << 13)
#define IOAPIC_RTE_LEVEL (1u << 15)
#define IOAPIC_RTE_MASKED (1u << 16)
#define IOAPIC_RTE_DEST_SHIFT 24

/* 8259A pair. */
#define PIC_MASTER_CMD 0x20
#define PIC_MASTER_DATA 0x21
#define PIC_SLAVE_CMD 0xa0
#define PIC_SLAVE_DATA 0xa1
#define PIC_ICW1_INIT_ICW4 0x11
#define PIC_ICW4_8086 0x01
#define PIC_CASCADE_IRQ 2
#define PIC_OCW3_READ_ISR 0x0b
#define PIC_EOI_SPECIFIC 0x60
#define PIC_ALL_MASKED 0xff
#define PIC_IRQS 16
#define PIC_VECTOR_BASE 0xe0        /* between the devices' vectors and the hypervisor's */

#endif
