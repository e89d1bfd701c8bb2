/* SPDX-License-Identifier: BSD-2-Clause */
/* The two- and three-byte opcode maps, and what VEX adds to them. Vector instructions other than
 * moves are known by length only. AMD64 APM volume 3, "Secondary Opcode Map". */
#include "decode.h"
#include "exec.h"
#include "rows.h"

/* --- system groups --- */

static const struct emul_row group6[8] = {
    R1(sldt, sldt, Ew_v, F_WO | F_PROT | F_UMIP), R1(str, str, Ew_v, F_WO | F_PROT | F_UMIP),
    R1(lldt, lldt, Ew, F_RO | F_PROT | F_PRIV), R1(ltr, ltr, Ew, F_RO | F_PROT | F_PRIV),
    R1(verr, verr, Ew, F_RO | F_PROT), R1(verw, verw, Ew, F_RO | F_PROT), UD, UD,
};
static const struct emul_row group7_c0[8] = { /* 0F 01 C0-C7 */
    UD, R0(vmcall, hypercall, F_NOPFX), UD, UD, UD, UD, UD, UD,
};
static const struct emul_row group7_c8[8] = {
    R0(monitor, monitor, F_PRIV | F_NOPFX), R0(mwait, mwait, F_PRIV | F_NOPFX),
    R0(clac, clac, F_NOPFX), R0(stac, stac, F_NOPFX), UD, UD, UD, UD,
};
static const struct emul_row group7_d0[8] = {
    R0(xgetbv, xgetbv, F_NOPFX), R0(xsetbv, xsetbv, F_PRIV | F_NOPFX), UD, UD, UD,
    LEN(xend), LEN(xtest), UD,
};
static const struct emul_row group7_d8[8] = {
    LEN(-), R0(vmmcall, hypercall, 0), LEN(-), LEN(-), LEN(-), LEN(-), LEN(-), LEN(-),
};
static const struct emul_row group7_f8[8] = {
    R0(swapgs, swapgs, F_PRIV | F_ONLY64), R0(rdtscp, rdtscp, 0), LEN(monitorx), LEN(mwaitx),
    LEN(clzero), LEN(rdpru), LEN(-), LEN(-),
};
#define MEM_OR(n, mem, reg) static const struct emul_row n[2] = { mem, reg }
MEM_OR(group7_0, R1(sgdt, sgdt, M, F_RO | F_UMIP), G(G_RM, group7_c0));
MEM_OR(group7_1, R1(sidt, sidt, M, F_RO | F_UMIP), G(G_RM, group7_c8));
MEM_OR(group7_2, R1(lgdt, lgdt, M, F_RO | F_PRIV | F_F64), G(G_RM, group7_d0));
MEM_OR(group7_3, R1(lidt, lidt, M, F_RO | F_PRIV | F_F64), G(G_RM, group7_d8));
MEM_OR(group7_5, LEN_MODRM(-), LEN_MODRM(rdpkru));
MEM_OR(group7_7, R1(invlpg, invlpg, M, F_RO | F_PRIV), G(G_RM, group7_f8));
static const struct emul_row group7[8] = {
    G(G_MOD, group7_0), G(G_MOD, group7_1), G(G_MOD, group7_2), G(G_MOD, group7_3),
    R1(smsw, smsw, Ew_v, F_WO | F_UMIP), G(G_MOD, group7_5), R1(lmsw, lmsw, Ew, F_RO | F_PRIV),
    G(G_MOD, group7_7),
};
static const struct emul_row group8[8] = {
    UD, UD, UD, UD, R2(bt, bt, Ev, Ib, F_RO), R2(bts, bts, Ev, Ib, F_LOCK),
    R2(btr, btr, Ev, Ib, F_LOCK), R2(btc, btc, Ev, Ib, F_LOCK),
};
MEM_OR(group9_6, LEN_MODRM(-), LEN_MODRM(rdrand));
MEM_OR(group9_7, LEN_MODRM(-), LEN_MODRM(rdseed));
static const struct emul_row group9[8] = {
    UD, R1(cmpxchg8b, cmpxchg8b, M, F_RO | F_LOCK | F_MEM), UD, LEN_MODRM(xrstors),
    LEN_MODRM(xsavec), LEN_MODRM(xsaves), G(G_MOD, group9_6), G(G_MOD, group9_7),
};
/* Register forms of group 15 with F3: FS and GS bases. */
MEM_OR(fsbase_0, LEN_MODRM(-), R1(rdfsbase, rdfsbase, Ey, F_WO | F_ONLY64));
MEM_OR(fsbase_1, LEN_MODRM(-), R1(rdgsbase, rdgsbase, Ey, F_WO | F_ONLY64));
MEM_OR(fsbase_2, LEN_MODRM(ldmxcsr), R1(wrfsbase, wrfsbase, Ey, F_RO | F_ONLY64));
MEM_OR(fsbase_3, LEN_MODRM(stmxcsr), R1(wrgsbase, wrgsbase, Ey, F_RO | F_ONLY64));
static const struct emul_row group15_f3[8] = {
    G(G_MOD, fsbase_0), G(G_MOD, fsbase_1), G(G_MOD, fsbase_2), G(G_MOD, fsbase_3),
    LEN_MODRM(-), LEN_MODRM(incssp), LEN_MODRM(-), LEN_MODRM(-),
};
MEM_OR(group15_5, LEN_MODRM(xrstor), R0(lfence, nop, F_MODRM));
MEM_OR(group15_6, LEN_MODRM(xsaveopt), R0(mfence, nop, F_MODRM));
MEM_OR(group15_7, R1(clflush, clflush, M, F_RO), R0(sfence, nop, F_MODRM));
static const struct emul_row group15_np[8] = {
    LEN_MODRM(fxsave), LEN_MODRM(fxrstor), LEN_MODRM(ldmxcsr), LEN_MODRM(stmxcsr),
    LEN_MODRM(xsave), G(G_MOD, group15_5), G(G_MOD, group15_6), G(G_MOD, group15_7),
};
static const struct emul_row group15_66[8] = {
    LEN_MODRM(-), LEN_MODRM(-), LEN_MODRM(-), LEN_MODRM(-), LEN_MODRM(-), LEN_MODRM(-),
    R1(clwb, clflush, M, F_RO | F_MEM), R1(clflushopt, clflush, M, F_RO | F_MEM),
};
static const struct emul_row group15[4] = {
    G(G_REG, group15_np), G(G_REG, group15_66), G(G_REG, group15_f3), LEN_MODRM(-),
};

