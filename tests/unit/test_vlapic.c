/* SPDX-License-Identifier: BSD-2-Clause */
/* The local APIC against the manual's chapter: priorities, messages, modes, timer, MSRs. */
/* sources: hv/hvm/io.c hv/hvm/vintr.c hv/hvm/vioapic.c hv/hvm/virq_lines.c hv/hvm/vhpet.c */
/* sources: hv/hvm/vlapic.c hv/hvm/vlapic_ipi.c hv/hvm/vlapic_regs.c hv/hvm/vlapic_save.c */
/* sources: hv/hvm/vlapic_timer.c hv/hvm/vmtrr.c hv/hvm/vpic.c hv/hvm/vpit.c hv/hvm/vplatform.c */
/* sources: hv/hvm/vpm.c hv/hvm/vrtc.c hv/hvm/vtick.c hv/hvm/vtime.c */
/* cflags: -DHV_UNIT_TEST */
#include "vplatform_world.h"

#define ICR(vector, delivery, more) ((vector) | (delivery) << APIC_DELIVERY_SHIFT | (more))

static int begin(void **state)
{
    world_begin(XEN_X86_EMU_LAPIC);
    return 0;
}
static int end(void **state)
{
    world_end();
    return 0;
}

static uint64_t msr_read(unsigned int n, uint32_t msr)
{
    uint64_t val = 0;
    assert_int_equal(vlapic_msr_read(V(n), msr, &val), 0);
    return val;
}
static void to_x2apic(unsigned int n)
{
    assert_int_equal(vlapic_msr_write(V(n), MSR_APIC_BASE,
                                      msr_read(n, MSR_APIC_BASE) | APIC_BASE_X2APIC), 0);
    assert_int_equal(vlapic_msr_write(V(n), MSR_X2APIC_FIRST + APIC_SVR / 16,
                                      APIC_SVR_ENABLE | 0xff), 0);
}

static void ipi(unsigned int n, uint32_t dest, uint32_t icr)
{
    apic_write(n, APIC_ICR_HIGH, dest << 24);
    apic_write(n, APIC_ICR, icr);
}

/* --- state and priorities --- */

static void state_after_reset(void **state)
{
    for (unsigned int n = 0; n < VCPUS; n++) {
        assert_int_equal(apic_read(n, APIC_ID), n * 2 << 24);
        assert_int_equal(apic_read(n, APIC_VERSION), APIC_VERSION_VALUE);
        assert_int_equal(apic_read(n, APIC_SVR), 0xff);
        assert_int_equal(apic_read(n, APIC_DFR), UINT32_MAX);
        assert_int_equal(apic_read(n, APIC_LDR), 0);
        assert_int_equal(apic_read(n, APIC_LVT_LINT0), APIC_LVT_MASKED);
        assert_int_equal(apic_read(n, APIC_LVT_TIMER), APIC_LVT_MASKED);
        assert_int_equal(msr_read(n, MSR_APIC_BASE),
                         APIC_DEFAULT_BASE | APIC_BASE_ENABLE | (n ? 0 : APIC_BASE_BSP));
        assert_int_equal(take(n), -1);
    }
}

static void higher_class_goes_first_and_nests(void **state)
{
    apic_on(0);
    vlapic_set_irq(V(0), 0x31, false);
    vlapic_set_irq(V(0), 0x52, false);
    vlapic_set_irq(V(0), 0x3f, false);
    assert_true(w.kicks[0] >= 3);
    assert_int_equal(take(0), 0x52);
    assert_int_equal(apic_read(0, APIC_PPR), 0x50);
    assert_int_equal(take(0), -1);
    vlapic_set_irq(V(0), 0x5f, false);          /* the same class waits */
    assert_int_equal(take(0), -1);
    vlapic_set_irq(V(0), 0x61, false);
    assert_int_equal(take(0), 0x61);
    apic_write(0, APIC_EOI, 0);
    assert_int_equal(apic_read(0, APIC_PPR), 0x50);
    apic_write(0, APIC_EOI, 0);
    assert_int_equal(take(0), 0x5f);
    apic_write(0, APIC_EOI, 0);
    assert_int_equal(take(0), 0x3f);
    apic_write(0, APIC_EOI, 0);
    assert_int_equal(take(0), 0x31);
    apic_write(0, APIC_EOI, 0);
    apic_write(0, APIC_EOI, 0);                 /* nothing in service: nothing happens */
    assert_int_equal(take(0), -1);
    assert_int_equal(apic_read(0, APIC_PPR), 0);
}

