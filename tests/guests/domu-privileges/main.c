/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is an unprivileged domain refused everything that needs privilege?
 *
 * domctl, sysctl, platform_op, console, physical interrupts, I/O ports, device memory, other
 * domains' memory, events and grants: an error, no effect.
 */
#include <guest.h>
#include <grant.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>

static void control(void)
{
    struct xen_domctl domctl = { .interface_version = XEN_DOMCTL_INTERFACE_VERSION };
    struct xen_sysctl sysctl = { .interface_version = XEN_SYSCTL_INTERFACE_VERSION };
    struct xen_platform_op platform = { .interface_version = XENPF_INTERFACE_VERSION };
    struct sched_remote_shutdown remote = { .domain_id = 0 };
    unsigned int cmd;

    for (cmd = 1; cmd < 90; cmd++) {
        domctl.cmd = cmd;
        domctl.domain = 0;
        check(hc_domctl(&domctl) < 0, "domctl %u of domain 0", cmd);
        domctl.domain = 1;
        check(hc_domctl(&domctl) < 0, "domctl %u of itself", cmd);
    }
    for (cmd = 1; cmd < 32; cmd++) {
        sysctl.cmd = cmd;
        check(hc_sysctl(&sysctl) < 0, "sysctl %u", cmd);
    }
    for (cmd = 17; cmd < 70; cmd++) {
        platform.cmd = cmd;
        check(hc_platform_op(&platform) < 0, "platform_op %u", cmd);
    }
    check(hc_sched_op(SCHEDOP_remote_shutdown, &remote) < 0, "domain 0 was shut down");
    check(hc_console_io(CONSOLEIO_read, 1, &cmd) <= 0, "the console was read");
}

static void in8(void *port)
{
    asm volatile("inb %w0, %%al" : : "d"(port) : "al");
}

static void hardware(void)
{
    struct physdev_map_pirq map = { .domid = DOMID_SELF, .type = MAP_PIRQ_TYPE_GSI, .index = 10,
                                    .pirq = -1 };
    struct physdev_set_iopl iopl = { .iopl = 1 };
    struct evtchn_bind_pirq pirq = { .pirq = 10 };
    void *va = window_alloc(1);

    check(hc_physdev_op(PHYSDEVOP_map_pirq, &map) < 0, "a GSI was mapped");
    check(hc_event_channel_op(EVTCHNOP_bind_pirq, &pirq) < 0, "a PIRQ was bound");
    /* IOPL is the domain's own matter; the ports behind it are not. */
    hc_physdev_op(PHYSDEVOP_set_iopl, &iopl);
    if (!trap_catch(in8, (void *)0xcfc, NULL)) {
        uint32_t value;

        asm volatile("outl %0, %w1" : : "a"(0x80000000), "d"(0xcf8));
        asm volatile("inl %w1, %0" : "=a"(value) : "d"(0xcfc));
        check(value == 0xffffffff, "PCI configuration reads 0x%x", value);
    }
    check(map_frame(va, 0xb8, PTE_RW) < 0, "VGA memory was mapped");
    check(map_frame(va, 0xfec00, PTE_RW) < 0, "the I/O APIC was mapped");
    check(map_frame(va, 0xfee00, PTE_RO) < 0, "the local APIC was mapped");
    check(map_frame(va, 0, PTE_RO) < 0, "frame 0 was mapped");
}

/* Every frame of the machine that is not ours: none may be mapped, by any name. */
static void memory(void)
{
    void *va = window_alloc(1);
    struct mmu_update update = { .ptr = pte_maddr(va, 1) };
    unsigned long mfn, own = 0, mapped = 0;
    static const domid_t names[] = { 0, DOMID_XEN, DOMID_IO, 2 };
    unsigned int i;

    for (mfn = 0; mfn < 0x20000; mfn += 7) {
        unsigned long pfn = mfn_to_pfn(mfn);

        if (pfn < start_info->nr_pages && pfn_to_mfn(pfn) == mfn) {
            own++;
            continue;
        }
        update.val = make_pte(mfn, PTE_RO);
        if (hc_mmu_update(&update, 1, NULL, DOMID_SELF) == 0) {
            mapped++;
            mmu_update_one(update.ptr, 0);
        }
    }
    check(own > 100, "only %lu own frames seen", own);
    check(mapped <= 1, "%lu foreign frames were mapped", mapped);
    for (i = 0; i < ARRAY_SIZE(names); i++) {
        update.val = make_pte(0x10000, PTE_RO);
        check(hc_mmu_update(&update, 1, NULL, names[i]) < 0, "mapped in the name of %u", names[i]);
    }
}

static void others(void)
{
    struct xen_memory_reservation r = { .nr_extents = 1, .domid = 0 };
    struct evtchn_reset reset = { .dom = 0 };
    domid_t dom0 = 0;
    unsigned long mfn = 0;

    set_xen_guest_handle(r.extent_start, &mfn);
    check(hc_memory_op(XENMEM_populate_physmap, &r) <= 0, "memory for domain 0");
    check(hc_memory_op(XENMEM_decrease_reservation, &r) <= 0, "memory from domain 0");
    check(hc_memory_op(XENMEM_current_reservation, &dom0) < 0, "domain 0's reservation was told");
    check(event_alloc_unbound(0, DOMID_SELF) < 0, "a port of domain 0");
    check(hc_event_channel_op(EVTCHNOP_reset, &reset) < 0, "domain 0's ports were reset");
    check(event_bind_interdomain(0, 1) < 0, "domain 0's port 1 was bound");
    grant_init();
    check(grant_map(0, 1, window_alloc(1), GNTMAP_host_map, NULL, NULL) != GNTST_okay,
          "domain 0's grant 1 was mapped");
}

/* More memory than the limit is not given. */
static void limit(void)
{
    static unsigned long list[64];
    struct xen_memory_reservation r = { .nr_extents = ARRAY_SIZE(list), .domid = DOMID_SELF };

    set_xen_guest_handle(r.extent_start, list);
    check(hc_memory_op(XENMEM_increase_reservation, &r) < 64, "64 frames beyond the limit");
}

void test_main(void)
{
    control();
    hardware();
    memory();
    others();
    limit();
}
