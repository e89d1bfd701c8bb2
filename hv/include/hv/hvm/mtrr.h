/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory types as the guest sets them: hvm_vcpu::mtrr and ::pat (hv/hvm/vmtrr.c). Source: Intel SDM
 * volume 3, "Memory Cache Control". v is current or does not run.
 */
#ifndef HV_HVM_MTRR_H
#define HV_HVM_MTRR_H

#include <hv/types.h>

struct vcpu;

enum mem_type { MT_UC = 0, MT_WC = 1, MT_WT = 4, MT_WP = 5, MT_WB = 6, MT_UC_MINUS = 7 };

/* As after a reset: MTRRs off, the PAT of the first processors that had one. */
void vmtrr_reset(struct vcpu *v);
/* -EPERM is #GP; -ENOENT: not one of ours. */
int vmtrr_msr_read(struct vcpu *v, uint32_t msr, uint64_t *val);
int vmtrr_msr_write(struct vcpu *v, uint32_t msr, uint64_t val);
/* The MTRRs' type for the byte at gpa. */
enum mem_type vmtrr_type(const struct vcpu *v, uint64_t gpa);
uint64_t vmtrr_pat(const struct vcpu *v);

#endif