static void tpr_holds_back(void **state)
{
    apic_on(0);
    vlapic_set_irq(V(0), 0x45, false);
    apic_write(0, APIC_TPR, 0x40);
    assert_int_equal(take(0), -1);
    assert_int_equal(apic_read(0, APIC_PPR), 0x40);
    assert_int_equal(vlapic_cr8(V(0)), 4);
    vlapic_set_cr8(V(0), 3);
    assert_int_equal(apic_read(0, APIC_TPR), 0x30);
    assert_int_equal(serve(0), 0x45);
    apic_write(0, APIC_TPR, 0x1ff);
    assert_int_equal(apic_read(0, APIC_TPR), 0xff);
    assert_int_equal(apic_read(0, APIC_PPR), 0xff);
}

static void interrupt_that_went_away_is_asked_again(void **state)
{
    struct hvm_intack a;

    apic_on(0);
    vlapic_set_irq(V(0), 0x45, false);
    a = hvm_pending_interrupt(V(0));
    assert_int_equal(a.vector, 0x45);
    vlapic_set_irq(V(0), 0x95, false);          /* a more urgent one comes in between */
    a = hvm_ack_interrupt(V(0), a);
    assert_int_equal(a.vector, 0x95);
    apic_write(0, APIC_EOI, 0);
    a = hvm_pending_interrupt(V(0));
    apic_write(0, APIC_TPR, 0xf0);
    assert_int_equal(hvm_ack_interrupt(V(0), a).source, HVM_INT_NONE);
}

static void software_disable_masks_and_keeps(void **state)
{
    apic_on(0);
    apic_write(0, APIC_LVT_LINT0, APIC_LVT_EXTINT);
    vlapic_set_irq(V(0), 0x45, false);
    apic_write(0, APIC_SVR, 0xff);
    assert_int_equal(take(0), -1);
    assert_true(apic_read(0, APIC_LVT_LINT0) & APIC_LVT_MASKED);
    apic_write(0, APIC_LVT_LINT0, APIC_LVT_EXTINT);
    assert_true(apic_read(0, APIC_LVT_LINT0) & APIC_LVT_MASKED);
    vlapic_set_irq(V(0), 0x46, false);          /* not taken while disabled */
    apic_on(0);
    assert_int_equal(serve(0), 0x45);
    assert_int_equal(take(0), -1);
}

static void every_vector_is_delivered_once(void **state)
{
    apic_on(0);
    for (unsigned int vector = 16; vector < 256; vector++)
        vlapic_set_irq(V(0), (uint8_t)vector, false);
    for (int vector = 255; vector >= 16; vector--) {
        assert_int_equal(serve(0), vector);
        assert_int_equal(vlapic_highest_irr(V(0)), vector > 16 ? vector - 1 : -1);
    }
    assert_int_equal(take(0), -1);
}

/* --- errors --- */

static void errors_come_at_the_write_of_esr(void **state)
{
    apic_on(0);
    apic_write(0, APIC_LVT_ERROR, 0xe1);
    ipi(0, 0, ICR(5, APIC_DM_FIXED, 0));
    assert_int_equal(apic_read(0, APIC_ESR), 0);
    assert_int_equal(serve(0), 0xe1);
    apic_write(0, APIC_ESR, 0);
    assert_int_equal(apic_read(0, APIC_ESR), APIC_ESR_SEND_VECTOR);
    vlapic_set_irq(V(0), 3, false);
    (void)apic_read(0, 0x3a0);
    apic_write(0, 0x040, 1);
    apic_write(0, APIC_ESR, 0);
    assert_int_equal(apic_read(0, APIC_ESR), APIC_ESR_RECV_VECTOR | APIC_ESR_REGISTER);
    apic_write(0, APIC_ESR, 0);
    assert_int_equal(apic_read(0, APIC_ESR), 0);
    /* A bad vector for the error itself must not go on for ever. */
    apic_write(0, APIC_LVT_ERROR, 3);
    (void)apic_read(0, 0xff0);
    apic_write(0, APIC_ESR, 0);
    assert_int_equal(apic_read(0, APIC_ESR), APIC_ESR_RECV_VECTOR | APIC_ESR_REGISTER);
}

/* --- interprocessor interrupts --- */

static unsigned int who_got(int vector)
{
    unsigned int mask = 0;

    for (unsigned int n = 0; n < VCPUS; n++)
        if (serve(n) == vector)
            mask |= 1u << n;
    return mask;
}

static void physical_destinations(void **state)
{
    for (unsigned int n = 0; n < VCPUS; n++)
        apic_on(n);
    ipi(0, 4, ICR(0x60, APIC_DM_FIXED, 0));
    assert_int_equal(who_got(0x60), 1 << 2);
    ipi(0, 3, ICR(0x60, APIC_DM_FIXED, 0));     /* nobody has an odd id */
    assert_int_equal(who_got(0x60), 0);
    ipi(0, 200, ICR(0x60, APIC_DM_FIXED, 0));
    assert_int_equal(who_got(0x60), 0);
    ipi(1, 0xff, ICR(0x60, APIC_DM_FIXED, 0));
    assert_int_equal(who_got(0x60), 0x3f);
    apic_write(2, APIC_SVR, 0xff);              /* disabled ones do not take it */
    ipi(1, 0xff, ICR(0x60, APIC_DM_FIXED, 0));
    assert_int_equal(who_got(0x60), 0x3f & ~4);
    assert_false(apic_read(1, APIC_ICR) & APIC_ICR_BUSY);
}

