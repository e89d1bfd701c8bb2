/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does the hypervisor keep its part of the machine from domain 0, on every way that leads there;
 * can domain 0 give others only what it has; and has a domain exactly what it was given?
 *
 * The ABI: domain 0 has all ports, device memory and interrupts but the hypervisor's own: interrupt
 * controllers, the addresses of messages to them, timers, the console's UART; what it may only read
 * (HPET) becomes a read-only mapping without an error. ioport_permission, iomem_permission and
 * irq_permission give on what the caller has (-EPERM). A port that is not given reads as ones.
 */
#include <guest.h>
#include <domain.h>
#include <grant.h>

#define VGA_FRAME 0xb8UL
#define IOAPIC_FRAME 0xfec00UL
#define HPET_FRAME 0xfed00UL
#define LAPIC_FRAME 0xfee00UL
#define KBD_STATUS 0x64
#define GSI 10
#define REF 9
#define RAM_END 0x1ff00UL         /* of a machine of 512 MiB, without firmware's tables */
#define DEVICE_RW (PTE_RW | PTE_PCD | PTE_PWT)

static void *va;
static uint64_t *spare;         /* a page that is mapped read-only: a table to be */

/* --- ways to map a frame; each leaves the entry that came of it --- */

static uint64_t entry_now(void)
{
    return *pte_of(va, 1);
}

static uint64_t by_mmu_update(uint64_t pte, domid_t owner)
{
    struct mmu_update update = { .ptr = pte_maddr(va, 1), .val = pte };

    hc_mmu_update(&update, 1, NULL, owner);
    return entry_now();
}

static uint64_t as_own(uint64_t pte)
{
    return by_mmu_update(pte, DOMID_SELF);
}

static uint64_t as_io(uint64_t pte)
{
    return by_mmu_update(pte, DOMID_IO);
}

static uint64_t by_update_va(uint64_t pte)
{
    hc_update_va_mapping(va, pte, UVMF_INVLPG);
    return entry_now();
}

static uint64_t by_update_va_io(uint64_t pte)
{
    hc_update_va_mapping_otherdomain(va, pte, UVMF_INVLPG, DOMID_IO);
    return entry_now();
}

static void store(void *pte)
{
    *(volatile uint64_t *)pte_of(va, 1) = *(uint64_t *)pte;
}

/* A write to the table, which is mapped read-only. */
static uint64_t by_write(uint64_t pte)
{
    trap_catch(store, &pte, NULL);
    return entry_now();
}

/* A table that holds the entry before it is one. */
static uint64_t by_pin(uint64_t pte)
{
    uint64_t got = 0;

    untable_page(spare);
    spare[3] = pte;
    table_page(spare);
    if (!mmuext_mfn(MMUEXT_PIN_L1_TABLE, virt_to_mfn(spare))) {
        got = spare[3];
        require(mmuext_mfn(MMUEXT_UNPIN_TABLE, virt_to_mfn(spare)), 0);
    }
    return got;
}

static uint64_t by_table_entry(uint64_t pte)
{
    uint8_t *base = (uint8_t *)0x300000000000UL;
    uint64_t got = 0;

    untable_page(spare);
    spare[3] = pte;
    table_page(spare);
    if (!mmu_update_one(pte_maddr(base, 2), make_pte(virt_to_mfn(spare), PTE_TABLE))) {
        got = spare[3];
        require(mmu_update_one(pte_maddr(base, 2), 0), 0);
    }
    return got;
}

/* The domain grants the frame to itself. */
static uint64_t by_grant(uint64_t pte)
{
    grant_handle_t handle;
    uint64_t got = 0;

    grants[REF].domid = 0;
    grants[REF].frame = (uint32_t)((pte & PTE_ADDR) >> PAGE_SHIFT);
    barrier();
    grants[REF].flags = GTF_permit_access;
    if (grant_map(0, REF, va, GNTMAP_host_map | (pte & PTE_W ? 0 : GNTMAP_readonly), &handle,
                  NULL) == GNTST_okay) {
        got = entry_now();
        expect(grant_unmap(handle, va, 0), GNTST_okay);
    }
    grants[REF].flags = 0;
    return got;
}

static const struct {
    const char *name;
    uint64_t (*map)(uint64_t pte);
} ways[] = {
    { "mmu_update", as_own },
    { "mmu_update as DOMID_IO", as_io },
    { "update_va_mapping", by_update_va },
    { "update_va_mapping_otherdomain", by_update_va_io },
    { "a write to the table", by_write },
    { "pinning", by_pin },
    { "an entry of a table", by_table_entry },
    { "a grant", by_grant },
};

