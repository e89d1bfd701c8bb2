/* SPDX-License-Identifier: BSD-2-Clause */
/* The virtual platform as a whole: devices by flags, claims, memory types, records, hostile use. */
/* sources: hv/hvm/io.c hv/hvm/vintr.c hv/hvm/vioapic.c hv/hvm/virq_lines.c hv/hvm/vhpet.c */
/* sources: hv/hvm/vlapic.c hv/hvm/vlapic_ipi.c hv/hvm/vlapic_regs.c hv/hvm/vlapic_save.c */
/* sources: hv/hvm/vlapic_timer.c hv/hvm/vmtrr.c hv/hvm/vpic.c hv/hvm/vpit.c hv/hvm/vplatform.c */
/* sources: hv/hvm/vpm.c hv/hvm/vrtc.c hv/hvm/vtick.c hv/hvm/vtime.c */
/* cflags: -DHV_UNIT_TEST */
#include "vplatform_world.h"

#define NR_RECORDS 256
#define MAX_RECORD 2048

static int begin(void **state)
{
    world_begin(FULL_PC);
    return 0;
}
static int end(void **state)
{
    world_end();
    return 0;
}

/* --- what exists --- */

static const struct { uint32_t flag; uint16_t port; uint64_t gpa; } places[] = {
    { XEN_X86_EMU_LAPIC, 0, 0xfee00000 }, { XEN_X86_EMU_LAPIC, 0, 0xfee00fff },
    { XEN_X86_EMU_IOAPIC, 0, 0xfec00000 }, { XEN_X86_EMU_IOAPIC, 0, 0xfec000ff },
    { XEN_X86_EMU_HPET, 0, 0xfed00000 }, { XEN_X86_EMU_HPET, 0, 0xfed003ff },
    { XEN_X86_EMU_PIC, 0x20, 0 }, { XEN_X86_EMU_PIC, 0x21, 0 }, { XEN_X86_EMU_PIC, 0xa0, 0 },
    { XEN_X86_EMU_PIC, 0xa1, 0 }, { XEN_X86_EMU_PIC, 0x4d0, 0 }, { XEN_X86_EMU_PIC, 0x4d1, 0 },
    { XEN_X86_EMU_PIT, 0x40, 0 }, { XEN_X86_EMU_PIT, 0x43, 0 }, { XEN_X86_EMU_PIT, 0x61, 0 },
    { XEN_X86_EMU_RTC, 0x70, 0 }, { XEN_X86_EMU_RTC, 0x71, 0 },
    { XEN_X86_EMU_PM, 0x1f40, 0 }, { XEN_X86_EMU_PM, 0x1f43, 0 }, { XEN_X86_EMU_PM, 0x1f48, 0 },
};
static const uint32_t sets[] = {
    0, XEN_X86_EMU_LAPIC, XEN_X86_EMU_LAPIC | XEN_X86_EMU_IOAPIC,
    XEN_X86_EMU_LAPIC | XEN_X86_EMU_PIC | XEN_X86_EMU_PIT,
    XEN_X86_EMU_LAPIC | XEN_X86_EMU_IOAPIC | XEN_X86_EMU_HPET,
    XEN_X86_EMU_LAPIC | XEN_X86_EMU_IOAPIC | XEN_X86_EMU_PM | XEN_X86_EMU_RTC, FULL_PC,
};

static void only_what_was_asked_for_exists(void **state)
{
    world_end();
    for (unsigned int i = 0; i < ARRAY_SIZE(sets); i++) {
        unsigned int ports = 0, known = 0;
        uint64_t val;

        world_begin(sets[i]);
        for (unsigned int n = 0; n < ARRAY_SIZE(places); n++) {
            bool has = sets[i] & places[n].flag;

            if (places[n].port)
                assert_int_equal(hvm_port_read(V(0), places[n].port, 1, &val),
                                 has ? HVM_IO_DONE : HVM_IO_PASS);
            else
                assert_int_equal(hvm_mmio_claimed(V(0), places[n].gpa), has);
        }
        for (unsigned int port = 0; port <= UINT16_MAX; port++)
            ports += hvm_port_read(V(0), (uint16_t)port, 1, &val) == HVM_IO_DONE;
        known = (sets[i] & XEN_X86_EMU_PIC ? 6 : 0) + (sets[i] & XEN_X86_EMU_PIT ? 5 : 0) +
                (sets[i] & XEN_X86_EMU_RTC ? 2 : 0) + (sets[i] & XEN_X86_EMU_PM ? 8 : 0);
        assert_int_equal(ports, known);
        assert_int_equal(hvm_has_lapic(&dom->d), !!(sets[i] & XEN_X86_EMU_LAPIC));
        assert_int_equal(take(0), -1);
        if (i + 1 < ARRAY_SIZE(sets))
            world_end();
    }
}

