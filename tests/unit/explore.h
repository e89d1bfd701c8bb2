/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An explorer of interleavings: runs a few threads of shipped code, one at a time, and goes through
 * every order in which their accesses to shared memory can follow each other.
 *
 * The sources under test are compiled with the compiler's calls at each volatile and atomic access
 * (`traced:` in unit.mk). Such a call on watched memory is a point where the scheduler below may
 * switch: everything between two points is one step. A thread that spins (cpu_relax) waits until
 * another has made a step; if all wait it is a deadlock. The search is depth first, each run from
 * the start again. A state (the hashed memory, every thread's registers and stack) that was seen
 * before is not gone on from, so the search is exhaustive: it ends when there is no state left.
 *
 * Limits: accesses appear in one order to all threads (on x86 plain stores may be seen later by
 * others; what is shared here is changed by locked instructions, or followed by one); two states
 * with the same 64-bit hash count as one. Include once, in the test file.
 */
#ifndef TESTS_EXPLORE_H
#define TESTS_EXPLORE_H

#include <sanitizer/asan_interface.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EX_THREADS 4
#define EX_STACK 32768
#define EX_DEPTH 20000
#define EX_AREAS 64
#define EX_STATES (1u << 22)

struct ex_thread {
    void *sp;
    void (*fn)(void);
    bool done, waiting;
    unsigned int steps;
};

/* What the test supplies: called when a thread gets its turn, after each step, at the end. */
static void ex_turn(unsigned int thread);
static void ex_check_state(void);
static void ex_check_end(void);
/* State that lies in no hashed area, as a number. */
static uint64_t ex_more_state(void);

static struct ex_thread ex_threads[EX_THREADS];
static char ex_stacks[EX_THREADS][EX_STACK] __attribute__((aligned(64)));
static unsigned int ex_nr_threads;
static int ex_running = -1;
static void *ex_main_sp;

static struct { char *p, *saved; size_t size; bool hashed; } ex_areas[EX_AREAS];
static unsigned int ex_nr_areas;
static struct { const char *p; size_t size; } ex_watched[EX_AREAS];
static unsigned int ex_nr_watched;

static struct { uint8_t choice, left; } ex_path[EX_DEPTH];
static unsigned int ex_length, ex_at;
static uint64_t *ex_seen, ex_salt; /* the salt keeps one search's states apart from another's */
static unsigned long ex_filled, ex_states, ex_runs;
static char ex_violation[256];
static jmp_buf ex_out;

/* --- memory --- */

/* Put back before each run. EX_WATCH: accesses to it are points. EX_STATE: it tells states
   apart. */
#define EX_WATCH 1u
#define EX_STATE 2u
static void ex_area(void *p, size_t size, unsigned int how)
{
    ex_areas[ex_nr_areas].hashed = how & EX_STATE;
    ex_areas[ex_nr_areas].p = p;
    ex_areas[ex_nr_areas].size = size;
    ex_areas[ex_nr_areas].saved = realloc(ex_areas[ex_nr_areas].saved, size);
    memcpy(ex_areas[ex_nr_areas++].saved, p, size);
    if (!(how & EX_WATCH))
        return;
    ex_watched[ex_nr_watched].p = p;
    ex_watched[ex_nr_watched++].size = size;
}

static void ex_forget_areas(void)
{
    ex_nr_areas = ex_nr_watched = 0;
}

static uint64_t ex_mix(uint64_t h, const void *p, size_t size)
{
    const char *at = p;
    uint64_t w = 0;

    for (; size >= sizeof(w); at += sizeof(w), size -= sizeof(w)) {
        memcpy(&w, at, sizeof(w));
        h = (h ^ w) * 0x9e3779b97f4a7c15UL;
        h ^= h >> 29;
    }
    w = 0;
    memcpy(&w, at, size);
    return (h ^ w) * 0x9e3779b97f4a7c15UL;
}

__attribute__((no_sanitize_address)) static uint64_t ex_hash(void)
{
    uint64_t h = ex_more_state() ^ ex_salt;

    for (unsigned int i = 0; i < ex_nr_areas; i++)
        if (ex_areas[i].hashed)
            h = ex_mix(h, ex_areas[i].p, ex_areas[i].size);
    for (unsigned int t = 0; t < ex_nr_threads; t++) {
        const struct ex_thread *th = &ex_threads[t];
        const char *sp = th->sp;

        h = (h ^ ((uint64_t)th->done << 1 | th->waiting)) * 0x9e3779b97f4a7c15UL;
        for (; !th->done && sp < ex_stacks[t] + EX_STACK; sp += 8) {
            h = (h ^ *(const uint64_t *)sp) * 0x9e3779b97f4a7c15UL;
            h ^= h >> 29;
        }
    }
    return h ? h : 1;
}

/* True if the state is new. */
static bool ex_remember(uint64_t h)
{
    unsigned long i = h & (EX_STATES - 1);

    while (ex_seen[i] && ex_seen[i] != h)
        i = (i + 1) & (EX_STATES - 1);
    if (ex_seen[i])
        return false;
    ex_seen[i] = h;
    ex_states++;
    if (++ex_filled > EX_STATES / 4 * 3) {
        fprintf(stderr, "explore: more states than the table holds\n");
        abort();
    }
    return true;
}

/* --- threads --- */

/* Saves what a call must keep on the stack, whose pointer goes to *from, and goes on at to. */
void ex_switch(void **from, void *to);
__asm__(".text\nex_switch:\n"
        " push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n"
        " mov %rsp, (%rdi)\n mov %rsi, %rsp\n"
        " pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n ret\n");

static void ex_yield(void)
{
    ex_switch(&ex_threads[ex_running].sp, ex_main_sp);
}

/* The first wrong thing of a run ends the search. */
__attribute__((format(printf, 1, 2))) static void ex_fail(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    if (!ex_violation[0])
        vsnprintf(ex_violation, sizeof(ex_violation), fmt, args);
    va_end(args);
    if (ex_running < 0)
        longjmp(ex_out, 1);
    for (;;)
        ex_yield();
}

static void ex_point(const volatile void *p)
{
    if (ex_running < 0)
        return;
    for (unsigned int i = 0; i < ex_nr_watched; i++)
        if ((const char *)p - ex_watched[i].p >= 0 &&
            (size_t)((const char *)p - ex_watched[i].p) < ex_watched[i].size) {
            ex_yield();
            return;
        }
}

/* A point that is no access: a flush, a walk of the page tables. */
__attribute__((unused)) static void ex_step(void)
{
    if (ex_running >= 0)
        ex_yield();
}

static void ex_relax(void)
{
    if (ex_running < 0) {
        fprintf(stderr, "explore: the code spins before anything runs\n");
        abort();
    }
    ex_threads[ex_running].waiting = true;
    ex_yield();
}

static void ex_thread_main(void)
{
    ex_threads[ex_running].fn();
    ex_threads[ex_running].done = true;
    for (;;)
        ex_yield();
}

__attribute__((no_sanitize_address)) static void ex_prepare(void)
{
    for (unsigned int i = 0; i < ex_nr_areas; i++)
        memcpy(ex_areas[i].p, ex_areas[i].saved, ex_areas[i].size);
    for (unsigned int t = 0; t < ex_nr_threads; t++) {
        uint64_t *top = (uint64_t *)(ex_stacks[t] + EX_STACK);

        __asan_unpoison_memory_region(ex_stacks[t], EX_STACK);
        memset(ex_stacks[t] + EX_STACK - 4096, 0, 4096);
        top[-2] = (uint64_t)ex_thread_main; /* where ex_switch() returns to, aligned as a call */
        ex_threads[t].sp = top - 8;
        ex_threads[t].done = ex_threads[t].waiting = false;
        ex_threads[t].steps = 0;
    }
}

static void ex_run_thread(unsigned int t)
{
    ex_running = (int)t;
    ex_threads[t].waiting = false;
    ex_threads[t].steps++;
    ex_turn(t);
    ex_switch(&ex_main_sp, ex_threads[t].sp);
    ex_running = -1;
    /* Whoever waits looks again after another's step. */
    for (unsigned int i = 0; i < ex_nr_threads; i++)
        if (i != t && !ex_threads[t].waiting)
            ex_threads[i].waiting = false;
}

static unsigned int ex_enabled(void)
{
    unsigned int mask = 0;

    for (unsigned int t = 0; t < ex_nr_threads; t++)
        if (!ex_threads[t].done && !ex_threads[t].waiting)
            mask |= 1u << t;
    return mask;
}

/* One run along the path and on to a known state or the end. */
static void ex_run(void)
{
    ex_prepare();
    ex_runs++;
    for (ex_at = 0;; ex_at++) {
        unsigned int enabled = ex_enabled();

        if (!enabled)
            break;
        if (ex_at == ex_length) {
            if (!ex_remember(ex_hash()))
                return;
            if (ex_length == EX_DEPTH) {
                ex_fail("no end after %u steps", ex_length);
                return;
            }
            ex_path[ex_length].choice = (uint8_t)__builtin_ctz(enabled);
            ex_path[ex_length++].left = (uint8_t)(enabled & (enabled - 1));
        }
        ex_run_thread(ex_path[ex_at].choice);
        if (ex_violation[0])
            longjmp(ex_out, 1);
        ex_check_state();
    }
    for (unsigned int t = 0; t < ex_nr_threads; t++)
        if (!ex_threads[t].done)
            ex_fail("thread %u waits for ever", t);
    ex_check_end();
}

/* The next path that was not taken; false when there is none. */
static bool ex_next(void)
{
    while (ex_length) {
        if (ex_path[ex_length - 1].left) {
            ex_path[ex_length - 1].choice = (uint8_t)__builtin_ctz(ex_path[ex_length - 1].left);
            ex_path[ex_length - 1].left &= (uint8_t)(ex_path[ex_length - 1].left - 1);
            return true;
        }
        ex_length--;
    }
    return false;
}

/*
 * Goes through all interleavings of the n threads from the areas' present contents. True if nothing
 * was wrong in any; else ex_violation says what, and ex_show_path() how it came to it.
 */
static bool ex_explore(void (*const *fns)(void), unsigned int n)
{
    unit_relax = ex_relax;
    if (!ex_seen)
        ex_seen = calloc(EX_STATES, sizeof(*ex_seen));
    if (ex_filled > EX_STATES / 2) {
        memset(ex_seen, 0, EX_STATES * sizeof(*ex_seen));
        ex_filled = 0;
    }
    ex_salt += 0x9e3779b97f4a7c15UL;
    ex_states = ex_runs = 0;
    ex_length = 0;
    ex_violation[0] = 0;
    ex_nr_threads = n;
    for (unsigned int t = 0; t < n; t++)
        ex_threads[t].fn = fns[t];
    if (!setjmp(ex_out))
        do
            ex_run();
        while (ex_next());
    ex_running = -1;
    unit_relax = NULL;
    return !ex_violation[0];
}

/* The order of steps of the run that went wrong. */
__attribute__((unused)) static void ex_show_path(void)
{
    fprintf(stderr, "steps:");
    for (unsigned int i = 0, n; i < ex_length && i <= ex_at; i += n) {
        for (n = 1; i + n < ex_length && ex_path[i + n].choice == ex_path[i].choice; n++)
            ;
        fprintf(stderr, " %ux%u", ex_path[i].choice, n);
    }
    fprintf(stderr, " (thread x steps)\n");
}

/* --- what the compiler's instrumentation calls --- */

/* Seeded errors, to see that the search finds them. */
enum ex_mutation {
    EX_SHIPPED,
    EX_NO_FLUSH,        /* flushes do nothing (up to the test's flush_mask()) */
    EX_FILTER_ALL,      /* nobody is taken for stale (flush_filter()) */
    EX_LATE_WRITE,      /* a plain write to ex_late is done after the next atomic one nearby */
    EX_BLIND_CMPXCHG,   /* compare-and-swap of ex_late's kind stores whatever it finds */
    EX_NO_LOCKS,        /* a ticket lock is taken without waiting */
};
static enum ex_mutation ex_mutation;

/* Is this the field that a mutation is about? The test says. */
static bool ex_mutated_field(const volatile void *p, size_t size);

/* EX_LATE_WRITE: the address, what was there before, and what belongs there. One at a time. */
static struct { volatile uint32_t *p; uint32_t before; int thread; } ex_late;

static void ex_before_write(volatile void *p, size_t size)
{
    ex_point(p);
    if (ex_mutation == EX_LATE_WRITE && ex_running >= 0 && ex_mutated_field(p, size)) {
        ex_late.p = p;
        ex_late.before = *ex_late.p;
        ex_late.thread = ex_running;
    }
}

#define EX_PLAIN(bits, n)                                                                          \
    void __tsan_read##n(void *p);                                                                  \
    void __tsan_write##n(void *p);                                                                 \
    void __tsan_read##n(void *p) { (void)p; }                                                      \
    void __tsan_write##n(void *p) { (void)p; }                                                     \
    void __tsan_volatile_read##n(void *p);                                                         \
    void __tsan_volatile_write##n(void *p);                                                        \
    void __tsan_volatile_read##n(void *p) { ex_point(p); }                                         \
    void __tsan_volatile_write##n(void *p) { ex_before_write(p, n); }
EX_PLAIN(8, 1) EX_PLAIN(16, 2) EX_PLAIN(32, 4) EX_PLAIN(64, 8) EX_PLAIN(128, 16)

void __tsan_init(void);
void __tsan_read_range(void *p, long n);
void __tsan_write_range(void *p, long n);
void __tsan_atomic_thread_fence(int order);
void __tsan_init(void) {}
void __tsan_read_range(void *p, long n) {}
void __tsan_write_range(void *p, long n) {}
void __tsan_atomic_thread_fence(int order) {}

/* The late write is done after another's turn. */
static uint32_t ex_hold_back(void)
{
    uint32_t now = *ex_late.p;

    *ex_late.p = ex_late.before;
    return now;
}

static uint64_t ex_ticket[EX_THREADS];

#define EX_ATOMIC(bits)                                                                            \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile void *p, int mo);                     \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile void *p, int mo)                      \
    {                                                                                              \
        ex_point(p);                                                                               \
        /* The head of a lock, in front of its tail, is what the thread has just drawn. */         \
        if (ex_mutation == EX_NO_LOCKS && ex_running >= 0 &&                                       \
            ex_mutated_field((const volatile char *)p + sizeof(uint##bits##_t), bits / 8))         \
            return (uint##bits##_t)ex_ticket[ex_running];                                          \
        return *(const volatile uint##bits##_t *)p;                                                \
    }                                                                                              \
    void __tsan_atomic##bits##_store(volatile void *p, uint##bits##_t v, int mo);                  \
    void __tsan_atomic##bits##_store(volatile void *p, uint##bits##_t v, int mo)                   \
    {                                                                                              \
        ex_point(p);                                                                               \
        *(volatile uint##bits##_t *)p = v;                                                         \
    }                                                                                              \
    bool __tsan_atomic##bits##_compare_exchange_strong(volatile void *p, void *old,                \
                                                       uint##bits##_t v, int mo, int fmo);         \
    bool __tsan_atomic##bits##_compare_exchange_strong(volatile void *p, void *old,                \
                                                       uint##bits##_t v, int mo, int fmo)          \
    {                                                                                              \
        uint##bits##_t seen;                                                                       \
        bool same, late = ex_late.p && ex_late.thread == ex_running;                               \
        uint32_t held = 0;                                                                         \
                                                                                                   \
        ex_point(p);                                                                               \
        if (late)                                                                                  \
            held = ex_hold_back();                                                                 \
        seen = *(volatile uint##bits##_t *)p;                                                      \
        same = !memcmp(&seen, old, sizeof(seen));                                                  \
        if (ex_mutation == EX_BLIND_CMPXCHG && ex_running >= 0 &&                                  \
            ex_mutated_field(p, sizeof(seen)))                                                     \
            same = true;                                                                           \
        if (same)                                                                                  \
            *(volatile uint##bits##_t *)p = v;                                                     \
        else                                                                                       \
            memcpy(old, &seen, sizeof(seen));                                                      \
        if (late) {                                                                                \
            volatile uint32_t *at = ex_late.p;                                                     \
                                                                                                   \
            ex_late.p = NULL;                                                                      \
            ex_point(p);                                                                           \
            *at = held;                                                                            \
        }                                                                                          \
        return same;                                                                               \
    }                                                                                              \
    EX_RMW(bits, exchange, v) EX_RMW(bits, fetch_add, before + v)                                  \
    EX_RMW(bits, fetch_sub, before - v)                                                            \
    EX_RMW(bits, fetch_and, before & v) EX_RMW(bits, fetch_or, before | v)                         \
    EX_RMW(bits, fetch_xor, before ^ v)

#define EX_RMW(bits, name, value)                                                                  \
    uint##bits##_t __tsan_atomic##bits##_##name(volatile void *p, uint##bits##_t v, int mo);       \
    uint##bits##_t __tsan_atomic##bits##_##name(volatile void *p, uint##bits##_t v, int mo)        \
    {                                                                                              \
        uint##bits##_t before;                                                                     \
                                                                                                   \
        ex_point(p);                                                                               \
        before = *(volatile uint##bits##_t *)p;                                                    \
        *(volatile uint##bits##_t *)p = (uint##bits##_t)(value);                                   \
        if (ex_running >= 0)                                                                       \
            ex_ticket[ex_running] = before;                                                        \
        return before;                                                                             \
    }
EX_ATOMIC(8) EX_ATOMIC(16) EX_ATOMIC(32) EX_ATOMIC(64)

#endif
