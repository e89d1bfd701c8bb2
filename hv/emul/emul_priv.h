/* SPDX-License-Identifier: BSD-2-Clause */
/* The emulator's insides: the state of one instruction being performed. */
#ifndef EMUL_PRIV_H
#define EMUL_PRIV_H

#include <hv/emul.h>
#include <hv/processor.h>
#include "decode.h"

#define EMUL_EFER_SCE 0x001
#define EMUL_EFER_LME 0x100
#define EMUL_EFER_LMA 0x400

/* Of 48 bits. */
static inline bool emul_canonical(uint64_t addr)
{
    return (int64_t)(addr << 16) >> 16 == (int64_t)addr;
}

#define FLAGS_ARITH                                                                                \
    (X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | X86_EFLAGS_SF | X86_EFLAGS_OF)

enum emul_op_type { OP_NONE, OP_REG, OP_MEM, OP_VALUE };

struct emul_op {
    uint8_t type;     /* enum emul_op_type */
    uint8_t bytes;
    uint8_t reg;      /* OP_REG */
    uint8_t seg;      /* OP_MEM: segment and offset */
    bool plain;       /* the executor makes the access itself */
    uint64_t ea;
    uint64_t val;     /* read before the executor, written after it */
    uint64_t old;     /* as it was read */
};

/* One instruction being performed. What it changes is in here until it has succeeded. */
struct emul {
    struct emul_ctxt *c;
    struct emul_insn in;
    struct cpu_user_regs r;   /* rip: of the next instruction */
    struct x86_segment seg[X86_SEG_COUNT];
    uint32_t seg_dirty;       /* bit n: seg[n] here is the newer */
    unsigned int cpl;
    uint32_t access;          /* EMUL_ACC_USER at CPL 3 */
    bool keep;                /* keep what was changed in spite of a fault */
    struct emul_op op[3];
};

static inline bool emul_real(const struct emul *e)
{
    return !(e->c->cr0 & X86_CR0_PE);
}
static inline bool emul_v86(const struct emul *e)
{
    return !emul_real(e) && (e->r.rflags & X86_EFLAGS_VM);
}
static inline bool emul_protected(const struct emul *e)
{
    return !emul_real(e) && !(e->r.rflags & X86_EFLAGS_VM);
}
static inline bool emul_long(const struct emul *e)
{
    return e->c->efer & EMUL_EFER_LMA;
}
static inline uint64_t emul_mask(unsigned int bytes)
{
    return ~0ULL >> (64 - 8 * bytes);
}
static inline int64_t emul_sign(uint64_t val, unsigned int bytes)
{
    return (int64_t)(val << (64 - 8 * bytes)) >> (64 - 8 * bytes);
}

/* --- emul.c --- */

/* Begins: copies what the guest has. */
void emul_begin(struct emul *e, struct emul_ctxt *c);
/* The instruction succeeded, or `keep` is set: the guest gets it all. */
void emul_commit(struct emul *e);

static inline int emul_fault(struct emul *e, uint8_t vector)
{
    emul_set_fault(e->c, vector, false, 0);
    return EMUL_EXCEPTION;
}
static inline int emul_fault_code(struct emul *e, uint8_t vector, uint32_t error)
{
    emul_set_fault(e->c, vector, true, error);
    return EMUL_EXCEPTION;
}
static inline int emul_gp(struct emul *e)
{
    emul_set_fault(e->c, X86_EXC_GP, true, 0);
    return EMUL_EXCEPTION;
}
int emul_ud(struct emul *e);
#define EMUL_TRY(call)                                                                             \
    do {                                                                                           \
        int rc_ = (call);                                                                          \
        if (rc_ != EMUL_OK)                                                                        \
            return rc_;                                                                            \
    } while (0)

/* --- operand.c --- */

/* General register n: 1, 2, 4 or 8 bytes; of one byte without REX, 4 to 7 are AH to BH. Writing 4
   bytes clears the upper half. */
uint64_t emul_reg(const struct emul *e, unsigned int n, unsigned int bytes);
void emul_set_reg(struct emul *e, unsigned int n, unsigned int bytes, uint64_t val);
/* The register as a whole. */
unsigned long *emul_reg_ptr(struct cpu_user_regs *r, unsigned int n);
/* Segment register n as it is by now. */
const struct x86_segment *emul_seg(struct emul *e, enum x86_seg_index n);
void emul_set_seg(struct emul *e, enum x86_seg_index n, const struct x86_segment *s);

/* Offset of the memory operand, from the registers as they are by now. */
uint64_t emul_ea(struct emul *e);
/* Segment of an access without stack base: the override or `seg`. */
unsigned int emul_seg_or(const struct emul *e, unsigned int seg);

/* The linear address of [seg:offset] after all checks of segmentation. */
int emul_linear(struct emul *e, unsigned int seg, uint64_t offset, unsigned int bytes, bool write,
                uint64_t *addr);
int emul_read(struct emul *e, unsigned int seg, uint64_t offset, void *buf, unsigned int bytes);
int emul_write(struct emul *e, unsigned int seg, uint64_t offset, const void *buf,
               unsigned int bytes);

