/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Code that depends on a choice made once at boot: each place is recorded in the section
 * .alternatives and patched by alternatives_apply() (hv/cpu/alternative.c) while the image can
 * still be written to and one CPU runs. Two forms. ALT_INSN: an instruction of three bytes, a no-op
 * until its feature is on. HOOK: a jump that takes the place of the instructions there, so that a
 * feature that is off costs nothing; what it jumps to does them as well and comes back behind them.
 */
#ifndef HV_ALTERNATIVE_H
#define HV_ALTERNATIVE_H

/* Features; at most 32. */
#define ALT_SMAP 0           /* STAC and CLAC around the guest's memory */
#define ALT_BRANCH_HARDEN 1  /* LFENCE behind chosen conditional branches */
/* hv/cpu/spec_entry.S */
#define ALT_ENTRY 2          /* work on entry from a guest */
#define ALT_ENTRY_CALL 9     /* the same for 64-bit SYSCALL, which XPTI alone does not need */
#define ALT_EXIT 3           /* work on exit to a PV guest */
#define ALT_EXIT_DIV 6       /* the same if a DIV is all of it */
#define ALT_XPTI 4           /* guests on copies of their root tables */
#define ALT_SHORT_EXIT 5     /* the short ways between a PV guest's user mode and kernel */
#define ALT_PCID 7           /* the TLB holds several address spaces (hv/flush.h) */
#define ALT_PV_L1TF 8        /* page-table entries that are not present are checked */

#define ALT_KIND_INSN 0
#define ALT_KIND_JUMP 1

/* The instructions of ALT_INSN, first byte lowest. */
#define ALT_STAC 0xcb010f
#define ALT_CLAC 0xca010f
#define ALT_LFENCE 0xe8ae0f
#define ALT_NOP3 0x0f, 0x1f, 0x00

#ifdef __ASSEMBLY__

.macro ALT_RECORD feature, kind, arg:vararg
    .pushsection .alternatives, "a"
    .balign 4
    .long 771b - .
    .byte \feature, \kind, 0, 0
    .long \arg
    .popsection
.endm
.macro ALT_INSN feature, insn
771:
    .byte ALT_NOP3
    ALT_RECORD \feature, ALT_KIND_INSN, \insn
.endm
/* At least five bytes up to where target comes back to, and no jump into them. */
.macro HOOK feature, target
771:
    ALT_RECORD \feature, ALT_KIND_JUMP, \target - .
.endm

#else

#include <hv/types.h>

#define ALT_STR_(...) #__VA_ARGS__
#define ALT_STR(...) ALT_STR_(__VA_ARGS__)
/* As text of an asm statement. */
#define ALT_INSN(feature, insn)                                                                    \
    "771: .byte " ALT_STR(ALT_NOP3) "\n .pushsection .alternatives, \"a\"\n .balign 4\n"           \
    " .long 771b - .\n .byte " ALT_STR(feature) ", " ALT_STR(ALT_KIND_INSN) ", 0, 0\n"             \
    " .long " ALT_STR(insn) "\n .popsection\n"

/*
 * For asm goto, and at its end: the instructions between ALT_JUMP_SITE and this, at least five
 * bytes, give way to a jump to the label once the feature is on. Where they are there for another
 * reason, the question whether it is costs nothing. feature: an operand of kind "i".
 */
#define ALT_JUMP_SITE "771: "
#define ALT_JUMP(feature, label)                                                                   \
    "\n .pushsection .alternatives, \"a\"\n .balign 4\n .long 771b - .\n .byte " feature ", "     \
    ALT_STR(ALT_KIND_JUMP) ", 0, 0\n .long " label " - .\n .popsection\n"

#ifdef HV_UNIT_TEST
extern uint32_t unit_alternatives;  /* BIT(ALT_*) */
#endif

/* *p = val; true if the feature is on. */
static inline __attribute__((always_inline)) bool alt_store(const unsigned int feature, uint64_t *p,
                                                            uint64_t val)
{
#ifdef HV_UNIT_TEST
    *p = val;
    return unit_alternatives >> feature & 1;
#else
    __asm__ goto(ALT_JUMP_SITE "%{disp32%} movq %[val], %[mem]" ALT_JUMP("%c[feature]", "%l[on]")
                 : [mem] "=m"(*p) : [val] "r"(val), [feature] "i"(feature) : : on);
    return false;
on:
    *p = val;
    return true;
#endif
}

/* The same for *p = 0. */
static inline __attribute__((always_inline)) bool alt_clear16(const unsigned int feature,
                                                              uint16_t *p)
{
#ifdef HV_UNIT_TEST
    *p = 0;
    return unit_alternatives >> feature & 1;
#else
    __asm__ goto(ALT_JUMP_SITE "%{disp32%} movw $0, %[mem]" ALT_JUMP("%c[feature]", "%l[on]")
                 : [mem] "=m"(*p) : [feature] "i"(feature) : : on);
    return false;
on:
    *p = 0;
    return true;
#endif
}

/* Patches the places of these features (BIT(ALT_*)) in. Boot: before paging_protect() and before
   other CPUs start; interrupts off. */
void alternatives_apply(uint32_t features);

/* What indirect calls and jumps go through (hv/cpu/thunk.S). */
enum branch_thunk { THUNK_RETPOLINE, THUNK_LFENCE, THUNK_JMP };
/*
 * Settles, once, what the compiler left open: indirect branches become what `thunk` says, in place
 * where that is a plain branch; returns plain ones unless return_thunk. aligned: branches stay in
 * the thunks, whose own lie in the second half of a cache line. Same conditions.
 */
void branch_thunks_apply(enum branch_thunk thunk, bool return_thunk, bool aligned);

#endif
#endif
