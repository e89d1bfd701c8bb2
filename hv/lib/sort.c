/* SPDX-License-Identifier: BSD-2-Clause */
/* Heap sort: in place, no worst case beyond n log n, no recursion. Not stable. */
#include <hv/lib.h>

static void exchange(uint8_t *a, uint8_t *b, size_t size)
{
    for (; size; size--, a++, b++)
        swap(*a, *b);
}

/* Moves the element at root down to its place in the heap of n elements. */
static void sift_down(uint8_t *base, size_t root, size_t n, size_t size,
                      int (*cmp)(const void *, const void *))
{
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && cmp(base + child * size, base + (child + 1) * size) < 0)
            child++;
        if (cmp(base + root * size, base + child * size) >= 0)
            return;
        exchange(base + root * size, base + child * size, size);
    }
}

void sort(void *base, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
    for (size_t i = n / 2; i-- > 0;)
        sift_down(base, i, n, size, cmp);
    for (size_t i = n; i-- > 1;) {
        exchange(base, (uint8_t *)base + i * size, size);
        sift_down(base, 0, i, size, cmp);
    }
}
