/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When does an event reach the guest: the pending bit, the port's mask, the selector word, the
 * upcall-pending flag and the upcall mask?
 *
 * The ABI: sending sets the port's pending bit; if it was clear and the port unmasked, the selector
 * bit and evtchn_upcall_pending; the callback runs when evtchn_upcall_mask is clear, with the mask
 * set and the old mask in the frame. Edge, not level: a set bit sends nothing again.
 */
#include <guest.h>

static unsigned int mask_in_upcall, nested;
static long port;

static void on_event(unsigned int p)
{
    (void)p;
    mask_in_upcall = this_vcpu()->info->evtchn_upcall_mask;
    if (nested) {
        nested--;
        event_send((unsigned int)port);
    }
}

static void masked_port(struct vcpu_info *info)
{
    unsigned int p = (unsigned int)port, upcalls = event_upcalls();

    expect(event_send(p), 0);
    check(event_pending(p), "sending did not set the pending bit");
    check(event_upcalls() == upcalls, "a masked port gave an upcall");
    check(!info->evtchn_upcall_pending, "a masked port set evtchn_upcall_pending");
    expect(event_unmask(p), 0);
    check(event_count(p) == 1, "unmasking a pending port gave %u upcalls", event_count(p));
    check(!event_masked(p), "EVTCHNOP_unmask left the mask");
    check(mask_in_upcall == 1, "the callback runs with the upcall mask clear");
}

static void masked_upcall(struct vcpu_info *info)
{
    unsigned int p = (unsigned int)port, count = event_count(p);

    events_off();
    expect(event_send(p), 0);
    check(event_count(p) == count, "an upcall came through the upcall mask");
    check(info->evtchn_upcall_pending, "evtchn_upcall_pending is clear");
    check(info->evtchn_pending_sel == 1UL << (p / 64), "selector is 0x%lx",
          info->evtchn_pending_sel);
    /* Pending already: a second send is lost in the first. */
    expect(event_send(p), 0);
    events_on();
    check(event_count(p) == count + 1, "turning events on gave %u upcalls",
          event_count(p) - count);
    check(info->evtchn_upcall_mask == 0, "the return from the callback left the mask set");
}

static void from_inside(void)
{
    unsigned int p = (unsigned int)port, count = event_count(p);

    nested = 3;
    expect(event_send(p), 0);
    check(event_count(p) == count + 4, "a callback that sends gave %u upcalls, not 4",
          event_count(p) - count);
}

/* An event that arrives with events off is delivered by the sched_op block that turns them on. */
static void block_unmasks(struct vcpu_info *info)
{
    unsigned int p = (unsigned int)port, count = event_count(p);

    events_off();
    expect(event_send(p), 0);
    expect(hc_sched_op(SCHEDOP_block, NULL), 0);
    check(event_count(p) == count + 1, "block did not deliver");
    check(info->evtchn_upcall_mask == 0, "block left the upcall mask set");
}

static long send_from_user(void *flag)
{
    while (!read_once(*(unsigned int *)flag))
        asm volatile("pause");
    return 1;
}

static unsigned int user_flag;

static void set_flag(unsigned int p)
{
    (void)p;
    user_flag = 1;
}

/* An event that interrupts user code goes to the kernel's stack and comes back. */
static void in_user_mode(void)
{
    long timer = event_bind_virq(VIRQ_TIMER, 0);

    require(timer > 0, true);
    event_handler((unsigned int)timer, set_flag);
    expect(event_unmask((unsigned int)timer), 0);
    expect(hc_set_timer_op(now_ns() + 5 * NS_PER_MS), 0);
    expect(user_call(send_from_user, &user_flag), 1);
    check(user_flag, "no event in user mode");
}

void test_main(void)
{
    struct vcpu_info *info = this_vcpu()->info;

    port = event_bind_ipi(0);
    require(port > 0, true);
    event_handler((unsigned int)port, on_event);
    check(event_masked((unsigned int)port), "the test starts with ports masked");
    masked_port(info);
    masked_upcall(info);
    from_inside();
    block_unmasks(info);
    in_user_mode();
}