static void shorthands(void **state)
{
    for (unsigned int n = 0; n < VCPUS; n++)
        apic_on(n);
    ipi(1, 0, ICR(0x61, APIC_DM_FIXED, APIC_SH_SELF << 18));
    assert_int_equal(who_got(0x61), 1 << 1);
    ipi(1, 0, ICR(0x61, APIC_DM_FIXED, APIC_SH_ALL << 18));
    assert_int_equal(who_got(0x61), 0x3f);
    ipi(1, 0, ICR(0x61, APIC_DM_FIXED, APIC_SH_OTHERS << 18));
    assert_int_equal(who_got(0x61), 0x3f & ~2);
}

static void logical_flat_and_cluster(void **state)
{
    for (unsigned int n = 0; n < VCPUS; n++) {
        apic_on(n);
        apic_write(n, APIC_LDR, 1u << (24 + n) | 0xffffff);
        assert_int_equal(apic_read(n, APIC_LDR), 1u << (24 + n));
    }
    ipi(0, 0x15, ICR(0x70, APIC_DM_FIXED, APIC_ICR_LOGICAL));
    assert_int_equal(who_got(0x70), 0x15);
    ipi(0, 0xff, ICR(0x70, APIC_DM_FIXED, APIC_ICR_LOGICAL));
    assert_int_equal(who_got(0x70), 0x3f);
    ipi(0, 0, ICR(0x70, APIC_DM_FIXED, APIC_ICR_LOGICAL));
    assert_int_equal(who_got(0x70), 0);
    for (unsigned int n = 0; n < VCPUS; n++) {
        apic_write(n, APIC_DFR, 0);
        assert_int_equal(apic_read(n, APIC_DFR), APIC_DFR_CLUSTER);
        apic_write(n, APIC_LDR, (n / 4) << 28 | 1u << (24 + n % 4));
    }
    ipi(0, 0x05, ICR(0x70, APIC_DM_FIXED, APIC_ICR_LOGICAL));
    assert_int_equal(who_got(0x70), 0x05);
    ipi(0, 0x13, ICR(0x70, APIC_DM_FIXED, APIC_ICR_LOGICAL));
    assert_int_equal(who_got(0x70), 0x30);
    ipi(0, 0xff, ICR(0x70, APIC_DM_FIXED, APIC_ICR_LOGICAL));
    assert_int_equal(who_got(0x70), 0x3f);
}

static void lowest_priority_takes_turns(void **state)
{
    unsigned int got[VCPUS] = { 0 };

    for (unsigned int n = 0; n < VCPUS; n++) {
        apic_on(n);
        apic_write(n, APIC_LDR, 1u << (24 + n));
    }
    apic_write(3, APIC_TPR, 0x20);
    for (unsigned int i = 0; i < 50; i++) {
        ipi(0, 0xff, ICR(0x71, APIC_DM_LOWEST, APIC_ICR_LOGICAL));
        for (unsigned int n = 0; n < VCPUS; n++)
            got[n] += serve(n) == 0x71;
    }
    for (unsigned int n = 0; n < VCPUS; n++)
        assert_int_equal(got[n], n == 3 ? 0 : 10);
    for (unsigned int n = 0; n < VCPUS; n++)
        apic_write(n, APIC_TPR, n == 4 ? 0x10 : 0x30);
    ipi(0, 0xff, ICR(0x71, APIC_DM_LOWEST, APIC_ICR_LOGICAL));
    assert_int_equal(who_got(0x71), 1 << 4);
}

static void nmi_and_smi(void **state)
{
    for (unsigned int n = 0; n < VCPUS; n++)
        apic_on(n);
    ipi(0, 2, ICR(0, APIC_DM_NMI, 0));
    assert_int_equal(V(1)->nmi_state, 1);
    assert_int_equal(w.kicks[1], 1);
    ipi(0, 2, ICR(0, APIC_DM_NMI, 0));
    assert_int_equal(w.kicks[1], 1);
    ipi(0, 4, ICR(0, APIC_DM_SMI, 0));
    assert_int_equal(V(2)->nmi_state, 0);
    assert_int_equal(w.kicks[2], 0);
    ipi(0, 0, ICR(0, APIC_DM_NMI, APIC_SH_OTHERS << 18));
    assert_int_equal(V(0)->nmi_state, 0);
    assert_int_equal(V(5)->nmi_state, 1);
}

