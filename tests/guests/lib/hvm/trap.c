/* SPDX-License-Identifier: BSD-2-Clause */
/* Traps of a hardware-assisted micro-guest: PV guests' interface, with a real IDT behind it. */
#include "hvm.h"

bool catch_call(struct catch *c, void (*fn)(void *), void *arg);
void catch_resume(uint64_t rsp) __attribute__((noreturn));
bool catch_user(struct catch *c, long (*fn)(void *), void *arg, uint64_t stack, uint64_t rflags);
void trap_dispatch(struct regs *regs);
void trap_table_init(uint64_t (*table)[2]);

static trap_hook_t *hooks[VEC_COUNT];
static uint8_t user_stacks[MAX_VCPUS][8192] __attribute__((aligned(4096)));

void trap_hook(unsigned int vector, trap_hook_t *hook)
{
    hooks[vector] = hook;
}

void trap_table_init(uint64_t (*table)[2])
{
    unsigned int i;

    for (i = 0; i < 256; i++) {
        uint64_t at = (uint64_t)trap_stubs + 16 * i;
        /* DPL 3 where user code may raise it by INT n. */
        uint64_t type = i == 3 || i == 4 || i == 0x80 || i == VEC_LEAVE_USER ? 0xee : 0x8e;

        table[i][0] = (at & 0xffff) | KERNEL_CS64 << 16 | type << 40 | (at >> 16 & 0xffff) << 48;
        table[i][1] = at >> 32;
    }
}

static void __attribute__((noreturn)) unexpected(const struct regs *r)
{
    printf("Unexpected trap %lu error 0x%lx cr2 0x%lx on vCPU %u\n", r->vector, r->error,
           read_cr2(), this_vcpu()->id);
    printf("rip %lx cs %lx flags %lx rsp %lx ss %lx\n", r->rip, r->cs, r->rflags, r->rsp, r->ss);
    report_error("unexpected trap %lu error 0x%lx at %lx", r->vector, r->error, r->rip);
}

void trap_dispatch(struct regs *regs)
{
    struct vcpu *vcpu = this_vcpu();
    struct catch *c = vcpu->catch;

    if (regs->vector < VEC_COUNT && hooks[regs->vector] && hooks[regs->vector](regs))
        return;
    if (regs->vector == VEC_CALLBACK) {
        event_upcall();
        return;
    }
    if (!c)
        unexpected(regs);
    c->trap.vector = regs->vector == VEC_LEAVE_USER ? VEC_SYSCALL : (int)regs->vector;
    c->trap.error = regs->error;
    c->trap.cr2 = read_cr2();
    c->trap.regs = *regs;
    catch_resume(c->rsp);
}

static uint64_t flags_now(void)
{
    uint64_t flags;

    asm volatile("pushf; pop %0" : "=r"(flags));
    return flags;
}

static void catch_begin(struct vcpu *vcpu, struct catch *c)
{
    c->outer = vcpu->catch;
    c->upcall_mask = !(flags_now() & RFLAGS_IF);
    c->trap.vector = -1;
    vcpu->catch = c;
}

static void catch_end(struct vcpu *vcpu, struct catch *c, struct trap *trap)
{
    vcpu->catch = c->outer;
    if (!c->upcall_mask)
        interrupts_on();
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
    catch_end(vcpu, &c, trap);
    return trapped;
}

void trap_user(long (*fn)(void *), void *arg, unsigned long flags, struct trap *trap)
{
    struct vcpu *vcpu = this_vcpu();
    struct catch c;
    uint64_t stack = (uint64_t)user_stacks[vcpu->id] + sizeof(user_stacks[0]) - 16;

    catch_begin(vcpu, &c);
    catch_user(&c, fn, arg, stack, flags | RFLAGS_FIXED | (c.upcall_mask ? 0 : RFLAGS_IF));
    catch_end(vcpu, &c, trap);
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

/* --- MSRs that may fault --- */

struct msr_access { uint32_t msr; uint64_t val; };

static void do_read(void *arg)
{
    struct msr_access *a = arg;

    a->val = rdmsr(a->msr);
}

static void do_write(void *arg)
{
    const struct msr_access *a = arg;

    wrmsr(a->msr, a->val);
}

bool rdmsr_faults(uint32_t msr, uint64_t *val)
{
    struct msr_access a = { msr, 0 };
    struct trap t;

    if (trap_catch(do_read, &a, &t))
        return t.vector == VEC_GP;
    *val = a.val;
    return false;
}

bool wrmsr_faults(uint32_t msr, uint64_t val)
{
    struct msr_access a = { msr, val };
    struct trap t;

    return trap_catch(do_write, &a, &t) && t.vector == VEC_GP;
}
