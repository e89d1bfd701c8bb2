/* SPDX-License-Identifier: BSD-2-Clause */
/* The integer instructions with a VEX prefix (BMI1, BMI2). */
#include "emul_priv.h"
#include "exec.h"

#define DST (&e->op[0])
#define SRC (&e->op[1])
#define THIRD (&e->op[2])

/* Sets the result and SF, ZF, CF; clears OF. */
static int result(struct emul *e, uint64_t val, bool carry)
{
    uint64_t flags = e->r.rflags & ~(uint64_t)FLAGS_ARITH;

    DST->val = val & emul_mask(DST->bytes);
    if (!DST->val)
        flags |= X86_EFLAGS_ZF;
    if (emul_sign(DST->val, DST->bytes) < 0)
        flags |= X86_EFLAGS_SF;
    e->r.rflags = flags | (carry ? X86_EFLAGS_CF : 0);
    return EMUL_OK;
}

int emul_andn(struct emul *e)
{
    return result(e, ~SRC->val & THIRD->val, false);
}

int emul_bzhi(struct emul *e)
{
    unsigned int n = THIRD->val & 0xff, width = 8 * DST->bytes;

    return result(e, n < width ? SRC->val & ((1ULL << n) - 1) : SRC->val, n >= width);
}

int emul_bextr(struct emul *e)
{
    unsigned int start = THIRD->val & 0xff, len = (THIRD->val >> 8) & 0xff;
    uint64_t val = start < 64 ? SRC->val >> start : 0;

    result(e, len < 64 ? val & ((1ULL << len) - 1) : val, false);
    e->r.rflags &= ~(unsigned long)X86_EFLAGS_SF;
    return EMUL_OK;
}

int emul_blsr(struct emul *e)
{
    return result(e, SRC->val & (SRC->val - 1), !SRC->val);
}

int emul_blsmsk(struct emul *e)
{
    result(e, SRC->val ^ (SRC->val - 1), !SRC->val);
    return EMUL_OK;
}

int emul_blsi(struct emul *e)
{
    return result(e, SRC->val & -SRC->val, SRC->val != 0);
}

int emul_shlx(struct emul *e)
{
    DST->val = SRC->val << (THIRD->val & (8 * DST->bytes - 1));
    return EMUL_OK;
}

int emul_shrx(struct emul *e)
{
    DST->val = SRC->val >> (THIRD->val & (8 * DST->bytes - 1));
    return EMUL_OK;
}

int emul_sarx(struct emul *e)
{
    DST->val = (uint64_t)(emul_sign(SRC->val, DST->bytes) >> (THIRD->val & (8 * DST->bytes - 1)));
    return EMUL_OK;
}

int emul_rorx(struct emul *e)
{
    unsigned int width = 8 * DST->bytes, n = e->in.imm & (width - 1);

    DST->val = n ? SRC->val >> n | SRC->val << (width - n) : SRC->val;
    return EMUL_OK;
}

int emul_mulx(struct emul *e)
{
    unsigned __int128 product =
        (unsigned __int128)emul_reg(e, 2, DST->bytes) * THIRD->val;

    /* The low half goes first: with one register for both the high half stays. */
    emul_set_reg(e, e->in.vex_reg, DST->bytes, (uint64_t)product);
    DST->val = (uint64_t)(product >> (8 * DST->bytes));
    return EMUL_OK;
}

int emul_pdep(struct emul *e)
{
    uint64_t mask = THIRD->val, val = SRC->val, out = 0;

    for (; mask; mask &= mask - 1, val >>= 1)
        if (val & 1)
            out |= mask & -mask;
    DST->val = out;
    return EMUL_OK;
}

int emul_pext(struct emul *e)
{
    uint64_t mask = THIRD->val, out = 0, bit = 1;

    for (; mask; mask &= mask - 1, bit <<= 1)
        if (SRC->val & mask & -mask)
            out |= bit;
    DST->val = out;
    return EMUL_OK;
}
