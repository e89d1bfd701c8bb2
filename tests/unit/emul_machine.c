/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>
#include <hv/processor.h>
#include "emul_machine.h"

const char *const emul_mode_names[MODE_COUNT] = {
    "real", "big real", "virtual-8086", "16-bit", "32-bit", "32-bit user", "compatibility", "long",
    "long user",
};

#define ME(c) ((struct machine *)(c))

/* --- memory --- */

bool machine_present(uint64_t addr, unsigned int bytes, uint64_t *first_missing)
{
    static const uint32_t there[][2] = {
        { 0, 0x1000 }, { CODE_BASE, CODE_BASE + 0x10000 }, { DATA_BASE, DATA_END },
        { STACK_BASE, STACK_END }, { TABLE_BASE, TABLE_END },
    };

    for (unsigned int i = 0; i < bytes; i++) {
        bool found = false;

        for (size_t k = 0; k < sizeof(there) / sizeof(there[0]); k++)
            found = found || (addr + i >= there[k][0] && addr + i < there[k][1]);
        if (!found) {
            *first_missing = addr + i;
            return false;
        }
    }
    return true;
}

static int check(struct emul_ctxt *c, uint64_t addr, unsigned int bytes, unsigned int access,
                 bool write)
{
    uint64_t missing;

    if (machine_present(addr, bytes, &missing))
        return EMUL_OK;
    return emul_set_page_fault(c, missing, (write ? PFEC_WRITE : 0) |
                                           (access & EMUL_ACC_USER ? PFEC_USER : 0));
}

static int do_fetch(struct emul_ctxt *c, uint64_t addr, void *buf, unsigned int bytes)
{
    int rc = check(c, addr, bytes, 0, false);

    if (rc == EMUL_OK)
        memcpy(buf, ME(c)->mem + addr, bytes);
    return rc;
}

static int do_read(struct emul_ctxt *c, uint64_t addr, void *buf, unsigned int bytes,
                   unsigned int access)
{
    int rc = check(c, addr, bytes, access, access & EMUL_ACC_RMW);

    if (rc == EMUL_OK)
        memcpy(buf, ME(c)->mem + addr, bytes);
    return rc;
}

static int do_write(struct emul_ctxt *c, uint64_t addr, const void *buf, unsigned int bytes,
                    unsigned int access)
{
    int rc = check(c, addr, bytes, access, true);

    if (rc != EMUL_OK)
        return rc;
    if (access & EMUL_ACC_PROBE) {
        ME(c)->probes++;
        return EMUL_OK;
    }
    if (ME(c)->retry_writes)
        return EMUL_RETRY;
    memcpy(ME(c)->mem + addr, buf, bytes);
    return EMUL_OK;
}

static int do_cmpxchg(struct emul_ctxt *c, uint64_t addr, const void *old, const void *new,
                      unsigned int bytes, unsigned int access)
{
    int rc = check(c, addr, bytes, access, true);

    if (rc != EMUL_OK)
        return rc;
    if (ME(c)->retry_writes || memcmp(ME(c)->mem + addr, old, bytes))
        return EMUL_RETRY;
    memcpy(ME(c)->mem + addr, new, bytes);
    return EMUL_OK;
}

static int do_rep(struct emul_ctxt *c, struct emul_rep *rep)
{
    uint64_t i;
    int rc = EMUL_OK;

    if (!ME(c)->use_rep)
        return EMUL_UNHANDLEABLE;
    for (i = 0; i < rep->count; i++) {
        uint64_t off = (uint64_t)((int64_t)i * rep->step), val = rep->value;

        rc = EMUL_OK;
        if (rep->op == EMUL_REP_MOVS || rep->op == EMUL_REP_OUTS)
            rc = do_read(c, rep->src + off, &val, rep->bytes, rep->access);
        if (rc == EMUL_OK && rep->op == EMUL_REP_INS)
            val = rep->port * 0x01010101u;
        if (rc == EMUL_OK && rep->op != EMUL_REP_OUTS)
            rc = do_write(c, rep->dst + off, &val, rep->bytes, rep->access);
        if (rc != EMUL_OK)
            break;
    }
    rep->count = i;
    return i ? EMUL_OK : rc;
}

/* --- what is not memory --- */

static int port_in(struct emul_ctxt *c, unsigned int port, unsigned int bytes, uint32_t *val)
{
    ME(c)->port = port;
    ME(c)->port_bytes = bytes;
    ME(c)->ins++;
    *val = (port * 0x01010101u) & (uint32_t)(0xffffffffULL >> (32 - 8 * bytes));
    return EMUL_OK;
}

