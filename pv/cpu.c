/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a physical CPU holds of a PV vCPU: root table, GDT and LDT windows, segments and their
 * bases, debug registers; and a CPU's SYSCALL entry.
 */
#include <hv/alternative.h>
#include <hv/desc.h>
#include <hv/flush.h>
#include <hv/lib.h>
#include <hv/msr_index.h>
#include <hv/percpu.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/smp.h>
#include <hv/xstate.h>
#include <pv/pv.h>
#include <pv/xpti.h>

_Static_assert(PV_USER_CS32 == FLAT_RING3_CS32 && PV_USER_CS64 == FLAT_RING3_CS64 &&
                   PV_USER_SS == FLAT_RING3_SS32,
               "selectors of the PV ABI");

void pv_syscall_entry(void);
void pv_cstar_entry(void);
void pv_sysenter_entry(void);
int load_seg_ds(uint16_t sel);
int load_seg_es(uint16_t sel);
int load_seg_fs(uint16_t sel);
int load_seg_gs(uint16_t sel);

/* --- SYSCALL entry --- */

#define STUB_CSTAR_OFFSET 32
#define GDT_RESERVED_PAGE 14

static uint8_t *emit(uint8_t *code, const uint8_t *bytes, unsigned int n)
{
    memcpy(code, bytes, n);
    return code + n;
}

/* Appends a 32-bit displacement from the end of the instruction at va to target. */
static uint8_t *emit_rel32(uint8_t *code, unsigned long va_end, unsigned long target)
{
    int32_t rel = (int32_t)(target - va_end);

    BUG_ON(target - va_end != (unsigned long)(long)rel);
    return emit(code, (const uint8_t *)&rel, 4);
}

/*
 *   mov %rsp, guest_regs.rsp(%rip);  lea guest_regs.rsp(%rip), %rsp;  jmp entry
 * The code is written through w and runs at va.
 */
static void write_stub(uint8_t *w, unsigned long va, const struct cpu_info *info, const void *entry)
{
    static const uint8_t mov[] = { 0x48, 0x89, 0x25 }, lea[] = { 0x48, 0x8d, 0x25 };
    static const uint8_t jmp[] = { 0xe9 };
    unsigned long slot = (unsigned long)&info->guest_regs.rsp;
    uint8_t *p = w;

    p = emit(p, mov, sizeof(mov));
    p = emit_rel32(p, va + (p - w) + 4, slot);
    p = emit(p, lea, sizeof(lea));
    p = emit_rel32(p, va + (p - w) + 4, slot);
    p = emit(p, jmp, sizeof(jmp));
    emit_rel32(p, va + (p - w) + 4, (unsigned long)entry);
}

void pv_entry_write_stub(unsigned int cpu, void *writable, unsigned long va)
{
    const struct cpu_info *info = cpu_info_at(cpu);

    write_stub(writable, va, info, pv_syscall_entry);
    write_stub((uint8_t *)writable + STUB_CSTAR_OFFSET, va + STUB_CSTAR_OFFSET, info,
               pv_cstar_entry);
}

void pv_entry_cpu_init(unsigned int cpu, unsigned long stub)
{
    wrmsr(MSR_STAR, ((uint64_t)PV_USER_CS32 << 48) | ((uint64_t)HV_CS << 32));
    wrmsr(MSR_LSTAR, stub);
    wrmsr(MSR_CSTAR, stub + STUB_CSTAR_OFFSET);
    wrmsr(MSR_SFMASK, X86_EFLAGS_IF | X86_EFLAGS_TF | X86_EFLAGS_DF | X86_EFLAGS_NT |
                          X86_EFLAGS_AC | X86_EFLAGS_RF | X86_EFLAGS_IOPL);
    wrmsr_safe(MSR_SYSENTER_CS, HV_CS);
    wrmsr_safe(MSR_SYSENTER_ESP, (unsigned long)&cpu_info_at(cpu)->guest_regs.es);
    wrmsr_safe(MSR_SYSENTER_EIP, (unsigned long)pv_sysenter_entry);
}

/* --- root table and mode --- */

static uint64_t root_of(const struct pv_vcpu *pv)
{
    return pv->flags & PVF_KERNEL ? pv->guest_root : pv->guest_root_user;
}

void pv_load_root(struct vcpu *v)
{
    load_root(root_of(pv_vcpu(v)));
}

void pv_toggle_guest_mode(struct vcpu *v)
{
    struct pv_vcpu *pv = pv_vcpu(v);

    pv->flags ^= PVF_KERNEL;
    __asm__ volatile("swapgs");
    /* Not noted in the TLB clock: it would only make the clock run faster than it need. */
    write_cr3(root_of(pv));
}

/* --- context switch --- */

uint16_t pv_read_selector(unsigned int which)
{
    uint16_t sel;

    switch (which) {
    case 0: __asm__ volatile("movw %%ds, %0" : "=r"(sel)); break;
    case 1: __asm__ volatile("movw %%es, %0" : "=r"(sel)); break;
    case 2: __asm__ volatile("movw %%fs, %0" : "=r"(sel)); break;
    default: __asm__ volatile("movw %%gs, %0" : "=r"(sel)); break;
    }
    return sel;
}

