/* SPDX-License-Identifier: BSD-2-Clause */
/* HYPERVISOR_memory_op: reservations and their continuations, the exchange and its arithmetic, the
 * machine's memory map, errors. */
/* sources: hv/hypercall/memory_op.c hv/hypercall/memory_op_reserve.c */
/* sources: hv/hypercall/memory_op_exchange.c hv/hypercall/memory_op_map.c */
/* sources: hv/hypercall/memory_op_physmap.c hv/lib/rangeset.c hv/mm/page_list.c */
/* cflags: -DHV_UNIT_TEST */
#include "world.h"
#include "../../hv/hypercall/memory_op_priv.h"
#include <hv/boot.h>
#include <hv/cpuid.h>
#include <hv/grant.h>
#include <hv/iocap.h>
#include <hv/lib.h>
#include <hv/param.h>

#define MIB(n) ((uint64_t)(n) << 20)

struct boot_info boot_info;
struct cpu_data boot_cpu = { .paddr_bits = 36 };
/* Frames of the machine-to-physical table, by chunk: a hole in the middle. */
static const mfn_t m2p_chunks[] = { 0x800, INVALID_MFN, 0xa00 };

mfn_t m2p_chunk_mfn(unsigned long chunk)
{
    return chunk < ARRAY_SIZE(m2p_chunks) ? m2p_chunks[chunk] : INVALID_MFN;
}

static struct domain *d0, *d1;
static int assign_result;

/* --- the allocator's part of the world: d's frames are on no list, and an address limit is by
   frame number --- */

struct page_info *alloc_domain_pages(struct domain *d, unsigned int order, unsigned int memflags)
{
    unsigned int bits = MEMF_get_bits(memflags);
    struct page_info *pg = world_take_frames(order);
    if (!pg)
        return NULL;
    if (bits && (page_to_mfn(pg) + (1UL << order)) > 1UL << (bits - PAGE_SHIFT)) {
        for (unsigned long i = 0; i < 1UL << order; i++)
            pg[i].count_info = 0;
        return NULL;
    }
    for (unsigned long i = 0; d && i < 1UL << order; i++) {
        pg[i].owner = (uint16_t)(d->domain_id + 1);
        pg[i].count_info = PGC_allocated | 1;
        d->tot_pages++;
    }
    return pg;
}
void free_domain_pages(struct page_info *pg, unsigned int order)
{
    for (unsigned long i = 0; i < 1UL << order; i++) {
        assert_int_equal(pg[i].count_info & PGC_count_mask, 0);
        pg[i].count_info = 0;
    }
}
int assign_pages(struct domain *d, struct page_info *pg, unsigned int order, unsigned int memflags)
{
    if (assign_result)
        return assign_result;
    for (unsigned long i = 0; i < 1UL << order; i++) {
        pg[i].owner = (uint16_t)(d->domain_id + 1);
        pg[i].count_info = PGC_allocated | 1;
        d->tot_pages++;
    }
    return 0;
}
int steal_page(struct domain *d, struct page_info *pg, unsigned int memflags)
{
    if (pg->owner != d->domain_id + 1 || pg->count_info & PGC_xen)
        return -EINVAL;
    if (pg->count_info != (PGC_allocated | 1))
        return -EBUSY;
    pg->owner = 0;
    pg->count_info = PGC_state_free;
    d->tot_pages--;
    return 0;
}
int claim_pages(struct domain *d, unsigned long n)
{
    d->outstanding_pages = n;
    return 0;
}
int grant_table_frame(struct domain *d, unsigned int idx, mfn_t *mfn)
{
    *mfn = 1000 + idx;
    return idx < 8 ? 0 : -EINVAL;
}

