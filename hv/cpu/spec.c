/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mitigations of speculative execution, the doing: reads what decisions need, logs them, patches
 * code, sets registers of each CPU, and acts when a CPU goes over to another vCPU or idles. Entry
 * and exit are in hv/cpu/entry.S and pv/entry.S.
 */
#include <hv/atomic.h>
#include <hv/domain.h>
#include <hv/lib.h>
#include <hv/msr_index.h>
#include <hv/param.h>
#include <hv/percpu.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/spec.h>

#include "cpuid_private.h"

#define AMD_TOPOLOGY_LEAF 0x8000001eu
#define INTEL_TOPOLOGY_LEAF 0xbu
/* Only harms the guest that uses it, or needs a device. */
#define BUGS_OF_NO_CONCERN (BIT(BUG_SSB) | BIT(BUG_MMIO))

struct spec spec __ro_after_init;
/* Run PV domains even where a mitigation is missing. */
static bool opt_allow_unsafe;
bool_param("allow_unsafe", opt_allow_unsafe);

static DEFINE_PER_CPU(uint64_t, last_run);

/* hv/cpu/spec_entry.S */
void overwrite_return_stack(void);

static void __init read_arch_caps(void)
{
    uint64_t val;

    if (!cpu_has(X86_FEATURE_ARCH_CAPS) || rdmsr_safe(MSR_ARCH_CAPABILITIES, &val))
        return;
    boot_cpu.arch_caps = val;
    boot_cpu.features[ARCH_CAPS_WORD] = (uint32_t)val;
    boot_cpu.features[ARCH_CAPS_WORD + 1] = (uint32_t)(val >> 32);
}

static uint32_t __init microcode_revision(void)
{
    uint32_t a, b, c, d;
    uint64_t val;

    if (boot_cpu.vendor != VENDOR_intel)
        return rdmsr_safe(MSR_UCODE_REV, &val) ? 0 : (uint32_t)val;
    /* CPUID puts it there. */
    wrmsr_safe(MSR_UCODE_REV, 0);
    cpuid_count(1, 0, &a, &b, &c, &d);
    return rdmsr_safe(MSR_UCODE_REV, &val) ? 0 : (uint32_t)(val >> 32);
}

/* Several threads a core. Intel's CPUID tells what the core could do, an MSR what it does. */
static bool __init detect_smt(void)
{
    uint32_t a, b = 0, c, d;
    uint64_t val;

    if (boot_cpu.vendor != VENDOR_intel) {
        if (boot_cpu.max_ext_leaf >= AMD_TOPOLOGY_LEAF)
            cpuid_count(AMD_TOPOLOGY_LEAF, 0, &a, &b, &c, &d);
        return b >> 8 & 0xff;
    }
    if (!cpu_has(X86_FEATURE_HYPERVISOR) && !rdmsr_safe(MSR_CORE_THREAD_COUNT, &val) && val)
        return (val & 0xffff) != (val >> 16 & 0xffff);
    if (boot_cpu.max_leaf >= INTEL_TOPOLOGY_LEAF)
        cpuid_count(INTEL_TOPOLOGY_LEAF, 0, &a, &b, &c, &d);
    return (b & 0xffff) > 1;
}

/* An option may ask for registers that CPUID does not show. */
static bool __init registers_asked_for(void)
{
    const struct spec_options *o = &spec_options;

    return (o->msr_sc[SPEC_PV] > 0 || o->ibrs > 0 || o->stibp > 0 || o->ssbd > 0 || o->ibpb > 0 ||
            o->ibpb_entry[SPEC_PV] > 0) &&
           !wrmsr_safe(MSR_SPEC_CTRL, 0) && !wrmsr_safe(MSR_PRED_CMD, 0);
}

