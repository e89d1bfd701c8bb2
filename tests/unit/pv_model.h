/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine small enough to be checked as a whole: RAM_FRAMES frames, two PV domains, three CPUs
 * whose TLBs are remembered. Included once by each test of pv/'s page tables. After any operation
 * model_check() counts from scratch who must hold what of each frame and compares, and looks for
 * translations that are stale where the central rule forbids them.
 */
#ifndef TESTS_PV_MODEL_H
#define TESTS_PV_MODEL_H

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <hv/acpi.h>
#include <hv/domain.h>
#include <hv/event.h>
#include <hv/flush.h>
#include <hv/hypercall.h>
#include <hv/iocap.h>
#include <hv/processor.h>
#include <hv/spec.h>
#include <hv/uaccess.h>
#include <pv/pt.h>
#include <pv/xpti.h>

#define RAM_FRAMES 320
#define FRAMES (RAM_FRAMES + 16)    /* the rest is device memory */
#define MMIO_OK RAM_FRAMES          /* permitted to domain A */
#define MMIO_RO (RAM_FRAMES + 1)    /* permitted, read-only */
#define MMIO_NO (RAM_FRAMES + 2)
#define A_FIRST 1
#define A_LAST 199
#define B_FIRST 200
#define B_LAST 259
#define XEN_FIRST 260               /* the hypervisor's own; the first is shared with A */
#define CPUS 3

struct page_info *unit_frame_table;
unsigned long *unit_m2p;
char *unit_directmap;
struct vcpu *unit_current;
unsigned long max_page = FRAMES, per_cpu_offset[NR_CPUS], frame_groups[1] = { 1 };
uint32_t tlb_clock = 1;
cpumask_t cpu_online_map;
unsigned int nr_cpu_ids = CPUS;
struct domain *dom0, *dom_io, *dom_xen;
struct rangeset *mmio_ro_ranges;
bool pv_pci_memory_write(struct vcpu *v, mfn_t mfn, unsigned int reg, unsigned int bytes,
                         uint64_t val)
{
    return true;
}
DEFINE_PER_CPU(unsigned long, softirq_pending);

/* Never looked into. */
#define MODEL_CAPS ((struct rangeset *)0x1000)

/* Domain A runs on copies of its root tables, B does not. */
uint32_t unit_alternatives;
struct spec spec;
static pte_t copy_pages[CPUS][NR_ROOT_COPIES][PT_ENTRIES];
/* Not 0: entries that are not present are checked; what A was crashed for is counted. */
static unsigned int crashes_expected, crashes;

static struct pv_domain dom_a, dom_b;
static struct domain pseudo_io, pseudo_xen;
static struct pv_vcpu vcpu_a[2], vcpu_b[1];
static struct vcpu *vcpus_a[2], *vcpus_b[1];
static struct vcpu_info info[3];
static pte_t windows[3][32];
static unsigned int mock_cpu;

/* TLBs: frames that a CPU may still write to, and tables its walker may still read. */
static bool tlb_write[CPUS][FRAMES], tlb_walk[CPUS][FRAMES];
static uint32_t flush_time[CPUS];
static unsigned int flushes, injected;

/* Preemption: the nth check from now says yes; -1 = never. */
static int preempt_in = -1;
/* The continued hypercall. */
static unsigned int cont_op;
static unsigned long cont_args[6];
static bool continued;

unsigned int unit_cpu(void) { return mock_cpu; }

unsigned long unit_this_cpu_offset(void)
{
    per_cpu__softirq_pending = preempt_in == 0;
    if (preempt_in > 0)
        preempt_in--;
    return 0;
}

struct domain *domain_by_owner(uint16_t owner)
{
    struct domain *const all[] = { &dom_a.d, &dom_b.d, dom_io, dom_xen };

    for (unsigned int i = 0; i < ARRAY_SIZE(all); i++)
        if (owner == (uint16_t)(all[i]->domain_id + 1))
            return all[i];
    return NULL;
}

struct domain *get_domain_by_id(domid_t id)
{
    struct domain *d = id == 0 ? &dom_a.d : id == 1 ? &dom_b.d : NULL;

    if (d)
        atomic_inc(&d->refcnt);
    return d;
}

