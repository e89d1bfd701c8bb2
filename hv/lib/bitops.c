/* SPDX-License-Identifier: BSD-2-Clause */
/* Searching bit maps (bitops.h). */
#include <hv/bitops.h>

static unsigned long find_next(const unsigned long *map, unsigned long size, unsigned long from,
                               unsigned long invert)
{
    unsigned long word, i;

    if (from >= size)
        return size;
    i = from / BITS_PER_LONG;
    word = (map[i] ^ invert) & (~0UL << (from % BITS_PER_LONG));
    while (!word) {
        if (++i >= BITS_TO_LONGS(size))
            return size;
        word = map[i] ^ invert;
    }
    i = i * BITS_PER_LONG + ffs64(word);
    return MIN(i, size);
}

unsigned long find_next_bit(const unsigned long *map, unsigned long size, unsigned long from)
{
    return find_next(map, size, from, 0);
}

unsigned long find_next_zero_bit(const unsigned long *map, unsigned long size, unsigned long from)
{
    return find_next(map, size, from, ~0UL);
}
