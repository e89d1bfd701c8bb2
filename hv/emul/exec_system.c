/* SPDX-License-Identifier: BSD-2-Clause */
/* System instructions: segment registers, descriptor tables, control and debug registers, MSRs.
 * AMD64 APM volume 3, "System Instruction Reference". */
#include <hv/lib.h>
#include <hv/msr_index.h>
#include "emul_priv.h"
#include "exec.h"

#define DST (&e->op[0])
#define SRC (&e->op[1])

/* --- segment registers --- */

int emul_mov_sreg(struct emul *e)
{
    unsigned int n = e->in.reg & 7;

    EMUL_TRY(emul_load_seg(e, n, (uint16_t)SRC->val));
    e->c->out.mov_ss = n == X86_SEG_SS;
    return EMUL_OK;
}

static enum x86_seg_index named_segment(const struct emul *e)
{
    return X86_SEG_ES + (e->in.row->op[0] - ES);
}

int emul_push_sreg(struct emul *e)
{
    return emul_stack_push(e, emul_seg(e, named_segment(e))->selector, e->in.opsize);
}

int emul_pop_sreg(struct emul *e)
{
    uint64_t selector;

    EMUL_TRY(emul_stack_pop(e, &selector, e->in.opsize));
    EMUL_TRY(emul_load_seg(e, named_segment(e), (uint16_t)selector));
    e->c->out.mov_ss = named_segment(e) == X86_SEG_SS;
    return EMUL_OK;
}

/* LES, LDS, LSS, LFS, LGS: an offset and behind it a selector. */
int emul_load_far(struct emul *e)
{
    uint64_t behind = (SRC->ea + e->in.opsize) & emul_mask(e->in.adsize);
    enum x86_seg_index n;
    uint16_t selector;

    if (e->in.map == MAP_ONE)
        n = e->in.opcode == 0xc4 ? X86_SEG_ES : X86_SEG_DS;
    else
        n = e->in.opcode == 0xb2 ? X86_SEG_SS : e->in.opcode == 0xb4 ? X86_SEG_FS : X86_SEG_GS;
    DST->val = 0;
    EMUL_TRY(emul_read(e, SRC->seg, SRC->ea, &DST->val, e->in.opsize));
    EMUL_TRY(emul_read(e, SRC->seg, behind, &selector, 2));
    return emul_load_seg(e, n, selector);
}

static void set_zf(struct emul *e, bool on)
{
    e->r.rflags = on ? e->r.rflags | X86_EFLAGS_ZF : e->r.rflags & ~(unsigned long)X86_EFLAGS_ZF;
}

int emul_arpl(struct emul *e)
{
    bool below = (DST->val & 3) < (SRC->val & 3);

    if (below)
        DST->val = (DST->val & ~3ULL) | (SRC->val & 3);
    set_zf(e, below);
    return EMUL_OK;
}

/* --- questions about descriptors --- */

/* Reads the descriptor; *ok is false where a load would fault. */
static int ask(struct emul *e, uint16_t selector, struct emul_desc *d, bool *ok)
{
    int rc = emul_read_desc(e, selector, X86_EXC_GP, d);

    *ok = rc == EMUL_OK && !d->null;
    return rc == EMUL_EXCEPTION && e->c->fault.vector == X86_EXC_GP ? EMUL_OK : rc;
}

static bool privileged_enough(const struct emul *e, const struct emul_desc *d, uint16_t selector)
{
    if ((emul_desc_type(d) & 0x1c) == (DESC_IS_SEGMENT | DESC_IS_CODE | DESC_CONFORMING))
        return true;
    return emul_desc_dpl(d) >= e->cpl && emul_desc_dpl(d) >= (selector & 3U);
}

static int verify(struct emul *e, bool write)
{
    uint16_t selector = (uint16_t)DST->val;
    struct emul_desc d;
    unsigned int type;
    bool ok;

    EMUL_TRY(ask(e, selector, &d, &ok));
    type = emul_desc_type(&d);
    ok = ok && (type & DESC_IS_SEGMENT) && privileged_enough(e, &d, selector);
    if (write)
        ok = ok && !(type & DESC_IS_CODE) && (type & SEG_WRITABLE);
    else
        ok = ok && (!(type & DESC_IS_CODE) || (type & SEG_WRITABLE));
    set_zf(e, ok);
    return EMUL_OK;
}

