/* SPDX-License-Identifier: BSD-2-Clause */
/* What a Multiboot2 loader passes on UEFI and BIOS: memory maps of both kinds merged, the
   firmware's map as domain 0 asks for it and as it is mapped, framebuffer, damaged tags. */
/* cflags: -DHV_UNIT_TEST */
/* sources: hv/boot/multiboot.c hv/boot/e820.c hv/efi/memory.c hv/lib/sort.c hv/lib/string.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>
#include <hv/boot.h>
#include <hv/efi.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/multiboot.h>
#include <hv/printk.h>
#include "../../hv/efi/efi_priv.h"

#define MBI_SIZE 4096
#define MIB(n) ((uint64_t)(n) << 20)
#define WB_RUNTIME (EFI_MEMORY_WB | EFI_MEMORY_RUNTIME)

static uint8_t mbi[MBI_SIZE] __aligned(8);
static uint32_t used;
char *unit_directmap;
extern char hv_image[0x1000] __asm__("hv_start");
char hv_image[0x1000] __attribute__((aligned(4096)));
__asm__(".globl hv_end\n .set hv_end, hv_start + 0x1000\n");
pte_t idle_root[PT_ENTRIES];

struct mapping { unsigned long va; mfn_t mfn; unsigned long nr; uint64_t flags; };
static struct mapping mapped[8];
static unsigned int nr_mapped;

int map_hv_pages(unsigned long va, mfn_t mfn, unsigned long nr, uint64_t flags)
{
    assert_true(nr_mapped < ARRAY_SIZE(mapped));
    mapped[nr_mapped++] = (struct mapping){ va, mfn, nr, flags };
    idle_root[l4_index(va)] = 1;
    return 0;
}

void printk(const char *fmt, ...) { }

static void *put_tag(uint32_t type, const void *data, size_t len)
{
    struct mb2_tag tag = { type, (uint32_t)(sizeof(tag) + len) };
    uint8_t *at = mbi + used;

    assert_true(used + sizeof(tag) + len + 16 <= MBI_SIZE);
    memcpy(at, &tag, sizeof(tag));
    memcpy(at + sizeof(tag), data, len);
    used += ROUND_UP(tag.size, 8u);
    return at;
}

static void begin(void)
{
    memset(mbi, 0, sizeof(mbi));
    memset(&boot_info, 0, sizeof(boot_info));
    used = sizeof(struct mb2_info);
    unit_directmap = (char *)mbi;
    put_tag(MB2_TAG_LOADER, "GRUB 2.06", 10);
}

static int parse(void)
{
    int rc;

    put_tag(MB2_TAG_END, "", 0);
    ((struct mb2_info *)mbi)->total_size = used;
    rc = multiboot2_parse(0);
    e820_sanitize(&boot_info.e820);
    return rc;
}

static void put_mmap(unsigned int nr, const struct mb2_mmap *e)
{
    uint32_t data[2 + 6 * 8] = { sizeof(*e), 0 };

    memcpy(data + 2, e, nr * sizeof(*e));
    put_tag(MB2_TAG_MMAP, data, 8 + nr * sizeof(*e));
}

/* Descriptors are longer than the structure, as real firmware's are. */
#define DESCRIPTOR_SIZE 48
static void put_efi_map(unsigned int nr, const struct efi_memory_descriptor *d)
{
    uint8_t data[8 + DESCRIPTOR_SIZE * 10] = { DESCRIPTOR_SIZE, 0, 0, 0, 1 };

    for (unsigned int i = 0; i < nr; i++)
        memcpy(data + 8 + i * DESCRIPTOR_SIZE, &d[i], sizeof(d[i]));
    put_tag(MB2_TAG_EFI_MMAP, data, 8 + nr * DESCRIPTOR_SIZE);
}

static void expect_map(unsigned int nr, const struct e820_entry *e)
{
    assert_int_equal(boot_info.e820.nr, nr);
    for (unsigned int i = 0; i < nr; i++) {
        assert_int_equal(boot_info.e820.e[i].addr, e[i].addr);
        assert_int_equal(boot_info.e820.e[i].size, e[i].size);
        assert_int_equal(boot_info.e820.e[i].type, e[i].type);
    }
}