static void run_as(struct domain *d) { unit_current = d->vcpu[0]; }
static void begin(void)
{
    world_begin();
    assign_result = 0;
    memset(&boot_info, 0, sizeof(boot_info));
    for (unsigned int i = 0; i < WORLD_FRAMES; i++)
        world_m2p[i] = INVALID_M2P_ENTRY;
    d0 = world_domain(0, 1);
    d1 = world_domain(1, 1);
    d1->max_grant_frames = 8;
    d0->iomem_caps = rangeset_new();
}
static void end(void)
{
    rangeset_free(d0->iomem_caps);
    xfree(d0->e820);
    xfree(d1->e820);
    world_drop_domain(d0);
    world_drop_domain(d1);
    world_end();
}

static struct xen_memory_reservation reservation(xen_pfn_t *list, unsigned long nr,
                                                 unsigned int order, domid_t dom)
{
    struct xen_memory_reservation r = { .nr_extents = nr, .extent_order = order, .domid = dom };
    set_xen_guest_handle(r.extent_start, list);
    return r;
}

/* --- Reservations --- */

static void test_populate_and_decrease(void **state)
{
    xen_pfn_t list[4] = { 0x100, 0x200, 0x300, 0x400 };
    struct xen_memory_reservation r;
    begin();
    r = reservation(list, 4, 2, DOMID_SELF);
    assert_int_equal(do_memory_op(XENMEM_populate_physmap, &r), 4);
    assert_int_equal(d0->tot_pages, 16);
    assert_int_equal(list[1] % 4, 0);
    assert_int_equal(world_m2p[list[1]], 0x200);
    assert_int_equal(world_m2p[list[1] + 3], 0x203);
    assert_int_equal(do_memory_op(XENMEM_decrease_reservation, &r), 4);
    assert_int_equal(d0->tot_pages, 0);
    assert_int_equal(world_m2p[list[1]], INVALID_M2P_ENTRY);
    assert_int_equal(do_memory_op(XENMEM_decrease_reservation, &r), 0); /* nobody's now */
    r = reservation(list, 4, 0, 1);
    assert_int_equal(do_memory_op(XENMEM_increase_reservation, &r), 4);
    assert_int_equal(d1->tot_pages, 4);
    assert_int_equal(world_m2p[list[0]], INVALID_M2P_ENTRY); /* not in the physical map */
    r.domid = DOMID_SELF;
    assert_int_equal(do_memory_op(XENMEM_decrease_reservation, &r), 0); /* another's frames */
    run_as(d1);
    r.domid = 0;
    assert_int_equal(do_memory_op(XENMEM_decrease_reservation, &r), 0); /* not allowed */
    list[0] = virt_to_mfn(d1->shared_info);
    r.domid = 1;
    assert_int_equal(do_memory_op(XENMEM_decrease_reservation, &r), 0); /* the hypervisor's page */
    list[0] = WORLD_FRAMES + 5;
    assert_int_equal(do_memory_op(XENMEM_decrease_reservation, &r), 0);
    end();
}

/* A frame that is still mapped leaves with its last reference. */
static void test_decrease_mapped(void **state)
{
    xen_pfn_t list[1];
    struct xen_memory_reservation r;
    struct page_info *pg;
    begin();
    pg = world_page(d0);
    assert_true(get_page(pg, d0));
    list[0] = page_to_mfn(pg);
    r = reservation(list, 1, 0, DOMID_SELF);
    assert_int_equal(do_memory_op(XENMEM_decrease_reservation, &r), 1);
    assert_int_equal(pg->count_info, 1);
    assert_ptr_equal(page_get_owner(pg), d0);
    put_page(pg);
    assert_int_equal(pg->count_info, 0);
    end();
}

