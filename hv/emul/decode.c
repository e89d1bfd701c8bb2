/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From bytes to a decoded instruction: prefixes, opcode, ModRM, displacement, immediates. Looks at
 * no register and no memory but the instruction's. All encodings have their length right: legacy,
 * VEX, EVEX, XOP, 3DNow.
 * Source: AMD64 APM volume 3, "Instruction Encoding"; Intel SDM volume 2, "Intel AVX-512 Encoding".
 * Not known: APX (REX2, EVEX map 4).
 */
#include <hv/emul.h>
#include <hv/lib.h>
#include <hv/processor.h>
#include "decode.h"

#define REX_B 1
#define REX_X 2
#define REX_R 4
#define REX_W 8

static void fail(struct emul_insn *in, uint8_t vector)
{
    if (in->rc == EMUL_OK) {
        in->rc = EMUL_EXCEPTION;
        in->vector = vector;
    }
}

/* The next byte, 0 once something has failed. */
static uint8_t next(struct emul_insn *in)
{
    if (in->rc != EMUL_OK)
        return 0;
    if (in->len == EMUL_INSN_MAX) {
        fail(in, X86_EXC_GP);
        return 0;
    }
    if (in->len == in->have) {
        in->rc = in->fill(in);
        if (in->rc != EMUL_OK)
            return 0;
    }
    return in->byte[in->len++];
}

static uint64_t next_le(struct emul_insn *in, unsigned int bytes)
{
    uint64_t val = 0;
    unsigned int i;

    for (i = 0; i < bytes; i++)
        val |= (uint64_t)next(in) << (8 * i);
    return val;
}

static int64_t next_signed(struct emul_insn *in, unsigned int bytes)
{
    uint64_t val = next_le(in, bytes);
    unsigned int shift = 64 - 8 * bytes;

    return (int64_t)(val << shift) >> shift;
}

/* --- prefixes --- */

static void segment_prefix(struct emul_insn *in, uint8_t seg)
{
    if (in->bits != 64 || seg >= X86_SEG_FS)
        in->seg = seg;
}

static bool prefix(struct emul_insn *in, uint8_t b)
{
    switch (b) {
    case 0x26: segment_prefix(in, X86_SEG_ES); return true;
    case 0x2e: segment_prefix(in, X86_SEG_CS); return true;
    case 0x36: segment_prefix(in, X86_SEG_SS); return true;
    case 0x3e: segment_prefix(in, X86_SEG_DS); return true;
    case 0x64: segment_prefix(in, X86_SEG_FS); return true;
    case 0x65: segment_prefix(in, X86_SEG_GS); return true;
    case 0x66: in->opsize_prefix = true; return true;
    case 0x67: in->adsize = in->bits == 32 ? 2 : 4; return true;
    case 0xf0: in->lock = true; return true;
    case 0xf2: case 0xf3: in->rep = b; return true;
    default: return false;
    }
}

/* Prefixes up to the first byte of the opcode, which is returned. A REX prefix counts only right
   before it. */
static uint8_t prefixes(struct emul_insn *in)
{
    uint8_t b;

    in->adsize = in->bits / 8;
    in->seg = NO_REG;
    for (;;) {
        b = next(in);
        if (prefix(in, b)) {
            in->rex = 0;
        } else if (in->bits == 64 && (b & 0xf0) == 0x40) {
            in->rex = b;
        } else {
            return b;
        }
    }
}

/* --- VEX, EVEX, XOP --- */

/* Are these bytes a VEX-like prefix rather than LDS, LES, BOUND or POP? */
static enum emul_vex_kind vex_kind(struct emul_insn *in, uint8_t b)
{
    uint8_t second;

    if (b != 0xc4 && b != 0xc5 && b != 0x62 && b != 0x8f)
        return VEX_NONE;
    second = next(in);
    if (in->rc != EMUL_OK)
        return VEX_NONE;
    in->len--;
    if (b == 0x8f)
        return (second & 0x1f) >= 8 ? VEX_XOP : VEX_NONE;
    if (in->bits != 64 && (second & 0xc0) != 0xc0)
        return VEX_NONE;
    return b == 0x62 ? VEX_EVEX : VEX_VEX;
}

