/* SPDX-License-Identifier: BSD-2-Clause */
/* Memory and string functions, number parsers, bit searches and sort, against plain models of what
   they shall do. */
/* cflags: -DHV_UNIT_TEST -fno-builtin -Dmemcpy=hv_memcpy -Dmemmove=hv_memmove -Dmemset=hv_memset */
/* cflags: -Dmemcmp=hv_memcmp -Dmemchr=hv_memchr -Dstrlen=hv_strlen -Dstrnlen=hv_strnlen */
/* cflags: -Dstrcmp=hv_strcmp -Dstrncmp=hv_strncmp -Dstrchr=hv_strchr -Dstrstr=hv_strstr */
/* cflags: -Dstrlcpy=hv_strlcpy -Dstrtoul=hv_strtoul */
/* sources: hv/lib/string.c hv/lib/bitops.c hv/lib/sort.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hv/bitops.h>
#include <hv/lib.h>

#define SPAN 300

static uint8_t pattern(size_t i)
{
    return (uint8_t)((i * 7 + 3) & 0x7f);
}

static void fill(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = pattern(i);
}

static void copies_every_length_and_alignment(void **state)
{
    uint8_t src[SPAN], dst[SPAN];

    fill(src, SPAN);
    for (size_t n = 0; n < 140; n++)
        for (size_t off = 0; off < 9; off++) {
            for (size_t i = 0; i < SPAN; i++)
                dst[i] = 0xee;
            assert_ptr_equal(memcpy(dst + 16 + off, src + 5, n), dst + 16 + off);
            for (size_t i = 0; i < SPAN; i++)
                assert_int_equal(dst[i],
                                 i >= 16 + off && i < 16 + off + n ? src[5 + i - 16 - off] : 0xee);
        }
}

static void moves_overlapping(void **state)
{
    uint8_t p[SPAN];

    for (size_t n = 0; n < 120; n++)
        for (size_t from = 0; from < 24; from++)
            for (size_t to = 0; to < 24; to++) {
                fill(p, SPAN);
                memmove(p + to, p + from, n);
                for (size_t i = 0; i < n; i++)
                    assert_int_equal(p[to + i], pattern(from + i));
            }
}

static void sets_and_compares(void **state)
{
    uint8_t a[SPAN], b[SPAN];

    for (size_t n = 0; n < 140; n++) {
        fill(a, SPAN);
        memset(a + 3, 0x1a5, n);
        for (size_t i = 0; i < SPAN; i++)
            assert_int_equal(a[i], i >= 3 && i < 3 + n ? 0xa5 : pattern(i));
    }
    fill(a, SPAN);
    fill(b, SPAN);
    for (size_t at = 0; at < 40; at++) {
        assert_int_equal(memcmp(a, b, 40), 0);
        b[at]++;
        assert_true(memcmp(a, b, 40) < 0);
        assert_true(memcmp(b, a, 40) > 0);
        assert_int_equal(memcmp(a, b, at), 0);
        b[at]--;
    }
    assert_ptr_equal(memchr(a, pattern(17), SPAN), a + 17);
    assert_null(memchr(a, pattern(17), 17));
}

static void strings(void **state)
{
    char buf[4];

    assert_int_equal(strlen(""), 0);
    assert_int_equal(strnlen("abcdef", 3), 3);
    assert_true(strcmp("abc", "abd") < 0);
    assert_true(strcmp("ab", "a") > 0);
    assert_true(strcmp("\x80", "a") > 0);
    assert_int_equal(strncmp("abcx", "abcy", 3), 0);
    assert_true(strncmp("ab", "abc", 9) < 0);
    assert_string_equal(strchr("a=b=c", '='), "=b=c");
    assert_null(strchr("abc", 'x'));
    assert_string_equal(strchr("abc", 0), "");
    assert_string_equal(strstr("console=com1,vga", "com"), "com1,vga");
    assert_null(strstr("ab", "abc"));
    assert_string_equal(strstr("x", ""), "x");
    assert_int_equal(strlcpy(buf, "abcdef", sizeof(buf)), 6);
    assert_string_equal(buf, "abc");
    assert_int_equal(strlcpy(buf, "z", sizeof(buf)), 1);
    assert_string_equal(buf, "z");
}

static void numbers(void **state)
{
    static const struct { const char *s; int base; unsigned long v; const char *rest;
    } rows[] = {
        {"0", 0, 0, ""},         {"10", 0, 10, ""},
        {"0x1F,", 0, 0x1f, ","}, {"017", 0, 15, ""},
        {"08", 0, 0, "8"},       {"ff", 16, 0xff, ""},
        {"0xg", 0, 0, "xg"},     {"12ab", 10, 12, "ab"},
        {"", 0, 0, ""},          {"18446744073709551615", 10, ~0UL, ""},
        {"-1", 0, 0, "-1"},
    };
    static const struct { const char *s; uint64_t v; const char *rest; } sizes[] = {
        { "640M", 640ULL << 20, "" }, { "4g,x", 4ULL << 30, ",x" }, { "512", 512ULL << 10, "" },
        { "7b", 7, "" }, { "1T", 1ULL << 40, "" }, { "0x10k", 16 << 10, "" }, { "max", 0, "max" },
    };
    const char *end;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(strtoul(rows[i].s, &end, rows[i].base), rows[i].v);
        assert_string_equal(end, rows[i].rest);
    }
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        assert_int_equal(parse_size(sizes[i].s, &end), sizes[i].v);
        assert_string_equal(end, sizes[i].rest);
    }
}

static unsigned long model_next(const unsigned long *map, unsigned long size, unsigned long from,
                                bool want)
{
    for (; from < size; from++)
        if (((map[from / 64] >> (from % 64)) & 1) == want)
            return from;
    return size;
}

static void bit_searches(void **state)
{
    unsigned long map[4] = { 0x8000000000000001UL, 0, 0x10, ~0UL };

    for (unsigned long size = 0; size <= 256; size++)
        for (unsigned long from = 0; from <= 256; from++) {
            unsigned long at = from < size ? from : size;

            assert_int_equal(find_next_bit(map, size, from), model_next(map, size, at, true));
            assert_int_equal(find_next_zero_bit(map, size, from), model_next(map, size, at, false));
        }
}

static void bit_arithmetic(void **state)
{
    unsigned long map[2] = { 0, 0 };

    for (unsigned int i = 0; i < 64; i++) {
        assert_int_equal(ffs64(1ULL << i), i);
        assert_int_equal(fls64(~0ULL >> (63 - i)), i);
        assert_int_equal(hweight64(~0ULL >> (63 - i)), i + 1);
        assert_int_equal(order_of(1UL << i), i);
    }
    assert_int_equal(order_of(3), 2);
    assert_int_equal(order_of(5), 3);
    assert_false(test_and_set_bit(70, map));
    assert_true(test_and_set_bit(70, map));
    assert_true(test_bit(70, map));
    assert_int_equal(map[0], 0);
    assert_true(test_and_clear_bit(70, map));
    assert_false(test_and_change_bit(3, map));
    assert_int_equal(map[0], 8);
    assert_int_equal(map[1], 0);
}

struct item { uint16_t key; uint8_t tag[5]; };

static int compare(const void *a, const void *b)
{
    return ((const struct item *)a)->key - ((const struct item *)b)->key;
}

static void sorts(void **state)
{
    struct item items[200];
    uint32_t seed = 1, sum;

    for (size_t n = 0; n <= 200; n += n < 10 ? 1 : 19) {
        sum = 0;
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1103515245 + 12345;
            items[i].key = (seed >> 16) % 50;
            items[i].tag[4] = (uint8_t)items[i].key;
            sum += items[i].key;
        }
        sort(items, n, sizeof(items[0]), compare);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(items[i].tag[4], (uint8_t)items[i].key);
            if (i)
                assert_true(items[i - 1].key <= items[i].key);
            sum -= items[i].key;
        }
        assert_int_equal(sum, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_every_length_and_alignment), cmocka_unit_test(moves_overlapping),
        cmocka_unit_test(sets_and_compares), cmocka_unit_test(strings), cmocka_unit_test(numbers),
        cmocka_unit_test(bit_searches), cmocka_unit_test(bit_arithmetic), cmocka_unit_test(sorts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
