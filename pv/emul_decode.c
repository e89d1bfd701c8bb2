/* SPDX-License-Identifier: BSD-2-Clause */
/* Instruction decoder of the PV back end; see pv/insn.h for what it knows. */
#include <hv/current.h>
#include <hv/lib.h>
#include <hv/page.h>
#include <hv/uaccess.h>
#include <pv/insn.h>

#define REX_B 1
#define REX_X 2
#define REX_R 4
#define REX_W 8

#define KNOWN 0x80
#define BYTE_OP 0x01
#define IMM8 0x02
#define IMMZ 0x04   /* 2 or 4 bytes */
#define QUAD_OP 0x08 /* 8 bytes without REX.W; with it 16, which is not known */

/* All known instructions have a ModRM byte. */
static const uint8_t one_byte_map[256] = {
    [0x00] = KNOWN | BYTE_OP, [0x01] = KNOWN,       /* add */
    [0x08] = KNOWN | BYTE_OP, [0x09] = KNOWN,       /* or */
    [0x20] = KNOWN | BYTE_OP, [0x21] = KNOWN,       /* and */
    [0x28] = KNOWN | BYTE_OP, [0x29] = KNOWN,       /* sub */
    [0x30] = KNOWN | BYTE_OP, [0x31] = KNOWN,       /* xor */
    [0x80] = KNOWN | BYTE_OP | IMM8, [0x81] = KNOWN | IMMZ, [0x83] = KNOWN | IMM8,
    [0x86] = KNOWN | BYTE_OP, [0x87] = KNOWN,       /* xchg */
    [0x88] = KNOWN | BYTE_OP, [0x89] = KNOWN,       /* mov */
    [0xc6] = KNOWN | BYTE_OP | IMM8, [0xc7] = KNOWN | IMMZ,
    [0xfe] = KNOWN | BYTE_OP, [0xff] = KNOWN,       /* inc, dec */
};

static const uint8_t two_byte_map[256] = {
    [0xab] = KNOWN, [0xb3] = KNOWN, [0xbb] = KNOWN, /* bts, btr, btc */
    [0xba] = KNOWN | IMM8,
    [0xb0] = KNOWN | BYTE_OP, [0xb1] = KNOWN,       /* cmpxchg */
    [0xc0] = KNOWN | BYTE_OP, [0xc1] = KNOWN,       /* xadd */
    [0xc3] = KNOWN,                                 /* movnti */
    [0xc7] = KNOWN | QUAD_OP,                       /* cmpxchg8b */
};

static const uint8_t reg_offset[16] = {
    offsetof(struct cpu_user_regs, rax), offsetof(struct cpu_user_regs, rcx),
    offsetof(struct cpu_user_regs, rdx), offsetof(struct cpu_user_regs, rbx),
    offsetof(struct cpu_user_regs, rsp), offsetof(struct cpu_user_regs, rbp),
    offsetof(struct cpu_user_regs, rsi), offsetof(struct cpu_user_regs, rdi),
    offsetof(struct cpu_user_regs, r8), offsetof(struct cpu_user_regs, r9),
    offsetof(struct cpu_user_regs, r10), offsetof(struct cpu_user_regs, r11),
    offsetof(struct cpu_user_regs, r12), offsetof(struct cpu_user_regs, r13),
    offsetof(struct cpu_user_regs, r14), offsetof(struct cpu_user_regs, r15),
};

static inline uint64_t reg64(const struct cpu_user_regs *regs, unsigned int nr)
{
    return *(const uint64_t *)((const char *)regs + reg_offset[nr]);
}

uint64_t pv_insn_get_reg(const struct pv_insn *in, const struct cpu_user_regs *regs, unsigned int nr)
{
    if (in->size == 1 && !in->rex && nr >= 4)
        return (reg64(regs, nr - 4) >> 8) & 0xff;
    return reg64(regs, nr) & pv_insn_mask(in);
}

void pv_insn_set_reg(const struct pv_insn *in, struct cpu_user_regs *regs, unsigned int nr, uint64_t val)
{
    bool high = in->size == 1 && !in->rex && nr >= 4;
    uint64_t *r = (uint64_t *)((char *)regs + reg_offset[high ? nr - 4 : nr]);
    uint64_t mask = pv_insn_mask(in);

    if (high)
        *r = (*r & ~0xff00ULL) | ((val & 0xff) << 8);
    else if (in->size >= 4)
        *r = val & mask;
    else
        *r = (*r & ~mask) | (val & mask);
}

