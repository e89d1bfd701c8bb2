/* SPDX-License-Identifier: BSD-2-Clause */
/* Decompression: what the usual tools packed comes back the same; truncated and damaged data never
 * passes for good. */
/* sources: hv/boot/unpack.c hv/boot/unpack_xz.c hv/boot/unpack_xz_fast.c hv/boot/unpack_lzma2.c */
/* sources: hv/boot/unpack_gzip.c hv/boot/unpack_lz4.c hv/boot/unpack_zstd.c */
/* cflags: -DHV_UNIT_TEST */
/* libs: -llzma -lzstd -llz4 -lz */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <hv/errno.h>
#include <hv/loader.h>
#include "../../hv/boot/unpack.h"

#define PLAIN_LEN 300000u
#define PACKED_MAX 800000u

static int shim_depth;
void libc_shim_enter(void) { assert_int_equal(shim_depth++, 0); }
void libc_shim_leave(void) { assert_int_equal(--shim_depth, 0); }

static const struct packer {
    const char *command;
    enum unpack_format format;
    bool appended;   /* a kernel's payload: the length follows */
    bool checked;    /* the format has a checksum */
} packers[] = {
    { "gzip -9", UNPACK_gzip, false, true },
    { "xz --check=crc32 --x86 --lzma2=dict=1MiB", UNPACK_xz, true, true },
    { "xz --check=crc64 -9", UNPACK_xz, true, true },
    { "xz --check=sha256", UNPACK_xz, true, true },
    { "xz --format=lzma", UNPACK_lzma, true, false },
    { "zstd -19 --check", UNPACK_zstd, true, true },
    { "lz4 -l -9", UNPACK_lz4, true, false },
};

static uint8_t plain[PLAIN_LEN];
static char path[] = "/tmp/hospes-unpack-XXXXXX";

/* Text-like, code-like with E8 branches, zeros and noise, so that every decoder path has work. */
static void make_plain(void)
{
    srand(7);
    for (unsigned int i = 0; i < PLAIN_LEN; i++) {
        unsigned int part = i * 4 / PLAIN_LEN;
        plain[i] = part == 0   ? "the quick brown fox "[i % 20]
                   : part == 1 ? (i % 7 ? (uint8_t)(i / 50) : 0xe8)
                   : part == 2 ? 0
                               : (uint8_t)rand();
    }
}

static size_t pack(const struct packer *p, const uint8_t *data, size_t len, uint8_t *out)
{
    char command[160];
    FILE *f = fopen(path, "wb");
    size_t n;

    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    fclose(f);
    snprintf(command, sizeof(command), "%s -c <%s", p->command, path);
    f = popen(command, "r");
    assert_non_null(f);
    n = fread(out, 1, PACKED_MAX - 4, f);
    if (pclose(f))
        fail_msg("'%s' does not run", p->command);
    if (p->appended) {
        uint32_t size = (uint32_t)len;
        memcpy(out + n, &size, 4);
        n += 4;
    }
    return n;
}

/* Unpacks from and to buffers of exactly these lengths. */
static int run(const uint8_t *in, size_t len, size_t room, uint8_t **out, size_t *got)
{
    uint8_t *copy = malloc(len ? len : 1);
    const char *why = "unset";
    int rc;

    memcpy(copy, in, len);
    *out = malloc(room ? room : 1);
    rc = unpack(copy, len, *out, room, got, &why);
    assert_true(rc ? why != NULL && strcmp(why, "unset") : why == NULL);
    assert_true(*got <= room);
    free(copy);
    return rc;
}

static void round_trip(void **state)
{
    static uint8_t packed[PACKED_MAX];

    for (unsigned int i = 0; i < sizeof(packers) / sizeof(packers[0]); i++) {
        size_t n = pack(&packers[i], plain, PLAIN_LEN, packed), got = 0;
        uint8_t *out;

        assert_int_equal(unpack_detect(packed, n), packers[i].format);
        assert_int_equal(unpack_size(packed, n), PLAIN_LEN);
        assert_int_equal(run(packed, n, PLAIN_LEN, &out, &got), 0);
        assert_int_equal(got, PLAIN_LEN);
        assert_memory_equal(out, plain, PLAIN_LEN);
        free(out);
        /* No room: told, not overrun. */
        assert_int_not_equal(run(packed, n, PLAIN_LEN - 1, &out, &got), 0);
        free(out);
    }
}

static void several_streams(void **state)
{
    static uint8_t packed[PACKED_MAX];
    const struct packer one = { "xz --check=crc32", UNPACK_xz, false, true };
    size_t a = pack(&one, plain, 1000, packed), b, got = 0;
    uint8_t *out;

    memset(packed + a, 0, 8);
    b = pack(&one, plain + 1000, 5000, packed + a + 8);
    assert_int_equal(run(packed, a + 8 + b, 6000, &out, &got), 0);
    assert_int_equal(got, 6000);
    assert_memory_equal(out, plain, 6000);
    free(out);
}

