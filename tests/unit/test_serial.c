/* SPDX-License-Identifier: BSD-2-Clause */
/* The com1= option and the line control it means. */
/* sources: hv/drivers/ns16550.c hv/lib/string.c */
/* cflags: -DHV_UNIT_TEST -fno-builtin -Dstrtoul=hv_strtoul -Dprintk=hv_printk */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <hv/console.h>
#include <hv/errno.h>
#include <hv/irq.h>
#include <hv/ns16550.h>
#include <hv/printk.h>
#include <hv/time.h>
#include <hv/timer.h>

void printk(const char *fmt, ...) { }
s_time_t NOW(void) { return 0; }
void init_timer(struct timer *t, void (*fn)(void *), void *data, unsigned int cpu) { }
void set_timer(struct timer *t, s_time_t expires) { }
int irq_request(unsigned int gsi, irq_handler_t fn, void *data, const char *name) { return -EBUSY; }
unsigned int isa_irq_to_gsi(unsigned int irq) { return irq; }
void console_rx_char(char c) { }
bool console_lock(unsigned long *flags) { return false; }
void console_unlock(bool nested, unsigned long flags) { }

static const struct serial_config defaults = {
    .baud = 9600,
    .clock = UART_CLOCK,
    .data_bits = 8,
    .stop_bits = 1,
    .parity = 'n',
    .base = UART_COM1_BASE,
    .irq = 4,
};

static void good(void **state)
{
    static const struct {
        const char *opt;
        uint32_t baud, clock;
        const char *dps;
        uint16_t base;
        int irq;
    } rows[] = {
        {"", 9600, UART_CLOCK, "8n1", 0x3f8, 4},
        {"115200", 115200, UART_CLOCK, "8n1", 0x3f8, 4},
        {"115200,8n1", 115200, UART_CLOCK, "8n1", 0x3f8, 4},
        {"auto,7e2", 0, UART_CLOCK, "7e2", 0x3f8, 4},
        {"38400,5o1,0x2f8,3", 38400, UART_CLOCK, "5o1", 0x2f8, 3},
        {"57600,,0x3e8", 57600, UART_CLOCK, "8n1", 0x3e8, 4},
        {",,,0", 9600, UART_CLOCK, "8n1", 0x3f8, 0},
        {"115200/1843200", 115200, 1843200 * 16, "8n1", 0x3f8, 4},
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
        struct serial_config c = defaults;
        const char *why = NULL;

        if (serial_parse(rows[i].opt, &c, &why))
            fail_msg("\"%s\" is refused: %s", rows[i].opt, why);
        assert_int_equal(c.baud, rows[i].baud);
        assert_int_equal(c.clock, rows[i].clock);
        assert_int_equal(c.data_bits, rows[i].dps[0] - '0');
        assert_int_equal(c.parity, rows[i].dps[1]);
        assert_int_equal(c.stop_bits, rows[i].dps[2] - '0');
        assert_int_equal(c.base, rows[i].base);
        assert_int_equal(c.irq, rows[i].irq);
    }
}

static void bad(void **state)
{
    static const char *const rows[] = {
        "fast",
        "0",
        "115201",
        "4294967295",
        "1",
        "115200x",
        "115200,9n1",
        "115200,8x1",
        "115200,8n3",
        "115200,8",
        "115200,8n1,pci",
        "115200,8n1,amt",
        "115200,8n1,0",
        "115200,8n1,0xfffff",
        "115200,8n1,0x3f8,16",
        "115200,8n1,0x3f8,x",
        "115200,8n1,0x3f8,4,5",
        "115200/0",
        "115200/",
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
        struct serial_config c = defaults;
        const char *why = NULL;

        if (serial_parse(rows[i], &c, &why) != -EINVAL)
            fail_msg("\"%s\" is taken", rows[i]);
        assert_non_null(why);
    }
}

static void line_control(void **state)
{
    static const struct { uint8_t data; char parity; uint8_t stop, lcr;
    } rows[] = {
        {8, 'n', 1, 0x03}, {7, 'e', 1, 0x1a}, {7, 'o', 2, 0x0e},
        {5, 'm', 1, 0x28}, {6, 's', 1, 0x39},
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
        struct serial_config c = defaults;

        c.data_bits = rows[i].data;
        c.parity = rows[i].parity;
        c.stop_bits = rows[i].stop;
        assert_int_equal(serial_lcr(&c), rows[i].lcr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good), cmocka_unit_test(bad), cmocka_unit_test(line_control),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
