/* SPDX-License-Identifier: BSD-2-Clause */
/* The emulator against Unicorn, instruction by instruction, made from the opcode table. */
/* sources: hv/emul/decode.c hv/emul/fetch.c hv/emul/map_one.c hv/emul/map_0f.c hv/emul/emul.c */
/* sources: hv/emul/operand.c hv/emul/segment.c hv/emul/far.c hv/emul/event.c hv/emul/task.c */
/* sources: hv/emul/exec_alu.c hv/emul/exec_bmi.c hv/emul/exec_move.c hv/emul/exec_branch.c */
/* sources: hv/emul/exec_string.c hv/emul/exec_system.c hv/emul/exec_vector.c */
/* sources: tests/unit/emul_machine.c tests/unit/emul_gen.c tests/unit/emul_oracle.c */
/* libs: -lunicorn */
/* cflags: -DHV_UNIT_TEST */
/* long: 14400 */
/*
 * Both begin with the same registers and memory and perform one instruction; then registers, flags,
 * selectors, vector registers and memory must be the same, or the same exception raised. Where
 * Unicorn is known to be wrong or the result is undefined, a row of the tables below says so; each
 * row counts what it explained. Rows of the opcode table that Unicorn can't be asked about are in
 * `not_asked`, with the reason; test_emul.c has them.
 *
 *     test_emul_unicorn            some 9,000 instructions
 *     test_emul_unicorn long       10 million, each row in each mode 1,000 times at least
 *     test_emul_unicorn NAME       only rows of this mnemonic, every difference shown
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <hv/lib.h>
#include "../../hv/emul/exec.h"
#include "emul_gen.h"
#include "emul_oracle.h"

#define VARIANTS_MOST 2000

static struct variant variants[VARIANTS_MOST];

/* --- rows that Unicorn can't be asked about --- */

static const struct {
    int (*exec)(struct emul *e);
    const char *why;
} not_asked[] = {
    { emul_int, "Unicorn gives interrupts to a hook" },
    { emul_int3, "Unicorn gives interrupts to a hook" },
    { emul_into, "Unicorn gives interrupts to a hook" },
    { emul_icebp, "Unicorn gives interrupts to a hook" },
    { emul_hlt, "marks the end of an instruction here" },
    { emul_cpuid, "the caller's answer" },
    { emul_rdtsc, "the caller's answer" },
    { emul_rdtscp, "the caller's answer" },
    { emul_rdmsr, "the caller's answer" },
    { emul_wrmsr, "the caller's answer" },
    { emul_rdpmc, "the caller's answer" },
    { emul_xgetbv, "the caller's answer" },
    { emul_xsetbv, "the caller's answer" },
    { emul_swapgs, "MSRs are the caller's" },
    { emul_hypercall, "no hypervisor in Unicorn" },
    { emul_monitor, "Unicorn has no MONITOR" },
    { emul_mwait, "Unicorn has no MWAIT" },
    { emul_mov_to_cr, "what a control register takes is the caller's" },
    { emul_mov_from_cr, "what a control register holds is the caller's" },
    { emul_mov_to_dr, "what a debug register takes is the caller's" },
    { emul_mov_from_dr, "what a debug register holds is the caller's" },
    { emul_lmsw, "what a control register takes is the caller's" },
    { emul_smsw, "what a control register holds is the caller's" },
    { emul_clts, "what a control register takes is the caller's" },
};

static const char *why_not_asked(const struct variant *v)
{
    for (size_t i = 0; i < ARRAY_SIZE(not_asked); i++)
        if (v->row->exec == not_asked[i].exec)
            return not_asked[i].why;
    if (v->vex && (v->row->flags & F_SSE))
        return "Unicorn 2.0 has no AVX";
    return NULL;
}

/* --- flags that are undefined --- */

#define CF X86_EFLAGS_CF
#define PF X86_EFLAGS_PF
#define AF X86_EFLAGS_AF
#define ZF X86_EFLAGS_ZF
#define SF X86_EFLAGS_SF
#define OF X86_EFLAGS_OF

