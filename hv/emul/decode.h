/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opcode rows and the decoder. A row says all that is known of an opcode: operands, where it is
 * valid, and the function that performs it. Operand names are those of the AMD64 APM volume 3,
 * "Opcode and Operand Encodings".
 */
#ifndef EMUL_DECODE_H
#define EMUL_DECODE_H

#include <hv/emul.h>

struct emul;

/* Operand kinds. E: ModRM.rm, register or memory; G: ModRM.reg; M: memory only, its address (the
   executor makes the access); Z: register in the opcode. b w d q: 1 2 4 8 bytes, v: the operand
   size, y: 4 or, with REX.W, 8; wd: a word in memory, a whole register. */
enum emul_operand_kind {
    O_NONE,
    /* With ModRM */
    Eb, Ew, Ed, Ev, Ey, Ew_v, Gb, Gw, Gd, Gv, Gy, M, Sw, Cr, Dr, Rr, By, Gr64,
    Vx, Px,             /* ModRM.reg as a vector register: the executor's own business */
    Wx, Qx, Wd, Wq, Ux, /* ModRM.rm likewise: register or memory */
    O_LAST_MODRM = Ux,
    /* Immediates */
    Ib, Ibs, Iw, Id, Iz, Iv, Jb, Jz, Ap, Ob, Ov,
    O_LAST_IMM = Ov,
    /* Fixed */
    Zb, Zv, rAl, rAx, rCl, rDx, One, ES, CS, SS, DS, FS, GS,
};

/* How a row leads to further rows. */
enum emul_group {
    G_NONE,
    G_REG, /* 8 rows, by ModRM.reg */
    G_RM,  /* 8 rows, by ModRM.rm */
    G_MOD, /* 2 rows: memory, register */
    G_PFX, /* 4 rows: no prefix, 66, F3, F2 */
    G_64,  /* 2 rows: 16- and 32-bit code, 64-bit code */
};

enum emul_row_flags {
    F_LOCK = 1 << 0,      /* LOCK is allowed if the destination is in memory */
    F_WO = 1 << 1,        /* the destination is written, not read */
    F_RO = 1 << 2,        /* the destination is read, not written */
    F_D64 = 1 << 3,       /* 64-bit code: operand size is 64 unless 66 makes it 16 */
    F_F64 = 1 << 4,       /* 64-bit code: operand size is always 64 */
    F_NO64 = 1 << 5,      /* undefined in 64-bit code */
    F_ONLY64 = 1 << 6,    /* undefined elsewhere */
    F_PROT = 1 << 7,      /* undefined in real and virtual-8086 mode */
    F_PRIV = 1 << 8,      /* CPL 0 */
    F_MODRM = 1 << 9,     /* has ModRM though no operand says so */
    F_UD = 1 << 10,       /* undefined */
    F_LEN = 1 << 11,      /* known by length only */
    F_VEX = 1 << 12,      /* VEX and legacy form alike */
    F_VEXONLY = 1 << 13,
    F_SSE = 1 << 14,      /* needs CR4.OSFXSR or, with VEX, OSXSAVE and XCR0 */
    F_MMX = 1 << 15,
    F_AVX2 = 1 << 16,     /* a VEX form with L = 1 */
    F_IMM8 = 1 << 17,     /* one more immediate byte behind the operands */
    F_MEM = 1 << 18,      /* undefined with a register in ModRM.rm */
    F_REG = 1 << 19,      /* undefined with memory in ModRM.rm */
    F_STRING = 1 << 20,   /* REP repeats it */
    F_REPZ = 1 << 21,     /* and tests ZF */
    F_NOPFX = 1 << 22,    /* undefined with 66, F2 or F3 */
    F_UMIP = 1 << 23,     /* CPL 0 if CR4.UMIP */
    F_PORT = 1 << 24,     /* an I/O port: IOPL or the bitmap of the TSS must allow it */
    F_LOCKED = 1 << 25,   /* as if with LOCK */
    F_BITS = 1 << 26,     /* a register source selects a bit beyond the memory operand */
};

struct emul_row {
    const char *name;
    union {
        int (*exec)(struct emul *e);  /* NULL: known by length only */
        const struct emul_row *sub;
    };
    uint8_t op[3]; /* enum emul_operand_kind: destination, sources */
    uint8_t group;
    uint32_t flags;
};

enum emul_map { MAP_ONE, MAP_0F, MAP_0F38, MAP_0F3A, MAP_COUNT };
/* Of the second, rows without a name have ModRM and are known by length only. */
extern const struct emul_row emul_map_one[256], emul_map_0f[256];

/* Rows that only a VEX prefix reaches, and those of the sparse maps 0F 38 and 0F 3A. */
struct emul_sparse_row {
    uint8_t opcode;
    struct emul_row row;
};
extern const struct emul_sparse_row emul_map_0f38[], emul_map_0f3a[];
extern const struct emul_sparse_row emul_vex_0f38[], emul_vex_0f3a[];

enum emul_vex_kind { VEX_NONE, VEX_VEX, VEX_EVEX, VEX_XOP };

#define NO_REG 0xff

/* A decoded instruction. */
struct emul_insn {
    const struct emul_row *row;
    /* Appends bytes to byte[have...]; more than one if they are there. EMUL_OK or why not. */
    int (*fill)(struct emul_insn *in);
    void *arg;               /* fill's own */
    int rc;                  /* first failure */
    uint8_t vector;          /* of EMUL_EXCEPTION: #UD or #GP; 0: fill has said which */
    uint8_t byte[16];
    uint8_t have, len;
    uint8_t bits;            /* of the code segment: 16, 32, 64 */
    uint8_t opsize, adsize;  /* bytes */
    uint8_t rex;             /* 0: none; VEX bits are put in here as well */
    uint8_t rep;             /* 0, 0xf2, 0xf3 */
    uint8_t seg;             /* override, else NO_REG */
    bool lock, opsize_prefix;
    uint8_t map, opcode;
    uint8_t vex, vex_reg, vex_len, vex_pp; /* enum emul_vex_kind, vvvv, L, pp */
    bool vex_w;
    bool has_modrm, has_moffs;
    uint8_t modrm, mod, reg, rm; /* with REX bits; rm only if mod is 3 */
    uint8_t base, index, scale;  /* registers or NO_REG */
    bool rip_relative, stack_base; /* stack_base: SS is the segment unless overridden */
    int64_t disp;
    uint64_t imm, imm2;
};

/* Decodes one instruction. The caller sets fill, arg and bits in a zeroed struct. Returns in->rc;
   for EMUL_EXCEPTION with vector not 0 the exception is that one, else fill has reported it. */
int emul_decode(struct emul_insn *in);

/* The row of a map, groups not followed; never NULL. */
const struct emul_row *emul_row_of(unsigned int map, uint8_t opcode, bool vex);

static inline bool emul_is_mem(const struct emul_insn *in)
{
    return in->has_modrm && in->mod != 3;
}

#endif
