/* SPDX-License-Identifier: BSD-2-Clause */
/* Integer arithmetic: the basic operations, shifts, multiplication, division, bits, decimal
 * adjustment. AMD64 APM volume 3, "General-Purpose Instruction Reference". */
#include "alu.h"
#include "emul_priv.h"
#include "exec.h"

#define DST (&e->op[0])
#define SRC (&e->op[1])

#define EXEC_TWO(name, insn)                                                                       \
    ALU_DEFINE_TWO(name, insn)                                                                     \
    int emul_##name(struct emul *e)                                                                \
    {                                                                                              \
        DST->val = alu_##name(DST->bytes, DST->val, SRC->val, &e->r.rflags);                       \
        return EMUL_OK;                                                                            \
    }
EXEC_TWO(add, "add")
EXEC_TWO(or, "or")
EXEC_TWO(adc, "adc")
EXEC_TWO(sbb, "sbb")
EXEC_TWO(and, "and")
EXEC_TWO(sub, "sub")
EXEC_TWO(xor, "xor")
EXEC_TWO(cmp, "cmp")
EXEC_TWO(test, "test")

#define EXEC_ONE(name, insn)                                                                       \
    ALU_DEFINE_ONE(name, insn)                                                                     \
    int emul_##name(struct emul *e)                                                                \
    {                                                                                              \
        DST->val = alu_##name(DST->bytes, DST->val, &e->r.rflags);                                 \
        return EMUL_OK;                                                                            \
    }
EXEC_ONE(inc, "inc")
EXEC_ONE(dec, "dec")
EXEC_ONE(not, "not")
EXEC_ONE(neg, "neg")

/* By 0 nothing changes, but the CPU knows that itself. */
#define EXEC_SHIFT(name, insn)                                                                     \
    ALU_DEFINE_SHIFT(name, insn)                                                                   \
    int emul_##name(struct emul *e)                                                                \
    {                                                                                              \
        DST->val = alu_##name(DST->bytes, DST->val, (uint8_t)SRC->val, &e->r.rflags);              \
        return EMUL_OK;                                                                            \
    }
EXEC_SHIFT(rol, "rol")
EXEC_SHIFT(ror, "ror")
EXEC_SHIFT(rcl, "rcl")
EXEC_SHIFT(rcr, "rcr")
EXEC_SHIFT(shl, "shl")
EXEC_SHIFT(shr, "shr")
EXEC_SHIFT(sar, "sar")

#define EXEC_DOUBLE(name, insn)                                                                    \
    ALU_DEFINE_DOUBLE(name, insn)                                                                  \
    int emul_##name(struct emul *e)                                                                \
    {                                                                                              \
        DST->val = alu_##name(DST->bytes, DST->val, SRC->val, (uint8_t)e->op[2].val, &e->r.rflags);\
        return EMUL_OK;                                                                            \
    }
EXEC_DOUBLE(shld, "shld")
EXEC_DOUBLE(shrd, "shrd")

/* --- multiplication and division --- */

static void set_flag(struct emul *e, uint64_t flag, bool on)
{
    e->r.rflags = on ? e->r.rflags | flag : e->r.rflags & ~flag;
}

static void set_carry_overflow(struct emul *e, bool on)
{
    set_flag(e, X86_EFLAGS_CF, on);
    set_flag(e, X86_EFLAGS_OF, on);
}

/* A result of two operand sizes goes to AX or to rDX:rAX. */
static void set_double(struct emul *e, unsigned int bytes, uint64_t low, uint64_t high)
{
    if (bytes == 1) {
        emul_set_reg(e, 0, 2, (low & 0xff) | (high & 0xff) << 8);
    } else {
        emul_set_reg(e, 0, bytes, low);
        emul_set_reg(e, 2, bytes, high);
    }
}

static void split(unsigned __int128 product, unsigned int bytes, uint64_t *low, uint64_t *high)
{
    *low = (uint64_t)product & emul_mask(bytes);
    *high = (uint64_t)(product >> (8 * bytes)) & emul_mask(bytes);
}

int emul_mul(struct emul *e)
{
    unsigned int bytes = DST->bytes;
    uint64_t low, high;

    split((unsigned __int128)emul_reg(e, 0, bytes) * DST->val, bytes, &low, &high);
    set_double(e, bytes, low, high);
    set_carry_overflow(e, high != 0);
    return EMUL_OK;
}

static bool signed_product(uint64_t a, uint64_t b, unsigned int bytes, uint64_t *low,
                           uint64_t *high)
{
    __int128 product = (__int128)emul_sign(a, bytes) * emul_sign(b, bytes);

    split((unsigned __int128)product, bytes, low, high);
    return emul_sign(*low, bytes) != product;
}