static const struct {
    int (*exec)(struct emul *e);
    uint32_t flags;
} undefined_flags[] = {
    { emul_and, AF }, { emul_or, AF }, { emul_xor, AF }, { emul_test, AF },
    { emul_mul, SF | ZF | AF | PF }, { emul_imul, SF | ZF | AF | PF },
    { emul_imul1, SF | ZF | AF | PF }, { emul_div, FLAGS_ARITH }, { emul_idiv, FLAGS_ARITH },
    { emul_rol, OF }, { emul_ror, OF }, { emul_rcl, OF }, { emul_rcr, OF },
    { emul_shl, OF | AF | CF }, { emul_shr, OF | AF | CF }, { emul_sar, OF | AF },
    { emul_shld, OF | AF | CF }, { emul_shrd, OF | AF | CF },
    { emul_bt, OF | SF | AF | PF }, { emul_bts, OF | SF | AF | PF },
    { emul_btr, OF | SF | AF | PF }, { emul_btc, OF | SF | AF | PF },
    { emul_bsf, OF | SF | AF | PF | CF }, { emul_bsr, OF | SF | AF | PF | CF },
    { emul_lzcnt, OF | SF | AF | PF }, { emul_tzcnt, OF | SF | AF | PF },
    { emul_aaa, OF | SF | ZF | PF }, { emul_aas, OF | SF | ZF | PF },
    { emul_daa, OF }, { emul_das, OF }, { emul_aam, OF | AF | CF }, { emul_aad, OF | AF | CF },
    { emul_andn, AF | PF }, { emul_blsr, AF | PF }, { emul_blsi,
    AF | PF | CF /* inverted in Unicorn */ },
    { emul_blsmsk, AF | PF }, { emul_bzhi, AF | PF }, { emul_bextr, AF | PF | SF },
};

static bool is_shift(int (*exec)(struct emul *e))
{
    return exec == emul_rol || exec == emul_ror || exec == emul_rcl || exec == emul_rcr ||
           exec == emul_shl || exec == emul_shr || exec == emul_sar || exec == emul_shld ||
           exec == emul_shrd;
}

/* Of the shifts only the overflow of more than one place, AF, and the carry of more places than
   there are, are undefined. */
static uint32_t shift_flags(const struct variant *v, const struct emul_insn *in, uint64_t rcx)
{
    uint8_t last = v->row->op[2] ? v->row->op[2] : v->row->op[1];
    unsigned int count = (last == One ? 1 : last == rCl ? (uint8_t)rcx : (uint8_t)in->imm) &
                         (in->opsize == 8 ? 63 : 31);
    unsigned int width = v->row->op[0] == Eb ? 8 : 8 * in->opsize;
    bool rotate = v->row->exec == emul_rol || v->row->exec == emul_ror ||
                  v->row->exec == emul_rcl || v->row->exec == emul_rcr;

    if (count == 0)
        return 0;
    if (rotate)
        return count == 1 ? 0 : OF;
    return AF | (count == 1 ? 0 : OF) | (count >= width ? CF : 0) |
           (v->row->op[2] && count > width ? FLAGS_ARITH : 0);
}

static uint32_t flags_undefined(const struct variant *v, const struct emul_insn *in, uint64_t rcx)
{
    if (is_shift(v->row->exec))
        return shift_flags(v, in, rcx);
    for (size_t i = 0; i < ARRAY_SIZE(undefined_flags); i++)
        if (v->row->exec == undefined_flags[i].exec)
            return undefined_flags[i].flags;
    return 0;
}

/* --- differences that are explained --- */

/* One comparison: what both had before and have now. */
struct trial {
    const struct variant *v;
    struct emul_insn in;
    struct machine before, ours;
    int rc;
    struct oracle_state theirs;
};

static struct trial t;
static uint8_t memory[MEM_SIZE];

static bool our_fault(unsigned int vector)
{
    return t.rc == EMUL_EXCEPTION && t.ours.c.fault.vector == vector;
}

static bool segment_fault(void)
{
    return our_fault(X86_EXC_GP) || our_fault(X86_EXC_SS);
}

static bool exec_is(int (*a)(struct emul *), int (*b)(struct emul *))
{
    return t.v->row->exec == a || t.v->row->exec == b;
}

/* Unicorn, like QEMU, checks no segment limits and no types of segments in use. */
static bool no_limits(void)
{
    return machine_bits(t.before.mode) != 64 && segment_fault() && t.ours.c.fault.error == 0;
}

/* Operands of aligned moves may lie anywhere. */
static bool alignment(void)
{
    return exec_is(emul_vmov_aligned, emul_vmov_aligned_store) && our_fault(X86_EXC_GP);
}