static void truncated(void **state)
{
    static uint8_t packed[PACKED_MAX];

    for (unsigned int i = 0; i < sizeof(packers) / sizeof(packers[0]); i++) {
        size_t n = pack(&packers[i], plain, PLAIN_LEN, packed);

        for (size_t len = 0; len + 5 < n; len += len < 64 || len + 64 > n ? 1 : n / 23) {
            size_t got = 0;
            uint8_t *out;
            int rc = run(packed, len, PLAIN_LEN, &out, &got);

            /* Below the magic number it is plain data; formats without a checksum may end early,
             * but not whole. */
            if (!rc && unpack_detect(packed, len) != UNPACK_none)
                assert_true(!packers[i].checked && got < PLAIN_LEN);
            free(out);
        }
    }
}

static void damaged(void **state)
{
    static uint8_t packed[PACKED_MAX];

    srand(3);
    for (unsigned int i = 0; i < sizeof(packers) / sizeof(packers[0]); i++) {
        size_t n = pack(&packers[i], plain, PLAIN_LEN, packed);

        for (unsigned int k = 0; k < 60; k++) {
            size_t at = 20 + (size_t)rand() % (n - 40), got = 0;
            uint8_t old = packed[at], *out;
            int rc;

            packed[at] ^= (uint8_t)(1 + rand() % 255);
            unpack_size(packed, n);
            rc = run(packed, n, PLAIN_LEN, &out, &got);
            if (!rc && packers[i].checked)
                assert_memory_equal(out, plain, PLAIN_LEN);
            free(out);
            packed[at] = old;
        }
    }
}

/* The quick XZ path by itself: liblzma would hide its mistakes. Data dense in branch opcodes and
   sign bytes tries the x86 filter's odd cases. */
static void quick_xz(void **state)
{
    static const uint8_t odd[8] = { 0xe8, 0xe9, 0, 0xff, 0xe8, 1, 0x0f, 0x80 };
    static const struct packer kinds[] = {
        { "xz --check=crc32 --x86 --lzma2=dict=1MiB", UNPACK_xz, false, true },
        { "xz --check=none --lzma2=preset=0,lc=1,lp=3,pb=4", UNPACK_xz, false, false },
        { "xz --check=crc32 --block-size=20000 -T2", UNPACK_xz, false, true },
        { "xz --check=crc32 --x86 --lzma2=preset=9e,lc=4,lp=0,pb=0", UNPACK_xz, false, true },
    };
    static uint8_t data[60000], packed[PACKED_MAX];

    for (unsigned int i = 0; i < sizeof(data); i++)
        data[i] = i < 30000 ? odd[rand() % 8] : i < 50000 ? plain[i] : (uint8_t)(i / 4096);
    for (unsigned int i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        size_t n = pack(&kinds[i], data, sizeof(data), packed);
        uint8_t *out = malloc(sizeof(data)), *in = malloc(n);
        struct unpack_job j = { .in = in, .in_len = n, .out = out, .out_len = sizeof(data) };

        memcpy(in, packed, n);
        if (!unpack_xz_fast(&j))
            fail_msg("'%s' is not for the quick path", kinds[i].command);
        assert_int_equal(j.out_size, sizeof(data));
        assert_memory_equal(out, data, sizeof(data));
        for (unsigned int k = 0; k < 400; k++) {
            size_t at = (size_t)rand() % n;

            in[at] ^= (uint8_t)(1 + rand() % 255);
            if (unpack_xz_fast(&j) && kinds[i].checked)
                assert_memory_equal(out, data, sizeof(data));
            in[at] = packed[at];
        }
        free(in);
        for (size_t len = 0; len < n; len += 1 + n / 97) {
            in = malloc(len ? len : 1);
            memcpy(in, packed, len);
            j.in = in;
            j.in_len = len;
            assert_false(unpack_xz_fast(&j));
            free(in);
        }
        free(out);
    }
}

static void plain_data_is_copied(void **state)
{
    size_t got = 0;
    uint8_t *out;

    assert_int_equal(unpack_detect("\177ELF....", 8), UNPACK_none);
    assert_int_equal(run((const uint8_t *)"\177ELFabcd", 8, 8, &out, &got), 0);
    assert_int_equal(got, 8);
    assert_memory_equal(out, "\177ELFabcd", 8);
    free(out);
    assert_int_equal(run((const uint8_t *)"\177ELFabcd", 8, 7, &out, &got), -ENOSPC);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip),
        cmocka_unit_test(several_streams),
        cmocka_unit_test(truncated),
        cmocka_unit_test(damaged),
        cmocka_unit_test(quick_xz),
        cmocka_unit_test(plain_data_is_copied),
    };
    int rc, fd = mkstemp(path);

    close(fd);
    make_plain();
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return rc;
}