/* The stack, by the size of SS; bytes is 2, 4 or 8. */
unsigned int emul_stack_bytes(struct emul *e);
int emul_stack_push(struct emul *e, uint64_t val, unsigned int bytes);
int emul_stack_pop(struct emul *e, uint64_t *val, unsigned int bytes);
/* RSP plus n, in the width of the stack. */
void emul_move_rsp(struct emul *e, int64_t n);

/* Sets up e->op and reads what the executor will see; writes e->op[0] back. */
int emul_operands(struct emul *e);
int emul_write_back(struct emul *e);

/* --- exec_move.c --- */

/* Does condition code 0 to 15 hold? */
bool emul_condition(uint64_t flags, unsigned int code);
/* Which flags POPF and IRET of so many bytes change at the present privilege. */
uint64_t emul_flags_mask(const struct emul *e, unsigned int bytes);

/* --- segment.c --- */

/* A descriptor as it lies in memory, and where. */
struct emul_desc {
    uint64_t low, high; /* high: of a system descriptor in long mode */
    uint64_t addr;
    bool null;
};

static inline unsigned int emul_desc_type(const struct emul_desc *d)
{
    return (unsigned int)(d->low >> 40) & 0x1f; /* with the S bit */
}
static inline unsigned int emul_desc_dpl(const struct emul_desc *d)
{
    return (unsigned int)(d->low >> 45) & 3;
}
static inline bool emul_desc_present(const struct emul_desc *d)
{
    return (d->low >> 47) & 1;
}
/* System descriptor types, S bit clear. */
enum {
    DESC_TSS16 = 1, DESC_LDT = 2, DESC_TSS16_BUSY = 3, DESC_CALL16 = 4, DESC_TASK_GATE = 5,
    DESC_INT16 = 6, DESC_TRAP16 = 7, DESC_TSS32 = 9, DESC_TSS32_BUSY = 11, DESC_CALL32 = 12,
    DESC_INT32 = 14, DESC_TRAP32 = 15, DESC_BUSY = 2,
};
#define DESC_IS_SEGMENT 0x10
#define DESC_IS_CODE 0x08
#define DESC_CONFORMING 0x04

/* Reads a descriptor, twice as long if it is a system descriptor in long mode. A selector beyond
   its table is `vector`(selector). A null selector gives d->null and EMUL_OK. */
int emul_read_desc(struct emul *e, uint16_t selector, uint8_t vector, struct emul_desc *d);
/* The hidden part that this descriptor makes. */
void emul_desc_segment(const struct emul_desc *d, uint16_t selector, struct x86_segment *s);
/* Sets bits of the descriptor's type in memory if they are not. */
int emul_desc_mark(struct emul *e, struct emul_desc *d, unsigned int bits);

/* Loads ES, SS, DS, FS or GS as MOV does, with all checks, for e->cpl. */
int emul_load_seg(struct emul *e, enum x86_seg_index n, uint16_t selector);
/* The same for a new stack: `vector` is what a bad one raises, cpl the privilege it is for. */
int emul_load_stack(struct emul *e, uint16_t selector, unsigned int cpl, uint8_t vector);
/* ES, DS, FS, GS in protected mode; `vector` is what a bad selector raises. */
int emul_load_data(struct emul *e, enum x86_seg_index n, uint16_t selector, uint8_t vector);
/* Real and virtual-8086 mode: only selector and base change. */
void emul_load_real(struct emul *e, enum x86_seg_index n, uint16_t selector);

/* --- exec_branch.c, far.c, event.c, task.c --- */

/* Is this offset inside the code segment? #GP(0) if not. */
int emul_check_target(struct emul *e, const struct x86_segment *cs, uint64_t target);
/* Checks and takes a near jump; the target is cut to the operand size. */
int emul_jump(struct emul *e, uint64_t target);
/* The code segment of `d` becomes CS with this RPL, at `target`. */
int emul_enter_code(struct emul *e, struct emul_desc *d, uint16_t selector, unsigned int cpl,
                    uint64_t target);
/* Recomputes e->in.bits and e->access after CS or the mode changed. */
void emul_update_mode(struct emul *e);
/* Delivers an event; e->r.rip is what is saved. */
int emul_deliver(struct emul *e, const struct emul_event *ev);
int emul_switch_task(struct emul *e, uint16_t selector, enum emul_task_reason reason,
                     bool has_error, uint32_t error);
/* Reads SS:(E)SP, or RSP, of a privilege level from the TSS, SS being 0 in long mode. */
int emul_tss_stack(struct emul *e, unsigned int cpl, uint16_t *ss, uint64_t *rsp);

/* --- fetch.c --- */

/* The segment register, filled. */
const struct x86_segment *emul_ctxt_seg(struct emul_ctxt *c, enum x86_seg_index n);
/* 16, 32 or 64: what the code segment makes of instructions. */
unsigned int emul_code_bits(struct emul_ctxt *c);
/* The fill function of a decode with the context as arg. */
int emul_fill(struct emul_insn *in);
/* Decodes the instruction at CS:RIP into a zeroed struct; reports what is wrong with it. */
int emul_fetch_insn(struct emul_ctxt *c, struct emul_insn *in);

#endif