static bool permission(void)
{
    return (t.v->row->flags & F_PORT) && our_fault(X86_EXC_GP) && t.before.c.cpl == 3;
}

/* Nor is an address that isn't canonical noticed, as an operand, a target or a base. */
static bool not_canonical(void)
{
    return machine_bits(t.before.mode) == 64 && segment_fault() && t.ours.c.fault.error == 0 &&
           (t.theirs.fault == X86_EXC_PF || t.theirs.fault == NO_FAULT) && !alignment() &&
           !(t.v->row->flags & F_PORT);
}

static bool undefined_result(void)
{
    int (*exec)(struct emul *e) = t.v->row->exec;

    if (exec == emul_bsf || exec == emul_bsr)
        return (t.ours.r.rflags & ZF) != 0;
    if (exec == emul_bswap)
        return t.in.opsize == 2;
    return (exec == emul_shld || exec == emul_shrd) && t.in.opsize == 2;
}

static bool test_1(void)
{
    return t.v->row->exec == emul_test && t.v->reg == 1 && t.theirs.fault == X86_EXC_UD;
}

static bool lock_neg(void)
{
    return t.v->row->exec == emul_neg && t.in.lock;
}

static bool size_of_16(void)
{
    return (t.v->row->exec == emul_crc32 || t.v->row->exec == emul_movbe) && t.in.bits == 16;
}

/* CLFLUSH reads nothing there, and its newer kin isn't known. */
static bool cache_line(void)
{
    return t.v->row->exec == emul_clflush;
}

static bool hint_with_register(void)
{
    return t.v->map == MAP_0F && t.v->opcode == 0x18 && t.in.mod == 3;
}

/* The part of an element that lies before the page that isn't there. */
static bool half_an_element(void)
{
    return (t.v->row->flags & F_STRING) && our_fault(X86_EXC_PF);
}

static bool ah_with_rex(void)
{
    return exec_is(emul_lahf, emul_sahf) && t.in.rex;
}

static bool mov_with_rex_r(void)
{
    return t.v->row->exec == emul_mov && (t.v->opcode & 0xfe) == 0xc6 && (t.in.rex & 4);
}

static bool far_with_rex_w(void)
{
    return t.v->row->exec == emul_load_far && (t.in.rex & 8);
}

static bool base_of_segment(void)
{
    return exec_is(emul_rdfsbase, emul_rdgsbase) || exec_is(emul_wrfsbase, emul_wrgsbase);
}

/* Hardware leaves a register as it is that CMPXCHG does not replace. */
static bool upper_half(void)
{
    return t.v->row->exec == emul_cmpxchg && t.in.mod == 3 && t.in.opsize == 4;
}

static bool vm_pushed(void)
{
    return t.v->row->exec == emul_pushf && t.before.mode == MODE_V86 && t.in.opsize == 4;
}

static bool refused(void)
{
    return (t.v->row->exec == emul_popcnt || t.v->row->exec == emul_movbe ||
            base_of_segment() || (t.v->vex && t.in.bits == 16)) && t.theirs.fault == X86_EXC_UD;
}

static bool exchanged(void)
{
    return t.v->row->exec == emul_pdep || t.v->row->exec == emul_pext;
}

static bool signed_drop(void)
{
    return (t.v->row->exec == emul_ret || t.v->row->exec == emul_ret_far) && (t.in.imm & 0x8000);
}

static bool bits_of_lar(void)
{
    return t.v->row->exec == emul_lar &&
           !((*emul_reg_ptr(&t.ours.r, t.in.reg) ^ t.theirs.reg[t.in.reg]) & ~0xf0000ULL);
}

static bool all_bits(void)
{
    return t.v->row->exec == emul_bzhi;
}

static bool lock_ignored(void)
{
    return t.in.lock && our_fault(X86_EXC_UD);
}

