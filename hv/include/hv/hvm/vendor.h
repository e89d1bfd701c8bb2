/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The contract between the HVM core (hv/hvm/) and the two hardware back ends. Down goes opaque
 * state (hvm_domain.vendor, hvm_vcpu.vendor) through one const table; up comes a neutral struct
 * vm_exit. What both CPUs' extensions do in the same way is the core's: the guest-physical map,
 * address-space tags, what may be injected when, what an exit means.
 *
 * A back end announces its table with HVM_VENDOR(); hvm_init() asks each by probe() and takes the
 * first that answers 0. Sources: AMD64 APM volume 2, "Secure Virtual Machine"; Intel SDM volume 3,
 * "VMX Non-Root Operation", "VM Entries", "VM Exits".
 *
 * At most 25 entries. Unless stated, functions run with v == current or v not running.
 */
#ifndef HV_HVM_VENDOR_H
#define HV_HVM_VENDOR_H

#include <hv/domain.h>
#include <hv/segment.h>

/* --- events to be delivered, and those whose delivery an exit interrupted --- */

/* Numbered as in EVENTINJ of the one manual and VM-entry interruption information of the other. */
enum hvm_event_type {
    HVM_EVENT_INTR = 0,         /* external interrupt */
    HVM_EVENT_NMI = 2,
    HVM_EVENT_EXCEPTION = 3,    /* fault or trap of the hardware */
    HVM_EVENT_SOFT_INT = 4,     /* INT n */
    HVM_EVENT_ICEBP = 5,        /* INT1 */
    HVM_EVENT_SOFT_EXC = 6,     /* INT3, INTO */
};
struct hvm_event {
    bool valid;
    uint8_t type;               /* enum hvm_event_type */
    uint8_t vector;
    uint8_t insn_len;           /* of INT n, INT3, INTO, INT1; 0: the event returns to RIP itself */
    bool has_error;
    uint32_t error;
    uint64_t cr2;               /* of #PF */
};

/* --- what the CPU holds of a guest --- */

/* Segments: hv/segment.h. Registers that the core keeps in struct hvm_vcpu and the back end loads:
   what of them changed. */
#define HVM_LOAD_CR0 (1u << 0)
#define HVM_LOAD_CR2 (1u << 1)
#define HVM_LOAD_CR3 (1u << 2)
#define HVM_LOAD_CR4 (1u << 3)
#define HVM_LOAD_EFER (1u << 4)
#define HVM_LOAD_DR (1u << 5)         /* v->debugreg[6], [7] */
#define HVM_LOAD_PAT (1u << 6)
#define HVM_LOAD_TSC_OFFSET (1u << 7)
#define HVM_LOAD_INTERCEPTS (1u << 8) /* hvm_vcpu.intercept_* */
#define HVM_LOAD_ALL ((1u << 9) - 1)

/* Why nothing, or only some things, can be injected right now. */
#define HVM_SHADOW_STI (1u << 0)      /* the instruction after STI, or after a load of SS */
#define HVM_SHADOW_MOV_SS (1u << 1)
#define HVM_SHADOW_NMI (1u << 2)      /* NMIs masked until IRET */

/* An exit is wanted as soon as such an event could be delivered. */
enum hvm_window { HVM_WINDOW_NONE, HVM_WINDOW_INTR, HVM_WINDOW_NMI };

/* MSRs that are on the CPU while the guest runs, besides EFER and PAT: those of SYSCALL and
   SYSENTER, KERNEL_GS_BASE, DEBUGCTL. FS_BASE and GS_BASE are the segments'. */

/* --- exits --- */

enum vm_exit_reason {
    VMEXIT_NONE,                /* an interrupt, NMI or #MC of the host: it has been served */
    VMEXIT_EXCEPTION,           /* .exception */
    VMEXIT_WINDOW,              /* the window that was asked for has opened */
    VMEXIT_IRET,                /* NMIs are about to be unmasked (CPU can't tell better) */
    VMEXIT_CPUID, VMEXIT_HLT, VMEXIT_PAUSE, VMEXIT_RDTSC, VMEXIT_RDTSCP, VMEXIT_RDPMC,
    VMEXIT_INVD, VMEXIT_WBINVD, VMEXIT_XSETBV, VMEXIT_MONITOR, VMEXIT_MWAIT, VMEXIT_INVLPG,
    VMEXIT_HYPERCALL,
    VMEXIT_MSR_READ, VMEXIT_MSR_WRITE,
    VMEXIT_CR,                  /* .cr */
    VMEXIT_DR,                  /* access to a debug register */
    VMEXIT_IO,                  /* .io */
    VMEXIT_MEMORY,              /* guest-physical address not mapped so; .mem */
    VMEXIT_TASK_SWITCH,         /* .task */
    VMEXIT_UNDEFINED,           /* an instruction that guests do not have: #UD */
    VMEXIT_EMULATE,             /* to be done by the instruction emulator, nothing else is known */
    VMEXIT_TRIPLE_FAULT,
    VMEXIT_INIT, VMEXIT_SMI,
    VMEXIT_BAD_STATE,           /* the CPU refuses the guest's state; dumped by the back end */
    VMEXIT_UNKNOWN,             /* none of these: .raw says which */
    NR_VMEXIT
};

