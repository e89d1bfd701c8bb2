/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records and counts of entries to the hypervisor in words, and their sums (hv/exits.h). Counts are
 * read while they grow: a sum is of one moment only for vCPUs that don't run.
 */
#include <hv/domain.h>
#include <hv/exits.h>
#include <hv/hypercall.h>
#include <hv/lib.h>
#include <hv/printk.h>
#include <hv/traps.h>

#define VECTOR_OF(what) ((unsigned int)((what) >> 32))
#define LOW_OF(what) ((uint32_t)(what))

/* --- records --- */

static const char *vcpu_name(uint64_t packed, char *buf, size_t size)
{
    unsigned int domid = (uint32_t)packed >> 16;

    if (domid == DOMID_IDLE)
        snprintf(buf, size, "idle");
    else
        snprintf(buf, size, "d%uv%u", domid, (unsigned int)(packed & 0xffff));
    return buf;
}

static void print_record(const struct exit_record *r)
{
    unsigned int vector = VECTOR_OF(r->what);
    char from[16], to[16];

    if (r->what < NR_HYPERCALLS && hypercall_table[r->what].name)
        printk(XENLOG_ERR "  hypercall %u %s(%#lx, ...)\n", LOW_OF(r->what),
               hypercall_table[r->what].name, r->where);
    else if (r->what <= NR_HYPERCALLS)
        printk(XENLOG_ERR "  hypercall of unknown number (%#lx, ...)\n", r->where);
    else if (vector == EXIT_SWITCH)
        printk(XENLOG_ERR "  switch from %s to %s\n", vcpu_name(r->where, from, sizeof(from)),
               vcpu_name(LOW_OF(r->what), to, sizeof(to)));
    else if (vector == EXIT_HVM)
        printk(XENLOG_ERR "  exit %#x of an HVM guest at %#lx\n", LOW_OF(r->what), r->where);
    else if (vector < EXCEPTIONS && r->what != EXIT_DE)
        printk(XENLOG_ERR "  %s, error code %#x, at %pS\n", exception_name(vector), LOW_OF(r->what),
               (void *)r->where);
    else if (vector < EXCEPTIONS)
        printk(XENLOG_ERR "  %s at %pS\n", exception_name(vector), (void *)r->where);
    else
        printk(XENLOG_ERR "  interrupt, vector %#x, at %pS\n", vector, (void *)r->where);
}

void exits_dump(unsigned int cpu, unsigned int last)
{
    const struct cpu_info *info = cpu_info_at(cpu);
    unsigned int next = info->exit_next / EXIT_STEP;

    printk(XENLOG_ERR "CPU %u, last exits from guests, newest last:\n", cpu);
    for (unsigned int i = EXIT_RECORDS - MIN(last, (unsigned int)EXIT_RECORDS); i < EXIT_RECORDS;
         i++) {
        const struct exit_record *r = &info->exits[(next + i) % EXIT_RECORDS];

        if (r->what || r->where)
            print_record(r);
    }
}

/* --- counts --- */

#define ROW(what, field)                                                                           \
    { what, offsetof(struct vcpu_counts, field) / sizeof(uint64_t),                                \
      sizeof(((struct vcpu_counts *)0)->field) / sizeof(uint64_t) }
const struct count_row count_rows[] = {
    ROW("hypercalls", hypercalls),
    ROW("exceptions", exceptions),
    ROW("software interrupts", software_interrupts),
    ROW("system calls", system_calls),
    ROW("emulated instructions", emulated),
    ROW("event upcalls", upcalls),
    ROW("interrupts", interrupts),
    ROW("switches to vCPU", switches),
    ROW("exits", hvm_exits),
    ROW("events", events),
};
const unsigned int nr_count_rows = ARRAY_SIZE(count_rows);

/* Of domains that are gone. domlist_lock. */
static uint64_t gone[NR_COUNTS];

static void add_domain(const struct domain *d, uint64_t *sum)
{
    const struct vcpu *v;

    for_each_vcpu (d, v) {
        const uint64_t *counts = (const uint64_t *)&v->counts;

        for (unsigned int i = 0; i < NR_COUNTS; i++)
            sum[i] += READ_ONCE(counts[i]);
    }
}

void counts_of_domain(const struct domain *d, uint64_t *sum)
{
    memset(sum, 0, NR_COUNTS * sizeof(*sum));
    add_domain(d, sum);
}

void counts_of_all(uint64_t *sum)
{
    const struct domain *d;

    spin_lock(&domlist_lock);
    memcpy(sum, gone, sizeof(gone));
    add_domain(idle_domain, sum);
    list_for_each (d, &domain_list, list)
        add_domain(d, sum);
    spin_unlock(&domlist_lock);
}

static void clear_domain(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v)
        memset(&v->counts, 0, sizeof(v->counts));
}

void counts_reset(void)
{
    struct domain *d;

    spin_lock(&domlist_lock);
    memset(gone, 0, sizeof(gone));
    clear_domain(idle_domain);
    list_for_each (d, &domain_list, list)
        clear_domain(d);
    spin_unlock(&domlist_lock);
}

void counts_end(const struct domain *d)
{
    add_domain(d, gone);
}

static const char *place_name(const struct count_row *row, unsigned int i, char *buf, size_t size)
{
    static const char *const kinds[EVENT_KINDS] = {
        [EVTCHNSTAT_interdomain] = "from other domains", [EVTCHNSTAT_pirq] = "interrupts",
        [EVTCHNSTAT_virq] = "virtual interrupts", [EVTCHNSTAT_ipi] = "between vCPUs",
    };
    unsigned int at = row->first + i;

    if (at < NR_HYPERCALLS && hypercall_table[at].name)
        return hypercall_table[at].name;
    if (at == NR_HYPERCALLS)
        return "numbers out of range";
    if (row->nr == EXCEPTIONS)
        return exception_name(i);
    if (row->nr == EVENT_KINDS && kinds[i])
        return kinds[i];
    snprintf(buf, size, "%u", i);
    return buf;
}

static void print_row(const char *level, const struct count_row *row, const uint64_t *sum)
{
    uint64_t total = 0;
    char name[12];

    for (unsigned int i = 0; i < row->nr; i++)
        total += sum[row->first + i];
    if (!total)
        return;
    printk("%s  %s: %lu\n", level, row->name, total);
    for (unsigned int i = 0; i < row->nr && row->nr > 1; i++)
        if (sum[row->first + i])
            printk("%s    %s: %lu\n", level, place_name(row, i, name, sizeof(name)),
                   sum[row->first + i]);
}

void counts_dump_domain(const char *level, const struct domain *d)
{
    uint64_t sum[NR_COUNTS];

    counts_of_domain(d, sum);
    printk("%s%s came to the hypervisor by:\n", level, d->name);
    for (unsigned int i = 0; i < nr_count_rows; i++)
        print_row(level, &count_rows[i], sum);
}
