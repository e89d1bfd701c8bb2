/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Are RDTSC and RDTSCP usable in both modes, rising, and can user code be kept from them?
 *
 * For domain 0 the counter is native: never backwards on one vCPU. CR4.TSD set by the guest makes
 * RDTSC fault in user mode (#GP) and not in kernel mode, or the write of CR4 is refused.
 */
#include <guest.h>

#define CR4_TSD 4UL

static long user_rdtsc(void *unused)
{
    (void)unused;
    return rdtsc() != 0;
}

static void read_tsc(void *unused)
{
    (void)unused;
    rdtsc();
}

static void write_cr4(void *value)
{
    asm volatile("mov %0, %%cr4" : : "r"(value));
}

static uint64_t read_cr4(void)
{
    uint64_t value;

    asm volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

void test_main(void)
{
    uint64_t last = rdtsc(), cr4 = read_cr4();
    struct trap t;
    unsigned int i;

    for (i = 0; i < 100000; i++) {
        uint64_t now = rdtsc();

        if (now < last) {
            report_failure("RDTSC went from %lu to %lu", last, now);
            break;
        }
        last = now;
    }
    expect(user_call(user_rdtsc, NULL), 1);
    if (trap_catch(write_cr4, (void *)(cr4 | CR4_TSD), NULL) || !(read_cr4() & CR4_TSD))
        return;
    trap_user(user_rdtsc, NULL, 0, &t);
    check(t.vector == VEC_GP && t.error == 0, "RDTSC with TSD in user mode: vector %d", t.vector);
    check(!trap_catch(read_tsc, NULL, &t), "RDTSC with TSD in kernel mode: vector %d", t.vector);
    write_cr4((void *)cr4);
    expect(user_call(user_rdtsc, NULL), 1);
}
