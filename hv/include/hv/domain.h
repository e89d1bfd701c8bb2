/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Domains and vCPUs: the structures that all of the core shares, and their life (hv/domain/).
 *
 * Life of a domain: created (paused) -> runs -> shutting down (all vCPUs stopped, reason kept) ->
 * dying (resources are given back, step by step) -> dead (last reference gone: freed). A domain is
 * found by domid until it is dead.
 *
 * Legend of the letters at the fields: (c) constant after creation, (e) event_lock, (p)
 * page_alloc_lock, (s) the scheduler's lock of the vCPU's CPU, (v) written only by the vCPU itself
 * or while it is paused, (a) atomic, (d) domctl_lock, (x) its own lock.
 */
#ifndef HV_DOMAIN_H
#define HV_DOMAIN_H

#include <hv/exits.h>
#include <hv/mm.h>
#include <hv/nospec.h>
#include <hv/percpu.h>
#include <hv/timer.h>
#include <hv/softirq.h>
#include <hv/cpuid.h>
#include <hv/iocap.h>
#include <xen/xen.h>
#include <xen/vcpu.h>
#include <xen/domctl.h>
#include <xen/event_channel.h>

typedef long (*hypercall_fn_t)(unsigned long a1, unsigned long a2, unsigned long a3,
                               unsigned long a4, unsigned long a5, unsigned long a6);

struct vcpu_backend;
struct evtchn;
struct evtchn_fifo_domain;
struct evtchn_fifo_vcpu;
struct evtchn_port_ops;
struct grant_table;
struct pirq_table;
struct sched_vcpu;
struct sched_dom;

#define MAX_VIRT_CPUS 128
#define LEGACY_VCPUS XEN_LEGACY_MAX_VCPUS
#define DOMID_COUNT DOMID_FIRST_RESERVED

/* Why a vCPU may not run; it is runnable when the mask is 0 and its
   pause_count and its domain's are 0. */
#define VPF_blocked 0        /* SCHEDOP_block, until an event */
#define VPF_down 1           /* never started, or VCPUOP_down */
#define VPF_in_poll 2        /* SCHEDOP_poll (v->poll_evtchn) */
#define VPF_shutdown 3       /* its domain shuts down */
#define VPF_init 4           /* no context yet */
#define VPF_migrating 5

struct vcpu {
    /* Hot in the entry code and the event path. */
    struct vcpu_info *vcpu_info;         /* (v) mapped; never NULL */
    struct domain *domain;               /* (c) */
    const hypercall_fn_t *hypercalls;    /* (c) the table that entry code calls through */
    unsigned int vcpu_id;                /* (c) */
    uint32_t processor;                  /* (s) CPU it runs or last ran on */
    unsigned long pause_flags;           /* (a) VPF_* bits */
    atomic_t pause_count;                /* (a) */
    bool is_running;                     /* on a CPU right now (set before,
                                            cleared after its state is saved) */
    bool is_initialised;                 /* (v) has a context */
    bool is_idle;                        /* (c) */
    uint8_t nmi_state;                   /* bit 0: NMI pending, bit 1: NMI masked */
    bool fpu_initialised;                /* (v) guest used or set its FPU state */
    bool hcall_preempted;                /* (v) the running hypercall was continued */
    bool hcall_in_multicall;             /* (v) */

    struct cpu_user_regs regs;           /* (v) while not running; while running
                                            they are on the CPU's stack */
    void *xsave_area;                    /* (c) hv/cpu/xstate.c */
    uint64_t xcr0, xcr0_accum;           /* (v) */
    uint32_t tsc_aux;                    /* (v) MSR_TSC_AUX; on the CPU while running */
    uint32_t spec_ctrl;                  /* (v) MSR_SPEC_CTRL, likewise */
    uint64_t run_id;                     /* (v) of all vCPUs there ever were; 0: has not run */
    unsigned long debugreg[8];           /* (v) */

    /* Events. */
    unsigned int poll_evtchn;            /* port polled; 0 = several */
    uint16_t virq_to_evtchn[NR_VIRQS];   /* (e) 0 = unbound */
    struct evtchn_fifo_vcpu *evtchn_fifo;
    evtchn_port_t pirq_evtchn_head; /* (e) first of the ports whose interrupts follow v; 0 = none */
    spinlock_t virq_lock;
    mfn_t vcpu_info_mfn;                 /* INVALID_MFN: in shared_info or the dummy */

    /* Time and timers. */
    s_time_t periodic_period, periodic_last_event;
    struct timer periodic_timer, singleshot_timer, poll_timer;
    struct vcpu_runstate_info runstate;  /* (s) */
    void *runstate_guest;                /* guest virtual addresses, NULL = none */
    void *time_info_guest;
    uint64_t pv_clock_version;