/* The first test to run: the firmware's map is kept for good. */
static void uefi_maps_merge(void **state)
{
    static const struct efi_memory_descriptor efi[] = {
        { EFI_BOOT_CODE, 0, 0, 0, 16, EFI_MEMORY_WB },
        { EFI_CONVENTIONAL, 0, 0x10000, 0, 16, EFI_MEMORY_WB },
        { EFI_RUNTIME_CODE, 0, MIB(1), 0, 128, WB_RUNTIME | EFI_MEMORY_RO },
        { EFI_RUNTIME_CODE, 0, MIB(1) + 0x80000, 0, 128, WB_RUNTIME | EFI_MEMORY_RO },
        { EFI_ACPI_NVS, 0, MIB(2), 0, 1, EFI_MEMORY_WB },
        { EFI_CONVENTIONAL, 0, MIB(3), 0, 256, EFI_MEMORY_UC },
        { EFI_RUNTIME_DATA, 0, MIB(4), 0, 1, EFI_MEMORY_UC | EFI_MEMORY_RUNTIME | EFI_MEMORY_XP },
        { EFI_MMIO, 0, MIB(5), 0, 1, EFI_MEMORY_RUNTIME },
        { EFI_PERSISTENT, 0, MIB(6), 0, 1, EFI_MEMORY_WB },
        { EFI_CONVENTIONAL, 0, ~0xfffULL, 0, 2, EFI_MEMORY_WB }, /* wraps: ignored */
    };
    /* GRUB has types of its own for firmware's code. */
    static const struct mb2_mmap grub[] = {
        { 0, 0x20000, E820_RAM, 0 }, { MIB(1), MIB(1), 20, 0 }, { MIB(7), MIB(1), E820_RAM, 0 },
    };
    static const struct e820_entry merged[] = {
        { 0, 0x20000, E820_RAM }, { MIB(1), MIB(1), E820_RESERVED }, { MIB(2), 0x1000, E820_NVS },
        { MIB(3), MIB(1), E820_UNUSABLE }, { MIB(4), 0x1000, E820_RESERVED },
        { MIB(5), 0x1000, E820_RESERVED }, { MIB(6), 0x1000, E820_RESERVED },
        { MIB(7), MIB(1), E820_RAM },
    };
    uint64_t table = 0x1234;

    begin();
    put_tag(MB2_TAG_EFI64, &table, sizeof(table));
    put_mmap(ARRAY_SIZE(grub), grub);
    put_efi_map(ARRAY_SIZE(efi), efi);
    assert_int_equal(parse(), 0);
    assert_int_equal(boot_info.efi_system_table, 0x1234);
    assert_int_equal(e820_left_out(), 0);
    expect_map(ARRAY_SIZE(merged), merged);
}

static void memory_info(void **state)
{
    union xenpf_efi_info info = { .mem = { .addr = MIB(1) + 0x1000, .size = MIB(64) } };

    assert_int_equal(efi_memory_info(&info), 0);
    assert_int_equal(info.mem.type, EFI_RUNTIME_CODE);
    assert_int_equal(info.mem.attr, WB_RUNTIME | EFI_MEMORY_RO);
    assert_int_equal(info.mem.size, MIB(1) - 0x1000); /* two neighbours as one, to its end */
    info.mem.size = 0x10;
    assert_int_equal(efi_memory_info(&info), 0);
    assert_int_equal(info.mem.size, 0x10);
    info.mem.addr = MIB(2) - 1;
    assert_int_equal(efi_memory_info(&info), 0);
    info.mem.addr = MIB(2) + 0x1000;
    assert_int_equal(efi_memory_info(&info), -ESRCH);
    info.mem.addr = MIB(2);
    assert_int_equal(efi_memory_info(&info), 0);
    assert_int_equal(info.mem.type, EFI_ACPI_NVS);
}

