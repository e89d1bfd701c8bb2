/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is the PV clock monotonic, steady against other clocks, and the same on all vCPUs?
 *
 * The ABI: system_time + scaled TSC difference is nanoseconds since boot; the version is even when
 * the record is stable; the wall clock record plus system time is the time of day. Told apart by
 * reading many times (never backwards), by comparing with the time a poll sleeps, with the
 * timestamp counter's own rate, and with the record of a second vCPU.
 */
#include <guest.h>

static volatile uint64_t other_time;
static volatile unsigned int ready, stop;

static void monotonic(void)
{
    uint64_t last = now_ns(), worst = 0;
    unsigned int i;

    for (i = 0; i < 200000; i++) {
        uint64_t now = now_ns();

        if (now < last && last - now > worst)
            worst = last - now;
        last = now > last ? now : last;
    }
    /* Corrections of the rate may step a few hundred nanoseconds back at a record's change. */
    check(worst < 10000, "time went back by %lu ns", worst);
}

static void rate(void)
{
    uint64_t t0 = now_ns(), c0 = rdtsc(), t1, c1, hz;

    spin_ns(100 * NS_PER_MS);
    t1 = now_ns();
    c1 = rdtsc();
    hz = (c1 - c0) * NS_PER_SEC / (t1 - t0);
    check(hz > 10 * 1000000UL && hz < 10000 * 1000000UL, "the TSC runs at %lu Hz", hz);
    check(this_vcpu()->info->time.tsc_to_system_mul != 0, "no multiplier");
}

static void wall(void)
{
    uint64_t seconds = shared_info->wc_sec | (uint64_t)shared_info->wc_sec_hi << 32;
    uint32_t version = shared_info->wc_version;

    check(!(version & 1) && version, "wall clock version %u", version);
    check(shared_info->wc_nsec < NS_PER_SEC, "wall clock has %u ns", shared_info->wc_nsec);
    /* After 2020 and before 2100. */
    check(seconds > 1577836800UL && seconds < 4102444800UL, "boot was at %lu s", seconds);
}

static void second(void *unused)
{
    (void)unused;
    while (!stop) {
        other_time = now_ns();
        ready = 1;
    }
}

static void two(void)
{
    unsigned int i;
    uint64_t ahead = 0;

    if (hc_vcpu_op(VCPUOP_is_up, 1, NULL) < 0)
        return;
    require(vcpu_start(1, second, NULL), 0);
    require(wait_until(ready, 1000), true);
    for (i = 0; i < 100000; i++) {
        uint64_t theirs = other_time, mine = now_ns();

        /* Read later, so never smaller but for the records' skew. */
        if (theirs > mine && theirs - mine > ahead)
            ahead = theirs - mine;
    }
    stop = 1;
    check(ahead < 100000, "the second vCPU's clock is %lu ns ahead", ahead);
    check(vcpu_wait_down(1), "the second vCPU does not end");
}

void test_main(void)
{
    uint32_t version = this_vcpu()->info->time.version;

    check(version && !(version & 1), "time record's version is %u", version);
    monotonic();
    rate();
    wall();
    two();
}
