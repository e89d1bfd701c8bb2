/* SPDX-License-Identifier: BSD-2-Clause */
/* Formatted output to memory. Integers, characters, strings, pointers and symbols; no floating
 * point, no %n. */
#include <hv/lib.h>
#include <hv/traps.h>

#define FLAG_LEFT 1u
#define FLAG_ZERO 2u
#define FLAG_PLUS 4u
#define FLAG_SPACE 8u
#define FLAG_ALT 16u
#define FLAG_UPPER 32u
#define FLAG_SIGNED 64u

/* Widths and precisions beyond this are cut, so that no damaged argument makes output endless. */
#define MAX_PAD 4096

struct out { char *buf; size_t size, len; };
struct spec { unsigned int flags, base; int width, precision, length; };

static void put(struct out *o, char c)
{
    if (o->len + 1 < o->size)
        o->buf[o->len] = c;
    o->len++;
}

static void pad(struct out *o, char c, int n)
{
    while (n-- > 0)
        put(o, c);
}

static void put_text(struct out *o, const struct spec *sp, const char *s)
{
    size_t max = sp->precision >= 0 ? (size_t)sp->precision : SIZE_MAX;
    size_t n;

    if (!s)
        s = "(null)";
    for (n = 0; n < max && s[n]; n++)
        ;
    if (!(sp->flags & FLAG_LEFT))
        pad(o, ' ', sp->width - (int)MIN(n, (size_t)MAX_PAD));
    for (size_t i = 0; i < n; i++)
        put(o, s[i]);
    if (sp->flags & FLAG_LEFT)
        pad(o, ' ', sp->width - (int)MIN(n, (size_t)MAX_PAD));
}

/* Digits of v in reverse order; returns their number (none for a zero). */
static int digits(char *rev, uint64_t v, unsigned int base, bool upper)
{
    const char *set = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    int n = 0;

    for (; v; v /= base)
        rev[n++] = set[v % base];
    return n;
}

static void put_number(struct out *o, const struct spec *sp, uint64_t v)
{
    char rev[24], lead[3];
    int nlead = 0, n, zeros, fill;
    bool negative = (sp->flags & FLAG_SIGNED) && (int64_t)v < 0;

    n = digits(rev, negative ? 0 - v : v, sp->base, sp->flags & FLAG_UPPER);
    if (negative)
        lead[nlead++] = '-';
    else if (sp->flags & FLAG_SIGNED && sp->flags & (FLAG_PLUS | FLAG_SPACE))
        lead[nlead++] = sp->flags & FLAG_PLUS ? '+' : ' ';
    if (sp->flags & FLAG_ALT && sp->base == 16 && v) {
        lead[nlead++] = '0';
        lead[nlead++] = sp->flags & FLAG_UPPER ? 'X' : 'x';
    }
    zeros = (sp->precision >= 0 ? sp->precision : 1) - n;
    if (zeros <= 0 && sp->flags & FLAG_ALT && sp->base == 8)
        zeros = 1;
    zeros = MAX(zeros, 0);
    fill = sp->width - nlead - zeros - n;
    if (sp->flags & FLAG_ZERO && !(sp->flags & FLAG_LEFT) && sp->precision < 0 && fill > 0) {
        zeros += fill;
        fill = 0;
    }
    if (!(sp->flags & FLAG_LEFT))
        pad(o, ' ', fill);
    for (int i = 0; i < nlead; i++)
        put(o, lead[i]);
    pad(o, '0', zeros);
    while (n)
        put(o, rev[--n]);
    if (sp->flags & FLAG_LEFT)
        pad(o, ' ', fill);
}

static void put_symbol(struct out *o, const struct spec *sp, unsigned long addr)
{
    char name[96], text[160];
    unsigned long start, size;
    const char *s = symbol_lookup(addr, &start, &size, name, sizeof(name));
    struct spec plain = *sp;

    plain.precision = -1;
    if (s)
        snprintf(text, sizeof(text), "%s+%#lx/%#lx", s, addr - start, size);
    else
        snprintf(text, sizeof(text), "%016lx", addr);
    put_text(o, &plain, text);
}

static const char *parse_flags(const char *f, struct spec *sp)
{
    for (;; f++) {
        switch (*f) {
        case '-': sp->flags |= FLAG_LEFT; break;
        case '0': sp->flags |= FLAG_ZERO; break;
        case '+': sp->flags |= FLAG_PLUS; break;
        case ' ': sp->flags |= FLAG_SPACE; break;
        case '#': sp->flags |= FLAG_ALT; break;
        default: return f;
        }
    }
}

