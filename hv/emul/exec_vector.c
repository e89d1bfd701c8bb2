/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Moves between vector registers and memory or general registers, legacy and VEX forms. The
 * registers are reached through callbacks, since the hypervisor is built without them.
 * Source: AMD64 APM volume 4, "SSE Instruction Reference"; volume 5 for MMX.
 */
#include <hv/lib.h>
#include "emul_priv.h"
#include "exec.h"

#define DST (&e->op[0])
#define SRC (&e->op[1])
#define XMM_BYTES 16
#define YMM_BYTES 32

union vec {
    uint8_t byte[YMM_BYTES];
    uint64_t quad[YMM_BYTES / 8];
    uint32_t dword[YMM_BYTES / 4];
};

static bool can_reach(const struct emul *e)
{
    return e->c->ops->read_vec && e->c->ops->write_vec;
}

static unsigned int bytes_of(const struct emul *e)
{
    return e->in.vex_len ? YMM_BYTES : XMM_BYTES;
}

static int get(struct emul *e, unsigned int n, union vec *v)
{
    memset(v, 0, sizeof(*v));
    if (!can_reach(e))
        return EMUL_UNHANDLEABLE;
    return e->c->ops->read_vec(e->c, e->in.vex ? EMUL_VEC_YMM : EMUL_VEC_XMM, n, v);
}

/* A legacy form leaves what is above 128 bits alone, a VEX form clears what it doesn't write. */
static int put(struct emul *e, unsigned int n, const union vec *v)
{
    if (!can_reach(e))
        return EMUL_UNHANDLEABLE;
    return e->c->ops->write_vec(e->c, e->in.vex ? EMUL_VEC_YMM : EMUL_VEC_XMM, n, v);
}

/* VEX.vvvv must be unused where there is no third operand. */
static int no_third(struct emul *e)
{
    return e->in.vex && e->in.vex_reg ? emul_ud(e) : EMUL_OK;
}

static int check_aligned(struct emul *e, const struct emul_op *op)
{
    uint64_t addr;

    if (op->type != OP_MEM)
        return EMUL_OK;
    EMUL_TRY(emul_linear(e, op->seg, op->ea, bytes_of(e), op == DST, &addr));
    return addr & (bytes_of(e) - 1) ? emul_gp(e) : EMUL_OK;
}

/* --- whole registers --- */

int emul_vmov(struct emul *e)
{
    union vec v;

    EMUL_TRY(no_third(e));
    if (SRC->type == OP_MEM) {
        memset(&v, 0, sizeof(v));
        EMUL_TRY(emul_read(e, SRC->seg, SRC->ea, &v, bytes_of(e)));
    } else {
        EMUL_TRY(get(e, SRC->reg, &v));
        memset(v.byte + bytes_of(e), 0, YMM_BYTES - bytes_of(e));
    }
    return put(e, e->in.reg, &v);
}

int emul_vmov_store(struct emul *e)
{
    union vec v;

    EMUL_TRY(no_third(e));
    EMUL_TRY(get(e, e->in.reg, &v));
    if (DST->type == OP_MEM)
        return emul_write(e, DST->seg, DST->ea, &v, bytes_of(e));
    memset(v.byte + bytes_of(e), 0, YMM_BYTES - bytes_of(e));
    return put(e, DST->reg, &v);
}

int emul_vmov_aligned(struct emul *e)
{
    EMUL_TRY(no_third(e));
    EMUL_TRY(check_aligned(e, SRC));
    return emul_vmov(e);
}

int emul_vmov_aligned_store(struct emul *e)
{
    EMUL_TRY(no_third(e));
    EMUL_TRY(check_aligned(e, DST));
    return emul_vmov_store(e);
}

/* --- one element --- */

static unsigned int scalar_bytes(const struct emul *e)
{
    return e->in.row->op[0] == Wd || e->in.row->op[1] == Wd ? 4 : 8;
}

/* Between registers the rest of the destination stays, or with VEX comes from the third operand. */
static int scalar_register(struct emul *e, unsigned int dst, unsigned int src)
{
    union vec v, from;

    EMUL_TRY(get(e, e->in.vex ? e->in.vex_reg : dst, &v));
    EMUL_TRY(get(e, src, &from));
    memcpy(&v, &from, scalar_bytes(e));
    memset(v.byte + XMM_BYTES, 0, YMM_BYTES - XMM_BYTES);
    return put(e, dst, &v);
}

int emul_vmov_scalar(struct emul *e)
{
    union vec v = { .quad = { 0 } };

    if (SRC->type != OP_MEM)
        return scalar_register(e, e->in.reg, SRC->reg);
    EMUL_TRY(no_third(e));
    EMUL_TRY(emul_read(e, SRC->seg, SRC->ea, &v, scalar_bytes(e)));
    return put(e, e->in.reg, &v);
}

