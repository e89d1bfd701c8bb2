/* SPDX-License-Identifier: BSD-2-Clause */
/* Moves, exchanges, conversions, flags and the stack. AMD64 APM volume 3, "General-Purpose
 * Instruction Reference". */
#include <hv/lib.h>
#include "emul_priv.h"
#include "exec.h"

#define DST (&e->op[0])
#define SRC (&e->op[1])

bool emul_condition(uint64_t flags, unsigned int code)
{
    bool less = !(flags & X86_EFLAGS_SF) != !(flags & X86_EFLAGS_OF), is;

    switch ((code >> 1) & 7) {
    case 0: is = flags & X86_EFLAGS_OF; break;
    case 1: is = flags & X86_EFLAGS_CF; break;
    case 2: is = flags & X86_EFLAGS_ZF; break;
    case 3: is = flags & (X86_EFLAGS_CF | X86_EFLAGS_ZF); break;
    case 4: is = flags & X86_EFLAGS_SF; break;
    case 5: is = flags & X86_EFLAGS_PF; break;
    case 6: is = less; break;
    default: is = less || (flags & X86_EFLAGS_ZF); break;
    }
    return is != (code & 1);
}

/* --- moves --- */

int emul_mov(struct emul *e)
{
    if (e->in.row->op[1] == Sw) {
        if ((e->in.reg & 7) > X86_SEG_GS)
            return emul_ud(e);
        SRC->val = emul_seg(e, e->in.reg & 7)->selector;
    }
    DST->val = SRC->val;
    return EMUL_OK;
}

int emul_movnti(struct emul *e)
{
    return emul_mov(e);
}

int emul_movsx(struct emul *e)
{
    DST->val = (uint64_t)emul_sign(SRC->val, MIN(SRC->bytes, DST->bytes));
    return EMUL_OK;
}

int emul_lea(struct emul *e)
{
    DST->val = SRC->ea;
    return EMUL_OK;
}

int emul_xchg(struct emul *e)
{
    uint64_t val = DST->val;

    if (e->in.map == MAP_ONE && e->in.opcode == 0x90 && !(e->in.rex & 1)) {
        DST->plain = true; /* NOP: in 64-bit code the upper half stays */
        return EMUL_OK;
    }
    DST->val = SRC->val;
    emul_set_reg(e, SRC->reg, SRC->bytes, val);
    return EMUL_OK;
}

int emul_xadd(struct emul *e)
{
    uint64_t val = DST->val;
    int rc = emul_add(e);

    emul_set_reg(e, SRC->reg, SRC->bytes, val);
    return rc;
}

int emul_cmpxchg(struct emul *e)
{
    uint64_t val = DST->val, rax = emul_reg(e, 0, DST->bytes), new = SRC->val;

    /* The comparison's operands are rAX and the destination, in this order. */
    DST->val = rax;
    SRC->val = val;
    EMUL_TRY(emul_cmp(e));
    DST->val = val;
    if (rax == val)
        DST->val = new;
    else
        emul_set_reg(e, 0, DST->bytes, val);
    /* A register destination that stays is not written, nor is its upper half. */
    if (rax != val && DST->type == OP_REG)
        DST->plain = true;
    return EMUL_OK;
}

static void set_zf(struct emul *e, bool on)
{
    e->r.rflags = on ? e->r.rflags | X86_EFLAGS_ZF : e->r.rflags & ~(unsigned long)X86_EFLAGS_ZF;
}

