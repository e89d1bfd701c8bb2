/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual machine control block. Source: AMD64 APM volume 2, "Layout of VMCB" (appendix B) and
 * "Secure Virtual Machine".
 *
 * Fields that the CPU may keep in a cache between two VMRUNs are changed only by vmcb_set_*(),
 * which clears the clean bit that stands for them.
 */
#ifndef SVM_VMCB_H
#define SVM_VMCB_H

#include <hv/segment.h>
#include <hv/types.h>

/* Clean bits. */
enum vmcb_clean {
    CLEAN_INTERCEPTS = 1u << 0, /* intercepts, TSC offset, pause filter */
    CLEAN_IOPM = 1u << 1,       /* both permission maps' addresses */
    CLEAN_ASID = 1u << 2,
    CLEAN_TPR = 1u << 3,        /* V_TPR, V_IRQ and their kin */
    CLEAN_NP = 1u << 4,         /* nested CR3, guest PAT */
    CLEAN_CR = 1u << 5,         /* CR0, CR3, CR4, EFER */
    CLEAN_DR = 1u << 6,
    CLEAN_DT = 1u << 7,         /* GDTR, IDTR */
    CLEAN_SEG = 1u << 8,        /* ES to DS, CPL */
    CLEAN_CR2 = 1u << 9,
    CLEAN_LBR = 1u << 10,
    CLEAN_AVIC = 1u << 11,
};

/* Intercepts of the first word. */
enum {
    INT1_INTR = 1u << 0, INT1_NMI = 1u << 1, INT1_SMI = 1u << 2, INT1_INIT = 1u << 3,
    INT1_VINTR = 1u << 4, INT1_CR0_SEL = 1u << 5, INT1_RDPMC = 1u << 15, INT1_CPUID = 1u << 18,
    INT1_IRET = 1u << 20, INT1_INVD = 1u << 22, INT1_PAUSE = 1u << 23, INT1_HLT = 1u << 24,
    INT1_INVLPG = 1u << 25, INT1_INVLPGA = 1u << 26, INT1_IOIO = 1u << 27, INT1_MSR = 1u << 28,
    INT1_TASK_SWITCH = 1u << 29, INT1_FERR = 1u << 30, INT1_SHUTDOWN = 1u << 31,
    INT1_RDTSC = 1u << 14,
};
/* Of the second. */
enum {
    INT2_VMRUN = 1u << 0, INT2_VMMCALL = 1u << 1, INT2_VMLOAD = 1u << 2, INT2_VMSAVE = 1u << 3,
    INT2_STGI = 1u << 4, INT2_CLGI = 1u << 5, INT2_SKINIT = 1u << 6, INT2_RDTSCP = 1u << 7,
    INT2_ICEBP = 1u << 8, INT2_WBINVD = 1u << 9, INT2_MONITOR = 1u << 10, INT2_MWAIT = 1u << 11,
    INT2_XSETBV = 1u << 13, INT2_RDPRU = 1u << 14,
};

/* V_IRQ and its kin. */
enum {
    VINTR_TPR = 0xfu,
    VINTR_IRQ = 1u << 8,
    VINTR_PRIO_SHIFT = 16,
    VINTR_IGN_TPR = 1u << 20,
    VINTR_MASKING = 1u << 24,
};

enum { TLB_CONTROL_NONE = 0, TLB_CONTROL_FLUSH_ALL = 1, TLB_CONTROL_FLUSH_ASID = 3 };

/* EVENTINJ and EXITINTINFO. */
#define EVENT_VECTOR 0xffull
#define EVENT_TYPE_SHIFT 8
#define EVENT_TYPE_MASK 7u
#define EVENT_TYPE_SOFT 4u
#define EVENT_EV (1ull << 11)    /* has an error code, in the upper half */
#define EVENT_VALID (1ull << 31)
#define EVENT_ERROR_SHIFT 32

struct vmcb_segment {
    uint16_t sel, attr;
    uint32_t limit;
    uint64_t base;
};

struct vmcb {
    uint16_t _cr_reads, _cr_writes;         /* 0x000 */
    uint16_t _dr_reads, _dr_writes;
    uint32_t _exceptions;                   /* 0x008 */
    uint32_t _intercepts1, _intercepts2, _intercepts3;
    uint8_t rsvd018[0x3c - 0x18];
    uint16_t _pause_threshold, _pause_count;
    uint64_t _iopm_pa;                      /* 0x040 */
    uint64_t _msrpm_pa;
    uint64_t _tsc_offset;                   /* 0x050 */
    uint32_t _asid;                         /* 0x058 */
    uint8_t tlb_control, rsvd05d[3];
    uint64_t _vintr;                        /* 0x060 */
    uint64_t shadow;                        /* 0x068: bit 0, interrupt shadow */
    uint64_t exitcode, exitinfo1, exitinfo2, exitintinfo; /* 0x070 */
    uint64_t _np;                           /* 0x090: bit 0, nested paging */
    uint64_t rsvd098[2];
    uint64_t eventinj;                      /* 0x0a8 */
    uint64_t _ncr3;                         /* 0x0b0 */
    uint64_t _lbr;                          /* 0x0b8 */
    uint32_t clean, rsvd0c4;                /* 0x0c0 */
    uint64_t nrip;                          /* 0x0c8 */
    uint8_t nr_insn, insn[15];              /* 0x0d0 */
    uint8_t rsvd0e0[0x400 - 0xe0];

