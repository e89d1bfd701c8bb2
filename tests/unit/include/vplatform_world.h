/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An HVM domain with its virtual platform on a clock that only the test moves. Timers fire when the
 * clock is moved past them, late by as much as the test wants. Include once, in the test file; it
 * defines functions.
 */
#ifndef UNIT_VPLATFORM_WORLD_H
#define UNIT_VPLATFORM_WORLD_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <hv/errno.h>
#include <hv/msr_index.h>
#include "../../../hv/hvm/vplatform.h"

#define VCPUS 6
#define FULL_PC (XEN_X86_EMU_LAPIC | XEN_X86_EMU_HPET | XEN_X86_EMU_PM | XEN_X86_EMU_RTC |         \
                 XEN_X86_EMU_IOAPIC | XEN_X86_EMU_PIC | XEN_X86_EMU_PIT)
#define TEST_KHZ 2000000u
/* 2024-02-28 23:59:50 UTC at system time 0: a leap day is near. */
#define TEST_EPOCH 1709164790ULL

struct vcpu *unit_current;
struct cpu_data boot_cpu = { .paddr_bits = 40 };
uint32_t cpu_khz = TEST_KHZ;

static struct {
    s_time_t now;
    s_time_t jitter;            /* timers are late by up to so much */
    struct timer *timers;       /* pending, linked by next */
    unsigned int kicks[VCPUS];
    unsigned int inits[VCPUS], startups[VCPUS], startup_vector;
    int64_t time_offset_told;
    struct tasklet *tasklets[64];
    unsigned int nr_tasklets, fired;
    bool no_deadline, no_x2apic;
    unsigned long random;
} w;

static struct hvm_domain *dom;
static struct hvm_vcpu *cpu[VCPUS];
static struct shared_info shared;
static struct vcpu_info infos[VCPUS];

__attribute__((unused)) static uint32_t rnd(void)
{
    w.random = w.random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t)(w.random >> 33);
}
__attribute__((unused)) static uint64_t rnd64(void) { return (uint64_t)rnd() << 32 ^ rnd(); }

/* --- what the devices stand on --- */

unsigned int unit_cpu(void) { return 0; }
s_time_t NOW(void) { return w.now; }
uint64_t guest_tsc(const struct vcpu *v) { return (uint64_t)w.now * (TEST_KHZ / 1000000); }
void get_wallclock(uint64_t *secs, uint32_t *nsecs)
{
    *secs = TEST_EPOCH;
    *nsecs = 0;
}
void update_domain_wallclock(struct domain *d) { }
bool guest_has(const struct domain *d, enum x86_feature f)
{
    return f == X86_FEATURE_X2APIC ? !w.no_x2apic : !w.no_deadline;
}
void vcpu_kick(struct vcpu *v) { w.kicks[v->vcpu_id]++; }
void vcpu_sleep_nosync(struct vcpu *v) { v->is_running = false; }
void vcpu_unpause(struct vcpu *v) { atomic_dec(&v->pause_count); }
void *xzalloc(size_t n) { return calloc(1, n); }
void xfree(void *p) { free(p); }
void *alloc_xen_page(void) { return aligned_alloc(4096, 4096); }
void free_xen_page(void *p) { free(p); }
void bug_at(const char *file, int line, const char *what)
{
    fail_msg("%s:%d %s", file, line, what);
    abort();
}

void tasklet_init(struct tasklet *t, void (*fn)(void *), void *data)
{
    *t = (struct tasklet){ .fn = fn, .data = data, .cpu = -1 };
}
void tasklet_schedule(struct tasklet *t)
{
    if (t->cpu >= 0)
        return;
    t->cpu = 0;
    assert_true(w.nr_tasklets < ARRAY_SIZE(w.tasklets));
    w.tasklets[w.nr_tasklets++] = t;
}
void tasklet_kill(struct tasklet *t)
{
    for (unsigned int i = 0; i < w.nr_tasklets; i++)
        if (w.tasklets[i] == t)
            w.tasklets[i] = w.tasklets[--w.nr_tasklets];
}
__attribute__((unused)) static void run_tasklets(void)
{
    while (w.nr_tasklets) {
        struct tasklet *t = w.tasklets[0];

        memmove(w.tasklets, w.tasklets + 1, --w.nr_tasklets * sizeof(t));
        t->cpu = -1;
        t->fn(t->data);
    }
}

/* --- timers --- */

void init_timer(struct timer *t, void (*fn)(void *), void *data, unsigned int on)
{
    *t = (struct timer){ .fn = fn, .data = data, .cpu = (uint16_t)on };
}
void stop_timer(struct timer *t)
{
    for (struct timer **at = &w.timers; *at; at = &(*at)->next)
        if (*at == t) {
            *at = t->next;
            t->next = NULL;
            t->state = 0;
            return;
        }
}
void set_timer(struct timer *t, s_time_t expires)
{
    assert_non_null(t->fn);
    stop_timer(t);
    t->expires = expires;
    t->state = 1;
    t->next = w.timers;
    w.timers = t;
}
void kill_timer(struct timer *t) { stop_timer(t); }
void migrate_timer(struct timer *t, unsigned int on) { t->cpu = (uint16_t)on; }

static struct timer *first_timer(void)
{
    struct timer *first = w.timers;

    for (struct timer *t = w.timers; t; t = t->next)
        if (t->expires < first->expires)
            first = t;
    return first;
}

