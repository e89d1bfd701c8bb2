/* SPDX-License-Identifier: BSD-2-Clause */
/* ELF kernels and bzImages: a good one is read right; no damaged one is read outside of its bytes
 * or placed out of bounds. */
/* sources: hv/boot/elf.c hv/boot/bzimage.c */
/* cflags: -DHV_UNIT_TEST */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/loader.h>
#include <xen/elfnote.h>
#include <xen/features.h>

#define TEXT_AT 0x400
#define TEXT_LEN 0x100
#define TEXT_MEM 0x180
#define NOTES_AT 0x200
#define FILE_LEN (TEXT_AT + TEXT_LEN)
#define PADDR 0x1000000UL
#define VBASE 0xffffffff80000000UL

enum unpack_format unpack_detect(const void *data, size_t size)
{
    return size > 2 && !memcmp(data, "\037\213", 2) ? UNPACK_gzip : UNPACK_none;
}

static uint8_t *put(uint8_t *p, uint64_t v, unsigned int bytes)
{
    memcpy(p, &v, bytes);
    return p + bytes;
}

static uint8_t *note(uint8_t *p, uint32_t type, const void *desc, uint32_t len)
{
    p = put(put(put(p, 4, 4), len, 4), type, 4);
    memcpy(p, "Xen", 4);
    memcpy(p + 4, desc, len);
    return p + 4 + ROUND_UP(len, 4);
}

static uint8_t *number_note(uint8_t *p, uint32_t type, uint64_t v) { return note(p, type, &v, 8); }

/* A kernel of one segment with Linux's notes. */
static void make_elf(uint8_t *f)
{
    uint8_t *p = f, *end;

    memset(f, 0, FILE_LEN);
    memcpy(p, "\177ELF\2\1\1", 7);
    p = put(put(put(f + 16, 2, 2), 62, 2), 1, 4);
    p = put(put(put(p, PADDR + 0x10, 8), 64, 8), 0, 8);
    put(put(put(put(put(p, 0, 4), 64, 2), 56, 2), 2, 2), 64, 2);
    p = put(put(f + 64, 1, 4), 5, 4);
    put(put(put(put(put(put(p, TEXT_AT, 8), VBASE + PADDR, 8), PADDR, 8), TEXT_LEN, 8), TEXT_MEM,
            8),
        4096, 8);
    end = number_note(f + NOTES_AT, XEN_ELFNOTE_VIRT_BASE, VBASE);
    end = number_note(end, XEN_ELFNOTE_PADDR_OFFSET, 0);
    end = number_note(end, XEN_ELFNOTE_ENTRY, VBASE + PADDR + 0x20);
    end = number_note(end, XEN_ELFNOTE_HYPERCALL_PAGE, VBASE + PADDR);
    end = number_note(end, XEN_ELFNOTE_INIT_P2M, 0x8000000000);
    end = note(end, XEN_ELFNOTE_GUEST_OS, "linux", 6);
    end = note(end, XEN_ELFNOTE_FEATURES, "!writable_page_tables|pae_pgdir_above_4gb|odd", 46);
    p = put(put(f + 64 + 56, 4, 4), 4, 4);
    put(put(put(put(put(p, NOTES_AT, 8), 0, 8), 0, 8), end - (f + NOTES_AT), 8),
        end - (f + NOTES_AT), 8);
    for (unsigned int i = 0; i < TEXT_LEN; i++)
        f[TEXT_AT + i] = (uint8_t)(i + 1);
    assert_true(end <= f + TEXT_AT);
}

static void good_elf(void **state)
{
    uint8_t f[FILE_LEN], mem[TEXT_MEM];
    struct elf_image e;
    const char *why = NULL;

    make_elf(f);
    assert_int_equal(elf_parse(&e, f, sizeof(f), &why), 0);
    assert_true(e.is_xen && e.have_virt_entry && e.have_hypercall && e.have_init_p2m &&
                !e.have_phys32_entry);
    assert_int_equal(e.vstart, VBASE + PADDR);
    assert_int_equal(e.vend, VBASE + PADDR + TEXT_MEM);
    assert_int_equal(e.virt_entry, VBASE + PADDR + 0x20);
    assert_int_equal(e.init_p2m, 0x8000000000);
    assert_string_equal(e.guest_os, "linux");
    assert_int_equal(e.required_features, 1u << XENFEAT_writable_page_tables);
    assert_int_equal(e.supported_features,
                     1u << XENFEAT_writable_page_tables | 1u << XENFEAT_pae_pgdir_above_4gb);
    memset(mem, 0xee, sizeof(mem));
    elf_load(&e, mem);
    assert_memory_equal(mem, f + TEXT_AT, TEXT_LEN);
    for (unsigned int i = TEXT_LEN; i < TEXT_MEM; i++)
        assert_int_equal(mem[i], 0);
}

/* Parses a copy of exactly this length and loads it if it is accepted: the sanitizer watches both.
 */
