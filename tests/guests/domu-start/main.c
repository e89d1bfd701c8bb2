/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does an unprivileged PV domain start with what its builder gave it, and work?
 *
 * Checked from inside: start info, command line, phys-to-machine list against the
 * machine-to-physical table, shared info, events, timers, time, memory of its own; flags tell no
 * privilege.
 */
#include <guest.h>

#define WALLCLOCK_2020 1577836800u

void test_main(void)
{
    unsigned long i, wrong = 0;
    long timer;
    domid_t self = DOMID_SELF;

    check(!is_dom0(), "the flags say initial domain");
    check(!(start_info->flags & SIF_PRIVILEGED), "the flags say privileged");
    check(!strncmp(start_info->magic, "xen-3.0-x86_64", 14), "magic is %s", start_info->magic);
    expect(line_number(command_line(), "domid", 0), 1);
    for (i = 0; i < start_info->nr_pages; i++)
        wrong += mfn_to_pfn(pfn_to_mfn(i)) != i;
    check(!wrong, "%lu frames have another number", wrong);
    expect(hc_memory_op(XENMEM_current_reservation, &self), start_info->nr_pages);
    expect(hc_xen_version(XENVER_version, NULL), 0x40011);
    timer = event_bind_virq(VIRQ_TIMER, 0);
    require(timer > 0, true);
    expect(event_unmask((unsigned int)timer), 0);
    expect(hc_set_timer_op(now_ns() + 10 * NS_PER_MS), 0);
    check(wait_until(event_count((unsigned int)timer), 1000), "no timer event");
    /* The builder has cleared the page: the hypervisor fills in the time with the first context. */
    check(shared_info->wc_sec > WALLCLOCK_2020, "the wall clock says %u", shared_info->wc_sec);
    check(!(shared_info->wc_version & 1), "the wall clock's version is odd");
    check(pages_left() > 100, "%lu pages left", pages_left());
}
