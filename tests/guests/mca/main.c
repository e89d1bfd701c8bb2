/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Are machine checks told to domain 0 by the call that is for that, and can it make some up?
 *
 * The ABI (xen/arch-x86/xen-mca.h): another interface version is -EACCES; physcpuinfo counts the
 * processors, and names each with the banks that it has; fetch has no data while nothing happened,
 * and does not take both or no kind of data. msrinject sets registers of one processor's banks and
 * no others, mceinject makes that processor take a machine check. An uncorrected error that nobody
 * has used yet is survived, VIRQ_MCA tells of it, fetch shows it until it is acknowledged.
 * Processors that do not exist are refused.
 */
#include <guest.h>
#include <xen/arch-x86/xen-mca.h>

#define MSR_MCG_CAP 0x179
#define MSR_MCG_STATUS 0x17a
#define MSR_MC2_STATUS 0x409
#define MSR_MC2_ADDR 0x40a
#define RIPV 1
/* VAL, UC, EN, ADDRV, S; memory scrubbing, channel 0: recovery is optional */
#define SCRUB_ERROR 0xb5000000000000c0

static struct xen_mc op;
static mc_info_t info;

static long call(uint32_t cmd)
{
    op.cmd = cmd;
    op.interface_version = XEN_MCA_INTERFACE_VERSION;
    return HC1(mca, &op);
}

static long fetch(uint32_t flags, uint64_t id)
{
    memset(&op, 0, sizeof(op));
    op.u.mc_fetch.flags = flags;
    op.u.mc_fetch.fetch_id = id;
    set_xen_guest_handle(op.u.mc_fetch.data, &info);
    return call(XEN_MC_fetch);
}

static void refused(void)
{
    memset(&op, 0, sizeof(op));
    op.cmd = XEN_MC_physcpuinfo;
    op.interface_version = XEN_MCA_INTERFACE_VERSION + 1;
    expect(HC1(mca, &op), -XEN_EACCES);
    expect(call(0), -XEN_EINVAL);
    expect(call(99), -XEN_EINVAL);
    expect(call(XEN_MC_notifydomain), -XEN_EINVAL);
    expect(HC1(mca, 0x1000), -XEN_EFAULT);
    expect(fetch(0, 0), -XEN_EINVAL);
    expect(fetch(XEN_MC_URGENT | XEN_MC_NONURGENT, 0), -XEN_EINVAL);
}

static void processors(void)
{
    static xen_mc_logical_cpu_t cpus[4];
    unsigned int seen = 0;

    memset(&op, 0, sizeof(op));
    expect(call(XEN_MC_physcpuinfo), 0);
    expect(op.u.mc_physcpuinfo.ncpus, 2);
    set_xen_guest_handle(op.u.mc_physcpuinfo.info, cpus);
    op.u.mc_physcpuinfo.ncpus = 0;
    expect(call(XEN_MC_physcpuinfo), -XEN_EINVAL);
    op.u.mc_physcpuinfo.ncpus = 4;
    expect(call(XEN_MC_physcpuinfo), 0);
    expect(op.u.mc_physcpuinfo.ncpus, 2);
    for (unsigned int i = 0; i < 2; i++) {
        seen |= 1u << cpus[i].mc_cpunr;
        check(cpus[i].mc_apicid == cpus[i].mc_cpunr, "processor %u has APIC id %u",
              cpus[i].mc_cpunr, cpus[i].mc_apicid);
        check(cpus[i].mc_family >= 6, "family %u", cpus[i].mc_family);
        check(cpus[i].mc_nmsrvals == 1 && cpus[i].mc_msrvalues[0].reg == MSR_MCG_CAP &&
              (cpus[i].mc_msrvalues[0].value & 0xff) >= 4, "%d registers, MCG_CAP 0x%lx",
              cpus[i].mc_nmsrvals, cpus[i].mc_msrvalues[0].value);
    }
    expect(seen, 3);
    op.u.mc_physcpuinfo.ncpus = 1;
    expect(call(XEN_MC_physcpuinfo), 0);
    expect(op.u.mc_physcpuinfo.ncpus, 1);
}

