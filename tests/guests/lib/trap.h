/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Traps: run code that may trap, in kernel or in user mode, and learn what arrived. A trap nobody
 * waits for ends the test with verdict error.
 */
#ifndef GUEST_TRAP_H
#define GUEST_TRAP_H

#include <stdbool.h>
#include <stdint.h>
#include <xen/xen.h>

enum vector {
    VEC_DE = 0, VEC_DB = 1, VEC_NMI = 2, VEC_BP = 3, VEC_OF = 4, VEC_BR = 5, VEC_UD = 6,
    VEC_NM = 7, VEC_DF = 8, VEC_TS = 10, VEC_NP = 11, VEC_SS = 12, VEC_GP = 13, VEC_PF = 14,
    VEC_MF = 16, VEC_AC = 17, VEC_XM = 19,
    /* Entries that are no exceptions; numbers shared with start.S. */
    VEC_SYSCALL = 0x100, VEC_EVENT = 0x101, VEC_FAILSAFE = 0x102, VEC_SYSENTER = 0x103,
    VEC_COUNT = 0x104,
};

enum rflags {
    RFLAGS_CF = 1 << 0, RFLAGS_FIXED = 1 << 1, RFLAGS_ZF = 1 << 6, RFLAGS_TF = 1 << 8,
    RFLAGS_IF = 1 << 9, RFLAGS_DF = 1 << 10, RFLAGS_OF = 1 << 11, RFLAGS_IOPL = 3 << 12,
    RFLAGS_NT = 1 << 14, RFLAGS_RF = 1 << 16, RFLAGS_VM = 1 << 17, RFLAGS_AC = 1 << 18,
    RFLAGS_ID = 1 << 21,
};

enum pf_error { PF_PRESENT = 1, PF_WRITE = 2, PF_USER = 4, PF_RSVD = 8, PF_FETCH = 16 };

/* Registers at a trap, as trap_common in start.S stores them. */
struct regs {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

/* What was caught. vector is -1 when nothing came. */
struct trap {
    int vector;
    uint64_t error, cr2;
    struct regs regs;
};

/* Segment selectors the last failsafe frame held: DS, ES, FS, GS. */
extern uint64_t failsafe_segments[4];
extern char trap_stubs[], syscall_stub[], sysenter_stub[], event_stub[], failsafe_stub[];
extern char user_leave[], hypercall_raw_syscall[], hypercall_raw_return[];

/* Run fn(arg) in kernel mode. True when it trapped; the trap is in @trap (may be NULL). */
bool trap_catch(void (*fn)(void *), void *arg, struct trap *trap);
/*
 * Run fn(arg) in user mode, on the same page tables, until it returns or traps. Returning shows as
 * VEC_SYSCALL with RAX in trap->regs.rax. @flags is added to RFLAGS.
 */
void trap_user(long (*fn)(void *), void *arg, unsigned long flags, struct trap *trap);
/* As trap_user() with fn's result; fails the test when fn traps. */
long user_call(long (*fn)(void *), void *arg);

/* The iret hypercall with exactly this frame (rax, r11, rcx as the page's stub would push them). */
void iret_to(const struct iret_context *frame);

/* Call @hook at @vector before anything else; true from it means: go back to where it came from. */
typedef bool trap_hook_t(struct regs *regs);
void trap_hook(unsigned int vector, trap_hook_t *hook);

/* Check that fn(arg) traps with @vector and error code @error (-1: any). */
bool expect_trap_at(int line, const char *what, void (*fn)(void *), void *arg, int vector,
                    long error);
bool expect_user_trap_at(int line, const char *what, long (*fn)(void *), void *arg, int vector,
                         long error);
#define expect_trap(fn, arg, vector, error) \
    expect_trap_at(__LINE__, #fn, fn, (void *)(arg), vector, error)
#define expect_user_trap(fn, arg, vector, error) \
    expect_user_trap_at(__LINE__, #fn, fn, (void *)(arg), vector, error)

/* The trap table and callbacks every guest starts with; tests put theirs back with this. */
void trap_init(void);
/* The default table, 32 exceptions and 0x80, ended by a row without address. */
const struct trap_info *trap_default_table(void);

#endif