    struct vmcb_segment _es, _cs, _ss, _ds, fs, gs; /* 0x400 */
    struct vmcb_segment _gdtr, ldtr, _idtr, tr;     /* 0x460 */
    uint8_t rsvd4a0[0x4cb - 0x4a0];
    uint8_t _cpl;                           /* 0x4cb */
    uint32_t rsvd4cc;
    uint64_t _efer;                         /* 0x4d0 */
    uint8_t rsvd4d8[0x548 - 0x4d8];
    uint64_t _cr4, _cr3, _cr0;              /* 0x548 */
    uint64_t _dr7, _dr6;                    /* 0x560 */
    uint64_t rflags, rip;                   /* 0x570 */
    uint8_t rsvd580[0x5d8 - 0x580];
    uint64_t rsp;                           /* 0x5d8 */
    uint8_t rsvd5e0[0x5f8 - 0x5e0];
    uint64_t rax;                           /* 0x5f8 */
    uint64_t star, lstar, cstar, sfmask, kernel_gs_base;    /* 0x600 */
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;       /* 0x628 */
    uint64_t _cr2;                          /* 0x640 */
    uint8_t rsvd648[0x668 - 0x648];
    uint64_t _g_pat;                        /* 0x668 */
    uint64_t _debugctl;                     /* 0x670 */
    uint8_t rsvd678[0x1000 - 0x678];
};
_Static_assert(sizeof(struct vmcb) == 0x1000, "VMCB size");
#define VMCB_AT(field, offset) _Static_assert(offsetof(struct vmcb, field) == offset, #field)
VMCB_AT(_exceptions, 0x8);
VMCB_AT(_pause_threshold, 0x3c);
VMCB_AT(_iopm_pa, 0x40);
VMCB_AT(_tsc_offset, 0x50);
VMCB_AT(_asid, 0x58);
VMCB_AT(_vintr, 0x60);
VMCB_AT(exitcode, 0x70);
VMCB_AT(exitintinfo, 0x88);
VMCB_AT(_np, 0x90);
VMCB_AT(eventinj, 0xa8);
VMCB_AT(_ncr3, 0xb0);
VMCB_AT(clean, 0xc0);
VMCB_AT(nrip, 0xc8);
VMCB_AT(nr_insn, 0xd0);
VMCB_AT(_es, 0x400);
VMCB_AT(_gdtr, 0x460);
VMCB_AT(tr, 0x490);
VMCB_AT(_cpl, 0x4cb);
VMCB_AT(_efer, 0x4d0);
VMCB_AT(_cr4, 0x548);
VMCB_AT(_dr6, 0x568);
VMCB_AT(rip, 0x578);
VMCB_AT(rsp, 0x5d8);
VMCB_AT(rax, 0x5f8);
VMCB_AT(kernel_gs_base, 0x620);
VMCB_AT(_cr2, 0x640);
VMCB_AT(_g_pat, 0x668);
VMCB_AT(_debugctl, 0x670);

