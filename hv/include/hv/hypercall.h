/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The hypercall table (hv/hypercall/table.c): one row per call, and nothing is reached but through
 * it. Handlers decode and check everything (may fail), then perform. A handler that has run long
 * enough calls hypercall_continue().
 */
#ifndef HV_HYPERCALL_H
#define HV_HYPERCALL_H

#include <hv/domain.h>
#include <hv/event.h>
#include <hv/softirq.h>

#define HCALL_PV (1u << 0)      /* PV guests may call it */
#define HCALL_HVM (1u << 1)
#define HCALL_CONTROL (1u << 2) /* only the control domain: -EPERM for others */

/* Operations of other calls that only the control domain may make, -EPERM for others too: call, and
   prefix and rest of the operation's name. Handlers need not look at who calls them. */
#define HYPERCALL_CONTROL_OPS(OP)                                                                  \
    OP(memory_op, XENMEM_, claim_pages)                                                            \
    OP(memory_op, XENMEM_, machine_memory_map)                                                     \
    OP(memory_op, XENMEM_, acquire_resource)                                                       \
    OP(memory_op, XENMEM_, access_op)                                                              \
    OP(memory_op, XENMEM_, set_pod_target)                                                         \
    OP(memory_op, XENMEM_, get_pod_target)                                                         \
    OP(sched_op, SCHEDOP_, remote_shutdown)                                                        \
    OP(sched_op, SCHEDOP_, pin_override)                                                           \
    OP(console_io, CONSOLEIO_, read)                                                               \
    OP(physdev_op, PHYSDEVOP_, apic_read)                                                          \
    OP(physdev_op, PHYSDEVOP_, apic_write)                                                         \
    OP(physdev_op, PHYSDEVOP_, alloc_irq_vector)                                                   \
    OP(physdev_op, PHYSDEVOP_, free_irq_vector)                                                    \
    OP(physdev_op, PHYSDEVOP_, map_pirq)                                                           \
    OP(physdev_op, PHYSDEVOP_, unmap_pirq)                                                         \
    OP(physdev_op, PHYSDEVOP_, manage_pci_add)                                                     \
    OP(physdev_op, PHYSDEVOP_, manage_pci_remove)                                                  \
    OP(physdev_op, PHYSDEVOP_, manage_pci_add_ext)                                                 \
    OP(physdev_op, PHYSDEVOP_, restore_msi)                                                        \
    OP(physdev_op, PHYSDEVOP_, restore_msi_ext)                                                    \
    OP(physdev_op, PHYSDEVOP_, setup_gsi)                                                          \
    OP(physdev_op, PHYSDEVOP_, pci_mmcfg_reserved)                                                 \
    OP(physdev_op, PHYSDEVOP_, pci_device_add)                                                     \
    OP(physdev_op, PHYSDEVOP_, pci_device_remove)                                                  \
    OP(physdev_op, PHYSDEVOP_, dbgp_op)                                                            \
    OP(physdev_op, PHYSDEVOP_, prepare_msix)                                                       \
    OP(physdev_op, PHYSDEVOP_, release_msix)

struct hypercall_row {
    const char *name;
    hypercall_fn_t fn;
    uint8_t nargs;
    uint8_t callers;
};
extern const struct hypercall_row hypercall_table[NR_HYPERCALLS];
/* What entry code and multicalls call through: NR_HYPERCALLS functions with every refusal filled
   in, for a control domain or another, PV or HVM. This is the one place where it is decided who may
   make a call or one of HYPERCALL_CONTROL_OPS. */
const hypercall_fn_t *hypercalls_for(bool control, bool hvm);
void hypercall_tables_init(void);            /* boot: from domain_subsys_init() */

/* The entry of the running multicall on this CPU (hv/hypercall/multicall.c); NULL outside. */
struct multicall_entry;
struct multicall_entry *multicall_current(void);

/* X-macro of all rows: HCALL(number suffix of __HYPERVISOR_, handler, nargs, callers).
   Prototypes are made from it. */