/* --- vector moves: rows for no prefix, 66, F3, F2 --- */

#define V F_VEX | F_SSE
#define BY_PREFIX(n, np, p66, pf3, pf2) static const struct emul_row n[4] = { np, p66, pf3, pf2 }
BY_PREFIX(sse10, R2(movups, vmov, Vx, Wx, V), R2(movupd, vmov, Vx, Wx, V),
          R2(movss, vmov_scalar, Vx, Wd, V), R2(movsd, vmov_scalar, Vx, Wq, V));
BY_PREFIX(sse11, R2(movups, vmov_store, Wx, Vx, V), R2(movupd, vmov_store, Wx, Vx, V),
          R2(movss, vmov_scalar_store, Wd, Vx, V), R2(movsd, vmov_scalar_store, Wq, Vx, V));
BY_PREFIX(sse12, R2(movlps, vmov_half, Vx, Wq, V), R2(movlpd, vmov_half, Vx, Wq, V | F_MEM),
          LEN_MODRM(movsldup), LEN_MODRM(movddup));
BY_PREFIX(sse13, R2(movlps, vmov_half_store, Wq, Vx, V | F_MEM),
          R2(movlpd, vmov_half_store, Wq, Vx, V | F_MEM), UD, UD);
BY_PREFIX(sse16, R2(movhps, vmov_half, Vx, Wq, V), R2(movhpd, vmov_half, Vx, Wq, V | F_MEM),
          LEN_MODRM(movshdup), UD);
BY_PREFIX(sse17, R2(movhps, vmov_half_store, Wq, Vx, V | F_MEM),
          R2(movhpd, vmov_half_store, Wq, Vx, V | F_MEM), UD, UD);
