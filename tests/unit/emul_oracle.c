/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unicorn is brought into each mode by instructions that it performs itself (loads of segments, far
 * returns, IRET), and that state is kept as a context to which every instruction goes back. Memory
 * is shared by pages, so that it is compared by its bytes.
 */
#include "emul_gen.h" /* unistd.h has an F_LOCK of its own */
#include "emul_oracle.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unicorn/unicorn.h>
#include <hv/processor.h>

#define SLOT 64 /* bytes from one instruction to the next: a translated one isn't used again */
/* A start with an end that is in memory throws all translations away, which takes 10 ms. */
#define NOWHERE 0xfff00000
#define SLOTS (0xf000 / SLOT)

static uint8_t *guest;         /* Unicorn's memory */
static uc_engine *engine[MODE_COUNT];
static uc_engine *uc;
static uc_context *context[MODE_COUNT];
static struct machine entered; /* as it is right after entering */
static uint8_t pristine_tables[TABLE_END - TABLE_BASE];
static unsigned int slot;
static unsigned int hook_fault;

static const uint32_t regions[][2] = {
    { DATA_BASE, DATA_END }, { STACK_BASE, STACK_END }, { TABLE_BASE, TABLE_END },
};

uint32_t oracle_memory_differs(const uint8_t *memory, uint8_t *theirs)
{
    for (unsigned int i = 0; i < 3; i++) {
        uint32_t at = regions[i][0];

        if (!memcmp(memory + at, guest + at, regions[i][1] - at))
            continue;
        while (memory[at] == guest[at])
            at++;
        *theirs = guest[at];
        return at;
    }
    return 0;
}

/* --- hooks --- */

static void on_interrupt(uc_engine *u, uint32_t number, void *arg)
{
    hook_fault = number;
    uc_emu_stop(u);
}

static uint32_t on_in(uc_engine *u, uint32_t port, int size, void *arg)
{
    return (port * 0x01010101u) & (uint32_t)(0xffffffffULL >> (32 - 8 * size));
}

static void on_out(uc_engine *u, uint32_t port, int size, uint32_t value, void *arg)
{
}

static void must(uc_err err, const char *what)
{
    if (err) {
        printf("failed: Unicorn: %s: %s\n", what, uc_strerror(err));
        exit(1);
    }
}

static void map(uc_engine *u, uint32_t from, uint32_t to)
{
    must(uc_mem_map_ptr(u, from, to - from, UC_PROT_ALL, guest + from), "mapping");
}

static uc_engine *open_engine(uc_mode mode)
{
    uc_engine *u;
    uc_hook h;

    must(uc_open(UC_ARCH_X86, mode, &u), "start");
    map(u, 0, 0x1000);
    map(u, CODE_BASE, CODE_BASE + 0x10000);
    map(u, DATA_BASE, DATA_END);
    map(u, STACK_BASE, STACK_END);
    map(u, TABLE_BASE, TABLE_END);
    must(uc_hook_add(u, &h, UC_HOOK_INTR, (void *)on_interrupt, NULL, 1, 0), "hook");
    must(uc_hook_add(u, &h, UC_HOOK_INSN, (void *)on_in, NULL, 1, 0, UC_X86_INS_IN), "hook");
    must(uc_hook_add(u, &h, UC_HOOK_INSN, (void *)on_out, NULL, 1, 0, UC_X86_INS_OUT), "hook");
    return u;
}

bool oracle_start(void)
{
    guest = aligned_alloc(4096, MEM_SIZE);
    for (enum emul_mode mode = 0; mode < MODE_COUNT; mode++)
        engine[mode] = open_engine(mode <= MODE_BIG_REAL ? UC_MODE_16 :
                                   mode >= MODE_COMPAT32 ? UC_MODE_64 : UC_MODE_32);
    return true;
}

/* --- registers --- */

/* Only 64-bit engines know the 64-bit names. */
static const int gpr64[16] = {
    UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX, UC_X86_REG_RSP, UC_X86_REG_RBP,
    UC_X86_REG_RSI, UC_X86_REG_RDI, UC_X86_REG_R8, UC_X86_REG_R9, UC_X86_REG_R10, UC_X86_REG_R11,
    UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15,
};
static const int gpr32[8] = {
    UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX, UC_X86_REG_EBX, UC_X86_REG_ESP, UC_X86_REG_EBP,
    UC_X86_REG_ESI, UC_X86_REG_EDI,
};

