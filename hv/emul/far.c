/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Far transfers: JMP, CALL, RET and IRET between segments, through call gates, to tasks, to and
 * from virtual-8086 mode. AMD64 APM volume 3, "CALL (Far)", "JMP (Far)", "RET (Far)", "IRET".
 */
#include <hv/lib.h>
#include "emul_priv.h"
#include "exec.h"

void emul_update_mode(struct emul *e)
{
    const struct x86_segment *cs = emul_seg(e, X86_SEG_CS);

    if (!emul_protected(e))
        e->in.bits = 16;
    else if (emul_long(e) && (cs->attr & SEG_L))
        e->in.bits = 64;
    else
        e->in.bits = cs->attr & SEG_DB ? 32 : 16;
    e->access = e->cpl == 3 ? EMUL_ACC_USER : 0;
}

int emul_enter_code(struct emul *e, struct emul_desc *d, uint16_t selector, unsigned int cpl,
                    uint64_t target)
{
    struct x86_segment cs;

    EMUL_TRY(emul_desc_mark(e, d, SEG_ACCESSED));
    emul_desc_segment(d, (uint16_t)((selector & ~3U) | cpl), &cs);
    if (!emul_long(e) || !(cs.attr & SEG_L))
        target = (uint32_t)target;
    EMUL_TRY(emul_check_target(e, &cs, target));
    emul_set_seg(e, X86_SEG_CS, &cs);
    e->r.rip = target;
    e->cpl = cpl;
    return EMUL_OK;
}

static bool is_code(const struct emul_desc *d)
{
    return (emul_desc_type(d) & (DESC_IS_SEGMENT | DESC_IS_CODE)) ==
           (DESC_IS_SEGMENT | DESC_IS_CODE);
}

static bool conforming(const struct emul_desc *d)
{
    return emul_desc_type(d) & DESC_CONFORMING;
}

/* L and D together mean nothing. */
static bool bad_long_code(const struct emul *e, const struct emul_desc *d)
{
    return emul_long(e) && (d->low >> 53 & 3) == 3;
}

static int gp_sel(struct emul *e, uint16_t selector)
{
    return emul_fault_code(e, X86_EXC_GP, selector & ~3U);
}

static int push_return(struct emul *e, unsigned int bytes, uint16_t cs, uint64_t rip)
{
    EMUL_TRY(emul_stack_push(e, cs, bytes));
    return emul_stack_push(e, rip, bytes);
}

/* --- JMP and CALL --- */

static int far_real(struct emul *e, uint16_t selector, uint64_t offset, bool call)
{
    const struct x86_segment *cs = emul_seg(e, X86_SEG_CS);
    uint16_t old = cs->selector;

    EMUL_TRY(emul_check_target(e, cs, offset));
    if (call)
        EMUL_TRY(push_return(e, e->in.opsize, old, e->r.rip));
    emul_load_real(e, X86_SEG_CS, selector);
    e->r.rip = offset;
    return EMUL_OK;
}

static int far_code(struct emul *e, struct emul_desc *d, uint16_t selector, uint64_t offset,
                    bool call)
{
    uint16_t old = emul_seg(e, X86_SEG_CS)->selector;
    unsigned int dpl = emul_desc_dpl(d);
    uint64_t back = e->r.rip;

    if (conforming(d) ? dpl > e->cpl : (selector & 3U) > e->cpl || dpl != e->cpl)
        return gp_sel(e, selector);
    if (bad_long_code(e, d))
        return gp_sel(e, selector);
    if (!emul_desc_present(d))
        return emul_fault_code(e, X86_EXC_NP, selector & ~3U);
    if (call)
        EMUL_TRY(push_return(e, e->in.opsize, old, back));
    return emul_enter_code(e, d, selector, e->cpl, offset);
}

#define GATE_WORDS 31

/* What a call gate carries over to the inner stack. */
struct frame {
    uint16_t cs, ss;
    uint64_t rip, rsp;
    unsigned int bytes, words;
    uint64_t word[GATE_WORDS];
};

