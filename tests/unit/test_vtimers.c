/* SPDX-License-Identifier: BSD-2-Clause */
/* 8254, real-time clock, HPET and PM timer against their data sheets; clocks over hours. */
/* sources: hv/hvm/io.c hv/hvm/vintr.c hv/hvm/vioapic.c hv/hvm/virq_lines.c hv/hvm/vhpet.c */
/* sources: hv/hvm/vlapic.c hv/hvm/vlapic_ipi.c hv/hvm/vlapic_regs.c hv/hvm/vlapic_save.c */
/* sources: hv/hvm/vlapic_timer.c hv/hvm/vmtrr.c hv/hvm/vpic.c hv/hvm/vpit.c hv/hvm/vplatform.c */
/* sources: hv/hvm/vpm.c hv/hvm/vrtc.c hv/hvm/vtick.c hv/hvm/vtime.c */
/* cflags: -DHV_UNIT_TEST */
#include "vplatform_world.h"

#define TICK(n) ((s_time_t)(((unsigned __int128)(n) * 1000000000u + PIT_HZ - 1) / PIT_HZ))
#define HPET(reg) (VHPET_BASE + (reg))
#define hpet_in(reg) mmio_in(0, HPET(reg), 8)
#define hpet_out(reg, val) mmio_out(0, HPET(reg), 8, val)

static int begin(void **state)
{
    world_begin(FULL_PC);
    apic_on(0);
    /* Interrupts of the devices, as edges at the boot CPU: timer, clock, and 20 to 23. */
    set_rte(2, 0x30);
    set_rte(8, 0x38);
    for (unsigned int pin = 20; pin < 24; pin++)
        set_rte(pin, 0x40 + pin);
    return 0;
}
static int end(void **state)
{
    world_end();
    return 0;
}

/* --- 8254 --- */

static void pit_load(unsigned int ch, unsigned int mode, uint16_t count)
{
    outb(0x43, ch << 6 | PIT_RW_WORD << 4 | mode << 1);
    outb(0x40 + ch, count & 0xff);
    outb(0x40 + ch, count >> 8);
}
static uint16_t pit_count(unsigned int ch)
{
    uint16_t low;

    outb(0x43, ch << 6);
    low = inb(0x40 + ch);
    return low | (uint16_t)(inb(0x40 + ch) << 8);
}
static uint8_t pit_status(unsigned int ch)
{
    outb(0x43, 0xe0 | 2 << ch);
    return inb(0x40 + ch);
}
static bool out2(void) { return inb(0x61) & SPEAKER_OUT; }

static void pit_counts_down(void **state)
{
    pit_load(0, 2, 1000);
    assert_int_equal(pit_count(0), 1000);
    clock_by(TICK(1));
    assert_int_equal(pit_count(0), 999);
    clock_by(TICK(998));
    assert_int_equal(pit_count(0), 1);
    clock_by(TICK(1));
    assert_int_equal(pit_count(0), 1000);
    pit_load(1, 3, 1000);
    clock_by(TICK(100));
    assert_int_equal(pit_count(1), 800);        /* by two */
    clock_by(TICK(400));
    assert_int_equal(pit_count(1), 1000);
    pit_load(2, 0, 10);
    clock_by(TICK(9));
    outb(0x61, 1);
    assert_int_equal(pit_count(2), 10);         /* gate was low */
    clock_by(TICK(11));
    assert_int_equal(pit_count(2), 0xffff);     /* goes on after the end */
    pit_load(0, 2, 0);
    assert_int_equal(pit_count(0), 0);          /* 65536 */
    clock_by(TICK(1));
    assert_int_equal(pit_count(0), 0xffff);
}

static void pit_bcd(void **state)
{
    outb(0x43, 0x35);
    outb(0x40, 0x00);
    outb(0x40, 0x10);
    assert_int_equal(pit_count(0), 0x1000);
    clock_by(TICK(1));
    assert_int_equal(pit_count(0), 0x0999);
    outb(0x43, 0x31);
    outb(0x40, 0);
    outb(0x40, 0);
    clock_by(TICK(1));
    assert_int_equal(pit_count(0), 0x9999);
    outb(0x43, 0x35);
    out(0x40, 1, 0xff);                         /* no decimal digits: some count, no harm */
    out(0x40, 1, 0xff);
    (void)pit_count(0);
}

