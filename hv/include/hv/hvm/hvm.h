/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hardware-assisted domains and vCPUs (hv/hvm/): what the core keeps of them, and what its files
 * offer each other and the devices of the virtual platform.
 *
 * Registers while a vCPU runs: general ones, RIP, RSP and RFLAGS are in guest_regs() after each
 * exit; control registers and EFER, as the guest believes them, in struct hvm_vcpu; segments and
 * the rest by hvm_vendor.
 */
#ifndef HV_HVM_HVM_H
#define HV_HVM_HVM_H

#include <hv/backend.h>
#include <hv/hvm/p2m.h>
#include <hv/hvm/vendor.h>
#include <xen/hvm/params.h>

struct vlapic;
struct vplatform;
struct ioreq_domain;

/* How the guest wants to be told of events (HVM_PARAM_CALLBACK_IRQ). */
enum hvm_callback { HVM_CALLBACK_NONE, HVM_CALLBACK_GSI, HVM_CALLBACK_PCI, HVM_CALLBACK_VECTOR };

struct hvm_domain {
    struct domain d;                     /* first: hvm_domain() is a cast */
    void *vendor;                        /* (c) the back end's own */
    struct p2m p2m;
    uint32_t emulation_flags;            /* (c) XEN_X86_EMU_* */
    uint64_t params[HVM_NR_PARAMS];      /* (x) param_lock for changes */
    spinlock_t param_lock;
    uint8_t callback_kind, callback_vector; /* (x) enum hvm_callback */
    int64_t tsc_offset;                  /* (c) guest's TSC - host's, when its vCPUs start */
    struct vplatform *platform;          /* (c) hv/hvm/v*.c */
    struct ioreq_domain *ioreq;
};

struct hvm_asid { uint64_t generation; uint32_t asid; };

#define HVM_MTRR_VARIABLE 8
struct hvm_mtrr {
    uint64_t def_type, fixed[11], var[2 * HVM_MTRR_VARIABLE];
};

struct hvm_vcpu {
    struct vcpu v;                       /* first: hvm_vcpu() is a cast */
    void *vendor;                        /* (c) the back end's own */
    uint64_t cr0, cr2, cr3, cr4, efer;   /* (v) as the guest believes */
    uint8_t cr8;                         /* (v) task priority: the CPU reads and writes it */
    uint64_t pat, xss;
    int64_t tsc_offset;                  /* (v) */
    uint64_t tsc_adjust;
    struct hvm_mtrr mtrr;
    uint32_t intercept_exceptions;       /* (v) by vector */
    bool intercept_rdtsc, intercept_dr;
    bool dr_loaded;                      /* DR0-3 are the guest's own right now */
    bool nested_flush;                   /* (v) forget all translations before the next entry */
    uint8_t upcall_vector;               /* HVMOP_set_evtchn_upcall_vector, 0 = none */
    struct hvm_asid asid;
    uint64_t p2m_seen;                   /* p2m.generation at the last entry */
    uint8_t window;                      /* (v) enum hvm_window asked for */
    struct hvm_event pending;            /* (v) to be injected at the next entry */
    struct vm_exit exit;                 /* the last one */
    struct vlapic *vlapic;               /* (c) hv/hvm/vlapic.c */
    void *ioreq_wait;
};

static inline struct hvm_vcpu *hvm_vcpu(struct vcpu *v) { return (struct hvm_vcpu *)v; }
static inline const struct hvm_vcpu *const_hvm_vcpu(const struct vcpu *v)
{
    return (const struct hvm_vcpu *)v;
}
static inline struct hvm_domain *hvm_domain(struct domain *d) { return (struct hvm_domain *)d; }
static inline const struct hvm_domain *const_hvm_domain(const struct domain *d)
{
    return (const struct hvm_domain *)d;
}

extern const struct vcpu_backend hvm_backend;

/* --- start (hv/hvm/init.c) --- */
void hvm_init(void);                     /* boot CPU: chooses the back end */
/* The other CPUs, once their descriptor tables are loaded. False: guests can't run on this one. */
bool hvm_init_cpu(void);

