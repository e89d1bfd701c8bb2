/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * platform_op: what dom0 tells and asks about the machine itself. The table's row decides that only
 * the control domain gets here.
 */
#include <hv/acpi.h>
#include <hv/cpuid.h>
#include <hv/efi.h>
#include <hv/errno.h>
#include <hv/hypercall.h>
#include <hv/lib.h>
#include <hv/msr_index.h>
#include <hv/sched.h>
#include <hv/smp.h>
#include <hv/spinlock.h>
#include <hv/time.h>
#include <hv/uaccess.h>
#include <xen/platform.h>

#define RESOURCE_MAX_ENTRIES 2

/* --- Clock --- */

static long op_settime64(struct xen_platform_op *op)
{
    if (op->u.settime64.mbz || op->u.settime64.nsecs >= SECONDS(1))
        return -EINVAL;
    set_wallclock(op->u.settime64.secs, op->u.settime64.nsecs, op->u.settime64.system_time);
    return 0;
}

static long op_settime32(struct xen_platform_op *op)
{
    if (op->u.settime32.nsecs >= SECONDS(1))
        return -EINVAL;
    set_wallclock(op->u.settime32.secs, op->u.settime32.nsecs, op->u.settime32.system_time);
    return 0;
}

/* --- CPUs --- */

static bool cpu_present(unsigned int cpu)
{
    return cpu < nr_cpu_ids && cpumask_test(cpu, &cpu_possible_map);
}

static unsigned int last_present(void)
{
    unsigned int cpu, last = 0;

    for_each_cpu(cpu, &cpu_possible_map)
        last = cpu;
    return last;
}

static uint32_t acpi_uid(uint32_t apicid)
{
    for (unsigned int i = 0; i < acpi.nr_cpus; i++)
        if (acpi.cpus[i].apicid == apicid)
            return acpi.cpus[i].uid;
    return 0;
}

static long op_get_cpuinfo(struct xen_platform_op *op)
{
    struct xenpf_pcpuinfo *info = &op->u.pcpu_info;
    unsigned int cpu = info->xen_cpuid;

    info->max_present = last_present();
    if (!cpu_present(cpu)) {
        info->flags = XEN_PCPU_FLAGS_INVALID;
        return 0;
    }
    info->apic_id = cpu_apicid[cpu];
    info->acpi_id = acpi_uid(cpu_apicid[cpu]);
    info->flags = cpumask_test(cpu, &cpu_online_map) ? XEN_PCPU_FLAGS_ONLINE : 0;
    return 0;
}

static const char *vendor_id(void)
{
    static const char *const names[] = {
        [VENDOR_intel] = "GenuineIntel",
        [VENDOR_amd] = "AuthenticAMD",
        [VENDOR_hygon] = "HygonGenuine",
    };

    return boot_cpu.vendor < ARRAY_SIZE(names) && names[boot_cpu.vendor] ? names[boot_cpu.vendor]
                                                                         : "            ";
}

static long op_get_cpu_version(struct xen_platform_op *op)
{
    struct xenpf_pcpu_version *ver = &op->u.pcpu_version;

    ver->max_present = last_present();
    if (ver->xen_cpuid >= nr_cpu_ids || !cpumask_test(ver->xen_cpuid, &cpu_online_map)) {
        memset(ver->vendor_id, 0, sizeof(ver->vendor_id));
        ver->family = ver->model = ver->stepping = 0;
        return 0;
    }
    memcpy(ver->vendor_id, vendor_id(), sizeof(ver->vendor_id));
    ver->family = boot_cpu.family;
    ver->model = boot_cpu.model;
    ver->stepping = boot_cpu.stepping;
    return 0;
}

/* CPUs are not taken down or brought back while the machine runs. */
static long op_cpu_online(struct xen_platform_op *op)
{
    if (!cpu_present(op->u.cpu_ol.cpuid))
        return -EINVAL;
    return cpumask_test(op->u.cpu_ol.cpuid, &cpu_online_map) ? 0 : -EOPNOTSUPP;
}

