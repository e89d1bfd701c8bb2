/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machine checks: errors that the hardware reports in its banks. Source: Intel SDM, "Machine-Check
 * Architecture"; AMD APM volume 2, the chapter of the same name.
 *
 * hv/cpu/mce.c reads banks on #MC and every few seconds, decides, and leaves records for domain 0
 * (hv/cpu/mce_record.c), which is told by VIRQ_MCA and fetches them (hv/hypercall/mca.c).
 */
#ifndef HV_MCE_H
#define HV_MCE_H

#include <hv/types.h>
#include <xen/xen.h>
#include <xen/arch-x86/xen-mca.h>

/* MCG_CAP */
#define MCG_CAP_BANKS 0xffu
#define MCG_CAP_CTL (1u << 8)
#define MCG_CAP_SER (1u << 24)         /* software error recovery: STATUS_S and STATUS_AR count */
/* MCG_STATUS */
#define MCG_STATUS_RIPV (1u << 0)      /* the interrupted program can go on */
#define MCG_STATUS_EIPV (1u << 1)      /* RIP is where the error was met */
#define MCG_STATUS_MCIP (1u << 2)
/* MCi_STATUS */
#define MC_STATUS_VAL (1ULL << 63)
#define MC_STATUS_OVER (1ULL << 62)
#define MC_STATUS_UC (1ULL << 61)
#define MC_STATUS_EN (1ULL << 60)
#define MC_STATUS_MISCV (1ULL << 59)
#define MC_STATUS_ADDRV (1ULL << 58)
#define MC_STATUS_PCC (1ULL << 57)     /* the CPU's state may be wrong */
#define MC_STATUS_S (1ULL << 56)
#define MC_STATUS_AR (1ULL << 55)      /* the interrupted program needs what was lost */
#define MC_STATUS_CODE 0xffffu

/* What an error means for going on, in ascending order. */
enum mce_severity {
    MCE_NONE,        /* no valid error */
    MCE_CORRECTED,
    MCE_DEFERRED,    /* data was lost that nobody uses yet */
    MCE_GUEST,       /* the program that ran needs lost data: it can't go on, all else can */
    MCE_FATAL,
};

struct mce_bank { unsigned int bank; uint64_t status, addr, misc; };

/* mce_decode.c; pure. */
enum mce_severity mce_severity_of(uint64_t status, uint64_t gstatus, uint64_t cap);
/* "cache, level 2, data read" and the like. */
const char *mce_describe(uint64_t status, char *buf, size_t len);

/* mce_record.c: what is kept for domain 0, the oldest first, apart for #MC and for corrected
   errors. Not in #MC itself. */
#define MCE_KEPT 16
enum mce_queue { MCE_URGENT, MCE_NONURGENT, NR_MCE_QUEUES };
void mce_keep(enum mce_queue q, const struct mc_info *info);   /* the newest is lost when full */
bool mce_oldest(enum mce_queue q, struct mc_info *info, uint64_t *id);
void mce_acknowledge(enum mce_queue q, uint64_t id);           /* of another: nothing happens */
/* Adds an entry; what does not fit is left out and marked. */
void mc_info_add(struct mc_info *info, const void *entry, uint16_t size);

/* mce.c */
extern unsigned int mce_banks;         /* 0: the CPU has none, or mce=off */
void mce_init_cpu(void);               /* each CPU, once timers work */
/* On the CPU itself, interrupts off: a register of its banks has this value from now on until it
   is written; with interpose false the hardware's is. -EINVAL: no such register, -ENOSPC. */
int mce_inject_msr(uint32_t msr, uint64_t value, bool interpose);
bool mce_is_bank_msr(uint32_t msr);

#endif
