/* SPDX-License-Identifier: BSD-2-Clause */
/* The domain's own grant table, version 1, mapped by grant_init(). */
#ifndef GUEST_GRANT_H
#define GUEST_GRANT_H

#include <stdint.h>
#include <xen/grant_table.h>

extern volatile struct grant_entry_v1 *grants;

/* Map the table's first two frames (1,024 entries). Error verdict when refused. */
void grant_init(void);
/* Fill entry @ref: @domain may map @page, read-only when GTF_readonly is in @flags. */
void grant_page(unsigned int ref, domid_t domain, const void *page, uint16_t flags);
/* As Linux ends access: 0 when the entry is free, else the flags that show it is in use. */
uint16_t grant_end(unsigned int ref);

/* Map and unmap by host address; the operation's status (GNTST_*). */
int grant_map(domid_t domain, unsigned int ref, void *va, unsigned int flags,
              grant_handle_t *handle, uint64_t *frame);
int grant_unmap(grant_handle_t handle, void *va, uint64_t dev_bus_addr);

#endif
