/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does each shutdown reason reach domain 0 as the domain's code, and is a hostile reason harmless?
 *
 * The ABI: SCHEDOP_shutdown with reason 0 to 5 stops the domain with that code; other reasons stop
 * it with an unchanged code or are refused; SCHEDOP_shutdown_code sets the code beforehand; a
 * watchdog that fires gives code watchdog.
 */
#include <guest.h>

void test_main(void)
{
    struct sched_shutdown shutdown = {
        .reason = (unsigned int)line_number(command_line(), "reason", 0),
    };
    struct sched_watchdog watchdog = { .id = 0, .timeout = 1 };
    char name[16] = "";

    line_text(command_line(), "by", name, sizeof(name));
    if (!strcmp(name, "watchdog")) {
        expect(hc_sched_op(SCHEDOP_watchdog, &watchdog), 1);
        spin_ns(4 * NS_PER_SEC);
        report_failure("the watchdog did not fire");
    } else if (!strcmp(name, "code")) {
        expect(hc_sched_op(SCHEDOP_shutdown_code, &shutdown), 0);
        /* The later reason does not replace the code. */
        shutdown.reason = SHUTDOWN_poweroff;
        hc_sched_op(SCHEDOP_shutdown, &shutdown);
        report_failure("shutdown came back");
    } else {
        long got = hc_sched_op(SCHEDOP_shutdown, &shutdown);

        if (shutdown.reason == SHUTDOWN_suspend)
            return;
        check(shutdown.reason > SHUTDOWN_MAX, "shutdown came back with %ld", got);
    }
}
