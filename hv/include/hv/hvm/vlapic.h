/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Local APIC of a vCPU (hv/hvm/vlapic*.c). Source: Intel SDM volume 3, "Advanced Programmable
 * Interrupt Controller (APIC)". The xAPIC page is reached through hvm/io.h; here is what else
 * there is. Functions on "v itself" want v to be current or not to run.
 */
#ifndef HV_HVM_VLAPIC_H
#define HV_HVM_VLAPIC_H

#include <hv/types.h>

struct domain;
struct vcpu;

#define VLAPIC_ID(vcpu_id) ((vcpu_id) * 2)

/* MSRs: APIC base, TSC deadline, x2APIC range. -EPERM is #GP, also for those that v has not got;
   -ENOENT: not one of ours. v itself. */
int vlapic_msr_read(struct vcpu *v, uint32_t msr, uint64_t *val);
int vlapic_msr_write(struct vcpu *v, uint32_t msr, uint64_t val);

/* CR8 is bits 7:4 of the TPR. v itself. */
uint8_t vlapic_tpr(const struct vcpu *v);
void vlapic_set_tpr(struct vcpu *v, uint8_t tpr);
static inline unsigned int vlapic_cr8(const struct vcpu *v) { return vlapic_tpr(v) >> 4; }
static inline void vlapic_set_cr8(struct vcpu *v, unsigned int cr8)
{
    vlapic_set_tpr(v, (uint8_t)(cr8 << 4));
}
/* Highest vector in IRR or -1, priorities left aside: for a TPR threshold. */
int vlapic_highest_irr(struct vcpu *v);

/* Sets the vector in IRR and kicks; ignored while the APIC does not take interrupts. Any context.
   Vectors below 16 set the error status. level: remembered in TMR; its EOI goes to the I/O APIC. */
void vlapic_set_irq(struct vcpu *v, uint8_t vector, bool level);

/* The 4 KiB register page, laid out as the hardware's, for back ends that let the CPU use it. */
void *vlapic_page(const struct vcpu *v);
/* v's APIC answers at this page address, or 0 (disabled, x2APIC mode). */
uint64_t vlapic_mmio_base(const struct vcpu *v);
bool vlapic_x2apic_mode(const struct vcpu *v);

/* Who a message's destination means, for whom cares beside IPIs and MSIs: an address as x2APIC ICR
   has it (xAPIC: 8 bits); logical or physical. */
bool vlapic_match_dest(const struct vcpu *v, uint32_t dest, bool logical);

#endif