static void vex_last_byte(struct emul_insn *in, uint8_t b)
{
    in->vex_reg = ~(b >> 3) & (in->bits == 64 ? 15 : 7);
    in->vex_len = (b >> 2) & 1;
    in->vex_pp = b & 3;
}

/* R, X and B are stored inverted in the three upper bits. */
static void vex_rxb(struct emul_insn *in, uint8_t b)
{
    in->rex = 0x40 | ((~b >> 5) & (in->bits == 64 ? 7 : 0));
}

static void vex_w(struct emul_insn *in, uint8_t b)
{
    in->vex_w = b & 0x80;
    if (in->vex_w && in->bits == 64)
        in->rex |= REX_W;
}

static void vex_prefix(struct emul_insn *in, uint8_t first)
{
    uint8_t b;

    /* A legacy prefix of these kinds before it is undefined. */
    if (in->rex || in->rep || in->opsize_prefix || in->lock)
        fail(in, X86_EXC_UD);
    if (first == 0xc5) {
        b = next(in);
        in->rex = 0x40 | (in->bits == 64 && !(b & 0x80) ? REX_R : 0);
        in->map = MAP_0F;
        vex_last_byte(in, b);
        return;
    }
    in->map = next(in);
    vex_rxb(in, in->map);
    in->map &= in->vex == VEX_EVEX ? 7 : 0x1f;
    b = next(in);
    vex_last_byte(in, b);
    vex_w(in, b);
    if (in->vex == VEX_EVEX)
        in->vex_len = (next(in) >> 5) & 3;
}

/* --- opcode to row --- */

static const struct emul_row row_undefined = { .name = "ud", .flags = F_UD };
static const struct emul_row row_modrm = { .name = "-", .flags = F_LEN | F_MODRM };
static const struct emul_row row_modrm_imm8 = { .name = "-", .flags = F_LEN | F_MODRM | F_IMM8 };
static const struct emul_row row_modrm_imm32 = { .name = "-", .op = { O_NONE, Id },
                                                 .flags = F_LEN | F_MODRM };
static const struct emul_row row_vzero = { .name = "vzeroupper", .flags = F_LEN };

static const struct emul_row *sparse(const struct emul_sparse_row *rows, uint8_t opcode)
{
    for (; rows->row.name; rows++)
        if (rows->opcode == opcode)
            return &rows->row;
    return NULL;
}

static const struct emul_row *row_0f(uint8_t opcode, bool vex)
{
    const struct emul_row *row = emul_map_0f[opcode].name ? &emul_map_0f[opcode] : &row_modrm;

    if (!vex || (row->flags & F_VEX))
        return row;
    switch (opcode) {
    case 0x77:
        return &row_vzero;
    case 0x70: case 0x71: case 0x72: case 0x73: case 0xc2: case 0xc4: case 0xc5: case 0xc6:
        return &row_modrm_imm8;
    default:
        return &row_modrm;
    }
}

const struct emul_row *emul_row_of(unsigned int map, uint8_t opcode, bool vex)
{
    const struct emul_row *row;

    switch (map) {
    case MAP_ONE:
        return &emul_map_one[opcode];
    case MAP_0F:
        return row_0f(opcode, vex);
    case MAP_0F38:
        row = sparse(vex ? emul_vex_0f38 : emul_map_0f38, opcode);
        return row ? row : &row_modrm;
    case MAP_0F3A:
        row = sparse(vex ? emul_vex_0f3a : emul_map_0f3a, opcode);
        return row ? row : &row_modrm_imm8;
    default:
        return &row_undefined;
    }
}

static const struct emul_row *xop_row(unsigned int map)
{
    return map == 8 ? &row_modrm_imm8 : map == 9 ? &row_modrm :
           map == 10 ? &row_modrm_imm32 : &row_undefined;
}

