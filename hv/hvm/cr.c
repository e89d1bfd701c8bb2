/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Accesses to CR0 and CR4. A MOV is done here, since guests make it often; what else there is
 * (CLTS, LMSW, SMSW) by the instruction emulator.
 */
#include <hv/lib.h>
#include <hv/processor.h>
#include "hvm_priv.h"

#define INSN_MAX 15
#define REX_R 4u
#define REX_B 1u

/* [prefixes] [REX] 0f 20|22 /r: a MOV between a general and a control register. */
static bool decode_mov(struct vcpu *v, struct vm_exit *e)
{
    uint8_t insn[INSN_MAX], rex = 0;
    unsigned int n = hvm_exit_insn(v, insn), at = 0;

    if (hvm_code_size(v) == 8 && n && (insn[0] & 0xf0) == 0x40)
        rex = insn[at++];
    if (n < at + 3 || insn[at] != 0x0f || (insn[at + 1] & ~2u) != 0x20)
        return false;
    e->cr.write = insn[at + 1] == 0x22;
    e->cr.cr = (uint8_t)((insn[at + 2] >> 3 & 7) | (rex & REX_R ? 8 : 0));
    e->cr.gpr = (uint8_t)((insn[at + 2] & 7) | (rex & REX_B ? 8 : 0));
    e->insn_len = (uint8_t)(at + 3);
    return true;
}

uint64_t *hvm_gpr(struct cpu_user_regs *r, unsigned int n)
{
    uint64_t *const gprs[16] = { &r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp,
                                 &r->rsi, &r->rdi, &r->r8, &r->r9, &r->r10, &r->r11,
                                 &r->r12, &r->r13, &r->r14, &r->r15 };

    return gprs[n % 16];
}

int hvm_read_cr(struct vcpu *v, unsigned int n, uint64_t *val)
{
    const struct hvm_vcpu *h = hvm_vcpu(v);

    switch (n) {
    case 0: *val = h->cr0; return 0;
    case 2: *val = h->cr2; return 0;
    case 3: *val = h->cr3; return 0;
    case 4: *val = h->cr4; return 0;
    case 8: *val = h->cr8; return 0;
    default: return -1;
    }
}

int hvm_write_cr(struct vcpu *v, unsigned int n, uint64_t val)
{
    struct hvm_vcpu *h = hvm_vcpu(v);

    switch (n) {
    case 0: return hvm_set_cr0(v, val);
    case 2:
        h->cr2 = val;
        hvm_vendor->load(v, HVM_LOAD_CR2);
        return 0;
    case 3: return hvm_set_cr3(v, val);
    case 4: return hvm_set_cr4(v, val);
    case 8:
        if (val >> 4)
            return -1;
        h->cr8 = (uint8_t)val;
        return 0;
    default: return -1;
    }
}

void hvm_cr_exit(struct vcpu *v)
{
    struct vm_exit *e = &hvm_vcpu(v)->exit;
    bool wide = hvm_code_size(v) == 8;
    uint64_t *gpr, val;

    if (!(e->cr.known && e->insn_len) && !decode_mov(v, e)) {
        hvm_emulate(v);
        return;
    }
    gpr = hvm_gpr(guest_regs(), e->cr.gpr);
    val = wide ? *gpr : (uint32_t)*gpr;
    if (e->cr.write ? hvm_write_cr(v, e->cr.cr, val) : hvm_read_cr(v, e->cr.cr, &val)) {
        hvm_inject_exception(v, X86_EXC_GP, 0);
        return;
    }
    if (!e->cr.write)
        *gpr = wide ? val : (uint32_t)val;
    hvm_skip_instruction(v);
}
