/* SPDX-License-Identifier: BSD-2-Clause */
/* ACPI tables: good ones, and every kind of damage; each mapping is a copy of its exact size, so
   that ASan sees reads past it. */
/* sources: hv/drivers/acpi.c */
/* cflags: -DHV_UNIT_TEST */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <hv/acpi.h>
#include <hv/acpi_tables.h>
#include <hv/boot.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/printk.h>

#define MEM_SIZE 0x110000
#define RSDP_AT 0xf5ad0
#define RSDT_AT 0x100000
#define XSDT_AT 0x100100
#define MADT_AT 0x101000
#define FADT_AT 0x102000
#define HPET_AT 0x103000
#define MCFG_AT 0x104000
#define DSDT_AT 0x105000

struct boot_info boot_info;
static uint8_t mem[MEM_SIZE];
static unsigned int mapped;

void *ioremap(paddr_t pa, size_t len)
{
    void *p;

    if (pa >= MEM_SIZE || len > MEM_SIZE - pa)
        return NULL;
    p = malloc(len);
    memcpy(p, mem + pa, len);
    mapped++;
    return p;
}
void iounmap(void *va, size_t len)
{
    free(va);
    mapped--;
}
void printk(const char *fmt, ...) { }

static void fix_checksum(uint8_t *p, size_t len, size_t at)
{
    uint8_t sum = 0;

    p[at] = 0;
    for (size_t i = 0; i < len; i++)
        sum = (uint8_t)(sum + p[i]);
    p[at] = (uint8_t)-sum;
}

static void put_table(paddr_t at, const char *sig, void *body, uint32_t len)
{
    struct acpi_header *h = body;

    memcpy(h->signature, sig, 4);
    h->length = len;
    memcpy(mem + at, body, len);
    fix_checksum(mem + at, len, 9);
}

static void put_root(paddr_t at, const char *sig, size_t entry)
{
    static const uint64_t tables[] = { MADT_AT, FADT_AT, HPET_AT, MCFG_AT };
    uint8_t buf[36 + 8 * 4] = { };

    for (unsigned int i = 0; i < 4; i++)
        memcpy(buf + 36 + i * entry, &tables[i], entry);
    put_table(at, sig, buf, (uint32_t)(36 + 4 * entry));
}

static void put_madt(void)
{
    struct __attribute__((packed)) {
        struct acpi_madt m;
        struct acpi_madt_lapic c0, c1, off;
        struct acpi_madt_ioapic io;
        struct acpi_madt_override timer, sci;
        struct acpi_madt_x2apic x, again;
    } t = {
        .m.lapic_addr = 0xfee00000,
        .c0 = { { 0, 8 }, 1, 0, 1 }, .c1 = { { 0, 8 }, 2, 1, 1 }, .off = { { 0, 8 }, 3, 2, 0 },
        .io = { { 1, 12 }, 0, 0, 0xfec00000, 0 },
        .timer = { { 2, 10 }, 0, 0, 2, 0 }, .sci = { { 2, 10 }, 0, 9, 9, 0xd },
        .x = { { 9, 16 }, 0, 300, 1, 7 }, .again = { { 9, 16 }, 0, 1, 1, 2 },
    };

    put_table(MADT_AT, "APIC", &t, sizeof(t));
}

static void put_fadt(void)
{
    struct acpi_fadt f = {
        .dsdt = DSDT_AT,
        .sci_int = 9,
        .pm1a_cnt = 0x604,
        .pm_tmr = 0x608,
        .pm_tmr_len = 4,
        .century = 0x32,
        .flags = ACPI_FADT_RESET | ACPI_FADT_TMR_32BIT,
        .reset_reg = { ACPI_SPACE_IO, 8, 0, 1, 0xcf9 },
        .reset_value = 0xf,
        .x_pm1a_cnt = { ACPI_SPACE_IO, 16, 0, 2, 0x704 },
    };

    f.h.revision = 3;
    f.boot_arch = ACPI_FADT_BOOT_8042;
    put_table(FADT_AT, "FACP", &f, sizeof(f));
}