static const struct emul_row *extended_row(struct emul_insn *in)
{
    if (in->vex == VEX_XOP)
        return xop_row(in->map);
    if (in->vex == VEX_EVEX && (in->map == 5 || in->map == 6))
        return &row_modrm;
    if (in->map < MAP_0F || in->map > MAP_0F3A)
        return &row_undefined;
    /* EVEX adds masks and broadcasts: known by length only. */
    if (in->vex == VEX_EVEX && in->map != MAP_0F)
        return in->map == MAP_0F38 ? &row_modrm : &row_modrm_imm8;
    return emul_row_of(in->map, in->opcode, true);
}

/* The opcode bytes, from the first on. */
static void opcode(struct emul_insn *in, uint8_t b)
{
    in->vex = vex_kind(in, b);
    if (in->vex != VEX_NONE) {
        vex_prefix(in, b);
        in->opcode = next(in);
        in->row = extended_row(in);
        return;
    }
    in->map = MAP_ONE;
    if (b == 0x0f) {
        in->map = MAP_0F;
        b = next(in);
        if (b == 0x38 || b == 0x3a) {
            in->map = b == 0x38 ? MAP_0F38 : MAP_0F3A;
            b = next(in);
        }
    }
    in->opcode = b;
    in->row = emul_row_of(in->map, b, false);
}

/* --- ModRM --- */

static void modrm16(struct emul_insn *in, unsigned int rm)
{
    static const uint8_t base[8] = { 3, 3, 5, 5, 6, 7, 5, 3 };  /* BX BX BP BP SI DI BP BX */
    static const uint8_t index[8] = { 6, 7, 6, 7, NO_REG, NO_REG, NO_REG, NO_REG };

    if (in->mod == 0 && rm == 6) {
        in->disp = (int64_t)next_le(in, 2);
        return;
    }
    in->base = base[rm];
    in->index = index[rm];
    in->stack_base = in->base == 5;
    if (in->mod)
        in->disp = next_signed(in, in->mod);
}

static void sib(struct emul_insn *in)
{
    uint8_t b = next(in);

    in->scale = b >> 6;
    in->index = ((b >> 3) & 7) | (in->rex & REX_X ? 8 : 0);
    if (in->index == 4)
        in->index = NO_REG;
    if ((b & 7) == 5 && in->mod == 0) {
        in->disp = next_signed(in, 4);
        return;
    }
    in->base = (b & 7) | (in->rex & REX_B ? 8 : 0);
}

static void modrm32(struct emul_insn *in, unsigned int rm)
{
    if (rm == 4) {
        sib(in);
    } else if (rm == 5 && in->mod == 0) {
        in->rip_relative = in->bits == 64;
        in->disp = next_signed(in, 4);
    } else {
        in->base = rm | (in->rex & REX_B ? 8 : 0);
    }
    in->stack_base = in->base == 4 || in->base == 5;
    if (in->mod == 1)
        in->disp = next_signed(in, 1);
    else if (in->mod == 2)
        in->disp = next_signed(in, 4);
}

static void modrm(struct emul_insn *in)
{
    in->modrm = next(in);
    in->has_modrm = true;
    in->mod = in->modrm >> 6;
    in->reg = ((in->modrm >> 3) & 7) | (in->rex & REX_R ? 8 : 0);
    in->base = in->index = NO_REG;
    /* Moves to and from control registers have two registers whatever mod says. */
    if (in->map == MAP_0F && (in->opcode & 0xfc) == 0x20)
        in->mod = 3;
    if (in->mod == 3)
        in->rm = (in->modrm & 7) | (in->rex & REX_B ? 8 : 0);
    else if (in->adsize == 2)
        modrm16(in, in->modrm & 7);
    else
        modrm32(in, in->modrm & 7);
}

static unsigned int prefix_number(const struct emul_insn *in)
{
    if (in->vex)
        return in->vex_pp; /* encoded in the order of the rows */
    return in->rep == 0xf3 ? 2 : in->rep == 0xf2 ? 3 : in->opsize_prefix ? 1 : 0;
}

