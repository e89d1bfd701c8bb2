/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PV back end: its row in the contract, and the life and context of PV domains and vCPUs.
 */
#include <hv/cpuid.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/sched.h>
#include <hv/spec.h>
#include <hv/uaccess.h>
#include <hv/xstate.h>
#include <pv/pv.h>
#include <xen/vcpu.h>

static int pv_domain_init(struct domain *d)
{
    enum spec_domain kind = d->domain_id ? SPEC_DOMU : SPEC_DOM0;

    pv_domain(d)->xpti = spec.xpti[kind];
    pv_domain(d)->check_l1tf = spec.pv_l1tf[kind];
    return pv_perdomain_init(d);
}

static void pv_domain_free(struct domain *d)
{
    pv_perdomain_free(d);
}

static int pv_vcpu_init(struct vcpu *v)
{
    struct pv_vcpu *pv = pv_vcpu(v);
    int rc;

    spin_lock_init(&pv->shadow_ldt_lock, LOCK_LEAF);
    pv->flags = PVF_KERNEL | PVF_SLOW_SYSCALL;
    pv->ctrlreg[4] = pv_fixup_guest_cr4(v, 0);
    v->debugreg[6] = X86_DR6_DEFAULT;
    v->debugreg[7] = X86_DR7_DEFAULT;
    rc = pv_perdomain_init_vcpu(v);
    if (!rc)
        pv_init_gdt(v);
    return rc;
}

static void pv_vcpu_free(struct vcpu *v)
{
}

/* --- context --- */

static int check_traps(struct vcpu_guest_context *c)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(c->trap_ctxt); i++) {
        if (!c->trap_ctxt[i].address)
            continue;
        if (!pv_trap_info_check(&c->trap_ctxt[i]))
            return -EINVAL;
    }
    return 0;
}

static int check_context(struct vcpu_guest_context *c)
{
    if (!is_canonical(c->user_regs.rip) || !is_canonical(c->event_callback_eip) ||
        !is_canonical(c->syscall_callback_eip) || !is_canonical(c->failsafe_callback_eip) ||
        !is_canonical(c->fs_base) || !is_canonical(c->gs_base_kernel) ||
        !is_canonical(c->gs_base_user))
        return -EINVAL;
    if (c->gdt_ents > FIRST_RESERVED_GDT_BYTE_OFF / 8 || c->ldt_ents > 8192)
        return -EINVAL;
    if (c->ldt_ents && (c->ldt_base & ~PAGE_MASK))
        return -EINVAL;
    return check_traps(c);
}

static void set_registers(struct vcpu *v, const struct vcpu_guest_context *c)
{
    struct pv_vcpu *pv = pv_vcpu(v);

    v->regs = c->user_regs;
    v->regs.cs |= 3;
    v->regs.ss |= 3;
    v->regs.entry_vector = 0;
    v->regs.error_code = 0;
    v->regs.saved_upcall_mask = 0;
    v->regs.rflags = (v->regs.rflags & ~(unsigned long)(X86_EFLAGS_IOPL | X86_EFLAGS_VM)) |
                     X86_EFLAGS_IF | X86_EFLAGS_MBS;
    pv->sel[0] = c->user_regs.ds;
    pv->sel[1] = c->user_regs.es;
    pv->sel[2] = c->user_regs.fs;
    pv->sel[3] = c->user_regs.gs;
    pv->fs_base = c->fs_base;
    pv->gs_base_kernel = c->gs_base_kernel;
    pv->gs_base_user = c->gs_base_user;
    pv->kernel_ss = (uint16_t)c->kernel_ss | 3;
    pv->kernel_sp = c->kernel_sp;
    pv->iopl = c->user_regs.rflags & X86_EFLAGS_IOPL;
    memcpy(pv->trap_table, c->trap_ctxt, sizeof(pv->trap_table));
    pv->event_callback_eip = c->event_callback_eip;
    pv->failsafe_callback_eip = c->failsafe_callback_eip;
    pv->syscall_callback_eip = c->syscall_callback_eip;
}

/* User mode needs the user's root table: without one only kernel mode is left. */
static void set_flags(struct vcpu *v, const struct vcpu_guest_context *c)
{
    struct pv_vcpu *pv = pv_vcpu(v);

    pv->flags = 0;
    if ((c->flags & VGCF_in_kernel) || !pv->guest_root_user)
        pv->flags |= PVF_KERNEL;
    if (c->flags & VGCF_failsafe_disables_events)
        pv->flags |= PVF_FAILSAFE_DISABLES;
    if (c->flags & VGCF_syscall_disables_events)
        pv->flags |= PVF_SYSCALL_DISABLES;
    pv->ctrlreg[0] = c->ctrlreg[0] & X86_CR0_TS;
    pv->ctrlreg[4] = pv_fixup_guest_cr4(v, c->ctrlreg[4]);
    if (c->flags & VGCF_I387_VALID)
        xstate_set_fxsave(v, &c->fpu_ctxt);
    v->fpu_initialised = c->flags & VGCF_I387_VALID;
}