static void pit_latches(void **state)
{
    pit_load(0, 2, 5000);
    outb(0x43, 0);
    clock_by(TICK(100));
    outb(0x43, 0);                              /* the first latch stays */
    assert_int_equal(inb(0x40), 5000 & 0xff);
    assert_int_equal(inb(0x40), 5000 >> 8);
    assert_int_equal(inb(0x40), 4900 & 0xff);   /* unlatched: as it runs */
    assert_int_equal(inb(0x40), 4900 >> 8);
    outb(0x43, 0xc2);                           /* status and count of channel 0 */
    clock_by(TICK(50));
    assert_int_equal(inb(0x40), 0xb4);
    assert_int_equal(inb(0x40), 4900 & 0xff);
    assert_int_equal(inb(0x40), 4900 >> 8);
    outb(0x43, 0x14);                           /* LSB only */
    outb(0x40, 200);
    clock_by(TICK(10));
    outb(0x43, 0);
    assert_int_equal(inb(0x40), 190);
    assert_int_equal(inb(0x40), 190);
    outb(0x43, 0x24);                           /* MSB only */
    assert_int_equal(pit_status(0), PIT_STATUS_OUT | PIT_STATUS_NULL | 0x24);
    outb(0x40, 2);
    assert_int_equal(pit_status(0), PIT_STATUS_OUT | 0x24);
    clock_by(TICK(1));
    outb(0x43, 0);
    assert_int_equal(inb(0x40), 1);
    assert_int_equal(inb(0x43), 0);
}

static void pit_outputs(void **state)
{
    outb(0x61, 1);
    pit_load(2, 0, 100);                        /* end of count */
    assert_false(out2());
    clock_by(TICK(99));
    assert_false(out2());
    clock_by(TICK(1));
    assert_true(out2());
    clock_by(SECONDS(1));
    assert_true(out2());
    outb(0x42, 5);                              /* the first byte of a new count ends it */
    assert_false(out2());
    outb(0x42, 0);
    clock_by(TICK(5));
    assert_true(out2());

    outb(0x61, 0);
    pit_load(2, 1, 100);                        /* one-shot of the gate */
    assert_true(out2());
    clock_by(TICK(500));
    assert_true(out2());
    outb(0x61, 1);
    assert_false(out2());
    outb(0x61, 0);
    clock_by(TICK(50));
    outb(0x61, 1);                              /* again: from the start */
    clock_by(TICK(99));
    assert_false(out2());
    clock_by(TICK(1));
    assert_true(out2());

    pit_load(2, 2, 100);                        /* low for the last clock */
    clock_by(TICK(98));
    assert_true(out2());
    clock_by(TICK(1));
    assert_false(out2());
    clock_by(TICK(1));
    assert_true(out2());
    outb(0x61, 0);
    clock_by(TICK(99));
    assert_true(out2());

    outb(0x61, 1);
    pit_load(2, 3, 101);                        /* one clock longer high than low */
    clock_by(TICK(50));
    assert_true(out2());
    clock_by(TICK(1));
    assert_false(out2());
    clock_by(TICK(50));
    assert_true(out2());

    pit_load(2, 4, 100);                        /* strobe */
    clock_by(TICK(99));
    assert_true(out2());
    clock_by(TICK(1));
    assert_false(out2());
    clock_by(TICK(1));
    assert_true(out2());

    pit_load(2, 5, 100);                        /* strobe of the gate */
    clock_by(TICK(100));
    assert_true(out2());
    outb(0x61, 0);
    outb(0x61, 1);
    clock_by(TICK(100));
    assert_false(out2());
}

static void pit_gate_stops_the_count(void **state)
{
    outb(0x61, 1);
    pit_load(2, 0, 1000);
    clock_by(TICK(300));
    outb(0x61, 0);
    clock_by(SECONDS(1));
    assert_int_equal(pit_count(2), 700);
    outb(0x61, 1);
    clock_by(TICK(700));
    assert_true(out2());
    assert_int_equal(inb(0x61) & 3, 1);
    outb(0x61, 0xfe);
    assert_int_equal(inb(0x61) & 3, 2);
    /* The refresh bit turns every 15 microseconds. */
    uint8_t before = inb(0x61) & SPEAKER_REFRESH;
    clock_by(SPEAKER_REFRESH_NS);
    assert_int_equal(inb(0x61) & SPEAKER_REFRESH, before ^ SPEAKER_REFRESH);
}

