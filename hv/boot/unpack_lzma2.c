/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LZMA2 from memory to memory, for speed: the destination is the dictionary, and the model's
 * arithmetic is by table. The whole image lies in memory, so input is bounded once per symbol, not
 * per byte. Format: "XZ file format", LZMA2; the LZMA specification by its author.
 */
#include <string.h>
#include "unpack.h"

#define TOP (1u << 24)
#define MODEL_BITS 11
#define MODEL_TOTAL (1u << MODEL_BITS)
#define MOVE_BITS 5
#define STATES 12
#define POS_STATES 16
#define STATE_LITERAL_MAX 7       /* states below came from a literal */
#define MATCH_MIN 2
#define LEN_LOW 8
#define LEN_HIGH 256
#define SLOTS 64
#define SLOT_MODEL_START 4
#define SLOT_MODEL_END 14
#define ALIGN_BITS 4
#define LITERAL_CODER 0x300
#define LCLP_MAX 4
#define SYMBOL_INPUT_MAX 20       /* bytes that one symbol reads at most */
#define RC_INIT 5

typedef uint16_t prob_t;

struct len_coder {
    prob_t choice, choice2, low[POS_STATES][LEN_LOW], mid[POS_STATES][LEN_LOW], high[LEN_HIGH];
};
struct model {
    prob_t is_match[STATES][POS_STATES], is_rep0_long[STATES][POS_STATES];
    prob_t is_rep[STATES], is_rep0[STATES], is_rep1[STATES], is_rep2[STATES];
    prob_t slot[4][SLOTS], special[128], align[1 << ALIGN_BITS];
    struct len_coder match_len, rep_len;
    prob_t literal[LITERAL_CODER << LCLP_MAX];
};

/* What lasts from chunk to chunk. */
struct lzma {
    struct model m;
    uint32_t state, rep[4];
    uint32_t lc, lp_mask, pos_mask;
    uint8_t *dict, *out, *out_end;
    const uint8_t *in, *in_last;  /* a symbol may start up to in_last */
};
static struct lzma lzma;

/* Next value of a probability after a 0 (first half) and a 1. */
static prob_t moved[2 * MODEL_TOTAL];

static void make_table(void)
{
    for (uint32_t p = 0; p < MODEL_TOTAL; p++) {
        moved[p] = (prob_t)(p + ((MODEL_TOTAL - p) >> MOVE_BITS));
        moved[MODEL_TOTAL + p] = (prob_t)(p - (p >> MOVE_BITS));
    }
}

struct rc { uint32_t range, code; const uint8_t *in; };

/*
 * One decision: afterwards bound, the old probability in t, and a jump to `one` if it is a 1. In
 * assembly because the compiler spends a third more instructions on it, and most of the work is
 * here.
 */
#define DECIDE(prob, one)                                                     \
    "cmpl $0x1000000, %k[range]\n jae 1f\n"                                   \
    "shll $8, %k[range]\n shll $8, %k[code]\n movb (%[in]), %b[code]\n incq %[in]\n" \
    "1: movzwl " prob ", %k[t]\n movl %k[range], %k[bound]\n shrl $11, %k[bound]\n" \
    "imull %k[t], %k[bound]\n cmpl %k[bound], %k[code]\n jae " one "\n"
#define ZERO(prob)                                                            \
    "movl %k[bound], %k[range]\n movzwl (%[table],%q[t],2), %k[t]\n movw %w[t], " prob "\n"
#define ONE(prob)                                                             \
    "subl %k[bound], %k[range]\n subl %k[bound], %k[code]\n"                  \
    "movzwl 4096(%[table],%q[t],2), %k[t]\n movw %w[t], " prob "\n"
#define AT_SYM "(%[base],%q[sym],2)"
/* The tables that the assembly reads and writes, besides its operands in registers. */
#define TABLE [table] "r"(moved), "m"(moved)
_Static_assert(TOP == 0x1000000 && MODEL_BITS == 11 && MODEL_TOTAL * sizeof(prob_t) == 4096,
               "numbers in the assembly");

