/* SPDX-License-Identifier: BSD-2-Clause */
/* Layout of the ACPI tables that are read. Source: ACPI specification 6.4, "ACPI Software
   Programming Model"; HPET and PCI firmware specifications. */
#ifndef HV_ACPI_TABLES_H
#define HV_ACPI_TABLES_H

#include <hv/types.h>

struct acpi_rsdp {
    char signature[8];
    uint8_t checksum;
    char oem_id[6];
    uint8_t revision;
    uint32_t rsdt;
    uint32_t length;            /* from here on revision 2 */
    uint64_t xsdt;
    uint8_t extended_checksum;
    uint8_t reserved[3];
} __packed;
_Static_assert(sizeof(struct acpi_rsdp) == 36, "RSDP");
#define ACPI_RSDP_V1_SIZE 20
#define ACPI_RSDP_ALIGN 16

struct acpi_header {
    char signature[4];
    uint32_t length;
    uint8_t revision, checksum;
    char oem_id[6], oem_table_id[8];
    uint32_t oem_revision, creator_id, creator_revision;
} __packed;
_Static_assert(sizeof(struct acpi_header) == 36, "table header");

struct acpi_gas { uint8_t space, bit_width, bit_offset, access; uint64_t addr; } __packed;
_Static_assert(sizeof(struct acpi_gas) == 12, "generic address");
#define ACPI_SPACE_MEMORY 0
#define ACPI_SPACE_IO 1

struct acpi_fadt {
    struct acpi_header h;
    uint32_t facs, dsdt;
    uint8_t int_model, pm_profile;
    uint16_t sci_int;
    uint32_t smi_cmd;
    uint8_t acpi_enable, acpi_disable, s4bios_req, pstate_cnt;
    uint32_t pm1a_evt, pm1b_evt, pm1a_cnt, pm1b_cnt, pm2_cnt, pm_tmr, gpe0, gpe1;
    uint8_t pm1_evt_len, pm1_cnt_len, pm2_cnt_len, pm_tmr_len, gpe0_len, gpe1_len, gpe1_base,
        cst_cnt;
    uint16_t lat_c2, lat_c3, flush_size, flush_stride;
    uint8_t duty_offset, duty_width, day_alarm, month_alarm, century;
    uint16_t boot_arch;
    uint8_t reserved;
    uint32_t flags;
    struct acpi_gas reset_reg;
    uint8_t reset_value;
    uint16_t arm_boot_arch;
    uint8_t minor;
    uint64_t x_facs, x_dsdt;
    struct acpi_gas x_pm1a_evt, x_pm1b_evt, x_pm1a_cnt, x_pm1b_cnt, x_pm2_cnt, x_pm_tmr;
} __packed;
_Static_assert(offsetof(struct acpi_fadt, pm_tmr) == 76, "FADT PM timer");
_Static_assert(offsetof(struct acpi_fadt, century) == 108, "FADT century");
_Static_assert(offsetof(struct acpi_fadt, reset_reg) == 116, "FADT reset register");
_Static_assert(offsetof(struct acpi_fadt, x_dsdt) == 140, "FADT X_DSDT");
_Static_assert(offsetof(struct acpi_fadt, x_pm_tmr) == 208, "FADT X_PM_TMR_BLK");
#define ACPI_FADT_V1_SIZE 116
#define ACPI_FADT_BOOT_8042 (1u << 1)
#define ACPI_FADT_TMR_32BIT (1u << 8)
#define ACPI_FADT_RESET (1u << 10)
#define ACPI_FADT_REV_WITH_BOOT_ARCH 3

struct acpi_madt { struct acpi_header h; uint32_t lapic_addr, flags; } __packed;
_Static_assert(sizeof(struct acpi_madt) == 44, "MADT");
struct acpi_madt_entry { uint8_t type, length; } __packed;
#define ACPI_MADT_LAPIC 0
#define ACPI_MADT_IOAPIC 1
#define ACPI_MADT_OVERRIDE 2
#define ACPI_MADT_LAPIC_ADDR 5
#define ACPI_MADT_X2APIC 9
struct acpi_madt_lapic { struct acpi_madt_entry e; uint8_t uid, apicid; uint32_t flags; } __packed;
struct acpi_madt_ioapic {
    struct acpi_madt_entry e;
    uint8_t id, reserved;
    uint32_t addr, gsi_base;
} __packed;
struct acpi_madt_override {
    struct acpi_madt_entry e;
    uint8_t bus, irq;
    uint32_t gsi;
    uint16_t flags;
} __packed;
struct acpi_madt_lapic_addr {
    struct acpi_madt_entry e;
    uint16_t reserved;
    uint64_t addr;
} __packed;
struct acpi_madt_x2apic {
    struct acpi_madt_entry e;
    uint16_t reserved;
    uint32_t apicid, flags, uid;
} __packed;
_Static_assert(sizeof(struct acpi_madt_lapic) == 8 && sizeof(struct acpi_madt_ioapic) == 12 &&
                   sizeof(struct acpi_madt_override) == 10 &&
                   sizeof(struct acpi_madt_lapic_addr) == 12 &&
                   sizeof(struct acpi_madt_x2apic) == 16,
               "MADT entries");
