/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers of the emulated PC devices that the drivers' headers (apic_regs.h, timer_regs.h) have
 * not. Sources: Intel SDM volume 3, "Advanced Programmable Interrupt Controller (APIC)"; 82093AA
 * data sheet, "Register Description"; 8259A, 8254 and MC146818A data sheets; IA-PC HPET
 * specification, "Register Definitions"; ACPI specification, "ACPI Hardware Specification".
 */
#ifndef HV_HVM_VDEV_REGS_H
#define HV_HVM_VDEV_REGS_H

#include <hv/apic_regs.h>
#include <hv/timer_regs.h>

/* --- local APIC --- */
#define VLAPIC_PAGE_SIZE 0x1000
#define APIC_APR 0x090
#define APIC_PPR 0x0a0
#define APIC_RRR 0x0c0
#define APIC_TMR 0x180
#define APIC_SELF_IPI 0x3f0
#define APIC_REG_STRIDE 0x10
#define APIC_VERSION_VALUE 0x00050014u /* six LVT entries, integrated APIC */
#define APIC_SVR_VECTOR 0xffu
#define APIC_SVR_FOCUS (1u << 9)
#define APIC_SVR_RESET 0xffu
#define APIC_DFR_CLUSTER 0x0fffffffu
#define APIC_DFR_MODEL_SHIFT 28
#define APIC_LDR_SHIFT 24
#define APIC_VECTOR 0xffu
#define APIC_DELIVERY_SHIFT 8
#define APIC_DELIVERY 0x700u
#define APIC_ICR_LOGICAL (1u << 11)
#define APIC_ICR_SHORTHAND_SHIFT 18
#define APIC_ICR_SHORTHAND (3u << APIC_ICR_SHORTHAND_SHIFT)
#define APIC_ICR_VALID 0x000ccfffu     /* what of the low half is not reserved or read-only */
#define APIC_LVT_STATUS (1u << 12)
#define APIC_LVT_REMOTE_IRR (1u << 14)
#define APIC_TIMER_MODE (3u << 17)
#define APIC_TIMER_PERIODIC (1u << 17)
#define APIC_TIMER_DIVIDE_MASK 0xbu
#define APIC_ESR_SEND_VECTOR (1u << 5)
#define APIC_ESR_RECV_VECTOR (1u << 6)
#define APIC_ESR_REGISTER (1u << 7)
#define APIC_FIRST_VECTOR 16           /* those below are reserved */
#define APIC_BROADCAST_XAPIC 0xffu
#define APIC_BROADCAST_X2APIC 0xffffffffu
#define APIC_BASE_MASK 0x000ffffffffff000ULL
#define MSR_X2APIC_LAST 0x8ff
#define VLAPIC_BUS_NS 10               /* the timer's input: 100 MHz */

enum apic_delivery {
    APIC_DM_FIXED, APIC_DM_LOWEST, APIC_DM_SMI, APIC_DM_REMOTE_READ, APIC_DM_NMI, APIC_DM_INIT,
    APIC_DM_STARTUP, APIC_DM_EXTINT
};
enum apic_shorthand { APIC_SH_NONE, APIC_SH_SELF, APIC_SH_ALL, APIC_SH_OTHERS };

/* Messages: address and data of MSI. */
#define MSI_ADDR_DEST_SHIFT 12
#define MSI_ADDR_LOGICAL (1u << 2)
#define MSI_DATA_LEVEL (1u << 15)
#define MSI_DATA_ASSERT (1u << 14)

/* --- I/O APIC --- */
#define VIOAPIC_BASE 0xfec00000UL
#define VIOAPIC_SIZE 0x100
#define VIOAPIC_VERSION 0x11
#define IOAPIC_REG_ID 0
#define IOAPIC_REG_ARBITRATION 2
#define  IOAPIC_ID_SHIFT 24
#define  IOAPIC_ID_MASK 0xf
#define IOAPIC_RTE_LOGICAL (1u << 11)
#define IOAPIC_RTE_STATUS (1u << 12)
#define IOAPIC_RTE_REMOTE_IRR (1u << 14)
#define IOAPIC_RTE_DELIVERY_SHIFT 8
#define IOAPIC_RTE_LOW_WRITABLE 0x0001afffu

/* --- 8259A pair --- */
#define PIC_ELCR_MASTER 0x4d0
#define PIC_ELCR_SLAVE 0x4d1
#define PIC_ELCR_MASTER_MASK 0xf8      /* timer, keyboard, cascade are always edges */
#define PIC_ELCR_SLAVE_MASK 0xde       /* so are clock and coprocessor */
#define PIC_ICW1 0x10
#define  PIC_ICW1_IC4 0x01
#define  PIC_ICW1_MODE 0x03
#define PIC_ICW4_AUTO_EOI 0x02
#define PIC_ICW4_SFNM 0x10
#define PIC_OCW3 0x08
#define  PIC_OCW3_POLL 0x04
#define  PIC_OCW3_RR 0x02
#define  PIC_OCW3_RIS 0x01
#define  PIC_OCW3_ESMM 0x40
#define  PIC_OCW3_SMM 0x20
#define PIC_POLL_INT 0x80
#define PIC_SPURIOUS_IR 7
enum pic_ocw2 {
    PIC_CLEAR_ROTATE_AEOI, PIC_EOI, PIC_NOP, PIC_EOI_IR, PIC_SET_ROTATE_AEOI, PIC_EOI_ROTATE,
    PIC_SET_PRIORITY, PIC_EOI_IR_ROTATE
};

