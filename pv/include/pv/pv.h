/* SPDX-License-Identifier: BSD-2-Clause */
/* The PV back end's own view of domains and vCPUs, and what its files offer each other. */
#ifndef PV_PV_H
#define PV_PV_H

#include <hv/backend.h>
#include <pv/regs.h>
#include <hv/traps.h>
#include <xen/xen.h>
#include <xen/arch-x86/xen.h>

/* Bits of pv_vcpu::flags tested by entry code. */
#define PVF_KERNEL PVF_KERNEL_BIT        /* in guest kernel mode */
#define PVF_FAILSAFE_DISABLES (1u << 1) /* failsafe callback masks upcalls */
#define PVF_SYSCALL_DISABLES (1u << 2)  /* syscall callback masks upcalls */
#define PVF_FAILSAFE_DUE PVF_FAILSAFE_BIT
#define PVF_SLOW_SYSCALL PVF_SLOW_SYSCALL_BIT

struct pv_vcpu {
    struct vcpu v;                       /* first: pv_vcpu() is a cast */
    uint32_t flags;                      /* PVF_* */
    uint16_t kernel_ss;
    uint16_t iopl;                       /* guest's EFLAGS.IOPL, in EFLAGS position */
    unsigned long kernel_sp;
    unsigned long syscall_sp;   /* where the frame of a system call goes (pv_update_syscall_path) */
    unsigned long fault_eip;    /* the handler of page faults, if entry code may make its frame */
    unsigned long event_callback_eip, failsafe_callback_eip, syscall_callback_eip;
    unsigned long syscall32_callback_eip, sysenter_callback_eip;
    bool syscall32_disables_events, sysenter_disables_events;
    uint64_t guest_root;                 /* machine address of kernel root table,
                                            referenced and L4-typed; 0 = none */
    uint64_t guest_root_user;            /* the same for user mode */
    unsigned long old_root;              /* mfn still to be put (preempted new_baseptr), 0 = none */
    unsigned long fs_base, gs_base_kernel, gs_base_user; /* gs_base_kernel: the base in kernel
                                                            mode */
    uint16_t sel[4];                     /* ds, es, fs, gs while not running */
    unsigned long ctrlreg[8];            /* what the guest believes: CR0 (TS), CR3, CR4 */
    struct trap_info trap_table[256];
    mfn_t gdt_frames[14];
    unsigned int gdt_ents;
    unsigned long ldt_base;
    unsigned int ldt_ents;
    spinlock_t shadow_ldt_lock;
    unsigned int shadow_ldt_count;
    uint8_t *io_bitmap;            /* guest's own IOPL bitmap pointer, for PHYSDEVOP_set_iobitmap */
    unsigned int io_bitmap_ports;
    pte_t *gdt_ldt_l1;                   /* 32 entries: this vCPU's window of the per-domain area */
};

struct pv_domain {
    struct domain d;
    pte_t *perdomain_l3;                 /* page table of PERDOMAIN_SLOT */
    mfn_t perdomain_l3_mfn;
    bool relinquished;
    bool xpti;                           /* runs on copies of its root tables (pv/xpti.h) */
    bool check_l1tf;                     /* entries that are not present are checked */
    uint32_t pci_address;                /* port 0xcf8 as the domain wrote it */
    unsigned long relmem_left;           /* frames still to be visited by pv_relinquish_memory() */
};

static inline struct pv_vcpu *pv_vcpu(struct vcpu *v) { return (struct pv_vcpu *)v; }
static inline const struct pv_vcpu *const_pv_vcpu(const struct vcpu *v)
{
    return (const struct pv_vcpu *)v;
}
static inline struct pv_domain *pv_domain(struct domain *d) { return (struct pv_domain *)d; }
static inline bool pv_in_kernel(const struct vcpu *v)
{
    return const_pv_vcpu(v)->flags & PVF_KERNEL;
}
/* The guest asked for the architecture's rules of IOPL and gates: its kernel counts as ring 0;
   otherwise as ring 1. */
static inline bool pv_architectural_iopl(const struct vcpu *v)
{
    return v->domain->vm_assist & (1UL << VMASST_TYPE_architectural_iopl);
}
/* The ring that v's guest takes its present mode for. */
static inline unsigned int pv_guest_cpl(const struct vcpu *v)
{
    return !pv_in_kernel(v) ? 3 : pv_architectural_iopl(v) ? 0 : 1;
}