static void runtime_mapping(void **state)
{
    pte_t root[PT_ENTRIES] = { };

    nr_mapped = 0;
    assert_int_equal(efi_map_runtime(root, false), 0);
    assert_int_equal(nr_mapped, 2);
    assert_int_equal(mapped[0].va, MIB(1));
    assert_int_equal(mapped[0].mfn, 0x100);
    assert_int_equal(mapped[0].nr, 256);
    assert_int_equal(mapped[0].flags, PTE_P | PTE_A | PTE_D);
    assert_int_equal(mapped[1].va, MIB(4));
    assert_int_equal(mapped[1].flags,
                     PTE_P | PTE_A | PTE_D | PTE_RW | PTE_NX | PTE_PCD | PTE_PWT);
    /* It moved to the root asked for. */
    assert_int_equal(root[0], 1);
    assert_int_equal(idle_root[0], 0);
    nr_mapped = 0;
    assert_int_equal(efi_map_runtime(root, true), 0);
    assert_int_equal(nr_mapped, 3);
    assert_int_equal(mapped[2].va, MIB(5));
}

static void framebuffer(void **state)
{
    struct mb2_tag_framebuffer f = {
        .addr = 0x80000000, .pitch = 4096, .width = 1024, .height = 768, .bpp = 32,
        .type = MB2_FRAMEBUFFER_RGB, .red = { 16, 8 }, .green = { 8, 8 }, .blue = { 0, 8 },
    };
    struct mb2_mmap ram = { 0, MIB(1), E820_RAM, 0 };

    begin();
    put_mmap(1, &ram);
    put_tag(MB2_TAG_FRAMEBUFFER, (uint8_t *)&f + sizeof(f.tag), sizeof(f) - sizeof(f.tag));
    assert_int_equal(parse(), 0);
    assert_int_equal(boot_info.fb.base, 0x80000000);
    assert_int_equal(boot_info.fb.pitch, 4096);
    assert_int_equal(boot_info.fb.red.pos, 16);
    assert_int_equal(boot_info.efi_system_table, 0);

    f.type = 2; /* text mode of the loader */
    begin();
    put_mmap(1, &ram);
    put_tag(MB2_TAG_FRAMEBUFFER, (uint8_t *)&f + sizeof(f.tag), sizeof(f) - sizeof(f.tag));
    assert_int_equal(parse(), 0);
    assert_int_equal(boot_info.fb.base, 0);
}

static void damaged(void **state)
{
    struct mb2_mmap ram = { 0, MIB(1), E820_RAM, 0 };
    struct mb2_tag *tag;

    begin();
    assert_int_equal(parse(), -EINVAL); /* no memory map */

    begin();
    put_mmap(1, &ram);
    tag = put_tag(MB2_TAG_CMDLINE, "word", 5);
    tag->size = MBI_SIZE;
    assert_int_equal(parse(), -EINVAL);

    begin();
    put_mmap(1, &ram);
    tag = put_tag(MB2_TAG_EFI_MMAP, "\1\0\0\0\1\0\0\0", 8); /* descriptors of one byte */
    assert_int_equal(parse(), 0);
    assert_int_equal(boot_info.e820.nr, 1);
}

static void too_many_entries(void **state)
{
    struct e820_map m = { };

    for (uint64_t i = 0; i < E820_MAX; i++)
        e820_add(&m, MIB(2 * i), MIB(1), E820_RAM);
    e820_add(&m, MIB(2 * E820_MAX - 1), MIB(1), E820_RAM); /* joins the last one */
    assert_int_equal(e820_left_out(), 0);
    e820_add(&m, MIB(2 * E820_MAX + 2), MIB(1), E820_RAM);
    assert_int_equal(e820_left_out(), 1);
    assert_int_equal(m.nr, E820_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uefi_maps_merge),
        cmocka_unit_test(memory_info),
        cmocka_unit_test(runtime_mapping),
        cmocka_unit_test(framebuffer),
        cmocka_unit_test(damaged),
        cmocka_unit_test(too_many_entries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