static void flags_that_make_no_sense(void **state)
{
    assert_non_null(hvm_platform_bad_flags(XEN_X86_EMU_IOAPIC));
    assert_non_null(hvm_platform_bad_flags(XEN_X86_EMU_LAPIC | XEN_X86_EMU_HPET));
    assert_non_null(hvm_platform_bad_flags(XEN_X86_EMU_LAPIC | XEN_X86_EMU_RTC));
    assert_non_null(hvm_platform_bad_flags(FULL_PC | XEN_X86_EMU_VPCI));
    assert_non_null(hvm_platform_bad_flags(FULL_PC | 1u << 30));
    /* What xl asks for. */
    assert_null(hvm_platform_bad_flags(XEN_X86_EMU_ALL & ~XEN_X86_EMU_VPCI));
    assert_null(hvm_platform_bad_flags(XEN_X86_EMU_LAPIC));
}

/* --- claims --- */

static uint64_t seen_addr, seen_val;
static unsigned int seen_size;
static int probe_read(struct vcpu *v, uint64_t addr, unsigned int size, uint64_t *val)
{
    seen_addr = addr;
    seen_size = size;
    *val = ~0ULL;
    return HVM_IO_DONE;
}
static int probe_write(struct vcpu *v, uint64_t addr, unsigned int size, uint64_t val)
{
    seen_addr = addr;
    seen_val = val;
    return HVM_IO_DONE;
}
static const struct hvm_io_ops probe = { probe_read, probe_write };

static void claims(void **state)
{
    uint64_t val = 0;

    assert_int_equal(hvm_io_claim_ports(&dom->d, 0x500, 0x507, &probe), 0);
    assert_int_equal(hvm_io_claim_ports(&dom->d, 0x507, 0x510, &probe), -EEXIST);
    assert_int_equal(hvm_io_claim_ports(&dom->d, 0x4f0, 0x600, &probe), -EEXIST);
    assert_int_equal(hvm_io_claim_ports(&dom->d, 0x510, 0x50f, &probe), -EINVAL);
    assert_int_equal(hvm_io_claim_mmio(&dom->d, 0xd0000000, 0xd0000fff, &probe), 0);
    assert_int_equal(hvm_io_claim_mmio(&dom->d, 0xfed003ff, 0xfed00400, &probe), -EEXIST);
    assert_int_equal(hvm_io_claim_mmio(&dom->d, 1ULL << 32, 1ULL << 32, &probe), -EINVAL);
    assert_int_equal(in(0x504, 4), UINT32_MAX);
    assert_int_equal(seen_size, 4);
    assert_int_equal(hvm_port_read(V(0), 0x506, 4, &val), HVM_IO_PASS);
    assert_int_equal(hvm_port_read(V(0), 0x4ff, 2, &val), HVM_IO_PASS);
    assert_int_equal(hvm_port_read(V(0), 0xffff, 4, &val), HVM_IO_PASS);
    out(0x501, 1, 0x1234);
    assert_int_equal(seen_val, 0x34);
    assert_int_equal(mmio_in(0, 0xd0000ff8, 8), ~0ULL);
    assert_int_equal(hvm_mmio_read(V(0), 0xd0000ffc, 8, &val), HVM_IO_PASS);
    assert_int_equal(hvm_mmio_read(V(0), 0xfffffffffffffffcULL, 8, &val), HVM_IO_PASS);
    hvm_io_move_ports(&dom->d, &probe, 0x700);
    assert_int_equal(hvm_port_read(V(0), 0x500, 1, &val), HVM_IO_PASS);
    assert_int_equal(in(0x707, 1), 0xff);
    for (unsigned int i = 0; i < HVM_IO_RANGES; i++)
        (void)hvm_io_claim_ports(&dom->d, (uint16_t)(0x8000 + i), (uint16_t)(0x8000 + i), &probe);
    assert_int_equal(hvm_io_claim_ports(&dom->d, 0x9000, 0x9000, &probe), -ENOSPC);
}

/* --- memory types --- */

static int mtrr_write(uint32_t msr, uint64_t val) { return vmtrr_msr_write(V(0), msr, val); }