bool pv_insn_fetch(struct pv_insn *in, unsigned long rip)
{
    unsigned long left = PAGE_SIZE - (rip & ~PAGE_MASK);
    unsigned int first = left < sizeof(in->bytes) ? (unsigned int)left : sizeof(in->bytes);

    if (copy_from_guest(in->bytes, (const void *)rip, first))
        return false;
    in->have = (uint8_t)first;
    /* The rest lies in the next page, which need not be there. */
    if (unlikely(first < INSN_MAX_LEN) &&
        !copy_from_guest(in->bytes + first, (const void *)(rip + first), INSN_MAX_LEN - first))
        in->have = INSN_MAX_LEN;
    return true;
}

/* Reads n bytes, sign-extended. A position behind what is there is noticed at the end. */
static int64_t take(const struct pv_insn *in, unsigned int *pos, unsigned int n)
{
    uint64_t v = 0;

    for (unsigned int i = 0; i < n; i++)
        if (*pos + i < INSN_MAX_LEN)
            v |= (uint64_t)in->bytes[*pos + i] << (8 * i);
    *pos += n;
    return n ? (int64_t)(v << (64 - 8 * n)) >> (64 - 8 * n) : 0;
}

static void take_prefixes(struct pv_insn *in, unsigned int *pos)
{
    for (; *pos < INSN_MAX_LEN; (*pos)++) {
        uint8_t b = in->bytes[*pos];

        switch (b) {
        case 0x66: in->opsize = true; break;
        case 0x67: in->addr32 = true; break;
        case 0x2e: case 0x36: case 0x3e: case 0x26: break;
        case 0x64: case 0x65: in->seg_base = true; break;
        case 0xf0: in->lock = true; break;
        case 0xf2: case 0xf3: in->rep = true; break;
        default:
            if ((b & 0xf0) == 0x40) {
                in->rex = b;
                (*pos)++;
            }
            return;
        }
    }
}

/* The address of a memory operand; *pos behind its bytes. True if it is relative to the next instruction. */
static bool take_address(struct pv_insn *in, unsigned int mod, unsigned int rm, unsigned int *pos,
                         const struct cpu_user_regs *regs)
{
    unsigned int base = rm;

    in->ea = 0;
    if (rm == 4) {
        uint8_t sib = (uint8_t)take(in, pos, 1);
        unsigned int index = ((sib >> 3) & 7) | (in->rex & REX_X ? 8 : 0);

        base = sib & 7;
        if (index != 4)
            in->ea = reg64(regs, index) << (sib >> 6);
    }
    if (base == 5 && mod == 0) {
        in->ea += (unsigned long)take(in, pos, 4);
        return rm == 5;
    }
    in->ea += reg64(regs, base | (in->rex & REX_B ? 8 : 0));
    in->ea += (unsigned long)take(in, pos, mod == 0 ? 0 : mod == 1 ? 1 : 4);
    return false;
}

bool pv_insn_decode(struct pv_insn *in, const struct cpu_user_regs *regs)
{
    unsigned int pos = 0, mod, rm;
    bool rip_relative = false;
    uint8_t op, how, modrm;

    in->rex = 0;
    in->lock = in->rep = in->opsize = in->addr32 = in->seg_base = false;
    take_prefixes(in, &pos);
    op = (uint8_t)take(in, &pos, 1);
    how = one_byte_map[op];
    in->opcode = op;
    if (op == 0x0f) {
        op = (uint8_t)take(in, &pos, 1);
        how = two_byte_map[op];
        in->opcode = 0x0f00 | op;
    }
    if (!(how & KNOWN))
        return false;
    if ((how & QUAD_OP) && (in->rex & REX_W))
        return false;
    in->size = how & BYTE_OP ? 1 : (in->rex & REX_W) || (how & QUAD_OP) ? 8 : in->opsize ? 2 : 4;

    modrm = (uint8_t)take(in, &pos, 1);
    mod = modrm >> 6;
    rm = modrm & 7;
    in->reg = ((modrm >> 3) & 7) | (in->rex & REX_R ? 8 : 0);
    in->rm = rm | (in->rex & REX_B ? 8 : 0);
    in->is_mem = mod != 3;
    if (in->is_mem)
        rip_relative = take_address(in, mod, rm, &pos, regs);
    in->imm = take(in, &pos, how & IMM8 ? 1 : !(how & IMMZ) ? 0 : in->size == 2 ? 2 : 4);
    if (pos > in->have || pos > INSN_MAX_LEN)
        return false;
    in->len = (uint8_t)pos;
    if (rip_relative)
        in->ea += regs->rip + pos;
    if (in->addr32)
        in->ea = (uint32_t)in->ea;
    return true;
}
