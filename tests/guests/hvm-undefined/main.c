/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instructions of virtualisation itself, which guests do not have: #UD, and the host is not
 * touched.
 */
#include <hvm.h>

#define INSN(name, text) static void name(void *p) { asm volatile(text : : "a"(p) : "memory"); }
INSN(do_vmrun, "vmrun %%rax")
INSN(do_vmload, "vmload %%rax")
INSN(do_vmsave, "vmsave %%rax")
INSN(do_stgi, "stgi")
INSN(do_clgi, "clgi")
INSN(do_skinit, "skinit %%eax")
INSN(do_vmxoff, "vmxoff")
INSN(do_ud2, "ud2")

void test_main(void)
{
    void *page = (void *)phys(page_alloc());

    expect_trap(do_vmrun, page, VEC_UD, -1);
    expect_trap(do_vmload, page, VEC_UD, -1);
    expect_trap(do_vmsave, page, VEC_UD, -1);
    expect_trap(do_stgi, page, VEC_UD, -1);
    expect_trap(do_clgi, page, VEC_UD, -1);
    expect_trap(do_skinit, page, VEC_UD, -1);
    expect_trap(do_vmxoff, page, VEC_UD, -1);
    expect_trap(do_ud2, page, VEC_UD, -1);
}
