/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Task switches between 16- and 32-bit task-state segments, and the stacks that a TSS holds.
 * AMD64 APM volume 2, "Task-Management" and "Hardware Task-Management in Legacy Mode".
 */
#include <hv/lib.h>
#include "emul_priv.h"

struct tss32 {
    uint16_t link, rsv0;
    struct { uint32_t esp; uint16_t ss, rsv; } stack[3];
    uint32_t cr3, eip, eflags;
    uint32_t reg[8];
    struct { uint16_t sel, rsv; } seg[6];
    uint16_t ldt, rsv1, trap, iomap;
} __packed;
_Static_assert(sizeof(struct tss32) == 0x68 && offsetof(struct tss32, eip) == 0x20 &&
               offsetof(struct tss32, seg) == 0x48 && offsetof(struct tss32, ldt) == 0x60,
               "32-bit TSS");

struct tss16 {
    uint16_t link;
    struct { uint16_t sp, ss; } stack[3];
    uint16_t ip, flags, reg[8], seg[4], ldt;
} __packed;
_Static_assert(sizeof(struct tss16) == 0x2c && offsetof(struct tss16, ip) == 0x0e &&
               offsetof(struct tss16, ldt) == 0x2a, "16-bit TSS");

#define LINK_BYTES 2

/* A task's state, whatever its TSS looks like. */
struct task {
    uint16_t selector[6], ldt, link;
    uint32_t reg[8], ip, flags, cr3;
    bool is32, trap;
};

static int system_read(struct emul *e, uint64_t addr, void *buf, unsigned int bytes)
{
    return e->c->ops->read(e->c, addr, buf, bytes, EMUL_ACC_SYSTEM);
}

static int system_write(struct emul *e, uint64_t addr, const void *buf, unsigned int bytes)
{
    return e->c->ops->write(e->c, addr, buf, bytes, EMUL_ACC_SYSTEM);
}

int emul_tss_stack(struct emul *e, unsigned int cpl, uint16_t *ss, uint64_t *rsp)
{
    const struct x86_segment *tr = emul_seg(e, X86_SEG_TR);
    bool is16 = !emul_long(e) && !(tr->attr & 8);
    uint32_t offset = is16 ? 2 + 4 * cpl : 4 + 8 * cpl;
    uint64_t addr = tr->base + offset;
    struct { uint32_t esp; uint16_t ss; } __packed s32;
    uint16_t s16[2];

    if (offset + (is16 ? 3 : emul_long(e) ? 7 : 5) > tr->limit)
        return emul_fault_code(e, X86_EXC_TS, tr->selector & ~3U);
    if (emul_long(e)) {
        *ss = (uint16_t)cpl;
        return system_read(e, addr, rsp, 8);
    }
    addr = (uint32_t)addr;
    if (is16) {
        EMUL_TRY(system_read(e, addr, s16, sizeof(s16)));
        *rsp = s16[0];
        *ss = s16[1];
    } else {
        EMUL_TRY(system_read(e, addr, &s32, sizeof(s32)));
        *rsp = s32.esp;
        *ss = s32.ss;
    }
    return EMUL_OK;
}

/* --- a TSS read and written --- */

static int read_task(struct emul *e, uint64_t addr, struct task *t)
{
    struct tss32 a;
    struct tss16 b;
    unsigned int i;

    if (t->is32) {
        EMUL_TRY(system_read(e, addr, &a, sizeof(a)));
        for (i = 0; i < 8; i++)
            t->reg[i] = a.reg[i];
        for (i = 0; i < 6; i++)
            t->selector[i] = a.seg[i].sel;
        t->ip = a.eip, t->flags = a.eflags, t->cr3 = a.cr3;
        t->ldt = a.ldt, t->link = a.link, t->trap = a.trap & 1;
        return EMUL_OK;
    }
    EMUL_TRY(system_read(e, addr, &b, sizeof(b)));
    for (i = 0; i < 8; i++)
        t->reg[i] = 0xffff0000 | b.reg[i];
    for (i = 0; i < 6; i++)
        t->selector[i] = i < 4 ? b.seg[i] : 0;
    t->ip = b.ip, t->flags = b.flags, t->cr3 = 0;
    t->ldt = b.ldt, t->link = b.link, t->trap = false;
    return EMUL_OK;
}

