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

/*
 * The addresses that guests may use lie next to each other when they wrap around. For a few words that suffices: what an
 * access at the end of the address space would wrap to is the guest's too.
 */
static inline bool pv_words_ok(const void *gva, unsigned int bytes)
{
    return (unsigned long)gva - HV_VIRT_END <= 0x0000800000000000UL - HV_VIRT_END - bytes;
}

#define PV_GUEST_FAULT(insn) EX_TABLE(insn, "779b")
#define PV_GUEST_FAULT_EXIT                                                                        \
    ".subsection 1\n779:\n" PV_CLOSE_SMAP " jmp %l[fault]\n .previous\n"

/* False: not the guest's memory, or not mapped; dst is undefined then. */
static inline bool pv_get_2_words(uint64_t *dst, const void *gva)
{
    uint64_t a, b;

    if (unlikely(!pv_words_ok(gva, 16)))
        return false;
    __asm__ goto(PV_OPEN_SMAP
                 "1: movq (%2), %0\n2: movq 8(%2), %1\n" PV_CLOSE_SMAP PV_GUEST_FAULT_EXIT
                 PV_GUEST_FAULT("1b") PV_GUEST_FAULT("2b")
                 : "=&r"(a), "=&r"(b) : "r"(gva) : "memory" : fault);
    dst[0] = a;
    dst[1] = b;
    return true;
fault:
    return false;
}

static inline bool pv_get_3_words(uint64_t *dst, const void *gva)
{
    uint64_t a, b, c;

    if (unlikely(!pv_words_ok(gva, 24)))
        return false;
    __asm__ goto(PV_OPEN_SMAP
                 "1: movq (%3), %0\n2: movq 8(%3), %1\n3: movq 16(%3), %2\n" PV_CLOSE_SMAP
                 PV_GUEST_FAULT_EXIT
                 PV_GUEST_FAULT("1b") PV_GUEST_FAULT("2b") PV_GUEST_FAULT("3b")
                 : "=&r"(a), "=&r"(b), "=&r"(c) : "r"(gva) : "memory" : fault);
    dst[0] = a;
    dst[1] = b;
    dst[2] = c;
    return true;
fault:
    return false;
}
#endif

#endif
