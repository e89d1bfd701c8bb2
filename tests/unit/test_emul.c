/* SPDX-License-Identifier: BSD-2-Clause */
/* The instruction emulator where no other emulator can be asked: faults of segmentation, far
 * transfers, interrupts, tasks, what is told to the caller. */
/* sources: hv/emul/decode.c hv/emul/fetch.c hv/emul/map_one.c hv/emul/map_0f.c hv/emul/emul.c */
/* sources: hv/emul/operand.c hv/emul/segment.c hv/emul/far.c hv/emul/event.c hv/emul/task.c */
/* sources: hv/emul/exec_alu.c hv/emul/exec_bmi.c hv/emul/exec_move.c hv/emul/exec_branch.c */
/* sources: hv/emul/exec_string.c hv/emul/exec_system.c hv/emul/exec_vector.c */
/* sources: tests/unit/emul_machine.c */
/* cflags: -DHV_UNIT_TEST */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <hv/processor.h>
#include "emul_machine.h"

static uint8_t memory[MEM_SIZE];
static struct machine m = { .mem = memory };

#define RUN(mode, code) run(mode, code, sizeof(code) - 1)
static void set(enum emul_mode mode)
{
    memset(memory, 0, sizeof(memory));
    machine_reset(&m, mode);
}

/* Performs one instruction in the machine as it is. */
static int step(const char *code, size_t n)
{
    machine_put(&m, (uint32_t)(m.r.rip + m.c.seg[X86_SEG_CS].base), code, (unsigned int)n);
    return emul_instruction(&m.c);
}
#define STEP(code) step(code, sizeof(code) - 1)

static void expect_fault(int rc, unsigned int vector, int error)
{
    assert_int_equal(rc, EMUL_EXCEPTION);
    assert_int_equal(m.c.fault.vector, vector);
    assert_int_equal(m.c.fault.has_error, error >= 0);
    if (error >= 0)
        assert_int_equal(m.c.fault.error, error);
}

static uint64_t stack_word(unsigned int n, unsigned int bytes)
{
    return machine_get(&m, (uint32_t)(m.c.seg[X86_SEG_SS].base + m.r.rsp + n * bytes), bytes);
}

/* --- segmentation --- */

static void limits_and_rights(void **state)
{
    set(MODE_REAL);
    m.r.rbx = 0xffff;
    expect_fault(STEP("\x8b\x07"), X86_EXC_GP, 0);         /* mov ax, [bx]: a word at 0xffff */
    m.r.rbp = 0xffff;
    expect_fault(STEP("\x8b\x46\x00"), X86_EXC_SS, 0);     /* through SS */
    assert_int_equal(m.r.rip, 0);
    set(MODE_BIG_REAL);
    m.r.rbx = 0x1000;
    memory[DATA_BASE + 0x1000] = 0x5a;
    assert_int_equal(STEP("\x67\x8a\x03"), EMUL_OK);        /* mov al, [ebx] */
    assert_int_equal(m.r.rax & 0xff, 0x5a);
    assert_int_equal(m.r.rip, 3);
    set(MODE_REAL);
    m.r.rbx = 0x10000;
    expect_fault(STEP("\x67\x8a\x03"), X86_EXC_GP, 0);

    set(MODE_PROT32);
    STEP("\xb8\x68\x00\x00\x00");                           /* mov eax, SEL_RO */
    assert_int_equal(STEP("\x8e\xd8"), EMUL_OK);            /* mov ds, ax */
    assert_int_equal(STEP("\x8b\x13"), EMUL_OK);            /* mov edx, [ebx] */
    expect_fault(STEP("\x89\x13"), X86_EXC_GP, 0);          /* mov [ebx], edx: read only */
    m.r.rax = SEL_DOWN;
    assert_int_equal(STEP("\x8e\xd8"), EMUL_OK);
    m.r.rbx = 0xfff;
    expect_fault(STEP("\x8a\x13"), X86_EXC_GP, 0);          /* below the limit */
    m.r.rbx = 0x1000;
    assert_int_equal(STEP("\x8a\x13"), EMUL_OK);
    m.r.rax = 0;
    assert_int_equal(STEP("\x8e\xd8"), EMUL_OK);            /* null */
    expect_fault(STEP("\x8a\x13"), X86_EXC_GP, 0);
    m.r.rax = SEL_EXEC_ONLY;
    expect_fault(STEP("\x8e\xd8"), X86_EXC_GP, SEL_EXEC_ONLY);
    m.r.rax = SEL_ABSENT;
    expect_fault(STEP("\x8e\xd8"), X86_EXC_NP, SEL_ABSENT);
    m.r.rax = 0x1000;
    expect_fault(STEP("\x8e\xd8"), X86_EXC_GP, 0x1000);     /* beyond the table */
    m.r.rax = SEL_RO;
    expect_fault(STEP("\x8e\xd0"), X86_EXC_GP, SEL_RO);     /* mov ss, ax */
    m.r.rax = SEL_STACK16;
    assert_int_equal(STEP("\x8e\xd0"), EMUL_OK);
    assert_true(m.c.out.mov_ss);
    assert_int_equal(m.c.seg_dirty, 1 << X86_SEG_SS);
    expect_fault(STEP("\x2e\x89\x13"), X86_EXC_GP, 0);      /* mov cs:[ebx], edx */

    set(MODE_LONG);
    m.r.rbx = 0x800000000000;
    expect_fault(STEP("\x8b\x03"), X86_EXC_GP, 0);          /* not canonical */
    m.r.rbp = 0x7fffffffffff;
    expect_fault(STEP("\x8b\x45\x00"), X86_EXC_SS, 0);      /* nor at its end */
    m.r.rbx = DATA_END - 4;
    expect_fault(STEP("\x48\x8b\x03"), X86_EXC_PF, 0);
    assert_int_equal(m.c.fault.cr2, DATA_END);
    expect_fault(STEP("\x48\x01\x03"), X86_EXC_PF, PFEC_WRITE); /* add [rbx], rax reads to write */
}

