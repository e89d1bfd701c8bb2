/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hypercalls of a 64-bit PV guest. hypercall() goes through the hypercall page like a real guest;
 * hypercall_raw() (SYSCALL with every register chosen) serves tests of the entry path itself.
 * Results are the ABI's: zero or positive, or a negative XEN_E* number. Nothing is interpreted.
 */
#ifndef GUEST_HYPERCALL_H
#define GUEST_HYPERCALL_H

#include <stdint.h>
#include <xen/xen.h>
#include <xen/callback.h>
#include <xen/errno.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>

extern char hypercall_page[4096];

/* General registers around a raw hypercall, in the order hypercall_raw() in start.S uses. */
struct raw_regs {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
};

/* Load all registers except RCX and R11 from @regs, execute SYSCALL, store all; returns RAX. */
uint64_t hypercall_raw(struct raw_regs *regs);

/* Call @nr (below 128) through the hypercall page with up to six arguments. */
static inline long hypercall(unsigned int nr, unsigned long a1, unsigned long a2, unsigned long a3,
                             unsigned long a4, unsigned long a5, unsigned long a6)
{
    register unsigned long r10 asm("r10") = a4;
    register unsigned long r8 asm("r8") = a5;
    register unsigned long r9 asm("r9") = a6;
    long result;

    asm volatile("call *%[slot]"
                 : "=a"(result), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10), "+r"(r8), "+r"(r9)
                 : [slot] "r"(hypercall_page + nr * 32)
                 : "memory", "rcx", "r11", "cc");
    return result;
}

/* Call any 32-bit number @nr by SYSCALL itself. */
static inline long hypercall_number(unsigned long nr, unsigned long a1, unsigned long a2)
{
    long result = nr;

    asm volatile("syscall"
                 : "+a"(result), "+D"(a1), "+S"(a2)
                 :
                 : "memory", "rcx", "r11", "cc", "rdx", "r10", "r8", "r9");
    return result;
}

#define HC_ARG(x) ((unsigned long)(x))
#define HC0(name) hypercall(__HYPERVISOR_##name, 0, 0, 0, 0, 0, 0)
#define HC1(name, a) hypercall(__HYPERVISOR_##name, HC_ARG(a), 0, 0, 0, 0, 0)
#define HC2(name, a, b) hypercall(__HYPERVISOR_##name, HC_ARG(a), HC_ARG(b), 0, 0, 0, 0)
#define HC3(name, a, b, c) \
    hypercall(__HYPERVISOR_##name, HC_ARG(a), HC_ARG(b), HC_ARG(c), 0, 0, 0)
#define HC4(name, a, b, c, d) \
    hypercall(__HYPERVISOR_##name, HC_ARG(a), HC_ARG(b), HC_ARG(c), HC_ARG(d), 0, 0)

#define hc_set_trap_table(table) HC1(set_trap_table, table)
#define hc_mmu_update(req, count, done, dom) HC4(mmu_update, req, count, done, dom)
#define hc_set_gdt(frames, entries) HC2(set_gdt, frames, entries)
#define hc_stack_switch(ss, rsp) HC2(stack_switch, ss, rsp)
#define hc_set_callbacks(event, failsafe, syscall) HC3(set_callbacks, event, failsafe, syscall)
#define hc_fpu_taskswitch(set) HC1(fpu_taskswitch, set)
#define hc_platform_op(op) HC1(platform_op, op)
#define hc_set_debugreg(reg, value) HC2(set_debugreg, reg, value)
#define hc_get_debugreg(reg) HC1(get_debugreg, reg)
#define hc_update_descriptor(maddr, desc) HC2(update_descriptor, maddr, desc)
#define hc_memory_op(cmd, arg) HC2(memory_op, cmd, arg)
#define hc_multicall(list, count) HC2(multicall, list, count)
#define hc_update_va_mapping(va, pte, flags) HC3(update_va_mapping, va, pte, flags)
#define hc_update_va_mapping_otherdomain(va, pte, flags, dom) \
    HC4(update_va_mapping_otherdomain, va, pte, flags, dom)
#define hc_set_timer_op(timeout) HC1(set_timer_op, timeout)
#define hc_xen_version(cmd, arg) HC2(xen_version, cmd, arg)
#define hc_console_io(cmd, count, buffer) HC3(console_io, cmd, count, buffer)
#define hc_grant_table_op(cmd, ops, count) HC3(grant_table_op, cmd, ops, count)
#define hc_vm_assist(cmd, type) HC2(vm_assist, cmd, type)
#define hc_vcpu_op(cmd, vcpu, arg) HC3(vcpu_op, cmd, vcpu, arg)
#define hc_set_segment_base(which, base) HC2(set_segment_base, which, base)
#define hc_mmuext_op(ops, count, done, dom) HC4(mmuext_op, ops, count, done, dom)
#define hc_nmi_op(cmd, arg) HC2(nmi_op, cmd, arg)
#define hc_sched_op(cmd, arg) HC2(sched_op, cmd, arg)
#define hc_callback_op(cmd, arg) HC2(callback_op, cmd, arg)
#define hc_event_channel_op(cmd, arg) HC2(event_channel_op, cmd, arg)
#define hc_physdev_op(cmd, arg) HC2(physdev_op, cmd, arg)
#define hc_domctl(op) HC1(domctl, op)
#define hc_sysctl(op) HC1(sysctl, op)

#endif
