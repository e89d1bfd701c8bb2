/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads the ACPI tables that the hypervisor needs. Everything in them is firmware's word: lengths,
 * checksums and entry sizes are checked, a damaged table is named and left out. AML is not
 * interpreted; the sleep type of soft-off is recognised in DSDT and SSDTs by its fixed encoding.
 */
#include <hv/acpi.h>
#include <hv/acpi_tables.h>
#include <hv/apic_regs.h>
#include <hv/boot.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/printk.h>

#define MAX_TABLE_SIZE (16u << 20)

struct acpi_info acpi;

static uint8_t checksum(const void *p, size_t len)
{
    const uint8_t *b = p;
    uint8_t sum = 0;

    while (len--)
        sum += *b++;
    return sum;
}

/* The table at pa with a right checksum, to be released by table_unmap(), or NULL. */
static const struct acpi_header *table_map(paddr_t pa, const char *signature)
{
    struct acpi_header *h;
    uint32_t len;

    if (!pa || !(h = ioremap(pa, sizeof(*h))))
        return NULL;
    len = h->length;
    if (signature && memcmp(h->signature, signature, sizeof(h->signature)))
        len = 0;
    iounmap(h, sizeof(*h));
    if (len < sizeof(*h) || len > MAX_TABLE_SIZE || pa + len < pa)
        return NULL;
    h = ioremap(pa, len);
    if (h && checksum(h, len)) {
        printk(XENLOG_WARNING "ACPI: table %.4s at %#lx has a bad checksum and is ignored\n",
               h->signature, pa);
        iounmap(h, len);
        return NULL;
    }
    return h;
}

static void table_unmap(const struct acpi_header *h)
{
    iounmap((void *)h, h->length);
}

/* --- MADT --- */

static void add_cpu(uint32_t apicid, uint32_t uid, uint32_t flags)
{
    if (!(flags & ACPI_MADT_CPU_ENABLED))
        return;
    if (acpi.nr_cpus == ACPI_MAX_CPUS) {
        printk(XENLOG_WARNING "ACPI: CPU with APIC id %u left out, more than %u CPUs\n", apicid,
               ACPI_MAX_CPUS);
        return;
    }
    for (unsigned int i = 0; i < acpi.nr_cpus; i++)
        if (acpi.cpus[i].apicid == apicid)
            return;
    acpi.cpus[acpi.nr_cpus++] = (struct acpi_cpu){ apicid, uid, true };
}

static void add_ioapic(const struct acpi_madt_ioapic *e)
{
    if (acpi.nr_ioapics == ACPI_MAX_IOAPICS || !e->addr) {
        printk(XENLOG_WARNING "ACPI: I/O APIC %u left out\n", e->id);
        return;
    }
    acpi.ioapics[acpi.nr_ioapics++] = (struct acpi_ioapic){ e->id, e->addr, e->gsi_base };
}

static void add_override(const struct acpi_madt_override *e)
{
    struct acpi_override o = { .isa = e->irq, .gsi = e->gsi };

    if (e->bus != 0 || e->irq >= PIC_IRQS || acpi.nr_overrides == ACPI_MAX_OVERRIDES) {
        printk(XENLOG_WARNING "ACPI: interrupt override of bus %u IRQ %u ignored\n", e->bus,
               e->irq);
        return;
    }
    o.level = (e->flags & ACPI_MPS_TRIGGER) == ACPI_MPS_LEVEL;
    o.active_low = (e->flags & ACPI_MPS_POLARITY) == ACPI_MPS_ACTIVE_LOW;
    acpi.overrides[acpi.nr_overrides++] = o;
}

