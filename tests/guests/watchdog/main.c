/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can a domain set, poke and clear its watchdog timers?
 *
 * The ABI: id 0 gives a free slot (1 or 2 of two), with a slot's id the timer is set again or, by
 * timeout 0, cleared; no slot left -ENOSPC; unknown ids -EINVAL. A watchdog that is poked
 * does not fire. (A new one with timeout 0 fires at once and ends the machine: not tried here.)
 */
#include <guest.h>

static long watchdog(uint32_t id, uint32_t timeout)
{
    struct sched_watchdog w = { .id = id, .timeout = timeout };

    return hc_sched_op(SCHEDOP_watchdog, &w);
}

void test_main(void)
{
    struct sched_poll sleep = { .nr_ports = 0 };
    unsigned int i;
    long first, second;

    first = watchdog(0, 100);
    check(first == 1, "the first slot is %ld", first);
    second = watchdog(0, 100);
    check(second == 2, "the second slot is %ld", second);
    expect((int)watchdog(0, 100), -XEN_ENOSPC);
    expect((int)watchdog(2, 0), 0);
    expect((int)watchdog(3, 10), -XEN_EINVAL);
    expect((int)watchdog(0xffffffff, 10), -XEN_EINVAL);
    expect(hc_sched_op(SCHEDOP_watchdog, 0x1000), -XEN_EFAULT);
    for (i = 0; i < 6; i++) {
        expect((int)watchdog(1, 1), 0);
        sleep.timeout = now_ns() + 300 * NS_PER_MS;
        expect(hc_sched_op(SCHEDOP_poll, &sleep), 0);
    }
    expect((int)watchdog(1, 0), 0);
    sleep.timeout = now_ns() + 1200 * NS_PER_MS;
    expect(hc_sched_op(SCHEDOP_poll, &sleep), 0);
}
