/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which HVM parameters may a guest read and write, and what does hvm_op answer to the rest?
 *
 * The places of the store and console rings can be read; what is the toolstack's is refused with
 * -EPERM; numbers that are none with -EINVAL.
 */
#include <hvm.h>

void test_main(void)
{
    uint64_t val = 0;

    expect(param_get(HVM_PARAM_CONSOLE_PFN, &val), 0);
    check(val == start_info->console.domU.mfn, "console at 0x%lx", val);
    expect(param_set(HVM_PARAM_CONSOLE_PFN, 1), -XEN_EPERM);
    expect(param_get(HVM_PARAM_STORE_EVTCHN, &val), 0);
    expect(param_get(HVM_PARAM_IDENT_PT, &val), -XEN_EPERM);
    expect(param_set(HVM_PARAM_IDENT_PT, 0x1000), -XEN_EPERM);
    expect(param_set(HVM_PARAM_STORE_PFN, 1), -XEN_EPERM);
    expect(param_get(HVM_NR_PARAMS, &val), -XEN_EINVAL);
    expect(param_get(0xffffffff, &val), -XEN_EINVAL);
    expect(hc_hvm_op(HVMOP_get_param, 0x123456789000), -XEN_EFAULT);
    expect(hc_hvm_op(HVMOP_flush_tlbs, NULL), 0);
    expect(hc_hvm_op(77, NULL), -XEN_ENOSYS);
}
