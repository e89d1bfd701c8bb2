/* SPDX-License-Identifier: BSD-2-Clause */
/* Segment registers with their hidden parts, as a hardware-assisted guest's are kept. */
#ifndef HV_SEGMENT_H
#define HV_SEGMENT_H

#include <hv/types.h>

enum x86_seg_index {
    X86_SEG_ES, X86_SEG_CS, X86_SEG_SS, X86_SEG_DS, X86_SEG_FS, X86_SEG_GS, /* as encoded */
    X86_SEG_TR, X86_SEG_LDTR, X86_SEG_GDTR, X86_SEG_IDTR,
    X86_SEG_COUNT,
};

/* Access rights: bits 40-47 and 52-55 of a descriptor put together. AMD64 APM volume 2, "Segment
   Descriptors" and "VMCB Layout". GDTR and IDTR have base and limit only. */
#define SEG_ACCESSED 0x001
#define SEG_WRITABLE 0x002   /* data; code: readable */
#define SEG_EXPAND_DOWN 0x004 /* data; code: conforming */
#define SEG_CODE 0x008
#define SEG_TYPE 0x00f
#define SEG_S 0x010          /* code or data, not a system segment */
#define SEG_DPL 0x060
#define SEG_P 0x080
#define SEG_AVL 0x100
#define SEG_L 0x200          /* 64-bit code */
#define SEG_DB 0x400         /* 32-bit */
#define SEG_G 0x800

/* A segment without SEG_P can't be used (a null selector was loaded). */
struct x86_segment {
    uint16_t selector;
    uint16_t attr;
    uint32_t limit; /* in bytes, the granularity bit applied */
    uint64_t base;
};

static inline unsigned int seg_dpl(const struct x86_segment *s)
{
    return (s->attr & SEG_DPL) >> 5;
}

#endif
