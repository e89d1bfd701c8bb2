/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual platform of an HVM domain: the devices that the core itself emulates (hv/hvm/v*.c),
 * in one object per domain (hvm_domain::platform) and one per vCPU (hvm_vcpu::vlapic). Only those
 * named in createdomain's emulation_flags exist; without XEN_X86_EMU_LAPIC there is none at all.
 *
 * Locks: LOCK_HVM_DEVICE (a device's registers), then LOCK_HVM_IRQ (interrupt lines, I/O APIC,
 * 8259 pair). Interrupt state of a local APIC is atomic; its other registers belong to its vCPU.
 */
#ifndef HV_HVM_PLATFORM_H
#define HV_HVM_PLATFORM_H

#include <hv/types.h>

struct domain;
struct vcpu;

/* What the devices ask of the core; hvm_reset_state() and hvm_start_ap() are the first two. Called
   in tasklet context, v paused and not running, unless stated. */
struct hvm_cpu_ops {
    /* Registers and control state as INIT leaves them (SDM, "IA-32 and Intel 64 Processor States
       Following Power-up, Reset, or INIT"); the local APIC is reset by the caller. */
    void (*init)(struct vcpu *v);
    /* Start-up IPI: real mode at vector << 12. */
    void (*startup)(struct vcpu *v, uint8_t vector);
    /* The guest has set its clock: d->time_offset_seconds moved by delta. Tells the device model;
       NULL: nobody cares. v is current. */
    void (*time_offset)(struct vcpu *v, int64_t delta);
};

/* NULL, or why a domain can't have these XEN_X86_EMU_* flags (unknown ones, or a device without
   those it needs). */
const char *hvm_platform_bad_flags(uint32_t emulation_flags);
/* flags are good. Every vCPU of d is created afterwards. 0 or -ENOMEM. */
int hvm_platform_create(struct domain *d, uint32_t emulation_flags, const struct hvm_cpu_ops *ops);
void hvm_platform_free(struct domain *d);    /* vCPUs are freed before; harmless without one */
/* To the state after power-on; d is paused. vCPUs' local APICs too. */
void hvm_platform_reset(struct domain *d);
int hvm_platform_vcpu_create(struct vcpu *v);
void hvm_platform_vcpu_free(struct vcpu *v);
/* v is loaded on this CPU (interrupts off): its timers follow it here. */
void hvm_platform_switch_to(struct vcpu *v);

bool hvm_has_lapic(const struct domain *d);
bool hvm_has_ioapic(const struct domain *d);
bool hvm_has_pic(const struct domain *d);

/* HVM_PARAM_ACPI_IOPORTS_LOCATION: 0 or 1; d may run. -EINVAL otherwise, or without the device. */
int hvm_acpi_set_location(struct domain *d, uint64_t location);
uint64_t hvm_acpi_location(const struct domain *d);
/* XEN_DOMCTL_sendtrigger's buttons: sets the status bit, raises SCI if enabled. */
void hvm_acpi_power_button(struct domain *d);
void hvm_acpi_sleep_button(struct domain *d);
/* d->time_offset_seconds has changed (XEN_DOMCTL_settimeoffset) or the wall clock was set. */
void hvm_rtc_time_changed(struct domain *d);

#endif
