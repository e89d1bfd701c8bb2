/* SPDX-License-Identifier: BSD-2-Clause */
/* What AMD-V needs for a domain and a vCPU: VMCB, permission map, and the change between vCPUs. */
#include <hv/cpuid.h>
#include <hv/current.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/msr_index.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include "svm.h"

#define MSRPM_ORDER 1
#define MSRPM_RANGE 0x2000u     /* MSRs in each of the map's parts, two bits each */
#define PAUSE_COUNT 4000
#define PAUSE_THRESHOLD 128

/* --- MSR permission map --- */

/* Those that the guest may read and write without an exit: they are on the CPU. */
static const uint32_t passed_msrs[] = {
    MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE, MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK,
    MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
};

static void allow_msr(uint8_t *map, uint32_t msr)
{
    static const uint32_t first[] = { 0, 0xc0000000, 0xc0010000 };

    for (unsigned int part = 0; part < ARRAY_SIZE(first); part++) {
        uint32_t n = msr - first[part];

        if (n < MSRPM_RANGE)
            map[part * (MSRPM_RANGE / 4) + n / 4] &= (uint8_t)~(3u << (n % 4 * 2));
    }
}

int svm_domain_init(struct domain *d)
{
    struct svm_domain *s = xzalloc_struct(struct svm_domain);
    struct page_info *pg = alloc_xen_pages(MSRPM_ORDER, 0);

    if (!s || !pg) {
        xfree(s);
        if (pg)
            free_xen_pages(pg, MSRPM_ORDER);
        return -ENOMEM;
    }
    s->msrpm = page_to_virt(pg);
    memset(s->msrpm, 0xff, PAGE_SIZE << MSRPM_ORDER);
    for (unsigned int i = 0; i < ARRAY_SIZE(passed_msrs); i++)
        allow_msr(s->msrpm, passed_msrs[i]);
    hvm_domain(d)->vendor = s;
    return 0;
}

void svm_domain_free(struct domain *d)
{
    struct svm_domain *s = svm_domain(d);

    if (!s)
        return;
    free_xen_pages(virt_to_page(s->msrpm), MSRPM_ORDER);
    xfree(s);
    hvm_domain(d)->vendor = NULL;
}

/* --- vCPU --- */

static void init_control(struct vcpu *v, struct vmcb *b)
{
    uint32_t first = INT1_INTR | INT1_NMI | INT1_SMI | INT1_INIT | INT1_RDPMC | INT1_CPUID |
                     INT1_INVD | INT1_HLT | INT1_INVLPGA | INT1_IOIO | INT1_MSR |
                     INT1_TASK_SWITCH | INT1_FERR | INT1_SHUTDOWN;

    if (svm_has(SVM_FEATURE_PAUSE)) {
        first |= INT1_PAUSE;
        vmcb_set_pause_count(b, PAUSE_COUNT);
        if (svm_has(SVM_FEATURE_PAUSE_THRESHOLD))
            vmcb_set_pause_threshold(b, PAUSE_THRESHOLD);
    }
    vmcb_set_intercepts1(b, first);
    vmcb_set_intercepts2(b, INT2_VMRUN | INT2_VMMCALL | INT2_VMLOAD | INT2_VMSAVE | INT2_STGI |
                                INT2_CLGI | INT2_SKINIT | INT2_WBINVD | INT2_MONITOR |
                                INT2_MWAIT | INT2_XSETBV | INT2_RDPRU);
    vmcb_set_iopm_pa(b, svm_iopm_pa);
    vmcb_set_msrpm_pa(b, virt_to_maddr(svm_domain(v->domain)->msrpm));
    vmcb_set_vintr(b, VINTR_MASKING);
    vmcb_set_np(b, 1);
    vmcb_set_ncr3(b, virt_to_maddr(hvm_domain(v->domain)->p2m.root));
}

int svm_vcpu_init(struct vcpu *v)
{
    struct svm_vcpu *s = xzalloc_struct(struct svm_vcpu);

    if (!s)
        return -ENOMEM;
    s->vmcb = alloc_xen_page();
    if (!s->vmcb) {
        xfree(s);
        return -ENOMEM;
    }
    s->vmcb_pa = virt_to_maddr(s->vmcb);
    hvm_vcpu(v)->vendor = s;
    init_control(v, s->vmcb);
    return 0;
}