int emul_verr(struct emul *e)
{
    return verify(e, false);
}

int emul_verw(struct emul *e)
{
    return verify(e, true);
}

/* System descriptors that LAR and LSL know, a bit per type; those of long mode. */
#define LAR_TYPES 0x1a3e
#define LAR_TYPES_LONG 0x1a04
#define LSL_TYPES 0x0a0e
#define LSL_TYPES_LONG 0x0a04

static int lookup(struct emul *e, struct emul_desc *d, unsigned int types, bool *ok)
{
    uint16_t selector = (uint16_t)SRC->val;

    EMUL_TRY(ask(e, selector, d, ok));
    if (*ok && !(emul_desc_type(d) & DESC_IS_SEGMENT))
        *ok = types >> emul_desc_type(d) & 1;
    *ok = *ok && privileged_enough(e, d, selector);
    set_zf(e, *ok);
    DST->plain = !*ok; /* then the register stays as it is */
    return EMUL_OK;
}

int emul_lar(struct emul *e)
{
    struct emul_desc d;
    bool ok;

    EMUL_TRY(lookup(e, &d, emul_long(e) ? LAR_TYPES_LONG : LAR_TYPES, &ok));
    DST->val = (d.low >> 32) & 0xffff00;
    return EMUL_OK;
}

int emul_lsl(struct emul *e)
{
    struct x86_segment s;
    struct emul_desc d;
    bool ok;

    EMUL_TRY(lookup(e, &d, emul_long(e) ? LSL_TYPES_LONG : LSL_TYPES, &ok));
    emul_desc_segment(&d, 0, &s);
    DST->val = s.limit;
    return EMUL_OK;
}

/* --- descriptor tables --- */

int emul_sldt(struct emul *e)
{
    DST->val = emul_seg(e, X86_SEG_LDTR)->selector;
    return EMUL_OK;
}

int emul_str(struct emul *e)
{
    DST->val = emul_seg(e, X86_SEG_TR)->selector;
    return EMUL_OK;
}

/* LDT or TSS from the GDT. */
static int system_desc(struct emul *e, uint16_t selector, unsigned int types, struct emul_desc *d)
{
    if (selector & 4)
        return emul_fault_code(e, X86_EXC_GP, selector & ~3U);
    EMUL_TRY(emul_read_desc(e, selector, X86_EXC_GP, d));
    if (d->null)
        return EMUL_OK;
    if ((emul_desc_type(d) & DESC_IS_SEGMENT) || !(types >> emul_desc_type(d) & 1))
        return emul_fault_code(e, X86_EXC_GP, selector & ~3U);
    if (!emul_desc_present(d))
        return emul_fault_code(e, X86_EXC_NP, selector & ~3U);
    return EMUL_OK;
}

int emul_lldt(struct emul *e)
{
    uint16_t selector = (uint16_t)DST->val;
    struct x86_segment s = { .selector = selector };
    struct emul_desc d;

    EMUL_TRY(system_desc(e, selector, BIT(DESC_LDT), &d));
    if (!d.null)
        emul_desc_segment(&d, selector, &s);
    if (!emul_canonical(s.base))
        return emul_fault_code(e, X86_EXC_GP, selector & ~3U);
    emul_set_seg(e, X86_SEG_LDTR, &s);
    return EMUL_OK;
}

int emul_ltr(struct emul *e)
{
    uint16_t selector = (uint16_t)DST->val;
    unsigned int types = emul_long(e) ? BIT(DESC_TSS32) : BIT(DESC_TSS16) | BIT(DESC_TSS32);
    struct x86_segment s;
    struct emul_desc d;

    EMUL_TRY(system_desc(e, selector, types, &d));
    if (d.null)
        return emul_gp(e);
    emul_desc_segment(&d, selector, &s);
    if (!emul_canonical(s.base))
        return emul_fault_code(e, X86_EXC_GP, selector & ~3U);
    EMUL_TRY(emul_desc_mark(e, &d, DESC_BUSY));
    s.attr |= DESC_BUSY;
    emul_set_seg(e, X86_SEG_TR, &s);
    return EMUL_OK;
}

