/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is VIRQ_CONSOLE the control domain's, bound once and on vCPU 0, and is there no input unasked?
 *
 * With "echo=1" on the command line it does not end: each line typed is written back in brackets,
 * which tests/system/console_keys.py reads. Every character must have come with the event.
 */
#include <guest.h>

static char text[200];
static volatile unsigned int length;

static void read_input(unsigned int port)
{
    char c;

    (void)port;
    while (hc_console_io(CONSOLEIO_read, 1, &c) == 1) {
        if (c != '\r' && c != '\n') {
            if (length + 1 < sizeof(text))
                text[length++] = c;
            continue;
        }
        text[length] = '\0';
        length = 0;
        printf("[%s]\n", text);
    }
}

static void echo(void)
{
    struct sched_poll sleep = { .nr_ports = 0 };
    unsigned int hundredths = 0;

    printf("echo is ready\n");
    for (;;) {
        sleep.timeout = now_ns() + 10 * NS_PER_MS;
        hc_sched_op(SCHEDOP_poll, &sleep);
        if (++hundredths % 100 == 0)
            printf("alive\n");
    }
}

void test_main(void)
{
    long port = event_bind_virq(VIRQ_CONSOLE, 0);

    require(port > 0, true);
    event_handler((unsigned int)port, read_input);
    expect(event_unmask((unsigned int)port), 0);
    if (line_number(command_line(), "echo", 0))
        echo();
    expect(event_bind_virq(VIRQ_CONSOLE, 0), -XEN_EEXIST);
    check(event_bind_virq(VIRQ_CONSOLE, 1) < 0, "a global VIRQ on a vCPU that is not there");
    expect(hc_console_io(CONSOLEIO_read, sizeof(text), text), 0);
    expect(event_count((unsigned int)port), 0);
    expect(event_close((unsigned int)port), 0);
    check(event_bind_virq(VIRQ_CONSOLE, 0) > 0, "it can't be bound again");
}