BY_PREFIX(sse28, R2(movaps, vmov_aligned, Vx, Wx, V), R2(movapd, vmov_aligned, Vx, Wx, V), UD, UD);
BY_PREFIX(sse29, R2(movaps, vmov_aligned_store, Wx, Vx, V),
          R2(movapd, vmov_aligned_store, Wx, Vx, V), UD, UD);
BY_PREFIX(sse2b, R2(movntps, vmov_aligned_store, Wx, Vx, V | F_MEM),
          R2(movntpd, vmov_aligned_store, Wx, Vx, V | F_MEM), UD, UD);
BY_PREFIX(sse6e, R2(movd, mmx_from_gpr, Px, Ey, F_MMX | F_WO),
          R2(movd, vmov_from_gpr, Vx, Ey, V | F_WO), UD, UD);
BY_PREFIX(sse6f, R2(movq, mmx_load, Px, Qx, F_MMX), R2(movdqa, vmov_aligned, Vx, Wx, V),
          R2(movdqu, vmov, Vx, Wx, V), UD);
BY_PREFIX(sse7e, R2(movd, mmx_to_gpr, Ey, Px, F_MMX | F_WO),
          R2(movd, vmov_to_gpr, Ey, Vx, V | F_WO), R2(movq, movq_load, Vx, Wq, V), UD);
BY_PREFIX(sse7f, R2(movq, mmx_store, Qx, Px, F_MMX), R2(movdqa, vmov_aligned_store, Wx, Vx, V),
          R2(movdqu, vmov_store, Wx, Vx, V), UD);
BY_PREFIX(ssed6, UD, R2(movq, movq_store, Wq, Vx, V), LEN_MODRM(movq2dq), LEN_MODRM(movdq2q));
BY_PREFIX(ssee7, R2(movntq, mmx_store, Qx, Px, F_MMX | F_MEM),
          R2(movntdq, vmov_aligned_store, Wx, Vx, V | F_MEM), UD, UD);
BY_PREFIX(ssef0, UD, UD, UD, R2(lddqu, vmov, Vx, Wx, V | F_MEM));
BY_PREFIX(sse2a, UD, R2(movntdqa, vmov_aligned, Vx, Wx, V | F_MEM), UD, UD);

BY_PREFIX(row78, LEN_MODRM(vmread), LEN_IMM8_IMM8(extrq), UD, LEN_IMM8_IMM8(insertq));
BY_PREFIX(rowb8, UD, UD, R2(popcnt, popcnt, Gv, Ev, F_WO), UD);
BY_PREFIX(rowbc, R2(bsf, bsf, Gv, Ev, 0), R2(bsf, bsf, Gv, Ev, 0),
          R2(tzcnt, tzcnt, Gv, Ev, F_WO), R2(bsf, bsf, Gv, Ev, 0));
BY_PREFIX(rowbd, R2(bsr, bsr, Gv, Ev, 0), R2(bsr, bsr, Gv, Ev, 0),
          R2(lzcnt, lzcnt, Gv, Ev, F_WO), R2(bsr, bsr, Gv, Ev, 0));