/* --- start-up --- */

static void init_and_sipi(void **state)
{
    apic_on(0);
    set_bit(VPF_down, &V(1)->pause_flags);
    ipi(0, 2, ICR(0, APIC_DM_INIT, APIC_ICR_ASSERT | APIC_ICR_LEVEL));
    ipi(0, 2, ICR(0, APIC_DM_INIT, APIC_ICR_LEVEL));     /* de-assert: nothing */
    run_tasklets();
    assert_int_equal(w.inits[1], 1);
    assert_true(test_bit(VPF_down, &V(1)->pause_flags));
    ipi(0, 2, ICR(0x9a, APIC_DM_STARTUP, APIC_ICR_ASSERT));
    run_tasklets();
    assert_int_equal(w.startups[1], 1);
    assert_int_equal(w.startup_vector, 0x9a);
    assert_true(V(1)->is_initialised);
    assert_false(test_bit(VPF_down, &V(1)->pause_flags));
    /* The second start-up of the protocol finds it running. */
    ipi(0, 2, ICR(0x9b, APIC_DM_STARTUP, APIC_ICR_ASSERT));
    run_tasklets();
    assert_int_equal(w.startups[1], 1);
    assert_int_equal(atomic_read(&V(1)->pause_count), 0);
}

static void init_and_sipi_in_one_go(void **state)
{
    ipi(0, 2, ICR(0, APIC_DM_INIT, APIC_ICR_ASSERT));
    ipi(0, 2, ICR(0x10, APIC_DM_STARTUP, 0));
    run_tasklets();
    assert_int_equal(w.inits[1], 1);
    assert_int_equal(w.startups[1], 1);
    /* An INIT that comes later undoes a start-up not done yet. */
    ipi(0, 4, ICR(0x10, APIC_DM_STARTUP, 0));
    ipi(0, 4, ICR(0, APIC_DM_INIT, APIC_ICR_ASSERT));
    run_tasklets();
    assert_int_equal(w.startups[2], 0);
    assert_false(V(2)->is_initialised);
}

static void init_resets_the_apic_but_not_its_place(void **state)
{
    apic_on(1);
    apic_write(1, APIC_LDR, 0x02000000);
    vlapic_set_irq(V(1), 0x44, false);
    ipi(0, 2, ICR(0, APIC_DM_INIT, APIC_ICR_ASSERT));
    run_tasklets();
    assert_int_equal(apic_read(1, APIC_SVR), 0xff);
    assert_int_equal(apic_read(1, APIC_LDR), 0);
    assert_int_equal(apic_read(1, APIC_ID), 2 << 24);
    assert_int_equal(vlapic_highest_irr(V(1)), -1);
}

static void init_of_the_boot_processor_goes_on(void **state)
{
    ipi(1, 0, ICR(0, APIC_DM_INIT, APIC_ICR_ASSERT));
    run_tasklets();
    assert_int_equal(w.inits[0], 1);
    assert_false(test_bit(VPF_down, &V(0)->pause_flags));
    assert_true(V(0)->is_initialised);
}

static void startup_waits_for_a_running_vcpu(void **state)
{
    V(1)->is_running = true;
    ipi(0, 2, ICR(0, APIC_DM_INIT, APIC_ICR_ASSERT));
    run_tasklets();             /* vcpu_sleep_nosync takes it off */
    assert_int_equal(w.inits[1], 1);
    assert_int_equal(atomic_read(&V(1)->pause_count), 0);
}

static void sipi_storm(void **state)
{
    for (unsigned int n = 0; n < VCPUS; n++)
        apic_on(n);
    for (unsigned int i = 0; i < 20000; i++) {
        unsigned int from = rnd() % VCPUS;

        if (vlapic_enabled(cpu[from]->vlapic))
            ipi(from, rnd() % 4 ? rnd() % (2 * VCPUS) : 0xff,
                ICR(rnd() & 0xff, rnd() % 2 ? APIC_DM_INIT : APIC_DM_STARTUP,
                    (rnd() & 3) << 18 | (rnd() & 1) << 14 | (rnd() & 1) << 15));
        if (rnd() % 3 == 0)
            run_tasklets();
    }
    run_tasklets();
    for (unsigned int n = 0; n < VCPUS; n++) {
        assert_int_equal(atomic_read(&V(n)->pause_count), 0);
        assert_false(cpu[n]->vlapic->startup_holds);
        assert_int_equal(V(n)->is_initialised, !test_bit(VPF_down, &V(n)->pause_flags) || n == 0);
    }
}

/* --- modes and MSRs --- */

