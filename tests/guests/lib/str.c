/* SPDX-License-Identifier: BSD-2-Clause */
/* String functions and the reader of "key=value" command lines. */
#include "str.h"

void *memcpy(void *to, const void *from, size_t length)
{
    void *result = to;

    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(length) : : "memory");
    return result;
}

void *memmove(void *to, const void *from, size_t length)
{
    char *d = to;
    const char *s = from;

    if (d <= s || d >= s + length)
        return memcpy(to, from, length);
    while (length--)
        d[length] = s[length];
    return to;
}

void *memset(void *to, int value, size_t length)
{
    void *result = to;

    asm volatile("rep stosb" : "+D"(to), "+c"(length) : "a"(value) : "memory");
    return result;
}

int memcmp(const void *a, const void *b, size_t length)
{
    const unsigned char *x = a, *y = b;

    for (; length; length--, x++, y++) {
        if (*x != *y)
            return *x - *y;
    }
    return 0;
}

size_t strlen(const char *text)
{
    size_t length = 0;

    while (text[length])
        length++;
    return length;
}

int strncmp(const char *a, const char *b, size_t length)
{
    for (; length; length--, a++, b++) {
        if (*a != *b || !*a)
            return (unsigned char)*a - (unsigned char)*b;
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, (size_t)-1);
}

const char *strstr(const char *text, const char *part)
{
    size_t length = strlen(part);

    for (; *text; text++) {
        if (!strncmp(text, part, length))
            return text;
    }
    return length ? NULL : text;
}

static const char *find_value(const char *line, const char *key)
{
    size_t length = strlen(key);

    while (*line) {
        if (!strncmp(line, key, length) && line[length] == '=')
            return line + length + 1;
        while (*line && *line != ' ')
            line++;
        while (*line == ' ')
            line++;
    }
    return NULL;
}

bool line_text(const char *line, const char *key, char *value, size_t size)
{
    const char *from = find_value(line, key);
    size_t i = 0;

    if (!from)
        return false;
    for (; from[i] && from[i] != ' ' && i + 1 < size; i++)
        value[i] = from[i];
    value[i] = '\0';
    return true;
}

unsigned long line_number(const char *line, const char *key, unsigned long otherwise)
{
    const char *p = find_value(line, key);
    unsigned long base = 10, value = 0;

    if (!p)
        return otherwise;
    if (p[0] == '0' && p[1] == 'x') {
        base = 16;
        p += 2;
    }
    for (;; p++) {
        unsigned long digit = *p >= '0' && *p <= '9' ? (unsigned long)(*p - '0')
                              : *p >= 'a' && *p <= 'f' ? (unsigned long)(*p - 'a' + 10) : base;

        if (digit >= base)
            return value;
        value = value * base + digit;
    }
}