#define FIRST_RESERVED_GDT_BYTE_OFF 0xe000
/* An address a guest may use: outside of the hypervisor's slots, canonical. */
static inline bool pv_addr_ok(unsigned long va)
{
    return va < HV_VIRT_START ? va < 0x0000800000000000UL : va >= HV_VIRT_END;
}
static inline bool pv_range_ok(unsigned long va, size_t len)
{
    unsigned long end = va + len;
    return end >= va && (va >= HV_VIRT_END || end <= 0x0000800000000000UL);
}

/* What vm_assist may hold for a PV guest. */
#define PV_VM_ASSIST_VALID                                                                         \
    ((1UL << VMASST_TYPE_4gb_segments) | (1UL << VMASST_TYPE_4gb_segments_notify) |                \
     (1UL << VMASST_TYPE_writable_pagetables) | (1UL << VMASST_TYPE_pae_extended_cr3) |            \
     (1UL << VMASST_TYPE_architectural_iopl) | (1UL << VMASST_TYPE_runstate_update_flag) |         \
     (1UL << VMASST_TYPE_m2p_strict))

/* --- pv/page_type.c, pv/mmu*.c --- */
/* Installs a root for v (context setting and new_baseptr). mfn gets
   type L4; 0, errno, -ERESTART. */
int pv_new_guest_root(struct vcpu *v, mfn_t mfn);
int pv_new_user_root(struct vcpu *v, mfn_t mfn);
/* Drops v's roots; -ERESTART while work is left. */
int pv_destroy_roots(struct vcpu *v);
int pv_put_old_root(struct vcpu *v);
/* Teardown of a dying domain's page tables and types. */
int pv_relinquish_memory(struct domain *d);
/* Write to a write-protected page table at cr2: true if emulated (regs advanced). */
bool pv_ptwr_emulate(struct vcpu *v, unsigned long addr, struct cpu_user_regs *regs);
/* Maps on demand the LDT page of the shadow window that faulted; true if done. */
bool pv_map_ldt_shadow_page(unsigned int offset);
int pv_set_ldt(struct vcpu *v, unsigned long base, unsigned int ents);
/* Drops the shadow LDT; true if anything was mapped (the caller flushes). */
bool pv_invalidate_shadow_ldt(struct vcpu *v);
int pv_perdomain_init(struct domain *d);
void pv_perdomain_free(struct domain *d);
int pv_perdomain_init_vcpu(struct vcpu *v);
/* Grant mappings of the current domain, at a virtual address of its kernel or (GNTMAP_contains_pte)
   at the machine address of an entry. GNTST_* result. The new entry takes over the reference, and
   for a writable mapping the writable use, that the caller has taken of mfn; what was mapped there
   before is dropped. Unmapping gives both back to the caller, after a check that the entry is still
   what the mapping made; no flush is done. new_addr: the entry of that address moves here (unmap
   and replace), 0: none. cache_attr: index in the PAT. */
int pv_grant_map(uint64_t addr, mfn_t mfn, unsigned int flags, unsigned int cache_attr);
int pv_grant_unmap(uint64_t addr, mfn_t mfn, unsigned int flags, uint64_t new_addr);
/* Fills the L1 entry that maps va in the current guest; false if there is none. */
bool pv_guest_get_l1e(unsigned long va, pte_t *e);

/* --- pv/show.c --- */
void pv_show(struct vcpu *v);                /* see vcpu_show() */

/* --- pv/descriptor.c --- */
int pv_set_gdt(struct vcpu *v, const unsigned long *frames, unsigned int entries);
void pv_init_gdt(struct vcpu *v);                 /* an empty one, in the window */
void pv_destroy_gdt(struct vcpu *v);
/* Checks and makes safe a guest descriptor (as it stands in memory); false = refuse. */
bool pv_check_descriptor(uint64_t *desc);

/* --- pv/traps.c, callback.c, entry.S --- */
/* Makes the current guest kernel start handling vector with the frame on its kernel stack (at
   return to the guest). */
void pv_inject_exception(unsigned int vector, uint32_t error_code);
void pv_inject_page_fault(uint32_t error_code, unsigned long cr2);
/* After a change of kernel stack, syscall callback, IOPL or vm_assist: may the entry code build
   system call frames itself? */