static int store_table(struct emul *e, enum x86_seg_index n)
{
    const struct x86_segment *s = emul_seg(e, n);
    struct { uint16_t limit; uint64_t base; } __packed image = { (uint16_t)s->limit, s->base };

    if (e->in.mod == 3)
        return emul_ud(e);
    return emul_write(e, DST->seg, DST->ea, &image, e->in.bits == 64 ? 10 : 6);
}

int emul_sgdt(struct emul *e)
{
    return store_table(e, X86_SEG_GDTR);
}

int emul_sidt(struct emul *e)
{
    return store_table(e, X86_SEG_IDTR);
}

static int load_table(struct emul *e, enum x86_seg_index n)
{
    struct { uint16_t limit; uint64_t base; } __packed image = { 0, 0 };
    struct x86_segment s = { .selector = 0 };

    EMUL_TRY(emul_read(e, DST->seg, DST->ea, &image, e->in.bits == 64 ? 10 : 6));
    if (e->in.bits != 64)
        image.base &= e->in.opsize == 2 ? 0xffffff : 0xffffffff;
    if (!emul_canonical(image.base))
        return emul_gp(e);
    s.limit = image.limit;
    s.base = image.base;
    emul_set_seg(e, n, &s);
    return EMUL_OK;
}

int emul_lgdt(struct emul *e)
{
    return load_table(e, X86_SEG_GDTR);
}

int emul_lidt(struct emul *e)
{
    return load_table(e, X86_SEG_IDTR);
}

/* --- control and debug registers --- */

#define MSW_WRITABLE (X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS)

static int get_cr(struct emul *e, unsigned int n, uint64_t *val)
{
    return e->c->ops->read_cr ? e->c->ops->read_cr(e->c, n, val) : EMUL_UNHANDLEABLE;
}

static int set_cr(struct emul *e, unsigned int n, uint64_t val)
{
    return e->c->ops->write_cr ? e->c->ops->write_cr(e->c, n, val) : EMUL_UNHANDLEABLE;
}

int emul_smsw(struct emul *e)
{
    return get_cr(e, 0, &DST->val);
}

/* PE can be set but not cleared. */
int emul_lmsw(struct emul *e)
{
    uint64_t cr0;

    EMUL_TRY(get_cr(e, 0, &cr0));
    cr0 &= ~(uint64_t)(MSW_WRITABLE & ~X86_CR0_PE);
    return set_cr(e, 0, cr0 | (DST->val & MSW_WRITABLE));
}

int emul_clts(struct emul *e)
{
    uint64_t cr0;

    EMUL_TRY(get_cr(e, 0, &cr0));
    return set_cr(e, 0, cr0 & ~(uint64_t)X86_CR0_TS);
}

/* LOCK with CR0 stands for CR8 where there is no REX.R; it is not among what is allowed here. */
static bool cr_exists(unsigned int n)
{
    return n == 0 || n == 2 || n == 3 || n == 4 || n == 8;
}

int emul_mov_from_cr(struct emul *e)
{
    return cr_exists(e->in.reg) ? get_cr(e, e->in.reg, &DST->val) : emul_ud(e);
}

int emul_mov_to_cr(struct emul *e)
{
    return cr_exists(e->in.reg) ? set_cr(e, e->in.reg, SRC->val) : emul_ud(e);
}

/* 4 and 5 are 6 and 7 unless CR4.DE makes them undefined. */
static int debug_register(struct emul *e, unsigned int *n)
{
    *n = e->in.reg;
    if (*n > 7)
        return emul_ud(e);
    if (*n == 4 || *n == 5) {
        if (e->c->cr4 & X86_CR4_DE)
            return emul_ud(e);
        *n += 2;
    }
    return EMUL_OK;
}