void put_domain(struct domain *d) { atomic_dec(&d->refcnt); }

void free_domain_pages(struct page_info *pg, unsigned int order)
{
    struct domain *d = page_get_owner(pg);

    assert_int_equal(pg->type_info & PGT_count_mask, 0);
    pg->tlb_stamp = tlb_clock;
    pg->type_info = PGT_none;
    pg->owner = 0;
    pg->count_info = 0;
    page_list_del(&d->page_list, pg);
}

#ifndef MODEL_OWN_FLUSH
void load_root(paddr_t root)
{
    memset(tlb_write[mock_cpu], 0, sizeof(tlb_write[0]));
    memset(tlb_walk[mock_cpu], 0, sizeof(tlb_walk[0]));
    flush_time[mock_cpu] = ++tlb_clock;
}

void flush_local(unsigned int flags, unsigned long va)
{
    if (flags & (FLUSH_TLB | FLUSH_TLB_GLOBAL))
        load_root(0);
}

void flush_mask(const cpumask_t *mask, unsigned int flags, unsigned long va)
{
    unsigned int self = mock_cpu;

    flushes++;
    for (mock_cpu = 0; mock_cpu < CPUS; mock_cpu++)
        if (cpumask_test(mock_cpu, mask))
            flush_local(flags, va);
    mock_cpu = self;
}
#endif

void flush_all(unsigned int flags) { flush_mask(&cpu_online_map, flags, 0); }

#ifndef MODEL_OWN_FLUSH
void flush_filter(cpumask_t *mask, uint32_t stamp)
{
    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        if (flush_time[cpu] > stamp)
            __clear_bit(cpu, mask->bits);
}
#endif

unsigned long find_next_bit(const unsigned long *map, unsigned long size, unsigned long from)
{
    while (from < size && !test_bit(from, map))
        from++;
    return from;
}

bool rangeset_contains(const struct rangeset *r, unsigned long s, unsigned long e)
{
    return s == MMIO_RO;
}
bool rangeset_empty(const struct rangeset *r) { return r == NULL; }
bool iomem_access_permitted(const struct domain *d, unsigned long s, unsigned long e)
{
    return d == &dom_a.d && (s == MMIO_OK || s == MMIO_RO);
}

static unsigned int protect_calls;
int protect_hv_pages(unsigned long va, unsigned long nr, uint64_t flags)
{
    protect_calls++;
    return 0;
}

void join_hv_pages(unsigned long va) {}
void bug_at(const char *file, int line, const char *what)
{
    fail_msg("%s:%d %s", file, line, what);
}

void init_root_hv_slots(pte_t *root, const struct domain *d)
{
    memset(&root[HV_FIRST_SLOT], 0x5a, (HV_LAST_SLOT - HV_FIRST_SLOT + 1) * sizeof(pte_t));
}

void pv_load_root(struct vcpu *v) { load_root(pv_vcpu(v)->guest_root); }
void pv_load_ldt(struct vcpu *v) {}
void pv_destroy_gdt(struct vcpu *v) {}
void pv_inject_exception(unsigned int vector, uint32_t error_code) { injected = vector; }
bool pv_check_descriptor(uint64_t *desc) { return *desc != 0xbad; }

/* Guest memory is the program's own here. */
bool guest_range_ok(const void *gva, size_t len)
{
    return (unsigned long)gva + len >= (unsigned long)gva;
}

int copy_from_guest(void *dst, const void *gva, size_t len)
{
    if (!gva)
        return -EFAULT;
    memcpy(dst, gva, len);
    return 0;
}
int copy_to_guest(void *gva, const void *src, size_t len)
{
    if (!gva)
        return -EFAULT;
    memcpy(gva, src, len);
    return 0;
}

long hypercall_continue(unsigned int op, unsigned int nargs, const unsigned long *args)
{
    continued = true;
    cont_op = op;
    memcpy(cont_args, args, nargs * sizeof(*args));
    return 0x7777;
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
    if (!crashes_expected || d != &dom_a.d)
        fail_msg("domain_crash: %s", fmt);
    crashes++;
}

/* --- the machine --- */

static struct page_info *frame(mfn_t mfn) { return &unit_frame_table[mfn]; }
static pte_t *table(mfn_t mfn) { return mfn_to_virt(mfn); }

