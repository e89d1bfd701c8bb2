/* SPDX-License-Identifier: BSD-2-Clause */
/* The one-byte opcode map. AMD64 APM volume 3, "Primary Opcode Map". */
#include "decode.h"
#include "exec.h"
#include "rows.h"

static const struct emul_row group1_b[8] = {
    R2(add, add, Eb, Ib, F_LOCK), R2(or, or, Eb, Ib, F_LOCK),
    R2(adc, adc, Eb, Ib, F_LOCK), R2(sbb, sbb, Eb, Ib, F_LOCK),
    R2(and, and, Eb, Ib, F_LOCK), R2(sub, sub, Eb, Ib, F_LOCK),
    R2(xor, xor, Eb, Ib, F_LOCK), R2(cmp, cmp, Eb, Ib, F_RO),
};
static const struct emul_row group1_z[8] = {
    R2(add, add, Ev, Iz, F_LOCK), R2(or, or, Ev, Iz, F_LOCK),
    R2(adc, adc, Ev, Iz, F_LOCK), R2(sbb, sbb, Ev, Iz, F_LOCK),
    R2(and, and, Ev, Iz, F_LOCK), R2(sub, sub, Ev, Iz, F_LOCK),
    R2(xor, xor, Ev, Iz, F_LOCK), R2(cmp, cmp, Ev, Iz, F_RO),
};
static const struct emul_row group1_s[8] = {
    R2(add, add, Ev, Ibs, F_LOCK), R2(or, or, Ev, Ibs, F_LOCK),
    R2(adc, adc, Ev, Ibs, F_LOCK), R2(sbb, sbb, Ev, Ibs, F_LOCK),
    R2(and, and, Ev, Ibs, F_LOCK), R2(sub, sub, Ev, Ibs, F_LOCK),
    R2(xor, xor, Ev, Ibs, F_LOCK), R2(cmp, cmp, Ev, Ibs, F_RO),
};

#define SHIFTS(name, e, count)                                                                     \
    static const struct emul_row name[8] = {                                                       \
        R2(rol, rol, e, count, 0), R2(ror, ror, e, count, 0), R2(rcl, rcl, e, count, 0),           \
        R2(rcr, rcr, e, count, 0), R2(shl, shl, e, count, 0), R2(shr, shr, e, count, 0),           \
        R2(sal, shl, e, count, 0), R2(sar, sar, e, count, 0),                                      \
    }
SHIFTS(group2_b_imm, Eb, Ib);
SHIFTS(group2_v_imm, Ev, Ib);
SHIFTS(group2_b_one, Eb, One);
SHIFTS(group2_v_one, Ev, One);
SHIFTS(group2_b_cl, Eb, rCl);
SHIFTS(group2_v_cl, Ev, rCl);