/* CMPXCHG8B and 16B: the destination is written in any case, as the CPU does. */
int emul_cmpxchg8b(struct emul *e)
{
    unsigned int half = e->in.rex & 8 ? 8 : 4;
    uint64_t was[2], want[2] = { emul_reg(e, 0, half), emul_reg(e, 2, half) };
    uint64_t new[2] = { emul_reg(e, 3, half), emul_reg(e, 1, half) };
    uint8_t old[16], out[16];
    uint64_t addr;
    bool same;

    EMUL_TRY(emul_linear(e, DST->seg, DST->ea, 2 * half, true, &addr));
    if (half == 8 && (addr & 15))
        return emul_gp(e);
    EMUL_TRY(e->c->ops->read(e->c, addr, old, 2 * half, e->access | EMUL_ACC_RMW));
    was[0] = was[1] = 0;
    memcpy(&was[0], old, half);
    memcpy(&was[1], old + half, half);
    same = was[0] == want[0] && was[1] == want[1];
    memcpy(out, same ? &new[0] : &was[0], half);
    memcpy(out + half, same ? &new[1] : &was[1], half);
    if (e->in.lock)
        EMUL_TRY(e->c->ops->cmpxchg(e->c, addr, old, out, 2 * half, e->access | EMUL_ACC_LOCKED));
    else
        EMUL_TRY(e->c->ops->write(e->c, addr, out, 2 * half, e->access));
    set_zf(e, same);
    if (!same) {
        emul_set_reg(e, 0, half, was[0]);
        emul_set_reg(e, 2, half, was[1]);
    }
    return EMUL_OK;
}

static uint64_t swap_bytes(uint64_t val, unsigned int bytes)
{
    return __builtin_bswap64(val) >> (64 - 8 * bytes);
}

/* Of 16 bits it is undefined; the CPUs give 0. */
int emul_bswap(struct emul *e)
{
    DST->val = DST->bytes == 2 ? 0 : swap_bytes(DST->val, DST->bytes);
    return EMUL_OK;
}

int emul_movbe(struct emul *e)
{
    DST->val = swap_bytes(SRC->val, DST->bytes);
    return EMUL_OK;
}

int emul_cmov(struct emul *e)
{
    if (emul_condition(e->r.rflags, e->in.opcode))
        DST->val = SRC->val;
    return EMUL_OK;
}

int emul_setcc(struct emul *e)
{
    DST->val = emul_condition(e->r.rflags, e->in.opcode);
    return EMUL_OK;
}

int emul_cbw(struct emul *e)
{
    unsigned int bytes = e->in.opsize;

    emul_set_reg(e, 0, bytes, (uint64_t)emul_sign(e->r.rax, bytes / 2));
    return EMUL_OK;
}

int emul_cwd(struct emul *e)
{
    unsigned int bytes = e->in.opsize;

    emul_set_reg(e, 2, bytes, emul_sign(e->r.rax, bytes) < 0 ? ~0ULL : 0);
    return EMUL_OK;
}

int emul_xlat(struct emul *e)
{
    uint64_t offset = (e->r.rbx + (e->r.rax & 0xff)) & emul_mask(e->in.adsize);
    uint8_t val;

    EMUL_TRY(emul_read(e, emul_seg_or(e, X86_SEG_DS), offset, &val, 1));
    emul_set_reg(e, 0, 1, val);
    return EMUL_OK;
}

int emul_nop(struct emul *e)
{
    return EMUL_OK;
}

/* --- flags --- */

#define LOW_FLAGS                                                                                  \
    (X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | X86_EFLAGS_SF)

int emul_lahf(struct emul *e)
{
    e->r.rax = (e->r.rax & ~0xff00UL) | (e->r.rflags & LOW_FLAGS) << 8 | 0x200;
    return EMUL_OK;
}

int emul_sahf(struct emul *e)
{
    e->r.rflags = (e->r.rflags & ~(unsigned long)LOW_FLAGS) | ((e->r.rax >> 8) & LOW_FLAGS);
    return EMUL_OK;
}

int emul_salc(struct emul *e)
{
    emul_set_reg(e, 0, 1, e->r.rflags & X86_EFLAGS_CF ? 0xff : 0);
    return EMUL_OK;
}

#define FLAG_EXEC(name, change)                                                                    \
    int emul_##name(struct emul *e)                                                                \
    {                                                                                              \
        e->r.rflags change;                                                                        \
        return EMUL_OK;                                                                            \
    }