/* What the CPU stores: EIP to the last segment; the rest stays as the system set it up. */
static int save_task(struct emul *e, uint64_t addr, bool is32, uint32_t flags)
{
    struct tss32 a;
    struct tss16 b;
    unsigned int i;
    const unsigned int first32 = offsetof(struct tss32, eip), end32 = offsetof(struct tss32, ldt);
    const unsigned int first16 = offsetof(struct tss16, ip), end16 = offsetof(struct tss16, ldt);

    if (is32) {
        EMUL_TRY(system_read(e, addr + first32, &a.eip, end32 - first32));
        a.eip = (uint32_t)e->r.rip, a.eflags = flags;
        for (i = 0; i < 8; i++)
            a.reg[i] = (uint32_t)*emul_reg_ptr(&e->r, i);
        for (i = 0; i < 6; i++)
            a.seg[i].sel = emul_seg(e, i)->selector;
        return system_write(e, addr + first32, &a.eip, end32 - first32);
    }
    b.ip = (uint16_t)e->r.rip, b.flags = (uint16_t)flags;
    for (i = 0; i < 8; i++)
        b.reg[i] = (uint16_t)*emul_reg_ptr(&e->r, i);
    for (i = 0; i < 4; i++)
        b.seg[i] = emul_seg(e, i)->selector;
    return system_write(e, addr + first16, &b.ip, end16 - first16);
}

/* --- the new task's segments: faults from here on are its own --- */

static int ts_sel(struct emul *e, uint16_t selector)
{
    return emul_fault_code(e, X86_EXC_TS, selector & ~3U);
}

static int load_ldt(struct emul *e, uint16_t selector)
{
    struct x86_segment s = { .selector = selector };
    struct emul_desc d;

    emul_set_seg(e, X86_SEG_LDTR, &s);
    if (selector & 4)
        return ts_sel(e, selector);
    EMUL_TRY(emul_read_desc(e, selector, X86_EXC_TS, &d));
    if (d.null)
        return EMUL_OK;
    if (emul_desc_type(&d) != DESC_LDT || !emul_desc_present(&d))
        return ts_sel(e, selector);
    emul_desc_segment(&d, selector, &s);
    emul_set_seg(e, X86_SEG_LDTR, &s);
    return EMUL_OK;
}

static int load_code(struct emul *e, uint16_t selector)
{
    unsigned int rpl = selector & 3, type;
    struct emul_desc d;
    struct x86_segment s;

    EMUL_TRY(emul_read_desc(e, selector, X86_EXC_TS, &d));
    type = emul_desc_type(&d);
    if (d.null || (type & 0x18) != 0x18 ||
        (type & DESC_CONFORMING ? emul_desc_dpl(&d) > rpl : emul_desc_dpl(&d) != rpl))
        return ts_sel(e, selector);
    if (!emul_desc_present(&d))
        return emul_fault_code(e, X86_EXC_NP, selector & ~3U);
    EMUL_TRY(emul_desc_mark(e, &d, SEG_ACCESSED));
    emul_desc_segment(&d, selector, &s);
    emul_set_seg(e, X86_SEG_CS, &s);
    return EMUL_OK;
}

static int load_segments(struct emul *e, const struct task *t)
{
    static const uint8_t data[] = { X86_SEG_ES, X86_SEG_DS, X86_SEG_FS, X86_SEG_GS };
    unsigned int i;

    if (e->r.rflags & X86_EFLAGS_VM) {
        e->cpl = 3;
        EMUL_TRY(load_ldt(e, t->ldt));
        for (i = 0; i < 6; i++)
            emul_load_real(e, i, t->selector[i]);
        emul_update_mode(e);
        return EMUL_OK;
    }
    e->cpl = t->selector[X86_SEG_CS] & 3;
    /* Until they are loaded none can be used. */
    for (i = 0; i < 6; i++) {
        struct x86_segment s = { .selector = t->selector[i], .attr = (uint16_t)(e->cpl << 5) };

        emul_set_seg(e, i, &s);
    }
    EMUL_TRY(load_ldt(e, t->ldt));
    EMUL_TRY(load_code(e, t->selector[X86_SEG_CS]));
    emul_update_mode(e);
    EMUL_TRY(emul_load_stack(e, t->selector[X86_SEG_SS], e->cpl, X86_EXC_TS));
    for (i = 0; i < ARRAY_SIZE(data); i++)
        EMUL_TRY(emul_load_data(e, data[i], t->selector[data[i]], X86_EXC_TS));
    return emul_check_target(e, emul_seg(e, X86_SEG_CS), e->r.rip);
}