static int port_out(struct emul_ctxt *c, unsigned int port, unsigned int bytes, uint32_t val)
{
    ME(c)->port = port;
    ME(c)->port_bytes = bytes;
    ME(c)->port_value = val;
    ME(c)->outs++;
    return EMUL_OK;
}

static uint64_t *cr(struct machine *m, unsigned int n)
{
    return n == 0 ? &m->c.cr0 : n == 2 ? &m->cr2 : n == 3 ? &m->cr3 : n == 4 ? &m->c.cr4 : &m->cr8;
}

static int read_cr(struct emul_ctxt *c, unsigned int n, uint64_t *val)
{
    *val = *cr(ME(c), n);
    return EMUL_OK;
}

static int write_cr(struct emul_ctxt *c, unsigned int n, uint64_t val)
{
    *cr(ME(c), n) = val;
    return EMUL_OK;
}

static int read_dr(struct emul_ctxt *c, unsigned int n, uint64_t *val)
{
    *val = ME(c)->dr[n];
    return EMUL_OK;
}

static int write_dr(struct emul_ctxt *c, unsigned int n, uint64_t val)
{
    ME(c)->dr[n] = val;
    return EMUL_OK;
}

static int rdmsr_(struct emul_ctxt *c, uint32_t msr, uint64_t *val)
{
    if (msr == 0xdead)
        return emul_set_fault(c, X86_EXC_GP, true, 0);
    *val = msr == 0xc0000102 ? ME(c)->kernel_gs : 0x1122334455667788ULL + msr;
    return EMUL_OK;
}

static int wrmsr_(struct emul_ctxt *c, uint32_t msr, uint64_t val)
{
    if (msr == 0xdead)
        return emul_set_fault(c, X86_EXC_GP, true, 0);
    if (msr == 0xc0000102)
        ME(c)->kernel_gs = val;
    return EMUL_OK;
}

static int cpuid_(struct emul_ctxt *c, uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    out[0] = leaf + 1;
    out[1] = sub + 2;
    out[2] = leaf ^ sub;
    out[3] = ~leaf;
    return EMUL_OK;
}

static int read_vec(struct emul_ctxt *c, enum emul_vec kind, unsigned int n, void *buf)
{
    if (kind == EMUL_VEC_MMX)
        memcpy(buf, &ME(c)->mmx[n], 8);
    else
        memcpy(buf, ME(c)->vec[n], kind == EMUL_VEC_XMM ? 16 : 32);
    return EMUL_OK;
}

static int write_vec(struct emul_ctxt *c, enum emul_vec kind, unsigned int n, const void *buf)
{
    if (kind == EMUL_VEC_MMX)
        memcpy(&ME(c)->mmx[n], buf, 8);
    else
        memcpy(ME(c)->vec[n], buf, kind == EMUL_VEC_XMM ? 16 : 32);
    return EMUL_OK;
}

static int do_system(struct emul_ctxt *c, enum emul_sys what, uint64_t arg)
{
    ME(c)->last_sys = what;
    ME(c)->last_arg = arg;
    ME(c)->systems++;
    return EMUL_OK;
}

static const struct emul_ops ops = {
    .fetch = do_fetch, .read = do_read, .write = do_write, .cmpxchg = do_cmpxchg, .rep = do_rep,
    .port_in = port_in, .port_out = port_out, .read_cr = read_cr, .write_cr = write_cr,
    .read_dr = read_dr, .write_dr = write_dr, .rdmsr = rdmsr_, .wrmsr = wrmsr_, .rdpmc = rdmsr_,
    .cpuid = cpuid_, .read_vec = read_vec, .write_vec = write_vec, .system = do_system,
};

/* --- modes --- */

