/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Hardware-assisted domains and vCPUs: their row in the core's contract (hv/backend.h), made of
 * what the vendor's back end offers.
 */
#include <hv/cpuid.h>
#include <hv/errno.h>
#include <hv/event.h>
#include <hv/flush.h>
#include <hv/hvm/hvm.h>
#include <hv/hvm/irq.h>
#include <hv/hvm/platform.h>
#include <hv/lib.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/sched.h>
#include <hv/time.h>
#include <hv/xstate.h>
#include <xen/grant_table.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include "hvm_priv.h"

/* --- domains --- */

static const struct hvm_cpu_ops cpu_ops = { .init = hvm_reset_state, .startup = hvm_start_ap };

static int hvm_domain_init(struct domain *d)
{
    struct hvm_domain *h = hvm_domain(d);
    int rc = p2m_init(d);

    if (rc)
        return rc;
    spin_lock_init(&h->param_lock, LOCK_HVM);
    h->params[HVM_PARAM_TRIPLE_FAULT_REASON] = SHUTDOWN_reboot;
    rc = hvm_vendor->domain_init(d);
    if (rc)
        goto err_p2m;
    rc = hvm_platform_create(d, h->emulation_flags, &cpu_ops);
    if (!rc)
        return 0;

    hvm_vendor->domain_free(d);
err_p2m:
    p2m_free(d);
    return rc;
}

static void hvm_domain_free(struct domain *d)
{
    hvm_platform_free(d);
    hvm_vendor->domain_free(d);
    p2m_free(d);
}

/* --- vCPUs --- */

static int hvm_vcpu_init(struct vcpu *v)
{
    int rc = hvm_vendor->vcpu_init(v);

    if (rc)
        return rc;
    rc = hvm_platform_vcpu_create(v);
    if (rc) {
        hvm_vendor->vcpu_free(v);
        return rc;
    }
    hvm_reset_state(v);
    return 0;
}

static void hvm_vcpu_free(struct vcpu *v)
{
    hvm_platform_vcpu_free(v);
    hvm_vendor->vcpu_free(v);
}

/* libxc sets a PV context only for PV guests; here it stands for the general registers and modes,
   as xen/arch-x86/xen.h says of HVM guests: nothing but them is looked at. */
static int hvm_set_context(struct vcpu *v, const struct vcpu_guest_context *c)
{
    return -EOPNOTSUPP;
}

static void hvm_get_context(struct vcpu *v, struct vcpu_guest_context *c)
{
    struct hvm_vcpu *h = hvm_vcpu(v);
    uint16_t *const selectors[] = { &c->user_regs.es, &c->user_regs.cs, &c->user_regs.ss,
                                    &c->user_regs.ds, &c->user_regs.fs, &c->user_regs.gs };
    struct x86_segment s;

    memset(c, 0, sizeof(*c));
    xstate_get_fxsave(v, &c->fpu_ctxt);
    c->flags = VGCF_I387_VALID | VGCF_in_kernel;
    if (!test_bit(VPF_down, &v->pause_flags))
        c->flags |= VGCF_online;
    c->user_regs = v->regs;
    for (unsigned int i = 0; i < ARRAY_SIZE(selectors); i++) {
        hvm_vendor->get_segment(v, i, &s);
        *selectors[i] = s.selector;
    }
    c->ctrlreg[0] = h->cr0;
    c->ctrlreg[2] = h->cr2;
    c->ctrlreg[3] = h->cr3;
    c->ctrlreg[4] = h->cr4;
    memcpy(c->debugreg, v->debugreg, sizeof(c->debugreg));
}

static int hvm_vcpu_reset(struct vcpu *v)
{
    hvm_reset_state(v);
    return 0;
}

/* --- switching --- */

/* QEMU's emulated CPUs do XSETBV without an exit. */
void hvm_sync_xcr0(struct vcpu *v)
{
    uint32_t lo, hi;

    if (!(hvm_vcpu(v)->cr4 & X86_CR4_OSXSAVE))
        return;
    __asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    if (v->xcr0 != lo && xcr0_valid(lo)) {
        v->xcr0 = lo;
        v->xcr0_accum |= lo;
    }
}

static void hvm_switch_from(struct vcpu *v)
{
    hvm_sync_xcr0(v);
    hvm_vendor->switch_from(v);
}

/* The guest has its own root table in hardware. Of the hypervisor's only its own slots are needed:
   no PV domain's table stays in CR3. */
