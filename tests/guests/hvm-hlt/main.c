/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does HLT wait for an interrupt, and only so long?
 *
 * STI; HLT sleeps until the timer's event comes by the callback vector; one that waits already ends
 * it at once, since STI holds interrupts back for one instruction only. User mode's HLT raises #GP.
 */
#include <hvm.h>

static long user_hlt(void *unused)
{
    (void)unused;
    asm volatile("hlt");
    return 0;
}

void test_main(void)
{
    long timer = event_bind_virq(VIRQ_TIMER, 0);
    uint64_t start;

    require(timer > 0, true);
    require(event_unmask((unsigned int)timer), 0);
    start = now_ns();
    interrupts_off();
    require(hc_set_timer_op(start + 20 * NS_PER_MS), 0);
    while (!event_count((unsigned int)timer))
        wait_for_interrupt();
    check(now_ns() - start >= 19 * NS_PER_MS, "HLT lasted only %lu ns", now_ns() - start);

    interrupts_off();
    require(hc_set_timer_op(now_ns() + NS_PER_MS), 0);
    spin_ns(5 * NS_PER_MS);
    check(event_count((unsigned int)timer) == 1, "an event came with interrupts off");
    wait_for_interrupt();
    check(event_count((unsigned int)timer) == 2, "the event that waited did not end HLT");
    expect_user_trap(user_hlt, NULL, VEC_GP, 0);
}
