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

struct e820_entry { uint64_t addr, size; uint32_t type; } __packed;
struct e820_map { unsigned int nr; struct e820_entry e[E820_MAX]; };

struct boot_module { paddr_t start; size_t size; const char *cmdline; };

struct boot_info {
    const char *loader;
    char cmdline[2048];
    struct e820_map e820;          /* sorted, without overlaps */
    unsigned int nr_modules;
    struct boot_module modules[MAX_BOOT_MODULES];
    paddr_t rsdp;                  /* 0 = not given */
    bool efi;
};
extern struct boot_info boot_info;
/* Memory map after the hypervisor took its part (what dom0's
   machine_memory_map shows is boot_info.e820). */
uint64_t e820_type_of(paddr_t start, paddr_t end); /* the type covering it all, 0 = none or mixed */
void e820_sanitize(struct e820_map *m);

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
