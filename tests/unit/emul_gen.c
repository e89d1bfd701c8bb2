/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <hv/processor.h>
#include "../../hv/emul/exec.h"
#include "emul_gen.h"

static uint64_t seed_ = 0x9e3779b97f4a7c15ULL;

void gen_seed(uint64_t seed)
{
    seed_ = seed * 0x9e3779b97f4a7c15ULL + 1;
}

uint64_t gen_random(void)
{
    seed_ ^= seed_ << 13;
    seed_ ^= seed_ >> 7;
    seed_ ^= seed_ << 17;
    return seed_ * 0x2545f4914f6cdd1dULL;
}

static bool one_in(unsigned int n)
{
    return (gen_random() >> 20) % n == 0;
}

/* --- rows --- */

struct list {
    struct variant *v;
    unsigned int n, most;
};

static bool uses_modrm(const struct emul_row *row)
{
    bool yes = row->flags & F_MODRM;

    for (int i = 0; i < 3; i++)
        yes = yes || (row->op[i] != O_NONE && row->op[i] <= O_LAST_MODRM);
    return yes;
}

static void walk(struct list *l, struct variant v, const struct emul_row *row)
{
    static const unsigned int members[] = { [G_REG] = 8, [G_RM] = 8, [G_MOD] = 2, [G_PFX] = 4,
                                            [G_64] = 2 };

    if (row->group != G_NONE) {
        for (unsigned int i = 0; i < members[row->group]; i++) {
            struct variant sub = v;

            if (row->flags & F_NO64)
                sub.long64 = 0;
            sub.has_modrm |= row->group == G_REG || row->group == G_RM || row->group == G_MOD;
            switch (row->group) {
            case G_REG: sub.reg = (int)i; break;
            case G_RM: sub.rm = (int)i; break;
            case G_MOD: sub.mem = !i; break;
            case G_PFX: sub.prefix = (int)i; break;
            default: sub.long64 = (int)i; break;
            }
            walk(l, sub, &row->sub[i]);
        }
        return;
    }
    if ((row->flags & (F_UD | F_LEN)) || !row->exec || l->n == l->most ||
        (v.vex && !(row->flags & (F_VEX | F_VEXONLY))))
        return;
    v.row = row;
    v.has_modrm |= uses_modrm(row);
    if (row->flags & F_MEM)
        v.mem = 1;
    l->v[l->n++] = v;
}

unsigned int gen_variants(struct variant *v, unsigned int most)
{
    struct list l = { v, 0, most };

    for (unsigned int vex = 0; vex < 2; vex++)
        for (unsigned int map = vex ? MAP_0F : MAP_ONE; map < MAP_COUNT; map++)
            for (unsigned int op = 0; op < 256; op++) {
                struct variant start = { .map = (uint8_t)map, .opcode = (uint8_t)op, .vex = vex,
                                         .prefix = ANY, .reg = ANY, .rm = ANY, .mem = ANY,
                                         .long64 = ANY };

                if (map == MAP_0F && (op == 0x38 || op == 0x3a))
                    continue;
                walk(&l, start, emul_row_of(map, (uint8_t)op, vex));
            }
    return l.n;
}

bool gen_legal(const struct variant *v, enum emul_mode mode)
{
    bool is64 = machine_bits(mode) == 64;
    uint32_t flags = v->row->flags;

    if ((v->long64 != ANY && v->long64 != is64) || ((flags & F_NO64) && is64) ||
        ((flags & F_ONLY64) && !is64))
        return false;
    return mode > MODE_V86 || !((flags & F_PROT) || v->vex);
}

/* --- bytes --- */

struct code {
    uint8_t b[32];
    unsigned int n;
};

static void emit(struct code *c, unsigned int byte)
{
    c->b[c->n++] = (uint8_t)byte;
}

static void emit_le(struct code *c, uint64_t val, unsigned int bytes)
{
    while (bytes--) {
        emit(c, val & 0xff);
        val >>= 8;
    }
}