static void alignment_checks(void **state)
{
    set(MODE_LONG_USER);
    m.c.cr0 |= X86_CR0_AM;
    m.r.rbx = DATA_BASE + 1;
    assert_int_equal(STEP("\x8b\x03"), EMUL_OK);
    m.r.rflags |= X86_EFLAGS_AC;
    expect_fault(STEP("\x8b\x03"), X86_EXC_AC, 0);
    assert_int_equal(STEP("\x8a\x03"), EMUL_OK);
}

/* --- far transfers --- */

static void far_real(void **state)
{
    set(MODE_REAL);
    m.r.rip = 0x100;
    assert_int_equal(STEP("\x9a\x34\x12\x00\x20"), EMUL_OK); /* call 0x2000:0x1234 */
    assert_int_equal(m.c.seg[X86_SEG_CS].selector, 0x2000);
    assert_int_equal(m.c.seg[X86_SEG_CS].base, 0x20000);
    assert_int_equal(m.r.rip, 0x1234);
    assert_int_equal(stack_word(0, 2), 0x105);
    assert_int_equal(stack_word(1, 2), CODE_BASE >> 4);
    assert_int_equal(STEP("\xcb"), EMUL_OK);                 /* retf */
    assert_int_equal(m.r.rip, 0x105);
    assert_int_equal(m.c.seg[X86_SEG_CS].base, CODE_BASE);
    assert_int_equal(m.r.rsp, 0x1f00);
    assert_int_equal(STEP("\xea\x34\x12\x00\x20"), EMUL_OK);
    assert_int_equal(m.r.rip, 0x1234);
}

static void real_interrupts(void **state)
{
    set(MODE_REAL);
    machine_put(&m, 0x21 * 4, "\x34\x12\x00\x20", 4);
    m.r.rip = 0x100;
    m.r.rflags = 0x246 | X86_EFLAGS_TF;
    assert_int_equal(STEP("\xcd\x21"), EMUL_OK);
    assert_true(m.c.out.single_step);
    assert_int_equal(m.r.rip, 0x1234);
    assert_int_equal(m.c.seg[X86_SEG_CS].selector, 0x2000);
    assert_int_equal(m.r.rflags, 0x46);
    assert_int_equal(stack_word(0, 2), 0x102);
    assert_int_equal(stack_word(2, 2), 0x346);
    assert_int_equal(STEP("\xcf"), EMUL_OK);
    assert_true(m.c.out.iret);
    assert_int_equal(m.r.rip, 0x102);
    assert_int_equal(m.r.rflags, 0x346);
    m.c.seg[X86_SEG_IDTR].limit = 0x21 * 4 + 2;
    expect_fault(STEP("\xcd\x21"), X86_EXC_GP, 0);
}

