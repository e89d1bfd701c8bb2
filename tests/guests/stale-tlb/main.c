/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does a frame change its type only after every CPU that may hold a writable translation has
 * flushed?
 *
 * A second vCPU writes through a mapping without pause. The first takes the mapping away without
 * asking for a flush, and pins the frame as L1. The hypervisor must flush the other CPU before it
 * trusts the contents: after the pin not one write may arrive. If one does, the guest owns the
 * machine.
 */
#include <guest.h>

#define ROUNDS 200

static volatile uint64_t *va;
static volatile unsigned int running, stop, faults;

static void write_loop(void *unused)
{
    uint64_t n = 0;

    (void)unused;
    while (!stop) {
        /* Non-present values: harmless whatever the frame is. */
        *va = n << 12;
        n++;
        running = 1;
    }
}

static void writer(void *unused)
{
    struct trap t;

    (void)unused;
    while (!stop) {
        if (trap_catch(write_loop, NULL, &t)) {
            faults++;
            running = 0;
            hc_sched_op(SCHEDOP_yield, NULL);
        }
    }
}

static void round_of(uint64_t *page, unsigned int n)
{
    uint64_t before, i;

    expect(hc_update_va_mapping(va, make_pte(virt_to_mfn(page), PTE_RW), UVMF_NONE), 0);
    running = 0;
    if (!wait_until(running, 2000))
        report_error("round %u: the second vCPU does not write", n);
    expect(mmu_update_one(pte_maddr((void *)va, 1), 0), 0);
    if (mmuext_mfn(MMUEXT_PIN_L1_TABLE, virt_to_mfn(page))) {
        report_failure("round %u: pin refused", n);
        return;
    }
    before = page[0];
    for (i = 0; i < 3000; i++) {
        if (read_once(page[0]) != before) {
            report_failure("round %u: a write arrived in a page table", n);
            break;
        }
    }
    expect(mmuext_mfn(MMUEXT_UNPIN_TABLE, virt_to_mfn(page)), 0);
}

void test_main(void)
{
    uint64_t *page = page_alloc();
    unsigned int n;

    vcpu_need(2);
    va = window_alloc(1);
    table_page(page);
    require(map_frame((void *)va, virt_to_mfn(page), PTE_RW), 0);
    require(vcpu_start(1, writer, NULL), 0);
    for (n = 0; n < ROUNDS && !report_failures(); n++)
        round_of(page, n);
    stop = 1;
    check(vcpu_wait_down(1), "the second vCPU does not end");
    printf("Note: %u faults on the second vCPU in %u rounds\n", faults, n);
}
