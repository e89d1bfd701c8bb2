/* SPDX-License-Identifier: BSD-2-Clause */
/* The AMD back end's row in the contract (hv/hvm/vendor.h). */
#include "svm.h"

static const uint8_t vmmcall[3] = { 0x0f, 0x01, 0xd9 };

/* The memory type of a nested entry selects from the hypervisor's PAT, and is combined with the
   guest's: only write-back leaves the choice to the guest. */
#define NPT_UC (PTE_PCD | PTE_PWT)
#define NPT_BASE (PTE_P | PTE_US | PTE_A)
static const struct p2m_format npt_format = {
    .present = PTE_P,
    .table = NPT_BASE | PTE_RW,
    .rights = {
        [P2M_RIGHTS_R] = NPT_BASE | PTE_NX,
        [P2M_RIGHTS_R | P2M_RIGHTS_W] = NPT_BASE | PTE_RW | PTE_D | PTE_NX,
        [P2M_RIGHTS_R | P2M_RIGHTS_X] = NPT_BASE,
        [P2M_RIGHTS_R | P2M_RIGHTS_W | P2M_RIGHTS_X] = NPT_BASE | PTE_RW | PTE_D,
    },
    .memtype = { [0] = NPT_UC, [1] = NPT_UC, [4] = PTE_PWT, [5] = NPT_UC, [6] = 0 },
    .has_1g = true,             /* of every CPU with nested paging */
};

static const struct hvm_vendor svm_vendor = {
    .name = "AMD-V",
    .p2m = &npt_format,
    .hypercall_insn = vmmcall,
    .probe = svm_probe,
    .cpu_enable = svm_cpu_enable,
    .domain_init = svm_domain_init,
    .domain_free = svm_domain_free,
    .vcpu_init = svm_vcpu_init,
    .vcpu_free = svm_vcpu_free,
    .switch_from = svm_switch_from,
    .switch_to = svm_switch_to,
    .run = svm_run,
    .get_segment = svm_get_segment,
    .set_segment = svm_set_segment,
    .load = svm_load,
    .get_msr = svm_get_msr,
    .set_msr = svm_set_msr,
    .get_shadow = svm_get_shadow,
    .set_shadow = svm_set_shadow,
    .inject = svm_inject,
    .set_window = svm_set_window,
    .show = svm_show,
};
HVM_VENDOR(svm_vendor);
