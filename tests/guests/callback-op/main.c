/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which callbacks can be registered and unregistered, and what is refused?
 *
 * The ABI: event, failsafe, syscall, sysenter, syscall32, nmi take an address; a non-canonical
 * address gives -EINVAL; an unknown type -ENOSYS; event, failsafe and syscall can't be unregistered
 * (-EINVAL); the old forms set_callbacks and nmi_op do the same.
 */
#include <guest.h>

static long reg(unsigned int type, unsigned long address, unsigned int flags)
{
    struct callback_register r = { .type = (uint16_t)type, .flags = (uint16_t)flags,
                                   .address = address };

    return hc_callback_op(CALLBACKOP_register, &r);
}

static long unreg(unsigned int type)
{
    struct callback_unregister r = { .type = (uint16_t)type };

    return hc_callback_op(CALLBACKOP_unregister, &r);
}

void test_main(void)
{
    static const unsigned int types[] = {
        CALLBACKTYPE_event, CALLBACKTYPE_failsafe, CALLBACKTYPE_syscall, CALLBACKTYPE_sysenter,
        CALLBACKTYPE_syscall32,
    };
    const unsigned long good = (unsigned long)syscall_stub;
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(types); i++) {
        check(reg(types[i], 0x8000000000000000, 0) == -XEN_EINVAL,
              "type %u took a non-canonical address", types[i]);
        check(reg(types[i], good, 0) == 0, "type %u was refused", types[i]);
    }
    expect(reg(CALLBACKTYPE_event, (unsigned long)event_stub, 0), 0);
    expect(reg(CALLBACKTYPE_failsafe, (unsigned long)failsafe_stub, 0), 0);
    expect(reg(CALLBACKTYPE_nmi, good, 0), 0);
    expect(unreg(CALLBACKTYPE_nmi), 0);
    expect(unreg(CALLBACKTYPE_event), -XEN_EINVAL);
    expect(unreg(CALLBACKTYPE_failsafe), -XEN_EINVAL);
    expect(unreg(CALLBACKTYPE_syscall), -XEN_EINVAL);
    expect(unreg(CALLBACKTYPE_sysenter), -XEN_EINVAL);
    expect(reg(6, good, 0), -XEN_ENOSYS);
    expect(reg(0xffff, good, 0), -XEN_ENOSYS);
    expect(unreg(6), -XEN_ENOSYS);
    expect(hc_callback_op(CALLBACKOP_register, 0x1000), -XEN_EFAULT);
    expect(hc_callback_op(CALLBACKOP_unregister, 0x1000), -XEN_EFAULT);
    expect(hc_callback_op(2, NULL), -XEN_ENOSYS);
    expect(hc_set_callbacks(event_stub, failsafe_stub, syscall_stub), 0);
    check(hc_set_callbacks(0x8000000000000000, failsafe_stub, syscall_stub) <= 0, "bad callback");
    expect(hc_set_callbacks(event_stub, failsafe_stub, syscall_stub), 0);
}
