/* SPDX-License-Identifier: BSD-2-Clause */
/* `hospes dump-core`. */
#include "command.h"

#include <hospes/dump_core.h>

int cmd_dump_core(struct call *c)
{
    uint32_t domid;

    return call_domain(c, 0, false, &domid) || guest_dump_core(&c->h, domid, c->argv[1]) ? -1 : 0;
}
