/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is a guest that can't go on crashed alone, with the hypervisor and the other domains unharmed?
 *
 * Each case is one domain; the launcher expects shutdown code "crash" and its frames back. Cases:
 * iret to user mode without user page tables, iret with a frame that can't be read, an exception
 * without handler, an exception on a stack that is not there, in user mode with no kernel stack, a
 * callback address without mapping that faults for ever, a failsafe without callback.
 */
#include <guest.h>

static void user_without_tables(void)
{
    struct iret_context f = {
        .rip = 0x1000, .cs = FLAT_USER_CS, .ss = FLAT_USER_SS, .rflags = RFLAGS_IF, .rsp = 0x2000,
    };

    iret_to(&f);
}

static void iret_without_stack(void)
{
    asm volatile("mov $0x3000, %%rsp; mov %0, %%eax; syscall" : : "i"(__HYPERVISOR_iret) : "rax");
}

static void iret_hypervisor_stack(void)
{
    asm volatile("mov %0, %%rsp; mov %1, %%eax; syscall"
                 : : "r"(HYPERVISOR_VIRT_START + 0x1000), "i"(__HYPERVISOR_iret) : "rax");
}

static void no_handler(void)
{
    hc_set_trap_table(NULL);
    asm volatile("ud2");
}

static void no_stack(void)
{
    asm volatile("mov $0x3000, %rsp; ud2");
}

static void non_canonical_stack(void)
{
    asm volatile("mov $0x8000000000000000, %rsp; ud2");
}

static void hypervisor_stack(void)
{
    asm volatile("mov %0, %%rsp; ud2" : : "r"(0xffff82d080000000UL));
}

static long user_ud(void *unused)
{
    (void)unused;
    asm volatile("ud2");
    return 0;
}

static bool bad_stack;

static long spoil_stack_and_trap(void *unused)
{
    return user_ud(unused);
}

static bool on_first(struct regs *r)
{
    (void)r;
    if (bad_stack)
        return false;
    bad_stack = true;
    hc_stack_switch(FLAT_KERNEL_SS, 0x5000);
    return true;
}

static void no_kernel_stack(void)
{
    struct trap t;

    trap_hook(VEC_UD, on_first);
    trap_user(spoil_stack_and_trap, NULL, 0, &t);
}

static void handler_without_mapping(void)
{
    struct trap_info rows[3] = {
        { .vector = VEC_UD, .cs = FLAT_KERNEL_CS, .address = 0x7000 },
        { .vector = VEC_PF, .cs = FLAT_KERNEL_CS, .address = 0x7000 },
    };

    hc_set_trap_table(rows);
    asm volatile("ud2");
}

static void event_stack(void)
{
    long port = event_bind_ipi(0);

    event_unmask((unsigned int)port);
    asm volatile("mov $0x3000, %%rsp; mov %0, %%eax; mov %1, %%edi; mov %2, %%rsi; syscall"
                 : : "i"(__HYPERVISOR_event_channel_op), "i"(EVTCHNOP_send),
                     "r"(&(struct evtchn_send){ .port = (unsigned int)port })
                 : "rax", "rdi", "rsi", "rcx", "r11", "memory");
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    { "user-without-tables", user_without_tables },
    { "iret-without-stack", iret_without_stack },
    { "iret-hypervisor-stack", iret_hypervisor_stack },
    { "no-handler", no_handler },
    { "no-stack", no_stack },
    { "non-canonical-stack", non_canonical_stack },
    { "hypervisor-stack", hypervisor_stack },
    { "no-kernel-stack", no_kernel_stack },
    { "handler-without-mapping", handler_without_mapping },
    { "event-stack", event_stack },
};

void test_main(void)
{
    char name[40] = "";
    unsigned int i;

    line_text(command_line(), "case", name, sizeof(name));
    for (i = 0; i < ARRAY_SIZE(cases); i++) {
        if (strcmp(cases[i].name, name))
            continue;
        printf("case %s\n", name);
        cases[i].run();
        report_failure("case %s did not crash the domain", name);
        return;
    }
    report_error("no case %s", name);
}
