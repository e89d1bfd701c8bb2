/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Patching of code at boot (hv/alternative.h). Recorded places come from the section .alternatives.
 * Branches to the compiler's thunks are not recorded: they are found by their bytes, a CALL or JMP
 * whose target is exactly one of the thunks (tests/lib/checks.py counts them against the linker's
 * relocations).
 */
#include <hv/alternative.h>
#include <hv/lib.h>
#include <hv/printk.h>
#include <hv/processor.h>

#define OP_CALL 0xe8
#define OP_JMP 0xe9
#define OP_RET 0xc3
#define OP_INT3 0xcc
#define OP_GROUP5 0xff       /* ff /2 = CALL reg, ff /4 = JMP reg */
#define OP_REX_B 0x41
#define MODRM_CALL_REG 0xd0
#define MODRM_JMP_REG 0xe0
#define BRANCH_LEN 5

/* As laid out by thunk.S: one every THUNK_STRIDE bytes, RAX to R15 by their numbers in encodings
   (RSP's does not exist), then the one for returns. */
#define THUNK_STRIDE 64
#define THUNK_REGS 16
#define REG_RSP 4

struct alt_site {
    int32_t site;
    uint8_t feature, kind, pad[2];
    int32_t arg;
};
extern const struct alt_site alternatives_start[], alternatives_end[];
extern uint8_t branch_thunks[], init_start[], init_data_start[], text_start[], text_end[];

/* The code has been written by this CPU, which may have fetched it already. */
static void serialise(void)
{
    uint32_t a, b, c, d;

    cpuid_count(0, 0, &a, &b, &c, &d);
}

static void write_branch(uint8_t *at, uint8_t op, const uint8_t *target)
{
    int32_t rel = (int32_t)(target - (at + BRANCH_LEN));

    at[0] = op;
    memcpy(at + 1, &rel, sizeof(rel));
}

void alternatives_apply(uint32_t features)
{
    for (const struct alt_site *s = alternatives_start; s < alternatives_end; s++) {
        uint8_t *insn = (uint8_t *)&s->site + s->site;

        if (!(features & BIT(s->feature)))
            continue;
        if (s->kind == ALT_KIND_JUMP)
            write_branch(insn, OP_JMP, (const uint8_t *)&s->arg + s->arg);
        else
            memcpy(insn, &s->arg, 3);
    }
    serialise();
}

static uint8_t *emit_branch_reg(uint8_t *p, unsigned int reg, uint8_t modrm)
{
    if (reg >= 8)
        *p++ = OP_REX_B;
    *p++ = OP_GROUP5;
    *p++ = modrm | (reg & 7);
    return p;
}

/* A CALL or JMP of a thunk becomes the branch itself, filled up to its length. */
static void inline_branch(uint8_t *at, unsigned int reg)
{
    static const uint8_t nops[] = { 0x0f, 0x1f, 0x00, 0x66, 0x90 };
    uint8_t *end = at + BRANCH_LEN;

    if (at[0] == OP_CALL) {
        uint8_t *p = emit_branch_reg(at, reg, MODRM_CALL_REG);

        memcpy(p, end - p == 3 ? nops : nops + 3, (size_t)(end - p));
    } else {
        uint8_t *p = emit_branch_reg(at, reg, MODRM_JMP_REG);

        memset(p, OP_INT3, (size_t)(end - p));
    }
}

static void inline_return(uint8_t *at)
{
    at[0] = OP_RET;
    memset(at + 1, OP_INT3, BRANCH_LEN - 1);
}

/* The thunk that a branch at `at` goes to: 0 to THUNK_REGS; -1 for all other bytes. */
static int thunk_at(const uint8_t *at)
{
    int32_t rel;
    unsigned long off;

    if ((at[0] & ~1) != OP_CALL)
        return -1;
    memcpy(&rel, at + 1, sizeof(rel));
    off = (unsigned long)(at + BRANCH_LEN + rel) - (unsigned long)branch_thunks;
    return off % THUNK_STRIDE || off / THUNK_STRIDE > THUNK_REGS ? -1 : (int)(off / THUNK_STRIDE);
}

static unsigned int inline_thunks(uint8_t *at, const uint8_t *end, bool branches, bool returns)
{
    unsigned int n = 0;

    for (; at + BRANCH_LEN <= end; at++) {
        int thunk = thunk_at(at);

        if (likely(thunk < 0) || !(thunk == THUNK_REGS ? returns : branches))
            continue;
        if (thunk == THUNK_REGS)
            inline_return(at);
        else
            inline_branch(at, (unsigned int)thunk);
        n++;
    }
    return n;
}

static void write_thunk(unsigned int reg, bool lfence)
{
    static const uint8_t fence[] = { 0x0f, 0xae, 0xe8 };
    uint8_t *p = branch_thunks + reg * THUNK_STRIDE;

    if (lfence) {
        memcpy(p, fence, sizeof(fence));
        p += sizeof(fence);
    }
    *emit_branch_reg(p, reg, MODRM_JMP_REG) = OP_INT3;
}

void branch_thunks_apply(enum branch_thunk thunk, bool return_thunk, bool aligned)
{
    bool branches = thunk == THUNK_JMP && !aligned, returns = !return_thunk;
    unsigned int n = 0;

    if (branches || returns)
        n = inline_thunks(init_start, init_data_start, branches, returns) +
            inline_thunks(text_start, text_end, branches, returns);
    for (unsigned int reg = 0; thunk != THUNK_RETPOLINE && reg < THUNK_REGS; reg++)
        if (reg != REG_RSP)
            write_thunk(reg, thunk == THUNK_LFENCE);
    serialise();
    printk(XENLOG_DEBUG "alternatives: %u branches to thunks made plain\n", n);
}