static void give(struct domain *d, mfn_t first, mfn_t last)
{
    for (mfn_t m = first; m <= last; m++) {
        frame(m)->owner = (uint16_t)(d->domain_id + 1);
        frame(m)->count_info = PGC_allocated | 1;
        page_list_add_tail(&d->page_list, frame(m));
    }
}

static void init_domain(struct pv_domain *pd, domid_t id, struct vcpu **list, struct pv_vcpu *pv,
                        unsigned int n, unsigned int cpu)
{
    memset(pd, 0, sizeof(*pd));
    pd->d.domain_id = id;
    pd->d.page_list = (struct page_list)PAGE_LIST_INIT;
    pd->d.xen_page_list = (struct page_list)PAGE_LIST_INIT;
    pd->d.max_vcpus = n;
    pd->d.vcpu = list;
    spin_lock_init(&pd->d.page_alloc_lock, LOCK_PAGE_ALLOC);
    memset(pv, 0, n * sizeof(*pv));
    for (unsigned int i = 0; i < n; i++) {
        list[i] = &pv[i].v;
        pv[i].v.domain = &pd->d;
        pv[i].v.vcpu_id = i;
        pv[i].v.dirty_cpu = cpu + i;
        pv[i].v.vcpu_info = &info[cpu + i];
        pv[i].flags = PVF_KERNEL;
        pv[i].gdt_ldt_l1 = windows[cpu + i];
        spin_lock_init(&pv[i].shadow_ldt_lock, LOCK_LEAF);
        __set_bit(cpu + i, pd->d.dirty_cpus.bits);
    }
}

static void run_as(unsigned int cpu)
{
    mock_cpu = cpu;
    unit_current = cpu < 2 ? &vcpu_a[cpu].v : &vcpu_b[0].v;
}

void on_cpus(const cpumask_t *mask, void (*fn)(void *), void *arg, bool wait)
{
    unsigned int self = mock_cpu;

    assert_true(local_irq_is_enabled());
    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        if (cpumask_test(cpu, mask)) {
            run_as(cpu);
            fn(arg);
        }
    run_as(self);
}

static int model_setup(void **state)
{
    unit_alternatives = BIT(ALT_XPTI);
    pv_root_copies_used = true;
    crashes_expected = crashes = 0;
    memset(copy_pages, 0, sizeof(copy_pages));
    for (unsigned int cpu = 0; cpu < CPUS; cpu++)
        for (unsigned int i = 0; i < NR_ROOT_COPIES; i++)
            pv_root_copies[cpu][i] = copy_pages[cpu][i];
    unit_frame_table = calloc(FRAMES, sizeof(struct page_info));
    unit_m2p = calloc(FRAMES, sizeof(unsigned long));
    unit_directmap = aligned_alloc(PAGE_SIZE, (size_t)FRAMES * PAGE_SIZE);
    memset(unit_directmap, 0, (size_t)FRAMES * PAGE_SIZE);
    memset(windows, 0, sizeof(windows));
    memset(tlb_write, 0, sizeof(tlb_write));
    memset(tlb_walk, 0, sizeof(tlb_walk));
    memset(flush_time, 0, sizeof(flush_time));
    tlb_clock = 1;
    preempt_in = -1;
    continued = false;
    dom_io = &pseudo_io;
    dom_xen = &pseudo_xen;
    pseudo_io.domain_id = DOMID_IO;
    pseudo_xen.domain_id = DOMID_XEN;
    pseudo_xen.page_list = pseudo_xen.xen_page_list = (struct page_list)PAGE_LIST_INIT;
    dom0 = &dom_a.d;
    cpu_online_map.bits[0] = (1UL << CPUS) - 1;
    init_domain(&dom_a, 0, vcpus_a, vcpu_a, 2, 0);
    init_domain(&dom_b, 1, vcpus_b, vcpu_b, 1, 2);
    dom_a.d.is_control = true;
    dom_a.xpti = true;
    for (mfn_t m = XEN_FIRST; m < RAM_FRAMES; m++)
        frame(m)->count_info = PGC_xen | 1;
    for (mfn_t m = RAM_FRAMES; m < FRAMES; m++)
        frame(m)->count_info = PGC_not_ram;
    give(&dom_a.d, A_FIRST, A_LAST);
    give(&dom_b.d, B_FIRST, B_LAST);
    share_xen_page(frame(XEN_FIRST), &dom_a.d, true);
    share_xen_page(frame(XEN_FIRST + 1), &dom_a.d, false);
    run_as(0);
    return 0;
}