static int read_parameters(struct emul *e, struct frame *f)
{
    uint64_t mask = emul_mask(emul_stack_bytes(e));
    unsigned int i;

    for (i = 0; i < f->words; i++) {
        f->word[i] = 0;
        EMUL_TRY(emul_read(e, X86_SEG_SS, (e->r.rsp + i * f->bytes) & mask, &f->word[i], f->bytes));
    }
    return EMUL_OK;
}

static int push_frame(struct emul *e, const struct frame *f)
{
    unsigned int i;

    EMUL_TRY(emul_stack_push(e, f->ss, f->bytes));
    EMUL_TRY(emul_stack_push(e, f->rsp, f->bytes));
    for (i = f->words; i-- > 0;)
        EMUL_TRY(emul_stack_push(e, f->word[i], f->bytes));
    return push_return(e, f->bytes, f->cs, f->rip);
}

static int gate_inner(struct emul *e, struct emul_desc *code, uint16_t selector, uint64_t offset,
                      struct frame *f)
{
    unsigned int cpl = emul_desc_dpl(code);
    uint16_t ss;
    uint64_t rsp;

    EMUL_TRY(emul_tss_stack(e, cpl, &ss, &rsp));
    EMUL_TRY(read_parameters(e, f));
    EMUL_TRY(emul_enter_code(e, code, selector, cpl, offset));
    emul_update_mode(e);
    if (emul_long(e))
        ss = (uint16_t)cpl;
    EMUL_TRY(emul_load_stack(e, ss, cpl, X86_EXC_TS));
    emul_set_reg(e, 4, emul_stack_bytes(e), rsp);
    return push_frame(e, f);
}

static unsigned int gate_bytes(const struct emul *e, const struct emul_desc *gate)
{
    return emul_long(e) ? 8 : emul_desc_type(gate) == DESC_CALL32 ? 4 : 2;
}

static int far_gate(struct emul *e, const struct emul_desc *gate, bool call)
{
    uint16_t selector = (uint16_t)(gate->low >> 16);
    uint64_t offset = (gate->low & 0xffff) | ((gate->low >> 32) & 0xffff0000) | gate->high << 32;
    struct frame f = { .cs = emul_seg(e, X86_SEG_CS)->selector,
                       .ss = emul_seg(e, X86_SEG_SS)->selector, .rip = e->r.rip, .rsp = e->r.rsp,
                       .bytes = gate_bytes(e, gate) };
    struct emul_desc code;
    unsigned int dpl;

    EMUL_TRY(emul_read_desc(e, selector, X86_EXC_GP, &code));
    dpl = emul_desc_dpl(&code);
    if (code.null || !is_code(&code) || dpl > e->cpl || (emul_long(e) && (code.low >> 53 & 3) != 1))
        return gp_sel(e, selector);
    if (!call && !conforming(&code) && dpl != e->cpl)
        return gp_sel(e, selector);
    if (!emul_desc_present(&code))
        return emul_fault_code(e, X86_EXC_NP, selector & ~3U);
    if (f.bytes == 2)
        offset &= 0xffff;
    if (!emul_long(e))
        f.words = (gate->low >> 32) & GATE_WORDS;
    if (call && !conforming(&code) && dpl < e->cpl)
        return gate_inner(e, &code, selector, offset, &f);
    if (call)
        EMUL_TRY(push_return(e, f.bytes, f.cs, f.rip));
    return emul_enter_code(e, &code, selector, e->cpl, offset);
}

static int far_task(struct emul *e, const struct emul_desc *d, uint16_t selector, bool call)
{
    if (emul_desc_type(d) == DESC_TASK_GATE)
        selector = (uint16_t)(d->low >> 16);
    return emul_switch_task(e, selector, call ? EMUL_TASK_CALL : EMUL_TASK_JMP, false, 0);
}

static int far_system(struct emul *e, const struct emul_desc *d, uint16_t selector, bool call)
{
    unsigned int type = emul_desc_type(d);
    bool gate = type == DESC_CALL32 || (type == DESC_CALL16 && !emul_long(e));
    bool task = (type == DESC_TSS16 || type == DESC_TSS32 || type == DESC_TASK_GATE) &&
                !emul_long(e);

    if (!gate && !task)
        return gp_sel(e, selector);
    if (emul_desc_dpl(d) < e->cpl || emul_desc_dpl(d) < (selector & 3U))
        return gp_sel(e, selector);
    if (!emul_desc_present(d))
        return emul_fault_code(e, X86_EXC_NP, selector & ~3U);
    return gate ? far_gate(e, d, call) : far_task(e, d, selector, call);
}

