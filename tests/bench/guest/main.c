/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel-level rows of the benchmark: what one operation of a PV kernel costs in instructions.
 *
 * Meant for QEMU with -icount shift=0,sleep=off and one vCPU, where the TSC counts instructions.
 * Each operation runs WARM times and then ROUNDS times between two RDTSCs; printed is the median
 * less that of an empty pair. Lines: "Row: NAME MEDIAN MIN MAX".
 */
#include <guest.h>

#define WARM 16
#define ROUNDS 101

static volatile uint64_t *va;
static uint64_t rw, ro, slot, *entry;

static void nothing(unsigned int i)
{
    (void)i;
}

static void unknown_number(unsigned int i)
{
    (void)i;
    hypercall(63, 0, 0, 0, 0, 0, 0);
}

static void version(unsigned int i)
{
    (void)i;
    hc_xen_version(XENVER_version, NULL);
}

static void yield(unsigned int i)
{
    (void)i;
    hc_sched_op(SCHEDOP_yield, NULL);
}

static unsigned int port;

static void status(unsigned int i)
{
    struct evtchn_status s = { .dom = DOMID_SELF, .port = port };

    (void)i;
    hc_event_channel_op(EVTCHNOP_status, &s);
}

static void grant_query(unsigned int i)
{
    struct gnttab_query_size q = { .dom = DOMID_SELF };

    (void)i;
    hc_grant_table_op(GNTTABOP_query_size, &q, 1);
}

static struct multicall_entry calls[8];

static void multicall(unsigned int i)
{
    (void)i;
    hc_multicall(calls, ARRAY_SIZE(calls));
}

static void set_timer(unsigned int i)
{
    (void)i;
    hc_set_timer_op(now_ns() + 5 * NS_PER_MS);
}

/* The first timer of its CPU, so that the clock's hardware is set too. */
static uint64_t near_future;

static void set_timer_constant(unsigned int i)
{
    hc_set_timer_op(near_future + 1000 * i);
}

static void same_value(unsigned int i)
{
    (void)i;
    hc_update_va_mapping(va, rw, UVMF_NONE);
}

static void rw_to_ro(unsigned int i)
{
    (void)i;
    hc_update_va_mapping(va, ro, UVMF_INVLPG);
}

static void back_to_rw(unsigned int i)
{
    (void)i;
    hc_update_va_mapping(va, rw, UVMF_INVLPG);
}

static void mmu_update(unsigned int i)
{
    struct mmu_update u = { .ptr = slot, .val = i & 1 ? rw : ro };

    hc_mmu_update(&u, 1, NULL, DOMID_SELF);
}

/* A change that needs no new reference: only the available bits differ. */
static void mmu_update_bits(unsigned int i)
{
    struct mmu_update u = { .ptr = slot, .val = i & 1 ? rw : rw | 0x200 };

    hc_mmu_update(&u, 1, NULL, DOMID_SELF);
}

static void write_fault(unsigned int i)
{
    *(volatile uint64_t *)entry = i & 1 ? rw : ro;
}

static void flush_local(unsigned int i)
{
    struct mmuext_op op = { .cmd = MMUEXT_TLB_FLUSH_LOCAL };

    (void)i;
    hc_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void invlpg_local(unsigned int i)
{
    struct mmuext_op op = { .cmd = MMUEXT_INVLPG_LOCAL, .arg1.linear_addr = (unsigned long)va };

    (void)i;
    hc_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void cpuid(unsigned int i)
{
    uint32_t a = 1, b, c = 0, d;

    (void)i;
    asm volatile(XEN_EMULATE_PREFIX "cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
}

static void rdmsr_efer(unsigned int i)
{
    uint32_t low, high;

    (void)i;
    asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xc0000080));
}

struct row {
    const char *name;
    void (*run)(unsigned int i);
    void (*undo)(unsigned int i);
};

static const struct row rows[] = {
    { "hypercall-unknown", unknown_number, NULL },
    { "xen_version", version, NULL },
    { "sched_op-yield", yield, NULL },
    { "evtchn-status", status, NULL },
    { "grant-query", grant_query, NULL },
    { "multicall-8", multicall, NULL },
    { "set_timer_op", set_timer_constant, NULL },
    { "set_timer_op-with-clock", set_timer, NULL },
    { "update_va_mapping-same", same_value, NULL },
    { "update_va_mapping-rw-ro", rw_to_ro, back_to_rw },
    { "mmu_update-one", mmu_update_bits, NULL },
    { "mmu_update-rw-ro", mmu_update, NULL },
    { "pt-write-emulated", write_fault, NULL },
    { "tlb-flush-local", flush_local, NULL },
    { "invlpg-local", invlpg_local, NULL },
    { "cpuid-forced", cpuid, NULL },
    { "rdmsr-efer", rdmsr_efer, NULL },
};

static uint64_t samples[ROUNDS];

static void sort(void)
{
    unsigned int i, j;

    for (i = 1; i < ROUNDS; i++) {
        uint64_t value = samples[i];

        for (j = i; j && samples[j - 1] > value; j--)
            samples[j] = samples[j - 1];
        samples[j] = value;
    }
}

static void measure(void (*run)(unsigned int), void (*undo)(unsigned int))
{
    unsigned int i;

    for (i = 0; i < WARM + ROUNDS; i++) {
        uint64_t start = rdtsc();

        run(i);
        if (i >= WARM)
            samples[i - WARM] = rdtsc() - start;
        if (undo)
            undo(i);
    }
    sort();
}

static void prepare(void)
{
    void *page = page_alloc();
    unsigned int i;

    va = window_alloc(1);
    slot = pte_maddr((void *)va, 1);
    entry = (uint64_t *)pte_of((void *)va, 1);
    rw = make_pte(virt_to_mfn(page), PTE_RW);
    ro = make_pte(virt_to_mfn(page), PTE_RO);
    require(hc_update_va_mapping(va, rw, UVMF_INVLPG), 0);
    /* As the hypervisor stores them, so that "same value" is the same. */
    rw = *entry;
    require(hc_update_va_mapping(va, ro, UVMF_INVLPG), 0);
    ro = *entry;
    require(hc_update_va_mapping(va, rw, UVMF_INVLPG), 0);
    port = (unsigned int)event_bind_ipi(0);
    for (i = 0; i < ARRAY_SIZE(calls); i++) {
        calls[i].op = __HYPERVISOR_xen_version;
        calls[i].args[0] = XENVER_version;
    }
    hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL);
    near_future = now_ns() + 20 * NS_PER_MS;
}

void test_main(void)
{
    uint64_t empty;
    unsigned int i;

    prepare();
    events_off();
    measure(nothing, NULL);
    empty = samples[ROUNDS / 2];
    for (i = 0; i < ARRAY_SIZE(rows); i++) {
        measure(rows[i].run, rows[i].undo);
        printf("Row: %s %lu %lu %lu\n", rows[i].name, samples[ROUNDS / 2] - empty,
               samples[0] - empty, samples[ROUNDS - 1] - empty);
    }
    hc_set_timer_op(0);
}