static void x2apic_addresses_and_ids(void **state)
{
    uint64_t val;

    for (unsigned int n = 0; n < VCPUS; n++)
        to_x2apic(n);
    assert_false(hvm_mmio_claimed(V(0), APIC_DEFAULT_BASE));
    assert_int_equal(hvm_mmio_read(V(0), APIC_DEFAULT_BASE, 4, &val), HVM_IO_PASS);
    for (unsigned int n = 0; n < VCPUS; n++) {
        assert_int_equal(msr_read(n, 0x802), n * 2);
        assert_int_equal(msr_read(n, 0x80d), (n * 2 / 16) << 16 | 1u << (n * 2 % 16));
    }
    assert_int_equal(vlapic_msr_write(V(0), 0x830, 4ULL << 32 | ICR(0x80, APIC_DM_FIXED, 0)), 0);
    assert_int_equal(take(2), 0x80);
    assert_int_equal(vlapic_msr_write(V(2), 0x80b, 0), 0);
    assert_int_equal(msr_read(0, 0x830), 4ULL << 32 | 0x80);
    /* Logical: cluster 0, members 2 and 6. */
    assert_int_equal(vlapic_msr_write(V(0), 0x830,
                                      0x44ULL << 32 | ICR(0x81, APIC_DM_FIXED, APIC_ICR_LOGICAL)),
                     0);
    for (unsigned int n = 0; n < VCPUS; n++)
        assert_int_equal(take(n), n == 1 || n == 3 ? 0x81 : -1);
    assert_int_equal(vlapic_msr_write(V(4), 0x83f, 0x99), 0);       /* self */
    assert_int_equal(take(4), 0x99);
    assert_int_equal(vlapic_msr_write(V(0), 0x830, ~0ULL << 32 | ICR(0xa2, APIC_DM_FIXED, 0)), 0);
    for (unsigned int n = 0; n < VCPUS; n++)
        assert_int_equal(take(n), 0xa2);
}

static void x2apic_faults(void **state)
{
    static const uint16_t no_read[] = { 0x800, 0x801, 0x809, 0x80b, 0x80c, 0x80e, 0x831, 0x83f,
                                        0x840, 0x8ff };
    static const uint16_t no_write[] = { 0x800, 0x802, 0x803, 0x80a, 0x80d, 0x80e, 0x810, 0x820,
                                         0x831, 0x839, 0x840, 0x8ff };
    uint64_t val;

    assert_int_equal(vlapic_msr_read(V(0), 0x802, &val), -EPERM);   /* not in xAPIC mode */
    to_x2apic(0);
    for (unsigned int i = 0; i < ARRAY_SIZE(no_read); i++)
        assert_int_equal(vlapic_msr_read(V(0), no_read[i], &val), -EPERM);
    for (unsigned int i = 0; i < ARRAY_SIZE(no_write); i++)
        assert_int_equal(vlapic_msr_write(V(0), no_write[i], 0), -EPERM);
    assert_int_equal(vlapic_msr_write(V(0), 0x80b, 1), -EPERM);     /* EOI and ESR: 0 only */
    assert_int_equal(vlapic_msr_write(V(0), 0x828, 1), -EPERM);
    assert_int_equal(vlapic_msr_write(V(0), 0x808, 0x100), -EPERM);
    assert_int_equal(vlapic_msr_write(V(0), 0x808, 1ULL << 32), -EPERM);
    assert_int_equal(vlapic_msr_write(V(0), 0x832, 1u << 20), -EPERM);
    assert_int_equal(vlapic_msr_write(V(0), 0x830, 1u << 20), -EPERM);
    assert_int_equal(vlapic_msr_read(V(0), 0x7ff, &val), -ENOENT);
    assert_int_equal(vlapic_msr_read(V(0), 0x900, &val), -ENOENT);
}

static void mode_changes(void **state)
{
    const uint64_t base = APIC_DEFAULT_BASE | APIC_BASE_BSP;

    assert_int_equal(vlapic_msr_write(V(0), MSR_APIC_BASE, base | APIC_BASE_X2APIC), -EPERM);
    assert_int_equal(vlapic_msr_write(V(0), MSR_APIC_BASE, 1ULL << 60 | base), -EPERM);
    assert_int_equal(vlapic_msr_write(V(0), MSR_APIC_BASE, base | 1), -EPERM);
    to_x2apic(0);
    assert_int_equal(vlapic_msr_write(V(0), MSR_APIC_BASE, base | APIC_BASE_ENABLE), -EPERM);
    vlapic_set_irq(V(0), 0x55, false);
    assert_int_equal(vlapic_msr_write(V(0), MSR_APIC_BASE, base), 0);
    assert_int_equal(take(0), -1);
    assert_false(hvm_mmio_claimed(V(0), APIC_DEFAULT_BASE));
    assert_int_equal(vlapic_msr_write(V(0), MSR_APIC_BASE,
                                      base | APIC_BASE_ENABLE | APIC_BASE_X2APIC), -EPERM);
    assert_int_equal(vlapic_msr_write(V(0), MSR_APIC_BASE, base | APIC_BASE_ENABLE), 0);
    assert_int_equal(apic_read(0, APIC_SVR), 0xff);
    w.no_x2apic = true;
    assert_int_equal(vlapic_msr_write(V(0), MSR_APIC_BASE,
                                      base | APIC_BASE_ENABLE | APIC_BASE_X2APIC), -EPERM);
    /* The page goes where the guest puts it. */
    assert_int_equal(vlapic_msr_write(V(0), MSR_APIC_BASE, 0xfeb00000 | APIC_BASE_ENABLE), 0);
    assert_true(hvm_mmio_claimed(V(0), 0xfeb00fff));
    assert_false(hvm_mmio_claimed(V(0), APIC_DEFAULT_BASE));
    assert_true(msr_read(0, MSR_APIC_BASE) & APIC_BASE_BSP);
}