FLAG_EXEC(cmc, ^= X86_EFLAGS_CF)
FLAG_EXEC(clc, &= ~(unsigned long)X86_EFLAGS_CF)
FLAG_EXEC(stc, |= X86_EFLAGS_CF)
FLAG_EXEC(cld, &= ~(unsigned long)X86_EFLAGS_DF)
FLAG_EXEC(std, |= X86_EFLAGS_DF)

static unsigned int iopl(const struct emul *e)
{
    return (unsigned int)(e->r.rflags & X86_EFLAGS_IOPL) >> 12;
}

/* CLI and STI act on IF if the privilege is there, else, with the virtual interrupt flag of
   virtual-8086 mode (VME) or of protected mode at CPL 3 (PVI), on VIF. The flag, or 0: #GP. */
static uint64_t interrupt_flag(const struct emul *e)
{
    bool virtual = emul_v86(e) ? e->c->cr4 & X86_CR4_VME
                               : (e->c->cr4 & X86_CR4_PVI) && e->cpl == 3;

    if (emul_v86(e) ? iopl(e) == 3 : e->cpl <= iopl(e))
        return X86_EFLAGS_IF;
    return virtual ? X86_EFLAGS_VIF : 0;
}

int emul_cli(struct emul *e)
{
    uint64_t flag = interrupt_flag(e);

    if (!flag)
        return emul_gp(e);
    e->r.rflags &= ~flag;
    return EMUL_OK;
}

int emul_sti(struct emul *e)
{
    uint64_t flag = interrupt_flag(e);

    if (!flag || (flag == X86_EFLAGS_VIF && (e->r.rflags & X86_EFLAGS_VIP)))
        return emul_gp(e);
    e->c->out.sti = flag == X86_EFLAGS_IF && !(e->r.rflags & X86_EFLAGS_IF);
    e->r.rflags |= flag;
    return EMUL_OK;
}

/* --- the stack --- */

int emul_push(struct emul *e)
{
    return emul_stack_push(e, e->in.row->op[0] ? DST->val : SRC->val, e->in.opsize);
}

/* An address that uses RSP uses the one after the pop. */
int emul_pop(struct emul *e)
{
    EMUL_TRY(emul_stack_pop(e, &DST->val, DST->bytes));
    if (DST->type == OP_MEM)
        DST->ea = emul_ea(e);
    return EMUL_OK;
}

int emul_pusha(struct emul *e)
{
    uint64_t rsp = e->r.rsp;
    unsigned int n;

    for (n = 0; n < 8; n++)
        EMUL_TRY(emul_stack_push(e, n == 4 ? rsp : *emul_reg_ptr(&e->r, n), e->in.opsize));
    return EMUL_OK;
}

int emul_popa(struct emul *e)
{
    uint64_t val;
    unsigned int n;

    for (n = 8; n-- > 0;) {
        EMUL_TRY(emul_stack_pop(e, &val, e->in.opsize));
        if (n != 4)
            emul_set_reg(e, n, e->in.opsize, val);
    }
    return EMUL_OK;
}

int emul_pushf(struct emul *e)
{
    uint64_t flags = e->r.rflags & ~(uint64_t)(X86_EFLAGS_VM | X86_EFLAGS_RF);

    if (emul_v86(e) && iopl(e) < 3) {
        if (!(e->c->cr4 & X86_CR4_VME) || e->in.opsize != 2)
            return emul_gp(e);
        flags = (flags & ~(uint64_t)X86_EFLAGS_IF) | X86_EFLAGS_IOPL |
                (flags & X86_EFLAGS_VIF ? X86_EFLAGS_IF : 0);
    }
    return emul_stack_push(e, flags, e->in.opsize);
}

/* Which flags POPF and IRET change, by privilege. */
uint64_t emul_flags_mask(const struct emul *e, unsigned int bytes)
{
    uint64_t mask = FLAGS_ARITH | X86_EFLAGS_TF | X86_EFLAGS_DF | X86_EFLAGS_NT;

    if (bytes > 2)
        mask |= X86_EFLAGS_AC | X86_EFLAGS_ID | X86_EFLAGS_RF;
    if (e->cpl <= iopl(e))
        mask |= X86_EFLAGS_IF;
    if (e->cpl == 0)
        mask |= X86_EFLAGS_IOPL;
    return mask;
}