static void call_gate_to_ring_0(void **state)
{
    uint32_t param = 0xabcd;

    set(MODE_PROT32_USER);
    m.r.rip = 0x100;
    machine_put(&m, (uint32_t)(STACK_BASE + m.r.rsp), &param, 4);
    assert_int_equal(STEP("\x9a\x00\x00\x00\x00\xb8\x00"), EMUL_OK); /* count is 1 */
    assert_int_equal(m.c.cpl, 0);
    assert_int_equal(m.c.seg[X86_SEG_CS].selector, SEL_CODE32);
    assert_int_equal(m.r.rip, 0x2000);
    assert_int_equal(m.c.seg[X86_SEG_SS].selector, SEL_FLAT);
    assert_int_equal(m.r.rsp, RING0_STACK - 5 * 4 + 0);
    assert_int_equal(stack_word(0, 4), 0x107);
    assert_int_equal(stack_word(1, 4), SEL_UCODE32);
    assert_int_equal(stack_word(2, 4), 0xabcd);
    assert_int_equal(stack_word(3, 4), 0x1f00);
    assert_int_equal(stack_word(4, 4), SEL_USTACK);
    assert_int_equal(STEP("\xca\x04\x00"), EMUL_OK); /* retf 4 */
    assert_int_equal(m.c.cpl, 3);
    assert_int_equal(m.r.rip, 0x107);
    assert_int_equal(m.r.rsp, 0x1f04);
    assert_int_equal(m.c.seg[X86_SEG_SS].selector, SEL_USTACK);
    expect_fault(STEP("\x9a\x00\x00\x00\x00\x10\x00"), X86_EXC_GP, SEL_CODE32);
    expect_fault(STEP("\xea\x00\x00\x00\x00\x00\x00"), X86_EXC_GP, 0);
}

static void returning_drops_inner_segments(void **state)
{
    uint32_t frame[4] = { 0x300, SEL_UCODE32, 0x1000, SEL_USTACK };

    set(MODE_PROT32);
    m.r.rsp = 0x1000;
    machine_put(&m, STACK_BASE + 0x1000, frame, sizeof(frame));
    assert_int_equal(STEP("\xcb"), EMUL_OK);
    assert_int_equal(m.c.cpl, 3);
    assert_int_equal(m.c.seg[X86_SEG_DS].attr, 0);
    assert_int_equal(m.c.seg[X86_SEG_DS].selector, 0);
}

static void put_gate32(unsigned int vector, uint16_t selector, uint32_t offset, unsigned int attr)
{
    uint64_t gate = (offset & 0xffff) | (uint64_t)selector << 16 | (uint64_t)attr << 40 |
                    (uint64_t)(offset >> 16) << 48;

    machine_put(&m, IDT_BASE + vector * 8, &gate, 8);
}

static void protected_interrupts(void **state)
{
    set(MODE_PROT32_USER);
    put_gate32(0x80, SEL_CODE32, 0x2000, SEG_P | SEG_DPL | 14);
    put_gate32(0x81, SEL_CODE32, 0x2000, SEG_P | 14);
    put_gate32(0x82, SEL_CODE32, 0x2000, SEG_DPL | 14);
    m.r.rip = 0x100;
    m.r.rflags = 0x202;
    assert_int_equal(STEP("\xcd\x80"), EMUL_OK);
    assert_int_equal(m.c.cpl, 0);
    assert_int_equal(m.r.rflags, 2);
    assert_int_equal(stack_word(0, 4), 0x102);
    assert_int_equal(stack_word(2, 4), 0x202);
    assert_int_equal(stack_word(3, 4), 0x1f00);
    assert_int_equal(STEP("\xcf"), EMUL_OK);
    assert_int_equal(m.c.cpl, 3);
    assert_int_equal(m.r.rip, 0x102);
    assert_int_equal(m.r.rflags, 0x202);
    expect_fault(STEP("\xcd\x81"), X86_EXC_GP, 0x81 * 8 + 2);
    expect_fault(STEP("\xcd\x82"), X86_EXC_NP, 0x82 * 8 + 2);
    expect_fault(STEP("\xf1"), X86_EXC_GP, X86_EXC_DB * 8 + 3);

    /* A hardware exception doesn't care for the gate's DPL and pushes its code. */
    put_gate32(X86_EXC_PF, SEL_CODE32, 0x3000, SEG_P | 15);
    {
        struct emul_event ev = { .vector = X86_EXC_PF, .has_error = true, .error = 6 };

        m.r.rip = 0x500;
        assert_int_equal(emul_event(&m.c, &ev, 0), EMUL_OK);
    }
    assert_int_equal(stack_word(0, 4), 6);
    assert_int_equal(stack_word(1, 4), 0x500);
    assert_true(m.r.rflags & X86_EFLAGS_IF); /* a trap gate */
}

