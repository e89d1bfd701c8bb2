/* SPDX-License-Identifier: BSD-2-Clause */
/* The 16550 UART: registers and the com1= option. Source: National Semiconductor PC16550D data
 * sheet, "Registers". */
#ifndef HV_NS16550_H
#define HV_NS16550_H

#include <hv/types.h>

#define UART_COM1_BASE 0x3f8
#define UART_COM1_IRQ 4
#define UART_PORTS 8
#define UART_CLOCK 1843200
#define UART_FIFO_SIZE 16

enum uart_reg {
    UART_RBR = 0, /* read: received character */
    UART_THR = 0, /* write: character to send */
    UART_DLL = 0, /* with LCR_DLAB: divisor */
    UART_DLM = 1,
    UART_IER = 1,
    UART_IIR = 2, /* read */
    UART_FCR = 2, /* write */
    UART_LCR = 3,
    UART_MCR = 4,
    UART_LSR = 5,
    UART_MSR = 6,
};

#define UART_IER_RX 0x01
#define UART_IER_TX 0x02
#define UART_IER_ALL 0x0f
#define UART_IIR_NONE 0x01
#define UART_IIR_FIFO_MASK 0xc0
#define UART_IIR_FIFO_WORKS 0xc0
#define UART_FCR_ENABLE 0x01
#define UART_FCR_CLEAR_RX 0x02
#define UART_FCR_CLEAR_TX 0x04
#define UART_FCR_TRIGGER_8 0x80
#define UART_LCR_DLAB 0x80
#define UART_LCR_STOP2 0x04
#define UART_MCR_DTR 0x01
#define UART_MCR_RTS 0x02
#define UART_MCR_OUT2 0x08 /* gates the interrupt line on PCs */
#define UART_LSR_RX 0x01
#define UART_LSR_THRE 0x20
#define UART_LSR_ABSENT 0xff /* nothing decodes the port */

struct serial_config {
    uint32_t baud;   /* 0 = auto: as the firmware left it */
    uint32_t clock;
    uint8_t data_bits, stop_bits;
    char parity;     /* n o e m s */
    uint16_t base;
    int irq;         /* ISA interrupt; 0 = none, polled */
};

/* com1=BAUD[/CLOCK][,DPS[,IOBASE[,IRQ]]]; empty fields keep their value. 0 or -EINVAL with *why. */
int serial_parse(const char *opt, struct serial_config *c, const char **why);
/* Line control value of the configuration. */
uint8_t serial_lcr(const struct serial_config *c);

#endif
