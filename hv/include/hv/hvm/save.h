/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records of an HVM domain's state (XEN_DOMCTL_get/sethvmcontext), as <xen/hvm/save.h> lays them
 * out. A table says what there is; hv/hvm/save.c puts the records into one stream and back.
 */
#ifndef HV_HVM_SAVE_H
#define HV_HVM_SAVE_H

#include <hv/types.h>
#include <xen/xen.h>
#include <xen/hvm/save.h>

struct domain;

/* d is paused for all of them. */
struct hvm_record {
    const char *name;
    uint16_t code;                  /* HVM_SAVE_CODE() */
    uint32_t length;                /* HVM_SAVE_LENGTH() */
    /* Number of instances d has, from 0; a vCPU that does not exist is left out by has(). */
    unsigned int (*instances)(const struct domain *d);
    bool (*has)(const struct domain *d, unsigned int instance);    /* NULL: all */
    void (*save)(struct domain *d, unsigned int instance, void *record);
    /* Nothing changes. NULL when the record is one that d could have, else why not. */
    const char *(*check)(struct domain *d, unsigned int instance, const void *record);
    /* Has been checked; cannot fail. */
    void (*load)(struct domain *d, unsigned int instance, const void *record);
};
#define HVM_RECORD(type) .name = #type, .code = HVM_SAVE_CODE(type), .length = HVM_SAVE_LENGTH(type)

/* Those of the platform, ascending in code. */
extern const struct hvm_record *const hvm_platform_records[];
extern const unsigned int hvm_nr_platform_records;

#endif
