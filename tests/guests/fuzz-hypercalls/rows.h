/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rows: one per sub-operation, each with a function that makes an attempt. What it needs to
 * succeed (a port, a frame, a grant) it gets itself. Included once, by main.c.
 */
#ifndef FUZZ_ROWS_H
#define FUZZ_ROWS_H

#include "fuzz.h"

enum outcome {
    MUST = 1 << 0,      /* succeeds at least once */
    NEVER = 1 << 1,     /* is not this domain's to do, or not there */
    ENTRY = 1 << 2,     /* entry points of the vCPU have to be put back after it */
    ALONE = 1 << 3,     /* only the first vCPU, and in no multicall */
    PREPARED = 1 << 4,  /* makes calls of its own before: in no multicall */
    STATUS = 1 << 5,    /* succeeds if the int16_t at `status` of the structure is 0, too */
    COUNTS = 1 << 6,    /* succeeds if the result is above 0 */
    TRAPS = 1 << 7,     /* an attempt that traps where it is meant to is a success */
};

struct row {
    const char *name;
    unsigned int call, sub, flags;
    void (*make)(struct attempt *a, const struct row *row);
    unsigned int status;        /* offset, with STATUS */
    unsigned long tried, good;
};

#define PLACE(type, a) ((type *)memset((a)->place, 0, sizeof(type)))

/* Sub-operation and pointer: the most usual form. */
static void with_struct(struct attempt *a, const struct row *row)
{
    a->arg[0] = row->sub;
    a->arg[1] = (uint64_t)pointer(a, a->place);
}

/* --- calls of one form --- */

static void trap_table(struct attempt *a, const struct row *row)
{
    struct trap_info *t = (struct trap_info *)a->place;

    (void)row;
    memcpy(t, trap_default_table(), 35 * sizeof(*t));
    if (bad(a)) {
        struct trap_info *one = &t[draw(a->f, 33)];

        one->address = edge(a->f);
        one->cs = (uint16_t)edge(a->f);
        one->vector = (uint8_t)edge(a->f);
        one->flags = (uint8_t)edge(a->f);
    }
    a->arg[0] = (uint64_t)pointer(a, t);
}

static void gdt(struct attempt *a, const struct row *row)
{
    unsigned long *frames = (unsigned long *)a->place;
    unsigned int i;

    (void)row;
    for (i = 0; i < 16; i++)
        frames[i] = any_frame(a, virt_to_mfn(world.gdt[i % GDTS]));
    a->arg[0] = (uint64_t)pointer(a, frames);
    a->arg[1] = number(a, draw(a->f, 3) * 512);
}

static void stack(struct attempt *a, const struct row *row)
{
    (void)row;
    a->arg[0] = number(a, FLAT_KERNEL_SS);
    a->arg[1] = (uint64_t)pointer(a, a->place);
}

static void callbacks(struct attempt *a, const struct row *row)
{
    (void)row;
    a->arg[0] = number(a, (uint64_t)event_stub);
    a->arg[1] = number(a, (uint64_t)failsafe_stub);
    a->arg[2] = number(a, (uint64_t)syscall_stub);
}

static void one_number(struct attempt *a, const struct row *row)
{
    a->arg[0] = number(a, row->sub);
    a->arg[1] = number(a, 0);
}

static void debug_register(struct attempt *a, const struct row *row)
{
    (void)row;
    a->arg[0] = number(a, draw(a->f, 4));
    a->arg[1] = draw(a->f, 2) ? (uint64_t)pointer(a, world.data[0]) : number(a, 0);
}

static void update_descriptor(struct attempt *a, const struct row *row)
{
    static const uint64_t descriptors[] = { 0, 0x00cffb000000ffff, 0x00cff3000000ffff,
                                            0x00affb000000ffff, 0x0000ee0000000000,
                                            0x0000890000000067, 0x0000820000000000 };

    (void)row;
    a->arg[0] = any_frame(a, virt_to_mfn(world.gdt[draw(a->f, GDTS)])) << PAGE_SHIFT |
                number(a, draw(a->f, 512) * 8) % PAGE_SIZE;
    a->arg[1] = draw(a->f, 4) ? descriptors[draw(a->f, ARRAY_SIZE(descriptors))] : edge(a->f);
}

static void update_va(struct attempt *a, const struct row *row)
{
    static uint64_t vcpus = 0xffff;
    uint64_t how = draw(a->f, 3);

    (void)row;
    a->arg[0] = place_to_map(a);
    a->arg[1] = entry(a, data_frame(a->f));
    a->arg[2] = bad(a) ? edge(a->f) : how | (how && draw(a->f, 2) ? (uint64_t)&vcpus : UVMF_ALL);
    a->arg[3] = domain_id(a, DOMID_SELF);
}

static void timer(struct attempt *a, const struct row *row)
{
    (void)row;
    a->arg[0] = number(a, now_ns() + draw(a->f, NS_PER_MS));
}

static void segment_base(struct attempt *a, const struct row *row)
{
    a->arg[0] = row->sub;
    a->arg[1] = row->sub == SEGBASE_GS_USER_SEL ? number(a, 0) : (uint64_t)pointer(a, a->place);
}

static void vm_assist(struct attempt *a, const struct row *row)
{
    a->arg[0] = row->sub;
    a->arg[1] = number(a, VMASST_TYPE_writable_pagetables);
}

static void console_io(struct attempt *a, const struct row *row)
{
    a->arg[0] = row->sub;
    /* Most write nothing: the log is to stay readable. */
    a->arg[1] = bad(a) && !draw(a->f, 64) ? 2 : 0;
    if (bad(a))
        a->arg[1] = 0x80000000 | edge(a->f);
    memset(a->place, '\n', 2);
    a->arg[2] = (uint64_t)pointer(a, a->place);
}

