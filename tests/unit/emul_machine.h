/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest for the instruction emulator: 1 MiB of which some pages are there, flat linear addresses,
 * registers, and a record of what the emulator asked for. The layout serves all modes; in 16- and
 * 32-bit modes the data and stack segments have bases, so that a forgotten base shows.
 */
#ifndef EMUL_MACHINE_H
#define EMUL_MACHINE_H

#include <hv/emul.h>

#define MEM_SIZE 0x50000
#define CODE_BASE 0x10000
#define DATA_BASE 0x20000
#define DATA_END 0x22000 /* nothing is behind it */
#define STACK_BASE 0x30000
#define STACK_END 0x32000
#define TABLE_BASE 0x40000
#define TABLE_END 0x44000
#define GDT_BASE 0x40000
#define LDT_BASE 0x40400
#define IDT_BASE 0x41000
#define TSS_BASE 0x42000
#define TSS2_BASE 0x42800
#define RING0_STACK 0x43f00

enum emul_mode { MODE_REAL, MODE_BIG_REAL, MODE_V86, MODE_PROT16, MODE_PROT32, MODE_PROT32_USER,
                 MODE_COMPAT32, MODE_LONG, MODE_LONG_USER, MODE_COUNT };
extern const char *const emul_mode_names[MODE_COUNT];

/* Selectors in the GDT. */
enum {
    SEL_CODE16 = 0x08, SEL_CODE32 = 0x10, SEL_CODE64 = 0x18, SEL_DATA = 0x20, SEL_STACK = 0x28,
    SEL_UCODE32 = 0x33, SEL_UCODE64 = 0x3b, SEL_UDATA = 0x43, SEL_USTACK = 0x4b, SEL_STACK16 = 0x50,
    SEL_FLAT = 0x58, SEL_ABSENT = 0x60, SEL_RO = 0x68, SEL_DOWN = 0x70, SEL_CONFORMING = 0x78,
    SEL_EXEC_ONLY = 0x80, SEL_LDT = 0x88, SEL_TSS = 0x98, SEL_TSS2 = 0xa8, SEL_GATE = 0xb8,
    SEL_TASK_GATE = 0xc8, SEL_TSS16 = 0xd0, SEL_UFLAT = 0xdb, GDT_LIMIT = 0xff,
    SEL_LDT_DATA = 0x04, /* in the LDT */
};

struct machine {
    struct emul_ctxt c;
    struct cpu_user_regs r;
    uint8_t *mem;
    enum emul_mode mode;
    uint64_t cr2, cr3, cr8, dr[8], kernel_gs;
    uint64_t mmx[8];
    uint8_t vec[16][32];
    unsigned int port, port_bytes, outs, ins;
    uint32_t port_value;
    bool use_rep, retry_writes;
    enum emul_sys last_sys;
    uint64_t last_arg;
    unsigned int systems, probes;
};

/* A descriptor from base, limit in units of `attr`'s granularity, and rights as in hv/segment.h. */
uint64_t machine_desc(uint32_t base, uint32_t limit, unsigned int attr);
/* Fills the tables and brings the machine into a mode: registers zero, stack pointer at the end of
   the stack, RIP at the start of the code. */
void machine_reset(struct machine *m, enum emul_mode mode);
void machine_put(struct machine *m, uint32_t addr, const void *bytes, unsigned int n);
uint64_t machine_get(const struct machine *m, uint32_t addr, unsigned int bytes);
/* The base of the mode's data and stack segments. */
uint32_t machine_data_base(enum emul_mode mode);
uint32_t machine_stack_base(enum emul_mode mode);
uint32_t machine_code_base(enum emul_mode mode);
unsigned int machine_bits(enum emul_mode mode);
bool machine_present(uint64_t addr, unsigned int bytes, uint64_t *first_missing);

#endif