static void test_reservation_limits(void **state)
{
    xen_pfn_t list[2] = { 0, 0 };
    struct xen_memory_reservation r;
    begin();
    assert_int_equal(do_memory_op(XENMEM_populate_physmap, BAD_POINTER), 0);
    r = reservation(list, 2, 19, DOMID_SELF);
    assert_int_equal(do_memory_op(XENMEM_increase_reservation, &r), 0);
    r = reservation(list, 1UL << 26, 0, DOMID_SELF); /* could not be continued */
    assert_int_equal(do_memory_op(XENMEM_increase_reservation, &r), 0);
    r = reservation(list, 2, 0, DOMID_SELF);
    assert_int_equal(do_memory_op(XENMEM_increase_reservation | 7 << MEMOP_EXTENT_SHIFT, &r), 7);
    r.mem_flags = XENMEMF_address_bits(12);
    assert_int_equal(do_memory_op(XENMEM_increase_reservation, &r), 0);
    r.mem_flags = XENMEMF_address_bits(14); /* frames 0 to 3; all but the last are in use */
    assert_int_equal(do_memory_op(XENMEM_increase_reservation, &r), 1);
    assert_int_equal(list[0], 3);
    r.mem_flags = XENMEMF_exact_node(64);
    assert_int_equal(do_memory_op(XENMEM_increase_reservation, &r), 0);
    run_as(d1);
    r = reservation(list, 1, 10, DOMID_SELF);
    assert_int_equal(do_memory_op(XENMEM_increase_reservation, &r), 0);
    r = reservation(list, 1, 9, DOMID_SELF);
    assert_int_equal(do_memory_op(XENMEM_increase_reservation, &r), 1);
    r.mem_flags = XENMEMF_exact_node(0);
    assert_int_equal(do_memory_op(XENMEM_increase_reservation, &r), 0);
    r = reservation(BAD_POINTER, 1, 0, DOMID_SELF);
    assert_int_equal(do_memory_op(XENMEM_populate_physmap, &r), 0);
    end();
}

static void test_continuation(void **state)
{
    xen_pfn_t list[6] = { 10, 11, 12, 13, 14, 15 };
    struct xen_memory_reservation r;
    begin();
    r = reservation(list, 6, 0, DOMID_SELF);
    world.preempt_after = 4; /* the arguments and three extents */
    assert_int_equal(do_memory_op(XENMEM_populate_physmap, &r), WORLD_RESULT);
    assert_int_equal(world.cont_op, __HYPERVISOR_memory_op);
    assert_int_equal(world.cont_args[0], XENMEM_populate_physmap | 3 << MEMOP_EXTENT_SHIFT);
    assert_int_equal(d0->tot_pages, 3);
    assert_int_equal(do_memory_op(world.cont_args[0], (void *)world.cont_args[1]), 6);
    assert_int_equal(d0->tot_pages, 6);
    for (unsigned int i = 0; i < 6; i++)
        assert_int_equal(world_m2p[list[i]], 10 + i);
    end();
}

/* --- Largest extents --- */

#undef strtoul
unsigned long hv_strtoul(const char *s, const char **end, int base)
{
    *end = s;
    return *s >= '0' && *s <= '9' ? strtoul(s, (char **)end, base) : 0;
}

extern const struct param __start_param_table[], __stop_param_table[];

static int set_orders(const char *value)
{
    for (const struct param *p = __start_param_table; p < __stop_param_table; p++)
        if (!strcmp(p->name, "memop-max-order"))
            return p->fn(value);
    fail_msg("no such option");
    return 0;
}

static void expect_orders(unsigned int control, unsigned int plain, unsigned int with_device)
{
    run_as(d0);
    assert_int_equal(memop_max_order(), control);
    run_as(d1);
    assert_int_equal(memop_max_order(), plain);
    d1->ioport_caps = rangeset_new();
    assert_int_equal(rangeset_add(d1->ioport_caps, 0x3f8, 0x3ff), 0);
    assert_int_equal(memop_max_order(), with_device);
    rangeset_free(d1->ioport_caps);
    d1->ioport_caps = NULL;
}