static void madt_entry(const struct acpi_madt_entry *e)
{
    static const uint8_t min_length[] = {
        [ACPI_MADT_LAPIC] = sizeof(struct acpi_madt_lapic),
        [ACPI_MADT_IOAPIC] = sizeof(struct acpi_madt_ioapic),
        [ACPI_MADT_OVERRIDE] = sizeof(struct acpi_madt_override),
        [ACPI_MADT_LAPIC_ADDR] = sizeof(struct acpi_madt_lapic_addr),
        [ACPI_MADT_X2APIC] = sizeof(struct acpi_madt_x2apic),
    };

    if (e->type >= ARRAY_SIZE(min_length) || !min_length[e->type])
        return;
    if (e->length < min_length[e->type]) {
        printk(XENLOG_WARNING "ACPI: MADT entry of type %u is too short and ignored\n", e->type);
        return;
    }
    switch (e->type) {
    case ACPI_MADT_LAPIC: {
        const struct acpi_madt_lapic *l = (const void *)e;

        add_cpu(l->apicid, l->uid, l->flags);
        break;
    }
    case ACPI_MADT_X2APIC: {
        const struct acpi_madt_x2apic *x = (const void *)e;

        add_cpu(x->apicid, x->uid, x->flags);
        break;
    }
    case ACPI_MADT_IOAPIC:
        add_ioapic((const void *)e);
        break;
    case ACPI_MADT_OVERRIDE:
        add_override((const void *)e);
        break;
    case ACPI_MADT_LAPIC_ADDR:
        acpi.lapic_addr = ((const struct acpi_madt_lapic_addr *)e)->addr;
        break;
    }
}

static void parse_madt(const struct acpi_header *h)
{
    const struct acpi_madt *m = (const void *)h;
    size_t off = sizeof(*m);

    if (h->length < sizeof(*m))
        return;
    acpi.lapic_addr = m->lapic_addr;
    while (off + sizeof(struct acpi_madt_entry) <= h->length) {
        const struct acpi_madt_entry *e = (const void *)((const char *)m + off);

        if (e->length < sizeof(*e) || off + e->length > h->length) {
            printk(XENLOG_WARNING "ACPI: MADT is damaged at offset %zu; the rest is ignored\n",
                   off);
            return;
        }
        madt_entry(e);
        off += e->length;
    }
}

/* --- FADT --- */

/* An I/O port that is given twice: the extended form counts if it is there and in I/O space. */
static uint16_t io_block(const struct acpi_fadt *f, uint32_t legacy, const struct acpi_gas *x)
{
    if ((size_t)((const char *)(x + 1) - (const char *)f) <= f->h.length && x->addr &&
        x->addr <= UINT16_MAX && x->space == ACPI_SPACE_IO)
        return (uint16_t)x->addr;
    return legacy <= UINT16_MAX ? (uint16_t)legacy : 0;
}

/* PkgLength: the top two bits of the first byte count the bytes that follow it. */
static size_t aml_pkg_length_size(uint8_t first)
{
    return 1 + (first >> 6);
}

/* One integer of the encodings that fit a sleep type; NULL if it is something else. */
static const uint8_t *aml_small_int(const uint8_t *p, const uint8_t *end, uint8_t *val)
{
    if (p < end && (*p == AML_ZERO || *p == AML_ONE)) {
        *val = *p;
        return p + 1;
    }
    if (end - p >= 2 && *p == AML_BYTE_PREFIX) {
        *val = p[1];
        return p + 2;
    }
    return NULL;
}

static bool parse_s5_package(const uint8_t *p, const uint8_t *end)
{
    uint8_t a, b;

    if (end - p < 3 || *p != AML_PACKAGE)
        return false;
    p++;
    p += aml_pkg_length_size(*p) + 1; /* and NumElements */
    if (p >= end || !(p = aml_small_int(p, end, &a)))
        return false;
    if (!aml_small_int(p, end, &b))
        b = a;
    acpi.s5_typ_a = a & 7;
    acpi.s5_typ_b = b & 7;
    return true;
}