static void long_interrupts(void **state)
{
    uint64_t gate[2] = { 0x2000 | SEL_CODE64 << 16 | 2ULL << 32 | (uint64_t)(SEG_P | 14) << 40, 0 };
    uint64_t ist2 = RING0_STACK - 8, rsp = STACK_END - 0x105;
    struct emul_event ev = { .vector = X86_EXC_GP, .has_error = true, .error = 0x18 };

    set(MODE_LONG_USER);
    machine_put(&m, IDT_BASE + X86_EXC_GP * 16, gate, 16);
    machine_put(&m, TSS_BASE + 0x2c, &ist2, 8);
    m.r.rsp = rsp;
    m.r.rip = CODE_BASE + 0x10;
    assert_int_equal(emul_event(&m.c, &ev, 0), EMUL_OK);
    assert_int_equal(m.c.cpl, 0);
    assert_int_equal(m.r.rip, 0x2000);
    assert_int_equal(m.r.rsp, (RING0_STACK - 8) / 16 * 16 - 48);
    assert_int_equal(stack_word(0, 8), 0x18);
    assert_int_equal(stack_word(1, 8), CODE_BASE + 0x10);
    assert_int_equal(stack_word(2, 8), SEL_UCODE64);
    assert_int_equal(stack_word(4, 8), rsp);
    assert_int_equal(stack_word(5, 8), SEL_UFLAT);
    assert_int_equal(m.c.seg[X86_SEG_SS].selector, 0);
    m.r.rsp += 8;
    m.r.rip = CODE_BASE;
    assert_int_equal(STEP("\x48\xcf"), EMUL_OK);
    assert_int_equal(m.c.cpl, 3);
    assert_int_equal(m.r.rip, CODE_BASE + 0x10);
    assert_int_equal(m.r.rsp, rsp);
    assert_int_equal(m.c.seg[X86_SEG_SS].selector, SEL_UFLAT);
}

static void to_virtual_8086_and_back(void **state)
{
    uint32_t frame[9] = { 0x50, 0x1000, 0x23202 | 2, 0x800, 0x3000, 0x2000, 0x2001, 0x2002,
    0x2003 };

    set(MODE_PROT32);
    m.r.rsp = 0x1000;
    machine_put(&m, STACK_BASE + 0x1000, frame, sizeof(frame));
    put_gate32(0x21, SEL_CODE32, 0x2000, SEG_P | SEG_DPL | 14);
    assert_int_equal(STEP("\xcf"), EMUL_OK);
    assert_true(m.r.rflags & X86_EFLAGS_VM);
    assert_int_equal(m.c.cpl, 3);
    assert_int_equal(m.c.seg[X86_SEG_CS].base, 0x10000);
    assert_int_equal(m.c.seg[X86_SEG_GS].selector, 0x2003);
    assert_int_equal(m.c.seg[X86_SEG_DS].limit, 0xffff);
    assert_int_equal(m.r.rsp, 0x800);
    expect_fault(STEP("\x0f\x00\xd0"), X86_EXC_UD, -1);      /* lldt */
    expect_fault(STEP("\x0f\x22\xc0"), X86_EXC_GP, 0);       /* mov cr0 */
    assert_int_equal(STEP("\xcd\x21"), EMUL_OK);
    assert_false(m.r.rflags & X86_EFLAGS_VM);
    assert_int_equal(m.c.cpl, 0);
    assert_int_equal(stack_word(0, 4), 0x52);
    assert_int_equal(stack_word(2, 4), 0x23202);
    assert_int_equal(stack_word(4, 4), 0x3000);
    assert_int_equal(stack_word(8, 4), 0x2003);
    assert_int_equal(m.c.seg[X86_SEG_DS].attr, 0);
}

