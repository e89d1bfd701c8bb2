/* SPDX-License-Identifier: BSD-2-Clause */
/* The little that a freestanding program needs of a C library.
   Semantics as in ISO C unless stated. */
#ifndef HV_LIB_H
#define HV_LIB_H

#include <stdarg.h>
#include <hv/types.h>

void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t max);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
char *strchr(const char *s, int c);
char *strstr(const char *haystack, const char *needle);
/* Copies at most size - 1 bytes and always terminates; returns strlen(src). size must not be 0. */
size_t strlcpy(char *dst, const char *src, size_t size);

/* Formats with %d %i %u %x %X %o %c %s %p %% , flags - 0 + space #, width, precision, h hh l ll z
   t. No floating point. %pS prints an address of hypervisor text as symbol+offset/size. Always
   terminates if size > 0; returns the untruncated length. */
int vsnprintf(char *buf, size_t size, const char *fmt, va_list args);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

#ifdef HV_UNIT_TEST
#define strtoul hv_strtoul /* a host program has one of another type */
#endif
/* Parses a number (base 0: 0x, 0 prefixes), sets *end behind it. No sign, no
   white space, wraps silently. */
unsigned long strtoul(const char *s, const char **end, int base);
/* A size with an optional suffix b/k/m/g/t (either case); without one the unit
   is KiB, as in Xen's options. */
uint64_t parse_size(const char *s, const char **end);

/* In-place heap sort; cmp as for qsort. */
void sort(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *));

#ifdef HV_UNIT_TEST
#include <ctype.h>
#else
static inline bool isdigit(int c) { return c >= '0' && c <= '9'; }
static inline bool isspace(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static inline bool isprint(int c) { return c >= ' ' && c < 0x7f; }
#endif

/* a * b / c without overflow in between; c must not be 0 and the result must fit. */
static inline uint64_t muldiv64(uint64_t a, uint32_t b, uint32_t c)
{
    uint64_t lo, hi;

    __asm__("mulq %3" : "=a"(lo), "=d"(hi) : "0"(a), "r"((uint64_t)b) : "cc");
    __asm__("divq %2" : "+a"(lo), "+d"(hi) : "r"((uint64_t)c) : "cc");
    return lo;
}

#endif