/* --- timer --- */

static void one_shot_fires_once_in_time(void **state)
{
    apic_on(0);
    apic_write(0, APIC_TIMER_DIVIDE, 3);                /* by 16: 160 ns */
    apic_write(0, APIC_LVT_TIMER, 0x40);
    apic_write(0, APIC_TIMER_INIT, 1000);
    assert_int_equal(apic_read(0, APIC_TIMER_COUNT), 1000);
    clock_by(159999);
    assert_int_equal(apic_read(0, APIC_TIMER_COUNT), 1);
    assert_int_equal(take(0), -1);
    clock_by(1);
    assert_int_equal(apic_read(0, APIC_TIMER_COUNT), 0);
    assert_int_equal(serve(0), 0x40);
    clock_by(SECONDS(10));
    assert_int_equal(take(0), -1);
    assert_int_equal(apic_read(0, APIC_TIMER_INIT), 1000);
    apic_write(0, APIC_TIMER_INIT, 1000);
    apic_write(0, APIC_TIMER_INIT, 0);                  /* stops */
    clock_by(SECONDS(1));
    assert_int_equal(take(0), -1);
    assert_null(w.timers);
}

static void divisors(void **state)
{
    static const struct { uint32_t reg; unsigned int by; } rows[] = {
        { 0, 2 }, { 1, 4 }, { 2, 8 }, { 3, 16 }, { 8, 32 }, { 9, 64 }, { 10, 128 }, { 11, 1 },
    };

    apic_on(0);
    apic_write(0, APIC_LVT_TIMER, 0x40);
    for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
        apic_write(0, APIC_TIMER_DIVIDE, rows[i].reg | ~0xbu);
        assert_int_equal(apic_read(0, APIC_TIMER_DIVIDE), rows[i].reg);
        apic_write(0, APIC_TIMER_INIT, 100);
        clock_by(100 * 10 * rows[i].by - 1);
        assert_int_equal(take(0), -1);
        clock_by(1);
        assert_int_equal(serve(0), 0x40);
    }
    /* Another divisor on the way: the rest of the count takes its time. */
    apic_write(0, APIC_TIMER_INIT, 1000);
    clock_by(5000);
    apic_write(0, APIC_TIMER_DIVIDE, 0);
    assert_int_equal(apic_read(0, APIC_TIMER_COUNT), 500);
    clock_by(9999);
    assert_int_equal(take(0), -1);
    clock_by(1);
    assert_int_equal(take(0), 0x40);
}

static void periodic_keeps_pace(void **state)
{
    unsigned int got = 0;

    apic_on(0);
    w.jitter = 700000;
    apic_write(0, APIC_TIMER_DIVIDE, 0xb);
    apic_write(0, APIC_LVT_TIMER, 0x41 | APIC_TIMER_PERIODIC);
    apic_write(0, APIC_TIMER_INIT, 100007);             /* 1.00007 ms */
    for (s_time_t end = w.now + SECONDS(60), t0 = w.now; w.now < end;) {
        clock_by(rnd() % 3000000);
        while (serve(0) == 0x41)
            got++;
        assert_int_equal(apic_read(0, APIC_TIMER_COUNT), 100007 - (w.now - t0) / 10 % 100007);
        /* Never ahead, and behind only by the timer's lateness. */
        assert_true(got <= (uint64_t)(w.now - t0) / 1000070);
        assert_true(got + 3 >= (uint64_t)(w.now - t0) / 1000070);
    }
}

