/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does a domain that maps its memory uncached leave nothing behind in the hypervisor?
 *
 * The hypervisor's own mapping of a frame must have the memory type that the guest gives it, or one
 * frame would be cached and uncached at once; so it splits the large pages of its own page tables.
 * Only a domain that has a device may choose: without, every type but write-back is -EINVAL. With a
 * port given to it, the domain maps frames write-combining and uncached, some of them by two vCPUs
 * with different types at the same time, sets a part back to write-back and powers off with the
 * rest. What it wrote must be read through every mapping, and after the domain's end exactly as
 * many frames are free as before: the tables of split pages come back.
 */
#include <guest.h>
#include <domain.h>

#define PTE_WC (PTE_PWT) /* by Xen's PAT: WB WT UC- UC WC WP */
#define PTE_PAT (1UL << 7)
#define LIVES 4
#define FRAMES 64
#define RACES 50

static const uint64_t types[] = { 0, PTE_PCD, PTE_PAT, PTE_PCD | PTE_PWT, PTE_WC };

static uint64_t *shared_page;
static volatile unsigned int stop;

static long set_type(void *page, uint64_t type)
{
    return hc_update_va_mapping(page, make_pte(virt_to_mfn(page), PTE_RW | type),
                                UVMF_INVLPG | UVMF_ALL);
}

static void racer(void *unused)
{
    void *window = unused;
    unsigned int i;

    for (i = 0; !stop; i++)
        if (map_frame(window, virt_to_mfn(shared_page), PTE_RW | types[i % ARRAY_SIZE(types)]))
            report_failure("the other vCPU can't map type 0x%lx", types[i % ARRAY_SIZE(types)]);
}

static void race(void)
{
    void *window = window_alloc(1);
    unsigned int i;

    shared_page = page_alloc();
    require(vcpu_start(1, racer, window), 0);
    for (i = 0; i < RACES; i++)
        expect(set_type(shared_page, types[i % ARRAY_SIZE(types)]), 0);
    stop = 1;
    check(vcpu_wait_down(1), "the other vCPU stays");
    /* Both mappings end as write-back. */
    expect(set_type(shared_page, 0), 0);
    expect(map_frame(window, virt_to_mfn(shared_page), PTE_RW), 0);
    *shared_page = 0x17;
    expect(*(volatile uint64_t *)window, 0x17);
}

static void child(void)
{
    unsigned int i;

    if (!line_number(command_line(), "device", 0)) {
        for (i = 1; i < ARRAY_SIZE(types); i++)
            expect(set_type(page_alloc(), types[i]), -XEN_EINVAL);
        return;
    }

    for (i = 0; i < FRAMES; i++) {
        volatile uint64_t *page = page_alloc();

        *page = i;
        expect(set_type((void *)page, types[i % ARRAY_SIZE(types)]), 0);
        expect(*page, i);
        *page = i + 1;
        if (i % 3 == 0)
            expect(set_type((void *)page, 0), 0);
        expect(*page, i + 1);
    }
    race();
}

static struct domain d;

static void give_port(void)
{
    static struct xen_domctl op;

    op.cmd = XEN_DOMCTL_ioport_permission;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = d.id;
    op.u.ioport_permission.first_port = 0x80;
    op.u.ioport_permission.nr_ports = 1;
    op.u.ioport_permission.allow_access = 1;
    require(hc_domctl(&op), 0);
}

static void live(bool device)
{
    uint64_t free = free_frames();
    const char *step;
    long error = domain_create(&d, 1, pack_file(pack_entry(0)), 0, device ? "device=1" : "", 1024,
                               2, &step);

    if (error)
        report_error("%s gave %ld", step, error);
    if (device)
        give_port();
    require(domain_unpause(&d), 0);
    check(domain_wait_shutdown(&d, 20000), "the domain does not end");
    check(!strcmp(domain_outcome(&d), "success"), "the domain says: %s", domain_outcome(&d));
    expect(domain_destroy(&d), 0);
    /* What the first domain makes a hypervisor keep for good is not the question here. */
    check(wait_until(free_frames() == free, 1000) || !device, "%ld frames lost",
          (long)(free - free_frames()));
}

void test_main(void)
{
    unsigned int i;

    if (!is_dom0()) {
        child();
        return;
    }
    for (i = 0; i < LIVES; i++)
        live(i);
}
