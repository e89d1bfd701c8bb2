/* SPDX-License-Identifier: BSD-2-Clause */
/* The CPU's record of an HVM domain's state, and the stream's header. */
#include <hv/cpuid.h>
#include <hv/hvm/save.h>
#include <hv/hvm/time.h>
#include <hv/lib.h>
#include <hv/msr_index.h>
#include <hv/processor.h>
#include <hv/time.h>
#include <hv/xstate.h>
#include "hvm_priv.h"

/* --- header --- */

static unsigned int one_instance(const struct domain *d)
{
    return 1;
}

static void save_header(struct domain *d, unsigned int instance, void *record)
{
    struct hvm_save_header *h = record;
    uint32_t b, c, dx;

    h->magic = HVM_FILE_MAGIC;
    h->version = HVM_FILE_VERSION;
    h->changeset = ~0ULL;
    cpuid_count(1, 0, &h->cpuid, &b, &c, &dx);
    h->gtsc_khz = d->tsc_khz;
}

static const char *check_header(struct domain *d, unsigned int instance, const void *record)
{
    const struct hvm_save_header *h = record;

    return h->magic != HVM_FILE_MAGIC     ? "the stream is no HVM context"
           : h->version != HVM_FILE_VERSION ? "the stream's version is unknown"
                                            : NULL;
}

static void load_header(struct domain *d, unsigned int instance, const void *record)
{
}

/* --- CPU --- */

static unsigned int nr_vcpus(const struct domain *d)
{
    return d->max_vcpus;
}

/* One that is down has nothing that it would go on with. */
static bool is_up(const struct domain *d, unsigned int instance)
{
    const struct vcpu *v = d->vcpu[instance];

    return v && v->is_initialised && !test_bit(VPF_down, &v->pause_flags);
}

