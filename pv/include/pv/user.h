/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The short way to a few quadwords of the current PV guest's memory, for the calls and faults that
 * are made most often. Everything else goes by copy_from_guest() (hv/uaccess.h), whose rules hold
 * here too.
 */
#ifndef PV_USER_H
#define PV_USER_H

#include <hv/alternative.h>
#include <hv/errno.h>
#include <hv/uaccess.h>
#include <pv/pv.h>

#define PV_ALWAYS_INLINE static inline __attribute__((always_inline))

/*
 * The addresses that guests may use lie next to each other when they wrap around. For a few words
 * that suffices: what an access at the end of the address space would wrap to is the guest's too.
 */
#define PV_ROOM(n) (0x0000800000000000UL - HV_VIRT_END - 8 * (n))

#ifdef HV_UNIT_TEST
static inline void *pv_words(const void *gva, unsigned int n)
{
    return (unsigned long)gva - HV_VIRT_END <= PV_ROOM(n) ? (void *)gva : NULL;
}
static inline bool pv_get_words_unchecked(uint64_t *dst, const void *gva, unsigned int n)
{
    return !copy_from_guest(dst, gva, 8 * n);
}
static inline bool pv_put_words_unchecked(void *gva, const uint64_t *src, unsigned int n)
{
    return !copy_to_guest(gva, src, 8 * n);
}
#else

/*
 * gva, if n words from it are the guest's; else an address that no CPU accepts (PV_ROOM is none),
 * so that the access itself fails: there is no branch, and so none to be guessed.
 */
PV_ALWAYS_INLINE void *pv_words(const void *gva, unsigned int n)
{
    __asm__("cmpq %2, %1; cmovaq %2, %0"
            : "+r"(gva) : "r"((unsigned long)gva - HV_VIRT_END), "r"(PV_ROOM(n)) : "cc");
    return (void *)gva;
}

#define pv_open_smap() __asm__ volatile(ALT_INSN(ALT_SMAP, ALT_STAC) : : : "memory")
#define pv_close_smap() __asm__ volatile(ALT_INSN(ALT_SMAP, ALT_CLAC) : : : "memory")

/* One word, between the two above; a fault goes on at the label. */
#define pv_load_word(dst, p, fault)                                                                \
    __asm__ goto("1: movq %1, %0\n" EX_TABLE("1b", "%l2")                                          \
                 : "=r"(dst) : "m"(*(const uint64_t *)(p)) : : fault)
#define pv_store_word(p, src, fault)                                                               \
    __asm__ goto("1: movq %1, %0\n" EX_TABLE("1b", "%l2")                                          \
                 : "=m"(*(uint64_t *)(p)) : "re"((uint64_t)(src)) : : fault)

/* For addresses that are known to be the guest's. False: not mapped; dst is undefined then. n: a
   small constant. */
PV_ALWAYS_INLINE bool pv_get_words_unchecked(uint64_t *dst, const void *gva, unsigned int n)
{
    const uint64_t *src = gva;

    pv_open_smap();
#pragma GCC unroll 8
    for (unsigned int i = 0; i < n; i++) {
        uint64_t w;

        pv_load_word(w, &src[i], fault);
        dst[i] = w;
    }
    pv_close_smap();
    return true;
fault:
    pv_close_smap();
    return false;
}

/* For a guest in kernel mode. False as above; some may have been written then. */
PV_ALWAYS_INLINE bool pv_put_words_unchecked(void *gva, const uint64_t *src, unsigned int n)
{
    uint64_t *dst = gva;

    pv_open_smap();
#pragma GCC unroll 8
    for (unsigned int i = 0; i < n; i++)
        pv_store_word(&dst[i], src[i], fault);
    pv_close_smap();
    return true;
fault:
    pv_close_smap();
    return false;
}
#endif

/* The same with a check; false also if it isn't the guest's memory. */
PV_ALWAYS_INLINE bool pv_get_words(uint64_t *dst, const void *gva, unsigned int n)
{
    return pv_get_words_unchecked(dst, pv_words(gva, n), n);
}

PV_ALWAYS_INLINE bool pv_put_words(void *gva, const uint64_t *src, unsigned int n)
{
    return pv_put_words_unchecked(pv_words(gva, n), src, n);
}

/* copy_from_guest() and copy_to_guest() of n whole words for a hypercall of whatever guest: 0 or
   -EFAULT, with dst undefined. */
PV_ALWAYS_INLINE int copy_words_from_guest(void *dst, const void *gva, unsigned int n)
{
    if (unlikely(current->domain->is_hvm))
        return copy_from_guest(dst, gva, 8 * n);
    return likely(pv_get_words(dst, gva, n)) ? 0 : -EFAULT;
}

PV_ALWAYS_INLINE int copy_words_to_guest(void *gva, const void *src, unsigned int n)
{
    if (unlikely(current->domain->is_hvm))
        return copy_to_guest(gva, src, 8 * n);
    return likely(pv_put_words(gva, src, n)) ? 0 : -EFAULT;
}

#endif
