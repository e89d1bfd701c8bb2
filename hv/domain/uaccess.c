/* SPDX-License-Identifier: BSD-2-Clause */
/* The door to the current guest's memory: its back end knows how its addresses are reached. */
#include <hv/uaccess.h>
#include <hv/backend.h>
#include <hv/layout.h>

int copy_from_guest(void *dst, const void *gva, size_t len)
{
    return len ? current->domain->backend->copy_from(dst, gva, len) : 0;
}

int copy_to_guest(void *gva, const void *src, size_t len)
{
    return len ? current->domain->backend->copy_to(gva, src, len) : 0;
}

int clear_guest(void *gva, size_t len)
{
    return len ? current->domain->backend->clear(gva, len) : 0;
}

bool guest_range_ok(const void *gva, size_t len)
{
    unsigned long start = (unsigned long)gva, end = start + len;

    if (end < start)
        return false;
    return current->domain->is_hvm || start >= HV_VIRT_END || end <= 1UL << 47;
}
