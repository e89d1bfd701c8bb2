/* SPDX-License-Identifier: BSD-2-Clause */
/* Instruction decoder of the PV back end; see pv/insn.h for what it knows. */
#include <hv/current.h>
#include <hv/lib.h>
#include <hv/page.h>
#include <pv/insn.h>
#include <pv/user.h>

#define REX_B 1
#define REX_X 2
#define REX_R 4
#define REX_W 8

/* What follows a byte of the opcode maps. All known instructions have a ModRM byte. */
#define KNOWN 0x80
#define BYTE_OP 0x01
#define IMM8 0x02
#define IMMZ 0x04   /* 2 or 4 bytes */
#define QUAD_OP 0x08 /* 8 bytes without REX.W; with it 16, which is not known */
#define PREFIX 0x40 /* INSN_PREFIX_* in the low bits; 0: without effect here */
#define REX 0x20
#define ESCAPE 0x60 /* to the two-byte map */

static const uint8_t one_byte_map[256] = {
    [0x00] = KNOWN | BYTE_OP,
    [0x01] = KNOWN, /* add */
    [0x08] = KNOWN | BYTE_OP,
    [0x09] = KNOWN, /* or */
    [0x0f] = ESCAPE,
    [0x20] = KNOWN | BYTE_OP,
    [0x21] = KNOWN, /* and */
    [0x26] = PREFIX,
    [0x2e] = PREFIX,
    [0x36] = PREFIX,
    [0x3e] = PREFIX,
    [0x28] = KNOWN | BYTE_OP,
    [0x29] = KNOWN, /* sub */
    [0x30] = KNOWN | BYTE_OP,
    [0x31] = KNOWN, /* xor */
    [0x40 ... 0x4f] = REX,
    [0x64] = PREFIX | INSN_PREFIX_FS_GS,
    [0x65] = PREFIX | INSN_PREFIX_FS_GS,
    [0x66] = PREFIX | INSN_PREFIX_OPSIZE,
    [0x67] = PREFIX | INSN_PREFIX_ADDR32,
    [0x80] = KNOWN | BYTE_OP | IMM8,
    [0x81] = KNOWN | IMMZ,
    [0x83] = KNOWN | IMM8,
    [0x86] = KNOWN | BYTE_OP,
    [0x87] = KNOWN, /* xchg */
    [0x88] = KNOWN | BYTE_OP,
    [0x89] = KNOWN, /* mov */
    [0xc6] = KNOWN | BYTE_OP | IMM8,
    [0xc7] = KNOWN | IMMZ,
    [0xf0] = PREFIX | INSN_PREFIX_LOCK,
    [0xf2] = PREFIX | INSN_PREFIX_REP,
    [0xf3] = PREFIX | INSN_PREFIX_REP,
    [0xfe] = KNOWN | BYTE_OP,
    [0xff] = KNOWN, /* inc, dec */
};

static const uint8_t two_byte_map[256] = {
    [0xab] = KNOWN, [0xb3] = KNOWN, [0xbb] = KNOWN, /* bts, btr, btc */
    [0xba] = KNOWN | IMM8,
    [0xb0] = KNOWN | BYTE_OP, [0xb1] = KNOWN,       /* cmpxchg */
    [0xc0] = KNOWN | BYTE_OP, [0xc1] = KNOWN,       /* xadd */
    [0xc3] = KNOWN,                                 /* movnti */
    [0xc7] = KNOWN | QUAD_OP,                       /* cmpxchg8b */
};

const uint8_t pv_reg_offset[16] = {
    offsetof(struct cpu_user_regs, rax), offsetof(struct cpu_user_regs, rcx),
    offsetof(struct cpu_user_regs, rdx), offsetof(struct cpu_user_regs, rbx),
    offsetof(struct cpu_user_regs, rsp), offsetof(struct cpu_user_regs, rbp),
    offsetof(struct cpu_user_regs, rsi), offsetof(struct cpu_user_regs, rdi),
    offsetof(struct cpu_user_regs, r8), offsetof(struct cpu_user_regs, r9),
    offsetof(struct cpu_user_regs, r10), offsetof(struct cpu_user_regs, r11),
    offsetof(struct cpu_user_regs, r12), offsetof(struct cpu_user_regs, r13),
    offsetof(struct cpu_user_regs, r14), offsetof(struct cpu_user_regs, r15),
};

void pv_insn_set_reg(const struct pv_insn *in, struct cpu_user_regs *regs, unsigned int nr,
                     uint64_t val)
{
    bool high = in->size == 1 && !in->rex && nr >= 4;
    uint64_t *r = (uint64_t *)((char *)regs + pv_reg_offset[high ? nr - 4 : nr]);
    uint64_t mask = pv_insn_mask(in);

    if (high)
        *r = (*r & ~0xff00ULL) | ((val & 0xff) << 8);
    else if (in->size >= 4)
        *r = val & mask;
    else
        *r = (*r & ~mask) | (val & mask);
}

