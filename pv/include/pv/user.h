/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The short way to a few quadwords of the current PV guest's memory, for the calls and faults that
 * are made most often. Everything else goes by copy_from_guest() (hv/uaccess.h), whose rules hold
 * here too.
 */
#ifndef PV_USER_H
#define PV_USER_H

#include <hv/uaccess.h>
#include <pv/pv.h>

#ifdef HV_UNIT_TEST
static inline bool pv_get_2_words(uint64_t *dst, const void *gva)
{
    return !copy_from_guest(dst, gva, 16);
}
static inline bool pv_get_3_words(uint64_t *dst, const void *gva)
{
    return !copy_from_guest(dst, gva, 24);
}
#else

/* As SMAP_INSN of hv/asm.h: no-ops until the CPU is known to have them. */
#define PV_SMAP_INSN(which)                                                                        \
    "771: .byte 0x0f, 0x1f, 0x00\n .pushsection .smap_patch, \"a\"\n .balign 4\n"                  \
    " .long 771b - ., " which "\n .popsection\n"
#define PV_OPEN_SMAP PV_SMAP_INSN("0xcb")
#define PV_CLOSE_SMAP PV_SMAP_INSN("0xca")

/* False: not the guest's memory, or not mapped; dst is undefined then. */
static inline bool pv_get_2_words(uint64_t *dst, const void *gva)
{
    uint64_t a, b;
    unsigned int ok = 1;

    if (unlikely(!pv_range_ok((unsigned long)gva, 16)))
        return false;
    __asm__ volatile(PV_OPEN_SMAP
                     "1: movq (%3), %0\n2: movq 8(%3), %1\n3:\n" PV_CLOSE_SMAP
                     ".subsection 1\n4: xorl %2, %2\n jmp 3b\n .previous\n"
                     EX_TABLE("1b", "4b") EX_TABLE("2b", "4b")
                     : "=&r"(a), "=&r"(b), "+r"(ok) : "r"(gva) : "memory", "cc");
    dst[0] = a;
    dst[1] = b;
    return ok;
}

static inline bool pv_get_3_words(uint64_t *dst, const void *gva)
{
    uint64_t a, b, c;
    unsigned int ok = 1;

    if (unlikely(!pv_range_ok((unsigned long)gva, 24)))
        return false;
    __asm__ volatile(PV_OPEN_SMAP
                     "1: movq (%4), %0\n2: movq 8(%4), %1\n3: movq 16(%4), %2\n4:\n" PV_CLOSE_SMAP
                     ".subsection 1\n5: xorl %3, %3\n jmp 4b\n .previous\n"
                     EX_TABLE("1b", "5b") EX_TABLE("2b", "5b") EX_TABLE("3b", "5b")
                     : "=&r"(a), "=&r"(b), "=&r"(c), "+r"(ok) : "r"(gva) : "memory", "cc");
    dst[0] = a;
    dst[1] = b;
    dst[2] = c;
    return ok;
}
#endif

#endif
