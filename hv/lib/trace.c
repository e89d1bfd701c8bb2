/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace ring. Records hold no time, so that the same run gives the same text twice. Written by
 * the CPU itself without a lock; an interrupt inside a record may mix two.
 */
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/param.h>
#include <hv/percpu.h>
#include <hv/printk.h>
#include <hv/trace.h>

#define TRACE_RECORDS 256u /* per CPU; a power of two */

struct trace_entry { uint64_t cls, v[4]; };
struct trace_ring { uint32_t next; struct trace_entry e[TRACE_RECORDS]; };
static DEFINE_PER_CPU(struct trace_ring, ring);

#ifdef DEBUG
uint32_t trace_mask __read_mostly = ~0u;
#else
uint32_t trace_mask __read_mostly;
#endif
static bool live __read_mostly;

static const struct { const char *name; uint32_t cls; const char *fields[4]; } classes[] = {
    { "hypercall", TRACE_HYPERCALL, { "nr", "a1", "a2", "result" } },
    { "exception", TRACE_EXCEPTION, { "vector", "error", "rip", "cr2" } },
    { "emulate", TRACE_EMULATE, { "opcode", "rip", "rax", "rcx" } },
    { "irq", TRACE_IRQ, { "vector", "gsi", NULL, NULL } },
    { "event", TRACE_EVENT, { "domain", "port", "state", NULL } },
    { "sched", TRACE_SCHED, { "from", "vcpu", "to", "vcpu" } },
};

static bool word_is(const char *word, size_t n, const char *name)
{
    return strlen(name) == n && !strncmp(word, name, n);
}

static bool take_word(const char *word, size_t n, uint32_t *mask)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(classes); i++)
        if (word_is(word, n, classes[i].name)) {
            *mask |= classes[i].cls;
            return true;
        }
    if (word_is(word, n, "all"))
        *mask = ~0u;
    else if (word_is(word, n, "none"))
        *mask = 0;
    else if (word_is(word, n, "live"))
        live = true;
    else
        return false;
    return true;
}

/* trace=CLASS,...: what is recorded; with the word live it is also printed as it happens. */
static int parse_trace(const char *s)
{
    uint32_t mask = 0;

    while (*s) {
        size_t n = 0;

        while (s[n] && s[n] != ',')
            n++;
        if (!take_word(s, n, &mask))
            return -EINVAL;
        s += n + (s[n] == ',');
    }
    trace_mask = mask;
    return 0;
}
custom_param("trace", parse_trace);

static void print_entry(unsigned int cpu, const struct trace_entry *e)
{
    char text[160];
    size_t n = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(classes); i++) {
        if (e->cls != classes[i].cls)
            continue;
        for (unsigned int f = 0; f < 4 && classes[i].fields[f]; f++)
            n += (size_t)snprintf(text + n, sizeof(text) - n, " %s=%#lx", classes[i].fields[f],
                                  e->v[f]);
        printk("CPU%u %s%s\n", cpu, classes[i].name, text);
        return;
    }
}

void trace_record(uint32_t cls, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct trace_ring *r = &this_cpu(ring);
    struct trace_entry *e = &r->e[r->next++ % TRACE_RECORDS];

    *e = (struct trace_entry){ cls, { a, b, c, d } };
    if (unlikely(live))
        print_entry(smp_processor_id(), e);
}

static void dump_cpu(unsigned int cpu, unsigned int last)
{
    const struct trace_ring *r = &per_cpu(ring, cpu);
    uint32_t next = READ_ONCE(r->next), n = MIN(next, last);

    n = MIN(n, TRACE_RECORDS);
    for (uint32_t i = next - n; i != next; i++)
        print_entry(cpu, &r->e[i % TRACE_RECORDS]);
}

void trace_dump(unsigned int last)
{
    unsigned int cpu;
    bool was_live = live;

    live = false;
    printk("Trace, newest last:\n");
    for_each_online_cpu(cpu)
        dump_cpu(cpu, last);
    live = was_live;
}
