/* SPDX-License-Identifier: BSD-2-Clause */
/* Handlers of sysctl, one per command, without locks held. The argument is a copy of the guest's,
   copied back afterwards. */
#ifndef HV_SYSCTL_PRIVATE_H
#define HV_SYSCTL_PRIVATE_H

#include <hv/types.h>
#include <xen/sysctl.h>

#define SYSCTL_HANDLERS(H)                                                                      \
    H(readconsole) H(physinfo) H(sched_id) H(getdomaininfolist) H(debug_keys) H(getcpuinfo)     \
    H(availheap) H(cputopoinfo) H(pcitopoinfo) H(numainfo) H(cpupool_op) H(scheduler_op)        \
    H(get_cpu_levelling_caps) H(get_cpu_featureset) H(get_cpu_policy) H(get_pmstat) H(pm_op)     \
    H(perfc_op)
#define SYSCTL_PROTOTYPE(name) int sysctl_##name(struct xen_sysctl *op);
SYSCTL_HANDLERS(SYSCTL_PROTOTYPE)

#endif
