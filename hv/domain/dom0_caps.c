/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may touch what of the machine. Dom0 gets everything but what stands in one table: a row per
 * range that the hypervisor keeps, with the reason. Rows of devices whose place is fixed are here;
 * those that firmware, the command line or a driver tells of are added at boot or, for registers
 * found later, by iocap_keep(). Other domains get what dom0 gives them of its own (domctl).
 */
#include <hv/acpi.h>
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/cpuid.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/irq.h>
#include <hv/lib.h>
#include <hv/list.h>
#include <hv/param.h>
#include <hv/printk.h>

#define NR_IO_PORTS 0x10000
#define UART_PORTS 8
#define LOW_MEGABYTE_FRAMES 0x100UL
/* AMD: the top 12 GiB of the address space (before family 17h, below 1 TiB) are HyperTransport's
   own. */
#define HT_WINDOW_FRAMES (3UL << (32 - PAGE_SHIFT))
#define HT_FIXED_BITS 40
#define AMD_FAMILY_ZEN 0x17

struct rangeset *mmio_ro_ranges;

struct kept {
    struct list_head list;
    enum kept_kind kind;
    unsigned long first, last;
    const char *why;
};

/* Port 0xcf8 is emulated by the PV back end, so only its data window is here. */
static const struct kept fixed[] = {
    { .kind = KEPT_PORTS, .first = 0x20, .last = 0x21, .why = "primary interrupt controller" },
    { .kind = KEPT_PORTS, .first = 0xa0, .last = 0xa1, .why = "secondary interrupt controller" },
    { .kind = KEPT_PORTS, .first = 0x40, .last = 0x43, .why = "interval timer" },
    { .kind = KEPT_PORTS, .first = 0x61, .last = 0x61, .why = "interval timer gate and speaker" },
    { .kind = KEPT_PORTS, .first = 0xcfc, .last = 0xcff, .why = "PCI configuration data" },
    { .kind = KEPT_FRAMES, .first = 0xfee00, .last = 0xfeeff, .why = "messages to local APICs" },
    { .kind = KEPT_GSI, .first = 0, .last = 0, .why = "interval timer" },
};

static LIST_HEAD(kept);                             /* (kept_lock) rows in the order they came */
static DEFINE_SPINLOCK(kept_lock, LOCK_LEAF);

static int take_from(struct domain *d, const struct kept *k)
{
    switch (k->kind) {
    case KEPT_PORTS:
        return rangeset_remove(d->ioport_caps, k->first, k->last);
    case KEPT_FRAMES:
        return rangeset_remove(d->iomem_caps, k->first, k->last);
    case KEPT_GSI:
        return rangeset_remove(d->irq_caps, k->first, k->last);
    default:
        return 0;
    }
}

static int make_readonly(unsigned long first, unsigned long last)
{
    if (!mmio_ro_ranges)
        mmio_ro_ranges = rangeset_new();
    return mmio_ro_ranges ? rangeset_add(mmio_ro_ranges, first, last) : -ENOMEM;
}

int iocap_keep(enum kept_kind kind, unsigned long first, unsigned long last, const char *why)
{
    struct kept *k = xmalloc(sizeof(*k));
    int rc;

    if (!k)
        return -ENOMEM;
    *k = (struct kept){ .kind = kind, .first = first, .last = last, .why = why };
    rc = kind == KEPT_READONLY ? make_readonly(first, last) : 0;
    if (!rc && dom0)
        rc = take_from(dom0, k);
    if (rc) {
        xfree(k);
        return rc;
    }
    spin_lock(&kept_lock);
    list_add_tail(&k->list, &kept);
    spin_unlock(&kept_lock);
    return 0;
}

/* A read-only row that overlaps the range, behind the first *skip ones. False: no more. */
static bool next_overlap(unsigned long first, unsigned long last, unsigned int *skip,
                         struct kept *row)
{
    const struct kept *k;
    unsigned int n = 0;
    bool found = false;

    spin_lock(&kept_lock);
    list_for_each(k, &kept, list) {
        if (k->kind != KEPT_READONLY || k->last < first || k->first > last || n++ < *skip)
            continue;
        *row = *k;
        found = true;
        break;
    }
    spin_unlock(&kept_lock);
    (*skip)++;
    return found;
}

int iocap_forget_readonly(unsigned long first, unsigned long last)
{
    struct kept *k, *found = NULL, other;
    int rc;

    spin_lock(&kept_lock);
    list_for_each(k, &kept, list)
        if (k->kind == KEPT_READONLY && k->first == first && k->last == last) {
            found = k;
            list_del(&k->list);
            break;
        }
    spin_unlock(&kept_lock);
    if (!found)
        return -ENOENT;
    xfree(found);
    rc = rangeset_remove(mmio_ro_ranges, first, last);
    /* Two devices may have registers in one frame. */
    for (unsigned int skip = 0; !rc && next_overlap(first, last, &skip, &other);)
        rc = make_readonly(other.first, other.last);
    return rc;
}

/* --- Rows found at boot --- */

static int keep_addr(enum kept_kind kind, paddr_t addr, const char *why)
{
    return addr ? iocap_keep(kind, paddr_to_pfn(addr), paddr_to_pfn(addr), why) : 0;
}

/* dom0_ioports_disable=FIRST[-LAST][,...] */
static char opt_ports_disable[128];
string_param("dom0_ioports_disable", opt_ports_disable);