static void test_max_order_option(void **state)
{
    static const char *const bad[] = {
        "", "x", "9x", "9,", "9,18,12,12,", "1,2,3,4,5", "9;18", "-1",
    };
    begin();
    expect_orders(18, 9, 12);
    for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(set_orders(bad[i]), -EINVAL);
    expect_orders(18, 9, 12);
    assert_int_equal(set_orders("4"), 0);
    expect_orders(18, 4, 12);
    assert_int_equal(set_orders("5,,,7"), 0);
    expect_orders(18, 5, 7);
    assert_int_equal(set_orders(",3,6"), 0);
    expect_orders(6, 5, 7);
    assert_int_equal(set_orders("99999999999"), 0);
    expect_orders(MAX_ORDER, MAX_ORDER, MAX_ORDER);
    assert_int_equal(set_orders("9,18,12,12"), 0);
    end();
}

/* --- Exchange --- */

static struct xen_memory_exchange exchange(xen_pfn_t *in, unsigned long nr_in,
                                           unsigned int order_in, xen_pfn_t *out,
                                           unsigned long nr_out, unsigned int order_out)
{
    return (struct xen_memory_exchange){
        .in = reservation(in, nr_in, order_in, DOMID_SELF),
        .out = reservation(out, nr_out, order_out, DOMID_SELF),
    };
}

static void test_exchange_plan(void **state)
{
    struct xen_memory_exchange x = exchange(NULL, 1024, 0, NULL, 1, 10);
    struct exchange_plan p;
    assert_int_equal(exchange_plan(&x, 9, &p), -EPERM);
    assert_int_equal(exchange_plan(&x, 10, &p), 0);
    assert_int_equal(p.in_chunk_order, 10);
    assert_int_equal(p.out_chunk_order, 0);
    assert_int_equal(p.first, 0);
    assert_int_equal(p.end, 1);
    x = exchange(NULL, 4, 3, NULL, 32, 0);
    x.nr_exchanged = 3;
    assert_int_equal(exchange_plan(&x, 9, &p), 0);
    assert_int_equal(p.in_chunk_order, 0);
    assert_int_equal(p.out_chunk_order, 3);
    assert_int_equal(p.first, 3);
    assert_int_equal(p.end, 4);
    x.out.nr_extents = 31;
    assert_int_equal(exchange_plan(&x, 9, &p), -EINVAL);
    x.out.nr_extents = 32;
    x.nr_exchanged = 5;
    assert_int_equal(exchange_plan(&x, 9, &p), -EINVAL);
    x.nr_exchanged = 0;
    x.out.domid = 1;
    assert_int_equal(exchange_plan(&x, 9, &p), -EINVAL);
    x = exchange(NULL, 1UL << 62, 3, NULL, 1UL << 62, 3); /* both products wrap to the same */
    assert_int_equal(exchange_plan(&x, 9, &p), -EINVAL);
    x = exchange(NULL, 3, 0, NULL, 3UL << 63, 9);
    assert_int_equal(exchange_plan(&x, 9, &p), -EINVAL);
}

/* As swiotlb does: single frames for one aligned extent below a limit, and back. */
static void test_exchange(void **state)
{
    xen_pfn_t in[64], out[64] = { 0x700 };
    struct xen_memory_exchange x;
    begin();
    for (unsigned int i = 0; i < 64; i++) {
        in[i] = page_to_mfn(world_page(d0));
        world_m2p[in[i]] = 0x700 + i;
    }
    x = exchange(in, 64, 0, out, 1, 6);
    x.out.mem_flags = XENMEMF_address_bits(23);
    assert_int_equal(do_memory_op(XENMEM_exchange, &x), 0);
    assert_int_equal(x.nr_exchanged, 64);
    assert_int_equal(d0->tot_pages, 64);
    assert_int_equal(out[0] % 64, 0);
    assert_true(out[0] + 64 <= 1UL << (23 - PAGE_SHIFT));
    assert_int_equal(world_m2p[out[0] + 63], 0x700 + 63);
    assert_ptr_equal(page_get_owner(mfn_to_page(out[0] + 63)), d0);
    assert_int_equal(mfn_to_page(in[5])->count_info, 0);
    assert_int_equal(world_m2p[in[5]], INVALID_M2P_ENTRY);
    in[0] = out[0];
    for (unsigned int i = 0; i < 64; i++)
        out[i] = 0x700 + i;
    x = exchange(in, 1, 6, out, 64, 0);
    assert_int_equal(do_memory_op(XENMEM_exchange, &x), 0);
    assert_int_equal(x.nr_exchanged, 1);
    assert_int_equal(world_m2p[out[63]], 0x700 + 63);
    assert_int_equal(d0->tot_pages, 64);
    end();
}

