/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Grant tables, version 1 (hv/domain/grant*.c). A domain writes entries that let another map, copy
 * or read its frames. Version 2 and transfer are refused so that guests fall back.
 */
#ifndef HV_GRANT_H
#define HV_GRANT_H

#include <hv/domain.h>
#include <xen/grant_table.h>

int grant_table_init(struct domain *d, unsigned int max_frames, unsigned int max_maptrack);
/* Dying: undoes what d has mapped of others; -ERESTART while work is left. */
int grant_release_mappings(struct domain *d);
void grant_table_warn_active(struct domain *d);
void grant_table_free(struct domain *d);      /* last reference */
/* Frame idx of d's grant table, grown if needed (XENMEM_add_to_physmap, acquire_resource). */
int grant_table_frame(struct domain *d, unsigned int idx, mfn_t *mfn);
unsigned int grant_table_nr_frames(const struct domain *d);
/* Seeds an entry from the hypervisor or toolstack side (console and store
   pages): frame granted to `to`. */
void grant_seed_entry(struct domain *d, unsigned int ref, domid_t to, gfn_t frame);
void grant_table_dump(struct domain *d);      /* debug key 'g' */

#endif
