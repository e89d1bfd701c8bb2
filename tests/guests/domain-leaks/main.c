/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does everything that an unprivileged domain registered with the hypervisor go away with it?
 *
 * The domain hands over pages (EOI bits, vcpu_info, FIFO control block and event array), fills its
 * event channels, lets two vCPUs register the vcpu_info of a third one at the same time, and powers
 * off. Each life must leave exactly as many frames free as it found.
 */
#include <guest.h>
#include <domain.h>

#define LIVES 4
#define VCPUS 32
#define RACED_FROM 2
#define ARRAY_PAGES 8

/* --- the domain --- */

static void *raced_page[2][VCPUS];
static volatile unsigned int round_of[2];
static volatile unsigned int registered[VCPUS];

static void racer(void *arg)
{
    unsigned int me = (unsigned int)(unsigned long)arg;
    unsigned int v;

    for (v = RACED_FROM; v < VCPUS; v++) {
        struct vcpu_register_vcpu_info info = { .mfn = virt_to_mfn(raced_page[me][v]) };

        round_of[me] = v;
        while (round_of[!me] < v)
            asm volatile("pause");
        if (!hc_vcpu_op(VCPUOP_register_vcpu_info, v, &info))
            __atomic_fetch_add(&registered[v], 1, __ATOMIC_SEQ_CST);
    }
    round_of[me] = VCPUS;
}

static void race(void)
{
    unsigned int v;

    for (v = RACED_FROM; v < VCPUS; v++) {
        raced_page[0][v] = page_alloc();
        raced_page[1][v] = page_alloc();
    }
    require(vcpu_start(1, racer, (void *)1UL), 0);
    racer(NULL);
    check(wait_until(round_of[1] == VCPUS, 5000), "the other vCPU does not come to an end");
    for (v = RACED_FROM; v < VCPUS; v++)
        check(registered[v] == 1, "vCPU %u: %u registrations succeeded", v, registered[v]);
}

static void many_ports(void)
{
    struct evtchn_init_control init = { .control_gfn = virt_to_mfn(page_alloc()) };
    unsigned int i, n;

    for (n = 0; n < 500; n++)
        require(event_alloc_unbound(DOMID_SELF, 0) > 0, true);
    require(hc_event_channel_op(EVTCHNOP_init_control, &init), 0);
    for (i = 0; i < ARRAY_PAGES; i++) {
        struct evtchn_expand_array expand = { .array_gfn = virt_to_mfn(page_alloc()) };

        require(hc_event_channel_op(EVTCHNOP_expand_array, &expand), 0);
    }
    while (event_alloc_unbound(DOMID_SELF, 0) > 0)
        n++;
    check(n > 1000, "only %u ports", n);
}

static void child(void)
{
    struct physdev_pirq_eoi_gmfn eoi = { .gmfn = virt_to_mfn(page_alloc()) };

    expect(hc_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v2, &eoi), 0);
    expect(hc_physdev_op(PHYSDEVOP_pirq_eoi_gmfn_v2, &eoi), -XEN_EBUSY);
    race();
    many_ports();
}

/* --- domain 0 --- */

static struct domain domain;

static void live(void)
{
    const struct pack_entry *e = pack_entry(0);
    const char *step;
    long error = domain_create(&domain, 1, pack_file(e), e->length, "", 1024, VCPUS, &step);

    if (error)
        report_error("%s gave %ld", step, error);
    require(domain_unpause(&domain), 0);
    check(domain_wait_shutdown(&domain, 20000), "the domain is still running");
    check(!strcmp(domain_outcome(&domain), "success"), "d1: %s", domain_outcome(&domain));
    expect(domain_destroy(&domain), 0);
}

void test_main(void)
{
    unsigned int i;

    if (!is_dom0()) {
        child();
        return;
    }
    for (i = 0; i < LIVES; i++) {
        uint64_t free = free_frames();

        live();
        check(wait_until(free_frames() == free, 2000), "life %u: %ld frames lost", i,
              (long)(free - free_frames()));
    }
}
