/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which assists can a 64-bit PV guest turn on and off?
 *
 * The ABI: architectural_iopl, runstate_update_flag and m2p_strict (number 32) exist; 4gb_segments
 * belongs to 32-bit guests (taken or refused); pae_extended_cr3 likewise; numbers beyond the known
 * give -EINVAL; a wrong command -ENOSYS. With architectural_iopl the IOPL in iret's flags counts;
 * without it it is ignored.
 */
#include <guest.h>

static struct vcpu_runstate_info runstate;

static void iopl(void)
{
    expect(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_architectural_iopl), 0);
    expect(hc_vm_assist(VMASST_CMD_disable, VMASST_TYPE_architectural_iopl), 0);
}

/* With the assist the area's state_entry_time carries the update flag while it changes. */
static void runstate_flag(void)
{
    struct vcpu_register_runstate_memory_area area = { .addr.v = &runstate };

    expect(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_runstate_update_flag), 0);
    expect(hc_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area), 0);
    hc_sched_op(SCHEDOP_yield, NULL);
    check(!(runstate.state_entry_time & XEN_RUNSTATE_UPDATE), "the update flag stays set");
    check(runstate.state_entry_time > 0, "no entry time");
    area.addr.v = NULL;
    hc_vcpu_op(VCPUOP_register_runstate_memory_area, 0, &area);
    expect(hc_vm_assist(VMASST_CMD_disable, VMASST_TYPE_runstate_update_flag), 0);
}

void test_main(void)
{
    static const unsigned int unknown[] = { 7, 31, 33, 63, 64, 1000, 0x7fffffff, 0xffffffff };
    unsigned int i;

    iopl();
    runstate_flag();
    expect(hc_vm_assist(VMASST_CMD_enable, VMASST_TYPE_m2p_strict), 0);
    expect(hc_vm_assist(VMASST_CMD_disable, VMASST_TYPE_m2p_strict), 0);
    for (i = 0; i < ARRAY_SIZE(unknown); i++) {
        check(hc_vm_assist(VMASST_CMD_enable, unknown[i]) == -XEN_EINVAL, "type %u: %ld",
              unknown[i], hc_vm_assist(VMASST_CMD_enable, unknown[i]));
        check(hc_vm_assist(VMASST_CMD_disable, unknown[i]) == -XEN_EINVAL, "type %u off: %ld",
              unknown[i], hc_vm_assist(VMASST_CMD_disable, unknown[i]));
    }
    expect(hc_vm_assist(2, VMASST_TYPE_m2p_strict), -XEN_ENOSYS);
    expect(hc_vm_assist(0xffffffff, 0), -XEN_ENOSYS);
}
