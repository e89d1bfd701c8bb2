/* SPDX-License-Identifier: BSD-2-Clause */
/* Machine checks as domain 0 sees them (arch_0, xen/arch-x86/xen-mca.h): records, CPUs, and errors
   made up for tests. Results as Xen 4.17's. */
#include <hv/cpuid.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/hypercall.h>
#include <hv/lib.h>
#include <hv/mce.h>
#include <hv/msr_index.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/smp.h>
#include <hv/uaccess.h>

#define INJECT_FLAGS (MC_MSRINJ_F_INTERPOSE | MC_MSRINJ_F_GPADDR)
#define CPUID_FEATURES 1
#define CPUID_EXT_FEATURES 0x80000001u
#define CACHE_LINE_SHIFT 8       /* CLFLUSH size in leaf 1's EBX, in units of 8 bytes */
#define CACHE_LINE_UNIT 8

static int fetch(struct xen_mc *op)
{
    struct xen_mc_fetch *f = &op->u.mc_fetch;
    uint32_t which = f->flags & (XEN_MC_NONURGENT | XEN_MC_URGENT);
    enum mce_queue q = which == XEN_MC_URGENT ? MCE_URGENT : MCE_NONURGENT;
    struct mc_info info;

    if (which != XEN_MC_URGENT && which != XEN_MC_NONURGENT)
        return -EINVAL;
    if (f->flags & XEN_MC_ACK) {
        mce_acknowledge(q, f->fetch_id);
        return 0;
    }
    if (handle_is_null(f->data))
        return -EINVAL;
    f->flags = XEN_MC_OK;
    if (!mce_oldest(q, &info, &f->fetch_id))
        f->flags |= XEN_MC_NODATA;
    else if (copy_to_handle(f->data, &info, 1))
        return -EFAULT;
    return 0;
}

/* --- the CPUs --- */

struct all_cpus { struct mcinfo_logical_cpu *cpu; unsigned int nr; };

static void describe_cpu(void *arg)
{
    const struct all_cpus *all = arg;
    unsigned int self = smp_processor_id(), slot = 0;
    struct mcinfo_logical_cpu *c;
    uint32_t ebx, ecx, edx, eax;

    for (unsigned int cpu = 0; cpu < self; cpu++)
        slot += cpumask_test(cpu, &cpu_online_map);
    if (slot >= all->nr)
        return;
    c = &all->cpu[slot];
    cpuid_count(CPUID_FEATURES, 0, &eax, &ebx, &ecx, &edx);
    c->mc_cpunr = self;
    c->mc_apicid = cpu_apicid[self];
    c->mc_chipid = cpu_apicid[self];
    c->mc_ncores = c->mc_ncores_active = c->mc_nthreads = 1;
    c->mc_cpuid_level = (int32_t)boot_cpu.max_leaf;
    c->mc_family = boot_cpu.family;
    c->mc_vendor = boot_cpu.vendor;
    c->mc_model = boot_cpu.model;
    c->mc_step = boot_cpu.stepping;
    c->mc_cpu_caps[MC_CAPS_STD_EDX] = edx;
    c->mc_cpu_caps[MC_CAPS_STD_ECX] = ecx;
    c->mc_cache_alignment = ((ebx >> CACHE_LINE_SHIFT) & 0xff) * CACHE_LINE_UNIT;
    cpuid_count(CPUID_EXT_FEATURES, 0, &eax, &ebx, &ecx, &edx);
    c->mc_cpu_caps[MC_CAPS_AMD_EDX] = edx;
    c->mc_cpu_caps[MC_CAPS_AMD_ECX] = ecx;
    strlcpy(c->mc_brandid, boot_cpu.brand, sizeof(c->mc_brandid));
    c->mc_nmsrvals = 1;
    c->mc_msrvalues[0].reg = MSR_MCG_CAP;
    if (rdmsr_safe(MSR_MCG_CAP, &c->mc_msrvalues[0].value))
        c->mc_nmsrvals = 0;
}

static int physcpuinfo(struct xen_mc *op)
{
    struct xen_mc_physcpuinfo *p = &op->u.mc_physcpuinfo;
    struct all_cpus all = { NULL, cpumask_weight(&cpu_online_map) };
    int rc;

    if (handle_is_null(p->info)) {
        p->ncpus = all.nr;
        return 0;
    }
    if ((int32_t)p->ncpus <= 0)
        return -EINVAL;
    p->ncpus = all.nr = MIN(all.nr, p->ncpus);
    all.cpu = xzalloc_array(all.nr, sizeof(*all.cpu));
    if (!all.cpu)
        return -ENOMEM;
    on_cpus(&cpu_online_map, describe_cpu, &all, true);
    rc = copy_to_handle(p->info, all.cpu, all.nr) ? -EFAULT : 0;
    xfree(all.cpu);
    return rc;
}

