/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hypercalls of HVM guests: from 64-bit code with all calls of their table, from 16- and 32-bit
 * code with those whose arguments look the same in both.
 */
#include <hv/errno.h>
#include <hv/exits.h>
#include <hv/hypercall.h>
#include <hv/lib.h>
#include <hv/nospec.h>
#include <xen/sched.h>
#include "hvm_priv.h"

#define STUB_SIZE 32
#define OPCODE_MOV_EAX 0xb8
#define OPCODE_RET 0xc3

/* mov $number, %eax; the CPU's own call instruction; ret. IRET is none of an HVM guest's calls. */
void hvm_fill_hypercall_page(void *page)
{
    static const uint8_t ud2[] = { 0x0f, 0x0b };

    memset(page, 0xcc, PAGE_SIZE);
    for (uint32_t nr = 0; nr < PAGE_SIZE / STUB_SIZE; nr++) {
        uint8_t *stub = (uint8_t *)page + nr * STUB_SIZE;

        if (nr == __HYPERVISOR_iret) {
            memcpy(stub, ud2, sizeof(ud2));
            continue;
        }
        stub[0] = OPCODE_MOV_EAX;
        memcpy(stub + 1, &nr, sizeof(nr));
        memcpy(stub + 5, hvm_vendor->hypercall_insn, 3);
        stub[8] = OPCODE_RET;
    }
}

static hypercall_fn_t entry_of(struct vcpu *v, unsigned long nr)
{
    return v->hypercalls[index_nospec(nr, NR_HYPERCALLS + 1)];
}

static unsigned long call(struct vcpu *v, unsigned long nr, const uint64_t *a)
{
    nr = MIN(nr, (unsigned long)NR_HYPERCALLS);
    v->counts.hypercalls[nr]++;
    exit_record(a[0], nr);
    return (unsigned long)entry_of(v, nr)(a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* Whose arguments hold no pointers and no words of the caller's width. */
static bool same_in_32bit(uint32_t nr, uint32_t cmd)
{
    switch (nr) {
    case __HYPERVISOR_xen_version:
    case __HYPERVISOR_console_io:
    case __HYPERVISOR_event_channel_op:
    case __HYPERVISOR_hvm_op:
        return true;
    case __HYPERVISOR_sched_op:
        return cmd != SCHEDOP_poll;
    default:
        return false;
    }
}

static unsigned long call_from_32bit(struct vcpu *v, const struct cpu_user_regs *regs)
{
    const uint64_t args[6] = { (uint32_t)regs->rbx, (uint32_t)regs->rcx, (uint32_t)regs->rdx,
                               (uint32_t)regs->rsi, (uint32_t)regs->rdi, (uint32_t)regs->rbp };
    uint32_t nr = (uint32_t)regs->rax;

    if (!same_in_32bit(nr, (uint32_t)args[0]))
        return (unsigned long)-ENOSYS;
    return (uint32_t)call(v, nr, args);
}

static unsigned long call_from_64bit(struct vcpu *v, const struct cpu_user_regs *regs)
{
    const uint64_t args[6] = { regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9 };

    return call(v, regs->rax, args);
}

void hvm_hypercall(struct vcpu *v)
{
    struct cpu_user_regs *regs = guest_regs();
    bool wide = hvm_code_size(v) == 8;
    unsigned long result;

    if (hvm_cpl(v)) {
        regs->rax = (uint64_t)-EPERM;
        hvm_skip_instruction(v);
        return;
    }
    v->hcall_preempted = false;
    result = wide ? call_from_64bit(v, regs) : call_from_32bit(v, regs);
    if (v->hcall_preempted) { /* its registers are set for making it again */
        v->hcall_preempted = false;
        return;
    }
    regs->rax = result;
    hvm_skip_instruction(v);
}

void hvm_continue_hypercall(unsigned int op, unsigned int nargs, const unsigned long *args)
{
    struct cpu_user_regs *regs = guest_regs();
    bool wide = hvm_code_size(current) == 8;
    uint64_t *const arg64[] = { &regs->rdi, &regs->rsi, &regs->rdx,
                                &regs->r10, &regs->r8, &regs->r9 };
    uint64_t *const arg32[] = { &regs->rbx, &regs->rcx, &regs->rdx,
                                &regs->rsi, &regs->rdi, &regs->rbp };

    regs->rax = op;
    for (unsigned int i = 0; i < nargs; i++)
        *(wide ? arg64 : arg32)[i] = args[i];
}