static void pit_interrupts(void **state)
{
    unsigned int got = 0;

    pit_load(0, 0, 1000);
    clock_by(TICK(999));
    assert_int_equal(take(0), -1);
    clock_by(TICK(2));
    assert_int_equal(serve(0), 0x30);
    clock_by(SECONDS(1));
    assert_int_equal(take(0), -1);
    pit_load(0, 2, 11932);                      /* 99.998 Hz */
    for (unsigned int ms = 0; ms < 10000; ms++) {
        clock_by(MILLISECS(1));
        got += serve(0) == 0x30;
    }
    assert_int_equal(got, 999);
    outb(0x43, 0x30);                           /* a new mode stops it */
    clock_by(SECONDS(1));
    assert_int_equal(take(0), -1);
}

/* With the line masked everywhere, ticks are lost as on a PC, and come again on their grid. */
static void pit_behind_a_mask(void **state)
{
    set_rte(2, 0x10030);
    pit_load(0, 2, 11932);
    clock_by(SECONDS(3));
    set_rte(2, 0x30);
    for (unsigned int i = 0; i < 5; i++) {
        clock_by(MILLISECS(10));
        assert_int_equal(serve(0), 0x30);
        assert_int_equal(take(0), -1);
    }
}

/* --- real-time clock --- */

static uint8_t cmos(uint8_t reg)
{
    outb(0x70, reg);
    return inb(0x71);
}
static void cmos_set(uint8_t reg, uint8_t val)
{
    outb(0x70, reg);
    outb(0x71, val);
}
static void show(char *s)
{
    sprintf(s, "%02x%02x%02x %02x:%02x:%02x %x", cmos(9), cmos(8), cmos(7), cmos(4), cmos(2),
            cmos(0), cmos(6));
}
static void assert_clock(const char *want)
{
    char is[32];

    show(is);
    assert_string_equal(is, want);
}

static void rtc_shows_the_time(void **state)
{
    assert_clock("240228 23:59:55 4");          /* epoch + 5 s */
    clock_by(SECONDS(5));
    assert_clock("240229 00:00:00 5");
    clock_by(SECONDS(86400));
    assert_clock("240301 00:00:00 6");
    cmos_set(0x0b, RTC_B_BINARY | RTC_B_24H);
    clock_by(SECONDS(3600 * 13 + 59));
    assert_clock("180301 0d:00:3b 6");
    cmos_set(0x0b, 0);
    assert_clock("240301 81:00:59 6");          /* 1 pm */
    clock_by(SECONDS(3600 * 11 + 1));
    assert_clock("240302 12:01:00 7");          /* midnight is 12 am */
    clock_by(SECONDS(3600 * 12));
    assert_clock("240302 92:01:00 7");
    assert_int_equal(cmos(0x0d), RTC_D_VALID);
    cmos_set(0x0d, 0);
    assert_int_equal(cmos(0x0d), RTC_D_VALID);
}

static void rtc_is_set(void **state)
{
    cmos_set(0x0b, RTC_B_SET | RTC_B_24H);
    assert_clock("240228 23:59:55 4");
    clock_by(SECONDS(100));
    assert_clock("240228 23:59:55 4");          /* held */
    cmos_set(9, 0x99);
    cmos_set(8, 0x12);
    cmos_set(7, 0x31);
    cmos_set(4, 0x23);
    cmos_set(2, 0x59);
    cmos_set(0, 0x58);
    assert_int_equal(w.time_offset_told, 0);
    cmos_set(0x0b, RTC_B_24H);
    assert_true(w.time_offset_told < 0);
    assert_int_equal(w.time_offset_told, dom->d.time_offset_seconds);
    assert_clock("991231 23:59:58 6");
    clock_by(SECONDS(2));
    assert_clock("000101 00:00:00 7");          /* 2000 was a Saturday */
    cmos_set(9, 0x38);                          /* without holding it */
    assert_clock("380101 00:00:00 6");
    cmos_set(8, 0xff);                          /* nonsense becomes something */
    cmos_set(7, 0);
    assert_clock("381201 00:00:00 4");
}

