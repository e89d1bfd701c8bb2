/* SPDX-License-Identifier: BSD-2-Clause */
/* Page typing model-checked: the shipped source through all interleavings of two vCPUs' calls and
   of what their processors' table walkers do meanwhile (explore.h); with seeded errors, to see
   that they are found. */
/* sources: hv/mm/page_list.c pv/ldt.c pv/root.c pv/update_va.c pv/root_copy.c pv/l1tf.c */
/* traced: pv/page_type.c pv/page_type_l1.c pv/page_type_table.c pv/mmu_update.c */
/* traced: pv/mmuext.c hv/mm/page_ref.c */
/* cflags: -DHV_UNIT_TEST -O2 -fno-sanitize=address */
/* long: 2400 */
#include <hv/atomic.h>
#include "explore.h"
#include <cmocka.h>
/* What the model finds wrong ends a run of the search, not the program. */
#undef fail_msg
#undef assert_true
#undef assert_false
#undef assert_int_equal
#define fail_msg(...) ex_fail(__VA_ARGS__)
#define assert_true(c) do { if (!(c)) ex_fail("%s:%d: %s", __FILE__, __LINE__, #c); } while (0)
#define assert_false(c) assert_true(!(c))
#define assert_int_equal(a, b) assert_true((a) == (b))
#define MODEL_OWN_FLUSH
#include "pv_model.h"

#define ROOT 10
#define L3 20
#define L2 30
#define L1 40
#define L1B 41
#define D 80
#define E 81
#define RW (PTE_P | PTE_RW | PTE_US)
#define RO (PTE_P | PTE_US)
#define SLOTS 4     /* of each table are in use */

static const mfn_t used[] = { ROOT, L3, L2, L1, L1B, D, E };

/* --- processors --- */

/* Level 1 tables whose place a CPU remembers: it may read entries of them without looking at the
   levels above. */
static bool walker_l1[CPUS][FRAMES];

static void flush_cpu(unsigned int cpu)
{
    uint32_t t = ++tlb_clock;

    ex_step();
    memset(tlb_write[cpu], 0, sizeof(tlb_write[0]));
    memset(tlb_walk[cpu], 0, sizeof(tlb_walk[0]));
    memset(walker_l1[cpu], 0, sizeof(walker_l1[0]));
    ex_step();
    if (flush_time[cpu] < t)
        flush_time[cpu] = t;
}

void load_root(paddr_t root) { flush_cpu(mock_cpu); }

void flush_local(unsigned int flags, unsigned long va)
{
    if (flags & (FLUSH_TLB | FLUSH_TLB_GLOBAL))
        flush_cpu(mock_cpu);
}

void flush_mask(const cpumask_t *mask, unsigned int flags, unsigned long va)
{
    const cpumask_t cpus = *mask;

    if (ex_mutation == EX_NO_FLUSH)
        return;
    flushes++;
    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        if (cpumask_test(cpu, &cpus)) {
            ex_step();
            flush_cpu(cpu);
        }
}

void flush_filter(cpumask_t *mask, uint32_t stamp)
{
    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        if (flush_time[cpu] > stamp || ex_mutation == EX_FILTER_ALL)
            __clear_bit(cpu, mask->bits);
}

static void read_l1(unsigned int cpu, mfn_t l1)
{
    for (unsigned int i = 0; i < SLOTS; i++)
        if ((table(l1)[i] & (PTE_P | PTE_RW)) == (PTE_P | PTE_RW))
            tlb_write[cpu][pte_mfn(table(l1)[i])] = true;
}

static void walk(unsigned int cpu, mfn_t mfn, unsigned int level)
{
    tlb_walk[cpu][mfn] = true;
    if (level == 1)
        walker_l1[cpu][mfn] = true;
    for (unsigned int i = 0; level > 1 && i < SLOTS; i++)
        if (table(mfn)[i] & PTE_P)
            walk(cpu, pte_mfn(table(mfn)[i]), level - 1);
}

/* The processor fetches all that it can reach, as it may at any moment. */
static void fill(unsigned int cpu)
{
    if (vcpu_a[cpu].guest_root)
        walk(cpu, paddr_to_pfn(vcpu_a[cpu].guest_root), 4);
    for (unsigned int i = 0; i < ARRAY_SIZE(used); i++)
        if (walker_l1[cpu][used[i]])
            read_l1(cpu, used[i]);
}

static bool two;            /* the long form: twice, and two acts of vCPU 0 */

static void walker0(void)
{
    fill(0);
    if (!two)
        return;
    ex_step();
    fill(0);
}
static void walker1(void) { fill(1); }

/* --- what vCPUs do --- */

static void update(mfn_t mfn, unsigned int slot, pte_t val)
{
    struct mmu_update u = { pfn_to_paddr(mfn) + slot * 8, val };

    do_mmu_update(&u, 1, NULL, DOMID_SELF);
}

static void ext(unsigned int cmd, mfn_t mfn)
{
    struct mmuext_op op = { .cmd = cmd, .arg1.mfn = mfn };

    do_mmuext_op(&op, 1, NULL, DOMID_SELF);
}