/* Virtual-8086 mode with VME and without IOPL: IF is VIF. */
static int popf_virtual(struct emul *e)
{
    uint64_t flags, mask = emul_flags_mask(e, 2) & ~(uint64_t)X86_EFLAGS_IF;

    if (!(e->c->cr4 & X86_CR4_VME) || e->in.opsize != 2)
        return emul_gp(e);
    EMUL_TRY(emul_stack_pop(e, &flags, 2));
    if ((flags & X86_EFLAGS_TF) ||
        ((flags & X86_EFLAGS_IF) && (e->r.rflags & X86_EFLAGS_VIP)))
        return emul_gp(e);
    e->r.rflags = (e->r.rflags & ~(mask | X86_EFLAGS_VIF)) | (flags & mask) |
                  (flags & X86_EFLAGS_IF ? X86_EFLAGS_VIF : 0);
    return EMUL_OK;
}

int emul_popf(struct emul *e)
{
    uint64_t flags, mask = emul_flags_mask(e, e->in.opsize) & ~(uint64_t)X86_EFLAGS_RF;

    if (emul_v86(e) && iopl(e) < 3)
        return popf_virtual(e);
    EMUL_TRY(emul_stack_pop(e, &flags, e->in.opsize));
    if (e->in.opsize > 2 && e->cpl == 0)
        e->r.rflags &= ~(unsigned long)(X86_EFLAGS_VIF | X86_EFLAGS_VIP);
    e->r.rflags = (e->r.rflags & ~mask) | (flags & mask);
    return EMUL_OK;
}

static int copy_frames(struct emul *e, unsigned int level)
{
    unsigned int bytes = e->in.opsize;
    uint64_t mask = emul_mask(emul_stack_bytes(e)), rbp = e->r.rbp, val;

    while (--level) {
        rbp -= bytes;
        val = 0;
        EMUL_TRY(emul_read(e, X86_SEG_SS, rbp & mask, &val, bytes));
        EMUL_TRY(emul_stack_push(e, val, bytes));
    }
    return EMUL_OK;
}

int emul_enter(struct emul *e)
{
    unsigned int level = e->in.imm2 & 31, bytes = e->in.opsize;
    uint64_t frame;

    EMUL_TRY(emul_stack_push(e, e->r.rbp, bytes));
    frame = e->r.rsp;
    if (level) {
        EMUL_TRY(copy_frames(e, level));
        EMUL_TRY(emul_stack_push(e, frame, bytes));
    }
    emul_set_reg(e, 5, emul_stack_bytes(e), frame);
    emul_move_rsp(e, -(int64_t)(e->in.imm & 0xffff));
    return EMUL_OK;
}

int emul_leave(struct emul *e)
{
    uint64_t val;

    emul_set_reg(e, 4, emul_stack_bytes(e), e->r.rbp);
    EMUL_TRY(emul_stack_pop(e, &val, e->in.opsize));
    emul_set_reg(e, 5, e->in.opsize, val);
    return EMUL_OK;
}

int emul_bound(struct emul *e)
{
    unsigned int bytes = DST->bytes;
    uint64_t bounds[2] = { 0, 0 };
    int64_t index = emul_sign(emul_reg(e, e->in.reg, bytes), bytes);

    EMUL_TRY(emul_read(e, SRC->seg, SRC->ea, &bounds[0], bytes));
    EMUL_TRY(emul_read(e, SRC->seg, (SRC->ea + bytes) & emul_mask(e->in.adsize), &bounds[1],
                       bytes));
    if (index < emul_sign(bounds[0], bytes) || index > emul_sign(bounds[1], bytes))
        return emul_fault(e, X86_EXC_BR);
    return EMUL_OK;
}