static void rtc_update_in_progress(void **state)
{
    assert_false(cmos(0x0a) & RTC_A_UPDATING);
    clock_by(SECONDS(1) - 244001);
    assert_false(cmos(0x0a) & RTC_A_UPDATING);
    clock_by(1);
    assert_true(cmos(0x0a) & RTC_A_UPDATING);
    clock_by(244000);
    assert_false(cmos(0x0a) & RTC_A_UPDATING);
    cmos_set(0x0a, 0xff);
    assert_int_equal(cmos(0x0a), 0x7f);
}

static void rtc_flags_without_interrupts(void **state)
{
    cmos_set(0x0a, 0x26);
    (void)cmos(0x0c);
    assert_int_equal(cmos(0x0c), 0);
    clock_by(SECONDS(1));
    assert_int_equal(cmos(0x0c), RTC_C_UF | RTC_C_PF);
    assert_int_equal(cmos(0x0c), 0);
    cmos_set(RTC_SEC_ALARM, 0x10);
    cmos_set(RTC_MIN_ALARM, RTC_ALARM_ANY);
    cmos_set(RTC_HOUR_ALARM, 0xff);
    clock_by(SECONDS(60));
    assert_int_equal(cmos(0x0c), RTC_C_UF | RTC_C_PF | RTC_C_AF);
    assert_int_equal(take(0), -1);
    assert_int_equal(w.timers ? 1 : 0, 0);      /* nobody is woken for that */
}

static void rtc_update_interrupt(void **state)
{
    clock_by(MILLISECS(300));
    cmos_set(0x0b, RTC_B_24H | RTC_B_UIE);
    (void)cmos(0x0c);
    for (unsigned int i = 0; i < 5; i++) {
        clock_to((w.now / SECONDS(1) + 1) * SECONDS(1));
        assert_int_equal(serve(0), 0x38);
        assert_int_equal(cmos(0x0c) & ~RTC_C_AF, RTC_C_IRQF | RTC_C_UF | RTC_C_PF);
        assert_int_equal(take(0), -1);
    }
    clock_by(SECONDS(3));                       /* unread: one, and no more */
    assert_int_equal(serve(0), 0x38);
    clock_by(SECONDS(3));
    assert_int_equal(take(0), -1);
}

static void rtc_alarm_interrupt(void **state)
{
    cmos_set(RTC_SEC_ALARM, 0x30);
    cmos_set(RTC_MIN_ALARM, 0x05);
    cmos_set(RTC_HOUR_ALARM, 0x04);
    (void)cmos(0x0c);
    cmos_set(0x0b, RTC_B_24H | RTC_B_AIE);
    w.fired = 0;
    clock_by(SECONDS(4 * 3600 + 5 * 60 + 30 + 4));
    assert_int_equal(take(0), -1);
    clock_by(SECONDS(1));
    assert_int_equal(serve(0), 0x38);
    assert_int_equal(w.fired, 1);               /* woken once */
    assert_clock("240229 04:05:30 5");
    assert_true(cmos(0x0c) & RTC_C_AF);
    clock_by(SECONDS(86400));
    assert_int_equal(serve(0), 0x38);           /* the next day again */
    assert_true(cmos(0x0c) & RTC_C_AF);
    cmos_set(RTC_SEC_ALARM, 0x75);              /* never */
    clock_by(SECONDS(86400));
    assert_int_equal(take(0), -1);
    assert_null(w.timers);
    cmos_set(RTC_SEC_ALARM, 0xff);              /* every second of every minute and hour */
    cmos_set(RTC_MIN_ALARM, 0xc0);
    cmos_set(RTC_HOUR_ALARM, 0xdf);
    for (unsigned int i = 0; i < 5; i++) {
        (void)cmos(0x0c);
        clock_to((w.now / SECONDS(1) + 1) * SECONDS(1));
        assert_int_equal(serve(0), 0x38);
    }
    (void)cmos(0x0c);
    cmos_set(0x0b, RTC_B_AIE);                  /* 12 hours: 4 pm */
    cmos_set(RTC_SEC_ALARM, 0);
    cmos_set(RTC_MIN_ALARM, 0);
    cmos_set(RTC_HOUR_ALARM, 0x84);
    clock_by(SECONDS(86400 / 2));
    assert_int_equal(serve(0), 0x38);
}