static inline __attribute__((always_inline)) uint32_t tree(struct rc *rc, prob_t *base,
                                                           unsigned int bits)
{
    uint32_t t, bound, sym = 1;

#pragma GCC unroll 8
    for (unsigned int i = 0; i < bits; i++)
        /* clang-format off */
        __asm__ volatile(DECIDE(AT_SYM, "2f")
                         ZERO(AT_SYM) "addl %k[sym], %k[sym]\n"
                         "3:\n .subsection 1\n"
                         "2:" ONE(AT_SYM) "leal 1(%q[sym],%q[sym]), %k[sym]\n jmp 3b\n .previous\n"
                         : [range] "+r"(rc->range), [code] "+q"(rc->code), [in] "+r"(rc->in),
                           [sym] "+r"(sym), [t] "=&r"(t), [bound] "=&r"(bound)
                         : [base] "r"(base), TABLE : "memory", "cc");
    /* clang-format on */
    return sym;
}

static inline __attribute__((always_inline)) bool bit(struct rc *rc, prob_t *p)
{
    uint32_t range = rc->range, code = rc->code, t, bound;
    const uint8_t *in = rc->in;

    __asm__ goto(DECIDE("%[p]", "%l[one]") ZERO("%[p]")
                 : [range] "+r"(range), [code] "+q"(code), [in] "+r"(in), [t] "=&r"(t),
                   [bound] "=&r"(bound), [p] "+m"(*p)
                 : TABLE, "m"(*(const uint8_t(*)[1])in)
                 : "cc"
                 : one);
    *rc = (struct rc){ range, code, in };
    return false;
one:
    __asm__ volatile(ONE("%[p]")
                     : [range] "+r"(range), [code] "+r"(code), [t] "+r"(t), [p] "+m"(*p)
                     : [bound] "r"(bound), TABLE : "cc");
    *rc = (struct rc){ range, code, in };
    return true;
}

/* A literal behind a match: the byte at distance rep0 steers the choice of model until the first
 * difference. */
static inline __attribute__((always_inline)) uint32_t matched_literal(struct rc *rc, prob_t *base,
                                                                      uint32_t match)
{
    uint32_t offset = 0x100, sym = 1;

#pragma GCC unroll 8
    for (unsigned int i = 0; i < 8; i++) {
        uint32_t old = offset;

        match <<= 1;
        offset &= match;
        if (bit(rc, base + offset + old + sym)) {
            sym = sym * 2 + 1;
        } else {
            sym = sym * 2;
            offset ^= old;
        }
    }
    return sym;
}

static inline __attribute__((always_inline)) uint32_t length(struct rc *rc, struct len_coder *l,
                                                             uint32_t pos_state)
{
    if (!bit(rc, &l->choice))
        return MATCH_MIN + tree(rc, l->low[pos_state], 3) - LEN_LOW;
    if (!bit(rc, &l->choice2))
        return MATCH_MIN + tree(rc, l->mid[pos_state], 3);
    return MATCH_MIN + 2 * LEN_LOW + tree(rc, l->high, 8) - LEN_HIGH;
}

static inline __attribute__((always_inline)) uint32_t reverse_tree(struct rc *rc, prob_t *base,
                                                                   unsigned int bits)
{
    uint32_t sym = 1, value = 0;

    for (unsigned int i = 0; i < bits; i++) {
        uint32_t b = bit(rc, base + sym);
        sym = sym * 2 + b;
        value |= b << i;
    }
    return value;
}

static inline __attribute__((always_inline)) uint32_t direct_bits(struct rc *rc, unsigned int n)
{
    uint32_t range = rc->range, code = rc->code, value = 0;
    const uint8_t *in = rc->in;

    do {
        uint32_t mask;

        if (range < TOP) {
            range <<= 8;
            code = code << 8 | *in++;
        }
        range >>= 1;
        code -= range;
        mask = 0 - (code >> 31);
        code += range & mask;
        value = value * 2 + mask + 1;
    } while (--n);
    *rc = (struct rc){ range, code, in };
    return value;
}

