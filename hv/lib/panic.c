/* SPDX-License-Identifier: BSD-2-Clause */
/* The end: what was wrong, where, and what led to it; then stop or reboot. */
#include <hv/acpi.h>
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/current.h>
#include <hv/desc.h>
#include <hv/domain.h>
#include <hv/exits.h>
#include <hv/kept_log.h>
#include <hv/lib.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/smp.h>
#include <hv/spinlock.h>
#include <hv/time.h>
#include <hv/trace.h>
#include <hv/traps.h>

#define REBOOT_SECONDS 5
#define LAST_RECORDS 24
#define NOBODY UINT32_MAX

static bool opt_noreboot;
bool_param("noreboot", opt_noreboot);

static uint32_t panicking = NOBODY;

static void noreturn stop_here(void)
{
    for (;;) {
        local_irq_disable();
        halt();
    }
}

/* One CPU at a time; a panic inside of the panic ends it. */
static void begin(void)
{
    uint32_t me = smp_processor_id(), first;

    local_irq_disable();
    first = cmpxchg(&panicking, NOBODY, me);
    if (first != NOBODY && first != me)
        stop_here();
    console_force_unlock();
    console_start_sync();
    if (first == me) {
        printk("Panic inside of a panic: stopped.\n");
        stop_here();
    }
    if (system_state >= SYS_smp_boot)
        smp_stop_others();
    system_state = SYS_panic;
    console_force_unlock();
    kept_log_next_block();
}

void end_after_fault(void)
{
    if (opt_noreboot) {
        printk("Stopped here as noreboot says. Reset the machine by hand.\n");
        machine_halt();
    }
    printk("Rebooting in %u seconds (noreboot prevents it).\n", REBOOT_SECONDS);
    for (unsigned int ms = 0; ms < REBOOT_SECONDS * 1000; ms++)
        udelay(1000);
    machine_restart();
}

/* The registers here and now. Those that calls preserve are as the caller of panic() left them. */
static void show_own_registers(void)
{
    struct cpu_user_regs r = { .cs = HV_CS };

    __asm__ volatile("movq %%rax, %0; movq %%rbx, %1; movq %%rcx, %2; movq %%rdx, %3"
                     : "=m"(r.rax), "=m"(r.rbx), "=m"(r.rcx), "=m"(r.rdx));
    __asm__ volatile("movq %%rsi, %0; movq %%rdi, %1; movq %%rbp, %2; movq %%rsp, %3"
                     : "=m"(r.rsi), "=m"(r.rdi), "=m"(r.rbp), "=m"(r.rsp));
    __asm__ volatile("movq %%r8, %0; movq %%r9, %1; movq %%r10, %2; movq %%r11, %3"
                     : "=m"(r.r8), "=m"(r.r9), "=m"(r.r10), "=m"(r.r11));
    __asm__ volatile("movq %%r12, %0; movq %%r13, %1; movq %%r14, %2; movq %%r15, %3"
                     : "=m"(r.r12), "=m"(r.r13), "=m"(r.r14), "=m"(r.r15));
    __asm__ volatile("leaq (%%rip), %0" : "=r"(r.rip));
    __asm__ volatile("pushfq; popq %0" : "=r"(r.rflags));
    show_registers(&r);
}

static void say(const char *fmt, va_list args)
{
    printk("****************************************\nPanic on CPU %u: ", smp_processor_id());
    vprintk(fmt, args);
    printk("\n****************************************\n");
}

void panic(const char *fmt, ...)
{
    bool booting = system_state < SYS_smp_boot;
    va_list args;

    begin();
    va_start(args, fmt);
    say(fmt, args);
    va_end(args);
    printk("Hospes " HOSPES_VERSION ", current %s\n", current_name());
    show_own_registers();
    show_backtrace(NULL);
    if (!booting && current && !current->is_idle) {
        printk("The guest that ran here entered the hypervisor at:\n");
        show_registers(guest_regs());
    }
    exits_dump(smp_processor_id(), LAST_RECORDS);
    if (!booting)
        trace_dump(LAST_RECORDS);
    va_start(args, fmt);
    say(fmt, args);
    va_end(args);
    end_after_fault();
}

void bug_at(const char *file, int line, const char *what)
{
    panic("%s at %s:%d", what, file, line);
}

