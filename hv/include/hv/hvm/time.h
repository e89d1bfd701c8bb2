/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time of an HVM guest (hv/hvm/vtime.c) and its periodic ticks (hv/hvm/vtick.c).
 *
 * All clocks of a guest are functions of system time, NOW(): counters are computed when they are
 * read and so cannot drift; a timer of the host only says when to look. The TSC is the host's plus
 * hvm_vcpu::tsc_offset, or emulated at domain::tsc_khz (domain::vtsc) plus that offset.
 */
#ifndef HV_HVM_TIME_H
#define HV_HVM_TIME_H

#include <hv/types.h>

struct domain;
struct vcpu;

/* The TSC that v sees now, and writing it (MSR_TSC, which moves MSR_TSC_ADJUST too). The caller of
   a write has the back end load the offset (HVM_LOAD_TSC_OFFSET) and the pv clock written anew. v
   is current or does not run. */
uint64_t hvm_guest_tsc(const struct vcpu *v);
void hvm_set_guest_tsc(struct vcpu *v, uint64_t tsc);
/* MSR_TSC_ADJUST: a write moves the TSC by the difference. */
uint64_t hvm_tsc_adjust(const struct vcpu *v);
void hvm_set_tsc_adjust(struct vcpu *v, uint64_t adjust);

/* HVM_PARAM_TIMER_MODE (HVMPTM_*): what becomes of ticks that the guest was too late for. -EINVAL
   for others. */
int hvm_set_timer_mode(struct domain *d, uint64_t mode);
unsigned int hvm_timer_mode(const struct domain *d);

#endif