/* Where a segment's parts are in the record, which keeps bases, limits and so on together. */
#define SEG(index, name)                                                                           \
    { index, offsetof(struct hvm_hw_cpu, name##_sel), offsetof(struct hvm_hw_cpu, name##_limit),   \
      offsetof(struct hvm_hw_cpu, name##_base), offsetof(struct hvm_hw_cpu, name##_arbytes) }
static const struct { uint8_t index; uint16_t sel, limit, base, attr; } segments[] = {
    SEG(X86_SEG_ES, es), SEG(X86_SEG_CS, cs), SEG(X86_SEG_SS, ss), SEG(X86_SEG_DS, ds),
    SEG(X86_SEG_FS, fs), SEG(X86_SEG_GS, gs), SEG(X86_SEG_TR, tr), SEG(X86_SEG_LDTR, ldtr),
};
#define MSR(index, name) { index, offsetof(struct hvm_hw_cpu, name) }
static const struct { uint32_t index; uint16_t at; } msrs[] = {
    MSR(MSR_SYSENTER_CS, sysenter_cs), MSR(MSR_SYSENTER_ESP, sysenter_esp),
    MSR(MSR_SYSENTER_EIP, sysenter_eip), MSR(MSR_KERNEL_GS_BASE, shadow_gs),
    MSR(MSR_LSTAR, msr_lstar), MSR(MSR_STAR, msr_star), MSR(MSR_CSTAR, msr_cstar),
    MSR(MSR_SFMASK, msr_syscall_mask),
};
#define AT32(record, at) (*(uint32_t *)((char *)(record) + (at)))
#define AT64(record, at) (*(uint64_t *)((char *)(record) + (at)))

/* The general registers stand in the record in another order than in the frame. */
#define GPRS(G)                                                                                    \
    G(rax) G(rbx) G(rcx) G(rdx) G(rbp) G(rsi) G(rdi) G(rsp) G(r8) G(r9) G(r10) G(r11) G(r12)       \
    G(r13) G(r14) G(r15) G(rip) G(rflags)

static void save_segments(struct vcpu *v, struct hvm_hw_cpu *c)
{
    struct x86_segment s;

    for (unsigned int i = 0; i < ARRAY_SIZE(segments); i++) {
        hvm_vendor->get_segment(v, segments[i].index, &s);
        AT32(c, segments[i].sel) = s.selector;
        AT32(c, segments[i].limit) = s.limit;
        AT64(c, segments[i].base) = s.base;
        AT32(c, segments[i].attr) = s.attr;
    }
    hvm_vendor->get_segment(v, X86_SEG_GDTR, &s);
    c->gdtr_base = s.base;
    c->gdtr_limit = s.limit;
    hvm_vendor->get_segment(v, X86_SEG_IDTR, &s);
    c->idtr_base = s.base;
    c->idtr_limit = s.limit;
}

static void save_event(const struct hvm_event *e, struct hvm_hw_cpu *c)
{
    if (!e->valid)
        return;
    c->pending_vector = e->vector;
    c->pending_type = e->type;
    c->pending_error_valid = e->has_error;
    c->pending_valid = 1;
    c->error_code = e->error;
}

static void save_cpu(struct domain *d, unsigned int instance, void *record)
{
    struct vcpu *v = d->vcpu[instance];
    struct hvm_vcpu *h = hvm_vcpu(v);
    struct hvm_hw_cpu *c = record;

    memset(c, 0, sizeof(*c));
    xstate_get_fxsave(v, c->fpu_regs);
#define SAVE(reg) c->reg = v->regs.reg;
    GPRS(SAVE)
#undef SAVE
    c->cr0 = h->cr0;
    c->cr2 = h->cr2;
    c->cr3 = h->cr3;
    c->cr4 = h->cr4;
    c->dr0 = v->debugreg[0];
    c->dr1 = v->debugreg[1];
    c->dr2 = v->debugreg[2];
    c->dr3 = v->debugreg[3];
    c->dr6 = v->debugreg[6];
    c->dr7 = v->debugreg[7];
    save_segments(v, c);
    for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++)
        (void)hvm_vendor->get_msr(v, msrs[i].index, &AT64(c, msrs[i].at));
    c->msr_efer = h->efer;
    c->msr_tsc_aux = v->tsc_aux;
    c->tsc = hvm_guest_tsc(v);
    save_event(&h->pending, c);
    c->flags = v->fpu_initialised ? XEN_X86_FPU_INITIALISED : 0;
}

/* What VMRUN or a VM entry would refuse, and what CPUID does not offer. */
static const char *check_cpu(struct domain *d, unsigned int instance, const void *record)
{
    const struct hvm_hw_cpu *c = record;
    const uint64_t efer = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_FFXSE;

    if (c->cr0 >> 32 || (c->cr0 & X86_CR0_PG && !(c->cr0 & X86_CR0_PE)) ||
        (c->cr0 & X86_CR0_NW && !(c->cr0 & X86_CR0_CD)))
        return "CR0 is not valid";
    if (c->cr4 & ~hvm_cr4_valid(d->vcpu[instance]))
        return "CR4 has bits that the domain's CPUID does not offer";
    if (c->msr_efer & ~efer)
        return "EFER is not valid";
    if (c->msr_efer & EFER_LME && c->cr0 & X86_CR0_PG && !(c->cr4 & X86_CR4_PAE))
        return "long mode without CR4.PAE";
    if (c->dr7 >> 32 || c->dr6 >> 32)
        return "debug registers are not valid";
    return NULL;
}

static void load_segments(struct vcpu *v, const struct hvm_hw_cpu *c)
{
    struct x86_segment s;

    for (unsigned int i = 0; i < ARRAY_SIZE(segments); i++) {
        s = (struct x86_segment){ .selector = (uint16_t)AT32(c, segments[i].sel),
                                  .attr = AT32(c, segments[i].attr) & 0xfff,
                                  .limit = AT32(c, segments[i].limit),
                                  .base = AT64(c, segments[i].base) };
        hvm_vendor->set_segment(v, segments[i].index, &s);
    }
    s = (struct x86_segment){ .limit = c->gdtr_limit & 0xffff, .base = c->gdtr_base };
    hvm_vendor->set_segment(v, X86_SEG_GDTR, &s);
    s = (struct x86_segment){ .limit = c->idtr_limit & 0xffff, .base = c->idtr_base };
    hvm_vendor->set_segment(v, X86_SEG_IDTR, &s);
}

static void load_debugregs(struct vcpu *v, const struct hvm_hw_cpu *c)
{
    v->debugreg[0] = c->dr0;
    v->debugreg[1] = c->dr1;
    v->debugreg[2] = c->dr2;
    v->debugreg[3] = c->dr3;
    v->debugreg[6] = c->dr6 | X86_DR6_DEFAULT;
    v->debugreg[7] = c->dr7 | X86_DR7_DEFAULT;
}

static void load_control(struct vcpu *v, const struct hvm_hw_cpu *c)
{
    struct hvm_vcpu *h = hvm_vcpu(v);

    h->cr0 = c->cr0 | X86_CR0_ET;
    h->cr2 = c->cr2;
    h->cr3 = c->cr3;
    h->cr4 = c->cr4;
    h->efer = c->msr_efer & ~(uint64_t)EFER_LMA;
    if (h->efer & EFER_LME && h->cr0 & X86_CR0_PG)
        h->efer |= EFER_LMA;
    h->pending = (struct hvm_event){ .valid = c->pending_valid,
                                     .type = c->pending_type,
                                     .vector = c->pending_vector,
                                     .has_error = c->pending_error_valid,
                                     .error = c->error_code };
}

static void load_cpu(struct domain *d, unsigned int instance, const void *record)
{
    struct vcpu *v = d->vcpu[instance];
    const struct hvm_hw_cpu *c = record;

    hvm_reset_state(v);
#define LOAD(reg) v->regs.reg = c->reg;
    GPRS(LOAD)
#undef LOAD
    v->regs.rflags = (v->regs.rflags & 0x3f7fd7) | X86_EFLAGS_MBS;
    load_control(v, c);
    load_debugregs(v, c);
    load_segments(v, c);
    for (unsigned int i = 0; i < ARRAY_SIZE(msrs); i++)
        (void)hvm_vendor->set_msr(v, msrs[i].index, AT64(c, msrs[i].at));
    v->tsc_aux = (uint32_t)c->msr_tsc_aux;
    hvm_set_guest_tsc(v, c->tsc);
    hvm_vcpu(v)->tsc_adjust = 0;
    hvm_tsc_changed(v);
    if (c->flags & XEN_X86_FPU_INITIALISED)
        xstate_set_fxsave(v, c->fpu_regs);
    hvm_vendor->load(v, HVM_LOAD_ALL);
    v->is_initialised = true;
    clear_bit(VPF_down, &v->pause_flags);
}

const struct hvm_record hvm_cpu_records[] = {
    { HVM_RECORD(HEADER), one_instance, NULL, save_header, check_header, load_header },
    { HVM_RECORD(CPU), nr_vcpus, is_up, save_cpu, check_cpu, load_cpu },
};
const unsigned int hvm_nr_cpu_records = ARRAY_SIZE(hvm_cpu_records);
