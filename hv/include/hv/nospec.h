/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checks that hold also where the CPU only guesses their outcome: a number from a guest that picks
 * a row or an entry is cut to the table's size by arithmetic, not by a branch that may be guessed;
 * where there is nothing to cut, the branch ends in a barrier.
 */
#ifndef HV_NOSPEC_H
#define HV_NOSPEC_H

#include <hv/alternative.h>

/* i if it is below n, else 0. */
static inline size_t index_nospec(size_t i, size_t n)
{
#ifdef HV_UNIT_TEST
    return i < n ? i : 0;
#else
    size_t mask;

    __asm__("cmpq %2, %1; sbbq %0, %0" : "=r"(mask) : "r"(i), "er"(n) : "cc");
    return i & mask;
#endif
}

/* The row of a table; NULL if it has no such row. */
#define row_nospec(rows, nr)                                                                       \
    ({                                                                                             \
        size_t nr_ = (nr);                                                                         \
        nr_ < ARRAY_SIZE(rows) ? &(rows)[index_nospec(nr_, ARRAY_SIZE(rows))] : NULL;              \
    })

/* Nothing that follows begins before the branches ahead are decided (spec-ctrl=branch-harden). */
static inline void harden_branch(void)
{
#ifndef HV_UNIT_TEST
    __asm__ volatile(ALT_INSN(ALT_BRANCH_HARDEN, ALT_LFENCE) : : : "memory");
#endif
}

#endif