/* Without a row: vector arithmetic, known by length only. */
const struct emul_row emul_map_0f[256] = {
    [0x00] = G(G_REG, group6), [0x01] = G(G_REG, group7),
    [0x02] = R2(lar, lar, Gv, Ew, F_PROT), [0x03] = R2(lsl, lsl, Gv, Ew, F_PROT),
    [0x04] = UD, [0x05] = LEN(syscall), [0x06] = R0(clts, clts, F_PRIV),
    [0x07] = LEN(sysret),
    [0x08] = R0(invd, invd, F_PRIV), [0x09] = R0(wbinvd, wbinvd, F_PRIV),
    [0x0a] = UD, [0x0b] = R0(ud2, ud, 0), [0x0c] = UD,
    [0x0d] = R0(prefetch, nop, F_MODRM | F_MEM), [0x0e] = LEN(femms),
    [0x0f] = LEN_MODRM_IMM8(3dnow),
    [0x10] = GV(G_PFX, sse10), [0x11] = GV(G_PFX, sse11), [0x12] = GV(G_PFX, sse12),
    [0x13] = GV(G_PFX, sse13), [0x16] = GV(G_PFX, sse16), [0x17] = GV(G_PFX, sse17),
    [0x18 ... 0x1f] = R0(nop, nop, F_MODRM),
    [0x20] = R2(mov, mov_from_cr, Rr, Cr, F_WO | F_PRIV),
    [0x21] = R2(mov, mov_from_dr, Rr, Dr, F_WO | F_PRIV),
    [0x22] = R2(mov, mov_to_cr, Cr, Rr, F_RO | F_PRIV),
    [0x23] = R2(mov, mov_to_dr, Dr, Rr, F_RO | F_PRIV),
    [0x24 ... 0x27] = UD,
    [0x28] = GV(G_PFX, sse28), [0x29] = GV(G_PFX, sse29), [0x2b] = GV(G_PFX, sse2b),
    [0x30] = R0(wrmsr, wrmsr, F_PRIV), [0x31] = R0(rdtsc, rdtsc, 0),
    [0x32] = R0(rdmsr, rdmsr, F_PRIV), [0x33] = R0(rdpmc, rdpmc, 0),
    [0x34] = LEN(sysenter), [0x35] = LEN(sysexit),
    [0x36] = UD, [0x37] = LEN(getsec), [0x38 ... 0x3f] = UD,
    [0x40 ... 0x4f] = R2(cmov, cmov, Gv, Ev, 0),
    [0x6e] = GV(G_PFX, sse6e), [0x6f] = GV(G_PFX, sse6f),
    [0x70] = LEN_MODRM_IMM8(pshuf), [0x71] = LEN_MODRM_IMM8(-), [0x72] = LEN_MODRM_IMM8(-),
    [0x73] = LEN_MODRM_IMM8(-), [0x77] = LEN(emms), [0x78] = G(G_PFX, row78),
    [0x7e] = GV(G_PFX, sse7e), [0x7f] = GV(G_PFX, sse7f),
    [0x80 ... 0x8f] = R2(jcc, jcc, O_NONE, Jz, F_D64),
    [0x90 ... 0x9f] = R1(setcc, setcc, Eb, F_WO),
    [0xa0] = R1(push, push_sreg, FS, F_RO | F_D64), [0xa1] = R1(pop, pop_sreg, FS, F_RO | F_D64),
    [0xa2] = R0(cpuid, cpuid, 0), [0xa3] = R2(bt, bt, Ev, Gv, F_RO | F_BITS),
    [0xa4] = R3(shld, shld, Ev, Gv, Ib, 0), [0xa5] = R3(shld, shld, Ev, Gv, rCl, 0),
    [0xa6] = LEN_MODRM(-), [0xa7] = LEN_MODRM(-),
    [0xa8] = R1(push, push_sreg, GS, F_RO | F_D64), [0xa9] = R1(pop, pop_sreg, GS, F_RO | F_D64),
    [0xaa] = LEN(rsm), [0xab] = R2(bts, bts, Ev, Gv, F_LOCK | F_BITS),
    [0xac] = R3(shrd, shrd, Ev, Gv, Ib, 0), [0xad] = R3(shrd, shrd, Ev, Gv, rCl, 0),
    [0xae] = G(G_PFX, group15), [0xaf] = R3(imul, imul, Gv, Gv, Ev, F_WO),
    [0xb0] = R2(cmpxchg, cmpxchg, Eb, Gb, F_LOCK), [0xb1] = R2(cmpxchg, cmpxchg, Ev, Gv, F_LOCK),
    [0xb2] = R2(lss, load_far, Gv, M, F_WO | F_MEM),
    [0xb3] = R2(btr, btr, Ev, Gv, F_LOCK | F_BITS),
    [0xb4] = R2(lfs, load_far, Gv, M, F_WO | F_MEM),
    [0xb5] = R2(lgs, load_far, Gv, M, F_WO | F_MEM),
    [0xb6] = R2(movzx, mov, Gv, Eb, F_WO), [0xb7] = R2(movzx, mov, Gv, Ew, F_WO),
    [0xb8] = G(G_PFX, rowb8), [0xb9] = R0(ud1, ud, F_MODRM), [0xba] = G(G_REG, group8),
    [0xbb] = R2(btc, btc, Ev, Gv, F_LOCK | F_BITS), [0xbc] = G(G_PFX, rowbc),
    [0xbd] = G(G_PFX, rowbd),
    [0xbe] = R2(movsx, movsx, Gv, Eb, F_WO), [0xbf] = R2(movsx, movsx, Gv, Ew, F_WO),
    [0xc0] = R2(xadd, xadd, Eb, Gb, F_LOCK), [0xc1] = R2(xadd, xadd, Ev, Gv, F_LOCK),
    [0xc2] = LEN_MODRM_IMM8(cmpps), [0xc3] = R2(movnti, movnti, Ey, Gy, F_WO | F_MEM | F_NOPFX),
    [0xc4] = LEN_MODRM_IMM8(pinsrw), [0xc5] = LEN_MODRM_IMM8(pextrw),
    [0xc6] = LEN_MODRM_IMM8(shufps), [0xc7] = G(G_REG, group9),
    [0xc8 ... 0xcf] = R1(bswap, bswap, Zv, 0),
    [0xd6] = GV(G_PFX, ssed6), [0xe7] = GV(G_PFX, ssee7), [0xf0] = GV(G_PFX, ssef0),
    [0xff] = R0(ud0, ud, F_MODRM),
};

