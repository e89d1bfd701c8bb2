/* SPDX-License-Identifier: BSD-2-Clause */
/* Local and I/O APIC (hv/irq/apic.c, ioapic.c). Source: Intel SDM volume 3, "Advanced Programmable
   Interrupt Controller". */
#ifndef HV_APIC_H
#define HV_APIC_H

#include <hv/types.h>

void apic_map(void);             /* boot: finds and maps the local APIC; uses
                                    x2APIC if firmware left it on */
void apic_init_cpu(void);        /* enables the running CPU's APIC */
uint32_t apic_id(void);          /* of the running CPU */
void apic_eoi(void);
void apic_send_ipi(uint32_t apicid, uint8_t vector);
void apic_send_nmi(uint32_t apicid);
void apic_send_init_sipi(uint32_t apicid, uint8_t start_page);
/* One-shot timer: fires VECTOR_TIMER after ns (or at once if <= 0). */
void apic_timer_arm(int64_t ns);
void apic_timer_calibrate(void); /* boot, after the TSC */
bool apic_isr_test(uint8_t vector);
bool apic_irr_test(uint8_t vector);

void ioapic_init(void);          /* from the MADT */
/* Guest view through PHYSDEVOP_apic_read/write; writes are refused or
   ignored as the PV ABI has it. */
int ioapic_guest_read(paddr_t base, unsigned int reg, uint32_t *val);
int ioapic_guest_write(paddr_t base, unsigned int reg, uint32_t val);
void i8259_init(void);           /* remaps and masks both; spurious IRQ 7/15 are recognised */

#endif