static inline __attribute__((always_inline)) uint32_t distance(struct rc *rc, struct model *m,
                                                               uint32_t len)
{
    uint32_t slot = tree(rc, m->slot[len < 6 ? len - MATCH_MIN : 3], 6) - SLOTS, base, extra;

    if (slot < SLOT_MODEL_START)
        return slot;
    extra = (slot >> 1) - 1;
    base = (2 | (slot & 1)) << extra;
    if (slot < SLOT_MODEL_END)
        return base + reverse_tree(rc, m->special + base - slot, extra);
    base += direct_bits(rc, extra - ALIGN_BITS) << ALIGN_BITS;
    return base + reverse_tree(rc, m->align, ALIGN_BITS);
}

/* Copies a match; slack: so many bytes behind its end may be overwritten. */
static inline __attribute__((always_inline)) void copy_match(uint8_t *out, uint32_t dist,
                                                             uint32_t len, size_t slack)
{
    const uint8_t *from = out - dist;
    uint8_t *end = out + len;

    if (dist >= 8 && slack >= 8) {
        do {
            uint64_t w;

            __builtin_memcpy(&w, from, 8);
            __builtin_memcpy(out, &w, 8);
            out += 8;
            from += 8;
        } while (out < end);
        return;
    }
    __asm__ volatile("rep movsb" : "+D"(out), "+S"(from), "+c"(len) : : "memory");
}

/* The kind of a match and its distance in rep[0]; returns its length, 0 for the one byte at rep[0].
 */
static inline __attribute__((always_inline)) uint32_t match(struct lzma *z, struct rc *rc,
                                                            uint32_t state, uint32_t pos_state)
{
    struct model *m = &z->m;
    uint32_t d;

    if (!bit(rc, &m->is_rep[state])) {
        uint32_t len = length(rc, &m->match_len, pos_state);

        z->rep[3] = z->rep[2];
        z->rep[2] = z->rep[1];
        z->rep[1] = z->rep[0];
        z->rep[0] = distance(rc, m, len);
        z->state = state < STATE_LITERAL_MAX ? 7 : 10;
        return len;
    }
    if (!bit(rc, &m->is_rep0[state])) {
        if (!bit(rc, &m->is_rep0_long[state][pos_state])) {
            z->state = state < STATE_LITERAL_MAX ? 9 : 11;
            return 0;
        }
    } else {
        if (!bit(rc, &m->is_rep1[state])) {
            d = z->rep[1];
        } else {
            if (!bit(rc, &m->is_rep2[state])) {
                d = z->rep[2];
            } else {
                d = z->rep[3];
                z->rep[3] = z->rep[2];
            }
            z->rep[2] = z->rep[1];
        }
        z->rep[1] = z->rep[0];
        z->rep[0] = d;
    }
    z->state = state < STATE_LITERAL_MAX ? 8 : 11;
    return length(rc, &m->rep_len, pos_state);
}

/* One LZMA chunk: all of len bytes of output out of exactly the bytes up to in_end. */
static bool chunk(struct lzma *z, uint32_t len, const uint8_t *in_end)
{
    static const uint8_t after_literal[STATES] = { 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 4, 5 };
    uint8_t *out = z->out, *end = out + len;
    uint32_t state = z->state;
    struct rc rc = { .range = UINT32_MAX, .in = z->in + RC_INIT };

    for (unsigned int i = 1; i < RC_INIT; i++)
        rc.code = rc.code << 8 | z->in[i];
    while (out < end) {
        uint32_t pos = (uint32_t)(out - z->dict), pos_state = pos & z->pos_mask, n;

        if (rc.in > z->in_last)
            return false;
        if (!bit(&rc, &z->m.is_match[state][pos_state])) {
            uint32_t prev = pos ? out[-1] : 0;
            prob_t *base = z->m.literal +
                           LITERAL_CODER * (((pos & z->lp_mask) << z->lc) + (prev >> (8 - z->lc)));

            if (state >= STATE_LITERAL_MAX && z->rep[0] >= pos)
                return false;
            n = state < STATE_LITERAL_MAX ? tree(&rc, base, 8)
                                          : matched_literal(&rc, base, out[-(long)z->rep[0] - 1]);
            *out++ = (uint8_t)n;
            state = after_literal[state];
            continue;
        }
        n = match(z, &rc, state, pos_state);
        state = z->state;
        n += n == 0;
        if (z->rep[0] >= pos || n > (uint32_t)(end - out))
            return false;
        copy_match(out, z->rep[0] + 1, n, (size_t)(z->out_end - out) - n);
        out += n;
    }
    z->out = out;
    z->state = state;
    z->in = rc.in + (rc.range < TOP);
    return z->in == in_end && (rc.range < TOP ? rc.code << 8 | rc.in[0] : rc.code) == 0;
}