    /* Scheduling. */
    struct sched_vcpu *sched;            /* (s) the scheduler's own */
    cpumask_t hard_affinity;             /* (s) */
    cpumask_t soft_affinity;             /* (s) */
    cpumask_t preferred;                 /* (s) soft_affinity on the domain's nodes, if it can run
                                            on any of those */
    cpumask_t saved_affinity;
    bool affinity_broken;
    struct tasklet continue_tasklet;     /* work for a paused vCPU, run in tasklet context */

    /* Which physical CPU holds this vCPU's translations; NR_CPUS = none. */
    unsigned int dirty_cpu;

    struct vcpu_counts counts;           /* hv/exits.h */
};

struct domain {
    domid_t domain_id;                   /* (c) */
    const hypercall_fn_t *hypercalls;    /* (c) its vCPUs' table */
    bool is_control;                     /* (c) dom0: control and hardware domain */
    bool is_idle;                        /* (c) */
    bool is_hvm;                         /* (c) */
    bool debugger_attached;              /* (d) XEN_DOMCTL_setdebugging; only shown by
                                            getdomaininfo */
    bool is_paused_by_tools;             /* (d) one of pause_count is theirs */
    bool has_run;                        /* (d) the tools have unpaused it once */
    bool is_shutting_down;               /* (x) shutdown_lock */
    bool is_shut_down;                   /* (x) */
    uint8_t is_dying;                    /* enum domdying */
    int shutdown_code;                   /* (x) -1 = none */
    unsigned int max_vcpus;              /* (c) */
    struct vcpu **vcpu;                  /* (c) max_vcpus entries, NULL until created */
    const struct vcpu_backend *backend;  /* (c) */
    atomic_t refcnt;                     /* (a) */
    atomic_t pause_count;                /* (a) */
    unsigned int controller_pause_count; /* (d) */
    uint32_t create_flags;               /* (c) XEN_DOMCTL_CDF_* */
    uint32_t ssidref;
    xen_domain_handle_t handle;          /* (d) */
    unsigned long vm_assist;
    spinlock_t shutdown_lock;
    unsigned long crash_flag;            /* (a) bit 0: domain_crash() was called */
    struct tasklet crash_tasklet;        /* shuts it down then */
    struct timer zombie_timer;           /* dead: looks whether others still use its shared pages */
    unsigned int suspend_evtchn;         /* (d) port to raise instead of VIRQ_DOM_EXC when it
                                            suspends, 0 = none */
    struct list_head list;               /* on the domain list, ascending domid */
    struct rcu_head rcu;

    /* Memory. */
    spinlock_t page_alloc_lock;
    struct page_list page_list;          /* (p) frames owned */
    struct page_list xen_page_list;      /* (p) hypervisor pages shared with it */
    struct page_list relmem_list;        /* teardown's work list */
    unsigned long tot_pages;             /* (p) */
    unsigned long max_pages;             /* (p) */
    unsigned long outstanding_pages;     /* (p) claimed and not yet allocated */
    unsigned long xen_pages;             /* (p) */
    unsigned long extra_pages;           /* (p) */
    atomic_t shr_pages;
    unsigned long max_pfn_seen;          /* highest gfn of the memory map */
    cpumask_t dirty_cpus;                /* (a) CPUs that may hold translations of this domain */
    struct shared_info *shared_info;     /* (c) */
    struct e820_entry *e820;             /* (p) XENMEM_set_memory_map; freed with the domain */
    unsigned int nr_e820;                /* (p) */

    /* Events. */
    spinlock_t event_lock;
    struct evtchn **evtchn_bucket;       /* (e) hv/domain/evtchn.c */
    unsigned int valid_evtchns;          /* (e) ports that exist */
    unsigned int max_evtchn_port;        /* (d) limit given at creation */
    unsigned int active_evtchns;
    const struct evtchn_port_ops *evtchn_ops;
    struct evtchn_fifo_domain *evtchn_fifo;
    DECLARE_BITMAP(poll_mask, MAX_VIRT_CPUS); /* (a) vCPUs in SCHEDOP_poll */
    unsigned int next_evtchn;            /* (e) where a preempted EVTCHNOP_reset
                                            goes on; 0 = none under way */
    unsigned int evtchn_destroy_next;    /* (d) where a preempted evtchn_destroy() goes on */
    evtchn_port_t *pirq_port;            /* (e) nr_pirqs entries, 0 = unbound;
                                            NULL until the first is bound */
    struct pirq_table *pirqs;
    unsigned int nr_pirqs;               /* (c) */

    struct grant_table *grant_table;     /* (c) */
    unsigned int max_grant_frames, max_maptrack_frames; /* (c) */

    /* Permissions. */
    struct rangeset *iomem_caps, *ioport_caps, *irq_caps;

    /* Time. */
    int64_t time_offset_seconds;
    uint32_t tsc_mode;                   /* enum tsc_mode */
    bool vtsc;                           /* RDTSC is emulated */
    uint32_t tsc_khz;
    uint32_t tsc_incarnation;
    int64_t vtsc_offset;
    struct timer watchdog_timer[2];      /* (x) shutdown_lock */
    uint32_t watchdog_inuse;