/* Moves the clock to `to`; what is due on the way fires, each late by its own jitter. */
static void clock_to(s_time_t to)
{
    for (;;) {
        struct timer *t = first_timer();
        s_time_t at;

        if (!t || t->expires > to)
            break;
        at = MAX(t->expires, w.now) + (w.jitter ? (s_time_t)(rnd() % (uint64_t)w.jitter) : 0);
        if (at > to)
            at = to;
        w.now = MAX(w.now, at);
        stop_timer(t);
        w.fired++;
        t->fn(t->data);
        assert_false(dom->platform->irq_lock.head != dom->platform->irq_lock.tail);
    }
    w.now = MAX(w.now, to);
}
__attribute__((unused)) static void clock_by(s_time_t ns) { clock_to(w.now + ns); }

/* --- the domain --- */

static void op_init(struct vcpu *v) { w.inits[v->vcpu_id]++; }
static void op_startup(struct vcpu *v, uint8_t vector)
{
    w.startups[v->vcpu_id]++;
    w.startup_vector = vector;
}
static void op_time_offset(struct vcpu *v, int64_t delta) { w.time_offset_told += delta; }
static const struct hvm_cpu_ops cpu_ops = { op_init, op_startup, op_time_offset };

static void world_begin(uint32_t flags)
{
    memset(&w, 0, sizeof(w));
    w.now = SECONDS(5);
    w.random = 42;
    alarm(300);
    dom = calloc(1, sizeof(*dom));
    dom->d.is_hvm = true;
    dom->d.shared_info = &shared;
    dom->d.tsc_khz = TEST_KHZ;
    dom->d.max_vcpus = VCPUS;
    dom->d.vcpu = calloc(VCPUS, sizeof(struct vcpu *));
    assert_null(hvm_platform_bad_flags(flags));
    assert_int_equal(hvm_platform_create(&dom->d, flags, &cpu_ops), 0);
    for (unsigned int i = 0; i < VCPUS; i++) {
        cpu[i] = calloc(1, sizeof(*cpu[i]));
        infos[i] = (struct vcpu_info){ 0 };
        cpu[i]->v.domain = &dom->d;
        cpu[i]->v.vcpu_id = i;
        cpu[i]->v.vcpu_info = &infos[i];
        cpu[i]->v.is_initialised = i == 0;
        dom->d.vcpu[i] = &cpu[i]->v;
        assert_int_equal(hvm_platform_vcpu_create(&cpu[i]->v), 0);
    }
    unit_current = &cpu[0]->v;
}

static void world_end(void)
{
    for (unsigned int i = 0; i < VCPUS; i++) {
        hvm_platform_vcpu_free(&cpu[i]->v);
        free(cpu[i]);
    }
    hvm_platform_free(&dom->d);
    assert_null(w.timers);
    free(dom->d.vcpu);
    free(dom);
}

/* --- shorthands for guest accesses --- */

#define V(n) (&cpu[n]->v)
__attribute__((unused)) static uint64_t in(uint16_t port, unsigned int size)
{
    uint64_t val = 0;
    assert_int_equal(hvm_port_read(V(0), port, size, &val), HVM_IO_DONE);
    return val;
}
__attribute__((unused)) static void out(uint16_t port, unsigned int size, uint64_t val)
{
    assert_int_equal(hvm_port_write(V(0), port, size, val), HVM_IO_DONE);
}
#define inb(port) ((uint8_t)in(port, 1))
#define outb(port, val) out(port, 1, val)
__attribute__((unused)) static uint64_t mmio_in(unsigned int n, uint64_t gpa, unsigned int size)
{
    uint64_t val = 0;
    assert_int_equal(hvm_mmio_read(V(n), gpa, size, &val), HVM_IO_DONE);
    return val;
}
__attribute__((unused)) static void mmio_out(unsigned int n, uint64_t gpa, unsigned int size,
                                            uint64_t val)
{
    assert_int_equal(hvm_mmio_write(V(n), gpa, size, val), HVM_IO_DONE);
}
#define apic_read(n, reg) ((uint32_t)mmio_in(n, APIC_DEFAULT_BASE + (reg), 4))
#define apic_write(n, reg, val) mmio_out(n, APIC_DEFAULT_BASE + (reg), 4, val)
__attribute__((unused)) static void apic_on(unsigned int n)
{
    apic_write(n, APIC_SVR, APIC_SVR_ENABLE | 0xff);
}
__attribute__((unused)) static uint32_t ioapic_read(unsigned int reg)
{
    mmio_out(0, VIOAPIC_BASE, 4, reg);
    return (uint32_t)mmio_in(0, VIOAPIC_BASE + IOAPIC_WINDOW, 4);
}
__attribute__((unused)) static void ioapic_write(unsigned int reg, uint32_t val)
{
    mmio_out(0, VIOAPIC_BASE, 4, reg);
    mmio_out(0, VIOAPIC_BASE + IOAPIC_WINDOW, 4, val);
}
__attribute__((unused)) static void set_rte(unsigned int pin, uint64_t rte)
{
    ioapic_write(IOAPIC_REG_RTE + 2 * pin + 1, (uint32_t)(rte >> 32));
    ioapic_write(IOAPIC_REG_RTE + 2 * pin, (uint32_t)rte);
}

/* Takes what is pending at vCPU n as the CPU would: its vector, or -1. */
__attribute__((unused)) static int take(unsigned int n)
{
    struct hvm_intack a = hvm_pending_interrupt(V(n));

    if (a.source == HVM_INT_NONE)
        return -1;
    a = hvm_ack_interrupt(V(n), a);
    return a.source == HVM_INT_NONE ? -1 : a.vector;
}
/* And ends it at the local APIC. */
__attribute__((unused)) static int serve(unsigned int n)
{
    int vector = take(n);

    if (vector >= 0)
        apic_write(n, APIC_EOI, 0);
    return vector;
}

#endif
