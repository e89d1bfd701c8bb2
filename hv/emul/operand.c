/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Operands: registers, effective addresses, the checks of segmentation, memory, the stack.
 * Source: AMD64 APM volume 2, "Segmentation Protection Checks" and "Canonical Address Form".
 */
#include <hv/lib.h>
#include "emul_priv.h"

/* --- registers --- */

unsigned long *emul_reg_ptr(struct cpu_user_regs *r, unsigned int n)
{
    static const uint8_t offset[16] = {
#define AT(reg) offsetof(struct cpu_user_regs, reg)
        AT(rax), AT(rcx), AT(rdx), AT(rbx), AT(rsp), AT(rbp), AT(rsi), AT(rdi),
        AT(r8), AT(r9), AT(r10), AT(r11), AT(r12), AT(r13), AT(r14), AT(r15),
#undef AT
    };

    return (unsigned long *)((char *)r + offset[n & 15]);
}

static bool high_byte(const struct emul *e, unsigned int n, unsigned int bytes)
{
    return bytes == 1 && !e->in.rex && n >= 4 && n < 8;
}

uint64_t emul_reg(const struct emul *e, unsigned int n, unsigned int bytes)
{
    struct cpu_user_regs *r = (struct cpu_user_regs *)&e->r;

    if (high_byte(e, n, bytes))
        return (*emul_reg_ptr(r, n - 4) >> 8) & 0xff;
    return *emul_reg_ptr(r, n) & emul_mask(bytes);
}

void emul_set_reg(struct emul *e, unsigned int n, unsigned int bytes, uint64_t val)
{
    unsigned long *reg = emul_reg_ptr(&e->r, n);
    uint64_t mask = emul_mask(bytes);

    if (high_byte(e, n, bytes)) {
        reg = emul_reg_ptr(&e->r, n - 4);
        *reg = (*reg & ~0xff00UL) | (val & 0xff) << 8;
    } else if (bytes == 4) {
        *reg = (uint32_t)val;
    } else {
        *reg = (*reg & ~mask) | (val & mask);
    }
}

const struct x86_segment *emul_seg(struct emul *e, enum x86_seg_index n)
{
    return e->seg_dirty & BIT(n) ? &e->seg[n] : emul_ctxt_seg(e->c, n);
}

void emul_set_seg(struct emul *e, enum x86_seg_index n, const struct x86_segment *s)
{
    e->seg[n] = *s;
    e->seg_dirty |= (uint32_t)BIT(n);
}

/* --- addresses --- */

uint64_t emul_ea(struct emul *e)
{
    const struct emul_insn *in = &e->in;
    uint64_t ea = (uint64_t)in->disp;

    if (in->base != NO_REG)
        ea += *emul_reg_ptr(&e->r, in->base);
    if (in->index != NO_REG)
        ea += *emul_reg_ptr(&e->r, in->index) << in->scale;
    if (in->rip_relative)
        ea += e->c->regs->rip + in->len;
    return ea & emul_mask(in->adsize);
}

unsigned int emul_seg_or(const struct emul *e, unsigned int seg)
{
    return e->in.seg != NO_REG ? e->in.seg : seg;
}

static int segment_fault(struct emul *e, unsigned int seg)
{
    return emul_fault_code(e, seg == X86_SEG_SS ? X86_EXC_SS : X86_EXC_GP, 0);
}

static bool within_limit(const struct x86_segment *s, uint64_t offset, unsigned int bytes,
                         bool code)
{
    uint64_t last = offset + bytes - 1;

    if (!code && (s->attr & SEG_EXPAND_DOWN))
        return offset > s->limit && last <= (s->attr & SEG_DB ? 0xffffffffULL : 0xffff);
    return last <= s->limit;
}

static int check_legacy(struct emul *e, unsigned int seg, uint64_t offset, unsigned int bytes,
                        bool write)
{
    const struct x86_segment *s = emul_seg(e, seg);
    bool code = false;

    if (emul_protected(e)) {
        if (!(s->attr & SEG_P))
            return segment_fault(e, seg);
        code = s->attr & SEG_CODE;
        if (write ? code || !(s->attr & SEG_WRITABLE) : code && !(s->attr & SEG_WRITABLE))
            return segment_fault(e, seg);
    }
    return within_limit(s, offset, bytes, code) ? EMUL_OK : segment_fault(e, seg);
}

