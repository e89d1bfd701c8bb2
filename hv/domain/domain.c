/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Creation and end of domains. What a domain is made of stands in one table: parts are made in its
 * order, and undone in the opposite order when a later one fails and when the domain is freed.
 */
#include <hv/backend.h>
#include <hv/domain_private.h>
#include <hv/errno.h>
#include <hv/event.h>
#include <hv/grant.h>
#include <hv/hvm/hvm.h>
#include <hv/hypercall.h>
#include <hv/irq.h>
#include <hv/lib.h>
#include <hv/printk.h>
#include <hv/sched.h>
#include <hv/time.h>

#define RELINQUISH_BATCH 256
#define ZOMBIE_INTERVAL SECONDS(1)

/* --- parts --- */

static int vcpus_init(struct domain *d)
{
    d->vcpu = xzalloc_array(d->max_vcpus, sizeof(*d->vcpu));
    return d->vcpu || !d->max_vcpus ? 0 : -ENOMEM;
}

static void vcpus_free(struct domain *d)
{
    struct vcpu *v;

    for_each_vcpu (d, v)
        vcpu_free(v);
    xfree(d->vcpu);
    d->vcpu = NULL;
    d->max_vcpus = 0;
}

static int grants_init(struct domain *d)
{
    return grant_table_init(d, d->max_grant_frames, d->max_maptrack_frames);
}

static void caps_free(struct domain *d)
{
    rangeset_free(d->iomem_caps);
    rangeset_free(d->ioport_caps);
    rangeset_free(d->irq_caps);
}

static int caps_init(struct domain *d)
{
    d->iomem_caps = rangeset_new();
    d->ioport_caps = rangeset_new();
    d->irq_caps = rangeset_new();
    if (d->iomem_caps && d->ioport_caps && d->irq_caps)
        return 0;
    caps_free(d);
    return -ENOMEM;
}

static int backend_init(struct domain *d)
{
    return d->backend->domain_init(d);
}

static void backend_free(struct domain *d)
{
    d->backend->domain_free(d);
}

static int shared_info_init(struct domain *d)
{
    d->shared_info = alloc_xen_page();
    if (!d->shared_info)
        return -ENOMEM;
    share_xen_page(virt_to_page(d->shared_info), d, true);
    update_domain_wallclock(d);
    return 0;
}

static void shared_info_free(struct domain *d)
{
    BUG_ON(!unshare_xen_page(virt_to_page(d->shared_info)));
    free_xen_page(d->shared_info);
    d->shared_info = NULL;
}

static const struct {
    int (*init)(struct domain *d);
    void (*undo)(struct domain *d);
} parts[] = {
    { evtchn_init_domain, evtchn_free },
    { grants_init, grant_table_free },
    { pirq_init_domain, pirq_free_domain },
    { caps_init, caps_free },
    { cpuid_policy_init_domain, cpuid_policy_free_domain },
    { sched_init_domain, sched_free_domain },
    { backend_init, backend_free },
    { shared_info_init, shared_info_free },
    { vcpus_init, vcpus_free },               /* vCPUs lean on all above */
    { shutdown_init_domain, shutdown_free_domain },
};

static void undo_parts(struct domain *d, unsigned int nr)
{
    while (nr-- > 0)
        if (parts[nr].undo)
            parts[nr].undo(d);
}

static int make_parts(struct domain *d)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(parts); i++) {
        int rc = parts[i].init(d);

        if (rc) {
            undo_parts(d, i);
            return rc;
        }
    }
    return 0;
}

/* --- the hypervisor's pages of a dead domain --- */

/* Takes the hypervisor's pages back from a dead domain; pages that are shared hold a reference to
   it. False when another domain still uses one. */
static bool unshare_all(struct domain *d)
{
    struct page_info *pg = page_list_first(&d->xen_page_list), *next;
    bool all = true;

    for (; pg; pg = next) {
        next = page_list_next(pg);
        all &= unshare_xen_page(pg);
    }
    return all;
}

/* Nobody tells when the last foreign mapping of such a page goes. */
static void zombie_look(void *data)
{
    struct domain *d = data;

    if (!unshare_all(d))
        set_timer(&d->zombie_timer, NOW() + ZOMBIE_INTERVAL);
}

