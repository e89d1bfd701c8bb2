/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What becomes of the machine when domain 0 stops. An orderly end is carried out; after a crash the
 * options decide. dom0_crash=stay keeps the hypervisor and its other domains running, for a look by
 * debug key; nothing can be managed then.
 */
#include <hv/acpi.h>
#include <hv/bitops.h>
#include <hv/console.h>
#include <hv/domain_private.h>
#include <hv/errno.h>
#include <hv/kept_log.h>
#include <hv/lib.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/sched.h>
#include <hv/time.h>

#define STOP_WAIT_US 100000
#define STOP_POLL_US 10

static enum { CRASH_as_noreboot, CRASH_reboot, CRASH_halt, CRASH_stay } after_crash;

static int parse_dom0_crash(const char *s)
{
    if (!strcmp(s, "reboot"))
        after_crash = CRASH_reboot;
    else if (!strcmp(s, "halt"))
        after_crash = CRASH_halt;
    else if (!strcmp(s, "stay"))
        after_crash = CRASH_stay;
    else
        return -EINVAL;
    return 0;
}
custom_param("dom0_crash", parse_dom0_crash);

/* Registers of a vCPU that runs elsewhere are on that CPU's stack: it has to leave first. */
static void stop_vcpus(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v) {
        set_bit(VPF_shutdown, &v->pause_flags);
        vcpu_sleep_nosync(v);
    }
    for_each_vcpu (d, v)
        for (unsigned int us = 0; v != current && READ_ONCE(v->is_running) && us < STOP_WAIT_US;
             us += STOP_POLL_US)
            udelay(STOP_POLL_US);
}

static void show(struct domain *d)
{
    struct vcpu *v;

    stop_vcpus(d);
    for_each_vcpu (d, v)
        if (!test_bit(VPF_down, &v->pause_flags))
            vcpu_show(v);
}

static void crashed(struct domain *d)
{
    show(d);
    switch (after_crash) {
    case CRASH_stay:
        printk("The hypervisor stays, as dom0_crash=stay says; type h for its debug keys.\n");
        console_input_to_hypervisor();
        return;
    case CRASH_halt:
        printk("The machine stops here, as dom0_crash=halt says. Reset it by hand.\n");
        machine_halt();
    case CRASH_reboot:
        machine_restart();
    default:
        end_after_fault();
    }
}

static void noreturn power_off(void)
{
    kept_log_discard();
    acpi_power_off();
    machine_halt();
}

static void noreturn reboot(void)
{
    kept_log_discard();
    machine_restart();
}

void dom0_shutdown(struct domain *d, int reason)
{
    if (after_crash != CRASH_stay || reason == SHUTDOWN_poweroff || reason == SHUTDOWN_reboot)
        console_start_sync();
    switch (reason) {
    case SHUTDOWN_poweroff:
        printk("Domain 0 has powered off: so does the machine.\n");
        power_off();
    case SHUTDOWN_reboot:
        printk("Domain 0 asks for a reboot: the machine restarts.\n");
        reboot();
    case SHUTDOWN_soft_reset:
        printk("Domain 0 asks for a soft reset, which it can't have: the machine restarts.\n");
        reboot();
    case SHUTDOWN_watchdog:
        printk("Domain 0 did not serve its watchdog: the machine restarts.\n");
        show(d);
        machine_restart();
    case SHUTDOWN_crash:
        printk("Domain 0 crashed.\n");
        crashed(d);
        return;
    default:
        printk("Domain 0 stopped for an unknown reason (%d).\n", reason);
        crashed(d);
        return;
    }
}
