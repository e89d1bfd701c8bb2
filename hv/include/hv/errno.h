/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Error numbers of the ABI (xen/errno.h) under their plain names. Functions return them negated.
 * ERESTART means "continue this hypercall later" inside the hypervisor and never reaches a guest.
 */
#ifndef HV_ERRNO_H
#define HV_ERRNO_H

#define XEN_ERRNO(name, value) name = (value),
enum hv_errno {
#include <xen/errno.h>
    /* In the header for the hypervisor's own use only. */
    EINTR = 4,
    ERESTART = 85,
};

#endif
