/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine of sched_sim.h. */
#include <stdlib.h>
#include <string.h>
#include <hv/event.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/smp.h>
#include <hv/trace.h>
#include <hv/uaccess.h>
#include "sched_sim.h"

#define PERCPU_STRIDE (1ul << 20)
#define SWITCH_TIME USECS(2)
#define PASS_TIME 500               /* a schedule() that goes on with the same vCPU */
#define IPI_TIME_MIN 1000
#define IPI_TIME_SPREAD 2000
#define TIMER_SPREAD 50000
#define WATCH_PERIOD USECS(50)
#define CPUS_PER_NODE 16
#define GAME_TICK MILLISECS(10)

DEFINE_PER_CPU(long, anchor);
DEFINE_PER_CPU(struct vcpu *, idle_vcpu);
static char percpu_copies[(SIM_CPUS + 1) * PERCPU_STRIDE] __attribute__((aligned(4096)));
unsigned long per_cpu_offset[NR_CPUS];
cpumask_t cpu_online_map, cpu_possible_map;
unsigned int nr_cpu_ids;
struct vcpu *unit_current;
struct domain *idle_domain;
uint32_t trace_mask;

struct sim_vcpu sim_vcpus[SIM_VCPUS];
struct domain sim_domains[SIM_DOMAINS];
unsigned int sim_nr_vcpus, sim_nr_domains;
struct sim_result sim_result;
s_time_t sim_now;

static struct sim_cpu {
    struct vcpu *running;
    struct vcpu *saving;            /* its state is not saved yet */
    s_time_t busy_until;
    bool pending;                   /* SCHEDULE_SOFTIRQ */
    unsigned int gen;               /* of its burst event */
} cpus[SIM_CPUS];
static struct sim_vcpu idle_vcpus[SIM_CPUS];
static struct vcpu *idle_list[SIM_CPUS];
static struct vcpu_info infos[SIM_VCPUS];
static struct domain idle_dom;
static cpumask_t nodes[SIM_CPUS / CPUS_PER_NODE];
static unsigned int this_cpu_nr;
static cpumask_t idle_map;
static void (*schedule_softirq)(void);
static jmp_buf switched;
static s_time_t start_time;
static uint64_t random_state;

/* --- events, by time, then in the order they were made --- */

enum event_kind { EV_TIMER, EV_CPU, EV_SAVED, EV_BURST, EV_WAKE, EV_WATCH };
struct event {
    s_time_t time, expires;
    uint64_t seq;
    enum event_kind kind;
    unsigned int id, gen;
    struct timer *timer;
};
static struct event *heap;
static unsigned int nr_events, max_events;
static uint64_t event_seq;

static bool earlier(const struct event *a, const struct event *b)
{
    return a->time < b->time || (a->time == b->time && a->seq < b->seq);
}