static void __init print_decisions(void)
{
    char text[96];

    for (unsigned int b = 0; b < NR_SPEC_BUGS; b++) {
        spec_describe(&spec, b, text, sizeof(text));
        printk("%sspec: %s (XSA-%u): %s\n",
               (spec.open | spec.declined) & BIT(b) ? XENLOG_WARNING : XENLOG_INFO,
               spec_bug_name(b), spec_bug_xsa(b), text);
    }
    if (spec.open & ~BUGS_OF_NO_CONCERN && !opt_allow_unsafe)
        printk(XENLOG_WARNING "spec: PV domains other than domain 0 %s\n",
               cpu_has(X86_FEATURE_HYPERVISOR)
                   ? "run all the same: the hypervisor below answers for the CPU"
                   : "will be refused; allow_unsafe lets them run");
}

/* Rounds of overwrite_branch_history: outer, inner. */
uint32_t spec_bhb_rounds[2] __ro_after_init = { 5, 5 };

static void __init patch(void)
{
    bool entry = spec.msr_sc[SPEC_PV] || spec.rsb[SPEC_PV] || spec.ibpb_entry[SPEC_PV] ||
                 spec.bhb_entry[SPEC_PV] || spec.ctrl_idle;
    bool xpti = spec.xpti[SPEC_DOM0] || spec.xpti[SPEC_DOMU];
    bool short_exit = xpti || spec.verw[SPEC_PV];
    uint32_t features = 0;

    if (spec.branch_harden)
        features |= BIT(ALT_BRANCH_HARDEN);
    if (entry || xpti)
        features |= BIT(ALT_ENTRY);
    if (entry)
        features |= BIT(ALT_ENTRY_CALL);
    if (short_exit || spec.msr_sc[SPEC_PV])
        features |= BIT(ALT_EXIT);
    else if (spec.div_scrub)
        features |= BIT(ALT_EXIT_DIV);
    if (short_exit)
        features |= BIT(ALT_SHORT_EXIT);
    if (xpti)
        features |= BIT(ALT_XPTI);
    if (xpti && spec.pcid[true])
        features |= BIT(ALT_PCID);
    if (spec.pv_l1tf[SPEC_DOM0] || spec.pv_l1tf[SPEC_DOMU])
        features |= BIT(ALT_PV_L1TF);
    if (spec.bhb_seq == BHB_LONG) {
        spec_bhb_rounds[0] = 12;
        spec_bhb_rounds[1] = 7;
    }
    alternatives_apply(features);
    branch_thunks_apply(spec.thunk, spec.return_thunk, spec.return_thunk);
}

void __init spec_init(void)
{
    struct spec_host host = { .cpu = &boot_cpu };
    struct spec_model model;

    read_arch_caps();
    host.ucode = microcode_revision();
    host.smt = detect_smt();
    host.max_ram = pfn_to_paddr(max_page);
    host.sbpb = boot_cpu.vendor == VENDOR_amd && !cpu_has(X86_FEATURE_HYPERVISOR) &&
                !wrmsr_safe(MSR_PRED_CMD, PRED_CMD_SBPB);
    host.spec_ctrl = registers_asked_for();
    host.flush_cmd =
        spec_options.l1d_flush > 0 && !wrmsr_safe(MSR_FLUSH_CMD, FLUSH_CMD_L1D);
    spec_bugs_find(&host, &model);
    spec_decide(&spec, &host, &model, &spec_options);
    printk(XENLOG_INFO "spec: microcode %#x, %s\n", host.ucode,
           host.smt ? "several threads a core" : "one thread a core");
    print_decisions();
    patch();
}

const char *spec_refuses_pv(void)
{
    uint32_t open = spec.open & ~(uint32_t)BUGS_OF_NO_CONCERN;

    if (!open || opt_allow_unsafe || cpu_has(X86_FEATURE_HYPERVISOR))
        return NULL;
    return spec_bug_name((enum spec_bug)ffs64(open));
}

/* --- registers of a CPU --- */

static void change_msr(uint32_t msr, uint64_t clear, uint64_t set)
{
    uint64_t val;

    if (!rdmsr_safe(msr, &val) && val != ((val & ~clear) | set))
        wrmsr_safe(msr, (val & ~clear) | set);
}