static void rtc_periodic(void **state)
{
    static const struct { uint8_t rate; unsigned int hz; } rows[] = {
        { 1, 256 }, { 2, 128 }, { 3, 8192 }, { 6, 1024 }, { 15, 2 },
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
        unsigned int got = 0;
        s_time_t step = SECONDS(1) / 16384;

        cmos_set(0x0b, RTC_B_24H);
        cmos_set(0x0a, 0x20);
        cmos_set(0x0a, 0x20 | rows[i].rate);
        (void)cmos(0x0c);
        cmos_set(0x0b, RTC_B_24H | RTC_B_PIE);
        for (s_time_t end = w.now + SECONDS(3) + 1000; w.now < end;) {
            clock_to(MIN(w.now + step, end));
            while (serve(0) == 0x38) {
                got++;
                assert_true(cmos(0x0c) & RTC_C_PF);
            }
        }
        assert_int_equal(got, 3 * rows[i].hz);
    }
    /* Nobody reads register C: the line stays, nothing floods. */
    w.fired = 0;
    clock_by(SECONDS(20));
    assert_int_equal(serve(0), 0x38);
    clock_by(SECONDS(20));
    assert_int_equal(take(0), -1);
    assert_true(w.fired < 100);
    cmos_set(0x0a, 0x76);                       /* divider held in reset: no ticks */
    (void)cmos(0x0c);
    clock_by(SECONDS(2));
    assert_int_equal(take(0), -1);
}

static void rtc_split_with_the_device_model(void **state)
{
    uint64_t val;

    for (unsigned int reg = 0; reg < 256; reg++) {
        int want = (reg & 0x7f) < 14 ? HVM_IO_DONE : HVM_IO_PASS;

        assert_int_equal(hvm_port_write(V(0), 0x70, 1, reg), want);
        assert_int_equal(hvm_port_read(V(0), 0x71, 1, &val), want);
        assert_int_equal(hvm_port_read(V(0), 0x70, 1, &val), want);
        if (want == HVM_IO_DONE)
            assert_int_equal(val, 0xff);
        else
            assert_int_equal(hvm_port_write(V(0), 0x71, 1, 0x55), HVM_IO_PASS);
    }
    assert_int_equal(hvm_port_write(V(0), 0x70, 2, 0x1203), HVM_IO_DONE); /* index, data */
    assert_int_equal(cmos(RTC_MIN_ALARM), 0x12);
    assert_int_equal(hvm_port_write(V(0), 0x70, 2, 0x120e), HVM_IO_PASS);
    assert_int_equal(hvm_port_read(V(0), 0x71, 1, &val), HVM_IO_PASS);
}

/* --- HPET --- */

#define TCFG(n) (0x100 + 0x20 * (n))
#define TCMP(n) (0x108 + 0x20 * (n))
#define ROUTE(gsi) ((gsi) << HPET_T_ROUTE_SHIFT)

static void hpet_registers(void **state)
{
    assert_int_equal(hpet_in(HPET_ID), 0x00f424008086a201ULL);
    assert_int_equal(hpet_in(TCFG(0)), 0x00f0000000000030ULL);
    assert_int_equal(hpet_in(HPET_COUNTER), 0);
    clock_by(SECONDS(1));
    assert_int_equal(hpet_in(HPET_COUNTER), 0);
    hpet_out(HPET_CONFIG, ~0ULL);
    assert_int_equal(hpet_in(HPET_CONFIG), 3);
    clock_by(SECONDS(1));
    assert_int_equal(hpet_in(HPET_COUNTER), 62500000);
    hpet_out(HPET_CONFIG, 0);
    clock_by(SECONDS(1));
    assert_int_equal(hpet_in(HPET_COUNTER), 62500000);
    mmio_out(0, HPET(HPET_COUNTER + 4), 4, 7);
    assert_int_equal(hpet_in(HPET_COUNTER), 7ULL << 32 | 62500000);
    assert_int_equal(mmio_in(0, HPET(HPET_COUNTER + 4), 4), 7);
    assert_int_equal(mmio_in(0, HPET(HPET_ID + 1), 1), 0xa2);
    mmio_out(0, HPET(HPET_COUNTER), 2, 0);      /* not a width it knows */
    assert_int_equal(hpet_in(HPET_COUNTER), 7ULL << 32 | 62500000);
    hpet_out(TCFG(1), ~0ULL);
    assert_int_equal(hpet_in(TCFG(1)) & 0x3fff, 0x17e);  /* route 31 there is not */
    hpet_out(TCFG(1), ROUTE(23));
    assert_int_equal(hpet_in(TCFG(1)) & 0x3e00, ROUTE(23));
    hpet_out(TCFG(1), ROUTE(5));
    assert_int_equal(hpet_in(TCFG(1)) & 0x3e00, ROUTE(23));
    assert_int_equal(hpet_in(0x160), 0);        /* no fourth timer */
    hpet_out(0x160, ~0ULL);
    assert_int_equal(hpet_in(0x160), 0);
}

