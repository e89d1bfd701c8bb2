/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formatting, the two consoles (console_io for domain 0, the shared ring for others) and verdicts.
 */
#include "guest.h"
#include <xen/io/console.h>

extern const char program_name[];

static const char *test_name = program_name;
static char line[1024];
static unsigned int line_length;
static unsigned int failures;
static char first_failure[200];

struct out {
    char *buffer;
    size_t size, length;
};

static void put(struct out *out, char c)
{
    if (out->length + 1 < out->size)
        out->buffer[out->length] = c;
    out->length++;
}

static void put_padded(struct out *out, const char *text, size_t length, int width, char fill,
                       bool left)
{
    int pad = width - (int)length;

    for (; !left && pad > 0; pad--)
        put(out, fill);
    while (length--)
        put(out, *text++);
    for (; left && pad > 0; pad--)
        put(out, ' ');
}

static void put_number(struct out *out, unsigned long value, bool negative, unsigned int base,
                       int width, char fill, bool left)
{
    char digits[24];
    unsigned int i = sizeof(digits);

    do {
        digits[--i] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    if (negative)
        digits[--i] = '-';
    put_padded(out, digits + i, sizeof(digits) - i, width, fill, left);
}

static void put_signed(struct out *out, long value, int width, char fill, bool left)
{
    put_number(out, value < 0 ? -(unsigned long)value : (unsigned long)value, value < 0, 10, width,
               fill, left);
}

static void put_conversion(struct out *out, char kind, bool wide, int width, char fill, bool left,
                           va_list *args)
{
    switch (kind) {
    case 'd':
    case 'i':
        put_signed(out, wide ? va_arg(*args, long) : va_arg(*args, int), width, fill, left);
        break;
    case 'u':
    case 'x':
        put_number(out, wide ? va_arg(*args, unsigned long) : va_arg(*args, unsigned int), false,
                   kind == 'u' ? 10 : 16, width, fill, left);
        break;
    case 'p':
        put_number(out, va_arg(*args, unsigned long), false, 16, 16, '0', false);
        break;
    case 's': {
        const char *text = va_arg(*args, const char *);

        put_padded(out, text, strlen(text), width, ' ', left);
        break;
    }
    case 'c':
        put(out, (char)va_arg(*args, int));
        break;
    default:
        put(out, kind);
    }
}

int guest_vsnprintf(char *buffer, size_t size, const char *format, va_list args)
{
    struct out out = { buffer, size, 0 };
    va_list copy;

    va_copy(copy, args);
    for (; *format; format++) {
        bool left = false, wide = false;
        char fill = ' ';
        int width = 0;

        if (*format != '%') {
            put(&out, *format);
            continue;
        }
        for (format++; *format == '-' || *format == '0'; format++) {
            left |= *format == '-';
            fill = *format == '0' ? '0' : fill;
        }
        for (; *format >= '0' && *format <= '9'; format++)
            width = width * 10 + *format - '0';
        for (; *format == 'l' || *format == 'z'; format++)
            wide = true;
        put_conversion(&out, *format, wide, width, fill, left, &copy);
    }
    va_end(copy);
    if (size)
        buffer[out.length < size ? out.length : size - 1] = '\0';
    return (int)out.length;
}

int guest_snprintf(char *buffer, size_t size, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = guest_vsnprintf(buffer, size, format, args);
    va_end(args);
    return length;
}

static void ring_write(struct xencons_interface *ring, const char *text, size_t length)
{
    struct evtchn_send send = { .port = start_info->console.domU.evtchn };

    while (length) {
        XENCONS_RING_IDX produced = ring->out_prod;

        asm volatile("" ::: "memory");
        if (produced - ring->out_cons >= sizeof(ring->out)) {
            hc_event_channel_op(EVTCHNOP_send, &send);
            hc_sched_op(SCHEDOP_yield, NULL);
            continue;
        }
        ring->out[MASK_XENCONS_IDX(produced, ring->out)] = *text++;
        length--;
        asm volatile("" ::: "memory");
        ring->out_prod = produced + 1;
    }
    hc_event_channel_op(EVTCHNOP_send, &send);
}

void console_write(const char *text, size_t length)
{
    if (is_dom0())
        hc_console_io(CONSOLEIO_write, length, text);
    else if (start_info->console.domU.mfn)
        ring_write(mfn_to_virt(start_info->console.domU.mfn), text, length);
}

int guest_printf(const char *format, ...)
{
    static unsigned int lock;
    char text[512];
    va_list args;
    int length, i;

    va_start(args, format);
    length = guest_vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
        asm volatile("pause");
    for (i = 0; i < length && text[i]; i++) {
        line[line_length++] = text[i];
        if (text[i] == '\n' || line_length == sizeof(line)) {
            console_write(line, line_length);
            line_length = 0;
        }
    }
    __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
    return length;
}

void report_failure(const char *format, ...)
{
    char text[sizeof(first_failure)];
    va_list args;

    va_start(args, format);
    guest_vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    printf("Failure: %s\n", text);
    if (!failures++)
        memcpy(first_failure, text, sizeof(text));
}

static void __attribute__((noreturn)) power_off(void)
{
    struct sched_shutdown shutdown = { .reason = SHUTDOWN_poweroff };

    hc_sched_op(SCHEDOP_shutdown, &shutdown);
    for (;;)
        hc_sched_op(SCHEDOP_yield, NULL);
}

static void __attribute__((noreturn)) give_verdict(const char *outcome, const char *reason)
{
    if (line_length)
        printf("\n");
    printf("Verdict: %s %s%s%s\n", test_name, outcome, reason ? ": " : "", reason ? reason : "");
    power_off();
}

void report_skip(const char *format, ...)
{
    char text[200];
    va_list args;

    if (failures)
        report_end();
    va_start(args, format);
    guest_vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    give_verdict("skip", text);
}

void report_error(const char *format, ...)
{
    char text[200];
    va_list args;

    va_start(args, format);
    guest_vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    give_verdict("error", text);
}

void report_end(void)
{
    give_verdict(failures ? "failure" : "success", failures ? first_failure : NULL);
}

unsigned int report_failures(void)
{
    return failures;
}

void report_set_name(const char *name)
{
    test_name = name;
}

bool check_equal(const char *what, int source_line, long got, long want)
{
    if (got == want)
        return true;
    if (want > -4096 && want < 4096 && got > -4096 && got < 4096)
        report_failure("line %d: %s gave %ld, not %ld", source_line, what, got, want);
    else
        report_failure("line %d: %s gave 0x%lx, not 0x%lx", source_line, what, got, want);
    return false;
}