void svm_vcpu_free(struct vcpu *v)
{
    struct svm_vcpu *s = svm_vcpu(v);

    if (!s)
        return;
    free_xen_page(s->vmcb);
    xfree(s);
    hvm_vcpu(v)->vendor = NULL;
}

/* --- change between vCPUs --- */

static void save_debugregs(struct vcpu *v)
{
    __asm__ volatile("movq %%dr0, %0" : "=r"(v->debugreg[0]));
    __asm__ volatile("movq %%dr1, %0" : "=r"(v->debugreg[1]));
    __asm__ volatile("movq %%dr2, %0" : "=r"(v->debugreg[2]));
    __asm__ volatile("movq %%dr3, %0" : "=r"(v->debugreg[3]));
}

void svm_switch_from(struct vcpu *v)
{
    struct hvm_vcpu *h = hvm_vcpu(v);

    v->debugreg[6] = vmcb_dr6(svm_vmcb(v));
    v->debugreg[7] = vmcb_dr7(svm_vmcb(v));
    if (!h->dr_loaded)
        return;
    save_debugregs(v);
    h->dr_loaded = false;
    h->intercept_dr = true;
    svm_load(v, HVM_LOAD_INTERCEPTS);
}

/* Another CPU, or another vCPU's VMCB since: nothing that this CPU may have kept is good. */
void svm_switch_to(struct vcpu *v)
{
    svm_vmcb(v)->clean = 0;
}

/* --- showing --- */

static void show_segment(struct vcpu *v, enum x86_seg_index which, const char *name)
{
    struct x86_segment s;

    svm_get_segment(v, which, &s);
    printk("  %s %04x attr %03x limit %08x base %016lx\n", name, s.selector, s.attr, s.limit,
           s.base);
}

void svm_show(struct vcpu *v)
{
    static const char *const names[] = {
        [X86_SEG_ES] = "ES  ", [X86_SEG_CS] = "CS  ", [X86_SEG_SS] = "SS  ", [X86_SEG_DS] = "DS  ",
        [X86_SEG_FS] = "FS  ", [X86_SEG_GS] = "GS  ", [X86_SEG_TR] = "TR  ",
        [X86_SEG_LDTR] = "LDTR", [X86_SEG_GDTR] = "GDTR", [X86_SEG_IDTR] = "IDTR",
    };
    const struct vmcb *b = svm_vmcb(v);

    printk(" VMCB: CR0 %lx CR2 %lx CR3 %lx CR4 %lx EFER %lx PAT %lx\n", vmcb_cr0(b), vmcb_cr2(b),
           vmcb_cr3(b), vmcb_cr4(b), vmcb_efer(b), vmcb_g_pat(b));
    printk("  RIP %lx RSP %lx RFLAGS %lx RAX %lx CPL %u DR6 %lx DR7 %lx\n", b->rip, b->rsp,
           b->rflags, b->rax, vmcb_cpl(b), vmcb_dr6(b), vmcb_dr7(b));
    for (unsigned int i = 0; i < ARRAY_SIZE(names); i++)
        show_segment(v, i, names[i]);
    printk("  exit %lx info %lx %lx interrupted %lx injected %lx shadow %lx interrupts %lx\n",
           b->exitcode, b->exitinfo1, b->exitinfo2, b->exitintinfo, b->eventinj, b->shadow,
           vmcb_vintr(b));
    printk("  intercepts CR %x/%x DR %x/%x exceptions %x, %x %x; ASID %u TSC offset %lx "
           "nested root %lx clean %x next RIP %lx\n", vmcb_cr_reads(b), vmcb_cr_writes(b),
           vmcb_dr_reads(b), vmcb_dr_writes(b), vmcb_exceptions(b), vmcb_intercepts1(b),
           vmcb_intercepts2(b), vmcb_asid(b), vmcb_tsc_offset(b), vmcb_ncr3(b), b->clean, b->nrip);
}
