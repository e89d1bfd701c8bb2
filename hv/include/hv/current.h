/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a CPU finds through its stack pointer. Both GS bases belong to the guest, so the
 * hypervisor uses no segment: each CPU's stack block is STACK_SIZE bytes, aligned to its
 * size, and ends in struct cpu_info.
 *
 * The block, from its start (one page each; the pages marked - are not mapped
 * and guard the stack above them):
 *   0 -   1 #DF   2 -   3 NMI   4 -   5 #MC   6 -   7 #DB   8 -   9..15 primary stack, whose end
 *   is struct cpu_info
 */
#ifndef HV_CURRENT_H
#define HV_CURRENT_H

#define STACK_ORDER 4
#define STACK_SIZE (4096 << STACK_ORDER)
#define STACK_PAGE_DF 1
#define STACK_PAGE_NMI 3
#define STACK_PAGE_MC 5
#define STACK_PAGE_DB 7
#define STACK_PAGE_PRIMARY 9

/* Numbers of the interrupt stack table; 0 means the current or primary stack. */
#define IST_NONE 0
#define IST_DF 1
#define IST_NMI 2
#define IST_MC 3
#define IST_DB 4

/* The records of cpu_info.exits, and by how much exit_next grows for each: a byte that wraps by
   itself. */
#define EXIT_RECORDS 64
#define EXIT_STEP (256 / EXIT_RECORDS)
#define EXIT_RECORD_SIZE 16

#ifndef __ASSEMBLY__

#include <hv/layout.h>
#include <hv/types.h>
#include <xen/xen.h>

struct vcpu;

struct exit_record { uint64_t where, what; };       /* hv/exits.h */
_Static_assert(sizeof(struct exit_record) == EXIT_RECORD_SIZE, "entry code scales by it");

struct cpu_info {
    struct cpu_user_regs guest_regs;   /* of the guest interrupted; TSS.rsp0 points behind its ss */
    uint32_t cpu_id;
    uint8_t exit_next;                 /* place of the next of exits, in steps of EXIT_STEP */
    uint8_t spec_flags;                /* SPECF_* (hv/spec.h) for the running vCPU */
    struct vcpu *current_vcpu;
    unsigned long per_cpu_offset;
    uint64_t hv_cr3;                   /* while a guest runs on a copy of its root table: CR3 to
                                          load on entry; else 0 (hv/cpu/spec_entry.S) */
    uint64_t xpti_cr3_user, xpti_cr3_kernel; /* the copies for guest_mode; 0: none */
    uint64_t cr3_noflush;              /* CR3_NOFLUSH, if PCIDs are in use */
    uint32_t host_spec_ctrl, guest_spec_ctrl; /* MSR_SPEC_CTRL in the hypervisor, in the guest */
    unsigned long cr4;                 /* value in CR4 */
    unsigned long softirq_pending;     /* hv/softirq.h */
    unsigned long pv_scratch[4];       /* pv/entry.S: registers of the guest before there is a
                                          frame */
    struct exit_record exits[EXIT_RECORDS];
};
/* The CPU aligns RSP to 16 when it pushes a frame: the frame's end (es) must be aligned. */
_Static_assert((sizeof(struct cpu_info) - offsetof(struct cpu_user_regs, es)) % 16 == 0,
               "interrupt frame must end 16-byte aligned");

static inline struct cpu_info *get_cpu_info(void)
{
    unsigned long sp;
    __asm__("movq %%rsp, %0" : "=r"(sp));
    return (struct cpu_info *)((sp | (STACK_SIZE - 1)) + 1) - 1;
}

#ifdef HV_UNIT_TEST
struct cpu_info *cpu_info_at(unsigned int cpu);
extern struct vcpu *unit_current;
#define current unit_current
unsigned int unit_cpu(void);
#define smp_processor_id() unit_cpu()
extern struct cpu_user_regs unit_guest_regs;
#define guest_regs() (&unit_guest_regs)
#else
/* That of a CPU for which cpu_prepare() was successful (and of CPU 0). */
static inline struct cpu_info *cpu_info_at(unsigned int cpu)
{
    return (struct cpu_info *)(STACKS_VIRT_START + (cpu + 1UL) * STACK_SIZE) - 1;
}
#define current (get_cpu_info()->current_vcpu)
#define smp_processor_id() (get_cpu_info()->cpu_id)
#define guest_regs() (&get_cpu_info()->guest_regs)
#endif

/* Leaves the present call chain for good and continues in fn on an empty primary stack. */
#define reset_stack_and_jump(fn) do {                                        \
    __asm__ volatile("movq %0, %%rsp; jmp __x86_indirect_thunk_rax"          \
                     : : "r"(get_cpu_info()), "a"((unsigned long)(fn)) : "memory"); \
    __builtin_unreachable();                                                 \
} while (0)

#endif /* __ASSEMBLY__ */
#endif