/* Frame 0, which a nonzero register can name too, is never a root table; to pv_new_user_root() it
   means none. */
static int set_roots(struct vcpu *v, const struct vcpu_guest_context *c)
{
    mfn_t user = xen_cr3_to_pfn(c->ctrlreg[1]);
    int rc = pv_new_guest_root(v, xen_cr3_to_pfn(c->ctrlreg[3]));

    if (rc || !c->ctrlreg[1])
        return rc;
    return user ? pv_new_user_root(v, user) : -EINVAL;
}

/* Root and descriptor tables of an initialised vCPU stay: a context has to name them. */
static bool names_same_tables(const struct pv_vcpu *pv, const struct vcpu_guest_context *c)
{
    bool same = c->ctrlreg[3] == xen_pfn_to_cr3(paddr_to_pfn(pv->guest_root)) &&
                c->gdt_ents == pv->gdt_ents && c->ldt_base == pv->ldt_base &&
                c->ldt_ents == pv->ldt_ents;

    if (!pv->guest_root_user)
        return same && !c->ctrlreg[1] && (c->flags & VGCF_in_kernel);
    return same && c->ctrlreg[1] == xen_pfn_to_cr3(paddr_to_pfn(pv->guest_root_user));
}

static void set_debugregs(struct vcpu *v, const struct vcpu_guest_context *c)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(c->debugreg); i++)
        if (i != 4 && i != 5 && c->debugreg[i] && pv_set_debugreg(v, i, c->debugreg[i]))
            break; /* what does not fit is left at its reset value */
}

/* Repeated from the beginning, harmlessly, when the root tables take several goes. */
static int initialise(struct vcpu *v, const struct vcpu_guest_context *c)
{
    struct pv_vcpu *pv = pv_vcpu(v);
    int rc = 0;

    set_debugregs(v, c);
    if (c->gdt_ents)
        rc = pv_set_gdt(v, c->gdt_frames, (unsigned int)c->gdt_ents);
    if (!rc)
        rc = set_roots(v, c);
    if (rc)
        return rc;
    pv->ldt_base = c->ldt_base;
    pv->ldt_ents = (unsigned int)c->ldt_ents;
    if (v->vcpu_id == 0)
        v->domain->vm_assist = c->vm_assist & PV_VM_ASSIST_VALID;
    v->is_initialised = true;
    return 0;
}

static int pv_set_context(struct vcpu *v, const struct vcpu_guest_context *arg)
{
    struct vcpu_guest_context *c = xmalloc(sizeof(*c));
    int rc;

    if (!c)
        return -ENOMEM;
    *c = *arg;
    rc = check_context(c);
    if (!rc && v->is_initialised)
        rc = names_same_tables(pv_vcpu(v), c) ? 0 : -EOPNOTSUPP;
    else if (!rc)
        rc = initialise(v, c);
    if (!rc) {
        set_registers(v, c);
        set_flags(v, c);
        pv_update_syscall_path(v);
    }
    xfree(c);
    return rc;
}

static void get_flags(const struct vcpu *v, struct vcpu_guest_context *c)
{
    const struct pv_vcpu *pv = const_pv_vcpu(v);

    c->flags = (v->fpu_initialised ? VGCF_I387_VALID : 0) |
               (pv->flags & PVF_KERNEL ? VGCF_in_kernel : 0) |
               (pv->flags & PVF_FAILSAFE_DISABLES ? VGCF_failsafe_disables_events : 0) |
               (pv->flags & PVF_SYSCALL_DISABLES ? VGCF_syscall_disables_events : 0);
    if (!(v->pause_flags & (1UL << VPF_down)))
        c->flags |= VGCF_online;
}

/* v is paused: all state is in its structures. */
static void pv_get_context(struct vcpu *v, struct vcpu_guest_context *c)
{
    const struct pv_vcpu *pv = pv_vcpu(v);

    memset(c, 0, sizeof(*c));
    xstate_get_fxsave(v, &c->fpu_ctxt);
    get_flags(v, c);
    c->user_regs = v->regs;
    c->user_regs.ds = pv->sel[0];
    c->user_regs.es = pv->sel[1];
    c->user_regs.fs = pv->sel[2];
    c->user_regs.gs = pv->sel[3];
    c->user_regs.rflags |= pv->iopl;
    memcpy(c->trap_ctxt, pv->trap_table, sizeof(c->trap_ctxt));
    c->ldt_base = pv->ldt_base;
    c->ldt_ents = pv->ldt_ents;
    for (unsigned int i = 0;
         i < ARRAY_SIZE(pv->gdt_frames) && pv->gdt_frames[i] != INVALID_MFN; i++)
        c->gdt_frames[i] = pv->gdt_frames[i];
    c->gdt_ents = pv->gdt_ents;
    c->kernel_ss = pv->kernel_ss;
    c->kernel_sp = pv->kernel_sp;
    memcpy(c->ctrlreg, pv->ctrlreg, sizeof(c->ctrlreg));
    c->ctrlreg[3] = xen_pfn_to_cr3(pv->guest_root >> PAGE_SHIFT);
    c->ctrlreg[1] = pv->guest_root_user ? xen_pfn_to_cr3(pv->guest_root_user >> PAGE_SHIFT) : 0;
    memcpy(c->debugreg, v->debugreg, sizeof(c->debugreg));
    c->event_callback_eip = pv->event_callback_eip;
    c->failsafe_callback_eip = pv->failsafe_callback_eip;
    c->syscall_callback_eip = pv->syscall_callback_eip;
    c->fs_base = pv->fs_base;
    c->gs_base_kernel = pv->gs_base_kernel;
    c->gs_base_user = pv->gs_base_user;
    c->vm_assist = v->domain->vm_assist;
}