/* Returns the REX byte of the instruction, 0 if none. */
static void prefixes(struct code *c, struct machine *m, const struct variant *v)
{
    static const uint8_t segs[] = { 0x26, 0x36, 0x3e, 0x64, 0x65, 0x2e };
    static const uint8_t mandatory[] = { 0, 0x66, 0xf3, 0xf2 };
    bool string = v->row->flags & F_STRING;

    if (one_in(6))
        emit(c, segs[gen_random() % (machine_bits(m->mode) == 64 ? 6 : 5)]); /* CS is code */
    if (one_in(5))
        emit(c, 0x67);
    if (v->vex)
        return;
    if (v->prefix > 0)
        emit(c, mandatory[v->prefix]);
    else if (!(v->row->flags & (F_NOPFX | F_SSE | F_MMX)) && one_in(4) && v->prefix != 0)
        emit(c, 0x66);
    if (string && one_in(2))
        emit(c, one_in(2) ? 0xf2 : 0xf3);
    if ((v->row->flags & F_LOCK) && v->mem == 1 && one_in(5))
        emit(c, 0xf0);
    if (machine_bits(m->mode) == 64 && one_in(2))
        emit(c, 0x40 | (gen_random() & 15));
}

static void opcode(struct code *c, struct machine *m, const struct variant *v)
{
    if (v->vex) {
        bool is64 = machine_bits(m->mode) == 64;
        unsigned int rxb = is64 ? gen_random() & 7 : 7, vvvv = gen_random() & 15;

        if (!is64)
            vvvv |= 8;
        if (v->row->op[1] != By && v->row->op[2] != By && v->row->op[0] != By)
            vvvv = 15;
        emit(c, 0xc4);
        emit(c, rxb << 5 | v->map);
        emit(c, (is64 && one_in(2) ? 0x80 : 0) | vvvv << 3 |
                (unsigned int)(v->prefix > 0 ? v->prefix : 0));
        emit(c, v->opcode);
        return;
    }
    if (v->map != MAP_ONE)
        emit(c, 0x0f);
    if (v->map > MAP_0F)
        emit(c, v->map == MAP_0F38 ? 0x38 : 0x3a);
    emit(c, v->opcode);
}

/* An offset into the data, near its end or beyond it now and then. */
static uint64_t data_offset(const struct machine *m)
{
    uint64_t at = gen_random() % (DATA_END - DATA_BASE - 0x40) + 0x20;

    if (one_in(8))
        at = DATA_END - DATA_BASE - gen_random() % 20;
    if (one_in(40))
        at = DATA_END - DATA_BASE + 0x100;
    if (one_in(3))
        at &= ~31ULL;
    return at + DATA_BASE - machine_data_base(MODE_REAL) +
           (machine_bits(m->mode) == 64 ? DATA_BASE : 0);
}

static void modrm(struct code *c, struct machine *m, const struct variant *v, bool ad16)
{
    unsigned int mod = v->mem ? gen_random() % 3 : 3, rm = gen_random() & 7, reg = gen_random() & 7;

    if (v->rm != ANY)
        rm = (unsigned int)v->rm;
    if (v->reg != ANY)
        reg = (unsigned int)v->reg;
    emit(c, mod << 6 | reg << 3 | rm);
    if (mod == 3)
        return;
    if (ad16) {
        if (mod == 0 && rm == 6)
            emit_le(c, data_offset(m), 2);
        else if (mod)
            emit_le(c, gen_random() & 0x3f, mod);
        return;
    }
    if (rm == 4) {
        unsigned int sib = (unsigned int)gen_random() & 0xff;

        emit(c, sib);
        if ((sib & 7) == 5 && mod == 0)
            emit_le(c, data_offset(m), 4);
    } else if (rm == 5 && mod == 0) {
        emit_le(c, data_offset(m) - (machine_bits(m->mode) == 64 ? m->r.rip : 0), 4);
    }
    if (mod)
        emit_le(c, gen_random() & 0x3f, mod == 1 ? 1 : 4);
}

static const uint16_t selectors[] = {
    0, 3, SEL_DATA, SEL_STACK, SEL_UDATA, SEL_USTACK, SEL_STACK16, SEL_FLAT, SEL_ABSENT, SEL_RO,
    SEL_DOWN, SEL_CONFORMING, SEL_EXEC_ONLY, SEL_LDT, SEL_LDT_DATA, SEL_UFLAT, SEL_CODE32,
    SEL_UCODE32, SEL_CODE16, 0x400, 0x404, SEL_DATA | 3, SEL_GATE, SEL_CODE64, SEL_UCODE64, SEL_TSS,
};