/* --- the switch --- */

static int check_tss(struct emul *e, uint16_t selector, enum emul_task_reason reason,
                     struct emul_desc *d, struct x86_segment *s)
{
    bool back = reason == EMUL_TASK_IRET;
    uint8_t vector = back ? X86_EXC_TS : X86_EXC_GP;
    unsigned int type;

    if (selector & 4)
        return emul_fault_code(e, vector, selector & ~3U);
    EMUL_TRY(emul_read_desc(e, selector, vector, d));
    type = emul_desc_type(d);
    if (d->null || (type & ~(8U | DESC_BUSY)) != DESC_TSS16 || !(type & DESC_BUSY) == back)
        return emul_fault_code(e, vector, selector & ~3U);
    if (!emul_desc_present(d))
        return emul_fault_code(e, X86_EXC_NP, selector & ~3U);
    emul_desc_segment(d, selector, s);
    if (s->limit < (type & 8 ? sizeof(struct tss32) : sizeof(struct tss16)) - 1)
        return ts_sel(e, selector);
    return EMUL_OK;
}

/* The old task's descriptor is available again. */
static int clear_busy(struct emul *e, uint16_t selector)
{
    struct emul_desc d;
    uint64_t new;

    EMUL_TRY(emul_read_desc(e, selector, X86_EXC_TS, &d));
    new = d.low & ~((uint64_t)DESC_BUSY << 40);
    return e->c->ops->cmpxchg(e->c, d.addr, &d.low, &new, 8, EMUL_ACC_SYSTEM | EMUL_ACC_LOCKED);
}

static void load_registers(struct emul *e, const struct task *t, bool nested)
{
    unsigned int i;

    for (i = 0; i < 8; i++)
        *emul_reg_ptr(&e->r, i) = t->reg[i];
    e->r.rip = t->ip;
    e->r.rflags = (t->flags & 0x3f7fd7) | X86_EFLAGS_MBS | (nested ? X86_EFLAGS_NT : 0);
}

static int load_control(struct emul *e, const struct task *t)
{
    if ((e->c->cr0 & X86_CR0_PG) && t->is32)
        EMUL_TRY(e->c->ops->write_cr(e->c, 3, t->cr3));
    return e->c->ops->write_cr(e->c, 0, e->c->cr0 | X86_CR0_TS);
}

int emul_switch_task(struct emul *e, uint16_t selector, enum emul_task_reason reason,
                     bool has_error, uint32_t error)
{
    const struct x86_segment *tr = emul_seg(e, X86_SEG_TR);
    struct x86_segment old = *tr, new;
    bool nested = reason == EMUL_TASK_CALL || reason == EMUL_TASK_GATE;
    struct emul_desc d;
    struct task t;

    if (!e->c->ops->write_cr || emul_long(e))
        return EMUL_UNHANDLEABLE;
    EMUL_TRY(check_tss(e, selector, reason, &d, &new));
    t.is32 = emul_desc_type(&d) & 8;
    EMUL_TRY(read_task(e, new.base, &t));
    EMUL_TRY(save_task(e, old.base, old.attr & 8,
                       (uint32_t)e->r.rflags & (reason == EMUL_TASK_IRET ? ~X86_EFLAGS_NT : ~0)));
    if (nested)
        EMUL_TRY(system_write(e, new.base, &old.selector, LINK_BYTES));
    else
        EMUL_TRY(clear_busy(e, old.selector));
    if (reason != EMUL_TASK_IRET)
        EMUL_TRY(emul_desc_mark(e, &d, DESC_BUSY));
    EMUL_TRY(load_control(e, &t));

    new.attr |= DESC_BUSY;
    emul_set_seg(e, X86_SEG_TR, &new);
    load_registers(e, &t, nested);
    e->keep = true;
    e->c->out.tss_trap = t.trap;
    EMUL_TRY(load_segments(e, &t));
    return has_error ? emul_stack_push(e, error, t.is32 ? 4 : 2) : EMUL_OK;
}
