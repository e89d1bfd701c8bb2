/* SPDX-License-Identifier: BSD-2-Clause */
/* Atomic words and barriers. All read-modify-write operations are full barriers. */
#ifndef HV_ATOMIC_H
#define HV_ATOMIC_H

#include <hv/types.h>

typedef struct { int counter; } atomic_t;

static inline int atomic_read(const atomic_t *v) { return READ_ONCE(v->counter); }
static inline void atomic_set(atomic_t *v, int i) { WRITE_ONCE(v->counter, i); }
static inline void atomic_inc(atomic_t *v) { __atomic_add_fetch(&v->counter, 1, __ATOMIC_SEQ_CST); }
static inline void atomic_dec(atomic_t *v) { __atomic_sub_fetch(&v->counter, 1, __ATOMIC_SEQ_CST); }
static inline int atomic_add_return(int i, atomic_t *v)
{
    return __atomic_add_fetch(&v->counter, i, __ATOMIC_SEQ_CST);
}
static inline bool atomic_dec_and_test(atomic_t *v)
{
    return __atomic_sub_fetch(&v->counter, 1, __ATOMIC_SEQ_CST) == 0;
}
static inline bool atomic_inc_unless_negative(atomic_t *v)
{
    int old = atomic_read(v);
    while (old >= 0)
        if (__atomic_compare_exchange_n(&v->counter, &old, old + 1, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_RELAXED))
            return true;
    return false;
}

/* Returns the value found; the exchange happened when that equals old. */
#define cmpxchg(p, old, new) ({                                                        \
    __typeof__(*(p)) o_ = (old);                                                       \
    __atomic_compare_exchange_n(p, &o_, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
    o_; })
#define xchg(p, v) __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST)

#define smp_mb() __asm__ volatile("lock addl $0, -4(%%rsp)" ::: "memory", "cc")
#define smp_rmb() barrier()
#define smp_wmb() barrier()
#define mb() __asm__ volatile("mfence" ::: "memory")
#ifdef HV_UNIT_TEST
/* A test that runs its threads by turns sets this: nobody else runs while one spins. */
__attribute__((weak)) void (*unit_relax)(void);
static inline void cpu_relax(void)
{
    if (unit_relax)
        unit_relax();
    else
        __asm__ volatile("pause" ::: "memory");
}
#else
static inline void cpu_relax(void) { __asm__ volatile("pause" ::: "memory"); }
#endif

#endif