static long op_cpu_offline(struct xen_platform_op *op)
{
    if (!cpu_present(op->u.cpu_ol.cpuid))
        return -EINVAL;
    return cpumask_test(op->u.cpu_ol.cpuid, &cpu_online_map) ? -EOPNOTSUPP : 0;
}

static long op_getidletime(struct xen_platform_op *op)
{
    struct xenpf_getidletime *it = &op->u.getidletime;
    unsigned int nr = MIN(it->cpumap_nr_cpus, (uint32_t)NR_CPUS);
    uint8_t map[NR_CPUS / 8] = { };

    if (copy_from_handle(map, it->cpumap_bitmap, DIV_ROUND_UP(nr, 8)))
        return -EFAULT;
    for (unsigned int cpu = 0; cpu < nr; cpu++) {
        uint64_t idle = 0;

        if (!(map[cpu / 8] & (1u << cpu % 8)))
            continue;
        if (cpu < nr_cpu_ids && cpumask_test(cpu, &cpu_online_map))
            idle = get_cpu_idle_time(cpu);
        else
            map[cpu / 8] &= (uint8_t)~(1u << cpu % 8);
        if (copy_to_handle_offset(it->idletime, cpu, &idle, 1))
            return -EFAULT;
    }
    it->now = (uint64_t)NOW();
    return copy_to_handle(it->cpumap_bitmap, map, DIV_ROUND_UP(nr, 8)) ? -EFAULT : 0;
}

/* --- Power --- */

static long op_enter_acpi_sleep(struct xen_platform_op *op)
{
    const struct xenpf_enter_acpi_sleep *s = &op->u.enter_acpi_sleep;

    if (s->flags & ~XENPF_ACPI_SLEEP_EXTENDED)
        return -EINVAL;
    if (s->flags & XENPF_ACPI_SLEEP_EXTENDED)
        return -EOPNOTSUPP;
    return acpi_enter_sleep(s->val_a, s->val_b, s->sleep_state);
}

/* Idle CPUs use HLT and firmware sets the frequency: what dom0 knows of power states is taken note
   of and not used. */
static long op_set_processor_pminfo(struct xen_platform_op *op)
{
    uint32_t pdc[3];

    switch (op->u.set_pminfo.type) {
    case XEN_PM_CX:
    case XEN_PM_PX:
        return 0;
    case XEN_PM_PDC:
        return copy_from_handle(pdc, op->u.set_pminfo.u.pdc, ARRAY_SIZE(pdc)) ? -EFAULT : 0;
    default:
        return -EINVAL;
    }
}

static long op_platform_quirk(struct xen_platform_op *op)
{
    switch (op->u.platform_quirk.quirk_id) {
    case QUIRK_NOIRQBALANCING:      /* interrupts stay where they are put anyway */
    case QUIRK_IOAPIC_BAD_REGSEL:   /* the index is written for each access anyway */
    case QUIRK_IOAPIC_GOOD_REGSEL:
        return 0;
    default:
        return -EINVAL;
    }
}

/* --- Firmware --- */

/* A multiboot start leaves no result of disk and video BIOS calls; the shift flags are in the BIOS
   data area. */
static long op_firmware_info(struct xen_platform_op *op)
{
    switch (op->u.firmware_info.type) {
    case XEN_FW_DISK_INFO:
    case XEN_FW_DISK_MBR_SIGNATURE:
    case XEN_FW_VBEDDC_INFO:
        return -ESRCH;
    case XEN_FW_EFI_INFO:
        return efi_get_info(op->u.firmware_info.index, &op->u.firmware_info.u.efi_info);
    case XEN_FW_KBD_SHIFT_FLAGS:
        if (op->u.firmware_info.index)
            return -ESRCH;
        op->u.firmware_info.u.kbd_shift_flags = acpi.bios_kbd_flags;
        return 0;
    default:
        return -EINVAL;
    }
}

static long op_efi_runtime_call(struct xen_platform_op *op)
{
    return efi_runtime_call(&op->u.efi_runtime_call);
}

/* --- Resources --- */

struct resource_batch {
    unsigned int nr, done;
    xenpf_resource_entry_t e[RESOURCE_MAX_ENTRIES];
};