/* Across the end of a page, whose successor need not be there. */
static bool fetch_in_parts(struct pv_insn *in, unsigned long rip)
{
    unsigned int first = (unsigned int)(PAGE_SIZE - (rip & ~PAGE_MASK));

    if (copy_from_guest(in->bytes, (const void *)rip, first))
        return false;
    in->have = (uint8_t)first;
    if (first < INSN_MAX_LEN &&
        !copy_from_guest(in->bytes + first, (const void *)(rip + first), INSN_MAX_LEN - first))
        in->have = INSN_MAX_LEN;
    return true;
}

bool pv_insn_fetch(struct pv_insn *in, unsigned long rip)
{
    if (unlikely((rip & ~PAGE_MASK) > PAGE_SIZE - 16))
        return fetch_in_parts(in, rip);
    in->have = 16;
    return pv_get_words((uint64_t *)in->bytes, (const void *)rip, 2);
}

static inline int32_t load32(const uint8_t *p)
{
    int32_t v;

    __builtin_memcpy(&v, p, sizeof(v));
    return v;
}

static inline int16_t load16(const uint8_t *p)
{
    int16_t v;

    __builtin_memcpy(&v, p, sizeof(v));
    return v;
}

/* A base and an index, without the displacement that the ModRM byte asks for. */
static const uint8_t *take_sib(struct pv_insn *in, unsigned int mod, const uint8_t *p,
                               const struct cpu_user_regs *regs)
{
    uint8_t sib = *p++;
    unsigned int index = ((sib >> 3) & 7) | (in->rex & REX_X ? 8 : 0);
    unsigned int base = sib & 7;

    in->ea = index != 4 ? pv_reg64(regs, index) << (sib >> 6) : 0;
    if (base == 5 && mod == 0) {
        in->ea += (unsigned long)(long)load32(p);
        return p + 4;
    }
    in->ea += pv_reg64(regs, base | (in->rex & REX_B ? 8 : 0));
    return p;
}

/* The address of a memory operand; returns what comes behind its bytes. */
static inline const uint8_t *take_address(struct pv_insn *in, unsigned int mod, unsigned int rm,
                                          const uint8_t *p, const struct cpu_user_regs *regs,
                                          bool *rip_relative)
{
    if (mod == 0 && rm == 5) {
        *rip_relative = true;
        in->ea = (unsigned long)(long)load32(p);
        return p + 4;
    }
    if (rm == 4)
        p = take_sib(in, mod, p, regs);
    else
        in->ea = pv_reg64(regs, in->rm);
    if (mod == 1)
        in->ea += (unsigned long)(long)(int8_t)*p++;
    if (mod == 2) {
        in->ea += (unsigned long)(long)load32(p);
        p += 4;
    }
    return p;
}

/* Prefixes, REX and opcode: what is known of the instruction, 0 = nothing. *pp is behind them then.
 */
static inline uint8_t take_opcode(struct pv_insn *in, const uint8_t **pp)
{
    const uint8_t *p = *pp, *end = p + INSN_MAX_LEN;
    uint8_t b = *p++, how = one_byte_map[b];

    in->prefixes = 0;
    in->rex = 0;
    while (unlikely((how & (KNOWN | ESCAPE)) == PREFIX)) {
        in->prefixes |= how & 0x1f;
        if (p == end)
            return 0;
        b = *p++;
        how = one_byte_map[b];
    }
    if (how == REX) {
        in->rex = b;
        b = *p++;
        how = one_byte_map[b];
    }
    in->opcode = b;
    if (how == ESCAPE) {
        b = *p++;
        how = two_byte_map[b];
        in->opcode = 0x0f00 | b;
    }
    *pp = p;
    return how & KNOWN ? how : 0;
}

bool pv_insn_decode(struct pv_insn *in, const struct cpu_user_regs *regs)
{
    const uint8_t *p = in->bytes;
    uint8_t how = take_opcode(in, &p), modrm;
    unsigned int mod, rm;
    bool rip_relative = false;

    if (!how || ((how & QUAD_OP) && (in->rex & REX_W)))
        return false;
    if (how & BYTE_OP)
        in->size = 1;
    else if ((in->rex & REX_W) || (how & QUAD_OP))
        in->size = 8;
    else
        in->size = in->prefixes & INSN_PREFIX_OPSIZE ? 2 : 4;

    modrm = *p++;
    mod = modrm >> 6;
    rm = modrm & 7;
    in->reg = (uint8_t)(((modrm >> 3) & 7) | (in->rex & REX_R) << 1);
    in->rm = (uint8_t)(rm | (in->rex & REX_B) << 3);
    in->is_mem = mod != 3;
    if (in->is_mem)
        p = take_address(in, mod, rm, p, regs, &rip_relative);
    if (how & IMM8) {
        in->imm = (int8_t)*p++;
    } else if (how & IMMZ) {
        in->imm = in->size == 2 ? load16(p) : load32(p);
        p += in->size == 2 ? 2 : 4;
    }
    in->len = (uint8_t)(p - in->bytes);
    if (unlikely(in->len > in->have || in->len > INSN_MAX_LEN))
        return false;
    if (rip_relative)
        in->ea += regs->rip + in->len;
    if (unlikely(in->prefixes & INSN_PREFIX_ADDR32))
        in->ea = (uint32_t)in->ea;
    return true;
}