int emul_mov_from_dr(struct emul *e)
{
    unsigned int n;

    EMUL_TRY(debug_register(e, &n));
    return e->c->ops->read_dr ? e->c->ops->read_dr(e->c, n, &DST->val) : EMUL_UNHANDLEABLE;
}

int emul_mov_to_dr(struct emul *e)
{
    unsigned int n;

    EMUL_TRY(debug_register(e, &n));
    if (n >= 6 && SRC->val >> 32)
        return emul_gp(e);
    return e->c->ops->write_dr ? e->c->ops->write_dr(e->c, n, SRC->val) : EMUL_UNHANDLEABLE;
}

/* --- MSRs, time, CPUID --- */

static int get_msr(struct emul *e, uint32_t msr, uint64_t *val)
{
    return e->c->ops->rdmsr ? e->c->ops->rdmsr(e->c, msr, val) : EMUL_UNHANDLEABLE;
}

static void set_edx_eax(struct emul *e, uint64_t val)
{
    e->r.rax = (uint32_t)val;
    e->r.rdx = val >> 32;
}

static uint64_t edx_eax(const struct emul *e)
{
    return (uint32_t)e->r.rax | e->r.rdx << 32;
}

int emul_rdmsr(struct emul *e)
{
    uint64_t val;

    EMUL_TRY(get_msr(e, (uint32_t)e->r.rcx, &val));
    set_edx_eax(e, val);
    return EMUL_OK;
}

int emul_wrmsr(struct emul *e)
{
    if (!e->c->ops->wrmsr)
        return EMUL_UNHANDLEABLE;
    return e->c->ops->wrmsr(e->c, (uint32_t)e->r.rcx, edx_eax(e));
}

int emul_rdtsc(struct emul *e)
{
    uint64_t val;

    if (e->cpl && (e->c->cr4 & X86_CR4_TSD))
        return emul_gp(e);
    EMUL_TRY(get_msr(e, MSR_TSC, &val));
    set_edx_eax(e, val);
    return EMUL_OK;
}

int emul_rdtscp(struct emul *e)
{
    uint64_t aux;

    EMUL_TRY(emul_rdtsc(e));
    EMUL_TRY(get_msr(e, MSR_TSC_AUX, &aux));
    e->r.rcx = (uint32_t)aux;
    return EMUL_OK;
}

int emul_rdpmc(struct emul *e)
{
    uint64_t val;

    if (e->cpl && !(e->c->cr4 & X86_CR4_PCE))
        return emul_gp(e);
    if (!e->c->ops->rdpmc)
        return EMUL_UNHANDLEABLE;
    EMUL_TRY(e->c->ops->rdpmc(e->c, (uint32_t)e->r.rcx, &val));
    set_edx_eax(e, val);
    return EMUL_OK;
}

int emul_cpuid(struct emul *e)
{
    uint32_t out[4];

    if (!e->c->ops->cpuid)
        return EMUL_UNHANDLEABLE;
    EMUL_TRY(e->c->ops->cpuid(e->c, (uint32_t)e->r.rax, (uint32_t)e->r.rcx, out));
    e->r.rax = out[0];
    e->r.rbx = out[1];
    e->r.rcx = out[2];
    e->r.rdx = out[3];
    return EMUL_OK;
}

int emul_swapgs(struct emul *e)
{
    struct x86_segment gs = *emul_seg(e, X86_SEG_GS);
    uint64_t base = gs.base;

    if (!e->c->ops->wrmsr)
        return EMUL_UNHANDLEABLE;
    EMUL_TRY(get_msr(e, MSR_KERNEL_GS_BASE, &gs.base));
    EMUL_TRY(e->c->ops->wrmsr(e->c, MSR_KERNEL_GS_BASE, base));
    emul_set_seg(e, X86_SEG_GS, &gs);
    return EMUL_OK;
}

static int check_fsgsbase(struct emul *e)
{
    return e->c->cr4 & X86_CR4_FSGSBASE ? EMUL_OK : emul_ud(e);
}

static int read_base(struct emul *e, enum x86_seg_index n)
{
    DST->val = emul_seg(e, n)->base;
    return check_fsgsbase(e);
}

