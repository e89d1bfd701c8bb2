/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the firmware says of itself: system table, vendor, configuration tables. Read once at boot,
 * since nothing but the runtime services is sure to stay mapped or intact.
 */
#include <hv/boot.h>
#include <hv/efi.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/printk.h>
#include <hv/uaccess.h>
#include "efi_priv.h"

#define VENDOR_MAX 100
#define MAX_CONFIG_TABLES 1024

static struct efi_system_table table __ro_after_init; /* signature 0: no usable EFI */
static efi_char_t vendor[VENDOR_MAX] __ro_after_init;
static paddr_t rsdp __ro_after_init;

static bool copy_maddr(void *to, paddr_t from, size_t len)
{
    const void *p = from ? ioremap(from, len) : NULL;

    if (!p)
        return false;
    memcpy(to, p, len);
    iounmap((void *)p, len);
    return true;
}

static void __init find_rsdp(void)
{
    static const efi_guid_t acpi20 = EFI_ACPI_20_GUID, acpi10 = EFI_ACPI_10_GUID;

    for (uint64_t i = 0; i < table.nr_tables; i++) {
        struct efi_config_table entry;

        if (!copy_maddr(&entry, table.tables + i * sizeof(entry), sizeof(entry)))
            return;
        if (!memcmp(&entry.guid, &acpi20, sizeof(acpi20)) ||
            (!rsdp && !memcmp(&entry.guid, &acpi10, sizeof(acpi10))))
            rsdp = entry.table;
    }
}

void __init efi_init(void)
{
    if (!boot_info.efi_system_table)
        return;
    if (!copy_maddr(&table, boot_info.efi_system_table, sizeof(table)) ||
        table.h.signature != EFI_SYSTEM_TABLE_SIGNATURE) {
        printk(XENLOG_ERR "EFI: no system table at %#lx; domain 0 will not see the firmware\n",
               boot_info.efi_system_table);
        table = (struct efi_system_table){ };
        return;
    }
    table.nr_tables = MIN(table.nr_tables, (uint64_t)MAX_CONFIG_TABLES);
    copy_maddr(vendor, table.vendor, sizeof(vendor) - sizeof(vendor[0]));
    find_rsdp();
    printk(XENLOG_INFO "EFI: version %u.%02u, %lu configuration tables\n",
           EFI_REVISION_MAJOR(table.h.revision), EFI_REVISION_MINOR(table.h.revision),
           table.nr_tables);
    efi_runtime_init(table.runtime);
}

paddr_t efi_rsdp(void)
{
    return rsdp;
}

static int vendor_info(union xenpf_efi_info *info)
{
    size_t room = info->vendor.bufsz / sizeof(vendor[0]), n = 0;

    if (!table.vendor)
        return -EOPNOTSUPP;
    info->vendor.revision = table.vendor_revision;
    while (n < VENDOR_MAX && vendor[n])
        n++;
    return copy_to_guest(info->vendor.name.p, vendor, MIN(room, n + 1) * sizeof(vendor[0]));
}

int efi_get_info(uint32_t index, union xenpf_efi_info *info)
{
    if (!table.h.signature)
        return -ENOSYS;
    switch (index) {
    case XEN_FW_EFI_VERSION:
        info->version = table.h.revision;
        return 0;
    case XEN_FW_EFI_RT_VERSION:
        info->version = efi_runtime_revision();
        return info->version ? 0 : -EOPNOTSUPP;
    case XEN_FW_EFI_CONFIG_TABLE:
        info->cfg.addr = table.tables;
        info->cfg.nent = (uint32_t)table.nr_tables;
        return 0;
    case XEN_FW_EFI_VENDOR:
        return vendor_info(info);
    case XEN_FW_EFI_MEM_INFO:
        return efi_memory_info(info);
    case XEN_FW_EFI_PCI_ROM: /* only the boot services, which are over, could tell */
        return -ESRCH;
    case XEN_FW_EFI_APPLE_PROPERTIES:
        return -ENODATA;
    default:
        return -EINVAL;
    }
}