int emul_imul1(struct emul *e)
{
    unsigned int bytes = DST->bytes;
    uint64_t low, high;
    bool over = signed_product(emul_reg(e, 0, bytes), DST->val, bytes, &low, &high);

    set_double(e, bytes, low, high);
    set_carry_overflow(e, over);
    return EMUL_OK;
}

int emul_imul(struct emul *e)
{
    uint64_t high;

    set_carry_overflow(e, signed_product(SRC->val, e->op[2].val, DST->bytes, &DST->val, &high));
    return EMUL_OK;
}

static void get_double(struct emul *e, unsigned int bytes, uint64_t *low, uint64_t *high)
{
    *low = emul_reg(e, 0, bytes);
    *high = bytes == 1 ? (e->r.rax >> 8) & 0xff : emul_reg(e, 2, bytes);
}

int emul_div(struct emul *e)
{
    unsigned int bytes = DST->bytes;
    uint64_t low, high, quotient, rest;

    get_double(e, bytes, &low, &high);
    if (high >= DST->val)
        return emul_fault(e, X86_EXC_DE);
    if (bytes == 8) {
        __asm__("divq %4" : "=a"(quotient), "=d"(rest) : "0"(low), "1"(high), "r"(DST->val) : "cc");
    } else {
        low |= high << (8 * bytes);
        quotient = low / DST->val;
        rest = low % DST->val;
    }
    set_double(e, bytes, quotient, rest);
    return EMUL_OK;
}

/* Divides absolute values and puts the signs back: the one overflow of IDIV can't be caught. */
int emul_idiv(struct emul *e)
{
    unsigned int bytes = DST->bytes;
    int64_t divisor = emul_sign(DST->val, bytes);
    uint64_t low, high, d = divisor < 0 ? -(uint64_t)divisor : (uint64_t)divisor;
    unsigned __int128 n;
    uint64_t quotient, rest;
    bool negative;

    get_double(e, bytes, &low, &high);
    n = (unsigned __int128)(__int128)emul_sign(high, bytes) << (8 * bytes) | low;
    negative = (__int128)n < 0;
    if (negative)
        n = -n;
    if (!d || (uint64_t)(n >> 64) >= d)
        return emul_fault(e, X86_EXC_DE);
    __asm__("divq %4" : "=a"(quotient), "=d"(rest)
            : "0"((uint64_t)n), "1"((uint64_t)(n >> 64)), "r"(d) : "cc");
    if (quotient > emul_mask(bytes) / 2 + (negative != (divisor < 0)))
        return emul_fault(e, X86_EXC_DE);
    set_double(e, bytes, negative != (divisor < 0) ? -quotient : quotient, negative ? -rest : rest);
    return EMUL_OK;
}

/* --- bits --- */

static uint64_t bit_of(struct emul *e)
{
    uint64_t mask = 1ULL << (SRC->val & (8 * DST->bytes - 1));

    set_flag(e, X86_EFLAGS_CF, DST->val & mask);
    return mask;
}

int emul_bt(struct emul *e)
{
    bit_of(e);
    return EMUL_OK;
}

int emul_bts(struct emul *e)
{
    DST->val |= bit_of(e);
    return EMUL_OK;
}

int emul_btr(struct emul *e)
{
    DST->val &= ~bit_of(e);
    return EMUL_OK;
}

int emul_btc(struct emul *e)
{
    DST->val ^= bit_of(e);
    return EMUL_OK;
}

int emul_bsf(struct emul *e)
{
    set_flag(e, X86_EFLAGS_ZF, !SRC->val);
    if (SRC->val)
        DST->val = (uint64_t)__builtin_ctzll(SRC->val);
    return EMUL_OK;
}

int emul_bsr(struct emul *e)
{
    set_flag(e, X86_EFLAGS_ZF, !SRC->val);
    if (SRC->val)
        DST->val = 63 - (uint64_t)__builtin_clzll(SRC->val);
    return EMUL_OK;
}

static int count_result(struct emul *e, uint64_t val, bool carry)
{
    DST->val = val;
    set_flag(e, X86_EFLAGS_CF, carry);
    set_flag(e, X86_EFLAGS_ZF, !val);
    return EMUL_OK;
}

int emul_tzcnt(struct emul *e)
{
    uint64_t width = 8 * DST->bytes;

    return count_result(e, SRC->val ? (uint64_t)__builtin_ctzll(SRC->val) : width, !SRC->val);
}

