/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory map: order, overlaps (the restrictive type wins), and the boot-time allocator on top of
   it. */
/* cflags: -DHV_UNIT_TEST */
/* sources: hv/boot/e820.c hv/mm/bootmem.c hv/lib/sort.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <hv/boot.h>
#include <hv/bootmem.h>
#include <hv/mm.h>
#include <hv/printk.h>

#define MIB(n) ((uint64_t)(n) << 20)

struct boot_info boot_info;
char *unit_directmap;
/* The image by the linker script's names; its machine address is the distance to unit_directmap. */
extern char hv_image[0x3000] __asm__("hv_start");
char hv_image[0x3000] __attribute__((aligned(4096)));
__asm__(".globl hv_end\n .set hv_end, hv_start + 0x3000\n");

void panic(const char *fmt, ...)
{
    abort();
}

void bug_at(const char *file, int line, const char *what)
{
    abort();
}

static void set_map(unsigned int nr, const struct e820_entry *e)
{
    memset(&boot_info, 0, sizeof(boot_info));
    boot_info.e820.nr = nr;
    memcpy(boot_info.e820.e, e, nr * sizeof(*e));
    e820_sanitize(&boot_info.e820);
}

static void assert_map(unsigned int nr, const struct e820_entry *e)
{
    assert_int_equal(boot_info.e820.nr, nr);
    for (unsigned int i = 0; i < nr; i++) {
        assert_int_equal(boot_info.e820.e[i].addr, e[i].addr);
        assert_int_equal(boot_info.e820.e[i].size, e[i].size);
        assert_int_equal(boot_info.e820.e[i].type, e[i].type);
    }
}

static void sorts_and_merges(void **state)
{
    static const struct e820_entry in[] = {
        { 0x2000, 0x1000, E820_RAM }, { 0, 0x1000, E820_RAM }, { 0x1000, 0x1000, E820_RAM },
        { 0x9000, 0, E820_RESERVED }, { 0x4000, 0x1000, E820_ACPI },
    };
    static const struct e820_entry out[] = {{0, 0x3000, E820_RAM}, {0x4000, 0x1000, E820_ACPI}};

    set_map(5, in);
    assert_map(2, out);
}

static void restrictive_type_wins(void **state)
{
    static const struct e820_entry in[] = {
        { 0, 0x10000, E820_RAM }, { 0x4000, 0x4000, E820_RESERVED }, { 0x6000, 0x1000, E820_NVS },
        { 0xf000, 0x2000, E820_RESERVED },
    };
    static const struct e820_entry out[] = {
        {0, 0x4000, E820_RAM},      {0x4000, 0x2000, E820_RESERVED},
        {0x6000, 0x1000, E820_NVS}, {0x7000, 0x1000, E820_RESERVED},
        {0x8000, 0x7000, E820_RAM}, {0xf000, 0x2000, E820_RESERVED},
    };

    set_map(4, in);
    assert_map(6, out);
}

static void wrapping_entry_is_cut(void **state)
{
    static const struct e820_entry in[] = { { 0x1000, ~0ULL, E820_RESERVED } };

    set_map(1, in);
    assert_int_equal(boot_info.e820.nr, 1);
    assert_true(boot_info.e820.e[0].addr + boot_info.e820.e[0].size > 0x1000);
}

static void full_map(void **state)
{
    struct e820_entry in[E820_MAX];

    for (unsigned int i = 0; i < E820_MAX; i++)
        in[i] = (struct e820_entry){ i * 0x2000ULL, 0x3000, 1 + i % 2 };
    set_map(E820_MAX, in);
    assert_true(boot_info.e820.nr <= E820_MAX);
    for (unsigned int i = 1; i < boot_info.e820.nr; i++)
        assert_true(boot_info.e820.e[i - 1].addr + boot_info.e820.e[i - 1].size <=
                    boot_info.e820.e[i].addr);
}

