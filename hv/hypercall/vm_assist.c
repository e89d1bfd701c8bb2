/* SPDX-License-Identifier: BSD-2-Clause */
/* vm_assist: behaviours that a guest turns on and off for itself. Who acts on them looks at
 * domain::vm_assist. */
#include <hv/backend.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/hypercall.h>

static unsigned long valid_types(const struct domain *d)
{
    if (d->is_hvm)
        return BIT(VMASST_TYPE_runstate_update_flag);
    return BIT(VMASST_TYPE_4gb_segments) | BIT(VMASST_TYPE_4gb_segments_notify) |
           BIT(VMASST_TYPE_writable_pagetables) | BIT(VMASST_TYPE_architectural_iopl) |
           BIT(VMASST_TYPE_runstate_update_flag) | BIT(VMASST_TYPE_m2p_strict);
}

long do_vm_assist(unsigned long cmd, unsigned long type)
{
    struct domain *d = current->domain;

    type = (unsigned int)type;
    if (type >= BITS_PER_LONG || !(valid_types(d) & BIT(type)))
        return -EINVAL;
    switch ((unsigned int)cmd) {
    case VMASST_CMD_enable:
        set_bit(type, &d->vm_assist);
        break;
    case VMASST_CMD_disable:
        clear_bit(type, &d->vm_assist);
        break;
    default:
        return -ENOSYS;
    }
    if (d->backend->vm_assist_changed)
        d->backend->vm_assist_changed(current);
    return 0;
}
