/* SPDX-License-Identifier: BSD-2-Clause */
/* The emulator's insides: the state of one instruction being performed. */
#ifndef EMUL_PRIV_H
#define EMUL_PRIV_H

#include <hv/emul.h>
#include "decode.h"

#define EMUL_EFER_SCE 0x001
#define EMUL_EFER_LME 0x100
#define EMUL_EFER_LMA 0x400

/* Of 48 bits. */
static inline bool emul_canonical(uint64_t addr)
{
    return (int64_t)(addr << 16) >> 16 == (int64_t)addr;
}

/* --- fetch.c --- */

/* The segment register, filled. */
const struct x86_segment *emul_ctxt_seg(struct emul_ctxt *c, enum x86_seg_index n);
/* 16, 32 or 64: what the code segment makes of instructions. */
unsigned int emul_code_bits(struct emul_ctxt *c);
/* The fill function of a decode with the context as arg. */
int emul_fill(struct emul_insn *in);
/* Decodes the instruction at CS:RIP into a zeroed struct; reports what is wrong with it. */
int emul_fetch_insn(struct emul_ctxt *c, struct emul_insn *in);

#endif
