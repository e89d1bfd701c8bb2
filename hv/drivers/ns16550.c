/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The serial port com1: output through a ring that the transmit interrupt (or a timer) empties, or
 * waiting for the UART where there is none yet; input by interrupt or timer. I/O-port UARTs only:
 * no PCI card, no MMIO.
 *
 * A UART that stops taking characters costs one time-out and is then only tried, never waited for,
 * until it comes back.
 */
#include <hv/apic.h>
#include <hv/console.h>
#include <hv/errno.h>
#include <hv/irq.h>
#include <hv/lib.h>
#include <hv/ns16550.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/time.h>
#include <hv/timer.h>

#define TX_RING 16384            /* power of two */
#define TX_SPINS 2000000         /* about two seconds of port reads */
#define POLL_PERIOD MILLISECS(10)

static struct serial_config com = {
    .clock = UART_CLOCK, .data_bits = 8, .stop_bits = 1, .parity = 'n',
    .base = UART_COM1_BASE, .irq = UART_COM1_IRQ,
};
static bool present, stuck, sync_output, interrupts;
static uint8_t ier;
static unsigned int fifo_size = 1, tx_room;
static char tx_ring[TX_RING];
static uint32_t tx_prod, tx_cons;
static struct timer poll_timer;

static uint8_t uart_in(enum uart_reg r) { return inb((uint16_t)(com.base + r)); }
static void uart_out(enum uart_reg r, uint8_t v) { outb((uint16_t)(com.base + r), v); }

uint8_t serial_lcr(const struct serial_config *c)
{
    static const char parities[] = { 'n', 'o', 'e', 'm', 's' };
    uint8_t lcr = (uint8_t)(c->data_bits - 5);

    if (c->stop_bits == 2)
        lcr |= UART_LCR_STOP2;
    /* Parity: bit 3 enables, bit 4 even, bit 5 sticks. */
    for (unsigned int i = 1; i < sizeof(parities); i++)
        if (c->parity == parities[i])
            lcr |= (uint8_t)((((i - 1) << 1) | 1) << 3);
    return lcr;
}

static int parse_dps(const char **s, struct serial_config *c, const char **why)
{
    const char *p = *s;

    *why = "the second field is data bits, parity, stop bits, such as 8n1";
    if (p[0] < '5' || p[0] > '8' || !p[1] || !strchr("noems", p[1]) || (p[2] != '1' && p[2] != '2'))
        return -EINVAL;
    c->data_bits = (uint8_t)(p[0] - '0');
    c->parity = p[1];
    c->stop_bits = (uint8_t)(p[2] - '0');
    *s = p + 3;
    return 0;
}

static int parse_baud(const char **s, struct serial_config *c, const char **why)
{
    *why = "the first field is the baud rate or auto";
    if (!strncmp(*s, "auto", 4)) {
        c->baud = 0;
        *s += 4;
        return 0;
    }
    if (!isdigit(**s))
        return -EINVAL;
    c->baud = (uint32_t)strtoul(*s, s, 10);
    if (**s == '/') {
        if (!isdigit((*s)[1]))
            return -EINVAL;
        c->clock = (uint32_t)strtoul(*s + 1, s, 0) << 4;
    }
    return c->baud && c->clock / 16 >= c->baud && c->clock / 16 / c->baud <= UINT16_MAX ? 0
                                                                                        : -EINVAL;
}

static int parse_base(const char **s, struct serial_config *c, const char **why)
{
    unsigned long v;

    *why = "the third field is the I/O port; pci, amt and MMIO UARTs are not driven";
    if (!isdigit(**s))
        return -EINVAL;
    v = strtoul(*s, s, 0);
    if (v == 0 || v > UINT16_MAX - UART_PORTS)
        return -EINVAL;
    c->base = (uint16_t)v;
    return 0;
}

static int parse_irq(const char **s, struct serial_config *c, const char **why)
{
    unsigned long v;

    *why = "the fourth field is the ISA interrupt (0 = polled)";
    if (!isdigit(**s))
        return -EINVAL;
    v = strtoul(*s, s, 10);
    if (v > 15)
        return -EINVAL;
    c->irq = (int)v;
    return 0;
}

int serial_parse(const char *opt, struct serial_config *c, const char **why)
{
    static int (*const field[])(const char **, struct serial_config *, const char **) = {
        parse_baud, parse_dps, parse_base, parse_irq,
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(field); i++) {
        if (*opt != ',' && *opt != '\0') {
            int rc = field[i](&opt, c, why);
            if (rc)
                return rc;
        }
        if (*opt == '\0')
            return 0;
        if (*opt != ',') {
            *why = "characters behind a field";
            return -EINVAL;
        }
        opt++;
    }
    *why = "more than four fields";
    return *opt ? -EINVAL : 0;
}

static bool uart_exists(void)
{
    uint8_t off, on;

    if (uart_in(UART_LSR) == UART_LSR_ABSENT)
        return false;
    uart_out(UART_IER, 0);
    off = uart_in(UART_IER) & UART_IER_ALL;
    uart_out(UART_IER, UART_IER_ALL);
    on = uart_in(UART_IER) & UART_IER_ALL;
    uart_out(UART_IER, 0);
    return off == 0 && on == UART_IER_ALL;
}

