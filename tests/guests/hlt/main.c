/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does HLT in guest kernel mode block until an event, as PV kernels before sched_op relied on?
 *
 * The hypervisor emulates it as SCHEDOP_block (events on, wait), or gives #GP. It must not stop the
 * processor: time goes on and a timer event comes.
 */
#include <guest.h>

static void halt(void *unused)
{
    (void)unused;
    asm volatile("hlt");
}

void test_main(void)
{
    long timer = event_bind_virq(VIRQ_TIMER, 0);
    uint64_t start;
    struct trap t;

    require(timer > 0, true);
    require(event_unmask((unsigned int)timer), 0);
    start = now_ns();
    require(hc_set_timer_op(start + 20 * NS_PER_MS), 0);
    if (trap_catch(halt, NULL, &t)) {
        check(t.vector == VEC_GP && !t.error, "HLT gave vector %d error 0x%lx", t.vector, t.error);
        return;
    }
    check(event_count((unsigned int)timer) == 1, "HLT went on without the timer's event");
    check(now_ns() - start >= 19 * NS_PER_MS, "HLT lasted only %lu ns", now_ns() - start);
}