int emul_lzcnt(struct emul *e)
{
    uint64_t width = 8 * DST->bytes;

    return count_result(e, SRC->val ? width - 64 + (uint64_t)__builtin_clzll(SRC->val) : width,
                        !SRC->val);
}

int emul_popcnt(struct emul *e)
{
    uint64_t val = SRC->val;

    DST->val = 0;
    for (; val; val &= val - 1)
        DST->val++;
    e->r.rflags &= ~(unsigned long)FLAGS_ARITH;
    set_flag(e, X86_EFLAGS_ZF, !DST->val);
    return EMUL_OK;
}

/* Additions with one flag as their carry. */
static int add_by_flag(struct emul *e, uint64_t flag)
{
    unsigned __int128 sum =
        (unsigned __int128)DST->val + SRC->val + !!(e->r.rflags & flag);

    DST->val = (uint64_t)sum & emul_mask(DST->bytes);
    set_flag(e, flag, sum >> (8 * DST->bytes));
    return EMUL_OK;
}

int emul_adcx(struct emul *e)
{
    return add_by_flag(e, X86_EFLAGS_CF);
}

int emul_adox(struct emul *e)
{
    return add_by_flag(e, X86_EFLAGS_OF);
}

int emul_crc32(struct emul *e)
{
    uint32_t crc = (uint32_t)DST->val;
    unsigned int i;

    crc ^= (uint32_t)SRC->val;
    for (i = 0; i < 8U * (SRC->bytes < 4 ? SRC->bytes : 4U); i++)
        crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
    /* What lies above the bits that went through is still in crc: no more than 32 at a time. */
    if (SRC->bytes == 8) {
        crc ^= (uint32_t)(SRC->val >> 32);
        for (i = 0; i < 32; i++)
            crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
    }
    DST->val = crc;
    return EMUL_OK;
}

/* --- decimal adjustment --- */

static void set_al_flags(struct emul *e)
{
    uint64_t al = e->r.rax & 0xff;

    set_flag(e, X86_EFLAGS_ZF, !al);
    set_flag(e, X86_EFLAGS_SF, al & 0x80);
    set_flag(e, X86_EFLAGS_PF, !__builtin_parity((unsigned int)al));
}

static int decimal(struct emul *e, int sign)
{
    uint8_t al = (uint8_t)e->r.rax, old = al;
    bool carry = e->r.rflags & X86_EFLAGS_CF, adjust = e->r.rflags & X86_EFLAGS_AF;
    bool low = (al & 15) > 9 || adjust, high = old > 0x99 || carry, borrow = false;

    if (low) {
        borrow = sign < 0 && al < 6;
        al = (uint8_t)(al + sign * 6);
    }
    if (high)
        al = (uint8_t)(al + sign * 0x60);
    emul_set_reg(e, 0, 1, al);
    set_al_flags(e);
    set_flag(e, X86_EFLAGS_AF, low);
    set_flag(e, X86_EFLAGS_CF, high || (low && borrow));
    return EMUL_OK;
}

int emul_daa(struct emul *e)
{
    return decimal(e, 1);
}

int emul_das(struct emul *e)
{
    return decimal(e, -1);
}

static int ascii(struct emul *e, int sign)
{
    bool adjust = (e->r.rax & 15) > 9 || (e->r.rflags & X86_EFLAGS_AF);
    uint16_t ax = (uint16_t)e->r.rax;

    if (adjust)
        ax = (uint16_t)(ax + sign * 0x106);
    emul_set_reg(e, 0, 2, ax & 0xff0f);
    set_flag(e, X86_EFLAGS_AF, adjust);
    set_flag(e, X86_EFLAGS_CF, adjust);
    return EMUL_OK;
}

int emul_aaa(struct emul *e)
{
    return ascii(e, 1);
}

int emul_aas(struct emul *e)
{
    return ascii(e, -1);
}

int emul_aam(struct emul *e)
{
    uint8_t al = (uint8_t)e->r.rax, base = (uint8_t)SRC->val;

    if (!base)
        return emul_fault(e, X86_EXC_DE);
    emul_set_reg(e, 0, 2, (uint64_t)(al / base) << 8 | al % base);
    set_al_flags(e);
    return EMUL_OK;
}

int emul_aad(struct emul *e)
{
    uint8_t al = (uint8_t)e->r.rax, ah = (uint8_t)(e->r.rax >> 8);

    emul_set_reg(e, 0, 2, (uint8_t)(al + ah * SRC->val));
    set_al_flags(e);
    return EMUL_OK;
}
