/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bits and bit maps in memory. Names without a prefix are atomic (LOCK) and full barriers; names
 * with __ are not atomic. Maps are arrays of unsigned long, bit 0 first.
 */
#ifndef HV_BITOPS_H
#define HV_BITOPS_H

#include <hv/types.h>

#define BITS_PER_LONG 64
#define BITS_TO_LONGS(n) DIV_ROUND_UP(n, BITS_PER_LONG)
#define DECLARE_BITMAP(name, bits) unsigned long name[BITS_TO_LONGS(bits)]

static inline void set_bit(unsigned long nr, volatile void *p)
{
    __asm__ volatile("lock btsq %1, %0" : "+m"(*(volatile long *)p) : "r"(nr) : "memory", "cc");
}
static inline void clear_bit(unsigned long nr, volatile void *p)
{
    __asm__ volatile("lock btrq %1, %0" : "+m"(*(volatile long *)p) : "r"(nr) : "memory", "cc");
}
static inline bool test_and_set_bit(unsigned long nr, volatile void *p)
{
    bool old;
    __asm__ volatile("lock btsq %2, %1"
                     : "=@ccc"(old), "+m"(*(volatile long *)p) : "r"(nr) : "memory");
    return old;
}
static inline bool test_and_clear_bit(unsigned long nr, volatile void *p)
{
    bool old;
    __asm__ volatile("lock btrq %2, %1"
                     : "=@ccc"(old), "+m"(*(volatile long *)p) : "r"(nr) : "memory");
    return old;
}
static inline bool test_and_change_bit(unsigned long nr, volatile void *p)
{
    bool old;
    __asm__ volatile("lock btcq %2, %1"
                     : "=@ccc"(old), "+m"(*(volatile long *)p) : "r"(nr) : "memory");
    return old;
}
/* 32-bit wide forms for guest-shared words, whose neighbours may not be touched. */
static inline bool test_and_set_bit32(unsigned int nr, volatile uint32_t *p)
{
    bool old;
    __asm__ volatile("lock btsl %2, %1" : "=@ccc"(old), "+m"(*p) : "Ir"(nr) : "memory");
    return old;
}
static inline bool test_and_clear_bit32(unsigned int nr, volatile uint32_t *p)
{
    bool old;
    __asm__ volatile("lock btrl %2, %1" : "=@ccc"(old), "+m"(*p) : "Ir"(nr) : "memory");
    return old;
}
static inline bool test_bit(unsigned long nr, const volatile void *p)
{
    return (((const volatile unsigned long *)p)[nr / 64] >> (nr % 64)) & 1;
}
static inline void __set_bit(unsigned long nr, void *p)
{
    ((unsigned long *)p)[nr / 64] |= 1UL << (nr % 64);
}
static inline void __clear_bit(unsigned long nr, void *p)
{
    ((unsigned long *)p)[nr / 64] &= ~(1UL << (nr % 64));
}
static inline bool __test_and_set_bit(unsigned long nr, void *p)
{
    bool old = test_bit(nr, p);
    __set_bit(nr, p);
    return old;
}
static inline bool __test_and_clear_bit(unsigned long nr, void *p)
{
    bool old = test_bit(nr, p);
    __clear_bit(nr, p);
    return old;
}

/* Index of the lowest / highest set bit; w must not be 0. */
static inline unsigned int ffs64(uint64_t w) { return (unsigned int)__builtin_ctzll(w); }
static inline unsigned int fls64(uint64_t w) { return 63 - (unsigned int)__builtin_clzll(w); }
static inline unsigned int hweight64(uint64_t w)
{
    w -= (w >> 1) & 0x5555555555555555ULL;
    w = (w & 0x3333333333333333ULL) + ((w >> 2) & 0x3333333333333333ULL);
    w = (w + (w >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
    return (unsigned int)((w * 0x0101010101010101ULL) >> 56);
}
/* Smallest order with 1 << order >= n; n >= 1. */
static inline unsigned int order_of(unsigned long n) { return n <= 1 ? 0 : fls64(n - 1) + 1; }

/* First set (zero) bit at or after from; size when there is none. */
unsigned long find_next_bit(const unsigned long *map, unsigned long size, unsigned long from);
unsigned long find_next_zero_bit(const unsigned long *map, unsigned long size, unsigned long from);

#endif