static void put_aml(paddr_t at, const char *signature, const uint8_t *aml, size_t len)
{
    uint8_t buf[36 + 64] = { };

    memcpy(buf + 36, aml, len);
    put_table(at, signature, buf, (uint32_t)(36 + len));
}

static void put_dsdt(const uint8_t *aml, size_t len) { put_aml(DSDT_AT, "DSDT", aml, len); }

static const uint8_t s5[] = { 0x10, 0x08, '_',  'S',  '5',  '_',  0x12,
                              0x06, 0x04, 0x0a, 0x05, 0x01, 0x00, 0x00 };

static int setup(void **state)
{
    struct acpi_rsdp r = {
        .signature = "RSD PTR ", .revision = 2, .rsdt = RSDT_AT, .length = 36, .xsdt = XSDT_AT
    };
    struct acpi_hpet hpet = { .base = { ACPI_SPACE_MEMORY, 64, 0, 0, 0xfed00000 } };
    struct { struct acpi_mcfg_table t; struct acpi_mcfg_entry e[2]; } mcfg = {
        .e = { { 0xb0000000, 0, 0, 255, 0 }, { 0xa0000000, 1, 5, 4, 0 } },
    };

    memset(mem, 0, sizeof(mem));
    memset(&acpi, 0, sizeof(acpi));
    put_root(RSDT_AT, "RSDT", 4);
    put_root(XSDT_AT, "XSDT", 8);
    put_madt();
    put_fadt();
    put_dsdt(s5, sizeof(s5));
    put_table(HPET_AT, "HPET", &hpet, sizeof(hpet));
    put_table(MCFG_AT, "MCFG", &mcfg, sizeof(mcfg));
    memcpy(mem + RSDP_AT, &r, sizeof(r));
    fix_checksum(mem + RSDP_AT, ACPI_RSDP_V1_SIZE, 8);
    fix_checksum(mem + RSDP_AT, sizeof(r), 32);
    mem[BDA_START + BDA_KBD_FLAGS] = 0x20;
    mapped = 0;
    return 0;
}

static void expect_all(void)
{
    assert_int_equal(acpi.nr_cpus, 3);
    assert_int_equal(acpi.cpus[2].apicid, 300);
    assert_int_equal(acpi.nr_ioapics, 1);
    assert_int_equal(acpi.nr_overrides, 2);
    assert_int_equal(acpi.overrides[0].gsi, 2);
    assert_false(acpi.overrides[0].level);
    assert_true(acpi.overrides[1].level);
    assert_false(acpi.overrides[1].active_low);
    assert_int_equal(acpi.sci, 9);
    assert_int_equal(acpi.pm_timer_port, 0x608);
    assert_true(acpi.pm_timer_32bit);
    assert_int_equal(acpi.pm1a_cnt, 0x704);
    assert_int_equal(acpi.reset_port, 0xcf9);
    assert_int_equal(acpi.hpet, 0xfed00000);
    assert_int_equal(acpi.nr_mcfg, 1);
    assert_true(acpi.s5_known);
    assert_int_equal(acpi.s5_typ_a, 5);
    assert_int_equal(acpi.s5_typ_b, 1);
    assert_int_equal(mapped, 0);
}

static void reads_all_by_given_pointer(void **state)
{
    acpi_init(RSDP_AT);
    expect_all();
    assert_int_equal(acpi.bios_kbd_flags, 0x20);
}

static void finds_the_pointer_in_the_bios_area(void **state)
{
    acpi_init(0);
    expect_all();
    assert_int_equal(acpi.rsdp, RSDP_AT);
}

static void damaged_xsdt_falls_back_to_rsdt(void **state)
{
    mem[XSDT_AT + 20] ^= 1;
    acpi_init(RSDP_AT);
    expect_all();
}

