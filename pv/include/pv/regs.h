/* SPDX-License-Identifier: BSD-2-Clause */
/* Numbers that PV assembly and C share. */
#ifndef PV_REGS_H
#define PV_REGS_H

/* Selectors of the flat ring-3 segments (xen/arch-x86/xen-x86_64.h, proved equal in pv/cpu.c). */
#define PV_USER_CS32 0xe023
#define PV_USER_SS 0xe02b
#define PV_USER_CS64 0xe033

/* entry_vector of a frame whose RCX and R11 the guest expects to lose and whose CS is PV_USER_CS64:
   SYSRET may be used. */
#define PV_ENTRY_SYSCALL 0x100

/* pv_vcpu::flags */
#define PVF_KERNEL_BIT 0x01    /* in guest kernel mode */
#define PVF_SLOW_SYSCALL_BIT 0x10 /* pv_syscall_upcall() must build the frame */
#define PVF_FAILSAFE_BIT 0x08  /* a selector could not be loaded on the last
                                  switch: failsafe callback is due */

#endif
