/* SPDX-License-Identifier: BSD-2-Clause */
/* Instruction bytes from the guest, and the length of the instruction at CS:RIP. */
#include <hv/lib.h>
#include <hv/page.h>
#include <hv/processor.h>
#include "emul_priv.h"

int emul_set_fault(struct emul_ctxt *c, uint8_t vector, bool has_error, uint32_t error)
{
    c->fault = (struct emul_event){ .vector = vector, .type = EMUL_EVENT_HW,
                                    .has_error = has_error, .error = error };
    return EMUL_EXCEPTION;
}

int emul_set_page_fault(struct emul_ctxt *c, uint64_t cr2, uint32_t error)
{
    emul_set_fault(c, X86_EXC_PF, true, error);
    c->fault.cr2 = cr2;
    return EMUL_EXCEPTION;
}

const struct x86_segment *emul_ctxt_seg(struct emul_ctxt *c, enum x86_seg_index n)
{
    if (c->ops->load_seg && !(c->seg_valid & BIT(n))) {
        if (c->ops->load_seg(c, n) != EMUL_OK)
            c->seg[n].attr = 0; /* not usable */
        c->seg_valid |= BIT(n);
    }
    return &c->seg[n];
}

unsigned int emul_code_bits(struct emul_ctxt *c)
{
    const struct x86_segment *cs = emul_ctxt_seg(c, X86_SEG_CS);

    if (!(c->cr0 & X86_CR0_PE) || (c->regs->rflags & X86_EFLAGS_VM))
        return 16;
    if ((c->efer & EMUL_EFER_LMA) && (cs->attr & SEG_L))
        return 64;
    return cs->attr & SEG_DB ? 32 : 16;
}

/* As many bytes as the page and the segment have, up to the longest instruction. */
int emul_fill(struct emul_insn *in)
{
    struct emul_ctxt *c = in->arg;
    const struct x86_segment *cs = emul_ctxt_seg(c, X86_SEG_CS);
    uint64_t offset = c->regs->rip + in->have, addr;
    unsigned int n = EMUL_INSN_MAX - in->have;
    int rc;

    if (in->bits == 64) {
        addr = offset;
        if (!emul_canonical(addr))
            return emul_set_fault(c, X86_EXC_GP, true, 0);
    } else {
        if (offset > cs->limit)
            return emul_set_fault(c, X86_EXC_GP, true, 0);
        n = (unsigned int)MIN((uint64_t)n, cs->limit - offset + 1);
        addr = (uint32_t)(cs->base + offset);
    }
    n = (unsigned int)MIN((uint64_t)n, PAGE_SIZE - (addr & (PAGE_SIZE - 1)));
    rc = c->ops->fetch(c, addr, in->byte + in->have, n);
    if (rc == EMUL_OK)
        in->have += n;
    return rc;
}

int emul_fetch_insn(struct emul_ctxt *c, struct emul_insn *in)
{
    int rc;

    in->fill = emul_fill;
    in->arg = c;
    in->bits = (uint8_t)emul_code_bits(c);
    rc = emul_decode(in);
    c->insn_len = rc == EMUL_OK ? in->len : 0;
    if (rc == EMUL_EXCEPTION && in->vector)
        return emul_set_fault(c, in->vector, in->vector == X86_EXC_GP, 0);
    return rc;
}

int emul_length(struct emul_ctxt *c)
{
    struct emul_insn in = { .have = 0 };

    return emul_fetch_insn(c, &in);
}