static bool wide(void)
{
    return entered.mode >= MODE_COMPAT32;
}

/* --- modes --- */

static void set64(int reg, uint64_t val)
{
    must(uc_reg_write(uc, reg, &val), "register");
}

static uint64_t get64(int reg)
{
    uint64_t val = 0;

    uc_reg_read(uc, reg, &val);
    return val;
}

static void set_tables(const struct machine *m)
{
    uc_x86_mmr gdt = { .base = GDT_BASE, .limit = GDT_LIMIT };
    uc_x86_mmr idt = { .base = m->c.seg[X86_SEG_IDTR].base,
                       .limit = m->c.seg[X86_SEG_IDTR].limit };
    uc_x86_mmr ldt = { .selector = SEL_LDT, .base = LDT_BASE, .limit = 0xff, .flags = 0x8200 };
    uc_x86_mmr tr = { .selector = SEL_TSS, .base = TSS_BASE, .limit = 0x3ff, .flags = 0x8b00 };

    uc_reg_write(uc, UC_X86_REG_GDTR, &gdt);
    uc_reg_write(uc, UC_X86_REG_IDTR, &idt);
    uc_reg_write(uc, UC_X86_REG_LDTR, &ldt);
    uc_reg_write(uc, UC_X86_REG_TR, &tr);
}

/* Runs code at the start of the data pages until it has jumped to the code segment. */
static void run_setup(const uint8_t *code, unsigned int n, uint64_t until)
{
    memcpy(guest + CODE_BASE + 0xf800, code, n);
    hook_fault = NO_FAULT;
    must(uc_emu_start(uc, CODE_BASE + 0xf800, until, 0, 40), "set-up");
    if (hook_fault != NO_FAULT) {
        printf("failed: Unicorn: exception %u during set-up\n", hook_fault);
        exit(1);
    }
}

static void push_frame(const uint64_t *frame, unsigned int words, unsigned int bytes)
{
    for (unsigned int i = 0; i < words; i++)
        memcpy(guest + STACK_BASE + 0x800 + i * bytes, &frame[i], bytes);
    set64(wide() ? UC_X86_REG_RSP : UC_X86_REG_ESP, STACK_BASE + 0x800);
}

static void emit(uint8_t *code, unsigned int *n, const void *bytes, unsigned int count)
{
    memcpy(code + *n, bytes, count);
    *n += count;
}

/* mov eax, CR4; mov cr4, eax */
static void load_cr4(const struct machine *m, uint8_t *code, unsigned int *n)
{
    uint32_t cr4 = (uint32_t)m->c.cr4 & ~(uint32_t)X86_CR4_OSXSAVE;

    cr4 |= m->mode >= MODE_COMPAT32 ? X86_CR4_PAE : 0;
    emit(code, n, m->mode <= MODE_BIG_REAL ? "\x66\xb8" : "\xb8", m->mode <= MODE_BIG_REAL ? 2 : 1);
    emit(code, n, &cr4, 4);
    emit(code, n, "\x0f\x22\xe0", 3);
}

static void enter_real(const struct machine *m)
{
    uint8_t code[16];
    unsigned int n = 0;

    static const int reg[6] = { UC_X86_REG_ES, UC_X86_REG_CS, UC_X86_REG_SS, UC_X86_REG_DS,
                                UC_X86_REG_FS, UC_X86_REG_GS };

    for (unsigned int i = 0; i < 6; i++) {
        uint16_t sel = m->c.seg[i].selector;

        must(uc_reg_write(uc, reg[i], &sel), "segment");
    }
    load_cr4(m, code, &n);
    run_setup(code, n, CODE_BASE + 0xf800 + n);
}

/* mov eax, selector; mov sreg, ax for the data segments. */
static void load_data(uint8_t *code, unsigned int *n, uint16_t sel)
{
    const uint8_t mov[] = { 0x66, 0xb8, (uint8_t)sel, (uint8_t)(sel >> 8), 0x8e, 0xd8, 0x8e, 0xc0,
                            0x8e, 0xe0, 0x8e, 0xe8 };

    emit(code, n, mov, sizeof(mov));
}