void spec_init_cpu(void)
{
    uint64_t clear = 0, set = 0;

    if (spec.has_ctrl)
        wrmsr_safe(MSR_SPEC_CTRL, spec.ctrl);
    get_cpu_info()->host_spec_ctrl = spec.ctrl;
    if (spec.tsx_off)
        change_msr(MSR_TSX_CTRL, 0, TSX_CTRL_RTM_DISABLE | TSX_CTRL_CPUID_CLEAR);
    if (cpu_has(X86_FEATURE_SRBDS_CTRL))
        *(spec.srb_lock ? &clear : &set) |= MCU_OPT_CTRL_RNGDS_MITG_DIS;
    if (cpu_has(X86_FEATURE_GDS_CTRL))
        *(spec.gds_lock ? &clear : &set) |= MCU_OPT_CTRL_GDS_MIT_DIS;
    if (clear | set)
        change_msr(MSR_MCU_OPT_CTRL, clear, set);
    if (boot_cpu.vendor != VENDOR_intel)
        change_msr(MSR_AMD_DE_CFG, 0,
                   (cpu_has(X86_FEATURE_LFENCE_DISPATCH) ? 0 : DE_CFG_LFENCE_SERIALISE) |
                       (spec.fp_backup_fix ? DE_CFG_FP_BACKUP_FIX : 0));
}

/* --- from vCPU to vCPU --- */

static uint8_t flags_for(const struct domain *d)
{
    enum spec_kind k = d->is_hvm ? SPEC_HVM : SPEC_PV;
    bool first = d->domain_id == 0;

    return (spec.msr_sc[k] ? SPECF_MSR_BIT : 0) | (spec.rsb[k] ? SPECF_RSB_BIT : 0) |
           (spec.ibpb_entry[k] && (!first || spec.ibpb_entry_dom0) ? SPECF_IBPB_BIT : 0) |
           (spec.bhb_entry[k] && (!first || spec.bhb_entry_dom0) ? SPECF_BHB_BIT : 0) |
           (spec.verw[k] ? SPECF_VERW_BIT : 0) | (spec.div_scrub ? SPECF_DIV_BIT : 0);
}

/* Addresses and numbers of domains come again; this one doesn't. */
static uint64_t identity(struct vcpu *v)
{
    static uint64_t last;

    if (!v->run_id)
        v->run_id = __atomic_add_fetch(&last, 1, __ATOMIC_RELAXED);
    return v->run_id;
}

void spec_switch_to(struct vcpu *next)
{
    struct cpu_info *info = get_cpu_info();

    if (next->is_idle)
        return;
    info->spec_flags = flags_for(next->domain);
    info->guest_spec_ctrl = next->spec_ctrl;
    if (!(spec.ibpb_switch | spec.l1d_flush) || this_cpu(last_run) == identity(next))
        return;
    this_cpu(last_run) = identity(next);
    if (spec.ibpb_switch) {
        wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
        if (spec.rsb_switch)
            overwrite_return_stack();
    }
    if (spec.l1d_flush)
        wrmsr(MSR_FLUSH_CMD, FLUSH_CMD_L1D);
}

/* The other threads of the core get the buffers, and on some CPUs the return stack, of one that
   sleeps; and its SPEC_CTRL slows them down. Whatever wakes it sets that again before it does
   anything (hv/cpu/spec_entry.S). */
void spec_enter_idle(void)
{
    if (spec.ctrl_idle) {
        get_cpu_info()->spec_flags |= SPECF_IDLE_BIT;
        wrmsr(MSR_SPEC_CTRL, 0);
    }
    if (spec.verw_idle)
        __asm__ volatile("verw verw_selector(%%rip)" : : : "cc");
    if (spec.rsb_idle)
        overwrite_return_stack();
}

/* An interrupt has done it, an NMI not. */
void spec_leave_idle(void)
{
    struct cpu_info *info = get_cpu_info();

    if (likely(!(READ_ONCE(info->spec_flags) & SPECF_IDLE_BIT)))
        return;
    local_irq_disable();
    info->spec_flags &= (uint8_t)~SPECF_IDLE_BIT;
    wrmsr(MSR_SPEC_CTRL, info->host_spec_ctrl);
    local_irq_enable();
}