static void memory_types(void **state)
{
    uint64_t val;

    assert_int_equal(vmtrr_type(V(0), 0), MT_UC);
    assert_int_equal(vmtrr_msr_read(V(0), MSR_MTRRCAP, &val), 0);
    assert_int_equal(val, 0x508);
    assert_int_equal(mtrr_write(MSR_MTRRCAP, 0), -EPERM);
    assert_int_equal(mtrr_write(MSR_MTRR_DEF_TYPE, 0xc06), 0);
    assert_int_equal(vmtrr_type(V(0), 0x100000), MT_WB);
    assert_int_equal(vmtrr_type(V(0), 0), MT_UC);           /* fixed ranges are 0 */
    assert_int_equal(mtrr_write(0x250, 0x0606060606060605), 0);
    assert_int_equal(vmtrr_type(V(0), 0xffff), MT_WP);
    assert_int_equal(vmtrr_type(V(0), 0x10000), MT_WB);
    assert_int_equal(mtrr_write(0x259, 0x0100000000000000), 0);
    assert_int_equal(vmtrr_type(V(0), 0xbffff), MT_WC);
    assert_int_equal(vmtrr_type(V(0), 0xbbfff), MT_UC);
    assert_int_equal(mtrr_write(0x26f, 0x0400000000000000), 0);
    assert_int_equal(vmtrr_type(V(0), 0xff000), MT_WT);
    assert_int_equal(mtrr_write(0x200, 0xd0000001), 0);
    assert_int_equal(mtrr_write(0x201, 0xfff0000800), 0);
    assert_int_equal(vmtrr_type(V(0), 0xd0000000), MT_WC);
    assert_int_equal(vmtrr_type(V(0), 0xd0100000), MT_WC);
    assert_int_equal(vmtrr_type(V(0), 0xe0000000), MT_WB);
    assert_int_equal(mtrr_write(0x20e, 0xd0000000), 0);     /* overlap: UC */
    assert_int_equal(mtrr_write(0x20f, 0xfffffff800), 0);
    assert_int_equal(vmtrr_type(V(0), 0xd0000000), MT_UC);
    assert_int_equal(mtrr_write(0x200, 0xd0000002), -EPERM);
    assert_int_equal(mtrr_write(0x200, 0xd0000101), -EPERM);
    assert_int_equal(mtrr_write(0x201, 1ULL << 40 | 0x800), -EPERM);
    assert_int_equal(mtrr_write(0x210, 0), -ENOENT);
    assert_int_equal(mtrr_write(0x250, 7), -EPERM);
    assert_int_equal(mtrr_write(0x251, 0), -ENOENT);
    assert_int_equal(mtrr_write(MSR_MTRR_DEF_TYPE, 0x1006), -EPERM);
    assert_int_equal(mtrr_write(MSR_MTRR_DEF_TYPE, 2), -EPERM);
    assert_int_equal(vmtrr_pat(V(0)), 0x0007040600070406ULL);
    assert_int_equal(mtrr_write(MSR_PAT, 0x0007010600070106ULL), 0);
    assert_int_equal(mtrr_write(MSR_PAT, 2), -EPERM);
    assert_int_equal(mtrr_write(MSR_PAT, 8ULL << 56), -EPERM);
}

/* --- records --- */

struct saved {
    const struct hvm_record *r;
    unsigned int instance;
    uint8_t data[MAX_RECORD] __aligned(8);
};
static struct saved saved[2][NR_RECORDS];

static unsigned int save_all(struct saved *to)
{
    unsigned int nr = 0;

    for (unsigned int i = 0; i < hvm_nr_platform_records; i++) {
        const struct hvm_record *r = hvm_platform_records[i];

        assert_true(r->length <= MAX_RECORD && r->length % 8 == 0);
        for (unsigned int n = 0; n < r->instances(&dom->d); n++) {
            if (r->has && !r->has(&dom->d, n))
                continue;
            assert_true(nr < NR_RECORDS);
            to[nr] = (struct saved){ r, n, { 0 } };
            memset(to[nr].data, 0xa5, sizeof(to[nr].data));
            r->save(&dom->d, n, to[nr].data);
            assert_int_equal(to[nr].data[r->length], 0xa5);
            nr++;
        }
    }
    return nr;
}

static void load_all(const struct saved *from, unsigned int nr)
{
    for (unsigned int i = 0; i < nr; i++) {
        const char *why = from[i].r->check(&dom->d, from[i].instance, from[i].data);

        if (why)
            fail_msg("%s: %s", from[i].r->name, why);
    }
    for (unsigned int i = 0; i < nr; i++)
        from[i].r->load(&dom->d, from[i].instance, from[i].data);
}