/* What a frame may become at most, and at least: its entry's P and W bits. */
static void frame(unsigned long mfn, uint64_t least, uint64_t most)
{
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(ways); i++) {
        uint64_t got = ways[i].map(make_pte(mfn, DEVICE_RW)) & (PTE_P | PTE_W);

        if (ways[i].map == by_grant)
            least = 0; /* Xen does not grant device memory of a place with a page_info */
        require(mmu_update_one(pte_maddr(va, 1), 0), 0);
        check((got & least) == least && !(got & ~most), "frame 0x%lx by %s: entry bits 0x%lx", mfn,
              ways[i].name, got);
        got = ways[i].map(make_pte(mfn, PTE_RO)) & (PTE_P | PTE_W);
        require(mmu_update_one(pte_maddr(va, 1), 0), 0);
        check((got & least & PTE_P) == (least & PTE_P) && !(got & ~(most & PTE_P)),
              "frame 0x%lx to be read by %s: entry bits 0x%lx", mfn, ways[i].name, got);
    }
}

static void make_tables(void)
{
    uint64_t *l2 = page_alloc(), *l3 = page_alloc();

    va = window_alloc(1);
    spare = page_alloc();
    table_page(spare);
    l3[0] = make_pte(virt_to_mfn(l2), PTE_TABLE);
    table_page(l2);
    table_page(l3);
    require(mmu_update_one(pte_maddr((void *)0x300000000000UL, 4),
                           make_pte(virt_to_mfn(l3), PTE_TABLE)), 0);
}

static void frames(void)
{
    static const unsigned long kept[] = { LAPIC_FRAME, LAPIC_FRAME + 1, 0xfee80, 0xfeeff };
    unsigned int i;

    frame(VGA_FRAME, PTE_P | PTE_W, PTE_P | PTE_W);
    for (i = 0; i < ARRAY_SIZE(kept); i++)
        frame(kept[i], 0, 0);
    frame(IOAPIC_FRAME, 0, PTE_P); /* Xen lets domain 0 read it */
    frame(HPET_FRAME, PTE_P, PTE_P);
    frame(0xfffffffffUL, 0, 0);
}

/* No frame of memory that is not domain 0's own, least of all one that the hypervisor lies in. */
static void memory(void)
{
    static const domid_t owners[] = { DOMID_SELF, DOMID_IO };
    unsigned long mfn, others = 0, shared = 0;
    unsigned int i;

    for (mfn = 0x100; mfn < RAM_END; mfn += mfn < 0x1000 ? 1 : 7) {
        unsigned long pfn = mfn_to_pfn(mfn);

        if (pfn < start_info->nr_pages && pfn_to_mfn(pfn) == mfn)
            continue;
        others++;
        for (i = 0; i < ARRAY_SIZE(owners); i++) {
            if (!(by_mmu_update(make_pte(mfn, PTE_RO), owners[i]) & PTE_P))
                continue;
            shared++;
            check(owners[i] == DOMID_SELF, "frame 0x%lx was mapped as DOMID_IO's", mfn);
            require(mmu_update_one(pte_maddr(va, 1), 0), 0);
        }
    }
    /* Shared info and grant table have no place in the domain's memory. */
    check(shared <= 3, "%lu frames of others were mapped", shared);
    check(others > 5000, "only %lu frames of others", others);
}

static uint8_t in8(uint16_t port)
{
    uint8_t value;

    asm volatile("inb %w1, %0" : "=a"(value) : "d"(port));
    return value;
}

/* Line status, the PIT's counter, the PM timer: all of them read otherwise where they are. */
static void ports(void)
{
    static const uint16_t kept[] = { 0x3fd, 0x40, 0x20, 0x21, 0xa0, 0xa1, 0x608 };
    struct physdev_set_iopl iopl = { .iopl = 1 };
    unsigned int i, n;

    require(hc_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
    for (i = 0; i < ARRAY_SIZE(kept); i++)
        for (n = 0; n < 20; n++)
            check(in8(kept[i]) == 0xff, "port 0x%x was read", kept[i]);
    check(in8(KBD_STATUS) != 0xff, "port 0x%x was not read", KBD_STATUS);
}

/* --- giving on --- */

static struct domain domain;
static struct xen_domctl op;

static long call(uint32_t command)
{
    op.cmd = command;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = domain.id;
    return hc_domctl(&op);
}

static long give_ports(uint32_t first, uint32_t count, uint8_t allow)
{
    op.u.ioport_permission.first_port = first;
    op.u.ioport_permission.nr_ports = count;
    op.u.ioport_permission.allow_access = allow;
    return call(XEN_DOMCTL_ioport_permission);
}

static long give_frames(uint64_t first, uint64_t count, uint8_t allow)
{
    op.u.iomem_permission.first_mfn = first;
    op.u.iomem_permission.nr_mfns = count;
    op.u.iomem_permission.allow_access = allow;
    return call(XEN_DOMCTL_iomem_permission);
}

static long give_irq(uint32_t pirq, uint8_t allow)
{
    op.u.irq_permission.pirq = pirq;
    op.u.irq_permission.allow_access = allow;
    return call(XEN_DOMCTL_irq_permission);
}

static long map_gsi(domid_t domid, int gsi)
{
    struct physdev_map_pirq map = { .domid = domid, .type = MAP_PIRQ_TYPE_GSI, .index = gsi,
                                    .pirq = gsi };

    return hc_physdev_op(PHYSDEVOP_map_pirq, &map);
}

static void refused(void)
{
    static const uint32_t ranges[][2] = {
        { 0x20, 1 }, { 0xa1, 1 }, { 0x40, 4 }, { 0x3f8, 8 }, { 0xcfc, 1 },
        { 0, 0x10000 }, { 0x3f0, 16 },
    };
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(ranges); i++)
        check(give_ports(ranges[i][0], ranges[i][1], 1) == -XEN_EPERM,
              "ports 0x%x and %u more: %ld", ranges[i][0], ranges[i][1] - 1,
              give_ports(ranges[i][0], ranges[i][1], 1));
    /* The PM timer is where the firmware put it: of QEMU's own, or SeaBIOS on Bochs and OVMF. */
    check(give_ports(0x608, 4, 1) == -XEN_EPERM || give_ports(0xb008, 4, 1) == -XEN_EPERM,
          "the PM timer is given on");
    expect(give_ports(0xffff, 2, 1), -XEN_EINVAL);
    expect(give_ports(0x80, 0xffffffff, 1), -XEN_EINVAL);
    expect(give_frames(LAPIC_FRAME, 1, 1), -XEN_EPERM);
    expect(give_frames(LAPIC_FRAME - 1, 2, 1), -XEN_EPERM);
    expect(give_frames(0, ~0UL, 1), -XEN_EPERM);
    expect(give_frames(2, ~0UL, 1), -XEN_EINVAL);
    expect(give_irq(GSI + 1, 1), -XEN_EPERM); /* domain 0 has it not mapped itself */
    check(give_irq(0xfffffff, 1) < 0, "an interrupt that does not exist");
}