/* --- creation --- */

static void init_memory_fields(struct domain *d)
{
    static const struct page_list empty = PAGE_LIST_INIT;

    spin_lock_init(&d->page_alloc_lock, LOCK_PAGE_ALLOC);
    d->page_list = d->xen_page_list = d->relmem_list = empty;
}

static void init_common(struct domain *d, domid_t id, const struct vcpu_backend *backend)
{
    d->domain_id = id;
    d->backend = backend;
    list_init(&d->list);
    atomic_set(&d->refcnt, 1);
    snprintf(d->name, sizeof(d->name), "d%u", id);
    init_memory_fields(d);
    domain_init_nodes(d);
}

struct domain *domain_create(domid_t id, const struct xen_domctl_createdomain *cfg, bool control,
                             int *err)
{
    bool hvm = cfg->flags & XEN_DOMCTL_CDF_hvm;
    const struct vcpu_backend *backend = hvm ? &hvm_backend : &pv_backend;
    struct domain *d = xzalloc(backend->domain_size);

    if (!d) {
        *err = -ENOMEM;
        return NULL;
    }
    init_common(d, id, backend);
    d->is_control = control;
    d->is_hvm = hvm;
    if (hvm)
        hvm_domain(d)->emulation_flags = cfg->arch.emulation_flags;
    d->hypercalls = hypercalls_for(control, hvm);
    d->max_vcpus = cfg->max_vcpus;
    d->create_flags = cfg->flags;
    d->ssidref = cfg->ssidref;
    memcpy(d->handle, cfg->handle, sizeof(d->handle));
    d->max_evtchn_port = MIN(cfg->max_evtchn_port, (uint32_t)INT32_MAX);
    /* Negative ones become the defaults of the command line in grant_table_init(). */
    d->max_grant_frames = (unsigned int)cfg->max_grant_frames;
    d->max_maptrack_frames = (unsigned int)cfg->max_maptrack_frames;
    init_timer(&d->zombie_timer, zombie_look, d, smp_processor_id());
    d->tsc_khz = cpu_khz;
    d->controller_pause_count = 1;
    d->is_paused_by_tools = true;
    atomic_set(&d->pause_count, 1);

    *err = make_parts(d);
    if (!*err) {
        if (cfg->arch.misc_flags & XEN_X86_MSR_RELAXED)
            msr_policy_relax(d);
        *err = domlist_insert(d);
        if (!*err)
            return d;
        undo_parts(d, ARRAY_SIZE(parts));
    }
    xfree(d);
    return NULL;
}

/* --- end --- */

void domain_free_rcu(struct rcu_head *rcu)
{
    struct domain *d = container_of(rcu, struct domain, rcu);

    kill_timer(&d->zombie_timer);
    undo_parts(d, ARRAY_SIZE(parts));
    xfree(d->e820);
    xfree(d);
}

/* Takes the next frame that still has the domain's own reference; all those stand before the
   others, since a frame that is taken goes to the list's end. */
static struct page_info *next_allocated(struct domain *d)
{
    struct page_info *pg;

    spin_lock(&d->page_alloc_lock);
    pg = page_list_first(&d->page_list);
    if (pg && (READ_ONCE(pg->count_info) & PGC_allocated)) {
        page_list_del(&d->page_list, pg);
        page_list_add_tail(&d->page_list, pg);
    } else {
        pg = NULL;
    }
    spin_unlock(&d->page_alloc_lock);
    return pg;
}

/* Gives up the domain's own references to the frames that its back end has left. Those that others
   still use stay on the list, and keep the domain, until they are put. */
static int relinquish_frames(struct domain *d)
{
    struct page_info *pg;
    unsigned int done = 0;

    while ((pg = next_allocated(d)) != NULL) {
        put_page_alloc_ref(pg);
        if (++done % RELINQUISH_BATCH == 0 && hypercall_preempt_check())
            return -ERESTART;
    }
    return 0;
}

