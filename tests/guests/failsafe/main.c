/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does a return to a context with segment selectors that no longer load reach the failsafe
 * callback?
 *
 * The ABI: when DS, ES, FS or GS of the context returned to can't be loaded, the guest kernel gets
 * the failsafe callback with the selectors in its frame, and goes on. This happens when a vCPU is
 * switched back in. Here a GDT entry in use by ES is made not present and the vCPU blocks, so that
 * its selectors are reloaded; a hypervisor that keeps them loaded, or drops the bad one to null,
 * is right as well: ES must be the selector with its callback told, or null, never a stale
 * segment.
 */
#include <guest.h>

#define DATA_RING3 0x00cff3000000ffffUL

static unsigned int calls;
static uint64_t seen_es;

static bool on_failsafe(struct regs *r)
{
    (void)r;
    calls++;
    seen_es = failsafe_segments[1];
    asm volatile("mov %0, %%es" : : "r"(0));
    return true;
}

static void load_es(void *selector)
{
    asm volatile("mov %0, %%es" : : "r"(selector));
}

void test_main(void)
{
    uint64_t *gdt = page_alloc();
    unsigned long frame = virt_to_mfn(gdt);
    struct sched_poll sleep = { .nr_ports = 0 };
    uint16_t es;

    gdt[1] = DATA_RING3;
    table_page(gdt);
    require(hc_set_gdt(&frame, 512), 0);
    trap_hook(VEC_FAILSAFE, on_failsafe);
    if (trap_catch(load_es, (void *)0x0b, NULL))
        report_error("ES with a good descriptor trapped");
    require(hc_update_descriptor(virt_to_maddr(&gdt[1]), 0), 0);
    sleep.timeout = now_ns() + 20 * NS_PER_MS;
    require(hc_sched_op(SCHEDOP_poll, &sleep), 0);
    asm volatile("mov %%es, %0" : "=r"(es));
    check(es == 0 || es == 0x0b, "ES is 0x%x", es);
    if (calls) {
        expect(seen_es, 0x0b);
        expect(calls, 1);
    }
    printf("Note: failsafe callbacks: %u, ES 0x%x\n", calls, es);
    /* Either way the stale descriptor must be gone for new loads. */
    expect_trap(load_es, 0x0b, VEC_GP, 0x08);
    expect(hc_set_gdt(NULL, 0), 0);
}
