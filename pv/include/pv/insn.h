/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoding of the few 64-bit instructions that the PV back end emulates: moves, exchanges and
 * simple arithmetic on memory (page tables). Source: AMD64 APM volume 3, "Instruction Encoding".
 */
#ifndef PV_INSN_H
#define PV_INSN_H

#include <hv/types.h>

struct cpu_user_regs;

#define INSN_MAX_LEN 15

struct pv_insn {
    uint8_t bytes[32]; /* the first 16 may be fetched; the rest spares the decoder bounds checks */
    uint8_t have;           /* bytes fetched */
    uint8_t len;            /* of the whole instruction */
    uint8_t size;           /* of the operands in bytes: 1, 2, 4 or 8 */
    uint8_t rex;
    uint8_t prefixes;       /* INSN_PREFIX_* */
    uint8_t reg, rm;        /* of ModRM, with their REX bits */
    bool is_mem;            /* the operand rm is memory at ea */
    uint16_t opcode;        /* 0xNN, or 0x0fNN of the two-byte map */
    int64_t imm;            /* sign-extended */
    unsigned long ea;       /* without the base of FS or GS */
};
#define INSN_PREFIX_LOCK 0x01
#define INSN_PREFIX_REP 0x02
#define INSN_PREFIX_OPSIZE 0x04
#define INSN_PREFIX_ADDR32 0x08
#define INSN_PREFIX_FS_GS 0x10

/* Reads the bytes at rip of the current guest, as many as are there. False: none. */
bool pv_insn_fetch(struct pv_insn *in, unsigned long rip);
/* Fills in the rest from in->bytes. False: not one of those that are known, or cut off. */
bool pv_insn_decode(struct pv_insn *in, const struct cpu_user_regs *regs);

/* Where registers lie in struct cpu_user_regs, by their number in encodings. */
extern const uint8_t pv_reg_offset[16];
static inline uint64_t *pv_reg_ptr(struct cpu_user_regs *regs, unsigned int nr)
{
    return (uint64_t *)((char *)regs + pv_reg_offset[nr]);
}
static inline uint64_t pv_reg64(const struct cpu_user_regs *regs, unsigned int nr)
{
    return *(const uint64_t *)((const char *)regs + pv_reg_offset[nr]);
}
/* All ones of the operand size. */
static inline uint64_t pv_insn_mask(const struct pv_insn *in)
{
    return ~0ULL >> (64 - 8 * in->size);
}
/* Register operands: for size 1 without REX, 4 to 7 are AH to BH. Writing 4 bytes clears the upper.
 */
static inline uint64_t pv_insn_get_reg(const struct pv_insn *in, const struct cpu_user_regs *regs,
                                       unsigned int nr)
{
    if (in->size == 8)
        return pv_reg64(regs, nr);
    if (in->size == 1 && !in->rex && nr >= 4)
        return (pv_reg64(regs, nr - 4) >> 8) & 0xff;
    return pv_reg64(regs, nr) & pv_insn_mask(in);
}
void pv_insn_set_reg(const struct pv_insn *in, struct cpu_user_regs *regs, unsigned int nr,
                     uint64_t val);

#endif