static void reset_state(struct lzma *z)
{
    prob_t *p = (prob_t *)&z->m;

    z->state = 0;
    memset(z->rep, 0, sizeof(z->rep));
    for (size_t i = 0; i < sizeof(z->m) / sizeof(*p); i++)
        p[i] = MODEL_TOTAL / 2;
}

static bool set_properties(struct lzma *z, uint8_t props)
{
    uint32_t lc = props % 9, lp = props / 9 % 5, pb = props / 45;

    if (pb > 4 || lc + lp > LCLP_MAX)
        return false;
    z->lc = lc;
    z->lp_mask = (1u << lp) - 1;
    z->pos_mask = (1u << pb) - 1;
    return true;
}

/* Chunk header kinds: what the control byte says. */
enum { CONTROL_END = 0, CONTROL_COPY_RESET = 1, CONTROL_COPY = 2, CONTROL_LZMA = 0x80 };

static bool lzma_chunk(struct lzma *z, uint8_t control, const uint8_t *limit, bool *need_props)
{
    unsigned int reset = (control >> 5) & 3, header = reset >= 2 ? 6 : 5;
    uint32_t unpacked, packed;

    if ((size_t)(limit - z->in) < header + RC_INIT + SYMBOL_INPUT_MAX || (*need_props && reset < 2))
        return false;
    unpacked = ((control & 0x1fu) << 16 | (uint32_t)z->in[1] << 8 | z->in[2]) + 1;
    packed = ((uint32_t)z->in[3] << 8 | z->in[4]) + 1;
    if (reset >= 2 && !set_properties(z, z->in[5]))
        return false;
    if (reset >= 1)
        reset_state(z);
    *need_props = false;
    z->in += header;
    return packed >= RC_INIT && packed <= (size_t)(limit - z->in) &&
           unpacked <= (size_t)(z->out_end - z->out) && z->in[0] == 0 &&
           chunk(z, unpacked, z->in + packed);
}

static bool copy_chunk(struct lzma *z, const uint8_t *limit)
{
    uint32_t len;

    if (limit - z->in < 3)
        return false;
    len = ((uint32_t)z->in[1] << 8 | z->in[2]) + 1;
    z->in += 3;
    if (len > (size_t)(limit - z->in) || len > (size_t)(z->out_end - z->out))
        return false;
    memcpy(z->out, z->in, len);
    z->out += len;
    z->in += len;
    return true;
}

size_t unpack_lzma2(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len,
                    size_t *out_size)
{
    struct lzma *z = &lzma;
    const uint8_t *limit = in + in_len;
    bool need_dict = true, need_props = true;

    make_table();
    *out_size = 0;
    if (in_len < SYMBOL_INPUT_MAX)
        return 0;
    z->in = in;
    z->in_last = limit - SYMBOL_INPUT_MAX;
    z->dict = z->out = out;
    z->out_end = out + out_len;
    while (z->in < limit) {
        uint8_t control = *z->in;
        bool ok;

        if (control == CONTROL_END) {
            *out_size = (size_t)(z->out - out);
            return (size_t)(z->in + 1 - in);
        }
        if (control == CONTROL_COPY_RESET || control >= 0xe0) {
            need_dict = false;
            z->dict = z->out;
        }
        if (need_dict || (control < CONTROL_LZMA && control > CONTROL_COPY))
            return 0;
        ok = control >= CONTROL_LZMA ? lzma_chunk(z, control, limit, &need_props)
                                     : copy_chunk(z, limit);
        if (!ok)
            return 0;
    }
    return 0;
}