static void changes_of_timer_mode(void **state)
{
    apic_on(0);
    apic_write(0, APIC_TIMER_DIVIDE, 0xb);
    apic_write(0, APIC_LVT_TIMER, 0x41 | APIC_TIMER_PERIODIC);
    apic_write(0, APIC_TIMER_INIT, 1000);
    clock_by(10500);
    assert_int_equal(serve(0), 0x41);
    apic_write(0, APIC_LVT_TIMER, 0x42);                /* the period that runs is the last */
    clock_by(9500);
    assert_int_equal(serve(0), 0x42);
    clock_by(SECONDS(1));
    assert_int_equal(take(0), -1);
    apic_write(0, APIC_LVT_TIMER, 0x42 | APIC_TIMER_PERIODIC);
    clock_by(SECONDS(1));
    assert_int_equal(take(0), -1);
    apic_write(0, APIC_TIMER_INIT, 1000);
    apic_write(0, APIC_LVT_TIMER, 0x42 | APIC_TIMER_DEADLINE);
    assert_int_equal(apic_read(0, APIC_TIMER_INIT), 0);
    apic_write(0, APIC_TIMER_INIT, 1000);               /* ignored in deadline mode */
    clock_by(SECONDS(1));
    assert_int_equal(take(0), -1);
    /* Reserved mode: one-shot. */
    apic_write(0, APIC_LVT_TIMER, 0x42 | APIC_TIMER_MODE);
    assert_int_equal(apic_read(0, APIC_LVT_TIMER), 0x42);
}

static void masked_timer_counts_silently(void **state)
{
    apic_on(0);
    apic_write(0, APIC_TIMER_DIVIDE, 0xb);
    apic_write(0, APIC_LVT_TIMER, 0x41 | APIC_TIMER_PERIODIC | APIC_LVT_MASKED);
    apic_write(0, APIC_TIMER_INIT, 100000000);          /* 1 s */
    clock_by(MILLISECS(3500));
    assert_int_equal(take(0), -1);
    assert_int_equal(apic_read(0, APIC_TIMER_COUNT), 50000000);
    apic_write(0, APIC_LVT_TIMER, 0x41 | APIC_TIMER_PERIODIC);
    clock_by(MILLISECS(499));
    assert_int_equal(take(0), -1);
    clock_by(MILLISECS(1));
    assert_int_equal(serve(0), 0x41);
    assert_int_equal(take(0), -1);
}

static void missed_ticks_by_mode(void **state)
{
    static const unsigned int extra[] = { 9, 9, 0, 1 };

    for (unsigned int mode = 0; mode < 4; mode++) {
        unsigned int got = 0;

        assert_int_equal(hvm_set_timer_mode(&dom->d, mode), 0);
        apic_on(0);
        apic_write(0, APIC_TIMER_DIVIDE, 0xb);
        apic_write(0, APIC_LVT_TIMER, 0x41 | APIC_TIMER_PERIODIC);
        apic_write(0, APIC_TIMER_INIT, 1000000);        /* 10 ms */
        clock_by(MILLISECS(105));                       /* ten are due; nobody looked */
        while (serve(0) == 0x41)
            got++;
        assert_int_equal(got, 1 + extra[mode]);
        /* And on the old grid from here. */
        clock_by(MILLISECS(5));
        assert_int_equal(serve(0), 0x41);
        assert_int_equal(take(0), -1);
        clock_by(MILLISECS(10));
        assert_int_equal(serve(0), 0x41);
        apic_write(0, APIC_TIMER_INIT, 0);
    }
    assert_int_equal(hvm_set_timer_mode(&dom->d, 4), -EINVAL);
}

static void shortest_period_is_bounded_work(void **state)
{
    apic_on(0);
    apic_write(0, APIC_TIMER_DIVIDE, 0xb);
    apic_write(0, APIC_LVT_TIMER, 0x41 | APIC_TIMER_PERIODIC);
    apic_write(0, APIC_TIMER_INIT, 1);
    w.fired = 0;
    clock_by(SECONDS(10));                              /* never taken */
    assert_true(w.fired < 100);
    apic_write(0, APIC_LVT_TIMER, 0x41 | APIC_TIMER_PERIODIC | APIC_LVT_MASKED);
    w.fired = 0;
    clock_by(SECONDS(1));
    assert_true(w.fired <= 20001);
}

