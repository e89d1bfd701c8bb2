/* SPDX-License-Identifier: BSD-2-Clause */
/* What the builder of PV domains (domain.c) offers that of hardware-assisted ones. */
#ifndef GUEST_DOMAIN_PRIV_H
#define GUEST_DOMAIN_PRIV_H

#include <elf.h>
#include "domain.h"

/* The one domctl argument, cleared; and the call with it. */
struct xen_domctl *domain_op(void);
long domain_domctl(uint32_t command, domid_t id);
/* Frame @pfn of the domain, writable until the next call. */
void *domain_frame(const struct domain *d, unsigned int pfn);
long domain_populate(struct domain *d);
void domain_load(const struct domain *d, const char *file);
/* Value of a 4- or 8-byte ELF note of owner "Xen", or 0. */
uint64_t elf_note_number(const char *file, const Elf64_Phdr *note, uint32_t type);

/* domain_hvm.c */
/* The program's PVH entry, 0 if it is a PV program. */
uint32_t hvm_entry(const char *file);
long domain_fill_hvm(struct domain *d, const char *program, const char *command,
                     const char **step);

#endif