static void test_exchange_failures(void **state)
{
    xen_pfn_t in[4], out[1] = { 0x700 };
    struct xen_memory_exchange x;
    begin();
    for (unsigned int i = 0; i < 4; i++)
        in[i] = page_to_mfn(world_page(d0));
    assert_int_equal(do_memory_op(XENMEM_exchange, BAD_POINTER), -EFAULT);
    x = exchange(in, 4, 0, out, 1, 2);
    assert_int_equal(do_memory_op(XENMEM_exchange | 1 << MEMOP_EXTENT_SHIFT, &x), -EINVAL);
    assert_true(get_page(mfn_to_page(in[3]), d0)); /* in use */
    assert_int_equal(do_memory_op(XENMEM_exchange, &x), -EBUSY);
    assert_int_equal(x.nr_exchanged, 0);
    for (unsigned int i = 0; i < 4; i++)
        assert_ptr_equal(page_get_owner(mfn_to_page(in[i])), d0); /* all as before */
    assert_int_equal(d0->tot_pages, 4);
    put_page(mfn_to_page(in[3]));
    x.out.mem_flags = XENMEMF_address_bits(13); /* no such memory */
    assert_int_equal(do_memory_op(XENMEM_exchange, &x), -ENOMEM);
    assert_int_equal(d0->tot_pages, 4);
    x.out.mem_flags = 0;
    in[1] = in[0]; /* the same frame twice */
    assert_int_equal(do_memory_op(XENMEM_exchange, &x), -EINVAL);
    assert_int_equal(d0->tot_pages, 4);
    in[1] = ~0UL;
    assert_int_equal(do_memory_op(XENMEM_exchange, &x), -EINVAL);
    x.in.domid = x.out.domid = 5;
    assert_int_equal(do_memory_op(XENMEM_exchange, &x), -ESRCH);
    run_as(d1);
    x.in.domid = x.out.domid = 0;
    assert_int_equal(do_memory_op(XENMEM_exchange, &x), -EPERM);
    end();
}

static void test_exchange_continuation(void **state)
{
    xen_pfn_t in[8], out[4] = { 100, 102, 104, 106 };
    struct xen_memory_exchange x;
    begin();
    for (unsigned int i = 0; i < 8; i++)
        in[i] = page_to_mfn(world_page(d0));
    x = exchange(in, 8, 0, out, 4, 1);
    world.preempt_after = 3;
    assert_int_equal(do_memory_op(XENMEM_exchange, &x), WORLD_RESULT);
    assert_int_equal(x.nr_exchanged, 2);
    assert_int_equal(world.cont_args[0], XENMEM_exchange);
    assert_int_equal(do_memory_op(XENMEM_exchange, &x), 0);
    assert_int_equal(x.nr_exchanged, 8);
    assert_int_equal(world_m2p[out[3] + 1], 107);
    assert_int_equal(do_memory_op(XENMEM_exchange, &x), 0); /* nothing left to do */
    assert_int_equal(d0->tot_pages, 8);
    end();
}

/* --- Maps --- */

