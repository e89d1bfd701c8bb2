/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * String instructions and port I/O. A repeated one is offered to ops->rep as a whole; else some
 * elements are done per call, so that interrupts come through.
 * Source: AMD64 APM volume 3, "String"; volume 2, "I/O-Permission Bitmap".
 */
#include "emul_priv.h"
#include "exec.h"

#define ELEMENTS_PER_CALL 64
#define RCX 1
#define RSI 6
#define RDI 7

struct string {
    unsigned int bytes, seg; /* seg: of the source */
    int64_t step;
    uint64_t count;          /* still to do */
};

static unsigned int element_bytes(const struct emul *e)
{
    return e->in.opcode & 1 ? e->in.opsize : 1;
}

static void begin(struct emul *e, struct string *s, unsigned int bytes)
{
    s->bytes = bytes;
    s->seg = emul_seg_or(e, X86_SEG_DS);
    s->step = e->r.rflags & X86_EFLAGS_DF ? -(int64_t)bytes : (int64_t)bytes;
    s->count = e->in.rep ? emul_reg(e, RCX, e->in.adsize) : 1;
}

static uint64_t rsi(const struct emul *e)
{
    return emul_reg(e, RSI, e->in.adsize);
}

static uint64_t rdi(const struct emul *e)
{
    return emul_reg(e, RDI, e->in.adsize);
}

static void step(struct emul *e, unsigned int reg, const struct string *s, uint64_t n)
{
    emul_set_reg(e, reg, e->in.adsize, emul_reg(e, reg, e->in.adsize) + (uint64_t)s->step * n);
}

/* One element; changes nothing unless EMUL_OK. *stop: the comparison ends a repetition. */
typedef int (*element_fn)(struct emul *e, const struct string *s, bool *stop);

static void count_down(struct emul *e, struct string *s, uint64_t n)
{
    s->count -= n;
    if (e->in.rep)
        emul_set_reg(e, RCX, e->in.adsize, s->count);
}

/* The instruction is to be executed once more: RIP is its own again. */
static void again(struct emul *e)
{
    e->r.rip = e->c->regs->rip;
    e->c->out.again = true;
}

static int elements(struct emul *e, struct string *s, element_fn one)
{
    unsigned int most = e->c->regs->rflags & X86_EFLAGS_TF ? 1 : ELEMENTS_PER_CALL, n;
    bool stop = false;
    int rc;

    for (n = 0; s->count && !stop; n++) {
        if (n == most) {
            again(e);
            return EMUL_OK;
        }
        rc = one(e, s, &stop);
        if (rc != EMUL_OK) {
            /* What was done stays done. */
            if (n) {
                e->r.rip = e->c->regs->rip;
                e->keep = true;
            }
            return rc;
        }
        count_down(e, s, 1);
    }
    return EMUL_OK;
}

/* The addresses as ops->rep wants them, if neither segment is left on the way. */
static int span(struct emul *e, const struct string *s, unsigned int seg, uint64_t offset,
                bool write, uint64_t count, uint64_t *addr)
{
    uint64_t bytes = count * s->bytes, first = s->step < 0 ? offset - (bytes - s->bytes) : offset;
    uint64_t low;

    if (bytes > 0x10000000 || (s->step < 0 && bytes - s->bytes > offset) ||
        ((first + bytes - 1) & ~emul_mask(e->in.adsize)))
        return EMUL_UNHANDLEABLE;
    EMUL_TRY(emul_linear(e, seg, first, (unsigned int)bytes, write, &low));
    if (e->in.bits != 64 && low + bytes - 1 > 0xffffffff)
        return EMUL_UNHANDLEABLE;
    *addr = low + (offset - first);
    return EMUL_OK;
}