static void hpet_one_shot(void **state)
{
    hpet_out(TCFG(0), HPET_T_ENABLE | ROUTE(20));
    hpet_out(HPET_CONFIG, 1);
    hpet_out(TCMP(0), hpet_in(HPET_COUNTER) + 1000);
    clock_by(15999);
    assert_int_equal(take(0), -1);
    clock_by(1);
    assert_int_equal(serve(0), 0x54);
    clock_by(SECONDS(100));
    assert_int_equal(take(0), -1);
    assert_int_equal(hpet_in(HPET_STATUS), 0);  /* edges leave no status */
    hpet_out(TCMP(0), hpet_in(HPET_COUNTER) - 10);       /* just missed: at once */
    clock_by(1);
    assert_int_equal(serve(0), 0x54);
    /* 32 bits: it comes round. */
    hpet_out(TCFG(0), HPET_T_ENABLE | ROUTE(20) | HPET_T_32BIT);
    hpet_out(TCMP(0), hpet_in(HPET_COUNTER) + 1000);
    clock_by(16000);
    assert_int_equal(serve(0), 0x54);
    clock_by((1LL << 32) * 16);
    assert_int_equal(serve(0), 0x54);
    assert_int_equal(hpet_in(TCMP(0)) >> 32, 0);
}

static void hpet_periodic(void **state)
{
    uint64_t first;
    unsigned int got = 0;

    hpet_out(HPET_CONFIG, 1);
    hpet_out(TCFG(0), HPET_T_ENABLE | ROUTE(21) | HPET_T_PERIODIC | HPET_T_SETVAL);
    first = hpet_in(HPET_COUNTER) + 5000;
    hpet_out(TCMP(0), first);
    hpet_out(TCMP(0), 62500);                   /* 1 ms */
    assert_int_equal(hpet_in(TCMP(0)), first);
    clock_by(79999);
    assert_int_equal(take(0), -1);
    clock_by(1);
    assert_int_equal(serve(0), 0x55);
    assert_int_equal(hpet_in(TCMP(0)), first + 62500);
    for (unsigned int i = 0; i < 4000; i++) {
        clock_by(USECS(250));
        got += serve(0) == 0x55;
    }
    assert_int_equal(got, 1000);
    assert_int_equal(hpet_in(TCMP(0)), first + 62500 * 1001);
    hpet_out(HPET_CONFIG, 0);
    clock_by(SECONDS(1));
    assert_int_equal(take(0), -1);
    hpet_out(HPET_CONFIG, 1);
    clock_by(MILLISECS(1));
    assert_int_equal(serve(0), 0x55);
}

static void hpet_levels(void **state)
{
    set_rte(22, 0x8056);
    hpet_out(TCFG(2), HPET_T_ENABLE | ROUTE(22) | HPET_T_PERIODIC | HPET_T_LEVEL | HPET_T_SETVAL);
    hpet_out(TCMP(2), 62500);
    hpet_out(TCMP(2), 62500);
    hpet_out(HPET_CONFIG, 1);
    clock_by(MILLISECS(1));
    assert_int_equal(take(0), 0x56);
    assert_int_equal(hpet_in(HPET_STATUS), 4);
    apic_write(0, APIC_EOI, 0);
    assert_int_equal(take(0), 0x56);            /* held until the status is cleared */
    hpet_out(HPET_STATUS, 3);
    assert_int_equal(hpet_in(HPET_STATUS), 4);
    hpet_out(HPET_STATUS, 4);
    apic_write(0, APIC_EOI, 0);
    assert_int_equal(take(0), -1);
    clock_by(MILLISECS(1));
    assert_int_equal(take(0), 0x56);
    hpet_out(TCFG(2), ROUTE(22) | HPET_T_LEVEL);    /* off: the line falls, the status stays */
    apic_write(0, APIC_EOI, 0);
    assert_int_equal(take(0), -1);
    assert_int_equal(hpet_in(HPET_STATUS), 4);
}