static void nobody(struct attempt *a, const struct row *row)
{
    static const uint16_t holes[] = { 11, 43, 44, 45, 46, 47, 56, 57, 63, 64, 65, 127, 128, 0x1000,
                                      0xffff };

    (void)row;
    a->number = draw(a->f, 8) ? holes[draw(a->f, ARRAY_SIZE(holes))] : 64 + (edge(a->f) >> 8);
    a->arg[0] = edge(a->f);
    a->arg[1] = (uint64_t)a->place;
}

/* Tools' calls: any command number, with the right version. */
static void control(struct attempt *a, const struct row *row)
{
    uint32_t *op = (uint32_t *)a->place;
    unsigned int i;

    for (i = 0; i < 48; i++)
        op[i] = (uint32_t)edge(a->f);
    op[0] = (uint32_t)draw(a->f, 90);
    op[1] = row->sub;
    op[2] = domain_id(a, world.self);
    a->arg[0] = (uint64_t)pointer(a, op);
}

static void any_words(struct attempt *a, const struct row *row)
{
    uint64_t *words = (uint64_t *)a->place;
    unsigned int i;

    for (i = 0; i < 24; i++)
        words[i] = draw(a->f, 3) ? edge(a->f) : frame(a, data_frame(a->f));
    with_struct(a, row);
    a->arg[2] = draw(a->f, 4);
}

/* --- page tables --- */

/* Entries of tables, or of what is none now; the level of a table is what it was last used as. */
static void mmu_update(struct attempt *a, const struct row *row)
{
    struct mmu_update *u = (struct mmu_update *)a->place;
    unsigned int i, count = 1 + (unsigned int)draw(a->f, 4);

    for (i = 0; i < count; i++) {
        uint64_t at = frame(a, draw(a->f, 2) ? table_frame(a->f) : data_frame(a->f));

        u[i].ptr = at << PAGE_SHIFT | draw(a->f, 512) * 8 | row->sub;
        u[i].val = draw(a->f, 2) ? 0 : entry(a, table_frame(a->f));
        /* Not of frames in use: by this table the program knows its own. */
        if (row->sub == MMU_MACHPHYS_UPDATE) {
            u[i].ptr = (uint64_t)frame(a, read_once(world.spare[draw(a->f, SPARE)]))
                       << PAGE_SHIFT | row->sub;
            u[i].val = ~0UL >> 1;
        }
    }
    a->arg[0] = (uint64_t)pointer(a, u);
    a->arg[1] = bad(a) ? 0x80000000 | draw(a->f, 8) : count;
    a->arg[2] = bad(a) ? (uint64_t)pointer(a, a->place + 256) : 0;
    a->arg[3] = bad(a) ? domain_id(a, 0) | (uint64_t)draw(a->f, 3) << 16 : DOMID_SELF;
}

static void mmuext(struct attempt *a, const struct row *row)
{
    struct mmuext_op *op = PLACE(struct mmuext_op, a);
    uint64_t *vcpus = (uint64_t *)(a->place + 512);

    op->cmd = row->sub;
    *vcpus = edge(a->f);
    switch (row->sub) {
    case MMUEXT_NEW_BASEPTR:
        /* A root without the program would be the end. */
        op->arg1.mfn = draw(a->f, 2) ? mm_root_mfn() : virt_to_mfn(world.root);
        if (bad(a))
            op->arg1.mfn = draw(a->f, 2) ? data_frame(a->f) : foreign_frame(a->f);
        break;
    case MMUEXT_NEW_USER_BASEPTR:
        op->arg1.mfn = any_frame(a, draw(a->f, 2) ? 0 : virt_to_mfn(world.root));
        break;
    case MMUEXT_CLEAR_PAGE:
    case MMUEXT_COPY_PAGE:
        op->arg1.mfn = frame(a, data_frame(a->f));
        op->arg2.src_mfn = any_frame(a, data_frame(a->f));
        break;
    case MMUEXT_SET_LDT:
        op->arg1.linear_addr = bad(a) ? (uint64_t)pointer(a, world.gdt[0])
                                      : (uint64_t)world.gdt[draw(a->f, GDTS)];
        op->arg2.nr_ents = (unsigned int)number(a, draw(a->f, 9));
        break;
    case MMUEXT_PIN_L1_TABLE: case MMUEXT_PIN_L2_TABLE: case MMUEXT_PIN_L3_TABLE:
    case MMUEXT_PIN_L4_TABLE: case MMUEXT_UNPIN_TABLE:
        op->arg1.mfn = any_frame(a, table_frame(a->f));
        break;
    default:
        op->arg1.linear_addr = bad(a) ? edge(a->f) : (uint64_t)world.window;
        set_xen_guest_handle(op->arg2.vcpumask, pointer(a, vcpus));
    }
    a->arg[0] = (uint64_t)pointer(a, op);
    a->arg[1] = bad(a) ? draw(a->f, 2) * 0x80000000 : 1;
    a->arg[2] = bad(a) ? (uint64_t)pointer(a, a->place + 256) : 0;
    a->arg[3] = domain_id(a, DOMID_SELF);
}

/* --- memory --- */

static unsigned long take_spare(struct fuzzer *f)
{
    return __atomic_exchange_n(&world.spare[draw(f, SPARE)], 0, __ATOMIC_SEQ_CST);
}