/* All at once through ops->rep. EMUL_UNHANDLEABLE: one by one. */
static int at_once(struct emul *e, struct string *s, enum emul_rep_op op)
{
    struct emul_rep rep = { .op = op, .bytes = s->bytes, .step = (int)s->step, .access = e->access,
                            .count = MIN(s->count, 0x10000UL), .port = e->r.rdx & 0xffff,
                            .value = emul_reg(e, 0, 8) & emul_mask(s->bytes) };
    bool reads = op == EMUL_REP_MOVS || op == EMUL_REP_OUTS, writes = op != EMUL_REP_OUTS;
    unsigned long asked = rep.count;

    if (!e->c->ops->rep || rep.count < 2 || (e->c->regs->rflags & X86_EFLAGS_TF))
        return EMUL_UNHANDLEABLE;
    if ((reads && span(e, s, s->seg, rsi(e), false, asked, &rep.src) != EMUL_OK) ||
        (writes && span(e, s, X86_SEG_ES, rdi(e), true, asked, &rep.dst) != EMUL_OK))
        return EMUL_UNHANDLEABLE;
    EMUL_TRY(e->c->ops->rep(e->c, &rep));
    if (reads)
        step(e, RSI, s, MIN(rep.count, asked));
    if (writes)
        step(e, RDI, s, MIN(rep.count, asked));
    count_down(e, s, MIN(rep.count, asked));
    if (s->count)
        again(e);
    return EMUL_OK;
}

static int repeat(struct emul *e, struct string *s, enum emul_rep_op op, element_fn one)
{
    int rc = at_once(e, s, op);

    return rc == EMUL_UNHANDLEABLE ? elements(e, s, one) : rc;
}

/* --- memory --- */

static int movs(struct emul *e, const struct string *s, bool *stop)
{
    uint64_t val;

    EMUL_TRY(emul_read(e, s->seg, rsi(e), &val, s->bytes));
    EMUL_TRY(emul_write(e, X86_SEG_ES, rdi(e), &val, s->bytes));
    step(e, RSI, s, 1);
    step(e, RDI, s, 1);
    return EMUL_OK;
}

static int stos(struct emul *e, const struct string *s, bool *stop)
{
    uint64_t val = e->r.rax;

    EMUL_TRY(emul_write(e, X86_SEG_ES, rdi(e), &val, s->bytes));
    step(e, RDI, s, 1);
    return EMUL_OK;
}

static int lods(struct emul *e, const struct string *s, bool *stop)
{
    uint64_t val = 0;

    EMUL_TRY(emul_read(e, s->seg, rsi(e), &val, s->bytes));
    emul_set_reg(e, 0, s->bytes, val);
    step(e, RSI, s, 1);
    return EMUL_OK;
}

/* Sets the flags of a - b; does a repetition end? */
static bool compare(struct emul *e, const struct string *s, uint64_t a, uint64_t b)
{
    e->op[0].bytes = (uint8_t)s->bytes;
    e->op[0].val = a;
    e->op[1].val = b;
    emul_cmp(e);
    return e->in.rep && !!(e->r.rflags & X86_EFLAGS_ZF) != (e->in.rep == 0xf3);
}

static int cmps(struct emul *e, const struct string *s, bool *stop)
{
    uint64_t a = 0, b = 0;

    EMUL_TRY(emul_read(e, s->seg, rsi(e), &a, s->bytes));
    EMUL_TRY(emul_read(e, X86_SEG_ES, rdi(e), &b, s->bytes));
    *stop = compare(e, s, a, b);
    step(e, RSI, s, 1);
    step(e, RDI, s, 1);
    return EMUL_OK;
}

static int scas(struct emul *e, const struct string *s, bool *stop)
{
    uint64_t val = 0;

    EMUL_TRY(emul_read(e, X86_SEG_ES, rdi(e), &val, s->bytes));
    *stop = compare(e, s, emul_reg(e, 0, 8) & emul_mask(s->bytes), val);
    step(e, RDI, s, 1);
    return EMUL_OK;
}

int emul_movs(struct emul *e)
{
    struct string s;

    begin(e, &s, element_bytes(e));
    return repeat(e, &s, EMUL_REP_MOVS, movs);
}

int emul_stos(struct emul *e)
{
    struct string s;

    begin(e, &s, element_bytes(e));
    return repeat(e, &s, EMUL_REP_STOS, stos);
}

#define STRING_EXEC(name)                                                                          \
    int emul_##name(struct emul *e)                                                                \
    {                                                                                              \
        struct string s;                                                                           \
        begin(e, &s, element_bytes(e));                                                            \
        return elements(e, &s, name);                                                              \
    }