    struct cpuid_policy *cpuid_policy;   /* hv/cpu/cpuid_policy.c */
    struct sched_dom *sched;
    uint64_t node_affinity;              /* (d) nodes its memory shall come from */
    bool auto_node_affinity;             /* (d) they follow from its vCPUs' affinities */
    uint8_t last_node;                   /* heap_lock: where its memory last came from */
    cpumask_t node_cpus;                 /* (d) CPUs of nodes set by the tools, which its vCPUs
                                            prefer; empty = none were */
    char name[16];                       /* "d0", for messages */
};

enum domdying { DOMDYING_alive, DOMDYING_dying, DOMDYING_dead };

extern struct domain *dom0, *idle_domain;
/* Pseudo-domains that own frames: DOMID_IO's (device memory),
   DOMID_XEN's (shared hypervisor pages). */
extern struct domain *dom_io, *dom_xen;
DECLARE_PER_CPU(struct vcpu *, idle_vcpu);

static inline bool is_control_domain(const struct domain *d) { return d->is_control; }
#define for_each_vcpu(d, v)                                                                        \
    for (unsigned int i_ = 0; i_ < (d)->max_vcpus; i_++)                                           \
        if (((v) = (d)->vcpu[i_]) != NULL)
static inline struct vcpu *domain_vcpu(const struct domain *d, unsigned int id)
{
    return id < d->max_vcpus ? READ_ONCE(d->vcpu[index_nospec(id, d->max_vcpus)]) : NULL;
}

/* --- Finding and holding (hv/domain/domlist.c) --- */
/* Adds a reference; NULL if there is none or it is dead. Reserved ids:
   DOMID_SELF is not resolved here. */
struct domain *get_domain_by_id(domid_t id);
/* The same with DOMID_SELF. */
struct domain *get_domain_by_any_id(domid_t id);
bool get_domain(struct domain *d);           /* false when it is going away */
static inline void get_knownalive_domain(struct domain *d) { atomic_inc(&d->refcnt); }
void put_domain(struct domain *d);
/* Iterate under domlist_lock; the order is ascending domid. */
extern struct list_head domain_list;
extern spinlock_t domlist_lock;
/* Owner of a frame by its number in page_info (domid + 1); no reference. */
struct domain *domain_by_owner(uint16_t owner);

/* --- Life (hv/domain/domain.c, vcpu.c) --- */
void domain_subsys_init(void);               /* boot: pseudo-domains, idle domain */
/* cfg checked by the caller (domctl or dom0 builder); id must be free. Paused,
   without vCPUs. ERR as *err. */
struct domain *domain_create(domid_t id, const struct xen_domctl_createdomain *cfg, bool control,
                             int *err);
/* Creates vCPU id (down, without context). NULL without memory. */
struct vcpu *vcpu_create(struct domain *d, unsigned int id);
/* Begins and continues destruction: -ERESTART while work is left; 0 = dying
   is complete, memory is back. */
int domain_kill(struct domain *d);
void domain_shutdown(struct domain *d, int reason); /* SHUTDOWN_*; for dom0: power-off,
                                                       reboot or stop of the machine */
void domain_resume(struct domain *d);
/* Second failure ladder: the domain's state is inconsistent. The first reason wins; prints
   registers. May be called in any context with any lock. The caller goes on harmlessly. */
void domain_crash(struct domain *d, const char *fmt, ...) __printf(2, 3);
int vcpu_reset(struct vcpu *v);

void vcpu_pause(struct vcpu *v);             /* waits until it is off its CPU */
void vcpu_unpause(struct vcpu *v);
void domain_pause(struct domain *d);         /* all vCPUs; waits; d is not current's */
void domain_unpause(struct domain *d);
int domain_pause_by_tools(struct domain *d);
int domain_unpause_by_tools(struct domain *d);

/* NUMA nodes (hv/domain/nodes.c). Of a new domain; after a vCPU's affinity has changed; as the
   tools want it, all nodes meaning that they don't care: 0 or -EINVAL (no such node). */
void domain_init_nodes(struct domain *d);
void domain_update_nodes(struct domain *d);
int domain_set_nodes(struct domain *d, uint64_t nodes);

/* Registers the vcpu_info of v at gfn + offset. */
int map_vcpu_info(struct vcpu *v, gfn_t gfn, unsigned int offset);
void unmap_vcpu_info(struct vcpu *v);
/* Builds dom0, which stays paused; panics with the cause if it can't
   (pv/dom0_build.c, hv/domain/dom0.c). */
void dom0_create(void);

/* Common half of VCPUOP_*; hypercall handlers are declared in hypercall.h. */
long common_vcpu_op(unsigned int cmd, struct vcpu *v, void *arg);
/* To the log: what the scheduler and the event channels know of v; registers and stack, good when v
   is current or does not run. */
void vcpu_show_state(struct vcpu *v);
void vcpu_show(struct vcpu *v);
/* Debug key 'q': shows all domains, and asks each vCPU that is up to show itself (VIRQ_DEBUG). */
void domain_dump_all(void);

#endif
