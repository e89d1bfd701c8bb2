/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does anything wear out over hundreds of domains: frames, ports, grants, time to build one?
 *
 * Three domains at a time live and die in changing order, each with four vCPUs, event
 * channels to domain 0, a page granted to it and mapped here, and timers. Free frames must be
 * exactly the same after the first and the last round; and a round at the end may not take
 * much longer than one at the start.
 */
#include <guest.h>
#include <domain.h>
#include <grant.h>
#include <xen/sysctl.h>

#define ROUNDS 100
#define TOGETHER 3
#define REF 8

static struct domain domains[TOGETHER];
static void *window[TOGETHER];

static volatile unsigned int helpers;

static void helper(void *unused)
{
    (void)unused;
    __atomic_fetch_add(&helpers, 1, __ATOMIC_SEQ_CST);
    spin_ns(NS_PER_MS);
}

static void child(void)
{
    struct vcpu_set_periodic_timer p = { .period_ns = 2 * NS_PER_MS };
    uint64_t *page = page_alloc();
    unsigned int i;

    *page = 0x50a4;
    grant_init();
    grant_page(REF, 0, page, 0);
    for (i = 0; i < 20; i++)
        event_alloc_unbound(DOMID_SELF, 0);
    hc_vcpu_op(VCPUOP_set_periodic_timer, 0, &p);
    for (i = 1; i < 4; i++)
        require(vcpu_start(i, helper, NULL), 0);
    require(wait_until(helpers == 3, 5000), true);
    printf("ready\n");
    for (;;)
        hc_sched_op(SCHEDOP_yield, NULL);
}

static void begin(unsigned int n)
{
    const char *step;
    long error = domain_create(&domains[n], (domid_t)(n + 1), pack_file(pack_entry(0)), 0, "",
                               1024, 4, &step);

    if (error)
        report_error("domain %u: %s gave %ld", n + 1, step, error);
    require(domain_unpause(&domains[n]), 0);
}

static void end(unsigned int n)
{
    struct domain *d = &domains[n];
    grant_handle_t handle;

    if (!wait_until((domain_pump(d), d->lines > 0), 10000))
        report_error("domain %u is not ready", n + 1);
    expect(grant_map(d->id, REF, window[n], GNTMAP_host_map, &handle, NULL), GNTST_okay);
    expect(*(volatile uint64_t *)window[n], 0x50a4);
    /* Half of them die with the page still mapped. */
    if (n % 2)
        expect(grant_unmap(handle, window[n], 0), GNTST_okay);
    domctl_simple(XEN_DOMCTL_pausedomain, d->id);
    if (n % 2 == 0) {
        domctl_simple(XEN_DOMCTL_destroydomain, d->id);
        expect(grant_unmap(handle, window[n], 0), GNTST_okay);
    }
    domain_destroy(d);
    check(wait_until(domain_flags(d->id) == -XEN_ESRCH, 5000), "domain %u stays", d->id);
}

static void debug_key(char key)
{
    struct xen_sysctl op = { .cmd = XEN_SYSCTL_debug_keys,
                             .interface_version = XEN_SYSCTL_INTERFACE_VERSION };

    set_xen_guest_handle(op.u.debug_keys.keys, &key);
    op.u.debug_keys.nr_keys = 1;
    require(hc_sysctl(&op), 0);
}

static uint64_t round_of(unsigned int r)
{
    uint64_t start = now_ns();
    unsigned int i;

    for (i = 0; i < TOGETHER; i++)
        begin((r + i) % TOGETHER);
    for (i = 0; i < TOGETHER; i++)
        end((2 * r + 2 * i) % TOGETHER);
    return now_ns() - start;
}

void test_main(void)
{
    uint64_t free, first = 0, last = 0;
    unsigned int r;
    long lost;

    if (!is_dom0()) {
        child();
        return;
    }
    for (r = 0; r < TOGETHER; r++)
        window[r] = window_alloc(1);
    round_of(0);
    round_of(1);
    spin_ns(200 * NS_PER_MS);
    free = free_frames();
    debug_key('m');
    for (r = 0; r < ROUNDS && !report_failures(); r++) {
        uint64_t took = round_of(r);

        first += r < 10 ? took : 0;
        last += r >= ROUNDS - 10 ? took : 0;
    }
    wait_until(free_frames() == free, 3000);
    lost = (long)(free - free_frames());
    check(!lost, "%ld frames lost in %u rounds", lost, r);
    /* The log is to say where they are. */
    if (lost)
        debug_key('m');
    printf("Note: ten rounds took %lu ms at the start, %lu ms at the end\n", first / NS_PER_MS,
           last / NS_PER_MS);
    /* Other load on the machine may double it. */
    check(last < 4 * first + NS_PER_SEC, "rounds grew from %lu to %lu ns", first / 10, last / 10);
}