/* Protected and long modes: IRET to the code segment that is wanted. */
static void enter_protected(const struct machine *m)
{
    bool is64 = m->mode >= MODE_COMPAT32, v86 = m->mode == MODE_V86;
    uint16_t cs = m->c.seg[X86_SEG_CS].selector, ss = m->c.seg[X86_SEG_SS].selector;
    uint64_t frame[9] = { CODE_BASE - machine_code_base(m->mode), cs, m->r.rflags, m->r.rsp, ss,
                          m->c.seg[X86_SEG_ES].selector, m->c.seg[X86_SEG_DS].selector,
                          m->c.seg[X86_SEG_FS].selector, m->c.seg[X86_SEG_GS].selector };
    /* Unicorn's first stack segment has no size. */
    static const uint8_t flat_stack[] = { 0x66, 0xb8, SEL_FLAT, 0, 0x8e, 0xd0 };
    uint8_t code[64];
    unsigned int n = 0;
    uint64_t start = CODE_BASE;

    load_cr4(m, code, &n);
    if (!is64)
        emit(code, &n, flat_stack, sizeof(flat_stack));
    if (!v86)
        load_data(code, &n, m->c.seg[X86_SEG_DS].selector);
    if (m->c.cpl == 0 && !is64 && !v86) {
        /* The same privilege: IRET leaves SS alone. */
        const uint8_t mov_ss[] = { 0x66, 0xb8, (uint8_t)ss, 0, 0x8e, 0xd0, 0xbc, 0, 0x08, 0, 0 };

        n = 0;
        load_cr4(m, code, &n);
        load_data(code, &n, SEL_DATA);
        emit(code, &n, mov_ss, sizeof(mov_ss));
    }
    emit(code, &n, is64 ? "\x48\xcf" : "\xcf", is64 ? 2 : 1);
    push_frame(frame, 9, is64 ? 8 : 4);
    run_setup(code, n, start);
}

void oracle_enter(struct machine *m, enum emul_mode mode)
{
    machine_reset(m, mode);
    for (unsigned int i = 0; i < MEM_SIZE / 8; i++) {
        uint64_t r = gen_random();

        if (i * 8 < TABLE_BASE)
            memcpy(m->mem + i * 8, &r, 8);
    }
    memset(m->mem + CODE_BASE, 0xf4, 0x10000);
    memcpy(guest, m->mem, MEM_SIZE);
    entered = *m;
    memcpy(pristine_tables, m->mem + TABLE_BASE, sizeof(pristine_tables));
    uc = engine[mode];
    set_tables(m);
    if (mode <= MODE_BIG_REAL)
        enter_real(m);
    else
        enter_protected(m);
    must(uc_context_alloc(uc, &context[mode]), "context");
    must(uc_context_save(uc, context[mode]), "context");
    for (unsigned int i = 0; i < 6; i++) {
        static const int reg[6] = { UC_X86_REG_ES, UC_X86_REG_CS, UC_X86_REG_SS, UC_X86_REG_DS,
                                    UC_X86_REG_FS, UC_X86_REG_GS };

        if ((uint16_t)get64(reg[i]) != entered.c.seg[i].selector)
            printf("note: %s mode: selector %u is %lx in Unicorn, %x here\n",
                   emul_mode_names[mode], i, get64(reg[i]), entered.c.seg[i].selector);
    }
    memcpy(guest, m->mem, MEM_SIZE);
}

void oracle_reset(struct machine *m, enum emul_mode mode)
{
    uint8_t *mem = m->mem;

    memcpy(mem + TABLE_BASE, pristine_tables, sizeof(pristine_tables));
    *m = entered;
    m->mem = mem;
    m->c.regs = &m->r;
    for (unsigned int i = 0; i < 8; i++)
        for (unsigned int k = 0; k < 2; k++) {
            uint64_t r = gen_random();

            memcpy(&m->vec[i][8 * k], &r, 8);
        }
    if (++slot == SLOTS) {
        slot = 0;
        uc_ctl_remove_cache(uc, CODE_BASE, CODE_BASE + 0x10000);
    }
    m->r.rip = CODE_BASE - machine_code_base(mode) + slot * SLOT;
}

/* --- one instruction --- */

static const int sreg[6] = { UC_X86_REG_ES, UC_X86_REG_CS, UC_X86_REG_SS, UC_X86_REG_DS,
                             UC_X86_REG_FS, UC_X86_REG_GS };

