/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * UEFI firmware under the hypervisor (hv/efi/). The boot loader has ended the boot services and
 * passed the system table and the memory map; here are what of them stays of use: the tables for
 * domain 0, and the runtime services, which are called at their machine addresses on a root table
 * of their own. SetVirtualAddressMap() is never called, so a later kernel may.
 */
#ifndef HV_EFI_H
#define HV_EFI_H

#include <hv/types.h>
#include <xen/platform.h>

struct tm_utc;

/* The loader's copy of the memory map: kept for domain 0, and added to boot_info.e820. */
void efi_take_memory_map(const void *descriptors, size_t bytes, size_t descriptor_size);
/* Reads the system table and maps the runtime services; after paging_init(), before acpi_init().
   Says what does not work. Does nothing on other firmware. */
void efi_init(void);
/* ACPI's root pointer out of the configuration table; 0 = none. */
paddr_t efi_rsdp(void);
/* The runtime services may be called. */
bool efi_runtime_usable(void);

/* XEN_FW_EFI_INFO, XENPF_efi_runtime_call: 0 or an errno; op->status has the firmware's answer. */
int efi_get_info(uint32_t index, union xenpf_efi_info *info);
int efi_runtime_call(struct xenpf_efi_runtime_call *op);

/* The firmware's clock in UTC; false if there is none that works. */
bool efi_read_time(struct tm_utc *tm);
/* Ends of the machine; they return if the firmware can't. Any context with other CPUs stopped. */
void efi_reset(bool warm);
void efi_power_off(void);

#endif