static int try(const uint8_t *f, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1), *mem;
    struct elf_image e;
    const char *why = NULL;
    int rc;

    memcpy(copy, f, len);
    rc = elf_parse(&e, copy, len, &why);
    if (rc) {
        assert_int_equal(rc, -EINVAL);
        assert_non_null(why);
    } else if (e.vend - e.vstart <= 1 << 20) {
        mem = malloc(e.vend - e.vstart);
        elf_load(&e, mem);
        free(mem);
    }
    free(copy);
    return rc;
}

static void truncated_elf(void **state)
{
    uint8_t f[FILE_LEN];

    make_elf(f);
    for (size_t len = 0; len < FILE_LEN; len++)
        assert_int_equal(try(f, len), -EINVAL);
    assert_int_equal(try(f, FILE_LEN), 0);
}

static void damaged_elf(void **state)
{
    static const uint64_t nasty[] = {0,         1,    0x7fffffff, 0xffffffff, INT64_MAX,
                                     1UL << 63, ~0UL, ~0UL - 7,   FILE_LEN};
    uint8_t f[FILE_LEN], g[FILE_LEN];
    unsigned int accepted = 0, refused = 0;

    make_elf(f);
    for (size_t at = 0; at + 8 <= TEXT_AT; at++)
        for (unsigned int i = 0; i < ARRAY_SIZE(nasty); i++)
            for (unsigned int bytes = 1; bytes <= 8; bytes *= 2) {
                memcpy(g, f, sizeof(g));
                memcpy(g + at, &nasty[i], bytes);
                if (try(g, FILE_LEN))
                    refused++;
                else
                    accepted++;
            }
    assert_true(accepted > 1000 && refused > 1000);
    srand(1);
    for (unsigned int n = 0; n < 20000; n++) {
        memcpy(g, f, sizeof(g));
        for (int k = 0; k < 4; k++)
            g[rand() % TEXT_AT] = (uint8_t)rand();
        try(g, FILE_LEN);
    }
}

static void refusals_are_named(void **state)
{
    uint8_t f[FILE_LEN];
    struct elf_image e;
    const char *why;

    make_elf(f);
    f[4] = 1;
    assert_int_equal(elf_parse(&e, f, sizeof(f), &why), -EINVAL);
    assert_string_equal(why, "ELF: not a 64-bit x86 kernel");
    make_elf(f);
    put(f + 64 + 32, TEXT_MEM + 1, 8);
    assert_int_equal(elf_parse(&e, f, sizeof(f), &why), -EINVAL);
    assert_string_equal(why, "ELF: a segment's sizes are inconsistent");
}

/* --- bzImage --- */

#define SETUP 2
#define BZ_LEN ((SETUP + 1) * 512 + 0x80)

static void make_bzimage(uint8_t *f)
{
    memset(f, 0, BZ_LEN);
    f[0x1f1] = SETUP;
    put(f + 0x1fe, 0xaa55, 2);
    memcpy(f + 0x202, "HdrS", 4);
    put(f + 0x206, 0x20f, 2);
    put(f + 0x248, 0x10, 4);
    put(f + 0x24c, 0x70, 4);
    memset(f + (SETUP + 1) * 512 + 0x10, 0x5a, 0x70);
}

static void bzimages(void **state)
{
    uint8_t f[BZ_LEN];
    const void *payload;
    size_t len;
    const char *why;

    make_bzimage(f);
    assert_int_equal(bzimage_payload(f, sizeof(f), &payload, &len, &why), 0);
    assert_ptr_equal(payload, f + (SETUP + 1) * 512 + 0x10);
    assert_int_equal(len, 0x70);
    for (size_t n = 0; n < BZ_LEN; n++)
        assert_int_equal(bzimage_payload(f, n, &payload, &len, &why), -EINVAL);
    put(f + 0x24c, 0x71, 4);
    assert_int_equal(bzimage_payload(f, sizeof(f), &payload, &len, &why), -EINVAL);
    make_bzimage(f);
    put(f + 0x248, 0xfffffff0, 4);
    assert_int_equal(bzimage_payload(f, sizeof(f), &payload, &len, &why), -EINVAL);
    make_bzimage(f);
    put(f + 0x206, 0x207, 2);
    assert_int_equal(bzimage_payload(f, sizeof(f), &payload, &len, &why), -EINVAL);
    make_bzimage(f);
    put(f + 0x24c, 0, 4);
    assert_int_equal(bzimage_payload(f, sizeof(f), &payload, &len, &why), -EINVAL);
    memcpy(f, "\037\213", 2);
    assert_int_equal(bzimage_payload(f, sizeof(f), &payload, &len, &why), 0);
    assert_ptr_equal(payload, f);
    assert_int_equal(len, sizeof(f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_elf), cmocka_unit_test(truncated_elf), cmocka_unit_test(damaged_elf),
        cmocka_unit_test(refusals_are_named), cmocka_unit_test(bzimages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