static long inject(unsigned int cpu, uint64_t msr, uint64_t value, unsigned int count)
{
    struct xen_mc_msrinject *mi = &op.u.mc_msrinject;

    memset(&op, 0, sizeof(op));
    mi->mcinj_cpunr = cpu;
    mi->mcinj_flags = MC_MSRINJ_F_INTERPOSE;
    mi->mcinj_count = count;
    mi->mcinj_msr[0].reg = MSR_MCG_STATUS;
    mi->mcinj_msr[0].value = RIPV;
    mi->mcinj_msr[1].reg = msr;
    mi->mcinj_msr[1].value = value;
    mi->mcinj_msr[2].reg = MSR_MC2_ADDR;
    mi->mcinj_msr[2].value = 0x3456000;
    return call(XEN_MC_msrinject);
}

static long machine_check(unsigned int cpu)
{
    memset(&op, 0, sizeof(op));
    op.u.mc_mceinject.mceinj_cpunr = cpu;
    return call(XEN_MC_mceinject);
}

/* The record of the error is there, once. */
static void fetched(void)
{
    const struct mcinfo_common *e;
    unsigned int banks = 0;
    uint64_t id;

    expect(fetch(XEN_MC_URGENT, 0), 0);
    expect(op.u.mc_fetch.flags, XEN_MC_OK);
    id = op.u.mc_fetch.fetch_id;
    check(info.mi_nentries >= 2 && info.mi_nentries < 16, "%u entries", info.mi_nentries);
    e = x86_mcinfo_first(&info);
    expect(e->type, MC_TYPE_GLOBAL);
    for (unsigned int i = 0; i < info.mi_nentries; i++, e = x86_mcinfo_next(e)) {
        const struct mcinfo_bank *b = (const void *)e;

        if (e->type != MC_TYPE_BANK)
            continue;
        banks++;
        expect(b->mc_bank, 2);
        check(b->mc_status == SCRUB_ERROR, "status 0x%lx", b->mc_status);
        expect(b->mc_addr, 0x3456000);
    }
    expect(banks, 1);
    expect(fetch(XEN_MC_URGENT | XEN_MC_ACK, id), 0);
}

static void survived(void)
{
    long port = event_bind_virq(VIRQ_MCA, 0);

    check(port > 0, "VIRQ_MCA can't be bound: %ld", port);
    event_unmask((unsigned int)port);
    expect(inject(1, MSR_MC2_STATUS, SCRUB_ERROR, 3), 0);
    expect(machine_check(1), 0);
    check(wait_until(event_count((unsigned int)port), 3000), "no VIRQ_MCA");
    fetched();
    expect(fetch(XEN_MC_URGENT, 0), 0);
    expect(op.u.mc_fetch.flags, XEN_MC_NODATA);
}

static void not_injected(void)
{
    expect(inject(7, MSR_MC2_STATUS, 0, 3), -XEN_EINVAL);
    expect(inject(1, 0xc0000080, 0, 2), -XEN_EINVAL);
    expect(inject(1, MSR_MC2_STATUS, 0, 9), -XEN_EINVAL);
    expect(inject(1, 0, 0, 0), 0);
    expect(machine_check(7), -XEN_EINVAL);
}

void test_main(void)
{
    refused();
    processors();
    expect(fetch(XEN_MC_URGENT, 0), 0);
    expect(op.u.mc_fetch.flags, XEN_MC_NODATA);
    expect(op.u.mc_fetch.fetch_id, 0);
    expect(fetch(XEN_MC_NONURGENT, 0), 0);
    expect(op.u.mc_fetch.flags, XEN_MC_NODATA);
    not_injected();
    survived();
}