/* --- 8254 and port 0x61 --- */
#define PIT_CHANNELS 3
#define PIT_READ_BACK 3                /* channel field of the mode register */
#define  PIT_READ_BACK_NO_COUNT 0x20
#define  PIT_READ_BACK_NO_STATUS 0x10
#define PIT_STATUS_OUT 0x80
#define PIT_STATUS_NULL 0x40
enum pit_rw { PIT_RW_LATCH, PIT_RW_LSB, PIT_RW_MSB, PIT_RW_WORD };
#define PORT_SPEAKER 0x61
#define  SPEAKER_GATE 0x01
#define  SPEAKER_DATA 0x02
#define  SPEAKER_REFRESH 0x10
#define  SPEAKER_OUT 0x20
#define SPEAKER_REFRESH_NS 15085

/* --- MC146818A --- */
#define RTC_SEC_ALARM 0x01
#define RTC_MIN_ALARM 0x03
#define RTC_HOUR_ALARM 0x05
#define RTC_WDAY 0x06
#define RTC_REG_C 0x0c
#define RTC_REG_D 0x0d
#define RTC_ALARM_ANY 0xc0
#define RTC_A_DIVIDER 0x70
#define  RTC_A_DIVIDER_ON 0x20
#define RTC_A_RATE 0x0f
#define RTC_A_RESET 0x26               /* 32768 Hz, 1024 ticks a second */
#define RTC_B_SET 0x80
#define RTC_B_PIE 0x40
#define RTC_B_AIE 0x20
#define RTC_B_UIE 0x10
#define RTC_C_IRQF 0x80
#define RTC_C_PF 0x40
#define RTC_C_AF 0x20
#define RTC_C_UF 0x10
#define RTC_D_VALID 0x80
#define RTC_HZ 32768
#define RTC_UPDATING_NS 244000         /* how long before an update UIP warns */
#define RTC_INDEX_MASK 0x7f

/* --- HPET --- */
#define VHPET_BASE 0xfed00000UL
#define VHPET_TICK_NS 16
#define HPET_CAP_VALUE 0x8086a201ULL   /* vendor, legacy replacement, 64 bits, 3 timers, rev. 1 */
#define HPET_CAP_PERIOD_SHIFT 32
#define HPET_STATUS 0x020
#define HPET_T_CONFIG 0x00             /* of one timer's block */
#define HPET_T_CMP 0x08
#define HPET_T_FSB 0x10
#define HPET_T_BLOCK 0x100
#define HPET_T_STRIDE 0x20
#define HPET_T_LEVEL (1u << 1)
#define HPET_T_ENABLE (1u << 2)
#define HPET_T_PERIODIC (1u << 3)
#define HPET_T_PERIODIC_CAP (1u << 4)
#define HPET_T_SIZE_CAP (1u << 5)
#define HPET_T_SETVAL (1u << 6)
#define HPET_T_32BIT (1u << 8)
#define HPET_T_ROUTE_SHIFT 9
#define HPET_T_ROUTE (0x1fu << HPET_T_ROUTE_SHIFT)
#define HPET_T_WRITABLE (HPET_T_LEVEL | HPET_T_ENABLE | HPET_T_PERIODIC | HPET_T_SETVAL |          \
                         HPET_T_32BIT | HPET_T_ROUTE)
#define HPET_T_ROUTES 0x00f00000ULL    /* lines a timer may use, shifted by 32 in its register */
#define HPET_T_ROUTES_SHIFT 32

/* --- ACPI PM1 event block and timer; both places the firmware may choose --- */
#define ACPI_PM1_BASE_0 0x1f40
#define ACPI_PM1_BASE_1 0xb000
#define ACPI_PM1_STATUS 0
#define ACPI_PM1_ENABLE 2
#define ACPI_PM1_SIZE 4
#define ACPI_PM_TIMER 8                /* from the event block */
#define ACPI_PM_TIMER_SIZE 4
#define ACPI_PM1_TIMER (1u << 0)
#define ACPI_PM1_GLOBAL (1u << 5)
#define ACPI_PM1_POWER_BUTTON (1u << 8)
#define ACPI_PM1_SLEEP_BUTTON (1u << 9)
#define ACPI_PM1_RTC (1u << 10)
#define ACPI_PM1_EVENTS (ACPI_PM1_TIMER | ACPI_PM1_GLOBAL | ACPI_PM1_POWER_BUTTON |                \
                         ACPI_PM1_SLEEP_BUTTON | ACPI_PM1_RTC)
#define ACPI_SCI_IRQ 9

/* --- MTRRs and PAT --- */
#define MTRR_CAP_VALUE 0x508           /* write combining, fixed ranges, 8 variable ones */
#define MTRR_DEF_ENABLE (1u << 11)
#define MTRR_DEF_FIXED (1u << 10)
#define MTRR_DEF_TYPE 0xffu
#define MTRR_DEF_VALID (MTRR_DEF_ENABLE | MTRR_DEF_FIXED | MTRR_DEF_TYPE)
#define MTRR_MASK_VALID (1u << 11)
#define MTRR_TYPE 0xffu
#define MTRR_ADDR_MASK (~0xfffULL)
#define MSR_MTRR_FIX_64K 0x250
#define MSR_MTRR_FIX_16K 0x258
#define MSR_MTRR_FIX_4K 0x268
#define MTRR_FIXED_END 0x100000
#define PAT_RESET 0x0007040600070406ULL

#endif