/* A new platform whose clock is where the old one was. */
static void reincarnate(uint32_t flags)
{
    s_time_t now = w.now;
    unsigned long random = w.random;
    int64_t offset = dom->d.time_offset_seconds;

    world_end();
    world_begin(flags);
    w.now = now;
    w.random = random;
    dom->d.time_offset_seconds = offset;
    hvm_platform_reset(&dom->d);
    hvm_rtc_time_changed(&dom->d);
}

static void compare(unsigned int nr, unsigned int nr2)
{
    assert_int_equal(nr, nr2);
    for (unsigned int i = 0; i < nr; i++)
        if (memcmp(saved[0][i].data, saved[1][i].data, saved[0][i].r->length))
            for (unsigned int at = 0; at < saved[0][i].r->length; at++)
                if (saved[0][i].data[at] != saved[1][i].data[at])
                    fail_msg("%s[%u] byte %#x: %02x, was %02x", saved[0][i].r->name,
                             saved[0][i].instance, at, saved[1][i].data[at],
                             saved[0][i].data[at]);
}

static void records_are_in_order(void **state)
{
    for (unsigned int i = 1; i < hvm_nr_platform_records; i++)
        assert_true(hvm_platform_records[i]->code > hvm_platform_records[i - 1]->code);
    /* Two PICs, one each of eight, and five for each vCPU but none twice. */
    assert_int_equal(save_all(saved[0]), 2 + 8 + 4 * VCPUS);
    reincarnate(XEN_X86_EMU_LAPIC);
    assert_int_equal(save_all(saved[0]), 4 * VCPUS);
}

static void one_hostile_access(void)
{
    static const uint16_t ports[] = { 0x20, 0xa0, 0x40, 0x42, 0x61, 0x70, 0x71, 0x4d0, 0x1f40,
                                      0x1f48, 0xb000, 0xb008 };
    static const uint64_t pages[] = { 0xfec00000, 0xfed00000, 0xfed00100, 0xfee00000 };
    unsigned int n = rnd() % VCPUS, size = 1u << rnd() % 4;
    uint64_t val, gpa = pages[rnd() % ARRAY_SIZE(pages)];

    switch (rnd() % 10) {
    case 0: case 1:
        (void)hvm_port_read(V(n), ports[rnd() % ARRAY_SIZE(ports)] + rnd() % 4,
                            MIN(size, 4u), &val);
        break;
    case 2: case 3: case 4:
        (void)hvm_port_write(V(n), ports[rnd() % ARRAY_SIZE(ports)] + rnd() % 4,
                             MIN(size, 4u), rnd64());
        break;
    case 5:
        (void)hvm_mmio_read(V(n), gpa + (rnd() & 0x3ff), size, &val);
        break;
    case 6:
        gpa += rnd() & (rnd() % 2 ? 0x3f0 : 0x3ff);
        val = rnd() % 2 ? rnd64() : rnd() & 0xffff;
        (void)hvm_mmio_write(V(n), gpa, size, val);
        break;
    case 7:
        (void)take(n);
        break;
    case 8:
        hvm_set_pci_intx_level(&dom->d, rnd() % 32, rnd() % 4, rnd() % 2);
        (void)hvm_set_pci_link_route(&dom->d, rnd() % 4, rnd() % 16);
        break;
    default:
        clock_by(rnd() % 8 ? rnd() % 100000 : rnd() % 30000000);
        run_tasklets();
    }
}

static void state_survives_the_way(void **state)
{
    unsigned int nr;

    for (unsigned int round = 0; round < 40; round++) {
        for (unsigned int i = 0; i < 3000; i++)
            one_hostile_access();
        run_tasklets();
        nr = save_all(saved[0]);
        reincarnate(FULL_PC);
        load_all(saved[0], nr);
        compare(nr, save_all(saved[1]));
    }
}

static void records_hold_anything(void **state)
{
    unsigned int nr = save_all(saved[0]), taken = 0;

    for (unsigned int i = 0; i < 4000; i++) {
        struct saved s = saved[0][rnd() % nr];
        unsigned int changes = rnd() % 2 ? 1 + rnd() % 8 : s.r->length;

        for (unsigned int c = 0; c < changes; c++)
            s.data[rnd() % s.r->length] = (uint8_t)rnd();
        if (!s.r->check(&dom->d, s.instance, s.data)) {
            s.r->load(&dom->d, s.instance, s.data);
            taken++;
        }
        for (unsigned int n = 0; n < 50; n++)
            one_hostile_access();
        run_tasklets();
        (void)save_all(saved[1]);
    }
    assert_true(taken > 500);
}