static uint16_t random_selector(void)
{
    return selectors[gen_random() % (sizeof(selectors) / sizeof(selectors[0]))];
}

static void immediates(struct code *c, struct machine *m, const struct variant *v)
{
    for (int i = 0; i < 3; i++)
        if (v->row->op[i] == Ob || v->row->op[i] == Ov) {
            emit_le(c, data_offset(m), 8);
            return;
        }
    /* More than enough; what is not the instruction's is overwritten. */
    for (int i = 0; i < 3; i++)
        if (v->row->op[i] == Ap) {
            uint16_t sel = m->mode <= MODE_V86 ? CODE_BASE >> 4 : random_selector();

            emit_le(c, gen_random() & 0xfff, 2);
            emit_le(c, one_in(2) ? 0 : sel, 2);
            emit_le(c, sel, 2);
            return;
        }
    emit_le(c, one_in(3) ? gen_random() & 0x3f : gen_random(), 8);
}

/* --- registers --- */

static void random_registers(struct machine *m)
{
    for (unsigned int i = 0; i < 16; i++) {
        uint64_t val = gen_random();

        if (one_in(4))
            val &= 0xff;
        else if (one_in(6))
            val = one_in(2) ? 0 : ~0ULL;
        if (i != 4)
            *emul_reg_ptr(&m->r, i) = machine_bits(m->mode) == 64 ? val : (uint32_t)val;
    }
    m->r.rflags = (m->r.rflags & ~(unsigned long)(FLAGS_ARITH | X86_EFLAGS_DF)) |
                  (gen_random() & (FLAGS_ARITH | X86_EFLAGS_DF));
}

/* So that the operand in memory is where data_offset() says. */
static void aim(struct machine *m, const struct emul_insn *in)
{
    uint64_t want = data_offset(m) - (uint64_t)in->disp, mask = emul_mask(MIN(in->adsize,
    machine_bits(m->mode) == 64 ? 8 : 4));
    bool both = in->base != NO_REG && in->base != 4;

    if (!emul_is_mem(in) || in->rip_relative)
        return;
    if (in->index != NO_REG && in->index != 4 && in->index != in->base) {
        uint64_t part = both ? gen_random() & 0x1f : want >> in->scale;

        *emul_reg_ptr(&m->r, in->index) = part & mask;
        want -= part << in->scale;
    } else if (in->index != NO_REG && in->index == in->base) {
        want /= 1 + (1u << in->scale);
    }
    if (both)
        *emul_reg_ptr(&m->r, in->base) = want & mask;
}

static bool row_is(const struct variant *v, int (*exec)(struct emul *))
{
    return v->row->exec == exec;
}

static void aim_implicit(struct machine *m, const struct variant *v, const struct emul_insn *in)
{
    uint64_t mask = emul_mask(in->adsize);

    if (v->row->flags & F_STRING) {
        m->r.rsi = data_offset(m) & mask;
        m->r.rdi = data_offset(m) & mask;
        if (in->rep)
            m->r.rcx = (m->r.rcx & ~mask) | gen_random() % 6;
    }
    if (row_is(v, emul_xlat))
        m->r.rbx = data_offset(m) & mask;
    if (v->row->flags & F_PORT)
        m->r.rdx = gen_random() & 0xffff;
    if (in->row->op[1] == Gv && (v->row->flags & F_BITS))
        *emul_reg_ptr(&m->r, in->reg) = gen_random() & 0x3ff;
    if (one_in(20))
        m->r.rsp += STACK_END - STACK_BASE - 0x1f00 - gen_random() % 16;
}