#define VMCB_FIELD(type, field, clean_bit)                                                         \
    static inline type vmcb_##field(const struct vmcb *b) { return b->_##field; }                  \
    static inline void vmcb_set_##field(struct vmcb *b, type val)                                  \
    {                                                                                              \
        if (b->_##field == val)                                                                    \
            return;                                                                                \
        b->_##field = val;                                                                         \
        b->clean &= ~(uint32_t)(clean_bit);                                                        \
    }
VMCB_FIELD(uint16_t, cr_reads, CLEAN_INTERCEPTS)
VMCB_FIELD(uint16_t, cr_writes, CLEAN_INTERCEPTS)
VMCB_FIELD(uint16_t, dr_reads, CLEAN_INTERCEPTS)
VMCB_FIELD(uint16_t, dr_writes, CLEAN_INTERCEPTS)
VMCB_FIELD(uint32_t, exceptions, CLEAN_INTERCEPTS)
VMCB_FIELD(uint32_t, intercepts1, CLEAN_INTERCEPTS)
VMCB_FIELD(uint32_t, intercepts2, CLEAN_INTERCEPTS)
VMCB_FIELD(uint16_t, pause_threshold, CLEAN_INTERCEPTS)
VMCB_FIELD(uint16_t, pause_count, CLEAN_INTERCEPTS)
VMCB_FIELD(uint64_t, iopm_pa, CLEAN_IOPM)
VMCB_FIELD(uint64_t, msrpm_pa, CLEAN_IOPM)
VMCB_FIELD(uint64_t, tsc_offset, CLEAN_INTERCEPTS)
VMCB_FIELD(uint32_t, asid, CLEAN_ASID)
VMCB_FIELD(uint64_t, vintr, CLEAN_TPR)
VMCB_FIELD(uint64_t, np, CLEAN_NP)
VMCB_FIELD(uint64_t, ncr3, CLEAN_NP)
VMCB_FIELD(uint64_t, g_pat, CLEAN_NP)
VMCB_FIELD(uint8_t, cpl, CLEAN_SEG)
VMCB_FIELD(uint64_t, efer, CLEAN_CR)
VMCB_FIELD(uint64_t, cr0, CLEAN_CR)
VMCB_FIELD(uint64_t, cr3, CLEAN_CR)
VMCB_FIELD(uint64_t, cr4, CLEAN_CR)
VMCB_FIELD(uint64_t, dr6, CLEAN_DR)
VMCB_FIELD(uint64_t, dr7, CLEAN_DR)
VMCB_FIELD(uint64_t, cr2, CLEAN_CR2)
VMCB_FIELD(uint64_t, debugctl, CLEAN_LBR)
#undef VMCB_FIELD

/* EXITCODE. */
enum svm_exitcode {
    SVM_EXIT_CR0_READ = 0x000,      /* + n: read of CRn */
    SVM_EXIT_CR0_WRITE = 0x010,
    SVM_EXIT_DR0_READ = 0x020,
    SVM_EXIT_DR0_WRITE = 0x030,
    SVM_EXIT_EXCEPTION0 = 0x040,    /* + vector */
    SVM_EXIT_INTR = 0x060, SVM_EXIT_NMI = 0x061, SVM_EXIT_SMI = 0x062, SVM_EXIT_INIT = 0x063,
    SVM_EXIT_VINTR = 0x064, SVM_EXIT_CR0_SEL_WRITE = 0x065, SVM_EXIT_RDTSC = 0x06e,
    SVM_EXIT_RDPMC = 0x06f, SVM_EXIT_CPUID = 0x072, SVM_EXIT_IRET = 0x074, SVM_EXIT_INVD = 0x076,
    SVM_EXIT_PAUSE = 0x077, SVM_EXIT_HLT = 0x078, SVM_EXIT_INVLPG = 0x079,
    SVM_EXIT_INVLPGA = 0x07a, SVM_EXIT_IOIO = 0x07b, SVM_EXIT_MSR = 0x07c,
    SVM_EXIT_TASK_SWITCH = 0x07d, SVM_EXIT_FERR = 0x07e, SVM_EXIT_SHUTDOWN = 0x07f,
    SVM_EXIT_VMRUN = 0x080, SVM_EXIT_VMMCALL = 0x081, SVM_EXIT_VMLOAD = 0x082,
    SVM_EXIT_VMSAVE = 0x083, SVM_EXIT_STGI = 0x084, SVM_EXIT_CLGI = 0x085, SVM_EXIT_SKINIT = 0x086,
    SVM_EXIT_RDTSCP = 0x087, SVM_EXIT_ICEBP = 0x088, SVM_EXIT_WBINVD = 0x089,
    SVM_EXIT_MONITOR = 0x08a, SVM_EXIT_MWAIT = 0x08b, SVM_EXIT_MWAIT_CONDITIONAL = 0x08c,
    SVM_EXIT_XSETBV = 0x08d, SVM_EXIT_RDPRU = 0x08e, SVM_EXIT_NPF = 0x400,
    SVM_EXIT_COUNT = 0x401,
};

/* EXITINFO1 of IOIO; EXITINFO2 is the address behind the instruction. */
enum {
    IOIO_IN = 1u << 0, IOIO_STRING = 1u << 2, IOIO_REP = 1u << 3, IOIO_SIZE_SHIFT = 4,
    IOIO_SIZE_MASK = 7u, IOIO_PORT_SHIFT = 16,
};
/* EXITINFO1 of NPF: a page-fault error code, and what was being translated. */
#define NPF_IN_WALK (1ull << 33)
/* EXITINFO2 of TASK_SWITCH. */
#define TASK_IRET (1ull << 36)
#define TASK_JMP (1ull << 38)
#define TASK_HAS_ERROR (1ull << 44)
/* EXITINFO1 of CR accesses, where there are decode assists. */
#define CR_IS_MOV (1ull << 63)
#define CR_GPR 0xfull

#endif
