/* SPDX-License-Identifier: BSD-2-Clause */
/* Control registers, descriptor tables and MSRs of the running CPU (smp.h). */
#include <hv/cpuid.h>
#include <hv/desc.h>
#include <hv/msr_index.h>
#include <hv/processor.h>
#include <hv/smp.h>
#include <hv/spec.h>
#include <pv/pv.h>

static const struct { enum x86_feature feature; unsigned long bit; } cr4_features[] = {
    { X86_FEATURE_DE, X86_CR4_DE },
    { X86_FEATURE_MCE, X86_CR4_MCE },
    { X86_FEATURE_FSGSBASE, X86_CR4_FSGSBASE },
    { X86_FEATURE_SMEP, X86_CR4_SMEP },
    { X86_FEATURE_SMAP, X86_CR4_SMAP },
};

static void load_tables(unsigned int cpu)
{
    struct desc_ptr idt = {.limit = 256 * sizeof(struct idt_entry) - 1,
                           .base = (unsigned long)cpu_idt[cpu]};

    load_own_gdt(cpu);
    lidt(&idt);
    ltr(HV_TSS);
    lldt(0);
}

void cpu_init(void)
{
    unsigned int cpu = smp_processor_id();
    unsigned long cr4 = X86_CR4_PAE | X86_CR4_PGE;

    load_tables(cpu);
    write_cr0(X86_CR0_PG | X86_CR0_AM | X86_CR0_WP | X86_CR0_NE | X86_CR0_ET | X86_CR0_MP |
              X86_CR0_PE);
    for (unsigned int i = 0; i < ARRAY_SIZE(cr4_features); i++)
        if (cpu_has(cr4_features[i].feature))
            cr4 |= cr4_features[i].bit;
    write_cr4(cr4);
    get_cpu_info()->cr4 = cr4;
    wrmsr(MSR_PAT, HV_PAT);
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE | EFER_NXE);
    spec_init_cpu();
    pv_entry_cpu_init(cpu, cpu_stub[cpu]);
    __asm__ volatile("movq %0, %%dr7" : : "r"(X86_DR7_DEFAULT));
    __asm__ volatile("movq %0, %%dr6" : : "r"(X86_DR6_DEFAULT));
}
