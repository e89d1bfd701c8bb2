/* SPDX-License-Identifier: BSD-2-Clause */
/* Near branches, and the instructions that raise exceptions or wait. */
#include "emul_priv.h"
#include "exec.h"

int emul_check_target(struct emul *e, const struct x86_segment *cs, uint64_t target)
{
    bool fits = emul_long(e) && (cs->attr & SEG_L) && emul_protected(e) ? emul_canonical(target)
                                                                      : target <= cs->limit;

    return fits ? EMUL_OK : emul_gp(e);
}

int emul_jump(struct emul *e, uint64_t target)
{
    target &= emul_mask(e->in.opsize);
    EMUL_TRY(emul_check_target(e, emul_seg(e, X86_SEG_CS), target));
    e->r.rip = target;
    return EMUL_OK;
}

/* The branch's operand: an offset from the next instruction, or a place. */
static uint64_t target_of(const struct emul *e)
{
    return e->in.row->op[0] ? e->op[0].val : e->r.rip + e->in.imm;
}

int emul_jmp(struct emul *e)
{
    return emul_jump(e, target_of(e));
}

int emul_jcc(struct emul *e)
{
    return emul_condition(e->r.rflags, e->in.opcode) ? emul_jmp(e) : EMUL_OK;
}

int emul_call(struct emul *e)
{
    uint64_t back = e->r.rip;

    EMUL_TRY(emul_jump(e, target_of(e)));
    return emul_stack_push(e, back, e->in.opsize);
}

int emul_ret(struct emul *e)
{
    uint64_t target;

    EMUL_TRY(emul_stack_pop(e, &target, e->in.opsize));
    EMUL_TRY(emul_jump(e, target));
    emul_move_rsp(e, (int64_t)(e->in.imm & 0xffff));
    return EMUL_OK;
}

int emul_loop(struct emul *e)
{
    uint64_t count = (emul_reg(e, 1, e->in.adsize) - 1) & emul_mask(e->in.adsize);
    bool zf = e->r.rflags & X86_EFLAGS_ZF, want = e->in.opcode & 1;

    emul_set_reg(e, 1, e->in.adsize, count);
    if (!count || (!(e->in.opcode & 2) && zf != want))
        return EMUL_OK;
    return emul_jmp(e);
}

int emul_jcxz(struct emul *e)
{
    return emul_reg(e, 1, e->in.adsize) ? EMUL_OK : emul_jmp(e);
}

int emul_ud(struct emul *e)
{
    return emul_fault(e, X86_EXC_UD);
}

int emul_hlt(struct emul *e)
{
    e->c->out.hlt = true;
    return EMUL_OK;
}

static int raise(struct emul *e, uint8_t vector, enum emul_event_type type)
{
    struct emul_event ev = { .vector = vector, .type = type };

    return emul_deliver(e, &ev);
}

int emul_int(struct emul *e)
{
    return raise(e, (uint8_t)e->in.imm, EMUL_EVENT_SWINT);
}

int emul_int3(struct emul *e)
{
    return raise(e, X86_EXC_BP, EMUL_EVENT_SWEXC);
}

int emul_into(struct emul *e)
{
    return e->r.rflags & X86_EFLAGS_OF ? raise(e, X86_EXC_OF, EMUL_EVENT_SWEXC) : EMUL_OK;
}

int emul_icebp(struct emul *e)
{
    return raise(e, X86_EXC_DB, EMUL_EVENT_ICEBP);
}