static const char *parse_count(const char *f, int *n)
{
    *n = 0;
    for (; isdigit(*f); f++)
        *n = MIN(*n * 10 + (*f - '0'), MAX_PAD);
    return f;
}

/* Size in bytes of the integer argument: hh h (none) l ll z t. */
static const char *parse_length(const char *f, struct spec *sp)
{
    sp->length = sizeof(int);
    switch (*f) {
    case 'h':
        sp->length = f[1] == 'h' ? 1 : 2;
        return f + (f[1] == 'h' ? 2 : 1);
    case 'l':
        sp->length = 8;
        return f + (f[1] == 'l' ? 2 : 1);
    case 'z':
    case 't':
    case 'j':
        sp->length = 8;
        return f + 1;
    default:
        return f;
    }
}

static uint64_t fit(uint64_t v, const struct spec *sp)
{
    bool s = sp->flags & FLAG_SIGNED;

    switch (sp->length) {
    case 1: return s ? (uint64_t)(int8_t)v : (uint8_t)v;
    case 2: return s ? (uint64_t)(int16_t)v : (uint16_t)v;
    case 4: return s ? (uint64_t)(int32_t)v : (uint32_t)v;
    default: return v;
    }
}

static bool is_integer(char c, struct spec *sp)
{
    switch (c) {
    case 'd':
    case 'i': sp->flags |= FLAG_SIGNED; sp->base = 10; return true;
    case 'u': sp->base = 10; return true;
    case 'X': sp->flags |= FLAG_UPPER; sp->base = 16; return true;
    case 'x': sp->base = 16; return true;
    case 'o': sp->base = 8; return true;
    default: return false;
    }
}

/* %p: 16 hex digits; returns how many characters of the format it took beyond the p. */
static int put_pointer(struct out *o, struct spec *sp, const char *f, unsigned long v)
{
    if (f[1] == 'S') {
        put_symbol(o, sp, v);
        return 1;
    }
    sp->base = 16;
    if (sp->precision < 0)
        sp->precision = 16;
    put_number(o, sp, v);
    return 0;
}

static void put_char(struct out *o, const struct spec *sp, char c)
{
    if (!(sp->flags & FLAG_LEFT))
        pad(o, ' ', sp->width - 1);
    put(o, c);
    if (sp->flags & FLAG_LEFT)
        pad(o, ' ', sp->width - 1);
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list args)
{
    struct out o = { buf, size, 0 };

    for (const char *f = fmt; *f; f++) {
        struct spec sp = { .precision = -1 };
        const char *start = f;

        if (*f != '%') {
            put(&o, *f);
            continue;
        }
        f = parse_flags(f + 1, &sp);
        if (*f == '*') {
            int w = va_arg(args, int);
            sp.flags |= w < 0 ? FLAG_LEFT : 0;
            sp.width = w < -MAX_PAD || w > MAX_PAD ? MAX_PAD : w < 0 ? -w : w;
            f++;
        } else {
            f = parse_count(f, &sp.width);
        }
        if (*f == '.' && f[1] == '*') {
            sp.precision = MIN(va_arg(args, int), MAX_PAD);
            f += 2;
        } else if (*f == '.') {
            f = parse_count(f + 1, &sp.precision);
        }
        f = parse_length(f, &sp);
        if (is_integer(*f, &sp)) {
            uint64_t v =
                sp.length == 8 ? va_arg(args, uint64_t) : (uint64_t)(int64_t)va_arg(args, int);
            put_number(&o, &sp, fit(v, &sp));
        } else if (*f == 's') {
            put_text(&o, &sp, va_arg(args, const char *));
        } else if (*f == 'c') {
            put_char(&o, &sp, (char)va_arg(args, int));
        } else if (*f == 'p') {
            f += put_pointer(&o, &sp, f, va_arg(args, unsigned long));
        } else if (*f == '%') {
            put(&o, '%');
        } else {
            /* Not ours: shown as it stands, arguments untouched. */
            put(&o, '%');
            f = start;
        }
    }
    if (size)
        buf[MIN(o.len, size - 1)] = '\0';
    return (int)MIN(o.len, (size_t)INT32_MAX);
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list args;
    int n;

    va_start(args, fmt);
    n = vsnprintf(buf, size, fmt, args);
    va_end(args);
    return n;
}