static int model_teardown(void **state)
{
    free(unit_frame_table);
    free(unit_m2p);
    free(unit_directmap);
    return 0;
}

/* --- who must hold what --- */

static unsigned long want_ref[FRAMES], want_type[FRAMES];

static void holds(mfn_t mfn, unsigned long type)
{
    want_ref[mfn]++;
    if (type == PGT_none)
        return;
    want_type[mfn]++;
    if ((frame(mfn)->type_info & PGT_type_mask) != type)
        fail_msg("frame %lu is used as type %lx and is %lx", mfn, type, frame(mfn)->type_info);
}

static void count_entry(pte_t e, unsigned int level)
{
    if (!(e & PTE_P))
        return;
    assert_true(e & PTE_US);
    assert_false(e & PTE_G);
    if (!mfn_valid(pte_mfn(e)))
        assert_int_equal(level, 1);
    else if (level == 1)
        holds(pte_mfn(e), e & PTE_RW ? PGT_writable_page : PGT_none);
    else
        holds(pte_mfn(e), PT_TYPE(level - 1));
}

static void count_table(mfn_t mfn)
{
    unsigned long x = frame(mfn)->type_info;
    unsigned int level = PT_LEVEL(x), n = PT_ENTRIES;

    assert_false(x & PGT_locked);
    if (x & PGT_pinned)
        holds(mfn, x & PGT_type_mask);
    if (!(x & PGT_count_mask) || !type_is_table(x))
        return;
    assert_true(!(x & PGT_validated) != !(x & PGT_partial));
    if (x & PGT_partial) {
        holds(mfn, x & PGT_type_mask);
        n = frame(mfn)->progress & ~PT_ENTRY_HELD;
        if (frame(mfn)->progress & PT_ENTRY_HELD)
            holds(pte_mfn(table(mfn)[n]), PGT_none);
    }
    for (unsigned int i = 0; i < n; i++)
        if (guest_slot(level, i))
            count_entry(table(mfn)[i], level);
}

static void count_vcpu(const struct pv_vcpu *pv)
{
    if (pv->guest_root)
        holds(paddr_to_pfn(pv->guest_root), PGT_l4_page_table);
    if (pv->guest_root_user)
        holds(paddr_to_pfn(pv->guest_root_user), PGT_l4_page_table);
    if (pv->old_root)
        holds(pv->old_root, PGT_none);
    for (unsigned int i = 0; i < 32; i++)
        if (pv->gdt_ldt_l1[i] & PTE_P)
            holds(pte_mfn(pv->gdt_ldt_l1[i]), PGT_seg_desc_page);
}

static void check_copy(unsigned int cpu, uint64_t root, enum root_copy which)
{
    for (unsigned int i = 0; root && i < PT_ENTRIES; i++)
        if (guest_slot(4, i) && pv_root_copies[cpu][which][i] != table(paddr_to_pfn(root))[i])
            fail_msg("CPU %u runs on an old copy of root table %lx, slot %u", cpu, root, i);
}

static void check_tlbs(mfn_t m)
{
    unsigned long x = frame(m)->type_info;
    bool in_use = x & PGT_count_mask;

    for (unsigned int cpu = 0; cpu < CPUS; cpu++) {
        if (tlb_write[cpu][m] && in_use && (x & PGT_type_mask) != PGT_writable_page)
            fail_msg("CPU %u can still write to frame %lu, type %lx", cpu, m, x);
        if (tlb_walk[cpu][m] && in_use && (x & PGT_type_mask) == PGT_writable_page)
            fail_msg("CPU %u still walks frame %lu, which is writable now", cpu, m);
    }
}

