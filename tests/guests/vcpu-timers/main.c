/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do set_timer_op, the single-shot and the periodic timer send VIRQ_TIMER when due?
 *
 * The ABI: set_timer_op and set_singleshot_timer take an absolute system time, 0 stops the first;
 * a past time fires at once (also with VCPU_SSHOTTMR_future, which 4.17 no longer looks at);
 * stop_singleshot_timer stops; the periodic timer fires every period (at least 1 ms, else -EINVAL)
 * and is on with 10 ms when a PV vCPU starts.
 */
#include <guest.h>

static unsigned int timer;

static long single(uint64_t when, uint32_t flags)
{
    struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = when, .flags = flags };

    return hc_vcpu_op(VCPUOP_set_singleshot_timer, 0, &t);
}

/* Wait for the next timer event; the time it took, or 0 if none came in @ms. */
static uint64_t next_event(uint64_t start, unsigned int ms)
{
    unsigned int before = event_count(timer);

    if (!wait_until(event_count(timer) != before, ms))
        return 0;
    return now_ns() - start;
}

static void in_time(const char *what, uint64_t took, uint64_t due)
{
    check(took, "%s: no event", what);
    check(!took || (took >= due - NS_PER_MS && took < due + 400 * NS_PER_MS),
          "%s: event after %lu ns, due %lu", what, took, due);
}

static void one_shots(void)
{
    uint64_t start = now_ns();

    expect(hc_set_timer_op(start + 10 * NS_PER_MS), 0);
    in_time("set_timer_op", next_event(start, 2000), 10 * NS_PER_MS);
    start = now_ns();
    expect(single(start + 15 * NS_PER_MS, 0), 0);
    in_time("single shot", next_event(start, 2000), 15 * NS_PER_MS);
    start = now_ns();
    expect(single(start + 15 * NS_PER_MS, VCPU_SSHOTTMR_future), 0);
    in_time("single shot in the future", next_event(start, 2000), 15 * NS_PER_MS);
    /* A new time replaces the old one. */
    start = now_ns();
    expect(hc_set_timer_op(start + 5000 * NS_PER_MS), 0);
    expect(hc_set_timer_op(start + 10 * NS_PER_MS), 0);
    in_time("replaced", next_event(start, 2000), 10 * NS_PER_MS);
    check(next_event(now_ns(), 30) == 0, "a one-shot timer fired twice");
}

static void past_and_stop(void)
{
    unsigned int before = event_count(timer);

    expect(single(1, 0), 0);
    check(wait_until(event_count(timer) == before + 1, 500), "a past time does not fire");
    expect(single(1, VCPU_SSHOTTMR_future), 0);
    check(wait_until(event_count(timer) == before + 2, 500), "a past time does not fire");
    expect(single(now_ns() + 20 * NS_PER_MS, 0), 0);
    expect(hc_vcpu_op(VCPUOP_stop_singleshot_timer, 0, NULL), 0);
    check(next_event(now_ns(), 60) == 0, "a stopped single shot fired");
    expect(hc_set_timer_op(now_ns() + 20 * NS_PER_MS), 0);
    expect(hc_set_timer_op(0), 0);
    check(next_event(now_ns(), 60) == 0, "a stopped timer fired");
    before = event_count(timer);
    expect(hc_set_timer_op(1), 0);
    check(wait_until(event_count(timer) > before, 500), "set_timer_op in the past does not fire");
    expect(hc_set_timer_op(0), 0);
}

static void periodic(void)
{
    struct vcpu_set_periodic_timer p = { .period_ns = 10 * NS_PER_MS };
    unsigned int before;

    expect(hc_vcpu_op(VCPUOP_set_periodic_timer, 0, &p), 0);
    before = event_count(timer);
    check(wait_until(event_count(timer) >= before + 5, 2000), "5 periods gave %u events",
          event_count(timer) - before);
    expect(hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
    spin_ns(15 * NS_PER_MS);
    check(next_event(now_ns(), 50) == 0, "a stopped periodic timer fires");
    p.period_ns = 999999;
    expect(hc_vcpu_op(VCPUOP_set_periodic_timer, 0, &p), -XEN_EINVAL);
    p.period_ns = ~0UL;
    check(hc_vcpu_op(VCPUOP_set_periodic_timer, 0, &p) <= 0, "the longest period");
    expect(hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
}

void test_main(void)
{
    struct vcpu_set_singleshot_timer t = { .timeout_abs_ns = 1 };
    long port = event_bind_virq(VIRQ_TIMER, 0);

    require(port > 0, true);
    timer = (unsigned int)port;
    expect(event_unmask(timer), 0);
    check(wait_until(event_count(timer) >= 2, 500), "no periodic timer at start");
    expect(hc_vcpu_op(VCPUOP_stop_periodic_timer, 0, NULL), 0);
    one_shots();
    past_and_stop();
    periodic();
    expect(hc_vcpu_op(VCPUOP_set_singleshot_timer, 0, 0x1000), -XEN_EFAULT);
    expect(hc_vcpu_op(VCPUOP_set_periodic_timer, 0, 0x1000), -XEN_EFAULT);
    expect(hc_vcpu_op(VCPUOP_set_singleshot_timer, 1000, &t), -XEN_ENOENT);
    /* Far future, and times that overflow: no event, no crash. */
    expect(single(now_ns() + (1UL << 62), 0), 0);
    check(next_event(now_ns(), 20) == 0, "a timer in 146 years fired");
    hc_set_timer_op(~0UL);
    hc_set_timer_op(1UL << 63);
    hc_set_timer_op(0);
}
