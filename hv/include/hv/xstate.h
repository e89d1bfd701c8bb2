/* SPDX-License-Identifier: BSD-2-Clause */
/* FPU and extended state, switched eagerly (hv/cpu/xstate.c). */
#ifndef HV_XSTATE_H
#define HV_XSTATE_H

#include <hv/types.h>

struct vcpu;

extern uint64_t host_xcr0;    /* components the hypervisor switches; 0 = no XSAVE, FXSAVE is used */
extern uint32_t xsave_area_size;

void xstate_init(void);                   /* boot */
void xstate_init_cpu(void);
int xstate_alloc_vcpu(struct vcpu *v);    /* area in reset state */
void xstate_free_vcpu(struct vcpu *v);
void xstate_save(struct vcpu *v);         /* interrupts off, CR0.TS clear */
void xstate_restore(struct vcpu *v);
bool xcr0_valid(uint64_t xcr0);           /* allowed value of guest XCR0 on this host */
int guest_xsetbv(struct vcpu *v, uint32_t index, uint64_t val); /* current; 0 or -EPERM (#GP) */
/* Copies of the legacy 512 bytes, for contexts of the ABI. */
void xstate_set_fxsave(struct vcpu *v, const void *fx512);
void xstate_get_fxsave(const struct vcpu *v, void *fx512);
/* v's whole area in standard format, of xsave_area_size bytes; v does not run. */
const void *xstate_area(const struct vcpu *v);
/* Replaces it by size bytes from a context whose components are within accum (a valid XCR0). v does
   not run. 0 or -EINVAL. */
int xstate_set_area(struct vcpu *v, const void *data, size_t size, uint64_t accum);
/* Size CPUID.0xD reports for a guest with this XCR0. */
uint32_t xstate_size_for(uint64_t xcr0);
/* The same for the compacted format of XSAVEC. */
uint32_t xstate_compact_size_for(uint64_t xcr0);

#endif
