/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is VIRQ_CONSOLE the control domain's, bound once and on vCPU 0, and is there no input unasked?
 *
 * With "echo=1" on the command line it does not end: each line typed is written back in brackets,
 * which system tests read. Every character must have come with the event. Some lines are orders:
 * "shutdown N" ends domain 0 with that code, "log WORD" tells how often the word is in the
 * hypervisor's log, "keys KEYS" presses debug keys.
 */
#include <guest.h>
#include <xen/sysctl.h>

/* What was typed: taken by the event's handler, read by the echo. */
static char typed[1024], text[200];
static volatile unsigned int nr_typed;
static unsigned int nr_read, length;

static struct xen_sysctl op;

static long call(uint32_t cmd)
{
    op.cmd = cmd;
    op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return hc_sysctl(&op);
}

static void count_in_log(const char *word)
{
    static char log[65537];
    unsigned int n = 0;
    const char *at;

    memset(&op, 0, sizeof(op));
    set_xen_guest_handle(op.u.readconsole.buffer, log);
    op.u.readconsole.count = sizeof(log) - 1;
    expect(call(XEN_SYSCTL_readconsole), 0);
    log[op.u.readconsole.count] = '\0';
    for (at = log; *at; at++)
        n += !strncmp(at, word, strlen(word));
    printf("log has \"%s\" %u times\n", word, n);
}

static void press(char *keys)
{
    memset(&op, 0, sizeof(op));
    set_xen_guest_handle(op.u.debug_keys.keys, keys);
    op.u.debug_keys.nr_keys = (uint32_t)strlen(keys);
    expect(call(XEN_SYSCTL_debug_keys), 0);
}

static void obey(char *line)
{
    struct sched_shutdown end = { 0 };

    if (!strncmp(line, "shutdown ", 9)) {
        end.reason = (unsigned int)(line[9] - '0');
        hc_sched_op(SCHEDOP_shutdown, &end);
    } else if (!strncmp(line, "log ", 4)) {
        count_in_log(line + 4);
    } else if (!strncmp(line, "keys ", 5)) {
        press(line + 5);
    }
}

static void read_input(unsigned int port)
{
    (void)port;
    while (hc_console_io(CONSOLEIO_read, 1, &typed[nr_typed % sizeof(typed)]) == 1)
        nr_typed++;
}

static void echo_typed(void)
{
    while (nr_read != nr_typed) {
        char c = typed[nr_read++ % sizeof(typed)];

        if (c != '\r' && c != '\n') {
            if (length + 1 < sizeof(text))
                text[length++] = c;
            continue;
        }
        text[length] = '\0';
        length = 0;
        printf("[%s]\n", text);
        obey(text);
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
        echo_typed();
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
