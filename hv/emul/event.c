/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Delivery of exceptions and interrupts: through the real-mode vector table and through interrupt,
 * trap and task gates. AMD64 APM volume 2, "Exceptions and Interrupts".
 *
 * Software interrupts of virtual-8086 mode go to the protected-mode handler: the redirection bitmap
 * of VME is not looked at.
 */
#include <hv/lib.h>
#include "emul_priv.h"
#include "exec.h"

static bool software(const struct emul_event *ev)
{
    return ev->type == EMUL_EVENT_SWINT || ev->type == EMUL_EVENT_SWEXC;
}

/* Bit 0 of an error code: the event was not a software interrupt. */
static uint32_t ext(const struct emul_event *ev)
{
    return !software(ev);
}

static int idt_fault(struct emul *e, uint8_t vector, const struct emul_event *ev)
{
    return emul_fault_code(e, vector, ev->vector * 8U + 2 + ext(ev));
}

static int deliver_real(struct emul *e, const struct emul_event *ev)
{
    const struct x86_segment *idt = emul_seg(e, X86_SEG_IDTR);
    uint32_t entry;

    if (ev->vector * 4U + 3 > idt->limit)
        return emul_gp(e);
    EMUL_TRY(e->c->ops->read(e->c, (uint32_t)(idt->base + ev->vector * 4U), &entry, 4,
                             EMUL_ACC_SYSTEM));
    EMUL_TRY(emul_stack_push(e, e->r.rflags & 0xffff, 2));
    EMUL_TRY(emul_stack_push(e, emul_seg(e, X86_SEG_CS)->selector, 2));
    EMUL_TRY(emul_stack_push(e, e->r.rip, 2));
    e->r.rflags &= ~(unsigned long)(X86_EFLAGS_IF | X86_EFLAGS_TF | X86_EFLAGS_AC | X86_EFLAGS_RF);
    emul_load_real(e, X86_SEG_CS, (uint16_t)(entry >> 16));
    e->r.rip = entry & 0xffff;
    return EMUL_OK;
}

/* --- gates --- */

struct gate {
    uint64_t offset;
    uint16_t selector;
    unsigned int type, dpl, ist, bytes;
    bool present;
};

static int read_gate(struct emul *e, const struct emul_event *ev, struct gate *g)
{
    const struct x86_segment *idt = emul_seg(e, X86_SEG_IDTR);
    unsigned int size = emul_long(e) ? 16 : 8;
    uint64_t raw[2] = { 0, 0 }, addr = idt->base + ev->vector * size;

    if (ev->vector * size + size - 1 > idt->limit)
        return idt_fault(e, X86_EXC_GP, ev);
    EMUL_TRY(e->c->ops->read(e->c, emul_long(e) ? addr : (uint32_t)addr, raw, size,
                             EMUL_ACC_SYSTEM));
    g->offset = (raw[0] & 0xffff) | ((raw[0] >> 32) & 0xffff0000) | raw[1] << 32;
    g->selector = (uint16_t)(raw[0] >> 16);
    g->ist = emul_long(e) ? (raw[0] >> 32) & 7 : 0;
    g->type = (raw[0] >> 40) & 0x1f;
    g->dpl = (raw[0] >> 45) & 3;
    g->present = (raw[0] >> 47) & 1;
    g->bytes = emul_long(e) ? 8 : g->type & 8 ? 4 : 2;
    if (g->bytes == 2)
        g->offset &= 0xffff;
    return EMUL_OK;
}

static bool gate_type_valid(const struct emul *e, unsigned int type)
{
    if (type == DESC_INT32 || type == DESC_TRAP32)
        return true;
    return !emul_long(e) && (type == DESC_INT16 || type == DESC_TRAP16 || type == DESC_TASK_GATE);
}

static int check_gate(struct emul *e, const struct emul_event *ev, const struct gate *g)
{
    if (!gate_type_valid(e, g->type) || (software(ev) && g->dpl < e->cpl))
        return idt_fault(e, X86_EXC_GP, ev);
    return g->present ? EMUL_OK : idt_fault(e, X86_EXC_NP, ev);
}

static int gate_code(struct emul *e, const struct emul_event *ev, const struct gate *g,
                     struct emul_desc *d)
{
    unsigned int type, dpl;

    EMUL_TRY(emul_read_desc(e, g->selector, X86_EXC_GP, d));
    type = emul_desc_type(d);
    dpl = emul_desc_dpl(d);
    if (d->null || (type & 0x18) != 0x18 || dpl > e->cpl ||
        (emul_long(e) && (d->low >> 53 & 3) != 1) ||
        (emul_v86(e) && ((type & DESC_CONFORMING) || dpl)))
        return emul_fault_code(e, X86_EXC_GP, (g->selector & ~3U) | ext(ev));
    if (!emul_desc_present(d))
        return emul_fault_code(e, X86_EXC_NP, (g->selector & ~3U) | ext(ev));
    return EMUL_OK;
}

/* --- the frame --- */

struct saved {
    uint16_t cs, ss, data[4]; /* data: GS FS DS ES, pushed in this order */
    uint64_t rip, rsp, flags;
    bool v86;
};

static const uint8_t data_order[4] = { X86_SEG_GS, X86_SEG_FS, X86_SEG_DS, X86_SEG_ES };

static void save(struct emul *e, struct saved *s)
{
    unsigned int i;

    s->cs = emul_seg(e, X86_SEG_CS)->selector;
    s->ss = emul_seg(e, X86_SEG_SS)->selector;
    s->rip = e->r.rip;
    s->rsp = e->r.rsp;
    s->flags = e->r.rflags;
    s->v86 = emul_v86(e);
    for (i = 0; i < ARRAY_SIZE(data_order); i++)
        s->data[i] = emul_seg(e, data_order[i])->selector;
}