static void bad_pointer_means_no_acpi(void **state)
{
    mem[RSDP_AT + 9] ^= 1;
    acpi_init(RSDP_AT);
    assert_int_equal(acpi.rsdp, 0);
    assert_int_equal(acpi.nr_cpus, 0);
    assert_int_equal(mapped, 0);
}

static void damaged_table_is_left_out_alone(void **state)
{
    mem[MADT_AT + 40] ^= 1;
    acpi_init(RSDP_AT);
    assert_int_equal(acpi.nr_cpus, 0);
    assert_int_equal(acpi.sci, 9);
    assert_int_equal(acpi.hpet, 0xfed00000);
}

static void madt_entry_of_length_zero_ends_it(void **state)
{
    mem[MADT_AT + 44 + 8 + 1] = 0;
    fix_checksum(mem + MADT_AT, ((struct acpi_header *)(mem + MADT_AT))->length, 9);
    acpi_init(RSDP_AT);
    assert_int_equal(acpi.nr_cpus, 1);
    assert_int_equal(acpi.nr_ioapics, 0);
}

/* Truncated at every length, with a checksum that fits: no read past the end, no mapping left. */
static void truncated_tables_are_survived(void **state)
{
    static const paddr_t at[] = { MADT_AT, FADT_AT, HPET_AT, MCFG_AT, DSDT_AT, XSDT_AT };

    for (unsigned int i = 0; i < ARRAY_SIZE(at); i++) {
        setup(NULL);
        uint32_t full = ((struct acpi_header *)(mem + at[i]))->length;

        for (uint32_t len = 0; len <= full; len++) {
            setup(NULL);
            ((struct acpi_header *)(mem + at[i]))->length = len;
            fix_checksum(mem + at[i], len > 10 ? len : 10, 9);
            acpi_init(RSDP_AT);
            assert_int_equal(mapped, 0);
            if (at[i] == MADT_AT && len < full)
                assert_true(acpi.nr_cpus <= 3 && acpi.nr_ioapics <= 1);
            if (at[i] == FADT_AT && len < ACPI_FADT_V1_SIZE)
                assert_int_equal(acpi.pm1a_cnt, 0);
        }
    }
}

static void random_damage_is_survived(void **state)
{
    srand(2);
    for (unsigned int i = 0; i < 3000; i++) {
        static const paddr_t at[] = { MADT_AT, FADT_AT, DSDT_AT, MCFG_AT, XSDT_AT };
        paddr_t t = at[rand() % ARRAY_SIZE(at)];
        uint32_t len;

        setup(NULL);
        len = ((struct acpi_header *)(mem + t))->length;
        for (unsigned int n = 0; n < 4; n++)
            mem[t + 36 + (unsigned int)rand() % (len - 36)] = (uint8_t)rand();
        fix_checksum(mem + t, len, 9);
        acpi_init(RSDP_AT);
        assert_int_equal(mapped, 0);
        assert_true(acpi.nr_cpus <= ACPI_MAX_CPUS && acpi.s5_typ_a < 8 && acpi.s5_typ_b < 8);
        for (unsigned int k = 0; k < acpi.nr_overrides; k++)
            assert_true(acpi.overrides[k].isa < 16);
    }
}

