/* SPDX-License-Identifier: BSD-2-Clause */
/* Instructions made from the emulator's own opcode table. */
#ifndef EMUL_GEN_H
#define EMUL_GEN_H

#include "../../hv/emul/emul_priv.h"
#include "emul_machine.h"

#define ANY (-1)

/* A way to a row of the table: the bytes that lead there, and what ModRM must be. */
struct variant {
    const struct emul_row *row;
    uint8_t map, opcode;
    bool vex, has_modrm;
    int prefix;   /* 0 none, 1 66, 2 F3, 3 F2, or ANY */
    int reg, rm;  /* of ModRM, or ANY */
    int mem;      /* 1 memory, 0 register, or ANY */
    int long64;   /* 1 only in 64-bit code, 0 only elsewhere, or ANY */
};

/* All rows that are performed, at most `most`; returns how many. */
unsigned int gen_variants(struct variant *v, unsigned int most);
/* Can this row be meant in this mode? */
bool gen_legal(const struct variant *v, enum emul_mode mode);
/* Puts one instruction at CS:RIP, fills the rest of 32 bytes with HLT, and sets registers so that
   its operands lie in or beside the memory that is there. Returns its length, 0 if it came out
   undecodable. */
unsigned int gen_instruction(struct machine *m, const struct variant *v);

uint64_t gen_random(void);
void gen_seed(uint64_t seed);

#endif
