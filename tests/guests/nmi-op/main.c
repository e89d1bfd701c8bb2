/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Can domain 0 register an NMI handler, and does an NMI sent to a vCPU arrive there once?
 *
 * The ABI: nmi_op registers an address for vCPU 0 (domain 0 only for hardware reasons);
 * VCPUOP_send_nmi needs a handler in the trap table or the callback: it arrives as vector 2 or at
 * the callback, with further NMIs held back until the handler's iret.
 */
#include <guest.h>

static volatile unsigned int nmis;

static bool on_nmi(struct regs *r)
{
    (void)r;
    nmis++;
    /* Held back until this handler is left. */
    if (nmis == 1)
        hc_vcpu_op(VCPUOP_send_nmi, 0, NULL);
    return true;
}

void test_main(void)
{
    struct xennmi_callback callback = {
        .handler_address = (unsigned long)trap_stubs + 16 * VEC_NMI,
    };

    trap_hook(VEC_NMI, on_nmi);
    expect(hc_nmi_op(XENNMI_register_callback, &callback), 0);
    expect(hc_vcpu_op(VCPUOP_send_nmi, 0, NULL), 0);
    check(wait_until(nmis >= 1, 500), "no NMI arrived");
    check(wait_until(nmis == 2, 500), "%u NMIs arrived, not 2", nmis);
    callback.handler_address = 0x8000000000000000;
    expect(hc_nmi_op(XENNMI_register_callback, &callback), -XEN_EINVAL);
    expect(hc_nmi_op(XENNMI_register_callback, 0x1000), -XEN_EFAULT);
    expect(hc_nmi_op(XENNMI_unregister_callback, NULL), 0);
    expect(hc_nmi_op(2, NULL), -XEN_ENOSYS);
    expect(hc_vcpu_op(VCPUOP_send_nmi, 1000, NULL), -XEN_ENOENT);
}
