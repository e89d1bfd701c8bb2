/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Debug keys: characters typed while input belongs to the hypervisor, or sent by the tools. They
 * run in tasklet context, but for 'R', which must work when nothing else does.
 */
#include <hv/acpi.h>
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/event.h>
#include <hv/exits.h>
#include <hv/grant.h>
#include <hv/irq.h>
#include <hv/lib.h>
#include <hv/msi.h>
#include <hv/numa.h>
#include <hv/pci.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/sched.h>
#include <hv/smp.h>
#include <hv/softirq.h>
#include <hv/time.h>
#include <hv/trace.h>
#include <hv/traps.h>
#include <hv/watchdog.h>

#define NR_KEYS 128u
#define QUEUE 16u /* keys typed ahead; power of two */
#define TRACE_KEY_RECORDS 64

struct key { void (*fn)(unsigned char key); const char *what; bool in_star; };
static struct key keys[NR_KEYS];

static char queue[QUEUE];
static uint32_t queue_head, queue_tail;
static void run_queue(void *unused);
static struct tasklet key_tasklet = TASKLET_INIT(key_tasklet, run_queue, NULL);

static void run_queue(void *unused)
{
    while (queue_head != READ_ONCE(queue_tail)) {
        unsigned char key = (unsigned char)queue[queue_head % QUEUE];

        WRITE_ONCE(queue_head, queue_head + 1);
        printk("'%c' pressed -> %s\n", key, keys[key].what);
        watchdog_pause(); /* text can take its time on a serial line */
        keys[key].fn(key);
        watchdog_resume();
    }
}

void handle_keypress(char c)
{
    unsigned char key = (unsigned char)c;

    if (key >= NR_KEYS || !keys[key].fn)
        return;
    if (key == 'R') {
        keys[key].fn(key);
        return;
    }
    if (queue_tail - READ_ONCE(queue_head) == QUEUE)
        return;
    queue[queue_tail % QUEUE] = c;
    barrier();
    WRITE_ONCE(queue_tail, queue_tail + 1);
    tasklet_schedule(&key_tasklet);
}

static void show_help(unsigned char key)
{
    for (unsigned int i = 0; i < NR_KEYS; i++)
        if (keys[i].fn)
            printk(" key '%c' => %s\n", (char)i, keys[i].what);
}

static void for_all_domains(void (*fn)(struct domain *d))
{
    struct domain *d;

    spin_lock(&domlist_lock);
    list_for_each(d, &domain_list, list)
        fn(d);
    spin_unlock(&domlist_lock);
}

static void dump_domain_counts(struct domain *d) { counts_dump_domain("", d); }
static void dump_counts(unsigned char key) { for_all_domains(dump_domain_counts); }
static void reset_counts(unsigned char key) { counts_reset(); }
static void dump_events(unsigned char key) { for_all_domains(evtchn_dump); }
static void dump_grants(unsigned char key) { for_all_domains(grant_table_dump); }
static void dump_run_queues(unsigned char key) { sched_dump(); }
static void dump_domains(unsigned char key) { domain_dump_all(); }
static void dump_interrupts(unsigned char key) { irq_dump(); }
static void dump_messages(unsigned char key) { msi_dump(); }
static void dump_pci(unsigned char key) { pci_dump(); }
static void dump_trace(unsigned char key) { trace_dump(TRACE_KEY_RECORDS); }

static void show_this_cpu(void *unused)
{
    if (current && !current->is_idle)
        show_registers(guest_regs());
    else
        printk("CPU %u, idle\n", smp_processor_id());
}

/* One CPU after the other, so that the text does not mix. */
static void dump_registers(unsigned char key)
{
    unsigned int cpu;

    for_each_online_cpu(cpu) {
        cpumask_t only;

        cpumask_only(cpu, &only);
        on_cpus(&only, show_this_cpu, NULL, true);
    }
}

static void dump_dom0(unsigned char key)
{
    struct vcpu *v;

    if (!dom0)
        return;
    for_each_vcpu(dom0, v) {
        vcpu_show_state(v);
        if (v == current || !v->is_running)
            vcpu_show(v);
    }
}

