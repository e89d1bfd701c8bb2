/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does the hypervisor survive an unprivileged domain that makes calls with random arguments?
 *
 * The domain draws numbers, sub-operations and arguments from values that hurt (its own
 * pages, page tables, frames, hypervisor addresses, limits, all ones) and from chance. It
 * may kill itself; the launcher and the hypervisor must go on, and the frames come back.
 * The seed is on the command line.
 */
#include <guest.h>

static uint64_t state;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint8_t *buffer;

static uint64_t value(void)
{
    static const uint64_t edges[] = {
        0, 1, 2, 7, 63, 64, 127, 255, 4095, 4096, 0x7ff0, 0x7ff1, 0x7ff2, 0x7fff, 0xffff, 0x10000,
        0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, ~0UL,
        HYPERVISOR_VIRT_START, HYPERVISOR_VIRT_END - 8, 0xffff82d040200000, 0x0000800000000000,
    };

    switch (next() % 12) {
    case 0:
        return edges[next() % ARRAY_SIZE(edges)];
    case 1: case 2: case 3:
        return (uint64_t)buffer + next() % 256 * 8;
    case 4:
        return pfn_to_mfn(next() % start_info->nr_pages);
    case 5:
        return pfn_to_mfn(next() % start_info->nr_pages) << PAGE_SHIFT | (next() & 0xfff);
    case 6:
        return (uint64_t)pfn_to_virt(next() % start_info->nr_pages);
    case 7:
        return next();
    default:
        return next() % 40;
    }
}

static void fill(void)
{
    uint64_t *word = (uint64_t *)buffer;
    unsigned int i;

    for (i = 0; i < PAGE_SIZE / 8; i++)
        word[i] = next() % 3 ? value() : 0;
}

/* Calls whose plain purpose is to end this domain or to leave the test's code. */
static bool ends_us(uint64_t number, uint64_t a)
{
    return number == __HYPERVISOR_iret || number == __HYPERVISOR_set_trap_table ||
           number == __HYPERVISOR_set_callbacks || number == __HYPERVISOR_callback_op ||
           ((number == __HYPERVISOR_sched_op || number == __HYPERVISOR_sched_op_compat) &&
            a != SCHEDOP_yield && a <= SCHEDOP_watchdog) ||
           (number == __HYPERVISOR_vcpu_op && a == VCPUOP_down);
}

static void one_call(void *unused)
{
    uint64_t number = next() % 20 ? next() % 44 : value(), a = value();

    (void)unused;
    fill();
    if (ends_us(number, a))
        return;
    hypercall_raw(&(struct raw_regs){ .rax = number, .rdi = a, .rsi = value(), .rdx = value(),
                                      .r10 = value(), .r8 = value(), .r9 = value() });
}

void test_main(void)
{
    unsigned long calls = line_number(command_line(), "calls", 20000), i;

    state = line_number(command_line(), "seed", 1) * 0x9e3779b97f4a7c15UL | 1;
    buffer = pages_alloc(2);
    for (i = 0; i < calls; i++) {
        struct trap t;

        trap_catch(one_call, NULL, &t);
        write_once(this_vcpu()->info->evtchn_upcall_mask, 1);
    }
    printf("%lu calls\n", i);
}