static const struct {
    bool (*is)(void);
    const char *why;
} explained[] = {
    { no_limits, "Unicorn checks no limits nor rights of segments in use" },
    { not_canonical, "Unicorn does not check that an address is canonical" },
    { alignment, "Unicorn's aligned moves don't mind" },
    { permission, "Unicorn makes no check of the I/O permission bitmap" },
    { ah_with_rex, "Unicorn's LAHF and SAHF take SPL for AH after a REX prefix" },
    { mov_with_rex_r, "Unicorn refuses MOV of an immediate with REX.R, which means nothing" },
    { far_with_rex_w, "Unicorn reads pointers of 16:32 bits even with REX.W, as AMD's do" },
    { undefined_result, "the result is undefined" },
    { test_1, "Unicorn lacks the second encoding of TEST" },
    { lock_neg, "Unicorn's LOCK NEG takes its flags from the wrong value" },
    { size_of_16, "Unicorn takes CRC32 and MOVBE in 16-bit code for 32-bit ones" },
    { cache_line, "Unicorn's CLFLUSH makes no access; it has no CLWB and CLFLUSHOPT" },
    { hint_with_register, "Unicorn refuses PREFETCH of a register, which is a NOP" },
    { half_an_element, "Unicorn stores part of a string's element before it faults" },
    { upper_half, "Unicorn clears the upper half of what CMPXCHG does not replace" },
    { vm_pushed, "Unicorn's PUSHF shows RFLAGS.VM" },
    { refused, "Unicorn refuses POPCNT, MOVBE, RDFSBASE and its like, and VEX in 16-bit code" },
    { exchanged, "Unicorn's PDEP and PEXT take the mask for the source" },
    { signed_drop, "Unicorn takes the operand of RET for a signed number" },
    { bits_of_lar, "bits 16 to 19 of LAR's result are undefined" },
    { all_bits, "Unicorn's BZHI clears the last bit when there is nothing to clear" },
    { lock_ignored, "Unicorn lets LOCK pass" },
};
static unsigned long explained_count[ARRAY_SIZE(explained)];

static bool explain(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(explained); i++)
        if (explained[i].is()) {
            explained_count[i]++;
            return true;
        }
    return false;
}

/* --- comparing --- */

static const char *difference(char *text, size_t size)
{
    uint32_t undefined = flags_undefined(t.v, &t.in, t.before.r.rcx);
    unsigned long mask = (FLAGS_ARITH | X86_EFLAGS_DF | X86_EFLAGS_IF | X86_EFLAGS_TF |
                          X86_EFLAGS_IOPL | X86_EFLAGS_NT | X86_EFLAGS_AC | X86_EFLAGS_VM) &
                         ~undefined;
    uint32_t at;
    uint8_t byte;
    unsigned int fault = t.rc == EMUL_EXCEPTION ? t.ours.c.fault.vector : NO_FAULT;

    if (t.rc != EMUL_OK && t.rc != EMUL_EXCEPTION) {
        snprintf(text, size, "result %d", t.rc);
        return text;
    }
    if (fault != t.theirs.fault) {
        snprintf(text, size, "exception %d, theirs %d", (int)(int8_t)fault,
                 (int)(int8_t)t.theirs.fault);
        return text;
    }
    if (fault != NO_FAULT && !(t.v->row->flags & F_STRING)) {
        /* That nothing changed is ours to keep; Unicorn may have got half way. */
        return memcmp(&t.ours.r, &t.before.r, sizeof(t.ours.r)) ? "registers after a fault" : NULL;
    }
    for (unsigned int i = 0; i < 16; i++)
        if (*emul_reg_ptr(&t.ours.r, i) != t.theirs.reg[i]) {
            snprintf(text, size, "register %u is %lx, theirs %lx", i,
                     *emul_reg_ptr(&t.ours.r, i), t.theirs.reg[i]);
            return text;
        }
    if (fault == NO_FAULT && t.ours.r.rip != t.theirs.rip) {
        snprintf(text, size, "RIP is %lx, theirs %lx", t.ours.r.rip, t.theirs.rip);
        return text;
    }
    if ((t.ours.r.rflags ^ t.theirs.rflags) & mask) {
        snprintf(text, size, "flags are %lx, theirs %lx", t.ours.r.rflags, t.theirs.rflags);
        return text;
    }
    for (unsigned int i = 0; i < 6; i++)
        if (t.ours.c.seg[i].selector != t.theirs.selector[i]) {
            snprintf(text, size, "selector %u is %x, theirs %x", i, t.ours.c.seg[i].selector,
                     t.theirs.selector[i]);
            return text;
        }
    for (unsigned int i = 0; i < 8; i++)
        if (memcmp(t.ours.vec[i], t.theirs.xmm[i], 16))
            return "vector registers";
    at = oracle_memory_differs(memory, &byte);
    if (!at)
        return NULL;
    snprintf(text, size, "memory at %x is %02x, theirs %02x", at, memory[at], byte);
    return text;
}

