/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tags of a guest's translations in the TLB (ASID, VPID). A CPU gives each vCPU that comes to it
 * the next number; when it has none left it flushes everything and begins anew, with a new
 * generation. To forget a vCPU's translations is to take its number away.
 */
#ifndef HV_HVM_ASID_H
#define HV_HVM_ASID_H

#include <hv/hvm/hvm.h>

/* Boot: tags 1 to count - 1 can be used; tag 0 is the hypervisor's. */
void hvm_asid_limit(uint32_t count);
/* v, which is current, gets a new tag at its next entry. Also when v does not run. */
static inline void hvm_asid_drop(struct vcpu *v) { hvm_vcpu(v)->asid.generation = 0; }
/* Before an entry, interrupts off: v's tag, good on this CPU. *flush: all tags are to be flushed
   with this entry. */
uint32_t hvm_asid_for_entry(struct vcpu *v, bool *flush);

#endif