static void put_spare(struct fuzzer *f, unsigned long mfn)
{
    unsigned int i;

    for (i = 0; mfn && mfn != INVALID_MFN && i < SPARE; i++) {
        unsigned long *at = &world.spare[(f->random + i) % SPARE], none = 0;

        if (__atomic_compare_exchange_n(at, &none, mfn, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return;
    }
}

static void reservation(struct attempt *a, const struct row *row)
{
    struct xen_memory_reservation *r = PLACE(struct xen_memory_reservation, a);
    unsigned long *list = (unsigned long *)(a->place + 256);

    list[0] = row->sub == XENMEM_decrease_reservation ? take_spare(a->f)
                                                       : start_info->nr_pages + draw(a->f, 64);
    list[0] = row->sub == XENMEM_decrease_reservation ? frame(a, list[0]) : number(a, list[0]);
    set_xen_guest_handle(r->extent_start, pointer(a, list));
    r->nr_extents = bad(a) ? edge(a->f) : 1;
    r->extent_order = (unsigned int)number(a, 0);
    r->mem_flags = (unsigned int)number(a, 0);
    r->domid = domain_id(a, DOMID_SELF);
    with_struct(a, row);
}

static void exchange(struct attempt *a, const struct row *row)
{
    struct xen_memory_exchange *x = PLACE(struct xen_memory_exchange, a);
    unsigned long *list = (unsigned long *)(a->place + 256);

    list[0] = frame(a, take_spare(a->f));
    list[1] = number(a, start_info->nr_pages + draw(a->f, 64));
    set_xen_guest_handle(x->in.extent_start, pointer(a, list));
    set_xen_guest_handle(x->out.extent_start, pointer(a, list + 1));
    x->in.nr_extents = bad(a) ? edge(a->f) : 1;
    x->out.nr_extents = bad(a) ? edge(a->f) : x->in.nr_extents;
    x->in.extent_order = (unsigned int)number(a, 0);
    x->out.extent_order = (unsigned int)number(a, 0);
    x->out.mem_flags = (unsigned int)number(a, 0);
    x->nr_exchanged = number(a, 0);
    x->in.domid = domain_id(a, DOMID_SELF);
    x->out.domid = bad(a) ? domain_id(a, DOMID_SELF) : x->in.domid;
    with_struct(a, row);
}

static void memory_domain(struct attempt *a, const struct row *row)
{
    *(domid_t *)a->place = domain_id(a, DOMID_SELF);
    with_struct(a, row);
}

static void memory_map(struct attempt *a, const struct row *row)
{
    struct xen_foreign_memory_map *m = PLACE(struct xen_foreign_memory_map, a);
    struct xen_memory_map *map = row->sub == XENMEM_set_memory_map ? &m->map : (void *)m;
    uint64_t *list = (uint64_t *)(a->place + 256);

    list[0] = 0;
    list[1] = edge(a->f);
    list[2] = 1;
    m->domid = domain_id(a, DOMID_SELF);
    map->nr_entries = (unsigned int)number(a, 1);
    set_xen_guest_handle(map->buffer, pointer(a, list));
    with_struct(a, row);
}

static void machphys(struct attempt *a, const struct row *row)
{
    struct xen_machphys_mfn_list *m = PLACE(struct xen_machphys_mfn_list, a);

    if (row->sub == XENMEM_machphys_mfn_list) {
        m->max_extents = (unsigned int)number(a, 4);
        set_xen_guest_handle(m->extent_start, pointer(a, a->place + 256));
    }
    with_struct(a, row);
}

/* --- event channels --- */

static uint32_t some_port(struct attempt *a)
{
    long port = event_alloc_unbound(DOMID_SELF, DOMID_SELF);

    if (port < 0) {
        struct evtchn_reset reset = { .dom = DOMID_SELF };

        hc_event_channel_op(EVTCHNOP_reset, &reset);
        port = event_alloc_unbound(DOMID_SELF, DOMID_SELF);
    }
    return (uint32_t)number(a, (uint64_t)port);
}

static void port_op(struct attempt *a, const struct row *row)
{
    uint32_t *op = (uint32_t *)a->place, port = some_port(a);

    memset(op, 0, 32);
    op[0] = port;
    switch (row->sub) {
    case EVTCHNOP_bind_interdomain:
        op[0] = domain_id(a, DOMID_SELF);
        op[1] = port;
        break;
    case EVTCHNOP_send:
        if (!bad(a)) {
            long ipi = event_bind_ipi(a->f->cpu);

            op[0] = (uint32_t)ipi;
        }
        break;
    case EVTCHNOP_status:
        op[0] = domain_id(a, DOMID_SELF);
        op[1] = port;
        break;
    case EVTCHNOP_bind_vcpu:
    case EVTCHNOP_set_priority:
        op[1] = (uint32_t)number(a, draw(a->f, 4));
        break;
    default:
        break;
    }
    with_struct(a, row);
}

static void event_numbers(struct attempt *a, const struct row *row)
{
    uint32_t *op = (uint32_t *)a->place;

    if (!draw(a->f, 16)) {
        struct evtchn_reset reset = { .dom = DOMID_SELF };

        hc_event_channel_op(EVTCHNOP_reset, &reset);
    }
    op[0] = (uint32_t)number(a, 0);
    op[1] = (uint32_t)number(a, 0);
    if (row->sub == EVTCHNOP_alloc_unbound)
        op[0] = domain_id(a, DOMID_SELF) | (uint32_t)domain_id(a, 0) << 16;
    if (row->sub == EVTCHNOP_reset)
        op[0] = domain_id(a, DOMID_SELF);
    with_struct(a, row);
}

static void fifo(struct attempt *a, const struct row *row)
{
    struct evtchn_init_control *init = (void *)a->place;
    struct evtchn_reset reset = { .dom = DOMID_SELF };
    unsigned long page = virt_to_mfn(world.data[draw(a->f, DATA)]);

    hc_event_channel_op(EVTCHNOP_reset, &reset);
    *init = (struct evtchn_init_control){ .control_gfn = virt_to_mfn(world.port_page),
                                          .vcpu = a->f->cpu };
    if (row->sub == EVTCHNOP_init_control) {
        init->control_gfn = any_frame(a, page);
        init->offset = (uint32_t)number(a, 0);
        init->vcpu = (uint32_t)number(a, a->f->cpu);
        with_struct(a, row);
        return;
    }
    hc_event_channel_op(EVTCHNOP_init_control, init);
    if (row->sub == EVTCHNOP_set_priority) {
        port_op(a, row);
        return;
    }
    *(uint64_t *)a->place = any_frame(a, page);
    with_struct(a, row);
}

/* --- grants: everything is granted to this domain itself --- */

#define REFS 16

static volatile struct grant_entry_v1 *grants;

static uint32_t grant(struct attempt *a)
{
    uint32_t ref = 8 + (uint32_t)draw(a->f, REFS);

    grants[ref].frame = (uint32_t)any_frame(a, data_frame(a->f));
    grants[ref].domid = domain_id(a, world.self);
    __atomic_store_n(&grants[ref].flags, bad(a) ? (uint16_t)edge(a->f) : GTF_permit_access,
                     __ATOMIC_SEQ_CST);
    return bad(a) ? (uint32_t)edge(a->f) : ref;
}

static void map_own(struct attempt *a, struct gnttab_map_grant_ref *m)
{
    static const uint32_t hows[] = { GNTMAP_device_map, GNTMAP_host_map | GNTMAP_device_map,
                                     GNTMAP_host_map | GNTMAP_application_map, 0, ~0u };
    uint32_t flags = GNTMAP_host_map;

    if (draw(a->f, 2))
        flags |= GNTMAP_readonly;
    m->host_addr = place_to_map(a);
    if (bad(a)) {
        flags |= GNTMAP_contains_pte;
        m->host_addr = (uint64_t)frame(a, table_frame(a->f)) << PAGE_SHIFT | draw(a->f, 512) * 8;
    } else if (bad(a)) {
        flags = hows[draw(a->f, ARRAY_SIZE(hows))] & ~GNTMAP_contains_pte;
    }
    m->flags = flags;
    m->ref = grant(a);
    m->dom = domain_id(a, world.self);
}

static void grant_map_row(struct attempt *a, const struct row *row)
{
    map_own(a, PLACE(struct gnttab_map_grant_ref, a));
    with_struct(a, row);
    a->arg[2] = bad(a) ? edge(a->f) & ~6UL : 1;
}

static void grant_unmap_row(struct attempt *a, const struct row *row)
{
    struct gnttab_map_grant_ref m = { .status = -1 };
    struct gnttab_unmap_and_replace *u;

    map_own(a, &m);
    hc_grant_table_op(GNTTABOP_map_grant_ref, &m, 1);
    u = PLACE(struct gnttab_unmap_and_replace, a);
    u->host_addr = number(a, m.host_addr);
    u->new_addr = row->sub == GNTTABOP_unmap_and_replace ? place_to_map(a) : number(a, 0);
    u->handle = (uint32_t)number(a, m.status ? draw(a->f, 64) : m.handle);
    with_struct(a, row);
    a->arg[2] = bad(a) ? edge(a->f) & ~6UL : 1;
}

static void grant_copy_row(struct attempt *a, const struct row *row)
{
    struct gnttab_copy *c = PLACE(struct gnttab_copy, a);

    c->source.u.ref = grant(a);
    c->source.domid = domain_id(a, world.self);
    c->flags = GNTCOPY_source_gref;
    c->dest.domid = DOMID_SELF;
    c->dest.u.gmfn = frame(a, data_frame(a->f));
    if (draw(a->f, 2)) {
        c->flags |= GNTCOPY_dest_gref;
        grants[8 + REFS].frame = (uint32_t)frame(a, data_frame(a->f));
        grants[8 + REFS].domid = world.self;
        grants[8 + REFS].flags = GTF_permit_access;
        c->dest.u.ref = 8 + REFS;
        c->dest.domid = domain_id(a, world.self);
    }
    c->source.offset = (uint16_t)number(a, draw(a->f, 64));
    c->dest.offset = (uint16_t)number(a, draw(a->f, 64));
    c->len = (uint16_t)number(a, draw(a->f, 512));
    with_struct(a, row);
    a->arg[2] = 1;
}

static void grant_small(struct attempt *a, const struct row *row)
{
    uint32_t *op = (uint32_t *)memset(a->place, 0, 64);

    switch (row->sub) {
    case GNTTABOP_setup_table: {
        struct gnttab_setup_table *s = (void *)op;

        s->dom = domain_id(a, DOMID_SELF);
        s->nr_frames = (uint32_t)number(a, 1);
        set_xen_guest_handle(s->frame_list, pointer(a, a->place + 256));
        break;
    }
    case GNTTABOP_set_version:
        op[0] = (uint32_t)number(a, 1);
        break;
    case GNTTABOP_get_status_frames:
        op[0] = (uint32_t)number(a, 0);
        op[1] = domain_id(a, DOMID_SELF);
        set_xen_guest_handle(((struct gnttab_get_status_frames *)op)->frame_list,
                             pointer(a, a->place + 256));
        break;
    case GNTTABOP_swap_grant_ref:
        op[0] = (uint32_t)number(a, 8 + draw(a->f, REFS));
        op[1] = (uint32_t)number(a, 8 + draw(a->f, REFS));
        break;
    case GNTTABOP_cache_flush: {
        struct gnttab_cache_flush *c = (void *)op;

        c->a.dev_bus_addr = (uint64_t)frame(a, data_frame(a->f)) << PAGE_SHIFT;
        c->length = (uint16_t)number(a, 64);
        c->offset = (uint16_t)number(a, 0);
        c->op = (uint32_t)number(a, GNTTAB_CACHE_CLEAN);
        break;
    }
    default:
        *(domid_t *)op = domain_id(a, DOMID_SELF);
    }
    with_struct(a, row);
    a->arg[2] = bad(a) ? edge(a->f) : 1;
}

/* --- scheduling and vCPUs --- */

/* An address that is never readable. */
static uint64_t beyond(const struct attempt *a)
{
    return draw(a->f, 2) ? (uint64_t)world.window + WINDOW * PAGE_SIZE : HYPERVISOR_VIRT_END - 8;
}

static void sched(struct attempt *a, const struct row *row)
{
    uint32_t *op = (uint32_t *)memset(a->place, 0, 64);

    with_struct(a, row);
    switch (row->sub) {
    case SCHEDOP_block:
        /* Something is pending, or it would be for long. */
        write_once(this_vcpu()->info->evtchn_upcall_pending, 1);
        break;
    case SCHEDOP_poll: {
        struct sched_poll *p = (void *)op;
        uint32_t *ports = (uint32_t *)(a->place + 256);

        ports[0] = (uint32_t)edge(a->f);
        set_xen_guest_handle(p->ports, pointer(a, ports));
        p->nr_ports = (unsigned int)number(a, 0);
        p->timeout = now_ns() + draw(a->f, 20000);
        break;
    }
    case SCHEDOP_watchdog:
        op[0] = (uint32_t)number(a, 0);
        op[1] = 1000 + (uint32_t)draw(a->f, 1000);
        /* Zeros from elsewhere would start a watchdog that ends the domain at once. */
        if (a->arg[1] != (uint64_t)op)
            a->arg[1] = beyond(a);
        break;
    case SCHEDOP_shutdown_code:
        break;
    case SCHEDOP_shutdown:
        /* A good one ends the domain: that is the last act of all. */
        a->arg[1] = beyond(a);
        break;
    default:
        op[0] = (uint32_t)number(a, 0);
    }
}

static void idle_vcpu(void *unused)
{
    (void)unused;
    for (;;)
        hc_sched_op(SCHEDOP_yield, NULL);
}

static void vcpu_state(struct attempt *a, const struct row *row)
{
    a->arg[0] = row->sub;
    a->arg[1] = victim(a);
    a->arg[2] = (uint64_t)pointer(a, a->place);
}

static void initialise(struct attempt *a, const struct row *row)
{
    struct vcpu_guest_context *c = &a->f->context;
    uint64_t *words = (uint64_t *)c;
    unsigned int i;

    vcpu_state(a, row);
    memset(c, 0, sizeof(*c));
    if (a->arg[1] == VICTIM) {
        vcpu_context(VICTIM, idle_vcpu, NULL, c);
    } else {
        /* This one is never started. */
        if (a->arg[1] < VCPUS)
            a->arg[1] = FREE_VCPU + 2 + draw(a->f, VCPUS - FREE_VCPU - 2);
        for (i = 0; i < 8; i++)
            words[draw(a->f, sizeof(*c) / 8)] = edge(a->f);
        c->ctrlreg[3] = xen_pfn_to_cr3(any_frame(a, virt_to_mfn(world.root)));
        c->gdt_ents = number(a, 0);
    }
    a->arg[2] = (uint64_t)(a->arg[1] == VICTIM || !bad(a) ? (void *)c : pointer(a, a->place));
}

static void vcpu_area(struct attempt *a, const struct row *row)
{
    uint64_t *op = (uint64_t *)memset(a->place, 0, 64);

    a->arg[0] = row->sub;
    a->arg[1] = bad(a) ? victim(a) : a->f->cpu;
    switch (row->sub) {
    case VCPUOP_register_runstate_memory_area:
    case VCPUOP_register_vcpu_time_memory_area:
        op[0] = (uint64_t)pointer(a, world.data[draw(a->f, DATA)]);
        break;
    case VCPUOP_register_vcpu_info:
        a->arg[1] = FREE_VCPU + draw(a->f, 2);
        op[0] = frame(a, data_frame(a->f));
        op[1] = number(a, 64 * draw(a->f, 8));
        break;
    case VCPUOP_set_periodic_timer:
        op[0] = number(a, NS_PER_MS + draw(a->f, NS_PER_SEC));
        break;
    case VCPUOP_set_singleshot_timer:
        op[0] = number(a, now_ns() + draw(a->f, NS_PER_MS));
        op[1] = number(a, 0);
        break;
    default:
        break;
    }
    a->arg[2] = (uint64_t)pointer(a, op);
}

/* --- the rest --- */

static void callback(struct attempt *a, const struct row *row)
{
    struct callback_register *c = PLACE(struct callback_register, a);

    c->type = row->sub == CALLBACKOP_unregister ? CALLBACKTYPE_nmi : CALLBACKTYPE_syscall;
    c->type = (uint16_t)number(a, c->type);
    c->flags = (uint16_t)number(a, 0);
    c->address = number(a, (uint64_t)syscall_stub);
    with_struct(a, row);
}

static void nmi(struct attempt *a, const struct row *row)
{
    struct xennmi_callback *c = PLACE(struct xennmi_callback, a);

    c->handler_address = number(a, (uint64_t)trap_stubs + 16 * VEC_NMI);
    with_struct(a, row);
}

static void physdev(struct attempt *a, const struct row *row)
{
    uint64_t *op = (uint64_t *)memset(a->place, 0, 128);

    switch (row->sub) {
    case PHYSDEVOP_set_iopl:
        op[0] = number(a, draw(a->f, 4));
        break;
    case PHYSDEVOP_set_iobitmap:
        op[0] = (uint64_t)pointer(a, world.data[0]);
        op[1] = number(a, 4096);
        break;
    case PHYSDEVOP_pirq_eoi_gmfn_v1:
    case PHYSDEVOP_pirq_eoi_gmfn_v2:
        op[0] = frame(a, data_frame(a->f));
        break;
    default:
        op[0] = draw(a->f, 16);
        op[1] = draw(a->f, 2) ? edge(a->f) : 0;
    }
    with_struct(a, row);
}

extern char iret_landing[];
asm(".pushsection .text; iret_landing: ud2; .popsection");

/* In kernel mode, to an instruction that tells that it got there. */
static void iret(struct attempt *a, const struct row *row)
{
    struct iret_context *frame_ = PLACE(struct iret_context, a);
    uint64_t rsp;

    (void)row;
    asm volatile("mov %%rsp, %0" : "=r"(rsp));
    *frame_ = (struct iret_context){
        .rip = (uint64_t)iret_landing, .cs = FLAT_KERNEL_CS & ~3, .ss = FLAT_KERNEL_SS,
        .rsp = (rsp - 1024) & ~15UL,
        /* Not single-stepping, in alignment checks or in virtual-8086 mode. */
        .rflags = RFLAGS_FIXED | (number(a, 0) & 0x20cd5 & ~(uint64_t)(RFLAGS_TF | RFLAGS_IF)),
        .rax = edge(a->f), .rcx = edge(a->f), .r11 = edge(a->f),
    };
}

#define S(n, off, call, prefix, name, flags, make) \
    { #n " " #name, __HYPERVISOR_##call, prefix##name, flags, make, off, 0, 0 },
#define R(call, prefix, name, flags, make) S(call, 0, call, prefix, name, flags, make)
#define C(call, sub, flags, make) { #call, __HYPERVISOR_##call, sub, flags, make, 0, 0, 0 },
#define G(name, flags, make, type) \
    S(grant_table_op, offsetof(struct gnttab_##type, status), grant_table_op, GNTTABOP_, name, \
      flags, make)

static void multicall(struct attempt *a, const struct row *row);

static struct row rows[] = {
    C(set_trap_table, 0, MUST | ENTRY, trap_table)
    R(mmu_update, MMU_, NORMAL_PT_UPDATE, MUST, mmu_update)
    R(mmu_update, MMU_, MACHPHYS_UPDATE, MUST, mmu_update)
    R(mmu_update, MMU_, PT_UPDATE_PRESERVE_AD, MUST, mmu_update)
    R(mmu_update, MMU_, PT_UPDATE_NO_TRANSLATE, MUST, mmu_update)
    C(set_gdt, 0, MUST, gdt)
    C(stack_switch, 0, MUST, stack)
    C(set_callbacks, 0, MUST | ENTRY, callbacks)
    C(fpu_taskswitch, 0, MUST, one_number)
    R(sched_op_compat, SCHEDOP_, yield, MUST, sched)
    R(sched_op_compat, SCHEDOP_, block, MUST | ENTRY | ALONE, sched)
    C(set_debugreg, 0, MUST | ENTRY, debug_register)
    C(get_debugreg, 3, MUST, one_number)
    C(update_descriptor, 0, MUST, update_descriptor)
    C(update_va_mapping, 0, MUST, update_va)
    C(update_va_mapping_otherdomain, 0, MUST, update_va)
    C(set_timer_op, 0, MUST, timer)
    C(multicall, 0, MUST | PREPARED | ENTRY, multicall)
    C(iret, 0, MUST | TRAPS | PREPARED, iret)
    R(set_segment_base, SEGBASE_, FS, MUST, segment_base)
    R(set_segment_base, SEGBASE_, GS_USER, MUST, segment_base)
    R(set_segment_base, SEGBASE_, GS_KERNEL, MUST, segment_base)
    R(set_segment_base, SEGBASE_, GS_USER_SEL, MUST, segment_base)
    R(vm_assist, VMASST_CMD_, enable, MUST, vm_assist)
    R(vm_assist, VMASST_CMD_, disable, MUST, vm_assist)
    R(console_io, CONSOLEIO_, write, MUST, console_io)
    R(console_io, CONSOLEIO_, read, NEVER, console_io)
    R(nmi_op, XENNMI_, register_callback, MUST | ENTRY | ALONE, nmi)
    R(nmi_op, XENNMI_, unregister_callback, MUST | ENTRY | ALONE, nmi)
    R(callback_op, CALLBACKOP_, register, MUST | ENTRY, callback)
    R(callback_op, CALLBACKOP_, unregister, MUST | ENTRY, callback)
    R(xen_version, XENVER_, version, MUST, any_words)
    R(xen_version, XENVER_, extraversion, MUST, any_words)
    R(xen_version, XENVER_, compile_info, MUST, any_words)
    R(xen_version, XENVER_, capabilities, MUST, any_words)
    R(xen_version, XENVER_, changeset, MUST, any_words)
    R(xen_version, XENVER_, platform_parameters, MUST, any_words)
    R(xen_version, XENVER_, get_features, MUST, machphys)
    R(xen_version, XENVER_, pagesize, MUST, any_words)
    R(xen_version, XENVER_, guest_handle, MUST, any_words)
    R(xen_version, XENVER_, commandline, MUST, any_words)
    R(xen_version, XENVER_, build_id, NEVER, any_words)
    R(mmuext_op, MMUEXT_, PIN_L1_TABLE, MUST, mmuext)
    R(mmuext_op, MMUEXT_, PIN_L2_TABLE, MUST, mmuext)
    R(mmuext_op, MMUEXT_, PIN_L3_TABLE, MUST, mmuext)
    R(mmuext_op, MMUEXT_, PIN_L4_TABLE, MUST, mmuext)
    R(mmuext_op, MMUEXT_, UNPIN_TABLE, MUST, mmuext)
    R(mmuext_op, MMUEXT_, NEW_BASEPTR, MUST, mmuext)
    R(mmuext_op, MMUEXT_, TLB_FLUSH_LOCAL, MUST, mmuext)
    R(mmuext_op, MMUEXT_, INVLPG_LOCAL, MUST, mmuext)
    R(mmuext_op, MMUEXT_, TLB_FLUSH_MULTI, MUST, mmuext)
    R(mmuext_op, MMUEXT_, INVLPG_MULTI, MUST, mmuext)
    R(mmuext_op, MMUEXT_, TLB_FLUSH_ALL, MUST, mmuext)
    R(mmuext_op, MMUEXT_, INVLPG_ALL, MUST, mmuext)
    R(mmuext_op, MMUEXT_, FLUSH_CACHE, NEVER, mmuext)
    R(mmuext_op, MMUEXT_, FLUSH_CACHE_GLOBAL, NEVER, mmuext)
    R(mmuext_op, MMUEXT_, SET_LDT, MUST, mmuext)
    R(mmuext_op, MMUEXT_, NEW_USER_BASEPTR, MUST, mmuext)
    R(mmuext_op, MMUEXT_, CLEAR_PAGE, MUST, mmuext)
    R(mmuext_op, MMUEXT_, COPY_PAGE, MUST, mmuext)
    R(mmuext_op, MMUEXT_, MARK_SUPER, NEVER, mmuext)
    R(mmuext_op, MMUEXT_, UNMARK_SUPER, NEVER, mmuext)
    R(memory_op, XENMEM_, increase_reservation, MUST | COUNTS, reservation)
    R(memory_op, XENMEM_, decrease_reservation, MUST | COUNTS, reservation)
    R(memory_op, XENMEM_, populate_physmap, MUST | COUNTS, reservation)
    R(memory_op, XENMEM_, exchange, MUST, exchange)
    R(memory_op, XENMEM_, maximum_ram_page, MUST, memory_domain)
    R(memory_op, XENMEM_, current_reservation, MUST, memory_domain)
    R(memory_op, XENMEM_, maximum_reservation, MUST, memory_domain)
    R(memory_op, XENMEM_, maximum_gpfn, MUST, memory_domain)
    R(memory_op, XENMEM_, machphys_mfn_list, MUST, machphys)
    R(memory_op, XENMEM_, machphys_mapping, MUST, machphys)
    R(memory_op, XENMEM_, machphys_compat_mfn_list, NEVER, machphys)
    R(memory_op, XENMEM_, set_memory_map, 0, memory_map)
    R(memory_op, XENMEM_, memory_map, 0, memory_map)
    R(memory_op, XENMEM_, machine_memory_map, NEVER, memory_map)
    R(memory_op, XENMEM_, add_to_physmap, NEVER, any_words)
    R(memory_op, XENMEM_, add_to_physmap_batch, NEVER, any_words)
    R(memory_op, XENMEM_, remove_from_physmap, NEVER, any_words)
    R(memory_op, XENMEM_, set_pod_target, NEVER, any_words)
    R(memory_op, XENMEM_, get_pod_target, NEVER, any_words)
    R(memory_op, XENMEM_, get_sharing_freed_pages, MUST, any_words)
    R(memory_op, XENMEM_, get_sharing_shared_pages, MUST, any_words)
    R(memory_op, XENMEM_, paging_op, NEVER, any_words)
    R(memory_op, XENMEM_, access_op, NEVER, any_words)
    R(memory_op, XENMEM_, sharing_op, NEVER, any_words)
    R(memory_op, XENMEM_, claim_pages, NEVER, any_words)
    R(memory_op, XENMEM_, get_vnumainfo, NEVER, any_words)
    R(memory_op, XENMEM_, reserved_device_memory_map, 0, any_words)
    R(memory_op, XENMEM_, acquire_resource, NEVER, any_words)
    R(event_channel_op, EVTCHNOP_, bind_interdomain, MUST | PREPARED, port_op)
    R(event_channel_op, EVTCHNOP_, bind_virq, MUST | PREPARED, event_numbers)
    R(event_channel_op, EVTCHNOP_, bind_pirq, NEVER, event_numbers)
    R(event_channel_op, EVTCHNOP_, close, MUST | PREPARED, port_op)
    R(event_channel_op, EVTCHNOP_, send, MUST | PREPARED, port_op)
    R(event_channel_op, EVTCHNOP_, status, MUST | PREPARED, port_op)
    R(event_channel_op, EVTCHNOP_, alloc_unbound, MUST | PREPARED, event_numbers)
    R(event_channel_op, EVTCHNOP_, bind_ipi, MUST | PREPARED, event_numbers)
    R(event_channel_op, EVTCHNOP_, bind_vcpu, MUST | PREPARED, port_op)
    R(event_channel_op, EVTCHNOP_, unmask, MUST | PREPARED, port_op)
    R(event_channel_op, EVTCHNOP_, reset, MUST | PREPARED, event_numbers)
    R(event_channel_op, EVTCHNOP_, init_control, MUST | PREPARED, fifo)
    R(event_channel_op, EVTCHNOP_, expand_array, MUST | PREPARED, fifo)
    R(event_channel_op, EVTCHNOP_, set_priority, MUST | PREPARED, fifo)
    G(map_grant_ref, MUST | STATUS, grant_map_row, map_grant_ref)
    G(unmap_grant_ref, MUST | STATUS | PREPARED, grant_unmap_row, unmap_grant_ref)
    G(unmap_and_replace, MUST | STATUS | PREPARED, grant_unmap_row, unmap_and_replace)
    G(copy, MUST | STATUS, grant_copy_row, copy)
    G(setup_table, MUST | STATUS, grant_small, setup_table)
    G(query_size, MUST | STATUS, grant_small, query_size)
    R(grant_table_op, GNTTABOP_, set_version, MUST, grant_small)
    R(grant_table_op, GNTTABOP_, get_version, MUST, grant_small)
    G(get_status_frames, MUST | STATUS, grant_small, get_status_frames)
    G(swap_grant_ref, MUST | STATUS, grant_small, swap_grant_ref)
    R(grant_table_op, GNTTABOP_, cache_flush, MUST, grant_small)
    R(grant_table_op, GNTTABOP_, transfer, NEVER, any_words)
    R(grant_table_op, GNTTABOP_, dump_table, NEVER, any_words)
    R(sched_op, SCHEDOP_, yield, MUST, sched)
    R(sched_op, SCHEDOP_, block, MUST | ENTRY | ALONE, sched)
    R(sched_op, SCHEDOP_, shutdown, ALONE, sched)
    R(sched_op, SCHEDOP_, shutdown_code, MUST, sched)
    R(sched_op, SCHEDOP_, poll, MUST | ALONE, sched)
    R(sched_op, SCHEDOP_, remote_shutdown, NEVER, sched)
    R(sched_op, SCHEDOP_, watchdog, MUST | ALONE, sched)
    R(sched_op, SCHEDOP_, pin_override, NEVER, sched)
    R(vcpu_op, VCPUOP_, initialise, MUST | ALONE, initialise)
    R(vcpu_op, VCPUOP_, up, MUST | ALONE, vcpu_state)
    R(vcpu_op, VCPUOP_, down, MUST | ALONE, vcpu_state)
    R(vcpu_op, VCPUOP_, is_up, MUST, vcpu_state)
    R(vcpu_op, VCPUOP_, get_runstate_info, MUST, vcpu_area)
    R(vcpu_op, VCPUOP_, register_runstate_memory_area, MUST, vcpu_area)
    R(vcpu_op, VCPUOP_, set_periodic_timer, MUST, vcpu_area)
    R(vcpu_op, VCPUOP_, stop_periodic_timer, MUST, vcpu_area)
    R(vcpu_op, VCPUOP_, set_singleshot_timer, MUST, vcpu_area)
    R(vcpu_op, VCPUOP_, stop_singleshot_timer, MUST, vcpu_area)
    R(vcpu_op, VCPUOP_, register_vcpu_info, MUST, vcpu_area)
    R(vcpu_op, VCPUOP_, send_nmi, MUST, vcpu_state)
    R(vcpu_op, VCPUOP_, get_physid, NEVER, vcpu_area)
    R(vcpu_op, VCPUOP_, register_vcpu_time_memory_area, MUST, vcpu_area)
    R(physdev_op, PHYSDEVOP_, IRQ_UNMASK_NOTIFY, 0, physdev)
    R(physdev_op, PHYSDEVOP_, irq_status_query, 0, physdev)
    R(physdev_op, PHYSDEVOP_, set_iopl, MUST, physdev)
    R(physdev_op, PHYSDEVOP_, set_iobitmap, MUST, physdev)
    R(physdev_op, PHYSDEVOP_, eoi, 0, physdev)
    R(physdev_op, PHYSDEVOP_, pirq_eoi_gmfn_v1, MUST, physdev)
    R(physdev_op, PHYSDEVOP_, pirq_eoi_gmfn_v2, 0, physdev)
    R(physdev_op, PHYSDEVOP_, get_free_pirq, 0, physdev)
    R(physdev_op, PHYSDEVOP_, apic_read, NEVER, physdev)
    R(physdev_op, PHYSDEVOP_, apic_write, NEVER, physdev)
    R(physdev_op, PHYSDEVOP_, alloc_irq_vector, NEVER, physdev)
    R(physdev_op, PHYSDEVOP_, map_pirq, NEVER, any_words)
    R(physdev_op, PHYSDEVOP_, unmap_pirq, NEVER, any_words)
    R(physdev_op, PHYSDEVOP_, manage_pci_add, NEVER, physdev)
    R(physdev_op, PHYSDEVOP_, manage_pci_remove, NEVER, physdev)
    R(physdev_op, PHYSDEVOP_, manage_pci_add_ext, NEVER, physdev)
    R(physdev_op, PHYSDEVOP_, restore_msi, NEVER, physdev)
    R(physdev_op, PHYSDEVOP_, setup_gsi, NEVER, physdev)
    R(physdev_op, PHYSDEVOP_, pci_mmcfg_reserved, NEVER, physdev)
    R(physdev_op, PHYSDEVOP_, pci_device_add, NEVER, physdev)
    R(physdev_op, PHYSDEVOP_, pci_device_remove, NEVER, physdev)
    R(physdev_op, PHYSDEVOP_, dbgp_op, NEVER, physdev)
    R(physdev_op, PHYSDEVOP_, prepare_msix, NEVER, physdev)
    R(physdev_op, PHYSDEVOP_, release_msix, NEVER, physdev)
    C(domctl, XEN_DOMCTL_INTERFACE_VERSION, NEVER, control)
    C(sysctl, XEN_SYSCTL_INTERFACE_VERSION, NEVER, control)
    C(platform_op, XENPF_INTERFACE_VERSION, NEVER, control)
    C(hvm_op, 0, 0, any_words)
    C(xsm_op, 0, NEVER, any_words)
    C(kexec_op, 0, NEVER, any_words)
    C(tmem_op, 0, NEVER, any_words)
    C(argo_op, 0, NEVER, any_words)
    C(xenpmu_op, 0, NEVER, any_words)
    C(dm_op, 0, NEVER, any_words)
    C(event_channel_op_compat, 0, 0, any_words)
    C(physdev_op_compat, 0, 0, any_words)
    C(arch_0, 0, NEVER, any_words)
    { "no such call", 63, 0, NEVER, nobody, 0, 0, 0 },
};

/* Of other rows' calls, all of which may be bad in themselves. */
static void multicall(struct attempt *a, const struct row *row)
{
    struct multicall_entry *e = (void *)(a->f->buffer + 2048);
    unsigned int i, count = 1 + (unsigned int)draw(a->f, 2);

    (void)row;
    for (i = 0; i < count; i++) {
        const struct row *of = &rows[draw(a->f, ARRAY_SIZE(rows))];
        struct attempt part = { .wild = a->wild, .f = a->f, .place = a->place + 640 * i };
        unsigned int n;

        if (of->flags & (ENTRY | ALONE | PREPARED)) {
            part.number = __HYPERVISOR_xen_version;
        } else {
            part.number = of->call;
            of->make(&part, of);
        }
        e[i] = (struct multicall_entry){ .op = part.number };
        for (n = 0; n < ARRAY_SIZE(part.arg); n++)
            e[i].args[n] = part.arg[n];
    }
    if (bad(a))
        e[0].op = draw(a->f, 2) ? __HYPERVISOR_multicall : edge(a->f) | 1UL << 32;
    /* No memory with words from elsewhere: they would be calls, too. */
    a->arg[0] = (uint64_t)e;
    if (bad(a))
        a->arg[0] = draw(a->f, 2) ? (uint64_t)a->f->buffer + 2 * PAGE_SIZE - 8 * draw(a->f, 8)
                                  : HYPERVISOR_VIRT_START - 8 * draw(a->f, 8);
    a->arg[1] = bad(a) ? draw(a->f, 3) : count;
}

#endif
