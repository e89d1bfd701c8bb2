/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Do calls that a PV domain 0 without the feature may make fail with a plain error?
 *
 * xsm_op without a module, tmem, kexec, xenoprof, argo, xenpmu, hypfs, hvm_op and dm_op of a PV
 * domain: a negative error number whatever the arguments, no effect, no crash.
 */
#include <guest.h>

static void sweep(const char *name, unsigned int number, unsigned int commands)
{
    static uint8_t zeros[4096];
    unsigned int cmd;

    for (cmd = 0; cmd < commands; cmd++) {
        long got = hypercall(number, cmd, (unsigned long)zeros, 0, 0, 0, 0);

        check(got < 0 && got > -4096, "%s(%u) gave %ld", name, cmd, got);
        memset(zeros, 0, sizeof(zeros));
        got = hypercall(number, cmd, 0x1000, 0x1000, 0x1000, 0x1000, 0x1000);
        check(got < 0 && got > -4096, "%s(%u) with bad pointers gave %ld", name, cmd, got);
        got = hypercall(number, cmd + 1000, ~0UL, ~0UL, ~0UL, ~0UL, ~0UL);
        check(got < 0 && got > -4096, "%s(%u) gave %ld", name, cmd + 1000, got);
    }
}

void test_main(void)
{
    expect(hypercall(__HYPERVISOR_xsm_op, 0, 0, 0, 0, 0, 0), -XEN_ENOSYS);
    expect(hypercall(__HYPERVISOR_tmem_op, 0, 0, 0, 0, 0, 0), -XEN_ENOSYS);
    sweep("xenpmu_op", __HYPERVISOR_xenpmu_op, 8);
    sweep("xenoprof_op", __HYPERVISOR_xenoprof_op, 3);
    sweep("argo_op", __HYPERVISOR_argo_op, 6);
    expect(hypercall(__HYPERVISOR_dm_op, 0, 0, 0, 0, 0, 0) < 0, true);
    expect(hypercall(__HYPERVISOR_dm_op, 0x7000, 1, 0x1000, 0, 0, 0) < 0, true);
    expect(hypercall(__HYPERVISOR_arch_0, 0x7fff, 0x1000, 0, 0, 0, 0) < 0, true);
    expect(hypercall(__HYPERVISOR_kexec_op, 0, 0x1000, 0, 0, 0, 0) < 0, true);
    expect(hypercall(__HYPERVISOR_kexec_op, 1, 0x1000, 0, 0, 0, 0) < 0, true);
    expect(hypercall(__HYPERVISOR_hvm_op, 99, 0x1000, 0, 0, 0, 0), -XEN_ENOSYS);
    expect(hypercall(__HYPERVISOR_hypfs_op, 99, 0, 0, 0, 0, 0) < 0, true);
}
