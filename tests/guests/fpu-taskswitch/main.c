/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does the virtual CR0.TS give #NM, by hypercall and by CLTS and MOV to CR0, in both modes?
 *
 * The ABI: fpu_taskswitch(1) sets the guest's TS, the next FPU or SSE instruction gives #NM with TS
 * still set in CR0 (the hypervisor may clear TS when it delivers #NM: Linux relies on that for
 * neither). fpu_taskswitch(0), CLTS and MOV to CR0 clear it. Register contents are never lost.
 */
#include <guest.h>

#define CR0_TS 8

static void use_fpu(void *unused)
{
    (void)unused;
    asm volatile("fnop");
}

static long user_fpu(void *unused)
{
    use_fpu(unused);
    return 3;
}

static void use_sse(void *unused)
{
    (void)unused;
    asm volatile("movd %%eax, %%xmm0" : : "a"(1));
}

static uint64_t read_cr0(void)
{
    uint64_t cr0;

    asm volatile("mov %%cr0, %0" : "=r"(cr0));
    return cr0;
}

static void write_cr0(uint64_t cr0)
{
    asm volatile("mov %0, %%cr0" : : "r"(cr0));
}

static void clts(void)
{
    asm volatile("clts");
}

void test_main(void)
{
    uint64_t low = 0;

    expect(hc_fpu_taskswitch(0), 0);
    check(!(read_cr0() & CR0_TS), "TS is set after fpu_taskswitch(0)");
    check(!trap_catch(use_fpu, NULL, NULL), "FPU trapped with TS clear");
    asm volatile("movq %0, %%xmm5" : : "r"(0x1234567890abcdefUL));
    expect(hc_fpu_taskswitch(1), 0);
    check(read_cr0() & CR0_TS, "TS is clear after fpu_taskswitch(1)");
    expect_trap(use_fpu, 0, VEC_NM, 0);
    expect(hc_fpu_taskswitch(1), 0);
    expect_trap(use_sse, 0, VEC_NM, 0);
    expect(hc_fpu_taskswitch(1), 0);
    expect_user_trap(user_fpu, 0, VEC_NM, 0);
    expect(hc_fpu_taskswitch(1), 0);
    clts();
    check(!(read_cr0() & CR0_TS), "CLTS left TS");
    check(!trap_catch(use_fpu, NULL, NULL), "FPU trapped after CLTS");
    write_cr0(read_cr0() | CR0_TS);
    check(read_cr0() & CR0_TS, "MOV to CR0 did not set TS");
    expect_trap(use_fpu, 0, VEC_NM, 0);
    write_cr0(read_cr0() & ~(uint64_t)CR0_TS);
    check(!trap_catch(use_fpu, NULL, NULL), "FPU trapped after MOV to CR0");
    expect(hc_fpu_taskswitch(0), 0);
    asm volatile("movq %%xmm5, %0" : "=r"(low));
    check(low == 0x1234567890abcdef, "xmm5 became 0x%lx", low);
}