struct clock_sample { uint64_t tsc; s_time_t now; };
static void sample_clock(void *p)
{
    struct clock_sample *s = (struct clock_sample *)p + smp_processor_id();

    s->tsc = rdtsc_ordered();
    s->now = NOW();
}

static void dump_time(unsigned char key)
{
    static struct clock_sample samples[NR_CPUS];
    s_time_t low = STIME_MAX, high = 0;
    unsigned int cpu;

    on_cpus(&cpu_online_map, sample_clock, samples, true);
    printk("TSC %u kHz, platform timer %s\n", cpu_khz, platform_timer_name());
    for_each_online_cpu(cpu) {
        printk("CPU %u: system time %ld ns, TSC %lu\n", cpu, samples[cpu].now, samples[cpu].tsc);
        low = MIN(low, samples[cpu].now);
        high = MAX(high, samples[cpu].now);
    }
    printk("Largest difference %ld ns (sampled one after the other)\n", high - low);
}

static void show_domain_memory(struct domain *d)
{
    printk("%s: %lu pages of at most %lu, %lu hypervisor pages, %lu claimed\n", d->name,
           d->tot_pages, d->max_pages, d->xen_pages, d->outstanding_pages);
}

static void dump_memory(unsigned char key)
{
    printk("RAM %lu MiB, free %lu MiB (%lu frames), of that below 4 GiB %lu MiB\n",
           total_pages >> 8, free_pages_total() >> 8, free_pages_total(),
           free_pages_below(32) >> 8);
    heap_dump();
    for_all_domains(show_domain_memory);
}

static void show_domain_nodes(struct domain *d)
{
    printk("%s: nodes %#lx%s\n", d->name, d->node_affinity,
           d->auto_node_affinity ? " by its vCPUs" : " by the tools");
}

static void dump_nodes(unsigned char key)
{
    numa_dump();
    for_all_domains(show_domain_nodes);
}

static void dump_kept(unsigned char key)
{
    printk("What the hypervisor keeps of the machine:\n");
    iocap_show();
}

static void reboot_now(unsigned char key)
{
    printk("'R' pressed -> the machine reboots\n");
    machine_restart();
}

static void panic_now(unsigned char key)
{
    panic("key 'C' was pressed");
}

static void test_watchdog(unsigned char key)
{
    if (!watchdog_test())
        printk("Nothing is done: the watchdog is off (watchdog=), or there is but one CPU\n");
}

static void dump_all(unsigned char key)
{
    for (unsigned int i = 0; i < NR_KEYS; i++) {
        if (!keys[i].in_star)
            continue;
        printk("[%c: %s]\n", (char)i, keys[i].what);
        keys[i].fn((unsigned char)i);
    }
}

void keyhandler_init(void)
{
    static const struct { char key; struct key k; } rows[] = {
        { 'h', { show_help, "show this help", false } },
        { 'r', { dump_run_queues, "show run queues", true } },
        { 'q', { dump_domains, "show domains and their vCPUs", true } },
        { 'e', { dump_events, "show event channels", true } },
        { 'i', { dump_interrupts, "show interrupts", true } },
        { 'M', { dump_messages, "show message-signalled interrupts", true } },
        { 'Q', { dump_pci, "show PCI devices", true } },
        { 'g', { dump_grants, "show grant tables", true } },
        { 'd', { dump_registers, "show registers of every CPU's guest", true } },
        { '0', { dump_dom0, "show dom0's registers", true } },
        { 't', { dump_time, "show clocks", true } },
        { 'T', { dump_trace, "show the last trace records", true } },
        { 'p', { dump_counts, "show what domains came to the hypervisor for", true } },
        { 'P', { reset_counts, "set those counts to 0", false } },
        { 'm', { dump_memory, "show memory use", true } },
        { 'u', { dump_nodes, "show NUMA nodes", true } },
        { 'k', { dump_kept, "show what of the machine dom0 is kept from", true } },
        { 'C', { panic_now, "stop as after a fatal error, with all that it shows", false } },
        { 'W', { test_watchdog, "stop a CPU, for the watchdog to find", false } },
        { 'R', { reboot_now, "reboot the machine", false } },
        { '*', { dump_all, "show everything", false } },
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++)
        keys[(unsigned char)rows[i].key] = rows[i].k;
}