static void uart_setup(void)
{
    uint8_t lcr = serial_lcr(&com);

    if (com.baud) {
        uint32_t divisor = com.clock / 16 / com.baud;

        uart_out(UART_LCR, lcr | UART_LCR_DLAB);
        uart_out(UART_DLL, (uint8_t)divisor);
        uart_out(UART_DLM, (uint8_t)(divisor >> 8));
    }
    uart_out(UART_LCR, lcr);
    uart_out(UART_MCR, UART_MCR_DTR | UART_MCR_RTS);
    uart_out(UART_FCR,
             UART_FCR_ENABLE | UART_FCR_CLEAR_RX | UART_FCR_CLEAR_TX | UART_FCR_TRIGGER_8);
    fifo_size =
        (uart_in(UART_IIR) & UART_IIR_FIFO_MASK) == UART_IIR_FIFO_WORKS ? UART_FIFO_SIZE : 1;
}

void serial_init(const char *com1_option)
{
    struct serial_config c = com;
    const char *why;

    if (serial_parse(com1_option, &c, &why))
        printk(XENLOG_ERR "com1=%s: %s; using %#x at the firmware's rate\n", com1_option, why,
               com.base);
    else
        com = c;
    if (!uart_exists()) {
        printk(
            XENLOG_WARNING
            "com1: no UART at port %#x: no serial console (com1=BAUD,DPS,IOBASE names another)\n",
            com.base);
        return;
    }
    uart_setup();
    present = true;
}

static bool tx_ready(void)
{
    if (tx_room)
        return true;
    if (!(uart_in(UART_LSR) & UART_LSR_THRE))
        return false;
    tx_room = fifo_size;
    return true;
}

static void tx_out(char c)
{
    uart_out(UART_THR, (uint8_t)c);
    tx_room--;
}

static bool tx_wait(void)
{
    unsigned int spins = stuck ? 1 : TX_SPINS;

    while (spins--) {
        if (tx_ready()) {
            stuck = false;
            return true;
        }
        cpu_relax();
    }
    stuck = true;
    return false;
}

static void set_ier(uint8_t bits)
{
    if (bits != ier)
        uart_out(UART_IER, ier = bits);
}

/* Gives the UART what it has room for; waits for it when all must go out. */
static void tx_drain(bool all)
{
    while (tx_cons != tx_prod && (tx_ready() || (all && tx_wait())))
        tx_out(tx_ring[tx_cons++ % TX_RING]);
    if (all && stuck)
        tx_cons = tx_prod;
    if (interrupts)
        set_ier(tx_cons != tx_prod ? UART_IER_RX | UART_IER_TX : UART_IER_RX);
}

static void put_byte(char c)
{
    if (sync_output || !interrupts) {
        if (tx_wait())
            tx_out(c);
        return;
    }
    if (tx_prod - tx_cons >= TX_RING && tx_wait())
        tx_out(tx_ring[tx_cons++ % TX_RING]);
    if (tx_prod - tx_cons < TX_RING)
        tx_ring[tx_prod++ % TX_RING] = c;
    tx_drain(false);
}

void serial_putc(char c)
{
    if (!present)
        return;
    if (c == '\n')
        put_byte('\r');
    put_byte(c);
}

void serial_flush(void)
{
    if (present)
        tx_drain(true);
}

void serial_set_sync(void)
{
    serial_flush();
    sync_output = true;
}

bool serial_present(void) { return present; }

bool serial_owns_port(unsigned int port)
{
    return present && port >= com.base && port - com.base < UART_PORTS;
}

int serial_irq(void)
{
    return present && com.irq ? (int)isa_irq_to_gsi((unsigned int)com.irq) : -1;
}

static void serial_service(void)
{
    unsigned long flags;
    bool nested;
    unsigned int limit = TX_RING;

    while (limit-- && (uart_in(UART_LSR) & UART_LSR_RX))
        console_rx_char((char)uart_in(UART_RBR));
    nested = console_lock(&flags);
    tx_room = 0;
    tx_drain(false);
    console_unlock(nested, flags);
}

static void serial_interrupt(unsigned int gsi, void *data)
{
    /* A bounded number of causes: a broken UART must not hold the CPU. */
    for (unsigned int i = 0; i < UART_FIFO_SIZE && !(uart_in(UART_IIR) & UART_IIR_NONE); i++)
        serial_service();
}

static void serial_poll(void *data)
{
    serial_service();
    set_timer(&poll_timer, NOW() + POLL_PERIOD);
}

void serial_init_irq(void)
{
    int gsi = serial_irq(), rc = -EINVAL;

    if (!present)
        return;
    if (gsi >= 0)
        rc = irq_request((unsigned int)gsi, serial_interrupt, NULL, "com1");
    interrupts = rc == 0;
    if (interrupts) {
        uart_out(UART_MCR, UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT2);
        set_ier(UART_IER_RX);
        return;
    }
    if (com.irq)
        printk(XENLOG_WARNING
               "com1: interrupt %d is not to be had (error %d): the port is polled\n",
               com.irq, rc);
    init_timer(&poll_timer, serial_poll, NULL, 0);
    set_timer(&poll_timer, NOW() + POLL_PERIOD);
}