static void interrupts_go_on_where_they_were(void **state)
{
    unsigned int nr;

    apic_on(0);
    vlapic_set_irq(V(0), 0x51, false);
    assert_int_equal(take(0), 0x51);
    vlapic_set_irq(V(0), 0x91, false);
    vlapic_set_irq(V(0), 0x55, false);
    nr = save_all(saved[0]);
    reincarnate(FULL_PC);
    load_all(saved[0], nr);
    assert_int_equal(apic_read(0, APIC_PPR), 0x50);
    assert_int_equal(serve(0), 0x91);
    assert_int_equal(take(0), -1);
    apic_write(0, APIC_EOI, 0);
    assert_int_equal(take(0), 0x55);
}

static void a_timer_goes_on_where_it_was(void **state)
{
    unsigned int nr;

    apic_on(0);
    apic_write(0, APIC_TIMER_DIVIDE, 0xb);
    apic_write(0, APIC_LVT_TIMER, 0x41 | APIC_TIMER_PERIODIC);
    apic_write(0, APIC_TIMER_INIT, 100000);
    clock_by(USECS(400));
    nr = save_all(saved[0]);
    reincarnate(FULL_PC);
    w.now += SECONDS(100);
    load_all(saved[0], nr);
    clock_by(USECS(600) - 1);
    assert_int_equal(take(0), -1);
    clock_by(1);
    assert_int_equal(serve(0), 0x41);
    clock_by(USECS(1000));
    assert_int_equal(serve(0), 0x41);
    assert_int_equal(take(0), -1);
}

/* --- hostile use, life --- */

static void anything_at_any_time(void **state)
{
    for (unsigned int n = 0; n < VCPUS; n++)
        apic_on(n);
    w.jitter = 50000;
    for (unsigned int i = 0; i < 300000; i++) {
        one_hostile_access();
        if (i % 1000 == 0)
            hvm_set_timer_mode(&dom->d, rnd() % 5);
        if (i % 5000 == 0)
            (void)hvm_acpi_set_location(&dom->d, rnd() % 3);
    }
    /* A host's timer runs at most twenty times a millisecond for each of the devices' six. */
    w.fired = 0;
    clock_by(SECONDS(1));
    assert_true(w.fired < 6 * 20000 + 6 * VCPUS * 20000);
    hvm_platform_reset(&dom->d);
    run_tasklets();
    w.fired = 0;
    clock_by(SECONDS(1));
    assert_int_equal(w.fired, 0);               /* after a reset nothing ticks */
    for (unsigned int n = 0; n < VCPUS; n++)
        assert_int_equal(take(n), -1);
}

static void no_timer_outlives_the_vcpus(void **state)
{
    apic_on(0);
    out(0x70, 1, 0x0b);
    out(0x71, 1, RTC_B_24H | RTC_B_UIE | RTC_B_PIE);
    out(0x1f42, 2, ACPI_PM1_TIMER);
    out(0x43, 1, 0x34);
    out(0x40, 1, 0);
    out(0x40, 1, 1);
    apic_write(0, APIC_TIMER_INIT, 100000);
    assert_non_null(w.timers);
    hvm_platform_vcpu_free(V(0));
    assert_null(w.timers);
    assert_int_equal(hvm_platform_vcpu_create(V(0)), 0);
    out(0x71, 1, RTC_B_24H | RTC_B_UIE);
    assert_non_null(w.timers);
}

static void timers_follow_their_vcpu(void **state)
{
    struct vplatform *p = dom->platform;

    apic_write(0, APIC_TIMER_INIT, 100000);
    V(0)->processor = 3;
    hvm_platform_switch_to(V(0));
    assert_int_equal(cpu[0]->vlapic->tick.timer.cpu, 3);
    assert_int_equal(p->pit.tick.timer.cpu, 3);
    assert_int_equal(p->rtc.timer.cpu, 3);
    assert_int_equal(p->pm.timer.cpu, 3);
    assert_int_equal(p->hpet.timer[2].tick.timer.cpu, 3);
    V(1)->processor = 2;
    hvm_platform_switch_to(V(1));
    assert_int_equal(cpu[1]->vlapic->tick.timer.cpu, 2);
    assert_int_equal(p->pit.tick.timer.cpu, 3);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_what_was_asked_for_exists), TEST(flags_that_make_no_sense), TEST(claims),
        TEST(memory_types), TEST(records_are_in_order), TEST(state_survives_the_way),
        TEST(records_hold_anything), TEST(a_timer_goes_on_where_it_was),
        TEST(interrupts_go_on_where_they_were),
        TEST(anything_at_any_time), TEST(timers_follow_their_vcpu),
        TEST(no_timer_outlives_the_vcpus),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
