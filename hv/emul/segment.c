/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors and the loading of data and stack segments. AMD64 APM volume 2, "Segmented Virtual
 * Memory"; volume 3, "MOV (Segment register)". */
#include <hv/lib.h>
#include "emul_priv.h"

/* --- descriptors --- */

int emul_read_desc(struct emul *e, uint16_t selector, uint8_t vector, struct emul_desc *d)
{
    const struct x86_segment *table = emul_seg(e, selector & 4 ? X86_SEG_LDTR : X86_SEG_GDTR);
    uint32_t offset = selector & ~7U;

    d->null = !(selector & ~3U);
    d->low = d->high = 0;
    if (d->null)
        return EMUL_OK;
    if (((selector & 4) && !(table->attr & SEG_P)) || offset + 7 > table->limit)
        return emul_fault_code(e, vector, selector & ~3U);
    d->addr = table->base + offset;
    if (!emul_long(e))
        d->addr = (uint32_t)d->addr;
    EMUL_TRY(e->c->ops->read(e->c, d->addr, &d->low, 8, EMUL_ACC_SYSTEM));
    if (!emul_long(e) || (emul_desc_type(d) & DESC_IS_SEGMENT))
        return EMUL_OK;
    if (offset + 15 > table->limit)
        return emul_fault_code(e, vector, selector & ~3U);
    return e->c->ops->read(e->c, d->addr + 8, &d->high, 8, EMUL_ACC_SYSTEM);
}

void emul_desc_segment(const struct emul_desc *d, uint16_t selector, struct x86_segment *s)
{
    uint64_t low = d->low;

    s->selector = selector;
    s->attr = (uint16_t)(((low >> 40) & 0xff) | ((low >> 44) & 0xf00));
    s->limit = (uint32_t)((low & 0xffff) | ((low >> 32) & 0xf0000));
    if (s->attr & SEG_G)
        s->limit = s->limit << 12 | 0xfff;
    s->base = ((low >> 16) & 0xffffff) | ((low >> 32) & 0xff000000);
    if (!(s->attr & SEG_S))
        s->base |= d->high << 32;
}

int emul_desc_mark(struct emul *e, struct emul_desc *d, unsigned int bits)
{
    uint64_t new = d->low | (uint64_t)bits << 40;
    int rc;

    if (new == d->low)
        return EMUL_OK;
    rc = e->c->ops->cmpxchg(e->c, d->addr, &d->low, &new, 8, EMUL_ACC_SYSTEM | EMUL_ACC_LOCKED);
    if (rc == EMUL_OK)
        d->low = new;
    return rc;
}

static int accept(struct emul *e, enum x86_seg_index n, struct emul_desc *d, uint16_t selector)
{
    struct x86_segment s;

    EMUL_TRY(emul_desc_mark(e, d, SEG_ACCESSED));
    emul_desc_segment(d, selector, &s);
    emul_set_seg(e, n, &s);
    return EMUL_OK;
}

/* --- loading --- */

void emul_load_real(struct emul *e, enum x86_seg_index n, uint16_t selector)
{
    struct x86_segment s = *emul_seg(e, n);

    s.selector = selector;
    s.base = (uint32_t)selector << 4;
    if (e->r.rflags & X86_EFLAGS_VM) {
        s.limit = 0xffff;
        s.attr = SEG_P | SEG_DPL | SEG_S | SEG_WRITABLE | SEG_ACCESSED;
    }
    emul_set_seg(e, n, &s);
}

static void load_null(struct emul *e, enum x86_seg_index n, uint16_t selector, unsigned int dpl)
{
    struct x86_segment s = { .selector = selector, .attr = (uint16_t)(dpl << 5) };

    emul_set_seg(e, n, &s);
}

int emul_load_stack(struct emul *e, uint16_t selector, unsigned int cpl, uint8_t vector)
{
    struct emul_desc d;
    unsigned int type;

    EMUL_TRY(emul_read_desc(e, selector, vector, &d));
    if (d.null) {
        /* 64-bit code needs no stack segment below CPL 3. */
        if (e->in.bits != 64 || cpl == 3 || (selector & 3) != cpl)
            return emul_fault_code(e, vector, 0);
        load_null(e, X86_SEG_SS, selector, cpl);
        return EMUL_OK;
    }
    type = emul_desc_type(&d);
    if ((selector & 3) != cpl || emul_desc_dpl(&d) != cpl || !(type & DESC_IS_SEGMENT) ||
        (type & DESC_IS_CODE) || !(type & SEG_WRITABLE))
        return emul_fault_code(e, vector, selector & ~3U);
    if (!emul_desc_present(&d))
        return emul_fault_code(e, X86_EXC_SS, selector & ~3U);
    return accept(e, X86_SEG_SS, &d, selector);
}

int emul_load_data(struct emul *e, enum x86_seg_index n, uint16_t selector, uint8_t vector)
{
    struct emul_desc d;
    unsigned int type, dpl;

    EMUL_TRY(emul_read_desc(e, selector, vector, &d));
    if (d.null) {
        load_null(e, n, selector, 0);
        return EMUL_OK;
    }
    type = emul_desc_type(&d);
    dpl = emul_desc_dpl(&d);
    if (!(type & DESC_IS_SEGMENT) || ((type & DESC_IS_CODE) && !(type & SEG_WRITABLE)))
        return emul_fault_code(e, vector, selector & ~3U);
    if ((type & (DESC_IS_CODE | DESC_CONFORMING)) != (DESC_IS_CODE | DESC_CONFORMING) &&
        ((selector & 3U) > dpl || e->cpl > dpl))
        return emul_fault_code(e, vector, selector & ~3U);
    if (!emul_desc_present(&d))
        return emul_fault_code(e, X86_EXC_NP, selector & ~3U);
    return accept(e, n, &d, selector);
}

int emul_load_seg(struct emul *e, enum x86_seg_index n, uint16_t selector)
{
    if (!emul_protected(e)) {
        emul_load_real(e, n, selector);
        return EMUL_OK;
    }
    if (n == X86_SEG_SS)
        return emul_load_stack(e, selector, e->cpl, X86_EXC_GP);
    return emul_load_data(e, n, selector, X86_EXC_GP);
}
