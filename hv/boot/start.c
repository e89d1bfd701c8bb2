/* SPDX-License-Identifier: BSD-2-Clause */
/* The order of boot: from the boot loader's information to domain 0. CPU 0, interrupts off until
   the timers run. */
#include <hv/acpi.h>
#include <hv/apic.h>
#include <hv/boot.h>
#include <hv/bootmem.h>
#include <hv/console.h>
#include <hv/cpuid.h>
#include <hv/desc.h>
#include <hv/efi.h>
#include <hv/errno.h>
#include <hv/hvm/hvm.h>
#include <hv/irq.h>
#include <hv/kept_log.h>
#include <hv/lib.h>
#include <hv/mce.h>
#include <hv/mm.h>
#include <hv/multiboot.h>
#include <hv/numa.h>
#include <hv/param.h>
#include <hv/pci.h>
#include <hv/printk.h>
#include <hv/sched.h>
#include <hv/smp.h>
#include <hv/softirq.h>
#include <hv/spec.h>
#include <hv/time.h>
#include <hv/timer.h>
#include <hv/traps.h>
#include <hv/video.h>
#include <hv/watchdog.h>
#include <hv/xstate.h>
#include "../cpu/cpu_private.h"
#include "boot_private.h"
#include "early.h"

enum system_state system_state;

#define MIN_RAM (64UL << 20)
#define REFUSAL_BAUD "115200,8n1"

_Static_assert(sizeof(struct cpu_info) <= BOOT_STACK_TOP_GAP,
               "head.S leaves room for struct cpu_info");

static bool dom0_pvh;

static int __init parse_dom0(const char *value)
{
    dom0_pvh = !strcmp(value, "pvh");
    return dom0_pvh || !strcmp(value, "pv") ? 0 : -EINVAL;
}
custom_param("dom0", parse_dom0);

/* Outputs that the options did not make consoles: COM1 and the screen. */
static void __init refuse_on_hardware(const char *text, bool serial_is_console)
{
    if (!console_has_screen() && video_init())
        video_write(text, strlen(text));
    if (serial_is_console)
        return;
    serial_init(REFUSAL_BAUD);
    for (const char *p = text; serial_present() && *p; p++)
        serial_putc(*p);
}

/* The machine cannot run Hospes, or was not told how: says so on every output there is and stops.
   */
static void __init noreturn refuse(const char *what, const char *why)
{
    char text[240];
    bool serial_is_console = serial_present();

    console_start_sync();
    snprintf(text, sizeof(text), "Hospes cannot start (%s): %s\n", what, why);
    printk(XENLOG_ERR "%s", text);
    refuse_on_hardware(text, serial_is_console);
    serial_flush();
    machine_halt();
}

static int __init read_boot_info(uint32_t magic, paddr_t mbi)
{
    int rc = magic == MB1_LOADER_MAGIC ? multiboot1_parse(mbi) : multiboot2_parse(mbi);

    e820_sanitize(&boot_info.e820);
    return rc;
}

static void __init load_early_idt(void)
{
    static struct idt_entry early_idt[NR_VECTORS];
    struct desc_ptr p = { .limit = sizeof(early_idt) - 1, .base = (unsigned long)early_idt };

    idt_init_table(early_idt);
    lidt(&p);
}

static void __init check_machine(int boot_info_error)
{
    uint64_t ram = bootmem_total_ram();
    const char *why;
    char text[96];

    if (boot_info_error)
        refuse("boot loader",
               "it passed no memory map, or a damaged one; use GRUB 2's multiboot2 command");
    if (ram < MIN_RAM) {
        snprintf(text, sizeof(text),
                 "%lu MiB of RAM found, at least %lu MiB are needed; give the machine more memory",
                 ram >> 20, MIN_RAM >> 20);
        refuse("memory", text);
    }
    if (dom0_pvh)
        refuse("command line", "dom0=pvh is not supported; remove it to boot a PV domain 0");
    if (e820_type_of(virt_to_maddr(hv_start), virt_to_maddr(hv_end)) != E820_RAM)
        refuse("boot loader", "it placed the hypervisor where its own memory map has no RAM; "
               "boot with another loader");
    why = boot_modules_check();
    if (why)
        refuse("boot modules", why);
}