#define HYPERCALL_ROWS(HCALL)                                                                      \
    HCALL(set_trap_table, do_set_trap_table, 1, HCALL_PV)                                          \
    HCALL(mmu_update, do_mmu_update, 4, HCALL_PV)                                                  \
    HCALL(set_gdt, do_set_gdt, 2, HCALL_PV)                                                        \
    HCALL(stack_switch, do_stack_switch, 2, HCALL_PV)                                              \
    HCALL(set_callbacks, do_set_callbacks, 3, HCALL_PV)                                            \
    HCALL(fpu_taskswitch, do_fpu_taskswitch, 1, HCALL_PV)                                          \
    HCALL(sched_op_compat, do_sched_op_compat, 2, HCALL_PV)                                        \
    HCALL(platform_op, do_platform_op, 1, HCALL_PV | HCALL_HVM | HCALL_CONTROL)                    \
    HCALL(set_debugreg, do_set_debugreg, 2, HCALL_PV)                                              \
    HCALL(get_debugreg, do_get_debugreg, 1, HCALL_PV)                                              \
    HCALL(update_descriptor, do_update_descriptor, 2, HCALL_PV)                                    \
    HCALL(memory_op, do_memory_op, 2, HCALL_PV | HCALL_HVM)                                        \
    HCALL(multicall, do_multicall, 2, HCALL_PV | HCALL_HVM)                                        \
    HCALL(update_va_mapping, do_update_va_mapping, 3, HCALL_PV)                                    \
    HCALL(set_timer_op, do_set_timer_op, 1, HCALL_PV | HCALL_HVM)                                  \
    HCALL(xen_version, do_xen_version, 2, HCALL_PV | HCALL_HVM)                                    \
    HCALL(console_io, do_console_io, 3, HCALL_PV | HCALL_HVM)                                      \
    HCALL(grant_table_op, do_grant_table_op, 3, HCALL_PV | HCALL_HVM)                              \
    HCALL(vm_assist, do_vm_assist, 2, HCALL_PV | HCALL_HVM)                                        \
    HCALL(update_va_mapping_otherdomain, do_update_va_mapping_otherdomain, 4, HCALL_PV)            \
    HCALL(iret, do_iret, 0, HCALL_PV)                                                              \
    HCALL(vcpu_op, do_vcpu_op, 3, HCALL_PV | HCALL_HVM)                                            \
    HCALL(set_segment_base, do_set_segment_base, 2, HCALL_PV)                                      \
    HCALL(mmuext_op, do_mmuext_op, 4, HCALL_PV)                                                    \
    HCALL(nmi_op, do_nmi_op, 2, HCALL_PV)                                                          \
    HCALL(sched_op, do_sched_op, 2, HCALL_PV | HCALL_HVM)                                          \
    HCALL(callback_op, do_callback_op, 2, HCALL_PV)                                                \
    HCALL(event_channel_op, do_event_channel_op, 2, HCALL_PV | HCALL_HVM)                          \
    HCALL(physdev_op, do_physdev_op, 2, HCALL_PV | HCALL_HVM)                                      \
    HCALL(hvm_op, do_hvm_op, 2, HCALL_PV | HCALL_HVM)                                              \
    HCALL(sysctl, do_sysctl, 1, HCALL_PV | HCALL_HVM | HCALL_CONTROL)                              \
    HCALL(domctl, do_domctl, 1, HCALL_PV | HCALL_HVM | HCALL_CONTROL)                              \
    HCALL(arch_0, do_mca, 1, HCALL_PV | HCALL_CONTROL)

long do_set_trap_table(const void *traps);
long do_mmu_update(void *ureqs, unsigned long count, void *pdone, unsigned long foreigndom);
long do_set_gdt(const void *frames, unsigned long entries);
long do_stack_switch(unsigned long ss, unsigned long esp);
long do_set_callbacks(unsigned long event, unsigned long failsafe, unsigned long syscall);
long do_fpu_taskswitch(unsigned long set);
long do_platform_op(void *op);
long do_set_debugreg(unsigned long reg, unsigned long value);
long do_get_debugreg(unsigned long reg);
long do_update_descriptor(unsigned long gaddr, unsigned long desc);
long do_memory_op(unsigned long cmd, void *arg);
long do_multicall(void *list, unsigned long nr);
long do_update_va_mapping(unsigned long va, unsigned long val, unsigned long flags);
long do_update_va_mapping_otherdomain(unsigned long va, unsigned long val, unsigned long flags,
                                      unsigned long domid);
long do_set_timer_op(unsigned long timeout);
long do_xen_version(unsigned long cmd, void *arg);
long do_console_io(unsigned long cmd, unsigned long count, void *buffer);
long do_grant_table_op(unsigned long cmd, void *uop, unsigned long count);
long do_vm_assist(unsigned long cmd, unsigned long type);
long do_iret(void);
long do_vcpu_op(unsigned long cmd, unsigned long vcpuid, void *arg);
long do_set_segment_base(unsigned long which, unsigned long base);
long do_mmuext_op(void *uops, unsigned long count, void *pdone, unsigned long foreigndom);
long do_nmi_op(unsigned long cmd, void *arg);
long do_sched_op(unsigned long cmd, void *arg);
long do_sched_op_compat(unsigned long cmd, unsigned long arg);
long do_callback_op(unsigned long cmd, const void *arg);
long do_event_channel_op(unsigned long cmd, void *arg);
long do_physdev_op(unsigned long cmd, void *arg);
long do_hvm_op(unsigned long cmd, void *arg);
long do_sysctl(void *op);
long do_domctl(void *op);
long do_mca(void *op);

/*
 * Ends the present call so that the guest re-executes it with these arguments (nargs as in its
 * row): from a plain call the guest's registers and RIP are set back, inside a multicall the entry
 * is rewritten. Returns the value that the handler must return. op is __HYPERVISOR_x.
 */
long hypercall_continue(unsigned int op, unsigned int nargs, const unsigned long *args);
#define HYPERCALL_CONTINUE(op, ...)                                                                \
    ({ const unsigned long args_[] = { __VA_ARGS__ };                                              \
       hypercall_continue(__HYPERVISOR_##op, ARRAY_SIZE(args_), args_); })
/* Something waits for this CPU: time to continue later. */
static inline bool hypercall_preempt_check(void)
{
    return unlikely(softirq_pending() || local_events_need_delivery(current));
}
/* Resolves a domid argument of a memory call: DOMID_SELF or a domain the caller controls (control
   domain: any). With reference; NULL and *err -ESRCH or -EPERM. */
struct domain *target_domain(domid_t id, int *err);

#endif
