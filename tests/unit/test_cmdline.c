/* SPDX-License-Identifier: BSD-2-Clause */
/* Command line: each kind of option, negation, bad values, and that nothing unknown is eaten
   silently. */
/* cflags: -DHV_UNIT_TEST -fno-builtin -Dmemcpy=hv_memcpy -Dmemmove=hv_memmove -Dmemset=hv_memset */
/* cflags: -Dmemcmp=hv_memcmp -Dmemchr=hv_memchr -Dstrlen=hv_strlen -Dstrnlen=hv_strnlen */
/* cflags: -Dstrcmp=hv_strcmp -Dstrncmp=hv_strncmp -Dstrchr=hv_strchr -Dstrstr=hv_strstr */
/* cflags: -Dstrlcpy=hv_strlcpy -Dstrtoul=hv_strtoul */
/* sources: hv/boot/cmdline.c hv/lib/string.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <hv/errno.h>
#include <hv/param.h>
#include <hv/printk.h>
#include "../../hv/boot/boot_private.h"

static char log_text[4096];

void printk(const char *fmt, ...)
{
    va_list args;
    size_t used = strlen(log_text);

    va_start(args, fmt);
    vsnprintf(log_text + used, sizeof(log_text) - used, fmt, args);
    va_end(args);
}

static bool opt_sync, opt_watch = true;
static uint8_t opt_small;
static uint32_t opt_cpus;
static uint64_t opt_ring;
static char opt_com1[16];
static char seen[64];
static int other_seen;

static int parse_mem(const char *value)
{
    strncpy(seen, value, sizeof(seen) - 1);
    return !strcmp(value, "bad") ? -EINVAL : 0;
}

static int parse_mem_too(const char *value)
{
    other_seen++;
    return 0;
}

bool_param("sync_console", opt_sync);
bool_param("watchdog", opt_watch);
uint_param("small", opt_small);
uint_param("maxcpus", opt_cpus);
size_param("conring_size", opt_ring);
string_param("com1", opt_com1);
custom_param("dom0_mem", parse_mem);
custom_param("dom0_mem", parse_mem_too);

static const char *parse(const char *line)
{
    log_text[0] = '\0';
    cmdline_parse(line);
    cmdline_report();
    return log_text;
}

static void each_kind(void **state)
{
    assert_string_equal(parse("  sync_console maxcpus=0x10 small=255 "
                              "conring_size=64k\tcom1=115200,8n1 dom0_mem=640M,max:1G "),
                        "");
    assert_true(opt_sync);
    assert_int_equal(opt_cpus, 16);
    assert_int_equal(opt_small, 255);
    assert_int_equal(opt_ring, 65536);
    assert_string_equal(opt_com1, "115200,8n1");
    assert_string_equal(seen, "640M,max:1G");
    assert_int_equal(other_seen, 1);
}

static void booleans(void **state)
{
    static const struct { const char *line; bool value;
    } rows[] = {
        {"watchdog=0", false},
        {"watchdog", true},
        {"no-watchdog", false},
        {"watchdog=yes", true},
        {"watchdog=off", false},
        {"watchdog=true", true},
        {"watchdog=false watchdog=on", true},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_string_equal(parse(rows[i].line), "");
        assert_int_equal(opt_watch, rows[i].value);
    }
    assert_non_null(strstr(parse("watchdog=maybe"), "bad value \"watchdog=maybe\""));
    assert_int_equal(parse_bool("2"), -1);
}

static void bad_values_change_nothing(void **state)
{
    static const char *const lines[] = {
        "maxcpus=",     "maxcpus",          "maxcpus=4x",
        "small=256",    "conring_size=12q", "com1=a-line-that-is-too-long",
        "dom0_mem=bad", "no-maxcpus",       "no-watchdog=1",
    };

    parse("maxcpus=3 small=9 conring_size=1m watchdog");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        assert_non_null(strstr(parse(lines[i]), "bad value \""));
    assert_int_equal(opt_cpus, 3);
    assert_int_equal(opt_small, 9);
    assert_int_equal(opt_ring, 1 << 20);
    assert_true(opt_watch);
}

static void negated_custom(void **state)
{
    assert_string_equal(parse("no-dom0_mem"), "");
    assert_string_equal(seen, "no");
}

static void unknown_are_named(void **state)
{
    const char *text = parse("maxcpu=2 zzzz dom0_men=1G");

    assert_non_null(strstr(text, "unknown option \"maxcpu=2\"; nearest known: \"maxcpus\""));
    assert_non_null(strstr(text, "unknown option \"zzzz\", ignored"));
    assert_non_null(strstr(text, "nearest known: \"dom0_mem\""));
}

static void overlong_word(void **state)
{
    char line[700];

    memset(line, 'a', sizeof(line));
    memcpy(line, "com1=", 5);
    strcpy(line + 600, " maxcpus=5");
    assert_non_null(strstr(parse(line), "too long"));
    assert_int_equal(opt_cpus, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind),
        cmocka_unit_test(booleans),
        cmocka_unit_test(bad_values_change_nothing),
        cmocka_unit_test(negated_custom),
        cmocka_unit_test(unknown_are_named),
        cmocka_unit_test(overlong_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