static const struct emul_row group3_b[8] = {
    R2(test, test, Eb, Ib, F_RO), R2(test, test, Eb, Ib, F_RO),
    R1(not, not, Eb, F_LOCK), R1(neg, neg, Eb, F_LOCK),
    R1(mul, mul, Eb, F_RO), R1(imul, imul1, Eb, F_RO), R1(div, div, Eb, F_RO),
    R1(idiv, idiv, Eb, F_RO),
};
static const struct emul_row group3_v[8] = {
    R2(test, test, Ev, Iz, F_RO), R2(test, test, Ev, Iz, F_RO),
    R1(not, not, Ev, F_LOCK), R1(neg, neg, Ev, F_LOCK),
    R1(mul, mul, Ev, F_RO), R1(imul, imul1, Ev, F_RO), R1(div, div, Ev, F_RO),
    R1(idiv, idiv, Ev, F_RO),
};
static const struct emul_row group4[8] = {
    R1(inc, inc, Eb, F_LOCK), R1(dec, dec, Eb, F_LOCK), UD, UD, UD, UD, UD, UD,
};
static const struct emul_row group5[8] = {
    R1(inc, inc, Ev, F_LOCK), R1(dec, dec, Ev, F_LOCK),
    R1(call, call, Ev, F_RO | F_D64), R1(call_far, call_far, M, F_MEM),
    R1(jmp, jmp, Ev, F_RO | F_D64), R1(jmp_far, jmp_far, M, F_MEM),
    R1(push, push, Ev, F_RO | F_D64), UD,
};
static const struct emul_row group1a[8] = {
    R1(pop, pop, Ev, F_WO | F_D64), UD, UD, UD, UD, UD, UD, UD,
};
static const struct emul_row group11_b[8] = {
    R2(mov, mov, Eb, Ib, F_WO), UD, UD, UD, UD, UD, UD,
    { .name = "xabort", .flags = F_LEN | F_IMM8 },
};
static const struct emul_row group11_v[8] = {
    R2(mov, mov, Ev, Iz, F_WO), UD, UD, UD, UD, UD, UD,
    { .name = "xbegin", .op = { O_NONE, Jz }, .flags = F_LEN },
};
static const struct emul_row row63[2] = {
    R2(arpl, arpl, Ew, Gw, F_PROT), R2(movsxd, movsx, Gv, Ed, F_WO),
};

#define ALU(op, n, f)                                                                              \
    [op] = R2(n, n, Eb, Gb, f), [(op) + 1] = R2(n, n, Ev, Gv, f),                                  \
    [(op) + 2] = R2(n, n, Gb, Eb, (f) & ~F_LOCK), [(op) + 3] = R2(n, n, Gv, Ev, (f) & ~F_LOCK),    \
    [(op) + 4] = R2(n, n, rAl, Ib, (f) & ~F_LOCK), [(op) + 5] = R2(n, n, rAx, Iz, (f) & ~F_LOCK)
/* Which prefix it is was found out before; the byte as an opcode is one with none. */
#define PREFIX(op) [op] = UD

