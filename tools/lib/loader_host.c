/* SPDX-License-Identifier: BSD-2-Clause */
/* What the hypervisor's kernel loader asks of its surroundings: in a program the C library is the
 * real one, and there is nothing to prepare. */
#include "../../hv/boot/unpack.h"

void libc_shim_enter(void)
{
}

void libc_shim_leave(void)
{
}
