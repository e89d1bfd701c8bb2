/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does the callback vector bring every event, once, and not while interrupts are off?
 */
#include <hvm.h>

void test_main(void)
{
    long port = event_bind_ipi(0);
    unsigned int i;

    require(port > 0, true);
    require(event_unmask((unsigned int)port), 0);
    for (i = 1; i <= 100; i++) {
        require(event_send((unsigned int)port), 0);
        check(event_count((unsigned int)port) == i, "event %u came %u times", i,
              event_count((unsigned int)port));
    }
    interrupts_off();
    require(event_send((unsigned int)port), 0);
    check(event_count((unsigned int)port) == 100, "an event came with interrupts off");
    check(this_vcpu()->info->evtchn_upcall_pending, "nothing is pending");
    /* STI holds it back for one more instruction. */
    asm volatile("sti; nop; nop" ::: "memory");
    check(event_count((unsigned int)port) == 101, "the event that waited did not come");
}
