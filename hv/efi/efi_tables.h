/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables and calls of UEFI. Source: UEFI Specification 2.10, "EFI System Table" and "Services -
 * Runtime Services". Pointers in tables are machine addresses here, hence integers.
 */
#ifndef EFI_TABLES_H
#define EFI_TABLES_H

#include <hv/types.h>
#include <xen/platform.h>

#define EFI_SYSTEM_TABLE_SIGNATURE 0x5453595320494249ULL  /* "IBI SYST" */
#define EFI_RUNTIME_SIGNATURE 0x56524553544e5552ULL       /* "RUNTSERV" */
#define EFI_REVISION_2 (2u << 16)                         /* from here on with capsules */
#define EFI_REVISION_MAJOR(r) ((r) >> 16)
#define EFI_REVISION_MINOR(r) ((r) & 0xffff)
#define EFI_PAGE_SHIFT 12

struct efi_header { uint64_t signature; uint32_t revision, size, crc, reserved; };
_Static_assert(sizeof(struct efi_header) == 24, "EFI_TABLE_HEADER");

struct efi_system_table {
    struct efi_header h;
    uint64_t vendor;             /* 24 */
    uint32_t vendor_revision;    /* 32 */
    uint32_t pad;
    uint64_t consoles[6];        /* 40 */
    uint64_t runtime;            /* 88 */
    uint64_t boot;               /* 96: gone */
    uint64_t nr_tables;          /* 104 */
    uint64_t tables;             /* 112 */
};
_Static_assert(sizeof(struct efi_system_table) == 120 &&
               offsetof(struct efi_system_table, runtime) == 88, "EFI_SYSTEM_TABLE");

typedef struct xenpf_efi_guid efi_guid_t;
struct efi_config_table { efi_guid_t guid; uint64_t table; };
_Static_assert(sizeof(struct efi_config_table) == 24, "EFI_CONFIGURATION_TABLE");

#define EFI_ACPI_20_GUID                                                                           \
    { 0x8868e871, 0xe4f1, 0x11d3, { 0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81 } }
#define EFI_ACPI_10_GUID                                                                           \
    { 0xeb9d2d30, 0x2d88, 0x11d3, { 0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d } }

enum efi_memory_type {
    EFI_RESERVED, EFI_LOADER_CODE, EFI_LOADER_DATA, EFI_BOOT_CODE, EFI_BOOT_DATA, EFI_RUNTIME_CODE,
    EFI_RUNTIME_DATA, EFI_CONVENTIONAL, EFI_UNUSABLE, EFI_ACPI_RECLAIM, EFI_ACPI_NVS, EFI_MMIO,
    EFI_MMIO_PORTS, EFI_PAL_CODE, EFI_PERSISTENT,
};
#define EFI_MEMORY_UC (1ULL << 0)
#define EFI_MEMORY_WC (1ULL << 1)
#define EFI_MEMORY_WT (1ULL << 2)
#define EFI_MEMORY_WB (1ULL << 3)
#define EFI_MEMORY_XP (1ULL << 14)
#define EFI_MEMORY_RO (1ULL << 17)
#define EFI_MEMORY_RUNTIME (1ULL << 63)

struct efi_memory_descriptor { uint32_t type, pad; uint64_t start, virt, pages, attributes; };
_Static_assert(sizeof(struct efi_memory_descriptor) == 40, "EFI_MEMORY_DESCRIPTOR");

typedef uint64_t efi_status_t;
#define EFI_ERROR_BIT (1ULL << 63)
#define EFI_NOT_STARTED (EFI_ERROR_BIT | 19)
#define EFI_VARIABLE_NON_VOLATILE 1u
#define EFI_VARIABLE_BOOT_ACCESS 2u
#define EFI_VARIABLE_RUNTIME_ACCESS 4u
#define EFI_VARIABLE_APPEND_WRITE 0x40u
#define EFI_TIME_ZONE_UNKNOWN 0x7ff
enum efi_reset { EFI_RESET_COLD, EFI_RESET_WARM, EFI_RESET_SHUTDOWN };

typedef uint16_t efi_char_t;
typedef uint8_t efi_bool_t;
struct efi_time {
    uint16_t year;
    uint8_t month, day, hour, minute, second, pad1;
    uint32_t nanosecond;
    int16_t timezone;
    uint8_t daylight, pad2;
};
struct efi_time_caps { uint32_t resolution, accuracy; efi_bool_t sets_to_zero; };
#define SAME_FIELD(efi, xen)                                                                       \
    (offsetof(struct efi_time, efi) == offsetof(struct xenpf_efi_time, xen))
_Static_assert(sizeof(struct efi_time) == sizeof(struct xenpf_efi_time) &&
               SAME_FIELD(second, sec) && SAME_FIELD(nanosecond, ns) && SAME_FIELD(timezone, tz) &&
               SAME_FIELD(daylight, daylight), "EFI_TIME is struct xenpf_efi_time");

/* "Calling Conventions, x64 Platforms": control word of SSE as the firmware expects it. */
#define EFI_MXCSR 0x1f80
#define EFIAPI __attribute__((ms_abi))
struct efi_runtime_services {
    struct efi_header h;
    efi_status_t (EFIAPI *get_time)(struct efi_time *time, struct efi_time_caps *caps);
    efi_status_t (EFIAPI *set_time)(struct efi_time *time);
    efi_status_t (EFIAPI *get_wakeup)(efi_bool_t *on, efi_bool_t *pending, struct efi_time *time);
    efi_status_t (EFIAPI *set_wakeup)(efi_bool_t on, struct efi_time *time);
    uint64_t set_virtual_address_map, convert_pointer;
    efi_status_t (EFIAPI *get_variable)(efi_char_t *name, efi_guid_t *vendor, uint32_t *attr,
                                        uint64_t *size, void *data);
    efi_status_t (EFIAPI *get_next_variable)(uint64_t *size, efi_char_t *name, efi_guid_t *vendor);
    efi_status_t (EFIAPI *set_variable)(efi_char_t *name, efi_guid_t *vendor, uint32_t attr,
                                        uint64_t size, void *data);
    efi_status_t (EFIAPI *get_high_count)(uint32_t *count);
    void (EFIAPI *reset)(uint32_t type, efi_status_t status, uint64_t size, void *data);
    uint64_t update_capsule, query_capsule;
    efi_status_t (EFIAPI *query_variable_info)(uint32_t attr, uint64_t *max_storage,
                                               uint64_t *remaining, uint64_t *max_variable);
};
_Static_assert(sizeof(struct efi_runtime_services) == 136 &&
               offsetof(struct efi_runtime_services, get_variable) == 72 &&
               offsetof(struct efi_runtime_services, query_variable_info) == 128,
               "EFI_RUNTIME_SERVICES");

#endif
