/* SPDX-License-Identifier: BSD-2-Clause */
/* Sets of number ranges, and the permissions kept in them: I/O ports, machine frames of devices,
   GSIs (hv/lib/rangeset.c). */
#ifndef HV_IOCAP_H
#define HV_IOCAP_H

#include <hv/types.h>

struct rangeset;
struct domain;

struct rangeset *rangeset_new(void);          /* NULL without memory */
void rangeset_free(struct rangeset *r);       /* NULL is allowed */
/* Inclusive ranges; 0, -EINVAL (start > end), -ENOMEM (unchanged then). */
int rangeset_add(struct rangeset *r, unsigned long start, unsigned long end);
int rangeset_remove(struct rangeset *r, unsigned long start, unsigned long end);
/* all of it */
bool rangeset_contains(const struct rangeset *r, unsigned long start, unsigned long end);
/* any of it */
bool rangeset_overlaps(const struct rangeset *r, unsigned long start, unsigned long end);
bool rangeset_empty(const struct rangeset *r);
/* Calls fn for each range in order until it returns non-zero, which is then the result. */
int rangeset_for_each(const struct rangeset *r, int (*fn)(unsigned long s, unsigned long e, void *),
                      void *arg);

/*
 * What the hypervisor keeps of the machine, one row per range (hv/domain/dom0_caps.c): dom0 has not
 * got it, so nobody has. KEPT_READONLY frames are permitted, but whoever maps them drops the write
 * permission.
 */
enum kept_kind { KEPT_PORTS, KEPT_FRAMES, KEPT_READONLY, KEPT_GSI };
/* Adds a row, at boot or later; first to last inclusive, why lives for ever. What is mapped or
   given to another domain already stays so. 0, -EINVAL, -ENOMEM. */
int iocap_keep(enum kept_kind kind, unsigned long first, unsigned long last, const char *why);
/* Takes exactly this KEPT_READONLY row back: 0, -ENOENT, -ENOMEM. */
int iocap_forget_readonly(unsigned long first, unsigned long last);
/* All rows, to the log. */
void iocap_show(void);
/* Permissions of dom0 as built: everything but those rows. */
int dom0_setup_permissions(struct domain *d);
extern struct rangeset *mmio_ro_ranges;       /* the KEPT_READONLY rows; NULL = none */
bool iomem_access_permitted(const struct domain *d, unsigned long s_mfn, unsigned long e_mfn);
bool ioports_access_permitted(const struct domain *d, unsigned int s, unsigned int e);
bool irq_access_permitted(const struct domain *d, unsigned int gsi);

#endif
