/* SPDX-License-Identifier: BSD-2-Clause */
/* Bring-up of the application processors, one at a time. */
#include <hv/acpi.h>
#include <hv/apic.h>
#include <hv/boot.h>
#include <hv/bootmem.h>
#include <hv/hvm/hvm.h>
#include <hv/lib.h>
#include <hv/mce.h>
#include <hv/mm.h>
#include <hv/numa.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/sched.h>
#include <hv/smp.h>
#include <hv/time.h>
#include <hv/timer.h>
#include <hv/traps.h>
#include <hv/watchdog.h>
#include <hv/xstate.h>
#include "cpu_private.h"

#define AP_START_TIMEOUT_US 1000000
#define AP_POLL_US 10

uint32_t cpu_apicid[NR_CPUS] = { [0 ... NR_CPUS - 1] = 0xffffffff };
unsigned int nr_cpu_ids = 1;
cpumask_t cpu_online_map;
cpumask_t cpu_possible_map;
unsigned long ap_boot_stack;

static unsigned int opt_maxcpus = NR_CPUS;
uint_param("maxcpus", opt_maxcpus);

extern char trampoline_start[], trampoline_end[];
extern pte_t boot_root[];

void __init smp_enumerate(void)
{
    unsigned int limit = MAX(MIN(opt_maxcpus, (unsigned int)NR_CPUS), 1u), left_out = 0;

    cpu_apicid[0] = apic_id();
    for (unsigned int i = 0; i < acpi.nr_cpus; i++) {
        if (!acpi.cpus[i].enabled || acpi.cpus[i].apicid == cpu_apicid[0])
            continue;
        if (nr_cpu_ids < limit)
            cpu_apicid[nr_cpu_ids++] = acpi.cpus[i].apicid;
        else
            left_out++;
    }
    for (unsigned int cpu = 0; cpu < nr_cpu_ids; cpu++)
        cpumask_set(cpu, &cpu_possible_map);
    if (left_out)
        printk(XENLOG_WARNING "smp: %u CPUs left out by maxcpus=%u\n", left_out, limit);
}

/* First C code of an application processor, on its own stack. */
void start_secondary(void)
{
    unsigned int cpu = smp_processor_id();

    cpu_init();
    xstate_init_cpu();
    apic_init_cpu();
    time_init_cpu();
    sched_init_cpu(cpu);
    while (!hvm_init_cpu())
        halt(); /* guests may come to any CPU that is online: this one does not get so far */
    cpumask_set(cpu, &cpu_online_map);
    mce_init_cpu();
    watchdog_init_cpu();
    local_irq_enable();
    reset_stack_and_jump(idle_loop);
}

/* A page of RAM below 640 KiB for the real-mode code; it is used only while a CPU starts. */
static paddr_t __init trampoline_place(void)
{
    for (paddr_t at = 8 * PAGE_SIZE; at < 0x9f000; at += PAGE_SIZE)
        if (e820_type_of(at, at + PAGE_SIZE) == E820_RAM)
            return at;
    return INVALID_PADDR;
}

static bool __init prepare(unsigned int cpu)
{
    if (cpu_prepare(cpu) || !vcpu_create(idle_domain, cpu)) {
        printk(XENLOG_ERR "smp: no memory for CPU %u; it is left out\n", cpu);
        return false;
    }
    sched_set_near(cpu, cpus_near(cpu));
    cpu_info_at(cpu)->current_vcpu = idle_domain->vcpu[cpu];
    timer_init_cpu(cpu);
    return true;
}

static void __init boot_cpu_nr(unsigned int cpu, paddr_t trampoline)
{
    unsigned int waited = 0;

    if (!prepare(cpu))
        return;
    __atomic_store_n(&ap_boot_stack, (unsigned long)cpu_info_at(cpu), __ATOMIC_SEQ_CST);
    apic_send_init_sipi(cpu_apicid[cpu], (uint8_t)(trampoline >> PAGE_SHIFT));
    while (!cpumask_test(cpu, &cpu_online_map) && waited < AP_START_TIMEOUT_US) {
        udelay(AP_POLL_US);
        waited += AP_POLL_US;
    }
    if (cpumask_test(cpu, &cpu_online_map))
        return;
    /* If it takes the stack now it is merely slow, and joins; otherwise it will find none and stop.
       */
    if (xchg(&ap_boot_stack, 0UL))
        printk(XENLOG_ERR "smp: CPU %u (APIC id %u) does not start; it is left out\n", cpu,
               cpu_apicid[cpu]);
    else
        printk(XENLOG_ERR "smp: CPU %u (APIC id %u) started but is not online after %u ms\n", cpu,
               cpu_apicid[cpu], AP_START_TIMEOUT_US / 1000);
}

void __init smp_boot_cpus(void)
{
    paddr_t trampoline = trampoline_place();

    sched_set_near(0, cpus_near(0));
    if (nr_cpu_ids > 1 && trampoline == INVALID_PADDR) {
        printk(XENLOG_ERR "smp: no RAM below 640 KiB for starting CPUs; only one is used\n");
        return;
    }
    /* The boot tables keep the identity map that mode switching needs; all else is as in the final
       ones. */
    memcpy(&boot_root[HV_FIRST_SLOT], &idle_root[HV_FIRST_SLOT],
           (HV_LAST_SLOT - HV_FIRST_SLOT + 1) * sizeof(pte_t));
    if (nr_cpu_ids > 1)
        memcpy(maddr_to_virt(trampoline), trampoline_start,
               (size_t)(trampoline_end - trampoline_start));
    for (unsigned int cpu = 1; cpu < nr_cpu_ids; cpu++)
        boot_cpu_nr(cpu, trampoline);
    printk(XENLOG_INFO "smp: %u of %u CPUs online\n", cpumask_weight(&cpu_online_map), nr_cpu_ids);
}