static void map_writable(void) { update(L1, 1, make_pte(D, RW)); }
static void map_readonly(void) { update(L1, 2, make_pte(D, RO)); }
static void protect(void) { update(L1, 0, make_pte(D, RO)); }
static void unmap(void) { update(L1, 0, 0); }
static void pin_as_1(void) { ext(MMUEXT_PIN_L1_TABLE, D); }
static void pin_as_2(void) { ext(MMUEXT_PIN_L2_TABLE, D); }
static void unpin(void) { ext(MMUEXT_UNPIN_TABLE, D); }
static void link_frame(void) { update(L2, 2, make_pte(D, RW)); }
static void unlink_frame(void) { update(L2, 2, 0); }
static void link_table(void) { update(L2, 1, make_pte(L1B, RW)); }
static void unlink_tables(void) { update(L2, 1, 0); update(L2, 0, 0); }
static void pin_table(void) { ext(MMUEXT_PIN_L1_TABLE, L1B); }
static void unpin_table(void) { ext(MMUEXT_UNPIN_TABLE, L1B); }
static void change_table(void) { update(L1B, 0, make_pte(D, RW)); }
static void write_table(void) { update(L1, 3, make_pte(L1B, RW)); }
static void give_up(void) { put_page_alloc_ref(frame(D)); }
/* As a back end that copies into the frame. */
static void copy_to(void)
{
    if (get_page_and_type(frame(D), &dom_a.d, PGT_writable_page))
        return;
    ex_step();
    put_page_and_type(frame(D));
}
static void protect_and_pin(void) { protect(); pin_as_1(); }
static void pin_and_unpin(void) { pin_table(); unpin_table(); }

static const struct { const char *name; void (*fn)(void); } acts[] = {
#define ACT(n) { #n, n }
    ACT(protect), ACT(pin_as_1), ACT(unmap), ACT(link_frame), ACT(unpin), ACT(give_up),
    ACT(map_writable), ACT(map_readonly), ACT(pin_as_2), ACT(unlink_frame), ACT(link_table),
    ACT(unlink_tables), ACT(pin_table), ACT(unpin_table), ACT(change_table), ACT(write_table),
    ACT(copy_to), ACT(protect_and_pin), ACT(pin_and_unpin),
};

static unsigned int act[4]; /* of vCPU 0: the first two; of vCPU 1 */

static void vcpu0(void)
{
    acts[act[0]].fn();
    if (two)
        acts[act[1]].fn();
}
static void vcpu1(void) { acts[act[2]].fn(); }

static void ex_turn(unsigned int thread) { run_as(thread & 1); }

/* --- what must hold --- */

static void check_frame(mfn_t m)
{
    unsigned long x = frame(m)->type_info, type = x & PGT_type_mask;

    if ((x & PGT_count_mask) > 100 || (frame(m)->count_info & PGC_count_mask) > 100)
        ex_fail("frame %lu: a count fell below 0: %lx %lx", m, frame(m)->count_info, x);
    if (!(x & PGT_count_mask) || !(x & PGT_validated))
        return;
    for (unsigned int cpu = 0; cpu < CPUS; cpu++) {
        if (tlb_write[cpu][m] && type != PGT_writable_page)
            ex_fail("CPU %u can still write to frame %lu, type %lx", cpu, m, x);
        if (tlb_walk[cpu][m] && type == PGT_writable_page)
            ex_fail("CPU %u still walks frame %lu, which is writable now", cpu, m);
    }
    for (unsigned int i = 0; type == PGT_l1_page_table && !(x & PGT_locked) && i < SLOTS; i++) {
        pte_t e = table(m)[i];

        if ((e & (PTE_P | PTE_RW)) == (PTE_P | PTE_RW) &&
            (frame(pte_mfn(e))->type_info & PGT_type_mask) != PGT_writable_page)
            ex_fail("table %lu maps frame %lu writable, type %lx", m, pte_mfn(e),
                    frame(pte_mfn(e))->type_info);
    }
}

static void ex_check_state(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(used); i++)
        check_frame(used[i]);
    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        if (tlb_write[cpu][D] && !(frame(D)->count_info & PGC_count_mask) &&
            flush_time[cpu] > frame(D)->tlb_stamp)
            ex_fail("CPU %u still writes to the free frame, and passes for one that has flushed",
                    cpu);
}

static void ex_check_end(void) { model_check(); }

static uint64_t ex_more_state(void)
{
    uint64_t bits = 0;

    for (unsigned int cpu = 0; cpu < 2; cpu++)
        for (unsigned int i = 0; i < ARRAY_SIZE(used); i++)
            bits = bits << 3 | (uint64_t)(tlb_write[cpu][used[i]] << 2 |
                                          tlb_walk[cpu][used[i]] << 1 | walker_l1[cpu][used[i]]);
    return bits + 1;
}

