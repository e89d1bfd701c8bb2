/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SVM on a CPU: whether it is there, turning it on, and what each CPU keeps: the host save area
 * that VMRUN uses, and a VMCB that VMSAVE and VMLOAD keep the hypervisor's own FS, GS, TR, LDTR and
 * SYSCALL registers in. Source: AMD64 APM volume 2, "Enabling SVM".
 */
#include <hv/cpuid.h>
#include <hv/errno.h>
#include <hv/hvm/asid.h>
#include <hv/lib.h>
#include <hv/msr_index.h>
#include <hv/percpu.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include "svm.h"

#define SVM_LEAF 0x8000000au
#define IOPM_ORDER 2            /* three pages, 64 Ki bits and three more */

uint32_t svm_features;
paddr_t svm_iopm_pa;
static DEFINE_PER_CPU(struct vmcb *, host_vmcb);

paddr_t svm_host_state(void)
{
    return virt_to_maddr(this_cpu(host_vmcb));
}

static void show_features(uint32_t asids)
{
    static const struct { uint32_t bit; const char *name; } names[] = {
        { SVM_FEATURE_NRIPS, " next-RIP" }, { SVM_FEATURE_DECODE, " decode assists" },
        { SVM_FEATURE_CLEAN, " clean bits" }, { SVM_FEATURE_FLUSH_ASID, " flush by ASID" },
        { SVM_FEATURE_PAUSE, " pause filter" },
    };
    char text[96] = "";

    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
        if (svm_has(names[i].bit))
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s", names[i].name);
    printk(XENLOG_INFO "hvm: AMD-V with nested paging, %u ASIDs,%s\n", asids,
           *text ? text : " no optional features");
}

/* Every port makes an exit: there is one map for all guests. */
static bool make_iopm(void)
{
    struct page_info *pg = alloc_xen_pages(IOPM_ORDER, 0);

    if (!pg)
        return false;
    memset(page_to_virt(pg), 0xff, PAGE_SIZE << IOPM_ORDER);
    svm_iopm_pa = page_to_maddr(pg);
    return true;
}

int svm_probe(const char **why)
{
    uint32_t a, asids, c;
    uint64_t vm_cr = 0;

    if (boot_cpu.vendor != VENDOR_amd && boot_cpu.vendor != VENDOR_hygon)
        return -ENODEV;
    *why = "the CPU has no AMD-V";
    if (!cpu_has(X86_FEATURE_SVM) || boot_cpu.max_ext_leaf < SVM_LEAF)
        return -EOPNOTSUPP;
    *why = "AMD-V is turned off by the firmware; enable SVM or virtualisation in its setup";
    if (!rdmsr_safe(MSR_K8_VM_CR, &vm_cr) && (vm_cr & VM_CR_SVMDIS))
        return -EOPNOTSUPP;
    cpuid_count(SVM_LEAF, 0, &a, &asids, &c, &svm_features);
    *why = "the CPU's AMD-V has no nested paging";
    if (!svm_has(SVM_FEATURE_NP))
        return -EOPNOTSUPP;
    *why = "no memory for the I/O permission map";
    if (!make_iopm())
        return -ENOMEM;
    hvm_asid_limit(asids);
    show_features(asids);
    return 0;
}

static bool enable(void)
{
    void *save = alloc_xen_page();
    struct vmcb *own = alloc_xen_page();

    if (!save || !own) {
        printk(XENLOG_ERR "hvm: CPU %u: no memory for AMD-V's save areas\n", smp_processor_id());
        if (save)
            free_xen_page(save);
        if (own)
            free_xen_page(own);
        return false;
    }
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
    wrmsr(MSR_VM_HSAVE_PA, virt_to_maddr(save));
    this_cpu(host_vmcb) = own;
    __asm__ volatile("vmsave %%rax" : : "a"(virt_to_maddr(own)) : "memory");
    return true;
}

/* Global interrupts stay on while the hypervisor runs, so nothing else is to be undone. */
bool svm_cpu_enable(bool on)
{
    if (on)
        return enable();
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~(uint64_t)EFER_SVME);
    return true;
}