static int pv_vcpu_reset(struct vcpu *v)
{
    pv_destroy_gdt(v);
    return pv_destroy_roots(v);
}

/* --- guest memory --- */

static int refuse_read(void *dst, size_t len) __attribute__((cold, noinline));
static int refuse_read(void *dst, size_t len)
{
    memset(dst, 0, len);
    return -EFAULT;
}

static int pv_copy_from(void *dst, const void *gva, size_t len)
{
    if (unlikely(!pv_range_ok((unsigned long)gva, len)))
        return refuse_read(dst, len);
    harden_branch();
    return raw_read_user(dst, gva, len);
}

/* A copy while user code runs, of what only the kernel's root table need map. */
static int by_kernel_root(int (*copy)(void *, const void *, size_t), void *dst, const void *src,
                          size_t len)
{
    const struct pv_vcpu *pv = pv_vcpu(current);
    unsigned long flags = local_irq_save();
    int rc;

    write_cr3(pv->guest_root);
    rc = copy(dst, src, len);
    write_cr3(pv->guest_root_user);
    local_irq_restore(flags);
    return rc;
}

int pv_copy_from_kernel(void *dst, const void *gva, size_t len)
{
    if (pv_in_kernel(current) || !pv_range_ok((unsigned long)gva, len))
        return pv_copy_from(dst, gva, len);
    harden_branch();
    return by_kernel_root(raw_read_user, dst, gva, len);
}

/* What is written while user code runs are areas that its kernel registered by address. */
static int pv_copy_to(void *gva, const void *src, size_t len)
{
    if (unlikely(!pv_range_ok((unsigned long)gva, len)))
        return -EFAULT;
    harden_branch();
    if (likely(pv_in_kernel(current)))
        return raw_write_user(gva, src, len);
    return by_kernel_root(raw_write_user, gva, src, len);
}

static int pv_clear(void *gva, size_t len)
{
    if (!pv_range_ok((unsigned long)gva, len))
        return -EFAULT;
    return raw_clear_user(gva, len) ? -EFAULT : 0;
}

static struct page_info *pv_get_gfn(struct domain *d, gfn_t gfn, bool writable)
{
    struct page_info *pg = frame_of(gfn);

    if (!pg || !get_page(pg, d))
        return NULL;
    if (writable && get_page_type(pg, PGT_writable_page)) {
        put_page(pg);
        return NULL;
    }
    return pg;
}

/* A PV guest translates for itself: the hypervisor only remembers the reverse. */
static int pv_physmap_add(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    for (unsigned long i = 0; i < (1UL << order); i++)
        set_gpfn_from_mfn(mfn + i, gfn + i);
    return 0;
}

static int pv_physmap_remove(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order)
{
    for (unsigned long i = 0; i < (1UL << order); i++)
        set_gpfn_from_mfn(mfn + i, INVALID_M2P_ENTRY);
    return 0;
}

const struct vcpu_backend pv_backend = {
    .name = "PV",
    .domain_size = sizeof(struct pv_domain),
    .vcpu_size = sizeof(struct pv_vcpu),
    .domain_init = pv_domain_init,
    .domain_free = pv_domain_free,
    .domain_relinquish = pv_relinquish_memory,
    .vcpu_init = pv_vcpu_init,
    .vcpu_free = pv_vcpu_free,
    .set_context = pv_set_context,
    .get_context = pv_get_context,
    .vcpu_reset = pv_vcpu_reset,
    .switch_from = pv_switch_from,
    .switch_to = pv_switch_to,
    .resume = pv_resume,
    .vm_assist_changed = pv_update_syscall_path,
    .copy_from = pv_copy_from,
    .copy_to = pv_copy_to,
    .clear = pv_clear,
    .get_gfn = pv_get_gfn,
    .physmap_add = pv_physmap_add,
    .physmap_remove = pv_physmap_remove,
    .grant_map = pv_grant_map,
    .grant_unmap = pv_grant_unmap,
    .show = pv_show,
};