static void test_machine_memory_map(void **state)
{
    struct e820_entry buf[32];
    struct xen_memory_map m = { .nr_entries = 32 };
    static const struct e820_entry expected[] = {
        { 0, 0x9fc00, E820_RAM },
        { 0xf0000, 0x10000, E820_RESERVED },
        { MIB(1), MIB(1023), E820_RAM },
        { 0xfec00000, 0x1000, E820_RESERVED },      /* dom0 has no access: shown as reserved */
        { 0xfee00000, 0x100000, E820_RESERVED },
        { 0xfffc0000, 0x40000, E820_RESERVED },
        { 0xffff00000ULL, 0x100000, E820_RESERVED },
    };
    begin();
    boot_info.e820.nr = 4;
    boot_info.e820.e[0] = expected[0];
    boot_info.e820.e[1] = expected[1];
    boot_info.e820.e[2] = expected[2];
    boot_info.e820.e[3] = expected[5];
    assert_int_equal(rangeset_add(d0->iomem_caps, 0, (1UL << 24) - 1), 0);
    assert_int_equal(rangeset_remove(d0->iomem_caps, 0xfec00, 0xfec00), 0);
    assert_int_equal(rangeset_remove(d0->iomem_caps, 0xfee00, 0xfeeff), 0);
    assert_int_equal(rangeset_remove(d0->iomem_caps, 0xffff00, 0xffffff),
                     0);                                                /* up to the last frame */
    assert_int_equal(rangeset_remove(d0->iomem_caps, 0x150, 0x160), 0); /* below RAM: not shown */
    assert_int_equal(do_memory_op(XENMEM_machine_memory_map, &m), 0); /* asks for the number */
    assert_int_equal(m.nr_entries, ARRAY_SIZE(expected));
    set_xen_guest_handle(m.buffer, buf);
    m.nr_entries--;
    assert_int_equal(do_memory_op(XENMEM_machine_memory_map, &m), -EINVAL);
    m.nr_entries = 32;
    assert_int_equal(do_memory_op(XENMEM_machine_memory_map, &m), 0);
    assert_int_equal(m.nr_entries, ARRAY_SIZE(expected));
    assert_memory_equal(buf, expected, sizeof(expected));
    set_xen_guest_handle(m.buffer, BAD_POINTER);
    assert_int_equal(do_memory_op(XENMEM_machine_memory_map, &m), -EFAULT);
    end();
}

static void test_memory_map(void **state)
{
    struct e820_entry in[2] = { { 0, MIB(64), E820_RAM }, { MIB(64), MIB(1), E820_RESERVED } },
                      out[4];
    struct xen_foreign_memory_map f = { .domid = 1, .map = { .nr_entries = 2 } };
    struct xen_memory_map m = { .nr_entries = 4 };
    begin();
    set_xen_guest_handle(f.map.buffer, in);
    set_xen_guest_handle(m.buffer, out);
    run_as(d1);
    assert_int_equal(do_memory_op(XENMEM_memory_map, &m), -ENOSYS);
    run_as(d0);
    assert_int_equal(do_memory_op(XENMEM_set_memory_map, &f), 0);
    f.map.nr_entries = E820_MAX + 1;
    assert_int_equal(do_memory_op(XENMEM_set_memory_map, &f), -EINVAL);
    f.map.nr_entries = 1;
    set_xen_guest_handle(f.map.buffer, BAD_POINTER);
    assert_int_equal(do_memory_op(XENMEM_set_memory_map, &f), -EFAULT);
    run_as(d1);
    f.domid = 0;
    assert_int_equal(do_memory_op(XENMEM_set_memory_map, &f), -EPERM);
    assert_int_equal(do_memory_op(XENMEM_memory_map, &m), 0);
    assert_int_equal(m.nr_entries, 2);
    assert_memory_equal(in, out, sizeof(in));
    m.nr_entries = 1;
    assert_int_equal(do_memory_op(XENMEM_memory_map, &m), 0);
    assert_int_equal(m.nr_entries, 1);
    end();
}