static void hvm_switch_to(struct vcpu *v)
{
    load_root(virt_to_maddr(idle_root));
    if (cpu_has(X86_FEATURE_RDTSCP))
        cpu_policy_load_tsc_aux(v->tsc_aux);
    if (hvm_vcpu(v)->intercept_rdtsc != v->domain->vtsc) {
        hvm_vcpu(v)->intercept_rdtsc = v->domain->vtsc;
        hvm_vendor->load(v, HVM_LOAD_INTERCEPTS);
    }
    hvm_platform_switch_to(v);
    hvm_vendor->switch_to(v);
}

/* --- guest frames --- */

static struct page_info *hvm_get_gfn(struct domain *d, gfn_t gfn, bool writable)
{
    enum p2m_type type;
    struct page_info *pg = p2m_get_page(d, gfn, &type);

    if (pg && writable &&
        (!p2m_is_writable(type) || get_page_type(pg, PGT_writable_page))) {
        put_page(pg);
        return NULL;
    }
    return pg;
}

/* What kind of page it becomes follows from whose it is. */
static int hvm_physmap_add(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    struct page_info *pg = frame_of(mfn);
    const struct domain *owner = pg ? page_get_owner(pg) : NULL;
    int rc;

    if (!pg)
        return -EINVAL;
    if (owner == d)
        return p2m_set(d, gfn, mfn, order,
                       READ_ONCE(pg->count_info) & PGC_xen ? P2M_SHARED : P2M_RAM_RW);
    if (order || !owner)
        return -EINVAL;
    rc = get_page_and_type(pg, (struct domain *)owner, PGT_writable_page);
    if (rc)
        return rc;
    rc = p2m_set(d, gfn, mfn, 0, P2M_FOREIGN);
    if (rc)
        put_page_and_type(pg);
    return rc;
}

static int hvm_physmap_remove(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    return p2m_clear(d, gfn, mfn, order);
}

/* A grant appears at a guest-physical address, where nothing may be but RAM given up before. */
static int hvm_grant_map(uint64_t host_addr, mfn_t mfn, unsigned int flags, unsigned int attr)
{
    struct domain *d = current->domain;
    enum p2m_type now;

    if (host_addr & ~PAGE_MASK || attr)
        return GNTST_general_error;
    p2m_lookup(d, host_addr >> PAGE_SHIFT, &now, NULL);
    if (now != P2M_NONE)
        return GNTST_general_error;
    return p2m_set(d, host_addr >> PAGE_SHIFT, mfn, 0,
                   flags & GNTMAP_readonly ? P2M_GRANT_RO : P2M_GRANT_RW)
               ? GNTST_general_error
               : GNTST_okay;
}

static int hvm_grant_unmap(uint64_t host_addr, mfn_t mfn, unsigned int flags, uint64_t new_addr)
{
    struct domain *d = current->domain;
    enum p2m_type now;

    if (new_addr || host_addr & ~PAGE_MASK)
        return GNTST_general_error;
    p2m_lookup(d, host_addr >> PAGE_SHIFT, &now, NULL);
    if (now != P2M_GRANT_RW && now != P2M_GRANT_RO)
        return GNTST_general_error;
    return p2m_clear(d, host_addr >> PAGE_SHIFT, mfn, 0) ? GNTST_general_error : GNTST_okay;
}

static void hvm_show(struct vcpu *v)
{
    struct hvm_vcpu *h = hvm_vcpu(v);

    printk(" HVM: CR0 %lx CR2 %lx CR3 %lx CR4 %lx EFER %lx, last exit %u (raw %#lx)\n", h->cr0,
           h->cr2, h->cr3, h->cr4, h->efer, h->exit.reason, h->exit.raw);
    hvm_vendor->show(v);
}

const struct vcpu_backend hvm_backend = {
    .name = "HVM",
    .domain_size = sizeof(struct hvm_domain),
    .vcpu_size = sizeof(struct hvm_vcpu),
    .domain_init = hvm_domain_init,
    .domain_free = hvm_domain_free,
    .domain_relinquish = p2m_relinquish,
    .vcpu_init = hvm_vcpu_init,
    .vcpu_free = hvm_vcpu_free,
    .set_context = hvm_set_context,
    .get_context = hvm_get_context,
    .vcpu_reset = hvm_vcpu_reset,
    .switch_from = hvm_switch_from,
    .switch_to = hvm_switch_to,
    .resume = hvm_resume,
    .copy_from = hvm_copy_from,
    .copy_to = hvm_copy_to,
    .clear = hvm_clear,
    .get_gfn = hvm_get_gfn,
    .physmap_add = hvm_physmap_add,
    .physmap_remove = hvm_physmap_remove,
    .grant_map = hvm_grant_map,
    .grant_unmap = hvm_grant_unmap,
    .event_pending = hvm_event_pending,
    .show = hvm_show,
};