/* --- errors made up --- */

static bool cpu_is_there(uint32_t cpu)
{
    return cpu < nr_cpu_ids && cpumask_test(cpu, &cpu_online_map);
}

struct injection { const struct xen_mc_msrinject *mi; int rc; };

static void inject_msrs(void *arg)
{
    struct injection *in = arg;

    for (uint32_t i = 0; i < in->mi->mcinj_count && !in->rc; i++)
        in->rc = mce_inject_msr((uint32_t)in->mi->mcinj_msr[i].reg, in->mi->mcinj_msr[i].value,
                                in->mi->mcinj_flags & MC_MSRINJ_F_INTERPOSE);
}

static int msrinject(struct xen_mc *op)
{
    struct xen_mc_msrinject *mi = &op->u.mc_msrinject;
    struct injection in = { mi, 0 };
    cpumask_t target;

    if (!mce_banks)
        return -ENODEV;
    if (!cpu_is_there(mi->mcinj_cpunr))
        return -EINVAL;
    if (!mi->mcinj_count)
        return 0;
    /* Addresses of HVM guests (GPADDR) can't be given: there are none. */
    if (mi->mcinj_count > MC_MSRINJ_MAXMSRS || mi->mcinj_flags & ~INJECT_FLAGS ||
        mi->mcinj_flags & MC_MSRINJ_F_GPADDR)
        return -EINVAL;
    for (uint32_t i = 0; i < mi->mcinj_count; i++)
        if (mi->mcinj_msr[i].reg > UINT32_MAX ||
            !mce_is_bank_msr((uint32_t)mi->mcinj_msr[i].reg))
            return -EINVAL;
    cpumask_only(mi->mcinj_cpunr, &target);
    on_cpus(&target, inject_msrs, &in, true);
    return in.rc;
}

static void raise_machine_check(void *unused)
{
    printk(XENLOG_WARNING "CPU %u: a machine check is made up for a test\n", smp_processor_id());
    __asm__ volatile("int $18" : : : "memory");
}

static int mceinject(struct xen_mc *op)
{
    cpumask_t target;

    if (!mce_banks)
        return -ENODEV;
    if (!cpu_is_there(op->u.mc_mceinject.mceinj_cpunr))
        return -EINVAL;
    cpumask_only(op->u.mc_mceinject.mceinj_cpunr, &target);
    on_cpus(&target, raise_machine_check, NULL, true);
    return 0;
}

static int inject_v2(struct xen_mc *op)
{
    const struct xen_mc_inject_v2 *in = &op->u.mc_inject_v2;
    cpumask_t cpus = { };

    if (!mce_banks)
        return -ENODEV;
    /* Others need interrupts that are not used. */
    if ((in->flags & XEN_MC_INJECT_TYPE_MASK) != XEN_MC_INJECT_TYPE_MCE)
        return -EINVAL;
    if (in->flags & XEN_MC_INJECT_CPU_BROADCAST) {
        cpus = cpu_online_map;
    } else {
        if (copy_from_guest(cpus.bits, in->cpumap.bitmap.p,
                            DIV_ROUND_UP(MIN(in->cpumap.nr_bits, (uint32_t)NR_CPUS), 8)))
            return -EFAULT;
        cpumask_and(&cpus, &cpus, &cpu_online_map);
    }
    if (cpumask_empty(&cpus))
        return -EINVAL;
    on_cpus(&cpus, raise_machine_check, NULL, true);
    return 0;
}

long do_mca(void *arg)
{
    static int (*const rows[])(struct xen_mc *op) = {
        [XEN_MC_fetch] = fetch,         [XEN_MC_physcpuinfo] = physcpuinfo,
        [XEN_MC_msrinject] = msrinject, [XEN_MC_mceinject] = mceinject,
        [XEN_MC_inject_v2] = inject_v2,
    };
    struct xen_mc op;
    int rc;

    if (copy_arg_from(&op, arg))
        return -EFAULT;
    if (op.interface_version != XEN_MCA_INTERFACE_VERSION)
        return -EACCES;
    /* XEN_MC_notifydomain is not there, as on Xen. */
    if (op.cmd >= ARRAY_SIZE(rows) || !rows[index_nospec(op.cmd, ARRAY_SIZE(rows))])
        return -EINVAL;
    rc = rows[index_nospec(op.cmd, ARRAY_SIZE(rows))](&op);
    if (!rc && copy_arg_to((struct xen_mc *)arg, &op))
        rc = -EFAULT;
    return rc;
}