static void put_registers(const struct machine *m)
{
    struct cpu_user_regs r = m->r;

    for (unsigned int i = 0; i < (wide() ? 16 : 8); i++)
        set64(wide() ? gpr64[i] : gpr32[i], *emul_reg_ptr(&r, i));
    set64(UC_X86_REG_EFLAGS, r.rflags);
    for (int i = 0; i < 8; i++)
        uc_reg_write(uc, UC_X86_REG_XMM0 + i, m->vec[i]);
}

static uint64_t regs_of(const struct machine *m, unsigned int n)
{
    struct cpu_user_regs r = m->r;

    return *emul_reg_ptr(&r, n);
}

static void get_registers(const struct machine *m, struct oracle_state *s)
{
    for (unsigned int i = 0; i < 16; i++)
        s->reg[i] = wide() ? get64(gpr64[i]) : i < 8 ? get64(gpr32[i]) : regs_of(m, i);
    s->rip = get64(wide() ? UC_X86_REG_RIP : UC_X86_REG_EIP);
    if (machine_bits(m->mode) != 64)
        s->rip = (uint32_t)s->rip; /* after a jump to nothing its upper half is not cleared */
    s->rflags = get64(UC_X86_REG_EFLAGS);
    for (unsigned int i = 0; i < 6; i++)
        s->selector[i] = (uint16_t)get64(sreg[i]);
    for (int i = 0; i < 8; i++)
        uc_reg_read(uc, UC_X86_REG_XMM0 + i, s->xmm[i]);
}

static unsigned int fault_of(uc_err err, uint64_t rip)
{
    if (hook_fault != NO_FAULT)
        return hook_fault;
    switch (err) {
    case UC_ERR_OK:
        return NO_FAULT;
    case UC_ERR_FETCH_UNMAPPED: /* where it went to is nothing to read */
        return get64(wide() ? UC_X86_REG_RIP : UC_X86_REG_EIP) == rip ? X86_EXC_PF : NO_FAULT;
    case UC_ERR_READ_UNMAPPED:
    case UC_ERR_WRITE_UNMAPPED:
        return X86_EXC_PF;
    case UC_ERR_INSN_INVALID:
        return X86_EXC_UD;
    default:
        return 0x40 + (unsigned int)err;
    }
}

void oracle_begin(const struct machine *m)
{
    uint64_t start = m->r.rip + machine_code_base(m->mode);

    memcpy(guest + start, m->mem + start, 32);
    for (unsigned int i = 0; i < 3; i++)
        memcpy(guest + regions[i][0], m->mem + regions[i][0], regions[i][1] - regions[i][0]);
}

bool oracle_can_stop_at(const struct machine *m, unsigned int len)
{
    const struct x86_segment *cs = &m->c.seg[X86_SEG_CS];
    uint64_t at = m->r.rip + (cs->attr & SEG_L ? 0 : cs->base);
    uint64_t start = CODE_BASE + slot * SLOT;

    if (at < CODE_BASE || at >= CODE_BASE + 0x10000)
        return at >= MEM_SIZE; /* in memory that isn't there, and not in data */
    return at % SLOT && (at >= start + len || at < start);
}

/* At CPL 3 the HLT behind a jump is an exception. */
static bool stopped_by_hlt(const struct machine *m, uint64_t rip)
{
    return hook_fault == X86_EXC_GP && rip != m->r.rip;
}

void oracle_run(const struct machine *m, struct oracle_state *s)
{
    uint64_t start = m->r.rip + machine_code_base(m->mode);
    uc_err err;

    uc_context_restore(uc, context[m->mode]);
    put_registers(m);
    hook_fault = NO_FAULT;
    err = uc_emu_start(uc, m->mode <= MODE_BIG_REAL ? start : m->r.rip, NOWHERE, 0, 0);
    get_registers(m, s);
    if (stopped_by_hlt(m, s->rip)) {
        s->fault = NO_FAULT;
    } else {
        s->fault = fault_of(err, m->r.rip);
        if (err == UC_ERR_OK && s->fault == NO_FAULT)
            s->rip--; /* behind the HLT */
    }
}

void oracle_end(struct machine *m)
{
    uint64_t start = m->r.rip + machine_code_base(m->mode);

    memset(guest + start, 0xf4, 32);
    memset(m->mem + start, 0xf4, 32);
}
