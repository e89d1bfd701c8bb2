/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Speculative execution: what the CPU leaks (hv/cpu/spec_bugs.c), what the command line asks
 * (spec_options.c), what is done about it (spec_policy.c) and the doing (spec.c, spec_entry.S).
 * Everything is decided once, before the boot CPU is set up, and constant from then on.
 *
 * Sources: Intel, "Software Security Guidance" (a page for each name); AMD, "Software Techniques
 * for Managing Speculation" and the product security bulletins; the Xen Security Advisories named
 * in spec_policy.c; option names of the xen-command-line page of Xen 4.17.
 */
#ifndef HV_SPEC_H
#define HV_SPEC_H

/* Bits of cpu_info.spec_flags: what entry and exit do for the vCPU that the CPU runs. */
#define SPECF_MSR_BIT 0x01     /* SPEC_CTRL is the guest's own while it runs */
#define SPECF_IBPB_BIT 0x02    /* entry: IBPB */
#define SPECF_RSB_BIT 0x04     /* entry: the return stack is overwritten */
#define SPECF_BHB_BIT 0x08     /* entry: the branch history is overwritten */
#define SPECF_VERW_BIT 0x10    /* exit: buffers are cleared */
#define SPECF_DIV_BIT 0x20     /* exit: the divider is cleared */
#define SPECF_IDLE_BIT 0x40    /* the CPU sleeps and SPEC_CTRL is 0: entry sets it */

#ifndef __ASSEMBLY__

#include <hv/alternative.h>
#include <hv/cpuid.h>

/* One row each in the log, in this order. */
enum spec_bug {
    BUG_BOUNDS, BUG_BRANCH, BUG_MELTDOWN, BUG_SSB, BUG_LAZY_FPU, BUG_L1TF, BUG_MDS, BUG_TAA,
    BUG_SRBDS, BUG_MMIO, BUG_RETBLEED, BUG_RSB_SMT, BUG_BHI, BUG_ZENBLEED, BUG_SRSO, BUG_GDS,
    BUG_DIV, BUG_RFDS, BUG_ITS, BUG_TSA, NR_SPEC_BUGS
};

/* What decisions rest on. cpu->features has been corrected by spec_bugs_find(). */
struct spec_host {
    struct cpu_data *cpu;
    uint32_t ucode;             /* revision of the microcode */
    bool smt;                   /* cores run more than one thread */
    bool sbpb;                  /* AMD: the CPU takes PRED_CMD.SBPB */
    bool spec_ctrl;             /* MSR_SPEC_CTRL and PRED_CMD can be written, whatever CPUID says */
    bool flush_cmd;             /* MSR_FLUSH_CMD too; these two are tried only if asked for */
    uint64_t max_ram;           /* end of RAM */
};

/* What the model alone says, where CPUID can't. */
struct spec_model {
    uint32_t bugs;              /* BIT(BUG_*) */
    bool retpoline_safe, rsb_full_width;
    unsigned int l1d_bits;      /* address bits that the L1 data cache looks at */
};

/* Finds what the CPU leaks, and completes cpu->features with what microcode or a hypervisor would
   say on a newer machine (ITS_NO, GDS_NO, RSBA, ...). */
void spec_bugs_find(struct spec_host *h, struct spec_model *m);

enum spec_kind { SPEC_PV, SPEC_HVM, NR_SPEC_KINDS };
enum spec_domain { SPEC_DOM0, SPEC_DOMU, NR_SPEC_DOMAINS };
enum { PCID_OFF, PCID_ALL, PCID_XPTI, PCID_NO_XPTI };
enum { BHB_DEFAULT = -1, BHB_NONE, BHB_SHORT, BHB_LONG };
#define OPT_DEFAULT (-1)

/* The command line's word on each; OPT_DEFAULT where it has none. */
struct spec_options {
    int8_t thunk, bhb_seq, ibrs, stibp, ibpb, ssbd, psfd, l1d_flush, branch_harden, srb_lock,
        unpriv_mmio, gds_mit, div_scrub, bhi_dis_s, tsx, pcid;
    int8_t msr_sc[NR_SPEC_KINDS], rsb[NR_SPEC_KINDS], verw[NR_SPEC_KINDS],
        ibpb_entry[NR_SPEC_KINDS], bhb_entry[NR_SPEC_KINDS];
    bool ibpb_entry_dom0, bhb_entry_dom0;
    int8_t xpti[NR_SPEC_DOMAINS], pv_l1tf[NR_SPEC_DOMAINS];
};
extern struct spec_options spec_options;

/* The decisions. */
struct spec {
    uint32_t bugs;              /* BIT(BUG_*): the CPU has it */
    uint32_t open;              /* nothing helps, and nobody asked for that */
    uint32_t declined;          /* off by the command line */
    uint32_t ctrl;              /* the hypervisor's own MSR_SPEC_CTRL */
    bool has_ctrl;              /* the CPU has MSR_SPEC_CTRL, for the hypervisor's use */
    enum branch_thunk thunk;
    bool return_thunk;
    bool msr_sc[NR_SPEC_KINDS], rsb[NR_SPEC_KINDS], verw[NR_SPEC_KINDS],
        ibpb_entry[NR_SPEC_KINDS], bhb_entry[NR_SPEC_KINDS];
    bool ibpb_entry_dom0, bhb_entry_dom0;
    uint8_t bhb_seq;
    bool rsb_idle, verw_idle, ctrl_idle;
    bool unpriv_mmio;
    bool ibpb_switch, rsb_switch, l1d_flush, branch_harden, div_scrub;
    bool tsx_off, srb_lock, gds_lock, avx_off, fp_backup_fix;
    bool xpti[NR_SPEC_DOMAINS], pv_l1tf[NR_SPEC_DOMAINS];
    bool pcid[2];               /* for domains without and with XPTI */
    uint64_t l1tf_mask, l1tf_safe; /* an address & mask from safe on can't hit the L1 data cache */
};
extern struct spec spec;

/* Pure: fills *s. h->cpu->features loses what the decisions take away (TSX, AVX). */
void spec_decide(struct spec *s, const struct spec_host *h, const struct spec_model *m,
                 const struct spec_options *o);
/* What is done about bug, in words, as in the log. */
void spec_describe(const struct spec *s, enum spec_bug bug, char *text, size_t size);
const char *spec_bug_name(enum spec_bug bug);
unsigned int spec_bug_xsa(enum spec_bug bug);    /* the security advisory */

/* Boot: decides, logs, patches. After paging_init(), before cpu_init(). */
void spec_init(void);
/* What the decisions set in each CPU's registers; in cpu_init(). */
void spec_init_cpu(void);
/* Why a PV domain other than domain 0 may not run here: the name of what nothing is done about;
   NULL: it may. */
const char *spec_refuses_pv(void);

struct vcpu;
/* The CPU goes over to next, which is about to run: what others must not have left for it, and what
   entry and exit do for it. Interrupts off. */
void spec_switch_to(struct vcpu *next);
/* Before the CPU halts, interrupts off, and after it did, interrupts on. */
void spec_enter_idle(void);
void spec_leave_idle(void);

#endif
#endif