uint64_t machine_desc(uint32_t base, uint32_t limit, unsigned int attr)
{
    return (limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 | (uint64_t)(attr & 0xff) << 40 |
           (uint64_t)(limit >> 16 & 15) << 48 | (uint64_t)(attr >> 8 & 15) << 52 |
           (uint64_t)(base >> 24) << 56;
}

void machine_put(struct machine *m, uint32_t addr, const void *bytes, unsigned int n)
{
    memcpy(m->mem + addr, bytes, n);
}

uint64_t machine_get(const struct machine *m, uint32_t addr, unsigned int bytes)
{
    uint64_t val = 0;

    memcpy(&val, m->mem + addr, bytes);
    return val;
}

unsigned int machine_bits(enum emul_mode mode)
{
    return mode <= MODE_PROT16 ? 16 : mode >= MODE_LONG ? 64 : 32;
}

uint32_t machine_data_base(enum emul_mode mode)
{
    return mode >= MODE_LONG ? 0 : DATA_BASE;
}

uint32_t machine_stack_base(enum emul_mode mode)
{
    return mode >= MODE_LONG ? 0 : STACK_BASE;
}

uint32_t machine_code_base(enum emul_mode mode)
{
    return mode >= MODE_LONG ? 0 : CODE_BASE;
}

#define CODE (SEG_P | SEG_S | SEG_CODE | SEG_WRITABLE | SEG_ACCESSED)
#define DATA (SEG_P | SEG_S | SEG_WRITABLE | SEG_ACCESSED)
#define BIG (SEG_DB | SEG_G)
#define USER SEG_DPL

static void put_desc(struct machine *m, unsigned int selector, uint64_t low, uint64_t high)
{
    machine_put(m, GDT_BASE + (selector & ~7u), &low, 8);
    if (high != ~0ULL)
        machine_put(m, GDT_BASE + (selector & ~7u) + 8, &high, 8);
}

static void tables(struct machine *m)
{
    bool lm = m->mode >= MODE_COMPAT32;
    uint64_t data = machine_desc(DATA_BASE, 0xfffff, DATA | BIG);
    uint32_t gate_target = lm ? SEL_CODE64 : SEL_CODE32;
    uint16_t stack[2] = { RING0_STACK & 0xffff, SEL_FLAT };
    uint64_t ring0 = RING0_STACK;
    struct { uint32_t esp, ss; } s32 = { RING0_STACK, SEL_FLAT };

    memset(m->mem + TABLE_BASE, 0, TABLE_END - TABLE_BASE);
    put_desc(m, SEL_CODE16, machine_desc(CODE_BASE, 0xffff, CODE), ~0ULL);
    put_desc(m, SEL_CODE32, machine_desc(CODE_BASE, 0xfffff, CODE | BIG), ~0ULL);
    put_desc(m, SEL_CODE64, machine_desc(0, 0xfffff, CODE | SEG_L | SEG_G), ~0ULL);
    put_desc(m, SEL_DATA, data, ~0ULL);
    put_desc(m, SEL_STACK, machine_desc(STACK_BASE, 0xfffff, DATA | BIG), ~0ULL);
    put_desc(m, SEL_UCODE32, machine_desc(CODE_BASE, 0xfffff, CODE | BIG | USER), ~0ULL);
    put_desc(m, SEL_UCODE64, machine_desc(0, 0xfffff, CODE | SEG_L | SEG_G | USER), ~0ULL);
    put_desc(m, SEL_UDATA, machine_desc(DATA_BASE, 0xfffff, DATA | BIG | USER), ~0ULL);
    put_desc(m, SEL_USTACK, machine_desc(STACK_BASE, 0xfffff, DATA | BIG | USER), ~0ULL);
    put_desc(m, SEL_STACK16, machine_desc(STACK_BASE, 0xffff, DATA), ~0ULL);
    put_desc(m, SEL_FLAT, machine_desc(0, 0xfffff, DATA | BIG), ~0ULL);
    put_desc(m, SEL_UFLAT, machine_desc(0, 0xfffff, DATA | BIG | USER), ~0ULL);
    put_desc(m, SEL_ABSENT, machine_desc(0, 0xfffff, (DATA | BIG) & ~SEG_P), ~0ULL);
    put_desc(m, SEL_RO, machine_desc(DATA_BASE, 0xfffff, (DATA | BIG) & ~SEG_WRITABLE), ~0ULL);
    put_desc(m, SEL_DOWN, machine_desc(DATA_BASE, 0x0fff, DATA | SEG_EXPAND_DOWN | SEG_DB), ~0ULL);
    put_desc(m, SEL_CONFORMING, machine_desc(CODE_BASE, 0xfffff, CODE | BIG | SEG_EXPAND_DOWN),
    ~0ULL);
    put_desc(m, SEL_EXEC_ONLY, machine_desc(CODE_BASE, 0xfffff, (CODE | BIG) & ~SEG_WRITABLE),
    ~0ULL);
    put_desc(m, SEL_LDT, machine_desc(LDT_BASE, 0xff, SEG_P | 2), lm ? 0 : ~0ULL);
    put_desc(m, SEL_TSS, machine_desc(TSS_BASE, 0x3ff, SEG_P | 11), lm ? 0 : ~0ULL);
    put_desc(m, SEL_TSS2, machine_desc(TSS2_BASE, 0x67, SEG_P | 9), lm ? 0 : ~0ULL);
    put_desc(m, SEL_GATE, gate_target << 16 | 0x2000 | (uint64_t)(SEG_P | USER | 12) << 40 |
             (lm ? 0 : 1ULL << 32), lm ? 0 : ~0ULL);
    put_desc(m, SEL_TASK_GATE, SEL_TSS2 << 16 | (uint64_t)(SEG_P | USER | 5) << 40, ~0ULL);
    put_desc(m, SEL_TSS16, machine_desc(TSS2_BASE, 0x2b, SEG_P | 1), ~0ULL);
    machine_put(m, LDT_BASE, &data, 8);
    if (lm)
        machine_put(m, TSS_BASE + 4, &ring0, 8);
    else
        machine_put(m, TSS_BASE + 4, &s32, 8);
    (void)stack;
}

static void seg(struct machine *m, enum x86_seg_index n, uint16_t selector)
{
    struct x86_segment *s = &m->c.seg[n];
    uint64_t d = machine_get(m, GDT_BASE + (selector & ~7u), 8);

    s->selector = selector;
    s->attr = (uint16_t)((d >> 40 & 0xff) | (d >> 44 & 0xf00));
    s->limit = (uint32_t)((d & 0xffff) | (d >> 32 & 0xf0000));
    if (s->attr & SEG_G)
        s->limit = s->limit << 12 | 0xfff;
    s->base = (uint32_t)((d >> 16 & 0xffffff) | (d >> 32 & 0xff000000));
}

static void real_segments(struct machine *m, uint32_t limit, unsigned int dpl)
{
    static const uint16_t base[6] = { DATA_BASE >> 4, CODE_BASE >> 4, STACK_BASE >> 4,
                                      DATA_BASE >> 4, DATA_BASE >> 4, DATA_BASE >> 4 };

    for (unsigned int i = 0; i < 6; i++)
        m->c.seg[i] = (struct x86_segment){
            .selector = base[i], .base = base[i] * 16u, .limit = i == X86_SEG_CS ? 0xffff : limit,
            .attr = (uint16_t)((i == X86_SEG_CS && !dpl ? CODE : DATA) | dpl << 5) };
}

static void protected_segments(struct machine *m)
{
    bool user = m->c.cpl == 3, is64 = m->mode >= MODE_LONG;
    uint16_t data = is64 ? (user ? SEL_UFLAT : SEL_FLAT) : user ? SEL_UDATA : SEL_DATA;

    seg(m, X86_SEG_CS, m->mode == MODE_PROT16 ? SEL_CODE16 :
        is64 ? (user ? SEL_UCODE64 : SEL_CODE64) : user ? SEL_UCODE32 : SEL_CODE32);
    seg(m, X86_SEG_SS, m->mode == MODE_PROT16 ? SEL_STACK16 : is64 ? data :
        user ? SEL_USTACK : SEL_STACK);
    seg(m, X86_SEG_DS, data);
    seg(m, X86_SEG_ES, data);
    seg(m, X86_SEG_FS, data);
    seg(m, X86_SEG_GS, data);
}

void machine_reset(struct machine *m, enum emul_mode mode)
{
    uint8_t *mem = m->mem;
    struct cpu_user_regs r = { .rflags = 2 };

    memset(m, 0, sizeof(*m));
    m->mem = mem;
    m->mode = mode;
    m->r = r;
    m->c.ops = &ops;
    m->c.regs = &m->r;
    m->c.cr0 = mode <= MODE_BIG_REAL ? 0x10 : 0x11;
    m->c.cr4 = X86_CR4_OSFXSR | X86_CR4_OSXSAVE | X86_CR4_FSGSBASE;
    m->c.xcr0 = 7;
    m->c.efer = mode >= MODE_COMPAT32 ? 0x500 : 0;
    m->c.cpl = mode == MODE_V86 || mode == MODE_PROT32_USER || mode == MODE_LONG_USER ? 3 : 0;
    tables(m);
    if (mode <= MODE_V86) {
        real_segments(m, mode == MODE_BIG_REAL ? ~0u : 0xffff, m->c.cpl);
        m->r.rflags |= mode == MODE_V86 ? X86_EFLAGS_VM | X86_EFLAGS_IOPL : 0;
    } else {
        protected_segments(m);
    }
    m->c.seg[X86_SEG_GDTR] = (struct x86_segment){ .base = GDT_BASE, .limit = GDT_LIMIT };
    m->c.seg[X86_SEG_IDTR] = (struct x86_segment){ .base = mode <= MODE_BIG_REAL ? 0 : IDT_BASE,
                                                   .limit = mode <= MODE_BIG_REAL ? 0x3ff : 0xfff };
    seg(m, X86_SEG_LDTR, SEL_LDT);
    seg(m, X86_SEG_TR, SEL_TSS);
    m->r.rsp = STACK_END - 0x100 - machine_stack_base(mode);
    m->r.rip = CODE_BASE - machine_code_base(mode);
}
