/* SPDX-License-Identifier: BSD-2-Clause */
/* Trap dispatch and the catching of expected traps. One pending catch per vCPU; catches nest. */
#include "guest.h"

bool catch_call(struct catch *c, void (*fn)(void *), void *arg);
void catch_resume(uint64_t rsp) __attribute__((noreturn));
bool catch_user(struct catch *c, long (*fn)(void *), void *arg, uint64_t stack, uint64_t rflags);
void trap_dispatch(struct regs *regs);

uint64_t failsafe_segments[4];

static trap_hook_t *hooks[VEC_COUNT];
static uint8_t user_stacks[MAX_VCPUS][8192] __attribute__((aligned(4096)));
static struct trap_info default_table[35];

const struct trap_info *trap_default_table(void)
{
    return default_table;
}

void trap_hook(unsigned int vector, trap_hook_t *hook)
{
    hooks[vector] = hook;
}

void trap_init(void)
{
    struct callback_register syscall = { .type = CALLBACKTYPE_syscall, .flags = 0,
                                         .address = (unsigned long)syscall_stub };
    unsigned int i;

    for (i = 0; i < 33; i++) {
        unsigned int vector = i < 32 ? i : 0x80;

        default_table[i].vector = vector;
        default_table[i].cs = FLAT_KERNEL_CS;
        /* DPL 3 where user code may raise it by INT n. */
        default_table[i].flags = vector == 3 || vector == 4 || vector == 0x80 ? 3 : 0;
        default_table[i].address = (unsigned long)trap_stubs + 16 * vector;
    }
    if (hc_set_trap_table(default_table) ||
        hc_set_callbacks(event_stub, failsafe_stub, syscall_stub) ||
        hc_callback_op(CALLBACKOP_register, &syscall))
        report_error("trap table or callbacks refused at start");
}

static void __attribute__((noreturn)) unexpected(const struct regs *r)
{
    printf("Unexpected trap %lu error 0x%lx cr2 0x%lx on vCPU %u\n", r->vector, r->error,
           this_vcpu()->info->arch.cr2, this_vcpu()->id);
    printf("rip %lx cs %lx flags %lx rsp %lx ss %lx\n", r->rip, r->cs, r->rflags, r->rsp, r->ss);
    printf("rax %lx rbx %lx rcx %lx rdx %lx rsi %lx rdi %lx rbp %lx\n", r->rax, r->rbx, r->rcx,
           r->rdx, r->rsi, r->rdi, r->rbp);
    report_error("unexpected trap %lu error 0x%lx at %lx", r->vector, r->error, r->rip);
}

void trap_dispatch(struct regs *regs)
{
    struct vcpu *vcpu = this_vcpu();
    struct catch *c = vcpu->catch;

    if (regs->vector < VEC_COUNT && hooks[regs->vector] && hooks[regs->vector](regs))
        return;
    if (regs->vector == VEC_EVENT) {
        event_upcall();
        return;
    }
    if (!c)
        unexpected(regs);
    c->trap.vector = (int)regs->vector;
    c->trap.error = regs->error;
    c->trap.cr2 = vcpu->info->arch.cr2;
    c->trap.regs = *regs;
    catch_resume(c->rsp);
}

static void catch_begin(struct vcpu *vcpu, struct catch *c)
{
    c->outer = vcpu->catch;
    c->upcall_mask = vcpu->info->evtchn_upcall_mask;
    c->trap.vector = -1;
    vcpu->catch = c;
}

static void catch_end(struct vcpu *vcpu, struct catch *c, bool trapped, struct trap *trap)
{
    vcpu->catch = c->outer;
    if (trapped)
        vcpu->info->evtchn_upcall_mask = c->upcall_mask;
    if (trap)
        *trap = c->trap;
}

bool trap_catch(void (*fn)(void *), void *arg, struct trap *trap)
{
    struct vcpu *vcpu = this_vcpu();
    struct catch c;
    bool trapped;

    catch_begin(vcpu, &c);
    trapped = catch_call(&c, fn, arg);
    catch_end(vcpu, &c, trapped, trap);
    return trapped;
}

/* The hypervisor's frames for traps from user mode go well below the stack in use here. */
#define ENTRY_STACK_GAP 2048

void trap_user(long (*fn)(void *), void *arg, unsigned long flags, struct trap *trap)
{
    struct vcpu *vcpu = this_vcpu();
    struct catch c;
    uint64_t rsp, stack = (uint64_t)user_stacks[vcpu->id] + sizeof(user_stacks[0]) - 16;

    if (!vcpu->user_ready) {
        struct mmuext_op op = { .cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = mm_root_mfn() };

        require(hc_mmuext_op(&op, 1, NULL, DOMID_SELF), 0);
        vcpu->user_ready = true;
    }
    asm volatile("mov %%rsp, %0" : "=r"(rsp));
    require(hc_stack_switch(FLAT_KERNEL_SS, (rsp & ~15UL) - ENTRY_STACK_GAP), 0);
    catch_begin(vcpu, &c);
    flags |= RFLAGS_FIXED | (c.upcall_mask ? 0 : RFLAGS_IF);
    catch_user(&c, fn, arg, stack, flags);
    catch_end(vcpu, &c, true, trap);
}

long user_call(long (*fn)(void *), void *arg)
{
    struct trap trap;

    trap_user(fn, arg, 0, &trap);
    if (trap.vector != VEC_SYSCALL) {
        report_failure("user code trapped: vector %d error 0x%lx at %lx", trap.vector, trap.error,
                       trap.regs.rip);
        return -1;
    }
    return (long)trap.regs.rax;
}

static bool judge(int line, const char *what, const char *mode, const struct trap *t, int vector,
                  long error)
{
    if (t->vector == vector && (error == -1 || (uint64_t)error == t->error))
        return true;
    if (t->vector == -1 || t->vector == VEC_SYSCALL)
        report_failure("line %d: %s in %s mode did not trap, vector %d due", line, what, mode,
                       vector);
    else
        report_failure("line %d: %s in %s mode gave vector %d error 0x%lx, not %d error 0x%lx",
                       line, what, mode, t->vector, t->error, vector, error);
    return false;
}

bool expect_trap_at(int line, const char *what, void (*fn)(void *), void *arg, int vector,
                    long error)
{
    struct trap trap;

    trap_catch(fn, arg, &trap);
    return judge(line, what, "kernel", &trap, vector, error);
}

bool expect_user_trap_at(int line, const char *what, long (*fn)(void *), void *arg, int vector,
                         long error)
{
    struct trap trap;

    trap_user(fn, arg, 0, &trap);
    return judge(line, what, "user", &trap, vector, error);
}