static int push_frame(struct emul *e, const struct saved *s, const struct emul_event *ev,
                      unsigned int bytes, bool stack)
{
    unsigned int i;

    if (s->v86)
        for (i = 0; i < ARRAY_SIZE(data_order); i++)
            EMUL_TRY(emul_stack_push(e, s->data[i], bytes));
    if (stack) {
        EMUL_TRY(emul_stack_push(e, s->ss, bytes));
        EMUL_TRY(emul_stack_push(e, s->rsp, bytes));
    }
    EMUL_TRY(emul_stack_push(e, s->flags, bytes));
    EMUL_TRY(emul_stack_push(e, s->cs, bytes));
    EMUL_TRY(emul_stack_push(e, s->rip, bytes));
    return ev->has_error ? emul_stack_push(e, ev->error, bytes) : EMUL_OK;
}

static int ist_stack(struct emul *e, unsigned int ist, uint64_t *rsp)
{
    const struct x86_segment *tr = emul_seg(e, X86_SEG_TR);

    if (0x24 + 8 * (ist - 1) + 7 > tr->limit)
        return emul_fault_code(e, X86_EXC_TS, tr->selector & ~3U);
    return e->c->ops->read(e->c, tr->base + 0x24 + 8 * (ist - 1), rsp, 8, EMUL_ACC_SYSTEM);
}

/* Which stack the handler runs on. */
static int new_stack(struct emul *e, const struct gate *g, unsigned int cpl, bool inner,
                     uint16_t *ss, uint64_t *rsp)
{
    *rsp = e->r.rsp;
    *ss = (uint16_t)cpl;
    if (g->ist)
        EMUL_TRY(ist_stack(e, g->ist, rsp));
    else if (inner)
        EMUL_TRY(emul_tss_stack(e, cpl, ss, rsp));
    if (emul_long(e))
        *rsp &= ~15ULL;
    return EMUL_OK;
}

static int load_new_stack(struct emul *e, uint16_t ss, unsigned int cpl, uint64_t rsp, bool inner)
{
    if (inner)
        EMUL_TRY(emul_load_stack(e, ss, cpl, X86_EXC_TS));
    emul_set_reg(e, 4, emul_stack_bytes(e), rsp);
    return EMUL_OK;
}

static void drop_data_segments(struct emul *e)
{
    const struct x86_segment null = { .selector = 0 };
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(data_order); i++)
        emul_set_seg(e, data_order[i], &null);
}

static int deliver_gate(struct emul *e, const struct emul_event *ev, const struct gate *g)
{
    struct emul_desc d;
    struct saved s;
    unsigned int cpl;
    bool inner;
    uint16_t ss;
    uint64_t rsp;

    EMUL_TRY(gate_code(e, ev, g, &d));
    save(e, &s);
    cpl = emul_desc_type(&d) & DESC_CONFORMING ? e->cpl : emul_desc_dpl(&d);
    inner = cpl < e->cpl;
    EMUL_TRY(new_stack(e, g, cpl, inner, &ss, &rsp));
    e->r.rflags &= ~(unsigned long)(X86_EFLAGS_TF | X86_EFLAGS_VM | X86_EFLAGS_RF | X86_EFLAGS_NT);
    if (!(g->type & 1))
        e->r.rflags &= ~(unsigned long)X86_EFLAGS_IF;
    EMUL_TRY(emul_enter_code(e, &d, g->selector, cpl, g->offset));
    emul_update_mode(e);
    EMUL_TRY(load_new_stack(e, ss, cpl, rsp, inner));
    EMUL_TRY(push_frame(e, &s, ev, g->bytes, inner || emul_long(e)));
    if (s.v86)
        drop_data_segments(e);
    return EMUL_OK;
}

int emul_deliver(struct emul *e, const struct emul_event *ev)
{
    struct gate g = { .type = 0 };

    if (emul_real(e))
        return deliver_real(e, ev);
    if (emul_v86(e) && ev->type == EMUL_EVENT_SWINT &&
        (e->r.rflags & X86_EFLAGS_IOPL) != X86_EFLAGS_IOPL)
        return emul_gp(e);
    EMUL_TRY(read_gate(e, ev, &g));
    EMUL_TRY(check_gate(e, ev, &g));
    if (g.type == DESC_TASK_GATE)
        return emul_switch_task(e, g.selector, EMUL_TASK_GATE, ev->has_error, ev->error);
    return deliver_gate(e, ev, &g);
}

static void begin(struct emul *e, struct emul_ctxt *c)
{
    emul_begin(e, c);
    e->in.bits = (uint8_t)emul_code_bits(c);
    e->in.seg = NO_REG;
}

static int end(struct emul *e, int rc)
{
    if (rc == EMUL_OK || e->keep)
        emul_commit(e);
    return rc;
}

int emul_event(struct emul_ctxt *c, const struct emul_event *ev, unsigned int insn_len)
{
    struct emul e = { .c = c };

    begin(&e, c);
    e.r.rip += insn_len;
    return end(&e, emul_deliver(&e, ev));
}

int emul_task_switch(struct emul_ctxt *c, uint16_t selector, enum emul_task_reason reason,
                     bool has_error, uint32_t error)
{
    struct emul e = { .c = c };

    begin(&e, c);
    return end(&e, emul_switch_task(&e, selector, reason, has_error, error));
}