/* Alignment is checked for the sizes of general registers. */
static bool misaligned(const struct emul *e, uint64_t addr, unsigned int bytes)
{
    return e->cpl == 3 && bytes <= 8 && (addr & (bytes - 1)) && !(bytes & (bytes - 1)) &&
           (e->c->cr0 & X86_CR0_AM) && (e->c->regs->rflags & X86_EFLAGS_AC);
}

int emul_linear(struct emul *e, unsigned int seg, uint64_t offset, unsigned int bytes, bool write,
                uint64_t *addr)
{
    if (e->in.bits == 64) {
        *addr = offset + (seg >= X86_SEG_FS ? emul_seg(e, seg)->base : 0);
        if (!emul_canonical(*addr) || !emul_canonical(*addr + bytes - 1))
            return segment_fault(e, seg);
    } else {
        EMUL_TRY(check_legacy(e, seg, offset, bytes, write));
        *addr = (uint32_t)(emul_seg(e, seg)->base + offset);
    }
    return misaligned(e, *addr, bytes) ? emul_fault_code(e, X86_EXC_AC, 0) : EMUL_OK;
}

int emul_read(struct emul *e, unsigned int seg, uint64_t offset, void *buf, unsigned int bytes)
{
    uint64_t addr;

    EMUL_TRY(emul_linear(e, seg, offset, bytes, false, &addr));
    return e->c->ops->read(e->c, addr, buf, bytes, e->access);
}

int emul_write(struct emul *e, unsigned int seg, uint64_t offset, const void *buf,
               unsigned int bytes)
{
    uint64_t addr;

    EMUL_TRY(emul_linear(e, seg, offset, bytes, true, &addr));
    return e->c->ops->write(e->c, addr, buf, bytes, e->access);
}

/* --- the stack --- */

unsigned int emul_stack_bytes(struct emul *e)
{
    if (e->in.bits == 64)
        return 8;
    return emul_seg(e, X86_SEG_SS)->attr & SEG_DB ? 4 : 2;
}

void emul_move_rsp(struct emul *e, int64_t n)
{
    uint64_t mask = emul_mask(emul_stack_bytes(e));
    uint64_t rsp = (e->r.rsp + (uint64_t)n) & mask;

    /* A 32-bit stack pointer leaves nothing above it. */
    e->r.rsp = mask == 0xffff ? (e->r.rsp & ~mask) | rsp : rsp;
}

int emul_stack_push(struct emul *e, uint64_t val, unsigned int bytes)
{
    uint64_t mask = emul_mask(emul_stack_bytes(e));

    emul_move_rsp(e, -(int64_t)bytes);
    return emul_write(e, X86_SEG_SS, e->r.rsp & mask, &val, bytes);
}

int emul_stack_pop(struct emul *e, uint64_t *val, unsigned int bytes)
{
    uint64_t mask = emul_mask(emul_stack_bytes(e));

    *val = 0;
    EMUL_TRY(emul_read(e, X86_SEG_SS, e->r.rsp & mask, val, bytes));
    emul_move_rsp(e, bytes);
    return EMUL_OK;
}

/* --- operands of a row --- */

static uint8_t kind_bytes(const struct emul_insn *in, uint8_t kind)
{
    switch (kind) {
    case Eb: case Gb: case Ob: case Zb: case rAl: case rCl: return 1;
    case Ew: case Gw: case rDx: return 2;
    case Ed: case Gd: return 4;
    case Ey: case Gy: case By: return in->rex & 8 ? 8 : 4;
    case Rr: return in->bits == 64 ? 8 : 4;
    default: return in->opsize;
    }
}

static void set_memory(struct emul *e, struct emul_op *op)
{
    op->type = OP_MEM;
    op->seg = (uint8_t)emul_seg_or(e, e->in.stack_base ? X86_SEG_SS : X86_SEG_DS);
    op->ea = emul_ea(e);
}

static void set_rm(struct emul *e, struct emul_op *op)
{
    if (e->in.mod != 3) {
        set_memory(e, op);
    } else {
        op->type = OP_REG;
        op->reg = e->in.rm;
    }
}

static void set_value(struct emul_op *op, uint64_t val)
{
    op->type = OP_VALUE;
    op->val = val;
}

