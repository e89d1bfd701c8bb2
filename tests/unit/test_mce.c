/* SPDX-License-Identifier: BSD-2-Clause */
/* Machine checks: what a bank's status means, in severity and in words, and the records for domain
   0. */
/* cflags: -DHV_UNIT_TEST */
/* sources: hv/cpu/mce_decode.c hv/cpu/mce_record.c hv/lib/vsnprintf.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <hv/mce.h>
#include <hv/printk.h>

void panic(const char *fmt, ...) { abort(); }
void bug_at(const char *file, int line, const char *what) { abort(); }
const char *symbol_lookup(unsigned long addr, unsigned long *start, unsigned long *size, char *buf,
                          size_t len)
{
    return NULL;
}

#define BAD (MC_STATUS_VAL | MC_STATUS_UC | MC_STATUS_EN)

static void severities(void **state)
{
    const uint64_t ser = MCG_CAP_SER;

    assert_int_equal(mce_severity_of(0, 0, ser), MCE_NONE);
    assert_int_equal(mce_severity_of(~MC_STATUS_VAL, MCG_STATUS_RIPV, ser), MCE_NONE);
    assert_int_equal(mce_severity_of(MC_STATUS_VAL | MC_STATUS_OVER, 0, ser), MCE_CORRECTED);
    assert_int_equal(mce_severity_of(BAD, MCG_STATUS_RIPV, 0), MCE_FATAL);
    assert_int_equal(mce_severity_of(BAD | MC_STATUS_PCC, MCG_STATUS_RIPV, ser), MCE_FATAL);
    assert_int_equal(mce_severity_of(BAD, 0, ser), MCE_DEFERRED);
    assert_int_equal(mce_severity_of(BAD | MC_STATUS_S, MCG_STATUS_RIPV, ser), MCE_DEFERRED);
    assert_int_equal(mce_severity_of(BAD | MC_STATUS_S | MC_STATUS_AR, MCG_STATUS_RIPV, ser),
                     MCE_GUEST);
    assert_int_equal(mce_severity_of(BAD | MC_STATUS_S | MC_STATUS_AR, 0, ser), MCE_FATAL);
    assert_int_equal(mce_severity_of(BAD | MC_STATUS_S | MC_STATUS_AR | MC_STATUS_OVER,
                                     MCG_STATUS_RIPV, ser), MCE_FATAL);
}

static void words(void **state)
{
    static const struct { uint16_t code; const char *text; } rows[] = {
        { 0x0000, "no error" }, { 0x0005, "internal parity" }, { 0x0400, "internal timer" },
        { 0x0402, "internal, unclassified" }, { 0x0014, "TLB, level 0, data" },
        { 0x0136, "cache, level 2, data, data read" },
        { 0x1136, "cache, level 2, data, data read" },
        { 0x0151, "cache, level 1, instruction, instruction fetch" },
        { 0x0090, "memory, read, channel 0" }, { 0x00cf, "memory, scrubbing, channel 15" },
        { 0x00ff, "memory, ?, channel 15" },
        { 0x0e0b, "bus or interconnect, generic level, error" },
        { 0x01ff, "cache, generic level, ?, ?" }, { 0x000f, "?" }, { 0xe00f, "code 0xe00f" },
    };
    char buf[64];

    for (unsigned int i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(mce_describe(rows[i].code, buf, sizeof(buf)), rows[i].text);
    for (unsigned int code = 0; code < 0x10000; code++)
        assert_true(strlen(mce_describe(code | ~0xffffull, buf, sizeof(buf))) > 0);
}

static void records(void **state)
{
    struct mcinfo_bank bank = { .common = { MC_TYPE_BANK, sizeof(bank) } };
    struct mc_info info = { 0 }, got;
    const struct mcinfo_common *e;
    uint64_t id, next;

    assert_false(mce_oldest(MCE_URGENT, &got, &id));
    assert_int_equal(id, 0);
    for (unsigned int i = 0; i < 32; i++) {
        bank.mc_bank = (uint16_t)i;
        mc_info_add(&info, &bank, sizeof(bank));
    }
    assert_int_equal(info.mi_nentries, sizeof(info.mi_data) / (sizeof(bank)));
    assert_int_equal(info.flags, MCINFO_FLAGS_UNCOMPLETE);
    e = x86_mcinfo_first(&info);
    for (unsigned int i = 0; i < info.mi_nentries; i++, e = x86_mcinfo_next(e))
        assert_int_equal(((const struct mcinfo_bank *)(const void *)e)->mc_bank, i);
    for (uint32_t i = 0; i < MCE_KEPT + 3; i++) {
        info.flags = i;
        mce_keep(MCE_URGENT, &info);
    }
    assert_false(mce_oldest(MCE_NONURGENT, &got, &id));
    for (uint32_t i = 0; i < MCE_KEPT; i++) {
        assert_true(mce_oldest(MCE_URGENT, &got, &id));
        assert_int_equal(got.flags, i);
        mce_acknowledge(MCE_URGENT, id + 1); /* not that one */
        mce_acknowledge(MCE_NONURGENT, id);
        assert_true(mce_oldest(MCE_URGENT, &got, &next));
        assert_int_equal(next, id);
        mce_acknowledge(MCE_URGENT, id);
    }
    mce_acknowledge(MCE_URGENT, id + 1);
    assert_false(mce_oldest(MCE_URGENT, &got, &id));
    mce_keep(MCE_URGENT, &info);
    assert_true(mce_oldest(MCE_URGENT, &got, &id));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(severities),
        cmocka_unit_test(words),
        cmocka_unit_test(records),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