static int far(struct emul *e, bool call)
{
    uint16_t selector = (uint16_t)e->in.imm2;
    uint64_t offset = e->in.imm & emul_mask(e->in.opsize);
    struct emul_desc d;

    if (e->op[0].type == OP_MEM) {
        uint64_t behind = (e->op[0].ea + e->in.opsize) & emul_mask(e->in.adsize);

        offset = 0;
        EMUL_TRY(emul_read(e, e->op[0].seg, e->op[0].ea, &offset, e->in.opsize));
        EMUL_TRY(emul_read(e, e->op[0].seg, behind, &selector, 2));
    }
    if (!emul_protected(e))
        return far_real(e, selector, offset, call);
    EMUL_TRY(emul_read_desc(e, selector, X86_EXC_GP, &d));
    if (d.null)
        return emul_gp(e);
    return is_code(&d) ? far_code(e, &d, selector, offset, call)
                       : far_system(e, &d, selector, call);
}

int emul_jmp_far(struct emul *e)
{
    return far(e, false);
}

int emul_call_far(struct emul *e)
{
    return far(e, true);
}

/* --- RET and IRET --- */

/* Segments that the outer level may not use are lost. */
static void drop_inner_segments(struct emul *e)
{
    static const uint8_t which[] = { X86_SEG_ES, X86_SEG_DS, X86_SEG_FS, X86_SEG_GS };
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(which); i++) {
        struct x86_segment s = *emul_seg(e, which[i]);

        if ((s.attr & SEG_P) && seg_dpl(&s) < e->cpl &&
            (s.attr & (SEG_CODE | SEG_EXPAND_DOWN)) != (SEG_CODE | SEG_EXPAND_DOWN)) {
            s = (struct x86_segment){ .selector = 0 };
            emul_set_seg(e, which[i], &s);
        }
    }
}

/* The code segment that a return goes to. */
static int return_desc(struct emul *e, uint16_t selector, struct emul_desc *d)
{
    unsigned int rpl = selector & 3;

    EMUL_TRY(emul_read_desc(e, selector, X86_EXC_GP, d));
    if (d->null || !is_code(d) || rpl < e->cpl || bad_long_code(e, d))
        return gp_sel(e, selector);
    if (conforming(d) ? emul_desc_dpl(d) > rpl : emul_desc_dpl(d) != rpl)
        return gp_sel(e, selector);
    if (!emul_desc_present(d))
        return emul_fault_code(e, X86_EXC_NP, selector & ~3U);
    return EMUL_OK;
}

/* Goes to CS:RIP, with SS:RSP from the stack if the privilege changes or `stack` says so; `drop`
   bytes of parameters are removed from both stacks. */
static int return_to(struct emul *e, uint16_t selector, uint64_t rip, bool stack, unsigned int drop)
{
    unsigned int rpl = selector & 3, bytes = e->in.opsize;
    uint64_t rsp = 0, ss = 0;
    struct emul_desc d;

    EMUL_TRY(return_desc(e, selector, &d));
    emul_move_rsp(e, drop);
    stack = stack || rpl != e->cpl;
    if (stack) {
        EMUL_TRY(emul_stack_pop(e, &rsp, bytes));
        EMUL_TRY(emul_stack_pop(e, &ss, bytes));
    }
    EMUL_TRY(emul_enter_code(e, &d, selector, rpl, rip));
    emul_update_mode(e);
    if (!stack)
        return EMUL_OK;
    EMUL_TRY(emul_load_stack(e, (uint16_t)ss, rpl, X86_EXC_GP));
    emul_set_reg(e, 4, emul_stack_bytes(e), rsp);
    emul_move_rsp(e, drop);
    drop_inner_segments(e);
    return EMUL_OK;
}