static int keep_chosen_ports(void)
{
    const char *s = opt_ports_disable;
    int rc = 0;

    while (*s && !rc) {
        const char *end;
        unsigned long first = strtoul(s, &end, 16), last = first;

        if (end != s && *end == '-') {
            s = end + 1;
            last = strtoul(s, &end, 16);
        }
        if (end == s || (*end && *end != ',') || first > last || last >= NR_IO_PORTS) {
            printk(XENLOG_WARNING "dom0_ioports_disable=: \"%s\" is no range of ports\n", s);
            return 0;
        }
        rc = iocap_keep(KEPT_PORTS, first, last, "dom0_ioports_disable=");
        s = *end ? end + 1 : end;
    }
    return rc;
}

static int keep_ports(void)
{
    int rc = keep_chosen_ports();

    if (!rc && acpi.pm_timer_port)
        rc = iocap_keep(KEPT_PORTS, acpi.pm_timer_port, acpi.pm_timer_port + 3, "PM timer");
    for (unsigned int p = 0; p < NR_IO_PORTS && !rc; p += UART_PORTS)
        if (serial_owns_port(p))
            rc = iocap_keep(KEPT_PORTS, p, p + UART_PORTS - 1, "console");
    return rc;
}

/* RAM is reached by reference counting, never by this permission; firmware's broken ranges by
   nobody. */
static int keep_memory_map(void)
{
    int rc = 0;

    for (unsigned int i = 0; i < boot_info.e820.nr && !rc; i++) {
        const struct e820_entry *e = &boot_info.e820.e[i];
        unsigned long s = MAX(paddr_to_pfn(e->addr), LOW_MEGABYTE_FRAMES);
        unsigned long last = paddr_to_pfn(e->addr + e->size - 1);

        if (e->type == E820_UNUSABLE && e->size && s <= last)
            rc = iocap_keep(KEPT_FRAMES, s, last, "unusable by the firmware's map");
    }
    return rc;
}

static int keep_hypertransport(void)
{
    unsigned long end;

    if (boot_cpu.vendor != VENDOR_amd && boot_cpu.vendor != VENDOR_hygon)
        return 0;
    end = 1UL << ((boot_cpu.family < AMD_FAMILY_ZEN ? HT_FIXED_BITS : boot_cpu.paddr_bits) -
                  PAGE_SHIFT);
    return iocap_keep(KEPT_FRAMES, end - HT_WINDOW_FRAMES, end - 1, "HyperTransport");
}

/* The HPET is the hypervisor's clock: dom0's driver may read it, as on Xen; a refused mapping would
 * crash Linux. */
static int keep_frames(void)
{
    int rc = iocap_keep(KEPT_FRAMES, paddr_to_pfn(virt_to_maddr(hv_start)),
                        paddr_to_pfn(virt_to_maddr(hv_end) - 1), "hypervisor image");

    if (!rc)
        rc = keep_addr(KEPT_FRAMES, acpi.lapic_addr, "local APIC");
    for (unsigned int i = 0; i < acpi.nr_ioapics && !rc; i++)
        rc = keep_addr(KEPT_FRAMES, acpi.ioapics[i].addr, "I/O APIC");
    if (!rc)
        rc = keep_addr(KEPT_READONLY, acpi.hpet, "HPET");
    if (!rc)
        rc = keep_hypertransport();
    return rc ? rc : keep_memory_map();
}

/* The console's line may be mapped like the others; it can't be bound while the hypervisor uses it.
 */
static int give_everything(struct domain *d)
{
    int rc = rangeset_add(d->ioport_caps, 0, NR_IO_PORTS - 1);

    if (!rc)
        rc = rangeset_add(d->iomem_caps, 0, (1UL << (boot_cpu.paddr_bits - PAGE_SHIFT)) - 1);
    return rc ? rc : rangeset_add(d->irq_caps, 0, MAX(irq_gsi_count(), 16u) - 1);
}

int dom0_setup_permissions(struct domain *d)
{
    const struct kept *k;
    int rc = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(fixed) && !rc; i++)
        rc = iocap_keep(fixed[i].kind, fixed[i].first, fixed[i].last, fixed[i].why);
    if (!rc)
        rc = keep_ports();
    if (!rc)
        rc = keep_frames();
    if (!rc)
        rc = give_everything(d);
    list_for_each(k, &kept, list)
        if (!rc)
            rc = take_from(d, k);
    return rc;
}

void iocap_show(void)
{
    static const char *const kinds[] = {
        [KEPT_PORTS] = "ports", [KEPT_FRAMES] = "frames", [KEPT_READONLY] = "frames, read-only",
        [KEPT_GSI] = "interrupts",
    };
    const struct kept *k;

    spin_lock(&kept_lock);
    list_for_each(k, &kept, list)
        printk("  %#lx-%#lx: %s (%s)\n", k->first, k->last, kinds[k->kind], k->why);
    spin_unlock(&kept_lock);
}

bool iomem_access_permitted(const struct domain *d, unsigned long s_mfn, unsigned long e_mfn)
{
    return rangeset_contains(d->iomem_caps, s_mfn, e_mfn);
}

bool ioports_access_permitted(const struct domain *d, unsigned int s, unsigned int e)
{
    return rangeset_contains(d->ioport_caps, s, e);
}

bool irq_access_permitted(const struct domain *d, unsigned int gsi)
{
    return rangeset_contains(d->irq_caps, gsi, gsi);
}
