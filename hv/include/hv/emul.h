/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction emulator: performs one instruction of a hardware-assisted guest by the words of
 * the AMD64 APM, volumes 2 and 3, where the two vendors differ by AMD's. It knows no domain and no
 * device: guest state comes in struct emul_ctxt, memory, ports and control registers are reached
 * through struct emul_ops.
 *
 * Context: any in which the callbacks may run. Uses about 1 KiB of stack. No locks of its own.
 */
#ifndef HV_EMUL_H
#define HV_EMUL_H

#include <hv/segment.h>
#include <hv/types.h>
#include <xen/xen.h>

#define EMUL_INSN_MAX 15

enum emul_rc {
    EMUL_OK,
    EMUL_EXCEPTION,    /* ctxt->fault says which; the guest gets it */
    EMUL_RETRY,        /* nothing changed: emulate again, or let the guest run the instruction */
    EMUL_UNHANDLEABLE, /* not an instruction that is emulated */
};

/* What a callback is asked to do an access as. */
enum {
    EMUL_ACC_USER = 1,   /* at CPL 3 */
    EMUL_ACC_SYSTEM = 2, /* of a descriptor table or a TSS: by the supervisor whatever the CPL */
    EMUL_ACC_RMW = 4,    /* a read of what will be written: must have the rights of a write */
    EMUL_ACC_LOCKED = 8,
    EMUL_ACC_PROBE = 16, /* a write whose rights are checked and that isn't made: buf is NULL */
};

/* Registers beyond the general ones; they are the hypervisor's to reach, since it is itself built
   without them. */
enum emul_vec { EMUL_VEC_MMX, EMUL_VEC_XMM, EMUL_VEC_YMM };

enum emul_rep_op { EMUL_REP_INS, EMUL_REP_OUTS, EMUL_REP_MOVS, EMUL_REP_STOS };

/* A string operation in one piece. The addresses are linear, step is negative for DF = 1. */
struct emul_rep {
    enum emul_rep_op op;
    unsigned int bytes;   /* per element: 1, 2, 4, 8 */
    int step;
    unsigned int port;
    uint64_t value;       /* STOS */
    uint64_t src, dst;
    unsigned int access;  /* EMUL_ACC_USER or 0 */
    unsigned long count;  /* in: asked for, at least 2; out: done */
};

/* What has an instruction and one operand, and no answer. */
enum emul_sys {
    EMUL_SYS_INVLPG,    /* arg: linear address */
    EMUL_SYS_INVD,
    EMUL_SYS_WBINVD,
    EMUL_SYS_CLFLUSH,   /* and CLFLUSHOPT, CLWB; arg: linear address, checked for reading */
    EMUL_SYS_XSETBV,    /* arg: EDX:EAX; ECX is in regs */
    EMUL_SYS_HYPERCALL, /* either vendor's; the guest's registers are in ctxt->regs */
    EMUL_SYS_MONITOR,   /* arg: linear address */
    EMUL_SYS_MWAIT,
};

struct emul_ctxt;

/*
 * All return an enum emul_rc. For EMUL_EXCEPTION they have filled ctxt->fault, with
 * emul_set_fault() or emul_set_page_fault(). The addresses are linear, after segmentation; a range
 * may cross a page and, in 32 bits, wraps at 4 GiB if the guest's does. Only `fetch`, `read`,
 * `write` and `cmpxchg` must be there: an instruction that needs another is unhandleable.
 *
 * An access that returns EMUL_RETRY ends the instruction with nothing changed in the registers;
 * when it is emulated again it makes the same accesses in the same order, so that answers which
 * have come in the meantime can be kept beside ctxt and given again.
 */
struct emul_ops {
    int (*fetch)(struct emul_ctxt *c, uint64_t addr, void *buf, unsigned int bytes);
    int (*read)(struct emul_ctxt *c, uint64_t addr, void *buf, unsigned int bytes,
                unsigned int access);
    int (*write)(struct emul_ctxt *c, uint64_t addr, const void *buf, unsigned int bytes,
                 unsigned int access);
    /* Replaces *old by *new in one step, or returns EMUL_RETRY if *old isn't there any more.
       bytes is 1, 2, 4, 8 or 16. */
    int (*cmpxchg)(struct emul_ctxt *c, uint64_t addr, const void *old, const void *new,
                   unsigned int bytes, unsigned int access);
    /* Optional. Does rep->count elements or fewer and says how many; EMUL_UNHANDLEABLE: one at a
       time with the others. */
    int (*rep)(struct emul_ctxt *c, struct emul_rep *rep);
    int (*port_in)(struct emul_ctxt *c, unsigned int port, unsigned int bytes, uint32_t *val);
    int (*port_out)(struct emul_ctxt *c, unsigned int port, unsigned int bytes, uint32_t val);
    /* Optional. Fills ctxt->seg[n] when it is first looked at; without it all are filled. */
    int (*load_seg)(struct emul_ctxt *c, enum x86_seg_index n);
    /* CR0, 2, 3, 4, 8 as the guest sees them. Writing checks, performs, and stores the new value
       in ctxt->cr0, ctxt->cr4 and ctxt->efer, too. */
    int (*read_cr)(struct emul_ctxt *c, unsigned int n, uint64_t *val);
    int (*write_cr)(struct emul_ctxt *c, unsigned int n, uint64_t val);
    int (*read_dr)(struct emul_ctxt *c, unsigned int n, uint64_t *val);
    int (*write_dr)(struct emul_ctxt *c, unsigned int n, uint64_t val);
    /* RDTSC is MSR 0x10, SWAPGS uses its own; the FS and GS bases are not asked for here. WRMSR
       stores a new EFER in ctxt->efer and a new base in ctxt->seg, too. */
    int (*rdmsr)(struct emul_ctxt *c, uint32_t msr, uint64_t *val);
    int (*wrmsr)(struct emul_ctxt *c, uint32_t msr, uint64_t val);
    int (*rdpmc)(struct emul_ctxt *c, uint32_t counter, uint64_t *val);
    int (*cpuid)(struct emul_ctxt *c, uint32_t leaf, uint32_t subleaf, uint32_t out[4]);
    /* The whole of register n: 8, 16 or 32 bytes. Writing EMUL_VEC_XMM leaves the upper half of the
       YMM register alone, writing EMUL_VEC_YMM zeroes what is above it. The guest's FPU state is
       to be loaded by them; CR0.TS, CR4 and XCR0 have been checked before. */
    int (*read_vec)(struct emul_ctxt *c, enum emul_vec kind, unsigned int n, void *buf);
    int (*write_vec)(struct emul_ctxt *c, enum emul_vec kind, unsigned int n, const void *buf);
    int (*system)(struct emul_ctxt *c, enum emul_sys what, uint64_t arg);
};

