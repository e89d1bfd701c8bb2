/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do event channels work between domains, end when one dies, and does VIRQ_DOM_EXC tell domain 0?
 *
 * A child binds to a port that domain 0 offered to it, echoes every event, and on a second port
 * ends. Also tried: ports offered to another domain, closing one end, reuse after death.
 */
#include <guest.h>
#include <domain.h>

#define ROUNDS 50

static struct domain domain;
static volatile unsigned int echoes;

static void on_ping(unsigned int port)
{
    event_send(port);
}

static volatile unsigned int end;

static void on_end(unsigned int port)
{
    (void)port;
    end = 1;
}

static void child(void)
{
    unsigned int ping = (unsigned int)line_number(command_line(), "ping", 0);
    unsigned int quit = (unsigned int)line_number(command_line(), "quit", 0);
    unsigned int other = (unsigned int)line_number(command_line(), "other", 0);
    long a = event_bind_interdomain(0, ping), b = event_bind_interdomain(0, quit);
    struct evtchn_status status;

    require(a > 0 && b > 0, true);
    check(event_bind_interdomain(0, other) < 0, "bound a port offered to domain 2");
    check(event_bind_interdomain(0, ping) < 0, "bound a port twice");
    expect(event_status((unsigned int)a, &status), EVTCHNSTAT_interdomain);
    expect(status.u.interdomain.dom, 0);
    expect(status.u.interdomain.port, ping);
    event_clear((unsigned int)a);
    event_clear((unsigned int)b);
    event_handler((unsigned int)a, on_ping);
    event_handler((unsigned int)b, on_end);
    expect(event_unmask((unsigned int)a), 0);
    expect(event_unmask((unsigned int)b), 0);
    /* Ready. */
    expect(event_send((unsigned int)a), 0);
    while (!end)
        hc_sched_op(SCHEDOP_block, NULL);
}

static void on_echo(unsigned int port)
{
    (void)port;
    echoes++;
}

static void rounds(unsigned int ping)
{
    unsigned int i;

    for (i = 0; i < ROUNDS; i++) {
        unsigned int before = echoes;

        expect(event_send(ping), 0);
        if (!wait_until(echoes > before, 2000)) {
            report_failure("round %u: no echo", i);
            break;
        }
    }
}

void test_main(void)
{
    struct evtchn_status status;
    unsigned int ping, quit, other, exc;
    char command[100];
    const char *step;
    long error;

    if (!is_dom0()) {
        child();
        return;
    }
    exc = (unsigned int)event_bind_virq(VIRQ_DOM_EXC, 0);
    expect(event_unmask(exc), 0);
    ping = (unsigned int)event_alloc_unbound(DOMID_SELF, 1);
    quit = (unsigned int)event_alloc_unbound(DOMID_SELF, 1);
    other = (unsigned int)event_alloc_unbound(DOMID_SELF, 2);
    event_handler(ping, on_echo);
    snprintf(command, sizeof(command), "ping=%u quit=%u other=%u", ping, quit, other);
    error = domain_create(&domain, 1, pack_file(pack_entry(0)), 0, command, 1024, 1, &step);
    if (error)
        report_error("%s gave %ld", step, error);
    expect(event_unmask(ping), 0);
    require(domain_unpause(&domain), 0);
    if (!wait_until((domain_pump(&domain), echoes > 0), 5000))
        report_error("the child did not bind");
    rounds(ping);
    expect(event_status(ping, &status), EVTCHNSTAT_interdomain);
    expect(status.u.interdomain.dom, 1);
    check(event_count(exc) == 0, "VIRQ_DOM_EXC without an exception");
    expect(event_send(quit), 0);
    check(domain_wait_shutdown(&domain, 5000), "the child does not end");
    check(!strcmp(domain_outcome(&domain), "success"), "child: %s", domain_outcome(&domain));
    check(wait_until(event_count(exc) >= 1, 500), "the child's end gave no VIRQ_DOM_EXC");
    /* Death closes the child's end: ours is unbound again. */
    expect(domain_destroy(&domain), 0);
    expect(event_status(ping, &status), EVTCHNSTAT_unbound);
    expect(event_send(ping), 0);
    check(wait_until(event_count(exc) >= 2, 500), "the child's death gave no VIRQ_DOM_EXC");
}