static void hpet_replaces_the_others(void **state)
{
    pit_load(0, 2, 11932);
    hpet_out(HPET_CONFIG, HPET_CONFIG_LEGACY | HPET_CONFIG_ENABLE);
    clock_by(SECONDS(1));
    assert_int_equal(take(0), -1);              /* the 8254 is off the line */
    hpet_out(TCFG(0), HPET_T_ENABLE);
    hpet_out(TCMP(0), hpet_in(HPET_COUNTER) + 1000);
    hpet_out(TCFG(1), HPET_T_ENABLE);
    hpet_out(TCMP(1), hpet_in(HPET_COUNTER) + 2000);
    clock_by(16000);
    assert_int_equal(serve(0), 0x30);
    clock_by(16000);
    assert_int_equal(serve(0), 0x38);
    hpet_out(HPET_CONFIG, HPET_CONFIG_ENABLE);
    clock_by(MILLISECS(15));
    assert_int_equal(serve(0), 0x30);           /* and on again */
}

/* --- PM timer --- */

static void pm_timer_and_place(void **state)
{
    uint64_t val, start = in(0x1f48, 4);

    clock_by(SECONDS(1));
    assert_in_range((uint32_t)(in(0x1f48, 4) - start), 3579545, 3579546);
    assert_int_equal(inb(0x1f49), in(0x1f48, 4) >> 8 & 0xff);
    out(0x1f48, 4, 0);
    assert_int_equal(hvm_acpi_set_location(&dom->d, 1), 0);
    assert_int_equal(hvm_port_read(V(0), 0x1f48, 4, &val), HVM_IO_PASS);
    assert_in_range((uint32_t)(in(0xb008, 4) - start), 3579545, 3579546);
    assert_int_equal(hvm_acpi_location(&dom->d), 1);
    assert_int_equal(hvm_acpi_set_location(&dom->d, 2), -EINVAL);
    assert_int_equal(hvm_port_read(V(0), 0xb004, 2, &val), HVM_IO_PASS);    /* PM1 control */
    assert_int_equal(hvm_port_read(V(0), 0xafe0, 1, &val), HVM_IO_PASS);    /* GPE */
    assert_int_equal(hvm_port_read(V(0), 0xb002, 4, &val), HVM_IO_PASS);    /* half of it */
}

static void pm_events(void **state)
{
    set_rte(9, 0x8059);
    out(0x1f42, 2, ACPI_PM1_POWER_BUTTON);
    assert_int_equal(in(0x1f42, 2), ACPI_PM1_POWER_BUTTON);
    hvm_acpi_sleep_button(&dom->d);
    assert_int_equal(take(0), -1);
    hvm_acpi_power_button(&dom->d);
    assert_int_equal(take(0), 0x59);
    assert_int_equal(in(0x1f40, 4), ACPI_PM1_POWER_BUTTON << 16 | ACPI_PM1_POWER_BUTTON |
                     ACPI_PM1_SLEEP_BUTTON);
    outb(0x1f41, ACPI_PM1_POWER_BUTTON >> 8);   /* one byte */
    assert_int_equal(in(0x1f40, 2), ACPI_PM1_SLEEP_BUTTON);
    apic_write(0, APIC_EOI, 0);
    assert_int_equal(take(0), -1);
    outb(0x1f43, ACPI_PM1_SLEEP_BUTTON >> 8);
    assert_int_equal(serve(0), 0x59);
    out(0x1f40, 4, 0xffff);
    assert_int_equal(in(0x1f40, 4), 0);
    (void)serve(0);
    /* The top bit changes every ten minutes. */
    assert_int_equal(take(0), -1);
    clock_by(SECONDS(601));
    assert_int_equal(in(0x1f40, 2), ACPI_PM1_TIMER);
    out(0x1f40, 4, ACPI_PM1_TIMER << 16 | ACPI_PM1_TIMER);
    w.fired = 0;
    clock_by(SECONDS(601));
    assert_int_equal(take(0), 0x59);
    assert_int_equal(w.fired, 1);
}

/* --- together, for long --- */

