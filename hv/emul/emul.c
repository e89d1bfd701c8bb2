/* SPDX-License-Identifier: BSD-2-Clause */
/* One instruction from its bytes to the guest's new state: decode, check where it is valid, read
 * operands, perform, write back, commit. */
#include <hv/lib.h>
#include "emul_priv.h"

void emul_begin(struct emul *e, struct emul_ctxt *c)
{
    e->c = c;
    e->r = *c->regs;
    e->seg_dirty = 0;
    e->cpl = c->cpl;
    e->access = c->cpl == 3 ? EMUL_ACC_USER : 0;
    e->keep = false;
    c->seg_dirty = 0;
    memset(&c->out, 0, sizeof(c->out));
}

void emul_commit(struct emul *e)
{
    struct emul_ctxt *c = e->c;
    unsigned int n;

    for (n = 0; n < X86_SEG_COUNT; n++)
        if (e->seg_dirty & BIT(n))
            c->seg[n] = e->seg[n];
    c->seg_dirty = e->seg_dirty;
    c->seg_valid |= e->seg_dirty;
    c->cpl = e->cpl;
    *c->regs = e->r;
}

/* --- where an instruction is valid --- */

static bool lock_allowed(const struct emul *e)
{
    return (e->in.row->flags & F_LOCK) && emul_is_mem(&e->in);
}

/* Segment registers that the field of ModRM can name as a destination. */
static bool sreg_writable(unsigned int n)
{
    return (n & 7) != X86_SEG_CS && (n & 7) <= X86_SEG_GS;
}

static bool form_defined(const struct emul *e)
{
    const struct emul_insn *in = &e->in;
    uint32_t flags = in->row->flags;

    if (in->lock && !lock_allowed(e))
        return false;
    if (in->vex ? !(flags & (F_VEX | F_VEXONLY)) || !emul_protected(e) : flags & F_VEXONLY)
        return false;
    if ((flags & F_MEM) && in->mod == 3)
        return false;
    if (in->row->op[0] == Sw && !sreg_writable(in->reg))
        return false;
    if ((flags & F_NOPFX) && (in->opsize_prefix || in->rep))
        return false;
    if ((flags & F_ONLY64) && in->bits != 64)
        return false;
    return !(flags & F_PROT) || emul_protected(e);
}

static int check_vector(struct emul *e)
{
    const struct emul_ctxt *c = e->c;
    uint32_t flags = e->in.row->flags;

    if (e->in.vex) {
        if (!(c->cr4 & X86_CR4_OSXSAVE) || (c->xcr0 & 6) != 6)
            return emul_ud(e);
    } else if ((c->cr0 & X86_CR0_EM) || ((flags & F_SSE) && !(c->cr4 & X86_CR4_OSFXSR))) {
        return emul_ud(e);
    }
    return c->cr0 & X86_CR0_TS ? emul_fault(e, X86_EXC_NM) : EMUL_OK;
}

static int check(struct emul *e)
{
    uint32_t flags = e->in.row->flags;

    if (!form_defined(e))
        return emul_ud(e);
    if ((flags & F_LEN) || e->in.vex == VEX_EVEX)
        return EMUL_UNHANDLEABLE;
    if ((flags & F_PRIV) && e->cpl)
        return emul_gp(e);
    if ((flags & F_UMIP) && e->cpl && (e->c->cr4 & X86_CR4_UMIP))
        return emul_gp(e);
    if (flags & (F_SSE | F_MMX))
        return check_vector(e);
    return EMUL_OK;
}

/* --- the way through --- */

static int perform(struct emul *e)
{
    EMUL_TRY(check(e));
    e->r.rip += e->in.len;
    if (e->in.bits != 64)
        e->r.rip = (uint32_t)e->r.rip;
    e->r.rflags &= ~(unsigned long)X86_EFLAGS_RF;
    EMUL_TRY(emul_operands(e));
    EMUL_TRY(e->in.row->exec(e));
    return emul_write_back(e);
}

int emul_instruction(struct emul_ctxt *c)
{
    struct emul e = { .c = c };
    bool step = c->regs->rflags & X86_EFLAGS_TF;
    int rc;

    emul_begin(&e, c);
    rc = emul_fetch_insn(c, &e.in);
    if (rc == EMUL_OK)
        rc = perform(&e);
    if (rc == EMUL_OK || e.keep)
        emul_commit(&e);
    if (rc == EMUL_OK)
        c->out.single_step = step && !c->out.mov_ss;
    return rc;
}
