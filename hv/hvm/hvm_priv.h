/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of hv/hvm/ offer each other and nobody else. */
#ifndef HV_HVM_PRIV_H
#define HV_HVM_PRIV_H

#include <hv/hvm/hvm.h>

/* backend.c */
/* v->xcr0 as the CPU, which holds the guest's, has it. */
void hvm_sync_xcr0(struct vcpu *v);

/* run.c */
void hvm_resume(void);

/* guest_memory.c: the door of hv/uaccess.h for HVM callers. */
int hvm_copy_from(void *dst, const void *gva, size_t len);
int hvm_copy_to(void *gva, const void *src, size_t len);
int hvm_clear(void *gva, size_t len);

/* inject.c */
/* Just before an entry, interrupts off: gives the CPU the next event, or asks for a window. */
void hvm_deliver_events(struct vcpu *v);
/* An exit interrupted the delivery of an event: it is delivered again unless something is done. */
void hvm_restore_event(struct vcpu *v);

/* msr.c */
/* hvm_vcpu::tsc_offset has changed. */
void hvm_tsc_changed(struct vcpu *v);
int hvm_rdmsr(struct vcpu *v, uint32_t msr, uint64_t *val);   /* 0 or -EPERM: #GP */
int hvm_wrmsr(struct vcpu *v, uint32_t msr, uint64_t val);

/* emulate.c */
/* Performs the instruction at RIP by the emulator, with its memory accesses answered by RAM,
   devices of the core or the device model. */
void hvm_emulate(struct vcpu *v);
/* Its length; 0: it can't be fetched or is none. */
unsigned int hvm_decoded_length(struct vcpu *v);

/* A port access of 1, 2 or 4 bytes. False: nobody answers now, the vCPU waits for the device
   model. */
bool hvm_port_io(struct vcpu *v, uint16_t port, unsigned int size, bool in, uint64_t *val);
/* A guest-physical access that the map does not permit. */
void hvm_memory_exit(struct vcpu *v);
void hvm_task_switch(struct vcpu *v);

/* insn.c */
/* Of the instruction that made the exit; 0 if it is not there any more. */
unsigned int hvm_insn_length(struct vcpu *v);
/* Bytes of the instruction that made the exit, up to 15; returns how many. */
unsigned int hvm_exit_insn(struct vcpu *v, uint8_t *insn);

/* cr.c: 0, or not: #GP */
int hvm_read_cr(struct vcpu *v, unsigned int n, uint64_t *val);
int hvm_write_cr(struct vcpu *v, unsigned int n, uint64_t val);
void hvm_cr_exit(struct vcpu *v);
/* By its number in an instruction. */
uint64_t *hvm_gpr(struct cpu_user_regs *regs, unsigned int n);

/* params.c */
long hvm_param_set(void *arg);
long hvm_param_get(void *arg);

#endif