#define ACPI_MADT_CPU_ENABLED (1u << 0)
#define ACPI_MPS_POLARITY 3
#define  ACPI_MPS_ACTIVE_HIGH 1
#define  ACPI_MPS_ACTIVE_LOW 3
#define ACPI_MPS_TRIGGER (3 << 2)
#define  ACPI_MPS_EDGE (1 << 2)
#define  ACPI_MPS_LEVEL (3 << 2)

struct acpi_hpet { struct acpi_header h; uint32_t id; struct acpi_gas base; } __packed;
struct acpi_mcfg_table { struct acpi_header h; uint64_t reserved; } __packed;
struct acpi_mcfg_entry {
    uint64_t base;
    uint16_t segment;
    uint8_t start_bus, end_bus;
    uint32_t reserved;
} __packed;
_Static_assert(sizeof(struct acpi_mcfg_table) == 44 && sizeof(struct acpi_mcfg_entry) == 16,
               "MCFG");

struct acpi_srat { struct acpi_header h; uint32_t revision; uint64_t reserved; } __packed;
struct acpi_srat_entry { uint8_t type, length; } __packed;
#define ACPI_SRAT_LAPIC 0
#define ACPI_SRAT_MEMORY 1
#define ACPI_SRAT_X2APIC 2
#define ACPI_SRAT_ENABLED (1u << 0)
#define ACPI_SRAT_REV_WITH_WIDE_PXM 2
struct acpi_srat_lapic {
    struct acpi_srat_entry e;
    uint8_t pxm_low, apicid;
    uint32_t flags;
    uint8_t sapic_eid, pxm_high[3];
    uint32_t clock_domain;
} __packed;
struct acpi_srat_memory {
    struct acpi_srat_entry e;
    uint32_t pxm;
    uint16_t reserved;
    uint64_t base, bytes;
    uint32_t reserved2, flags;
    uint64_t reserved3;
} __packed;
struct acpi_srat_x2apic {
    struct acpi_srat_entry e;
    uint16_t reserved;
    uint32_t pxm, apicid, flags, clock_domain, reserved2;
} __packed;
_Static_assert(sizeof(struct acpi_srat) == 48 && sizeof(struct acpi_srat_lapic) == 16 &&
                   sizeof(struct acpi_srat_memory) == 40 && sizeof(struct acpi_srat_x2apic) == 24,
               "SRAT");
struct acpi_slit { struct acpi_header h; uint64_t localities; uint8_t distance[]; } __packed;
_Static_assert(sizeof(struct acpi_slit) == 44, "SLIT");

/* PM1 control register. */
#define ACPI_PM1_SLP_TYP_SHIFT 10
#define ACPI_PM1_SLP_TYP (7u << ACPI_PM1_SLP_TYP_SHIFT)
#define ACPI_PM1_SLP_EN (1u << 13)

/* The few AML opcodes in front of and inside of the _S5 package. */
#define AML_ZERO 0x00
#define AML_ONE 0x01
#define AML_NAME 0x08
#define AML_BYTE_PREFIX 0x0a
#define AML_PACKAGE 0x12

/* BIOS data area. */
#define BDA_START 0x400
#define BDA_SIZE 0x100
#define BDA_EBDA_SEGMENT 0x0e
#define BDA_KBD_FLAGS 0x17
#define BIOS_AREA_START 0xe0000
#define BIOS_AREA_SIZE 0x20000
#define EBDA_SEARCH_SIZE 0x400

/* Ports of the reset ways. */
#define PCI_RESET_PORT 0xcf9
#define  PCI_RESET_START 0x04 /* on its rise */
#define  PCI_RESET_HARD 0x06  /* CPU and system */
#define  PCI_RESET_FULL 0x0e  /* and power */
#define KBD_STATUS_PORT 0x64
#define  KBD_STATUS_INPUT_FULL 0x02
#define  KBD_PULSE_RESET 0xfe

#endif
