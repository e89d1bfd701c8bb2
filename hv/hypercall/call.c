/* SPDX-License-Identifier: BSD-2-Clause */
/* Continuations: a hypercall that has run long enough arranges that the guest makes it again, with
   what is left to do. */
#include <hv/hvm/hvm.h>
#include <hv/hypercall.h>
#include <hv/lib.h>
#include <hv/printk.h>

/* Of SYSCALL and of INT 0x82. */
#define CALL_INSN_LENGTH 2

static void continue_plain(unsigned int op, unsigned int nargs, const unsigned long *args)
{
    struct cpu_user_regs *regs = guest_regs();
    uint64_t *const arg_reg[] = { &regs->rdi, &regs->rsi, &regs->rdx,
                                  &regs->r10, &regs->r8, &regs->r9 };

    regs->rax = op;
    regs->rip -= CALL_INSN_LENGTH;
    for (unsigned int i = 0; i < nargs; i++)
        *arg_reg[i] = args[i];
}

static void continue_multicall(struct multicall_entry *call, unsigned int op, unsigned int nargs,
                               const unsigned long *args)
{
    call->op = op;
    call->result = 0;
    for (unsigned int i = 0; i < ARRAY_SIZE(call->args); i++)
        call->args[i] = i < nargs ? args[i] : 0;
}

long hypercall_continue(unsigned int op, unsigned int nargs, const unsigned long *args)
{
    ASSERT(nargs <= 6);
    current->hcall_preempted = true;
    if (current->hcall_in_multicall)
        continue_multicall(multicall_current(), op, nargs, args);
    else if (current->domain->is_hvm)
        hvm_continue_hypercall(op, nargs, args);
    else
        continue_plain(op, nargs, args);
    /* The entry code stores the handler's result in RAX, where the number of the call must be when
       it is made again. */
    return op;
}
