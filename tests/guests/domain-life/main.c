/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can domains be made, run, paused and destroyed again and again with every frame coming back?
 *
 * After each life exactly as many frames are free, by physinfo, as after the first (on Xen no
 * fewer); a paused domain does not run; numbers are usable
 * again; half made domains go away as well. The domains are this same program, which counts in
 * shared memory.
 */
#include <guest.h>
#include <domain.h>

#define LIVES 12

static struct domain domain;

static bool all_back(uint64_t free)
{
    uint64_t now = free_frames();

    return is_hospes() ? now == free : now >= free;
}

/* In the child: count up on the console for ever. */
static void child(void)
{
    unsigned int n = 0;

    for (;;) {
        printf("tick %u\n", n++);
        spin_ns(5 * NS_PER_MS);
    }
}

static void pump_for(unsigned int ms)
{
    uint64_t end = now_ns() + ms * NS_PER_MS;

    while (now_ns() < end) {
        struct sched_poll sleep = { .timeout = now_ns() + NS_PER_MS };

        hc_sched_op(SCHEDOP_poll, &sleep);
        domain_pump(&domain);
    }
}

static bool ticks(unsigned int ms)
{
    unsigned int before = domain.lines;

    pump_for(ms);
    return domain.lines > before;
}

static void create(unsigned int pages)
{
    const struct pack_entry *e = pack_entry(0);
    const char *step;
    long error = domain_create(&domain, 1, pack_file(e), e->length, "", pages, 1, &step);

    if (error)
        report_error("%s gave %ld", step, error);
}

static void pausing(void)
{
    check(!ticks(30), "a new domain runs before it is unpaused");
    expect(domain_unpause(&domain), 0);
    check(ticks(200), "an unpaused domain does not run");
    expect(domain_pause(&domain), 0);
    check(domain_flags(1) & XEN_DOMINF_paused, "flags of a paused domain: 0x%lx", domain_flags(1));
    domain_pump(&domain);
    check(!ticks(50), "a paused domain runs");
    /* Pauses by the toolstack don't nest beyond their count. */
    expect(domain_pause(&domain), 0);
    expect(domain_unpause(&domain), 0);
    check(!ticks(30), "a domain paused twice runs after one unpause");
    expect(domain_unpause(&domain), 0);
    check(ticks(200), "the domain does not go on");
}

static void lives(void)
{
    uint64_t free = 0;
    unsigned int i;

    for (i = 0; i < LIVES; i++) {
        create(1024 + 64 * i);
        require(domain_unpause(&domain), 0);
        /* Destroyed while it runs, or before it did. */
        if (i % 3)
            pump_for(i * 3);
        expect(domain_destroy(&domain), 0);
        expect(domain_flags(1), -XEN_ESRCH);
        if (i == 0)
            free = free_frames();
        check(wait_until(all_back(free), 1000), "life %u: %lu frames free, first %lu", i,
              free_frames(), free);
    }
}

static void half_made(void)
{
    const struct pack_entry *e = pack_entry(0);
    uint64_t free = free_frames();
    const char *step;
    unsigned int i;

    for (i = 0; i < 5; i++)
        check(domain_create(&domain, 1, "no ELF file at all", 18, "", 1024, 1, &step) < 0,
              "a domain of nonsense");
    /* A reserved number means: any. */
    expect(domain_create(&domain, DOMID_FIRST_RESERVED, pack_file(e), e->length, "", 1024, 1,
                         &step), 0);
    check(domain.id > 0 && domain.id < DOMID_FIRST_RESERVED, "number %u was given", domain.id);
    expect(domain_destroy(&domain), 0);
    create(1024);
    check(domctl_simple(XEN_DOMCTL_createdomain, 1) < 0, "a number was given twice");
    expect(domain_destroy(&domain), 0);
    check(wait_until(all_back(free), 1000), "%ld frames lost by half-made domains",
          (long)(free - free_frames()));
    expect(domain_destroy(&domain), -XEN_ESRCH);
}

static long context(uint32_t command, struct vcpu_guest_context *ctx)
{
    static struct xen_domctl op;

    memset(&op, 0, sizeof(op));
    op.cmd = command;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = domain.id;
    set_xen_guest_handle(op.u.vcpucontext.ctxt, ctx);
    return hc_domctl(&op);
}

/* A vCPU that has its context may get another one, but keeps its tables: root, user root, GDT. */
static void second_context(void)
{
    static struct vcpu_guest_context ctx, other;

    expect(context(XEN_DOMCTL_getvcpucontext, &ctx), 0);
    expect(context(XEN_DOMCTL_setvcpucontext, &ctx), 0);
    other = ctx;
    other.ctrlreg[3] = xen_pfn_to_cr3(domain.mfns[0]);
    expect(context(XEN_DOMCTL_setvcpucontext, &other), -XEN_EOPNOTSUPP);
    other = ctx;
    other.flags &= ~(unsigned long)VGCF_in_kernel; /* it has no root table for user mode */
    expect(context(XEN_DOMCTL_setvcpucontext, &other), -XEN_EOPNOTSUPP);
    other = ctx;
    other.ctrlreg[1] = xen_pfn_to_cr3(domain.mfns[0]);
    expect(context(XEN_DOMCTL_setvcpucontext, &other), -XEN_EOPNOTSUPP);
    other = ctx;
    other.gdt_ents = 512;
    expect(context(XEN_DOMCTL_setvcpucontext, &other), -XEN_EOPNOTSUPP);
}

void test_main(void)
{
    if (!is_dom0()) {
        child();
        return;
    }
    create(1024);
    second_context();
    pausing();
    expect(domain_destroy(&domain), 0);
    lives();
    half_made();
}