/* DSDT or SSDT. */
static void find_soft_off(const struct acpi_header *h)
{
    static const char name[4] = "_S5_";
    const uint8_t *start = (const uint8_t *)(h + 1), *end = (const uint8_t *)h + h->length;

    for (const uint8_t *p = start; end - p >= 4 && !acpi.s5_known; p++)
        if (*p == (uint8_t)name[0] && !memcmp(p, name, 4) && p - start >= 1 &&
            (p[-1] == AML_NAME || (p - start >= 2 && p[-1] == '\\' && p[-2] == AML_NAME)))
            acpi.s5_known = parse_s5_package(p + 4, end);
}

static void parse_dsdt(paddr_t pa)
{
    const struct acpi_header *h = table_map(pa, "DSDT");

    if (!h)
        return;
    find_soft_off(h);
    table_unmap(h);
}

static void parse_fadt(const struct acpi_header *h)
{
    const struct acpi_fadt *f = (const void *)h;
    paddr_t dsdt;

    if (h->length < ACPI_FADT_V1_SIZE) {
        printk(XENLOG_WARNING "ACPI: FADT is too short (%u bytes): no PM timer, no power-off\n",
               h->length);
        return;
    }
    acpi.sci = f->sci_int;
    acpi.pm_timer_port = f->pm_tmr_len >= 4 ? io_block(f, f->pm_tmr, &f->x_pm_tmr) : 0;
    acpi.pm_timer_32bit = f->flags & ACPI_FADT_TMR_32BIT;
    acpi.pm1a_cnt = io_block(f, f->pm1a_cnt, &f->x_pm1a_cnt);
    acpi.pm1b_cnt = io_block(f, f->pm1b_cnt, &f->x_pm1b_cnt);
    acpi.pm1a_evt = io_block(f, f->pm1a_evt, &f->x_pm1a_evt);
    acpi.pm1b_evt = io_block(f, f->pm1b_evt, &f->x_pm1b_evt);
    acpi.century = f->century;
    acpi.no_8042 =
        h->revision >= ACPI_FADT_REV_WITH_BOOT_ARCH && !(f->boot_arch & ACPI_FADT_BOOT_8042);
    if ((f->flags & ACPI_FADT_RESET) && h->length > offsetof(struct acpi_fadt, reset_value) &&
        f->reset_reg.space == ACPI_SPACE_IO && f->reset_reg.addr &&
        f->reset_reg.addr <= UINT16_MAX) {
        acpi.reset_port = (uint16_t)f->reset_reg.addr;
        acpi.reset_value = f->reset_value;
    }
    dsdt = f->dsdt;
    if (h->length >= offsetof(struct acpi_fadt, x_dsdt) + sizeof(f->x_dsdt) && f->x_dsdt)
        dsdt = f->x_dsdt;
    parse_dsdt(dsdt);
}

static void parse_hpet(const struct acpi_header *h)
{
    const struct acpi_hpet *t = (const void *)h;

    if (h->length >= sizeof(*t) && t->base.space == ACPI_SPACE_MEMORY)
        acpi.hpet = t->base.addr;
}

static void parse_mcfg(const struct acpi_header *h)
{
    const struct acpi_mcfg_entry *e =
        (const void *)((const char *)h + sizeof(struct acpi_mcfg_table));
    size_t n;

    if (h->length < sizeof(struct acpi_mcfg_table))
        return;
    n = (h->length - sizeof(struct acpi_mcfg_table)) / sizeof(*e);
    for (; n && acpi.nr_mcfg < ACPI_MAX_MCFG; n--, e++)
        if (e->start_bus <= e->end_bus)
            acpi.mcfg[acpi.nr_mcfg++] =
                (struct acpi_mcfg){ e->base, e->segment, e->start_bus, e->end_bus };
}

/* --- SRAT and SLIT: taken down as they are, judged by hv/mm/numa.c --- */

static void add_cpu_affinity(uint32_t apicid, uint32_t pxm, uint32_t flags)
{
    if (!(flags & ACPI_SRAT_ENABLED))
        return;
    if (acpi.nr_cpu_affinity == ACPI_MAX_CPUS)
        acpi.affinity_left_out = true;
    else
        acpi.cpu_affinity[acpi.nr_cpu_affinity++] = (struct acpi_cpu_affinity){ apicid, pxm };
}