static bool ex_mutated_field(const volatile void *p, size_t size)
{
    size_t at = (size_t)((const volatile char *)p - (const char *)unit_frame_table) %
                sizeof(struct page_info);

    if ((const volatile char *)p < (const char *)unit_frame_table ||
        (const volatile char *)p >= (const char *)(unit_frame_table + FRAMES))
        return false;
    return ex_mutation == EX_LATE_WRITE ? at == offsetof(struct page_info, tlb_stamp) && size == 4
                                        : at == offsetof(struct page_info, type_info);
}

/* --- the search --- */

/* Two vCPUs on one tree. L1 maps D writable; L1B, which maps E, is in no tree; or, in the second
   setting, D is a pinned table and L1B is linked. */
static void set_up(unsigned int setting)
{
    model_setup(NULL);
    unit_current->is_idle = true;   /* nothing is put off */
    vcpu_a[1].v.is_idle = true;
    table(ROOT)[0] = make_pte(L3, RW);
    table(L3)[0] = make_pte(L2, RW);
    table(L2)[0] = make_pte(L1, RW);
    table(L1)[0] = setting ? 0 : make_pte(D, RW);
    table(L1B)[0] = make_pte(E, RW);
    mmuext(MMUEXT_PIN_L4_TABLE, ROOT, 0);
    for (unsigned int cpu = 0; cpu < 2; cpu++) {
        run_as(cpu);
        mmuext(MMUEXT_NEW_BASEPTR, ROOT, 0);
    }
    if (setting) {
        pin_as_1();
        link_table();
    }
    memset(walker_l1, 0, sizeof(walker_l1));
    fill(0);
    fill(1);
    model_check();
    ex_forget_areas();
    for (unsigned int i = 0; i < ARRAY_SIZE(used); i++) {
        ex_area(frame(used[i]), sizeof(struct page_info), EX_WATCH | EX_STATE);
        ex_area(table(used[i]), SLOTS * sizeof(pte_t), EX_WATCH | EX_STATE);
    }
    /* A frame that is freed leaves the list. */
    ex_area(frame(D - 1), sizeof(struct page_info), 0);
    ex_area(frame(E + 1), sizeof(struct page_info), 0);
    ex_area(&dom_a.d.page_list, sizeof(dom_a.d.page_list), 0);
    ex_area(&tlb_clock, sizeof(tlb_clock), EX_WATCH | EX_STATE);
    ex_area(flush_time, sizeof(flush_time), EX_STATE);
    ex_area(tlb_write, sizeof(tlb_write), 0);
    ex_area(tlb_walk, sizeof(tlb_walk), 0);
    ex_area(walker_l1, sizeof(walker_l1), 0);
}

static unsigned long states, runs;

static bool search(unsigned int setting)
{
    static void (*const threads[])(void) = { vcpu0, vcpu1, walker0, walker1 };
    bool good;

    set_up(setting);
    ex_late.p = NULL;
    good = ex_explore(threads, ARRAY_SIZE(threads));
    states += ex_states;
    runs += ex_runs;
    model_teardown(NULL);
    return good;
}

/* All pairs of acts, or as many as it takes to find something wrong. The long form has a second act
   of vCPU 0 after each of the first LONG_FIRST, and table walkers that come twice. */
#define LONG_FIRST 3

static bool search_all(void)
{
    unsigned int first = two ? LONG_FIRST : ARRAY_SIZE(acts);

    for (unsigned int setting = 0; setting < 2; setting++)
        for (act[0] = 0; act[0] < first; act[0]++)
            for (act[1] = 0; act[1] < (two ? ARRAY_SIZE(acts) : 1); act[1]++)
                for (act[2] = two ? 0 : act[0]; act[2] < ARRAY_SIZE(acts); act[2]++)
                    if (!search(setting))
                        return false;
    return true;
}

static void report(const char *what, bool good)
{
    printf("%s: %lu states in %lu runs: %s\n", what, states, runs,
           good ? "nothing wrong" : ex_violation);
    if (good)
        return;
    printf("  vCPU 0: %s %s, vCPU 1: %s\n", acts[act[0]].name, two ? acts[act[1]].name : "",
           acts[act[2]].name);
    states = runs = 0;
}

int main(int argc, char **argv)
{
    static const struct { enum ex_mutation m; const char *what; } seeded[] = {
        { EX_NO_FLUSH, "without the flush" },
        { EX_FILTER_ALL, "all CPUs pass for flushed" },
        { EX_LATE_WRITE, "stamped after the count has fallen" },
        { EX_BLIND_CMPXCHG, "compare-and-swap that does not compare" },
    };
    bool good;

    two = argc > 1 && !strcmp(argv[1], "long");
    good = search_all();
    report("as shipped", good);
    if (!good) {
        ex_show_path();
        return 1;
    }
    two = false;
    for (unsigned int i = 0; i < ARRAY_SIZE(seeded); i++) {
        states = runs = 0;
        ex_mutation = seeded[i].m;
        good = search_all();
        report(seeded[i].what, good);
        if (good)
            return 1;
    }
    return 0;
}