void pv_update_syscall_path(struct vcpu *v);
/* Upcalls; called from pv/entry.S for current, whose frame in guest_regs() they redirect. */
void pv_event_upcall(void);
void pv_nmi_upcall(void);
void pv_failsafe_upcall(void);
void pv_syscall_upcall(void);
void pv_syscall32_upcall(void);
void pv_sysenter_upcall(void);
/* A page fault at addr: if it is in v's LDT window, maps the page of the guest's LDT there.
   True if done. Interrupts on. */
bool pv_ldt_window_fault(struct vcpu *v, unsigned long addr);
/* Makes a guest's trap table entry safe; false if it can't be. */
bool pv_trap_info_check(struct trap_info *t);
void pv_toggle_guest_mode(struct vcpu *v);       /* kernel <-> user: root table, GS base */
void pv_load_root(struct vcpu *v);               /* loads the root table v should run on */
void pv_resume(void) noreturn;                   /* backend's resume */
/* Writes cpu's SYSCALL stubs (64 bytes) through `writable`; they will run at va,
   within 2 GiB of image and stacks. */
void pv_entry_write_stub(unsigned int cpu, void *writable, unsigned long va);
/* Points the SYSCALL and SYSENTER MSRs of the running CPU to its stubs at va. */
void pv_entry_cpu_init(unsigned int cpu, unsigned long va);

/* --- pv/cpu.c --- */
void pv_switch_from(struct vcpu *v);             /* backend's; interrupts off */
void pv_switch_to(struct vcpu *v);
uint16_t pv_read_selector(unsigned int which);   /* live ds, es, fs, gs */
void pv_load_ldt(struct vcpu *v);                /* v is current: LDTR after a change of base or
                                                    size */
void pv_load_cr4(const struct vcpu *v);          /* after a change of ctrlreg[4] or vtsc */

/* --- pv/priv_op.c --- */
/* Emulates the privileged instruction that raised #GP; true if done. */
bool pv_emulate_privileged_op(struct vcpu *v, struct cpu_user_regs *regs);
/* #UD: the forced-emulation CPUID prefix; CPUID faulting. True if done. */
bool pv_emulate_invalid_op(struct vcpu *v, struct cpu_user_regs *regs);
/* Emulated port access by policy: the value read (all ones if not
   permitted is the caller's affair). */
bool pv_ioport_allowed(struct vcpu *v, unsigned int port, unsigned int bytes);
/* --- pv/domain.c --- */
/* copy_from_guest() for what the guest's kernel maps, whichever mode current is in. */
int pv_copy_from_kernel(void *dst, const void *gva, size_t len) __must_check;

/* --- pv/ports.c --- */
uint32_t pv_virtual_port_in(struct vcpu *v, unsigned int port, unsigned int bytes);
void pv_virtual_port_out(struct vcpu *v, unsigned int port, unsigned int bytes, uint32_t val);

/* --- pv/misc.c --- */
/* CR4 as the guest will see it after asking for cr4. */
unsigned long pv_fixup_guest_cr4(const struct vcpu *v, unsigned long cr4);
/* 0, -EINVAL, -ENODEV (no such register), -EPERM (address in the hypervisor's area).
   v is current or not running. */
long pv_set_debugreg(struct vcpu *v, unsigned int reg, unsigned long value);

/* --- pv/pci_config.c: the ports of PCI configuration mechanism 1, virtual for every domain --- */
bool pv_is_pci_config_port(unsigned int port, unsigned int bytes);
uint32_t pv_pci_config_in(struct vcpu *v, unsigned int port, unsigned int bytes);
void pv_pci_config_out(struct vcpu *v, unsigned int port, unsigned int bytes, uint32_t val);
/* A store, aligned, to a device's frame that is read-only: done if it is memory-mapped
   configuration. False: it is, and too wide. */
bool pv_pci_memory_write(struct vcpu *v, mfn_t mfn, unsigned int reg, unsigned int bytes,
                         uint64_t val);

/* --- pv/iopl.c: PHYSDEVOP_set_iopl and set_iobitmap for the running vCPU. 0 or -EINVAL. --- */
long pv_set_iopl(struct vcpu *v, unsigned int iopl);
long pv_set_iobitmap(struct vcpu *v, uint8_t *bitmap, unsigned int nr_ports);

#endif