/* --- tasks --- */

static void put32(uint32_t addr, uint32_t val)
{
    machine_put(&m, addr, &val, 4);
}

static void prepare_task(void)
{
    static const uint32_t segs[6] = { SEL_DATA, SEL_CODE32, SEL_STACK, SEL_DATA, 0, 0 };

    put32(TSS2_BASE + 0x1c, 0x77000);
    put32(TSS2_BASE + 0x20, 0x600);
    put32(TSS2_BASE + 0x24, 0x2);
    for (unsigned int i = 0; i < 8; i++)
        put32(TSS2_BASE + 0x28 + 4 * i, 0x1000 + i);
    for (unsigned int i = 0; i < 6; i++)
        put32(TSS2_BASE + 0x48 + 4 * i, segs[i]);
    put32(TSS2_BASE + 0x64, 1);
}

static unsigned int tss_type(unsigned int selector)
{
    return memory[GDT_BASE + selector + 5] & 15;
}

static void task_switches(void **state)
{
    set(MODE_PROT32);
    prepare_task();
    m.c.cr0 |= X86_CR0_PG;
    m.r.rip = 0x100;
    m.r.rax = 0x1234;
    assert_int_equal(STEP("\x9a\x00\x00\x00\x00\xa8\x00"), EMUL_OK); /* call SEL_TSS2 */
    assert_int_equal(m.r.rip, 0x600);
    assert_int_equal(m.r.rax, 0x1000);
    assert_int_equal(m.r.rsp, 0x1004);
    assert_int_equal(m.r.rflags, 2 | X86_EFLAGS_NT);
    assert_int_equal(m.c.seg[X86_SEG_TR].selector, SEL_TSS2);
    assert_int_equal(m.cr3, 0x77000);
    assert_true(m.c.cr0 & X86_CR0_TS);
    assert_true(m.c.out.tss_trap);
    assert_int_equal(machine_get(&m, TSS_BASE + 0x20, 4), 0x107);
    assert_int_equal(machine_get(&m, TSS_BASE + 0x28, 4), 0x1234);
    assert_int_equal(machine_get(&m, TSS2_BASE, 2), SEL_TSS);
    assert_int_equal(tss_type(SEL_TSS), 11);
    assert_int_equal(tss_type(SEL_TSS2), 11);
    assert_int_equal(STEP("\xcf"), EMUL_OK);                          /* and back */
    assert_int_equal(m.r.rip, 0x107);
    assert_int_equal(m.r.rax, 0x1234);
    assert_int_equal(m.c.seg[X86_SEG_TR].selector, SEL_TSS);
    assert_int_equal(tss_type(SEL_TSS2), 9);
    assert_int_equal(machine_get(&m, TSS2_BASE + 0x20, 4), 0x601);
    assert_false(machine_get(&m, TSS2_BASE + 0x24, 4) & X86_EFLAGS_NT);

    /* A fault after the switch belongs to the new task. */
    put32(TSS2_BASE + 0x54, SEL_ABSENT); /* DS */
    expect_fault(STEP("\xea\x00\x00\x00\x00\xc8\x00"), X86_EXC_NP, SEL_ABSENT); /* task gate */
    assert_int_equal(m.c.seg[X86_SEG_TR].selector, SEL_TSS2);
    assert_int_equal(m.r.rip, 0x601);
    assert_int_equal(tss_type(SEL_TSS), 9);

    set(MODE_PROT32);
    expect_fault(emul_task_switch(&m.c, SEL_TSS2, EMUL_TASK_IRET, false, 0), X86_EXC_TS, SEL_TSS2);
    memory[GDT_BASE + SEL_TSS2] = 0x66;
    expect_fault(emul_task_switch(&m.c, SEL_TSS2, EMUL_TASK_JMP, false, 0), X86_EXC_TS, SEL_TSS2);
}

