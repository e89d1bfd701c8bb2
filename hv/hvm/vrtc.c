/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Real-time clock: CMOS bytes 0 to 13. Source: MC146818A data sheet, "Register Description" and
 * "Update Cycle". Bytes from 14 on are the device model's, and so are index writes that select
 * them.
 *
 * The clock is the wall clock plus the domain's offset; setting it changes the offset. The flags of
 * register C are brought up to date when somebody looks (catch_up); a timer looks at the next
 * second or alarm only while that interrupts. The century is no register here: years from 70 on are
 * 19xx.
 */
#include <hv/errno.h>
#include "vplatform.h"

#define NSEC_PER_SEC 1000000000
#define DAY 86400
#define CENTURY_SPLIT 70
#define RTC_IRQ 8
#define NEVER INT64_MAX
#define SECONDS_MAX (1LL << 32)

/* --- calendar --- */

struct clock { int sec, min, hour, wday, mday, mon, year; }; /* wday 1 = Sunday, mon 1-12 */

/* Days since 1970-01-01 of a date in the Gregorian calendar; months count from March inside. */
static int64_t days_of(int64_t year, int mon, int mday)
{
    int64_t y = year - (mon <= 2), era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400, doy = (153 * (mon + (mon > 2 ? -3 : 9)) + 2) / 5 + mday - 1;

    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int64_t seconds_of(const struct clock *c)
{
    return days_of(c->year, c->mon, c->mday) * DAY + c->hour * 3600 + c->min * 60 + c->sec;
}

static void clock_of(int64_t seconds, struct clock *c)
{
    int64_t days = (seconds >= 0 ? seconds : seconds - (DAY - 1)) / DAY;
    int rest = (int)(seconds - days * DAY), mp;
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int doy = (int)(doe - (365 * yoe + yoe / 4 - yoe / 100));

    c->sec = rest % 60;
    c->min = rest / 60 % 60;
    c->hour = rest / 3600;
    c->wday = (int)((days % 7 + 7 + 4) % 7) + 1;    /* 1970-01-01 was a Thursday */
    mp = (5 * doy + 2) / 153;
    c->mday = doy - (153 * mp + 2) / 5 + 1;
    c->mon = mp < 10 ? mp + 3 : mp - 9;
    c->year = (int)(yoe + era * 400 + (c->mon <= 2));
}

/* --- time; lock is held from here on --- */

/* Nanoseconds since 1970 by the domain's clock, within what the calendar can say. */
static int64_t guest_ns(const struct vplatform *p)
{
    uint64_t secs;
    uint32_t nsecs;
    int64_t sum;

    get_wallclock(&secs, &nsecs);
    if (__builtin_add_overflow((int64_t)secs, p->d->time_offset_seconds, &sum) || sum < 0)
        sum = 0;
    return MIN(sum, SECONDS_MAX) * NSEC_PER_SEC + nsecs + NOW();
}

static int64_t guest_second(const struct vplatform *p) { return guest_ns(p) / NSEC_PER_SEC; }

/* System time at which the domain's clock is at a second. */
static s_time_t when(const struct vplatform *p, int64_t second)
{
    return NOW() + (second * NSEC_PER_SEC - guest_ns(p));
}

static uint8_t encode(const struct vrtc *r, int n)
{
    return (uint8_t)(r->reg[RTC_REG_B] & RTC_B_BINARY ? n : n / 10 << 4 | n % 10);
}

static int decode(const struct vrtc *r, uint8_t val)
{
    return r->reg[RTC_REG_B] & RTC_B_BINARY ? val : (val >> 4) * 10 + (val & 15);
}

static uint8_t encode_hour(const struct vrtc *r, int hour)
{
    if (r->reg[RTC_REG_B] & RTC_B_24H)
        return encode(r, hour);
    return encode(r, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? RTC_HOUR_PM : 0);
}

static int decode_hour(const struct vrtc *r, uint8_t val)
{
    if (r->reg[RTC_REG_B] & RTC_B_24H)
        return decode(r, val);
    return decode(r, val & (uint8_t)~RTC_HOUR_PM) % 12 + (val & RTC_HOUR_PM ? 12 : 0);
}

/* The time registers as they read at `second`. */
static void latch_clock(struct vrtc *r, int64_t second)
{
    struct clock c;

    clock_of(second, &c);
    r->reg[RTC_SEC] = encode(r, c.sec);
    r->reg[RTC_MIN] = encode(r, c.min);
    r->reg[RTC_HOUR] = encode_hour(r, c.hour);
    r->reg[RTC_WDAY] = encode(r, c.wday);
    r->reg[RTC_MDAY] = encode(r, c.mday);
    r->reg[RTC_MONTH] = encode(r, c.mon);
    r->reg[RTC_YEAR] = encode(r, c.year % 100);
}

/* What no clock shows becomes the nearest that one does. */
static int within(int n, int low, int high) { return n < low ? low : n > high ? high : n; }

/* The registers were set: how far is the clock moved? */
static void set_clock(struct vcpu *v, struct vplatform *p)
{
    const struct vrtc *r = &p->rtc;
    int year = within(decode(r, r->reg[RTC_YEAR]), 0, 99);
    struct clock c = {
        .sec = within(decode(r, r->reg[RTC_SEC]), 0, 59),
        .min = within(decode(r, r->reg[RTC_MIN]), 0, 59),
        .hour = within(decode_hour(r, r->reg[RTC_HOUR]), 0, 23),
        .mday = within(decode(r, r->reg[RTC_MDAY]), 1, 31),
        .mon = within(decode(r, r->reg[RTC_MONTH]), 1, 12),
        .year = year + (year < CENTURY_SPLIT ? 2000 : 1900),
    };
    int64_t delta = seconds_of(&c) - guest_second(p);

    p->rtc.seen = seconds_of(&c);
    if (!delta)
        return;
    p->d->time_offset_seconds += delta;
    p->rtc.moved += delta;
}

/* --- alarm --- */

struct alarm { int sec, min, hour; }; /* -1 = any */

static int alarm_field(const struct vrtc *r, uint8_t reg)
{
    if ((r->reg[reg] & RTC_ALARM_ANY) == RTC_ALARM_ANY)
        return -1;
    return reg == RTC_HOUR_ALARM ? decode_hour(r, r->reg[reg]) : decode(r, r->reg[reg]);
}

static int64_t next_alarm(const struct vrtc *r, int64_t after)
{
    struct alarm a = { alarm_field(r, RTC_SEC_ALARM), alarm_field(r, RTC_MIN_ALARM),
                       alarm_field(r, RTC_HOUR_ALARM) };

    if (a.sec > 59 || a.min > 59 || a.hour > 23)
        return NEVER;
    for (int64_t t = after + 1, end = t + DAY + 3600; t < end;) {
        int sec = (int)(t % 60), min = (int)(t / 60 % 60), hour = (int)(t / 3600 % 24);

        if (a.hour >= 0 && a.hour != hour)
            t += 3600 - t % 3600;
        else if ((a.min >= 0 && a.min != min) || (a.sec >= 0 && a.sec < sec))
            t += 60 - sec;
        else
            return a.sec < 0 ? t : t - sec + a.sec;
    }
    return NEVER;
}

/* --- flags and the interrupt --- */

static uint64_t period_cycles(const struct vrtc *r)
{
    unsigned int rate = r->reg[RTC_REG_A] & RTC_A_RATE;

    if (!rate || (r->reg[RTC_REG_A] & RTC_A_DIVIDER) != RTC_A_DIVIDER_ON)
        return 0;
    return 1u << (rate <= 2 ? rate + 6 : rate - 1); /* 1 and 2 repeat 8 and 9 */
}

static uint64_t periods_gone(const struct vrtc *r)
{
    uint64_t cycles = period_cycles(r);

    return cycles ? ns_to_cycles(NOW() - r->periodic_from, RTC_HZ) / cycles : 0;
}

static void catch_up(struct vplatform *p)
{
    struct vrtc *r = &p->rtc;
    int64_t now = guest_second(p);

    if (!(r->reg[RTC_REG_B] & RTC_B_SET) && now > r->seen) {
        r->reg[RTC_REG_C] |= RTC_C_UF;
        if (next_alarm(r, r->seen) <= now)
            r->reg[RTC_REG_C] |= RTC_C_AF;
    }
    if (!(r->reg[RTC_REG_B] & RTC_B_SET))
        r->seen = now;
    /* With the interrupt on, each tick sets its flag by itself. */
    if (!(r->reg[RTC_REG_B] & RTC_B_PIE) && periods_gone(r) > r->periodic_seen)
        r->reg[RTC_REG_C] |= RTC_C_PF;
    r->periodic_seen = periods_gone(r);
}

static void update_irq(struct vplatform *p)
{
    struct vrtc *r = &p->rtc;
    bool on = r->reg[RTC_REG_C] & r->reg[RTC_REG_B] & (RTC_C_PF | RTC_C_AF | RTC_C_UF);

    if (on)
        r->reg[RTC_REG_C] |= RTC_C_IRQF;
    else
        r->reg[RTC_REG_C] &= (uint8_t)~RTC_C_IRQF;
    if (!vhpet_legacy(p))
        hvm_isa_irq_set(p->d, RTC_IRQ, on);
}

static void arm_timer(struct vplatform *p)
{
    const struct vrtc *r = &p->rtc;
    int64_t next = NEVER;

    if (!p->rtc.timer.fn)       /* there is no vCPU yet */
        return;
    if (!(r->reg[RTC_REG_B] & RTC_B_SET)) {
        if (r->reg[RTC_REG_B] & RTC_B_AIE)
            next = next_alarm(r, r->seen);
        if (r->reg[RTC_REG_B] & RTC_B_UIE)
            next = r->seen + 1;
    }
    if (next == NEVER)
        stop_timer(&p->rtc.timer);
    else
        set_timer(&p->rtc.timer, when(p, next));
}

static void rtc_timer(void *data)
{
    struct vplatform *p = data;

    spin_lock(&p->rtc.lock);
    catch_up(p);
    update_irq(p);
    arm_timer(p);
    spin_unlock(&p->rtc.lock);
}

static bool raise_periodic(struct vtick *t)
{
    struct vrtc *r = container_of(t, struct vrtc, tick);
    struct vplatform *p = container_of(r, struct vplatform, rtc);

    r->reg[RTC_REG_C] |= RTC_C_PF;
    update_irq(p);
    return true;                /* until register C is read */
}

static void start_periodic(struct vrtc *r)
{
    uint64_t cycles = period_cycles(r);

    vtick_stop(&r->tick);
    if (cycles && (r->reg[RTC_REG_B] & RTC_B_PIE))
        vtick_start(&r->tick, r->periodic_from, (periods_gone(r) + 1) * cycles, cycles, RTC_HZ);
}

/* --- registers --- */

static void write_a(struct vplatform *p, uint8_t val)
{
    struct vrtc *r = &p->rtc;
    uint8_t old = r->reg[RTC_REG_A];

    r->reg[RTC_REG_A] = val & (uint8_t)~RTC_A_UPDATING;
    if (old == r->reg[RTC_REG_A])
        return;
    r->periodic_from = NOW();
    r->periodic_seen = 0;
    start_periodic(r);
}

static void write_b(struct vcpu *v, struct vplatform *p, uint8_t val)
{
    struct vrtc *r = &p->rtc;
    uint8_t old = r->reg[RTC_REG_B], changed;

    if (val & RTC_B_SET)
        val &= (uint8_t)~RTC_B_UIE;
    changed = old ^ val;
    if (changed & val & RTC_B_SET)
        latch_clock(r, guest_second(p));
    r->reg[RTC_REG_B] = val;
    if (changed & old & RTC_B_SET)
        set_clock(v, p);
    if (changed & RTC_B_PIE)
        start_periodic(r);
}

static void write_reg(struct vcpu *v, struct vplatform *p, uint8_t val)
{
    struct vrtc *r = &p->rtc;
    bool held = r->reg[RTC_REG_B] & RTC_B_SET;

    catch_up(p);
    switch (r->index) {
    case RTC_REG_A:
        write_a(p, val);
        break;
    case RTC_REG_B:
        write_b(v, p, val);
        break;
    case RTC_REG_C: case RTC_REG_D:
        break;
    case RTC_SEC_ALARM: case RTC_MIN_ALARM: case RTC_HOUR_ALARM:
        r->reg[r->index] = val;
        break;
    default:
        if (!held)
            latch_clock(r, guest_second(p));
        r->reg[r->index] = val;
        if (!held)
            set_clock(v, p);
    }
    update_irq(p);
    arm_timer(p);
}

static uint8_t read_c(struct vplatform *p)
{
    struct vrtc *r = &p->rtc;
    uint8_t val;

    catch_up(p);
    update_irq(p);
    val = r->reg[RTC_REG_C];
    r->reg[RTC_REG_C] = 0;
    update_irq(p);
    if (val & RTC_C_PF)
        vtick_taken(&r->tick);
    return val;
}

static uint8_t read_reg(struct vplatform *p)
{
    struct vrtc *r = &p->rtc;
    bool held = r->reg[RTC_REG_B] & RTC_B_SET;

    switch (r->index) {
    case RTC_REG_A:
        return r->reg[RTC_REG_A] |
               (!held && NSEC_PER_SEC - guest_ns(p) % NSEC_PER_SEC <= RTC_UPDATING_NS
                    ? RTC_A_UPDATING : 0);
    case RTC_REG_B: case RTC_SEC_ALARM: case RTC_MIN_ALARM: case RTC_HOUR_ALARM:
        return r->reg[r->index];
    case RTC_REG_C:
        return read_c(p);
    case RTC_REG_D:
        return RTC_D_VALID;
    default:
        if (!held)
            latch_clock(r, guest_second(p));
        return r->reg[r->index];
    }
}

/* --- ports --- */

/* The index register can't be read; and what belongs to the device model it must see. */
static int rtc_read(struct vcpu *v, uint64_t port, unsigned int size, uint64_t *val)
{
    struct vplatform *p = vcpu_platform(v);
    int rc = HVM_IO_DONE;

    *val = ~0ULL;
    spin_lock(&p->rtc.lock);
    if (p->rtc.index >= RTC_CMOS_SIZE)
        rc = HVM_IO_PASS;
    else if (port == CMOS_DATA)
        *val = read_reg(p);
    else if (size > 1)
        *val = (uint64_t)read_reg(p) << 8 | 0xff;
    spin_unlock(&p->rtc.lock);
    return rc;
}

static int rtc_write(struct vcpu *v, uint64_t port, unsigned int size, uint64_t val)
{
    struct vplatform *p = vcpu_platform(v);
    int64_t moved;
    int rc = HVM_IO_DONE;

    spin_lock(&p->rtc.lock);
    if (port == CMOS_INDEX) {
        p->rtc.index = val & RTC_INDEX_MASK;
        val >>= 8;
    }
    if (p->rtc.index >= RTC_CMOS_SIZE)
        rc = HVM_IO_PASS;
    else if (port == CMOS_DATA || size > 1)
        write_reg(v, p, (uint8_t)val);
    moved = p->rtc.moved;
    p->rtc.moved = 0;
    spin_unlock(&p->rtc.lock);
    if (moved) {
        update_domain_wallclock(v->domain);
        if (p->cpu->time_offset)
            p->cpu->time_offset(v, moved);
    }
    return rc;
}

static const struct hvm_io_ops rtc_ops = { rtc_read, rtc_write };

int vrtc_claim(struct domain *d)
{
    return hvm_io_claim_ports(d, CMOS_INDEX, CMOS_DATA, &rtc_ops);
}

/* --- life --- */

void hvm_rtc_time_changed(struct domain *d)
{
    struct vplatform *p = domain_platform(d);

    if (!platform_has(p, XEN_X86_EMU_RTC))
        return;
    spin_lock(&p->rtc.lock);
    p->rtc.seen = guest_second(p);
    arm_timer(p);
    spin_unlock(&p->rtc.lock);
}

void vrtc_reset(struct vplatform *p)
{
    struct vrtc *r = &p->rtc;

    spin_lock(&r->lock);
    vtick_stop(&r->tick);
    memset(r->reg, 0, sizeof(r->reg));
    r->reg[RTC_REG_A] = RTC_A_RESET;
    r->reg[RTC_REG_B] = RTC_B_24H;
    r->index = 0;
    r->periodic_from = NOW();
    r->periodic_seen = 0;
    r->seen = guest_second(p);
    arm_timer(p);
    spin_unlock(&r->lock);
}

void vrtc_init(struct vplatform *p)
{
    spin_lock_init(&p->rtc.lock, LOCK_HVM_DEVICE);
}

void vrtc_init_timers(struct vplatform *p, struct vcpu *v)
{
    init_timer(&p->rtc.timer, rtc_timer, p, v->processor);
    vtick_init(&p->rtc.tick, v, &p->rtc.lock, raise_periodic);
}

/* --- record --- */

static unsigned int one_if_rtc(const struct domain *d)
{
    return platform_has(domain_platform(d), XEN_X86_EMU_RTC);
}

static void save_rtc(struct domain *d, unsigned int instance, void *record)
{
    struct vplatform *p = domain_platform(d);
    struct hvm_hw_rtc *r = record;

    memset(r, 0, sizeof(*r));
    spin_lock(&p->rtc.lock);
    catch_up(p);
    update_irq(p);
    if (!(p->rtc.reg[RTC_REG_B] & RTC_B_SET))
        latch_clock(&p->rtc, guest_second(p));
    memcpy(r->cmos_data, p->rtc.reg, sizeof(r->cmos_data));
    r->cmos_index = p->rtc.index;
    r->rtc_offset = d->time_offset_seconds;
    spin_unlock(&p->rtc.lock);
}

static const char *check_rtc(struct domain *d, unsigned int instance, const void *record)
{
    return NULL;
}

/* The clock itself follows the offset that this domain was given. */
static void load_rtc(struct domain *d, unsigned int instance, const void *record)
{
    struct vplatform *p = domain_platform(d);
    const struct hvm_hw_rtc *r = record;

    vrtc_reset(p);
    spin_lock(&p->rtc.lock);
    memcpy(p->rtc.reg, r->cmos_data, sizeof(p->rtc.reg));
    p->rtc.reg[RTC_REG_A] &= (uint8_t)~RTC_A_UPDATING;
    p->rtc.index = r->cmos_index & RTC_INDEX_MASK;
    start_periodic(&p->rtc);
    update_irq(p);
    arm_timer(p);
    spin_unlock(&p->rtc.lock);
}

const struct hvm_record vrtc_record = {
    HVM_RECORD(RTC), .instances = one_if_rtc,
    .save = save_rtc, .check = check_rtc, .load = load_rtc,
};
