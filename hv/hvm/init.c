/* SPDX-License-Identifier: BSD-2-Clause */
/* The start of hardware-assisted virtualisation: which back end, and on which CPUs. */
#include <hv/errno.h>
#include <hv/hvm/hvm.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/smp.h>

extern const struct hvm_vendor *const hvm_vendors_start[], *const hvm_vendors_end[];

const struct hvm_vendor *hvm_vendor __ro_after_init;
const char *hvm_why_not __ro_after_init = "the CPU has no such extension";

static bool opt_hvm = true;
bool_param("hvm", opt_hvm);

void __init hvm_init(void)
{
    const struct hvm_vendor *const *p = hvm_vendors_start;
    const char *why = NULL;

    if (!opt_hvm) {
        hvm_why_not = "it is turned off by the option hvm=no";
        return;
    }
    for (; p < hvm_vendors_end; p++) {
        int rc = (*p)->probe(&why);

        if (!rc && (*p)->cpu_enable(true)) {
            hvm_vendor = *p;
            return;
        }
        if (rc != -ENODEV)
            hvm_why_not = why ? why : "it cannot be turned on";
    }
    printk(XENLOG_INFO "hvm: not available: %s\n", hvm_why_not);
}

/* Guests may run on any CPU: one that can't is left out. */
bool hvm_init_cpu(void)
{
    return !hvm_vendor || hvm_vendor->cpu_enable(true);
}