static void type_of_ranges(void **state)
{
    static const struct e820_entry in[] = {{0, 0x4000, E820_RAM}, {0x4000, 0x4000, E820_RESERVED}};

    set_map(2, in);
    assert_int_equal(e820_type_of(0x1000, 0x4000), E820_RAM);
    assert_int_equal(e820_type_of(0x5000, 0x6000), E820_RESERVED);
    assert_int_equal(e820_type_of(0x3000, 0x5000), 0);
    assert_int_equal(e820_type_of(0x9000, 0xa000), 0);
}

/* --- boot-time allocator: RAM 0-640K, 1-64 MiB, 4096-4100 MiB; image at 2 MiB, a module at 32 MiB
   --- */

static const struct e820_entry machine[] = {
    { 0, 0x9f000, E820_RAM }, { 0x100000, MIB(63), E820_RAM }, { MIB(4096), MIB(4), E820_RAM },
};

static void set_machine(void **state)
{
    unit_directmap = hv_image - MIB(2);
    set_map(3, machine);
    boot_info.nr_modules = 1;
    boot_info.modules[0] = (struct boot_module){ MIB(32) + 0x800, 0x10000, "" };
    bootmem_init();
}

static void allocates_from_the_top(void **state)
{
    set_machine(state);
    assert_int_equal(boot_alloc(0x1000, 1), MIB(4100) - 0x1000);
    assert_int_equal(boot_alloc(0x1001, 1), MIB(4100) - 0x3000);
    assert_int_equal(boot_alloc(MIB(2), MIB(2)), MIB(4096));
    assert_int_equal(boot_alloc(MIB(2), MIB(2)), MIB(62));
    assert_int_equal(boot_alloc_below(0x1000, 1, MIB(4096)), MIB(62) - 0x1000);
    assert_int_equal(boot_alloc_below(MIB(29), 1, MIB(4096)), MIB(33) - 0x1000);
    /* The module's frames are in the way. */
    assert_int_equal(boot_alloc_below(MIB(1), 1, MIB(4096)), MIB(31));
    assert_int_equal(boot_alloc_below(0x1000, 1, MIB(32)), MIB(31) - 0x1000);
    assert_int_equal(boot_alloc_below(MIB(64), 1, MIB(4096)), INVALID_PADDR);
    assert_int_equal(boot_alloc_below(0x1000, 1, LOW_MEMORY_END), INVALID_PADDR);
}

static paddr_t last_end;
static uint64_t free_bytes, used_bytes;

static void note(paddr_t start, paddr_t end)
{
    assert_true(start >= last_end && end > start);
    assert_int_equal((start | end) & 0xfff, 0);
    last_end = end;
}

static void note_free(paddr_t start, paddr_t end)
{
    note(start, end);
    free_bytes += end - start;
}

static void note_used(paddr_t start, paddr_t end)
{
    note(start, end);
    used_bytes += end - start;
}

static void finish_gives_the_rest(void **state)
{
    set_machine(state);
    assert_int_not_equal(boot_alloc(0x5000, 1), INVALID_PADDR);
    last_end = free_bytes = used_bytes = 0;
    bootmem_finish(MIB(8192), note_free, note_used);
    /* The image, the module's 17 frames, the allocation. */
    assert_int_equal(used_bytes, 0x3000 + 0x11000 + 0x5000);
    assert_int_equal(free_bytes, MIB(67) - used_bytes);
    last_end = free_bytes = used_bytes = 0;
    bootmem_finish(MIB(16), note_free, note_used);
    assert_int_equal(free_bytes, MIB(15) - 0x3000);
    assert_int_equal(bootmem_total_ram(), MIB(67) + 0x9f000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts_and_merges),      cmocka_unit_test(restrictive_type_wins),
        cmocka_unit_test(wrapping_entry_is_cut), cmocka_unit_test(full_map),
        cmocka_unit_test(type_of_ranges),        cmocka_unit_test(allocates_from_the_top),
        cmocka_unit_test(finish_gives_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
