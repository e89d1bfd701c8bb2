/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a boot loader passes: Multiboot Specification 0.6.96, "Boot information format", and
 * Multiboot2 Specification 2.0, "Boot information". Also included by assembly for the header
 * magics.
 */
#ifndef HV_MULTIBOOT_H
#define HV_MULTIBOOT_H

#define MB1_HEADER_MAGIC 0x1badb002
#define MB1_LOADER_MAGIC 0x2badb002
#define MB1_HEADER_PAGE_ALIGN 0x1
#define MB1_HEADER_MEMORY_INFO 0x2

#define MB2_HEADER_MAGIC 0xe85250d6
#define MB2_LOADER_MAGIC 0x36d76289
#define MB2_HEADER_TAG_END 0
#define MB2_HEADER_TAG_INFO_REQUEST 1
#define MB2_HEADER_TAG_FRAMEBUFFER 5
#define MB2_HEADER_TAG_MODULE_ALIGN 6
#define MB2_HEADER_TAG_RELOCATABLE 10
#define MB2_HEADER_OPTIONAL 1
#define MB2_LOAD_LOWEST 1 /* preference of the relocatable tag */

#define MB2_TAG_END 0
#define MB2_TAG_CMDLINE 1
#define MB2_TAG_LOADER 2
#define MB2_TAG_MODULE 3
#define MB2_TAG_BASIC_MEM 4
#define MB2_TAG_MMAP 6
#define MB2_TAG_FRAMEBUFFER 8
#define MB2_TAG_EFI64 12
#define MB2_TAG_ACPI_OLD 14
#define MB2_TAG_ACPI_NEW 15
#define MB2_TAG_EFI_MMAP 17
#define MB2_FRAMEBUFFER_RGB 1

#ifndef __ASSEMBLY__

#include <hv/types.h>

#define MB1_INFO_CMDLINE (1u << 2)
#define MB1_INFO_MODULES (1u << 3)
#define MB1_INFO_MMAP (1u << 6)
#define MB1_INFO_LOADER (1u << 9)

struct mb1_info {
    uint32_t flags;
    uint32_t mem_lower, mem_upper;
    uint32_t boot_device;
    uint32_t cmdline;
    uint32_t mods_count, mods_addr;
    uint32_t syms[4];
    uint32_t mmap_length, mmap_addr;
    uint32_t drives_length, drives_addr;
    uint32_t config_table;
    uint32_t loader_name;
};
_Static_assert(sizeof(struct mb1_info) == 68, "multiboot information");

struct mb1_module { uint32_t start, end, string, reserved; };
_Static_assert(sizeof(struct mb1_module) == 16, "multiboot module");

struct mb1_mmap { uint32_t size; uint64_t addr, len; uint32_t type; } __packed;
_Static_assert(sizeof(struct mb1_mmap) == 24, "multiboot memory map entry");

struct mb2_info { uint32_t total_size, reserved; };
struct mb2_tag { uint32_t type, size; };
struct mb2_tag_module { struct mb2_tag tag; uint32_t start, end; char cmdline[]; };
struct mb2_tag_mmap { struct mb2_tag tag; uint32_t entry_size, entry_version; uint8_t entries[]; };
struct mb2_tag_efi64 { struct mb2_tag tag; uint64_t table; };
struct mb2_tag_efi_mmap { struct mb2_tag tag; uint32_t entry_size, version; uint8_t entries[]; };
struct mb2_tag_framebuffer {
    struct mb2_tag tag;
    uint64_t addr;
    uint32_t pitch, width, height;
    uint8_t bpp, type;
    uint16_t reserved;
    struct { uint8_t pos, size; } red, green, blue; /* if type is RGB */
} __packed;
_Static_assert(sizeof(struct mb2_tag_framebuffer) == 38, "multiboot2 framebuffer");
struct mb2_mmap { uint64_t addr, len; uint32_t type, zero; };
_Static_assert(sizeof(struct mb2_mmap) == 24, "multiboot2 memory map entry");

#endif /* __ASSEMBLY__ */
#endif