static void add_memory_affinity(const struct acpi_srat_memory *m)
{
    if (!(m->flags & ACPI_SRAT_ENABLED) || !m->bytes || m->base + m->bytes < m->base)
        return;
    if (acpi.nr_mem_affinity == ACPI_MAX_MEM_AFFINITY)
        acpi.affinity_left_out = true;
    else
        acpi.mem_affinity[acpi.nr_mem_affinity++] =
            (struct acpi_memory_affinity){ m->base, m->base + m->bytes, m->pxm };
}

static void srat_entry(const struct acpi_srat_entry *e, bool wide_pxm)
{
    switch (e->type) {
    case ACPI_SRAT_LAPIC: {
        const struct acpi_srat_lapic *l = (const void *)e;
        uint32_t pxm = l->pxm_low;

        if (e->length < sizeof(*l))
            break;
        if (wide_pxm)
            pxm |= (uint32_t)l->pxm_high[0] << 8 | (uint32_t)l->pxm_high[1] << 16 |
                   (uint32_t)l->pxm_high[2] << 24;
        add_cpu_affinity(l->apicid, pxm, l->flags);
        break;
    }
    case ACPI_SRAT_X2APIC: {
        const struct acpi_srat_x2apic *x = (const void *)e;

        if (e->length >= sizeof(*x))
            add_cpu_affinity(x->apicid, x->pxm, x->flags);
        break;
    }
    case ACPI_SRAT_MEMORY:
        if (e->length >= sizeof(struct acpi_srat_memory))
            add_memory_affinity((const void *)e);
        break;
    }
}

static void parse_srat(const struct acpi_header *h)
{
    size_t off = sizeof(struct acpi_srat);

    while (off + sizeof(struct acpi_srat_entry) <= h->length) {
        const struct acpi_srat_entry *e = (const void *)((const char *)h + off);

        if (e->length < sizeof(*e) || off + e->length > h->length) {
            printk(XENLOG_WARNING "ACPI: SRAT is damaged at offset %zu; no NUMA\n", off);
            acpi.nr_mem_affinity = 0;
            return;
        }
        srat_entry(e, h->revision >= ACPI_SRAT_REV_WITH_WIDE_PXM);
        off += e->length;
    }
}

static void parse_slit(const struct acpi_header *h)
{
    const struct acpi_slit *s = (const void *)h;
    uint64_t n;

    if (h->length < sizeof(*s))
        return;
    n = s->localities;
    if (!n || n > ACPI_MAX_PXM || h->length - sizeof(*s) < n * n) {
        printk(XENLOG_WARNING "ACPI: SLIT of %lu localities is ignored\n", n);
        return;
    }
    acpi.nr_localities = (unsigned int)n;
    for (unsigned int i = 0; i < n; i++)
        memcpy(acpi.distance[i], s->distance + i * n, n);
}

static const struct {
    char signature[5];
    bool many;               /* else the first one counts */
    void (*parse)(const struct acpi_header *h);
} tables[] = {
    { "APIC", false, parse_madt },
    { "FACP", false, parse_fadt },
    { "HPET", false, parse_hpet },
    { "MCFG", false, parse_mcfg },
    { "SSDT", true, find_soft_off },
    { "SRAT", false, parse_srat },
    { "SLIT", false, parse_slit },
};

static void parse_table(paddr_t pa, unsigned int *seen)
{
    const struct acpi_header *h = table_map(pa, NULL);

    if (!h)
        return;
    for (unsigned int i = 0; i < ARRAY_SIZE(tables); i++)
        if ((tables[i].many || !(*seen & (1u << i))) &&
            !memcmp(h->signature, tables[i].signature, sizeof(h->signature))) {
            *seen |= 1u << i;
            tables[i].parse(h);
        }
    table_unmap(h);
}

/* --- Root pointer --- */