static void task_of_16_bits(void **state)
{
    static const uint16_t tss[22] = { [7] = 0x600, 0x3002, 1, 2, 3, 4, 0x1000, 6, 7, 8,
                                      SEL_DATA, SEL_CODE16, SEL_STACK16, SEL_DATA, SEL_LDT };

    set(MODE_PROT32);
    machine_put(&m, TSS2_BASE, tss, sizeof(tss));
    assert_int_equal(emul_task_switch(&m.c, SEL_TSS16, EMUL_TASK_JMP, true, 0x55), EMUL_OK);
    assert_int_equal(m.r.rip, 0x600);
    assert_int_equal(m.r.rax & 0xffff, 1);
    assert_int_equal(m.r.rsp & 0xffff, 0xffe);
    assert_int_equal(memory[STACK_BASE + 0xffe], 0x55);
    assert_int_equal(m.c.seg[X86_SEG_LDTR].base, LDT_BASE);
    assert_int_equal(m.c.seg[X86_SEG_CS].selector, SEL_CODE16);
}

/* --- what the caller hears of --- */

static void outcomes(void **state)
{
    set(MODE_PROT32);
    assert_int_equal(STEP("\xfb"), EMUL_OK);
    assert_true(m.c.out.sti);
    assert_int_equal(STEP("\xfb"), EMUL_OK);
    assert_false(m.c.out.sti);
    assert_int_equal(STEP("\xf4"), EMUL_OK);
    assert_true(m.c.out.hlt);
    m.r.rflags |= X86_EFLAGS_TF;
    assert_int_equal(STEP("\x90"), EMUL_OK);
    assert_true(m.c.out.single_step);
    assert_int_equal(STEP("\x0f\x01\x3b"), EMUL_OK); /* invlpg [ebx] */
    assert_int_equal(m.last_sys, EMUL_SYS_INVLPG);
    assert_int_equal(m.last_arg, DATA_BASE);
    assert_int_equal(STEP("\x0f\x01\xc1"), EMUL_OK);
    assert_int_equal(m.last_sys, EMUL_SYS_HYPERCALL);
    assert_int_equal(STEP("\xd9\xc0"), EMUL_UNHANDLEABLE); /* x87 */
    m.retry_writes = true;
    m.r.rax = 7;
    assert_int_equal(STEP("\xf0\x0f\xc1\x03"), EMUL_RETRY); /* lock xadd [ebx], eax */
    assert_int_equal(m.r.rax, 7);
    m.retry_writes = false;
    assert_int_equal(STEP("\xf0\x0f\xc1\x03"), EMUL_OK);
    assert_int_equal(m.r.rax, 0);
    assert_int_equal(machine_get(&m, DATA_BASE, 4), 7);
    expect_fault(STEP("\xf0\x8b\x03"), X86_EXC_UD, -1);     /* lock mov */
    expect_fault(STEP("\xf0\x01\xc0"), X86_EXC_UD, -1);     /* lock, register */
    expect_fault(STEP("\x0f\x0b"), X86_EXC_UD, -1);
}

static void strings_stop_and_go_on(void **state)
{
    for (int rep = 0; rep < 2; rep++) {
        set(MODE_PROT32);
        m.use_rep = rep;
        m.r.rcx = 100;
        m.r.rax = 0xa5;
        m.r.rdi = 0x1fd0; /* 48 bytes to the end of the page */
        if (!rep) {
            expect_fault(STEP("\xf3\xaa"), X86_EXC_PF, PFEC_WRITE);
        } else {
            assert_int_equal(STEP("\xf3\xaa"), EMUL_OK);
            assert_true(m.c.out.again);
        }
        assert_int_equal(m.r.rcx, 52);
        assert_int_equal(m.r.rdi, 0x2000);
        assert_int_equal(m.r.rip, 0);
        assert_int_equal(memory[DATA_END - 1], 0xa5);
    }
    set(MODE_PROT32);
    m.r.rcx = 200;
    assert_int_equal(STEP("\xf3\xa4"), EMUL_OK);
    assert_true(m.c.out.again && m.r.rcx > 0 && m.r.rcx < 200 && m.r.rip == 0);
    m.r.rflags |= X86_EFLAGS_TF;
    m.r.rcx = 2;
    assert_int_equal(STEP("\xf3\xa4"), EMUL_OK);
    assert_int_equal(m.r.rcx, 1);
    m.r.rflags = 2;
    m.r.rcx = 0;
    assert_int_equal(STEP("\xf3\xa4"), EMUL_OK);
    assert_int_equal(m.r.rip, 2);
}