static void deadline_mode(void **state)
{
    uint64_t tsc = hvm_guest_tsc(V(0));

    apic_on(0);
    assert_int_equal(vlapic_msr_write(V(0), MSR_TSC_DEADLINE, tsc + 1000), 0);
    assert_int_equal(msr_read(0, MSR_TSC_DEADLINE), 0); /* not in this mode */
    apic_write(0, APIC_LVT_TIMER, 0x43 | APIC_TIMER_DEADLINE);
    assert_int_equal(vlapic_msr_write(V(0), MSR_TSC_DEADLINE, tsc + 2000000), 0);
    assert_int_equal(msr_read(0, MSR_TSC_DEADLINE), tsc + 2000000);
    clock_by(999999);
    assert_int_equal(take(0), -1);
    clock_by(1);
    assert_int_equal(serve(0), 0x43);
    assert_int_equal(msr_read(0, MSR_TSC_DEADLINE), 0);
    assert_int_equal(vlapic_msr_write(V(0), MSR_TSC_DEADLINE, 1), 0);   /* long past */
    assert_int_equal(serve(0), 0x43);
    assert_int_equal(vlapic_msr_write(V(0), MSR_TSC_DEADLINE, hvm_guest_tsc(V(0)) + 4000), 0);
    assert_int_equal(vlapic_msr_write(V(0), MSR_TSC_DEADLINE, 0), 0);
    clock_by(SECONDS(1));
    assert_int_equal(take(0), -1);
    /* The TSC jumps past it. */
    assert_int_equal(vlapic_msr_write(V(0), MSR_TSC_DEADLINE, hvm_guest_tsc(V(0)) + (1ULL << 40)),
                     0);
    hvm_set_guest_tsc(V(0), hvm_guest_tsc(V(0)) + (1ULL << 41));
    assert_int_equal(hvm_tsc_adjust(V(0)), 1ULL << 41);
    assert_int_equal(serve(0), 0x43);
    hvm_set_tsc_adjust(V(0), 0);
    assert_int_equal(hvm_guest_tsc(V(0)), guest_tsc(V(0)));
    /* The farthest there is. */
    assert_int_equal(vlapic_msr_write(V(0), MSR_TSC_DEADLINE, INT64_MAX), 0);
    assert_int_equal(take(0), -1);
    w.no_deadline = true;
    assert_int_equal(vlapic_msr_write(V(0), MSR_TSC_DEADLINE, 1), -EPERM);
}

/* --- hostile --- */

static void any_access_is_harmless(void **state)
{
    for (unsigned int i = 0; i < 400000; i++) {
        unsigned int n = rnd() % VCPUS, size = 1u << rnd() % 4;
        uint64_t val, addr = APIC_DEFAULT_BASE + rnd() % (4096 - size);

        if (rnd() % 2)
            addr &= ~15ULL;
        if (rnd() % 2)
            (void)hvm_mmio_read(V(n), addr, size, &val);
        else if ((addr & 0xff0) != APIC_ICR || rnd() % 8 == 0)
            (void)hvm_mmio_write(V(n), addr, size, rnd64());
        switch (rnd() % 8) {
        case 0: (void)vlapic_msr_read(V(n), 0x800 + rnd() % 0x100, &val); break;
        case 1: (void)vlapic_msr_write(V(n), 0x800 + rnd() % 0x50, rnd() % 2 ? rnd() : rnd64());
            break;
        case 2: (void)vlapic_msr_write(V(n), MSR_TSC_DEADLINE, rnd64()); break;
        case 3: if (rnd() % 50 == 0)
                (void)vlapic_msr_write(V(n), MSR_APIC_BASE,
                                       (rnd() & 0xd00) | APIC_DEFAULT_BASE);
            break;
        case 4: (void)take(n); break;
        case 5: vlapic_set_irq(V(n), (uint8_t)rnd(), rnd() & 1); break;
        case 6: clock_by(rnd() % 100000); break;
        default: run_tasklets();
        }
        /* What is cached is what is there. */
        struct vlapic *l = cpu[n]->vlapic;
        int top = -1;
        for (int vector = 255; vector >= 0 && top < 0; vector--)
            if (vlapic_reg(l, APIC_ISR + (unsigned int)vector / 32 * 16) >> (vector % 32) & 1)
                top = vector;
        assert_int_equal(l->isr_top, top);
        assert_int_equal(l->timer_lock.head, l->timer_lock.tail);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(state_after_reset), TEST(higher_class_goes_first_and_nests), TEST(tpr_holds_back),
        TEST(interrupt_that_went_away_is_asked_again), TEST(software_disable_masks_and_keeps),
        TEST(every_vector_is_delivered_once), TEST(errors_come_at_the_write_of_esr),
        TEST(physical_destinations), TEST(shorthands), TEST(logical_flat_and_cluster),
        TEST(lowest_priority_takes_turns), TEST(nmi_and_smi), TEST(init_and_sipi),
        TEST(init_and_sipi_in_one_go), TEST(init_resets_the_apic_but_not_its_place),
        TEST(init_of_the_boot_processor_goes_on), TEST(startup_waits_for_a_running_vcpu),
        TEST(sipi_storm), TEST(x2apic_addresses_and_ids), TEST(x2apic_faults), TEST(mode_changes),
        TEST(one_shot_fires_once_in_time), TEST(divisors), TEST(periodic_keeps_pace),
        TEST(changes_of_timer_mode), TEST(masked_timer_counts_silently), TEST(missed_ticks_by_mode),
        TEST(shortest_period_is_bounded_work), TEST(deadline_mode), TEST(any_access_is_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