/* Selectors where a selector is looked for: in the register, in memory, on the stack. */
static void aim_selectors(struct machine *m, const struct variant *v, const struct emul_insn *in)
{
    uint16_t sel = m->mode <= MODE_V86 ? (uint16_t)(DATA_BASE >> 4) : random_selector();
    uint32_t stack = (uint32_t)(machine_stack_base(m->mode) + m->r.rsp);
    unsigned int bytes = in->opsize;
    uint64_t frame[5] = { (gen_random() & 0xfc0) + 33, sel, (gen_random() & 0xcd5) | 2, 0x1000,
                          random_selector() };

    if (row_is(v, emul_mov_sreg) || row_is(v, emul_lldt) || row_is(v, emul_ltr) ||
        row_is(v, emul_verr) || row_is(v, emul_verw) || row_is(v, emul_lar) ||
        row_is(v, emul_lsl)) {
        if (in->mod == 3 && in->rm != 4)
            *emul_reg_ptr(&m->r, in->rm) = sel;
    } else if (row_is(v, emul_ret) && stack + 8 <= STACK_END) {
        frame[0] = CODE_BASE - machine_code_base(m->mode) + (gen_random() & 0xff80) + 33;
        machine_put(m, stack, frame, bytes);
    } else if (row_is(v, emul_pop_sreg)) {
        machine_put(m, stack, &sel, 2);
    } else if ((row_is(v, emul_ret_far) || row_is(v, emul_iret)) &&
               stack + 5 * bytes <= STACK_END) {
        if (m->mode <= MODE_V86)
            frame[1] = CODE_BASE >> 4;
        for (unsigned int i = 0; i < 5; i++)
            machine_put(m, stack + i * bytes, &frame[i], bytes);
    }
}

/* A far pointer in memory, or a selector there: written over all that the operand may be. */
static void fill_pointer(struct machine *m, const struct variant *v, const struct emul_insn *in)
{
    struct emul e = { .c = &m->c, .in = *in, .r = m->r };
    uint64_t offset = 0, addr, missing;
    uint16_t sel = m->mode <= MODE_V86 ? (uint16_t)(CODE_BASE >> 4) : random_selector();
    bool far = row_is(v, emul_jmp_far) || row_is(v, emul_call_far) || row_is(v, emul_load_far);
    bool one = row_is(v, emul_mov_sreg) || row_is(v, emul_verr) || row_is(v, emul_verw) ||
               row_is(v, emul_lar) || row_is(v, emul_lsl) || row_is(v, emul_lldt) ||
               row_is(v, emul_ltr);
    unsigned int seg = in->seg != NO_REG ? in->seg : in->stack_base ? X86_SEG_SS : X86_SEG_DS;

    if (!emul_is_mem(in) || (!far && !one))
        return;
    offset = emul_ea(&e);
    addr = machine_bits(m->mode) == 64 ? offset : (uint32_t)(offset + m->c.seg[seg].base);
    if (!machine_present(addr, 10, &missing) || (addr >= TABLE_BASE && addr < TABLE_END) ||
        addr < CODE_BASE + 0x10000)
        return;
    if (far) {
        uint64_t target = gen_random() & 0xfff;

        machine_put(m, (uint32_t)addr, &target, in->opsize);
        addr += in->opsize;
    }
    machine_put(m, (uint32_t)addr, &sel, 2);
}

unsigned int gen_instruction(struct machine *m, const struct variant *wanted)
{
    struct variant chosen = *wanted, *v = &chosen;
    struct code c = { .n = 0 };
    bool ad16;
    struct emul_insn in = { .have = 0 };
    unsigned int len;
    uint32_t at = (uint32_t)(m->r.rip + machine_code_base(m->mode));

    if (v->mem == ANY)
        v->mem = !one_in(4);
    random_registers(m);
    prefixes(&c, m, v);
    ad16 = (machine_bits(m->mode) == 16) != (memchr(c.b, 0x67, c.n) != NULL) &&
           machine_bits(m->mode) != 64;
    if (machine_bits(m->mode) == 32)
        ad16 = memchr(c.b, 0x67, c.n) != NULL;
    opcode(&c, m, v);
    if (v->has_modrm)
        modrm(&c, m, v, ad16);
    immediates(&c, m, v);
    memset(m->mem + at, 0xf4, 32);
    len = (unsigned int)emul_length_of(c.b, 15, machine_bits(m->mode));
    if (len == 0 || len > 15)
        return 0;
    machine_put(m, at, c.b, len);
    in.fill = emul_fill;
    in.arg = &m->c;
    in.bits = (uint8_t)machine_bits(m->mode);
    if (emul_decode(&in) != EMUL_OK || in.row != v->row)
        return 0;
    aim(m, &in);
    aim_implicit(m, v, &in);
    aim_selectors(m, v, &in);
    fill_pointer(m, v, &in);
    return len;
}