static void save_segments(struct pv_vcpu *pv)
{
    uint64_t gs = rdmsr(MSR_GS_BASE), other = rdmsr(MSR_KERNEL_GS_BASE);

    for (unsigned int i = 0; i < 4; i++)
        pv->sel[i] = pv_read_selector(i);
    pv->fs_base = rdmsr(MSR_FS_BASE);
    pv->gs_base_kernel = pv->flags & PVF_KERNEL ? gs : other;
    pv->gs_base_user = pv->flags & PVF_KERNEL ? other : gs;
}

static void load_segments(struct pv_vcpu *pv)
{
    int failed = load_seg_ds(pv->sel[0]) | load_seg_es(pv->sel[1]) | load_seg_fs(pv->sel[2]) |
                 load_seg_gs(pv->sel[3]);
    bool kernel = pv->flags & PVF_KERNEL;

    wrmsr(MSR_FS_BASE, pv->fs_base);
    wrmsr(MSR_GS_BASE, kernel ? pv->gs_base_kernel : pv->gs_base_user);
    wrmsr(MSR_KERNEL_GS_BASE, kernel ? pv->gs_base_user : pv->gs_base_kernel);
    if (failed)
        pv->flags |= PVF_FAILSAFE_DUE;
}

static void load_debugregs(const struct vcpu *v)
{
    __asm__ volatile("movq %0, %%dr0" : : "r"(v->debugreg[0]));
    __asm__ volatile("movq %0, %%dr1" : : "r"(v->debugreg[1]));
    __asm__ volatile("movq %0, %%dr2" : : "r"(v->debugreg[2]));
    __asm__ volatile("movq %0, %%dr3" : : "r"(v->debugreg[3]));
    __asm__ volatile("movq %0, %%dr6" : : "r"(v->debugreg[6]));
    __asm__ volatile("movq %0, %%dr7" : : "r"(v->debugreg[7]));
}

static bool debugregs_in_use(const struct vcpu *v)
{
    return v->debugreg[7] & 0xff;
}

/* The LDT descriptor of this CPU's GDT page: the vCPU's window. */
void pv_load_ldt(struct vcpu *v)
{
    struct pv_vcpu *pv = pv_vcpu(v);
    uint64_t *desc, base = LDT_VIRT_START(v->vcpu_id);
    uint32_t limit = pv->ldt_ents * 8 - 1;

    if (!pv->ldt_ents) {
        lldt(0);
        return;
    }
    desc = (uint64_t *)((char *)cpu_gdt_page[smp_processor_id()] + (HV_LDT - HV_GDT_FIRST_BYTE));
    desc[0] = (limit & 0xffff) | ((base & 0xffffff) << 16) | (0x82ULL << 40) |
              ((uint64_t)(limit & 0xf0000) << 32) | ((base >> 24 & 0xff) << 56);
    desc[1] = base >> 32;
    lldt(HV_LDT);
}

static void load_guest_gdt(struct vcpu *v)
{
    struct desc_ptr p = {
        .limit = HV_GDT_LIMIT,
        .base = GDT_VIRT_START(v->vcpu_id),
    };
    lgdt(&p);
}

static unsigned long cr4_for(const struct vcpu *v)
{
    unsigned long cr4 = get_cpu_info()->cr4 & ~(unsigned long)(X86_CR4_TSD | X86_CR4_DE);

    cr4 |= const_pv_vcpu(v)->ctrlreg[4] & (X86_CR4_TSD | X86_CR4_DE);
    return v->domain->vtsc ? cr4 | X86_CR4_TSD : cr4;
}

void pv_load_cr4(const struct vcpu *v)
{
    unsigned long cr4 = cr4_for(v);

    if (cr4 != get_cpu_info()->cr4) {
        get_cpu_info()->cr4 = cr4;
        write_cr4(cr4);
    }
}

void pv_switch_from(struct vcpu *v)
{
    struct pv_vcpu *pv = pv_vcpu(v);

    clts();
    save_segments(pv);
    if (debugregs_in_use(v)) {
        __asm__ volatile("movq %%dr6, %0" : "=r"(v->debugreg[6]));
        __asm__ volatile("movq %0, %%dr7" : : "r"(X86_DR7_DEFAULT));
    }
    /* The window into which GDTR and LDTR point goes away with the root table. */
    load_own_gdt(smp_processor_id());
    lldt(0);
}

void pv_switch_to(struct vcpu *v)
{
    struct pv_vcpu *pv = pv_vcpu(v);

    if (alt_store(ALT_XPTI, &pv->gdt_ldt_l1[GDT_RESERVED_PAGE],
                  make_pte(cpu_gdt_mfn[smp_processor_id()], PAGE_HV_RW & ~PTE_G)))
        pv_xpti_switch_to(v);
    pv_load_root(v);
    load_guest_gdt(v);
    pv_load_ldt(v);
    pv_load_cr4(v);
    load_segments(pv);
    if (debugregs_in_use(v))
        load_debugregs(v);
    if (pv->ctrlreg[0] & X86_CR0_TS)
        stts();
}