STRING_EXEC(lods)
STRING_EXEC(cmps)
STRING_EXEC(scas)

/* --- ports --- */

#define IOMAP_BASE_OFFSET 0x66

static int port_allowed_by_tss(struct emul *e, unsigned int port, unsigned int bytes)
{
    const struct x86_segment *tr = emul_seg(e, X86_SEG_TR);
    unsigned int mask = ((1U << bytes) - 1) << (port & 7);
    uint16_t base, bits;

    /* Two bytes are read, wherever the port lies. A 16-bit TSS has no map. */
    if (!(tr->attr & SEG_P) || !(tr->attr & 8) || tr->limit < IOMAP_BASE_OFFSET + 1)
        return emul_gp(e);
    EMUL_TRY(e->c->ops->read(e->c, tr->base + IOMAP_BASE_OFFSET, &base, 2, EMUL_ACC_SYSTEM));
    if (base + port / 8 + 1 > tr->limit)
        return emul_gp(e);
    EMUL_TRY(e->c->ops->read(e->c, tr->base + base + port / 8, &bits, 2, EMUL_ACC_SYSTEM));
    return bits & mask ? emul_gp(e) : EMUL_OK;
}

static int check_port(struct emul *e, unsigned int port, unsigned int bytes)
{
    unsigned int iopl = (unsigned int)(e->r.rflags & X86_EFLAGS_IOPL) >> 12;

    if (!e->c->ops->port_in || !e->c->ops->port_out)
        return EMUL_UNHANDLEABLE;
    if (emul_real(e) || e->c->no_port_check || (!emul_v86(e) && e->cpl <= iopl))
        return EMUL_OK;
    return port_allowed_by_tss(e, port, bytes);
}

static unsigned int port_bytes(const struct emul *e)
{
    return MIN(element_bytes(e), 4U);
}

int emul_in(struct emul *e)
{
    unsigned int port = e->op[1].val & 0xffff, bytes = port_bytes(e);
    uint32_t val = 0;

    EMUL_TRY(check_port(e, port, bytes));
    EMUL_TRY(e->c->ops->port_in(e->c, port, bytes, &val));
    e->op[0].bytes = (uint8_t)bytes;
    e->op[0].val = val;
    return EMUL_OK;
}

int emul_out(struct emul *e)
{
    unsigned int port = e->op[1].val & 0xffff, bytes = port_bytes(e);

    EMUL_TRY(check_port(e, port, bytes));
    return e->c->ops->port_out(e->c, port, bytes, (uint32_t)(e->op[0].val & emul_mask(bytes)));
}

static int ins(struct emul *e, const struct string *s, bool *stop)
{
    uint64_t addr;
    uint32_t val = 0;

    /* A fault must come before the port is read. */
    EMUL_TRY(emul_linear(e, X86_SEG_ES, rdi(e), s->bytes, true, &addr));
    EMUL_TRY(e->c->ops->write(e->c, addr, NULL, s->bytes, e->access | EMUL_ACC_PROBE));
    EMUL_TRY(e->c->ops->port_in(e->c, e->r.rdx & 0xffff, s->bytes, &val));
    EMUL_TRY(e->c->ops->write(e->c, addr, &val, s->bytes, e->access));
    step(e, RDI, s, 1);
    return EMUL_OK;
}

static int outs(struct emul *e, const struct string *s, bool *stop)
{
    uint32_t val = 0;

    EMUL_TRY(emul_read(e, s->seg, rsi(e), &val, s->bytes));
    EMUL_TRY(e->c->ops->port_out(e->c, e->r.rdx & 0xffff, s->bytes, val));
    step(e, RSI, s, 1);
    return EMUL_OK;
}

int emul_ins(struct emul *e)
{
    struct string s;

    begin(e, &s, port_bytes(e));
    EMUL_TRY(check_port(e, e->r.rdx & 0xffff, s.bytes));
    return repeat(e, &s, EMUL_REP_INS, ins);
}

int emul_outs(struct emul *e)
{
    struct string s;

    begin(e, &s, port_bytes(e));
    EMUL_TRY(check_port(e, e->r.rdx & 0xffff, s.bytes));
    return repeat(e, &s, EMUL_REP_OUTS, outs);
}
