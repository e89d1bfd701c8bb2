/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot loader handed over, copied out of its memory, and the memory map (hv/boot/).
 */
#ifndef HV_BOOT_H
#define HV_BOOT_H

#include <hv/types.h>

#define MAX_BOOT_MODULES 16
#define E820_MAX 256
#define E820_RAM 1
#define E820_RESERVED 2
#define E820_ACPI 3
#define E820_NVS 4
#define E820_UNUSABLE 5
#define E820_LOADER_FIRST 16 /* from here on: types of a boot loader's own, reserved to us */

struct e820_entry { uint64_t addr, size; uint32_t type; } __packed;
struct e820_map { unsigned int nr; struct e820_entry e[E820_MAX]; };

/* A linear framebuffer with the place of each colour in a pixel; base 0 = there is none. */
struct boot_framebuffer {
    paddr_t base;
    uint32_t pitch, width, height;      /* bytes; pixels */
    uint8_t bits_per_pixel;
    struct { uint8_t pos, size; } red, green, blue;
};

struct boot_module { paddr_t start; size_t size; const char *cmdline; };

struct boot_info {
    const char *loader;
    char cmdline[2048];
    struct e820_map e820;          /* sorted, without overlaps */
    unsigned int nr_modules;
    struct boot_module modules[MAX_BOOT_MODULES];
    paddr_t rsdp;                  /* 0 = not given */
    paddr_t efi_system_table;      /* 0 = not UEFI */
    struct boot_framebuffer fb;
};
extern struct boot_info boot_info;
/* Memory map after the hypervisor took its part (what dom0's
   machine_memory_map shows is boot_info.e820). */
uint64_t e820_type_of(paddr_t start, paddr_t end); /* the type covering it all, 0 = none or mixed */
void e820_sanitize(struct e820_map *m);
/* Adds a range as it is; what does not fit is left out and counted by e820_left_out(). */
void e820_add(struct e820_map *m, uint64_t addr, uint64_t size, uint32_t type);
unsigned int e820_left_out(void);

/* Entry of C, on the boot stack, with interrupts off. mbi is machine address;
   magic tells multiboot 1 from 2. */
void start_hypervisor(uint32_t magic, paddr_t mbi) noreturn;
int multiboot1_parse(paddr_t mbi);
int multiboot2_parse(paddr_t mbi);

/* Linker script symbols. */
extern char hv_start[], hv_end[], text_start[], text_end[], rodata_start[], rodata_end[],
    init_start[], init_end[];
extern char data_start[], percpu_start[], percpu_end[], bss_start[], bss_end[];

/* Boot stage, for messages and for code that behaves differently early. */
enum system_state { SYS_early, SYS_boot, SYS_smp_boot, SYS_active, SYS_panic };
extern enum system_state system_state;

#endif
