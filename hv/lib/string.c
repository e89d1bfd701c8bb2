/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory and string functions of ISO C, and the number parsers of lib.h. Blocks go by eight bytes
 * with string instructions; no SSE.
 */
#include <hv/lib.h>

/* The compiler must not turn these loops into calls of the functions they implement. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

#define WORD sizeof(uint64_t)
/* Below this many bytes the start-up of a string instruction costs more than a loop. */
#define SHORT_COPY 64

typedef uint64_t word_t __attribute__((may_alias, aligned(1)));

void *memcpy(void *dst, const void *src, size_t n)
{
    uint8_t *d = dst;
    const uint8_t *s = src;

    if (n >= SHORT_COPY) {
        size_t words = n / WORD;
        __asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words) : : "memory");
        n %= WORD;
    }
    for (; n >= WORD; n -= WORD, d += WORD, s += WORD)
        *(word_t *)d = *(const word_t *)s;
    while (n--)
        *d++ = *s++;
    return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
    uint8_t *d = dst;
    const uint8_t *s = src;

    if (d + WORD <= s || d >= s + n)
        return memcpy(dst, src, n);
    if (d <= s) {
        while (n--)
            *d++ = *s++;
        return dst;
    }
    while (n--)
        d[n] = s[n];
    return dst;
}

void *memset(void *dst, int c, size_t n)
{
    uint8_t *d = dst;
    uint64_t pattern = (uint8_t)c * 0x0101010101010101ULL;

    if (n >= SHORT_COPY) {
        size_t words = n / WORD;
        __asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(pattern) : "memory");
        n %= WORD;
    }
    for (; n >= WORD; n -= WORD, d += WORD)
        *(word_t *)d = pattern;
    while (n--)
        *d++ = (uint8_t)c;
    return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;

    for (; n >= WORD && *(const word_t *)x == *(const word_t *)y; n -= WORD)
        x += WORD, y += WORD;
    for (; n; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

void *memchr(const void *s, int c, size_t n)
{
    for (const uint8_t *p = s; n; n--, p++)
        if (*p == (uint8_t)c)
            return (void *)p;
    return NULL;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    while (s[n])
        n++;
    return n;
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;

    while (n < max && s[n])
        n++;
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (uint8_t)*a - (uint8_t)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n; n--, a++, b++)
        if (*a != *b || !*a)
            return (uint8_t)*a - (uint8_t)*b;
    return 0;
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c)
            return (char *)s;
        if (!*s)
            return NULL;
    }
}

char *strstr(const char *haystack, const char *needle)
{
    size_t n = strlen(needle);

    for (; ; haystack++) {
        if (!strncmp(haystack, needle, n))
            return (char *)haystack;
        if (!*haystack)
            return NULL;
    }
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
    size_t n = strlen(src), copy = MIN(n, size - 1);

    memcpy(dst, src, copy);
    dst[copy] = '\0';
    return n;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 36;
}

unsigned long strtoul(const char *s, const char **end, int base)
{
    unsigned long v = 0;

    if ((base == 0 || base == 16) && s[0] == '0' && (s[1] | 0x20) == 'x' &&
        digit_value(s[2]) < 16) {
        s += 2;
        base = 16;
    } else if (base == 0) {
        base = s[0] == '0' ? 8 : 10;
    }
    for (int d; (d = digit_value(*s)) < base; s++)
        v = v * (unsigned long)base + (unsigned long)d;
    if (end)
        *end = s;
    return v;
}

uint64_t parse_size(const char *s, const char **end)
{
    static const struct { char suffix; uint8_t shift; } units[] = {
        { 'b', 0 }, { 'k', 10 }, { 'm', 20 }, { 'g', 30 }, { 't', 40 },
    };
    const char *p;
    uint64_t v = strtoul(s, &p, 0);
    unsigned int shift = 10;

    if (p != s)
        for (unsigned int i = 0; i < ARRAY_SIZE(units); i++)
            if ((*p | 0x20) == units[i].suffix) {
                shift = units[i].shift;
                p++;
                break;
            }
    if (end)
        *end = p;
    return v << shift;
}
