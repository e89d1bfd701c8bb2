/* SPDX-License-Identifier: BSD-2-Clause */
/* Real-time clock: decoding of its four formats, refusal of what is no date, reads across an
   update. */
/* cflags: -DHV_UNIT_TEST */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>
#include <hv/acpi.h>
#include <hv/processor.h>

static uint8_t cmos[128], cmos_index;
static unsigned int reads, tick_at, sec_read[2];
struct acpi_info acpi;

static void unit_outb(unsigned int port, uint8_t v) { cmos_index = v & 0x7f; }
static uint8_t unit_inb(unsigned int port)
{
    if (++reads == tick_at)
        cmos[0] = (uint8_t)((cmos[0] + 1) % 60);
    if (cmos_index == 0) {
        sec_read[1] = sec_read[0];
        sec_read[0] = cmos[0];
    }
    return cmos[cmos_index];
}
#define inb(p) unit_inb(p)
#define outb(p, v) unit_outb(p, v)
#include "../../hv/time/rtc.c"

#define CENTURY 0x32

static void set(int s, int mi, int h, int d, int mo, int y, int c, int b)
{
    const uint8_t v[] = { (uint8_t)s, 0,          (uint8_t)mi, 0,          (uint8_t)h, 0,
                          0,          (uint8_t)d, (uint8_t)mo, (uint8_t)y, 0,          (uint8_t)b };

    memcpy(cmos, v, sizeof(v));
    cmos[CENTURY] = (uint8_t)c;
    acpi.century = c ? CENTURY : 0;
    tick_at = reads = 0;
}

static void expect(int y, int mo, int d, int h, int mi, int s)
{
    struct tm_utc tm;

    assert_true(rtc_read(&tm));
    assert_int_equal(tm.year, y);
    assert_int_equal(tm.mon, mo);
    assert_int_equal(tm.mday, d);
    assert_int_equal(tm.hour, h);
    assert_int_equal(tm.min, mi);
    assert_int_equal(tm.sec, s);
}

static void decodes_all_formats(void **state)
{
    set(0x59, 0x30, 0x23, 0x31, 0x12, 0x26, 0x20, 2);
    expect(2026, 12, 31, 23, 30, 59);
    set(59, 30, 23, 31, 12, 26, 20, 6);
    expect(2026, 12, 31, 23, 30, 59);
    set(0x01, 0x02, 0x92, 0x03, 0x04, 0x05, 0, 0);
    expect(2005, 4, 3, 12, 2, 1);
    set(0x01, 0x02, 0x12, 0x03, 0x04, 0x05, 0, 0);
    expect(2005, 4, 3, 0, 2, 1);
    set(1, 2, 0x80 | 11, 3, 4, 99, 0, 4);
    expect(1999, 4, 3, 23, 2, 1);
    set(0, 0, 0, 0x29, 0x02, 0x00, 0x20, 2);
    expect(2000, 2, 29, 0, 0, 0);
}

static void refuses_what_is_no_date(void **state)
{
    struct tm_utc tm;

    memset(cmos, 0xff, sizeof(cmos));
    cmos[0x0a] = 0;
    assert_false(rtc_read(&tm));
    set(0x60, 0, 0, 1, 1, 0, 0, 2);
    assert_false(rtc_read(&tm));
    set(0x5a, 0, 0, 1, 1, 0, 0, 2);
    assert_false(rtc_read(&tm));
    set(0, 0, 0x24, 1, 1, 0, 0, 2);
    assert_false(rtc_read(&tm));
    set(0, 0, 0, 1, 1, 0, 0, 0); /* hour 0 does not exist on a 12-hour clock */
    assert_false(rtc_read(&tm));
    set(0, 0, 0, 0x29, 2, 0x23, 0x20, 2);
    assert_false(rtc_read(&tm));
    set(0, 0, 0, 1, 0x13, 0, 0, 2);
    assert_false(rtc_read(&tm));
    set(0, 0, 0, 0, 1, 0, 0, 2);
    assert_false(rtc_read(&tm));
}

static void a_tick_between_the_reads_is_seen(void **state)
{
    bool ticked = false;

    for (unsigned int at = 1; at < 30; at++) {
        struct tm_utc tm;

        set(30, 30, 12, 15, 6, 24, 20, 6);
        tick_at = at;
        assert_true(rtc_read(&tm));
        /* Whatever was read first, the last two readings of the seconds agreed and count. */
        assert_int_equal(tm.sec, sec_read[0]);
        assert_int_equal(tm.sec, sec_read[1]);
        ticked |= tm.sec == 31;
    }
    assert_true(ticked);
}

static void seconds_agree_with_the_c_library(void **state)
{
    srand(5);
    for (unsigned int i = 0; i < 20000; i++) {
        time_t t = (time_t)((uint64_t)rand() * 3 % 7258118400ULL); /* until 2200 */
        struct tm c;
        struct tm_utc tm;

        gmtime_r(&t, &c);
        tm = (struct tm_utc){ c.tm_sec,  c.tm_min,     c.tm_hour,
                              c.tm_mday, c.tm_mon + 1, c.tm_year + 1900 };
        assert_int_equal(utc_to_seconds(&tm), t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_all_formats),
        cmocka_unit_test(refuses_what_is_no_date),
        cmocka_unit_test(a_tick_between_the_reads_is_seen),
        cmocka_unit_test(seconds_agree_with_the_c_library),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