static bool rsdp_valid(const struct acpi_rsdp *r, size_t room)
{
    if (room < ACPI_RSDP_V1_SIZE || memcmp(r->signature, "RSD PTR ", sizeof(r->signature)))
        return false;
    return !checksum(r, ACPI_RSDP_V1_SIZE);
}

static paddr_t search_rsdp(paddr_t start, size_t len)
{
    char *area = ioremap(start, len);
    paddr_t found = 0;

    if (!area)
        return 0;
    for (size_t off = 0; off < len && !found; off += ACPI_RSDP_ALIGN)
        if (rsdp_valid((const void *)(area + off), len - off))
            found = start + off;
    iounmap(area, len);
    return found;
}

static paddr_t find_rsdp(void)
{
    uint8_t *bda = ioremap(BDA_START, BDA_SIZE);
    paddr_t ebda = 0, found = 0;

    if (bda) {
        ebda = (paddr_t)(bda[BDA_EBDA_SEGMENT] | bda[BDA_EBDA_SEGMENT + 1] << 8) << 4;
        iounmap(bda, BDA_SIZE);
    }
    if (ebda >= BDA_START + BDA_SIZE && ebda < BIOS_AREA_START)
        found = search_rsdp(ebda, EBDA_SEARCH_SIZE);
    return found ? found : search_rsdp(BIOS_AREA_START, BIOS_AREA_SIZE);
}

/* Table list: entries of 8 bytes in an XSDT, 4 in an RSDT. */
static bool parse_root(paddr_t pa, const char *signature, size_t entry)
{
    const struct acpi_header *h = table_map(pa, signature);
    unsigned int seen = 0;

    if (!h)
        return false;
    for (size_t off = sizeof(*h); off + entry <= h->length; off += entry) {
        uint64_t table = 0;

        memcpy(&table, (const char *)h + off, entry);
        parse_table(table, &seen);
    }
    table_unmap(h);
    return true;
}

static bool parse_rsdp(paddr_t pa)
{
    struct acpi_rsdp r = { };
    void *p = pa ? ioremap(pa, sizeof(r)) : NULL;

    if (!p)
        return false;
    memcpy(&r, p, sizeof(r));
    iounmap(p, sizeof(r));
    if (!rsdp_valid(&r, sizeof(r)))
        return false;
    if (r.revision >= 2 && !checksum(&r, sizeof(r)) && r.xsdt &&
        parse_root(r.xsdt, "XSDT", sizeof(uint64_t)))
        return true;
    return parse_root(r.rsdt, "RSDT", sizeof(uint32_t));
}

/* UEFI has no BIOS data area. */
static void read_bios_data(void)
{
    uint8_t *bda = boot_info.efi_system_table ? NULL : ioremap(BDA_START, BDA_SIZE);

    if (bda) {
        acpi.bios_kbd_flags = bda[BDA_KBD_FLAGS];
        iounmap(bda, BDA_SIZE);
    }
}

void __init acpi_init(paddr_t rsdp)
{
    read_bios_data();
    acpi.lapic_addr = APIC_DEFAULT_BASE;
    if (!rsdp && !boot_info.efi_system_table)
        rsdp = find_rsdp();
    acpi.rsdp = rsdp;
    if (!parse_rsdp(rsdp)) {
        acpi.rsdp = 0;
        printk(XENLOG_WARNING
               "ACPI: no tables found: one CPU, no I/O APIC, interval timer as platform timer, "
               "no power-off. Switch ACPI on in the firmware\n");
        return;
    }
    printk(XENLOG_INFO "ACPI: %u CPUs, %u I/O APICs, SCI %u, PM timer port %#x, HPET %#lx\n",
           acpi.nr_cpus, acpi.nr_ioapics, acpi.sci, acpi.pm_timer_port, acpi.hpet);
    if (!acpi.nr_cpus)
        printk(XENLOG_WARNING "ACPI: no CPU in the MADT; only the boot CPU is used\n");
}