static void set_register(struct emul_op *op, unsigned int reg)
{
    op->type = OP_REG;
    op->reg = (uint8_t)reg;
}

static void set_operand(struct emul *e, struct emul_op *op, uint8_t kind)
{
    const struct emul_insn *in = &e->in;

    op->bytes = kind_bytes(in, kind);
    switch (kind) {
    case Eb: case Ew: case Ed: case Ev: case Ey: case Rr: set_rm(e, op); break;
    case Ew_v: /* a whole register, or a word of memory */
        set_rm(e, op);
        if (op->type == OP_MEM)
            op->bytes = 2;
        break;
    case M: case Wx: case Wd: case Wq: case Qx:
        set_rm(e, op);
        op->plain = true;
        break;
    case Gb: case Gw: case Gd: case Gv: case Gy: set_register(op, in->reg); break;
    case By: set_register(op, in->vex_reg); break;
    case Zb: case Zv: set_register(op, (in->opcode & 7) | (in->rex & 1 ? 8 : 0)); break;
    case rAl: case rAx: set_register(op, 0); break;
    case rCl: set_register(op, 1); op->bytes = 1; break;
    case rDx: set_register(op, 2); break;
    case Ob: case Ov: set_memory(e, op); break;
    case Ib: case Ibs: case Iw: case Id: case Iz: case Iv: case Jb: case Jz: case Ap:
        set_value(op, in->imm);
        break;
    case One: set_value(op, 1); break;
    default: op->plain = true; break;
    }
}

/* BT and its like with a register: the bit may lie anywhere around the operand. */
static void move_to_bit(struct emul *e)
{
    struct emul_op *op = &e->op[0];
    int64_t bit = emul_sign(emul_reg(e, e->op[1].reg, op->bytes), op->bytes);
    int64_t units = bit >> (op->bytes == 8 ? 6 : op->bytes == 4 ? 5 : 4);

    op->ea = (op->ea + (uint64_t)(units * op->bytes)) & emul_mask(e->in.adsize);
}

static int read_operand(struct emul *e, struct emul_op *op, bool rmw)
{
    uint64_t addr;

    if (op->plain)
        return EMUL_OK;
    if (op->type == OP_REG) {
        op->val = emul_reg(e, op->reg, op->bytes);
    } else if (op->type == OP_MEM) {
        EMUL_TRY(emul_linear(e, op->seg, op->ea, op->bytes, rmw, &addr));
        op->val = 0;
        EMUL_TRY(e->c->ops->read(e->c, addr, &op->val, op->bytes,
                                 e->access | (rmw ? EMUL_ACC_RMW : 0)));
    }
    op->old = op->val;
    return EMUL_OK;
}

int emul_operands(struct emul *e)
{
    const struct emul_row *row = e->in.row;
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(e->op); i++)
        if (row->op[i] != O_NONE)
            set_operand(e, &e->op[i], row->op[i]);
    if ((row->flags & F_BITS) && e->op[0].type == OP_MEM)
        move_to_bit(e);
    for (i = ARRAY_SIZE(e->op) - 1; i > 0; i--)
        EMUL_TRY(read_operand(e, &e->op[i], false));
    if (row->flags & F_WO)
        return EMUL_OK;
    return read_operand(e, &e->op[0], !(row->flags & F_RO));
}

static int write_memory(struct emul *e, const struct emul_op *op)
{
    bool locked = e->in.lock || (e->in.row->flags & F_LOCKED);
    uint64_t addr;

    EMUL_TRY(emul_linear(e, op->seg, op->ea, op->bytes, true, &addr));
    if (locked)
        return e->c->ops->cmpxchg(e->c, addr, &op->old, &op->val, op->bytes,
                                  e->access | EMUL_ACC_LOCKED);
    return e->c->ops->write(e->c, addr, &op->val, op->bytes, e->access);
}

int emul_write_back(struct emul *e)
{
    const struct emul_op *op = &e->op[0];

    if ((e->in.row->flags & F_RO) || op->plain)
        return EMUL_OK;
    if (op->type == OP_MEM)
        return write_memory(e, op);
    if (op->type == OP_REG)
        emul_set_reg(e, op->reg, op->bytes, op->val);
    return EMUL_OK;
}