static void show(const char *what, unsigned int len)
{
    uint32_t at = (uint32_t)t.before.r.rip + machine_code_base(t.before.mode);

    printf("%s, %s mode:", t.v->row->name, emul_mode_names[t.before.mode]);
    for (unsigned int i = 0; i < len; i++)
        printf(" %02x", memory[at + i]);
    printf(": %s\n", what);
}

/* Decodes what was generated once more, for the tables. */
static void decode_again(struct machine *m)
{
    memset(&t.in, 0, sizeof(t.in));
    t.in.fill = emul_fill;
    t.in.arg = &m->c;
    t.in.bits = (uint8_t)machine_bits(m->mode);
    emul_decode(&t.in);
}

/* Does it go elsewhere than to the next instruction? */
static bool leaves(const struct variant *v)
{
    static int (*const branches[])(struct emul *e) = {
        emul_jmp, emul_jcc, emul_call, emul_ret, emul_loop, emul_jcxz, emul_jmp_far, emul_call_far,
        emul_ret_far, emul_iret,
    };

    for (size_t i = 0; i < ARRAY_SIZE(branches); i++)
        if (v->row->exec == branches[i])
            return true;
    return false;
}

static int one(struct machine *m, const struct variant *v, bool verbose)
{
    unsigned int len = gen_instruction(m, v);
    char text[100];
    const char *what;

    if (!len)
        return -1;
    t.v = v;
    t.before = *m;
    t.before.c.regs = &t.before.r;
    decode_again(&t.before);
    oracle_begin(m);
    t.ours = *m;
    t.ours.c.regs = &t.ours.r;
    t.rc = emul_instruction(&t.ours.c);
    if (leaves(v) && t.rc == EMUL_OK && !oracle_can_stop_at(&t.ours, len))
        return -1;
    oracle_run(m, &t.theirs);
    what = difference(text, sizeof(text));
    if (!what)
        return 0;
    if (explain() && !verbose)
        return 0;
    show(what, len);
    return 1;
}

/* Makes, runs and compares; -1 if what came out can't be used. */
static int one_clean(struct machine *m, const struct variant *v, bool verbose)
{
    int rc = one(m, v, verbose);

    oracle_end(m);
    return rc;
}

struct totals {
    unsigned long run, different;
    unsigned int combinations, short_of;
};

static void run_row(struct machine *m, const struct variant *v, enum emul_mode mode,
                    unsigned long want, bool verbose, struct totals *sum)
{
    unsigned long done = 0, tries = 0, bad = 0;

    for (; done < want && tries < 20 * want; tries++) {
        int rc;

        oracle_reset(m, mode);
        rc = one_clean(m, v, verbose);
        done += rc >= 0;
        bad += rc > 0;
        if (bad >= 3)
            break;
    }
    sum->run += done;
    sum->different += bad;
    sum->combinations++;
    sum->short_of += done < want && bad < 3;
    if (done < want && bad < 3)
        printf("%s, %s mode: only %lu made\n", v->row->name, emul_mode_names[mode], done);
}

int main(int argc, char **argv)
{
    bool is_long = argc > 1 && !strcmp(argv[1], "long");
    const char *only = argc > 1 && !is_long ? argv[1] : NULL;
    unsigned int n = gen_variants(variants, VARIANTS_MOST);
    struct machine m = { .mem = memory };
    struct totals sum = { 0 };
    unsigned long want = is_long ? 2250 : only ? 300 : 2;

    setlinebuf(stdout);
    if (!oracle_start()) {
        printf("failed: Unicorn does not start\n");
        return 1;
    }
    for (enum emul_mode mode = 0; mode < MODE_COUNT; mode++) {
        oracle_enter(&m, mode);
        for (unsigned int i = 0; i < n; i++)
            if ((!only || !strcmp(only, variants[i].row->name)) && gen_legal(&variants[i], mode) &&
                !why_not_asked(&variants[i])) {
                gen_seed(mode * 5000 + i + 1);
                run_row(&m, &variants[i], mode, want, false, &sum);
            }
    }
    for (size_t i = 0; i < ARRAY_SIZE(explained); i++)
        printf("%9lu explained: %s\n", explained_count[i], explained[i].why);
    printf("%lu instructions of %u rows in %u combinations with modes, %lu unexplained, "
           "%u combinations short\n", sum.run, n, sum.combinations, sum.different, sum.short_of);
    return sum.different || sum.short_of;
}
