/* SPDX-License-Identifier: BSD-2-Clause */
/* Base types and the macros that every file may use. */
#ifndef HV_TYPES_H
#define HV_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef HV_UNIT_TEST
/* All of the image is linked at once: no address goes through a global offset table. */
#pragma GCC visibility push(hidden)
#endif

typedef uint64_t paddr_t;      /* machine or guest-physical byte address */
typedef unsigned long mfn_t;   /* machine frame number */
typedef unsigned long gfn_t;   /* frame number in the guest's physical map (PV: equals the mfn) */
typedef unsigned long pfn_t;   /* pseudo-physical frame number of a PV guest */
typedef int64_t s_time_t;      /* nanoseconds since boot */
typedef int64_t ssize_t;

#define INVALID_MFN (~0UL)
#define INVALID_GFN (~0UL)
#define INVALID_PADDR (~0ULL)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) mina_ = (a);                                                                 \
        __typeof__(b) minb_ = (b);                                                                 \
        mina_ < minb_ ? mina_ : minb_;                                                             \
    })
#define MAX(a, b)                                                                                  \
    ({                                                                                             \
        __typeof__(a) maxa_ = (a);                                                                 \
        __typeof__(b) maxb_ = (b);                                                                 \
        maxa_ > maxb_ ? maxa_ : maxb_;                                                             \
    })
#define DIV_ROUND_UP(n, d) (((n) + (d) - 1) / (d))
#define ROUND_UP(n, a) (((n) + (a) - 1) & ~((__typeof__(n))(a) - 1))
#define ROUND_DOWN(n, a) ((n) & ~((__typeof__(n))(a) - 1))
#define IS_ALIGNED(n, a) (((n) & ((a) - 1)) == 0)
#define BIT(n) (1UL << (n))
#define MASK_EXTR(v, m) (((v) & (m)) / ((m) & -(m)))
#define MASK_INSR(v, m) (((v) * ((m) & -(m))) & (m))
#define container_of(ptr, type, member) \
    ((type *)((char *)(ptr) - offsetof(type, member)))
#define swap(a, b) do { __typeof__(a) t_ = (a); (a) = (b); (b) = t_; } while (0)

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define noreturn __attribute__((noreturn))
#define __packed __attribute__((packed))
#define __aligned(n) __attribute__((aligned(n)))
#define __section(s) __attribute__((section(s), used))
#define __must_check __attribute__((warn_unused_result))
#define __printf(f, a) __attribute__((format(printf, f, a)))
/* Host-built unit tests have no such sections to speak of; they ignore the names. */
#define __init __attribute__((section(".init.text"), cold, noinline))
#define __initdata __attribute__((section(".init.data")))
#define __ro_after_init __attribute__((section(".data.ro_after_init")))
#define __read_mostly __attribute__((section(".data.read_mostly")))

#define ACCESS_ONCE(x) (*(volatile __typeof__(x) *)&(x))
#define READ_ONCE(x) ACCESS_ONCE(x)
#define WRITE_ONCE(x, v) (ACCESS_ONCE(x) = (v))
#define barrier() __asm__ volatile("" ::: "memory")

#endif