static void give(void)
{
    expect(give_ports(KBD_STATUS, 1, 1), 0);
    expect(give_frames(VGA_FRAME, 1, 1), 0);
    require(map_gsi(DOMID_SELF, GSI), 0);
    expect(map_gsi(domain.id, GSI), 0);
    expect(give_irq(GSI, 1), 0);
}

static void take(void)
{
    struct physdev_unmap_pirq unmap = { .domid = domain.id, .pirq = GSI };

    expect(give_ports(KBD_STATUS, 1, 0), 0);
    expect(give_frames(VGA_FRAME, 1, 0), 0);
    expect(give_irq(GSI, 0), 0);
    expect(hc_physdev_op(PHYSDEVOP_unmap_pirq, &unmap), 0);
}

static void live(const char *what, void (*prepare)(void))
{
    const struct pack_entry *e = pack_entry(0);
    const char *step;
    long error = domain_create(&domain, 1, pack_file(e), e->length, what, 1024, 1, &step);

    if (error)
        report_error("%s gave %ld", step, error);
    if (prepare)
        prepare();
    require(domain_unpause(&domain), 0);
    check(domain_wait_shutdown(&domain, 20000), "the domain is still running");
    check(!strcmp(domain_outcome(&domain), "success"), "%s: %s", what, domain_outcome(&domain));
    expect(domain_destroy(&domain), 0);
}

static void given_and_taken(void)
{
    give();
    take();
}

/* --- the domain that is given them, or not --- */

static void child(bool has)
{
    static const domid_t owners[] = { DOMID_SELF, DOMID_IO };
    struct evtchn_bind_pirq bind = { .pirq = GSI };
    struct physdev_set_iopl iopl = { .iopl = 1 };
    unsigned int i;
    long got;

    va = window_alloc(1);
    require(hc_physdev_op(PHYSDEVOP_set_iopl, &iopl), 0);
    check((in8(KBD_STATUS) != 0xff) == has, "port 0x%x reads 0x%x", KBD_STATUS, in8(KBD_STATUS));
    check(in8(0x71) == 0xff, "port 0x71 reads 0x%x", in8(0x71));
    for (i = 0; i < ARRAY_SIZE(owners); i++) {
        got = (long)by_mmu_update(make_pte(VGA_FRAME, DEVICE_RW), owners[i]);
        check((got & PTE_P) == (has ? PTE_P : 0), "VGA memory as %u's: entry 0x%lx", owners[i],
              got);
        require(mmu_update_one(pte_maddr(va, 1), 0), 0);
        got = (long)by_mmu_update(make_pte(VGA_FRAME + 1, DEVICE_RW), owners[i]);
        check(!(got & PTE_P), "the frame behind it as %u's: entry 0x%lx", owners[i], got);
    }
    got = hc_event_channel_op(EVTCHNOP_bind_pirq, &bind);
    check(has ? !got : got == -XEN_EPERM, "binding the interrupt gave %ld", got);
    /* Mapping is for whoever has the machine. */
    expect(map_gsi(DOMID_SELF, GSI), -XEN_EPERM);
}

void test_main(void)
{
    char rights[8] = "";

    if (!is_dom0()) {
        line_text(command_line(), "rights", rights, sizeof(rights));
        child(!strcmp(rights, "yes"));
        return;
    }
    grant_init();
    make_tables();
    frames();
    memory();
    ports();
    live("rights=no", refused);
    live("rights=yes", give);
    live("rights=no", given_and_taken);
}