int emul_ret_far(struct emul *e)
{
    unsigned int drop = e->in.imm & 0xffff;
    uint64_t rip, cs;

    EMUL_TRY(emul_stack_pop(e, &rip, e->in.opsize));
    EMUL_TRY(emul_stack_pop(e, &cs, e->in.opsize));
    if (emul_protected(e))
        return return_to(e, (uint16_t)cs, rip, false, drop);
    EMUL_TRY(emul_check_target(e, emul_seg(e, X86_SEG_CS), rip));
    emul_load_real(e, X86_SEG_CS, (uint16_t)cs);
    e->r.rip = rip;
    emul_move_rsp(e, drop);
    return EMUL_OK;
}

static void load_flags(struct emul *e, uint64_t flags, uint64_t mask)
{
    e->r.rflags = (e->r.rflags & ~mask) | (flags & mask) | X86_EFLAGS_MBS;
}

static int iret_real(struct emul *e, uint64_t rip, uint16_t cs, uint64_t flags)
{
    EMUL_TRY(emul_check_target(e, emul_seg(e, X86_SEG_CS), rip));
    emul_load_real(e, X86_SEG_CS, cs);
    e->r.rip = rip;
    load_flags(e, flags, emul_v86(e) ? emul_flags_mask(e, e->in.opsize) & ~(uint64_t)X86_EFLAGS_IOPL
                                     : emul_flags_mask(e, e->in.opsize));
    return EMUL_OK;
}

/* To virtual-8086 mode. */
static int iret_v86(struct emul *e, uint64_t rip, uint16_t cs, uint64_t flags)
{
    static const uint8_t order[] = { X86_SEG_SS, X86_SEG_ES, X86_SEG_DS, X86_SEG_FS, X86_SEG_GS };
    uint64_t rsp, selector[ARRAY_SIZE(order)];
    unsigned int i;

    EMUL_TRY(emul_stack_pop(e, &rsp, 4));
    for (i = 0; i < ARRAY_SIZE(order); i++)
        EMUL_TRY(emul_stack_pop(e, &selector[i], 4));
    load_flags(e, flags, emul_flags_mask(e, 4) | X86_EFLAGS_VM | X86_EFLAGS_VIF | X86_EFLAGS_VIP);
    for (i = 0; i < ARRAY_SIZE(order); i++)
        emul_load_real(e, order[i], (uint16_t)selector[i]);
    emul_load_real(e, X86_SEG_CS, cs);
    e->r.rip = rip & 0xffff;
    e->r.rsp = (uint32_t)rsp;
    e->cpl = 3;
    emul_update_mode(e);
    return EMUL_OK;
}

static int iret_task(struct emul *e)
{
    const struct x86_segment *tr = emul_seg(e, X86_SEG_TR);
    uint16_t back;

    if (emul_long(e))
        return emul_gp(e);
    EMUL_TRY(e->c->ops->read(e->c, (uint32_t)tr->base, &back, 2, EMUL_ACC_SYSTEM));
    return emul_switch_task(e, back, EMUL_TASK_IRET, false, 0);
}

static int iret_protected(struct emul *e, uint64_t rip, uint16_t cs, uint64_t flags)
{
    uint64_t mask = emul_flags_mask(e, e->in.opsize);

    if (e->cpl == 0 && e->in.opsize > 2) {
        if ((flags & X86_EFLAGS_VM) && !emul_long(e))
            return iret_v86(e, rip, cs, flags);
        mask |= X86_EFLAGS_VIF | X86_EFLAGS_VIP;
    }
    EMUL_TRY(return_to(e, cs, rip, e->in.bits == 64, 0));
    load_flags(e, flags, mask);
    return EMUL_OK;
}

int emul_iret(struct emul *e)
{
    uint64_t rip, cs, flags;

    e->c->out.iret = true;
    if (emul_v86(e) && (e->r.rflags & X86_EFLAGS_IOPL) != X86_EFLAGS_IOPL)
        return emul_gp(e);
    if (emul_protected(e) && (e->r.rflags & X86_EFLAGS_NT))
        return iret_task(e);
    EMUL_TRY(emul_stack_pop(e, &rip, e->in.opsize));
    EMUL_TRY(emul_stack_pop(e, &cs, e->in.opsize));
    EMUL_TRY(emul_stack_pop(e, &flags, e->in.opsize));
    if (emul_protected(e))
        return iret_protected(e, rip, (uint16_t)cs, flags);
    return iret_real(e, rip, (uint16_t)cs, flags);
}
