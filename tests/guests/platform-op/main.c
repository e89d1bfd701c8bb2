/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does platform_op serve domain 0: set the time, tell processors and firmware, and refuse the rest?
 *
 * The ABI: interface version 0x03000000, else -EACCES; settime64 moves the wall clock; get_cpuinfo
 * tells presence by xen_cpuid up to max_present; firmware_info gives what the boot loader told or
 * -ESRCH/-EINVAL; unknown commands give -ENOSYS.
 */
#include <guest.h>

static struct xen_platform_op op;

static long call(uint32_t cmd)
{
    op.cmd = cmd;
    op.interface_version = XENPF_INTERFACE_VERSION;
    return hc_platform_op(&op);
}

static uint64_t boot_seconds(void)
{
    return shared_info->wc_sec | (uint64_t)shared_info->wc_sec_hi << 32;
}

static void set_time(void)
{
    uint64_t before = boot_seconds();

    memset(&op, 0, sizeof(op));
    op.u.settime64.secs = 2000000000;
    op.u.settime64.nsecs = 5;
    op.u.settime64.system_time = now_ns();
    expect(call(XENPF_settime64), 0);
    check(boot_seconds() >= 1999990000 && boot_seconds() <= 2000000000,
          "boot is now at %lu s, was %lu", boot_seconds(), before);
    op.u.settime64.mbz = 1;
    expect(call(XENPF_settime64), -XEN_EINVAL);
    op.u.settime64.mbz = 0;
    op.u.settime64.secs = before + now_ns() / NS_PER_SEC;
    op.u.settime64.system_time = now_ns();
    expect(call(XENPF_settime64), 0);
}

static void processors(void)
{
    memset(&op, 0, sizeof(op));
    op.u.pcpu_info.xen_cpuid = 0;
    expect(call(XENPF_get_cpuinfo), 0);
    check(op.u.pcpu_info.flags & XEN_PCPU_FLAGS_ONLINE, "processor 0 is not online: 0x%x",
          op.u.pcpu_info.flags);
    expect(op.u.pcpu_info.apic_id, 0);
    expect(op.u.pcpu_info.max_present, 1);
    op.u.pcpu_info.xen_cpuid = 1;
    expect(call(XENPF_get_cpuinfo), 0);
    check(op.u.pcpu_info.flags & XEN_PCPU_FLAGS_ONLINE, "processor 1 is not online");
    op.u.pcpu_info.xen_cpuid = 5000;
    check(call(XENPF_get_cpuinfo) < 0 || (op.u.pcpu_info.flags & XEN_PCPU_FLAGS_INVALID),
          "processor 5000 exists");
    op.u.pcpu_info.xen_cpuid = 0xffffffff;
    check(call(XENPF_get_cpuinfo) < 0 || (op.u.pcpu_info.flags & XEN_PCPU_FLAGS_INVALID),
          "processor 2^32 exists");
}

static void firmware(void)
{
    long got;

    memset(&op, 0, sizeof(op));
    op.u.firmware_info.type = XEN_FW_KBD_SHIFT_FLAGS;
    expect(call(XENPF_firmware_info), 0);
    op.u.firmware_info.type = XEN_FW_EFI_INFO;
    op.u.firmware_info.index = XEN_FW_EFI_VERSION;
    check(call(XENPF_firmware_info) < 0, "EFI on a BIOS machine");
    op.u.firmware_info.type = XEN_FW_DISK_INFO;
    op.u.firmware_info.index = 1000;
    got = call(XENPF_firmware_info);
    check(got == -XEN_ESRCH || got == -XEN_EINVAL, "disk 1000: %ld", got);
    op.u.firmware_info.type = 99;
    expect(call(XENPF_firmware_info), -XEN_EINVAL);
}

/* What Linux uploads about a processor's power management. */
static void power(void)
{
    static uint32_t pdc[3] = { 1, 1, 0 };

    memset(&op, 0, sizeof(op));
    op.u.set_pminfo.type = XEN_PM_PDC;
    set_xen_guest_handle(op.u.set_pminfo.u.pdc, pdc);
    expect(call(XENPF_set_processor_pminfo), 0);
    set_xen_guest_handle(op.u.set_pminfo.u.pdc, (void *)0x1000);
    expect(call(XENPF_set_processor_pminfo), -XEN_EFAULT);
    op.u.set_pminfo.type = 99;
    expect(call(XENPF_set_processor_pminfo), -XEN_EINVAL);
}

void test_main(void)
{
    set_time();
    power();
    processors();
    firmware();
    memset(&op, 0, sizeof(op));
    expect(call(200), -XEN_ENOSYS);
    expect(call(0xffffffff), -XEN_ENOSYS);
    op.cmd = XENPF_settime64;
    op.interface_version = 0x02000000;
    expect(hc_platform_op(&op), -XEN_EACCES);
    expect(hc_platform_op(0x1000), -XEN_EFAULT);
    /* Sleep states beyond those that exist must not put the machine to sleep. */
    op.u.enter_acpi_sleep.sleep_state = 77;
    check(call(XENPF_enter_acpi_sleep) < 0, "sleep state 77");
}