/* What an exception or interrupt comes from: it decides which checks its delivery makes and which
   RIP is saved. */
enum emul_event_type {
    EMUL_EVENT_HW,      /* exception */
    EMUL_EVENT_EXTINT,
    EMUL_EVENT_NMI,
    EMUL_EVENT_SWINT,   /* INT n */
    EMUL_EVENT_SWEXC,   /* INT3, INTO */
    EMUL_EVENT_ICEBP,   /* 0xf1 */
};

struct emul_event {
    uint8_t vector;
    enum emul_event_type type;
    bool has_error;
    uint32_t error;
    uint64_t cr2; /* of a page fault */
};

struct emul_ctxt {
    /* In, and changed by what succeeds. */
    const struct emul_ops *ops;
    struct cpu_user_regs *regs; /* general registers, rip, rflags */
    struct x86_segment seg[X86_SEG_COUNT];
    uint32_t seg_valid;         /* bit n: seg[n] is filled; only looked at with ops->load_seg */
    unsigned int cpl;
    uint64_t cr0, cr4, efer;
    uint64_t xcr0;
    bool no_port_check;         /* the CPU has checked IOPL and the I/O bitmap already */

    /* Out. */
    uint32_t seg_dirty;         /* bit n: seg[n] has changed */
    struct emul_event fault;    /* EMUL_EXCEPTION */
    struct {
        bool hlt;               /* the instruction was HLT */
        bool single_step;       /* RFLAGS.TF was set: #DB with DR6.BS is due */
        bool sti, mov_ss;       /* interrupts are held off for one instruction */
        bool iret;              /* NMIs are no longer blocked */
        bool again;             /* a repeated string instruction, not yet at its end */
        bool tss_trap;          /* the new task has its T bit set: #DB with DR6.BT is due */
    } out;
    unsigned int insn_len;      /* bytes of the instruction, 0 if it could not be decoded */
};

/*
 * Performs the instruction at CS:RIP. EMUL_OK: registers, RIP and flags are the guest's new ones
 * and ctxt->out says what is due. Any other result: the state is the one before, but for string
 * instructions, which keep the elements that were done, and for faults of a task switch, which
 * belong to the new task. REP stops after some elements with out.again and RIP unchanged, so that
 * interrupts come through.
 */
int emul_instruction(struct emul_ctxt *c);

/* Delivers an exception or interrupt as the CPU would: through the real-mode vector table, an
   interrupt, trap or task gate. insn_len is that of INT n, INT3 or INTO, else 0. A fault during
   delivery is EMUL_EXCEPTION; making a double fault of it is the caller's. */
int emul_event(struct emul_ctxt *c, const struct emul_event *ev, unsigned int insn_len);

enum emul_task_reason { EMUL_TASK_CALL, EMUL_TASK_JMP, EMUL_TASK_IRET, EMUL_TASK_GATE };

/* Switches to the task of a TSS selector, 16- or 32-bit. RIP is where the old task goes on.
   has_error: `error` is pushed on the new task's stack. */
int emul_task_switch(struct emul_ctxt *c, uint16_t selector, enum emul_task_reason reason,
                     bool has_error, uint32_t error);

/* Length of the instruction at CS:RIP, nothing performed: EMUL_OK with insn_len set, or the fault
   of fetching it, or #UD. */
int emul_length(struct emul_ctxt *c);

/* The same of bytes in a buffer of n, for code of 16, 32 or 64 bits: the length, 0 if more bytes
   are needed, -1 if no instruction begins so. */
int emul_length_of(const uint8_t *bytes, unsigned int n, unsigned int bits);

/* For callbacks: fill ctxt->fault and return EMUL_EXCEPTION. */
int emul_set_fault(struct emul_ctxt *c, uint8_t vector, bool has_error, uint32_t error);
int emul_set_page_fault(struct emul_ctxt *c, uint64_t cr2, uint32_t error);

#endif