/* Hours of late timers and slow service: every clock, and every count of ticks, is exact. */
static void nothing_drifts(void **state)
{
    const unsigned int hours = 4;
    uint64_t pit = 0, rtc = 0, hpet = 0, apic = 0;
    s_time_t t0;
    uint32_t pm0;

    w.jitter = 900000;
    apic_write(0, APIC_LVT_TIMER, 0x90 | APIC_TIMER_PERIODIC);
    apic_write(0, APIC_TIMER_DIVIDE, 0xb);
    hpet_out(HPET_CONFIG, 1);
    hpet_out(TCFG(0), HPET_T_ENABLE | ROUTE(20) | HPET_T_PERIODIC | HPET_T_SETVAL);
    cmos_set(0x0a, 0x2c);                       /* 16 Hz */
    t0 = w.now;
    pm0 = (uint32_t)in(0x1f48, 4);
    apic_write(0, APIC_TIMER_INIT, 3333333);    /* 33.33333 ms */
    hpet_out(TCMP(0), 1250000);                 /* 20 ms, and at first too */
    hpet_out(TCMP(0), 1250000);
    pit_load(0, 2, 0);                          /* 18.2 Hz */
    cmos_set(0x0b, RTC_B_24H | RTC_B_PIE);
    while (w.now < t0 + SECONDS(3600 * hours)) {
        clock_by(rnd() % 1000 ? rnd() % 15000000 : rnd() % SECONDS(1));
        for (int vector; (vector = serve(0)) >= 0;) {
            pit += vector == 0x30;
            hpet += vector == 0x54;
            apic += vector == 0x90;
            if (vector == 0x38)
                rtc += cmos(0x0c) >> 6 & 1;
        }
    }
    w.jitter = 0;
    clock_by(MILLISECS(2));
    for (int vector; (vector = serve(0)) >= 0;) {
        pit += vector == 0x30;
        hpet += vector == 0x54;
        apic += vector == 0x90;
        if (vector == 0x38)
            rtc += cmos(0x0c) >> 6 & 1;
    }
    s_time_t gone = w.now - t0;

    printf("%lld s: PIT %llu, RTC %llu, HPET %llu, APIC %llu ticks\n",
           (long long)(gone / SECONDS(1)), (unsigned long long)pit, (unsigned long long)rtc,
           (unsigned long long)hpet, (unsigned long long)apic);
    assert_int_equal(pit, (uint64_t)((unsigned __int128)gone * PIT_HZ / 1000000000u / 65536));
    /* To the nanosecond, not only to the tick. */
    assert_int_equal(dom->platform->pit.tick.due,
                     t0 + (s_time_t)((unsigned __int128)(pit + 1) * 65536 * 1000000000u / PIT_HZ));
    assert_int_equal(rtc, (uint64_t)((unsigned __int128)gone * 16 / 1000000000u));
    assert_int_equal(hpet, gone / MILLISECS(20));
    assert_int_equal(apic, gone / 33333330);
    assert_int_equal(hpet_in(HPET_COUNTER), gone / 16);
    assert_int_equal(apic_read(0, APIC_TIMER_COUNT), 3333333 - gone / 10 % 3333333);
    assert_in_range((uint32_t)(in(0x1f48, 4) - pm0 -
                               (uint32_t)((unsigned __int128)gone * 3579545 / 1000000000u)), 0, 1);
    cmos_set(0x0b, RTC_B_24H | RTC_B_BINARY);
    assert_int_equal((cmos(4) * 60 + cmos(2)) * 60 + cmos(0),
                     (w.now / SECONDS(1) + 86390) % 86400);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pit_counts_down), TEST(pit_bcd), TEST(pit_latches), TEST(pit_outputs),
        TEST(pit_gate_stops_the_count), TEST(pit_interrupts), TEST(pit_behind_a_mask),
        TEST(rtc_shows_the_time), TEST(rtc_is_set), TEST(rtc_update_in_progress),
        TEST(rtc_flags_without_interrupts), TEST(rtc_update_interrupt), TEST(rtc_alarm_interrupt),
        TEST(rtc_periodic), TEST(rtc_split_with_the_device_model), TEST(hpet_registers),
        TEST(hpet_one_shot), TEST(hpet_periodic), TEST(hpet_levels),
        TEST(hpet_replaces_the_others), TEST(pm_timer_and_place), TEST(pm_events),
        TEST(nothing_drifts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
