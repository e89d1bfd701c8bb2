/* SPDX-License-Identifier: BSD-2-Clause */
/* Small PV hypercalls about the vCPU's own registers: kernel stack, TS flag, segment bases, debug
   registers; guest CR4. */
#include <hv/cpuid.h>
#include <hv/errno.h>
#include <hv/hypercall.h>
#include <hv/msr_index.h>
#include <hv/processor.h>
#include <pv/pv.h>

/* What the guest may choose, and what it is shown of the host's setting. */
#define CR4_GUEST (X86_CR4_TSD | X86_CR4_DE | X86_CR4_FSGSBASE | X86_CR4_OSXSAVE)
#define CR4_VISIBLE (X86_CR4_PAE | X86_CR4_PSE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT)

#define DR7_GLOBAL_LOCAL 0xffUL
#define DR7_IO_TYPE 2
#define DR7_CLEARED 0xf800UL /* reserved, and general detection */

int load_seg_gs(uint16_t sel);

long do_stack_switch(unsigned long ss, unsigned long esp)
{
    struct pv_vcpu *pv = pv_vcpu(current);

    pv->kernel_ss = (uint16_t)ss | 3;
    pv->kernel_sp = esp;
    pv_update_syscall_path(current);
    return 0;
}

long do_fpu_taskswitch(unsigned long set)
{
    struct pv_vcpu *pv = pv_vcpu(current);

    if (set) {
        pv->ctrlreg[0] |= X86_CR0_TS;
        stts();
    } else {
        pv->ctrlreg[0] &= ~(unsigned long)X86_CR0_TS;
        clts();
    }
    return 0;
}

/* Loads a selector into the user bank's GS, hidden base and all. One that
   can't be loaded becomes null. */
static long load_user_gs(uint16_t sel)
{
    unsigned long flags = local_irq_save();

    __asm__ volatile("swapgs");
    load_seg_gs(sel);
    __asm__ volatile("swapgs");
    local_irq_restore(flags);
    return 0;
}

long do_set_segment_base(unsigned long which, unsigned long base)
{
    if (which == SEGBASE_GS_USER_SEL)
        return load_user_gs((uint16_t)base);
    if (!is_canonical(base))
        return -EINVAL;
    switch ((unsigned int)which) {
    case SEGBASE_FS:
        wrmsr(MSR_FS_BASE, base);
        return 0;
    case SEGBASE_GS_USER:
        wrmsr(MSR_KERNEL_GS_BASE, base);
        return 0;
    case SEGBASE_GS_KERNEL:
        wrmsr(MSR_GS_BASE, base);
        return 0;
    default:
        return -EINVAL;
    }
}

unsigned long pv_fixup_guest_cr4(const struct vcpu *v, unsigned long cr4)
{
    if (!cpu_has(X86_FEATURE_FSGSBASE))
        cr4 &= ~(unsigned long)X86_CR4_FSGSBASE;
    if (!cpu_has(X86_FEATURE_XSAVE))
        cr4 &= ~(unsigned long)X86_CR4_OSXSAVE;
    return (cr4 & CR4_GUEST) | (get_cpu_info()->cr4 & CR4_VISIBLE);
}

/* I/O breakpoints need CR4.DE and are not offered; a breakpoint on an address of the hypervisor
   would be its own #DB. */
static long check_dr7(unsigned long value)
{
    for (unsigned int i = 0; i < 4; i++)
        if (((value >> (16 + i * 4)) & 3) == DR7_IO_TYPE && (value >> (i * 2) & 3))
            return -EPERM;
    return 0;
}

static void write_dr(unsigned int reg, unsigned long value)
{
    switch (reg) {
    case 0: __asm__ volatile("movq %0, %%dr0" : : "r"(value)); break;
    case 1: __asm__ volatile("movq %0, %%dr1" : : "r"(value)); break;
    case 2: __asm__ volatile("movq %0, %%dr2" : : "r"(value)); break;
    case 3: __asm__ volatile("movq %0, %%dr3" : : "r"(value)); break;
    case 6: __asm__ volatile("movq %0, %%dr6" : : "r"(value)); break;
    default: __asm__ volatile("movq %0, %%dr7" : : "r"(value)); break;
    }
}

/* Debug registers live in the CPU only while a breakpoint is armed; the
   switch code loads them then. */
static void set_dr7(struct vcpu *v, unsigned long value)
{
    bool was = v->debugreg[7] & DR7_GLOBAL_LOCAL;

    v->debugreg[7] = value;
    if (v != current)
        return;
    if (!was && (value & DR7_GLOBAL_LOCAL))
        for (unsigned int i = 0; i < 4; i++)
            write_dr(i, v->debugreg[i]);
    if (was || (value & DR7_GLOBAL_LOCAL))
        write_dr(7, value & DR7_GLOBAL_LOCAL ? value : X86_DR7_DEFAULT);
}

long pv_set_debugreg(struct vcpu *v, unsigned int reg, unsigned long value)
{
    bool live = v == current && (v->debugreg[7] & DR7_GLOBAL_LOCAL);

    if (reg == 4 || reg == 5) {
        if (pv_vcpu(v)->ctrlreg[4] & X86_CR4_DE)
            return -ENODEV;
        reg += 2;
    }
    switch (reg) {
    case 0: case 1: case 2: case 3:
        if (!pv_addr_ok(value))
            return -EPERM;
        v->debugreg[reg] = value;
        if (live)
            write_dr(reg, value);
        return 0;
    case 6:
        if (value >> 32)
            return -EINVAL;
        v->debugreg[6] = (value & 0xe00f) | X86_DR6_DEFAULT;
        return 0;
    case 7:
        if (value >> 32)
            return -EINVAL;
        value = (value & ~DR7_CLEARED) | X86_DR7_DEFAULT;
        if (check_dr7(value))
            return -EPERM;
        set_dr7(v, value);
        return 0;
    default:
        return -ENODEV;
    }
}

long do_set_debugreg(unsigned long reg, unsigned long value)
{
    return reg > 7 ? -ENODEV : pv_set_debugreg(current, (unsigned int)reg, value);
}

long do_get_debugreg(unsigned long reg)
{
    struct vcpu *v = current;

    switch (reg) {
    case 0: case 1: case 2: case 3:
        return (long)v->debugreg[reg];
    case 4: case 5:
        if (pv_vcpu(v)->ctrlreg[4] & X86_CR4_DE)
            return -ENODEV;
        return (long)v->debugreg[reg + 2];
    case 6: case 7:
        return (long)v->debugreg[reg];
    default:
        return -ENODEV;
    }
}