const struct emul_row emul_map_one[256] = {
    ALU(0x00, add, F_LOCK), ALU(0x08, or, F_LOCK), ALU(0x10, adc, F_LOCK), ALU(0x18, sbb, F_LOCK),
    ALU(0x20, and, F_LOCK), ALU(0x28, sub, F_LOCK), ALU(0x30, xor, F_LOCK), ALU(0x38, cmp, F_RO),
    [0x06] = R1(push, push_sreg, ES, F_RO | F_NO64), [0x07] = R1(pop, pop_sreg, ES, F_NO64 | F_RO),
    [0x0e] = R1(push, push_sreg, CS, F_RO | F_NO64), [0x0f] = UD,
    [0x16] = R1(push, push_sreg, SS, F_RO | F_NO64), [0x17] = R1(pop, pop_sreg, SS, F_NO64 | F_RO),
    [0x1e] = R1(push, push_sreg, DS, F_RO | F_NO64), [0x1f] = R1(pop, pop_sreg, DS, F_NO64 | F_RO),
    PREFIX(0x26), PREFIX(0x2e), PREFIX(0x36), PREFIX(0x3e),
    [0x27] = R0(daa, daa, F_NO64), [0x2f] = R0(das, das, F_NO64),
    [0x37] = R0(aaa, aaa, F_NO64), [0x3f] = R0(aas, aas, F_NO64),
    [0x40 ... 0x47] = R1(inc, inc, Zv, F_NO64), [0x48 ... 0x4f] = R1(dec, dec, Zv, F_NO64),
    [0x50 ... 0x57] = R1(push, push, Zv, F_RO | F_D64),
    [0x58 ... 0x5f] = R1(pop, pop, Zv, F_WO | F_D64),
    [0x60] = R0(pusha, pusha, F_NO64), [0x61] = R0(popa, popa, F_NO64),
    [0x62] = R2(bound, bound, Gv, M, F_RO | F_NO64 | F_MEM),
    [0x63] = G(G_64, row63),
    PREFIX(0x64), PREFIX(0x65), PREFIX(0x66), PREFIX(0x67),
    [0x68] = R2(push, push, O_NONE, Iz, F_RO | F_D64),
    [0x69] = R3(imul, imul, Gv, Ev, Iz, F_WO),
    [0x6a] = R2(push, push, O_NONE, Ibs, F_RO | F_D64),
    [0x6b] = R3(imul, imul, Gv, Ev, Ibs, F_WO),
    [0x6c] = R0(insb, ins, F_STRING | F_PORT), [0x6d] = R0(ins, ins, F_STRING | F_PORT),
    [0x6e] = R0(outsb, outs, F_STRING | F_PORT), [0x6f] = R0(outs, outs, F_STRING | F_PORT),
    [0x70 ... 0x7f] = R2(jcc, jcc, O_NONE, Jb, F_D64),
    [0x80] = G(G_REG, group1_b), [0x81] = G(G_REG, group1_z),
    [0x82] = { .name = "group", .group = G_REG, .sub = group1_b, .flags = F_NO64 },
    [0x83] = G(G_REG, group1_s),
    [0x84] = R2(test, test, Eb, Gb, F_RO), [0x85] = R2(test, test, Ev, Gv, F_RO),
    [0x86] = R2(xchg, xchg, Eb, Gb, F_LOCK | F_LOCKED),
    [0x87] = R2(xchg, xchg, Ev, Gv, F_LOCK | F_LOCKED),
    [0x88] = R2(mov, mov, Eb, Gb, F_WO), [0x89] = R2(mov, mov, Ev, Gv, F_WO),
    [0x8a] = R2(mov, mov, Gb, Eb, F_WO), [0x8b] = R2(mov, mov, Gv, Ev, F_WO),
    [0x8c] = R2(mov, mov, Ew_v, Sw, F_WO),
    [0x8d] = R2(lea, lea, Gv, M, F_WO | F_MEM),
    [0x8e] = R2(mov, mov_sreg, Sw, Ew, F_RO), [0x8f] = G(G_REG, group1a),
    [0x90 ... 0x97] = R2(xchg, xchg, Zv, rAx, 0),
    [0x98] = R0(cbw, cbw, 0), [0x99] = R0(cwd, cwd, 0),
    [0x9a] = R2(call_far, call_far, O_NONE, Ap, F_NO64),
    [0x9b] = { .name = "fwait", .flags = F_LEN },
    [0x9c] = R0(pushf, pushf, F_D64), [0x9d] = R0(popf, popf, F_D64),
    [0x9e] = R0(sahf, sahf, 0), [0x9f] = R0(lahf, lahf, 0),
    [0xa0] = R2(mov, mov, rAl, Ob, F_WO), [0xa1] = R2(mov, mov, rAx, Ov, F_WO),
    [0xa2] = R2(mov, mov, Ob, rAl, F_WO), [0xa3] = R2(mov, mov, Ov, rAx, F_WO),
    [0xa4] = R0(movsb, movs, F_STRING), [0xa5] = R0(movs, movs, F_STRING),
    [0xa6] = R0(cmpsb, cmps, F_STRING | F_REPZ), [0xa7] = R0(cmps, cmps, F_STRING | F_REPZ),
    [0xa8] = R2(test, test, rAl, Ib, F_RO), [0xa9] = R2(test, test, rAx, Iz, F_RO),
    [0xaa] = R0(stosb, stos, F_STRING), [0xab] = R0(stos, stos, F_STRING),
    [0xac] = R0(lodsb, lods, F_STRING), [0xad] = R0(lods, lods, F_STRING),
    [0xae] = R0(scasb, scas, F_STRING | F_REPZ), [0xaf] = R0(scas, scas, F_STRING | F_REPZ),
    [0xb0 ... 0xb7] = R2(mov, mov, Zb, Ib, F_WO), [0xb8 ... 0xbf] = R2(mov, mov, Zv, Iv, F_WO),
    [0xc0] = G(G_REG, group2_b_imm), [0xc1] = G(G_REG, group2_v_imm),
    [0xc2] = R2(ret, ret, O_NONE, Iw, F_D64), [0xc3] = R0(ret, ret, F_D64),
    [0xc4] = R2(les, load_far, Gv, M, F_WO | F_NO64 | F_MEM),
    [0xc5] = R2(lds, load_far, Gv, M, F_WO | F_NO64 | F_MEM),
    [0xc6] = G(G_REG, group11_b), [0xc7] = G(G_REG, group11_v),
    [0xc8] = R2(enter, enter, O_NONE, Iw, F_D64 | F_IMM8), [0xc9] = R0(leave, leave, F_D64),
    [0xca] = R2(ret_far, ret_far, O_NONE, Iw, 0), [0xcb] = R0(ret_far, ret_far, 0),
    [0xcc] = R0(int3, int3, 0), [0xcd] = R2(int, int, O_NONE, Ib, 0),
    [0xce] = R0(into, into, F_NO64), [0xcf] = R0(iret, iret, 0),
    [0xd0] = G(G_REG, group2_b_one), [0xd1] = G(G_REG, group2_v_one),
    [0xd2] = G(G_REG, group2_b_cl), [0xd3] = G(G_REG, group2_v_cl),
    [0xd4] = R2(aam, aam, O_NONE, Ib, F_NO64), [0xd5] = R2(aad, aad, O_NONE, Ib, F_NO64),
    [0xd6] = R0(salc, salc, F_NO64), [0xd7] = R0(xlat, xlat, 0),
    [0xd8 ... 0xdf] = LEN_MODRM(x87),
    [0xe0] = R2(loopne, loop, O_NONE, Jb, F_D64), [0xe1] = R2(loope, loop, O_NONE, Jb, F_D64),
    [0xe2] = R2(loop, loop, O_NONE, Jb, F_D64), [0xe3] = R2(jcxz, jcxz, O_NONE, Jb, F_D64),
    [0xe4] = R2(in, in, rAl, Ib, F_WO | F_PORT), [0xe5] = R2(in, in, rAx, Ib, F_WO | F_PORT),
    [0xe6] = R2(out, out, rAl, Ib, F_RO | F_PORT), [0xe7] = R2(out, out, rAx, Ib, F_RO | F_PORT),
    [0xe8] = R2(call, call, O_NONE, Jz, F_D64), [0xe9] = R2(jmp, jmp, O_NONE, Jz, F_D64),
    [0xea] = R2(jmp_far, jmp_far, O_NONE, Ap, F_NO64), [0xeb] = R2(jmp, jmp, O_NONE, Jb, F_D64),
    [0xec] = R2(in, in, rAl, rDx, F_WO | F_PORT), [0xed] = R2(in, in, rAx, rDx, F_WO | F_PORT),
    [0xee] = R2(out, out, rAl, rDx, F_RO | F_PORT), [0xef] = R2(out, out, rAx, rDx, F_RO | F_PORT),
    PREFIX(0xf0), [0xf1] = R0(icebp, icebp, 0), PREFIX(0xf2), PREFIX(0xf3),
    [0xf4] = R0(hlt, hlt, F_PRIV), [0xf5] = R0(cmc, cmc, 0),
    [0xf6] = G(G_REG, group3_b), [0xf7] = G(G_REG, group3_v),
    [0xf8] = R0(clc, clc, 0), [0xf9] = R0(stc, stc, 0), [0xfa] = R0(cli, cli, 0),
    [0xfb] = R0(sti, sti, 0), [0xfc] = R0(cld, cld, 0), [0xfd] = R0(std, std, 0),
    [0xfe] = G(G_REG, group4), [0xff] = G(G_REG, group5),
};