#define VM_ACCESS_R (1u << 0)
#define VM_ACCESS_W (1u << 1)
#define VM_ACCESS_X (1u << 2)

enum vm_task_source { VM_TASK_CALL, VM_TASK_IRET, VM_TASK_JMP, VM_TASK_GATE };

struct vm_exit {
    enum vm_exit_reason reason;
    uint64_t raw;               /* the hardware's own code, for messages only */
    uint8_t insn_len;           /* of the instruction that made the exit; 0: not known */
    uint8_t nr_insn;            /* bytes in insn[]; 0: not known */
    uint8_t insn[15];
    struct hvm_event vectoring; /* its delivery was interrupted by this exit */
    union {
        struct { uint8_t vector; bool has_error; uint32_t error; uint64_t cr2, dr6; } exception;
        /* write: MOV to CR; else CLTS, LMSW, SMSW, MOV from CR. known: gpr and cr are right. */
        struct { bool known, write; uint8_t cr, gpr; } cr;
        struct { uint16_t port; uint8_t size; bool in, string, rep; } io;
        struct {
            uint64_t gpa, gla;
            bool gla_valid, in_walk; /* in_walk: of the guest's own page tables */
            uint8_t access;     /* VM_ACCESS_* asked for */
        } mem;
        struct { uint16_t sel; uint8_t source; bool has_error; uint32_t error; } task;
    };
};

/* --- nested page-table entries --- */

/* Both formats are trees of 512 entries, address in bits 12-51, bit 7 a superpage, bits 52-55
   software's; a present entry has one of `present`. */
#define P2M_RIGHTS_R 1u
#define P2M_RIGHTS_W 2u
#define P2M_RIGHTS_X 4u
struct p2m_format {
    uint64_t present;
    uint64_t table;             /* flags of an entry that points to a table */
    uint64_t rights[8];         /* of a leaf, by P2M_RIGHTS_* */
    uint64_t memtype[8];        /* by the MTRR's encoding (0 UC, 1 WC, 4 WT, 5 WP, 6 WB) */
    bool has_1g;
};

/* --- the table --- */

struct hvm_vendor {
    const char *name;
    const struct p2m_format *p2m;               /* valid once probe() has answered 0 */
    const uint8_t *hypercall_insn;              /* three bytes */

    /* 0: this CPU has the extension and all that is needed. -ENODEV: another vendor's. Else *why
       says what is missing. Boot CPU, before other CPUs start. */
    int (*probe)(const char **why);
    /* Turns it on or off on this CPU. False with a message: it cannot be turned on. Off before
       a reset or a kexec; guests must not run any more. */
    bool (*cpu_enable)(bool on);

    int (*domain_init)(struct domain *d);
    void (*domain_free)(struct domain *d);
    int (*vcpu_init)(struct vcpu *v);           /* registers as after a reset */
    void (*vcpu_free)(struct vcpu *v);

    /* Interrupts off; as in struct vcpu_backend. General registers, FPU are the core's. */
    void (*switch_from)(struct vcpu *v);
    void (*switch_to)(struct vcpu *v);
    /* Enters current with guest_regs() and returns at its next exit, described in
       hvm_vcpu(v)->exit, with interrupts still off but after what was pending has been served. */
    void (*run)(struct vcpu *v);

    /* From or to the CPU's form of the guest's state. */
    void (*get_segment)(struct vcpu *v, enum x86_seg_index which, struct x86_segment *s);
    void (*set_segment)(struct vcpu *v, enum x86_seg_index which,
                        const struct x86_segment *s);
    void (*load)(struct vcpu *v, unsigned int what);    /* HVM_LOAD_* */
    /* False: there is no such among the MSRs on the CPU. */
    bool (*get_msr)(struct vcpu *v, uint32_t msr, uint64_t *val);
    bool (*set_msr)(struct vcpu *v, uint32_t msr, uint64_t val);

    unsigned int (*get_shadow)(struct vcpu *v);         /* HVM_SHADOW_* */
    void (*set_shadow)(struct vcpu *v, unsigned int shadow);
    void (*inject)(struct vcpu *v, const struct hvm_event *e);  /* with the next run() */
    void (*set_window)(struct vcpu *v, enum hvm_window w);

    void (*show)(struct vcpu *v);               /* all of the CPU's form, for a crash report */
};

/* Chosen at boot, NULL: no HVM guests; hvm_why_not says why. */
extern const struct hvm_vendor *hvm_vendor;
extern const char *hvm_why_not;

#ifdef HV_UNIT_TEST
#define HVM_VENDOR_SECTION __attribute__((used, section("hvm_vendors")))
#else
#define HVM_VENDOR_SECTION __attribute__((used, section(".hvm_vendors")))
#endif
#define HVM_VENDOR(table)                                                                          \
    static const struct hvm_vendor *const vendor_##table HVM_VENDOR_SECTION = &(table)

#endif