static void model_check(void)
{
    memset(want_ref, 0, sizeof(want_ref));
    memset(want_type, 0, sizeof(want_type));
    for (mfn_t m = 0; m < RAM_FRAMES; m++) {
        if (frame(m)->count_info & PGC_allocated)
            want_ref[m]++;
        if (frame(m)->count_info & PGC_xen)
            want_ref[m]++;
        if (m == XEN_FIRST || m == XEN_FIRST + 1)
            want_type[m]++;
        count_table(m);
        check_tlbs(m);
    }
    for (unsigned int cpu = 0; cpu < 2; cpu++) {
        count_vcpu(&vcpu_a[cpu]);
        check_copy(cpu, vcpu_a[cpu].guest_root, KERNEL_ROOT_COPY);
        check_copy(cpu, vcpu_a[cpu].guest_root_user, USER_ROOT_COPY);
    }
    count_vcpu(&vcpu_b[0]);
    for (mfn_t m = 0; m < RAM_FRAMES; m++) {
        if ((frame(m)->count_info & PGC_count_mask) != want_ref[m])
            fail_msg("frame %lu: %lu references, not %lu (type %lx)", m,
                     frame(m)->count_info & PGC_count_mask, want_ref[m], frame(m)->type_info);
        if ((frame(m)->type_info & PGT_count_mask) != want_type[m])
            fail_msg("frame %lu: type %lx, %lu uses expected", m, frame(m)->type_info,
                     want_type[m]);
    }
}

/* The CPU's guest looks at all that its root maps. */
static void walk_table(unsigned int cpu, const pte_t *t, unsigned int level)
{
    for (unsigned int i = 0; i < PT_ENTRIES; i++) {
        pte_t e = t[i];

        if (!(e & PTE_P) || !guest_slot(level, i) || !mfn_valid(pte_mfn(e)))
            continue;
        if (level > 1) {
            tlb_walk[cpu][pte_mfn(e)] = true;
            walk_table(cpu, table(pte_mfn(e)), level - 1);
        } else if (e & PTE_RW) {
            tlb_write[cpu][pte_mfn(e)] = true;
        }
    }
}

static void walk_root(unsigned int cpu, uint64_t root, enum root_copy which)
{
    if (!root)
        return;
    if (cpu < 2) {
        walk_table(cpu, pv_root_copies[cpu][which], 4);
        return;
    }
    tlb_walk[cpu][paddr_to_pfn(root)] = true;
    walk_table(cpu, table(paddr_to_pfn(root)), 4);
}

static inline void touch_all(unsigned int cpu)
{
    const struct pv_vcpu *pv = cpu < 2 ? &vcpu_a[cpu] : &vcpu_b[0];

    walk_root(cpu, pv->guest_root, KERNEL_ROOT_COPY);
    walk_root(cpu, pv->guest_root_user, USER_ROOT_COPY);
}

/* --- hypercalls, continued to their end --- */

static long finish_call(long rc)
{
    while (continued) {
        continued = false;
        model_check();
        if (preempt_in >= 0)
            preempt_in = 1;
        if (cont_op == __HYPERVISOR_mmu_update)
            rc = do_mmu_update((void *)cont_args[0], cont_args[1], (void *)cont_args[2],
                               cont_args[3]);
        else
            rc = do_mmuext_op((void *)cont_args[0], cont_args[1], (void *)cont_args[2],
                              cont_args[3]);
    }
    return rc;
}

static struct mmu_update mu_req;
static struct mmuext_op ext_req;

static long mmu_update(mfn_t table_mfn, unsigned int slot, pte_t val, unsigned int cmd,
                       domid_t foreign)
{
    mu_req = (struct mmu_update){ pfn_to_paddr(table_mfn) + slot * 8 + cmd, val };
    return finish_call(do_mmu_update(&mu_req, 1, NULL, foreign));
}

static inline long set_entry(mfn_t table_mfn, unsigned int slot, pte_t val)
{
    return mmu_update(table_mfn, slot, val, MMU_NORMAL_PT_UPDATE, DOMID_SELF);
}

static long mmuext(unsigned int cmd, unsigned long arg1, unsigned long arg2)
{
    ext_req = (struct mmuext_op){ .cmd = cmd, .arg1.mfn = arg1, .arg2.src_mfn = arg2 };
    return finish_call(do_mmuext_op(&ext_req, 1, NULL, DOMID_SELF));
}

#endif
