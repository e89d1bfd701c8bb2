/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the AMD back end share. */
#ifndef SVM_SVM_H
#define SVM_SVM_H

#include <hv/hvm/hvm.h>
#include "vmcb.h"

/* CPUID 0x8000000A EDX: "SVM Revision and Feature Identification". */
enum {
    SVM_FEATURE_NP = 1u << 0, SVM_FEATURE_LBR = 1u << 1, SVM_FEATURE_NRIPS = 1u << 3,
    SVM_FEATURE_CLEAN = 1u << 5, SVM_FEATURE_FLUSH_ASID = 1u << 6, SVM_FEATURE_DECODE = 1u << 7,
    SVM_FEATURE_PAUSE = 1u << 10, SVM_FEATURE_PAUSE_THRESHOLD = 1u << 12,
};
extern uint32_t svm_features;
static inline bool svm_has(uint32_t feature) { return svm_features & feature; }

struct svm_domain {
    uint8_t *msrpm;             /* two pages: the permission map of its vCPUs */
};

struct svm_vcpu {
    struct vmcb *vmcb;
    paddr_t vmcb_pa;
    bool nmi_masked;
    unsigned long dr[4];        /* while the guest's are not loaded */
};

static inline struct svm_vcpu *svm_vcpu(struct vcpu *v) { return hvm_vcpu(v)->vendor; }
static inline struct vmcb *svm_vmcb(struct vcpu *v) { return svm_vcpu(v)->vmcb; }
static inline struct svm_domain *svm_domain(struct domain *d) { return hvm_domain(d)->vendor; }

/* cpu.c */
int svm_probe(const char **why);
bool svm_cpu_enable(bool on);
/* The physical address of this CPU's own VMSAVE area. */
paddr_t svm_host_state(void);
extern paddr_t svm_iopm_pa;

/* vcpu.c */
int svm_domain_init(struct domain *d);
void svm_domain_free(struct domain *d);
int svm_vcpu_init(struct vcpu *v);
void svm_vcpu_free(struct vcpu *v);
void svm_switch_from(struct vcpu *v);
void svm_switch_to(struct vcpu *v);
void svm_show(struct vcpu *v);

/* run.c; entry.S */
void svm_run(struct vcpu *v);
/* Loads the general registers, runs until #VMEXIT, stores them; what waited for the host is served
   before it returns, with interrupts off. */
void svm_enter(paddr_t vmcb, paddr_t host, struct cpu_user_regs *regs);

/* state.c */
void svm_get_segment(struct vcpu *v, enum x86_seg_index which, struct x86_segment *s);
void svm_set_segment(struct vcpu *v, enum x86_seg_index which, const struct x86_segment *s);
void svm_load(struct vcpu *v, unsigned int what);
bool svm_get_msr(struct vcpu *v, uint32_t msr, uint64_t *val);
bool svm_set_msr(struct vcpu *v, uint32_t msr, uint64_t val);
unsigned int svm_get_shadow(struct vcpu *v);
void svm_set_shadow(struct vcpu *v, unsigned int shadow);
void svm_inject(struct vcpu *v, const struct hvm_event *e);
void svm_set_window(struct vcpu *v, enum hvm_window w);

#endif