static void test_machphys(void **state)
{
    struct xen_machphys_mapping m;
    struct xen_machphys_mfn_list l = { .max_extents = 8 };
    xen_pfn_t list[8] = { 0 };
    begin();
    max_page = 3UL << 18;
    set_xen_guest_handle(l.extent_start, list);
    assert_int_equal(do_memory_op(XENMEM_machphys_mfn_list, &l), 0);
    assert_int_equal(l.nr_extents, 3);
    assert_int_equal(list[0], 0x800);
    assert_int_equal(list[1], 0x800);
    assert_int_equal(list[2], 0xa00);
    l.max_extents = 1;
    assert_int_equal(do_memory_op(XENMEM_machphys_mfn_list, &l), 0);
    assert_int_equal(l.nr_extents, 1);
    assert_int_equal(do_memory_op(XENMEM_machphys_mapping, &m), 0);
    assert_int_equal(m.max_mfn, max_page - 1);
    assert_true(m.v_start == MACH2PHYS_VIRT_START && m.v_end == MACH2PHYS_VIRT_END);
    assert_int_equal(do_memory_op(XENMEM_maximum_ram_page, NULL), max_page);
    max_page = WORLD_FRAMES;
    end();
}

/* --- The rest --- */

static void test_queries_and_refusals(void **state)
{
    struct xen_memory_domain q = { .domid = DOMID_SELF };
    struct xen_memory_reservation r = { .domid = 1, .nr_extents = 7 };
    struct xen_vnuma_topology_info v = { .domid = DOMID_SELF };
    struct xen_reserved_device_memory_map rdm = { .nr_entries = 9 };
    struct xen_mem_access_op a = { .domid = 1 };
    struct xen_pod_target t = { .domid = 1 };
    struct xen_add_to_physmap x = { .domid = DOMID_SELF };
    struct xen_add_to_physmap_batch b = { .domid = 1, .space = XENMAPSPACE_gmfn_foreign };
    struct xen_remove_from_physmap rm = { .domid = DOMID_SELF };
    begin();
    d0->tot_pages = 5;
    d0->max_pages = 6;
    d0->shared_info->arch.max_pfn = 100;
    assert_int_equal(do_memory_op(XENMEM_current_reservation, &q), 5);
    assert_int_equal(do_memory_op(XENMEM_maximum_reservation, &q), 6);
    assert_int_equal(do_memory_op(XENMEM_maximum_gpfn, &q), 99);
    assert_int_equal(do_memory_op(XENMEM_maximum_gpfn | 64, &q), -EINVAL);
    assert_int_equal(do_memory_op(XENMEM_current_reservation, BAD_POINTER), -EFAULT);
    q.domid = 6;
    assert_int_equal(do_memory_op(XENMEM_current_reservation, &q), -ESRCH);
    assert_int_equal(do_memory_op(XENMEM_claim_pages, &r), 0);
    assert_int_equal(d1->outstanding_pages, 7);
    r.domid = DOMID_SELF;
    assert_int_equal(do_memory_op(XENMEM_claim_pages, &r), -EINVAL);
    r.domid = 1;
    r.extent_order = 1;
    assert_int_equal(do_memory_op(XENMEM_claim_pages, &r), -EINVAL);
    assert_int_equal(do_memory_op(XENMEM_get_vnumainfo, &v), -EOPNOTSUPP);
    assert_int_equal(do_memory_op(XENMEM_reserved_device_memory_map, &rdm), 0);
    assert_int_equal(rdm.nr_entries, 0);
    rdm.flags = 2;
    assert_int_equal(do_memory_op(XENMEM_reserved_device_memory_map, &rdm), -EINVAL);
    assert_int_equal(do_memory_op(XENMEM_access_op, &a), -EINVAL);
    a.domid = 0;
    assert_int_equal(do_memory_op(XENMEM_access_op, &a), -EPERM);
    assert_int_equal(do_memory_op(XENMEM_paging_op, &a), -ENOSYS);
    assert_int_equal(do_memory_op(XENMEM_sharing_op, &a), -ENOSYS);
    assert_int_equal(do_memory_op(XENMEM_get_sharing_freed_pages, NULL), 0);
    assert_int_equal(do_memory_op(XENMEM_get_pod_target, &t), -EINVAL);
    assert_int_equal(do_memory_op(XENMEM_add_to_physmap, &x), -EACCES); /* PV has no physical map */
    x.space = XENMAPSPACE_gmfn_foreign;
    assert_int_equal(do_memory_op(XENMEM_add_to_physmap, &x), -ENOSYS);
    assert_int_equal(do_memory_op(XENMEM_add_to_physmap | 0x10000UL << 6, &x), -EDOM);
    assert_int_equal(do_memory_op(XENMEM_add_to_physmap_batch, &b), -EACCES);
    b.space = XENMAPSPACE_gmfn_range;
    assert_int_equal(do_memory_op(XENMEM_add_to_physmap_batch, &b), -EOPNOTSUPP);
    assert_int_equal(do_memory_op(XENMEM_remove_from_physmap, &rm), -EACCES);
    assert_int_equal(do_memory_op(XENMEM_machphys_compat_mfn_list, NULL), -EOPNOTSUPP);
    assert_int_equal(do_memory_op(8, NULL), -ENOSYS);
    assert_int_equal(do_memory_op(29, NULL), -ENOSYS);
    assert_int_equal(do_memory_op(63, NULL), -ENOSYS);
    run_as(d1);
    q.domid = 0;
    assert_int_equal(do_memory_op(XENMEM_current_reservation, &q), -EPERM);
    end();
}