static void push(struct event e)
{
    unsigned int i = nr_events++;

    if (nr_events > max_events) {
        max_events = max_events ? 2 * max_events : 4096;
        heap = realloc(heap, max_events * sizeof(*heap));
        assert_non_null(heap);
    }
    e.seq = event_seq++;
    for (; i && earlier(&e, &heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap[i] = heap[(i - 1) / 2];
    heap[i] = e;
}

static struct event pop(void)
{
    struct event first = heap[0], last = heap[--nr_events];
    unsigned int i = 0;

    for (;;) {
        unsigned int child = 2 * i + 1;

        if (child + 1 < nr_events && earlier(&heap[child + 1], &heap[child]))
            child++;
        if (child >= nr_events || !earlier(&heap[child], &last))
            break;
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = last;
    return first;
}

unsigned int sim_random(unsigned int below)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned int)((random_state >> 33) % below);
}

/* --- what the scheduler calls --- */

unsigned int unit_cpu(void) { return this_cpu_nr; }
unsigned long unit_this_cpu_offset(void) { return per_cpu_offset[this_cpu_nr]; }
s_time_t NOW(void) { return sim_now; }
void open_softirq(enum softirq nr, void (*fn)(void)) { schedule_softirq = fn; }
void smp_send_event_check_cpu(unsigned int cpu) {}
void evtchn_move_pirqs(struct vcpu *v) {}
void send_guest_vcpu_virq(struct vcpu *v, unsigned int virq) {}
void trace_record(uint32_t cls, uint64_t a, uint64_t b, uint64_t c, uint64_t d) {}
void exit_record(uint64_t where, uint64_t what) {}
void printk(const char *fmt, ...) {}
int copy_to_guest(void *gva, const void *src, size_t len) { return 0; }
void *xzalloc(size_t n) { return calloc(1, n); }
void xfree(void *p) { free(p); }
struct vcpu *vcpu_create(struct domain *d, unsigned int id) { return NULL; }
void panic(const char *fmt, ...)
{
    fail_msg("panic: %s", fmt);
    abort();
}
void bug_at(const char *file, int line, const char *what)
{
    fail_msg("%s:%d %s", file, line, what);
    abort();
}

void cpu_raise_softirq(unsigned int cpu, enum softirq nr)
{
    s_time_t delay = cpu == this_cpu_nr ? 0 : IPI_TIME_MIN + sim_random(IPI_TIME_SPREAD);

    if (cpus[cpu].pending)
        return;
    cpus[cpu].pending = true;
    push((struct event){ .time = sim_now + delay, .kind = EV_CPU, .id = cpu });
}
void raise_softirq(enum softirq nr) { cpu_raise_softirq(this_cpu_nr, nr); }

void init_timer(struct timer *t, void (*fn)(void *), void *data, unsigned int cpu)
{
    *t = (struct timer){ .fn = fn, .data = data, .cpu = (uint16_t)cpu };
}
void set_timer(struct timer *t, s_time_t expires)
{
    t->expires = expires;
    t->state = 1;
    push((struct event){ .time = (expires > sim_now ? expires : sim_now) + sim_random(TIMER_SPREAD),
                         .expires = expires, .kind = EV_TIMER, .timer = t });
}
void stop_timer(struct timer *t) { t->state = 0; }
void kill_timer(struct timer *t) { t->state = 0; }
void migrate_timer(struct timer *t, unsigned int cpu) { t->cpu = (uint16_t)cpu; }
bool timer_is_active(const struct timer *t) { return t->state; }

/* --- CPUs --- */

static struct sim_vcpu *sim_of(struct vcpu *v) { return container_of(v, struct sim_vcpu, v); }

static void become(unsigned int cpu)
{
    this_cpu_nr = cpu;
    unit_current = cpus[cpu].running;
}

static void begin_burst(unsigned int cpu, s_time_t at)
{
    struct sim_vcpu *s = sim_of(cpus[cpu].running);

    s->burst_end = at + s->left;
    push((struct event){ .time = s->burst_end, .kind = EV_BURST, .id = cpu,
                         .gen = ++cpus[cpu].gen });
}

static void note_latency(struct sim_vcpu *s)
{
    struct sim_result *r = &sim_result;

    if (!s->woken || s->load != LOAD_IO)
        return;
    if (r->nr_latency == r->max_latency) {
        r->max_latency = r->max_latency ? 2 * r->max_latency : 4096;
        r->latency = realloc(r->latency, r->max_latency * sizeof(*r->latency));
        assert_non_null(r->latency);
    }
    r->latency[r->nr_latency++] = sim_now - s->woken;
}

static void arrive(struct sim_vcpu *s, unsigned int cpu)
{
    note_latency(s);
    s->woken = s->waiting = 0;
    if (s->on_cpu != cpu) {
        s->moves++;
        sim_result.moves++;
    }
    s->on_cpu = cpu;
    begin_burst(cpu, sim_now + SWITCH_TIME);
}

void context_switch(struct vcpu *prev, struct vcpu *next)
{
    struct sim_cpu *c = &cpus[this_cpu_nr];
    struct sim_vcpu *p = sim_of(prev);

    assert_ptr_equal(c->running, prev);
    assert_null(c->saving);
    assert_true(local_irq_is_enabled());
    assert_true(next->is_idle || vcpu_runnable(next));
    assert_true(next->is_running);
    assert_int_equal(next->processor, this_cpu_nr);
    assert_true(cpumask_test(this_cpu_nr, &next->hard_affinity));
    if (!next->is_idle)
        for (unsigned int cpu = 0; cpu < nr_cpu_ids; cpu++)
            assert_true(cpus[cpu].running != next && cpus[cpu].saving != next);
    if (!prev->is_idle)
        p->left = p->burst_end > sim_now ? MIN(p->left, p->burst_end - sim_now) : 0;
    p->burst_end = 0;
    c->gen++;
    c->running = next;
    c->saving = prev;
    c->busy_until = sim_now + SWITCH_TIME;
    if (next->is_idle)
        cpumask_set(this_cpu_nr, &idle_map);
    else
        cpumask_clear(this_cpu_nr, &idle_map);
    push((struct event){ .time = c->busy_until, .kind = EV_SAVED, .id = this_cpu_nr });
    sim_result.switches++;
    if (!next->is_idle)
        arrive(sim_of(next), this_cpu_nr);
    longjmp(switched, 1);
}

/* Somebody else works on another CPU's run queue meanwhile, but never on those that the caller
   waits for. */
static spinlock_t *hold_a_lock(unsigned int not_this)
{
    unsigned int cpu = sim_random(nr_cpu_ids);
    spinlock_t *l = &per_cpu(sched_lock, cpu);

    if (sim_random(4) || cpu == not_this || cpu == this_cpu_nr)
        return NULL;
    spin_lock(l);
    return l;
}

static void run_schedule(unsigned int cpu)
{
    spinlock_t *volatile held;

    become(cpu);
    cpus[cpu].pending = false;
    cpus[cpu].busy_until = sim_now + PASS_TIME;
    held = hold_a_lock(cpu);
    if (!setjmp(switched))
        schedule_softirq();
    if (held)
        spin_unlock(held);
}

/* --- what vCPUs do --- */

static s_time_t exponential(s_time_t mean)
{
    s_time_t sum = 0;

    for (unsigned int i = 0; i < 4; i++)
        sum += sim_random(1000);
    return mean * sum / 2000 + 1000;
}

static s_time_t new_burst(const struct sim_vcpu *s)
{
    switch (s->load) {
    case LOAD_IO:
        return USECS(30) + sim_random(200000);
    case LOAD_MIX:
        return exponential(MILLISECS(6));
    case LOAD_GAME_TICK:
        return GAME_TICK - USECS(100) - (sim_now % GAME_TICK) % (GAME_TICK - USECS(200));
    case LOAD_GAME_BOOST:
        return USECS(950);
    case LOAD_YIELD:
        return USECS(20);
    default:
        return SECONDS(100000);
    }
}

static s_time_t new_sleep(const struct sim_vcpu *s)
{
    switch (s->load) {
    case LOAD_IO:
        return exponential(MILLISECS(8));
    case LOAD_MIX:
        return exponential(MILLISECS(6));
    case LOAD_GAME_TICK:
        return USECS(200);
    default:
        return USECS(20);
    }
}

static void burst_ended(unsigned int cpu)
{
    struct sim_vcpu *s = sim_of(cpus[cpu].running);

    become(cpu);
    if (s->load == LOAD_YIELD) {
        s->left = new_burst(s);
        begin_burst(cpu, sim_now);
        vcpu_yield();
        return;
    }
    s->left = 0;
    vcpu_block();
    push((struct event){ .time = sim_now + new_sleep(s), .kind = EV_WAKE,
                         .id = (unsigned int)(s - sim_vcpus), .gen = ++s->gen });
}

/* The event comes in at some CPU that takes interrupts. */
static void wake(struct sim_vcpu *s)
{
    bool running = s->v.is_running;
    spinlock_t *held;

    become(sim_random(nr_cpu_ids));
    s->left = new_burst(s);
    s->woken = sim_now;
    held = hold_a_lock(s->v.processor);
    vcpu_unblock(&s->v);
    if (held)
        spin_unlock(held);
    if (running && cpus[s->v.processor].running == &s->v) {
        s->woken = 0;
        begin_burst(s->v.processor, sim_now);
    }
}

/* --- an idle CPU while somebody waits who may use it --- */

/* The policy may hold back vCPUs of capped domains. */
static bool may_be_parked(const struct vcpu *v)
{
    struct xen_domctl_scheduler_op op = { .sched_id = XEN_SCHEDULER_CREDIT,
                                          .cmd = XEN_DOMCTL_SCHEDOP_getinfo };

    assert_int_equal(sched_adjust(v->domain, &op), 0);
    return op.u.credit.cap != 0;
}

static void watch(void)
{
    bool none = cpumask_empty(&idle_map);

    for (unsigned int i = 0; i < sim_nr_vcpus; i++) {
        struct sim_vcpu *s = &sim_vcpus[i];

        if (none || s->v.is_running || !vcpu_runnable(&s->v) ||
            !cpumask_intersects(&idle_map, &s->v.hard_affinity) || may_be_parked(&s->v)) {
            s->waiting = 0;
            continue;
        }
        if (!s->waiting)
            s->waiting = sim_now;
        sim_result.longest_idle = MAX(sim_result.longest_idle, sim_now - s->waiting);
    }
    push((struct event){ .time = sim_now + WATCH_PERIOD, .kind = EV_WATCH });
}

/* --- the run --- */

static bool defer(unsigned int cpu, struct event e)
{
    if (cpus[cpu].busy_until <= sim_now)
        return false;
    e.time = cpus[cpu].busy_until;
    push(e);
    return true;
}

static void handle(struct event e)
{
    struct sim_cpu *c = &cpus[e.kind == EV_CPU || e.kind == EV_SAVED || e.kind == EV_BURST ? e.id
                                                                                           : 0];
    struct vcpu *prev;

    switch (e.kind) {
    case EV_TIMER:
        if (!e.timer->state || e.timer->expires != e.expires || defer(e.timer->cpu, e))
            break;
        e.timer->state = 0;
        become(e.timer->cpu);
        e.timer->fn(e.timer->data);
        break;
    case EV_CPU:
        if (c->pending && !defer(e.id, e))
            run_schedule(e.id);
        break;
    case EV_SAVED:
        become(e.id);
        prev = c->saving;
        c->saving = NULL;
        local_irq_disable();
        context_saved(prev);
        local_irq_enable();
        break;
    case EV_BURST:
        if (e.gen == c->gen && !defer(e.id, e))
            burst_ended(e.id);
        break;
    case EV_WAKE:
        if (e.gen == sim_vcpus[e.id].gen)
            wake(&sim_vcpus[e.id]);
        break;
    case EV_WATCH:
        watch();
    }
}

void sim_run(s_time_t span)
{
    s_time_t end = sim_now + span;

    while (nr_events && heap[0].time <= end) {
        struct event e = pop();

        sim_now = MAX(sim_now, e.time);
        sim_result.events++;
        handle(e);
    }
    sim_now = end;
}

/* --- setting up --- */

void sim_begin(unsigned int nr_cpus, unsigned int seed)
{
    memset(cpus, 0, sizeof(cpus));
    cpumask_zero(&cpu_online_map);
    cpumask_zero(&idle_map);
    memset(nodes, 0, sizeof(nodes));
    random_state = 0x9e3779b97f4a7c15u * (seed + 1);
    nr_events = sim_nr_vcpus = sim_nr_domains = 0;
    sim_result = (struct sim_result){ 0 };
    sim_now = start_time = SECONDS(1);
    nr_cpu_ids = nr_cpus;
    idle_domain = &idle_dom;
    idle_dom = (struct domain){ .is_idle = true, .vcpu = idle_list, .max_vcpus = nr_cpus };
    for (unsigned int cpu = 0; cpu < nr_cpus; cpu++) {
        struct vcpu *v = &idle_vcpus[cpu].v;

        if (cpu)
            per_cpu_offset[cpu] = (unsigned long)percpu_copies + cpu * PERCPU_STRIDE -
                                  (unsigned long)&per_cpu__anchor;
        cpumask_set(cpu, &cpu_online_map);
        cpumask_set(cpu, &idle_map);
        cpumask_set(cpu, &nodes[cpu / CPUS_PER_NODE]);
        sched_set_near(cpu, &nodes[cpu / CPUS_PER_NODE]);
        idle_list[cpu] = cpus[cpu].running = v;
        *v = (struct vcpu){ .vcpu_id = cpu, .domain = &idle_dom, .is_idle = true };
        assert_int_equal(sched_init_vcpu(v), 0);
        per_cpu(idle_vcpu, cpu) = v;
    }
    sched_init();
    for (unsigned int cpu = 1; cpu < nr_cpus; cpu++)
        sched_init_cpu(cpu);
    push((struct event){ .time = sim_now, .kind = EV_WATCH });
}

void sim_end(void)
{
    sim_result.max_latency = 0;
    for (unsigned int i = 0; i < sim_nr_vcpus; i++)
        sched_free_vcpu(&sim_vcpus[i].v);
    for (unsigned int i = 0; i < sim_nr_domains; i++) {
        sched_free_domain(&sim_domains[i]);
        free(sim_domains[i].vcpu);
    }
    free(sim_result.latency);
    sim_result.latency = NULL;
    free(heap);
    heap = NULL;
    max_events = nr_events = 0;
    sim_nr_vcpus = sim_nr_domains = 0;
}

struct domain *sim_domain(unsigned int nr, uint16_t weight, uint16_t cap, enum sim_load load)
{
    struct domain *d = &sim_domains[sim_nr_domains++];
    struct xen_domctl_scheduler_op op = {
        .sched_id = XEN_SCHEDULER_CREDIT, .cmd = XEN_DOMCTL_SCHEDOP_putinfo,
        .u.credit = { .weight = weight, .cap = cap },
    };

    assert_true(sim_nr_domains <= SIM_DOMAINS && sim_nr_vcpus + nr <= SIM_VCPUS);
    *d = (struct domain){ .domain_id = (domid_t)sim_nr_domains, .max_vcpus = nr };
    d->vcpu = calloc(nr, sizeof(*d->vcpu));
    assert_non_null(d->vcpu);
    assert_int_equal(sched_init_domain(d), 0);
    assert_int_equal(sched_adjust(d, &op), 0);
    for (unsigned int i = 0; i < nr; i++) {
        struct sim_vcpu *s = &sim_vcpus[sim_nr_vcpus];

        *s = (struct sim_vcpu){ .load = load };
        s->v = (struct vcpu){ .vcpu_id = i, .domain = d, .pause_flags = BIT(VPF_down),
                              .vcpu_info = &infos[sim_nr_vcpus++] };
        assert_int_equal(sched_init_vcpu(&s->v), 0);
        vcpu_init_timers(&s->v);
        s->left = new_burst(s);
        d->vcpu[i] = &s->v;
    }
    return d;
}

void sim_start_all(void)
{
    for (unsigned int i = 0; i < sim_nr_vcpus; i++) {
        become(sim_random(nr_cpu_ids));
        clear_bit(VPF_down, &sim_vcpus[i].v.pause_flags);
        vcpu_wake(&sim_vcpus[i].v);
    }
}

/* --- results --- */

static uint64_t ran_ever(struct sim_vcpu *s)
{
    struct vcpu_runstate_info info;

    vcpu_runstate_get(&s->v, &info);
    return info.time[RUNSTATE_running];
}

void sim_measure(void)
{
    for (unsigned int i = 0; i < sim_nr_vcpus; i++)
        sim_vcpus[i].ran_before = ran_ever(&sim_vcpus[i]);
    sim_result.switches = sim_result.moves = sim_result.events = 0;
    sim_result.nr_latency = 0;
    sim_result.longest_idle = 0;
}

s_time_t sim_ran(struct sim_vcpu *s)
{
    return (s_time_t)(ran_ever(s) - s->ran_before);
}

static int by_length(const void *a, const void *b)
{
    s_time_t x = *(const s_time_t *)a, y = *(const s_time_t *)b;

    return (x > y) - (x < y);
}

double sim_latency(double percent)
{
    struct sim_result *r = &sim_result;

    if (!r->nr_latency)
        return 0;
    qsort(r->latency, r->nr_latency, sizeof(*r->latency), by_length);
    return (double)r->latency[(unsigned int)((r->nr_latency - 1) * percent / 100)] / 1000;
}

void sim_check_runstates(void)
{
    for (unsigned int i = 0; i < sim_nr_vcpus; i++) {
        struct vcpu_runstate_info info;
        uint64_t sum = 0;

        vcpu_runstate_get(&sim_vcpus[i].v, &info);
        for (unsigned int k = 0; k < 4; k++)
            sum += info.time[k];
        assert_int_equal(sum, sim_now - start_time);
    }
}
