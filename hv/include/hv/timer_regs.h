/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers of the platform timers and the real-time clock. Source: IA-PC HPET specification,
   "Register Definitions"; ACPI specification, "Power Management Timer"; 8254 data sheet; MC146818A
   data sheet. */
#ifndef HV_TIMER_REGS_H
#define HV_TIMER_REGS_H

#define HPET_SIZE 0x400
#define HPET_ID 0x000
#define HPET_PERIOD 0x004           /* femtoseconds */
#define  HPET_PERIOD_MAX 0x05f5e100
#define HPET_CONFIG 0x010
#define  HPET_CONFIG_ENABLE (1u << 0)
#define  HPET_CONFIG_LEGACY (1u << 1)
#define HPET_COUNTER 0x0f0
#define HPET_TIMER_CONFIG(n) (0x100 + 0x20 * (n))
#define  HPET_TIMER_INT_ENABLE (1u << 2)
#define  HPET_ID_LAST_TIMER(id) (((id) >> 8) & 0x1f)
#define FEMTOSECONDS_PER_NSEC 1000000u

#define PM_TIMER_HZ 3579545u

#define PIT_HZ 1193182u
#define PIT_CHANNEL_0 0x40
#define PIT_MODE 0x43
#define  PIT_CH0_MODE2_WORD 0x34
#define  PIT_CH0_LATCH 0x00

#define CMOS_INDEX 0x70
#define CMOS_DATA 0x71
#define RTC_SEC 0x00
#define RTC_MIN 0x02
#define RTC_HOUR 0x04
#define  RTC_HOUR_PM 0x80
#define RTC_MDAY 0x07
#define RTC_MONTH 0x08
#define RTC_YEAR 0x09
#define RTC_REG_A 0x0a
#define  RTC_A_UPDATING 0x80
#define RTC_REG_B 0x0b
#define  RTC_B_24H 0x02
#define  RTC_B_BINARY 0x04

#endif