static void __init print_memory_map(void)
{
    static const char *const names[] = { "?", "RAM", "reserved", "ACPI", "NVS", "unusable" };

    for (unsigned int i = 0; i < boot_info.e820.nr; i++) {
        const struct e820_entry *e = &boot_info.e820.e[i];

        printk(XENLOG_DEBUG "e820: %016lx-%016lx %s\n", e->addr, e->addr + e->size - 1,
               e->type < ARRAY_SIZE(names) ? names[e->type] : "other");
    }
    if (e820_left_out())
        printk(XENLOG_ERR "memory map: %u entries of the firmware's left out, more than %u\n",
               e820_left_out(), E820_MAX);
}

static void __init print_modules(void)
{
    for (unsigned int i = 0; i < boot_info.nr_modules; i++) {
        const struct boot_module *m = &boot_info.modules[i];

        printk(XENLOG_DEBUG "boot module %u: %zu KiB at %#lx, \"%s\"\n", i, m->size >> 10, m->start,
               m->cmdline);
    }
}

static void __init print_banner(void)
{
    printk("Hospes " HOSPES_VERSION ", a hypervisor with the Xen 4.17 ABI\n");
    printk(XENLOG_INFO "boot: by %s, options: %s\n", boot_info.loader, boot_info.cmdline);
    printk(XENLOG_DEBUG "boot: image at %#lx-%#lx\n", virt_to_maddr(hv_start),
           virt_to_maddr(hv_end));
    cmdline_report();
}

static void __init init_memory(void)
{
    bootmem_init();
    kept_log_init();
    paging_init();
    printk(XENLOG_INFO "memory: %lu MiB of RAM, %lu MiB free, %lu MiB of it below 4 GiB\n",
           (bootmem_total_ram() + (1UL << 20) - 1) >> 20, free_pages_total() >> (20 - PAGE_SHIFT),
           free_pages_below(32) >> (20 - PAGE_SHIFT));
}

static void __init init_cpu0(void)
{
    traps_init();
    spec_init();
    if (cpu_prepare(0))
        refuse("memory", "none is left for the boot CPU's tables; give the machine more memory");
    cpu_init();
    xstate_init();
    hvm_init();
}

static void __init init_interrupts(void)
{
    efi_init();
    acpi_init(boot_info.rsdp ? boot_info.rsdp : efi_rsdp());
    apic_map();
    smp_enumerate();
    numa_init();
    irq_init();
}

static void __init init_core(void)
{
    tasklet_subsys_init();
    rcu_init();
    timer_subsys_init();
    domain_subsys_init();
    m2p_share();
    sched_init();
    time_init();
}

void start_hypervisor(uint32_t magic, paddr_t mbi)
{
    int rc;

    percpu_save_template();
    load_early_idt();
    cpumask_set(0, &cpu_online_map);
    rc = read_boot_info(magic, mbi);
    cmdline_parse(boot_info.cmdline);
    console_init_early();
    print_banner();
    cpu_detect();
    print_memory_map();
    print_modules();
    check_machine(rc);
    init_memory();
    init_cpu0();
    system_state = SYS_boot;
    init_interrupts();
    init_core();
    local_irq_enable();
    mce_init_cpu();
    watchdog_init_cpu();
    console_init_irq();
    keyhandler_init();
    pci_init();
    system_state = SYS_smp_boot;
    smp_boot_cpus();
    paging_protect();
    dom0_create();
    console_end_boot();
    system_state = SYS_active;
    watchdog_resume();
    paging_free_init();
    /* Only now: another CPU may run it at once, and its console input must be its own by then. */
    domain_unpause_by_tools(dom0);
    reset_stack_and_jump(idle_loop);
}