static void start_dying(struct domain *d)
{
    domain_pause(d);
    spin_lock(&d->page_alloc_lock); /* no allocation is half done, and the next one sees it */
    d->is_dying = DOMDYING_dying;
    spin_unlock(&d->page_alloc_lock);
}

int domain_kill(struct domain *d)
{
    struct vcpu *v;
    int rc;

    if (d == current->domain || d->is_control)
        return -EINVAL;
    if (d->is_dying == DOMDYING_dead)
        return 0;
    if (d->is_dying == DOMDYING_alive)
        start_dying(d);

    rc = evtchn_destroy(d);
    if (rc)
        return rc;
    rc = grant_release_mappings(d);
    if (rc)
        return rc;
    (void)claim_pages(d, 0);
    rc = d->backend->domain_relinquish(d);
    if (rc)
        return rc;
    for_each_vcpu (d, v)
        unmap_vcpu_info(v);
    pirq_release_eoi_page(d);
    rc = relinquish_frames(d);
    if (rc)
        return rc;

    grant_table_warn_active(d);
    d->is_dying = DOMDYING_dead;
    zombie_look(d);
    put_domain(d);
    send_global_virq(VIRQ_DOM_EXC);
    return 0;
}

/* --- pausing --- */

void domain_pause(struct domain *d)
{
    struct vcpu *v;

    ASSERT(d != current->domain);
    atomic_inc(&d->pause_count);
    for_each_vcpu (d, v)
        vcpu_sleep_sync(v);
}

void domain_unpause(struct domain *d)
{
    struct vcpu *v;

    if (!atomic_dec_and_test(&d->pause_count))
        return;
    for_each_vcpu (d, v)
        vcpu_wake(v);
}

int domain_pause_by_tools(struct domain *d)
{
    if (d->controller_pause_count >= UINT8_MAX)
        return -EOVERFLOW;
    d->controller_pause_count++;
    d->is_paused_by_tools = true;
    domain_pause(d);
    return 0;
}

int domain_unpause_by_tools(struct domain *d)
{
    if (!d->controller_pause_count)
        return -EINVAL;
    d->controller_pause_count--;
    d->is_paused_by_tools = d->controller_pause_count != 0;
    d->has_run |= !d->is_paused_by_tools;
    domain_unpause(d);
    return 0;
}

/* --- boot --- */

static struct domain *pseudo_domain(domid_t id, const char *name)
{
    struct domain *d = xzalloc_struct(struct domain);

    if (!d)
        panic("No memory for the pseudo-domain %s. Give the machine more memory.", name);
    init_common(d, id, &idle_backend);
    (void)shutdown_init_domain(d);
    strlcpy(d->name, name, sizeof(d->name));
    domtable_set(id, d);
    return d;
}

void domain_subsys_init(void)
{
    hypercall_tables_init();
    dom_io = pseudo_domain(DOMID_IO, "IO");
    dom_xen = pseudo_domain(DOMID_XEN, "XEN");
    idle_domain = pseudo_domain(DOMID_IDLE, "IDLE");
    idle_domain->is_idle = true;
    idle_domain->max_vcpus = nr_cpu_ids;
    if (vcpus_init(idle_domain) || !vcpu_create(idle_domain, 0))
        panic("No memory for the idle vCPU of CPU 0. Give the machine more memory.");
    get_cpu_info()->current_vcpu = idle_domain->vcpu[0];
}

static void dump_domain(struct domain *d)
{
    struct vcpu *v;

    printk("Domain %u: refs %d, %lu of %lu pages, paused %d%s%s%s\n", d->domain_id,
           atomic_read(&d->refcnt), d->tot_pages, d->max_pages, atomic_read(&d->pause_count),
           d->is_shut_down ? ", shut down" : "", d->is_dying ? ", dying" : "",
           d->is_control ? ", control" : "");
    for_each_vcpu (d, v) {
        vcpu_show_state(v);
        if (!test_bit(VPF_down, &v->pause_flags))
            send_guest_vcpu_virq(v, VIRQ_DEBUG);
    }
}

void domain_dump_all(void)
{
    struct domain *d;

    spin_lock(&domlist_lock);
    list_for_each (d, &domain_list, list)
        dump_domain(d);
    spin_unlock(&domlist_lock);
}