static int write_base(struct emul *e, enum x86_seg_index n)
{
    struct x86_segment s = *emul_seg(e, n);

    EMUL_TRY(check_fsgsbase(e));
    if (!emul_canonical(DST->val))
        return emul_gp(e);
    s.base = DST->val;
    emul_set_seg(e, n, &s);
    return EMUL_OK;
}

int emul_rdfsbase(struct emul *e)
{
    return read_base(e, X86_SEG_FS);
}

int emul_rdgsbase(struct emul *e)
{
    return read_base(e, X86_SEG_GS);
}

int emul_wrfsbase(struct emul *e)
{
    return write_base(e, X86_SEG_FS);
}

int emul_wrgsbase(struct emul *e)
{
    return write_base(e, X86_SEG_GS);
}

/* --- caches, TLB, XCR0, what has no result --- */

static int system(struct emul *e, enum emul_sys what, uint64_t arg)
{
    return e->c->ops->system ? e->c->ops->system(e->c, what, arg) : EMUL_UNHANDLEABLE;
}

/* The operand's address: segmentation counts, limits don't. */
int emul_invlpg(struct emul *e)
{
    bool flat = e->in.bits == 64 && DST->seg < X86_SEG_FS;
    uint64_t addr = DST->ea + (flat ? 0 : emul_seg(e, DST->seg)->base);

    return system(e, EMUL_SYS_INVLPG, e->in.bits == 64 ? addr : (uint32_t)addr);
}

int emul_invd(struct emul *e)
{
    return system(e, EMUL_SYS_INVD, 0);
}

int emul_wbinvd(struct emul *e)
{
    return system(e, EMUL_SYS_WBINVD, 0);
}

int emul_clflush(struct emul *e)
{
    uint64_t addr;
    uint8_t byte;

    EMUL_TRY(emul_linear(e, DST->seg, DST->ea, 1, false, &addr));
    EMUL_TRY(e->c->ops->read(e->c, addr, &byte, 1, e->access));
    return system(e, EMUL_SYS_CLFLUSH, addr);
}

static int check_xsave(struct emul *e)
{
    return e->c->cr4 & X86_CR4_OSXSAVE ? EMUL_OK : emul_ud(e);
}

int emul_xgetbv(struct emul *e)
{
    EMUL_TRY(check_xsave(e));
    if ((uint32_t)e->r.rcx)
        return emul_gp(e);
    set_edx_eax(e, e->c->xcr0);
    return EMUL_OK;
}

int emul_xsetbv(struct emul *e)
{
    EMUL_TRY(check_xsave(e));
    return system(e, EMUL_SYS_XSETBV, edx_eax(e));
}

/* The callback works on the guest's registers, which are taken over afterwards. */
int emul_hypercall(struct emul *e)
{
    uint64_t rip = e->r.rip;
    int rc = system(e, EMUL_SYS_HYPERCALL, 0);

    e->r = *e->c->regs;
    e->r.rip = rip;
    return rc;
}

int emul_monitor(struct emul *e)
{
    uint64_t addr, offset = e->r.rax & emul_mask(e->in.adsize);
    uint8_t byte;

    if ((uint32_t)e->r.rcx)
        return emul_gp(e);
    EMUL_TRY(emul_linear(e, emul_seg_or(e, X86_SEG_DS), offset, 1, false, &addr));
    EMUL_TRY(e->c->ops->read(e->c, addr, &byte, 1, e->access));
    return system(e, EMUL_SYS_MONITOR, addr);
}

int emul_mwait(struct emul *e)
{
    return system(e, EMUL_SYS_MWAIT, 0);
}

/* Elsewhere than at CPL 0 they are undefined. */
static int set_ac(struct emul *e, bool on)
{
    if (e->cpl)
        return emul_ud(e);
    e->r.rflags = on ? e->r.rflags | X86_EFLAGS_AC : e->r.rflags & ~(unsigned long)X86_EFLAGS_AC;
    return EMUL_OK;
}

int emul_clac(struct emul *e)
{
    return set_ac(e, false);
}

int emul_stac(struct emul *e)
{
    return set_ac(e, true);
}