/* --- state of the guest's CPU (hv/hvm/cpu_state.c); v is current or does not run --- */
/* guest_regs() or, of a vCPU that does not run, its saved registers. */
struct cpu_user_regs *hvm_regs(struct vcpu *v);
/* Checked writes, as by MOV to the register. 0, or -EPERM: the guest gets #GP(0). */
int hvm_set_cr0(struct vcpu *v, uint64_t val);
int hvm_set_cr3(struct vcpu *v, uint64_t val);
int hvm_set_cr4(struct vcpu *v, uint64_t val);
int hvm_set_efer(struct vcpu *v, uint64_t val);
uint64_t hvm_cr4_valid(const struct vcpu *v);
/* Bytes per address of the code that runs: 8, 4, 2 (0: real mode or virtual-8086 counts as 2). */
unsigned int hvm_code_size(struct vcpu *v);
bool hvm_long_mode(const struct vcpu *v);        /* EFER.LMA */
static inline bool hvm_paging(const struct vcpu *v) { return const_hvm_vcpu(v)->cr0 >> 31 & 1; }
unsigned int hvm_cpl(struct vcpu *v);
/* As after a power-on reset (INIT keeps nothing here either; the vCPU waits for a start). */
void hvm_reset_state(struct vcpu *v);
/* A start-up IPI: real mode at vector << 12. v was reset and is down. */
void hvm_start_ap(struct vcpu *v, uint8_t vector);
/* Past the instruction that made the exit; ends its interrupt shadow. */
void hvm_skip_instruction(struct vcpu *v);

/* --- events (hv/hvm/inject.c) --- */
/* An exception of the instruction at RIP, merged with what is under way (double and triple fault).
   v is current. */
void hvm_inject_exception(struct vcpu *v, unsigned int vector, int error); /* error < 0: none */
void hvm_inject_page_fault(struct vcpu *v, uint32_t error, uint64_t cr2);
void hvm_inject_event(struct vcpu *v, const struct hvm_event *e);
void hvm_triple_fault(struct vcpu *v);
/* An interrupt or NMI that v could take waits: it must not sleep. */
bool hvm_event_waits(struct vcpu *v);
void hvm_post_nmi(struct vcpu *v);               /* any context */

/* --- guest memory (hv/hvm/guest_memory.c, guest_walk.c) --- */
#define HVM_WALK_W PFEC_WRITE
#define HVM_WALK_USER PFEC_USER
#define HVM_WALK_X PFEC_INSN
/* Guest virtual to guest physical by the guest's page tables as they are now; access: HVM_WALK_*.
   0, or the error code of #PF | 1 << 31. */
uint32_t hvm_walk(struct vcpu *v, uint64_t gva, uint32_t access, uint64_t *gpa);
/* Guest-physical memory of d, RAM only; 0 or -EFAULT. Any vCPU's context. */
int hvm_copy_from_gpa(struct domain *d, void *dst, uint64_t gpa, size_t len);
int hvm_copy_to_gpa(struct domain *d, uint64_t gpa, const void *src, size_t len);
/* By linear address, as the guest's kernel; 0 or -EFAULT. */
int hvm_copy_from_linear(struct vcpu *v, void *dst, uint64_t gva, size_t len);
/* Instruction bytes at RIP, up to len; returns how many could be read. */
unsigned int hvm_fetch(struct vcpu *v, uint8_t *dst, unsigned int len);

/* --- exits (hv/hvm/exit.c) --- */
void hvm_handle_exit(struct vcpu *v);

/* --- state as a stream (hv/hvm/save.c); d is paused --- */
size_t hvm_context_max_size(const struct domain *d);
/* Returns the size written. */
size_t hvm_context_save(struct domain *d, void *buffer);
/* A record's contents, at most a page. -EINVAL: no such kind, -ENOENT: no such instance, -ENODATA:
   a vCPU that is down. */
int hvm_context_save_one(struct domain *d, uint16_t code, uint16_t instance, void *buffer,
                         uint32_t *size);
/* All or nothing. 0 or -EINVAL. */
int hvm_context_load(struct domain *d, const void *buffer, size_t size);

/* --- Xen's interface (hv/hvm/hypercall.c, hvm_op.c, params.c) --- */
void hvm_hypercall(struct vcpu *v);
void hvm_fill_hypercall_page(void *page);
void hvm_continue_hypercall(unsigned int op, unsigned int nargs, const unsigned long *args);

#endif
