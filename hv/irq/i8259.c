/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pair of 8259A controllers is moved off the exception vectors, masked for good, and only its
 * spurious interrupts are recognised.
 */
#include <hv/apic.h>
#include <hv/apic_regs.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include "irq_priv.h"

void __init i8259_init(void)
{
    outb(PIC_MASTER_DATA, PIC_ALL_MASKED);
    outb(PIC_SLAVE_DATA, PIC_ALL_MASKED);
    outb(PIC_MASTER_CMD, PIC_ICW1_INIT_ICW4);
    outb(PIC_MASTER_DATA, PIC_VECTOR_BASE);
    outb(PIC_MASTER_DATA, 1u << PIC_CASCADE_IRQ);
    outb(PIC_MASTER_DATA, PIC_ICW4_8086);
    outb(PIC_SLAVE_CMD, PIC_ICW1_INIT_ICW4);
    outb(PIC_SLAVE_DATA, PIC_VECTOR_BASE + 8);
    outb(PIC_SLAVE_DATA, PIC_CASCADE_IRQ);
    outb(PIC_SLAVE_DATA, PIC_ICW4_8086);
    outb(PIC_MASTER_DATA, PIC_ALL_MASKED);
    outb(PIC_SLAVE_DATA, PIC_ALL_MASKED);
}

static bool in_service(uint16_t cmd_port, unsigned int line)
{
    outb(cmd_port, PIC_OCW3_READ_ISR);
    return (inb(cmd_port) >> line) & 1;
}

/* A line that went away before the CPU asked shows as the lowest priority of its chip, without
   being in service: the chip wants no EOI then, but the master does for its cascade line. */
void i8259_interrupt(unsigned int vector)
{
    unsigned int irq = vector - PIC_VECTOR_BASE, line = irq & 7;
    uint16_t port = irq < 8 ? PIC_MASTER_CMD : PIC_SLAVE_CMD;
    bool real = in_service(port, line);

    if (real)
        outb(port, (uint8_t)(PIC_EOI_SPECIFIC | line));
    if (irq >= 8)
        outb(PIC_MASTER_CMD, PIC_EOI_SPECIFIC | PIC_CASCADE_IRQ);
    if (real)
        printk(XENLOG_WARNING "8259: interrupt %u though it is masked; ignored\n", irq);
    else
        printk(XENLOG_DEBUG "8259: spurious interrupt %u\n", irq);
}