static void soft_off_encodings(void **state)
{
    static const uint8_t root_name[] = { 0x08, '\\', '_',  'S',  '5',  '_',  0x12,
                                         0x06, 0x04, 0x00, 0x0a, 0x07, 0x00, 0x00 };
    static const uint8_t wide[] = { 0x08, '_',  'S',  '5',  '_',  0x12, 0x48, 0x00,
                                    0x04, 0x0a, 0x03, 0x0a, 0x02, 0,    0 };
    static const uint8_t no_name[] = { 0x00, '_',  'S',  '5',  '_',  0x12, 0x06,
                                       0x04, 0x0a, 0x05, 0x0a, 0x05, 0,    0 };
    static const uint8_t method[] = { 0x08, '_', 'S', '5', '_', 0x14, 0x06, 0x04, 0x0a, 0x05 };

    put_dsdt(root_name, sizeof(root_name));
    acpi_init(RSDP_AT);
    assert_true(acpi.s5_known);
    assert_int_equal(acpi.s5_typ_a, 0);
    assert_int_equal(acpi.s5_typ_b, 7);
    setup(NULL);
    put_dsdt(wide, sizeof(wide));
    acpi_init(RSDP_AT);
    assert_int_equal(acpi.s5_typ_a, 3);
    assert_int_equal(acpi.s5_typ_b, 2);
    setup(NULL);
    put_dsdt(no_name, sizeof(no_name));
    acpi_init(RSDP_AT);
    assert_false(acpi.s5_known);
    setup(NULL);
    put_dsdt(method, sizeof(method));
    acpi_init(RSDP_AT);
    assert_false(acpi.s5_known);
}

/* Bochs's firmware has it in an SSDT; there may be several of these. */
static void soft_off_in_an_ssdt(void **state)
{
    static const uint8_t other[] = { 0x08, '_', 'S', '3', '_', 0x00 };

    put_dsdt(other, sizeof(other));
    put_aml(HPET_AT, "SSDT", other, sizeof(other));
    put_aml(MCFG_AT, "SSDT", other, sizeof(other));
    acpi_init(RSDP_AT);
    assert_false(acpi.s5_known);
    setup(NULL);
    put_dsdt(other, sizeof(other));
    put_aml(HPET_AT, "SSDT", other, sizeof(other));
    put_aml(MCFG_AT, "SSDT", s5, sizeof(s5));
    acpi_init(RSDP_AT);
    assert_true(acpi.s5_known);
    assert_int_equal(acpi.s5_typ_a, 5);
    assert_int_equal(acpi.s5_typ_b, 1);
}

static void more_cpus_than_room(void **state)
{
    static struct {
        struct acpi_madt m;
        struct acpi_madt_x2apic c[ACPI_MAX_CPUS + 20];
    } __attribute__((packed)) t;

    for (unsigned int i = 0; i < ARRAY_SIZE(t.c); i++)
        t.c[i] = (struct acpi_madt_x2apic){ { 9, 16 }, 0, i, 1, i };
    put_table(MADT_AT + 0x8000, "APIC", &t, sizeof(t));
    memcpy(mem + XSDT_AT + 36, &(uint64_t){ MADT_AT + 0x8000 }, sizeof(uint64_t));
    fix_checksum(mem + XSDT_AT, 36 + 32, 9);
    acpi_init(RSDP_AT);
    assert_int_equal(acpi.nr_cpus, ACPI_MAX_CPUS);
}

/* What lies in low memory there is anybody's. */
static void no_bios_area_on_uefi(void **state)
{
    boot_info.efi_system_table = 1;
    acpi_init(0);
    boot_info.efi_system_table = 0;
    assert_int_equal(acpi.rsdp, 0);
    assert_int_equal(acpi.nr_cpus, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(reads_all_by_given_pointer, setup),
        cmocka_unit_test_setup(finds_the_pointer_in_the_bios_area, setup),
        cmocka_unit_test_setup(damaged_xsdt_falls_back_to_rsdt, setup),
        cmocka_unit_test_setup(no_bios_area_on_uefi, setup),
        cmocka_unit_test_setup(bad_pointer_means_no_acpi, setup),
        cmocka_unit_test_setup(damaged_table_is_left_out_alone, setup),
        cmocka_unit_test_setup(madt_entry_of_length_zero_ends_it, setup),
        cmocka_unit_test_setup(truncated_tables_are_survived, setup),
        cmocka_unit_test_setup(random_damage_is_survived, setup),
        cmocka_unit_test_setup(soft_off_encodings, setup),
        cmocka_unit_test_setup(soft_off_in_an_ssdt, setup),
        cmocka_unit_test_setup(more_cpus_than_room, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