static void test_acquire_resource(void **state)
{
    xen_pfn_t list[8] = { 0 };
    struct xen_mem_acquire_resource r = { .domid = 1, .type = XENMEM_resource_grant_table };
    begin();
    assert_int_equal(do_memory_op(XENMEM_acquire_resource, &r), 0); /* how many? */
    assert_int_equal(r.nr_frames, 8);
    assert_int_equal(do_memory_op(XENMEM_acquire_resource, &r), -EINVAL); /* nowhere to put them */
    set_xen_guest_handle(r.frame_list, list);
    r.frame = 1;
    r.nr_frames = 7;
    assert_int_equal(do_memory_op(XENMEM_acquire_resource, &r), 0);
    assert_int_equal(list[0], 1001);
    assert_int_equal(list[6], 1007);
    r.nr_frames = 8;
    assert_int_equal(do_memory_op(XENMEM_acquire_resource, &r), -EINVAL);
    r.nr_frames = 1;
    r.frame = 1ULL << 32;
    assert_int_equal(do_memory_op(XENMEM_acquire_resource, &r), -EINVAL);
    r.frame = UINT32_MAX;
    assert_int_equal(do_memory_op(XENMEM_acquire_resource, &r), -EINVAL);
    r.frame = 0;
    r.pad = 1;
    assert_int_equal(do_memory_op(XENMEM_acquire_resource, &r), -EINVAL);
    r.pad = 0;
    r.id = XENMEM_resource_grant_table_id_status;
    assert_int_equal(do_memory_op(XENMEM_acquire_resource, &r), -EINVAL);
    r.id = 0;
    r.type = XENMEM_resource_ioreq_server;
    assert_int_equal(do_memory_op(XENMEM_acquire_resource, &r), -EINVAL);
    r.domid = 0;
    assert_int_equal(do_memory_op(XENMEM_acquire_resource, &r), -EPERM); /* one's own */
    r.domid = 7;
    assert_int_equal(do_memory_op(XENMEM_acquire_resource, &r), -ESRCH);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_populate_and_decrease),
        cmocka_unit_test(test_decrease_mapped),
        cmocka_unit_test(test_reservation_limits),
        cmocka_unit_test(test_continuation),
        cmocka_unit_test(test_max_order_option),
        cmocka_unit_test(test_exchange_plan),
        cmocka_unit_test(test_exchange),
        cmocka_unit_test(test_exchange_failures),
        cmocka_unit_test(test_exchange_continuation),
        cmocka_unit_test(test_machine_memory_map),
        cmocka_unit_test(test_memory_map),
        cmocka_unit_test(test_machphys),
        cmocka_unit_test(test_queries_and_refusals),
        cmocka_unit_test(test_acquire_resource),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