int emul_vmov_scalar_store(struct emul *e)
{
    union vec v;

    if (DST->type != OP_MEM)
        return scalar_register(e, DST->reg, e->in.reg);
    EMUL_TRY(no_third(e));
    EMUL_TRY(get(e, e->in.reg, &v));
    return emul_write(e, DST->seg, DST->ea, &v, scalar_bytes(e));
}

static bool high_half(const struct emul *e)
{
    return e->in.opcode >= 0x16;
}

/* MOVLPS and MOVHPS; between registers MOVHLPS and MOVLHPS. */
int emul_vmov_half(struct emul *e)
{
    union vec v, from;

    if (e->in.vex_len)
        return emul_ud(e);
    if (SRC->type == OP_MEM) {
        EMUL_TRY(emul_read(e, SRC->seg, SRC->ea, &from, 8));
    } else {
        EMUL_TRY(get(e, SRC->reg, &from));
        if (!high_half(e))
            from.quad[0] = from.quad[1];
    }
    EMUL_TRY(get(e, e->in.vex ? e->in.vex_reg : e->in.reg, &v));
    v.quad[high_half(e)] = from.quad[0];
    v.quad[2] = v.quad[3] = 0;
    return put(e, e->in.reg, &v);
}

int emul_vmov_half_store(struct emul *e)
{
    union vec v;

    if (e->in.vex_len)
        return emul_ud(e);
    EMUL_TRY(no_third(e));
    EMUL_TRY(get(e, e->in.reg, &v));
    return emul_write(e, DST->seg, DST->ea, &v.quad[high_half(e)], 8);
}

static int low_only(struct emul *e)
{
    return e->in.vex_len ? emul_ud(e) : no_third(e);
}

int emul_movq_load(struct emul *e)
{
    union vec v = { .quad = { 0 } }, from;

    EMUL_TRY(low_only(e));
    if (SRC->type == OP_MEM) {
        EMUL_TRY(emul_read(e, SRC->seg, SRC->ea, &v, 8));
    } else {
        EMUL_TRY(get(e, SRC->reg, &from));
        v.quad[0] = from.quad[0];
    }
    return put(e, e->in.reg, &v);
}

int emul_movq_store(struct emul *e)
{
    union vec v = { .quad = { 0 } }, from;

    EMUL_TRY(low_only(e));
    EMUL_TRY(get(e, e->in.reg, &from));
    if (DST->type == OP_MEM)
        return emul_write(e, DST->seg, DST->ea, &from, 8);
    v.quad[0] = from.quad[0];
    return put(e, DST->reg, &v);
}

/* --- general registers --- */

int emul_vmov_from_gpr(struct emul *e)
{
    union vec v = { .quad = { SRC->val } };

    EMUL_TRY(low_only(e));
    DST->plain = true;
    return put(e, e->in.reg, &v);
}

int emul_vmov_to_gpr(struct emul *e)
{
    union vec v;

    EMUL_TRY(low_only(e));
    EMUL_TRY(get(e, e->in.reg, &v));
    DST->val = v.quad[0];
    return EMUL_OK;
}

/* --- MMX --- */

static int mmx_get(struct emul *e, unsigned int n, uint64_t *val)
{
    return can_reach(e) ? e->c->ops->read_vec(e->c, EMUL_VEC_MMX, n & 7, val) : EMUL_UNHANDLEABLE;
}

static int mmx_put(struct emul *e, unsigned int n, uint64_t val)
{
    return can_reach(e) ? e->c->ops->write_vec(e->c, EMUL_VEC_MMX, n & 7, &val) : EMUL_UNHANDLEABLE;
}

int emul_mmx_load(struct emul *e)
{
    uint64_t val;

    if (SRC->type == OP_MEM)
        EMUL_TRY(emul_read(e, SRC->seg, SRC->ea, &val, 8));
    else
        EMUL_TRY(mmx_get(e, SRC->reg, &val));
    return mmx_put(e, e->in.reg, val);
}

int emul_mmx_store(struct emul *e)
{
    uint64_t val;

    EMUL_TRY(mmx_get(e, e->in.reg, &val));
    return DST->type == OP_MEM ? emul_write(e, DST->seg, DST->ea, &val, 8)
                               : mmx_put(e, DST->reg, val);
}

int emul_mmx_from_gpr(struct emul *e)
{
    DST->plain = true;
    return mmx_put(e, e->in.reg, SRC->val);
}

int emul_mmx_to_gpr(struct emul *e)
{
    return mmx_get(e, e->in.reg, &DST->val);
}