/* Of the registers only the TSC's is open, as system time, and only to be read. */
static int check_entry(const xenpf_resource_entry_t *e)
{
    if (e->rsvd)
        return -EINVAL;
    if (e->u.cmd != XEN_RESOURCE_OP_MSR_READ && e->u.cmd != XEN_RESOURCE_OP_MSR_WRITE)
        return -EOPNOTSUPP;
    if (e->idx != MSR_TSC)
        return -EACCES;
    return e->u.cmd == XEN_RESOURCE_OP_MSR_READ ? 0 : -EPERM;
}

static void run_batch(void *arg)
{
    struct resource_batch *b = arg;

    for (; b->done < b->nr; b->done++) {
        int rc = check_entry(&b->e[b->done]);

        if (rc) {
            b->e[b->done].u.ret = rc;
            return;
        }
        b->e[b->done].val = (uint64_t)NOW();
    }
}

static long op_resource(struct xen_platform_op *op)
{
    const struct xenpf_resource_op *r = &op->u.resource_op;
    struct resource_batch b = { .nr = r->nr_entries };
    cpumask_t cpu;

    if (!b.nr)
        return 0;
    if (b.nr > RESOURCE_MAX_ENTRIES)
        return -EINVAL;
    if (r->cpu >= nr_cpu_ids || !cpumask_test(r->cpu, &cpu_online_map))
        return -ENODEV;
    if (copy_from_handle(b.e, r->entries, b.nr))
        return -EFAULT;
    cpumask_only(r->cpu, &cpu);
    on_cpus(&cpu, run_batch, &b, true);
    if (copy_to_handle(r->entries, b.e, MIN(b.done + 1, b.nr)))
        return -EFAULT;
    return b.done;
}

/* --- Refused on purpose --- */

static long op_not_supported(struct xen_platform_op *op)
{
    return -EOPNOTSUPP;
}

static long op_no_such(struct xen_platform_op *op)
{
    return -ENOSYS;
}

/* out: the arguments go back to the guest also when nothing failed. */
static const struct platform_row {
    long (*fn)(struct xen_platform_op *op);
    bool out;
} ops[] = {
    [XENPF_settime32] = { op_settime32, false },
    [XENPF_add_memtype] = { op_not_supported, false },
    [XENPF_del_memtype] = { op_not_supported, false },
    [XENPF_read_memtype] = { op_not_supported, false },
    [XENPF_microcode_update] = { op_not_supported, false },
    [XENPF_platform_quirk] = { op_platform_quirk, false },
    [XENPF_get_cpu_version] = { op_get_cpu_version, true },
    [XENPF_efi_runtime_call] = { op_efi_runtime_call, true },
    [XENPF_firmware_info] = { op_firmware_info, true },
    [XENPF_enter_acpi_sleep] = { op_enter_acpi_sleep, false },
    [XENPF_change_freq] = { op_no_such, false },
    [XENPF_getidletime] = { op_getidletime, true },
    [XENPF_set_processor_pminfo] = { op_set_processor_pminfo, false },
    [XENPF_get_cpuinfo] = { op_get_cpuinfo, true },
    [XENPF_cpu_online] = { op_cpu_online, false },
    [XENPF_cpu_offline] = { op_cpu_offline, false },
    [XENPF_cpu_hotadd] = { op_not_supported, false },
    [XENPF_mem_hotadd] = { op_not_supported, false },
    [XENPF_core_parking] = { op_not_supported, false },
    [XENPF_resource_op] = { op_resource, false },
    [XENPF_settime64] = { op_settime64, false },
    [XENPF_get_symbol] = { op_not_supported, false },
};

long do_platform_op(void *arg)
{
    struct xen_platform_op op;
    const struct platform_row *row;
    long rc;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    if (op.interface_version != XENPF_INTERFACE_VERSION)
        return -EACCES;
    row = row_nospec(ops, op.cmd);
    if (!row || !row->fn)
        return -ENOSYS;
    rc = row->fn(&op);
    if (!rc && row->out && copy_arg_to(arg, &op))
        return -EFAULT;
    return rc;
}