BY_PREFIX(rowf0, R2(movbe, movbe, Gv, Ev, F_WO | F_MEM), R2(movbe, movbe, Gv, Ev, F_WO | F_MEM),
          UD, R2(crc32, crc32, Gy, Eb, 0));
BY_PREFIX(rowf1, R2(movbe, movbe, Ev, Gv, F_WO | F_MEM), R2(movbe, movbe, Ev, Gv, F_WO | F_MEM),
          UD, R2(crc32, crc32, Gy, Ev, 0));
BY_PREFIX(rowf6, LEN_MODRM(-), R2(adcx, adcx, Gy, Ey, 0), R2(adox, adox, Gy, Ey, 0), UD);

#define SP(op, ...) { op, __VA_ARGS__ }
#define END { 0, { .name = NULL } }
const struct emul_sparse_row emul_map_0f38[] = {
    SP(0x2a, G(G_PFX, sse2a)), SP(0xf0, G(G_PFX, rowf0)), SP(0xf1, G(G_PFX, rowf1)),
    SP(0xf6, G(G_PFX, rowf6)), END,
};
const struct emul_sparse_row emul_map_0f3a[] = { END };

#define B F_WO | F_VEXONLY
static const struct emul_row vex_group17[8] = {
    UD, R2(blsr, blsr, By, Ey, B), R2(blsmsk, blsmsk, By, Ey, B),
    R2(blsi, blsi, By, Ey, B), UD, UD, UD, UD,
};
BY_PREFIX(vexf2, R3(andn, andn, Gy, By, Ey, B), UD, UD, UD);
BY_PREFIX(vexf3, G(G_REG, vex_group17), UD, UD, UD);
BY_PREFIX(vexf5, R3(bzhi, bzhi, Gy, Ey, By, B), UD, R3(pext, pext, Gy, By, Ey, B),
          R3(pdep, pdep, Gy, By, Ey, B));
BY_PREFIX(vexf6, UD, UD, UD, R3(mulx, mulx, Gy, By, Ey, B));
BY_PREFIX(vexf7, R3(bextr, bextr, Gy, Ey, By, B), R3(shlx, shlx, Gy, Ey, By, B),
          R3(sarx, sarx, Gy, Ey, By, B), R3(shrx, shrx, Gy, Ey, By, B));
BY_PREFIX(vex3af0, LEN_MODRM_IMM8(-), LEN_MODRM_IMM8(-), LEN_MODRM_IMM8(-),
          R3(rorx, rorx, Gy, Ey, Ib, B));
const struct emul_sparse_row emul_vex_0f38[] = {
    SP(0x2a, G(G_PFX, sse2a)), SP(0xf2, G(G_PFX, vexf2)), SP(0xf3, G(G_PFX, vexf3)),
    SP(0xf5, G(G_PFX, vexf5)), SP(0xf6, G(G_PFX, vexf6)), SP(0xf7, G(G_PFX, vexf7)), END,
};
const struct emul_sparse_row emul_vex_0f3a[] = { SP(0xf0, G(G_PFX, vex3af0)), END };