static void ports(void **state)
{
    static const uint8_t map[4] = { 0xff, 0xfe, 0xff, 0xff }; /* of ports 0 to 31 only 8 is free */

    set(MODE_PROT32_USER);
    machine_put(&m, TSS_BASE + 0x66, "\x00\x02", 2);
    machine_put(&m, TSS_BASE + 0x200, map, 4);
    m.r.rdx = 8;
    assert_int_equal(STEP("\xec"), EMUL_OK);
    assert_int_equal(m.r.rax, 0x08);
    expect_fault(STEP("\xed"), X86_EXC_GP, 0);
    m.r.rdx = 0x4000;
    expect_fault(STEP("\xec"), X86_EXC_GP, 0); /* beyond the limit */
    m.c.no_port_check = true;
    assert_int_equal(STEP("\x66\xef"), EMUL_OK);
    assert_int_equal(m.port_bytes, 2);
    m.r.rdi = 0x2000;
    m.ins = 0;
    expect_fault(STEP("\x6c"), X86_EXC_PF, PFEC_WRITE | PFEC_USER);
    assert_int_equal(m.ins, 0); /* the port was not read in vain */
}

static void control_registers(void **state)
{
    set(MODE_LONG);
    m.r.r9 = 0x80050033;
    assert_int_equal(STEP("\x41\x0f\x22\xc1"), EMUL_OK);
    assert_int_equal(m.c.cr0, 0x80050033);
    assert_int_equal(STEP("\x44\x0f\x22\xc0"), EMUL_OK); /* cr8 */
    expect_fault(STEP("\x0f\x22\xc8"), X86_EXC_UD, -1);  /* cr1 */
    m.r.rax = 1ULL << 32;
    expect_fault(STEP("\x0f\x23\xf8"), X86_EXC_GP, 0);   /* dr7 */
    m.r.rcx = 0xdead;
    expect_fault(STEP("\x0f\x32"), X86_EXC_GP, 0);
    m.r.rcx = 0x10;
    assert_int_equal(STEP("\x0f\x32"), EMUL_OK);
    assert_int_equal(m.r.rax, 0x55667798);
    assert_int_equal(m.r.rdx, 0x11223344);
    m.kernel_gs = 0x1234;
    assert_int_equal(STEP("\x0f\x01\xf8"), EMUL_OK); /* swapgs */
    assert_int_equal(m.c.seg[X86_SEG_GS].base, 0x1234);
    set(MODE_LONG_USER);
    expect_fault(STEP("\x0f\x22\xc0"), X86_EXC_GP, 0);
    m.c.cr4 |= X86_CR4_UMIP;
    expect_fault(STEP("\x0f\x01\xe0"), X86_EXC_GP, 0); /* smsw */
    m.c.cr0 |= X86_CR0_TS;
    m.r.rbx = DATA_BASE;
    expect_fault(STEP("\x0f\x10\x03"), X86_EXC_NM, -1);
    m.c.cr4 = 0;
    expect_fault(STEP("\x0f\x10\x03"), X86_EXC_UD, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_and_rights),
        cmocka_unit_test(alignment_checks),
        cmocka_unit_test(far_real),
        cmocka_unit_test(real_interrupts),
        cmocka_unit_test(call_gate_to_ring_0),
        cmocka_unit_test(returning_drops_inner_segments),
        cmocka_unit_test(protected_interrupts),
        cmocka_unit_test(long_interrupts),
        cmocka_unit_test(to_virtual_8086_and_back),
        cmocka_unit_test(task_switches),
        cmocka_unit_test(task_of_16_bits),
        cmocka_unit_test(outcomes),
        cmocka_unit_test(strings_stop_and_go_on),
        cmocka_unit_test(ports),
        cmocka_unit_test(control_registers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
