/* SPDX-License-Identifier: BSD-2-Clause */
/* Formatted output against the C library's, for every flag, width, precision, length and
 * conversion. */
/* sources: hv/lib/vsnprintf.c */
/* cflags: -DHV_UNIT_TEST -fno-builtin -Dvsnprintf=hv_vsnprintf -Dsnprintf=hv_snprintf */
/* cflags: -Wno-format -Wno-format-security */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <hv/lib.h>
#include <hv/traps.h>

#define hv_print hv_snprintf
#undef snprintf
int snprintf(char *buf, size_t size, const char *fmt, ...); /* the C library's */

const char *symbol_lookup(unsigned long addr, unsigned long *start, unsigned long *size, char *buf,
                          size_t len)
{
    if (addr < 0x1000 || addr >= 0x1100)
        return NULL;
    *start = 0x1000;
    *size = 0x100;
    strcpy(buf, "a_function");
    return buf;
}

static const char *const flags[] = {"",   "-",  "0",  "+",  " ",  "#",
                                    "-#", "+0", "#0", " 0", "-+", "-0"};
static const char *const widths[] = { "", "1", "7", "20" };
static const char *const precisions[] = { "", ".", ".0", ".3", ".12" };

static void compare(const char *fmt, unsigned long v)
{
    char ours[128], theirs[128];
    int a = hv_print(ours, sizeof(ours), fmt, v), b = snprintf(theirs, sizeof(theirs), fmt, v);

    if (a != b || strcmp(ours, theirs))
        fail_msg("\"%s\" of %#lx: \"%s\" (%d), not \"%s\" (%d)", fmt, v, ours, a, theirs, b);
}

static void integers(void **state)
{
    static const char *const lengths[] = { "hh", "h", "", "l", "ll", "z", "t" };
    static const unsigned long values[] = {
        0,         1,         7,   8, 255, 0x7fffffff, 0x80000000, 0xffffffff, 0x123456789abcdef,
        INT64_MAX, 1UL << 63, ~0UL};
    static const char conversions[] = "diuxXo";
    char fmt[32];

    for (unsigned int f = 0; f < ARRAY_SIZE(flags); f++)
        for (unsigned int w = 0; w < ARRAY_SIZE(widths); w++)
            for (unsigned int p = 0; p < ARRAY_SIZE(precisions); p++)
                for (unsigned int l = 0; l < ARRAY_SIZE(lengths); l++)
                    for (unsigned int c = 0; c < sizeof(conversions) - 1; c++)
                        for (unsigned int v = 0; v < ARRAY_SIZE(values); v++) {
                            snprintf(fmt, sizeof(fmt), "<%%%s%s%s%s%c>", flags[f], widths[w],
                                     precisions[p], lengths[l], conversions[c]);
                            compare(fmt, values[v]);
                        }
}

static void texts(void **state)
{
    static const char *const values[] = { "", "a", "twelve chars" };
    char fmt[32];

    for (unsigned int w = 0; w < ARRAY_SIZE(widths); w++)
        for (unsigned int p = 0; p < ARRAY_SIZE(precisions); p++)
            for (unsigned int v = 0; v < ARRAY_SIZE(values); v++) {
                snprintf(fmt, sizeof(fmt), "%%%s%ss|", widths[w], precisions[p]);
                compare(fmt, (unsigned long)values[v]);
                snprintf(fmt, sizeof(fmt), "%%-%s%ss|", widths[w], precisions[p]);
                compare(fmt, (unsigned long)values[v]);
            }
    compare("%c|%%|", 'x');
    compare("%5c|", 'x');
    compare("%-5c|", 'x');
}

static void stars(void **state)
{
    char a[64], b[64];

    for (int w = -9; w < 10; w += 3)
        for (int p = -1; p < 5; p++) {
            hv_print(a, sizeof(a), "[%*.*x]", w, p, 0xab);
            snprintf(b, sizeof(b), "[%*.*x]", w, p, 0xab);
            assert_string_equal(a, b);
        }
}

static void cut_output_is_terminated(void **state)
{
    char buf[8] = "zzzzzzz";

    assert_int_equal(hv_print(buf, 4, "%s", "abcdef"), 6);
    assert_string_equal(buf, "abc");
    assert_int_equal(buf[4], 'z');
    assert_int_equal(hv_print(buf, 1, "%d", 12345), 5);
    assert_string_equal(buf, "");
    assert_int_equal(hv_print(NULL, 0, "%d%s", 12345, "ab"), 7);
}

static void pointers_and_symbols(void **state)
{
    char buf[128];

    hv_print(buf, sizeof(buf), "%p", (void *)0x1234);
    assert_string_equal(buf, "0000000000001234");
    hv_print(buf, sizeof(buf), "%pS", (void *)0x1010);
    assert_string_equal(buf, "a_function+0x10/0x100");
    hv_print(buf, sizeof(buf), "%pS.", (void *)0x2000);
    assert_string_equal(buf, "0000000000002000.");
    hv_print(buf, sizeof(buf), "%s", (char *)NULL);
    assert_string_equal(buf, "(null)");
}

static void unknown_conversions_stay(void **state)
{
    char buf[64];

    hv_print(buf, sizeof(buf), "%5q %d", 7);
    assert_string_equal(buf, "%5q 7");
    hv_print(buf, sizeof(buf), "100%");
    assert_string_equal(buf, "100%");
    hv_print(buf, sizeof(buf), "%99999999999999999999d", 1);
    assert_int_equal(strlen(buf), sizeof(buf) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers), cmocka_unit_test(texts), cmocka_unit_test(stars),
        cmocka_unit_test(cut_output_is_terminated), cmocka_unit_test(pointers_and_symbols),
        cmocka_unit_test(unknown_conversions_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