static bool needs_modrm(const struct emul_row *row)
{
    unsigned int i;

    if (row->group == G_REG || row->group == G_RM || row->group == G_MOD ||
        (row->flags & F_MODRM))
        return true;
    if (row->group != G_NONE)
        return false;
    for (i = 0; i < ARRAY_SIZE(row->op); i++)
        if (row->op[i] != O_NONE && row->op[i] <= O_LAST_MODRM)
            return true;
    return false;
}

/* Reads ModRM when a row asks for it and follows groups to the row that is meant. */
static void resolve(struct emul_insn *in)
{
    for (;;) {
        const struct emul_row *row = in->row;

        if ((row->flags & F_NO64) && in->bits == 64) {
            fail(in, X86_EXC_UD);
            return;
        }
        if (!in->has_modrm && needs_modrm(row))
            modrm(in);
        switch (row->group) {
        case G_REG: in->row = &row->sub[(in->modrm >> 3) & 7]; break;
        case G_RM: in->row = &row->sub[in->modrm & 7]; break;
        case G_MOD: in->row = &row->sub[in->mod == 3]; break;
        case G_PFX: in->row = &row->sub[prefix_number(in)]; break;
        case G_64: in->row = &row->sub[in->bits == 64]; break;
        default: return;
        }
    }
}

/* --- sizes and immediates --- */

static void sizes(struct emul_insn *in)
{
    bool other = in->opsize_prefix;

    if (in->bits == 16)
        in->opsize = other ? 4 : 2;
    else if (in->bits == 32)
        in->opsize = other ? 2 : 4;
    else if ((in->rex & REX_W) || (in->row->flags & F_F64))
        in->opsize = 8;
    else if (other)
        in->opsize = 2;
    else
        in->opsize = in->row->flags & F_D64 ? 8 : 4;
}

static void immediate(struct emul_insn *in, uint8_t kind)
{
    switch (kind) {
    case Ib: in->imm = next(in); break;
    case Ibs: case Jb: in->imm = (uint64_t)next_signed(in, 1); break;
    case Iw: in->imm = next_le(in, 2); break;
    case Id: in->imm = (uint64_t)next_signed(in, 4); break;
    case Iz: case Jz: in->imm = (uint64_t)next_signed(in, MIN(in->opsize, 4)); break;
    case Iv: in->imm = next_le(in, in->opsize); break;
    case Ap:
        in->imm = next_le(in, MIN(in->opsize, 4));
        in->imm2 = next_le(in, 2);
        break;
    case Ob: case Ov:
        in->has_moffs = true;
        in->base = in->index = NO_REG;
        in->disp = (int64_t)next_le(in, in->adsize);
        break;
    default: break;
    }
}

int emul_decode(struct emul_insn *in)
{
    unsigned int i;

    in->rc = EMUL_OK;
    opcode(in, prefixes(in));
    if (in->rc != EMUL_OK)
        return in->rc;
    resolve(in);
    sizes(in);
    for (i = 0; i < ARRAY_SIZE(in->row->op); i++)
        if (in->row->op[i] > O_LAST_MODRM && in->row->op[i] <= O_LAST_IMM)
            immediate(in, in->row->op[i]);
    if (in->row->flags & F_IMM8)
        in->imm2 = next(in);
    if (in->row->flags & F_UD)
        fail(in, X86_EXC_UD);
    return in->rc;
}

/* --- length only --- */

static int no_more(struct emul_insn *in)
{
    return EMUL_RETRY;
}

int emul_length_of(const uint8_t *bytes, unsigned int n, unsigned int bits)
{
    struct emul_insn in = { .fill = no_more, .bits = (uint8_t)bits };

    in.have = (uint8_t)MIN(n, (unsigned int)EMUL_INSN_MAX);
    memcpy(in.byte, bytes, in.have);
    switch (emul_decode(&in)) {
    case EMUL_OK:
        return in.len;
    case EMUL_RETRY:
        return 0;
    default:
        return -1;
    }
}
