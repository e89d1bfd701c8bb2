/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What leads from guests into the hypervisor, always on (hv/lib/exits.c): how often, per vCPU and
 * reason, and for each CPU what came last. A count is one increment by the entry code, a record two
 * words: neither has a lock or a time. What interrupts the making of a record may replace it.
 *
 * Records are made of hypercalls, exceptions, interrupts, NMIs and switches between vCPUs. A PV
 * guest's system calls, its way back from them and its user mode's page faults are only counted.
 */
#ifndef HV_EXITS_H
#define HV_EXITS_H

/* exit_record.what:
     hypercall                 its number, NR_HYPERCALLS if larger; where = its first argument
     exception, interrupt      vector in the upper half, error code in the lower; where = RIP
     exit of an HVM guest      EXIT_HVM in the upper half, the hardware's code in the lower;
                               where = RIP
     switch                    EXIT_SWITCH in the upper half, EXIT_VCPU() in the lower; where = the
                               same of the vCPU before
   #DE is vector 0 without an error code: EXIT_DE tells it from hypercall 0. */
#define EXIT_DE 0x10000
#define EXIT_SWITCH 0x200
#define EXIT_HVM 0x201     /* of an HVM guest; lower half: the hardware's code */

#define NR_HYPERCALLS 64

#ifndef __ASSEMBLY__

#include <hv/current.h>

#define EXIT_VCPU(domid, vcpu) ((uint64_t)(domid) << 16 | (vcpu))
#define EVENT_KINDS 6   /* EVTCHNSTAT_* */
#define EXCEPTIONS 32
#define HVM_EXIT_KINDS 40

/* Written by the vCPU's CPU only; (a): by any, atomically. */
struct vcpu_counts {
    uint64_t hypercalls[NR_HYPERCALLS + 1];    /* the last: numbers that no call can have */
    uint64_t exceptions[EXCEPTIONS];           /* by vector */
    uint64_t software_interrupts;              /* INT 0x80, INT 0x82 */
    uint64_t system_calls;                     /* of its user mode to its kernel */
    uint64_t emulated;                         /* exceptions answered by doing what was asked for */
    uint64_t upcalls;                          /* into its event handler */
    uint64_t interrupts;                       /* that arrived while it ran */
    uint64_t switches;                         /* how often it was put on a CPU */
    uint64_t hvm_exits[HVM_EXIT_KINDS];        /* by enum vm_exit_reason */
    uint64_t events[EVENT_KINDS];              /* (a) raised for it, by kind of port */
};

#ifdef HV_UNIT_TEST
void exit_record(uint64_t where, uint64_t what);
#else
static inline void exit_record(uint64_t where, uint64_t what)
{
    struct cpu_info *info = get_cpu_info();

    info->exits[info->exit_next / EXIT_STEP] = (struct exit_record){ where, what };
    info->exit_next += EXIT_STEP;
}
#endif

/* The last records of a CPU, newest last. */
void exits_dump(unsigned int cpu, unsigned int last);

/* The counts in rows, in the order of vcpu_counts. */
struct count_row { const char *name; unsigned int first, nr; };
extern const struct count_row count_rows[];
extern const unsigned int nr_count_rows;
#define NR_COUNTS (sizeof(struct vcpu_counts) / sizeof(uint64_t))

/* perfc_op.cmd for the counts of one domain: Hospes's own, beside the ABI's commands. */
#define PERFCOP_OF_DOMAIN(domid) (0x80000000u | (domid))

struct domain;
/* Sums since the last counts_reset(): over d's vCPUs, or over all domains, those that are gone
   included. counts_of_all() and counts_reset() take the domlist_lock. */
void counts_of_domain(const struct domain *d, uint64_t *sum);
void counts_of_all(uint64_t *sum);
void counts_reset(void);
/* d leaves the domain list: its counts go to those of domains that are gone. domlist_lock. */
void counts_end(const struct domain *d);
/* Prints those of d that are not 0; level as in printk.h. */
void counts_dump_domain(const char *level, const struct domain *d);

#endif /* __ASSEMBLY__ */
#endif
