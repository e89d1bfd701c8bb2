/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI tables as far as a hypervisor needs them (hv/drivers/acpi.c): MADT, FADT, HPET, MCFG, SRAT,
 * SLIT; no AML. Tables stay for dom0. Source: ACPI specification 6.4, "ACPI Software Programming
 * Model".
 */
#ifndef HV_ACPI_H
#define HV_ACPI_H

#include <hv/types.h>

struct acpi_ioapic { uint32_t id; paddr_t addr; uint32_t gsi_base; };
struct acpi_override { uint8_t isa; uint32_t gsi; bool level, active_low; };
struct acpi_cpu { uint32_t apicid, uid; bool enabled; };
struct acpi_mcfg { paddr_t base; uint16_t segment; uint8_t start_bus, end_bus; };

struct acpi_memory_affinity { paddr_t start, end; uint32_t pxm; };
struct acpi_cpu_affinity { uint32_t apicid, pxm; };

#define ACPI_MAX_IOAPICS 16
#define ACPI_MAX_OVERRIDES 16
#define ACPI_MAX_CPUS 512
#define ACPI_MAX_MCFG 4
#define ACPI_MAX_MEM_AFFINITY 128
#define ACPI_MAX_PXM 64              /* of a SLIT */

struct acpi_info {
    paddr_t rsdp;
    paddr_t lapic_addr;
    unsigned int nr_cpus, nr_ioapics, nr_overrides, nr_mcfg;
    struct acpi_cpu cpus[ACPI_MAX_CPUS];
    struct acpi_ioapic ioapics[ACPI_MAX_IOAPICS];
    struct acpi_override overrides[ACPI_MAX_OVERRIDES];
    struct acpi_mcfg mcfg[ACPI_MAX_MCFG];
    unsigned int nr_mem_affinity, nr_cpu_affinity; /* SRAT */
    struct acpi_memory_affinity mem_affinity[ACPI_MAX_MEM_AFFINITY];
    struct acpi_cpu_affinity cpu_affinity[ACPI_MAX_CPUS];
    bool affinity_left_out;      /* more than fit: what is known is not all */
    unsigned int nr_localities;  /* of the SLIT, 0 = there is none */
    uint8_t distance[ACPI_MAX_PXM][ACPI_MAX_PXM];
    uint16_t sci;
    uint16_t pm_timer_port;      /* 0 = none */
    bool pm_timer_32bit;
    paddr_t hpet;                /* 0 = none */
    uint16_t pm1a_cnt, pm1b_cnt, pm1a_evt, pm1b_evt;
    uint16_t reset_port;         /* FADT reset register if in I/O space, 0 = none */
    uint8_t reset_value;
    bool no_8042;
    uint8_t century;             /* CMOS register of the century, 0 = none */
    bool s5_known;               /* sleep types of soft-off, found in the DSDT */
    uint8_t s5_typ_a, s5_typ_b;
    uint8_t bios_kbd_flags;      /* keyboard shift flags of the BIOS data area at boot */
};
extern struct acpi_info acpi;

/* Reads all; messages say what is missing and what stands in (no ACPI: one CPU, PIT). rsdp 0 =
   search the BIOS area. */
void acpi_init(paddr_t rsdp);
/* Soft-off or sleep as dom0 asks for it (XENPF_enter_acpi_sleep): checks the values, writes PM1
   control. S5 does not return; other states -EOPNOTSUPP. */
int acpi_enter_sleep(uint32_t pm1a_cnt_val, uint32_t pm1b_cnt_val, uint32_t sleep_state);
/* Hypervisor's own power-off; returns if there is no way. */
void acpi_power_off(void);
/* By UEFI, FADT reset register, keyboard controller, port 0xcf9, triple fault in turn; reboot=
   puts one first. */
void machine_restart(void) noreturn;
void machine_halt(void) noreturn;

#endif
