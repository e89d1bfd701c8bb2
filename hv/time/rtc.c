/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Date and time from the real-time clock, read twice without an update in between instead of
 * waiting for the next second; so the result is exact to a second only. It is read once, at boot.
 */
#include <hv/acpi.h>
#include <hv/lib.h>
#include <hv/processor.h>
#include <hv/timer_regs.h>
#include "time_priv.h"

#define READ_TRIES 100
#define UPDATE_POLLS 10000      /* an update takes 2 ms */
#define SECONDS_PER_DAY 86400

struct rtc_regs { uint8_t sec, min, hour, mday, month, year, century, b; };

static uint8_t cmos_read(uint8_t reg)
{
    outb(CMOS_INDEX, reg);
    return inb(CMOS_DATA);
}

static void read_regs(struct rtc_regs *r)
{
    for (unsigned int i = 0; i < UPDATE_POLLS && (cmos_read(RTC_REG_A) & RTC_A_UPDATING); i++)
        ;
    *r = (struct rtc_regs){
        .sec = cmos_read(RTC_SEC), .min = cmos_read(RTC_MIN), .hour = cmos_read(RTC_HOUR),
        .mday = cmos_read(RTC_MDAY), .month = cmos_read(RTC_MONTH), .year = cmos_read(RTC_YEAR),
        .century = acpi.century ? cmos_read(acpi.century) : 0, .b = cmos_read(RTC_REG_B),
    };
}

static int from_bcd(uint8_t v, bool binary)
{
    if (binary)
        return v;
    return (v & 15) > 9 || v > 0x99 ? -1 : (v >> 4) * 10 + (v & 15);
}

static bool leap_year(int y)
{
    return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
}

static int days_in_month(int month, int year)
{
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return days[month - 1] + (month == 2 && leap_year(year));
}

/* False if the registers hold no date. */
static bool decode(const struct rtc_regs *r, struct tm_utc *tm)
{
    bool binary = r->b & RTC_B_BINARY, pm = !(r->b & RTC_B_24H) && (r->hour & RTC_HOUR_PM);
    int century = from_bcd(r->century, binary);

    tm->sec = from_bcd(r->sec, binary);
    tm->min = from_bcd(r->min, binary);
    tm->hour = from_bcd(r->b & RTC_B_24H ? r->hour : r->hour & (uint8_t)~RTC_HOUR_PM, binary);
    tm->mday = from_bcd(r->mday, binary);
    tm->mon = from_bcd(r->month, binary);
    tm->year = from_bcd(r->year, binary);
    if (!(r->b & RTC_B_24H)) {
        if (tm->hour < 1 || tm->hour > 12)
            return false;
        tm->hour = tm->hour % 12 + (pm ? 12 : 0);
    }
    if (tm->sec < 0 || tm->sec > 59 || tm->min < 0 || tm->min > 59 || tm->hour < 0 ||
        tm->hour > 23 || tm->year < 0 || tm->year > 99 || tm->mon < 1 || tm->mon > 12)
        return false;
    if (century >= 19 && century <= 29)
        tm->year += century * 100;
    else
        tm->year += tm->year < 70 ? 2000 : 1900;
    return tm->mday >= 1 && tm->mday <= days_in_month(tm->mon, tm->year);
}

bool rtc_read(struct tm_utc *tm)
{
    struct rtc_regs a, b;

    read_regs(&a);
    for (unsigned int i = 0; i < READ_TRIES; i++) {
        read_regs(&b);
        if (!memcmp(&a, &b, sizeof(a)))
            return decode(&a, tm);
        a = b;
    }
    return false;
}

/* Seconds since 1970. The year is counted from March, so that the leap day is its last. */
int64_t utc_to_seconds(const struct tm_utc *tm)
{
    int64_t y = tm->mon <= 2 ? tm->year - 1 : tm->year;
    int64_t month = (tm->mon + 9) % 12;
    int64_t days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * month + 2) / 5 + tm->mday - 1;

    days -= 719468; /* 1970-01-01 counted so */
    return ((days * 24 + tm->hour) * 60 + tm->min) * 60 + tm->sec;
}
