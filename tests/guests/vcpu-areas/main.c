/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do the areas a vCPU registers (vcpu_info, runstate, time) get the right contents at the right
 * time?
 *
 * The ABI: register_vcpu_info moves the record once (a second time -EINVAL), keeps its contents
 * and makes all ports look pending once; it may not cross a page (-ENXIO). The runstate area's
 * times add up to the time since creation and never go back; get_runstate_info tells the same. The
 * time area holds the same record as the shared page. Hostile frames and offsets are refused.
 */
#include <guest.h>

static struct vcpu_runstate_info runstate;
static struct vcpu_time_info time_area;

static uint64_t sum(const struct vcpu_runstate_info *r)
{
    return r->time[0] + r->time[1] + r->time[2] + r->time[3];
}

/* A loaded machine may hold the vCPU up before it sleeps: the best of some tries counts. */
static void sleeping(void)
{
    uint64_t most = 0;
    unsigned int i;

    for (i = 0; i < 5 && most < 25 * NS_PER_MS; i++) {
        uint64_t before = runstate.time[RUNSTATE_blocked];
        struct sched_poll sleep = { .timeout = now_ns() + 30 * NS_PER_MS };

        expect(hc_sched_op(SCHEDOP_poll, &sleep), 0);
        before = runstate.time[RUNSTATE_blocked] - before;
        most = before > most ? before : most;
    }
    check(most >= 25 * NS_PER_MS, "30 ms asleep count as %lu ns blocked", most);
}

static void runstates(void)
{
    struct vcpu_register_runstate_memory_area area = { 0 };
    struct vcpu_runstate_info got;
    uint64_t start = now_ns();

    expect(hc_vcpu_op(VCPUOP_get_runstate_info, 0, &got), 0);
    expect(got.state, RUNSTATE_running);
    check(got.time[RUNSTATE_running] > 0, "no running time");
    area.addr.v = &runstate;
    expect(hc_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area), 0);
    expect(runstate.state, RUNSTATE_running);
    sleeping();
    check(sum(&runstate) >= sum(&got), "runstate times went back");
    check(sum(&runstate) - sum(&got) <= 2 * (now_ns() - start) + NS_PER_MS,
          "runstate times grew by %lu ns in %lu ns", sum(&runstate) - sum(&got), now_ns() - start);
    expect(hc_vcpu_op(VCPUOP_get_runstate_info, 0, 0x1000), -XEN_EFAULT);
    expect(hc_vcpu_op(VCPUOP_register_runstate_memory_area, 0, 0x1000), -XEN_EFAULT);
    area.addr.v = (void *)(HYPERVISOR_VIRT_START + 0x1000);
    check(hc_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area) < 0,
          "runstate area in the hypervisor");
    area.addr.v = NULL;
    hc_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area);
}

static void times(void)
{
    struct vcpu_register_time_memory_area area = { 0 };
    uint64_t shared, own, tsc;

    area.addr.v = &time_area;
    expect(hc_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &area), 0);
    check(time_area.version != 0 && !(time_area.version & 1), "version is %u", time_area.version);
    tsc = rdtsc();
    shared = time_of(&this_vcpu()->info->time, tsc);
    own = time_of(&time_area, tsc);
    check(own - shared + NS_PER_MS < 2 * NS_PER_MS, "areas differ by %ld ns", (long)(own - shared));
    area.addr.v = (void *)(HYPERVISOR_VIRT_START + 0x1000);
    check(hc_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &area) < 0,
          "time area in the hypervisor");
    expect(hc_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, 0x1000), -XEN_EFAULT);
    area.addr.v = NULL;
    expect(hc_vcpu_op(VCPUOP_register_vcpu_time_memory_area, 0, &area), 0);
}

static void info(void)
{
    uint8_t *page = page_alloc();
    struct vcpu_register_vcpu_info reg = { .mfn = virt_to_mfn(page),
                                           .offset = PAGE_SIZE - sizeof(struct vcpu_info) + 1 };
    long port = event_bind_ipi(0);

    expect(hc_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), -XEN_ENXIO);
    reg.offset = 0xffffffff;
    expect(hc_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), -XEN_ENXIO);
    reg.offset = 128;
    reg.mfn = 0xfffffffff;
    check(hc_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg) < 0, "vcpu_info in no memory");
    reg.mfn = mm_root_mfn();
    check(hc_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg) < 0, "vcpu_info in the L4");
    reg.mfn = virt_to_mfn(page);
    expect(hc_vcpu_op(VCPUOP_register_vcpu_info, 1000, &reg), -XEN_ENOENT);
    expect(hc_vcpu_op(VCPUOP_register_vcpu_info, 0, 0x1000), -XEN_EFAULT);
    events_off();
    expect(hc_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), 0);
    this_vcpu()->info = (struct vcpu_info *)(page + 128);
    expect(this_vcpu()->info->evtchn_upcall_mask, 1);
    check(this_vcpu()->info->evtchn_pending_sel != 0, "ports don't look pending after the move");
    events_on();
    expect(hc_vcpu_op(VCPUOP_register_vcpu_info, 0, &reg), -XEN_EINVAL);
    /* Events and time arrive at the new place. */
    expect(event_unmask((unsigned int)port), 0);
    expect(event_send((unsigned int)port), 0);
    expect(event_count((unsigned int)port), 1);
    check(now_ns() > 0, "no time at the new place");
    check(protect_page(page, PTE_RO) == 0, "the page can't be made read-only");
    require(protect_page(page, PTE_RW), 0);
    /* The hypervisor holds the page: it is no page table while in use. */
    table_page(page);
    check(mmuext_mfn(MMUEXT_PIN_L1_TABLE, virt_to_mfn(page)) < 0, "vcpu_info became a page table");
    untable_page(page);
}

void test_main(void)
{
    runstates();
    times();
    info();
}
